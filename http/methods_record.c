/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Methods for recordings. A caller names a channel, never a file or folder: where recordings go is a matter
 * of the settings. */
#include "http/methods.h"

#include <stdlib.h>

#include "core/node/record.h"
#include "core/sys/log.h"

static json_t *text_or_null(const char *s)
{
	return s[0] != '\0' ? json_string(s) : json_null();
}

static json_t *record_json(const struct record_view *v)
{
	char id[GNUID_STRLEN];

	return json_pack("{ss ss ss sb so sI sI sI sI sI so so}", "channelId", gnuid_str(&v->id, id), "name",
		v->name, "state", record_state_str(v->state), "isAutomatic", (int)v->automatic, "file",
		text_or_null(v->file), "files", (json_int_t)v->parts, "bytes",
		(json_int_t)(v->bytes & INT64_MAX), "skips", (json_int_t)v->skips, "errors",
		(json_int_t)v->errors, "began", (json_int_t)v->began_s, "ended",
		v->ended_s > 0 ? json_integer((json_int_t)v->ended_s) : json_null(), "problem",
		text_or_null(v->why));
}

static bool is_possible(struct rpc_call *c)
{
	if (c->node->ops.record_start != NULL)
		return true;
	(void)rpc_fail(c, RPC_UNKNOWN, "Nothing is recorded here", NULL);
	return false;
}

/* All of them; the caller frees. NULL = no memory. */
static struct record_view *take_views(struct rpc_call *c, size_t *n)
{
	struct record_view *v = calloc(RECORDS, sizeof(*v));

	*n = v != NULL ? c->node->ops.record_views(c->node, v) : 0;
	return v;
}

json_t *method_start_recording(struct rpc_call *c)
{
	char why[NODE_WHY] = "", id[GNUID_STRLEN];
	enum status st;

	if (!is_possible(c))
		return NULL;
	st = c->node->ops.record_start(c->node, &c->id, why);
	if (st == ST_EOF)
		return method_no_channel(c);
	if (st != ST_OK)
		return rpc_fail(c, RPC_UNKNOWN, "It cannot be recorded", why);
	log_info("api: %s is to be recorded", gnuid_str(&c->id, id));
	return json_null();
}

json_t *method_stop_recording(struct rpc_call *c)
{
	char id[GNUID_STRLEN];
	bool was;

	if (!is_possible(c))
		return NULL;
	was = c->node->ops.record_stop(c->node, &c->id);
	if (was)
		log_info("api: %s is not to be recorded any more", gnuid_str(&c->id, id));
	return json_boolean(was);
}

json_t *method_get_recordings(struct rpc_call *c)
{
	json_t *o = json_object(), *list = json_array();
	bool ok = o != NULL && list != NULL;
	const struct settings *set;
	struct record_totals t;
	struct record_view *v;
	size_t n;

	if (!is_possible(c)) {
		json_decref(o);
		json_decref(list);
		return NULL;
	}
	v = take_views(c, &n);
	ok = ok && v != NULL;
	for (size_t i = 0; i < n; i++)
		add(list, record_json(&v[i]), &ok);
	free(v);
	c->node->ops.record_totals(c->node, &t);
	set = conf_get(c->node->conf);
	put(o, "recordings", list, &ok);
	put(o, "isPossible", json_boolean(t.possible), &ok);
	put(o, "folder", text_or_null(set->record_dir), &ok);
	put(o, "automatic", json_string(set->record_auto), &ok);
	put(o, "max", json_integer((json_int_t)set->record_max), &ok);
	put(o, "files", json_integer((json_int_t)t.parts), &ok);
	put(o, "bytes", json_integer((json_int_t)(t.bytes & INT64_MAX)), &ok);
	put(o, "skips", json_integer((json_int_t)(t.skips & INT64_MAX)), &ok);
	put(o, "errors", json_integer((json_int_t)(t.errors & INT64_MAX)), &ok);
	put(o, "keptFiles", json_integer((json_int_t)t.kept_files), &ok);
	put(o, "keptBytes", json_integer((json_int_t)(t.kept_bytes & INT64_MAX)), &ok);
	settings_unref(&set);
	return or_drop(o, ok);
}
