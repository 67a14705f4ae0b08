/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/chan/routelist.h"

#include <stdlib.h>

/* An insertion that finds no memory leaves the element out; the caller looks at its handle. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(e) ((void)(e))
#include <uthash.h>

struct route {
	struct gnuid id;
	struct UT_hash_handle hh;
};

void routelist_clear(struct routelist *l)
{
	struct route *r = l->routes, *next;

	HASH_CLEAR(hh, l->routes);
	for (; r != NULL; r = next) {
		next = r->hh.next;
		free(r);
	}
}

static struct route *find(const struct routelist *l, const struct gnuid *id)
{
	struct route *r;

	HASH_FIND(hh, l->routes, id, sizeof(*id), r);
	return r;
}

/* List r as the newest. */
static void list(struct routelist *l, struct route *r)
{
	HASH_ADD(hh, l->routes, id, sizeof(r->id), r);
	if (r->hh.tbl == NULL)
		free(r);
}

void routelist_add(struct routelist *l, const struct gnuid *id)
{
	struct route *r;

	if (!gnuid_is_set(id))
		return;
	r = find(l, id);
	if (r != NULL && r->hh.next == NULL)
		return;                         /* the newest already: most speak again soon */
	if (r == NULL && HASH_CNT(hh, l->routes) >= ROUTELIST_MAX)
		r = l->routes;
	if (r != NULL)
		HASH_DELETE(hh, l->routes, r);
	else
		r = malloc(sizeof(*r));
	if (r == NULL)
		return;
	r->id = *id;
	list(l, r);
}

bool routelist_has(const struct routelist *l, const struct gnuid *id)
{
	return find(l, id) != NULL;
}
