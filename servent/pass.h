/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passing broadcasts on: copies go to the mailboxes of the connections that pcp/route.h names.
 *
 * Nobody's flood becomes everybody's: what one connection may spread is limited, and so is what the node
 * spreads in all; what is beyond that is counted and not passed on. A report that climbs its own channel's
 * tree goes to one connection, and is left to that mailbox: it merges and takes turns (core/sys/mailq.h).
 *
 * What a channel is called must not get lost among all this. Of what the upstream says of its channel the
 * relays below get the newest at once, or PASS_INFO after the one before; and when our own info changed in
 * another way (a new upstream, a packet that was not to go further), they get it from us.
 *
 * lock     one leaf lock for the node, inside. A struct pass belongs to its connection's thread.
 * source   pcp.md 8.2, 10; settings.md decisions 1, 17, 20; yp.md 2.4
 */
#ifndef SERVENT_PASS_H
#define SERVENT_PASS_H

#include "core/node/node.h"
#include "core/sys/bucket.h"
#include "core/sys/lock.h"
#include "pcp/bcst.h"
#include "pcp/route.h"

#define PASS_SPREAD       5             /* packets a second from one connection to more than one other */
#define PASS_SPREAD_BURST 16
#define PASS_COPIES       20000         /* a second, of all that is spread in the node */
#define PASS_INFO   (5 * NSEC_PER_SEC)  /* between two from above about one channel */

struct proc;

/* Of the whole node: a loop spans connections. */
struct passing {
	struct mtx mtx;                                 /* lk_leaf */
	struct routeseen seen   GUARDED_BY(lk_leaf);
	struct bucket copies    GUARDED_BY(lk_leaf);
};

void passing_init(struct passing *g);
void passing_fini(struct passing *g);

/* Of one connection; all zero at the start. */
struct pass {
	struct bucket spread;
	nsec push_at;                   /* root: when one was last passed on */
	/* fetch: what the relays are to be told */
	struct blob *info;              /* the newest packet; owned; NULL = none waits */
	bool stale;                     /* our info has changed: they get that instead */
	nsec info_at;                   /* when they were last told */
};

/* Did this packet come from another session before (pcp.md 10.3)? Within a tree only: control connections
 * make no loops, and a tracker that comes again may say the same as before. */
bool pass_repeated(const struct proc *p, const struct bcst *b);

/* Pass b on, which came to p at `at`. Returns true when the relays below will hear of p's channel by it. */
bool pass_on(struct proc *p, const struct settings *set, const struct routeplace *at, const struct bcst *b);

/* Tell the relays of a channel what it is called, from us; not_remote as in struct servent_query. False when
 * out of memory. */
bool pass_info(struct node *n, const struct chaninfo *i, const struct gnuid *not_remote) NODISCARD;

/* fetch: the channel's info changed, and no packet tells the relays. */
void pass_changed(struct proc *p);
/* fetch: when pass_tick() has something to do; NSEC_NEVER = nothing. */
nsec pass_due(const struct proc *p);
void pass_tick(struct proc *p, nsec now);
/* fetch: the connection is over: what waits is told now. */
void pass_end(struct proc *p);

#endif
