/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"
#include "http/jsontext.h"

/* --- hosts and addresses ---------------------------------------------------------------------- */

static const char shitaraba[] = "jbbs.shitaraba.net";

/* A port a board may be on: the usual two, and those anybody may listen on. */
static bool is_port(const char *s)
{
	uint32_t port;

	return num_u32(s, 1, 65535, &port) && (port == 80 || port == 443 || port >= 1024);
}

bool board_set_host(struct board *b, const char *text, size_t n)
{
	const char *colon = memchr(text, ':', n);
	const size_t name = colon != NULL ? (size_t)(colon - text) : n;

	if (name == 0 || n >= sizeof(b->host) || text[0] == '.' || text[0] == '-')
		return false;
	for (size_t i = 0; i < name; i++) {
		if (!ascii_isalnum((uint8_t)text[i]) && strchr("-._", text[i]) == NULL)
			return false;
		b->host[i] = (char)ascii_lower((uint8_t)text[i]);
	}
	memcpy(b->host + name, text + name, n - name);
	b->host[n] = '\0';
	if (memchr(b->host, '\0', n) != NULL || (colon != NULL && !is_port(b->host + name + 1)))
		return false;
	if (strcmp(b->host + name, b->https ? ":443" : ":80") == 0)
		b->host[name] = '\0';
	/* what it was called before */
	if (strcmp(b->host, "jbbs.livedoor.jp") == 0 || strcmp(b->host, "jbbs.shitaraba.com") == 0)
		(void)text_copy(b->host, sizeof(b->host), shitaraba);
	if (strcmp(b->host, shitaraba) == 0)
		b->https = true;
	return true;
}

/* The host of an http or https address; *path is what follows it. */
static bool take_host(struct board *b, const char *url, const char **path)
{
	size_t n;

	memset(b, 0, sizeof(*b));
	b->https = ascii_ncasecmp(url, "https://", 8) == 0;
	if (!b->https && ascii_ncasecmp(url, "http://", 7) != 0)
		return false;
	url += b->https ? 8 : 7;
	n = strcspn(url, "/?#");
	*path = url + n;
	return board_set_host(b, url, n);
}

/* The next part of a path, from behind a slash to the next one, into dst; "" = there is none. */
static void take_part(const char **path, char dst[BOARD_PART])
{
	const char *p = *path;
	size_t n;

	dst[0] = '\0';
	if (*p != '/')
		return;
	n = strcspn(++p, "/?#");
	if (n < BOARD_PART) {
		memcpy(dst, p, n);
		dst[n] = '\0';
	}
	if (!board_is_part(dst))
		dst[0] = '\0';
	else
		*path = p + n;
}

/* Behind a script of the board's host, "/test/read.cgi"; the path as it is when there is none. */
static const char *behind_script(const char *path)
{
	const size_t n = strcspn(path, "?#");
	const char *cgi = memmem(path, n, ".cgi/", 5);

	return cgi != NULL ? cgi + 4 : path;
}

bool board_of_url(struct board *b, const char *url)
{
	const char *path;
	bool script;

	if (!take_host(b, url, &path))
		return false;
	script = behind_script(path) != path;
	path = behind_script(path);
	b->kind = strcmp(b->host, shitaraba) == 0 ? BOARD_SHITARABA : BOARD_2CH;
	take_part(&path, b->category);
	if (b->kind == BOARD_SHITARABA) {
		take_part(&path, b->num);
		if (b->num[0] == '\0')
			return false;
	}
	if (script)
		take_part(&path, b->thread);
	return b->category[0] != '\0';
}

/* Of a board of Shitaraba, and of one of the 2ch type. */
static void path_of_shitaraba(char dst[BOARD_PATH], const struct board *b, enum board_path which,
	uint32_t from)
{
	const char *cat = b->category, *num = b->num, *thread = b->thread;

	switch (which) {
	case BOARD_PATH_THREADS:
		(void)snprintf(dst, BOARD_PATH, "/%s/%s/subject.txt", cat, num);
		break;
	case BOARD_PATH_SETTINGS:
		(void)snprintf(dst, BOARD_PATH, "/bbs/api/setting.cgi/%s/%s/", cat, num);
		break;
	case BOARD_PATH_POSTS:
		(void)snprintf(dst, BOARD_PATH, "/bbs/rawmode.cgi/%s/%s/%s/%u-", cat, num, thread, from);
		break;
	case BOARD_PATH_WRITE:
		(void)snprintf(dst, BOARD_PATH, "/bbs/write.cgi/%s/%s/%s/", cat, num, thread);
		break;
	case BOARD_PATH_READ:
		(void)snprintf(dst, BOARD_PATH, "/bbs/read.cgi/%s/%s/%s/", cat, num, thread);
		break;
	}
}

