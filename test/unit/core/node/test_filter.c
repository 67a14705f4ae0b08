/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: realloc */
#include "core/node/filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/unit.h"

static bool no_memory;

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_realloc(void *p, size_t n)
{
	return no_memory ? NULL : __real_realloc(p, n);
}

/* --- what a pattern matches -------------------------------------------------------------------------- */

static const struct match_row {
	const char *pattern, *host;
	bool want;
} match_rows[] = {
	{ "192.0.2.1", "192.0.2.1", true },
	{ "192.0.2.1", "192.0.2.2", false },
	{ "192.0.2.1", "192.0.2.1:80", true },          /* ports do not matter */
	{ "192.0.2.1", "::ffff:192.0.2.1", true },
	{ "192.0.2.1", "::192.0.2.1", false },
	{ "192.0.2.255", "192.0.2.7", true },
	{ "192.0.2.255", "192.0.3.7", false },
	{ "255.0.255.7", "9.0.8.7", true },
	{ "255.0.255.7", "9.1.8.7", false },
	{ "255.255.255.255", "203.0.113.9", true },
	{ "255.255.255.255", "2001:db8::1", false },
	{ "0.0.0.0", "0.0.0.0", false },
	{ "0.0.0.0", "192.0.2.1", false },
	{ "192.0.2.0/24", "192.0.2.255", true },
	{ "192.0.2.0/24", "192.0.3.0", false },
	{ "192.0.2.129/25", "192.0.2.200", true },
	{ "192.0.2.129/25", "192.0.2.127", false },
	{ "192.0.2.8/29", "192.0.2.15", true },
	{ "192.0.2.8/29", "192.0.2.16", false },
	{ "192.0.2.1/32", "192.0.2.1", true },
	{ "192.0.2.1/32", "192.0.2.0", false },
	{ "192.0.2.1/33", "192.0.2.1", true },          /* counts as 32 */
	{ "192.0.2.1/99", "192.0.2.0", false },
	{ "192.0.2.255/24", "192.0.2.3", true },
	{ "0.0.0.0/0", "203.0.113.9", true },
	{ "0.0.0.0/0", "::1", false },
	{ "128.0.0.0/1", "200.1.1.1", true },
	{ "128.0.0.0/1", "100.1.1.1", false },
	{ "2001:db8::1", "2001:db8::1", true },
	{ "2001:db8::1", "2001:db8:0::2", false },
	{ "2001:DB8::/32", "2001:db8:ffff::9", true },
	{ "2001:db8::/32", "2001:db9::1", false },
	{ "2001:db8:80::/41", "2001:db8:ff::1", true },
	{ "2001:db8:80::/41", "2001:db8:7f::1", false },
	{ "2001:db8::1/128", "2001:db8::1", true },
	{ "2001:db8::1/129", "2001:db8::2", false },
	{ "::/0", "2001:db8::1", true },
	{ "::/0", "192.0.2.1", false },
	{ "::1", "::1", true },
	{ "::ffff:192.0.2.0/120", "192.0.2.77", true },
	{ "::ffff:192.0.2.0/120", "192.0.3.77", false },
	{ "example.jp", "192.0.2.1", false },
	{ ".example.jp", "192.0.2.1", false },
	{ "", "192.0.2.1", false },
};

START_TEST(match)
{
	const struct match_row *w = &match_rows[_i];
	struct filterset *f = filterset_new();
	struct host h = { .port = 0 };

	ck_assert_ptr_nonnull(f);
	if (strcmp(w->host, "0.0.0.0") != 0)
		ck_assert(host_parse(&h, w->host, 0));
	ck_assert_int_eq(filterset_add(f, w->pattern, FILTER_BAN, NULL), ST_OK);
	ck_assert_msg(filterset_flags(f, &h) == (w->want ? FILTER_BAN : 0), "%s %s", w->pattern, w->host);
	filterset_unref(&f);
	ck_assert_ptr_null(f);
}
END_TEST

/* --- what is a pattern -------------------------------------------------------------------------------- */

