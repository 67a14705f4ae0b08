/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync: what comes in. */
#include "pcp/sync.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "core/sys/log.h"
#include "pcp/atom.h"
#include "pcp/chanatom.h"
#include "pcp/hostatom.h"
#include "pcp/synctab.h"

#define SEAL_WINDOW_MS  300000                  /* an unknown instance's clock may be off by this */
#define SKEW_WARN_MS    30000
#define COLLISION_MS    10000                   /* older than that, a sealed packet with our id is a replay */
#define ID_CHANGE_GAP   (60 * NSEC_PER_SEC)
#define COUNT_MAX       1000000u                /* channels of a beacon, listeners of TELL */
#define TELL_AGE_MAX    180u                    /* minutes */
#define IGNORE_BEACON   (3600 * NSEC_PER_SEC)
#define IGNORE_ATOMS    (600 * NSEC_PER_SEC)
#define BAD_ATOMS_SPAN  (60 * NSEC_PER_SEC)
#define STALE_MAX       64                      /* then it is its numbers that have changed */
#define DIGEST_SLACK    (5 * NSEC_PER_SEC)
#define WAYS            4

static const struct atomlimits body_limits = {
	.bytes = SYNC_FRAGS_MAX * SYNC_MTU_MAX, .leaf = 4096, .children = 64, .atoms = 1024, .depth = 4,
};

/* --- messages ----------------------------------------------------------------------------------- */

static bool is_seen(const struct syncinst *i, uint32_t msg)
{
	const uint32_t bit = msg % SYNC_MSG_WINDOW;

	return (i->seen[bit / 64] & (uint64_t)1 << bit % 64) != 0;
}

static void note_seen(struct syncinst *i, uint32_t msg)
{
	uint32_t bit;

	if (!i->any_msg || msg - i->top >= SYNC_MSG_WINDOW) {
		if (!i->any_msg || sync_before(i->top, msg)) {
			memset(i->seen, 0, sizeof(i->seen));
			i->top = msg;
		}
	} else {
		for (; i->top != msg; i->top++) {
			bit = (i->top + 1) % SYNC_MSG_WINDOW;
			i->seen[bit / 64] &= ~((uint64_t)1 << bit % 64);
		}
	}
	i->any_msg = true;
	bit = msg % SYNC_MSG_WINDOW;
	i->seen[bit / 64] |= (uint64_t)1 << bit % 64;
}

/* Its numbers begin anew at msg: nothing that came before is newer. */
static void renumber(struct syncinst *i, uint32_t msg)
{
	struct syncclaim *cl;
	struct synchit *x;

	i->any_msg = false;
	i->bye_msg = msg - 1;
	DL_FOREACH2(i->claims, cl, inext) {
		cl->info_msg = cl->gone_msg = msg - 1;
		DL_FOREACH(cl->hits, x)
			x->msg = msg - 1;
	}
}

/* Is that message new? Too old to tell counts as had. */
static bool is_new_msg(struct sync *s, struct syncinst *i, uint32_t msg)
{
	if (!i->any_msg)
		return true;
	if (sync_before(msg, i->top - (SYNC_MSG_WINDOW - 1))) {
		if (++i->stale < STALE_MAX) {
			sync_drop(s, i, SYNC_DROP_DUPLICATE);
			return false;
		}
		renumber(i, msg);
	} else if (!sync_before(i->top, msg) && is_seen(i, msg)) {
		sync_drop(s, i, SYNC_DROP_DUPLICATE);
		return false;
	}
	i->stale = 0;
	return true;
}

static struct syncmsg *open_msg(struct sync *s, struct syncinst *i, const struct syncpkt *p, nsec now)
{
	struct syncmsg *m, *at = &i->open[0];

	for (m = i->open; m < i->open + SYNC_OPEN_MAX; m++)
		if (m->frags != 0 && m->msg == p->msg)
			return m;
	for (m = i->open; m < i->open + SYNC_OPEN_MAX; m++)
		if (m->frags == 0 || (at->frags != 0 && m->since < at->since))
			at = m;
	if (at->frags != 0) {
		sync_drop(s, i, SYNC_DROP_FRAGMENT);
		syncmsg_reset(at);
	}
	*at = (struct syncmsg){
		.msg = p->msg, .kind = p->kind, .flags = p->flags, .frags = p->frags, .since = now,
	};
	return at;
}

/* All of it is gone: what else comes of it is not looked at. */
static void give_up(struct sync *s, struct syncinst *i, struct syncmsg *m, enum sync_drop why)
{
	sync_drop(s, i, why);
	note_seen(i, m->msg);
	syncmsg_reset(m);
}

