/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/icyin.h"

#include <stdio.h>
#include <string.h>

#include "core/sys/bytes.h"
#include "test/unit/unit.h"

struct out {
	struct buf data;
	char titles[8 * TEXT_MAX];      /* each behind a '|' */
	enum status say;
};

static enum status on_data(void *ctx, const uint8_t *p, size_t n)
{
	struct out *o = ctx;

	ck_assert_uint_gt(n, 0);
	buf_put(&o->data, p, n);
	return o->say;
}

static void on_title(void *ctx, const char *title)
{
	struct out *o = ctx;

	ck_assert_uint_lt(strlen(o->titles) + strlen(title) + 1, sizeof(o->titles));
	(void)snprintf(o->titles + strlen(o->titles), sizeof(o->titles) - strlen(o->titles), "|%s", title);
}

static const struct icyin_ops ops = { on_data, on_title };

static const struct {
	const char *name, *text, *title;        /* title NULL = there is none */
} texts[] = {
	{ "plain", "StreamTitle='a - b';", "a - b" },
	{ "quote", "StreamTitle='It's on';StreamUrl='x';", "It's on" },
	{ "second", "StreamUrl='x';StreamTitle='t';", "t" },
	{ "case", "streamtitle='t';", "t" },
	{ "empty", "StreamTitle='';", "" },
	{ "no end", "StreamTitle='t", "t" },
	{ "no semicolon", "StreamTitle='t'", "t" },
	{ "cp932", "StreamTitle='\x83\x89\x83\x57\x83\x49';", "\xe3\x83\xa9\xe3\x82\xb8\xe3\x82\xaa" },
	{ "controls", "StreamTitle='a\r\nb';", "a  b" },
	{ "none", "StreamUrl='x';", NULL },
	{ "short", "StreamTitle=", NULL },
	{ "nothing", "", NULL },
};

START_TEST(titles)
{
	char got[TEXT_MAX];
	const bool is = icyin_title(got, texts[_i].text, strlen(texts[_i].text));

	ck_assert_msg(is == (texts[_i].title != NULL), "%s", texts[_i].name);
	ck_assert_msg(strcmp(got, is ? texts[_i].title : "") == 0, "%s: %s", texts[_i].name, got);
}
END_TEST

/* Ten bytes of stream before each text: a title, none, one of 4080 bytes, the rest. */
static void compose(struct buf *in)
{
	char text[4080] = "StreamTitle='long';";

	buf_init(in, 8192);
	buf_puts(in, "0123456789");
	buf_u8(in, 2);
	buf_put(in, "StreamTitle='one';\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32);
	buf_puts(in, "abcdefghij");
	buf_u8(in, 0);
	buf_puts(in, "ABCDEFGHIJ");
	buf_u8(in, 255);
	memset(text + 19, '\'', sizeof(text) - 19);
	buf_put(in, text, sizeof(text));
	buf_puts(in, "rest");
	ck_assert_int_eq(in->err, ST_OK);
}

START_TEST(splits)
{
	static const size_t steps[] = { 1, 2, 3, 7, 16, 100, 10000 };
	struct out o = { .say = ST_OK };
	struct icyin y;
	struct buf in;

	compose(&in);
	buf_init(&o.data, 8192);
	ck_assert(icyin_init(&y, 10));
	for (size_t at = 0; at < in.len; at += steps[_i])
		ck_assert_int_eq(icyin_feed(&y, in.p + at, MIN(steps[_i], in.len - at), &ops, &o), ST_OK);
	ck_assert_str_eq(buf_cstr(&o.data), "0123456789abcdefghijABCDEFGHIJrest");
	ck_assert_str_eq(o.titles, "|one|long");
	buf_fini(&o.data);
	buf_fini(&in);
}
END_TEST

START_TEST(ends)
{
	struct out o = { .say = ST_OK };
	struct icyin y;

	buf_init(&o.data, 64);
	/* without titles all of it is stream */
	ck_assert(icyin_init(&y, 0));
	ck_assert_int_eq(icyin_feed(&y, "abc", 3, &ops, &o), ST_OK);
	ck_assert_str_eq(buf_cstr(&o.data), "abc");
	ck_assert(icyin_init(&y, ICYIN_EVERY_MAX) && y.every == ICYIN_EVERY_MAX);
	ck_assert(!icyin_init(&y, ICYIN_EVERY_MAX + 1u) && y.every == 0);
	/* what refuses it is heard, and nothing comes behind */
	o.say = ST_STOPPED;
	buf_reset(&o.data);
	ck_assert(icyin_init(&y, 2));
	ck_assert_int_eq(icyin_feed(&y, "ab\0cd", 5, &ops, &o), ST_STOPPED);
	ck_assert_str_eq(buf_cstr(&o.data), "ab");
	buf_fini(&o.data);
}
END_TEST

Suite *unit_suite(void)
{
	TCase *t = tcase_create("icyin");
	Suite *s = suite_create("core/media/icyin");

	tcase_add_loop_test(t, titles, 0, NELEM(texts));
	tcase_add_loop_test(t, splits, 0, 7);
	tcase_add_test(t, ends);
	suite_add_tcase(s, t);
	return s;
}
