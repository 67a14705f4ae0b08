/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf/ini.h"
#include "core/conf/key.h"
#include "core/conf/list.h"
#include "core/sys/assert.h"
#include "core/sys/file.h"
#include "core/sys/rng.h"
#include "core/sys/text.h"

#define UNKNOWN_MAX 200         /* different unknown names of one file that get a warning */
#define ROOT_SERV_IN 2000       /* a root's defaults (yp.md 2.1) */
#define ROOT_CONTROLS 1000

/* --- what is kept: one text for each place a line can stand in front of --- */

static size_t kept_n(void)
{
	return key_n + 2 * SECT_N + 1;
}

static char **kept_key(struct settings *st, const struct key *k)
{
	return &st->kept[k - key_table];
}

static char **kept_header(struct settings *st, enum sect s)
{
	return &st->kept[key_n + s];
}

static char **kept_end(struct settings *st, enum sect s)
{
	return &st->kept[key_n + SECT_N + s];
}

static char **kept_tail(struct settings *st)
{
	return &st->kept[key_n + 2 * SECT_N];
}

static const char *kept_text(char *const *at)
{
	return *at != NULL ? *at : "";
}

/* Append text to what is kept at *at; false when out of memory. */
static bool kept_add(char **at, const char *text)
{
	size_t old = strlen(kept_text(at)), n = strlen(text);
	char *p;

	if (n == 0)
		return true;
	p = realloc(*at, old + n + 1);
	if (p == NULL)
		return false;
	memcpy(p + old, text, n + 1);
	*at = p;
	return true;
}

static bool kept_add_buf(char **at, struct buf *b)
{
	const char *text = buf_cstr(b);

	return b->err == ST_OK && kept_add(at, text);
}

/* --- life --- */

static struct settings *settings_alloc(void)
{
	struct settings *st = calloc(1, sizeof(*st));

	if (st == NULL)
		return NULL;
	atomic_init(&st->refs, 1);
	st->kept = calloc(kept_n(), sizeof(st->kept[0]));
	if (st->kept == NULL)
		settings_free(&st);
	return st;
}

void settings_free(struct settings **stp)
{
	struct settings *st = *stp;

	*stp = NULL;
	if (st == NULL)
		return;
	for (unsigned s = 0; s < SECT_N; s++)
		list_fini(st, (enum sect)s);
	for (size_t i = 0; st->kept != NULL && i < kept_n(); i++)
		free(st->kept[i]);
	free(st->kept);
	free(st);
}

const struct settings *settings_ref(const struct settings *st)
{
	/* The count is the one part of a snapshot that changes; relaxed: the caller's reference
	 * already keeps it alive. */
	atomic_fetch_add_explicit(&((struct settings *)st)->refs, 1, memory_order_relaxed);
	return st;
}

void settings_unref(const struct settings **stp)
{
	struct settings *st = (struct settings *)*stp;

	*stp = NULL;
	/* acq_rel: whoever frees has seen the end of every other reader's use. */
	if (st != NULL && atomic_fetch_sub_explicit(&st->refs, 1, memory_order_acq_rel) == 1)
		settings_free(&st);
}

struct settings *settings_copy(const struct settings *from)
{
	const size_t plain = offsetof(struct settings, server_name);
	struct settings *st = calloc(1, sizeof(*st));

	if (st == NULL)
		return NULL;
	memcpy((char *)st + plain, (const char *)from + plain, sizeof(*st) - plain);
	atomic_init(&st->refs, 1);
	st->kept = NULL;
	for (unsigned s = 0; s < SECT_N; s++)
		list_forget(st, (enum sect)s);

	st->kept = calloc(kept_n(), sizeof(st->kept[0]));
	if (st->kept == NULL)
		goto fail;
	for (size_t i = 0; i < kept_n(); i++)
		if (!kept_add(&st->kept[i], kept_text(&from->kept[i])))
			goto fail;
	for (unsigned s = 0; s < SECT_N; s++)
		if (!list_copy(st, from, (enum sect)s))
			goto fail;
	return st;
fail:
	settings_free(&st);
	return NULL;
}

