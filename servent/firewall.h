/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Can our port be reached? The yellow page is asked, and whatever becomes known is passed on.
 *
 * Most of the time a handshake of COUT or of a fetch tells it by the way. Where none does, a check is
 * made: a short control connection to the YP, on a task of its own, to each of its addresses.
 * source   pcp.md 6.4, 7.2, 7.6, 11.5, 17.4; node.md 6.1
 */
#ifndef SERVENT_FIREWALL_H
#define SERVENT_FIREWALL_H

#include "servent/app.h"

enum { FIREWALL_V4 = 1, FIREWALL_V6 = 2 };      /* families of a check */

/* Between two checks of our own accord: PACE, doubled up to SLOW while the YP does not answer; SLOW while
 * it has disabled us, or nobody has seen us from far away; CLOSED when a test has failed, as the port may
 * be opened meanwhile. */
#define FIREWALL_PACE   (20 * NSEC_PER_SEC)
#define FIREWALL_SLOW   (600 * NSEC_PER_SEC)
#define FIREWALL_CLOSED (1800 * NSEC_PER_SEC)

/* What decides about the next check of a family. */
struct fwneed {
	bool wanted;            /* there is a YP, and something here that others may want from us */
	bool forced;            /* a setting decides */
	bool disabled;          /* by the YP: it may have changed its mind */
	enum firewall fw;
	enum fwwhy why;
	nsec since;             /* of the state */
	nsec tried;             /* start of the last check; 0 = none yet */
	uint32_t fails;         /* checks without an answer, one after the other */
};

/* When to check again: 0 = now, NSEC_NEVER = not before something changes. */
nsec firewall_due(const struct fwneed *n);

/* Start a check of these families, unless one runs. The housekeeper hears its end. */
void firewall_check(struct app *a, unsigned families) EXCLUDES(lk_app);
bool firewall_is_checking(struct app *a) EXCLUDES(lk_app);

/* node_ops.check_firewall: forget what is known, ask, wait for the answer. */
void firewall_ask(struct node *n, bool v4, bool v6) EXCLUDES(lk_app);

/* The line to the YP: one handshake at a time, as a root refuses a second one of the same session. COUT
 * has it from before it dials until it is accepted, a check for its whole conversation; it waits for
 * COUT, and wakes it in the end. */
bool yp_line_take(struct app *a) EXCLUDES(lk_app) NODISCARD;
void yp_line_drop(struct app *a) EXCLUDES(lk_app);

/* May a helo of ours ask for a test that we shall believe? One at a time: a node that is testing us for
 * one of our connections tells another that our port is shut. Given back when the oleh is there, or not
 * to come. */
bool firewall_ping_take(struct app *a, bool v6) EXCLUDES(lk_app) NODISCARD;
void firewall_ping_drop(struct app *a, bool v6) EXCLUDES(lk_app);

#endif
