/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the methods of JSON-RPC change and tell (http.md 8.5, 8.6): effects, and bad input. */
#include <stdio.h>

#include "core/sys/log.h"
#include "test/unit/http/rpctest.h"
#include "test/unit/unit.h"

static struct node node;
static struct servent *sv;
static int far;
static unsigned settings_told, infos_told;

static void on_settings(struct node *n)
{
	ck_assert_int_eq(node_apply_settings(n), ST_OK);
	settings_told++;
}

static void on_info(struct node *n, struct chan *c)
{
	ck_assert_ptr_eq(n, &node);
	ck_assert_ptr_nonnull(c);
	infos_told++;
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

static void up(void)
{
	node_up(&node, NULL);
	node.ops.settings_changed = on_settings;
	node.ops.info_changed = on_info;
	settings_told = infos_told = 0;
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
#define LIMITS(directs, relays, per, rate) "{\"maxDirects\":" directs ",\"maxDirectsPerChannel\":0," \
	"\"maxRelays\":" relays ",\"maxRelaysPerChannel\":" per ",\"maxUpstreamRate\":" rate \
	",\"maxUpstreamRatePerChannel\":0}"
#define DEFAULTS LIMITS("0", "2", "0", "0")

static const struct {
	const char *params, *answer, *then;
} settings[] = {
	{ "{}", "null", DEFAULTS },
	{ "{\"maxDirects\":3}", "null", LIMITS("3", "2", "0", "0") },
	/* what PeerCast-YT was sent in the capture: fewer than two relays become two */
	{ "{\"maxDirects\":3,\"maxDirectsPerChannel\":0,\"maxRelays\":1,\"maxRelaysPerChannel\":0,"
		"\"maxUpstreamRate\":0,\"maxUpstreamRatePerChannel\":0}", "null", LIMITS("3", "2", "0", "0") },
	{ "{\"maxRelays\":50,\"maxRelaysPerChannel\":7,\"maxUpstreamRate\":4294967295}", "null",
		LIMITS("0", "50", "7", "4294967295") },
	{ "{\"maxRelays\":null,\"channelCleaner\":{\"mode\":1},\"maxDirectsPerChannel\":9}", "null", DEFAULTS },
	/* all or nothing */
	{ "{\"maxDirects\":3,\"maxRelays\":\"4\"}", BAD("maxRelays: must be an integer, 0 or more"), DEFAULTS },
	{ "{\"maxDirects\":3,\"maxUpstreamRatePerChannel\":-1}",
		BAD("maxUpstreamRatePerChannel: must be an integer, 0 or more"), DEFAULTS },
	{ "{\"maxDirects\":3,\"maxRelays\":-1}", BAD("maxRelays: must be an integer, 0 or more"), DEFAULTS },
	{ "{\"maxRelays\":0}", "null", DEFAULTS },
	{ "{\"maxDirects\":2.5}", BAD("maxDirects: must be an integer, 0 or more"), DEFAULTS },
	{ "{\"maxDirects\":true}", BAD("maxDirects: must be an integer, 0 or more"), DEFAULTS },
	{ "{\"maxDirects\":[]}", BAD("maxDirects: must be an integer, 0 or more"), DEFAULTS },
	{ "5", BAD("settings must be an object"), DEFAULTS },
	{ "", BAD("Wrong number of arguments"), DEFAULTS },
	{ "{},{}", BAD("Wrong number of arguments"), DEFAULTS },
};

START_TEST(set_settings)
{
	const bool good = settings[_i].answer[0] == 'n';

	expect("getSettings", "", DEFAULTS);
	expect("setSettings", settings[_i].params, settings[_i].answer);
	expect("getSettings", "", settings[_i].then);
	ck_assert_uint_eq(settings_told, good);
}
END_TEST

/* IPv4 counts more than IPv6, and nobody's private IPv6 address more than 127.0.0.1. */
static const struct {
	const char *ip[2], *global, *local;
} places[] = {
	{ { NULL }, "127.0.0.1", "127.0.0.1" },
	{ { "192.168.1.5", "fd00::5" }, "192.168.1.5", "192.168.1.5" },
	{ { "203.0.113.5", "fd00::5" }, "203.0.113.5", "127.0.0.1" },
	{ { "203.0.113.5", "192.168.1.5" }, "203.0.113.5", "192.168.1.5" },
	{ { "2001:db8::5", "fd00::5" }, "2001:db8::5", "fd00::5" },
};

START_TEST(end_points)
{
	const struct host no_route[2] = { { .port = 0 }, { .port = 0 } };
	const char *const keys[] = { "globalDirectEndPoint", "globalRelayEndPoint", "localDirectEndPoint",
		"localRelayEndPoint" };
	struct host h[2];
	json_t *v, *r;
	size_t n = 0;

	for (; n < 2 && places[_i].ip[n] != NULL; n++)
		ck_assert(host_parse(&h[n], places[_i].ip[n], 0));
	(void)servmgr_set_interfaces(node.sm, h, n, no_route);
	v = rpc_call(&node, sv, "getStatus", "");
	r = json_object_get(v, "result");
	for (size_t i = 0; i < NELEM(keys); i++)
		ck_assert_str_eq(json_string_value(json_array_get(json_object_get(r, keys[i]), 0)),
			i < 2 ? places[_i].global : places[_i].local);
	json_decref(v);
}
END_TEST

/* A number out of range is refused, with what is wrong; limits count at once. */
START_TEST(settings_range)
{
	static const char *const rows[] = { "-1", "4294967296", "9223372036854775807" };
	struct limits l;
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		char params[64];
		json_t *v;

		snprintf(params, sizeof(params), "{\"maxDirects\":4,\"maxUpstreamRate\":%s}", rows[i]);
		v = rpc_call(&node, sv, "setSettings", params);
		ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(v, "error"), "code")), -32602);
		ck_assert_int_eq(strncmp(json_string_value(json_object_get(json_object_get(v, "error"), "data")),
			"maxUpstreamRate: ", 17), 0);
		json_decref(v);
	}
	expect("getSettings", "", DEFAULTS);
	expect("setSettings", "{\"maxDirects\":4}", "null");
	servmgr_get_limits(node.sm, &l);
	ck_assert_uint_eq(l.max_direct, 4);
}
END_TEST

