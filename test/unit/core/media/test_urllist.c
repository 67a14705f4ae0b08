/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/urllist.h"

#include <string.h>

#include "core/sys/bytes.h"
#include "test/unit/unit.h"

static const struct {
	const char *mime, *url;
	enum urllist_kind kind;
} kinds[] = {
	{ "audio/x-mpegurl", "http://h/x", URLLIST_M3U },
	{ "AUDIO/X-MPEGURL; charset=utf-8", "http://h/x", URLLIST_M3U },
	{ "application/vnd.apple.mpegurl", "http://h/x", URLLIST_M3U },
	{ "audio/x-scpls", "http://h/x.m3u", URLLIST_PLS },
	{ "video/x-ms-asf", "http://h/x.asx", URLLIST_ASX },
	{ "video/x-ms-asf", "http://h/x", URLLIST_NONE },
	{ "audio/mpeg", "http://h/x.m3u", URLLIST_NONE },
	{ "text/plain", "http://h/x.PLS?y=1", URLLIST_PLS },
	{ "text/plain", "http://h/?y=.pls", URLLIST_NONE },
	{ "application/octet-stream", "http://h/x.m3u", URLLIST_M3U },
	{ NULL, "http://h/x.asx#y", URLLIST_ASX },
	{ NULL, "http://h/asx", URLLIST_NONE },
	{ "", "http://h/x.m3u8", URLLIST_M3U },
};

START_TEST(kind)
{
	ck_assert_int_eq(urllist_kind(kinds[_i].mime, kinds[_i].url), kinds[_i].kind);
}
END_TEST

static const struct {
	const char *name;
	enum urllist_kind kind;
	const char *text, *urls;        /* each with a blank behind it */
} lists[] = {
	{ "m3u", URLLIST_M3U, "#EXTM3U\r\n#EXTINF:-1,x\r\nhttp://a/\r\n\r\n  b/c \r\n", "http://a/ b/c " },
	{ "m3u, no end", URLLIST_M3U, "http://a/", "http://a/ " },
	{ "m3u, mark", URLLIST_M3U, "\xef\xbb\xbfhttp://a/", "http://a/ " },
	{ "m3u, old ends", URLLIST_M3U, "a\rb\r", "a b " },
	{ "m3u, nothing", URLLIST_M3U, "#x\n\n", "" },
	{ "pls", URLLIST_PLS, "[playlist]\nNumberOfEntries=2\nFile1=http://a/\nTitle1=x\nfile2 = b\n",
	  "http://a/ b " },
	{ "pls, odd", URLLIST_PLS, "File=\nFile1\nFilex=y\nFile12=z\nFile3=", "z " },
	{ "asx", URLLIST_ASX, "<ASX><Entry><Ref href = \"http://a/?x=1&amp;y=2\"/></Entry>"
	  "<entry><REF x='1' HREF='b'></entry></ASX>", "http://a/?x=1&y=2 b " },
	{ "asx, comment", URLLIST_ASX, "<!-- <ref href='a'/> --><ref\nhref='b'/>", "b " },
	{ "asx, other tags", URLLIST_ASX, "<entryref href='a'/><reference href='b'/><ref href=c/>", "" },
	{ "asx, cut", URLLIST_ASX, "<ref href='a", "" },
	{ "asx, quote", URLLIST_ASX, "<ref href='a/>", "" },
	{ "controls", URLLIST_M3U, "a\tb\nc\x01\nd", "d " },
	{ "too long", URLLIST_M3U, "0123456789012345678901234567890123456789\nd", "d " },
	{ "none", URLLIST_NONE, "http://a/", "" },
};

START_TEST(entries)
{
	struct urllist l;
	struct buf got;
	char url[32];

	buf_init(&got, 1024);
	urllist_init(&l, lists[_i].kind, lists[_i].text, strlen(lists[_i].text));
	while (urllist_next(&l, url, sizeof(url)))
		buf_printf(&got, "%s ", url);
	ck_assert_msg(strcmp(buf_cstr(&got), lists[_i].urls) == 0, "%s: %s", lists[_i].name, buf_cstr(&got));
	buf_fini(&got);
}
END_TEST

START_TEST(many)
{
	struct urllist l;
	struct buf b;
	char url[8];
	size_t n = 0;

	buf_init(&b, 1 << 16);
	for (int i = 0; i < URLLIST_ENTRIES + 10; i++)
		buf_puts(&b, "x\n");
	urllist_init(&l, URLLIST_M3U, (const char *)b.p, b.len);
	while (urllist_next(&l, url, sizeof(url)))
		n++;
	ck_assert_uint_eq(n, URLLIST_ENTRIES);
	buf_fini(&b);
}
END_TEST

START_TEST(hls)
{
	static const char yes[] = "#EXTM3U\r\n#EXT-X-VERSION:3\r\n", no[] = "#EXTM3U\n#EXTINF:-1,#EXT-X-\nhttp://a/\n";

	ck_assert(urllist_is_hls(yes, strlen(yes)));
	ck_assert(!urllist_is_hls(no, strlen(no)));
	ck_assert(!urllist_is_hls("#EXT-X", 6));
}
END_TEST

Suite *unit_suite(void)
{
	TCase *t = tcase_create("urllist");
	Suite *s = suite_create("core/media/urllist");

	tcase_add_loop_test(t, kind, 0, NELEM(kinds));
	tcase_add_loop_test(t, entries, 0, NELEM(lists));
	tcase_add_test(t, many);
	tcase_add_test(t, hls);
	suite_add_tcase(s, t);
	return s;
}
