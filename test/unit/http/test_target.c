/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a target names, who may start what, which tips are used. */
#include "http/target.h"

#include <stdio.h>

#include "http/auth.h"
#include "test/unit/http/httptest.h"
#include "test/unit/unit.h"

static const struct {
	const char *target;
	enum target_kind kind;
	bool has_id;
	const char *name, *ext, *tip, *auth;
} rows[] = {
	{ "/stream/" FLV_ID, TARGET_STREAM, true, "", "", "", "" },
	{ "/stream/5942d78c0d0d12273317e281ae0e7b79", TARGET_STREAM, true, "", "", "", "" },
	{ "/stream/" FLV_ID ".flv", TARGET_STREAM, true, "", "flv", "", "" },
	{ "/stream/" FLV_ID ".XYZ?a=b", TARGET_STREAM, true, "", "xyz", "", "" },
	{ "/stream/" FLV_ID ".", TARGET_STREAM, true, "", "", "", "" },
	{ "/stream/" FLV_ID ".a-very-long-extension", TARGET_STREAM, true, "", "a-very-long-ext",
		"", "" },
	{ "/pls/" FLV_ID ".m3u?tip=1.2.3.4:7144", TARGET_PLS, true, "", "m3u", "1.2.3.4:7144", "" },
	{ "/pls/" FLV_ID "?auth=abc&tip=%5B::1%5D:7", TARGET_PLS, true, "", "", "[::1]:7", "abc" },
	{ "/pls/" FLV_ID "?tip=a&ip=b", TARGET_PLS, true, "", "", "b", "" },
	{ "/pls/" FLV_ID "?tip=a&ip=", TARGET_PLS, true, "", "", "a", "" },
	{ "/channel/" FLV_ID, TARGET_CHANNEL, true, "", "", "", "" },
	/* the query of a relay request plants nothing */
	{ "/channel/" FLV_ID "?tip=1.2.3.4", TARGET_CHANNEL, true, "", "", "", "" },
	/* names */
	{ "/stream/FlvCh", TARGET_STREAM, false, "FlvCh", "", "", "" },
	{ "/stream/A%20B%26", TARGET_STREAM, false, "A B&", "", "", "" },
	{ "/stream/a+b", TARGET_STREAM, false, "a+b", "", "", "" },
	{ "/stream/a%0d%0ab", TARGET_STREAM, false, "a  b", "", "", "" },
	{ "/stream/a%00b", TARGET_STREAM, false, "a", "", "", "" },
	{ "/stream/%83e%83X%83g", TARGET_STREAM, false, "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88",
		"", "", "" },
	/* no id: short, long, not hex, zero */
	{ "/stream/5942D78C0D0D12273317E281AE0E7B7", TARGET_STREAM, false,
		"5942D78C0D0D12273317E281AE0E7B7", "", "", "" },
	{ "/stream/" FLV_ID "0", TARGET_STREAM, false, FLV_ID "0", "", "", "" },
	{ "/stream/5942D78C0D0D12273317E281AE0E7B7G", TARGET_STREAM, false,
		"5942D78C0D0D12273317E281AE0E7B7G", "", "", "" },
	{ "/stream/00000000000000000000000000000000", TARGET_STREAM, false, "", "", "", "" },
	{ "/stream/00000000000000000000000000000000.flv", TARGET_STREAM, false, "", "flv", "", "" },
	/* nothing */
	{ "/stream/", TARGET_STREAM, false, "", "", "", "" },
	{ "/stream/?tip=1.2.3.4", TARGET_STREAM, false, "", "", "1.2.3.4", "" },
	{ "/stream/" FLV_ID "/more", TARGET_STREAM, false, "", "", "", "" },
	{ "/stream/a/b", TARGET_STREAM, false, "", "", "", "" },
	{ "/stream", TARGET_NONE, false, "", "", "", "" },
	{ "/streams/" FLV_ID, TARGET_NONE, false, "", "", "", "" },
	{ "/Stream/" FLV_ID, TARGET_NONE, false, "", "", "", "" },
	{ "/", TARGET_NONE, false, "", "", "", "" },
};

START_TEST(parse)
{
	struct stream_target t;
	char hex[GNUID_STRLEN];
	bool ok = http_target_parse(rows[_i].target, &t);

	ck_assert_msg(ok == (rows[_i].kind != TARGET_NONE) && t.kind == rows[_i].kind, "%s",
		rows[_i].target);
	ck_assert_msg(t.has_id == rows[_i].has_id, "%s", rows[_i].target);
	if (t.has_id)
		ck_assert_str_eq(gnuid_str(&t.id, hex), FLV_ID);
	ck_assert_msg(strcmp(t.name, rows[_i].name) == 0, "%s: name %s", rows[_i].target, t.name);
	ck_assert_msg(strcmp(t.ext, rows[_i].ext) == 0, "%s: ext %s", rows[_i].target, t.ext);
	ck_assert_msg(strcmp(t.tip, rows[_i].tip) == 0, "%s: tip %s", rows[_i].target, t.tip);
	ck_assert_msg(strcmp(t.auth, rows[_i].auth) == 0, "%s: auth %s", rows[_i].target, t.auth);
}
END_TEST

