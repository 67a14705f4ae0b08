/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/node.h"

#include <string.h>

#include "core/sys/assert.h"
#include "core/sys/log.h"

LOCK_DEFINE(node, struct node, mtx, lk_conf)

enum status node_init(struct node *n, struct conf *conf, struct chanmgr *cm, struct servmgr *sm)
{
	struct filterset *none = filterset_new();

	if (none == NULL)
		return ST_LIMIT;
	*n = (struct node){ .conf = conf, .cm = cm, .sm = sm };
	mtx_init(&n->mtx, &lk_conf);
	notices_init(&n->notices);
	chandir_init(&n->chandir);
	node_lock(n);
	n->filters = none;
	node_unlock(n);
	return ST_OK;
}

void node_fini(struct node *n) LOCK_IMPL /* the only thread left */
{
	filterset_unref(&n->filters);
	bans_unref(&n->bans);
	notices_fini(&n->notices);
	chandir_fini(&n->chandir);
	mtx_fini(&n->mtx);
}

static enum status add_filter(struct filterset *f, const struct settings_filter *sf,
	node_resolve *resolve)
{
	const int flags = (sf->is_private ? FILTER_PRIVATE : 0) | (sf->ban ? FILTER_BAN : 0) |
		(sf->network ? FILTER_NETWORK : 0) | (sf->direct ? FILTER_DIRECT : 0);
	struct host h;
	bool name;
	enum status st;

	st = filterset_add(f, sf->ip, flags, &name);
	if (st == ST_PROTO) {
		log_warn("filter %s: not an address, network or name", sf->ip);
		return ST_OK;
	}
	if (st == ST_OK && name && resolve != NULL && resolve(sf->ip, &h))
		st = filterset_add_host(f, &h, flags);
	return st;
}

enum status node_apply_settings(struct node *n, node_resolve *resolve)
{
	const struct settings *st = conf_get(n->conf);
	const struct settings_filter *v;
	struct filterset *f = filterset_new();
	enum status rc = f != NULL ? ST_OK : ST_LIMIT;
	struct limits l;
	size_t n_filters;

	limits_of(st, &l);
	servmgr_set_limits(n->sm, &l);
	(void)servmgr_force_firewall(n->sm, firewall_forced(st));
	v = settings_filters(st, &n_filters);
	for (size_t i = 0; i < n_filters && rc == ST_OK; i++)
		rc = add_filter(f, &v[i], resolve);
	if (rc == ST_OK) {
		if (filterset_is_unsafe(f))
			log_warn("filters: every address is private, so every visitor is exempt from limits");
		node_set_filters(n, f);
		f = NULL;
	}
	filterset_unref(&f);
	settings_unref(&st);
	return rc;
}

int node_filter(struct node *n, const struct host *h)
{
	struct filterset *f;
	int flags;

	node_lock(n);
	f = filterset_ref(n->filters);
	node_unlock(n);
	flags = filterset_flags(f, h);
	filterset_unref(&f);
	return flags;
}

void node_set_filters(struct node *n, struct filterset *f)
{
	struct filterset *old;

	ASSERT(f != NULL);
	node_lock(n);
	old = n->filters;
	n->filters = f;
	node_unlock(n);
	filterset_unref(&old);
}

struct bans *node_bans(struct node *n)
{
	struct bans *b;

	node_lock(n);
	b = n->bans != NULL ? bans_ref(n->bans) : NULL;
	node_unlock(n);
	return b;
}

void node_set_bans(struct node *n, struct bans *b)
{
	struct bans *old;

	node_lock(n);
	old = n->bans;
	n->bans = b;
	node_unlock(n);
	bans_unref(&old);
}

bool node_is_trusted(struct node *n, const struct host *h)
{
	struct limits l;

	servmgr_get_limits(n->sm, &l);
	return l.trust_localhost && servmgr_is_local(n->sm, h);
}

bool node_is_private(struct node *n, const struct host *h)
{
	return node_is_trusted(n, h) || (node_filter(n, h) & FILTER_PRIVATE) != 0;
}

/* The two address pairs of a channel's family (pcp.md 17.3, 17.5). */
static void own_addresses(const struct own *own, bool v6, bool open, struct hit *h)
{
	h->rhost[0] = own->global[v6];
	if (!open)
		h->rhost[0].port = 0;
	h->rhost[1] = own->local[v6];
	/* A loopback address tells an IPv6 host elsewhere nothing: it is left unset there. */
	if (v6 && host_is_loopback(&own->local[v6]) && !host_is_loopback(&own->global[v6]))
		h->rhost[1] = (struct host){ .port = 0 };
}

static uint8_t own_flags(struct node *n, const struct chan_view *v, const struct gnuid *id, bool open,
	bool recv)
{
	const bool tracker = v->type == CHAN_BROADCAST;
	unsigned flags = 0;

	if (servmgr_has_room(n->sm, SV_RELAY, id, v->info->bitrate_kbps))
		flags |= HIT_RELAY;
	if (servmgr_has_room(n->sm, SV_DIRECT, id, v->info->bitrate_kbps))
		flags |= HIT_DIRECT;
	if (servmgr_has_room(n->sm, SV_CIN, id, 0))
		flags |= HIT_CIN;
	/* What a broadcast that has ended could serve is nothing. */
	if (tracker && !recv)
		flags &= ~(unsigned)(HIT_RELAY | HIT_DIRECT);
	if (tracker)
		flags |= HIT_TRACKER;
	if (!open)
		flags |= HIT_PUSH;
	if (recv)
		flags |= HIT_RECV;
	return (uint8_t)flags;
}

void node_own_hit(struct node *n, struct chan *c, bool recv, struct hit *h)
{
	const struct gnuid *id = chan_id(c);
	const struct settings *st = conf_get(n->conf);
	const uint32_t max_uptime = st->max_uptime;
	struct chan_view v;
	struct usage use;
	struct own own;
	bool open;

	settings_unref(&st);
	chan_view(c, &v);
	servmgr_own(n->sm, &own);
	servmgr_usage(n->sm, id, &use);
	open = own.fw[v.v6] == FW_OPEN;

	*h = (struct hit){
		.sid = own.sid,
		.chan = *id,
		.listeners = use.directs,
		.relays = use.relays,
		.uptime_s = max_uptime != 0 ? MIN(v.uptime_s, max_uptime) : v.uptime_s,
		.oldpos = (uint32_t)v.oldest,
		.newpos = (uint32_t)v.newest,
		.version = NODE_VER,
		.version_vp = NODE_VER_VP,
		.ex_number = NODE_EX_NUMBER,
	};
	memcpy(h->ex_prefix, NODE_EX_PREFIX, sizeof(h->ex_prefix));
	own_addresses(&own, v.v6, open, h);
	h->flags = own_flags(n, &v, id, open, recv);

	if (v.type == CHAN_BROADCAST) {
		struct hitstats s = { .hosts = 0 };

		if (chanmgr_stats(n->cm, id, &s))
			h->listeners = (uint32_t)MIN(use.directs + s.listeners, (uint64_t)UINT32_MAX);
		h->relays = s.hosts;
	} else if (host_is_set(&v.source)) {
		h->uphost = v.source;
		h->uphops = 1;
	}
	chan_view_fini(&v);
}
