/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/lock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "core/sys/assert.h"

struct lockclass lk_save    = { "save", 1 };
struct lockclass lk_app     = { "app", 2 };
struct lockclass lk_servmgr = { "servmgr", 3 };
struct lockclass lk_chanmgr = { "chanmgr", 4 };
struct lockclass lk_chan    = { "chan", 5 };
struct lockclass lk_event   = { "event", 6 };
struct lockclass lk_mbox    = { "mbox", 7 };
struct lockclass lk_conf    = { "conf", 8 };
struct lockclass lk_log     = { "log", 9 };
struct lockclass lk_leaf    = { "leaf", 10 };

#ifdef LOCK_DEBUG

/* What this thread holds, ranks rising. Ranks are distinct, so there are never more than classes. */
static _Thread_local struct {
	const struct mtx *m[10];
	size_t n;
} held;

static void held_push(const struct mtx *m)
{
	ASSERT(held.n == 0 || m->class->rank > held.m[held.n - 1]->class->rank);
	ASSERT(held.n < NELEM(held.m));
	held.m[held.n++] = m;
}

static void held_pop(const struct mtx *m)
{
	size_t i = held.n;

	while (i > 0 && held.m[i - 1] != m)
		i--;
	ASSERT(i > 0);
	for (held.n--; i <= held.n; i++)
		held.m[i - 1] = held.m[i];
}

static void held_only(const struct mtx *m)
{
	ASSERT(held.n == 1 && held.m[0] == m);
}

#else

static inline void held_push(const struct mtx *m)
{
}

static inline void held_pop(const struct mtx *m)
{
}

static inline void held_only(const struct mtx *m)
{
}

#endif

#ifdef LOCK_STATS

#define RANKS 16                /* more than there are */

/* Relaxed throughout: statistics. */
static struct {
	const char *_Atomic name;       /* NULL = of no class so far */
	_Atomic uint64_t taken, waited, ns, longest;
} stats[RANKS];

static void lock_counted(struct mtx *m)
{
	const int r = m->class->rank;
	int e = pthread_mutex_trylock(&m->m);
	uint64_t ns, most;
	nsec began;

	ASSERT(r >= 0 && r < RANKS);
	atomic_store_explicit(&stats[r].name, m->class->name, memory_order_relaxed);
	atomic_fetch_add_explicit(&stats[r].taken, 1, memory_order_relaxed);
	if (e == EBUSY) {
		began = clk_now();
		e = pthread_mutex_lock(&m->m);
		ns = (uint64_t)(clk_now() - began);
		atomic_fetch_add_explicit(&stats[r].waited, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&stats[r].ns, ns, memory_order_relaxed);
		most = atomic_load_explicit(&stats[r].longest, memory_order_relaxed);
		while (ns > most && !atomic_compare_exchange_weak_explicit(&stats[r].longest, &most, ns,
			memory_order_relaxed, memory_order_relaxed))
			;
	}
	MUST_ZERO(e);
}

void lock_report(FILE *to)
{
	size_t r;

	fprintf(to, "%-8s %12s %10s %8s %12s %12s\n", "lock", "taken", "waited for", "%", "ms in all",
		"ms at most");
	for (r = 0; r < RANKS; r++) {
		const char *name = atomic_load_explicit(&stats[r].name, memory_order_relaxed);
		const uint64_t taken = atomic_load_explicit(&stats[r].taken, memory_order_relaxed);
		const uint64_t waited = atomic_load_explicit(&stats[r].waited, memory_order_relaxed);

		if (name == NULL)
			continue;
		fprintf(to, "%-8s %12llu %10llu %8.3f %12.3f %12.3f\n", name, (unsigned long long)taken,
			(unsigned long long)waited, 100 * (double)waited / (double)taken,
			(double)atomic_load_explicit(&stats[r].ns, memory_order_relaxed) / 1e6,
			(double)atomic_load_explicit(&stats[r].longest, memory_order_relaxed) / 1e6);
	}
}

#else

static inline void lock_counted(struct mtx *m)
{
	MUST_ZERO(pthread_mutex_lock(&m->m));
}

void lock_report(FILE *to)
{
}

#endif

void mtx_init(struct mtx *m, const struct lockclass *class)
{
	pthread_mutexattr_t a;

	MUST_ZERO(pthread_mutexattr_init(&a));
#ifdef LOCK_DEBUG
	MUST_ZERO(pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK));
	m->class = class;
#endif
	MUST_ZERO(pthread_mutex_init(&m->m, &a));
	MUST_ZERO(pthread_mutexattr_destroy(&a));
}

void mtx_fini(struct mtx *m)
{
	MUST_ZERO(pthread_mutex_destroy(&m->m));
}

void mtx_lock_raw(struct mtx *m)
{
	/* Checked before locking: a wrong order must be seen even when it does not deadlock today. */
	held_push(m);
	lock_counted(m);
}

void mtx_unlock_raw(struct mtx *m)
{
	held_pop(m);
	MUST_ZERO(pthread_mutex_unlock(&m->m));
}

void cond_init(struct cond *c)
{
	pthread_condattr_t a;

	MUST_ZERO(pthread_condattr_init(&a));
	MUST_ZERO(pthread_condattr_setclock(&a, CLOCK_MONOTONIC));
	MUST_ZERO(pthread_cond_init(&c->c, &a));
	MUST_ZERO(pthread_condattr_destroy(&a));
}

void cond_fini(struct cond *c)
{
	MUST_ZERO(pthread_cond_destroy(&c->c));
}

void cond_broadcast(struct cond *c)
{
	MUST_ZERO(pthread_cond_broadcast(&c->c));
}

enum status cond_wait(struct cond *c, struct mtx *m, nsec deadline)
{
	int e;

	held_only(m);
	if (deadline == NSEC_NEVER) {
		e = pthread_cond_wait(&c->c, &m->m);
	} else {
		const nsec d = MAX(deadline, (nsec)0);
		const struct timespec ts = {
			.tv_sec = (time_t)(d / NSEC_PER_SEC),
			.tv_nsec = (long)(d % NSEC_PER_SEC),
		};

		e = pthread_cond_timedwait(&c->c, &m->m, &ts);
	}
	ASSERT(e == 0 || e == ETIMEDOUT);
	return e == 0 ? ST_OK : ST_TIMEOUT;
}
