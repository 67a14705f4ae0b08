/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A router's UPnP IGD: find it, map a port, look, take it away. The words are in igdtext.h, the XML is
 * miniupnpc's to understand; without it nothing is found.
 *
 * Deadlines are those of servent/portmap.h; a stop of mb ends every wait.
 */
#ifndef SERVENT_IGD_H
#define SERVENT_IGD_H

#include "core/sys/mbox.h"
#include "servent/gateway.h"
#include "servent/igdtext.h"

#define IGD_BODY (64 * 1024)    /* bytes of an answer */

/* One of its services that can map ports. */
struct igd_way {
	struct igd_url control;
	char service[IGD_SERVICE];
};

/* Look for it at that gateway, and map port `m->port` with a lease of lease_s. m->kind, router, inside and
 * port are set; outside, lease_s, was_there, holder and detail are for us to tell.
 * returns  why it is so, good or bad; PMWHY_NO_ANSWER: there is no UPnP */
enum portmap_why igd_map(struct igd_way *w, const struct gateway *g, uint32_t lease_s, struct mbox *mb,
	nsec deadline, struct portmap *m);
/* The same where it is known. */
enum portmap_why igd_map_again(const struct igd_way *w, uint32_t lease_s, struct mbox *mb, nsec deadline,
	struct portmap *m);
/* Is it as m says? m->outside is what it is now. */
enum portmap_why igd_look(const struct igd_way *w, struct mbox *mb, nsec deadline, struct portmap *m);
/* Take it away, if it is m's. ST_OK: it is gone. */
enum status igd_drop(const struct igd_way *w, const struct portmap *m, struct mbox *mb, nsec deadline)
	NODISCARD;

#endif
