/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync: what our own trackers tell. */
#include "pcp/sync.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "pcp/synctab.h"

#define ENDS_MAX  20000                         /* GONEs that are repeated */
#define LIVE_AGE  (30 * NSEC_PER_SEC)           /* LIVE cannot say that its news is older */

/* --- ends, for GONE ----------------------------------------------------------------------------- */

static void drop_end(struct sync *s, struct syncend *e)
{
	struct syncchan *c = e->chan;

	s->n_ends_due -= e->due;
	s->n_ends--;
	DL_DELETE(s->ends, e);
	c->end = NULL;
	free(e);
	sync_chan_tidy(s, c);
}

static void add_end(struct sync *s, struct syncchan *c, enum sync_reason why, nsec now)
{
	struct syncend *e;

	if (s->n_ends >= ENDS_MAX) {
		sync_drop(s, NULL, SYNC_DROP_FULL);
		return;
	}
	e = calloc(1, sizeof(*e));
	if (e == NULL) {
		sync_drop(s, NULL, SYNC_DROP_MEMORY);
		return;
	}
	*e = (struct syncend){ .chan = c, .since = now, .why = why, .due = true };
	c->end = e;
	DL_APPEND(s->ends, e);
	s->n_ends++;
	s->n_ends_due++;
}

void sync_ends_free(struct sync *s)
{
	struct syncend *e, *next;

	DL_FOREACH_SAFE(s->ends, e, next)
		drop_end(s, e);
}

/* --- hits --------------------------------------------------------------------------------------- */

static struct syncown *get_own(struct sync *s, const struct gnuid *id)
{
	struct syncchan *c = sync_chan_get(s, id);
	struct syncown *o;

	if (c == NULL || c->own != NULL)
		return c != NULL ? c->own : NULL;
	o = calloc(1, sizeof(*o));
	if (o == NULL) {
		sync_chan_tidy(s, c);
		return NULL;
	}
	o->chan = c;
	c->own = o;
	DL_APPEND(s->owns, o);
	s->st.own_chans++;
	if (c->end != NULL)
		drop_end(s, c->end);
	return o;
}

static void free_hits(struct synchit **list)
{
	struct synchit *x, *next;

	DL_FOREACH_SAFE(*list, x, next)
		free(x);
	*list = NULL;
}

void sync_own_free(struct sync *s, struct syncown **op, enum sync_reason why, bool tell, nsec now)
{
	struct syncown *o = *op;
	struct syncchan *c = o->chan;
	struct synchit *x;
	struct synchit *hits = o->hits;

	*op = NULL;
	if (tell && o->info != NULL)
		add_end(s, c, why, now);
	DL_FOREACH(hits, x) {
		sync_live_remove(s, x);
		if (tell && o->info != NULL)
			sync_stop_add(s, &x->h, now);
	}
	sync_own_unqueue(s, o);
	if (o->wanted)
		DL_DELETE2(s->wanted, o, wprev, wnext);
	if (s->dig_cur == o)
		s->dig_cur = o->next;
	DL_DELETE(s->owns, o);
	c->own = NULL;
	s->st.own_chans--;
	s->st.own_hits -= o->n;
	c->info_by = NULL;
	if (tell)
		DL_FOREACH(hits, x)
			sync_own_bares(s, c, &x->h);
	free_hits(&hits);
	free_hits(&o->left);
	chaninfo_unref(&o->info);
	free(o);
	s->counted_at = 0;
	sync_chan_rest(c);
	sync_chan_tidy(s, c);
}

/* It is to be sent, in both forms. */
static void report(struct sync *s, struct synchit *x, nsec now)
{
	struct syncown *o = x->own;

	if (o->info == NULL)
		return;
	x->reported = x->h.heard;
	if (now - x->h.heard < LIVE_AGE && sync_address_ok(&x->h.rhost[0], x->h.flags))
		sync_live_add(s, x, now);
	x->in_hosts = true;
	o->hosts_due = true;
	sync_own_queue(s, o);
}

static void report_all(struct sync *s, struct syncown *o, nsec now)
{
	struct synchit *x;

	DL_FOREACH(o->hits, x)
		report(s, x, now);
}

static void set_info(struct sync *s, struct syncown *o, const struct chaninfo *info, nsec now)
{
	const bool first = o->info == NULL;
	uint8_t hash[4];

	if (info == NULL || info == o->info)
		return;
	if (!sync_out_hash(s, info, hash)) {
		sync_drop(s, NULL, SYNC_DROP_MEMORY);
		return;
	}
	chaninfo_unref(&o->info);
	o->info = chaninfo_ref(info);
	if (!first && memcmp(hash, o->hash, sizeof(hash)) == 0)
		return;
	memcpy(o->hash, hash, sizeof(o->hash));
	o->info_due = true;
	sync_own_queue(s, o);
	if (first)
		report_all(s, o, now);
}

static bool is_change(const struct hit *a, const struct hit *b)
{
	return a->flags != b->flags || a->listeners != b->listeners || a->relays != b->relays ||
		!host_equal(&a->rhost[0], &b->rhost[0]) || !gnuid_equal(&a->sid, &b->sid);
}

/* The hit h in o, made when it is new; NULL: memory. */
static struct synchit *own_put(struct sync *s, struct syncown *o, const struct hit *h, bool *news)
{
	struct synchit *x = sync_hit_find(o->hits, h);

	if (x == NULL) {
		x = calloc(1, sizeof(*x));
		if (x == NULL)
			return NULL;
		x->own = o;
		DL_APPEND(o->hits, x);
		o->n++;
		s->st.own_hits++;
		s->counted_at = 0;
		*news = true;
	} else {
		*news = is_change(&x->h, h);
	}
	x->h = *h;
	x->mark = true;
	return x;
}

