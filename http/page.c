/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/conf/key.h"
#include "core/sys/assert.h"
#include "http/target.h"
#include "http/uifile.h"

#define PAGE_MAX    ((size_t)1 << 20)  /* bytes of a page */
#define PAGE_VALUES 8                   /* of a handler's own */
#define PART        192                 /* bytes of a tag */
#define ETAG        24

/* Folders of PeerCast-YT's languages (http.md 9.1), and in what we answer there. */
static const struct {
	const char *folder, *lang;
} languages[] = {
	{ "en", "en" }, { "ja", "ja" }, { "de", "en" }, { "fr", "en" },
};
static const char *const offered[] = { "en", "ja" };
#define DEFAULT_PATH "html/en"
/* Pages about one channel. */
static const char *const chan_page[] = { "relayinfo.html", "play.html", "editinfo.html", "head.html" };
static const struct {
	const char *suffix, *mime;
} mimes[] = {
	{ ".html", "text/html; charset=utf-8" }, { ".css", "text/css; charset=utf-8" },
	{ ".js", "text/javascript; charset=utf-8" }, { ".svg", "image/svg+xml" },
	{ ".png", "image/png" }, { ".ico", "image/x-icon" }, { ".gif", "image/gif" },
	{ ".jpg", "image/jpeg" },
};

static const char *folder_of(const struct settings *st, size_t *at)
{
	for (*at = 0; *at < NELEM(languages); (*at)++)
		if (strncmp(st->html_path, "html/", 5) == 0 &&
		    strcmp(st->html_path + 5, languages[*at].folder) == 0)
			return languages[*at].folder;
	*at = 0;
	return languages[0].folder;
}

const char *page_language(const struct settings *st, const struct request *rq)
{
	size_t at;

	(void)folder_of(st, &at);
	if (rq == NULL || strcmp(st->html_path, DEFAULT_PATH) != 0)
		return languages[at].lang;
	return request_language(rq, offered, NELEM(offered), languages[at].lang);
}

void page_url(char dst[PAGE_URL], const struct settings *st, const struct request *rq, const char *page)
{
	size_t at;
	const char *folder = folder_of(st, &at);

	if (strcmp(st->html_path, DEFAULT_PATH) == 0)
		folder = page_language(st, rq);
	snprintf(dst, PAGE_URL, "/html/%s/%s", folder, page);
}

/* NULL: nothing that is given out. */
static const char *mime_of(const char *path)
{
	size_t len = strlen(path), i;

	for (i = 0; i < NELEM(mimes); i++) {
		size_t n = strlen(mimes[i].suffix);

		if (len > n && strcmp(path + len - n, mimes[i].suffix) == 0)
			return mimes[i].mime;
	}
	return NULL;
}

static bool is_page(const char *path)
{
	const char *mime = mime_of(path);

	return mime != NULL && strncmp(mime, "text/html", 9) == 0;
}

