/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/ypindex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/assert.h"
#include "core/sys/text.h"

#define NO_ID "00000000000000000000000000000000"

/* What a viewer reads behind the name of a channel he may not play (the last two are YP4G's). */
#define NEEDS_PORT  " (要ポート開放)"
#define NEEDS_TEST  " (要帯域チェック)"
#define TOO_SLOW    " (再生不可)"

/* --- fields ----------------------------------------------------------------------------------- */

void ypindex_escape(struct buf *out, const char *text)
{
	/* strcspn(3) would make a table like this for each call. */
	static const uint8_t what[256] = {
		['&'] = 1, ['<'] = 2, ['>'] = 3, ['"'] = 4, ['\''] = 5, ['\t'] = 6, ['\n'] = 6, ['\r'] = 6,
		['\0'] = 7,
	};
	static const struct {
		char text[8];
		uint8_t n;
	} as[] = {
		{ "", 0 }, { "&amp;", 5 }, { "&lt;", 4 }, { "&gt;", 4 }, { "&quot;", 6 }, { "&#039;", 6 },
		{ " ", 1 },
	};

	for (;;) {
		const char *from = text;
		uint8_t w;

		while ((w = what[(uint8_t)*text]) == 0)
			text++;
		buf_put_short(out, from, (size_t)(text - from));
		if (*text++ == '\0')
			return;
		buf_put_short(out, as[w].text, as[w].n);
	}
}

static void sep(struct buf *out)
{
	buf_put_short(out, "<>", 2);
}

static void field(struct buf *out, const char *text)
{
	ypindex_escape(out, text);
	sep(out);
}

static void number(struct buf *out, int64_t v)
{
	buf_int(out, v);
	sep(out);
}

/* As in a query: spaces as '+'. */
static void url_field(struct buf *out, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	uint8_t *to = buf_reserve(out, 3 * strlen(text)), *at = to;

	for (; to != NULL && *text != '\0'; text++) {
		const uint8_t c = (uint8_t)*text;

		if (ascii_isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
			*at++ = c;
		} else if (c == ' ') {
			*at++ = '+';
		} else {
			*at++ = '%';
			*at++ = (uint8_t)hex[c >> 4];
			*at++ = (uint8_t)hex[c & 15];
		}
	}
	out->len += (size_t)(at - to);
	sep(out);
}

/* From the type to the URL-encoded name. */
static void put_type_and_track(struct buf *out, const struct chaninfo *i)
{
	number(out, i->bitrate_kbps);
	buf_puts(out, chaninfo_type(i));
	sep(out);
	field(out, i->text[CT_TRACK_ARTIST]);
	field(out, i->text[CT_TRACK_ALBUM]);
	field(out, i->text[CT_TRACK_TITLE]);
	field(out, i->text[CT_TRACK_URL]);
	url_field(out, i->text[CT_NAME]);
}

static void put_tip(struct buf *out, const struct host *tip)
{
	char text[HOST_STRLEN];

	if (host_is_set(tip) && tip->port != 0)
		buf_puts(out, host_str(tip, text));
	sep(out);
}

static void two_digits(struct buf *out, uint32_t v)
{
	const char d[2] = { (char)('0' + v / 10 % 10), (char)('0' + v % 10) };

	buf_put_short(out, d, sizeof(d));
}

/* --- lines of a root -------------------------------------------------------------------------- *
 *
 * A line has four pieces that only the channel's info and the settings decide, and between them what
 * changes all the time: address, counts, age, state. The fixed pieces are taken over from the list
 * before, as long as it had the same info (they are immutable) and the same settings.
 */

static void put_name(struct buf *out, const struct ypchan *c)
{
	ypindex_escape(out, c->info->text[CT_NAME]);
	if (c->genre.ns[0] != '\0')
		buf_printf(out, " &lt;%s&gt;", c->genre.ns);
}

static void put_id(struct buf *out, const struct gnuid *id)
{
	char text[GNUID_STRLEN];

	buf_put_short(out, gnuid_str(id, text), GNUID_STRLEN - 1);
	sep(out);
}

