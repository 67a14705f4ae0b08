/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /metrics, /healthz and /readyz of a node without threads, and the text format. */
#include "http/metrics.h"

#include "http/promtext.h"
#include "test/unit/http/asktest.h"
#include "test/unit/unit.h"

static struct node node;
static struct node_health health;

static void on_health(struct node *n, struct node_health *h)
{
	*h = health;
}

/* --- the text --------------------------------------------------------------------------------- */

static const struct {
	double v;
	const char *want;
} numbers[] = {
	{ 0, "n 0\n" }, { -1, "n -1\n" }, { 4294967296.0, "n 4294967296\n" }, { 0.5, "n 0.5\n" }, { 1795699712.43, "n 1795699712.43\n" },
	{ 0.1, "n 0.1\n" },
	{ 9007199254740991.0, "n 9007199254740991\n" }, { 1e300, "n 1e+300\n" },
};

START_TEST(number)
{
	struct buf b;
	struct prom p = { .out = &b, .name = "n" };

	buf_init(&b, 1024);
	prom_put(&p, numbers[_i].v, NULL);
	ck_assert_str_eq(buf_cstr(&b), numbers[_i].want);
	buf_fini(&b);
}
END_TEST

START_TEST(families)
{
	struct buf b;
	struct prom p = { .out = &b, .open = _i == 1 };

	buf_init(&b, 1024);
	prom_one(&p, PROM_GAUGE, "g", "A gauge.", 1);
	prom_family(&p, PROM_COUNTER, "c", "A counter.");
	prom_put(&p, 2, "a", "x\"y\\z\nw", "b", "\xE3\x81\x82", NULL);
	prom_end(&p);
	ck_assert_str_eq(buf_cstr(&b), _i == 1 ?
		"# HELP g A gauge.\n# TYPE g gauge\ng 1\n# HELP c A counter.\n# TYPE c counter\n"
		"c_total{a=\"x\\\"y\\\\z\\nw\",b=\"\xE3\x81\x82\"} 2\n# EOF\n" :
		"# HELP g A gauge.\n# TYPE g gauge\ng 1\n# HELP c_total A counter.\n# TYPE c_total counter\n"
		"c_total{a=\"x\\\"y\\\\z\\nw\",b=\"\xE3\x81\x82\"} 2\n");
	buf_fini(&b);
}
END_TEST

/* --- who may ---------------------------------------------------------------------------------- */

#define PW "Authorization: Basic bm86cHc=\n"    /* no:pw */
#define END "\n"

static const struct {
	enum metrics who;
	bool remote, trust;
	const char *request;
	int status;
	const char *has;
} rows[] = {
	{ METRICS_LOCAL, false, true, "GET /metrics HTTP/1.0\n" END, 200, "\npeercast_root 0\n" },
	{ METRICS_LOCAL, false, true, "HEAD /metrics HTTP/1.0\n" END, 200, "text/plain; version=0.0.4" },
	{ METRICS_LOCAL, false, true, "GET /metrics HTTP/1.0\nAccept: application/openmetrics-text;version=1.0.0\n" END,
	  200, "\n# EOF\n" },
	{ METRICS_LOCAL, false, true, "POST /metrics HTTP/1.0\nContent-Length: 0\n" END, 405, NULL },
	/* another page's script, and a name that was led here */
	{ METRICS_LOCAL, false, true, "GET /metrics HTTP/1.0\nOrigin: http://evil.example\n" END, 403, NULL },
	{ METRICS_LOCAL, false, true, "GET /metrics HTTP/1.0\nHost: evil.example\n" END, 401, NULL },
	{ METRICS_LOCAL, false, false, "GET /metrics HTTP/1.0\n" END, 401, NULL },
	{ METRICS_LOCAL, false, false, "GET /metrics HTTP/1.0\n" PW END, 200, "peercast_sockets" },
	{ METRICS_LOCAL, true, true, "GET /metrics HTTP/1.0\n" PW END, 403, NULL },
	{ METRICS_LOGIN, true, true, "GET /metrics HTTP/1.0\n" END, 401, "realm=" },
	{ METRICS_LOGIN, true, true, "GET /metrics HTTP/1.0\n" PW END, 200, "peercast_sockets" },
	{ METRICS_LOGIN, false, true, "GET /metrics HTTP/1.0\n" END, 200, "peercast_sockets" },
	{ METRICS_ALL, true, true, "GET /metrics HTTP/1.0\n" END, 200, "peercast_sockets" },
	{ METRICS_OFF, false, true, "GET /metrics HTTP/1.0\n" END, 404, NULL },
	{ METRICS_OFF, false, true, "GET /healthz HTTP/1.0\n" END, 200, "\r\n\r\nok\n" },
	{ METRICS_OFF, false, false, "GET /readyz HTTP/1.0\nHost: any.example\n" END, 200, "port: open\n" },
	{ METRICS_ALL, true, true, "GET /healthz HTTP/1.0\n" END, 401, NULL },
	{ METRICS_ALL, true, true, "GET /readyz HTTP/1.0\n" PW END, 200, "stopping: no\n" },
};

