/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/boards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"
#include "http/board.h"
#include "servent/curl.h"
#include "servent/transfer.h"

/* What is kept of a board (thread "") or of a thread. */
struct kept {
	struct board of;
	bool used, busy;                /* busy: somebody asks, so it stays */
	nsec tried, wanted;             /* when it was last asked, and last looked at; 0 = never */
	nsec titled;                    /* when its settings were asked for */
	uint32_t from;                  /* of a Shitaraba thread: the first post of text */
	struct blob *text, *settings;   /* NULL = none */
	char modified[CHANDIR_TAG];     /* Last-Modified of text */
	long code;                      /* of the last try */
	char why[NODE_WHY];             /* it failed; "" = it did not */
};

/* One who waits for another to be done; on his stack. */
struct waiter {
	struct mbox *mb;
	struct waiter *prev, *next;
};

struct boards {
	struct mtx mtx;                                 /* lk_app */
	struct waiter *waiting GUARDED_BY(lk_app);      /* woken when somebody is done */
	struct kept kept[BOARDS_KEPT] GUARDED_BY(lk_app);
	uint32_t asking, inside GUARDED_BY(lk_app);
};

LOCK_DEFINE(bd, struct boards, mtx, lk_app)

struct boards *boards_new(void)
{
	struct boards *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	mtx_init(&b->mtx, &lk_app);
	return b;
}

static void forget(struct kept *k)
{
	blob_unref(&k->text);
	blob_unref(&k->settings);
	memset(k, 0, sizeof(*k));
}

void boards_free(struct boards **bp) LOCK_IMPL /* the only thread left */
{
	struct boards *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	for (size_t i = 0; i < BOARDS_KEPT; i++)
		forget(&b->kept[i]);
	mtx_fini(&b->mtx);
	free(b);
}

static void fail(struct board_answer *a, const char *why)
{
	/* what a server has a hand in is text like any other */
	(void)text_clean(a->why, sizeof(a->why), why, strlen(why));
}

#ifdef HAVE_CURL

/* --- one request ------------------------------------------------------------------------------ */

#define AGENT "Monazilla/1.00 " NODE_AGENT      /* what boards expect of programs */
#define URL_MAX (BOARD_HOST + BOARD_PATH + 16)

struct request_of {
	const char *path;
	const char *modified;           /* If-Modified-Since; NULL or "" = none */
	size_t range;                   /* the bytes from there on; 0 = all */
	const char *form;               /* POST this; NULL = GET */
	size_t form_len;
	const char *referer;            /* a path; NULL = none */
};

struct reply {
	struct transfer t;
	long code;
	bool too_long;
	char modified[CHANDIR_TAG];
	char why[NODE_WHY];
};

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
	static const char name[] = "Last-Modified:";
	struct reply *r = ctx;
	const char *at = p;
	size_t len = n;

	(void)size;                     /* 1, says libcurl */
	if (len <= strlen(name) || ascii_ncasecmp(p, name, strlen(name)) != 0)
		return n;
	for (at += strlen(name), len -= strlen(name); len > 0 && ascii_isspace((uint8_t)at[0]); at++)
		len--;
	while (len > 0 && ascii_isspace((uint8_t)at[len - 1]))
		len--;
	if (len < sizeof(r->modified) && text_is_clean(at, len)) {
		memcpy(r->modified, at, len);
		r->modified[len] = '\0';
	}
	return n;
}

static void put_url(char dst[URL_MAX], const struct board *b, const char *path)
{
	(void)snprintf(dst, URL_MAX, "%s://%s%s", b->https ? "https" : "http", b->host, path);
}

