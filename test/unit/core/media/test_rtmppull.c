/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/rtmppull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/media/rtmpcmd.h"
#include "core/media/rtmphand.h"
#include "core/sys/text.h"
#include "test/unit/unit.h"

static const struct {
	const char *url, *host;
	uint16_t port;
	const char *app, *stream, *tc;
} urls[] = {
	{ "rtmp://h/app/s", "h", 1935, "app", "s", "rtmp://h/app" },
	{ "RTMP://h.example:19350/app/s", "h.example", 19350, "app", "s", "RTMP://h.example:19350/app" },
	{ "rtmp://192.0.2.1:1/app/s", "192.0.2.1", 1, "app", "s", "rtmp://192.0.2.1:1/app" },
	{ "rtmp://[2001:db8::1]/app/s", "2001:db8::1", 1935, "app", "s", "rtmp://[2001:db8::1]/app" },
	{ "rtmp://[2001:db8::1]:77/app/s", "2001:db8::1", 77, "app", "s", "rtmp://[2001:db8::1]:77/app" },
	{ "rtmp://h/app/inst/s", "h", 1935, "app/inst", "s", "rtmp://h/app/inst" },
	{ "rtmp://h/app/inst/a/b", "h", 1935, "app/inst", "a/b", "rtmp://h/app/inst" },
	{ "rtmp://h/app/s?a=1/2&b=/", "h", 1935, "app", "s?a=1/2&b=/", "rtmp://h/app" },
	{ "rtmp://h/app//s", "h", 1935, "app", "/s", "rtmp://h/app" },
	{ "rtmp://h", NULL, 0, NULL, NULL, NULL },
	{ "rtmp://h/", NULL, 0, NULL, NULL, NULL },
	{ "rtmp://h/app", NULL, 0, NULL, NULL, NULL },
	{ "rtmp://h/app/", NULL, 0, NULL, NULL, NULL },
	{ "rtmp://h/app?x=/s", NULL, 0, NULL, NULL, NULL },
	{ "rtmp:///app/s", NULL, 0, NULL, NULL, NULL },
	{ "rtmp://:1935/app/s", NULL, 0, NULL, NULL, NULL },
	{ "rtmp://h:/app/s", NULL, 0, NULL, NULL, NULL },
	{ "rtmp://h:0/app/s", NULL, 0, NULL, NULL, NULL },
	{ "rtmp://h:65536/app/s", NULL, 0, NULL, NULL, NULL },
	{ "rtmp://h:12345678901/app/s", NULL, 0, NULL, NULL, NULL },
	{ "rtmp://[::1/app/s", NULL, 0, NULL, NULL, NULL },
	{ "rtmp://[]/app/s", NULL, 0, NULL, NULL, NULL },
	{ "rtmp://[::1]x/app/s", NULL, 0, NULL, NULL, NULL },
	{ "rtmp://h/app/s live=1", NULL, 0, NULL, NULL, NULL },
	{ "rtmps://h/app/s", NULL, 0, NULL, NULL, NULL },
	{ "http://h/app/s", NULL, 0, NULL, NULL, NULL },
	{ "", NULL, 0, NULL, NULL, NULL },
};

START_TEST(addresses)
{
	struct rtmp_url u;

	ck_assert_msg(rtmp_url_parse(&u, urls[_i].url) == (urls[_i].host != NULL), "%s", urls[_i].url);
	if (urls[_i].host == NULL)
		return;
	ck_assert_str_eq(u.host, urls[_i].host);
	ck_assert_uint_eq(u.port, urls[_i].port);
	ck_assert_str_eq(u.app, urls[_i].app);
	ck_assert_str_eq(u.stream, urls[_i].stream);
	ck_assert_str_eq(u.tc, urls[_i].tc);
}
END_TEST

