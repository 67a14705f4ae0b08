/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/boardtext.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"
#include "test/unit/unit.h"

/* "Japanese" in three encodings, and what no encoding has */
#define JP_UTF8 "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"
#define JP_EUC  "\xc6\xfc\xcb\xdc\xb8\xec"
#define JP_SJIS "\x93\xfa\x96\x7b\x8c\xea"
#define FFFD    "\xef\xbf\xbd"

static struct boardconv *opened(enum board_kind kind)
{
	struct boardconv *c = boardconv_open(kind);

	ck_assert_ptr_nonnull(c);
	return c;
}

/* --- encodings -------------------------------------------------------------------------------- */

static const struct read_row {
	const char *name;
	enum board_kind kind;
	const char *in, *out;
} read_rows[] = {
	{ "nothing", BOARD_2CH, "", "" },
	{ "ASCII", BOARD_SHITARABA, "a <b> &amp;", "a <b> &amp;" },
	{ "EUC-JP", BOARD_SHITARABA, JP_EUC, JP_UTF8 },
	{ "Shift_JIS", BOARD_2CH, JP_SJIS, JP_UTF8 },
	{ "UTF-8 of Shitaraba", BOARD_SHITARABA, JP_UTF8 "!", JP_UTF8 "!" },
	{ "UTF-8 of a 2ch board", BOARD_2CH, JP_UTF8, JP_UTF8 },
	/* two letters of halfwidth kana would be one of UTF-8 */
	{ "halfwidth kana", BOARD_2CH, "\xc4\xb9", "\xef\xbe\x84\xef\xbd\xb9" },
	/* and two kanji two of UTF-8 */
	{ "EUC that might be UTF-8", BOARD_SHITARABA, "\xc4\xb9\xc5\xaa", "\xe9\x95\xb7\xe7\x9a\x84" },
	{ "Microsoft's circled digit, EUC", BOARD_SHITARABA, "\xad\xa1", "\xe2\x91\xa0" },
	{ "Microsoft's circled digit", BOARD_2CH, "\x87\x40", "\xe2\x91\xa0" },
	{ "a bad byte", BOARD_SHITARABA, JP_EUC "\xff" JP_EUC, JP_UTF8 FFFD JP_UTF8 },
	{ "a bad byte, Shift_JIS", BOARD_2CH, JP_SJIS "\xff" JP_SJIS, JP_UTF8 FFFD JP_UTF8 },
	{ "cut in the middle", BOARD_SHITARABA, JP_EUC "\xc6", JP_UTF8 FFFD },
	{ "controls", BOARD_2CH, "a\x01\tb\x7f", "a  b " },
	{ "a tab beside UTF-8", BOARD_SHITARABA, "\t" JP_UTF8, " " JP_UTF8 },
};

START_TEST(read_table)
{
	const struct read_row *r = &read_rows[_i];
	struct boardconv *c = opened(r->kind);
	struct buf out;

	buf_init(&out, 4096);
	boardconv_read(c, &out, r->in, strlen(r->in));
	ck_assert_msg(strcmp(buf_cstr(&out), r->out) == 0, "%s: %s", r->name, buf_cstr(&out));
	buf_fini(&out);
	boardconv_close(&c);
	ck_assert_ptr_null(c);
}
END_TEST

static const struct write_row {
	const char *name;
	enum board_kind kind;
	const char *in, *out;
} write_rows[] = {
	{ "ASCII", BOARD_2CH, "a b&c=d%", "a+b%26c%3Dd%25" },
	{ "EUC-JP", BOARD_SHITARABA, JP_UTF8, "%C6%FC%CB%DC%B8%EC" },
	{ "Shift_JIS", BOARD_2CH, JP_UTF8, "%93%FA%96%7B%8C%EA" },
	{ "what it lacks", BOARD_2CH, "\xf0\x9f\x98\x80", "%26%23128512%3B" },
	{ "what it lacks, EUC", BOARD_SHITARABA, "\xec\x95\x88" JP_UTF8, "%26%2350504%3B%C6%FC%CB%DC%B8%EC" },
	{ "lines", BOARD_2CH, "a\nb\r\n\rc", "a%0D%0Ab%0D%0A%0D%0Ac" },
	{ "controls and bad bytes", BOARD_2CH, "a\x01" "b\xe6\x97" "c\xff", "a+b%26%2365533%3Bc%26%2365533%3B" },
	{ "all a form leaves alone", BOARD_2CH, "-_.*~", "-_.*%7E" },
};

START_TEST(write_table)
{
	const struct write_row *r = &write_rows[_i];
	struct boardconv *c = opened(r->kind);
	struct buf out;

	buf_init(&out, 4096);
	boardconv_write(c, &out, r->in);
	ck_assert_msg(strcmp(buf_cstr(&out), r->out) == 0, "%s: %s", r->name, buf_cstr(&out));
	buf_fini(&out);
	boardconv_close(&c);
}
END_TEST

