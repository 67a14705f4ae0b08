/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a node may go that is not served here, or no longer: the host atoms in front of a quit.
 * source   pcp.md 12.3, 12.4; 16 (Q28, Q30)
 */
#ifndef SERVENT_HOSTS_H
#define SERVENT_HOSTS_H

#include "core/node/node.h"
#include "pcp/atom.h"
#include "pcp/helo.h"
#include "servent/app.h"

/* Who asks for which channel. */
struct asker {
	const struct servent *sv;       /* at the other end of it */
	struct gnuid chan, sid;
	uint16_t port;                  /* it can be reached on; 0 = none */
};

/* All append to w.
 *
 * It cannot be served: relays, or a firewalled node that is asked to dial it, and a tracker. */
void hosts_of_refusal(struct app *a, const struct servent *sv, const struct gnuid *chan,
	const struct helo *helo, struct atomwr *w);
/* It gives its place to another: relays, and a tracker. */
void hosts_for_leaver(struct app *a, const struct asker *k, struct atomwr *w);
/* We stop serving it: the node we fetched from, and a tracker. Those beside it in the tree lose their
 * source as it does. */
void hosts_of_heir(struct app *a, struct chan *c, const struct asker *k, struct atomwr *w);

#endif
