/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/chan/refusals.h"

#include <string.h>

/* We know others by the port they can be asked at; who asks us comes from any. */
static bool is_same(const struct refusal_note *n, const struct host *h, bool ours, const char *why)
{
	return n->ours == ours && strcmp(n->why, why) == 0 &&
		(ours ? host_same_ip(&n->host, h) : host_equal(&n->host, h));
}

void refusals_note(struct refusals *r, const struct host *h, bool ours, const char *why, int64_t wall_s)
{
	struct refusal_note new = { .host = *h, .ours = ours, .why = why, .wall_s = wall_s, .times = 1 };
	size_t i = 0;

	while (i < r->n && !is_same(&r->note[i], h, ours, why))
		i++;
	if (i < r->n)
		new.times = r->note[i].times + 1;
	else if (r->n < REFUSALS_KEPT)
		r->n++;
	else
		i = REFUSALS_KEPT - 1;
	memmove(&r->note[1], &r->note[0], i * sizeof(r->note[0]));
	r->note[0] = new;
}
