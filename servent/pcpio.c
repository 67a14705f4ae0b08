/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/pcpio.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/sys/log.h"
#include "pcp/agent.h"
#include "pcp/pcp.h"
#include "pcp/quit.h"
#include "pcp/root.h"
#include "servent/firewall.h"

#define READ_CONTROL  ((size_t)16 * 1024)       /* bytes asked of the socket at once */
#define READ_FETCH    ((size_t)128 * 1024)
_Static_assert(READ_CONTROL >= SOCK_RX, "it goes past the socket's own buffer");
#define LINGER_BYTES  ((size_t)1024 * 1024)     /* thrown away after a quit, at most */
#define OTHER_ATOMS   8                         /* taken before oleh (pcp.md 6.4) */
#define PORTTEST_TIME (15 * NSEC_PER_SEC)
#define PORTTEST_PORT 1024                      /* the lowest that is tested */

/* --- atoms in --------------------------------------------------------------------------------- */

static bool is_control(const struct pcpio *io)
{
	return io->lim->bytes <= atomlimits_control.bytes;
}

static size_t chunk(const struct pcpio *io)
{
	return is_control(io) ? READ_CONTROL : READ_FETCH;
}

void pcpio_init(struct pcpio *io, struct sock *s, const struct atomlimits *lim)
{
	*io = (struct pcpio){ .s = s, .lim = lim };
	/* A part of an atom, and one more read behind it. */
	buf_init(&io->in, (size_t)lim->bytes + chunk(io));
	atomscan_init(&io->scan, lim);
}

void pcpio_fini(struct pcpio *io)
{
	buf_fini(&io->in);
}

/* Let go of the atom that was handed out, and of the memory when nothing is behind it. A fetch keeps
 * its buffer: the next packet is near. */
static void release(struct pcpio *io)
{
	if (atomscan_done(&io->scan)) {
		io->at += io->scan.len;
		io->seen = 0;
		io->begun = 0;
		atomscan_init(&io->scan, io->lim);
	}
	if (io->at < io->in.len)
		return;
	io->at = 0;
	if (is_control(io))
		buf_fini(&io->in);
	else
		buf_reset(&io->in);
}

enum status pcpio_next(struct pcpio *io, struct atom *a)
{
	enum status st;
	size_t used;

	release(io);
	if (io->at + io->seen < io->in.len) {
		st = atomscan_feed(&io->scan, io->in.p + io->at + io->seen,
			io->in.len - io->at - io->seen, &used);
		io->seen += used;
		if (st != ST_OK)
			return st;
	}
	if (atomscan_done(&io->scan)) {
		io->begun = 0;
		return atom_open(a, io->in.p + io->at, io->scan.len);
	}
	if (io->scan.err != ST_OK)
		return io->scan.err;
	if (io->seen > 0 && io->begun == 0)
		io->begun = clk_now();
	return ST_TIMEOUT;
}

nsec pcpio_deadline(const struct pcpio *io)
{
	return io->begun == 0 ? NSEC_NEVER : io->begun + PCP_ATOM_TIME;
}

bool pcpio_is_dry(const struct pcpio *io)
{
	return io->at == io->in.len && !io->full && io->s->rx_len == 0 && io->s->tls == NULL;
}

enum status pcpio_pump(struct pcpio *io, nsec deadline)
{
	const nsec whole = pcpio_deadline(io);
	enum status st;
	uint8_t *p;
	size_t got;

	/* A peer that always has one more byte ready must not stretch it. */
	if (whole != NSEC_NEVER && clk_left_ms(whole) == 0)
		return ST_TIMEOUT;
	release(io);
	if (io->at > 0 && io->in.cap - io->in.len < chunk(io)) {
		buf_consume(&io->in, io->at);
		io->at = 0;
	}
	p = buf_reserve(&io->in, chunk(io));
	if (p == NULL)
		return ST_LIMIT;
	st = sock_read(io->s, p, chunk(io), &got, MIN(deadline, whole));
	io->full = st == ST_OK && got == chunk(io);
	if (st == ST_OK) {
		io->in.len += got;
		sock_trim(io->s);
	} else {
		release(io);
	}
	return st;
}