static bool set_up(struct reply *r, const struct board *b, const struct request_of *q)
{
	const struct curl_api *c = r->t.curl;
	CURL *h = r->t.easy;
	bool ok = c->easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
	char text[URL_MAX];

	ok = c->easy_setopt(h, CURLOPT_HEADERDATA, r) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_USERAGENT, AGENT) == CURLE_OK && ok;
	if (q->range > 0) {
		/* bytes of a packed answer would be others */
		ok = c->easy_setopt(h, CURLOPT_ACCEPT_ENCODING, NULL) == CURLE_OK && ok;
		(void)snprintf(text, sizeof(text), "bytes=%zu-", q->range);
		transfer_header(&r->t, "Range", text);
	}
	if (q->modified != NULL && q->modified[0] != '\0')
		transfer_header(&r->t, "If-Modified-Since", q->modified);
	if (q->referer != NULL) {
		put_url(text, b, q->referer);
		ok = c->easy_setopt(h, CURLOPT_REFERER, text) == CURLE_OK && ok;
	}
	if (q->form != NULL) {
		ok = c->easy_setopt(h, CURLOPT_POST, 1L) == CURLE_OK && ok;
		ok = c->easy_setopt(h, CURLOPT_POSTFIELDS, q->form) == CURLE_OK && ok;
		ok = c->easy_setopt(h, CURLOPT_POSTFIELDSIZE, (long)q->form_len) == CURLE_OK && ok;
		transfer_header(&r->t, "Expect", "");
	}
	return ok;
}

/* Is it led to the same address by https? */
static bool wants_https(struct reply *r, const struct board *b, const char *path)
{
	struct board safe = *b;
	const char *to = NULL;
	char want[URL_MAX];

	safe.https = true;
	put_url(want, &safe, path);
	(void)r->t.curl->easy_getinfo(r->t.easy, CURLINFO_REDIRECT_URL, &to);
	return !b->https && to != NULL && strcmp(to, want) == 0;
}

/* One exchange; r is to be finished whatever comes. ST_OK (r->why says whether it failed), ST_STOPPED,
 * ST_LIMIT */
static enum status exchange(struct reply *r, struct servent *sv, const struct board *b, bool near,
	const struct request_of *q, nsec deadline)
{
	CURLcode rc = CURLE_OK;
	char url[URL_MAX];
	const char *why;
	enum status st;

	memset(r, 0, sizeof(*r));
	put_url(url, b, q->path);
	st = transfer_init(&r->t, sv->sm, url, MAX(deadline - clk_now(), NSEC_PER_MSEC), BOARD_ANSWER, 0,
		!near);
	if (st != ST_OK || !set_up(r, b, q))
		return ST_LIMIT;
	st = transfer_run(&r->t, &sv->mbox, &rc);
	if (st != ST_OK)
		return st;
	why = transfer_fault(&r->t, rc, &r->code);
	r->too_long = r->t.body.err != ST_OK || rc == CURLE_FILESIZE_EXCEEDED;
	if (why != NULL)
		(void)text_copy(r->why, sizeof(r->why), why);
	return ST_OK;
}

/* The same, once more by https where the board wants that; b->https says so from then on. */
static enum status fetch(struct reply *r, struct servent *sv, struct board *b, bool near,
	const struct request_of *q, nsec deadline)
{
	enum status st = exchange(r, sv, b, near, q, deadline);

	if (st == ST_OK && r->why[0] == '\0' && r->code >= 301 && r->code <= 308 && r->code != 304 &&
	    wants_https(r, b, q->path)) {
		transfer_fini(&r->t);
		b->https = true;
		st = exchange(r, sv, b, near, q, deadline);
	}
	if (st != ST_OK || r->why[0] != '\0' || r->code == 304)
		return st;
	if (r->code >= 300 && r->code < 400)
		(void)text_copy(r->why, sizeof(r->why), "the board leads elsewhere");
	else if (r->code < 200 || r->code > 299)
		(void)snprintf(r->why, sizeof(r->why), "the board answers %ld", r->code);
	return st;
}

/* --- a board, a thread ------------------------------------------------------------------------ */

/* Work of one who asks: a copy of what is kept, brought up to date. */
struct work {
	struct servent *sv;
	struct kept k;
	bool near;
	uint32_t first;
	nsec deadline;
};

static const char too_long_why[] = "the thread is too long";

