/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/proc.h"

#include <stdlib.h>

#include "core/sys/log.h"
#include "pcp/bcst.h"
#include "pcp/hostatom.h"
#include "pcp/pcp.h"
#include "pcp/quit.h"
#include "pcp/route.h"
#include "servent/app.h"
#include "servent/chanlogd.h"
#include "servent/giv.h"
#include "servent/livesync.h"

/* What is known while one top-level atom is handled; nothing of it outlives the atom. */
struct ctx {
	const struct settings *set;
	const struct bans *bans;        /* of a root; NULL = none */
	struct routeplace place;
	bool root_cin;                  /* a client of ours, and we are a root */
	uint8_t hops;                   /* of the envelope, counted up */
	struct gnuid cid;               /* channel of what follows; unset = none yet */
	struct chanatom chan;           /* pending: not announced yet, its host may follow */
	bool pending;
	bool news;                      /* fetch: what its channel is called has changed */
	uint32_t quit;
};

/* --- limits ----------------------------------------------------------------------------------- */

static const struct budget new_hits = { NSEC_PER_SEC / PROC_HITS, PROC_HITS };

/* May it still send? (proc.h) */
static bool within_budget(struct proc *p, const struct ctx *x, const struct atom *a)
{
	static const struct budget atoms = { NSEC_PER_SEC / PROC_ATOMS, PROC_ATOMS_BURST };
	const size_t units = MIN(1 + a->size / PROC_ATOM_UNIT, (size_t)PROC_ATOMS_BURST);

	if (x->root_cin || p->kind == PROC_COUT || p->kind == PROC_FETCH)
		return true;
	return bucket_take(&p->atoms, &atoms, (uint32_t)units, clk_now());
}

/* --- channels and hosts ----------------------------------------------------------------------- */

/* Remember which channels go with this connection. */
static void note_announced(struct proc *p, const struct gnuid *id)
{
	for (uint32_t i = 0; i < MIN(p->n_announced, (uint32_t)PROC_ANNOUNCED); i++) {
		if (gnuid_equal(&p->announced[i], id))
			return;
	}
	p->announced[p->n_announced++ % PROC_ANNOUNCED] = *id;
}

/* An announcement that a root does not take: counted, and told once for each connection. */
static void refused(struct proc *p, enum node_count why, const struct gnuid *chan, const char *text)
{
	char hs[HOST_STRLEN], id[GNUID_STRLEN];

	node_count(p->node, why);
	if (!p->told_refused)
		log_peer(LOG_INFO, &p->peer, "%s: channel %s refused: %s", host_str(&p->peer, hs),
			gnuid_str(chan, id), text);
	p->told_refused = true;
}

static void announced(struct proc *p, struct ctx *x, const struct announce *an,
	const struct announce_result *r, nsec now)
{
	struct app *a = app_of(p->node);

	if (r->hit_new)
		bucket_spend(&p->hits, &new_hits, 1, now);
	if (r->refused) {
		refused(p, ROOT_REFUSED_OWNER, an->chan, "it belongs to another broadcaster");
		return;
	}
	if (x->root_cin) {
		node_count(p->node, ROOT_ANNOUNCED);
		livesync_news(a->livesync, an->chan, SYNC_STOP);
	}
	if (p->kind == PROC_CIN && an->hit != NULL && (an->hit->flags & HIT_RECV))
		note_announced(p, an->chan);
	if (a->chanlog == NULL)
		return;
	if (an->meta != NULL && r->info != NULL)
		chanlogd_update(a->chanlog, an->chan, r);
	if (r->hit_removed)
		chanlogd_stopping(a->chanlog, an->chan);
}

