/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A channel for browsers and phones: fragmented MP4 as one endless answer, or in the segments of HLS.
 *
 * source   media.md 7.5; http.md 3.10
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "core/sys/rng.h"
#include "core/sys/text.h"
#include "http/hlslist.h"
#include "http/response.h"
#include "servent/conn.h"
#include "servent/direct.h"
#include "servent/handshake.h"
#include "servent/remux.h"

#define DATA_TIME (10 * NSEC_PER_SEC)           /* for the channel's first data */
#define SILENCE   (60 * NSEC_PER_SEC)           /* without a fragment */
#define MIME_LIST "application/vnd.apple.mpegurl"

/* One request. */
struct ask {
	struct app *app;
	struct servent *sv;
	struct hls_target target;
	bool head_only;
	bool chunked;                   /* the answer may be */
	char path[128];                 /* of the request */
};

/* --- answers ------------------------------------------------------------------------------------ */

static void put_cors(struct response *rs)
{
	response_header(rs, "Access-Control-Allow-Origin", "*");
	response_header(rs, "Access-Control-Expose-Headers", "X-Peercast-Clock");
}

static void answer(const struct ask *q, struct response *rs)
{
	struct sock *s = &q->sv->sock;

	if (response_send(s, rs, q->head_only, clk_deadline(HTTP_WRITE_DEADLINE)) == ST_OK)
		http_drain(s);
}

static void refuse(const struct ask *q, int status, const char *why)
{
	direct_refuse(q->sv, status, why, q->head_only);
}

static void refuse_viewer(const struct ask *q, enum refusal why)
{
	char peer[HOST_STRLEN];

	log_peer(LOG_INFO, &q->sv->peer, "hls %s: refused: %s", host_str(&q->sv->peer, peer),
		refusal_str(why));
	refuse(q, 503, NULL);
}

/* --- finding ------------------------------------------------------------------------------------ */

/* The channel, sending; NULL after an answer. */
static struct chan *find_channel(const struct ask *q)
{
	struct chan *c = direct_channel(q->app, q->sv, &q->target.chan, q->head_only);
	enum status st;

	if (c == NULL || q->head_only)
		return c;
	/* its source may have gone idle: what we start counts for it */
	if (chan_get_status(c) == CHAN_IDLE)
		chan_bump(c, NULL);
	st = chan_wait_head(c, &q->sv->mbox, clk_deadline(DATA_TIME));
	if (st != ST_OK) {
		refuse(q, st == ST_TIMEOUT ? 504 : 503, NULL);
		chan_unref(&c);
	}
	return c;
}

static struct remux *join(const struct ask *q, struct chan *c)
{
	char why[REMUX_WHY];
	struct remux *r;
	int status;

	if (remux_join(q->app->remux, c, &r, &status, why) == ST_OK)
		return r;
	refuse(q, status, why);
	return NULL;
}

/* A new viewer: he is let in before anything is begun for him. NULL after an answer; else *r is in use. */
static struct servent *let_in(const struct ask *q, struct chan *c, struct remux **r)
{
	struct servent *rec, *who = NULL;
	enum refusal why = remux_admit(q->app->remux, c, q->sv, &rec);

	if (why != ADMIT_OK) {
		refuse_viewer(q, why);
		return NULL;
	}
	*r = join(q, c);
	if (*r == NULL) {
		servent_end(&rec);
		return NULL;
	}
	why = remux_begin(q->app->remux, *r, q->target.token, &rec, &who);
	if (why != ADMIT_OK) {
		refuse_viewer(q, why);
		remux_leave(q->app->remux, r);
	}
	return who;
}

/* Until there is something new: ST_OK, ST_TIMEOUT, ST_STOPPED; ST_SYS: the other end has gone. */
static enum status wait_news(const struct ask *q, nsec deadline)
{
	int got;
	enum status st = sock_wait(&q->sv->sock, SOCK_IN, &got, deadline);

	if (st == ST_OK && (got & SOCK_IN))
		st = direct_read_away(&q->sv->sock);
	return st == ST_EOF ? ST_SYS : st;
}

/* --- playlist ----------------------------------------------------------------------------------- */

