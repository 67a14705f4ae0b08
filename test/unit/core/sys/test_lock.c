/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/lock.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/sys/thr.h"
#include "test/unit/core/sys/death.h"
#include "test/unit/unit.h"

struct box {
	struct mtx mtx;
	struct cond changed;
	int turns GUARDED_BY(lk_chan);
};

LOCK_DEFINE(box, struct box, mtx, lk_chan)

static void box_init(struct box *b)
{
	*b = (struct box){ .turns = 0 };
	mtx_init(&b->mtx, &lk_chan);
	cond_init(&b->changed);
}

static void box_fini(struct box *b)
{
	cond_fini(&b->changed);
	mtx_fini(&b->mtx);
}

#define TURNS 2000

/* Two threads take turns: one the even, one the odd numbers. */
static void take_turns(struct box *b, int odd)
{
	for (int i = 0; i < TURNS; i++) {
		box_lock(b);
		while (b->turns % 2 != odd)
			ck_assert_int_eq(cond_wait(&b->changed, &b->mtx, NSEC_NEVER), ST_OK);
		b->turns++;
		cond_broadcast(&b->changed);
		box_unlock(b);
	}
}

static void odd_main(void *arg)
{
	take_turns(arg, 1);
}

START_TEST(turns)
{
	struct box b;
	struct thr t;

	box_init(&b);
	ck_assert_int_eq(thr_start(&t, "odd", odd_main, &b), ST_OK);
	take_turns(&b, 0);
	ck_assert_int_eq(thr_join(&t, NSEC_NEVER), ST_OK);
	box_lock(&b);
	ck_assert_int_eq(b.turns, 2 * TURNS);
	box_unlock(&b);
	box_fini(&b);
}
END_TEST

START_TEST(wait_ends_at_the_deadline)
{
	struct box b;
	const nsec deadline = clk_deadline(20 * NSEC_PER_MSEC);
	enum status st = ST_OK;

	box_init(&b);
	box_lock(&b);
	while (st == ST_OK)
		st = cond_wait(&b.changed, &b.mtx, deadline);
	ck_assert_int_eq(st, ST_TIMEOUT);
	ck_assert_int_ge(clk_now(), deadline);
	ck_assert_int_eq(cond_wait(&b.changed, &b.mtx, INT64_MIN), ST_TIMEOUT);
	box_unlock(&b);
	box_fini(&b);
}
END_TEST

static struct mtx in_static = MTX_INIT(lk_conf);

START_TEST(static_mutex)
{
	mtx_lock_raw(&in_static);
	mtx_unlock_raw(&in_static);
}
END_TEST

static struct lockclass *const classes[] = {
	&lk_save, &lk_app, &lk_servmgr, &lk_chanmgr, &lk_chan, &lk_event, &lk_mbox, &lk_conf, &lk_log, &lk_leaf,
};

START_TEST(ranks_rise)
{
	struct mtx m[NELEM(classes)];

	ck_assert_uint_ne(NELEM(m) % 3, 0);     /* steps of three reach every one */
	for (size_t i = 0; i < NELEM(classes); i++) {
		ck_assert_int_eq(classes[i]->rank, (int)i + 1);
		mtx_init(&m[i], classes[i]);
	}
	for (size_t i = 0; i < NELEM(m); i++)
		mtx_lock_raw(&m[i]);
	/* released in no special order, then some taken again */
	for (size_t i = 0; i < NELEM(m); i++)
		mtx_unlock_raw(&m[i * 3 % NELEM(m)]);
	mtx_lock_raw(&m[2]);
	mtx_lock_raw(&m[4]);
	mtx_unlock_raw(&m[2]);
	mtx_lock_raw(&m[5]);
	mtx_unlock_raw(&m[4]);
	mtx_unlock_raw(&m[5]);
	mtx_lock_raw(&m[0]);
	mtx_unlock_raw(&m[0]);
	for (size_t i = 0; i < NELEM(m); i++)
		mtx_fini(&m[i]);
}
END_TEST

/* clang's view of locks_bad.c. Runs from the root of the tree, as make does; without clang there is
 * nothing to see. */
static int clang_says(int which)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "clang -std=c11 -D_GNU_SOURCE -fsyntax-only -I. -Wthread-safety "
		"-Wthread-safety-beta -Werror -DCASE=%d test/unit/core/sys/locks_bad.c 2>/dev/null", which);
	return system(cmd);
}

START_TEST(clang_refuses)
{
	const bool have = access("test/unit/core/sys/locks_bad.c", R_OK) == 0 &&
		system("clang --version >/dev/null 2>&1") == 0;

	if (have)
		ck_assert_msg((clang_says(_i) == 0) == (_i == 0), "case %d", _i);
}
END_TEST

