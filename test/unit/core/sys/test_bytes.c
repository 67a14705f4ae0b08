/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/bytes.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/core/sys/death.h"
#include "test/unit/unit.h"

static const uint8_t src[9] = { 0x01, 0x82, 0x03, 0x84, 0x05, 0x86, 0x07, 0x88, 0x99 };

enum width { U8, LE16, BE16, BE24, LE32, BE32, LE64, BE64 };

static uint64_t rd_any(struct rd *r, enum width w)
{
	switch (w) {
	case U8: return rd_u8(r);
	case LE16: return rd_le16(r);
	case BE16: return rd_be16(r);
	case BE24: return rd_be24(r);
	case LE32: return rd_le32(r);
	case BE32: return rd_be32(r);
	case LE64: return rd_le64(r);
	case BE64: return rd_be64(r);
	}
	return 0;
}

static const struct {
	const char *name;
	enum width w;
	size_t bytes;
	uint64_t v;
} widths[] = {
	{ "u8",   U8,   1, 0x01 },
	{ "le16", LE16, 2, 0x8201 },
	{ "be16", BE16, 2, 0x0182 },
	{ "be24", BE24, 3, 0x018203 },
	{ "le32", LE32, 4, 0x84038201 },
	{ "be32", BE32, 4, 0x01820384 },
	{ "le64", LE64, 8, 0x8807860584038201 },
	{ "be64", BE64, 8, 0x0182038405860788 },
};

START_TEST(rd_widths)
{
	const size_t n = widths[_i].bytes;

	/* one too many, exact, and every shorter input */
	for (size_t have = 0; have <= n + 1; have++) {
		struct rd r = rd_of(src, have);
		const uint64_t v = rd_any(&r, widths[_i].w);

		ck_assert_msg(v == (have >= n ? widths[_i].v : 0), "%s of %zu: %llx", widths[_i].name,
			have, (unsigned long long)v);
		ck_assert_int_eq(r.err, have >= n ? ST_OK : ST_PROTO);
		ck_assert_uint_eq(r.left, have >= n ? have - n : have);
	}
}
END_TEST

START_TEST(rd_error_sticks)
{
	struct rd r = rd_of(src, 3);

	ck_assert_uint_eq(rd_le32(&r), 0);
	ck_assert_int_eq(r.err, ST_PROTO);
	ck_assert_uint_eq(rd_u8(&r), 0);        /* would fit, but the fault came before */
	ck_assert_ptr_null(rd_take(&r, 0));
	ck_assert_uint_eq(r.left, 3);
}
END_TEST

START_TEST(rd_empty)
{
	struct rd r = rd_of(NULL, 0);

	ck_assert_ptr_nonnull(rd_take(&r, 0));
	ck_assert_int_eq(r.err, ST_OK);
	ck_assert_ptr_null(rd_take(&r, 1));
	ck_assert_int_eq(r.err, ST_PROTO);
}
END_TEST

START_TEST(rd_sub_bounds)
{
	struct rd r = rd_of(src, 5);
	struct rd a = rd_sub(&r, 3);
	struct rd b = rd_sub(&r, 3);

	ck_assert_int_eq(a.err, ST_OK);
	ck_assert_uint_eq(a.left, 3);
	ck_assert_ptr_eq(a.p, src);
	ck_assert_int_eq(b.err, ST_PROTO);
	ck_assert_uint_eq(b.left, 0);
	ck_assert_int_eq(r.err, ST_PROTO);
	ck_assert_ptr_null(rd_take(&a, SIZE_MAX));
}
END_TEST

START_TEST(wr_widths)
{
	uint8_t out[27];
	static const uint8_t want[27] = { 1, 0x34, 0x12, 0x78, 0x56, 0x34, 0x12, 0x12, 0x34, 0x12, 0x34,
		0x56, 0x12, 0x34, 0x56, 0x78, 1, 2, 3, 4, 5, 6, 7, 8, 'a', 'b', 'c' };

	for (size_t cap = 0; cap <= sizeof(out); cap++) {
		struct wr w = wr_of(out, cap);

		memset(out, 0xEE, sizeof(out));
		wr_u8(&w, 1);
		wr_le16(&w, 0x1234);
		wr_le32(&w, 0x12345678);
		wr_be16(&w, 0x1234);
		wr_be24(&w, 0xFF123456);
		wr_be32(&w, 0x12345678);
		wr_be64(&w, 0x0102030405060708);
		wr_bytes(&w, "abc", 3);
		ck_assert_int_eq(w.err, cap == sizeof(out) ? ST_OK : ST_LIMIT);
		ck_assert_uint_le(w.len, cap);
		ck_assert_int_eq(memcmp(out, want, w.len), 0);
		for (size_t i = w.len; i < sizeof(out); i++)
			ck_assert_uint_eq(out[i], 0xEE);
	}
}
END_TEST

START_TEST(wr_nothing_after_a_fault)
{
	uint8_t out[4] = { 0 };
	struct wr w = wr_of(out, 3);

	wr_be32(&w, 1);
	wr_u8(&w, 7);
	wr_bytes(&w, NULL, 0);
	ck_assert_int_eq(w.err, ST_LIMIT);
	ck_assert_uint_eq(w.len, 0);
	ck_assert_uint_eq(out[0], 0);
}
END_TEST

