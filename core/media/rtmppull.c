/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/rtmppull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/media/rtmp.h"
#include "core/media/rtmpcmd.h"
#include "core/media/rtmphand.h"
#include "core/media/rtmptag.h"
#include "core/sys/text.h"

#define BUFFER_MS 3000          /* how much we say we hold */

enum { TXN_CONNECT = 1, TXN_CREATE = 2 };
enum { USER_STREAM_EOF = 1, USER_BUFFER = 3 };

struct rtmp_pull {
	struct rtmp_url url;
	struct rtmp_hand hand;
	struct rtmp_chunks in;
	struct rtmp_tags tags;
	struct rtmp_acks acks;
	struct buf out, body;
	enum { PULL_NEW, PULL_CONNECTING, PULL_CREATING, PULL_PLAYING } state;
	enum status st;                 /* sticky */
	uint32_t chunk;                 /* size of ours */
	char error[160];
};

/* --- addresses ---------------------------------------------------------------------------------- */

/* "name", "name:port", "[v6]:port", n bytes. */
static bool parse_host(struct rtmp_url *u, const char *p, size_t n)
{
	const bool v6 = n > 0 && p[0] == '[';
	const char *end = v6 ? memchr(p, ']', n) : memchr(p, ':', n);
	size_t len;
	char port[8];
	uint32_t v;

	if (v6 && end == NULL)
		return false;
	len = end == NULL ? n : (size_t)(end - p);
	if (len - v6 == 0 || len - v6 >= sizeof(u->host))
		return false;
	memcpy(u->host, p + v6, len - v6);
	u->host[len - v6] = '\0';
	len += v6;                      /* the bracket */
	u->port = RTMP_PORT;
	if (len >= n)
		return true;
	if (p[len] != ':' || n - len - 1 >= sizeof(port))
		return false;
	memcpy(port, p + len + 1, n - len - 1);
	port[n - len - 1] = '\0';
	if (!num_u32(port, 1, UINT16_MAX, &v))
		return false;
	u->port = (uint16_t)v;
	return true;
}

bool rtmp_url_parse(struct rtmp_url *u, const char *url)
{
	static const char scheme[] = "rtmp://";
	const char *host = url + sizeof(scheme) - 1, *path, *app_end, *slash;
	size_t query;

	memset(u, 0, sizeof(*u));
	if (strlen(url) >= RTMP_URL_MAX || ascii_ncasecmp(url, scheme, sizeof(scheme) - 1) != 0)
		return false;
	path = strchr(host, '/');
	if (path == NULL || strcspn(host, " \t\r\n") < strlen(host) ||
	    !parse_host(u, host, (size_t)(path - host)))
		return false;
	path++;
	/* an application may have an instance: a second part, when a third one follows it */
	query = strcspn(path, "?");
	app_end = memchr(path, '/', query);
	if (app_end == NULL || app_end == path)
		return false;
	slash = memchr(app_end + 1, '/', query - (size_t)(app_end + 1 - path));
	if (slash != NULL && slash > app_end + 1)
		app_end = slash;
	memcpy(u->app, path, (size_t)(app_end - path));
	memcpy(u->tc, url, (size_t)(app_end - url));
	(void)text_copy(u->stream, sizeof(u->stream), app_end + 1);
	return u->stream[0] != '\0';
}

/* --- what we say -------------------------------------------------------------------------------- */

static enum status fail(struct rtmp_pull *p, enum status st, const char *why)
{
	if (p->error[0] == '\0')
		(void)text_copy(p->error, sizeof(p->error), why);
	return st;
}

static struct buf *begin(struct rtmp_pull *p, const char *name, double txn)
{
	buf_reset(&p->body);
	rtmp_body_begin(&p->body, name, txn);
	return &p->body;
}

static void send_body(struct rtmp_pull *p, uint8_t lane, uint32_t stream)
{
	if (p->body.err != ST_OK)
		p->out.err = p->body.err;
	else
		rtmp_put(&p->out, p->chunk, lane, RTMP_COMMAND0, stream, p->body.p, p->body.len);
}