/* Tell the hit lists, and the log. c or h may be NULL. Apart, for its big frame. */
static NOINLINE void announce(struct proc *p, struct ctx *x, const struct gnuid *id,
	const struct chanatom *c, struct hit *h)
{
	const nsec now = clk_now();
	const bool full = bucket_next(&p->hits, &new_hits) > now;
	const bool itself = h != NULL && gnuid_equal(&h->sid, &p->remote);
	const bool listed = p->kind == PROC_FETCH && !x->place.in_bcst; /* with a refusal, for us */
	struct announce an = {
		.chan = id, .hit = h, .self = servmgr_sid(p->node->sm), .via = &p->remote,
		.root = x->root_cin,
		.create = x->root_cin || p->kind != PROC_CIN,
		.known_only = full,
	};
	struct announce_result r;
	struct chanmeta meta;           /* only what `present` names is ever looked at */
	char hs[HOST_STRLEN];

	an.create = an.create && !full;
	if (c != NULL) {
		an.present = chanatom_meta(c, &meta);
		an.meta = &meta;
	}
	if (bans_channel(x->bans, id) ||
	    ((an.present & 1u << CT_NAME) && bans_name(x->bans, meta.text[CT_NAME]))) {
		refused(p, ROOT_REFUSED_BAN, id, "it is banned");
		return;
	}
	if (h != NULL) {
		h->chan = *id;
		h->via = p->remote;
		h->heard = now;
		h->near = (itself || listed) && hit_is_near(h, &p->peer, itself);
	}
	if (chanmgr_announce(p->node->cm, &an, &r) != ST_OK)
		log_peer(LOG_WARN, &p->peer, "%s: announcement lost: too many channels or hosts",
			host_str(&p->peer, hs));
	announced(p, x, &an, &r, now);
	announce_result_fini(&r);
}

/* The chan that waited for its host. */
static void flush(struct proc *p, struct ctx *x)
{
	if (!x->pending)
		return;
	x->pending = false;
	announce(p, x, &x->chan.id, &x->chan, NULL);
}

static enum status stray_packet(struct proc *p, struct ctx *x)
{
	if (++p->stray_packets < PROC_STRAYS)
		return ST_OK;
	p->why = "stream packets from a node that may not send them";
	x->quit = PCP_QUIT_BADRESPONSE;
	return ST_PROTO;
}

/* A channel without an id. What a root would list of it is nobody's (yp.md 5). */
static enum status nameless(struct proc *p, struct ctx *x)
{
	if (!x->root_cin || ++p->nameless < PROC_NAMELESS)
		return ST_OK;
	p->why = "channels without an id";
	x->quit = PCP_QUIT_BADRESPONSE;
	return ST_PROTO;
}

static enum status on_chan(struct proc *p, struct ctx *x, const struct atom *a)
{
	const bool own = p->kind == PROC_FETCH || p->kind == PROC_RELAY;
	struct chanatom c;
	struct pktatom pkt;

	flush(p, x);
	if (chanatom_parse(&c, a) != ST_OK || !(c.has & CHANATOM_ID))
		return nameless(p, x);
	x->cid = c.id;
	/* What is nothing but a packet tells nothing of the channel. */
	if (!(c.has & CHANATOM_PKT) || (c.has & (CHANATOM_INFO | CHANATOM_TRCK))) {
		if (route_accept(&x->place, ATOM_INFO) == ROUTE_TAKE &&
		    (!own || gnuid_equal(&c.id, &p->chan))) {
			x->chan = c;
			x->pending = true;
			if (own && p->info != NULL && p->info(p->ctx, &c))
				x->news = true;
			/* Only for a root it matters that chan and host are judged as one. */
			if (!x->root_cin)
				flush(p, x);
		}
	}
	if (!(c.has & CHANATOM_PKT))
		return ST_OK;
	if (route_accept(&x->place, ATOM_PKT) != ROUTE_TAKE || !gnuid_equal(&c.id, &p->chan) ||
	    p->packet == NULL)
		return stray_packet(p, x);
	return chanatom_pkt(&c, &pkt) ? p->packet(p->ctx, &pkt) : ST_OK;
}

/* Nobody reaches no address, and nobody on the internet a private one; who is near may announce that
 * (yp.md 5). */
static bool is_reachable(const struct proc *p, const struct hit *h)
{
	return host_is_set(&h->rhost[0]) &&
		(host_is_global(&h->rhost[0]) || !host_is_global(&p->peer));
}

/* May a host with this address be listed here? (yp.md 2.5, 5) */
static bool policy_allows(struct proc *p, const struct ctx *x, const struct hit *h)
{
	struct own own;

	if (!x->root_cin || !(h->flags & HIT_RECV))
		return true;
	if (!is_reachable(p, h))
		return false;
	switch (x->set->announce_policy) {
	case ANNOUNCE_SAMEIP:
		if (host_same_ip(&h->rhost[0], &p->peer) || host_same_ip(&h->rhost[1], &p->peer))
			return true;
		/* From our own network it is seen at a private address, and announces the global one. */
		servmgr_own(p->node->sm, &own);
		return !host_is_global(&p->peer) &&
			host_same_ip(&h->rhost[0], &own.global[!host_is_v4(&h->rhost[0])]);
	case ANNOUNCE_PORTOPEN:
		return p->port_open;
	case ANNOUNCE_OPEN:
		break;
	}
	return true;
}

