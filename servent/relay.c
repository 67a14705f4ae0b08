/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RELAY: another node fetches a channel from us: 200, oleh, ok, head, packets; or 503 and hosts.
 * source   pcp.md 7.3, 8, 9.4, 12; 18.2, 18.3 (B7, B27, B30, B31, B64)
 */
#include "servent/conn.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "http/response.h"
#include "http/target.h"
#include "pcp/chanatom.h"
#include "pcp/quit.h"
#include "servent/handshake.h"
#include "servent/hosts.h"
#include "servent/pcpio.h"
#include "servent/proc.h"
#include "servent/slow.h"

#define FIRST_DATA  (30 * NSEC_PER_SEC)
#define SILENCE     (300 * NSEC_PER_SEC)        /* not one atom from it (B7) */
#define HEAR_PACE   (1 * NSEC_PER_SEC)          /* while it takes all our time to write */

struct relay {
	struct app *a;
	struct servent *sv;
	struct chan *c;
	struct pcpio io;
	struct proc proc;
	struct reader r;
	uint32_t quit;                  /* to say at the end; 0 = nothing */
	uint32_t said;                  /* the quit it has sent; 0 = none */
	nsec heard;                     /* last atom */
	nsec looked;                    /* when its side was last looked at */
	struct slow slow;
	uint16_t port;                  /* it can be reached on; 0 = none */
};

/* --- refusal ---------------------------------------------------------------------------------- */

static enum status http_head(struct servent *sv, int status, const struct chaninfo *info, uint32_t pos)
{
	struct buf b;
	enum status st;

	buf_init(&b, 8192);
	http_relay_head(&b, status, info, pos);
	st = b.err == ST_OK ? sock_write(&sv->sock, b.p, b.len, clk_deadline(PCP_WRITE)) : b.err;
	buf_fini(&b);
	return st;
}

/* oleh is out, and there is no place for it: others to go to, then the quit. Apart, for its frame. */
static NOINLINE void turn_away(struct app *a, struct servent *sv, const struct gnuid *chan,
	const struct helo *helo)
{
	struct atomwr w;
	struct buf b;

	buf_init(&b, 8192);
	atomwr_init(&w, &b);
	hosts_of_refusal(a, sv, chan, helo, &w);
	if (pcpio_write(&sv->sock, &b, clk_deadline(PCP_WRITE)) == ST_OK)
		pcpio_quit(&sv->sock, PCP_QUIT_UNAVAILABLE);
	buf_fini(&b);
}

static void refuse(struct app *a, struct servent *sv, const struct gnuid *chan)
{
	nsec deadline = clk_deadline(PCP_HANDSHAKE);
	struct pcpio io;
	struct helo helo;

	if (http_head(sv, 503, NULL, 0) != ST_OK)
		return;
	pcpio_init(&io, &sv->sock, &atomlimits_control);
	if (pcpio_answer_helo(&a->node, sv, &io, false, &helo, deadline) == ST_OK)
		turn_away(a, sv, chan, &helo);
	pcpio_fini(&io);
}

/* --- serving ---------------------------------------------------------------------------------- */

/* Act on the atoms that are here. Needs no write right. */
static enum status obey(struct relay *x)
{
	enum status st;
	struct atom at;

	while ((st = pcpio_next(&x->io, &at)) == ST_OK) {
		x->heard = clk_now();
		st = proc_atom(&x->proc, &at, &x->quit);
		if (st == ST_EOF) {     /* it has said good-bye: just close */
			x->said = x->quit;
			x->quit = 0;
		}
		if (st != ST_OK)
			break;
	}
	if (st == ST_TIMEOUT) {
		sock_trim(&x->sv->sock);
		return ST_OK;
	}
	if ((st == ST_PROTO || st == ST_LIMIT) && x->quit == 0)
		x->quit = PCP_QUIT_BADRESPONSE;
	return st;
}

/* Act on what the relay below has sent. Needs no write right. */
static enum status hear(struct relay *x)
{
	enum status st = pcpio_pump(&x->io, clk_deadline(NSEC_PER_SEC));

	if (st == ST_TIMEOUT) {
		if (clk_now() < pcpio_deadline(&x->io))
			return ST_OK;
		x->quit = PCP_QUIT_BADRESPONSE; /* it does not end its atom */
		return ST_TIMEOUT;
	}
	return st == ST_OK ? obey(x) : st;
}

