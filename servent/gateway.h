/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The routers on the way to everybody else: the gateways of the IPv4 default routes. */
#ifndef SERVENT_GATEWAY_H
#define SERVENT_GATEWAY_H

#include "core/sys/host.h"

#define GATEWAYS_MAX 4

struct gateway {
	struct host router;     /* its address; port 0 */
	struct host local;      /* ours, from which we reach it; port 0; unset = it cannot be reached */
};

/* The routers in the kernel's text (/proc/net/route, n bytes), the best first; `local` stays unset.
 * Returns how many. */
size_t gateway_parse(const char *text, size_t n, struct gateway g[GATEWAYS_MAX]);

/* Those of this machine that can be reached. Asks the kernel; sends nothing. */
size_t gateway_list(struct gateway g[GATEWAYS_MAX]);

/* Has this machine an IPv4 address for others? Not one of loopback alone, or given by itself. */
bool gateway_is_ipv4(void);

#endif
