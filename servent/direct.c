/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DIRECT: a player gets head and media bytes, starting where it can begin to play.
 * source   http.md 3; media.md 4.4, 4.6, 5; node.md 5
 */
#include "servent/direct.h"

#include <string.h>

#include "core/sys/log.h"
#include "http/response.h"
#include "http/target.h"
#include "servent/conn.h"
#include "servent/handshake.h"

#define FIND_TIME   (60 * NSEC_PER_SEC)         /* for a relay to be found */
#define AGAIN_TIME  (10 * NSEC_PER_SEC)         /* for a known channel to play again, or the first data */
#define SILENCE     (60 * NSEC_PER_SEC)         /* nothing to send */

NOINLINE void direct_refuse(struct servent *sv, int status, const char *why, bool head_only)
{
	struct response rs;

	response_init(&rs, 4096);
	response_header(&rs, "Access-Control-Allow-Origin", "*");
	response_error(&rs, status, why);
	if (response_send(&sv->sock, &rs, head_only, clk_deadline(HTTP_WRITE_DEADLINE)) == ST_OK)
		http_drain(&sv->sock);
	response_fini(&rs);
}

/* What a player asks for. */
struct wish {
	struct stream_target target;
	bool head_only;                 /* HEAD */
	bool icy;                       /* titles */
	bool browser;
	bool mmsh;                      /* the stream, not only its header, of one that is Windows Media's */
};

/* How he gets it. */
struct way {
	enum { PLAIN, ICY, MMSH, MMSH_HEADER } kind;
	uint32_t icy_every;
};

struct chan *direct_channel(struct app *a, struct servent *sv, const struct stream_target *t, bool head_only)
{
	bool known = t->has_id && chanmgr_list_exists(a->node.cm, &t->id);
	bool may_start = !head_only && t->has_id && http_target_may_start(&a->node, sv, t);
	struct chan *c = http_target_find(&a->node, t, http_is_home(&a->node, sv));
	struct host tip = { 0 };
	nsec wait = AGAIN_TIME;

	if (may_start && (c == NULL || !chan_is_playing(c))) {
		(void)http_target_tip(&a->node, sv, t, &tip, clk_deadline(5 * NSEC_PER_SEC));
		wait = c == NULL ? FIND_TIME : AGAIN_TIME;
		chan_unref(&c);
		if (fetch_start(&a->node, &t->id, &tip, &c) != ST_OK)
			c = NULL;
	}
	if (c != NULL && may_start && !chan_is_playing(c))
		(void)!chan_wait_head(c, &sv->mbox, clk_deadline(wait));
	if (c != NULL && !chan_is_closing(c))
		return c;
	chan_unref(&c);
	/* settings.md decision 29: an id with a tip that may not be started is 503 */
	direct_refuse(sv, t->has_id && (t->tip[0] != '\0' || known) ? 503 : 404, NULL, head_only);
	return NULL;
}

static struct way way_of(struct app *a, const struct wish *w, const struct chaninfo *info)
{
	const struct settings *set = conf_get(a->node.conf);
	const char *type = info->text[CT_TYPE];
	struct way way = { .kind = PLAIN, .icy_every = set->icy_meta_interval };

	settings_unref(&set);
	if (http_is_mmsh(info))
		way.kind = w->mmsh ? MMSH : MMSH_HEADER;
	else if (w->icy && way.icy_every > 0 && (strcmp(type, "MP3") == 0 || strcmp(type, "AAC") == 0))
		way.kind = ICY;
	return way;
}

/* The answer's head. header: the stream's, NULL while there is none. */
static enum status send_head(struct servent *sv, const struct way *way, bool browser,
	const struct chaninfo *info, const struct pkt *header)
{
	struct buf b;
	enum status st;

	buf_init(&b, 8192);
	if (way->kind == ICY)
		http_icy_head(&b, info, way->icy_every, browser);
	else if (way->kind == PLAIN)
		http_stream_head(&b, info);
	else
		http_mmsh_head(&b, way->kind == MMSH || header == NULL ? 0 : header->len);
	st = b.err == ST_OK ? sock_write(&sv->sock, b.p, b.len, clk_deadline(STALL_TIME)) : b.err;
	buf_fini(&b);
	return st;
}

