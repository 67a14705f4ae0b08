/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Methods about what front ends keep in the node (http.md 8.5, 8.6). */
#include "http/methods.h"

#include <string.h>

#include "core/sys/text.h"
#include "http/storage.h"

/* null, or why it was not kept. */
static json_t *kept(struct rpc_call *c, enum status st, const char *limit)
{
	if (st == ST_OK)
		return json_null();
	if (st == ST_LIMIT)
		return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, limit);
	return rpc_fail(c, RPC_UNKNOWN, "It could not be written", status_str(st));
}

static bool is_item(struct rpc_call *c)
{
	const char *key = json_string_value(c->args[0]);

	if (strlen(key) == json_string_length(c->args[0]) && storage_is_item(key))
		return true;
	(void)rpc_fail(c, RPC_UNKNOWN, "invalid key", NULL);
	return false;
}

json_t *method_get_item(struct rpc_call *c)
{
	return is_item(c) ? storage_item(c->node->storage, json_string_value(c->args[0])) : NULL;
}

json_t *method_set_item(struct rpc_call *c)
{
	if (!is_item(c))
		return NULL;
	return kept(c, storage_set_item(c->node->storage, json_string_value(c->args[0]),
		json_string_value(c->args[1]), json_string_length(c->args[1])), "value is too long");
}

json_t *method_get_user_config(struct rpc_call *c)
{
	if (json_string_length(c->args[0]) > STORAGE_NAME || json_string_length(c->args[1]) > STORAGE_NAME)
		return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, "user or key is too long");
	return storage_user(c->node->storage, json_string_value(c->args[0]), json_string_value(c->args[1]));
}

json_t *method_set_user_config(struct rpc_call *c)
{
	return kept(c, storage_set_user(c->node->storage, json_string_value(c->args[0]),
		json_string_value(c->args[1]), c->args[2]), "user, key or value is too long");
}

/* --- what was broadcast ----------------------------------------------------------------------- */

static const char *const history_texts[] = {
	"streamType", "streamUrl", "networkType", "contentType", "yellowPage", "channelName", "genre",
	"description", "comment", "contactUrl", "trackTitle", "trackAlbum", "trackArtist", "trackGenre",
	"trackUrl",
};

json_t *method_get_history(struct rpc_call *c)
{
	return storage_history(c->node->storage);
}

/* Known keys alone, as the types they are; what is not given is null. */
json_t *method_add_history(struct rpc_call *c)
{
	json_t *o = json_object(), *r;
	char text[1024];
	bool ok = o != NULL;

	for (size_t i = 0; i < NELEM(history_texts); i++) {
		json_t *v = json_object_get(c->args[0], history_texts[i]);

		if (json_is_string(v)) {
			(void)text_clean(text, sizeof(text), json_string_value(v), json_string_length(v));
			put(o, history_texts[i], json_string(text), &ok);
		} else {
			put(o, history_texts[i], json_null(), &ok);
		}
	}
	put(o, "bitrate", json_integer(json_integer_value(json_object_get(c->args[0], "bitrate"))), &ok);
	put(o, "favorite", json_boolean(json_is_true(json_object_get(c->args[0], "favorite"))), &ok);
	if (!ok) {
		json_decref(o);
		return NULL;
	}
	r = kept(c, storage_add_history(c->node->storage, o), "the history is too long");
	json_decref(o);
	return r;
}
