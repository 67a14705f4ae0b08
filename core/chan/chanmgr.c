/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/chan/chanmgr.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "core/chan/hitlist.h"
#include "core/sys/assert.h"
#include "core/sys/event.h"
#include "core/sys/rest.h"

struct chan_entry {
	struct gnuid id;
	struct chan *chan;
	struct UT_hash_handle hh;
};

struct chanmgr {
	struct mtx mtx;                                         /* lk_chanmgr */
	struct chan_entry *chans        GUARDED_BY(lk_chanmgr); /* in order of arrival */
	struct hitlist *lists           GUARDED_BY(lk_chanmgr);
	struct rests failed              GUARDED_BY(lk_chanmgr); /* addresses */
	struct rests told                GUARDED_BY(lk_chanmgr); /* who was just offered hosts of what */
	/* Changed under the lock; read before it is taken, so an old value only costs a second look:
	 * relaxed. */
	_Atomic uint64_t changes;
};

LOCK_DEFINE(cm, struct chanmgr, mtx, lk_chanmgr)

static void note_change(struct chanmgr *m) REQUIRES(lk_chanmgr)
{
	atomic_fetch_add_explicit(&m->changes, 1, memory_order_relaxed);
}

uint64_t chanmgr_changes(const struct chanmgr *m)
{
	return atomic_load_explicit(&m->changes, memory_order_relaxed);
}

struct chanmgr *chanmgr_new(void)
{
	struct chanmgr *m = calloc(1, sizeof(*m));

	if (m != NULL)
		mtx_init(&m->mtx, &lk_chanmgr);
	return m;
}

void chanmgr_free(struct chanmgr **mp) LOCK_IMPL /* the only thread left */
{
	struct chanmgr *m = *mp;
	struct chan_entry *e, *e_next;
	struct hitlist *l, *l_next;

	*mp = NULL;
	if (m == NULL)
		return;
	/* The tables first, which leaves the elements chained. */
	e_next = m->chans;
	HASH_CLEAR(hh, m->chans);
	while ((e = e_next) != NULL) {
		e_next = e->hh.next;
		chan_unref(&e->chan);
		free(e);
	}
	l_next = m->lists;
	HASH_CLEAR(hh, m->lists);
	while ((l = l_next) != NULL) {
		l_next = l->hh.next;
		hitlist_free(&l);
	}
	mtx_fini(&m->mtx);
	free(m);
}

/* --- carried channels ------------------------------------------------------------------------- */

static struct chan_entry *entry_locked(struct chanmgr *m, const struct gnuid *id) REQUIRES(lk_chanmgr)
{
	struct chan_entry *e;

	HASH_FIND(hh, m->chans, id, sizeof(*id), e);
	return e;
}

enum status chanmgr_add(struct chanmgr *m, struct chan *c, uint32_t max)
{
	struct chan_entry *e = malloc(sizeof(*e));
	enum status st = ST_OK;

	if (e == NULL)
		return ST_LIMIT;
	e->id = *chan_id(c);
	e->chan = c;
	cm_lock(m);
	if (entry_locked(m, &e->id) != NULL) {
		st = ST_PROTO;
	} else if (max != 0 && HASH_COUNT(m->chans) >= max) {
		st = ST_LIMIT;
	} else {
		HASH_ADD(hh, m->chans, id, sizeof(e->id), e);
		if (e->hh.tbl == NULL)
			st = ST_LIMIT;
		else
			(void)chan_ref(c);
		note_change(m);
	}
	cm_unlock(m);
	if (st != ST_OK)
		free(e);
	else
		event_tell(EVENT_CHANNEL, "added", NULL, chan_id(c)->b, 0, NULL, NULL);
	return st;
}

void chanmgr_remove(struct chanmgr *m, struct chan *c)
{
	struct chan_entry *e;

	cm_lock(m);
	e = entry_locked(m, chan_id(c));
	if (e != NULL && e->chan == c)
		HASH_DEL(m->chans, e);
	else
		e = NULL;
	note_change(m);
	cm_unlock(m);
	if (e != NULL) {
		event_tell(EVENT_CHANNEL, "removed", NULL, chan_id(c)->b, 0, NULL, NULL);
		chan_unref(&e->chan);
		free(e);
	}
}

