/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the servent table (servmgr.c), admission (admit.c) and the node's knowledge of itself (own.c)
 * share. For these files alone; everybody else sees servmgr.h.
 */
#ifndef CORE_NODE_TABLE_H
#define CORE_NODE_TABLE_H

/* An insertion that finds no memory leaves the element out; the caller looks at its handle. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(e) ((void)(e))
#include <uthash.h>

#include "core/chan/routelist.h"
#include "core/conf/settings.h"
#include "core/node/servmgr.h"
#include "core/node/traffic.h"
#include "core/sys/lock.h"
#include "core/sys/rest.h"

#define ADDRS       64          /* own addresses remembered */

/* What counts against an address; there while somebody counts. */
struct peer {
	uint8_t ip[16];                 /* IPv6: the /64, all of it one subscriber's */
	uint32_t open;                  /* accepted, not served */
	uint32_t pending;
	uint32_t refs;                  /* records that point here */
	struct UT_hash_handle hh;
};

/* How a channel is used; there while a record points here. */
struct use {
	struct gnuid chan;
	struct usage u;
	uint32_t refs;
	struct entry *members;          /* its relays and players */
	struct UT_hash_handle hh;
};

/* A servent as the table has it. Guarded by lk_servmgr, but for sv (servent.h). */
struct entry {
	struct servent sv;              /* first */
	struct entry *prev, *next;      /* the table, newest first */
	struct entry *tprev, *tnext;    /* connected ones of the type */
	struct entry *cprev, *cnext;    /* of the channel */
	struct entry *oprev, *onext;    /* accepted, not served */
	struct peer *peer;              /* NULL = dialled */
	struct use *use;                /* NULL = no channel */
	bool counted;                   /* account_locked() has added it */
	bool served;                    /* is, or has been, a served relay, player or control */
	bool hashed;                    /* in sids */
	bool shown;                     /* watchers were told that it is connected */
	int told;                       /* 0, TOLD_SOFT, TOLD_HARD */
	struct entry *pair;             /* of a guest: the relay whose place it was promised; of that one: the
	                                 * guest; NULL = none */
	bool guest;                     /* connected, but counts for no limit yet */
	uint32_t promised_kbps;         /* what its guest will need: counted as its output at least */
	uint32_t reserved_kbps;         /* at least this is counted as its output until `reserve_end` */
	nsec reserve_end;
	uint32_t out_kbps;              /* what is counted */
	nsec sampled;
	uint64_t mark_out, mark_in;     /* counters at the last sample */
	uint32_t rate_out, rate_in;     /* bytes/s of the last window */
	struct routelist routes;        /* sessions heard behind it */
	struct UT_hash_handle hh;       /* in sids */
};

enum { TOLD_SOFT = 1, TOLD_HARD };

struct own_addr {
	struct host h;                  /* port 0 */
	bool interface;
	bool route;                     /* packets to far away leave from it */
	bool seen;                      /* scratch of servmgr_set_interfaces() */
	uint64_t order;                 /* the newest has the greatest */
};

#define YPS         16          /* turns to so many YPs are known: of rootHost, and those of feeds */

/* A YP, as far as turns to it go. */
struct ypturns {
	char host[SETTINGS_TEXT];
	nsec next;                      /* turn, and */
	nsec rest;                      /* whatever else, not before */
};

struct servmgr {
	struct mtx mtx;                                         /* lk_servmgr */
	struct gnuid sid;                                       /* constant */
	struct cond empty;
	_Atomic bool stopping;          /* set under the lock; release/acquire: a one-way flag */
	_Atomic uint64_t posted, lost, refused_msgs; /* messages; relaxed: statistics */