static void path_of_2ch(char dst[BOARD_PATH], const struct board *b, enum board_path which)
{
	switch (which) {
	case BOARD_PATH_THREADS:
		(void)snprintf(dst, BOARD_PATH, "/%s/subject.txt", b->category);
		break;
	case BOARD_PATH_SETTINGS:
		(void)snprintf(dst, BOARD_PATH, "/%s/SETTING.TXT", b->category);
		break;
	case BOARD_PATH_POSTS:
		(void)snprintf(dst, BOARD_PATH, "/%s/dat/%s.dat", b->category, b->thread);
		break;
	case BOARD_PATH_WRITE:
		(void)snprintf(dst, BOARD_PATH, "/test/bbs.cgi");
		break;
	case BOARD_PATH_READ:
		(void)snprintf(dst, BOARD_PATH, "/%s/", b->category);
		break;
	}
}

void board_path(char dst[BOARD_PATH], const struct board *b, enum board_path which, uint32_t from)
{
	dst[0] = '\0';
	if (b->kind == BOARD_SHITARABA)
		path_of_shitaraba(dst, b, which, from);
	else
		path_of_2ch(dst, b, which);
}

/* --- who may be asked ------------------------------------------------------------------------- */

/* Is its host that of this address? Then the address says whether by https. */
static bool is_host_of(struct board *b, const char *url)
{
	const char *path;
	struct board other;

	if (!take_host(&other, url, &path) || strcmp(b->host, other.host) != 0)
		return false;
	b->https = b->https || other.https;
	return true;
}

static bool is_listed(const char *list, const char *host)
{
	while (*list != '\0') {
		size_t n;

		list += strspn(list, ", ");
		n = strcspn(list, ", ");
		if (n > 0 && n == strlen(host) && ascii_ncasecmp(list, host, n) == 0)
			return true;
		list += n;
	}
	return false;
}

static bool is_carried(struct node *n, struct board *b)
{
	struct chan **all;
	bool is = false;
	size_t count;

	if (chanmgr_all(n->cm, &all, &count) != ST_OK)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct chaninfo *info = chan_info(all[i]);

		is = is_host_of(b, info->text[CT_URL]) || is;
		chaninfo_unref(&info);
		chan_unref(&all[i]);
	}
	free(all);
	return is;
}

static bool is_known(struct node *n, struct board *b)
{
	struct hitlist_view *all;
	bool is = false;
	size_t count;

	if (chanmgr_lists(n->cm, false, &all, &count) != ST_OK)
		return false;
	for (size_t i = 0; i < count; i++) {
		is = (all[i].info != NULL && is_host_of(b, all[i].info->text[CT_URL])) || is;
		hitlist_view_fini(&all[i]);
	}
	free(all);
	return is;
}

static bool is_in_feed(struct node *n, struct board *b)
{
	struct dirview *v = chandir_get(&n->chandir);
	bool is = false;

	for (size_t i = 0; v != NULL && i < v->n_entries; i++)
		is = is_host_of(b, v->entries[i].chan->text[FEED_URL]) || is;
	dirview_unref(&v);
	return is;
}

enum board_leave board_may(struct node *n, struct board *b)
{
	const struct settings *set = conf_get(n->conf);
	const bool listed = is_listed(set->board_hosts, b->host);
	bool known;

	settings_unref(&set);
	/* all of them, for whether by https */
	known = is_carried(n, b);
	known = is_known(n, b) || known;
	known = is_in_feed(n, b) || known;
	return listed ? BOARD_LISTED : known ? BOARD_CONTACT : BOARD_NEVER;
}

