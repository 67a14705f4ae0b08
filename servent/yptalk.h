/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When COUT turns to a root, what that root may expect of us then, and we of it. Pure decisions: whoever
 * decides brings time and chance along.
 *
 * No news is lost: what changed too soon after an update is told by the next one, UPDATE_PACE after it.
 *
 * source   pcp.md 7.2, 10.5, 13 (root), 18.3 (B57, B58); settings.md decision 20
 */
#ifndef SERVENT_YPTALK_H
#define SERVENT_YPTALK_H

#include <stdint.h>

#include "core/sys/cc.h"
#include "core/sys/clk.h"
#include "pcp/root.h"

/* --- a root, over all connections to it ------------------------------------------------------- */

#define YPTURN_SPACING_MAX (120 * NSEC_PER_SEC) /* between two turns, after many failures */
#define YPTURN_TWIN        (30 * NSEC_PER_SEC)  /* 1002: an old session of ours is alive there */
#define YPTURN_BANNED      (600 * NSEC_PER_SEC) /* 1011, dis */
#define YPTURN_JITTER_MS   3000                 /* a thousand trackers do not come back as one */

struct ypturn {
	nsec turned;                    /* when we last turned to it; 0 = never */
	nsec next;                      /* not before this */
	uint32_t fails;                 /* one after the other */
};

enum ypturn_end {
	YPTURN_LEFT,                    /* by us, or in good order */
	YPTURN_LOST,                    /* it had accepted us */
	YPTURN_FAILED,                  /* it had not */
	YPTURN_IS_TWIN, YPTURN_IS_BANNED,
};

/* That turn is over: when the next one may be. rnd: a number below n, rng_below() */
void ypturn_over(struct ypturn *t, enum ypturn_end end, nsec now, uint32_t (*rnd)(uint32_t n));

/* --- one connection --------------------------------------------------------------------------- */

#define YPTALK_AFTER_OK   (2 * NSEC_PER_SEC)    /* the first update, when nobody asked for it */
#define YPTALK_AFTER_OLEH (5 * NSEC_PER_SEC)
#define YPTALK_INTERVAL   120                   /* seconds between two updates, at most */
#define YPTALK_PACE       (30 * NSEC_PER_SEC)   /* between two because of new info */
#define YPTALK_ASK_PACE   (5 * NSEC_PER_SEC)    /* between two that the root asked for */
#define YPTALK_GRACE      (30 * NSEC_PER_SEC)   /* behind the root's own promise */

struct yptalk {
	uint32_t interval_s;
	nsec first_at;                  /* of the first updates */
	nsec silent_at;                 /* the root is given up then */
	nsec asked_at;                  /* its last request that was obeyed; 0 = none */
};

/* oleh is here. */
void yptalk_begin(struct yptalk *t, nsec now);
/* ok is here. */
void yptalk_accepted(struct yptalk *t, nsec now);
/* The root has spoken. Returns true when it is to be told of everything now. */
bool yptalk_root(struct yptalk *t, const struct root *r, nsec now);

/* What an update depends on. */
struct ypshow {
	bool gone;                      /* the broadcast has ended */
	bool told;                      /* the root knows of it */
	bool asked;                     /* it wants to hear, or something of ours changed that it tells */
	bool news;                      /* it is called something else than what was told */
	nsec sent;                      /* last update */
};

/* When the next update goes out: a farewell before all others, -1. NSEC_NEVER = nothing to say. */
nsec yptalk_due(const struct yptalk *t, const struct ypshow *s);

#endif
