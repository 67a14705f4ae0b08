/* SPDX-License-Identifier: GPL-2.0-or-later */
/* COUT: our control connection to the yellow page while we broadcast.
 *
 * One thread, started by app_wake_cout(). It is the only sender of tracker updates: it keeps a table of
 * the broadcasts, what the other side was told of each, and when; on every wake-up and at every due
 * moment it compares and sends. Without a broadcast for LINGER it ends.
 *
 * rootHost may name several roots that share one list. We are connected to one of them, and stay there until
 * it is gone; then the next of the list has its turn, at once when it has not failed itself. Each keeps the
 * distances and pauses of pcp.md 7.2 for itself.
 *
 * source   pcp.md 7.2, 10.5, 13, 17; settings.md decisions 5, 20, 23; captures control_tracker_to_root
 */
#include "servent/conn.h"

#include <stdlib.h>
#include <string.h>

#include "core/conf/roots.h"
#include "core/sys/event.h"
#include "core/sys/log.h"
#include "core/sys/rng.h"
#include "pcp/bcst.h"
#include "pcp/pcp.h"
#include "pcp/quit.h"
#include "servent/firewall.h"
#include "servent/giv.h"
#include "servent/pcpio.h"
#include "servent/proc.h"
#include "servent/yptalk.h"

#define LINGER        (60 * NSEC_PER_SEC)
#define CONNECT_TIME  (5 * NSEC_PER_SEC)
#define RESOLVE_TIME  (5 * NSEC_PER_SEC)
#define WRITE_TIME    (30 * NSEC_PER_SEC)

#define TRACKER_WAIT  (10 * NSEC_PER_SEC)       /* between two tries of one tracker */

/* One of the roots. */
struct yproot {
	char name[SETTINGS_TEXT];
	struct ypturn turn;
};

/* A broadcast of ours. */
struct show {
	struct chan *c;                 /* a reference */
	struct chaninfo *told;          /* a reference: what the other side knows; NULL = nothing */
	nsec sent;                      /* last update */
	bool asked;                     /* by root.upd, or something of ours changed that it tells */
	bool v6;                        /* its family */
	bool listed;                    /* the YP has heard of it */
	bool seen;                      /* scratch of refresh() */
};

struct cout {
	struct app *a;
	struct mbox mbox;               /* of the thread between connections */
	struct show *shows;             /* owned */
	size_t n_shows, cap_shows;
	char root_host[SETTINGS_TEXT];  /* the setting, as last looked at */
	struct yproot roots[ROOTS_MAX]; /* its roots */
	size_t n_roots;
	size_t at_root;                 /* the one we talk to, or try to, or last did */
	char with[SETTINGS_TEXT];       /* its name, while we are with it, whatever becomes of the table */
	bool moved;                     /* that one is none of them any more */
	uint32_t last_chkv;
	char message[TEXT_MAX];         /* the root's last */

	/* of the current connection */
	struct servent *sv;
	struct pcpio io;
	struct proc proc;
	struct sock given;              /* it came by GIV: to be used instead of dialling; fd -1 = none */
	nsec until;                     /* then we turn to the YP again */
	bool yp;                        /* the YP itself, not another tracker */
	bool line;                      /* we have the line to it (firewall.h) */
	bool reached;                   /* it took the call, */
	bool ok;                        /* and accepted us */
	struct yptalk talk;
	struct own told;                /* of ourselves, in what was sent */
	uint32_t quit;                  /* said by the peer, or to say; 0 = none */
	bool quit_theirs;
};

/* --- the thread and its mailbox --------------------------------------------------------------- */

/* Whom app_wake_cout() wakes from now on; NULL = this thread ends. */
static void set_mbox(struct app *a, struct mbox *mb) EXCLUDES(lk_app)
{
	bool stop;

	app_lock(a);
	a->cout_mb = mb;
	a->cout_runs = mb != NULL;
	stop = a->stopping;
	app_unlock(a);
	if (stop && mb != NULL)
		mbox_stop_soft(mb);
}

/* --- what is broadcast ------------------------------------------------------------------------ */

static void drop_show(struct cout *x, size_t i)
{
	chaninfo_unref(&x->shows[i].told);
	chan_unref(&x->shows[i].c);
	x->shows[i] = x->shows[--x->n_shows];
}

