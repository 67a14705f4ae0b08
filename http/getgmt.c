/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/getgmt.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/sys/text.h"
#include "xml/xmlout.h"

#define ANSWER   (5 * NSEC_PER_SEC)     /* for the disk */
#define SLOT     600                    /* seconds between two rows */
#define GAP      660                    /* without a sample for longer: an empty row */
#define BREAK    150                    /* and a break in the curves */

#define CHART_W  720
#define CHART_H  160
#define CHART_X  44                     /* room for the numbers beside it */
#define CHART_Y  10

/* The words of the page. */
static const struct words {
	const char *lang, *statistics, *listeners, *relays, *chart, *time, *age, *status, *description, *days,
		*no_day, *no_name;
} words[] = {
	{ "en", "Statistics", "listeners", "relays", "Listeners and relays over the day", "Time", "Age",
		"Status", "Description", "Days", "Nothing is known of this day.",
		"Nothing is known of a channel with this name." },
	{ "ja", "統計", "リスナー", "リレー", "一日のリスナー数とリレー数", "時刻", "経過", "人数", "内容", "日付",
		"この日の記録はありません。", "この名前のチャンネルの記録はありません。" },
};

/* --- days ------------------------------------------------------------------------------------- */

static bool local(int64_t at_s, struct tm *tm)
{
	const time_t t = (time_t)at_s;

	return localtime_r(&t, tm) != NULL;
}

static uint32_t date_of(const struct tm *tm)
{
	return (uint32_t)((tm->tm_year + 1900) * 10000 + (tm->tm_mon + 1) * 100 + tm->tm_mday);
}

/* When the day `offset` days after that date begins. */
static int64_t midnight(uint32_t date, int offset, struct tm *tm)
{
	*tm = (struct tm){ .tm_year = (int)(date / 10000) - 1900, .tm_mon = (int)(date / 100 % 100) - 1,
	                   .tm_mday = (int)(date % 100) + offset, .tm_isdst = -1 };
	return (int64_t)mktime(tm);
}

bool getgmt_day(struct getgmt_day *d, uint32_t date)
{
	struct tm tm;

	d->date = date;
	d->to_s = midnight(date, 1, &tm);
	d->from_s = midnight(date, 0, &tm);
	return date >= 19700102 && date <= 99991231 && date_of(&tm) == date && d->to_s > d->from_s;
}

static void date_str(char dst[16], uint32_t date)
{
	snprintf(dst, 16, "%04u-%02u-%02u", date / 10000, date / 100 % 100, date % 100);
}

/* --- the page --------------------------------------------------------------------------------- */

static void put_link(struct buf *out, const char *name, uint32_t date, const char *text, bool here)
{
	buf_puts(out, "<a href=\"?cn=");
	pct_encode(out, name);
	buf_printf(out, "&amp;date=%08u\"%s>%s</a>", date, here ? " aria-current=\"page\"" : "", text);
}

/* The largest number of a curve; 0 = everything is hidden. */
static int32_t peak(const struct history *h)
{
	int32_t max = 0;

	for (size_t i = 0; i < h->n; i++)
		max = MAX(max, MAX(h->rows[i].listeners, h->rows[i].relays));
	return max;
}

/* A round number not below v: 1, 2 or 5 and zeros. */
static int64_t round_up(int32_t v)
{
	for (int64_t ten = 1; ; ten *= 10) {
		if (v <= ten)
			return ten;
		if (v <= 2 * ten)
			return 2 * ten;
		if (v <= 5 * ten)
			return 5 * ten;
	}
}

static void put_curve(struct buf *out, const char *class, const struct getgmt_day *d,
	const struct history *h, int64_t top, bool relays)
{
	const int64_t span = d->to_s - d->from_s;
	int64_t last = -1;

	for (size_t i = 0; i < h->n; i++) {
		const struct history_row *r = &h->rows[i];
		const int64_t v = relays ? r->relays : r->listeners, at = r->at_s - d->from_s;

		if (v < 0)
			continue;
		if (last == -1 || r->at_s - last > BREAK)
			buf_printf(out, "%s<polyline class=\"%s\" points=\"",
				last == -1 ? "" : "\"/>\n", class);
		buf_printf(out, "%.1f,%.1f ", CHART_X + (double)(at * CHART_W) / (double)span,
			CHART_Y + CHART_H - (double)(v * CHART_H) / (double)top);
		last = r->at_s;
	}
	if (last != -1)
		buf_puts(out, "\"/>\n");
}

