/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ogg pages, and what is known of the codecs in them. Private to core/media.
 * source   media.md 3.5; RFC 3533; the mappings of Vorbis, Theora, Opus (RFC 7845), FLAC, Speex, VP8
 */
#ifndef CORE_MEDIA_OGG_H
#define CORE_MEDIA_OGG_H

#include "core/media/tags.h"
#include "core/sys/bytes.h"

#define OGG_PAGE_HEAD   27
#define OGG_PAGE_MAX    (OGG_PAGE_HEAD + 255 + 255 * 255)
#define OGG_CONTINUED   1       /* flags: begins with the rest of a packet */
#define OGG_BOS         2

struct ogg_page {
	const uint8_t *p;       /* all n bytes of it */
	size_t n;
	uint8_t flags;
	int64_t granule;        /* -1 = no packet ends here */
	uint32_t serial;
	const uint8_t *lacing;  /* nlacing bytes */
	size_t nlacing;
	const uint8_t *body;
};

/* Tables for the checksum, made by ogg_crc_init(). */
struct ogg_crc {
	uint32_t t[4][256];
};

void ogg_crc_init(struct ogg_crc *c);
/* Put the checksum of the whole page at p into it; is the one in it right? */
void ogg_crc_put(const struct ogg_crc *c, uint8_t *p, size_t n);
bool ogg_crc_good(const struct ogg_crc *c, const uint8_t *p, size_t n);

/* Bytes of the page whose first n bytes are at p; 0 = no page begins there; SIZE_MAX = more must be
 * seen. */
size_t ogg_page_size(const uint8_t *p, size_t n);
/* Take apart a whole page of ogg_page_size() bytes. */
void ogg_page_read(struct ogg_page *pg, const uint8_t *p, size_t n);

/* The packets on a page, piece by piece: begin with { .pg = pg }. */
struct ogg_piece {
	const struct ogg_page *pg;
	size_t seg, at;         /* next lacing value, next byte of the body */
	const uint8_t *p;
	size_t n;
	bool begins, ends;      /* is the packet's first, last byte in this piece? */
};
bool ogg_piece_next(struct ogg_piece *x);

enum ogg_codec {
	OGG_UNKNOWN,            /* not one of these: left out of the stream */
	OGG_VORBIS, OGG_OPUS, OGG_FLAC, OGG_SPEEX, OGG_THEORA, OGG_VP8,
};

#define OGG_HEADERS_MAX 64      /* header packets of one logical stream */

/* One logical stream. */
struct ogg_stream {
	uint32_t serial;
	enum ogg_codec codec;
	bool ready;             /* its header packets are complete */
	unsigned need, seen;    /* header packets; need 0 = the last one says so */
	uint8_t first;          /* first byte of the newest header packet */
	uint64_t num, den;      /* granules (frames for video) per second */
	unsigned shift;         /* of video granules: key frame number above, distance below */
	uint32_t kbps;          /* nominal; 0 = not said */
	int64_t ms;             /* time at the end of the newest page */
	size_t nbos;            /* bytes of the first page in `pages` */
	struct buf pages;       /* header pages as they came */
};

/* Find out from the first page what the stream is. */
void ogg_stream_init(struct ogg_stream *s, const struct ogg_page *bos, size_t max);
void ogg_stream_fini(struct ogg_stream *s);
bool ogg_is_video(enum ogg_codec c);
/* Does the page belong to the headers? Only asked while !s->ready. */
bool ogg_is_header(const struct ogg_stream *s, const struct ogg_page *pg);
/* Keep a header page. returns ST_OK, ST_LIMIT (memory; too many packets) */
enum status ogg_header_page(struct ogg_stream *s, const struct ogg_page *pg) NODISCARD;
/* Is the video packet that begins with these bytes a key frame? */
bool ogg_is_key(enum ogg_codec c, const uint8_t *p, size_t n);
/* Milliseconds at the end of a page. */
int64_t ogg_ms(const struct ogg_stream *s, int64_t granule);

/* The header pages behind the first one, for the head: as they came, or with cover art and the like
 * left out when that makes them large. Reads the comments into t.
 * returns  ST_OK, ST_LIMIT (memory) */
enum status ogg_headers_put(
	const struct ogg_stream *s, const struct ogg_crc *crc, struct buf *out, struct tags *t) NODISCARD;

#endif
