/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Relay status: what a node that relays a channel tells its upstream of itself.
 *
 * The first report goes out with the first packet, the next ones when something changed, but not within
 * REPORT_MIN of the last, and after REPORT_MAX anyway. The last one, with RECV clear, goes out whenever the
 * connection is left by us, however soon: else we would be handed on to others for minutes.
 *
 * source   pcp.md 10.5; captures relay_ok, relay_from_relay
 */
#ifndef SERVENT_REPORT_H
#define SERVENT_REPORT_H

#include "core/node/node.h"
#include "servent/pcpio.h"

#define REPORT_MIN (10 * NSEC_PER_SEC)
#define REPORT_MAX (120 * NSEC_PER_SEC)

/* What a report depends on. */
struct report_facts {
	uint32_t directs, relays;       /* private ones included */
	enum firewall fw;               /* of the channel's family */
};

/* Of one connection; all zero at the start. */
struct report {
	nsec sent;                      /* the last one; 0 = none */
	struct report_facts told;
};

/* When the next one is due; 0 = at once. */
nsec report_due(const struct report *r, const struct report_facts *now);
/* Write one now. Returns as pcpio_write(). */
enum status report_send(struct report *r, struct node *n, struct chan *c, struct pcpio *io,
	const struct report_facts *facts, nsec deadline) NODISCARD;
/* Write the last one, if there were any. */
void report_farewell(struct report *r, struct node *n, struct chan *c, struct pcpio *io, nsec deadline);

#endif
