/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DIRECT: a player gets head and media bytes, starting where it can begin to play.
 * source   http.md 3; media.md 4.4, 4.6, 5; node.md 5
 */
#include "servent/conn.h"

#include "core/sys/log.h"
#include "http/response.h"
#include "http/target.h"
#include "servent/handshake.h"

#define FIND_TIME   (60 * NSEC_PER_SEC)         /* for a relay to be found */
#define AGAIN_TIME  (10 * NSEC_PER_SEC)         /* for a known channel to play again, or the first data */
#define STALL_TIME  (30 * NSEC_PER_SEC)         /* without taking a byte */
#define SILENCE     (60 * NSEC_PER_SEC)         /* nothing to send */

static void refuse(struct servent *sv, int status)
{
	if (http_bare_status(&sv->sock, status, clk_deadline(HTTP_WRITE_DEADLINE)) == ST_OK)
		http_drain(&sv->sock);
}

/* The channel asked for, referenced, started when that is allowed; NULL after an answer. */
static struct chan *find(struct app *a, struct servent *sv, const struct stream_target *t, bool head_only)
{
	bool known = t->has_id && chanmgr_list_exists(a->node.cm, &t->id);
	bool may_start = !head_only && t->has_id && http_target_may_start(&a->node, sv, t);
	struct chan *c = http_target_find(&a->node, t, sv->local);
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
	refuse(sv, t->has_id && (t->tip[0] != '\0' || known) ? 503 : 404);
	return NULL;
}

static enum status send_head(struct servent *sv, struct chaninfo *info)
{
	struct buf b;
	enum status st;

	buf_init(&b, 8192);
	http_stream_head(&b, info);
	st = b.err == ST_OK ? sock_write(&sv->sock, b.p, b.len, clk_deadline(STALL_TIME)) : b.err;
	buf_fini(&b);
	return st;
}

/* Whatever a player sends is of no interest; its going is. */
static enum status read_away(struct sock *s)
{
	enum status st = sock_fill(s, clk_deadline(NSEC_PER_SEC));
	size_t n;

	(void)sock_peek(s, &n);
	sock_consume(s, n);
	sock_trim(s);
	return st;
}

/* Sleep while the channel sends for us, until it gives the right back or something else comes up. */
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
			st = read_away(&sv->sock);
			if (st != ST_OK && st != ST_TIMEOUT)
				return st;
		}
		if (got & SOCK_MAIL)
			return ST_OK;
	}
	return ST_OK;
}

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
			st = sleep_parked(sv, r);
			reader_reclaim(r);
			if (st != ST_OK)
				return st;
		}
	}
}

/* Join, place, send the head packet, play. */
static enum status serve(struct app *a, struct servent *sv, struct chan *c)
{
	const struct settings *set = conf_get(a->node.conf);
	enum chan_from from = set->start_playing_from_key_frame ? CHAN_FROM_LIVE : CHAN_FROM_NEWEST;
	struct pkt *head = NULL;
	struct reader r;
	uint64_t start;
	enum status st;

	settings_unref(&set);
	reader_init(&r, &sv->sock, false);
	st = chan_join(c, &r);
	if (st == ST_OK)
		st = chan_place(c, &r, from, 0, &head, &start);
	if (st == ST_OK && head != NULL && head->len > 0)
		st = sock_write(&sv->sock, pkt_media(head), head->len, clk_deadline(STALL_TIME));
	pkt_unref(&head);
	sock_trim(&sv->sock);
	if (st == ST_OK)
		st = play(sv, c, &r);
	chan_leave(c, &r);
	reader_fini(&r);
	return st;
}

/* Take from the request what is needed; false when it names nothing. */
static bool read_request(struct servent *sv, struct request **rq, struct stream_target *t, bool *head_only)
{
	const char *agent = request_header(*rq, "User-Agent");
	bool ok = http_target_parse((*rq)->target, t) && (t->has_id || t->name[0] != '\0');

	*head_only = (*rq)->method == HTTP_HEAD;
	if (agent != NULL)
		servent_set_agent(sv, agent);
	handshake_done(rq);
	return ok;
}

/* Everything before the stream: the channel, admitted and with its head sent; NULL = it is over. */
static NOINLINE struct chan *prepare(struct app *a, struct servent *sv, struct request **rq)
{
	char peer[HOST_STRLEN];
	struct chaninfo *info = NULL;
	struct stream_target t;
	struct chan *c = NULL;
	enum refusal why;
	bool head_only;
	enum status st;

	if (!read_request(sv, rq, &t, &head_only)) {
		refuse(sv, 404);
		return NULL;
	}
	c = find(a, sv, &t, head_only);
	if (c == NULL)
		return NULL;
	info = chan_info(c);
	if (head_only) {
		if (!chan_is_playing(c))
			refuse(sv, 503);
		else if (send_head(sv, info) == ST_OK)
			http_drain(&sv->sock);
		goto over;
	}
	why = servmgr_admit(a->node.sm, sv, SV_DIRECT, chan_id(c), info->bitrate_kbps, chan_is_playing(c));
	if (why != ADMIT_OK) {
		log_peer(LOG_INFO, &sv->peer, "direct %s: refused: %s", host_str(&sv->peer, peer),
		         refusal_str(why));
		refuse(sv, 503);
		goto over;
	}
	/* its source may have gone idle since we looked: from here on it counts us */
	if (chan_get_status(c) == CHAN_IDLE)
		chan_bump(c, NULL);
	thr_rename("direct");
	st = chan_wait_head(c, &sv->mbox, clk_deadline(AGAIN_TIME));
	if (st != ST_OK) {
		refuse(sv, st == ST_TIMEOUT ? 504 : 503);
		goto over;
	}
	chaninfo_unref(&info);
	info = chan_info(c);
	st = send_head(sv, info);
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
	         st == ST_EOF ? "left" : status_str(st));
}

void direct_run(struct app *a, struct servent *sv, struct request **rq)
{
	struct chan *c = prepare(a, sv, rq);

	if (c == NULL)
		return;
	log_end(sv, serve(a, sv, c));
	chan_unref(&c);
}
