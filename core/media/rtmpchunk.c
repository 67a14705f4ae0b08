/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/rtmpchunk.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/assert.h"

#define NO_TIME   0xffffffu             /* in the field of 24 bits: the time follows in 32 */
#define FIRST_MS  10000                 /* an absolute time above it is no interval */
#define GROW_MIN  4096u
#define KEEP_MAX  (64u << 10)           /* room a lane keeps between messages */

static uint32_t be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | be24(p + 1);
}

static void put_be32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

void rtmp_chunks_init(struct rtmp_chunks *c, enum status (*op)(void *, const struct rtmp_msg *), void *ctx)
{
	memset(c, 0, sizeof(*c));
	c->op = op;
	c->ctx = ctx;
	c->chunk = RTMP_CHUNK;
}

static void lane_free(struct rtmp_chunks *c, struct rtmp_lane *l)
{
	free(l->p);
	c->held -= l->cap;
	l->p = NULL;
	l->cap = 0;
}

void rtmp_chunks_fini(struct rtmp_chunks *c)
{
	for (unsigned i = 0; i < c->nlanes; i++)
		lane_free(c, &c->lane[i]);
	c->nlanes = 0;
}

static enum status fail(struct rtmp_chunks *c, enum status st, const char *why)
{
	c->why = why;
	return st;
}

/* --- messages ---------------------------------------------------------------------------------- */

static struct rtmp_lane *lane_find(struct rtmp_chunks *c, uint32_t id)
{
	for (unsigned i = 0; i < c->nlanes; i++)
		if (c->lane[i].id == id)
			return &c->lane[i];
	return NULL;
}

static size_t limit_of(const struct rtmp_chunks *c, uint8_t type)
{
	if (!c->open)
		return RTMP_COMMAND_MAX;
	switch (type) {
	case RTMP_AUDIO:
	case RTMP_VIDEO:
	case RTMP_AGGREGATE:
		return RTMP_MEDIA_MAX;
	case RTMP_DATA0:
	case RTMP_DATA3:
		return RTMP_DATA_MAX;
	default:
		return RTMP_COMMAND_MAX;
	}
}

/* The message on lane l is whole. */
static enum status message(struct rtmp_chunks *c, struct rtmp_lane *l)
{
	uint8_t none[RTMP_FRONT + RTMP_BACK] = { 0 };
	struct rtmp_lane *other;
	const struct rtmp_msg m = {
		.type = l->type, .stream = l->stream, .time = l->time, .n = l->len,
		.p = (l->p != NULL ? l->p : none) + RTMP_FRONT,
	};
	enum status st = ST_OK;

	l->busy = false;
	switch (m.type) {
	case RTMP_SET_CHUNK:
		if (m.n < 4 || be32(m.p) == 0 || be32(m.p) > INT32_MAX)
			return fail(c, ST_PROTO, "a chunk size that cannot be");
		c->chunk = MIN(be32(m.p), NO_TIME);     /* no message is longer */
		break;
	case RTMP_ABORT:
		other = m.n >= 4 ? lane_find(c, be32(m.p)) : NULL;
		if (other != NULL) {
			other->busy = false;
			other->have = 0;
		}
		break;
	default:
		st = c->op(c->ctx, &m);
		break;
	}
	if (l->cap > KEEP_MAX)
		lane_free(c, l);
	l->have = 0;
	return st;
}

static enum status grow(struct rtmp_chunks *c, struct rtmp_lane *l, size_t want)
{
	const size_t twice = MAX(2 * l->cap, (size_t)GROW_MIN);
	const size_t cap = MIN(MAX(want, twice), (size_t)l->len);
	uint8_t *p;

	if (want <= l->cap)
		return ST_OK;
	if (c->held - l->cap + cap > RTMP_HELD_MAX)
		return fail(c, ST_LIMIT, "too much in unfinished messages");
	p = realloc(l->p, RTMP_FRONT + cap + RTMP_BACK);
	if (p == NULL)
		return fail(c, ST_LIMIT, "out of memory");
	c->held += cap - l->cap;
	l->p = p;
	l->cap = cap;
	return ST_OK;
}

/* n bytes of the chunk that is being read. */
static enum status body(struct rtmp_chunks *c, const uint8_t *p, size_t n)
{
	struct rtmp_lane *l = c->at;
	enum status st = grow(c, l, l->have + n);

	if (st != ST_OK)
		return st;
	memcpy(l->p + RTMP_FRONT + l->have, p, n);
	l->have += n;
	c->left -= (uint32_t)n;
	return l->have == l->len ? message(c, l) : ST_OK;
}

/* --- chunk headers ----------------------------------------------------------------------------- */

static unsigned basic_size(const struct rtmp_chunks *c)
{
	const unsigned low = c->head[0] & 63u;

	return low == 0 ? 2 : low == 1 ? 3 : 1;
}

static uint32_t lane_id(const struct rtmp_chunks *c)
{
	const uint32_t low = c->head[0] & 63u;

	if (low > 1)
		return low;
	return 64u + c->head[1] + (low == 1 ? c->head[2] * 256u : 0);
}