/* Take in a fragment. true: p->body is the whole message. */
static bool collect(struct sync *s, struct syncinst *i, struct syncpkt *p, nsec now)
{
	const size_t n = p->body.left;
	struct syncmsg *m;

	if (!is_new_msg(s, i, p->msg))
		return false;
	if (p->frags == 1) {
		note_seen(i, p->msg);
		return true;
	}
	m = open_msg(s, i, p, now);
	if (m->kind != p->kind || m->frags != p->frags || m->flags != p->flags) {
		give_up(s, i, m, SYNC_DROP_FRAGMENT);
		return false;
	}
	if (m->got & 1u << p->frag) {
		if (m->len[p->frag] == n && memcmp(m->part[p->frag], p->body.p, n) == 0)
			sync_drop(s, i, SYNC_DROP_DUPLICATE);
		else
			give_up(s, i, m, SYNC_DROP_FRAGMENT);
		return false;
	}
	m->part[p->frag] = malloc(MAX(n, 1));
	if (m->part[p->frag] == NULL) {
		give_up(s, i, m, SYNC_DROP_MEMORY);
		return false;
	}
	memcpy(m->part[p->frag], p->body.p, n);
	m->len[p->frag] = (uint16_t)n;
	m->got |= (uint8_t)(1u << p->frag);
	if (m->got != (1u << m->frags) - 1)
		return false;
	buf_reset(&s->body);
	for (size_t k = 0; k < m->frags; k++)
		buf_put(&s->body, m->part[k], m->len[k]);
	note_seen(i, m->msg);
	syncmsg_reset(m);
	if (s->body.err != ST_OK) {
		sync_drop(s, i, SYNC_DROP_MEMORY);
		return false;
	}
	p->body = rd_of(s->body.p, s->body.len);
	return true;
}

static void ignore(struct syncinst *i, nsec now, nsec how_long, const char *why)
{
	char hs[HOST_STRLEN];

	i->pub.ignored_until = now + how_long;
	log_peer(LOG_WARN, &i->pub.addr, "live sync: instance %08x at %s: ignored for %d min: %s", i->pub.id,
		host_str(&i->pub.addr, hs), (int)(how_long / (60 * NSEC_PER_SEC)), why);
}

/* The body is not what its type says. */
static void malformed(struct sync *s, struct syncinst *i, nsec now)
{
	sync_drop(s, i, SYNC_DROP_ATOM);
	if (i->bad[0] != 0 && now - i->bad[0] < BAD_ATOMS_SPAN)
		ignore(i, now, IGNORE_ATOMS, "malformed messages");
	i->bad[0] = i->bad[1];
	i->bad[1] = now;
}

/* --- the seed's packets ------------------------------------------------------------------------- */

/* Nobody on the internet is reached at a private address: only who has one himself may tell of it. */
static bool is_reachable(const struct syncinst *i, const struct hit *h)
{
	return sync_address_ok(&h->rhost[0], h->flags) &&
	       (host_is_global(&h->rhost[0]) || !host_is_global(&i->pub.addr));
}

static bool is_hash_ok(struct sync *s, struct syncinst *i, enum sync_hash hash)
{
	s->st.records++;
	if (hash == SYNC_HASH_OK)
		return true;
	sync_drop(s, i, hash == SYNC_HASH_ZERO ? SYNC_DROP_CHANNEL : SYNC_DROP_FOREIGN);
	return false;
}

/* Firewalled hosts behind one address: LIVE cannot say which it means. */
static bool is_ambiguous(struct syncclaim *cl, const struct hit *h)
{
	struct synchit *x;
	uint32_t n = 0;

	if (h->rhost[0].port != 0)
		return false;
	DL_FOREACH(cl->hits, x)
		n += !x->dead && (x->h.flags & HIT_PUSH) && host_same_ip(&x->h.rhost[0], &h->rhost[0]);
	return n > 1;
}

/* What a LIVE record says, laid over what is known of the host. */
static struct hit overlay(const struct hit *old, const struct synclive *r, const struct hit *h)
{
	struct hit m = *old;

	m.heard = h->heard;
	m.near = h->near;
	if (r->flg1 != 0)
		m.flags = h->flags;
	else
		m.flags = (uint8_t)((m.flags & ~HIT_TRACKER) | (h->flags & HIT_TRACKER));
	if (r->host.port != 0)
		m.rhost[0].port = r->host.port;
	return m;
}

