/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A source's stream: the first byte picks the declared type and the way the rest is split. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "core/media/media.h"

struct sum {
	uint64_t hash;
	bool headed;
};

static enum status on_head(void *ctx, const void *p, size_t n)
{
	struct sum *s = ctx;

	ASSERT(n <= MEDIA_HEAD_MAX);
	s->headed = true;
	s->hash = fuzz_hash(fuzz_hash(s->hash, "H", 1), p, n);
	return ST_OK;
}

static enum status on_data(void *ctx, const void *p, size_t n, uint8_t cont)
{
	struct sum *s = ctx;

	ASSERT(n >= 1 && n <= MEDIA_DATA_MAX);
	ASSERT(s->headed);
	s->hash = fuzz_hash(fuzz_hash(s->hash, &cont, 1), p, n);
	return ST_OK;
}

static enum status on_info(void *ctx, const struct media_info *mi)
{
	(void)ctx;
	ASSERT(mi->type != NULL && text_is_clean(mi->title, strlen(mi->title)));
	return ST_OK;
}

static void on_note(void *ctx, const char *text)
{
	(void)ctx;
	ASSERT(text[0] != '\0');
}

static const struct media_ops ops = {
	.head = on_head, .data = on_data, .info = on_info, .note = on_note,
};

/* Feed all of it in pieces of `step` bytes, at one moment. */
static enum status run(const char *type, const uint8_t *p, size_t n, size_t step, struct sum *s)
{
	struct media *m = media_new(type, &ops, s);
	enum status st = ST_OK;
	size_t at, k;

	*s = (struct sum){ .hash = FUZZ_HASH };
	if (m == NULL)
		return ST_LIMIT;
	for (at = 0; at < n && st == ST_OK; at += k) {
		k = MIN(step, n - at);
		st = media_feed(m, p + at, k, NSEC_PER_SEC);
	}
	if (st == ST_OK)
		st = media_end(m, NSEC_PER_SEC);
	if (st != ST_OK)
		ASSERT(media_error(m)[0] != '\0');
	media_free(&m);
	return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { "FLV", "MKV", "WEBM", "UNKNOWN", "RAW" };
	struct sum all, cut;
	enum status st;

	if (size < 1)
		return 0;
	/* What comes out must not depend on how the input was split. */
	st = run(types[data[0] % NELEM(types)], data + 1, size - 1, size, &all);
	ASSERT(run(types[data[0] % NELEM(types)], data + 1, size - 1, 1 + data[0] / 8u, &cut) == st);
	ASSERT(all.hash == cut.hash);
	return 0;
}
