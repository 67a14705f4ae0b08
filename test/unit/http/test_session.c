/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logins: who has a session, for how long, and what of it is kept in tokens.json. */
/* wrap: clk_now */
#include "http/session.h"

#include <stdio.h>
#include <sys/stat.h>

#include "test/unit/clock.h"
#include "test/unit/http/httptest.h"
#include "test/unit/unit.h"

static char folder[64], ini[96], tokens[96];

static struct conf *conf_up(bool kept, const char *password)
{
	struct conf *c;
	char why[SETTINGS_WHY];

	ck_assert_int_eq(conf_open(&c, ini), ST_OK);
	ck_assert_int_eq(conf_set(c, "password", password, why), ST_OK);
	ck_assert_int_eq(conf_set(c, "persistTokenList", kept ? "Yes" : "No", why), ST_OK);
	return c;
}

static void up(void)
{
	snprintf(folder, sizeof(folder), "/tmp/peercast-session-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(ini, sizeof(ini), "%s/peercast.ini", folder);
	snprintf(tokens, sizeof(tokens), "%s/tokens.json", folder);
}

static void down(void)
{
	char bad[112];

	snprintf(bad, sizeof(bad), "%s.bad", tokens);
	(void)unlink(ini);
	(void)unlink(tokens);
	(void)unlink(bad);
	ck_assert_int_eq(rmdir(folder), 0);
}

static struct host at(const char *text)
{
	struct host h;

	ck_assert(host_parse(&h, text, 5));
	return h;
}

START_TEST(who)
{
	struct conf *c = conf_up(false, "pw");
	const struct host v4 = at("198.51.100.7"), other = at("198.51.100.8");
	const struct host v6 = at("2001:db8:1:2:3::1"), same = at("2001:db8:1:2:4::9"), next = at("2001:db8:1:3::1");
	char a[SESSION_ID], b[SESSION_ID], wrong[SESSION_ID];

	session_open(c, &v4, a);
	session_open(c, &v6, b);
	ck_assert_str_ne(a, b);
	ck_assert_uint_eq(strspn(a, "0123456789abcdef"), SESSION_ID - 1);
	ck_assert(session_is(c, &v4, a) && session_is(c, &v6, b) && session_is(c, &same, b));
	ck_assert(!session_is(c, &other, a) && !session_is(c, &next, b) && !session_is(c, &v4, b));
	text_copy(wrong, sizeof(wrong), a);
	wrong[31] = wrong[31] == '0' ? '1' : '0';
	ck_assert(!session_is(c, &v4, wrong) && !session_is(c, &v4, "") && !session_is(c, &v4, "zz"));
	session_close(c, &other, a);            /* not its own */
	ck_assert(session_is(c, &v4, a));
	session_close(c, &v4, a);
	ck_assert(!session_is(c, &v4, a) && session_is(c, &v6, b));
	session_close(c, &v6, b);
	conf_free(&c);
	ck_assert_int_eq(access(tokens, F_OK), -1);
}
END_TEST

/* The empty place of the table is nobody's session. */
START_TEST(zeros)
{
	struct conf *c = conf_up(false, "pw");
	const struct host none = { .port = 0 }, v4 = at("198.51.100.7");

	ck_assert(!session_is(c, &none, "00000000000000000000000000000000"));
	ck_assert(!session_is(c, &v4, "00000000000000000000000000000000"));
	conf_free(&c);
}
END_TEST

START_TEST(ends)
{
	struct conf *c = conf_up(false, "pw");
	const struct host v4 = at("198.51.100.7");
	char id[SESSION_ID], why[SETTINGS_WHY];

	session_open(c, &v4, id);
	for (int i = 0; i < 3; i++) {           /* in use it does not end */
		skew += (SESSION_IDLE - 1) * NSEC_PER_SEC;
		ck_assert(session_is(c, &v4, id));
	}
	skew += (SESSION_IDLE + 1) * NSEC_PER_SEC;
	ck_assert(!session_is(c, &v4, id));
	ck_assert_int_eq(conf_set(c, "cookiesExpire", "never", why), ST_OK);
	session_open(c, &v4, id);
	skew += (SESSION_IDLE + 1) * NSEC_PER_SEC;
	ck_assert(session_is(c, &v4, id));
	/* a new password ends all */
	ck_assert_int_eq(conf_set(c, "password", "other", why), ST_OK);
	ck_assert(!session_is(c, &v4, id));
	ck_assert_int_eq(conf_set(c, "password", "pw", why), ST_OK);
	ck_assert(!session_is(c, &v4, id));
	conf_free(&c);
}
END_TEST

START_TEST(bounded)
{
	struct conf *c = conf_up(false, "pw");
	const struct host v4 = at("198.51.100.7");
	char id[SESSIONS + 2][SESSION_ID];

	for (int i = 0; i < SESSIONS; i++) {
		session_open(c, &v4, id[i]);
		skew += NSEC_PER_SEC;
	}
	ck_assert(session_is(c, &v4, id[0]));   /* used: the second one is the oldest now */
	skew += NSEC_PER_SEC;
	session_open(c, &v4, id[SESSIONS]);
	ck_assert(session_is(c, &v4, id[0]) && session_is(c, &v4, id[SESSIONS]) &&
		session_is(c, &v4, id[SESSIONS - 1]));
	ck_assert(!session_is(c, &v4, id[1]));
	for (int i = 0; i <= SESSIONS; i++)
		session_close(c, &v4, id[i]);
	conf_free(&c);
}
END_TEST

static void write_tokens(const char *text)
{
	ck_assert_int_eq(file_replace(tokens, text, strlen(text), 0600), ST_OK);
}

START_TEST(kept)
{
	struct conf *c = conf_up(true, "pw");
	const struct host v4 = at("198.51.100.7"), v6 = at("2001:db8::7");
	char a[SESSION_ID], b[SESSION_ID], why[SETTINGS_WHY];
	struct stat sb;
	struct buf saved;

	session_open(c, &v4, a);
	session_open(c, &v6, b);
	ck_assert_int_eq(stat(tokens, &sb), 0);
	ck_assert_uint_eq(sb.st_mode & 0777, 0600);
	buf_init(&saved, 65536);
	ck_assert_int_eq(file_read(tokens, &saved), ST_OK);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&saved), a));
	session_close(c, &v4, a);
	session_close(c, &v6, b);
	write_tokens(buf_cstr(&saved));
	sessions_load(c, NULL);
	ck_assert(session_is(c, &v4, a) && session_is(c, &v6, b));
	session_close(c, &v4, a);
	ck_assert(!session_is(c, &v4, a));
	session_close(c, &v6, b);
	/* for another password they are nothing */
	write_tokens(buf_cstr(&saved));
	ck_assert_int_eq(conf_set(c, "password", "other", why), ST_OK);
	sessions_load(c, NULL);
	ck_assert(!session_is(c, &v4, a));
	/* nor without the flag */
	ck_assert_int_eq(conf_set(c, "password", "pw", why), ST_OK);
	ck_assert_int_eq(conf_set(c, "persistTokenList", "No", why), ST_OK);
	sessions_load(c, NULL);
	ck_assert(!session_is(c, &v4, a));
	buf_fini(&saved);
	conf_free(&c);
}
END_TEST

