/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Methods for the first page: the node at a glance, and its traffic of the last ten minutes. */
#include "http/methods.h"

static json_t *rates_json(uint64_t out, uint64_t in)
{
	return json_pack("{sI sI}", "in", (json_int_t)in, "out", (json_int_t)out);
}

static json_t *counts_json(const struct totals *t, bool *ok)
{
	json_t *o = json_object();

	put(o, "total", json_integer((json_int_t)t->servents), ok);
	put(o, "relays", json_integer((json_int_t)t->connected[SV_RELAY]), ok);
	put(o, "directs", json_integer((json_int_t)t->connected[SV_DIRECT]), ok);
	put(o, "controlIn", json_integer((json_int_t)t->connected[SV_CIN]), ok);
	put(o, "controlOut", json_integer((json_int_t)t->connected[SV_COUT]), ok);
	put(o, "pending", json_integer((json_int_t)t->pending), ok);
	return o;
}

/* How often, since the start, somebody was told that there is no room. */
static json_t *refused_json(const struct totals *t, bool *ok)
{
	json_t *o = json_object();

	for (int i = ADMIT_OK + 1; i < REFUSALS; i++)
		if (t->refused[i] > 0)
			put(o, refusal_str((enum refusal)i), json_integer((json_int_t)t->refused[i]), ok);
	return o;
}

json_t *method_get_overview(struct rpc_call *c)
{
	const struct settings *st = conf_get(c->node->conf);
	json_t *o = json_object();
	bool ok = o != NULL;
	struct totals t;
	struct own own;

	servmgr_totals(c->node->sm, &t);
	servmgr_own(c->node->sm, &own);
	put(o, "agentName", json_string(NODE_AGENT), &ok);
	put(o, "version", json_string(NODE_VERSION), &ok);
	put(o, "name", json_string(st->server_name), &ok);
	put(o, "isRoot", json_boolean(st->is_root), &ok);
	put(o, "rootMessage", json_string(st->root_msg), &ok);
	put(o, "isDisabled", json_boolean(own.disabled), &ok);
	put(o, "port", json_integer(own.port), &ok);
	put(o, "channels", json_integer((json_int_t)chanmgr_count(c->node->cm)), &ok);
	put(o, "hitLists", json_integer((json_int_t)chanmgr_list_count(c->node->cm)), &ok);
	put(o, "connections", counts_json(&t, &ok), &ok);
	put(o, "refused", refused_json(&t, &ok), &ok);
	put(o, "limits", json_pack("{sI sI sI}", "relays", (json_int_t)st->max_relays, "directs",
		(json_int_t)st->max_direct, "bitrateOut", (json_int_t)st->max_bitrate_out), &ok);
	put(o, "rates", json_pack("{so so}", "all", rates_json(t.out_all_bps, t.in_all_bps), "outside",
		rates_json(t.out_bps, t.in_bps)), &ok);
	put(o, "bytes", json_pack("{so so}", "all", rates_json(t.bytes[0][0], t.bytes[0][1]), "outside",
		rates_json(t.bytes[1][0], t.bytes[1][1])), &ok);
	settings_unref(&st);
	return or_drop(o, ok);
}

json_t *method_get_traffic(struct rpc_call *c)
{
	struct traffic_slot slot[TRAFFIC_SLOTS];
	const nsec age = servmgr_traffic(c->node->sm, slot);
	const json_int_t step = TRAFFIC_STEP / NSEC_PER_SEC;
	static const char *const scope[2] = { "all", "outside" }, *const way[2] = { "out", "in" };
	json_t *o = json_object();
	bool ok = o != NULL;

	put(o, "step", json_integer(step), &ok);
	put(o, "age", json_real((double)age / NSEC_PER_SEC), &ok);
	for (int k = 0; k < 2; k++) {
		json_t *both = json_object();

		for (int i = 0; i < 2; i++) {
			json_t *a = json_array();

			for (size_t n = 0; n < TRAFFIC_SLOTS; n++)
				add(a, json_integer((json_int_t)slot[n].bytes[k][i] / step), &ok);
			put(both, way[i], a, &ok);
		}
		put(o, scope[k], both, &ok);
	}
	return or_drop(o, ok);
}
