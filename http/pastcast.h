/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was broadcast before: each broadcast of this node that was on the air for a moment is remembered in
 * the storage, for pages and front ends to fill in their forms from (http.md 8.6, getBroadcastHistory).
 */
#ifndef HTTP_PASTCAST_H
#define HTTP_PASTCAST_H

#include "core/node/node.h"

#define PASTCAST_AFTER 10       /* seconds on the air */

/* Remember those that are due. Called every few seconds by one thread. Blocks on the disk when there is a new
 * one; what cannot be written is logged, and not tried again. */
void pastcast_round(struct node *n) EXCLUDES(lk_chanmgr, lk_chan, lk_save);

#endif