enum status pcpio_read(struct pcpio *io, struct atom *a, nsec deadline)
{
	enum status st = pcpio_next(io, a);

	while (st == ST_TIMEOUT) {
		st = pcpio_pump(io, deadline);
		if (st != ST_OK)
			return st;
		st = pcpio_next(io, a);
		if (st == ST_TIMEOUT && clk_left_ms(deadline) == 0)
			return ST_TIMEOUT;
	}
	return st;
}

/* --- atoms out -------------------------------------------------------------------------------- */

enum status pcpio_write(struct sock *s, struct buf *b, nsec deadline)
{
	if (b->err != ST_OK)
		return b->err;
	return b->len == 0 ? ST_OK : sock_write(s, b->p, b->len, deadline);
}

static const struct budget pace = { PCP_PACE, PCP_PACE_BURST };

nsec pcpio_pace_next(const struct pcpio *io)
{
	return bucket_next(&io->pace, &pace);
}

void pcpio_pace_spend(struct pcpio *io)
{
	bucket_spend(&io->pace, &pace, 1, clk_now());
}

nsec pcpio_mail_due(const struct pcpio *io, struct mbox *mb)
{
	return mbox_has_mail(mb) ? pcpio_pace_next(io) : NSEC_NEVER;
}

/* Write the next max messages (PCP_PACE_BURST at most), or those that are there. */
static enum status write_mail(struct sock *s, struct mbox *mb, int max, nsec deadline, int *n)
{
	struct blob *msg[PCP_PACE_BURST];
	struct iovec iov[PCP_PACE_BURST];
	enum status st = ST_OK;

	for (*n = 0; *n < max && (msg[*n] = mbox_take(mb)) != NULL; (*n)++)
		iov[*n] = (struct iovec){ .iov_base = msg[*n]->data, .iov_len = msg[*n]->len };
	if (*n > 0)
		st = sock_writev(s, iov, *n, deadline);
	for (int i = 0; i < *n; i++)
		blob_unref(&msg[i]);
	return st;
}

enum status pcpio_mail(struct pcpio *io, struct mbox *mb, nsec deadline)
{
	const nsec now = clk_now();
	struct bucket after = io->pace;
	enum status st;
	int max = 0, n;

	if (!mbox_has_mail(mb))
		return ST_OK;
	while (max < PCP_PACE_BURST && bucket_take(&after, &pace, 1, now))
		max++;
	st = write_mail(io->s, mb, max, deadline, &n);
	if (n > 0)
		bucket_spend(&io->pace, &pace, (uint32_t)n, now);
	return st;
}

enum status pcpio_last_mail(struct pcpio *io, struct mbox *mb, nsec deadline)
{
	int n;

	return write_mail(io->s, mb, PCP_PACE_BURST, deadline, &n);
}

/* Take what the peer still sends until it closes: a socket closed over unread bytes is reset, and the
 * reset may overtake the quit. */
static void linger(struct sock *s, nsec deadline)
{
	size_t thrown = 0;

	if (sock_end(s, deadline) != ST_OK)
		return;
	while (thrown < LINGER_BYTES && clk_left_ms(deadline) > 0) {
		thrown += s->rx_len;
		sock_consume(s, s->rx_len);
		if (sock_fill(s, deadline) != ST_OK)
			return;
	}
}

void pcpio_quit(struct sock *s, uint32_t code)
{
	const nsec deadline = clk_deadline(GOODBYE);
	struct atomwr w;
	struct buf b;

	if (s->fd == -1)
		return;
	sock_deafen(s);
	buf_init(&b, QUIT_LEN);
	atomwr_init(&w, &b);
	quit_emit(&w, code);
	if (pcpio_write(s, &b, deadline) == ST_OK)
		linger(s, deadline);
	buf_fini(&b);
}

/* --- port test -------------------------------------------------------------------------------- */