	struct limits limits            GUARDED_BY(lk_servmgr);
	struct entry *all               GUARDED_BY(lk_servmgr);
	struct entry *of_type[SV_TYPES] GUARDED_BY(lk_servmgr); /* connected */
	struct entry *open              GUARDED_BY(lk_servmgr); /* serv_in of them */
	struct entry *sids              GUARDED_BY(lk_servmgr); /* connected CIN and COUT by session */
	struct peer *peers              GUARDED_BY(lk_servmgr);
	struct use *uses                GUARDED_BY(lk_servmgr);
	uint32_t last_id                GUARDED_BY(lk_servmgr);

	/* sums over the table, kept by account_locked() alone */
	uint32_t n                      GUARDED_BY(lk_servmgr);
	uint32_t connected[SV_TYPES]    GUARDED_BY(lk_servmgr);
	uint32_t public[SV_TYPES]       GUARDED_BY(lk_servmgr); /* connected, not private, no guests */
	uint32_t pending                GUARDED_BY(lk_servmgr);
	uint32_t serv_in                GUARDED_BY(lk_servmgr); /* accepted, not served */
	uint64_t out_kbps               GUARDED_BY(lk_servmgr); /* of those */

	uint32_t refused[REFUSALS]      GUARDED_BY(lk_servmgr);
	uint32_t started                GUARDED_BY(lk_servmgr);
	nsec sampled                    GUARDED_BY(lk_servmgr);
	uint64_t gone[2][2]             GUARDED_BY(lk_servmgr); /* unsampled, of those not in the table */
	uint64_t bps[2][2]              GUARDED_BY(lk_servmgr); /* [all, outside][out, in] */
	uint64_t bytes[2][2]            GUARDED_BY(lk_servmgr); /* the same, since the start */
	struct traffic traffic          GUARDED_BY(lk_servmgr); /* of the last ten minutes */

	struct rests away                GUARDED_BY(lk_servmgr); /* channel and session */

	struct own own                  GUARDED_BY(lk_servmgr);
	struct own_addr addr[ADDRS]     GUARDED_BY(lk_servmgr);
	uint32_t n_addr                 GUARDED_BY(lk_servmgr);
	uint64_t addr_order             GUARDED_BY(lk_servmgr);
	struct host forced[2]           GUARDED_BY(lk_servmgr); /* unset = none */
	struct ypturns yp[YPS]          GUARDED_BY(lk_servmgr);
	char at_yp[SETTINGS_TEXT]       GUARDED_BY(lk_servmgr);
};

LOCK_DEFINE(sm, struct servmgr, mtx, lk_servmgr)

/* Servents that are served a stream. */
static inline bool is_output(enum servent_type t)
{
	return t == SV_RELAY || t == SV_DIRECT;
}

static inline struct entry *entry_of(struct servent *sv)
{
	return CONTAINER_OF(sv, struct entry, sv);
}

/* Every change of what is counted goes between account_locked(false) and account_locked(true), so no
 * sum can miss a transition. Nothing for records that are not listed. */
void account_locked(struct servmgr *sm, struct entry *e, bool add) REQUIRES(lk_servmgr);
void set_status_locked(struct servent *sv, enum servent_status s) REQUIRES(lk_servmgr);
struct use *find_use_locked(struct servmgr *sm, const struct gnuid *chan) REQUIRES(lk_servmgr);
/* Forget its channel; returns the record when it was the last user: to be freed. */
struct use *leave_use_locked(struct servmgr *sm, struct entry *e) REQUIRES(lk_servmgr);

/* e, which is not counted just now, is one of a pair: a pair no more. When it goes, the guest has its place;
 * when the guest goes, it keeps it. */
void unpair_locked(struct servmgr *sm, struct entry *e) REQUIRES(lk_servmgr);

/* Work out the best own addresses anew; where the global one changed the state of the port is
 * forgotten. Returns true when any changed. */
bool addresses_locked(struct servmgr *sm) REQUIRES(lk_servmgr);
/* Loopback, or an address of one of our interfaces? */
bool is_local_locked(const struct servmgr *sm, const struct host *h) REQUIRES(lk_servmgr);

#endif
