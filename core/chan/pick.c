/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/chan/pick.h"

bool pick_fits(const struct hit *h, const struct pick *p, nsec now)
{
	if (h->dead || ((h->flags & HIT_TRACKER) != 0) != p->trackers)
		return false;
	if (p->need_cin && !(h->flags & HIT_CIN))
		return false;
	if (gnuid_is_set(&p->exclude) && gnuid_equal(&h->sid, &p->exclude))
		return false;
	return p->wait == 0 || h->contact == 0 || now - h->contact >= p->wait;
}

/* pcp.md 11.4 row 8 with its supersets. */
const struct host *pick_address(const struct hit *h, const struct pick *p)
{
	const struct host *to;

	if (host_is_set(&p->match)) {
		if (!host_same_ip(&h->rhost[0], &p->match) || !host_is_set(&h->rhost[1]) ||
		    !host_is_global(&h->rhost[0]))
			return NULL;
		to = &h->rhost[1];
	} else {
		if (((h->flags & HIT_PUSH) != 0) != p->firewalled)
			return NULL;
		to = &h->rhost[0];
		if (p->firewalled)
			return host_is_set(to) && host_is_v4(to) != p->v6 && hit_can_giv(h) ? to : NULL;
		if (!p->any_addr && !h->told && !host_is_global(to))
			return NULL;
	}
	if (!host_is_set(to) || to->port == 0 || host_is_v4(to) == p->v6)
		return NULL;
	return host_is_set(&p->exclude_host) && host_equal(to, &p->exclude_host) ? NULL : to;
}

bool pick_is_better(const struct hit *h, const struct hit *best)
{
	if (best == NULL)
		return true;
	if (h->hops != best->hops)
		return h->hops < best->hops;
	return (h->flags & HIT_RELAY) && !(best->flags & HIT_RELAY);
}
