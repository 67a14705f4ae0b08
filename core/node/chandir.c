/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/chandir.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"

LOCK_DEFINE(cd, struct chandir, mtx, lk_conf)

/* node.md 9.4 */
static const struct {
	const char *name, *url, *root;
} known[] = {
	{ "SP", "http://bayonet.ddo.jp/sp/index.txt", "bayonet.ddo.jp:7146" },
	{ "Heisei", "http://yp.pcgw.pgw.jp/index.txt", "yp.pcgw.pgw.jp:7146" },
	{ "P@", "https://p-at.net/index.txt", "root.p-at.net" },
	{ "YPv6", "http://ypv6.pecastation.org/index.txt", "ypv6.pecastation.org" },
	{ "Event YP", "http://eventyp.xrea.jp/index.txt", "" },
};

const char *feedstatus_str(enum feedstatus s)
{
	static const char *const names[] = { "UNKNOWN", "OK", "ERROR" };

	return names[s];
}

const char *chandir_known_root(const char *url)
{
	for (size_t i = 0; i < NELEM(known); i++)
		if (strcmp(known[i].url, url) == 0)
			return known[i].root;
	return "";
}

const char *chandir_feed_name(const char *url, char *dst)
{
	const char *at = strstr(url, "://");
	char host[SETTINGS_TEXT];
	size_t n;

	for (size_t i = 0; i < NELEM(known); i++) {
		if (strcmp(known[i].url, url) == 0) {
			(void)text_copy(dst, SETTINGS_TEXT, known[i].name);
			return dst;
		}
	}
	at = at != NULL ? at + 3 : url;
	n = MIN(strcspn(at, "/?#"), sizeof(host) - 1);
	memcpy(host, at, n);
	host[text_cut(host, n)] = '\0';
	(void)text_copy(dst, SETTINGS_TEXT, host);
	return dst;
}

void chandir_init(struct chandir *d)
{
	memset(d, 0, sizeof(*d));
	mtx_init(&d->mtx, &lk_conf);
}

void chandir_fini(struct chandir *d) LOCK_IMPL /* the only thread left */
{
	dirview_unref(&d->now);
	mtx_fini(&d->mtx);
}

/* --- pictures --------------------------------------------------------------------------------- */

void dirview_unref(struct dirview **vp)
{
	struct dirview *v = *vp;

	*vp = NULL;
	/* acq_rel: other readers are done with it before the last one frees it */
	if (v == NULL || atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < v->n_feeds; i++)
		feedlist_unref(&v->feeds[i].list);
	free(v->feeds);
	free(v->entries);
	free(v);
}

/* Most listeners first; then as the feeds and their lists have them. */
static int by_listeners(const void *a, const void *b)
{
	const struct direntry *x = a, *y = b;
	const int32_t n = MAX(x->chan->listeners, -1), m = MAX(y->chan->listeners, -1);

	if (n != m)
		return n > m ? -1 : 1;
	if (x->feed != y->feed)
		return x->feed < y->feed ? -1 : 1;
	return x->chan < y->chan ? -1 : x->chan > y->chan;
}

static struct dirview *view_new(const struct dirfeed *feeds, size_t n)
{
	struct dirview *v = calloc(1, sizeof(*v));
	size_t total = 0;

	if (v == NULL)
		return NULL;
	atomic_init(&v->refs, 1);
	for (size_t i = 0; i < n; i++)
		total += feeds[i].list != NULL ? feeds[i].list->n : 0;
	v->feeds = calloc(n + 1, sizeof(*v->feeds));
	v->entries = calloc(total + 1, sizeof(*v->entries));
	if (v->feeds == NULL || v->entries == NULL) {
		dirview_unref(&v);
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		struct dirfeed *f = &v->feeds[v->n_feeds++];

		*f = feeds[i];
		if (f->list == NULL)
			continue;
		(void)feedlist_ref(f->list);
		for (size_t k = 0; k < f->list->n; k++)
			v->entries[v->n_entries++] =
				(struct direntry){ .feed = (uint32_t)i, .chan = &f->list->chans[k] };
	}
	qsort(v->entries, v->n_entries, sizeof(*v->entries), by_listeners);
	return v;
}

enum status chandir_put(struct chandir *d, const struct dirfeed *feeds, size_t n)
{
	struct dirview *v = view_new(feeds, n), *old;

	if (v == NULL)
		return ST_LIMIT;
	cd_lock(d);
	old = d->now;
	d->now = v;
	cd_unlock(d);
	dirview_unref(&old);
	return ST_OK;
}

struct dirview *chandir_get(struct chandir *d)
{
	struct dirview *v;

	cd_lock(d);
	v = d->now;
	if (v != NULL)  /* relaxed: there is one under the lock */
		(void)atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
	cd_unlock(d);
	return v;
}

const struct direntry *dirview_find(const struct dirview *v, const struct gnuid *id)
{
	if (v == NULL || !gnuid_is_set(id))
		return NULL;
	for (size_t i = 0; i < v->n_entries; i++)
		if (gnuid_equal(&v->entries[i].chan->id, id))
			return &v->entries[i];
	return NULL;
}

bool chandir_has(struct chandir *d, const struct gnuid *id)
{
	struct dirview *v = chandir_get(d);
	const bool has = v != NULL && gnuid_is_set(id) && dirview_find(v, id) != NULL;

	dirview_unref(&v);
	return has;
}

bool chandir_tip(struct chandir *d, const struct gnuid *id, struct host *h)
{
	struct dirview *v = chandir_get(d);
	const struct direntry *e = dirview_find(v, id);
	bool ok = false;

	if (e != NULL && e->chan->text[FEED_TIP][0] != '\0')
		ok = host_parse(h, e->chan->text[FEED_TIP], 0) && host_is_set(h) && h->port != 0 &&
			(host_is_global(h) || v->feeds[e->feed].near);
	dirview_unref(&v);
	return ok;
}

bool chandir_lists(struct chandir *d, const struct host *h)
{
	struct dirview *v = chandir_get(d);
	bool yes = false;

	for (size_t i = 0; v != NULL && i < v->n_entries && !yes; i++) {
		const char *tip = v->entries[i].chan->text[FEED_TIP];
		struct host at;

		yes = host_parse(&at, tip, 0) && host_same_ip(&at, h);
	}
	dirview_unref(&v);
	return yes;
}

bool chandir_root(struct chandir *d, const struct gnuid *id, char *dst)
{
	struct dirview *v = chandir_get(d);
	const struct direntry *e = dirview_find(v, id);
	const bool ok = e != NULL && v->feeds[e->feed].root_host[0] != '\0';

	if (ok)
		(void)text_copy(dst, SETTINGS_TEXT, v->feeds[e->feed].root_host);
	dirview_unref(&v);
	return ok;
}
