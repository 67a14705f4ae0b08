/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands about the node itself. */
#include "http/admin_cmd.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "xml/viewxml.h"

enum status admin_viewxml(struct admin *a)
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

/* --- the port --------------------------------------------------------------------------------- */

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

enum status admin_portcheck4(struct admin *a)
{
	return port_check(a, false);
}

enum status admin_portcheck6(struct admin *a)
{
	return port_check(a, true);
}

/* --- clearing --------------------------------------------------------------------------------- */

static enum status drop_hosts(struct settings *draft, void *ctx)
{
	(void)ctx;
	settings_hosts_clear(draft);
	return ST_OK;
}

/* Relays that nobody plays and that look for nothing. */
static void close_idle(struct node *n)
{
	struct chan **all = NULL;
	size_t count = 0;

	if (chanmgr_all(n->cm, &all, &count) != ST_OK)
		return;
	for (size_t i = 0; i < count; i++) {
		if (chan_get_status(all[i]) == CHAN_IDLE)
			chan_close(all[i]);
		chan_unref(&all[i]);
	}
	free(all);
}

static bool wants(const struct admin *a, const char *key)
{
	char text[8];

	return admin_value(a, key, text, sizeof(text)) && strcmp(text, "1") == 0;
}

/* packets=1 is taken too: there are no counters of packets any more. */
enum status admin_clear(struct admin *a)
{
	char hs[HOST_STRLEN];

	if (wants(a, "hostcache") && conf_update(a->node->conf, drop_hosts, NULL) != ST_OK)
		return ST_LIMIT;
	if (wants(a, "hitlists")) {
		chanmgr_silence_all(a->node->cm);
		log_info("hit lists emptied by %s", host_str(&a->sv->peer, hs));
	}
	if (wants(a, "channels"))
		close_idle(a->node);
	return admin_go_back(a, "index.html");
}

enum status admin_clearlog(struct admin *a)
{
	log_clear();
	return admin_go(a, "viewlog.html");
}

/* --- looking ---------------------------------------------------------------------------------- */

static void dump_hit(struct buf *b, const struct hit *h)
{
	static const struct {
		uint8_t flag;
		const char *name;
	} flags[] = {
		{ HIT_TRACKER, "tracker" }, { HIT_RELAY, "relay" }, { HIT_DIRECT, "direct" },
		{ HIT_CIN, "cin" }, { HIT_PUSH, "push" },
	};
	char hs[HOST_STRLEN], id[GNUID_STRLEN];

	buf_printf(b, "\t%s", host_str(&h->rhost[0], hs));
	if (host_is_set(&h->rhost[1]))
		buf_printf(b, " local %s", host_str(&h->rhost[1], hs));
	buf_printf(b, " session %s hops %u listeners %u relays %u uptime %u heard %u version %u",
		gnuid_str(&h->sid, id), h->hops, h->listeners, h->relays, h->uptime_s,
		clk_age_s(h->heard), h->version);
	if (host_is_set(&h->uphost))
		buf_printf(b, " upstream %s", host_str(&h->uphost, hs));
	for (size_t i = 0; i < NELEM(flags); i++)
		if (h->flags & flags[i].flag)
			buf_printf(b, " %s", flags[i].name);
	buf_u8(b, '\n');
}

enum status admin_dump_hitlists(struct admin *a)
{
	struct hitlist_view *list = NULL;
	char id[GNUID_STRLEN];
	size_t n = 0;

	if (chanmgr_lists(a->node->cm, true, &list, &n) != ST_OK)
		return ST_LIMIT;
	a->rs->type = "text/plain; charset=utf-8";
	response_header(a->rs, "Cache-Control", "no-store");
	buf_printf(&a->rs->body, "%zu hit lists\n", n);
	for (size_t i = 0; i < n; i++) {
		const char *name = list[i].info != NULL ? list[i].info->text[CT_NAME] : "";

		buf_printf(&a->rs->body, "%s %u hosts \"%s\"\n", gnuid_str(&list[i].id, id),
			list[i].stats.hosts, name);
		for (size_t k = 0; k < list[i].n; k++)
			dump_hit(&a->rs->body, &list[i].hits[k]);
		hitlist_view_fini(&list[i]);
	}
	free(list);
	return a->rs->body.err;
}

/* A page that leads elsewhere without telling from where. */
enum status admin_redirect(struct admin *a)
{
	char raw[HTTP_VALUE_MAX], url[HTTP_VALUE_MAX];
	struct buf *b = &a->rs->body;
	bool whole;

	if (!admin_value(a, "url", raw, sizeof(raw)) || raw[0] == '\0') {
		response_error(a->rs, 400, "no url");
		return ST_OK;
	}
	whole = ascii_ncasecmp(raw, "http://", 7) == 0 || ascii_ncasecmp(raw, "https://", 8) == 0;
	text_clean(url, sizeof(url), raw, strlen(raw));
	a->rs->type = "text/html; charset=utf-8";
	response_header(a->rs, "Content-Security-Policy", "default-src 'none'");
	response_header(a->rs, "Referrer-Policy", "no-referrer");
	for (int i = 0; i < 2; i++) {
		buf_puts(b, i == 0 ? "<!DOCTYPE html>\n<meta http-equiv=\"refresh\" content=\"0; url="
				   : "\">\n<a href=\"");
		buf_puts(b, whole ? "" : "http://");
		template_put_html(b, url);
	}
	buf_puts(b, "\">");
	template_put_html(b, url);
	buf_puts(b, "</a>\n");
	return b->err;
}

/* --- the end ---------------------------------------------------------------------------------- */

enum status admin_shutdown(struct admin *a)
{
	char hs[HOST_STRLEN];

	log_info("shut down by %s", host_str(&a->sv->peer, hs));
	a->rs->type = "text/html; charset=utf-8";
	buf_puts(&a->rs->body, "<h1>Server is shutting down...</h1>\n");
	a->node->ops.shutdown(a->node);
	return a->rs->body.err;
}
