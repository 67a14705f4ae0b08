/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread that reads for those who sleep, and the read right of a connection.
 *
 * Waking a thread costs several times what an announcement does. So a servent that has nothing to do parks:
 * it leaves its read right here and sleeps on its mailbox alone. This thread waits for all those sockets
 * together and takes one turn for each that has something, with a callback of the servent that reads without
 * blocking and acts on what came. What is unusual (the callback says so) goes back to the servent's own
 * thread with one wake-up.
 *
 *              ready_park()                 bytes have come
 *        OWN ----------------> PARKED ----------------------> READING
 *         ^ ^                  |   ^                          |  |
 *         | |   ready_take()   |   |     all was as usual     |  |
 *         | +------------------+   +--------------------------+  |
 *         |       unusual: one wake; or ready_take() waits       |
 *         +------------------------------------------------------+
 *
 * Whoever has the right, and nobody else, reads from the socket and touches what the callback touches; it
 * is handed over under the lock. A turn is bounded by its callback; who has more than that waits until all
 * others had theirs. While much comes, this thread looks once in a few milliseconds: a wake-up of it is dear,
 * too.
 *
 * lock     lk_app, a mutex of its own; under it epoll_ctl(2), which does not block, and the wake.
 * life     the owner parks, takes and leaves; it leaves before it closes the socket. All have left before
 *          readyd_stop().
 * source   DESIGN, "Write right"
 */
#ifndef SERVENT_READYD_H
#define SERVENT_READYD_H

#include "core/sys/lock.h"
#include "core/sys/mbox.h"

struct readyd;

enum ready_right { READY_OWN, READY_PARKED, READY_READING };

/* In its owner's storage; all else zero. */
struct ready {
	int fd;                         /* constant, as are the next three */
	struct mbox *mb;                /* of the owner */
	/* Must not block, nor look at mb. Returns whether all was as usual; if not, the owner takes over. */
	bool (*turn)(void *ctx);
	void *ctx;
	enum ready_right right GUARDED_BY(lk_app);
	bool wanted GUARDED_BY(lk_app); /* the owner waits for the end of a turn */
	bool watched GUARDED_BY(lk_app); /* its socket is waited for */
};

enum status readyd_start(struct readyd **out) NODISCARD;
void readyd_stop(struct readyd **d, nsec deadline);

/* Owner with the right: leave it. What has come already counts as coming now. false = it cannot be left (no
 * memory); the owner still has it. Between this and ready_take() it waits with mbox_wait() alone. */
bool ready_park(struct readyd *d, struct ready *r) EXCLUDES(lk_app) NODISCARD;
/* Owner: have it again, whoever has it; waits for a turn that has begun. */
void ready_take(struct readyd *d, struct ready *r) EXCLUDES(lk_app);
/* Owner with the right: park no more; r may go. */
void ready_leave(struct readyd *d, struct ready *r) EXCLUDES(lk_app);

#endif
