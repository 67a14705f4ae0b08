/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands about upload tests of yellow pages (http.md 6.2; node.md 6.6). */
#include "http/admin_cmd.h"

#include <stdio.h>
#include <string.h>

#include "http/speed.h"

/* The address of the test that index= names; false: there is none, and rs says so. */
static bool named(struct admin *a, char url[SETTINGS_LONG])
{
	const struct settings *st = conf_get(a->node->conf);
	const struct settings_uptest *u;
	char text[16];
	uint32_t i = 0;
	size_t n;
	bool ok = false;

	u = settings_uptests(st, &n);
	admin_value(a, "index", text, sizeof(text));
	if (!num_u32(text, 0, INT32_MAX, &i)) {
		response_error(a->rs, 400, "invalid index");
	} else if (i >= n) {
		response_error(a->rs, 500, "index out of range");
	} else {
		(void)text_copy(url, SETTINGS_LONG, u[i].url);
		ok = true;
	}
	settings_unref(&st);
	return ok;
}

static enum status change(struct admin *a, const char *url, bool add)
{
	char why[SETTINGS_WHY];
	const enum status st = speed_change(a->node, url, add, why);

	if (st == ST_PROTO) {
		response_error(a->rs, 500, why);
		return ST_OK;
	}
	if (st != ST_OK)
		return st;
	return admin_settings(a) ? admin_go_back(a, "speedtest.html") : ST_OK;
}

enum status admin_add_speedtest(struct admin *a)
{
	char url[SETTINGS_LONG];

	if (!admin_value(a, "url", url, sizeof(url)) || url[0] == '\0') {
		response_error(a->rs, 400, "empty url");
		return ST_OK;
	}
	return change(a, url, true);
}

enum status admin_delete_speedtest(struct admin *a)
{
	char url[SETTINGS_LONG];

	return named(a, url) ? change(a, url, false) : ST_OK;
}

/* Waits for the yellow page. What went wrong is said of the first one it happened to. */
static enum status run(struct admin *a, const char *url, bool send)
{
	const enum status st = a->node->ops.speedtest(a->node, a->sv, url, send);
	char why[SETTINGS_LONG + sizeof(((struct speedtest *)0)->why) + 8];
	struct speedtest t;

	if (st == ST_LIMIT) {
		response_error(a->rs, 503, "a speed test is running");
		return ST_OK;
	}
	if (st != ST_OK || a->rs->status != 200)
		return st;
	speedtests_get(&a->node->speedtests, url, &t);
	if (t.status == SPEED_ERROR) {
		snprintf(why, sizeof(why), "%s: %s", url, t.why);
		response_error(a->rs, 500, why);
	}
	return ST_OK;
}

enum status admin_take_speedtest(struct admin *a)
{
	char url[SETTINGS_LONG];
	enum status st;

	if (!named(a, url))
		return ST_OK;
	st = run(a, url, true);
	if (st == ST_OK && a->rs->status == 200)
		return admin_go_back(a, "speedtest.html");
	return st;
}

enum status admin_refresh_speedtest(struct admin *a)
{
	const struct settings *set = conf_get(a->node->conf);
	const struct settings_uptest *u;
	enum status st = ST_OK;
	size_t n;

	u = settings_uptests(set, &n);
	for (size_t i = 0; i < n && st == ST_OK && a->rs->status != 503; i++)
		st = run(a, u[i].url, false);
	settings_unref(&set);
	if (st == ST_OK && a->rs->status == 200)
		return admin_go_back(a, "speedtest.html");
	return st;
}

enum status admin_speedtest_xml(struct admin *a)
{
	char url[SETTINGS_LONG];
	struct speedtest t;

	if (!named(a, url))
		return ST_OK;
	speedtests_get(&a->node->speedtests, url, &t);
	a->rs->type = "application/xml";
	response_header(a->rs, "Cache-Control", "no-store");
	buf_puts(&a->rs->body, t.xml);
	return ST_OK;
}
