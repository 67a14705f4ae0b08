/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/chan/hitlist.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "core/chan/pick.h"

struct hitlist *hitlist_new(const struct gnuid *id)
{
	struct hitlist *l = calloc(1, sizeof(*l));

	if (l != NULL) {
		l->id = *id;
		l->created = clk_now();
	}
	return l;
}

void hitlist_free(struct hitlist **lp)
{
	struct hitlist *l = *lp;
	struct hitnode *n, *next;

	*lp = NULL;
	if (l == NULL)
		return;
	DL_FOREACH_SAFE(l->hits, n, next)
		free(n);
	chaninfo_unref(&l->info);
	free(l);
}

bool hitlist_is_live(const struct hit *h)
{
	return !h->dead && (host_is_set(&h->rhost[0]) || host_is_set(&h->rhost[1]));
}

void hitlist_stats(const struct hitlist *l, struct hitstats *s)
{
	const struct hitnode *n;

	memset(s, 0, sizeof(*s));
	s->closest = 10000;
	DL_FOREACH(l->hits, n) {
		const struct hit *h = &n->h;

		if (!hitlist_is_live(h))
			continue;
		s->hosts++;
		s->listeners += h->listeners;
		s->relays += h->relays;
		s->firewalled += (h->flags & HIT_PUSH) != 0;
		s->closest = MIN(s->closest, (uint32_t)h->hops);
		s->furthest = MAX(s->furthest, (uint32_t)h->hops);
		s->newest = MAX(s->newest, h->heard);
	}
}

const struct hit *hitlist_lead(const struct hitlist *l)
{
	const struct hit *best = NULL;
	const struct hitnode *n;
	int most = -1;

	DL_FOREACH(l->hits, n) {
		int rank = (n->h.flags & HIT_TRACKER ? 2 : 0) + (n->h.flags & HIT_PUSH ? 0 : 1);

		if (hitlist_is_live(&n->h) && rank > most) {
			best = &n->h;
			most = rank;
		}
	}
	return best;
}

static bool same_pairs(const struct hit *a, const struct hit *b)
{
	return host_equal(&a->rhost[0], &b->rhost[0]) && host_equal(&a->rhost[1], &b->rhost[1]);
}

/* Does old stand for the same node as h? Session first, when both have one (pcp.md 11.3). Live sync may know
 * no more of a node than its public address. */
static bool same_node(const struct hit *old, const struct hit *h)
{
	if (gnuid_is_set(&old->sid) && gnuid_is_set(&h->sid))
		return gnuid_equal(&old->sid, &h->sid);
	return host_equal(&old->rhost[0], &h->rhost[0]) &&
	       (host_equal(&old->rhost[1], &h->rhost[1]) || !host_is_set(&old->rhost[1]) ||
		(h->source != 0 && !host_is_set(&h->rhost[1])));
}

static void drop_hit(struct hitlist *l, struct hitnode *n)
{
	DL_DELETE(l->hits, n);
	free(n);
	l->n--;
}

/* Does a give way before b (NULL = nobody yet)? The longest unheard, trackers last. */
static bool yields(const struct hit *a, const struct hitnode *b)
{
	if (b == NULL)
		return true;
	if ((a->flags & HIT_TRACKER) != (b->h.flags & HIT_TRACKER))
		return !(a->flags & HIT_TRACKER);
	return a->heard < b->h.heard;
}

/* At the cap somebody gives way to one told of over the line of via. */
static bool make_room(struct hitlist *l, const struct gnuid *via)
{
	struct hitnode *n, *out = NULL, *of_line = NULL;
	uint32_t line = 0;

	if (l->n < HITLIST_MAX_HITS)
		return true;
	DL_FOREACH(l->hits, n) {
		if (n->h.told)
			continue;
		if (yields(&n->h, out))
			out = n;
		if (!gnuid_equal(&n->h.via, via))
			continue;
		line++;
		if (yields(&n->h, of_line))
			of_line = n;
	}
	if (line >= HITLIST_LINE && gnuid_is_set(via))
		out = of_line;
	else if (out == NULL || (out->h.flags & HIT_TRACKER))
		return false;
	drop_hit(l, out);
	return true;
}

/* A copy, with claims nobody can check brought down to what can be (pcp.md 18, B46). */
static void hit_copy(struct hit *to, const struct hit *h)
{
	*to = *h;
	to->listeners = MIN(h->listeners, HIT_LISTENERS_MAX);
	to->relays = MIN(h->relays, HIT_LISTENERS_MAX);
}

/* Does the node itself keep us told, over a line that stands? */
static bool speaks_for_itself(const struct hit *h)
{
	return h->source == 0 && gnuid_is_set(&h->sid) && gnuid_equal(&h->sid, &h->via) && h->gone_at == 0;
}

/* Is h, which is of the same node, not to be believed while there is old? */
static bool is_outdone(const struct hit *h, const struct hit *old)
{
	if (speaks_for_itself(old))
		return h->source != 0 || !gnuid_equal(&h->via, &old->via);
	/* its line here broke: it is elsewhere when somebody has heard of it since */
	return h->source != 0 && old->source == 0 && !old->told && h->heard < old->heard;
}

enum status hitlist_put(struct hitlist *l, const struct hit *h, bool known_only, bool *is_new)
{
	struct hitnode *n, *next, *at = NULL;
	bool told = h->told, known = false;