static void say_connect(struct rtmp_pull *p)
{
	struct buf *b = begin(p, "connect", TXN_CONNECT);

	rtmp_body_object(b);
	rtmp_prop_str(b, "app", p->url.app);
	rtmp_prop_str(b, "flashVer", "LNX 9,0,124,2");
	rtmp_prop_str(b, "tcUrl", p->url.tc);
	amf0_put_name(b, "fpad");
	amf0_put_bool(b, false);
	rtmp_prop_num(b, "capabilities", 15);
	rtmp_prop_num(b, "audioCodecs", 4071);
	rtmp_prop_num(b, "videoCodecs", 252);
	rtmp_prop_num(b, "videoFunction", 1);
	rtmp_prop_num(b, "objectEncoding", 0);
	amf0_put_name(b, "fourCcList");
	buf_put(b, "\x0a\0\0\0\1", 5);
	rtmp_body_str(b, "*");
	amf0_put_end(b);
	send_body(p, 3, 0);
	p->state = PULL_CONNECTING;
}

static void say_create(struct rtmp_pull *p)
{
	rtmp_put_u32(&p->out, RTMP_WINDOW, RTMP_WINDOW_BYTES);
	rtmp_body_null(begin(p, "createStream", TXN_CREATE));
	send_body(p, 3, 0);
	p->state = PULL_CREATING;
}

static void say_play(struct rtmp_pull *p, uint32_t stream)
{
	const uint8_t buffer[10] = {
		0, USER_BUFFER, (uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8),
		(uint8_t)stream, 0, 0, BUFFER_MS >> 8, BUFFER_MS & 0xff,
	};
	struct buf *b = begin(p, "play", 0);

	rtmp_body_null(b);
	rtmp_body_str(b, p->url.stream);
	amf0_put_number(b, -2000);      /* live, or recorded */
	send_body(p, 8, stream);
	rtmp_put(&p->out, p->chunk, 2, RTMP_USER, 0, buffer, sizeof(buffer));
	p->state = PULL_PLAYING;
}

/* --- what is said to us ------------------------------------------------------------------------- */

struct event {
	char level[16], code[64], text[64];
};

static void event_leaf(void *ctx, const uint8_t *name, size_t nlen, const struct amf0_val *v)
{
	struct event *e = ctx;

	if (amf0_is(name, nlen, "level"))
		rtmp_text(v, e->level, sizeof(e->level));
	else if (amf0_is(name, nlen, "code"))
		rtmp_text(v, e->code, sizeof(e->code));
	else if (amf0_is(name, nlen, "description"))
		rtmp_text(v, e->text, sizeof(e->text));
}

/* The information object that is next among the arguments. */
static void read_event(struct rtmp_cmd *cmd, struct event *e)
{
	struct amf0_val v;

	memset(e, 0, sizeof(*e));
	rtmp_cmd_skip(cmd);
	if (cmd->args.left > 0)
		(void)!amf0_read(&cmd->args, &v, event_leaf, e);
}

static enum status refused(struct rtmp_pull *p, struct rtmp_cmd *cmd)
{
	char why[160];
	struct event e;

	read_event(cmd, &e);
	snprintf(why, sizeof(why), "refused: %s %s", e.code, e.text);
	return fail(p, ST_PROTO, why);
}

static enum status on_result(struct rtmp_pull *p, struct rtmp_cmd *cmd)
{
	struct amf0_val v;

	if (p->state == PULL_CONNECTING && cmd->txn > 0 && cmd->txn < 1.5) {
		say_create(p);
	} else if (p->state == PULL_CREATING && cmd->txn > 1.5 && cmd->txn < 2.5) {
		rtmp_cmd_skip(cmd);
		if (amf0_read(&cmd->args, &v, NULL, NULL) != ST_OK || v.type != AMF0_NUMBER ||
		    !(v.num >= 0 && v.num < 1e9))
			return fail(p, ST_PROTO, "no stream was made");
		say_play(p, (uint32_t)v.num);
	}
	return ST_OK;
}

static enum status on_status(struct rtmp_pull *p, struct rtmp_cmd *cmd)
{
	static const char *const ends[] = {
		"NetStream.Play.Stop", "NetStream.Play.Complete", "NetStream.Play.UnpublishNotify",
	};
	struct rtmp_cmd again = *cmd;
	struct event e;