void sync_own_hit(struct sync *s, const struct chaninfo *info, const struct hit *h, nsec now)
{
	struct synchit *x = NULL;
	struct syncown *o;
	bool news;

	if (!(h->flags & HIT_RECV)) {
		sync_own_hit_gone(s, h, SYNC_STOP, now);
		return;
	}
	if (!gnuid_is_set(&h->chan) || now - h->heard >= s->conf.hit_timeout)
		return;
	o = get_own(s, &h->chan);
	if (o != NULL)
		x = own_put(s, o, h, &news);
	if (x == NULL) {
		sync_drop(s, NULL, SYNC_DROP_MEMORY);
		if (o != NULL && o->hits == NULL)
			sync_own_free(s, &o, SYNC_STOP, false, now);
		return;
	}
	sync_own_hides(s, o->chan, &x->h);
	sync_chan_peak(o->chan);
	set_info(s, o, info, now);
	if (news || x->h.heard - x->reported >= s->conf.renew)
		report(s, x, now);
}

void sync_own_info(struct sync *s, const struct chaninfo *info, nsec now)
{
	struct syncchan *c = sync_chan_find(s, &info->id);

	if (c != NULL && c->own != NULL)
		set_info(s, c->own, info, now);
}

/* One of several is gone. The last one takes the channel with it. */
static void end_hit(struct sync *s, struct syncown *o, struct synchit *x, enum sync_reason why, nsec now)
{
	struct syncchan *c = o->chan;
	struct hit h;

	if (o->n == 1) {
		sync_own_free(s, &o, why, true, now);
		return;
	}
	h = x->h;
	sync_live_remove(s, x);
	DL_DELETE(o->hits, x);
	o->n--;
	s->st.own_hits--;
	s->counted_at = 0;
	if (o->info != NULL) {
		sync_stop_add(s, &x->h, now);
		x->h.flags &= (uint8_t)~HIT_RECV;
		DL_APPEND(o->left, x);
		o->hosts_due = true;
		sync_own_queue(s, o);
	} else {
		free(x);
	}
	sync_own_bares(s, c, &h);
}

void sync_own_hit_gone(struct sync *s, const struct hit *h, enum sync_reason why, nsec now)
{
	struct syncchan *c = sync_chan_find(s, &h->chan);
	struct synchit *x = c != NULL && c->own != NULL ? sync_hit_find(c->own->hits, h) : NULL;

	if (x != NULL)
		end_hit(s, c->own, x, why, now);
}

void sync_own_chan_gone(struct sync *s, const struct gnuid *chan, enum sync_reason why, nsec now)
{
	struct syncchan *c = sync_chan_find(s, chan);
	struct syncown *o = c != NULL ? c->own : NULL;

	if (o != NULL)
		sync_own_free(s, &o, why, true, now);
}

void sync_own_chan_begin(struct sync *s, const struct gnuid *chan)
{
	struct syncchan *c = sync_chan_find(s, chan);
	struct synchit *x;

	if (c != NULL && c->own != NULL)
		DL_FOREACH(c->own->hits, x)
			x->mark = false;
}

/* --- all of them -------------------------------------------------------------------------------- */

void sync_own_begin(struct sync *s)
{
	struct syncown *o;
	struct synchit *x;

	DL_FOREACH(s->owns, o)
		DL_FOREACH(o->hits, x)
			x->mark = false;
}

/* End those of o that `is_over` names. */
static void end_some(struct sync *s, struct syncown *o, bool (*is_over)(const struct sync *,
	const struct synchit *, nsec), enum sync_reason why, nsec now)
{
	struct synchit *x, *next;

	DL_FOREACH_SAFE(o->hits, x, next) {
		const bool last = o->n == 1;

		if (!is_over(s, x, now))
			continue;
		end_hit(s, o, x, why, now);
		if (last)
			return;         /* the channel went, too */
	}
}

static bool is_unmarked(const struct sync *s, const struct synchit *x, nsec now)
{
	return !x->mark;
}

static bool is_silent(const struct sync *s, const struct synchit *x, nsec now)
{
	return now - x->h.heard >= s->conf.hit_timeout;
}

void sync_own_chan_end(struct sync *s, const struct gnuid *chan, enum sync_reason why, nsec now)
{
	struct syncchan *c = sync_chan_find(s, chan);

	if (c != NULL && c->own != NULL)
		end_some(s, c->own, is_unmarked, why, now);
}

void sync_own_end(struct sync *s, nsec now)
{
	struct syncown *o, *next;

	DL_FOREACH_SAFE(s->owns, o, next)
		end_some(s, o, is_unmarked, SYNC_STOP, now);
}

void sync_own_sweep(struct sync *s, nsec now)
{
	struct syncend *e, *e_next;
	struct syncown *o, *next;

	DL_FOREACH_SAFE(s->owns, o, next)
		end_some(s, o, is_silent, SYNC_TIMEOUT, now);
	DL_FOREACH_SAFE(s->ends, e, e_next)
		if (!e->due && now - e->since >= s->conf.hit_timeout)
			drop_end(s, e);
}

void sync_own_again(struct sync *s, nsec now)
{
	struct syncown *o;

	DL_FOREACH(s->owns, o) {
		if (o->info == NULL)
			continue;
		o->info_due = true;
		o->info_sent = 0;
		sync_own_queue(s, o);
		report_all(s, o, now);
	}
}