void board_answer_fini(struct board_answer *a)
{
	blob_unref(&a->text);
	blob_unref(&a->settings);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void put_member(struct buf *out, const char *key, const char *text)
{
	jsontext_key(out, key);
	jsontext_string(out, text);
}

static void put_number(struct buf *out, const char *key, int64_t n)
{
	jsontext_key(out, key);
	buf_int(out, n);
}

static void put_error(struct response *rs, long code, const char *why)
{
	buf_reset(&rs->body);
	buf_puts(&rs->body, "{");
	put_number(&rs->body, "code", code);
	put_member(&rs->body, "message", why);
	put_member(&rs->body, "status", "error");
	buf_puts(&rs->body, "}");
}

static void put_board(struct buf *out, struct boardconv *c, const struct board *b,
	const struct board_answer *a)
{
	struct board_thread t;
	struct buf title;
	struct rd list = board_list(b->kind, a->text->data, a->text->len);

	buf_init(&title, BOARD_ANSWER);
	buf_init(&t.title, BOARD_ANSWER);
	if (a->settings != NULL)
		board_title(c, &title, a->settings->data, a->settings->len);
	buf_puts(out, "{");
	put_member(out, "board_num", b->num);
	put_member(out, "category", b->category);
	put_member(out, "fqdn", b->host);
	put_member(out, "id", b->thread);
	put_member(out, "status", "ok");
	jsontext_key(out, "threads");
	buf_puts(out, "[");
	for (size_t i = 0; i < BOARD_THREADS && board_next_thread(c, &list, &t); i++) {
		buf_puts(out, i > 0 ? ",{" : "{");
		put_member(out, "id", t.id);
		put_number(out, "last", t.posts);
		put_member(out, "title", buf_cstr(&t.title));
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
	put_member(out, "title", buf_cstr(&title));
	buf_puts(out, "}");
	buf_fini(&t.title);
	buf_fini(&title);
}

static void put_post(struct buf *out, struct board_post *p)
{
	put_member(out, "body", buf_cstr(&p->field[POST_BODY]));
	put_member(out, "date", buf_cstr(&p->field[POST_DATE]));
	put_member(out, "mail", buf_cstr(&p->field[POST_MAIL]));
	put_member(out, "name", buf_cstr(&p->field[POST_NAME]));
	put_number(out, "no", p->no);
}

/* The thread's title is with its first post. */
static void put_thread(struct buf *out, struct boardconv *c, const struct board *b, uint32_t first,
	const struct board_answer *a)
{
	const struct rd text = rd_of(a->text->data, a->text->len);
	struct board_reading at = { .rd = text }, head = { .rd = text };
	struct board_post p;
	bool any = false;

	board_post_init(&p);
	buf_puts(out, "{");
	put_member(out, "id", b->thread);
	jsontext_key(out, "posts");
	buf_puts(out, "[");
	while (board_next_post(c, &at, first, &p)) {
		buf_puts(out, any ? ",{" : "{");
		put_post(out, &p);
		buf_puts(out, "}");
		any = true;
	}
	buf_puts(out, "]");
	put_number(out, "last", at.last);
	put_member(out, "status", "ok");
	put_member(out, "title", board_next_post(c, &head, 1, &p) ? buf_cstr(&p.field[POST_TITLE]) : "");
	buf_puts(out, "}");
	board_post_fini(&p);
}

/* --- what is asked for ------------------------------------------------------------------------ */

struct asked {
	struct board_ask ask;
	char name[BOARD_NAME], mail[BOARD_NAME];
	char body[BOARD_BODY];
};

static bool take(const char *form, const char *key, char *dst, size_t cap)
{
	return query_get(form, key, dst, cap) && dst[0] != '\0';
}

/* Which board, and of a thread which one; NULL, or what is wrong. */
static const char *take_board(struct board *b, const char *form, enum board_page page)
{
	char host[BOARD_HOST], url[TEXT_MAX];

	if (page == BOARD_PAGE_BOARD && take(form, "url", url, sizeof(url)))
		return board_of_url(b, url) ? NULL : "this is no address of a board";
	memset(b, 0, sizeof(*b));
	if (!take(form, "fqdn", host, sizeof(host)) ||
	    !take(form, "category", b->category, sizeof(b->category)))
		return "fqdn and category are missing";
	(void)query_get(form, "board_num", b->num, sizeof(b->num));
	if (!board_set_host(b, host, strlen(host)) || !board_is_part(b->category) ||
	    (b->num[0] != '\0' && !board_is_part(b->num)))
		return "there is no such board";
	/* two names make a board of Shitaraba's kind */
	b->kind = b->num[0] != '\0' ? BOARD_SHITARABA : BOARD_2CH;
	if (b->kind == BOARD_2CH && strcmp(b->host, shitaraba) == 0)
		return "board_num is missing";
	if (page == BOARD_PAGE_BOARD)
		return NULL;
	if (!take(form, "id", b->thread, sizeof(b->thread)))
		return "id is missing";
	return board_is_part(b->thread) ? NULL : "there is no such thread";
}

static const char *take_asked(struct asked *q, const char *form, enum board_page page)
{
	static const enum board_what what[] = {
		[BOARD_PAGE_BOARD] = BOARD_LIST, [BOARD_PAGE_THREAD] = BOARD_POSTS,
		[BOARD_PAGE_POST] = BOARD_WRITE,
	};
	const char *why = take_board(&q->ask.board, form, page);
	char first[16];

	q->ask.what = what[page];
	q->ask.first = 1;
	if (why != NULL)
		return why;
	if (page == BOARD_PAGE_THREAD && take(form, "first", first, sizeof(first)) &&
	    !num_u32(first, 1, BOARD_NUMBER, &q->ask.first))
		return "first is no number of a post";
	if (page != BOARD_PAGE_POST)
		return NULL;
	if (!take(form, "body", q->body, sizeof(q->body)))
		return "body is missing, or too long";
	(void)query_get(form, "name", q->name, sizeof(q->name));
	(void)query_get(form, "mail", q->mail, sizeof(q->mail));
	return NULL;
}

static void put_value(struct boardconv *c, struct buf *out, const char *key, const char *value)
{
	buf_printf(out, "%s%s=", out->len > 0 ? "&" : "", key);
	boardconv_write(c, out, value);
}

static void make_form(struct buf *out, struct boardconv *c, const struct asked *q)
{
	const struct board *b = &q->ask.board;

	if (b->kind == BOARD_SHITARABA) {
		put_value(c, out, "BBS", b->num);
		put_value(c, out, "KEY", b->thread);
		put_value(c, out, "DIR", b->category);
		put_value(c, out, "NAME", q->name);
		put_value(c, out, "MAIL", q->mail);
		put_value(c, out, "MESSAGE", q->body);
		return;
	}
	put_value(c, out, "FROM", q->name);
	put_value(c, out, "mail", q->mail);
	put_value(c, out, "MESSAGE", q->body);
	put_value(c, out, "bbs", b->category);
	put_value(c, out, "key", b->thread);
	/* "write", in Japanese */
	put_value(c, out, "submit", "\xe6\x9b\xb8\xe3\x81\x8d\xe8\xbe\xbc\xe3\x82\x80");
}

static enum status answer(struct node *n, struct servent *sv, struct asked *q, struct boardconv *c,
	struct response *rs)
{
	struct board_answer a = { .code = 0 };
	struct buf form, words;
	enum status st;

	buf_init(&form, 16 * BOARD_BODY);
	buf_init(&words, BOARD_BODY);
	if (q->ask.what == BOARD_WRITE)
		make_form(&form, c, q);
	q->ask.form = buf_cstr(&form);
	q->ask.form_len = form.len;
	st = form.err != ST_OK ? form.err : n->ops.board(n, sv, &q->ask, &a);
	if (st == ST_OK && a.why[0] == '\0' && q->ask.what == BOARD_WRITE && a.text != NULL)
		board_refusal(c, &words, a.text->data, a.text->len);
	if (st != ST_OK || a.why[0] != '\0') {
		put_error(rs, a.code, a.why);
	} else if (words.len > 0) {
		put_error(rs, a.code, buf_cstr(&words));
	} else if (q->ask.what == BOARD_WRITE) {
		buf_puts(&rs->body, "{\"status\":\"ok\"}");
	} else if (q->ask.what == BOARD_LIST) {
		put_board(&rs->body, c, &q->ask.board, &a);
	} else {
		put_thread(&rs->body, c, &q->ask.board, q->ask.first, &a);
	}
	buf_fini(&words);
	buf_fini(&form);
	board_answer_fini(&a);
	return st;
}

/* Fills in the refusal; true = go on. */
static bool may_ask(struct node *n, struct asked *q, struct response *rs)
{
	const struct settings *set = conf_get(n->conf);
	const bool off = !set->chat;
	enum board_leave leave;

	settings_unref(&set);
	leave = off ? BOARD_NEVER : board_may(n, &q->ask.board);
	q->ask.near = leave == BOARD_LISTED;
	if (leave != BOARD_NEVER)
		return true;
	rs->status = off ? 404 : 403;
	put_error(rs, 0, off ? "boards are switched off (chat)" :
		"no channel that is known has its board there, and boardHosts does not name the host");
	return false;
}

enum status board_serve(struct node *n, struct servent *sv, const struct request *rq, const char *form,
	enum board_page page, struct response *rs)
{
	struct asked *q = calloc(1, sizeof(*q));
	struct boardconv *c = NULL;
	enum status st = ST_OK;
	const char *why;

	if (q == NULL)
		return ST_LIMIT;
	rs->type = "application/json";
	response_header(rs, "Cache-Control", "no-store");
	why = take_asked(q, page == BOARD_PAGE_POST ? form : rq->query, page);
	if (why != NULL) {
		rs->status = 400;
		put_error(rs, 0, why);
	} else if (may_ask(n, q, rs)) {
		c = boardconv_open(q->ask.board.kind);
		if (c != NULL)
			st = answer(n, sv, q, c, rs);
		else
			put_error(rs, 0, "this system cannot convert the board's encoding");
	}
	boardconv_close(&c);
	free(q);
	return st;
}
