/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings, password, connections and upload tests by JSON-RPC, as the pages use them: effects, and bad input. */
#include <stdio.h>

#include "core/conf/key.h"
#include "http/password.h"
#include "test/unit/http/rpctest.h"
#include "test/unit/unit.h"

static struct node node;
static struct servent *sv;
static int far;
static unsigned settings_told;

static void on_settings(struct node *n)
{
	ck_assert_int_eq(node_apply_settings(n), ST_OK);
	settings_told++;
}

static void up(void)
{
	node_up(&node, NULL);
	node.ops.settings_changed = on_settings;
	settings_told = 0;
	sv = servent_up(&node, home(), &far);
}

static void down(void)
{
	servent_end(&sv);
	close(far);
	node_down(&node);
}

static void expect(const char *method, const char *params, const char *want)
{
	rpc_expect(&node, sv, method, params, want);
}

#define BAD RPC_BAD

/* --- describing --- */

static json_t *described(const json_t *v, const char *key)
{
	json_t *sections = json_object_get(json_object_get(v, "result"), "sections"), *s, *k;
	size_t i, j;

	json_array_foreach(sections, i, s)
		json_array_foreach(json_object_get(s, "settings"), j, k)
			if (strcmp(json_string_value(json_object_get(k, "key")), key) == 0)
				return k;
	return NULL;
}

static const struct {
	const char *key, *want;         /* NULL = it is not described */
} shapes[] = {
	{ "serverPort", "{\"default\":7144,\"doc\":\"Port for everything, 1-65535.\",\"isSecret\":false,"
		"\"isSet\":true,\"isUnused\":false,\"key\":\"serverPort\",\"max\":65535,\"mayChange\":true,\"min\":1,"
		"\"type\":\"integer\",\"value\":7144}" },
	{ "isRoot", "{\"default\":false,\"doc\":\"Be a YP: take the announcements of others.\",\"isSecret\":false,"
		"\"isSet\":true,\"isUnused\":false,\"key\":\"isRoot\",\"mayChange\":true,\"type\":\"boolean\",\"value\":false}" },
	{ "authType", "{\"default\":\"cookie\",\"doc\":\"How the pages ask for the password: cookie or http-basic.\","
		"\"isSecret\":false,\"isSet\":true,\"isUnused\":false,\"key\":\"authType\",\"mayChange\":true,\"type\":\"word\","
		"\"value\":\"cookie\",\"words\":[\"cookie\",\"http-basic\"]}" },
	{ "fetchAllow", "{\"default\":\"http\",\"doc\":\"Source URLs that may be fetched: any of http, mms, rtmp, file, "
		"pipe (runs commands).\",\"isSecret\":false,\"isSet\":true,\"isUnused\":false,\"key\":\"fetchAllow\",\"mayChange\":true,"
		"\"type\":\"words\",\"value\":\"http\",\"words\":[\"http\",\"mms\",\"rtmp\",\"file\",\"pipe\"]}" },
	{ "chanLogMode", "{\"default\":\"0640\",\"doc\":\"File mode of the channel log, octal.\",\"isSecret\":false,"
		"\"isSet\":true,\"isUnused\":false,\"key\":\"chanLogMode\",\"max\":511,\"mayChange\":true,\"min\":0,\"type\":\"octal\","
		"\"value\":\"0640\"}" },
	{ "bindAddress", "{\"default\":\"\",\"doc\":\"Address to listen on; empty = all, IPv4 and IPv6.\","
		"\"format\":\"address\",\"isSecret\":false,\"isSet\":false,\"isUnused\":false,\"key\":\"bindAddress\","
		"\"maxLength\":255,\"mayChange\":true,\"type\":\"text\",\"value\":\"\"}" },
	{ "password", "{\"default\":\"\",\"doc\":\"Password of pages and encoders, plain or from --hash-password; empty = "
		"none gets in.\",\"isSecret\":true,\"isSet\":true,\"isUnused\":false,\"key\":\"password\","
		"\"maxLength\":255,\"mayChange\":true,\"type\":\"text\",\"value\":null}" },
	{ "firewallTimeout", "{\"default\":30,\"doc\":\"Kept for other versions: without effect.\",\"isSecret\":false,"
		"\"isSet\":true,\"isUnused\":true,\"key\":\"firewallTimeout\",\"max\":4294967295,\"mayChange\":true,\"min\":0,"
		"\"type\":\"integer\",\"value\":30}" },
	{ "allowHTML", "{\"default\":true,\"doc\":\"Pages and API.\",\"isSecret\":false,\"isSet\":true,"
		"\"isUnused\":false,\"key\":\"allowHTML\",\"mayChange\":true,\"type\":\"boolean\",\"value\":true}" },
	{ "deadHitAge", NULL },
	{ "ip", NULL },
};

