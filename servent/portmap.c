/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/portmap.h"

#include <stdio.h>
#include <string.h>

#define UPNP_PART(left) ((left) * 2 / 3)        /* of the time: a router that drips has its NAT-PMP still */

/* Which of two failures tells a person more. */
static int weight(enum portmap_why why)
{
	switch (why) {
	case PMWHY_STARTED:    return 11;       /* stopped */
	case PMWHY_TAKEN:      return 10;
	case PMWHY_OTHER_PORT: return 9;
	case PMWHY_LIE:        return 8;
	case PMWHY_REFUSED:    return 7;
	case PMWHY_ELSEWHERE:  return 6;
	case PMWHY_BAD_ANSWER: return 5;
	case PMWHY_SILENT:     return 4;
	case PMWHY_NO_ANSWER:  return 3;
	case PMWHY_SYSTEM:     return 2;
	case PMWHY_NO_LIBRARY: return 1;
	default:               return 0;
	}
}

static bool is_open(enum portmap_why why)
{
	return why == PMWHY_OK || why == PMWHY_UNSEEN || why == PMWHY_DOUBLE || why == PMWHY_NO_WAN;
}

static enum status settle(struct portmap *m, enum portmap_why why)
{
	m->why = why;
	m->state = is_open(why) ? PORTMAP_OPEN : why == PMWHY_STARTED ? PORTMAP_TRYING : PORTMAP_FAILED;
	return is_open(why) ? ST_OK : why == PMWHY_STARTED ? ST_STOPPED : ST_PROTO;
}

/* By one way at one router. */
static enum status one(struct portmap_grip *g, enum portmap_kind kind, const struct gateway *gw,
	uint16_t port, struct mbox *mb, nsec deadline)
{
	memset(g, 0, sizeof(*g));
	g->m.kind = kind;
	g->m.port = port;
	g->m.router = gw->router;
	g->m.inside = gw->local;
	g->m.inside.port = port;
	if (kind == PORTMAP_UPNP)
		return settle(&g->m, igd_map(&g->igd, gw, PORTMAP_LEASE, mb, deadline, &g->m));
	return settle(&g->m, pmp_map(&g->clock, PORTMAP_LEASE, mb, deadline, &g->m));
}

enum status portmap_try(uint16_t port, struct mbox *mb, nsec deadline, struct portmap_grip *out,
	struct portmap_grip *owed)
{
	struct gateway list[GATEWAYS_MAX];
	bool lacks[PORTMAP_NATPMP + 1] = { false };
	struct portmap_grip g;
	const size_t n = gateway_list(list);

	memset(out, 0, sizeof(*out));
	memset(owed, 0, sizeof(*owed));
	out->m.port = port;
	out->m.state = PORTMAP_FAILED;
	out->m.why = PMWHY_NO_ROUTER;
	if (n > 0 && host_is_global(&list[0].local)) {
		out->m.state = PORTMAP_OFF;
		out->m.why = PMWHY_NOT_NEEDED;
		out->m.inside = out->m.outside = list[0].local;
		out->m.inside.port = out->m.outside.port = port;
		return ST_OK;
	}
	if (n == 0 && !gateway_is_ipv4()) {
		out->m.state = PORTMAP_OFF;
		out->m.why = PMWHY_NO_IPV4;
		return ST_OK;
	}
	for (size_t i = 0; i < n; i++) {
		for (int kind = PORTMAP_UPNP; kind <= PORTMAP_NATPMP; kind++) {
			const nsec left = MAX(deadline - clk_now(), 0);
			const nsec end = kind == PORTMAP_UPNP ? clk_deadline(UPNP_PART(left)) : deadline;
			const enum status st = one(&g, (enum portmap_kind)kind, &list[i], port, mb, end);

			if (st == ST_PROTO && g.m.asked && !owed->m.asked)
				*owed = g;
			if (st == ST_OK || st == ST_STOPPED ||
			    weight(g.m.why) > weight(out->m.why))
				*out = g;
			if (st == ST_OK || st == ST_STOPPED)
				return st;
			/* who has the port by one way has it by the other */
			if (g.m.why == PMWHY_TAKEN)
				break;
			lacks[kind] = g.m.why == PMWHY_NO_LIBRARY;
		}
	}
	if (out->m.why == PMWHY_NO_ANSWER && (lacks[PORTMAP_UPNP] || lacks[PORTMAP_NATPMP]))
		(void)snprintf(out->m.detail, sizeof(out->m.detail), "%s is not installed here",
			lacks[PORTMAP_UPNP] ? "miniupnpc" : "libnatpmp");
	return ST_PROTO;
}

enum status portmap_renew(struct portmap_grip *g, struct mbox *mb, nsec deadline, enum portmap_why *why)
{
	struct portmap_grip new = *g;
	enum status st;

	if (g->m.kind == PORTMAP_UPNP)
		st = settle(&new.m, igd_map_again(&new.igd,
			g->m.for_ever ? 0 : PORTMAP_LEASE, mb, deadline, &new.m));
	else
		st = settle(&new.m, pmp_map(&new.clock, PORTMAP_LEASE, mb, deadline, &new.m));
	*why = new.m.why;
	if (st == ST_OK)
		*g = new;
	return st;
}

enum status portmap_look(struct portmap_grip *g, struct mbox *mb, nsec deadline)
{
	struct portmap_grip new = *g;
	enum status st;

	if (g->m.kind == PORTMAP_UPNP)
		st = settle(&new.m, igd_look(&new.igd, mb, deadline, &new.m));
	else
		st = settle(&new.m, pmp_look(&new.clock, mb, deadline, &new.m));
	if (st == ST_OK)
		*g = new;
	return st;
}

enum status portmap_drop(const struct portmap_grip *g, struct mbox *mb, nsec deadline)
{
	if (g->m.theirs)
		return ST_OK;
	if (g->m.kind == PORTMAP_UPNP)
		return igd_drop(&g->igd, &g->m, mb, deadline);
	return pmp_drop(&g->m, mb, deadline);
}
