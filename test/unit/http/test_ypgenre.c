/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/ypgenre.h"

#include <string.h>

#include "test/unit/unit.h"

#define X33 "aaaaaaaaaabbbbbbbbbbccccccccccddd"

static const struct {
	const char *prefix, *text;
	bool listed;
	const char *ns;
	bool hidden;
	enum yplimit limit;
	const char *genre;
} rows[] = {
	{ "yp", "yp", true, "", false, YP_FREE, "" },
	{ "yp", "ypゲーム", true, "", false, YP_FREE, "ゲーム" },
	{ "yp", "YPゲーム", false, "", false, YP_FREE, "YPゲーム" },
	{ "yp", " ypゲーム", false, "", false, YP_FREE, " ypゲーム" },
	{ "yp", "y", false, "", false, YP_FREE, "y" },
	{ "yp", "", false, "", false, YP_FREE, "" },
	{ "yp", "yp?ゲーム", true, "", true, YP_FREE, "ゲーム" },
	{ "yp", "yp@x", true, "", false, YP_OPEN, "x" },
	{ "yp", "yp@@x", true, "", false, YP_OVER, "x" },
	{ "yp", "yp@@@x", true, "", false, YP_FAST, "x" },
	{ "yp", "yp@@@@@@@@@x", true, "", false, YP_FAST, "x" },
	{ "yp", "yp?@@ゲーム", true, "", true, YP_OVER, "ゲーム" },
	{ "yp", "yp@?@ゲーム", true, "", true, YP_OVER, "ゲーム" },
	{ "yp", "yp??x?@", true, "", true, YP_FREE, "x?@" },
	{ "yp", "ypNS:音楽", true, "NS", false, YP_FREE, "音楽" },
	{ "yp", "ypNS:?@音楽:x", true, "NS", true, YP_OPEN, "音楽:x" },
	{ "yp", "yp:音楽", true, "", false, YP_FREE, "音楽" },
	{ "yp", "yp?NS:音楽", true, "", true, YP_FREE, "NS:音楽" },
	{ "yp", "yp音楽:x", true, "", false, YP_FREE, "音楽:x" },
	{ "yp", "ypN S:x", true, "", false, YP_FREE, "N S:x" },
	{ "yp", "yp+x", true, "", false, YP_FREE, "+x" },
	{ "yp", "yp" X33 ":x", true, "", false, YP_FREE, X33 ":x" },
	{ "", "FPS: x", true, "", false, YP_FREE, "FPS: x" },
	{ "", "?@x", true, "", true, YP_OPEN, "x" },
	{ "", "", true, "", false, YP_FREE, "" },
	{ "雑", "雑@談", true, "", false, YP_OPEN, "談" },
};

START_TEST(parse)
{
	struct ypgenre g;

	ypgenre_parse(&g, rows[_i].prefix, rows[_i].text);
	ck_assert_msg(g.listed == rows[_i].listed && g.hidden == rows[_i].hidden &&
		g.limit == rows[_i].limit, "%s", rows[_i].text);
	ck_assert_str_eq(g.ns, rows[_i].ns);
	ck_assert_str_eq(g.genre, rows[_i].genre);
}
END_TEST

/* The longest namespace that can be asked for is one. */
START_TEST(longest)
{
	struct ypgenre g;

	ypgenre_parse(&g, "yp", "yp" X33 ":x");
	ck_assert_str_eq(g.ns, "");
	ypgenre_parse(&g, "ypa", "yp" X33 ":x");
	ck_assert_str_eq(g.ns, &X33[1]);
	ck_assert_str_eq(g.genre, "x");
}
END_TEST

START_TEST(labels)
{
	ck_assert_ptr_null(yplimit_label(YP_FREE));
	ck_assert_str_eq(yplimit_label(YP_OPEN), "Open");
	ck_assert_str_eq(yplimit_label(YP_OVER), "Over");
	ck_assert_str_eq(yplimit_label(YP_FAST), "2M Over");
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("http/ypgenre");
	TCase *t = tcase_create("ypgenre");

	tcase_add_loop_test(t, parse, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(t, longest);
	tcase_add_test(t, labels);
	suite_add_tcase(s, t);
	return s;
}
