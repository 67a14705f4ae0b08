/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP push: an encoder sends a container as the body of POST /?name=...
 *
 * Nothing is answered before the body ends, except to refuse it: encoders accept both, but some stop
 * sending on an early answer (media.md 2.1.1).
 * source   media.md 2.1, 2.2, 9.1; http.md 5.1
 */
#include "servent/conn.h"

#include <stdlib.h>
#include <string.h>

#include "core/media/dechunk.h"
#include "core/sys/log.h"
#include "http/response.h"
#include "http/target.h"
#include "servent/source.h"

#define PUSH_READ  (64 * 1024)
#define SLOW_TIME  (60 * NSEC_PER_SEC)         /* a channel's input brings SLOW_BYTES in this time, */
#define SLOW_BYTES (60 * 1024)                 /* or it is no stream (media.md 9.1 row 21) */

struct push_in {
	struct source src;
	struct sock sock;
	struct dechunk dechunk;
	bool chunked, has_length;
	uint64_t left;                  /* of Content-Length */
	nsec now, last_byte;
	nsec slow_since;                /* of slow_bytes; 0 = no channel yet */
	uint64_t slow_bytes;
	uint8_t buf[PUSH_READ];
};

static void answer(struct sock *s, int status, const char *detail)
{
	struct response rs;

	response_init(&rs, 4096);
	if (status >= 400)
		response_error(&rs, status, detail);
	else
		rs.status = status;
	sock_deafen(s);                 /* a stop must not swallow the answer */
	if (response_send(s, &rs, false, clk_deadline(GOODBYE)) == ST_OK)
		http_drain(s);
	response_fini(&rs);
}

static void query_text(const struct request *rq, const char *key, char *dst)
{
	char raw[HTTP_VALUE_MAX];

	dst[0] = '\0';
	if (query_get(rq->query, key, raw, sizeof(raw)))
		(void)text_clean(dst, TEXT_MAX, raw, strlen(raw));
}

/* What the request says of the channel. Returns 0, or the status to refuse it with. */
static NOINLINE int read_query(struct app *a, const struct request *rq, struct chanmeta *m, bool *v6)
{
	const struct settings *set = conf_get(a->node.conf);
	const char *mime = request_header(rq, "Content-Type"), *type = NULL;
	char text[TEXT_MAX];

	memset(m, 0, sizeof(*m));
	query_text(rq, "name", m->text[CT_NAME]);
	query_text(rq, "genre", m->text[CT_GENRE]);
	query_text(rq, "desc", m->text[CT_DESC]);
	query_text(rq, "url", m->text[CT_URL]);
	query_text(rq, "comment", m->text[CT_COMMENT]);
	if (m->text[CT_COMMENT][0] == '\0')
		(void)text_copy(m->text[CT_COMMENT], TEXT_MAX, set->broadcast_msg);
	settings_unref(&set);
	query_text(rq, "bitrate", text);
	if (!num_u32(text, 0, BITRATE_MAX_KBPS, &m->bitrate_kbps))
		m->bitrate_kbps = 0;
	query_text(rq, "ipv", text);
	*v6 = strcmp(text, "6") == 0;
	query_text(rq, "type", text);
	if (!chanmeta_set_type(m, text) && mime != NULL)
		type = chantype_of_mime(mime);
	if (type != NULL)
		(void)chanmeta_set_type(m, type);
	return m->text[CT_NAME][0] == '\0' ? 400 : 0;
}

static enum status body(void *ctx, const void *p, size_t n)
{
	struct push_in *x = ctx;

	return source_feed(&x->src, p, n, x->now);
}

/* n bytes of the connection. ST_EOF: the body has ended in an orderly way. */
static enum status take(struct push_in *x, size_t n)
{
	enum status st;
	size_t used;

	if (x->chunked) {
		st = dechunk_feed(&x->dechunk, x->buf, n, &used, body, x);
		if ((st == ST_PROTO || st == ST_LIMIT) && dechunk_error(&x->dechunk)[0] != '\0' &&
		    x->src.error[0] == '\0')
			(void)text_copy(x->src.error, sizeof(x->src.error), dechunk_error(&x->dechunk));
		return st;
	}
	if (x->has_length)
		n = (size_t)MIN((uint64_t)n, x->left);
	x->left -= x->has_length ? n : 0;
	st = n > 0 ? body(x, x->buf, n) : ST_OK;
	return st == ST_OK && x->has_length && x->left == 0 ? ST_EOF : st;
}

/* Does the input of a channel merely drip? */
static bool drips(struct push_in *x, size_t got)
{
	x->slow_bytes += got;
	if (x->slow_since == 0 || x->now - x->slow_since >= SLOW_TIME) {
		bool slow = x->slow_since != 0 && x->slow_bytes < SLOW_BYTES;

		x->slow_since = x->src.c != NULL ? x->now : 0;
		x->slow_bytes = 0;
		return slow;
	}
	return false;
}

