/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A player's RTMP connection without the connection: an rtmp:// address is played, FLV comes out.
 *
 *	handshake -> connect -> createStream -> play -> FLV (op) ... -> ST_EOF
 *
 * One struct rtmp_pull belongs to one thread: no lock, no I/O. After rtmp_pull_new() and after each
 * rtmp_pull_feed() the caller sends what is in rtmp_pull_out().
 * source   media.md 2.9; limits as in rtmp.h
 */
#ifndef CORE_MEDIA_RTMPPULL_H
#define CORE_MEDIA_RTMPPULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/sys/bytes.h"

#define RTMP_URL_MAX 1024       /* of an address, NUL included */

struct rtmp_url {
	char host[256];                 /* a name or an address, without brackets */
	uint16_t port;
	char app[RTMP_URL_MAX];         /* "live", "live/instance" */
	char stream[RTMP_URL_MAX];      /* "key?auth=...": what is to be played; never empty */
	char tc[RTMP_URL_MAX];          /* the address as far as the application */
};

/* rtmp://host[:port]/app/stream or rtmp://host[:port]/app/instance/stream. false: it is none. */
bool rtmp_url_parse(struct rtmp_url *u, const char *url);

struct rtmp_pull;

/* u is copied. flv: whole tags; anything but ST_OK ends it. NULL: out of memory. */
struct rtmp_pull *rtmp_pull_new(const struct rtmp_url *u,
	enum status (*flv)(void *ctx, const void *p, size_t n), void *ctx) NODISCARD;
void rtmp_pull_free(struct rtmp_pull **p);

/* returns  ST_OK; ST_EOF (the stream has ended); ST_PROTO, ST_LIMIT (bad input, or refused:
 *          rtmp_pull_error() says why); what flv returned. Anything but ST_OK is final. */
enum status rtmp_pull_feed(struct rtmp_pull *p, const void *data, size_t n) NODISCARD;
struct buf *rtmp_pull_out(struct rtmp_pull *p);
const char *rtmp_pull_error(const struct rtmp_pull *p); /* "" = nothing was wrong */

#endif