	read_event(cmd, &e);
	if (strcmp(e.level, "error") == 0)
		return refused(p, &again);
	for (size_t i = 0; i < NELEM(ends); i++)
		if (strcmp(e.code, ends[i]) == 0)
			return ST_EOF;
	return ST_OK;
}

static enum status on_command(struct rtmp_pull *p, const struct rtmp_msg *m)
{
	struct rtmp_cmd cmd;
	enum status st = rtmp_cmd_read(&cmd, m);

	if (st != ST_OK)
		st = fail(p, st, "a command that cannot be read");
	else if (rtmp_cmd_is(&cmd, "_result"))
		st = on_result(p, &cmd);
	else if (rtmp_cmd_is(&cmd, "_error") && p->state < PULL_PLAYING && cmd.txn > 0)
		st = refused(p, &cmd);
	else if (rtmp_cmd_is(&cmd, "onStatus"))
		st = on_status(p, &cmd);
	else if (rtmp_cmd_is(&cmd, "close"))
		st = ST_EOF;
	rtmp_cmd_fini(&cmd);
	return st;
}

static enum status take_message(struct rtmp_pull *p, const struct rtmp_msg *m)
{
	switch (m->type) {
	case RTMP_USER:
		if (m->n >= 2 && m->p[0] == 0 && m->p[1] == USER_STREAM_EOF && p->tags.timed)
			return ST_EOF;
		rtmp_user_control(m, &p->out);
		return ST_OK;
	case RTMP_WINDOW:
		rtmp_acks_window(&p->acks, m);
		return ST_OK;
	case RTMP_COMMAND0:
	case RTMP_COMMAND3:
		return on_command(p, m);
	default:
		return p->state == PULL_PLAYING ? rtmp_tags_put(&p->tags, m) : ST_OK;
	}
}

static enum status on_message(void *ctx, const struct rtmp_msg *m)
{
	struct rtmp_pull *p = ctx;
	enum status st = take_message(p, m);

	return st == ST_OK && p->out.err != ST_OK ? fail(p, ST_LIMIT, "more calls than can be answered") : st;
}

/* --- outside ------------------------------------------------------------------------------------ */

struct rtmp_pull *rtmp_pull_new(const struct rtmp_url *u,
	enum status (*flv)(void *ctx, const void *p, size_t n), void *ctx)
{
	struct rtmp_pull *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->url = *u;
	p->chunk = RTMP_CHUNK;
	p->tags = (struct rtmp_tags){ .op = flv, .ctx = ctx };
	buf_init(&p->out, RTMP_OUT_MAX);
	buf_init(&p->body, 8192);
	rtmp_chunks_init(&p->in, on_message, p);
	p->in.open = true;
	rtmp_hand_init(&p->hand, true, &p->out);
	return p;
}

void rtmp_pull_free(struct rtmp_pull **pp)
{
	struct rtmp_pull *p = *pp;

	if (p == NULL)
		return;
	*pp = NULL;
	rtmp_chunks_fini(&p->in);
	buf_fini(&p->out);
	buf_fini(&p->body);
	free(p);
}

enum status rtmp_pull_feed(struct rtmp_pull *p, const void *data, size_t n)
{
	size_t used = 0;

	if (p->st != ST_OK)
		return p->st;
	p->st = rtmp_hand_feed(&p->hand, data, n, &used, &p->out);
	if (p->st != ST_OK) {
		(void)fail(p, p->st, "not RTMP");
		return p->st;
	}
	if (p->state == PULL_NEW && p->hand.state == RTMP_HAND_DONE)
		say_connect(p);
	rtmp_acks_count(&p->acks, n, &p->out);
	if (p->out.err != ST_OK) {
		p->st = fail(p, ST_LIMIT, "out of memory");
		return p->st;
	}
	p->st = rtmp_chunks_feed(&p->in, (const uint8_t *)data + used, n - used);
	if ((p->st == ST_PROTO || p->st == ST_LIMIT) && p->in.why != NULL)
		(void)fail(p, p->st, p->in.why);
	return p->st;
}

struct buf *rtmp_pull_out(struct rtmp_pull *p)
{
	return &p->out;
}

const char *rtmp_pull_error(const struct rtmp_pull *p)
{
	return p->error;
}