struct chan *chanmgr_find(struct chanmgr *m, const struct gnuid *id)
{
	struct chan_entry *e;
	struct chan *c = NULL;

	cm_lock(m);
	e = entry_locked(m, id);
	if (e != NULL)
		c = chan_ref(e->chan);
	cm_unlock(m);
	return c;
}

enum status chanmgr_all(struct chanmgr *m, struct chan ***out, size_t *n)
{
	struct chan_entry *e, *next;
	struct chan **list;
	size_t i = 0;

	*out = NULL;
	*n = 0;
	cm_lock(m);
	list = calloc(HASH_COUNT(m->chans) + 1u, sizeof(struct chan *));
	if (list != NULL)
		HASH_ITER(hh, m->chans, e, next)
			list[i++] = chan_ref(e->chan);
	cm_unlock(m);
	if (list == NULL)
		return ST_LIMIT;
	*out = list;
	*n = i;
	return ST_OK;
}

size_t chanmgr_count(struct chanmgr *m)
{
	size_t n;

	cm_lock(m);
	n = HASH_COUNT(m->chans);
	cm_unlock(m);
	return n;
}

struct chan *chanmgr_find_broadcast(struct chanmgr *m, const char *key, enum chan_src src)
{
	struct chan **all, *found = NULL;
	size_t n;

	if (chanmgr_all(m, &all, &n) != ST_OK)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		struct chan_view v;

		if (found == NULL && chan_type_of(all[i]) == CHAN_BROADCAST && !chan_is_closing(all[i])) {
			chan_view(all[i], &v);
			if (v.src == src && strcmp(chan_key(all[i]), key) == 0)
				found = chan_ref(all[i]);
			chan_view_fini(&v);
		}
		chan_unref(&all[i]);
	}
	free(all);
	return found;
}

bool chanmgr_is_broadcasting(struct chanmgr *m)
{
	struct chan_entry *e, *next;
	bool yes = false;

	cm_lock(m);
	HASH_ITER(hh, m->chans, e, next)
		if (chan_type_of(e->chan) == CHAN_BROADCAST && chan_is_playing(e->chan))
			yes = true;
	cm_unlock(m);
	return yes;
}

/* --- hit lists -------------------------------------------------------------------------------- */

static struct hitlist *list_locked(struct chanmgr *m, const struct gnuid *id) REQUIRES(lk_chanmgr)
{
	struct hitlist *l;

	HASH_FIND(hh, m->lists, id, sizeof(*id), l);
	return l;
}

static struct hitlist *list_new_locked(struct chanmgr *m, const struct gnuid *id, bool root)
	REQUIRES(lk_chanmgr)
{
	struct hitlist *l;

	if (HASH_COUNT(m->lists) >= (root ? CHANMGR_MAX_ROOT : CHANMGR_MAX_LISTS))
		return NULL;
	l = hitlist_new(id);
	if (l == NULL)
		return NULL;
	HASH_ADD(hh, m->lists, id, sizeof(l->id), l);
	if (l->hh.tbl == NULL)
		hitlist_free(&l);
	return l;
}

/* May this announcement speak for the list? (yp.md 2.5, pcp.md 14.2) */
static bool owns(const struct hitlist *l, const struct announce *a)
{
	if (!a->root || l->info == NULL || !gnuid_is_set(&l->info->bcid))
		return true;
	if (a->source != 0 && a->meta == NULL)
		return true;
	if (a->meta != NULL)
		return (a->present & CHANMETA_BCID) && gnuid_equal(&a->meta->bcid, &l->info->bcid);
	return a->via != NULL && gnuid_equal(&l->owner, a->via);
}

static void list_drop_locked(struct chanmgr *m, struct hitlist *l) REQUIRES(lk_chanmgr)
{
	ASSERT(m->lists != NULL);       /* l is in it */
	HASH_DEL(m->lists, l);
	hitlist_free(&l);
}