/* Read until the input is over; the reason comes back. */
static enum status receive(struct push_in *x)
{
	enum status st = ST_OK;

	x->last_byte = clk_now();
	while (st == ST_OK) {
		nsec wake = MIN(x->last_byte + SOURCE_IDLE, source_deadline(&x->src));
		size_t got;
		int what;

		st = sock_wait(&x->sock, SOCK_IN, &what, wake);
		x->now = clk_now();
		if (st == ST_OK && (what & SOCK_IN)) {
			st = sock_read(&x->sock, x->buf, sizeof(x->buf), &got, x->now);
			if (st == ST_OK) {
				x->last_byte = x->now;
				st = take(x, got);
				if (st == ST_OK && drips(x, got)) {
					(void)text_copy(x->src.error, sizeof(x->src.error),
					                "less than 1 KiB/s for a minute");
					st = ST_TIMEOUT;
				}
			} else if (st == ST_TIMEOUT) {
				st = ST_OK;
			}
		} else if (st == ST_TIMEOUT) {
			st = x->now - x->last_byte >= SOURCE_IDLE ? ST_TIMEOUT : ST_OK;
		}
		if (st == ST_OK)
			st = source_tick(&x->src, x->now);
	}
	return st;
}

static void run(struct push_in *x)
{
	char peer[HOST_STRLEN];
	enum status st = receive(x);
	bool bad = st == ST_PROTO || st == ST_LIMIT || (st == ST_TIMEOUT && x->src.c == NULL);

	host_str(&x->sock.peer, peer);
	if (bad)
		log_warn("push %s: %s", peer, x->src.error[0] != '\0' ? x->src.error : status_str(st));
	if (st == ST_EOF && x->src.c == NULL) {
		enum status end = media_end(x->src.media, x->now);

		bad = x->src.c == NULL;
		if (end != ST_OK && x->src.error[0] == '\0')
			(void)text_copy(x->src.error, sizeof(x->src.error), media_error(x->src.media));
		if (bad)
			log_warn("push %s: %s", peer,
			         x->src.error[0] != '\0' ? x->src.error : "no stream in it");
	}
	if (bad)
		answer(&x->sock, st == ST_TIMEOUT ? 408 : x->src.no_room ? 503 :
		       x->src.not_its_own ? 403 : 415, x->src.error);
	else if (st == ST_STOPPED)
		answer(&x->sock, 503, "stopped, or another encoder took over");
	else if (st != ST_SYS)
		answer(&x->sock, 200, NULL);
	sock_close(&x->sock);
	source_end(&x->src, st);
}

/* The source's thread: the servent's socket has moved here. */
static void source_task(struct app *a, void *arg)
{
	struct push_in *x = arg;

	(void)a;
	run(x);
	source_fini(&x->src);
	free(x);
}

void push_run(struct app *a, struct servent *sv, const struct request *rq)
{
	const char *expect = "HTTP/1.1 100 Continue\r\n\r\n";
	struct push_in *x = NULL;
	struct chanmeta *m = NULL;
	int status = 0;
	bool v6 = false;

	if (!node_is_private(&a->node, &sv->peer) || !http_allowed(&a->node, sv, ALLOW_BROADCAST))
		status = 403;
	if (status == 0) {
		x = calloc(1, sizeof(*x));
		m = malloc(sizeof(*m));
		status = x == NULL || m == NULL ? 503 : read_query(a, rq, m, &v6);
	}
	if (status == 0 && rq->expects &&
	    sock_write(&sv->sock, expect, strlen(expect), clk_deadline(HTTP_WRITE_DEADLINE)) != ST_OK)
		goto out;
	if (status == 0 && source_init(&x->src, a, CHAN_SRC_HTTPPUSH, m, &sv->peer, v6) != ST_OK)
		status = 503;
	if (status != 0) {
		log_peer(LOG_INFO, &sv->peer, "push: refused with %d%s", status,
		         status == 400 ? ": no name" : status == 403 ? ": not a private address" : "");
		answer(&sv->sock, status, status == 400 ? "name missing" : NULL);
		goto out;
	}
	x->chunked = rq->chunked;
	/* some encoders give a length of 0 or a token one with an endless body (media.md 2.2) */
	x->has_length = rq->has_length && rq->length > 0;
	x->left = rq->length;
	dechunk_init(&x->dechunk);
	sock_move(&x->sock, &sv->sock, &x->src.mbox);
	if (app_task(a, "push", source_task, x) == ST_OK) {
		x = NULL;
	} else {
		answer(&x->sock, 503, NULL);
		sock_close(&x->sock);
		source_fini(&x->src);
	}
out:
	free(m);
	free(x);
}
