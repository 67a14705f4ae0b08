/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf/ini.h"
#include "core/sys/assert.h"
#include "core/sys/text.h"
#include "core/sys/words.h"

/* settings_relay.kept beyond the header stays unused: its comments are pairs without a name. */
_Static_assert(offsetof(struct settings_filter, kept) == 0 &&
	offsetof(struct settings_feed, kept) == 0 && offsetof(struct settings_uptest, kept) == 0 &&
	offsetof(struct settings_hook, kept) == 0 && offsetof(struct settings_host, kept) == 0 &&
	offsetof(struct settings_relay, kept) == 0,
	"entries begin with what is kept");

static bool is_list(enum sect s)
{
	return sect_info[s].kind == SECT_LIST || sect_info[s].kind == SECT_PAIRS;
}

static struct settings_list *list_of(struct settings *st, enum sect s)
{
	return (struct settings_list *)(void *)((char *)st + sect_info[s].list);
}

static const struct settings_list *clist_of(const struct settings *st, enum sect s)
{
	return (const struct settings_list *)(const void *)((const char *)st + sect_info[s].list);
}

static void *entry_at(enum sect s, void *v, size_t i)
{
	return (char *)v + i * sect_info[s].entry;
}

/* The text that tells entries of a list apart: pattern or URL; NULL when there is none. */
static const char *entry_text(enum sect s, const void *entry)
{
	const struct key *k;
	size_t n;

	k = key_of_sect(s, &n);
	return n > 0 && k->type == KEY_TEXT ? (const char *)entry + k->off : NULL;
}

/* --- pairs --- */

bool relay_name_is_known(const char *name)
{
	static const char *const known[] = {
		"name", "desc", "genre", "contactURL", "comment", "sourceURL", "sourceProtocol",
		"sourceType", "contentType", "MIMEType", "streamExt", "bitrate", "id",
		"stayConnected", "tracker", "trackContact", "trackTitle", "trackArtist",
		"trackAlbum", "trackGenre", "ipVersion",
	};

	for (size_t i = 0; i < NELEM(known); i++)
		if (ascii_casecmp(known[i], name) == 0)
			return true;
	return false;
}

static void pair_fini(struct settings_pair *p)
{
	free((char *)p->name);          /* one block, the value behind the name */
	*p = (struct settings_pair){ NULL, NULL };
}

static bool pair_init(struct settings_pair *p, const char *name, const char *value, size_t value_n)
{
	size_t n = strlen(name);
	char *m = malloc(n + value_n + 2);

	if (m == NULL)
		return false;
	memcpy(m, name, n + 1);
	memcpy(m + n + 1, value, value_n);
	m[n + 1 + value_n] = '\0';
	*p = (struct settings_pair){ m, m + n + 1 };
	return true;
}

static struct settings_pair *pair_find(const struct settings_relay *r, const char *name)
{
	for (uint32_t i = 0; name[0] != '\0' && i < r->n; i++)
		if (ascii_casecmp(r->pairs[i].name, name) == 0)
			return &r->pairs[i];
	return NULL;
}

/* Replace the value under a name, or append both.
 * returns  ST_OK, ST_PROTO (entry full), ST_LIMIT (no memory) */
static enum status pair_put(struct settings_relay *r, const char *name, const char *value, size_t n)
{
	struct settings_pair p, *at = pair_find(r, name);

	if (at == NULL && r->n == SETTINGS_PAIRS)
		return ST_PROTO;
	if (r->pairs == NULL)
		r->pairs = calloc(SETTINGS_PAIRS, sizeof(r->pairs[0]));
	if (r->pairs == NULL || !pair_init(&p, name, value, n))
		return ST_LIMIT;
	if (at == NULL)
		at = &r->pairs[r->n++];
	pair_fini(at);
	*at = p;
	return ST_OK;
}

static enum status line_put(struct settings_relay *r, const char *name, const char *value, size_t n,
	char *why)
{
	enum status st = pair_put(r, name, value, n);

	if (st == ST_PROTO)
		(void)text_copy(why, SETTINGS_WHY, "too many lines in this block, line ignored");
	return st;
}

