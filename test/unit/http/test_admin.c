/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of /admin: what each changes, and what it leaves alone. */
#include "http/admin.h"

#include <stdio.h>

#include "http/password.h"
#include "test/unit/http/asktest.h"
#include "test/unit/unit.h"
#include "xml/xmlout.h"

static struct node node;
static unsigned int applied, ended, told_info, broadcasts;
static bool with_update;

static void on_settings(struct node *n)
{
	const struct settings *st = conf_get(n->conf);

	applied++;
	(void)servmgr_set_port(n->sm, (uint16_t)st->server_port);
	settings_unref(&st);
}

static void on_shutdown(struct node *n)
{
	(void)n;
	ended++;
}

static void on_info(struct node *n, struct chan *c)
{
	(void)n;
	(void)c;
	told_info++;
}

static void on_root(struct node *n, bool upd)
{
	(void)n;
	broadcasts++;
	with_update = upd;
}

/* Write down what is to be pulled. */
static char pulled[PULL_TEXT];
static enum status pull_says;

static enum status on_pull(struct node *n, const struct host *peer, const char *url, struct chanmeta *m, bool v6,
	char why[NODE_WHY])
{
	ck_assert(n == &node && host_is_loopback(peer));
	pull_text(pulled, url, m, v6);
	(void)text_copy(why, NODE_WHY, "because");
	ck_assert(gnuid_parse(&m->id, FLV_ID));
	return pull_says;
}

