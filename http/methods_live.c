/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Methods for pages that show the node at work: all connections, what the user was told, upload tests, the
 * RTMP input. Programs that know PeerCast-YT ask getState for the same, as texts.
 */
#include "http/methods.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"
#include "http/command.h"
#include "http/speed.h"

/* --- connections ------------------------------------------------------------------------------ */

#define SHOWN_MAX 1000          /* connections of an answer */

static json_t *id_or_null(const struct gnuid *id)
{
	char hex[GNUID_STRLEN];

	return gnuid_is_set(id) ? json_string(gnuid_str(id, hex)) : json_null();
}

static json_t *connection_json(const struct servent_view *v)
{
	char hs[HOST_STRLEN];
	json_t *o = json_object();
	bool ok = o != NULL;

	put(o, "connectionId", json_integer((json_int_t)(v->id & INT32_MAX)), &ok);
	put(o, "type", json_string(servent_type_str(v->type)), &ok);
	put(o, "status", json_string(servent_status_str(v->status)), &ok);
	put(o, "remoteEndPoint", host_is_set(&v->peer) ? json_string(host_str(&v->peer, hs)) : json_null(),
		&ok);
	put(o, "agentName", v->agent[0] != '\0' ? json_string(v->agent) : json_null(), &ok);
	put(o, "channelId", id_or_null(&v->chan), &ok);
	put(o, "remoteSessionId", id_or_null(&v->remote), &ok);
	put(o, "isPrivate", json_boolean(v->private), &ok);
	put(o, "isTls", json_boolean(v->ssl), &ok);
	put(o, "isOutgoing", json_boolean(v->outgoing), &ok);
	put(o, "age", json_integer((json_int_t)v->age_s), &ok);
	put(o, "sendRate", json_integer((json_int_t)v->rate_out), &ok);
	put(o, "recvRate", json_integer((json_int_t)v->rate_in), &ok);
	put(o, "sent", json_integer((json_int_t)(v->bytes_out & INT64_MAX)), &ok);
	put(o, "received", json_integer((json_int_t)(v->bytes_in & INT64_MAX)), &ok);
	return or_drop(o, ok);
}

json_t *method_get_connections(struct rpc_call *c)
{
	struct servent_view *v = NULL;
	json_t *a = json_array();
	bool ok = a != NULL;
	size_t n = 0;

	if (servmgr_views(c->node->sm, c->args[0] != NULL ? &c->id : NULL, &v, &n) != ST_OK)
		ok = false;
	for (size_t i = 0; i < MIN(n, (size_t)SHOWN_MAX) && ok; i++)
		add(a, connection_json(&v[i]), &ok);
	free(v);
	return json_pack("{sI so}", "total", (json_int_t)n, "connections", or_drop(a, ok));
}

json_t *method_end_connection(struct rpc_call *c)
{
	const json_int_t id = json_integer_value(c->args[0]);

	return json_boolean(id > 0 && id <= UINT32_MAX && command_end(c->node, c->sv, (uint32_t)id));
}

/* --- notifications ---------------------------------------------------------------------------- */

/* Unlike getNotificationMessages it takes nothing away from anybody. */
json_t *method_get_notices(struct rpc_call *c)
{
	struct notice v[NOTICES];
	const size_t n = notices_since(&c->node->notices, 0, v);
	json_t *a = json_array();
	bool ok = a != NULL;

	for (size_t i = n; i > 0; i--) {        /* newest first */
		const struct notice *m = &v[i - 1];

		add(a, json_pack("{sI sI ss ss ss ss so}", "number", (json_int_t)m->number, "time",
			(json_int_t)m->wall_s, "class", m->class, "type", m->level, "title",
			notice_type_str(m->type), "message", m->text, "channelId", id_or_null(&m->chan)),
			&ok);
	}
	return or_drop(a, ok);
}

/* --- upload tests ----------------------------------------------------------------------------- */

static json_t *speedtest_json(const struct speedtest *t)
{
	static const char *const states[] = {
		[SPEED_UNTRIED] = "untried", [SPEED_OK] = "ok", [SPEED_ERROR] = "error",
	};
	const json_int_t kbps = t->speed_kbps;

	return json_pack("{ss ss ss sI sb sb sb ss}", "url", t->url, "status", states[t->status], "name",
		t->name, "speed", kbps, "isOver", (int)t->over, "isCheckable", (int)t->checkable,
		"isPortOpen", (int)t->port_open, "error", t->why);
}

json_t *method_get_speed_tests(struct rpc_call *c)
{
	const struct settings *st = conf_get(c->node->conf);
	const struct settings_uptest *u;
	json_t *a = json_array();
	bool ok = a != NULL;
	struct speedtest t;
	size_t n;

	u = settings_uptests(st, &n);
	for (size_t i = 0; i < n && ok; i++) {
		speedtests_get(&c->node->speedtests, u[i].url, &t);
		add(a, speedtest_json(&t), &ok);
	}
	settings_unref(&st);
	return or_drop(a, ok);
}

static json_t *change_speed_tests(struct rpc_call *c, bool on)
{
	char why[SETTINGS_WHY];
	const enum status st = speed_change(c->node, json_string_value(c->args[0]), on, why);

	if (st == ST_PROTO || why[0] != '\0')
		return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, why);
	return st == ST_OK ? method_settings_changed(c) : NULL;
}

json_t *method_add_speed_test(struct rpc_call *c)
{
	return change_speed_tests(c, true);
}

json_t *method_remove_speed_test(struct rpc_call *c)
{
	return change_speed_tests(c, false);
}

static bool is_listed(struct node *n, const char *url)
{
	const struct settings *st = conf_get(n->conf);
	const struct settings_uptest *u;
	bool yes = false;
	size_t count;

	u = settings_uptests(st, &count);
	for (size_t i = 0; i < count; i++)
		yes = yes || strcmp(u[i].url, url) == 0;
	settings_unref(&st);
	return yes;
}

/* Waits for the yellow page; what came of it, good or bad, is the result. */
json_t *method_take_speed_test(struct rpc_call *c)
{
	const char *url = json_string_value(c->args[0]);
	struct speedtest t;
	enum status st;

	if (!is_listed(c->node, url))
		return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, "url is not on the list");
	st = c->node->ops.speedtest(c->node, c->sv, url, !json_is_false(c->args[1]));
	if (st == ST_LIMIT)
		return rpc_fail(c, RPC_UNKNOWN, "a speed test is running", NULL);
	if (st != ST_OK)
		return rpc_fail(c, RPC_UNKNOWN, "the node is stopping", NULL);
	speedtests_get(&c->node->speedtests, url, &t);
	return speedtest_json(&t);
}

/* --- the RTMP input --------------------------------------------------------------------------- */

json_t *method_get_rtmp_status(struct rpc_call *c)
{
	const struct settings *st = conf_get(c->node->conf);
	const bool needs_key = st->rtmp_key[0] != '\0';
	char ip[HOST_STRLEN];
	struct rtmp_status s;

	settings_unref(&st);
	c->node->ops.rtmp_status(c->node, &s);
	return json_pack("{sb sb ss si sI ss sb}", "isOn", (int)s.on, "isListening", (int)s.listening,
		"address", host_is_set(&s.at) ? host_ip_str(&s.at, ip) : "", "port", (int)s.at.port,
		"publishers", (json_int_t)s.publishers, "problem", s.problem, "needsKey", (int)needs_key);
}
