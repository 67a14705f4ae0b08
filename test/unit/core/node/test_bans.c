/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/bans.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/cc.h"
#include "core/sys/text.h"
#include "test/unit/unit.h"

#define ID_A "0123456789ABCDEF0123456789ABCDEF"
#define ID_B "fedcba9876543210fedcba9876543210"

static char faults[400];

static void fault(void *ctx, uint32_t line, const char *why)
{
	const size_t at = strlen(faults);

	ck_assert_ptr_eq(ctx, faults);
	snprintf(faults + at, sizeof(faults) - at, "%u: %s\n", line, why);
}

static struct bans *parse(const char *text)
{
	struct bans *b;

	faults[0] = '\0';
	ck_assert_int_eq(bans_parse(&b, text, strlen(text), fault, faults), ST_OK);
	return b;
}

static struct gnuid id_of(const char *hex)
{
	struct gnuid id;

	ck_assert(gnuid_parse(&id, hex));
	return id;
}

START_TEST(all_kinds)
{
	struct bans *b = parse("# bans\n\n  session " ID_A "\r\naddress 203.0.113.0/24\n"
		"CHANNEL\t" ID_B "  \nname *Casino*\naddress 2001:db8::/32\naddress 198.51.100.7");
	const struct gnuid a = id_of(ID_A), c = id_of(ID_B), none = { .b = { 0 } };
	struct host h;

	ck_assert_str_eq(faults, "");
	ck_assert_uint_eq(bans_count(b), 6);
	ck_assert(bans_session(b, &a) && !bans_session(b, &c) && !bans_session(b, &none));
	ck_assert(bans_channel(b, &c) && !bans_channel(b, &a) && !bans_channel(b, &none));
	ck_assert(host_parse(&h, "203.0.113.77", 7144) && bans_address(b, &h));
	ck_assert(host_parse(&h, "203.0.114.77", 7144) && !bans_address(b, &h));
	ck_assert(host_parse(&h, "2001:db8::5", 7144) && bans_address(b, &h));
	ck_assert(host_parse(&h, "198.51.100.7", 7144) && bans_address(b, &h));
	ck_assert(bans_name(b, "the CASINO of all") && !bans_name(b, "cas ino"));
	bans_unref(&b);
	ck_assert_ptr_null(b);
}
END_TEST

static const struct {
	const char *line, *why;
} bad[] = {
	{ "session 0123", "1: an id has 32 hex digits\n" },
	{ "session " ID_A "0", "1: an id has 32 hex digits\n" },
	{ "channel 00000000000000000000000000000000", "1: an id has 32 hex digits\n" },
	{ "channel", "1: nothing is named\n" },
	{ "address example.org", "1: not an address or network\n" },
	{ "address 1.2.3", "1: not an address or network\n" },
	{ "user somebody", "1: a ban is of a session, address, channel or name\n" },
	{ "\nsession x\nnome y\n", "2: an id has 32 hex digits\n3: a ban is of a session, address, channel or name\n" },
};

START_TEST(bad_lines)
{
	struct bans *b = parse(bad[_i].line);

	ck_assert_str_eq(faults, bad[_i].why);
	ck_assert_uint_eq(bans_count(b), 0);
	bans_unref(&b);
}
END_TEST

static const struct {
	const char *pattern, *text;
	bool yes;
} globs[] = {
	{ "abc", "abc", true }, { "abc", "ABC", true }, { "abc", "abcd", false }, { "abc", "ab", false },
	{ "a*", "a", true }, { "a*", "abc", true }, { "*c", "abc", true }, { "*b*", "abc", true },
	{ "*", "", true }, { "?", "", false }, { "?", "x", true }, { "a?c", "abc", true }, { "a?c", "ac", false },
	{ "??", "雑談", true }, { "?", "雑談", false }, { "*談", "雑談", true }, { "雑*", "雑談", true },
	{ "*aab", "aaaaaaab", true }, { "*a*a*a*b", "aaaaaaaaaaaaaaaa", false }, { "a b", "a b", true },
	{ "**x**", "axb", true }, { "*.?", "a.b.c", true }, { "*.?", "a.b.cd", false },
};

START_TEST(names)
{
	char line[100];
	struct bans *b;

	snprintf(line, sizeof(line), "name %s", globs[_i].pattern);
	b = parse(line);
	ck_assert_msg(bans_name(b, globs[_i].text) == globs[_i].yes, "%s on \"%s\"", globs[_i].pattern,
		globs[_i].text);
	bans_unref(&b);
}
END_TEST

START_TEST(limits)
{
	struct buf text;
	struct bans *b;
	char *longline = malloc(70000);

	ck_assert_ptr_nonnull(longline);
	memset(longline, 'a', 69999);
	longline[69999] = '\0';
	b = parse(longline);
	ck_assert_str_eq(faults, "1: too long\n");
	bans_unref(&b);
	free(longline);

	buf_init(&text, 1 << 20);
	for (int i = 0; i <= BANS_MAX; i++)
		buf_printf(&text, "session %032X\n", BANS_MAX + 1 - i);
	ck_assert_int_eq(bans_parse(&b, (const char *)text.p, text.len, NULL, NULL), ST_LIMIT);
	ck_assert_ptr_null(b);
	/* one fewer fits, and is found whatever the order of the lines */
	ck_assert_int_eq(bans_parse(&b, (const char *)text.p, text.len - strlen("session \n") - 32, NULL, NULL),
		ST_OK);
	for (int i = 2; i <= BANS_MAX + 1; i++) {
		char hex[33];
		struct gnuid id;

		snprintf(hex, sizeof(hex), "%032X", i);
		id = id_of(hex);
		ck_assert(bans_session(b, &id));
	}
	bans_unref(&b);
	buf_fini(&text);
}
END_TEST

START_TEST(nothing)
{
	const struct gnuid a = id_of(ID_A);
	const struct host h = host_v4(203, 0, 113, 1, 1);
	struct bans *b = parse(""), *c = bans_ref(b);

	ck_assert_uint_eq(bans_count(b), 0);
	ck_assert(!bans_session(b, &a) && !bans_channel(b, &a) && !bans_address(b, &h) && !bans_name(b, "x"));
	ck_assert(!bans_session(NULL, &a) && !bans_channel(NULL, &a) && !bans_address(NULL, &h) &&
		!bans_name(NULL, "x"));
	ck_assert_uint_eq(bans_count(NULL), 0);
	bans_unref(&b);
	bans_unref(&c);
	bans_unref(&c);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("bans");
	TCase *t = tcase_create("bans");

	tcase_add_test(t, all_kinds);
	tcase_add_loop_test(t, bad_lines, 0, NELEM(bad));
	tcase_add_loop_test(t, names, 0, NELEM(globs));
	tcase_add_test(t, limits);
	tcase_add_test(t, nothing);
	suite_add_tcase(s, t);
	return s;
}
