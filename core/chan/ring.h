/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packets of a channel that can still be sent, oldest to newest.
 *
 * Every packet has a sequence number that only grows; readers remember the number they want next.
 * Sized by time and start points, not by count: at least RING_MIN packets and RING_SPAN, and two
 * start points (cont = 0) as long as they are not older than RING_GOP; at most max_bytes.
 *
 * Not locked by itself: it is part of struct chan and guarded by lk_chan.
 * source   media.md 4.4.1; pcp.md 9.1, 9.4
 */
#ifndef CORE_CHAN_RING_H
#define CORE_CHAN_RING_H

#include "core/chan/pkt.h"
#include "core/sys/status.h"

#define RING_MIN    64
#define RING_SPAN   (8 * NSEC_PER_SEC)
#define RING_GOP    (20 * NSEC_PER_SEC)
#define RING_BYTES  ((size_t)32 << 20)
#define RING_SLOTS  65536u              /* packets at most */
#define RING_LEAD   (1 * NSEC_PER_SEC)  /* data behind the start point a new reader gets */

struct ring {
	struct pkt **slot;              /* cap entries, a power of two; seq & (cap - 1) */
	uint32_t cap;
	uint64_t first, next;           /* sequence numbers: [first, next) are here */
	size_t bytes, max_bytes;        /* media and frame bytes held */
	uint32_t starts;                /* data packets with cont = 0 among them */
};

void ring_init(struct ring *r, size_t max_bytes);
void ring_fini(struct ring *r);

/* Append (taking the reference) and drop what is too old. Dropped packets are handed back in
 * dropped[] (room for n_dropped; never more are dropped per call), *n_dropped says how many: the
 * caller unrefs them after unlocking.
 * returns  ST_OK, ST_LIMIT (no memory for slots: p is still the caller's) */
enum status ring_put(struct ring *r, struct pkt *p, nsec now, struct pkt **dropped, size_t *n_dropped)
	NODISCARD;

/* The packet with that number, borrowed; NULL when it has left or is not here yet. */
struct pkt *ring_get(const struct ring *r, uint64_t seq);

/* All of it leaves: handed back through dropped[] until *n_dropped is full; call again while it is.
 * Sequence numbers go on. */
void ring_clear(struct ring *r, struct pkt **dropped, size_t *n_dropped);

/* Where a new reader starts, at or after `from`: the newest start point with RING_LEAD behind it, else
 * the oldest start point, else the oldest packet; next when there is none. */
uint64_t ring_start(const struct ring *r, uint64_t from, nsec now);
/* The oldest / newest start point at or after `from`; next when there is none. */
uint64_t ring_oldest_start(const struct ring *r, uint64_t from);
uint64_t ring_newest_start(const struct ring *r, uint64_t from);
/* The first packet at or after `from` that begins at or after pos; next when none does. */
uint64_t ring_at_pos(const struct ring *r, uint64_t from, uint64_t pos);

#endif
