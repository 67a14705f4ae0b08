/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/sys/cc.h"
#include "test/unit/unit.h"

#define PIECES 8192
#define PIECE  4096

static size_t resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long all = 0, here = 0;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu %lu", &all, &here), 2);
	fclose(f);
	return (size_t)here * (size_t)sysconf(_SC_PAGESIZE);
}

START_TEST(nothing_to_give)
{
	heap_init();
	ck_assert(!heap_trim());
}
END_TEST

/* A crowd leaves, but for one in 64: malloc by itself gives nothing back. */
START_TEST(after_a_crowd)
{
	static void *piece[PIECES];
	size_t before, after;

	heap_init();
	ck_assert(!heap_trim());
	for (size_t i = 0; i < PIECES; i++) {
		piece[i] = malloc(PIECE);
		ck_assert_ptr_nonnull(piece[i]);
		memset(piece[i], 1, PIECE);
	}
	ck_assert(!heap_trim());
	for (size_t i = 0; i < PIECES; i++)
		if (i % 64 != 0)
			free(piece[i]);
	before = resident();
	ck_assert(heap_trim());
	after = resident();
	ck_assert_uint_lt(after, before - (size_t)PIECES * PIECE / 2);
	for (size_t i = 0; i < PIECES; i += 64)
		free(piece[i]);
}
END_TEST

/* What is large is not kept at all. */
START_TEST(large_ones)
{
	const size_t before = resident();

	heap_init();
	for (int i = 0; i < 8; i++) {
		char *p = malloc((size_t)8 << 20);

		ck_assert_ptr_nonnull(p);
		memset(p, 1, (size_t)8 << 20);
		free(p);
	}
	ck_assert_uint_lt(resident(), before + ((size_t)4 << 20));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/heap");
	TCase *t = tcase_create("heap");

	tcase_add_test(t, nothing_to_give);
	/* a sanitizer's malloc is another one */
	if (!SANITIZED) {
		tcase_add_test(t, large_ones);
		tcase_add_test(t, after_a_crowd);
	}
	suite_add_tcase(s, t);
	return s;
}
