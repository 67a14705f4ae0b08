/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/amf3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/media/amf0.h"

#define AMF0_SWITCH 17          /* one AMF3 value follows */

enum amf3_type {
	AMF3_UNDEFINED, AMF3_NULL, AMF3_FALSE, AMF3_TRUE, AMF3_INTEGER, AMF3_DOUBLE, AMF3_STRING,
	AMF3_XML_DOC, AMF3_DATE, AMF3_ARRAY, AMF3_OBJECT, AMF3_XML, AMF3_BYTES,
};

struct text {
	const uint8_t *p;
	size_t n;
};

struct trait {
	unsigned first, n;      /* in names */
	bool dynamic;
};

struct amf3 {
	struct rd r;
	struct buf *out;
	unsigned values;
	unsigned nstrings, nnames, ntraits, nobjects;
	struct text string[AMF3_TABLE_MAX];
	struct text name[AMF3_TABLE_MAX];
	struct trait trait[AMF3_TRAITS_MAX];
};

static enum status amf3_value(struct amf3 *a, unsigned depth);

static uint32_t amf3_u29(struct rd *r)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		const uint8_t b = rd_u8(r);

		if (i == 3)
			return v << 8 | b;
		v = v << 7 | (b & 0x7f);
		if ((b & 0x80) == 0)
			break;
	}
	return v;
}

/* A string in line, or one of before. */
static enum status amf3_text(struct amf3 *a, struct text *t)
{
	const uint32_t u = amf3_u29(&a->r);

	*t = (struct text){ (const uint8_t *)"", 0 };
	if (a->r.err != ST_OK)
		return ST_PROTO;
	if ((u & 1) == 0) {
		if (u >> 1 >= a->nstrings)
			return ST_PROTO;
		*t = a->string[u >> 1];
		return ST_OK;
	}
	if (u >> 1 == 0)
		return ST_OK;
	t->n = u >> 1;
	t->p = rd_take(&a->r, t->n);
	if (t->p == NULL)
		return ST_PROTO;
	if (t->n > AMF0_STRING_MAX || a->nstrings == AMF3_TABLE_MAX)
		return ST_LIMIT;
	a->string[a->nstrings++] = *t;
	return ST_OK;
}

static enum status amf3_put_text(struct amf3 *a, const struct text *t)
{
	if (t->n > UINT16_MAX)
		return ST_LIMIT;
	amf0_put_string(a->out, t->p, t->n);
	return ST_OK;
}

static void amf3_put_name(struct amf3 *a, const struct text *t)
{
	buf_u8(a->out, (uint8_t)(t->n >> 8));
	buf_u8(a->out, (uint8_t)t->n);
	buf_put(a->out, t->p, t->n);
}

/* A property whose value follows in the input. */
static enum status amf3_prop(struct amf3 *a, const struct text *name, unsigned depth)
{
	if (name->n > UINT16_MAX)
		return ST_LIMIT;
	amf3_put_name(a, name);
	return amf3_value(a, depth + 1);
}

/* Names and values up to the empty name; the first name was read already. */
static enum status amf3_props(struct amf3 *a, struct text name, unsigned depth)
{
	enum status st = ST_OK;

	while (st == ST_OK && name.n > 0) {
		st = amf3_prop(a, &name, depth);
		if (st == ST_OK)
			st = amf3_text(a, &name);
	}
	return st;
}

static enum status amf3_array(struct amf3 *a, unsigned depth)
{
	const uint32_t u = amf3_u29(&a->r);
	const uint32_t n = u >> 1;
	struct text name;
	enum status st;

	if (a->r.err != ST_OK)
		return ST_PROTO;
	if ((u & 1) == 0) {
		buf_u8(a->out, AMF0_NULL);
		return n < a->nobjects ? ST_OK : ST_PROTO;
	}
	a->nobjects++;
	if (n > a->r.left)              /* an element takes a byte at least */
		return ST_PROTO;
	st = amf3_text(a, &name);
	if (st != ST_OK)
		return st;
	if (name.n == 0) {
		buf_u8(a->out, AMF0_STRICT_ARRAY);
		for (int i = 24; i >= 0; i -= 8)
			buf_u8(a->out, (uint8_t)(n >> i));
		for (uint32_t i = 0; i < n && st == ST_OK; i++)
			st = amf3_value(a, depth + 1);
		return st;
	}
	buf_u8(a->out, AMF0_ECMA_ARRAY);
	for (int i = 0; i < 4; i++)     /* the count is a hint; 0 = none */
		buf_u8(a->out, 0);
	st = amf3_props(a, name, depth);
	for (uint32_t i = 0; i < n && st == ST_OK; i++) {
		char key[12];

		snprintf(key, sizeof(key), "%u", i);
		st = amf3_prop(a, &(struct text){ (const uint8_t *)key, strlen(key) }, depth);
	}
	amf0_put_end(a->out);
	return st;
}

