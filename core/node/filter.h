/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Address filters of the ini, compiled: who is private, banned, allowed as relay or player.
 *
 * A set is immutable and counted. Patterns with names (host names, .suffix) are kept but match only
 * once they have been resolved off the hot path.
 * source   node.md 5.1, 5.5, 5.6; http.md 2.1
 */
#ifndef CORE_NODE_FILTER_H
#define CORE_NODE_FILTER_H

#include "core/sys/host.h"
#include "core/sys/status.h"

#define FILTERS_MAX 1000

enum { FILTER_PRIVATE = 1, FILTER_BAN = 2, FILTER_NETWORK = 4, FILTER_DIRECT = 8 };

struct filterset;

struct filterset *filterset_new(void) NODISCARD;
struct filterset *filterset_ref(struct filterset *f);
void filterset_unref(struct filterset **f);
/* Before it is shared: add one pattern. ST_OK, ST_LIMIT, ST_PROTO (cannot be understood; *name tells
 * whether it is a name that is not resolved yet, which is ST_OK). */
enum status filterset_add(struct filterset *f, const char *pattern, int flags, bool *name) NODISCARD;
/* All flags of the entries that match. */
int filterset_flags(const struct filterset *f, const struct host *h);
/* Does a pattern that matches every address carry `private`? */
bool filterset_is_unsafe(const struct filterset *f);

#endif
