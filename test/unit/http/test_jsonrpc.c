/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JSON-RPC envelope (http.md 8.3), and results in the shapes of captured answers. */
#include <stdio.h>

#include "test/unit/http/rpctest.h"
#include "test/unit/unit.h"

static struct node node;
static struct servent *sv;
static int far;

static void on_info(struct node *n, struct chan *c)
{
	ck_assert(n == &node && c != NULL);
}

static void up(void)
{
	node_up(&node, NULL);
	node.ops.info_changed = on_info;
	sv = servent_up(&node, home(), &far);
}

static void down(void)
{
	servent_end(&sv);
	close(far);
	node_down(&node);
}

static int ask(const char *body, size_t len, struct buf *out)
{
	return rpc_ask(&node, sv, body, len, out);
}

#define V "{\"agentName\":\"PeerCast/0.1218 (SV01)\",\"apiVersion\":\"1.0.0\",\"jsonrpc\":\"2.0\"}"
#define RPC "\"jsonrpc\":\"2.0\",\"method\":\"getVersionInfo\""
#define OK(id) "{\"id\":" id ",\"jsonrpc\":\"2.0\",\"result\":" V "}"
#define ERR(code, data, text, id) "{\"error\":{\"code\":" code "," data "\"message\":\"" text \
	"\"},\"id\":" id ",\"jsonrpc\":\"2.0\"}"
#define PARSE ERR("-32700", "", "Parse error", "null")
#define INVALID(id) ERR("-32600", "", "Invalid Request", id)
#define BAD(data, id) ERR("-32602", "\"data\":\"" data "\",", "Invalid params", id)
#define NOCHAN(id) ERR("-1", "", "Channel not found", id)
#define INFO "\"jsonrpc\":\"2.0\",\"method\":\"getChannelInfo\",\"id\":1"
#define TYPE_OF_ID "channelId must be an id of 32 hexadecimal digits"

