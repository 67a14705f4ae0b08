/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pickHits: which of the hosts of a channel to try, to name to somebody else, or to send away. Pure
 * decisions; chanmgr.h applies them to its lists.
 * source   pcp.md 11.4, 12.3, 12.4, 17.5; 18.3 (B45)
 */
#ifndef CORE_CHAN_PICK_H
#define CORE_CHAN_PICK_H

#include "core/chan/hit.h"

struct pick {
	const struct gnuid *chan;       /* NULL = any list, the first that yields something */
	struct gnuid exclude;           /* session not wanted; unset = none */
	struct host exclude_host;       /* address not wanted; unset = none */
	struct host match;              /* LAN match: global address equal to this; unset = no match */
	struct host asker;              /* whom it is for; unset = ourselves */
	nsec wait;                      /* not handed out for so long; 0 = do not mark */
	bool trackers;                  /* trackers only / non-trackers only */
	bool firewalled;                /* pick firewalled ones that can be asked to dial (push) */
	bool need_cin;                  /* CIN bit must be set */
	bool v6;                        /* address family wanted */
};

#define PICK_COMES 8            /* of so many that a host was named to, one comes */

/* Is h one of those p asks for? Its address is another question. */
bool pick_fits(const struct hit *h, const struct pick *p, nsec now);

/* The global and the local address of h that are of the family; the other family's are unset. An h that
 * has one of each is offered by the one of the right family. pair may be h->rhost. */
void pick_pairs(const struct hit *h, bool v6, struct host pair[2]);

/* The address of h that the pick may use. Addresses that are not global are for those who reach them:
 * near ones, and those a user told. false = none. */
bool pick_address(const struct hit *h, const struct pick *p, struct host *to);

/* Does h receive from up, by what it says of its upstream? A private address names a host only within one
 * network. */
bool pick_hangs_on(const struct hit *h, const struct hit *up);

#define PICK_SLOTS 256
/* Where to look for those that hang on a host with that address, or where one whose upstream has it belongs:
 * below PICK_SLOTS. So whoever is below somebody is found by going over a list once. */
uint32_t pick_slot(const struct host *h);

/* Does h come before best? Whoever's line still stands; fewest hops; a free relay slot; else the one that
 * was asked about first: walk a list from its newest insertion. */
bool pick_is_better(const struct hit *h, const struct hit *best);

/* The same for hosts that are named to somebody who was refused: whoever's line stands; within the asker's
 * own network; a free relay slot, so that it is not refused again; fewest hops; named longest ago. A host
 * that was named since it last spoke has fewer places than it said: each PICK_COMES times count as a hop, so
 * that many who come at once are not all sent to the same few. */
bool pick_offer_before(const struct hit *a, bool a_lan, const struct hit *b, bool b_lan);

/* How little a served relay does for its channel: 0 = it is of use, and stays. */
int pick_uselessness(const struct hit *h);
/* Of two useless ones, does a go before b? The more useless; fewer players; then the shorter uptime. */
bool pick_goes_before(const struct hit *a, const struct hit *b);

#endif
