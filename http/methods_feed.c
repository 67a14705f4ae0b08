/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Methods about the lists of the user's yellow pages (http.md 8.5, 8.6). */
#include "http/methods.h"

#include <string.h>

#include "http/jsontext.h"

#define UPDATE_PACE (60 * NSEC_PER_SEC)
#define UPDATE_TIME (15 * NSEC_PER_SEC)
#define ENTRY_USUAL 512         /* bytes of an ordinary channel; long texts make more */

/* Text at once (jsontext.h): there may be ten thousand of them. The keys are sorted. */
static void put_entry(struct buf *out, const struct dirview *v, const struct direntry *e)
{
	const struct feedchan *c = e->chan;
	char hex[GNUID_STRLEN];
	const struct {
		const char *key, *text;         /* text NULL = the number */
		int64_t n;
	} members[] = {
		{ "album", c->text[FEED_ALBUM], 0 }, { "bitrate", NULL, c->bitrate_kbps },
		{ "channelId", gnuid_str(&c->id, hex), 0 }, { "comment", c->text[FEED_COMMENT], 0 },
		{ "contactUrl", c->text[FEED_URL], 0 }, { "contentType", c->text[FEED_TYPE], 0 },
		{ "creator", c->text[FEED_ARTIST], 0 }, { "description", c->text[FEED_DESC], 0 },
		{ "encodedName", c->text[FEED_ENCODED], 0 },
		{ "genre", c->text[FEED_GENRE], 0 }, { "listeners", NULL, c->listeners },
		{ "name", c->text[FEED_NAME], 0 }, { "relays", NULL, c->relays },
		{ "trackTitle", c->text[FEED_TITLE], 0 }, { "trackUrl", c->text[FEED_TRACK_URL], 0 },
		{ "tracker", c->text[FEED_TIP], 0 }, { "uptime", NULL, c->uptime_s },
		{ "yellowPage", v->feeds[e->feed].url, 0 },
	};

	buf_u8(out, '{');
	for (size_t i = 0; i < NELEM(members); i++) {
		jsontext_key(out, members[i].key);
		if (members[i].text != NULL)
			jsontext_string(out, members[i].text);
		else
			buf_int(out, members[i].n);
	}
	buf_u8(out, '}');
}

json_t *method_get_yp_channels(struct rpc_call *c)
{
	struct dirview *v = chandir_get(&c->node->chandir);
	const size_t n = v != NULL ? v->n_entries : 0;

	(void)buf_reserve(&c->text, MIN(n * ENTRY_USUAL + 2, RPC_ANSWER));
	buf_u8(&c->text, '[');
	for (size_t i = 0; i < n && c->text.err == ST_OK; i++) {
		if (i > 0)
			buf_u8(&c->text, ',');
		put_entry(&c->text, v, &v->entries[i]);
	}
	buf_u8(&c->text, ']');
	dirview_unref(&v);
	return NULL;
}

/* How long the address of a feed is up to its last folder, with the slash. */
static size_t folder_of(const char *url)
{
	const size_t n = strcspn(url, "?#");
	size_t at = n;

	while (at > 0 && url[at - 1] != '/')
		at--;
	/* the slashes of http:// are none of a folder */
	return at >= 3 && strncmp(url + at - 3, "://", 3) == 0 ? n : at;
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