static const unsigned fields[] = { 11, 7, 3, 0 };

/* A chunk header is complete at c->head, its fields behind `basic` bytes; field is its time. */
static enum status begin(struct rtmp_chunks *c, struct rtmp_lane *l, unsigned fmt, const uint8_t *f,
	uint32_t field)
{
	if (fmt < 3) {
		l->have = 0;            /* an unfinished message is given up */
		l->ext = be24(f) == NO_TIME;
		l->field = field;
		l->absolute = fmt == 0;
	}
	if (fmt < 2) {
		l->len = be24(f + 3);
		l->type = f[6];
	}
	if (fmt == 0) {
		l->stream = f[7] | (uint32_t)f[8] << 8 | (uint32_t)f[9] << 16 | (uint32_t)f[10] << 24;
		l->time = field;
		/* the interval for a header without one, says the specification */
		l->delta = field < FIRST_MS ? field : 0;
	} else if (fmt == 3 && l->ext && l->absolute) {
		l->time = l->field = field;
	} else {
		l->delta = fmt == 3 && !l->ext ? l->delta : field;
		l->time += l->delta;
	}
	if (l->len > limit_of(c, l->type))
		return fail(c, ST_LIMIT, c->open ? "a message that is too long" :
			"a long message before the stream");
	l->busy = true;
	return ST_OK;
}

/* Bytes that looked like a header's and are the chunk's. */
static enum status give_back(struct rtmp_chunks *c, unsigned from)
{
	const unsigned n = c->nhead - from;
	const unsigned k = MIN(n, c->left);
	uint8_t rest[4];
	enum status st;

	ASSERT(n <= sizeof(rest));
	memcpy(rest, c->head + from, n);
	c->nhead = 0;
	st = body(c, rest, k);
	/* what is left is too short for a header that would come here again */
	return st == ST_OK ? rtmp_chunks_feed(c, rest + k, n - k) : st;
}

static enum status header(struct rtmp_chunks *c)
{
	const unsigned basic = basic_size(c), fmt = c->head[0] >> 6;
	const uint8_t *f = c->head + basic;
	struct rtmp_lane *l;
	unsigned need = basic + fields[fmt];
	bool ext, goes_on;
	enum status st = ST_OK;

	if (c->nhead < need)
		return ST_OK;
	l = lane_find(c, lane_id(c));
	if (l == NULL) {
		if (fmt != 0)
			return fail(c, ST_PROTO, "a chunk stream that begins in its middle");
		if (c->nlanes == RTMP_LANES)
			return fail(c, ST_LIMIT, "too many chunk streams");
		l = &c->lane[c->nlanes];
	}
	ext = fmt < 3 ? be24(f) == NO_TIME : l->ext;
	if (ext && c->nhead < need + 4)
		return ST_OK;
	if (l == &c->lane[c->nlanes]) {
		*l = (struct rtmp_lane){ .id = lane_id(c) };
		c->nlanes++;
	}
	goes_on = fmt == 3 && l->busy;
	if (!goes_on)
		st = begin(c, l, fmt, f, ext ? be32(c->head + need) : fmt < 3 ? be24(f) : 0);
	if (st != ST_OK)
		return st;
	c->at = l;
	c->left = MIN(c->chunk, l->len - (uint32_t)l->have);
	if (goes_on && ext && be32(c->head + need) != l->field)
		return give_back(c, need);      /* some encoders do not repeat the long time */
	c->nhead = 0;
	return l->len == 0 ? message(c, l) : ST_OK;
}

enum status rtmp_chunks_feed(struct rtmp_chunks *c, const void *p, size_t n)
{
	const uint8_t *q = p;
	enum status st = ST_OK;

	while (n > 0 && st == ST_OK) {
		size_t k = 1;

		if (c->left > 0) {
			k = MIN(n, (size_t)c->left);
			st = body(c, q, k);
		} else {
			c->head[c->nhead++] = *q;
			st = header(c);
		}
		q += k;
		n -= k;
	}
	return st;
}

/* --- writing ------------------------------------------------------------------------------------ */

void rtmp_put(struct buf *b, uint32_t chunk, uint8_t lane, enum rtmp_type type, uint32_t stream,
	const void *p, size_t n)
{
	const uint8_t head[12] = {
		lane, 0, 0, 0, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, (uint8_t)type,
		(uint8_t)stream, (uint8_t)(stream >> 8), (uint8_t)(stream >> 16), (uint8_t)(stream >> 24),
	};
	const uint8_t *q = p;

	ASSERT(lane >= 2 && lane < 64 && n <= NO_TIME);
	buf_put(b, head, sizeof(head));
	while (n > chunk) {
		buf_put(b, q, chunk);
		buf_u8(b, (uint8_t)(3u << 6 | lane));
		q += chunk;
		n -= chunk;
	}
	buf_put(b, q, n);
}

void rtmp_put_u32(struct buf *b, enum rtmp_type type, uint32_t v)
{
	uint8_t p[4];

	put_be32(p, v);
	rtmp_put(b, RTMP_CHUNK, 2, type, 0, p, sizeof(p));
}
