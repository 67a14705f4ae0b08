/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far a relay may fall behind before it is let go: what waits for it is not older than SLOW_AGE, beyond
 * the age it had where the relay began, and it does not fall off the ring again and again. Pure decisions.
 * source   pcp.md 8.3, 9.4; 16 (Q35)
 */
#ifndef SERVENT_SLOW_H
#define SERVENT_SLOW_H

#include <stdint.h>

#include "core/sys/cc.h"
#include "core/sys/clk.h"

#define SLOW_AGE   (5 * NSEC_PER_SEC)   /* of the oldest packet that waits */
#define SLOW_SKIPS 3                    /* within SLOW_TIME: hopeless */
#define SLOW_TIME  (60 * NSEC_PER_SEC)

struct slow {
	nsec credit;                    /* how old the packets were where it began */
	bool placed;                    /* it begins: the credit is still to be seen */
	nsec since;                     /* of the skips that are counted */
	uint32_t skips;
};

/* It begins somewhere in the ring: what it has not yet got there is not its fault. */
void slow_placed(struct slow *s);
/* It has everything. */
void slow_caught_up(struct slow *s);
/* When the packet that waits for it longest, appended at `at`, must be gone. */
nsec slow_deadline(struct slow *s, nsec at, nsec now);
/* It fell off the ring, and is placed anew. Too often? */
bool slow_skipped(struct slow *s, nsec now);

#endif
