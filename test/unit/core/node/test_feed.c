/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: calloc realloc */
#include "core/node/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"
#include "test/unit/unit.h"

static int fail_in = -1;        /* the allocation that fails; -1 = none */

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

static bool fails(void)
{
	return fail_in >= 0 && fail_in-- == 0;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

#define ID "5942D78C0D0D12273317E281AE0E7B79"
#define REST "<>http://c/<>g<>d<>3<>2<>500<>FLV<>artist<>album<>title<>https://t/<>x<>1:05<>click<>hi<>1"
#define GOOD "name<>" ID "<>192.0.2.1:7144" REST "\n"

static struct feedlist *parsed(const char *text)
{
	struct feedlist *l;

	ck_assert_int_eq(feed_parse(text, strlen(text), &l), ST_OK);
	return l;
}

START_TEST(whole_line)
{
	static const char *const want[FEED_TEXTS] = { "name", "192.0.2.1:7144", "http://c/", "g", "d", "FLV",
		"artist", "album", "title", "https://t/", "x", "hi" };
	struct feedlist *l = parsed("\xef\xbb\xbf" GOOD);
	char hex[GNUID_STRLEN];

	ck_assert_uint_eq(l->n, 1);
	ck_assert_uint_eq(l->bad, 0);
	ck_assert_str_eq(gnuid_str(&l->chans[0].id, hex), ID);
	for (size_t i = 0; i < FEED_TEXTS; i++)
		ck_assert_str_eq(l->chans[0].text[i], want[i]);
	ck_assert_int_eq(l->chans[0].listeners, 3);
	ck_assert_int_eq(l->chans[0].relays, 2);
	ck_assert_uint_eq(l->chans[0].bitrate_kbps, 500);
	ck_assert_uint_eq(l->chans[0].uptime_s, 3900);
	ck_assert(l->chans[0].direct);
	feedlist_unref(&l);
	ck_assert_ptr_null(l);
}
END_TEST

/* --- lines ------------------------------------------------------------------------------------ */

static const struct line_row {
	const char *name, *text;
	size_t n;
	uint32_t bad, first_bad;
} line_rows[] = {
	{ "nothing", "", 0, 0, 0 },
	{ "empty lines", "\n\r\n\n", 0, 0, 0 },
	{ "no line end", "name<>" ID "<>" REST, 1, 0, 0 },
	{ "CR LF", "name<>" ID "<>" REST "\r\n" GOOD, 2, 0, 0 },
	{ "18 fields", "name<>" ID REST "\n", 0, 1, 1 },
	{ "20 fields", "name<>" ID "<><>" REST "\n", 0, 1, 1 },
	{ "all fields empty", "<>" ID "<><><><><><><><><><><><><><><><><>\n", 1, 0, 0 },
	{ "a lone <> more", "<>" ID "<><><><><><><><><><><><><><><><><><>\n", 0, 1, 1 },
	{ "bad lines between", GOOD "junk\n" GOOD "<html>\n" GOOD, 3, 2, 2 },
	{ "id too short", "name<>5942D78C" REST "<>\n", 0, 1, 1 },
	{ "id with other letters", "name<>G942D78C0D0D12273317E281AE0E7B79<>" REST "\n", 0, 1, 1 },
	{ "id too long", "name<>" ID "0<>" REST "\n", 0, 1, 1 },
	{ "id in lower case", "name<>5942d78c0d0d12273317e281ae0e7b79<>" REST "\n", 1, 0, 0 },
	{ "zero id: information", "x<>00000000000000000000000000000000<>" REST "\n", 1, 0, 0 },
	{ "half separators", "a<b>c< >d<>" ID "<>" REST "\n", 1, 0, 0 },
	{ "ends in half a separator", "name<>" ID "<>" REST "<\n", 1, 0, 0 },
	{ "a page", "<!DOCTYPE html>\n<html><body>404</body></html>\n", 0, 2, 1 },
};

START_TEST(lines)
{
	const struct line_row *r = &line_rows[_i];
	struct feedlist *l = parsed(r->text);

	ck_assert_msg(l->n == r->n, "%s: %zu lines", r->name, l->n);
	ck_assert_msg(l->bad == r->bad, "%s: %u bad", r->name, l->bad);
	ck_assert_msg(l->first_bad == r->first_bad, "%s: first bad %u", r->name, l->first_bad);
	feedlist_unref(&l);
}
END_TEST

/* --- fields ----------------------------------------------------------------------------------- */

static const struct field_row {
	int field;
	const char *text, *want;
} field_rows[] = {
	{ FEED_NAME, "a &amp; b &lt;c&gt; &quot;d&quot; &#039;e&#39; &#x27;", "a & b <c> \"d\" 'e' '" },
	{ FEED_NAME, "&lt;&gt;", "<>" },                        /* what could not be written plainly */
	{ FEED_NAME, "&amp;lt;", "&lt;" },                      /* once, not twice */
	{ FEED_NAME, "& &; &amp &nosuch; &#; &#x; &#xg; &#-1;", "& &; &amp &nosuch; &#; &#x; &#xg; &#-1;" },
	{ FEED_NAME, "&#12354;&#x1F600;", "\xe3\x81\x82\xf0\x9f\x98\x80" },
	{ FEED_NAME, "&#xD800;&#x110000;&#99999999999;", "&#xD800;&#x110000;&#99999999999;" },
	{ FEED_NAME, "a&#10;b&#0;c&#27;d", "a b&#0;c d" },
	{ FEED_NAME, "\x83\x65\x83\x58\x83\x67", "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88" }, /* CP932 */
	{ FEED_NAME, "\xff", "\xef\xbf\xbd" },
	{ FEED_TIP, "192.0.2.1:7144", "192.0.2.1:7144" },
	{ FEED_TIP, "[2001:db8::1]:7144", "[2001:db8::1]:7144" },
	{ FEED_TIP, "yp.example.org:7144", "yp.example.org:7144" },
	{ FEED_TIP, "192.0.2.1", "" },
	{ FEED_TIP, "192.0.2.1:0", "" },
	{ FEED_TIP, "192.0.2.1:70000", "" },
	{ FEED_TIP, "0.0.0.0:7144", "" },
	{ FEED_TIP, ":7144", "" },
	{ FEED_TIP, "a b:7144", "" },
	{ FEED_TIP, "http://x:1", "" },
	{ FEED_TIP, "&lt;x&gt;:1", "" },
	{ FEED_URL, "http://a/?b=c&amp;d=e", "http://a/?b=c&d=e" },
	{ FEED_URL, "HTTPS://a/", "HTTPS://a/" },
	{ FEED_URL, "javascript:alert(1)", "" },
	{ FEED_URL, "java&#115;cript:alert(1)", "" },
	{ FEED_URL, "//a/", "" },
	{ FEED_TRACK_URL, "data:text/html,x", "" },
	{ FEED_TRACK_URL, "http://a/", "http://a/" },
	{ FEED_ENCODED, "%E9%9b+a-b_c.d~e*", "%E9%9b+a-b_c.d~e*" },
	{ FEED_ENCODED, "it&#039;s(a)!", "it's(a)!" },
	{ FEED_ENCODED, "a&b=c", "" },
	{ FEED_ENCODED, "a&amp;b", "" },
	{ FEED_ENCODED, "a b", "" },
	{ FEED_ENCODED, "\"><script>", "" },
	{ FEED_ENCODED, "\xe3\x81\x82", "" },
};

static const int at[FEED_TEXTS] = { 0, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 17 };

/* A line with one field filled in. */
static struct feedlist *line_with(int field, const char *text)
{
	char line[2048];
	size_t n = 0;

	for (int i = 0; i < FEED_FIELDS; i++)
		n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s", i > 0 ? "<>" : "",
			i == field ? text : i == 1 ? ID : "");
	return parsed(line);
}

