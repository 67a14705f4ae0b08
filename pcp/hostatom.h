/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host atom: one node that serves a channel, to and from struct hit.
 * source   pcp.md 3.4, 4.9, 17, 18.3 (B46, B47, B59)
 */
#ifndef PCP_HOSTATOM_H
#define PCP_HOSTATOM_H

#include <stdint.h>

#include "core/chan/hit.h"
#include "pcp/atom.h"

/* Read a host atom. All fields of h are set; those of local use are cleared.
 *
 * cid      channel of the envelope (bcst.cid) for a host without its own; NULL = none
 * hops     of the envelope, counted up (bcst_hops_next()); 0 without one
 *
 * Counts are clamped to HIT_LISTENERS_MAX; without flg1 the flags are RELAY, RECV and CIN; an uppt
 * above 65535 drops the whole uphost group.
 * returns  ST_OK, ST_PROTO (another atom, or a leaf with a value) */
enum status hostatom_parse(struct hit *h, const struct atom *a, const struct gnuid *cid,
	uint8_t hops) NODISCARD;

/* Write one, in the order of pcp.md 4.9. Both pairs have the family of the global one; an address
 * of the other family, or a link-local IPv6 one, goes out as unset with port 0.
 *
 * with_cid  false where the envelope names the channel (relay status) */
void hostatom_emit(struct atomwr *w, const struct hit *h, bool with_cid);

#endif