#ifdef LOCK_DEBUG

static struct mtx one, two;

static void pair(const struct lockclass *a, const struct lockclass *b)
{
	mtx_init(&one, a);
	mtx_init(&two, b);
}

START_TEST(falling_rank)
{
	pair(&lk_chan, &lk_chanmgr);
	mtx_lock_raw(&one);
	mtx_lock_raw(&two);
}
END_TEST

START_TEST(two_of_a_class)
{
	pair(&lk_chan, &lk_chan);
	mtx_lock_raw(&one);
	mtx_lock_raw(&two);
}
END_TEST

START_TEST(same_twice)
{
	pair(&lk_chan, &lk_chan);
	mtx_lock_raw(&one);
	mtx_lock_raw(&one);
}
END_TEST

START_TEST(unlock_of_a_free_one)
{
	pair(&lk_chan, &lk_mbox);
	mtx_lock_raw(&one);
	mtx_unlock_raw(&two);
}
END_TEST

static void take_one(void *arg)
{
	mtx_lock_raw(&one);
	cond_broadcast(arg);
	thr_rename("keeps it");
}

START_TEST(unlock_of_another_threads)
{
	struct cond c;
	struct thr t;

	pair(&lk_chan, &lk_mbox);
	cond_init(&c);
	ck_assert_int_eq(thr_start(&t, "taker", take_one, &c), ST_OK);
	ck_assert_int_eq(thr_join(&t, NSEC_NEVER), ST_OK);
	mtx_unlock_raw(&one);
}
END_TEST

START_TEST(wait_with_another_lock)
{
	struct cond c;

	pair(&lk_chanmgr, &lk_chan);
	cond_init(&c);
	mtx_lock_raw(&one);
	mtx_lock_raw(&two);
	(void)!cond_wait(&c, &two, clk_deadline(NSEC_PER_SEC));
}
END_TEST

START_TEST(fini_while_held)
{
	pair(&lk_chanmgr, &lk_chan);
	mtx_lock_raw(&one);
	mtx_fini(&one);
}
END_TEST

#endif

#ifdef LOCK_STATS
static void hold_main(void *arg)
{
	struct box *b = arg;

	box_lock(b);
	b->turns = 1;
	cond_broadcast(&b->changed);
	box_unlock(b);
}

/* The row of a class in the report: taken, waited for. */
static bool report_of(const char *name, unsigned long long v[2])
{
	char text[4096], row[32];
	FILE *f = fmemopen(text, sizeof(text), "w");
	const char *at;

	ck_assert_ptr_nonnull(f);
	lock_report(f);
	fclose(f);
	snprintf(row, sizeof(row), "\n%s ", name);
	at = strstr(text, row);
	return at != NULL && sscanf(at + strlen(row), "%llu %llu", &v[0], &v[1]) == 2;
}

START_TEST(counted)
{
	unsigned long long before[2] = { 0 }, after[2];
	struct box b;
	struct thr t;

	box_init(&b);
	(void)report_of("chan", before);
	for (int i = 0; i < 10; i++) {
		box_lock(&b);
		box_unlock(&b);
	}
	ck_assert(report_of("chan", after));
	ck_assert_uint_eq(after[0], before[0] + 10);
	ck_assert_uint_eq(after[1], before[1]);
	/* until somebody really waited */
	do {
		box_lock(&b);
		ck_assert_int_eq(thr_start(&t, "hold", hold_main, &b), ST_OK);
		sched_yield();
		box_unlock(&b);
		ck_assert_int_eq(thr_join(&t, NSEC_NEVER), ST_OK);
		ck_assert(report_of("chan", after));
	} while (after[1] == before[1]);
	box_fini(&b);
}
END_TEST
#endif

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/lock");
	TCase *t = tcase_create("lock");

	tcase_add_test(t, turns);
	tcase_add_test(t, wait_ends_at_the_deadline);
	tcase_add_test(t, static_mutex);
	tcase_add_test(t, ranks_rise);
	tcase_add_loop_test(t, clang_refuses, 0, 9);
#ifdef LOCK_DEBUG
	ADD_DEATH_TEST(t, falling_rank);
	ADD_DEATH_TEST(t, two_of_a_class);
	ADD_DEATH_TEST(t, same_twice);
	ADD_DEATH_TEST(t, unlock_of_a_free_one);
	ADD_DEATH_TEST(t, unlock_of_another_threads);
	ADD_DEATH_TEST(t, wait_with_another_lock);
	ADD_DEATH_TEST(t, fini_while_held);
#endif
#ifdef LOCK_STATS
	tcase_add_test(t, counted);
#endif
	suite_add_tcase(s, t);
	return s;
}
