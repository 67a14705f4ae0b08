/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The channels this node carries, and the hit lists: what it knows of channels elsewhere.
 *
 * Channels and hit lists are found by id in constant time. A channel can be carried without hits
 * and known without being carried; a list that is empty goes at the next sweep unless the channel
 * is carried here.
 *
 * lock     lk_chanmgr, taken inside; nothing blocks under it. Results are copies or references.
 * source   pcp.md 11, 13, 14.2, 15; node.md 3.3, 3.6, 7.7; yp.md 1.1, 2.3, 2.5
 */
#ifndef CORE_CHAN_CHANMGR_H
#define CORE_CHAN_CHANMGR_H

#include "core/chan/chan.h"
#include "core/chan/chaninfo.h"
#include "core/chan/hit.h"
#include "core/chan/pick.h"
#include "core/sys/lock.h"

#define CHANMGR_MAX_LISTS  2000         /* and CHANMGR_MAX_ROOT on a root */
#define CHANMGR_MAX_ROOT   20000
#define HIT_FAILED         (60 * NSEC_PER_SEC)  /* how long an address that failed is left alone */

struct chanmgr;

struct chanmgr *chanmgr_new(void) NODISCARD;
void chanmgr_free(struct chanmgr **m);          /* no other thread uses it any more */

/* --- carried channels ------------------------------------------------------------------------ */

/* List a channel (the table takes its own reference). max 0 = no limit.
 * returns  ST_OK, ST_LIMIT (max, or memory), ST_PROTO (one with this id is listed) */
enum status chanmgr_add(struct chanmgr *m, struct chan *c, uint32_t max) EXCLUDES(lk_chanmgr) NODISCARD;
/* Unlist it, when it is this very channel that is listed. */
void chanmgr_remove(struct chanmgr *m, struct chan *c) EXCLUDES(lk_chanmgr);
/* A reference, or NULL. */
struct chan *chanmgr_find(struct chanmgr *m, const struct gnuid *id) EXCLUDES(lk_chanmgr);
/* A broadcast of that source kind and exactly that key (the next push with it takes over); a reference, or
 * NULL. */
struct chan *chanmgr_find_broadcast(struct chanmgr *m, const char *key, enum chan_src src)
	EXCLUDES(lk_chanmgr, lk_chan);
/* References to all, oldest first; the caller unrefs each and frees the array. ST_OK, ST_LIMIT. */
enum status chanmgr_all(struct chanmgr *m, struct chan ***out, size_t *n) EXCLUDES(lk_chanmgr) NODISCARD;
size_t chanmgr_count(struct chanmgr *m) EXCLUDES(lk_chanmgr);
/* Is anything broadcast (playing) here? */
bool chanmgr_is_broadcasting(struct chanmgr *m) EXCLUDES(lk_chanmgr, lk_chan);

/* --- hit lists ------------------------------------------------------------------------------- */

/* A copy of a hit list. Reference order: the list's own, newest first. */
struct hitlist_view {
	struct gnuid id;
	struct chaninfo *info;          /* a reference; NULL = only hosts were heard */
	nsec created;
	bool ours;                      /* somebody spoke of it over a connection of ours */
	struct hitstats stats;
	struct hit *hits;               /* n live ones, owned; NULL when none were asked for */
	size_t n;
};

void hitlist_view_fini(struct hitlist_view *v);

/* What arrived with one announcement (the content of a bcst, or a bare chan or host). */
struct announce {
	const struct chanmeta *meta;    /* NULL = no chan part; meta->id set otherwise */
	uint32_t present;               /* CHANMETA_* and text bits: values not sent keep theirs */
	const struct hit *hit;          /* NULL = no host part; RECV clear = remove */
	const struct gnuid *chan;       /* the channel; never NULL, all zero = the trackers' list */
	const struct gnuid *self;       /* our own session: its hits are ignored */
	const struct gnuid *via;        /* session of the connection; NULL = none */
	uint32_t source;                /* another root that told by live sync, as in hit; 0 = none */
	bool root;                      /* root rules: ownership by bcid, lists are created */
	bool create;                    /* may a list be created for an unknown id? */
	bool known_only;                /* a hit that is not in the list is left out (rate limits) */
};

struct announce_result {
	bool refused;                   /* ownership: nothing was applied */
	bool info_changed;
	bool list_new;
	bool hit_new, hit_removed;
	struct chaninfo *info;          /* a reference to the list's info after it, or NULL */
	nsec created;                   /* of the list */
	struct hitstats before, after;  /* around the host part */
};

/* Apply one announcement under one lock. What another root tells (source) of a channel that one of our
 * connections speaks for changes nothing of its info; it speaks for its own hosts only (core/chan/hitlist.h),
 * and how long the channel has been there is what its host says of itself.
 * r        filled in always; announce_result_fini() drops its reference
 * returns  ST_OK (also when refused or ignored), ST_LIMIT (lists or hits full, or memory) */
enum status chanmgr_announce(struct chanmgr *m, const struct announce *a, struct announce_result *r)
	EXCLUDES(lk_chanmgr) NODISCARD;
void announce_result_fini(struct announce_result *r);

/* Make sure a list exists (a channel that starts here) and carries this info. */
enum status chanmgr_list_ensure(struct chanmgr *m, const struct gnuid *id, const struct chaninfo *info)
	EXCLUDES(lk_chanmgr) NODISCARD;