START_TEST(let_in)
{
	struct settings *d = draft_new();
	struct buf got;

	d->metrics = rows[_i].who;
	d->trust_localhost = rows[_i].trust;
	text_copy(d->password, sizeof(d->password), "pw");
	node_up(&node, d);
	node.ops.health = on_health;
	health = (struct node_health){ .housekeeper = true, .server = true, .listening = true };
	ask(&node, rows[_i].remote ? stranger() : home(), rows[_i].request, &got);
	ck_assert_msg(status_of(&got) == rows[_i].status, "%s gives %s", rows[_i].request, (const char *)got.p);
	ck_assert_msg(rows[_i].has == NULL || strstr((const char *)got.p, rows[_i].has) != NULL, "%s gives %s",
		rows[_i].request, (const char *)got.p);
	buf_fini(&got);
	node_down(&node);
}
END_TEST

static const struct {
	struct node_health h;
	int live, ready;
} states[] = {
	{ { .housekeeper = true, .server = true, .listening = true }, 200, 200 },
	{ { .housekeeper = true, .server = true, .listening = false }, 200, 503 },
	{ { .housekeeper = true, .server = true, .listening = true, .stopping = true }, 200, 503 },
	{ { .housekeeper = false, .server = true, .listening = true }, 503, 503 },
	{ { .housekeeper = true, .server = false, .listening = true }, 503, 503 },
};

START_TEST(healthy)
{
	struct buf got;

	node_up(&node, NULL);
	node.ops.health = on_health;
	health = states[_i].h;
	ask(&node, home(), "GET /healthz HTTP/1.0\n" END, &got);
	ck_assert_int_eq(status_of(&got), states[_i].live);
	buf_fini(&got);
	ask(&node, home(), "GET /readyz HTTP/1.0\n" END, &got);
	ck_assert_int_eq(status_of(&got), states[_i].ready);
	buf_fini(&got);
	node_down(&node);
}
END_TEST

/* --- how much --------------------------------------------------------------------------------- */

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
		n++;
	return n;
}

/* However many channels there are, so many have samples of their own. */
START_TEST(bounded)
{
	const char *body;
	struct buf got;

	node_up(&node, NULL);
	for (unsigned i = 1; i <= METRICS_CHANNELS + 20; i++) {
		char id[GNUID_STRLEN];

		snprintf(id, sizeof(id), "%032X", i);
		chan_up(&node, info_new(id, "a \"name\"", "FLV"), CHAN_RELAY, CHAN_RECEIVING);
	}
	ask(&node, home(), "GET /metrics HTTP/1.0\n" END, &got);
	body = body_of(&got);
	ck_assert_uint_eq(count(body, "\npeercast_channel_info{channel=\""), METRICS_CHANNELS);
	ck_assert_uint_eq(count(body, "\npeercast_channel_lag_bytes{channel=\""), METRICS_CHANNELS);
	ck_assert_ptr_nonnull(strstr(body, "name=\"a \\\"name\\\"\",kind=\"relay\""));
	ck_assert_ptr_nonnull(strstr(body, "\npeercast_channels_unlisted 20\n"));
	ck_assert_ptr_nonnull(strstr(body, "\npeercast_channels{status=\"RECEIVE\"} 120\n"));
	buf_fini(&got);
	node_down(&node);
}
END_TEST

START_TEST(counts)
{
	struct buf got;

	node_up(&node, NULL);
	node_count(&node, NODE_UPSTREAM_STALLS);
	node_count(&node, ROOT_REFUSED_BAN);
	servmgr_count_refused(node.sm);
	ask(&node, home(), "GET /metrics HTTP/1.0\n" END, &got);
	ck_assert_ptr_nonnull(strstr(body_of(&got), "\npeercast_upstreams_left_total{reason=\"stalls\"} 1\n"));
	ck_assert_ptr_nonnull(strstr(body_of(&got), "\npeercast_root_refusals_total{reason=\"banned\"} 1\n"));
	ck_assert_ptr_nonnull(strstr(body_of(&got), "\npeercast_messages_total{result=\"refused\"} 1\n"));
	buf_fini(&got);
	node_down(&node);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("metrics");
	TCase *t = tcase_create("text");

	tcase_add_loop_test(t, number, 0, (int)NELEM(numbers));
	tcase_add_loop_test(t, families, 0, 2);
	suite_add_tcase(s, t);
	t = tcase_create("node");
	tcase_add_loop_test(t, let_in, 0, (int)NELEM(rows));
	tcase_add_loop_test(t, healthy, 0, (int)NELEM(states));
	tcase_add_test(t, bounded);
	tcase_add_test(t, counts);
	suite_add_tcase(s, t);
	return s;
}
