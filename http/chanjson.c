/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/chanjson.h"

#include <stdio.h>
#include <string.h>

#include "core/sys/text.h"
#include "http/jsontext.h"

static void put_text(struct buf *out, const char *key, const char *s)
{
	jsontext_key(out, key);
	jsontext_string(out, s);
}

static void put_int(struct buf *out, const char *key, int64_t v)
{
	jsontext_key(out, key);
	buf_int(out, v);
}

static void put_bool(struct buf *out, const char *key, bool on)
{
	jsontext_key(out, key);
	jsontext_bool(out, on);
}

static void put_info(struct buf *out, const struct chaninfo *i)
{
	jsontext_key(out, "info");
	buf_u8(out, '{');
	put_int(out, "bitrate", i->bitrate_kbps);
	put_text(out, "comment", i->text[CT_COMMENT]);
	put_text(out, "contentType", i->text[CT_TYPE][0] != '\0' ? i->text[CT_TYPE] : "UNKNOWN");
	put_text(out, "desc", i->text[CT_DESC]);
	put_text(out, "genre", i->text[CT_GENRE]);
	put_text(out, "mimeType", chaninfo_mime(i));
	put_text(out, "name", i->text[CT_NAME]);
	put_text(out, "url", i->text[CT_URL]);
	buf_u8(out, '}');
}

static void put_track(struct buf *out, const struct chaninfo *i)
{
	jsontext_key(out, "track");
	buf_u8(out, '{');
	put_text(out, "album", i->text[CT_TRACK_ALBUM]);
	put_text(out, "creator", i->text[CT_TRACK_ARTIST]);
	put_text(out, "genre", i->text[CT_TRACK_GENRE]);
	put_text(out, "name", i->text[CT_TRACK_TITLE]);
	put_text(out, "url", i->text[CT_TRACK_URL]);
	buf_u8(out, '}');
}

/* No yellow pages are told of a channel. */
static void put_pages(struct buf *out)
{
	jsontext_key(out, "yellowPages");
	buf_puts(out, "[]");
}

/* The five words clients know. */
static const char *status_word(const struct chan_view *v)
{
	switch (v->status) {
	case CHAN_RECEIVING:
	case CHAN_BROADCASTING:
		return "Receiving";
	case CHAN_CONNECTING:
		return "Connecting";
	case CHAN_SEARCHING:
		return "Searching";
	case CHAN_ERROR:
		return "Error";
	case CHAN_WAIT:
	case CHAN_CLOSING:
	case CHAN_IDLE:
		break;
	}
	return "Idle";
}

/* pcp://host:port/<id in the GUID form>, or the URL it is pulled from. A push has no host of its
 * own: PeerCast-YT shows zeros. */
static void put_source(struct buf *out, const struct gnuid *id, const struct chan_view *v)
{
	char hex[GNUID_STRLEN], hs[HOST_STRLEN] = "0.0.0.0:0", text[160];
	char *p;

	if (v->source_url[0] != '\0') {
		put_text(out, "source", v->source_url);
		return;
	}
	if (v->type == CHAN_RELAY && host_is_set(&v->source))
		host_str(&v->source, hs);
	gnuid_str(id, hex);
	for (p = hex; *p != '\0'; p++)
		*p = (char)ascii_lower((uint8_t)*p);
	snprintf(text, sizeof(text), "pcp://%s/%.8s-%.4s-%.4s-%.4s-%.12s", hs, hex, hex + 8,
		hex + 12, hex + 16, hex + 20);
	put_text(out, "source", text);
}

/* Claims of others are clamped where they enter; a sum of many still must not turn negative. */
static int64_t sum(uint64_t theirs, uint32_t ours)
{
	return (int64_t)MIN(theirs, (uint64_t)INT32_MAX) + ours;
}

static void put_status(struct buf *out, struct node *n, const struct gnuid *id, const struct chan_view *v)
{
	const struct settings *st = conf_get(n->conf);
	const uint32_t uptime = st->max_uptime > 0 ? MIN(v->uptime_s, st->max_uptime) : v->uptime_s;
	const uint32_t kbps = v->info->bitrate_kbps;
	struct usage u;
	struct hitstats s;

	settings_unref(&st);
	servmgr_usage(n->sm, id, &u);
	if (!chanmgr_stats(n->cm, id, &s))
		memset(&s, 0, sizeof(s));
	buf_u8(out, '{');
	put_bool(out, "isBroadcasting", v->type == CHAN_BROADCAST);
	put_bool(out, "isDirectFull", !servmgr_has_room(n->sm, SV_DIRECT, id, kbps));
	put_bool(out, "isKept", v->keep);
	put_bool(out, "isReceiving", v->playing);
	put_bool(out, "isRelayFull", !servmgr_has_room(n->sm, SV_RELAY, id, kbps));
	put_int(out, "localDirects", u.directs);
	put_int(out, "localRelays", u.relays);
	put_text(out, "network", v->v6 ? "ipv6" : "ipv4");
	put_int(out, "recvRate", (int64_t)(v->in_bps & INT64_MAX));
	put_source(out, id, v);
	put_text(out, "status", status_word(v));
	put_int(out, "totalDirects", sum(s.listeners, u.directs));
	put_int(out, "totalRelays", sum(s.relays, u.relays));
	put_int(out, "uptime", uptime);
	buf_u8(out, '}');
}

void chanjson_put(struct buf *out, struct node *n, struct chan *c)
{
	char hex[GNUID_STRLEN];
	struct chan_view v;

	chan_view(c, &v);
	buf_u8(out, '{');
	put_text(out, "channelId", gnuid_str(chan_id(c), hex));
	put_info(out, v.info);
	jsontext_key(out, "status");
	put_status(out, n, chan_id(c), &v);
	put_track(out, v.info);
	put_pages(out);
	buf_u8(out, '}');
	chan_view_fini(&v);
}

void chanjson_put_info(struct buf *out, struct chan *c)
{
	struct chaninfo *i = chan_info(c);

	buf_u8(out, '{');
	put_info(out, i);
	put_track(out, i);
	put_pages(out);
	buf_u8(out, '}');
	chaninfo_unref(&i);
}

void chanjson_put_status(struct buf *out, struct node *n, struct chan *c)
{
	struct chan_view v;

	chan_view(c, &v);
	put_status(out, n, chan_id(c), &v);
	chan_view_fini(&v);
}