static void settings_reset(struct settings *st)
{
	for (size_t i = 0; i < key_n; i++)
		if (sect_info[key_table[i].sect].kind != SECT_LIST)
			key_reset(&key_table[i], st);
}

static bool id_is_zero(const uint8_t *id)
{
	static const uint8_t zero[SETTINGS_ID];

	return memcmp(id, zero, SETTINGS_ID) == 0;
}

/* A new broadcaster's id; byte 0 holds flags, none of them set. */
static void broadcast_id_make(uint8_t *id)
{
	do {
		rng_bytes(id, SETTINGS_ID);
		id[0] = 0;
	} while (id_is_zero(id));
}

bool settings_filters_default(struct settings *st)
{
	static const char *const all[] = { "255.255.255.255", "::/0" };

	for (size_t i = 0; i < NELEM(all); i++) {
		struct settings_filter f = { .network = true, .direct = true };

		(void)text_copy(f.ip, sizeof(f.ip), all[i]);
		if (settings_filter_add(st, &f, NULL) != ST_OK)
			return false;
	}
	return true;
}

static bool add_comment(char **at, const char *doc)
{
	return kept_add(at, "\n# ") && kept_add(at, doc) && kept_add(at, "\n");
}

/* The comments of a file that we make ourselves: one for each section and key. */
static bool add_comments(struct settings *st)
{
	bool ok = kept_add(kept_header(st, SECT_SERVER),
		"# Settings of this node. It rewrites this file when settings change: lines "
		"beginning with # or ;\n# stay with the line below them.\n");

	for (unsigned i = 0; ok && i < SECT_N; i++) {
		enum sect s = (enum sect)i;
		char **entry = list_kept_first(st, s);
		bool list = sect_info[s].kind == SECT_LIST || sect_info[s].kind == SECT_PAIRS;
		const struct key *k;
		size_t n;

		if (list && entry == NULL)
			continue;
		ok = add_comment(list ? &entry[0] : kept_header(st, s), sect_info[s].doc);
		k = key_of_sect(s, &n);
		for (size_t j = 0; ok && j < n; j++) {
			if ((k[j].flags & (KEY_READONLY | KEY_OPTIONAL)) != 0)
				continue;
			ok = add_comment(list ? &entry[1 + j] : kept_key(st, &k[j]), k[j].doc);
		}
	}
	return ok;
}

struct settings *settings_new(bool documented)
{
	struct settings_feed feed = { .url = "http://yp.pcgw.pgw.jp/index.txt" };
	struct settings_uptest uptest = { .url = "http://bayonet.ddo.jp/sp/yp4g.xml" };
	struct settings *st = settings_alloc();

	if (st == NULL)
		return NULL;
	settings_reset(st);
	broadcast_id_make(st->broadcast_id);
	if (!settings_filters_default(st) || settings_feed_add(st, &feed, NULL) != ST_OK ||
	    settings_uptest_add(st, &uptest, NULL) != ST_OK || (documented && !add_comments(st)))
		settings_free(&st);
	return st;
}

/* --- reading --- */

struct parse {
	struct ini ini;
	struct settings *st;
	struct buf pend;        /* lines kept for the next place */
	struct buf outer;       /* the same while in a block, of the lines in front of it */
	struct buf ends[SECT_N]; /* lines kept for a block's [End]; unusable entries of a list */
	settings_warn *warn;
	void *ctx;
	unsigned line;          /* being read */
	enum sect block;        /* the block we are in, or SECT_N */
	unsigned block_line;
	void *entry;            /* of a list, being read */
	unsigned *key_line;     /* where each key stood last; 0 = nowhere */
	uint32_t seen[UNKNOWN_MAX];
	size_t n_seen;
	unsigned n_unseen;      /* unknown names beyond UNKNOWN_MAX */
	bool nomem;
};

