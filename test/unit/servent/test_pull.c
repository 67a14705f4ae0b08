/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pulled channels: what may be pulled, and how often. */
#include "servent/pull.h"

#include <string.h>

#include "servent/curl.h"
#include "test/unit/servent/servtest.h"
#include "test/unit/unit.h"

static const struct {
	const char *url;
	unsigned allow;
} schemes[] = {
	{ "http://h/x", FETCHALLOW_HTTP }, { "HTTPS://h", FETCHALLOW_HTTP }, { "mms://h/x", FETCHALLOW_MMS },
	{ "mmsh://h/x", FETCHALLOW_MMS }, { "pcp://h/x", FETCHALLOW_HTTP }, { "rtmp://h/a/b", FETCHALLOW_RTMP },
	{ "http://", 0 }, { "http:///x", 0 }, { "http:/h/x", 0 }, { "ftp://h/x", 0 },
	{ "file:///x", FETCHALLOW_FILE }, { "file://localhost/x", FETCHALLOW_FILE }, { "FILE:x", FETCHALLOW_FILE },
	{ "file:/x", FETCHALLOW_FILE }, { "file://h/x", 0 }, { "file://", 0 }, { "file:", 0 }, { "file:///", 0 },
	{ "/etc/passwd", FETCHALLOW_FILE }, { "x", FETCHALLOW_FILE }, { "x/y:z", FETCHALLOW_FILE }, { "x:y", 0 },
	{ "", 0 }, { "rtmps://h/a", 0 }, { "pipe:id", FETCHALLOW_PIPE }, { "pipe:/bin/id", FETCHALLOW_PIPE },
	{ "pipe:", 0 }, { "Pipe: id", FETCHALLOW_PIPE },
	{ "gopher://h", 0 }, { " http://h/", 0 },
};

START_TEST(scheme)
{
	ck_assert_msg(pull_scheme(schemes[_i].url) == schemes[_i].allow, "%s", schemes[_i].url);
}
END_TEST

static const struct {
	const char *url, *shown;
} shown_as[] = {
	{ "http://h/x", "http://h/x" }, { "http://user:pw@h:8/x?y", "http://h:8/x?y" },
	{ "http://user@h", "http://h" }, { "http://h/@x", "http://h/@x" }, { "http://h?a@b", "http://h?a@b" },
	{ "http://a@b@h/", "http://h/" }, { "x", "x" }, { "", "" }, { "/a@b/c", "/a@b/c" },
	{ "file:///a@b", "file:///a@b" }, { "pipe: cat  secret", "pipe:cat" }, { "pipe:id", "pipe:id" },
};

START_TEST(shown)
{
	char got[TEXT_MAX];

	pull_shown(got, shown_as[_i].url);
	ck_assert_str_eq(got, shown_as[_i].shown);
}
END_TEST

START_TEST(shown_is_cut)
{
	char url[CHAN_URL], got[TEXT_MAX];

	memset(url, 'x', sizeof(url) - 1);
	url[sizeof(url) - 1] = '\0';
	memcpy(url, "http://u:p@", 11);
	pull_shown(got, url);
	ck_assert_uint_eq(strlen(got), TEXT_MAX - 1);
	ck_assert_int_eq(strncmp(got, "http://xx", 9), 0);
}
END_TEST

START_TEST(pauses)
{
	static const nsec seconds[] = { 1, 2, 4, 8, 15, 30, 30, 30 };

	for (unsigned i = 0; i < NELEM(seconds); i++)
		ck_assert_int_eq(pull_pause(i), seconds[i] * NSEC_PER_SEC);
	ck_assert_int_eq(pull_pause(~0u), PULL_PAUSE_MAX);
	ck_assert_int_eq(pull_pause(0), PULL_PAUSE_MIN);
}
END_TEST

static const struct {
	const char *base, *entry, *url;         /* url NULL = no address */
} entries[] = {
	{ "http://h/a/b?c", "d", "http://h/a/d" }, { "http://h/a/b", "/d?e", "http://h/d?e" },
	{ "http://h/a", "http://i/x", "http://i/x" }, { "http://h/a", "//i/x", "http://i/x" },
	{ "http://h/a", "mms://i/x", "mms://i/x" }, { "https://h/a/b", "../c", "https://h/c" },
	{ "", "d", NULL },
};

START_TEST(resolve)
{
	char got[CHAN_URL];
	bool ok;

	if (curl_missing() != NULL)
		return;
	ok = pull_resolve(got, entries[_i].base, entries[_i].entry);
	ck_assert_msg(ok == (entries[_i].url != NULL), "%s %s", entries[_i].base, entries[_i].entry);
	if (ok)
		ck_assert_str_eq(got, entries[_i].url);
}
END_TEST

static const struct {
	const char *list, *entry, *path;
} beside[] = {
	{ "/m/a.m3u", "b.mp3", "/m/b.mp3" }, { "/m/a.m3u", "/n/b", "/n/b" }, { "a.m3u", "b", "b" },
	{ "/m/a.m3u", "../b", "/m/../b" }, { "/m/a.m3u", "http://h/x", "http://h/x" },
	{ "/m/a.m3u", "file:///x", "file:///x" }, { "/m/a.m3u", "x:y", "/m/x:y" },
};

START_TEST(resolve_beside)
{
	char got[CHAN_URL], longest[CHAN_URL];

	ck_assert(pull_beside(got, beside[_i].list, beside[_i].entry));
	ck_assert_str_eq(got, beside[_i].path);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	ck_assert(!pull_beside(got, "/m/a.m3u", longest));
}
END_TEST

#define ID "0123456789abcdef0123456789ABCDEF"

static const struct {
	const char *url, *host;         /* host NULL = it is none */
} nodes[] = {
	{ "pcp://h/channel/" ID, "h" }, { "PCP://h:1/" ID, "h:1" }, { "pcp://[::1]:7144/channel/" ID, "[::1]:7144" },
	{ "pcp://h/01234567-89ab-cdef-0123-456789abcdef", "h" }, { "pcp://h/channel/" ID "?tip=x", "h" },
	{ "pcp://h/channel/" ID ".flv", "h" }, { "pcp://h/" ID "0", NULL }, { "pcp://h/channel/0123", NULL },
	{ "pcp:///" ID, NULL }, { "pcp://h", NULL }, { "pcp://h/", NULL }, { "http://h/channel/" ID, NULL },
	{ "pcp://h/channel/x123456789abcdef0123456789abcdef", NULL }, { "pcp://h/stream/" ID, NULL },
};

START_TEST(node_address)
{
	char host[TEXT_MAX];
	struct gnuid id, want;
	const bool ok = pull_pcp_url(nodes[_i].url, host, &id);

	ck_assert_msg(ok == (nodes[_i].host != NULL), "%s", nodes[_i].url);
	if (!ok)
		return;
	ck_assert_str_eq(host, nodes[_i].host);
	ck_assert(gnuid_parse(&want, ID) && gnuid_equal(&id, &want));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/pull");
	TCase *t = tcase_create("pull");

	tcase_add_loop_test(t, scheme, 0, NELEM(schemes));
	tcase_add_loop_test(t, shown, 0, NELEM(shown_as));
	tcase_add_test(t, shown_is_cut);
	tcase_add_test(t, pauses);
	tcase_add_loop_test(t, resolve, 0, NELEM(entries));
	tcase_add_loop_test(t, node_address, 0, NELEM(nodes));
	tcase_add_loop_test(t, resolve_beside, 0, NELEM(beside));
	suite_add_tcase(s, t);
	return s;
}
