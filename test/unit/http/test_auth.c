/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tokens, passwords, and requests that pages of other sites made. */
#include "http/auth.h"

#include <stdio.h>

#include "test/unit/http/httptest.h"
#include "test/unit/unit.h"

START_TEST(token)
{
	struct gnuid bcid, chan;
	char got[AUTH_TOKEN];

	/* measured on PeerCast-YT (http.md 10.5) */
	ck_assert(gnuid_parse(&bcid, "00D67218FD425A17786B476C25E22A34"));
	ck_assert(gnuid_parse(&chan, "5504F63F22A84A9866A8223836B29FC8"));
	auth_token(got, &bcid, &chan);
	ck_assert_str_eq(got, "73683eb1e2f85114c704879f87f0c937");
	ck_assert(auth_token_ok("73683eb1e2f85114c704879f87f0c937", &bcid, &chan));
	ck_assert(!auth_token_ok("73683eb1e2f85114c704879f87f0c93", &bcid, &chan));
	ck_assert(!auth_token_ok("73683EB1E2F85114C704879F87F0C937", &bcid, &chan));
	ck_assert(!auth_token_ok("", &bcid, &chan));
}
END_TEST

static void request_of(struct request *rq, const char *line, const char *head)
{
	request_init(rq);
	ck_assert_int_eq(request_line(rq, line), ST_OK);
	ck_assert_int_eq(request_headers(rq, head, strlen(head)), ST_OK);
}

/* --- who is let in ---------------------------------------------------------------------------- */

#define GET_ADMIN "GET /admin?cmd=viewxml HTTP/1.0"

static const struct {
	const char *name, *password;
	bool local, trust;
	const char *line, *head, *form;
	enum auth want;
} logins[] = {
	{ "loopback", "pw", true, true, GET_ADMIN, "", NULL, AUTH_OK },
	{ "loopback, no password set", "", true, true, GET_ADMIN, "", NULL, AUTH_OK },
	{ "loopback by name", "pw", true, true, GET_ADMIN, "Host: localhost:7144\n", NULL,
		AUTH_OK },
	{ "loopback, rebound name", "pw", true, true, GET_ADMIN, "Host: evil.example\n", NULL,
		AUTH_MISSING },
	{ "loopback, allowed name", "pw", true, true, GET_ADMIN, "Host: Peca.Example:7144\n",
		NULL, AUTH_OK },
	{ "loopback not trusted", "pw", true, false, GET_ADMIN, "", NULL, AUTH_MISSING },
	{ "stranger", "pw", false, true, GET_ADMIN, "", NULL, AUTH_MISSING },
	{ "stranger says loopback", "pw", false, true, GET_ADMIN, "Host: 127.0.0.1\n", NULL,
		AUTH_MISSING },
	{ "basic, empty user", "pw", false, true, GET_ADMIN, "Authorization: Basic OnB3\n", NULL,
		AUTH_OK },
	{ "basic, any user", "pw", false, true, GET_ADMIN, "authorization: basic  eDpwdw==\n",
		NULL, AUTH_OK },
	{ "basic, wrong", "pw", false, true, GET_ADMIN, "Authorization: Basic OnB4\n", NULL,
		AUTH_WRONG },
	{ "basic, longer", "pw", false, true, GET_ADMIN, "Authorization: Basic OnB3dw==\n", NULL,
		AUTH_WRONG },
	{ "basic, colon in password", "a:b", false, true, GET_ADMIN,
		"Authorization: Basic dTphOmI=\n", NULL,
		AUTH_OK },
	{ "basic, no colon", "pw", false, true, GET_ADMIN, "Authorization: Basic cHc=\n", NULL,
		AUTH_WRONG },
	{ "basic, no base64", "pw", false, true, GET_ADMIN, "Authorization: Basic !!!!\n", NULL,
		AUTH_WRONG },
	{ "basic, cut base64", "pw", false, true, GET_ADMIN, "Authorization: Basic OnB\n", NULL,
		AUTH_WRONG },
	{ "basic, nothing", "pw", false, true, GET_ADMIN, "Authorization: Basic\n", NULL,
		AUTH_WRONG },
	{ "basic, NUL", "pw", false, true, GET_ADMIN, "Authorization: Basic OnB3AA==\n", NULL,
		AUTH_WRONG },
	{ "bearer", "pw", false, true, GET_ADMIN, "Authorization: Bearer pw\n", NULL, AUTH_WRONG },
	{ "basic, empty password", "", false, true, GET_ADMIN, "Authorization: Basic Og==\n",
		NULL, AUTH_WRONG },
	{ "pass=", "p w&", false, true, "GET /admin?cmd=x&pass=p+w%26 HTTP/1.0", "", NULL,
		AUTH_OK },
	{ "pass= first", "pw", false, true, "GET /admin?pass=pw&cmd=x HTTP/1.0", "", NULL,
		AUTH_OK },
	{ "pass= wrong", "pw", false, true, "GET /admin?pass=px HTTP/1.0", "", NULL, AUTH_WRONG },
	{ "pass= empty, none set", "", false, true, "GET /admin?pass= HTTP/1.0", "", NULL,
		AUTH_WRONG },
	{ "pass= in the form", "pw", false, true, "POST /admin HTTP/1.0", "", "cmd=x&pass=pw",
		AUTH_OK },
	{ "wrong basic, right pass=", "pw", false, true, "GET /admin?pass=pw HTTP/1.0",
		"Authorization: Basic OnB4\n", NULL, AUTH_OK },
};

