/* SPDX-License-Identifier: GPL-2.0-or-later */
/* getState: the node as the pages of PeerCast-YT see it, most of it as text (http.md 8.5; node.md 8.6).
 * Without the password. Programs of our own ask the other methods, which have types.
 */
#include "http/methods.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf/key.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "http/auth.h"
#include "http/playlist.h"
#include "http/ypindex.h"

/* An object in the making. */
struct obj {
	json_t *o;
	bool ok;
};

static struct obj obj_new(void)
{
	json_t *o = json_object();

	return (struct obj){ o, o != NULL };
}

static json_t *obj_done(struct obj *b)
{
	return or_drop(b->o, b->ok);
}

static void set(struct obj *b, const char *key, json_t *v)
{
	put(b->o, key, v, &b->ok);
}

static void text(struct obj *b, const char *key, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void text(struct obj *b, const char *key, const char *fmt, ...)
{
	char s[SETTINGS_LONG + 4 * TEXT_MAX];   /* a feed's address with a name */
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(s, sizeof(s), fmt, ap);
	va_end(ap);
	s[text_cut(s, strlen(s))] = '\0';       /* should it have been cut within a character */
	set(b, key, json_string(s));
}

static void flag(struct obj *b, const char *key, bool on)
{
	text(b, key, "%d", on);
}

static json_t *hex_id(const struct gnuid *id)
{
	char hex[GNUID_STRLEN];

	return json_string(gnuid_str(id, hex));
}

/* "2 hour, 5 min"; "-" for 0 */
static void duration(struct obj *b, const char *key, uint64_t s)
{
	const unsigned long long day = s / 86400, hour = s / 3600 % 24, min = s / 60 % 60, sec = s % 60;

	if (day > 0)
		text(b, key, "%llu day, %llu hour", day, hour);
	else if (hour > 0)
		text(b, key, "%llu hour, %llu min", hour, min);
	else if (min > 0)
		text(b, key, "%llu min, %llu sec", min, sec);
	else if (sec > 0)
		text(b, key, "%llu sec", sec);
	else
		text(b, key, "-");
}

/* --- servMgr ---------------------------------------------------------------------------------- */

static json_t *servent_state(const struct servent_view *v)
{
	struct obj b = obj_new();
	char hs[HOST_STRLEN], ip[HOST_STRLEN];
	const struct gnuid *chan = &v->chan, *remote = &v->remote;

	text(&b, "id", "%u", v->id);
	text(&b, "type", "%s", servent_type_str(v->type));
	text(&b, "status", "%s", servent_status_str(v->status));
	text(&b, "address", "%s", host_is_set(&v->peer) ? host_ip_str(&v->peer, ip) : "");
	text(&b, "endpoint", "%s", host_is_set(&v->peer) ? host_str(&v->peer, hs) : "");
	text(&b, "agent", "%s", v->agent);
	text(&b, "bitrate", "%.1f", (double)(v->rate_out + (uint64_t)v->rate_in) * 8 / 1024);
	text(&b, "bitrateAvg", "%.1f", v->age_s > 0 ?
		(double)(v->bytes_out + v->bytes_in) * 8 / 1024 / v->age_s : 0.0);
	duration(&b, "uptime", v->age_s);
	set(&b, "chanID", gnuid_is_set(chan) ? hex_id(chan) : json_string(""));
	set(&b, "remoteID", gnuid_is_set(remote) ? hex_id(remote) : json_string(""));
	flag(&b, "isPrivate", v->private);
	set(&b, "ssl", json_boolean(v->ssl));
	return obj_done(&b);
}

static json_t *servents_state(struct node *n, bool *ok)
{
	struct servent_view *v = NULL;
	json_t *a = json_array();
	size_t count = 0;

	if (servmgr_views(n->sm, NULL, &v, &count) != ST_OK)
		*ok = false;
	for (size_t i = 0; i < count; i++)
		add(a, servent_state(&v[i]), ok);
	free(v);
	return a;
}

static json_t *filters_state(const struct settings *st, bool *ok)
{
	json_t *a = json_array();
	size_t n;
	const struct settings_filter *f = settings_filters(st, &n);

	for (size_t i = 0; i < n; i++)
		add(a, json_pack("{ss ss ss ss ss}", "ip", f[i].ip, "private", f[i].is_private ? "1" : "0",
			"ban", f[i].ban ? "1" : "0", "network", f[i].network ? "1" : "0", "direct",
			f[i].direct ? "1" : "0"), ok);
	return a;
}

static json_t *flags_state(const struct settings *st, bool *ok)
{
	json_t *o = json_object();
	const struct key *k;
	size_t n;

	k = key_of_sect(SECT_FLAGS, &n);
	for (size_t i = 0; i < n; i++)
		put(o, k[i].name, json_pack("{ss sb sb}", "desc", k[i].doc, "defaultValue",
			(int)key_text_is_yes(k[i].dflt), "currentValue",
			(int)*(const bool *)((const char *)st + k[i].off)), ok);
	return o;
}

/* How long the address of a feed is up to its last folder, without the slash. */
static int folder_of(const char *url)
{
	size_t n = strcspn(url, "?#");

	while (n > 0 && url[n - 1] != '/')
		n--;
	return n > 0 ? (int)n - 1 : 0;
}

/* A page of the YP about a channel; "" for one without a name there. */
static void page_state(struct obj *b, const char *key, const char *feed, const char *page, const char *name)
{
	if (name[0] != '\0')
		text(b, key, "%.*s/%s?cn=%s", folder_of(feed), feed, page, name);
	else
		text(b, key, "%s", "");
}

static json_t *listed_state(const struct dirview *v, const struct direntry *e)
{
	const struct feedchan *c = e->chan;
	struct obj b = obj_new();
	const char *feed = v->feeds[e->feed].url, *name = c->text[FEED_ENCODED];

	text(&b, "name", "%s", c->text[FEED_NAME]);
	set(&b, "id", hex_id(&c->id));
	text(&b, "tip", "%s", c->text[FEED_TIP]);
	text(&b, "url", "%s", c->text[FEED_URL]);
	text(&b, "genre", "%s", c->text[FEED_GENRE]);
	text(&b, "desc", "%s", c->text[FEED_DESC]);
	text(&b, "numDirects", "%d", c->listeners);
	text(&b, "numRelays", "%d", c->relays);
	text(&b, "bitrate", "%u", c->bitrate_kbps);
	text(&b, "contentTypeStr", "%s", c->text[FEED_TYPE]);
	text(&b, "trackArtist", "%s", c->text[FEED_ARTIST]);
	text(&b, "trackAlbum", "%s", c->text[FEED_ALBUM]);
	text(&b, "trackName", "%s", c->text[FEED_TITLE]);
	text(&b, "trackContact", "%s", c->text[FEED_TRACK_URL]);
	text(&b, "encodedName", "%s", name);
	text(&b, "uptime", "%u:%02u", c->uptime_s / 3600, c->uptime_s / 60 % 60);
	text(&b, "comment", "%s", c->text[FEED_COMMENT]);
	flag(&b, "direct", c->direct);
	text(&b, "feedUrl", "%s", feed);
	page_state(&b, "chatUrl", feed, "chat.php", name);
	page_state(&b, "statsUrl", feed, "getgmt.php", name);
	return obj_done(&b);
}

static json_t *feed_state(const struct dirfeed *f)
{
	struct obj b = obj_new();

	text(&b, "url", "%s", f->url);
	text(&b, "directoryUrl", "%.*s", folder_of(f->url), f->url);
	text(&b, "status", "%s", feedstatus_str(f->status));
	text(&b, "numChannels", "%zu", f->list != NULL ? f->list->n : 0);
	set(&b, "isPublic", json_false());
	return obj_done(&b);
}

/* What the yellow pages list; how many channels that are goes to the node's own state. */
static json_t *directory_state(struct node *n, struct obj *of)
{
	struct dirview *v = chandir_get(&n->chandir);
	json_t *channels = json_array(), *feeds = json_array();
	struct obj b = obj_new();
	uint64_t listeners = 0, relays = 0;
	int64_t newest = 0;

	for (size_t i = 0; v != NULL && i < v->n_entries && b.ok; i++) {
		add(channels, listed_state(v, &v->entries[i]), &b.ok);
		listeners += (uint64_t)MAX(v->entries[i].chan->listeners, 0);
		relays += (uint64_t)MAX(v->entries[i].chan->relays, 0);
	}
	for (size_t i = 0; v != NULL && i < v->n_feeds; i++) {
		add(feeds, feed_state(&v->feeds[i]), &b.ok);
		newest = MAX(newest, v->feeds[i].tried_s);
	}
	text(&b, "totalListeners", "%llu", (unsigned long long)listeners);
	text(&b, "totalRelays", "%llu", (unsigned long long)relays);
	if (newest > 0) {
		const long long age = (long long)MAX(clk_wall_s() - newest, (int64_t)0);

		text(&b, "lastUpdate", "%lldm %llds", age / 60, age % 60);
	} else {
		text(&b, "lastUpdate", "-");
	}
	text(of, "numExternalChannels", "%zu", json_array_size(channels));
	set(&b, "channels", channels);
	set(&b, "feeds", feeds);
	dirview_unref(&v);
	return obj_done(&b);
}

static json_t *uptests_state(struct node *n, const struct settings *st, bool *ok)
{
	json_t *a = json_array();
	size_t count;
	const struct settings_uptest *u = settings_uptests(st, &count);
	struct speedtest t;

	for (size_t i = 0; i < count; i++) {
		struct obj b = obj_new();

		speedtests_get(&n->speedtests, u[i].url, &t);
		text(&b, "url", "%s", t.url);
		text(&b, "status", "%s", speedstatus_str(t.status));
		text(&b, "name", "%s", t.name);
		text(&b, "speed", "%u", t.speed_kbps);
		flag(&b, "over", t.over);
		flag(&b, "checkable", t.checkable);
		flag(&b, "portOpen", t.port_open);
		text(&b, "error", "%s", t.why);
		add(a, obj_done(&b), ok);
	}
	return json_pack("{so}", "providers", a);
}

static void addresses(struct obj *b, const struct own *own)
{
	json_t *a = json_array();
	char text_[HOST_STRLEN];

	text(b, "serverIP", "%s", host_ip_str(&own->global[0], text_));
	text(b, "serverIPv6", "%s", host_ip_str(&own->global[1], text_));
	text(b, "serverLocalIP", "%s", host_ip_str(&own->local[0], text_));
	text(b, "serverLocalIPv6", "%s", host_ip_str(&own->local[1], text_));
	for (int v6 = 0; v6 < 2; v6++) {
		add(a, json_string(host_ip_str(&own->global[v6], text_)), &b->ok);
		if (!host_same_ip(&own->global[v6], &own->local[v6]))
			add(a, json_string(host_ip_str(&own->local[v6], text_)), &b->ok);
	}
	set(b, "serverIPAddresses", a);
	flag(b, "isFirewalled", own->fw[0] != FW_OPEN);
	flag(b, "firewallKnown", own->fw[0] != FW_UNKNOWN);
	flag(b, "isFirewalledIPv6", own->fw[1] != FW_OPEN);
	flag(b, "firewallKnownIPv6", own->fw[1] != FW_UNKNOWN);
}

static void counts(struct obj *b, const struct totals *t)
{
	text(b, "numRelays", "%u", t->connected[SV_RELAY]);
	text(b, "numDirect", "%u", t->connected[SV_DIRECT]);
	text(b, "totalConnected", "%u", t->connected[SV_RELAY] + t->connected[SV_DIRECT] +
		t->connected[SV_CIN] + t->connected[SV_COUT]);
	text(b, "numServents", "%u", t->servents);
	text(b, "numCIN", "%u", t->connected[SV_CIN]);
	text(b, "numCOUT", "%u", t->connected[SV_COUT]);
	text(b, "numIncoming", "%u", t->pending);
	text(b, "numActive1", "%u", t->servents);
}

static json_t *log_state(const struct settings *st)
{
	struct obj b = obj_new();

	text(&b, "level", "%u", st->log_level);
	return obj_done(&b);
}

static void settings_state(struct obj *b, const struct settings *st)
{
	size_t n;

	(void)settings_hosts(st, &n);
	text(b, "numServHosts", "%zu", n);
	text(b, "serverName", "%s", st->server_name);
	text(b, "ypAddress", "%s", st->root_host);
	text(b, "rootMsg", "%s", st->root_msg);
	flag(b, "isRoot", st->is_root);
	text(b, "isPrivate", "0");
	text(b, "forceYP", "0");
	text(b, "refreshHTML", "%u", st->refresh_html);
	text(b, "maxRelays", "%u", st->max_relays);
	text(b, "maxDirect", "%u", st->max_direct);
	text(b, "maxBitrateOut", "%u", st->max_bitrate_out);
	text(b, "maxControlsIn", "%u", st->max_control_connections);
	text(b, "maxServIn", "%u", st->max_serv_in);
	text(b, "upgradeURL", "%s", "");
	text(b, "lang", "%s", strncmp(st->html_path, "html/", 5) == 0 ? st->html_path + 5 : "en");
	flag(b, "publicDirectoryEnabled", st->public_directory);
	flag(b, "transcodingEnabled", st->transcoding_enabled);
	text(b, "preset", "%s", st->preset);
	text(b, "audioCodec", "%s", st->audio_codec);
	text(b, "wmvProtocol", "%s", playlist_wmv(st->wmv_protocol));
	flag(b, "chat", st->chat);
	flag(b, "randomizeBroadcastingChannelID", st->randomize_broadcasting_channel_id);
	text(b, "preferredTheme", "%s", st->preferred_theme);
	text(b, "accentColor", "%s", st->accent_color);
	text(b, "numFilters", "%zu", (settings_filters(st, &n), n + 1));
	(void)settings_feeds(st, &n);
	text(b, "numChannelFeeds", "%zu", n);
	text(b, "numChannelFeedsPlusOne", "%zu", n + 1);
	set(b, "filters", filters_state(st, &b->ok));
	set(b, "flags", flags_state(st, &b->ok));
	set(b, "allow", json_pack("{ss ss ss ss}", "HTML1", st->allow_html ? "1" : "0", "broadcasting1",
		st->allow_broadcast ? "1" : "0", "network1", st->allow_network ? "1" : "0", "direct1",
		st->allow_direct ? "1" : "0"));
	set(b, "auth", json_pack("{ss ss ss}", "useCookies", st->auth_type == AUTHTYPE_COOKIE ? "1" : "0",
		"useHTTP", st->auth_type == AUTHTYPE_BASIC ? "1" : "0", "useSessionCookies",
		st->cookies_expire == COOKIELIFE_SESSION ? "1" : "0"));
	set(b, "log", log_state(st));
	set(b, "defaultChannelInfo", json_pack("{ss ss ss ss ss}", "name", "", "genre", "", "desc", "",
		"contactURL", "", "comment", st->broadcast_msg));
}

static json_t *rtmp_state(struct node *n, struct obj *b)
{
	struct rtmp_status s;

	n->ops.rtmp_status(n, &s);
	text(b, "rtmpPort", "%u", s.at.port);
	return json_pack("{ss ss ss}", "status", s.listening ? "up" : "down", "processID", "-1", "ipVersion",
		"4");
}

static bool filters_are_unsafe(struct node *n)
{
	const struct host anybody = host_v4(203, 0, 113, 1, 1);

	/* an address of documentation: only a filter that means everybody meets it */
	return (node_filter(n, &anybody) & FILTER_PRIVATE) != 0;
}

static json_t *servmgr_state(struct node *n)
{
	const struct settings *st = conf_get(n->conf);
	struct obj b = obj_new();
	struct totals t;
	struct own own;

	servmgr_totals(n->sm, &t);
	servmgr_own(n->sm, &own);
	text(&b, "version", "%s", NODE_AGENT);
	text(&b, "buildDateTime", "%s", NODE_VERSION);
	duration(&b, "uptime", clk_age_s(own.started));
	text(&b, "serverPort", "%u", own.port);
	text(&b, "serverPort1", "%u", own.port + 1u);
	flag(&b, "disabled", own.disabled);
	addresses(&b, &own);
	counts(&b, &t);
	settings_state(&b, st);
	set(&b, "servents", servents_state(n, &b.ok));
	set(&b, "channelDirectory", directory_state(n, &b));
	set(&b, "uptestServiceRegistry", uptests_state(n, st, &b.ok));
	set(&b, "rtmpServerMonitor", rtmp_state(n, &b));
	flag(&b, "hasUnsafeFilterSettings", filters_are_unsafe(n));
	text(&b, "installationDirectory", "%s", "");
	text(&b, "configurationFile", "%s", conf_path(n->conf) != NULL ? conf_path(n->conf) : "");
	settings_unref(&st);
	return obj_done(&b);
}

/* --- chanMgr ---------------------------------------------------------------------------------- */

static json_t *hits_state(const struct hitlist_view *l, bool *ok)
{
	json_t *a = json_array();

	for (size_t i = 0; i < l->n; i++) {
		const struct hit *h = &l->hits[i];
		const struct host *at = host_is_set(&h->rhost[0]) ? &h->rhost[0] : &h->rhost[1];
		struct obj b = obj_new();
		char hs[HOST_STRLEN];

		text(&b, "rhost0", "%s", host_str(at, hs));
		text(&b, "numHops", "%u", h->hops);
		text(&b, "numListeners", "%u", h->listeners);
		text(&b, "numRelays", "%u", h->relays);
		duration(&b, "uptime", h->uptime_s);
		duration(&b, "update", clk_age_s(h->heard));
		flag(&b, "isFirewalled", (h->flags & HIT_PUSH) != 0);
		flag(&b, "tracker", (h->flags & HIT_TRACKER) != 0);
		flag(&b, "relay", (h->flags & HIT_RELAY) != 0);
		flag(&b, "direct", (h->flags & HIT_DIRECT) != 0);
		flag(&b, "recv", (h->flags & HIT_RECV) != 0);
		set(&b, "sessionID", hex_id(&h->sid));
		add(a, obj_done(&b), ok);
	}
	return a;
}

static const char *list_kind(const struct chaninfo *i)
{
	const char *t = chaninfo_type(i);

	return strcmp(t, "WMV") == 0 || strcmp(t, "WMA") == 0 || strcmp(t, "ASX") == 0 ? "asx" : "m3u";
}

#define DUMPED 1024             /* bytes of a head */

/* Sixteen bytes a line. */
static json_t *dump(struct pkt *head)
{
	const uint32_t n = head != NULL ? MIN(head->len, (uint32_t)DUMPED) : 0;
	struct buf hex;
	json_t *v;

	buf_init(&hex, 3 * DUMPED + 1);
	for (uint32_t i = 0; i < n; i++)
		buf_printf(&hex, "%02x%s", pkt_media(head)[i], i + 1 == n ? "" : i % 16 == 15 ? "\n" : " ");
	v = hex.err == ST_OK ? json_string(buf_cstr(&hex)) : NULL;
	buf_fini(&hex);
	return v;
}

static void source_state(struct obj *b, const struct chan_view *v, struct chan *c)
{
	struct pkt *head = chan_head(c);
	char hs[HOST_STRLEN];

	text(b, "srcrate", "%llu", (unsigned long long)(v->in_bps * 8 / 1000));
	text(b, "status", "%s", chan_status_str(v->status));
	text(b, "keep", "%s", v->keep ? "Yes" : "No");
	text(b, "streamPos", "%llu", (unsigned long long)v->pos);
	text(b, "sourceType", "%s", chan_src_str(v->src));
	text(b, "sourceProtocol", "%s", v->src == CHAN_SRC_PEERCAST ? "PCP" :
		v->src == CHAN_SRC_RTMP ? "RTMP" : "HTTP");
	text(b, "sourceURL", "%s", v->source_url[0] != '\0' ? v->source_url :
		host_is_set(&v->source) ? host_str(&v->source, hs) : "");
	text(b, "headPos", "%llu", (unsigned long long)(head != NULL ? head->pos : 0));
	text(b, "headLen", "%u", v->head_len);
	text(b, "buffer", "%llu", (unsigned long long)(v->pos - MIN(v->oldest, v->pos)));
	set(b, "headDump", dump(head));
	text(b, "ipVersion", "%d", v->v6 ? 6 : 4);
	pkt_unref(&head);
}

static json_t *channel_state(struct node *n, struct chan *c)
{
	const struct gnuid *id = chan_id(c);
	struct obj b = obj_new();
	struct hitlist_view l;
	struct chan_view v;
	struct usage u;
	struct own own;
	char token[AUTH_TOKEN], root[SETTINGS_TEXT];

	chan_view(c, &v);
	servmgr_usage(n->sm, id, &u);
	servmgr_own(n->sm, &own);
	if (!chanmgr_list_view(n->cm, id, true, &l))
		memset(&l, 0, sizeof(l));
	text(&b, "name", "%s", v.info->text[CT_NAME]);
	set(&b, "id", hex_id(id));
	text(&b, "bitrate", "%u", v.info->bitrate_kbps);
	text(&b, "genre", "%s", v.info->text[CT_GENRE]);
	text(&b, "desc", "%s", v.info->text[CT_DESC]);
	text(&b, "comment", "%s", v.info->text[CT_COMMENT]);
	text(&b, "contactURL", "%s", v.info->text[CT_URL]);
	text(&b, "type", "%s", chaninfo_type(v.info));
	text(&b, "typeLong", "%s (%s)", chaninfo_type(v.info), chaninfo_mime(v.info));
	text(&b, "ext", "%s", v.info->text[CT_EXT]);
	text(&b, "plsExt", ".%s", list_kind(v.info));
	duration(&b, "uptime", v.uptime_s);
	text(&b, "localRelays", "%u", u.relays);
	text(&b, "localListeners", "%u", u.directs);
	text(&b, "totalRelays", "%llu", (unsigned long long)l.stats.relays + u.relays);
	text(&b, "totalListeners", "%llu", (unsigned long long)l.stats.listeners + u.directs);
	set(&b, "track", json_pack("{ss ss ss ss ss}", "title", v.info->text[CT_TRACK_TITLE], "artist",
		v.info->text[CT_TRACK_ARTIST], "album", v.info->text[CT_TRACK_ALBUM], "genre",
		v.info->text[CT_TRACK_GENRE], "contactURL", v.info->text[CT_TRACK_URL]));
	source_state(&b, &v, c);
	text(&b, "numHits", "%zu", l.n);
	set(&b, "hits", hits_state(&l, &b.ok));
	auth_token(token, &own.bcid, id);
	text(&b, "authToken", "%s", token);
	text(&b, "rootHost", "%s", chandir_root(&n->chandir, id, root) ? root : "");
	hitlist_view_fini(&l);
	chan_view_fini(&v);
	return obj_done(&b);
}

static json_t *chanmgr_state(struct node *n)
{
	const struct settings *st = conf_get(n->conf);
	struct obj b = obj_new();
	json_t *a = json_array();
	struct chan **all = NULL;
	size_t count = 0;
	struct own own;

	if (chanmgr_all(n->cm, &all, &count) != ST_OK)
		b.ok = false;
	for (size_t i = 0; i < count; i++) {
		if (b.ok)
			add(a, channel_state(n, all[i]), &b.ok);
		chan_unref(&all[i]);
	}
	free(all);
	servmgr_own(n->sm, &own);
	set(&b, "channels", a);
	text(&b, "numChannels", "%zu", count);
	text(&b, "numHitLists", "%zu", chanmgr_list_count(n->cm));
	text(&b, "djMessage", "%s", st->broadcast_msg);
	text(&b, "icyMetaInterval", "%u", st->icy_meta_interval);
	text(&b, "maxRelaysPerChannel", "%u", st->max_relays_per_channel);
	text(&b, "hostUpdateInterval", "%u", st->host_update_interval);
	set(&b, "broadcastID", hex_id(&own.bcid));
	settings_unref(&st);
	return obj_done(&b);
}

/* --- the rest --------------------------------------------------------------------------------- */

static void rate(struct obj *b, const char *key, uint64_t bytes_s)
{
	text(b, key, "%.1f", (double)bytes_s * 8 / 1024);
}

static json_t *stats_state(struct node *n)
{
	struct obj b = obj_new();
	struct totals t;

	servmgr_totals(n->sm, &t);
	rate(&b, "totalInPerSec", t.in_all_bps);
	rate(&b, "totalOutPerSec", t.out_all_bps);
	rate(&b, "totalPerSec", t.in_all_bps + t.out_all_bps);
	rate(&b, "wanInPerSec", t.in_bps);
	rate(&b, "wanOutPerSec", t.out_bps);
	rate(&b, "wanTotalPerSec", t.in_bps + t.out_bps);
	rate(&b, "netInPerSec", 0);
	rate(&b, "netOutPerSec", 0);
	rate(&b, "netTotalPerSec", 0);
	text(&b, "packInPerSec", "0");
	text(&b, "packOutPerSec", "0");
	text(&b, "packTotalPerSec", "0");
	return obj_done(&b);
}

static json_t *notes_state(struct node *n)
{
	struct notice v[NOTICES];
	const size_t count = notices_since(&n->notices, 0, v);
	struct obj b = obj_new();
	json_t *a = json_array();

	for (size_t i = count; i > 0; i--)      /* newest first */
		add(a, json_pack("{sI ss ss sb}", "unixTime", (json_int_t)v[i - 1].wall_s, "type",
			notice_type_str(v[i - 1].type), "message", v[i - 1].text, "isRead", 0), &b.ok);
	set(&b, "notifications", a);
	text(&b, "numNotifications", "%zu", count);
	text(&b, "numUnread", "%zu", count);
	return obj_done(&b);
}

static json_t *sys_state(struct node *n)
{
	struct buf lines, html;
	uint64_t first;
	uint32_t count;
	json_t *v;

	(void)n;
	buf_init(&lines, (size_t)LOG_RING * (LOG_LINE + 64));
	buf_init(&html, (size_t)LOG_RING * 6 * LOG_LINE);
	log_copy(&lines, 0, LOG_RING, &first, &count);
	for (char *at = (char *)(uintptr_t)buf_cstr(&lines); *at != '\0';) {
		char *lf = strchr(at, '\n');

		if (lf != NULL)
			*lf = '\0';
		ypindex_escape(&html, at);
		buf_puts(&html, "<br>\n");
		at = lf != NULL ? lf + 1 : at + strlen(at);
	}
	v = html.err != ST_OK ? NULL : json_pack("{s{ss} sI}", "log", "dumpHTML", buf_cstr(&html), "time",
		(json_int_t)clk_wall_s());
	buf_fini(&html);
	buf_fini(&lines);
	return v;
}

static json_t *yps_state(struct node *n)
{
	struct dirview *v = chandir_get(&n->chandir);
	json_t *a = json_array();
	bool ok = a != NULL;
	char name[SETTINGS_TEXT];

	for (size_t i = 0; v != NULL && i < v->n_feeds; i++)
		add(a, json_pack("{ss ss ss}", "name", chandir_feed_name(v->feeds[i].url, name), "feedUrl",
			v->feeds[i].url, "rootHost", v->feeds[i].root_host), &ok);
	dirview_unref(&v);
	return or_drop(a, ok);
}

static const struct {
	const char *name;
	json_t *(*state)(struct node *n);
} objects[] = {
	{ "servMgr", servmgr_state }, { "chanMgr", chanmgr_state }, { "stats", stats_state },
	{ "notificationBuffer", notes_state }, { "sys", sys_state }, { "ypList", yps_state },
};

json_t *method_get_state(struct rpc_call *c)
{
	json_t *o = json_object(), *name;
	bool ok = o != NULL;
	size_t i;

	json_array_foreach(c->args[0], i, name) {
		const char *want = json_string_value(name);
		size_t k = 0;

		while (k < NELEM(objects) && (want == NULL || strcmp(want, objects[k].name) != 0))
			k++;
		if (k == NELEM(objects)) {
			json_decref(o);
			return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params,
				"objectNames: servMgr chanMgr stats notificationBuffer sys ypList");
		}
		/* named twice: worked out once */
		if (ok && json_object_get(o, want) == NULL)
			put(o, want, objects[k].state(c->node), &ok);
	}
	return or_drop(o, ok);
}