static const struct parse_row {
	const char *pattern;
	enum status want;
	bool name;
} parse_rows[] = {
	{ "10.0.0.1", ST_OK, false },
	{ "10.0.0.0/8", ST_OK, false },
	{ "fe80::/10", ST_OK, false },
	{ "example.jp", ST_OK, true },
	{ ".example.jp", ST_OK, false },        /* a suffix */
	{ "my-host_1", ST_OK, true },
	{ "1.2.3.4.example", ST_OK, true },
	{ "localhost", ST_OK, true },
	{ "", ST_OK, false },
	{ "64:ff9b::192.0.2.1", ST_OK, false },
	{ "10.0.0.1:80", ST_PROTO, false },
	{ "10.0.0.1:0", ST_PROTO, false },
	{ "10.0.0.1:1", ST_PROTO, false },
	{ "10.0.0.1:2", ST_PROTO, false },
	{ "[::1]", ST_PROTO, false },
	{ "[::1]:80", ST_PROTO, false },
	{ "[::]/0", ST_PROTO, false },
	{ "10.0.0", ST_PROTO, false },
	{ "10.0.0.256", ST_PROTO, false },
	{ "10.0.0.1.2", ST_PROTO, false },
	{ "10.0.0.0/", ST_PROTO, false },
	{ "10.0.0.0/-1", ST_PROTO, false },
	{ "10.0.0.0/8x", ST_PROTO, false },
	{ "10.0.0.0/8/8", ST_PROTO, false },
	{ "10.0.0.0/99999999999", ST_PROTO, false },
	{ "/8", ST_PROTO, false },
	{ "example.jp/8", ST_PROTO, false },
	{ "example..jp", ST_PROTO, false },
	{ "example.jp.", ST_PROTO, false },
	{ ".", ST_PROTO, false },
	{ "..jp", ST_PROTO, false },
	{ "ex ample", ST_PROTO, false },
	{ " 10.0.0.1", ST_PROTO, false },
	{ "10.0.0.1 ", ST_PROTO, false },
	{ "\xe4\xbe\x8b.jp", ST_PROTO, false },
	{ "*", ST_PROTO, false },
	{ "10.0.0.*", ST_PROTO, false },
	{ ":::", ST_PROTO, false },
};

START_TEST(parse)
{
	const struct parse_row *w = &parse_rows[_i];
	struct filterset *f = filterset_new();
	bool name = !w->name;

	ck_assert_msg(filterset_add(f, w->pattern, FILTER_BAN, &name) == w->want, "%s", w->pattern);
	ck_assert_msg(name == w->name, "%s", w->pattern);
	filterset_unref(&f);
}
END_TEST

START_TEST(long_patterns)
{
	char text[300];
	struct filterset *f = filterset_new();

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(filterset_add(f, text, FILTER_BAN, NULL), ST_PROTO);
	memset(text, '1', sizeof(text) - 1);
	ck_assert_int_eq(filterset_add(f, text, FILTER_BAN, NULL), ST_PROTO);
	memset(text, ':', sizeof(text) - 1);
	ck_assert_int_eq(filterset_add(f, text, FILTER_BAN, NULL), ST_PROTO);
	filterset_unref(&f);
}
END_TEST

/* --- sets --------------------------------------------------------------------------------------------- */

/* No order: the flags of all entries that match, so a ban stands beside what allows. */
START_TEST(flags_add_up)
{
	struct filterset *f = filterset_new(), *also;
	struct host h, other;

	ck_assert(host_parse(&h, "192.0.2.1", 0) && host_parse(&other, "203.0.113.1", 0));
	ck_assert_int_eq(filterset_flags(f, &h), 0);
	ck_assert_int_eq(filterset_add(f, "255.255.255.255", FILTER_NETWORK | FILTER_DIRECT, NULL), ST_OK);
	ck_assert_int_eq(filterset_add(f, "192.0.2.0/24", FILTER_BAN, NULL), ST_OK);
	ck_assert_int_eq(filterset_add(f, "192.0.2.1", 0, NULL), ST_OK);
	ck_assert_int_eq(filterset_add_host(f, &h, FILTER_PRIVATE), ST_OK);
	also = filterset_ref(f);
	filterset_unref(&f);
	ck_assert_int_eq(filterset_flags(also, &h),
		FILTER_NETWORK | FILTER_DIRECT | FILTER_BAN | FILTER_PRIVATE);
	ck_assert_int_eq(filterset_flags(also, &other), FILTER_NETWORK | FILTER_DIRECT);
	filterset_unref(&also);
	filterset_unref(&also);
}
END_TEST

/* An address that a name stands for is exact, 255 or not. */
START_TEST(hosts_are_exact)
{
	struct filterset *f = filterset_new();
	struct host h, other;

	ck_assert(host_parse(&h, "192.0.2.255", 80) && host_parse(&other, "192.0.2.7", 80));
	ck_assert_int_eq(filterset_add_host(f, &h, FILTER_BAN), ST_OK);
	ck_assert_int_eq(filterset_flags(f, &h), FILTER_BAN);
	ck_assert_int_eq(filterset_flags(f, &other), 0);
	filterset_unref(&f);
}
END_TEST