START_TEST(buf_grows_to_its_maximum)
{
	struct buf b;

	buf_init(&b, 1000);
	for (int i = 0; i < 1000; i++)
		buf_u8(&b, (uint8_t)i);
	ck_assert_int_eq(b.err, ST_OK);
	ck_assert_uint_eq(b.len, 1000);
	for (size_t i = 0; i < 1000; i++)
		ck_assert_uint_eq(b.p[i], (uint8_t)i);
	/* full, and still a C string: the NUL is not counted */
	ck_assert_ptr_eq(buf_cstr(&b), b.p);
	ck_assert_uint_eq(b.p[1000], 0);
	buf_u8(&b, 1);
	ck_assert_int_eq(b.err, ST_LIMIT);
	ck_assert_uint_eq(b.len, 1000);
	ck_assert_str_eq(buf_cstr(&b), "");
	buf_put(&b, "x", 1);
	ck_assert_uint_eq(b.len, 1000);
	buf_reset(&b);
	ck_assert_int_eq(b.err, ST_OK);
	ck_assert_str_eq(buf_cstr(&b), "");
	buf_puts(&b, "again");
	ck_assert_str_eq(buf_cstr(&b), "again");
	buf_fini(&b);
	ck_assert_ptr_null(b.p);
}
END_TEST

START_TEST(buf_reserve_edges)
{
	struct buf b;

	buf_init(&b, 10);
	ck_assert_ptr_nonnull(buf_reserve(&b, 0));
	ck_assert_ptr_nonnull(buf_reserve(&b, 10));
	buf_puts(&b, "x");
	ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX));          /* the sum would wrap */
	ck_assert_int_eq(b.err, ST_LIMIT);
	buf_fini(&b);

	buf_init(&b, 0);
	buf_put(&b, NULL, 0);
	ck_assert_int_eq(b.err, ST_OK);
	ck_assert_str_eq(buf_cstr(&b), "");
	buf_u8(&b, 1);
	ck_assert_int_eq(b.err, ST_LIMIT);
	buf_fini(&b);

	buf_init(&b, SIZE_MAX);
	buf_puts(&b, "no wrap of max + 1");
	ck_assert_int_eq(b.err, ST_OK);
	ck_assert_str_eq(buf_cstr(&b), "no wrap of max + 1");
	if (can_fork()) {                                       /* sanitizers abort on it */
		ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX / 2));      /* memory, not the maximum */
		ck_assert_int_eq(b.err, ST_LIMIT);
	}
	buf_fini(&b);
}
END_TEST

START_TEST(buf_int_digits)
{
	static const int64_t v[] = {
		0, 1, -1, 9, 10, -10, 1234567890, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN,
	};
	char want[24];
	struct buf b;
	size_t i;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		buf_init(&b, 64);
		buf_int(&b, v[i]);
		snprintf(want, sizeof(want), "%lld", (long long)v[i]);
		ck_assert_str_eq(buf_cstr(&b), want);
		buf_fini(&b);
	}
	buf_init(&b, 3);
	buf_int(&b, 1000);
	ck_assert_int_eq(b.err, ST_LIMIT);
	ck_assert_uint_eq(b.len, 0);
	buf_fini(&b);
}
END_TEST

START_TEST(buf_printf_fits_or_fails_whole)
{
	for (size_t max = 0; max < 400; max++) {
		struct buf b;

		buf_init(&b, max);
		buf_puts(&b, max >= 3 ? "abc" : "");
		buf_printf(&b, "%s-%0*d", "text", 200, 42);
		if (max >= 3 + 205) {
			ck_assert_int_eq(b.err, ST_OK);
			ck_assert_uint_eq(b.len, 208);
			ck_assert_int_eq(memcmp(buf_cstr(&b), "abctext-0000", 12), 0);
			ck_assert_str_eq(buf_cstr(&b) + 205, "042");
		} else {
			ck_assert_int_eq(b.err, ST_LIMIT);
			ck_assert_uint_eq(b.len, max >= 3 ? 3 : 0);
		}
		buf_fini(&b);
	}
}
END_TEST

START_TEST(buf_words_and_consume)
{
	struct buf b;

	buf_init(&b, 100);
	buf_le16(&b, 0x0102);
	buf_le32(&b, 0x03040506);
	ck_assert_int_eq(memcmp(b.p, "\x02\x01\x06\x05\x04\x03", 6), 0);
	buf_consume(&b, 0);
	buf_consume(&b, 4);
	ck_assert_uint_eq(b.len, 2);
	ck_assert_int_eq(memcmp(b.p, "\x04\x03", 2), 0);
	buf_consume(&b, 2);
	ck_assert_uint_eq(b.len, 0);
	buf_fini(&b);
}
END_TEST

START_TEST(buf_consume_too_much)
{
	struct buf b;

	buf_init(&b, 100);
	buf_puts(&b, "ab");
	buf_consume(&b, 3);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/bytes");
	TCase *t = tcase_create("bytes");

	tcase_add_loop_test(t, rd_widths, 0, NELEM(widths));
	tcase_add_test(t, rd_error_sticks);
	tcase_add_test(t, rd_empty);
	tcase_add_test(t, rd_sub_bounds);
	tcase_add_test(t, wr_widths);
	tcase_add_test(t, wr_nothing_after_a_fault);
	tcase_add_test(t, buf_grows_to_its_maximum);
	tcase_add_test(t, buf_reserve_edges);
	tcase_add_test(t, buf_int_digits);
	tcase_add_test(t, buf_printf_fits_or_fails_whole);
	tcase_add_test(t, buf_words_and_consume);
	ADD_DEATH_TEST(t, buf_consume_too_much);
	suite_add_tcase(s, t);
	return s;
}