static void took(struct work *w, const struct reply *r)
{
	w->k.code = r->code;
	(void)text_copy(w->k.why, sizeof(w->k.why), r->why);
}

/* The text is now head, and behind it n bytes. */
static enum status keep_text(struct kept *k, const struct blob *head, const void *p, size_t n)
{
	const size_t len = head != NULL ? head->len : 0;
	struct blob *text = NULL;
	struct buf all;

	buf_init(&all, BOARD_ANSWER);
	if (len > 0)
		buf_put(&all, head->data, len);
	if (n > 0)
		buf_put(&all, p, n);
	if (all.err == ST_OK)
		text = blob_new(all.p != NULL ? all.p : (const void *)"", all.len);
	buf_fini(&all);
	if (text == NULL)
		return ST_LIMIT;
	blob_unref(&k->text);
	k->text = text;
	return ST_OK;
}

static const char *body_of(const struct reply *r)
{
	return r->t.body.p != NULL ? (const char *)r->t.body.p : "";
}

/* The board's title, from time to time; a board may have none. */
static enum status ask_settings(struct work *w)
{
	char path[BOARD_PATH];
	struct request_of q = { .path = path };
	struct reply r;
	enum status st;

	if (w->k.titled != 0 && clk_now() - w->k.titled < BOARDS_TITLE)
		return ST_OK;
	w->k.titled = clk_now();
	board_path(path, &w->k.of, BOARD_PATH_SETTINGS, 0);
	st = fetch(&r, w->sv, &w->k.of, w->near, &q, w->deadline);
	if (st == ST_OK && r.why[0] == '\0') {
		blob_unref(&w->k.settings);
		w->k.settings = blob_new(body_of(&r), r.t.body.len);
	}
	transfer_fini(&r.t);
	return st;
}

static enum status ask_list(struct work *w)
{
	char path[BOARD_PATH];
	struct request_of q = { .path = path };
	struct reply r;
	enum status st;

	board_path(path, &w->k.of, BOARD_PATH_THREADS, 0);
	st = fetch(&r, w->sv, &w->k.of, w->near, &q, w->deadline);
	took(w, &r);
	if (st == ST_OK && r.why[0] == '\0')
		st = keep_text(&w->k, NULL, body_of(&r), r.t.body.len);
	transfer_fini(&r.t);
	if (st == ST_OK && (w->k.why[0] == '\0' || w->k.code == 404))
		st = ask_settings(w);
	/* settings, but no list: a board of Shitaraba on which nobody has begun a thread */
	if (st == ST_OK && w->k.code == 404 && w->k.settings != NULL && w->k.of.kind == BOARD_SHITARABA) {
		w->k.why[0] = '\0';
		st = keep_text(&w->k, NULL, "", 0);
	}
	return st;
}

/* The posts behind those that are kept, or all from `from` on. */
static enum status ask_raw(struct work *w, uint32_t from, bool all, bool *too_long)
{
	char path[BOARD_PATH], text[BOARD_PATH];
	struct request_of q = { .path = path, .referer = text };
	struct reply r;
	enum status st;

	board_path(path, &w->k.of, BOARD_PATH_POSTS, from);
	board_path(text, &w->k.of, BOARD_PATH_READ, 0);
	st = fetch(&r, w->sv, &w->k.of, w->near, &q, w->deadline);
	took(w, &r);
	*too_long = st == ST_OK && r.too_long;
	if (st == ST_OK && r.why[0] == '\0') {
		st = keep_text(&w->k, all ? NULL : w->k.text, body_of(&r), r.t.body.len);
		*too_long = st == ST_LIMIT;
		if (all && st == ST_OK)
			w->k.from = from;
	}
	transfer_fini(&r.t);
	return *too_long ? ST_OK : st;
}

