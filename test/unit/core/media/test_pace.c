/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the data of a file are due. */
#include "core/media/pace.h"

#include "core/sys/cc.h"
#include "test/unit/unit.h"

#define S NSEC_PER_SEC

/* One file: its times, when each is read, and when it is due. */
static const struct {
	const char *name;
	struct {
		int64_t ms;
		nsec now, due;
	} step[5];
} files[] = {
	{ "from its first time on", { { 0, 5 * S, 5 * S }, { 500, 5 * S, 5 * S + S / 2 }, { 2000, 6 * S, 7 * S } } },
	{ "which need not be 0", { { 7000000, S, S }, { 7001000, S, 2 * S }, { 7000900, 2 * S, S + S * 9 / 10 } } },
	{ "a leap forward", { { 0, S, S }, { 1000, 2 * S, 2 * S }, { 12000, 2 * S, 2 * S }, { 13000, 2 * S, 3 * S } } },
	{ "ten seconds are none", { { 0, S, S }, { 10000, S, 11 * S } } },
	{ "a leap back", { { 50000, S, S }, { 0, S, S }, { 1000, S, 2 * S } } },
	{ "held up a little", { { 0, S, S }, { 1000, 9 * S, 2 * S }, { 2000, 9 * S, 3 * S } } },
	{ "held up for long", { { 0, S, S }, { 1000, 60 * S, 60 * S }, { 2000, 60 * S, 61 * S } } },
	{ "as far as times go", { { INT64_MIN, S, S }, { INT64_MAX, S, S }, { INT64_MIN, S, S }, { 0, S, S } } },
};

START_TEST(due)
{
	struct pace p = { 0 };

	for (size_t i = 0; i < NELEM(files[_i].step) && files[_i].step[i].now != 0; i++)
		ck_assert_msg(pace_due(&p, files[_i].step[i].ms, files[_i].step[i].now) == files[_i].step[i].due,
			"%s, step %zu", files[_i].name, i);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/pace");
	TCase *t = tcase_create("pace");

	tcase_add_loop_test(t, due, 0, NELEM(files));
	suite_add_tcase(s, t);
	return s;
}
