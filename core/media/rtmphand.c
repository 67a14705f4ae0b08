/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/rtmphand.h"

#include <string.h>

#include <nettle/hmac.h>
#include <nettle/memops.h>

#include "core/sys/rng.h"

#define VERSION 3

/* Well-known words of the protocol, no secrets: who has them is "genuine". The first 30 or 36 bytes key the
 * digest of the first block, all of it that of the second. */
static const char player_key[] = "Genuine Adobe Flash Player 001";
static const uint8_t server_key[] = {
	'G', 'e', 'n', 'u', 'i', 'n', 'e', ' ', 'A', 'd', 'o', 'b', 'e', ' ', 'F', 'l', 'a', 's', 'h', ' ',
	'M', 'e', 'd', 'i', 'a', ' ', 'S', 'e', 'r', 'v', 'e', 'r', ' ', '0', '0', '1',
	0xf0, 0xee, 0xc2, 0x4a, 0x80, 0x68, 0xbe, 0xe8, 0x2e, 0x00, 0xd0, 0xd1, 0x02, 0x9e, 0x7e, 0x57,
	0x6e, 0xec, 0x5d, 0x2d, 0x29, 0x80, 0x6f, 0xab, 0x93, 0xb8, 0xe6, 0x36, 0xcf, 0xeb, 0x31, 0xae,
};
#define PLAYER_KEY (sizeof(player_key) - 1)
#define SERVER_KEY 36

void rtmp_digest_make(const uint8_t block[RTMP_HAND], size_t at, const void *key, size_t nkey,
	uint8_t digest[RTMP_DIGEST])
{
	struct hmac_sha256_ctx h;

	hmac_sha256_set_key(&h, nkey, key);
	hmac_sha256_update(&h, at, block);
	hmac_sha256_update(&h, RTMP_HAND - RTMP_DIGEST - at, block + at + RTMP_DIGEST);
	hmac_sha256_digest(&h, RTMP_DIGEST, digest);
}

/* The four bytes at `base` say where behind them the digest is. */
static size_t digest_at(const uint8_t block[RTMP_HAND], size_t base)
{
	const unsigned sum = 0u + block[base] + block[base + 1] + block[base + 2] + block[base + 3];

	return base + 4 + sum % 728;
}

size_t rtmp_digest_find(const uint8_t block[RTMP_HAND], const void *key, size_t nkey)
{
	static const size_t bases[] = { 772, 8 };
	uint8_t want[RTMP_DIGEST];

	for (size_t i = 0; i < NELEM(bases); i++) {
		const size_t at = digest_at(block, bases[i]);

		rtmp_digest_make(block, at, key, nkey, want);
		if (memeql_sec(want, block + at, sizeof(want)))
			return at;
	}
	return 0;
}

/* A block of ours: time, a version or 0, noise. */
static void make_block(uint8_t p[RTMP_HAND], const uint8_t version[4])
{
	rng_bytes(p, RTMP_HAND);
	memset(p, 0, 4);
	memcpy(p + 4, version, 4);
}

/* The client's first block has come: ours, and the answer to it. */
static void server_answer(const struct rtmp_hand *h, struct buf *out)
{
	static const uint8_t plain[4] = { 0 }, digests[4] = { 3, 5, 1, 1 };
	const bool asks = memcmp(h->block + 4, plain, 4) != 0;
	const size_t theirs = asks ? rtmp_digest_find(h->block, player_key, PLAYER_KEY) : 0;
	uint8_t p[RTMP_HAND], key[RTMP_DIGEST];
	struct hmac_sha256_ctx hm;
	size_t at;

	buf_u8(out, VERSION);
	make_block(p, theirs != 0 ? digests : plain);
	if (theirs == 0) {
		buf_put(out, p, sizeof(p));
		buf_put(out, h->block, RTMP_HAND);
		return;
	}
	at = digest_at(p, theirs >= 776 ? 772 : 8);
	rtmp_digest_make(p, at, server_key, SERVER_KEY, p + at);
	buf_put(out, p, sizeof(p));
	hmac_sha256_set_key(&hm, sizeof(server_key), server_key);
	hmac_sha256_update(&hm, RTMP_DIGEST, h->block + theirs);
	hmac_sha256_digest(&hm, sizeof(key), key);
	rng_bytes(p, sizeof(p));
	rtmp_digest_make(p, RTMP_HAND - RTMP_DIGEST, key, sizeof(key), p + RTMP_HAND - RTMP_DIGEST);
	buf_put(out, p, sizeof(p));
}

void rtmp_hand_init(struct rtmp_hand *h, bool client, struct buf *out)
{
	static const uint8_t plain[4] = { 0 };
	uint8_t p[RTMP_HAND];

	memset(h, 0, sizeof(*h));
	h->client = client;
	if (!client)
		return;
	make_block(p, plain);
	buf_u8(out, VERSION);
	buf_put(out, p, sizeof(p));
}

enum status rtmp_hand_feed(struct rtmp_hand *h, const uint8_t *p, size_t n, size_t *used, struct buf *out)
{
	*used = 0;
	while (*used < n && h->state != RTMP_HAND_DONE) {
		const size_t k = MIN(n - *used, RTMP_HAND - h->have);

		if (h->state == RTMP_HAND_VERSION) {
			if (p[*used] != VERSION)
				return ST_PROTO;
			++*used;
			h->state = RTMP_HAND_FIRST;
			continue;
		}
		memcpy(h->block + h->have, p + *used, k);
		h->have += k;
		*used += k;
		if (h->have < RTMP_HAND)
			break;
		h->have = 0;
		if (h->state == RTMP_HAND_FIRST && h->client)
			buf_put(out, h->block, RTMP_HAND);
		else if (h->state == RTMP_HAND_FIRST)
			server_answer(h, out);
		h->state = h->state == RTMP_HAND_FIRST ? RTMP_HAND_SECOND : RTMP_HAND_DONE;
	}
	return ST_OK;
}
