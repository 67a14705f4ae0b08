/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Windows Media's chunks, as they travel in channels of type WMV and WMA, in MMSH and in pushes of
 * Windows Media Encoder; and what is in ASF headers and packets.
 *
 *   $H  the ASF header with the head of its data object     $D  one data packet
 *   $E  end of a stream       $C  another header follows     $M, $P, $T  of no use to us
 *
 * A chunk is a type and a length of 2 bytes each, little endian. In MMSH 8 bytes more come in front of
 * the payload and count in the length; Windows Media's push has none of these.
 *
 * source   media.md 2.3, 3.6, 9.1 row 16; ASF specification 3, 5.2; MS-WMSP 2.2.3
 */
#ifndef CORE_MEDIA_ASF_H
#define CORE_MEDIA_ASF_H

#include "core/media/tags.h"
#include "core/sys/bytes.h"

#define ASF_CHUNK        12             /* type to the second length, as in channels */
#define ASF_CHUNK_SHORT  4
#define ASF_PAYLOAD_MAX  16372          /* of one chunk */

enum { ASF_H = 'H', ASF_D = 'D', ASF_E = 'E', ASF_C = 'C' };

struct asf_chunk {
	uint8_t type;           /* 'H', 'D' ... */
	uint32_t seq;           /* 0 in the short form */
	size_t head, n;         /* bytes of the chunk's head, of its payload */
};

/* A chunk's head of ASF_CHUNK bytes for a payload of n. */
void asf_chunk_put(uint8_t out[ASF_CHUNK], uint8_t type, uint32_t seq, size_t n);
/* Read one of ASF_CHUNK, or ASF_CHUNK_SHORT, bytes. false = there is none, or one of impossible size;
 * *n is the payload then, too, when only that is too large. */
bool asf_chunk_read(struct asf_chunk *c, const uint8_t *p, bool brief);

#define ASF_OBJECT      24              /* GUID, size */
#define ASF_DATA_HEAD   50              /* a data object in front of its packets */

extern const uint8_t asf_guid_header[16], asf_guid_data[16], asf_guid_index[16], asf_guid_simple_index[16];

/* What a header says. */
struct asf_info {
	size_t packet;          /* bytes of a data packet; 0 = they differ */
	bool broadcast;         /* sizes in it are not valid */
	uint32_t kbps;          /* 0 = not said */
	unsigned video;         /* number of the first video stream; 0 = none */
	bool audio;
	struct tags tags;
};

/* A whole header object of n bytes. false when it is broken. */
bool asf_header_read(struct asf_info *i, const uint8_t *p, size_t n);
/* The header object again, as that of a broadcast, and without large parts that nobody needs to play it. */
void asf_header_put(struct buf *out, const uint8_t *p, size_t n);

/* What a data packet holds for a viewer who would start at it. */
struct asf_packet {
	uint32_t ms;            /* send time */
	bool video, sound;      /* payloads of the video, of another stream */
	bool begins;            /* an object begins in it; with video: one of the video */
	bool key;               /* the first one of these is a key frame */
	unsigned key_at;        /* else: the payload a key frame begins with, 0 = none */
};

/* false when it is none. */
bool asf_packet_read(struct asf_packet *k, const uint8_t *p, size_t n, unsigned video);
/* Two packets of `size` bytes each from a good one: the second begins with payload `at`. out: room for
 * both. false when they would not fit. */
bool asf_packet_split(uint8_t *out, size_t size, const uint8_t *p, size_t n, unsigned at);

#endif
