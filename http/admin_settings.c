/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that change settings: the forms of the settings page, of the flags page and of the looks.
 *
 * A form changes what it carries and nothing else, all of it or, when one value is wrong, none. Browsers
 * leave out boxes that are not checked and lists that are empty; so a form that has all of them says
 * form=settings.
 * source   http.md 6.2, 6.3; node.md 2.6, 2.7
 */
#include "http/admin_cmd.h"

#include <stdio.h>
#include <string.h>

#include "core/node/filter.h"
#include "core/sys/log.h"
#include "http/auth.h"
#include "http/command.h"
#include "http/password.h"

#define VALUE_MAX 2048          /* longer than any setting, so that too long shows */
#define ICY_META_MAX 16384      /* as the old form cuts it */

/* --- one value -------------------------------------------------------------------------------- */

const struct admin_field admin_fields[] = {
	{ "servername", "serverName", FIELD_AS_IT_IS }, { "port", "serverPort", FIELD_AS_IT_IS },
	{ "passnew", "password", FIELD_SECRET }, { "icymeta", "icyMetaInterval", FIELD_ICY },
	{ "djmsg", "broadcastMsg", FIELD_AS_IT_IS }, { "root", "isRoot", FIELD_AS_IT_IS },
	{ "huint", "hostUpdateInterval", FIELD_AS_IT_IS }, { "pcmsg", "rootMsg", FIELD_AS_IT_IS },
	{ "forceip", "forceIP", FIELD_AS_IT_IS }, { "serveractive", "autoServe", FIELD_AS_IT_IS },
	{ "htmlPath", "htmlPath", FIELD_LANGUAGE },
	{ "maxup", "maxBitrateOut", FIELD_AS_IT_IS }, { "maxrelays", "maxRelays", FIELD_AS_IT_IS },
	{ "maxdirect", "maxDirect", FIELD_AS_IT_IS }, { "maxrelaypc", "maxRelaysPerChannel", FIELD_AS_IT_IS },
	{ "maxcin", "maxControlConnections", FIELD_AS_IT_IS }, { "maxsin", "maxServIn", FIELD_AS_IT_IS },
	{ "yp", "rootHost", FIELD_AS_IT_IS }, { "deadhitage", "deadHitAge", FIELD_AS_IT_IS },
	{ "refresh", "refreshHTML", FIELD_AS_IT_IS }, { "chat", "chat", FIELD_BOX },
	{ "clientactive", "autoConnect", FIELD_AS_IT_IS },
	{ "randomizechid", "randomizeBroadcastingChannelID", FIELD_BOX },
	{ "public_directory", "publicDirectory", FIELD_BOX }, { "auth", "authType", FIELD_LOGIN },
	{ "expire", "cookiesExpire", FIELD_AS_IT_IS }, { "logLevel", "logLevel", FIELD_AS_IT_IS },
	{ "allowHTML1", "allowHTML", FIELD_BOX }, { "allowNetwork1", "allowNetwork", FIELD_BOX },
	{ "allowBroadcast1", "allowBroadcast", FIELD_BOX }, { "allowDirect1", "allowDirect", FIELD_BOX },
	{ "transcoding_enabled", "transcodingEnabled", FIELD_BOX },
	{ "preset", "preset", FIELD_AS_IT_IS },
	{ "audio_codec", "audioCodec", FIELD_AS_IT_IS },
	{ "wmvProtocol", "wmvProtocol", FIELD_AS_IT_IS },
	{ "preferredTheme", "preferredTheme", FIELD_AS_IT_IS },
	{ "accentColor", "accentColor", FIELD_AS_IT_IS },
};

const size_t admin_fields_n = NELEM(admin_fields);

static enum status set_field(struct settings *draft, const struct admin_field *f, const char *text, char *why)
{
	char longer[VALUE_MAX + 8];
	enum status st;
	uint32_t n;

	switch (f->how) {
	case FIELD_AS_IT_IS:
		break;
	case FIELD_BOX:
		text = text[0] == '\0' ? "0" : text;
		break;
	case FIELD_LANGUAGE:
		snprintf(longer, sizeof(longer), "html/%s", text);
		text = longer;
		break;
	case FIELD_LOGIN:
		text = strcmp(text, "http") == 0 ? "http-basic" : text;
		break;
	case FIELD_ICY:
		if (num_u32(text, ICY_META_MAX, UINT32_MAX, &n))
			text = "16384";
		break;
	case FIELD_SECRET:            /* no page shows it, so a form cannot send it back */
		if (text[0] == '\0')
			return ST_OK;
		st = settings_set(draft, f->key, text, why);
		if (st != ST_OK)
			return st;
		password_hash(longer, text);
		text = longer;
		break;
	}
	return settings_set(draft, f->key, text, why);
}