/* Takes the reference. Out of memory: the channel is not announced until the next look. */
static void add_show(struct cout *x, struct chan *c)
{
	struct chan_view v;

	if (x->n_shows == x->cap_shows) {
		const size_t cap = x->cap_shows == 0 ? 4 : x->cap_shows * 2;
		struct show *p = realloc(x->shows, cap * sizeof(*p));

		if (p == NULL) {
			chan_unref(&c);
			return;
		}
		x->shows = p;
		x->cap_shows = cap;
	}
	chan_view(c, &v);
	x->shows[x->n_shows++] = (struct show){ .c = c, .v6 = v.v6, .seen = true };
	chan_view_fini(&v);
}

/* Bring the table up to date: new broadcasts are added; those that ended are left with seen unset. */
static void refresh(struct cout *x)
{
	struct chan **all;
	size_t n;

	if (chanmgr_all(x->a->node.cm, &all, &n) != ST_OK)
		return;
	for (size_t i = 0; i < x->n_shows; i++)
		x->shows[i].seen = false;
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		if (chan_type_of(all[i]) != CHAN_BROADCAST || chan_is_closing(all[i]) ||
		    chan_get_status(all[i]) != CHAN_BROADCASTING || chan_is_silent(all[i])) {
			chan_unref(&all[i]);
			continue;
		}
		while (k < x->n_shows && x->shows[k].c != all[i])
			k++;
		if (k < x->n_shows) {
			x->shows[k].seen = true;
			if (chan_take_announce(all[i]) == CHAN_ANNOUNCE_NOW)
				x->shows[k].asked = true;
			chan_unref(&all[i]);
		} else {
			add_show(x, all[i]);
		}
	}
	free(all);
}

/* Those that ended, and that nobody has to be told of any more. */
static void forget_ended(struct cout *x)
{
	for (size_t i = x->n_shows; i > 0; i--) {
		if (!x->shows[i - 1].seen && x->shows[i - 1].told == NULL)
			drop_show(x, i - 1);
	}
}

/* The YP has heard of a broadcast, or it will forget it: for those who watch (event.h). why: "announced",
 * "ended", "left", "lost" */
static void tell_listed(struct cout *x, struct show *s, bool listed, const char *why)
{
	if (!x->yp || s->listed == listed)
		return;
	s->listed = listed;
	event_tell(EVENT_CHANNEL, listed ? "listed" : "unlisted", why, chan_id(s->c)->b, 0, NULL,
		x->with);
}

/* The connection is over: whoever is next knows of none. */
static void forget_told(struct cout *x)
{
	for (size_t i = 0; i < x->n_shows; i++) {
		tell_listed(x, &x->shows[i], false, "lost");
		chaninfo_unref(&x->shows[i].told);
		x->shows[i].asked = false;
	}
}

/* Another rootHost: nothing that was tried before counts any more. The root we are with stays the one when
 * it is named again. */
static void note_roots(struct cout *x, const char *list)
{
	char now[SETTINGS_TEXT];
	nsec turned = 0;

	text_copy(now, sizeof(now), x->n_roots > 0 ? x->roots[x->at_root].name : "");
	if (x->n_roots > 0)
		turned = x->roots[x->at_root].turn.turned;
	(void)text_copy(x->root_host, sizeof(x->root_host), list);
	x->n_roots = roots_count(list);
	for (size_t i = 0; i < x->n_roots; i++) {
		x->roots[i] = (struct yproot){ .turn = { .next = 0 } };
		(void)roots_get(list, i, x->roots[i].name);
	}
	x->at_root = roots_find(list, now);
	x->moved = x->at_root == x->n_roots;
	if (x->moved)
		x->at_root = 0;
	else
		x->roots[x->at_root].turn.turned = turned;
}

/* Is there anything to announce, and somebody to announce it to? Notes a new rootHost. */
static bool is_wanted(struct cout *x)
{
	const struct settings *set = conf_get(x->a->node.conf);

	if (strcmp(x->root_host, set->root_host) != 0)
		note_roots(x, set->root_host);
	const bool wanted = x->n_shows > 0 && set->auto_serve && x->n_roots > 0;
	settings_unref(&set);
	return wanted;
}

/* --- updates ---------------------------------------------------------------------------------- */