START_TEST(shape)
{
	json_t *v, *k;
	char *text;

	ck_assert_int_eq(conf_set(node.conf, "password", "hunter2", NULL), ST_OK);
	v = rpc_call(&node, sv, "describeSettings", "");
	k = described(v, shapes[_i].key);
	text = k != NULL ? json_dumps(k, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
	ck_assert((text != NULL) == (shapes[_i].want != NULL));
	if (text != NULL)
		ck_assert_str_eq(text, shapes[_i].want);
	free(text);
	json_decref(v);
}
END_TEST

/* Every key of a flat section or block that is written is described, with a sentence; no secret is. */
START_TEST(complete)
{
	json_t *v;
	char *all;

	ck_assert_int_eq(conf_set(node.conf, "password", "hunter2", NULL), ST_OK);
	ck_assert_int_eq(conf_set(node.conf, "rtmpKey", "livekey7", NULL), ST_OK);
	ck_assert_int_eq(conf_set(node.conf, "broadcastID", "00F03A8BB64668733DD2BA07AE60A5C0", NULL), ST_OK);
	v = rpc_call(&node, sv, "describeSettings", "");
	for (size_t i = 0; i < key_n; i++) {
		const struct key *k = &key_table[i];
		const enum sect_kind kind = sect_info[k->sect].kind;
		json_t *d = described(v, k->name);

		if ((kind != SECT_FLAT && kind != SECT_BLOCK) || (k->flags & KEY_READONLY) != 0)
			continue;
		ck_assert_msg(d != NULL, "%s", k->name);
		ck_assert_msg(strlen(json_string_value(json_object_get(d, "doc"))) > 5, "%s", k->name);
	}
	all = json_dumps(v, 0);
	ck_assert_ptr_null(strstr(all, "hunter2"));
	ck_assert_ptr_null(strstr(all, "livekey7"));
	ck_assert_ptr_null(strstr(all, "00F03A8BB64668733DD2BA07AE60A5C0"));
	free(all);
	json_decref(v);
}
END_TEST

/* --- changing --- */

#define SAVED "{\"errors\":{},\"port\":7144,\"saved\":true}"
#define CHECKED "{\"errors\":{},\"port\":7144,\"saved\":false}"
#define WRONG(field, why) "{\"errors\":{\"" field "\":\"" why "\"},\"port\":7144,\"saved\":false}"

static const struct {
	const char *params, *answer, *key, *then;
} changes[] = {
	{ "{}", SAVED, "maxDirect", "0" },
	{ "{\"maxDirect\":7,\"serverName\":\"\u540d\"}", SAVED, "maxDirect", "7" },
	{ "{\"maxDirect\":\"7\"}", SAVED, "maxDirect", "7" },
	{ "{\"maxRelays\":0}", SAVED, "maxRelays", "2" },
	{ "{\"isRoot\":true,\"forceFirewalled\":true,\"allowDirect\":false}", SAVED, "allowDirect", "No" },
	{ "{\"fetchAllow\":\"http,rtmp\"}", SAVED, "fetchAllow", "http,rtmp" },
	{ "{\"rtmpKey\":\"a,b\"}", SAVED, "rtmpKey", "a,b" },
	{ "{\"maxDirect\":7},null,null,true", CHECKED, "maxDirect", "0" },
	{ "{\"maxDirect\":7},null,null,false", SAVED, "maxDirect", "7" },
	/* all or nothing, with every fault */
	{ "{\"maxDirect\":7,\"serverPort\":0}", WRONG("serverPort", "out of range 1-65535"), "maxDirect", "0" },
	{ "{\"serverPort\":99999,\"isRoot\":\"perhaps\",\"maxDirect\":7}",
		"{\"errors\":{\"isRoot\":\"neither Yes nor No\",\"serverPort\":\"out of range 1-65535\"},"
		"\"port\":7144,\"saved\":false}", "maxDirect", "0" },
	{ "{\"nonsense\":1}", WRONG("nonsense", "no such setting"), "maxDirect", "0" },
	{ "{\"deadHitAge\":1}", WRONG("deadHitAge", "no such setting"), "maxDirect", "0" },
	{ "{\"ip\":\"1.2.3.4\"}", WRONG("ip", "no such setting"), "maxDirect", "0" },
	{ "{\"\":1}", WRONG("", "no such setting"), "maxDirect", "0" },
	{ "{\"maxDirect\":-1}", WRONG("maxDirect", "out of range 0-4294967295"), "maxDirect", "0" },
	{ "{\"maxDirect\":1.5}", WRONG("maxDirect", "neither text nor number nor true nor false"), "maxDirect", "0" },
	{ "{\"maxDirect\":null}", WRONG("maxDirect", "neither text nor number nor true nor false"), "maxDirect", "0" },
	{ "{\"maxDirect\":[1]}", WRONG("maxDirect", "neither text nor number nor true nor false"), "maxDirect", "0" },
	{ "{\"preferredTheme\":\"pink\"}", WRONG("preferredTheme", "not one of: system light dark"), "preferredTheme",
		"system" },
	{ "{\"bindAddress\":\"here\"}", WRONG("bindAddress", "not an IP address"), "bindAddress", "" },
	{ "{\"password\":\"x\"}", WRONG("password", "the password is changed with setPassword"), "password", "" },
	{ "{\"icyPassword\":\"x\"}", WRONG("icyPassword", "the password is changed with setPassword"), "password", "" },
	{ "5", BAD("settings must be an object"), "maxDirect", "0" },
	{ "{},{}", BAD("filters must be an array"), "maxDirect", "0" },
};

static void value_is(const char *key, const char *want)
{
	const struct settings *st = conf_get(node.conf);
	struct buf b;

	buf_init(&b, SETTINGS_LONG);
	ck_assert(settings_get(st, key, &b));
	ck_assert_str_eq(buf_cstr(&b), want);
	buf_fini(&b);
	settings_unref(&st);
}

START_TEST(change)
{
	expect("changeSettings", changes[_i].params, changes[_i].answer);
	value_is(changes[_i].key, changes[_i].then);
	ck_assert_uint_eq(settings_told, strcmp(changes[_i].answer, SAVED) == 0);
}
END_TEST

#define ALL4 "{\"ban\":false,\"direct\":true,\"ip\":\"255.255.255.255\",\"network\":true,\"private\":false}"
#define ALL6 "{\"ban\":false,\"direct\":true,\"ip\":\"::/0\",\"network\":true,\"private\":false}"
#define HOME "{\"ban\":false,\"direct\":false,\"ip\":\"192.168.0.0/16\",\"network\":false,\"private\":true}"

static const struct {
	const char *params, *answer, *list, *then;
} lists[] = {
	{ "{}", SAVED, "filters", "[" ALL4 "," ALL6 "]" },
	{ "{},[{\"ip\":\"192.168.0.0/16\",\"private\":true}]", SAVED, "filters", "[" HOME "]" },
	/* nobody is locked out by an empty list */
	{ "{},[]", SAVED, "filters", "[" ALL4 "," ALL6 "]" },
	{ "{},[{\"ip\":\"10.0.0.0/8\"},{\"ip\":\"1.2.3\"},{}]",
		"{\"errors\":{\"filters.1\":\"not an address, network or name\","
		"\"filters.2\":\"an address, network or name is missing\"},\"port\":7144,\"saved\":false}",
		"filters", "[" ALL4 "," ALL6 "]" },
	{ "{},[5]", WRONG("filters.0", "an address, network or name is missing"), "filters", "[" ALL4 "," ALL6 "]" },
	{ "{\"serverPort\":0},[{\"ip\":\"10.0.0.0/8\"}]", WRONG("serverPort", "out of range 1-65535"), "filters",
		"[" ALL4 "," ALL6 "]" },
	{ "{},null,[{\"url\":\"http://yp.example/index.txt\",\"rootHost\":\"yp.example:7146\"}]", SAVED, "feeds",
		"[{\"rootHost\":\"yp.example:7146\",\"url\":\"http://yp.example/index.txt\"}]" },
	{ "{},null,[]", SAVED, "feeds", "[]" },
	{ "{},null,[{\"url\":\"ftp://yp.example/\"}]", WRONG("feeds.0", "its url is not an http or https URL"), "feeds", NULL },
	{ "{},null,[{\"url\":\"http://yp.example/\",\"rootHost\":\"a b\"}]",
		WRONG("feeds.0", "the root is not host or host:port"), "feeds", NULL },
	{ "{},null,[{\"rootHost\":\"a\"}]", WRONG("feeds.0", "an address is missing"), "feeds", NULL },
};

START_TEST(change_lists)
{
	json_t *v;
	char *text;

	expect("changeSettings", lists[_i].params, lists[_i].answer);
	v = rpc_call(&node, sv, "describeSettings", "");
	text = json_dumps(json_object_get(json_object_get(v, "result"), lists[_i].list),
		JSON_SORT_KEYS | JSON_COMPACT);
	if (lists[_i].then != NULL)
		ck_assert_str_eq(text, lists[_i].then);
	free(text);
	json_decref(v);
}
END_TEST

/* --- the password --- */

START_TEST(password)
{
	const struct settings *st;

	expect("setPassword", "\"whatever\",\"first one\"", "null");
	st = conf_get(node.conf);
	ck_assert(password_is_hash(st->password) && password_matches(st->password, "first one"));
	settings_unref(&st);
	expect("setPassword", "\"wrong\",\"second\"", BAD("the current password is wrong"));
	expect("setPassword", "\"first one\",\" blank\"",
		BAD("the new password has control characters, or blanks at its ends"));
	expect("setPassword", "\"first one\",\"a\\u0007b\"",
		BAD("the new password has control characters, or blanks at its ends"));
	expect("setPassword", "\"first one\"", BAD("Wrong number of arguments"));
	expect("setPassword", "\"first one\",\"second\"", "null");
	st = conf_get(node.conf);
	ck_assert(password_matches(st->password, "second") && !password_matches(st->password, "first one"));
	settings_unref(&st);
	expect("setPassword", "\"second\",\"\"", "null");
	value_is("password", "");
	ck_assert_uint_eq(settings_told, 3);
}
END_TEST

/* Who has logged in from elsewhere names no files of this machine, nor makes himself one who may. */
START_TEST(from_elsewhere)
{
	struct servent *other = sv;
	json_t *v;
	int other_far;

	sv = servent_up(&node, host_v4(198, 51, 100, 78, 5), &other_far);
	expect("changeSettings", "{\"chanLog\":\"/tmp/x\",\"maxDirect\":7}",
		WRONG("chanLog", "this is changed on the machine itself, or in the ini"));
	expect("changeSettings", "{\"chanLogMode\":\"0666\"}",
		WRONG("chanLogMode", "this is changed on the machine itself, or in the ini"));
	expect("changeSettings", "{\"trustLocalhost\":true}",
		WRONG("trustLocalhost", "this is changed on the machine itself, or in the ini"));
	expect("changeSettings", "{\"fetchAllow\":\"http pipe\"}",
		WRONG("fetchAllow", "this is changed on the machine itself, or in the ini"));
	expect("changeSettings", "{\"recordKeepFiles\":1}",
		WRONG("recordKeepFiles", "this is changed on the machine itself, or in the ini"));
	expect("changeSettings", "{\"recordKeepMB\":1}",
		WRONG("recordKeepMB", "this is changed on the machine itself, or in the ini"));
	expect("changeSettings", "{\"recordMinFreeMB\":0}",
		WRONG("recordMinFreeMB", "this is changed on the machine itself, or in the ini"));
	value_is("maxDirect", "0");
	expect("changeSettings", "{\"maxDirect\":7}", SAVED);
	v = rpc_call(&node, sv, "describeSettings", "");
	ck_assert(json_is_false(json_object_get(described(v, "chanLog"), "mayChange")));
	ck_assert(json_is_true(json_object_get(described(v, "maxDirect"), "mayChange")));
	json_decref(v);
	servent_end(&sv);
	close(other_far);
	sv = other;
	expect("changeSettings", "{\"chanLog\":\"/tmp/x\"}", SAVED);
}
END_TEST

/* Guessing is as slow as at the login. */
START_TEST(guesses)
{
	struct servent *other = sv;
	int other_far;

	ck_assert_int_eq(conf_set(node.conf, "password", "secret", NULL), ST_OK);
	sv = servent_up(&node, host_v4(198, 51, 100, 77, 5), &other_far);
	for (int i = 0; i < 5; i++)
		expect("setPassword", "\"wrong\",\"x\"", BAD("the current password is wrong"));
	expect("setPassword", "\"secret\",\"x\"", BAD("too many wrong passwords; wait a minute"));
	servent_end(&sv);
	close(other_far);
	sv = other;
}
END_TEST

/* --- connections --- */

START_TEST(connections)
{
	struct servent *player;
	struct gnuid id;
	int player_far;
	char params[32];
	json_t *v, *r;

	chan_up(&node, info_new(FLV_ID, "n", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	ck_assert(gnuid_parse(&id, FLV_ID));
	player = servent_up(&node, home(), &player_far);
	servent_set_private(player, true);
	ck_assert_int_eq(servmgr_admit(node.sm, player, SV_DIRECT, &id, 194, true), ADMIT_OK);
	servent_set_agent(player, "<b>mpv</b>");

	v = rpc_call(&node, sv, "getConnections", "");
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(v, "result"), "total")), 2);
	json_decref(v);
	v = rpc_call(&node, sv, "getConnections", "\"" FLV_ID "\"");
	r = json_array_get(json_object_get(json_object_get(v, "result"), "connections"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(r, "type")), "DIRECT");
	ck_assert_str_eq(json_string_value(json_object_get(r, "agentName")), "<b>mpv</b>");
	ck_assert_str_eq(json_string_value(json_object_get(r, "channelId")), FLV_ID);
	ck_assert(json_is_true(json_object_get(r, "isPrivate")));
	snprintf(params, sizeof(params), "%" JSON_INTEGER_FORMAT,
		json_integer_value(json_object_get(r, "connectionId")));
	json_decref(v);

	expect("endConnection", "0", "false");
	expect("endConnection", "-5", "false");
	expect("endConnection", "99999999999", "false");
	expect("endConnection", "4000000", "false");
	expect("endConnection", "\"1\"", BAD("connectionId must be an integer"));
	ck_assert(!mbox_is_stopped(&player->mbox));
	expect("endConnection", params, "true");
	ck_assert(mbox_is_stopped(&player->mbox));
	servent_end(&player);
	close(player_far);
	expect("endConnection", params, "false");
}
END_TEST

