/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: app_task calloc */
/* Sessions of viewers by HLS, of remuxers without a thread. */
#include "servent/remux.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servent/remuxrun.h"
#include "test/unit/servent/servtest.h"
#include "test/unit/unit.h"

#ifdef HAVE_AVFORMAT
#define MADE true
#else
#define MADE false
#endif

static struct app app;
static struct chan *chan;

/* --- what becomes of the thread ----------------------------------------------------------------- */

enum fate { NO_THREAD, NO_MEMORY, NEVER_RUNS };
static enum fate thread;
static bool no_memory;
static struct remux *held;              /* by another request, which came meanwhile */

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

static struct host v4(uint8_t last)
{
	return host_v4(203, 0, 113, last, 4000);
}

/* A request of that peer for the session of that number. */
static enum refusal ask(struct remux *r, const struct host *peer, unsigned n)
{
	struct servent *sv, *who;
	char token[HLS_TOKEN];
	enum refusal why;

	snprintf(token, sizeof(token), "%032x", n);
	ck_assert_int_eq(servent_new(app.node.sm, -1, peer, false, &sv), ST_OK);
	why = remux_session(app.remux, r, token, sv, true, &who);
	ck_assert_int_eq(who != NULL, why == ADMIT_OK);
	servent_unref(&who);
	servent_end(&sv);
	return why;
}

enum status __wrap_app_task(struct app *a, const char *name, void (*fn)(struct app *, void *), void *arg);

enum status __wrap_app_task(struct app *a, const char *name, void (*fn)(struct app *, void *), void *arg)
{
	const struct host peer = v4(1);

	ck_assert_str_eq(name, "remux");
	if (thread == NEVER_RUNS)
		return ST_OK;
	held = remux_find(a->remux, chan_id(chan));
	ck_assert_ptr_nonnull(held);
	ck_assert_int_eq(ask(held, &peer, 1), ADMIT_OK);
	if (thread == NO_THREAD)
		return ST_LIMIT;
	no_memory = true;
	fn(a, arg);
	no_memory = false;
	return ST_OK;
}

static uint32_t directs(void)
{
	struct totals t;

	servmgr_totals(app.node.sm, &t);
	return t.connected[SV_DIRECT];
}

static void setup(void)
{
	static const char *const keys[] = { "maxDirect", "100", NULL };
	struct chanmeta m = { .id = id_of(7), .bitrate_kbps = 1,
		.text = { [CT_NAME] = "c", [CT_TYPE] = "FLV" } };
	struct chaninfo *i = chaninfo_new(&m);

	app_make(&app, keys);
	app.remux = remuxd_new(&app);
	chan = chan_new(i, CHAN_BROADCAST, CHAN_SRC_PEERCAST, false);
	ck_assert_ptr_nonnull(app.remux);
	ck_assert_ptr_nonnull(chan);
	chan_set_status(chan, CHAN_BROADCASTING);
	chaninfo_unref(&i);
	held = NULL;
}

static void teardown(void)
{
	chan_unref(&chan);
	remuxd_free(&app.remux);
	app_drop(&app);
}

/* --- tests -------------------------------------------------------------------------------------- */

static const struct {
	enum fate thread;
	const char *why;
} failures[] = { { NO_THREAD, "no thread for it" }, { NO_MEMORY, "out of memory" } };

/* Who came meanwhile is no viewer any more, and makes no new ones. */
START_TEST(does_not_begin)
{
	const struct host peer = v4(1);
	char why[REMUX_WHY];
	struct remux *r;
	int status = 0;

	thread = failures[_i].thread;
	ck_assert_int_eq(remux_join(app.remux, chan, &r, &status, why), ST_PROTO);
	ck_assert_ptr_null(r);
	ck_assert_int_eq(status, 503);
	ck_assert_str_eq(why, failures[_i].why);
	ck_assert_uint_eq(directs(), 0);
	ck_assert_int_eq(ask(held, &peer, 1), REFUSE_FULL);
	ck_assert_int_eq(ask(held, &peer, 2), REFUSE_FULL);
	ck_assert_uint_eq(directs(), 0);
	ck_assert_ptr_null(remux_find(app.remux, chan_id(chan)));
	remux_leave(app.remux, &held);
}
END_TEST

/* An address does not take all places with tokens it makes up; one of our own may. */
START_TEST(one_address)
{
	const struct host here = v4(1), there = v4(2), own = host_v4(127, 0, 0, 1, 4000);
	struct host v6[2] = { { .ip = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, .port = 1 } };
	char why[REMUX_WHY];
	struct remux *r;
	int status;

	v6[1] = v6[0];
	v6[1].ip[15] = 2;
	thread = NEVER_RUNS;
	ck_assert_int_eq(remux_join(app.remux, chan, &r, &status, why), ST_OK);
	for (unsigned i = 0; i < REMUX_ADDRESS; i++) {
		ck_assert_int_eq(ask(r, &here, i), ADMIT_OK);
		ck_assert_int_eq(ask(r, &v6[i % 2], i), ADMIT_OK);
	}
	ck_assert_int_eq(ask(r, &here, REMUX_ADDRESS), REFUSE_FULL);
	ck_assert_int_eq(ask(r, &v6[0], REMUX_ADDRESS), REFUSE_FULL);
	ck_assert_int_eq(ask(r, &v6[1], REMUX_ADDRESS), REFUSE_FULL);
	ck_assert_int_eq(ask(r, &here, 0), ADMIT_OK);           /* who is there stays */
	ck_assert_int_eq(ask(r, &there, 0), ADMIT_OK);
	ck_assert_uint_eq(directs(), 2 * REMUX_ADDRESS + 1);
	for (unsigned i = 0; i < 2 * REMUX_ADDRESS; i++)
		ck_assert_int_eq(ask(r, &own, i), ADMIT_OK);
	held = r;                       /* what the thread does at last */
	remux_give_up(app.remux, r, "");
	remux_unref(app.remux, &r);
	ck_assert_uint_eq(directs(), 0);
	remux_leave(app.remux, &held);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/remux");
	TCase *t = tcase_create("remux");

	tcase_add_checked_fixture(t, setup, teardown);
	if (MADE) {
		tcase_add_loop_test(t, does_not_begin, 0, (int)NELEM(failures));
		tcase_add_test(t, one_address);
	}
	suite_add_tcase(s, t);
	return s;
}