/* Note a test of that address; false when there are too many, or one of it already. */
static bool test_begin(struct app *a, const struct host *to) EXCLUDES(lk_app)
{
	struct host *slot = NULL;
	bool ok = true;

	app_lock(a);
	for (size_t i = 0; i < NELEM(a->tested); i++) {
		if (!host_is_set(&a->tested[i]))
			slot = &a->tested[i];
		else if (host_same_ip(&a->tested[i], to))
			ok = false;
	}
	ok = ok && slot != NULL && !a->stopping;
	if (ok) {
		*slot = *to;
		a->tests++;
	}
	app_unlock(a);
	return ok;
}

static void test_end(struct app *a, const struct host *to) EXCLUDES(lk_app)
{
	app_lock(a);
	for (size_t i = 0; i < NELEM(a->tested); i++) {
		if (host_same_ip(&a->tested[i], to))
			a->tested[i] = (struct host){ .port = 0 };
	}
	a->tests--;
	app_unlock(a);
}

/* helo{sid} out, an oleh with the wanted session in. */
static bool test_talk(struct node *n, struct sock *s, const struct gnuid *sid, nsec deadline)
{
	bool passed = false;
	struct pcpio io;
	struct atomwr w;
	struct oleh o;
	struct atom a;
	struct buf b;

	pcpio_init(&io, s, &atomlimits_control);
	buf_init(&b, HELO_TEST_LEN);
	atomwr_init(&w, &b);
	helo_test_emit(&w, servmgr_sid(n->sm));
	if (pcpio_write(s, &b, deadline) != ST_OK)
		goto out;
	for (int i = 0; i <= OTHER_ATOMS; i++) {
		if (pcpio_read(&io, &a, deadline) != ST_OK || a.id == ATOM_QUIT)
			goto out;
		if (oleh_parse(&o, &a) == ST_OK) {
			passed = gnuid_equal(&o.sid, sid);
			break;
		}
	}
	buf_reset(&b);
	quit_emit(&w, PCP_QUIT);
	(void)!pcpio_write(s, &b, MIN(deadline, clk_deadline(GOODBYE)));
out:
	buf_fini(&b);
	pcpio_fini(&io);
	return passed;
}

bool porttest_run(struct node *n, const struct host *to, const struct gnuid *sid, struct mbox *mb,
	nsec deadline)
{
	struct app *app = app_of(n);
	bool passed = false;
	char hs[HOST_STRLEN];
	struct sock s;

	if (to->port < PORTTEST_PORT || !host_is_global(to) || servmgr_is_self(n->sm, to) ||
	    !test_begin(app, to))
		return false;
	if (sock_connect(&s, to, mb, deadline) == ST_OK) {
		passed = test_talk(n, &s, sid, deadline);
		sock_close(&s);
	}
	test_end(app, to);
	log_debug("port test of %s: %s", host_str(to, hs), passed ? "open" : "closed");
	return passed;
}

/* --- the responder's side --------------------------------------------------------------------- */

/* Refuse: one line, one quit. Always ST_PROTO. */
static enum status refuse(struct servent *sv, struct sock *s, uint32_t code, const char *why)
{
	char qs[QUIT_STRLEN], hs[HOST_STRLEN];

	log_peer(LOG_INFO, &sv->peer, "servent %u %s: %s: quit %s", sv->id,
		host_str(&sv->peer, hs), why, quit_str(code, qs));
	pcpio_quit(s, code);
	return ST_PROTO;
}

/* No helo came. */
static enum status no_helo(struct servent *sv, struct pcpio *io, enum status st)
{
	const int e = errno;
	char hs[HOST_STRLEN];

	switch (st) {
	case ST_STOPPED:
		return st;
	case ST_LIMIT:
	case ST_PROTO:
		return refuse(sv, io->s, PCP_QUIT_BADRESPONSE,
			io->scan.len >= ATOM_HDR && io->scan.id == ATOM_HTTP ?
			"peer answered HTTP" : "bad atom for helo");
	case ST_TIMEOUT:
		return refuse(sv, io->s, PCP_QUIT_BADRESPONSE, "no helo in time");
	default:
		/* A mere connect is how some roots test a port (pcp.md 7.6). */
		errno = e;
		log_peer(io->in.len > 0 ? LOG_INFO : LOG_DEBUG, &sv->peer,
			"servent %u %s: helo: %s", sv->id, host_str(&sv->peer, hs), status_str(st));
		return st;
	}
}

