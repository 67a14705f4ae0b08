/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/yp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/assert.h"
#include "core/sys/blob.h"
#include "core/sys/log.h"
#include "core/sys/rng.h"
#include "core/sys/text.h"
#include "http/auth.h"
#include "http/uptest.h"
#include "http/viewer.h"
#include "http/ypfeed.h"
#include "http/ypindex.h"
#include "xml/yp4g.h"

#define SHARE      10                   /* making a list takes at most one in so many seconds */
#define PAUSE_MOST (2 * NSEC_PER_SEC)   /* between two lists, however long one takes */
#define MAKE_TIME  (5 * NSEC_PER_SEC)   /* to wait for somebody else's list or document */
#define VIEW_PORT  7144                 /* of a reader that says nothing of it */

/* A list, immutable once others see it. */
struct live {
	_Atomic uint32_t refs;          /* relaxed up, acq_rel down: the last one frees */
	struct yplist list;
	uint64_t serial;                /* 1, 2, 3 ... */
	uint64_t changes;               /* chanmgr_changes() before it was taken */
	nsec at, next;                  /* when it was taken; no other before `next` */
};

/* A document: what is kept of one key. */
struct doc {
	char key[YPKEY + 2];            /* "" = free */
	struct blob *blob;              /* NULL = not made yet */
	uint64_t serial;                /* of the list it was made from */
	uint64_t etag;                  /* changes when the bytes do */
	uint64_t used;
	bool making;
};

struct yp {
	struct viewers *viewers;
	nsec epoch;                     /* Unix time at clk_now() 0; the clock may be set later */
	uint64_t run;                   /* random: tells our documents from those of another run */
	struct mtx mtx;                                 /* lk_leaf */
	struct cond made;
	struct live *live       GUARDED_BY(lk_leaf);    /* the newest; NULL = none yet */
	bool taking             GUARDED_BY(lk_leaf);
	struct doc docs[YP_DOCS] GUARDED_BY(lk_leaf);
	uint64_t clock          GUARDED_BY(lk_leaf);    /* counts uses */
	uint64_t etags          GUARDED_BY(lk_leaf);
	uint32_t unkept         GUARDED_BY(lk_leaf);    /* in the making, and not to be kept */
};

LOCK_DEFINE(yp, struct yp, mtx, lk_leaf)

struct yp *yp_new(void)
{
	struct yp *yp = calloc(1, sizeof(*yp));

	if (yp == NULL)
		return NULL;
	yp->viewers = viewers_new();
	if (yp->viewers == NULL) {
		free(yp);
		return NULL;
	}
	yp->epoch = clk_wall_ns() - clk_now();
	rng_bytes(&yp->run, sizeof(yp->run));
	mtx_init(&yp->mtx, &lk_leaf);
	cond_init(&yp->made);
	return yp;
}

static void live_unref(struct live **lp)
{
	struct live *l = *lp;

	*lp = NULL;
	if (l != NULL && atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) == 1) {
		yplist_fini(&l->list);
		free(l);
	}
}

void yp_free(struct yp **ypp) LOCK_IMPL /* the only thread left */
{
	struct yp *yp = *ypp;
	size_t i;

	*ypp = NULL;
	if (yp == NULL)
		return;
	for (i = 0; i < YP_DOCS; i++)
		blob_unref(&yp->docs[i].blob);
	live_unref(&yp->live);
	viewers_free(&yp->viewers);
	cond_fini(&yp->made);
	mtx_fini(&yp->mtx);
	free(yp);
}

struct viewers *yp_viewers(struct yp *yp)
{
	return yp->viewers;
}

/* --- the list --------------------------------------------------------------------------------- */

/* old: the one before, NULL = none. */
static enum status live_make(struct node *n, uint64_t changes, const struct live *old, struct live **out)
{
	struct live *l = calloc(1, sizeof(*l));
	enum status st;
	nsec took;

	if (l == NULL)
		return ST_LIMIT;
	atomic_init(&l->refs, 1);
	l->changes = changes;
	l->at = clk_now();
	st = yplist_take(n, n->yp->epoch, &l->list);
	if (st != ST_OK) {
		free(l);
		return st;
	}
	st = ypindex_lines(&l->list, old != NULL ? &old->list : NULL);
	if (st != ST_OK) {
		live_unref(&l);
		return st;
	}
	took = clk_now() - l->at;
	l->next = l->at + MIN(took * SHARE, PAUSE_MOST);
	*out = l;
	return ST_OK;
}

