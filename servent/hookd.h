/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread that delivers the node's events to the hooks of the ini.
 *
 * Those who cause events only append them to the node's own rings (core/sys/event.h) and wake this thread. It
 * makes messages of them (hookwatch.h) and puts them into a queue of each hook that wants them; a hook has
 * one try under way at a time (hooktry.h), so its order is kept. A try that fails is repeated after a growing
 * pause, up to the hook's `retries`, then the message is given up. Where a queue is full, the oldest message
 * that nobody tries to deliver gives way. All tries share the thread; none of them makes it wait.
 *
 * At the end of the node what is queued is tried once more, without pauses, until the deadline.
 *
 * lock     none of its own: others set flags and wake it.
 */
#ifndef SERVENT_HOOKD_H
#define SERVENT_HOOKD_H

#include "core/node/node.h"

#define HOOKD_QUEUE 256                 /* messages that wait for one hook */

struct hookd;

/* Start the thread; events count from here on. ST_OK, ST_LIMIT, ST_SYS. */
enum status hookd_start(struct hookd **out, struct node *n) NODISCARD;
/* Settings changed. h may be NULL. */
void hookd_wake(struct hookd *h);
/* Nothing happens any more: deliver what can be until the deadline, and join. False: the thread does not end
 * soon after that, and still uses the node. */
bool hookd_stop(struct hookd **h, nsec deadline);

#endif