void page_headers(struct response *rs)
{
	response_header(rs, "Content-Security-Policy", "default-src 'self'; media-src 'self' blob:; "
		"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
	response_header(rs, "Referrer-Policy", "same-origin");
	/* They change with the program alone; a shared cache has no business with them. */
	response_header(rs, "Cache-Control", "private, no-cache");
}

/* The name of what these bytes are; `how` tells from one another what is sent in several ways. FNV-1a: nobody
 * gains by two that are alike. */
static void etag_of(char dst[ETAG], const void *p, size_t n, const char *how)
{
	const uint8_t *b = p;
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 0x100000001b3;
	snprintf(dst, ETAG, "\"%016llx%s\"", (unsigned long long)h, how);
}

/* Does the client have these bytes? The answer is without them then. */
static bool is_etag_known(const struct request *rq, struct response *rs, const void *p, size_t n,
	const char *how)
{
	char etag[ETAG];

	etag_of(etag, p, n, how);
	response_header(rs, "ETag", etag);
	if (!request_etag_matches(rq, etag))
		return false;
	rs->status = 304;
	rs->type = NULL;
	rs->data = NULL;
	buf_reset(&rs->body);
	return true;
}

/* --- a page in its shell ----------------------------------------------------------------------- */

struct head {
	char title[TEMPLATE_TEXT], section[64];
	size_t len;                     /* bytes of the line */
};

/* The first line of a page, <!-- Title | section -->. */
static void read_head(struct head *h, const char *page, const char *name)
{
	const char *end = strstr(page, " -->\n"), *bar;

	ASSERT(strncmp(page, "<!-- ", 5) == 0 && end != NULL);
	h->len = (size_t)(end - page) + 5;
	page += 5;
	bar = memmem(page, (size_t)(end - page), " | ", 3);
	snprintf(h->title, sizeof(h->title), "%.*s", (int)((bar != NULL ? bar : end) - page), page);
	if (bar != NULL)
		snprintf(h->section, sizeof(h->section), "%.*s", (int)(end - bar - 3), bar + 3);
	else
		snprintf(h->section, sizeof(h->section), "%.*s", (int)strcspn(name, "."), name);
}

/* The tag for "js/index.js" of pages/index.html, for "js/yp.js" of yp/index.html; "" when there is no such
 * file. */
static void part_of(char dst[PART], const char *file, const char *folder, const char *before,
	const char *after)
{
	const char *name = strncmp(file, "pages/", 6) == 0 ? file + 6 : file;
	char path[96];

	snprintf(path, sizeof(path), "%s/%.*s.%s", folder, (int)strcspn(name, "./"), name, folder);
	dst[0] = '\0';
	if (ui_find(path) != NULL)
		snprintf(dst, PART, "%s/assets/%s%s", before, path, after);
}

#define NAV_BEGIN "<!-- nav -->"
#define NAV_END   "<!-- /nav -->"

/* A page with the text of its shell around it. */
static void put_shell(struct buf *out, const char *p, const char *lang, const struct head *h,
	const struct template_value *v)
{
	const char *from = strstr(p, NAV_BEGIN), *to = strstr(p, NAV_END);
	const char *const end = p + strlen(p);

	if (from != NULL && to != NULL && strcmp(h->section, "-") == 0) {
		template_put(out, p, (size_t)(from - p), lang, h->section, v);
		p = to + sizeof(NAV_END) - 1;
	}
	template_put(out, p, (size_t)(end - p), lang, h->section, v);
}

/* The query goes along to the page in the other language, but no password. */
static void put_query(struct buf *out, const struct request *rq)
{
	if (rq->query[0] == '\0' || strstr(rq->query, "pass=") != NULL || strstr(rq->query, "lang=") != NULL)
		return;
	buf_puts(out, "?");
	template_put_html(out, rq->query);
}

/* The values of every page, behind those of the caller; v has room. */
static size_t join_values(struct template_value *v, const struct template_value *more,
	const struct template_value *ours, size_t n)
{
	size_t at = 0;

	for (; more != NULL && more->mark != NULL; more++) {
		ASSERT(at < PAGE_VALUES);
		v[at++] = *more;
	}
	memcpy(v + at, ours, n * sizeof(*v));
	return at + n;
}

/* The text, when it is one of what the setting may say: a file can hold anything. */
static const char *look(const char *key, const char *text)
{
	const struct key *k = key_find(SECT_CLIENT, key);
	const size_t n = strlen(text);

	for (const char *w = k->words; *w != '\0'; w += strcspn(w, " "), w += *w == ' ')
		if (strcspn(w, " ") == n && strncmp(w, text, n) == 0)
			return text;
	return k->dflt;
}

void page_put(struct node *n, const struct request *rq, struct response *rs, const char *file,
	const char *lang, const struct template_value *more)
{
	const struct ui_file *f = ui_find(file);
	const struct ui_file *shell = ui_find(strncmp(file, "pages/", 6) == 0 ? "shell.html" :
		"public/shell.html");
	const char *name = strrchr(file, '/') + 1, *other = offered[strcmp(lang, offered[0]) == 0];
	char base[64], script[PART], style[PART];
	struct template_value v[PAGE_VALUES + 16];
	struct buf main, title, query;
	const char *page, *around;
	const struct settings *st;
	struct head h;
	size_t at;

	ASSERT(f != NULL && shell != NULL);
	page = ui_text(f);
	around = ui_text(shell);
	if (page == NULL || around == NULL) {
		response_error(rs, 503, "out of memory");
		return;
	}
	st = conf_get(n->conf);
	buf_init(&main, PAGE_MAX);
	buf_init(&title, PAGE_MAX);
	buf_init(&query, PAGE_MAX);
	read_head(&h, page, name);
	template_put_html(&title, template_text(lang, h.title));
	put_query(&query, rq);
	snprintf(base, sizeof(base), "%.*s", (int)strcspn(name, "."), name);
	part_of(script, file, "js", "<script type=\"module\" src=\"", "\"></script>");
	part_of(style, file, "css", "<link rel=\"stylesheet\" href=\"", "\">");
	const struct template_value ours[] = {
		{ "LANG", lang }, { "OTHER", other }, { "NAME", base }, { "TITLE", buf_cstr(&title) },
		{ "OTHERNAME", strcmp(other, "ja") == 0 ? "日本語" : "English" },
		{ "SCRIPT", script }, { "STYLE", style }, { "QUERY", buf_cstr(&query) },
		{ "THEME", look("preferredTheme", st->preferred_theme) },
		{ "ACCENT", look("accentColor", st->accent_color) },
		{ "ROOT", st->is_root ? "" : " hidden" },
		{ "BARE", strcmp(h.section, "-") == 0 ? " class=\"bare\"" : "" },
	};
	at = join_values(v, more, ours, NELEM(ours));
	v[at] = (struct template_value){ NULL, NULL };
	template_put(&main, page + h.len, f->len - h.len, lang, h.section, v);
	v[at++] = (struct template_value){ "MAIN", buf_cstr(&main) };
	v[at] = (struct template_value){ NULL, NULL };
	put_shell(&rs->body, around, lang, &h, v);
	if (main.err != ST_OK)
		rs->body.err = ST_LIMIT;
	buf_fini(&main);
	buf_fini(&title);
	buf_fini(&query);
	settings_unref(&st);
	rs->type = "text/html; charset=utf-8";
	page_headers(rs);
	if (rs->body.err == ST_OK && rs->status == 200)
		(void)is_etag_known(rq, rs, rs->body.p, rs->body.len, "");
}

/* 0, or the status that refuses the page. */
static int check_channel(struct node *n, const struct request *rq, const char *name)
{
	char text[GNUID_STRLEN], tip[TARGET_HOST];
	struct gnuid id;
	size_t i = 0;

	while (i < NELEM(chan_page) && strcmp(name, chan_page[i]) != 0)
		i++;
	if (i == NELEM(chan_page))
		return 0;
	if (!query_get(rq->query, "id", text, sizeof(text)) || text[0] == '\0')
		return 400;
	if (!gnuid_parse(&id, text))
		return 404;
	/* whatever is carried here has a list; what a yellow page lists, or others have, can be played */
	if (chanmgr_list_exists(n->cm, &id))
		return 0;
	if (strcmp(name, "play.html") != 0)
		return 404;
	if (query_get(rq->query, "tip", tip, sizeof(tip)) && tip[0] != '\0')
		return 0;
	return chandir_has(&n->chandir, &id) ? 0 : 404;
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

/* What a program that cannot run the first page's script looks for: one yellow page takes the tenth cell as
 * our uptime (clients.md 3.2). */
static void put_facts(struct node *n, struct buf *b)
{
	char ip[HOST_STRLEN];
	struct own own;

	servmgr_own(n->sm, &own);
	buf_printf(b, "<table hidden>\n<tr><td>Agent</td><td>%s</td></tr>\n"
		"<tr><td>Address</td><td>%s</td></tr>\n<tr><td>Port</td><td>%u</td></tr>\n"
		"<tr><td>Reachable</td><td>%s</td></tr>\n<tr><td>Uptime</td><td>",
		NODE_AGENT, host_ip_str(&own.global[0], ip), own.port, firewall_str(own.fw[0]));
	put_uptime(b, clk_age_s(own.started));
	buf_puts(b, "</td></tr>\n</table>");
}

static void give_first(struct node *n, const struct request *rq, struct response *rs, const char *lang)
{
	struct buf facts;

	buf_init(&facts, PAGE_MAX);
	put_facts(n, &facts);
	page_put(n, rq, rs, "pages/index.html", lang,
		(const struct template_value[]){ { "FACTS", buf_cstr(&facts) }, { NULL, NULL } });
	buf_fini(&facts);
}

const char *page_path_language(const char *path)
{
	if (strncmp(path, "/html/", 6) != 0)
		return NULL;
	path += 6;
	for (size_t i = 0; i < NELEM(languages); i++) {
		const size_t len = strlen(languages[i].folder);

		if (strncmp(path, languages[i].folder, len) == 0 && path[len] == '/')
			return languages[i].lang;
	}
	return NULL;
}

/* "pages/x.html" of x.html. False: there is no such page. */
static bool page_of(char file[96], const char *name)
{
	if (strlen(name) > 64)
		return false;
	snprintf(file, 96, "pages/%s", name);
	return ui_find(file) != NULL && is_page(file);
}

void page_serve(struct node *n, const struct request *rq, struct response *rs)
{
	const char *lang = page_path_language(rq->path), *name;
	char file[96];
	int status;

	if (lang == NULL) {
		page_serve_asset(rq, rq->path + strlen("/html/"), rs);
		return;
	}
	name = strchr(rq->path + strlen("/html/"), '/') + 1;
	status = page_of(file, name) ? check_channel(n, rq, name) : 404;
	if (status != 0)
		response_error(rs, status, status == 400 ? "id missing" : NULL);
	else if (strcmp(file, "pages/index.html") == 0)
		give_first(n, rq, rs, lang);
	else
		page_put(n, rq, rs, file, lang, NULL);
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

static void give_texts(const struct request *rq, const char *lang, struct response *rs)
{
	template_catalogue(&rs->body, lang);
	rs->type = "text/javascript; charset=utf-8";
	page_headers(rs);
	(void)is_etag_known(rq, rs, rs->body.p, rs->body.len, "");
}

/* As it is kept, or unpacked for who cannot do that. */
static void give_file(const struct ui_file *f, bool packed, struct response *rs)
{
	uint8_t *p;

	rs->type = mime_of(f->path);
	if (packed || !ui_packed) {
		rs->data = f->packed;
		rs->data_len = f->packed_len;
		if (packed)
			response_header(rs, "Content-Encoding", "gzip");
		return;
	}
	p = buf_reserve(&rs->body, f->len);
	if (p == NULL || !ui_unpack(f, p)) {
		response_error(rs, 503, "out of memory");
		return;
	}
	rs->body.len += f->len;
}

void page_serve_asset(const struct request *rq, const char *name, struct response *rs)
{
	const struct ui_file *f = ui_find(name);
	char date[HTTP_DATE];
	bool packed;

	if (strcmp(name, "texts/ja.js") == 0 || strcmp(name, "texts/en.js") == 0) {
		give_texts(rq, strcmp(name, "texts/ja.js") == 0 ? "ja" : "en", rs);
		return;
	}
	/* pages are templates, and catalogues are in texts/ */
	if (f == NULL || mime_of(name) == NULL || is_page(name)) {
		response_error(rs, 404, NULL);
		return;
	}
	page_headers(rs);
	http_date(date, ui_files_time);
	response_header(rs, "Last-Modified", date);
	packed = ui_packed && request_takes_gzip(rq);
	if (ui_packed)
		response_header(rs, "Vary", "Accept-Encoding");
	if (is_etag_known(rq, rs, f->packed, f->packed_len, packed ? "-gz" : ""))
		return;
	if (request_header(rq, "If-None-Match") == NULL && is_known(rq)) {
		rs->status = 304;
		rs->type = NULL;
		return;
	}
	give_file(f, packed, rs);
}

/* --- for everybody ---------------------------------------------------------------------------- */

/* The language of lang=, else the one the browser likes best, else that of the settings. */
static const char *public_language(const struct request *rq, const struct settings *st)
{
	const char *best = page_language(st, NULL);
	char text[8];

	if (!query_get(rq->query, "lang", text, sizeof(text)))
		return request_language(rq, offered, NELEM(offered), best);
	for (size_t i = 0; i < NELEM(offered); i++)
		if (strcmp(text, offered[i]) == 0)
			best = offered[i];
	return best;
}

/* The page of that folder, or 404. */
static void give_public(struct node *n, const struct request *rq, const struct settings *st,
	struct response *rs, const char *folder, const char *name)
{
	const char *lang = public_language(rq, st);
	char file[96];

	snprintf(file, sizeof(file), "%s/%.64s", folder, name[0] != '\0' ? name : "index.html");
	if (ui_find(file) == NULL || !is_page(file) || strcmp(name, "shell.html") == 0) {
		response_error(rs, 404, NULL);
		return;
	}
	response_header(rs, "Content-Language", lang);
	response_header(rs, "Vary", "Accept-Language");
	page_put(n, rq, rs, file, lang, NULL);
}

void page_serve_yp(struct node *n, const struct request *rq, const struct settings *st, struct response *rs)
{
	if (strcmp(rq->path, "/yp") == 0)
		response_redirect(rs, "/yp/");
	else
		give_public(n, rq, st, rs, "yp", rq->path + strlen("/yp/"));
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

void page_serve_public(struct node *n, const struct request *rq, const struct settings *st,
	struct response *rs)
{
	const char *name = rq->path + strlen("/public");
	int status = 0;

	if (name[0] == '\0' || strcmp(name, "/") == 0) {
		response_redirect(rs, name[0] == '\0' ? "/public/" : "/public/index.html");
		return;
	}
	name++;
	if (strcmp(name, "play.html") == 0)
		status = check_playing(n, rq);
	if (status != 0)
		response_error(rs, status, status == 400 ? "id missing" : NULL);
	else
		give_public(n, rq, st, rs, "public", name);
}