static const struct {
	const char *body, *want;
} envelopes[] = {
	{ "{" RPC ",\"id\":1}", OK("1") },
	{ "  {" RPC ",\"id\":1}\r\n ", OK("1") },
	{ "{" RPC ",\"id\":1,\"params\":[]}", OK("1") },
	{ "{" RPC ",\"id\":1,\"params\":{}}", OK("1") },
	{ "{" RPC ",\"id\":1,\"params\":null}", OK("1") },
	{ "{" RPC ",\"id\":1,\"params\":[1,2]}", OK("1") },
	/* ids are echoed as they were written */
	{ "{" RPC ",\"id\":null}", OK("null") },
	{ "{" RPC ",\"id\":123456789012345678901234567890}", OK("123456789012345678901234567890") },
	{ "{" RPC ",\"id\":-0}", OK("-0") },
	{ "{" RPC ",\"id\":1.50e+3}", OK("1.50e+3") },
	{ "{" RPC ",\"id\":1e999}", OK("1e999") },
	{ "{" RPC ",\"id\":\"\\u0041\\n\"}", OK("\"\\u0041\\n\"") },
	{ "{\"\\u0069d\":7," RPC "}", OK("7") },
	{ "{\"id\":1," RPC ",\"id\":2}", OK("2") },
	{ "{\"id\" : 5 ," RPC "}", OK("5") },
	{ "{\"params\":{\"id\":9},\"id\":3," RPC "}", OK("3") },
	/* no id: carried out, not answered */
	{ "{" RPC "}", "" },
	{ "{\"jsonrpc\":\"2.0\",\"method\":\"nope\"}", "" },
	{ "{" RPC ",\"id\":true}", INVALID("null") },
	{ "{" RPC ",\"id\":{}}", INVALID("null") },
	{ "{" RPC ",\"id\":[1]}", INVALID("null") },
	{ "", PARSE }, { "{", PARSE }, { "nonsense", PARSE }, { "{" RPC ",\"id\":1} x", PARSE },
	{ "{" RPC ",\"id\":01}", PARSE }, { "{" RPC ",\"id\":1.}", PARSE },
		{ "{" RPC ",\"id\":-}", PARSE },
	{ "{" RPC ",\"id\":1", PARSE }, { "{" RPC ",\"id\":\"", PARSE }, { "{" RPC ",\"id\":}",
		PARSE },
	{ "{" RPC ",,\"id\":1}", PARSE }, { "{" RPC ",\"id\":1,}", PARSE }, { "[", PARSE },
		{ "[1", PARSE },
	{ "[,1]", PARSE }, { "{\"a\":\"\xff\"}", PARSE }, { "{\"a\":\"\x01\"}", PARSE },
	{ "{\"a\":\"\\u12", PARSE }, { "{\"a\":\"\\", PARSE }, { "{\"a\":\"\\ud800\\", PARSE },
	{ "{\"a\":99999999999999999999}", PARSE }, { "{\"a\":1e999}", PARSE }, { "nul", PARSE },
	{ "1", INVALID("null") }, { "\"x\"", INVALID("null") }, { "null", INVALID("null") },
	{ "{}", INVALID("null") }, { "{\"id\":1,\"method\":\"getStatus\"}", INVALID("null") },
	{ "{\"id\":1,\"jsonrpc\":\"1.0\",\"method\":\"getStatus\"}", INVALID("null") },
	{ "{\"id\":1,\"jsonrpc\":2.0,\"method\":\"getStatus\"}", INVALID("null") },
	{ "{\"id\":1,\"jsonrpc\":\"2.0\"}", INVALID("1") },
	{ "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":5}", INVALID("1") },
	{ "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"\"}",
		"{\"error\":{\"code\":-32601,\"message\":"
		"\"Method not found\"},\"id\":1,\"jsonrpc\":\"2.0\"}" },
	{ "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"GetStatus\\\"\"}",
		"{\"error\":{\"code\":-32601,"
		"\"data\":\"GetStatus\\\"\",\"message\":\"Method not "
			"found\"},\"id\":1,\"jsonrpc\":\"2.0\"}" },
	/* a lone surrogate becomes U+FFFD, a pair stays */
	{ "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"\\ud800x\"}",
		"{\"error\":{\"code\":-32601,\"data\":"
		"\"\xef\xbf\xbdx\",\"message\":\"Method not "
			"found\"},\"id\":1,\"jsonrpc\":\"2.0\"}" },
	{ "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"\\udc00\\ud83c\\udfa7\\ud83c\"}",
		"{\"error\":{\"code\":"
		"-32601,\"data\":\"\xef\xbf\xbd\xf0\x9f\x8e\xa7\xef\xbf\xbd\",\"message\":\"Metho"
			"d not found\"},"
		"\"id\":1,\"jsonrpc\":\"2.0\"}" },
	{ "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"\\\\ud800\"}",
		"{\"error\":{\"code\":-32601,\"data\":"
		"\"\\\\ud800\",\"message\":\"Method not found\"},\"id\":1,\"jsonrpc\":\"2.0\"}" },
	/* params */
	{ "{" INFO ",\"params\":5}", BAD("params must be either object or array", "1") },
	{ "{" INFO ",\"params\":\"x\"}", BAD("params must be either object or array", "1") },
	{ "{" RPC ",\"id\":1,\"params\":5}", BAD("params must be either object or array", "1") },
	{ "{" INFO "}", BAD("Wrong number of arguments", "1") },
	{ "{" INFO ",\"params\":[]}", BAD("Wrong number of arguments", "1") },
	{ "{" INFO ",\"params\":[\"" NO_ID "\",1]}", BAD("Wrong number of arguments", "1") },
	{ "{" INFO ",\"params\":{}}", BAD("channelId is missing", "1") },
	{ "{" INFO ",\"params\":{\"channelid\":\"" NO_ID "\"}}", BAD("channelId is missing", "1") },
	{ "{" INFO ",\"params\":[5]}", BAD(TYPE_OF_ID, "1") },
	{ "{" INFO ",\"params\":[null]}", BAD(TYPE_OF_ID, "1") },
	{ "{" INFO ",\"params\":[\"x\"]}", BAD(TYPE_OF_ID, "1") },
	{ "{" INFO ",\"params\":[\"" NO_ID "0\"]}", BAD(TYPE_OF_ID, "1") },
	{ "{" INFO ",\"params\":[\"0000000000000000000000000000000g\"]}", BAD(TYPE_OF_ID, "1") },
	{ "{" INFO ",\"params\":[\"00000000000000000000000000000000\"]}", BAD(TYPE_OF_ID, "1") },
	{ "{" INFO ",\"params\":[\"" NO_ID "\"]}", NOCHAN("1") },
	{ "{" INFO ",\"params\":{\"channelId\":\"" NO_ID "\",\"more\":1}}", NOCHAN("1") },
	{ "{\"jsonrpc\":\"2.0\",\"method\":\"bumpChannel\",\"id\":1,\"params\":[\"" NO_ID "\"]}",
		NOCHAN("1") },
	{ "{\"jsonrpc\":\"2.0\",\"method\":\"stopChannel\",\"id\":1,\"params\":[\"" NO_ID "\"]}",
		"{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":null}" },
	/* batches */
	{ "[]", INVALID("null") },
	{ "[1]", "[" INVALID("null") "]" },
	{ "[{" RPC "}]", "" },
	{ "[{" RPC "},{" RPC ",\"id\":\"a\"},{" RPC ",\"id\":2}]",
		"[" OK("\"a\"") "," OK("2") "]" },
	{ "[{" RPC ",\"id\":1},1,[],{" RPC ",\"id\":2}]",
		"[" OK("1") "," INVALID("null") "," INVALID("null") "," OK("2") "]" },
	{ "[[{" RPC ",\"id\":1}],{" RPC ",\"id\":2}]", "[" INVALID("null") "," OK("2") "]" },
};

