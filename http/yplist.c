/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/yplist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/assert.h"
#include "core/sys/text.h"
#include "http/request.h"

/* --- taking it -------------------------------------------------------------------------------- */

static struct listing *listing_of(struct listing *list, size_t n, const struct gnuid *id)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (gnuid_equal(&list[i].id, id))
			return &list[i];
	return NULL;
}

/* A root hears of its own broadcast from nobody. */
static void own_listing(struct node *n, struct chan *c, struct listing *l)
{
	struct hitlist_view view;
	struct hit own;

	node_own_hit(n, c, true, &own);
	l->id = *chan_id(c);
	if (l->info == NULL) {
		l->info = chan_info(c);
		l->created = clk_now();
		if (chanmgr_list_view(n->cm, &l->id, false, &view)) {
			l->created = view.created;
			hitlist_view_fini(&view);
		}
	}
	l->listeners = own.listeners;
	l->relays = own.relays;
	l->tip = own.rhost[0];
	l->flags = own.flags;
}

/* Add the broadcasts of this node to *list, which is made anew. */
static enum status add_own(struct node *n, struct listing **list, size_t *count)
{
	struct chan **chans;
	struct listing *grown;
	size_t n_chans, i;
	enum status st = chanmgr_all(n->cm, &chans, &n_chans);

	if (st != ST_OK)
		return st;
	grown = realloc(*list, (*count + n_chans + 1) * sizeof(*grown));
	if (grown == NULL)
		st = ST_LIMIT;
	else
		*list = grown;
	for (i = 0; i < n_chans; i++) {
		if (st == ST_OK && chan_type_of(chans[i]) == CHAN_BROADCAST &&
		    chan_is_playing(chans[i])) {
			struct listing *l = listing_of(*list, *count, chan_id(chans[i]));

			if (l == NULL) {
				l = &(*list)[(*count)++];
				memset(l, 0, sizeof(*l));
			}
			if (!(l->flags & HIT_TRACKER))
				own_listing(n, chans[i], l);
		}
		chan_unref(&chans[i]);
	}
	free(chans);
	return st;
}

static uint32_t age_of(nsec created, nsec now)
{
	nsec s = now > created ? (now - created) / NSEC_PER_SEC : 0;

	return s < (nsec)UINT32_MAX ? (uint32_t)s : UINT32_MAX;
}

static int64_t shown(uint64_t count, bool hidden)
{
	return hidden ? -1 : count < INT64_MAX ? (int64_t)count : INT64_MAX;
}

/* Take the reference of the listing when it is one of this page's. */
static bool chan_of(struct ypchan *c, struct listing *l, const struct settings *set, nsec now,
	nsec started)
{
	bool hidden;

	ypgenre_parse(&c->genre, set->yp_genre_prefix, l->info->text[CT_GENRE]);
	if (!c->genre.listed)
		return false;
	hidden = c->genre.hidden || set->hide_default;
	c->id = l->id;
	c->info = l->info;
	l->info = NULL;
	c->age_s = age_of(l->created, now);
	c->started_s = (l->created + started) / NSEC_PER_SEC;
	c->listeners = shown(l->listeners, hidden);
	c->relays = shown(l->relays, hidden);
	c->tip = l->tip;
	if (l->flags & HIT_PUSH)
		c->tip.port = 0;
	c->direct = (l->flags & HIT_DIRECT) != 0;
	c->stale = l->stale;
	return true;
}

