/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: clk_now */
#include "core/node/notice.h"

#include <string.h>

#include "core/sys/text.h"
#include "test/unit/clock.h"
#include "test/unit/unit.h"

static struct notices n;
static struct notice got[NOTICES];

static void up(void)
{
	notices_init(&n);
}

static void down(void)
{
	notices_fini(&n);
}

/* Each later than the calm time of the one before. */
static void add(const char *text)
{
	skew += NOTICE_CALM;
	notice_add(&n, NOTICE_PEERCAST, "test", "info", NULL, "%s", text);
}

START_TEST(kept)
{
	const struct gnuid chan = { { 1, 2 } };

	ck_assert_uint_eq(notices_since(&n, 0, got), 0);
	notice_add(&n, NOTICE_TRACK, "song", "normal", &chan, "a %d", 1);
	notice_add(&n, NOTICE_BROADCASTERS, "talk", "warning", NULL, "b");
	ck_assert_uint_eq(notices_since(&n, 0, got), 2);
	ck_assert_uint_eq(got[0].number, 1);
	ck_assert_int_eq(got[0].type, NOTICE_TRACK);
	ck_assert_str_eq(got[0].class, "song");
	ck_assert_str_eq(got[0].level, "normal");
	ck_assert_str_eq(got[0].text, "a 1");
	ck_assert(gnuid_equal(&got[0].chan, &chan));
	ck_assert_int_ge(got[0].wall_s, 1);
	ck_assert_uint_eq(got[1].number, 2);
	ck_assert(!gnuid_is_set(&got[1].chan));
	ck_assert_uint_eq(notices_since(&n, 1, got), 1);
	ck_assert_str_eq(got[0].text, "b");
	ck_assert_uint_eq(notices_since(&n, 2, got), 0);
	ck_assert_uint_eq(notices_since(&n, 99, got), 0);
}
END_TEST

START_TEST(the_oldest_go)
{
	char text[8] = "x0";

	for (int i = 0; i < NOTICES + 3; i++) {
		text[1] = (char)('a' + i);
		add(text);
	}
	ck_assert_uint_eq(notices_since(&n, 0, got), NOTICES);
	ck_assert_str_eq(got[0].text, "xd");
	ck_assert_str_eq(got[NOTICES - 1].text, text);
	ck_assert_uint_eq(got[0].number, 4);
}
END_TEST

/* One channel cannot flood the list; another one, and another thing about it, come through. */
START_TEST(calm)
{
	const struct gnuid a = { { 1 } }, b = { { 2 } };

	for (int i = 0; i < 100; i++)
		notice_add(&n, NOTICE_BROADCASTERS, "comment", "normal", &a, "%d", i);
	notice_add(&n, NOTICE_BROADCASTERS, "comment", "normal", &b, "other");
	notice_add(&n, NOTICE_BROADCASTERS, "playing", "normal", &a, "thing");
	ck_assert_uint_eq(notices_since(&n, 0, got), 3);
	ck_assert_str_eq(got[0].text, "0");
	skew += NOTICE_CALM;
	notice_add(&n, NOTICE_BROADCASTERS, "comment", "normal", &a, "again");
	ck_assert_uint_eq(notices_since(&n, 0, got), 4);
}
END_TEST

START_TEST(texts_are_clean_and_cut)
{
	char text[2 * NOTICE_TEXT];

	add("a\nb\x1b[31m");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	add(text);
	/* a character across the border */
	memcpy(text + NOTICE_TEXT - 2, "\xe3\x81\x82", 3);
	add(text);
	add("\xff\xfe");
	ck_assert_uint_eq(notices_since(&n, 0, got), 4);
	ck_assert_str_eq(got[0].text, "a b [31m");
	ck_assert_uint_eq(strlen(got[1].text), NOTICE_TEXT - 1);
	for (size_t i = 0; i < 4; i++)
		ck_assert_msg(text_is_clean(got[i].text, strlen(got[i].text)), "%zu", i);
}
END_TEST

START_TEST(each_reader_has_its_own_place)
{
	const uint8_t a[16] = { 1 }, b[16] = { 2 };

	add("1");
	ck_assert_uint_eq(notices_unread(&n, a, got), 1);
	ck_assert_uint_eq(notices_unread(&n, a, got), 0);
	add("2");
	ck_assert_uint_eq(notices_unread(&n, b, got), 2);
	ck_assert_uint_eq(notices_unread(&n, a, got), 1);
	ck_assert_str_eq(got[0].text, "2");
	/* many others: the one that was here last is forgotten last */
	for (int i = 3; i < 3 + NOTICE_READERS - 1; i++) {
		const uint8_t other[16] = { (uint8_t)i };

		skew += NSEC_PER_SEC;
		ck_assert_uint_eq(notices_unread(&n, other, got), 2);
		ck_assert_uint_eq(notices_unread(&n, a, got), 0);
	}
	ck_assert_uint_eq(notices_unread(&n, b, got), 2);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/node/notice");
	TCase *t = tcase_create("notice");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_test(t, kept);
	tcase_add_test(t, the_oldest_go);
	tcase_add_test(t, calm);
	tcase_add_test(t, texts_are_clean_and_cut);
	tcase_add_test(t, each_reader_has_its_own_place);
	suite_add_tcase(s, t);
	return s;
}
