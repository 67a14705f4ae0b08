/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf/ini.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/bytes.h"
#include "test/unit/unit.h"

static const char *const kind_name[] = {
	[INI_BLANK] = "blank", [INI_COMMENT] = "comment", [INI_HEADER] = "header", [INI_END] = "end",
	[INI_PAIR] = "pair", [INI_TOOLONG] = "toolong",
};

/* All lines of a text, one after another: "number:kind(name|value);", "!" when repaired. */
static void dump(struct buf *out, const void *p, size_t n)
{
	struct ini ini;
	struct ini_line l;

	ck_assert_int_eq(ini_init(&ini, p, n), ST_OK);
	while (ini_next(&ini, &l)) {
		buf_printf(out, "%u:%s%s", l.number, kind_name[l.kind], l.repaired ? "!" : "");
		if (l.kind == INI_PAIR)
			buf_printf(out, "(%s|%s)", l.name, l.value != NULL ? l.value : "-");
		else if (l.kind == INI_HEADER || l.kind == INI_COMMENT)
			buf_printf(out, "(%s)", l.name);
		buf_puts(out, ";");
	}
	ini_fini(&ini);
}

/* Every rule of node.md 2.2 with its OURS column. */
static const struct {
	const char *name, *text;
	size_t n;               /* 0 = strlen(text) */
	const char *want;
} rules[] = {
	{ "nothing", "", 0, "" },
	{ "1 lines end at LF", "a = 1\nb = 2\n", 0, "1:pair(a|1);2:pair(b|2);" },
	{ "1 CR is dropped", "a = 1\r\nb\r = 2\r3\r\n", 0, "1:pair(a|1);2:pair(b|23);" },
	{ "1 CR alone is a blank line", "\r\n", 0, "1:blank;" },
	{ "2 first = splits", "a = b = c\n", 0, "1:pair(a|b = c);" },
	{ "2 no name", "= x\n", 0, "1:pair(|x);" },
	{ "2 only =", "=\n", 0, "1:pair(|);" },
	{ "3 blanks and tabs are trimmed", " \t a\t = \t x y \t\n", 0, "1:pair(a|x y);" },
	{ "3 no blanks", "a=1\n", 0, "1:pair(a|1);" },
	{ "3 empty value", "a = \n", 0, "1:pair(a|);" },
	{ "4 no =", "a b\n", 0, "1:pair(a b|-);" },
	{ "6 text behind a value", "port = 1 ; c # d\n", 0, "1:pair(port|1 ; c # d);" },
	{ "6 comments", "# a = 1\n ; [End]\n\t#\n", 0, "1:comment(# a = 1);2:comment( ; [End]);"
	  "3:comment(\t#);" },
	{ "7 no quotes", "a = \"x\\\n", 0, "1:pair(a|\"x\\);" },
	{ "headers", "[Server]\n [ Foo ] \n[]\n", 0, "1:header(Server);2:header(Foo);3:header();" },
	{ "headers with a value", "[Server] = 1\n", 0, "1:header(Server);" },
	{ "half a header", "[Server\nServer]\n[\n", 0,
	  "1:pair([Server|-);2:pair(Server]|-);3:pair([|-);" },
	{ "end in any case", "[end]\n[END]\n[ End ]\n", 0, "1:end;2:end;3:end;" },
	{ "blank lines", "\n \t\n\n", 0, "1:blank;2:blank;3:blank;" },
	{ "12 the last line counts", "a = 1\nb = 2", 0, "1:pair(a|1);2:pair(b|2);" },
	{ "12 a last header", "[End]", 0, "1:end;" },
	{ "13 a BOM is skipped", "\xef\xbb\xbf" "a = 1\n", 0, "1:pair(a|1);" },
	{ "13 only at the start", "a = 1\n\xef\xbb\xbf" "b = 1\n", 0,
	  "1:pair(a|1);2:pair(\xef\xbb\xbf" "b|1);" },
	{ "13 only a BOM", "\xef\xbb\xbf", 0, "" },
	{ "13 half a BOM", "\xef\xbb", 0, "1:pair(\xef\xbb|-);" },
	{ "a NUL", "a = x\0y\nb = 1\n", 14, "1:pair!(a|x y);2:pair(b|1);" },
	{ "a NUL first", "\0a = 1\n", 7, "1:pair!(a|1);" },
	{ "controls", "a = \x01x\x7fy\x1b\n", 0, "1:pair!(a|x y);" },
	{ "a tab inside is a blank", "a = x\ty\n", 0, "1:pair(a|x y);" },
	{ "controls in a comment", "#a\tb\x01" "c\n", 0, "1:comment!(#a\tb c);" },
	{ "a comment behind a control", "\x01\x02# x = 1\n", 0, "1:comment!(  # x = 1);" },
	{ "bytes above 0x7f pass", "a = \x83\x65\xff\n", 0, "1:pair(a|\x83\x65\xff);" },
};

