/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync, inside: the tables. Who told what of which channel, and what of it the node is shown. For
 * pcp/sync*.c alone.
 *
 *	syncchan    a channel anybody told of
 *	  syncown     what our own trackers tell of it, hits and info; at most one
 *	  syncclaim   what one other instance tells of it
 *	    synchit     one hit of that; of one node several may tell, and one of them is `shown`
 *
 * A hit that ended stays a while as a tombstone (dead): a packet that was overtaken does not revive it.
 * No lock: as struct sync.
 * source   yp.md 4.4, 4.8
 */
#ifndef PCP_SYNCTAB_H
#define PCP_SYNCTAB_H

/* An insertion that finds no memory leaves the element out; the caller looks at its handle. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(e) ((void)(e))
#include <uthash.h>

#include "core/sys/bucket.h"
#include "pcp/sync.h"

#define SYNC_LINGER      (5 * NSEC_PER_SEC)     /* what was overtaken on its way is no news after an end */
#define SYNC_OPEN_MAX    4                      /* messages being put together, of one instance */
#define SYNC_REASSEMBLY  (5 * NSEC_PER_SEC)
#define SYNC_MSG_WINDOW  512                    /* message numbers remembered, of one instance */
#define SYNC_SOURCES     256
#define SYNC_DEAD_MAX    32                     /* tombstones of a channel, before one makes room for a hit */

struct synchit {
	struct synchit *prev, *next;
	struct hit h;                   /* h.heard: its tracker's last news */
	nsec gone_at;                   /* after a BYE; 0 = not */
	nsec died;                      /* dead: when */
	bool dead, shown;
	uint32_t msg;                   /* message that told last */
	/* of our own */
	nsec reported;                  /* h.heard as last sent */
	bool in_live, in_hosts, mark;   /* queued for LIVE, for HOSTS; seen in a full account */
	uint8_t live_family;            /* of the queue it is in */
	struct synchit *live_prev, *live_next;
	struct syncown *own;
};

struct syncclaim {
	struct syncclaim *prev, *next;          /* of the channel */
	struct syncclaim *iprev, *inext;        /* of the instance */
	struct syncclaim *wprev, *wnext;        /* wanted from it */
	struct syncchan *chan;
	struct syncinst *inst;
	struct synchit *hits;
	uint32_t n_live;
	nsec touched;
	struct chaninfo *info;          /* NULL = not known */
	bool refused;                   /* another bcid than the channel's */
	uint8_t hash[4];                /* of its CHANINFO */
	uint32_t info_msg, gone_msg;
	bool gone;                      /* GONE came last */
	nsec gone_at;
	/* hosts its last DIGEST counted; that and n_live when it last answered a WANT */
	uint16_t told_hosts, settled_told;
	uint32_t settled_live;
	bool is_settled;
	bool wanted, need_info, need_hosts;
	uint8_t tries;
	nsec asked;                     /* last WANT for it, ours or another's; 0 = none */
};

struct syncown {
	struct syncown *prev, *next;
	struct syncown *qprev, *qnext;          /* in the queue it is in */
	struct syncown *wprev, *wnext;          /* wanted by others */
	struct syncchan *chan;
	struct chaninfo *info;          /* NULL = not known yet: nothing is sent */
	uint8_t hash[4];
	struct synchit *hits, *left;    /* left: HOSTS has yet to say that they are gone */
	uint32_t n;
	enum { SYNC_Q_NONE, SYNC_Q_DUE, SYNC_Q_LATER } queue;
	nsec later;                     /* SYNC_Q_LATER: when CHANINFO may go */
	nsec info_sent;                 /* 0 = never */
	bool info_due, hosts_due, wanted;
};

struct syncchan {
	struct gnuid id;
	UT_hash_handle hh;
	struct syncown *own;
	struct syncclaim *claims;
	struct syncend *end;            /* ours, that ended; NULL = none */
	struct syncclaim *info_by;      /* whose info the node has; NULL = none: with the next hit */
	uint32_t n_shown;               /* hits */
	uint32_t n_live, n_dead;        /* hits of its claims, and tombstones */
	uint64_t peak;                  /* listeners */
	nsec told;                      /* last in anybody's TELL; 0 = never */
};

/* A message whose fragments come in. */
struct syncmsg {
	uint32_t msg;
	enum sync_kind kind;
	uint8_t flags, frags, got;      /* got: bit i = fragment i is here; frags 0 = free */
	nsec since;
	uint16_t len[SYNC_FRAGS_MAX];
	uint8_t *part[SYNC_FRAGS_MAX];  /* owned */
};