/* To the same address with a token. */
static void redirect(const struct ask *q)
{
	const struct stream_target *t = &q->target.chan;
	char token[HLS_TOKEN];
	uint8_t random[16];
	struct response rs;
	struct buf to;

	rng_bytes(random, sizeof(random));
	hex_emit(token, sizeof(token), random, sizeof(random));
	for (char *c = token; *c != '\0'; c++)
		*c = (char)ascii_lower((uint8_t)*c);
	response_init(&rs, 4096);
	buf_init(&to, 4096);
	buf_printf(&to, "%s?session=%s", q->path, token);
	if (t->auth[0] != '\0') {
		buf_puts(&to, "&auth=");
		pct_encode(&to, t->auth);
	}
	if (t->tip[0] != '\0') {
		buf_puts(&to, "&tip=");
		pct_encode(&to, t->tip);
	}
	put_cors(&rs);
	response_header(&rs, "Cache-Control", "no-store");
	response_redirect(&rs, buf_cstr(&to));
	answer(q, &rs);
	buf_fini(&to);
	response_fini(&rs);
}

static void send_playlist(const struct ask *q, struct remux *r)
{
	const nsec deadline = clk_deadline(HLS_WAIT);
	struct remuxd *d = q->app->remux;
	struct remux_viewer v;
	char why[REMUX_WHY];
	struct response rs;
	int status = 503;
	enum status st;

	response_init(&rs, 65536);
	put_cors(&rs);
	remux_watch(d, r, &v, &q->sv->mbox);
	while ((st = remux_playlist(d, r, q->target.token, &rs.body, &status, why)) == ST_TIMEOUT) {
		st = wait_news(q, deadline);
		if (st != ST_OK)
			break;
	}
	remux_unwatch(d, r, &v);
	if (st == ST_OK) {
		rs.type = MIME_LIST;
		response_header(&rs, "Cache-Control", "no-cache");
	} else if (st == ST_TIMEOUT) {
		response_error(&rs, 504, "no segment in time");
	} else if (st == ST_PROTO) {
		response_error(&rs, status, why);
	} else if (st == ST_EOF) {
		response_error(&rs, 404, NULL);
	}
	if (st != ST_STOPPED && st != ST_SYS)
		answer(q, &rs);
	response_fini(&rs);
}

static void serve_list(const struct ask *q)
{
	struct remux *r = remux_find(q->app->remux, &q->target.chan.id);
	struct servent *who = NULL;
	struct chan *c = NULL;

	/* who is known goes on, also when the channel itself has ended */
	if (r != NULL && q->target.token[0] != '\0')
		(void)!remux_session(q->app->remux, r, q->target.token, q->sv, false, &who);
	if (who == NULL) {
		remux_leave(q->app->remux, &r);
		c = find_channel(q);
		if (c != NULL && q->target.token[0] == '\0')
			redirect(q);
		else if (c != NULL)
			who = let_in(q, c, &r);
	}
	if (who != NULL)
		send_playlist(q, r);
	servent_unref(&who);
	remux_leave(q->app->remux, &r);
	chan_unref(&c);
}

/* --- segments ----------------------------------------------------------------------------------- */

/* Write, and count it for the session it is for and not for this connection, where that can be told apart. */
static enum status write_for(const struct ask *q, struct servent *who, const void *p, size_t n, nsec deadline)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)p, .iov_len = n };
	struct sock *s = &q->sv->sock;
	enum status st = ST_OK;

	if (s->tls != NULL)
		return sock_writev(s, &iov, 1, deadline);
	while (st == ST_OK && iov.iov_len > 0) {
		size_t sent;
		int got;

		st = sock_try_sendv(s->fd, &iov, 1, &sent);
		if (st == ST_OK && sent == 0)
			st = sock_wait(s, SOCK_OUT, &got, deadline);
		/* relaxed: a statistic */
		(void)atomic_fetch_add_explicit(&who->sock.nwritten, sent, memory_order_relaxed);
		iov.iov_base = (uint8_t *)iov.iov_base + sent;
		iov.iov_len -= sent;
	}
	return st;
}

