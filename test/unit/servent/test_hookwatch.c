/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages for hooks, made of what happens in a node without threads. */
#include "servent/hookwatch.h"

#include <jansson.h>
#include <stdio.h>

#include "core/sys/text.h"
#include "test/unit/servent/servtest.h"
#include "test/unit/unit.h"

static struct app app;
static struct mbox mb;
static struct event_watcher watcher;
static struct hookwatch *watch;
static uint64_t after;
static struct buf told;                 /* "channelStart a\n" ... */
static struct hookmsg *last;

/* It is JSON, and says what the variables say. */
static void sink(void *ctx, struct hookmsg *m)
{
	json_t *o = json_loadb(m->body, m->len, JSON_REJECT_DUPLICATES, NULL), *c = json_object_get(o, "channel");
	const char *v = m->vars;
	char want[64];
	bool found = false;

	(void)ctx;
	ck_assert_msg(o != NULL, "%.*s", (int)m->len, m->body);
	ck_assert_str_eq(json_string_value(json_object_get(o, "event")), hook_name(m->what));
	ck_assert_str_eq(json_string_value(json_object_get(o, "id")), m->id);
	(void)snprintf(want, sizeof(want), "PEERCAST_EVENT=%s", hook_name(m->what));
	for (size_t i = 0; i < m->n_vars; i++, v += strlen(v) + 1) {
		found = found || strcmp(v, want) == 0;
		if (strncmp(v, "PEERCAST_CHANNEL_NAME=", 22) == 0)
			ck_assert_str_eq(v + 22, json_string_value(json_object_get(c, "name")));
	}
	ck_assert(found);
	buf_printf(&told, "%s %s\n", hook_name(m->what), json_object_get(c, "name") != NULL ?
		json_string_value(json_object_get(c, "name")) : "-");
	json_decref(o);
	hookmsg_unref(&last);
	hookmsg_ref(m);
	last = m;
}

static void begin(void)
{
	const struct host self = host_v4(127, 0, 0, 1, 0);

	app_make(&app, (const char *const[]){ "serverName", "node \"1\"", NULL });
	buf_init(&told, 1 << 16);
	ck_assert_int_eq(mbox_init(&mb), ST_OK);
	ck_assert_int_eq(event_watch(&watcher, &mb, EVENT_ALL, &self), ST_OK);
	after = event_newest();
	watch = hookwatch_new(&app.node, sink, NULL);
	ck_assert_ptr_nonnull(watch);
	hookwatch_want(watch, UINT32_MAX);
}

static void finish(void)
{
	hookwatch_free(&watch);
	hookmsg_unref(&last);
	event_unwatch(&watcher);
	mbox_fini(&mb);
	buf_fini(&told);
	app_drop(&app);
}

/* All that has happened since, and what was told of it. */
static const char *take(void)
{
	struct event *e;
	bool missed;

	buf_reset(&told);
	while ((e = event_next(&after, EVENT_ALL, &missed)) != NULL) {
		ck_assert(!missed);
		ck_assert_uint_eq(hookwatch_take(watch, e), 0);
		event_unref(&e);
	}
	return buf_cstr(&told);
}

static struct chan *channel(uint8_t id, const char *name, enum chan_type type)
{
	struct chanmeta m = { .id = id_of(id), .bitrate_kbps = 500 };
	struct chaninfo *info;
	struct chan *c;

	(void)text_copy(m.text[CT_NAME], TEXT_MAX, name);
	info = chaninfo_new(&m);
	c = chan_new(info, type, CHAN_SRC_HTTPPUSH, false);
	chaninfo_unref(&info);
	ck_assert_int_eq(chanmgr_add(app.node.cm, c, 0), ST_OK);
	return c;
}

static void tell_connection(const char *what, enum servent_type type, uint8_t chan)
{
	const struct host peer = host_v4(192, 0, 2, 7, 5000);
	const struct gnuid id = id_of(chan);

	event_tell(EVENT_CONNECTION, what, servent_type_str(type), id.b, 9, &peer, "Agent/1 \"x\"");
}

