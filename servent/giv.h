/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GIV: how a node whose port is closed serves one whose port is open. The one that cannot serve asks the
 * closed one (push) to dial the other, which then talks over that connection as if it had dialled.
 *
 *	R -> S   asks for a channel, and S has nobody to name
 *	S -> F   push, along the connections behind which F was heard
 *	F -> R   connect, GIV; from there on R is the client, F what it would be had R dialled
 *
 * Nothing here blocks but giv_accept() and the threads that dial.
 *
 * lock     lk_app guards who is being dialled, and what is held out to the COUT thread.
 * source   pcp.md 7.1, 7.2, 7.5, 12.3; 18.3 (B43, B63); settings.md decision 17
 */
#ifndef SERVENT_GIV_H
#define SERVENT_GIV_H

#include "http/request.h"
#include "pcp/helo.h"
#include "pcp/push.h"
#include "servent/app.h"

#define GIV_CONNECT (5 * NSEC_PER_SEC)
#define GIV_UNUSED  (30 * NSEC_PER_SEC)         /* a connection nobody has a use for is dropped */
#define GIV_HELD    (600 * NSEC_PER_SEC)        /* so long a stranger keeps us from the yellow page */

/* --- asking ------------------------------------------------------------------------------------ */

/* sv cannot be served, and nobody it could reach was named: ask a firewalled node to dial it. Nothing
 * when its port is not open, or its address is of no use to others.
 *
 * chan     wanted; NULL = a control connection
 * trackers ask a tracker, over control connections; else a relay of the channel, over relays
 * returns  whether somebody was asked */
bool giv_ask(struct app *a, const struct servent *sv, const struct helo *helo, const struct gnuid *chan,
	bool trackers) EXCLUDES(lk_servmgr, lk_chanmgr, lk_mbox);

/* --- obeying ----------------------------------------------------------------------------------- */

/* A push addressed to us came over a connection of that session. Dial, on a thread of its own, when
 * address, channel and limits allow. */
void giv_obey(struct app *a, const struct push *p, const struct gnuid *session)
	EXCLUDES(lk_app, lk_servmgr, lk_chanmgr, lk_chan);

/* --- accepting --------------------------------------------------------------------------------- */

/* A first line that giv_parse() knows: read the rest of the head, then hold the connection out to whom
 * it is for. On success it has moved there and nothing was written; else it was answered. */
void giv_accept(struct app *a, struct servent *sv, const char *line, struct request *rq, nsec deadline);

/* The COUT thread: would a connection that is given to us be of use now? No = one that waits is told so. */
void giv_cout_seeks(struct app *a, bool yes) EXCLUDES(lk_app);
/* Move one to `to`. False when there is none. */
bool giv_cout_take(struct app *a, struct sock *to, struct mbox *mb) EXCLUDES(lk_app, lk_mbox);

#endif
