/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/viewer.h"

#include <stdlib.h>
#include <string.h>

/* An insertion that finds no memory leaves the element out; the caller looks at its handle. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(e) ((void)(e))
#include <uthash.h>

#include "core/sys/assert.h"

struct entry {
	uint8_t key[16];                /* see key_of() */
	nsec heard;                     /* last news: entries are in this order */
	bool checking, testing;

	bool port_open;
	uint16_t port;                  /* last tested */
	nsec port_at;                   /* when */

	uint32_t speed_kbps;
	nsec test_at;                   /* last begun; 0 = never */
	struct UT_hash_handle hh;
};

/* So many in a second, and as many at once. */
struct bucket {
	uint64_t left;
	nsec at;
};

struct viewers {
	struct mtx mtx;                                 /* lk_leaf */
	struct entry *entries   GUARDED_BY(lk_leaf);
	uint32_t checks         GUARDED_BY(lk_leaf);    /* running */
	uint32_t tests          GUARDED_BY(lk_leaf);
	struct bucket check_rate GUARDED_BY(lk_leaf);
	struct bucket test_bytes GUARDED_BY(lk_leaf);
};

LOCK_DEFINE(viewers, struct viewers, mtx, lk_leaf)

struct viewers *viewers_new(void)
{
	struct viewers *v = calloc(1, sizeof(*v));

	if (v != NULL)
		mtx_init(&v->mtx, &lk_leaf);
	return v;
}

void viewers_free(struct viewers **vp) LOCK_IMPL /* the only thread left */
{
	struct viewers *v = *vp;
	struct entry *e, *next;

	*vp = NULL;
	if (v == NULL)
		return;
	next = v->entries;
	HASH_CLEAR(hh, v->entries);
	while ((e = next) != NULL) {
		next = e->hh.next;
		free(e);
	}
	mtx_fini(&v->mtx);
	free(v);
}

/* The address of IPv4, the network of IPv6: a client has all of it for itself. */
static void key_of(uint8_t key[16], const struct host *who)
{
	memcpy(key, who->ip, 16);
	if (!host_is_v4(who))
		memset(key + 8, 0, 8);
}

/* Take n of what comes in at `rate` a second, with a second's worth in store. */
static bool take(struct bucket *b, uint64_t n, uint64_t rate, nsec now)
{
	const nsec passed = b->at == 0 ? NSEC_PER_SEC : MIN(now - b->at, NSEC_PER_SEC);
	const uint64_t more = passed > 0 ? (uint64_t)passed * rate / (uint64_t)NSEC_PER_SEC : 0;

	/* What is too little for a whole unit stays in the clock. */
	if (more > 0) {
		b->left = MIN(b->left + more, rate);
		b->at = now;
	}
	if (b->left < n)
		return false;
	b->left -= n;
	return true;
}

static struct entry *find_locked(struct viewers *v, const struct host *who, nsec now) REQUIRES(lk_leaf)
{
	struct entry *e;
	uint8_t key[16];

	key_of(key, who);
	HASH_FIND(hh, v->entries, key, sizeof(key), e);
	return e != NULL && now - e->heard <= VIEWER_KEPT ? e : NULL;
}

/* Entries of the front that are too old, and one more when the table is full. One that is being tested
 * has had news, so it is never among them. */
static void make_room_locked(struct viewers *v, nsec now) REQUIRES(lk_leaf)
{
	bool full = HASH_COUNT(v->entries) >= VIEWERS_MAX;
	struct entry *e;

	while ((e = v->entries) != NULL && (full || now - e->heard > VIEWER_KEPT) && !e->checking &&
		!e->testing) {
		ASSERT(e->hh.prev == NULL);
		HASH_DEL(v->entries, e);
		free(e);
		full = false;
	}
}

/* The entry, made when there is none, put at the end: it has news. NULL = memory, or no room. */
static struct entry *touch_locked(struct viewers *v, const struct host *who, nsec now) REQUIRES(lk_leaf)
{
	struct entry *e = find_locked(v, who, now);

