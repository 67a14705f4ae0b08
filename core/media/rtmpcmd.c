/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/rtmpcmd.h"

#include <string.h>

#include "core/media/amf3.h"
#include "core/sys/text.h"

#define ACK_LEAST 65536                 /* no window is smaller: a peer must not make us talk */

enum { USER_PING = 6, USER_PONG = 7 };

enum status rtmp_cmd_read(struct rtmp_cmd *c, const struct rtmp_msg *m)
{
	struct amf0_val txn;
	enum status st;

	memset(c, 0, sizeof(*c));
	buf_init(&c->plain, RTMP_COMMAND_MAX);
	c->args = rd_of(m->p, m->n);
	if (m->type == RTMP_COMMAND3) {
		if (m->n > 0 && m->p[0] == 0)   /* the format byte */
			(void)rd_u8(&c->args);
		st = amf3_to_amf0(c->args.p, c->args.left, &c->plain);
		if (st != ST_OK)
			return st;
		c->args = rd_of(c->plain.p, c->plain.len);
	}
	st = amf0_read(&c->args, &c->name, NULL, NULL);
	if (st == ST_OK)
		st = amf0_read(&c->args, &txn, NULL, NULL);
	if (st != ST_OK)
		return st;
	c->txn = txn.type == AMF0_NUMBER ? txn.num : 0;
	return c->name.type == AMF0_STRING ? ST_OK : ST_PROTO;
}

void rtmp_cmd_fini(struct rtmp_cmd *c)
{
	buf_fini(&c->plain);
}

bool rtmp_cmd_is(const struct rtmp_cmd *c, const char *name)
{
	return amf0_is(c->name.str, c->name.len, name);
}

void rtmp_text(const struct amf0_val *v, char *dst, size_t cap)
{
	dst[0] = '\0';
	if (v->type == AMF0_STRING || v->type == AMF0_LONG_STRING)
		(void)text_clean(dst, cap, v->str, v->len);
}

void rtmp_cmd_text(struct rtmp_cmd *c, char *dst, size_t cap)
{
	struct amf0_val v;

	dst[0] = '\0';
	if (c->args.left > 0 && amf0_read(&c->args, &v, NULL, NULL) == ST_OK)
		rtmp_text(&v, dst, cap);
}

void rtmp_cmd_skip(struct rtmp_cmd *c)
{
	struct amf0_val v;

	if (c->args.left > 0)
		(void)!amf0_read(&c->args, &v, NULL, NULL);
}

void rtmp_body_begin(struct buf *b, const char *name, double txn)
{
	rtmp_body_str(b, name);
	amf0_put_number(b, txn);
}

void rtmp_body_null(struct buf *b)
{
	buf_u8(b, AMF0_NULL);
}

void rtmp_body_str(struct buf *b, const char *s)
{
	amf0_put_string(b, s, strlen(s));
}

void rtmp_body_object(struct buf *b)
{
	buf_u8(b, AMF0_OBJECT);
}

void rtmp_prop_str(struct buf *b, const char *name, const char *value)
{
	amf0_put_name(b, name);
	rtmp_body_str(b, value);
}

void rtmp_prop_num(struct buf *b, const char *name, double value)
{
	amf0_put_name(b, name);
	amf0_put_number(b, value);
}

void rtmp_user_control(const struct rtmp_msg *m, struct buf *out)
{
	uint8_t pong[6] = { 0, USER_PONG };

	if (m->n < sizeof(pong) || m->p[0] != 0 || m->p[1] != USER_PING)
		return;
	memcpy(pong + 2, m->p + 2, 4);
	rtmp_put(out, RTMP_OUT_CHUNK, 2, RTMP_USER, 0, pong, sizeof(pong));
}

void rtmp_acks_window(struct rtmp_acks *a, const struct rtmp_msg *m)
{
	struct rd r = rd_of(m->p, m->n);
	const uint32_t n = rd_be32(&r);

	if (r.err == ST_OK)
		a->window = MAX(n, (uint32_t)ACK_LEAST);
}

void rtmp_acks_count(struct rtmp_acks *a, size_t n, struct buf *out)
{
	a->got += n;
	if (a->got - a->told < (a->window != 0 ? a->window : RTMP_WINDOW_BYTES))
		return;
	a->told = a->got;
	rtmp_put_u32(out, RTMP_ACK, (uint32_t)a->got);
}
