/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CIN: a control connection into us; on a root, a tracker with its announcements.
 * source   pcp.md 5.2, 5.3, 7.1, 7.6, 8, 15; yp.md 2.2, 2.3; settings.md decisions 14, 18, 23
 */
#include "servent/conn.h"

#include <errno.h>

#include "core/sys/log.h"
#include "http/target.h"
#include "pcp/hostatom.h"
#include "pcp/pcp.h"
#include "pcp/quit.h"
#include "servent/giv.h"
#include "servent/pcpio.h"
#include "servent/proc.h"
#include "servent/readyd.h"

#define SILENCE    (300 * NSEC_PER_SEC)         /* not one atom: quit 1000 (B7) */
#define TEST_TIME  (5 * NSEC_PER_SEC)           /* for a port test to say quit */
#define HOSTS_MAX  8                            /* named with a refusal */
#define HOST_WAIT  (2 * NSEC_PER_SEC)

/* Small: it lies on the stack of a thread of which there are thousands. */
struct cin {
	struct app *a;
	struct servent *sv;
	struct pcpio io;
	struct proc proc;
	uint32_t quit;                  /* to say at the end; 0 = nothing */
	nsec heard;                     /* last atom */
	struct ready ready;             /* its right: to read, and to all of the above but a and sv */
	enum status st;                 /* of what was read while it was parked, and errno with ST_SYS */
	int err;
};

static bool is_root(struct app *a)
{
	const struct settings *set = conf_get(a->node.conf);
	const bool yes = set->is_root;

	settings_unref(&set);
	return yes;
}

/* Nothing here that a control connection is for. */
static bool is_off_air(struct app *a)
{
	return !is_root(a) && !chanmgr_is_broadcasting(a->node.cm);
}

/* Is the peer on a root's ban list? */
static bool is_banned(struct cin *x, const struct gnuid *sid)
{
	struct bans *b = is_root(x->a) ? node_bans(&x->a->node) : NULL;
	const bool yes = bans_address(b, &x->sv->peer) || bans_session(b, sid);

	bans_unref(&b);
	return yes;
}

/* --- handshake -------------------------------------------------------------------------------- */

/* Length and value of "pcp\n": 4 bytes, or none at all. ST_PROTO: any other length. */
static enum status read_opener(struct servent *sv, nsec deadline)
{
	char hs[HOST_STRLEN];
	uint8_t b[8];
	struct rd r = rd_of(b, sizeof(b));
	enum status st = sock_read_full(&sv->sock, b, 4, deadline);
	uint32_t len = 0, version = PCP_PROTO_V4;

	if (st == ST_OK)
		len = rd_le32(&r);
	if (st == ST_OK && len == 4) {
		st = sock_read_full(&sv->sock, b + 4, 4, deadline);
		version = st == ST_OK ? rd_le32(&r) : version;
	} else if (st == ST_OK && len != 0) {
		st = ST_PROTO;
	}
	if (version != PCP_PROTO_V4 && version != PCP_PROTO_V6)
		log_peer(LOG_DEBUG, &sv->peer, "cin %u %s: protocol %u", sv->id,
			host_str(&sv->peer, hs), version);
	return st;
}

/* One tracker for somebody we cannot serve: of any channel, at the address the peer can reach. */
static bool next_host(struct cin *x, const struct gnuid *sid, struct hit *out)
{
	struct pick p = {
		.exclude = *sid, .wait = HOST_WAIT, .trackers = true, .need_cin = true,
		.v6 = !host_is_v4(&x->sv->peer), .asker = x->sv->peer,
	};
	struct host to;
	struct own own;

	servmgr_own(x->a->node.sm, &own);
	p.match = host_is_global(&x->sv->peer) ? x->sv->peer : own.global[p.v6];
	if (host_is_set(&p.match) && chanmgr_pick(x->a->node.cm, &p, out, &to))
		return true;
	p.match = (struct host){ .port = 0 };
	return chanmgr_pick(x->a->node.cm, &p, out, &to);
}

