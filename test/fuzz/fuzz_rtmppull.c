/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a server says to one who plays from it, behind the handshake; whole and in pieces, and its first line as an
 * address. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "core/media/rtmp.h"
#include "core/media/rtmphand.h"
#include "core/media/rtmppull.h"

struct sum {
	uint64_t hash;
	size_t n;
};

static enum status on_flv(void *ctx, const void *p, size_t n)
{
	struct sum *s = ctx;

	s->hash = fuzz_hash(s->hash, p, n);
	s->n += n;
	return ST_OK;
}

static enum status run(const struct rtmp_url *u, const uint8_t *p, size_t n, size_t step, struct sum *sum)
{
	static const uint8_t hello[1 + 2 * RTMP_HAND] = { 3 };
	struct rtmp_pull *r = rtmp_pull_new(u, on_flv, sum);
	enum status st;

	*sum = (struct sum){ .hash = FUZZ_HASH };
	if (r == NULL)
		return ST_LIMIT;
	st = rtmp_pull_feed(r, hello, sizeof(hello));
	ASSERT(st == ST_OK);
	for (size_t at = 0, k; at < n && st == ST_OK; at += k) {
		k = MIN(step, n - at);
		st = rtmp_pull_feed(r, p + at, k);
		ASSERT(rtmp_pull_out(r)->len <= RTMP_OUT_MAX);
	}
	if (st == ST_PROTO || st == ST_LIMIT)
		ASSERT(rtmp_pull_error(r)[0] != '\0');
	rtmp_pull_free(&r);
	return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[RTMP_URL_MAX + 16];
	struct rtmp_url u, any;
	struct sum all, cut;
	enum status st;
	size_t n = 0;

	if (size < 1)
		return 0;
	while (n < size && n < sizeof(text) - 1 && data[n] != '\n')
		n++;
	memcpy(text, data, n);
	text[n] = '\0';
	if (rtmp_url_parse(&u, text)) {
		ASSERT(u.host[0] != '\0' && u.port != 0 && u.app[0] != '\0' && u.stream[0] != '\0');
		ASSERT(strlen(u.tc) < strlen(text));
	}
	ASSERT(rtmp_url_parse(&any, "rtmp://h/app/s"));
	st = run(&any, data + 1, size - 1, size, &all);
	ASSERT(run(&any, data + 1, size - 1, 1 + data[0], &cut) == st);
	ASSERT(all.hash == cut.hash && all.n == cut.n);
	return 0;
}