static void put_chart(struct buf *out, const struct words *w, const struct getgmt_day *d,
	const struct history *h)
{
	const int64_t top = round_up(MAX(peak(h), 5)), span = d->to_s - d->from_s;
	struct tm tm;

	buf_printf(out, "<svg class=\"chart\" viewBox=\"0 0 %d %d\" role=\"img\" "
		"aria-label=\"%s\">\n", CHART_X + CHART_W + 24, CHART_Y + CHART_H + 24, w->chart);
	for (int i = 0; i <= 2; i++) {
		const int y = CHART_Y + CHART_H - i * CHART_H / 2;

		buf_printf(out, "<line class=\"grid\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>"
			"<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.12g</text>\n", CHART_X, y,
			CHART_X + CHART_W, y, CHART_X - 6, y + 4, (double)top * i / 2);
	}
	for (int hour = 0; hour <= 24; hour += 3) {
		const int64_t at = midnight(d->date, 0, &tm) + (int64_t)hour * 3600;
		const double x = CHART_X + (double)((at - d->from_s) * CHART_W) / (double)span;

		if (at <= d->to_s && local(at, &tm))
			buf_printf(out, "<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>"
				"<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d:%02d</text>\n",
				x, CHART_Y, x, CHART_Y + CHART_H, x, CHART_Y + CHART_H + 16, tm.tm_hour,
				tm.tm_min);
	}
	put_curve(out, "relays", d, h, top, true);
	put_curve(out, "listeners", d, h, top, false);
	buf_printf(out, "</svg>\n<p class=\"legend\"><span class=\"listeners\">%s</span> "
		"<span class=\"relays\">%s</span></p>\n", w->listeners, w->relays);
}

/* "[genre - desc] Playing: artist - title" and the comment. */
static void put_description(struct buf *out, const struct chaninfo *i)
{
	const char *const *t = i->text;
	const bool track = t[CT_TRACK_ARTIST][0] != '\0' || t[CT_TRACK_TITLE][0] != '\0';

	buf_puts(out, "[");
	xmlout_escape(out, t[CT_GENRE]);
	buf_puts(out, t[CT_GENRE][0] != '\0' && t[CT_DESC][0] != '\0' ? " - " : "");
	xmlout_escape(out, t[CT_DESC]);
	buf_puts(out, "]");
	if (track) {
		buf_puts(out, " Playing: ");
		xmlout_escape(out, t[CT_TRACK_ARTIST]);
		buf_puts(out, t[CT_TRACK_ARTIST][0] != '\0' && t[CT_TRACK_TITLE][0] != '\0' ? " - " : "");
		xmlout_escape(out, t[CT_TRACK_TITLE]);
	}
	if (t[CT_COMMENT][0] != '\0') {
		buf_puts(out, " 「");
		xmlout_escape(out, t[CT_COMMENT]);
		buf_puts(out, "」");
	}
}

static void put_count(struct buf *out, int32_t v)
{
	if (v < 0)
		buf_puts(out, "-");
	else
		buf_printf(out, "%d", v);
}

static void put_row(struct buf *out, const struct history *h, const struct history_row *r, bool same)
{
	struct tm tm;

	if (!local(r->at_s, &tm))
		return;
	buf_printf(out, "<tr><td>%d:%02d</td><td>%u:%02u</td><td>", tm.tm_hour, tm.tm_min,
		r->age_s / 3600, r->age_s / 60 % 60);
	put_count(out, r->listeners);
	buf_puts(out, " / ");
	put_count(out, r->relays);
	buf_puts(out, "</td><td>");
	if (same)
		buf_puts(out, "&#039;&#039;");
	else
		put_description(out, h->infos[r->info]);
	buf_puts(out, "</td></tr>\n");
}

