/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mutexes, lock classes and condition variables.
 *
 * Every mutex belongs to a class. clang checks guarded fields and the order of classes at compile
 * time (a class is a global capability because clang 14 cannot name a sibling member in C); builds
 * with LOCK_DEBUG also check the rank at run time and use error-checking mutexes.
 *
 * A module wraps its mutex once:
 *
 *	LOCK_DEFINE(chan, struct chan, mtx, lk_chan)
 *
 * which gives static inline chan_lock(struct chan *) and chan_unlock(struct chan *).
 *
 * Rules: never two locks of one class; no I/O, callback, log call or libxml2 under a lock
 * (exceptions: shutdown(2) and an eventfd write, both by mbox_stop(); epoll_ctl(2), servent/readyd.h;
 * accept4(2) of a listener that does not block, servent/acceptor.h).
 */
#ifndef CORE_SYS_LOCK_H
#define CORE_SYS_LOCK_H

#include <pthread.h>
#include <stdio.h>

#include "core/sys/cc.h"
#include "core/sys/clk.h"
#include "core/sys/status.h"

struct CAPABILITY("mutex") lockclass {
	const char *name;
	int rank;               /* taken in rising order */
};

extern struct lockclass lk_save;                          /* 1: one writer of the ini at a time */
extern struct lockclass lk_app     AFTER(lk_save);        /* 2: the threads that run, whom to wake */
extern struct lockclass lk_servmgr AFTER(lk_app);         /* 3: servent table, limits, own state */
extern struct lockclass lk_chanmgr AFTER(lk_servmgr);     /* 4: channel table, hit lists, hits */
extern struct lockclass lk_chan    AFTER(lk_chanmgr);     /* 5: one channel */
extern struct lockclass lk_event   AFTER(lk_chan);        /* 6: events and who watches them */
extern struct lockclass lk_mbox    AFTER(lk_event);       /* 7: one mailbox */
extern struct lockclass lk_conf    AFTER(lk_mbox);        /* 8: pointer to the current settings */
extern struct lockclass lk_log     AFTER(lk_conf);        /* 9: log sinks and queues; a leaf */
extern struct lockclass lk_leaf    AFTER(lk_log);         /* 10: a thread's end, a name look-up */

struct mtx {
	pthread_mutex_t m;
#ifdef LOCK_DEBUG
	const struct lockclass *class;
#endif
};

/* For a mutex in static storage; the argument is the class itself. */
#ifdef LOCK_DEBUG
#define MTX_INIT(cls) { .m = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP, .class = &(cls) }
#else
#define MTX_INIT(cls) { .m = PTHREAD_MUTEX_INITIALIZER }
#endif

void mtx_init(struct mtx *m, const struct lockclass *class);
void mtx_fini(struct mtx *m);
/* Untyped; for LOCK_DEFINE only. */
void mtx_lock_raw(struct mtx *m);
void mtx_unlock_raw(struct mtx *m);

#define LOCK_DEFINE(name, type, member, class)                                          \
	static inline void name##_lock(type *o) ACQUIRES(class) LOCK_IMPL               \
	{                                                                               \
		mtx_lock_raw(&o->member);                                               \
	}                                                                               \
	static inline void name##_unlock(type *o) RELEASES(class) LOCK_IMPL             \
	{                                                                               \
		mtx_unlock_raw(&o->member);                                             \
	}

/* With LOCK_STATS (make DEBUG=1): how often the locks of each class were taken, and waited for, since the
 * start; a condition's own return to its lock is not counted. Without: nothing. */
void lock_report(FILE *to);

/* A condition on CLOCK_MONOTONIC, always used in a while loop over its predicate. */
struct cond {
	pthread_cond_t c;
};

void cond_init(struct cond *c);
void cond_fini(struct cond *c);
void cond_broadcast(struct cond *c);

/* Wait until woken or the deadline: ST_OK (look at the predicate again) or ST_TIMEOUT.
 * locks    the caller holds m, no other lock, and m again on return; checked by the caller's
 *          REQUIRES, and at run time with LOCK_DEBUG. */
enum status cond_wait(struct cond *c, struct mtx *m, nsec deadline) NODISCARD;

#endif