static void live_record(struct sync *s, struct syncinst *i, const struct synclive *r, nsec now)
{
	struct syncchan *c = sync_chan_find(s, &r->chan);
	struct syncclaim *cl = c != NULL ? sync_claim_find(c, i) : NULL;
	const bool fresh = cl == NULL;
	struct synchit *x;
	struct hit h, m;

	synclive_to_hit(r, &h);
	h.heard = now;
	h.near = hit_is_near(&h, &i->pub.addr, false);
	if (!is_reachable(i, &h)) {
		sync_drop(s, i, SYNC_DROP_ADDRESS);
		return;
	}
	x = cl != NULL ? sync_hit_find(cl->hits, &h) : NULL;
	if (cl != NULL && is_ambiguous(cl, &h))
		return;                 /* HOSTS says it better */
	if (r->flags & SYNC_STOPPED) {
		if (x != NULL)
			sync_hit_end(s, cl, x, SYNC_STOP, now);
		return;
	}
	if (i->pub.extended && cl != NULL &&
	    ((cl->gone && now - cl->gone_at < SYNC_LINGER) ||
	     (x != NULL && x->dead && now - x->died < SYNC_LINGER))) {
		sync_drop(s, i, SYNC_DROP_OVERTAKEN);
		return;
	}
	cl = sync_claim_get(s, i, &r->chan, now);
	if (cl == NULL)
		return;
	m = x != NULL && !x->dead ? overlay(&x->h, r, &h) : h;
	if (sync_hit_put(s, cl, x, &m, now) != NULL && fresh)
		sync_want(s, cl, true, true, now);
	else if (cl->hits == NULL && fresh)
		sync_claim_free(s, &cl);
}

static void on_live(struct sync *s, struct syncinst *i, struct syncpkt *p, nsec now)
{
	struct synclive r;

	while (synclive_next(p, &r))
		if (is_hash_ok(s, i, r.hash))
			live_record(s, i, &r, now);
}

static nsec fast_delay(struct sync *s)
{
	return NSEC_PER_SEC + (nsec)(s->ops->random(s->ctx) % 4001) * NSEC_PER_MSEC;
}

static void on_beacon(struct sync *s, struct syncinst *i, struct syncpkt *p, nsec now)
{
	const uint64_t count = rd_be64(&p->body);
	uint64_t local;

	if (count > COUNT_MAX) {
		sync_drop(s, i, SYNC_DROP_RANGE);
		ignore(i, now, IGNORE_BEACON, "its beacon counts more than a million channels");
		return;
	}
	i->pub.beacon = count;
	i->pub.has_beacon = true;
	local = sync_listed(s, now);
	if (local * 4 >= count * 3)
		return;
	if (s->inquire_at == NSEC_NEVER) {
		s->inquire_at = now + 2 * s->conf.beacon;
		s->best_count = 0;
		s->asked = 0;
		if (local == 0 && s->conf.fast_start)
			s->inquire_at = MIN(s->inquire_at, now + fast_delay(s));
	}
	if (count > s->best_count) {
		s->best = i->pub.id;
		s->best_count = count;
	}
}

static void on_inquire(struct sync *s, struct syncpkt *p, nsec now)
{
	if (rd_be32(&p->body) != s->id || now < s->tell_from || s->tell_cur != NULL)
		return;
	s->tell_cur = s->chans;
	s->tell_better = false;
	s->tell_from = now + s->conf.beacon;
}

static void tell_record(struct sync *s, struct syncinst *i, const struct synctell *r, nsec now)
{
	struct syncchan *c;
	struct syncclaim *cl;
	nsec age;

	if (r->age_min > TELL_AGE_MAX || r->peak > COUNT_MAX) {
		sync_drop(s, i, SYNC_DROP_RANGE);
		return;
	}
	age = (nsec)r->age_min * 60 * NSEC_PER_SEC;
	c = sync_chan_find(s, &r->chan);
	if (c == NULL) {
		if (age >= s->conf.hit_timeout)
			return;
		cl = sync_claim_get(s, i, &r->chan, now - age);
		if (cl == NULL)
			return;
		sync_want(s, cl, true, true, now);
		c = cl->chan;
	}
	c->peak = MAX(c->peak, r->peak);
	c->told = now;
}

static void on_tell(struct sync *s, struct syncinst *i, struct syncpkt *p, nsec now)
{
	struct synctell r;

	s->inquire_at = NSEC_NEVER;
	s->beacon_at = MAX(s->beacon_at, now + s->conf.beacon);
	if (s->better_at == NSEC_NEVER)
		s->better_at = now + s->conf.beacon +
			(nsec)(s->ops->random(s->ctx) % 1000) * (s->conf.beacon / 4000);
	while (synctell_next(p, &r))
		if (is_hash_ok(s, i, r.hash))
			tell_record(s, i, &r, now);
}

/* --- the extension's packets -------------------------------------------------------------------- */

static bool has_bcid(const struct syncclaim *cl)
{
	return cl->has_info && !cl->refused;
}

