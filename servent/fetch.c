/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source of a relayed channel: find a node that has it, fetch from it, search again when it is lost.
 *
 *	SEARCHING -> CONNECTING -> RECEIVING -> (lost) SEARCHING ... -> given up: closed
 *	RECEIVING -> IDLE when nobody listens; IDLE -> SEARCHING when somebody asks
 *
 * Downstream is kept up to SEARCH_LOST while searching; a tip that has never worked is given up as soon
 * as there is nobody left to ask.
 * source   pcp.md 7.4, 9.3, 9.5, 10.5, 11.5; media.md 9.1 rows 33, 34; node.md 7.2-7.5
 */
#include "servent/conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "core/sys/rng.h"
#include "pcp/quit.h"
#include "servent/packet.h"
#include "servent/pcpio.h"
#include "servent/proc.h"
#include "servent/report.h"

#define CONNECT_TIME   (10 * NSEC_PER_SEC)
#define RESPONSE_TIME  (20 * NSEC_PER_SEC)      /* the whole response head */
#define RESPONSE_LINES 100
#define RESPONSE_LINE  8192
#define STALL          (30 * NSEC_PER_SEC)      /* no packet from a relay; from a tracker twice as long */
#define SEARCH_FIRST   (60 * NSEC_PER_SEC)      /* how long somebody waits for a channel that never played */
#define SEARCH_LOST    (10 * NSEC_PER_SEC)      /* how long downstream is kept without a source */
#define RETRY_KEPT     (60 * NSEC_PER_SEC)      /* pause between searches for a channel that is to be kept */
#define IDLE_AFTER     (10 * NSEC_PER_SEC)      /* without a listener (prefetchTime) */
#define PACE_SAME      (2 * NSEC_PER_SEC)       /* between connections to one host */
#define PACE_OTHER     (200 * NSEC_PER_MSEC)    /* and to different ones: a list of hosts is no weapon */
#define RESTART_AFTER  (10 * NSEC_PER_SEC)      /* of nothing but known positions: they have begun anew */
#define GIV_COMES      (15 * NSEC_PER_SEC)      /* who refused us may have asked another to dial us */
#define YP_TRIES       3
#define HOSTS_MAX      64                       /* of one refusal (B61) */
#define BACK_WINDOW    ((uint64_t)16 << 20)     /* repeats within it are dropped (pcp.md 9.2) */
#define JUMP           ((uint64_t)64 << 20)
#define JUMPS_MAX      5                        /* in a minute */
#define HEADS_MAX      20                       /* in a minute (B56) */

struct fetch {
	struct app *a;
	struct chan *c;
	struct gnuid id;
	struct mbox mbox;
	uint32_t token;
	struct sock sock;
	struct pcpio io;
	struct proc proc;

	/* the host in use */
	struct host host;
	bool is_tracker, is_yp;
	bool given;                     /* it has dialled us: sock is connected */
	nsec giv_until;                 /* another may dial us until then */
	struct host again;              /* a tracker that has served us, to be asked at once; else unset */
	struct host avoid;              /* a tracker we were told to leave: others first; else unset */
	struct host tip;                /* the tracker that a user or the YP named: it is trusted */
	struct gnuid yp_sid;
	struct host wanted;             /* named by a bump: goes before all others; else unset */
	struct host last;               /* of the last connection, */
	nsec connected;                 /* and when it was begun */

	/* the stream */
	struct pkt *head;               /* what was set last, to tell repeats */
	struct pkt *batch[READER_BATCH];
	size_t n_batch;
	uint64_t next;                  /* position wanted next */
	nsec last_packet;
	bool received;                  /* something new, on this connection */
	bool bumped;                    /* the user wants another source */
	bool maybe_restart;             /* the head came again behind data: what follows tells */
	nsec known_since;               /* nothing but known positions come; 0 = new ones do */
	nsec window;                    /* of the two counts below */
	uint32_t heads, jumps;
	nsec last_head;

	struct report report;           /* of this connection */
	nsec look_at;                   /* around, not before this */

	nsec unused_since;              /* nobody listens; 0 = somebody does */
	uint32_t hosts;                 /* of this refusal */
	uint32_t yp_tries;
	uint32_t quit;                  /* received, or to send */
};

/* --- the stream ------------------------------------------------------------------------------- */

static enum status flush(struct fetch *f)
{
	size_t n = f->n_batch;