/* One tracker update; recv false = the farewell. */
static NOINLINE enum status send_update(struct cout *x, struct show *s, bool recv, nsec deadline)
{
	struct chaninfo *info = chan_info(s->c);
	struct hit hit;
	enum status st;
	struct buf b;

	giv_cout_seeks(x->a, false);    /* we were not turned away */
	node_own_hit(&x->a->node, s->c, recv, &hit);
	buf_init(&b, PCP_ATOM_SEND_MAX);
	st = bcst_tracker_emit(&b, servmgr_sid(x->a->node.sm), info, &hit);
	if (st == ST_OK)
		st = pcpio_write(&x->sv->sock, &b, deadline);
	if (st == ST_OK && x->yp)
		node_count(&x->a->node, NODE_YP_UPDATES);
	buf_fini(&b);
	pcpio_pace_spend(&x->io);
	if (st == ST_OK || !recv)
		tell_listed(x, s, recv, recv ? "announced" : s->seen ? "left" : "ended");
	chaninfo_unref(&s->told);
	if (recv)
		s->told = info;
	else
		chaninfo_unref(&info);
	s->sent = clk_now();
	s->asked = false;
	return st;
}

static bool has_news(const struct show *s)
{
	struct chaninfo *info = chan_info(s->c);
	const bool news = info != s->told;      /* an info never changes: another one is new */

	chaninfo_unref(&info);
	return news;
}

static nsec due(const struct cout *x, const struct show *s)
{
	const struct ypshow what = {
		.gone = !s->seen, .told = s->told != NULL, .asked = s->asked, .news = has_news(s),
		.sent = s->sent,
	};

	return yptalk_due(&x->talk, &what);
}

/* Our address changed, or whether it can be reached: everybody has to hear it. ST_EOF: not by way of
 * this connection, as the address it is from is no longer ours. */
static enum status note_own(struct cout *x)
{
	bool moved[2], changed[2];
	struct host from;
	struct own own;

	servmgr_own(x->a->node.sm, &own);
	for (int v6 = 0; v6 < 2; v6++) {
		moved[v6] = !host_equal(&own.global[v6], &x->told.global[v6]) ||
			!host_equal(&own.local[v6], &x->told.local[v6]);
		changed[v6] = moved[v6] || (own.fw[v6] == FW_OPEN) != (x->told.fw[v6] == FW_OPEN);
	}
	x->told = own;
	for (size_t i = 0; i < x->n_shows; i++)
		if (x->shows[i].told != NULL && changed[x->shows[i].v6])
			x->shows[i].asked = true;
	if (!moved[0] && !moved[1])
		return ST_OK;
	from = sock_local(x->sv->sock.fd);
	if (servmgr_is_local(x->a->node.sm, &from))
		return ST_OK;
	x->proc.why = "our address is gone";
	return ST_EOF;
}

/* The one whose turn is first; NULL when there is none. */
static struct show *first_due(struct cout *x, nsec *at)
{
	struct show *first = NULL;

	*at = NSEC_NEVER;
	for (size_t i = 0; i < x->n_shows; i++) {
		const nsec d = due(x, &x->shows[i]);

		if (d >= *at)
			continue;
		*at = d;
		first = &x->shows[i];
	}
	return first;
}

/* Send what is due, as fast as the pace allows; *next becomes the moment the next one is. */
static enum status send_due(struct cout *x, nsec *next)
{
	enum status st = note_own(x);

	refresh(x);
	while (st == ST_OK) {
		struct show *s = first_due(x, next);

		if (s != NULL)
			*next = MAX(*next, pcpio_pace_next(&x->io));
		if (s == NULL || *next > clk_now())
			break;
		st = send_update(x, s, s->seen, clk_deadline(WRITE_TIME));
	}
	forget_ended(x);
	return st;
}

/* We leave of our own accord: nothing we told of is to be had here any more. */
static void bid_farewell(struct cout *x)
{
	const nsec deadline = clk_deadline(GOODBYE);
	enum status st = ST_OK;

	for (size_t i = 0; i < x->n_shows && st == ST_OK; i++) {
		if (x->shows[i].told != NULL)
			st = send_update(x, &x->shows[i], false, deadline);
	}
}