static const struct {
	const char *params, *answer;
	int level;                      /* of ours, after it */
} levels[] = {
	{ "{\"level\":0}", "null", LOG_OFF }, { "{\"level\":1}", "null", LOG_FATAL },
	{ "{\"level\":3}", "null", LOG_WARN }, { "{\"level\":5}", "null", LOG_DEBUG },
	{ "{\"level\":4}", "null", LOG_INFO },
	{ "{\"level\":6}", "null", LOG_INFO }, { "{\"level\":-1}", "null", LOG_INFO },
	{ "{\"level\":9223372036854775807}", "null", LOG_INFO },
	{ "{\"level\":\"3\"}", BAD("level must be an integer"), LOG_INFO },
	{ "{\"level\":3.0}", BAD("level must be an integer"), LOG_INFO },
	{ "{}", BAD("level must be an integer"), LOG_INFO },
	{ "[3]", BAD("settings must be an object"), LOG_INFO },
};

START_TEST(log_level)
{
	const struct settings *st;
	char want[32];

	expect("setLogSettings", levels[_i].params, levels[_i].answer);
	st = conf_get(node.conf);
	ck_assert_int_eq((int)st->log_level, levels[_i].level);
	settings_unref(&st);
	snprintf(want, sizeof(want), "{\"level\":%d}", 7 - levels[_i].level);
	expect("getLogSettings", "", want);
}
END_TEST

/* Who writes back what it has read does not make a trace coarser. */
START_TEST(log_trace)
{
	const struct settings *st;

	ck_assert_int_eq(conf_set(node.conf, "logLevel", "1", NULL), ST_OK);
	expect("getLogSettings", "", "{\"level\":5}");
	expect("setLogSettings", "{\"level\":5}", "null");
	st = conf_get(node.conf);
	ck_assert_uint_eq(st->log_level, LOG_TRACE);
	settings_unref(&st);
}
END_TEST

static json_int_t log_lines(const char *params, const char *last, json_int_t *from)
{
	json_t *v = rpc_call(&node, sv, "getLog", params), *r = json_object_get(v, "result");
	const char *text = json_string_value(json_object_get(r, "log"));
	json_int_t n = json_integer_value(json_object_get(r, "lines")), seen = 0;

	ck_assert_ptr_nonnull(text);
	*from = json_integer_value(json_object_get(r, "from"));
	for (const char *p = text; *p != '\0'; p++)
		seen += *p == '\n';
	ck_assert_int_eq(n, text[0] != '\0' ? seen + 1 : 0);
	if (last != NULL)
		ck_assert_msg(strlen(text) >= strlen(last) &&
			strcmp(text + strlen(text) - strlen(last), last) == 0, "%s", text);
	json_decref(v);
	return n;
}