	f->n_batch = 0;
	return n > 0 ? chan_append(f->c, f->token, f->batch, n) : ST_OK;
}

static void drop_batch(struct fetch *f)
{
	while (f->n_batch > 0)
		pkt_unref(&f->batch[--f->n_batch]);
}

static void count_window(struct fetch *f, nsec now)
{
	if (now - f->window > 60 * NSEC_PER_SEC) {
		f->window = now;
		f->heads = f->jumps = 0;
	}
}

static enum status set_head(struct fetch *f, uint64_t pos, const uint8_t *data, size_t len, nsec now)
{
	struct pkt *k, *keep;
	enum status st = flush(f);

	if (st != ST_OK)
		return st;
	k = packet_new(&f->id, PKT_HEAD, pos, 0, data, len);
	if (k == NULL)
		return ST_LIMIT;
	keep = pkt_ref(k);
	st = chan_set_head(f->c, f->token, k);
	if (st != ST_OK) {
		pkt_unref(&keep);
		return st;
	}
	pkt_unref(&f->head);
	f->head = keep;
	f->next = pkt_end(keep);
	f->last_head = now;
	f->known_since = 0;
	f->maybe_restart = false;
	return ST_OK;
}

static enum status take_head(struct fetch *f, const struct pktatom *p, nsec now)
{
	if (p->len > PKT_HEAD_MAX)
		return ST_LIMIT;
	if (f->head != NULL && (uint32_t)f->head->pos == p->pos && f->head->len == p->len &&
	    memcmp(pkt_media(f->head), p->data, p->len) == 0) {
		/* Old nodes repeat it; but an encoder that comes back has the same, too. */
		f->maybe_restart = f->received && f->next != pkt_end(f->head);
		return ST_OK;
	}
	count_window(f, now);
	if (f->last_head != 0 && now - f->last_head < NSEC_PER_SEC && f->heads > 3) {
		f->heads++;
		return f->heads > HEADS_MAX ? ST_LIMIT : ST_OK;
	}
	if (++f->heads > HEADS_MAX)
		return ST_LIMIT;
	return set_head(f, p->pos == 0 ? 0 : pos_extend(f->next, p->pos), p->data, p->len, now);
}

/* The stream has begun anew under the head we have, and is at pos. */
static enum status restart(struct fetch *f, uint32_t pos, nsec now)
{
	struct pkt *old = pkt_ref(f->head);
	enum status st = ST_LIMIT;

	count_window(f, now);
	if (++f->heads <= HEADS_MAX)
		st = set_head(f, old->len > 0 ? old->pos : pos, pkt_media(old), old->len, now);
	pkt_unref(&old);
	return st;
}

/* A packet that ends where we have been before. ST_OK with *skip: it is not wanted. */
static enum status take_known(struct fetch *f, const struct pktatom *p, bool far, nsec now, bool *skip)
{
	bool again = f->maybe_restart && (p->pos == (uint32_t)pkt_end(f->head) || far);

	f->maybe_restart = false;
	if (f->known_since == 0)
		f->known_since = now;
	if (!again && now - f->known_since < RESTART_AFTER) {
		*skip = true;
		return ST_OK;
	}
	return restart(f, p->pos, now);
}

static enum status take_data(struct fetch *f, const struct pktatom *p, nsec now)
{
	uint64_t pos = pos_extend(f->next, p->pos), end = pos + p->len;

	if (p->len == 0)
		return ST_OK;
	if (p->len > PKT_DATA_MAX)
		return ST_LIMIT;
	if (f->head == NULL) {
		enum status st = set_head(f, p->pos, (const uint8_t *)"", 0, now);

		if (st != ST_OK)
			return st;
		pos = p->pos;
		end = pos + p->len;
	}
	if (end <= f->next && (f->next - end < BACK_WINDOW || f->maybe_restart)) {
		bool skip = false;
		enum status st = take_known(f, p, f->next - end >= BACK_WINDOW, now, &skip);

		if (st != ST_OK || skip)
			return st;
		pos = pos_extend(f->next, p->pos);
		end = pos + p->len;
	}
	f->maybe_restart = false;
	f->known_since = 0;
	/* where a stream is joined is no gap */
	if (pos != f->next && f->next != pkt_end(f->head)) {
		uint64_t d = pos > f->next ? pos - f->next : f->next - pos;

		chan_count_skip(f->c);
		count_window(f, now);
		if (d > JUMP && ++f->jumps > JUMPS_MAX)
			return ST_LIMIT;
	}
	for (uint32_t off = 0; off < p->len; ) {
		uint32_t n = MIN(p->len - off, (uint32_t)PKT_DATA_SEND);
		uint8_t cont = (uint8_t)(off == 0 ? p->cont : p->cont | PCP_PKT_CONT_FRAGMENT);
		struct pkt *k = packet_new(&f->id, PKT_DATA, pos + off, cont, p->data + off, n);
		enum status st;

		if (k == NULL)
			return ST_LIMIT;
		f->batch[f->n_batch++] = k;
		off += n;
		if (f->n_batch == READER_BATCH) {
			st = flush(f);
			if (st != ST_OK)
				return st;
		}
	}
	f->next = end;
	f->received = true;
	return ST_OK;
}

