/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: malloc */
#include "core/chan/pkt.h"

#include <stdlib.h>
#include <string.h>

#include "test/unit/unit.h"

static bool no_memory;

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);

void *__wrap_malloc(size_t n)
{
	return no_memory ? NULL : __real_malloc(n);
}

START_TEST(life)
{
	static const struct { size_t frame, len; } rows[] = {
		{ 0, 0 }, { 0, 1 }, { PKT_FRAME_MAX, 0 }, { 40, PKT_DATA_SEND }, { PKT_FRAME_MAX, PKT_HEAD_MAX },
	};

	for (size_t i = 0; i < NELEM(rows); i++) {
		struct pkt *p = pkt_new(PKT_DATA, 7, 3, rows[i].frame, rows[i].len), *q;

		ck_assert_ptr_nonnull(p);
		memset(p->bytes, 1, rows[i].frame);
		memset(pkt_media(p), 2, rows[i].len);
		ck_assert(p->type == PKT_DATA && p->cont == 3 && p->pos == 7);
		ck_assert_ptr_eq(pkt_media(p), p->bytes + rows[i].frame);
		ck_assert_uint_eq(pkt_end(p), 7 + rows[i].len);
		q = pkt_ref(p);
		pkt_unref(&p);
		ck_assert_ptr_null(p);
		ck_assert_uint_eq(atomic_load(&q->refs), 1);
		pkt_unref(&q);
		pkt_unref(&q);          /* NULL is fine */
	}
	no_memory = true;
	struct pkt *none = pkt_new(PKT_HEAD, 0, 0, 0, 1);

	no_memory = false;
	ck_assert_ptr_null(none);
}
END_TEST

static const struct { uint64_t ref; uint32_t wire; uint64_t want; } extend_rows[] = {
	{ 0, 0, 0 },
	{ 0, 1, 1 },
	{ 0, 0x7fffffff, 0x7fffffff },
	{ 0, 0x80000000, 0x80000000 },                  /* nothing is negative */
	{ 0, 0xffffffff, 0xffffffff },
	{ 5, 0xffffffff, 0xffffffff },
	{ 100, 90, 90 },
	{ 0xffffffff, 0, 0x100000000 },
	{ 0xffffff00, 0x50, 0x100000050 },
	{ 0x100000050, 0xffffff00, 0xffffff00 },
	{ 0x100000000, 0xffffffff, 0xffffffff },
	{ 0x100000000, 0, 0x100000000 },
	{ 0x123456789a, 0x3456789a, 0x123456789a },
	{ 0x123456789a, 0x3456789b, 0x123456789b },
	{ 0x123456789a, 0x34567899, 0x1234567899 },
	{ 0x1280000000, 0x00000001, 0x1200000001 },     /* 2^31 - 1 back, or 2^31 + 1 on: the nearer */
	{ 0x1280000000, 0x00000000, 0x1200000000 },     /* as far either way: back */
	{ 0x1280000000, 0xffffffff, 0x12ffffffff },
	{ 0x80000001, 1, 1 },
	{ 0x7fffffff, 0xffffffff, 0xffffffff },
	{ UINT64_C(0xffffffff00000010), 0xfffffff0, UINT64_C(0xfffffffefffffff0) },
};

START_TEST(extend)
{
	ck_assert_msg(pos_extend(extend_rows[_i].ref, extend_rows[_i].wire) == extend_rows[_i].want, "%d: %llx",
		_i, (unsigned long long)pos_extend(extend_rows[_i].ref, extend_rows[_i].wire));
}
END_TEST

/* Whatever the place, what comes from within 2 GiB comes back. */
START_TEST(extend_round)
{
	uint64_t x = 88172645463325252u;

	for (int i = 0; i < 100000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		const uint64_t ref = 0x80000000u + (x >> 20), pos = ref + (x & 0xffffffff) - 0x80000000u;

		ck_assert_uint_eq(pos_extend(ref, (uint32_t)pos), pos);
	}
}
END_TEST

START_TEST(before)
{
	static const struct { uint32_t a, b; bool want; } rows[] = {
		{ 0, 1, true }, { 1, 0, false }, { 5, 5, false }, { 0xffffffff, 0, true }, { 0, 0xffffffff, false },
		{ 0, 0x7fffffff, true }, { 0xfffffff0, 0x10, true }, { 0x10, 0xfffffff0, false },
		{ 0x80000001, 0, true },
	};

	for (size_t i = 0; i < NELEM(rows); i++)
		ck_assert_msg(pos_before(rows[i].a, rows[i].b) == rows[i].want, "%zu", i);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/chan/pkt");
	TCase *t = tcase_create("pkt");

	tcase_add_test(t, life);
	tcase_add_loop_test(t, extend, 0, NELEM(extend_rows));
	tcase_add_test(t, extend_round);
	tcase_add_test(t, before);
	suite_add_tcase(s, t);
	return s;
}
