/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who could not be served lately, and why: other nodes by us, and we by them. For pages; nothing is decided
 * on it.
 *
 * A plain value without a lock: a channel guards its own. Reasons are static texts, a word or a few.
 */
#ifndef CORE_CHAN_REFUSALS_H
#define CORE_CHAN_REFUSALS_H

#include <stddef.h>
#include <stdint.h>

#include "core/sys/host.h"

#define REFUSALS_KEPT 24

struct refusal_note {
	struct host host;
	bool ours;                      /* we refused it; else it refused us */
	const char *why;
	int64_t wall_s;                 /* the last time */
	uint32_t times;                 /* with this reason, one after the other */
};

struct refusals {
	struct refusal_note note[REFUSALS_KEPT];        /* the newest first */
	size_t n;
};

/* The same of the same host once more is counted, not listed again; the oldest makes room. */
void refusals_note(struct refusals *r, const struct host *h, bool ours, const char *why, int64_t wall_s);

#endif
