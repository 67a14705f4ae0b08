/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/giv.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "http/target.h"
#include "pcp/bcst.h"
#include "pcp/pcp.h"
#include "servent/handshake.h"
#include "servent/pcpio.h"

#define ASK_WAIT  (30 * NSEC_PER_SEC)           /* between two requests to one node */
#define ASK_TRIES 8                             /* nodes picked that no connection leads to */

/* --- asking ----------------------------------------------------------------------------------- */

/* Where the asker is found by others: one behind our own NAT, at our address. */
static bool find_asker(struct app *a, const struct servent *sv, const struct helo *helo, struct host *to)
{
	struct own own;

	*to = sv->peer;
	if (!host_is_global(to)) {
		servmgr_own(a->node.sm, &own);
		*to = own.global[!host_is_v4(to)];
	}
	to->port = helo->port;
	return helo->port != 0;
}

static size_t post(struct app *a, const struct gnuid *dest, const struct push *p, enum servent_type over)
{
	const struct servent_query q = { .types = 1u << over, .dest = *dest };
	struct blob *msg = NULL;
	size_t n = 0;
	struct buf b;

	buf_init(&b, PCP_ATOM_SEND_MAX);
	if (bcst_push_emit(&b, servmgr_sid(a->node.sm), dest, p) == ST_OK)
		msg = blob_new(b.p, b.len);
	buf_fini(&b);
	if (msg != NULL)
		n = servmgr_post(a->node.sm, &q, msg);
	blob_unref(&msg);
	return n;
}

bool giv_ask(struct app *a, const struct servent *sv, const struct helo *helo, const struct gnuid *chan,
	bool trackers)
{
	struct pick p = { .chan = chan, .exclude = helo->sid, .wait = ASK_WAIT, .trackers = trackers,
	                  .firewalled = true, .v6 = !host_is_v4(&sv->peer) };
	struct push push = { .host = { .port = 0 } };
	char from[HOST_STRLEN], sid[GNUID_STRLEN];
	struct host to;
	struct hit hit;

	if (chan != NULL)
		push.cid = *chan;
	if (!find_asker(a, sv, helo, &push.host) || !push_may_dial(&push, &(struct host){ .port = 0 }))
		return false;
	for (int i = 0; i < ASK_TRIES && chanmgr_pick(a->node.cm, &p, &hit, &to); i++) {
		if (!gnuid_is_set(&hit.sid) || post(a, &hit.sid, &push, trackers ? SV_CIN : SV_RELAY) == 0)
			continue;
		log_peer(LOG_INFO, &sv->peer, "push: %.8s... is to dial %s", gnuid_str(&hit.sid, sid),
		         host_str(&push.host, from));
		return true;
	}
	return false;
}

/* --- obeying ---------------------------------------------------------------------------------- */

/* Is there anything here for the node that shall be dialled? */
static bool has_use(struct app *a, const struct push *p)
{
	struct chan *c;
	struct chan_view v;
	bool yes;

	if (!gnuid_is_set(&p->cid))
		return true;
	c = chanmgr_find(a->node.cm, &p->cid);
	if (c == NULL)
		return false;
	chan_view(c, &v);
	yes = v.playing && v.v6 != host_is_v4(&p->host) &&
	      (v.type == CHAN_BROADCAST ||
	       servmgr_has_room(a->node.sm, SV_RELAY, &p->cid, v.info->bitrate_kbps));
	chan_view_fini(&v);
	chan_unref(&c);
	return yes;
}

static bool is_foreign(struct app *a, const struct push *p)
{
	struct own own;

	servmgr_own(a->node.sm, &own);
	return push_may_dial(p, &own.global[!host_is_v4(&p->host)]) &&
	       !servmgr_is_local(a->node.sm, &p->host);
}

static bool begin(struct app *a, const struct gnuid *session, const struct host *to)
{
	bool ok;

	app_lock(a);
	ok = !a->stopping && pushlimit_begin(&a->dialling, session, to, clk_now());
	app_unlock(a);
	return ok;
}

static void end(struct app *a, const struct host *to)
{
	app_lock(a);
	pushlimit_end(&a->dialling, to);
	app_unlock(a);
}

struct flight {
	struct app *app;
	struct servent *sv;
	struct gnuid cid;
};

/* The thread: dial, say who we are there for, then be what the other would have found had it dialled. */
static void fly(void *arg)
{
	struct flight f = *(struct flight *)arg;
	struct servent *sv = f.sv;
	char line[GIV_LINE], to[HOST_STRLEN];
	enum status st;

	free(arg);
	servent_set_status(sv, SV_CONNECTING);
	st = sock_connect(&sv->sock, &sv->peer, &sv->mbox, clk_deadline(GIV_CONNECT));
	if (st == ST_OK) {
		giv_emit(line, &f.cid);
		st = sock_write(&sv->sock, line, strlen(line), clk_deadline(PCP_WRITE));
	}
	end(f.app, &sv->peer);
	host_str(&sv->peer, to);
	if (st == ST_OK) {
		log_peer(LOG_INFO, &sv->peer, "giv %s: dialled, as it was asked for", to);
		handshake_serve(f.app, sv, GIV_UNUSED);
	} else {
		log_peer(LOG_INFO, &sv->peer, "giv %s: %s", to, status_str(st));
	}
	servent_end(&sv);
}

