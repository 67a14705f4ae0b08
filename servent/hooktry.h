/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One try to deliver a message to a hook: a command that runs, or a request on its way. Nothing in here
 * waits; the thread of hookd.c does, for all tries at once.
 *
 * A command has the JSON on its standard input and the variables in its environment; it gets SIGTERM after
 * its time, SIGKILL soon after that, and so do those of its process group that it leaves behind.
 */
#ifndef SERVENT_HOOKTRY_H
#define SERVENT_HOOKTRY_H

#include <poll.h>

#include "servent/child.h"
#include "servent/childsay.h"
#include "servent/hookwatch.h"
#include "servent/transfer.h"

#define HOOKTRY_COMMANDS 8              /* that run at once */
#define HOOKTRY_FDS      4              /* that one try waits for */
#define HOOKTRY_WHY      192
#define HOOKTRY_TERM     (300 * NSEC_PER_MSEC)  /* from SIGTERM to SIGKILL */

/* What all tries share. */
struct hooktries {
	struct servmgr *sm;
	unsigned running, sending;      /* commands, requests */
#ifdef HAVE_CURL
	CURLM *multi;                   /* made by the first request */
#endif
};

/* All zero = none. */
struct hooktry {
	enum { TRY_NONE, TRY_COMMAND, TRY_REQUEST, TRY_ENDED } is;
	nsec deadline;                  /* of the command, or of its signal */

	/* ended */
	enum hook_verdict verdict;
	nsec asked;                     /* the server wants so long a pause; 0 = it did not say */
	char why[HOOKTRY_WHY];          /* for people; "" = done */

	/* a command */
	const struct hookmsg *msg;
	size_t fed;                     /* bytes of its body it has taken */
	int signalled;                  /* the last signal sent; 0 = none */
	bool hurried;                   /* it has less than its time, as the node ends */
	uint32_t timeout_s;
	struct child child;
	struct childsay out, err;

#ifdef HAVE_CURL
	struct transfer t;
#endif
};

/* Begin; it may have ended at once. m and shown stay until it has. number: 1 = the first try. */
void hooktry_begin(struct hooktries *all, struct hooktry *t, const struct settings_hook *set,
	const char *shown, const struct hookmsg *m, uint32_t number);
/* What is to be waited for: how many of fd are filled. */
size_t hooktry_fds(const struct hooktry *t, struct pollfd fd[HOOKTRY_FDS]);
/* Go on with a command as far as that goes without waiting. */
void hooktry_go_on(struct hooktries *all, struct hooktry *t);
/* The node ends: a command gets SIGTERM then, if it is still there. */
void hooktry_hurry(struct hooktry *t, nsec deadline);
/* Break these off. Commands are ended, all at once; that may take a moment. */
void hooktries_cancel(struct hooktries *all, struct hooktry *const t[], size_t n);

/* Go on with all requests. */
void hooktries_go_on(struct hooktries *all);
/* Sleep until something can go on, one of fd is ready, or the deadline. */
void hooktries_wait(struct hooktries *all, struct pollfd *fd, size_t n, nsec deadline);
/* No try is under way. */
void hooktries_fini(struct hooktries *all);

#endif