struct syncinst {
	struct sync_instance pub;       /* chans and hits are counted when asked for */
	uint64_t last_ms;               /* sealed */
	bool warned_clock;
	bool any_msg;
	uint32_t top;                   /* newest message number */
	uint64_t seen[SYNC_MSG_WINDOW / 64];    /* bit n % window of those up to it */
	uint32_t stale;                 /* messages in a row older than all that */
	struct syncmsg open[SYNC_OPEN_MAX];
	nsec bad[2];                    /* the last two malformed messages */
	nsec bye_at;
	uint32_t bye_msg;
	struct syncclaim *claims, *wants;
	nsec want_at;                   /* NSEC_NEVER = nothing is wanted */
};

/* A GONE that is repeated with the digests, for who missed it. */
struct syncend {
	struct syncend *prev, *next;
	struct syncchan *chan;
	nsec since;
	enum sync_reason why;
	bool due;
};

/* A LIVE record of a hit that left. */
struct syncstop {
	struct syncstop *prev, *next;
	struct synclive r;
};

struct syncsource {
	struct host addr;
	struct bucket owed;
};

struct sync {
	struct sync_conf conf;
	const struct sync_ops *ops;
	void *ctx;
	uint32_t id;
	nsec id_changed;                /* 0 = never */

	struct syncchan *chans;
	size_t n_learnt;                /* channels with a claim */
	size_t n_claims, n_hits;        /* of all others; hits with their tombstones */
	struct syncown *owns;           /* in the order they came */
	struct syncinst *inst[SYNC_INSTANCES_MAX];
	size_t n_inst;
	struct syncend *ends;           /* oldest first */
	size_t n_ends;
	struct syncsource source[SYNC_SOURCES];

	/* asking and telling (yp.md 4.2) */
	nsec beacon_at, digest_at;
	nsec inquire_at;                /* NSEC_NEVER = idle */
	uint32_t best;                  /* whom to ask */
	uint64_t best_count;
	uint32_t asked;                 /* INQUIREs since the last TELL */
	nsec tell_from;                 /* one INQUIRE is answered in 60 s: not before */
	nsec better_at;                 /* tell what nobody told; NSEC_NEVER = not */
	struct syncchan *tell_cur;      /* the TELL walk; NULL = none */
	bool tell_better;
	struct syncown *dig_cur;
	nsec counted_at;
	uint64_t counted;

	/* going out */
	struct synchit *live[2];        /* IPv4, IPv6 */
	uint32_t n_live[2];
	struct syncstop *stop[2];
	uint32_t n_stop[2];
	nsec live_at;                   /* when they must go */
	struct syncown *due, *later, *wanted;
	size_t n_ends_due;
	struct bucket rate, walk, answers;
	uint32_t msg;                   /* last message number */
	uint64_t last_ms;               /* sealed */
	uint64_t echo[4096];            /* hashes of what was sent, a ring */
	uint32_t echo_next;
	uint8_t pkt[SYNC_MTU_MAX], seal[SYNC_MTU_MAX + SYNC_SEAL_COST];
	struct buf body;                /* a message being written or put together */

	nsec sweep_at;
	nsec seal_logged;               /* a bad seal, last; 0 = never */
	struct sync_status st;          /* counters */
};

/* Is message a older than b? */
static inline bool sync_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

void sync_drop(struct sync *s, struct syncinst *i, enum sync_drop why);

/* --- channels, claims, hits --------------------------------------------------------------------- */

struct syncchan *sync_chan_find(const struct sync *s, const struct gnuid *id);
/* Found or made; NULL when out of memory. */
struct syncchan *sync_chan_get(struct sync *s, const struct gnuid *id);
/* Free it when nobody tells of it any more. */
void sync_chan_tidy(struct sync *s, struct syncchan *c);
/* Has it a live tracker hit, ours or another's? */
bool sync_chan_is_listed(const struct syncchan *c);
/* Is its info known? */
bool sync_chan_has_info(const struct syncchan *c);
/* When its trackers, or other hosts, were last heard; 0 = it has none. */
nsec sync_chan_newest(const struct syncchan *c);
/* Its listeners have changed. */
void sync_chan_peak(struct syncchan *c);
/* It may have ended: should it begin anew its peak does, too. */
void sync_chan_rest(struct syncchan *c);
/* How many are listed. Counted at most once a second. */
uint64_t sync_listed(struct sync *s, nsec now);

