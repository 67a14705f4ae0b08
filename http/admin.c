/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/admin.h"

#include <string.h>

#include "core/sys/log.h"
#include "core/sys/text.h"
#include "http/auth.h"
#include "http/command.h"
#include "http/page.h"
#include "xml/viewxml.h"

#define REFERER_MAX 1024
#define BUMP_PORT   7144

struct admin {
	struct node *node;
	struct servent *sv;
	const struct request *rq;
	const char *form;
	struct response *rs;
};

typedef enum status admin_handler(struct admin *a);

/* A value, "" when the key is not there. */
static bool value(const struct admin *a, const char *key, char *dst, size_t cap)
{
	return query_get(a->form, key, dst, cap) || query_get(a->rq->query, key, dst, cap);
}

static bool channel_id(const struct admin *a, struct gnuid *id)
{
	char text[GNUID_STRLEN + 1];

	return value(a, "id", text, sizeof(text)) && strlen(text) == GNUID_STRLEN - 1 &&
		gnuid_parse(id, text) && gnuid_is_set(id);
}

/* Back to the page the command came from, else to a page of ours. */
static enum status go_back(struct admin *a, const char *page)
{
	const struct settings *st = conf_get(a->node->conf);
	char to[MAX(REFERER_MAX, PAGE_URL)];

	if (auth_referer_path(a->rq, to, sizeof(to)) == NULL)
		page_url(to, st, page);
	settings_unref(&st);
	response_header(a->rs, "Location", to);
	a->rs->status = 302;
	return ST_OK;
}

static enum status cmd_viewxml(struct admin *a)
{
	struct viewxml v;
	enum status st = viewxml_snapshot(a->node, &v);

	if (st != ST_OK)
		return st;
	st = viewxml_emit(&v, &a->rs->body);
	viewxml_fini(&v);
	a->rs->type = "text/xml";       /* the declaration names the encoding */
	response_header(a->rs, "Cache-Control", "no-store");
	return st;
}

static enum status cmd_stop(struct admin *a)
{
	struct gnuid id;

	if (channel_id(a, &id))
		command_stop(a->node, a->sv, &id);
	return go_back(a, "relays.html");
}

static enum status cmd_bump(struct admin *a)
{
	char text[HOST_STRLEN];
	struct gnuid id;
	struct host to;
	bool named = value(a, "ip", text, sizeof(text)) && text[0] != '\0' &&
		host_parse(&to, text, BUMP_PORT) && host_is_set(&to) && to.port != 0;

	if (channel_id(a, &id))
		command_bump(a->node, a->sv, &id, named ? &to : NULL);
	return go_back(a, "channels.html");
}

static enum status cmd_keep(struct admin *a)
{
	struct gnuid id;

	if (channel_id(a, &id))
		command_keep(a->node, a->sv, &id);
	return go_back(a, "relays.html");
}

/* Ask the YP whether our port can be reached, and wait for its answer (http.md 6.2). */
static enum status port_check(struct admin *a, bool v6)
{
	static const char *const words[] = {
		[FW_UNKNOWN] = "UNKNOWN", [FW_OPEN] = "OFF", [FW_CLOSED] = "ON",
	};
	const int family = v6 ? 6 : 4;
	struct own own;

	a->node->ops.check_firewall(a->node, !v6, v6);
	servmgr_own(a->node->sm, &own);
	a->rs->type = "text/plain; charset=UTF-8";
	response_header(a->rs, "Cache-Control", "no-store");
	buf_printf(&a->rs->body, "IPv%d port %u: %s\nIPv%d firewall is %s\n", family, own.port,
		fwwhy_str(own.fw[v6], own.fw_why[v6]), family, words[own.fw[v6]]);
	return a->rs->body.err;
}

static enum status cmd_portcheck4(struct admin *a)
{
	return port_check(a, false);
}

static enum status cmd_portcheck6(struct admin *a)
{
	return port_check(a, true);
}

static const struct {
	const char *cmd;
	bool changes;                   /* not by HEAD, not from pages of other sites */
	admin_handler *handler;
} commands[] = {
	{ "viewxml", false, cmd_viewxml },
	{ "stop", true, cmd_stop },
	{ "bump", true, cmd_bump },
	{ "keep", true, cmd_keep },
	{ "portcheck4", true, cmd_portcheck4 },
	{ "portcheck6", true, cmd_portcheck6 },
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
		return go_back(&a, "index.html");
	value(&a, "cmd", cmd, sizeof(cmd));
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
