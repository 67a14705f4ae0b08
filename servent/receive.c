/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Receiving: one upstream serves us. What it sends goes to the channel, it hears of us, it is judged; and
 * when it is not good enough, or the user wants another one, others are tried beside it and taken over to
 * without a gap.
 * source   pcp.md 7.4, 9.5, 10.5; node.md 7.4; settings.md decision 31
 */
#include "servent/fetch.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "core/sys/rng.h"
#include "pcp/quit.h"
#include "servent/pass.h"

#define IDLE_AFTER    (10 * NSEC_PER_SEC)       /* without a listener (prefetchTime) */
#define JUDGE_TIME    (500 * NSEC_PER_MSEC)     /* how often the upstream is judged while data flow */
#define LOOK_TIME     (2 * NSEC_PER_SEC)        /* how often the hit list is looked at while it is in doubt */
#define LOOK_CALM     (10 * NSEC_PER_SEC)       /* and else */
#define TRIALS_USER   5                         /* hosts tried because the user wants another one */
#define SWITCH_MEMORY (600 * NSEC_PER_SEC)      /* changes older than that are forgotten */
#define LAST_READS    64                        /* of what the upstream to be left has sent */

/* --- the stream ------------------------------------------------------------------------------- */

/* The user may have waited for it; one that was only interrupted is no news. */
static NOINLINE void tell_playing(struct fetch *f)
{
	struct chaninfo *i;

	if (f->told)
		return;
	f->told = true;
	i = chan_info(f->c);
	notice_add(&f->a->node.notices, NOTICE_PEERCAST, "channelReceiving", "normal", &f->id,
		"Now receiving: %s", i->text[CT_NAME]);
	chaninfo_unref(&i);
}

static enum status on_packet(void *ctx, const struct pktatom *p)
{
	struct fetch *f = ctx;
	const uint32_t gaps = f->take.gaps;
	const nsec fresh = f->take.fresh, now = clk_now();
	enum status st = take_packet(&f->take, p, now);

	if (f->take.fresh == fresh || st != ST_OK)
		return st;
	if (fresh == 0) {
		/* before anybody has a byte of it */
		chan_set_status(f->c, CHAN_RECEIVING);
		tell_playing(f);
		upstream_note(&f->memory, &f->up.host)->delay = now - f->connected;
		upstream_note(&f->memory, &f->up.host)->refusals = 0;
	}
	f->up.hosts = 0;
	upstream_watch_data(&f->watch, now, f->take.next, f->take.gaps - gaps);
	return st;
}

static NOINLINE bool on_info(void *ctx, const struct chanatom *ca)
{
	struct fetch *f = ctx;
	struct chaninfo *i = chan_info(f->c);
	struct chanmeta m;
	bool bitrate_only, said, changed;

	chaninfo_to_meta(i, &m);
	chanatom_meta(ca, &m);
	m.id = f->id;
	said = m.text[CT_COMMENT][0] != '\0' && strcmp(m.text[CT_COMMENT], i->text[CT_COMMENT]) != 0;
	chaninfo_unref(&i);
	changed = m.text[CT_NAME][0] != '\0' && chan_set_info(f->c, &m, &bitrate_only);
	if (changed && said)
		notice_add(&f->a->node.notices, NOTICE_BROADCASTERS, "channelComment", "normal", &f->id,
			"%s: %s", m.text[CT_NAME], m.text[CT_COMMENT]);
	return changed;
}

/* --- status report ---------------------------------------------------------------------------- */

/* Tell the upstream when it is due (pcp.md 10.5), and note whether anybody listens. The first report goes
 * out with the first packet, new or not: when our stream has come round to us in a circle of nodes that all
 * lost their source, it is what finds that out. */
static enum status look_around(struct fetch *f, nsec now)
{
	struct report_facts facts;
	struct usage u;
	struct own own;
	enum status st;

	if (now < f->look_at)
		return ST_OK;
	servmgr_usage(f->a->node.sm, &f->id, &u);
	servmgr_own(f->a->node.sm, &own);
	if (u.relays + u.directs > 0 || chan_is_held(f->c))
		f->unused_since = 0;
	else if (f->unused_since == 0)
		f->unused_since = now;
	if (!f->take.met || f->take.head == NULL || f->take.next == pkt_end(f->take.head))
		return ST_OK;
	f->look_at = now + NSEC_PER_SEC;
	facts = (struct report_facts){ u.directs, u.relays, own.fw[f->v6] };
	if (report_due(&f->report, &facts) > now)
		return ST_OK;
	st = report_send(&f->report, &f->a->node, f->c, &f->up.io, &facts, clk_deadline(PCP_WRITE));
	if (f->report_again)
		f->report.told.directs = UINT32_MAX;    /* as if that had changed */
	f->report_again = false;
	return st;
}

