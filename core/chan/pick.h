/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pickHits: which of the hosts of a channel to try, or to name to somebody else. Pure decisions.
 * source   pcp.md 11.4; 18.3 (B45)
 */
#ifndef CORE_CHAN_PICK_H
#define CORE_CHAN_PICK_H

#include "core/chan/hit.h"

struct pick {
	const struct gnuid *chan;       /* NULL = any list, the first that yields something */
	struct gnuid exclude;           /* session not wanted; unset = none */
	struct host exclude_host;       /* address not wanted; unset = none */
	struct host match;              /* LAN match: global address equal to this; unset = no match */
	nsec wait;                      /* not handed out for so long; 0 = do not mark */
	bool trackers;                  /* trackers only / non-trackers only */
	bool firewalled;                /* pick firewalled ones that can be asked to dial (push) */
	bool need_cin;                  /* CIN bit must be set */
	bool v6;                        /* address family wanted */
	bool any_addr;                  /* private and loopback addresses are fine (a local asker) */
};

/* Is h one of those p asks for? The address is another question. */
bool pick_fits(const struct hit *h, const struct pick *p, nsec now);
/* The address of h that the pick may use, borrowed from h, or NULL. */
const struct host *pick_address(const struct hit *h, const struct pick *p);
/* Does h come before best (NULL = none yet)? Fewest hops; among equals one with a free relay slot;
 * then the one that was asked about first: walk a list from its newest insertion. */
bool pick_is_better(const struct hit *h, const struct hit *best);

#endif
