/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/admin.h"

#include <string.h>

#include "core/sys/log.h"
#include "core/sys/text.h"
#include "http/admin_cmd.h"
#include "http/auth.h"
#include "http/login.h"

/* --- keys ------------------------------------------------------------------------------------- */

bool admin_value(const struct admin *a, const char *key, char *dst, size_t cap)
{
	return query_get(a->form, key, dst, cap) || query_get(a->rq->query, key, dst, cap);
}

static bool find(const char *query, const char *key, struct query_pair *p)
{
	const size_t n = strlen(key);

	while (query_next(&query, p))
		if (p->key_len == n && memcmp(p->key, key, n) == 0)
			return true;
	return false;
}

bool admin_text(const struct admin *a, const char *key, char dst[TEXT_MAX])
{
	struct query_pair p;

	dst[0] = '\0';
	if (!find(a->form, key, &p) && !find(a->rq->query, key, &p))
		return false;
	query_pair_text(&p, dst, TEXT_MAX);
	return true;
}

bool admin_id(const struct admin *a, struct gnuid *id)
{
	char text[GNUID_STRLEN + 1];

	return admin_value(a, "id", text, sizeof(text)) && strlen(text) == GNUID_STRLEN - 1 &&
		gnuid_parse(id, text) && gnuid_is_set(id);
}

/* --- answers ---------------------------------------------------------------------------------- */

enum status admin_go(struct admin *a, const char *page)
{
	const struct settings *st = conf_get(a->node->conf);
	char to[PAGE_URL] = "/";

	if (page != NULL)
		page_url(to, st, a->rq, page);
	settings_unref(&st);
	response_header(a->rs, "Location", to);
	a->rs->status = 302;
	return ST_OK;
}

enum status admin_go_back(struct admin *a, const char *page)
{
	char to[REFERER_MAX];

	if (auth_referer_path(a->rq, to, sizeof(to)) == NULL)
		return admin_go(a, page);
	response_header(a->rs, "Location", to);
	a->rs->status = 302;
	return ST_OK;
}

/* --- the table -------------------------------------------------------------------------------- */

static enum status cmd_login(struct admin *a)
{
	login_serve(a->node, a->sv, a->rq, a->form, a->rs);
	return ST_OK;
}

static enum status cmd_logout(struct admin *a)
{
	logout_serve(a->node, a->sv, a->rq, a->rs);
	return ST_OK;
}

static const struct {
	const char *cmd;
	bool changes;                   /* not by HEAD, not from pages of other sites */
	admin_handler *handler;
} commands[] = {
	{ "viewxml", false, admin_viewxml },
	{ "login", true, cmd_login },
	{ "logout", true, cmd_logout },
	/* channels and connections */
	{ "stop", true, admin_stop },
	{ "bump", true, admin_bump },
	{ "keep", true, admin_keep },
	{ "update_channel_info", true, admin_update_info },
	{ "setmeta", true, admin_setmeta },
	{ "stop_servent", true, admin_stop_servent },
	/* settings */
	{ "apply", true, admin_apply },
	{ "applyflags", true, admin_applyflags },
	{ "customizeAppearance", true, admin_look },
	{ "chooseLanguage", true, admin_language },
	/* the node */
	{ "control_rtmp", true, admin_control_rtmp },
	{ "portcheck4", true, admin_portcheck4 },
	{ "portcheck6", true, admin_portcheck6 },
	{ "clear", true, admin_clear },
	{ "clearlog", true, admin_clearlog },
	{ "dump_hitlists", false, admin_dump_hitlists },
	{ "redirect", false, admin_redirect },
	{ "fetch", true, admin_fetch },
	{ "fetch_feeds", true, admin_fetch_feeds },
	{ "chanfeedlog", false, admin_feedlog },
	{ "add_speedtest", true, admin_add_speedtest },
	{ "delete_speedtest", true, admin_delete_speedtest },
	{ "take_speedtest", true, admin_take_speedtest },
	{ "refresh_speedtest", true, admin_refresh_speedtest },
	{ "speedtest_cached_xml", false, admin_speedtest_xml },
	{ "shutdown", true, admin_shutdown },
};

enum status admin_serve(struct node *n, struct servent *sv, const struct request *rq,
	const char *form, struct response *rs)
{
	struct admin a = { .node = n, .sv = sv, .rq = rq, .form = form, .rs = rs };
	const char *why;
	char cmd[64];
	size_t i;

	/* Without a query there is no command: a page somebody looks for. */
	if (rq->method != HTTP_POST && strchr(rq->target, '?') == NULL)
		return admin_go_back(&a, "index.html");
	admin_value(&a, "cmd", cmd, sizeof(cmd));
	for (i = 0; i < NELEM(commands); i++) {
		if (strcmp(cmd, commands[i].cmd) != 0)
			continue;
		if (commands[i].changes && rq->method == HTTP_HEAD) {
			response_header(rs, "Allow", "GET, POST");
			response_error(rs, 405, NULL);
			return ST_OK;
		}
		why = commands[i].changes ? auth_cross_site(rq, AUTH_CHANGES) : NULL;
		if (why != NULL) {
			log_peer(LOG_WARN, &sv->peer, "http: command %s refused: %s", cmd, why);
			response_error(rs, 403, why);
			return ST_OK;
		}
		return commands[i].handler(&a);
	}
	response_error(rs, 400, "no such command");
	return ST_OK;
}