static enum status on_packet(void *ctx, const struct pktatom *p)
{
	struct fetch *f = ctx;
	nsec now = clk_now();

	f->last_packet = now;
	if (p->type == ATOM_HEAD)
		return take_head(f, p, now);
	return take_data(f, p, now);
}

static NOINLINE bool on_info(void *ctx, const struct chanatom *ca)
{
	struct fetch *f = ctx;
	struct chaninfo *i = chan_info(f->c);
	struct chanmeta m;
	bool bitrate_only;

	chaninfo_to_meta(i, &m);
	chaninfo_unref(&i);
	chanatom_meta(ca, &m);
	m.id = f->id;
	return m.text[CT_NAME][0] != '\0' && chan_set_info(f->c, &m, &bitrate_only);
}

/* --- status report ---------------------------------------------------------------------------- */

/* Tell the upstream when it is due (pcp.md 10.5), and note whether anybody listens. */
static enum status look_around(struct fetch *f, nsec now)
{
	struct report_facts facts;
	struct usage u;
	struct own own;

	if (now < f->look_at)
		return ST_OK;
	servmgr_usage(f->a->node.sm, &f->id, &u);
	servmgr_own(f->a->node.sm, &own);
	if (u.relays + u.directs > 0)
		f->unused_since = 0;
	else if (f->unused_since == 0)
		f->unused_since = now;
	if (!f->received)
		return ST_OK;
	f->look_at = now + NSEC_PER_SEC;
	facts = (struct report_facts){ u.directs, u.relays, own.fw[!host_is_v4(&f->host)] };
	if (report_due(&f->report, &facts) > now)
		return ST_OK;
	return report_send(&f->report, &f->a->node, f->c, &f->io, &facts, clk_deadline(PCP_WRITE));
}

/* --- one connection --------------------------------------------------------------------------- */

/* The response head: status code, or 0 when it is none. */
static int read_response(struct fetch *f, nsec deadline)
{
	char *line = malloc(RESPONSE_LINE);
	uint32_t code = 0;
	size_t total = 0;

	if (line == NULL)
		return 0;
	for (int i = 0; i < RESPONSE_LINES; i++) {
		size_t n;

		if (sock_read_line(&f->sock, line, RESPONSE_LINE, deadline) != ST_OK) {
			code = 0;
			break;
		}
		n = strlen(line);
		total += n;
		if (total > 65536) {
			code = 0;
			break;
		}
		if (i == 0) {
			char num[4] = "";

			if (ascii_ncasecmp(line, "HTTP/1.", 7) != 0 || n < 12)
				break;
			memcpy(num, line + 9, 3);
			if (!num_u32(num, 100, 599, &code))
				break;
		} else if (n == 0) {
			free(line);
			return (int)code;
		}
	}
	free(line);
	return 0;
}

static enum status request(struct fetch *f, nsec deadline)
{
	char id[GNUID_STRLEN], host[HOST_STRLEN], text[512];
	uint32_t want = f->head != NULL ? (uint32_t)f->next : 0;
	int n = snprintf(text, sizeof(text),
	                 "GET /channel/%s HTTP/1.0\r\n"
	                 "Host: %s\r\n"
	                 "User-Agent: " NODE_AGENT "\r\n"
	                 "x-peercast-pos: %u\r\n"
	                 "x-peercast-pcp: %d\r\n"
	                 "\r\n",
	                 gnuid_str(&f->id, id), host_str(&f->host, host), want,
	                 host_is_v4(&f->host) ? PCP_PROTO_V4 : PCP_PROTO_V6);