#define ID "00112233445566778899aabbccddeeff"

static const struct {
	const char *name, *text;
	bool good, bad;                 /* the session is there; the file was set aside */
} files[] = {
	{ "PeerCast-YT's", "[{\"ip\":\"198.51.100.7\",\"id\":\"" ID "\"}]", true, false },
	{ "beside broken ones", "[7,{},{\"ip\":\"x\",\"id\":\"" ID "\"},{\"ip\":\"198.51.100.7\",\"id\":\"" ID "\"}]",
	  true, false },
	{ "nothing", "", false, true },
	{ "no array", "{\"ip\":\"198.51.100.7\",\"id\":\"" ID "\"}", false, true },
	{ "cut", "[{\"ip\":\"198.51.100.7\",\"id\":\"" ID "\"}", false, true },
	{ "none", "[]", false, false },
	{ "short id", "[{\"ip\":\"198.51.100.7\",\"id\":\"0011\"}]", false, false },
	{ "no hex", "[{\"ip\":\"198.51.100.7\",\"id\":\"0011223344556677z899aabbccddeeff\"}]", false, false },
	{ "numbers", "[{\"ip\":1,\"id\":2,\"used\":\"x\",\"mac\":[]}]", false, false },
	{ "from the future", "[{\"ip\":\"198.51.100.7\",\"id\":\"" ID "\",\"used\":9223372036854775807}]", true, false },
	{ "from long ago", "[{\"ip\":\"198.51.100.7\",\"id\":\"" ID "\",\"used\":-9223372036854775807}]", false, false },
	{ "bad mac", "[{\"ip\":\"198.51.100.7\",\"id\":\"" ID "\",\"mac\":\"00\"}]", false, false },
};

