/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One piece of a stream: made once, immutable once appended, counted, shared by all listeners.
 *
 * The PCP frame stands in front of the media bytes: a relay is sent frame and bytes, a player the
 * bytes alone. To this room the frame is an opaque prefix; the source's thread has `pcp` make it.
 *
 * Positions are 64 bit here and 32 bit modulo on the wire (pcp.md 9.2).
 * source   media.md 0.2, 4.1; DESIGN, "The life of a stream byte"
 */
#ifndef CORE_CHAN_PKT_H
#define CORE_CHAN_PKT_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/sys/cc.h"
#include "core/sys/clk.h"

#define PKT_DATA_SEND  15360            /* the largest data packet we make (pcp.md 2.5) */
#define PKT_DATA_MAX   (1024 * 1024)    /* the largest we take from an upstream; it goes on in pieces */
#define PKT_HEAD_SEND  16312            /* the largest head that fits a 16384-byte atom */
#define PKT_HEAD_MAX   65536            /* the largest we keep */
#define PKT_FRAME_MAX  96

enum pkt_type { PKT_HEAD, PKT_DATA };

struct pkt {
	_Atomic uint32_t refs;          /* relaxed up, acq_rel down */
	uint32_t len;                   /* media bytes */
	uint16_t frame_len;
	uint16_t lead;                  /* a head: media bytes in front that only begin a file; a player is
	                                 * sent them once */
	uint8_t type;                   /* enum pkt_type */
	uint8_t cont;                   /* continuation bits; 0 = a reader may start here (pcp.md 3.5) */
	uint32_t stream;                /* stream index: unique in this run; set by chan_append() */
	uint32_t renews;                /* a head: players of that stream have it already; 0 = of none; set
	                                 * by chan_renew() */
	uint64_t pos;                   /* of the first media byte */
	nsec at;                        /* when it was appended; set by chan_append() */
	uint8_t bytes[];                /* frame_len bytes of frame, len bytes of media */
};

/* Room for frame and media with one reference; the caller fills both in. NULL when out of memory.
 * frame_len <= PKT_FRAME_MAX, len <= PKT_HEAD_MAX. */
struct pkt *pkt_new(enum pkt_type type, uint64_t pos, uint8_t cont, size_t frame_len, size_t len)
	NODISCARD;
struct pkt *pkt_ref(struct pkt *p);
void pkt_unref(struct pkt **p);

static inline uint8_t *pkt_media(struct pkt *p)
{
	return p->bytes + p->frame_len;
}

static inline uint64_t pkt_end(const struct pkt *p)
{
	return p->pos + p->len;
}

/* Serial arithmetic on 32-bit wire positions: is a before b? */
static inline bool pos_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* The 64-bit position nearest to ref whose low 32 bits are wire; never negative. */
uint64_t pos_extend(uint64_t ref, uint32_t wire);

#endif
