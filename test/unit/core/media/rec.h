/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the tests of core/media: feeds a parser in every manner and writes down what comes
 * out. */
#ifndef TEST_UNIT_MEDIA_REC_H
#define TEST_UNIT_MEDIA_REC_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/media/media.h"
#include "core/sys/bytes.h"
#include "core/sys/file.h"
#include "test/unit/unit.h"

#define REC_HEADS 64
#define REC_PKTS  8192

struct rec_pkt {
	size_t at, n;           /* in body */
	uint8_t cont;
	int head;               /* index of the head it belongs to */
};

/* All that one run gave. */
struct rec {
	struct buf log;         /* every event in order: equal logs = equal output */
	struct buf body;        /* all data bytes */
	struct buf heads;
	struct { size_t at, n; } head[REC_HEADS];
	int nheads;
	struct rec_pkt pkt[REC_PKTS];
	int npkts;
	int ninfos, nnotes;
	char note[256];         /* the newest */
	struct media_info info;
	char type[MEDIA_TYPE_MAX];
	char first_type[MEDIA_TYPE_MAX];        /* as told before the first head */
	enum status st;         /* of the call that ended it */
	char error[200];
	enum status refuse;     /* data() answers this when not ST_OK */
};

static inline enum status rec_head(void *ctx, const void *p, size_t n)
{
	struct rec *r = ctx;

	ck_assert_int_gt(r->ninfos, 0);
	ck_assert_uint_le(n, MEDIA_HEAD_MAX);
	ck_assert_int_lt(r->nheads, REC_HEADS);
	if (r->nheads == 0)
		ck_assert(text_copy(r->first_type, sizeof(r->first_type), r->type));
	r->head[r->nheads].at = r->heads.len;
	r->head[r->nheads++].n = n;
	buf_put(&r->heads, p, n);
	buf_printf(&r->log, "H%zu:", n);
	buf_put(&r->log, p, n);
	return ST_OK;
}

static inline enum status rec_data(void *ctx, const void *p, size_t n, uint8_t cont)
{
	struct rec *r = ctx;

	ck_assert_int_gt(r->nheads, 0);
	ck_assert_uint_ge(n, 1);
	ck_assert_uint_le(n, MEDIA_DATA_MAX);
	ck_assert_int_lt(r->npkts, REC_PKTS);
	if (r->refuse != ST_OK)
		return r->refuse;
	r->pkt[r->npkts++] =
		(struct rec_pkt){ .at = r->body.len, .n = n, .cont = cont, .head = r->nheads - 1 };
	buf_put(&r->body, p, n);
	buf_printf(&r->log, "D%zu/%u:", n, cont);
	buf_put(&r->log, p, n);
	return ST_OK;
}

static inline enum status rec_info(void *ctx, const struct media_info *mi)
{
	struct rec *r = ctx;

	r->ninfos++;
	r->info = *mi;
	ck_assert(text_copy(r->type, sizeof(r->type), mi->type));
	buf_printf(&r->log, "I%s/%u/%d/%s/%s:", mi->type, mi->bitrate_kbps, mi->declared, mi->title,
		mi->artist);
	return ST_OK;
}

static inline void rec_note(void *ctx, const char *text)
{
	struct rec *r = ctx;

	r->nnotes++;
	(void)text_copy(r->note, sizeof(r->note), text);
	buf_printf(&r->log, "N%s:", text);
}

static const struct media_ops rec_ops UNUSED = {
	.head = rec_head, .data = rec_data, .info = rec_info, .note = rec_note,
};

static inline struct rec *rec_new(void)
{
	struct rec *r = calloc(1, sizeof(*r));

	ck_assert_ptr_nonnull(r);
	buf_init(&r->log, 64u << 20);
	buf_puts(&r->log, "=");         /* never empty: memory to compare */
	buf_init(&r->body, 64u << 20);
	buf_init(&r->heads, 4u << 20);
	return r;
}

static inline void rec_free(struct rec *r)
{
	ck_assert_int_eq(r->log.err, ST_OK);
	buf_fini(&r->log);
	buf_fini(&r->body);
	buf_fini(&r->heads);
	free(r);
}

