/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/amf3.h"

#include <string.h>

#include "core/media/amf0.h"
#include "core/sys/text.h"
#include "test/unit/unit.h"

/* Bytes as hex, without blanks: what goes in (the body of a message), what must come out. */
static const struct {
	const char *name, *in, *out;
	enum status st;
} rows[] = {
	{ "nothing", "", "", ST_OK },
	{ "AMF0 alone", "02000161" "00" "3ff0000000000000" "05", "02000161003ff000000000000005", ST_OK },
	{ "AMF0 object", "03" "000161" "0101" "000009", "03" "000161" "0101" "000009", ST_OK },
	{ "ECMA array", "08" "00000007" "000161" "05" "000009", "08" "00000007" "000161" "05" "000009", ST_OK },
	{ "strict array", "0a" "00000002" "05" "1103", "0a" "00000002" "05" "0101", ST_OK },
	{ "undefined and null", "1100" "1101", "06" "05", ST_OK },
	{ "false and true", "1102" "1103", "0100" "0101", ST_OK },
	{ "integer of one byte", "11047f", "00" "405fc00000000000", ST_OK },
	{ "integer of two bytes", "11048100", "00" "4060000000000000", ST_OK },
	{ "integer of three bytes", "1104ffff7f", "00" "413fffff00000000", ST_OK },
	{ "largest integer", "1104bfffffff", "00" "41affffffe000000", ST_OK },
	{ "integer below 0", "1104ffffffff", "00" "bff0000000000000", ST_OK },
	{ "double", "1105" "3ff8000000000000", "00" "3ff8000000000000", ST_OK },
	{ "string", "1106" "0761" "6263", "02" "0003" "616263", ST_OK },
	{ "empty string", "110601", "020000", ST_OK },
	{ "date", "1108" "01" "4000000000000000", "0b" "4000000000000000" "0000", ST_OK },
	{ "byte array", "110c" "05" "0102" "1101", "05" "05", ST_OK },
	{ "XML", "110b" "05" "3c3e", "05", ST_OK },
	{ "dense array", "1109" "05" "01" "0401" "0603" "61", "0a" "00000002" "003ff0000000000000" "02000161",
		ST_OK },
	{ "mixed array", "1109" "03" "0361" "03" "01" "02", "08" "00000000" "000161" "0101" "000130" "0100"
		"000009", ST_OK },
	{ "dynamic object", "110a" "0b" "01" "0361" "03" "0362" "0401" "01",
		"03" "000161" "0101" "000162" "003ff0000000000000" "000009", ST_OK },
	{ "object of a class", "110a" "23" "0341" "0361" "0362" "03" "02",
		"03" "000161" "0101" "000162" "0100" "000009", ST_OK },
	/* the second has the traits of the first, and its names */
	{ "traits again", "1109" "05" "01" "0a" "13" "01" "0361" "03" "0a" "01" "02",
		"0a" "00000002" "03" "000161" "0101" "000009" "03" "000161" "0100" "000009", ST_OK },
	{ "string again", "1109" "05" "01" "0603" "61" "0600", "0a" "00000002" "02000161" "02000161", ST_OK },
	/* an object that holds itself */
	{ "object again", "110a" "0b" "01" "0361" "0a00" "01", "03" "000161" "05" "000009", ST_OK },
	{ "tables begin anew", "1106" "0361" "1106" "00", NULL, ST_PROTO },
	{ "in an AMF0 object", "03" "000161" "110405" "000009", "03" "000161" "004014000000000000" "000009", ST_OK },

	{ "no string of that number", "110602", NULL, ST_PROTO },
	{ "no object of that number", "110a02", NULL, ST_PROTO },
	{ "no traits of that number", "110a05", NULL, ST_PROTO },
	{ "of a form of its own", "110a07" "0341", NULL, ST_PROTO },
	{ "vector", "110d", NULL, ST_PROTO },
	{ "cut off in the string", "1106" "0761" "62", NULL, ST_PROTO },
	{ "cut off in the number", "1104ff", NULL, ST_PROTO },
	{ "cut off in the double", "1105" "3ff8", NULL, ST_PROTO },
	{ "array of 2^27", "1109" "ffffffff" "01", NULL, ST_PROTO },
	{ "bytes of 2^27", "110c" "ffffffff", NULL, ST_PROTO },
	{ "traits of 2^25 names", "110a" "fffffffb" "01", NULL, ST_LIMIT },
	{ "unknown AMF0", "0d", NULL, ST_PROTO },
	{ "AMF0 array of 2^32", "0a" "ffffffff" "05", NULL, ST_PROTO },
};