/* The bcid that counts for a channel: ours, else of the first that told; cl's own words aside. */
static const struct gnuid *owner(const struct syncclaim *cl)
{
	const struct syncchan *c = cl->chan;
	const struct syncclaim *o;

	if (c->own != NULL && c->own->info != NULL)
		return &c->own->info->bcid;
	DL_FOREACH(c->claims, o)
		if (o != cl && has_bcid(o))
			return &o->bcid;
	return NULL;
}

static void take_info(struct sync *s, struct syncclaim *cl, const struct syncpkt *p,
	const struct chanatom *ca, const uint8_t hash[4])
{
	const struct sync_from from = { .instance = cl->inst->pub.id, .addr = cl->inst->pub.addr };
	struct chanmeta meta;
	uint32_t present;

	memset(&meta, 0, sizeof(meta));
	present = chanatom_meta(ca, &meta);
	cl->bcid = meta.bcid;
	cl->has_info = true;
	cl->info_msg = p->msg;
	memcpy(cl->hash, hash, sizeof(cl->hash));
	if (cl->chan->own == NULL || cl->chan->own->info == NULL)
		s->ops->info(s->ctx, &from, &meta, present);
}

static void on_chaninfo(struct sync *s, struct syncinst *i, struct syncpkt *p, nsec now)
{
	const struct gnuid *own, none = { .b = { 0 } };
	struct syncclaim *cl;
	struct chanatom ca;
	uint8_t hash[4];
	struct atom a;
	size_t len;

	s->st.records++;
	if (atomscan_whole(p->body.p, p->body.left, &body_limits, &len) != ST_OK || len != p->body.left ||
	    atom_open(&a, p->body.p, len) != ST_OK || chanatom_parse(&ca, &a) != ST_OK ||
	    !(ca.has & CHANATOM_ID) || !(ca.has & CHANATOM_INFO)) {
		malformed(s, i, now);
		return;
	}
	cl = sync_claim_get(s, i, &ca.id, now);
	if (cl == NULL)
		return;
	if ((cl->has_info && sync_before(p->msg, cl->info_msg)) ||
	    (cl->gone && sync_before(p->msg, cl->gone_msg))) {
		sync_drop(s, i, SYNC_DROP_OVERTAKEN);
		return;
	}
	cl->gone = false;
	cl->touched = now;
	own = owner(cl);
	if (own != NULL && !gnuid_equal(own, ca.has & CHANATOM_BCID ? &ca.bcid : &none)) {
		char id[GNUID_STRLEN], hs[HOST_STRLEN];

		log_peer(LOG_WARN, &i->pub.addr, "live sync: instance %08x at %s: channel %s belongs to another",
			i->pub.id, host_str(&i->pub.addr, hs), gnuid_str(&cl->chan->id, id));
		sync_claim_refuse(s, cl, now);
		return;
	}
	sync_want_done(cl, true, false);
	sync_info_hash(hash, p->body.p, len);
	if (has_bcid(cl) && memcmp(hash, cl->hash, sizeof(hash)) == 0) {
		cl->info_msg = p->msg;
		return;
	}
	cl->refused = false;
	take_info(s, cl, p, &ca, hash);
}

/* Sessions and addresses meet: what LIVE told of the same host is no other host. */
static void drop_nameless(struct syncclaim *cl, const struct synchit *keep)
{
	struct synchit *x, *next;

	DL_FOREACH_SAFE(cl->hits, x, next)
		if (x != keep && !gnuid_is_set(&x->h.sid) && host_equal(&x->h.rhost[0], &keep->h.rhost[0]))
			sync_hit_free(cl, &x);
}

static void host_record(struct sync *s, struct syncclaim *cl, struct hit *h, const struct syncpkt *p, nsec now)
{
	struct syncinst *i = cl->inst;
	struct synchit *x = sync_hit_find(cl->hits, h);

	s->st.records++;
	if (x != NULL && x->msg != 0 && sync_before(p->msg, x->msg)) {
		sync_drop(s, i, SYNC_DROP_OVERTAKEN);
		return;
	}
	if (!(h->flags & HIT_RECV)) {
		if (x != NULL) {
			x->msg = p->msg;
			sync_hit_end(s, cl, x, SYNC_STOP, now);
		}
		return;
	}
	h->near = hit_is_near(h, &i->pub.addr, false);
	if (!is_reachable(i, h)) {
		sync_drop(s, i, SYNC_DROP_ADDRESS);
		return;
	}
	if (now - h->heard >= s->conf.hit_timeout)
		return;
	x = sync_hit_put(s, cl, x, h, now);
	if (x == NULL)
		return;
	x->msg = p->msg;
	drop_nameless(cl, x);
}

