/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time. Intervals and deadlines are monotonic; the wall clock is for people and files only. */
#ifndef CORE_SYS_CLK_H
#define CORE_SYS_CLK_H

#include <stdint.h>

typedef int64_t nsec;

#define NSEC_PER_SEC  ((nsec)1000000000)
#define NSEC_PER_MSEC ((nsec)1000000)
#define NSEC_NEVER    INT64_MAX         /* a deadline that never passes */

/* Nanoseconds of CLOCK_MONOTONIC. */
nsec clk_now(void);

/* The absolute deadline `in` nanoseconds from now; saturates at NSEC_NEVER. Made once per phase. */
nsec clk_deadline(nsec in);

/* Milliseconds until the deadline, rounded up, as poll(2) wants them: 0 when passed, -1 for
 * NSEC_NEVER, at most INT_MAX. */
int clk_left_ms(nsec deadline);

/* Whole seconds from `then` to now, never negative. */
uint32_t clk_age_s(nsec then);

/* Unix seconds (never before 1970). */
int64_t clk_wall_s(void);

/* Unix nanoseconds. */
int64_t clk_wall_ns(void);

#endif
