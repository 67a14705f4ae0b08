/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/thr.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/sys/cc.h"
#include "test/unit/core/sys/death.h"
#include "test/unit/unit.h"

struct report {
	char name[32];
	size_t stack;
	sigset_t mask;
	bool detached;
	sem_t go, done;
};

static void look(struct report *r)
{
	pthread_attr_t a;
	int state;

	ck_assert_int_eq(pthread_getname_np(pthread_self(), r->name, sizeof(r->name)), 0);
	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &r->mask), 0);
	ck_assert_int_eq(pthread_getattr_np(pthread_self(), &a), 0);
	ck_assert_int_eq(pthread_attr_getstacksize(&a, &r->stack), 0);
	ck_assert_int_eq(pthread_attr_getdetachstate(&a, &state), 0);
	pthread_attr_destroy(&a);
	r->detached = state == PTHREAD_CREATE_DETACHED;
}

static void look_main(void *arg)
{
	struct report *r = arg;

	sem_wait(&r->go);
	look(r);
	sem_post(&r->done);
}

static void report_init(struct report *r)
{
	memset(r, 0, sizeof(*r));
	sem_init(&r->go, 0, 0);
	sem_init(&r->done, 0, 0);
}

static void check_report(const struct report *r)
{
	static const int blocked[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM,
		SIGCHLD, SIGQUIT, SIGWINCH };
	static const int open[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

	ck_assert_str_eq(r->name, "a-name-of-15-by");
	ck_assert_uint_eq(r->stack, THR_STACK);
	for (size_t i = 0; i < NELEM(blocked); i++)
		ck_assert_msg(sigismember(&r->mask, blocked[i]) == 1, "signal %d", blocked[i]);
	for (size_t i = 0; i < NELEM(open); i++)
		ck_assert_msg(sigismember(&r->mask, open[i]) == 0, "signal %d", open[i]);
}

START_TEST(joined)
{
	struct report r;
	struct thr t;
	sigset_t before, after;

	report_init(&r);
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	ck_assert_int_eq(thr_start(&t, "a-name-of-15-bytes-and-more", look_main, &r), ST_OK);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i < 32; i++)
		ck_assert_int_eq(sigismember(&before, i), sigismember(&after, i));

	const nsec deadline = clk_deadline(10 * NSEC_PER_MSEC);

	ck_assert_int_eq(thr_join(&t, deadline), ST_TIMEOUT);
	ck_assert_int_ge(clk_now(), deadline);
	ck_assert(t.started);
	sem_post(&r.go);
	ck_assert_int_eq(thr_join(&t, clk_deadline(20 * NSEC_PER_SEC)), ST_OK);
	ck_assert(!t.started);
	ck_assert_int_eq(thr_join(&t, NSEC_NEVER), ST_OK);
	check_report(&r);
	ck_assert(!r.detached);
}
END_TEST

START_TEST(detached)
{
	struct report r;

	report_init(&r);
	ck_assert_int_eq(thr_start(NULL, "a-name-of-15-bytes-and-more", look_main, &r), ST_OK);
	sem_post(&r.go);
	sem_wait(&r.done);
	check_report(&r);
	ck_assert(r.detached);
}
END_TEST

/* --- parked threads --------------------------------------------------------------------------- */

struct visit {
	sem_t done;
	pid_t tid;
	char name[32];
};

static void visit_main(void *arg)
{
	struct visit *v = arg;

	v->tid = gettid();
	ck_assert_int_eq(pthread_getname_np(pthread_self(), v->name, sizeof(v->name)), 0);
	sem_post(&v->done);
}

/* One thread runs one function after the other, each under its name. */
START_TEST(used_again)
{
	const nsec deadline = clk_deadline(20 * NSEC_PER_SEC);
	struct visit a, b;
	char name[THR_NAME];
	unsigned int i = 0;

	sem_init(&a.done, 0, 0);
	sem_init(&b.done, 0, 0);
	do {
		ck_assert_int_lt(clk_now(), deadline);
		ck_assert_int_eq(thr_start(NULL, "first", visit_main, &a), ST_OK);
		sem_wait(&a.done);
		snprintf(name, sizeof(name), "second-%u", i++ % 100);
		ck_assert_int_eq(thr_start(NULL, name, visit_main, &b), ST_OK);
		sem_wait(&b.done);
		ck_assert_str_eq(a.name, "first");
		ck_assert_str_eq(b.name, name);
	} while (a.tid != b.tid);
}
END_TEST

