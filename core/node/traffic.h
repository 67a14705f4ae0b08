/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much went in and out in the last ten minutes, for graphs: a slot for every five seconds.
 *
 * A plain value without a lock: servmgr guards its own. Times are clk_now()'s.
 */
#ifndef CORE_NODE_TRAFFIC_H
#define CORE_NODE_TRAFFIC_H

#include <stdint.h>

#include "core/sys/clk.h"

#define TRAFFIC_STEP  (5 * NSEC_PER_SEC)
#define TRAFFIC_SLOTS 120

struct traffic_slot {
	uint64_t bytes[2][2];           /* [all, outside][out, in] */
};

struct traffic {
	int64_t newest;                 /* number of the slot that is being filled */
	nsec to;                        /* what was told goes up to here; 0 = nothing yet */
	struct traffic_slot slot[TRAFFIC_SLOTS + 1];
};

/* So much between the last call and now; it is spread evenly over that time. The first call only begins. */
void traffic_add(struct traffic *t, nsec now, const uint64_t bytes[2][2]);
/* The slots that are full, oldest first; those before the begin are empty. Returns how long ago the last of
 * them ended. */
nsec traffic_get(const struct traffic *t, nsec now, struct traffic_slot out[TRAFFIC_SLOTS]);

#endif