/* The number of the last post in the text; 0 = none. Digits before the first "<>" of a line. */
static uint32_t last_of(const struct blob *text)
{
	struct rd r = text != NULL ? rd_of(text->data, text->len) : rd_of("", 0);
	uint32_t last = 0;

	while (r.left > 0) {
		const uint8_t *lf = memchr(r.p, '\n', r.left);
		const size_t n = lf != NULL ? (size_t)(lf - r.p) + 1 : r.left;
		uint32_t no = 0;

		for (size_t i = 0; i < n && i < 7 && ascii_isdigit(r.p[i]); i++)
			no = no * 10 + (uint32_t)(r.p[i] - '0');
		last = MAX(last, no);
		(void)rd_take(&r, n);
	}
	return last;
}

static enum status ask_shitaraba(struct work *w)
{
	const uint32_t last = last_of(w->k.text);
	bool too_long = false;
	enum status st;

	if (last > 0 && w->k.from <= w->first) {
		st = ask_raw(w, last + 1, false, &too_long);
		if (st != ST_OK || !too_long)
			return st;
	}
	/* from its beginning; a thread of long posts as far back as is wanted */
	st = ask_raw(w, 1, true, &too_long);
	if (st == ST_OK && too_long && w->first > 1)
		st = ask_raw(w, w->first, true, &too_long);
	if (st == ST_OK && too_long)
		(void)text_copy(w->k.why, sizeof(w->k.why), too_long_why);
	return st;
}

/* *again: the whole is wanted. */
static enum status ask_dat(struct work *w, bool whole, bool *again)
{
	/* its last byte, a line's end, tells whether anything before it was taken away */
	const size_t have = whole || w->k.text == NULL ? 0 : w->k.text->len;
	char path[BOARD_PATH];
	struct request_of q = { .path = path, .range = have > 1 ? have - 1 : 0,
		.modified = have > 1 ? w->k.modified : NULL };
	struct reply r;
	enum status st;
	bool joins;

	*again = false;
	board_path(path, &w->k.of, BOARD_PATH_POSTS, 0);
	st = fetch(&r, w->sv, &w->k.of, w->near, &q, w->deadline);
	took(w, &r);
	joins = r.code == 206 && r.t.body.len > 0 && body_of(&r)[0] == '\n';
	if (st == ST_OK && q.range > 0 && (r.code == 416 || (r.code == 206 && !joins))) {
		*again = true;
	} else if (st == ST_OK && r.why[0] == '\0' && joins && q.range > 0) {
		st = keep_text(&w->k, w->k.text, body_of(&r) + 1, r.t.body.len - 1);
		if (st == ST_LIMIT)
			(void)text_copy(w->k.why, sizeof(w->k.why), too_long_why);
		st = ST_OK;
	} else if (st == ST_OK && r.why[0] == '\0' && r.code != 304) {
		st = keep_text(&w->k, NULL, body_of(&r), r.t.body.len);
	}
	if (st == ST_OK && r.why[0] == '\0' && r.modified[0] != '\0')
		(void)text_copy(w->k.modified, sizeof(w->k.modified), r.modified);
	transfer_fini(&r.t);
	return st;
}

static enum status ask_2ch(struct work *w)
{
	bool again;
	enum status st = ask_dat(w, false, &again);

	if (st == ST_OK && again)
		st = ask_dat(w, true, &again);
	return st;
}

static enum status ask_board(struct work *w)
{
	if (w->k.of.thread[0] == '\0')
		return ask_list(w);
	return w->k.of.kind == BOARD_SHITARABA ? ask_shitaraba(w) : ask_2ch(w);
}

/* --- what is kept ----------------------------------------------------------------------------- */

/* Of the same board, or the same thread? Whether by https is no matter. */
static bool is_same(const struct board *a, const struct board *b)
{
	return a->kind == b->kind && strcmp(a->host, b->host) == 0 && strcmp(a->category, b->category) == 0 &&
		strcmp(a->num, b->num) == 0 && strcmp(a->thread, b->thread) == 0;
}

/* What is kept of it, if anything. */
static struct kept *find_locked(struct boards *b, const struct board *of) REQUIRES(lk_app)
{
	for (size_t i = 0; i < BOARDS_KEPT; i++)
		if (b->kept[i].used && is_same(&b->kept[i].of, of))
			return &b->kept[i];
	return NULL;
}