START_TEST(channels)
{
	struct chan *a = channel(1, "a\"\\\x7f\xe3\x81\x82", CHAN_BROADCAST), *b = channel(2, "b", CHAN_RELAY);
	const struct gnuid id = id_of(1);

	ck_assert_str_eq(take(), "");
	chan_set_status(a, CHAN_BROADCASTING);
	chan_set_status(b, CHAN_CONNECTING);
	ck_assert_str_eq(take(), "channelStart a\"\\\x7f\xe3\x81\x82\n");
	chan_set_status(b, CHAN_RECEIVING);
	chan_set_status(b, CHAN_SEARCHING);
	chan_set_status(b, CHAN_RECEIVING);
	ck_assert_str_eq(take(), "channelStart b\n");
	chan_set_status(b, CHAN_IDLE);
	chan_set_status(b, CHAN_IDLE);
	chan_set_status(b, CHAN_SEARCHING);
	chan_set_status(b, CHAN_RECEIVING);
	ck_assert_str_eq(take(), "channelStop b\nchannelStart b\n");
	event_tell(EVENT_CHANNEL, "listed", "announced", id.b, 0, NULL, "yp.example");
	ck_assert_str_eq(take(), "listed a\"\\\x7f\xe3\x81\x82\n");
	ck_assert_ptr_nonnull(strstr(last->body, "\"reason\":\"announced\""));
	ck_assert_ptr_nonnull(strstr(last->body, "\"yellowPage\":\"yp.example\""));

	/* gone before anybody looked: what was known of it is told still, also by who hears of it late */
	chanmgr_remove(app.node.cm, a);
	chanmgr_remove(app.node.cm, b);
	chan_unref(&a);
	chan_unref(&b);
	event_tell(EVENT_CHANNEL, "unlisted", "ended", id.b, 0, NULL, "yp.example");
	ck_assert_str_eq(take(), "channelStop a\"\\\x7f\xe3\x81\x82\nchannelStop b\nunlisted a\"\\\x7f\xe3\x81\x82\n");
	event_tell(EVENT_CHANNEL, "unlisted", "ended", id.b, 0, NULL, "yp.example");
	ck_assert_str_eq(take(), "unlisted -\n");
	event_tell(EVENT_CHANNEL, "status", "RECEIVE", id.b, 0, NULL, NULL);
	event_tell(EVENT_CHANNEL, "info", NULL, id.b, 0, NULL, NULL);
	ck_assert_str_eq(take(), "");                           /* too late */

	/* came and went between two looks */
	a = channel(3, "short", CHAN_RELAY);
	chan_set_status(a, CHAN_RECEIVING);
	chanmgr_remove(app.node.cm, a);
	chan_unref(&a);
	ck_assert_str_eq(take(), "channelStart -\nchannelStop -\n");
	a = channel(4, "never", CHAN_RELAY);
	chan_set_status(a, CHAN_ERROR);
	chanmgr_remove(app.node.cm, a);
	chan_unref(&a);
	ck_assert_str_eq(take(), "");
}
END_TEST

START_TEST(connections)
{
	struct chan *c = channel(1, "a", CHAN_BROADCAST);

	(void)take();
	tell_connection("opened", SV_RELAY, 1);
	ck_assert_str_eq(take(), "childJoin a\n");
	ck_assert_ptr_nonnull(strstr(last->body, "\"remoteEndPoint\":\"192.0.2.7:5000\""));
	ck_assert_ptr_nonnull(strstr(last->body, "\"node\":{\"name\":\"node \\\"1\\\"\",\"port\":0}"));
	tell_connection("closed", SV_RELAY, 1);
	tell_connection("opened", SV_DIRECT, 1);
	tell_connection("closed", SV_DIRECT, 1);
	tell_connection("opened", SV_CIN, 1);
	tell_connection("opened", SV_COMMAND, 1);
	tell_connection("opened", SV_DIRECT, 7);
	ck_assert_str_eq(take(), "childLeave a\nviewerJoin a\nviewerLeave a\nviewerJoin -\n");
	hookwatch_want(watch, HOOK_CHILD_LEAVE | HOOK_VIEWER_JOIN);
	tell_connection("opened", SV_RELAY, 1);
	tell_connection("closed", SV_RELAY, 1);
	tell_connection("opened", SV_DIRECT, 1);
	ck_assert_str_eq(take(), "childLeave a\nviewerJoin a\n");
	chanmgr_remove(app.node.cm, c);
	chan_unref(&c);
}
END_TEST