static void on_host(struct proc *p, struct ctx *x, const struct atom *a)
{
	struct hit h;
	struct gnuid id;

	if (hostatom_parse(&h, a, gnuid_is_set(&x->cid) ? &x->cid : NULL, x->hops) != ST_OK)
		return;
	if (!gnuid_is_set(&h.chan) && (p->kind == PROC_FETCH || p->kind == PROC_RELAY))
		h.chan = p->chan;
	id = h.chan;
	switch (p->kind) {
	case PROC_FETCH:
	case PROC_RELAY:
		if (!gnuid_equal(&id, &p->chan))
			return;
		break;
	case PROC_CIN:
		if (!gnuid_is_set(&id))
			return;
		break;
	case PROC_COUT:         /* without a channel: a tracker to go to instead (pcp.md 7.2) */
		break;
	}
	if (servmgr_is_self(p->node->sm, &h.rhost[0]))
		return;
	if (!policy_allows(p, x, &h)) {
		refused(p, ROOT_REFUSED_POLICY, &id,
			is_reachable(p, &h) ? "announcePolicy" : "nobody reaches that address");
		x->pending = false;
		return;
	}
	if (x->pending && gnuid_equal(&x->chan.id, &id)) {
		x->pending = false;
		announce(p, x, &id, &x->chan, &h);
	} else {
		flush(p, x);
		announce(p, x, &id, NULL, &h);
	}
}

void proc_gone(struct proc *p, bool goodbye)
{
	const struct settings *set = conf_get(p->node->conf);
	const nsec grace = (nsec)set->ghost_timeout * NSEC_PER_SEC;
	const uint32_t n = MIN(p->n_announced, (uint32_t)PROC_ANNOUNCED);
	struct app *a = app_of(p->node);

	for (uint32_t i = 0; i < n; i++) {
		if (goodbye && set->is_root && a->chanlog != NULL)
			chanlogd_stopping(a->chanlog, &p->announced[i]);
		chanmgr_session_gone(p->node->cm, &p->remote, &p->announced[i], goodbye, grace);
		if (goodbye && set->is_root)
			livesync_news(a->livesync, &p->announced[i], SYNC_STOP);
	}
	/* A root knows hosts from themselves; elsewhere others tell of them, too. */
	if (!set->is_root || p->n_announced > PROC_ANNOUNCED)
		chanmgr_session_gone(p->node->cm, &p->remote, NULL, goodbye, grace);
	if (goodbye && p->n_announced > PROC_ANNOUNCED)
		livesync_look(a->livesync);
	settings_unref(&set);
}

/* --- broadcasts ------------------------------------------------------------------------------- */

static enum status act(struct proc *p, struct ctx *x, const struct atom *a);

/* What a bcst or atom holds. Bags inside it are opened by the bag, so this is entered twice at most. */
static enum status open_bag(struct proc *p, struct ctx *x, struct atombag *bag)
{
	enum status st = ST_OK;
	struct atom c;

	while (st == ST_OK && atombag_next(bag, &c))
		st = act(p, x, &c);
	flush(p, x);
	return st;
}

/* What is addressed to that node goes out on this connection from now on (pcp.md 10.1, 10.4). */
static void note_route(struct proc *p, const struct gnuid *from)
{
	if (p->sv != NULL) {
		servent_heard(p->sv, from);
	} else {
		struct chan *c = chanmgr_find(p->node->cm, &p->chan);

		if (c != NULL)
			chan_heard(c, from);
		chan_unref(&c);
	}
}

static enum status on_bcst(struct proc *p, struct ctx *outer, const struct atom *a)
{
	struct ctx x = { .set = outer->set, .bans = outer->bans, .place = outer->place,
	                 .root_cin = outer->root_cin };
	struct routeplan plan;
	struct atombag bag;
	struct bcst b;
	enum status st = ST_OK;

	flush(p, outer);
	if (bcst_parse(&b, a) != ST_OK)
		return ST_OK;
	plan = route_plan(&b, servmgr_sid(p->node->sm));
	if (plan.loop) {
		p->why = "our own broadcast came back";
		outer->quit = PCP_QUIT_LOOPBACK;
		return ST_PROTO;
	}
	note_route(p, &b.from);
	if (pass_repeated(p, &b))
		return ST_OK;
	if (plan.process) {
		x.place.in_bag = x.place.in_bcst = true;
		x.place.to_me = plan.to_me;
		x.cid = b.cid;
		x.hops = bcst_hops_next(&b);
		bcst_payload(&b, &bag);
		st = open_bag(p, &x, &bag);
		outer->quit = x.quit;
	}
	if (st == ST_OK && plan.forward && pass_on(p, outer->set, &outer->place, &b))
		x.news = false;
	outer->news = outer->news || x.news;
	return st;
}

