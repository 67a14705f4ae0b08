/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/mailq.h"

#include <stdlib.h>

#include <utlist.h>

#include "core/sys/assert.h"

struct mail *mail_new(struct blob *b)
{
	struct mail *m = calloc(1, sizeof(*m));

	if (m != NULL)
		m->b = blob_ref(b);
	return m;
}

void mail_free(struct mail **mp)
{
	struct mail *m = *mp, *next;

	*mp = NULL;
	for (; m != NULL; m = next) {
		next = m->next;
		blob_unref(&m->b);
		free(m);
	}
}

static int class_of(const struct blob *b)
{
	return b->lane == 0 ? MAILQ_OWN : b->urgent ? MAILQ_URGENT : MAILQ_REST;
}

static size_t weight(const struct blob *b)
{
	return MAX((size_t)b->len, (size_t)MAILQ_LEAST);
}

static struct mail *find_line(struct mailq *q, const struct blob *b)
{
	struct mail *l;

	DL_FOREACH2(q->lines[class_of(b)], l, next_line)
		if (l->b->lane == b->lane)
			break;
	return l;
}

/* Take the first of the line out. The rest of it keeps its place, or stands in line again behind the
 * others. */
static struct mail *pop(struct mailq *q, struct mail *l, bool turn)
{
	struct mail **lines = &q->lines[class_of(l->b)], *rest = l->next;

	if (rest != NULL) {
		rest->last = l->last;
		rest->bytes = l->bytes - weight(l->b);
		DL_REPLACE_ELEM2(*lines, l, rest, prev_line, next_line);
		if (turn) {
			DL_DELETE2(*lines, rest, prev_line, next_line);
			DL_APPEND2(*lines, rest, prev_line, next_line);
		}
	} else {
		DL_DELETE2(*lines, l, prev_line, next_line);
	}
	l->next = NULL;
	ASSERT(q->n > 0 && q->bytes >= weight(l->b));
	q->n--;
	q->bytes -= weight(l->b);
	return l;
}

/* m behind the others of its sender. */
static void append(struct mailq *q, struct mail *l, struct mail *m)
{
	m->next = NULL;
	if (l != NULL) {
		l->last->next = m;
		l->last = m;
		l->bytes += weight(m->b);
	} else {
		m->last = m;
		m->bytes = weight(m->b);
		DL_APPEND2(q->lines[class_of(m->b)], m, prev_line, next_line);
	}
	q->n++;
	q->bytes += weight(m->b);
}

/* Where m's like waits, it gets the newer words, and m the old ones. */
static bool replace(struct mailq *q, struct mail *l, struct mail *m)
{
	for (struct mail *old = l; old != NULL && m->b->key != 0; old = old->next) {
		struct blob *b = old->b;

		if (b->key != m->b->key)
			continue;
		l->bytes += weight(m->b) - weight(b);
		q->bytes += weight(m->b) - weight(b);
		old->b = m->b;
		m->b = b;
		q->merged++;
		return true;
	}
	return false;
}

static void put_before(struct mail **list, struct mail *m)
{
	m->next = *list;
	*list = m;
}

/* The line that has most waiting; `own` among equals. */
static struct mail *longest(struct mailq *q, struct mail *own)
{
	struct mail *best = own, *l;

	for (int c = 0; c < MAILQ_CLASSES; c++) {
		DL_FOREACH2(q->lines[c], l, next_line)
			if (l->bytes > best->bytes)
				best = l;
	}
	return best;
}

enum status mailq_put(struct mailq *q, struct mail *m, struct mail **gone)
{
	struct mail *l = find_line(q, m->b), *own;
	const struct blob *b = m->b;
	enum status st = ST_OK;

	if (weight(b) > MAILQ_BYTES) {
		q->lost++;
		put_before(gone, m);
		return ST_LIMIT;
	}
	if (replace(q, l, m))
		put_before(gone, m);
	else
		append(q, l, m);
	while (q->bytes > MAILQ_BYTES) {
		own = find_line(q, b);
		put_before(gone, pop(q, longest(q, own), false));
		q->lost++;
		st = ST_LIMIT;
	}
	return st;
}

struct mail *mailq_take(struct mailq *q)
{
	int c = MAILQ_OWN;

	if (q->lines[c] == NULL) {
		c = q->lines[MAILQ_REST] == NULL || (q->lines[MAILQ_URGENT] != NULL && !q->was_urgent) ?
			MAILQ_URGENT : MAILQ_REST;
		q->was_urgent = c == MAILQ_URGENT;
	}
	return q->lines[c] != NULL ? pop(q, q->lines[c], true) : NULL;
}