START_TEST(grammar)
{
	struct buf out;
	size_t n = rules[_i].n > 0 ? rules[_i].n : strlen(rules[_i].text);
	char *exact = malloc(n > 0 ? n : 1);    /* so that a sanitizer sees one byte too far */

	memcpy(exact, rules[_i].text, n);
	buf_init(&out, 1 << 20);
	dump(&out, exact, n);
	ck_assert_msg(strcmp(buf_cstr(&out), rules[_i].want) == 0, "%s: %s", rules[_i].name,
		buf_cstr(&out));
	buf_fini(&out);
	free(exact);
}
END_TEST

/* "a = xxx..." of n bytes in all, then "b = 1". */
static void long_line(size_t n, const char *want_first)
{
	char *text = malloc(n + 8), first[64];
	struct ini_line l;
	struct ini ini;

	memset(text, 'x', n);
	memcpy(text, "a = ", 4);
	memcpy(text + n, "\nb = 1\n", 8);
	ck_assert_int_eq(ini_init(&ini, text, n + 7), ST_OK);
	ck_assert(ini_next(&ini, &l));
	snprintf(first, sizeof(first), "%s %zu", kind_name[l.kind],
		l.value != NULL ? strlen(l.value) : 0);
	ck_assert_str_eq(first, want_first);
	ck_assert(ini_next(&ini, &l));
	ck_assert_str_eq(l.name, "b");
	ck_assert_uint_eq(l.number, 2);
	ck_assert(!ini_next(&ini, &l));
	ini_fini(&ini);
	free(text);
}

START_TEST(length_limit)
{
	long_line(300, "pair 296");             /* rule 11: no splitting at 255 */
	long_line(INI_LINE_MAX, "pair 65532");
	long_line(INI_LINE_MAX + 1, "toolong 0");
	long_line(1 << 20, "toolong 0");
}
END_TEST

START_TEST(look_ahead)
{
	static const char text[] = "a = 1\nb = 2\nc = 3\n";
	struct ini_line l;
	struct ini ini, ahead;

	ck_assert_int_eq(ini_init(&ini, text, strlen(text)), ST_OK);
	ck_assert(ini_next(&ini, &l));
	ahead = ini;
	ck_assert(ini_next(&ahead, &l) && ini_next(&ahead, &l));
	ck_assert_str_eq(l.name, "c");
	ck_assert(!ini_next(&ahead, &l));
	ck_assert(ini_next(&ini, &l));
	ck_assert_str_eq(l.name, "b");
	ck_assert_uint_eq(l.number, 2);
	ini_fini(&ini);
}
END_TEST

/* No value can start a line of its own (node.md 2.3). */
START_TEST(written_lines)
{
	struct buf out;

	buf_init(&out, 1000);
	ini_put(&out, "a", "x\npassword = y\r\x7f\t\x01z");
	ini_put(&out, "b", "");
	ini_put(&out, "c", NULL);
	ini_put(&out, "d\ne", "\xe3\x81\x82");
	ck_assert_str_eq(buf_cstr(&out), "a = x password = y    z\nb = \nc\nd e = \xe3\x81\x82\n");
	buf_fini(&out);

	buf_init(&out, 4);
	ini_put(&out, "name", "value");
	ck_assert_int_eq(out.err, ST_LIMIT);
	buf_fini(&out);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("ini");
	TCase *t = tcase_create("ini");

	tcase_add_loop_test(t, grammar, 0, NELEM(rules));
	tcase_add_test(t, length_limit);
	tcase_add_test(t, look_ahead);
	tcase_add_test(t, written_lines);
	suite_add_tcase(s, t);
	return s;
}
