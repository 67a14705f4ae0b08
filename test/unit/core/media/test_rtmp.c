/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/rtmp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/media/rtmpcmd.h"
#include "core/media/rtmphand.h"
#include "core/media/rtmptag.h"
#include "core/sys/file.h"
#include "core/sys/text.h"
#include "test/unit/unit.h"

static uint32_t be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static uint32_t tag_time(const uint8_t *p)
{
	return be24(p + 4) | (uint32_t)p[7] << 24;
}

/* --- a session ---------------------------------------------------------------------------------- */

struct pub {
	char app[256], name[256];
	int asked;
	const char *refuse;
	struct buf flv;
	enum status say;
};

static const char *on_publish(void *ctx, const char *app, const char *name)
{
	struct pub *p = ctx;

	p->asked++;
	(void)text_copy(p->app, sizeof(p->app), app);
	(void)text_copy(p->name, sizeof(p->name), name);
	return p->refuse;
}

static enum status on_flv(void *ctx, const void *data, size_t n)
{
	struct pub *p = ctx;

	if (p->say == ST_OK)
		buf_put(&p->flv, data, n);
	return p->say;
}

static const struct rtmp_ops ops = { on_publish, on_flv };

static void pub_init(struct pub *p)
{
	memset(p, 0, sizeof(*p));
	buf_init(&p->flv, 1u << 20);
}

/* Feed it all in pieces of `step` bytes, 0 = of random size. out: what was answered, may be NULL. */
static enum status run(struct pub *p, const uint8_t *in, size_t n, size_t step, struct buf *out, char error[160])
{
	struct rtmp *r = rtmp_new(&ops, p);
	enum status st = ST_OK;
	size_t k;

	ck_assert_ptr_nonnull(r);
	for (size_t at = 0; at < n && st == ST_OK; at += k) {
		k = step > 0 ? step : 1 + (size_t)rand() % 999;
		k = MIN(k, n - at);
		st = rtmp_feed(r, in + at, k);
		if (out != NULL)
			buf_put(out, rtmp_out(r)->p, rtmp_out(r)->len);
		buf_reset(rtmp_out(r));
	}
	(void)text_copy(error, 160, rtmp_error(r));
	if (st != ST_OK)
		ck_assert_int_eq(rtmp_feed(r, "x", 1), st);     /* final */
	rtmp_free(&r);
	return st;
}

/* FLV that is whole: the number of its tags. */
static size_t count_tags(const struct buf *flv)
{
	size_t n = 0, at = 13;

	ck_assert_uint_ge(flv->len, 13);
	ck_assert_mem_eq(flv->p, "FLV\1\5\0\0\0\x09\0\0\0\0", 13);
	while (at < flv->len) {
		const size_t size = 11 + be24(flv->p + at + 1);

		ck_assert_uint_le(at + size + 4, flv->len);
		ck_assert_uint_eq(be24(flv->p + at + size + 1), size);
		at += size + 4;
		n++;
	}
	return n;
}

static const struct {
	const char *file, *name;
	size_t tags;
	enum status st;
} recorded[] = {
	{ "test/data/media/rtmp_ffmpeg.bin", "key?name=x", 112, ST_EOF },
	{ "test/data/media/rtmp_enhanced.bin", "x?name=y", 27, ST_EOF },
};

/* Whole, byte by byte, at random splits: the same FLV. */
START_TEST(real)
{
	const size_t steps[] = { SIZE_MAX / 2, 1, 0, 0, 0 };
	struct buf in, first;
	char error[160];

	buf_init(&in, 1u << 20);
	ck_assert_int_eq(file_read(recorded[_i].file, &in), ST_OK);
	for (size_t i = 0; i < NELEM(steps); i++) {
		struct pub p;
		enum status st;

		pub_init(&p);
		st = run(&p, in.p, in.len, steps[i], NULL, error);
		ck_assert_msg(st == recorded[_i].st, "%s: %s", status_str(st), error);
		ck_assert_str_eq(error, "");
		ck_assert_str_eq(p.app, "live");
		ck_assert_str_eq(p.name, recorded[_i].name);
		ck_assert_uint_eq(count_tags(&p.flv), recorded[_i].tags);
		if (i == 0) {
			first = p.flv;
			continue;
		}
		ck_assert_uint_eq(p.flv.len, first.len);
		ck_assert_mem_eq(p.flv.p, first.p, first.len);
		buf_fini(&p.flv);
	}
	buf_fini(&first);
	buf_fini(&in);
}
END_TEST

