/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: clk_now */
#include "http/yplist.h"

#include <stdio.h>

#include "test/unit/http/yptest.h"
#include "test/unit/unit.h"

static nsec now = 1000000 * NSEC_PER_SEC;

nsec __wrap_clk_now(void);

nsec __wrap_clk_now(void)
{
	return now;
}

static struct node node;
static struct yplist list;

static void up(void)
{
	root_up(&node, "yp");
}

static void down(void)
{
	yplist_fini(&list);
	root_down(&node);
}

static void take(void)
{
	yplist_fini(&list);
	ck_assert_int_eq(yplist_take(&node, 5 * NSEC_PER_SEC, &list), ST_OK);
}

static const char *names(void)
{
	static char text[512];
	size_t at = 0, i;

	text[0] = '\0';
	for (i = 0; i < list.n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s ",
			list.chans[i].info->text[CT_NAME]);
	return text;
}

/* --- taking it -------------------------------------------------------------------------------- */

START_TEST(order)
{
	SAY(&node, 1, "old", "ypx", .listeners = 9);
	now += 10 * NSEC_PER_SEC;
	SAY(&node, 2, "few", "ypx", .listeners = 1);
	SAY(&node, 3, "many", "ypx", .listeners = 3);
	SAY(&node, 4, "hidden", "yp?x", .listeners = 100);
	SAY(&node, 5, "other", "x");
	now += 10 * NSEC_PER_SEC;
	SAY(&node, 6, "new", "ypNS:@x", .relays = 2, .flags = HIT_DIRECT);
	now += 3 * NSEC_PER_SEC / 2;
	take();
	ck_assert_str_eq(names(), "new many few hidden old ");
	ck_assert(list.restricted && !list.fast && list.n_over == 0);
	ck_assert(list.chans[0].direct && !list.chans[1].direct);
	ck_assert_int_eq(list.chans[0].relays, 2);
	ck_assert_int_eq(list.chans[3].listeners, -1);
	ck_assert_int_eq(list.chans[3].relays, -1);
	ck_assert_uint_eq(list.chans[0].age_s, 1);
	ck_assert_uint_eq(list.chans[4].age_s, 21);
	ck_assert_int_eq(list.chans[4].started_s, 1000005);
	ck_assert_str_eq(list.chans[0].genre.genre, "x");
	ck_assert_uint_eq(list.chans[0].tip.port, 7144);
}
END_TEST

START_TEST(without_prefix)
{
	root_down(&node);
	root_up(&node, "");
	SAY(&node, 1, "a", "x: y");
	SAY(&node, 2, "b", "");
	take();
	ck_assert_uint_eq(list.n, 2);
	ck_assert_str_eq(list.chans[0].genre.genre, "x: y");
	ck_assert(!list.restricted);
}
END_TEST

START_TEST(all_hidden)
{
	struct settings *d = settings_new(false);

	root_down(&node);
	d->is_root = d->hide_default = true;
	node_up(&node, d);
	node.yp = yp_new();
	SAY(&node, 1, "a", "x", .listeners = 3);
	take();
	ck_assert(list.n == 1 && list.chans[0].listeners == -1 && list.chans[0].relays == -1);
}
END_TEST

/* Firewalled, and with a line that broke. */
START_TEST(states)
{
	const struct gnuid two = said_id(2);

	SAY(&node, 1, "push", "yp", .flags = HIT_PUSH);
	SAY(&node, 2, "gone", "yp");
	chanmgr_session_gone(node.cm, &two, NULL, false, 60 * NSEC_PER_SEC);
	take();
	ck_assert_str_eq(names(), "push gone ");
	ck_assert(list.chans[0].tip.port == 0 && !list.chans[0].stale);
	ck_assert(list.chans[1].tip.port == 7144 && list.chans[1].stale);
	unsay(&node, 2);
	take();
	ck_assert_str_eq(names(), "push ");
}
END_TEST

static void own(uint8_t n, const char *name, enum chan_status st)
{
	struct chanmeta m = { .id = said_id(n), .bitrate_kbps = 100 };
	struct chaninfo *i;

	text_copy(m.text[CT_NAME], TEXT_MAX, name);
	text_copy(m.text[CT_GENRE], TEXT_MAX, "ypx");
	i = chaninfo_new(&m);
	ck_assert_ptr_nonnull(i);
	chan_up(&node, i, CHAN_BROADCAST, st);
}