#define AGES (20 * THR_RUNS)

/* However often it is used: none gets old. */
START_TEST(threads_are_renewed)
{
	static pid_t seen[AGES];
	struct visit v;

	sem_init(&v.done, 0, 0);
	for (size_t i = 0; i < AGES; i++) {
		unsigned runs = 1;

		ck_assert_int_eq(thr_start(NULL, "age", visit_main, &v), ST_OK);
		sem_wait(&v.done);
		seen[i] = v.tid;
		for (size_t k = 0; k < i; k++)
			runs += seen[k] == v.tid;
		ck_assert_uint_le(runs, THR_RUNS);
	}
}
END_TEST

struct meeting {
	pthread_barrier_t all;
	sem_t left;
};

static void meet(void *arg)
{
	struct meeting *m = arg;

	(void)pthread_barrier_wait(&m->all);
	sem_post(&m->left);
}

/* No start waits for a function to end, however many threads are parked: here none ends before all run. */
START_TEST(nobody_waits)
{
	static const unsigned int size[] = { 3, THR_PARKED / 2, THR_PARKED, THR_PARKED + 1, 2 * THR_PARKED, 5 };
	struct meeting m;

	sem_init(&m.left, 0, 0);
	for (size_t i = 0; i < 4 * NELEM(size); i++) {
		const unsigned int n = size[i % NELEM(size)];

		ck_assert_int_eq(pthread_barrier_init(&m.all, NULL, n), 0);
		for (unsigned int k = 0; k < n; k++)
			ck_assert_int_eq(thr_start(NULL, "meet", meet, &m), ST_OK);
		for (unsigned int k = 0; k < n; k++)
			sem_wait(&m.left);
		pthread_barrier_destroy(&m.all);
	}
}
END_TEST

#define STORM 3000

static atomic_uint stormed;
static sem_t storm_over;

static void storm_one(void *arg)
{
	if (atomic_fetch_add(&stormed, 1) + 1 == 4 * STORM)
		sem_post(&storm_over);
}

static void storm(void *arg)
{
	for (int i = 0; i < STORM; i++)
		while (thr_start(NULL, "storm", storm_one, NULL) != ST_OK)
			sched_yield();          /* too many threads for this machine just now */
}

/* Every function runs, once. */
START_TEST(starts_from_everywhere)
{
	struct thr t[4];

	sem_init(&storm_over, 0, 0);
	atomic_store(&stormed, 0);
	for (size_t i = 0; i < NELEM(t); i++)
		ck_assert_int_eq(thr_start(&t[i], "starter", storm, NULL), ST_OK);
	for (size_t i = 0; i < NELEM(t); i++)
		ck_assert_int_eq(thr_join(&t[i], NSEC_NEVER), ST_OK);
	sem_wait(&storm_over);
	ck_assert_uint_eq(atomic_load(&stormed), 4 * STORM);
}
END_TEST

static pthread_key_t at_end;

static void tell_end(void *arg)
{
	sem_post(arg);
}

static void note_end(void *arg)
{
	ck_assert_int_eq(pthread_setspecific(at_end, arg), 0);
}

/* Unused ones end. */
START_TEST(parked_threads_end)
{
	sem_t ended;

	sem_init(&ended, 0, 0);
	ck_assert_int_eq(pthread_key_create(&at_end, tell_end), 0);
	ck_assert_int_eq(thr_start(NULL, "short", note_end, &ended), ST_OK);
	sem_wait(&ended);
}
END_TEST

START_TEST(never_started)
{
	struct thr t = { .started = false };

	ck_assert_int_eq(thr_join(&t, 0), ST_OK);
}
END_TEST