/* --- words by hand ------------------------------------------------------------------------------ */

static void handshake(struct buf *b)
{
	buf_u8(b, 3);
	for (int i = 0; i < 2 * RTMP_HAND; i++)
		buf_u8(b, 0);
}

static void command(struct buf *b, uint32_t stream, const struct buf *body)
{
	rtmp_put(b, RTMP_CHUNK, 3, RTMP_COMMAND0, stream, body->p, body->len);
}

static void call(struct buf *b, const char *name, double txn)
{
	struct buf body;

	buf_init(&body, 4096);
	rtmp_body_begin(&body, name, txn);
	rtmp_body_null(&body);
	command(b, 0, &body);
	buf_fini(&body);
}

static void say_connect(struct buf *b, bool amf3, bool enhanced)
{
	struct buf body;

	buf_init(&body, 4096);
	if (amf3)
		buf_u8(&body, 0);
	rtmp_body_begin(&body, "connect", 1);
	rtmp_body_object(&body);
	rtmp_prop_str(&body, "app", "a/b?q=1");
	if (amf3)
		rtmp_prop_num(&body, "objectEncoding", 3);
	if (enhanced)
		rtmp_prop_num(&body, "capsEx", 7);
	amf0_put_end(&body);
	rtmp_put(b, RTMP_CHUNK, 3, amf3 ? RTMP_COMMAND3 : RTMP_COMMAND0, 0, body.p, body.len);
	buf_fini(&body);
}

static void say_publish(struct buf *b, const char *name)
{
	struct buf body;

	buf_init(&body, 4096);
	rtmp_body_begin(&body, "publish", 0);
	rtmp_body_null(&body);
	rtmp_body_str(&body, name);
	rtmp_body_str(&body, "live");
	command(b, 1, &body);
	buf_fini(&body);
}

static void say_frame(struct buf *b, const char *body)
{
	rtmp_put(b, RTMP_CHUNK, 4, RTMP_VIDEO, 1, body, strlen(body));
}

static void hello(struct buf *b)
{
	handshake(b);
	say_connect(b, false, false);
	call(b, "createStream", 2);
}

static bool holds(const struct buf *b, const char *what)
{
	const size_t n = strlen(what);

	for (size_t i = 0; i + n <= b->len; i++)
		if (memcmp(b->p + i, what, n) == 0)
			return true;
	return false;
}

START_TEST(answers)
{
	struct buf in, out;
	struct pub p;
	char error[160];

	pub_init(&p);
	buf_init(&in, 1u << 16);
	buf_init(&out, 1u << 16);
	handshake(&in);
	say_connect(&in, _i == 1, _i == 2);
	call(&in, "releaseStream", 2);
	call(&in, "createStream", 3);
	call(&in, "getStreamLength", 4);
	say_frame(&in, "\x17\1early");
	say_publish(&in, "s");
	say_frame(&in, "\x17\1late");
	call(&in, "deleteStream", 0);
	ck_assert_int_eq(run(&p, in.p, in.len, 1000, &out, error), ST_EOF);
	ck_assert_str_eq(p.app, "a/b?q=1");
	ck_assert_str_eq(p.name, "s");
	ck_assert_uint_eq(count_tags(&p.flv), 1);
	ck_assert(holds(&p.flv, "late") && !holds(&p.flv, "early"));
	ck_assert(holds(&out, "NetConnection.Connect.Success"));
	ck_assert(holds(&out, "NetConnection.Call.Failed"));
	ck_assert(holds(&out, "NetStream.Publish.Start"));
	ck_assert(holds(&out, "NetStream.Unpublish.Success"));
	ck_assert(holds(&out, _i == 1 ? "objectEncoding\0@\x08" : "objectEncoding\0\0"));
	ck_assert(holds(&out, "videoFourCcInfoMap") == (_i == 2));
	buf_fini(&in);
	buf_fini(&out);
	buf_fini(&p.flv);
}
END_TEST