/* Sleep while the channel sends for us; hear what comes in. ST_OK: there is something to write. */
static enum status sleep_parked(struct relay *x)
{
	while (!reader_owns(&x->r)) {
		const nsec wake = MIN(x->heard + SILENCE, pcpio_deadline(&x->io));
		const nsec due = pcpio_mail_due(&x->io, &x->sv->mbox);
		int got;
		enum status st = sock_wait(&x->sv->sock, SOCK_IN, &got, MIN(wake, due));

		if (st == ST_TIMEOUT && due < wake)
			return ST_OK;
		if (st == ST_TIMEOUT) {
			x->quit = clk_now() >= pcpio_deadline(&x->io) ? PCP_QUIT_BADRESPONSE : PCP_QUIT;
			return st;
		}
		if (st == ST_OK && (got & SOCK_IN))
			st = hear(x);
		if (st != ST_OK)
			return st;
		if (got & SOCK_MAIL)
			return ST_OK;
	}
	return ST_OK;
}

/* Send what it has taken. ST_TIMEOUT: it takes it too slowly. */
static enum status flush(struct relay *x)
{
	enum status st = ST_OK;
	nsec at, by;

	while ((at = reader_oldest(&x->r)) != 0) {
		by = slow_deadline(&x->slow, at, clk_now());
		if (st == ST_TIMEOUT && clk_now() >= by)
			break;
		st = reader_flush(&x->r, by);
		if (st != ST_TIMEOUT)
			return st;
	}
	if (st == ST_TIMEOUT)
		x->quit = PCP_QUIT_SKIP;
	return st;
}

/* A relay that keeps falling off the ring does nobody good. */
static enum status note_skip(struct relay *x)
{
	log_peer(LOG_INFO, &x->sv->peer, "servent %u: relay too slow, skips ahead", x->sv->id);
	if (!slow_skipped(&x->slow, clk_now()))
		return ST_OK;
	x->quit = PCP_QUIT_SKIP;
	return ST_LIMIT;
}

/* Busy writing: still hear what has come, now and then. One that never catches up speaks too. */
static enum status look_up(struct relay *x)
{
	nsec now = clk_now();
	enum status st;
	int got;

	if (now - x->looked < HEAR_PACE)
		return ST_OK;
	x->looked = now;
	st = sock_wait(&x->sv->sock, SOCK_IN, &got, now);
	if (st == ST_OK && (got & SOCK_IN))
		return hear(x);
	if (st != ST_OK && st != ST_TIMEOUT)
		return st;
	if (now >= pcpio_deadline(&x->io))
		x->quit = PCP_QUIT_BADRESPONSE;
	else if (now - x->heard >= SILENCE)
		x->quit = PCP_QUIT;
	else
		return ST_OK;
	return ST_TIMEOUT;
}

static enum status stream(struct relay *x)
{
	enum status st;
	int what;

	for (;;) {
		st = flush(x);
		if (st == ST_OK)
			st = pcpio_mail(&x->io, &x->sv->mbox, clk_deadline(PCP_WRITE));
		if (st == ST_OK)
			st = chan_read(x->c, &x->r, &what);
		if (st == ST_OK && (what & CHAN_SKIPPED))
			st = note_skip(x);
		if (st == ST_OK && (what & CHAN_PARKED)) {
			slow_caught_up(&x->slow);
			st = sleep_parked(x);
			reader_reclaim(&x->r);
		} else if (st == ST_OK) {
			st = look_up(x);
		}
		if (st != ST_OK)
			return st;
	}
}

/* Choose where its stream begins, and say so. Where there is none yet, that is where it will go on. */
static NOINLINE enum status say_start(struct relay *x, const struct chaninfo *info, uint32_t pos)
{
	struct pkt *head;
	uint64_t from = 0;

	if (chan_place(x->c, &x->r, CHAN_FROM_POS, pos, &head, &from) != ST_OK)
		from = chan_next_pos(x->c);     /* it just ends: said in good order later */
	pkt_unref(&head);
	return http_head(x->sv, 200, info, (uint32_t)from);
}

/* oleh is out: ok, the head, then the stream. */
static enum status start(struct relay *x, uint32_t pos)
{
	struct chaninfo *info = NULL;
	struct pkt *head = NULL;
	uint64_t from = 0;
	struct atomwr w;
	struct buf b;
	enum status st;

