/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All channels carried here, as getChannels tells them.
 *
 * What is told is looked up for each answer, and compared with what the answer before told: the text of a
 * channel of which nothing has changed is taken from there. So no answer is older than its question.
 *
 * lock     lk_leaf, inside, for a moment
 */
#ifndef HTTP_CHANLIST_H
#define HTTP_CHANLIST_H

#include "core/node/node.h"
#include "core/sys/bytes.h"

/* Append the array. Faults of out stay in it.
 * returns  ST_OK, ST_LIMIT (memory) */
enum status chanlist_put(struct buf *out, struct node *n)
	EXCLUDES(lk_servmgr, lk_chanmgr, lk_chan, lk_leaf) NODISCARD;

#endif
