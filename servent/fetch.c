/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source of a relayed channel: find a node that has it, fetch from it, leave it for a better one, search
 * again when it is lost.
 *
 *	SEARCHING -> CONNECTING -> RECEIVING -> (lost) SEARCHING ... -> given up: closed
 *	RECEIVING -> IDLE when nobody listens; IDLE -> SEARCHING when somebody asks
 *
 * This part searches, connects and ends. receive.c stays with an upstream, upstream.c decides whom to ask and
 * whom to leave, take.c what packets do; ask.c makes a request, trial.c tries another upstream beside one.
 *
 * Downstream is kept up to FETCH_LOST without a source; then it is let go (1008), and the channel ends
 * unless it is to be kept. A tip that has never worked is given up as soon as there is nobody left to ask.
 * source   pcp.md 7.4, 9.5, 10.5, 11.5, 17; media.md 9.1 rows 33, 34; node.md 7.2-7.5; settings.md 31
 */
#include "servent/fetch.h"

#include <stdlib.h>
#include <string.h>

#include "core/conf/roots.h"
#include "core/sys/log.h"
#include "core/sys/rng.h"
#include "pcp/quit.h"
#include "servent/conn.h"

#define CONNECT_TIME  (5 * NSEC_PER_SEC)
#define CONNECT_HURRY (3 * NSEC_PER_SEC)        /* while somebody below waits for data */
#define RESOLVE_TIME  (5 * NSEC_PER_SEC)
#define REQUEST_TIME  (45 * NSEC_PER_SEC)       /* answer and handshake together */
#define SEARCH_FIRST  (60 * NSEC_PER_SEC)       /* how long somebody waits for a channel that never played */
#define GIV_COMES     (15 * NSEC_PER_SEC)       /* who refused us may have asked another to dial us */
#define YP_TRIES      3

bool fetch_is_kept(struct fetch *f)
{
	struct chan_view v;
	bool keep;

	chan_view(f->c, &v);
	keep = v.keep;
	chan_view_fini(&v);
	return keep;
}

nsec fetch_let_go_at(const struct fetch *f)
{
	return f->served ? f->lost + FETCH_LOST : NSEC_NEVER;
}

bool fetch_is_of_family(const struct fetch *f, const struct host *h)
{
	return !f->fixed || host_is_v4(h) != f->v6;
}

/* --- whom else -------------------------------------------------------------------------------- */

static bool rests(void *ctx, const struct host *h, nsec *until)
{
	struct fetch *f = ctx;

	*until = NSEC_NEVER;
	return servmgr_is_self(f->a->node.sm, h) || chanmgr_rests(f->a->node.cm, h, until);
}

/* The sessions of our relays of the channel; the caller frees them. */
static struct gnuid *sessions_below(struct fetch *f, size_t *n)
{
	struct servent_view *views;
	struct gnuid *sids;
	size_t n_views;

	*n = 0;
	if (servmgr_views(f->a->node.sm, &f->id, &views, &n_views) != ST_OK)
		return NULL;
	sids = calloc(n_views + 1, sizeof(*sids));
	for (size_t i = 0; sids != NULL && i < n_views; i++)
		if (views[i].type == SV_RELAY && gnuid_is_set(&views[i].remote))
			sids[(*n)++] = views[i].remote;
	free(views);
	return sids;
}

bool fetch_is_below(struct fetch *f, const struct gnuid *sid)
{
	size_t n;
	struct gnuid *below = sessions_below(f, &n);
	bool yes = false;

	for (size_t i = 0; i < n; i++)
		yes = yes || gnuid_equal(&below[i], sid);
	free(below);
	return yes;
}

