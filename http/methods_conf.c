/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Methods about the settings as a whole, for pages: what there is, what it is now and may be, and changing
 * it. All of it comes from the table of core/conf/key.c. Secrets go in, and never out.
 *
 * source   http.md 6.3; node.md 2; settings.md
 */
#include "http/methods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf/key.h"
#include "core/node/filter.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "http/auth.h"
#include "http/command.h"
#include "http/password.h"
#include "http/template.h"

/* --- describing ------------------------------------------------------------------------------- */

static const char *const type_names[] = {
	[KEY_BOOL] = "boolean", [KEY_U32] = "integer", [KEY_U64] = "integer", [KEY_OCTAL] = "octal",
	[KEY_TEXT] = "text", [KEY_ID] = "id", [KEY_WORD] = "word", [KEY_WORDS] = "words",
};

/* A value as it stands in the file, as the type it has. */
static json_t *typed(const struct key *k, const char *text)
{
	if (k->type == KEY_BOOL)
		return json_boolean(key_text_is_yes(text));
	if (k->type == KEY_U32 || k->type == KEY_U64)
		return json_integer((json_int_t)strtoull(text, NULL, 10));
	return json_string(text);
}

static json_t *words_json(const char *words)
{
	json_t *a = json_array();
	bool ok = a != NULL;

	while (*words != '\0') {
		const size_t n = strcspn(words, " ");

		add(a, json_stringn(words, n), &ok);
		words += n + (words[n] == ' ');
	}
	return or_drop(a, ok);
}

static void put_limits(json_t *o, const struct key *k, bool *ok)
{
	if (k->type == KEY_U32 || k->type == KEY_U64 || k->type == KEY_OCTAL) {
		put(o, "min", json_integer((json_int_t)k->min), ok);
		put(o, "max", json_integer((json_int_t)k->max), ok);
	}
	if (k->type == KEY_TEXT)
		put(o, "maxLength", json_integer((json_int_t)k->cap - 1), ok);
	if (k->form != FORM_ANY)
		put(o, "format", json_string(form_str(k->form)), ok);
	if (k->words != NULL)
		put(o, "words", words_json(k->words), ok);
}

static json_t *key_json(const struct settings *st, const struct key *k, const char *lang, bool here)
{
	const bool secret = (k->flags & KEY_SECRET) != 0;
	json_t *o = json_object();
	bool ok = o != NULL;
	struct buf now;

	buf_init(&now, SETTINGS_LONG + 2);
	key_write(k, st, &now);
	put(o, "key", json_string(k->name), &ok);
	put(o, "type", json_string(type_names[k->type]), &ok);
	put(o, "doc", json_string(template_text(lang, k->doc)), &ok);
	put(o, "default", typed(k, k->dflt), &ok);
	put(o, "value", secret ? json_null() : typed(k, buf_cstr(&now)), &ok);
	put(o, "isSet", json_boolean(now.len > 0), &ok);
	put(o, "isSecret", json_boolean(secret), &ok);
	put(o, "isUnused", json_boolean(key_is_unused(k)), &ok);
	put(o, "mayChange", json_boolean(here || (k->flags & KEY_HERE) == 0), &ok);
	put_limits(o, k, &ok);
	ok = ok && now.err == ST_OK;
	buf_fini(&now);
	return or_drop(o, ok);
}

static json_t *section_json(const struct settings *st, enum sect s, const char *lang, bool here)
{
	const struct key *k;
	json_t *keys = json_array();
	bool ok = keys != NULL;
	size_t n;

	k = key_of_sect(s, &n);
	for (size_t i = 0; i < n; i++)
		if ((k[i].flags & KEY_READONLY) == 0)
			add(keys, key_json(st, &k[i], lang, here), &ok);
	return json_pack("{ss ss so}", "name", sect_info[s].name, "doc",
		template_text(lang, sect_info[s].doc), "settings", or_drop(keys, ok));
}

static json_t *filters_json(const struct settings *st)
{
	const struct settings_filter *f;
	json_t *a = json_array();
	bool ok = a != NULL;
	size_t n;

	f = settings_filters(st, &n);
	for (size_t i = 0; i < n; i++)
		add(a, json_pack("{ss sb sb sb sb}", "ip", f[i].ip, "ban", (int)f[i].ban, "private",
			(int)f[i].is_private, "network", (int)f[i].network, "direct", (int)f[i].direct), &ok);
	return or_drop(a, ok);
}

