/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/thr.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/sys/assert.h"
#include "core/sys/lock.h"
#include "core/sys/text.h"

/* One start. A detached thread frees it before it runs fn, a joined one leaves it to thr_join().
 * (pthread_clockjoin_np() would do without `done`, but sanitizers do not know it.) */
struct thr_run {
	void (*fn)(void *);
	void *arg;
	char name[THR_NAME];
	struct thr_run *next;           /* of those that wait for a parked thread */
	bool joinable;                  /* has what follows */
	struct mtx mtx;                 /* lk_leaf */
	struct cond ended;
	bool done GUARDED_BY(lk_leaf);
};

LOCK_DEFINE(run, struct thr_run, mtx, lk_leaf)

/* Where a detached thread waits between two functions. Never freed: whoever calls it may do so when it is
 * somebody else's already, which then looks in vain. */
struct berth {
	struct mtx mtx;                                 /* lk_leaf */
	struct cond wake;
	bool called             GUARDED_BY(lk_leaf);
	struct berth *next;                             /* under the crew's lock, as the lists are */
};

/* The parked threads. Of the starts that wait for one there are never more than threads that have been
 * called and have not come yet: nobody waits for a function to end. A thread that ends its function takes
 * the next start at once, and whoever was called for it parks again, or takes a later one. */
struct crew {
	struct mtx mtx;                                 /* lk_leaf */
	struct berth berths[THR_PARKED];
	size_t n_made           GUARDED_BY(lk_leaf);    /* berths that were ever used */
	struct berth *empty     GUARDED_BY(lk_leaf);
	struct berth *parked    GUARDED_BY(lk_leaf);    /* the last first: its stack is in the cache */
	struct thr_run *first   GUARDED_BY(lk_leaf);    /* starts that wait */
	struct thr_run *last    GUARDED_BY(lk_leaf);
	size_t n_waiting        GUARDED_BY(lk_leaf);
	size_t n_called         GUARDED_BY(lk_leaf);
	bool dismissed          GUARDED_BY(lk_leaf);    /* nobody parks any more */
};

static struct crew crew = { .mtx = MTX_INIT(lk_leaf) };

LOCK_DEFINE(crew, struct crew, mtx, lk_leaf)
LOCK_DEFINE(berth, struct berth, mtx, lk_leaf)

void thr_rename(const char *name)
{
	static _Thread_local char now[THR_NAME];
	char cut[THR_NAME];

	(void)text_copy(cut, sizeof(cut), name);
	if (strcmp(cut, now) == 0)
		return;
	memcpy(now, cut, sizeof(now));
	MUST_ZERO(prctl(PR_SET_NAME, cut));
}

void thr_get_name(char dst[THR_NAME])
{
	MUST_ZERO(prctl(PR_GET_NAME, dst));
}

void thr_take_turns(enum thr_turns turns)
{
	static const uint64_t ns[] = { [THR_EVEN] = 0, [THR_SHORT] = 100000, [THR_LONG] = 100000000 };
	static _Thread_local enum thr_turns now;
	/* sched_setattr(2), which C libraries leave to their users: its first edition */
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr;

	if (turns == now)
		return;
	now = turns;
	/* Comfort, not need: it may be forbidden, and who has chosen another policy has his reasons. A raised
	 * priority (nice below 0) would not be left to the threads that this one starts. */
	if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) == -1 || attr.policy != SCHED_OTHER ||
	    attr.nice < 0)
		return;
	attr.runtime = ns[turns];
	attr.flags |= 1;                /* SCHED_FLAG_RESET_ON_FORK: not for threads that it starts */
	(void)syscall(SYS_sched_setattr, 0, &attr, 0);
}

/* --- parked threads --------------------------------------------------------------------------- */

static void call(struct berth *b) EXCLUDES(lk_leaf)
{
	berth_lock(b);
	b->called = true;
	berth_unlock(b);
	cond_broadcast(&b->wake);
}

/* Give r to a parked thread; false = there is none to be had. */
static bool crew_start(struct thr_run *r)
{
	struct berth *b = NULL;
	bool yes;

	crew_lock(&crew);
	yes = crew.n_waiting < crew.n_called || crew.parked != NULL;
	if (yes) {
		if (crew.first == NULL)
			crew.first = r;
		else
			crew.last->next = r;
		crew.last = r;
		if (++crew.n_waiting > crew.n_called) {
			b = crew.parked;
			crew.parked = b->next;
			crew.n_called++;
		}
	}
	crew_unlock(&crew);
	if (b != NULL)
		call(b);
	return yes;
}

static struct berth *take_berth_locked(void) REQUIRES(lk_leaf)
{
	struct berth *b = crew.empty;

	if (b != NULL) {
		crew.empty = b->next;
	} else if (crew.n_made < THR_PARKED) {
		b = &crew.berths[crew.n_made++];
		mtx_init(&b->mtx, &lk_leaf);
		cond_init(&b->wake);
	}
	return b;
}

/* Take the next start when one waits; else park, at *b. b is where the calling thread was called (NULL =
 * nowhere); NULL with no start = there is no berth. */
static struct thr_run *take_or_park(struct berth **b)
{
	struct thr_run *r;

	crew_lock(&crew);
	crew.n_called -= *b != NULL;
	r = crew.first;
	if (r != NULL) {
		crew.first = r->next;
		crew.n_waiting--;
		if (*b != NULL) {
			(*b)->next = crew.empty;
			crew.empty = *b;
		}
	} else if (crew.dismissed) {
		*b = NULL;
	} else {
		*b = *b != NULL ? *b : take_berth_locked();
		if (*b != NULL) {
			(*b)->next = crew.parked;
			crew.parked = *b;
		}
	}
	crew_unlock(&crew);
	return r;
}