/* The address and port to tell the peer of itself (pcp.md 6.3, 4 and 5). */
static void peer_address(struct node *n, struct servent *sv, struct sock *s, const struct helo *h,
	struct host *rip, nsec deadline)
{
	struct own own;

	servmgr_own(n->sm, &own);
	*rip = sv->peer;
	/* One of our network is seen by the world where we are (settings.md, decision 22). */
	if (!host_is_global(rip) && host_is_global(&own.global[!host_is_v4(rip)]))
		*rip = own.global[!host_is_v4(rip)];
	rip->port = h->has_port ? h->port : 0;
	if (!h->has_ping || h->ping == 0)
		return;
	rip->port = h->ping;
	/* Time is left to answer. */
	deadline = MIN(clk_deadline(PORTTEST_TIME), deadline - NSEC_PER_SEC);
	if (helo_is_test(h) || !porttest_run(n, rip, &h->sid, s->mb, deadline))
		rip->port = 0;
	/* The test's socket was the mailbox's for that time. */
	if (s->mb != NULL)
		mbox_set_fd(s->mb, s->fd);
}

static enum status send_oleh(const struct gnuid *sid, struct sock *s, const struct host *rip, nsec deadline)
{
	struct atomwr w;
	struct oleh o;
	enum status st;
	struct buf b;

	buf_init(&b, PCP_ATOM_SEND_MAX);
	atomwr_init(&w, &b);
	oleh_init(&o, sid);
	o.has_rip = o.has_port = true;
	o.rip = *rip;
	oleh_emit(&w, &o);
	st = pcpio_write(s, &b, deadline);
	buf_fini(&b);
	return st;
}

static enum status send_root(const struct settings *set, struct sock *s, nsec deadline)
{
	struct atomwr w;
	struct root r;
	enum status st;
	struct buf b;

	buf_init(&b, PCP_ATOM_SEND_MAX);
	atomwr_init(&w, &b);
	root_init(&r, set->host_update_interval, set->root_msg, false);
	root_emit(&w, &r);
	st = pcpio_write(s, &b, deadline);
	buf_fini(&b);
	return st;
}

/* The checks behind the oleh (pcp.md 6.3, 7 to 9). 0 = let in, else the quit; *why says it. */
static uint32_t check_helo(const struct settings *set, struct servent *sv, const struct helo *h,
	bool cin, const char **why)
{
	char hs[HOST_STRLEN];

	if (h->has_ver ? h->ver < PCP_CLIENT_MINVERSION : !cin) {
		*why = "version too old";
		return PCP_QUIT_BADAGENT;
	}
	if (set->require_continuation_packet_support_from_peer && !helo_is_test(h)) {
		switch (agent_check(h->agent)) {
		case AGENT_SUPPORTED:
			break;
		case AGENT_UNSUPPORTED:
			*why = "agent without continuation packets";
			return PCP_QUIT_BADAGENT;
		case AGENT_UNKNOWN:
			log_peer(LOG_WARN, &sv->peer, "servent %u %s: unknown agent \"%s\"", sv->id,
				host_str(&sv->peer, hs), h->agent);
			break;
		}
	}
	if (!gnuid_is_set(&h->sid)) {
		*why = "helo without a session";
		return PCP_QUIT_NOTIDENTIFIED;
	}
	return 0;
}

enum status pcpio_answer_helo(struct node *n, struct servent *sv, struct pcpio *io, bool cin,
	struct helo *helo, nsec deadline)
{
	const struct settings *set;
	struct host rip;
	const char *why = "";
	enum status st;
	struct atom a;
	uint32_t code;

	st = pcpio_read(io, &a, deadline);
	if (st != ST_OK)
		return no_helo(sv, io, st);
	if (helo_parse(helo, &a) != ST_OK)
		return refuse(sv, io->s, PCP_QUIT_BADRESPONSE, "not a helo");
	if (gnuid_equal(&helo->sid, servmgr_sid(n->sm)))
		return refuse(sv, io->s, PCP_QUIT_LOOPBACK, "helo with our own session");
	servent_set_agent(sv, helo->agent);