/* Read the atoms of HOSTS once (take: act on them). false = malformed. */
static bool read_hosts(struct sync *s, struct syncclaim *cl, const struct syncpkt *p, struct rd r, bool take,
	nsec now)
{
	uint16_t age = 0;
	struct atom a;
	struct hit h;
	size_t len;

	while (r.left != 0) {
		if (atomscan_whole(r.p, r.left, &body_limits, &len) != ST_OK || atom_open(&a, r.p, len) != ST_OK)
			return false;
		(void)rd_take(&r, len);
		if (a.id == SYNC_ATOM_AGE && !atom_u16(&a, &age))
			return false;
		if (a.id != ATOM_HOST)
			continue;
		if (hostatom_parse(&h, &a, NULL, 0) != ST_OK)
			return false;
		if (!take)
			continue;
		h.chan = cl->chan->id;
		h.heard = now - (nsec)age * NSEC_PER_SEC;
		host_record(s, cl, &h, p, now);
	}
	return true;
}

/* A full account: who is not in it is gone. */
static void end_others(struct sync *s, struct syncclaim *cl, const struct syncpkt *p, nsec now)
{
	struct synchit *x;

	DL_FOREACH(cl->hits, x)
		if (!x->dead && x->msg != p->msg && !sync_before(p->msg, x->msg))
			sync_hit_end(s, cl, x, SYNC_STOP, now);
}

static void on_hosts(struct sync *s, struct syncinst *i, struct syncpkt *p, nsec now)
{
	const uint8_t *b = rd_take(&p->body, GNUID_LEN);
	struct syncclaim *cl;
	struct gnuid chan;

	if (b == NULL || !read_hosts(s, NULL, p, p->body, false, now)) {
		malformed(s, i, now);
		return;
	}
	memcpy(chan.b, b, GNUID_LEN);
	if (!gnuid_is_set(&chan)) {
		sync_drop(s, i, SYNC_DROP_CHANNEL);
		return;
	}
	cl = sync_claim_get(s, i, &chan, now);
	if (cl == NULL)
		return;
	if (cl->gone && sync_before(p->msg, cl->gone_msg)) {
		sync_drop(s, i, SYNC_DROP_OVERTAKEN);
		return;
	}
	cl->gone = false;
	cl->touched = now;
	(void)read_hosts(s, cl, p, p->body, true, now);
	if (p->flags & SYNC_F_ALL)
		end_others(s, cl, p, now);
	if (p->flags & (SYNC_F_ALL | SYNC_F_ANSWER)) {
		cl->settled_told = cl->told_hosts;
		cl->settled_live = cl->n_live;
		cl->is_settled = true;
		sync_want_done(cl, false, true);
	}
	if (!cl->has_info && !cl->wanted)
		sync_want(s, cl, true, false, now);
}

static void on_gone(struct sync *s, struct syncinst *i, struct syncpkt *p, nsec now)
{
	struct syncgone r;

	if (p->body.left % SYNC_GONE_REC != 0) {
		malformed(s, i, now);
		return;
	}
	while (syncgone_next(&p->body, &r)) {
		const enum sync_reason why = r.why >= SYNC_STOP && r.why <= SYNC_BANNED ? r.why : SYNC_STOP;
		struct syncchan *c = sync_chan_find(s, &r.chan);
		struct syncclaim *cl = c != NULL ? sync_claim_find(c, i) : NULL;
		struct synchit *x;

		s->st.records++;
		if (cl == NULL)
			continue;
		DL_FOREACH(cl->hits, x)
			if (!sync_before(p->msg, x->msg))
				sync_hit_end(s, cl, x, why, now);
		if (cl->gone && !sync_before(cl->gone_msg, p->msg))
			continue;
		if (!cl->gone)
			cl->gone_at = now;      /* repeats do not make it longer */
		cl->gone = cl->n_live == 0;
		cl->gone_msg = p->msg;
		sync_want_done(cl, true, true);
	}
}

/* When what an instance says of a channel was news last. */
static nsec claim_newest(const struct syncclaim *cl)
{
	const struct synchit *x;
	nsec newest = 0;

	DL_FOREACH(cl->hits, x)
		if (!x->dead)
			newest = MAX(newest, x->h.heard);
	return newest;
}