static enum status info_apply(struct hitlist *l, const struct announce *a, struct announce_result *r)
{
	struct chanmeta meta = { .id = l->id };
	struct chaninfo *i;

	if (l->info != NULL)
		chaninfo_to_meta(l->info, &meta);
	chanmeta_merge(&meta, a->meta, a->present);
	meta.id = l->id;
	if (l->info != NULL && gnuid_is_set(&l->info->bcid))
		meta.bcid = l->info->bcid;      /* the first one seen sticks */
	if (meta.text[CT_NAME][0] == '\0' || (l->info != NULL && chaninfo_same(l->info, &meta)))
		return ST_OK;
	i = chaninfo_new(&meta);
	if (i == NULL)
		return ST_LIMIT;
	chaninfo_unref(&l->info);
	l->info = i;
	r->info_changed = true;
	return ST_OK;
}

/* Does one of our connections speak for the list: is there a host whose line to us stands? */
static bool is_spoken_for(const struct hitlist *l)
{
	const struct hitnode *n;

	DL_FOREACH(l->hits, n)
		if (n->h.source == 0 && n->h.gone_at == 0 && !n->h.dead && !n->h.told)
			return true;
	return false;
}

/* The chan part. */
static enum status meta_apply(struct hitlist *l, const struct announce *a, struct announce_result *r)
{
	if (a->source != 0)
		return is_spoken_for(l) ? ST_OK : info_apply(l, a, r);
	l->ours = true;
	if (a->via != NULL)
		l->owner = *a->via;
	return info_apply(l, a, r);
}

/* The host part. */
static enum status hit_apply(struct hitlist *l, const struct announce *a, struct announce_result *r)
{
	const struct hit *h = a->hit;

	l->ours = l->ours || a->source == 0;
	if (!(h->flags & HIT_RECV)) {
		r->hit_removed = hitlist_remove(l, h, a->via);
		return ST_OK;
	}
	if (a->root && !(h->flags & HIT_TRACKER))
		return ST_OK;
	if (a->source != 0 && !l->ours && h->uptime_s > 0)
		l->created = MIN(l->created, h->heard - (nsec)h->uptime_s * NSEC_PER_SEC);
	return hitlist_put(l, h, a->known_only, &r->hit_new);
}

static enum status announce_locked(struct chanmgr *m, const struct announce *a, struct announce_result *r)
	REQUIRES(lk_chanmgr)
{
	struct hitlist *l = list_locked(m, a->chan);
	enum status st = ST_OK;

	if (l == NULL) {
		if (!a->create || (a->hit != NULL && a->meta == NULL && !(a->hit->flags & HIT_RECV)))
			return ST_OK;
		l = list_new_locked(m, a->chan, a->root);
		if (l == NULL)
			return ST_LIMIT;
		r->list_new = true;
	}
	hitlist_stats(l, &r->before);
	r->after = r->before;
	r->created = l->created;
	if (!owns(l, a)) {
		r->refused = true;
	} else {
		if (a->meta != NULL)
			st = meta_apply(l, a, r);
		if (st == ST_OK && a->hit != NULL &&
		    (a->self == NULL || !gnuid_equal(&a->hit->sid, a->self))) {
			st = hit_apply(l, a, r);
			hitlist_stats(l, &r->after);
		}
		r->created = l->created;
	}
	if (l->info != NULL)
		r->info = chaninfo_ref(l->info);
	return st;
}

/* Does a listing say something else after it? */
static bool is_news(const struct announce_result *r)
{
	return r->info_changed || r->hit_new || r->hit_removed ||
		r->before.listeners != r->after.listeners || r->before.relays != r->after.relays ||
		r->before.firewalled != r->after.firewalled;
}

enum status chanmgr_announce(struct chanmgr *m, const struct announce *a, struct announce_result *r)
{
	enum status st;