bool admin_settings(struct admin *a)
{
	const enum status st = command_settings(a->node);
	char why[128];

	if (st == ST_OK)
		return true;
	snprintf(why, sizeof(why), "in use, but not in the ini: %s", status_str(st));
	response_error(a->rs, 500, why);
	return false;
}

/* --- the settings form ------------------------------------------------------------------------ */

struct apply {
	const struct admin *a;
	const struct settings *was;     /* before */
	bool whole;                     /* form=settings */
	char why[SETTINGS_WHY + 64];    /* with the name it is about */

	/* of one run of the edit */
	struct settings *draft;
	bool filters, feeds;            /* the list was emptied, and fills anew */
	struct settings_filter filter;  /* being read; ip "" = none */
	char number[16];                /* of that group */
};

static enum status fault(struct apply *ap, const char *name, const char *why)
{
	snprintf(ap->why, sizeof(ap->why), "%s: %s", name, why);
	return ST_PROTO;
}

static bool key_is(const struct query_pair *p, const char *key)
{
	return p->key_len == strlen(key) && memcmp(p->key, key, p->key_len) == 0;
}

/* Put the filter that was read into the list. */
static enum status end_filter(struct apply *ap)
{
	char why[SETTINGS_WHY];
	enum status st;

	if (ap->filter.ip[0] == '\0' || strcmp(ap->filter.ip, "0.0.0.0") == 0)
		return ST_OK;
	st = filter_check(ap->filter.ip);
	if (st == ST_PROTO)
		return fault(ap, "filter", "not an address, network or name");
	if (st != ST_OK)
		return st;
	st = settings_filter_add(ap->draft, &ap->filter, why);
	if (st != ST_OK && why[0] != '\0')
		return fault(ap, "filter", why);
	return st;
}

static void start_filters(struct apply *ap)
{
	if (!ap->filters)
		settings_filters_clear(ap->draft);
	ap->filters = true;
}

/* filt_ip<n> begins a group, filt_bn<n> and so on belong to it. */
static enum status take_filter(struct apply *ap, const struct query_pair *p, const char *text)
{
	static const char prefix[] = "filt_";
	const size_t at = sizeof(prefix) - 1 + 2;
	const char *kind = p->key + sizeof(prefix) - 1;
	const bool on = strcmp(text, "0") != 0;
	char number[sizeof(ap->number)];
	enum status st;

	if (p->key_len < at || p->key_len - at >= sizeof(number))
		return ST_OK;
	memcpy(number, p->key + at, p->key_len - at);
	number[p->key_len - at] = '\0';
	if (strncmp(kind, "ip", 2) == 0) {
		start_filters(ap);
		st = end_filter(ap);
		if (st != ST_OK)
			return st;
		memset(&ap->filter, 0, sizeof(ap->filter));
		memcpy(ap->number, number, sizeof(number));
		return text_copy(ap->filter.ip, sizeof(ap->filter.ip), text) ?
			ST_OK : fault(ap, "filter", "too long");
	}
	if (ap->filter.ip[0] == '\0' || strcmp(number, ap->number) != 0)
		return ST_OK;
	if (strncmp(kind, "bn", 2) == 0)
		ap->filter.ban = on;
	else if (strncmp(kind, "pr", 2) == 0)
		ap->filter.is_private = on;
	else if (strncmp(kind, "nw", 2) == 0)
		ap->filter.network = on;
	else if (strncmp(kind, "di", 2) == 0)
		ap->filter.direct = on;
	return ST_OK;
}

static enum status take_feed(struct apply *ap, const char *text)
{
	struct settings_feed feed = { .url = "" };
	const struct settings_feed *v, *now;
	char why[SETTINGS_WHY];
	enum status st;
	size_t n, n_now;

