/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: calloc clk_now */
#include "core/node/names.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/sys/text.h"
#include "test/unit/clock.h"
#include "test/unit/unit.h"

static bool no_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

static struct names *ns;

static void up(void)
{
	ns = names_new();
	ck_assert_ptr_nonnull(ns);
}

static void down(void)
{
	names_free(&ns);
	ck_assert_ptr_null(ns);
}

static struct host addr(const char *text)
{
	struct host h = { .port = 0 };

	ck_assert(text[0] == '\0' || host_parse(&h, text, 0));
	return h;
}

static void want(const char *a, const char *b)
{
	const char *const v[] = { a, b };

	ck_assert_int_eq(names_want(ns, v, b != NULL ? 2 : a != NULL), ST_OK);
}

/* Take the next question, which must be this one. */
static struct names_job take(const char *what)
{
	struct names_job j;
	char hs[HOST_STRLEN];

	ck_assert(names_take(ns, clk_now(), &j));
	ck_assert_str_eq(j.name[0] != '\0' ? j.name : host_ip_str(&j.who, hs), what);
	return j;
}

static bool answer(const struct names_job *j, enum status st, const char *v4, const char *v6)
{
	const struct host pair[2] = { addr(v4), addr(v6) };

	return names_done(ns, j, st, pair, v4, clk_now());
}

static void check(const char *name, const char *v4, const char *v6)
{
	struct host pair[2];
	char hs[HOST_STRLEN];

	ck_assert(names_find(ns, name, pair) == (v4[0] != '\0' || v6[0] != '\0'));
	ck_assert_str_eq(host_is_set(&pair[0]) ? host_ip_str(&pair[0], hs) : "", v4);
	ck_assert_str_eq(host_is_set(&pair[1]) ? host_ip_str(&pair[1], hs) : "", v6);
}

/* --- names and their addresses ---------------------------------------------------------------- */

START_TEST(forward)
{
	struct names_job j, k;

	ck_assert(!names_take(ns, clk_now(), &j));
	ck_assert_int_eq(names_due(ns), NSEC_NEVER);
	want("A.example", "b.example");
	ck_assert_int_le(names_due(ns), clk_now());
	check("a.example", "", "");
	j = take("a.example");
	k = take("b.example");
	ck_assert(!names_take(ns, clk_now(), &k));      /* each is asked once */
	ck_assert_int_eq(names_due(ns), NSEC_NEVER);
	ck_assert(answer(&j, ST_OK, "192.0.2.1", "2001:db8::1"));
	check("a.EXAMPLE", "192.0.2.1", "2001:db8::1");
	ck_assert_int_eq(names_due(ns), clk_now() + NAMES_TTL);
}
END_TEST

START_TEST(again)
{
	static const struct {
		enum status st;
		const char *v4, *v6;
		nsec due;
		bool changed;
		const char *has4, *has6;
	} rows[] = {
		{ ST_OK, "192.0.2.1", "", NAMES_TTL, true, "192.0.2.1", "" },
		{ ST_OK, "192.0.2.1", "", NAMES_TTL, false, "192.0.2.1", "" },
		/* while nobody answers, what was known stays */
		{ ST_TIMEOUT, "", "", NAMES_TTL_NONE, false, "192.0.2.1", "" },
		{ ST_SYS, "", "", NAMES_TTL_NONE, false, "192.0.2.1", "" },
		{ ST_LIMIT, "", "", NAMES_TTL_NONE, false, "192.0.2.1", "" },
		{ ST_OK, "192.0.2.2", "2001:db8::2", NAMES_TTL, true, "192.0.2.2", "2001:db8::2" },
		{ ST_OK, "", "2001:db8::2", NAMES_TTL, true, "", "2001:db8::2" },
		{ ST_PROTO, "", "", NAMES_TTL_NONE, true, "", "" },
		{ ST_PROTO, "", "", NAMES_TTL_NONE, false, "", "" },
	};
	struct names_job j;

	want("n.example", NULL);
	for (size_t i = 0; i < NELEM(rows); i++) {
		j = take("n.example");
		ck_assert_msg(answer(&j, rows[i].st, rows[i].v4, rows[i].v6) == rows[i].changed, "row %zu", i);
		check("n.example", rows[i].has4, rows[i].has6);
		ck_assert_int_eq(names_due(ns), clk_now() + rows[i].due);
		ck_assert(!names_take(ns, clk_now() + rows[i].due - 1, &j));
		skew += rows[i].due;
	}
}
END_TEST

