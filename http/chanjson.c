/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/chanjson.h"

#include <stdio.h>
#include <stdlib.h>
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
static const char *status_word(enum chan_status s)
{
	switch (s) {
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
static void put_source(struct buf *out, const struct chanstate *s)
{
	char hex[GNUID_STRLEN], hs[HOST_STRLEN] = "0.0.0.0:0", text[160];
	char *p;

	if (s->source_url != NULL) {
		put_text(out, "source", s->source_url);
		return;
	}
	if (s->type == CHAN_RELAY && host_is_set(&s->source))
		host_str(&s->source, hs);
	gnuid_str(&s->id, hex);
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

static void put_status(struct buf *out, const struct chanstate *s)
{
	buf_u8(out, '{');
	put_bool(out, "isBroadcasting", s->type == CHAN_BROADCAST);
	put_bool(out, "isDirectFull", s->direct_full);
	put_bool(out, "isKept", s->keep);
	put_bool(out, "isReceiving", s->playing);
	put_bool(out, "isRelayFull", s->relay_full);
	put_int(out, "localDirects", s->directs);
	put_int(out, "localRelays", s->relays);
	put_text(out, "network", s->v6 ? "ipv6" : "ipv4");
	put_int(out, "recvRate", (int64_t)(s->in_bps & INT64_MAX));
	put_source(out, s);
	put_text(out, "status", status_word(s->status));
	put_int(out, "totalDirects", s->total_directs);
	put_int(out, "totalRelays", s->total_relays);
	put_int(out, "uptime", s->uptime_s);
	buf_u8(out, '}');
}

/* --- what is told of a channel ---------------------------------------------------------------- */

enum status chanstate_take(struct chanstate *s, struct node *n, const struct settings *set, struct chan *c)
{
	const uint32_t max_uptime = set->max_uptime;
	struct hitstats hits;
	struct chan_view v;
	struct places p;
	enum status ok = ST_OK;

	chan_view(c, &v);
	*s = (struct chanstate){
		.id = *chan_id(c), .info = v.info, .type = v.type, .status = v.status, .playing = v.playing,
		.keep = v.keep, .v6 = v.v6, .in_bps = v.in_bps, .source = v.source,
		.uptime_s = max_uptime > 0 ? MIN(v.uptime_s, max_uptime) : v.uptime_s,
	};
	if (v.source_url[0] != '\0') {
		s->source_url = strdup(v.source_url);
		ok = s->source_url != NULL ? ST_OK : ST_LIMIT;
	}
	servmgr_places(n->sm, &s->id, s->info->bitrate_kbps, &p);
	s->directs = p.used.directs;
	s->relays = p.used.relays;
	s->direct_full = !p.direct;
	s->relay_full = !p.relay;
	if (!chanmgr_stats(n->cm, &s->id, &hits))
		memset(&hits, 0, sizeof(hits));
	s->total_directs = sum(hits.listeners, s->directs);
	s->total_relays = sum(hits.relays, s->relays);
	return ok;
}

void chanstate_fini(struct chanstate *s)
{
	chaninfo_unref(&s->info);
	free(s->source_url);
	s->source_url = NULL;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool chanstate_same(const struct chanstate *a, const struct chanstate *b)
{
	return gnuid_equal(&a->id, &b->id) && a->info == b->info && a->type == b->type &&
		a->status == b->status && a->playing == b->playing && a->keep == b->keep && a->v6 == b->v6 &&
		a->direct_full == b->direct_full && a->relay_full == b->relay_full &&
		a->directs == b->directs && a->relays == b->relays && a->uptime_s == b->uptime_s &&
		a->in_bps == b->in_bps && a->total_directs == b->total_directs &&
		a->total_relays == b->total_relays && host_equal(&a->source, &b->source) &&
		same_text(a->source_url, b->source_url);
}

void chanstate_put(struct buf *out, const struct chanstate *s)
{
	char hex[GNUID_STRLEN];

	buf_u8(out, '{');
	put_text(out, "channelId", gnuid_str(&s->id, hex));
	put_info(out, s->info);
	jsontext_key(out, "status");
	put_status(out, s);
	put_track(out, s->info);
	put_pages(out);
	buf_u8(out, '}');
}

/* --- one of them ------------------------------------------------------------------------------ */

static void put_part(struct buf *out, struct node *n, struct chan *c,
	void (*put)(struct buf *, const struct chanstate *))
{
	const struct settings *set = conf_get(n->conf);
	struct chanstate s;

	if (chanstate_take(&s, n, set, c) == ST_OK)
		put(out, &s);
	else
		out->err = ST_LIMIT;
	chanstate_fini(&s);
	settings_unref(&set);
}

void chanjson_put(struct buf *out, struct node *n, struct chan *c)
{
	put_part(out, n, c, chanstate_put);
}

void chanjson_put_status(struct buf *out, struct node *n, struct chan *c)
{
	put_part(out, n, c, put_status);
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