static json_t *feeds_json(const struct settings *st)
{
	const struct settings_feed *f;
	json_t *a = json_array();
	bool ok = a != NULL;
	size_t n;

	f = settings_feeds(st, &n);
	for (size_t i = 0; i < n; i++)
		add(a, json_pack("{ss ss}", "url", f[i].url, "rootHost", f[i].root_host), &ok);
	return or_drop(a, ok);
}

json_t *method_describe_settings(struct rpc_call *c)
{
	const struct settings *st = conf_get(c->node->conf);
	const char *path = conf_path(c->node->conf), *lang = json_string_value(c->args[0]);
	const bool here = node_is_trusted(c->node, &c->sv->peer);
	json_t *o = json_object(), *sections = json_array();
	bool ok = o != NULL && sections != NULL;
	struct own own;

	servmgr_own(c->node->sm, &own);
	if (lang == NULL)
		lang = "en";
	for (unsigned s = 0; s < SECT_N; s++)
		if (sect_info[s].kind == SECT_FLAT || sect_info[s].kind == SECT_BLOCK)
			add(sections, section_json(st, (enum sect)s, lang, here), &ok);
	put(o, "sections", sections, &ok);
	put(o, "filters", filters_json(st), &ok);
	put(o, "feeds", feeds_json(st), &ok);
	put(o, "port", json_integer(own.port), &ok);
	put(o, "file", path != NULL ? json_string(path) : json_null(), &ok);
	settings_unref(&st);
	return or_drop(o, ok);
}

/* --- changing --------------------------------------------------------------------------------- */

struct change {
	json_t *values, *filters, *feeds;       /* borrowed; NULL = as they are */
	json_t *errors;                         /* of the last run: field -> why */
	bool check;                             /* do not change anything */
	bool here;                              /* somebody at this machine asks */
	bool full;                              /* no memory */
};

static void fault(struct change *ch, const char *field, const char *why)
{
	if (json_object_set_new(ch->errors, field, json_string(why)) != 0)
		ch->full = true;
}

static void fault_at(struct change *ch, const char *list, size_t i, const char *why)
{
	char field[40];

	snprintf(field, sizeof(field), "%s.%zu", list, i);
	fault(ch, field, why);
}

