/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/upstream.h"

#include <string.h>

#include "core/chan/pick.h"

#define RELAY_WAIT    (5 * NSEC_PER_SEC)        /* since it was last handed out or tried (pcp.md 11.5) */
#define TRACKER_WAIT  (10 * NSEC_PER_SEC)
#define NAMELESS_WAIT (2 * NSEC_PER_SEC)        /* it refused us, and had nobody to name */
#define PAUSE         (2 * NSEC_PER_SEC)        /* between data; more of it counts as dry */
#define FAULT_TIME    (600 * NSEC_PER_SEC)      /* a bad record lasts so long */
#define SLOW          (3 * NSEC_PER_SEC)        /* to the first packet: bad too */
#define DOUBT         2                         /* misses after which even fresh hosts are doubted */
#define FRESH_TIME    (20 * NSEC_PER_SEC)       /* what was heard of a host is believed for so long */
#define REPORT_AGE    (130 * NSEC_PER_SEC)      /* a host's word on its position may be that old */
#define AHEAD_MAX     (120 * NSEC_PER_SEC)      /* more is another stream, not a lead */
#define RATE_TIME     (4 * NSEC_PER_SEC)        /* to measure a rate, at least */
#define HOPS_STEP     4                         /* hops that count as equal */
#define SWITCHES_MAX  3
#define GROWTH_MAX    5                         /* doublings of a pause */

/* --- hosts tried before ----------------------------------------------------------------------- */

const struct upstream_past *upstream_known(const struct upstream_memory *m, const struct host *h)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (host_equal(&m->past[i].host, h))
			return &m->past[i];
	return NULL;
}

struct upstream_past *upstream_note(struct upstream_memory *m, const struct host *h)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < m->n; i++) {
		if (host_equal(&m->past[i].host, h))
			return &m->past[i];
		if (m->past[i].tried < m->past[at].tried)
			at = i;
	}
	if (m->n < UPSTREAM_PAST)
		at = m->n++;
	m->past[at] = (struct upstream_past){ .host = *h };
	return &m->past[at];
}

void upstream_refused(struct upstream_past *p, bool tracker, bool named, nsec now, upstream_rnd *rnd)
{
	p->rests = now + upstream_rest(p->refusals++, tracker, named, rnd);
	p->refused = true;
}

void upstream_forgive(struct upstream_memory *m, nsec now, upstream_rnd *rnd)
{
	for (uint32_t i = 0; i < m->n; i++) {
		struct upstream_past *p = &m->past[i];

		if (!p->refused)
			continue;
		p->refused = false;
		p->refusals = 0;
		p->rests = MIN(p->rests, now + (nsec)rnd(500) * NSEC_PER_MSEC);
	}
}

/* --- the one in use --------------------------------------------------------------------------- */

/* Empty the slots between the last one used and that of now. */
static void turn(struct upstream_watch *w, nsec now)
{
	const int64_t slot = now / UPSTREAM_SLOT;

	for (int64_t i = MAX(w->slot + 1, slot - UPSTREAM_SLOTS + 1); i <= slot; i++) {
		w->gaps[i % UPSTREAM_SLOTS] = 0;
		w->dry[i % UPSTREAM_SLOTS] = 0;
		w->pause[i % UPSTREAM_SLOTS] = 0;
	}
	w->slot = slot;
}

/* Is the slot with that index one of the last minute's? */
static bool is_recent(const struct upstream_watch *w, int i, nsec now)
{
	const int64_t age = ((w->slot - i) % UPSTREAM_SLOTS + UPSTREAM_SLOTS) % UPSTREAM_SLOTS;

	return now / UPSTREAM_SLOT - (w->slot - age) < UPSTREAM_SLOTS;
}

void upstream_watch_begin(struct upstream_watch *w, nsec now)
{
	turn(w, now);
	w->since = now;
	w->fresh = 0;
	memset(w->gaps, 0, sizeof(w->gaps));
	memset(w->dry, 0, sizeof(w->dry));
}

static void put_mark(struct upstream_watch *w, nsec now, uint64_t pos)
{
	uint32_t n = w->n_marks;

	if (n > 0 && pos < w->mark[n - 1].pos)
		n = 0;                          /* a new stream */
	if (n > 0 && now - w->mark[n - 1].at < UPSTREAM_MARK)
		return;
	if (n == UPSTREAM_MARKS)
		memmove(w->mark, w->mark + 1, --n * sizeof(w->mark[0]));
	w->mark[n].at = now;
	w->mark[n].pos = pos;
	w->n_marks = n + 1;
}

