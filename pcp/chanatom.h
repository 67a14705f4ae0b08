/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The chan atom: who a channel is, what it says of itself, and its stream packets.
 *
 * chanatom_parse() only finds the parts, which is all a stream packet needs; texts are read by
 * chanatom_meta(). Whether a part may be believed is decided by pcp/route.h and the caller.
 * source   pcp.md 2.5, 4.4-4.7, 9.3, 9.4, 14.2
 */
#ifndef PCP_CHANATOM_H
#define PCP_CHANATOM_H

#include <stdint.h>

#include "core/chan/chaninfo.h"
#include "core/chan/gnuid.h"
#include "pcp/atom.h"

enum {
	CHANATOM_ID   = 0x01,
	CHANATOM_BCID = 0x02,
	CHANATOM_INFO = 0x04,
	CHANATOM_TRCK = 0x08,
	CHANATOM_PKT  = 0x10,
};

struct chanatom {
	unsigned has;                   /* CHANATOM_*; ID and BCID only when not all zero */
	struct gnuid id, bcid;
	struct atom info, trck, pkt;    /* borrowed from the atom; valid where has says so */
};

/* A stream packet. */
struct pktatom {
	uint32_t type;                  /* ATOM_HEAD or ATOM_DATA */
	uint32_t pos;
	uint8_t cont;                   /* PCP_PKT_CONT_*; 0 when absent */
	const uint8_t *data;            /* borrowed */
	uint32_t len;
};

/* Find the parts, whatever their order. The last of two wins; `key` stands in for a missing bcid.
 * returns  ST_OK, ST_PROTO (another atom, or a leaf with a value) */
enum status chanatom_parse(struct chanatom *c, const struct atom *a) NODISCARD;

/* Write into m what the atom tells: id, bcid, the info and the track, so far as present. What it
 * does not tell stays as it was; start from chanmeta {0} or from what is known of the channel. Only
 * styp and sext, which senders omit when empty, are emptied when a type comes without them.
 * Bitrate: 0..BITRATE_MAX_KBPS; a negative one is 0 (B60).
 * returns  what was written: 1u << CT_*, CHANMETA_BITRATE, CHANMETA_BCID */
uint32_t chanatom_meta(const struct chanatom *c, struct chanmeta *m);

/* The stream packet. false = there is none to use: no pkt, no type or data (B54), another type, or
 * data without a position. */
bool chanatom_pkt(const struct chanatom *c, struct pktatom *p) NODISCARD;

/* chan{id, bcid?, info?, trck?, pkt?}: the parts of `has`, in this order; bcid only when known.
 * p may be NULL. */
void chanatom_emit(struct atomwr *w, const struct chaninfo *i, unsigned has,
	const struct pktatom *p);

/* What a served relay gets first: chan{id,info,trck,pkt(head)}, in two atoms when one would be
 * longer than PCP_ATOM_SEND_MAX. Appends to out.
 * returns  ST_OK, ST_LIMIT (out is full) */
enum status chanatom_start_emit(struct buf *out, const struct chaninfo *i, uint32_t pos,
	const void *head, size_t len) NODISCARD;

#define PCP_PKT_FRAME      72   /* bytes of chan{id,pkt{type,pos,data}} before the media */
#define PCP_PKT_FRAME_CONT 81   /* the same with cont */

/* The frame that stands in front of len media bytes, so that frame and bytes are the whole atom.
 * dst holds PCP_PKT_FRAME_CONT; type is ATOM_HEAD or ATOM_DATA; cont 0 is left out.
 * returns  the frame's length */
size_t pcp_pkt_frame(uint8_t *dst, const struct gnuid *chan, uint32_t type, uint32_t pos,
	uint8_t cont, uint32_t len);

#endif
