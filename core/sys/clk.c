/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/clk.h"

#include <limits.h>
#include <time.h>

#include "core/sys/assert.h"

static nsec read_clock(clockid_t id)
{
	struct timespec ts;

	MUST_ZERO(clock_gettime(id, &ts));
	return (nsec)ts.tv_sec * NSEC_PER_SEC + (nsec)ts.tv_nsec;
}

nsec clk_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

nsec clk_deadline(nsec in)
{
	const nsec now = clk_now();

	return in > NSEC_NEVER - now ? NSEC_NEVER : now + in;
}

int clk_left_ms(nsec deadline)
{
	if (deadline == NSEC_NEVER)
		return -1;

	const nsec now = clk_now();

	if (deadline <= now)
		return 0;
	/* Not (left + 999999) / 1000000: that overflows for a deadline near NSEC_NEVER. */
	const nsec ms = (deadline - now - 1) / NSEC_PER_MSEC + 1;

	return ms > INT_MAX ? INT_MAX : (int)ms;
}

uint32_t clk_age_s(nsec then)
{
	const nsec now = clk_now();

	if (then >= now)
		return 0;
	if (then < 0)
		then = 0;
	const nsec s = (now - then) / NSEC_PER_SEC;

	return s > (nsec)UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

int64_t clk_wall_ns(void)
{
	const nsec t = read_clock(CLOCK_REALTIME);

	return t < 0 ? 0 : t;
}

int64_t clk_wall_s(void)
{
	return clk_wall_ns() / NSEC_PER_SEC;
}