static const struct { const char *name; int flags; } name_rows[] = {
	{ "a.example.jp", FILTER_BAN }, { "A.EXAMPLE.JP", FILTER_BAN }, { "b.a.example.jp", FILTER_BAN },
	{ "x.dial.example.jp", FILTER_BAN | FILTER_PRIVATE }, { "example.jp", 0 }, { ".example.jp", 0 },
	{ "aexample.jp", 0 }, { "a.example.jp.", 0 }, { "a.example.jp.evil", 0 }, { "jp", 0 }, { "", 0 },
};

START_TEST(suffixes)
{
	struct filterset *f = filterset_new();
	struct host h = host_v4(192, 0, 2, 1, 0);

	ck_assert_int_eq(filterset_add(f, "example.jp", FILTER_DIRECT, NULL), ST_OK);
	ck_assert(!filterset_has_suffix(f));
	ck_assert_int_eq(filterset_name_flags(f, "a.example.jp"), 0);
	ck_assert_int_eq(filterset_add(f, ".example.JP", FILTER_BAN, NULL), ST_OK);
	ck_assert_int_eq(filterset_add(f, ".dial.example.jp", FILTER_PRIVATE, NULL), ST_OK);
	ck_assert(filterset_has_suffix(f));
	ck_assert_int_eq(filterset_flags(f, &h), 0);
	for (size_t i = 0; i < NELEM(name_rows); i++)
		ck_assert_msg(filterset_name_flags(f, name_rows[i].name) == name_rows[i].flags, "%s",
			name_rows[i].name);
	filterset_unref(&f);
}
END_TEST

START_TEST(limits)
{
	struct filterset *f = filterset_new();
	struct host h;
	char text[32];

	no_memory = true;
	ck_assert_int_eq(filterset_add(f, "10.0.0.1", FILTER_BAN, NULL), ST_LIMIT);
	no_memory = false;
	for (int i = 0; i < FILTERS_MAX; i++) {
		(void)snprintf(text, sizeof(text), "10.0.%d.%d", i >> 8, i & 255);
		ck_assert_int_eq(filterset_add(f, text, FILTER_BAN, NULL), ST_OK);
		ck_assert_int_eq(filterset_add(f, "", FILTER_BAN, NULL), ST_OK);        /* takes no place */
	}
	ck_assert_int_eq(filterset_add(f, "10.1.1.1", FILTER_BAN, NULL), ST_LIMIT);
	ck_assert_int_eq(filterset_add(f, "some.name", FILTER_BAN, NULL), ST_LIMIT);
	ck_assert(host_parse(&h, "10.0.3.231", 0));
	ck_assert_int_eq(filterset_add_host(f, &h, FILTER_BAN), ST_LIMIT);
	ck_assert_int_eq(filterset_flags(f, &h), FILTER_BAN);
	filterset_unref(&f);
}
END_TEST

static const struct { const char *pattern; int flags; bool unsafe; } unsafe_rows[] = {
	{ "255.255.255.255", FILTER_PRIVATE, true },
	{ "255.255.255.255", FILTER_BAN | FILTER_NETWORK | FILTER_DIRECT, false },
	{ "255.255.255.254", FILTER_PRIVATE, false },
	{ "0.0.0.0/0", FILTER_PRIVATE | FILTER_DIRECT, true },
	{ "0.0.0.0/1", FILTER_PRIVATE, false },
	{ "::/0", FILTER_PRIVATE, true },
	{ "::/1", FILTER_PRIVATE, false },
	{ "::ffff:0.0.0.0/96", FILTER_PRIVATE, true },
	{ "0.0.0.0", FILTER_PRIVATE, false },
	{ "", FILTER_PRIVATE, false },
	{ "private.example", FILTER_PRIVATE, false },
};

START_TEST(unsafe)
{
	struct filterset *f = filterset_new();

	ck_assert_int_eq(filterset_add(f, "10.0.0.0/8", FILTER_PRIVATE, NULL), ST_OK);
	ck_assert(!filterset_is_unsafe(f));
	ck_assert_int_eq(filterset_add(f, unsafe_rows[_i].pattern, unsafe_rows[_i].flags, NULL), ST_OK);
	ck_assert_msg(filterset_is_unsafe(f) == unsafe_rows[_i].unsafe, "%s", unsafe_rows[_i].pattern);
	filterset_unref(&f);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/node/filter");
	TCase *t = tcase_create("filter");

	tcase_add_loop_test(t, match, 0, NELEM(match_rows));
	tcase_add_loop_test(t, parse, 0, NELEM(parse_rows));
	tcase_add_test(t, long_patterns);
	tcase_add_test(t, flags_add_up);
	tcase_add_test(t, hosts_are_exact);
	tcase_add_test(t, suffixes);
	tcase_add_test(t, limits);
	tcase_add_loop_test(t, unsafe, 0, NELEM(unsafe_rows));
	suite_add_tcase(s, t);
	return s;
}
