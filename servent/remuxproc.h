/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node's end of a remuxing process (servent/remuxchild.h): started, fed and listened to without ever
 * waiting for it. For one thread.
 */
#ifndef SERVENT_REMUXPROC_H
#define SERVENT_REMUXPROC_H

#include <sys/types.h>

#include "core/media/remuxmsg.h"
#include "core/sys/bytes.h"
#include "core/sys/mbox.h"
#include "core/sys/sock.h"

struct remuxproc {
	pid_t pid;                      /* 0 = none */
	struct sock line;               /* to wait on; its mailbox is the caller's */
	struct buf msg;                 /* the message that is coming in, its header first */
	size_t need;                    /* bytes of it */
	uint64_t fed, said;             /* bytes that went to it, and that came */
};

/* Start the process on a container whose decode times shall begin at start_us.
 * returns  ST_OK, ST_SYS (no process, no sockets) */
enum status remuxproc_start(struct remuxproc *p, const char *format, uint64_t start_us, struct mbox *mb)
	NODISCARD;

/* Give it what it takes now. ST_OK with *sent (0 = it is busy), ST_EOF (it is gone), ST_SYS. */
enum status remuxproc_feed(struct remuxproc *p, const void *bytes, size_t n, size_t *sent) NODISCARD;
/* Nothing more comes: it tells the rest and ends. */
void remuxproc_finish(struct remuxproc *p);

/* The next message. *payload is good until the next call; the REMUXMSG_HEAD bytes in front of it are the
 * caller's to write on.
 * returns  ST_OK, ST_TIMEOUT (none is whole yet), ST_EOF (it is gone), ST_PROTO, ST_LIMIT (it has lost its
 *          mind, or was made to), ST_STOPPED, ST_SYS */
enum status remuxproc_next(struct remuxproc *p, struct remuxmsg *m, uint8_t **payload) NODISCARD;

/* End it at once, when it has not yet. why: how it ended, for the log. */
#define REMUXPROC_WHY 48
void remuxproc_end(struct remuxproc *p, char why[REMUXPROC_WHY]);

#endif