	memset(r, 0, sizeof(*r));
	r->before.closest = r->after.closest = 10000;
	cm_lock(m);
	st = announce_locked(m, a, r);
	if (is_news(r) || a->source != 0)
		note_change(m);
	cm_unlock(m);
	return st;
}

void announce_result_fini(struct announce_result *r)
{
	chaninfo_unref(&r->info);
}

enum status chanmgr_list_ensure(struct chanmgr *m, const struct gnuid *id, const struct chaninfo *info)
{
	struct chaninfo *new = info != NULL ? chaninfo_ref(info) : NULL;
	enum status st = ST_OK;
	struct hitlist *l;

	cm_lock(m);
	l = list_locked(m, id);
	if (l == NULL)
		l = list_new_locked(m, id, true);
	if (l == NULL) {
		st = ST_LIMIT;
	} else if (new != NULL) {
		struct chaninfo *old = l->info;

		l->info = new;
		new = old;
	}
	note_change(m);
	cm_unlock(m);
	chaninfo_unref(&new);
	return st;
}

size_t chanmgr_list_count(struct chanmgr *m)
{
	size_t n;

	cm_lock(m);
	n = HASH_COUNT(m->lists);
	cm_unlock(m);
	return n;
}

bool chanmgr_list_exists(struct chanmgr *m, const struct gnuid *id)
{
	bool yes;

	cm_lock(m);
	yes = list_locked(m, id) != NULL;
	cm_unlock(m);
	return yes;
}

static enum status view_of(const struct hitlist *l, bool with_hits, struct hitlist_view *v)
{
	const struct hitnode *n;

	memset(v, 0, sizeof(*v));
	v->id = l->id;
	v->created = l->created;
	v->ours = l->ours;
	hitlist_stats(l, &v->stats);
	if (with_hits && l->n > 0) {
		v->hits = malloc(l->n * sizeof(struct hit));
		if (v->hits == NULL)
			return ST_LIMIT;
		DL_FOREACH(l->hits, n)
			if (hitlist_is_live(&n->h))
				v->hits[v->n++] = n->h;
	}
	if (l->info != NULL)
		v->info = chaninfo_ref(l->info);
	return ST_OK;
}

void hitlist_view_fini(struct hitlist_view *v)
{
	free(v->hits);
	v->hits = NULL;
	v->n = 0;
	chaninfo_unref(&v->info);
}

bool chanmgr_list_view(struct chanmgr *m, const struct gnuid *id, bool with_hits, struct hitlist_view *v)
{
	struct hitlist *l;
	bool ok;

	cm_lock(m);
	l = list_locked(m, id);
	ok = l != NULL && view_of(l, with_hits, v) == ST_OK;
	cm_unlock(m);
	if (!ok)
		memset(v, 0, sizeof(*v));
	return ok;
}

enum status chanmgr_lists(struct chanmgr *m, bool with_hits, struct hitlist_view **out, size_t *n)
{
	struct hitlist_view *list;
	struct hitlist *l, *next;
	enum status st = ST_OK;
	size_t i = 0;

	*out = NULL;
	*n = 0;
	cm_lock(m);
	list = calloc(HASH_COUNT(m->lists) + 1u, sizeof(*list));
	if (list != NULL)
		HASH_ITER(hh, m->lists, l, next) {
			if (!gnuid_is_set(&l->id))
				continue;
			st = view_of(l, with_hits, &list[i]);
			if (st != ST_OK)
				break;
			i++;
		}
	cm_unlock(m);
	if (list == NULL)
		return ST_LIMIT;
	if (st != ST_OK) {
		while (i > 0)
			hitlist_view_fini(&list[--i]);
		free(list);
		return st;
	}
	*out = list;
	*n = i;
	return ST_OK;
}

bool chanmgr_stats(struct chanmgr *m, const struct gnuid *id, struct hitstats *s)
{
	struct hitlist *l;

	memset(s, 0, sizeof(*s));
	s->closest = 10000;
	cm_lock(m);
	l = list_locked(m, id);
	if (l != NULL)
		hitlist_stats(l, s);
	cm_unlock(m);
	return l != NULL;
}

