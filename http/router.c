/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "core/sys/text.h"
#include "http/admin.h"
#include "http/admin_form.h"
#include "http/auth.h"
#include "http/board.h"
#include "http/console.h"
#include "http/events.h"
#include "http/getgmt.h"
#include "http/jsonrpc.h"
#include "http/login.h"
#include "http/metrics.h"
#include "http/page.h"
#include "http/playlist.h"
#include "http/response.h"
#include "http/session.h"
#include "http/target.h"
#include "http/title.h"
#include "http/uptest.h"
#include "http/yp.h"
#include "http/ypindex.h"

#define BODY_TIME (10 * NSEC_PER_SEC)

/* What a handler works on. */
struct exchange {
	struct node *node;
	struct servent *sv;
	struct request *rq;
	struct response *rs;
	const char *form;               /* body of a POST, terminated; "" */
	size_t form_len;
	bool answered;                  /* by the handler itself: the response is not to be sent */
};

/* Fills in the response. ST_OK, or why nothing must be written. */
typedef enum status route_handler(struct exchange *x);

enum match { EXACT, BELOW, EVERYTHING };

/* Who is let in. */
enum gate { OPEN, ADMIN };

/* What becomes of the body of a POST: read behind the gate; before it, as the password may be in it;
 * left to the handler. */
enum body { BODY, BODY_FIRST, BODY_RAW };

struct route {
	const char *path;
	enum match match;               /* BELOW: the path itself is not meant */
	unsigned int methods;           /* of enum http_method */
	int allow;                      /* ALLOW_*; 0 = none needed */
	enum gate gate;
	bool cors;                      /* for players on other pages: OPTIONS is answered */
	enum body body;
	int cross_site;                 /* for auth_cross_site(); 0 = anybody's page may ask */
	route_handler *handler;
};

/* --- letting in ------------------------------------------------------------------------------- */

/* Fills in the refusal; true = go on. */
static bool let_in(struct exchange *x)
{
	const enum auth auth = auth_admin(x->node, x->sv, x->rq, x->form);

	if (auth != AUTH_OK)
		login_refuse(x->node, x->rq, x->form, auth, x->rs);
	return auth == AUTH_OK;
}

/* --- handlers --------------------------------------------------------------------------------- */

static enum status serve_api(struct exchange *x)
{
	uint8_t reader[SESSION_READER];
	int http;
	enum status st;

	if (x->rq->method != HTTP_POST) {
		x->rs->type = "application/json";
		return jsonrpc_version(&x->rs->body);
	}
	/* Not even broken JSON: a client that forgot its body (http.md 8.1). */
	if (x->form_len == 0) {
		response_error(x->rs, 400, "empty body");
		return ST_OK;
	}
	x->rs->type = "application/json";
	session_reader(x->node->conf, &x->sv->peer, x->rq, reader);
	st = jsonrpc_handle(x->node, x->sv, reader, x->form, x->form_len, &x->rs->body, &http);
	if (st != ST_OK)
		return st;
	x->rs->status = http;
	if (http == 204)
		x->rs->type = NULL;
	return ST_OK;
}

static enum status serve_openrpc(struct exchange *x)
{
	x->rs->type = "application/json";
	return jsonrpc_describe(&x->rs->body);
}

static enum status serve_events(struct exchange *x)
{
	return events_serve(x->node, x->sv, x->rq, x->rs, &x->answered);
}

static enum status serve_admin(struct exchange *x)
{
	return admin_serve(x->node, x->sv, x->rq, x->form, x->rs);
}

static enum status serve_title(struct exchange *x)
{
	return title_serve(x->node, x->sv, x->rq, x->rs);
}

static enum status serve_pls(struct exchange *x)
{
	return playlist_serve(x->node, x->sv, x->rq, x->rs);
}

static enum status serve_html(struct exchange *x)
{
	if (login_is_page(x->rq->path))
		login_page(x->node, x->rq, x->rs);
	else if (admin_form_is_page(x->rq->path))
		return admin_form(x->node, x->rq, x->rs);
	else
		page_serve(x->node, x->rq, x->rs);
	return ST_OK;
}

/* PeerCastStation answered this with a permanent redirect, which browsers still remember. */
static enum status serve_html_index(struct exchange *x)
{
	response_redirect(x->rs, "/");
	return ST_OK;
}

static enum status serve_not_found(struct exchange *x)
{
	response_error(x->rs, 404, NULL);
	return ST_OK;
}

static enum status serve_asset(struct exchange *x)
{
	page_serve_asset(x->rq, x->rq->path + strlen("/assets/"), x->rs);
	return ST_OK;
}

