/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP/1.1 chunked transfer coding, decoded as it comes: no chunk is ever buffered.
 *
 * A plain value of the thread that reads the body. Extensions and trailers are skipped; everything
 * else that is not `hex-size CRLF data CRLF` fails, bare LFs included.
 * source   media.md 2.2 (dechunker rules, 2.2.1), 9.1 rows 18-20; RFC 9112 7.1
 */
#ifndef CORE_MEDIA_DECHUNK_H
#define CORE_MEDIA_DECHUNK_H

#include <stddef.h>
#include <stdint.h>

#include "core/sys/cc.h"
#include "core/sys/status.h"

#define DECHUNK_DIGITS_MAX   16                 /* hex digits of a size */
#define DECHUNK_LINE_MAX     256                /* a size line with its extensions, without CRLF */
#define DECHUNK_SIZE_MAX     0x7fffffffu        /* bytes in one chunk */
#define DECHUNK_TRAILER_MAX  8192               /* all trailer lines with their CRLFs */

struct dechunk {
	uint8_t state;          /* enum of dechunk.c */
	uint8_t digits;         /* hex digits of this size so far */
	uint32_t line;          /* bytes of this line, or of all trailers */
	uint32_t left;          /* bytes of this chunk still to come */
	uint64_t size;          /* the size being read */
	const char *error;
};

/* Takes n >= 1 decoded bytes, borrowed; any status but ST_OK stops. */
typedef enum status dechunk_sink(void *ctx, const void *p, size_t n);

void dechunk_init(struct dechunk *d);

/* Decode the next n bytes; pieces of the body go to sink(ctx, ...) straight from p.
 *
 * used     bytes taken: n with ST_OK; with ST_EOF what follows belongs to the next request
 * returns  ST_OK (more is to come), ST_EOF (last chunk and trailers are done; again for every later
 *          call), ST_PROTO, ST_LIMIT (size, line or trailers too long), or what the sink returned.
 *          All but ST_OK are final. */
enum status dechunk_feed(struct dechunk *d, const void *p, size_t n, size_t *used,
	dechunk_sink *sink, void *ctx) NODISCARD;

/* Why it failed, e.g. "chunk size is not hexadecimal"; "" otherwise. */
const char *dechunk_error(const struct dechunk *d);

#endif
