/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/password.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/pbkdf2.h>

#include "core/sys/assert.h"
#include "core/sys/rng.h"
#include "core/sys/text.h"

#define SCHEME     "$pbkdf2-sha256$"
#define SALT       16
#define HASH       SHA256_DIGEST_SIZE
#define ROUNDS_MAX 10000000             /* of one in the settings: seconds */
#define AT_ONCE    2

/* --- one hash --------------------------------------------------------------------------------- */

struct hashed {
	uint32_t rounds;
	uint8_t salt[SALT], hash[HASH];
};

static bool take_hashed(struct hashed *h, const char *stored)
{
	const size_t scheme = sizeof(SCHEME) - 1;
	const char *at = stored + scheme;
	char rounds[9];
	size_t n;

	if (strncmp(stored, SCHEME, scheme) != 0)
		return false;
	n = strspn(at, "0123456789");
	if (n == 0 || n >= sizeof(rounds) || at[n] != '$')
		return false;
	memcpy(rounds, at, n);
	rounds[n] = '\0';
	at += n + 1;
	if (strlen(at) != 2 * SALT + 1 + 2 * HASH || at[2 * SALT] != '$')
		return false;
	return num_u32(rounds, 1, ROUNDS_MAX, &h->rounds) && hex_parse(h->salt, SALT, at) &&
		hex_parse(h->hash, HASH, at + 2 * SALT + 1);
}

bool password_is_hash(const char *stored)
{
	struct hashed h;

	return take_hashed(&h, stored);
}

static void derive(const struct hashed *h, const char *plain, uint8_t out[HASH])
{
	pbkdf2_hmac_sha256(strlen(plain), (const uint8_t *)plain, h->rounds, SALT, h->salt, HASH, out);
}

void password_hash(char dst[PASSWORD_HASH], const char *plain)
{
	char salt[2 * SALT + 1], hash[2 * HASH + 1];
	struct hashed h = { .rounds = PASSWORD_ROUNDS };

	rng_bytes(h.salt, SALT);
	derive(&h, plain, h.hash);
	hex_emit(salt, sizeof(salt), h.salt, SALT);
	hex_emit(hash, sizeof(hash), h.hash, HASH);
	snprintf(dst, PASSWORD_HASH, SCHEME "%u$%s$%s", h.rounds, salt, hash);
}

/* --- slow ones: few at a time, and the last right one remembered ------------------------------- */

struct slow {
	struct mtx mtx;                                 /* lk_leaf */
	struct cond free;
	uint8_t key[HASH];                              /* constant */
	uint32_t running        GUARDED_BY(lk_leaf);
	bool known              GUARDED_BY(lk_leaf);
	uint8_t right[HASH]     GUARDED_BY(lk_leaf);    /* MAC of the hash and its password */
};

static struct slow slow;
static pthread_once_t slow_once = PTHREAD_ONCE_INIT;

LOCK_DEFINE(slow, struct slow, mtx, lk_leaf)

static void slow_init(void)
{
	mtx_init(&slow.mtx, &lk_leaf);
	cond_init(&slow.free);
	rng_bytes(slow.key, sizeof(slow.key));
}

static void mac_of(const char *stored, const char *given, uint8_t mac[HASH])
{
	struct hmac_sha256_ctx ctx;

	hmac_sha256_set_key(&ctx, sizeof(slow.key), slow.key);
	hmac_sha256_update(&ctx, strlen(stored) + 1, (const uint8_t *)stored);  /* with its NUL */
	hmac_sha256_update(&ctx, strlen(given), (const uint8_t *)given);
	hmac_sha256_digest(&ctx, HASH, mac);
}

/* Wait for a turn, unless this is what was right the last time. */
static bool known_or_turn(const uint8_t mac[HASH]) EXCLUDES(lk_leaf)
{
	bool known;

	slow_lock(&slow);
	while (!(known = slow.known && memeql_sec(slow.right, mac, HASH)) && slow.running >= AT_ONCE)
		(void)!cond_wait(&slow.free, &slow.mtx, NSEC_NEVER);
	if (!known)
		slow.running++;
	slow_unlock(&slow);
	return known;
}

static void turn_over(const uint8_t *mac) EXCLUDES(lk_leaf)
{
	slow_lock(&slow);
	slow.running--;
	if (mac != NULL) {
		memcpy(slow.right, mac, HASH);
		slow.known = true;
	}
	cond_broadcast(&slow.free);
	slow_unlock(&slow);
}

bool password_matches(const char *stored, const char *given)
{
	struct hashed h;
	uint8_t mac[HASH], got[HASH];
	bool right;

	if (stored[0] == '\0')
		return false;
	if (!take_hashed(&h, stored))
		return text_equal_secret(given, stored);
	MUST_ZERO(pthread_once(&slow_once, slow_init));
	mac_of(stored, given, mac);
	if (known_or_turn(mac))
		return true;
	derive(&h, given, got);
	right = memeql_sec(got, h.hash, HASH) != 0;
	turn_over(right ? mac : NULL);
	explicit_bzero(got, sizeof(got));
	return right;
}