START_TEST(login)
{
	struct settings *d = draft_new();
	struct node n;
	struct servent *sv;
	struct request rq;
	/* an address of its own for each row: failures are counted by address */
	struct host peer = logins[_i].local ? home() : host_v4(203, 0, 113, (uint8_t)(10 + _i), 5);
	int far;
	enum auth got;

	text_copy(d->password, sizeof(d->password), logins[_i].password);
	text_copy(d->allowed_hosts, sizeof(d->allowed_hosts), "a.example, peca.example");
	d->trust_localhost = logins[_i].trust;
	node_up(&n, d);
	sv = servent_up(&n, peer, &far);
	request_of(&rq, logins[_i].line, logins[_i].head);
	got = auth_admin(&n, sv, &rq, logins[_i].form);
	ck_assert_msg(got == logins[_i].want, "%s: %d", logins[_i].name, got);
	request_fini(&rq);
	servent_end(&sv);
	close(far);
	node_down(&n);
}
END_TEST

/* The sixth try in a minute is not looked at, right or wrong; other addresses are not hurt. */
START_TEST(tries)
{
	struct settings *d = draft_new();
	struct node n;
	struct servent *sv, *other;
	struct request wrong, right;
	int far, far2, i;

	text_copy(d->password, sizeof(d->password), "pw");
	node_up(&n, d);
	sv = servent_up(&n, host_v4(198, 51, 100, 1, 5), &far);
	other = servent_up(&n, host_v4(198, 51, 100, 2, 5), &far2);
	request_of(&wrong, "GET /admin?pass=no HTTP/1.0", "");
	request_of(&right, "GET /admin?pass=pw HTTP/1.0", "");
	for (i = 0; i < AUTH_TRIES; i++)
		ck_assert_int_eq(auth_admin(&n, sv, &wrong, NULL), AUTH_WRONG);
	ck_assert_int_eq(auth_admin(&n, sv, &wrong, NULL), AUTH_TOO_MANY);
	ck_assert_int_eq(auth_admin(&n, sv, &right, NULL), AUTH_TOO_MANY);
	ck_assert_int_eq(auth_admin(&n, other, &right, NULL), AUTH_OK);
	request_fini(&wrong);
	request_fini(&right);
	servent_end(&sv);
	servent_end(&other);
	close(far);
	close(far2);
	node_down(&n);
}
END_TEST

/* --- hosts ------------------------------------------------------------------------------------ */

