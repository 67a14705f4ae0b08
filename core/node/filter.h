/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Address filters of the ini, compiled: who is private, banned, allowed as relay or player.
 *
 * A set is built by one thread, then immutable and counted. Entries have no order: the flags of all
 * that match count together, so a ban beats what another entry allows.
 * source   node.md 5.1, 5.5, 5.6; http.md 2.1
 */
#ifndef CORE_NODE_FILTER_H
#define CORE_NODE_FILTER_H

#include "core/sys/host.h"
#include "core/sys/status.h"

#define FILTERS_MAX 1000        /* entries of one set, hosts of names included */

enum { FILTER_PRIVATE = 1, FILTER_BAN = 2, FILTER_NETWORK = 4, FILTER_DIRECT = 8 };

struct filterset;

struct filterset *filterset_new(void) NODISCARD;
struct filterset *filterset_ref(struct filterset *f);
void filterset_unref(struct filterset **f);
/* Before it is shared: add one pattern.
 *
 *	a.b.c.d         an octet of 255 stands for any; 0.0.0.0 and "" match nothing
 *	a.b.c.d/n       IPv4 network; n above 32 counts as 32; /0 = every IPv4 address
 *	v6, v6/n        address, network of IPv6 alone; n above 128 counts as 128
 *	name            matches nothing by itself: the caller has it resolved off the hot path and adds
 *	                the addresses with filterset_add_host()
 *	.suffix         matches names of visitors: filterset_name_flags()
 *
 * name     may be NULL; set: is it a name (not a suffix)?
 * returns  ST_OK, ST_LIMIT (FILTERS_MAX, memory), ST_PROTO (none of these; nothing was added) */
enum status filterset_add(struct filterset *f, const char *pattern, int flags, bool *name) NODISCARD;
/* Would it take that pattern? ST_OK, ST_PROTO, ST_LIMIT (memory). */
enum status filter_check(const char *pattern) NODISCARD;
/* Exactly this address, what a name stands for. ST_OK, ST_LIMIT. */
enum status filterset_add_host(struct filterset *f, const struct host *h, int flags) NODISCARD;
/* All flags of the entries that match: an unset address matches none. */
int filterset_flags(const struct filterset *f, const struct host *h);
/* Is there a .suffix among them, so that the names of visitors matter? */
bool filterset_has_suffix(const struct filterset *f);
/* All flags of the suffixes that this name ends with, in any case. */
int filterset_name_flags(const struct filterset *f, const char *name);
/* Does a pattern that matches every address (of a family) carry `private`? */
bool filterset_is_unsafe(const struct filterset *f);

#endif