START_TEST(envelope)
{
	struct buf out;
	int http = ask(envelopes[_i].body, strlen(envelopes[_i].body), &out);

	ck_assert_msg(strcmp((const char *)out.p, envelopes[_i].want) == 0,
		"%s\n gives %s\n wants %s",
		envelopes[_i].body, (const char *)out.p, envelopes[_i].want);
	ck_assert_int_eq(http, envelopes[_i].want[0] != '\0' ? 200 : 204);
	buf_fini(&out);
}
END_TEST

/* A NUL is no JSON, wherever it stands. */
START_TEST(nul)
{
	static const char a[] = "{" RPC ",\"id\":1}\0", b[] = "{" RPC ",\"id\":\"\0\"}";
	struct buf out;

	ask(a, sizeof(a), &out);
	ck_assert_str_eq((const char *)out.p, PARSE);
	buf_fini(&out);
	ask(b, sizeof(b) - 1, &out);
	ck_assert_str_eq((const char *)out.p, PARSE);
	buf_fini(&out);
}
END_TEST

static void nested(struct buf *b, const char *before, size_t depth, const char *after)
{
	size_t i;

	buf_init(b, 1 << 22);
	buf_puts(b, before);
	for (i = 0; i < depth; i++)
		buf_u8(b, '[');
	for (i = 0; i < depth; i++)
		buf_u8(b, ']');
	buf_puts(b, after);
}

START_TEST(limits)
{
	static const struct {
		size_t depth;
		bool ok;
	} rows[] = { { RPC_DEPTH - 1, true }, { RPC_DEPTH, false }, { 100000, false } };
	struct buf in, out;
	size_t i, k;

	for (i = 0; i < NELEM(rows); i++) {
		nested(&in, "{" RPC ",\"id\":1,\"params\":", rows[i].depth, "}");
		ask((const char *)in.p, in.len, &out);
		ck_assert_msg(strcmp((const char *)out.p, rows[i].ok ? OK("1") : PARSE) == 0,
			"%zu: %s",
			rows[i].depth, (const char *)out.p);
		buf_fini(&in);
		buf_fini(&out);
	}
	/* Unclosed ones do not recurse either. */
	buf_init(&in, 1 << 22);
	for (i = 0; i < 200000; i++)
		buf_puts(&in, i % 2 ? "{\"a\":" : "[");
	ask((const char *)in.p, in.len, &out);
	ck_assert_str_eq((const char *)out.p, PARSE);
	buf_fini(&in);
	buf_fini(&out);

	for (k = RPC_BATCH; k <= RPC_BATCH + 2; k++) {
		buf_init(&in, 1 << 22);
		for (i = 0; i < k; i++)
			buf_puts(&in, i == 0 ? "[{" RPC ",\"id\":1}" : ",{" RPC ",\"id\":1}");
		buf_puts(&in, "]");
		ask((const char *)in.p, in.len, &out);
		if (k == RPC_BATCH)
			ck_assert_int_eq(strncmp((const char *)out.p, "[{\"id\":1,", 9), 0);
		else
			ck_assert_ptr_nonnull(strstr((const char *)out.p, "\"code\":-32600"));
		buf_fini(&in);
		buf_fini(&out);
	}
}
END_TEST

/* --- results ---------------------------------------------------------------------------------- */

static json_t *call(const char *method, const char *params)
{
	return rpc_call(&node, sv, method, params);
}