/* --- upload tests --- */

static bool sent;

static enum status on_speedtest(struct node *n, struct servent *who, const char *url, bool send)
{
	struct speedtest t = { .status = SPEED_OK, .speed_kbps = 4321, .checkable = true };

	ck_assert(who == sv);
	sent = send;
	(void)text_copy(t.url, sizeof(t.url), url);
	(void)text_copy(t.name, sizeof(t.name), "A YP");
	speedtests_put(&n->speedtests, &t);
	return ST_OK;
}

#define YP4G "http://yp.example/yp4g.xml"
#define TEST(status, name, speed, checkable) "{\"error\":\"\",\"isCheckable\":" checkable ",\"isOver\":false," \
	"\"isPortOpen\":false,\"name\":\"" name "\",\"speed\":" speed ",\"status\":\"" status "\",\"url\":\"" YP4G "\"}"

START_TEST(speed_tests)
{
	node.ops.speedtest = on_speedtest;
	while (true) {                  /* those of a new ini */
		json_t *v = rpc_call(&node, sv, "getSpeedTests", ""), *first =
			json_array_get(json_object_get(v, "result"), 0);
		char params[SETTINGS_LONG + 4];

		if (first == NULL) {
			json_decref(v);
			break;
		}
		snprintf(params, sizeof(params), "\"%s\"", json_string_value(json_object_get(first, "url")));
		json_decref(v);
		expect("removeSpeedTest", params, "null");
	}
	expect("addSpeedTest", "\"\"", BAD("its url is not an http URL"));
	expect("addSpeedTest", "\"ftp://yp.example/\"", BAD("its url is not an http URL"));
	expect("addSpeedTest", "\"" YP4G "\"", "null");
	expect("addSpeedTest", "\"" YP4G "\"", BAD("it is there already"));
	expect("getSpeedTests", "", "[" TEST("untried", "", "0", "false") "]");
	expect("takeSpeedTest", "\"http://other.example/\"", BAD("url is not on the list"));
	expect("takeSpeedTest", "\"" YP4G "\",false", TEST("ok", "A YP", "4321", "true"));
	ck_assert(!sent);
	expect("takeSpeedTest", "\"" YP4G "\"", TEST("ok", "A YP", "4321", "true"));
	ck_assert(sent);
	expect("removeSpeedTest", "\"http://unknown.example/\"", "null");
	expect("removeSpeedTest", "\"" YP4G "\"", "null");
	expect("getSpeedTests", "", "[]");
}
END_TEST

