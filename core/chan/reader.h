/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A reader of a channel and its write right.
 *
 * Whoever holds the right may send on the reader's socket and touch its fields. A servent that has
 * sent everything parks the right with the channel and sleeps; the thread that appends then sends
 * for it, without blocking and outside every lock. What a full socket refuses goes back to the
 * servent's own thread with one wake-up.
 *
 *              chan_read() finds nothing new (under lk_chan)
 *        OWN ------------------------------------------------> PARKED
 *         ^ ^                                                  |  ^ |
 *         | |  reader_reclaim()                                |  | | chan_append() takes it
 *         | +--------------------------------------------------+  | | (under lk_chan)
 *         |                                     all was sent      | v
 *         +------------------------------------------------- SENDING
 *         |   the socket is full: OWN and one wake              |
 *         |                                                     | reader_reclaim() in between
 *         +-------------------------------------------------- WANTED
 *             the appender has finished: OWN and one wake
 *
 * Invariant: a PARKED reader has been sent, or has skipped, everything that is in the ring.
 * The appender gives the right back under the reader's lk_mbox, so a servent that takes lk_mbox once
 * after it has the right (mbox_fini() does) may free everything.
 *
 * source   DESIGN, "Write right"; STYLE, "Feeding thousands of servents"
 */
#ifndef CORE_CHAN_READER_H
#define CORE_CHAN_READER_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/chan/pkt.h"
#include "core/sys/mbox.h"
#include "core/sys/sock.h"
#include "core/sys/status.h"

enum reader_right { READER_OWN, READER_PARKED, READER_SENDING, READER_WANTED };

/* Some streams have no start points: nothing in them says where a player may begin. */
#define READER_START (15 * NSEC_PER_SEC)
#define READER_BATCH 16         /* packets taken from the ring, or sent for a parked reader, at once */

struct reader {
	_Atomic int right;              /* enum reader_right; acquire/release hands the fields over */
	bool framed;                    /* a relay: frames are sent too; constant */
	bool writes;                    /* sends by itself, over TLS or with reader_take(): never fed, only
	                                 * woken; constant */
	bool ends_at_head;              /* a new head is not fed to it, it is woken; constant */
	bool holds;                     /* its channel is in use, as by a listener in the table; constant */
	struct sock *sock;              /* the owner's; its fd and counter are used with the right */
	struct mbox *mb;                /* the owner's; constant */
	uint32_t owner;                 /* number of its connection, for views; constant once it has joined */
	uint64_t seq;                   /* number of the next packet; with the right */
	struct pkt *cur;                /* partly sent, owned; with the right */
	size_t off;                     /* bytes of cur that are gone */
	struct pkt *taken[READER_BATCH]; /* referenced, not yet begun; with the right */
	uint32_t n_taken, i_taken;
	uint32_t stream;                /* index of the stream that went out last; with the right */
	nsec moved;                     /* when a byte last went out; with the right */
	bool want_start;                /* pass over packets until the next start point; with the right */
	nsec start_by;                  /* but take any that arrived then or later; 0 = never */
	uint32_t slot;                  /* index in the channel's list; lk_chan */
	bool listed;                    /* in a channel's list; lk_chan */
	uint32_t let_go;                /* the channel's count when it joined; lk_chan */
	_Atomic uint64_t pos;           /* media position reached; relaxed, for statistics */
	_Atomic uint32_t skips;         /* times it fell off the ring; relaxed */
};

/* A reader that holds its own right and wants nothing yet. sock (with its mailbox) outlives it. */
void reader_init(struct reader *r, struct sock *sock, bool framed);
/* Drops packets it still holds. Must hold the right and be in no channel's list. */
void reader_fini(struct reader *r);

/* Owner: get the right back, waiting for an appender that is just sending (microseconds; it never
 * blocks). Afterwards the state is OWN. */
void reader_reclaim(struct reader *r);

static inline bool reader_owns(const struct reader *r)
{
	return atomic_load_explicit(&r->right, memory_order_acquire) == READER_OWN;
}

/* Owner with the right: send everything it has taken, blocking until the deadline. After a failure
 * what is left may be flushed again; reader_in_packet() tells whether a packet was cut.
 * returns  ST_OK (nothing left), or as sock_writev() */
enum status reader_flush(struct reader *r, nsec deadline) NODISCARD;

/* The same for a peer that may be slow: goes on as long as it takes something within every `stall`.
 * returns  as reader_flush(); ST_TIMEOUT = not one byte in that time */
enum status reader_flush_slow(struct reader *r, nsec stall) NODISCARD;

/* Owner with the right, one that `writes`: the next packet to send, of those chan_read() gave, with its
 * reference; NULL = there are no more. */
struct pkt *reader_take(struct reader *r) NODISCARD;

/* Owner with the right, nothing of a packet sent yet: a head of another stream among what it has taken is let
 * go with all behind it. false = there is none. */
bool reader_cut_at_head(struct reader *r) NODISCARD;

/* Owner with the right: when what it holds longest was appended; 0 = it holds nothing. */
nsec reader_oldest(const struct reader *r);

/* For chan_append() alone: r is SENDING. Send n packets numbered from seq on without blocking, then park
 * the right again, or give it back to its owner with one wake. */
void reader_feed(struct reader *r, struct pkt *const *p, size_t n, uint64_t seq, nsec now);

/* Likewise: r, and then its socket, are fed in a moment. Their memory, on the stack of another thread, is
 * as a rule in no cache. */
static inline void reader_expect(const struct reader *r)
{
	__builtin_prefetch(r, 1);
	__builtin_prefetch(&r->stream, 1);
}

static inline void reader_expect_sock(const struct reader *r)
{
	__builtin_prefetch(r->sock, 1);
}

/* Is a packet begun but not finished? Then nothing else may be written in between. */
static inline bool reader_in_packet(const struct reader *r)
{
	return r->cur != NULL && r->off > 0;
}

#endif
