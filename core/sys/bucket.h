/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much of something is allowed over time: so many at once, and then one after every `per`. Over any
 * span it is never more than burst + span / per.
 *
 * One number of state; no clock of its own. A struct bucket of all zero owes nothing.
 */
#ifndef CORE_SYS_BUCKET_H
#define CORE_SYS_BUCKET_H

#include <stdbool.h>

#include "core/sys/cc.h"
#include "core/sys/clk.h"

struct budget {
	nsec per;
	uint32_t burst;                 /* >= 1 */
};

struct bucket {
	nsec paid;                      /* when all that was taken will be earned; past = nothing owed */
};

/* Take n units, whatever the budget says: it may owe more than the burst afterwards. */
static inline void bucket_spend(struct bucket *b, const struct budget *of, uint32_t n, nsec now)
{
	b->paid = MAX(b->paid, now) + (nsec)n * of->per;
}

/* Take n units (1..burst), or nothing and false when the budget does not allow it now. */
static inline NODISCARD bool bucket_take(struct bucket *b, const struct budget *of, uint32_t n, nsec now)
{
	if (MAX(b->paid, now) - now > ((nsec)of->burst - (nsec)n) * of->per)
		return false;
	bucket_spend(b, of, n, now);
	return true;
}

/* From when on one unit is allowed; in the past = now. */
static inline nsec bucket_next(const struct bucket *b, const struct budget *of)
{
	return b->paid - ((nsec)of->burst - 1) * of->per;
}

#endif