enum status direct_read_away(struct sock *s)
{
	enum status st = sock_fill(s, clk_deadline(NSEC_PER_SEC));
	size_t n;

	(void)sock_peek(s, &n);
	sock_consume(s, n);
	sock_trim(s);
	return st == ST_TIMEOUT ? ST_OK : st;
}

static enum status sleep_parked(struct servent *sv, struct reader *r)
{
	uint64_t pos = atomic_load_explicit(&r->pos, memory_order_relaxed);
	nsec until = clk_deadline(SILENCE);
	int got;

	while (!reader_owns(r)) {
		enum status st = sock_wait(&sv->sock, SOCK_IN, &got, until);

		/* what the player says is no sign of life of the channel */
		if (st != ST_STOPPED && clk_left_ms(until) == 0) {
			uint64_t now = atomic_load_explicit(&r->pos, memory_order_relaxed);

			if (now == pos)
				return ST_TIMEOUT;
			pos = now;
			until = clk_deadline(SILENCE);
		}
		if (st == ST_TIMEOUT)
			continue;
		if (st != ST_OK)
			return st;
		if (got & SOCK_IN) {
			st = direct_read_away(&sv->sock);
			if (st != ST_OK)
				return st;
		}
		if (got & SOCK_MAIL)
			return ST_OK;
	}
	return ST_OK;
}

enum status direct_sleep(struct servent *sv, struct reader *r)
{
	const enum status st = sleep_parked(sv, r);

	reader_reclaim(r);
	return st;
}

/* ST_OK: a new head ends it. */
static enum status play(struct servent *sv, struct chan *c, struct reader *r)
{
	enum status st;
	int what;

	for (;;) {
		st = reader_flush_slow(r, STALL_TIME);
		if (st == ST_OK)
			st = chan_read(c, r, &what);
		if (st != ST_OK)
			return st;
		if (what & CHAN_PARKED) {
			st = direct_sleep(sv, r);
			if (st != ST_OK)
				return st;
		} else if (r->ends_at_head && reader_cut_at_head(r)) {
			return reader_flush_slow(r, STALL_TIME);
		}
	}
}

/* Join, place, send the head packet, play. */
static enum status serve(struct app *a, struct servent *sv, struct chan *c, const struct way *way)
{
	const struct settings *set = conf_get(a->node.conf);
	enum chan_from from = set->start_playing_from_key_frame ? CHAN_FROM_LIVE : CHAN_FROM_NEWEST;
	struct pkt *head = NULL;
	struct reader r;
	uint64_t start;
	enum status st;

	reader_init(&r, &sv->sock, false);
	r.owner = sv->id;
	r.writes = r.writes || way->kind != PLAIN;
	r.ends_at_head = set->on_header_change == HEADCHANGE_DROP;
	settings_unref(&set);
	st = chan_join(c, &r);
	/* a head comes first, whatever may have become of it since it was there */
	while (st == ST_OK && head == NULL) {
		st = chan_wait_head(c, &sv->mbox, clk_deadline(AGAIN_TIME));
		if (st == ST_OK)
			st = chan_place(c, &r, from, 0, &head, &start);
	}
	if (st == ST_OK && head != NULL && head->len > 0 && way->kind != ICY)
		st = sock_write(&sv->sock, pkt_media(head), head->len, clk_deadline(STALL_TIME));
	pkt_unref(&head);
	sock_trim(&sv->sock);
	if (st == ST_OK)
		st = way->kind == ICY ? weave_icy(&a->node, sv, c, &r, way->icy_every) :
			way->kind == MMSH ? weave_mmsh(&a->node, sv, c, &r) : play(sv, c, &r);
	chan_leave(c, &r);
	reader_fini(&r);
	return st;
}

/* Take from the request what is needed; false when it names nothing. */
static bool read_request(struct servent *sv, struct request **rq, struct wish *w)
{
	const char *agent = request_header(*rq, "User-Agent");
	const char *icy = request_header(*rq, "Icy-MetaData");
	bool ok = http_target_parse((*rq)->target, &w->target) &&
		(w->target.has_id || w->target.name[0] != '\0');

	w->head_only = (*rq)->method == HTTP_HEAD;
	w->icy = icy != NULL && strncmp(icy, "1", 1) == 0;
	w->browser = request_header(*rq, "Origin") != NULL ||
		request_header(*rq, "Sec-Fetch-Mode") != NULL;
	w->mmsh = request_pragma(*rq, "stream-switch-count=") || request_pragma(*rq, "xPlayStrm=1");
	if (agent != NULL)
		servent_set_agent(sv, agent);
	handshake_done(rq);
	return ok;
}