/* Nobody announces to a root what it broadcasts itself. */
START_TEST(own_broadcasts)
{
	const struct gnuid relay = said_id(20), two = said_id(2);
	struct hit h = { .sid = relay, .chan = two, .rhost = { host_v4(203, 0, 113, 20, 7144) },
		.flags = HIT_RECV, .listeners = 4, .heard = now };
	const struct announce a = { .hit = &h, .chan = &two, .create = true };
	struct announce_result r;

	own(1, "alone", CHAN_BROADCASTING);
	own(2, "relayed", CHAN_BROADCASTING);
	own(3, "silent", CHAN_WAIT);
	ck_assert_int_eq(chanmgr_announce(node.cm, &a, &r), ST_OK);
	announce_result_fini(&r);
	now += 61 * NSEC_PER_SEC;
	take();
	ck_assert_str_eq(names(), "relayed alone ");
	ck_assert_int_eq(list.chans[0].listeners, 4);
	ck_assert_uint_eq(list.chans[1].age_s, 61);
	/* our own address, not the relay's */
	ck_assert(!host_same_ip(&list.chans[0].tip, &h.rhost[0]));
}
END_TEST

/* --- who may ---------------------------------------------------------------------------------- */

static const struct {
	const char *genre;
	bool port;
	uint32_t speed;
	bool may;
} may_rows[] = {
	{ "yp", false, 0, true }, { "yp?", false, 0, true },
	{ "yp@", false, 0, false }, { "yp@", false, 9999, false }, { "yp@", true, 0, true },
	{ "yp@@", true, 0, false }, { "yp@@", true, 500, false }, { "yp@@", true, 501, true },
	{ "yp@@", false, 501, false },
	{ "yp@@@", true, 1999, false }, { "yp@@@", true, 2000, true }, { "yp@@@", false, 2000, false },
	{ "yp@@@@", true, 2000, true },
};

START_TEST(may)
{
	const struct ypviewer v = { may_rows[_i].port, may_rows[_i].speed };

	SAY(&node, 1, "a", may_rows[_i].genre, .bitrate = 500);
	take();
	ck_assert_uint_eq(list.n, 1);
	ck_assert_msg(yp_may(&list.chans[0], &v) == may_rows[_i].may, "%s %d %u", may_rows[_i].genre,
		v.port_open, v.speed_kbps);
}
END_TEST

/* --- what is asked for ------------------------------------------------------------------------ */

static const struct {
	const char *query, *found;
} find_rows[] = {
	{ "", "a b c " }, { "ns=NS", "a b c n1 " }, { "ns=NS|n2", "a b c n1 n2 " },
	{ "ns=NS+n2", "a b c n1 n2 " }, { "ns=n2%E3%80%80NS", "a b c n1 n2 " }, { "ns=ns", "a b c " },
	{ "ns=N+S|n2", "a b c n2 " }, { "ns=x|y|z|u|v|NS|n2", "a b c n1 " }, { "ns=", "a b c " },
	{ "ns=NS%27;--", "a b c " },
	{ "type=FLV", "a " }, { "type=flv", "a " }, { "type=FLV|MKV", "a b " }, { "type=MKV|MKV|MKV|FLV", "b " },
	{ "type=F", "a b c " }, { "type=TOOLONGTYPE", "a b c " }, { "type=OGG", "" },
	{ "find=game", "a b " }, { "find=GAME", "a b " }, { "find=game+-retro", "b " }, { "find=-game", "c " },
	{ "find=%E5%AE%9F%E6%B3%81", "a " }, { "find=-%E5%AE%9F%E6%B3%81", "b c " }, { "find=comment", "c " },
	{ "find=artist", "b " }, { "find=title", "b " }, { "find=album", "" }, { "find=a", "a b c " },
	{ "find=game%E3%80%80retro", "a " }, { "find=game+re+tr+-zzz+nothing", "a " }, { "find=nothing", "" },
	{ "find=xxxxxxxxxxyyyyyyyyyyzzzzzzzzzz123", "a b c " }, { "find=%FF%FE", "" }, { "find=--", "a b c " },
	{ "find=retro&type=MKV", "" }, { "find=game&type=MKV&ns=NS", "b n1 " }, { "x=1&find=retro", "a " },
};

START_TEST(find)
{
	char text[64] = "";
	struct ypquery q;
	size_t i, at = 0;

	SAY(&node, 1, "a", "ypGame", .desc = "Retro 実況");
	SAY(&node, 2, "b", "ypgame", .desc = "", .type = "MKV", .artist = "the artist", .title = "a title",
		.album = "album");
	SAY(&node, 3, "c", "yptalk", .desc = "", .comment = "a comment", .type = "WMV");
	SAY(&node, 4, "n1", "ypNS:game", .desc = "", .type = "MKV");
	SAY(&node, 5, "n2", "ypn2:talk", .desc = "", .type = "WMV");
	take();
	ypquery_parse(&q, find_rows[_i].query);
	for (i = 0; i < list.n; i++)
		if (ypquery_matches(&q, &list.chans[i]))
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s ", list.chans[i].info->text[CT_NAME]);
	ck_assert_msg(strcmp(text, find_rows[_i].found) == 0, "%s: %s", find_rows[_i].query, text);
}
END_TEST