NOINLINE bool fetch_survey(struct fetch *f, const struct host *except, struct upstream_pick *p,
	nsec *behind)
{
	struct upstream_env e = {
		.now = clk_now(), .self = *servmgr_sid(f->a->node.sm), .except = *except, .yp = f->yp_sid,
		.lost = f->up.sock.fd == -1 && f->served ? f->silent : 0,
		.misses = f->failures + f->refusals,
		.memory = &f->memory, .pos = f->take.next, .rate = upstream_watch_rate(&f->watch),
		.rests = rests, .ctx = f, .rnd = rng_below,
	};
	struct hitlist_view lv;
	struct gnuid *below;
	struct own own;
	size_t n_below;
	bool ok = false;

	*p = (struct upstream_pick){ .soon = NSEC_NEVER, .rested = NSEC_NEVER };
	if (!chanmgr_list_view(f->a->node.cm, &f->id, true, &lv))
		return false;
	servmgr_own(f->a->node.sm, &own);
	below = sessions_below(f, &n_below);
	/* the channel's family; while that is open, the other one too */
	for (int i = 0; i < (f->fixed ? 1 : 2) && !ok; i++) {
		const nsec soon = p->soon, rested = p->rested;
		const int v6 = f->v6 != (i == 1);
		const struct hit us = { .rhost = { own.global[v6], own.local[v6] } };

		e.v6 = v6 != 0;
		e.global = own.global[v6];
		upstream_prune(lv.hits, lv.n, &us, below, n_below);
		ok = upstream_choose(&e, lv.hits, lv.n, p);
		p->soon = MIN(p->soon, soon);
		p->rested = MIN(p->rested, rested);
	}
	free(below);
	if (behind != NULL)
		*behind = upstream_watch_behind(&f->watch, lv.hits, lv.n);
	hitlist_view_fini(&lv);
	return ok;
}

void fetch_note_try(struct fetch *f, const struct host *to)
{
	upstream_note(&f->memory, to)->tried = clk_now();
	chanmgr_contacted(f->a->node.cm, &f->id, to);
}

/* --- one connection --------------------------------------------------------------------------- */

enum outcome {
	OUT_IDLE,       /* nobody listens */
	OUT_STOPPED,    /* the channel is closing */
	OUT_GONE,       /* the tracker says there is no such channel */
	OUT_LOST,       /* try another */
};

static NOINLINE void log_end(struct fetch *f, enum status st)
{
	char from[HOST_STRLEN], what[QUIT_STRLEN];
	const char *why = f->up.proc.why != NULL ? f->up.proc.why : status_str(st);
	const bool said = st == ST_EOF && f->up.quit != 0;

	if (st == ST_OK)
		why = "nobody listens";
	else if (f->bumped)
		why = "bumped";
	else if (said)
		why = quit_str(f->up.quit, what);
	else if (f->why != UPSTREAM_FINE)
		why = upstream_why_str(f->why);
	log_info("fetch %s: %s%s", host_str(&f->up.host, from), said ? "quit " : "", why);
}

static void count_end(struct fetch *f, enum status st)
{
	enum node_count c = NODE_UPSTREAM_LEFT;

	if (st == ST_OK || st == ST_STOPPED)
		return;                 /* we want no stream any more */
	if (f->bumped)
		c = NODE_UPSTREAM_BUMPED;
	else if (f->why != UPSTREAM_FINE && !(st == ST_EOF && f->up.quit != 0))
		c = (enum node_count)(NODE_UPSTREAM_LEFT + (int)f->why);
	node_count(&f->a->node, c);
}

/* It serves us. */
static enum outcome serve(struct fetch *f, bool *broke)
{
	char text[HOST_STRLEN];
	enum outcome out = OUT_LOST;
	enum status st;

	log_info("fetch %s: receiving from %s", host_str(&f->up.host, text), f->up.oleh.agent);
	node_count(&f->a->node, NODE_UPSTREAM_TAKEN);
	st = receive(f);
	log_end(f, st);
	count_end(f, st);
	if (st == ST_OK)
		out = OUT_IDLE;
	if (clk_now() - f->connected > FETCH_LOST)
		f->off_air = false;
	/* it should know; yet whom a user named may be a relay that only lost its own source */
	if (st == ST_EOF && f->up.as == ASK_TRACKER && f->up.quit == PCP_QUIT_OFFAIR)
		f->off_air = true;
	*broke = f->up.quit == 0 && (st == ST_EOF || st == ST_SYS);
	if ((st == ST_PROTO || st == ST_LIMIT) && f->up.quit == 0)
		f->up.quit = PCP_QUIT_BADRESPONSE;
	if (st != ST_EOF)
		receive_leave(f);
	if (f->take.received) {
		f->silent = f->take.fresh;
		f->lost = f->played = clk_now();
	}
	return out;
}

