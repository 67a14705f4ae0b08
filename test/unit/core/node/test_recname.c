/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/recname.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/node/record.h"
#include "core/sys/text.h"
#include "test/unit/unit.h"

#define AT "_20010909-014640"           /* 1000000000 */

static const struct {
	const char *channel, *want;
} names[] = {
	{ "My channel", "My channel" AT },
	{ "\xe9\x9b\x91\xe8\xab\x87", "\xe9\x9b\x91\xe8\xab\x87" AT },
	{ "", "channel" AT },
	{ "   ", "channel" AT },
	{ ".", "_" AT },
	{ "..", "_" AT },
	{ "../../etc/passwd", "_._.._etc_passwd" AT },
	{ "/etc", "_etc" AT },
	{ "a/b\\c:d*e?f\"g<h>i|j", "a_b_c_d_e_f_g_h_i_j" AT },
	{ ".hidden", "_hidden" AT },
	{ "-rf", "_rf" AT },
	{ "~root", "_root" AT },
	{ " - x", "_ x" AT },
	{ "ends. . ", "ends" AT },
	{ "a\nb\x7f" "c\x01", "a_b_c_" AT },
	{ "a\xe2\x80\xae" "b", "a_b" AT },              /* right to left override */
	{ "a\xe2\x80\x8b" "b\xef\xbb\xbf", "ab" AT },   /* zero width, byte order mark */
	{ "bad\xff\xfe", "bad__" AT },
};

START_TEST(bases)
{
	char got[RECNAME_BASE];

	recname_base(got, names[_i].channel, 1000000000);
	ck_assert_str_eq(got, names[_i].want);
}
END_TEST

/* However long: cut between two characters, and everything fits. */
START_TEST(length)
{
	char name[400], base[RECNAME_BASE], file[RECNAME];

	for (size_t n = 0; n < sizeof(name) - 3; n++) {
		memset(name, 0, sizeof(name));
		memset(name, 'a', n % 4);
		for (size_t k = n % 4; k + 3 <= n; k += 3)
			memcpy(name + k, "\xe9\x9b\x91", 3);
		recname_base(base, name, 1000000000);
		ck_assert(text_is_clean(base, strlen(base)));
		ck_assert_str_eq(base + strlen(base) - strlen(AT), AT);
		ck_assert_uint_le(strlen(base), RECNAME_CHANNEL + strlen(AT));
		recname_file(file, base, UINT32_MAX, UINT32_MAX, ".matroska");
		ck_assert_str_eq(file + strlen(file) - 8, ".matrosk");
		ck_assert(recname_is_file(file));
	}
}
END_TEST

START_TEST(files)
{
	char got[RECNAME];

	recname_file(got, "c" AT, 0, 1, recname_ext("flv"));
	ck_assert_str_eq(got, "c" AT "_001.flv");
	recname_file(got, "c" AT, 2, 1234, recname_ext("../../x"));
	ck_assert_str_eq(got, "c" AT "~2_1234.bin");
	ck_assert(recname_is_asf("wmv") && !recname_is_asf("FLV") && !recname_is_asf(""));
}
END_TEST

static const struct {
	const char *line;
	uint64_t ino;           /* 0 = it is none */
	const char *name;
} lines[] = {
	{ "12 a.flv", 12, "a.flv" },
	{ "18446744073709551615 a b.flv", UINT64_MAX, "a b.flv" },
	{ "18446744073709551616 a.flv", 0, "" },
	{ "0 a.flv", 0, "" },
	{ "-1 a.flv", 0, "" },
	{ "12", 0, "" },
	{ "12 ", 0, "" },
	{ " a.flv", 0, "" },
	{ "12 ../a.flv", 0, "" },
	{ "12 /etc/passwd", 0, "" },
	{ "12 ..", 0, "" },
	{ "12 .recordings", 0, "" },
	{ "12 a\tb", 0, "" },
	{ "12 a\xff", 0, "" },
};

START_TEST(list_lines)
{
	char name[RECNAME];
	uint64_t ino = 0;
	const bool ok = recname_line(lines[_i].line, strlen(lines[_i].line), &ino, name);

	ck_assert_msg(ok == (lines[_i].ino != 0), "%s", lines[_i].line);
	if (ok) {
		ck_assert_uint_eq(ino, lines[_i].ino);
		ck_assert_str_eq(name, lines[_i].name);
	}
}
END_TEST

static const struct {
	const char *setting, *channel;
	bool own, want;
} rules[] = {
	{ "none", "none", true, false }, { "", "", true, false }, { "NONE", "x", true, false },
	{ "all", "x", false, true }, { "own", "x", true, true }, { "own", "own", false, false },
	{ "own*", "Own", false, true }, { "x", "x", false, true }, { "x", "xy", false, false },
	{ "x*", "xy", false, true }, { "*y", "xy", false, true }, { "*", "", false, true },
	{ "a*b*c", "aXbYbZc", false, true }, { "a*b*c", "aXbYbZ", false, false },
	{ "a, Game * ,b", "game 7", false, true }, { "a,,b", "", false, false },
	{ "\xe9\x9b\x91*", "\xe9\x9b\x91\xe8\xab\x87", false, true },
	{ "all,own", "x", true, false },
};

START_TEST(wanted)
{
	ck_assert_msg(recname_is_wanted(rules[_i].setting, rules[_i].channel, rules[_i].own) ==
		rules[_i].want, "%s: %s", rules[_i].setting, rules[_i].channel);
}
END_TEST

/* A pattern of stars costs no more than the product of both lengths. */
START_TEST(stars)
{
	char pattern[1024], name[256];

	for (size_t i = 0; i < sizeof(pattern) - 1; i++)
		pattern[i] = i % 2 == 0 ? '*' : 'a';
	pattern[sizeof(pattern) - 1] = '\0';
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert(!recname_is_wanted(pattern, name, false));
}
END_TEST

START_TEST(states)
{
	ck_assert_str_eq(record_state_str(RECORD_RUNNING), "recording");
	ck_assert_str_eq(record_state_str((enum record_state)99), "none");
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("recname");
	TCase *t = tcase_create("recname");

	(void)!setenv("TZ", "UTC", 1);
	tzset();
	tcase_add_loop_test(t, bases, 0, NELEM(names));
	tcase_add_test(t, length);
	tcase_add_test(t, files);
	tcase_add_loop_test(t, list_lines, 0, NELEM(lines));
	tcase_add_loop_test(t, wanted, 0, NELEM(rules));
	tcase_add_test(t, stars);
	tcase_add_test(t, states);
	suite_add_tcase(s, t);
	return s;
}