/* --- one connection --------------------------------------------------------------------------- */

/* The node at the other end is our source from here on. */
static void begin(struct fetch *f)
{
	const nsec now = clk_now();

	f->v6 = !host_is_v4(&f->up.host);
	f->fixed = true;
	chan_set_v6(f->c, f->v6);
	f->up.proc.packet = on_packet;
	f->up.proc.info = on_info;
	f->up.proc.ctx = f;
	/* Before all those below us, who starve as well, think that we are at fault (UPSTREAM_STALL). */
	sock_set_alert(&f->up.sock);
	take_begin(&f->take);
	upstream_watch_begin(&f->watch, now);
	f->judge_at = f->surveyed = 0;
	f->others = false;
	f->behind = 0;
	f->report = (struct report){ .sent = 0 };
	f->look_at = 0;
	f->unused_since = 0;
	chan_set_source(f->c, &f->up.host, &f->up.oleh.sid, NULL);
}

/* Process what has arrived. ST_EOF: the peer said quit. */
static enum status process(struct fetch *f)
{
	enum status st, flushed;
	struct atom at;

	do
		st = ask_atom(&f->up, &at);
	while (st == ST_OK);
	flushed = take_flush(&f->take);
	return st == ST_TIMEOUT ? flushed : st;
}

/* Last words to an upstream, on a thread of their own: a peer that is slow to close holds up nobody. */
struct goodbye {
	struct chan *c;                 /* a reference */
	struct ask up;
	struct report report;
};

static void goodbye_task(struct app *a, void *arg)
{
	struct goodbye *g = arg;

	report_farewell(&g->report, &a->node, g->c, &g->up.io, clk_deadline(GOODBYE));
	pcpio_quit(&g->up.sock, PCP_QUIT);
	ask_close(&g->up);
	chan_unref(&g->c);
	free(g);
}

static void say_goodbye(struct fetch *f)
{
	struct goodbye *g = calloc(1, sizeof(*g));

	if (g == NULL) {
		ask_close(&f->up);
		return;
	}
	g->c = chan_ref(f->c);
	g->report = f->report;
	ask_move(&g->up, &f->up, NULL);
	if (app_task(f->a, "goodbye", goodbye_task, g) != ST_OK)
		goodbye_task(f->a, g);
}

void receive_leave(struct fetch *f)
{
	sock_deafen(&f->up.sock);
	report_farewell(&f->report, &f->a->node, f->c, &f->up.io, clk_deadline(GOODBYE));
	pcpio_quit(&f->up.sock, servmgr_is_stopping(f->a->node.sm) ? PCP_QUIT_SHUTDOWN
	                      : f->up.quit != 0 ? f->up.quit : PCP_QUIT);
}

/* --- another one, tried beside the one in use ------------------------------------------------- */

static bool start_trial(struct fetch *f, const struct host *to, bool tracker)
{
	char text[HOST_STRLEN];

	trial_drop(&f->trial, &f->mbox);
	fetch_note_try(f, to);
	f->trial = trial_start(f->a, f->c, to, tracker ? ASK_TRACKER : ASK_RELAY, take_wanted(&f->take));
	if (f->trial != NULL)
		log_info("fetch %s: tried beside the present source", host_str(to, text));
	return f->trial != NULL;
}

/* Try the next other host. False when there is none. */
static bool try_other(struct fetch *f)
{
	struct upstream_pick p;

	return fetch_survey(f, &f->up.host, &p, NULL) && start_trial(f, &p.host, p.tracker);
}

/* The user wants another source. True: it is tried while this one goes on serving. */
static bool try_for_user(struct fetch *f, const struct host *to)
{
	bool ok;

	if (!f->take.received || clk_now() - f->take.fresh > UPSTREAM_CHANCE)
		return false;           /* nothing to be kept */
	if (host_is_set(to) && host_equal(to, &f->up.host))
		return false;
	ok = host_is_set(to) ? start_trial(f, to, host_equal(to, &f->tip)) : try_other(f);
	f->user_trials = ok ? TRIALS_USER : 0;
	return ok;
}

