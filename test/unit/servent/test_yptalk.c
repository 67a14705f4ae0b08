/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/yptalk.h"

#include <check.h>

#include "core/node/own.h"
#include "test/unit/unit.h"

#define S NSEC_PER_SEC
#define MOST (YPTURN_JITTER_MS * NSEC_PER_MSEC)

/* --- turns ------------------------------------------------------------------------------------ */

static uint32_t least(uint32_t n)
{
	(void)n;
	return 0;
}

static uint32_t greatest(uint32_t n)
{
	return n - 1;
}

/* turned at 1000 s, over at 1007 s */
static const struct {
	const char *name;
	uint32_t fails;
	enum ypturn_end end;
	nsec next;                      /* with the least jitter */
	bool jitter;
	uint32_t after;                 /* fails */
} turns[] = {
	{ "left", 0, YPTURN_LEFT, 1020 * S, false, 0 },
	{ "left after failures", 5, YPTURN_LEFT, 1020 * S, false, 0 },
	{ "lost", 0, YPTURN_LOST, 1020 * S, true, 1 },
	{ "lost: it had accepted us, so what was before is forgotten", 9, YPTURN_LOST, 1020 * S, true, 1 },
	{ "first failure", 0, YPTURN_FAILED, 1020 * S, true, 1 },
	{ "second", 1, YPTURN_FAILED, 1030 * S, true, 2 },
	{ "third", 2, YPTURN_FAILED, 1045 * S, true, 3 },
	{ "fourth", 3, YPTURN_FAILED, 1067 * S + S / 2, true, 4 },
	{ "fifth", 4, YPTURN_FAILED, 1101 * S + S / 4, true, 5 },
	{ "sixth: no longer than two minutes", 5, YPTURN_FAILED, 1120 * S, true, 6 },
	{ "never longer", 4000000000, YPTURN_FAILED, 1120 * S, true, 4000000001 },
	{ "a session of ours is there still", 0, YPTURN_IS_TWIN, 1037 * S, false, 1 },
	{ "the same, often", 7, YPTURN_IS_TWIN, 1037 * S, false, 8 },
	{ "banned", 0, YPTURN_IS_BANNED, 1607 * S, false, 1 },
};

START_TEST(turn)
{
	struct ypturn t = { .turned = 1000 * S, .fails = turns[_i].fails };

	ypturn_over(&t, turns[_i].end, 1007 * S, least);
	ck_assert_msg(t.next == turns[_i].next, "%s: %.3f s", turns[_i].name, (double)t.next / 1e9);
	ck_assert_msg(t.fails == turns[_i].after, "%s: %u failures", turns[_i].name, t.fails);

	t.fails = turns[_i].fails;
	ypturn_over(&t, turns[_i].end, 1007 * S, greatest);
	ck_assert_msg(t.next - turns[_i].next == (turns[_i].jitter ? MOST - NSEC_PER_MSEC : 0), "%s: spread",
	              turns[_i].name);
}
END_TEST

/* A root that restarts after hours: those who lose it come back soon, but not at once and all together. */
START_TEST(lost_after_hours)
{
	struct ypturn t = { .turned = 1000 * S };

	ypturn_over(&t, YPTURN_LOST, 9000 * S, least);
	ck_assert(t.next == 9000 * S);
	ypturn_over(&t, YPTURN_LOST, 9000 * S, greatest);
	ck_assert(t.next == 9000 * S + MOST - NSEC_PER_MSEC);
	/* nobody has left it: a broadcast that begins goes there now */
	ypturn_over(&t, YPTURN_LEFT, 9000 * S, greatest);
	ck_assert(t.next == 1020 * S);
}
END_TEST

/* --- what the root says ----------------------------------------------------------------------- */

START_TEST(first_update)
{
	struct yptalk t;

	yptalk_begin(&t, 100 * S);
	ck_assert(t.first_at == 105 * S && t.silent_at == NSEC_NEVER && t.interval_s == 120);
	/* ok, soon or late */
	yptalk_accepted(&t, 101 * S);
	ck_assert(t.first_at == 103 * S);
	yptalk_begin(&t, 100 * S);
	yptalk_accepted(&t, 104 * S);
	ck_assert(t.first_at == 105 * S);
	/* asked for before */
	ck_assert(yptalk_root(&t, &(struct root){ .has = ROOT_UPD }, 101 * S));
	ck_assert(t.first_at == 101 * S);
	yptalk_accepted(&t, 102 * S);
	ck_assert(t.first_at == 101 * S);
}
END_TEST

