/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/login.h"

#include <string.h>

#include "core/sys/log.h"
#include "core/sys/text.h"
#include "http/page.h"
#include "http/password.h"
#include "http/session.h"

#define REALM "PeerCast Admin"
#define PATH_MAX_LOGIN 1024

/* --- the page --------------------------------------------------------------------------------- */

/* With where to go then, and what was wrong. */
static void put_page(struct node *n, const struct request *rq, struct response *rs, int status,
	const char *path, const char *message)
{
	const struct settings *st = conf_get(n->conf);
	const char *lang = page_path_language(rq->method == HTTP_POST ? path : rq->path);
	struct buf to, why;

	if (lang == NULL)
		lang = page_language(st, rq);
	settings_unref(&st);
	buf_init(&to, PATH_MAX_LOGIN * 8);
	buf_init(&why, PATH_MAX_LOGIN);
	template_put_html(&to, path);
	template_put_html(&why, template_text(lang, message));
	rs->status = status;
	page_put(n, rq, rs, "pages/login.html", lang, (const struct template_value[]){
		{ "PATH", buf_cstr(&to) }, { "MESSAGE", buf_cstr(&why) },
		{ "HIDDEN", message[0] == '\0' ? " hidden" : "" }, { NULL, NULL } });
	buf_fini(&to);
	buf_fini(&why);
}

bool login_is_page(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL && strcmp(slash, "/login.html") == 0;
}

void login_page(struct node *n, const struct request *rq, struct response *rs)
{
	put_page(n, rq, rs, 200, "", "");
}

/* --- who is not let in ------------------------------------------------------------------------ */

/* One '/' and what may stand in a Location, so that it leads nowhere else. */
static bool is_own_path(const char *path)
{
	if (path[0] != '/' || path[1] == '/' || path[1] == '\\')
		return false;
	for (const char *c = path; *c != '\0'; c++)
		if ((uint8_t)*c <= 0x20 || (uint8_t)*c >= 0x7f)
			return false;
	return true;
}

/* Where to go once logged in: the page that was asked for. Commands are not carried out on the way. */
static void wanted_path(const struct request *rq, const char *form, char *dst, size_t cap)
{
	const bool page = strncmp(rq->path, "/html/", 6) == 0 && !login_is_page(rq->path);
	const bool shows = strcmp(rq->query, "cmd=viewxml") == 0;

	dst[0] = '\0';
	if (rq->method == HTTP_POST)
		(void)(query_get(form, "requested_path", dst, cap) && is_own_path(dst));
	else if (page || shows)
		(void)text_copy(dst, cap, strstr(rq->query, "pass=") != NULL ? rq->path : rq->target);
	if (!is_own_path(dst))
		dst[0] = '\0';
}

void login_refuse(struct node *n, const struct request *rq, const char *form, enum auth why,
	struct response *rs)
{
	static const char *const messages[] = {
		[AUTH_MISSING] = "", [AUTH_WRONG] = UI_TEXT("Wrong password."),
		[AUTH_TOO_MANY] = UI_TEXT("Too many wrong passwords. Wait a minute."),
	};
	const struct settings *st = conf_get(n->conf);
	const char *accept = request_header(rq, "Accept");
	const bool cookies = st->auth_type == AUTHTYPE_COOKIE;
	const bool script = request_header(rq, "X-Requested-With") != NULL;
	const bool person = accept != NULL && strstr(accept, "text/html") != NULL &&
		request_header(rq, "Authorization") == NULL && strncmp(rq->path, "/api/", 5) != 0;
	char path[PATH_MAX_LOGIN];

	settings_unref(&st);
	if (cookies && script && why == AUTH_MISSING) {
		/* it must not make the browser ask */
		response_error(rs, 403, NULL);
	} else if (cookies && person && !script) {
		wanted_path(rq, form, path, sizeof(path));
		put_page(n, rq, rs, why == AUTH_TOO_MANY ? 429 : 200, path, messages[why]);
	} else if (why == AUTH_TOO_MANY) {
		response_error(rs, 429, "too many wrong passwords; wait a minute");
	} else {
		response_error(rs, 401, NULL);
		rs->realm = REALM;
	}
}

/* --- commands --------------------------------------------------------------------------------- */

void login_serve(struct node *n, const struct servent *sv, const struct request *rq, const char *form,
	struct response *rs)
{
	const struct settings *st = conf_get(n->conf);
	char pass[SETTINGS_TEXT], to[MAX(PATH_MAX_LOGIN, PAGE_URL)], id[SESSION_ID], peer[HOST_STRLEN];
	bool shown = query_get(form, "pass", pass, sizeof(pass)) ||
		query_get(rq->query, "pass", pass, sizeof(pass));

	shown = shown && st->auth_type == AUTHTYPE_COOKIE && password_matches(st->password, pass);
	explicit_bzero(pass, sizeof(pass));
	if (shown) {
		session_close_request(n->conf, &sv->peer, rq);
		session_open(n->conf, &sv->peer, id);
		session_cookie(n->conf, rq, id, rs);
		explicit_bzero(id, sizeof(id));
		log_peer(LOG_INFO, &sv->peer, "http: login from %s", host_str(&sv->peer, peer));
	}
	if (!(query_get(form, "requested_path", to, sizeof(to)) ||
	    query_get(rq->query, "requested_path", to, sizeof(to))) || !is_own_path(to))
		page_url(to, st, rq, "index.html");
	settings_unref(&st);
	rs->status = 302;
	response_header(rs, "Location", to);
}

void logout_serve(struct node *n, const struct servent *sv, const struct request *rq, struct response *rs)
{
	session_close_request(n->conf, &sv->peer, rq);
	session_cookie(n->conf, rq, NULL, rs);
	response_redirect(rs, "/");
}