static bool is_old(const struct live *l, uint64_t changes, const struct settings *set, nsec now)
{
	return (l->changes < changes || l->list.settings != set || now - l->at > YP_AGE) &&
		now >= l->next;
}

static struct live *live_ref(struct live *l)
{
	/* relaxed: the table's reference keeps it alive meanwhile */
	atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
	return l;
}

/* Somebody's list is in the making and there is no old one: wait for it. */
static enum status wait_live(struct yp *yp) REQUIRES(lk_leaf)
{
	const nsec deadline = clk_deadline(MAKE_TIME);
	enum status st = ST_OK;

	while (yp->live == NULL && yp->taking && st == ST_OK)
		st = cond_wait(&yp->made, &yp->mtx, deadline);
	return st;
}

/* The list to show now, referenced. set: the current settings.
 * returns  ST_OK, ST_LIMIT, ST_TIMEOUT */
static enum status live_get(struct node *n, const struct settings *set, struct live **out)
{
	struct yp *yp = n->yp;
	const uint64_t changes = chanmgr_changes(n->cm);
	struct live *made = NULL, *old = NULL;
	enum status st = ST_OK;
	bool take;

	*out = NULL;
	yp_lock(yp);
	if (yp->live == NULL)
		st = wait_live(yp);
	take = st == ST_OK && !yp->taking &&
		(yp->live == NULL || is_old(yp->live, changes, set, clk_now()));
	yp->taking = yp->taking || take;
	if (!take && yp->live != NULL)
		*out = live_ref(yp->live);
	else if (take && yp->live != NULL)
		old = live_ref(yp->live);
	yp_unlock(yp);
	if (!take)
		return *out != NULL ? ST_OK : ST_TIMEOUT;

	(void)!live_make(n, changes, old, &made);
	live_unref(&old);
	yp_lock(yp);
	if (made != NULL) {
		made->serial = yp->live != NULL ? yp->live->serial + 1 : 1;
		old = yp->live;
		yp->live = made;
	}
	yp->taking = false;
	cond_broadcast(&yp->made);
	/* Out of memory: an old list is better than none. */
	if (yp->live != NULL)
		*out = live_ref(yp->live);
	yp_unlock(yp);
	live_unref(&old);
	return *out != NULL ? ST_OK : ST_LIMIT;
}

/* --- documents -------------------------------------------------------------------------------- */

/* What one request gets. */
struct share {
	struct blob *blob;              /* a reference */
	uint64_t etag;                  /* 0 = none */
};

static struct blob *rss_make(const struct live *l, const struct ypquery *q)
{
	struct blob *made = NULL;
	struct buf text;

	buf_init(&text, YPFEED_MAX);
	if (ypfeed_rss(&l->list, q, &text) == ST_OK)
		made = blob_new(text.p, text.len);
	buf_fini(&text);
	return made;
}

/* NULL when out of memory. */
static struct blob *doc_make(const struct live *l, enum ypformat format, const struct ypquery *q,
	const struct ypviewer *v)
{
	struct buf text;

	if (format == YP_RSS)
		return rss_make(l, q);
	blob_begin(&text, YPFEED_MAX);
	if (format == YP_INDEX) {
		(void)buf_reserve(&text, MIN(l->list.text.len + YPINDEX_LINE, YPFEED_MAX));
		ypindex_emit(&l->list, q, v, &text);
	} else {
		ypfeed_json(&l->list, q, v, &text);
	}
	return blob_end(&text);
}

static struct doc *doc_find_locked(struct yp *yp, const char *key) REQUIRES(lk_leaf)
{
	size_t i;

	for (i = 0; i < YP_DOCS; i++)
		if (strcmp(yp->docs[i].key, key) == 0)
			return &yp->docs[i];
	return NULL;
}

/* A place for one more: a free one, else the least used; NULL = all are being made. */
static struct doc *doc_place_locked(struct yp *yp) REQUIRES(lk_leaf)
{
	struct doc *best = NULL;
	size_t i;

	for (i = 0; i < YP_DOCS; i++) {
		struct doc *d = &yp->docs[i];

		if (d->making)
			continue;
		if (best == NULL || d->used < best->used)
			best = d;
	}
	return best;
}