static enum status serve_favicon(struct exchange *x)
{
	page_serve_asset(x->rq, "favicon.ico", x->rs);
	return ST_OK;
}

static enum status serve_console(struct exchange *x)
{
	return console_serve(x->node, x->sv, x->rq, x->rs, &x->answered);
}

static enum status serve_home(struct exchange *x)
{
	const struct settings *st = conf_get(x->node->conf);
	char to[PAGE_URL];

	page_url(to, st, x->rq, "index.html");
	/* Visitors of a root come for what is on the air; its page is for who runs it. */
	if (st->is_root && !node_is_trusted(x->node, &x->sv->peer))
		snprintf(to, sizeof(to), "/yp/");
	settings_unref(&st);
	response_header(x->rs, "Location", to);
	response_header(x->rs, "Vary", "Accept-Language");
	x->rs->status = 302;
	return ST_OK;
}

/* --- the yellow page of a root ------------------------------------------------------------------ */

static enum status serve_yp_index(struct exchange *x)
{
	return yp_serve(x->node, x->sv, x->rq, YP_INDEX, x->rs);
}

static enum status serve_yp_rss(struct exchange *x)
{
	return yp_serve(x->node, x->sv, x->rq, YP_RSS, x->rs);
}

static enum status serve_yp_json(struct exchange *x)
{
	return yp_serve(x->node, x->sv, x->rq, YP_JSON, x->rs);
}

static enum status serve_yp4g(struct exchange *x)
{
	return yp_serve_client(x->node, x->sv, x->rs);
}

static enum status serve_yp_chat(struct exchange *x)
{
	return yp_serve_chat(x->node, x->rq, x->rs);
}

static enum status serve_uptest(struct exchange *x)
{
	return uptest_serve(x->node, x->sv, x->rq, x->rs);
}

static enum status serve_yp_page(struct exchange *x)
{
	const struct settings *st = conf_get(x->node->conf);

	if (st->is_root)
		page_serve_yp(x->node, x->rq, st, x->rs);
	else
		response_error(x->rs, 404, NULL);
	settings_unref(&st);
	return ST_OK;
}

static enum status serve_ypchannels(struct exchange *x)
{
	x->rs->type = "text/plain; charset=utf-8";
	response_header(x->rs, "Cache-Control", "no-cache");
	return ypindex_merged(x->node, &x->rs->body);
}

/* PeerCastStation's list of what it has, with its line ends. */
static enum status serve_own_index(struct exchange *x)
{
	struct buf *out = &x->rs->body, lines;
	enum status st;

	buf_init(&lines, YPINDEX_MAX);
	st = ypindex_own(x->node, &lines);
	for (size_t i = 0; i < lines.len; i++) {
		if (lines.p[i] == '\n')
			buf_u8(out, '\r');
		buf_u8(out, lines.p[i]);
	}
	buf_fini(&lines);
	x->rs->type = "text/plain; charset=utf-8";
	response_header(x->rs, "Cache-Control", "no-cache");
	return st != ST_OK ? st : out->err;
}

/* A root's is its /index.txt; any other node shows what it has. */
static enum status serve_public_index(struct exchange *x)
{
	const struct settings *set = conf_get(x->node->conf);
	enum status st = ST_OK;

	if (!set->public_directory) {
		response_error(x->rs, 403, NULL);
	} else if (set->is_root) {
		st = serve_yp_index(x);
	} else {
		x->rs->type = "text/plain; charset=utf-8";
		response_header(x->rs, "Access-Control-Allow-Origin", "*");
		response_header(x->rs, "Cache-Control", "no-cache");
		st = ypindex_own(x->node, &x->rs->body);
	}
	settings_unref(&set);
	return st;
}

static enum status serve_public(struct exchange *x)
{
	const struct settings *st = conf_get(x->node->conf);

	if (st->public_directory)
		page_serve_public(x->node, x->rq, st, x->rs);
	else
		response_error(x->rs, 403, NULL);
	settings_unref(&st);
	return ST_OK;
}

static enum status serve_board(struct exchange *x)
{
	return board_serve(x->node, x->sv, x->rq, x->form, BOARD_PAGE_BOARD, x->rs);
}

static enum status serve_board_thread(struct exchange *x)
{
	return board_serve(x->node, x->sv, x->rq, x->form, BOARD_PAGE_THREAD, x->rs);
}

static enum status serve_board_post(struct exchange *x)
{
	return board_serve(x->node, x->sv, x->rq, x->form, BOARD_PAGE_POST, x->rs);
}

static enum status serve_getgmt(struct exchange *x)
{
	return getgmt_serve(x->node, x->rq, x->rs);
}