static bool is_extra(const char *key)
{
	return strcmp(key, "remoteSessionId") == 0 ||   /* PeerCastStation's, not in the captures */
		strcmp(key, "firewall") == 0 || strcmp(key, "isKept") == 0 || strcmp(key, "recvRate") == 0; /* ours */
}

/* Every key of theirs is in ours with a value of the same kind (null on either side fits), and ours
 * has no other. */
static void same_shape(const char *where, json_t *theirs, json_t *ours)
{
	const char *key;
	json_t *v;

	if (json_is_null(theirs) || json_is_null(ours))
		return;
	ck_assert_msg((json_is_number(theirs) && json_is_number(ours)) ||
		(json_is_boolean(theirs) && json_is_boolean(ours)) ||
		json_typeof(theirs) == json_typeof(ours), "%s: kind", where);
	if (json_is_array(theirs) && json_array_size(theirs) > 0 && json_array_size(ours) > 0)
		same_shape(where, json_array_get(theirs, 0), json_array_get(ours, 0));
	if (!json_is_object(theirs))
		return;
	json_object_foreach(theirs, key, v) {
		ck_assert_msg(json_object_get(ours, key) != NULL, "%s: no %s", where, key);
		same_shape(key, v, json_object_get(ours, key));
	}
	json_object_foreach(ours, key, v)
		ck_assert_msg(json_object_get(theirs, key) != NULL || is_extra(key),
			"%s: extra %s", where, key);
}

static const struct {
	const char *method, *params, *path;
} shapes[] = {
	{ "getVersionInfo", "", "test/data/api/getVersionInfo.http.txt" },
	{ "getStatus", "", "test/data/api/getStatus.http.txt" },
	{ "getChannels", "", "test/data/api/getChannels.http.txt" },
	{ "getChannelInfo", "\"" FLV_ID "\"", "test/data/api/getChannelInfo.http.txt" },
	{ "getChannelStatus", "\"" FLV_ID "\"", "test/data/api/getChannelStatus.http.txt" },
	{ "getChannelConnections", "\"" FLV_ID "\"",
		"test/data/api/getChannelConnections.http.txt" },
	{ "getChannelConnections", "\"" FLV_ID "\"",
		"test/data/api/getChannelConnections_relay.http.txt" },
	{ "getSettings", "", "test/data/api/getSettings.http.txt" },
	{ "getYellowPages", "", "test/data/api/getYellowPages.http.txt" },
	{ "getYellowPageProtocols", "", "test/data/api/getYellowPageProtocols.http.txt" },
	{ "getPlugins", "", "test/data/api/getPlugins.http.txt" },
	{ "setChannelInfo", "\"" FLV_ID "\",{\"name\":\"m\"},{}", "test/data/api/setChannelInfo.http.txt" },
	{ "getLogSettings", "", "test/data/api/getLogSettings.http.txt" },
	{ "stopChannel", "\"" FLV_ID "\"", "test/data/api/stopChannel.http.txt" },
	{ "noSuchMethod", "", "test/data/api/noSuchMethod.http.txt" },
};