START_TEST(long_addresses)
{
	char url[2000] = "rtmp://h/app/";
	struct rtmp_url u;

	memset(url + strlen(url), 's', RTMP_URL_MAX - 1 - strlen(url));
	ck_assert(rtmp_url_parse(&u, url));
	ck_assert_uint_eq(strlen(u.stream), RTMP_URL_MAX - 1 - 13);
	url[RTMP_URL_MAX - 1] = 's';
	ck_assert(!rtmp_url_parse(&u, url));
	memset(url, 0, sizeof(url));
	memcpy(url, "rtmp://", 7);
	memset(url + 7, 'h', 256);
	memcpy(url + 7 + 256, "/app/s", 7);
	ck_assert(!rtmp_url_parse(&u, url));
}
END_TEST

/* --- a server's side of it ---------------------------------------------------------------------- */

static void hello(struct buf *b)
{
	buf_u8(b, 3);
	for (int i = 0; i < 2 * RTMP_HAND; i++)
		buf_u8(b, 0);
}

static void say(struct buf *b, uint32_t stream, const struct buf *body)
{
	rtmp_put(b, RTMP_CHUNK, 3, RTMP_COMMAND0, stream, body->p, body->len);
}

static void info(struct buf *b, const char *name, double txn, const char *level, const char *code)
{
	struct buf body;

	buf_init(&body, 4096);
	rtmp_body_begin(&body, name, txn);
	rtmp_body_null(&body);
	rtmp_body_object(&body);
	rtmp_prop_str(&body, "level", level);
	rtmp_prop_str(&body, "code", code);
	rtmp_prop_str(&body, "description", "so it is");
	amf0_put_end(&body);
	say(b, 1, &body);
	buf_fini(&body);
}

static void created(struct buf *b, double stream)
{
	struct buf body;

	buf_init(&body, 4096);
	rtmp_body_begin(&body, "_result", 2);
	rtmp_body_null(&body);
	amf0_put_number(&body, stream);
	say(b, 0, &body);
	buf_fini(&body);
}

static void media(struct buf *b)
{
	rtmp_put(b, RTMP_CHUNK, 4, RTMP_VIDEO, 1, "\x17\1frame", 7);
}

static void consent(struct buf *b)
{
	hello(b);
	rtmp_put_u32(b, RTMP_WINDOW, 2500000);
	info(b, "_result", 1, "status", "NetConnection.Connect.Success");
	created(b, 7);
}

static void build_stream(struct buf *b)
{
	consent(b);
	rtmp_put(b, RTMP_CHUNK, 2, RTMP_USER, 0, "\0\1\0\0\0\7", 6);    /* an end before the beginning */
	info(b, "onStatus", 0, "status", "NetStream.Play.Start");
	info(b, "onBWDone", 0, "", "");
	media(b);
	rtmp_put(b, RTMP_CHUNK, 5, RTMP_AUDIO, 1, "\xaf\1sound", 7);
	rtmp_put(b, RTMP_CHUNK, 2, RTMP_USER, 0, "\0\6abcd", 6);
}

static void build_eof(struct buf *b)
{
	build_stream(b);
	rtmp_put(b, RTMP_CHUNK, 2, RTMP_USER, 0, "\0\1\0\0\0\7", 6);
}

static void build_unpublished(struct buf *b)
{
	build_stream(b);
	info(b, "onStatus", 0, "status", "NetStream.Play.UnpublishNotify");
	media(b);
}

static void build_not_found(struct buf *b)
{
	consent(b);
	info(b, "onStatus", 0, "error", "NetStream.Play.StreamNotFound");
}

static void build_rejected(struct buf *b)
{
	hello(b);
	info(b, "_error", 1, "error", "NetConnection.Connect.Rejected");
}

static void build_no_stream(struct buf *b)
{
	hello(b);
	info(b, "_result", 1, "status", "NetConnection.Connect.Success");
	created(b, -1);
}

static void build_early_media(struct buf *b)
{
	hello(b);
	media(b);
	info(b, "_result", 5, "status", "of something else");
	created(b, 7);
}

static void build_not_rtmp(struct buf *b)
{
	buf_puts(b, "HTTP/1.1 400 Bad Request\r\n\r\n");
}

static void build_bad_command(struct buf *b)
{
	hello(b);
	rtmp_put(b, RTMP_CHUNK, 3, RTMP_COMMAND0, 0, "\2\0\7x", 4);
}