enum status chanmgr_listings(struct chanmgr *m, struct listing **out, size_t *n)
{
	struct hitlist *l, *next;
	struct listing *list;
	size_t i = 0;

	*out = NULL;
	*n = 0;
	cm_lock(m);
	list = calloc(HASH_COUNT(m->lists) + 1u, sizeof(*list));
	if (list != NULL)
		HASH_ITER(hh, m->lists, l, next) {
			const struct hit *lead = hitlist_lead(l);
			struct hitstats s;

			if (lead == NULL || l->info == NULL || !gnuid_is_set(&l->id))
				continue;
			hitlist_stats(l, &s);
			list[i++] = (struct listing){
				.id = l->id, .info = chaninfo_ref(l->info), .created = l->created,
				.listeners = s.listeners, .relays = s.relays, .tip = lead->rhost[0],
				.flags = lead->flags, .stale = lead->gone_at != 0,
			};
		}
	cm_unlock(m);
	if (list == NULL)
		return ST_LIMIT;
	*out = list;
	*n = i;
	return ST_OK;
}

static void host_key(uint8_t key[REST_KEY], const struct host *h)
{
	memset(key, 0, REST_KEY);
	memcpy(key, h->ip, sizeof(h->ip));
	memcpy(key + sizeof(h->ip), &h->port, sizeof(h->port));
}

static bool has_failed_locked(struct chanmgr *m, const struct host *h, nsec now) REQUIRES(lk_chanmgr)
{
	uint8_t key[REST_KEY];

	host_key(key, h);
	return rests_has(&m->failed, key, now);
}

bool chanmgr_rests(struct chanmgr *m, const struct host *h, nsec *until)
{
	uint8_t key[REST_KEY];

	host_key(key, h);
	cm_lock(m);
	*until = rests_until(&m->failed, key, clk_now());
	cm_unlock(m);
	return *until != 0;
}

enum status chanmgr_tip(struct chanmgr *m, const struct gnuid *id, const struct host *h)
{
	enum status st = ST_LIMIT;
	uint8_t key[REST_KEY];
	struct hitlist *l;

	host_key(key, h);
	cm_lock(m);
	rests_lift(&m->failed, key);
	l = list_locked(m, id);
	if (l == NULL)
		l = list_new_locked(m, id, false);
	if (l != NULL)
		st = hitlist_tip(l, h, clk_now());
	cm_unlock(m);
	return st;
}

static bool pick_from_locked(struct chanmgr *m, struct hitlist *l, const struct pick *p, nsec now,
	struct hit *out, struct host *to) REQUIRES(lk_chanmgr)
{
	struct hitnode *n, *best = NULL;
	struct host a;

	DL_FOREACH(l->hits, n) {
		if (!pick_fits(&n->h, p, now) || !pick_address(&n->h, p, &a) ||
		    (best != NULL && !pick_is_better(&n->h, &best->h)) ||
		    has_failed_locked(m, &a, now))      /* the dear question last */
			continue;
		best = n;
		*to = a;
	}
	if (best == NULL)
		return false;
	if (p->wait > 0)
		best->h.contact = now;
	*out = best->h;
	pick_pairs(&best->h, p->v6, out->rhost);
	return true;
}

bool chanmgr_pick(struct chanmgr *m, const struct pick *p, struct hit *out, struct host *to)
{
	nsec now = clk_now();
	struct hitlist *l, *next;
	bool ok = false;

	cm_lock(m);
	if (p->chan != NULL) {
		l = list_locked(m, p->chan);
		ok = l != NULL && pick_from_locked(m, l, p, now, out, to);
	} else {
		HASH_ITER(hh, m->lists, l, next)
			if (!ok)
				ok = pick_from_locked(m, l, p, now, out, to);
	}
	cm_unlock(m);
	return ok;
}

/* Whom to name, in order: a node, and whether the asker reaches it through its own network. */
struct choice {
	struct hitnode *node;
	bool lan;
};

