/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/handshake.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "http/auth.h"
#include "http/response.h"
#include "http/router.h"
#include "http/target.h"
#include "servent/acceptor.h"
#include "servent/conn.h"
#include "servent/direct.h"
#include "servent/giv.h"
#include "servent/listen.h"

/* settings.md decision 18 */
#define FIRST_BYTE (5 * NSEC_PER_SEC)
#define WHOLE_HEAD (10 * NSEC_PER_SEC)
#define HEAD_LOCAL (30 * NSEC_PER_SEC)

void handshake_done(struct request **rq)
{
	if (*rq != NULL)
		request_fini(*rq);
	free(*rq);
	*rq = NULL;
}

void handshake_error(struct servent *sv, int status, const char *why)
{
	struct response rs;

	response_init(&rs, 4096);
	response_error(&rs, status, why);
	if (response_send(&sv->sock, &rs, false, clk_deadline(HTTP_WRITE_DEADLINE)) == ST_OK)
		http_drain(&sv->sock);
	response_fini(&rs);
}

static bool path_is(const struct request *rq, const char *prefix)
{
	return strncmp(rq->path, prefix, strlen(prefix)) == 0;
}

/* Who is here to stay will be woken. */
static bool can_stay(struct servent *sv)
{
	const enum status st = mbox_ready(&sv->mbox);

	thr_take_turns(THR_EVEN);
	if (st != ST_OK)
		log_peer(LOG_WARN, &sv->peer, "server: no room for %s: %s",
		         host_str(&sv->peer, (char[HOST_STRLEN]){ 0 }), status_str(st));
	return st == ST_OK;
}

/* Does it ask for more than one answer? */
static bool wants_to_stay(const struct request *rq)
{
	return path_is(rq, "/stream/") || path_is(rq, "/channel/") ||
		(rq->method & (HTTP_POST | HTTP_PUT) && !path_is(rq, "/api/"));
}

static void http(struct app *a, struct servent *sv, struct request **rqp)
{
	struct request *rq = *rqp;

	if (wants_to_stay(rq) && !can_stay(sv))
		handshake_error(sv, 503, NULL);
	else if ((rq->method == HTTP_GET || rq->method == HTTP_HEAD) && path_is(rq, "/stream/")) {
		if (http_allowed(&a->node, sv, ALLOW_DIRECT))
			direct_run(a, sv, rqp);
		else
			direct_refuse(sv, 503, NULL, rq->method == HTTP_HEAD);
	} else if ((rq->method == HTTP_GET || rq->method == HTTP_HEAD) && path_is(rq, "/hls/")) {
		if (http_allowed(&a->node, sv, ALLOW_DIRECT))
			hls_run(a, sv, rqp);
		else
			direct_refuse(sv, 503, NULL, rq->method == HTTP_HEAD);
	} else if (rq->method == HTTP_GET && path_is(rq, "/channel/")) {
		if (http_allowed(&a->node, sv, ALLOW_NETWORK))
			relay_run(a, sv, rqp);
		else
			handshake_error(sv, 503, NULL);
	} else if (rq->method == HTTP_POST && strcmp(rq->path, "/") == 0) {
		push_run(a, sv, rq);
	} else if (rq->method == HTTP_POST && wmpush_is(rq)) {
		wmpush_run(a, sv, rq);
	} else if (rq->method == HTTP_PUT && !http_has_route(rq->path)) {
		icecast_put(a, sv, rq);
	} else {
		(void)!http_serve(&a->node, sv, rq);
	}
}

/* A TLS client begins like nothing else. */
static bool is_tls(const struct sock *s)
{
	size_t n;
	const uint8_t *p = sock_peek(s, &n);

	return n > 0 && p[0] == 0x16;
}

/* Shake hands and read what the client begins with. Without the flag enableSSLServer it is not answered:
 * words would be noise to it (http.md 13.2). */
enum status handshake_tls(struct app *a, struct servent *sv, nsec deadline)
{
	const char *why = "TLS is not spoken here";
	const struct settings *set;
	enum status st = ST_PROTO;
	bool spoken;

	if (!is_tls(&sv->sock))
		return ST_OK;
	set = conf_get(a->node.conf);
	spoken = set->enable_ssl_server;
	settings_unref(&set);
	if (spoken)
		st = sock_accept_tls(&sv->sock, a->tls, &why, deadline);
	if (st == ST_OK) {
		servent_set_ssl(sv);
		return sock_fill(&sv->sock, deadline);
	}
	if (st != ST_STOPPED)
		log_peer(LOG_INFO, &sv->peer, "servent %u: %s%s", sv->id, spoken ? "TLS: " : "",
		         why != NULL ? why : status_str(st));
	return st;
}

