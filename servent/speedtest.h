/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client's side of a yellow page's upload test (node_ops.speedtest): ask for its yp4g.xml, and, when it
 * lets us, send it what it wants. On the thread of who asks; one test at a time.
 *
 * source   node.md 6.6
 */
#ifndef SERVENT_SPEEDTEST_H
#define SERVENT_SPEEDTEST_H

#include "core/node/node.h"
#include "core/node/servent.h"

#define SPEEDTEST_ASK  (10 * NSEC_PER_SEC)      /* for the document */
#define SPEEDTEST_SEND (30 * NSEC_PER_SEC)      /* for the test */
#define SPEEDTEST_POST 16000                    /* thousands of bytes at most */

/* As node_ops.speedtest. */
enum status speedtest_run(struct node *n, struct servent *sv, const char *url, bool send) NODISCARD;

#endif