enum status relay_read_comment(struct settings_relay *r, const char *text, char *why)
{
	return line_put(r, "", text, strlen(text), why);
}

enum status relay_read(struct settings_relay *r, const char *name, const char *value, char *why)
{
	char clean[SETTINGS_VALUE + 8], *start;

	why[0] = '\0';
	if (value == NULL)
		value = "";
	if (name[0] == '\0' || strlen(name) >= SETTINGS_NAME) {
		(void)text_copy(why, SETTINGS_WHY, "not a name, line ignored");
		return ST_PROTO;
	}
	(void)text_clean(clean, sizeof(clean), value, strlen(value));
	start = ini_trim(clean);
	if (strlen(start) >= SETTINGS_VALUE) {
		start[text_cut(start, SETTINGS_VALUE - 1)] = '\0';
		start = ini_trim(start);
		snprintf(why, SETTINGS_WHY, "longer than %d bytes, cut", SETTINGS_VALUE - 1);
	} else if (strcmp(start, value) != 0) {
		(void)text_copy(why, SETTINGS_WHY, "not clean UTF-8, repaired");
	}
	return line_put(r, name, start, strlen(start), why);
}

/* --- entries --- */

char **list_entry_kept(void *entry)
{
	return entry;
}

static void entry_fini(enum sect s, void *entry)
{
	char **kept = list_entry_kept(entry);

	for (size_t i = 0; i < SETTINGS_KEPT; i++)
		free(kept[i]);
	if (sect_info[s].kind == SECT_PAIRS) {
		struct settings_relay *r = entry;

		for (uint32_t i = 0; i < r->n; i++)
			pair_fini(&r->pairs[i]);
		free(r->pairs);
	}
	memset(entry, 0, sect_info[s].entry);
}

void *list_entry_new(enum sect s)
{
	void *entry = calloc(1, sect_info[s].entry);
	const struct key *k;
	size_t n;

	k = key_of_sect(s, &n);
	for (size_t i = 0; entry != NULL && i < n; i++)
		key_reset(&k[i], entry);
	return entry;
}

void list_entry_free(enum sect s, void **entry)
{
	if (*entry != NULL)
		entry_fini(s, *entry);
	free(*entry);
	*entry = NULL;
}

static bool entry_copy(enum sect s, void *to, const void *from)
{
	char *const *kept = from;
	bool ok = true;

	memcpy(to, from, sect_info[s].entry);
	memset(to, 0, sizeof(char *) * SETTINGS_KEPT);
	for (size_t i = 0; i < SETTINGS_KEPT; i++)
		if (kept[i] != NULL)
			ok &= (list_entry_kept(to)[i] = strdup(kept[i])) != NULL;
	if (sect_info[s].kind == SECT_PAIRS) {
		const struct settings_relay *r = from;
		struct settings_relay *copy = to;

		copy->pairs = NULL;
		copy->n = 0;
		for (uint32_t i = 0; i < r->n; i++)
			ok &= pair_put(copy, r->pairs[i].name, r->pairs[i].value,
				strlen(r->pairs[i].value)) == ST_OK;
	}
	return ok;
}

void list_emit_key(const struct key *k, const void *base, struct buf *out)
{
	buf_puts(out, k->name);
	buf_puts(out, " = ");
	key_write(k, base, out);
	buf_u8(out, '\n');
}

void list_emit_header(const char *name, const char *kept, struct buf *out)
{
	bool apart = kept[0] == '\n' || strstr(kept, "\n\n") != NULL;

	/* A BOM in front of a kept line would be skipped at the start of a file. */
	if (!apart || strncmp(kept, "\xef\xbb\xbf", 3) == 0)
		buf_u8(out, '\n');
	buf_puts(out, kept);
	buf_printf(out, "[%s]\n", name);
}

