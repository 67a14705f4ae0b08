/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which node to fetch a channel from, and when to leave it: decisions on evidence alone.
 *
 * Nothing here waits, locks or asks the clock: whoever decides brings hits, time and chance along.
 *
 * Evidence on the upstream in use is gathered by a watch: when new data came, gaps, time without data,
 * and where the stream was at which moment, so that what others say of their position can be compared
 * with ours. What is known of hosts tried before is kept in a memory.
 *
 * source   pcp.md 7.4, 11.3-11.5, 17, 18.3 (B45); node.md 7.2, 7.5
 */
#ifndef SERVENT_UPSTREAM_H
#define SERVENT_UPSTREAM_H

#include <stdint.h>

#include "core/chan/hit.h"
#include "core/sys/cc.h"

#define UPSTREAM_STALL   (30 * NSEC_PER_SEC)    /* no packet from a relay; from a tracker twice as long */
#define UPSTREAM_FIRST   (10 * NSEC_PER_SEC)    /* for the first new packet, when others could be asked, */
#define UPSTREAM_FIRST_MIN (2 * NSEC_PER_SEC)   /* or less, when the stream has short pauses only */
#define UPSTREAM_CHANCE  (5 * NSEC_PER_SEC)     /* one that took us has so long, whatever else is due */
#define UPSTREAM_STAY    (60 * NSEC_PER_SEC)    /* between two changes to a better one */
#define UPSTREAM_GAPS    3                      /* in a minute: a bad one */
#define UPSTREAM_DRY     (8 * NSEC_PER_SEC)     /* without data in a minute: a bad one */
#define UPSTREAM_BEHIND  (10 * NSEC_PER_SEC)    /* behind somebody else: a bad one */

typedef uint32_t upstream_rnd(uint32_t n);      /* a number below n: rng_below() */

/* --- hosts tried before ------------------------------------------------------------------------ */

#define UPSTREAM_PAST 32

struct upstream_past {
	struct host host;
	nsec tried;                     /* last connection begun */
	nsec rests;                     /* not before this; NSEC_NEVER = never again */
	nsec fault;                     /* when it last was left for being bad; 0 = never */
	nsec delay;                     /* from request to first new packet, last time; 0 = none came */
	uint32_t refusals;              /* one after the other */
	bool refused;                   /* it rests for that reason alone */
};

struct upstream_memory {
	struct upstream_past past[UPSTREAM_PAST];
	uint32_t n;
};

/* What is known of h; NULL = nothing. */
const struct upstream_past *upstream_known(const struct upstream_memory *m, const struct host *h);
/* The place for what is learnt of h; the one tried longest ago makes room. */
struct upstream_past *upstream_note(struct upstream_memory *m, const struct host *h);

/* It has refused us: full, or not playing yet. named = it named others. */
void upstream_refused(struct upstream_past *p, bool tracker, bool named, nsec now, upstream_rnd *rnd);
/* Somebody has served us since and is lost now: whoever refused us before may be asked again at once, or
 * those below us would be gone before he may. */
void upstream_forgive(struct upstream_memory *m, nsec now, upstream_rnd *rnd);

/* --- the one in use ---------------------------------------------------------------------------- */

#define UPSTREAM_SLOTS 6                /* of UPSTREAM_SLOT: a minute */
#define UPSTREAM_SLOT  (10 * NSEC_PER_SEC)
#define UPSTREAM_MARKS 32               /* one every UPSTREAM_MARK: a minute too */
#define UPSTREAM_MARK  (2 * NSEC_PER_SEC)

struct upstream_watch {
	nsec since;                     /* it took us */
	nsec fresh;                     /* new data; 0 = none yet */
	int64_t slot;                   /* number of the current one */
	uint32_t gaps[UPSTREAM_SLOTS];
	nsec dry[UPSTREAM_SLOTS];       /* time without data */

	/* of the stream, whoever sends it: pauses of the last minute, and positions, oldest first */
	nsec pause[UPSTREAM_SLOTS];
	struct {
		nsec at;
		uint64_t pos;
	} mark[UPSTREAM_MARKS];
	uint32_t n_marks;
};

