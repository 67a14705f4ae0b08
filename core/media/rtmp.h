/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A publisher's RTMP connection without the connection: bytes in; answers and FLV out.
 *
 * One struct rtmp belongs to one thread: no lock, no I/O. After each rtmp_feed() the caller sends what is in
 * rtmp_out(), whatever the status was.
 *
 *	handshake -> connect -> createStream -> publish (op) -> FLV (op) ... -> ST_EOF
 *
 * source   media.md 2.5, 7.4, 9.1 rows 22-30
 */
#ifndef CORE_MEDIA_RTMP_H
#define CORE_MEDIA_RTMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/sys/bytes.h"

#define RTMP_TEXT     1024              /* of app and publishing name, NUL included */
#define RTMP_PORT     1935
#define RTMP_OUT_MAX  (64u << 10)       /* answers to one feed */

struct rtmp;

struct rtmp_ops {
	/* It wants to publish. app and name as sent, control bytes taken out: "live", "key?name=...".
	 * returns  NULL = yes; else an English sentence why not: it is told, and the session ends */
	const char *(*publish)(void *ctx, const char *app, const char *name);
	/* FLV, in whole tags; after publish. Anything but ST_OK ends the session. */
	enum status (*flv)(void *ctx, const void *p, size_t n);
};

struct rtmp *rtmp_new(const struct rtmp_ops *ops, void *ctx) NODISCARD;  /* NULL: out of memory */
void rtmp_free(struct rtmp **r);

/* returns  ST_OK; ST_EOF (it has stopped publishing in order); ST_PROTO, ST_LIMIT (bad input, or refused:
 *          rtmp_error() says why); what an op returned. Anything but ST_OK is final. */
enum status rtmp_feed(struct rtmp *r, const void *p, size_t n) NODISCARD;
/* What is to be sent; the caller empties it (buf_reset()). */
struct buf *rtmp_out(struct rtmp *r);
bool rtmp_is_publishing(const struct rtmp *r);
/* Tell the publisher why the node ends it: a sentence. */
void rtmp_say_failed(struct rtmp *r, const char *why);
const char *rtmp_error(const struct rtmp *r);   /* "" = nothing was wrong */

#endif
