/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "xml/chanxml.h"

#define CLOSEST_NONE 10000u     /* hops of a list without hosts */

uint32_t chanxml_age(nsec then, nsec now)
{
	nsec s = now > then ? (now - then) / NSEC_PER_SEC : 0;

	return s < (nsec)UINT32_MAX ? (uint32_t)s : UINT32_MAX;
}

void chanxml_hits_of(const struct hitstats *s, nsec now, uint64_t never, struct chanxml_hits *h)
{
	bool empty = s->hosts == 0;

	*h = (struct chanxml_hits){
		.hosts = s->hosts,
		.listeners = s->listeners,
		.relays = s->relays,
		.firewalled = s->firewalled,
		.closest = empty ? CLOSEST_NONE : s->closest,
		.furthest = empty ? 0 : s->furthest,
		.newest = empty || s->newest == 0 ? never : chanxml_age(s->newest, now),
	};
}

static const char *text_of(const struct chaninfo *info, enum chantext which)
{
	return info != NULL ? info->text[which] : "";
}

void chanxml_channel(struct xmlout *x, const struct gnuid *id, const struct chaninfo *info,
	const struct chanxml_facts *f)
{
	char hex[GNUID_STRLEN];

	xmlout_start(x, "channel");
	xmlout_text(x, "name", text_of(info, CT_NAME));
	xmlout_text(x, "id", gnuid_str(id, hex));
	xmlout_u64(x, "bitrate", info != NULL ? info->bitrate_kbps : 0);
	xmlout_text(x, "type", info != NULL ? chaninfo_type(info) : "UNKNOWN");
	xmlout_text(x, "genre", text_of(info, CT_GENRE));
	xmlout_text(x, "desc", text_of(info, CT_DESC));
	xmlout_text(x, "url", text_of(info, CT_URL));
	xmlout_u64(x, "uptime", f->uptime_s);
	xmlout_text(x, "comment", text_of(info, CT_COMMENT));
	xmlout_u64(x, "skips", f->skips);
	xmlout_u64(x, "age", f->age_s);
	xmlout_u64(x, "bcflags", f->bcflags);
}

void chanxml_hits(struct xmlout *x, const struct chanxml_hits *h)
{
	xmlout_start(x, "hits");
	xmlout_u64(x, "hosts", h->hosts);
	xmlout_u64(x, "listeners", h->listeners);
	xmlout_u64(x, "relays", h->relays);
	xmlout_u64(x, "firewalled", h->firewalled);
	xmlout_u64(x, "closest", h->closest);
	xmlout_u64(x, "furthest", h->furthest);
	xmlout_u64(x, "newest", h->newest);
}

static void flag(struct xmlout *x, const char *name, bool on)
{
	xmlout_u64(x, name, on);
}

void chanxml_host(struct xmlout *x, const struct hit *h, nsec now)
{
	char ip[HOST_STRLEN];

	xmlout_start(x, "host");
	xmlout_text(x, "ip", host_str(&h->rhost[0], ip));
	xmlout_u64(x, "hops", h->hops);
	xmlout_u64(x, "listeners", h->listeners);
	xmlout_u64(x, "relays", h->relays);
	xmlout_u64(x, "uptime", h->uptime_s);
	flag(x, "push", (h->flags & HIT_PUSH) != 0);
	flag(x, "relay", (h->flags & HIT_RELAY) != 0);
	flag(x, "direct", (h->flags & HIT_DIRECT) != 0);
	flag(x, "cin", (h->flags & HIT_CIN) != 0);
	flag(x, "stable", false);               /* never set on any wire */
	xmlout_u64(x, "version", h->version);
	xmlout_u64(x, "update", chanxml_age(h->heard, now));
	flag(x, "tracker", (h->flags & HIT_TRACKER) != 0);
	xmlout_end(x);
}

void chanxml_relay(struct xmlout *x, const struct chanxml_relay *r)
{
	xmlout_start(x, "relay");
	xmlout_u64(x, "listeners", r->listeners);
	xmlout_u64(x, "relays", r->relays);
	xmlout_u64(x, "hosts", r->hosts);
	xmlout_text(x, "status", r->status);
	xmlout_end(x);
}

void chanxml_track(struct xmlout *x, const struct chaninfo *info)
{
	xmlout_start(x, "track");
	xmlout_text(x, "title", text_of(info, CT_TRACK_TITLE));
	xmlout_text(x, "artist", text_of(info, CT_TRACK_ARTIST));
	xmlout_text(x, "album", text_of(info, CT_TRACK_ALBUM));
	xmlout_text(x, "genre", text_of(info, CT_TRACK_GENRE));
	xmlout_text(x, "contact", text_of(info, CT_TRACK_URL));
	xmlout_end(x);
}
