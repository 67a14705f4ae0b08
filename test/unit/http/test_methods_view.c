/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the first page and those of channels ask by JSON-RPC. */
#include <stdio.h>

#include "test/unit/http/rpctest.h"
#include "test/unit/unit.h"

static struct node node;
static struct servent *sv;
static int far;

static void up(void)
{
	node_up(&node, NULL);
	sv = servent_up(&node, home(), &far);
}

static void down(void)
{
	servent_end(&sv);
	close(far);
	node_down(&node);
}

/* The value at a path of keys, "connections.relays", as text. */
static void expect_at(json_t *v, const char *path, const char *want)
{
	char key[64], *text;

	v = json_object_get(v, "result");
	for (const char *p = path; *p != '\0'; p += strspn(p, ".")) {
		const size_t n = strcspn(p, ".");

		ck_assert_uint_lt(n, sizeof(key));
		memcpy(key, p, n);
		key[n] = '\0';
		v = json_is_array(v) ? json_array_get(v, (size_t)(key[0] - '0')) : json_object_get(v, key);
		p += n;
	}
	text = json_dumps(v, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT);
	ck_assert_msg(text != NULL && strcmp(text, want) == 0, "%s is %s, not %s", path, text, want);
	free(text);
}

START_TEST(overview)
{
	json_t *v;

	chan_up(&node, info_new(FLV_ID, "n", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	v = rpc_call(&node, sv, "getOverview", "");
	expect_at(v, "agentName", "\"" NODE_AGENT "\"");
	expect_at(v, "port", "7144");
	expect_at(v, "isRoot", "false");
	expect_at(v, "channels", "1");
	expect_at(v, "hitLists", "1");
	expect_at(v, "refused", "{}");
	expect_at(v, "connections.total", "1");
	expect_at(v, "connections.relays", "0");
	expect_at(v, "rates.all", "{\"in\":0,\"out\":0}");
	expect_at(v, "bytes.outside", "{\"in\":0,\"out\":0}");
	json_decref(v);
}
END_TEST

START_TEST(port_in_a_word)
{
	json_t *v;

	ck_assert(servmgr_set_firewall(node.sm, false, FW_CLOSED, FWWHY_YP));
	v = rpc_call(&node, sv, "getStatus", "");
	expect_at(v, "firewall.ipv4.state", "\"closed\"");
	expect_at(v, "firewall.ipv4.code", "\"yp\"");
	expect_at(v, "firewall.ipv6.code", "\"start\"");
	json_decref(v);
	for (int why = 0; why < FWWHYS; why++)
		ck_assert_ptr_nonnull(fwwhy_code((enum fwwhy)why));
}
END_TEST

START_TEST(traffic)
{
	json_t *v;

	servmgr_sample(node.sm);
	v = rpc_call(&node, sv, "getTraffic", "");
	expect_at(v, "step", "5");
	ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(json_object_get(v, "result"), "all"), "in")),
		TRAFFIC_SLOTS);
	expect_at(v, "outside.out.0", "0");
	json_decref(v);
}
END_TEST

#define ID "\"" FLV_ID "\""

/* What a method refuses with. */
static void expect_error(const char *method, const char *params, const char *want)
{
	json_t *v = rpc_call(&node, sv, method, params);
	char *text = json_dumps(json_object_get(v, "error"), JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT);

	ck_assert_msg(text != NULL && strcmp(text, want) == 0, "%s(%s): %s", method, params, text);
	free(text);
	json_decref(v);
}