static void put_desc(struct buf *out, const struct ypchan *c)
{
	const char *label = yplimit_label(c->genre.limit), *desc = c->info->text[CT_DESC];

	ypindex_escape(out, desc);
	if (label != NULL)
		buf_printf(out, "%s&lt;%s&gt;", desc[0] != '\0' ? " - " : "", label);
	sep(out);
}

enum piece { P_NAME_AND_ID, P_CONTACT_TO_DESC, P_TYPE_AND_TRACK, P_COMMENT };

static void make_piece(struct buf *out, const struct ypchan *c, enum piece p)
{
	switch (p) {
	case P_NAME_AND_ID:
		put_name(out, c);
		sep(out);
		put_id(out, &c->id);
		break;
	case P_CONTACT_TO_DESC:
		field(out, c->info->text[CT_URL]);
		field(out, c->genre.genre);
		put_desc(out, c);
		break;
	case P_TYPE_AND_TRACK:
		put_type_and_track(out, c->info);
		break;
	case P_COMMENT:
		field(out, c->info->text[CT_COMMENT]);
		break;
	}
}

/* A line in the making: where, and what it looked like before. */
struct line {
	struct buf *out;
	struct ypchan *c;
	const struct ypchan *was;       /* NULL = not known */
	const uint8_t *was_text;
};

static void put_piece(const struct line *l, enum piece p)
{
	struct ypchan *c = l->c;
	const size_t from = l->out->len;

	if (l->was != NULL)
		buf_put_short(l->out, l->was_text + l->was->fixed[p].at, l->was->fixed[p].len);
	else
		make_piece(l->out, c, p);
	c->fixed[p].at = (uint16_t)(from - c->at);
	c->fixed[p].len = (uint16_t)(l->out->len - from);
}

static void put_age_and_state(struct buf *out, const struct ypchan *c)
{
	const uint32_t min = c->age_s / 60;

	buf_int(out, min / 60);
	buf_u8(out, ':');
	two_digits(out, min % 60);
	sep(out);
	buf_puts(out, c->stale ? "disconnect" : c->tip.port == 0 ? "port0" : "click");
	sep(out);
}

static void put_line(const struct line *l)
{
	struct ypchan *c = l->c;
	struct buf *out = l->out;

	c->at = out->len;
	put_piece(l, P_NAME_AND_ID);
	put_tip(out, &c->tip);
	c->head_len = (uint32_t)(out->len - c->at);
	put_piece(l, P_CONTACT_TO_DESC);
	number(out, c->listeners);
	number(out, c->relays);
	put_piece(l, P_TYPE_AND_TRACK);
	put_age_and_state(out, c);
	put_piece(l, P_COMMENT);
	buf_puts(out, c->direct ? "1\n" : "0\n");
	c->tail_len = (uint32_t)(out->len - c->at - c->head_len);
	ASSERT(out->err != ST_OK || out->len - c->at <= YPINDEX_LINE);
}

/* The channels of a list by their info. A place that is taken sends the next one on by one, PROBES times;
 * who finds none then is not in it, and his line is made anew. */
#define PROBES 8

struct byinfo {
	const struct yplist *list;
	uint32_t *slots;                /* 1 + index in list->chans; 0 = free. NULL = an empty table */
	size_t mask;
};

static size_t place_of(const struct byinfo *t, const struct chaninfo *i)
{
	return (size_t)(((uint64_t)(uintptr_t)i >> 4) * 0x9e3779b97f4a7c15u >> 32) & t->mask;
}

static void byinfo_init(struct byinfo *t, const struct yplist *list)
{
	size_t size = 64, i, k;

	*t = (struct byinfo){ .list = list };
	if (list == NULL || list->n > UINT32_MAX / 4)
		return;
	while (size < 2 * list->n)
		size *= 2;
	t->slots = calloc(size, sizeof(*t->slots));
	t->mask = size - 1;
	for (i = 0; t->slots != NULL && i < list->n && list->chans[i].tail_len > 0; i++) {
		size_t at = place_of(t, list->chans[i].info);

		for (k = 0; k < PROBES && t->slots[at] != 0; k++)
			at = (at + 1) & t->mask;
		if (t->slots[at] == 0)
			t->slots[at] = (uint32_t)i + 1;
	}
}