/* What nobody has looked at for long. */
static void forget_old_locked(struct boards *b) REQUIRES(lk_app)
{
	for (size_t i = 0; i < BOARDS_KEPT; i++)
		if (b->kept[i].used && !b->kept[i].busy && clk_now() - b->kept[i].wanted >= BOARDS_OLD)
			forget(&b->kept[i]);
}

/* A place for it: an empty one, or that of what nobody wanted for longest. There is one: callers at once
 * that are not in BOARDS_ASKING keep none busy. */
static struct kept *place_locked(struct boards *b, const struct board *of) REQUIRES(lk_app)
{
	struct kept *best = NULL;

	for (size_t i = 0; i < BOARDS_KEPT; i++) {
		struct kept *k = &b->kept[i];

		if (!k->busy && (best == NULL || k->wanted < best->wanted))
			best = k;
	}
	if (best == NULL)
		return NULL;
	forget(best);
	best->used = true;
	best->of = *of;
	best->wanted = clk_now();
	return best;
}

/* Is what is kept an answer to this one? */
static bool is_fresh(const struct kept *k, const struct board_ask *ask)
{
	if (k->tried == 0 || clk_now() - k->tried >= BOARDS_FRESH)
		return false;
	return k->why[0] != '\0' || k->from <= MAX(ask->first, 1);
}

static void tell(const struct kept *k, struct board_answer *out)
{
	out->code = k->code;
	(void)text_copy(out->why, sizeof(out->why), k->why);
	if (k->why[0] != '\0')
		return;
	out->text = k->text != NULL ? blob_ref(k->text) : NULL;
	out->settings = k->settings != NULL ? blob_ref(k->settings) : NULL;
	if (out->text == NULL)
		fail(out, "the board answers nothing");
}

/* Wait for one of those who ask, by the mailbox: a stop is heard there. */
static enum status wait_locked(struct boards *b, struct servent *sv, nsec deadline) REQUIRES(lk_app)
{
	struct waiter w = { .mb = &sv->mbox, .next = b->waiting };
	enum status st;

	if (w.next != NULL)
		w.next->prev = &w;
	b->waiting = &w;
	bd_unlock(b);
	st = mbox_wait(&sv->mbox, deadline);
	bd_lock(b);
	if (w.next != NULL)
		w.next->prev = w.prev;
	if (w.prev != NULL)
		w.prev->next = w.next;
	else
		b->waiting = w.next;
	return st;
}

static void wake_locked(struct boards *b) REQUIRES(lk_app)
{
	for (struct waiter *w = b->waiting; w != NULL; w = w->next)
		mbox_wake(w->mb);
}

/* Ask, and keep what came. k is busy, and a copy of it in w. */
static enum status ask_and_keep(struct boards *b, struct kept *k, struct work *w, struct board_answer *out)
{
	const enum status st = ask_board(w);
	struct blob *old[2];

	bd_lock(b);
	old[0] = k->text;
	old[1] = k->settings;
	w->k.busy = false;
	w->k.wanted = clk_now();
	/* what was broken off says nothing of the board */
	w->k.tried = st == ST_OK ? w->k.wanted : 0;
	*k = w->k;
	if (st == ST_OK)
		tell(k, out);
	b->asking--;
	wake_locked(b);
	bd_unlock(b);
	blob_unref(&old[0]);
	blob_unref(&old[1]);
	return st;
}

static enum status look(struct boards *b, struct servent *sv, const struct board_ask *ask,
	struct board_answer *out)
{
	const nsec patience = clk_deadline(BOARDS_WAIT);
	struct work w = { .sv = sv, .near = ask->near, .first = MAX(ask->first, 1) };
	struct board of = ask->board;
	enum status st = ST_OK;
	struct kept *k;

