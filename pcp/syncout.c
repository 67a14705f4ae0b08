/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync: what goes out, and how fast. Nothing is queued as a packet: what waits is marked, and written
 * when it may go; so what changes while it waits is sent once, as it is then. */
#include "pcp/sync.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "core/sys/assert.h"
#include "pcp/atom.h"
#include "pcp/chanatom.h"
#include "pcp/hostatom.h"
#include "pcp/synctab.h"

#define HOSTS_BODY   4096                       /* of one HOSTS message at most, whatever the MTU */
#define WANT_TRIES   6
#define WANT_QUICK   3                          /* of them without growing patience */
#define WANT_PATIENCE (4 * NSEC_PER_SEC)        /* for an answer; the window holds as much */
#define WANT_LOOK    NSEC_PER_SEC
#define TOLD_SPAN    3                          /* beacon intervals: what was told needs no telling */

/* --- packets ------------------------------------------------------------------------------------ */

static size_t room(const struct sync *s)
{
	return s->conf.mtu - (s->conf.keys.n != 0 ? SYNC_SEAL_COST : 0);
}

static struct budget rate_of(const struct sync *s)
{
	return (struct budget){ .per = NSEC_PER_SEC / s->conf.send_rate, .burst = s->conf.send_burst };
}

/* Walks get half. */
static struct budget walk_of(const struct sync *s)
{
	return (struct budget){
		.per = 2 * (NSEC_PER_SEC / s->conf.send_rate), .burst = MAX(s->conf.send_burst / 2, 1),
	};
}

static struct budget answers_of(const struct sync *s)
{
	return (struct budget){ .per = NSEC_PER_SEC / s->conf.want_rate, .burst = s->conf.want_rate };
}

static nsec rate_next(const struct sync *s)
{
	const struct budget of = rate_of(s);

	return bucket_next(&s->rate, &of);
}

static nsec walk_next(const struct sync *s)
{
	const struct budget of = walk_of(s);

	return MAX(bucket_next(&s->walk, &of), rate_next(s));
}

static nsec answer_next(const struct sync *s)
{
	const struct budget of = answers_of(s);

	return MAX(bucket_next(&s->answers, &of), walk_next(s));
}

