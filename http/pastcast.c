/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/pastcast.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "http/storage.h"

/* What makes two entries the same broadcast. */
static const char *const same_keys[] = {
	"channelName", "genre", "description", "comment", "contactUrl", "contentType", "networkType",
};

static const char *source_of(enum chan_src src)
{
	switch (src) {
	case CHAN_SRC_RTMP:
		return "RTMP";
	case CHAN_SRC_URL:
		return "URL";
	case CHAN_SRC_ICECAST:
	case CHAN_SRC_SHOUTCAST:
		return "Icecast";
	case CHAN_SRC_HTTPPUSH:
	case CHAN_SRC_PEERCAST:
		break;
	}
	return "HTTP";
}

/* What is not known of it is null, as in addBroadcastHistory. */
static json_t *entry_of(const struct chan_view *v)
{
	const char *const *t = v->info->text;

	return json_pack("{ss ss? ss ss ss ss ss ss ss sn sn sn sn sn sn si sb}", "streamType",
		source_of(v->src), "streamUrl", v->source_url[0] != '\0' ? v->source_url : NULL,
		"networkType", v->v6 ? "ipv6" : "ipv4", "contentType", chaninfo_type(v->info),
		"channelName", t[CT_NAME], "genre", t[CT_GENRE], "description", t[CT_DESC], "comment",
		t[CT_COMMENT], "contactUrl", t[CT_URL], "yellowPage", "trackTitle", "trackAlbum",
		"trackArtist", "trackGenre", "trackUrl", "bitrate", 0, "favorite", 0);
}

static bool same_text(const json_t *a, const json_t *b, const char *key)
{
	const char *x = json_string_value(json_object_get(a, key)),
		*y = json_string_value(json_object_get(b, key));

	return strcmp(x != NULL ? x : "", y != NULL ? y : "") == 0;
}

static bool is_same(const json_t *a, const json_t *b)
{
	for (size_t i = 0; i < NELEM(same_keys); i++)
		if (!same_text(a, b, same_keys[i]))
			return false;
	return true;
}

/* One that is there comes to the front, with what is known of it besides. */
static void remember(struct storage *s, const struct chan_view *v)
{
	json_t *fresh = entry_of(v), *past = storage_history(s), *e, *found = fresh;
	enum status st = ST_LIMIT;
	size_t i;

	json_array_foreach(past, i, e)
		if (found == fresh && is_same(e, fresh))
			found = e;
	if (fresh != NULL && past != NULL)
		st = storage_add_history(s, found);
	if (st != ST_OK)
		log_warn("channel \"%s\": not remembered: %s", v->info->text[CT_NAME], status_str(st));
	json_decref(past);
	json_decref(fresh);
}

void pastcast_round(struct node *n)
{
	struct chan **all = NULL;
	size_t count = 0;

	if (chanmgr_all(n->cm, &all, &count) != ST_OK)
		return;
	for (size_t i = 0; i < count; i++) {
		struct chan_view v;

		if (chan_type_of(all[i]) == CHAN_BROADCAST) {
			chan_view(all[i], &v);
			if (v.playing && v.uptime_s >= PASTCAST_AFTER && chan_note_once(all[i]))
				remember(n->storage, &v);
			chan_view_fini(&v);
		}
		chan_unref(&all[i]);
	}
	free(all);
}