/* The traits of an object: u is what followed its marker. */
static enum status amf3_traits(struct amf3 *a, uint32_t u, struct trait *t)
{
	const uint32_t n = u >> 4;
	struct text name;
	enum status st;

	if ((u & 2) == 0) {
		if (u >> 2 >= a->ntraits)
			return ST_PROTO;
		*t = a->trait[u >> 2];
		return ST_OK;
	}
	if ((u & 4) != 0)               /* of a form only its class knows */
		return ST_PROTO;
	if (n > AMF3_TABLE_MAX - a->nnames || a->ntraits == AMF3_TRAITS_MAX)
		return ST_LIMIT;
	*t = (struct trait){ .first = a->nnames, .n = n, .dynamic = (u & 8) != 0 };
	st = amf3_text(a, &name);       /* of the class */
	for (uint32_t i = 0; i < n && st == ST_OK; i++)
		st = amf3_text(a, &a->name[a->nnames++]);
	a->trait[a->ntraits++] = *t;
	return st;
}

static enum status amf3_object(struct amf3 *a, unsigned depth)
{
	const uint32_t u = amf3_u29(&a->r);
	struct text name;
	struct trait t;
	enum status st;

	if (a->r.err != ST_OK)
		return ST_PROTO;
	if ((u & 1) == 0) {
		buf_u8(a->out, AMF0_NULL);
		return u >> 1 < a->nobjects ? ST_OK : ST_PROTO;
	}
	a->nobjects++;
	st = amf3_traits(a, u, &t);
	if (st != ST_OK)
		return st;
	buf_u8(a->out, AMF0_OBJECT);
	for (unsigned i = 0; i < t.n && st == ST_OK; i++)
		st = amf3_prop(a, &a->name[t.first + i], depth);
	if (st == ST_OK && t.dynamic) {
		st = amf3_text(a, &name);
		if (st == ST_OK)
			st = amf3_props(a, name, depth);
	}
	amf0_put_end(a->out);
	return st;
}

static enum status amf3_double(struct amf3 *a, uint8_t type)
{
	const uint8_t *p = rd_take(&a->r, 8);

	if (p == NULL)
		return ST_PROTO;
	buf_u8(a->out, type);
	buf_put(a->out, p, 8);
	return ST_OK;
}

static enum status amf3_date(struct amf3 *a)
{
	const uint32_t u = amf3_u29(&a->r);
	enum status st;

	if (a->r.err != ST_OK)
		return ST_PROTO;
	if ((u & 1) == 0) {
		buf_u8(a->out, AMF0_NULL);
		return u >> 1 < a->nobjects ? ST_OK : ST_PROTO;
	}
	a->nobjects++;
	st = amf3_double(a, AMF0_DATE);
	buf_u8(a->out, 0);              /* time zone */
	buf_u8(a->out, 0);
	return st;
}

/* XML and byte arrays: passed over. */
static enum status amf3_bytes(struct amf3 *a)
{
	const uint32_t u = amf3_u29(&a->r);

	buf_u8(a->out, AMF0_NULL);
	if (a->r.err != ST_OK)
		return ST_PROTO;
	if ((u & 1) == 0)
		return u >> 1 < a->nobjects ? ST_OK : ST_PROTO;
	a->nobjects++;
	return rd_take(&a->r, u >> 1) != NULL ? ST_OK : ST_PROTO;
}

/* Another value begins: within the limits? */
static enum status amf3_count(struct amf3 *a, unsigned depth)
{
	if (a->r.err != ST_OK)
		return ST_PROTO;
	if (depth > AMF3_DEPTH_MAX || ++a->values > AMF3_VALUES_MAX || a->out->err != ST_OK)
		return ST_LIMIT;
	return ST_OK;
}

/* Recursion is bounded by AMF3_DEPTH_MAX. */
static enum status amf3_value(struct amf3 *a, unsigned depth)
{
	const uint8_t type = rd_u8(&a->r);
	enum status st = amf3_count(a, depth);
	struct text t;
	uint32_t u;