/* Others to go to, then the quit. */
static NOINLINE void turn_away(struct cin *x, const struct helo *helo, uint32_t code, const char *why)
{
	char hs[HOST_STRLEN], qs[QUIT_STRLEN];
	struct atomwr w;
	struct hit hit;
	struct buf b;
	int n = 0;

	buf_init(&b, PCP_ATOM_SEND_MAX);
	atomwr_init(&w, &b);
	while (n < HOSTS_MAX && next_host(x, &helo->sid, &hit)) {
		hostatom_emit(&w, &hit, false);
		n++;
	}
	if (n == 0 && !is_root(x->a))
		(void)giv_ask(x->a, x->sv, helo, NULL, true);
	log_peer(LOG_INFO, &x->sv->peer, "cin %u %s: %s: %d other hosts, quit %s", x->sv->id,
		host_str(&x->sv->peer, hs), why, n, quit_str(code, qs));
	if (pcpio_write(&x->sv->sock, &b, clk_deadline(PCP_WRITE)) == ST_OK)
		pcpio_quit(&x->sv->sock, code);
	buf_fini(&b);
}

/* A port test has its oleh: it says quit and goes (pcp.md 7.6). */
static void end_test(struct cin *x)
{
	const nsec deadline = clk_deadline(TEST_TIME);
	struct atom at;
	enum status st;

	if (is_off_air(x->a)) {
		pcpio_quit(&x->sv->sock, PCP_QUIT_OFFAIR);
		return;
	}
	do {
		st = pcpio_read(&x->io, &at, deadline);
	} while (st == ST_OK && at.id != ATOM_QUIT);
	if (st == ST_TIMEOUT || st == ST_STOPPED)
		pcpio_quit(&x->sv->sock, PCP_QUIT);
}

/* ok, and "send your updates". */
static enum status welcome(struct cin *x)
{
	const struct root r = { .has = ROOT_UPD };
	struct atomwr w;
	enum status st;
	struct buf b;

	buf_init(&b, PCP_ATOM_SEND_MAX);
	atomwr_init(&w, &b);
	ok_emit(&w);
	root_emit(&w, &r);
	st = pcpio_write(&x->sv->sock, &b, clk_deadline(PCP_WRITE));
	buf_fini(&b);
	return st;
}

/* Is the peer's port open, as far as announcePolicy wants to know? A claimed one is tested here. */
static bool port_is_open(struct cin *x, const struct helo *helo, nsec deadline)
{
	const struct settings *set = conf_get(x->a->node.conf);
	const bool asked = set->is_root && set->announce_policy == ANNOUNCE_PORTOPEN;
	struct host to = x->sv->peer;
	bool open = helo->port != 0;

	settings_unref(&set);
	if (asked && open && !helo->has_ping) {
		to.port = helo->port;
		open = porttest_run(&x->a->node, &to, &helo->sid, &x->sv->mbox, deadline);
		mbox_set_fd(&x->sv->mbox, x->sv->sock.fd);
	}
	return open;
}

/* In turn: opener, helo, admission, ok. ST_OK: connected; else all that is to be said was said. Apart,
 * for its frame. */
