/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands about channels and connections. */
#include "http/admin_cmd.h"

#include <stdlib.h>
#include <string.h>

#include "http/command.h"

#define BUMP_PORT 7144

enum status admin_stop(struct admin *a)
{
	struct gnuid id;

	if (admin_id(a, &id))
		command_stop(a->node, a->sv, &id);
	return admin_go_back(a, "relays.html");
}

enum status admin_bump(struct admin *a)
{
	char text[HOST_STRLEN];
	struct gnuid id;
	struct host to;
	bool named = admin_value(a, "ip", text, sizeof(text)) && text[0] != '\0' &&
		host_parse(&to, text, BUMP_PORT) && host_is_set(&to) && to.port != 0;

	if (admin_id(a, &id))
		command_bump(a->node, a->sv, &id, named ? &to : NULL);
	return admin_go_back(a, "channels.html");
}

enum status admin_keep(struct admin *a)
{
	struct gnuid id;

	if (admin_id(a, &id))
		command_keep(a->node, a->sv, &id);
	return admin_go_back(a, "relays.html");
}

/* --- texts ------------------------------------------------------------------------------------ */

struct field {
	const char *key;
	enum chantext text;
};

/* Those of the page, and those of older tools. */
static const struct field page_fields[] = {
	{ "name", CT_NAME }, { "desc", CT_DESC }, { "genre", CT_GENRE }, { "contactURL", CT_URL },
	{ "comment", CT_COMMENT }, { "track.title", CT_TRACK_TITLE }, { "track.artist", CT_TRACK_ARTIST },
	{ "track.album", CT_TRACK_ALBUM }, { "track.genre", CT_TRACK_GENRE },
	{ "track.contactURL", CT_TRACK_URL }, { NULL, CT_COUNT },
};
static const struct field tool_fields[] = {
	{ "desc", CT_DESC }, { "genre", CT_GENRE }, { "url", CT_URL }, { "comment", CT_COMMENT },
	{ "t_title", CT_TRACK_TITLE }, { "t_artist", CT_TRACK_ARTIST }, { "t_album", CT_TRACK_ALBUM },
	{ "t_genre", CT_TRACK_GENRE }, { "t_contact", CT_TRACK_URL }, { NULL, CT_COUNT },
};

/* The texts that were sent: which ones, as bits. */
static uint32_t take_texts(const struct admin *a, const struct field *f, struct chanmeta *m)
{
	uint32_t present = 0;

	memset(m, 0, sizeof(*m));
	for (; f->key != NULL; f++)
		if (admin_text(a, f->key, m->text[f->text]))
			present |= 1u << f->text;
	return present;
}

/* Those fields that were sent, and no others, change. */
enum status admin_update_info(struct admin *a)
{
	struct chan *c = NULL;
	struct chanmeta m;
	struct gnuid id;
	uint32_t present;

	if (admin_id(a, &id))
		c = chanmgr_find(a->node->cm, &id);
	if (c == NULL) {
		response_error(a->rs, 500, "No such channel");
		return ST_OK;
	}
	present = take_texts(a, page_fields, &m);
	if ((present & 1u << CT_NAME) && m.text[CT_NAME][0] == '\0')
		response_error(a->rs, 400, "a channel has a name");
	else if (chan_type_of(c) != CHAN_BROADCAST || !command_edit(a->node, a->sv, c, &m, present))
		response_error(a->rs, 500, "Failed to update channel info");
	else
		(void)!admin_go(a, "relays.html");
	chan_unref(&c);
	return ST_OK;
}

/* The oldest broadcast of that name: the one it has, or the one its encoder knows. A reference, or NULL. */
static struct chan *find_named(struct node *n, const char *name)
{
	struct chan **all = NULL, *found = NULL;
	size_t count = 0;

	if (name[0] == '\0' || chanmgr_all(n->cm, &all, &count) != ST_OK)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		struct chaninfo *info = chan_info(all[i]);

		if (found == NULL && chan_type_of(all[i]) == CHAN_BROADCAST &&
		    (strcmp(info->text[CT_NAME], name) == 0 || strcmp(chan_key(all[i]), name) == 0))
			found = chan_ref(all[i]);
		chaninfo_unref(&info);
		chan_unref(&all[i]);
	}
	free(all);
	return found;
}

/* What broadcasting tools of the VP era send: they know the channel by its name, and call again and
 * again with the same texts. */
enum status admin_setmeta(struct admin *a)
{
	char name[TEXT_MAX];
	struct chanmeta m;
	struct chan *c;
	uint32_t present;

	(void)admin_text(a, "name", name);
	c = find_named(a->node, name);
	if (c == NULL) {
		response_error(a->rs, 404, "No such channel");
		return ST_OK;
	}
	present = take_texts(a, tool_fields, &m);
	(void)command_edit(a->node, a->sv, c, &m, present);
	chan_unref(&c);
	return admin_go(a, "relays.html");
}

/* --- connections ------------------------------------------------------------------------------ */

enum status admin_stop_servent(struct admin *a)
{
	char text[16];
	uint32_t id;

	if (!admin_value(a, "servent_id", text, sizeof(text)) || !num_u32(text, 1, UINT32_MAX, &id)) {
		response_error(a->rs, 400, "invalid servent_id");
		return ST_OK;
	}
	if (!command_end(a->node, a->sv, id)) {
		response_error(a->rs, 404, "servent not found");
		return ST_OK;
	}
	return admin_go_back(a, "connections.html");
}