static void digest_record(struct sync *s, struct syncinst *i, const struct syncpkt *p,
	const struct syncdigest *r, nsec now)
{
	const nsec age = ((nsec)r->age_min + 1) * 60 * NSEC_PER_SEC + DIGEST_SLACK;
	struct syncclaim *cl;
	bool info, hosts;

	if (!gnuid_is_set(&r->chan)) {
		sync_drop(s, i, SYNC_DROP_CHANNEL);
		return;
	}
	cl = sync_claim_get(s, i, &r->chan, now);
	if (cl == NULL || cl->refused)
		return;
	if (cl->gone && sync_before(p->msg, cl->gone_msg)) {
		sync_drop(s, i, SYNC_DROP_OVERTAKEN);
		return;
	}
	cl->gone = false;
	cl->touched = now;
	cl->told_hosts = r->hosts;
	info = !cl->has_info || memcmp(cl->hash, r->hash, sizeof(cl->hash)) != 0;
	/* Hosts that are not taken, for what they are or for want of room, are asked for once. */
	hosts = cl->n_live != r->hosts &&
		!(cl->is_settled && cl->settled_told == r->hosts && cl->settled_live == cl->n_live);
	/* Its renewals are missed: before the hits here die, ask for them. */
	hosts |= cl->n_live != 0 && now - claim_newest(cl) > age;
	if (info || hosts)
		sync_want(s, cl, info, hosts, now);
}

static void on_digest(struct sync *s, struct syncinst *i, struct syncpkt *p, nsec now)
{
	struct syncdigest r;

	if (p->body.left % SYNC_DIGEST_REC != 0) {
		malformed(s, i, now);
		return;
	}
	while (syncdigest_next(&p->body, &r)) {
		s->st.records++;
		digest_record(s, i, p, &r, now);
	}
}

/* Somebody asks for channels of ours, or of another's that we need not ask for then. */
static void on_want(struct sync *s, struct syncinst *i, struct syncpkt *p, nsec now)
{
	const uint32_t target = rd_be32(&p->body);
	struct syncinst *of;

	if (p->body.err != ST_OK || p->body.left % GNUID_LEN != 0) {
		malformed(s, i, now);
		return;
	}
	of = target != s->id ? sync_inst_find(s, target) : NULL;
	while (p->body.left != 0) {
		struct syncclaim *cl;
		struct syncchan *c;
		struct gnuid id;

		memcpy(id.b, rd_take(&p->body, GNUID_LEN), GNUID_LEN);
		s->st.records++;
		c = sync_chan_find(s, &id);
		if (c == NULL)
			continue;
		if (target == s->id && c->own != NULL)
			sync_own_want(s, c->own);
		cl = of != NULL ? sync_claim_find(c, of) : NULL;
		if (cl != NULL && cl->wanted)
			cl->asked = now;
	}
}

static void on_bye(struct sync *s, struct syncinst *i, struct syncpkt *p, nsec now)
{
	char hs[HOST_STRLEN];
	struct syncclaim *cl;
	struct synchit *x;

	if (p->body.left != 0) {
		malformed(s, i, now);
		return;
	}
	log_info("live sync: instance %08x at %s: goodbye", i->pub.id, host_str(&i->pub.addr, hs));
	i->pub.bye = true;
	i->bye_at = now;
	i->bye_msg = p->msg;
	DL_FOREACH2(i->claims, cl, inext) {
		sync_want_done(cl, true, true);
		DL_FOREACH(cl->hits, x)
			if (!x->dead && x->gone_at == 0)
				x->gone_at = now + s->conf.ghost_timeout;
	}
	s->sweep_at = MIN(s->sweep_at, now + s->conf.ghost_timeout);
	if (s->best == i->pub.id)
		s->inquire_at = NSEC_NEVER;
}

/* Was that sent before the BYE that came? */
static bool is_after_bye(struct syncinst *i, const struct syncpkt *p, nsec now)
{
	if (i->bye_at == 0)
		return false;
	if (p->kind >= SYNC_CHANINFO ? sync_before(p->msg, i->bye_msg) || p->msg == i->bye_msg
	                             : now - i->bye_at < SYNC_LINGER)
		return true;
	i->bye_at = 0;
	i->pub.bye = false;
	return false;
}

static void dispatch(struct sync *s, struct syncinst *i, struct syncpkt *p, nsec now)
{
	s->st.received_kind[p->kind]++;
	if (is_after_bye(i, p, now)) {
		sync_drop(s, i, SYNC_DROP_OVERTAKEN);
		return;
	}
	if (p->kind >= SYNC_CHANINFO) {
		i->pub.extended = true;
		if (!collect(s, i, p, now))
			return;
	}
	switch (p->kind) {
	case SYNC_LIVE:
	case SYNC_LIVE6:
		on_live(s, i, p, now);
		break;
	case SYNC_BEACON:
		on_beacon(s, i, p, now);
		break;
	case SYNC_INQUIRE:
		on_inquire(s, p, now);
		break;
	case SYNC_TELL:
		on_tell(s, i, p, now);
		break;
	case SYNC_CHANINFO:
		on_chaninfo(s, i, p, now);
		break;
	case SYNC_HOSTS:
		on_hosts(s, i, p, now);
		break;
	case SYNC_GONE:
		on_gone(s, i, p, now);
		break;
	case SYNC_DIGEST:
		on_digest(s, i, p, now);
		break;
	case SYNC_WANT:
		on_want(s, i, p, now);
		break;
	case SYNC_BYE:
		on_bye(s, i, p, now);
		break;
	default:
		break;
	}
}

