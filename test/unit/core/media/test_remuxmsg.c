/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/remuxmsg.h"

#include <string.h>

#include "test/unit/unit.h"

static const struct remuxmsg good[] = {
	{ .kind = REMUX_INIT, .len = REMUXMSG_INIT_MAX },
	{ .kind = REMUX_FRAGMENT, .flags = REMUX_KEY, .len = 1, .track = 2, .dur_us = REMUXMSG_DUR_MAX,
		.pos = UINT64_MAX, .time_us = REMUXMSG_TIME_MAX },
	{ .kind = REMUX_FAILED, .flags = REMUX_NO_LIBRARY, .len = REMUXMSG_TEXT_MAX },
};

START_TEST(there_and_back)
{
	uint8_t b[REMUXMSG_HEAD];
	struct remuxmsg m;

	remuxmsg_emit(&good[_i], b);
	ck_assert_int_eq(remuxmsg_parse(b, &m), ST_OK);
	ck_assert(m.kind == good[_i].kind && m.flags == good[_i].flags && m.len == good[_i].len);
	ck_assert(m.track == good[_i].track && m.dur_us == good[_i].dur_us);
	ck_assert(m.pos == good[_i].pos && m.time_us == good[_i].time_us);
}
END_TEST

/* One byte of a good fragment's header is another. */
static const struct {
	const char *name;
	size_t at;
	uint8_t v;
	enum status st;
} bad[] = {
	{ "kind 0", 4, 0, ST_PROTO },
	{ "kind 4", 4, 4, ST_PROTO },
	{ "a flag nobody knows", 5, 2, ST_PROTO },
	{ "not zero", 6, 1, ST_PROTO },
	{ "not zero either", 7, 1, ST_PROTO },
	{ "empty", 0, 0, ST_PROTO },
	{ "huge", 3, 0x80, ST_LIMIT },
	{ "an initialisation of 1 MiB", 4, REMUX_INIT, ST_LIMIT },
	{ "a long phrase", 4, REMUX_FAILED, ST_LIMIT },
	{ "track 0", 8, 0, ST_PROTO },
	{ "an hour in a fragment", 15, 0xff, ST_PROTO },
	{ "a million years", 31, 0x7f, ST_PROTO },
};

START_TEST(refused)
{
	const struct remuxmsg m = { .kind = REMUX_FRAGMENT, .len = 1, .track = 1, .dur_us = 1, .time_us = 1 };
	uint8_t b[REMUXMSG_HEAD];
	struct remuxmsg got;

	remuxmsg_emit(&m, b);
	if (bad[_i].at == 4)
		b[2] = 0x10;
	ck_assert_msg(bad[_i].at == 4 || remuxmsg_parse(b, &got) == ST_OK, "%s", bad[_i].name);
	b[bad[_i].at] = bad[_i].v;
	ck_assert_msg(remuxmsg_parse(b, &got) == bad[_i].st, "%s", bad[_i].name);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("remuxmsg");
	TCase *t = tcase_create("remuxmsg");

	tcase_add_loop_test(t, there_and_back, 0, NELEM(good));
	tcase_add_loop_test(t, refused, 0, NELEM(bad));
	suite_add_tcase(s, t);
	return s;
}