	if (!ap->feeds)
		settings_feeds_clear(ap->draft);
	ap->feeds = true;
	if (text[0] == '\0')
		return ST_OK;
	if (!text_copy(feed.url, sizeof(feed.url), text))
		return fault(ap, "channel_feed_url", "too long");
	now = settings_feeds(ap->draft, &n_now);
	for (size_t i = 0; i < n_now; i++)
		if (strcmp(now[i].url, text) == 0)
			return ST_OK;
	/* What the form does not know of it stays. */
	v = settings_feeds(ap->was, &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].url, text) == 0)
			memcpy(feed.root_host, v[i].root_host, sizeof(feed.root_host));
	st = settings_feed_add(ap->draft, &feed, why);
	return st != ST_OK && why[0] != '\0' ? fault(ap, "channel_feed_url", why) : st;
}

static enum status take_pair(struct apply *ap, const struct query_pair *p)
{
	char text[VALUE_MAX], why[SETTINGS_WHY];

	query_pair_text(p, text, sizeof(text));
	if (p->key_len > 5 && memcmp(p->key, "filt_", 5) == 0)
		return take_filter(ap, p, text);
	if (key_is(p, "channel_feed_url"))
		return take_feed(ap, text);
	for (size_t i = 0; i < admin_fields_n; i++) {
		if (!key_is(p, admin_fields[i].form))
			continue;
		return set_field(ap->draft, &admin_fields[i], text, why) == ST_OK ?
			ST_OK : fault(ap, admin_fields[i].form, why);
	}
	return ST_OK;
}

/* What is not there of a whole form is off. */
static void empty_all(struct apply *ap)
{
	for (size_t i = 0; i < admin_fields_n; i++)
		if (admin_fields[i].how == FIELD_BOX)
			(void)!settings_set(ap->draft, admin_fields[i].key, "No", NULL);
	settings_feeds_clear(ap->draft);
	ap->feeds = true;
	start_filters(ap);
}

/* The body counts more than the query, so it comes last. */
static enum status edit_apply(struct settings *draft, void *ctx)
{
	struct apply *ap = ctx;
	const char *const texts[] = { ap->a->rq->query, ap->a->form };
	enum status st = ST_OK;
	struct query_pair p;
	size_t n;

	ap->draft = draft;
	ap->filters = ap->feeds = false;
	ap->filter.ip[0] = '\0';
	if (ap->whole)
		empty_all(ap);
	for (size_t i = 0; i < NELEM(texts); i++) {
		const char *at = texts[i];

		while (st == ST_OK && query_next(&at, &p))
			st = take_pair(ap, &p);
	}
	if (st == ST_OK)
		st = end_filter(ap);
	(void)settings_filters(draft, &n);
	if (st == ST_OK && ap->filters && n == 0) {
		log_warn("settings: no filter is left: "
			"added 255.255.255.255 and ::/0, everybody may connect");
		st = settings_filters_default(draft) ? ST_OK : ST_LIMIT;
	}
	return st;
}

/* The same page on another port, under the name the browser used. */
static void go_to_port(struct admin *a, uint16_t port)
{
	const char *host = request_header(a->rq, "Host");
	const struct settings *st = conf_get(a->node->conf);
	char page[PAGE_URL], to[PAGE_URL + 300], name[256], ip[HOST_STRLEN];
	const struct host local = sock_local(a->sv->sock.fd);
	size_t n;

	page_url(page, st, a->rq, "settings.html");
	settings_unref(&st);
	if (host != NULL && auth_host_is_valid(host) && strlen(host) < sizeof(name)) {
		n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ": \t");
		snprintf(name, sizeof(name), "%.*s", (int)n, host);
	} else {
		snprintf(name, sizeof(name), host_is_v4(&local) ? "%s" : "[%s]", host_ip_str(&local, ip));
	}
	snprintf(to, sizeof(to), "http%s://%s:%u%s", a->sv->sock.tls != NULL ? "s" : "", name, port, page);
	response_header(a->rs, "Location", to);
	a->rs->status = 302;
}

enum status admin_apply(struct admin *a)
{
	struct apply ap = { .a = a, .was = conf_get(a->node->conf) };
	const uint32_t port = ap.was->server_port;
	char text[16], hs[HOST_STRLEN];
	const struct settings *now;
	struct own own;
	enum status st;
	bool on_disk;