	return sock_write(&f->sock, text, (size_t)n, deadline);
}

/* Process what has arrived. ST_EOF: the peer said quit; packets in front of it count. */
static enum status process(struct fetch *f)
{
	enum status st = ST_OK, flushed;
	struct atom at;

	while (st == ST_OK && (st = pcpio_next(&f->io, &at)) == ST_OK) {
		if (at.id == ATOM_HOST && ++f->hosts > HOSTS_MAX && !f->received)
			continue;
		st = proc_atom(&f->proc, &at, &f->quit);
	}
	flushed = flush(f);
	return st == ST_TIMEOUT ? flushed : st;
}

/* The list of hosts of a full node, until its quit. */
static void read_refusal(struct fetch *f)
{
	nsec deadline = clk_deadline(15 * NSEC_PER_SEC);
	enum status st = ST_OK;

	f->hosts = 0;
	while (st == ST_OK) {
		st = process(f);
		if (st == ST_OK && f->hosts > HOSTS_MAX)
			deadline = MIN(deadline, clk_deadline(5 * NSEC_PER_SEC));
		/* one that never stops talking has bytes ready past any deadline */
		if (st == ST_OK && clk_left_ms(deadline) == 0)
			st = ST_TIMEOUT;
		if (st == ST_OK)
			st = pcpio_pump(&f->io, deadline);
	}
}

static bool is_kept(struct fetch *f)
{
	struct chan_view v;
	bool keep;

	chan_view(f->c, &v);
	keep = v.keep;
	chan_view_fini(&v);
	return keep;
}

/* Receive until something ends it. */
static enum status receive(struct fetch *f)
{
	nsec stall = f->is_tracker ? 2 * STALL : STALL;
	bool told = false;
	enum status st;

	f->last_packet = clk_now();
	f->unused_since = 0;
	for (;;) {
		struct host to;
		nsec now, wake;
		int got;

		st = process(f);
		now = clk_now();
		if (st == ST_OK && f->received && !told) {
			told = true;
			chan_set_status(f->c, CHAN_RECEIVING);
		}
		if (st == ST_OK)
			st = look_around(f, now);
		pass_tick(&f->proc, now);
		if (st == ST_OK)
			st = pcpio_mail(&f->io, &f->mbox, clk_deadline(PCP_WRITE));
		if (st == ST_OK && f->mbox.mail) {
			f->mbox.mail = false;
			/* one without a host may have been meant to end our idleness */
			if (chan_take_bump(f->c, &to) &&
			    (told || host_is_set(&to) || now - f->connected >= PACE_SAME)) {
				f->bumped = true;
				f->wanted = to;
				return ST_TIMEOUT;
			}
		}
		if (st != ST_OK)
			return st;
		if (now - f->last_packet >= stall)
			return ST_TIMEOUT;
		if (f->unused_since != 0 && now - f->unused_since >= IDLE_AFTER && told) {
			if (!is_kept(f))
				return ST_OK;   /* nobody listens */
		}
		wake = MIN(f->last_packet + stall, pcpio_deadline(&f->io));
		wake = MIN(wake, now + NSEC_PER_SEC * (f->unused_since != 0 ? 1 : 10));
		wake = MIN(wake, MIN(pass_due(&f->proc), pcpio_mail_due(&f->io, &f->mbox)));
		st = sock_wait(&f->sock, SOCK_IN, &got, wake);
		if (st == ST_TIMEOUT) {
			if (clk_now() >= pcpio_deadline(&f->io))
				return ST_TIMEOUT;
			continue;
		}
		if (st != ST_OK)
			return st;
		if (got & SOCK_MAIL)
			f->mbox.mail = true;
		if (got & SOCK_IN) {
			st = pcpio_pump(&f->io, clk_deadline(NSEC_PER_SEC));
			if (st != ST_OK && (st != ST_TIMEOUT || clk_now() >= pcpio_deadline(&f->io)))
				return st;
		}
	}
}

/* Good-bye to an upstream that may still listen. */
static void leave(struct fetch *f)
{
	sock_deafen(&f->sock);
	report_farewell(&f->report, &f->a->node, f->c, &f->io, clk_deadline(GOODBYE));
	pcpio_quit(&f->sock, servmgr_is_stopping(f->a->node.sm) ? PCP_QUIT_SHUTDOWN
	                   : f->quit != 0 ? f->quit : PCP_QUIT);
}