void list_entry_emit(enum sect s, const void *entry, struct buf *out)
{
	char *const *kept = entry;
	const struct key *k;
	size_t n;

	list_emit_header(sect_info[s].name, kept[0] != NULL ? kept[0] : "", out);
	k = key_of_sect(s, &n);
	for (size_t i = 0; i < n; i++) {
		buf_puts(out, kept[1 + i] != NULL ? kept[1 + i] : "");
		if ((k[i].flags & KEY_OPTIONAL) == 0 || !key_is_default(&k[i], entry))
			list_emit_key(&k[i], entry, out);
	}
	if (sect_info[s].kind == SECT_PAIRS) {
		const struct settings_relay *r = entry;

		for (uint32_t i = 0; i < r->n; i++) {
			if (r->pairs[i].name[0] != '\0') {
				ini_put(out, r->pairs[i].name, r->pairs[i].value);
				continue;
			}
			buf_puts(out, r->pairs[i].value);
			buf_u8(out, '\n');
		}
	}
	buf_puts(out, kept[SETTINGS_KEPT - 1] != NULL ? kept[SETTINGS_KEPT - 1] : "");
	buf_puts(out, "[End]\n");
}

/* --- lists --- */

static void entries_free(enum sect s, void *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		entry_fini(s, entry_at(s, v, i));
	free(v);
}

void list_forget(struct settings *st, enum sect s)
{
	if (is_list(s))
		*list_of(st, s) = (struct settings_list){ .v = NULL };
}

void list_fini(struct settings *st, enum sect s)
{
	struct settings_list *l;

	if (!is_list(s))
		return;
	l = list_of(st, s);
	entries_free(s, l->v, l->n);
	entries_free(s, l->old, l->n_old);
	list_forget(st, s);
}

/* Room for one more; the entries beyond n are zero. */
static bool list_grow(struct settings_list *l, enum sect s)
{
	size_t cap = l->cap > 0 ? 2 * l->cap : 4;
	void *v;

	if (l->n < l->cap)
		return true;
	cap = MIN(cap, sect_info[s].max);
	v = reallocarray(l->v, cap, sect_info[s].entry);
	if (v == NULL)
		return false;
	l->v = v;
	l->cap = cap;
	return true;
}

bool list_copy(struct settings *to, const struct settings *from, enum sect s)
{
	const struct settings_list *src;
	struct settings_list *l;

	if (!is_list(s))
		return true;
	src = clist_of(from, s);
	l = list_of(to, s);
	while (l->n < src->n) {
		if (!list_grow(l, s))
			return false;
		/* Counted first: a copy that failed half-way is freed with the rest. */
		l->n++;
		if (!entry_copy(s, entry_at(s, l->v, l->n - 1), entry_at(s, src->v, l->n - 1)))
			return false;
	}
	return true;
}

char **list_kept_first(struct settings *st, enum sect s)
{
	if (!is_list(s) || list_of(st, s)->n == 0)
		return NULL;
	return list_entry_kept(list_of(st, s)->v);
}

void list_emit(const struct settings *st, enum sect s, struct buf *out)
{
	const struct settings_list *l;

	if (!is_list(s))
		return;
	l = clist_of(st, s);
	for (size_t i = 0; i < l->n; i++)
		list_entry_emit(s, entry_at(s, l->v, i), out);
}

static bool has_scheme(const char *url, const char *scheme)
{
	size_t n = strlen(scheme);

	return ascii_ncasecmp(url, scheme, n) == 0 && url[n] != '\0';
}

static bool entry_is_there(const struct settings_list *l, enum sect s, const void *entry)
{
	uint8_t id[SETTINGS_ID], other[SETTINGS_ID];

	if (s == SECT_RELAYCHANNEL && !settings_relay_id(entry, id))
		return false;
	for (size_t i = 0; i < l->n; i++) {
		const void *e = entry_at(s, l->v, i);

		if (s != SECT_RELAYCHANNEL ? strcmp(entry_text(s, e), entry_text(s, entry)) == 0 :
		    settings_relay_id(e, other) && memcmp(id, other, sizeof(id)) == 0)
			return true;
	}
	return false;
}