/* The root spoke (pcp.md 13). */
static void on_root(void *ctx, const struct root *r)
{
	struct cout *x = ctx;

	if ((r->has & ROOT_CHKV) && r->chkv > PCP_ROOT_VERSION && r->chkv != x->last_chkv) {
		x->last_chkv = r->chkv;
		log_info("cout: the yellow page knows version %u", r->chkv);
	}
	if ((r->has & ROOT_ASCI) && strcmp(r->asci, x->message) != 0) {
		(void)text_copy(x->message, sizeof(x->message), r->asci);
		if (r->asci[0] != '\0') {
			/* those that come close together are one notification */
			log_debug("cout: message of the yellow page: %s", r->asci);
			notice_add(&x->a->node.notices, NOTICE_PEERCAST, "rootMessage", "info", NULL,
				"The yellow page says: %s", r->asci);
		}
	}
	if (yptalk_root(&x->talk, r, clk_now())) {
		for (size_t i = 0; i < x->n_shows; i++)
			x->shows[i].asked = true;
	}
}

/* --- a connection ------------------------------------------------------------------------------ */

/* Others may have the line to the YP now. */
static void drop_line(struct cout *x)
{
	if (x->line)
		yp_line_drop(x->a);
	x->line = false;
}

static enum status obey(struct cout *x)
{
	struct atom at;
	enum status st;

	while ((st = pcpio_next(&x->io, &at)) == ST_OK) {
		if (at.id == ATOM_OK && !x->ok) {
			x->ok = true;
			yptalk_accepted(&x->talk, clk_now());
			drop_line(x);
		}
		st = proc_atom(&x->proc, &at, &x->quit);
		if (st == ST_EOF)
			x->quit_theirs = true;
		if (st != ST_OK)
			return st;
	}
	return st == ST_TIMEOUT ? ST_OK : st;
}

/* A deadline passed: which? */
static enum status timed_out(struct cout *x)
{
	const nsec now = clk_now();

	if (now >= pcpio_deadline(&x->io)) {
		x->quit = PCP_QUIT_BADRESPONSE;
		return ST_TIMEOUT;
	}
	if (now >= x->talk.silent_at) {
		x->quit = PCP_QUIT_NOROOT;
		return ST_TIMEOUT;
	}
	return ST_OK;
}

/* Until the last broadcast ends, or the connection. */
static enum status converse(struct cout *x)
{
	struct sock *s = &x->sv->sock;
	enum status st = obey(x);
	nsec next = NSEC_NEVER;
	int got;

	while (st == ST_OK) {
		bool wanted;

		st = send_due(x, &next);
		if (clk_now() >= x->talk.first_at)
			drop_line(x);           /* one that never says ok */
		wanted = is_wanted(x);
		if (st == ST_OK && (!wanted || x->moved || clk_now() >= x->until)) {
			x->quit = wanted ? PCP_QUIT : PCP_QUIT_OFFAIR;
			return ST_OK;
		}
		if (st != ST_OK)
			break;
		next = MIN(MIN(next, x->until), pcpio_mail_due(&x->io, &x->sv->mbox));
		st = sock_wait(s, SOCK_IN, &got, MIN(next, MIN(x->talk.silent_at, pcpio_deadline(&x->io))));
		if (st == ST_TIMEOUT)
			st = timed_out(x);
		if (st == ST_OK && (got & SOCK_IN))
			st = pcpio_pump(&x->io, clk_deadline(NSEC_PER_SEC));
		if (st == ST_OK && (got & SOCK_IN))
			st = obey(x);
		if (st == ST_OK)
			st = pcpio_mail(&x->io, &x->sv->mbox, clk_deadline(WRITE_TIME));
	}
	if (st == ST_STOPPED)
		x->quit = servmgr_is_stopping(x->sv->sm) ? PCP_QUIT_SHUTDOWN : PCP_QUIT;
	else if ((st == ST_PROTO || st == ST_LIMIT) && x->quit == 0)
		x->quit = PCP_QUIT_BADRESPONSE;
	return st;
}