enum outcome {
	OUT_IDLE,       /* nobody listens */
	OUT_STOPPED,    /* the channel is closing */
	OUT_GONE,       /* the tracker says there is no such channel */
	OUT_LOST,       /* try another */
};

/* Whoever takes us and drops us at once is not hammered. False when stopped. */
static bool pace(struct fetch *f)
{
	nsec until = f->connected + (host_equal(&f->host, &f->last) ? PACE_SAME : PACE_OTHER);
	enum status st = ST_OK;

	while (f->connected != 0 && st == ST_OK && clk_now() < until)
		st = mbox_wait(&f->mbox, until);
	f->mbox.mail = true;            /* a bump may have come meanwhile */
	f->connected = clk_now();
	f->last = f->host;
	return st != ST_STOPPED;
}

static enum outcome connect_and_fetch(struct fetch *f)
{
	char from[HOST_STRLEN], what[QUIT_STRLEN];
	bool v6 = !host_is_v4(&f->host);
	bool trusted = f->is_yp || (f->is_tracker && host_equal(&f->host, &f->tip));
	enum outcome out = OUT_LOST;
	struct oleh oleh;
	enum status st;
	int code = 0;

	host_str(&f->host, from);
	if (!f->given && !pace(f))
		return OUT_STOPPED;
	f->bumped = false;
	f->maybe_restart = false;
	f->known_since = 0;
	f->hosts = 0;
	f->quit = 0;
	f->report = (struct report){ .sent = 0 };
	f->look_at = 0;
	chan_set_status(f->c, CHAN_CONNECTING);
	chan_set_source(f->c, &f->host, NULL, NULL);
	st = f->given ? ST_OK : sock_connect(&f->sock, &f->host, &f->mbox, clk_deadline(CONNECT_TIME));
	if (st != ST_OK) {
		log_peer(LOG_INFO, &f->host, "fetch %s: connect: %s", from, status_str(st));
		if (st != ST_STOPPED)
			chanmgr_failed(f->a->node.cm, &f->id, &f->host);
		return st == ST_STOPPED ? OUT_STOPPED : OUT_LOST;
	}
	pcpio_init(&f->io, &f->sock, &atomlimits_fetch);
	st = request(f, clk_deadline(PCP_WRITE));
	if (st == ST_OK)
		code = read_response(f, clk_deadline(RESPONSE_TIME));
	if (code == 404 && (f->is_tracker || f->is_yp)) {
		log_info("fetch %s: channel not found", from);
		out = OUT_GONE;
	} else if (code != 200 && code != 503) {
		log_info("fetch %s: answer %d", from, code);
	} else {
		st = pcpio_say_helo(&f->a->node, &f->io, false, trusted, f->is_yp, v6, &oleh, &f->quit,
		                    clk_deadline(PCP_HANDSHAKE));
		if (st == ST_OK) {
			f->proc = (struct proc){ .node = &f->a->node, .kind = PROC_FETCH, .peer = f->host,
			                         .remote = oleh.sid, .chan = f->id, .packet = on_packet,
			                         .info = on_info, .ctx = f };
			chan_set_source(f->c, &f->host, &oleh.sid, NULL);
			if (f->is_yp)
				f->yp_sid = oleh.sid;
			if (code == 503) {
				log_info("fetch %s: full, looking at the hosts it named", from);
				read_refusal(f);
				f->giv_until = clk_deadline(GIV_COMES);
				out = OUT_LOST;
				f->quit = 0;
			} else {
				log_info("fetch %s: receiving from %s", from, oleh.agent);
				chan_set_v6(f->c, v6);
				st = receive(f);
				if (st == ST_OK)
					out = OUT_IDLE;
				else if (st == ST_EOF && f->is_tracker && f->quit == PCP_QUIT_OFFAIR)
					out = OUT_GONE;         /* it should know */
				if (out == OUT_IDLE)
					log_info("fetch %s: nobody listens", from);
				else if (f->bumped)
					log_info("fetch %s: bumped", from);
				else if (f->quit != 0 && st == ST_EOF)
					log_info("fetch %s: quit %s", from, quit_str(f->quit, what));
				else
					log_info("fetch %s: %s", from,
					         f->proc.why != NULL ? f->proc.why : status_str(st));
				if ((st == ST_PROTO || st == ST_LIMIT) && f->quit == 0)
					f->quit = PCP_QUIT_BADRESPONSE;
				if (st == ST_EOF)
					f->quit = 0;
				else
					leave(f);
			}
		} else {
			log_info("fetch %s: handshake: %s", from, status_str(st));
		}
	}
	pass_end(&f->proc);
	drop_batch(f);
	pcpio_fini(&f->io);
	sock_close(&f->sock);
	if (chan_is_closing(f->c) || mbox_is_stopped(&f->mbox))
		return OUT_STOPPED;
	if (out == OUT_LOST && f->is_tracker && f->bumped)
		f->avoid = f->host;     /* others first; it may be the only one (settings.md decision 31) */
	else if (out == OUT_LOST && f->is_tracker && f->received)
		f->again = f->host;     /* at once: it may only have restarted */
	else if (out == OUT_LOST && code != 503 && !f->given)
		chanmgr_failed(f->a->node.cm, &f->id, &f->host);
	return out;
}