START_TEST(detail)
{
	const struct host h = host_v4(192, 0, 2, 7, 7144), other = host_v4(192, 0, 2, 7, 7145);
	struct chan *c;
	json_t *v;

	chan_up(&node, info_new(FLV_ID, "n", "FLV"), CHAN_RELAY, CHAN_RECEIVING);
	c = chanmgr_find(node.cm, &(struct gnuid){ { 0x59, 0x42, 0xD7, 0x8C, 0x0D, 0x0D, 0x12, 0x27, 0x33, 0x17, 0xE2, 0x81,
		0xAE, 0x0E, 0x7B, 0x79 } });
	ck_assert_ptr_nonnull(c);
	chan_note_refusal(c, &h, false, "full");
	chan_note_refusal(c, &h, true, "relay limit");
	chan_note_refusal(c, &other, false, "full");    /* another node */
	chan_note_refusal(c, &h, false, "full");
	chan_note_refusal(c, &other, true, "relay limit");      /* the same, from another port */
	v = rpc_call(&node, sv, "getChannelDetail", ID);
	expect_at(v, "isKept", "false");
	expect_at(v, "recvRate", "0");
	expect_at(v, "readers", "[]");
	expect_at(v, "buffer.bytes", "0");
	expect_at(v, "upstream", "null");
	expect_at(v, "refusals.0.by", "\"us\"");
	expect_at(v, "refusals.0.times", "2");
	expect_at(v, "refusals.0.host", "\"192.0.2.7:7145\"");
	expect_at(v, "refusals.1.by", "\"them\"");
	expect_at(v, "refusals.1.reason", "\"full\"");
	expect_at(v, "refusals.1.times", "2");
	expect_at(v, "refusals.2.times", "1");
	ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(v, "result"), "refusals")), 3);
	json_decref(v);
	/* the oldest make room */
	for (uint16_t port = 1; port <= 40; port++) {
		const struct host at = host_v4(192, 0, 2, 8, port);

		chan_note_refusal(c, &at, false, "no answer");
	}
	v = rpc_call(&node, sv, "getChannelDetail", ID);
	ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(v, "result"), "refusals")), REFUSALS_KEPT);
	expect_at(v, "refusals.0.host", "\"192.0.2.8:40\"");
	json_decref(v);
	chan_unref(&c);
}
END_TEST

static unsigned kept_told;

static void on_kept(struct node *n)
{
	kept_told++;
}

START_TEST(commands)
{
	static const char bad[] = "{\"code\":-32602,\"data\":\"host must be address:port\",\"message\":\"Invalid params\"}";
	static const char none[] = "{\"code\":-1,\"message\":\"Channel not found\"}";
	static const char *const hosts[] = { "\"\"", "\"x\"", "\"192.0.2.1\"", "\"192.0.2.1:0\"", "\"192.0.2.1:99999\"",
		"\"0.0.0.0:7144\"", "\"example.org:7144\"" };
	json_t *v;

	node.ops.kept_changed = on_kept;
	kept_told = 0;
	chan_up(&node, info_new(FLV_ID, "n", "FLV"), CHAN_RELAY, CHAN_RECEIVING);
	v = rpc_call(&node, sv, "keepChannel", ID ",true");
	json_decref(v);
	v = rpc_call(&node, sv, "getChannelStatus", ID);
	expect_at(v, "isKept", "true");
	json_decref(v);
	v = rpc_call(&node, sv, "keepChannel", ID ",true");     /* it says what, not that it changes */
	json_decref(v);
	v = rpc_call(&node, sv, "getChannelDetail", ID);
	expect_at(v, "isKept", "true");
	json_decref(v);
	ck_assert_uint_eq(kept_told, 2);
	for (size_t i = 0; i < NELEM(hosts); i++) {
		char params[80];

		snprintf(params, sizeof(params), ID ",%s", hosts[i]);
		expect_error("bumpChannel", params, bad);
	}
	v = rpc_call(&node, sv, "bumpChannel", ID ",\"192.0.2.1:7144\"");
	expect_at(v, "", "null");
	json_decref(v);
	v = rpc_call(&node, sv, "getChannelDetail", ID);
	expect_at(v, "hosts.0.address", "\"192.0.2.1:7144\"");
	json_decref(v);
	v = rpc_call(&node, sv, "getChannelHead", ID);
	expect_at(v, "", "{\"hex\":\"\",\"length\":0,\"position\":0}");
	json_decref(v);
	expect_error("bumpChannel", "\"" NO_ID "\"", none);
	expect_error("keepChannel", "\"" NO_ID "\",true", none);
	expect_error("getChannelDetail", "\"" NO_ID "\"", none);
	expect_error("getChannelHead", "\"" NO_ID "\"", none);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("methods_view");
	TCase *t = tcase_create("overview");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_test(t, overview);
	tcase_add_test(t, port_in_a_word);
	tcase_add_test(t, traffic);
	tcase_add_test(t, detail);
	tcase_add_test(t, commands);
	suite_add_tcase(s, t);
	return s;
}