/* How many there are, the all-zero one included. */
size_t chanmgr_list_count(struct chanmgr *m) EXCLUDES(lk_chanmgr);
bool chanmgr_list_exists(struct chanmgr *m, const struct gnuid *id) EXCLUDES(lk_chanmgr);
/* Copy one list; hits too when with_hits. false = no such list. */
bool chanmgr_list_view(struct chanmgr *m, const struct gnuid *id, bool with_hits, struct hitlist_view *v)
	EXCLUDES(lk_chanmgr);
/* Copy all lists but the all-zero one; the caller fini's each and frees the array. */
enum status chanmgr_lists(struct chanmgr *m, bool with_hits, struct hitlist_view **out, size_t *n)
	EXCLUDES(lk_chanmgr) NODISCARD;
bool chanmgr_stats(struct chanmgr *m, const struct gnuid *id, struct hitstats *s) EXCLUDES(lk_chanmgr);

/* What a yellow page lists: a channel that was announced and has a live host. */
struct listing {
	struct gnuid id;
	struct chaninfo *info;          /* a reference */
	nsec created;                   /* of its hit list */
	uint64_t listeners, relays;     /* sums over its live hits */
	struct host tip;                /* of the host to start from: a tracker, rather an open one */
	uint8_t flags;                  /* HIT_* of that host */
	bool stale;                     /* that host's line broke (chanmgr_session_gone()) */
};
/* All of them, in no order; the caller unrefs each info and frees the array. ST_OK, ST_LIMIT. */
enum status chanmgr_listings(struct chanmgr *m, struct listing **out, size_t *n)
	EXCLUDES(lk_chanmgr) NODISCARD;
/* A number that has grown when what they say may have changed; listeners and relays included, flags
 * and what a host says without news aside. Never blocks. */
uint64_t chanmgr_changes(const struct chanmgr *m);

/* A host a user named (?tip=, bump): a tracker hit that outlives silence and clears an earlier
 * failure. */
enum status chanmgr_tip(struct chanmgr *m, const struct gnuid *id, const struct host *h)
	EXCLUDES(lk_chanmgr) NODISCARD;

/* pickHits: the best hit, with the pairs of the wanted family alone; *to is the address to use (global,
 * or local for a LAN match). */
bool chanmgr_pick(struct chanmgr *m, const struct pick *p, struct hit *out, struct host *to)
	EXCLUDES(lk_chanmgr);

#define OFFER_MAX 8
/* The hosts to name to a node that cannot be served (pcp.md 12.3), all at once, the best first
 * (pick_offer_before()).
 *
 * p    chan is set; match is the LAN to prefer; exclude and exclude_host are the asker: what is known to
 *      lie below it is left out as well. An asker that comes again within `wait` gets others than before,
 *      or none; different ones may be told the same
 * out  room for max, which is at most OFFER_MAX
 * returns  how many */
size_t chanmgr_offer(struct chanmgr *m, const struct pick *p, struct hit *out, size_t max)
	EXCLUDES(lk_chanmgr);

/* What is known of a node we fetched from: by session (unset = not known) or address; a plain relay at that
 * address when nothing is. false = its address has failed lately. */
bool chanmgr_recall(struct chanmgr *m, const struct gnuid *chan, const struct gnuid *sid,
	const struct host *at, struct hit *out) EXCLUDES(lk_chanmgr);

#define USELESS_MAX 32
/* The sessions that do least for a channel by what each said of itself (pcp.md 12.4), the most useless
 * first. Returns how many, at most max and USELESS_MAX. */
size_t chanmgr_useless(struct chanmgr *m, const struct gnuid *chan, struct gnuid *sids, size_t max)
	EXCLUDES(lk_chanmgr);

/* Does that address rest after a failure? Until when, in *until. */
bool chanmgr_rests(struct chanmgr *m, const struct host *h, nsec *until) EXCLUDES(lk_chanmgr);
/* Its hits with that address, global or local, are being tried: as if they had been handed out. */
void chanmgr_contacted(struct chanmgr *m, const struct gnuid *chan, const struct host *h)
	EXCLUDES(lk_chanmgr);

/* A connection to that address failed: its hits are dead, and the address rests for HIT_FAILED. */
void chanmgr_failed(struct chanmgr *m, const struct gnuid *chan, const struct host *h) EXCLUDES(lk_chanmgr);

/* The session's connection ended: what it told goes, in the list of chan (NULL = in all). at_once: it said
 * goodbye, or was sent away; else its line broke, and they go when `grace` has passed without news.
 * source settings.md decision 14, yp.md 2.3 */
void chanmgr_session_gone(struct chanmgr *m, const struct gnuid *sid, const struct gnuid *chan, bool at_once,
	nsec grace) EXCLUDES(lk_chanmgr);

/* That instance said goodbye (live sync): what it reported goes when `grace` has passed without news. */
void chanmgr_source_gone(struct chanmgr *m, uint32_t source, nsec grace) EXCLUDES(lk_chanmgr);

/* A channel is not wanted here any more: its hits are dead, and its list goes at the next sweep. */
void chanmgr_silence(struct chanmgr *m, const struct gnuid *id) EXCLUDES(lk_chanmgr);

/* The same for all of them, those of channels carried here included: they fill anew. */
void chanmgr_silence_all(struct chanmgr *m) EXCLUDES(lk_chanmgr);

/* A list that went although it had been announced. */
struct chan_ended {
	struct gnuid id;
	bool ours;                      /* by somebody connected to us; else by live sync alone */
};
/* Remove dead hits, those silent for max_age, and lists left empty. ended[] (room for *n) gets those that
 * had been announced, *n how many. */
void chanmgr_sweep(struct chanmgr *m, nsec max_age, struct chan_ended *ended, size_t *n)
	EXCLUDES(lk_chanmgr);

#endif
