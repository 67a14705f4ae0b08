/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/blob.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/assert.h"

static void init(struct blob *b, size_t n)
{
	atomic_init(&b->refs, 1);
	b->len = (uint32_t)n;
	b->key = 0;
	b->lane = 0;
	b->urgent = false;
}

struct blob *blob_new(const void *p, size_t n)
{
	struct blob *b;
	size_t size;

	if (n > UINT32_MAX || ckd_add_size(&size, sizeof(*b), n))
		return NULL;
	b = malloc(size);
	if (b == NULL)
		return NULL;
	init(b, n);
	if (n > 0)
		memcpy(b->data, p, n);
	return b;
}

void blob_begin(struct buf *b, size_t max)
{
	static const struct blob head;

	buf_init(b, max < SIZE_MAX - sizeof(head) ? max + offsetof(struct blob, data) : SIZE_MAX);
	buf_put(b, &head, offsetof(struct blob, data));
}

struct blob *blob_end(struct buf *b)
{
	struct blob *o = NULL, *less;
	const size_t n = b->len - offsetof(struct blob, data);

	if (b->err == ST_OK && n <= UINT32_MAX) {
		/* sizeof: no object of a type may be smaller than it */
		less = realloc(b->p, MAX(b->len, sizeof(*o)));
		o = less != NULL ? less : (struct blob *)(void *)b->p;
		b->p = NULL;
		init(o, n);
	}
	buf_fini(b);
	return o;
}

struct blob *blob_ref(struct blob *b)
{
	/* Relaxed: whoever refs already has a reference, so the object cannot go away meanwhile. */
	const uint32_t was = atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);

	ASSERT(was > 0 && was < UINT32_MAX);
	return b;
}

void blob_unref(struct blob **b)
{
	struct blob *o = *b;

	*b = NULL;
	if (o == NULL)
		return;
	/* acq_rel: every use by others happens before the free by the last one. */
	const uint32_t was = atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel);

	ASSERT(was > 0);
	if (was == 1)
		free(o);
}
