/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread that keeps a root's history: every minute it notes who is listed, and it answers what pages
 * ask. Nobody else touches the file, so a slow, full or broken disk costs history and nothing more.
 *
 * While the node is no root, or historyDays is 0, the file is closed and nothing is written.
 *
 * lock     lk_log guards the queue of questions; the file belongs to the thread alone.
 * source   yp.md 3.5; settings.md (historyDays, decision 10)
 */
#ifndef SERVENT_HISTORYD_H
#define SERVENT_HISTORYD_H

#include "core/node/history.h"
#include "core/node/node.h"

struct historyd;

/* Start the thread. ST_OK, ST_LIMIT, ST_SYS. Built without SQLite: ST_OK, and *out is NULL. */
enum status historyd_start(struct historyd **out, struct node *n) NODISCARD;
/* Note the minute that is running, close, join. */
void historyd_stop(struct historyd **h, nsec deadline);
/* Settings changed, or the clock did: look again. h may be NULL. */
void historyd_wake(struct historyd *h) EXCLUDES(lk_log);

/* As node_ops.history. h may be NULL. */
enum status historyd_ask(struct historyd *h, const char *name, int64_t from_s, int64_t to_s, nsec deadline,
	struct history *out) EXCLUDES(lk_log) NODISCARD;

#endif
