/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Methods about the yellow page we announce to, `rootHost`, under the id 0; where that names several roots,
 * each under its place in the list (http.md 8.5, 8.6). */
#include "http/methods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/chan/chan.h"
#include "core/conf/roots.h"
#include "core/sys/text.h"
#include "http/command.h"

#define SCHEME "pcp://"

json_t *method_get_yp_protocols(struct rpc_call *c)
{
	(void)c;
	return json_pack("[{ssss}]", "name", "PCP", "protocol", "pcp");
}

/* Our broadcasts, each with the state of the connection to that root. */
static json_t *announced(struct node *n, const struct settings *set, const char *root)
{
	const bool several = roots_count(set->root_host) > 1;
	struct chan **all = NULL;
	struct totals t;
	size_t count = 0;
	json_t *a = json_array();
	bool ok = chanmgr_all(n->cm, &all, &count) == ST_OK;
	const char *status = "Idle";

	servmgr_totals(n->sm, &t);
	if (t.connected[SV_COUT] > 0 && (!several || servmgr_is_at_yp(n->sm, root)))
		status = "Connected";
	else if (set->auto_serve && t.connected[SV_COUT] == 0)
		status = "Connecting";
	for (size_t i = 0; i < count; i++) {
		char hex[GNUID_STRLEN];

		if (chan_type_of(all[i]) == CHAN_BROADCAST && chan_is_playing(all[i]))
			add(a, json_pack("{ssss}", "channelId", gnuid_str(chan_id(all[i]), hex),
				"status", chan_is_silent(all[i]) ? "Idle" : status), &ok);
		chan_unref(&all[i]);
	}
	free(all);
	return or_drop(a, ok);
}

/* The list of the YP behind that root, if it is among the user's feeds; NULL. */
static const char *channels_uri(const struct settings *st, const char *root)
{
	size_t n;
	const struct settings_feed *f = settings_feeds(st, &n);

	for (size_t i = 0; i < n; i++) {
		const char *own = f[i].root_host[0] != '\0' ? f[i].root_host : chandir_known_root(f[i].url);

		if (ascii_casecmp(own, root) == 0)
			return f[i].url;
	}
	return NULL;
}

static json_t *yp_json(struct node *n, const struct settings *st, size_t i)
{
	char uri[sizeof(SCHEME) + SETTINGS_TEXT + 1], name[SETTINGS_TEXT];

	(void)roots_get(st->root_host, i, name);
	snprintf(uri, sizeof(uri), SCHEME "%s/", name);
	return json_pack("{si ss ss ss ss? ss so}", "yellowPageId", (int)i, "name", name, "uri", uri,
		"announceUri", uri, "channelsUri", channels_uri(st, name), "protocol", "pcp", "channels",
		announced(n, st, name));
}

json_t *method_get_yps(struct rpc_call *c)
{
	const struct settings *st = conf_get(c->node->conf);
	json_t *a = json_array();
	const size_t n = roots_count(st->root_host);
	bool ok = a != NULL;

	for (size_t i = 0; i < n; i++)
		add(a, yp_json(c->node, st, i), &ok);
	settings_unref(&st);
	return or_drop(a, ok);
}

static bool is_name(const char *s)
{
	const char *p = s;

	while (ascii_isalnum((uint8_t)*p) || *p == '-' || *p == '.' || *p == '_')
		p++;
	return p > s && *p == '\0';
}

/* name, name:port, address or [address]:port of pcp://<that>/... into host[SETTINGS_TEXT]. */
static bool host_of_uri(const char *uri, char *host)
{
	const char *at = uri + strlen(SCHEME);
	char name[SETTINGS_TEXT], *colon;
	struct host h;
	uint32_t port;
	size_t n;

	if (ascii_ncasecmp(uri, SCHEME, strlen(SCHEME)) != 0)
		return false;
	n = strcspn(at, "/?#");
	if (n == 0 || n >= SETTINGS_TEXT)
		return false;
	memcpy(host, at, n);
	host[n] = '\0';
	if (host_parse(&h, host, 1))
		return host_is_set(&h) && h.port != 0;
	text_copy(name, sizeof(name), host);
	colon = strchr(name, ':');
	if (colon != NULL)
		*colon = '\0';
	return is_name(name) && (colon == NULL || num_u32(colon + 1, 1, UINT16_MAX, &port));
}

