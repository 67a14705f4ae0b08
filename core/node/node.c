/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/node.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/assert.h"
#include "core/sys/log.h"

LOCK_DEFINE(node, struct node, mtx, lk_conf)

enum status node_init(struct node *n, struct conf *conf, struct chanmgr *cm, struct servmgr *sm)
{
	struct filterset *none = filterset_new();

	if (none == NULL)
		return ST_LIMIT;
	*n = (struct node){ .conf = conf, .cm = cm, .sm = sm, .names = names_new() };
	if (n->names == NULL) {
		filterset_unref(&none);
		return ST_LIMIT;
	}
	mtx_init(&n->mtx, &lk_conf);
	notices_init(&n->notices);
	chandir_init(&n->chandir);
	speedtests_init(&n->speedtests);
	portmaps_init(&n->portmaps);
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
	speedtests_fini(&n->speedtests);
	portmaps_fini(&n->portmaps);
	names_free(&n->names);
	mtx_fini(&n->mtx);
}

/* One filter; a name goes into wanted[] too. */
static enum status add_filter(struct node *n, struct filterset *f, const struct settings_filter *sf,
	const char **wanted, size_t *n_wanted)
{
	const int flags = (sf->is_private ? FILTER_PRIVATE : 0) | (sf->ban ? FILTER_BAN : 0) |
		(sf->network ? FILTER_NETWORK : 0) | (sf->direct ? FILTER_DIRECT : 0);
	struct host pair[2];
	bool name;
	enum status st;

	st = filterset_add(f, sf->ip, flags, &name);
	if (st == ST_PROTO) {
		log_warn("filter %s: not an address, network or name", sf->ip);
		return ST_OK;
	}
	if (st != ST_OK || !name)
		return st;
	wanted[(*n_wanted)++] = sf->ip;
	(void)names_find(n->names, sf->ip, pair);
	for (int i = 0; i < 2 && st == ST_OK; i++)
		if (host_is_set(&pair[i]))
			st = filterset_add_host(f, &pair[i], flags);
	return st;
}

/* The filters of these settings; NULL = no memory. */
static struct filterset *filters_of(struct node *n, const struct settings *st)
{
	size_t count, n_wanted = 0;
	const struct settings_filter *v = settings_filters(st, &count);
	const char **wanted = calloc(count + 1, sizeof(*wanted));
	struct filterset *f = filterset_new();
	bool ok = f != NULL && wanted != NULL;

	for (size_t i = 0; i < count && ok; i++)
		ok = add_filter(n, f, &v[i], wanted, &n_wanted) == ST_OK;
	ok = ok && names_want(n->names, wanted, n_wanted) == ST_OK;
	if (!ok)
		filterset_unref(&f);
	free(wanted);
	return f;
}

/* Put it in force unless something has changed since `seen`: then false, and it is gone. */
static bool publish(struct node *n, struct filterset *f, uint32_t seen)
{
	struct filterset *old;
	bool current;

	node_lock(n);
	current = atomic_load_explicit(&n->filter_changes, memory_order_relaxed) == seen;
	old = current ? n->filters : f;
	if (current)
		n->filters = f;
	node_unlock(n);
	filterset_unref(&old);
	return current;
}

enum status node_apply_filters(struct node *n)
{
	/* Who comes last has seen everything; who finds himself overtaken looks again. */
	uint32_t seen = atomic_fetch_add_explicit(&n->filter_changes, 1, memory_order_relaxed) + 1;

	for (;;) {
		const struct settings *st = conf_get(n->conf);
		struct filterset *f = filters_of(n, st);
		bool unsafe;

		settings_unref(&st);
		if (f == NULL)
			return ST_LIMIT;
		unsafe = filterset_is_unsafe(f);
		if (publish(n, f, seen)) {
			if (unsafe)
				log_warn("filters: every address is private, "
					"so every visitor is exempt from limits");
			return ST_OK;
		}
		seen = atomic_load_explicit(&n->filter_changes, memory_order_relaxed);
	}
}

enum status node_apply_settings(struct node *n)
{
	const struct settings *st = conf_get(n->conf);
	struct limits l;

	limits_of(st, &l);
	servmgr_set_limits(n->sm, &l);
	(void)servmgr_force_firewall(n->sm, firewall_forced(st));
	settings_unref(&st);
	return node_apply_filters(n);
}

/* What the visitor's name adds. */
static int name_flags(struct node *n, const struct filterset *f, const struct host *h)
{
	char name[HOST_NAME];
	bool ask;

	names_of(n->names, h, name, &ask);
	if (ask && n->ops.name_asked != NULL)
		n->ops.name_asked(n);
	return filterset_name_flags(f, name);
}

/* Another broadcaster, whom the flag keeps out while we are on the air ourselves (node.md 2.7)? What the
 * lists say of us is not meant. */
static bool is_rival(struct node *n, const struct host *h)
{
	const struct settings *st = conf_get(n->conf);
	const bool on = st->ban_trackers_while_broadcasting;
	struct own own;

	settings_unref(&st);
	if (!on || !host_is_set(h) || servmgr_is_local(n->sm, h) || !chanmgr_is_broadcasting(n->cm))
		return false;
	servmgr_own(n->sm, &own);
	return !host_same_ip(&own.global[!host_is_v4(h)], h) && chandir_lists(&n->chandir, h);
}

int node_filter(struct node *n, const struct host *h)
{
	struct filterset *f;
	int flags;

	node_lock(n);
	f = filterset_ref(n->filters);
	node_unlock(n);
	flags = filterset_flags(f, h);
	if (filterset_has_suffix(f) && host_is_set(h) && !host_is_loopback(h))
		flags |= name_flags(n, f, h);
	filterset_unref(&f);
	return is_rival(n, h) ? flags | FILTER_BAN : flags;
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
