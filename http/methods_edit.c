/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Methods that change a channel or its connections (http.md 8.5, 8.6). */
#include "http/methods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/chan/chan.h"
#include "core/sys/text.h"
#include "http/command.h"

json_t *method_no_channel(struct rpc_call *c)
{
	return rpc_fail(c, RPC_NO_CHANNEL, "Channel not found", NULL);
}

/* --- info ------------------------------------------------------------------------------------- */

struct field {
	const char *key;
	enum chantext text;
};

static const struct field info_fields[] = {
	{ "name", CT_NAME }, { "url", CT_URL }, { "genre", CT_GENRE }, { "desc", CT_DESC },
	{ "comment", CT_COMMENT }, { NULL, CT_COUNT },
};
static const struct field track_fields[] = {
	{ "name", CT_TRACK_TITLE }, { "creator", CT_TRACK_ARTIST }, { "album", CT_TRACK_ALBUM },
	{ "genre", CT_TRACK_GENRE }, { "url", CT_TRACK_URL }, { NULL, CT_COUNT },
};

/* Texts that are there come into m, and into *present; other values do not count. */
static bool take_texts(struct rpc_call *c, const struct field *f, const char *of, json_t *o,
	struct chanmeta *m, uint32_t *present)
{
	for (; f->key != NULL; f++) {
		json_t *v = json_object_get(o, f->key);

		if (v == NULL || json_is_null(v))
			continue;
		if (!json_is_string(v)) {
			char why[64];

			snprintf(why, sizeof(why), "%s.%s must be a string", of, f->key);
			rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, why);
			return false;
		}
		(void)text_clean(m->text[f->text], TEXT_MAX, json_string_value(v), json_string_length(v));
		*present |= 1u << f->text;
	}
	return true;
}

bool method_take_texts(struct rpc_call *c, json_t *info, json_t *track, struct chanmeta *m,
	uint32_t *present)
{
	return take_texts(c, info_fields, "info", info, m, present) &&
		take_texts(c, track_fields, "track", track, m, present);
}

json_t *method_set_channel_info(struct rpc_call *c)
{
	struct chan *ch = chanmgr_find(c->node->cm, &c->id);
	struct chanmeta m;
	uint32_t present = 0;
	json_t *r = NULL;

	if (ch == NULL)
		return method_no_channel(c);
	if (chan_type_of(ch) != CHAN_BROADCAST) {
		rpc_fail(c, RPC_UNKNOWN, "Not a broadcast of this node", NULL);
	} else if (method_take_texts(c, c->args[1], c->args[2], &m, &present)) {
		if ((present & 1u << CT_NAME) != 0 && m.text[CT_NAME][0] == '\0') {
			rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, "Channel name must not be empty");
		} else {
			(void)command_edit(c->node, c->sv, ch, &m, present);
			r = json_null();
		}
	}
	chan_unref(&ch);
	return r;
}

/* --- starting --------------------------------------------------------------------------------- */

/* Who asks opens its own player: nothing is opened on this machine. */
json_t *method_play_channel(struct rpc_call *c)
{
	struct chan *ch = chanmgr_find(c->node->cm, &c->id);
	enum status st = ST_OK;

	if (ch == NULL && !chanmgr_list_exists(c->node->cm, &c->id) &&
	    !chandir_has(&c->node->chandir, &c->id))
		return method_no_channel(c);
	if (ch == NULL)
		st = c->node->ops.relay_start(c->node, &c->id, NULL, &ch);
	if (st != ST_OK)
		return rpc_fail(c, RPC_UNKNOWN, "failed to create channel", NULL);
	chan_unref(&ch);
	return json_null();
}

/* --- connections ------------------------------------------------------------------------------ */

static bool is_carried(struct rpc_call *c)
{
	struct chan *ch = chanmgr_find(c->node->cm, &c->id);
	const bool yes = ch != NULL;

	chan_unref(&ch);
	if (!yes)
		method_no_channel(c);
	return yes;
}

json_t *method_stop_connection(struct rpc_call *c)
{
	return !is_carried(c) ? NULL :
		json_boolean(command_cut(c->node, c->sv, &c->id, json_integer_value(c->args[1])));
}

/* The source of a relay has the number -1. Nothing else that is listed can be made anew from here: an
 * encoder, a player or a relay comes by itself. */
json_t *method_restart_connection(struct rpc_call *c)
{
	struct chan *ch = chanmgr_find(c->node->cm, &c->id);
	bool done;

	if (ch == NULL)
		return method_no_channel(c);
	done = json_integer_value(c->args[1]) == -1 && chan_type_of(ch) == CHAN_RELAY &&
		command_bump(c->node, c->sv, &c->id, NULL);
	chan_unref(&ch);
	return json_boolean(done);
}

/* Numbers of PeerCastStation. */
enum { OUTPUT_PLAY = 1, OUTPUT_RELAY = 2 };

json_t *method_get_outputs(struct rpc_call *c)
{
	struct servent_view *v = NULL;
	size_t n = 0;
	json_t *a;
	bool ok;

	if (!is_carried(c))
		return NULL;
	a = json_array();
	ok = servmgr_views(c->node->sm, &c->id, &v, &n) == ST_OK;
	for (size_t i = 0; i < n && ok; i++) {
		char hs[HOST_STRLEN], name[SERVENT_AGENT + HOST_STRLEN + 8];

		snprintf(name, sizeof(name), "%s%s%s", host_str(&v[i].peer, hs),
			v[i].agent[0] != '\0' ? " " : "", v[i].agent);
		add(a, json_pack("{sisssi}", "outputId", (int)(v[i].id & INT32_MAX), "name", name, "type",
			v[i].type == SV_RELAY ? OUTPUT_RELAY : OUTPUT_PLAY), &ok);
	}
	free(v);
	return or_drop(a, ok);
}

json_t *method_stop_output(struct rpc_call *c)
{
	if (!is_carried(c))
		return NULL;
	(void)command_cut(c->node, c->sv, &c->id, json_integer_value(c->args[1]));
	return json_null();             /* gone or never there: the same */
}
