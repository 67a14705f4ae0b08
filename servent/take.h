/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the packets of an upstream do to a channel: what is new goes on to its readers, what is known is
 * dropped, and a stream that begins anew is told from one that repeats itself.
 *
 * Head and position outlive a connection: the next upstream is asked for what follows, and readers see
 * contiguous positions across the change as long as its ring still has them.
 *
 * A struct take belongs to the source thread of its channel.
 * source   pcp.md 9.2, 9.3, 9.5; 18.3 (B55, B56); media.md 4.3, 9.1 rows 33 and 34
 */
#ifndef SERVENT_TAKE_H
#define SERVENT_TAKE_H

#include "core/chan/chan.h"
#include "pcp/chanatom.h"

struct take {
	struct chan *c;                 /* borrowed */
	uint32_t token;                 /* of the source */
	struct pkt *head;               /* what was set last; NULL = none yet */
	uint64_t next;                  /* position wanted next */
	struct pkt *batch[READER_BATCH]; /* owned, not yet appended */
	size_t n_batch;

	/* of this connection */
	bool met;                       /* any packet */
	bool received;                  /* something new */
	nsec fresh;                     /* when it last came; 0 = not yet */
	uint32_t gaps;                  /* in what came */
	bool maybe_restart;             /* the head came again behind data: what follows tells */
	nsec known_since;               /* nothing but known positions come; 0 = new ones do */
	uint64_t known_from;            /* the first of them */

	/* limits, whichever the connection */
	nsec window;                    /* start of the minute of the two counts below */
	uint32_t heads, jumps;
	nsec last_head;
};

void take_init(struct take *t, struct chan *c, uint32_t token);
void take_fini(struct take *t);

/* Another connection begins. */
void take_begin(struct take *t);
/* The stream has stopped and nobody goes on with it: forget head and position. The caller has emptied
 * the channel, or will. */
void take_forget(struct take *t);

/* What to ask for (x-peercast-pos): the low 32 bits of the position wanted next; 0 = anything. */
uint32_t take_wanted(const struct take *t);

/* A packet has come.
 * returns  ST_OK (taken, or dropped as it should be), ST_STOPPED (the channel is closing), ST_LIMIT (this
 *          upstream is unusable: too long packets, too many heads or jumps; or no memory) */
enum status take_packet(struct take *t, const struct pktatom *p, nsec now) NODISCARD;
/* Append what has gathered. take_packet() does when it is enough; the caller does before it waits. */
enum status take_flush(struct take *t) NODISCARD;

#endif
