/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/names.h"

#include <stdlib.h>
#include <string.h>

/* An insertion that finds no memory leaves the element out; the caller looks at its handle. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(e) ((void)(e))
#include <uthash.h>

#include "core/sys/text.h"

/* A name and its addresses. */
struct forward {
	char name[HOST_NAME];           /* lower case */
	struct host pair[2];
	nsec due;
	bool asked;                     /* somebody is at it */
	bool wanted;                    /* scratch of names_want() */
	struct forward *gone;           /* the next one to be freed */
	struct UT_hash_handle hh;
};

/* A visitor and his name. */
struct reverse {
	uint8_t ip[16];
	char name[HOST_NAME];
	nsec due;
	bool asked;
	bool queued;                    /* he was here since the last answer went stale */
	struct reverse *gone;
	struct UT_hash_handle hh;       /* in the order they came */
};

struct names {
	struct mtx mtx;                                 /* lk_leaf */
	struct forward *forward GUARDED_BY(lk_leaf);
	struct reverse *reverse GUARDED_BY(lk_leaf);
};

LOCK_DEFINE(names, struct names, mtx, lk_leaf)

struct names *names_new(void)
{
	struct names *ns = calloc(1, sizeof(*ns));

	if (ns != NULL)
		mtx_init(&ns->mtx, &lk_leaf);
	return ns;
}

/* What was taken out of the tables is freed after them: outside the lock. */
static void free_forward(struct forward *gone)
{
	while (gone != NULL) {
		struct forward *f = gone;

		gone = f->gone;
		free(f);
	}
}

static void free_reverse(struct reverse *gone)
{
	while (gone != NULL) {
		struct reverse *r = gone;

		gone = r->gone;
		free(r);
	}
}

void names_free(struct names **nsp) LOCK_IMPL /* the only thread left */
{
	struct names *ns = *nsp;
	struct forward *f, *f_next, *f_gone = NULL;
	struct reverse *r, *r_next, *r_gone = NULL;

	*nsp = NULL;
	if (ns == NULL)
		return;
	HASH_ITER(hh, ns->forward, f, f_next) {
		HASH_DEL(ns->forward, f);
		f->gone = f_gone;
		f_gone = f;
	}
	HASH_ITER(hh, ns->reverse, r, r_next) {
		HASH_DEL(ns->reverse, r);
		r->gone = r_gone;
		r_gone = r;
	}
	free_forward(f_gone);
	free_reverse(r_gone);
	mtx_fini(&ns->mtx);
	free(ns);
}

static void lower(char dst[HOST_NAME], const char *name)
{
	(void)text_copy(dst, HOST_NAME, name);
	for (char *c = dst; *c != '\0'; c++)
		*c = (char)ascii_lower((unsigned char)*c);
}

static struct forward *forward_locked(struct names *ns, const char *name) REQUIRES(lk_leaf)
{
	char key[HOST_NAME];
	struct forward *f;

	lower(key, name);
	HASH_FIND_STR(ns->forward, key, f);
	return f;
}

static struct reverse *reverse_locked(struct names *ns, const struct host *who) REQUIRES(lk_leaf)
{
	struct reverse *r;

	HASH_FIND(hh, ns->reverse, who->ip, sizeof(who->ip), r);
	return r;
}

/* --- what is wanted --------------------------------------------------------------------------- */

static bool want_locked(struct names *ns, const char *name) REQUIRES(lk_leaf)
{
	struct forward *f = forward_locked(ns, name);

	if (f == NULL) {
		f = calloc(1, sizeof(*f));
		if (f == NULL)
			return false;
		lower(f->name, name);
		HASH_ADD_STR(ns->forward, name, f);
		if (f->hh.tbl == NULL) {
			free(f);
			return false;
		}
	}
	f->wanted = true;
	return true;
}

enum status names_want(struct names *ns, const char *const *name, size_t n)
{
	struct forward *f, *next, *gone = NULL;
	bool all = true;

	names_lock(ns);
	for (size_t i = 0; i < n; i++)
		all = want_locked(ns, name[i]) && all;
	HASH_ITER(hh, ns->forward, f, next) {
		if (!f->wanted) {
			HASH_DEL(ns->forward, f);
			f->gone = gone;
			gone = f;
		} else {
			f->wanted = false;
		}
	}
	names_unlock(ns);
	free_forward(gone);
	return all ? ST_OK : ST_LIMIT;
}

bool names_find(struct names *ns, const char *name, struct host pair[2])
{
	const struct forward *f;

	pair[0] = pair[1] = (struct host){ .port = 0 };
	names_lock(ns);
	f = forward_locked(ns, name);
	if (f != NULL)
		memcpy(pair, f->pair, sizeof(f->pair));
	names_unlock(ns);
	return host_is_set(&pair[0]) || host_is_set(&pair[1]);
}

/* One who came early, and is not being asked about: out of the table. NULL = there is none. */
static struct reverse *earliest_locked(struct names *ns) REQUIRES(lk_leaf)
{
	struct reverse *r, *next, *first = NULL;