/* By id anybody, by name who may; exact before part, never nothing for everything. */
static const struct {
	const char *target;
	bool by_name;
	const char *want;               /* NULL = not found */
} finds[] = {
	{ "/stream/" FLV_ID, false, FLV_ID },
	{ "/stream/" NO_ID, true, NULL },
	{ "/stream/Music", true, WMV_ID },
	{ "/stream/Music", false, NULL },
	{ "/stream/Mus", true, FLV_ID },
	{ "/stream/late", true, FLV_ID },
	{ "/stream/silence", true, NULL },
	{ "/stream/", true, NULL },
};

START_TEST(find)
{
	struct stream_target t;
	struct node n;
	struct chan *c;
	char hex[GNUID_STRLEN];

	node_up(&n, NULL);
	chan_up(&n, info_new(FLV_ID, "Music late", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	chan_up(&n, info_new(WMV_ID, "Music", "WMV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	http_target_parse(finds[_i].target, &t);
	c = http_target_find(&n, &t, finds[_i].by_name);
	ck_assert_msg((c != NULL) == (finds[_i].want != NULL), "%s", finds[_i].target);
	if (c != NULL)
		ck_assert_str_eq(gnuid_str(chan_id(c), hex), finds[_i].want);
	chan_unref(&c);
	node_down(&n);
}
END_TEST

/* --- tips ------------------------------------------------------------------------------------- */

static const struct {
	const char *tip;
	bool local_ok, remote_ok;
	const char *want;
} tips[] = {
	{ "198.51.100.7:7150", true, true, "198.51.100.7:7150" },
	{ "198.51.100.7", true, true, "198.51.100.7:7144" },
	{ "[2001:db8::1]:80", true, true, "[2001:db8::1]:80" },
	/* settings.md decision 9: our own address with another port is somebody else */
	{ "127.0.0.1:7154", true, false, "127.0.0.1:7154" },
	{ "127.0.0.2:7144", true, false, "127.0.0.2:7144" },
	{ "[::1]:7154", true, false, "[::1]:7154" },
	{ "127.0.0.1:7144", false, false, NULL },
	{ "169.254.1.1:80", true, false, "169.254.1.1:80" },
	/* who has a channel's token has no business in our network */
	{ "10.0.0.5:22", true, false, "10.0.0.5:22" },
	{ "192.168.1.1:80", true, false, "192.168.1.1:80" },
	{ "100.64.0.1:80", true, false, "100.64.0.1:80" },
	{ "[fd00::1]:80", true, false, "[fd00::1]:80" },
	{ "198.51.100.7:0", false, false, NULL },
	{ "198.51.100.7:70000", false, false, NULL },
	{ "224.0.0.1:7144", false, false, NULL },
	{ "0.0.0.0:7144", false, false, NULL },
	{ "1.2.3.4:x", false, false, NULL },
	{ ":7144", false, false, NULL },
	{ "", false, false, NULL },
};

START_TEST(tip)
{
	struct stream_target t;
	struct node n;
	struct servent *sv;
	struct host h, peers[] = { home(), stranger(), home() };
	char text[HOST_STRLEN];
	int far, k;

	for (k = 0; k < 3; k++) {
		struct settings *d = draft_new();
		bool want = k == 0 ? tips[_i].local_ok : tips[_i].remote_ok;

		/* the last one comes through a proxy in front of the node: from anywhere */
		d->trust_localhost = k < 2;
		node_up(&n, d);
		memset(&t, 0, sizeof(t));
		text_copy(t.tip, sizeof(t.tip), tips[_i].tip);
		sv = servent_up(&n, peers[k], &far);
		ck_assert_msg(http_target_tip(&n, sv, &t, &h, clk_deadline(SOON)) == want,
			"%s from %d",
			tips[_i].tip, k);
		if (want)
			ck_assert_str_eq(host_str(&h, text), tips[_i].want);
		servent_end(&sv);
		close(far);
		node_down(&n);
	}
}
END_TEST

/* --- rights ----------------------------------------------------------------------------------- */

START_TEST(may_start)
{
	struct stream_target t;
	struct node n;
	struct servent *sv;
	struct own own;
	char token[AUTH_TOKEN];
	int far;

	node_up(&n, NULL);
	servmgr_own(n.sm, &own);
	http_target_parse("/pls/" FLV_ID, &t);
	sv = servent_up(&n, home(), &far);
	ck_assert(http_target_may_start(&n, sv, &t));
	servent_end(&sv);
	close(far);

	sv = servent_up(&n, stranger(), &far);
	ck_assert(!http_target_may_start(&n, sv, &t));
	auth_token(token, &own.bcid, &t.id);
	text_copy(t.auth, sizeof(t.auth), token);
	ck_assert(http_target_may_start(&n, sv, &t));
	t.auth[31] ^= 1;
	ck_assert(!http_target_may_start(&n, sv, &t));
	/* the token of one channel opens no other */
	t.auth[31] ^= 1;
	t.id.b[3] ^= 1;
	ck_assert(!http_target_may_start(&n, sv, &t));
	servent_end(&sv);
	close(far);
	node_down(&n);
}
END_TEST

enum { DEFAULT, NO_HTML, NO_NETWORK, NO_DIRECT, BANNED, BANNED_LOOPBACK, NO_FILTERS, NO_TRUST };

static const struct {
	const char *name;
	int settings;
	int allow;
	bool local, remote;
} access_rows[] = {
	{ "all on", DEFAULT, ALLOW_HTML, true, true },
	{ "all on, direct", DEFAULT, ALLOW_DIRECT, true, true },
	{ "no html", NO_HTML, ALLOW_HTML, false, false },
	{ "no network", NO_NETWORK, ALLOW_NETWORK, true, false },
	{ "no network, strict", NO_NETWORK, ALLOW_NETWORK | ALLOW_STRICT, false, false },
	{ "banned loopback, strict", BANNED_LOOPBACK, ALLOW_NETWORK | ALLOW_STRICT, false, true },
	{ "strict", DEFAULT, ALLOW_NETWORK | ALLOW_STRICT, true, true },
	{ "no filter, strict", NO_FILTERS, ALLOW_NETWORK | ALLOW_STRICT, false, false },
	{ "no direct", NO_DIRECT, ALLOW_DIRECT, true, false },
	{ "no direct, network", NO_DIRECT, ALLOW_NETWORK, true, true },
	{ "banned, html", BANNED, ALLOW_HTML, true, false },
	{ "banned, direct", BANNED, ALLOW_DIRECT, true, false },
	{ "banned loopback, direct", BANNED_LOOPBACK, ALLOW_DIRECT, true, true },
	{ "banned loopback, html", BANNED_LOOPBACK, ALLOW_HTML, false, true },
	{ "no filter lets in", NO_FILTERS, ALLOW_DIRECT, true, false },
	{ "no filter, html", NO_FILTERS, ALLOW_HTML, true, true },
	{ "untrusted loopback", NO_TRUST, ALLOW_DIRECT, false, false },
};

static void add_filter(struct settings *d, const char *ip, bool ban)
{
	struct settings_filter f = { .ban = ban };

	text_copy(f.ip, sizeof(f.ip), ip);
	ck_assert_int_eq(settings_filter_add(d, &f, NULL), ST_OK);
}

START_TEST(access_rights)
{
	struct settings *d = draft_new();
	struct node n;
	struct servent *sv;
	int far, s = access_rows[_i].settings;

	d->allow_html = s != NO_HTML;
	d->allow_network = s != NO_NETWORK;
	d->allow_direct = s != NO_DIRECT && s != NO_TRUST;
	d->trust_localhost = s != NO_TRUST;
	if (s == BANNED)
		add_filter(d, "203.0.113.9", true);
	if (s == BANNED_LOOPBACK)
		add_filter(d, "127.0.0.1", true);
	if (s == NO_FILTERS)
		settings_filters_clear(d);
	node_up(&n, d);
	sv = servent_up(&n, home(), &far);
	ck_assert_msg(http_allowed(&n, sv, access_rows[_i].allow) == access_rows[_i].local,
		"%s, local",
		access_rows[_i].name);
	servent_end(&sv);
	close(far);
	sv = servent_up(&n, stranger(), &far);
	ck_assert_msg(http_allowed(&n, sv, access_rows[_i].allow) == access_rows[_i].remote,
		"%s, remote",
		access_rows[_i].name);
	servent_end(&sv);
	close(far);
	node_down(&n);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("target");
	TCase *t = tcase_create("target");

	tcase_add_loop_test(t, parse, 0, (int)NELEM(rows));
	tcase_add_loop_test(t, find, 0, (int)NELEM(finds));
	tcase_add_loop_test(t, tip, 0, (int)NELEM(tips));
	tcase_add_test(t, may_start);
	tcase_add_loop_test(t, access_rights, 0, (int)NELEM(access_rows));
	suite_add_tcase(s, t);
	return s;
}
