/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync: what the packets of other instances say, and what follows. */
#include "pcp/sync.h"

#include <string.h>

#include <utlist.h>

#include "core/sys/log.h"
#include "pcp/atom.h"
#include "pcp/chanatom.h"
#include "pcp/hostatom.h"
#include "pcp/synctab.h"

#define COUNT_MAX       1000000u                /* channels of a beacon, listeners of TELL */
#define TELL_AGE_MAX    180u                    /* minutes */
#define IGNORE_BEACON   (3600 * NSEC_PER_SEC)
#define IGNORE_ATOMS    (600 * NSEC_PER_SEC)
#define BAD_ATOMS_SPAN  (60 * NSEC_PER_SEC)
#define DIGEST_SLACK    (5 * NSEC_PER_SEC)

static const struct atomlimits body_limits = {
	.bytes = SYNC_FRAGS_MAX * SYNC_MTU_MAX, .leaf = 4096, .children = 64, .atoms = 1024, .depth = 4,
};

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
	if (hash == SYNC_HASH_OK) {
		s->st.records++;
		return true;
	}
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
	return cl->info != NULL && !cl->refused;
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
			return &o->info->bcid;
	return NULL;
}

/* A fresh info of what the atom says; NULL when out of memory. Apart, for its frame. */
static NOINLINE struct chaninfo *read_info(const struct chanatom *ca)
{
	struct chanmeta meta;

	memset(&meta, 0, sizeof(meta));
	(void)chanatom_meta(ca, &meta);
	return chaninfo_new(&meta);
}

static void on_chaninfo(struct sync *s, struct syncinst *i, struct syncpkt *p, nsec now)
{
	const struct gnuid *own, none = { .b = { 0 } };
	struct chaninfo *info;
	struct syncclaim *cl;
	struct chanatom ca;
	uint8_t hash[4];
	struct atom a;
	size_t len;

	if (atomscan_whole(p->body.p, p->body.left, &body_limits, &len) != ST_OK || len != p->body.left ||
	    atom_open(&a, p->body.p, len) != ST_OK || chanatom_parse(&ca, &a) != ST_OK ||
	    !(ca.has & CHANATOM_ID) || !(ca.has & CHANATOM_INFO)) {
		malformed(s, i, now);
		return;
	}
	s->st.records++;
	cl = sync_claim_get(s, i, &ca.id, now);
	if (cl == NULL)
		return;
	if ((cl->info != NULL && sync_before(p->msg, cl->info_msg)) ||
	    (cl->gone && sync_before(p->msg, cl->gone_msg))) {
		sync_drop(s, i, SYNC_DROP_OVERTAKEN);
		return;
	}
	cl->gone = false;
	cl->touched = now;
	own = owner(cl);
	if (own != NULL && !gnuid_equal(own, ca.has & CHANATOM_BCID ? &ca.bcid : &none)) {
		char id[GNUID_STRLEN], hs[HOST_STRLEN];

		log_peer(LOG_WARN, &i->pub.addr,
			"live sync: instance %08x at %s: channel %s belongs to another",
			i->pub.id, host_str(&i->pub.addr, hs), gnuid_str(&cl->chan->id, id));
		sync_claim_refuse(s, cl, now);
		return;
	}
	sync_want_done(cl, true, false);
	sync_info_hash(hash, p->body.p, len);
	cl->info_msg = p->msg;
	if (has_bcid(cl) && memcmp(hash, cl->hash, sizeof(hash)) == 0)
		return;
	info = read_info(&ca);
	if (info == NULL) {
		sync_drop(s, i, SYNC_DROP_MEMORY);
		return;
	}
	cl->refused = false;
	sync_claim_info(s, cl, info, hash);
}

/* Sessions and addresses meet: what LIVE told of the same host is no other host. */
static void drop_nameless(struct sync *s, struct syncclaim *cl, const struct synchit *keep, nsec now)
{
	struct synchit *x, *next;

	DL_FOREACH_SAFE(cl->hits, x, next) {
		if (x == keep || gnuid_is_set(&x->h.sid) || !sync_same_node(&x->h, &keep->h))
			continue;
		/* At the same address the node has seen that they are one. */
		if (!keep->shown || !host_equal(&x->h.rhost[0], &keep->h.rhost[0]))
			sync_hit_end(s, cl, x, SYNC_STOP, now);
		sync_hit_free(s, cl, &x);
	}
}

static void host_record(struct sync *s, struct syncclaim *cl, struct hit *h, const struct syncpkt *p,
	nsec now)
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
	drop_nameless(s, cl, x, now);
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
		if (atomscan_whole(r.p, r.left, &body_limits, &len) != ST_OK ||
		    atom_open(&a, r.p, len) != ST_OK)
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
	if ((p->flags & (SYNC_F_ALL | SYNC_F_ANSWER)) || (cl->n_live > 0 && cl->n_live == cl->told_hosts)) {
		cl->settled_told = cl->told_hosts;
		cl->settled_live = cl->n_live;
		cl->is_settled = true;
		sync_want_done(cl, false, true);
	}
	if (cl->info == NULL && !cl->wanted)
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
	s->st.records++;
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
	info = cl->info == NULL || memcmp(cl->hash, r->hash, sizeof(cl->hash)) != 0;
	/* Hosts that are not taken, for what they are or for want of room, are asked for once. */
	hosts = cl->n_live != r->hosts &&
		!(cl->is_settled && cl->settled_told == r->hosts && cl->settled_live == cl->n_live);
	/* Its renewals are missed: before the hits here die, ask for them. */
	hosts |= cl->n_live != 0 && now - sync_claim_newest(cl) > age;
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
	while (syncdigest_next(&p->body, &r))
		digest_record(s, i, p, &r, now);
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
	const struct sync_from from = { .instance = i->pub.id, .addr = i->pub.addr };
	struct syncclaim *cl;
	struct synchit *x;

	if (p->body.left != 0) {
		malformed(s, i, now);
		return;
	}
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
	if (s->ops->bye != NULL)
		s->ops->bye(s->ctx, &from);
}

void sync_apply(struct sync *s, struct syncinst *i, struct syncpkt *p, nsec now)
{
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
