/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bounded cursors over bytes, with a sticky error: read or write everything, check once.
 *
 * struct rd  reads a borrowed region. After the first fault every call is a no-op that returns 0
 *            or NULL, and err stays ST_PROTO (short).
 * struct wr  writes into a borrowed region of fixed size. After the first fault nothing is
 *            written, and err stays ST_LIMIT.
 * struct buf owns a growing heap region with a named maximum; its faults are ST_LIMIT (maximum or
 *            memory).
 */
#ifndef CORE_SYS_BYTES_H
#define CORE_SYS_BYTES_H

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "core/sys/cc.h"
#include "core/sys/status.h"

struct rd {
	const uint8_t *p;       /* next byte */
	size_t left;            /* bytes not yet taken */
	enum status err;
};

/* p may be NULL when n is 0; taking 0 bytes never gives NULL without a fault. */
static inline struct rd rd_of(const void *p, size_t n)
{
	return (struct rd){ .p = p != NULL ? p : (const void *)"", .left = n, .err = ST_OK };
}

/* The next n bytes, or NULL and err = ST_PROTO when fewer are left. */
static inline const uint8_t *rd_take(struct rd *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->err != ST_OK || n > r->left) {
		r->err = r->err != ST_OK ? r->err : ST_PROTO;
		return NULL;
	}
	r->p += n;
	r->left -= n;
	return p;
}

uint8_t rd_u8(struct rd *r);
uint16_t rd_le16(struct rd *r);
uint32_t rd_le32(struct rd *r);
uint64_t rd_le64(struct rd *r);
uint16_t rd_be16(struct rd *r);
uint32_t rd_be24(struct rd *r);
uint32_t rd_be32(struct rd *r);
uint64_t rd_be64(struct rd *r);
/* A cursor over the next n bytes (empty and faulted when short); r moves past them. */
struct rd rd_sub(struct rd *r, size_t n);

struct wr {
	uint8_t *p;             /* start of the region */
	size_t cap, len;
	enum status err;
};

static inline struct wr wr_of(void *p, size_t cap)
{
	return (struct wr){ .p = p, .cap = cap, .len = 0, .err = ST_OK };
}

void wr_bytes(struct wr *w, const void *p, size_t n);
void wr_u8(struct wr *w, uint8_t v);
void wr_le16(struct wr *w, uint16_t v);
void wr_le32(struct wr *w, uint32_t v);
void wr_be16(struct wr *w, uint16_t v);
void wr_be24(struct wr *w, uint32_t v);
void wr_be32(struct wr *w, uint32_t v);
void wr_be64(struct wr *w, uint64_t v);

struct buf {
	uint8_t *p;             /* owned; NULL while empty */
	size_t len, cap, max;   /* max: never more than this many bytes */
	enum status err;        /* ST_LIMIT after the first append that did not fit */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
/* Forget content and error; keep the memory. */
void buf_reset(struct buf *b);
/* Room for n more bytes at p + len; NULL and err = ST_LIMIT when there is none. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_u8(struct buf *b, uint8_t v);
/* As buf_put(); inline, for those who put together much text from short pieces. */
static inline void buf_put_short(struct buf *b, const void *p, size_t n)
{
	if (b->err == ST_OK && n <= b->cap - b->len && n <= b->max - b->len && n > 0) {
		memcpy(b->p + b->len, p, n);
		b->len += n;
	} else {
		buf_put(b, p, n);
	}
}
void buf_le16(struct buf *b, uint16_t v);
void buf_le32(struct buf *b, uint32_t v);
/* In decimal digits. */
void buf_int(struct buf *b, int64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/* Drop n bytes from the front (n <= len), moving the rest down. */
void buf_consume(struct buf *b, size_t n);
/* NUL-terminate without counting the NUL; returns the text, or "" after an error. */
const char *buf_cstr(struct buf *b);

#endif
