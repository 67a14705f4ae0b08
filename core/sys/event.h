/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happens in the node, for those who watch: a ring of the newest events, and whom to wake.
 *
 * Before the first watcher comes nothing is kept: an event costs one look at a flag. From then on the last
 * EVENT_RING of each topic are kept, so that one who was cut off can go on where he was. Lines of the log are
 * not kept here a second time: a watcher of EVENT_LOG is woken, and reads them with log_next().
 *
 * One per process, like the log. An event may be told of while locks up to lk_chan are held: nothing in here
 * waits.
 *
 * lock     lk_event, taken inside; mailboxes are woken under it.
 */
#ifndef CORE_SYS_EVENT_H
#define CORE_SYS_EVENT_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/sys/host.h"
#include "core/sys/lock.h"
#include "core/sys/mbox.h"

#define EVENT_RING      256             /* events kept of a topic */
#define EVENT_WATCHERS  64              /* at once; and */
#define EVENT_PER_PEER  16              /* of one address that is not loopback */
#define EVENT_ID        16              /* bytes of a channel's id */

enum event_topic {
	EVENT_CHANNEL = 1, EVENT_CONNECTION = 2, EVENT_NOTIFICATION = 4, EVENT_LOG = 8, EVENT_FEED = 16,
	EVENT_PORT = 32, EVENT_ALL = 63
};
#define EVENT_TOPICS    6

struct event {
	_Atomic uint32_t refs;          /* relaxed up, acq_rel down */
	uint64_t number;                /* 1, 2, 3 ... */
	uint64_t nth;                   /* of its topic, from 1 on: what is missing between two was missed */
	enum event_topic topic;
	const char *what;               /* static: "added", "closed" ... */
	const char *kind;               /* static: of what; "" */
	uint8_t id[EVENT_ID];           /* of the channel; zeros = none */
	uint32_t n;                     /* the connection's number, or a port; 0 */
	struct host peer;               /* its other end; unset */
	char text[];
};

/* Is there any use in telling? A moment's truth, for those who would have to work for it. */
bool event_is_on(void);

/* It has happened. id, peer and text may be NULL. */
void event_tell(enum event_topic topic, const char *what, const char *kind, const uint8_t id[EVENT_ID],
	uint32_t n, const struct host *peer, const char *text) EXCLUDES(lk_event, lk_mbox);

/* Wake those who watch the topic, without an event. */
void event_wake(enum event_topic topic) EXCLUDES(lk_event, lk_mbox);

struct event_watcher {
	struct mbox *mb;
	unsigned topics;
	struct host who;
	struct event_watcher *prev, *next;      /* lk_event */
};

/* From here on mb is woken for these topics. w and mb must stay until event_unwatch().
 * returns  ST_OK, ST_LIMIT (EVENT_WATCHERS, EVENT_PER_PEER) */
enum status event_watch(struct event_watcher *w, struct mbox *mb, unsigned topics, const struct host *who)
	EXCLUDES(lk_event) NODISCARD;
void event_unwatch(struct event_watcher *w) EXCLUDES(lk_event);

/* The oldest event of these topics with a number above *after, which becomes its number; a reference, or
 * NULL: there is none yet. *missed: some between are not kept any more. */
struct event *event_next(uint64_t *after, unsigned topics, bool *missed) EXCLUDES(lk_event);
void event_unref(struct event **e);

/* Number of the newest one; 0 = none. */
uint64_t event_newest(void) EXCLUDES(lk_event);
/* Of this run of the program: numbers of another run mean nothing. Never 0. */
uint64_t event_run(void) EXCLUDES(lk_event);

#endif