START_TEST(shape)
{
	json_t *theirs = rpc_captured(shapes[_i].path), *ours;

	chan_up(&node, info_new(FLV_ID, "n", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	ours = call(shapes[_i].method, shapes[_i].params);
	same_shape(shapes[_i].method, theirs, ours);
	json_decref(theirs);
	json_decref(ours);
}
END_TEST

static enum firewall found;             /* by the next check */
static unsigned checks;

static void check_firewall(struct node *n, bool v4, bool v6)
{
	ck_assert(v4 && !v6);
	checks++;
	(void)servmgr_set_firewall(n->sm, false, found, found == FW_UNKNOWN ? FWWHY_NO_ANSWER : FWWHY_YP);
}

static void assert_json(const char *method, const char *key, const char *want)
{
	json_t *v = call(method, ""), *r = json_object_get(v, "result");
	char *text = json_dumps(key != NULL ? json_object_get(r, key) : r, JSON_ENCODE_ANY | JSON_SORT_KEYS);

	ck_assert_ptr_nonnull(text);
	ck_assert_msg(strcmp(text, want) == 0, "%s: %s", method, text);
	free(text);
	json_decref(v);
}

START_TEST(firewall)
{
	node.ops.check_firewall = check_firewall;
	assert_json("getStatus", "isFirewalled", "null");
	found = FW_OPEN;
	assert_json("checkPorts", NULL, "[7144]");
	assert_json("getStatus", "isFirewalled", "false");
	assert_json("getStatus", "firewall", "{\"ipv4\": {\"age\": 0, \"code\": \"yp\", \"reason\": "
		"\"the yellow page could reach us\", \"state\": \"open\"}, "
		"\"ipv6\": {\"age\": 0, \"code\": \"start\", \"reason\": \"not tested yet\", \"state\": \"unknown\"}}");
	found = FW_CLOSED;
	assert_json("checkPorts", NULL, "[]");
	assert_json("getStatus", "isFirewalled", "true");
	found = FW_UNKNOWN;
	assert_json("checkPorts", NULL, "null");
	assert_json("getStatus", "isFirewalled", "null");
	ck_assert_uint_eq(checks, 3);
}
END_TEST

/* Exactly what PeerCast-YT answered, from the same channel. */
START_TEST(info_golden)
{
	json_t *theirs = rpc_captured("test/data/api/getChannelInfo.http.txt"), *ours, *info, *track;
	struct chanmeta m;
	struct chaninfo *i;

	info = json_object_get(json_object_get(theirs, "result"), "info");
	track = json_object_get(json_object_get(theirs, "result"), "track");
	memset(&m, 0, sizeof(m));
	ck_assert(gnuid_parse(&m.id, FLV_ID));
	m.bitrate_kbps = (uint32_t)json_integer_value(json_object_get(info, "bitrate"));
	text_copy(m.text[CT_NAME], TEXT_MAX, json_string_value(json_object_get(info, "name")));
	text_copy(m.text[CT_GENRE], TEXT_MAX, json_string_value(json_object_get(info, "genre")));
	text_copy(m.text[CT_DESC], TEXT_MAX, json_string_value(json_object_get(info, "desc")));
	text_copy(m.text[CT_URL], TEXT_MAX, json_string_value(json_object_get(info, "url")));
	text_copy(m.text[CT_COMMENT], TEXT_MAX, json_string_value(json_object_get(info,
		"comment")));
	text_copy(m.text[CT_TYPE], TEXT_MAX, json_string_value(json_object_get(info,
		"contentType")));
	text_copy(m.text[CT_TRACK_TITLE], TEXT_MAX, json_string_value(json_object_get(track,
		"name")));
	i = chaninfo_new(&m);
	ck_assert_ptr_nonnull(i);
	chan_up(&node, i, CHAN_BROADCAST, CHAN_BROADCASTING);
	ours = call("getChannelInfo", "\"" FLV_ID "\"");
	ck_assert(json_equal(ours, theirs));
	json_decref(theirs);
	json_decref(ours);
}
END_TEST

static const struct {
	enum chan_type type;
	enum chan_status status;
	const char *word, *source;
	bool broadcasting, receiving;
} states[] = {
	{ CHAN_BROADCAST, CHAN_BROADCASTING, "Receiving", "0.0.0.0:0", true, true },
	{ CHAN_RELAY, CHAN_RECEIVING, "Receiving", "198.51.100.4:7144", false, true },
	{ CHAN_RELAY, CHAN_SEARCHING, "Searching", "198.51.100.4:7144", false, false },
	{ CHAN_RELAY, CHAN_CONNECTING, "Connecting", "198.51.100.4:7144", false, false },
	{ CHAN_RELAY, CHAN_ERROR, "Error", "198.51.100.4:7144", false, false },
	{ CHAN_RELAY, CHAN_IDLE, "Idle", "198.51.100.4:7144", false, false },
	{ CHAN_BROADCAST, CHAN_WAIT, "Idle", "0.0.0.0:0", true, false },
};

START_TEST(status)
{
	struct host from = host_v4(198, 51, 100, 4, 7144);
	struct gnuid id;
	struct chan *c;
	json_t *v, *r;
	char want[128];

	chan_up(&node, info_new(FLV_ID, "n", "FLV"), states[_i].type, states[_i].status);
	ck_assert(gnuid_parse(&id, FLV_ID));
	c = chanmgr_find(node.cm, &id);
	chan_set_source(c, &from, NULL, NULL);
	chan_unref(&c);
	v = call("getChannelStatus", "\"5942d78c0d0d12273317e281ae0e7b79\"");
	r = json_object_get(v, "result");
	ck_assert_str_eq(json_string_value(json_object_get(r, "status")), states[_i].word);
	ck_assert(json_boolean_value(json_object_get(r,
		"isBroadcasting")) == states[_i].broadcasting);
	ck_assert(json_boolean_value(json_object_get(r, "isReceiving")) == states[_i].receiving);
	ck_assert(json_is_boolean(json_object_get(r, "isDirectFull")));
	snprintf(want, sizeof(want), "pcp://%s/5942d78c-0d0d-1227-3317-e281ae0e7b79",
		states[_i].source);
	ck_assert_str_eq(json_string_value(json_object_get(r, "source")), want);
	json_decref(v);
}
END_TEST

/* Players and relays of this channel, newest first, behind the source; others are not shown. */
START_TEST(connections)
{
	struct gnuid id, sid;
	struct servent *player, *relay, *other;
	struct hit h = { .flags = HIT_RECV | HIT_PUSH, .listeners = 3, .relays = 2,
		.rhost[0] = host_v4(203, 0, 113, 8, 7144) };
	struct announce a = { .hit = &h, .chan = &id, .create = true };
	struct announce_result res;
	json_t *v, *r;
	int fars[3];

	chan_up(&node, info_new(FLV_ID, "n", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	ck_assert(gnuid_parse(&id, FLV_ID));
	ck_assert(gnuid_parse(&sid, "0023F21E33B699F275684AC9506154AD"));
	player = servent_up(&node, host_v4(127, 0, 0, 1, 1111), &fars[0]);
	servent_set_private(player, true);
	ck_assert_int_eq(servmgr_admit(node.sm, player, SV_DIRECT, &id, 194, true), ADMIT_OK);
	servent_set_agent(player, "mpv 0.35");
	relay = servent_up(&node, host_v4(203, 0, 113, 8, 2222), &fars[1]);
	ck_assert_int_eq(servmgr_admit(node.sm, relay, SV_RELAY, &id, 194, true), ADMIT_OK);
	servent_set_remote(relay, &sid);
	other = servent_up(&node, host_v4(203, 0, 113, 7, 3333), &fars[2]);
	h.sid = sid;
	h.chan = id;
	ck_assert_int_eq(chanmgr_announce(node.cm, &a, &res), ST_OK);
	announce_result_fini(&res);

	v = call("getChannelConnections", "\"" FLV_ID "\"");
	r = json_object_get(v, "result");
	ck_assert_uint_eq(json_array_size(r), 3);
#define S(i, k) json_string_value(json_object_get(json_array_get(r, i), k))
#define N(i, k) json_integer_value(json_object_get(json_array_get(r, i), k))
	ck_assert_str_eq(S(0, "type"), "source");
	ck_assert_int_eq(N(0, "connectionId"), -1);
	ck_assert_str_eq(S(0, "status"), "Connected");
	ck_assert_str_eq(S(1, "type"), "relay");
	ck_assert_str_eq(S(1, "remoteSessionId"), "0023F21E33B699F275684AC9506154AD");
	ck_assert_str_eq(S(1, "remoteEndPoint"), "203.0.113.8:2222");
	ck_assert_int_eq(N(1, "localDirects"), 3);
	ck_assert_int_eq(N(1, "localRelays"), 2);
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(json_array_get(r, 1),
		"remoteHostStatus"), 0)), "firewalled");
	ck_assert_str_eq(S(2, "type"), "direct");
	ck_assert_str_eq(S(2, "agentName"), "mpv 0.35");
	ck_assert_str_eq(S(2, "protocolName"), "HTTP");
	ck_assert_int_eq(N(2, "connectionId"), (json_int_t)player->id);
	json_decref(v);
	servent_end(&player);
	servent_end(&relay);
	servent_end(&other);
	close(fars[0]);
	close(fars[1]);
	close(fars[2]);
}
END_TEST

/* The source of a relay is known by its session, or by where it is. */
START_TEST(upstream)
{
	static const char *const sids[] = { "0023F21E33B699F275684AC9506154AD", NO_ID, NULL };
	struct host from = host_v4(203, 0, 113, 8, 7144), other = host_v4(203, 0, 113, 9, 7144);
	struct hit h = { .flags = HIT_RECV | HIT_TRACKER, .listeners = 3, .rhost[0] = other };
	struct announce a = { .hit = &h, .chan = &h.chan, .create = true };
	struct announce_result res;
	struct chan *c;
	struct gnuid sid;

	chan_up(&node, info_new(WMV_ID, "n", "WMV"), CHAN_RELAY, CHAN_RECEIVING);
	ck_assert(gnuid_parse(&h.chan, WMV_ID) && gnuid_parse(&h.sid, sids[0]));
	ck_assert_int_eq(chanmgr_announce(node.cm, &a, &res), ST_OK);
	announce_result_fini(&res);
	c = chanmgr_find(node.cm, &h.chan);
	for (size_t i = 0; i < NELEM(sids); i++) {
		json_t *v, *r;
		char *text;

		/* the session; none we know of; the address of that node */
		if (sids[i] != NULL)
			ck_assert(gnuid_parse(&sid, sids[i]));
		chan_set_source(c, sids[i] != NULL ? &from : &other, sids[i] != NULL ? &sid : NULL, NULL);
		v = call("getChannelConnections", "\"" WMV_ID "\"");
		r = json_array_get(json_object_get(v, "result"), 0);
		text = json_dumps(json_object_get(r, "remoteHostStatus"), JSON_COMPACT);
		ck_assert_str_eq(text, i == 1 ? "[]" : "[\"relayFull\",\"receiving\",\"tracker\"]");
		ck_assert(i == 1 ? json_is_null(json_object_get(r, "localDirects")) :
			json_integer_value(json_object_get(r, "localDirects")) == 3);
		free(text);
		json_decref(v);
	}
	chan_unref(&c);
}
END_TEST

/* What came in of late, not since the begin. */
START_TEST(source_rate)
{
	struct host from;
	struct gnuid id;
	struct chan *c;
	struct mbox mb;
	struct pkt *p = pkt_new(PKT_DATA, 0, 0, 0, 3000);
	uint32_t token;
	json_t *v;

	chan_up(&node, info_new(FLV_ID, "n", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	ck_assert(gnuid_parse(&id, FLV_ID));
	c = chanmgr_find(node.cm, &id);
	ck_assert_int_eq(mbox_init(&mb), ST_OK);
	ck_assert_int_eq(chan_attach(c, &mb, &token, clk_now()), ST_OK);
	memset(pkt_media(p), 0, 3000);
	ck_assert_int_eq(chan_append(c, token, &p, 1), ST_OK);
	for (json_int_t want = 1500; want >= 0; want -= 1500) {
		ck_assert_uint_eq(chan_sample(c, 2 * NSEC_PER_SEC, &from), (uint64_t)want * 2);
		v = call("getChannelConnections", "\"" FLV_ID "\"");
		ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(json_object_get(v, "result"), 0),
			"recvRate")), want);
		json_decref(v);
	}
	chan_detach(c, token);
	mbox_fini(&mb);
	chan_unref(&c);
}
END_TEST