/* A hash for us alone: which datagrams were ours. */
static uint64_t echo_hash(const void *p, size_t n)
{
	uint64_t h = 0x9e3779b97f4a7c15u ^ n, v;
	const uint8_t *b = p;

	for (; n >= sizeof(v); n -= sizeof(v), b += sizeof(v)) {
		memcpy(&v, b, sizeof(v));
		h = (h ^ v) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	for (; n > 0; n--)
		h = (h ^ *b++) * 0xff51afd7ed558ccdu;
	return h ^ h >> 29;
}

bool sync_out_echo(const struct sync *s, const void *p, size_t n)
{
	const uint64_t h = echo_hash(p, n);

	for (uint32_t k = 1; k <= NELEM(s->echo); k++)
		if (s->echo[(s->echo_next - k) % NELEM(s->echo)] == h)
			return true;
	return false;
}

static void emit(struct sync *s, const uint8_t *p, size_t n, nsec now)
{
	const struct budget of = rate_of(s);

	bucket_spend(&s->rate, &of, 1, now);
	s->echo[s->echo_next++ % NELEM(s->echo)] = echo_hash(p, n);
	s->st.sent++;
	s->st.sent_bytes += n;
	s->ops->send(s->ctx, p, n);
}

/* The packet in w goes, as the settings want it. */
static void post(struct sync *s, const struct wr *w, enum sync_kind kind, nsec now)
{
	ASSERT(w->err == ST_OK);
	s->st.sent_kind[kind]++;
	if (s->conf.keys.n != 0) {
		const int64_t wall = s->ops->wall_ms(s->ctx);

		s->last_ms = MAX(s->last_ms + 1, (uint64_t)MAX(wall, 0));
		s->st.sent_kind[SYNC_SEALED]++;
		emit(s, s->seal, sync_seal(&s->conf.keys, w->p, w->len, s->last_ms, s->seal), now);
	}
	if (s->conf.keys.n == 0 || s->conf.plain)
		emit(s, w->p, w->len, now);
}

static struct wr begin(struct sync *s, uint32_t type)
{
	struct wr w = wr_of(s->pkt, room(s));

	syncpkt_begin(&w, s->id, type);
	return w;
}

static struct wr begin_ext(struct sync *s, uint32_t type, uint8_t flags)
{
	struct wr w = wr_of(s->pkt, room(s));

	syncpkt_begin_ext(&w, s->id, type, flags, 0, 1, ++s->msg);
	return w;
}

/* --- BEACON, INQUIRE, BYE: few, and never late ----------------------------------------------------- */

void sync_out_beacon(struct sync *s, nsec now)
{
	struct wr w = begin(s, SYNC_T_BEACON);

	wr_be64(&w, sync_listed(s, now));
	post(s, &w, SYNC_BEACON, now);
}

void sync_out_inquire(struct sync *s, uint32_t whom, nsec now)
{
	struct wr w = begin(s, SYNC_T_INQUIRE);

	wr_be32(&w, whom);
	post(s, &w, SYNC_INQUIRE, now);
}

void sync_out_bye(struct sync *s, nsec now)
{
	struct wr w = begin_ext(s, SYNC_T_BYE, 0);

	post(s, &w, SYNC_BYE, now);
}

/* --- LIVE --------------------------------------------------------------------------------------- */

static size_t family(const struct hit *h)
{
	return host_is_v4(&h->rhost[0]) ? 0 : 1;
}

void sync_live_add(struct sync *s, struct synchit *x, nsec now)
{
	const size_t f = family(&x->h);

	sync_live_remove(s, x);
	DL_APPEND2(s->live[f], x, live_prev, live_next);
	s->n_live[f]++;
	x->in_live = true;
	x->live_family = (uint8_t)f;
	s->live_at = MIN(s->live_at, now + s->conf.flush);
}

void sync_live_remove(struct sync *s, struct synchit *x)
{
	if (!x->in_live)
		return;
	DL_DELETE2(s->live[x->live_family], x, live_prev, live_next);
	s->n_live[x->live_family]--;
	x->in_live = false;
}

void sync_stop_add(struct sync *s, const struct hit *h, nsec now)
{
	const size_t f = family(h);
	struct syncstop *r;

	if (!sync_address_ok(&h->rhost[0], h->flags))
		return;
	r = malloc(sizeof(*r));
	if (r == NULL) {
		sync_drop(s, NULL, SYNC_DROP_MEMORY);
		return;
	}
	synclive_of_hit(&r->r, h, true);
	DL_APPEND(s->stop[f], r);
	s->n_stop[f]++;
	s->live_at = now;
}

void sync_stops_free(struct sync *s)
{
	struct syncstop *r, *next;

	for (size_t f = 0; f < 2; f++)
		DL_FOREACH_SAFE(s->stop[f], r, next)
			free(r);
}

static void one_live(struct sync *s, size_t f, size_t n, nsec now)
{
	struct wr w = begin(s, f == 0 ? SYNC_T_LIVE : SYNC_T_BEACON);
	struct synclive r;

	for (; n > 0 && (s->stop[f] != NULL || s->live[f] != NULL); n--) {
		struct syncstop *stop = s->stop[f];
		struct synchit *x = s->live[f];

		if (stop != NULL) {
			synclive_put(&w, &stop->r);
			DL_DELETE(s->stop[f], stop);
			free(stop);
			s->n_stop[f]--;
			continue;
		}
		synclive_of_hit(&r, &x->h, false);
		synclive_put(&w, &r);
		sync_live_remove(s, x);
	}
	post(s, &w, f == 0 ? SYNC_LIVE : SYNC_LIVE6, now);
}

static nsec out_live(struct sync *s, nsec now)
{
	for (size_t f = 0; f < 2; f++) {
		const size_t rec = f == 0 ? SYNC_LIVE_REC : SYNC_LIVE6_REC;
		const size_t fit = (room(s) - SYNC_HEAD) / rec;

		while (s->n_stop[f] + s->n_live[f] > 0 && rate_next(s) <= now &&
		       (s->live_at <= now || s->n_stop[f] + s->n_live[f] >= fit))
			one_live(s, f, fit, now);
	}
	if (s->n_stop[0] + s->n_live[0] + s->n_stop[1] + s->n_live[1] == 0)
		s->live_at = NSEC_NEVER;
	return s->live_at == NSEC_NEVER ? NSEC_NEVER : MAX(s->live_at, rate_next(s));
}

/* --- GONE --------------------------------------------------------------------------------------- */

static nsec out_gone(struct sync *s, nsec now)
{
	const size_t fit = (room(s) - SYNC_EXT_HEAD) / SYNC_GONE_REC;
	struct syncend *e = s->ends;

	while (s->n_ends_due > 0 && rate_next(s) <= now) {
		struct wr w = begin_ext(s, SYNC_T_GONE, 0);
		size_t n = 0;

		for (; e != NULL && n < fit; e = e->next) {
			const struct syncgone r = { .chan = e->chan->id, .why = (uint8_t)e->why };

			if (!e->due)
				continue;
			e->due = false;
			s->n_ends_due--;
			syncgone_put(&w, &r);
			n++;
		}
		ASSERT(n > 0);
		post(s, &w, SYNC_GONE, now);
	}
	return s->n_ends_due > 0 ? rate_next(s) : NSEC_NEVER;
}

/* --- CHANINFO, HOSTS ---------------------------------------------------------------------------- */

static enum status emit_info(struct sync *s, const struct chaninfo *info)
{
	struct atomwr w;

	buf_reset(&s->body);
	atomwr_init(&w, &s->body);
	chanatom_emit(&w, info, CHANATOM_BCID | CHANATOM_INFO | CHANATOM_TRCK, NULL);
	return atomwr_status(&w);
}

bool sync_out_hash(struct sync *s, const struct chaninfo *info, uint8_t hash[4])
{
	if (emit_info(s, info) != ST_OK)
		return false;
	sync_info_hash(hash, s->body.p, s->body.len);
	return true;
}

/* Returns the datagrams it took. */
static uint32_t post_info(struct sync *s, struct syncown *o, nsec now)
{
	const size_t chunk = room(s) - SYNC_EXT_HEAD;
	uint32_t frags;

	o->info_due = false;
	o->info_sent = now;
	if (emit_info(s, o->info) != ST_OK) {
		sync_drop(s, NULL, SYNC_DROP_MEMORY);
		return 0;
	}
	if (s->body.len > chunk * SYNC_FRAGS_MAX) {
		sync_drop(s, NULL, SYNC_DROP_LENGTH);
		return 0;
	}
	frags = (uint32_t)((s->body.len + chunk - 1) / chunk);
	s->msg++;
	for (uint32_t k = 0; k < frags; k++) {
		struct wr w = wr_of(s->pkt, room(s));
		const size_t at = k * chunk;

		syncpkt_begin_ext(&w, s->id, SYNC_T_CHANINFO, 0, (uint8_t)k, (uint8_t)frags, s->msg);
		wr_bytes(&w, s->body.p + at, MIN(chunk, s->body.len - at));
		post(s, &w, SYNC_CHANINFO, now);
	}
	return frags;
}

/* One host behind those in s->body. */
static void put_host(struct sync *s, const struct synchit *x, nsec now)
{
	const nsec age = (now - x->h.heard) / NSEC_PER_SEC;
	struct atomwr w;

	atomwr_init(&w, &s->body);
	atomwr_u16(&w, SYNC_ATOM_AGE, (uint16_t)MIN(MAX(age, 0), UINT16_MAX));
	hostatom_emit(&w, &x->h, false);
}

static void post_hosts(struct sync *s, const struct syncown *o, size_t len, uint8_t flags, nsec now)
{
	struct wr w = begin_ext(s, SYNC_T_HOSTS, flags);

	wr_bytes(&w, o->chan->id.b, GNUID_LEN);
	wr_bytes(&w, s->body.p, len);
	post(s, &w, SYNC_HOSTS, now);
}

/* Those that left, and those that are due (answer: all). Returns the datagrams it took. */
static uint32_t send_hosts(struct sync *s, struct syncown *o, bool answer, nsec now)
{
	const size_t fit = MIN(room(s) - SYNC_EXT_HEAD - GNUID_LEN, HOSTS_BODY);
	const uint8_t flags = answer ? SYNC_F_ANSWER : 0;
	struct synchit *x, *next;
	uint32_t n = 0, hosts = 0;
	size_t before;

	o->hosts_due = false;
	buf_reset(&s->body);
	DL_CONCAT(o->left, o->hits);
	DL_FOREACH_SAFE(o->left, x, next) {
		const bool here = (x->h.flags & HIT_RECV) != 0;

		if (here && !answer && !x->in_hosts)
			continue;
		before = s->body.len;
		put_host(s, x, now);
		if (s->body.err == ST_OK && s->body.len > fit && before > 0) {
			post_hosts(s, o, before, flags, now);
			n++;
			buf_consume(&s->body, before);
		}
		hosts += here;
		x->in_hosts = false;
	}
	o->hits = NULL;
	DL_FOREACH_SAFE(o->left, x, next) {
		DL_DELETE(o->left, x);
		if (x->h.flags & HIT_RECV)
			DL_APPEND(o->hits, x);
		else
			free(x);
	}
	if (s->body.err != ST_OK || s->body.len > fit) {
		sync_drop(s, NULL, SYNC_DROP_MEMORY);
		return n;
	}
	if (s->body.len > 0) {
		const uint8_t all = n == 0 && hosts == o->n ? SYNC_F_ALL : 0;

		post_hosts(s, o, s->body.len, flags | all, now);
		n++;
	}
	return n;
}

/* --- the queues of our channels ----------------------------------------------------------------- */

void sync_own_unqueue(struct sync *s, struct syncown *o)
{
	if (o->queue == SYNC_Q_DUE)
		DL_DELETE2(s->due, o, qprev, qnext);
	else if (o->queue == SYNC_Q_LATER)
		DL_DELETE2(s->later, o, qprev, qnext);
	o->queue = SYNC_Q_NONE;
}

void sync_own_queue(struct sync *s, struct syncown *o)
{
	if (o->queue == SYNC_Q_DUE)
		return;
	sync_own_unqueue(s, o);
	DL_APPEND2(s->due, o, qprev, qnext);
	o->queue = SYNC_Q_DUE;
}

/* Its CHANINFO may go then. The list is in the order of time; most belong at its end. */
static void queue_later(struct sync *s, struct syncown *o, nsec at)
{
	struct syncown *after = s->later != NULL ? s->later->qprev : NULL;      /* the last */

	while (after != NULL && after->later > at)
		after = after != s->later ? after->qprev : NULL;
	o->later = at;
	o->queue = SYNC_Q_LATER;
	if (after == NULL)
		DL_PREPEND2(s->later, o, qprev, qnext);
	else
		DL_APPEND_ELEM2(s->later, after, o, qprev, qnext);
}

void sync_own_want(struct sync *s, struct syncown *o)
{
	if (o->wanted || o->info == NULL)
		return;
	o->wanted = true;
	DL_APPEND2(s->wanted, o, wprev, wnext);
}

static nsec out_due(struct sync *s, nsec now)
{
	while (s->later != NULL && s->later->later <= now)
		sync_own_queue(s, s->later);
	while (s->due != NULL && rate_next(s) <= now) {
		struct syncown *o = s->due;

		sync_own_unqueue(s, o);
		if (o->info == NULL)
			continue;
		if (o->info_due && (o->info_sent == 0 || now - o->info_sent >= s->conf.info_gap))
			(void)post_info(s, o, now);
		if (o->hosts_due)
			(void)send_hosts(s, o, false, now);
		if (o->info_due)
			queue_later(s, o, o->info_sent + s->conf.info_gap);
	}
	if (s->due != NULL)
		return rate_next(s);
	return s->later != NULL ? s->later->later : NSEC_NEVER;
}

/* --- WANT --------------------------------------------------------------------------------------- */

static void give_up(struct syncclaim *cl)
{
	sync_want_done(cl, true, true);
}

/* Is it time to ask for cl (again)? */
static bool is_askable(const struct syncclaim *cl, nsec now)
{
	return cl->asked == 0 ||
	       now - cl->asked >= WANT_PATIENCE << (cl->tries > WANT_QUICK ? cl->tries - WANT_QUICK : 0);
}

/* Ask one instance, as far as its answers can keep up. */
static void ask(struct sync *s, struct syncinst *i, nsec now)
{
	const uint32_t window = (uint32_t)(WANT_PATIENCE / NSEC_PER_SEC) * s->conf.want_rate;
	const size_t fit = (room(s) - SYNC_EXT_HEAD - 4) / GNUID_LEN;
	struct syncclaim *cl, *next;
	bool blocked = false;
	uint32_t out = 0;
	struct wr w;
	size_t n = 0;

	DL_FOREACH2(i->wants, cl, wnext)
		out += cl->asked != 0 && !is_askable(cl, now);
	DL_FOREACH_SAFE2(i->wants, cl, next, wnext) {
		if (out >= window || !is_askable(cl, now))
			continue;
		if (cl->tries == WANT_TRIES) {
			give_up(cl);
			continue;
		}
		if (n == 0) {
			blocked = rate_next(s) > now;
			if (blocked)
				break;
			w = begin_ext(s, SYNC_T_WANT, 0);
			wr_be32(&w, i->pub.id);
		}
		wr_bytes(&w, cl->chan->id.b, GNUID_LEN);
		cl->tries++;
		cl->asked = now;
		out++;
		if (++n == fit) {
			post(s, &w, SYNC_WANT, now);
			n = 0;
		}
	}
	if (n > 0)
		post(s, &w, SYNC_WANT, now);
	if (i->wants == NULL)
		i->want_at = NSEC_NEVER;
	else
		i->want_at = blocked ? rate_next(s) : now + WANT_LOOK;
}

static nsec out_wants(struct sync *s, nsec now)
{
	nsec next = NSEC_NEVER;

	for (size_t k = 0; k < s->n_inst; k++) {
		if (s->inst[k]->want_at <= now)
			ask(s, s->inst[k], now);
		next = MIN(next, s->inst[k]->want_at);
	}
	return next;
}

/* --- walks: DIGEST, TELL, answers to WANT ------------------------------------------------------- */

static void spend_walk(struct sync *s, uint32_t n, nsec now)
{
	const struct budget of = walk_of(s);

	bucket_spend(&s->walk, &of, n, now);
}

static nsec own_newest(const struct syncown *o)
{
	const struct synchit *x;
	nsec newest = 0;

	DL_FOREACH(o->hits, x)
		newest = MAX(newest, x->h.heard);
	return newest;
}

static void one_digest(struct sync *s, nsec now)
{
	size_t fit = (room(s) - SYNC_EXT_HEAD) / SYNC_DIGEST_REC;
	struct wr w = begin_ext(s, SYNC_T_DIGEST, 0);

	for (; s->dig_cur != NULL && fit > 0; s->dig_cur = s->dig_cur->next) {
		const struct syncown *o = s->dig_cur;
		const nsec age = (now - own_newest(o)) / (60 * NSEC_PER_SEC);
		struct syncdigest r = { .chan = o->chan->id, .hosts = (uint16_t)MIN(o->n, UINT16_MAX) };

		if (o->info == NULL)
			continue;
		memcpy(r.hash, o->hash, sizeof(r.hash));
		r.age_min = (uint16_t)MIN(age, UINT16_MAX);
		syncdigest_put(&w, &r);
		fit--;
	}
	if (w.len == SYNC_EXT_HEAD)
		return;
	post(s, &w, SYNC_DIGEST, now);
	spend_walk(s, 1, now);
}

/* Is c to be told? A better informed answer leaves out what was told lately. */
static bool is_to_tell(const struct sync *s, const struct syncchan *c, nsec now)
{
	return !s->tell_better || c->told == 0 || now - c->told >= TOLD_SPAN * s->conf.beacon;
}

static void one_tell(struct sync *s, nsec now)
{
	size_t fit = (room(s) - SYNC_HEAD) / SYNC_TELL_REC;
	struct wr w = begin(s, SYNC_T_TELL);

	for (; s->tell_cur != NULL && fit > 0; s->tell_cur = s->tell_cur->hh.next) {
		struct syncchan *c = s->tell_cur;
		const nsec newest = sync_chan_newest(c);
		struct synctell r = { .chan = c->id, .peak = c->peak };

		if (newest == 0 || !is_to_tell(s, c, now))
			continue;
		r.age_min = (uint32_t)((now - newest) / (60 * NSEC_PER_SEC));
		synctell_put(&w, &r);
		c->told = now;
		fit--;
	}
	if (w.len == SYNC_HEAD)
		return;
	post(s, &w, SYNC_TELL, now);
	spend_walk(s, 1, now);
}

static void one_answer(struct sync *s, nsec now)
{
	const struct budget of = answers_of(s);
	struct syncown *o = s->wanted;

	DL_DELETE2(s->wanted, o, wprev, wnext);
	o->wanted = false;
	bucket_spend(&s->answers, &of, 1, now);
	spend_walk(s, post_info(s, o, now) + send_hosts(s, o, true, now), now);
}

static nsec out_walks(struct sync *s, nsec now)
{
	nsec next = NSEC_NEVER;

	while (s->dig_cur != NULL && walk_next(s) <= now)
		one_digest(s, now);
	while (s->tell_cur != NULL && walk_next(s) <= now)
		one_tell(s, now);
	while (s->wanted != NULL && answer_next(s) <= now)
		one_answer(s, now);
	if (s->dig_cur != NULL || s->tell_cur != NULL)
		next = walk_next(s);
	if (s->wanted != NULL)
		next = MIN(next, answer_next(s));
	return next;
}

nsec sync_out(struct sync *s, nsec now)
{
	nsec next = out_live(s, now);

	next = MIN(next, out_gone(s, now));
	next = MIN(next, out_due(s, now));
	next = MIN(next, out_wants(s, now));
	return MIN(next, out_walks(s, now));
}