/* --- datagrams ---------------------------------------------------------------------------------- */

static bool is_flood(struct sync *s, const struct host *from, nsec now)
{
	const struct budget of = { .per = NSEC_PER_SEC / s->conf.recv_rate, .burst = s->conf.recv_rate };
	struct syncsource *src = NULL, *at;
	uint32_t h = 0;

	for (size_t k = 0; k < sizeof(from->ip); k++)
		h = (h ^ from->ip[k]) * 16777619u;
	h ^= h >> 15;
	for (uint32_t k = 0; k < WAYS; k++) {
		at = &s->source[(h + k) % SYNC_SOURCES];
		if (host_same_ip(&at->addr, from)) {
			src = at;
			break;
		}
		if (src == NULL && at->owed.paid <= now)
			src = at;
	}
	if (src == NULL) {
		src = &s->source[h % SYNC_SOURCES];     /* full: two share one */
	} else if (!host_same_ip(&src->addr, from)) {
		src->addr = *from;
		src->owed = (struct bucket){ .paid = 0 };
	}
	return !bucket_take(&src->owed, &of, 1, now);
}

static bool is_heard(const struct sync *s, const struct host *from, enum sync_drop *why)
{
	*why = SYNC_DROP_NOT_ALLOWED;
	if (s->conf.allow != NULL && filterset_flags(s->conf.allow, from) == 0)
		return false;
	*why = SYNC_DROP_IGNORED;
	return s->conf.ignore == NULL || filterset_flags(s->conf.ignore, from) == 0;
}

static bool is_ignored_id(const struct sync *s, uint32_t id)
{
	for (size_t k = 0; k < s->conf.n_ignore_id; k++)
		if (s->conf.ignore_id[k] == id)
			return true;
	return false;
}

static enum sync_drop why_bad(enum status st)
{
	switch (st) {
	case ST_EOF:     return SYNC_DROP_SHORT;
	case ST_STOPPED: return SYNC_DROP_TYPE;
	case ST_PROTO:   return SYNC_DROP_FRAGMENT;
	default:         return SYNC_DROP_LENGTH;
	}
}

/* Somebody else has our id: another one for us. */
static void collide(struct sync *s, const struct host *from, nsec now)
{
	char hs[HOST_STRLEN];
	uint32_t old = s->id;

	sync_drop(s, NULL, SYNC_DROP_COLLISION);
	if (s->id_changed != 0 && now - s->id_changed < ID_CHANGE_GAP)
		return;
	do {
		s->id = s->ops->random(s->ctx);
	} while (s->id == 0 || s->id == old || sync_inst_find(s, s->id) != NULL);
	s->id_changed = now;
	s->st.id_changes++;
	log_peer(LOG_WARN, from, "live sync: %s has our instance id %08x; ours is %08x now", host_str(from, hs),
		old, s->id);
	sync_own_again(s, now);
}

/* A packet with our id: an echo, or a collision. */
static void own_id(struct sync *s, const struct host *from, bool echo, bool sealed, uint64_t ms, nsec now)
{
	const int64_t wall = sealed ? s->ops->wall_ms(s->ctx) : 0;
	const bool old = sealed && ((int64_t)ms < wall - COLLISION_MS || (int64_t)ms > wall + COLLISION_MS);

	if (echo || old)
		sync_drop(s, NULL, echo ? SYNC_DROP_ECHO : SYNC_DROP_REPLAY);
	else
		collide(s, from, now);
}

static struct syncinst *add_inst(struct sync *s, uint32_t id, const struct host *from, nsec now)
{
	char hs[HOST_STRLEN];
	struct syncinst *i;

	if (s->n_inst == SYNC_INSTANCES_MAX) {
		sync_drop(s, NULL, SYNC_DROP_INSTANCES);
		return NULL;
	}
	i = calloc(1, sizeof(*i));
	if (i == NULL) {
		sync_drop(s, NULL, SYNC_DROP_MEMORY);
		return NULL;
	}
	i->pub.id = id;
	i->pub.first = now;
	i->want_at = NSEC_NEVER;
	s->inst[s->n_inst++] = i;
	log_peer(LOG_INFO, from, "live sync: instance %08x at %s", id, host_str(from, hs));
	return i;
}