/* --- every atom ------------------------------------------------------------------------------- */

static NOINLINE void on_root(struct proc *p, const struct atom *a)
{
	struct root r;

	if (p->root != NULL && root_parse(&r, a) == ST_OK)
		p->root(p->ctx, &r);
}

static NOINLINE void on_push(const struct proc *p, const struct atom *a)
{
	struct push push;

	if (push_parse(&push, a) == ST_OK)
		giv_obey(app_of(p->node), &push, &p->remote);
}

static NOINLINE void on_mesg(const struct proc *p, const struct atom *a)
{
	char text[TEXT_MAX], hs[HOST_STRLEN];

	if (mesg_parse(a, text))
		log_debug("%s: message: %s", host_str(&p->peer, hs), text);
}

/* An id of no dictionary (pcp.md 2.6). */
static void on_unknown(struct proc *p, const struct atom *a)
{
	char hs[HOST_STRLEN], id[ATOM_IDSTR];

	switch (a->id) {
	case ATOM_HELO:
	case ATOM_OLEH:
	case ATOM_PCP:
	case ATOM_ROOT:
	case ATOM_PUSH:
	case ATOM_HOST:
	case ATOM_BCST:
	case ATOM_QUIT:
		return;
	default:
		break;
	}
	if (!p->told_unknown)
		log_peer(LOG_INFO, &p->peer, "%s: unknown atom \"%s\" ignored",
			host_str(&p->peer, hs), atom_id_str(a->id, id));
	p->told_unknown = true;
}

static enum status act(struct proc *p, struct ctx *x, const struct atom *a)
{
	struct atombag bag;

	switch (route_accept(&x->place, a->id)) {
	case ROUTE_IGNORE:
		on_unknown(p, a);
		return ST_OK;
	case ROUTE_REFUSE:
		p->why = "root settings from a client";
		x->quit = PCP_QUIT_BADRESPONSE;
		return ST_PROTO;
	case ROUTE_TAKE:
		break;
	}
	switch (a->id) {
	case ATOM_CHAN:
		return on_chan(p, x, a);
	case ATOM_HOST:
		on_host(p, x, a);
		return ST_OK;
	case ATOM_BCST:
		return on_bcst(p, x, a);
	case ATOM_ATOM:
		x->place.in_bag = true;
		atombag_init(&bag, a);
		return open_bag(p, x, &bag);
	case ATOM_ROOT:
		on_root(p, a);
		return ST_OK;
	case ATOM_MESG:
	case ATOM_ASCI:
		on_mesg(p, a);
		return ST_OK;
	case ATOM_QUIT:
		x->quit = quit_parse(a);
		return ST_EOF;
	case ATOM_PUSH:
		on_push(p, a);
		return ST_OK;
	default:
		return ST_OK;
	}
}

enum status proc_atom(struct proc *p, const struct atom *a, uint32_t *quit)
{
	static const enum routekind kind[] = {
		[PROC_CIN] = ROUTE_CIN, [PROC_COUT] = ROUTE_COUT, [PROC_RELAY] = ROUTE_RELAY,
		[PROC_FETCH] = ROUTE_FETCH,
	};
	struct ctx x = { .set = conf_get(p->node->conf), .hops = p->n_named };
	struct bans *bans = NULL;
	enum status st;

	x.place.kind = kind[p->kind];
	x.place.is_root = x.set->is_root;
	x.place.from_yp = p->kind == PROC_COUT && p->yp;
	x.root_cin = x.place.is_root && p->kind == PROC_CIN;
	if (x.root_cin)
		x.bans = bans = node_bans(p->node);
	if (within_budget(p, &x, a)) {
		st = act(p, &x, a);
		flush(p, &x);
	} else {
		p->why = "more than a connection may send";
		x.quit = PCP_QUIT_BADRESPONSE;
		st = ST_LIMIT;
	}
	if (x.news)
		pass_changed(p);
	bans_unref(&bans);
	settings_unref(&x.set);
	*quit = x.quit;
	return st;
}
