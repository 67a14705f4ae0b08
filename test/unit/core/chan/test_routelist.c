/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: malloc */
#include "core/chan/routelist.h"

#include <stdlib.h>

#include "core/sys/cc.h"
#include "test/unit/unit.h"

static int fail_in = -1;                /* that malloc() and those behind it fail; -1 = none */

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);

void *__wrap_malloc(size_t n)
{
	if (fail_in == 0)
		return NULL;
	fail_in -= fail_in > 0;
	return __real_malloc(n);
}

static struct gnuid numbered(unsigned n)
{
	return (struct gnuid){ .b = { [1] = 1, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n } };
}

static void add(struct routelist *l, unsigned n)
{
	const struct gnuid id = numbered(n);

	routelist_add(l, &id);
}

static bool has(const struct routelist *l, unsigned n)
{
	const struct gnuid id = numbered(n);

	return routelist_has(l, &id);
}

START_TEST(oldest_goes)
{
	struct routelist l = { .routes = NULL };
	const struct gnuid none = { .b = { 0 } };

	routelist_add(&l, &none);
	ck_assert(l.routes == NULL && !routelist_has(&l, &none));
	for (unsigned i = 0; i < ROUTELIST_MAX; i++) {
		ck_assert(!has(&l, i));
		add(&l, i);
		add(&l, i);
	}
	for (unsigned i = 0; i < ROUTELIST_MAX; i++)
		ck_assert(has(&l, i));
	/* 0 speaks again: now 1 is the oldest. */
	add(&l, 0);
	add(&l, 5000);
	ck_assert(has(&l, 5000) && has(&l, 0) && !has(&l, 1));
	for (unsigned i = 2; i < ROUTELIST_MAX; i++)
		ck_assert_msg(has(&l, i), "%u", i);
	routelist_clear(&l);
	ck_assert(l.routes == NULL && !has(&l, 0));
	routelist_clear(&l);
}
END_TEST

/* Whatever call finds no memory: what is in stays findable, nothing is lost (ASan). */
START_TEST(without_memory)
{
	for (int at = 0; at < 6; at++) {
		struct routelist l = { .routes = NULL };

		fail_in = at;
		for (unsigned i = 0; i < 3; i++)
			add(&l, i);
		fail_in = -1;
		for (unsigned i = 3; i < 6; i++)
			add(&l, i);
		for (unsigned i = 3; i < 6; i++)
			ck_assert(has(&l, i));
		ck_assert(at > 0 || !has(&l, 0));
		routelist_clear(&l);
	}
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/chan/routelist");
	TCase *t = tcase_create("routelist");

	tcase_add_test(t, oldest_goes);
	tcase_add_test(t, without_memory);
	suite_add_tcase(s, t);
	return s;
}
