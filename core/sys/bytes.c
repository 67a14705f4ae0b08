/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/assert.h"

uint8_t rd_u8(struct rd *r)
{
	const uint8_t *b = rd_take(r, 1);

	return b == NULL ? 0 : b[0];
}

uint16_t rd_le16(struct rd *r)
{
	const uint8_t *b = rd_take(r, 2);

	return b == NULL ? 0 : (uint16_t)((unsigned)b[0] | (unsigned)b[1] << 8);
}

uint32_t rd_le32(struct rd *r)
{
	const uint8_t *b = rd_take(r, 4);

	if (b == NULL)
		return 0;
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

uint64_t rd_le64(struct rd *r)
{
	const uint8_t *b = rd_take(r, 8);
	uint64_t v = 0;

	for (int i = 7; b != NULL && i >= 0; i--)
		v = v << 8 | b[i];
	return v;
}

uint16_t rd_be16(struct rd *r)
{
	const uint8_t *b = rd_take(r, 2);

	return b == NULL ? 0 : (uint16_t)((unsigned)b[0] << 8 | (unsigned)b[1]);
}

uint32_t rd_be24(struct rd *r)
{
	const uint8_t *b = rd_take(r, 3);

	return b == NULL ? 0 : (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | (uint32_t)b[2];
}

uint32_t rd_be32(struct rd *r)
{
	const uint8_t *b = rd_take(r, 4);

	if (b == NULL)
		return 0;
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | (uint32_t)b[3];
}

uint64_t rd_be64(struct rd *r)
{
	const uint8_t *b = rd_take(r, 8);
	uint64_t v = 0;

	for (int i = 0; b != NULL && i < 8; i++)
		v = v << 8 | b[i];
	return v;
}

struct rd rd_sub(struct rd *r, size_t n)
{
	const uint8_t *b = rd_take(r, n);

	if (b == NULL)
		return (struct rd){ .p = NULL, .left = 0, .err = r->err };
	return rd_of(b, n);
}

void wr_bytes(struct wr *w, const void *p, size_t n)
{
	if (w->err != ST_OK)
		return;
	if (n > w->cap - w->len) {
		w->err = ST_LIMIT;
		return;
	}
	if (n > 0)
		memcpy(w->p + w->len, p, n);
	w->len += n;
}

void wr_u8(struct wr *w, uint8_t v)
{
	wr_bytes(w, &v, 1);
}

void wr_le16(struct wr *w, uint16_t v)
{
	const uint8_t b[] = { (uint8_t)v, (uint8_t)(v >> 8) };

	wr_bytes(w, b, sizeof(b));
}

void wr_le32(struct wr *w, uint32_t v)
{
	const uint8_t b[] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) };

	wr_bytes(w, b, sizeof(b));
}

void wr_be16(struct wr *w, uint16_t v)
{
	const uint8_t b[] = { (uint8_t)(v >> 8), (uint8_t)v };

	wr_bytes(w, b, sizeof(b));
}

void wr_be24(struct wr *w, uint32_t v)
{
	const uint8_t b[] = { (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	wr_bytes(w, b, sizeof(b));
}

void wr_be32(struct wr *w, uint32_t v)
{
	const uint8_t b[] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	wr_bytes(w, b, sizeof(b));
}

void wr_be64(struct wr *w, uint64_t v)
{
	uint8_t b[8];

	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(v >> (56 - 8 * i));
	wr_bytes(w, b, sizeof(b));
}

#define BUF_FIRST 64            /* bytes of the first allocation, when the maximum allows */

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max, .err = ST_OK };
}

void buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .max = b->max, .err = ST_OK };
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = ST_OK;
}

/* Memory for `need` bytes (at most max + 1: buf_cstr()'s NUL is not counted), doubling. */
static bool buf_grow(struct buf *b, size_t need)
{
	const size_t most = b->max == SIZE_MAX ? SIZE_MAX : b->max + 1;
	size_t cap = b->cap > 0 ? b->cap : BUF_FIRST;

	if (need <= b->cap)
		return true;
	while (cap < need)
		cap = cap > most / 2 ? most : cap * 2;
	cap = MIN(cap, most);

	uint8_t *p = realloc(b->p, cap);

	if (p == NULL) {
		b->err = ST_LIMIT;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
	size_t need;

	if (b->err != ST_OK)
		return NULL;
	if (ckd_add_size(&need, b->len, n) || need > b->max) {
		b->err = ST_LIMIT;
		return NULL;
	}
	/* Never zero: an empty reservation gives a pointer too. */
	if (!buf_grow(b, MAX(need, (size_t)1)))
		return NULL;
	return b->p + b->len;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	uint8_t *to;

	if (n == 0)
		return;
	to = buf_reserve(b, n);
	if (to == NULL)
		return;
	memcpy(to, p, n);
	b->len += n;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_u8(struct buf *b, uint8_t v)
{
	buf_put(b, &v, 1);
}

void buf_le16(struct buf *b, uint16_t v)
{
	const uint8_t d[] = { (uint8_t)v, (uint8_t)(v >> 8) };

	buf_put(b, d, sizeof(d));
}

void buf_le32(struct buf *b, uint32_t v)
{
	const uint8_t d[] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) };

	buf_put(b, d, sizeof(d));
}

void buf_int(struct buf *b, int64_t v)
{
	char digits[24];
	size_t at = sizeof(digits);
	uint64_t u = v < 0 ? (uint64_t)-(v + 1) + 1 : (uint64_t)v;

	do {
		digits[--at] = (char)('0' + u % 10);
		u /= 10;
	} while (u > 0);
	if (v < 0)
		digits[--at] = '-';
	buf_put(b, digits + at, sizeof(digits) - at);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	const size_t room = b->cap - b->len;
	va_list again;
	size_t need;
	int n;

	if (b->err != ST_OK)
		return;
	va_copy(again, ap);
	n = vsnprintf(room > 0 ? (char *)b->p + b->len : NULL, room, fmt, ap);
	if (n < 0 || ckd_add_size(&need, b->len, (size_t)n) || need > b->max) {
		b->err = ST_LIMIT;
	} else if ((size_t)n < room) {
		b->len = need;
	} else if (buf_grow(b, need + 1)) {     /* + 1: vsnprintf's NUL; need <= max */
		(void)vsnprintf((char *)b->p + b->len, (size_t)n + 1, fmt, again);
		b->len = need;
	}
	va_end(again);
}

void buf_consume(struct buf *b, size_t n)
{
	ASSERT(n <= b->len);
	if (n == 0)
		return;
	b->len -= n;
	memmove(b->p, b->p + n, b->len);
}

const char *buf_cstr(struct buf *b)
{
	if (b->err != ST_OK || b->len == SIZE_MAX || !buf_grow(b, b->len + 1))
		return "";
	b->p[b->len] = 0;
	return (const char *)b->p;
}