	buf_init(&b, PKT_HEAD_MAX + 32768);
	atomwr_init(&w, &b);
	ok_emit(&w);
	st = chan_wait_head(x->c, &x->sv->mbox, clk_deadline(FIRST_DATA));
	if (st == ST_OK)
		st = chan_join(x->c, &x->r);
	if (st == ST_OK)
		st = chan_place(x->c, &x->r, CHAN_FROM_HERE, pos, &head, &from);
	slow_placed(&x->slow);
	if (st == ST_OK && head != NULL) {
		info = chan_info(x->c);
		st = chanatom_start_emit(&b, info, (uint32_t)head->pos, pkt_media(head), head->len);
		chaninfo_unref(&info);
	}
	pkt_unref(&head);
	if (st == ST_OK)
		st = pcpio_write(&x->sv->sock, &b, clk_deadline(PCP_WRITE));
	buf_fini(&b);
	return st;
}

/* Its place goes to another, or we do not go on: whom to turn to. */
static NOINLINE void send_hosts(struct relay *x)
{
	const struct asker k = { .sv = x->sv, .chan = x->proc.chan, .sid = x->proc.remote, .port = x->port };
	struct atomwr w;
	struct buf b;

	buf_init(&b, 8192);
	atomwr_init(&w, &b);
	if (x->quit == PCP_QUIT_UNAVAILABLE)
		hosts_for_leaver(x->a, &k, &w);
	else
		hosts_of_heir(x->a, x->c, &k, &w);
	(void)!pcpio_write(&x->sv->sock, &b, clk_deadline(GOODBYE));
	buf_fini(&b);
}

static void finish(struct relay *x, enum status st)
{
	const bool away = atomic_load_explicit(&x->sv->sent_away, memory_order_relaxed);
	char peer[HOST_STRLEN], what[QUIT_STRLEN];
	const char *why = status_str(st);

	host_str(&x->sv->peer, peer);
	servent_set_status(x->sv, SV_CLOSING);  /* its place is free, whatever is still to be said */
	if (st == ST_STOPPED && servmgr_is_stopping(x->sv->sm))
		x->quit = PCP_QUIT_SHUTDOWN;
	else if (st == ST_STOPPED)
		x->quit = away ? PCP_QUIT_UNAVAILABLE : PCP_QUIT_OFFAIR;
	if (x->quit == PCP_QUIT_UNAVAILABLE)
		why = "gives its place to another";
	else if (st == ST_EOF)
		why = "left";
	else if (x->proc.why != NULL)
		why = x->proc.why;
	log_peer(LOG_INFO, &x->sv->peer, "relay %s: %s%s%s", peer, why,
	         x->quit != 0 ? ", quit " : "", x->quit != 0 ? quit_str(x->quit, what) : "");
	if (x->quit == 0)
		return;
	sock_deafen(&x->sv->sock);      /* stopped, yet this is still to be said */
	if (st == ST_STOPPED && reader_flush(&x->r, clk_deadline(GOODBYE)) != ST_OK)
		return;
	if (reader_in_packet(&x->r))
		return;
	if (st == ST_STOPPED) {
		(void)!pcpio_last_mail(&x->io, &x->sv->mbox, clk_deadline(GOODBYE));
		send_hosts(x);
	}
	pcpio_quit(&x->sv->sock, x->quit);
}

/* What it told of itself and of those below it goes with it (settings.md decision 14): at once when it
 * said that this is the end, or we sent it away; else it may only have lost the line. */
static NOINLINE void forget(struct relay *x, enum status st)
{
	const struct servent_query q = { .types = 1u << SV_RELAY, .chan = x->proc.chan,
	                                 .remote = x->proc.remote };
	const bool at_once = st == ST_STOPPED || (st == ST_EOF && quit_is_gone(x->said));
	const struct settings *set;
	struct servent **others;
	bool back = false;
	size_t n;

	if (servmgr_select(x->sv->sm, &q, &others, &n) != ST_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		back = true;            /* it has come again, and speaks over that line */
		servent_unref(&others[i]);
	}
	free(others);
	if (back)
		return;
	set = conf_get(x->a->node.conf);
	chanmgr_session_gone(x->a->node.cm, &x->proc.remote,
	                     x->said == PCP_QUIT_SHUTDOWN ? NULL : &x->proc.chan, at_once,
	                     (nsec)set->ghost_timeout * NSEC_PER_SEC);
	settings_unref(&set);
}

