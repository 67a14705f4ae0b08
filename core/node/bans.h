/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom a root does not want: the ban list, a text file of one ban a line.
 *
 *	session 0123456789ABCDEF0123456789ABCDEF        a node, by its session id
 *	address 203.0.113.0/24                          patterns as in [Filter], no names
 *	channel 0123456789ABCDEF0123456789ABCDEF        a channel, by its id
 *	name *casino*                                   channels, by name: * and ? stand for anything,
 *	                                                letters of either case are the same
 *	# what follows is a comment, and so are empty lines
 *
 * A set is built by one thread, then immutable and counted.
 * source   yp.md 2.6
 */
#ifndef CORE_NODE_BANS_H
#define CORE_NODE_BANS_H

#include "core/chan/gnuid.h"
#include "core/sys/host.h"
#include "core/sys/status.h"

#define BANS_MAX  10000                 /* of one kind; addresses: FILTERS_MAX */
#define BANS_FILE ((size_t)1 << 20)     /* bytes of the file */

struct bans;

/* Take a text of n bytes. A line that is not understood is left out and told to `fault`, with its number.
 * *out is an empty set for an empty text.
 * returns  ST_OK, ST_LIMIT (BANS_MAX, memory: *out is NULL) */
typedef void bans_fault(void *ctx, uint32_t line, const char *why);
enum status bans_parse(struct bans **out, const char *text, size_t n, bans_fault *fault, void *ctx)
	NODISCARD;
struct bans *bans_ref(struct bans *b);
void bans_unref(struct bans **b);

/* All are false for b = NULL and for unset ids and addresses. */
bool bans_session(const struct bans *b, const struct gnuid *sid);
bool bans_address(const struct bans *b, const struct host *h);
bool bans_channel(const struct bans *b, const struct gnuid *id);
bool bans_name(const struct bans *b, const char *name);
/* How many there are of all kinds. */
size_t bans_count(const struct bans *b);

#endif
