/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The push atom: "connect to this address and say GIV". Counts inside a bcst addressed to us alone.
 * source   pcp.md 4.10, 7.5; 18.3 (B43)
 */
#ifndef PCP_PUSH_H
#define PCP_PUSH_H

#include "core/chan/gnuid.h"
#include "core/sys/host.h"
#include "pcp/atom.h"

#define PUSH_PORT_MIN 1024

struct push {
	struct host host;       /* where to */
	struct gnuid cid;       /* unset = a control connection */
};

/* returns  ST_OK, ST_PROTO (another atom, a leaf with a value, or no address or port in it) */
enum status push_parse(struct push *p, const struct atom *a) NODISCARD;
void push_emit(struct atomwr *w, const struct push *p);

/* May we dial it? Global address, port >= PUSH_PORT_MIN, not ours. self may be unset. How often is
 * the caller's business (settings.md decision 17). */
bool push_may_dial(const struct push *p, const struct host *self);

#endif
