/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: clk_age_s */
#include "http/pastcast.h"

#include <jansson.h>

#include "http/storage.h"
#include "test/unit/http/httptest.h"
#include "test/unit/unit.h"

static struct node node;
static uint32_t later;                  /* seconds added to every age */

uint32_t __wrap_clk_age_s(nsec then);

uint32_t __wrap_clk_age_s(nsec then)
{
	(void)then;
	return later;
}

static void up(void)
{
	node_up(&node, NULL);
	node.storage = storage_open(NULL, NULL);
	ck_assert_ptr_nonnull(node.storage);
	later = 0;
}

static void down(void)
{
	storage_free(&node.storage);
	node_down(&node);
}

/* A round after so many seconds: the names of what is remembered, newest first. */
static void expect(uint32_t after_s, const char *want)
{
	char text[200] = "";
	json_t *past, *e;
	size_t i, at = 0;

	later += after_s;
	pastcast_round(&node);
	past = storage_history(node.storage);
	json_array_foreach(past, i, e) {
		ck_assert(json_is_null(json_object_get(e, "trackTitle")));
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i > 0 ? " " : "",
			json_string_value(json_object_get(e, "channelName")));
	}
	ck_assert_str_eq(text, want);
	json_decref(past);
}

START_TEST(rounds)
{
	expect(0, "");
	chan_up(&node, info_new(FLV_ID, "one", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	chan_up(&node, info_new(WMV_ID, "relayed", "WMV"), CHAN_RELAY, CHAN_RECEIVING);
	expect(PASTCAST_AFTER - 1, "");
	expect(1, "one");
	/* once alone, whatever it is called later */
	expect(3600, "one");
	chan_up(&node, info_new(NO_ID, "two", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	expect(1, "two one");
}
END_TEST

/* The same broadcast again comes to the front, and stays a favourite. */
START_TEST(again)
{
	json_t *e = json_pack("{ss sn ss sb si sn}", "channelName", "one", "genre", "contentType", "FLV", "favorite", 1,
		"bitrate", 500, "trackTitle"), *past;

	ck_assert_int_eq(json_object_set_new(e, "networkType", json_string("ipv4")), 0);
	ck_assert_int_eq(storage_add_history(node.storage, e), ST_OK);
	json_decref(e);
	chan_up(&node, info_new(FLV_ID, "one", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	expect(PASTCAST_AFTER, "one");
	past = storage_history(node.storage);
	ck_assert(json_is_true(json_object_get(json_array_get(past, 0), "favorite")));
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(past, 0), "bitrate")), 500);
	json_decref(past);
	/* another genre is another broadcast */
	e = json_pack("{ss ss ss ss sn}", "channelName", "one", "genre", "talk", "contentType", "FLV", "networkType", "ipv4",
		"trackTitle");
	ck_assert_int_eq(storage_add_history(node.storage, e), ST_OK);
	json_decref(e);
	expect(0, "one one");
}
END_TEST

/* One that waits for its encoder is not on the air. */
START_TEST(waits)
{
	chan_up(&node, info_new(FLV_ID, "one", "FLV"), CHAN_BROADCAST, CHAN_CONNECTING);
	expect(100, "");
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("pastcast");
	TCase *t = tcase_create("pastcast");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_test(t, rounds);
	tcase_add_test(t, again);
	tcase_add_test(t, waits);
	suite_add_tcase(s, t);
	return s;
}
