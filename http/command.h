/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an operator can do to a channel, and to the settings, the same from /admin and from JSON-RPC.
 *
 * Those of a channel log what they did; stop, bump and keep return false when no channel of that id is
 * carried here.
 * source   http.md 6.2, 8.5; settings.md decisions 26, 31
 */
#ifndef HTTP_COMMAND_H
#define HTTP_COMMAND_H

#include "core/chan/chan.h"
#include "core/chan/gnuid.h"
#include "core/node/node.h"
#include "core/node/servent.h"

/* End it at once, without the grace an encoder gets, and take it off the list. */
bool command_stop(struct node *n, const struct servent *sv, const struct gnuid *id);
/* Another upstream; to: that one first, made known as a hit (NULL = any). */
bool command_bump(struct node *n, const struct servent *sv, const struct gnuid *id,
	const struct host *to);
/* Those texts of a broadcast that `present` names (CHANMETA_*): who lists or relays it hears of it. false =
 * nothing is different. */
bool command_edit(struct node *n, const struct servent *sv, struct chan *c, const struct chanmeta *m,
	uint32_t present);
/* End the connection of that number if it is a relay or player of the channel; else false. */
bool command_cut(struct node *n, const struct servent *sv, const struct gnuid *id, int64_t connection);
/* End the connection of that number, whatever it is; false: there is none. */
bool command_end(struct node *n, const struct servent *sv, uint32_t id);
/* "Stay connected": so, or the other way. */
bool command_keep_as(struct node *n, const struct servent *sv, const struct gnuid *id, bool keep);
bool command_keep(struct node *n, const struct servent *sv, const struct gnuid *id);

/* After a change of the settings: it counts from now on, and is in the ini before who asked for it hears
 * of it.
 * returns  as conf_save(): whatever it is, the change is in use */
enum status command_settings(struct node *n) NODISCARD EXCLUDES(lk_save, lk_conf);

#endif
