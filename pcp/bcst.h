/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bcst atom: an envelope that is routed through the tree, and the five a node originates.
 * Where it goes is decided by pcp/route.h.
 * source   pcp.md 4.8, 10; 18.3 (B47, B49, B50); captures control_*, relay_*
 */
#ifndef PCP_BCST_H
#define PCP_BCST_H

#include <stdint.h>

#include "core/chan/chaninfo.h"
#include "core/chan/gnuid.h"
#include "core/chan/hit.h"
#include "pcp/atom.h"
#include "pcp/push.h"
#include "pcp/root.h"

enum {
	BCST_TTL  = 0x01,
	BCST_HOPS = 0x02,
};

struct bcst {
	unsigned has;                   /* BCST_*: was it there? */
	uint8_t grp;                    /* PCP_BCST_GROUP_*; 0 when absent: goes nowhere */
	uint8_t hops, ttl;              /* as they stand in the atom */
	struct gnuid from, dest, cid;   /* unset = absent */
	uint32_t vers, vrvp;
	char vexp[2];
	uint16_t vexn;
	struct atom atom;               /* all of it; borrowed, lives as long as its bytes */
};

/* Read the routing children, wherever they stand; the last of two wins.
 * returns  ST_OK, ST_PROTO (another atom, or a leaf with a value) */
enum status bcst_parse(struct bcst *b, const struct atom *a) NODISCARD;

/* The payload, in order, bags opened; see struct atombag. Unknown atoms are given too. */
void bcst_payload(const struct bcst *b, struct atombag *bag);

/* What the packet carries when it leaves this node, and how far away its origin is. ttl: one less,
 * 32 at most before, never below 0; 1 when there was none. hops: one more, 255 at most; 0 when
 * there was none. */
uint8_t bcst_ttl_next(const struct bcst *b);
uint8_t bcst_hops_next(const struct bcst *b);

/* Append the copy to pass on: ttl and hops changed in place, every other byte as it came. A packet
 * without a ttl gets one in front (1), so that the next node is its last.
 * returns  ST_OK, ST_LIMIT (the copy would be longer than PCP_ATOM_SEND_MAX, which makes older
 *          nodes drop the connection, or have too many children, or out is full) */
enum status bcst_forward(struct buf *out, const struct bcst *b) NODISCARD;

/* An envelope of ours: hops 0, our versions. dest and cid may be NULL. */
void bcst_init(struct bcst *b, uint8_t grp, uint8_t ttl, const struct gnuid *from,
	const struct gnuid *dest, const struct gnuid *cid);

/* Routing children in the order grp hops ttl dest? from vers vrvp vexp vexn cid?; the payload comes
 * next, then bcst_end(). */
void bcst_begin(struct atomwr *w, const struct bcst *b);
void bcst_end(struct atomwr *w);

/* The five broadcasts (pcp.md 10.5). Each appends one atom to out; self is our session id.
 * returns  ST_OK, ST_LIMIT (out is full) */

/* Relay status: to the upstream of h->chan. RECV clear in h->flags = good-bye. */
enum status bcst_status_emit(struct buf *out, const struct gnuid *self, const struct hit *h)
	NODISCARD;
/* Tracker update: to COUT. */
enum status bcst_tracker_emit(struct buf *out, const struct gnuid *self, const struct chaninfo *i,
	const struct hit *h) NODISCARD;
/* Info update: to the relays of the channel. */
enum status bcst_info_emit(struct buf *out, const struct gnuid *self, const struct chaninfo *i)
	NODISCARD;
/* Push request: dest is the firewalled node that shall connect. */
enum status bcst_push_emit(struct buf *out, const struct gnuid *self, const struct gnuid *dest,
	const struct push *p) NODISCARD;
/* Root settings: to CIN. */
enum status bcst_root_emit(struct buf *out, const struct gnuid *self, const struct root *r)
	NODISCARD;

#endif
