/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Never built: what clang must refuse. test_lock.c has clang look at each CASE of it; case 0 is right. */
#include "core/sys/lock.h"

struct box {
	struct mtx mtx;
	int n GUARDED_BY(lk_chan);
};

struct room {
	struct mtx mtx;
	int n GUARDED_BY(lk_chanmgr);
};

LOCK_DEFINE(box, struct box, mtx, lk_chan)
LOCK_DEFINE(room, struct room, mtx, lk_chanmgr)

void box_add_locked(struct box *b) REQUIRES(lk_chan);
void box_add(struct box *b) EXCLUDES(lk_chan);
void try_it(struct box *b, struct box *c, struct room *r);

void box_add_locked(struct box *b)
{
	b->n++;
}

void box_add(struct box *b)
{
	box_lock(b);
	box_add_locked(b);
	box_unlock(b);
}

void try_it(struct box *b, struct box *c, struct room *r)
{
#if CASE == 0           /* in order, everything held that must be */
	room_lock(r);
	box_lock(b);
	b->n = r->n;
	box_unlock(b);
	room_unlock(r);
	box_add(c);
#elif CASE == 1         /* a guarded field without its lock */
	b->n = 1;
#elif CASE == 2         /* under the wrong lock */
	room_lock(r);
	b->n = 1;
	room_unlock(r);
#elif CASE == 3         /* the wrong order: only -beta sees it */
	box_lock(b);
	room_lock(r);
	room_unlock(r);
	box_unlock(b);
#elif CASE == 4         /* two of a class */
	box_lock(b);
	box_lock(c);
	box_unlock(c);
	box_unlock(b);
#elif CASE == 5         /* not given back */
	box_lock(b);
#elif CASE == 6         /* _locked without the lock */
	box_add_locked(b);
#elif CASE == 7         /* EXCLUDES, but held */
	box_lock(b);
	box_add(c);
	box_unlock(b);
#elif CASE == 8         /* given back twice */
	box_lock(b);
	box_unlock(b);
	box_unlock(b);
#endif
}
