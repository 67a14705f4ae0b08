/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/bucket.h"

#include "test/unit/unit.h"

#define S  NSEC_PER_SEC
#define MS NSEC_PER_MSEC

static const struct budget five = { S / 5, 16 };

/* Take n at a moment, and whether that is allowed. */
static const struct {
	const char *name;
	struct {
		int64_t at_ms;
		uint32_t n;
		bool ok;
	} step[6];
} rows[] = {
	{ "the burst, and no more", { { 0, 16, true }, { 0, 1, false }, { 199, 1, false }, { 200, 1, true } } },
	{ "one by one", { { 0, 15, true }, { 0, 1, true }, { 0, 1, false }, { 200, 1, true }, { 300, 1, false } } },
	{ "what was refused costs nothing", { { 0, 16, true }, { 100, 5, false }, { 200, 1, true } } },
	{ "it fills again", { { 0, 16, true }, { 1000, 5, true }, { 1000, 1, false }, { 10000, 16, true } } },
	{ "and not over", { { 0, 1, true }, { 900000, 16, true }, { 900000, 1, false } } },
};

START_TEST(takes)
{
	struct bucket b = { 0 };
	const nsec begin = 5000 * S;

	for (size_t i = 0; i < NELEM(rows[_i].step) && rows[_i].step[i].n > 0; i++)
		ck_assert_msg(bucket_take(&b, &five, rows[_i].step[i].n, begin + rows[_i].step[i].at_ms * MS) ==
			rows[_i].step[i].ok, "%s: step %zu", rows[_i].name, i);
}
END_TEST

/* bucket_next() is the very moment. */
START_TEST(next)
{
	struct bucket b = { 0 };
	nsec now = 5000 * S;

	ck_assert_int_le(bucket_next(&b, &five), now);
	bucket_spend(&b, &five, 15, now);
	ck_assert_int_le(bucket_next(&b, &five), now);
	bucket_spend(&b, &five, 1, now);
	for (int i = 0; i < 3; i++) {
		const nsec at = bucket_next(&b, &five);

		ck_assert_int_eq(at, now + S / 5);
		ck_assert(!bucket_take(&b, &five, 1, at - 1));
		ck_assert(bucket_take(&b, &five, 1, at));
		now = at;
	}
	/* beyond it */
	bucket_spend(&b, &five, 10, now);
	ck_assert_int_eq(bucket_next(&b, &five), now + 11 * S / 5);
}
END_TEST

/* The promise: over any span never more than burst + span / per, and as much as that when asked. */
START_TEST(sustained)
{
	struct bucket b = { 0 };
	const nsec begin = 5000 * S;
	unsigned n = 0;

	for (int ms = 0; ms <= 60000; ms++)
		while (bucket_take(&b, &five, 1, begin + ms * MS))
			n++;
	ck_assert_uint_eq(n, 16 + 60 * 5);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/bucket");
	TCase *t = tcase_create("bucket");

	tcase_add_loop_test(t, takes, 0, (int)NELEM(rows));
	tcase_add_test(t, next);
	tcase_add_test(t, sustained);
	suite_add_tcase(s, t);
	return s;
}
