/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servent/curl.h"

#ifdef HAVE_CURL

#include "core/media/icyin.h"
#include "http/encoder.h"
#include "http/request.h"
#include "servent/intake.h"
#include "servent/transfer.h"

#define REDIRECTS   5
#define IDLE_S      30L                         /* without a byte it is over */
#define START_TIME  (30 * NSEC_PER_SEC)         /* name, connection, redirects, headers */
#define LIST_TIME   (30 * NSEC_PER_SEC)         /* a playlist as a whole */
#define HEADERS_MAX (64u << 10)                 /* bytes, of all answers */
#define PIECE       (64u << 10)

struct get {
	struct pull *x;
	struct transfer t;
	struct buf headers;             /* those of interest, of the answer that comes now */
	size_t header_bytes;
	struct pull_list *list;
	struct icyin icy;
	struct intake_drip drip;
	nsec now, deadline;             /* of all but a stream; NSEC_NEVER when that flows */
	bool begun;                     /* a body has begun */
	enum status st;                 /* why it was broken off */
};

static enum status fail(struct get *g, enum status st, const char *why)
{
	g->st = pull_fail(g->x, st, why);
	return g->st;
}

/* --- headers ---------------------------------------------------------------------------------- */

static bool of_interest(const char *p, size_t n)
{
	static const char *const names[] = { "icy-", "ice-", "x-audiocast-", "content-type:" };

	for (size_t i = 0; i < NELEM(names); i++)
		if (n > strlen(names[i]) && ascii_ncasecmp(p, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
	struct get *g = ctx;

	(void)size;                     /* 1, says libcurl */
	g->header_bytes += n;
	if (n > 4 && (memcmp(p, "HTTP", 4) == 0 || memcmp(p, "ICY ", 4) == 0))
		buf_reset(&g->headers);
	else if (of_interest(p, n))
		buf_put(&g->headers, p, n);
	if (g->header_bytes <= HEADERS_MAX && g->headers.err == ST_OK)
		return n;
	(void)fail(g, ST_LIMIT, "too many headers");
	return 0;
}

/* A page or a picture, that somebody may have asked for by mistake. */
static bool is_no_stream(const char *mime)
{
	static const char *const types[] = { "text/", "image/", "application/json", "application/xml",
		"application/xhtml" };

	for (size_t i = 0; i < NELEM(types); i++)
		if (ascii_ncasecmp(mime, types[i], strlen(types[i])) == 0)
			return true;
	return false;
}

/* What the server says of the stream, where the user said nothing. */
static void describe(struct get *g, const struct request *rq)
{
	static const enum chantext texts[] = { CT_NAME, CT_GENRE, CT_URL, CT_DESC };
	struct pull *x = g->x;
	uint32_t present = 0;
	struct chanmeta m;

	memset(&m, 0, sizeof(m));
	encoder_headers(rq, &m);
	for (size_t i = 0; i < NELEM(texts); i++)
		if (m.text[texts[i]][strspn(m.text[texts[i]], " ")] != '\0')
			present |= 1u << texts[i];
	present &= ~x->given;
	if (m.bitrate_kbps != 0 && !x->src.user_bitrate)
		present |= CHANMETA_BITRATE;
	if (present != 0)
		source_tell(&x->src, &m, present);
}

static enum status begin_stream(struct get *g, const struct request *rq, const char *mime)
{
	const char *every = request_header(rq, "icy-metaint"), *type = g->x->type;
	uint64_t n = 0;

	if (strcmp(type, "UNKNOWN") == 0 && mime != NULL) {
		if (is_no_stream(mime))
			return fail(g, ST_PROTO, "the server sends a page or a picture, no stream");
		if (ascii_ncasecmp(mime, "application/x-mms-framed", 24) == 0)
			type = "WMV";
		else if (chantype_of_mime(mime) != NULL)
			type = chantype_of_mime(mime);
	}
	if (every != NULL && !num_u64(every, 0, UINT32_MAX, &n))
		return fail(g, ST_PROTO, "icy-metaint is no number");
	if (!icyin_init(&g->icy, n))
		return fail(g, ST_PROTO, "icy-metaint is too large");
	if (source_restart(&g->x->src, type) != ST_OK)
		return fail(g, ST_LIMIT, "out of memory");
	describe(g, rq);
	g->deadline = NSEC_NEVER;
	return ST_OK;
}

/* The first byte of a body is there, so all headers are. */
static enum status begin(struct get *g)
{
	const char *url = NULL, *mime;
	struct request rq;
	char why[64];
	long http = 0;

	g->begun = true;
	(void)g->t.curl->easy_getinfo(g->t.easy, CURLINFO_RESPONSE_CODE, &http);
	if (http < 200 || http > 299) {
		(void)snprintf(why, sizeof(why), "the server answers %ld", http);
		return fail(g, ST_PROTO, why);
	}
	(void)g->t.curl->easy_getinfo(g->t.easy, CURLINFO_EFFECTIVE_URL, &url);
	if (!text_copy(g->list->url, sizeof(g->list->url), url != NULL ? url : ""))
		return fail(g, ST_LIMIT, "it is redirected to an address that is too long");
	request_init(&rq);
	if (request_headers(&rq, g->headers.p, g->headers.len) != ST_OK) {
		(void)fail(g, ST_PROTO, rq.why != NULL ? rq.why : "bad headers");
	} else {
		mime = request_header(&rq, "Content-Type");
		g->list->kind = urllist_kind(mime, g->list->url);
		if (g->list->kind == URLLIST_NONE)
			(void)begin_stream(g, &rq, mime);
		else
			g->deadline = clk_deadline(LIST_TIME);
	}
	request_fini(&rq);
	return g->st;
}

/* --- the body --------------------------------------------------------------------------------- */

static enum status on_data(void *ctx, const uint8_t *p, size_t n)
{
	struct get *g = ctx;

	return source_feed(&g->x->src, p, n, g->now);
}

static void on_title(void *ctx, const char *title)
{
	struct get *g = ctx;
	struct chanmeta m;

	memset(&m, 0, sizeof(m));
	(void)text_copy(m.text[CT_TRACK_TITLE], TEXT_MAX, title);
	source_tell(&g->x->src, &m, 1u << CT_TRACK_TITLE);
}

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
	static const struct icyin_ops ops = { on_data, on_title };
	struct get *g = ctx;

	(void)size;
	g->now = clk_now();
	if (n == 0 || (!g->begun && begin(g) != ST_OK))
		return 0;
	if (g->list->kind != URLLIST_NONE) {
		buf_put(&g->list->text, p, n);
		if (g->list->text.err != ST_OK)
			(void)fail(g, ST_LIMIT, "the playlist is too long");
	} else {
		g->st = icyin_feed(&g->icy, p, n, &ops, g);
		if (g->st == ST_OK && intake_drips(&g->drip, &g->x->src, n, g->now))
			g->st = ST_TIMEOUT;
	}
	return g->st == ST_OK ? n : 0;
}

/* --- running ---------------------------------------------------------------------------------- */

static bool is_mms(const char *url)
{
	return pull_scheme(url) == FETCHALLOW_MMS;
}

static bool set_up(struct get *g, bool mms, struct curl_slist **ok200)
{
	const struct curl_api *c = g->t.curl;
	CURL *h = g->t.easy;
	bool ok;

	*ok200 = c->slist_append(NULL, "ICY 200 OK");
	ok = *ok200 != NULL && c->easy_setopt(h, CURLOPT_HTTP200ALIASES, *ok200) == CURLE_OK;
	ok = c->easy_setopt(h, CURLOPT_TIMEOUT_MS, 0L) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_MAXFILESIZE, 0L) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_LOW_SPEED_TIME, IDLE_S) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_FAILONERROR, 1L) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_HEADERDATA, g) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_WRITEDATA, g) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_BUFFERSIZE, (long)PIECE) == CURLE_OK && ok;
	/* a packed stream would be none */
	ok = c->easy_setopt(h, CURLOPT_ACCEPT_ENCODING, NULL) == CURLE_OK && ok;
	if (!mms) {
		transfer_header(&g->t, "Icy-MetaData", "1");
		return ok;
	}
	ok = c->easy_setopt(h, CURLOPT_USERAGENT, "NSPlayer/4.1.0.3856") == CURLE_OK && ok;
	transfer_header(&g->t, "Pragma", "no-cache,rate=1.000000,request-context=1");
	transfer_header(&g->t, "Pragma", "xPlayStrm=1");
	transfer_header(&g->t, "Pragma", "xClientGUID={c77e7400-738a-11d2-9add-0020af0a3278}");
	transfer_header(&g->t, "Pragma", "stream-switch-count=2");
	transfer_header(&g->t, "Pragma", "stream-switch-entry=ffff:1:0 ffff:2:0");
	return ok;
}

