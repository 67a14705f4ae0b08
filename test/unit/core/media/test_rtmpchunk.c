/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/rtmpchunk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/unit.h"

/* --- building ----------------------------------------------------------------------------------- */

static void put24(struct buf *b, uint32_t v)
{
	buf_u8(b, (uint8_t)(v >> 16));
	buf_u8(b, (uint8_t)(v >> 8));
	buf_u8(b, (uint8_t)v);
}

static void put32(struct buf *b, uint32_t v)
{
	buf_u8(b, (uint8_t)(v >> 24));
	put24(b, v);
}

static void basic(struct buf *b, unsigned fmt, uint32_t lane)
{
	if (lane < 64) {
		buf_u8(b, (uint8_t)(fmt << 6 | lane));
	} else if (lane < 320) {
		buf_u8(b, (uint8_t)(fmt << 6));
		buf_u8(b, (uint8_t)(lane - 64));
	} else {
		buf_u8(b, (uint8_t)(fmt << 6 | 1));
		buf_u8(b, (uint8_t)(lane - 64));
		buf_u8(b, (uint8_t)((lane - 64) >> 8));
	}
}

/* The header of a chunk; time absolute or a difference, as fmt has it. */
static void head(struct buf *b, unsigned fmt, uint32_t lane, uint32_t time, uint32_t len, uint8_t type,
	uint32_t stream)
{
	basic(b, fmt, lane);
	if (fmt < 3)
		put24(b, MIN(time, 0xffffffu));
	if (fmt < 2) {
		put24(b, len);
		buf_u8(b, type);
	}
	if (fmt == 0)
		buf_le32(b, stream);
	if (fmt < 3 && time >= 0xffffffu)
		put32(b, time);
}

/* n bytes that count up from `from`. */
static void fill(struct buf *b, uint8_t from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_u8(b, (uint8_t)(from + i));
}

static void chunk_size(struct buf *b, uint32_t n)
{
	head(b, 0, 2, 0, 4, RTMP_SET_CHUNK, 0);
	put32(b, n);
}

/* --- running ------------------------------------------------------------------------------------ */

struct out {
	struct buf log;
	enum status refuse;
};

/* "type/stream/time/length:first-last;", and the body must count up. */
static enum status note(void *ctx, const struct rtmp_msg *m)
{
	struct out *o = ctx;

	memset(m->p - RTMP_FRONT, 0xaa, RTMP_FRONT);    /* is it ours to write? */
	memset(m->p + m->n, 0xbb, RTMP_BACK);
	buf_printf(&o->log, "%u/%u/%u/%zu", m->type, m->stream, m->time, m->n);
	if (m->n > 0)
		buf_printf(&o->log, ":%u-%u", m->p[0], m->p[m->n - 1]);
	buf_printf(&o->log, ";");
	for (size_t i = 1; i < m->n; i++)       /* an assertion for each would take long */
		if (m->p[i] != (uint8_t)(m->p[0] + i))
			ck_abort_msg("byte %zu", i);
	return o->refuse;
}

static enum status run(const struct buf *in, size_t step, bool open, struct out *o, const char **why)
{
	struct rtmp_chunks c;
	enum status st = ST_OK;
	size_t k;

	buf_reset(&o->log);
	rtmp_chunks_init(&c, note, o);
	c.open = open;
	for (size_t at = 0; at < in->len && st == ST_OK; at += k) {
		k = step > 0 ? step : 1 + (size_t)rand() % 37;
		k = MIN(k, in->len - at);
		st = rtmp_chunks_feed(&c, in->p + at, k);
		if (c.held > RTMP_HELD_MAX)
			ck_abort_msg("%zu bytes held", c.held);
	}
	*why = c.why;
	rtmp_chunks_fini(&c);
	ck_assert_uint_eq(c.held, 0);
	return st;
}

static void build_plain(struct buf *b)
{
	head(b, 0, 3, 7, 5, 20, 1);
	fill(b, 10, 5);
}

static void build_lanes(struct buf *b)
{
	const uint32_t lane[] = { 2, 63, 64, 319, 320, 65599 };

	for (size_t i = 0; i < NELEM(lane); i++) {
		head(b, 0, lane[i], (uint32_t)i, 1, 9, 1);
		fill(b, (uint8_t)i, 1);
	}
	for (size_t i = 0; i < NELEM(lane); i++) {
		head(b, 3, lane[i], 0, 0, 0, 0);
		fill(b, (uint8_t)i, 1);
	}
}