/* helo and oleh. ST_OK: connected as far as we know. */
static NOINLINE enum status shake_hands(struct cout *x, const char *who)
{
	const bool v6 = !host_is_v4(&x->sv->peer);
	struct oleh oleh;
	enum status st;

	st = pcpio_say_helo(&x->a->node, &x->io, true, x->yp, x->yp, v6, &oleh, &x->quit,
		clk_deadline(PCP_HANDSHAKE));
	if (st == ST_EOF && x->quit != 0)
		x->quit_theirs = true;
	if (st == ST_PROTO)
		x->quit_theirs = true;          /* nothing more is to be said */
	if (st != ST_OK)
		return st;
	x->proc.remote = oleh.sid;
	servent_set_remote(x->sv, &oleh.sid);
	servent_set_agent(x->sv, oleh.agent);
	if (x->yp && oleh.has_dis && oleh.dis != 0) {
		log_error("cout: the yellow page %s has disabled this node: it serves no streams", who);
		x->quit = PCP_QUIT_BANNED;
		x->quit_theirs = true;
		return ST_LIMIT;
	}
	servent_set_status(x->sv, SV_CONNECTED);
	if (x->yp) {
		servmgr_note_yp(x->a->node.sm, x->roots[x->at_root].name);
		node_count(&x->a->node, NODE_YP_CONNECTED);
	}
	servmgr_own(x->a->node.sm, &x->told);
	yptalk_begin(&x->talk, clk_now());
	log_info("cout: connected to %s %s (%s)", x->yp ? "yellow page" : "tracker", who, oleh.agent);
	return ST_OK;
}

/* One line about how it ended, and the last words. */
static void part(struct cout *x, enum status st, const char *who)
{
	char qs[QUIT_STRLEN];

	servent_set_status(x->sv, SV_CLOSING);
	quit_str(x->quit, qs);
	if (x->yp && st != ST_OK && st != ST_STOPPED)
		node_count(&x->a->node, x->ok ? NODE_YP_LOST : NODE_YP_FAILED);
	if (st == ST_OK || st == ST_STOPPED)
		log_info("cout: leaving %s: quit %s", who, qs);
	else if (x->quit_theirs && x->quit != 0)
		log_warn("cout: %s %s: quit %s", who, x->ok ? "ends the connection" : "refuses", qs);
	else if (st == ST_TIMEOUT && x->quit == PCP_QUIT_NOROOT)
		log_warn("cout: %s has not kept its promise to speak: quit %s", who, qs);
	else
		log_warn("cout: %s: connection lost: %s", who,
			x->proc.why != NULL ? x->proc.why : status_str(st));
	if (x->quit == 0 || x->quit_theirs)
		return;
	sock_deafen(&x->sv->sock);
	if (st == ST_OK || st == ST_STOPPED) {
		bid_farewell(x);
		if (pcpio_last_mail(&x->io, &x->sv->mbox, clk_deadline(GOODBYE)) != ST_OK)
			return;
	}
	pcpio_quit(&x->sv->sock, x->quit);
}

/* Dial, unless a connection was given to us. */
static enum status reach(struct cout *x, const struct host *to)
{
	if (x->given.fd == -1)
		return sock_connect(&x->sv->sock, to, &x->sv->mbox, clk_deadline(CONNECT_TIME));
	sock_move(&x->sv->sock, &x->given, &x->sv->mbox);
	return ST_OK;
}

/* Dial, talk, part. Returns how it ended; ST_OK: all was said. */
static enum status connection(struct cout *x, const struct host *to)
{
	char who[HOST_STRLEN];
	enum status st;

	host_str(to, who);
	x->until = x->given.fd == -1 ? NSEC_NEVER : clk_deadline(GIV_HELD);
	x->quit = 0;
	x->quit_theirs = x->reached = x->ok = false;
	st = servent_new(x->a->node.sm, -1, to, true, &x->sv);
	if (st != ST_OK) {
		sock_close(&x->given);
		return st;
	}
	x->proc = (struct proc){
		.node = &x->a->node, .kind = PROC_COUT, .sv = x->sv, .peer = *to, .yp = x->yp,
		.root = on_root, .ctx = x,
	};
	servent_set_type(x->sv, SV_COUT, SV_CONNECTING);
	set_mbox(x->a, &x->sv->mbox);
	st = reach(x, to);
	if (st != ST_OK) {
		if (st != ST_STOPPED && x->yp)
			node_count(&x->a->node, NODE_YP_FAILED);
		if (st != ST_STOPPED)
			log_warn("cout: cannot connect to %s %s: %s",
				x->yp ? "yellow page" : "tracker", who, status_str(st));
	} else {
		x->reached = true;
		servent_set_status(x->sv, SV_HANDSHAKE);
		pcpio_init(&x->io, &x->sv->sock, &atomlimits_control);
		st = shake_hands(x, who);
		if (st == ST_OK)
			st = converse(x);
		else if (st == ST_STOPPED)
			x->quit = PCP_QUIT_SHUTDOWN;
		part(x, st, who);
		pcpio_fini(&x->io);
	}
	servmgr_note_yp(x->a->node.sm, "");
	set_mbox(x->a, &x->mbox);
	giv_cout_seeks(x->a, true);
	servent_end(&x->sv);
	forget_told(x);
	return st;
}