/* The head, and n pieces of `bytes` in all. */
static void send_pieces(const struct ask *q, struct servent *who, const char *type, struct blob *const *piece,
	size_t n, size_t bytes)
{
	const nsec deadline = clk_deadline(HTTP_WRITE_DEADLINE);
	struct response rs;
	struct buf head;
	enum status st;

	response_init(&rs, 4096);
	buf_init(&head, 4096);
	put_cors(&rs);
	response_header(&rs, "Cache-Control", "max-age=60");
	rs.type = type;
	rs.data = "";                   /* its length alone counts here */
	rs.data_len = bytes;
	response_head(&rs, &head);
	st = head.err == ST_OK ? sock_write(&q->sv->sock, head.p, head.len, deadline) : head.err;
	for (size_t i = 0; st == ST_OK && !q->head_only && i < n; i++)
		st = write_for(q, who, piece[i]->data, piece[i]->len, deadline);
	if (st == ST_OK)
		http_drain(&q->sv->sock);
	buf_fini(&head);
	response_fini(&rs);
}

static void send_segment(const struct ask *q, struct remux *r, struct servent *who)
{
	struct blob **all;
	size_t n, bytes;

	if (remux_segment(q->app->remux, r, q->target.n, &all, &n, &bytes) != ST_OK) {
		refuse(q, 404, "no such segment, or no longer");
		return;
	}
	send_pieces(q, who, "video/iso.segment", all, n, bytes);
	for (size_t i = 0; i < n; i++)
		blob_unref(&all[i]);
	free(all);
}

static void send_init(const struct ask *q, struct remux *r, struct servent *who)
{
	struct blob *b = remux_init(q->app->remux, r, q->target.n);

	if (b == NULL) {
		refuse(q, 404, "no such segment, or no longer");
		return;
	}
	send_pieces(q, who, "video/mp4", &b, 1, b->len);
	blob_unref(&b);
}

static void serve_piece(const struct ask *q)
{
	struct remux *r = remux_find(q->app->remux, &q->target.chan.id);
	struct servent *who = NULL;
	enum refusal why;

	if (r == NULL) {
		refuse(q, 404, NULL);
		return;
	}
	if (q->target.token[0] == '\0') {
		refuse(q, 403, "no session: begin with the playlist");
	} else {
		why = remux_session(q->app->remux, r, q->target.token, q->sv, true, &who);
		if (why != ADMIT_OK)
			refuse_viewer(q, why);
		else if (q->target.what == HLS_INIT)
			send_init(q, r, who);
		else
			send_segment(q, r, who);
	}
	servent_unref(&who);
	remux_leave(q->app->remux, &r);
}

/* --- live --------------------------------------------------------------------------------------- */

static enum status send_live_head(const struct ask *q, const char *mime)
{
	struct buf b;
	enum status st;

	buf_init(&b, 4096);
	buf_printf(&b, "HTTP/1.%d 200 OK\r\nServer: " NODE_AGENT "\r\nContent-Type: %s\r\n"
		"Cache-Control: no-store\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n"
		"Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: X-Peercast-Clock\r\n"
		"X-Peercast-Clock: %lld\r\n%s\r\n", q->chunked, mime,
		(long long)(clk_wall_ns() / NSEC_PER_MSEC),
		q->chunked ? "Transfer-Encoding: chunked\r\n" : "");
	st = b.err == ST_OK ? sock_write(&q->sv->sock, b.p, b.len, clk_deadline(STALL_TIME)) : b.err;
	buf_fini(&b);
	return st;
}

/* One piece, as a chunk of the answer when there are such. init may be NULL. */
static enum status send_live(const struct ask *q, const struct blob *init, const struct blob *frag)
{
	const size_t len = (init != NULL ? init->len : 0) + (size_t)frag->len;
	struct iovec iov[4];
	char size[20];
	int n = 0;

	if (q->chunked) {
		snprintf(size, sizeof(size), "%zx\r\n", len);
		iov[n++] = (struct iovec){ size, strlen(size) };
	}
	if (init != NULL)
		iov[n++] = (struct iovec){ (void *)(uintptr_t)init->data, init->len };
	iov[n++] = (struct iovec){ (void *)(uintptr_t)frag->data, frag->len };
	if (q->chunked) {
		static char end[] = "\r\n";

		iov[n++] = (struct iovec){ end, 2 };
	}
	return sock_writev(&q->sv->sock, iov, n, clk_deadline(STALL_TIME));
}

