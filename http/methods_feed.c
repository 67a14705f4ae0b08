/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Methods about the lists of the user's yellow pages (http.md 8.5, 8.6). */
#include "http/methods.h"

#include <string.h>

#define UPDATE_PACE (60 * NSEC_PER_SEC)
#define UPDATE_TIME (15 * NSEC_PER_SEC)

static json_t *entry_json(const struct dirview *v, const struct direntry *e)
{
	static const struct {
		const char *key;
		enum feedtext text;
	} texts[] = {
		{ "name", FEED_NAME }, { "tracker", FEED_TIP }, { "contactUrl", FEED_URL },
		{ "genre", FEED_GENRE }, { "description", FEED_DESC }, { "comment", FEED_COMMENT },
		{ "contentType", FEED_TYPE }, { "trackTitle", FEED_TITLE }, { "album", FEED_ALBUM },
		{ "creator", FEED_ARTIST }, { "trackUrl", FEED_TRACK_URL },
	};
	const struct feedchan *c = e->chan;
	json_t *o = json_object();
	char hex[GNUID_STRLEN];
	bool ok = o != NULL;

	put(o, "yellowPage", json_string(v->feeds[e->feed].url), &ok);
	put(o, "channelId", json_string(gnuid_str(&c->id, hex)), &ok);
	for (size_t i = 0; i < NELEM(texts); i++)
		put(o, texts[i].key, json_string(c->text[texts[i].text]), &ok);
	put(o, "bitrate", json_integer((json_int_t)c->bitrate_kbps), &ok);
	put(o, "listeners", json_integer(c->listeners), &ok);
	put(o, "relays", json_integer(c->relays), &ok);
	put(o, "uptime", json_integer((json_int_t)c->uptime_s), &ok);
	return or_drop(o, ok);
}

json_t *method_get_yp_channels(struct rpc_call *c)
{
	struct dirview *v = chandir_get(&c->node->chandir);
	json_t *a = json_array();
	bool ok = a != NULL;

	for (size_t i = 0; v != NULL && i < v->n_entries && ok; i++)
		add(a, entry_json(v, &v->entries[i]), &ok);
	dirview_unref(&v);
	return or_drop(a, ok);
}

/* How long the address of a feed is up to its last folder, with the slash. */
static size_t folder_of(const char *url)
{
	const size_t n = strcspn(url, "?#");
	size_t at = n;

	while (at > 0 && url[at - 1] != '/')
		at--;
	/* the slashes of http:// are none of a folder */
	return at > 0 && at >= 3 && strncmp(url + at - 3, "://", 3) == 0 ? n : at;
}

/* The last line of the log of a feed, without its end. */
static json_t *last_line(const char *log)
{
	size_t n = strlen(log), from;

	if (n > 0 && log[n - 1] == '\n')
		n--;
	for (from = n; from > 0 && log[from - 1] != '\n'; from--)
		;
	return json_stringn(log + from, n - from);
}

static json_t *feed_json(const struct dirfeed *f)
{
	const size_t folder = folder_of(f->url);
	char name[SETTINGS_TEXT];
	json_t *o = json_object();
	bool ok = o != NULL;

	put(o, "url", json_string(f->url), &ok);
	put(o, "name", json_string(chandir_feed_name(f->url, name)), &ok);
	put(o, "directoryUrl", json_stringn(f->url, folder), &ok);
	put(o, "status", json_string(feedstatus_str(f->status)), &ok);
	put(o, "channels", json_integer(f->list != NULL ? (json_int_t)f->list->n : 0), &ok);
	put(o, "updated", f->updated_s > 0 ? json_integer(f->updated_s) : json_null(), &ok);
	put(o, "tried", f->tried_s > 0 ? json_integer(f->tried_s) : json_null(), &ok);
	put(o, "message", last_line(f->log), &ok);
	return or_drop(o, ok);
}

json_t *method_get_yp_feeds(struct rpc_call *c)
{
	struct dirview *v = chandir_get(&c->node->chandir);
	json_t *a = json_array();
	bool ok = a != NULL;

	for (size_t i = 0; v != NULL && i < v->n_feeds && ok; i++)
		add(a, feed_json(&v->feeds[i]), &ok);
	dirview_unref(&v);
	return or_drop(a, ok);
}

/* Waits for the yellow pages. */
json_t *method_update_yp_channels(struct rpc_call *c)
{
	enum status st = c->node->ops.fetch_feeds(c->node, UPDATE_PACE, clk_deadline(UPDATE_TIME));

	if (st != ST_OK && st != ST_TIMEOUT && st != ST_STOPPED)
		return rpc_fail(c, RPC_UNKNOWN, "The yellow pages cannot be asked", status_str(st));
	return method_get_yp_channels(c);
}
