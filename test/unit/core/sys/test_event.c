/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: calloc */
#include "core/sys/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "core/sys/thr.h"
#include "test/unit/unit.h"

static bool no_memory;
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

static const struct host home = { .ip = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 } };
static const uint8_t id[EVENT_ID] = { 1, 2, 3 };
static struct mbox mb;
static struct event_watcher w;

static void up(void)
{
	ck_assert_int_eq(mbox_init(&mb), ST_OK);
	ck_assert_int_eq(event_watch(&w, &mb, EVENT_CHANNEL | EVENT_LOG, &home), ST_OK);
}

static void down(void)
{
	event_unwatch(&w);
	mbox_fini(&mb);
}

static bool was_woken(void)
{
	return mbox_wait(&mb, clk_now()) == ST_OK;
}

/* Runs first: nobody has watched yet. */
START_TEST(nothing_is_kept_for_nobody)
{
	uint64_t at = 0;
	bool missed;

	ck_assert(!event_is_on());
	event_tell(EVENT_CHANNEL, "added", NULL, id, 0, NULL, NULL);
	ck_assert_uint_eq(event_newest(), 0);
	ck_assert_ptr_null(event_next(&at, EVENT_ALL, &missed));
	ck_assert(!missed);
	ck_assert_uint_ne(event_run(), 0);
	ck_assert_uint_eq(event_run(), event_run());
}
END_TEST

START_TEST(told_and_read)
{
	const struct host peer = host_v4(192, 0, 2, 1, 7144);
	uint64_t at = event_newest();
	struct event *e;
	bool missed;

	ck_assert(event_is_on());
	ck_assert(!was_woken());
	event_tell(EVENT_CHANNEL, "added", "RELAY", id, 7, &peer, "text");
	ck_assert(was_woken());
	event_tell(EVENT_CONNECTION, "opened", NULL, NULL, 0, NULL, NULL);
	ck_assert(!was_woken());                /* kept all the same */
	e = event_next(&at, EVENT_ALL, &missed);
	ck_assert_ptr_nonnull(e);
	ck_assert(!missed);
	ck_assert_uint_eq(e->number, at);
	ck_assert_int_eq(e->topic, EVENT_CHANNEL);
	ck_assert_str_eq(e->what, "added");
	ck_assert_str_eq(e->kind, "RELAY");
	ck_assert_mem_eq(e->id, id, sizeof(id));
	ck_assert_uint_eq(e->n, 7);
	ck_assert(host_equal(&e->peer, &peer));
	ck_assert_str_eq(e->text, "text");
	event_unref(&e);
	e = event_next(&at, EVENT_ALL, &missed);
	ck_assert_str_eq(e->what, "opened");
	ck_assert_str_eq(e->kind, "");
	ck_assert_str_eq(e->text, "");
	event_unref(&e);
	ck_assert_ptr_null(event_next(&at, EVENT_ALL, &missed));
	ck_assert_uint_eq(at, event_newest());
}
END_TEST

START_TEST(ring_is_bounded)
{
	uint64_t at = event_newest();
	const uint64_t first = at + 1;
	struct event *e;
	uint64_t nth;
	bool missed;

	for (uint32_t i = 0; i < EVENT_RING; i++)
		event_tell(EVENT_CHANNEL, "info", NULL, id, i, NULL, NULL);
	e = event_next(&at, EVENT_ALL, &missed);
	ck_assert(!missed);
	ck_assert_uint_eq(e->number, first);
	nth = e->nth;
	event_unref(&e);
	event_tell(EVENT_CHANNEL, "info", NULL, id, 0, NULL, NULL);
	event_tell(EVENT_CHANNEL, "info", NULL, id, 0, NULL, NULL);
	e = event_next(&at, EVENT_ALL, &missed);
	ck_assert(missed);
	ck_assert_uint_eq(e->number, first + 2);
	ck_assert_uint_eq(e->nth, nth + 2);     /* one was missed */
	nth = e->nth;
	event_unref(&e);
	e = event_next(&at, EVENT_ALL, &missed);
	ck_assert_uint_eq(e->nth, nth + 1);
	event_unref(&e);
}
END_TEST

/* One topic's flood costs the readers of another nothing. */
START_TEST(topics_apart)
{
	uint64_t at = event_newest(), all = at;
	struct event *e;
	bool missed;

	event_tell(EVENT_CONNECTION, "opened", NULL, NULL, 1, NULL, NULL);
	for (uint32_t i = 0; i < 3 * EVENT_RING; i++)
		event_tell(EVENT_CHANNEL, "info", NULL, id, i, NULL, NULL);
	event_tell(EVENT_CONNECTION, "closed", NULL, NULL, 1, NULL, NULL);
	e = event_next(&at, EVENT_CONNECTION, &missed);
	ck_assert(!missed);
	ck_assert_str_eq(e->what, "opened");
	event_unref(&e);
	e = event_next(&at, EVENT_CONNECTION, &missed);
	ck_assert(!missed);
	ck_assert_str_eq(e->what, "closed");
	event_unref(&e);
	ck_assert_uint_eq(at, event_newest());
	e = event_next(&all, EVENT_CONNECTION | EVENT_CHANNEL, &missed);
	ck_assert(missed);
	ck_assert_str_eq(e->what, "opened");
	event_unref(&e);
}
END_TEST

