/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/command.h"

#include "core/chan/chan.h"
#include "core/sys/log.h"

static void say(const struct servent *sv, const struct gnuid *id, const char *what)
{
	char hs[HOST_STRLEN], hex[GNUID_STRLEN];

	log_info("channel %s: %s by %s", gnuid_str(id, hex), what, host_str(&sv->peer, hs));
}

bool command_stop(struct node *n, const struct servent *sv, const struct gnuid *id)
{
	struct chan *c = chanmgr_find(n->cm, id);

	if (c == NULL)
		return false;
	say(sv, id, "stopped");
	chan_close(c);
	/* Its source would do this too, a moment later; who asks now must not see it any more. */
	chanmgr_remove(n->cm, c);
	chan_unref(&c);
	return true;
}

bool command_bump(struct node *n, const struct servent *sv, const struct gnuid *id,
	const struct host *to)
{
	struct chan *c = chanmgr_find(n->cm, id);

	if (c == NULL)
		return false;
	say(sv, id, "bumped");
	if (to != NULL && chanmgr_tip(n->cm, id, to) != ST_OK)
		log_warn("channel: no room for the host to bump to");
	chan_bump(c, to);
	chan_unref(&c);
	return true;
}

bool command_keep(struct node *n, const struct servent *sv, const struct gnuid *id)
{
	struct chan *c = chanmgr_find(n->cm, id);

	if (c == NULL)
		return false;
	say(sv, id, chan_toggle_keep(c) ? "kept" : "no longer kept");
	n->ops.kept_changed(n);
	chan_unref(&c);
	return true;
}