	peer_address(n, sv, io->s, helo, &rip, deadline);
	helo->port = rip.port;
	st = send_oleh(servmgr_sid(n->sm), io->s, &rip, deadline);
	if (st != ST_OK)
		return st;

	set = conf_get(n->conf);
	code = check_helo(set, sv, helo, cin, &why);
	if (code != 0)
		st = refuse(sv, io->s, code, why);
	else if (set->is_root)
		st = send_root(set, io->s, deadline);
	settings_unref(&set);
	return st;
}

enum status pcpio_answer_test(struct pcpio *io, const struct gnuid *sid, nsec deadline)
{
	struct host rip = io->s->peer;
	uint32_t version;
	struct helo helo;
	struct atom a;
	enum status st = pcpio_read(io, &a, deadline);

	if (st == ST_OK)
		st = helo_opener_parse(&a, &version);
	if (st == ST_OK)
		st = pcpio_read(io, &a, deadline);
	if (st == ST_OK)
		st = helo_parse(&helo, &a);
	rip.port = 0;
	if (st == ST_OK)
		st = send_oleh(sid, io->s, &rip, deadline);
	if (st == ST_OK)
		pcpio_quit(io->s, PCP_QUIT_OFFAIR);
	return st;
}

/* --- the requester's side --------------------------------------------------------------------- */

/* What we say to whom; HELO_TEST asks for a port test whatever we believe. */
enum { HELO_OPENER = 1, HELO_TRUSTED = 2, HELO_YP = 4, HELO_V6 = 8, HELO_TEST = 16 };

/* pcp.md 6.2. */
static void helo_of_us(struct node *n, const struct settings *set, unsigned how, struct helo *h)
{
	struct own own;

	servmgr_own(n->sm, &own);
	helo_init(h, &own.sid);
	helo_set_port(h, own.port, how & HELO_TEST ? FW_UNKNOWN : own.fw[(how & HELO_V6) != 0],
		set->send_port_atom_when_firewall_unknown);
	if ((how & HELO_YP) && chanmgr_is_broadcasting(n->cm))
		h->bcid = own.bcid;
}

/* version: of the "pcp\n" in front of it; 0 = none. */
static enum status send_helo(struct sock *s, const struct helo *h, uint32_t version, nsec deadline)
{
	struct atomwr w;
	enum status st;
	struct buf b;

	buf_init(&b, PCP_ATOM_SEND_MAX);
	atomwr_init(&w, &b);
	if (version != 0)
		helo_opener_emit(&w, version);
	helo_emit(&w, h);
	st = pcpio_write(s, &b, deadline);
	buf_fini(&b);
	return st;
}

/* What a trusted peer tells us of ourselves (pcp.md 6.4, step 5). Only the YP may disable us. */
static void believe(struct node *n, const struct settings *set, const struct helo *ours,
	const struct oleh *o, unsigned how)
{
	const bool v6 = (how & HELO_V6) != 0, names_us = oleh_names_us(o, v6);
	const enum firewall fw = oleh_firewall(o, ours, v6);
	const enum fwwhy why = !names_us || !host_is_global(&o->rip) ? FWWHY_NOT_GLOBAL :
		how & HELO_YP ? FWWHY_YP : FWWHY_TRACKER;
	struct own own;

	servmgr_own(n->sm, &own);
	if (names_us && (set->force_ip[0] == '\0' || (own.ip_forced[!v6] && !own.ip_forced[v6])))
		(void)servmgr_learn_address(n->sm, &o->rip);
	if (fw != FW_UNKNOWN && (how & HELO_TEST))
		(void)servmgr_set_firewall(n->sm, v6, fw, why);
	else if (fw != FW_UNKNOWN)
		(void)servmgr_settle_firewall(n->sm, v6, fw, why);
	if (how & HELO_YP)
		servmgr_set_disabled(n->sm, o->has_dis && o->dis != 0);
	app_own_changed(app_of(n));
}

/* Read until the oleh. *quit: what to send (ST_PROTO, ST_LIMIT) or what came (ST_EOF); 0 = neither. */
static enum status read_oleh(struct pcpio *io, struct oleh *o, uint32_t *quit, nsec deadline)
{
	char hs[HOST_STRLEN];

