/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A publisher behind its handshake, whole and in pieces: the first byte says how large. The same FLV comes out of
 * both, and the container's parser takes it. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "core/media/media.h"
#include "core/media/rtmp.h"
#include "core/media/rtmpchunk.h"
#include "core/media/rtmphand.h"

struct pub {
	struct media *media;
	uint64_t hash;
	size_t n;
};

static enum status on_head(void *ctx, const void *p, size_t n)
{
	(void)ctx;
	(void)p;
	ASSERT(n <= MEDIA_HEAD_MAX);
	return ST_OK;
}

static enum status on_data(void *ctx, const void *p, size_t n, uint8_t cont)
{
	(void)ctx;
	(void)p;
	(void)cont;
	ASSERT(n >= 1 && n <= MEDIA_DATA_MAX);
	return ST_OK;
}

static enum status on_info(void *ctx, const struct media_info *mi)
{
	(void)ctx;
	(void)mi;
	return ST_OK;
}

static const struct media_ops media = { .head = on_head, .data = on_data, .info = on_info };

static const char *on_publish(void *ctx, const char *app, const char *name)
{
	struct pub *p = ctx;

	ASSERT(strlen(app) < RTMP_TEXT && strlen(name) < RTMP_TEXT);
	p->hash = fuzz_hash(fuzz_hash(p->hash, app, strlen(app)), name, strlen(name));
	return name[0] == '!' ? "No." : NULL;
}

static enum status on_flv(void *ctx, const void *data, size_t n)
{
	struct pub *p = ctx;

	p->hash = fuzz_hash(p->hash, data, n);
	p->n += n;
	/* a refusal of the container is not the protocol's fault */
	(void)!media_feed(p->media, data, n, NSEC_PER_SEC);
	return ST_OK;
}

static const struct rtmp_ops ops = { on_publish, on_flv };

static enum status run(const uint8_t *p, size_t n, size_t step, struct pub *pub)
{
	static const uint8_t hello[1 + 2 * RTMP_HAND] = { 3 };
	struct rtmp *r = rtmp_new(&ops, pub);
	enum status st;

	*pub = (struct pub){ .hash = FUZZ_HASH, .media = media_new("FLV", &media, NULL) };
	if (r == NULL || pub->media == NULL)
		return ST_LIMIT;
	st = rtmp_feed(r, hello, sizeof(hello));
	ASSERT(st == ST_OK);
	for (size_t at = 0, k; at < n && st == ST_OK; at += k) {
		k = MIN(step, n - at);
		st = rtmp_feed(r, p + at, k);
		ASSERT(rtmp_out(r)->len <= RTMP_OUT_MAX);
	}
	if (st == ST_PROTO || st == ST_LIMIT)
		ASSERT(rtmp_error(r)[0] != '\0');
	rtmp_free(&r);
	media_free(&pub->media);
	return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pub all, cut;
	enum status st;

	if (size < 1)
		return 0;
	st = run(data + 1, size - 1, size, &all);
	ASSERT(run(data + 1, size - 1, 1 + data[0], &cut) == st);
	ASSERT(all.hash == cut.hash && all.n == cut.n);
	return 0;
}