static const struct {
	const char *host;
	bool ours, valid;
} hosts[] = {
	{ NULL, true, false },
	{ "127.0.0.1:7144", true, true }, { "192.0.2.7", true, true }, { "[::1]:7144", true, true },
	{ "[2001:db8::1]", true, true }, { "localhost", true, true }, { "LOCALHOST:1", true, true },
	{ "b.example:7144", true, true }, { "B.Example", true, true },
	{ "example", false, true }, { "b.example.evil", false, true }, { "evil-b.example", false,
		true },
	{ "evil.example", false, true }, { "localhost.evil.example", false, true },
	{ "a b", false, false }, { "", false, false }, { "a:", false, false }, { "a:0", false,
		false },
	{ "a:65536", false, false }, { "a:x", false, false }, { "[::1", false, false },
	{ "[::1]x", false, false }, { "a/b", false, false }, { "a\"><script>", false, false },
	{ "user@a", false, false }, { "a,b", false, false }, { "\xe3\x81\x82", false, false },
};

START_TEST(host)
{
	ck_assert_msg(auth_host_is_ours(hosts[_i].host, "c.example,b.example") == hosts[_i].ours,
		"%s",
		hosts[_i].host);
	if (hosts[_i].host != NULL)
		ck_assert_msg(auth_host_is_valid(hosts[_i].host) == hosts[_i].valid, "%s",
			hosts[_i].host);
}
END_TEST

/* --- cross-site ------------------------------------------------------------------------------- */

#define G "GET /x HTTP/1.1"
#define P "POST /x HTTP/1.1"
#define H "Host: 127.0.0.1:7144\n"

static const struct {
	const char *name, *line, *head;
	int route;
	bool ok;
} sites[] = {
	{ "player", G, H, AUTH_SITE | AUTH_CHANGES, true },
	{ "no headers at all", G, "", AUTH_CHANGES, true },
	{ "own page", G, H "Sec-Fetch-Site: same-origin\nReferer: "
		"http://127.0.0.1:7144/html/en/index.html\n",
		AUTH_CHANGES, true },
	{ "typed in", G, H "Sec-Fetch-Site: none\n", AUTH_CHANGES, true },
	{ "image on another site", G, H "Sec-Fetch-Site: cross-site\n", AUTH_SITE, false },
	{ "same site, other origin", G, H "Sec-Fetch-Site: same-site\n", AUTH_SITE, false },
	{ "link to a page", G, H "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\n",
		AUTH_PAGE, true },
	{ "frame of a page", G, H "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: cors\n", AUTH_PAGE,
		false },
	{ "link to a command", G, H "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\n",
		AUTH_CHANGES, false },
	{ "form of another site", P, H "Origin: http://evil.example\n", AUTH_SITE, false },
	{ "own form", P, H "Origin: http://127.0.0.1:7144\n", AUTH_SITE, true },
	{ "own form, other case", P, "Host: LOCALHOST:7144\nOrigin: http://localhost:7144\n",
		AUTH_SITE, true },
	{ "default port", P, "Host: a.example\nOrigin: http://a.example:80\n", AUTH_SITE, true },
	{ "tls default port", P, "Host: a.example:443\nOrigin: https://a.example\n", AUTH_SITE,
		true },
	{ "other port", P, H "Origin: http://127.0.0.1:8000\n", AUTH_SITE, false },
	{ "null origin", P, H "Origin: null\n", AUTH_SITE, false },
	{ "file origin", P, H "Origin: file://\n", AUTH_SITE, false },
	{ "origin without host", P, "Origin: http://127.0.0.1:7144\n", AUTH_SITE, false },
	{ "prefix of our name", P, H "Origin: http://127.0.0.1:7144.evil.example\n", AUTH_SITE,
		false },
	{ "user in origin", P, H "Origin: http://127.0.0.1:7144@evil.example\n", AUTH_SITE, false },
	{ "referer of another site", G, H "Referer: http://evil.example/\n", AUTH_CHANGES, false },
	{ "referer, reading", G, H "Referer: http://evil.example/\n", AUTH_SITE, true },
	{ "own referer", G, H "Referer: http://127.0.0.1:7144/x?y\n", AUTH_CHANGES, true },
	{ "api, script", P, H, AUTH_API, true },
	{ "api, text/plain from elsewhere", P,
		H "Origin: http://evil.example\nContent-Type: text/plain\n",
		AUTH_API, false },
	{ "api, vouched electron", P, H "Origin: file://\nX-Requested-With: XMLHttpRequest\n",
		AUTH_API, true },
	{ "api, vouched cross-site", P, H "Origin: null\nSec-Fetch-Site: "
		"cross-site\nX-Requested-With: x\n",
		AUTH_API, true },
	{ "vouching counts for the api alone", P, H "Origin: null\nX-Requested-With: x\n",
		AUTH_SITE, false },
	{ "api, own page, form type", P, H "Origin: http://127.0.0.1:7144\nContent-Type: "
		"text/plain\n",
		AUTH_API, false },
	{ "api, own page, json", P, H "Origin: http://127.0.0.1:7144\nContent-Type: "
		"application/json;charset=x\n",
		AUTH_API, true },
	{ "api, nearly json", P, H "Origin: http://127.0.0.1:7144\nContent-Type: "
		"application/jsonx\n", AUTH_API,
		false },
};

