/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/slow.h"

void slow_placed(struct slow *s)
{
	s->placed = true;
}

void slow_caught_up(struct slow *s)
{
	s->placed = false;
	s->credit = 0;
}

nsec slow_deadline(struct slow *s, nsec at, nsec now)
{
	if (s->placed) {
		s->placed = false;
		s->credit = now - at;
	}
	return at + s->credit + SLOW_AGE;
}

bool slow_skipped(struct slow *s, nsec now)
{
	s->placed = true;
	if (s->skips == 0 || now - s->since > SLOW_TIME) {
		s->since = now;
		s->skips = 0;
	}
	return ++s->skips >= SLOW_SKIPS;
}