static int by_age(const void *a, const void *b)
{
	const struct ypchan *x = a, *y = b;

	if (x->age_s != y->age_s)
		return x->age_s < y->age_s ? -1 : 1;
	if (x->listeners != y->listeners)
		return x->listeners > y->listeners ? -1 : 1;
	return memcmp(&x->id, &y->id, sizeof(x->id));
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Look which limits there are. */
static enum status note_limits(struct yplist *l)
{
	size_t i;

	l->over = malloc((l->n + 1) * sizeof(*l->over));
	if (l->over == NULL)
		return ST_LIMIT;
	for (i = 0; i < l->n; i++) {
		const struct ypchan *c = &l->chans[i];

		l->restricted |= c->genre.limit != YP_FREE;
		l->fast |= c->genre.limit == YP_FAST;
		if (c->genre.limit == YP_OVER)
			l->over[l->n_over++] = c->info->bitrate_kbps;
	}
	qsort(l->over, l->n_over, sizeof(*l->over), by_number);
	return ST_OK;
}

enum status yplist_take(struct node *n, nsec started, struct yplist *l)
{
	struct listing *list = NULL;
	const nsec now = clk_now();
	size_t count = 0, i;
	enum status st;

	memset(l, 0, sizeof(*l));
	buf_init(&l->text, 0);
	l->settings = conf_get(n->conf);
	servmgr_own(n->sm, &l->own);
	l->uptime_s = age_of(l->own.started, now);
	st = chanmgr_listings(n->cm, &list, &count);
	if (st == ST_OK)
		st = add_own(n, &list, &count);
	if (st == ST_OK) {
		l->chans = calloc(count + 1, sizeof(*l->chans));
		st = l->chans != NULL ? ST_OK : ST_LIMIT;
	}
	for (i = 0; i < count; i++) {
		if (st == ST_OK && chan_of(&l->chans[l->n], &list[i], l->settings, now, started))
			l->n++;
		chaninfo_unref(&list[i].info);
	}
	free(list);
	if (st == ST_OK) {
		qsort(l->chans, l->n, sizeof(*l->chans), by_age);
		st = note_limits(l);
	}
	if (st != ST_OK)
		yplist_fini(l);
	return st;
}

void yplist_fini(struct yplist *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		chaninfo_unref(&l->chans[i].info);
	free(l->chans);
	free(l->over);
	buf_fini(&l->text);
	settings_unref(&l->settings);
	memset(l, 0, sizeof(*l));
}

/* --- who asks --------------------------------------------------------------------------------- */

bool yp_may(const struct ypchan *c, const struct ypviewer *v)
{
	switch (c->genre.limit) {
	case YP_FREE:
		break;
	case YP_OPEN:
		return v->port_open;
	case YP_OVER:
		return v->port_open && v->speed_kbps > c->info->bitrate_kbps;
	case YP_FAST:
		return v->port_open && v->speed_kbps >= YP_FAST_KBPS;
	}
	return true;
}

/* --- what is asked for ------------------------------------------------------------------------ */

/* The next piece of a list, behind which *at moves: "" when it does not fit. Between pieces stands sep;
 * for a space, the ideographic one too. False at the end. */
static bool next_piece(const char **at, char sep, char *dst, size_t cap)
{
	static const char wide[] = "\xe3\x80\x80";
	const char *from = *at;
	size_t n = 0, skip = 0;

	if (*from == '\0')
		return false;
	while (from[n] != '\0' && skip == 0) {
		if (from[n] == sep)
			skip = 1;
		else if (sep == ' ' && strncmp(from + n, wide, 3) == 0)
			skip = 3;
		else
			n++;
	}
	*at = from + n + skip;
	dst[0] = '\0';
	if (n < cap) {
		memcpy(dst, from, n);
		dst[n] = '\0';
	}
	return true;
}

static bool is_alnum(const char *text)
{
	while (ascii_isalnum((uint8_t)*text))
		text++;
	return *text == '\0';
}

static void parse_ns(struct ypquery *q, const char *text)
{
	const char sep = strchr(text, '|') != NULL ? '|' : ' ';
	char piece[YPGENRE_NS];

	while (q->n_ns < YPQUERY_NS && next_piece(&text, sep, piece, sizeof(piece)))
		if (piece[0] != '\0' && is_alnum(piece))
			memcpy(q->ns[q->n_ns++], piece, strlen(piece) + 1);
}

static void parse_find(struct ypquery *q, const char *text)
{
	char piece[sizeof(q->words[0].text)];

	while (q->n_words < YPQUERY_WORDS && next_piece(&text, ' ', piece, sizeof(piece))) {
		const bool not = piece[0] == '-';

		if (strlen(piece) < 2)
			continue;
		q->words[q->n_words].not = not;
		memcpy(q->words[q->n_words++].text, piece + not, strlen(piece) + 1 - not);
	}
}

static void parse_types(struct ypquery *q, const char *text)
{
	char piece[sizeof(q->types[0])], *c;

	while (q->n_types < YPQUERY_TYPES && next_piece(&text, '|', piece, sizeof(piece))) {
		if (strlen(piece) < 2 || !is_alnum(piece))
			continue;
		for (c = piece; *c != '\0'; c++)
			*c = (char)ascii_upper((uint8_t)*c);
		memcpy(q->types[q->n_types++], piece, strlen(piece) + 1);
	}
}

void ypquery_parse(struct ypquery *q, const char *query)
{
	char raw[1024], text[1024];

	memset(q, 0, sizeof(*q));
	if (query_get(query, "ns", raw, sizeof(raw)))
		parse_ns(q, raw);
	if (query_get(query, "type", raw, sizeof(raw)))
		parse_types(q, raw);
	if (query_get(query, "find", raw, sizeof(raw))) {
		text_clean(text, sizeof(text), raw, strlen(raw));
		parse_find(q, text);
	}
}

/* Is word in text, whatever the case of ASCII letters? */
static bool contains(const char *text, const char *word)
{
	const size_t n = strlen(word);
	const int first = ascii_lower((uint8_t)word[0]);

	for (; *text != '\0'; text++)
		if (ascii_lower((uint8_t)*text) == first && ascii_ncasecmp(text, word, n) == 0)
			return true;
	return false;
}

static bool finds(const struct ypchan *c, const char *word)
{
	static const enum chantext where[] = { CT_NAME, CT_DESC, CT_COMMENT, CT_TRACK_ARTIST,
		CT_TRACK_TITLE };
	size_t i;

	for (i = 0; i < NELEM(where); i++)
		if (contains(c->info->text[where[i]], word))
			return true;
	return contains(c->genre.genre, word);
}

bool ypquery_matches(const struct ypquery *q, const struct ypchan *c)
{
	bool named = c->genre.ns[0] == '\0', typed = q->n_types == 0;
	uint32_t i;

	for (i = 0; i < q->n_ns && !named; i++)
		named = strcmp(q->ns[i], c->genre.ns) == 0;
	for (i = 0; i < q->n_types && !typed; i++)
		typed = strcmp(q->types[i], chaninfo_type(c->info)) == 0;
	for (i = 0; i < q->n_words && named && typed; i++)
		if (finds(c, q->words[i].text) == q->words[i].not)
			return false;
	return named && typed;
}

/* --- sharing ---------------------------------------------------------------------------------- */

/* The highest bitrate of a YP_OVER channel that an upload is fast enough for; -1 = of none. */
static int64_t reach_of(const struct yplist *l, uint32_t speed_kbps)
{
	size_t lo = 0, hi = l->n_over;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->over[mid] < speed_kbps)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 ? (int64_t)l->over[lo - 1] : -1;
}