/* Until libcurl is done with it, or it was told to stop. ST_OK: *rc is how it went. */
static enum status transfer(struct get *g, CURLM *multi, CURLcode *rc)
{
	struct source *src = &g->x->src;
	struct curl_waitfd wake = { .fd = src->mbox.efd, .events = CURL_WAIT_POLLIN };
	const struct curl_api *c = g->t.curl;
	int running, left;

	while (!mbox_is_stopped(&src->mbox)) {
		const CURLMsg *m;
		enum status st;
		nsec now, wait;

		if (c->multi_perform(multi, &running) != CURLM_OK)
			return ST_LIMIT;
		m = c->multi_info_read(multi, &left);
		if (m != NULL && m->msg == CURLMSG_DONE) {
			*rc = m->data.result;
			return ST_OK;
		}
		now = clk_now();
		if (now >= g->deadline)
			return pull_fail(g->x, ST_TIMEOUT, "the server takes too long");
		st = source_tick(src, now);
		if (st != ST_OK)
			return st;
		/* libcurl's own timers end it sooner */
		wait = MIN(MIN(g->deadline, source_deadline(src)), now + 60 * NSEC_PER_SEC) - now;
		wait = MAX(wait, 0) / NSEC_PER_MSEC + 1;
		wake.revents = 0;
		if (c->multi_poll(multi, &wake, 1, (int)wait, NULL) != CURLM_OK)
			return ST_LIMIT;
		if (wake.revents != 0)
			mbox_drain(&src->mbox);
	}
	return ST_STOPPED;
}