/* As the file would have it; NULL: it is no value at all. */
static const char *value_text(json_t *v, char number[24])
{
	if (json_is_string(v) && strlen(json_string_value(v)) == json_string_length(v))
		return json_string_value(v);
	if (json_is_boolean(v))
		return json_is_true(v) ? "Yes" : "No";
	if (!json_is_integer(v))
		return NULL;
	snprintf(number, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	return number;
}

static void take_values(struct settings *draft, struct change *ch)
{
	const char *name;
	json_t *v;

	json_object_foreach(ch->values, name, v) {
		const struct key *k = key_find_any(name);
		char number[24], why[SETTINGS_WHY];
		const char *text = value_text(v, number);

		if (text == NULL)
			fault(ch, name, "neither text nor number nor true nor false");
		else if (k != NULL && strcmp(k->name, "password") == 0)
			fault(ch, name, "the password is changed with setPassword");
		else if (k != NULL && (k->flags & KEY_READONLY) != 0)
			fault(ch, name, "no such setting");
		else if (k != NULL && (k->flags & KEY_HERE) != 0 && !ch->here)
			fault(ch, name, "this is changed on the machine itself, or in the ini");
		else if (settings_set(draft, name, text, why) != ST_OK)
			fault(ch, name, why);
	}
}

static bool flag_of(json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static void take_filters(struct settings *draft, struct change *ch)
{
	json_t *o;
	size_t i, n;

	settings_filters_clear(draft);
	json_array_foreach(ch->filters, i, o) {
		const char *ip = json_string_value(json_object_get(o, "ip"));
		struct settings_filter f = {
			.ban = flag_of(o, "ban"), .is_private = flag_of(o, "private"),
			.network = flag_of(o, "network"), .direct = flag_of(o, "direct"),
		};
		char why[SETTINGS_WHY] = "";

		if (ip == NULL || ip[0] == '\0')
			fault_at(ch, "filters", i, "an address, network or name is missing");
		else if (!text_copy(f.ip, sizeof(f.ip), ip) || filter_check(ip) == ST_PROTO)
			fault_at(ch, "filters", i, "not an address, network or name");
		else if (settings_filter_add(draft, &f, why) != ST_OK)
			fault_at(ch, "filters", i, why[0] != '\0' ? why : "out of memory");
	}
	(void)settings_filters(draft, &n);
	if (json_object_size(ch->errors) == 0 && n == 0 && !settings_filters_default(draft))
		ch->full = true;
}

static void take_feeds(struct settings *draft, struct change *ch)
{
	json_t *o;
	size_t i;

	settings_feeds_clear(draft);
	json_array_foreach(ch->feeds, i, o) {
		const char *url = json_string_value(json_object_get(o, "url")),
			*root = json_string_value(json_object_get(o, "rootHost"));
		struct settings_feed f = { .url = "" };
		char why[SETTINGS_WHY] = "";

		if (url == NULL || url[0] == '\0')
			fault_at(ch, "feeds", i, "an address is missing");
		else if (!text_copy(f.url, sizeof(f.url), url))
			fault_at(ch, "feeds", i, "too long");
		else if (root != NULL && (form_fault(FORM_HOSTS, root) != NULL ||
			!text_copy(f.root_host, sizeof(f.root_host), root)))
			fault_at(ch, "feeds", i, "the root is not host or host:port");
		else if (settings_feed_add(draft, &f, why) != ST_OK)
			fault_at(ch, "feeds", i, why[0] != '\0' ? why : "out of memory");
	}
}

/* All of it, or nothing. */
static enum status edit_all(struct settings *draft, void *ctx)
{
	struct change *ch = ctx;

	json_object_clear(ch->errors);
	take_values(draft, ch);
	if (ch->filters != NULL)
		take_filters(draft, ch);
	if (ch->feeds != NULL)
		take_feeds(draft, ch);
	if (ch->full)
		return ST_LIMIT;
	return ch->check || json_object_size(ch->errors) > 0 ? ST_PROTO : ST_OK;
}

static void log_change(struct rpc_call *c, json_t *values)
{
	char hs[HOST_STRLEN], names[512] = "";
	size_t at = 0;
	const char *name;
	json_t *v;

	json_object_foreach(values, name, v) {
		const int n = snprintf(names + at, sizeof(names) - at, " %s", name);

		at += n > 0 && (size_t)n < sizeof(names) - at ? (size_t)n : 0;
	}
	names[at] = '\0';
	log_info("settings changed by %s:%s", host_str(&c->sv->peer, hs), at > 0 ? names : " lists");
}

json_t *method_change_settings(struct rpc_call *c)
{
	struct change ch = {
		.values = c->args[0], .filters = c->args[1], .feeds = c->args[2], .errors = json_object(),
		.check = json_is_true(c->args[3]), .here = node_is_trusted(c->node, &c->sv->peer),
	};
	enum status st = ch.errors != NULL ? conf_update(c->node->conf, edit_all, &ch) : ST_LIMIT;
	const bool done = st == ST_OK;
	struct own own;

	if (st == ST_LIMIT) {
		json_decref(ch.errors);
		return NULL;
	}
	if (done) {
		log_change(c, ch.values);
		st = command_settings(c->node);
		if (st != ST_OK) {
			json_decref(ch.errors);
			return method_not_saved(c, st);
		}
	}
	servmgr_own(c->node->sm, &own);
	return json_pack("{sb so si}", "saved", (int)done, "errors", ch.errors, "port", (int)own.port);
}

/* --- the password ----------------------------------------------------------------------------- */

static json_t *refuse(struct rpc_call *c, const char *why)
{
	return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, why);
}

json_t *method_set_password(struct rpc_call *c)
{
	const char *fresh = json_string_value(c->args[1]);
	const size_t n = json_string_length(c->args[1]);
	char hash[PASSWORD_HASH] = "", hs[HOST_STRLEN];
	enum status st;

	switch (auth_password(c->node, c->sv, json_string_value(c->args[0]))) {
	case AUTH_OK:
		break;
	case AUTH_TOO_MANY:
		return refuse(c, "too many wrong passwords; wait a minute");
	case AUTH_MISSING:
	case AUTH_WRONG:
		return refuse(c, "the current password is wrong");
	}
	if (n >= SETTINGS_TEXT)
		return refuse(c, "the new password is too long");
	if (!text_is_clean(fresh, n) || (n > 0 && (fresh[0] == ' ' || fresh[n - 1] == ' ')))
		return refuse(c, "the new password has control characters, or blanks at its ends");
	if (n > 0)
		password_hash(hash, fresh);
	st = conf_set(c->node->conf, "password", hash, NULL);
	explicit_bzero(hash, sizeof(hash));
	if (st != ST_OK)
		return NULL;
	log_info("password changed by %s", host_str(&c->sv->peer, hs));
	return method_settings_changed(c);
}