/* Go over to the host that was tried: new data have come from there. Readers see positions go on. */
static enum status adopt(struct fetch *f)
{
	char text[HOST_STRLEN];
	enum status st = ST_OK;
	struct buf seen;
	size_t n;

	/* what the other has sent still counts */
	for (int i = 0; i < LAST_READS && st == ST_OK; i++) {
		st = pcpio_pump(&f->up.io, clk_now());
		if (st == ST_OK)
			st = process(f);
	}
	pass_end(&f->up.proc);
	say_goodbye(f);
	trial_take(f->trial, &f->up, &seen, &f->mbox);
	trial_drop(&f->trial, &f->mbox);
	f->connected = clk_now();
	f->last = f->up.host;
	f->report_again = true;
	begin(f);
	log_info("fetch %s: receiving from %s", host_str(&f->up.host, text), f->up.oleh.agent);
	st = ST_OK;
	for (size_t at = 0; at < seen.len && st == ST_OK; at += n) {
		struct atom a;

		st = atomscan_whole(seen.p + at, seen.len - at, &atomlimits_fetch, &n);
		if (st == ST_OK)
			st = atom_open(&a, seen.p + at, n);
		if (st == ST_OK)
			st = proc_atom(&f->up.proc, &a, &f->up.quit);
	}
	buf_fini(&seen);
	return st == ST_OK ? process(f) : st;
}

/* What a trial that came to nothing has taught. */
static void note_trial(struct fetch *f, enum trial_state end)
{
	enum ask_as as;
	const struct host *to = trial_host(f->trial, &as);
	struct upstream_past *past = upstream_note(&f->memory, to);
	static const char *const shown[] = {
		[TRIAL_FULL] = "full", [TRIAL_GONE] = "channel not found", [TRIAL_SELF] = "this node itself",
		[TRIAL_UNREACHED] = "not reachable", [TRIAL_FAILED] = "refused",
		[TRIAL_DRY] = "gives nothing new",
	};
	char text[HOST_STRLEN];

	log_info("fetch %s: %s", host_str(to, text), end == TRIAL_FULL ? "full" : "no better");
	chan_note_refusal(f->c, to, false, shown[end]);
	switch (end) {
	case TRIAL_FULL:
		upstream_refused(past, as != ASK_RELAY, trial_named(f->trial), clk_now(), rng_below);
		return;
	case TRIAL_SELF:
		past->rests = NSEC_NEVER;
		break;
	case TRIAL_DRY:
		past->fault = clk_now();
		past->rests = clk_deadline(UPSTREAM_STAY);
		break;
	default:
		chanmgr_failed(f->a->node.cm, &f->id, to);
		break;
	}
	past->refused = false;
}

/* Has the trial ended? */
static enum status look_at_trial(struct fetch *f)
{
	const nsec now = clk_now();
	enum trial_state end = f->trial != NULL ? trial_look(f->trial) : TRIAL_RUNS;
	const bool user = f->user_trials > 0;

	if (end == TRIAL_RUNS)
		return ST_OK;
	if (end == TRIAL_GOOD && fetch_is_below(f, trial_sid(f->trial)))
		end = TRIAL_DRY;        /* it has come to hang on us meanwhile */
	if (end == TRIAL_GOOD) {
		if (now - f->switched > SWITCH_MEMORY)
			f->switches = 0;
		f->switches += !user;
		f->switched = now;
		node_count(&f->a->node, user ? NODE_UPSTREAM_BUMPED : NODE_UPSTREAM_BETTER);
		node_count(&f->a->node, NODE_UPSTREAM_TAKEN);
		f->trials = f->user_trials = 0;
		return adopt(f);
	}
	note_trial(f, end);
	trial_drop(&f->trial, &f->mbox);
	if (user && --f->user_trials > 0 && try_other(f))
		return ST_OK;
	if (!user)
		f->trial_at = now + upstream_rest(f->trials++, true, true, rng_below);
	f->user_trials = 0;
	return ST_OK;
}

static enum status on_bump(struct fetch *f, struct host *to)
{
	char text[HOST_STRLEN];

	if (host_is_set(to) && !fetch_is_of_family(f, to)) {
		log_info("fetch %s: not of the channel's address family", host_str(to, text));
		return ST_OK;
	}
	/* one without a host may have been meant to end our idleness */
	if (!f->take.received && !host_is_set(to) && clk_now() - f->connected < FETCH_SAME)
		return ST_OK;
	if (try_for_user(f, to))
		return ST_OK;
	f->bumped = true;
	f->wanted = *to;
	return ST_TIMEOUT;
}

