/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/assert.h"

#include "test/unit/core/sys/death.h"
#include "test/unit/unit.h"

START_TEST(true_goes_on)
{
	int n = 0;

	ASSERT(++n == 1);
	MUST_ZERO(n - 1);
	ck_assert_int_eq(n, 1);         /* evaluated once */
}
END_TEST

START_TEST(false_aborts)
{
	ASSERT(1 + 1 == 3);
}
END_TEST

START_TEST(nonzero_aborts)
{
	MUST_ZERO(11);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/assert");
	TCase *t = tcase_create("assert");

	tcase_add_test(t, true_goes_on);
	ADD_DEATH_TEST(t, false_aborts);
	ADD_DEATH_TEST(t, nonzero_aborts);
	suite_add_tcase(s, t);
	return s;
}