START_TEST(a_reader_keeps_what_it_reads)
{
	uint64_t at = event_newest();
	struct event *e;
	bool missed;

	event_tell(EVENT_CHANNEL, "kept", NULL, id, 0, NULL, "long enough to be missed by a sanitizer");
	e = event_next(&at, EVENT_ALL, &missed);
	for (uint32_t i = 0; i < 2 * EVENT_RING; i++)
		event_tell(EVENT_CHANNEL, "info", NULL, id, i, NULL, NULL);
	ck_assert_str_eq(e->what, "kept");
	ck_assert_str_eq(e->text, "long enough to be missed by a sanitizer");
	event_unref(&e);
	ck_assert_ptr_null(e);
}
END_TEST

START_TEST(without_memory)
{
	const uint64_t before = event_newest();

	no_memory = true;
	event_tell(EVENT_CHANNEL, "added", NULL, id, 0, NULL, NULL);
	no_memory = false;
	ck_assert_uint_eq(event_newest(), before);
}
END_TEST

START_TEST(watchers_are_counted)
{
	static struct event_watcher more[EVENT_WATCHERS];
	const struct host far = host_v4(203, 0, 113, 1, 9);
	struct event_watcher one;
	size_t n = 0, k;

	/* one address has not all places; this machine may */
	while (event_watch(&more[n], &mb, EVENT_CHANNEL, &far) == ST_OK)
		n++;
	ck_assert_uint_eq(n, EVENT_PER_PEER);
	for (k = n; k < EVENT_WATCHERS - 1; k++)
		ck_assert_int_eq(event_watch(&more[k], &mb, EVENT_CHANNEL, &home), ST_OK);
	ck_assert_int_eq(event_watch(&one, &mb, EVENT_CHANNEL, &home), ST_LIMIT);
	event_unwatch(&more[0]);
	ck_assert_int_eq(event_watch(&more[0], &mb, EVENT_CHANNEL, &far), ST_OK);
	for (k = 0; k < EVENT_WATCHERS - 1; k++)
		event_unwatch(&more[k]);
}
END_TEST

START_TEST(log_lines)
{
	uint64_t at = log_newest();
	struct log_record r;

	log_info("one %d", 1);
	ck_assert(was_woken());
	log_warn("two\n");
	ck_assert(log_next(&at, &r));
	ck_assert_str_eq(r.text, "one 1");
	ck_assert_int_eq(r.level, LOG_INFO);
	ck_assert_uint_eq(r.number, at);
	ck_assert(log_next(&at, &r));
	ck_assert_str_eq(r.text, "two\\x0A");
	ck_assert_str_eq(log_level_str(r.level), "WARN");
	ck_assert(!log_next(&at, &r));
	ck_assert_uint_eq(at, log_newest());
	/* an old number means the oldest there is */
	log_clear();
	log_info("three");
	at = 0;
	ck_assert(log_next(&at, &r));
	ck_assert_str_eq(r.text, "three");
	ck_assert(!log_next(&at, &r));
}
END_TEST

/* --- several threads at once ------------------------------------------------------------------ */

#define EACH 2000

static void teller(void *arg)
{
	for (uint32_t i = 0; i < EACH; i++)
		event_tell(EVENT_CHANNEL, "info", NULL, id, i, NULL, arg);
}

START_TEST(at_once)
{
	struct thr t[3];
	uint64_t at = event_newest(), last = at;
	const uint64_t end = at + 3 * (uint64_t)EACH;
	const nsec deadline = clk_deadline(60 * NSEC_PER_SEC);

	for (size_t i = 0; i < NELEM(t); i++)
		ck_assert_int_eq(thr_start(&t[i], "teller", teller, "x"), ST_OK);
	while (at < end) {
		bool missed;
		struct event *e = event_next(&at, EVENT_ALL, &missed);

		if (e == NULL) {
			ck_assert_int_eq(mbox_wait(&mb, deadline), ST_OK);
			continue;
		}
		ck_assert_uint_gt(e->number, last);
		ck_assert(missed || e->number == last + 1);
		last = e->number;
		ck_assert_str_eq(e->text, "x");
		event_unref(&e);
	}
	for (size_t i = 0; i < NELEM(t); i++)
		ck_assert_int_eq(thr_join(&t[i], deadline), ST_OK);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/event");
	TCase *t = tcase_create("nobody");

	tcase_add_test(t, nothing_is_kept_for_nobody);
	suite_add_tcase(s, t);
	t = tcase_create("watched");
	tcase_add_checked_fixture(t, up, down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, told_and_read);
	tcase_add_test(t, ring_is_bounded);
	tcase_add_test(t, topics_apart);
	tcase_add_test(t, a_reader_keeps_what_it_reads);
	tcase_add_test(t, without_memory);
	tcase_add_test(t, watchers_are_counted);
	tcase_add_test(t, log_lines);
	tcase_add_test(t, at_once);
	suite_add_tcase(s, t);
	return s;
}