START_TEST(port)
{
	const struct host unknown = host_v4(127, 0, 0, 1, 7144), global = host_v4(198, 41, 0, 4, 7144);

	event_tell(EVENT_PORT, "open", "IPv4", NULL, 7144, &global, "the yellow page reached us");
	ck_assert_str_eq(take(), "portChange -\n");
	ck_assert_ptr_nonnull(strstr(last->body, "\"port\":{\"address\":\"198.41.0.4\",\"family\":\"IPv4\","
		"\"number\":7144,\"reason\":\"the yellow page reached us\",\"state\":\"open\"}"));
	ck_assert_ptr_null(strstr(last->body, "channel\""));
	event_tell(EVENT_PORT, "unknown", "IPv4", NULL, 7144, &unknown, "x");
	(void)take();
	ck_assert_ptr_nonnull(strstr(last->body, "\"port\":{\"address\":\"\","));
	/* of no concern to hooks */
	event_tell(EVENT_FEED, "updated", NULL, NULL, 1, NULL, "http://a/");
	event_tell(EVENT_NOTIFICATION, "x", "info", NULL, 1, NULL, "x");
	ck_assert_str_eq(take(), "");
}
END_TEST

/* Events that were missed are made up for by a look. */
START_TEST(catching_up)
{
	struct chan *a = channel(1, "a", CHAN_BROADCAST), *b = channel(2, "b", CHAN_RELAY), *c;

	chan_set_status(a, CHAN_BROADCASTING);
	hookwatch_seed(watch);
	after = event_newest();
	buf_reset(&told);
	ck_assert_uint_eq(hookwatch_catch_up(watch), 0);
	ck_assert_str_eq(buf_cstr(&told), "");                  /* what played before is no news */
	c = channel(3, "c", CHAN_RELAY);
	chan_set_status(b, CHAN_RECEIVING);
	chanmgr_remove(app.node.cm, a);
	chan_unref(&a);
	chan_set_status(c, CHAN_CONNECTING);
	after = event_newest();
	ck_assert_uint_eq(hookwatch_catch_up(watch), 0);
	ck_assert_str_eq(buf_cstr(&told), "channelStart b\nchannelStop a\n");
	buf_reset(&told);
	ck_assert_uint_eq(hookwatch_catch_up(watch), 0);
	ck_assert_str_eq(buf_cstr(&told), "");
	chan_set_status(c, CHAN_RECEIVING);
	ck_assert_str_eq(take(), "channelStart c\n");
	chanmgr_remove(app.node.cm, b);
	chanmgr_remove(app.node.cm, c);
	chan_unref(&b);
	chan_unref(&c);
}
END_TEST

/* Ids are all different. */
START_TEST(ids)
{
	char before[HOOKMSG_ID] = "";

	for (int i = 0; i < 3; i++) {
		event_tell(EVENT_PORT, "open", "IPv4", NULL, 7144, NULL, "x");
		(void)take();
		ck_assert_str_ne(last->id, before);
		(void)text_copy(before, sizeof(before), last->id);
	}
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/hookwatch");
	TCase *t = tcase_create("hookwatch");

	tcase_add_checked_fixture(t, begin, finish);
	tcase_add_test(t, channels);
	tcase_add_test(t, connections);
	tcase_add_test(t, port);
	tcase_add_test(t, catching_up);
	tcase_add_test(t, ids);
	suite_add_tcase(s, t);
	return s;
}
