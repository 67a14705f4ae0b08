/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What hooks have in common: signature, waits, verdicts, names. */
#include "servent/hook.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/sys/text.h"
#include "test/unit/unit.h"

/* made by: printf '%s' "$time.$body" | openssl dgst -sha256 -hmac "$secret" */
static const struct {
	const char *secret;
	int64_t time;
	const char *body, *signature;
} signatures[] = {
	{ "top secret", 1700000000, "{\"a\":1}",
	  "t=1700000000,v1=b818565009498d6980f18cd02e140c93528f621038a94cf111e7fee05f3a2bbf" },
	{ "k", 0, "", "t=0,v1=6b4a4b8b3c40f1e8f53a3d36682e5f99f7ad2ac1df1c93dfe336f329167641e7" },
	/* a key longer than a block of the hash: 200 times x */
	{ NULL, 4102444800, "\xe3\x81\x82",
	  "t=4102444800,v1=b8417fb8f1e531957bf450a8d4e02700ced0bc867f7ee792390d44154eb5f8f6" },
};

START_TEST(signature)
{
	char to[HOOK_SIGNATURE], longest[201] = "";

	memset(longest, 'x', 200);
	hook_sign(to, signatures[_i].secret != NULL ? signatures[_i].secret : longest, signatures[_i].time,
		signatures[_i].body, strlen(signatures[_i].body));
	ck_assert_str_eq(to, signatures[_i].signature);
}
END_TEST

static uint32_t least(uint32_t n)
{
	ck_assert_uint_gt(n, 0);
	return 0;
}

static uint32_t most(uint32_t n)
{
	ck_assert_uint_gt(n, 0);
	return n - 1;
}

static const struct {
	uint32_t tried;
	nsec asked_s;
	nsec least_ms, most_ms;
} waits[] = {
	{ 1, 0, 500, 1000 }, { 2, 0, 1000, 2000 }, { 3, 0, 2000, 4000 }, { 4, 0, 4000, 8000 },
	{ 5, 0, 8000, 16000 }, { 6, 0, 16000, 32000 }, { 7, 0, 30000, 60000 }, { 21, 0, 30000, 60000 },
	{ UINT32_MAX, 0, 30000, 60000 }, { 0, 0, 500, 1000 },
	{ 1, 10, 10000, 10000 }, { 7, 10, 30000, 60000 }, { 1, 300, 300000, 300000 },
	{ 1, 86400, 300000, 300000 }, { 1, -5, 500, 1000 },
};

START_TEST(wait)
{
	const nsec asked = waits[_i].asked_s * NSEC_PER_SEC;

	ck_assert_int_eq(hook_wait(waits[_i].tried, asked, least), waits[_i].least_ms * NSEC_PER_MSEC);
	ck_assert_int_eq(hook_wait(waits[_i].tried, asked, most), waits[_i].most_ms * NSEC_PER_MSEC);
}
END_TEST

static const struct {
	long status;
	enum hook_verdict want;
} answers[] = {
	{ 200, HOOK_DONE }, { 204, HOOK_DONE }, { 299, HOOK_DONE }, { 100, HOOK_NEVER }, { 301, HOOK_NEVER },
	{ 302, HOOK_NEVER }, { 400, HOOK_NEVER }, { 401, HOOK_NEVER }, { 404, HOOK_NEVER },
	{ 408, HOOK_AGAIN }, { 410, HOOK_NEVER }, { 429, HOOK_AGAIN }, { 500, HOOK_AGAIN },
	{ 503, HOOK_AGAIN }, { 599, HOOK_AGAIN }, { 0, HOOK_AGAIN },
};

START_TEST(answer)
{
	ck_assert_int_eq(hook_judge_http(answers[_i].status), answers[_i].want);
}
END_TEST

START_TEST(starts)
{
	ck_assert_int_eq(hook_judge_start(ENOENT), HOOK_NEVER);
	ck_assert_int_eq(hook_judge_start(EACCES), HOOK_NEVER);
	ck_assert_int_eq(hook_judge_start(ENOEXEC), HOOK_NEVER);
	ck_assert_int_eq(hook_judge_start(EAGAIN), HOOK_AGAIN);
	ck_assert_int_eq(hook_judge_start(EMFILE), HOOK_AGAIN);
	ck_assert_int_eq(hook_judge_start(ENOMEM), HOOK_AGAIN);
}
END_TEST

static const struct {
	const char *command, *url, *shown;
} names[] = {
	{ "/usr/bin/notify --token=abc", "", "hook 3 (notify)" },
	{ "'my program' x", "", "hook 3 (my program)" },
	{ "'open", "", "hook 3 (?)" },
	{ "", "https://example.com/api/token?key=1", "hook 3 (https://example.com)" },
	{ "", "http://user:pass@[2001:db8::1]:8080", "hook 3 (http://[2001:db8::1]:8080)" },
	{ "", "http://a@b@c/d", "hook 3 (http://c)" },
	{ "", "http://a@b@c/d@e", "hook 3 (http://...)" },
	{ "", "http://a?b/c@d", "hook 3 (http://a)" },
	{ "", "http://a#token", "hook 3 (http://a)" },
	{ "", "http://user:pa/ss@host/", "hook 3 (http://...)" },
	{ "", "http://user:12/ss@host:80/", "hook 3 (http://...)" },
	{ "", "http://user:p@a?ss:w#d@host/", "hook 3 (http://...)" },
	{ "", "http://user:p?s@host/", "hook 3 (http://...)" },
	{ "", "http://user:p#s@host/", "hook 3 (http://...)" },
	{ "", "https://host/users/@me", "hook 3 (https://host)" },
};

START_TEST(shown)
{
	struct settings_hook h = { .events = 1 };
	char to[HOOK_SHOWN];

	ck_assert(text_copy(h.command, sizeof(h.command), names[_i].command));
	ck_assert(text_copy(h.url, sizeof(h.url), names[_i].url));
	hook_shown(to, 2, &h);
	ck_assert_str_eq(to, names[_i].shown);
}
END_TEST

/* Names are those that the ini takes. */
START_TEST(events)
{
	struct settings *st;
	char ini[256];
	size_t n;

	for (unsigned what = HOOK_CHANNEL_START; what <= HOOK_VIEWER_LEAVE; what <<= 1) {
		ck_assert(hook_name((enum hookwhat)what)[0] != '\0');
		(void)snprintf(ini, sizeof(ini), "[Hook]\nevent = %s\ncommand = a\n[End]\n",
			hook_name((enum hookwhat)what));
		ck_assert_int_eq(settings_parse(ini, strlen(ini), NULL, NULL, &st), ST_OK);
		ck_assert_uint_eq(settings_hooks(st, &n)[0].events, what);
		settings_free(&st);
	}
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/hook");
	TCase *t = tcase_create("hook");

	tcase_add_loop_test(t, signature, 0, NELEM(signatures));
	tcase_add_loop_test(t, wait, 0, NELEM(waits));
	tcase_add_loop_test(t, answer, 0, NELEM(answers));
	tcase_add_test(t, starts);
	tcase_add_loop_test(t, shown, 0, NELEM(names));
	tcase_add_test(t, events);
	suite_add_tcase(s, t);
	return s;
}