/* Put c where it belongs among the n best of at most max. */
static size_t choice_put(struct choice *best, size_t n, size_t max, struct choice c)
{
	size_t i = n;

	while (i > 0 && pick_offer_before(&c.node->h, c.lan, &best[i - 1].node->h, best[i - 1].lan))
		i--;
	if (i == max)
		return n;
	n = MIN(n + 1, max);
	memmove(&best[i + 1], &best[i], (n - 1 - i) * sizeof(*best));
	best[i] = c;
	return n;
}

/* The best of the list that p asks for, in order. */
static size_t choose_locked(struct chanmgr *m, struct hitlist *l, const struct pick *p, nsec now,
	struct choice *best, size_t max) REQUIRES(lk_chanmgr)
{
	struct pick plain = *p;
	struct hitnode *n;
	size_t count = 0;

	plain.match = (struct host){ .port = 0 };
	DL_FOREACH(l->hits, n) {
		struct choice c = { .node = n };
		struct host to;

		if (n->below || !pick_fits(&n->h, p, now))
			continue;
		c.lan = host_is_set(&p->match) && pick_address(&n->h, p, &to);
		if ((c.lan || pick_address(&n->h, &plain, &to)) && !has_failed_locked(m, &to, now))
			count = choice_put(best, count, max, c);
	}
	return count;
}

size_t chanmgr_offer(struct chanmgr *m, const struct pick *p, struct hit *out, size_t max)
{
	struct choice best[OFFER_MAX];
	struct pick q = *p;
	nsec now = clk_now();
	uint8_t key[REST_KEY];
	struct hitlist *l;
	size_t n = 0;

	ASSERT(max <= OFFER_MAX);
	memcpy(key, p->asker.ip, sizeof(p->asker.ip));
	memcpy(key + sizeof(p->asker.ip), p->chan->b, GNUID_LEN);
	cm_lock(m);
	l = list_locked(m, p->chan);
	if (!rests_has(&m->told, key, now))
		q.wait = 0;
	if (l != NULL) {
		hitlist_mark_below(l, &p->exclude, &p->exclude_host);
		n = choose_locked(m, l, &q, now, best, max);
	}
	if (n > 0 && p->wait > 0)
		rests_set(&m->told, key, now, now + p->wait);
	for (size_t i = 0; i < n; i++) {
		struct hit *h = &best[i].node->h;

		if (p->wait > 0)
			h->contact = now;
		h->named++;
		out[i] = *h;
		pick_pairs(h, p->v6, out[i].rhost);
	}
	cm_unlock(m);
	return n;
}

bool chanmgr_recall(struct chanmgr *m, const struct gnuid *chan, const struct gnuid *sid,
	const struct host *at, struct hit *out)
{
	const struct hitnode *n, *by_sid = NULL, *by_host = NULL;
	nsec now = clk_now();
	struct hitlist *l;
	bool ok;

	*out = (struct hit){ .sid = *sid, .chan = *chan, .rhost = { *at },
	                     .flags = HIT_RECV | HIT_RELAY | HIT_CIN, .heard = now };
	cm_lock(m);
	ok = !has_failed_locked(m, at, now);
	l = list_locked(m, chan);
	if (l != NULL)
		DL_FOREACH(l->hits, n) {
			if (n->h.dead)
				continue;
			if (gnuid_is_set(&n->h.sid) && gnuid_equal(&n->h.sid, sid))
				by_sid = n;
			else if (!gnuid_is_set(&n->h.sid) && host_equal(&n->h.rhost[0], at))
				by_host = n;
		}
	n = by_sid != NULL ? by_sid : by_host;
	if (n != NULL) {
		*out = n->h;
		out->sid = *sid;
	}
	cm_unlock(m);
	return ok;
}

