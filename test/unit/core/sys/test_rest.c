/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/rest.h"

#include <string.h>

#include "test/unit/unit.h"

static struct rests b;

static void setup(void)
{
	memset(&b, 0, sizeof(b));
}

static const uint8_t *key(uint32_t n)
{
	static uint8_t k[REST_KEY];

	memcpy(k + REST_KEY - sizeof(n), &n, sizeof(n));
	return k;
}

START_TEST(in_time)
{
	ck_assert(!rests_has(&b, key(1), 5));
	rests_set(&b, key(1), 10, 20);
	ck_assert(rests_has(&b, key(1), 10) && rests_has(&b, key(1), 19) && !rests_has(&b, key(1), 20));
	ck_assert(!rests_has(&b, key(2), 10));
	rests_set(&b, key(1), 15, 40);           /* again: longer */
	rests_set(&b, key(2), 15, 16);
	ck_assert(rests_has(&b, key(1), 39));
	ck_assert_uint_eq(b.n, 2);
	rests_set(&b, key(3), 30, 50);           /* in the place of 2 */
	ck_assert(b.n == 2 && rests_has(&b, key(3), 30) && rests_has(&b, key(1), 30));
	rests_lift(&b, key(1));
	rests_lift(&b, key(9));
	ck_assert(!rests_has(&b, key(1), 30) && rests_has(&b, key(3), 30));
}
END_TEST

/* However many there are, the last RESTS_MAX hold. */
START_TEST(bounded)
{
	for (uint32_t i = 0; i < 3 * RESTS_MAX + 7; i++)
		rests_set(&b, key(i), 0, 100);
	for (uint32_t i = 0; i < 3 * RESTS_MAX + 7; i++)
		ck_assert_msg(rests_has(&b, key(i), 1) == (i >= 2 * RESTS_MAX + 7), "%u", i);
	rests_set(&b, key(3 * RESTS_MAX), 1, 200);        /* one that is there costs nobody a place */
	ck_assert(rests_has(&b, key(2 * RESTS_MAX + 7), 1));
	ck_assert(!rests_has(&b, key(2 * RESTS_MAX + 8), 100) && rests_has(&b, key(3 * RESTS_MAX), 100));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/rest");
	TCase *t = tcase_create("rest");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, in_time);
	tcase_add_test(t, bounded);
	suite_add_tcase(s, t);
	return s;
}