/* The first sample of every slot. */
static void put_table(struct buf *out, const struct words *w, const struct getgmt_day *d,
	const struct history *h)
{
	const struct history_row *last = NULL;
	int64_t slot = -1, heard = 0;

	buf_printf(out, "<table>\n<thead><tr><th>%s</th><th>%s</th><th>%s</th><th>%s</th></tr></thead>\n"
		"<tbody>\n", w->time, w->age, w->status, w->description);
	for (size_t i = 0; i < h->n; i++) {
		const struct history_row *r = &h->rows[i];
		const int64_t now = (r->at_s - d->from_s) / SLOT;
		const bool gap = last != NULL && r->at_s - heard > GAP;

		heard = r->at_s;
		if (gap)
			buf_puts(out, "<tr class=\"gap\"><td></td><td></td><td></td><td></td></tr>\n");
		if (now == slot && !gap)
			continue;
		put_row(out, h, r, last != NULL && last->info == r->info && !gap);
		slot = now;
		last = r;
	}
	buf_puts(out, "</tbody>\n</table>\n");
}

static void put_days(struct buf *out, const struct words *w, const char *name,
	const struct getgmt_day *d, const struct history *h)
{
	uint32_t month = 0;

	if (h->n_days == 0)
		return;
	buf_printf(out, "<nav class=\"days\" aria-label=\"%s\">\n", w->days);
	for (size_t i = h->n_days; i > 0; i--) {
		const uint32_t date = h->days[i - 1];
		char text[16];

		if (date / 100 != month) {
			buf_printf(out, "%s<h2>%04u-%02u</h2>\n<ul>\n", month == 0 ? "" : "</ul>\n",
				date / 10000, date / 100 % 100);
			month = date / 100;
		}
		buf_puts(out, "<li>");
		snprintf(text, sizeof(text), "%u", date % 100);
		put_link(out, name, date, text, date == d->date);
		buf_puts(out, "</li>\n");
	}
	buf_puts(out, "</ul>\n</nav>\n");
}

