/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/synctab.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "core/sys/log.h"

#define FORGET_SILENT (600 * NSEC_PER_SEC)      /* an instance that told nothing that stands */
#define OUTDATED      (60 * NSEC_PER_SEC)       /* how much longer ago a tracker was heard */
#define FORGET_MS     300000                    /* its sealed packets would be refused by their age */

void sync_drop(struct sync *s, struct syncinst *i, enum sync_drop why)
{
	s->st.dropped[why]++;
	if (i != NULL)
		i->pub.dropped[why]++;
}

/* --- channels ----------------------------------------------------------------------------------- */

struct syncchan *sync_chan_find(const struct sync *s, const struct gnuid *id)
{
	struct syncchan *c;

	HASH_FIND(hh, s->chans, id, sizeof(*id), c);
	return c;
}

struct syncchan *sync_chan_get(struct sync *s, const struct gnuid *id)
{
	struct syncchan *c = sync_chan_find(s, id);

	if (c != NULL)
		return c;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->id = *id;
	HASH_ADD(hh, s->chans, id, sizeof(c->id), c);
	if (c->hh.tbl == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

void sync_chan_tidy(struct sync *s, struct syncchan *c)
{
	if (c->own != NULL || c->claims != NULL || c->end != NULL)
		return;
	if (s->tell_cur == c)
		s->tell_cur = c->hh.next;
	HASH_DEL(s->chans, c);
	free(c);
}

bool sync_chan_is_listed(const struct syncchan *c)
{
	const struct syncclaim *cl;
	const struct synchit *x;

	if (c->own != NULL)
		DL_FOREACH(c->own->hits, x)
			if (x->h.flags & HIT_TRACKER)
				return true;
	DL_FOREACH(c->claims, cl)
		DL_FOREACH(cl->hits, x)
			if (!x->dead && !cl->refused && (x->h.flags & HIT_TRACKER))
				return true;
	return false;
}

bool sync_chan_has_info(const struct syncchan *c)
{
	const struct syncclaim *cl;

	if (c->own != NULL && c->own->info != NULL)
		return true;
	DL_FOREACH(c->claims, cl)
		if (cl->info != NULL && !cl->refused)
			return true;
	return false;
}

nsec sync_chan_newest(const struct syncchan *c)
{
	const struct syncclaim *cl;
	const struct synchit *x;
	nsec newest = 0;

	if (c->own != NULL)
		DL_FOREACH(c->own->hits, x)
			newest = MAX(newest, x->h.heard);
	DL_FOREACH(c->claims, cl)
		DL_FOREACH(cl->hits, x)
			if (!x->dead && !cl->refused)
				newest = MAX(newest, x->h.heard);
	return newest;
}

void sync_chan_peak(struct syncchan *c)
{
	const struct syncclaim *cl;
	const struct synchit *x;
	uint64_t sum = 0;

	if (c->own != NULL)
		DL_FOREACH(c->own->hits, x)
			sum += x->h.listeners;
	DL_FOREACH(c->claims, cl)
		DL_FOREACH(cl->hits, x)
			if (x->shown)
				sum += x->h.listeners;
	c->peak = MAX(c->peak, sum);
}

void sync_chan_rest(struct syncchan *c)
{
	if (c->own == NULL && c->n_live == 0)
		c->peak = 0;
}

uint64_t sync_listed(struct sync *s, nsec now)
{
	const struct syncchan *c;

	if (s->counted_at != 0 && now - s->counted_at < NSEC_PER_SEC)
		return s->counted;
	s->counted = 0;
	for (c = s->chans; c != NULL; c = c->hh.next)
		s->counted += sync_chan_is_listed(c);
	s->counted_at = now;
	return s->counted;
}

/* --- which info the node is given --------------------------------------------------------------- */

static struct sync_from from_of(const struct syncclaim *cl)
{
	return (struct sync_from){ .instance = cl->inst->pub.id, .addr = cl->inst->pub.addr };
}

static bool is_ours(const struct syncchan *c)
{
	return c->own != NULL && c->own->info != NULL;
}

static void give_info(struct sync *s, struct syncclaim *cl)
{
	const uint32_t owner = gnuid_is_set(&cl->info->bcid) ? CHANMETA_BCID : 0;
	const struct sync_from from = from_of(cl);
	struct chanmeta meta;

	chaninfo_to_meta(cl->info, &meta);
	cl->chan->info_by = cl;
	s->ops->info(s->ctx, &from, &meta, ((1u << CT_COUNT) - 1) | CHANMETA_BITRATE | owner);
}

/* Nobody's info counts now: that of another, of whoever has hits before others. */
static void choose_info(struct sync *s, struct syncchan *c)
{
	struct syncclaim *cl, *best = NULL;

	if (is_ours(c))
		return;
	DL_FOREACH(c->claims, cl)
		if (cl->info != NULL && !cl->refused &&
		    (best == NULL || sync_claim_newest(cl) > sync_claim_newest(best)))
			best = cl;
	if (best != NULL)
		give_info(s, best);
}

/* A root that has lost the tracker, and does not know it yet, has old words. */
static bool is_outdated(const struct syncclaim *cl)
{
	const struct syncclaim *by = cl->chan->info_by;

	return by != NULL && by != cl && by->n_live > 0 && cl->n_live > 0 &&
	       sync_claim_newest(by) - sync_claim_newest(cl) > OUTDATED;
}

void sync_claim_info(struct sync *s, struct syncclaim *cl, struct chaninfo *info, const uint8_t hash[4])
{
	chaninfo_unref(&cl->info);
	cl->info = info;
	memcpy(cl->hash, hash, sizeof(cl->hash));
	/* Without a hit the node would not keep it. */
	if (cl->chan->n_shown > 0 && !is_ours(cl->chan) && !is_outdated(cl))
		give_info(s, cl);
}

/* Without hits cl's info counts less than that of one with hits. */
static void leave_info(struct sync *s, struct syncclaim *cl)
{
	struct syncchan *c = cl->chan;

	if (c->info_by != cl || cl->n_live > 0)
		return;
	c->info_by = NULL;
	choose_info(s, c);
}

void sync_forgotten(struct sync *s, const struct gnuid *chan, nsec now)
{
	struct syncchan *c = sync_chan_find(s, chan);

	(void)now;
	if (c != NULL && c->n_shown > 0)
		choose_info(s, c);
}

const char *sync_chan_name(const struct sync *s, const struct gnuid *chan)
{
	const struct syncchan *c = sync_chan_find(s, chan);
	const struct syncclaim *cl;

	if (c == NULL)
		return NULL;
	if (c->info_by != NULL && c->info_by->info != NULL)
		return c->info_by->info->text[CT_NAME];
	DL_FOREACH(c->claims, cl)
		if (cl->info != NULL && !cl->refused)
			return cl->info->text[CT_NAME];
	return NULL;
}

/* --- which hit is shown ------------------------------------------------------------------------- */

bool sync_same_node(const struct hit *a, const struct hit *b)
{
	if (gnuid_is_set(&a->sid) && gnuid_is_set(&b->sid))
		return gnuid_equal(&a->sid, &b->sid);
	if (!host_same_ip(&a->rhost[0], &b->rhost[0]))
		return false;
	/* LIVE tells no port of a firewalled host. */
	return a->rhost[0].port == b->rhost[0].port ||
	       ((a->flags & b->flags & HIT_PUSH) && (a->rhost[0].port == 0 || b->rhost[0].port == 0));
}

struct synchit *sync_hit_find(struct synchit *list, const struct hit *h)
{
	struct synchit *x, *found = NULL;

	DL_FOREACH(list, x) {
		if (!sync_same_node(&x->h, h))
			continue;
		if (!x->dead && gnuid_equal(&x->h.sid, &h->sid))
			return x;
		if (found == NULL || (found->dead && !x->dead))
			found = x;
	}
	return found;
}

/* Does the node see by itself that b is what it knew as a? */
static bool is_seen_as_one(const struct hit *a, const struct hit *b)
{
	if (gnuid_is_set(&a->sid))
		return gnuid_equal(&a->sid, &b->sid);
	return host_equal(&a->rhost[0], &b->rhost[0]);
}

/* Is a's word on a node taken before b's? Who knows its session knows more; else the newer one. */
static bool is_better(const struct hit *a, const struct hit *b)
{
	const bool named = gnuid_is_set(&a->sid);

	return named != gnuid_is_set(&b->sid) ? named : a->heard > b->heard;
}

static void set_shown(struct syncclaim *cl, struct synchit *x, bool shown)
{
	struct syncchan *c = cl->chan;

	c->n_shown += shown;
	c->n_shown -= x->shown;
	x->shown = shown;
	if (c->n_shown == 0)
		c->info_by = NULL;
}

/* x takes the place of o, which is shown no more. */
static void hide(struct sync *s, struct syncclaim *cl, struct synchit *o, const struct hit *by)
{
	const struct sync_from from = from_of(cl);

	set_shown(cl, o, false);
	if (!is_seen_as_one(&o->h, by))
		s->ops->gone(s->ctx, &from, &o->h, SYNC_STOP);
}

static void show(struct sync *s, struct syncclaim *cl, struct synchit *x)
{
	const struct sync_from from = from_of(cl);
	struct syncchan *c = cl->chan;
	struct syncclaim *other;
	struct synchit *o;

	if (cl->refused || (c->own != NULL && sync_hit_find(c->own->hits, &x->h) != NULL)) {
		set_shown(cl, x, false);
		return;
	}
	DL_FOREACH(c->claims, other)
		if (other != cl)
			DL_FOREACH(other->hits, o)
				if (o->shown && sync_same_node(&o->h, &x->h) && is_better(&o->h, &x->h)) {
					if (x->shown)
						hide(s, cl, x, &o->h);
					return;
				}
	DL_FOREACH(c->claims, other)
		if (other != cl)
			DL_FOREACH(other->hits, o)
				if (o->shown && sync_same_node(&o->h, &x->h))
					hide(s, other, o, &x->h);
	set_shown(cl, x, true);
	sync_chan_peak(c);
	s->ops->hit(s->ctx, &from, &x->h);
	if (c->info_by == NULL)
		choose_info(s, c);
}

/* The best that is said of that node and not shown; NULL = nothing. */
static struct synchit *find_other(struct syncchan *c, const struct hit *h, struct syncclaim **of)
{
	struct synchit *x, *best = NULL;
	struct syncclaim *cl;

	DL_FOREACH(c->claims, cl)
		DL_FOREACH(cl->hits, x)
			if (!x->dead && !x->shown && !cl->refused && sync_same_node(&x->h, h) &&
			    (best == NULL || is_better(&x->h, &best->h))) {
				best = x;
				*of = cl;
			}
	return best;
}

void sync_own_hides(struct sync *s, struct syncchan *c, const struct hit *h)
{
	struct syncclaim *cl;
	struct synchit *x;

	DL_FOREACH(c->claims, cl)
		DL_FOREACH(cl->hits, x)
			if (x->shown && sync_same_node(&x->h, h))
				hide(s, cl, x, h);
}

void sync_own_bares(struct sync *s, struct syncchan *c, const struct hit *h)
{
	struct syncclaim *of = NULL;
	struct synchit *x = find_other(c, h, &of);

	if (x != NULL)
		show(s, of, x);
}

/* The tombstone of a list that is there longest; NULL = there is none. */
static struct synchit *oldest_dead(struct synchit *list)
{
	struct synchit *x, *found = NULL;

	DL_FOREACH(list, x)
		if (x->dead && (found == NULL || x->died < found->died))
			found = x;
	return found;
}

/* A flood of hits that end at once leaves no more tombstones than that: one makes room, of cl's own first. */
static void make_room(struct sync *s, struct syncclaim *cl)
{
	struct synchit *x = oldest_dead(cl->hits), *o;
	struct syncclaim *of = cl, *other;

	if (cl->chan->n_dead == 0 || (cl->chan->n_dead < SYNC_DEAD_MAX && s->n_hits < s->conf.max_hits))
		return;
	if (x == NULL)
		DL_FOREACH(cl->chan->claims, other) {
			o = oldest_dead(other->hits);
			if (o != NULL && (x == NULL || o->died < x->died)) {
				x = o;
				of = other;
			}
		}
	sync_hit_free(s, of, &x);
}

/* A tombstone, to be revived; NULL: no room or memory, counted. */
static struct synchit *add_hit(struct sync *s, struct syncclaim *cl)
{
	struct synchit *x;

	make_room(s, cl);
	if (s->n_hits >= s->conf.max_hits) {
		sync_drop(s, cl->inst, SYNC_DROP_FULL);
		return NULL;
	}
	x = calloc(1, sizeof(*x));
	if (x == NULL) {
		sync_drop(s, cl->inst, SYNC_DROP_MEMORY);
		return NULL;
	}
	x->dead = true;
	cl->chan->n_dead++;
	s->n_hits++;
	DL_APPEND(cl->hits, x);
	return x;
}

struct synchit *sync_hit_put(struct sync *s, struct syncclaim *cl, struct synchit *at, const struct hit *h,
	nsec now)
{
	struct synchit *x = at;

	if ((x == NULL || x->dead) && cl->chan->n_live >= s->conf.max_hosts) {
		sync_drop(s, cl->inst, SYNC_DROP_FULL);
		return NULL;
	}
	if (x == NULL)
		x = add_hit(s, cl);
	if (x == NULL)
		return NULL;
	if (x->dead) {
		x->dead = false;
		x->h = *h;
		cl->n_live++;
		cl->chan->n_live++;
		cl->chan->n_dead--;
	} else {
		const nsec heard = MAX(x->h.heard, h->heard);

		x->h = *h;
		x->h.heard = heard;
	}
	x->gone_at = 0;
	x->h.via = sync_via(cl->inst->pub.id);
	cl->touched = now;
	show(s, cl, x);
	return x;
}

void sync_hit_end(struct sync *s, struct syncclaim *cl, struct synchit *x, enum sync_reason why, nsec now)
{
	const struct sync_from from = from_of(cl);
	struct syncclaim *of = NULL;
	struct synchit *other;

	if (x->dead)
		return;
	x->dead = true;
	x->died = now;
	cl->n_live--;
	cl->chan->n_live--;
	cl->chan->n_dead++;
	if (x->shown) {
		set_shown(cl, x, false);
		other = find_other(cl->chan, &x->h, &of);
		if (other == NULL || !is_seen_as_one(&x->h, &other->h))
			s->ops->gone(s->ctx, &from, &x->h, why);
		if (other != NULL)
			show(s, of, other);
	}
	leave_info(s, cl);
	sync_chan_rest(cl->chan);
}

void sync_hit_free(struct sync *s, struct syncclaim *cl, struct synchit **xp)
{
	struct synchit *x = *xp;

	*xp = NULL;
	set_shown(cl, x, false);
	cl->n_live -= !x->dead;
	cl->chan->n_live -= !x->dead;
	cl->chan->n_dead -= x->dead;
	s->n_hits--;
	DL_DELETE(cl->hits, x);
	free(x);
}

/* --- claims ------------------------------------------------------------------------------------- */

struct syncclaim *sync_claim_find(const struct syncchan *c, const struct syncinst *i)
{
	struct syncclaim *cl;

	DL_FOREACH(c->claims, cl)
		if (cl->inst == i)
			return cl;
	return NULL;
}

struct syncclaim *sync_claim_get(struct sync *s, struct syncinst *i, const struct gnuid *chan, nsec now)
{
	struct syncchan *c = sync_chan_find(s, chan);
	struct syncclaim *cl = c != NULL ? sync_claim_find(c, i) : NULL;

	if (cl != NULL)
		return cl;
	if (((c == NULL || c->claims == NULL) && s->n_learnt >= s->conf.max_chans) ||
	    s->n_claims >= s->conf.max_claims) {
		sync_drop(s, i, SYNC_DROP_FULL);
		return NULL;
	}
	cl = calloc(1, sizeof(*cl));
	if (c == NULL && cl != NULL)
		c = sync_chan_get(s, chan);
	if (cl == NULL || c == NULL) {
		free(cl);
		sync_drop(s, i, SYNC_DROP_MEMORY);
		return NULL;
	}
	s->n_learnt += c->claims == NULL;
	s->n_claims++;
	cl->chan = c;
	cl->inst = i;
	cl->touched = now;
	DL_APPEND(c->claims, cl);
	DL_APPEND2(i->claims, cl, iprev, inext);
	return cl;
}

void sync_claim_free(struct sync *s, struct syncclaim **clp)
{
	struct syncclaim *cl = *clp;
	struct syncchan *c = cl->chan;
	struct synchit *x, *next;

	*clp = NULL;
	DL_FOREACH_SAFE(cl->hits, x, next)
		sync_hit_free(s, cl, &x);
	sync_want_done(cl, true, true);
	if (c->info_by == cl)
		c->info_by = NULL;
	chaninfo_unref(&cl->info);
	DL_DELETE(c->claims, cl);
	DL_DELETE2(cl->inst->claims, cl, iprev, inext);
	free(cl);
	s->n_learnt -= c->claims == NULL;
	s->n_claims--;
	/* The owner that counted has left: the next to tell may be it. */
	if (!sync_chan_has_info(c))
		DL_FOREACH(c->claims, cl) {
			cl->refused = false;
			chaninfo_unref(&cl->info);
		}
	sync_chan_tidy(s, c);
}

nsec sync_claim_newest(const struct syncclaim *cl)
{
	const struct synchit *x;
	nsec newest = 0;

	DL_FOREACH(cl->hits, x)
		if (!x->dead)
			newest = MAX(newest, x->h.heard);
	return newest;
}

void sync_claim_refuse(struct sync *s, struct syncclaim *cl, nsec now)
{
	struct synchit *x;

	sync_drop(s, cl->inst, SYNC_DROP_OWNER);
	if (cl->refused)
		return;
	cl->refused = true;
	sync_want_done(cl, true, true);
	DL_FOREACH(cl->hits, x)
		sync_hit_end(s, cl, x, SYNC_STOP, now);
	leave_info(s, cl);
}

/* --- what is wanted ----------------------------------------------------------------------------- */

void sync_want(struct sync *s, struct syncclaim *cl, bool info, bool hosts, nsec now)
{
	struct syncinst *i = cl->inst;

	if (cl->refused || i->bye_at != 0)
		return;
	cl->need_info |= info;
	cl->need_hosts |= hosts;
	if (!cl->wanted) {
		cl->wanted = true;
		cl->tries = 0;
		cl->asked = 0;
		DL_APPEND2(i->wants, cl, wprev, wnext);
	}
	if (i->want_at == NSEC_NEVER)
		i->want_at = now + (nsec)(s->ops->random(s->ctx) % 1000) * (s->conf.want_delay / 1000);
}

void sync_want_done(struct syncclaim *cl, bool info, bool hosts)
{
	cl->need_info &= !info;
	cl->need_hosts &= !hosts;
	if (!cl->wanted || cl->need_info || cl->need_hosts)
		return;
	cl->wanted = false;
	DL_DELETE2(cl->inst->wants, cl, wprev, wnext);
	if (cl->inst->wants == NULL)
		cl->inst->want_at = NSEC_NEVER;
}

/* --- instances ---------------------------------------------------------------------------------- */

struct syncinst *sync_inst_find(const struct sync *s, uint32_t id)
{
	for (size_t k = 0; k < s->n_inst; k++)
		if (s->inst[k]->pub.id == id)
			return s->inst[k];
	return NULL;
}

void syncmsg_reset(struct syncmsg *m)
{
	for (size_t k = 0; k < SYNC_FRAGS_MAX; k++)
		free(m->part[k]);
	memset(m, 0, sizeof(*m));
}

void sync_inst_free(struct sync *s, struct syncinst *i)
{
	struct syncclaim *cl, *next;
	size_t k = 0;

	DL_FOREACH_SAFE2(i->claims, cl, next, inext)
		sync_claim_free(s, &cl);
	for (size_t m = 0; m < SYNC_OPEN_MAX; m++)
		syncmsg_reset(&i->open[m]);
	while (s->inst[k] != i)
		k++;
	s->n_inst--;
	memmove(&s->inst[k], &s->inst[k + 1], (s->n_inst - k) * sizeof(s->inst[0]));
	free(i);
}

/* --- ageing ------------------------------------------------------------------------------------- */

static void sweep_claim(struct sync *s, struct syncclaim *cl, nsec now)
{
	struct synchit *x, *next;

	DL_FOREACH_SAFE(cl->hits, x, next) {
		const bool bye = x->gone_at != 0 && x->gone_at <= now;

		if (x->dead ? now - x->died < SYNC_LINGER
		            : !bye && now - x->h.heard < s->conf.hit_timeout)
			continue;
		sync_hit_end(s, cl, x, bye ? SYNC_SHUTDOWN : SYNC_TIMEOUT, now);
		sync_hit_free(s, cl, &x);
	}
	if (cl->hits == NULL && now - cl->touched >= s->conf.hit_timeout)
		sync_claim_free(s, &cl);
}

static bool is_forgotten(const struct sync *s, const struct syncinst *i, nsec now)
{
	if (i->claims != NULL || now - i->pub.heard < FORGET_SILENT || i->pub.ignored_until > now)
		return false;
	/* Its old packets must not be news to us. */
	return !i->pub.sealed || (int64_t)i->last_ms + FORGET_MS < s->ops->wall_ms(s->ctx);
}

static void sweep_inst(struct sync *s, struct syncinst *i, nsec now)
{
	struct syncclaim *cl, *next;

	DL_FOREACH_SAFE2(i->claims, cl, next, inext)
		sweep_claim(s, cl, now);
	sync_msgs_expire(s, i, now);
}

void sync_sweep(struct sync *s, nsec now)
{
	char hs[HOST_STRLEN];

	for (size_t k = 0; k < s->n_inst;) {
		struct syncinst *i = s->inst[k];

		sweep_inst(s, i, now);
		if (!is_forgotten(s, i, now)) {
			k++;
			continue;
		}
		log_info("live sync: instance %08x at %s: silent, forgotten", i->pub.id,
			host_str(&i->pub.addr, hs));
		sync_inst_free(s, i);
	}
	sync_own_sweep(s, now);
}