/* All formats; the difference of the last header holds for one that has none. */
static void build_formats(struct buf *b)
{
	head(b, 0, 4, 1000, 3, 9, 5);
	fill(b, 0, 3);
	head(b, 1, 4, 40, 2, 8, 0);
	fill(b, 1, 2);
	head(b, 2, 4, 33, 0, 0, 0);
	fill(b, 2, 2);
	head(b, 3, 4, 0, 0, 0, 0);
	fill(b, 3, 2);
	head(b, 3, 4, 0, 0, 0, 0);
	fill(b, 4, 2);
}

/* The first difference of all is the first time, when it can be one. */
static void build_first_delta(struct buf *b)
{
	head(b, 0, 4, 26, 1, 8, 1);
	fill(b, 0, 1);
	head(b, 3, 4, 0, 0, 0, 0);
	fill(b, 1, 1);
	head(b, 0, 5, 600000, 1, 8, 1);
	fill(b, 2, 1);
	head(b, 3, 5, 0, 0, 0, 0);
	fill(b, 3, 1);
}

/* Two long messages in turns. */
static void build_interleaved(struct buf *b)
{
	head(b, 0, 4, 10, 300, 9, 1);
	fill(b, 0, 128);
	head(b, 0, 5, 11, 200, 8, 1);
	fill(b, 7, 128);
	head(b, 3, 4, 0, 0, 0, 0);
	fill(b, 128, 128);
	head(b, 3, 5, 0, 0, 0, 0);
	fill(b, 7 + 128, 72);
	head(b, 3, 4, 0, 0, 0, 0);
	fill(b, 0, 44);
}

static void build_chunk_size(struct buf *b)
{
	chunk_size(b, 1);
	head(b, 0, 4, 0, 3, 9, 1);
	for (int i = 0; i < 3; i++) {
		fill(b, (uint8_t)i, 1);
		if (i < 2)
			head(b, 3, 4, 0, 0, 0, 0);
	}
	/* four bytes of a size in four chunks */
	head(b, 0, 2, 0, 4, RTMP_SET_CHUNK, 0);
	for (int i = 0; i < 4; i++) {
		buf_u8(b, i == 1 ? 2 : 0);
		if (i < 3)
			head(b, 3, 2, 0, 0, 0, 0);
	}
	head(b, 0, 4, 0, 70000, 9, 1);
	fill(b, 0, 70000);
}

static void build_largest_chunk_size(struct buf *b)
{
	chunk_size(b, 0x7fffffff);
	head(b, 0, 4, 0, 60000, 20, 1);
	fill(b, 0, 60000);
}

static void build_abort(struct buf *b)
{
	head(b, 0, 4, 10, 300, 9, 1);
	fill(b, 0, 128);
	head(b, 0, 2, 0, 4, RTMP_ABORT, 0);
	put32(b, 4);
	head(b, 0, 2, 0, 4, RTMP_ABORT, 0);     /* of nobody */
	put32(b, 77);
	head(b, 1, 4, 5, 2, 9, 0);
	fill(b, 9, 2);
}

/* A new header in the middle of a message: the old one is given up. */
static void build_given_up(struct buf *b)
{
	head(b, 0, 4, 10, 300, 9, 1);
	fill(b, 0, 128);
	head(b, 0, 4, 20, 2, 8, 1);
	fill(b, 9, 2);
}

static void build_long_time(struct buf *b)
{
	head(b, 0, 4, 0x01000000, 200, 9, 1);
	fill(b, 0, 128);
	basic(b, 3, 4);
	put32(b, 0x01000000);
	fill(b, 128, 72);
	head(b, 1, 4, 0xfffffe, 1, 9, 1);
	fill(b, 1, 1);
	head(b, 1, 4, 0xffffff, 1, 9, 1);
	fill(b, 2, 1);
	head(b, 2, 4, 0xfff00000, 0, 0, 0);     /* modulo 2^32 */
	fill(b, 3, 1);
	basic(b, 3, 4);                         /* once more, with the time again */
	put32(b, 0x10);
	fill(b, 4, 1);
}

/* As some encoders do it: the long time is not there again. */
static void build_long_time_once(struct buf *b)
{
	head(b, 0, 4, 0x01000000, 258, 9, 1);
	fill(b, 5, 128);
	basic(b, 3, 4);
	fill(b, 133, 128);
	basic(b, 3, 4);
	fill(b, 5, 2);                          /* less than a time would be */
	head(b, 0, 5, 1, 2, 8, 1);
	fill(b, 1, 2);
}

static void build_empty(struct buf *b)
{
	head(b, 0, 4, 5, 0, 9, 1);
	head(b, 3, 4, 0, 0, 0, 0);
	head(b, 1, 4, 5, 2, 9, 0);
	fill(b, 0, 2);
}

static void build_middle(struct buf *b)
{
	head(b, 0, 4, 5, 1, 9, 1);
	fill(b, 0, 1);
	head(b, 1, 5, 0, 4, 9, 1);
}