/* What a connection that did not last means for its host. */
static void note_end(struct fetch *f, enum status st, bool broke)
{
	struct upstream_past *past = upstream_note(&f->memory, &f->up.host);
	const bool tracker = f->up.as == ASK_TRACKER;

	/* one that is too busy to say more than that has a place soon, as any other that is full */
	if (f->up.code == 503 && (st == ST_OK || f->up.as != ASK_YP)) {
		f->refusals++;
		/* those whom it named may be as full, and there may be little time left for them */
		upstream_refused(past, f->up.as != ASK_RELAY, f->up.hosts > 0 && !f->served, clk_now(),
		                 rng_below);
		if (st == ST_OK)
			f->giv_until = clk_deadline(GIV_COMES);
		return;
	}
	past->refused = false;
	if (f->take.received)
		upstream_forgive(&f->memory, clk_now(), rng_below);
	f->failures += !f->take.received;
	if (f->given)
		return;                 /* not an address to be asked, nor to be left alone */
	if (st == ST_PROTO && f->up.quit == PCP_QUIT_LOOPBACK) {
		past->rests = NSEC_NEVER;       /* ourselves */
	} else if (f->bumped) {
		f->avoid = f->up.host;          /* others first; it may be the only one (settings.md 31) */
		f->avoid_as = f->up.as;
	} else if (f->take.received && quit_is_full(f->up.quit)) {
		/* it made room for another; a tracker will know who has a place, if it has not said so */
		if (tracker)
			upstream_refused(past, true, false, clk_now(), rng_below);
		else
			past->rests = clk_deadline(HIT_FAILED);
	} else if (tracker && f->take.received && broke) {
		f->again = f->up.host;          /* at once: it may only have restarted */
	} else if (f->why == UPSTREAM_SILENT) {
		past->fault = clk_now();        /* it may have lost the same source as we */
		past->rests = clk_now() + upstream_rest(0, true, true, rng_below);
	} else if (tracker && f->played != 0) {
		/* those below us will not wait for long */
		past->rests = clk_now() + upstream_return(f->served ? MIN(f->failures, 1u) : f->failures,
		                                          rng_below);
	} else {
		if (f->why != UPSTREAM_FINE)
			past->fault = clk_now();
		chanmgr_failed(f->a->node.cm, &f->id, &f->up.host);
	}
}

static NOINLINE void log_refusal(struct fetch *f, enum status st)
{
	char from[HOST_STRLEN];

	host_str(&f->up.host, from);
	if (f->up.code == 404)
		log_peer(LOG_INFO, &f->up.host, "fetch %s: channel not found", from);
	else if (f->up.code != 200 && f->up.code != 503)
		log_peer(LOG_INFO, &f->up.host, "fetch %s: answer %d", from, f->up.code);
	else
		log_peer(LOG_INFO, &f->up.host, "fetch %s: handshake: %s", from, status_str(st));
}

/* What is shown of a host that did serve us: why that ended. NULL = it is no fault of its. */
static const char *end_of(const struct fetch *f, bool broke)
{
	if (f->bumped)
		return NULL;
	if (quit_is_full(f->up.quit))
		return "made room for another";
	if (f->up.quit == PCP_QUIT_OFFAIR)
		return "off the air";
	if (f->why != UPSTREAM_FINE)
		return upstream_why_str(f->why);
	return broke ? "connection lost" : "stream error";
}

/* And of one that did not. */
static const char *refusal_of(const struct ask *up, enum status st, bool connected)
{
	if (!connected)
		return st == ST_TIMEOUT ? "no answer" : "not reachable";
	if (up->code == 503)
		return "full";
	if (up->quit == PCP_QUIT_LOOPBACK)
		return "this node itself";
	if (up->code == 404)
		return "channel not found";
	if (up->code != 0 && up->code != 200)
		return "refused";
	return st == ST_PROTO ? "protocol error" : "no answer";
}

/* Ask f->up.host, and stay with it as long as it is good. */
static enum outcome connect_and_fetch(struct fetch *f)
{
	const nsec let_go = fetch_let_go_at(f);
	char from[HOST_STRLEN];
	enum outcome out = OUT_LOST;
	enum status st = ST_OK;
	bool broke = false, connected = false, served = false;
	const char *why = NULL;

