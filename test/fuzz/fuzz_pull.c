/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a server sends to who pulls from it: playlists, and titles in a stream. The first byte chooses. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "core/media/icyin.h"
#include "core/media/urllist.h"

static void playlist(enum urllist_kind kind, const char *p, size_t n)
{
	struct urllist l;
	char url[64];
	size_t count = 0;

	urllist_init(&l, kind, p, n);
	while (urllist_next(&l, url, sizeof(url))) {
		count++;
		ASSERT(strlen(url) < sizeof(url) && text_is_clean(url, strlen(url)));
		ASSERT(l.p <= l.end);
	}
	ASSERT(count <= URLLIST_ENTRIES);
	(void)urllist_is_hls(p, n);
}

struct seen {
	uint64_t data, titles, bytes;
};

static enum status on_data(void *ctx, const uint8_t *p, size_t n)
{
	struct seen *s = ctx;

	ASSERT(n > 0);
	s->data = fuzz_hash(s->data, p, n);
	s->bytes += n;
	return ST_OK;
}

static void on_title(void *ctx, const char *title)
{
	struct seen *s = ctx;

	ASSERT(text_is_clean(title, strlen(title)) && strlen(title) < TEXT_MAX);
	s->titles = fuzz_hash(s->titles, title, strlen(title) + 1);
}

static struct seen demux(const uint8_t *p, size_t n, uint32_t every, size_t step)
{
	static const struct icyin_ops ops = { on_data, on_title };
	struct seen s = { FUZZ_HASH, FUZZ_HASH, 0 };
	struct icyin y;

	ASSERT(icyin_init(&y, every));
	for (size_t at = 0; at < n; at += step)
		ASSERT(icyin_feed(&y, p + at, MIN(step, n - at), &ops, &s) == ST_OK);
	return s;
}

/* However it was split, the same comes out. */
static void icy(const uint8_t *p, size_t n, uint32_t every)
{
	const struct seen whole = demux(p, n, every, n + 1), bytes = demux(p, n, every, 1);

	ASSERT(memcmp(&whole, &bytes, sizeof(whole)) == 0);
	ASSERT(whole.bytes <= n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	switch (data[0]) {
	case 'm':
		playlist(URLLIST_M3U, (const char *)data + 1, size - 1);
		break;
	case 'p':
		playlist(URLLIST_PLS, (const char *)data + 1, size - 1);
		break;
	case 'a':
		playlist(URLLIST_ASX, (const char *)data + 1, size - 1);
		break;
	default:
		icy(data + 1, size - 1, data[0]);
		break;
	}
	return 0;
}