	ap.whole = admin_value(a, "form", text, sizeof(text)) && strcmp(text, "settings") == 0;
	st = conf_update(a->node->conf, edit_apply, &ap);
	settings_unref(&ap.was);
	if (st == ST_PROTO) {
		response_error(a->rs, 400, ap.why);
		return ST_OK;
	}
	if (st != ST_OK)
		return st;
	log_info("settings changed by %s", host_str(&a->sv->peer, hs));
	on_disk = admin_settings(a);
	now = conf_get(a->node->conf);
	if (now->is_root && admin_value(a, "brroot", text, sizeof(text)) && strcmp(text, "1") == 0) {
		admin_value(a, "getupd", text, sizeof(text));
		a->node->ops.root_broadcast(a->node, strcmp(text, "1") == 0);
	}
	servmgr_own(a->node->sm, &own);
	if (on_disk && now->server_port != port && own.port == now->server_port)
		go_to_port(a, own.port);
	else if (on_disk)
		(void)!admin_go(a, "settings.html");
	settings_unref(&now);
	return ST_OK;
}

/* --- flags ------------------------------------------------------------------------------------ */

/* The form has a box for each: what is not named is off. */
static enum status edit_flags(struct settings *draft, void *ctx)
{
	static const char *const off[] = { "0", "no", "off", "false" };
	const struct admin *a = ctx;
	const char *flag;

	for (size_t i = 0; (flag = settings_flag(i)) != NULL; i++) {
		char text[TEXT_MAX];
		bool on = admin_text(a, flag, text);

		for (size_t k = 0; k < NELEM(off); k++)
			on = on && ascii_casecmp(text, off[k]) != 0;
		if (settings_set(draft, flag, on ? "Yes" : "No", NULL) != ST_OK)
			return ST_LIMIT;
	}
	return ST_OK;
}

enum status admin_applyflags(struct admin *a)
{
	char hs[HOST_STRLEN];
	const enum status st = conf_update(a->node->conf, edit_flags, a);

	if (st != ST_OK)
		return st;
	log_info("flags changed by %s", host_str(&a->sv->peer, hs));
	return admin_settings(a) ? admin_go(a, "flags.html") : ST_OK;
}

/* --- looks ------------------------------------------------------------------------------------ */

struct choice {
	const char *const *form, *const *key;
	size_t n;
	const struct admin *a;
	const char *prefix;             /* of every value in the file */
	char why[SETTINGS_WHY + 64];
};

static enum status edit_choice(struct settings *draft, void *ctx)
{
	struct choice *c = ctx;

	for (size_t i = 0; i < c->n; i++) {
		char value[TEXT_MAX], text[TEXT_MAX + 16], why[SETTINGS_WHY];

		if (!admin_text(c->a, c->form[i], value))
			continue;
		snprintf(text, sizeof(text), "%s%s", c->prefix, value);
		if (settings_set(draft, c->key[i], text, why) != ST_OK) {
			snprintf(c->why, sizeof(c->why), "%s: %s", c->form[i], why);
			return ST_PROTO;
		}
	}
	return ST_OK;
}

/* ST_PROTO: answered already. */
static enum status choose(struct admin *a, struct choice *c)
{
	const enum status st = conf_update(a->node->conf, edit_choice, c);

	if (st == ST_PROTO)
		response_error(a->rs, 400, c->why);
	return st != ST_OK || admin_settings(a) ? st : ST_PROTO;
}

enum status admin_look(struct admin *a)
{
	static const char *const keys[] = { "preferredTheme", "accentColor" };
	struct choice c = { .form = keys, .key = keys, .n = NELEM(keys), .a = a, .prefix = "" };
	const enum status st = choose(a, &c);

	if (st != ST_OK)
		return st == ST_PROTO ? ST_OK : st;
	return admin_go_back(a, NULL);
}

enum status admin_language(struct admin *a)
{
	static const char *const keys[] = { "htmlPath" };
	struct choice c = { .form = keys, .key = keys, .n = NELEM(keys), .a = a, .prefix = "html/" };
	char text[TEXT_MAX], back[REFERER_MAX];
	enum status st;

	if (!admin_text(a, "htmlPath", text)) {
		response_error(a->rs, 400, "htmlPath missing");
		return ST_OK;
	}
	st = choose(a, &c);
	if (st != ST_OK)
		return st == ST_PROTO ? ST_OK : st;
	/* The same page in the other language. */
	if (auth_referer_path(a->rq, back, sizeof(back)) == NULL)
		return admin_go_back(a, NULL);
	if (strncmp(back, "/html/", 6) == 0 && strlen(back) > 9 && back[8] == '/')
		memcpy(back + 6, text, 2);      /* a choice: it has two letters */
	response_header(a->rs, "Location", back);
	a->rs->status = 302;
	return ST_OK;
}