void giv_obey(struct app *a, const struct push *p, const struct gnuid *session)
{
	char to[HOST_STRLEN];
	struct flight *f;
	enum status st;

	host_str(&p->host, to);
	if (!is_foreign(a, p) || !has_use(a, p)) {
		log_debug("push to %s: not obeyed: %s", to,
		          is_foreign(a, p) ? "nothing here for it" : "not an address to dial");
		return;
	}
	if (!begin(a, session, &p->host)) {
		log_debug("push to %s: not obeyed: too many", to);
		return;
	}
	f = malloc(sizeof(*f));
	st = f == NULL ? ST_LIMIT : servent_new(a->node.sm, -1, &p->host, false, &f->sv);
	if (st == ST_OK) {
		f->app = a;
		f->cid = p->cid;
		/* from here on the servent table counts the thread */
		st = thr_start(NULL, "giv", fly, f);
		if (st == ST_OK)
			return;
		servent_end(&f->sv);
	}
	log_peer(LOG_WARN, &p->host, "push to %s: no room to dial: %s", to, status_str(st));
	free(f);
	end(a, &p->host);
}

/* --- accepting -------------------------------------------------------------------------------- */

void giv_cout_seeks(struct app *a, bool yes)
{
	app_lock(a);
	a->cout_seeks = yes;
	if (!yes && a->cout_given != NULL) {
		sock_offer_refuse(a->cout_given);
		a->cout_given = NULL;
	}
	app_unlock(a);
}

bool giv_cout_take(struct app *a, struct sock *to, struct mbox *mb)
{
	bool yes;

	app_lock(a);
	yes = a->cout_given != NULL;
	if (yes) {
		sock_offer_take(a->cout_given, to, mb);
		a->cout_given = NULL;
	}
	app_unlock(a);
	return yes;
}

/* As chan_give(), for the COUT thread. */
static enum status give_cout(struct app *a, struct sock *s, nsec deadline)
{
	struct sock_offer o = { .s = s, .state = SOCK_OFFERED };
	struct mbox *mb = s->mb;
	enum status st = ST_OK;

	app_lock(a);
	if (!a->cout_seeks || a->cout_mb == NULL)
		st = ST_PROTO;
	else if (a->cout_given != NULL)
		st = ST_LIMIT;
	if (st == ST_OK) {
		a->cout_given = &o;
		mbox_wake(a->cout_mb);
	}
	while (st == ST_OK && o.state == SOCK_OFFERED) {
		app_unlock(a);
		st = mbox_wait(mb, deadline);
		app_lock(a);
	}
	if (a->cout_given == &o)
		a->cout_given = NULL;
	if (o.state == SOCK_TAKEN)
		st = ST_OK;
	else if (o.state == SOCK_REFUSED)
		st = ST_PROTO;
	app_unlock(a);
	return st;
}

/* Returns ST_OK when it has moved; *status is what to answer else. */
static enum status hand_over(struct app *a, struct servent *sv, const struct gnuid *id, int *status)
{
	const nsec deadline = clk_deadline(GIV_UNUSED);
	struct chan *c;
	enum status st;

	*status = 503;
	if (!gnuid_is_set(id))
		return give_cout(a, &sv->sock, deadline);
	c = chanmgr_find(a->node.cm, id);
	if (c == NULL) {
		*status = 404;
		return ST_PROTO;
	}
	st = chan_give(c, &sv->sock, deadline);
	chan_unref(&c);
	return st;
}

void giv_accept(struct app *a, struct servent *sv, const char *line, struct request *rq, nsec deadline)
{
	char from[HOST_STRLEN], hex[GNUID_STRLEN];
	enum status st = ST_PROTO;
	int status = 503;
	struct gnuid id;
	enum giv what = giv_parse(line, &id);

	if (http_read_headers(&sv->sock, rq, deadline) != ST_OK) {
		if (rq->fault != 0)
			handshake_error(sv, rq->fault, rq->why);
		return;
	}
	thr_rename("giv");
	host_str(&sv->peer, from);
	if (http_allowed(&a->node, sv, ALLOW_NETWORK | ALLOW_STRICT)) {
		if (what == GIV_BAD)
			status = 404;
		else
			st = hand_over(a, sv, &id, &status);
	}
	if (st == ST_OK) {
		log_peer(LOG_INFO, &sv->peer, "giv %s: taken for %s", from,
		         what == GIV_CHANNEL ? gnuid_str(&id, hex) : "a control connection");
		return;
	}
	log_peer(LOG_INFO, &sv->peer, "giv %s: refused: %s", from,
	         st == ST_TIMEOUT ? "nobody had a use for it" : st == ST_LIMIT ? "another one waits" :
	         status == 404 ? "unknown channel" : "not wanted");
	if (st != ST_STOPPED)
		handshake_error(sv, status, NULL);
}