static void warn_at(struct parse *p, unsigned line, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void warn_at(struct parse *p, unsigned line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (p->warn == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->warn(p->ctx, line, text);
}

/* Move the lines kept so far to a place. Where there are some already (a key that stands twice),
 * they go on to the next place, so that no text is grown over and over. */
static void keep_at(struct parse *p, char **at)
{
	if (*at != NULL)
		return;
	if (!kept_add_buf(at, &p->pend))
		p->nomem = true;
	buf_reset(&p->pend);
}

/* A foreign name once only: true the first time. Two names with one hash share a warning. */
static bool first_seen(struct parse *p, const char *name)
{
	uint32_t h = 2166136261u;

	for (const char *s = name; *s != '\0'; s++)
		h = (h ^ (uint32_t)ascii_lower((unsigned char)*s)) * 16777619u;
	for (size_t i = 0; i < p->n_seen; i++)
		if (p->seen[i] == h)
			return false;
	if (p->n_seen == UNKNOWN_MAX) {
		p->n_unseen++;
		return false;
	}
	p->seen[p->n_seen++] = h;
	return true;
}

static void keep_comment(struct parse *p, const char *text)
{
	char why[SETTINGS_WHY] = "";

	if (p->block != SECT_RELAYCHANNEL || p->entry == NULL) {
		buf_puts(&p->pend, text);
		buf_u8(&p->pend, '\n');
		return;
	}
	/* Names are free here, so a comment is kept as one of the entry's own lines. */
	if (relay_read_comment(p->entry, text, why) == ST_LIMIT)
		p->nomem = true;
	if (why[0] != '\0')
		warn_at(p, p->line, "%s", why);
}

static void keep_unknown(struct parse *p, const struct ini_line *line, const char *what)
{
	static const char *const leftover[] = {         /* of old versions, known to be harmless */
		"minPGNUIncoming", "maxPGNUIncoming", "genrePrefix", "autoQuery", "queryTTL",
	};
	char name[96];

	ini_put(&p->pend, line->name, line->value);
	for (size_t i = 0; i < NELEM(leftover); i++)
		if (ascii_casecmp(leftover[i], line->name) == 0)
			return;
	if (!first_seen(p, line->name))
		return;
	(void)text_clean(name, sizeof(name), line->name, strlen(line->name));
	warn_at(p, line->number, "unknown %s \"%s\"", what, name);
}

static void read_key(struct parse *p, const struct key *k, void *base, const struct ini_line *line)
{
	char why[SETTINGS_WHY];
	struct buf now;

	switch (key_read(k, base, line->value, false, why)) {
	case KEY_TAKEN:
		break;
	case KEY_NOTED:
		warn_at(p, line->number, "%s: %s", k->name, why);
		break;
	case KEY_REFUSED:
		buf_init(&now, SETTINGS_LONG);
		key_write(k, base, &now);
		warn_at(p, line->number, "%s: %s; stays %s", k->name, why,
			(k->flags & KEY_SECRET) != 0 ? "as it was" :
			now.len == 0 ? "empty" : buf_cstr(&now));
		buf_fini(&now);
		break;
	}
}

/* --- blocks --- */

static void block_open(struct parse *p, enum sect s)
{
	const struct sect_info *si = &sect_info[s];

	p->block = s;
	p->block_line = p->line;
	if (si->kind == SECT_BLOCK) {
		const struct buf now = p->pend;

		keep_at(p, kept_header(p->st, s));
		/* What found no place there must not get into the block: set aside. */
		if (p->pend.len > 0) {
			p->pend = p->outer;
			p->outer = now;
		}
		return;
	}
	p->entry = list_entry_new(s);
	if (p->entry == NULL)
		p->nomem = true;
	else
		keep_at(p, &list_entry_kept(p->entry)[0]);
}

static void block_close(struct parse *p)
{
	enum sect s = p->block;
	char why[SETTINGS_WHY];

	p->block = SECT_N;
	if (sect_info[s].kind == SECT_BLOCK) {
		/* These mean something else outside; a section may stand several times. */
		buf_put(&p->ends[s], p->pend.p, p->pend.len);
		if (p->pend.err != ST_OK || p->ends[s].err != ST_OK)
			p->nomem = true;
		buf_reset(&p->pend);
		if (p->outer.len > 0) {
			const struct buf empty = p->pend;

			p->pend = p->outer;
			p->outer = empty;
		}
		return;
	}
	if (p->entry == NULL)
		return;
	keep_at(p, &list_entry_kept(p->entry)[SETTINGS_KEPT - 1]);
	switch (list_take(p->st, s, &p->entry, why)) {
	case ST_OK:
		return;
	case ST_PROTO:
		warn_at(p, p->block_line, "[%s]: %s; not used", sect_info[s].name, why);
		break;
	default:
		if (why[0] == '\0')
			p->nomem = true;
		else if (first_seen(p, sect_info[s].name))
			warn_at(p, p->block_line, "[%s]: %s; this and later ones are not used",
				sect_info[s].name, why);
		break;
	}
	/* Its text stays, behind the list: in front of it, it could be the one that counts. */
	list_entry_emit(s, p->entry, &p->ends[s]);
	if (p->ends[s].err != ST_OK)
		p->nomem = true;
	list_entry_free(s, &p->entry);
}

static void relay_pair(struct parse *p, const struct ini_line *line)
{
	char why[SETTINGS_WHY], name[SETTINGS_NAME];

	(void)text_clean(name, sizeof(name), line->name, strlen(line->name));
	if (!relay_name_is_known(line->name) && first_seen(p, line->name))
		warn_at(p, line->number, "unknown key \"%s\" in [RelayChannel]", name);
	if (relay_read(p->entry, line->name, line->value, why) == ST_LIMIT)
		p->nomem = true;
	if (why[0] != '\0')
		warn_at(p, line->number, "%s: %s", name, why);
}

static void block_pair(struct parse *p, const struct ini_line *line)
{
	enum sect s = p->block;
	const struct key *k = key_find(s, line->name);
	size_t n;

	if (p->nomem)
		return;
	if (sect_info[s].kind == SECT_PAIRS) {
		relay_pair(p, line);
		return;
	}
	if (k == NULL) {
		keep_unknown(p, line, s == SECT_FLAGS ? "flag" : "key");
		return;
	}
	if (sect_info[s].kind == SECT_LIST) {
		const struct key *first = key_of_sect(s, &n);

		keep_at(p, &list_entry_kept(p->entry)[1 + (k - first)]);
		read_key(p, k, p->entry, line);
		return;
	}
	keep_at(p, kept_key(p->st, k));
	read_key(p, k, p->st, line);
}

/* An unknown section that ends with [End] is a block of somebody else's: none of its lines are
 * ours. Without [End] it is decoration, and the keys below it are read. */
static void unknown_header(struct parse *p, const struct ini_line *line)
{
	struct ini ahead = p->ini;
	struct ini_line l;
	char name[96];
	bool block = false;

	buf_u8(&p->pend, '[');
	ini_put_text(&p->pend, line->name);
	buf_puts(&p->pend, "]\n");
	(void)text_clean(name, sizeof(name), line->name, strlen(line->name));
	/* [Server2] is a leftover of old versions. */
	if (ascii_casecmp(line->name, "Server2") != 0 && first_seen(p, line->name))
		warn_at(p, line->number, "unknown section [%s]", name);

	while (!block && ini_next(&ahead, &l) && l.kind != INI_HEADER)
		block = l.kind == INI_END;
	if (!block)
		return;
	while (ini_next(&p->ini, &l) && l.kind != INI_END) {
		if (l.kind == INI_PAIR)
			ini_put(&p->pend, l.name, l.value);
		else if (l.kind == INI_COMMENT || l.kind == INI_BLANK)
			buf_puts(&p->pend, l.kind == INI_COMMENT ? l.name : "");
		if (l.kind == INI_COMMENT || l.kind == INI_BLANK)
			buf_u8(&p->pend, '\n');
	}
	buf_puts(&p->pend, "[End]\n");
}

/* --- lines --- */

static void parse_header(struct parse *p, const struct ini_line *line)
{
	enum sect s = sect_find(line->name);

	if (p->block != SECT_N) {
		warn_at(p, p->block_line, "[%s] has no [End]: it ends at line %u",
			sect_info[p->block].name, line->number);
		block_close(p);
	}
	if (s == SECT_N)
		unknown_header(p, line);
	else if (sect_info[s].kind == SECT_FLAT)
		keep_at(p, kept_header(p->st, s));
	else
		block_open(p, s);
}

static void parse_pair(struct parse *p, const struct ini_line *line)
{
	const struct key *k;

	if (p->block != SECT_N) {
		block_pair(p, line);
		return;
	}
	k = key_find(SECT_SERVER, line->name);
	if (k == NULL) {
		keep_unknown(p, line, "key");
		return;
	}
	if ((k->flags & KEY_READONLY) == 0)
		keep_at(p, kept_key(p->st, k));
	read_key(p, k, p->st, line);
	p->key_line[k - key_table] = line->number;
}

static void parse_line(struct parse *p, const struct ini_line *line)
{
	p->line = line->number;
	if (line->repaired)
		warn_at(p, line->number, "control characters replaced by spaces");
	switch (line->kind) {
	case INI_BLANK:
	case INI_COMMENT:
		keep_comment(p, line->kind == INI_COMMENT ? line->name : "");
		break;
	case INI_HEADER:
		parse_header(p, line);
		break;
	case INI_END:
		if (p->block != SECT_N)
			block_close(p);
		else
			warn_at(p, line->number, "[End] without a block");
		break;
	case INI_PAIR:
		parse_pair(p, line);
		break;
	case INI_TOOLONG:
		warn_at(p, line->number, "longer than %d bytes: line ignored", INI_LINE_MAX);
		break;
	}
}

/* What depends on more than one line. */
static void parse_finish(struct parse *p)
{
	struct settings *st = p->st;
	const unsigned *at = p->key_line;

	if (p->block != SECT_N) {
		warn_at(p, p->block_line, "[%s] has no [End]", sect_info[p->block].name);
		block_close(p);
	}
	keep_at(p, kept_tail(st));
	for (unsigned s = 0; s < SECT_N; s++)
		if (!kept_add_buf(kept_end(st, (enum sect)s), &p->ends[s]))
			p->nomem = true;
	if (p->n_unseen > 0)
		warn_at(p, 0, "%u more unknown lines", p->n_unseen);
	if (st->is_root && at[key_find_any("maxServIn") - key_table] == 0)
		st->max_serv_in = ROOT_SERV_IN;
	if (st->is_root && at[key_find_any("maxControlConnections") - key_table] == 0)
		st->max_control_connections = ROOT_CONTROLS;
	if (id_is_zero(st->broadcast_id)) {
		broadcast_id_make(st->broadcast_id);
		st->broadcast_id_made = true;
	}
	if (st->filters.n == 0) {
		p->nomem |= !settings_filters_default(st);
		warn_at(p, 0, "no [Filter]: added 255.255.255.255 and ::/0, everybody may connect");
	}
}

enum status settings_parse(const void *bytes, size_t n, settings_warn *warn, void *ctx,
	struct settings **out)
{
	struct parse p = { .warn = warn, .ctx = ctx, .block = SECT_N };
	enum status st = ST_LIMIT;
	struct ini_line line;

	*out = NULL;
	buf_init(&p.pend, 2 * (size_t)SETTINGS_FILE_MAX);
	buf_init(&p.outer, 2 * (size_t)SETTINGS_FILE_MAX);
	for (unsigned s = 0; s < SECT_N; s++)
		buf_init(&p.ends[s], 2 * (size_t)SETTINGS_FILE_MAX);
	if (n > SETTINGS_FILE_MAX || ini_init(&p.ini, bytes, n) != ST_OK)
		goto out_pend;
	p.key_line = calloc(key_n, sizeof(p.key_line[0]));
	p.st = settings_alloc();
	if (p.key_line == NULL || p.st == NULL)
		goto out;
	settings_reset(p.st);
	while (!p.nomem && p.pend.err == ST_OK && ini_next(&p.ini, &line))
		parse_line(&p, &line);
	parse_finish(&p);
	if (p.nomem || p.pend.err != ST_OK)
		goto out;
	*out = p.st;
	p.st = NULL;
	st = ST_OK;
out:
	if (p.entry != NULL)
		list_entry_free(p.block, &p.entry);
	settings_free(&p.st);
	free(p.key_line);
	ini_fini(&p.ini);
out_pend:
	for (unsigned s = 0; s < SECT_N; s++)
		buf_fini(&p.ends[s]);
	buf_fini(&p.outer);
	buf_fini(&p.pend);
	return st;
}

/* --- writing --- */

static void emit_keys(const struct settings *st, enum sect s, struct buf *out)
{
	const struct key *k;
	size_t n;

	k = key_of_sect(s, &n);
	for (size_t i = 0; i < n; i++) {
		buf_puts(out, kept_text(kept_key((struct settings *)st, &k[i])));
		if ((k[i].flags & KEY_READONLY) != 0)
			continue;
		if ((k[i].flags & KEY_OPTIONAL) == 0 || !key_is_default(&k[i], st))
			list_emit_key(&k[i], st, out);
	}
}

void settings_emit(const struct settings *cst, struct buf *out)
{
	struct settings *st = (struct settings *)cst;   /* for kept_*(); only read */

	for (unsigned i = 0; i < SECT_N; i++) {
		enum sect s = (enum sect)i;

		switch (sect_info[s].kind) {
		case SECT_FLAT:
		case SECT_BLOCK:
			list_emit_header(sect_info[s].name, kept_text(kept_header(st, s)), out);
			emit_keys(st, s, out);
			if (sect_info[s].kind == SECT_BLOCK) {
				buf_puts(out, kept_text(kept_end(st, s)));
				buf_puts(out, "[End]\n");
			}
			break;
		case SECT_LIST:
		case SECT_PAIRS:
			list_emit(st, s, out);
			buf_puts(out, kept_text(kept_end(st, s)));
			break;
		}
	}
	buf_puts(out, kept_text(kept_tail(st)));
}

static bool same_text(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

/* A key, or a whole list (k NULL), of settings_merge(). t: room for what each of the three says. */
static enum status merge_one(struct settings *draft, const struct settings *base, const struct settings *mine,
	const struct key *k, enum sect s, struct buf t[3])
{
	const struct settings *const from[] = { draft, base, mine };
	enum status st = ST_OK;

	for (size_t i = 0; i < NELEM(from); i++) {
		buf_reset(&t[i]);
		if (k != NULL)
			key_write(k, from[i], &t[i]);
		else
			list_emit(from[i], s, &t[i]);
		st = st == ST_OK ? t[i].err : st;
	}
	if (st != ST_OK || !same_text(&t[0], &t[1]) || same_text(&t[1], &t[2]))
		return st;
	if (k != NULL) {
		char why[SETTINGS_WHY];

		return key_read(k, draft, buf_cstr(&t[2]), false, why) != KEY_REFUSED ? ST_OK : ST_LIMIT;
	}
	list_fini(draft, s);
	return list_copy(draft, mine, s) ? ST_OK : ST_LIMIT;
}

enum status settings_merge(struct settings *draft, const struct settings *base, const struct settings *mine)
{
	enum status st = ST_OK;
	struct buf t[3];

	for (size_t i = 0; i < NELEM(t); i++)
		buf_init(&t[i], SETTINGS_FILE_MAX);
	for (size_t i = 0; i < key_n && st == ST_OK; i++) {
		const struct key *k = &key_table[i];

		if (sect_info[k->sect].kind != SECT_LIST)
			st = merge_one(draft, base, mine, k, k->sect, t);
	}
	for (unsigned s = 0; s < SECT_N && st == ST_OK; s++)
		st = merge_one(draft, base, mine, NULL, (enum sect)s, t);
	for (size_t i = 0; i < NELEM(t); i++)
		buf_fini(&t[i]);
	return st;
}

bool settings_same(const struct settings *a, const struct settings *b)
{
	struct buf ta, tb;
	bool same;

	buf_init(&ta, SETTINGS_FILE_MAX);
	buf_init(&tb, SETTINGS_FILE_MAX);
	settings_emit(a, &ta);
	settings_emit(b, &tb);
	same = ta.err == ST_OK && tb.err == ST_OK && ta.len == tb.len &&
		memcmp(ta.p, tb.p, ta.len) == 0;
	buf_fini(&ta);
	buf_fini(&tb);
	return same;
}

/* --- the file --- */

enum status settings_save(const char *path, const struct settings *st)
{
	struct buf out;
	enum status r;

	buf_init(&out, SETTINGS_FILE_MAX);
	settings_emit(st, &out);
	r = out.err;
	if (r == ST_OK)
		r = file_replace(path, out.p, out.len, 0600);
	buf_fini(&out);
	return r;
}

static enum status make_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	enum status r;
	char *dir;

	if (slash == NULL || slash == path)
		return ST_OK;
	dir = strndup(path, (size_t)(slash - path));
	if (dir == NULL)
		return ST_LIMIT;
	r = file_mkdirs(dir);
	free(dir);
	return r;
}

/* No file: the defaults, and a file with them if that can be made. */
static enum status settings_first(const char *path, settings_warn *warn, void *ctx,
	struct settings **st, bool *unsaved)
{
	char text[SETTINGS_WHY];
	enum status r;

	*st = settings_new(true);
	if (*st == NULL)
		return ST_LIMIT;
	r = make_folder_of(path);
	if (r == ST_OK)
		r = settings_save(path, *st);
	*unsaved = r != ST_OK;
	if (r != ST_OK && warn != NULL) {
		snprintf(text, sizeof(text), "cannot make the file: %s", status_str(r));
		warn(ctx, 0, text);
	}
	return ST_OK;
}

enum status settings_read(const char *path, settings_warn *warn, void *ctx, struct settings **st,
	bool *unsaved)
{
	struct buf in, out;
	enum status r;

	*st = NULL;
	*unsaved = false;
	buf_init(&in, SETTINGS_FILE_MAX);
	buf_init(&out, SETTINGS_FILE_MAX);
	r = file_read(path, &in);
	if (r != ST_OK)
		goto out;
	r = settings_parse(in.p, in.len, warn, ctx, st);
	if (r != ST_OK)
		goto out;
	settings_emit(*st, &out);
	*unsaved = out.err != ST_OK || out.len != in.len || memcmp(out.p, in.p, in.len) != 0;
out:
	buf_fini(&out);
	buf_fini(&in);          /* keeps errno */
	return r;
}

enum status settings_load(const char *path, settings_warn *warn, void *ctx, struct settings **st,
	bool *unsaved)
{
	enum status r = settings_read(path, warn, ctx, st, unsaved);

	if (r == ST_SYS && errno == ENOENT)
		r = settings_first(path, warn, ctx, st, unsaved);
	return r;
}

/* --- single values --- */

enum status settings_set(struct settings *draft, const char *key, const char *text, char *why)
{
	const struct key *k = key_find_any(key);
	char own[SETTINGS_WHY];

	if (why == NULL)
		why = own;
	why[0] = '\0';
	if (k == NULL) {
		(void)text_copy(why, SETTINGS_WHY, "no such setting");
		return ST_PROTO;
	}
	text += strspn(text, " \t");
	return key_read(k, draft, text, true, why) == KEY_REFUSED ? ST_PROTO : ST_OK;
}

bool settings_get(const struct settings *st, const char *key, struct buf *out)
{
	const struct key *k = key_find_any(key);

	if (k == NULL)
		return false;
	key_write(k, st, out);
	return true;
}

const char *settings_yp_name(const struct settings *st)
{
	return st->yp_name[0] != '\0' ? st->yp_name : st->server_name;
}

const char *settings_flag(size_t i)
{
	const struct key *k;
	size_t n;

	k = key_of_sect(SECT_FLAGS, &n);
	return i < n ? k[i].name : NULL;
}