/* Pieces until it ends. ST_EOF: the channel has; else what became of the viewer. *told: the head is out. */
static enum status play(const struct ask *q, struct remux *r, struct remux_viewer *v, bool *told, int *status,
	char why[REMUX_WHY])
{
	nsec until = clk_deadline(HLS_WAIT);
	char mime[FMP4_MIME];

	for (;;) {
		struct blob *init, *frag;
		enum status st = remux_next(q->app->remux, r, v, &init, &frag, mime, status, why);

		if (st == ST_TIMEOUT) {
			st = wait_news(q, until);
			if (st != ST_OK)
				return st;
			continue;
		}
		if (st == ST_OK && !*told) {
			st = send_live_head(q, mime);
			*told = true;
			thr_rename("direct");
		}
		if (st == ST_OK)
			st = send_live(q, init, frag);
		blob_unref(&init);
		blob_unref(&frag);
		if (st != ST_OK)
			return st;
		until = clk_deadline(SILENCE);
	}
}

static void serve_live(const struct ask *q)
{
	struct remuxd *d = q->app->remux;
	struct servent *sv = q->sv;
	struct chan *c = find_channel(q);
	char why[REMUX_WHY], peer[HOST_STRLEN];
	struct chaninfo *info = c != NULL ? chan_info(c) : NULL;
	struct remux_viewer v;
	struct remux *r = NULL;
	enum refusal no;
	bool told = false;
	int code = 503;
	enum status st;

	if (c == NULL)
		return;
	no = servmgr_admit(q->app->node.sm, sv, SV_DIRECT, chan_id(c), info->bitrate_kbps,
		chan_is_playing(c));
	if (no != ADMIT_OK)
		refuse_viewer(q, no);
	else
		r = join(q, c);
	if (r == NULL)
		goto out;
	log_peer(LOG_INFO, &sv->peer, "direct %s: plays \"%s\" as MP4", host_str(&sv->peer, peer),
		info->text[CT_NAME]);
	remux_watch(d, r, &v, &sv->mbox);
	st = play(q, r, &v, &told, &code, why);
	remux_unwatch(d, r, &v);
	remux_leave(d, &r);
	if (told && st == ST_EOF && q->chunked) {
		sock_deafen(&sv->sock);
		(void)!sock_write(&sv->sock, "0\r\n\r\n", 5, clk_deadline(GOODBYE));
		http_drain(&sv->sock);
	} else if (!told && st == ST_PROTO) {
		refuse(q, code, why);
	} else if (!told && st == ST_TIMEOUT) {
		refuse(q, 504, "nothing that can be played came in time");
	}
	log_peer(LOG_INFO, &sv->peer, "direct %s: %s", host_str(&sv->peer, peer),
		st == ST_SYS ? "left" : st == ST_EOF ? "the channel has ended" : status_str(st));
out:
	chaninfo_unref(&info);
	chan_unref(&c);
}

/* --- entry -------------------------------------------------------------------------------------- */

/* HEAD: what GET would be, without a viewer. */
static void serve_head(const struct ask *q)
{
	struct chan *c = find_channel(q);
	struct response rs;

	if (c == NULL)
		return;
	response_init(&rs, 4096);
	put_cors(&rs);
	rs.type = q->target.what == HLS_LIST ? MIME_LIST : "video/mp4";
	response_header(&rs, "Cache-Control", "no-store");
	answer(q, &rs);
	response_fini(&rs);
	chan_unref(&c);
}

static bool is_on(struct app *a)
{
	const struct settings *set = conf_get(a->node.conf);
	const bool on = set->hls;

	settings_unref(&set);
	return on;
}

void hls_run(struct app *a, struct servent *sv, struct request **rq)
{
	struct ask q = { .app = a, .sv = sv };
	const char *agent = request_header(*rq, "User-Agent");
	const bool ok = hls_target_parse((*rq)->target, &q.target) &&
		text_copy(q.path, sizeof(q.path), (*rq)->path);

	q.head_only = (*rq)->method == HTTP_HEAD;
	q.chunked = (*rq)->http11;
	if (agent != NULL)
		servent_set_agent(sv, agent);
	handshake_done(rq);
	if (!ok)
		refuse(&q, 404, NULL);
	else if (!is_on(a))
		refuse(&q, 404, "HLS is switched off here (hls = No)");
	else if (q.head_only)
		serve_head(&q);
	else if (q.target.what == HLS_LIST)
		serve_list(&q);
	else if (q.target.what == HLS_LIVE)
		serve_live(&q);
	else
		serve_piece(&q);
}
