/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/blob.h"

#include <string.h>

#include "core/sys/thr.h"
#include "test/unit/core/sys/death.h"
#include "test/unit/unit.h"

START_TEST(copy_and_count)
{
	char src[] = "hello";
	struct blob *b = blob_new(src, 5), *c;

	ck_assert_ptr_nonnull(b);
	src[0] = 'j';
	ck_assert_uint_eq(b->len, 5);
	ck_assert_int_eq(memcmp(b->data, "hello", 5), 0);
	c = blob_ref(b);
	ck_assert_ptr_eq(c, b);
	blob_unref(&b);
	ck_assert_ptr_null(b);
	ck_assert_int_eq(memcmp(c->data, "hello", 5), 0);
	blob_unref(&c);
	ck_assert_ptr_null(c);
	blob_unref(&c);
}
END_TEST

START_TEST(empty_and_too_long)
{
	struct blob *b = blob_new(NULL, 0);

	ck_assert_ptr_nonnull(b);
	ck_assert_uint_eq(b->len, 0);
	blob_unref(&b);
	ck_assert_ptr_null(blob_new("", (size_t)UINT32_MAX + 1));
	ck_assert_ptr_null(blob_new("", SIZE_MAX));
}
END_TEST

START_TEST(appended)
{
	struct blob *b;
	struct buf w;

	blob_begin(&w, 5);
	b = blob_end(&w);
	ck_assert_ptr_nonnull(b);
	ck_assert_uint_eq(b->len, 0);
	blob_unref(&b);

	blob_begin(&w, 5);
	buf_puts(&w, "hel");
	buf_puts(&w, "lo");
	b = blob_end(&w);
	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_null(w.p);
	ck_assert_uint_eq(b->len, 5);
	ck_assert_int_eq(memcmp(b->data, "hello", 5), 0);
	ck_assert(b->key == 0 && b->lane == 0 && !b->urgent);
	blob_unref(&b);

	blob_begin(&w, 5);
	buf_puts(&w, "hello");
	buf_u8(&w, '!');
	ck_assert_ptr_null(blob_end(&w));
	ck_assert_ptr_null(w.p);

	blob_begin(&w, SIZE_MAX);
	buf_puts(&w, "x");
	b = blob_end(&w);
	ck_assert_ptr_nonnull(b);
	blob_unref(&b);
}
END_TEST

static void churn(void *arg)
{
	struct blob *mine = arg;

	for (int i = 0; i < 20000; i++) {
		struct blob *b = blob_ref(mine);

		ck_assert_uint_eq(b->data[0], 'x');
		blob_unref(&b);
	}
	blob_unref(&mine);
}

START_TEST(shared_by_threads)
{
	struct blob *b = blob_new("x", 1);
	struct thr t[4];

	for (size_t i = 0; i < NELEM(t); i++)
		ck_assert_int_eq(thr_start(&t[i], "churn", churn, blob_ref(b)), ST_OK);
	blob_unref(&b);         /* one of the threads is the last */
	for (size_t i = 0; i < NELEM(t); i++)
		ck_assert_int_eq(thr_join(&t[i], NSEC_NEVER), ST_OK);
}
END_TEST

START_TEST(one_unref_too_many)
{
	struct blob *b = blob_new("x", 1);

	atomic_store(&b->refs, 0);
	blob_unref(&b);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/blob");
	TCase *t = tcase_create("blob");

	tcase_add_test(t, copy_and_count);
	tcase_add_test(t, empty_and_too_long);
	tcase_add_test(t, appended);
	tcase_add_test(t, shared_by_threads);
	ADD_DEATH_TEST(t, one_unref_too_many);
	suite_add_tcase(s, t);
	return s;
}