START_TEST(fields)
{
	const struct field_row *r = &field_rows[_i];
	struct feedlist *l = line_with(at[r->field], r->text);

	ck_assert_msg(l->n == 1, "%s", r->text);
	ck_assert_msg(strcmp(l->chans[0].text[r->field], r->want) == 0, "%s gives %s", r->text,
		l->chans[0].text[r->field]);
	feedlist_unref(&l);
}
END_TEST

static const struct number_row {
	int field;
	const char *text;
	int64_t want;
} number_rows[] = {
	{ 6, "0", 0 }, { 6, "-1", -1 }, { 6, "-9", -9 }, { 6, "", -1 }, { 6, "many", -1 }, { 6, "3x", -1 },
	{ 6, "99999999999", INT32_MAX }, { 6, "-99999999999", INT32_MIN },
	{ 6, "999999999999999999999999999999", -1 },
	{ 7, "12", 12 }, { 7, "", -1 },
	{ 8, "2500", 2500 }, { 8, "-5", 0 }, { 8, "", 0 }, { 8, "4294967296", INT32_MAX },
	{ 15, "0:00", 0 }, { 15, "00:01", 60 }, { 15, "123:59", 446340 }, { 15, "", 0 }, { 15, "5", 0 },
	{ 15, ":", 0 }, { 15, "-1:-1", 0 }, { 15, "1:99", 7140 }, { 15, "99999999999:1", 3600000060 },
	{ 18, "1", 1 }, { 18, "0", 0 }, { 18, "", 0 }, { 18, "7", 1 }, { 18, "x", 0 },
};

