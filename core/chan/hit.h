/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hit: what we know about another node that serves a channel. A plain value.
 * source   pcp.md 4.9, 11.1
 */
#ifndef CORE_CHAN_HIT_H
#define CORE_CHAN_HIT_H

#include <stdint.h>

#include "core/chan/gnuid.h"
#include "core/sys/cc.h"
#include "core/sys/clk.h"
#include "core/sys/host.h"

#define HITLIST_MAX_HITS  1000           /* hosts known of one channel */
#define HIT_LISTENERS_MAX 100000u       /* one host's claim is clamped (pcp.md 18, B46) */

/* host.flg1 (pcp.md 3.4) */
enum {
	HIT_TRACKER = 0x01,
	HIT_RELAY   = 0x02,     /* can take one more relay */
	HIT_DIRECT  = 0x04,     /* can take one more player */
	HIT_PUSH    = 0x08,     /* firewalled, or not known to be open */
	HIT_RECV    = 0x10,     /* clear in a host atom = remove me */
	HIT_CIN     = 0x20,     /* can take one more control connection */
	HIT_PRIVATE = 0x40,
};

struct hit {
	struct gnuid sid;               /* session; may be unset */
	struct gnuid chan;
	struct host rhost[2];           /* global, local */
	uint32_t listeners, relays;
	uint32_t uptime_s;
	uint32_t oldpos, newpos;        /* 32-bit wire positions */
	uint32_t version, version_vp;
	char ex_prefix[2];              /* "YT"; NULs when not sent */
	uint16_t ex_number;
	uint8_t flags;                  /* HIT_* */
	uint8_t hops;
	struct host uphost;             /* upstream; unset = not told */
	uint32_t uphops;

	/* local use, not on the wire */
	struct gnuid via;               /* session of the connection it was learnt from */
	uint32_t source;                /* instance that reported it by live sync; 0 = nobody's but ours */
	nsec heard;                     /* last news */
	nsec contact;                   /* last time handed out or tried; 0 = never */
	uint32_t named;                 /* times it was named to others since it was heard */
	nsec gone_at;                   /* stale since its line broke: removed then; 0 = not */
	bool dead;                      /* failed; purged by the next sweep */
	bool told;                      /* named by a user (?tip=): survives silence */
	bool near;                      /* hit_is_near() of whoever told of it */
};

/* May an address that is not global be believed? Its teller, at the other end of the connection, must be
 * as near itself: on this machine for a loopback address, in our network for a private one.
 * itself  it told of itself, and is seen at that very address (loopback ones are all the same); else it
 *         named others it knows, to us alone */
bool hit_is_near(const struct hit *h, const struct host *teller, bool itself);

/* Sums over the live hits of a list. */
struct hitstats {
	uint32_t hosts, firewalled;
	uint64_t listeners, relays;
	uint32_t closest, furthest;     /* hops; 10000 and 0 when there are none */
	nsec newest;                    /* when the newest was heard; 0 = never */
};

/* Does such a node dial out when it is asked to (GIV)? PeerCastStation does not (pcp.md 7.5). */
static inline bool hit_can_giv(const struct hit *h)
{
	return h->ex_prefix[0] != 'S' || h->ex_prefix[1] != 'T';
}

#endif
