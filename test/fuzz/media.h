/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the fuzz targets of core/media: the same input whole and split must give the same
 * output, every packet must keep its limits, and what came out must be readable again. */
#ifndef TEST_FUZZ_MEDIA_H
#define TEST_FUZZ_MEDIA_H

#include <stdlib.h>
#include <string.h>

#include "core/media/media.h"
#include "core/sys/bytes.h"
#include "test/fuzz/fuzz.h"

struct fuzz_out {
	struct buf first;       /* first head and the data behind it: a file */
	uint64_t sum;           /* over all events */
	int heads, infos;
	enum status st;
};

static inline void fuzz_mix(struct fuzz_out *o, int what, const void *p, size_t n)
{
	o->sum = fuzz_hash(fuzz_hash(o->sum, &what, sizeof(what)), p, n);
}

static inline enum status fuzz_head(void *ctx, const void *p, size_t n)
{
	struct fuzz_out *o = ctx;

	ASSERT(n <= MEDIA_HEAD_MAX && o->infos > 0);
	o->heads++;
	fuzz_mix(o, 'H', p, n);
	if (o->heads == 1)
		buf_put(&o->first, p, n);
	return ST_OK;
}

static inline enum status fuzz_data(void *ctx, const void *p, size_t n, uint8_t cont)
{
	struct fuzz_out *o = ctx;

	ASSERT(n >= 1 && n <= MEDIA_DATA_MAX && o->heads > 0 && cont < 8);
	fuzz_mix(o, 'D' + cont, p, n);
	if (o->heads == 1)
		buf_put(&o->first, p, n);
	return ST_OK;
}

static inline enum status fuzz_info(void *ctx, const struct media_info *mi)
{
	struct fuzz_out *o = ctx;

	ASSERT(mi->type[0] != '\0' && text_is_clean(mi->title, strlen(mi->title)));
	ASSERT(text_is_clean(mi->artist, strlen(mi->artist)));
	o->infos++;
	fuzz_mix(o, 'I', mi->type, strlen(mi->type));
	fuzz_mix(o, 'K', &mi->bitrate_kbps, sizeof(mi->bitrate_kbps));
	fuzz_mix(o, 'T', mi->title, strlen(mi->title));
	return ST_OK;
}

static const struct media_ops fuzz_ops = {
	.head = fuzz_head, .data = fuzz_data, .info = fuzz_info
};

/* ops get o. */
static inline void fuzz_run_by(struct fuzz_out *o, const struct media_ops *ops, const char *type,
	const uint8_t *p, size_t n, uint32_t seed)
{
	struct media *m;

	*o = (struct fuzz_out){ .sum = FUZZ_HASH };
	buf_init(&o->first, SIZE_MAX - 1);
	m = media_new(type, ops, o);
	ASSERT(m != NULL);
	while (n > 0 && o->st == ST_OK) {
		size_t k = n;

		if (seed != 0) {
			seed = seed * 1664525u + 1013904223u;
			k = 1 + (seed >> 8) % (seed & 128 ? 16 : 700);
			k = MIN(k, n);
		}
		o->st = media_feed(m, p, k, 1);
		p += k;
		n -= k;
	}
	if (o->st == ST_OK)
		o->st = media_end(m, 1);
	ASSERT(o->st == ST_OK || media_error(m)[0] != '\0');
	media_free(&m);
}

static inline void fuzz_run(
	struct fuzz_out *o, const char *type, const uint8_t *p, size_t n, uint32_t seed)
{
	fuzz_run_by(o, &fuzz_ops, type, p, n, seed);
}

/* again: the output must be accepted as a stream of its own. */
static inline void fuzz_media(const char *type, const uint8_t *p, size_t n, bool again)
{
	struct fuzz_out whole, split, twice;

	fuzz_run(&whole, type, p, n, 0);
	for (uint32_t seed = 1; seed <= 2; seed++) {
		fuzz_run(&split, type, p, n, seed * 2654435761u + (uint32_t)n);
		ASSERT(split.sum == whole.sum && split.st == whole.st);
		buf_fini(&split.first);
	}
	if (again && whole.first.len > 0) {
		fuzz_run(&twice, type, whole.first.p, whole.first.len, 0);
		/* a head that went out for want of a frame is none without the wait */
		ASSERT(twice.st == ST_OK || twice.heads == 0);
		buf_fini(&twice.first);
	}
	buf_fini(&whole.first);
}

#endif