/* Look for the line as it was when its channel had the same info. */
static void byinfo_find(const struct byinfo *t, struct line *l)
{
	size_t at = place_of(t, l->c->info), k;

	for (k = 0; t->slots != NULL && k <= PROBES && t->slots[at] != 0; k++) {
		const struct ypchan *c = &t->list->chans[t->slots[at] - 1];

		if (c->info == l->c->info && gnuid_equal(&c->id, &l->c->id)) {
			l->was = c;
			l->was_text = t->list->text.p + c->at;
			return;
		}
		at = (at + 1) & t->mask;
	}
}

enum status ypindex_lines(struct yplist *l, const struct yplist *old)
{
	struct byinfo known;
	size_t i;

	byinfo_init(&known, old != NULL && old->settings == l->settings ? old : NULL);
	buf_init(&l->text, YPINDEX_MAX);
	/* An ordinary line fits; without this, half the time would go into growing. */
	(void)buf_reserve(&l->text, MIN(l->n * 512, YPINDEX_MAX));
	for (i = 0; i < l->n && l->text.len + YPINDEX_LINE <= YPINDEX_MAX; i++) {
		struct line line = { .out = &l->text, .c = &l->chans[i] };

		byinfo_find(&known, &line);
		put_line(&line);
	}
	free(known.slots);
	return l->text.err;
}

/* The head of a channel the viewer may not play. */
static void put_closed_head(struct buf *out, const struct ypchan *c, const struct ypviewer *v)
{
	put_name(out, c);
	buf_puts(out, !v->port_open ? NEEDS_PORT : v->speed_kbps == 0 ? NEEDS_TEST : TOO_SLOW);
	buf_puts(out, "<>" NO_ID "<><>");
}

static void info_line(struct buf *out, const struct yplist *l, const char *what, const char *anchor,
	const char *desc, const char *title)
{
	char url[YPURL];

	ypindex_escape(out, yp_name(l->settings));
	buf_puts(out, what);
	buf_puts(out, "<>" NO_ID "<><>");
	ypindex_escape(out, yp_url(url, l->settings, &l->own));
	buf_printf(out, "%s<><>%s<>-9<>-9<>0<>RAW<><><>%s<><><>0:00<>click<><>0\n", anchor, desc,
		title);
}

/* How fast the viewer is, where that decides about something. */
static void put_upload_line(struct buf *out, const struct yplist *l, const struct ypviewer *v)
{
	if (!v->port_open || !(l->n_over > 0 || l->fast) || v->speed_kbps >= YP_FAST_KBPS)
		return;
	info_line(out, l, "◆アップロード帯域", "#upload",
		v->speed_kbps == 0 ? "No data" : "Under 2000 kbps", "測定はコンタクトURLから");
}

static void put_status_line(struct buf *out, const struct yplist *l, size_t listed)
{
	char desc[80];

	snprintf(desc, sizeof(desc), "Uptime=%u:%02u:%02u channels=%zu", l->uptime_s / 3600,
		l->uptime_s / 60 % 60, l->uptime_s % 60, listed);
	info_line(out, l, "◆Status", "", desc, "");
}

void ypindex_emit(const struct yplist *l, const struct ypquery *q, const struct ypviewer *v,
	struct buf *out)
{
	/* Lines that follow one another are copied as one. */
	size_t from = 0, to = 0, listed = 0, i;

	for (i = 0; i < l->n; i++) {
		const struct ypchan *c = &l->chans[i];
		const bool may = yp_may(c, v);

		if (c->tail_len == 0 || !ypquery_matches(q, c))
			continue;
		listed++;
		if (!may || c->at != to) {
			buf_put(out, l->text.p + from, to - from);
			from = c->at;
		}
		if (!may) {
			put_closed_head(out, c, v);
			from += c->head_len;
		}
		to = c->at + c->head_len + c->tail_len;
	}
	if (to > from)
		buf_put(out, l->text.p + from, to - from);
	if (!l->settings->yp_info_line)
		return;
	put_upload_line(out, l, v);
	put_status_line(out, l, listed);
}

/* --- a node that is not a root ---------------------------------------------------------------- */