size_t chanmgr_useless(struct chanmgr *m, const struct gnuid *chan, struct gnuid *sids, size_t max)
{
	const struct hitnode *best[USELESS_MAX], *n;
	struct hitlist *l;
	size_t count = 0;

	max = MIN(max, (size_t)USELESS_MAX);
	cm_lock(m);
	l = list_locked(m, chan);
	if (l != NULL)
		DL_FOREACH(l->hits, n) {
			size_t i = count;

			/* only what it said itself counts against it */
			if (n->h.dead || !gnuid_is_set(&n->h.sid) || !gnuid_equal(&n->h.sid, &n->h.via) ||
			    pick_uselessness(&n->h) == 0)
				continue;
			while (i > 0 && pick_goes_before(&n->h, &best[i - 1]->h))
				i--;
			if (i == max)
				continue;
			count = MIN(count + 1, max);
			memmove(&best[i + 1], &best[i], (count - 1 - i) * sizeof(*best));
			best[i] = n;
		}
	for (size_t i = 0; i < count; i++)
		sids[i] = best[i]->h.sid;
	cm_unlock(m);
	return count;
}

void chanmgr_contacted(struct chanmgr *m, const struct gnuid *chan, const struct host *h)
{
	struct hitlist *l;

	cm_lock(m);
	l = list_locked(m, chan);
	if (l != NULL)
		hitlist_contacted(l, h, clk_now());
	cm_unlock(m);
}

void chanmgr_failed(struct chanmgr *m, const struct gnuid *chan, const struct host *h)
{
	nsec now = clk_now();
	uint8_t key[REST_KEY];
	struct hitlist *l;

	host_key(key, h);
	cm_lock(m);
	l = list_locked(m, chan);
	if (l != NULL)
		hitlist_failed(l, h);
	rests_set(&m->failed, key, now, now + HIT_FAILED);
	note_change(m);
	cm_unlock(m);
}

void chanmgr_session_gone(struct chanmgr *m, const struct gnuid *sid, const struct gnuid *chan, bool at_once,
	nsec grace)
{
	nsec at = at_once ? 1 : clk_now() + grace;      /* 1: long ago */
	struct hitlist *l, *next;

	if (!gnuid_is_set(sid))
		return;
	cm_lock(m);
	if (chan != NULL) {
		l = list_locked(m, chan);
		if (l != NULL)
			hitlist_session_gone(l, sid, at_once, at);
	} else {
		HASH_ITER(hh, m->lists, l, next)
			hitlist_session_gone(l, sid, at_once, at);
	}
	note_change(m);
	cm_unlock(m);
}

void chanmgr_source_gone(struct chanmgr *m, uint32_t source, nsec grace)
{
	const nsec at = clk_now() + grace;
	struct hitlist *l, *next;

	cm_lock(m);
	HASH_ITER(hh, m->lists, l, next)
		hitlist_source_gone(l, source, at);
	note_change(m);
	cm_unlock(m);
}

void chanmgr_silence(struct chanmgr *m, const struct gnuid *id)
{
	struct hitlist *l;

	cm_lock(m);
	l = list_locked(m, id);
	if (l != NULL)
		hitlist_silence(l);
	cm_unlock(m);
}

void chanmgr_silence_all(struct chanmgr *m)
{
	struct hitlist *l, *next;

	cm_lock(m);
	HASH_ITER(hh, m->lists, l, next)
		hitlist_silence(l);
	note_change(m);
	cm_unlock(m);
}

void chanmgr_sweep(struct chanmgr *m, nsec max_age, struct chan_ended *ended, size_t *n)
{
	size_t room = *n, count = 0, gone = 0;
	nsec now = clk_now();
	struct hitlist *l, *next;

	cm_lock(m);
	HASH_ITER(hh, m->lists, l, next) {
		bool carried = entry_locked(m, &l->id) != NULL;

		gone += hitlist_sweep(l, now, max_age, carried);
		if (l->hits != NULL || carried || now - l->created < 2 * NSEC_PER_SEC)
			continue;
		if (l->info != NULL && count == room)
			continue;               /* told about next time */
		if (l->info != NULL)
			ended[count++] = (struct chan_ended){ .id = l->id, .ours = l->ours };
		list_drop_locked(m, l);
	}
	if (gone > 0)
		note_change(m);
	cm_unlock(m);
	*n = count;
}