/* Another list: what is still wanted is known at once, the rest is forgotten, also while it is being asked. */
START_TEST(another_list)
{
	struct names_job a, b;

	want("a.example", "b.example");
	a = take("a.example");
	ck_assert(answer(&a, ST_OK, "192.0.2.1", ""));
	b = take("b.example");
	want("a.example", NULL);
	check("a.example", "192.0.2.1", "");
	ck_assert(!answer(&b, ST_OK, "192.0.2.2", ""));
	check("b.example", "", "");
	want(NULL, NULL);
	check("a.example", "", "");
	ck_assert_int_eq(names_due(ns), NSEC_NEVER);
	no_memory = true;
	ck_assert_int_eq(names_want(ns, (const char *const[]){ "c.example" }, 1), ST_LIMIT);
	no_memory = false;
	ck_assert_int_eq(names_due(ns), NSEC_NEVER);
}
END_TEST

/* --- visitors --------------------------------------------------------------------------------- */

static const char *name_of(const char *who, bool asks)
{
	static char name[HOST_NAME];
	const struct host h = addr(who);
	bool ask;

	names_of(ns, &h, name, &ask);
	ck_assert_msg(ask == asks, "%s", who);
	return name;
}

START_TEST(visitor)
{
	struct names_job j;

	ck_assert_str_eq(name_of("203.0.113.1", true), "");
	ck_assert_str_eq(name_of("203.0.113.1", false), "");    /* asked already */
	ck_assert_int_eq(names_due(ns), 0);
	j = take("203.0.113.1");
	ck_assert_str_eq(name_of("203.0.113.1", false), "");
	ck_assert(names_done(ns, &j, ST_OK, NULL, "Host.Example", clk_now()));
	ck_assert_str_eq(name_of("203.0.113.1", false), "host.example");
	ck_assert_int_eq(names_due(ns), NSEC_NEVER);            /* nobody asks without a visit */
	skew += NAMES_TTL;
	ck_assert_int_eq(names_due(ns), NSEC_NEVER);
	ck_assert_str_eq(name_of("203.0.113.1", true), "host.example");
	j = take("203.0.113.1");
	ck_assert(!names_done(ns, &j, ST_TIMEOUT, NULL, "", clk_now()));
	ck_assert_str_eq(name_of("203.0.113.1", false), "host.example");
	skew += NAMES_TTL_NONE;
	ck_assert_str_eq(name_of("203.0.113.1", true), "host.example");
	j = take("203.0.113.1");
	ck_assert(names_done(ns, &j, ST_PROTO, NULL, "", clk_now()));
	ck_assert_str_eq(name_of("203.0.113.1", false), "");
}
END_TEST

/* Names in filters go first; of too many visitors the first one is forgotten, and none without memory. */
START_TEST(many_visitors)
{
	struct names_job first, j;
	char text[HOST_STRLEN];

	no_memory = true;
	ck_assert_str_eq(name_of("2001:db8::6", false), "");
	no_memory = false;
	for (int i = 0; i < NAMES_VISITORS; i++) {
		(void)snprintf(text, sizeof(text), "10.0.%d.%d", i >> 8, i & 255);
		ck_assert_str_eq(name_of(text, true), "");
	}
	want("n.example", NULL);
	(void)take("n.example");
	first = take("10.0.0.0");
	ck_assert_str_eq(name_of("2001:db8::5", true), "");     /* 10.0.0.1 went: 10.0.0.0 is being asked */
	ck_assert(names_done(ns, &first, ST_OK, NULL, "first.example", clk_now()));
	ck_assert_str_eq(name_of("10.0.0.0", false), "first.example");
	ck_assert_str_eq(name_of("10.0.0.1", true), "");
	for (int i = 0; names_take(ns, clk_now(), &j); i++)
		ck_assert_int_lt(i, NAMES_VISITORS);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/node/names");
	TCase *t = tcase_create("names");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_test(t, forward);
	tcase_add_test(t, again);
	tcase_add_test(t, another_list);
	tcase_add_test(t, visitor);
	tcase_add_test(t, many_visitors);
	suite_add_tcase(s, t);
	return s;
}
