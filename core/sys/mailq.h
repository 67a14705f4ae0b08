/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What waits in a mailbox: messages of many senders for one connection that takes in a few a second.
 *
 * Each sender (the lane of its blobs) has a line of its own, and the lines are served in turn: so one that
 * sends without end delays the others by one message. Lane 0 is the node itself: served before all others.
 * Urgent messages stand in lines apart, and every other message is one of them. A message with a key takes
 * the place of the one with the same key that waits in its line: only the newest state of a thing is worth
 * sending. When there is no room, the sender that has most waiting loses his oldest.
 *
 * No lock inside. Memory is taken and given back by the caller, outside of whatever lock guards the queue.
 */
#ifndef CORE_SYS_MAILQ_H
#define CORE_SYS_MAILQ_H

#include <stddef.h>

#include "core/sys/blob.h"
#include "core/sys/status.h"

#define MAILQ_BYTES (512 * 1024)        /* may wait, each message counted as MAILQ_LEAST at least */
#define MAILQ_LEAST 256
#define MAILQ_MAX   (MAILQ_BYTES / MAILQ_LEAST) /* so many messages at most */

/* A message with its place in the queue. */
struct mail {
	struct blob *b;                 /* a reference */
	struct mail *next;              /* behind it in its line; or in a list of those to be freed */
	/* of the first in a line: */
	struct mail *prev_line, *next_line;
	struct mail *last;
	size_t bytes;                   /* of the whole line */
};

enum { MAILQ_OWN, MAILQ_URGENT, MAILQ_REST, MAILQ_CLASSES };

/* All zero = empty. */
struct mailq {
	struct mail *lines[MAILQ_CLASSES];      /* the first of each line; whose turn it is stands first */
	size_t bytes;
	uint32_t n;
	bool was_urgent;                        /* the last one of others that was taken */
	uint32_t lost, merged;                  /* so far: for want of room, and replaced by newer ones */
};

/* With a reference of its own to b; NULL when out of memory. */
struct mail *mail_new(struct blob *b) NODISCARD;
/* Free m and those behind it, with their references; nulls *m, which may be NULL. */
void mail_free(struct mail **m);

/* Queue m, which is consumed. What had to go for it, or was replaced by it, is put before *gone.
 * returns  ST_OK, ST_LIMIT (a message was lost; when its own sender has most waiting, of those; m itself
 *          when it is longer than all the room there is) */
enum status mailq_put(struct mailq *q, struct mail *m, struct mail **gone);
/* The next one, the caller's now; NULL when there is none. */
struct mail *mailq_take(struct mailq *q);

#endif
