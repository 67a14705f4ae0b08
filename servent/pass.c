/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/pass.h"

#include <stdlib.h>

#include "pcp/pcp.h"
#include "pcp/push.h"
#include "servent/app.h"
#include "servent/proc.h"

/* --- of the whole node ------------------------------------------------------------------------- */

LOCK_DEFINE(pass, struct passing, mtx, lk_leaf)

static struct passing *passing_of(const struct proc *p)
{
	return &app_of(p->node)->passing;
}

void passing_init(struct passing *g)
{
	mtx_init(&g->mtx, &lk_leaf);
	pass_lock(g);
	routeseen_init(&g->seen);
	g->copies = (struct bucket){ 0 };
	pass_unlock(g);
}

void passing_fini(struct passing *g)
{
	mtx_fini(&g->mtx);
}

bool pass_repeated(const struct proc *p, const struct bcst *b)
{
	struct passing *g = passing_of(p);
	bool yes;

	if (p->kind == PROC_CIN || p->kind == PROC_COUT || !gnuid_is_set(&b->from))
		return false;
	pass_lock(g);
	yes = routeseen_check(&g->seen, b, &p->remote, clk_now());
	pass_unlock(g);
	return yes;
}

static uint64_t key_of(struct passing *g, const struct bcst *b)
{
	uint64_t key;

	pass_lock(g);
	key = route_key(&g->seen.hash, b);
	pass_unlock(g);
	return key;
}

/* --- may it be spread? ------------------------------------------------------------------------- */

static const struct budget of_one = { NSEC_PER_SEC / PASS_SPREAD, PASS_SPREAD_BURST };
static const struct budget of_all = { NSEC_PER_SEC / PASS_COPIES, PASS_COPIES };

/* To more connections than one; what is addressed goes to few. */
static bool may_spread(struct proc *p, bool addressed)
{
	struct passing *g = passing_of(p);
	const nsec now = clk_now();
	bool ok;

	pass_lock(g);
	ok = addressed || bucket_next(&g->copies, &of_all) <= now;
	pass_unlock(g);
	ok = ok && bucket_take(&p->pass.spread, &of_one, 1, now);
	if (!ok)
		servmgr_count_refused(p->node->sm);
	return ok;
}

/* So many copies were made. */
static void spread(const struct proc *p, size_t n)
{
	struct passing *g = passing_of(p);

	pass_lock(g);
	bucket_spend(&g->copies, &of_all, (uint32_t)n, clk_now());
	pass_unlock(g);
}

/* A root passes on what its settings say: by default a push to a client that is here. */
static bool root_passes(struct proc *p, const struct settings *set, const struct bcst *b)
{
	static const enum routeforward rule[] = {
		[ROOTFWD_PUSH] = ROUTE_FORWARD_PUSH, [ROOTFWD_ALL] = ROUTE_FORWARD_ALL,
		[ROOTFWD_NONE] = ROUTE_FORWARD_NONE,
	};
	const nsec now = clk_now();

	if (!route_root_forwards(rule[set->root_forward], b))
		return false;
	if (set->root_forward == ROOTFWD_PUSH) {
		if (p->pass.push_at != 0 && now - p->pass.push_at < PUSH_PACE)
			return false;
		p->pass.push_at = now;
	}
	return true;
}

/* --- where it goes ----------------------------------------------------------------------------- */

/* To the source of one channel. */
static void post_source(struct proc *p, struct chan *c, const struct bcst *b, struct blob *msg)
{
	if (chan_type_of(c) == CHAN_RELAY)
		servmgr_count_post(p->node->sm, chan_post_source(c, msg, &p->remote, &b->dest));
}

static void post_up(struct proc *p, const struct bcst *b, struct blob *msg)
{
	struct chan **all;
	size_t n;

	if (gnuid_is_set(&b->cid)) {
		struct chan *c = chanmgr_find(p->node->cm, &b->cid);

		if (c != NULL)
			post_source(p, c, b, msg);
		chan_unref(&c);
		return;
	}
	if (chanmgr_all(p->node->cm, &all, &n) != ST_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		post_source(p, all[i], b, msg);
		chan_unref(&all[i]);
	}
	free(all);
	spread(p, n);
}

/* A copy to pass on, of this connection's lane; not longer than other nodes take in. */
static struct blob *copy_of(const struct proc *p, const struct bcst *b, bool urgent)
{
	struct blob *msg = NULL;
	struct buf out;

	buf_init(&out, PCP_ATOM_SEND_MAX);
	if (bcst_forward(&out, b) == ST_OK)
		msg = blob_new(out.p, out.len);
	buf_fini(&out);
	if (msg == NULL)
		return NULL;
	/* A fetch has no number of its own; its channel tells it apart well enough. */
	msg->lane = p->sv != NULL ? p->sv->id : UINT32_C(1) << 31 | (uint32_t)p->chan.b[13] << 16 |
		(uint32_t)p->chan.b[14] << 8 | p->chan.b[15];
	msg->urgent = urgent;
	msg->key = key_of(passing_of(p), b);
	return msg;
}