void upstream_watch_data(struct upstream_watch *w, nsec now, uint64_t pos, uint32_t gaps)
{
	const nsec last = w->fresh != 0 ? w->fresh : w->since;

	turn(w, now);
	if (w->fresh != 0)
		w->pause[w->slot % UPSTREAM_SLOTS] = MAX(w->pause[w->slot % UPSTREAM_SLOTS], now - w->fresh);
	w->gaps[w->slot % UPSTREAM_SLOTS] += gaps;
	if (now - last > PAUSE)
		w->dry[w->slot % UPSTREAM_SLOTS] += now - last;
	w->fresh = now;
	put_mark(w, now, pos);
}

uint32_t upstream_watch_gaps(const struct upstream_watch *w, nsec now)
{
	uint32_t sum = 0;

	for (int i = 0; i < UPSTREAM_SLOTS; i++)
		sum += is_recent(w, i, now) ? w->gaps[i] : 0;
	return sum;
}

nsec upstream_watch_dry(const struct upstream_watch *w, nsec now)
{
	const nsec last = w->fresh != 0 ? w->fresh : w->since;
	nsec sum = now - last > PAUSE ? now - last : 0;

	for (int i = 0; i < UPSTREAM_SLOTS; i++)
		sum += is_recent(w, i, now) ? w->dry[i] : 0;
	return sum;
}

nsec upstream_watch_first(const struct upstream_watch *w, nsec now)
{
	nsec most = 0;

	for (int i = 0; i < UPSTREAM_SLOTS; i++)
		most = MAX(most, is_recent(w, i, now) ? w->pause[i] : 0);
	return most == 0 ? UPSTREAM_FIRST : MIN(UPSTREAM_FIRST_MIN + 4 * most, UPSTREAM_FIRST);
}

uint64_t upstream_watch_rate(const struct upstream_watch *w)
{
	const uint32_t last = w->n_marks - 1;

	if (w->n_marks < 2 || w->mark[last].at - w->mark[0].at < RATE_TIME)
		return 0;
	return (w->mark[last].pos - w->mark[0].pos) /
	       (uint64_t)((w->mark[last].at - w->mark[0].at) / NSEC_PER_SEC);
}

/* Where we were at that moment, at most: the mark that follows it. */
static bool pos_at(const struct upstream_watch *w, nsec at, uint64_t *pos)
{
	if (w->n_marks == 0 || at < w->mark[0].at)
		return false;
	for (uint32_t i = 0; i < w->n_marks; i++) {
		*pos = w->mark[i].pos;
		if (w->mark[i].at >= at)
			return true;
	}
	return at - w->mark[w->n_marks - 1].at < UPSTREAM_MARK;
}

nsec upstream_watch_behind(const struct upstream_watch *w, const struct hit *hits, size_t n)
{
	const uint64_t rate = upstream_watch_rate(w);
	nsec most = 0;
	uint64_t pos;

	for (size_t i = 0; rate > 0 && i < n; i++) {
		int64_t lead;
		nsec ahead;

		if (hits[i].dead || !pos_at(w, hits[i].heard, &pos))
			continue;
		lead = (int32_t)(hits[i].newpos - (uint32_t)pos);
		ahead = lead > 0 ? (nsec)((uint64_t)lead * 1000 / rate) * NSEC_PER_MSEC : 0;
		if (ahead <= AHEAD_MAX)
			most = MAX(most, ahead);
	}
	return most;
}

const char *upstream_why_str(enum upstream_why w)
{
	static const char *const text[] = {
		[UPSTREAM_FINE] = "fine", [UPSTREAM_SILENT] = "gives nothing new",
		[UPSTREAM_STALLS] = "stalls", [UPSTREAM_SKIPS] = "skips",
		[UPSTREAM_DRIPS] = "has too many pauses", [UPSTREAM_LAGS] = "lags behind others",
	};

	return text[w];
}

/* When it is left whatever else there is. */
static struct upstream_verdict last_moment(const struct upstream_evidence *e)
{
	const nsec stall = e->tracker ? 2 * UPSTREAM_STALL : UPSTREAM_STALL;
	struct upstream_verdict v = { .why = UPSTREAM_STALLS, .again = e->fresh + stall };