	f->connected = clk_now();
	f->last = f->up.host;
	f->bumped = false;
	f->why = UPSTREAM_FINE;
	f->up.trusted = f->up.as == ASK_YP ||
	                (f->up.as == ASK_TRACKER && host_equal(&f->up.host, &f->tip));
	take_begin(&f->take);
	chan_set_status(f->c, CHAN_CONNECTING);
	chan_set_source(f->c, &f->up.host, NULL, NULL);
	host_str(&f->up.host, from);
	if (!f->given) {
		fetch_note_try(f, &f->up.host);
		st = ask_connect(&f->up, &f->mbox,
		                 MIN(clk_deadline(f->served ? CONNECT_HURRY : CONNECT_TIME), let_go));
		if (st != ST_OK)
			log_peer(LOG_INFO, &f->up.host, "fetch %s: connect: %s", from, status_str(st));
	}
	if (st == ST_OK) {
		connected = true;
		st = ask_request(&f->up, take_wanted(&f->take), MIN(clk_deadline(REQUEST_TIME), let_go));
		if (st != ST_OK)
			log_refusal(f, st);
	}
	if (st != ST_OK && f->up.code == 404 && f->up.as != ASK_RELAY)
		out = OUT_GONE;
	if (st == ST_OK && fetch_is_below(f, &f->up.oleh.sid)) {
		log_info("fetch %s: it hangs on us itself", from);
		why = "fed by this node";
		pcpio_quit(&f->up.sock, PCP_QUIT);
		st = ST_PROTO;
	} else if (st == ST_OK && f->up.code == 503) {
		if (f->up.as == ASK_YP)
			f->yp_sid = f->up.oleh.sid;
		log_info("fetch %s: full, looking at the hosts it named", from);
		ask_refusal(&f->up, let_go);
	} else if (st == ST_OK) {
		out = serve(f, &broke);
		why = end_of(f, broke);
		served = true;
	}
	ask_close(&f->up);
	if (chan_is_closing(f->c) || mbox_is_stopped(&f->mbox))
		return OUT_STOPPED;
	if (why == NULL && !served)
		why = refusal_of(&f->up, st, connected);
	if (why != NULL && out != OUT_IDLE)
		chan_note_refusal(f->c, &f->up.host, false, why);
	if (out == OUT_LOST)
		note_end(f, st, broke);
	f->next_try = clk_now() + upstream_pause(f->failures, f->refusals, f->served, rng_below);
	return out;
}

/* --- the search ------------------------------------------------------------------------------- */

/* Look up that root; false: it is not to be had over our family, or it is this node. */
static bool find_yp(struct fetch *f, const char *name)
{
	struct host pair[2];

	f->up.as = ASK_YP;
	if (host_resolve_pair(pair, name, PCP_PORT, clk_deadline(RESOLVE_TIME)) != ST_OK)
		return false;
	f->up.host = pair[f->v6];
	if (!f->fixed && !host_is_set(&f->up.host))
		f->up.host = pair[!f->v6];
	return host_is_set(&f->up.host) && !servmgr_is_self(f->a->node.sm, &f->up.host);
}

/* Turn to the YP itself: spaced and limited (pcp.md 7.4); to the next one, where there are several. Else,
 * when it may be asked later, when. */
static bool pick_yp(struct fetch *f, nsec *when)
{
	const struct settings *set = conf_get(f->a->node.conf);
	char name[SETTINGS_TEXT], listed[SETTINGS_TEXT];
	/* the YP that lists the channel knows it best (node.md 9.4) */
	const char *roots = chandir_root(&f->a->node.chandir, &f->id, listed) ? listed : set->root_host;
	const size_t n = roots_count(roots);
	bool ok = false;
	nsec at;

	for (size_t i = 0; i < n && !ok && f->yp_tries < YP_TRIES * n; i++) {
		(void)roots_get(roots, f->yp_at++ % n, name);
		if (!servmgr_take_turn(f->a->node.sm, name, &at)) {
			*when = MIN(*when, at);
			continue;
		}
		f->yp_tries++;
		ok = find_yp(f, name);
	}
	settings_unref(&set);
	return ok;
}