/* --- choosing --------------------------------------------------------------------------------- */

static bool pick(struct fetch *f, bool trackers, const struct host *match, nsec wait)
{
	struct pick p = {
		.chan = &f->id, .exclude = *servmgr_sid(f->a->node.sm), .exclude_host = f->avoid,
		.wait = wait, .trackers = trackers,
	};
	struct hit hit;
	struct host to;

	if (match != NULL)
		p.match = *match;
	for (int v6 = 0; v6 < 2; v6++) {
		p.v6 = v6 != 0;
		if (chanmgr_pick(f->a->node.cm, &p, &hit, &to) && !servmgr_is_self(f->a->node.sm, &to)) {
			f->host = to;
			f->is_tracker = trackers;
			f->is_yp = false;
			if (trackers && (hit.told ||
			    (gnuid_is_set(&f->yp_sid) && gnuid_equal(&hit.via, &f->yp_sid))))
				f->tip = to;
			return true;
		}
	}
	return false;
}

/* Turn to the YP itself: spaced and limited (pcp.md 7.4). */
static bool pick_yp(struct fetch *f, bool *later)
{
	const struct settings *set = conf_get(f->a->node.conf);
	bool ok = false;
	nsec at;

	if (set->root_host[0] != '\0' && f->yp_tries < YP_TRIES) {
		if (!servmgr_take_turn(f->a->node.sm, set->root_host, &at)) {
			*later = true;
		} else {
			f->yp_tries++;
			ok = host_resolve(&f->host, set->root_host, PCP_PORT,
			                  clk_deadline(5 * NSEC_PER_SEC)) == ST_OK &&
			     !servmgr_is_self(f->a->node.sm, &f->host);
			f->is_tracker = false;
			f->is_yp = true;
		}
	}
	settings_unref(&set);
	return ok;
}

/* May a firewalled node be on its way to us? */
static bool giv_may_come(struct fetch *f)
{
	struct chan_view v;
	struct own own;
	bool v6;

	chan_view(f->c, &v);
	v6 = v.v6;
	chan_view_fini(&v);
	servmgr_own(f->a->node.sm, &own);
	return own.fw[v6] != FW_CLOSED && clk_now() < f->giv_until;
}

/* The next host to try (pcp.md 11.5). *later: nobody now, but somebody soon. */
static bool choose(struct fetch *f, bool *later)
{
	struct own own;
	bool ok;

	f->given = chan_take_given(f->c, f->token, &f->sock, &f->mbox);
	if (f->given) {
		f->host = f->sock.peer;
		f->is_tracker = f->is_yp = false;
		f->yp_tries = 0;
		return true;
	}
	if (host_is_set(&f->wanted)) {
		f->host = f->wanted;
		f->is_tracker = f->is_yp = false;
		f->wanted = (struct host){ 0 };
		return true;
	}
	if (host_is_set(&f->again)) {
		f->host = f->again;
		f->is_tracker = true;
		f->is_yp = false;
		f->again = (struct host){ 0 };
		return true;
	}
	servmgr_own(f->a->node.sm, &own);
	ok = (host_is_set(&own.global[0]) && pick(f, false, &own.global[0], 5 * NSEC_PER_SEC)) ||
	     pick(f, false, NULL, 5 * NSEC_PER_SEC) ||
	     (host_is_set(&own.global[0]) && pick(f, true, &own.global[0], 10 * NSEC_PER_SEC)) ||
	     pick(f, true, NULL, 10 * NSEC_PER_SEC);
	if (!ok && host_is_set(&f->avoid)) {
		f->host = f->avoid;
		f->is_tracker = ok = true;
		f->is_yp = false;
	}
	f->avoid = (struct host){ 0 };
	if (ok) {
		f->yp_tries = 0;
		return true;
	}
	*later = pick(f, false, NULL, 0) || pick(f, true, NULL, 0);
	if (!*later && pick_yp(f, later))
		return true;
	*later = *later || giv_may_come(f);
	return false;
}

