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
	expect_at(v, "feeds", "[]");
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

Suite *unit_suite(void)
{
	Suite *s = suite_create("methods_view");
	TCase *t = tcase_create("overview");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_test(t, overview);
	tcase_add_test(t, port_in_a_word);
	tcase_add_test(t, traffic);
	suite_add_tcase(s, t);
	return s;
}
