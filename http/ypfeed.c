/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/ypfeed.h"

#include <stdio.h>
#include <string.h>

#include <nettle/md5.h>

#include "core/sys/text.h"
#include "http/response.h"
#include "xml/rss.h"

/* --- JSON ------------------------------------------------------------------------------------- *
 *
 * Written as it goes: a tree of values for ten thousand channels would cost more than all the rest.
 * Texts are clean (chaninfo.h), so only two characters need an escape.
 */

static void put_string(struct buf *out, const char *text)
{
	buf_u8(out, '"');
	for (;;) {
		const char *from = text;

		while (*text != '\0' && *text != '"' && *text != '\\')
			text++;
		buf_put(out, from, (size_t)(text - from));
		if (*text == '\0')
			break;
		buf_u8(out, '\\');
		buf_u8(out, (uint8_t)*text++);
	}
	buf_u8(out, '"');
}

/* key comes with its quotes, its colon, and what goes before it. */
static void put_text(struct buf *out, const char *key, const char *text)
{
	buf_puts(out, key);
	put_string(out, text);
}

static void put_count(struct buf *out, const char *key, int64_t n)
{
	if (n < 0)
		buf_printf(out, "%snull", key);
	else
		buf_printf(out, "%s%lld", key, (long long)n);
}

static void put_bool(struct buf *out, const char *key, bool yes)
{
	buf_puts(out, key);
	buf_puts(out, yes ? "true" : "false");
}

static void put_address(struct buf *out, const struct ypchan *c, bool may)
{
	char id[GNUID_STRLEN], tip[HOST_STRLEN];

	put_bool(out, ",\"playable\":", may);
	if (may)
		put_text(out, ",\"id\":", gnuid_str(&c->id, id));
	else
		buf_puts(out, ",\"id\":null");
	if (may && host_is_set(&c->tip) && c->tip.port != 0)
		put_text(out, ",\"tip\":", host_str(&c->tip, tip));
	else
		buf_puts(out, ",\"tip\":null");
}

static void put_channel(struct buf *out, const struct ypchan *c, const struct ypviewer *v)
{
	static const char *const limits[] = {
		[YP_FREE] = "free", [YP_OPEN] = "open", [YP_OVER] = "over", [YP_FAST] = "fast",
	};
	const char *const *t = c->info->text;

	put_text(out, "{\"name\":", t[CT_NAME]);
	put_text(out, ",\"namespace\":", c->genre.ns);
	put_text(out, ",\"genre\":", c->genre.genre);
	put_text(out, ",\"description\":", t[CT_DESC]);
	put_text(out, ",\"comment\":", t[CT_COMMENT]);
	put_text(out, ",\"contact\":", t[CT_URL]);
	put_text(out, ",\"type\":", chaninfo_type(c->info));
	put_count(out, ",\"bitrate\":", c->info->bitrate_kbps);
	put_count(out, ",\"listeners\":", c->listeners);
	put_count(out, ",\"relays\":", c->relays);
	put_count(out, ",\"started\":", MAX(c->started_s, 0));
	put_text(out, ",\"limit\":", limits[c->genre.limit]);
	put_address(out, c, yp_may(c, v));
	put_bool(out, ",\"direct\":", c->direct);
	put_bool(out, ",\"stale\":", c->stale);
	put_text(out, ",\"track\":{\"artist\":", t[CT_TRACK_ARTIST]);
	put_text(out, ",\"album\":", t[CT_TRACK_ALBUM]);
	put_text(out, ",\"title\":", t[CT_TRACK_TITLE]);
	put_text(out, ",\"genre\":", t[CT_TRACK_GENRE]);
	put_text(out, ",\"contact\":", t[CT_TRACK_URL]);
	buf_puts(out, "}}");
}

void ypfeed_json(const struct yplist *l, const struct ypquery *q, const struct ypviewer *v,
	struct buf *out)
{
	char url[YPURL];
	bool first = true;
	size_t i;

	put_text(out, "{\"version\":1,\"name\":", yp_name(l->settings));
	put_text(out, ",\"url\":", yp_url(url, l->settings, &l->own));
	buf_puts(out, ",\"channels\":[");
	for (i = 0; i < l->n && out->err == ST_OK; i++) {
		if (!ypquery_matches(q, &l->chans[i]))
			continue;
		buf_puts(out, first ? "\n" : ",\n");
		put_channel(out, &l->chans[i], v);
		first = false;
	}
	buf_puts(out, "\n]}\n");
}

/* --- RSS -------------------------------------------------------------------------------------- */

static void join(struct buf *out, const char *between, const char *text)
{
	if (text[0] == '\0')
		return;
	if (out->len > 0)
		buf_puts(out, between);
	buf_puts(out, text);
}

static void describe(struct buf *out, const struct ypchan *c)
{
	const char *const *t = c->info->text;

	buf_reset(out);
	join(out, " - ", c->genre.genre);
	join(out, " - ", t[CT_DESC]);
	join(out, " / ", t[CT_COMMENT]);
	if (t[CT_TRACK_TITLE][0] != '\0') {
		join(out, " / ", t[CT_TRACK_ARTIST]);
		join(out, t[CT_TRACK_ARTIST][0] != '\0' ? " - " : " / ", t[CT_TRACK_TITLE]);
	}
}

/* Not everybody may know the id of a restricted channel; its items need a name all the same. */
static struct gnuid disguised(const struct gnuid *id)
{
	struct md5_ctx md5;
	struct gnuid d;

	md5_init(&md5);
	md5_update(&md5, sizeof(id->b), id->b);
	md5_digest(&md5, sizeof(d.b), d.b);
	return d;
}

enum status ypfeed_rss(const struct yplist *l, const struct ypquery *q, struct buf *out)
{
	struct xmlout *x = xmlout_new(YPFEED_MAX);
	char url[YPURL], date[HTTP_DATE];
	enum status st;
	struct buf text;
	size_t i;

	if (x == NULL)
		return ST_LIMIT;
	(void)yp_url(url, l->settings, &l->own);
	buf_init(&text, 8 * TEXT_MAX);
	rss_begin(x, yp_name(l->settings), url, "Channels on the air");
	for (i = 0; i < l->n; i++) {
		const struct ypchan *c = &l->chans[i];
		struct rss_item item = {
			.title = c->info->text[CT_NAME], .category = c->genre.genre,
			.link = yp_is_web(c->info->text[CT_URL]) ? c->info->text[CT_URL] : url,
			.id = c->id, .started_s = c->started_s, .date = date,
		};

		if (!ypquery_matches(q, c))
			continue;
		if (c->genre.limit != YP_FREE)
			item.id = disguised(&c->id);
		http_date(date, c->started_s);
		describe(&text, c);
		item.description = buf_cstr(&text);
		rss_item(x, &item);
	}
	rss_end(x);
	buf_fini(&text);
	st = xmlout_move(x, out);
	xmlout_free(&x);
	return st;
}
