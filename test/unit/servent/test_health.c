/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a watchdog is told when threads move, rest, or are stuck. */
#include "servent/health.h"

#include <string.h>

#include "test/unit/unit.h"

#define S NSEC_PER_SEC

static struct app app;

static void up(void)
{
	memset(&app, 0, sizeof(app));
	app.listen_fd = -1;
	mtx_init(&app.mtx, &lk_app);
	ck_assert_int_eq(mbox_init(&app.server_mb), ST_OK);
}

static void down(void)
{
	mbox_fini(&app.server_mb);
	mtx_fini(&app.mtx);
}

static bool was_woken(void)
{
	return mbox_wait(&app.server_mb, clk_now()) == ST_OK;
}

/* Seconds since each went round; -1 = it never has. */
static const struct {
	int house, server;
	bool house_ok, server_ok;
} rows[] = {
	{ -1, -1, false, false }, { 0, 0, true, true }, { 5, 15, true, true }, { 15, 10, true, true },
	{ 25, 0, false, true }, { 0, 25, true, false }, { 600, 600, false, false },
};

static void set(_Atomic nsec *beat, int ago)
{
	atomic_store(beat, ago == -1 ? 0 : clk_now() - ago * S);
}

START_TEST(beats)
{
	struct node_health h;

	set(&app.house_beat, rows[_i].house);
	set(&app.server_beat, rows[_i].server);
	health_get(&app.node, &h);
	ck_assert(h.housekeeper == rows[_i].house_ok && h.server == rows[_i].server_ok);
	ck_assert(!h.listening && !h.stopping);
	ck_assert(health_is_alive(&app) == (rows[_i].house_ok && rows[_i].server_ok));
}
END_TEST

/* The housekeeper wakes the SERVER thread when that has rested, not each time. */
START_TEST(wakes)
{
	health_beat_server(&app);
	health_beat_house(&app);
	ck_assert(!was_woken());
	set(&app.server_beat, 5);
	health_beat_house(&app);
	ck_assert(was_woken());
	ck_assert(health_is_alive(&app));
}
END_TEST

START_TEST(states)
{
	struct node_health h;

	app.listen_fd = 0;
	health_beat_server(&app);
	health_beat_house(&app);
	health_get(&app.node, &h);
	ck_assert(h.listening && !h.stopping);
	app_lock(&app);
	app.end_at = 1;                 /* somebody asked for the end */
	app_unlock(&app);
	health_get(&app.node, &h);
	ck_assert(h.stopping);
	app.listen_fd = -1;
	health_beat_server(&app);
	health_get(&app.node, &h);
	ck_assert(!h.listening);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("health");
	TCase *t = tcase_create("beats");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_loop_test(t, beats, 0, (int)NELEM(rows));
	tcase_add_test(t, wakes);
	tcase_add_test(t, states);
	suite_add_tcase(s, t);
	return s;
}