/* Is what follows the host's ':', if there is one, a port? A password with a '/' in it is none. */
static bool has_clear_port(const char *url)
{
	const char *host = strstr(url, "://") + 3, *end = host + strcspn(host, "/?#\\"), *p;
	size_t n;

	for (p = end; p > host && p[-1] != '@'; p--)
		;
	if (*p == '[')
		p += strcspn(p, "]");
	p = memchr(p, ':', p < end ? (size_t)(end - p) : 0);
	if (p == NULL)
		return true;
	n = strspn(p + 1, "0123456789");
	return p + 1 + n == end && n >= 1 && n <= 5;
}

/* What is wrong with a hook's url; "" = nothing. It is not quoted. */
static const char *hook_url_fault(const char *url)
{
	if (!has_scheme(url, "http://") && !has_scheme(url, "https://"))
		return "its url is not an http or https URL";
	return has_clear_port(url) ? "" :
		"its url has no port behind the ':' (in a password / ? # are written %2F %3F %23)";
}

/* What is wrong with a hook; "" = nothing. */
static const char *hook_fault(const struct settings_hook *h)
{
	char line[SETTINGS_LONG], *words[SETTINGS_HOOK_WORDS + 1];
	size_t n = 0;
	enum status st = ST_OK;

	if ((h->command[0] != '\0') == (h->url[0] != '\0'))
		return h->url[0] != '\0' ? "it has both a command and a url" : "it has no command and no url";
	if (h->events == 0)
		return "it names no event";
	if (h->url[0] != '\0')
		return hook_url_fault(h->url);
	(void)text_copy(line, sizeof(line), h->command);
	st = words_split(line, words, SETTINGS_HOOK_WORDS, &n);
	if (st == ST_PROTO)
		return "a quote in its command is not closed";
	if (st != ST_OK)
		return "its command has too many words";
	return words[0][0] == '\0' ? "its command names no program" : "";
}

static enum status entry_check(const struct settings_list *l, enum sect s, const void *entry,
	char *why)
{
	const char *url = entry_text(s, entry), *fault = "";
	uint8_t id[SETTINGS_ID];

	if (s == SECT_FEED && !has_scheme(url, "http://") && !has_scheme(url, "https://"))
		fault = "its url is not an http or https URL";
	else if (s == SECT_UPTEST && !has_scheme(url, "http://"))
		fault = "its url is not an http URL";
	else if (s == SECT_RELAYCHANNEL && !settings_relay_id(entry, id))
		fault = "it has no usable id";
	else if (s == SECT_HOOK)
		fault = hook_fault(entry);
	else if (s != SECT_FILTER && s != SECT_HOST && entry_is_there(l, s, entry))
		fault = "it is there already";
	(void)text_copy(why, SETTINGS_WHY, fault);
	if (fault[0] != '\0')
		return ST_PROTO;
	if (l->n >= sect_info[s].max) {
		snprintf(why, SETTINGS_WHY, "more than %zu", sect_info[s].max);
		return ST_LIMIT;
	}
	return ST_OK;
}

/* Give an entry the comments of the one of the same name that was cleared away. */
static void adopt_kept(struct settings_list *l, enum sect s, void *entry)
{
	char **kept = list_entry_kept(entry);

	for (size_t i = 0; i < SETTINGS_KEPT; i++)
		if (kept[i] != NULL)
			return;
	for (size_t i = 0; i < l->n_old; i++) {
		void *o = entry_at(s, l->old, i);

		if (strcmp(entry_text(s, o), entry_text(s, entry)) != 0)
			continue;
		memcpy(kept, o, sizeof(char *) * SETTINGS_KEPT);
		memset(o, 0, sizeof(char *) * SETTINGS_KEPT);
		return;
	}
}

enum status list_take(struct settings *st, enum sect s, void **entry, char *why)
{
	struct settings_list *l = list_of(st, s);
	enum status r = entry_check(l, s, *entry, why);

	if (r != ST_OK)
		return r;
	if (!list_grow(l, s))
		return ST_LIMIT;
	adopt_kept(l, s, *entry);
	memcpy(entry_at(s, l->v, l->n++), *entry, sect_info[s].entry);
	free(*entry);
	*entry = NULL;
	return ST_OK;
}

