/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which sessions were heard of through one connection: so an addressed packet finds its way back.
 *
 * No lock inside: the owner (the servent table, a channel for its source) guards it. All zero = empty;
 * an empty one holds no memory.
 * source   pcp.md 8.4, 10.4
 */
#ifndef CORE_CHAN_ROUTELIST_H
#define CORE_CHAN_ROUTELIST_H

#include <stdbool.h>

#include "core/chan/gnuid.h"

#define ROUTELIST_MAX 1000              /* one more, and the one not heard of for longest goes */

struct route;

struct routelist {
	struct route *routes;           /* owned; in the order they were last heard of */
};

void routelist_clear(struct routelist *l);
/* id was heard of just now. Unset ids are not kept. The list is a hint: without memory it just does not
 * grow. */
void routelist_add(struct routelist *l, const struct gnuid *id);
bool routelist_has(const struct routelist *l, const struct gnuid *id);

#endif
