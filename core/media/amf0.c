/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/amf0.h"

#include <string.h>

struct amf0_walk {
	amf0_leaf *leaf;
	void *ctx;
	unsigned props, items;
};

static double amf0_double(struct rd *r)
{
	const uint64_t bits = rd_be64(r);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static enum status amf0_value(
	struct amf0_walk *w, struct rd *r, struct amf0_val *v, unsigned depth);

/* Properties up to the empty name and the end marker. */
static enum status amf0_props(struct amf0_walk *w, struct rd *r, unsigned depth)
{
	for (;;) {
		const size_t nlen = rd_be16(r);
		const uint8_t *name = rd_take(r, nlen);
		struct amf0_val v;
		enum status st;

		if (r->err != ST_OK)
			return ST_PROTO;
		if (nlen == 0 && r->left > 0 && r->p[0] == AMF0_OBJECT_END) {
			(void)rd_take(r, 1);
			return ST_OK;
		}
		if (++w->props > AMF0_PROPS_MAX)
			return ST_LIMIT;
		st = amf0_value(w, r, &v, depth + 1);
		if (st != ST_OK)
			return st;
		if (depth == 0 && w->leaf != NULL)
			w->leaf(w->ctx, name, nlen, &v);
	}
}

static enum status amf0_items(struct amf0_walk *w, struct rd *r, unsigned depth)
{
	const uint32_t n = rd_be32(r);

	/* every element takes a byte at least: a claimed count is never trusted further than
	 * that */
	if (r->err != ST_OK || n > r->left)
		return ST_PROTO;
	for (uint32_t i = 0; i < n; i++) {
		struct amf0_val v;
		enum status st;

		if (++w->items > AMF0_ITEMS_MAX)
			return ST_LIMIT;
		st = amf0_value(w, r, &v, depth + 1);
		if (st != ST_OK)
			return st;
	}
	return ST_OK;
}

/* Recursion is bounded by AMF0_DEPTH_MAX. */
static enum status amf0_value(struct amf0_walk *w, struct rd *r, struct amf0_val *v, unsigned depth)
{
	enum status st = ST_OK;

	*v = (struct amf0_val){ .type = (enum amf0_type)rd_u8(r) };
	if (r->err != ST_OK)
		return ST_PROTO;
	if (depth > AMF0_DEPTH_MAX)
		return ST_LIMIT;
	switch (v->type) {
	case AMF0_NUMBER:
		v->num = amf0_double(r);
		break;
	case AMF0_BOOL:
		v->num = rd_u8(r) != 0;
		break;
	case AMF0_STRING:
		v->len = rd_be16(r);
		v->str = rd_take(r, v->len);
		break;
	case AMF0_LONG_STRING:
		v->len = rd_be32(r);
		if (r->err == ST_OK && v->len > AMF0_STRING_MAX)
			return ST_LIMIT;
		v->str = rd_take(r, v->len);
		break;
	case AMF0_NULL:
	case AMF0_UNDEFINED:
		break;
	case AMF0_DATE:
		v->num = amf0_double(r);
		(void)rd_be16(r);
		break;
	case AMF0_ECMA_ARRAY:
		(void)rd_be32(r);       /* a hint that is often wrong */
		st = amf0_props(w, r, depth);
		break;
	case AMF0_OBJECT:
		st = amf0_props(w, r, depth);
		break;
	case AMF0_STRICT_ARRAY:
		st = amf0_items(w, r, depth);
		break;
	default:
		return ST_PROTO;
	}
	if (st == ST_OK && r->err != ST_OK)
		st = ST_PROTO;
	return st;
}

enum status amf0_read(struct rd *r, struct amf0_val *v, amf0_leaf *leaf, void *ctx)
{
	struct amf0_walk w = { .leaf = leaf, .ctx = ctx };

	return amf0_value(&w, r, v, 0);
}

bool amf0_is(const uint8_t *name, size_t nlen, const char *want)
{
	return nlen == strlen(want) && memcmp(name, want, nlen) == 0;
}

static void amf0_be16(struct buf *b, size_t v)
{
	buf_u8(b, (uint8_t)(v >> 8));
	buf_u8(b, (uint8_t)v);
}

void amf0_put_number(struct buf *b, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	buf_u8(b, AMF0_NUMBER);
	for (int i = 56; i >= 0; i -= 8)
		buf_u8(b, (uint8_t)(bits >> i));
}

void amf0_put_bool(struct buf *b, bool v)
{
	buf_u8(b, AMF0_BOOL);
	buf_u8(b, v);
}

void amf0_put_string(struct buf *b, const void *p, size_t n)
{
	buf_u8(b, AMF0_STRING);
	amf0_be16(b, n);
	buf_put(b, p, n);
}

void amf0_put_name(struct buf *b, const char *name)
{
	const size_t n = strlen(name);

	amf0_be16(b, n);
	buf_put(b, name, n);
}

void amf0_put_end(struct buf *b)
{
	amf0_be16(b, 0);
	buf_u8(b, AMF0_OBJECT_END);
}
