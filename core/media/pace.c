/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/pace.h"

#define JUMP (PACE_JUMP_MS * NSEC_PER_MSEC)

nsec pace_due(struct pace *p, int64_t ms, nsec now)
{
	/* unsigned: what a file says may be anything */
	const uint64_t leap = ms > p->last_ms ? (uint64_t)ms - (uint64_t)p->last_ms :
		(uint64_t)p->last_ms - (uint64_t)ms;
	nsec due;

	if (!p->begun || leap > PACE_JUMP_MS) {
		p->begun = true;
		p->first_ms = ms;
		p->base = now;
	}
	p->last_ms = ms;
	due = p->base + (ms - p->first_ms) * NSEC_PER_MSEC;
	if (now - due > JUMP) {         /* we were held up: no burst to make up for it */
		p->base += now - due;
		due = now;
	}
	return due;
}
