/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread that keeps the list of this root and those of other roots the same (live sync).
 *
 * It owns the sockets (syncnet.h) and the state machine (pcp/sync.h). Whoever handles an announcement of one
 * of our own trackers names the channel to it, which never waits: the names are a bounded set, and when more
 * than that wait everything is looked at. What of the channel is told is looked up when the thread has time
 * for it. What other roots tell goes to the hit lists, and to the channel log with chanLogSynced; it is never
 * passed on, neither as live sync nor in PCP.
 *
 * Off, or not a root: it sleeps, and no socket is open.
 *
 * lock     lk_leaf guards the set and the report; all else is the thread's own.
 * source   yp.md 4; settings.md decisions 13, 14, 16
 */
#ifndef SERVENT_LIVESYNC_H
#define SERVENT_LIVESYNC_H

#include "core/chan/gnuid.h"
#include "core/sys/cc.h"
#include "core/sys/clk.h"
#include "core/sys/lock.h"
#include "pcp/sync.h"

struct app;
struct livesync;
struct sync_report;

#define LIVESYNC_NEWS 4096      /* channels that wait to be looked at */

/* Start the thread. ST_OK, ST_LIMIT, ST_SYS. */
enum status livesync_start(struct livesync **out, struct app *a) NODISCARD;
/* BYE to the others, close, join. False: it does not end, and everything it uses must stay. */
bool livesync_stop(struct livesync **l, nsec deadline);
/* Settings changed. */
void livesync_settings(struct livesync *l) EXCLUDES(lk_leaf, lk_mbox);

/* An own tracker said something of that channel, or left; why: what to tell the others if nobody is left. l
 * may be NULL. */
void livesync_news(struct livesync *l, const struct gnuid *chan, enum sync_reason why)
	EXCLUDES(lk_leaf, lk_mbox);
/* The same of any number of channels: look at all of them. */
void livesync_look(struct livesync *l) EXCLUDES(lk_leaf, lk_mbox);

/* As it stands now, to be freed; NULL: no memory, or no answer before the deadline. */
struct sync_report *livesync_report(struct livesync *l, nsec deadline) EXCLUDES(lk_leaf, lk_mbox) NODISCARD;

#endif
