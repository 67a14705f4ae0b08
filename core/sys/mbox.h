/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A mailbox: how other threads reach a thread that sleeps in poll(2).
 *
 * One owner thread, any number of posters. Posters queue counted messages, wake the owner, or tell
 * it to stop; the owner polls its socket and the mailbox's eventfd together (see sock_wait()).
 *
 * lock     lk_mbox, inside; every function takes it alone. No I/O under it but the eventfd write
 *          and, in mbox_stop(), shutdown(2).
 * life     mbox_init() .. mbox_fini() by the owner; posters hold whatever keeps the owner's object
 *          alive (its table's lock or a reference).
 */
#ifndef CORE_SYS_MBOX_H
#define CORE_SYS_MBOX_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/sys/blob.h"
#include "core/sys/lock.h"
#include "core/sys/mailq.h"
#include "core/sys/status.h"

struct mbox {
	struct mtx mtx;                         /* lk_mbox */
	int efd;                                /* eventfd, non-blocking, close-on-exec; -1 = not made yet.
	                                         * Set by the owner under lk_mbox */
	int fd          GUARDED_BY(lk_mbox);    /* the owner's socket, or -1; for mbox_stop() alone */
	bool stopping   GUARDED_BY(lk_mbox);
	bool hard       GUARDED_BY(lk_mbox);    /* stopping by mbox_stop(): fd is shut down */
	bool signalled  GUARDED_BY(lk_mbox);    /* efd is readable: no second write needed */
	struct mailq q  GUARDED_BY(lk_mbox);
	_Atomic bool stopped;                   /* stopping, for cheap looks; release/acquire */
	bool mail;                              /* owner's own note: woken, not yet looked */
};

enum status mbox_init(struct mbox *m) NODISCARD;        /* ST_OK, ST_SYS (no fd) */
/* The same without the eventfd, which the first wait makes: for owners that seldom have to wait. */
void mbox_init_lazy(struct mbox *m);
/* Owner: make the eventfd, when there is none. ST_OK, ST_SYS (no fd) */
enum status mbox_ready(struct mbox *m) EXCLUDES(lk_mbox) NODISCARD;
void mbox_fini(struct mbox *m);

/* Any thread: queue b (the mailbox takes its own reference), as core/sys/mailq.h says. It wakes the owner
 * when nothing was waiting: one that leaves mail for later must look again by itself.
 * returns  ST_OK, ST_LIMIT (no room, or no memory: a message was lost and counted), ST_STOPPED */
enum status mbox_post(struct mbox *m, struct blob *b) EXCLUDES(lk_mbox);

/* Any thread: wake the owner without a message. */
void mbox_wake(struct mbox *m) EXCLUDES(lk_mbox);

/* Any thread: store value into *word (release) and wake the owner, both inside lk_mbox: an owner that
 * has seen the value and takes lk_mbox once (mbox_fini() does) may free everything, word included. */
void mbox_wake_set(struct mbox *m, _Atomic int *word, int value) EXCLUDES(lk_mbox);

/* Any thread: tell the owner to end: sets the flag, wakes it, and shuts its socket down so that a
 * blocked peer cannot hold it. Idempotent. */
void mbox_stop(struct mbox *m) EXCLUDES(lk_mbox);

/* As mbox_stop(), but leaves the socket open so that the owner can still say goodbye: it calls
 * sock_deafen() first, since every other sock_* call now returns ST_STOPPED. A later mbox_stop()
 * ends the goodbye as well. */
void mbox_stop_soft(struct mbox *m) EXCLUDES(lk_mbox);

static inline bool mbox_is_stopped(const struct mbox *m)
{
	return atomic_load_explicit(&m->stopped, memory_order_acquire);
}

/* Owner: the next message (the reference is the caller's), or NULL. */
struct blob *mbox_take(struct mbox *m) EXCLUDES(lk_mbox);
/* Owner: is there one? */
bool mbox_has_mail(struct mbox *m) EXCLUDES(lk_mbox) NODISCARD;

/* Owner: read the eventfd empty after poll reported it; sets m->mail. */
void mbox_drain(struct mbox *m) EXCLUDES(lk_mbox);

/* Owner: has anybody woken us since the last drain? Costs no system call. */
bool mbox_is_signalled(struct mbox *m) EXCLUDES(lk_mbox) NODISCARD;

/* Owner: name the socket that mbox_stop() shuts down; -1 takes it out (before close(2)). Shuts it
 * down at once when already stopped hard. */
void mbox_set_fd(struct mbox *m, int fd) EXCLUDES(lk_mbox);

/* Owner: sleep until woken, stopped or the deadline, without a socket. Returns at once, and clears
 * m->mail, when a sock_* call has noted a wake-up nobody looked at.
 * returns  ST_OK (woken), ST_TIMEOUT, ST_STOPPED, ST_SYS (no eventfd to be had, after mbox_init_lazy()) */
enum status mbox_wait(struct mbox *m, nsec deadline) EXCLUDES(lk_mbox) NODISCARD;

/* Owner: sleep until the next wake, whether or not stopped; for events that are sure to come. It may
 * also return for an older wake, so call it in a while loop over the event; sets m->mail. The mailbox is
 * ready (mbox_ready()). */
void mbox_pause(struct mbox *m) EXCLUDES(lk_mbox);

/* Messages lost so far, and replaced by newer ones. */
uint32_t mbox_lost(struct mbox *m) EXCLUDES(lk_mbox);
uint32_t mbox_merged(struct mbox *m) EXCLUDES(lk_mbox);

#endif