/* Woken: a bump, or the end of a trial. */
static enum status hear(struct fetch *f)
{
	enum status st = ST_OK;
	struct host to;

	if (!f->mbox.mail)
		return ST_OK;
	f->mbox.mail = false;
	if (chan_take_bump(f->c, &to))
		st = on_bump(f, &to);
	return st == ST_OK ? look_at_trial(f) : st;
}

/* --- receiving -------------------------------------------------------------------------------- */

/* Is the upstream good enough? ST_TIMEOUT: it is not, for f->why. */
static enum status judge(struct fetch *f, nsec now, nsec *wake)
{
	const struct upstream_watch *w = &f->watch;
	struct upstream_evidence e = {
		.now = now, .since = w->since, .fresh = w->fresh, .tracker = f->up.as == ASK_TRACKER,
		.known = f->take.known_since != 0, .let_go = fetch_let_go_at(f),
		.first = upstream_watch_first(w, now),
		.gaps = upstream_watch_gaps(w, now), .dry = upstream_watch_dry(w, now),
		.switched = f->switched, .switches = f->switches,
	};
	const bool doubt = e.gaps > 0 || e.dry > 0 || f->behind > 0 || w->fresh == 0;
	struct upstream_verdict v;
	char text[HOST_STRLEN];

	if (now < f->judge_at) {
		*wake = f->judge_at;
		return ST_OK;
	}
	if (now - f->surveyed >= (doubt ? LOOK_TIME : LOOK_CALM)) {
		struct upstream_pick p;

		f->others = fetch_survey(f, &f->up.host, &p, &f->behind);
		f->surveyed = now;
	}
	e.others = f->others;
	e.behind = f->behind;
	chan_set_patience(f->c, e.first);
	v = upstream_judge(&e);
	if (v.leave) {
		f->why = v.why;
		return ST_TIMEOUT;
	}
	if (v.why != UPSTREAM_FINE && f->trial == NULL && now >= f->trial_at) {
		log_info("fetch %s: %s", host_str(&f->up.host, text), upstream_why_str(v.why));
		if (!try_other(f))
			f->trial_at = now + LOOK_TIME;
	}
	f->judge_at = now + JUDGE_TIME;
	*wake = doubt ? MIN(v.again, now + LOOK_TIME) : v.again;
	return ST_OK;
}

static enum status converse(struct fetch *f)
{
	bool told = false;
	enum status st;

	for (;;) {
		nsec now, wake = NSEC_NEVER;
		int got;

		st = process(f);
		now = clk_now();
		if (st == ST_OK && f->take.received && !told) {
			told = f->served = true;
			f->failures = f->refusals = f->yp_tries = 0;
		}
		if (st == ST_OK)
			st = look_around(f, now);
		pass_tick(&f->up.proc, now);
		if (st == ST_OK)
			st = pcpio_mail(&f->up.io, &f->mbox, clk_deadline(PCP_WRITE));
		if (st == ST_OK)
			st = hear(f);
		if (st == ST_OK)
			st = judge(f, now, &wake);
		if (st != ST_OK)
			return st;
		if (f->unused_since != 0 && now - f->unused_since >= IDLE_AFTER && told && !fetch_is_kept(f))
			return ST_OK;
		wake = MIN(wake, pcpio_deadline(&f->up.io));
		wake = MIN(wake, now + NSEC_PER_SEC * (f->unused_since != 0 ? 1 : 10));
		wake = MIN(wake, MIN(pass_due(&f->up.proc), pcpio_mail_due(&f->up.io, &f->mbox)));
		st = sock_wait(&f->up.sock, SOCK_IN, &got, wake);
		if (st == ST_TIMEOUT) {
			if (clk_now() >= pcpio_deadline(&f->up.io))
				return ST_TIMEOUT;
			continue;
		}
		if (st != ST_OK)
			return st;
		if (got & SOCK_MAIL)
			f->mbox.mail = true;
		if (got & SOCK_IN) {
			st = pcpio_pump(&f->up.io, clk_deadline(NSEC_PER_SEC));
			if (st != ST_OK && (st != ST_TIMEOUT || clk_now() >= pcpio_deadline(&f->up.io)))
				return st;
		}
	}
}

enum status receive(struct fetch *f)
{
	enum status st;

	begin(f);
	st = converse(f);
	trial_drop(&f->trial, &f->mbox);
	return st;
}
