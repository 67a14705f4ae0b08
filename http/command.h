/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an operator can do to a channel, the same from /admin and from JSON-RPC.
 *
 * Each returns false when no channel of that id is carried here, and logs what it did.
 * source   http.md 6.2, 8.5; settings.md decisions 26, 31
 */
#ifndef HTTP_COMMAND_H
#define HTTP_COMMAND_H

#include "core/chan/gnuid.h"
#include "core/node/node.h"
#include "core/node/servent.h"

/* End it at once, without the grace an encoder gets, and take it off the list. */
bool command_stop(struct node *n, const struct servent *sv, const struct gnuid *id);
/* Another upstream; to: that one first, made known as a hit (NULL = any). */
bool command_bump(struct node *n, const struct servent *sv, const struct gnuid *id,
	const struct host *to);
/* Toggle "stay connected". */
bool command_keep(struct node *n, const struct servent *sv, const struct gnuid *id);

#endif