static void put(struct wr *w, const char *what, const char *text)
{
	wr_bytes(w, what, strlen(what));
	wr_bytes(w, text, strlen(text));
}

const char *yp_key(char dst[YPKEY], const struct yplist *l, const struct ypquery *q,
	const struct ypviewer *v)
{
	struct wr w = wr_of(dst, YPKEY - 1);
	char reach[24];
	uint32_t i;

	if (l->restricted && v->port_open) {
		put(&w, "o", "");
		if (l->n_over > 0 || l->fast) {
			snprintf(reach, sizeof(reach), "%lld", (long long)reach_of(l, v->speed_kbps));
			put(&w, v->speed_kbps == 0 ? "n" : v->speed_kbps < YP_FAST_KBPS ? "s" : "f",
				reach);
		}
	}
	/* No piece holds a tab. */
	for (i = 0; i < q->n_ns; i++)
		put(&w, "\tn", q->ns[i]);
	for (i = 0; i < q->n_types; i++)
		put(&w, "\tt", q->types[i]);
	for (i = 0; i < q->n_words; i++)
		put(&w, q->words[i].not ? "\t-" : "\t+", q->words[i].text);
	ASSERT(w.err == ST_OK);
	dst[w.len] = '\0';
	return dst;
}

/* --- the page itself -------------------------------------------------------------------------- */

bool yp_is_web(const char *url)
{
	return ascii_ncasecmp(url, "http://", 7) == 0 || ascii_ncasecmp(url, "https://", 8) == 0;
}

const char *yp_name(const struct settings *set)
{
	const char *name = settings_yp_name(set);

	return name[0] != '\0' ? name : "PeerCast";
}

const char *yp_url(char dst[YPURL], const struct settings *set, const struct own *own)
{
	const bool v6 = !host_is_global(&own->global[0]) && host_is_global(&own->global[1]);
	char text[HOST_STRLEN];
	struct host h;

	if (set->force_ip[0] == '\0')
		snprintf(dst, YPURL, "http://%s/yp/", host_str(&own->global[v6], text));
	else if (host_parse(&h, set->force_ip, own->port))
		snprintf(dst, YPURL, "http://%s/yp/", host_str(&h, text));
	else
		snprintf(dst, YPURL, "http://%s:%u/yp/", set->force_ip, own->port);
	return dst;
}
