/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The handshake of RTMP, version 3: three blocks each way, before the first chunk.
 *
 * A server answers the plain form and the one with digests that Flash and its kin ask for; who asks for
 * neither in an understandable way gets the plain one. Encrypted forms (version 6 and up) are refused.
 * source   media.md 2.5, 9.1 row 22
 */
#ifndef CORE_MEDIA_RTMPHAND_H
#define CORE_MEDIA_RTMPHAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/sys/bytes.h"

#define RTMP_HAND 1536          /* bytes of a block */

struct rtmp_hand {
	bool client;
	enum { RTMP_HAND_VERSION, RTMP_HAND_FIRST, RTMP_HAND_SECOND, RTMP_HAND_DONE } state;
	size_t have;
	uint8_t block[RTMP_HAND];       /* the other side's, as far as it has come */
};

/* Ready for the other side's first byte; a client's own first words go to out (NULL for a server). */
void rtmp_hand_init(struct rtmp_hand *h, bool client, struct buf *out);
/* Take what belongs to the handshake from the n bytes at p; answers go to out. *used: how many were taken.
 * returns  ST_OK, ST_PROTO (not RTMP) */
enum status rtmp_hand_feed(struct rtmp_hand *h, const uint8_t *p, size_t n, size_t *used, struct buf *out)
	NODISCARD;

/* Where the digest of a block stands, and whether it is right: the offset, or 0. key: the sender's. */
#define RTMP_DIGEST 32
size_t rtmp_digest_find(const uint8_t block[RTMP_HAND], const void *key, size_t nkey);
/* The digest of a block whose digest stands at `at`, or is the last thing in it. */
void rtmp_digest_make(const uint8_t block[RTMP_HAND], size_t at, const void *key, size_t nkey,
	uint8_t digest[RTMP_DIGEST]);

#endif