START_TEST(file)
{
	struct conf *c = conf_up(true, "pw");
	const struct host v4 = at("198.51.100.7");
	char bad[112];

	snprintf(bad, sizeof(bad), "%s.bad", tokens);
	write_tokens(files[_i].text);
	sessions_load(c, NULL);
	ck_assert_msg(session_is(c, &v4, ID) == files[_i].good, "%s", files[_i].name);
	ck_assert_msg((access(bad, F_OK) == 0) == files[_i].bad, "%s", files[_i].name);
	session_close(c, &v4, ID);
	conf_free(&c);
}
END_TEST

/* Where we have no file PeerCast-YT's counts; it is not renamed, whatever is in it. */
START_TEST(file_of_peercast_yt)
{
	struct conf *c = conf_up(true, "pw");
	const struct host v4 = at("198.51.100.7");
	char yt[80], theirs[112];

	snprintf(yt, sizeof(yt), "%s/yt", folder);
	snprintf(theirs, sizeof(theirs), "%s/tokens.json", yt);
	sessions_load(c, yt);                   /* neither is there */
	ck_assert_int_eq(mkdir(yt, 0700), 0);
	write_tokens(files[_i].text);
	ck_assert_int_eq(rename(tokens, theirs), 0);
	sessions_load(c, NULL);
	ck_assert(!session_is(c, &v4, ID));
	sessions_load(c, yt);
	ck_assert_msg(session_is(c, &v4, ID) == files[_i].good, "%s", files[_i].name);
	ck_assert_int_eq(access(theirs, F_OK), 0);
	session_close(c, &v4, ID);              /* writes ours, if it was one */
	write_tokens("[]");
	sessions_load(c, yt);
	ck_assert(!session_is(c, &v4, ID));
	ck_assert_int_eq(unlink(theirs), 0);
	ck_assert_int_eq(rmdir(yt), 0);
	conf_free(&c);
}
END_TEST

static const struct {
	const char *head;
	bool yes;
} cookies[] = {
	{ "Cookie: 7144_id=" ID "\n", true },
	{ "Cookie: a=b; 7144_id=" ID "; c=d\n", true },
	{ "Cookie: 7144_id=ffffffffffffffffffffffffffffffff; 7144_id=" ID "\n", true },
	{ "Cookie: 7144_id=;;; 7144_id=" ID "\n", true },
	{ "Cookie: 7145_id=" ID "\n", false },
	{ "Cookie: x7144_id=" ID "\n", false },
	{ "Cookie: 7144_id=" ID "0\n", false },
	{ "Cookie: 7144_id\n", false },
	{ "Cookie: 7144_id=\n", false },
	{ "Cookie: =;=;;\n", false },
	{ "Cookie:\n", false },
	{ "\n", false },
	/* no more than so many are looked at */
	{ "Cookie: "
	  "7144_id=0000000000000000000000000000000f; 7144_id=0000000000000000000000000000000f; "
	  "7144_id=0000000000000000000000000000000f; 7144_id=0000000000000000000000000000000f; "
	  "7144_id=0000000000000000000000000000000f; 7144_id=0000000000000000000000000000000f; "
	  "7144_id=0000000000000000000000000000000f; 7144_id=0000000000000000000000000000000f; 7144_id=" ID "\n", false },
};