/* Nobody listens: wait until somebody asks. Returns false when the channel ends instead. */
static bool wait_wanted(struct fetch *f)
{
	enum status st = ST_OK;
	struct usage u;

	chan_set_source(f->c, NULL, NULL, NULL);
	chan_reset(f->c, f->token);
	pkt_unref(&f->head);
	f->next = 0;
	f->received = false;
	chan_set_status(f->c, CHAN_IDLE);
	/* Whoever was admitted meanwhile is counted; whoever is later sees that we are idle, and bumps. */
	servmgr_usage(f->a->node.sm, &f->id, &u);
	if (u.relays + u.directs > 0)
		return true;
	while (st == ST_OK && !chan_take_bump(f->c, &f->wanted))
		st = mbox_wait(&f->mbox, NSEC_NEVER);
	return st == ST_OK;
}

static void run(struct fetch *f)
{
	nsec lost = clk_now();          /* since when there is no source */
	bool ever = false;
	struct host to;

	while (!chan_is_closing(f->c) && !mbox_is_stopped(&f->mbox)) {
		bool later = false, gone = false;
		nsec pause = NSEC_PER_SEC;

		chan_set_status(f->c, CHAN_SEARCHING);
		if (chan_take_bump(f->c, &to) && host_is_set(&to))
			f->wanted = to;
		if (choose(f, &later)) {
			enum outcome out;

			f->received = false;
			out = connect_and_fetch(f);
			chan_set_source(f->c, NULL, NULL, NULL);
			if (f->received) {
				ever = true;
				lost = clk_now();
			}
			if (out == OUT_STOPPED)
				return;
			if (out == OUT_IDLE) {
				if (!wait_wanted(f))
					return;
				ever = false;
				lost = clk_now();
			}
			if (out != OUT_GONE)
				continue;
			gone = true;
			chan_set_status(f->c, CHAN_SEARCHING);
		}
		if (is_kept(f)) {
			/* even when it is off the air: it may come back */
			f->yp_tries = 0;
			if (gone || !later)
				pause = RETRY_KEPT / 2 + (nsec)rng_below(1000) * (RETRY_KEPT / 2000);
		} else if (gone || (!ever && !later) ||
		           clk_now() - lost > (ever ? SEARCH_LOST : SEARCH_FIRST)) {
			return;
		}
		/* a host told to wait, or one that may announce itself */
		if (mbox_wait(&f->mbox, clk_deadline(pause)) == ST_STOPPED)
			return;
	}
}

static void fetch_task(struct app *a, void *arg)
{
	struct chan *c = arg;
	char id[GNUID_STRLEN];
	struct fetch *f = calloc(1, sizeof(*f));

	gnuid_str(chan_id(c), id);
	if (f != NULL && mbox_init(&f->mbox) == ST_OK) {
		f->a = a;
		f->c = c;
		f->id = *chan_id(c);
		f->sock.fd = -1;
		if (chan_attach(c, &f->mbox, &f->token, clk_deadline(NSEC_PER_SEC)) == ST_OK) {
			run(f);
			chan_close(c);
			chan_detach(c, f->token);
		}
		pkt_unref(&f->head);
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

enum status fetch_start(struct node *n, const struct gnuid *id, const struct host *tip, struct chan **out)
{
	struct chanmeta meta = { .id = *id };
	struct hitlist_view lv;

	if (chanmgr_list_view(n->cm, id, false, &lv)) {
		if (lv.info != NULL)
			chaninfo_to_meta(lv.info, &meta);
		hitlist_view_fini(&lv);
	}
	meta.id = *id;
	return fetch_restore(n, &meta, tip, false, out);
}
