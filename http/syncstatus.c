/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/syncstatus.h"

#include <stdio.h>
#include <stdlib.h>

#include "pcp/syncreport.h"

/* Counters by name; only those above 0 when `some`. */
static json_t *counters(const uint64_t *count, int n, bool some, const char *(*name)(int))
{
	json_t *o = json_object();

	for (int i = 0; i < n; i++)
		if (!some || count[i] > 0)
			(void)json_object_set_new(o, name(i), json_integer((json_int_t)count[i]));
	return o;
}

static const char *drop_name(int i)
{
	return sync_drop_name((enum sync_drop)i);
}

static const char *kind_name(int i)
{
	return sync_kind_name((enum sync_kind)i);
}

static json_t *id_json(uint32_t id)
{
	char text[9];

	snprintf(text, sizeof(text), "%08x", id);
	return json_string(text);
}

static json_t *instance(const struct sync_instance *i, nsec now)
{
	char hs[HOST_STRLEN];

	return json_pack("{so ss si si si si sI sI so sb sb so sb sb so}",
		"id", id_json(i->id), "address", host_str(&i->addr, hs),
		"age", (int)clk_age_s(i->first), "lastHeard", (int)clk_age_s(i->heard),
		"channels", (int)i->chans, "hosts", (int)i->hits,
		"packets", (json_int_t)i->packets, "bytes", (json_int_t)i->bytes,
		"beacon", i->has_beacon ? json_integer((json_int_t)i->beacon) : json_null(),
		"extended", i->extended, "sealed", i->sealed,
		"clockOffset", i->has_offset ? json_integer((json_int_t)i->offset_ms) : json_null(),
		"goodbye", i->bye, "ignored", i->ignored_until > now,
		"dropped", counters(i->dropped, SYNC_DROP_COUNT, true, drop_name));
}

static json_t *instances(const struct sync_report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n; i++)
		(void)json_array_append_new(list, instance(&r->instances[i], r->at));
	return list;
}

static json_t *report_json(const struct sync_report *r)
{
	static const char *const state[] = {
		[SYNC_OFF] = "off", [SYNC_REFUSED] = "refused", [SYNC_WAITS] = "waiting",
		[SYNC_RUNS] = "running",
	};
	json_t *o = json_pack("{ss ss}", "state", state[r->state], "why", r->why);

	if (o == NULL || r->state != SYNC_RUNS)
		return o;
	if (json_object_update_new(o, json_pack("{so si sb sb sb si si si si si si si sb}",
		"instance", id_json(r->st.instance), "idChanges", (int)r->st.id_changes,
		"sealed", r->sealed, "plain", r->plain, "group", r->group, "peers", (int)r->peers,
		"ownChannels", (int)r->st.own_chans, "ownHosts", (int)r->st.own_hits,
		"channels", (int)r->st.chans, "hosts", (int)r->st.hits, "hidden", (int)r->st.hidden,
		"listed", (int)r->st.listed,
		"asking", r->st.asking)) == 0 &&
	    json_object_update_new(o, json_pack("{sI sI sI sI sI sI sI so so so so}", "sent",
		(json_int_t)r->st.sent, "sentBytes", (json_int_t)r->st.sent_bytes, "sendFailed",
		(json_int_t)r->send_failed, "received", (json_int_t)r->st.received, "receivedBytes",
		(json_int_t)r->st.received_bytes, "lost", (json_int_t)r->lost, "records",
		(json_int_t)r->st.records, "sentByType",
		counters(r->st.sent_kind, SYNC_KIND_COUNT, true, kind_name), "receivedByType",
		counters(r->st.received_kind, SYNC_KIND_COUNT, true, kind_name), "dropped",
		counters(r->st.dropped, SYNC_DROP_COUNT, false, drop_name), "instances", instances(r))) == 0)
		return o;
	json_decref(o);
	return NULL;
}

json_t *syncstatus_json(struct node *n)
{
	struct sync_report *r = n->ops.sync_report != NULL ? n->ops.sync_report(n) : NULL;
	json_t *o = r != NULL ? report_json(r) : json_null();

	free(r);
	return o;
}
