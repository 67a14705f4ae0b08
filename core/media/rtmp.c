/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/rtmp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/media/rtmpcmd.h"
#include "core/media/rtmphand.h"
#include "core/media/rtmptag.h"
#include "core/sys/text.h"

#define STREAMS_MAX  16                 /* createStream calls of one connection */
#define ERROR_MAX    160

struct rtmp {
	const struct rtmp_ops *ops;
	void *ctx;
	struct rtmp_hand hand;
	struct rtmp_chunks in;
	struct rtmp_tags tags;
	struct rtmp_acks acks;
	struct buf out, body;           /* body: of the answer that is being made */
	enum { RTMP_NEW, RTMP_CONNECTED, RTMP_PUBLISHING, RTMP_OVER } state;
	enum status st;                 /* sticky */
	uint32_t chunk;                 /* size of ours */
	uint32_t streams;               /* created */
	uint32_t stream;                /* the one that publishes */
	char app[RTMP_TEXT];
	char error[ERROR_MAX];
};

static enum status fail(struct rtmp *r, enum status st, const char *why)
{
	if (r->error[0] == '\0')
		(void)text_copy(r->error, sizeof(r->error), why);
	return st;
}

/* --- answers ----------------------------------------------------------------------------------- */

static struct buf *begin(struct rtmp *r, const char *name, double txn)
{
	buf_reset(&r->body);
	rtmp_body_begin(&r->body, name, txn);
	return &r->body;
}

/* Send what begin() began. */
static void answer(struct rtmp *r, uint8_t lane, uint32_t stream)
{
	if (r->body.err != ST_OK)
		r->out.err = r->body.err;
	else
		rtmp_put(&r->out, r->chunk, lane, RTMP_COMMAND0, stream, r->body.p, r->body.len);
}

static void result_null(struct rtmp *r, double txn)
{
	struct buf *b = begin(r, "_result", txn);

	rtmp_body_null(b);
	buf_u8(b, AMF0_UNDEFINED);
	answer(r, 3, 0);
}

static void on_status(struct rtmp *r, const char *level, const char *code, const char *text)
{
	struct buf *b = begin(r, "onStatus", 0);

	rtmp_body_null(b);
	rtmp_body_object(b);
	rtmp_prop_str(b, "level", level);
	rtmp_prop_str(b, "code", code);
	rtmp_prop_str(b, "description", text);
	amf0_put_end(b);
	answer(r, 5, r->stream);
}

void rtmp_say_failed(struct rtmp *r, const char *why)
{
	if (r->state == RTMP_PUBLISHING)
		on_status(r, "error", "NetStream.Publish.Failed", why);
}

/* --- connect ----------------------------------------------------------------------------------- */

struct connect {
	char app[RTMP_TEXT];
	double encoding, caps;
	bool enhanced;
};

static void connect_leaf(void *ctx, const uint8_t *name, size_t nlen, const struct amf0_val *v)
{
	struct connect *c = ctx;

	if (amf0_is(name, nlen, "app"))
		rtmp_text(v, c->app, sizeof(c->app));
	else if (amf0_is(name, nlen, "objectEncoding") && v->type == AMF0_NUMBER)
		c->encoding = v->num;
	else if (amf0_is(name, nlen, "capsEx") && v->type == AMF0_NUMBER)
		c->caps = v->num;
	else if (!amf0_is(name, nlen, "fourCcList") && !amf0_is(name, nlen, "videoFourCcInfoMap") &&
		 !amf0_is(name, nlen, "audioFourCcInfoMap"))
		return;
	c->enhanced |= nlen >= 6 && !amf0_is(name, nlen, "objectEncoding");
}

static const char *const video_codes[] = { "avc1", "hvc1", "av01", "vp09", "vp08", NULL };
static const char *const audio_codes[] = { "Opus", "fLaC", "mp4a", "ac-3", "ec-3", ".mp3", NULL };

/* Which codecs we can pass on, as a property of the answer: all of them, forwarded. */
static void put_codes(struct buf *b, const char *name, const char *const *codes)
{
	enum { FORWARD = 4 };

	amf0_put_name(b, name);
	rtmp_body_object(b);
	for (; *codes != NULL; codes++)
		rtmp_prop_num(b, *codes, FORWARD);
	amf0_put_end(b);
}

static void put_capabilities(struct buf *b, double asked)
{
	enum { MULTITRACK = 2, MOD_EX = 4, NANO_OFFSET = 8 };
	const char *const *const all[] = { video_codes, audio_codes };
	const unsigned ours = MULTITRACK | MOD_EX | NANO_OFFSET;
	uint32_t n = 0;

	rtmp_prop_num(b, "capsEx", asked >= 0 && asked < 65536 ? (unsigned)asked & ours : ours);
	amf0_put_name(b, "fourCcList");
	buf_u8(b, AMF0_STRICT_ARRAY);
	for (size_t i = 0; i < NELEM(all); i++)
		for (const char *const *c = all[i]; *c != NULL; c++)
			n++;
	for (int i = 24; i >= 0; i -= 8)
		buf_u8(b, (uint8_t)(n >> i));
	for (size_t i = 0; i < NELEM(all); i++)
		for (const char *const *c = all[i]; *c != NULL; c++)
			rtmp_body_str(b, *c);
	put_codes(b, "videoFourCcInfoMap", video_codes);
	put_codes(b, "audioFourCcInfoMap", audio_codes);
}