START_TEST(log_text)
{
	const enum log_level before = log_get_level();
	json_int_t from, next;

	log_set_level(LOG_INFO);
	expect("clearLog", "", "null");
	ck_assert_int_eq(log_lines("", NULL, &from), 0);
	log_info("first \xff\x01 \xe3\x81\x82");
	log_info("second");
	log_set_level(before);
	ck_assert_int_eq(log_lines("null,null", "[INFO] second", &from), 2);
	ck_assert_int_eq(log_lines("0,1", "\xe3\x81\x82", &next), 1);
	ck_assert_int_eq(next, from);
	ck_assert_int_eq(log_lines("0,0", NULL, &next), 0);
	ck_assert_int_eq(log_lines("0,9223372036854775807", NULL, &next), 2);
	/* going on where it ended: nothing new */
	ck_assert_int_eq(log_lines("9223372036854775807", NULL, &next), 0);
	ck_assert_int_eq(next, from + 2);
	expect("getLog", "-1", BAD("from must not be negative"));
	expect("getLog", "0,-1", BAD("maxLines must not be negative"));
	expect("getLog", "\"0\"", BAD("from must be an integer"));
	expect("clearLog", "", "null");
	ck_assert_int_eq(log_lines("", NULL, &from), 0);
}
END_TEST

START_TEST(addresses)
{
	struct host v4 = host_v4(203, 0, 113, 20, 7144), v6;

	expect("getExternalIPAddresses", "", "[]");     /* loopback is none */
	(void)servmgr_learn_address(node.sm, &v4);
	expect("getExternalIPAddresses", "", "[\"203.0.113.20\"]");
	ck_assert(host_parse(&v6, "2400:1::1", 0));
	(void)servmgr_learn_address(node.sm, &v6);
	expect("getExternalIPAddresses", "", "[\"203.0.113.20\",\"2400:1::1\"]");
}
END_TEST

/* --- yellow pages ----------------------------------------------------------------------------- */

#define YP(host, channels) YP_AT("0", host, channels)
#define YP_AT(id, host, channels) "{\"announceUri\":\"pcp://" host "/\",\"channels\":[" channels "]," \
	"\"channelsUri\":null,\"name\":\"" host "\",\"protocol\":\"pcp\",\"uri\":\"pcp://" host \
	"/\",\"yellowPageId\":" id "}"
#define NO_URI BAD("Invalid uri")
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X100 X50 X50

static const struct {
	const char *params, *answer;
} pages[] = {
	{ "\"pcp\",\"SP\",\"pcp://bayonet.ddo.jp:7146/\"", YP("bayonet.ddo.jp:7146", "") },
	{ "\"PCP\",\"\",\"PCP://a-b.example\",null,null", YP("a-b.example", "") },
	{ "\"pcp\",\"x\",null,\"pcp://192.0.2.1:7144/x?y\",\"\"", YP("192.0.2.1:7144", "") },
	{ "\"pcp\",\"x\",null,\"pcp://192.0.2.1:7144/x?y\",\"ftp://x/index.txt\"", BAD("Invalid channelsUri") },
	{ "\"pcp\",\"x\",\"pcp://[2001:db8::1]:7144/\"", YP("[2001:db8::1]:7144", "") },
	/* where to announce goes before the page's own address */
	{ "\"pcp\",\"x\",\"pcp://a/\",\"pcp://b/\"", YP("b", "") },
	{ "\"http\",\"x\",\"pcp://a/\"", BAD("protocol Not Found") },
	{ "\"\",\"x\",\"pcp://a/\"", BAD("protocol Not Found") },
	{ "\"pcp\",\"x\"", NO_URI },
	{ "\"pcp\",\"x\",null,null", NO_URI },
	{ "\"pcp\",\"x\",\"\"", NO_URI },
	{ "\"pcp\",\"x\",\"pcp://\"", NO_URI },
	{ "\"pcp\",\"x\",\"pcp:///\"", NO_URI },
	{ "\"pcp\",\"x\",\"http://a/\"", NO_URI },
	{ "\"pcp\",\"x\",\"a.example\"", NO_URI },
	{ "\"pcp\",\"x\",\"pcp://a:0/\"", NO_URI },
	{ "\"pcp\",\"x\",\"pcp://a:65536/\"", NO_URI },
	{ "\"pcp\",\"x\",\"pcp://a:1:2/\"", NO_URI },
	{ "\"pcp\",\"x\",\"pcp://:7144/\"", NO_URI },
	{ "\"pcp\",\"x\",\"pcp://u@a/\"", NO_URI },
	{ "\"pcp\",\"x\",\"pcp://a b/\"", NO_URI },
	{ "\"pcp\",\"x\",\"pcp://a\\nb = c/\"", NO_URI },
	{ "\"pcp\",\"x\",\"pcp://[2001:db8::1/\"", NO_URI },
	{ "\"pcp\",\"x\",\"pcp://0.0.0.0:7144/\"", NO_URI },
	{ "\"pcp\",\"x\",\"pcp://" X100 X100 X100 "/\"", NO_URI },
	{ "\"pcp\",\"x\",5", BAD("uri must be a string") },
	{ "5,\"x\",\"pcp://a/\"", BAD("protocol must be a string") },
	{ "\"pcp\"", BAD("Wrong number of arguments") },
};