static NOINLINE enum status shake_hands(struct cin *x)
{
	const nsec deadline = clk_deadline(PCP_HANDSHAKE);
	struct servent *sv = x->sv;
	char hs[HOST_STRLEN];
	struct helo helo;
	enum refusal no;
	enum status st;

	if (!http_allowed(&x->a->node, sv, ALLOW_NETWORK | ALLOW_STRICT)) {
		log_peer(LOG_INFO, &sv->peer, "cin %u %s: not allowed", sv->id, host_str(&sv->peer, hs));
		pcpio_quit(&sv->sock, PCP_QUIT_UNAVAILABLE);
		return ST_PROTO;
	}
	st = read_opener(sv, deadline);
	if (st == ST_PROTO) {
		log_peer(LOG_INFO, &sv->peer, "cin %u %s: bad opener", sv->id, host_str(&sv->peer, hs));
		pcpio_quit(&sv->sock, PCP_QUIT_BADRESPONSE);
	}
	if (st != ST_OK)
		return st;
	st = pcpio_answer_helo(&x->a->node, sv, &x->io, true, &helo, deadline);
	if (st != ST_OK)
		return st;
	if (helo_is_test(&helo)) {
		end_test(x);
		return ST_EOF;
	}
	if (is_banned(x, &helo.sid)) {
		log_peer(LOG_INFO, &sv->peer, "cin %u %s: banned", sv->id, host_str(&sv->peer, hs));
		node_count(&x->a->node, ROOT_REFUSED_BAN);
		pcpio_quit(&sv->sock, PCP_QUIT_BANNED);
		return ST_LIMIT;
	}
	x->proc.port_open = port_is_open(x, &helo, deadline);
	no = servmgr_admit_control(x->a->node.sm, sv, &helo.sid);
	if (no == REFUSE_DUPLICATE) {
		turn_away(x, &helo, PCP_QUIT_ALREADYCONNECTED, "connected already");
		return ST_LIMIT;
	}
	if (no != ADMIT_OK) {
		turn_away(x, &helo, PCP_QUIT_UNAVAILABLE, "maxControlConnections reached");
		return ST_LIMIT;
	}
	if (is_off_air(x->a)) {
		servent_set_type(sv, SV_CIN, SV_CLOSING);
		turn_away(x, &helo, PCP_QUIT_OFFAIR, "nothing is broadcast here");
		return ST_LIMIT;
	}
	x->proc.remote = helo.sid;
	st = welcome(x);
	if (st == ST_OK)
		log_peer(LOG_INFO, &sv->peer, "cin %u %s: connected (%s)", sv->id,
			host_str(&sv->peer, hs), helo.agent);
	return st;
}

/* --- connected -------------------------------------------------------------------------------- */

/* Act on all atoms that are here. ST_OK: the connection goes on. */
static enum status obey(struct cin *x)
{
	struct atom at;
	enum status st;

	while ((st = pcpio_next(&x->io, &at)) == ST_OK) {
		x->heard = clk_now();
		st = proc_atom(&x->proc, &at, &x->quit);
		if (st != ST_OK)
			return st;
	}
	return st == ST_TIMEOUT ? ST_OK : st;
}

/* While we sleep, on the thread that reads for all: act on what came. false: half an atom is here, there is
 * more to read, or it is over. */
static bool take_turn(void *ctx)
{
	struct cin *x = ctx;

	x->st = pcpio_pump(&x->io, 0);
	if (x->st == ST_OK)
		x->st = obey(x);
	else if (x->st == ST_TIMEOUT)
		x->st = ST_OK;          /* nothing there after all */
	x->err = errno;
	return x->st == ST_OK && pcpio_is_dry(&x->io);
}

/* How long we wait for the peer. */
static nsec patience(const struct cin *x)
{
	return MIN(x->heard + SILENCE, pcpio_deadline(&x->io));
}

/* Sleep until there is something to do for this thread: mail that may go now, a wake-up, or something to read
 * that nobody reads for us. ST_TIMEOUT: it was silent, or did not end its atom. */
static enum status await(struct cin *x, int *got)
{
	const nsec deadline = MIN(pcpio_mail_due(&x->io, &x->sv->mbox), patience(x));
	enum status st;

	if (pcpio_is_dry(&x->io) && ready_park(x->a->ready, &x->ready)) {
		st = mbox_wait(&x->sv->mbox, deadline);
		ready_take(x->a->ready, &x->ready);
		*got = st == ST_OK ? SOCK_MAIL : 0;
		if (x->st != ST_OK) {
			errno = x->err;
			return x->st;
		}
	} else {
		st = sock_wait(&x->sv->sock, SOCK_IN, got, deadline);
	}
	return st == ST_TIMEOUT && clk_now() < patience(x) ? ST_OK : st;
}

