/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A source that plays from a server, which says what it has to say without listening. */
#include "servent/rtmpplay.h"

#include <fcntl.h>
#include <stdio.h>

#include "core/media/amf0.h"
#include "core/media/rtmpchunk.h"
#include "core/media/rtmphand.h"
#include "test/unit/servent/servtest.h"
#include "test/unit/unit.h"

static struct app app;

struct server {
	int fd;
	struct thr thr;
	struct buf says;
	bool stays;                     /* until the player goes */
	struct mbox *stop;              /* told to stop once all is said; NULL = nobody */
	char url[64];
};

static void serve(void *arg)
{
	struct server *v = arg;
	char junk[4096];
	int c = accept(v->fd, NULL, NULL);
	ssize_t n;

	ck_assert_int_ne(c, -1);
	ck_assert_int_eq(send(c, v->says.p, v->says.len, MSG_NOSIGNAL), (ssize_t)v->says.len);
	if (v->stop != NULL)
		mbox_stop_soft(v->stop);
	if (!v->stays)
		(void)shutdown(c, SHUT_WR);
	do
		n = recv(c, junk, sizeof(junk), 0);
	while (n > 0);
	close(c);
}

static void server_start(struct server *v)
{
	const struct host any = host_v4(127, 0, 0, 1, 0);

	ck_assert_int_eq(sock_listen(&v->fd, &any), ST_OK);
	/* accept(2) is to wait */
	ck_assert_int_eq(fcntl(v->fd, F_SETFL, 0), 0);
	snprintf(v->url, sizeof(v->url), "rtmp://127.0.0.1:%u/live/s", sock_local_port(v->fd));
	ck_assert_int_eq(thr_start(&v->thr, "server", serve, v), ST_OK);
}

static void server_end(struct server *v)
{
	ck_assert_int_eq(thr_join(&v->thr, clk_deadline(4 * SOON)), ST_OK);
	close(v->fd);
	buf_fini(&v->says);
}

/* --- what it says ------------------------------------------------------------------------------- */

static void hello(struct buf *b)
{
	buf_u8(b, 3);
	for (int i = 0; i < 2 * RTMP_HAND; i++)
		buf_u8(b, 0);
}

/* name, transaction, null, and a number; or an error with this code. */
static void answer(struct buf *b, const char *name, double txn, double value, const char *code)
{
	struct buf body;

	buf_init(&body, 1024);
	amf0_put_string(&body, name, strlen(name));
	amf0_put_number(&body, txn);
	buf_u8(&body, AMF0_NULL);
	if (code != NULL) {
		buf_u8(&body, AMF0_OBJECT);
		amf0_put_name(&body, "level");
		amf0_put_string(&body, "error", 5);
		amf0_put_name(&body, "code");
		amf0_put_string(&body, code, strlen(code));
		amf0_put_end(&body);
	} else {
		amf0_put_number(&body, value);
	}
	rtmp_put(b, RTMP_CHUNK, 3, RTMP_COMMAND0, 0, body.p, body.len);
	buf_fini(&body);
}

static void frames(struct buf *b)
{
	static const char avc[] = "\x17\x00\x00\x00\x00\x01\x42\xc0\x1e\xff\xe1\x00\x0e\x67\x42\xc0\x1e\xd9\x00\xa0"
		"\x3d\xa1\x00\x00\x03\x00\x01\x00\x01\x00\x04\x68\xce\x3c\x80";
	char frame[1000] = "\x17\x01";

	rtmp_put(b, RTMP_CHUNK, 4, RTMP_VIDEO, 1, avc, sizeof(avc) - 1);
	for (int i = 0; i < 5; i++)
		rtmp_put(b, RTMP_CHUNK, 4, RTMP_VIDEO, 1, frame, sizeof(frame));
}

/* --- playing ------------------------------------------------------------------------------------ */

static void source_begin(struct source *s)
{
	const struct host none = { .port = 0 };
	struct chanmeta m = { .bitrate_kbps = 0 };

	app_make(&app, (const char *const[]){ "sourceGraceSec", "0", "rootHost", "", NULL });
	(void)text_copy(m.text[CT_NAME], TEXT_MAX, "pulled");
	(void)chanmeta_set_type(&m, "FLV");
	ck_assert_int_eq(source_init(s, &app, CHAN_SRC_URL, &m, &none, false), ST_OK);
}

static void source_over(struct source *s)
{
	source_fini(s);
	app_drop(&app);
}

START_TEST(plays)
{
	struct server v = { .stays = false };
	struct source s;
	struct chan_view w;

	source_begin(&s);
	buf_init(&v.says, 1 << 16);
	hello(&v.says);
	answer(&v.says, "_result", 1, 0, NULL);
	answer(&v.says, "_result", 2, 1, NULL);
	frames(&v.says);
	server_start(&v);
	ck_assert_int_eq(rtmp_play(&s, v.url, false), ST_EOF);
	server_end(&v);
	ck_assert_ptr_nonnull(s.c);
	chan_view(s.c, &w);
	ck_assert_uint_gt(w.bytes_in, 4000);
	ck_assert_str_eq(w.info->text[CT_TYPE], "FLV");
	chan_view_fini(&w);
	source_end(&s, ST_EOF);
	source_over(&s);
}
END_TEST

START_TEST(refused)
{
	struct server v = { .stays = true };
	struct source s;

	source_begin(&s);
	buf_init(&v.says, 1 << 16);
	hello(&v.says);
	answer(&v.says, "_error", 1, 0, "Not.You");
	server_start(&v);
	ck_assert_int_eq(rtmp_play(&s, v.url, false), ST_PROTO);
	ck_assert_str_eq(s.error, "refused: Not.You ");
	ck_assert_ptr_null(s.c);
	server_end(&v);
	source_over(&s);
}
END_TEST

START_TEST(stopped)
{
	struct server v = { .stays = true };
	struct source s;

	source_begin(&s);
	buf_init(&v.says, 1 << 16);
	hello(&v.says);
	v.stop = &s.mbox;
	server_start(&v);
	ck_assert_int_eq(rtmp_play(&s, v.url, false), ST_STOPPED);
	server_end(&v);
	source_over(&s);
}
END_TEST

START_TEST(nobody_there)
{
	const struct host any = host_v4(127, 0, 0, 1, 0);
	struct source s;
	char url[64];
	int fd;

	source_begin(&s);
	ck_assert_int_eq(rtmp_play(&s, "http://127.0.0.1/live/s", false), ST_PROTO);
	s.error[0] = '\0';
	ck_assert_int_eq(sock_listen(&fd, &any), ST_OK);
	snprintf(url, sizeof(url), "rtmp://127.0.0.1:%u/live/s", sock_local_port(fd));
	close(fd);
	ck_assert_int_eq(rtmp_play(&s, url, false), ST_SYS);
	source_over(&s);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/rtmpplay");
	TCase *t = tcase_create("rtmpplay");

	tcase_add_test(t, plays);
	tcase_add_test(t, refused);
	tcase_add_test(t, stopped);
	tcase_add_test(t, nobody_there);
	suite_add_tcase(s, t);
	return s;
}