/* --- lists ------------------------------------------------------------------------------------ */

static const struct list_row {
	const char *name;
	enum board_kind kind;
	const char *in, *out;           /* id|posts|title, a line each */
} list_rows[] = {
	{ "none", BOARD_SHITARABA, "", "" },
	{ "an empty line", BOARD_SHITARABA, "\n", "" },
	{ "one", BOARD_SHITARABA, "123.cgi,a(5)\n123.cgi,a(5)\n", "123|5|a\n" },
	{ "one, not repeated", BOARD_SHITARABA, "123.cgi,a(5)\n", "123|5|a\n" },
	{ "some", BOARD_SHITARABA, "1.cgi," JP_EUC "(5)\r\n2.cgi,b (2)(1000)\r\n1.cgi," JP_EUC "(5)\r\n\r\n",
		"1|5|" JP_UTF8 "\n2|1000|b (2)\n" },
	{ "a new one before the repeated", BOARD_SHITARABA, "1.cgi,a(5)\n2.cgi,b(1)\n", "1|5|a\n2|1|b\n" },
	{ "2ch", BOARD_2CH, "9.dat<>" JP_SJIS " (12)\n8.dat<>x,y &amp; z  (3) \n", "9|12|" JP_UTF8 "\n8|3|x,y &amp; z\n" },
	{ "2ch, the same twice", BOARD_2CH, "9.dat<>a (1)\n9.dat<>a (1)\n", "9|1|a\n9|1|a\n" },
	{ "no lines of one", BOARD_2CH, "<html>\n9.dat<>a\n9.dat<>a (x)\n9.dat<>a (1\n9.dat<>(1)\n../9.dat<>a (1)\n"
		".dat<>a (1)\n9.dat<>a (99999999)\n7.dat<>last (1)", "9|1|\n7|1|last\n" },
};

START_TEST(list_table)
{
	const struct list_row *r = &list_rows[_i];
	struct boardconv *c = opened(r->kind);
	struct rd list = board_list(r->kind, r->in, strlen(r->in));
	struct board_thread t;
	struct buf out;

	buf_init(&out, 4096);
	buf_init(&t.title, 4096);
	while (board_next_thread(c, &list, &t))
		buf_printf(&out, "%s|%u|%s\n", t.id, t.posts, buf_cstr(&t.title));
	ck_assert_msg(strcmp(buf_cstr(&out), r->out) == 0, "%s: %s", r->name, buf_cstr(&out));
	buf_fini(&t.title);
	buf_fini(&out);
	boardconv_close(&c);
}
END_TEST

static const struct post_row {
	const char *name;
	enum board_kind kind;
	uint32_t first;
	const char *in, *out;           /* no|name|mail|date|body|title, a line each */
	uint32_t last;
} post_rows[] = {
	{ "none", BOARD_2CH, 1, "", "", 0 },
	{ "rawmode", BOARD_SHITARABA, 1, "1<>n<>sage<>2026/11/26<>" JP_EUC "<br>b<>t<>Id1\n3<>n<><>d<>b<><>\n",
		"1|n|sage|2026/11/26 ID:Id1|" JP_UTF8 "<br>b|t\n3|n||d|b|\n", 3 },
	{ "rawmode from", BOARD_SHITARABA, 2, "1<>n<>m<>d<>b<>t<>\n2<>n<>m<>d<>b<><>\n", "2|n|m|d|b|\n", 2 },
	{ "rawmode, nothing new", BOARD_SHITARABA, 9, "1<>n<>m<>d<>b<>t<>\n2<>n<>m<>d<>b<><>\n", "", 2 },
	{ "no lines of it", BOARD_SHITARABA, 1, "<html>\nx<>n<>m<>d<>b<>t<>\n1<>n\n-1<>n<>m<>d<>b\n9999999<>n<>m<>d<>b\n",
		"", 0 },
	{ "dat", BOARD_2CH, 1, JP_SJIS "<>sage<>2026/11/26(x) ID:a<> b <br> c <>title\nn<><>d<> &gt;&gt;1 <>\n",
		"1|" JP_UTF8 "|sage|2026/11/26(x) ID:a|b <br> c|title\n2|n||d|&gt;&gt;1|\n", 2 },
	{ "dat from", BOARD_2CH, 2, "a<><>d<>b<>t\nc<><>d<>e<>", "2|c||d|e|\n", 2 },
	{ "a broken line keeps its number", BOARD_2CH, 1, "a<><>d<>b<>t\n\nbroken\nc<><>d<>e<>\n", "1|a||d|b|t\n4|c||d|e|\n", 4 },
};