/* A small generator of our own: the same splits on every machine. */
static inline uint32_t rec_rand(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Feed n bytes in pieces: step 0 = random sizes up to 3000, else that many bytes each. Each piece
 * lies in memory of exactly its size, so that a read past it is seen. end: call media_end() too. */
static inline struct rec *rec_run(
	const char *type, const void *p, size_t n, size_t step, uint32_t seed, bool end)
{
	struct rec *r = rec_new();
	struct media *m = media_new(type, &rec_ops, r);
	size_t at = 0;

	ck_assert_ptr_nonnull(m);
	while (at < n && r->st == ST_OK) {
		size_t k = step > 0 ? step : rec_rand(&seed) % 8 == 0 ? 1 + rec_rand(&seed) % 3000 :
		           1 + rec_rand(&seed) % 40;
		uint8_t *piece;

		k = MIN(k, n - at);
		piece = malloc(k);
		ck_assert_ptr_nonnull(piece);
		memcpy(piece, (const uint8_t *)p + at, k);
		r->st = media_feed(m, piece, k, NSEC_PER_SEC);
		free(piece);
		at += k;
	}
	if (r->st == ST_OK && end)
		r->st = media_end(m, NSEC_PER_SEC);
	(void)text_copy(r->error, sizeof(r->error), media_error(m));
	ck_assert_int_eq(
		r->st != ST_OK && r->st == media_feed(m, "x", 1, NSEC_PER_SEC), r->st != ST_OK);
	media_free(&m);
	ck_assert_ptr_null(m);
	return r;
}

static inline void rec_same(const struct rec *a, const struct rec *b, const char *what)
{
	ck_assert_msg(a->st == b->st, "%s: status %d and %d (%s, %s)", what, a->st, b->st, a->error,
		b->error);
	ck_assert_msg(a->log.len == b->log.len && memcmp(a->log.p, b->log.p, a->log.len) == 0,
		"%s: output differs: %d/%d heads, %d/%d packets, %zu/%zu bytes", what, a->nheads,
		b->nheads, a->npkts, b->npkts, a->body.len, b->body.len);
	ck_assert_str_eq(a->error, b->error);
}

/* Whole, byte by byte, odd sizes, at random: the output must be the same. Returns that of the
 * whole. */
static inline struct rec *rec_all(const char *type, const void *p, size_t n)
{
	static const size_t step[] = { 1, 2, 13, 4096, 65536 };
	struct rec *whole = rec_run(type, p, n, MAX(n, (size_t)1), 0, true);
	char what[64];

	for (size_t i = 0; i < NELEM(step); i++) {
		struct rec *r;

		if (step[i] < 13 && n > 200000)
			continue;
		r = rec_run(type, p, n, step[i], 0, true);
		(void)snprintf(what, sizeof(what), "%zu bytes at a time", step[i]);
		rec_same(whole, r, what);
		rec_free(r);
	}
	for (uint32_t seed = 1; seed <= 10; seed++) {
		struct rec *r = rec_run(type, p, n, 0, seed, true);

		(void)snprintf(what, sizeof(what), "random split %u", seed);
		rec_same(whole, r, what);
		rec_free(r);
	}
	return whole;
}

static inline void rec_file(const char *path, struct buf *out)
{
	buf_init(out, 4u << 20);
	ck_assert_msg(file_read(path, out) == ST_OK, "%s: cannot be read", path);
}

static inline const uint8_t *rec_head_p(const struct rec *r, int i)
{
	ck_assert_int_lt(i, r->nheads);
	return r->heads.p + r->head[i].at;
}

static inline const uint8_t *rec_pkt_p(const struct rec *r, int i)
{
	ck_assert_int_lt(i, r->npkts);
	return r->body.p + r->pkt[i].at;
}

/* "0 4 2 ..." for the continuation bits of all packets. */
static inline const char *rec_conts(const struct rec *r, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	for (int i = 0; i < r->npkts && n + 5 < cap; i++)
		n += (size_t)snprintf(out + n, cap - n, "%s%u", i > 0 ? " " : "", r->pkt[i].cont);
	return out;
}

#endif