enum status getgmt_page(struct buf *out, const char *lang, const char *yp, const char *name,
	const struct getgmt_day *d, const struct history *h)
{
	const struct words *w = &words[strcmp(lang, words[1].lang) == 0];
	char date[16];

	date_str(date, d->date);
	buf_printf(out, "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n", w->lang);
	buf_puts(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
	xmlout_escape(out, name);
	buf_printf(out, " - %s - ", w->statistics);
	xmlout_escape(out, yp);
	buf_puts(out, "</title>\n<link rel=\"icon\" href=\"/assets/icon.svg\" type=\"image/svg+xml\">\n"
		"<link rel=\"stylesheet\" href=\"/assets/style.css\">\n</head>\n"
		"<body class=\"bare\">\n<main id=\"main\">\n<div class=\"head\">\n"
		"<img src=\"/assets/icon.svg\" alt=\"\" width=\"36\" height=\"36\">\n<h1>");
	xmlout_escape(out, name);
	buf_puts(out, "</h1>\n<a class=\"end\" href=\"/yp/\">");
	xmlout_escape(out, yp);
	buf_printf(out, "</a>\n</div>\n<p class=\"quiet\">%s</p>\n<div class=\"day\">\n<div>\n", date);
	if (h->n > 0) {
		put_chart(out, w, d, h);
		put_table(out, w, d, h);
	} else {
		buf_printf(out, "<p>%s</p>\n", h->n_days > 0 ? w->no_day : w->no_name);
	}
	buf_puts(out, "</div>\n");
	put_days(out, w, name, d, h);
	buf_puts(out, "</div>\n</main>\n</body>\n</html>\n");
	return out->err;
}

/* --- JSON ------------------------------------------------------------------------------------- */

static json_t *info_json(const struct chaninfo *i)
{
	const char *const *t = i->text;

	return json_pack("{ss ss ss ss ss ss ss ss}", "genre", t[CT_GENRE], "desc", t[CT_DESC],
		"comment", t[CT_COMMENT], "url", t[CT_URL], "type", t[CT_TYPE], "artist", t[CT_TRACK_ARTIST],
		"title", t[CT_TRACK_TITLE], "album", t[CT_TRACK_ALBUM]);
}

static json_t *row_json(const struct history_row *r)
{
	return json_pack("{sI si si sI sI sI}", "time", (json_int_t)r->at_s, "listeners", (int)r->listeners,
		"relays", (int)r->relays, "age", (json_int_t)r->age_s, "bitrate", (json_int_t)r->bitrate_kbps,
		"info", (json_int_t)r->info);
}

enum status getgmt_json(struct buf *out, const char *name, const struct getgmt_day *d,
	const struct history *h)
{
	json_t *days = json_array(), *infos = json_array(), *rows = json_array(), *all;
	bool ok = days != NULL && infos != NULL && rows != NULL;
	char date[16];
	char *text;

	for (size_t i = 0; i < h->n_days && ok; i++) {
		date_str(date, h->days[i]);
		ok = json_array_append_new(days, json_string(date)) == 0;
	}
	for (size_t i = 0; i < h->n_infos && ok; i++)
		ok = json_array_append_new(infos, info_json(h->infos[i])) == 0;
	for (size_t i = 0; i < h->n && ok; i++)
		ok = json_array_append_new(rows, row_json(&h->rows[i])) == 0;
	date_str(date, d->date);
	all = ok ? json_pack("{si ss ss sI sI sO sO sO}", "version", 1, "name", name, "date", date,
		"from", (json_int_t)d->from_s, "to", (json_int_t)d->to_s, "days", days, "infos", infos,
		"samples", rows) : NULL;
	json_decref(days);
	json_decref(infos);
	json_decref(rows);
	text = all != NULL ? json_dumps(all, JSON_COMPACT) : NULL;
	json_decref(all);
	if (text == NULL)
		return ST_LIMIT;
	buf_puts(out, text);
	free(text);
	return out->err;
}

/* --- the request ------------------------------------------------------------------------------ */

/* 0, or the status that refuses it. */
static int read_request(const struct request *rq, char name[TEXT_MAX], struct getgmt_day *d)
{
	char raw[TEXT_MAX * 4], date[16];
	uint32_t number;
	struct tm tm;

	if (!query_get(rq->query, "cn", raw, sizeof(raw)))
		return 400;
	if (text_clean(name, TEXT_MAX, raw, strlen(raw)) == 0)
		return 400;
	if (!query_get(rq->query, "date", date, sizeof(date)))
		return local(clk_wall_s(), &tm) && getgmt_day(d, date_of(&tm)) ? 0 : 500;
	return strlen(date) == 8 && num_u32(date, 0, 99991231, &number) && getgmt_day(d, number) ? 0 : 400;
}

static enum status answer(const struct settings *set, const struct request *rq, struct response *rs,
	const char *name, const struct getgmt_day *d, const struct history *h)
{
	static const char *const offered[] = { "en", "ja" };
	const char *lang = offered[strcmp(set->html_path, "html/ja") == 0];
	char format[8], asked[8];

	response_header(rs, "Cache-Control", "max-age=30");
	if (query_get(rq->query, "format", format, sizeof(format)) && strcmp(format, "json") == 0) {
		rs->type = "application/json";
		response_header(rs, "Access-Control-Allow-Origin", "*");
		return getgmt_json(&rs->body, name, d, h);
	}
	if (query_get(rq->query, "lang", asked, sizeof(asked)))
		lang = strcmp(asked, "ja") == 0 ? "ja" : "en";
	else
		lang = request_language(rq, offered, NELEM(offered), lang);
	response_header(rs, "Content-Language", lang);
	response_header(rs, "Vary", "Accept-Language");
	rs->type = "text/html; charset=utf-8";
	response_header(rs, "Content-Security-Policy", "default-src 'none'; style-src 'self'; "
		"img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
	response_header(rs, "Referrer-Policy", "same-origin");
	return getgmt_page(&rs->body, lang, settings_yp_name(set), name, d, h);
}

enum status getgmt_serve(struct node *n, const struct request *rq, struct response *rs)
{
	const struct settings *set = conf_get(n->conf);
	enum status st = ST_STOPPED;
	struct getgmt_day d;
	char name[TEXT_MAX];
	struct history h;
	int status = 404;

	memset(&h, 0, sizeof(h));
	if (set->is_root && set->history_days > 0) {
		status = read_request(rq, name, &d);
		if (status == 0)
			st = n->ops.history(n, name, d.from_s, d.to_s, clk_deadline(ANSWER), &h);
	}
	if (status != 0)
		response_error(rs, status, status == 404 ? "no history is kept here" :
			"cn= is a channel's name, date= a day as YYYYMMDD");
	else if (st == ST_OK)
		st = answer(set, rq, rs, name, &d, &h);
	else if (st == ST_STOPPED)
		response_error(rs, 404, "no history is kept here");
	else if (st != ST_LIMIT)
		response_error(rs, 503, "the history does not answer");
	history_fini(&h);
	settings_unref(&set);
	return st == ST_LIMIT ? ST_LIMIT : ST_OK;
}