/* Let go of the least used until the rest fits. Freed by the caller, outside the lock. */
static size_t doc_trim_locked(struct yp *yp, struct blob *freed[YP_DOCS]) REQUIRES(lk_leaf)
{
	size_t n = 0;

	for (;;) {
		struct doc *least = NULL;
		size_t sum = 0, held = 0, i;

		for (i = 0; i < YP_DOCS; i++) {
			struct doc *d = &yp->docs[i];

			if (d->blob == NULL)
				continue;
			sum += d->blob->len;
			held++;
			if (!d->making && (least == NULL || d->used < least->used))
				least = d;
		}
		if (sum <= YP_BYTES || held <= 1 || least == NULL)
			return n;
		freed[n++] = least->blob;
		*least = (struct doc){ .used = 0 };
	}
}

/* Is there something to answer with, without making anything? A document of this list; an older
 * one while somebody makes a newer. */
static bool doc_ready(const struct doc *d, const struct live *l)
{
	return d != NULL && d->blob != NULL && (d->serial >= l->serial || d->making);
}

static void doc_use_locked(struct yp *yp, struct doc *d, struct share *out) REQUIRES(lk_leaf)
{
	d->used = ++yp->clock;
	out->blob = blob_ref(d->blob);
	out->etag = d->etag;
}

/* Find it, or begin to make it: *mine is its place then (NULL = make it, and do not keep it), *was a
 * reference to what was there (NULL = nothing).
 * returns  ST_OK (out is filled in when there was one), ST_LIMIT, ST_TIMEOUT */
static enum status doc_begin(struct yp *yp, const struct live *l, const char *key, struct share *out,
	struct doc **mine, struct blob **was)
{
	const nsec deadline = clk_deadline(MAKE_TIME);
	struct blob *old = NULL;
	enum status st = ST_OK;
	struct doc *d;

	*mine = NULL;
	*was = NULL;
	yp_lock(yp);
	d = doc_find_locked(yp, key);
	while (st == ST_OK && d != NULL && d->making && !doc_ready(d, l)) {
		st = cond_wait(&yp->made, &yp->mtx, deadline);
		d = doc_find_locked(yp, key);
	}
	if (st == ST_OK && doc_ready(d, l)) {
		doc_use_locked(yp, d, out);
	} else if (st == ST_OK) {
		if (d == NULL) {
			d = doc_place_locked(yp);
			if (d != NULL) {
				old = d->blob;
				*d = (struct doc){ .used = 0 };
				(void)text_copy(d->key, sizeof(d->key), key);
			}
		}
		if (d != NULL) {
			d->making = true;
			*was = d->blob != NULL ? blob_ref(d->blob) : NULL;
		} else if (yp->unkept < YP_MAKE) {
			yp->unkept++;
		} else {
			st = ST_LIMIT;
		}
		*mine = d;
	}
	yp_unlock(yp);
	blob_unref(&old);
	return st;
}

/* It was made (blob NULL: it was not; consumed); same: it is what was there. d is the place, or NULL. */
static void doc_end(struct yp *yp, struct doc *d, const struct live *l, struct blob *blob, bool same,
	struct share *out)
{
	const bool made = blob != NULL;
	struct blob *freed[YP_DOCS];
	size_t n = 0, i;

	yp_lock(yp);
	if (d == NULL) {
		yp->unkept--;
		out->blob = blob;
		blob = NULL;
	} else {
		if (made && !same) {
			struct blob *was = d->blob;

			d->blob = blob;
			d->etag = ++yp->etags;
			blob = was;
		}
		d->making = false;
		if (d->blob == NULL) {
			*d = (struct doc){ .used = 0 };
		} else {
			d->serial = made ? l->serial : d->serial;
			doc_use_locked(yp, d, out);
		}
		n = doc_trim_locked(yp, freed);
	}
	cond_broadcast(&yp->made);
	yp_unlock(yp);
	blob_unref(&blob);
	for (i = 0; i < n; i++)
		blob_unref(&freed[i]);
}

static enum status doc_get(struct yp *yp, const struct live *l, enum ypformat format,
	const struct ypquery *q, const struct ypviewer *v, struct share *out)
{
	static const char letters[] = { [YP_INDEX] = 'i', [YP_RSS] = 'r', [YP_JSON] = 'j' };
	struct blob *blob, *was;
	char key[YPKEY + 2];
	struct doc *mine;
	enum status st;
	bool same;

	*out = (struct share){ .blob = NULL };
	key[0] = letters[format];
	(void)yp_key(key + 1, &l->list, q, v);
	st = doc_begin(yp, l, key, out, &mine, &was);
	if (st != ST_OK || out->blob != NULL)
		return st;
	blob = doc_make(l, format, q, v);
	/* Nobody else replaces what is in a place in the making. */
	same = blob != NULL && was != NULL && blob->len == was->len &&
		memcmp(blob->data, was->data, blob->len) == 0;
	doc_end(yp, mine, l, blob, same, out);
	blob_unref(&was);
	return out->blob != NULL ? ST_OK : ST_LIMIT;
}