	HASH_ITER(hh, ns->reverse, r, next)
		if (first == NULL && !r->asked)
			first = r;
	if (first != NULL)
		HASH_DEL(ns->reverse, first);
	return first;
}

/* A record for one more visitor: a new one, or that of the one who came first. */
static struct reverse *visitor_locked(struct names *ns, const struct host *who) REQUIRES(lk_leaf)
{
	struct reverse *r;

	if (HASH_COUNT(ns->reverse) < NAMES_VISITORS)
		r = calloc(1, sizeof(*r));
	else
		r = earliest_locked(ns);
	if (r == NULL)
		return NULL;
	*r = (struct reverse){ .name = "" };
	memcpy(r->ip, who->ip, sizeof(r->ip));
	HASH_ADD(hh, ns->reverse, ip, sizeof(r->ip), r);
	if (r->hh.tbl == NULL) {
		free(r);
		r = NULL;
	}
	return r;
}

void names_of(struct names *ns, const struct host *who, char name[HOST_NAME], bool *ask)
{
	const nsec now = clk_now();
	struct reverse *r;

	name[0] = '\0';
	*ask = false;
	names_lock(ns);
	r = reverse_locked(ns, who);
	if (r == NULL)
		r = visitor_locked(ns, who);
	if (r != NULL) {
		memcpy(name, r->name, sizeof(r->name));
		if (!r->queued && !r->asked && now >= r->due)
			*ask = r->queued = true;
	}
	names_unlock(ns);
}

/* --- questions and answers -------------------------------------------------------------------- */

bool names_take(struct names *ns, nsec now, struct names_job *j)
{
	struct forward *f, *f_next, *first = NULL;
	struct reverse *r, *r_next, *guest = NULL;

	*j = (struct names_job){ .name = "" };
	names_lock(ns);
	HASH_ITER(hh, ns->forward, f, f_next)
		if (!f->asked && now >= f->due && (first == NULL || f->due < first->due))
			first = f;
	if (first == NULL)
		HASH_ITER(hh, ns->reverse, r, r_next)
			if (guest == NULL && r->queued && !r->asked)
				guest = r;
	if (first != NULL) {
		first->asked = true;
		memcpy(j->name, first->name, sizeof(j->name));
	} else if (guest != NULL) {
		guest->asked = true;
		memcpy(j->who.ip, guest->ip, sizeof(guest->ip));
	}
	names_unlock(ns);
	return first != NULL || guest != NULL;
}

static bool forward_done_locked(struct names *ns, const struct names_job *j, enum status st,
	const struct host pair[2], nsec now) REQUIRES(lk_leaf)
{
	struct forward *f = forward_locked(ns, j->name);
	struct host next[2] = { { .port = 0 }, { .port = 0 } };
	bool changed = false;

	if (f == NULL)
		return false;           /* no longer wanted */
	f->asked = false;
	f->due = now + (st == ST_OK ? NAMES_TTL : NAMES_TTL_NONE);
	if (st != ST_OK && st != ST_PROTO)
		return false;
	for (int i = 0; i < 2; i++) {
		if (st == ST_OK) {
			next[i] = pair[i];
			next[i].port = 0;
		}
		changed = changed || !host_equal(&f->pair[i], &next[i]);
	}
	memcpy(f->pair, next, sizeof(next));
	return changed;
}

static bool reverse_done_locked(struct names *ns, const struct names_job *j, enum status st,
	const char *name, nsec now) REQUIRES(lk_leaf)
{
	struct reverse *r = reverse_locked(ns, &j->who);
	char next[HOST_NAME] = "";
	bool changed;

	if (r == NULL)
		return false;
	r->asked = r->queued = false;
	r->due = now + (st == ST_OK ? NAMES_TTL : NAMES_TTL_NONE);
	if (st != ST_OK && st != ST_PROTO)
		return false;
	if (st == ST_OK)
		lower(next, name);
	changed = strcmp(r->name, next) != 0;
	memcpy(r->name, next, sizeof(next));
	return changed;
}

bool names_done(struct names *ns, const struct names_job *j, enum status st, const struct host pair[2],
	const char *name, nsec now)
{
	bool changed;

	names_lock(ns);
	changed = j->name[0] != '\0' ? forward_done_locked(ns, j, st, pair, now) :
		reverse_done_locked(ns, j, st, name, now);
	names_unlock(ns);
	return changed;
}

nsec names_due(struct names *ns)
{
	struct forward *f, *f_next;
	struct reverse *r, *r_next;
	nsec due = NSEC_NEVER;

	names_lock(ns);
	HASH_ITER(hh, ns->forward, f, f_next)
		if (!f->asked)
			due = MIN(due, f->due);
	HASH_ITER(hh, ns->reverse, r, r_next)
		if (r->queued && !r->asked)
			due = 0;
	names_unlock(ns);
	return due;
}
