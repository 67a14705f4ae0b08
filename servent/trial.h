/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trying another upstream while the present one still serves: a second connection on a thread of its own,
 * which has proven itself when new data comes over it. Only then is the first one left, so that a change
 * costs no reader a byte, and a bad candidate costs nothing.
 *
 * One thread (the source of the channel) starts, looks and ends a trial; the trial's own thread wakes it
 * through chan_wake_source() when it is done, and touches nothing of it afterwards.
 * source   pcp.md 7.4, 9.5; node.md 7.4
 */
#ifndef SERVENT_TRIAL_H
#define SERVENT_TRIAL_H

#include "servent/ask.h"

struct trial;

enum trial_state {
	TRIAL_RUNS,
	TRIAL_GOOD,             /* new data has come */
	TRIAL_FULL,             /* 503: the hosts it named are in the hit list */
	TRIAL_GONE,             /* 404 */
	TRIAL_SELF,             /* it is this node */
	TRIAL_UNREACHED,        /* no connection */
	TRIAL_FAILED,           /* anything else: no PCP, a quit */
	TRIAL_DRY,              /* connected, but nothing new */
};

/* Ask `to` for the channel from position wanted on (take_wanted()). NULL = no memory or thread. The
 * caller is the channel's attached source. */
struct trial *trial_start(struct app *a, struct chan *c, const struct host *to, enum ask_as as,
	uint32_t wanted) NODISCARD;

enum trial_state trial_look(const struct trial *t);
/* Whom it asks, and as what. */
const struct host *trial_host(const struct trial *t, enum ask_as *as);
/* After TRIAL_FULL: did it name others? */
bool trial_named(const struct trial *t);
/* After TRIAL_GOOD: the session there. */
const struct gnuid *trial_sid(const struct trial *t);

/* After TRIAL_GOOD: take the connection over. seen gets the atoms that were read from it already, whole
 * ones, to be acted on before those that follow; it is the caller's to finish. */
void trial_take(struct trial *t, struct ask *k, struct buf *seen, struct mbox *mb);

/* End it, whatever it is at, and wait for its thread (own is the caller's mailbox). */
void trial_drop(struct trial **t, struct mbox *own);

#endif
