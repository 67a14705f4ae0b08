/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "core/node/traffic.h"
#include "test/unit/unit.h"

#define S NSEC_PER_SEC
#define BEGIN (1000 * S)                /* where a slot begins */

static struct traffic t;
static struct traffic_slot out[TRAFFIC_SLOTS];

static void told(nsec at, uint64_t n)
{
	const uint64_t bytes[2][2] = { { n, 2 * n }, { 3 * n, 4 * n } };

	traffic_add(&t, at, bytes);
}

/* The last slots, newest last; all before them are empty. */
static void expect(nsec now, nsec age, const uint64_t *want, size_t n)
{
	ck_assert_int_eq(traffic_get(&t, now, out), age);
	for (size_t i = 0; i < TRAFFIC_SLOTS; i++) {
		const uint64_t v = i + n >= TRAFFIC_SLOTS ? want[i + n - TRAFFIC_SLOTS] : 0;

		ck_assert_msg(out[i].bytes[0][0] == v && out[i].bytes[0][1] == 2 * v && out[i].bytes[1][0] == 3 * v &&
			out[i].bytes[1][1] == 4 * v, "slot %zu: %llu", i, (unsigned long long)out[i].bytes[0][0]);
	}
}

START_TEST(nothing)
{
	memset(&t, 0, sizeof(t));
	expect(BEGIN, 0, NULL, 0);
	told(BEGIN + 2 * S, 99);                /* the first only begins */
	expect(BEGIN + 3 * S, 3 * S, NULL, 0);
}
END_TEST

START_TEST(slots_fill)
{
	memset(&t, 0, sizeof(t));
	told(BEGIN, 0);
	told(BEGIN + 2 * S, 10);
	told(BEGIN + 4 * S, 20);
	expect(BEGIN + 4 * S, 4 * S, NULL, 0);  /* none is full */
	told(BEGIN + 6 * S, 40);                /* half of it belongs to each */
	expect(BEGIN + 6 * S, 1 * S, (const uint64_t[]){ 50 }, 1);
	told(BEGIN + 10 * S, 80);
	expect(BEGIN + 11 * S, 1 * S, (const uint64_t[]){ 50, 100 }, 2);
}
END_TEST

/* Nothing is lost where it is spread over many. */
START_TEST(long_pause)
{
	uint64_t sum = 0;

	memset(&t, 0, sizeof(t));
	told(BEGIN, 0);
	told(BEGIN + 50 * S, 1003);
	traffic_get(&t, BEGIN + 50 * S, out);
	for (size_t i = 0; i < TRAFFIC_SLOTS; i++)
		sum += out[i].bytes[0][0];
	ck_assert_uint_eq(sum, 1003);
	ck_assert_uint_eq(out[TRAFFIC_SLOTS - 11].bytes[0][0], 0);
	ck_assert_uint_ge(out[TRAFFIC_SLOTS - 10].bytes[0][0], 100);
}
END_TEST

/* What is older than ten minutes goes; so does all of it after a longer sleep. */
START_TEST(old_ones_go)
{
	memset(&t, 0, sizeof(t));
	told(BEGIN, 0);
	told(BEGIN + 5 * S, 7);
	for (int i = 2; i <= TRAFFIC_SLOTS; i++)
		told(BEGIN + i * 5 * S, 0);
	traffic_get(&t, BEGIN + 600 * S, out);
	ck_assert_uint_eq(out[0].bytes[0][0], 7);
	told(BEGIN + 605 * S, 0);
	expect(BEGIN + 605 * S, 0, NULL, 0);
	told(BEGIN + 610 * S, 5);
	expect(BEGIN + 610 * S, 0, (const uint64_t[]){ 5 }, 1);
	told(BEGIN + 610 * S + 86400 * S, 0);
	expect(BEGIN + 610 * S + 86400 * S, 0, NULL, 0);
	/* a clock that does not go */
	told(BEGIN, 9);
	expect(BEGIN + 610 * S + 86400 * S, 0, NULL, 0);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("traffic");
	TCase *c = tcase_create("traffic");

	tcase_add_test(c, nothing);
	tcase_add_test(c, slots_fill);
	tcase_add_test(c, long_pause);
	tcase_add_test(c, old_ones_go);
	suite_add_tcase(s, c);
	return s;
}