void upstream_watch_begin(struct upstream_watch *w, nsec now);
/* New data has come, behind n gaps; pos is the position that follows it. */
void upstream_watch_data(struct upstream_watch *w, nsec now, uint64_t pos, uint32_t gaps);
/* Of the last minute. */
uint32_t upstream_watch_gaps(const struct upstream_watch *w, nsec now);
nsec upstream_watch_dry(const struct upstream_watch *w, nsec now);
/* How long to wait for the first new data of another upstream. */
nsec upstream_watch_first(const struct upstream_watch *w, nsec now);
/* Bytes a second of the stream; 0 = not known. */
uint64_t upstream_watch_rate(const struct upstream_watch *w);
/* By how much time somebody else was ahead of us when he was heard: the most of all; 0 = nobody. */
nsec upstream_watch_behind(const struct upstream_watch *w, const struct hit *hits, size_t n);

/* What the decision is made on. */
struct upstream_evidence {
	nsec now;
	nsec since, fresh;              /* as in the watch */
	bool tracker;                   /* it is the channel's tracker: more patience */
	bool known;                     /* it sends what we have: it will catch up, or has restarted */
	bool others;                    /* somebody else could be asked now */
	nsec first;                     /* time for the first new packet, when there are others */
	nsec let_go;                    /* those below us are let go then; NSEC_NEVER */
	uint32_t gaps;                  /* in the last minute */
	nsec dry, behind;
	nsec switched;                  /* when we last changed to a better one; 0 = never */
	uint32_t switches;              /* such changes lately: each doubles the time before the next */
};

enum upstream_why {
	/* as in enum node_count */
	UPSTREAM_FINE, UPSTREAM_SILENT, UPSTREAM_STALLS, UPSTREAM_SKIPS, UPSTREAM_DRIPS, UPSTREAM_LAGS
};
const char *upstream_why_str(enum upstream_why w);

struct upstream_verdict {
	enum upstream_why why;
	bool leave;                     /* at once; else it is kept until a better one has been found */
	nsec again;                     /* judge again then, at the latest */
};
struct upstream_verdict upstream_judge(const struct upstream_evidence *e);

/* --- the next one ------------------------------------------------------------------------------ */

/* Whoever receives from us, or from somebody who does, is no way up: mark him dead in this copy.
 *
 * self     our own addresses
 * below    sessions of our relays of the channel */
void upstream_prune(struct hit *hits, size_t n, const struct hit *self, const struct gnuid *below,
	size_t n_below);

struct upstream_env {
	nsec now;
	bool v6;                        /* family of the channel */
	struct gnuid self;
	struct host global;             /* our address of that family; not a global one = no LAN match */
	nsec lost;                      /* when the source was lost: what was heard before is doubtful */
	uint32_t misses;                /* hosts asked in vain since */
	struct host except;             /* the one in use, or to be avoided; unset = none */
	struct gnuid yp;                /* session of the YP that named trackers; unset = none did */
	const struct upstream_memory *memory;
	uint64_t pos, rate;             /* where the stream is, bytes a second; 0 = not known */
	/* Does that address rest after a failure? The moment it ends is put into *until. */
	bool (*rests)(void *ctx, const struct host *h, nsec *until);
	void *ctx;
	upstream_rnd *rnd;
};

struct upstream_pick {
	struct host host;               /* the address to use */
	bool tracker;
	bool named;                     /* by a user, or by the YP */
	nsec soon;                      /* nobody now: somebody can be asked again then; NSEC_NEVER */
	nsec rested;                    /* as soon, of those that rest after a failure */
};

/* The order of pcp.md 11.5: relays behind our own NAT, other relays, trackers behind our NAT, other
 * trackers; in each those without a bad record first, then fewest hops (by fours: they are an estimate),
 * then a free relay slot; chance among equals, so that many who lost the same source part. Relays heard
 * of a while before the source was lost, or at all before it when two were asked in vain, come last: they
 * may have lost the same one, and the tracker knows better. */
bool upstream_choose(const struct upstream_env *e, const struct hit *hits, size_t n,
	struct upstream_pick *out);

/* --- patience ---------------------------------------------------------------------------------- */

/* Before the next connection of a search: grows with failures and, slower, with refusals. kept = a source
 * was lost and those below us are kept for some seconds: others lost it at the same moment, so even the
 * first one is spread, but there is no time for long pauses. */
nsec upstream_pause(uint32_t failures, uint32_t refusals, bool kept, upstream_rnd *rnd);
/* How long a host that refused us is left alone. It named no other: it may have some to name soon. */
nsec upstream_rest(uint32_t refusals, bool tracker, bool named, upstream_rnd *rnd);
/* Before a tracker that served us and has gone is asked again. */
nsec upstream_return(uint32_t failures, upstream_rnd *rnd);
/* Between two searches for a channel that is to be kept and has not played for so long. */
nsec upstream_kept(nsec silent, upstream_rnd *rnd);

#endif
