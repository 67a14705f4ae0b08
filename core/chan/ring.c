/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/chan/ring.h"

#include <stdlib.h>
#include <string.h>

#define RING_CAP_MIN 64u

static bool is_start(const struct pkt *p)
{
	return p->type == PKT_DATA && p->cont == 0;
}

static size_t weight(const struct pkt *p)
{
	return sizeof(*p) + p->frame_len + p->len;
}

static struct pkt **at(const struct ring *r, uint64_t seq)
{
	return &r->slot[seq & (r->cap - 1)];
}

void ring_init(struct ring *r, size_t max_bytes)
{
	memset(r, 0, sizeof(*r));
	r->max_bytes = max_bytes;
}

void ring_fini(struct ring *r)
{
	for (; r->first < r->next; r->first++)
		pkt_unref(at(r, r->first));
	free(r->slot);
	r->slot = NULL;
	r->cap = 0;
	r->bytes = 0;
	r->starts = 0;
}

static enum status grow(struct ring *r)
{
	uint32_t cap = r->cap == 0 ? RING_CAP_MIN : r->cap * 2;
	struct pkt **slot;

	slot = malloc(cap * sizeof(struct pkt *));
	if (slot == NULL)
		return ST_LIMIT;
	for (uint64_t s = r->first; s < r->next; s++)
		slot[s & (cap - 1)] = *at(r, s);
	free(r->slot);
	r->slot = slot;
	r->cap = cap;
	return ST_OK;
}

/* May the oldest packet go? */
static bool is_spare(const struct ring *r, nsec now)
{
	const struct pkt *p = *at(r, r->first);
	nsec age = now - p->at;

	if (r->next - r->first <= 1)
		return false;
	if (r->bytes > r->max_bytes || r->next - r->first >= RING_SLOTS)
		return true;
	if (r->next - r->first <= RING_MIN || age <= RING_SPAN)
		return false;
	return age > RING_GOP || !is_start(p) || r->starts > 2;
}

enum status ring_put(struct ring *r, struct pkt *p, nsec now, struct pkt **dropped, size_t *n_dropped)
{
	size_t room = *n_dropped, n = 0;

	*n_dropped = 0;
	if (r->next - r->first == r->cap && grow(r) != ST_OK)
		return ST_LIMIT;
	*at(r, r->next++) = p;
	r->bytes += weight(p);
	r->starts += is_start(p);
	while (n < room && is_spare(r, now)) {
		struct pkt *old = *at(r, r->first++);

		r->bytes -= weight(old);
		r->starts -= is_start(old);
		dropped[n++] = old;
	}
	*n_dropped = n;
	return ST_OK;
}

struct pkt *ring_get(const struct ring *r, uint64_t seq)
{
	return seq >= r->first && seq < r->next ? *at(r, seq) : NULL;
}

void ring_clear(struct ring *r, struct pkt **dropped, size_t *n_dropped)
{
	size_t room = *n_dropped, n = 0;

	while (n < room && r->first < r->next) {
		struct pkt *old = *at(r, r->first++);

		r->bytes -= weight(old);
		r->starts -= is_start(old);
		dropped[n++] = old;
	}
	*n_dropped = n;
}

uint64_t ring_start(const struct ring *r, uint64_t from, nsec now)
{
	uint64_t low = MAX(from, r->first), oldest = r->next;

	for (uint64_t s = r->next; s > low; s--) {
		const struct pkt *p = *at(r, s - 1);

		if (!is_start(p))
			continue;
		oldest = s - 1;
		if (now - p->at >= RING_LEAD)
			return oldest;
	}
	return oldest < r->next ? oldest : MIN(low, r->next);
}

uint64_t ring_oldest_start(const struct ring *r, uint64_t from)
{
	for (uint64_t s = MAX(from, r->first); s < r->next; s++)
		if (is_start(*at(r, s)))
			return s;
	return r->next;
}

uint64_t ring_newest_start(const struct ring *r, uint64_t from)
{
	for (uint64_t s = r->next; s > MAX(from, r->first); s--)
		if (is_start(*at(r, s - 1)))
			return s - 1;
	return r->next;
}

uint64_t ring_at_pos(const struct ring *r, uint64_t from, uint64_t pos)
{
	uint64_t lo = MIN(MAX(from, r->first), r->next), hi = r->next;

	/* positions rise with the sequence from the newest head on */
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if ((*at(r, mid))->pos >= pos)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}
