/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/syncstatus.h"

#include "pcp/syncreport.h"
#include "test/unit/http/httptest.h"
#include "test/unit/unit.h"

static struct node node;
static struct sync_report told;
static bool has_report;

static struct sync_report *report(struct node *n)
{
	struct sync_report *r = has_report ? malloc(sizeof(*r)) : NULL;

	ck_assert_ptr_eq(n, &node);
	if (r != NULL)
		*r = told;
	return r;
}

static void up(void)
{
	node_up(&node, NULL);
	node.ops.sync_report = report;
	memset(&told, 0, sizeof(told));
	has_report = true;
}

static void down(void)
{
	node_down(&node);
}

static void expect(const char *want)
{
	json_t *v = syncstatus_json(&node);
	char *text = v != NULL ? json_dumps(v, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT) : NULL;

	ck_assert_ptr_nonnull(text);
	ck_assert_msg(strcmp(text, want) == 0, "gives %s\nwants %s", text, want);
	free(text);
	json_decref(v);
}

START_TEST(states)
{
	expect("{\"state\":\"off\",\"why\":\"\"}");
	told.state = SYNC_REFUSED;
	text_copy(told.why, sizeof(told.why), "livesyncAllow: \"x\" is neither");
	expect("{\"state\":\"refused\",\"why\":\"livesyncAllow: \\\"x\\\" is neither\"}");
	told.state = SYNC_WAITS;
	told.why[0] = '\0';
	expect("{\"state\":\"waiting\",\"why\":\"\"}");
	has_report = false;
	expect("null");
	node.ops.sync_report = NULL;
	expect("null");
}
END_TEST

/* The whole of it; counters that are 0 are named in the sum, and left out of an instance. */
START_TEST(running)
{
	struct sync_instance *i = &told.instances[0];
	json_t *v, *one, *dropped;

	told.state = SYNC_RUNS;
	told.sealed = true;
	told.peers = 2;
	told.at = clk_now();
	told.lost = 5;
	told.send_failed = 6;
	told.st = (struct sync_status){ .instance = 0x0a0b0c0d, .own_chans = 1, .own_hits = 2, .chans = 3, .hits = 4,
		.hidden = 7, .listed = 14, .sent = UINT64_C(1) << 40, .dropped = { [SYNC_DROP_FLOOD] = 8 } };
	told.st.sent_kind[SYNC_BEACON] = 9;
	told.n = 1;
	*i = (struct sync_instance){ .id = 1, .addr = host_v4(192, 0, 2, 1, 9696), .first = told.at, .heard = told.at,
		.chans = 3, .hits = 4, .beacon = 11, .has_beacon = true, .has_offset = true, .offset_ms = -1500,
		.ignored_until = told.at + NSEC_PER_SEC, .packets = 12, .dropped = { [SYNC_DROP_REPLAY] = 13 } };
	v = syncstatus_json(&node);
	ck_assert_str_eq(json_string_value(json_object_get(v, "instance")), "0a0b0c0d");
	ck_assert_int_eq(json_integer_value(json_object_get(v, "sent")), INT64_C(1) << 40);
	ck_assert_int_eq(json_integer_value(json_object_get(v, "lost")), 5);
	ck_assert_int_eq(json_integer_value(json_object_get(v, "listed")), 14);
	ck_assert_int_eq(json_integer_value(json_object_get(v, "sendFailed")), 6);
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(v, "sentByType"), "beacon")), 9);
	ck_assert_uint_eq(json_object_size(json_object_get(v, "sentByType")), 1);
	dropped = json_object_get(v, "dropped");
	ck_assert_uint_eq(json_object_size(dropped), SYNC_DROP_COUNT);
	ck_assert_int_eq(json_integer_value(json_object_get(dropped, "flood")), 8);
	ck_assert_int_eq(json_integer_value(json_object_get(dropped, "replay")), 0);
	one = json_array_get(json_object_get(v, "instances"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(one, "id")), "00000001");
	ck_assert_str_eq(json_string_value(json_object_get(one, "address")), "192.0.2.1:9696");
	ck_assert_int_eq(json_integer_value(json_object_get(one, "clockOffset")), -1500);
	ck_assert_int_eq(json_integer_value(json_object_get(one, "beacon")), 11);
	ck_assert(json_is_true(json_object_get(one, "ignored")));
	ck_assert(json_is_false(json_object_get(one, "goodbye")));
	ck_assert_uint_eq(json_object_size(json_object_get(one, "dropped")), 1);
	json_decref(v);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("http/syncstatus");
	TCase *t = tcase_create("syncstatus");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_test(t, states);
	tcase_add_test(t, running);
	suite_add_tcase(s, t);
	return s;
}