/* --- for machines that watch ------------------------------------------------------------------- */

static enum status serve_metrics(struct exchange *x)
{
	const struct settings *set = conf_get(x->node->conf);
	const enum metrics who = set->metrics;

	settings_unref(&set);
	if (who == METRICS_OFF)
		response_error(x->rs, 404, NULL);
	else if (!http_allowed(x->node, x->sv, 0))
		response_error(x->rs, 403, NULL);
	else if (who == METRICS_LOCAL && !x->sv->local)
		response_error(x->rs, 403, "for this machine alone (metrics = local)");
	else if (who == METRICS_ALL || let_in(x))
		return metrics_serve(x->node, x->rq, x->rs);
	return ST_OK;
}

static enum status serve_health(struct exchange *x, bool ready)
{
	if (x->sv->local || let_in(x))
		metrics_health(x->node, ready, x->rs);
	return ST_OK;
}

static enum status serve_healthz(struct exchange *x)
{
	return serve_health(x, false);
}

static enum status serve_readyz(struct exchange *x)
{
	return serve_health(x, true);
}

/* --- the table: first match wins -------------------------------------------------------------- */

#define READ (HTTP_GET | HTTP_HEAD)

static const struct route routes[] = {
	{ "/api/1", EXACT, READ, ALLOW_HTML, OPEN, false, BODY, AUTH_SITE, serve_api },
	{ "/api/1/", EXACT, READ, ALLOW_HTML, OPEN, false, BODY, AUTH_SITE, serve_api },
	{ "/api/1", EXACT, HTTP_POST, ALLOW_HTML, ADMIN, false, BODY, AUTH_API, serve_api },
	{ "/api/1/", EXACT, HTTP_POST, ALLOW_HTML, ADMIN, false, BODY, AUTH_API, serve_api },
	{ "/api/1/openrpc.json", EXACT, READ, ALLOW_HTML, OPEN, false, BODY, AUTH_SITE, serve_openrpc },
	{ "/api/1/events", EXACT, HTTP_GET, ALLOW_HTML, ADMIN, false, BODY, AUTH_SITE, serve_events },
	{ "/api/index.json", EXACT, READ, ALLOW_HTML, OPEN, true, BODY, 0, serve_yp_json },
	{ "/index.txt", EXACT, READ, ALLOW_HTML, OPEN, true, BODY, 0, serve_yp_index },
	{ "/index.rss", EXACT, READ, ALLOW_HTML, OPEN, true, BODY, 0, serve_yp_rss },
	{ "/ypchannels/index.txt", EXACT, READ, ALLOW_HTML, ADMIN, false, BODY, AUTH_SITE,
		serve_ypchannels },
	{ "/yp4g.xml", EXACT, READ, ALLOW_HTML, OPEN, true, BODY, 0, serve_yp4g },
	{ UPTEST_PATH, EXACT, HTTP_POST, ALLOW_HTML, OPEN, false, BODY_RAW, AUTH_SITE,
		serve_uptest },
	{ "/chat.php", EXACT, READ, ALLOW_HTML, OPEN, false, BODY, 0, serve_yp_chat },
	{ "/getgmt.php", EXACT, READ, ALLOW_HTML, OPEN, true, BODY, 0, serve_getgmt },
	{ "/yp", EXACT, READ, ALLOW_HTML, OPEN, false, BODY, 0, serve_yp_page },
	{ "/yp/", BELOW, READ, ALLOW_HTML, OPEN, false, BODY, 0, serve_yp_page },
	{ "/api/", BELOW, READ, 0, OPEN, false, BODY, AUTH_SITE, serve_not_found },
	{ "/admin", EXACT, READ | HTTP_POST, ALLOW_HTML, ADMIN, false, BODY_FIRST, AUTH_SITE,
		serve_admin },
	{ "/admin/", EXACT, READ | HTTP_POST, ALLOW_HTML, ADMIN, false, BODY_FIRST, AUTH_SITE,
		serve_admin },
	{ "/admin.cgi", EXACT, HTTP_GET, ALLOW_BROADCAST, ADMIN, false, BODY, AUTH_SITE | AUTH_CHANGES,
		serve_title },
	{ "/admin/metadata", EXACT, HTTP_GET, ALLOW_BROADCAST, ADMIN, false, BODY, AUTH_SITE | AUTH_CHANGES,
		serve_title },
	{ "/metrics", EXACT, READ, 0, OPEN, false, BODY, AUTH_SITE, serve_metrics },
	{ "/healthz", EXACT, READ, 0, OPEN, false, BODY, 0, serve_healthz },
	{ "/readyz", EXACT, READ, 0, OPEN, false, BODY, 0, serve_readyz },
	{ "/cmd", EXACT, HTTP_GET, ALLOW_HTML, ADMIN, false, BODY, AUTH_SITE, serve_console },
	{ "/pls/", BELOW, READ, ALLOW_DIRECT, OPEN, true, BODY, 0, serve_pls },
	{ "/stream/", BELOW, READ, 0, OPEN, true, BODY, 0, serve_not_found },
	{ "/channel/", BELOW, HTTP_GET, 0, OPEN, false, BODY, 0, serve_not_found },
	{ "/html/index.html", EXACT, READ, 0, OPEN, false, BODY, AUTH_PAGE, serve_html_index },
	{ "/html/index.txt", EXACT, READ, ALLOW_HTML, ADMIN, false, BODY, AUTH_SITE, serve_own_index },
	{ "/html/style.css", EXACT, READ, ALLOW_HTML, OPEN, false, BODY, AUTH_PAGE, serve_html },
	{ "/html/icon.svg", EXACT, READ, ALLOW_HTML, OPEN, false, BODY, AUTH_PAGE, serve_html },
	{ "/html/", BELOW, READ, ALLOW_HTML, ADMIN, false, BODY, AUTH_PAGE, serve_html },
	{ "/public/index.txt", EXACT, READ, 0, OPEN, true, BODY, 0, serve_public_index },
	{ "/public", EXACT, READ, 0, OPEN, false, BODY, 0, serve_public },
	{ "/public/", BELOW, READ, 0, OPEN, false, BODY, 0, serve_public },
	{ "/assets/", BELOW, READ, 0, OPEN, false, BODY, 0, serve_asset },
	{ "/cgi-bin/board.cgi", EXACT, HTTP_GET, ALLOW_HTML, ADMIN, false, BODY, AUTH_SITE, serve_board },
	{ "/cgi-bin/thread.cgi", EXACT, HTTP_GET, ALLOW_HTML, ADMIN, false, BODY, AUTH_SITE,
		serve_board_thread },
	{ "/cgi-bin/post.cgi", EXACT, HTTP_POST, ALLOW_HTML, ADMIN, false, BODY_FIRST,
		AUTH_SITE | AUTH_CHANGES, serve_board_post },
	{ "/cgi-bin/", BELOW, READ, 0, OPEN, false, BODY, 0, serve_not_found },
	{ "/hls/", BELOW, READ, 0, OPEN, true, BODY, 0, serve_not_found },
	{ "/favicon.ico", EXACT, READ, 0, OPEN, false, BODY, 0, serve_favicon },
	{ "/", EVERYTHING, READ, 0, OPEN, false, BODY, AUTH_PAGE, serve_home },
};

