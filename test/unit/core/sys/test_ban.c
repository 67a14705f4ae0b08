/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/ban.h"

#include <string.h>

#include "test/unit/unit.h"

static struct bans b;

static void setup(void)
{
	memset(&b, 0, sizeof(b));
}

static const uint8_t *key(uint32_t n)
{
	static uint8_t k[BAN_KEY];

	memcpy(k + BAN_KEY - sizeof(n), &n, sizeof(n));
	return k;
}

START_TEST(in_time)
{
	ck_assert(!bans_has(&b, key(1), 5));
	bans_set(&b, key(1), 10, 20);
	ck_assert(bans_has(&b, key(1), 10) && bans_has(&b, key(1), 19) && !bans_has(&b, key(1), 20));
	ck_assert(!bans_has(&b, key(2), 10));
	bans_set(&b, key(1), 15, 40);           /* again: longer */
	bans_set(&b, key(2), 15, 16);
	ck_assert(bans_has(&b, key(1), 39));
	ck_assert_uint_eq(b.n, 2);
	bans_set(&b, key(3), 30, 50);           /* in the place of 2 */
	ck_assert(b.n == 2 && bans_has(&b, key(3), 30) && bans_has(&b, key(1), 30));
	bans_lift(&b, key(1));
	bans_lift(&b, key(9));
	ck_assert(!bans_has(&b, key(1), 30) && bans_has(&b, key(3), 30));
}
END_TEST

/* However many there are, the last BANS_MAX hold. */
START_TEST(bounded)
{
	for (uint32_t i = 0; i < 3 * BANS_MAX + 7; i++)
		bans_set(&b, key(i), 0, 100);
	for (uint32_t i = 0; i < 3 * BANS_MAX + 7; i++)
		ck_assert_msg(bans_has(&b, key(i), 1) == (i >= 2 * BANS_MAX + 7), "%u", i);
	bans_set(&b, key(3 * BANS_MAX), 1, 200);        /* one that is there costs nobody a place */
	ck_assert(bans_has(&b, key(2 * BANS_MAX + 7), 1));
	ck_assert(!bans_has(&b, key(2 * BANS_MAX + 8), 100) && bans_has(&b, key(3 * BANS_MAX), 100));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/ban");
	TCase *t = tcase_create("ban");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, in_time);
	tcase_add_test(t, bounded);
	suite_add_tcase(s, t);
	return s;
}