/* One session has one connection to a channel (pcp.md 18, B27): one from the same address gives way, it has
 * been lost. False when there is one from elsewhere. Otherwise a place it was promised is its own now. */
static NOINLINE bool take_place(struct app *a, struct servent *sv, struct chan *c, const struct gnuid *sid)
{
	struct servent_query q = { .types = 1u << SV_RELAY, .chan = *chan_id(c), .remote = *sid };
	struct servent **list;
	bool ok = true;
	size_t n;

	/* First, so that of two that come at once not both miss the other. */
	servent_set_remote(sv, sid);
	if (servmgr_select(a->node.sm, &q, &list, &n) != ST_OK)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		if (list[i] != sv && !host_same_ip(&list[i]->peer, &sv->peer))
			ok = false;
	}
	if (ok)
		servmgr_claim(a->node.sm, sv);
	for (size_t i = 0; i < n; i++) {
		if (ok && list[i] != sv && list[i]->id < sv->id)
			mbox_stop(&list[i]->mbox);
		servent_unref(&list[i]);
	}
	free(list);
	if (!ok)
		servent_set_remote(sv, &(struct gnuid){ 0 });   /* nor keeps it the place from others */
	return ok;
}

/* Is it the session we fetch from? A circle (pcp.md 18, B64). */
static NOINLINE bool is_source(struct chan *c, const struct gnuid *sid)
{
	struct chan_view v;
	bool yes;

	chan_view(c, &v);
	yes = gnuid_equal(&v.source_sid, sid);
	chan_view_fini(&v);
	return yes;
}

/* It has said who it is. False: it is not served, and has been told so. */
static NOINLINE bool may_stay(struct app *a, struct servent *sv, struct chan *c, const struct helo *helo)
{
	const char *why;
	char peer[HOST_STRLEN];
	uint32_t quit = PCP_QUIT_UNAVAILABLE;
	bool hosts = false;

	if (is_source(c, &helo->sid)) {
		why = "it is our own source";   /* whoever we know comes from it */
	} else if (!sv->private && servmgr_was_sent_away(a->node.sm, chan_id(c), &helo->sid)) {
		why = "gave its place to another just now";
		hosts = true;
	} else if (!take_place(a, sv, c, &helo->sid)) {
		why = "its session is connected from elsewhere";
		quit = PCP_QUIT_ALREADYCONNECTED;
	} else {
		return true;
	}
	servent_set_status(sv, SV_CLOSING);     /* the place it had, or was promised, is free */
	log_peer(LOG_INFO, &sv->peer, "relay %s: %s", host_str(&sv->peer, peer), why);
	if (hosts)
		turn_away(a, sv, chan_id(c), helo);
	else
		pcpio_quit(&sv->sock, quit);
	return false;
}

static void serve(struct app *a, struct servent *sv, struct chan *c, uint32_t pos)
{
	struct chaninfo *info = chan_info(c);
	struct relay *x = calloc(1, sizeof(*x));
	char peer[HOST_STRLEN];
	struct helo *helo = malloc(sizeof(*helo));
	enum status st;

	if (x == NULL || helo == NULL) {
		chaninfo_unref(&info);
		free(x);
		free(helo);
		return;
	}
	x->a = a;
	x->sv = sv;
	x->c = c;
	x->heard = clk_now();
	reader_init(&x->r, &sv->sock, true);
	x->r.owner = sv->id;
	pcpio_init(&x->io, &sv->sock, &atomlimits_control);
	st = say_start(x, info, pos);
	if (st == ST_OK)
		st = pcpio_answer_helo(&a->node, sv, &x->io, false, helo, clk_deadline(PCP_HANDSHAKE));
	if (st == ST_OK && !may_stay(a, sv, c, helo))
		st = ST_PROTO;
	if (st == ST_OK) {
		thr_rename("relay");
		log_peer(LOG_INFO, &sv->peer, "relay %s: takes \"%s\" (%s)", host_str(&sv->peer, peer),
		         info->text[CT_NAME], helo->agent);
		x->proc = (struct proc){ .node = &a->node, .kind = PROC_RELAY, .sv = sv, .peer = sv->peer,
		                         .remote = helo->sid, .chan = *chan_id(c) };
		x->port = helo->port;
		free(helo);
		helo = NULL;
		chaninfo_unref(&info);
		st = start(x, pos);
		if (st == ST_OK)
			st = obey(x);   /* what came right behind the helo */
		if (st == ST_OK)
			st = stream(x);
		finish(x, st);
		/* its own farewell usually comes first; this is for those that just go */
		forget(x, st);
	}
	free(helo);
	chaninfo_unref(&info);
	chan_leave(c, &x->r);
	reader_fini(&x->r);
	pcpio_fini(&x->io);
	free(x);
}