	if (e->fresh != 0)
		return v;
	v.why = UPSTREAM_SILENT;
	v.again = e->since + stall;
	if (e->known)
		return v;
	if (e->others)
		v.again = e->since + e->first;
	if (e->let_go != NSEC_NEVER)
		v.again = MIN(v.again, MAX(e->let_go, e->since + UPSTREAM_CHANCE));
	return v;
}

/* Is there a reason to look for a better one? */
static enum upstream_why complaint(const struct upstream_evidence *e)
{
	if (e->gaps >= UPSTREAM_GAPS)
		return UPSTREAM_SKIPS;
	if (e->behind >= UPSTREAM_BEHIND)
		return UPSTREAM_LAGS;
	return e->dry >= UPSTREAM_DRY ? UPSTREAM_DRIPS : UPSTREAM_FINE;
}

struct upstream_verdict upstream_judge(const struct upstream_evidence *e)
{
	const nsec stay = UPSTREAM_STAY << MIN(e->switches, (uint32_t)SWITCHES_MAX);
	struct upstream_verdict v = last_moment(e);
	nsec free = e->since;

	if (e->now >= v.again) {
		v.leave = true;
		return v;
	}
	v.why = UPSTREAM_FINE;
	if (e->fresh == 0)
		return v;
	/* no second change within a minute of the first, for such reasons */
	if (e->switched != 0)
		free = MAX(free, e->switched + stay);
	if (e->now < free)
		v.again = MIN(v.again, free);
	else if (e->others)
		v.why = complaint(e);
	v.again = MIN(v.again, MAX(e->now, e->fresh) + UPSTREAM_DRY);
	return v;
}

/* --- the next one ----------------------------------------------------------------------------- */

/* Hits by the address of their upstream; a number is one more than the hit's place, 0 = none. */
struct hung {
	uint16_t first[PICK_SLOTS], beside[HITLIST_MAX_HITS];
	uint16_t queue[HITLIST_MAX_HITS];       /* those that are dead, and whose own are looked for */
	size_t count;
};

/* Those that hang on up are dead. */
static void prune_hung(struct hung *x, struct hit *hits, const struct hit *up)
{
	for (int k = 0; k < 2; k++) {
		uint16_t i = host_is_set(&up->rhost[k]) ? x->first[pick_slot(&up->rhost[k])] : 0;

		for (; i != 0; i = x->beside[i - 1])
			if (!hits[i - 1].dead && pick_hangs_on(&hits[i - 1], up)) {
				hits[i - 1].dead = true;
				x->queue[x->count++] = (uint16_t)(i - 1);
			}
	}
}

NOINLINE void upstream_prune(struct hit *hits, size_t n, const struct hit *self, const struct gnuid *below,
	size_t n_below)
{
	struct hung x = { .count = 0 };

	n = MIN(n, (size_t)HITLIST_MAX_HITS);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n_below && !hits[i].dead; k++)
			hits[i].dead = gnuid_equal(&hits[i].sid, &below[k]) ||
			               gnuid_equal(&hits[i].via, &below[k]);
		if (hits[i].dead) {
			x.queue[x.count++] = (uint16_t)i;
		} else if (host_is_set(&hits[i].uphost)) {
			uint16_t *slot = &x.first[pick_slot(&hits[i].uphost)];

			x.beside[i] = *slot;
			*slot = (uint16_t)(i + 1);
		}
	}
	prune_hung(&x, hits, self);
	for (size_t done = 0; done < x.count; done++)
		prune_hung(&x, hits, &hits[x.queue[done]]);
}

/* Did it leave us once for good reason, or is it so far behind that its report cannot explain it? */
static bool is_bad(const struct upstream_env *e, const struct hit *h, const struct upstream_past *p)
{
	const int32_t behind = (int32_t)((uint32_t)e->pos - h->newpos);
	const uint64_t slack = e->rate * (uint64_t)((REPORT_AGE + e->now - h->heard) / NSEC_PER_SEC);

	if (p != NULL && p->fault != 0 && e->now - p->fault < FAULT_TIME)
		return true;
	if (p != NULL && p->delay > SLOW)
		return true;
	return e->rate > 0 && h->newpos != 0 && !(h->flags & HIT_TRACKER) && behind > 0 &&
	       (uint64_t)behind > slack;
}