/* The header of Windows Media's stream, which a player looks at before it asks for the rest. */
static void send_header(struct servent *sv, const struct way *way, struct chan *c,
	const struct chaninfo *info)
{
	struct pkt *header = chan_head(c);
	enum status st = send_head(sv, way, false, info, header);

	if (st == ST_OK && header != NULL)
		st = sock_write(&sv->sock, pkt_media(header), header->len, clk_deadline(STALL_TIME));
	pkt_unref(&header);
	if (st == ST_OK)
		http_drain(&sv->sock);
}

/* HEAD: what GET would say, without a viewer. */
static void answer_head(struct app *a, struct servent *sv, const struct wish *w, struct chan *c,
	const struct chaninfo *info)
{
	const struct way way = way_of(a, w, info);
	struct pkt *header = chan_head(c);

	if (!chan_is_playing(c))
		direct_refuse(sv, 503, NULL, true);
	else if (send_head(sv, &way, w->browser, info, header) == ST_OK)
		http_drain(&sv->sock);
	pkt_unref(&header);
}

/* Everything before the stream: the channel, admitted and with its head sent; NULL = it is over. */
static NOINLINE struct chan *prepare(struct app *a, struct servent *sv, struct request **rq, struct way *way)
{
	char peer[HOST_STRLEN];
	struct chaninfo *info = NULL;
	struct chan *c = NULL;
	enum refusal why;
	struct wish w;
	enum status st;

	if (!read_request(sv, rq, &w)) {
		direct_refuse(sv, 404, NULL, w.head_only);
		return NULL;
	}
	c = direct_channel(a, sv, &w.target, w.head_only);
	if (c == NULL)
		return NULL;
	info = chan_info(c);
	if (w.head_only) {
		answer_head(a, sv, &w, c, info);
		goto over;
	}
	why = servmgr_admit(a->node.sm, sv, SV_DIRECT, chan_id(c), info->bitrate_kbps, chan_is_playing(c));
	if (why != ADMIT_OK) {
		log_peer(LOG_INFO, &sv->peer, "direct %s: refused: %s", host_str(&sv->peer, peer),
		         refusal_str(why));
		direct_refuse(sv, 503, NULL, false);
		goto over;
	}
	/* its source may have gone idle since we looked: from here on it counts us */
	if (chan_get_status(c) == CHAN_IDLE)
		chan_bump(c, NULL);
	thr_rename("direct");
	st = chan_wait_head(c, &sv->mbox, clk_deadline(AGAIN_TIME));
	if (st != ST_OK) {
		direct_refuse(sv, st == ST_TIMEOUT ? 504 : 503, NULL, false);
		goto over;
	}
	chaninfo_unref(&info);
	info = chan_info(c);
	*way = way_of(a, &w, info);
	if (way->kind == MMSH_HEADER) {
		send_header(sv, way, c, info);
		goto over;
	}
	st = send_head(sv, way, w.browser, info, NULL);
	if (st != ST_OK)
		goto over;
	log_peer(LOG_INFO, &sv->peer, "direct %s: plays \"%s\"", host_str(&sv->peer, peer),
	         info->text[CT_NAME]);
	chaninfo_unref(&info);
	return c;
over:
	chaninfo_unref(&info);
	chan_unref(&c);
	return NULL;
}

static NOINLINE void log_end(struct servent *sv, enum status st)
{
	char peer[HOST_STRLEN];

	log_peer(LOG_INFO, &sv->peer, "direct %s: %s", host_str(&sv->peer, peer),
	         st == ST_EOF ? "left" : st == ST_OK ? "ended at a new header" : status_str(st));
}

void direct_run(struct app *a, struct servent *sv, struct request **rq)
{
	struct way way = { .kind = PLAIN };
	struct chan *c = prepare(a, sv, rq, &way);

	if (c == NULL)
		return;
	log_end(sv, serve(a, sv, c, &way));
	chan_unref(&c);
}