START_TEST(add_page)
{
	const bool good = strstr(pages[_i].answer, "announceUri") != NULL;
	char list[1024];

	ck_assert_int_eq(conf_set(node.conf, "rootHost", "before:1", NULL), ST_OK);
	expect("addYellowPage", pages[_i].params, pages[_i].answer);
	snprintf(list, sizeof(list), "[%s]", good ? pages[_i].answer : YP("before:1", ""));
	expect("getYellowPages", "", list);
	ck_assert_uint_eq(settings_told, good);
}
END_TEST

START_TEST(pages_of_a_list)
{
	ck_assert_int_eq(conf_set(node.conf, "rootHost", "a:1 , b:2,,c", NULL), ST_OK);
	expect("getYellowPages", "", "[" YP_AT("0", "a:1", "") "," YP_AT("1", "b:2", "") "," YP_AT("2", "c", "") "]");
	/* one of them is there already */
	expect("addYellowPage", "\"pcp\",\"x\",\"pcp://B:2/\"", YP_AT("1", "b:2", ""));
	ck_assert_uint_eq(settings_told, 0);
	expect("removeYellowPage", "3", "null");
	expect("removeYellowPage", "1", "null");
	expect("getYellowPages", "", "[" YP_AT("0", "a:1", "") "," YP_AT("1", "c", "") "]");
	ck_assert_uint_eq(settings_told, 1);
	/* another one takes the place of all */
	expect("addYellowPage", "\"pcp\",\"x\",\"pcp://d:1/\"", YP("d:1", ""));
	expect("getYellowPages", "", "[" YP("d:1", "") "]");
}
END_TEST