START_TEST(numbers)
{
	const struct number_row *r = &number_rows[_i];
	struct feedlist *l = line_with(r->field, r->text);
	const struct feedchan *c = &l->chans[0];
	const int64_t values[FEED_FIELDS] = { [6] = c->listeners, [7] = c->relays, [8] = c->bitrate_kbps,
		[15] = c->uptime_s, [18] = c->direct };
	const int64_t got = values[r->field];

	ck_assert_uint_eq(l->n, 1);
	ck_assert_msg(got == r->want, "field %d: %s gives %lld", r->field, r->text, (long long)got);
	feedlist_unref(&l);
}
END_TEST

/* --- limits ----------------------------------------------------------------------------------- */

START_TEST(texts_are_cut)
{
	char text[1500];
	struct feedlist *l;

	/* a three-byte character across the border */
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text + TEXT_MAX - 2, "\xe3\x81\x82", 3);
	l = line_with(0, text);
	ck_assert_uint_eq(l->n, 1);
	ck_assert_uint_eq(strlen(l->chans[0].text[FEED_NAME]), TEXT_MAX - 2);
	feedlist_unref(&l);
	/* an encoded one is whole, or not there */
	memset(text, 'a', sizeof(text) - 1);
	text[3 * TEXT_MAX - 1] = '\0';
	l = line_with(14, text);
	ck_assert_str_eq(l->chans[0].text[FEED_ENCODED], text);
	feedlist_unref(&l);
	text[3 * TEXT_MAX - 1] = 'a';
	l = line_with(14, text);
	ck_assert_str_eq(l->chans[0].text[FEED_ENCODED], "");
	feedlist_unref(&l);
}
END_TEST

START_TEST(long_lines_and_many)
{
	struct feedlist *l;
	struct buf b;

	buf_init(&b, 8 << 20);
	for (size_t i = 0; i <= FEED_LINE; i++)
		buf_u8(&b, 'x');
	buf_puts(&b, "<>" ID "<>" REST "\n" GOOD);
	ck_assert_int_eq(feed_parse(b.p, b.len, &l), ST_OK);
	ck_assert_uint_eq(l->n, 1);
	ck_assert_uint_eq(l->bad, 1);
	feedlist_unref(&l);
	buf_reset(&b);
	for (size_t i = 0; i < FEED_CHANS + 5; i++)
		buf_puts(&b, GOOD);
	ck_assert_int_eq(feed_parse(b.p, b.len, &l), ST_OK);
	ck_assert_uint_eq(l->n, FEED_CHANS);
	ck_assert_uint_eq(l->bad, 5);
	ck_assert_str_eq(l->chans[FEED_CHANS - 1].text[FEED_NAME], "name");
	feedlist_unref(&l);
	buf_fini(&b);
}
END_TEST

START_TEST(without_memory)
{
	struct feedlist *l;
	int n = 0;

	for (;;) {
		fail_in = n++;
		if (feed_parse(GOOD GOOD, strlen(GOOD GOOD), &l) == ST_OK)
			break;
		ck_assert_ptr_null(l);
		ck_assert_int_lt(n, 100);
	}
	fail_in = -1;
	ck_assert_int_ge(n, 5);
	ck_assert_uint_eq(l->n, 2);
	feedlist_unref(&l);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/node/feed");
	TCase *t = tcase_create("feed");

	tcase_add_test(t, whole_line);
	tcase_add_loop_test(t, lines, 0, NELEM(line_rows));
	tcase_add_loop_test(t, fields, 0, NELEM(field_rows));
	tcase_add_loop_test(t, numbers, 0, NELEM(number_rows));
	tcase_add_test(t, texts_are_cut);
	tcase_add_test(t, long_lines_and_many);
	tcase_add_test(t, without_memory);
	suite_add_tcase(s, t);
	return s;
}