static void build_zero_chunk(struct buf *b)
{
	chunk_size(b, 0);
}

static void build_negative_chunk(struct buf *b)
{
	chunk_size(b, 0x80000000);
}

static void build_short_chunk_size(struct buf *b)
{
	head(b, 0, 2, 0, 3, RTMP_SET_CHUNK, 0);
	fill(b, 0, 3);
}

static void build_33_lanes(struct buf *b)
{
	for (uint32_t i = 0; i <= RTMP_LANES; i++) {
		head(b, 0, 3 + i, 0, 1, 9, 1);
		fill(b, 0, 1);
	}
}

static void build_long_video(struct buf *b)
{
	head(b, 0, 4, 0, RTMP_MEDIA_MAX + 1, 9, 1);
}

static void build_long_command(struct buf *b)
{
	head(b, 0, 4, 0, RTMP_COMMAND_MAX + 1, 20, 1);
}

static void build_long_data(struct buf *b)
{
	head(b, 0, 4, 0, RTMP_DATA_MAX + 1, 18, 1);
}

static void build_video_64k(struct buf *b)
{
	head(b, 0, 4, 0, RTMP_COMMAND_MAX + 1, 9, 1);
}

static const struct {
	const char *name;
	void (*build)(struct buf *b);
	bool open;
	enum status st;
	const char *want;
} rows[] = {
	{ "plain", build_plain, false, ST_OK, "20/1/7/5:10-14;" },
	{ "lanes", build_lanes, true, ST_OK,
		"9/1/0/1:0-0;9/1/1/1:1-1;9/1/2/1:2-2;9/1/3/1:3-3;9/1/4/1:4-4;9/1/5/1:5-5;"
		"9/1/0/1:0-0;9/1/2/1:1-1;9/1/4/1:2-2;9/1/6/1:3-3;9/1/8/1:4-4;9/1/10/1:5-5;" },
	{ "formats", build_formats, true, ST_OK,
		"9/5/1000/3:0-2;8/5/1040/2:1-2;8/5/1073/2:2-3;8/5/1106/2:3-4;8/5/1139/2:4-5;" },
	{ "first difference", build_first_delta, true, ST_OK,
		"8/1/26/1:0-0;8/1/52/1:1-1;8/1/600000/1:2-2;8/1/600000/1:3-3;" },
	{ "interleaved", build_interleaved, true, ST_OK, "8/1/11/200:7-206;9/1/10/300:0-43;" },
	{ "chunk size", build_chunk_size, true, ST_OK, "9/1/0/3:0-2;9/1/0/70000:0-111;" },
	{ "largest chunk size", build_largest_chunk_size, true, ST_OK, "20/1/0/60000:0-95;" },
	{ "abort", build_abort, true, ST_OK, "9/1/15/2:9-10;" },
	{ "given up", build_given_up, true, ST_OK, "8/1/20/2:9-10;" },
	{ "long time", build_long_time, true, ST_OK,
		"9/1/16777216/200:0-199;9/1/33554430/1:1-1;9/1/50331645/1:2-2;9/1/49283069/1:3-3;"
		"9/1/49283085/1:4-4;" },
	{ "long time once", build_long_time_once, true, ST_OK, "9/1/16777216/258:5-6;8/1/1/2:1-2;" },
	{ "empty", build_empty, true, ST_OK, "9/1/5/0;9/1/10/0;9/1/15/2:0-1;" },
	{ "in its middle", build_middle, true, ST_PROTO, "9/1/5/1:0-0;" },
	{ "chunk size 0", build_zero_chunk, true, ST_PROTO, "" },
	{ "chunk size below 0", build_negative_chunk, true, ST_PROTO, "" },
	{ "chunk size cut off", build_short_chunk_size, true, ST_PROTO, "" },
	{ "too many lanes", build_33_lanes, true, ST_LIMIT, NULL },
	{ "long video", build_long_video, true, ST_LIMIT, "" },
	{ "long command", build_long_command, true, ST_LIMIT, "" },
	{ "long data", build_long_data, true, ST_LIMIT, "" },
	{ "64 KiB before the stream", build_video_64k, false, ST_LIMIT, "" },
	{ "64 KiB of video", build_video_64k, true, ST_OK, "" },
};