START_TEST(rename_cuts_at_a_character)
{
	char old[THR_NAME], now[THR_NAME] = "";

	prctl(PR_GET_NAME, old);
	thr_rename("cin-12345678\xE3\x81\x82\xE3\x81\x84");     /* 12 + 3 + 3 */
	prctl(PR_GET_NAME, now);
	ck_assert_str_eq(now, "cin-12345678\xE3\x81\x82");
	thr_rename("cin-123456789\xE3\x81\x82");
	prctl(PR_GET_NAME, now);
	ck_assert_str_eq(now, "cin-123456789");
	thr_rename(old);
}
END_TEST

/* --- turns ------------------------------------------------------------------------------------- */

struct turns {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static struct turns turns_now(void)
{
	struct turns t = { .size = 0 };

	ck_assert_int_eq(syscall(SYS_sched_getattr, 0, &t, sizeof(t), 0), 0);
	return t;
}

/* What the kernel says of the turns of a thread that took some. Kernels before 6.12 say 0. */
struct taker {
	bool notices;
	int nicer, nice;
	struct turns first, taken[4];
	struct turns of_child;
	sem_t done;
};

/* Does the kernel take notice of what is asked for, and may we ask? */
static bool can_take(struct turns t)
{
	const uint64_t before = t.runtime;
	bool yes;

	t.runtime = 5000000;
	yes = t.policy == SCHED_OTHER && syscall(SYS_sched_setattr, 0, &t, 0) == 0 && turns_now().runtime == 5000000;
	t.runtime = before;
	(void)syscall(SYS_sched_setattr, 0, &t, 0);
	return yes;
}

static void child_main(void *arg)
{
	struct taker *k = arg;

	k->of_child = turns_now();
}

static void take_main(void *arg)
{
	static const enum thr_turns order[] = { THR_SHORT, THR_LONG, THR_SHORT, THR_EVEN };
	struct taker *k = arg;
	struct thr t;

	k->nice = turns_now().nice + k->nicer;
	ck_assert_int_eq(setpriority(PRIO_PROCESS, (id_t)gettid(), k->nice), 0);
	k->first = turns_now();
	k->notices = can_take(k->first);
	for (size_t i = 0; i < NELEM(order); i++) {
		thr_take_turns(order[i]);
		thr_take_turns(order[i]);
		k->taken[i] = turns_now();
		if (i != 2)
			continue;
		ck_assert_int_eq(thr_start(&t, "child", child_main, k), ST_OK);
		ck_assert_int_eq(thr_join(&t, NSEC_NEVER), ST_OK);
	}
}

START_TEST(turns)
{
	/* with a raised priority, which they are not to lose, they take none */
	struct taker k = { .nicer = _i == 0 ? 1 : -1 - turns_now().nice };
	struct thr t;

	if (_i == 1 && setpriority(PRIO_PROCESS, (id_t)gettid(), -1) == -1)
		return;                         /* we may not */
	ck_assert_int_eq(thr_start(&t, "taker", take_main, &k), ST_OK);
	ck_assert_int_eq(thr_join(&t, NSEC_NEVER), ST_OK);
	k.notices = k.notices && _i == 0;
	for (size_t i = 0; i < NELEM(k.taken); i++) {
		ck_assert_uint_eq(k.taken[i].policy, k.first.policy);
		ck_assert_int_eq(k.taken[i].nice, k.nice);
	}
	ck_assert_uint_eq(k.taken[3].runtime, k.first.runtime);
	ck_assert_uint_eq(k.of_child.runtime, k.first.runtime);
	ck_assert_int_eq(k.of_child.nice, k.nice);
	ck_assert_uint_eq(k.taken[0].runtime, k.notices ? 100000 : k.first.runtime);
	ck_assert_uint_eq(k.taken[1].runtime, k.notices ? 100000000 : k.first.runtime);
	ck_assert_uint_eq(k.taken[2].runtime, k.notices ? 100000 : k.first.runtime);
}
END_TEST

/* Whoever has chosen another policy keeps it, whatever is asked for. */
static void batch_main(void *arg)
{
	const struct sched_param none = { .sched_priority = 0 };
	struct taker *k = arg;

	ck_assert_int_eq(sched_setscheduler(0, SCHED_BATCH, &none), 0);
	k->first = turns_now();
	thr_take_turns(THR_SHORT);
	k->taken[0] = turns_now();
}

START_TEST(other_policies_stay)
{
	struct taker k = { .notices = false };
	struct thr t;

	ck_assert_int_eq(thr_start(&t, "batch", batch_main, &k), ST_OK);
	ck_assert_int_eq(thr_join(&t, NSEC_NEVER), ST_OK);
	ck_assert_uint_eq(k.taken[0].policy, SCHED_BATCH);
	ck_assert_uint_eq(k.taken[0].runtime, k.first.runtime);
}
END_TEST

/* A detached thread's next function does not begin with what the last one took. */
static void short_main(void *arg)
{
	struct visit *v = arg;

	thr_take_turns(THR_SHORT);
	v->tid = gettid();
	sem_post(&v->done);
}

static void even_main(void *arg)
{
	struct taker *k = arg;

	k->of_child = turns_now();
	sem_post(&k->done);
}

START_TEST(functions_begin_evenly)
{
	struct taker k = { .notices = false };
	struct visit v = { .tid = 0 };

	sem_init(&v.done, 0, 0);
	sem_init(&k.done, 0, 0);
	k.first = turns_now();
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(thr_start(NULL, "short", short_main, &v), ST_OK);
		sem_wait(&v.done);
		ck_assert_int_eq(thr_start(NULL, "even", even_main, &k), ST_OK);
		sem_wait(&k.done);
		ck_assert_uint_eq(k.of_child.runtime, k.first.runtime);
	}
}
END_TEST