/* Less is better. */
static uint32_t rank(const struct upstream_env *e, const struct hit *h, const struct upstream_past *p,
	bool lan)
{
	const bool tracker = (h->flags & HIT_TRACKER) != 0, bad = is_bad(e, h, p) || h->gone_at != 0;
	const bool old = !tracker && !lan && h->heard < e->lost &&
	                 (e->misses >= DOUBT || e->now - h->heard > FRESH_TIME);
	const uint32_t kind = old ? 4 : (uint32_t)tracker << 1 | (uint32_t)!lan;

	return kind << 20 | (uint32_t)bad << 16 | (uint32_t)h->hops / HOPS_STEP << 4 |
	       (uint32_t)((h->flags & HIT_RELAY) == 0);
}

/* May it be asked now? Else the moment it may is put into out. */
static bool is_free(const struct upstream_env *e, const struct hit *h, const struct host *to,
	const struct upstream_past *p, struct upstream_pick *out)
{
	const nsec wait = h->flags & HIT_TRACKER ? TRACKER_WAIT : RELAY_WAIT;
	nsec at = h->contact != 0 ? h->contact + wait : 0, until;

	/* our own experience is newer */
	if (p != NULL && p->rests > p->tried)
		at = p->rests;
	if (e->rests(e->ctx, to, &until)) {
		if (at != NSEC_NEVER)
			out->rested = MIN(out->rested, MAX(at, until));
		return false;
	}
	if (at <= e->now)
		return true;
	if (at != NSEC_NEVER)
		out->soon = MIN(out->soon, at);
	return false;
}

bool upstream_choose(const struct upstream_env *e, const struct hit *hits, size_t n,
	struct upstream_pick *out)
{
	struct pick pick = { .v6 = e->v6, .exclude = e->self, .exclude_host = e->except };
	uint32_t best = UINT32_MAX, equals = 0;

	*out = (struct upstream_pick){ .soon = NSEC_NEVER, .rested = NSEC_NEVER };
	for (size_t i = 0; i < n; i++) {
		const struct hit *h = &hits[i];

		pick.trackers = (h->flags & HIT_TRACKER) != 0;
		for (int lan = host_is_global(&e->global); lan >= 0; lan--) {
			const struct upstream_past *p;
			struct host to;
			uint32_t r;

			pick.match = lan ? e->global : (struct host){ .port = 0 };
			if (!pick_fits(h, &pick, e->now) || !pick_address(h, &pick, &to))
				continue;
			p = upstream_known(e->memory, &to);
			r = rank(e, h, p, lan);
			if (r > best || !is_free(e, h, &to, p, out))
				continue;
			equals = r < best ? 1 : equals + 1;
			best = r;
			if (equals > 1 && e->rnd(equals) != 0)
				continue;
			out->host = to;
			out->tracker = pick.trackers;
			out->named = h->told || (gnuid_is_set(&e->yp) && gnuid_equal(&h->via, &e->yp));
		}
	}
	return equals > 0;
}

/* --- patience --------------------------------------------------------------------------------- */

/* Between half of t and one and a half. */
static nsec around(nsec t, upstream_rnd *rnd)
{
	return t / 2 + (nsec)rnd(1000) * (t / 1000);
}

static nsec doubled(nsec t, uint32_t times)
{
	return t << MIN(times, (uint32_t)GROWTH_MAX);
}

nsec upstream_pause(uint32_t failures, uint32_t refusals, bool kept, upstream_rnd *rnd)
{
	const uint32_t n = failures + refusals / 4, times = n > 0 ? n - 1 : 0;

	if (failures + refusals == 0)
		return kept ? (nsec)rnd(150) * NSEC_PER_MSEC : 0;
	return around(doubled(200 * NSEC_PER_MSEC, kept ? 0 : times), rnd);
}

nsec upstream_rest(uint32_t refusals, bool tracker, bool named, upstream_rnd *rnd)
{
	const nsec base = named && tracker ? TRACKER_WAIT : named ? RELAY_WAIT : NAMELESS_WAIT;

	return base + around(doubled(base, named ? refusals : refusals / 2), rnd) / 2;
}

nsec upstream_return(uint32_t failures, upstream_rnd *rnd)
{
	return around(doubled(NSEC_PER_SEC, failures), rnd);
}

nsec upstream_kept(nsec silent, upstream_rnd *rnd)
{
	const nsec pause = MIN(silent + 5 * NSEC_PER_SEC, 60 * NSEC_PER_SEC);

	return pause + (nsec)rnd(1000) * (pause / 4000);
}