/* What a relay asked for. */
struct wanted {
	struct gnuid id;
	int version;                    /* x-peercast-pcp; 0 = not one we know */
	uint32_t pos;
};

/* Returns 0, or the status that refuses it. */
static NOINLINE int read_request(const struct request *rq, struct wanted *want)
{
	const char *pcp = request_header(rq, "x-peercast-pcp"), *pos = request_header(rq, "x-peercast-pos");
	struct stream_target t;
	int64_t n;

	memset(want, 0, sizeof(*want));
	if (!http_target_parse(rq->target, &t) || !t.has_id)
		return 404;
	if (pcp == NULL)
		return 400;
	want->id = t.id;
	if (num_i64(pcp, PCP_PROTO_V4, PCP_PROTO_V6, &n) && (n == PCP_PROTO_V4 || n == PCP_PROTO_V6))
		want->version = (int)n;
	/* some print it signed: the low 32 bits count */
	if (pos != NULL && num_i64(pos, INT64_MIN, INT64_MAX, &n))
		want->pos = (uint32_t)n;
	return 0;
}

/* A place of its own, or, where there is none, that of a relay that does less for the channel. */
static NOINLINE enum refusal seat(struct app *a, struct servent *sv, const struct gnuid *chan,
	uint32_t bitrate_kbps, bool playing)
{
	struct gnuid useless[USELESS_MAX];
	struct relay_request q = { .chan = chan, .bitrate_kbps = bitrate_kbps, .playing = playing,
	                           .useless = useless };

	if (!sv->private && !servmgr_has_room(a->node.sm, SV_RELAY, chan, bitrate_kbps))
		q.n_useless = chanmgr_useless(a->node.cm, chan, useless, USELESS_MAX);
	return servmgr_admit_relay(a->node.sm, sv, &q);
}

/* Find what is wanted and take a place for it. Returns 0 with *c (NULL = only heard of) and *why, or the
 * status that refuses it. Apart, for its frame. */
static NOINLINE int admit(struct app *a, struct servent *sv, const struct wanted *want, struct chan **c,
	enum refusal *why)
{
	struct chan_view v;
	int status = 0;

	*why = REFUSE_NOT_PLAYING;
	*c = chanmgr_find(a->node.cm, &want->id);
	if (*c == NULL)
		return want->version != 0 && chanmgr_list_exists(a->node.cm, &want->id) ? 0 : 404;
	chan_view(*c, &v);
	if (want->version != (v.v6 ? PCP_PROTO_V6 : PCP_PROTO_V4))
		status = 404;
	else if (v.head_len <= PKT_HEAD_SEND)
		/* whoever has nothing to give sends others to those who may */
		*why = seat(a, sv, &want->id, v.info->bitrate_kbps, v.playing && !v.dry);
	chan_view_fini(&v);
	return status;
}

void relay_run(struct app *a, struct servent *sv, struct request **rq)
{
	char peer[HOST_STRLEN];
	struct wanted want;
	int status = read_request(*rq, &want);
	enum refusal why = REFUSE_OTHER;
	struct chan *c = NULL;

	handshake_done(rq);
	if (status == 0)
		status = admit(a, sv, &want, &c, &why);
	if (status != 0) {
		(void)!http_bare_status(&sv->sock, status, clk_deadline(PCP_WRITE));
	} else if (why == ADMIT_OK) {
		/* its source may have gone idle since we looked: from here on it counts us */
		if (chan_get_status(c) == CHAN_IDLE)
			chan_bump(c, NULL);
		serve(a, sv, c, want.pos);
	} else {
		log_peer(LOG_INFO, &sv->peer, "relay %s: refused: %s", host_str(&sv->peer, peer),
		         refusal_str(why));
		if (c != NULL)
			chan_note_refusal(c, &sv->peer, true, refusal_str(why));
		refuse(a, sv, &want.id);
	}
	chan_unref(&c);
}
