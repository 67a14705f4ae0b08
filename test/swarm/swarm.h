/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A swarm of virtual nodes: one broadcaster and its root, N viewers' nodes that come, go and die. Every node
 * is the real one (a struct app with its tables, and the real threads as fibers), in a world of its own.
 */
#ifndef TEST_SWARM_SWARM_H
#define TEST_SWARM_SWARM_H

#include <stdio.h>

#include "servent/app.h"
#include "test/swarm/world.h"

#define MEMBER_PORT 7144

/* What is to happen; read from NAME=value. */
struct plan {
	uint32_t n;                     /* viewers at a time */
	uint32_t seed;
	uint32_t kbps;                  /* of the stream */
	uint32_t join;                  /* that join a second; 0 = N / 60 */
	uint32_t seconds;               /* after the last has joined */
	uint32_t shut;                  /* percent behind a firewall */
	uint32_t kills;                 /* nodes that die, a minute, per thousand */
	uint32_t mute;                  /* percent of those that vanish without a word */
	uint32_t session;               /* mean seconds a viewer stays; 0 = to the end */
	uint32_t latency_ms;            /* mean of one way */
	uint32_t tracker_kbps;          /* the broadcaster's upload */
	uint32_t even_kbps;             /* everybody's upload is this; 0 = the mix */
	uint32_t trace;                 /* a machine whose log is shown; 0 = none */
};

enum life { MEMBER_UP, MEMBER_LEAVING, MEMBER_GONE };

struct member {
	struct app app;
	struct machine m;
	enum life life;
	uint32_t slots;                 /* relays it may serve */
	struct servent *viewer;         /* its player */

	nsec born;                      /* it joined */
	nsec first;                     /* its first data; 0 = not yet */
	nsec fresh;                     /* its last */
	nsec lag;                       /* of that */
	nsec retry;                     /* its channel ended: the player asks again then; 0 = it is there */
	uint32_t breaks;                /* interruptions */
	nsec broken;                    /* time of them */
	uint64_t heard;                 /* atoms it acted on, but the stream's */
	uint64_t heard_then, accepted_then; /* a second ago */

	/* as last looked at */
	struct member *up;              /* whom it receives from */
	uint32_t depth;                 /* 0 = not known */
	bool walked;                    /* scratch */
};

/* A growing list of numbers. */
struct tally {
	uint64_t *v;
	size_t n, cap;
};
void tally_add(struct tally *t, uint64_t v);
/* The p-th of a thousand, by size; 0 when there is none. */
uint64_t tally_at(struct tally *t, unsigned p);
uint64_t tally_sum(const struct tally *t);

struct swarm {
	struct plan plan;
	struct member *root, *tracker;
	struct member **all;            /* the viewers, whoever there was */
	size_t n_all, cap_all;
	uint32_t up;                    /* of them, there now */
	struct gnuid id;
	struct chan *c;
	uint32_t token;
	uint32_t packets;
	nsec *sent;                     /* when packet number i was made */
	nsec began, settled;            /* all have joined */

	/* what happened */
	struct tally joins;             /* ms from joining to the first data */
	struct tally breaks;            /* ms of each interruption */
	uint32_t kills, leaves, orphans, ends; /* ends: a channel was given up with its player still there */
	struct tally dry;               /* of ten thousand viewers, without data in each second, all joined */
	uint32_t loops;                 /* circles of nodes, seen whenever it was looked */
	uint64_t refused[REFUSALS], served; /* by all nodes */
	uint64_t dialled, unanswered;
	uint64_t peak_heard, peak_accepted; /* the tracker's busiest second */
	uint64_t peak_other;            /* anybody else's, of connections */
	uint64_t accepted_calm;         /* connections at the tracker since all had joined, as the next ones */
	uint64_t dials_calm;            /* connections made after all had joined, and */
	nsec calm_from;
	uint64_t root_heard_calm, tracker_heard_calm, tracker_cpu_calm, root_cpu_calm;
};

/* Run it all. */
void swarm_run(struct swarm *s);
/* What came of it: JSON to one, a table for people to the other (NULL = neither). */
void swarm_report(struct swarm *s, FILE *json, FILE *table);

#endif
