/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A clock that stands but for what the test adds to it. The test names it in its first lines:
 * wrap: clk_now
 */
#ifndef TEST_UNIT_CLOCK_H
#define TEST_UNIT_CLOCK_H

#include "core/sys/clk.h"

static nsec clock_origin;       /* where it began: some moment of the real one */
static nsec skew;               /* what was added since */

nsec __real_clk_now(void);
nsec __wrap_clk_now(void);

nsec __wrap_clk_now(void)
{
	if (clock_origin == 0)
		clock_origin = __real_clk_now();
	return clock_origin + skew;
}

#endif