static bool is_on_air(struct node *n)
{
	struct chan **all = NULL;
	size_t count = 0;
	bool yes = chanmgr_all(n->cm, &all, &count) != ST_OK;

	for (size_t i = 0; i < count; i++) {
		yes = yes || chan_type_of(all[i]) == CHAN_BROADCAST;
		chan_unref(&all[i]);
	}
	free(all);
	return yes;
}

/* There is one place: another page takes it, but not from under a broadcast. A page that has it already is
 * told of as it is. */
struct list {
	const char *url, *root;
	char why[SETTINGS_WHY];
};

/* One that is there already keeps what is said of it. */
static enum status add_feed(struct settings *draft, void *ctx)
{
	struct settings_feed f = { .url = "" };
	struct list *l = ctx;
	size_t n;
	const struct settings_feed *v = settings_feeds(draft, &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].url, l->url) == 0)
			return ST_OK;
	if (!text_copy(f.url, sizeof(f.url), l->url))
		return ST_PROTO;
	(void)text_copy(f.root_host, sizeof(f.root_host), l->root);
	return settings_feed_add(draft, &f, l->why);
}

json_t *method_add_yp(struct rpc_call *c)
{
	struct list list = { .url = json_string_value(c->args[4]) };
	const char *uri = json_string_value(c->args[c->args[3] != NULL ? 3 : 2]);
	const struct settings *st;
	enum status saved = ST_OK;
	char host[SETTINGS_TEXT];
	bool same, used;
	size_t at;
	json_t *o;

	if (ascii_casecmp(json_string_value(c->args[0]), "pcp") != 0)
		return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, "protocol Not Found");
	if (uri == NULL || !host_of_uri(uri, host))
		return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, "Invalid uri");
	st = conf_get(c->node->conf);
	at = roots_find(st->root_host, host);
	same = at < roots_count(st->root_host);
	used = roots_any(st->root_host);
	settings_unref(&st);
	if (!same && used && is_on_air(c->node))
		return rpc_fail(c, RPC_UNKNOWN, "Another yellow page is in use", NULL);
	list.root = host;
	if (list.url != NULL && list.url[0] != '\0') {
		if (conf_update(c->node->conf, add_feed, &list) != ST_OK)
			return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, "Invalid channelsUri");
		saved = command_settings(c->node);
	}
	if (!same) {
		if (conf_set(c->node->conf, "rootHost", host, NULL) != ST_OK)
			return NULL;
		saved = command_settings(c->node);
		at = 0;
	}
	if (saved != ST_OK)
		return method_not_saved(c, saved);
	st = conf_get(c->node->conf);
	o = yp_json(c->node, st, at);
	settings_unref(&st);
	return o;
}

/* The list without the root of that id. False: there is none. */
static bool without(struct node *n, json_int_t id, char left[SETTINGS_TEXT])
{
	const struct settings *st = conf_get(n->conf);
	const size_t count = roots_count(st->root_host);
	char name[SETTINGS_TEXT];
	size_t len = 0;

	left[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		if ((json_int_t)i == id)
			continue;
		(void)roots_get(st->root_host, i, name);
		len += (size_t)snprintf(left + len, SETTINGS_TEXT - len, "%s%s", len > 0 ? "," : "", name);
	}
	settings_unref(&st);
	return id >= 0 && id < (json_int_t)count;
}

json_t *method_remove_yp(struct rpc_call *c)
{
	char left[SETTINGS_TEXT];

	if (!without(c->node, json_integer_value(c->args[0]), left))
		return json_null();     /* as good as removed */
	if (conf_set(c->node->conf, "rootHost", left, NULL) != ST_OK)
		return NULL;
	return method_settings_changed(c);
}