/* Ask h next, whose place is then empty. Whoever takes us and drops us at once is not hammered. */
static bool use(struct fetch *f, struct host *h, enum ask_as as, nsec *when)
{
	if (host_equal(h, &f->last) && clk_now() < f->connected + FETCH_SAME) {
		*when = f->connected + FETCH_SAME;
		return false;
	}
	f->up.host = *h;
	f->up.as = as;
	*h = (struct host){ 0 };
	return true;
}

/* May a firewalled node be on its way to us? */
static bool giv_may_come(struct fetch *f)
{
	struct own own;

	servmgr_own(f->a->node.sm, &own);
	return own.fw[f->v6] != FW_CLOSED && clk_now() < f->giv_until;
}

/* The next host to ask, in f->up (pcp.md 11.5). False: nobody now; *when: perhaps then. */
static bool choose(struct fetch *f, nsec *when)
{
	struct upstream_pick p;
	bool ok;

	*when = NSEC_NEVER;
	f->given = chan_take_given(f->c, f->token, &f->up.sock, &f->mbox);
	if (f->given) {
		f->yp_tries = 0;
		f->up.host = f->up.sock.peer;
		f->up.as = ASK_RELAY;
		return true;
	}
	if (clk_now() < f->next_try && !host_is_set(&f->wanted)) {
		*when = f->next_try;
		return false;
	}
	if (host_is_set(&f->wanted))
		return use(f, &f->wanted, host_equal(&f->wanted, &f->tip) ? ASK_TRACKER : ASK_RELAY, when);
	if (host_is_set(&f->again))
		return use(f, &f->again, ASK_TRACKER, when);
	ok = fetch_survey(f, &f->avoid, &p, NULL);
	if (!ok && host_is_set(&f->avoid))
		return use(f, &f->avoid, f->avoid_as, when);
	f->avoid = (struct host){ 0 };
	if (ok) {
		f->yp_tries = 0;
		if (p.tracker && p.named)
			f->tip = p.host;
		return use(f, &p.host, p.tracker ? ASK_TRACKER : ASK_RELAY, when);
	}
	if (f->off_air) {
		ok = pick_yp(f, when);
		*when = NSEC_NEVER;     /* none is waited for */
		return ok;
	}
	*when = p.soon;
	/* whom we know is at rest; the YP may know others than those that failed */
	if ((*when == NSEC_NEVER || f->failures > 0) && pick_yp(f, when))
		return true;
	/* one that failed is worth waiting for only to those who had data before */
	if (f->served || fetch_is_kept(f))
		*when = MIN(*when, p.rested);
	if (*when == NSEC_NEVER && giv_may_come(f))
		*when = f->giv_until;
	return false;
}

/* Everybody below has waited long enough, yet the channel is kept. */
static void let_go(struct fetch *f)
{
	char id[GNUID_STRLEN];

	log_info("relay %s: no source, its listeners are let go", gnuid_str(&f->id, id));
	chan_let_go(f->c, f->token);
	take_forget(&f->take);
	f->served = f->fixed = false;
}

/* Nobody listens: wait until somebody asks. Returns false when the channel ends instead. */
static bool wait_wanted(struct fetch *f)
{
	enum status st = ST_OK;
	struct usage u;

	chan_set_source(f->c, NULL, NULL, NULL);
	chan_reset(f->c, f->token);
	take_forget(&f->take);
	chan_set_status(f->c, CHAN_IDLE);
	/* Whoever was admitted meanwhile is counted; whoever is later sees that we are idle, and bumps. */
	servmgr_usage(f->a->node.sm, &f->id, &u);
	while (u.relays + u.directs == 0 && !chan_is_held(f->c) && st == ST_OK &&
	       !chan_take_bump(f->c, &f->wanted))
		st = mbox_wait(&f->mbox, NSEC_NEVER);
	f->served = f->fixed = false;
	f->lost = clk_now();
	f->next_try = 0;
	f->failures = f->refusals = 0;
	return st == ST_OK;
}

/* Nobody can be asked before `when`, or the channel is gone. How long the search rests, in *until; false =
 * it is over. */