void thr_dismiss(void)
{
	struct berth *b, *next;

	crew_lock(&crew);
	crew.dismissed = true;
	b = crew.parked;
	crew.parked = NULL;
	for (next = b; next != NULL; next = next->next)
		crew.n_called++;
	crew_unlock(&crew);
	for (; b != NULL; b = next) {
		next = b->next;         /* its thread, once called, leaves it alone */
		call(b);
	}
}

/* Was it called in time? */
static bool wait_for_call(struct berth *b, nsec deadline)
{
	enum status st = ST_OK;
	bool called;

	berth_lock(b);
	while (!b->called && st == ST_OK)
		st = cond_wait(&b->wake, &b->mtx, deadline);
	called = b->called;
	b->called = false;
	berth_unlock(b);
	return called;
}

/* Nobody called in time: leave. False = somebody is about to. */
static bool leave(struct berth *b)
{
	struct berth **at;
	bool mine;

	crew_lock(&crew);
	for (at = &crew.parked; *at != NULL && *at != b; at = &(*at)->next)
		;
	mine = *at == b;
	if (mine) {
		*at = b->next;
		b->next = crew.empty;
		crew.empty = b;
	}
	crew_unlock(&crew);
	return mine;
}

/* The next start for the calling thread; NULL = it ends. */
static struct thr_run *crew_next(void)
{
	struct berth *b = NULL;

	for (;;) {
		struct thr_run *r = take_or_park(&b);

		if (r != NULL || b == NULL)
			return r;
		if (!wait_for_call(b, clk_deadline(THR_PARK))) {
			if (leave(b))
				return NULL;
			(void)wait_for_call(b, NSEC_NEVER);
		}
	}
}

/* --- starting and joining --------------------------------------------------------------------- */

static void run_free(struct thr_run *r)
{
	if (r->joinable) {
		cond_fini(&r->ended);
		mtx_fini(&r->mtx);
	}
	free(r);
}

/* Who runs on keeps the deepest stack and the most memory put by (malloc's, libxml2's) of all that it has
 * run; among hundreds of threads that adds up for hours. */
static _Thread_local unsigned int runs;

void thr_retire(void)
{
	runs = THR_RUNS;
}

static void run_detached(struct thr_run *r)
{
	while (r != NULL) {
		void (*const fn)(void *) = r->fn;
		void *const arg = r->arg;

		thr_rename(r->name);
		run_free(r);
		fn(arg);
		thr_take_turns(THR_EVEN);
		r = ++runs < THR_RUNS ? crew_next() : NULL;
	}
}

static void *run_main(void *p)
{
	struct thr_run *r = p;

	if (!r->joinable) {
		run_detached(r);
		return NULL;
	}
	thr_rename(r->name);
	r->fn(r->arg);
	run_lock(r);
	r->done = true;
	cond_broadcast(&r->ended);
	run_unlock(r);
	return NULL;
}

/* Every signal but those the kernel raises for an instruction of the thread itself: blocked, they
 * would only lose the core dump's or sanitizer's report. */
static void thread_mask(sigset_t *set)
{
	MUST_ZERO(sigfillset(set));
	MUST_ZERO(sigdelset(set, SIGSEGV));
	MUST_ZERO(sigdelset(set, SIGBUS));
	MUST_ZERO(sigdelset(set, SIGFPE));
	MUST_ZERO(sigdelset(set, SIGILL));
	MUST_ZERO(sigdelset(set, SIGABRT));
}

enum status thr_start(struct thr *t, const char *name, void (*fn)(void *), void *arg)
{
	struct thr_run *r = calloc(1, sizeof(*r));
	sigset_t mask, old;
	pthread_attr_t attr;
	pthread_t id;
	int e;

	if (t != NULL)
		*t = (struct thr){ .started = false };
	if (r == NULL) {
		errno = ENOMEM;
		return ST_SYS;
	}
	r->fn = fn;
	r->arg = arg;
	r->joinable = t != NULL;
	(void)text_copy(r->name, sizeof(r->name), name);
	if (r->joinable) {
		mtx_init(&r->mtx, &lk_leaf);
		cond_init(&r->ended);
	} else if (crew_start(r)) {
		return ST_OK;
	}

	MUST_ZERO(pthread_attr_init(&attr));
	MUST_ZERO(pthread_attr_setstacksize(&attr, MAX((size_t)THR_STACK, (size_t)PTHREAD_STACK_MIN)));
	if (t == NULL)
		MUST_ZERO(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED));
	/* The new thread inherits the mask, so there is no moment in which it takes a signal. */
	thread_mask(&mask);
	MUST_ZERO(pthread_sigmask(SIG_SETMASK, &mask, &old));
	e = pthread_create(&id, &attr, run_main, r);
	MUST_ZERO(pthread_sigmask(SIG_SETMASK, &old, NULL));
	MUST_ZERO(pthread_attr_destroy(&attr));
	if (e != 0) {
		run_free(r);
		errno = e;
		return ST_SYS;
	}
	if (t != NULL)
		*t = (struct thr){ .id = id, .started = true, .run = r };
	return ST_OK;
}

enum status thr_join(struct thr *t, nsec deadline)
{
	enum status st = ST_OK;
	bool done;

	if (!t->started)
		return ST_OK;
	run_lock(t->run);
	while (!t->run->done && st == ST_OK)
		st = cond_wait(&t->run->ended, &t->run->mtx, deadline);
	done = t->run->done;
	run_unlock(t->run);
	if (!done)
		return ST_TIMEOUT;
	MUST_ZERO(pthread_join(t->id, NULL));
	run_free(t->run);
	*t = (struct thr){ .started = false };
	return ST_OK;
}