static bool matches(const struct route *r, const char *path)
{
	size_t n = strlen(r->path);

	switch (r->match) {
	case EXACT:
		return strcmp(path, r->path) == 0;
	case BELOW:
		return strncmp(path, r->path, n) == 0;
	case EVERYTHING:
		break;
	}
	return true;
}

bool http_has_route(const char *path)
{
	for (size_t i = 0; i < NELEM(routes); i++)
		if (routes[i].match != EVERYTHING && matches(&routes[i], path))
			return true;
	return path[0] == '\0' || strcmp(path, "/") == 0;
}

/* The route, or NULL with the methods the path does take, and *any of them: the first row that matches
 * the path decides, with those of the very same path. */
static const struct route *route_find(
	const struct request *rq, unsigned int *methods, const struct route **any)
{
	size_t i;

	*methods = 0;
	*any = NULL;
	for (i = 0; i < NELEM(routes); i++) {
		const struct route *r = &routes[i];

		if (!matches(r, rq->path) || (*any != NULL && strcmp(r->path, (*any)->path) != 0))
			continue;
		if (*any == NULL)
			*any = r;
		*methods |= r->methods | (r->cors ? (unsigned int)HTTP_OPTIONS : 0);
		if (r->methods & rq->method)
			return r;
	}
	return NULL;
}

static void refuse_method(struct response *rs, unsigned int methods)
{
	static const struct {
		unsigned int bit;
		const char *name;
	} names[] = {
		{ HTTP_GET, "GET" },
		{ HTTP_HEAD, "HEAD" },
		{ HTTP_POST, "POST" },
		{ HTTP_OPTIONS, "OPTIONS" },
	};
	char list[64] = "";
	size_t i, at = 0;

	for (i = 0; i < NELEM(names); i++)
		if (methods & names[i].bit)
			at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s",
				at > 0 ? ", " : "", names[i].name);
	response_header(rs, "Allow", list);
	response_error(rs, 405, NULL);
}