static bool go_on(struct fetch *f, bool gone, nsec when, nsec *until)
{
	const nsec now = clk_now();

	*until = when;
	if (!fetch_is_kept(f))
		return !gone && (f->served || when != NSEC_NEVER);
	/* even when it is off the air: it may come back */
	if (gone && f->served)
		let_go(f);
	f->yp_tries = 0;
	when = now + upstream_kept(now - MAX(f->played, f->lost), rng_below);
	*until = gone ? when : MIN(*until, when);
	return true;
}

/* No source for too long: those below are let go, or the channel ends (false). */
static bool is_patient(struct fetch *f)
{
	const nsec now = clk_now();

	if (now < (f->served ? fetch_let_go_at(f) : f->lost + SEARCH_FIRST))
		return true;
	if (!fetch_is_kept(f))
		return false;
	if (f->served)
		let_go(f);
	return true;
}

static void run(struct fetch *f)
{
	enum status st = ST_OK;
	struct host to;

	f->lost = clk_now();
	while (st != ST_STOPPED && !chan_is_closing(f->c) && is_patient(f)) {
		nsec when, until;
		bool found, gone;

		chan_set_status(f->c, CHAN_SEARCHING);
		if (chan_take_bump(f->c, &to) && host_is_set(&to) && fetch_is_of_family(f, &to))
			f->wanted = to;
		found = choose(f, &when);
		if (found) {
			enum outcome out = connect_and_fetch(f);

			if (out == OUT_STOPPED || (out == OUT_IDLE && !wait_wanted(f)))
				return;         /* the source stays named, to those who leave just now */
			chan_set_source(f->c, NULL, NULL, NULL);
			if (out != OUT_GONE)
				continue;
		}
		gone = found || (f->off_air && when == NSEC_NEVER);
		f->off_air = f->off_air && !gone;
		if (!go_on(f, gone, when, &until))
			return;
		/* a host told to wait, or one that may announce itself; whoever asks for us wakes us */
		st = mbox_wait(&f->mbox, MIN(until, fetch_let_go_at(f)));
	}
}

static void fetch_task(struct app *a, void *arg)
{
	struct chan *c = arg;
	char id[GNUID_STRLEN];
	struct fetch *f = calloc(1, sizeof(*f));

	gnuid_str(chan_id(c), id);
	if (f != NULL && mbox_init(&f->mbox) == ST_OK) {
		struct chan_view v;

		chan_view(c, &v);
		f->v6 = v.v6;
		chan_view_fini(&v);
		f->a = a;
		f->c = c;
		f->id = *chan_id(c);
		ask_init(&f->up, a, &f->id);
		if (chan_attach(c, &f->mbox, &f->token, clk_deadline(NSEC_PER_SEC)) == ST_OK) {
			take_init(&f->take, c, f->token);
			run(f);
			if (!f->told && !chan_is_closing(c) && !mbox_is_stopped(&f->mbox))
				notice_add(&a->node.notices, NOTICE_PEERCAST, "channelNotFound", "warning",
					&f->id, "Channel not found: %s", id);
			take_fini(&f->take);
			chan_close(c);
			chan_detach(c, f->token);
		}
		mbox_fini(&f->mbox);
	}
	free(f);
	chan_close(c);
	chanmgr_remove(a->node.cm, c);
	log_info("relay %s: ended", id);
	chan_unref(&c);
}

/* A channel of that kind is there: help its source along. */
static void ask_again(struct chan *c)
{
	if (chan_get_status(c) == CHAN_IDLE)
		chan_bump(c, NULL);
	else if (!chan_is_playing(c))
		chan_wake_source(c);    /* it may be resting */
}

/* List a new channel and start its thread. ST_PROTO: there is one already. */
static enum status start(struct node *n, const struct chanmeta *meta, const struct host *tip, bool keep,
	struct chan **out)
{
	struct chaninfo *info = chaninfo_new(meta);
	const struct settings *set;
	struct chan *c, *mine;
	enum status st;

