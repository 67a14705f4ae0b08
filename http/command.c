/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/command.h"

#include <stdlib.h>

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
	if (chan_set_keep(c, false))
		n->ops.kept_changed(n);
	chan_close(c);
	/* Its source would do this too, a moment later; who asks now must not see it any more. */
	chanmgr_remove(n->cm, c);
	chan_unref(&c);
	return true;
}

enum status command_settings(struct node *n)
{
	n->ops.settings_changed(n);
	return conf_save(n->conf);
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

bool command_keep_as(struct node *n, const struct servent *sv, const struct gnuid *id, bool keep)
{
	struct chan *c = chanmgr_find(n->cm, id);

	if (c == NULL)
		return false;
	chan_set_keep(c, keep);
	say(sv, id, keep ? "kept" : "no longer kept");
	n->ops.kept_changed(n);
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

bool command_edit(struct node *n, const struct servent *sv, struct chan *c, const struct chanmeta *m,
	uint32_t present)
{
	struct chaninfo *i;
	bool bitrate_only;

	if (!chan_merge_info(c, m, present, &bitrate_only))
		return false;
	i = chan_info(c);
	if (chanmgr_list_ensure(n->cm, &i->id, i) != ST_OK)
		log_warn("channel %s: no memory for its list", i->text[CT_NAME]);
	chaninfo_unref(&i);
	say(sv, chan_id(c), "edited");
	n->ops.info_changed(n, c);
	return true;
}

bool command_cut(struct node *n, const struct servent *sv, const struct gnuid *id, int64_t connection)
{
	struct servent_query q = { .types = 1u << SV_RELAY | 1u << SV_DIRECT, .chan = *id };
	struct servent **v = NULL;
	size_t found = 0;

	if (connection <= 0 || connection > UINT32_MAX)
		return false;
	q.id = (uint32_t)connection;
	if (servmgr_select(n->sm, &q, &v, &found) != ST_OK)
		return false;
	for (size_t i = 0; i < found; i++) {
		say(sv, id, "a connection ended");
		mbox_stop_soft(&v[i]->mbox);
		servent_unref(&v[i]);
	}
	free(v);
	return found > 0;
}

bool command_end(struct node *n, const struct servent *sv, uint32_t id)
{
	struct servent *found = servmgr_find(n->sm, id);
	char hs[HOST_STRLEN];

	if (found == NULL)
		return false;
	/* The one that asks ends by itself, with the answer. */
	if (found != sv) {
		log_info("servent %u: ended by %s", id, host_str(&sv->peer, hs));
		mbox_stop_soft(&found->mbox);
	}
	servent_unref(&found);
	return true;
}