START_TEST(asked_often)
{
	const struct root upd = { .has = ROOT_UPD }, other = { .has = ROOT_UINT, .uint_s = 60 };
	struct yptalk t;

	yptalk_begin(&t, 100 * S);
	ck_assert(!yptalk_root(&t, &other, 101 * S));
	ck_assert(yptalk_root(&t, &upd, 102 * S));
	ck_assert(!yptalk_root(&t, &upd, 102 * S + 1));
	ck_assert(!yptalk_root(&t, &upd, 107 * S - 1));
	ck_assert(t.asked_at == 102 * S);
	ck_assert(yptalk_root(&t, &upd, 107 * S));
}
END_TEST

START_TEST(promise)
{
	struct root r = { .has = ROOT_NEXT, .next_s = 60 };
	struct yptalk t;

	yptalk_begin(&t, 100 * S);
	(void)yptalk_root(&t, &r, 200 * S);
	ck_assert(t.silent_at == 290 * S);
	/* nothing about it: it stands */
	(void)yptalk_root(&t, &(struct root){ .has = ROOT_UPD | ROOT_UINT, .uint_s = 30 }, 210 * S);
	ck_assert(t.silent_at == 290 * S);
	(void)yptalk_root(&t, &r, 220 * S);
	ck_assert(t.silent_at == 310 * S);
	/* none any more */
	r.next_s = 0;
	(void)yptalk_root(&t, &r, 230 * S);
	ck_assert(t.silent_at == NSEC_NEVER);
}
END_TEST

START_TEST(interval)
{
	struct root r = { .has = ROOT_UINT };
	struct yptalk t;

	yptalk_begin(&t, 100 * S);
	for (r.uint_s = 30; r.uint_s <= 3600; r.uint_s++) {
		(void)yptalk_root(&t, &r, 101 * S);
		ck_assert_uint_eq(t.interval_s, r.uint_s < 120 ? r.uint_s : 120);
	}
}
END_TEST

/* --- updates ---------------------------------------------------------------------------------- */

/* the first at 50 s; one every 60 s */
static const struct {
	const char *name;
	struct ypshow s;
	nsec due;
} updates[] = {
	{ "new", { .told = false }, 50 * S },
	{ "new, asked for", { .asked = true }, 50 * S },
	{ "nothing new", { .told = true, .sent = 1000 * S }, 1060 * S },
	{ "news: not at once, nor never", { .told = true, .news = true, .sent = 1000 * S }, 1030 * S },
	{ "asked for", { .told = true, .asked = true, .sent = 1000 * S }, 0 },
	{ "asked for, with news", { .told = true, .asked = true, .news = true, .sent = 1000 * S }, 0 },
	{ "over", { .gone = true, .told = true, .sent = 1000 * S }, -1 },
	{ "over, with news", { .gone = true, .told = true, .news = true, .asked = true, .sent = 1000 * S }, -1 },
	{ "over, and never told", { .gone = true, .news = true, .asked = true }, NSEC_NEVER },
};

START_TEST(due)
{
	const struct yptalk t = { .interval_s = 60, .first_at = 50 * S };
	const nsec at = yptalk_due(&t, &updates[_i].s);

	ck_assert_msg(at == updates[_i].due, "%s: %.3f s", updates[_i].name, (double)at / 1e9);
}
END_TEST

/* The interval comes first where it is shorter than the pace of news. */
START_TEST(short_interval)
{
	const struct yptalk t = { .interval_s = 20, .first_at = 50 * S };
	const struct ypshow s = { .told = true, .news = true, .sent = 1000 * S };

	ck_assert(yptalk_due(&t, &s) == 1020 * S);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("yptalk");
	TCase *t = tcase_create("yptalk");

	tcase_add_loop_test(t, turn, 0, NELEM(turns));
	tcase_add_test(t, lost_after_hours);
	tcase_add_test(t, first_update);
	tcase_add_test(t, asked_often);
	tcase_add_test(t, promise);
	tcase_add_test(t, interval);
	tcase_add_loop_test(t, due, 0, NELEM(updates));
	tcase_add_test(t, short_interval);
	suite_add_tcase(s, t);
	return s;
}