	if (info == NULL)
		return ST_LIMIT;
	c = chan_new(info, CHAN_RELAY, CHAN_SRC_PEERCAST,
	             tip != NULL && host_is_set(tip) && !host_is_v4(tip));
	chaninfo_unref(&info);
	if (c == NULL)
		return ST_LIMIT;
	chan_set_keep(c, keep);
	chan_set_status(c, CHAN_SEARCHING);
	set = conf_get(n->conf);
	st = chanmgr_list_ensure(n->cm, &meta->id, NULL);
	if (st == ST_OK)
		st = chanmgr_add(n->cm, c, set->max_channels);
	settings_unref(&set);
	if (st != ST_OK) {
		chan_unref(&c);
		return st;
	}
	mine = chan_ref(c);
	st = app_task(app_of(n), "fetch", fetch_task, mine);
	if (st == ST_OK) {
		app_wake_house(app_of(n));      /* whoever relays wants to be reached */
		*out = c;
		return ST_OK;
	}
	chan_unref(&mine);
	chan_close(c);                  /* somebody may have found it already */
	chanmgr_remove(n->cm, c);
	chan_unref(&c);
	return st == ST_STOPPED ? ST_STOPPED : ST_LIMIT;
}

enum status fetch_restore(struct node *n, struct chanmeta *meta, const struct host *tip, bool keep,
	struct chan **out)
{
	char text[GNUID_STRLEN];
	enum status st;

	*out = chanmgr_find(n->cm, &meta->id);
	if (tip != NULL && host_is_set(tip) && !servmgr_is_self(n->sm, tip) &&
	    (*out == NULL || chan_type_of(*out) == CHAN_RELAY)) {
		st = chanmgr_tip(n->cm, &meta->id, tip);
		if (st != ST_OK)
			log_warn("relay %s: no room for its tip", gnuid_str(&meta->id, text));
	}
	if (*out != NULL) {
		ask_again(*out);
		return ST_OK;
	}
	if (meta->text[CT_TYPE][0] == '\0')
		(void)text_copy(meta->text[CT_TYPE], TEXT_MAX, "UNKNOWN");
	st = start(n, meta, tip, keep, out);
	if (st == ST_PROTO) {
		/* somebody was faster */
		*out = chanmgr_find(n->cm, &meta->id);
		return *out != NULL ? ST_OK : ST_LIMIT;
	}
	if (st == ST_OK)
		log_info("relay %s: started", gnuid_str(&meta->id, text));
	return st;
}

/* Is it looked for, and nobody has had a byte of it? Kept ones are the user's own. */
static bool is_sought(struct chan *c)
{
	struct chan_view v;
	bool yes;

	chan_view(c, &v);
	yes = v.type == CHAN_RELAY && !v.playing && v.status != CHAN_IDLE && !v.keep && v.pos == 0;
	chan_view_fini(&v);
	return yes;
}

/* Any page in a browser of this machine can ask for any channel at any address: not for many at once. */
static bool may_seek(struct node *n, const struct gnuid *id)
{
	struct chan *c = chanmgr_find(n->cm, id), **all;
	size_t count, sought = 0;

	if (c != NULL) {
		chan_unref(&c);
		return true;
	}
	if (chanmgr_all(n->cm, &all, &count) != ST_OK)
		return false;
	for (size_t i = 0; i < count; i++) {
		sought += is_sought(all[i]);
		chan_unref(&all[i]);
	}
	free(all);
	return sought < FETCH_SOUGHT;
}

enum status fetch_start(struct node *n, const struct gnuid *id, const struct host *tip, struct chan **out)
{
	struct chanmeta meta = { .id = *id };
	struct hitlist_view lv;
	struct host listed;
	char text[GNUID_STRLEN];

	*out = NULL;
	if (!may_seek(n, id)) {
		log_info("relay %s: not started: %d others are looked for", gnuid_str(id, text),
		         FETCH_SOUGHT);
		return ST_LIMIT;
	}

	if (chanmgr_list_view(n->cm, id, false, &lv)) {
		if (lv.info != NULL)
			chaninfo_to_meta(lv.info, &meta);
		hitlist_view_fini(&lv);
	}
	meta.id = *id;
	/* the user's yellow pages may know where it is */
	if ((tip == NULL || !host_is_set(tip)) && chandir_tip(&n->chandir, id, &listed))
		tip = &listed;
	return fetch_restore(n, &meta, tip, false, out);
}