static enum status on_connect(struct rtmp *r, struct rtmp_cmd *cmd)
{
	static const uint8_t bandwidth[] = {
		RTMP_WINDOW_BYTES >> 24, RTMP_WINDOW_BYTES >> 16 & 0xff, RTMP_WINDOW_BYTES >> 8 & 0xff,
		RTMP_WINDOW_BYTES & 0xff, 1,
	};
	struct connect c = { .caps = -1 };
	struct amf0_val v;
	struct buf *b;

	if (r->state != RTMP_NEW)
		return fail(r, ST_PROTO, "connect for the second time");
	if (amf0_read(&cmd->args, &v, connect_leaf, &c) != ST_OK || v.type != AMF0_OBJECT)
		return fail(r, ST_PROTO, "connect cannot be read");
	(void)text_copy(r->app, sizeof(r->app), c.app);
	r->state = RTMP_CONNECTED;
	rtmp_put_u32(&r->out, RTMP_WINDOW, RTMP_WINDOW_BYTES);
	rtmp_put(&r->out, r->chunk, 2, RTMP_BANDWIDTH, 0, bandwidth, sizeof(bandwidth));
	rtmp_put_u32(&r->out, RTMP_SET_CHUNK, RTMP_OUT_CHUNK);
	r->chunk = RTMP_OUT_CHUNK;
	b = begin(r, "_result", cmd->txn);
	rtmp_body_object(b);
	rtmp_prop_str(b, "fmsVer", "FMS/3,0,1,123");
	rtmp_prop_num(b, "capabilities", 31);
	if (c.enhanced)
		put_capabilities(b, c.caps);
	amf0_put_end(b);
	rtmp_body_object(b);
	rtmp_prop_str(b, "level", "status");
	rtmp_prop_str(b, "code", "NetConnection.Connect.Success");
	rtmp_prop_str(b, "description", "Connection succeeded.");
	rtmp_prop_num(b, "objectEncoding", c.encoding > 0 ? 3 : 0);
	if (c.enhanced)
		put_capabilities(b, c.caps);
	amf0_put_end(b);
	answer(r, 3, 0);
	return ST_OK;
}

/* --- streams ----------------------------------------------------------------------------------- */

static enum status on_create_stream(struct rtmp *r, const struct rtmp_cmd *cmd)
{
	struct buf *b;

	if (++r->streams > STREAMS_MAX)
		return fail(r, ST_LIMIT, "too many streams");
	b = begin(r, "_result", cmd->txn);
	rtmp_body_null(b);
	amf0_put_number(b, r->streams);
	answer(r, 3, 0);
	return ST_OK;
}

static enum status on_publish(struct rtmp *r, struct rtmp_cmd *cmd, uint32_t stream)
{
	const uint8_t stream_begin[6] = {
		0, 0, (uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8),
		(uint8_t)stream,
	};
	char name[RTMP_TEXT];
	const char *why;

	if (r->state == RTMP_PUBLISHING)
		return fail(r, ST_PROTO, "publish for the second time");
	rtmp_cmd_skip(cmd);
	rtmp_cmd_text(cmd, name, sizeof(name));
	r->stream = stream;
	why = r->ops->publish(r->ctx, r->app, name);
	if (why != NULL) {
		on_status(r, "error", "NetStream.Publish.BadName", why);
		return fail(r, ST_PROTO, why);
	}
	r->state = RTMP_PUBLISHING;
	r->in.open = true;
	rtmp_put(&r->out, r->chunk, 2, RTMP_USER, 0, stream_begin, sizeof(stream_begin));
	on_status(r, "status", "NetStream.Publish.Start", "Publishing.");
	return ST_OK;
}

/* The end of the one stream there is: says which one is named, when one is. */
static enum status on_end(struct rtmp *r, struct rtmp_cmd *cmd)
{
	(void)cmd;
	if (r->state != RTMP_PUBLISHING)
		return ST_OK;
	on_status(r, "status", "NetStream.Unpublish.Success", "Stopped.");
	r->state = RTMP_OVER;
	return ST_EOF;
}

static enum status on_fc(struct rtmp *r, struct rtmp_cmd *cmd, const char *event)
{
	char name[RTMP_TEXT];
	struct buf *b;

	rtmp_cmd_skip(cmd);
	rtmp_cmd_text(cmd, name, sizeof(name));
	b = begin(r, event, 0);
	rtmp_body_null(b);
	rtmp_body_object(b);
	rtmp_prop_str(b, "code", strcmp(event, "onFCPublish") == 0 ? "NetStream.Publish.Start" :
		"NetStream.Unpublish.Success");
	rtmp_prop_str(b, "description", name);
	amf0_put_end(b);
	answer(r, 3, 0);
	if (cmd->txn > 0)
		result_null(r, cmd->txn);
	return ST_OK;
}