/* --- the rest --- */

START_TEST(notices)
{
	json_t *v, *first;
	struct gnuid id;

	expect("getNotifications", "", "[]");
	ck_assert(gnuid_parse(&id, FLV_ID));
	notice_add(&node.notices, NOTICE_PEERCAST, "one", "info", NULL, "%s", "<i>1</i>");
	notice_add(&node.notices, NOTICE_BROADCASTERS, "two", "warning", &id, "%s", "2");
	for (int i = 0; i < 2; i++) {           /* they stay */
		v = rpc_call(&node, sv, "getNotifications", "");
		first = json_array_get(json_object_get(v, "result"), 0);
		ck_assert_uint_eq(json_array_size(json_object_get(v, "result")), 2);
		ck_assert_str_eq(json_string_value(json_object_get(first, "message")), "2");
		ck_assert_str_eq(json_string_value(json_object_get(first, "type")), "warning");
		ck_assert_str_eq(json_string_value(json_object_get(first, "channelId")), FLV_ID);
		json_decref(v);
	}
}
END_TEST

static void on_rtmp_status(struct node *n, struct rtmp_status *s)
{
	ck_assert_ptr_eq(n, &node);
	memset(s, 0, sizeof(*s));
	s->on = true;
	s->at = host_v4(127, 0, 0, 1, 1935);
	(void)text_copy(s->problem, sizeof(s->problem), "in use");
}

