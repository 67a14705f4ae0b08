/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A parser's view of its input: whole units in one piece, however the input was split.
 *
 * What the caller feeds is looked at in place; only a unit that does not end in this piece is
 * carried over in a heap buffer, which grows with the bytes received and is given back when it was
 * large. Private to core/media. in_feed(), then in_peek()/in_view() and in_drop() until a peek
 * comes back NULL; by then everything fed is consumed or carried.
 */
#ifndef CORE_MEDIA_IN_H
#define CORE_MEDIA_IN_H

#include "core/sys/assert.h"
#include "core/sys/bytes.h"

#define IN_KEEP (512u << 10)    /* capacity an empty carry may keep */

struct in {
	struct buf carry;       /* bytes before p; those before pos are consumed */
	size_t pos;
	const uint8_t *p;       /* borrowed: the rest of this feed */
	size_t n;
	uint64_t taken;         /* bytes consumed since the start */
};

static inline void in_init(struct in *in, size_t max)
{
	*in = (struct in){ .p = NULL };
	buf_init(&in->carry, max);
}

static inline void in_fini(struct in *in)
{
	buf_fini(&in->carry);
}

static inline void in_feed(struct in *in, const void *p, size_t n)
{
	ASSERT(in->n == 0);
	in->p = p;
	in->n = n;
}

static inline size_t in_avail(const struct in *in)
{
	return in->carry.len - in->pos + in->n;
}

/* Up to `want` bytes in one piece at *p; fewer only when no more were fed, and these are carried.
 * in->carry.err tells of memory. */
size_t in_view_slow(struct in *in, size_t want, const uint8_t **p);

static inline size_t in_view(struct in *in, size_t want, const uint8_t **p)
{
	if (in->carry.len == 0 && in->n >= want) {
		*p = in->p;
		return want;
	}
	return in_view_slow(in, want, p);
}

/* Exactly `want` bytes in one piece, or NULL when they are not all there yet. Not consumed. */
static inline const uint8_t *in_peek(struct in *in, size_t want)
{
	const uint8_t *p;

	return in_view(in, want, &p) == want ? p : NULL;
}

/* Consume n <= in_avail() bytes. */
void in_drop(struct in *in, size_t n);

#endif
