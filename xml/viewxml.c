/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "xml/viewxml.h"

#include <stdlib.h>
#include <string.h>

#include "xml/chanxml.h"
#include "xml/xmlout.h"

/* --- taking the snapshot ---------------------------------------------------------------------- */

static struct hitlist_view *list_of(struct viewxml *v, const struct gnuid *id)
{
	size_t i;

	for (i = 0; i < v->n_lists; i++)
		if (gnuid_equal(&v->lists[i].id, id))
			return &v->lists[i];
	return NULL;
}

static bool has_tracker(const struct hitlist_view *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->hits[i].flags & HIT_TRACKER)
			return true;
	return false;
}

/* A root hears of its own broadcast from nobody: without this no YP could list it. */
static enum status add_own_hit(struct node *n, struct chan *c, const struct viewxml_chan *vc,
	struct hitlist_view *l, nsec now)
{
	struct hitstats *s = &l->stats;
	struct hit own, *grown;

	node_own_hit(n, c, true, &own);
	if (!host_is_set(&own.rhost[0]))
		return ST_OK;
	grown = realloc(l->hits, (l->n + 1) * sizeof(*grown));
	if (grown == NULL)
		return ST_LIMIT;
	own.heard = now;
	grown[l->n++] = own;
	l->hits = grown;
	s->furthest = s->hosts > 0 ? s->furthest : 0;
	s->closest = 0;
	s->hosts++;
	s->firewalled += (own.flags & HIT_PUSH) != 0;
	s->listeners += vc->listeners;
	s->relays += vc->relays;
	s->newest = now;
	return ST_OK;
}

static enum status snapshot_chans(
	struct node *n, struct viewxml *v, struct chan **chans, size_t n_chans)
{
	size_t i;

	v->chans = calloc(n_chans > 0 ? n_chans : 1, sizeof(*v->chans));
	if (v->chans == NULL)
		return ST_LIMIT;
	for (i = 0; i < n_chans; i++) {
		struct viewxml_chan *vc = &v->chans[i];
		struct hitlist_view *l;
		struct usage u;

		vc->id = *chan_id(chans[i]);
		chan_view(chans[i], &vc->view);
		v->n_chans = i + 1;
		servmgr_usage(n->sm, &vc->id, &u);
		vc->listeners = u.directs;
		vc->relays = u.relays;
		l = list_of(v, &vc->id);
		if (l == NULL)
			continue;
		vc->hosts = l->stats.hosts;
		if (v->settings->is_root && vc->view.type == CHAN_BROADCAST && vc->view.playing &&
		    !has_tracker(l) && add_own_hit(n, chans[i], vc, l, v->now) != ST_OK)
			return ST_LIMIT;
	}
	return ST_OK;
}

enum status viewxml_snapshot(struct node *n, struct viewxml *v)
{
	struct chan **chans = NULL;
	size_t n_chans = 0, i;
	struct totals t;
	struct own own;
	enum status st;

	memset(v, 0, sizeof(*v));
	v->settings = conf_get(n->conf);
	v->now = clk_now();
	servmgr_own(n->sm, &own);
	servmgr_totals(n->sm, &t);
	v->uptime_s = chanxml_age(own.started, v->now);
	v->out_bps = t.out_bps;
	v->in_bps = t.in_bps;
	v->relays = t.connected[SV_RELAY];
	v->directs = t.connected[SV_DIRECT];
	for (i = 0; i < SV_TYPES; i++)
		v->total += t.connected[i];

	st = chanmgr_lists(n->cm, true, &v->lists, &v->n_lists);
	if (st == ST_OK)
		st = chanmgr_all(n->cm, &chans, &n_chans);
	if (st == ST_OK)
		st = snapshot_chans(n, v, chans, n_chans);
	for (i = 0; i < n_chans; i++)
		chan_unref(&chans[i]);
	free(chans);
	if (st != ST_OK)
		viewxml_fini(v);
	return st;
}

void viewxml_fini(struct viewxml *v)
{
	size_t i;

	for (i = 0; i < v->n_chans; i++)
		chan_view_fini(&v->chans[i].view);
	for (i = 0; i < v->n_lists; i++)
		hitlist_view_fini(&v->lists[i]);
	free(v->chans);
	free(v->lists);
	settings_unref(&v->settings);
	memset(v, 0, sizeof(*v));
}

/* --- writing it ------------------------------------------------------------------------------- */

static uint32_t capped_uptime(const struct viewxml *v, const struct viewxml_chan *c)
{
	uint32_t cap = v->settings != NULL ? v->settings->max_uptime : 0;

	return cap > 0 ? MIN(c->view.uptime_s, cap) : c->view.uptime_s;
}

/* One YP reads this as a boolean and drops the whole document at any other number, so no single
 * announcement may bring one in (http.md 7.4). */
static uint8_t safe_bcflags(const struct chaninfo *info)
{
	return info != NULL && info->bcid.b[0] != 0;
}

static void emit_relay(struct xmlout *x, const struct viewxml_chan *c)
{
	struct chanxml_relay r = {
		.listeners = c->listeners, .relays = c->relays, .hosts = c->hosts,
		.status = chan_status_str(c->view.status),
	};

	chanxml_relay(x, &r);
}