/* What libcurl's end means. */
static enum status judge(struct get *g, CURLcode rc)
{
	const char *why;
	long http;

	if (g->st != ST_OK)
		return g->st;
	why = transfer_fault(&g->t, rc, &http);
	if (why == NULL && !g->begun)
		return pull_fail(g->x, ST_PROTO, "the server sends nothing");
	if (why == NULL)
		return g->list->kind != URLLIST_NONE ? ST_OK : ST_EOF;
	(void)pull_fail(g->x, ST_OK, why);
	if (rc == CURLE_OPERATION_TIMEDOUT)
		return ST_TIMEOUT;
	return g->begun && g->list->kind == URLLIST_NONE ? ST_EOF : ST_PROTO;
}

static enum status run(struct get *g, bool mms)
{
	struct curl_slist *ok200 = NULL;
	enum status st = ST_LIMIT;
	CURLcode rc = CURLE_OK;
	CURLM *multi = NULL;

	g->deadline = clk_deadline(START_TIME);
	if (set_up(g, mms, &ok200))
		multi = g->t.curl->multi_init();
	if (multi != NULL && g->t.curl->multi_add_handle(multi, g->t.easy) == CURLM_OK) {
		st = transfer(g, multi, &rc);
		if (st == ST_OK)
			st = judge(g, rc);
		(void)g->t.curl->multi_remove_handle(multi, g->t.easy);
	}
	if (multi != NULL)
		(void)g->t.curl->multi_cleanup(multi);
	g->t.curl->slist_free_all(ok200);
	return st;
}

/* mms://host/path is asked for by HTTP. */
static void as_http(char dst[CHAN_URL + 8], const char *url)
{
	(void)snprintf(dst, CHAN_URL + 8, "%s%s", is_mms(url) ? "http" : "",
	               is_mms(url) ? strchr(url, ':') : url);
}

enum status pull_http(struct pull *x, const char *url, bool *far, struct pull_list *list)
{
	struct get *g = calloc(1, sizeof(*g));
	enum status st = ST_LIMIT;
	char at[CHAN_URL + 8];

	list->kind = URLLIST_NONE;
	buf_reset(&list->text);
	if (curl_missing() != NULL) {
		free(g);
		return pull_fail(x, ST_SYS, curl_missing());
	}
	if (g == NULL)
		return ST_LIMIT;
	g->x = x;
	g->list = list;
	as_http(at, url);
	buf_init(&g->headers, HEADERS_MAX);
	if (transfer_init(&g->t, x->src.a->node.sm, at, NSEC_PER_SEC, 0, REDIRECTS, *far) == ST_OK) {
		st = run(g, is_mms(url));
		*far = *far || (g->t.known && !g->t.near);
		transfer_fini(&g->t);
	}
	buf_fini(&g->headers);
	free(g);
	return st;
}

bool pull_resolve(char dst[CHAN_URL], const char *base, const char *entry)
{
	const struct curl_api *c = curl_api();
	char *full = NULL;
	bool ok = false;
	CURLU *u;

	if (pull_has_scheme(entry))
		return text_copy(dst, CHAN_URL, entry);
	u = c != NULL ? c->url() : NULL;
	if (u == NULL)
		return false;
	if (c->url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK &&
	    c->url_set(u, CURLUPART_URL, entry, 0) == CURLUE_OK &&
	    c->url_get(u, CURLUPART_URL, &full, 0) == CURLUE_OK)
		ok = text_copy(dst, CHAN_URL, full);
	if (full != NULL)
		c->free(full);
	c->url_cleanup(u);
	return ok;
}

#else

enum status pull_http(struct pull *x, const char *url, bool *far, struct pull_list *list)
{
	(void)url;
	(void)far;
	list->kind = URLLIST_NONE;
	return pull_fail(x, ST_SYS, curl_missing());
}

bool pull_resolve(char dst[CHAN_URL], const char *base, const char *entry)
{
	(void)base;
	return pull_has_scheme(entry) && text_copy(dst, CHAN_URL, entry);
}

#endif
