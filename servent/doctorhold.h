/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mapping that `peercast doctor` has the router make: it is given back, also when a signal ends the
 * doctor first. Signals are for a thread of its own meanwhile: it waits for what is under way at the router,
 * gives the mapping back, and has the process die by the signal.
 */
#ifndef SERVENT_DOCTORHOLD_H
#define SERVENT_DOCTORHOLD_H

#include <signal.h>
#include <stdatomic.h>

#include "core/sys/mbox.h"
#include "core/sys/thr.h"
#include "servent/portmap.h"

struct doctor_hold {
	struct portmap_grip grip;       /* whoever has moved `state` off HOLD_KEPT owns it */
	bool beside;                    /* a node runs: what the router has may be the node's */
	_Atomic int state;              /* enum hold */
	_Atomic bool over;
	nsec farewell;                  /* how long giving back may take */
	struct mbox attempt;            /* stops what is asked of the router */
	struct mbox news;               /* wakes the thread: `state` is another one */
	bool ready;
	sigset_t signals, before;
	struct thr thr;
};

/* From here on signals (SIGINT, SIGTERM, SIGHUP, those that are not ignored) give back what is held, and
 * then end the process. Where there is no thread for that they end it at once.
 *
 * beside   a node runs on the same ini */
void doctor_hold_begin(struct doctor_hold *h, bool beside, nsec farewell);
void doctor_hold_end(struct doctor_hold *h);

/* One attempt, as portmap_try(): h->grip.m says what came of it. */
void doctor_hold_try(struct doctor_hold *h, uint16_t port, nsec deadline);
/* Give it back, if it is for us to do. ST_OK: it is gone. */
enum status doctor_hold_drop(struct doctor_hold *h) NODISCARD;

/* Is there one, which was not there before us, as far as the router tells? */
bool doctor_hold_is_ours(const struct portmap *m);
/* May it be given back? Not what may be the mapping of the node that runs: NAT-PMP never tells what was
 * there, and some routers do not by UPnP. */
bool doctor_hold_may_drop(const struct doctor_hold *h);

#endif
