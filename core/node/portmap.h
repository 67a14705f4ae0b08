/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mapping of our port on the router: what it is, why it is not there, and what is to be done when.
 *
 * A router is asked to lead its TCP port of our number to us (UPnP IGD, then NAT-PMP). Always the same
 * number: the port we tell other nodes is the one we listen on, so another one would help nobody.
 *
 * struct portmap is a plain value. struct portmaps holds the one that is shown.
 *
 * lock     lk_leaf, taken inside.
 * source   settings.md portMapping; node.md 6.4; RFC 6886; UPnP WANIPConnection 1 and 2
 */
#ifndef CORE_NODE_PORTMAP_H
#define CORE_NODE_PORTMAP_H

#include <stdint.h>

#include "core/sys/clk.h"
#include "core/sys/host.h"
#include "core/sys/lock.h"

#define PORTMAP_TEXT   256              /* bytes of a reason, NUL included */
#define PORTMAP_DETAIL 64               /* of what the router said of it */

enum portmap_kind { PORTMAP_NONE, PORTMAP_UPNP, PORTMAP_NATPMP };
const char *portmap_kind_str(enum portmap_kind k);      /* "none" "UPnP" "NAT-PMP" */

enum portmap_state {
	PORTMAP_OFF,            /* not wanted, or not needed */
	PORTMAP_TRYING,         /* nothing known yet */
	PORTMAP_OPEN,           /* the router leads the port to us */
	PORTMAP_FAILED,
	PORTMAP_STATES
};
const char *portmap_state_str(enum portmap_state s);    /* "off" "trying" "open" "failed" */

enum portmap_why {
	/* off */
	PMWHY_OFF, PMWHY_NOT_SERVING, PMWHY_NOT_NEEDED, PMWHY_NO_IPV4,
	/* trying */
	PMWHY_STARTED,
	/* open */
	PMWHY_OK, PMWHY_UNSEEN, PMWHY_DOUBLE, PMWHY_NO_WAN,
	/* failed */
	PMWHY_NO_LIBRARY, PMWHY_NO_ROUTER, PMWHY_NO_ANSWER, PMWHY_SILENT, PMWHY_BAD_ANSWER, PMWHY_ELSEWHERE,
	PMWHY_REFUSED, PMWHY_TAKEN, PMWHY_OTHER_PORT, PMWHY_LIE, PMWHY_SYSTEM,
	PMWHYS
};

struct portmap {
	enum portmap_state state;
	enum portmap_why why;
	enum portmap_kind kind;         /* by which way, or by which the reason came */
	uint16_t port;                  /* ours, and the router's */
	struct host router;             /* address; unset = none known */
	struct host inside;             /* our address, as the router knows us */
	struct host outside;            /* the router's on the other side; unset = not known */
	struct host holder;             /* PMWHY_TAKEN: who has the port; unset = not known */
	uint32_t lease_s;               /* 0 = for ever */
	bool for_ever;                  /* to be asked for without a lease; it may give one all the same */
	bool asked;                     /* it was asked for, so it may be there whatever `state` says */
	bool was_there;                 /* it led to us before we asked */
	bool theirs;                    /* somebody else made it (a person, on the router's page): it stays */
	char detail[PORTMAP_DETAIL];    /* the router's own word; clean; "" = none */
	nsec since;                     /* of state and reason; 0 = never */
};

const char *portmap_why_code(enum portmap_why w);       /* a word for programs: "double-nat" */
/* A sentence for people: "the port leads to 192.168.1.7 already". Returns dst. */
const char *portmap_text(const struct portmap *m, char dst[PORTMAP_TEXT]);

/* --- what is shown ------------------------------------------------------------------------------ */

struct portmaps {
	struct mtx mtx;                                 /* lk_leaf */
	struct portmap now      GUARDED_BY(lk_leaf);
	uint64_t tried          GUARDED_BY(lk_leaf);    /* attempts, */
	uint64_t failed         GUARDED_BY(lk_leaf);    /* of them without success, */
	uint64_t lost           GUARDED_BY(lk_leaf);    /* and mappings that went away by themselves */
};

struct portmap_counts {
	uint64_t tried, failed, lost;
};

void portmaps_init(struct portmaps *p);
void portmaps_fini(struct portmaps *p);
/* Show that one; `since` is set here. True: state, reason or addresses are others than before. */
bool portmaps_set(struct portmaps *p, const struct portmap *m, nsec now) EXCLUDES(lk_leaf);
void portmaps_get(struct portmaps *p, struct portmap *m, struct portmap_counts *c) EXCLUDES(lk_leaf);
void portmaps_count(struct portmaps *p, bool failed, bool lost) EXCLUDES(lk_leaf);

/* --- what is to be done ------------------------------------------------------------------------- */

#define PORTMAP_LEASE  3600                     /* seconds asked for */
#define PORTMAP_CHECK  (60 * NSEC_PER_SEC)      /* is it still there? */
#define PORTMAP_PACE   (10 * NSEC_PER_SEC)      /* to the second attempt; doubled up to */
#define PORTMAP_SLOW   (600 * NSEC_PER_SEC)
#define PORTMAP_HELD   (300 * NSEC_PER_SEC)     /* while the router has a reason that may pass */

enum portmap_act {
	PORTMAP_REST,           /* nothing before *at */
	PORTMAP_TRY,            /* look for a router and ask it */
	PORTMAP_RENEW,          /* ask the one that has it again */
	PORTMAP_LOOK,           /* is it still there? */
	PORTMAP_DROP,           /* give it back */
};

struct portmap_need {
	bool wanted;
	uint16_t port;          /* ours now; 0 = none yet */
	bool moved;             /* our address or router is another one than it was asked from */
	const struct portmap *held;     /* NULL = none */
	nsec renewed, looked;   /* of the one held */
	nsec tried;             /* the end of the last attempt; 0 = none since things changed */
	uint32_t fails;         /* one after the other */
	enum portmap_why why;   /* of the last one */
};

enum portmap_act portmap_plan(const struct portmap_need *n, nsec now, nsec *at);

/* What the router's table says of our port, against what we asked for. */
struct portmap_entry {
	bool there, enabled;
	bool named;             /* by a node like us */
	struct host to;         /* address and port */
};
/* PMWHY_OK, PMWHY_TAKEN, PMWHY_LIE (not there, off, or another port of ours) */
enum portmap_why portmap_judge_entry(const struct portmap_entry *e, const struct host *inside);
/* The same before we ask: PMWHY_OK (it leads to us), PMWHY_TAKEN (another machine's, or somebody's own entry
 * for another service of ours: neither is touched), PMWHY_STARTED: ask for it. */
enum portmap_why portmap_judge_before(const struct portmap_entry *e, const struct host *inside);
/* How long it lives, of what was asked for and what the table shows; 0 = for ever, or not told. */
uint32_t portmap_lease(uint32_t asked_s, uint32_t shown_s);
/* What the address outside tells of a mapping that stands: PMWHY_OK, _DOUBLE, _NO_WAN (none). */
enum portmap_why portmap_judge_outside(const struct host *outside);

#endif
