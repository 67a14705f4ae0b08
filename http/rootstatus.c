/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/rootstatus.h"

#include <stdlib.h>
#include <string.h>

#include "http/syncstatus.h"

/* What came over one control connection. */
struct told {
	struct gnuid via;
	nsec heard;
	uint32_t channels;
};

static int by_via(const void *a, const void *b)
{
	return memcmp(((const struct told *)a)->via.b, ((const struct told *)b)->via.b, sizeof(struct gnuid));
}

/* All hits of the node gathered by the session they came from, sorted. */
static enum status gather(struct node *n, struct told **out, size_t *n_out, size_t *n_chans)
{
	struct hitlist_view *lists;
	size_t n_lists, hits = 0, k = 0, merged = 0;
	struct told *t;

	*out = NULL;
	*n_out = *n_chans = 0;
	if (chanmgr_lists(n->cm, true, &lists, &n_lists) != ST_OK)
		return ST_LIMIT;
	for (size_t i = 0; i < n_lists; i++)
		hits += lists[i].n;
	t = malloc((hits + 1) * sizeof(*t));
	for (size_t i = 0; i < n_lists; i++) {
		*n_chans += lists[i].n > 0 && lists[i].info != NULL;
		for (size_t j = 0; t != NULL && j < lists[i].n; j++)
			t[k++] = (struct told){ .via = lists[i].hits[j].via, .heard = lists[i].hits[j].heard,
			                        .channels = 1 };
		hitlist_view_fini(&lists[i]);
	}
	free(lists);
	if (t == NULL)
		return ST_LIMIT;
	if (k > 1)
		qsort(t, k, sizeof(*t), by_via);
	for (size_t i = 0; i < k; i++) {
		if (merged > 0 && by_via(&t[merged - 1], &t[i]) == 0) {
			t[merged - 1].heard = MAX(t[merged - 1].heard, t[i].heard);
			t[merged - 1].channels++;
		} else {
			t[merged++] = t[i];
		}
	}
	*out = t;
	*n_out = merged;
	return ST_OK;
}

static json_t *connection(const struct servent_view *v, const struct told *told, size_t n)
{
	const struct told key = { .via = v->remote };
	const struct told *t = n > 0 ? bsearch(&key, told, n, sizeof(*told), by_via) : NULL;
	char hs[HOST_STRLEN], id[GNUID_STRLEN];

	return json_pack("{si ss ss ss si si so}", "connectionId", (int)v->id, "address",
		host_str(&v->peer, hs), "agent", v->agent, "sessionId", gnuid_str(&v->remote, id), "age",
		(int)v->age_s, "channels", t != NULL ? (int)t->channels : 0, "lastUpdate",
		t != NULL ? json_integer((json_int_t)clk_age_s(t->heard)) : json_null());
}

static json_t *connections(struct node *n, const struct told *told, size_t n_told, uint32_t *total)
{
	struct servent_view *v;
	json_t *list = json_array();
	bool ok = list != NULL;
	size_t count, listed = 0;

	*total = 0;
	if (servmgr_views(n->sm, NULL, &v, &count) != ST_OK) {
		json_decref(list);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		if (v[i].type != SV_CIN || v[i].status != SV_CONNECTED)
			continue;
		++*total;
		if (ok && listed < ROOTSTATUS_LIST)
			ok = json_array_append_new(list, connection(&v[i], told, n_told)) == 0;
		listed++;
	}
	free(v);
	if (ok)
		return list;
	json_decref(list);
	return NULL;
}

static json_int_t counted(struct node *n, enum node_count c)
{
	return (json_int_t)atomic_load_explicit(&n->counts[c], memory_order_relaxed);
}

static json_t *refusals(struct node *n)
{
	struct totals t;

	servmgr_totals(n->sm, &t);
	return json_pack("{sI sI sI sI sI}", "full", (json_int_t)t.refused[REFUSE_FULL], "duplicate",
		(json_int_t)t.refused[REFUSE_DUPLICATE], "owner", counted(n, ROOT_REFUSED_OWNER), "policy",
		counted(n, ROOT_REFUSED_POLICY), "banned", counted(n, ROOT_REFUSED_BAN));
}

static json_t *chanlog(struct node *n)
{
	struct chanlog_counts c = { .written = 0 };

	n->ops.chanlog_counts(n, &c);
	return json_pack("{sI sI sI}", "written", (json_int_t)c.written, "dropped", (json_int_t)c.dropped,
		"failed", (json_int_t)c.failed);
}

json_t *rootstatus_json(struct node *n)
{
	struct bans *bans = node_bans(n);
	const size_t n_bans = bans_count(bans);
	struct limits lim;
	struct told *told;
	size_t n_told, n_chans;
	json_t *list, *all = NULL;
	struct own own;
	uint32_t total;

	bans_unref(&bans);
	servmgr_get_limits(n->sm, &lim);
	servmgr_own(n->sm, &own);
	if (gather(n, &told, &n_told, &n_chans) != ST_OK)
		return NULL;
	list = connections(n, told, n_told, &total);
	free(told);
	if (list != NULL)
		all = json_pack("{si sI si si so so sI sI sI so sI so}",
			"uptime", (int)clk_age_s(own.started), "channels", (json_int_t)n_chans,
			"controlConnections", (int)total, "maxControlConnections", (int)lim.max_control,
			"connections", list, "refused", refusals(n),
			"announcements", counted(n, ROOT_ANNOUNCED), "forwarded", counted(n, ROOT_FORWARDED),
			"dropped", counted(n, ROOT_DROPPED), "channelLog", chanlog(n),
			"bans", (json_int_t)n_bans, "liveSync", syncstatus_json(n));
	return all;
}
