/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fragmented MP4 as browsers get it: where its parts begin, and what codecs are in it. Reads, and changes
 * nothing.
 *
 * source   ISO/IEC 14496-12 8; RFC 6381 3.3 and the codecs' own documents (14496-15 E; AV1, VP9, Opus in
 *          ISOBMFF)
 */
#ifndef CORE_MEDIA_FMP4_H
#define CORE_MEDIA_FMP4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/sys/cc.h"

#define FMP4_TRACKS 4
#define FMP4_CODEC  48          /* bytes of one codec's name, NUL included */
#define FMP4_PRFT   32          /* bytes of a prft box */

struct fmp4_track {
	uint32_t id;
	uint32_t timescale;             /* never 0 */
	bool video;
	char codec[FMP4_CODEC];         /* "avc1.64001F", "mp4a.40.2" */
};

struct fmp4_init {
	struct fmp4_track track[FMP4_TRACKS];
	uint32_t n;
};

/* How many bytes the boxes that only begin a file (ftyp, moov ...) take in front of the first moof; what
 * follows is fragments. n when there is no moof. All boxes must be whole, plain and known.
 * returns  false when they are not */
bool fmp4_split(const uint8_t *p, size_t n, size_t *init_len) NODISCARD;

/* The tracks of an initialisation segment. false: it has none, too many, or no sense. */
bool fmp4_parse_init(const uint8_t *p, size_t n, struct fmp4_init *out) NODISCARD;

/* `video/mp4; codecs="avc1.64001F,mp4a.40.2"`; audio/mp4 without a picture. */
#define FMP4_MIME (32 + FMP4_TRACKS * FMP4_CODEC)
void fmp4_mime(const struct fmp4_init *i, char dst[FMP4_MIME]);

/* A producer reference time box: what decodes at time_us was here at wall_ns (Unix). The track is one of i,
 * else the first is taken. source 14496-12 8.16.5 */
void fmp4_prft(const struct fmp4_init *i, uint32_t track, uint64_t time_us, int64_t wall_ns,
	uint8_t out[FMP4_PRFT]);

#endif
