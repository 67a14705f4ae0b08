/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source of a relayed channel, shared by its two parts: fetch.c finds a node and connects, receive.c
 * stays with it as long as it is good. Nobody else needs this; the way in is fetch_start() (conn.h).
 *
 * A struct fetch belongs to the thread of its channel's source.
 */
#ifndef SERVENT_FETCH_H
#define SERVENT_FETCH_H

#include "servent/ask.h"
#include "servent/report.h"
#include "servent/take.h"
#include "servent/trial.h"
#include "servent/upstream.h"

#define FETCH_LOST (10 * NSEC_PER_SEC)          /* how long downstream is kept without a source */
#define FETCH_SOUGHT 16                         /* channels nobody has yet, looked for at once */
#define FETCH_SAME (2 * NSEC_PER_SEC)           /* between connections to one host */

struct fetch {
	struct app *a;
	struct chan *c;
	struct gnuid id;
	bool v6;                        /* family of the channel, */
	bool fixed;                     /* once it is known from where it comes */
	struct mbox mbox;
	uint32_t token;
	struct take take;
	struct ask up;                  /* the connection in use; closed while searching */

	/* the search */
	struct upstream_memory memory;
	bool given;                     /* up has dialled us: it is connected */
	nsec giv_until;                 /* another may dial us until then */
	struct host wanted;             /* named by a bump: goes before all others; else unset */
	struct host again;              /* a tracker that served us and broke off: at once; else unset */
	struct host avoid;              /* one we were told to leave: others first; else unset */
	enum ask_as avoid_as;
	struct host tip;                /* the tracker that a user or the YP named: it is trusted */
	struct gnuid yp_sid;
	struct host last;               /* of the last connection, */
	nsec connected;                 /* and when it was begun */
	nsec next_try;                  /* no connection before this */
	uint32_t failures, refusals;    /* since the source was lost */
	nsec lost;                      /* since when there is none, */
	nsec silent;                    /* and since when it gave nothing new */
	nsec played;                    /* when there last was one; 0 = never */
	bool served;                    /* somebody below may be waiting for more */
	bool told;                      /* the user was told that it plays */
	uint32_t yp_tries;
	size_t yp_at;                   /* the root of rootHost whose turn is next */
	bool off_air;                   /* a host that should know said so: only others can gainsay it */

	/* the upstream in use */
	struct upstream_watch watch;
	enum upstream_why why;          /* it is left for */
	bool bumped;                    /* the user wants another source */
	nsec judge_at;
	nsec surveyed;                  /* when the hit list was last looked at, for these two: */
	bool others;
	nsec behind;

	/* another one, tried beside it */
	struct trial *trial;
	uint32_t user_trials;           /* still to make for the user; 0 = it is for a better one */
	uint32_t trials;                /* without success, one after the other */
	nsec trial_at;                  /* none before this */
	nsec switched;                  /* to a better one; 0 = never */
	uint32_t switches;

	struct report report;           /* of this connection */
	bool report_again;              /* the farewell to the one before may overtake it */
	nsec look_at;                   /* around, not before this */

	nsec unused_since;              /* nobody listens; 0 = somebody does */
};

/* Is the channel to stay without listeners and without a source? */
bool fetch_is_kept(struct fetch *f);
/* When those below are let go, should nothing come before; NSEC_NEVER. */
nsec fetch_let_go_at(const struct fetch *f);
/* Whom to ask next, other than `except`, by the hit list; and, when not NULL, how far others are ahead. */
bool fetch_survey(struct fetch *f, const struct host *except, struct upstream_pick *p, nsec *behind);
/* Is that session one of our relays of the channel? Then it is no way up. */
bool fetch_is_below(struct fetch *f, const struct gnuid *sid);
/* May the channel come from there, by its address family (pcp.md 17.2)? */
bool fetch_is_of_family(const struct fetch *f, const struct host *h);
/* A connection to that host is about to be made. */
void fetch_note_try(struct fetch *f, const struct host *to);

/* f->up has accepted us: receive until something ends it. The connection may have become another one by
 * then; it is not closed, and no trial goes on.
 * returns  ST_OK: nobody listens. Else why it ended: ST_EOF: it said quit (f->up.quit) or closed;
 *          ST_TIMEOUT with f->bumped (the user) or f->why (it was not good enough) */
enum status receive(struct fetch *f) NODISCARD;
/* Good-bye to an upstream that may still listen, before we end or search. */
void receive_leave(struct fetch *f);

#endif