static void up_with(struct settings *d)
{
	text_copy(d->password, sizeof(d->password), "pw");
	node_up(&node, d);
	node.ops.settings_changed = on_settings;
	node.ops.shutdown = on_shutdown;
	node.ops.info_changed = on_info;
	node.ops.root_broadcast = on_root;
	applied = ended = told_info = broadcasts = 0;
	chan_up(&node, info_new(FLV_ID, "on the air", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	chan_up(&node, info_new(WMV_ID, "idle", "WMV"), CHAN_RELAY, CHAN_IDLE);
}

static void up(void)
{
	up_with(draft_new());
}

static void down(void)
{
	node_down(&node);
}

/* The form as a browser of this machine posts it. */
static int post(const char *form, struct buf *got)
{
	const size_t cap = strlen(form) + 200;
	char *text = malloc(cap);

	ck_assert_ptr_nonnull(text);
	snprintf(text, cap, "POST /admin HTTP/1.0\nHost: 127.0.0.1:7144\nContent-Type: "
		"application/x-www-form-urlencoded\nContent-Length: %zu\n\n%s", strlen(form), form);
	ask(&node, home(), text, got);
	free(text);
	return status_of(got);
}

static const char *value_of(const char *key, struct buf *b)
{
	const struct settings *st = conf_get(node.conf);

	buf_init(b, 8192);
	ck_assert_msg(settings_get(st, key, b), "%s", key);
	settings_unref(&st);
	return buf_cstr(b);
}

static void check_value(const char *key, const char *want, const char *why)
{
	struct buf b;
	const char *got = value_of(key, &b);
	/* one that was set is hashed */
	const bool right = strcmp(key, "password") == 0 ? password_matches(got, want) : strcmp(got, want) == 0;

	ck_assert_msg(right, "%s: %s is \"%s\", not \"%s\"", why, key, got, want);
	buf_fini(&b);
}

/* Each filter as "ip flags", one a line. */
static void filters_text(struct buf *b)
{
	const struct settings *st = conf_get(node.conf);
	const struct settings_filter *f;
	size_t n;

	buf_init(b, 1 << 20);
	f = settings_filters(st, &n);
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "%s %s%s%s%s\n", f[i].ip, f[i].is_private ? "p" : "", f[i].ban ? "b" : "",
			f[i].network ? "n" : "", f[i].direct ? "d" : "");
	buf_cstr(b);
	settings_unref(&st);
}

/* --- apply: one key --------------------------------------------------------------------------- */

#define FINE 302, "\r\nLocation: /html/en/settings.html\r\n"
#define BAD  400, "400 Bad Request"

static const struct {
	const char *form;
	int status;
	const char *has;
	const char *key, *want;         /* afterwards */
} keys[] = {
	{ "servername=My+node", FINE, "serverName", "My node" },
	{ "servername=%E9%9B%91%E8%AB%87", FINE, "serverName", "雑談" },
	{ "servername=%83e%83X%83g", FINE, "serverName", "テスト" },
	{ "servername=a%0d%0ab%00c", FINE, "serverName", "a  b" },
	{ "servername=a%0AisRoot+%3D+Yes", FINE, "isRoot", "No" },
	{ "passnew=s%26+%2B%C3%A9", FINE, "password", "s& +é" },
	{ "passnew=", FINE, "password", "pw" },
	{ "icymeta=0", FINE, "icyMetaInterval", "0" },
	{ "icymeta=16383", FINE, "icyMetaInterval", "16383" },
	{ "icymeta=99999999", FINE, "icyMetaInterval", "16384" },
	{ "icymeta=-1", BAD, "icyMetaInterval", "8192" },
	{ "djmsg=hello", FINE, "broadcastMsg", "hello" },
	{ "root=1", FINE, "isRoot", "Yes" },
	{ "root=0", FINE, "isRoot", "No" },
	{ "root=maybe", BAD, "isRoot", "No" },
	{ "huint=60", FINE, "hostUpdateInterval", "60" },
	{ "huint=0", BAD, "hostUpdateInterval", "120" },
	{ "pcmsg=%3Cb%3E", FINE, "rootMsg", "<b>" },
	{ "forceip=203.0.113.5", FINE, "forceIP", "203.0.113.5" },
	{ "serveractive=0", FINE, "autoServe", "No" },
	{ "htmlPath=ja", 302, "\r\nLocation: /html/ja/settings.html\r\n", "htmlPath", "html/ja" },
	{ "htmlPath=../../etc", BAD, "htmlPath", "html/en" },
	{ "htmlPath=", BAD, "htmlPath", "html/en" },
	{ "maxup=4000", FINE, "maxBitrateOut", "4000" },
	{ "maxup=4294967296", BAD, "maxBitrateOut", "0" },
	{ "maxup=1e3", BAD, "maxBitrateOut", "0" },
	{ "maxrelays=1", FINE, "maxRelays", "2" },
	{ "maxrelays=9", FINE, "maxRelays", "9" },
	{ "maxdirect=7", FINE, "maxDirect", "7" },
	{ "maxrelaypc=3", FINE, "maxRelaysPerChannel", "3" },
	{ "maxcin=5", FINE, "maxControlConnections", "5" },
	{ "maxsin=70", FINE, "maxServIn", "70" },
	{ "yp=yp.example%3A7146", FINE, "rootHost", "yp.example:7146" },
	{ "yp=", FINE, "rootHost", "" },
	{ "deadhitage=300", FINE, "deadHitAge", "600" },       /* without meaning: taken, and forgotten */
	{ "refresh=30", FINE, "refreshHTML", "30" },
	{ "chat=0", FINE, "chat", "No" },
	{ "chat=1", FINE, "chat", "Yes" },
	{ "chat=", FINE, "chat", "No" },
	{ "clientactive=0", FINE, "autoConnect", "Yes" },
	{ "randomizechid=0", FINE, "randomizeBroadcastingChannelID", "No" },
	{ "public_directory=1", FINE, "publicDirectory", "Yes" },
	{ "auth=http", FINE, "authType", "http-basic" },
	{ "auth=cookie", FINE, "authType", "cookie" },
	{ "auth=none", BAD, "authType", "cookie" },
	{ "expire=never", FINE, "cookiesExpire", "never" },
	{ "logLevel=5", FINE, "logLevel", "5" },
	{ "logLevel=0", BAD, "logLevel", "3" },
	{ "allowHTML1=0", FINE, "allowHTML", "No" },
	{ "allowNetwork1=0", FINE, "allowNetwork", "No" },
	{ "allowBroadcast1=0", FINE, "allowBroadcast", "No" },
	{ "allowDirect1=0", FINE, "allowDirect", "No" },
	{ "transcoding_enabled=1", FINE, "transcodingEnabled", "Yes" },
	{ "preset=fast", FINE, "preset", "fast" },
	{ "audio_codec=aac", FINE, "audioCodec", "aac" },
	{ "wmvProtocol=mms", FINE, "wmvProtocol", "mms" },
	{ "wmvProtocol=httpu", FINE, "wmvProtocol", "httpu" },
	{ "wmvProtocol=gopher", BAD, "wmvProtocol", "http" },
	{ "preferredTheme=dark", FINE, "preferredTheme", "dark" },
	{ "preferredTheme=%22%3E", BAD, "preferredTheme", "system" },
	{ "accentColor=cyan", FINE, "accentColor", "cyan" },
	{ "port=0", BAD, "serverPort", "7144" },
	{ "port=99999", BAD, "serverPort", "7144" },
	{ "port=http", BAD, "serverPort", "7144" },
	{ "port=7145x", BAD, "serverPort", "7144" },
	{ "port=8000", 302, "\r\nLocation: http://127.0.0.1:8000/html/en/settings.html\r\n", "serverPort",
		"8000" },
	/* one bad value and nothing changes; what is not known does no harm */
	{ "servername=x&port=0", BAD, "serverName", "" },
	{ "nonsense=1&servername=x&&=&=y&servername", FINE, "serverName", "" },
	{ "password=x&broadcastID=y&chanLog=/tmp/x", FINE, "chanLog", "" },
};

START_TEST(apply_one)
{
	char form[512];
	struct buf got;
	int status;

	snprintf(form, sizeof(form), "cmd=apply&%s", keys[_i].form);
	status = post(form, &got);
	ck_assert_msg(status == keys[_i].status && strstr((const char *)got.p, keys[_i].has) != NULL,
		"%s gives %s", form, (const char *)got.p);
	buf_fini(&got);
	check_value(keys[_i].key, keys[_i].want, form);
	ck_assert_uint_eq(applied, status == 302);
}
END_TEST

/* A form that carries one key changes that key and not one byte else; form=settings alone empties. */
START_TEST(apply_partial)
{
	struct settings *d = draft_new();
	struct buf got, before, after, text;
	const struct settings *st;

	down();
	text_copy(d->server_name, sizeof(d->server_name), "kept");
	d->chat = d->public_directory = d->transcoding_enabled = true;
	up_with(d);
	st = conf_get(node.conf);
	buf_init(&before, 1 << 20);
	settings_emit(st, &before);
	settings_unref(&st);
	ck_assert_int_eq(post("cmd=apply&maxdirect=0", &got), 302);
	buf_fini(&got);
	ck_assert_int_eq(post("cmd=apply", &got), 302);
	buf_fini(&got);
	st = conf_get(node.conf);
	buf_init(&after, 1 << 20);
	settings_emit(st, &after);
	settings_unref(&st);
	ck_assert_str_eq(buf_cstr(&before), buf_cstr(&after));
	buf_fini(&before);
	buf_fini(&after);

	ck_assert_int_eq(post("cmd=apply&form=settings&allowHTML1=1&allowDirect1=1&servername=new", &got), 302);
	buf_fini(&got);
	check_value("serverName", "new", "whole");
	check_value("password", "pw", "whole");
	check_value("allowHTML", "Yes", "whole");
	check_value("allowDirect", "Yes", "whole");
	check_value("allowNetwork", "No", "whole");
	check_value("allowBroadcast", "No", "whole");
	check_value("chat", "No", "whole");
	check_value("publicDirectory", "No", "whole");
	check_value("transcodingEnabled", "No", "whole");
	check_value("randomizeBroadcastingChannelID", "No", "whole");
	check_value("startPlayingFromKeyFrame", "Yes", "whole");
	/* nobody is locked out by an empty list */
	filters_text(&text);
	ck_assert_str_eq(buf_cstr(&text), "255.255.255.255 nd\n::/0 nd\n");
	buf_fini(&text);
	st = conf_get(node.conf);
	ck_assert_uint_eq(st->feeds.n, 0);
	settings_unref(&st);
}
END_TEST

static const struct {
	const char *form;
	int status;
	const char *want;               /* all filters afterwards; NULL = as before */
} lists[] = {
	{ "filt_ip0=10.0.0.0%2F8&filt_pr0=1&filt_nw0=1&filt_ip1=.example.org&filt_bn1=1", 302,
		"10.0.0.0/8 pn\n.example.org b\n" },
	{ "filt_ip7=::1&filt_di7=1&filt_nw7=0", 302, "::1 d\n" },
	/* flags of another group, before their address, of none */
	{ "filt_bn0=1&filt_ip0=1.2.3.4&filt_bn1=1&filt_pr=1", 302, "1.2.3.4 \n" },
	{ "filt_ip0=&filt_bn0=1&filt_ip1=0.0.0.0&filt_ip2=5.6.7.8&filt_nw2=on", 302, "5.6.7.8 n\n" },
	{ "filt_ip0=&filt_nw0=1", 302, "255.255.255.255 nd\n::/0 nd\n" },
	{ "filt_ip0=host.example&filt_di0=1", 302, "host.example d\n" },
	{ "filt_ip0=1.2.3.4&filt_ip1=what+is+this", 400, NULL },
	{ "filt_ip0=%3Cscript%3E", 400, NULL },
	{ "filt_ip0=1.2.3.4%0A%5BEnd%5D", 400, NULL },
	{ "filt_=1&filt_x&filt_zz0=1&filt_ip0123456789012345678=1.2.3.4", 302, NULL },
	{ "servername=x", 302, NULL },
};

START_TEST(apply_filters)
{
	struct buf got, before, after;
	char form[512];

	filters_text(&before);
	snprintf(form, sizeof(form), "cmd=apply&%s", lists[_i].form);
	ck_assert_msg(post(form, &got) == lists[_i].status, "%s gives %s", form, (const char *)got.p);
	buf_fini(&got);
	filters_text(&after);
	ck_assert_msg(strcmp(buf_cstr(&after), lists[_i].want != NULL ? lists[_i].want : buf_cstr(&before)) == 0,
		"%s leaves %s", form, buf_cstr(&after));
	buf_fini(&before);
	buf_fini(&after);
}
END_TEST

/* As many as fit, and not one more: the whole form is refused. */
START_TEST(apply_many_filters)
{
	const size_t n = SETTINGS_FILTERS + (size_t)_i;
	struct buf form, got, text;

	buf_init(&form, 1 << 20);
	buf_puts(&form, "cmd=apply");
	for (size_t i = 0; i < n; i++)
		buf_printf(&form, "&filt_ip%zu=10.%zu.%zu.1&filt_nw%zu=1", i, i / 200, i % 200, i);
	ck_assert_int_eq(post(buf_cstr(&form), &got), _i == 0 ? 302 : 400);
	buf_fini(&form);
	buf_fini(&got);
	filters_text(&text);
	ck_assert(strncmp(buf_cstr(&text), _i == 0 ? "10.0.0.1 n\n" : "255.255.255.255", 11) == 0);
	buf_fini(&text);
}
END_TEST

START_TEST(apply_feeds)
{
	struct settings *d = draft_new();
	struct settings_feed f = { .url = "http://yp.example/index.txt", .root_host = "yp.example" };
	const struct settings_feed *v;
	const struct settings *st;
	struct buf got;
	size_t n;

	down();
	settings_feeds_clear(d);
	ck_assert_int_eq(settings_feed_add(d, &f, NULL), ST_OK);
	up_with(d);
	ck_assert_int_eq(post("cmd=apply&channel_feed_url=https%3A%2F%2Fa.example%2F&channel_feed_url="
		"http%3A%2F%2Fyp.example%2Findex.txt&channel_feed_url=&channel_feed_url=https%3A%2F%2Fa.example%2F",
		&got), 302);
	buf_fini(&got);
	st = conf_get(node.conf);
	v = settings_feeds(st, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(v[0].url, "https://a.example/");
	ck_assert_str_eq(v[1].root_host, "yp.example");
	settings_unref(&st);
	ck_assert_int_eq(post("cmd=apply&channel_feed_url=file%3A%2F%2F%2Fetc%2Fpasswd", &got), 400);
	buf_fini(&got);
	st = conf_get(node.conf);
	(void)settings_feeds(st, &n);
	ck_assert_uint_eq(n, 2);
	settings_unref(&st);
}
END_TEST

/* Too long is an error, never a cut value or a half one; the body counts more than the query. */
START_TEST(apply_long)
{
	static const char *const names[] = { "servername", "passnew", "yp", "forceip", "preset",
		"channel_feed_url", "filt_ip0", "htmlPath", "port" };
	struct buf form, got;

	for (size_t i = 0; i < NELEM(names); i++) {
		buf_init(&form, 1 << 20);
		buf_printf(&form, "cmd=apply&djmsg=changed&%s=", names[i]);
		for (int k = 0; k < 9000; k++)
			buf_puts(&form, "a");
		ck_assert_msg(post(buf_cstr(&form), &got) == 400, "%s", names[i]);
		ck_assert_uint_lt(got.len, 2000);
		buf_fini(&form);
		buf_fini(&got);
	}
	check_value("broadcastMsg", "", "long values");
	ask(&node, home(), "POST /admin?cmd=apply&maxdirect=1&maxup=2 HTTP/1.0\nContent-Length: 11\n\nmaxdirect=9",
		&got);
	ck_assert_int_eq(status_of(&got), 302);
	buf_fini(&got);
	check_value("maxDirect", "9", "body and query");
	check_value("maxBitrateOut", "2", "body and query");
}
END_TEST

START_TEST(apply_root)
{
	struct buf got;

	ck_assert_int_eq(post("cmd=apply&brroot=1&getupd=1", &got), 302);
	buf_fini(&got);
	ck_assert_uint_eq(broadcasts, 0);       /* of a root alone */
	ck_assert_int_eq(post("cmd=apply&root=1&brroot=1&getupd=1", &got), 302);
	buf_fini(&got);
	ck_assert_uint_eq(broadcasts, 1);
	ck_assert(with_update);
	ck_assert_int_eq(post("cmd=apply&brroot=1&getupd=0", &got), 302);
	buf_fini(&got);
	ck_assert_uint_eq(broadcasts, 2);
	ck_assert(!with_update);
	ck_assert_int_eq(post("cmd=apply&brroot=0", &got), 302);
	buf_fini(&got);
	ck_assert_uint_eq(broadcasts, 2);
}
END_TEST

static const struct {
	const char *host, *want;
} ports[] = {
	{ "Host: localhost:7144\n", "http://localhost:8000/html/" },
	{ "Host: localhost\n", "http://localhost:8000/html/" },
	{ "Host: [::1]:7144\n", "http://[::1]:8000/html/" },
	{ "Host: [::1]\n", "http://[::1]:8000/html/" },
	{ "", ":8000/html/" },
};

START_TEST(apply_port)
{
	char text[256];
	struct buf got;

	snprintf(text, sizeof(text), "GET /admin?cmd=apply&port=8000 HTTP/1.0\n%s\n", ports[_i].host);
	ask(&node, home(), text, &got);
	ck_assert_int_eq(status_of(&got), 302);
	ck_assert_msg(strstr((const char *)got.p, ports[_i].want) != NULL, "%s", (const char *)got.p);
	buf_fini(&got);
}
END_TEST

/* --- flags and looks -------------------------------------------------------------------------- */

START_TEST(flags)
{
	struct buf got;

	ck_assert_int_eq(post("cmd=applyflags&forceFirewalled=true&persistTokenList=false&unknownFlag=true", &got),
		302);
	ck_assert_ptr_nonnull(strstr((const char *)got.p, "\r\nLocation: /html/en/flags.html\r\n"));
	buf_fini(&got);
	check_value("forceFirewalled", "Yes", "flags");
	check_value("persistTokenList", "No", "flags");
	check_value("startPlayingFromKeyFrame", "No", "flags");
	check_value("randomizeBroadcastingChannelID", "No", "flags");
	check_value("allowHTML", "Yes", "flags");
	ck_assert_uint_eq(applied, 1);
}
END_TEST

static const struct {
	const char *form, *referer;
	int status;
	const char *has;
	const char *key, *want;
} looks[] = {
	{ "cmd=customizeAppearance&preferredTheme=light&accentColor=orange", "", 302, "\r\nLocation: /\r\n",
		"accentColor", "orange" },
	{ "cmd=customizeAppearance&preferredTheme=light", "http://127.0.0.1:7144/html/ja/flags.html", 302,
		"\r\nLocation: /html/ja/flags.html\r\n", "preferredTheme", "light" },
	{ "cmd=customizeAppearance&accentColor=system+light", "", 400, "accentColor", "accentColor", "blue" },
	{ "cmd=chooseLanguage&htmlPath=de", "", 302, "\r\nLocation: /\r\n", "htmlPath", "html/de" },
	{ "cmd=chooseLanguage&htmlPath=ja", "http://127.0.0.1:7144/html/en/relayinfo.html?id=x", 302,
		"\r\nLocation: /html/ja/relayinfo.html?id=x\r\n", "htmlPath", "html/ja" },
	{ "cmd=chooseLanguage&htmlPath=ja", "http://127.0.0.1:7144/yp/", 302, "\r\nLocation: /yp/\r\n", "htmlPath",
		"html/ja" },
	{ "cmd=chooseLanguage&htmlPath=xx", "", 400, "htmlPath", "htmlPath", "html/en" },
	{ "cmd=chooseLanguage", "", 400, "htmlPath missing", "htmlPath", "html/en" },
};

START_TEST(look)
{
	char text[512];
	struct buf got;

	snprintf(text, sizeof(text), "GET /admin?%s HTTP/1.0\nHost: 127.0.0.1:7144\n%s%s\n\n", looks[_i].form,
		looks[_i].referer[0] != '\0' ? "Referer: " : "X: ", looks[_i].referer);
	ask(&node, home(), text, &got);
	ck_assert_msg(status_of(&got) == looks[_i].status && strstr((const char *)got.p, looks[_i].has) != NULL,
		"%s gives %s", text, (const char *)got.p);
	buf_fini(&got);
	check_value(looks[_i].key, looks[_i].want, text);
}
END_TEST

/* --- channels --------------------------------------------------------------------------------- */

#define INFO "cmd=update_channel_info&id=" FLV_ID

static const struct {
	const char *form;
	int status;
	const char *has;
	enum chantext text;
	const char *want;               /* NULL = nothing is told to anybody */
} infos[] = {
	{ INFO "&comment=hi+%3C3&track.title=T%26T", 302, "\r\nLocation: /html/en/relays.html\r\n", CT_COMMENT,
		"hi <3" },
	{ INFO "&track.title=T%26T", 302, "", CT_TRACK_TITLE, "T&T" },
	{ INFO "&track.artist=%83e%83X%83g", 302, "", CT_TRACK_ARTIST, "テスト" },
	{ INFO "&desc=a%0d%0aX-Inj:+1", 302, "", CT_DESC, "a  X-Inj: 1" },
	{ INFO "&contactURL=http%3A%2F%2Fx%2F%3Fa%3Db%26c", 302, "", CT_URL, "http://x/?a=b&c" },
	{ INFO "&genre=g", 302, "", CT_NAME, "on the air" },
	{ INFO "&name=new", 302, "", CT_NAME, "new" },
	{ INFO "&track.contactURL=u&track.genre=g&track.album=b", 302, "", CT_TRACK_ALBUM, "b" },
	{ INFO "&name=", 400, "a channel has a name", CT_NAME, NULL },
	{ INFO, 500, "Failed to update channel info", CT_NAME, NULL },
	{ INFO "&name=on+the+air", 500, "Failed to update channel info", CT_NAME, NULL },
	{ "cmd=update_channel_info&id=" NO_ID "&name=x", 500, "No such channel", CT_NAME, NULL },
	{ "cmd=update_channel_info&id=" WMV_ID "&name=x", 500, "Failed", CT_NAME, NULL },
	{ "cmd=update_channel_info&name=x", 500, "No such channel", CT_NAME, NULL },
	{ "cmd=setmeta&name=on+the+air&t_title=song&comment=c", 302, "", CT_TRACK_TITLE, "song" },
	{ "cmd=setmeta&name=on+the+air&url=http://u/", 302, "", CT_URL, "http://u/" },
	{ "cmd=setmeta&name=on+the+air", 302, "", CT_NAME, NULL },
	{ "cmd=setmeta&name=on+the&t_title=song", 404, "No such channel", CT_NAME, NULL },
	{ "cmd=setmeta&name=idle&t_title=song", 404, "No such channel", CT_NAME, NULL },
	{ "cmd=setmeta&t_title=song", 404, "No such channel", CT_NAME, NULL },
};

START_TEST(info)
{
	struct chaninfo *i;
	struct gnuid id;
	struct chan *c;
	struct buf got;

	ck_assert(gnuid_parse(&id, FLV_ID));
	ck_assert_msg(post(infos[_i].form, &got) == infos[_i].status &&
		strstr((const char *)got.p, infos[_i].has) != NULL, "%s gives %s", infos[_i].form,
		(const char *)got.p);
	buf_fini(&got);
	ck_assert_uint_eq(told_info, infos[_i].want != NULL);
	c = chanmgr_find(node.cm, &id);
	i = chan_info(c);
	ck_assert_str_eq(i->text[infos[_i].text], infos[_i].want != NULL ? infos[_i].want : "on the air");
	if (infos[_i].text != CT_NAME)
		ck_assert_str_eq(i->text[CT_NAME], "on the air");
	chaninfo_unref(&i);
	chan_unref(&c);
}
END_TEST

/* Long texts are cut at a character. */
START_TEST(info_long)
{
	struct chaninfo *i;
	struct buf form, got;
	struct gnuid id;
	struct chan *c;

	ck_assert(gnuid_parse(&id, FLV_ID));
	buf_init(&form, 1 << 20);
	buf_puts(&form, INFO "&comment=");
	for (int k = 0; k < 20000; k++)
		buf_puts(&form, "%E9%9B%91");
	ck_assert_int_eq(post(buf_cstr(&form), &got), 302);
	buf_fini(&form);
	buf_fini(&got);
	c = chanmgr_find(node.cm, &id);
	i = chan_info(c);
	ck_assert_uint_eq(strlen(i->text[CT_COMMENT]), 255);
	ck_assert(text_is_clean(i->text[CT_COMMENT], 255));
	ck_assert_str_eq(i->text[CT_COMMENT] + 252, "雑");
	chaninfo_unref(&i);
	chan_unref(&c);
}
END_TEST

/* --- connections ------------------------------------------------------------------------------ */

START_TEST(stop_servent)
{
	static const char *const bad[] = { "", "&servent_id=", "&servent_id=x", "&servent_id=0", "&servent_id=-1",
		"&servent_id=1x", "&servent_id=4294967296" };
	struct servent *sv;
	char form[128];
	struct buf got;
	int far;

	sv = servent_up(&node, stranger(), &far);       /* one that has not said anything yet */
	for (size_t i = 0; i < NELEM(bad); i++) {
		snprintf(form, sizeof(form), "cmd=stop_servent%s", bad[i]);
		ck_assert_msg(post(form, &got) == 400, "%s", form);
		ck_assert_ptr_nonnull(strstr((const char *)got.p, "invalid servent_id"));
		buf_fini(&got);
	}
	ck_assert_int_eq(post("cmd=stop_servent&servent_id=4000000000", &got), 404);
	ck_assert_ptr_nonnull(strstr((const char *)got.p, "servent not found"));
	buf_fini(&got);
	ck_assert(!mbox_is_stopped(&sv->mbox));
	snprintf(form, sizeof(form), "cmd=stop_servent&servent_id=%u", sv->id);
	ck_assert_int_eq(post(form, &got), 302);
	ck_assert_ptr_nonnull(strstr((const char *)got.p, "\r\nLocation: /html/en/connections.html\r\n"));
	buf_fini(&got);
	ck_assert(mbox_is_stopped(&sv->mbox));
	/* the one that asks: its answer comes all the same */
	snprintf(form, sizeof(form), "cmd=stop_servent&servent_id=%u", sv->id + 10);
	ck_assert_int_eq(post(form, &got), 302);
	buf_fini(&got);
	servent_end(&sv);
	close(far);
}
END_TEST

/* --- the node --------------------------------------------------------------------------------- */

static size_t hosts_of(const char *id)
{
	struct hitstats s = { .hosts = 0 };
	struct gnuid g;

	ck_assert(gnuid_parse(&g, id));
	ck_assert(chanmgr_stats(node.cm, &g, &s));
	return s.hosts;
}

START_TEST(clear)
{
	const struct host h = host_v4(198, 51, 100, 7, 7144);
	struct gnuid flv, wmv;
	struct chan *idle, *live;
	struct buf got;

	ck_assert(gnuid_parse(&flv, FLV_ID) && gnuid_parse(&wmv, WMV_ID));
	idle = chanmgr_find(node.cm, &wmv);
	live = chanmgr_find(node.cm, &flv);
	ck_assert_int_eq(chanmgr_tip(node.cm, &wmv, &h), ST_OK);
	ck_assert_int_eq(post("cmd=clear&hostcache=1&packets=1&hitlists=0&channels", &got), 302);
	ck_assert_ptr_nonnull(strstr((const char *)got.p, "\r\nLocation: /html/en/index.html\r\n"));
	buf_fini(&got);
	ck_assert_uint_eq(hosts_of(WMV_ID), 1);
	ck_assert(!chan_is_closing(idle));
	ck_assert_int_eq(post("cmd=dump_hitlists", &got), 200);
	ck_assert_ptr_nonnull(strstr((const char *)got.p, "2 hit lists\n"));
	ck_assert_ptr_nonnull(strstr((const char *)got.p, WMV_ID " 1 hosts \"idle\"\n\t198.51.100.7:7144 session "));
	ck_assert_ptr_nonnull(strstr((const char *)got.p, " tracker"));
	buf_fini(&got);
	ck_assert_int_eq(post("cmd=clear&hitlists=1&channels=1", &got), 302);
	buf_fini(&got);
	ck_assert_uint_eq(hosts_of(WMV_ID), 0);
	ck_assert(chan_is_closing(idle));
	ck_assert(!chan_is_closing(live));
	chan_unref(&idle);
	chan_unref(&live);
}
END_TEST

START_TEST(clear_hosts)
{
	static const char ini[] = "[Host]\ntype = TRACKER\naddress = 192.0.2.1:7144\ntime = 5\n[End]\n";
	struct settings *d;
	const struct settings *st;
	struct buf got;
	size_t n;

	down();
	ck_assert_int_eq(settings_parse(ini, strlen(ini), NULL, NULL, &d), ST_OK);
	up_with(d);
	ck_assert_int_eq(post("cmd=viewxml", &got), 200);
	ck_assert_ptr_nonnull(strstr((const char *)got.p, "<host ip=\"192.0.2.1:7144\" type=\"TRACKER\" time=\"5\"/>"));
	buf_fini(&got);
	ck_assert_int_eq(post("cmd=clear&hostcache=1", &got), 302);
	buf_fini(&got);
	st = conf_get(node.conf);
	(void)settings_hosts(st, &n);
	ck_assert_uint_eq(n, 0);
	settings_unref(&st);
}
END_TEST

static const struct {
	const char *request;
	int status;
	const char *has, *has_not;
} others[] = {
	{ "GET /admin?cmd=clearlog HTTP/1.0\n\n", 302, "\r\nLocation: /html/en/viewlog.html\r\n", NULL },
	{ "GET /admin?cmd=redirect&url=http%3A%2F%2Fbbs.example%2F%3Fa%3D1%26b HTTP/1.0\n\n", 200,
		"content=\"0; url=http://bbs.example/?a=1&#38;b\">", NULL },
	{ "GET /admin?cmd=redirect&url=bbs.example HTTP/1.0\n\n", 200, "url=http://bbs.example\">", NULL },
	{ "GET /admin?cmd=redirect&url=javascript:alert(1) HTTP/1.0\n\n", 200, "url=http://javascript:", "url=javascript" },
	{ "GET /admin?cmd=redirect&url=%22%3E%3Cscript%3E HTTP/1.0\n\n", 200, "&#34;&#62;&#60;script", "<script" },
	{ "GET /admin?cmd=redirect&url=http://a%0d%0aX-Inj:1 HTTP/1.0\n\n", 200, "http://a  X-Inj:1", "\nX-Inj" },
	{ "GET /admin?cmd=redirect HTTP/1.0\n\n", 400, NULL, NULL },
	{ "GET /admin?cmd=redirect&url= HTTP/1.0\n\n", 400, NULL, NULL },
	{ "HEAD /admin?cmd=shutdown HTTP/1.0\n\n", 405, NULL, NULL },
	{ "HEAD /admin?cmd=apply HTTP/1.0\n\n", 405, NULL, NULL },
	{ "GET /admin?cmd=apply&chat=0 HTTP/1.0\nHost: 127.0.0.1:7144\nReferer: http://evil.example/\n\n", 403, NULL,
		NULL },
	{ "POST /admin HTTP/1.0\nHost: 127.0.0.1:7144\nOrigin: http://evil.example\nContent-Length: 12\n\ncmd=shutdown",
		403, NULL, NULL },
	{ "GET /admin?cmd=stop_servent&servent_id=1 HTTP/1.0\nSec-Fetch-Site: cross-site\n\n", 403, NULL, NULL },
	{ "GET /admin?cmd=APPLY HTTP/1.0\n\n", 400, "no such command", NULL },
	{ "GET /admin?cmd= HTTP/1.0\n\n", 400, "no such command", NULL },
	{ "GET /admin?cmd=%3Cscript%3E HTTP/1.0\n\n", 400, NULL, "<script" },
};

START_TEST(other)
{
	struct buf got;

	ask(&node, home(), others[_i].request, &got);
	ck_assert_msg(status_of(&got) == others[_i].status &&
		(others[_i].has == NULL || strstr((const char *)got.p, others[_i].has) != NULL) &&
		(others[_i].has_not == NULL || strstr((const char *)got.p, others[_i].has_not) == NULL),
		"%s gives %s", others[_i].request, (const char *)got.p);
	buf_fini(&got);
	ck_assert_uint_eq(applied + ended, 0);
}
END_TEST

/* What changes something does so neither by HEAD nor for a page of another site; what only shows does not mind. */
static const char *const changing[] = { "login", "logout", "stop", "bump", "keep", "update_channel_info", "setmeta",
	"stop_servent", "apply", "applyflags", "customizeAppearance", "chooseLanguage", "control_rtmp", "portcheck4",
	"portcheck6", "clear", "clearlog", "fetch", "fetch_feeds", "add_speedtest", "delete_speedtest", "take_speedtest",
	"refresh_speedtest", "shutdown" };
static const char *const showing[] = { "viewxml", "dump_hitlists", "redirect", "chanfeedlog", "speedtest_cached_xml" };

static int status_by(const char *method, const char *cmd)
{
	char text[256];
	struct buf got;
	int status;

	snprintf(text, sizeof(text), "%s /admin?cmd=%s HTTP/1.0\nHost: 127.0.0.1:7144\nReferer: http://evil.example/\n\n",
		method, cmd);
	ask(&node, home(), text, &got);
	status = status_of(&got);
	buf_fini(&got);
	return status;
}

START_TEST(who_may_change)
{
	for (size_t i = 0; i < NELEM(changing); i++) {
		ck_assert_msg(status_by("HEAD", changing[i]) == 405, "%s", changing[i]);
		ck_assert_msg(status_by("GET", changing[i]) == 403, "%s", changing[i]);
	}
	for (size_t i = 0; i < NELEM(showing); i++) {
		const int head = status_by("HEAD", showing[i]), get = status_by("GET", showing[i]);

		ck_assert_msg(head != 405 && get != 403 && head == get, "%s: %d, %d", showing[i], head, get);
	}
	ck_assert_uint_eq(applied + ended + told_info, 0);
}
END_TEST

START_TEST(end)
{
	struct buf got;

	ask(&node, stranger(), "GET /admin?cmd=shutdown HTTP/1.0\n\n", &got);
	ck_assert_int_eq(status_of(&got), 401);
	buf_fini(&got);
	ck_assert_uint_eq(ended, 0);
	ck_assert_int_eq(post("cmd=shutdown", &got), 200);
	ck_assert_ptr_nonnull(strstr((const char *)got.p, "Server is shutting down..."));
	buf_fini(&got);
	ck_assert_uint_eq(ended, 1);
}
END_TEST

static const struct {
	const char *form;
	enum status says;
	int status;
	const char *has, *pulled;
} pulls[] = {
	{ "url=http%3A%2F%2Fh%2F&name=n&desc=d&genre=g&contact=c&bitrate=9&type=FLV&ipv=6&stream=x", ST_OK, 302,
		"relays.html\r\n", "http://h/|n|d|g|c|9|FLV|6" },
	{ "url=u&bitrate=x", ST_OK, 302, "relays.html\r\n", "u|||||0||4" },
	{ "url=u&name=%83e%83X%83g&desc=a+b%2B", ST_OK, 302, "relays.html\r\n", "u|テスト|a b+|||0||4" },
	{ "url=u&name=a%0D%0Ab", ST_OK, 302, "relays.html\r\n", "u|a  b||||0||4" },
	{ "url=u", ST_PROTO, 400, "because", "u|||||0||4" },
	{ "url=u", ST_LIMIT, 503, "because", "u|||||0||4" },
	{ "url=", ST_OK, 400, "url missing", "" },
	{ "name=n", ST_OK, 400, "url missing", "" },
	{ "url=a%00b", ST_OK, 400, "url missing", "" },
};

START_TEST(pull)
{
	char form[256];
	struct buf got;

	pulled[0] = '\0';
	pull_says = pulls[_i].says;
	node.ops.pull_start = on_pull;
	snprintf(form, sizeof(form), "cmd=fetch&%s", pulls[_i].form);
	ck_assert_int_eq(post(form, &got), pulls[_i].status);
	ck_assert_msg(strstr(buf_cstr(&got), pulls[_i].has) != NULL, "%s: %s", form, buf_cstr(&got));
	ck_assert_str_eq(pulled, pulls[_i].pulled);
	buf_fini(&got);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("admin");
	TCase *t = tcase_create("commands");

	xml_init();
	tcase_add_checked_fixture(t, up, down);
	tcase_add_loop_test(t, apply_one, 0, (int)NELEM(keys));
	tcase_add_test(t, apply_partial);
	tcase_add_loop_test(t, apply_filters, 0, (int)NELEM(lists));
	tcase_add_loop_test(t, apply_many_filters, 0, 2);
	tcase_add_test(t, apply_feeds);
	tcase_add_test(t, apply_long);
	tcase_add_test(t, apply_root);
	tcase_add_loop_test(t, apply_port, 0, (int)NELEM(ports));
	tcase_add_test(t, flags);
	tcase_add_loop_test(t, look, 0, (int)NELEM(looks));
	tcase_add_loop_test(t, info, 0, (int)NELEM(infos));
	tcase_add_test(t, info_long);
	tcase_add_test(t, stop_servent);
	tcase_add_test(t, clear);
	tcase_add_test(t, clear_hosts);
	tcase_add_loop_test(t, other, 0, (int)NELEM(others));
	tcase_add_loop_test(t, pull, 0, (int)NELEM(pulls));
	tcase_add_test(t, who_may_change);
	tcase_add_test(t, end);
	suite_add_tcase(s, t);
	return s;
}