START_TEST(cookie)
{
	struct conf *c = conf_up(true, "pw");
	const struct host v4 = at("198.51.100.7");
	struct request rq;

	write_tokens(files[0].text);
	sessions_load(c, NULL);
	request_init(&rq);
	ck_assert_int_eq(request_headers(&rq, cookies[_i].head, strlen(cookies[_i].head)), ST_OK);
	ck_assert_msg(session_of_request(c, &v4, &rq) == cookies[_i].yes, "%s", cookies[_i].head);
	session_close_request(c, &v4, &rq);
	ck_assert_msg(session_is(c, &v4, ID) == !cookies[_i].yes, "%s", cookies[_i].head);
	session_close(c, &v4, ID);
	request_fini(&rq);
	conf_free(&c);
}
END_TEST

/* The reader a request is, after a head of these lines. */
static void reader(struct conf *c, const char *peer, const char *head, uint8_t out[SESSION_READER])
{
	const struct host h = at(peer);
	struct request rq;

	request_init(&rq);
	ck_assert_int_eq(request_headers(&rq, head, strlen(head)), ST_OK);
	session_reader(c, &h, &rq, out);
	request_fini(&rq);
}

static const struct {
	const char *peer, *head, *peer2, *head2;
	bool same;
} readers[] = {
	{ "198.51.100.7", "\n", "198.51.100.7", "\n", true },
	{ "198.51.100.7", "\n", "198.51.100.8", "\n", false },
	{ "198.51.100.7", "User-Agent: a\n", "198.51.100.7", "User-Agent: a\n", true },
	{ "198.51.100.7", "User-Agent: a\n", "198.51.100.7", "User-Agent: b\n", false },
	{ "198.51.100.7", "User-Agent: a\n", "198.51.100.7", "\n", false },
	/* a login is the same one whatever program brings it; no login is nothing */
	{ "198.51.100.7", "Cookie: 7144_id=" ID "\nUser-Agent: a\n",
	  "198.51.100.7", "Cookie: 7144_id=" ID "\nUser-Agent: b\n", true },
	{ "198.51.100.7", "Cookie: 7144_id=" ID "\n", "198.51.100.7", "\n", false },
	{ "198.51.100.8", "Cookie: 7144_id=" ID "\n", "198.51.100.8", "\n", true },
	{ "198.51.100.7", "Cookie: 7144_id=0000000000000000000000000000000f\n", "198.51.100.7", "\n", true },
	{ "2001:db8::1", "\n", "2001:db8::2", "\n", true },
	{ "2001:db8::1", "\n", "2001:db8:0:1::1", "\n", false },
};

START_TEST(who_reads)
{
	struct conf *c = conf_up(true, "pw");
	const struct host v4 = at("198.51.100.7");
	uint8_t a[SESSION_READER], b[SESSION_READER];

	write_tokens(files[0].text);
	sessions_load(c, NULL);
	reader(c, readers[_i].peer, readers[_i].head, a);
	reader(c, readers[_i].peer2, readers[_i].head2, b);
	ck_assert_int_eq(memcmp(a, b, sizeof(a)) == 0, readers[_i].same);
	session_close(c, &v4, ID);
	conf_free(&c);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("session");
	TCase *t = tcase_create("session");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_test(t, who);
	tcase_add_test(t, zeros);
	tcase_add_test(t, ends);
	tcase_add_test(t, bounded);
	tcase_add_test(t, kept);
	tcase_add_loop_test(t, file, 0, (int)NELEM(files));
	tcase_add_loop_test(t, file_of_peercast_yt, 0, (int)NELEM(files));
	tcase_add_loop_test(t, cookie, 0, (int)NELEM(cookies));
	tcase_add_loop_test(t, who_reads, 0, (int)NELEM(readers));
	suite_add_tcase(s, t);
	return s;
}