START_TEST(rtmp)
{
	node.ops.rtmp_status = on_rtmp_status;
	expect("getRtmpStatus", "", "{\"address\":\"127.0.0.1\",\"isListening\":false,\"isOn\":true,\"needsKey\":false,"
		"\"port\":1935,\"problem\":\"in use\",\"publishers\":0}");
	ck_assert_int_eq(conf_set(node.conf, "rtmpKey", "k", NULL), ST_OK);
	expect("getRtmpStatus", "", "{\"address\":\"127.0.0.1\",\"isListening\":false,\"isOn\":true,\"needsKey\":true,"
		"\"port\":1935,\"problem\":\"in use\",\"publishers\":0}");
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("methods_conf");
	TCase *t = tcase_create("methods_conf");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_loop_test(t, shape, 0, (int)NELEM(shapes));
	tcase_add_test(t, complete);
	tcase_add_loop_test(t, change, 0, (int)NELEM(changes));
	tcase_add_loop_test(t, change_lists, 0, (int)NELEM(lists));
	tcase_add_test(t, password);
	tcase_add_test(t, from_elsewhere);
	tcase_add_test(t, guesses);
	tcase_add_test(t, connections);
	tcase_add_test(t, speed_tests);
	tcase_add_test(t, notices);
	tcase_add_test(t, rtmp);
	suite_add_tcase(s, t);
	return s;
}
