/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf/roots.h"

#include <string.h>

#include "core/sys/cc.h"
#include "test/unit/unit.h"

static const struct {
	const char *list;
	size_t n;
	const char *roots[3];
	const char *find;
	size_t at;
} lists[] = {
	{ "", 0, { NULL }, "a", 0 },
	{ " , ,,", 0, { NULL }, "a", 0 },
	{ "yp.example:7144", 1, { "yp.example:7144" }, "YP.example:7144", 0 },
	{ "a,b:1", 2, { "a", "b:1" }, "b:1", 1 },
	{ "  a , \tb ,, c:3 ", 3, { "a", "b", "c:3" }, "c", 3 },
	{ "[2001:db8::1]:7144,203.0.113.1", 2, { "[2001:db8::1]:7144", "203.0.113.1" }, "203.0.113.1", 1 },
};

START_TEST(table)
{
	char dst[SETTINGS_TEXT];

	ck_assert_uint_eq(roots_count(lists[_i].list), lists[_i].n);
	ck_assert_int_eq(roots_any(lists[_i].list), lists[_i].n > 0);
	for (size_t i = 0; i < lists[_i].n; i++) {
		ck_assert(roots_get(lists[_i].list, i, dst));
		ck_assert_str_eq(dst, lists[_i].roots[i]);
	}
	ck_assert(!roots_get(lists[_i].list, lists[_i].n, dst));
	ck_assert_str_eq(dst, "");
	ck_assert_uint_eq(roots_find(lists[_i].list, lists[_i].find), lists[_i].at);
}
END_TEST

START_TEST(bounded)
{
	char list[4 * SETTINGS_TEXT], dst[SETTINGS_TEXT];

	ck_assert_uint_eq(roots_count("a,b,c,d,e,f,g,h,i,j"), ROOTS_MAX);
	ck_assert(!roots_get("a,b,c,d,e,f,g,h,i,j", ROOTS_MAX, dst));
	memset(list, 'x', sizeof(list));        /* a name longer than any setting is none */
	memcpy(list + sizeof(list) - 3, ",y", 3);
	ck_assert_uint_eq(roots_count(list), 1);
	ck_assert(roots_get(list, 0, dst));
	ck_assert_str_eq(dst, "y");
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("roots");
	TCase *t = tcase_create("roots");

	tcase_add_loop_test(t, table, 0, NELEM(lists));
	tcase_add_test(t, bounded);
	suite_add_tcase(s, t);
	return s;
}