START_TEST(stop)
{
	struct gnuid id;
	struct chan *c;
	json_t *v;

	chan_up(&node, info_new(FLV_ID, "n", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	ck_assert(gnuid_parse(&id, FLV_ID));
	c = chanmgr_find(node.cm, &id);
	v = call("stopChannel", "\"" FLV_ID "\"");
	ck_assert(json_is_null(json_object_get(v, "result")));
	ck_assert(chan_is_closing(c));
	ck_assert_uint_eq(chanmgr_count(node.cm), 0);
	chan_unref(&c);
	json_decref(v);
}
END_TEST

/* What dispatch relies on. */
START_TEST(table)
{
	size_t i;

	for (i = 0; i < rpc_methods_n; i++) {
		ck_assert(i == 0 || strcmp(rpc_methods[i - 1].name, rpc_methods[i].name) < 0);
		ck_assert(rpc_methods[i].handler != NULL && rpc_methods[i].doc[0] != '\0' &&
			rpc_methods[i].result != 0);
	}
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("jsonrpc");
	TCase *t = tcase_create("jsonrpc");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_loop_test(t, envelope, 0, (int)NELEM(envelopes));
	tcase_add_test(t, nul);
	tcase_add_test(t, limits);
	tcase_add_loop_test(t, shape, 0, (int)NELEM(shapes));
	tcase_add_test(t, firewall);
	tcase_add_test(t, info_golden);
	tcase_add_loop_test(t, status, 0, (int)NELEM(states));
	tcase_add_test(t, connections);
	tcase_add_test(t, upstream);
	tcase_add_test(t, source_rate);
	tcase_add_test(t, stop);
	tcase_add_test(t, table);
	suite_add_tcase(s, t);
	return s;
}