START_TEST(refused)
{
	struct buf in, out;
	struct pub p;
	char error[160];

	pub_init(&p);
	p.refuse = "Not you.";
	buf_init(&in, 1u << 16);
	buf_init(&out, 1u << 16);
	hello(&in);
	say_publish(&in, "s");
	say_frame(&in, "\x17\1frame");
	ck_assert_int_eq(run(&p, in.p, in.len, 1, &out, error), ST_PROTO);
	ck_assert_str_eq(error, "Not you.");
	ck_assert(holds(&out, "NetStream.Publish.BadName"));
	ck_assert(holds(&out, "Not you."));
	ck_assert_uint_eq(p.flv.len, 0);
	buf_fini(&in);
	buf_fini(&out);
}
END_TEST

static void bad_version(struct buf *b)
{
	buf_u8(b, 6);
}

static void bad_no_connect(struct buf *b)
{
	handshake(b);
	call(b, "createStream", 1);
}

static void bad_two_connects(struct buf *b)
{
	hello(b);
	say_connect(b, false, false);
}

static void bad_two_publishes(struct buf *b)
{
	hello(b);
	say_publish(b, "s");
	say_publish(b, "t");
}

static void bad_streams(struct buf *b)
{
	hello(b);
	for (int i = 0; i < 16; i++)
		call(b, "createStream", 3 + i);
}

static void bad_command(struct buf *b)
{
	handshake(b);
	rtmp_put(b, RTMP_CHUNK, 3, RTMP_COMMAND0, 0, "\2\0\7conne", 8);
}

static void bad_number_for_a_name(struct buf *b)
{
	handshake(b);
	rtmp_put(b, RTMP_CHUNK, 3, RTMP_COMMAND0, 0, "\5\5", 2);
}

static void bad_connect(struct buf *b)
{
	call(b, "connect", 1);
	handshake(b);
	buf_consume(b, b->len - 1 - 2 * RTMP_HAND);
	call(b, "connect", 1);
}

static void bad_calls(struct buf *b)
{
	hello(b);
	for (int i = 0; i < 1000; i++)
		call(b, "what", 9);
}

static void bad_chunk(struct buf *b)
{
	hello(b);
	buf_u8(b, 0xc9);
}

static const struct {
	const char *name;
	void (*build)(struct buf *b);
	enum status st;
	const char *error;
} bad[] = {
	{ "version", bad_version, ST_PROTO, "not RTMP" },
	{ "no connect", bad_no_connect, ST_PROTO, "a command before connect" },
	{ "connect twice", bad_two_connects, ST_PROTO, "connect for the second time" },
	{ "publish twice", bad_two_publishes, ST_PROTO, "publish for the second time" },
	{ "streams", bad_streams, ST_LIMIT, "too many streams" },
	{ "command", bad_command, ST_PROTO, "a command that cannot be read" },
	{ "no name", bad_number_for_a_name, ST_PROTO, "a command that cannot be read" },
	{ "connect", bad_connect, ST_PROTO, "connect cannot be read" },
	{ "calls", bad_calls, ST_LIMIT, "more calls than can be answered" },
	{ "chunk", bad_chunk, ST_PROTO, "a chunk stream that begins in its middle" },
};

START_TEST(broken)
{
	struct buf in;
	struct pub p;
	char error[160];
	enum status st;

	pub_init(&p);
	buf_init(&in, 1u << 18);
	bad[_i].build(&in);
	ck_assert_int_eq(in.err, ST_OK);
	st = run(&p, in.p, in.len, in.len, NULL, error);
	ck_assert_msg(st == bad[_i].st && strcmp(error, bad[_i].error) == 0, "%s: %s: %s", bad[_i].name,
		status_str(st), error);
	buf_fini(&in);
	buf_fini(&p.flv);
}
END_TEST

START_TEST(receiver_stops)
{
	struct buf in;
	struct pub p;
	char error[160];

	pub_init(&p);
	p.say = ST_STOPPED;
	buf_init(&in, 1u << 16);
	hello(&in);
	say_publish(&in, "s");
	say_frame(&in, "\x17\1frame");
	ck_assert_int_eq(run(&p, in.p, in.len, in.len, NULL, error), ST_STOPPED);
	ck_assert_str_eq(error, "");
	buf_fini(&in);
}
END_TEST