/* --- sharing ---------------------------------------------------------------------------------- */

static const char *key_of(const char *query, bool port, uint32_t speed)
{
	static char keys[4][YPKEY];
	static unsigned int k;
	const struct ypviewer v = { port, speed };
	struct ypquery q;

	ypquery_parse(&q, query);
	return yp_key(keys[k++ % 4], &list, &q, &v);
}

START_TEST(keys)
{
	/* without restricted channels all viewers are one */
	SAY(&node, 1, "a", "yp", .bitrate = 100);
	take();
	ck_assert_str_eq(key_of("", false, 0), "");
	ck_assert_str_eq(key_of("", true, 5000), "");
	/* with some that need a port, two */
	SAY(&node, 2, "b", "yp@", .bitrate = 100);
	take();
	ck_assert_str_eq(key_of("", false, 3000), key_of("", false, 0));
	ck_assert_str_ne(key_of("", true, 0), key_of("", false, 0));
	ck_assert_str_eq(key_of("", true, 0), key_of("", true, 3000));
	/* with uploads, as many as there are bitrates between them */
	SAY(&node, 3, "c", "yp@@", .bitrate = 300);
	SAY(&node, 4, "d", "yp@@", .bitrate = 800);
	take();
	ck_assert_str_eq(key_of("", false, 3000), key_of("", false, 0));
	ck_assert_str_ne(key_of("", true, 0), key_of("", true, 100));
	ck_assert_str_eq(key_of("", true, 100), key_of("", true, 300));
	ck_assert_str_ne(key_of("", true, 300), key_of("", true, 301));
	ck_assert_str_eq(key_of("", true, 301), key_of("", true, 800));
	ck_assert_str_eq(key_of("", true, 801), key_of("", true, 1999));
	ck_assert_str_ne(key_of("", true, 1999), key_of("", true, 2000));
	ck_assert_str_eq(key_of("", true, 2000), key_of("", true, 20000));
	/* the same key never means more in a later list: another bitrate, another key */
	{
		const char *before = key_of("", true, 400);

		SAY(&node, 5, "e", "yp@@", .bitrate = 100);
		take();
		ck_assert_str_ne(key_of("", true, 200), before);
		ck_assert_str_eq(key_of("", true, 400), before);
	}
	/* and by what is asked */
	ck_assert_str_ne(key_of("ns=a", true, 0), key_of("ns=b", true, 0));
	ck_assert_str_ne(key_of("ns=ab", true, 0), key_of("ns=a|b", true, 0));
	ck_assert_str_ne(key_of("find=aa", true, 0), key_of("find=-aa", true, 0));
	ck_assert_str_eq(key_of("find=aa+b", true, 0), key_of("find=aa&x=y", true, 0));
	ck_assert_str_ne(key_of("type=FLV", true, 0), key_of("find=FLV", true, 0));
	/* the longest there is */
#define W32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	ck_assert_uint_gt(strlen(key_of("ns=" W32 "|" W32 "|" W32 "|" W32 "|" W32 "|" W32 "&find=" W32 "+" W32 "+" W32
		"+" W32 "&type=AAAAAAA|AAAAAAA|AAAAAAA", true, 1)), 10 * 32 + 3 * 7);
}
END_TEST

static const struct {
	const char *force, *url;
} url_rows[] = {
	{ "", "http://127.0.0.1:7144/yp/" }, { "203.0.113.7", "http://203.0.113.7:7144/yp/" },
	{ "2001:db8::7", "http://[2001:db8::7]:7144/yp/" }, { "yp.example", "http://yp.example:7144/yp/" },
};

START_TEST(url)
{
	struct settings *d = settings_new(false);
	char text[YPURL];
	struct own o;

	servmgr_own(node.sm, &o);
	text_copy(d->force_ip, sizeof(d->force_ip), url_rows[_i].force);
	ck_assert_str_eq(yp_url(text, d, &o), url_rows[_i].url);
	ck_assert_str_eq(yp_name(d), "PeerCast");
	settings_free(&d);
	ck_assert(yp_is_web("http://x") && yp_is_web("HTTPS://x") && !yp_is_web("javascript:x") && !yp_is_web(""));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("http/yplist");
	TCase *t = tcase_create("yplist");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_test(t, order);
	tcase_add_test(t, without_prefix);
	tcase_add_test(t, all_hidden);
	tcase_add_test(t, states);
	tcase_add_test(t, own_broadcasts);
	tcase_add_loop_test(t, may, 0, (int)NELEM(may_rows));
	tcase_add_loop_test(t, find, 0, (int)NELEM(find_rows));
	tcase_add_test(t, keys);
	tcase_add_loop_test(t, url, 0, (int)NELEM(url_rows));
	suite_add_tcase(s, t);
	return s;
}
