/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/in.h"

size_t in_view_slow(struct in *in, size_t want, const uint8_t **p)
{
	size_t have = in->carry.len - in->pos;

	if (have < want && in->n > 0) {
		const size_t add = MIN(want - have, in->n);

		/* Move the live bytes down only when that frees as much, or there is no room: O(1)
		 * a byte. */
		if (in->pos > 0 && (in->pos >= have || in->carry.len + add > in->carry.max)) {
			buf_consume(&in->carry, in->pos);
			in->pos = 0;
		}
		buf_put(&in->carry, in->p, add);
		if (in->carry.err != ST_OK) {
			*p = NULL;
			return 0;
		}
		in->p += add;
		in->n -= add;
		have += add;
	}
	*p = in->carry.p == NULL ? (const uint8_t *)"" : in->carry.p + in->pos;
	return MIN(have, want);
}

void in_drop(struct in *in, size_t n)
{
	const size_t carried = in->carry.len - in->pos;
	const size_t k = MIN(n, carried);

	ASSERT(n <= in_avail(in));
	in->taken += n;
	in->pos += k;
	if (in->pos == in->carry.len) {
		in->pos = 0;
		buf_reset(&in->carry);
		if (in->carry.cap > IN_KEEP)
			buf_fini(&in->carry);
	}
	if (n > k) {
		in->p += n - k;
		in->n -= n - k;
	}
}
