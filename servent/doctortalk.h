/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `peercast doctor` asks others, and answers them: roots, yellow pages' lists, and whoever comes to see
 * whether our port is open. No node is needed, and nothing of one is touched. */
#ifndef SERVENT_DOCTORTALK_H
#define SERVENT_DOCTORTALK_H

#include "core/chan/gnuid.h"
#include "core/node/servmgr.h"
#include "servent/doctorfacts.h"

/* How long each part of it may take, from the time for the whole. */
static inline nsec doctor_share(nsec whole, int thirtieths)
{
	return whole / 30 * thirtieths;
}
enum {
	DOCTOR_LOOK = 2,        /* our own ports */
	DOCTOR_NAME = 5,        /* a name */
	DOCTOR_MAP = 8,         /* the router, meanwhile */
	DOCTOR_UNMAP = 2,
	DOCTOR_TALK = 18,       /* a root, of it */
	DOCTOR_CONNECT = 5,     /* to connect, */
	DOCTOR_AFTER = 2,       /* and behind the oleh; */
	DOCTOR_FETCH = 10,      /* a list, meanwhile */
};

/* Talk to a root as a node would, under that session, until it takes us or does not; then leave.
 *
 * ping     our port that it is to test; 0 = none
 * whole    see doctor_share()
 * deadline of all that is asked at once: where threads are lacking one waits for the other */
void doctor_talk(
	struct doctor_talk *t, const struct host *to, const struct gnuid *sid, uint16_t ping, nsec whole,
	nsec deadline);

/* Fetch a list and look at it; l->url is there. port: of our node, for lists that are made to measure. */
void doctor_fetch(struct doctor_feed *l, struct servmgr *sm, uint16_t port, nsec deadline);

/* The listener: answers port tests in the place of a node that does not run, on threads of its own. */
struct doctor_door;
#define DOCTOR_KNOCKS 64                /* answered at most; others are counted */

/* Takes fd, also on failure. ST_OK, ST_LIMIT, ST_SYS */
enum status doctor_door_open(struct doctor_door **out, int fd, const struct gnuid *sid) NODISCARD;
/* Close it; knocks = how many came, by family, not from this machine itself. *d may be NULL. */
void doctor_door_close(struct doctor_door **d, unsigned knocks[2]);

#endif