/* Is it the upstream's word on what its channel is called, for all below? */
static bool is_info(const struct proc *p, const struct bcst *b)
{
	return p->kind == PROC_FETCH && (b->grp & PCP_BCST_GROUP_RELAYS) && !gnuid_is_set(&b->dest) &&
		gnuid_equal(&b->cid, &p->chan) && route_tells_of_channel(b);
}

bool pass_on(struct proc *p, const struct settings *set, const struct routeplace *at, const struct bcst *b)
{
	const bool root_cin = at->is_root && at->kind == ROUTE_CIN, bound = gnuid_is_set(&b->cid);
	struct servent_query q;
	bool down = route_down(at, b, &p->remote, &q);
	bool up = route_up(b) && !(root_cin && set->root_forward == ROOTFWD_PUSH);
	const bool info = down && is_info(p, b), addressed = gnuid_is_set(&b->dest);
	struct blob *msg;

	if (root_cin && !root_passes(p, set, b)) {
		if (b->grp & (PCP_BCST_GROUP_TRACKERS | PCP_BCST_GROUP_RELAYS))
			node_count(p->node, ROOT_DROPPED);      /* meant for others; announcements are not */
		return false;
	}
	/* What goes to many is limited; what climbs its own tree is not, nor is a title on its way down. */
	if (((up && !bound) || (down && !info)) && !may_spread(p, addressed)) {
		up = up && bound;
		down = info;
	}
	msg = up || down ? copy_of(p, b, info || addressed) : NULL;
	if (root_cin && (up || down))
		node_count(p->node, msg != NULL ? ROOT_FORWARDED : ROOT_DROPPED);
	if (msg == NULL)
		return false;
	if (up)
		post_up(p, b, msg);
	if (info) {
		blob_unref(&p->pass.info);
		p->pass.info = blob_ref(msg);
		pass_tick(p, clk_now());
	} else if (down) {
		spread(p, servmgr_post(p->node->sm, &q, msg));
	}
	blob_unref(&msg);
	return info;
}

/* A broadcast of ours that was written to out, for mailboxes; NULL when out of memory. */
static struct blob *own_copy(struct node *n, const struct buf *out)
{
	struct blob *msg = out->err == ST_OK ? blob_new(out->p, out->len) : NULL;
	struct bcst b;
	struct atom a;

	if (msg != NULL && atom_open(&a, msg->data, msg->len) == ST_OK && bcst_parse(&b, &a) == ST_OK)
		msg->key = key_of(&app_of(n)->passing, &b);
	return msg;
}

/* --- what the channel is called ----------------------------------------------------------------- */

void pass_changed(struct proc *p)
{
	p->pass.stale = true;
	pass_tick(p, clk_now());
}

nsec pass_due(const struct proc *p)
{
	const struct pass *s = &p->pass;

	if (s->info == NULL && !s->stale)
		return NSEC_NEVER;
	return s->info_at == 0 ? 0 : s->info_at + PASS_INFO;
}

bool pass_info(struct node *n, const struct chaninfo *i, const struct gnuid *not_remote)
{
	const struct servent_query q = { .types = 1u << SV_RELAY, .chan = i->id, .not_remote = *not_remote };
	struct blob *msg = NULL;
	struct buf out;

	buf_init(&out, PCP_ATOM_SEND_MAX);
	if (bcst_info_emit(&out, servmgr_sid(n->sm), i) == ST_OK)
		msg = own_copy(n, &out);
	buf_fini(&out);
	if (msg == NULL)
		return false;
	(void)servmgr_post(n->sm, &q, msg);
	blob_unref(&msg);
	return true;
}

/* Our own word is whole, theirs may be about a part. */
static bool tell_own(struct proc *p)
{
	struct chan *c = chanmgr_find(p->node->cm, &p->chan);
	struct chaninfo *i = c != NULL ? chan_info(c) : NULL;
	const bool ok = i == NULL || pass_info(p->node, i, &p->remote);

	chaninfo_unref(&i);
	chan_unref(&c);
	return ok;
}

static void tell(struct proc *p)
{
	const struct servent_query q = { .types = 1u << SV_RELAY, .chan = p->chan, .not_remote = p->remote };

	if (p->pass.stale) {
		if (!tell_own(p))
			return;                 /* no memory: it stays due */
		p->pass.stale = false;
	} else if (p->pass.info != NULL) {
		(void)servmgr_post(p->node->sm, &q, p->pass.info);
	}
	blob_unref(&p->pass.info);
}

void pass_tick(struct proc *p, nsec now)
{
	if (pass_due(p) > now)
		return;
	p->pass.info_at = now;
	tell(p);
}

void pass_end(struct proc *p)
{
	if (pass_due(p) != NSEC_NEVER)
		tell(p);
	blob_unref(&p->pass.info);
}
