/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/title.h"

#include <stdlib.h>
#include <string.h>

#include "core/chan/chan.h"
#include "core/sys/text.h"
#include "http/command.h"

static void put_utf8(struct buf *out, uint8_t c)
{
	if (c < 0x80) {
		buf_u8(out, c);
	} else {
		buf_u8(out, (uint8_t)(0xc0 | c >> 6));
		buf_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
	}
}

/* A value, clean; false when it was not sent. */
static bool value(const struct request *rq, const char *key, char dst[TEXT_MAX])
{
	char raw[HTTP_LINE_MAX + 1], charset[32];
	struct buf utf8;
	bool latin;

	dst[0] = '\0';
	if (!query_get(rq->query, key, raw, sizeof(raw)))
		return false;
	latin = query_get(rq->query, "charset", charset, sizeof(charset)) &&
		(ascii_casecmp(charset, "ISO-8859-1") == 0 || ascii_casecmp(charset, "latin1") == 0);
	if (!latin) {
		(void)text_clean(dst, TEXT_MAX, raw, strlen(raw));
		return true;
	}
	buf_init(&utf8, 2 * sizeof(raw));
	for (const char *c = raw; *c != '\0'; c++)
		put_utf8(&utf8, (uint8_t)*c);
	(void)text_clean(dst, TEXT_MAX, utf8.p, utf8.len);
	buf_fini(&utf8);
	return true;
}

/* The track, into m; what of it was sent. 0 = no title. */
static uint32_t read_track(const struct request *rq, struct chanmeta *m)
{
	uint32_t present = 0;

	if (value(rq, "song", m->text[CT_TRACK_TITLE]) || value(rq, "title", m->text[CT_TRACK_TITLE]))
		present |= 1u << CT_TRACK_TITLE;
	if (value(rq, "artist", m->text[CT_TRACK_ARTIST]))
		present |= 1u << CT_TRACK_ARTIST;
	if (present != 0 && value(rq, "url", m->text[CT_TRACK_URL]) && m->text[CT_TRACK_URL][0] != '\0')
		present |= 1u << CT_TRACK_URL;
	return present;
}

static bool has_titles(struct chan *c)
{
	static const char *const types[] = { "MP3", "AAC", "OGG", "OGM" };
	struct chaninfo *i = chan_info(c);
	bool yes = false;

	for (size_t t = 0; t < NELEM(types) && !yes; t++)
		yes = strcmp(i->text[CT_TYPE], types[t]) == 0;
	chaninfo_unref(&i);
	return yes;
}

/* Edit every channel it is meant for; false when a mount point was named that is not there. */
static bool edit(struct node *n, struct servent *sv, const char *mount, const struct chanmeta *m,
	uint32_t present)
{
	struct chan **all = NULL, *c;
	size_t found = 0;

	if (mount[0] != '\0') {
		c = chanmgr_find_broadcast(n->cm, mount, CHAN_SRC_ICECAST);
		if (c == NULL)
			return false;
		command_edit(n, sv, c, m, present);
		chan_unref(&c);
		return true;
	}
	if (chanmgr_all(n->cm, &all, &found) != ST_OK)
		return true;
	for (size_t i = 0; i < found; i++) {
		if (chan_type_of(all[i]) == CHAN_BROADCAST && chan_is_playing(all[i]) && has_titles(all[i]))
			command_edit(n, sv, all[i], m, present);
		chan_unref(&all[i]);
	}
	free(all);
	return true;
}

enum status title_serve(struct node *n, struct servent *sv, const struct request *rq, struct response *rs)
{
	struct chanmeta m;
	char mode[16], mount[TEXT_MAX];
	uint32_t present;
	bool early, there;

	memset(&m, 0, sizeof(m));
	if (!query_get(rq->query, "mode", mode, sizeof(mode)) || strcmp(mode, "updinfo") != 0) {
		response_error(rs, 400, "no such command");
		return ST_OK;
	}
	present = read_track(rq, &m);
	(void)value(rq, "mount", mount);
	if (present == 0) {
		response_error(rs, 400, "song missing");
		return ST_OK;
	}
	/* first those that are about to have a channel: what comes in between is found by both */
	early = n->ops.early_title != NULL && n->ops.early_title(n, mount, &m, present);
	there = edit(n, sv, mount, &m, present);
	if (!early && !there) {
		response_error(rs, 404, "no such mount point");
		return ST_OK;
	}
	if (strcmp(rq->path, "/admin.cgi") == 0)
		return ST_OK;
	rs->type = "text/xml";
	buf_puts(&rs->body, "<?xml version=\"1.0\"?>\n<iceresponse>"
		"<message>Metadata update successful</message><return>1</return></iceresponse>\n");
	return rs->body.err;
}
