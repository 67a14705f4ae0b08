/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/thr.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "core/sys/assert.h"
#include "core/sys/lock.h"
#include "core/sys/text.h"

/* One start. A detached thread frees it before it runs fn, a joined one leaves it to thr_join().
 * (pthread_clockjoin_np() would do without `done`, but sanitizers do not know it.) */
struct thr_run {
	void (*fn)(void *);
	void *arg;
	char name[THR_NAME];
	bool joinable;
	struct mtx mtx;                 /* lk_leaf */
	struct cond ended;
	bool done GUARDED_BY(lk_leaf);
};

LOCK_DEFINE(run, struct thr_run, mtx, lk_leaf)

void thr_rename(const char *name)
{
	char cut[THR_NAME];

	(void)text_copy(cut, sizeof(cut), name);
	MUST_ZERO(prctl(PR_SET_NAME, cut));
}

void thr_get_name(char dst[THR_NAME])
{
	MUST_ZERO(prctl(PR_GET_NAME, dst));
}

static void run_free(struct thr_run *r)
{
	cond_fini(&r->ended);
	mtx_fini(&r->mtx);
	free(r);
}

static void *run_main(void *p)
{
	struct thr_run *r = p;
	void (*const fn)(void *) = r->fn;
	void *const arg = r->arg;

	thr_rename(r->name);
	if (!r->joinable) {
		run_free(r);
		fn(arg);
		return NULL;
	}
	fn(arg);
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
	mtx_init(&r->mtx, &lk_leaf);
	cond_init(&r->ended);

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