/* --- the viewer ------------------------------------------------------------------------------- */

/* The port of "host:port", or of port=: 0 = none was named. */
static uint16_t port_asked(const char *query)
{
	char text[TEXT_MAX];
	const char *colon;
	uint32_t port;

	if (query_get(query, "host", text, sizeof(text)) && text[0] != '\0') {
		colon = strrchr(text, ':');
		/* A colon of a bare IPv6 address is none of a port. */
		if (colon == NULL || (colon != strchr(text, ':') && colon[-1] != ']'))
			return 0;
		return num_u32(colon + 1, 1, 65535, &port) ? (uint16_t)port : 0;
	}
	return query_get(query, "port", text, sizeof(text)) && num_u32(text, 1, 65535, &port) ?
		(uint16_t)port : 0;
}

/* Test the port of the peer, only ever its own address; what comes of it is seen next time, and by
 * one who was never tested now, if it does not take long. */
static enum status check_port(struct node *n, struct servent *sv, const struct host *who, bool first)
{
	struct viewers *vs = n->yp->viewers;
	const nsec deadline = clk_deadline(YP_WAIT);
	enum portcheck now = viewers_port_begin(vs, who, clk_now());
	enum status st = ST_OK;

	if (now == PORTCHECK_BEGIN &&
	    (n->ops.check_viewer == NULL || !n->ops.check_viewer(n, sv, who))) {
		viewers_port_done(vs, who, false, clk_now());
		return ST_OK;
	}
	while (first && now == PORTCHECK_BEGIN && st == ST_OK) {
		struct viewer known;

		viewers_get(vs, who, clk_now(), &known);
		if (known.port == who->port)
			break;
		st = mbox_wait(&sv->mbox, deadline);
	}
	return st == ST_STOPPED ? st : ST_OK;
}

/* What this reader may see. */
static enum status viewer_of(struct node *n, struct servent *sv, const struct request *rq,
	const struct live *l, struct ypviewer *v)
{
	struct viewers *vs = n->yp->viewers;
	struct host who = sv->peer;
	enum status st = ST_OK;
	struct viewer known;

	*v = (struct ypviewer){ .port_open = false };
	if (!l->list.restricted)
		return ST_OK;
	viewers_get(vs, &who, clk_now(), &known);
	who.port = port_asked(rq->query);
	if (who.port == 0)
		who.port = known.port != 0 ? known.port : VIEW_PORT;
	/* A page of another site must not make a browser have its machine tested. */
	if (auth_cross_site(rq, AUTH_SITE) == NULL)
		st = check_port(n, sv, &who, known.port == 0);
	viewers_get(vs, &who, clk_now(), &known);
	v->port_open = known.port_open && known.port == who.port;
	v->speed_kbps = known.speed_kbps;
	return st;
}

/* --- answers ---------------------------------------------------------------------------------- */

static bool is_root(const struct settings *set, struct response *rs)
{
	if (!set->is_root)
		response_error(rs, 404, NULL);
	return set->is_root;
}

static enum status answer(struct node *n, struct servent *sv, const struct request *rq,
	enum ypformat format, const struct live *l, struct response *rs)
{
	static const char *const types[] = {
		[YP_INDEX] = "text/plain; charset=utf-8",
		[YP_RSS] = "application/rss+xml; charset=utf-8",
		[YP_JSON] = "application/json",
	};
	struct ypviewer v = { .port_open = false };
	struct share share;
	struct ypquery q;
	char etag[48];
	enum status st = ST_OK;