static void allow_preflight(struct response *rs)
{
	rs->status = 204;
	response_header(rs, "Access-Control-Allow-Origin", "*");
	response_header(rs, "Access-Control-Allow-Methods", "GET, HEAD");
	response_header(rs, "Access-Control-Allow-Headers", "Range, Icy-MetaData");
}

/* --- bodies ----------------------------------------------------------------------------------- */

/* Read the body of a POST; false = rs, or *st, says why not. */
static bool read_body(struct exchange *x, struct buf *body, enum status *st)
{
	*st = http_read_body(&x->sv->sock, x->rq, body, clk_deadline(BODY_TIME));
	if (*st == ST_OK) {
		x->form = buf_cstr(body);
		x->form_len = body->len;
		return body->err == ST_OK;
	}
	if (x->rq->fault != 0) {
		response_error(x->rs, x->rq->fault, x->rq->why);
		*st = ST_OK;
	}
	return false;
}

/* Without a query /admin is no command: it leads to the page, as addresses that are not known do
 * (http.md 2.2). */
static bool is_bare_admin(const struct request *rq)
{
	return rq->method != HTTP_POST && strchr(rq->target, '?') == NULL &&
		(strcmp(rq->path, "/admin") == 0 || strcmp(rq->path, "/admin/") == 0);
}

static enum status run(struct exchange *x, struct buf *body)
{
	const struct route *r, *any;
	const char *why;
	enum status st = ST_OK;
	unsigned int methods;

	r = route_find(x->rq, &methods, &any);
	if (r == NULL && x->rq->method == HTTP_OPTIONS && any->cors) {
		allow_preflight(x->rs);
		return ST_OK;
	}
	if (r == NULL && x->rq->method == HTTP_POST && any->match == EVERYTHING) {
		response_error(x->rs, 400, "nothing takes a POST here");
		return ST_OK;
	}
	if (r == NULL) {
		refuse_method(x->rs, methods);
		return ST_OK;
	}
	if (r->allow != 0 && !http_allowed(x->node, x->sv, r->allow)) {
		response_error(x->rs, 503, NULL);
		return ST_OK;
	}
	why = r->cross_site == 0 ? NULL : auth_cross_site(x->rq, r->cross_site);
	if (why != NULL) {
		log_peer(LOG_WARN, &x->sv->peer, "http: %s refused: %s", x->rq->path, why);
		response_error(x->rs, 403, why);
		return ST_OK;
	}
	if (x->rq->method == HTTP_POST && r->body == BODY_FIRST && !read_body(x, body, &st))
		return st;
	if (r->gate == ADMIN && !is_bare_admin(x->rq) && !let_in(x))
		return ST_OK;
	if (x->rq->method == HTTP_POST && r->body == BODY && !read_body(x, body, &st))
		return st;
	return r->handler(x);
}

/* --- entry ------------------------------------------------------------------------------------ */

/* all_read: the peer has said all it had to say, so a plain close cannot reset the connection. */
static enum status send_and_end(
	struct servent *sv, struct response *rs, bool head_only, bool all_read)
{
	enum status st = response_send_last(&sv->sock, rs, head_only, clk_deadline(HTTP_WRITE_DEADLINE));
	size_t n;

	if (st == ST_LIMIT) {
		response_fini(rs);
		response_init(rs, 4096);
		response_error(rs, 503, "out of memory");
		st = response_send_last(&sv->sock, rs, head_only, clk_deadline(HTTP_WRITE_DEADLINE));
	}
	/* Who sees the end and comes again at once finds the place of its handshake free. */
	servent_settled(sv);
	if (st == ST_OK)
		st = sock_end(&sv->sock, clk_deadline(HTTP_DRAIN_TIME));
	sock_peek(&sv->sock, &n);
	if (st == ST_OK && (!all_read || n > 0 || rs->status >= 400))
		http_drain(&sv->sock);
	return st;
}

enum status http_serve(struct node *n, struct servent *sv, struct request *rq)
{
	struct response rs;
	struct buf body;
	struct exchange x = { .node = n, .sv = sv, .rq = rq, .rs = &rs, .form = "" };
	enum status st;

	response_init(&rs, RPC_ANSWER);
	buf_init(&body, HTTP_BODY_MAX);
	st = run(&x, &body);
	if (st == ST_LIMIT && !x.answered) {
		response_error(&rs, 503, "out of memory");
		st = ST_OK;
	}
	if (st == ST_OK && !x.answered)
		st = send_and_end(sv, &rs, rq->method == HTTP_HEAD, rq->http10 && !rq->secure);
	buf_fini(&body);
	response_fini(&rs);
	return st;
}