/* --- whom to turn to --------------------------------------------------------------------------- */

/* The trackers a YP named when it refused us. */
static const struct gnuid no_channel;

static bool pick_tracker(struct cout *x, struct host *to)
{
	struct pick p = {
		.chan = &no_channel, .exclude = *servmgr_sid(x->a->node.sm), .wait = TRACKER_WAIT,
		.trackers = true,
	};
	struct own own;
	struct hit hit;

	if (!chanmgr_list_exists(x->a->node.cm, &no_channel))
		return false;
	servmgr_own(x->a->node.sm, &own);
	for (int v6 = 0; v6 < 2; v6++) {
		p.v6 = v6 != 0;
		p.match = own.global[v6];
		if (host_is_set(&p.match) && chanmgr_pick(x->a->node.cm, &p, &hit, to))
			return true;
		p.match = (struct host){ .port = 0 };
		if (chanmgr_pick(x->a->node.cm, &p, &hit, to))
			return true;
	}
	return false;
}

/* How the turn that is over ended. */
static enum ypturn_end end_of_turn(const struct cout *x, enum status st)
{
	if (st == ST_OK || st == ST_STOPPED)
		return YPTURN_LEFT;
	if (x->quit_theirs && x->quit == PCP_QUIT_BANNED)
		return YPTURN_IS_BANNED;
	if (x->quit_theirs && x->quit == PCP_QUIT_ALREADYCONNECTED)
		return YPTURN_IS_TWIN;
	return x->ok ? YPTURN_LOST : YPTURN_FAILED;
}

/* What that turn means for the next one to this root. */
static void after_yp(struct cout *x, struct yproot *r, enum status st)
{
	const enum ypturn_end end = end_of_turn(x, st);

	ypturn_over(&r->turn, end, clk_now(), rng_below);
	if (end != YPTURN_IS_BANNED)
		return;
	servmgr_rest_yp(x->a->node.sm, r->name, r->turn.next);
	log_error("cout: banned by the yellow page %s; the next try is in %d minutes", r->name,
		(int)(YPTURN_BANNED / NSEC_PER_SEC / 60));
}

/* A YP with addresses of both kinds: the one of what is broadcast, as it tests the port there; IPv4 for
 * both. The other is tried when that one cannot be reached. */
static enum status turn_to_yp(struct cout *x, const char *name)
{
	struct host to[2];
	bool v6 = x->n_shows > 0;
	enum status st = host_resolve_pair(to, name, PCP_PORT, clk_deadline(RESOLVE_TIME));

	if (st != ST_OK) {
		log_warn("cout: yellow page %s: %s", name, status_str(st));
		node_count(&x->a->node, NODE_YP_FAILED);
		return st;
	}
	for (size_t i = 0; i < x->n_shows; i++)
		v6 = v6 && x->shows[i].v6;
	for (int i = 0; i < 2; i++, v6 = !v6) {
		if (!host_is_set(&to[v6]))
			continue;
		if (servmgr_is_self(x->a->node.sm, &to[v6])) {
			log_warn("cout: the yellow page %s is this node itself", name);
			return ST_PROTO;
		}
		st = connection(x, &to[v6]);
		if (x->reached || st == ST_STOPPED)
			break;
	}
	return st;
}

/* Which root has its turn now, from the one we last had on; NULL: none, *at is the first one's moment. */
static struct yproot *pick_root(struct cout *x, nsec *at)
{
	*at = NSEC_NEVER;
	for (size_t i = 0; i < x->n_roots; i++) {
		const size_t k = (x->at_root + i) % x->n_roots;
		struct yproot *r = &x->roots[k];
		nsec when = r->turn.next;

		if (clk_now() >= r->turn.next && servmgr_take_turn(x->a->node.sm, r->name, &when)) {
			x->at_root = k;
			return r;
		}
		*at = MIN(*at, when);
	}
	return NULL;
}

