/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The events of the node (core/sys/event.h) as messages for hooks: one JSON object each, and the same as
 * variables for a command.
 *
 * A channel starts when it first receives or broadcasts, and stops when it is gone, or nobody has it any
 * more; an interruption in between is neither. What was missed of channels is made up for by a look at them.
 *
 * Belongs to one thread.
 */
#ifndef SERVENT_HOOKWATCH_H
#define SERVENT_HOOKWATCH_H

#include "core/node/node.h"
#include "core/sys/event.h"
#include "servent/hook.h"

#define HOOKMSG_ID   40                 /* bytes of an id, NUL included */
#define HOOKMSG_BODY (16 * 1024)        /* bytes of a body, and of the variables, at most */

/* Immutable; counted by its one thread. */
struct hookmsg {
	uint32_t refs;
	enum hookwhat what;
	char id[HOOKMSG_ID];            /* no other message has it, of this run or another */
	const char *body;               /* JSON */
	size_t len;
	const char *vars;               /* "NAME=value", each with its NUL, one after the other */
	size_t n_vars;
};

void hookmsg_ref(struct hookmsg *m);
void hookmsg_unref(struct hookmsg **m);

struct hookwatch;

/* Whom a message is given to; who keeps it takes a reference. */
typedef void hookwatch_sink(void *ctx, struct hookmsg *m);

/* NULL = out of memory. */
struct hookwatch *hookwatch_new(struct node *n, hookwatch_sink *sink, void *ctx) NODISCARD;
void hookwatch_free(struct hookwatch **w);

/* Only of these (enum hookwhat) messages are made from now on; at first of none. */
void hookwatch_want(struct hookwatch *w, uint32_t events);
/* Channels that play now are known, and no news. */
void hookwatch_seed(struct hookwatch *w);
/* Something has happened: a message for the sink, or none. Returns how many there was no memory for. */
uint32_t hookwatch_take(struct hookwatch *w, const struct event *e);
/* Some that tell of channels were missed: what has changed since is told now. Returns as above. */
uint32_t hookwatch_catch_up(struct hookwatch *w);

#endif