START_TEST(cross_site)
{
	struct request rq;

	request_of(&rq, sites[_i].line, sites[_i].head);
	ck_assert_msg((auth_cross_site(&rq, sites[_i].route) == NULL) == sites[_i].ok, "%s",
		sites[_i].name);
	request_fini(&rq);
}
END_TEST

/* Who pushes a stream has no password to show: pages may under a name of this machine only. */
static const struct {
	const char *name, *head;
	bool ok;
} pushes[] = {
	{ "encoder", H, true },
	{ "encoder, HTTP/1.0", "", true },
	{ "encoder, any name", "Host: nas.example\n", true },
	{ "page of ours", H "Origin: http://127.0.0.1:7144\nSec-Fetch-Site: same-origin\n", true },
	{ "page by an allowed name", "Host: peca.example\nOrigin: http://peca.example\n", true },
	{ "page of another site", H "Origin: http://evil.example\n", false },
	{ "rebound name", "Host: evil.example\nOrigin: http://evil.example\n", false },
	{ "rebound name, no Origin", "Host: evil.example\nSec-Fetch-Site: same-origin\n", false },
};

START_TEST(push_site)
{
	struct settings *d = draft_new();
	struct request rq;
	struct node n;

	text_copy(d->allowed_hosts, sizeof(d->allowed_hosts), "peca.example");
	node_up(&n, d);
	request_of(&rq, "POST /?name=x HTTP/1.1", pushes[_i].head);
	ck_assert_msg((auth_push_site(&n, &rq) == NULL) == pushes[_i].ok, "%s", pushes[_i].name);
	request_fini(&rq);
	node_down(&n);
}
END_TEST

static const struct {
	const char *head, *want;
} referers[] = {
	{ H "Referer: http://127.0.0.1:7144/html/en/relays.html?a=b\n",
		"/html/en/relays.html?a=b" },
	{ H "Referer: http://127.0.0.1:7144\n", NULL },
	{ H "Referer: http://127.0.0.1:7144//evil.example/\n", NULL },
	{ H "Referer: http://127.0.0.1:7144/\\evil.example\n", NULL },
	{ H "Referer: http://evil.example/x\n", NULL },
	{ H "Referer: /x\n", NULL },
	{ H "Referer: http://127.0.0.1:7144/a b\n", NULL },
	{ H "Referer: http://127.0.0.1:7144/\xe3\x81\x82\n", NULL },
	{ H, NULL },
};

START_TEST(referer)
{
	struct request rq;
	char dst[64];
	const char *got;

	request_of(&rq, G, referers[_i].head);
	got = auth_referer_path(&rq, dst, sizeof(dst));
	ck_assert_msg(referers[_i].want == NULL ? got == NULL :
		got != NULL && strcmp(got, referers[_i].want) == 0, "%s: %s", referers[_i].head,
			got);
	request_fini(&rq);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("auth");
	TCase *t = tcase_create("auth");

	tcase_add_test(t, token);
	tcase_add_loop_test(t, login, 0, (int)NELEM(logins));
	tcase_add_test(t, tries);
	tcase_add_loop_test(t, host, 0, (int)NELEM(hosts));
	tcase_add_loop_test(t, cross_site, 0, (int)NELEM(sites));
	tcase_add_loop_test(t, push_site, 0, (int)NELEM(pushes));
	tcase_add_loop_test(t, referer, 0, (int)NELEM(referers));
	suite_add_tcase(s, t);
	return s;
}