static const struct {
	const char *name;
	void (*build)(struct buf *b);
	enum status st;
	const char *error;
	size_t flv;                     /* bytes that come out */
} rows[] = {
	{ "stream", build_stream, ST_OK, "", 13 + 22 + 22 },
	{ "end of the stream", build_eof, ST_EOF, "", 13 + 22 + 22 },
	{ "unpublished", build_unpublished, ST_EOF, "", 13 + 22 + 22 },
	{ "not found", build_not_found, ST_PROTO, "refused: NetStream.Play.StreamNotFound so it is", 0 },
	{ "rejected", build_rejected, ST_PROTO, "refused: NetConnection.Connect.Rejected so it is", 0 },
	{ "no stream", build_no_stream, ST_PROTO, "no stream was made", 0 },
	{ "early media", build_early_media, ST_OK, "", 0 },
	{ "not RTMP", build_not_rtmp, ST_PROTO, "not RTMP", 0 },
	{ "bad command", build_bad_command, ST_PROTO, "a command that cannot be read", 0 },
};

static enum status keep(void *ctx, const void *p, size_t n)
{
	buf_put(ctx, p, n);
	return ST_OK;
}

static bool holds(const struct buf *b, const void *what, size_t n)
{
	for (size_t i = 0; i + n <= b->len; i++)
		if (memcmp(b->p + i, what, n) == 0)
			return true;
	return false;
}

START_TEST(sessions)
{
	const size_t steps[] = { SIZE_MAX / 2, 1, 2, 0, 0 };
	struct rtmp_url u;
	struct buf in;

	ck_assert(rtmp_url_parse(&u, "rtmp://h/app/key?x=1"));
	buf_init(&in, 1u << 16);
	rows[_i].build(&in);
	for (size_t i = 0; i < NELEM(steps); i++) {
		struct buf flv, said;
		struct rtmp_pull *p;
		enum status st = ST_OK;

		buf_init(&flv, 4096);
		buf_init(&said, 1u << 16);
		p = rtmp_pull_new(&u, keep, &flv);
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq(rtmp_pull_out(p)->len, 1 + RTMP_HAND);
		for (size_t at = 0, k; at < in.len && st == ST_OK; at += k) {
			k = MIN(steps[i] > 0 ? steps[i] : 1 + (size_t)rand() % 99, in.len - at);
			st = rtmp_pull_feed(p, in.p + at, k);
		}
		buf_put(&said, rtmp_pull_out(p)->p, rtmp_pull_out(p)->len);
		ck_assert_msg(st == rows[_i].st && strcmp(rtmp_pull_error(p), rows[_i].error) == 0, "%s: %s: %s",
			rows[_i].name, status_str(st), rtmp_pull_error(p));
		ck_assert_msg(flv.len == rows[_i].flv, "%s: %zu bytes", rows[_i].name, flv.len);
		if (rows[_i].flv > 0) {
			ck_assert(holds(&said, "tcUrl\2\0\x0crtmp://h/app", 20));
			ck_assert(holds(&said, "key?x=1", 7));
			/* the window is 2.5 MB: the ping is all there is to answer */
			ck_assert(holds(&said, "\2\0\0\0\0\0\6\4\0\0\0\0\0\7abcd", 18));
			/* on the stream that was made */
			ck_assert(holds(&said, "\0\3\0\0\0\7\0\0", 8));
		}
		ck_assert(holds(&said, "createStream", 12) == (_i < 4 || _i == 5));
		if (st != ST_OK)
			ck_assert_int_eq(rtmp_pull_feed(p, "x", 1), st);
		rtmp_pull_free(&p);
		buf_fini(&flv);
		buf_fini(&said);
	}
	buf_fini(&in);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/rtmppull");
	TCase *t = tcase_create("rtmppull");

	tcase_add_loop_test(t, addresses, 0, NELEM(urls));
	tcase_add_test(t, long_addresses);
	tcase_add_loop_test(t, sessions, 0, NELEM(rows));
	suite_add_tcase(s, t);
	return s;
}
