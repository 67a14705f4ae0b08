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
	ck_assert_int_eq(node_apply_settings(n, NULL), ST_OK);
	settings_told++;
}

static void on_info(struct node *n, struct chan *c)
{
	ck_assert_ptr_eq(n, &node);
	ck_assert_ptr_nonnull(c);
	infos_told++;
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

/* The result, or {code, message, data} of the error, as text to compare. */
static void expect(const char *method, const char *params, const char *want)
{
	json_t *v = rpc_call(&node, sv, method, params), *r = json_object_get(v, "result");
	char *text = json_dumps(r != NULL ? r : json_object_get(v, "error"),
		JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT);

	ck_assert_ptr_nonnull(text);
	ck_assert_msg(strcmp(text, want) == 0, "%s(%.200s)\n gives %s\n wants %s", method, params, text, want);
	free(text);
	json_decref(v);
}

#define BAD(why) "{\"code\":-32602,\"data\":\"" why "\",\"message\":\"Invalid params\"}"
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

Suite *unit_suite(void)
{
	Suite *s = suite_create("methods");
	TCase *t = tcase_create("methods");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_loop_test(t, set_settings, 0, (int)NELEM(settings));
	tcase_add_test(t, settings_range);
	tcase_add_loop_test(t, log_level, 0, (int)NELEM(levels));
	tcase_add_test(t, log_trace);
	tcase_add_test(t, log_text);
	tcase_add_test(t, addresses);
	suite_add_tcase(s, t);
	return s;
}