START_TEST(page_in_use)
{
	static const char one[] = "[" YP("a:1", "{\"channelId\":\"" FLV_ID "\",\"status\":\"Connecting\"}") "]";

	expect("removeYellowPage", "0", "null");
	expect("getYellowPages", "", "[]");
	chan_up(&node, info_new(FLV_ID, "n", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	chan_up(&node, info_new(WMV_ID, "relayed", "WMV"), CHAN_RELAY, CHAN_RECEIVING);
	/* a first one may come while on the air, another one not */
	expect("addYellowPage", "\"pcp\",\"x\",\"pcp://a:1/\"",
		YP("a:1", "{\"channelId\":\"" FLV_ID "\",\"status\":\"Connecting\"}"));
	ck_assert_uint_eq(settings_told, 2);
	expect("addYellowPage", "\"pcp\",\"x\",\"pcp://A:1/\"",
		YP("a:1", "{\"channelId\":\"" FLV_ID "\",\"status\":\"Connecting\"}"));
	expect("addYellowPage", "\"pcp\",\"x\",\"pcp://b:1/\"",
		"{\"code\":0,\"message\":\"Another yellow page is in use\"}");
	expect("removeYellowPage", "1", "null");
	expect("removeYellowPage", "-1", "null");
	expect("removeYellowPage", "null", BAD("yellowPageId must be an integer"));
	expect("getYellowPages", "", one);
	ck_assert_uint_eq(settings_told, 2);
}
END_TEST

/* --- channels --------------------------------------------------------------------------------- */

#define INFO(name, comment, genre, title, artist) "{\"info\":{\"bitrate\":194,\"comment\":\"" comment \
	"\",\"contentType\":\"FLV\",\"desc\":\"\",\"genre\":\"" genre "\",\"mimeType\":\"video/x-flv\"," \
	"\"name\":\"" name "\",\"url\":\"\"},\"track\":{\"album\":\"\",\"creator\":\"" artist \
	"\",\"genre\":\"\",\"name\":\"" title "\",\"url\":\"\"},\"yellowPages\":[]}"
#define UNCHANGED INFO("n", "", "", "", "")
#define ID "\"" FLV_ID "\""

static const struct {
	const char *params, *answer, *then;
} edits[] = {
	{ ID ",{\"name\":\"m\",\"comment\":\"c\"},{\"name\":\"t\",\"creator\":\"a\"}", "null",
		INFO("m", "c", "", "t", "a") },
	{ ID ",{\"genre\":\"g\"}", "null", INFO("n", "", "g", "", "") },
	{ ID ",null,{\"name\":\"t\"}", "null", INFO("n", "", "", "t", "") },
	{ ID, "null", UNCHANGED },
	{ ID ",null,null", "null", UNCHANGED },
	{ ID ",{},{}", "null", UNCHANGED },
	/* what getChannelInfo gave may come back whole; what is no text of the channel does not count */
	{ ID ",{\"name\":\"n\",\"bitrate\":9,\"contentType\":\"WMV\",\"mimeType\":5,\"x\":[]}", "null", UNCHANGED },
	{ ID ",{\"comment\":null}", "null", UNCHANGED },
	{ ID ",{\"comment\":\"a\\r\\nb\\u007f\"}", "null", INFO("n", "a  b ", "", "", "") },
	{ ID ",{\"comment\":\"" X100 X100 X100 "\"}", "null", INFO("n", X100 X100
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "", "", "") },
	{ ID ",{\"name\":\"m\",\"comment\":5}", BAD("info.comment must be a string"), UNCHANGED },
	{ ID ",{\"name\":\"m\"},{\"url\":[]}", BAD("track.url must be a string"), UNCHANGED },
	{ ID ",{\"name\":\"\"}", BAD("Channel name must not be empty"), UNCHANGED },
	{ ID ",[]", BAD("info must be an object"), UNCHANGED },
	{ ID ",{},\"t\"", BAD("track must be an object"), UNCHANGED },
	{ "\"" NO_ID "\",{\"name\":\"m\"}", "{\"code\":-1,\"message\":\"Channel not found\"}", UNCHANGED },
	{ "\"x\"", BAD("channelId must be an id of 32 hexadecimal digits"), UNCHANGED },
	{ "\"" WMV_ID "\",{\"name\":\"m\"}", "{\"code\":0,\"message\":\"Not a broadcast of this node\"}", UNCHANGED },
};

START_TEST(set_info)
{
	struct hitlist_view l;
	struct gnuid id;
	json_t *v;

	chan_up(&node, info_new(FLV_ID, "n", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	chan_up(&node, info_new(WMV_ID, "relayed", "WMV"), CHAN_RELAY, CHAN_RECEIVING);
	expect("setChannelInfo", edits[_i].params, edits[_i].answer);
	expect("getChannelInfo", ID, edits[_i].then);
	ck_assert_uint_eq(infos_told, strcmp(edits[_i].then, UNCHANGED) != 0);
	/* the hit list says the same */
	ck_assert(gnuid_parse(&id, FLV_ID));
	ck_assert(chanmgr_list_view(node.cm, &id, false, &l));
	v = rpc_call(&node, sv, "getChannelInfo", ID);
	ck_assert_str_eq(l.info->text[CT_COMMENT], json_string_value(json_object_get(json_object_get(
		json_object_get(v, "result"), "info"), "comment")));
	json_decref(v);
	hitlist_view_fini(&l);
}
END_TEST

/* A renamed channel is still its encoder's, and nobody else's. */
START_TEST(renamed)
{
	struct chan *c;

	chan_up(&node, info_new(FLV_ID, "n", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	expect("setChannelInfo", ID ",{\"name\":\"m\"}", "null");
	c = chanmgr_find_broadcast(node.cm, "n", CHAN_SRC_HTTPPUSH);
	ck_assert_ptr_nonnull(c);
	chan_unref(&c);
	ck_assert_ptr_null(chanmgr_find_broadcast(node.cm, "m", CHAN_SRC_HTTPPUSH));
}
END_TEST

static void expect_of(const char *method, const char *chan, json_int_t id, const char *want)
{
	char params[80];

	snprintf(params, sizeof(params), "\"%s\",%" JSON_INTEGER_FORMAT, chan, id);
	expect(method, params, want);
}

/* Only relays and players of that very channel end. */
START_TEST(cut)
{
	static const char gone[] = "{\"code\":-1,\"message\":\"Channel not found\"}";
	struct servent *player, *relay;
	struct gnuid id;
	json_t *v;
	int fars[2];

	chan_up(&node, info_new(FLV_ID, "n", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	chan_up(&node, info_new(WMV_ID, "other", "WMV"), CHAN_RELAY, CHAN_RECEIVING);
	ck_assert(gnuid_parse(&id, FLV_ID));
	player = servent_up(&node, home(), &fars[0]);
	servent_set_private(player, true);
	ck_assert_int_eq(servmgr_admit(node.sm, player, SV_DIRECT, &id, 194, true), ADMIT_OK);
	relay = servent_up(&node, stranger(), &fars[1]);
	ck_assert_int_eq(servmgr_admit(node.sm, relay, SV_RELAY, &id, 194, true), ADMIT_OK);
	servent_set_agent(relay, "a/1");

	v = rpc_call(&node, sv, "getChannelOutputs", ID);
	ck_assert_uint_eq(json_array_size(json_object_get(v, "result")), 2);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(json_object_get(v, "result"), 0), "name")),
		"203.0.113.9:50000 a/1");
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(json_object_get(v, "result"), 0),
		"type")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(json_object_get(v, "result"), 1),
		"outputId")), player->id);
	json_decref(v);
	expect("getChannelOutputs", "\"" WMV_ID "\"", "[]");
	expect("getChannelOutputs", "\"" NO_ID "\"", gone);

	expect_of("stopChannelConnection", FLV_ID, 0, "false");
	expect_of("stopChannelConnection", FLV_ID, -1, "false");
	expect_of("stopChannelConnection", FLV_ID, sv->id, "false");
	expect_of("stopChannelConnection", WMV_ID, player->id, "false");
	expect_of("stopChannelConnection", FLV_ID, (json_int_t)player->id + 4294967296, "false");
	expect_of("stopChannelConnection", FLV_ID, INT64_MIN, "false");
	expect_of("stopChannelConnection", NO_ID, player->id, gone);
	expect_of("stopChannelOutput", NO_ID, player->id, gone);
	expect("stopChannelConnection", ID ",\"1\"", BAD("connectionId must be an integer"));
	expect("stopChannelConnection", ID, BAD("Wrong number of arguments"));
	expect_of("stopChannelOutput", FLV_ID, 0, "null");
	ck_assert(!mbox_is_stopped(&player->mbox) && !mbox_is_stopped(&relay->mbox) &&
		!mbox_is_stopped(&sv->mbox));
	expect_of("stopChannelConnection", FLV_ID, relay->id, "true");
	ck_assert(!mbox_is_stopped(&player->mbox) && mbox_is_stopped(&relay->mbox));
	expect_of("stopChannelOutput", FLV_ID, player->id, "null");
	ck_assert(mbox_is_stopped(&player->mbox));
	servent_end(&player);
	servent_end(&relay);
	close(fars[0]);
	close(fars[1]);
}
END_TEST

/* The source of a relay alone can be asked for anew. */
START_TEST(restart)
{
	struct host to;
	struct gnuid id;
	struct chan *c;

	chan_up(&node, info_new(FLV_ID, "n", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	chan_up(&node, info_new(WMV_ID, "relayed", "WMV"), CHAN_RELAY, CHAN_RECEIVING);
	ck_assert(gnuid_parse(&id, WMV_ID));
	c = chanmgr_find(node.cm, &id);
	expect_of("restartChannelConnection", FLV_ID, -1, "false");
	expect_of("restartChannelConnection", WMV_ID, 0, "false");
	expect_of("restartChannelConnection", WMV_ID, sv->id, "false");
	expect_of("restartChannelConnection", NO_ID, -1, "{\"code\":-1,\"message\":\"Channel not found\"}");
	ck_assert(!chan_take_bump(c, &to));
	expect_of("restartChannelConnection", WMV_ID, -1, "true");
	ck_assert(chan_take_bump(c, &to));
	chan_unref(&c);
}
END_TEST

static enum status start_gives;
static unsigned starts;

static enum status on_start(struct node *n, const struct gnuid *id, const struct host *tip, struct chan **out)
{
	struct gnuid want;

	ck_assert(gnuid_parse(&want, WMV_ID) && gnuid_equal(id, &want) && tip == NULL);
	starts++;
	if (start_gives == ST_OK) {
		chan_up(n, info_new(WMV_ID, "wm", "WMV"), CHAN_RELAY, CHAN_SEARCHING);
		*out = chanmgr_find(n->cm, id);
	}
	return start_gives;
}

/* Only what somebody has told of is looked for, and once. */
START_TEST(play)
{
	struct chaninfo *i = info_new(WMV_ID, "wm", "WMV");

	starts = 0;
	node.ops.relay_start = on_start;
	expect("playChannel", "\"" WMV_ID "\"", "{\"code\":-1,\"message\":\"Channel not found\"}");
	expect("playChannel", "", BAD("Wrong number of arguments"));
	ck_assert_uint_eq(starts, 0);
	ck_assert_int_eq(chanmgr_list_ensure(node.cm, &i->id, i), ST_OK);
	chaninfo_unref(&i);
	start_gives = ST_LIMIT;
	expect("playChannel", "\"" WMV_ID "\"", "{\"code\":0,\"message\":\"failed to create channel\"}");
	start_gives = ST_OK;
	expect("playChannel", "\"" WMV_ID "\"", "null");
	expect("playChannel", "\"" WMV_ID "\"", "null");
	ck_assert_uint_eq(starts, 2);
}
END_TEST

/* --- the list of methods ---------------------------------------------------------------------- */

/* Every method that is dispatched is told, with its parameters; positional optional ones come last, or they
 * could not be left out. */
START_TEST(discover)
{
	json_t *v = rpc_call(&node, sv, "rpc.discover", ""), *r = json_object_get(v, "result"),
		*list = json_object_get(r, "methods");
	size_t i, k;

	ck_assert_str_eq(json_string_value(json_object_get(r, "openrpc")), "1.2.4");
	ck_assert_uint_eq(json_array_size(list), rpc_methods_n);
	for (i = 0; i < rpc_methods_n; i++) {
		json_t *m = json_array_get(list, i), *params = json_object_get(m, "params");
		bool optional = false;

		ck_assert_str_eq(json_string_value(json_object_get(m, "name")), rpc_methods[i].name);
		ck_assert_uint_gt(json_array_size(json_object_get(json_object_get(json_object_get(m, "result"),
			"schema"), "type")), 0);
		for (k = 0; k < RPC_PARAMS && rpc_methods[i].params[k].name != NULL; k++) {
			json_t *p = json_array_get(params, k);

			ck_assert_str_eq(json_string_value(json_object_get(p, "name")), rpc_methods[i].params[k].name);
			ck_assert(json_is_string(json_object_get(json_object_get(p, "schema"), "type")));
			ck_assert(!(optional && json_is_true(json_object_get(p, "required"))));
			optional = !json_is_true(json_object_get(p, "required"));
		}
		ck_assert_uint_eq(json_array_size(params), k);
	}
	json_decref(v);
}
END_TEST

#define STREAM "\"http://h/\",\"n\",\"d\",\"g\",\"c\",9,\"FLV\""

static const struct {
	const char *method, *params;
	enum status says;
	const char *answer, *pulled;    /* "" = nobody was asked to */
} pulls[] = {
	{ "fetch", STREAM, ST_OK, "\"" FLV_ID "\"", "http://h/|n|d|g|c|9|FLV|4" },
	{ "fetch", STREAM ",\"ipv6\"", ST_OK, "\"" FLV_ID "\"", "http://h/|n|d|g|c|9|FLV|6" },
	{ "fetch", STREAM ",null", ST_OK, "\"" FLV_ID "\"", "http://h/|n|d|g|c|9|FLV|4" },
	{ "fetch", STREAM ",\"x\"", ST_OK, BAD("network is ipv4 or ipv6"), "" },
	{ "fetch", STREAM, ST_PROTO, BAD("because"), "http://h/|n|d|g|c|9|FLV|4" },
	{ "fetch", STREAM, ST_LIMIT, "{\"code\":0,\"data\":\"because\",\"message\":\"It cannot be started\"}",
	  "http://h/|n|d|g|c|9|FLV|4" },
	{ "fetch", "\"u\",\"a\\r\\nb\",\"\",\"\",\"\",99999999999,\"\"", ST_OK, "\"" FLV_ID "\"",
	  "u|a  b||||1000000||4" },
	{ "fetch", "\"u\",\"\",\"\",\"\",\"\",-1,\"\"", ST_OK, BAD("bitrate is below 0"), "" },
	{ "fetch", "\"\",\"\",\"\",\"\",\"\",0,\"\"", ST_OK, BAD("url missing"), "" },
	{ "fetch", "5,\"\",\"\",\"\",\"\",0,\"\"", ST_OK, BAD("url must be a string"), "" },
	{ "fetch", "\"u\"", ST_OK, BAD("Wrong number of arguments"), "" },
	{ "broadcastChannel", "null,\"ipv6\",\"https://h/\",\"Flash Video (FLV)\",{\"name\":\"n\",\"bitrate\":9}", ST_OK,
	  "\"" FLV_ID "\"", "https://h/|n||||9|FLV|6" },
	{ "broadcastChannel", "null,null,\"rtmp://h/a/b\",null,{\"name\":\"n\"},null,\"http\"", ST_OK,
	  "\"" FLV_ID "\"", "rtmp://h/a/b|n||||0||4" },
	{ "broadcastChannel", "null,null,\"http://h/\",null,{\"name\":\"\"}", ST_OK,
	  BAD("Channel name must not be empty"), "" },
	{ "broadcastChannel", "null,null,\"ftp://h/\",null,{\"name\":\"n\"}", ST_OK, BAD("Source stream not found"), "" },
};

START_TEST(pull)
{
	pulled[0] = '\0';
	pull_says = pulls[_i].says;
	node.ops.pull_start = on_pull;
	expect(pulls[_i].method, pulls[_i].params, pulls[_i].answer);
	ck_assert_str_eq(pulled, pulls[_i].pulled);
}
END_TEST

/* Who names no page by a null, or says so, is not announced; but for that nobody asked for it. */
static const struct {
	const char *page, *announce;
	bool silent;
} announces[] = {
	{ "", "", false }, { "\"yellowPageId\":0,", "", false }, { "\"yellowPageId\":null,", "", true },
	{ "\"yellowPageId\":null,", ",\"announce\":true", false },
	{ "\"yellowPageId\":null,", ",\"announce\":null", true },
	{ "", ",\"announce\":null", false }, { "\"yellowPageId\":0,", ",\"announce\":false", true },
};

static int silent;

static enum status on_announce(struct node *n, const struct host *peer, const char *url, struct chanmeta *m,
	bool v6, char why[NODE_WHY])
{
	silent = m->silent;
	return on_pull(n, peer, url, m, v6, why);
}

START_TEST(announce)
{
	struct buf body, out;

	pull_says = ST_OK;
	silent = -1;
	node.ops.pull_start = on_announce;
	ck_assert_int_eq(conf_set(node.conf, "rootHost", "a:1", NULL), ST_OK);
	buf_init(&body, 1 << 10);
	buf_printf(&body, "{\"jsonrpc\":\"2.0\",\"method\":\"broadcastChannel\",\"id\":1,\"params\":{%s"
		"\"sourceUri\":\"http://h/\",\"info\":{\"name\":\"n\"}%s}}", announces[_i].page,
		announces[_i].announce);
	(void)rpc_ask(&node, sv, (const char *)body.p, body.len, &out);
	ck_assert_msg(silent == announces[_i].silent, "%s", buf_cstr(&out));
	buf_fini(&body);
	buf_fini(&out);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("methods");
	TCase *t = tcase_create("methods");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_loop_test(t, set_settings, 0, (int)NELEM(settings));
	tcase_add_loop_test(t, end_points, 0, (int)NELEM(places));
	tcase_add_test(t, settings_range);
	tcase_add_loop_test(t, log_level, 0, (int)NELEM(levels));
	tcase_add_test(t, log_trace);
	tcase_add_test(t, log_text);
	tcase_add_test(t, addresses);
	tcase_add_loop_test(t, add_page, 0, (int)NELEM(pages));
	tcase_add_test(t, pages_of_a_list);
	tcase_add_test(t, page_in_use);
	tcase_add_loop_test(t, set_info, 0, (int)NELEM(edits));
	tcase_add_test(t, renamed);
	tcase_add_test(t, cut);
	tcase_add_test(t, restart);
	tcase_add_test(t, play);
	tcase_add_test(t, discover);
	tcase_add_loop_test(t, pull, 0, (int)NELEM(pulls));
	tcase_add_loop_test(t, announce, 0, (int)NELEM(announces));
	suite_add_tcase(s, t);
	return s;
}