	if (ask->what == BOARD_LIST)
		of.thread[0] = '\0';
	bd_lock(b);
	forget_old_locked(b);
	for (;;) {
		k = find_locked(b, &of);
		if (k != NULL && !k->busy && is_fresh(k, ask)) {
			k->wanted = clk_now();
			tell(k, out);
			bd_unlock(b);
			return ST_OK;
		}
		if ((k == NULL || !k->busy) && b->asking < BOARDS_ASKING)
			break;
		st = wait_locked(b, sv, patience);
		if (st == ST_OK)
			continue;
		bd_unlock(b);
		fail(out, "too many boards are being asked");
		return st == ST_STOPPED ? st : ST_OK;
	}
	if (k == NULL)
		k = place_locked(b, &of);
	if (k == NULL) {
		bd_unlock(b);
		return ST_LIMIT;
	}
	k->busy = true;
	k->of.https = k->of.https || of.https;
	b->asking++;
	w.k = *k;
	if (w.k.text != NULL)
		(void)blob_ref(w.k.text);
	if (w.k.settings != NULL)
		(void)blob_ref(w.k.settings);
	bd_unlock(b);
	w.deadline = clk_deadline(BOARDS_TIME);
	return ask_and_keep(b, k, &w, out);
}

/* --- posting ---------------------------------------------------------------------------------- */

static enum status post(struct boards *b, struct servent *sv, const struct board_ask *ask,
	struct board_answer *out)
{
	char path[BOARD_PATH], referer[BOARD_PATH];
	struct request_of q = { .path = path, .referer = referer, .form = ask->form,
		.form_len = ask->form_len };
	struct board of = ask->board;
	struct kept *k;
	struct reply r;
	enum status st;

	board_path(path, &of, BOARD_PATH_WRITE, 0);
	board_path(referer, &of, BOARD_PATH_READ, 0);
	st = fetch(&r, sv, &of, ask->near, &q, clk_deadline(BOARDS_TIME));
	out->code = r.code;
	/* some lead to the thread when they have taken it */
	if (st == ST_OK && (r.code == 302 || r.code == 303))
		r.why[0] = '\0';
	fail(out, r.why);
	if (st == ST_OK && r.why[0] == '\0')
		out->text = blob_new(body_of(&r), r.t.body.len);
	transfer_fini(&r.t);
	bd_lock(b);
	k = find_locked(b, &of);
	if (k != NULL)
		k->tried = 0;           /* there is news */
	b->asking--;
	wake_locked(b);
	bd_unlock(b);
	return st;
}

static enum status write_to(struct boards *b, struct servent *sv, const struct board_ask *ask,
	struct board_answer *out)
{
	const nsec patience = clk_deadline(BOARDS_WAIT);
	enum status st = ST_OK;
	bool may;

	bd_lock(b);
	while (st == ST_OK && b->asking >= BOARDS_ASKING)
		st = wait_locked(b, sv, patience);
	may = st == ST_OK;
	b->asking += may ? 1 : 0;
	bd_unlock(b);
	if (may)
		return post(b, sv, ask, out);
	fail(out, "too many boards are being asked");
	return st == ST_STOPPED ? st : ST_OK;
}

enum status boards_ask(struct boards *b, struct servent *sv, const struct board_ask *ask,
	struct board_answer *out)
{
	enum status st;
	bool may;

	memset(out, 0, sizeof(*out));
	if (curl_missing() != NULL) {
		fail(out, curl_missing());
		return ST_OK;
	}
	bd_lock(b);
	may = b->inside < BOARDS_INSIDE;
	b->inside += may ? 1 : 0;
	bd_unlock(b);
	if (!may) {
		fail(out, "too many boards are being asked");
		return ST_OK;
	}
	st = ask->what == BOARD_WRITE ? write_to(b, sv, ask, out) : look(b, sv, ask, out);
	bd_lock(b);
	b->inside--;
	bd_unlock(b);
	return st;
}

#else

enum status boards_ask(struct boards *b, struct servent *sv, const struct board_ask *ask,
	struct board_answer *out)
{
	(void)b;
	(void)sv;
	(void)ask;
	memset(out, 0, sizeof(*out));
	fail(out, curl_missing());
	return ST_OK;
}

#endif
