/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ask the router to lead its port to us: one attempt, one look, one farewell. When, and for how long, is
 * servent/portmapd.h's.
 *
 * The router is the gateway of a default route, the best one first. It is asked by UPnP IGD, then by
 * NAT-PMP. Nobody else is believed or talked to: answers from other machines, addresses and redirects that
 * lead elsewhere are refused. Every answer is bounded, and the whole has one deadline.
 *
 * miniupnpc understands what routers say in UPnP, libnatpmp speaks NAT-PMP; both are loaded when they are
 * first needed. Built without their headers, or without the libraries at run time, that way is left out.
 *
 * Any thread, but not under a lock. mb: a stop of it ends the wait; NULL = the deadline alone.
 */
#ifndef SERVENT_PORTMAP_H
#define SERVENT_PORTMAP_H

#include "servent/igd.h"
#include "servent/pmp.h"

#define PORTMAP_TIME (20 * NSEC_PER_SEC)        /* for one attempt: enough for slow routers */

/* What came of an attempt, and what is needed to change it. A plain value. */
struct portmap_grip {
	struct portmap m;
	struct igd_way igd;     /* with PORTMAP_UPNP */
	struct pmp_clock clock; /* with PORTMAP_NATPMP */
};

/* One attempt for TCP port `port`, with a lease of PORTMAP_LEASE. out->m tells in any case how it went: kind,
 * addresses, and the reason (portmap_text()). `was_there`: the router led the port to us before; who only
 * tries, and drops it again, leaves that one. A router that failed after it was asked may do it all the same:
 * owed->m.asked, and it is to be dropped, too.
 *
 * returns  ST_OK: out->m.state is PORTMAP_OPEN (out->m.why may still be bad news: a second router behind
 *          it), or PORTMAP_OFF where no router is needed (PMWHY_NOT_NEEDED, PMWHY_NO_IPV4);
 *          ST_STOPPED; ST_PROTO: PORTMAP_FAILED */
enum status portmap_try(uint16_t port, struct mbox *mb, nsec deadline, struct portmap_grip *out,
	struct portmap_grip *owed) NODISCARD;

/* Ask the same router for the same again. As portmap_try(); g is as before unless ST_OK, and *why tells. */
enum status portmap_renew(struct portmap_grip *g, struct mbox *mb, nsec deadline,
	enum portmap_why *why) NODISCARD;

/* Is it still there? ST_OK with g->m as it is now; ST_STOPPED; ST_PROTO: it is not, or cannot be seen. */
enum status portmap_look(struct portmap_grip *g, struct mbox *mb, nsec deadline) NODISCARD;

/* Take it away, if it is ours. ST_OK: the router says that it is gone, or another's. */
enum status portmap_drop(const struct portmap_grip *g, struct mbox *mb, nsec deadline) NODISCARD;

#endif
