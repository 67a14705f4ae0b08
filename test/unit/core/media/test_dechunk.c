/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/dechunk.h"

#include <string.h>

#include "test/unit/core/media/rec.h"

struct sunk {
	struct buf body;
	enum status say;
	size_t largest;
};

static enum status sink(void *ctx, const void *p, size_t n)
{
	struct sunk *s = ctx;

	ck_assert_uint_ge(n, 1);
	if (s->say != ST_OK)
		return s->say;
	s->largest = MAX(s->largest, n);
	buf_put(&s->body, p, n);
	return ST_OK;
}

/* Feed all in pieces of `step`; *left: what was not taken. */
static enum status decode(
	struct dechunk *d, struct sunk *s, const void *p, size_t n, size_t step, size_t *left)
{
	enum status st = ST_OK;
	size_t at = 0, used;

	buf_init(&s->body, 1u << 20);
	dechunk_init(d);
	while (at < n && st == ST_OK) {
		const size_t k = MIN(step, n - at);

		st = dechunk_feed(d, (const uint8_t *)p + at, k, &used, sink, s);
		ck_assert_uint_le(used, k);
		if (st == ST_OK)
			ck_assert_uint_eq(used, k);
		at += used;
	}
	*left = n - at;
	return st;
}

#define Z64 "0000000000000000000000000000000000000000000000000000000000000000"
#define A60 ";aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *name, *in, *body;
	enum status st;
	size_t left;
	const char *error;
} row[] = {
	{ "one", "5\r\nhello\r\n0\r\n\r\n", "hello", ST_EOF, 0, "" },
	{ "two", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", ST_EOF, 0, "" },
	{ "upper case hex", "A\r\n0123456789\r\n0\r\n\r\n", "0123456789", ST_EOF, 0, "" },
	{ "lower case hex", "a\r\n0123456789\r\n0\r\n\r\n", "0123456789", ST_EOF, 0, "" },
	{ "leading zeros", "0000000000000005\r\nhello\r\n0\r\n\r\n", "hello", ST_EOF, 0, "" },
	{ "17 digits", "00000000000000005\r\nhello\r\n", "", ST_LIMIT, 9,
		"chunk size has more than 16 digits" },
	{ "extension", "5;name=value\r\nhello\r\n0;last\r\n\r\n", "hello", ST_EOF, 0, "" },
	{ "quoted extension", "5;a=\"b;c d\"\r\nhello\r\n0\r\n\r\n", "hello", ST_EOF, 0, "" },
	{ "blanks before extension", "5 \t;x\r\nhello\r\n0\r\n\r\n", "hello", ST_EOF, 0, "" },
	{ "trailers", "1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n", "x", ST_EOF, 0, "" },
	{ "what follows stays", "1\r\nx\r\n0\r\n\r\nGET /", "x", ST_EOF, 5, "" },
	{ "CRLF in the body", "4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n", ST_EOF, 0, "" },
	{ "unfinished body", "5\r\nhel", "hel", ST_OK, 0, "" },
	{ "unfinished end", "0\r\n\r", "", ST_OK, 0, "" },
	{ "empty size", "\r\nhello", "", ST_PROTO, 6, "chunk size is not hexadecimal" },
	{ "only extension", ";x\r\n", "", ST_PROTO, 3, "chunk size is not hexadecimal" },
	{ "not hex", "5g\r\nhello\r\n", "", ST_PROTO, 9, "chunk size is not hexadecimal" },
	{ "0x", "0x5\r\nhello\r\n", "", ST_PROTO, 10, "chunk size is not hexadecimal" },
	{ "negative", "-5\r\nhello\r\n", "", ST_PROTO, 10, "chunk size is not hexadecimal" },
	{ "plus", "+5\r\nhello\r\n", "", ST_PROTO, 10, "chunk size is not hexadecimal" },
	{ "leading blank", " 5\r\nhello\r\n", "", ST_PROTO, 10, "chunk size is not hexadecimal" },
	{ "trailing blank", "5 \r\nhello\r\n", "", ST_PROTO, 8, "chunk size is not hexadecimal" },
	{ "bare LF behind the size", "5\nhello\r\n", "", ST_PROTO, 7,
		"chunk size is not hexadecimal" },
	{ "bare LF in an extension", "5;x\nhello\r\n", "", ST_PROTO, 7,
		"control character in a chunk extension" },
	{ "bare CR behind the size", "5\rhello\r\n", "", ST_PROTO, 6,
		"chunk size line does not end in CRLF" },
	{ "bare LF behind the body", "1\r\nx\n0\r\n\r\n", "x", ST_PROTO, 5,
		"chunk does not end in CRLF" },
	{ "body too long", "1\r\nxy\r\n0\r\n\r\n", "x", ST_PROTO, 7, "chunk does not end in CRLF" },
	{ "bare CR behind the body", "1\r\nx\ry", "x", ST_PROTO, 0, "chunk does not end in CRLF" },
	{ "largest", "7fffffff\r\nxy", "xy", ST_OK, 0, "" },
	{ "one more", "80000000\r\nxy", "", ST_LIMIT, 3, "chunk is larger than 2147483647 bytes" },
	{ "2^63", "8000000000000000\r\nxy", "", ST_LIMIT, 3,
		"chunk is larger than 2147483647 bytes" },
	{ "2^64 - 1", "ffffffffffffffff\r\nxy", "", ST_LIMIT, 3,
		"chunk is larger than 2147483647 bytes" },
	{ "2^32 + 1", "100000001\r\nxy", "", ST_LIMIT, 3, "chunk is larger than 2147483647 bytes" },
	{ "line of 256", "1" A60 A60 A60 A60 ";bcdefghijklmno\r\nx\r\n0\r\n\r\n", "x", ST_EOF, 0,
		"" },
	{ "line of 257", "1" A60 A60 A60 A60 ";bcdefghijklmnop\r\nx", "", ST_LIMIT, 3,
		"chunk size line is longer than 256 bytes" },
	{ "zeros without end", Z64 Z64 Z64 Z64, "", ST_LIMIT, 239,
		"chunk size has more than 16 digits" },
	{ "bare LF as end of trailers", "0\r\n\n", "", ST_PROTO, 0,
		"chunk trailer does not end in CRLF" },
	{ "bare LF in a trailer", "0\r\nA: b\n\r\n", "", ST_PROTO, 2,
		"chunk trailer does not end in CRLF" },
	{ "bare CR in a trailer", "0\r\nA: b\rc", "", ST_PROTO, 0,
		"chunk trailer does not end in CRLF" },
	{ "bare CR as end of trailers", "0\r\n\rx", "", ST_PROTO, 0,
		"chunk trailer does not end in CRLF" },
	{ "html", "<html>", "", ST_PROTO, 5, "chunk size is not hexadecimal" },
};

START_TEST(table)
{
	const size_t n = strlen(row[_i].in);
	const size_t blen = strlen(row[_i].body);

	for (size_t step = 1; step <= n; step++) {
		struct dechunk d;
		struct sunk s = { .say = ST_OK };
		size_t left;
		enum status st = decode(&d, &s, row[_i].in, n, step, &left);

		ck_assert_msg(st == row[_i].st, "%s, step %zu: status %d", row[_i].name, step, st);
		ck_assert_msg(
			left == row[_i].left, "%s, step %zu: %zu left", row[_i].name, step, left);
		ck_assert_msg(s.body.len == blen &&
				      (blen == 0 || memcmp(s.body.p, row[_i].body, blen) == 0),
			"%s, step %zu: body of %zu bytes", row[_i].name, step, s.body.len);
		ck_assert_msg(strcmp(dechunk_error(&d), row[_i].error) == 0, "%s: '%s'",
			row[_i].name, dechunk_error(&d));
		if (st != ST_OK) {      /* final */
			size_t used = 99;

			st = dechunk_feed(&d, "5\r\nhello\r\n", 10, &used, sink, &s);
			ck_assert_msg(st == (row[_i].st == ST_EOF ? ST_EOF : ST_PROTO) && used == 0,
			              "%s: goes on with %d", row[_i].name, st);
		}
		buf_fini(&s.body);
	}
}
END_TEST

START_TEST(trailers_are_limited)
{
	struct buf in;
	struct dechunk d;
	struct sunk s = { .say = ST_OK };
	size_t left;

	buf_init(&in, 1u << 16);
	buf_puts(&in, "0\r\n");
	while (in.len < 3 + DECHUNK_TRAILER_MAX - 2)
		buf_puts(&in, in.len < 8000
				      ? "A: 345678901234567890123456789012345678901234567890\r\n"
				      : "B:\r\n");
	in.len = 3 + DECHUNK_TRAILER_MAX - 6;
	memcpy(in.p + in.len - 2, "\r\n", 2);
	buf_puts(&in, "C:\r\n\r\n");            /* 8192 with the last CRLF */
	ck_assert_int_eq(in.err, ST_OK);
	ck_assert_uint_eq(in.len, 3 + DECHUNK_TRAILER_MAX);
	ck_assert_int_eq(decode(&d, &s, in.p, in.len, in.len, &left), ST_EOF);
	buf_fini(&s.body);
	in.len -= 2;
	buf_puts(&in, "D\r\n\r\n");
	ck_assert_int_eq(decode(&d, &s, in.p, in.len, 7, &left), ST_LIMIT);
	ck_assert_str_eq(dechunk_error(&d), "chunk trailers are longer than 8192 bytes");
	buf_fini(&s.body);
	buf_fini(&in);
}
END_TEST

START_TEST(sink_stops_it)
{
	struct dechunk d;
	struct sunk s = { .say = ST_STOPPED };
	size_t left;

	ck_assert_int_eq(decode(&d, &s, "5\r\nhello\r\n", 10, 10, &left), ST_STOPPED);
	ck_assert_str_eq(dechunk_error(&d), "");
	buf_fini(&s.body);
}
END_TEST

START_TEST(body_is_not_copied)
{
	static uint8_t in[100008];
	struct dechunk d;
	struct sunk s = { .say = ST_OK };
	size_t left;

	memset(in, 'x', sizeof(in));
	memcpy(in, "186A0\r\n", 7);             /* 100000 */
	ck_assert_int_eq(decode(&d, &s, in, 100007, 65536, &left), ST_OK);
	ck_assert_uint_eq(s.body.len, 100000);
	ck_assert_uint_eq(s.largest, 65536 - 7);
	buf_fini(&s.body);
}
END_TEST

/* A real push: chunks of ffmpeg, cut in the middle of one. */
START_TEST(real_push)
{
	struct buf f;
	struct dechunk d;
	struct sunk s[2] = { { .say = ST_OK }, { .say = ST_OK } };
	size_t left, at;

	rec_file("test/data/media/http_push_mkv.bin", &f);
	for (at = 0; memcmp(f.p + at, "\r\n\r\n", 4) != 0; at++)
		ck_assert_uint_lt(at + 4, f.len);
	at += 4;
	ck_assert_int_eq(decode(&d, &s[0], f.p + at, f.len - at, f.len, &left), ST_OK);
	ck_assert_int_eq(decode(&d, &s[1], f.p + at, f.len - at, 1, &left), ST_OK);
	ck_assert_uint_gt(s[0].body.len, 59000);
	ck_assert_mem_eq(s[0].body.p, "\x1a\x45\xdf\xa3", 4);
	ck_assert_uint_eq(s[0].body.len, s[1].body.len);
	ck_assert_mem_eq(s[0].body.p, s[1].body.p, s[0].body.len);
	buf_fini(&s[0].body);
	buf_fini(&s[1].body);
	buf_fini(&f);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/dechunk");
	TCase *t = tcase_create("dechunk");

	tcase_add_loop_test(t, table, 0, NELEM(row));
	tcase_add_test(t, trailers_are_limited);
	tcase_add_test(t, sink_stops_it);
	tcase_add_test(t, body_is_not_copied);
	tcase_add_test(t, real_push);
	suite_add_tcase(s, t);
	return s;
}