/* An acknowledgement for each window, and not more often than each 64 KiB. */
START_TEST(acks)
{
	struct buf in, out;
	struct pub p;
	char error[160], big[60001];
	unsigned n = 0;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	pub_init(&p);
	buf_init(&in, 1u << 20);
	buf_init(&out, 1u << 20);
	hello(&in);
	rtmp_put_u32(&in, RTMP_WINDOW, 1000);
	say_publish(&in, "s");
	for (int i = 0; i < 10; i++)
		say_frame(&in, big);
	ck_assert_int_eq(run(&p, in.p, in.len, 100, &out, error), ST_OK);
	for (size_t i = 0; i + 16 <= out.len; i++)
		n += memcmp(out.p + i, "\2\0\0\0\0\0\4\3\0\0\0\0", 12) == 0;
	ck_assert_uint_eq(n, in.len / (65536 + 100) );
	buf_fini(&in);
	buf_fini(&out);
	buf_fini(&p.flv);
}
END_TEST

/* --- handshake ---------------------------------------------------------------------------------- */

static const char player[] = "Genuine Adobe Flash Player 001";
static const char server[] = "Genuine Adobe Flash Media Server 001";

/* The digest stands in one of two places, and in the answer in the same. */
START_TEST(digest)
{
	const size_t base = _i == 0 ? 8 : 772;
	uint8_t c1[RTMP_HAND] = { 0, 0, 0, 0, 9, 0, 124, 2 };
	struct rtmp_hand h;
	struct buf out;
	size_t at, used;

	for (size_t i = 8; i < RTMP_HAND; i++)
		c1[i] = (uint8_t)(i * 7 + i / 256);
	at = base + 4 + (size_t)(c1[base] + c1[base + 1] + c1[base + 2] + c1[base + 3]) % 728;
	rtmp_digest_make(c1, at, player, strlen(player), c1 + at);
	ck_assert_uint_eq(rtmp_digest_find(c1, player, strlen(player)), at);
	ck_assert_uint_eq(rtmp_digest_find(c1, server, strlen(server)), 0);
	rtmp_hand_init(&h, false, NULL);
	buf_init(&out, 8192);
	ck_assert_int_eq(rtmp_hand_feed(&h, (const uint8_t *)"\3", 1, &used, &out), ST_OK);
	ck_assert_int_eq(rtmp_hand_feed(&h, c1, sizeof(c1), &used, &out), ST_OK);
	ck_assert_uint_eq(used, sizeof(c1));
	ck_assert_uint_eq(out.len, 1 + 2 * RTMP_HAND);
	at = rtmp_digest_find(out.p + 1, server, strlen(server));
	ck_assert(_i == 0 ? at >= 12 && at < 772 : at >= 776);
	ck_assert_int_ne(memcmp(out.p + 1 + RTMP_HAND, c1, RTMP_HAND), 0);
	buf_fini(&out);
}
END_TEST

/* A digest that is wrong: answered in the plain way. */
START_TEST(no_digest)
{
	uint8_t c1[RTMP_HAND] = { 0, 0, 0, 0, 9, 0, 124, 2 };
	struct rtmp_hand h;
	struct buf out;
	size_t used;

	rtmp_hand_init(&h, false, NULL);
	buf_init(&out, 8192);
	ck_assert_int_eq(rtmp_hand_feed(&h, (const uint8_t *)"\3", 1, &used, &out), ST_OK);
	ck_assert_int_eq(rtmp_hand_feed(&h, c1, sizeof(c1), &used, &out), ST_OK);
	ck_assert_mem_eq(out.p + 1 + RTMP_HAND, c1, RTMP_HAND);
	buf_fini(&out);
}
END_TEST

/* A client and a server, byte by byte. */
START_TEST(both_sides)
{
	struct rtmp_hand c, s;
	struct buf to_s, to_c;
	size_t used;

	buf_init(&to_s, 8192);
	buf_init(&to_c, 8192);
	rtmp_hand_init(&c, true, &to_s);
	rtmp_hand_init(&s, false, NULL);
	ck_assert_uint_eq(to_s.len, 1 + RTMP_HAND);
	for (size_t i = 0, k = 0; i < to_s.len || k < to_c.len;) {
		if (i < to_s.len) {
			ck_assert_int_eq(rtmp_hand_feed(&s, to_s.p + i++, 1, &used, &to_c), ST_OK);
			ck_assert_uint_eq(used, 1);
		}
		if (k < to_c.len) {
			ck_assert_int_eq(rtmp_hand_feed(&c, to_c.p + k++, 1, &used, &to_s), ST_OK);
			ck_assert_uint_eq(used, 1);
		}
	}
	ck_assert_int_eq(c.state, RTMP_HAND_DONE);
	ck_assert_int_eq(s.state, RTMP_HAND_DONE);
	ck_assert_int_eq(rtmp_hand_feed(&s, to_s.p, 5, &used, &to_c), ST_OK);
	ck_assert_uint_eq(used, 0);             /* the rest is not its own */
	buf_fini(&to_s);
	buf_fini(&to_c);
}
END_TEST

