/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/chanlist.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/lock.h"
#include "http/chanjson.h"
#include "http/jsonrpc.h"

/* One answer; immutable once others see it. */
struct answer {
	_Atomic uint32_t refs;          /* relaxed up, acq_rel down: the last one frees */
	size_t n;
	struct chanstate *states;
	size_t *at;                     /* where the item of each begins in the text; [n] = its end */
	struct buf text;                /* the array without its brackets: each item with a comma behind it */
};

struct last {
	struct mtx mtx;                                 /* lk_leaf */
	struct answer *answer   GUARDED_BY(lk_leaf);    /* a reference; NULL = none yet */
};

/* A text follows from the states it comes with, so it does not matter which node of a process made it. */
static struct last last = { .mtx = MTX_INIT(lk_leaf) };

LOCK_DEFINE(last, struct last, mtx, lk_leaf)

static void answer_unref(struct answer **ap)
{
	struct answer *a = *ap;
	size_t i;

	*ap = NULL;
	if (a == NULL || atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (i = 0; i < a->n; i++)
		chanstate_fini(&a->states[i]);
	free(a->states);
	free(a->at);
	buf_fini(&a->text);
	free(a);
}

/* The newest; NULL = none. */
static struct answer *last_get(void)
{
	struct answer *a;

	last_lock(&last);
	a = last.answer;
	if (a != NULL)
		/* relaxed: the slot's reference keeps it alive meanwhile */
		atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
	last_unlock(&last);
	return a;
}

static void last_set(struct answer *a)
{
	struct answer *was;

	/* relaxed: the caller has one */
	atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
	last_lock(&last);
	was = last.answer;
	last.answer = a;
	last_unlock(&last);
	answer_unref(&was);
}

/* What there is to tell now. NULL when out of memory. */
static struct answer *take(struct node *n)
{
	const struct settings *set = conf_get(n->conf);
	struct answer *a = calloc(1, sizeof(*a));
	enum status st = a != NULL ? ST_OK : ST_LIMIT;
	struct chan **all = NULL;
	size_t count = 0, i;

	if (st == ST_OK) {
		atomic_init(&a->refs, 1);
		buf_init(&a->text, RPC_ANSWER);
		st = chanmgr_all(n->cm, &all, &count);
	}
	if (st == ST_OK) {
		a->states = calloc(count + 1, sizeof(*a->states));
		a->at = calloc(count + 1, sizeof(*a->at));
		st = a->states != NULL && a->at != NULL ? ST_OK : ST_LIMIT;
	}
	for (i = 0; i < count; i++) {
		if (st == ST_OK)
			st = chanstate_take(&a->states[a->n++], n, set, all[i]);
		chan_unref(&all[i]);
	}
	free(all);
	settings_unref(&set);
	if (st != ST_OK)
		answer_unref(&a);
	return a;
}

static bool same(const struct answer *a, const struct answer *b)
{
	size_t i;

	if (b == NULL || a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++)
		if (!chanstate_same(&a->states[i], &b->states[i]))
			return false;
	return true;
}

/* The channel in old, from *from on, behind which *from moves: both are in the order in which channels
 * came. old->n = it is new. */
static size_t find(const struct answer *old, size_t *from, const struct gnuid *id)
{
	size_t i;

	for (i = *from; i < old->n; i++)
		if (gnuid_equal(&old->states[i].id, id)) {
			*from = i + 1;
			break;
		}
	return i;
}

static void write_text(struct answer *a, const struct answer *old)
{
	size_t from = 0, i;

	/* else half the time would go into growing */
	(void)buf_reserve(&a->text, MIN(a->n * CHANJSON_USUAL, RPC_ANSWER));
	for (i = 0; i < a->n; i++) {
		const size_t was = old != NULL ? find(old, &from, &a->states[i].id) : 0;

		a->at[i] = a->text.len;
		if (old != NULL && was < old->n && chanstate_same(&a->states[i], &old->states[was])) {
			buf_put(&a->text, old->text.p + old->at[was], old->at[was + 1] - old->at[was]);
		} else {
			chanstate_put(&a->text, &a->states[i]);
			buf_u8(&a->text, ',');
		}
	}
	a->at[a->n] = a->text.len;
}

enum status chanlist_put(struct buf *out, struct node *n)
{
	struct answer *now = take(n), *old;
	const struct answer *told = now;
	enum status st;

	if (now == NULL)
		return ST_LIMIT;
	old = last_get();
	if (same(now, old)) {
		told = old;
	} else {
		write_text(now, old);
		if (now->text.err == ST_OK)
			last_set(now);
	}
	st = told->text.err;
	if (st == ST_OK) {
		(void)buf_reserve(out, told->text.len + 2);
		buf_u8(out, '[');
		buf_put(out, told->text.p, told->text.len);
		if (told->text.len > 0)
			out->len -= out->err == ST_OK;  /* the last comma */
		buf_u8(out, ']');
	}
	answer_unref(&old);
	answer_unref(&now);
	return st;
}