START_TEST(post_table)
{
	const struct post_row *r = &post_rows[_i];
	struct boardconv *c = opened(r->kind);
	struct board_reading at = { .rd = rd_of(r->in, strlen(r->in)) };
	struct board_post p;
	struct buf out;

	buf_init(&out, 4096);
	board_post_init(&p);
	while (board_next_post(c, &at, r->first, &p)) {
		buf_printf(&out, "%u", p.no);
		for (size_t i = 0; i < POST_FIELDS; i++)
			buf_printf(&out, "|%s", buf_cstr(&p.field[i]));
		buf_puts(&out, "\n");
	}
	ck_assert_msg(strcmp(buf_cstr(&out), r->out) == 0, "%s: %s", r->name, buf_cstr(&out));
	ck_assert_uint_eq(at.last, r->last);
	board_post_fini(&p);
	buf_fini(&out);
	boardconv_close(&c);
}
END_TEST

/* A line longer than anybody reads is cut, and the next one is found. */
START_TEST(long_line)
{
	struct boardconv *c = opened(BOARD_2CH);
	const size_t n = 200000;
	char *text = malloc(n + 32);
	struct board_reading at;
	struct board_post p;

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', n);
	memcpy(text, "n<><>d<>", 8);
	memcpy(text + n, "<>t\nn<><>d<>b<>\n", 17);
	at = (struct board_reading){ .rd = rd_of(text, strlen(text)) };
	board_post_init(&p);
	ck_assert(board_next_post(c, &at, 1, &p));
	ck_assert_uint_eq(p.field[POST_BODY].len, 65536);
	ck_assert(board_next_post(c, &at, 1, &p));
	ck_assert_str_eq(buf_cstr(&p.field[POST_BODY]), "b");
	board_post_fini(&p);
	free(text);
	boardconv_close(&c);
}
END_TEST

START_TEST(title)
{
	static const char text[] = "A=b\r\nBBS_TITLE=" JP_SJIS "\r\nBBS_TITLE=2\n", none[] = "XBBS_TITLE=a\n";
	struct boardconv *c = opened(BOARD_2CH);
	struct buf out;

	buf_init(&out, 4096);
	board_title(c, &out, none, strlen(none));
	ck_assert_uint_eq(out.len, 0);
	board_title(c, &out, text, strlen(text));
	ck_assert_str_eq(buf_cstr(&out), JP_UTF8);
	buf_fini(&out);
	boardconv_close(&c);
}
END_TEST

static const struct refusal_row {
	const char *name;
	enum board_kind kind;
	const char *in, *out;
} refusal_rows[] = {
	{ "nothing", BOARD_2CH, "", "" },
	{ "taken", BOARD_2CH, "<html><head><title>\x8f\x91\x82\xab\x82\xb1\x82\xdd\x82\xdc\x82\xb5\x82\xbd\x81\x42</title>"
		"</head><body>ERROR is no word of the title</body>", "" },
	{ "no page", BOARD_2CH, "ERROR", "" },
	{ "refused", BOARD_SHITARABA, "<HTML><TITLE>ERROR!!</TITLE><style>b{}</style><script>x='<b>'</script><!-- <b> -->"
		"<body><b>no &amp;</b> \n <p>" JP_EUC "</body>", "no &amp; " JP_UTF8 },
	{ "in Japanese", BOARD_2CH, "<title>\x83\x47\x83\x89\x81\x5b</title>a", "a" },
	{ "wants to be asked again", BOARD_2CH, "<title>\x8f\x91\x82\xab\x8d\x9e\x82\xdd\x8a\x6d\x94\x46</title>b", "b" },
	{ "says nothing", BOARD_2CH, "<title>ERROR</title>", "ERROR" },
	{ "never ends", BOARD_2CH, "<title>ERROR</title>x<b", "x" },
};

START_TEST(refusal_table)
{
	const struct refusal_row *r = &refusal_rows[_i];
	struct boardconv *c = opened(r->kind);
	struct buf out;

	buf_init(&out, 4096);
	board_refusal(c, &out, r->in, strlen(r->in));
	ck_assert_msg(strcmp(buf_cstr(&out), r->out) == 0, "%s: %s", r->name, buf_cstr(&out));
	buf_fini(&out);
	boardconv_close(&c);
}
END_TEST

START_TEST(parts)
{
	ck_assert(board_is_part("aZ09_-"));
	ck_assert(!board_is_part(""));
	ck_assert(!board_is_part("a/b"));
	ck_assert(!board_is_part(".."));
	ck_assert(!board_is_part("a%2e"));
	ck_assert(!board_is_part("1234567890123456789012345678901234567890123456789012345678901234"));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("boardtext");
	TCase *t = tcase_create("boardtext");

	tcase_add_loop_test(t, read_table, 0, NELEM(read_rows));
	tcase_add_loop_test(t, write_table, 0, NELEM(write_rows));
	tcase_add_loop_test(t, list_table, 0, NELEM(list_rows));
	tcase_add_loop_test(t, post_table, 0, NELEM(post_rows));
	tcase_add_test(t, long_line);
	tcase_add_test(t, title);
	tcase_add_loop_test(t, refusal_table, 0, NELEM(refusal_rows));
	tcase_add_test(t, parts);
	suite_add_tcase(s, t);
	return s;
}
