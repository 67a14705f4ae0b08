/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/chan/pick.h"

#include <string.h>

bool hit_is_near(const struct hit *h, const struct host *teller, bool itself)
{
	const struct host *a = &h->rhost[0];

	if (host_is_loopback(a))
		return host_is_loopback(teller);
	if (!host_is_private(a))
		return false;
	return itself ? host_same_ip(a, teller) : host_is_private(teller) || host_is_loopback(teller);
}

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

static bool is_of(const struct host *h, bool v6)
{
	return host_is_set(h) && host_is_v4(h) != v6;
}

void pick_pairs(const struct hit *h, bool v6, struct host pair[2])
{
	const struct host none = { .port = 0 }, global = h->rhost[0], local = h->rhost[1];
	const bool mixed = host_is_set(&global) && !is_of(&global, v6);

	pair[0] = is_of(&global, v6) ? global : none;
	pair[1] = is_of(&local, v6) ? local : none;
	if (mixed && host_is_global(&pair[1])) {
		pair[0] = pair[1];
		pair[1] = none;
	}
}

/* May the asker be sent to a, which is not global? */
static bool reaches(const struct host *a, const struct hit *h, const struct host *asker)
{
	if (!h->near && !h->told)
		return false;
	if (!host_is_set(asker))
		return true;
	if (host_is_loopback(a))
		return host_is_loopback(asker);
	return host_is_private(a) && (host_is_private(asker) || host_is_loopback(asker));
}

/* pcp.md 11.4 row 8 with its supersets. */
bool pick_address(const struct hit *h, const struct pick *p, struct host *to)
{
	struct host pair[2];

	pick_pairs(h, p->v6, pair);
	if (host_is_set(&p->match)) {
		if (!host_same_ip(&pair[0], &p->match) || !host_is_global(&pair[0]) ||
		    host_is_loopback(&pair[1]))
			return false;
		*to = pair[1];
	} else {
		if (((h->flags & HIT_PUSH) != 0) != p->firewalled)
			return false;
		*to = pair[0];
		if (p->firewalled)
			return host_is_set(to) && hit_can_giv(h);
		if (!host_is_global(to) && !reaches(to, h, &p->asker))
			return false;
	}
	if (!host_is_set(to) || to->port == 0 || host_is_linklocal(to) || host_is_multicast(to))
		return false;
	return !host_is_set(&p->exclude_host) || !host_equal(to, &p->exclude_host);
}

bool pick_hangs_on(const struct hit *h, const struct hit *up)
{
	if (!host_is_set(&h->uphost) || h->uphost.port == 0)
		return false;
	return host_equal(&h->uphost, &up->rhost[0]) ||
	       (host_equal(&h->uphost, &up->rhost[1]) && host_same_ip(&h->rhost[0], &up->rhost[0]));
}

uint32_t pick_slot(const struct host *h)
{
	uint32_t v = h->port;

	for (size_t i = 0; i < sizeof(h->ip); i++)
		v = v * 31 + h->ip[i];
	return (v ^ v >> 16) % PICK_SLOTS;
}

bool pick_is_better(const struct hit *h, const struct hit *best)
{
	if ((h->gone_at != 0) != (best->gone_at != 0))
		return h->gone_at == 0;
	if (h->hops != best->hops)
		return h->hops < best->hops;
	return (h->flags & HIT_RELAY) && !(best->flags & HIT_RELAY);
}

/* How far down somebody comes who is sent to h: those sent before have taken places of it that it has not
 * told of yet. */
static uint32_t offer_distance(const struct hit *h)
{
	return h->hops + (h->flags & HIT_RELAY ? h->named / PICK_COMES : 0);
}

bool pick_offer_before(const struct hit *a, bool a_lan, const struct hit *b, bool b_lan)
{
	const uint32_t da = offer_distance(a), db = offer_distance(b);

	if ((a->gone_at != 0) != (b->gone_at != 0))
		return a->gone_at == 0;
	if (a_lan != b_lan)
		return a_lan;
	if ((a->flags & HIT_RELAY) != (b->flags & HIT_RELAY))
		return (a->flags & HIT_RELAY) != 0;
	if (da != db)
		return da < db;
	return a->contact < b->contact;
}

int pick_uselessness(const struct hit *h)
{
	/* behind a firewall, and of a kind that does not come when it is called */
	const bool shut = h->rhost[0].port == 0 && !hit_can_giv(h);
	const bool idle = h->relays == 0;

	if (shut)
		return idle ? 3 : 1;
	return idle && !(h->flags & HIT_RELAY) ? 2 : 0;
}

bool pick_goes_before(const struct hit *a, const struct hit *b)
{
	const int ua = pick_uselessness(a), ub = pick_uselessness(b);

	if (ua != ub)
		return ua > ub;
	if (a->listeners != b->listeners)
		return a->listeners < b->listeners;
	return a->uptime_s < b->uptime_s;
}