struct syncclaim *sync_claim_find(const struct syncchan *c, const struct syncinst *i);
/* Found or made; NULL: max_chans, max_claims or memory, counted. */
struct syncclaim *sync_claim_get(struct sync *s, struct syncinst *i, const struct gnuid *chan, nsec now);
void sync_claim_free(struct sync *s, struct syncclaim **cl);
/* Its info, new or changed: to the node, when the channel shows and nobody knows better. */
void sync_claim_info(struct sync *s, struct syncclaim *cl, struct chaninfo *info, const uint8_t hash[4]);
/* When its hits were last heard; 0 = it has none. */
nsec sync_claim_newest(const struct syncclaim *cl);
/* Another bcid than the channel's: what it says does not count. */
void sync_claim_refuse(struct sync *s, struct syncclaim *cl, nsec now);

/* Are these one node: by session where both have one, else by address? */
bool sync_same_node(const struct hit *a, const struct hit *b);
/* The hit of that node in a list: by session where both have one, else by address. `dead` ones too. */
struct synchit *sync_hit_find(struct synchit *list, const struct hit *h);
/* A hit was told of: new, or at (may be NULL) renewed with h. Shows it. NULL: max_hosts, max_hits or memory.
 * The oldest tombstone of the channel may make room: no pointer to another hit of it stays valid. */
struct synchit *sync_hit_put(struct sync *s, struct syncclaim *cl, struct synchit *at, const struct hit *h,
	nsec now);
/* It ended: tells the node, or shows what another instance says of the same node. */
void sync_hit_end(struct sync *s, struct syncclaim *cl, struct synchit *x, enum sync_reason why, nsec now);
void sync_hit_free(struct sync *s, struct syncclaim *cl, struct synchit **x);
/* Our own trackers tell of that node (others' words are not shown), or no longer do. */
void sync_own_hides(struct sync *s, struct syncchan *c, const struct hit *h);
void sync_own_bares(struct sync *s, struct syncchan *c, const struct hit *h);

struct syncinst *sync_inst_find(const struct sync *s, uint32_t id);
void sync_inst_free(struct sync *s, struct syncinst *i);
void syncmsg_reset(struct syncmsg *m);
/* Messages of which not all came in time are given up. */
void sync_msgs_expire(struct sync *s, struct syncinst *i, nsec now);

/* What is wanted of an instance. */
void sync_want(struct sync *s, struct syncclaim *cl, bool info, bool hosts, nsec now);
void sync_want_done(struct syncclaim *cl, bool info, bool hosts);

/* Drop what is too old. */
void sync_sweep(struct sync *s, nsec now);

/* A whole packet or message of an instance (syncapply.c). */
void sync_apply(struct sync *s, struct syncinst *i, struct syncpkt *p, nsec now);

/* --- going out (syncout.c) ---------------------------------------------------------------------- */

void sync_live_add(struct sync *s, struct synchit *x, nsec now);
void sync_live_remove(struct sync *s, struct synchit *x);
void sync_stop_add(struct sync *s, const struct hit *h, nsec now);
void sync_stops_free(struct sync *s);
/* Put a channel of ours into the queue it belongs into. */
void sync_own_queue(struct sync *s, struct syncown *o);
void sync_own_unqueue(struct sync *s, struct syncown *o);
void sync_own_want(struct sync *s, struct syncown *o);
/* The hash of o->info, as DIGEST has it. false: memory. */
bool sync_out_hash(struct sync *s, const struct chaninfo *info, uint8_t hash[4]) NODISCARD;
/* Everything that may go now. Returns when more may; NSEC_NEVER when nothing waits. */
nsec sync_out(struct sync *s, nsec now);
void sync_out_beacon(struct sync *s, nsec now);
void sync_out_inquire(struct sync *s, uint32_t whom, nsec now);
void sync_out_bye(struct sync *s, nsec now);
/* Was that datagram ours? */
bool sync_out_echo(const struct sync *s, const void *p, size_t n);

/* --- our own (syncown.c) ------------------------------------------------------------------------ */

/* Free it, and with `tell` let the others know. */
void sync_own_free(struct sync *s, struct syncown **o, enum sync_reason why, bool tell, nsec now);
void sync_own_sweep(struct sync *s, nsec now);
/* Everything of ours once more, under a new id. */
void sync_own_again(struct sync *s, nsec now);
void sync_ends_free(struct sync *s);

#endif
