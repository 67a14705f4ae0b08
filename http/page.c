/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/sys/assert.h"
#include "http/ui.h"

/* Folders of PeerCast-YT's languages, and its pages: bookmarks, probes of tools, and where commands lead
 * (http.md 6.2, 9.2, 9.3). The first page answers for those that there are no own ones for. */
static const char *const languages[] = { "en/", "ja/", "de/", "fr/" };
static const char *const same_page[] = { "index.html", "channels.html", "relays.html",
	"connections.html", "bcid.html", "broadcast.html", "chanfilters.html", "console.html",
	"flags.html", "notifications.html", "rtmp.html", "settings.html",
	"speedtest.html", "viewlog.html" };
/* Pages about one channel, the first one for all of them; and others of ours. */
static const char *const chan_page[] = { "relayinfo.html", "play.html", "editinfo.html", "head.html" };
static const char *const own_page[] = { "rootstatus.html", "logout.html" };

static const struct {
	const char *suffix, *mime;
} mimes[] = {
	{ ".html", "text/html; charset=utf-8" }, { ".css", "text/css; charset=utf-8" },
	{ ".js", "text/javascript; charset=utf-8" }, { ".svg", "image/svg+xml" },
	{ ".png", "image/png" }, { ".ico", "image/x-icon" }, { ".gif", "image/gif" },
	{ ".jpg", "image/jpeg" },
};

void page_url(char dst[PAGE_URL], const struct settings *st, const char *page)
{
	size_t i, at = 0;

	for (i = 0; i < NELEM(languages); i++) {
		size_t n = strlen(languages[i]) - 1;

		if (strncmp(st->html_path, "html/", 5) == 0 && strlen(st->html_path + 5) == n &&
		    strncmp(st->html_path + 5, languages[i], n) == 0)
			at = i;
	}
	snprintf(dst, PAGE_URL, "/html/%s%s", languages[at], page);
}

static int by_path(const void *key, const void *entry)
{
	const struct ui_file *f = entry;

	return strcmp(key, f->path);
}

static const char *mime_of(const char *path)
{
	size_t len = strlen(path), i;

	for (i = 0; i < NELEM(mimes); i++) {
		size_t n = strlen(mimes[i].suffix);

		if (len > n && strcmp(path + len - n, mimes[i].suffix) == 0)
			return mimes[i].mime;
	}
	return "application/octet-stream";
}

static const char *canonical(const char *path)
{
	size_t i, k;

	for (i = 0; i < NELEM(languages); i++) {
		size_t n = strlen(languages[i]);

		if (strncmp(path, languages[i], n) != 0)
			continue;
		for (k = 0; k < NELEM(same_page); k++)
			if (strcmp(path + n, same_page[k]) == 0)
				return "index.html";
		for (k = 0; k < NELEM(chan_page); k++)
			if (strcmp(path + n, chan_page[k]) == 0)
				return chan_page[0];
		for (k = 0; k < NELEM(own_page); k++)
			if (strcmp(path + n, own_page[k]) == 0)
				return own_page[k];
		return "";
	}
	return path;
}

static const struct ui_file *find(const char *name)
{
	return bsearch(name, ui_files, ui_files_n, sizeof(struct ui_file), by_path);
}

const char *page_file(const char *name)
{
	const struct ui_file *f = find(name);

	ASSERT(f != NULL);
	return (const char *)f->data;
}

