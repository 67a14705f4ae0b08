/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Methods about the node itself: limits, log, addresses (http.md 8.5, 8.6). */
#include "http/methods.h"

#include <stdio.h>
#include <string.h>

#include "core/sys/log.h"
#include "core/sys/text.h"
#include "http/command.h"

/* --- settings --------------------------------------------------------------------------------- */

/* key NULL: a limit this node does not have, as PeerCast-YT does not: shown as 0, taken and ignored. */
static const struct {
	const char *name, *key;
	size_t off;
} limits[] = {
	{ "maxDirects", "maxDirect", offsetof(struct settings, max_direct) },
	{ "maxDirectsPerChannel", NULL, 0 },
	{ "maxRelays", "maxRelays", offsetof(struct settings, max_relays) },
	{ "maxRelaysPerChannel", "maxRelaysPerChannel",
		offsetof(struct settings, max_relays_per_channel) },
	{ "maxUpstreamRate", "maxBitrateOut", offsetof(struct settings, max_bitrate_out) },
	{ "maxUpstreamRatePerChannel", NULL, 0 },
};

json_t *method_get_settings(struct rpc_call *c)
{
	const struct settings *st = conf_get(c->node->conf);
	json_t *o = json_object();
	bool ok = o != NULL;

	for (size_t i = 0; i < NELEM(limits); i++) {
		uint32_t v = 0;

		if (limits[i].key != NULL)
			memcpy(&v, (const char *)st + limits[i].off, sizeof(v));
		put(o, limits[i].name, json_integer((json_int_t)v), &ok);
	}
	settings_unref(&st);
	return or_drop(o, ok);
}

json_t *method_not_saved(struct rpc_call *c, enum status st)
{
	return rpc_fail(c, RPC_UNKNOWN, "In use, but the ini could not be written", status_str(st));
}

json_t *method_settings_changed(struct rpc_call *c)
{
	const enum status st = command_settings(c->node);

	return st == ST_OK ? json_null() : method_not_saved(c, st);
}

struct wish {
	json_t *values;
	char why[SETTINGS_WHY + 40];    /* with the name it is about */
};

/* All of what is asked for, or nothing. */
static enum status edit_limits(struct settings *draft, void *ctx)
{
	struct wish *w = ctx;

	for (size_t i = 0; i < NELEM(limits); i++) {
		json_t *v = json_object_get(w->values, limits[i].name);
		char text[24], why[SETTINGS_WHY] = "must be an integer, 0 or more";

		if (v == NULL || json_is_null(v))
			continue;
		snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		/* What is too small is raised in the ini; a number below 0 is an error of who asks. */
		if (json_is_integer(v) && json_integer_value(v) >= 0 && (limits[i].key == NULL ||
			settings_set(draft, limits[i].key, text, why) == ST_OK))
			continue;
		snprintf(w->why, sizeof(w->why), "%s: %s", limits[i].name, why);
		return ST_PROTO;
	}
	return ST_OK;
}

json_t *method_set_settings(struct rpc_call *c)
{
	struct wish w = { .values = c->args[0] };
	enum status st = conf_update(c->node->conf, edit_limits, &w);

	if (st == ST_PROTO)
		return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, w.why);
	if (st != ST_OK)
		return NULL;
	return method_settings_changed(c);
}

/* --- log -------------------------------------------------------------------------------------- */

/* 0 off, 1 fatal ... 5 debug; ours count the other way, and have one more below debug. */
static int api_level(const struct settings *st)
{
	return MIN((int)LOG_OFF - (int)st->log_level, 5);
}

json_t *method_get_log_settings(struct rpc_call *c)
{
	const struct settings *st = conf_get(c->node->conf);
	const int level = api_level(st);

	settings_unref(&st);
	return json_pack("{si}", "level", level);
}

static enum status edit_level(struct settings *draft, void *ctx)
{
	const int *level = ctx;

	if (api_level(draft) != *level) /* what is finer than debug stays so */
		draft->log_level = (uint32_t)(LOG_OFF - *level);
	return ST_OK;
}

json_t *method_set_log_settings(struct rpc_call *c)
{
	json_t *v = json_object_get(c->args[0], "level");
	int level;

	if (!json_is_integer(v))
		return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, "level must be an integer");
	if (json_integer_value(v) < 0 || json_integer_value(v) > 5)
		return json_null();     /* as PeerCast-YT */
	level = (int)json_integer_value(v);
	if (conf_update(c->node->conf, edit_level, &level) != ST_OK)
		return NULL;
	return method_settings_changed(c);
}

json_t *method_get_log(struct rpc_call *c)
{
	const json_int_t from = c->args[0] != NULL ? json_integer_value(c->args[0]) : 0,
		max = c->args[1] != NULL ? json_integer_value(c->args[1]) : LOG_RING;
	struct buf text;
	uint64_t first;
	uint32_t n;
	json_t *o;

	if (from < 0 || max < 0)
		return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params,
			from < 0 ? "from must not be negative" : "maxLines must not be negative");
	buf_init(&text, (size_t)LOG_RING * (LOG_LINE + 64));
	log_copy(&text, (uint64_t)from, (uint32_t)MIN(max, LOG_RING), &first, &n);
	o = text.err != ST_OK ? NULL : json_pack("{sIsIss}", "from", (json_int_t)first, "lines",
		(json_int_t)n, "log", buf_cstr(&text));
	buf_fini(&text);
	return o;
}

json_t *method_clear_log(struct rpc_call *c)
{
	(void)c;
	log_clear();
	return json_null();
}

/* --- addresses -------------------------------------------------------------------------------- */

json_t *method_get_external_addresses(struct rpc_call *c)
{
	json_t *a = json_array();
	bool ok = a != NULL;
	struct own own;
	char ip[HOST_STRLEN];

	servmgr_own(c->node->sm, &own);
	for (size_t i = 0; i < NELEM(own.global); i++)
		if (host_is_global(&own.global[i]))
			add(a, json_string(host_ip_str(&own.global[i], ip)), &ok);
	return or_drop(a, ok);
}

/* --- notifications ----------------------------------------------------------------------------- */

json_t *method_get_notifications(struct rpc_call *c)
{
	struct notice v[NOTICES];
	const size_t n = notices_unread(&c->node->notices, c->reader, v);
	json_t *a = json_array();
	bool ok = a != NULL;

	for (size_t i = 0; i < n; i++)
		add(a, json_pack("{ss ss ss ss sI}", "class", v[i].class, "type", v[i].level, "title",
			notice_type_str(v[i].type), "message", v[i].text, "time", (json_int_t)v[i].wall_s),
			&ok);
	return or_drop(a, ok);
}