static enum status refuse_call(struct rtmp *r, const struct rtmp_cmd *cmd)
{
	struct buf *b;

	if (!(cmd->txn > 0))
		return ST_OK;
	b = begin(r, "_error", cmd->txn);
	rtmp_body_null(b);
	rtmp_body_object(b);
	rtmp_prop_str(b, "level", "error");
	rtmp_prop_str(b, "code", "NetConnection.Call.Failed");
	rtmp_prop_str(b, "description", "Only publishing is served here.");
	amf0_put_end(b);
	answer(r, 3, 0);
	return ST_OK;
}

static enum status command(struct rtmp *r, struct rtmp_cmd *cmd, uint32_t stream)
{
	if (rtmp_cmd_is(cmd, "connect"))
		return on_connect(r, cmd);
	if (r->state == RTMP_NEW)
		return fail(r, ST_PROTO, "a command before connect");
	if (rtmp_cmd_is(cmd, "createStream"))
		return on_create_stream(r, cmd);
	if (rtmp_cmd_is(cmd, "publish"))
		return on_publish(r, cmd, stream);
	if (rtmp_cmd_is(cmd, "deleteStream") || rtmp_cmd_is(cmd, "closeStream"))
		return on_end(r, cmd);
	if (rtmp_cmd_is(cmd, "FCPublish"))
		return on_fc(r, cmd, "onFCPublish");
	if (rtmp_cmd_is(cmd, "FCUnpublish"))
		return on_fc(r, cmd, "onFCUnpublish");
	if (rtmp_cmd_is(cmd, "releaseStream") || rtmp_cmd_is(cmd, "_checkbw")) {
		if (cmd->txn > 0)
			result_null(r, cmd->txn);
		return ST_OK;
	}
	return refuse_call(r, cmd);
}

/* --- messages ---------------------------------------------------------------------------------- */

static enum status on_command(struct rtmp *r, const struct rtmp_msg *m)
{
	struct rtmp_cmd cmd;
	enum status st = rtmp_cmd_read(&cmd, m);

	if (st == ST_OK)
		st = command(r, &cmd, m->stream);
	else
		st = fail(r, st, "a command that cannot be read");
	rtmp_cmd_fini(&cmd);
	return st;
}

static enum status take_message(struct rtmp *r, const struct rtmp_msg *m)
{
	switch (m->type) {
	case RTMP_USER:
		rtmp_user_control(m, &r->out);
		return ST_OK;
	case RTMP_WINDOW:
		rtmp_acks_window(&r->acks, m);
		return ST_OK;
	case RTMP_COMMAND0:
	case RTMP_COMMAND3:
		return on_command(r, m);
	default:                        /* media before publish are dropped */
		return r->state == RTMP_PUBLISHING ? rtmp_tags_put(&r->tags, m) : ST_OK;
	}
}

static enum status on_message(void *ctx, const struct rtmp_msg *m)
{
	struct rtmp *r = ctx;
	enum status st = take_message(r, m);

	return st == ST_OK && r->out.err != ST_OK ? fail(r, ST_LIMIT, "more calls than can be answered") : st;
}

/* --- outside ----------------------------------------------------------------------------------- */

struct rtmp *rtmp_new(const struct rtmp_ops *ops, void *ctx)
{
	struct rtmp *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->ops = ops;
	r->ctx = ctx;
	r->chunk = RTMP_CHUNK;
	r->tags = (struct rtmp_tags){ .op = ops->flv, .ctx = ctx };
	buf_init(&r->out, RTMP_OUT_MAX);
	buf_init(&r->body, 8192);
	rtmp_hand_init(&r->hand, false, NULL);
	rtmp_chunks_init(&r->in, on_message, r);
	return r;
}

void rtmp_free(struct rtmp **rp)
{
	struct rtmp *r = *rp;

	if (r == NULL)
		return;
	*rp = NULL;
	rtmp_chunks_fini(&r->in);
	buf_fini(&r->out);
	buf_fini(&r->body);
	free(r);
}

enum status rtmp_feed(struct rtmp *r, const void *p, size_t n)
{
	const uint8_t *q = p;
	size_t used = 0;

	if (r->st != ST_OK)
		return r->st;
	r->st = rtmp_hand_feed(&r->hand, q, n, &used, &r->out);
	if (r->st != ST_OK) {
		(void)fail(r, r->st, "not RTMP");
		return r->st;
	}
	rtmp_acks_count(&r->acks, n, &r->out);
	if (r->out.err != ST_OK) {
		r->st = fail(r, ST_LIMIT, "out of memory");
		return r->st;
	}
	r->st = rtmp_chunks_feed(&r->in, q + used, n - used);
	if ((r->st == ST_PROTO || r->st == ST_LIMIT) && r->in.why != NULL)
		(void)fail(r, r->st, r->in.why);
	return r->st;
}

struct buf *rtmp_out(struct rtmp *r)
{
	return &r->out;
}

bool rtmp_is_publishing(const struct rtmp *r)
{
	return r->state == RTMP_PUBLISHING;
}

const char *rtmp_error(const struct rtmp *r)
{
	return r->error;
}