/* --- tags --------------------------------------------------------------------------------------- */

static enum status keep(void *ctx, const void *p, size_t n)
{
	buf_put(ctx, p, n);
	return ST_OK;
}

static enum status put(struct rtmp_tags *t, uint8_t type, uint32_t time, const void *p, size_t n)
{
	uint8_t room[RTMP_FRONT + 512 + RTMP_BACK];

	ck_assert_uint_le(n, 512);
	memcpy(room + RTMP_FRONT, p, n);
	return rtmp_tags_put(t, &(struct rtmp_msg){ .type = type, .time = time, .p = room + RTMP_FRONT, .n = n });
}

#define A 8
#define V 9

/* Kind and time of what comes; the times that go out. */
static const struct {
	const char *name;
	struct {
		uint8_t kind;
		uint32_t in, out;
	} m[8];
} times[] = {
	{ "from 0", { { V, 0, 0 }, { A, 0, 0 }, { V, 40, 40 }, { A, 23, 23 } } },
	{ "from elsewhere", { { A, 5000, 0 }, { V, 5010, 10 }, { A, 5023, 23 } } },
	{ "before the first", { { V, 100, 0 }, { A, 90, 0 }, { A, 113, 13 } } },
	{ "a step back is held", { { V, 0, 0 }, { V, 500, 500 }, { V, 400, 500 }, { V, 540, 540 } } },
	{ "kinds cross freely", { { V, 0, 0 }, { V, 500, 500 }, { A, 100, 100 }, { A, 123, 123 } } },
	{ "a new clock goes on", { { V, 0, 0 }, { V, 90000, 0 }, { V, 90040, 40 }, { V, 7, 40 }, { V, 47, 80 },
		{ A, 20, 53 } } },
	{ "beyond 2^24", { { V, 0, 0 }, { V, 59999, 59999 }, { V, 119998, 119998 } } },
	{ "modulo 2^32", { { V, 0xfffffff0, 0 }, { V, 8, 24 }, { A, 10, 26 } } },
};

START_TEST(clock_of_tags)
{
	struct buf flv;
	struct rtmp_tags t = { .op = keep, .ctx = &flv };
	size_t at = 13;

	buf_init(&flv, 4096);
	for (size_t i = 0; i < NELEM(times[_i].m) && times[_i].m[i].kind != 0; i++) {
		ck_assert_int_eq(put(&t, times[_i].m[i].kind, times[_i].m[i].in, "xyz", 3), ST_OK);
		ck_assert_msg(flv.p[at] == times[_i].m[i].kind && tag_time(flv.p + at) == times[_i].m[i].out,
			"%s, message %zu: %u", times[_i].name, i, tag_time(flv.p + at));
		at = flv.len;
	}
	buf_fini(&flv);
}
END_TEST

START_TEST(aggregate)
{
	/* three tags, the last without its trailing size; one of a kind that is not known */
	static const uint8_t body[] = {
		9, 0, 0, 2, 0, 0, 100, 0, 0, 0, 0, 'v', '1', 0, 0, 0, 13,
		77, 0, 0, 1, 0, 0, 101, 0, 0, 0, 0, '?', 0, 0, 0, 12,
		8, 0, 0, 1, 0, 0, 110, 0, 0, 0, 0, 'a', 0, 0, 0, 99,
		9, 0, 0, 2, 0, 0, 140, 0, 0, 0, 0, 'v', '2',
	};
	static const uint8_t want[] = {
		9, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 'v', '1', 0, 0, 0, 13,
		8, 0, 0, 1, 0, 0, 10, 0, 0, 0, 0, 'a', 0, 0, 0, 12,
		9, 0, 0, 2, 0, 0, 40, 0, 0, 0, 0, 'v', '2', 0, 0, 0, 13,
	};
	struct buf flv;
	struct rtmp_tags t = { .op = keep, .ctx = &flv };

	buf_init(&flv, 4096);
	ck_assert_int_eq(put(&t, RTMP_AGGREGATE, 7000, body, sizeof(body)), ST_OK);
	ck_assert_uint_eq(flv.len, 13 + sizeof(want));
	ck_assert_mem_eq(flv.p + 13, want, sizeof(want));
	/* a length that lies ends it; what was before counts */
	buf_reset(&flv);
	ck_assert_int_eq(put(&t, RTMP_AGGREGATE, 7200, body, sizeof(body) - 1), ST_OK);
	ck_assert_uint_eq(flv.len, sizeof(want) - 17);
	for (size_t n = 0; n < 11; n++)
		ck_assert_int_eq(put(&t, RTMP_AGGREGATE, 0, body, n), ST_OK);
	ck_assert_uint_eq(flv.len, sizeof(want) - 17);
	buf_fini(&flv);
}
END_TEST