/* Whole, byte by byte, at random splits: the same messages. */
START_TEST(table)
{
	const size_t steps[] = { SIZE_MAX / 2, 1, 2, 3, 0, 0, 0, 0 };
	struct out o = { .refuse = ST_OK };
	struct buf in;
	const char *why;

	buf_init(&in, 1u << 20);
	buf_init(&o.log, 1u << 16);
	rows[_i].build(&in);
	ck_assert_int_eq(in.err, ST_OK);
	for (size_t i = 0; i < NELEM(steps); i++) {
		ck_assert_msg(run(&in, steps[i], rows[_i].open, &o, &why) == rows[_i].st, "%s, step %zu: %s",
			rows[_i].name, steps[i], why != NULL ? why : "");
		if (rows[_i].want != NULL)
			ck_assert_msg(strcmp(buf_cstr(&o.log), rows[_i].want) == 0, "%s, step %zu: %s",
				rows[_i].name, steps[i], buf_cstr(&o.log));
		ck_assert((why != NULL) == (rows[_i].st != ST_OK));
	}
	buf_fini(&in);
	buf_fini(&o.log);
}
END_TEST

START_TEST(receiver_refuses)
{
	struct out o = { .refuse = ST_STOPPED };
	struct buf in;
	const char *why;

	buf_init(&in, 4096);
	buf_init(&o.log, 4096);
	build_plain(&in);
	build_plain(&in);
	ck_assert_int_eq(run(&in, 1000, true, &o, &why), ST_STOPPED);
	ck_assert_str_eq(buf_cstr(&o.log), "20/1/7/5:10-14;");
	ck_assert_ptr_null(why);
	buf_fini(&in);
	buf_fini(&o.log);
}
END_TEST

/* 32 messages of 8 MiB are announced: memory follows what has come, up to a limit. */
START_TEST(unfinished_messages)
{
	struct out o = { .refuse = ST_OK };
	struct rtmp_chunks c;
	struct buf in;
	enum status st = ST_OK;

	buf_init(&in, 1u << 20);
	buf_init(&o.log, 4096);
	rtmp_chunks_init(&c, note, &o);
	c.open = true;
	chunk_size(&in, 100000);
	for (uint32_t i = 0; i < RTMP_LANES - 1; i++) {
		head(&in, 0, 3 + i, 0, RTMP_MEDIA_MAX, 9, 1);
		ck_assert_int_eq(rtmp_chunks_feed(&c, in.p, in.len), ST_OK);
		ck_assert_uint_le(c.held, (size_t)(i + 1) * 131072);
		buf_reset(&in);
		fill(&in, 0, 100000);
		ck_assert_int_eq(rtmp_chunks_feed(&c, in.p, in.len), ST_OK);
		buf_reset(&in);
	}
	for (int round = 0; round < 100 && st == ST_OK; round++) {
		for (uint32_t i = 0; i < RTMP_LANES - 1 && st == ST_OK; i++) {
			head(&in, 3, 3 + i, 0, 0, 0, 0);
			fill(&in, 0, 100000);
			st = rtmp_chunks_feed(&c, in.p, in.len);
			buf_reset(&in);
			ck_assert_uint_le(c.held, RTMP_HELD_MAX);
		}
	}
	ck_assert_int_eq(st, ST_LIMIT);
	rtmp_chunks_fini(&c);
	buf_fini(&in);
	buf_fini(&o.log);
}
END_TEST

/* What is written is read again. */
START_TEST(writing)
{
	static const size_t sizes[] = { 0, 1, 127, 128, 129, 256, 257, 4000 };
	struct out o = { .refuse = ST_OK };
	struct buf in, body;
	const char *why;
	char want[64];

	buf_init(&in, 1u << 20);
	buf_init(&body, 1u << 20);
	buf_init(&o.log, 4096);
	fill(&body, 3, 4000);
	for (size_t i = 0; i < NELEM(sizes); i++) {
		buf_reset(&in);
		rtmp_put(&in, RTMP_CHUNK, 63, RTMP_COMMAND0, 9, body.p, sizes[i]);
		rtmp_put_u32(&in, RTMP_ACK, 0x10111213);
		ck_assert_int_eq(run(&in, 1, true, &o, &why), ST_OK);
		if (sizes[i] > 0)
			snprintf(want, sizeof(want), "20/9/0/%zu:3-%u;3/0/0/4:16-19;", sizes[i],
				(unsigned)(uint8_t)(sizes[i] + 2));
		else
			snprintf(want, sizeof(want), "20/9/0/0;3/0/0/4:16-19;");
		ck_assert_str_eq(buf_cstr(&o.log), want);
	}
	buf_fini(&in);
	buf_fini(&body);
	buf_fini(&o.log);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/rtmpchunk");
	TCase *t = tcase_create("rtmpchunk");

	tcase_add_loop_test(t, table, 0, NELEM(rows));
	tcase_add_test(t, receiver_refuses);
	tcase_add_test(t, unfinished_messages);
	tcase_add_test(t, writing);
	suite_add_tcase(s, t);
	return s;
}