/* The sealed time: newer than the last, and from an unknown instance near ours. */
static bool is_fresh(struct sync *s, struct syncinst *i, uint64_t ms)
{
	const int64_t wall = s->ops->wall_ms(s->ctx);
	int64_t off;

	if (ms > INT64_MAX) {
		sync_drop(s, i, SYNC_DROP_TIME);
		return false;
	}
	off = (int64_t)ms - wall;
	if (i == NULL || !i->pub.sealed) {
		if (off < -SEAL_WINDOW_MS || off > SEAL_WINDOW_MS) {
			sync_drop(s, i, SYNC_DROP_TIME);
			return false;
		}
		return true;
	}
	if (ms <= i->last_ms) {
		sync_drop(s, i, SYNC_DROP_REPLAY);
		return false;
	}
	return true;
}

static void note_clock(struct sync *s, struct syncinst *i, uint64_t ms)
{
	const int64_t off = (int64_t)ms - s->ops->wall_ms(s->ctx);
	char hs[HOST_STRLEN];

	i->last_ms = ms;
	i->pub.sealed = true;
	i->pub.offset_ms = i->pub.has_offset ? i->pub.offset_ms + (off - i->pub.offset_ms) / 8 : off;
	i->pub.has_offset = true;
	if (i->warned_clock || (i->pub.offset_ms <= SKEW_WARN_MS && i->pub.offset_ms >= -SKEW_WARN_MS))
		return;
	i->warned_clock = true;
	log_warn("live sync: instance %08x at %s: its clock is %+lld s from ours", i->pub.id,
		host_str(&i->pub.addr, hs), (long long)(i->pub.offset_ms / 1000));
}

/* Whose packet is it, and is it to be heard? NULL: counted. */
static struct syncinst *admit(struct sync *s, uint32_t id, const struct host *from, bool sealed, uint64_t ms,
	nsec now)
{
	struct syncinst *i = sync_inst_find(s, id);

	if (id == 0) {
		sync_drop(s, NULL, SYNC_DROP_RANGE);
		return NULL;
	}
	if (is_ignored_id(s, id) || (i != NULL && i->pub.ignored_until > now)) {
		sync_drop(s, i, SYNC_DROP_IGNORED);
		return NULL;
	}
	if (sealed && !is_fresh(s, i, ms))
		return NULL;
	if (i == NULL)
		i = add_inst(s, id, from, now);
	if (i == NULL)
		return NULL;
	i->pub.addr = *from;
	i->pub.heard = now;
	if (sealed)
		note_clock(s, i, ms);
	return i;
}

void sync_input(struct sync *s, void *p, size_t n, const struct host *from, nsec now)
{
	uint8_t *plain = p;
	size_t plain_n = n;
	struct syncpkt pkt;
	enum sync_drop why;
	struct syncinst *i;
	enum status st;
	uint64_t ms = 0;
	bool sealed, echo;

	s->st.received++;
	s->st.received_bytes += n;
	if (!is_heard(s, from, &why)) {
		sync_drop(s, NULL, why);
		return;
	}
	if (is_flood(s, from, now)) {
		sync_drop(s, NULL, SYNC_DROP_FLOOD);
		return;
	}
	st = syncpkt_parse(&pkt, p, n);
	sealed = st == ST_OK && pkt.kind == SYNC_SEALED;
	if (sealed && s->conf.keys.n == 0) {
		sync_drop(s, NULL, SYNC_DROP_SEALED);
		return;
	}
	if (!sealed && s->conf.keys.n != 0 && !s->conf.plain) {
		sync_drop(s, NULL, st == ST_EOF ? SYNC_DROP_SHORT : SYNC_DROP_UNSEALED);
		return;
	}
	echo = st == ST_OK && pkt.instance == s->id && sync_out_echo(s, p, n);
	if (sealed && !echo) {
		s->st.received_kind[SYNC_SEALED]++;
		if (sync_unseal(&s->conf.keys, p, n, &ms, &plain, &plain_n) != ST_OK) {
			char hs[HOST_STRLEN];

			sync_drop(s, NULL, SYNC_DROP_SEAL);
			if (s->seal_logged == 0 || now - s->seal_logged >= 60 * NSEC_PER_SEC) {
				s->seal_logged = now;
				log_warn("live sync: a packet from %s is not sealed with our key", host_str(from, hs));
			}
			return;
		}
		st = syncpkt_parse(&pkt, plain, plain_n);
		if (st == ST_OK && pkt.kind == SYNC_SEALED)
			st = ST_STOPPED;
	}
	if (st != ST_OK) {
		sync_drop(s, sync_inst_find(s, pkt.instance), why_bad(st));
		return;
	}
	if (pkt.instance == s->id) {
		own_id(s, from, echo, sealed, ms, now);
		return;
	}
	i = admit(s, pkt.instance, from, sealed, ms, now);
	if (i == NULL)
		return;
	i->pub.packets++;
	i->pub.bytes += n;
	dispatch(s, i, &pkt, now);
}
