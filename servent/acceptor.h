/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Places at the listener, for servent threads whose connection has ended.
 *
 * Handing a connection from the SERVER thread to another one costs a wake-up, which is more than most answers
 * do. So a thread that has become free waits at the listener itself for a moment, and serves whom it
 * accepts. The kernel wakes one of them for a connection, the lowest place first, and the SERVER thread when
 * none of them is asleep: a connection that comes while they are all at work, or while there are none (after
 * a quiet second), is SERVER's to hand over. It gives them a moment first, in which most of them have
 * answered and look for more. Nobody waits for a connection to end.
 *
 * Each place has an epoll file of its own with the listener in it (EPOLLEXCLUSIVE, level-triggered). An
 * event taken by one is passed to nobody else; so whoever was woken accepts, or wakes SERVER, unless the
 * listener has gone. Kernels before 5.7 may wake one sleeper for two connections: there are no places there.
 *
 * lock     lk_leaf, inside; a place's own is held over accept4(2), which does not block: the listener is not
 *          closed under it.
 * life     acceptors_new() .. acceptors_free(), which waits until all places are left. A thread takes its
 *          place while it still holds a servent, so who has waited for the servents may free this.
 */
#ifndef SERVENT_ACCEPTOR_H
#define SERVENT_ACCEPTOR_H

#include "core/sys/clk.h"
#include "core/sys/host.h"
#include "core/sys/status.h"

#define ACCEPTORS     8                 /* places at most; as many as there are processors */
#define ACCEPTOR_WAIT NSEC_PER_SEC      /* so long one waits before it leaves */
#define ACCEPTOR_RUNS 1024              /* connections that one thread serves, one after the other */
#define ACCEPTOR_WORK (1 * NSEC_PER_MSEC)       /* so long SERVER gives one to come back from an answer */

struct acceptors;
struct acceptor;                        /* a place */

/* n places, 1..ACCEPTORS, 0 = one for each processor; no listener at first.
 * ST_OK, ST_SYS (no files), ST_LIMIT (memory) */
enum status acceptors_new(struct acceptors **out, unsigned int n) NODISCARD;

/* SERVER: all wait at lfd from here on, -1 = nowhere. Afterwards nobody uses the listener before; lfd stays
 * the caller's. When it fails they wait nowhere: SERVER is alone.
 * returns  ST_OK, ST_SYS */
enum status acceptors_move(struct acceptors *q, int lfd) NODISCARD;

/* What SERVER polls in the listener's place: readable when there is a connection that none of them was woken
 * for. */
int acceptors_rest(const struct acceptors *q);
/* Until when it may leave that connection to one that is at work, and will look at the listener when it has
 * answered; 0 = there is none. q may be NULL. */
nsec acceptors_back_by(const struct acceptors *q);

/* The lowest free place; NULL = there is none, or q is NULL or has been stopped. */
struct acceptor *acceptor_take(struct acceptors *q) NODISCARD;

/* Wait for a connection.
 * returns  ST_OK with *fd and *peer; ST_TIMEOUT; ST_STOPPED; ST_SYS (accept(2) or epoll_wait(2) failed: wake
 *          SERVER, which knows what to do about it) */
enum status acceptor_wait(struct acceptor *p, int *fd, struct host *peer, nsec deadline) NODISCARD;

void acceptor_leave(struct acceptor *p);

/* Who waits is called away, and nobody takes a place any more. */
void acceptors_stop(struct acceptors *q);
/* Stop, wait until all have left, free. */
void acceptors_free(struct acceptors **q);

#endif
