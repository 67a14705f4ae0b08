/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One packet of live sync: what is read of it can be written again and is the same; sealed it opens again, and
 * with any bit changed it does not. The same bytes as a key file. */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/cc.h"
#include "pcp/syncseal.h"
#include "pcp/syncwire.h"

static const char keys_text[] = "1:000102030405060708090a0b0c0d0e0f\n2:ffeeddccbbaa99887766554433221100\n";

/* The records written again are the bytes that were read. */
static void check_records(struct syncpkt p, const uint8_t *data, size_t size)
{
	const bool ext = p.kind >= SYNC_CHANINFO && p.kind <= SYNC_BYE;
	uint8_t *out = malloc(size);
	struct wr w = wr_of(out, size);
	struct syncdigest d;
	struct synctell t;
	struct synclive l;
	struct syncgone g;
	bool all = true;
	struct hit h;

	ASSERT(out != NULL);
	if (ext)
		syncpkt_begin_ext(&w, p.instance, p.type, p.flags, p.frag, p.frags, p.msg);
	else
		syncpkt_begin(&w, p.instance, p.type);
	switch (p.kind) {
	case SYNC_LIVE:
	case SYNC_LIVE6:
		while (synclive_next(&p, &l)) {
			synclive_to_hit(&l, &h);
			(void)sync_address_ok(&h.rhost[0], h.flags);
			/* A foreign tail is not kept, nor the family of a mapped address. */
			all = all && l.hash == SYNC_HASH_OK && host_is_v4(&l.host) == (p.kind == SYNC_LIVE);
			if (all)
				synclive_put(&w, &l);
		}
		break;
	case SYNC_TELL:
		while (synctell_next(&p, &t)) {
			all = all && t.hash == SYNC_HASH_OK;
			synctell_put(&w, &t);
		}
		break;
	case SYNC_GONE:
		while (syncgone_next(&p.body, &g))
			syncgone_put(&w, &g);
		wr_bytes(&w, p.body.p, p.body.left);
		break;
	case SYNC_DIGEST:
		while (syncdigest_next(&p.body, &d))
			syncdigest_put(&w, &d);
		wr_bytes(&w, p.body.p, p.body.left);
		break;
	default:
		wr_bytes(&w, p.body.p, p.body.left);
		break;
	}
	ASSERT(!all || (w.err == ST_OK && w.len == size));
	/* The header's version is known, so all of it comes back. */
	ASSERT(!all || memcmp(out, data, size) == 0);
	free(out);
}

static void check_seal(const uint8_t *data, size_t size)
{
	uint8_t *b = malloc(size + SYNC_SEAL_COST), *plain;
	const size_t bit = data[0] % 8, at = size > 4 ? data[4] : 0;
	struct sync_keys k;
	uint64_t ms;
	size_t n;

	ASSERT(b != NULL);
	ASSERT(sync_keys_parse(&k, keys_text, sizeof(keys_text) - 1, NULL) == ST_OK);
	n = sync_seal(&k, data, size, 0x123456789abcu, b);
	ASSERT(n == size + SYNC_SEAL_COST);
	/* The type word is the caller's to look at, but is covered like all else. */
	b[at % n] ^= (uint8_t)(1u << bit);
	ASSERT(sync_unseal(&k, b, n, &ms, &plain, &n) == ST_PROTO);
	n = size + SYNC_SEAL_COST;
	b[at % n] ^= (uint8_t)(1u << bit);
	ASSERT(sync_unseal(&k, b, n, &ms, &plain, &n) == ST_OK);
	ASSERT(ms == 0x123456789abcu && n == size && memcmp(plain, data, size) == 0);
	free(b);
}

/* As it came, it is sealed by nobody. */
static void check_forged(const uint8_t *data, size_t size)
{
	uint8_t *b = malloc(size), *plain;
	struct sync_keys k;
	uint64_t ms;
	size_t n;

	ASSERT(b != NULL);
	memcpy(b, data, size);
	ASSERT(sync_keys_parse(&k, keys_text, sizeof(keys_text) - 1, NULL) == ST_OK);
	ASSERT(sync_unseal(&k, b, size, &ms, &plain, &n) == ST_PROTO);
	free(b);
}

static void check_keys(const uint8_t *data, size_t size)
{
	struct sync_keys k = { .n = 0 };
	uint32_t line = 0;

	if (sync_keys_parse(&k, (const char *)data, size, &line) == ST_OK)
		ASSERT(k.n >= 1 && k.n <= SYNC_KEYS_MAX);
	else
		ASSERT(k.n == 0 && line <= size + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct syncpkt p;

	if (size == 0)
		return 0;
	check_keys(data, size);
	check_forged(data, size);
	if (syncpkt_parse(&p, data, size) != ST_OK)
		return 0;
	check_records(p, data, size);
	check_seal(data, size);
	return 0;
}
