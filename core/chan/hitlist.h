/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One hit list: the nodes that serve a channel, as far as we were told. For chanmgr alone, which holds
 * them by channel; everybody else sees chanmgr.h.
 *
 * A host that another root reported by live sync has that root's instance as its source; which of several
 * roots' reports counts is decided before (pcp/sync.h). It gives way to what the host says over a line of its
 * own here; nothing that other connections say or do removes it, nor does another source.
 *
 * Not locked by itself: it is part of the chanmgr and guarded by lk_chanmgr.
 * source   pcp.md 11.2, 11.3; 18.3 (B44, B46, B48); yp.md 4.4, 4.8
 */
#ifndef CORE_CHAN_HITLIST_H
#define CORE_CHAN_HITLIST_H

/* An insertion that finds no memory leaves the element out; the caller looks at its handle. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(e) ((void)(e))
#include <uthash.h>

#include "core/chan/chaninfo.h"
#include "core/chan/hit.h"
#include "core/sys/status.h"

#define HITLIST_LINE 125        /* of a full list: more are not kept of one line at others' cost */

struct hitnode {
	struct hit h;
	struct hitnode *prev, *next;
	bool below;                     /* as hitlist_mark_below() last found */
	struct hitnode *beside, *then;  /* its scratch */
};

struct hitlist {
	struct gnuid id;
	struct chaninfo *info;          /* NULL = only hosts were heard */
	struct gnuid owner;             /* session whose announcements count (root) */
	nsec created;
	bool ours;                      /* somebody spoke of it over a connection of ours */
	struct hitnode *hits;           /* newest insertion first */
	uint32_t n;
	struct UT_hash_handle hh;
};

struct hitlist *hitlist_new(const struct gnuid *id) NODISCARD;  /* NULL when out of memory */
void hitlist_free(struct hitlist **l);

/* Is it known by an address, and not dead? */
bool hitlist_is_live(const struct hit *h);
void hitlist_stats(const struct hitlist *l, struct hitstats *s);
/* The live host to start from: a tracker before others, an open one before others; NULL = none. */
const struct hit *hitlist_lead(const struct hitlist *l);

/* Add a host, or bring what is known of it up to date. Of several that turn out to be one node one
 * stays. Who speaks for himself is not spoken for by others while his line stands.
 *
 * At HITLIST_MAX_HITS the longest unheard makes room: of the same line, when that has told of
 * HITLIST_LINE already (a tracker last); else of all but trackers.
 * known_only  a new one is left out
 * returns     ST_OK (also when ignored), ST_LIMIT (full, or memory) */
enum status hitlist_put(struct hitlist *l, const struct hit *h, bool known_only, bool *is_new)
	NODISCARD;
/* A host that leaves: only by itself, or over the connection it was learnt from (via); one of a source, when
 * that source says so (h->source). Did one go? */
bool hitlist_remove(struct hitlist *l, const struct hit *h, const struct gnuid *via);
/* A host a user named: as chanmgr_tip(). */
enum status hitlist_tip(struct hitlist *l, const struct host *h, nsec now) NODISCARD;
/* A connection to that address is tried, as if it had been handed out. */
void hitlist_contacted(struct hitlist *l, const struct host *h, nsec now);
/* A connection to that address failed: dead, but for those a user named. */
void hitlist_failed(struct hitlist *l, const struct host *h);
/* Find the hits of that session, or at that address (unset = neither), and those below it: told over its
 * line, or with an upstream that leads there. */
void hitlist_mark_below(struct hitlist *l, const struct gnuid *sid, const struct host *at);
/* The line of that session ended: what it told of goes at `at`, or with the next sweep. What others told of
 * it by live sync stays. */
void hitlist_session_gone(struct hitlist *l, const struct gnuid *sid, bool at_once, nsec at);
/* That instance said goodbye: what it reported goes at `at`, unless it is reported again. */
void hitlist_source_gone(struct hitlist *l, uint32_t source, nsec at);
/* Remove the dead, the gone, and those silent for max_age; what a user named stays while `carried`.
 * Returns how many went. */
uint32_t hitlist_sweep(struct hitlist *l, nsec now, nsec max_age, bool carried);
/* None of its hits is wanted any more: all are dead. */
void hitlist_silence(struct hitlist *l);

#endif
