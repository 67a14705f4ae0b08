/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/rtmptag.h"

#include <string.h>

#include "core/media/amf0.h"
#include "core/media/amf3.h"

#define BACK_MS  1000                   /* a step back that is held; a longer one is another clock */
#define JUMP_MS  60000                  /* and so is one ahead of this */
#define TAG_HEAD 11

static uint32_t be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static uint32_t tag_time(const uint8_t *p)
{
	return be24(p + 4) | (uint32_t)p[7] << 24;
}

/* The time of a frame of this kind (0 audio, 1 video) in our stream. */
static uint32_t frame_time(struct rtmp_tags *t, int kind, uint32_t theirs)
{
	uint32_t at;

	if (!t->timed)
		t->off = 0 - theirs;
	t->timed = true;
	at = theirs + t->off;
	if ((int32_t)(at - t->last[kind]) <= -BACK_MS || (int32_t)(at - t->newest) >= JUMP_MS) {
		t->off = t->newest - theirs;
		at = t->newest;
	}
	if ((int32_t)(at - t->last[kind]) < 0)
		at = t->last[kind];
	t->last[kind] = at;
	if ((int32_t)(at - t->newest) > 0)
		t->newest = at;
	return at;
}

/* One tag; the body has room for its head in front and for the trailing size behind. */
static enum status put_tag(struct rtmp_tags *t, uint8_t type, uint32_t theirs, uint8_t *p, size_t n)
{
	static const uint8_t file[] = { 'F', 'L', 'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0 };
	const uint32_t at = type == RTMP_DATA0 ? t->newest : frame_time(t, type == RTMP_VIDEO, theirs);
	const uint8_t head[TAG_HEAD] = {
		type, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n,
		(uint8_t)(at >> 16), (uint8_t)(at >> 8), (uint8_t)at, (uint8_t)(at >> 24), 0, 0, 0,
	};
	enum status st = ST_OK;

	memcpy(p - TAG_HEAD, head, sizeof(head));
	for (int i = 0; i < RTMP_BACK; i++)
		p[n + (size_t)i] = (uint8_t)((n + TAG_HEAD) >> (24 - 8 * i));
	if (!t->begun)
		st = t->op(t->ctx, file, sizeof(file));
	t->begun = true;
	return st == ST_OK ? t->op(t->ctx, p - TAG_HEAD, TAG_HEAD + n + RTMP_BACK) : st;
}

/* AMF0 data: without the word that says what to do with them. */
static enum status put_data(struct rtmp_tags *t, uint32_t theirs, uint8_t *p, size_t n)
{
	struct rd r = rd_of(p, n);
	struct amf0_val v;

	if (amf0_read(&r, &v, NULL, NULL) != ST_OK || v.type != AMF0_STRING ||
	    amf0_is(v.str, v.len, "@clearDataFrame") || amf0_is(v.str, v.len, "|RtmpSampleAccess"))
		return ST_OK;
	if (!amf0_is(v.str, v.len, "@setDataFrame"))
		return put_tag(t, RTMP_DATA0, theirs, p, n);
	return r.left > 0 ? put_tag(t, RTMP_DATA0, theirs, p + (n - r.left), r.left) : ST_OK;
}

static enum status put_data3(struct rtmp_tags *t, const struct rtmp_msg *m)
{
	const size_t skip = m->n > 0 && m->p[0] == 0 ? 1 : 0;   /* the format byte */
	static const uint8_t room[RTMP_FRONT] = { 0 };
	enum status st;
	struct buf b;

	buf_init(&b, 2 * (RTMP_FRONT + RTMP_COMMAND_MAX));
	buf_put(&b, room, RTMP_FRONT);
	st = amf3_to_amf0(m->p + skip, m->n - skip, &b);
	buf_put(&b, room, RTMP_BACK);
	/* data that cannot be read are not worth a stream */
	if (st == ST_OK && b.err == ST_OK)
		st = put_data(t, m->time, b.p + RTMP_FRONT, b.len - RTMP_FRONT - RTMP_BACK);
	else
		st = ST_OK;
	buf_fini(&b);
	return st;
}

static enum status put_one(struct rtmp_tags *t, uint8_t type, uint32_t theirs, uint8_t *p, size_t n)
{
	switch (type) {
	case RTMP_AUDIO:
	case RTMP_VIDEO:
		return n > 0 ? put_tag(t, type, theirs, p, n) : ST_OK;
	case RTMP_DATA0:
		return put_data(t, theirs, p, n);
	default:
		return ST_OK;
	}
}

/* Many messages in one, each dressed as a tag; their times count from that of the first. */
static enum status put_aggregate(struct rtmp_tags *t, const struct rtmp_msg *m)
{
	enum status st = ST_OK;
	size_t at = 0;
	uint32_t first = 0;

	while (st == ST_OK && m->n - at >= TAG_HEAD) {
		uint8_t *p = m->p + at;
		const uint32_t when = tag_time(p);
		const size_t n = be24(p + 1);

		if (n > m->n - at - TAG_HEAD)
			break;
		if (at == 0)
			first = when;
		st = put_one(t, p[0] & 0x1f, m->time + (when - first), p + TAG_HEAD, n);
		at += TAG_HEAD + n;
		at += MIN((size_t)RTMP_BACK, m->n - at);
	}
	return st;
}

enum status rtmp_tags_put(struct rtmp_tags *t, const struct rtmp_msg *m)
{
	switch (m->type) {
	case RTMP_DATA3:
		return put_data3(t, m);
	case RTMP_AGGREGATE:
		return put_aggregate(t, m);
	default:
		return put_one(t, m->type, m->time, m->p, m->n);
	}
}
