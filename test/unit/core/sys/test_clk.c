/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/clk.h"

#include <limits.h>
#include <time.h>

#include "test/unit/unit.h"

START_TEST(now_rises)
{
	nsec last = clk_now();

	ck_assert_int_gt(last, 0);
	for (int i = 0; i < 1000; i++) {
		const nsec t = clk_now();

		ck_assert_int_ge(t, last);
		last = t;
	}
}
END_TEST

START_TEST(deadline_saturates)
{
	const nsec before = clk_now();
	const nsec d = clk_deadline(5 * NSEC_PER_SEC);

	ck_assert_int_ge(d, before + 5 * NSEC_PER_SEC);
	ck_assert_int_le(d, clk_now() + 5 * NSEC_PER_SEC);
	ck_assert(clk_deadline(NSEC_NEVER) == NSEC_NEVER);
	ck_assert(clk_deadline(NSEC_NEVER - 1) == NSEC_NEVER);
}
END_TEST

START_TEST(left_is_what_poll_wants)
{
	const nsec now = clk_now();

	ck_assert_int_eq(clk_left_ms(NSEC_NEVER), -1);
	ck_assert_int_eq(clk_left_ms(NSEC_NEVER - 1), INT_MAX);
	ck_assert_int_eq(clk_left_ms(now), 0);
	ck_assert_int_eq(clk_left_ms(0), 0);
	ck_assert_int_eq(clk_left_ms(INT64_MIN), 0);
	/* Rounded up: never 0 while time is left. */
	const int ms = clk_left_ms(clk_deadline(100 * NSEC_PER_SEC));

	ck_assert_int_gt(ms, 99000);
	ck_assert_int_le(ms, 100000);
	const nsec soon = clk_deadline(NSEC_PER_SEC);

	while (clk_left_ms(soon) > 0)
		ck_assert_int_lt(clk_now(), soon + NSEC_PER_SEC);
	ck_assert_int_ge(clk_now(), soon);
}
END_TEST

START_TEST(age_is_never_negative)
{
	const nsec now = clk_now();

	ck_assert_uint_eq(clk_age_s(now + 1000 * NSEC_PER_SEC), 0);
	ck_assert_uint_eq(clk_age_s(NSEC_NEVER), 0);
	ck_assert_uint_ge(clk_age_s(now - 3 * NSEC_PER_SEC), 3);
	ck_assert_uint_le(clk_age_s(now - 3 * NSEC_PER_SEC), 4);
	ck_assert_uint_eq(clk_age_s(INT64_MIN), clk_age_s(0));
}
END_TEST

START_TEST(wall_is_the_calendar)
{
	const int64_t t = (int64_t)time(NULL);

	ck_assert_int_ge(clk_wall_s(), t - 1);
	ck_assert_int_le(clk_wall_s(), t + 2);
	ck_assert_int_ge(clk_wall_ns() / NSEC_PER_SEC, t - 1);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/clk");
	TCase *t = tcase_create("clk");

	tcase_add_test(t, now_rises);
	tcase_add_test(t, deadline_saturates);
	tcase_add_test(t, left_is_what_poll_wants);
	tcase_add_test(t, age_is_never_negative);
	tcase_add_test(t, wall_is_the_calendar);
	suite_add_tcase(s, t);
	return s;
}