/* --- what the rest of the node sees: settings.h --- */

#define LIST_GETTER(name, type, member)                                                 \
	const struct type *name(const struct settings *st, size_t *n)                   \
	{                                                                               \
		*n = st->member.n;                                                      \
		return st->member.v;                                                    \
	}
LIST_GETTER(settings_filters, settings_filter, filters)
LIST_GETTER(settings_feeds, settings_feed, feeds)
LIST_GETTER(settings_uptests, settings_uptest, uptests)
LIST_GETTER(settings_hooks, settings_hook, hooks)
LIST_GETTER(settings_hosts, settings_host, hosts)
LIST_GETTER(settings_relays, settings_relay, relays)

static void list_clear(struct settings *st, enum sect s)
{
	struct settings_list *l = list_of(st, s);
	struct settings_list now = { .old = l->v, .n_old = l->n };

	entries_free(s, l->old, l->n_old);
	*l = now;
}

void settings_filters_clear(struct settings *draft)
{
	list_clear(draft, SECT_FILTER);
}

void settings_feeds_clear(struct settings *draft)
{
	list_clear(draft, SECT_FEED);
}

void settings_uptests_clear(struct settings *draft)
{
	list_clear(draft, SECT_UPTEST);
}

void settings_hosts_clear(struct settings *draft)
{
	list_clear(draft, SECT_HOST);
}

/* Does the file give this text back as it is? */
static bool text_is_plain(const char *s, size_t n)
{
	return text_is_clean(s, n) && (n == 0 || (s[0] != ' ' && s[n - 1] != ' '));
}

/* Append a copy of an entry somebody made. */
static enum status list_add(struct settings *st, enum sect s, const void *from, char *why)
{
	char own[SETTINGS_WHY];
	const struct key *k;
	enum status r;
	void *entry;
	size_t n;

	if (why == NULL)
		why = own;
	why[0] = '\0';
	k = key_of_sect(s, &n);
	for (size_t i = 0; i < n; i++) {
		const char *text = (const char *)from + k[i].off;

		if (k[i].type != KEY_TEXT)
			continue;
		if (memchr(text, '\0', k[i].cap) == NULL || !text_is_plain(text, strlen(text))) {
			snprintf(why, SETTINGS_WHY, "%s: not a usable text", k[i].name);
			return ST_PROTO;
		}
	}
	entry = malloc(sect_info[s].entry);
	if (entry == NULL)
		return ST_LIMIT;
	memcpy(entry, from, sect_info[s].entry);
	memset(entry, 0, sizeof(char *) * SETTINGS_KEPT);
	r = list_take(st, s, &entry, why);
	if (entry != NULL)
		list_entry_free(s, &entry);
	return r;
}

enum status settings_filter_add(struct settings *draft, const struct settings_filter *f, char *why)
{
	return list_add(draft, SECT_FILTER, f, why);
}

enum status settings_feed_add(struct settings *draft, const struct settings_feed *f, char *why)
{
	return list_add(draft, SECT_FEED, f, why);
}

enum status settings_uptest_add(struct settings *draft, const struct settings_uptest *u, char *why)
{
	return list_add(draft, SECT_UPTEST, u, why);
}

/* --- saved channels --- */

const char *settings_relay_get(const struct settings_relay *r, const char *name)
{
	const struct settings_pair *p = pair_find(r, name);

	return p != NULL ? p->value : NULL;
}

static bool id_parse(uint8_t id[SETTINGS_ID], const char *s)
{
	static const uint8_t zero[SETTINGS_ID];

	return s != NULL && strlen(s) == 2 * SETTINGS_ID && hex_parse(id, SETTINGS_ID, s) &&
		memcmp(id, zero, SETTINGS_ID) != 0;
}

bool settings_relay_id(const struct settings_relay *r, uint8_t id[SETTINGS_ID])
{
	return id_parse(id, settings_relay_get(r, "id"));
}

bool settings_relay_stays(const struct settings_relay *r)
{
	const char *s = settings_relay_get(r, "stayConnected");

	return s != NULL && key_text_is_yes(s);
}

