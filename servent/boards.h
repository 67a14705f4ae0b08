/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The boards of channels, asked by libcurl on the threads of those who want to know (node_ops.board), and
 * what they answered.
 *
 * A board and a thread are asked at most every BOARDS_FRESH, by one of us at a time; whoever else wants to
 * know waits for that, or gets what is known. What came of a thread is kept, so that only news is sent: of
 * a dat by Range and If-Modified-Since, of Shitaraba by number. At most BOARDS_ASKING are asked at once, each
 * has BOARDS_TIME for everything and BOARD_ANSWER bytes. No redirect is followed but the one from http to
 * https on the same host, and no board leads into this machine or its network, unless boardHosts names it.
 *
 * lock     lk_app guards what is kept; none is held while a board is asked.
 * source   boards.md
 */
#ifndef SERVENT_BOARDS_H
#define SERVENT_BOARDS_H

#include "core/node/node.h"
#include "core/node/servent.h"

#define BOARDS_FRESH  (5 * NSEC_PER_SEC)
#define BOARDS_TIME   (10 * NSEC_PER_SEC)
#define BOARDS_WAIT   (10 * NSEC_PER_SEC)       /* for others who ask */
#define BOARDS_TITLE  (3600 * NSEC_PER_SEC)     /* a board's settings are good for that long */
#define BOARDS_OLD    (600 * NSEC_PER_SEC)      /* what nobody wanted for that long is forgotten */
#define BOARDS_ASKING 4
#define BOARDS_INSIDE 32        /* callers at once */
#define BOARDS_KEPT   16        /* boards and threads */

struct boards;

struct boards *boards_new(void) NODISCARD;      /* NULL when out of memory */
void boards_free(struct boards **b);            /* nobody uses it any more; *b may be NULL */

/* As node_ops.board. */
enum status boards_ask(struct boards *b, struct servent *sv, const struct board_ask *ask,
	struct board_answer *out) EXCLUDES(lk_app) NODISCARD;

#endif
