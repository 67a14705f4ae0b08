/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/syncseal.h"

#include <string.h>

#include <nettle/memops.h>

#include "core/sys/bytes.h"
#include "core/sys/text.h"
#include "pcp/syncwire.h"

#define KEY_LINE (11 + 2 * SYNC_KEY_MAX + 1)    /* id, colon, key, NUL */

/* A line in text, which is cut at its colon; key is room for the bytes. Both hold the secret afterwards. */
static bool read_key(struct sync_key *k, char *text, uint8_t key[SYNC_KEY_MAX])
{
	char *colon = strchr(text, ':');
	size_t digits;

	if (colon == NULL)
		return false;
	*colon = '\0';
	digits = strlen(colon + 1);
	if (digits % 2 != 0 || digits < SYNC_KEY_MIN * 2 || digits > SYNC_KEY_MAX * 2)
		return false;
	if (!num_u32(text, 0, UINT32_MAX, &k->id) || !hex_parse(key, digits / 2, colon + 1))
		return false;
	hmac_sha256_set_key(&k->hmac, digits / 2, key);
	return true;
}

/* One line, without its end. */
static bool parse_key(struct sync_key *k, const char *line, size_t n)
{
	uint8_t key[SYNC_KEY_MAX];
	char text[KEY_LINE];
	bool ok;

	if (n >= sizeof(text) || memchr(line, '\0', n) != NULL)
		return false;
	memcpy(text, line, n);
	text[n] = '\0';
	ok = read_key(k, text, key);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(text, sizeof(text));
	return ok;
}

static const struct sync_key *find_key(const struct sync_keys *k, uint32_t id)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->key[i].id == id)
			return &k->key[i];
	return NULL;
}

enum status sync_keys_parse(struct sync_keys *k, const char *text, size_t n, uint32_t *line)
{
	struct sync_keys got = { .n = 0 };
	const char *end = text + n;
	struct sync_key one;
	enum status st = ST_OK;
	uint32_t at = 0;

	while (text < end && st == ST_OK) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		const char *stop = nl != NULL ? nl : end;

		at++;
		while (stop > text && ascii_isspace((unsigned char)stop[-1]))
			stop--;
		while (text < stop && ascii_isspace((unsigned char)*text))
			text++;
		if (text < stop && *text != '#') {
			if (!parse_key(&one, text, (size_t)(stop - text)) || find_key(&got, one.id) != NULL)
				st = ST_PROTO;
			else if (got.n == SYNC_KEYS_MAX)
				st = ST_LIMIT;
			else
				got.key[got.n++] = one;
		}
		text = nl != NULL ? nl + 1 : end;
	}
	if (st == ST_OK && got.n == 0) {
		st = ST_PROTO;
		at = 0;
	}
	if (st == ST_OK)
		*k = got;
	else if (line != NULL)
		*line = at;
	explicit_bzero(&one, sizeof(one));
	sync_keys_wipe(&got);
	return st;
}

void sync_keys_wipe(struct sync_keys *k)
{
	explicit_bzero(k, sizeof(*k));
}

static void mac_of(const struct sync_key *k, const uint8_t *p, size_t n, uint8_t mac[SYNC_SEAL_MAC])
{
	struct hmac_sha256_ctx c = k->hmac;

	hmac_sha256_update(&c, n, p);
	hmac_sha256_digest(&c, SYNC_SEAL_MAC, mac);
}

size_t sync_seal(const struct sync_keys *k, const void *plain, size_t n, uint64_t ms, uint8_t *out)
{
	struct rd r = rd_of(plain, n);
	struct wr w = wr_of(out, n + SYNC_SEAL_COST);

	wr_be32(&w, rd_be32(&r));
	wr_be32(&w, SYNC_T_SEALED);
	wr_be32(&w, k->key[0].id);
	wr_be64(&w, ms);
	wr_be32(&w, rd_be32(&r));
	wr_bytes(&w, r.p, r.left);
	mac_of(&k->key[0], out, w.len, out + w.len);
	return w.len + SYNC_SEAL_MAC;
}

enum status sync_unseal(const struct sync_keys *k, uint8_t *p, size_t n, uint64_t *ms, uint8_t **plain,
	size_t *plain_n)
{
	struct rd r = rd_of(p, n);
	uint8_t mac[SYNC_SEAL_MAC];
	const struct sync_key *key;

	if (n < SYNC_SEAL_HEAD + SYNC_SEAL_MAC)
		return ST_PROTO;
	(void)rd_take(&r, SYNC_HEAD);
	key = find_key(k, rd_be32(&r));
	if (key == NULL)
		return ST_PROTO;
	mac_of(key, p, n - SYNC_SEAL_MAC, mac);
	if (!memeql_sec(mac, p + n - SYNC_SEAL_MAC, SYNC_SEAL_MAC))
		return ST_PROTO;
	*ms = rd_be64(&r);
	/* The instance once more in front of the inner type: that is the plain packet. */
	*plain = p + SYNC_SEAL_HEAD - SYNC_HEAD;
	memmove(*plain, p, 4);
	*plain_n = n - SYNC_SEAL_COST;
	return ST_OK;
}