static void put_plain(struct buf *out, const struct gnuid *gid, const struct chaninfo *i,
	const struct host *tip, uint64_t listeners, uint64_t relays, uint32_t age_s, bool direct)
{
	const uint32_t min = age_s / 60;

	field(out, i->text[CT_NAME]);
	put_id(out, gid);
	put_tip(out, tip);
	field(out, i->text[CT_URL]);
	field(out, i->text[CT_GENRE]);
	field(out, i->text[CT_DESC]);
	number(out, (int64_t)MIN(listeners, (uint64_t)INT64_MAX));
	number(out, (int64_t)MIN(relays, (uint64_t)INT64_MAX));
	put_type_and_track(out, i);
	buf_printf(out, "%02u:%02u<>click<>", min / 60, min % 60);
	field(out, i->text[CT_COMMENT]);
	buf_puts(out, direct ? "1\n" : "0\n");
}

static enum status put_broadcasts(struct node *n, struct buf *out)
{
	struct chan **chans;
	size_t count, i;
	enum status st = chanmgr_all(n->cm, &chans, &count);

	for (i = 0; i < count; i++) {
		struct chan_view view;
		struct hit own;

		chan_view(chans[i], &view);
		if (view.type == CHAN_BROADCAST && view.playing) {
			node_own_hit(n, chans[i], true, &own);
			put_plain(out, chan_id(chans[i]), view.info, &own.rhost[0], own.listeners,
				own.relays, view.age_s, (own.flags & HIT_DIRECT) != 0);
		}
		chan_view_fini(&view);
		chan_unref(&chans[i]);
	}
	free(chans);
	return st;
}

static enum status put_found(struct node *n, struct buf *out)
{
	const nsec now = clk_now();
	struct hitlist_view *lists;
	size_t count, i;
	enum status st = chanmgr_lists(n->cm, true, &lists, &count);

	for (i = 0; i < count; i++) {
		const struct hitlist_view *l = &lists[i];
		const nsec age = (now - l->created) / NSEC_PER_SEC;
		struct host tip;

		if (l->info != NULL && l->n > 0) {
			tip = l->hits[0].rhost[0];
			if (l->hits[0].flags & HIT_PUSH)
				tip.port = 0;
			put_plain(out, &l->id, l->info, &tip, l->stats.listeners, l->stats.relays,
				(uint32_t)MIN(age, (nsec)UINT32_MAX),
				(l->hits[0].flags & HIT_DIRECT) != 0);
		}
		hitlist_view_fini(&lists[i]);
	}
	free(lists);
	return st;
}

enum status ypindex_own(struct node *n, struct buf *out)
{
	enum status st = put_broadcasts(n, out);

	if (st == ST_OK)
		st = put_found(n, out);
	return st != ST_OK ? st : out->err;
}

/* --- lines of other YPs ------------------------------------------------------------------------- */

static void put_listed(struct buf *out, const struct feedchan *c)
{
	field(out, c->text[FEED_NAME]);
	put_id(out, &c->id);
	field(out, c->text[FEED_TIP]);
	field(out, c->text[FEED_URL]);
	field(out, c->text[FEED_GENRE]);
	field(out, c->text[FEED_DESC]);
	number(out, c->listeners);
	number(out, c->relays);
	number(out, c->bitrate_kbps);
	field(out, c->text[FEED_TYPE]);
	field(out, c->text[FEED_ARTIST]);
	field(out, c->text[FEED_ALBUM]);
	field(out, c->text[FEED_TITLE]);
	field(out, c->text[FEED_TRACK_URL]);
	field(out, c->text[FEED_ENCODED]);
	buf_printf(out, "%u:%02u<>click<>", c->uptime_s / 3600, c->uptime_s / 60 % 60);
	field(out, c->text[FEED_COMMENT]);
	buf_printf(out, "%d\n", c->direct);
}

enum status ypindex_merged(struct node *n, struct buf *out)
{
	struct dirview *v = chandir_get(&n->chandir);

	for (size_t i = 0; v != NULL && i < v->n_entries; i++)
		put_listed(out, v->entries[i].chan);
	dirview_unref(&v);
	return out->err;
}