/* --- retired ------------------------------------------------------------------------------------ */

static void retire_main(void *arg)
{
	struct visit *v = arg;

	thr_retire();
	visit_main(v);
}

/* It ends: another thread runs the next function. */
START_TEST(retired)
{
	struct visit v = { .tid = 0 };
	pid_t before;

	sem_init(&v.done, 0, 0);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(thr_start(NULL, "retires", retire_main, &v), ST_OK);
		sem_wait(&v.done);
		before = v.tid;
		ck_assert_int_eq(thr_start(NULL, "next", visit_main, &v), ST_OK);
		sem_wait(&v.done);
		ck_assert_int_ne(v.tid, before);
	}
}
END_TEST

/* Out of threads: arg stays ours, nothing leaks, errno says it. Needs a process of its own. */
static void hold(void *arg)
{
	sem_t *s = arg;

	sem_wait(s);
	sem_post(s);
}

START_TEST(no_thread_to_be_had)
{
	/* An address space too small for another stack. */
	static sem_t s;
	struct thr t;
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	sem_init(&s, 0, 0);
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	const struct rlimit lim = { .rlim_cur = pages * 4096 + 65536, .rlim_max = RLIM_INFINITY };

	ck_assert_int_eq(setrlimit(RLIMIT_AS, &lim), 0);
	ck_assert_int_eq(thr_start(&t, "none", hold, &s), ST_SYS);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert(!t.started);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/thr");
	TCase *t = tcase_create("thr");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, joined);
	tcase_add_test(t, detached);
	tcase_add_test(t, used_again);
	tcase_add_test(t, threads_are_renewed);
	tcase_add_test(t, nobody_waits);
	tcase_add_test(t, starts_from_everywhere);
	tcase_add_loop_test(t, turns, 0, 2);
	tcase_add_test(t, other_policies_stay);
	tcase_add_test(t, functions_begin_evenly);
	tcase_add_test(t, retired);
	tcase_add_test(t, parked_threads_end);
	tcase_add_test(t, never_started);
	tcase_add_test(t, rename_cuts_at_a_character);
	if (can_fork())
		tcase_add_test(t, no_thread_to_be_had);
	suite_add_tcase(s, t);
	return s;
}