	if (e != NULL) {
		HASH_DEL(v->entries, e);
	} else {
		make_room_locked(v, now);
		e = HASH_COUNT(v->entries) < VIEWERS_MAX ? calloc(1, sizeof(*e)) : NULL;
		if (e == NULL)
			return NULL;
		key_of(e->key, who);
	}
	e->heard = now;
	HASH_ADD(hh, v->entries, key, sizeof(e->key), e);
	if (e->hh.tbl == NULL) {
		free(e);
		e = NULL;
	}
	return e;
}

void viewers_get(struct viewers *v, const struct host *who, nsec now, struct viewer *out)
{
	struct entry *e;

	memset(out, 0, sizeof(*out));
	viewers_lock(v);
	e = find_locked(v, who, now);
	if (e != NULL) {
		out->port_open = e->port_open;
		out->port = e->port;
		out->speed_kbps = e->speed_kbps;
		out->next_test = e->test_at != 0 ? e->test_at + UPTEST_INTERVAL : 0;
	}
	viewers_unlock(v);
}

/* --- port check ------------------------------------------------------------------------------- */

/* Does what is known still answer the question? */
static bool is_fresh(const struct entry *e, uint16_t port, nsec now)
{
	return e->port == port &&
		now - e->port_at <= (e->port_open ? PORTCHECK_OPEN : PORTCHECK_SHUT);
}

enum portcheck viewers_port_begin(struct viewers *v, const struct host *who, nsec now)
{
	enum portcheck answer = PORTCHECK_NO;
	struct entry *e;

	if (who->port < PORTCHECK_PORT)
		return PORTCHECK_NO;
	viewers_lock(v);
	e = find_locked(v, who, now);
	if (e != NULL && e->checking) {
		answer = PORTCHECK_RUNS;
	} else if (e != NULL && is_fresh(e, who->port, now)) {
		answer = PORTCHECK_KNOWN;
	} else if ((e == NULL || e->port == 0 || now - e->port_at > PORTCHECK_SHUT) &&
		v->checks < PORTCHECKS && take(&v->check_rate, 1, PORTCHECK_RATE, now)) {
		e = touch_locked(v, who, now);
		if (e != NULL) {
			e->checking = true;
			v->checks++;
			answer = PORTCHECK_BEGIN;
		}
	}
	viewers_unlock(v);
	return answer;
}

void viewers_port_done(struct viewers *v, const struct host *who, bool open, nsec now)
{
	struct entry *e;

	viewers_lock(v);
	ASSERT(v->checks > 0);
	v->checks--;
	e = touch_locked(v, who, now);
	if (e != NULL) {
		e->checking = false;
		e->port_open = open;
		e->port = who->port;
		e->port_at = now;
	}
	viewers_unlock(v);
}

/* --- upload test ------------------------------------------------------------------------------ */

enum uptest viewers_upload_begin(struct viewers *v, const struct host *who, uint32_t bytes,
	uint32_t fast_kbps, nsec now)
{
	enum uptest answer = UPTEST_BUSY;
	struct entry *e;

	viewers_lock(v);
	e = find_locked(v, who, now);
	if (e != NULL && e->testing) {
		answer = UPTEST_RUNS;
	} else if (e != NULL && e->speed_kbps >= fast_kbps) {
		answer = UPTEST_FAST;
	} else if (e != NULL && e->test_at != 0 && now - e->test_at < UPTEST_INTERVAL) {
		answer = UPTEST_SOON;
	} else if (v->tests < UPTESTS && take(&v->test_bytes, bytes, UPTEST_BUDGET, now)) {
		e = touch_locked(v, who, now);
		if (e != NULL) {
			e->testing = true;
			e->test_at = now;
			v->tests++;
			answer = UPTEST_BEGIN;
		}
	}
	viewers_unlock(v);
	return answer;
}

void viewers_upload_done(struct viewers *v, const struct host *who, uint32_t kbps, nsec now)
{
	struct entry *e;

	viewers_lock(v);
	ASSERT(v->tests > 0);
	v->tests--;
	e = touch_locked(v, who, now);
	if (e != NULL) {
		e->testing = false;
		if (kbps > 0)
			e->speed_kbps = kbps;
	}
	viewers_unlock(v);
}