static enum status run(const void *p, size_t n, size_t max, struct buf *out)
{
	buf_init(out, max);
	return amf3_to_amf0(p, n, out);
}

START_TEST(table)
{
	const size_t n = strlen(rows[_i].in) / 2;
	uint8_t in[256], want[256];
	struct buf out;
	enum status st;

	ck_assert_uint_le(n, sizeof(in));
	ck_assert(hex_parse(in, n, rows[_i].in));
	st = run(in, n, 4096, &out);
	ck_assert_msg(st == rows[_i].st, "%s: %s", rows[_i].name, status_str(st));
	if (rows[_i].out != NULL) {
		const size_t m = strlen(rows[_i].out) / 2;
		const uint8_t *got = out.p != NULL ? out.p : in;
		char hex[513] = "";

		ck_assert(hex_parse(want, m, rows[_i].out));
		hex_emit(hex, sizeof(hex), got, out.len);
		ck_assert_msg(out.len == m && memcmp(got, want, m) == 0, "%s: %s", rows[_i].name,
			hex);
	}
	buf_fini(&out);
	/* every part of it ends in an orderly way */
	for (size_t k = 0; k < n; k++) {
		(void)!run(in, k, 4096, &out);
		buf_fini(&out);
	}
}
END_TEST

/* Arrays in arrays, AMF3 in AMF0 objects: as deep as it may be, and one deeper. */
START_TEST(depth)
{
	for (unsigned deep = AMF3_DEPTH_MAX - 1; deep <= AMF3_DEPTH_MAX + 1; deep++) {
		struct buf in, out;

		buf_init(&in, 4096);
		buf_u8(&in, 17);
		for (unsigned i = 0; i < deep; i++)
			buf_put(&in, "\x09\x03\x01", 3);
		buf_u8(&in, 3);
		ck_assert_int_eq(run(in.p, in.len, 4096, &out), deep <= AMF3_DEPTH_MAX ? ST_OK : ST_LIMIT);
		buf_fini(&in);
		buf_fini(&out);
	}
	for (unsigned deep = AMF3_DEPTH_MAX - 1; deep <= AMF3_DEPTH_MAX + 1; deep++) {
		struct buf in, out;

		buf_init(&in, 4096);
		for (unsigned i = 0; i < deep; i++)
			buf_put(&in, "\x03\0\1a", 4);
		buf_put(&in, "\x11\x03", 2);
		for (unsigned i = 0; i < deep; i++)
			buf_put(&in, "\0\0\x09", 3);
		ck_assert_int_eq(run(in.p, in.len, 4096, &out), deep <= AMF3_DEPTH_MAX ? ST_OK : ST_LIMIT);
		buf_fini(&in);
		buf_fini(&out);
	}
}
END_TEST

/* A short message that refers to a long string again and again. */
START_TEST(bomb)
{
	struct buf in, out;

	buf_init(&in, 1u << 17);
	buf_put(&in, "\x11\x09\xff\x7f\x01\x06", 6);    /* 8191 elements; the first of 60000 bytes */
	buf_put(&in, "\x87\xa9\x41", 3);
	for (int i = 0; i < 60000; i++)
		buf_u8(&in, 'x');
	for (int i = 0; i < 8190; i++)
		buf_put(&in, "\x06\x00", 2);
	ck_assert_int_eq(run(in.p, in.len, 1u << 17, &out), ST_LIMIT);
	ck_assert_uint_le(out.len, 1u << 17);
	buf_fini(&in);
	buf_fini(&out);
}
END_TEST

START_TEST(many_values)
{
	struct buf in, out;

	buf_init(&in, 1u << 16);
	for (unsigned i = 0; i < AMF3_VALUES_MAX; i++)
		buf_u8(&in, AMF0_NULL);
	ck_assert_int_eq(run(in.p, in.len, 1u << 16, &out), ST_OK);
	buf_fini(&out);
	buf_u8(&in, AMF0_NULL);
	ck_assert_int_eq(run(in.p, in.len, 1u << 16, &out), ST_LIMIT);
	buf_fini(&out);
	buf_fini(&in);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/amf3");
	TCase *t = tcase_create("amf3");

	tcase_add_loop_test(t, table, 0, NELEM(rows));
	tcase_add_test(t, depth);
	tcase_add_test(t, bomb);
	tcase_add_test(t, many_values);
	suite_add_tcase(s, t);
	return s;
}
