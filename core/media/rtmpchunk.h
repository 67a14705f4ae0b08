/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The chunk stream of RTMP 1.0: bytes in, whole messages out, and the other way round.
 *
 * Set Chunk Size and Abort are obeyed here; every other message is handed on. Memory grows with bytes really
 * received: at most RTMP_LANES messages are under way, together at most RTMP_HELD_MAX bytes.
 * source   media.md 2.5.4, 9.1 rows 23-25, 28
 */
#ifndef CORE_MEDIA_RTMPCHUNK_H
#define CORE_MEDIA_RTMPCHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/sys/bytes.h"

#define RTMP_LANES        32            /* chunk streams of one connection */
#define RTMP_COMMAND_MAX  (64u << 10)   /* commands, and everything before the stream is open */
#define RTMP_DATA_MAX     (1u << 20)    /* AMF data: onMetaData and the like */
#define RTMP_MEDIA_MAX    (8u << 20)    /* audio, video, aggregates */
#define RTMP_HELD_MAX     (16u << 20)   /* of unfinished messages */
#define RTMP_FRONT        11            /* bytes in front of a body that its receiver may write over, */
#define RTMP_BACK         4             /* and behind it: an FLV tag is made in place */
#define RTMP_CHUNK        128           /* until a size is set */

enum rtmp_type {
	RTMP_SET_CHUNK = 1, RTMP_ABORT = 2, RTMP_ACK = 3, RTMP_USER = 4, RTMP_WINDOW = 5, RTMP_BANDWIDTH = 6,
	RTMP_AUDIO = 8, RTMP_VIDEO = 9, RTMP_DATA3 = 15, RTMP_COMMAND3 = 17, RTMP_DATA0 = 18,
	RTMP_COMMAND0 = 20, RTMP_AGGREGATE = 22,
};

struct rtmp_msg {
	uint8_t type;
	uint32_t stream;                /* message stream id */
	uint32_t time;                  /* ms, modulo 2^32 */
	uint8_t *p;                     /* n bytes, with RTMP_FRONT and RTMP_BACK around; borrowed */
	size_t n;
};

struct rtmp_lane {
	uint32_t id;
	uint32_t time, field, delta;
	uint32_t len, stream;
	uint8_t type;
	bool ext, absolute;             /* of the last header with a time */
	bool busy;                      /* a message is under way */
	uint8_t *p;                     /* owned: room for RTMP_FRONT, cap and RTMP_BACK bytes */
	size_t have, cap;
};

struct rtmp_chunks {
	/* any status but ST_OK ends the reading and comes back */
	enum status (*op)(void *ctx, const struct rtmp_msg *m);
	void *ctx;
	bool open;                      /* media are expected: their limits hold */
	uint32_t chunk;                 /* size of theirs */
	struct rtmp_lane lane[RTMP_LANES];
	unsigned nlanes;
	size_t held;
	struct rtmp_lane *at;           /* whose chunk is being read, `left` bytes of it */
	uint32_t left;
	uint8_t head[18];
	unsigned nhead;
	const char *why;                /* after ST_PROTO, ST_LIMIT: what was wrong; NULL = op said so */
};

void rtmp_chunks_init(struct rtmp_chunks *c, enum status (*op)(void *, const struct rtmp_msg *), void *ctx);
void rtmp_chunks_fini(struct rtmp_chunks *c);
/* returns  ST_OK, ST_PROTO, ST_LIMIT, or what op returned; the connection is over after anything but ST_OK */
enum status rtmp_chunks_feed(struct rtmp_chunks *c, const void *p, size_t n) NODISCARD;

/* One message, as chunks of `chunk` bytes on chunk stream `lane` (2..63), with time 0. */
void rtmp_put(struct buf *b, uint32_t chunk, uint8_t lane, enum rtmp_type type, uint32_t stream,
	const void *p, size_t n);
/* A message of one 32-bit number, on chunk stream 2. */
void rtmp_put_u32(struct buf *b, enum rtmp_type type, uint32_t v);

#endif
