/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/blob.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/assert.h"

struct blob *blob_new(const void *p, size_t n)
{
	struct blob *b;
	size_t size;

	if (n > UINT32_MAX || ckd_add_size(&size, sizeof(*b), n))
		return NULL;
	b = malloc(size);
	if (b == NULL)
		return NULL;
	atomic_init(&b->refs, 1);
	b->len = (uint32_t)n;
	b->key = 0;
	b->lane = 0;
	b->urgent = false;
	if (n > 0)
		memcpy(b->data, p, n);
	return b;
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