void page_headers(struct response *rs)
{
	response_header(rs, "Content-Security-Policy", "default-src 'self'; object-src 'none'; "
		"base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
	response_header(rs, "Referrer-Policy", "same-origin");
	/* They change with the program alone; a shared cache has no business with them. */
	response_header(rs, "Cache-Control", "private, no-cache");
}

static void give(const struct ui_file *f, struct response *rs)
{
	rs->type = mime_of(f->path);
	rs->data = f->data;
	rs->data_len = f->len;
	page_headers(rs);
}

void page_put_html(struct buf *b, const char *text)
{
	for (; *text != '\0'; text++) {
		if (strchr("&<>\"'", *text) != NULL)
			buf_printf(b, "&#%d;", *text);
		else
			buf_u8(b, (uint8_t)*text);
	}
}

/* 0, or the status that refuses the page. */
static int check_channel(struct node *n, const struct request *rq, const char *name)
{
	char text[GNUID_STRLEN];
	struct gnuid id;

	if (strcmp(name, chan_page[0]) != 0)
		return 0;
	if (!query_get(rq->query, "id", text, sizeof(text)) || text[0] == '\0')
		return 400;
	/* whatever is carried here has a list */
	return gnuid_parse(&id, text) && chanmgr_list_exists(n->cm, &id) ? 0 : 404;
}

/* As PeerCast-YT's pages show it. */
static void put_uptime(struct buf *b, uint32_t s)
{
	if (s >= 86400)
		buf_printf(b, "%u day, %u hour", s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		buf_printf(b, "%u hour, %u min", s / 3600, s / 60 % 60);
	else if (s >= 60)
		buf_printf(b, "%u min, %u sec", s / 60, s % 60);
	else if (s > 0)
		buf_printf(b, "%u sec", s);
	else
		buf_puts(b, "-");
}

#define FACTS "<!-- facts -->"

/* The first page, with what a program that cannot run its script looks for: one yellow page takes the tenth
 * cell as our uptime (clients.md 3.2). */
static void give_first(struct node *n, const struct ui_file *f, struct response *rs)
{
	const char *page = (const char *)f->data, *at = strstr(page, FACTS);
	struct buf *b = &rs->body;
	char ip[HOST_STRLEN];
	struct own own;

	give(f, rs);
	if (at == NULL)
		return;
	servmgr_own(n->sm, &own);
	rs->data = NULL;
	buf_put(b, page, (size_t)(at - page));
	buf_printf(b, "<table hidden>\n<tr><td>Agent</td><td>%s</td></tr>\n"
		"<tr><td>Address</td><td>%s</td></tr>\n<tr><td>Port</td><td>%u</td></tr>\n"
		"<tr><td>Reachable</td><td>%s</td></tr>\n<tr><td>Uptime</td><td>",
		NODE_AGENT, host_ip_str(&own.global[0], ip), own.port, firewall_str(own.fw[0]));
	put_uptime(b, clk_age_s(own.started));
	buf_puts(b, "</td></tr>\n</table>");
	buf_puts(b, at + sizeof(FACTS) - 1);
}

void page_serve(struct node *n, const struct request *rq, struct response *rs)
{
	const char *name = canonical(rq->path + strlen("/html/"));
	const struct ui_file *f = find(name);
	const int status = f == NULL ? 404 : check_channel(n, rq, name);

	if (status == 0 && strcmp(name, "index.html") == 0)
		give_first(n, f, rs);
	else if (status == 0)
		give(f, rs);
	else
		response_error(rs, status, status == 400 ? "id missing" : NULL);
}

/* --- files that are no pages ------------------------------------------------------------------- */

/* Has the client what is as new as ours? A date that is none counts for nothing. */
static bool is_known(const struct request *rq)
{
	const char *since = request_header(rq, "If-Modified-Since"), *end;
	struct tm tm = { .tm_isdst = 0 };

	if (since == NULL)
		return false;
	end = strptime(since, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return end != NULL && *end == '\0' && timegm(&tm) >= (time_t)ui_files_time;
}

void page_serve_asset(const struct request *rq, const char *name, struct response *rs)
{
	const struct ui_file *f = find(name);
	char date[HTTP_DATE];

	if (f == NULL || strncmp(mime_of(name), "text/html", 9) == 0) {
		response_error(rs, 404, NULL);
		return;
	}
	http_date(date, ui_files_time);
	response_header(rs, "Last-Modified", date);
	response_header(rs, "Cache-Control", "no-cache");
	if (is_known(rq)) {
		rs->status = 304;
		rs->type = NULL;
		return;
	}
	rs->type = mime_of(name);
	rs->data = f->data;
	rs->data_len = f->len;
}

/* --- for everybody ---------------------------------------------------------------------------- */

static const char *yp_language(const struct request *rq, const struct settings *st)
{
	static const char *const offered[] = { "en", "ja" };
	const char *best = offered[strcmp(st->html_path, "html/ja") == 0];
	char text[8];
	size_t i;

	if (!query_get(rq->query, "lang", text, sizeof(text)))
		return request_language(rq, offered, NELEM(offered), best);
	for (i = 0; i < NELEM(offered); i++)
		if (strcmp(text, offered[i]) == 0)
			best = offered[i];
	return best;
}

void page_serve_yp(const struct request *rq, const struct settings *st, struct response *rs)
{
	const char *lang = yp_language(rq, st), *name;
	const struct ui_file *f;
	char path[160];

	if (strcmp(rq->path, "/yp") == 0) {
		response_redirect(rs, "/yp/");
		return;
	}
	name = rq->path + strlen("/yp/");
	/* What is not of a language has it in its path already, and is found as it is. */
	snprintf(path, sizeof(path), "yp/%s/%s", lang, name[0] != '\0' ? name : "index.html");
	f = find(path);
	if (f != NULL) {
		response_header(rs, "Content-Language", lang);
		response_header(rs, "Vary", "Accept-Language");
	} else {
		snprintf(path, sizeof(path), "yp/%s", name);
		f = find(strcmp(name, "icon.svg") == 0 ? name : path);
	}
	if (f != NULL)
		give(f, rs);
	else
		response_error(rs, 404, NULL);
}

/* 0, or the status that refuses the page: nobody may have a channel fetched by looking at it. */
static int check_playing(struct node *n, const struct request *rq)
{
	char text[GNUID_STRLEN];
	struct chan *c = NULL;
	struct gnuid id;
	bool plays;

	if (!query_get(rq->query, "id", text, sizeof(text)) || text[0] == '\0')
		return 400;
	if (strlen(text) == GNUID_STRLEN - 1 && gnuid_parse(&id, text))
		c = chanmgr_find(n->cm, &id);
	plays = c != NULL && chan_is_playing(c);
	chan_unref(&c);
	return plays ? 0 : 404;
}

void page_serve_public(struct node *n, const struct request *rq, struct response *rs)
{
	static const char *const offered[] = { "en", "ja" };
	const char *lang = request_language(rq, offered, NELEM(offered), offered[0]), *name;
	const struct ui_file *f;
	char path[160];
	int status = 0;

	if (strcmp(rq->path, "/public") == 0 || strcmp(rq->path, "/public/") == 0) {
		response_redirect(rs, strlen(rq->path) == 7 ? "/public/" : "/public/index.html");
		return;
	}
	name = rq->path + strlen("/public/");
	if (strcmp(name, "play.html") == 0)
		status = check_playing(n, rq);
	if (status != 0) {
		response_error(rs, status, status == 400 ? "id missing" : NULL);
		return;
	}
	snprintf(path, sizeof(path), "public/%s/%s", lang, name);
	f = find(path);
	if (f == NULL) {
		/* not of a language, or of one by its name */
		snprintf(path, sizeof(path), "public/%s", name);
		f = find(path);
	} else {
		response_header(rs, "Content-Language", lang);
		response_header(rs, "Vary", "Accept-Language");
	}
	if (f != NULL)
		give(f, rs);
	else
		response_error(rs, 404, NULL);
}