/* Read the first line and go where it leads. */
static void dispatch(struct app *a, struct servent *sv, nsec patience)
{
	struct request *rq = calloc(1, sizeof(*rq));
	char *line = malloc(HTTP_LINE_MAX + 2);   /* with a CR */
	const nsec begun = clk_now();
	nsec deadline = begun + MAX(patience, sv->local ? HEAD_LOCAL : FIRST_BYTE);
	struct gnuid id;
	enum status st;

	if (rq == NULL || line == NULL)
		goto out;
	request_init(rq);
	st = sock_fill(&sv->sock, deadline);
	if (st == ST_SYS && !can_stay(sv))
		handshake_error(sv, 503, NULL);
	else if (st == ST_SYS)
		st = sock_fill(&sv->sock, deadline);    /* a file has become free meanwhile */
	if (st != ST_OK || !listen_serves(a, sv))
		goto out;               /* a probe, or nothing to say */
	/* in all, but for one that was to be silent until now */
	deadline = (patience > 0 ? clk_now() : begun) + (sv->local ? HEAD_LOCAL : WHOLE_HEAD);
	if (handshake_tls(a, sv, deadline) != ST_OK)
		goto out;
	rq->secure = sv->sock.tls != NULL;
	st = sock_read_line(&sv->sock, line, HTTP_LINE_MAX + 2, deadline);
	if (st == ST_LIMIT) {
		log_peer(LOG_INFO, &sv->peer, "servent %u: first line too long", sv->id);
		handshake_error(sv, 414, NULL);
	} else if (st == ST_TIMEOUT) {
		log_peer(LOG_INFO, &sv->peer, "servent %u: no whole request line in time", sv->id);
		handshake_error(sv, 408, NULL);
	} else if (st == ST_PROTO) {
		log_peer(LOG_INFO, &sv->peer, "servent %u: unknown request", sv->id);
		handshake_error(sv, 400, NULL);
	} else if (st == ST_OK && !http_is_request_line(line) && !can_stay(sv)) {
		goto out;
	} else if (st == ST_OK && strcmp(line, "pcp") == 0) {
		handshake_done(&rq);
		free(line);
		line = NULL;
		cin_run(a, sv);
	} else if (st == ST_OK && giv_parse(line, &id) != GIV_NONE) {
		giv_accept(a, sv, line, rq, deadline);
	} else if (st == ST_OK && strncmp(line, "SOURCE ", 7) == 0) {
		icecast_run(a, sv, line, rq, deadline);
	} else if (st == ST_OK && strncmp(line, "OPTIONS * HTTP/", 15) == 0) {
		icecast_options(sv, rq, deadline);
	} else if (st == ST_OK && http_is_request_line(line)) {
		st = http_read_head(&sv->sock, line, rq, deadline);
		free(line);
		line = NULL;
		if (st == ST_OK) {
			http(a, sv, &rq);
		} else if (rq->fault != 0) {
			log_peer(LOG_INFO, &sv->peer, "servent %u: %s", sv->id, rq->why);
			handshake_error(sv, rq->fault, rq->why);
		}
	} else if (st == ST_OK && auth_is_password(&a->node, sv, line)) {
		shoutcast_run(a, sv, rq, deadline);
	} else if (st == ST_OK) {
		log_peer(LOG_INFO, &sv->peer, "servent %u: unknown request", sv->id);
		handshake_error(sv, 400, NULL);
	}
out:
	free(line);
	handshake_done(&rq);
}

void handshake_serve(struct app *a, struct servent *sv, nsec patience)
{
	servent_set_status(sv, SV_HANDSHAKE);
	servent_set_private(sv, node_is_private(&a->node, &sv->peer));
	dispatch(a, sv, patience);
}

/* Wait at the listener for the next connection. NULL = it is time to leave. */
static NOINLINE struct servent *accept_next(struct app *a, struct acceptor *p)
{
	struct servent *sv = NULL;
	enum status st;

	thr_rename("incoming");
	thr_take_turns(THR_SHORT);
	do {
		struct host peer;
		int fd;

		st = acceptor_wait(p, &fd, &peer, clk_deadline(ACCEPTOR_WAIT));
		if (st == ST_OK)
			sv = server_admit(a, fd, &peer);
	} while (st == ST_OK && sv == NULL);
	if (st == ST_SYS)
		mbox_wake(&a->server_mb);
	return sv;
}

/* End this one, and wait for the next if there is a place. */
static NOINLINE struct servent *next_after(struct app *a, struct servent *sv, bool more)
{
	/* before the end: without a servent and without a place nobody would wait for this thread */
	struct acceptor *p = more ? acceptor_take(a->acceptors) : NULL;

	servent_end(&sv);
	if (p == NULL)
		return NULL;
	sv = accept_next(a, p);
	acceptor_leave(p);
	return sv;
}

/* Its frame lies under every connection, thousands of times: it is small. */
void handshake_run(void *arg)
{
	struct app *const a = ((struct incoming *)arg)->app;
	struct servent *sv = ((struct incoming *)arg)->sv;
	unsigned int n;

	free(arg);
	thr_take_turns(THR_SHORT);
	for (n = 1; sv != NULL; n++) {
		handshake_serve(a, sv, 0);
		sv = next_after(a, sv, n < ACCEPTOR_RUNS);
	}
	if (n > THR_RUNS)
		thr_retire();
}