	if (st != ST_OK)
		return st;
	switch (type) {
	case AMF3_UNDEFINED:
		buf_u8(a->out, AMF0_UNDEFINED);
		return ST_OK;
	case AMF3_NULL:
		buf_u8(a->out, AMF0_NULL);
		return ST_OK;
	case AMF3_FALSE:
	case AMF3_TRUE:
		amf0_put_bool(a->out, type == AMF3_TRUE);
		return ST_OK;
	case AMF3_INTEGER:
		u = amf3_u29(&a->r);
		amf0_put_number(a->out, (u & 1u << 28) != 0 ? (double)u - (1u << 29) : (double)u);
		return a->r.err;
	case AMF3_DOUBLE:
		return amf3_double(a, AMF0_NUMBER);
	case AMF3_STRING:
		st = amf3_text(a, &t);
		return st == ST_OK ? amf3_put_text(a, &t) : st;
	case AMF3_DATE:
		return amf3_date(a);
	case AMF3_ARRAY:
		return amf3_array(a, depth);
	case AMF3_OBJECT:
		return amf3_object(a, depth);
	case AMF3_XML_DOC:
	case AMF3_XML:
	case AMF3_BYTES:
		return amf3_bytes(a);
	default:
		return ST_PROTO;
	}
}

/* --- AMF0 around it --------------------------------------------------------------------------- */

static enum status copy_value(struct amf3 *a, unsigned depth);

static enum status copy_props(struct amf3 *a, unsigned depth)
{
	for (;;) {
		struct text name = { .n = rd_be16(&a->r) };
		enum status st;

		name.p = rd_take(&a->r, name.n);
		if (a->r.err != ST_OK)
			return ST_PROTO;
		if (name.n == 0 && a->r.left > 0 && a->r.p[0] == AMF0_OBJECT_END) {
			(void)rd_take(&a->r, 1);
			amf0_put_end(a->out);
			return ST_OK;
		}
		amf3_put_name(a, &name);
		st = copy_value(a, depth + 1);
		if (st != ST_OK)
			return st;
	}
}

static enum status copy_items(struct amf3 *a, unsigned depth)
{
	const uint32_t n = rd_be32(&a->r);
	enum status st = ST_OK;

	if (a->r.err != ST_OK || n > a->r.left)
		return ST_PROTO;
	for (int i = 24; i >= 0; i -= 8)
		buf_u8(a->out, (uint8_t)(n >> i));
	for (uint32_t i = 0; i < n && st == ST_OK; i++)
		st = copy_value(a, depth + 1);
	return st;
}

/* An AMF0 value as it is, but for AMF3 inside. Recursion is bounded by AMF3_DEPTH_MAX. */
static enum status copy_value(struct amf3 *a, unsigned depth)
{
	const uint8_t *from = a->r.p;
	const size_t had = a->r.left;
	const uint8_t type = rd_u8(&a->r);
	enum status st = amf3_count(a, depth);
	struct amf0_val v;

	if (st != ST_OK)
		return st;
	switch (type) {
	case AMF0_SWITCH:
		/* each has tables of its own */
		a->nstrings = a->nnames = a->ntraits = a->nobjects = 0;
		return amf3_value(a, depth);
	case AMF0_OBJECT:
		buf_u8(a->out, type);
		return copy_props(a, depth);
	case AMF0_ECMA_ARRAY:
		buf_u8(a->out, type);
		buf_put(a->out, a->r.p, MIN(a->r.left, (size_t)4));
		(void)rd_be32(&a->r);
		return copy_props(a, depth);
	case AMF0_STRICT_ARRAY:
		buf_u8(a->out, type);
		return copy_items(a, depth);
	default:
		a->r = rd_of(from, had);
		st = amf0_read(&a->r, &v, NULL, NULL);
		if (st == ST_OK)
			buf_put(a->out, from, had - a->r.left);
		return st;
	}
}

enum status amf3_to_amf0(const uint8_t *p, size_t n, struct buf *out)
{
	struct amf3 *a = malloc(sizeof(*a));
	enum status st = ST_OK;

	if (a == NULL)
		return ST_LIMIT;
	a->r = rd_of(p, n);
	a->out = out;
	a->values = 0;
	while (st == ST_OK && a->r.left > 0)
		st = copy_value(a, 0);
	free(a);
	return st == ST_OK ? out->err : st;
}