static void emit_relayed(struct xmlout *x, const struct viewxml *v)
{
	size_t i;

	xmlout_start(x, "channels_relayed");
	xmlout_u64(x, "total", v->n_chans);
	for (i = 0; i < v->n_chans; i++) {
		const struct viewxml_chan *c = &v->chans[i];
		struct chanxml_facts f = {
			.uptime_s = capped_uptime(v, c),
			.skips = c->view.skips,
			.age_s = c->view.age_s,
			.bcflags = safe_bcflags(c->view.info),
		};

		chanxml_channel(x, &c->id, c->view.info, &f);
		emit_relay(x, c);
		chanxml_track(x, c->view.info);
		xmlout_end(x);
	}
	xmlout_end(x);
}

/* Trackers last: one reader takes the last host, two the one with tracker="1" push="0". */
static void emit_hosts(struct xmlout *x, const struct hitlist_view *l, nsec now)
{
	int pass;
	size_t i;

	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < l->n; i++)
			if (((l->hits[i].flags & HIT_TRACKER) != 0) == (pass == 1))
				chanxml_host(x, &l->hits[i], now);
}

static void emit_found_one(struct xmlout *x, const struct viewxml *v, const struct hitlist_view *l,
	const struct viewxml_chan *carried)
{
	const struct chaninfo *info = carried != NULL ? carried->view.info : l->info;
	struct chanxml_facts f = {
		.age_s = chanxml_age(l->created, v->now), .bcflags = safe_bcflags(info),
	};
	struct chanxml_hits h;

	if (carried != NULL)
		f.uptime_s = capped_uptime(v, carried);
	chanxml_hits_of(&l->stats, v->now, 0, &h);
	chanxml_channel(x, &l->id, info, &f);
	chanxml_hits(x, &h);
	emit_hosts(x, l, v->now);
	xmlout_end(x);
	chanxml_track(x, info);
	if (carried != NULL)
		emit_relay(x, carried);
	xmlout_end(x);
}

static int by_id(const void *a, const void *b)
{
	const struct viewxml_chan *const *x = a, *const *y = b;

	return memcmp(&(*x)->id, &(*y)->id, sizeof((*x)->id));
}

/* On a root: what was never announced, only its hosts were heard; and what no live host has, which
 * two of the readers cannot take. */
static bool is_hidden(const struct viewxml *v, const struct hitlist_view *l)
{
	return v->settings != NULL && v->settings->is_root &&
		(l->info == NULL || (l->n == 0 && !v->settings->viewxml_empty_channels));
}

static enum status emit_found(struct xmlout *x, const struct viewxml *v)
{
	const struct viewxml_chan **sorted =
		calloc(v->n_chans > 0 ? v->n_chans : 1, sizeof(*sorted));
	size_t total = 0, i;

	if (sorted == NULL)
		return ST_LIMIT;
	for (i = 0; i < v->n_chans; i++)
		sorted[i] = &v->chans[i];
	qsort(sorted, v->n_chans, sizeof(*sorted), by_id);
	for (i = 0; i < v->n_lists; i++)
		total += !is_hidden(v, &v->lists[i]);

	xmlout_start(x, "channels_found");
	xmlout_u64(x, "total", total);
	for (i = 0; i < v->n_lists; i++) {
		const struct hitlist_view *l = &v->lists[i];
		const struct viewxml_chan key = { .id = l->id }, *k = &key;
		const struct viewxml_chan **c;

		if (is_hidden(v, l))
			continue;
		c = bsearch(&k, sorted, v->n_chans, sizeof(*sorted), by_id);
		emit_found_one(x, v, l, c != NULL ? *c : NULL);
	}
	xmlout_end(x);
	free(sorted);
	return ST_OK;
}

static void emit_host_cache(struct xmlout *x, const struct viewxml *v)
{
	static const char *const types[] = {
		[HOSTTYPE_NONE] = "NONE",
		[HOSTTYPE_STREAM] = "STREAM",
		[HOSTTYPE_CHANNEL] = "CHANNEL",
		[HOSTTYPE_SERVENT] = "SERVENT",
		[HOSTTYPE_TRACKER] = "TRACKER",
	};
	size_t n = 0, i;
	const struct settings_host *h =
		v->settings != NULL ? settings_hosts(v->settings, &n) : NULL;

	xmlout_start(x, "host_cache");
	for (i = 0; i < n; i++) {
		xmlout_start(x, "host");
		xmlout_text(x, "ip", h[i].address);
		xmlout_text(x, "type", types[h[i].type]);
		xmlout_u64(x, "time", h[i].time);
		xmlout_end(x);
	}
	xmlout_end(x);
}

enum status viewxml_emit(const struct viewxml *v, struct buf *out)
{
	struct xmlout *x = xmlout_new(VIEWXML_MAX);
	enum status st;

	if (x == NULL)
		return ST_LIMIT;
	xmlout_decl(x);
	xmlout_start(x, "peercast");
	xmlout_start(x, "servent");
	xmlout_u64(x, "uptime", v->uptime_s);
	xmlout_end(x);
	xmlout_start(x, "bandwidth");
	xmlout_u64(x, "out", v->out_bps);
	xmlout_u64(x, "in", v->in_bps);
	xmlout_end(x);
	xmlout_start(x, "connections");
	xmlout_u64(x, "total", v->total);
	xmlout_u64(x, "relays", v->relays);
	xmlout_u64(x, "direct", v->directs);
	xmlout_end(x);
	emit_relayed(x, v);
	st = emit_found(x, v);
	emit_host_cache(x, v);
	xmlout_end(x);
	if (st == ST_OK)
		st = xmlout_move(x, out);
	xmlout_free(&x);
	return st;
}