/* Has one of the roots its turn now that has not refused us, or fallen silent, just before? */
static bool is_fresh_root(const struct cout *x)
{
	const nsec now = clk_now();
	bool yes = false;

	for (size_t i = 0; i < x->n_roots; i++)
		yes = yes || (now >= x->roots[i].turn.next && x->roots[i].turn.fails == 0 &&
			!servmgr_yp_rests(x->a->node.sm, x->roots[i].name));
	return yes && x->n_roots > 1;
}

/* The turn of that root: until it is over, however that ends. */
static void serve_root(struct cout *x, struct yproot *root)
{
	enum status st;

	text_copy(x->with, sizeof(x->with), root->name);
	root->turn.turned = clk_now();
	x->yp = true;
	x->reached = x->ok = x->quit_theirs = false;
	st = turn_to_yp(x, x->with);
	drop_line(x);
	if (x->moved || ascii_casecmp(x->roots[x->at_root].name, x->with) != 0)
		return;
	after_yp(x, &x->roots[x->at_root], st);
	if (st != ST_OK && st != ST_STOPPED)
		x->at_root = (x->at_root + 1) % x->n_roots;
}

/* Turn to somebody now, if there is somebody and it is time. Returns when to look again. */
static nsec try_somebody(struct cout *x)
{
	struct app *a = x->a;
	struct yproot *root;
	struct host to;
	enum status st;
	nsec at;

	if (giv_cout_take(x->a, &x->given, &x->mbox)) {
		to = x->given.peer;
		x->yp = false;
		(void)!connection(x, &to);
		return 0;
	}
	if (!is_fresh_root(x) && pick_tracker(x, &to)) {
		x->yp = false;
		st = connection(x, &to);
		if (st != ST_OK && st != ST_STOPPED && x->quit != PCP_QUIT_OFFAIR)
			chanmgr_failed(a->node.cm, &no_channel, &to);
		return 0;
	}
	x->line = yp_line_take(a);
	if (!x->line)
		return clk_deadline(YPTURN_SPACING_MAX);    /* we are woken before */
	root = pick_root(x, &at);
	if (root == NULL) {
		drop_line(x);
		return at;
	}
	serve_root(x, root);
	return 0;
}

static void work(struct cout *x)
{
	nsec idle = 0, wake;
	enum status st = ST_OK;

	while (st != ST_STOPPED && !mbox_is_stopped(&x->mbox)) {
		refresh(x);
		forget_ended(x);
		if (is_wanted(x)) {
			x->moved = false;
			idle = 0;
			giv_cout_seeks(x->a, true);
			wake = try_somebody(x);
			if (wake == 0)
				continue;
			if (chanmgr_list_exists(x->a->node.cm, &no_channel))
				wake = MIN(wake, clk_deadline(TRACKER_WAIT));
		} else {
			giv_cout_seeks(x->a, false);
			if (x->n_roots == 0)
				return;
			if (idle == 0)
				idle = clk_deadline(LINGER);
			if (clk_now() >= idle)
				return;
			wake = idle;
		}
		st = mbox_wait(&x->mbox, wake);
	}
}

void cout_task(struct app *a, void *arg)
{
	struct cout *x = calloc(1, sizeof(*x));

	(void)arg;
	if (x == NULL || mbox_init(&x->mbox) != ST_OK) {
		log_error("cout: no memory for the yellow page; the housekeeper tries again");
		free(x);
		set_mbox(a, NULL);
		return;
	}
	x->a = a;
	x->given.fd = -1;
	set_mbox(a, &x->mbox);
	work(x);
	giv_cout_seeks(a, false);
	while (x->n_shows > 0)
		drop_show(x, x->n_shows - 1);
	free(x->shows);
	set_mbox(a, NULL);
	mbox_fini(&x->mbox);
	free(x);
	/* A broadcast that began meanwhile has woken nobody. */
	if (!servmgr_is_stopping(a->node.sm) && chanmgr_is_broadcasting(a->node.cm))
		app_wake_cout(a);
}