/* Returns why it ended; x->quit is what to say, or with ST_EOF what was said. */
static enum status converse(struct cin *x)
{
	enum status st;
	int got;

	x->heard = clk_now();
	st = obey(x);           /* what came right behind the helo */
	while (st == ST_OK) {
		st = await(x, &got);
		if (st == ST_OK && (got & SOCK_IN))
			st = pcpio_pump(&x->io, clk_deadline(NSEC_PER_SEC));
		if (st == ST_OK && (got & SOCK_IN))
			st = obey(x);
		if (st == ST_OK && (got & SOCK_MAIL) && is_off_air(x->a)) {
			x->quit = PCP_QUIT_OFFAIR;
			return ST_STOPPED;
		}
		if (st == ST_OK && (got & SOCK_MAIL) && is_banned(x, &x->proc.remote)) {
			x->proc.why = "banned";
			x->quit = PCP_QUIT_BANNED;
			return ST_LIMIT;
		}
		if (st == ST_OK) {
			st = pcpio_mail(&x->io, &x->sv->mbox, clk_deadline(PCP_WRITE));
			if (st == ST_TIMEOUT) {
				x->quit = PCP_QUIT_SKIP;
				return st;
			}
		}
	}
	if (st == ST_TIMEOUT)
		x->quit = clk_now() < pcpio_deadline(&x->io) ? PCP_QUIT : PCP_QUIT_BADRESPONSE;
	else if (st == ST_STOPPED)
		x->quit = servmgr_is_stopping(x->sv->sm) ? PCP_QUIT_SHUTDOWN : PCP_QUIT;
	else if ((st == ST_PROTO || st == ST_LIMIT) && x->quit == 0)
		x->quit = PCP_QUIT_BADRESPONSE;
	return st;
}

/* The last words, and one line. Apart, for its frame. */
static NOINLINE void part(struct cin *x, enum status st)
{
	const bool theirs = st == ST_EOF && x->quit != 0;
	const char *why = x->proc.why != NULL ? x->proc.why : status_str(st);
	char hs[HOST_STRLEN], qs[QUIT_STRLEN];

	servent_set_status(x->sv, SV_CLOSING);
	log_peer(LOG_INFO, &x->sv->peer, "cin %u %s: ended: %s%s%s", x->sv->id,
		host_str(&x->sv->peer, hs), theirs ? "it said quit" : why,
		x->quit != 0 ? theirs ? " " : ", quit " : "",
		x->quit != 0 ? quit_str(x->quit, qs) : "");
	proc_gone(&x->proc, x->quit == PCP_QUIT_BANNED || (theirs && quit_is_gone(x->quit)));
	if (theirs || x->quit == 0)
		return;
	sock_deafen(&x->sv->sock);
	if (st == ST_STOPPED &&
	    pcpio_last_mail(&x->io, &x->sv->mbox, clk_deadline(GOODBYE)) != ST_OK)
		return;
	pcpio_quit(&x->sv->sock, x->quit);
}

void cin_run(struct app *a, struct servent *sv)
{
	struct cin x = {
		.a = a, .sv = sv,
		.proc = { .node = &a->node, .kind = PROC_CIN, .sv = sv, .peer = sv->peer },
	};
	enum status st;

	thr_rename("cin");
	servent_set_type(sv, SV_CIN, SV_HANDSHAKE);
	pcpio_init(&x.io, &sv->sock, &atomlimits_control);
	st = shake_hands(&x);
	if (st == ST_OK) {
		x.ready = (struct ready){
			.fd = sv->sock.fd, .mb = &sv->mbox, .turn = take_turn, .ctx = &x,
		};
		st = converse(&x);
		ready_leave(a->ready, &x.ready);
		part(&x, st);
	} else if (st == ST_STOPPED) {
		pcpio_quit(&sv->sock, PCP_QUIT_SHUTDOWN);
	}
	pcpio_fini(&x.io);
}