	for (int others = 0; others <= OTHER_ATOMS; others++) {
		struct atom a;
		enum status st = pcpio_read(io, &a, deadline);

		if (st == ST_LIMIT || st == ST_PROTO) {
			if (io->scan.len >= ATOM_HDR && io->scan.id == ATOM_HTTP)
				log_peer(LOG_INFO, &io->s->peer, "%s: peer answered HTTP",
					host_str(&io->s->peer, hs));
			*quit = PCP_QUIT_BADRESPONSE;
		}
		if (st != ST_OK)
			return st;
		if (a.id == ATOM_QUIT) {
			*quit = quit_parse(&a);
			return ST_EOF;
		}
		if (a.id == ATOM_OLEH) {
			st = oleh_parse(o, &a);
			*quit = st == ST_OK ? 0 : PCP_QUIT_BADRESPONSE;
			return st;
		}
	}
	*quit = PCP_QUIT_BADRESPONSE;
	return ST_PROTO;
}

/* Send ours, read theirs. *quit as in read_oleh(): nothing is sent of it. */
static enum status greet(struct pcpio *io, const struct helo *ours, uint32_t version, struct oleh *oleh,
	uint32_t *quit, nsec deadline)
{
	enum status st = send_helo(io->s, ours, version, deadline);

	*quit = 0;
	memset(oleh, 0, sizeof(*oleh));
	if (st == ST_OK)
		st = read_oleh(io, oleh, quit, deadline);
	if (st == ST_OK && gnuid_equal(&oleh->sid, &ours->sid))
		*quit = PCP_QUIT_LOOPBACK;
	else if (st == ST_OK && !gnuid_is_set(&oleh->sid))
		*quit = PCP_QUIT_NOTIDENTIFIED;
	return st == ST_OK && *quit != 0 ? ST_PROTO : st;
}

enum status pcpio_greet(struct pcpio *io, const struct helo *ours, uint32_t version, struct oleh *oleh,
	uint32_t *quit, nsec deadline)
{
	const enum status st = greet(io, ours, version, oleh, quit, deadline);

	if ((st == ST_PROTO || st == ST_LIMIT) && *quit != 0)
		pcpio_quit(io->s, *quit);
	return st;
}

static enum status say_helo(struct node *n, struct pcpio *io, unsigned how, struct oleh *oleh, uint32_t *quit,
	nsec deadline)
{
	const struct settings *set = conf_get(n->conf);
	const bool v6 = (how & HELO_V6) != 0, asks = (how & HELO_TRUSTED) && !(how & HELO_TEST);
	bool pings = false;
	uint32_t version = 0;
	struct helo ours;
	enum status st;

	helo_of_us(n, set, how, &ours);
	if (asks && ours.has_ping)
		ours.has_ping = pings = firewall_ping_take(app_of(n), v6);
	if (how & HELO_OPENER)
		version = v6 ? PCP_PROTO_V6 : PCP_PROTO_V4;
	st = greet(io, &ours, version, oleh, quit, deadline);
	if (st == ST_OK && (how & HELO_TRUSTED))
		believe(n, set, &ours, oleh, how);
	if (pings)
		firewall_ping_drop(app_of(n), v6);
	settings_unref(&set);
	if ((st == ST_PROTO || st == ST_LIMIT) && *quit != 0)
		pcpio_quit(io->s, *quit);
	return st;
}

enum status pcpio_say_helo(struct node *n, struct pcpio *io, bool opener, bool trusted, bool yp, bool v6,
	struct oleh *oleh, uint32_t *quit, nsec deadline)
{
	return say_helo(n, io, (opener ? HELO_OPENER : 0u) | (trusted ? HELO_TRUSTED : 0u) |
		(yp ? HELO_YP : 0u) | (v6 ? HELO_V6 : 0u), oleh, quit, deadline);
}

enum status pcpio_ask_test(struct node *n, struct pcpio *io, bool v6, struct oleh *oleh, uint32_t *quit,
	nsec deadline)
{
	return say_helo(n, io, HELO_OPENER | HELO_TRUSTED | HELO_YP | HELO_TEST | (v6 ? HELO_V6 : 0u), oleh,
		quit, deadline);
}
