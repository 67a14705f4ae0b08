/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync: the key file, and the SEALED envelope around a packet: who has a key may speak; nothing is
 * secret. Whether a time is news is the receiver's business (pcp/sync.h).
 *
 * No locks; plain values. nettle does the cryptography.
 * source   yp.md 4.6; settings.md, livesyncKey
 */
#ifndef PCP_SYNCSEAL_H
#define PCP_SYNCSEAL_H

#include <stdint.h>

#include <nettle/hmac.h>

#include "core/sys/cc.h"
#include "core/sys/status.h"

#define SYNC_KEYS_MAX    8              /* in the file; two are enough to change from one to the next */
#define SYNC_KEY_MIN     16             /* bytes */
#define SYNC_KEY_MAX     64
#define SYNC_SEAL_HEAD   24             /* instance, type, key id, time, inner type */
#define SYNC_SEAL_MAC    16
#define SYNC_SEAL_COST   32             /* bytes a sealed packet is longer than the plain one */

struct sync_key {
	uint32_t id;
	struct hmac_sha256_ctx hmac;    /* with the key set, nothing fed */
};

struct sync_keys {
	struct sync_key key[SYNC_KEYS_MAX];     /* the first seals */
	size_t n;
};

/* The text of a key file: one `id:hexkey` line for each key, id decimal, the key 16..64 bytes in hex. Blank
 * lines and those that begin with '#' are skipped.
 * line     (may be NULL) number of the first bad line
 * returns  ST_OK (at least one key), ST_PROTO (a bad line, an id twice; none at all: line 0), ST_LIMIT (too
 *          many). *k is changed with ST_OK alone. */
enum status sync_keys_parse(struct sync_keys *k, const char *text, size_t n, uint32_t *line) NODISCARD;
void sync_keys_wipe(struct sync_keys *k);

/* Seal a plain packet (instance, type, body).
 * ms       sender's Unix time, larger than in the packet before
 * out      room for n + SYNC_SEAL_COST
 * returns  the length */
size_t sync_seal(const struct sync_keys *k, const void *plain, size_t n, uint64_t ms, uint8_t *out);

/* Open one in place: the plain packet begins at *plain, inside p.
 * returns  ST_OK, ST_PROTO (too short, unknown key, or bad HMAC) */
enum status sync_unseal(const struct sync_keys *k, uint8_t *p, size_t n, uint64_t *ms, uint8_t **plain,
	size_t *plain_n) NODISCARD;

#endif
