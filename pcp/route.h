/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Routing decisions, all pure: may this atom be obeyed on this connection, what becomes of a bcst,
 * which connections does a copy go to, has it been seen before.
 *
 * What depends on the connections that are there (are they connected, which session is at the other
 * end, who was heard of through them) is left to the servent table and the channels, which are asked
 * with what is decided here. No locks inside. A struct routeseen is shared: the owner guards it.
 * source   pcp.md 8.4, 10.1-10.4, 13; yp.md 2.4; settings.md decision 1
 */
#ifndef PCP_ROUTE_H
#define PCP_ROUTE_H

#include <stdint.h>

#include "core/chan/gnuid.h"
#include "core/node/servmgr.h"
#include "core/sys/clk.h"
#include "pcp/bcst.h"

/* What a connection is, seen from us (pcp.md 1.2). */
enum routekind {
	ROUTE_FETCH,            /* we receive a channel: our upstream */
	ROUTE_RELAY,            /* we send a channel: downstream */
	ROUTE_COUT,             /* control, opened by us */
	ROUTE_CIN,              /* control, opened by the other */
};

/* --- may it be obeyed? (pcp.md 13) ------------------------------------------------------------ */

enum routeaccept {
	ROUTE_TAKE,
	ROUTE_IGNORE,           /* skip and count */
	ROUTE_REFUSE,           /* quit 1006 */
};

/* Where an atom was found. */
struct routeplace {
	enum routekind kind;
	bool is_root;           /* we are a root */
	bool from_yp;           /* the peer is the YP we chose */
	bool in_bag;            /* inside bcst or atom */
	bool in_bcst;
	bool to_me;             /* the bcst is addressed to us */
};

/* id is a top-level atom's, or that of a child of chan (bcid, key, info, trck, pkt). Of which
 * channel is checked by the caller: on fetch and relay only the connection's own. */
enum routeaccept route_accept(const struct routeplace *at, uint32_t id);

/* --- what becomes of a bcst (pcp.md 10.1) ----------------------------------------------------- */

struct routeplan {
	bool loop;              /* ours came back: quit 1004; nothing else is done with it */
	bool to_me;
	bool process;           /* handle the payload */
	bool forward;           /* pass on: route_up(), route_down() */
};

struct routeplan route_plan(const struct bcst *b, const struct gnuid *self);

enum routeforward { ROUTE_FORWARD_PUSH, ROUTE_FORWARD_ALL, ROUTE_FORWARD_NONE };

/* The rule of a root (setting rootForward): by default only an addressed push travels on. */
bool route_root_forwards(enum routeforward rule, const struct bcst *b);

/* --- which connections (pcp.md 10.2, 10.4) ---------------------------------------------------- */

/* Is there a chan in it? */
bool route_tells_of_channel(const struct bcst *b);

/* Does a copy go to where our channels come from: of the channel b->cid, or of all when it is unset?
 * There too neither back to the session it came from, nor past b->dest: see chan_post_source(). */
bool route_up(const struct bcst *b);

/* The other connections that get a copy of b, which came from session `arrival` at `at`: *q asks the
 * servent table for them. What a channel is called comes from above alone, as those below believe
 * whoever serves them: no relay and no control client is told what one of them says of it.
 * returns  false = none */
bool route_down(const struct routeplace *at, const struct bcst *b, const struct gnuid *arrival,
	struct servent_query *q);

/* --- the same again? --------------------------------------------------------------------------- */

/* Of a keyed hash: random, so that no peer can make others' packets collide. */
struct routehash {
	uint64_t key[2];
};

/* What a packet is about, for those that wait to be sent: a newer one with the same key says all that the
 * older one said. So it is with what one origin says of one host, of one channel with the same parts, or of
 * both. 0 = each one counts. */
uint64_t route_key(const struct routehash *h, const struct bcst *b);

/* Seen before? (pcp.md 10.3) */
#define ROUTESEEN_SETS 256
#define ROUTESEEN_WAYS 4
#define ROUTESEEN_AGE  (10 * NSEC_PER_SEC)

struct routeseen {
	struct routehash hash;
	struct {
		uint64_t hash;          /* of from and payload; 0 = free */
		nsec at;
		struct gnuid via;
	} e[ROUTESEEN_SETS][ROUTESEEN_WAYS];
};

/* Empty, with a random hash. */
void routeseen_init(struct routeseen *s);

/* true = the same from and payload came from another session within ROUTESEEN_AGE: neither process nor
 * forward. Otherwise it is noted. via is the session at the other end of the connection it came over. */
bool routeseen_check(struct routeseen *s, const struct bcst *b, const struct gnuid *via, nsec now);

#endif