	ypquery_parse(&q, rq->query);
	if (format != YP_RSS)
		st = viewer_of(n, sv, rq, l, &v);
	if (st == ST_OK)
		st = doc_get(n->yp, l, format, &q, &v, &share);
	if (st != ST_OK)
		return st;
	response_header(rs, "Access-Control-Allow-Origin", "*");
	/* With restricted channels in it, it is this viewer's alone. */
	response_header(rs, "Cache-Control",
		l->list.restricted && format != YP_RSS ? "private, max-age=10" : "public, max-age=10");
	if (share.etag != 0) {
		snprintf(etag, sizeof(etag), "\"%016llx-%llx\"", (unsigned long long)n->yp->run,
			(unsigned long long)share.etag);
		response_header(rs, "ETag", etag);
		if (request_etag_matches(rq, etag)) {
			rs->status = 304;
			blob_unref(&share.blob);
			return ST_OK;
		}
	}
	rs->type = types[format];
	response_share(rs, share.blob);
	return ST_OK;
}

enum status yp_serve(struct node *n, struct servent *sv, const struct request *rq,
	enum ypformat format, struct response *rs)
{
	const struct settings *set = conf_get(n->conf);
	struct live *l = NULL;
	enum status st = ST_OK;

	if (is_root(set, rs)) {
		st = live_get(n, set, &l);
		if (st == ST_OK)
			st = answer(n, sv, rq, format, l, rs);
		live_unref(&l);
		if (st == ST_TIMEOUT)
			st = ST_LIMIT;
	}
	settings_unref(&set);
	return st;
}

enum status yp_serve_client(struct node *n, struct servent *sv, struct response *rs)
{
	const struct settings *set = conf_get(n->conf);
	const nsec now = clk_now();
	char ip[HOST_STRLEN], addr[YPURL];
	struct viewer known;
	struct own own;
	struct yp4g y = {
		.name = yp_name(set), .ip = host_ip_str(&sv->peer, ip), .fast_kbps = YP_FAST_KBPS,
		.addr = addr, .object = UPTEST_PATH, .post_size = UPTEST_POST,
		.limit_kbps = YP_FAST_KBPS * 3 / 2,
		.interval_s = (uint32_t)(UPTEST_INTERVAL / NSEC_PER_SEC), .enabled = true,
	};

	if (is_root(set, rs)) {
		servmgr_own(n->sm, &own);
		viewers_get(n->yp->viewers, &sv->peer, now, &known);
		y.port_open = y.checkable = known.port_open;
		y.speed_kbps = known.speed_kbps;
		if (known.next_test > now)
			y.remain_s = (uint32_t)((known.next_test - now - 1) / NSEC_PER_SEC) + 1;
		y.port = own.port;
		uptest_addr(addr, sizeof(addr), set, &own, sv);
		rs->type = "text/xml; charset=utf-8";
		response_header(rs, "Cache-Control", "no-store");
		response_header(rs, "Access-Control-Allow-Origin", "*");
		yp4g_emit(&y, &rs->body);
	}
	settings_unref(&set);
	return ST_OK;
}

/* Redirect to a URL somebody wrote into his channel: what no URL may hold is encoded. */
static void go_to(struct response *rs, const char *url)
{
	struct buf b;

	buf_init(&b, TEXT_MAX * 3);
	for (; *url != '\0'; url++) {
		if ((uint8_t)*url <= 0x20 || (uint8_t)*url >= 0x7f || strchr("\"<>\\^`{|}", *url) != NULL)
			buf_printf(&b, "%%%02X", (uint8_t)*url);
		else
			buf_u8(&b, (uint8_t)*url);
	}
	response_redirect(rs, NULL);
	response_header(rs, "Location", buf_cstr(&b));
	buf_fini(&b);
}

enum status yp_serve_chat(struct node *n, const struct request *rq, struct response *rs)
{
	const struct settings *set = conf_get(n->conf);
	char raw[TEXT_MAX * 2], name[TEXT_MAX];
	struct live *l = NULL;
	enum status st = ST_OK;
	size_t i;

	if (is_root(set, rs)) {
		response_error(rs, 404, NULL);
		if (query_get(rq->query, "cn", raw, sizeof(raw)) && raw[0] != '\0') {
			(void)text_clean(name, sizeof(name), raw, strlen(raw));
			st = live_get(n, set, &l);
		}
		for (i = 0; l != NULL && i < l->list.n && rs->status == 404; i++) {
			const struct chaninfo *info = l->list.chans[i].info;

			if (strcmp(info->text[CT_NAME], name) == 0 && yp_is_web(info->text[CT_URL]))
				go_to(rs, info->text[CT_URL]);
		}
		live_unref(&l);
	}
	settings_unref(&set);
	return st == ST_TIMEOUT ? ST_LIMIT : st;
}