static const struct {
	const char *name;
	uint8_t type;
	const char *in, *out;           /* hex; out NULL = nothing */
} datas[] = {
	{ "as it is", RTMP_DATA0, "02000161" "0101", "02000161" "0101" },
	{ "set", RTMP_DATA0, "02000d" "40736574446174614672616d65" "02000161" "0101", "02000161" "0101" },
	{ "set nothing", RTMP_DATA0, "02000d" "40736574446174614672616d65", NULL },
	{ "clear", RTMP_DATA0, "02000f" "40636c656172446174614672616d65" "02000161", NULL },
	{ "sample access", RTMP_DATA0, "020011" "7c52746d7053616d706c65416363657373" "0101" "0101", NULL },
	{ "no name", RTMP_DATA0, "0101", NULL },
	{ "broken", RTMP_DATA0, "0200", NULL },
	{ "empty", RTMP_DATA0, "", NULL },
	{ "AMF3 with its format", RTMP_DATA3, "00" "02000161" "1103", "02000161" "0101" },
	{ "AMF3 without", RTMP_DATA3, "02000161" "1103", "02000161" "0101" },
	{ "AMF3, set", RTMP_DATA3, "00" "02000d" "40736574446174614672616d65" "02000161" "1103", "02000161" "0101" },
	{ "AMF3, broken", RTMP_DATA3, "00" "02000161" "11", NULL },
	{ "AMF3, empty", RTMP_DATA3, "", NULL },
	{ "AMF3, format alone", RTMP_DATA3, "00", NULL },
	{ "unknown message", 99, "02000161", NULL },
	{ "empty video", RTMP_VIDEO, "", NULL },
};

START_TEST(data)
{
	const size_t n = strlen(datas[_i].in) / 2;
	uint8_t in[256], want[256];
	struct buf flv;
	struct rtmp_tags t = { .op = keep, .ctx = &flv };

	buf_init(&flv, 4096);
	ck_assert(hex_parse(in, n, datas[_i].in));
	ck_assert_int_eq(put(&t, datas[_i].type, 77, in, n), ST_OK);
	if (datas[_i].out == NULL) {
		ck_assert_msg(flv.len == 0, "%s", datas[_i].name);
	} else {
		const size_t m = strlen(datas[_i].out) / 2;

		ck_assert(hex_parse(want, m, datas[_i].out));
		ck_assert_msg(flv.len == 13 + 15 + m && memcmp(flv.p + 24, want, m) == 0, "%s", datas[_i].name);
		ck_assert_uint_eq(flv.p[13], 18);
		ck_assert_uint_eq(flv.p[flv.len - 1], 11 + m);
	}
	buf_fini(&flv);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/rtmp");
	TCase *t = tcase_create("rtmp");

	tcase_add_loop_test(t, real, 0, NELEM(recorded));
	tcase_add_loop_test(t, answers, 0, 3);
	tcase_add_test(t, refused);
	tcase_add_loop_test(t, broken, 0, NELEM(bad));
	tcase_add_test(t, receiver_stops);
	tcase_add_test(t, acks);
	tcase_add_loop_test(t, digest, 0, 2);
	tcase_add_test(t, no_digest);
	tcase_add_test(t, both_sides);
	tcase_add_loop_test(t, clock_of_tags, 0, NELEM(times));
	tcase_add_test(t, aggregate);
	tcase_add_loop_test(t, data, 0, NELEM(datas));
	suite_add_tcase(s, t);
	return s;
}