static struct settings_relay *relay_find(const struct settings *st, const uint8_t *id)
{
	struct settings_relay *v = st->relays.v;
	uint8_t have[SETTINGS_ID];

	for (size_t i = 0; i < st->relays.n; i++)
		if (settings_relay_id(&v[i], have) && memcmp(have, id, sizeof(have)) == 0)
			return &v[i];
	return NULL;
}

const struct settings_relay *settings_relay_find(const struct settings *st,
	const uint8_t id[SETTINGS_ID])
{
	return relay_find(st, id);
}

static const struct settings_pair *given(const struct settings_pair *pairs, uint32_t n,
	const char *name)
{
	for (uint32_t i = 0; i < n; i++)
		if (ascii_casecmp(pairs[i].name, name) == 0)
			return &pairs[i];
	return NULL;
}

static bool pair_is_plain(const struct settings_pair *p)
{
	size_t n = strlen(p->name);

	return n > 0 && n < SETTINGS_NAME && text_is_plain(p->name, n) &&
		strchr("[#;", p->name[0]) == NULL && strchr(p->name, '=') == NULL &&
		text_is_plain(p->value, strlen(p->value));
}

/* The lines of a saved channel when these pairs replace what the node knows of it. */
static enum status relay_merge(struct settings_relay *to, const struct settings_relay *old,
	const struct settings_pair *pairs, uint32_t n)
{
	enum status r = ST_OK;

	for (uint32_t i = 0; old != NULL && r == ST_OK && i < old->n; i++) {
		const struct settings_pair *p = &old->pairs[i], *now = given(pairs, n, p->name);

		if (now != NULL)
			r = pair_put(to, p->name, now->value, strlen(now->value));
		else if (!relay_name_is_known(p->name))
			r = pair_put(to, p->name, p->value, strlen(p->value));
	}
	for (uint32_t i = 0; r == ST_OK && i < n; i++)
		r = pair_put(to, pairs[i].name, pairs[i].value, strlen(pairs[i].value));
	return r;
}

enum status settings_relay_put(struct settings *draft, const struct settings_pair *pairs,
	uint32_t n)
{
	const struct settings_pair *idp = given(pairs, n, "id");
	struct settings_relay *entry, *old;
	char why[SETTINGS_WHY];
	uint8_t id[SETTINGS_ID];
	enum status r = ST_OK;
	void *e;

	if (idp == NULL || !id_parse(id, idp->value))
		return ST_PROTO;
	for (uint32_t i = 0; r == ST_OK && i < n; i++)
		r = !pair_is_plain(&pairs[i]) ? ST_PROTO :
			strlen(pairs[i].value) >= SETTINGS_VALUE ? ST_LIMIT : ST_OK;
	if (r != ST_OK)
		return r;
	e = entry = list_entry_new(SECT_RELAYCHANNEL);
	if (entry == NULL)
		return ST_LIMIT;
	old = relay_find(draft, id);
	r = relay_merge(entry, old, pairs, n);
	if (r == ST_PROTO)              /* more pairs than an entry holds */
		r = ST_LIMIT;
	if (r == ST_OK && old != NULL) {
		struct settings_relay was = *old;

		memcpy(entry->kept, was.kept, sizeof(was.kept));
		memset(was.kept, 0, sizeof(was.kept));
		*old = *entry;
		*entry = was;
	} else if (r == ST_OK) {
		r = list_take(draft, SECT_RELAYCHANNEL, &e, why);
	}
	if (e != NULL)
		list_entry_free(SECT_RELAYCHANNEL, &e);
	return r;
}

bool settings_relay_del(struct settings *draft, const uint8_t id[SETTINGS_ID])
{
	struct settings_list *l = &draft->relays;
	struct settings_relay *r = relay_find(draft, id), *v = l->v;

	if (r == NULL)
		return false;
	entry_fini(SECT_RELAYCHANNEL, r);
	memmove(r, r + 1, sizeof(*r) * (l->n - 1 - (size_t)(r - v)));
	l->n--;
	return true;
}
