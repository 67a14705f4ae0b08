/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a channel is made of: for chan.c and stream.c alone; everybody else sees chan.h.
 */
#ifndef CORE_CHAN_BODY_H
#define CORE_CHAN_BODY_H

#include "core/chan/chan.h"
#include "core/chan/routelist.h"

struct chan {
	struct mtx mtx;                                 /* lk_chan */
	_Atomic uint32_t refs;

	/* constant */
	struct gnuid id;
	enum chan_type type;
	enum chan_src src;
	nsec born;
	char *key;                                      /* what its encoder knows it by */

	struct chaninfo *info           GUARDED_BY(lk_chan);
	struct chaninfo *said           GUARDED_BY(lk_chan);    /* of it, what its source says; or NULL */
	bool v6                         GUARDED_BY(lk_chan);
	enum chan_status status         GUARDED_BY(lk_chan);
	nsec play_since                 GUARDED_BY(lk_chan);    /* 0 = not playing */
	nsec patience                   GUARDED_BY(lk_chan);
	bool keep                       GUARDED_BY(lk_chan);
	enum chan_announce announce GUARDED_BY(lk_chan);
	bool noted                      GUARDED_BY(lk_chan);
	bool closing                    GUARDED_BY(lk_chan);

	struct pkt *head                GUARDED_BY(lk_chan);    /* NULL = none yet */
	uint64_t after_head             GUARDED_BY(lk_chan);    /* number of the first packet behind it */
	uint32_t stream                 GUARDED_BY(lk_chan);
	uint64_t next_pos               GUARDED_BY(lk_chan);
	struct ring ring                GUARDED_BY(lk_chan);
	uint64_t bytes_in               GUARDED_BY(lk_chan);
	uint64_t sampled_in             GUARDED_BY(lk_chan);    /* of them, at the last sample */
	uint64_t in_bps                 GUARDED_BY(lk_chan);
	uint32_t skips                  GUARDED_BY(lk_chan);

	struct refusals refusals        GUARDED_BY(lk_chan);

	struct reader **subs            GUARDED_BY(lk_chan);
	uint32_t n_subs                 GUARDED_BY(lk_chan);
	uint32_t n_holders              GUARDED_BY(lk_chan);    /* of them, those that hold the channel */
	uint32_t let_go                 GUARDED_BY(lk_chan);    /* times chan_let_go() was called */
	uint32_t cap_subs               GUARDED_BY(lk_chan);
	struct mbox **waiters           GUARDED_BY(lk_chan);    /* for the first data */
	uint32_t n_waiters              GUARDED_BY(lk_chan);

	struct mbox *src_mb             GUARDED_BY(lk_chan);    /* NULL = no source attached */
	uint32_t src_token              GUARDED_BY(lk_chan);
	int64_t left_ms                 GUARDED_BY(lk_chan);    /* chan_set_left() */
	bool has_left                   GUARDED_BY(lk_chan);
	struct cond src_gone;
	struct host src_host            GUARDED_BY(lk_chan);
	struct gnuid src_sid            GUARDED_BY(lk_chan);
	struct routelist src_routes     GUARDED_BY(lk_chan);    /* sessions heard of through it */
	struct host up_host             GUARDED_BY(lk_chan);    /* the last that served us */
	struct gnuid up_sid             GUARDED_BY(lk_chan);
	char src_url[CHAN_URL]          GUARDED_BY(lk_chan);
	bool bump                       GUARDED_BY(lk_chan);
	struct host bump_to             GUARDED_BY(lk_chan);
	struct sock_offer *given        GUARDED_BY(lk_chan);    /* its thread's; NULL = none */

	/* the appender's alone: readers it is sending for */
	struct reader **feed;
	size_t cap_feed;
};

LOCK_DEFINE(chan, struct chan, mtx, lk_chan)

/* Is there still a use for a connection that is given to us? While one is being made, it may fail. */
static inline bool seeks(enum chan_status s)
{
	return s == CHAN_SEARCHING || s == CHAN_CONNECTING;
}

/* Whoever waits for the first data looks again. */
void wake_waiters_locked(struct chan *c) REQUIRES(lk_chan);

#endif
