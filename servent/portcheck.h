/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The port check of a yellow page: does a node answer where a reader of the list says that his is?
 * source   yp.md 3.2
 */
#ifndef SERVENT_PORTCHECK_H
#define SERVENT_PORTCHECK_H

#include "servent/app.h"

#define PORTCHECK_TIME (3 * NSEC_PER_SEC)       /* to connect and to hear an oleh */

/* node_ops.check_viewer. Limits and results are in http/viewer.h. */
bool portcheck_start(struct node *n, struct servent *asker, const struct host *who)
	EXCLUDES(lk_servmgr, lk_leaf);

#endif
