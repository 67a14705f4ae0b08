/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A router's NAT-PMP, by libnatpmp; without it nothing is found. Deadlines and stops as in igd.h.
 * source   RFC 6886
 */
#ifndef SERVENT_PMP_H
#define SERVENT_PMP_H

#include "core/node/portmap.h"
#include "core/sys/mbox.h"

/* The router's clock: one that does not go on has lost what we asked for. */
struct pmp_clock {
	uint32_t epoch;         /* seconds, as it said */
	nsec at;                /* when; 0 = never */
};

/* Does it go on? (RFC 6886 3.6) */
bool pmp_goes_on(const struct pmp_clock *c, uint32_t epoch, nsec now);
/* Is that a whole packet of an answer? What libnatpmp reads beyond its end is made up. */
bool pmp_is_whole(const uint8_t *p, size_t n);

/* As igd_map(), igd_look() and igd_drop(). */
enum portmap_why pmp_map(struct pmp_clock *c, uint32_t lease_s, struct mbox *mb, nsec deadline,
	struct portmap *m);
enum portmap_why pmp_look(struct pmp_clock *c, struct mbox *mb, nsec deadline, struct portmap *m);
enum status pmp_drop(const struct portmap *m, struct mbox *mb, nsec deadline) NODISCARD;

#endif
