/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/rng.h"

#include <string.h>

#include "test/unit/core/sys/death.h"
#include "test/unit/unit.h"

START_TEST(fills_all_and_only_that)
{
	uint8_t b[66] = { 0 };
	unsigned seen[66] = { 0 };

	for (int i = 0; i < 64; i++) {
		rng_bytes(b + 1, 64);
		for (size_t k = 0; k < sizeof(b); k++)
			seen[k] |= b[k];
	}
	ck_assert_uint_eq(seen[0], 0);
	ck_assert_uint_eq(seen[65], 0);
	/* 64 draws that leave a bit clear: 2^-64 */
	for (size_t k = 1; k <= 64; k++)
		ck_assert_uint_eq(seen[k], 0xFF);
	rng_bytes(NULL, 0);
}
END_TEST

START_TEST(below_is_below_and_reaches_all)
{
	unsigned count[7] = { 0 };

	for (int i = 0; i < 7000; i++) {
		const uint32_t v = rng_below(7);

		ck_assert_uint_lt(v, 7);
		count[v]++;
	}
	/* each 1000 +- 29 (one sigma); 300 off does not happen by chance */
	for (size_t i = 0; i < NELEM(count); i++) {
		ck_assert_uint_gt(count[i], 700);
		ck_assert_uint_lt(count[i], 1300);
	}
	ck_assert_uint_eq(rng_below(1), 0);
	for (int i = 0; i < 100; i++)
		ck_assert_uint_lt(rng_below(UINT32_MAX), UINT32_MAX);
}
END_TEST

START_TEST(below_is_unbiased)
{
	/* A plain rest would give the lower third twice as often as the others. */
	unsigned low = 0;

	for (int i = 0; i < 3000; i++)
		low += rng_below(3u << 30) < 1u << 30;
	ck_assert_uint_gt(low, 800);
	ck_assert_uint_lt(low, 1200);
}
END_TEST

START_TEST(below_zero)
{
	(void)rng_below(0);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/rng");
	TCase *t = tcase_create("rng");

	tcase_add_test(t, fills_all_and_only_that);
	tcase_add_test(t, below_is_below_and_reaches_all);
	tcase_add_test(t, below_is_unbiased);
	ADD_DEATH_TEST(t, below_zero);
	suite_add_tcase(s, t);
	return s;
}