	DL_FOREACH(l->hits, n)
		if (!n->h.dead && same_node(&n->h, h) && is_outdone(h, &n->h))
			return ST_OK;
	/* Of several that turn out to be one node (a tip, and a session seen elsewhere) one stays. */
	DL_FOREACH_SAFE(l->hits, n, next) {
		if (n->h.dead || !same_node(&n->h, h))
			continue;
		known = true;
		told = told || n->h.told;
		if (at == NULL && (same_pairs(&n->h, h) || !gnuid_is_set(&n->h.sid)))
			at = n;
		else
			drop_hit(l, n);         /* its address changed */
	}
	if (at != NULL) {
		hit_copy(&at->h, h);
		at->h.told = told;
		return ST_OK;
	}
	if (known_only && !known)
		return ST_OK;
	if (!make_room(l, &h->via))
		return ST_LIMIT;
	n = malloc(sizeof(*n));
	if (n == NULL)
		return ST_LIMIT;
	hit_copy(&n->h, h);
	n->h.told = told;
	DL_PREPEND(l->hits, n);
	l->n++;
	*is_new = true;
	return ST_OK;
}

bool hitlist_remove(struct hitlist *l, const struct hit *h, const struct gnuid *via)
{
	struct hitnode *n, *next;
	bool removed = false;

	DL_FOREACH_SAFE(l->hits, n, next) {
		bool same = same_pairs(&n->h, h) ||
		            (gnuid_is_set(&h->sid) && gnuid_equal(&n->h.sid, &h->sid)) ||
		            (h->source != 0 && same_node(&n->h, h));
		bool may = n->h.source == h->source && (h->source != 0 || via == NULL ||
			gnuid_equal(&n->h.via, via) || gnuid_equal(&n->h.sid, via));

		if (same && may) {
			drop_hit(l, n);
			removed = true;
		}
	}
	return removed;
}

enum status hitlist_tip(struct hitlist *l, const struct host *h, nsec now)
{
	struct hit tip = { .chan = l->id, .flags = HIT_TRACKER | HIT_RECV | HIT_RELAY | HIT_CIN,
	                   .heard = now, .told = true };
	struct hitnode *n;
	bool known = false, is_new;

	tip.rhost[0] = *h;
	DL_FOREACH(l->hits, n)
		if (host_equal(&n->h.rhost[0], h) && (n->h.flags & HIT_TRACKER)) {
			n->h.told = known = true;
			n->h.dead = false;
			n->h.contact = 0;
		}
	return known ? ST_OK : hitlist_put(l, &tip, false, &is_new);
}

static bool has_address(const struct hit *h, const struct host *at)
{
	return host_equal(&h->rhost[0], at) || host_equal(&h->rhost[1], at);
}

void hitlist_contacted(struct hitlist *l, const struct host *h, nsec now)
{
	struct hitnode *n;

	DL_FOREACH(l->hits, n)
		if (has_address(&n->h, h))
			n->h.contact = now;
}

void hitlist_failed(struct hitlist *l, const struct host *h)
{
	struct hitnode *n;

	DL_FOREACH(l->hits, n)
		if (!n->h.told && has_address(&n->h, h))
			n->h.dead = true;
}

/* Mark those that hang on up; they come in front of those whose own are still to be looked for. */
static struct hitnode *mark_hung(struct hitnode *const hung[], const struct hit *up, struct hitnode *queue)
{
	for (int i = 0; i < 2; i++) {
		struct hitnode *n = host_is_set(&up->rhost[i]) ? hung[pick_slot(&up->rhost[i])] : NULL;

		for (; n != NULL; n = n->beside)
			if (!n->below && pick_hangs_on(&n->h, up)) {
				n->below = true;
				n->then = queue;
				queue = n;
			}
	}
	return queue;
}

void hitlist_mark_below(struct hitlist *l, const struct gnuid *sid, const struct host *at)
{
	const struct hit asker = { .rhost = { *at } };
	struct hitnode *hung[PICK_SLOTS] = { NULL }, *queue = NULL, *n;

	DL_FOREACH(l->hits, n) {
		n->below = (gnuid_is_set(sid) &&
		            (gnuid_equal(&n->h.sid, sid) || gnuid_equal(&n->h.via, sid))) ||
		           (host_is_set(at) && at->port != 0 && host_equal(&n->h.rhost[0], at));
		if (n->below) {
			n->then = queue;
			queue = n;
		} else if (host_is_set(&n->h.uphost)) {
			struct hitnode **slot = &hung[pick_slot(&n->h.uphost)];

			n->beside = *slot;
			*slot = n;
		}
	}
	queue = mark_hung(hung, &asker, queue);
	while (queue != NULL) {
		n = queue;
		queue = mark_hung(hung, &n->h, n->then);
	}
}

void hitlist_session_gone(struct hitlist *l, const struct gnuid *sid, bool at_once, nsec at)
{
	struct hitnode *n;

	DL_FOREACH(l->hits, n)
		if (n->h.source == 0 && (gnuid_equal(&n->h.via, sid) || gnuid_equal(&n->h.sid, sid))) {
			n->h.gone_at = at;
			n->h.dead = n->h.dead || at_once;
		}
}

void hitlist_source_gone(struct hitlist *l, uint32_t source, nsec at)
{
	struct hitnode *n;

	DL_FOREACH(l->hits, n)
		if (n->h.source == source)
			n->h.gone_at = at;
}

void hitlist_silence(struct hitlist *l)
{
	struct hitnode *n;

	DL_FOREACH(l->hits, n)
		n->h.dead = true;
}

uint32_t hitlist_sweep(struct hitlist *l, nsec now, nsec max_age, bool carried)
{
	const uint32_t before = l->n;
	struct hitnode *n, *next;

	DL_FOREACH_SAFE(l->hits, n, next) {
		const bool silent = now - n->h.heard > max_age && !(n->h.told && carried);
		const bool gone = n->h.gone_at != 0 && n->h.gone_at <= now;

		if (n->h.dead || silent || gone)
			drop_hit(l, n);
	}
	return before - l->n;
}
