/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf/key.h"

#include <stdio.h>
#include <string.h>

#include "core/conf/ini.h"
#include "core/sys/assert.h"
#include "core/sys/text.h"

/* --- the table --- */

const struct sect_info sect_info[SECT_N] = {
	[SECT_SERVER] = { "Server", SECT_FLAT, .doc = "The node and its port." },
	[SECT_BROADCAST] = { "Broadcast", SECT_FLAT,
		.doc = "What this node broadcasts, and where it is announced." },
	[SECT_CLIENT] = { "Client", SECT_FLAT, .doc = "The pages and the players of this node." },
	[SECT_RECORD] = { "Record", SECT_FLAT, .doc = "Channels written to files." },
	[SECT_PRIVACY] = { "Privacy", SECT_FLAT, .doc = "Who gets in, and what is told." },
	[SECT_ROOT] = { "Root", SECT_FLAT, .doc = "For a node that is a YP (isRoot)." },
	[SECT_LIVESYNC] = { "LiveSync", SECT_FLAT,
		.doc = "Roots that tell one another their channels, by UDP." },
	[SECT_FILTER] = { "Filter", SECT_LIST, offsetof(struct settings, filters),
		sizeof(struct settings_filter), SETTINGS_FILTERS,
		"Rules for addresses, one block each; a ban wins over everything. Patterns: a.b.c.d\n"
		"# (255 = any), a.b.c.d/n, an IPv6 address or network, a name, .suffix of a name." },
	[SECT_FEED] = { "Feed", SECT_LIST, offsetof(struct settings, feeds),
		sizeof(struct settings_feed), SETTINGS_FEEDS,
		"A YP's channel list, one block each: url of its index.txt; rootHost, if given, its "
		"root." },
	[SECT_UPTEST] = { "Uptest", SECT_LIST, offsetof(struct settings, uptests),
		sizeof(struct settings_uptest), SETTINGS_UPTESTS,
		"A YP's upload speed test, one block each: url of its yp4g.xml." },
	[SECT_HOOK] = { "Hook", SECT_LIST, offsetof(struct settings, hooks),
		sizeof(struct settings_hook), SETTINGS_HOOKS,
		"What to run, or whom to tell by HTTP, when something happens, one block each: a command "
		"or a\n# url. Only this file makes hooks; SIGHUP reads it again." },
	[SECT_NOTIFY] = { "Notify", SECT_BLOCK,
		.doc = "Kinds of notifications. Kept for other versions: without effect." },
	[SECT_SERVER1] = { "Server1", SECT_BLOCK, .doc = "What the port serves." },
	[SECT_DEBUG] = { "Debug", SECT_FLAT, .doc = "The log and what else helps to look inside." },
	[SECT_RELAYCHANNEL] = { "RelayChannel", SECT_PAIRS, offsetof(struct settings, relays),
		sizeof(struct settings_relay), SETTINGS_RELAYS, "Channels that are kept." },
	[SECT_HOST] = { "Host", SECT_LIST, offsetof(struct settings, hosts),
		sizeof(struct settings_host), SETTINGS_HOSTS,
		"Host cache. Kept for other versions: without effect." },
	[SECT_FLAGS] = { "Flags", SECT_BLOCK, .doc = "Switches of the node." },
};

/* The place of field f in struct t; does not compile when it is not of type ct. */
#define PLACE(t, f, ct) _Generic(((t *)0)->f, ct: offsetof(t, f))
#define ROOM(t, f)      sizeof(((t *)0)->f)

#define T_BOOL(s, n, t, f, d, fl, doc_) \
	{ .sect = s, .type = KEY_BOOL, .name = n, .off = PLACE(t, f, bool), .dflt = d, \
	  .flags = fl, .doc = doc_ }
#define T_TEXT(s, n, t, f, d, fl, doc_) \
	{ .sect = s, .type = KEY_TEXT, .name = n, .off = PLACE(t, f, char *), .cap = ROOM(t, f), \
	  .dflt = d, .flags = fl, .doc = doc_ }
#define T_WORD(s, n, t, f, d, w, doc_) \
	{ .sect = s, .type = KEY_WORD, .name = n, .off = PLACE(t, f, unsigned int), .words = w, \
	  .dflt = d, .doc = doc_ }
#define T_U32(s, n, t, f, d, lo, hi, fl, doc_) \
	{ .sect = s, .type = KEY_U32, .name = n, .off = PLACE(t, f, unsigned int), .min = lo, \
	  .max = hi, .dflt = d, .flags = fl, .doc = doc_ }

#define BOOL(s, n, f, d, doc)           T_BOOL(s, n, struct settings, f, d, 0, doc)
#define TEXT(s, n, f, d, doc)           T_TEXT(s, n, struct settings, f, d, 0, doc)
#define WHOLE(s, n, f, d, doc)          T_TEXT(s, n, struct settings, f, d, KEY_WHOLE, doc)
#define LOCAL(s, n, f, d, doc) \
	T_TEXT(s, n, struct settings, f, d, KEY_WHOLE | KEY_HERE, doc)
#define HOSTS(s, n, f, d, form_, doc_) \
	{ .sect = s, .type = KEY_TEXT, .name = n, .off = PLACE(struct settings, f, char *), \
	  .cap = ROOM(struct settings, f), .dflt = d, .flags = KEY_WHOLE, .form = form_, .doc = doc_ }
#define ONE_OF(s, n, f, d, w, doc_) \
	{ .sect = s, .type = KEY_TEXT, .name = n, .off = PLACE(struct settings, f, char *), \
	  .cap = ROOM(struct settings, f), .dflt = d, .flags = KEY_WHOLE, .words = w, .doc = doc_ }
#define SECRET(s, n, f, d, fl, doc)     T_TEXT(s, n, struct settings, f, d, KEY_SECRET | (fl), doc)
#define U32(s, n, f, d, lo, hi, doc)    T_U32(s, n, struct settings, f, d, lo, hi, 0, doc)
#define LOCAL_U32(s, n, f, d, lo, hi, doc) \
	T_U32(s, n, struct settings, f, d, lo, hi, KEY_HERE, doc)
#define RAISE(s, n, f, d, lo, hi, doc)  T_U32(s, n, struct settings, f, d, lo, hi, KEY_RAISE, doc)
#define WORD(s, n, f, d, w, doc)        T_WORD(s, n, struct settings, f, d, w, doc)
#define UNUSED_DOC "Kept for other versions: without effect."

const struct key key_table[] = {
	TEXT(SECT_SERVER, "serverName", server_name, "", "Title of the pages and name of a root."),
	U32(SECT_SERVER, "serverPort", server_port, "7144", 1, 65535,
		"Port for everything, 1-65535."),
	BOOL(SECT_SERVER, "autoServe", auto_serve, "Yes",
		"Accept connections; No closes the port to all but this machine."),
	T_BOOL(SECT_SERVER, "autoConnect", struct settings, auto_connect, "Yes", KEY_READONLY,
		UNUSED_DOC),
	HOSTS(SECT_SERVER, "forceIP", force_ip, "", FORM_HOST,
		"Tell others this address or name as ours; empty = find out."),
	BOOL(SECT_SERVER, "isRoot", is_root, "No", "Be a YP: take the announcements of others."),
	U32(SECT_SERVER, "maxBitrateOut", max_bitrate_out, "0", 0, UINT32_MAX,
		"Upload limit in kbit/s; 0 = none."),
	RAISE(SECT_SERVER, "maxRelays", max_relays, "2", 2, UINT32_MAX,
		"Relays served at once, all channels together; at least 2."),
	U32(SECT_SERVER, "maxDirect", max_direct, "0", 0, UINT32_MAX,
		"Players from outside served at once; 0 = none."),
	U32(SECT_SERVER, "maxRelaysPerChannel", max_relays_per_channel, "0", 0, INT32_MAX,
		"Relays served at once for one channel; 0 = no limit."),
	U32(SECT_SERVER, "firewallTimeout", firewall_timeout, "30", 0, UINT32_MAX, UNUSED_DOC),
	BOOL(SECT_SERVER, "forceNormal", force_normal, "No",
		"Take the port as open to the world without a test."),
	TEXT(SECT_SERVER, "rootMsg", root_msg, "",
		"Message of a root to its broadcasters; else the last one heard from a root."),
	WORD(SECT_SERVER, "authType", auth_type, "cookie", "cookie http-basic",
		"How the pages ask for the password: cookie or http-basic."),
	WORD(SECT_SERVER, "cookiesExpire", cookies_expire, "session", "session never",
		"When a login ends: session or never."),
	ONE_OF(SECT_SERVER, "htmlPath", html_path, "html/en", "html/en html/ja html/de html/fr",
		"Language of the pages."),
	U32(SECT_SERVER, "maxServIn", max_serv_in, "50", 0, UINT32_MAX,
		"Connections at once that are not yet served; a root without this line has 2000."),
	LOCAL(SECT_SERVER, "chanLog", chan_log, "",
		"File for the channel log (XML); empty = none."),
	BOOL(SECT_SERVER, "publicDirectory", public_directory, "No",
		"Show the public pages (/public) without login."),
	{ SECT_SERVER, KEY_ID, .name = "networkID", .dflt = "00000000000000000000000000000000",
	  .off = PLACE(struct settings, network_id, uint8_t *), .doc = UNUSED_DOC },
	HOSTS(SECT_SERVER, "bindAddress", bind_address, "", FORM_ADDRESS,
		"Address to listen on; empty = all, IPv4 and IPv6."),
	HOSTS(SECT_SERVER, "allowedHosts", allowed_hosts, "", FORM_HOSTS,
		"Further names of this machine a browser may use, comma separated."),
	T_BOOL(SECT_SERVER, "trustLocalhost", struct settings, trust_localhost, "Yes", KEY_HERE,
		"No password for this machine; No behind a reverse proxy."),
	U32(SECT_SERVER, "maxChannels", max_channels, "200", 0, UINT32_MAX,
		"Channels at once; 0 = no limit."),
	U32(SECT_SERVER, "maxPerAddress", max_per_address, "64", 1, UINT32_MAX,
		"Connections at once from one address, served relays and players not counted."),
	{ SECT_SERVER, KEY_WORD, KEY_HERE, .name = "sandbox", .dflt = "auto",
	  .off = PLACE(struct settings, sandbox, unsigned int), .words = "auto strict off",
	  .doc = "Open only files it needs: auto (not if it may run commands), strict, off; from the next "
	  "start on." },
	{ SECT_SERVER, KEY_OCTAL, KEY_HERE, .name = "chanLogMode", .dflt = "0640", .max = 0777,
	  .off = PLACE(struct settings, chan_log_mode, unsigned int),
	  .doc = "File mode of the channel log, octal." },
	LOCAL(SECT_SERVER, "chanLogGroup", chan_log_group, "",
		"Group of the channel log; empty = that of the process."),
	BOOL(SECT_SERVER, "chanLogCompat", chan_log_compat, "Yes",
		"Channel log exactly as PeerCast-YT writes it for channels without hosts."),
	BOOL(SECT_SERVER, "chanLogEvents", chan_log_events, "No",
		"Also log the end of channels."),
	BOOL(SECT_SERVER, "chanLogAfterHost", chan_log_after_host, "No",
		"Log an announcement after its hosts were counted, not before."),
	{ SECT_SERVER, KEY_U64, .name = "chanLogMaxSize", .dflt = "0", .max = INT64_MAX,
	  .off = PLACE(struct settings, chan_log_max_size, uint64_t),
	  .doc = "Bytes after which the channel log is renamed to .1; 0 = never." },
	BOOL(SECT_SERVER, "chanLogSynced", chan_log_synced, "Yes",
		"Log channels learnt by live sync, too."),

	U32(SECT_BROADCAST, "broadcastMsgInterval", broadcast_msg_interval, "10", 0, UINT32_MAX,
		"ICY players see comment and title by turns of so many seconds; 0 = the comment alone."),
	TEXT(SECT_BROADCAST, "broadcastMsg", broadcast_msg, "",
		"Comment of our channels without one."),
	U32(SECT_BROADCAST, "icyMetaInterval", icy_meta_interval, "8192", 0, 1u << 20,
		"Bytes between ICY titles, up to 1048576; 0 = no titles."),
	{ SECT_BROADCAST, KEY_ID, KEY_SECRET | KEY_NONZERO, .name = "broadcastID", .dflt = "",
	  .off = PLACE(struct settings, broadcast_id, uint8_t *),
	  .doc = "Owner's key of our channels, 32 hex digits, secret; empty = make one." },
	U32(SECT_BROADCAST, "hostUpdateInterval", host_update_interval, "120", 1, 86400,
		"Seconds between a root's settings broadcasts."),
	U32(SECT_BROADCAST, "maxControlConnections", max_control_connections, "3", 0, UINT32_MAX,
		"Announcing nodes at once; a root without this line has 1000."),
	HOSTS(SECT_BROADCAST, "rootHost", root_host, "yp.pcgw.pgw.jp:7146", FORM_HOSTS,
		"YP we announce to, host or host:port; comma separated: the next when one is gone; "
		"empty = none."),
	U32(SECT_BROADCAST, "sourceGraceSec", source_grace_sec, "15", 0, 3600,
		"Seconds a channel waits for its encoder to come back; 0 = end at once."),
	BOOL(SECT_BROADCAST, "rtmpServer", rtmp_server, "Yes", "Take RTMP from encoders."),
	U32(SECT_BROADCAST, "rtmpPort", rtmp_port, "1935", 1, 65535, "Port of RTMP, 1-65535."),
	HOSTS(SECT_BROADCAST, "rtmpBind", rtmp_bind, "127.0.0.1", FORM_ADDRESS,
		"Address of RTMP; another machine's encoder needs rtmpKey too."),
	SECRET(SECT_BROADCAST, "rtmpKey", rtmp_key, "", KEY_WHOLE,
		"Stream keys that may publish, comma separated; empty = any, from this machine."),
	{ SECT_BROADCAST, KEY_WORDS, KEY_HERE, .name = "fetchAllow", .dflt = "http",
	  .off = PLACE(struct settings, fetch_allow, unsigned int),
	  .words = "http mms rtmp file pipe",
	  .doc = "Source URLs that may be fetched: any of http, mms, rtmp, file, pipe (runs commands)." },
	LOCAL(SECT_BROADCAST, "mediaDir", media_dir, "",
		"Folder below which file sources must lie; empty = there are none."),
	WORD(SECT_BROADCAST, "onHeaderChange", on_header_change, "continue", "continue drop",
		"When a stream's head changes, players continue, or drop the connection."),

	U32(SECT_CLIENT, "refreshHTML", refresh_html, "5", 0, UINT32_MAX,
		"Seconds between refreshes of the pages; 0 = never."),
	BOOL(SECT_CLIENT, "chat", chat, "Yes", "Show the board beside the player."),
	RAISE(SECT_CLIENT, "relayBroadcast", relay_broadcast, "30", 30, UINT32_MAX, UNUSED_DOC),
	U32(SECT_CLIENT, "minBroadcastTTL", min_broadcast_ttl, "1", 0, INT32_MAX, UNUSED_DOC),
	U32(SECT_CLIENT, "maxBroadcastTTL", max_broadcast_ttl, "7", 0, INT32_MAX, UNUSED_DOC),
	U32(SECT_CLIENT, "pushTries", push_tries, "5", 0, INT32_MAX, UNUSED_DOC),
	U32(SECT_CLIENT, "pushTimeout", push_timeout, "60", 0, INT32_MAX, UNUSED_DOC),
	U32(SECT_CLIENT, "maxPushHops", max_push_hops, "8", 0, INT32_MAX, UNUSED_DOC),
	T_U32(SECT_CLIENT, "deadHitAge", struct settings, dead_hit_age, "600", 0, UINT32_MAX,
		KEY_READONLY, UNUSED_DOC),
	T_U32(SECT_CLIENT, "tryoutDelay", struct settings, tryout_delay, "10", 0, UINT32_MAX,
		KEY_READONLY, UNUSED_DOC),
	BOOL(SECT_CLIENT, "transcodingEnabled", transcoding_enabled, "No",
		"Transcode for the player page."),
	TEXT(SECT_CLIENT, "preset", preset, "veryfast", "x264 preset of the transcoder."),
	TEXT(SECT_CLIENT, "audioCodec", audio_codec, "mp3", "Audio codec of the transcoder."),
	WORD(SECT_CLIENT, "wmvProtocol", wmv_protocol, "http", "http mms mmsh httpt httpu",
		"URL scheme in playlists of WMV channels: http, mms, mmsh, httpt or httpu."),
	ONE_OF(SECT_CLIENT, "preferredTheme", preferred_theme, "system", "system light dark",
		"Look of the pages: system, light or dark."),
	ONE_OF(SECT_CLIENT, "accentColor", accent_color, "blue", "blue orange magenta cyan",
		"Colour of the pages: blue, orange, magenta or cyan."),
	HOSTS(SECT_CLIENT, "boardHosts", board_hosts, "", FORM_HOSTS,
		"Further hosts whose boards may be shown, comma separated; they may be in your own network."),
	BOOL(SECT_CLIENT, "portMapping", port_mapping, "No",
		"Have the router forward serverPort here (UPnP IGD, else NAT-PMP); taken back at the end."),
	BOOL(SECT_CLIENT, "hls", hls, "Yes", "Channels for browsers and phones, as MP4 and HLS (/hls/)."),

	LOCAL(SECT_RECORD, "recordDir", record_dir, "",
		"Folder that recordings are written to; it must be there; empty = nothing is recorded."),
	WHOLE(SECT_RECORD, "recordAuto", record_auto, "none",
		"Recorded unasked: none, own (our broadcasts), all, or names, comma separated, "
		"* = anything."),
	U32(SECT_RECORD, "recordMax", record_max, "8", 1, 64, "Channels recorded at once, 1-64."),
	U32(SECT_RECORD, "recordRotateMinutes", record_rotate_minutes, "60", 0, 10080,
		"Minutes after which the next file begins, at a key frame; 0 = never."),
	U32(SECT_RECORD, "recordRotateMB", record_rotate_mb, "0", 0, 1048576,
		"The same by size, in MB; 0 = never."),
	LOCAL_U32(SECT_RECORD, "recordKeepMB", record_keep_mb, "0", 0, 1073741824,
		"Above so many MB in all, the oldest files recorded by this node are deleted; 0 = never."),
	LOCAL_U32(SECT_RECORD, "recordKeepFiles", record_keep_files, "0", 0, 10000,
		"The same by their number; 0 = never."),
	LOCAL_U32(SECT_RECORD, "recordMinFreeMB", record_min_free_mb, "512", 0, 1073741824,
		"So many MB of the disk stay free: recordings stop before."),

	SECRET(SECT_PRIVACY, "password", password, "", 0,
		"Password of pages and encoders, plain or from --hash-password; empty = none gets in."),
	U32(SECT_PRIVACY, "maxUptime", max_uptime, "0", 0, UINT32_MAX,
		"Longest uptime in seconds told of a channel; 0 = the real one."),

	BOOL(SECT_ROOT, "viewxmlEmptyChannels", viewxml_empty_channels, "No",
		"List channels without a live host in viewxml."),
	WORD(SECT_ROOT, "announcePolicy", announce_policy, "open", "open sameip portopen",
		"Who may announce: open, sameip (its own address), portopen (after a port test)."),
	U32(SECT_ROOT, "ghostTimeout", ghost_timeout, "60", 0, 3600,
		"Seconds a hit outlives the broken connection it was told over."),
	LOCAL(SECT_ROOT, "banList", ban_list, "",
		"File with bans, one a line: session, address, channel or name, and what it is."),
	WORD(SECT_ROOT, "rootForward", root_forward, "push", "push all none",
		"What is passed on between broadcasters: push, all or none."),
	TEXT(SECT_ROOT, "ypGenrePrefix", yp_genre_prefix, "",
		"List only channels whose genre begins with this; empty = all."),
	U32(SECT_ROOT, "hitTimeout", hit_timeout, "180", 10, 3600,
		"Seconds without news after which a hit is gone, 10-3600; on every node."),
	BOOL(SECT_ROOT, "hideDefault", hide_default, "No",
		"Hide the counts of channels that did not ask for it."),
	TEXT(SECT_ROOT, "ypName", yp_name, "",
		"Name of the YP in its listings; empty = serverName."),
	BOOL(SECT_ROOT, "ypInfoLine", yp_info_line, "Yes", "End index.txt with a status line."),
	U32(SECT_ROOT, "historyDays", history_days, "7", 0, 36500,
		"Days of statistics kept in history.sqlite beside this file; 0 = none."),

	BOOL(SECT_LIVESYNC, "livesync", livesync, "No", "Live sync on; No opens no socket."),
	HOSTS(SECT_LIVESYNC, "livesyncGroup", livesync_group, "224.0.42.5", FORM_GROUP,
		"Multicast group; empty = only livesyncPeers."),
	U32(SECT_LIVESYNC, "livesyncPort", livesync_port, "9696", 1, 65535, "UDP port, 1-65535."),
	HOSTS(SECT_LIVESYNC, "livesyncBind", livesync_bind, "", FORM_ADDRESS4,
		"IPv4 address to bind and join on; empty = any."),
	U32(SECT_LIVESYNC, "livesyncTTL", livesync_ttl, "1", 0, 255, "Multicast TTL, 0-255."),
	BOOL(SECT_LIVESYNC, "livesyncLoop", livesync_loop, "No",
		"Hear other roots on this machine."),
	HOSTS(SECT_LIVESYNC, "livesyncPeers", livesync_peers, "", FORM_PEERS,
		"Roots that get each packet directly: ip or ip:port, comma separated."),
	HOSTS(SECT_LIVESYNC, "livesyncAllow", livesync_allow, "", FORM_NETWORKS,
		"Addresses or networks that are heard, comma separated; needed without a key."),
	LOCAL(SECT_LIVESYNC, "livesyncKey", livesync_key, "",
		"File (mode 0600) with lines id:hexkey that seal the packets; empty = unsealed."),
	BOOL(SECT_LIVESYNC, "livesyncPlain", livesync_plain, "No",
		"With a key: speak and accept unsealed packets, too."),
	U32(SECT_LIVESYNC, "livesyncMTU", livesync_mtu, "1400", 576, 8972,
		"Bytes of a packet, 576-8972."),
	U32(SECT_LIVESYNC, "livesyncFirstBeacon", livesync_first_beacon, "240", 0, 86400,
		"Seconds to the first beacon, 0-86400."),
	U32(SECT_LIVESYNC, "livesyncBeacon", livesync_beacon, "60", 1, 3600,
		"Seconds between beacons, 1-3600."),
	BOOL(SECT_LIVESYNC, "livesyncFastStart", livesync_fast_start, "Yes",
		"An empty root asks the others early."),
	U32(SECT_LIVESYNC, "livesyncFlush", livesync_flush, "1", 0, 60,
		"Seconds a packet may wait to fill, 0-60."),
	WHOLE(SECT_LIVESYNC, "livesyncIgnore", livesync_ignore, "",
		"Instance ids or addresses to ignore, comma separated."),

	T_TEXT(SECT_FILTER, "ip", struct settings_filter, ip, "", KEY_WHOLE, "Pattern."),
	T_BOOL(SECT_FILTER, "private", struct settings_filter, is_private, "No", 0,
		"Treated like this machine: no limits, may broadcast."),
	T_BOOL(SECT_FILTER, "ban", struct settings_filter, ban, "No", 0, "Refused everything."),
	T_BOOL(SECT_FILTER, "network", struct settings_filter, network, "No", 0,
		"May relay and announce."),
	T_BOOL(SECT_FILTER, "direct", struct settings_filter, direct, "No", 0, "May play."),

	T_TEXT(SECT_FEED, "url", struct settings_feed, url, "", KEY_WHOLE, "http or https."),
	T_TEXT(SECT_FEED, "rootHost", struct settings_feed, root_host, "",
		KEY_WHOLE | KEY_OPTIONAL, "Root of this YP, host or host:port."),

	T_TEXT(SECT_UPTEST, "url", struct settings_uptest, url, "", KEY_WHOLE, "http."),

	{ .sect = SECT_HOOK, .type = KEY_WORDS, .name = "event", .dflt =
	  "channelStart,channelStop,listed,unlisted,portChange,childJoin,childLeave",
	  .off = PLACE(struct settings_hook, events, unsigned int), .words = "channelStart channelStop "
	  "listed unlisted portChange childJoin childLeave viewerJoin viewerLeave",
	  .doc = "Of which events; viewerJoin and viewerLeave are there, too." },
	T_TEXT(SECT_HOOK, "command", struct settings_hook, command, "", KEY_WHOLE | KEY_OPTIONAL,
		"Program and its arguments, started without a shell; the event is on its input."),
	T_TEXT(SECT_HOOK, "url", struct settings_hook, url, "", KEY_WHOLE | KEY_OPTIONAL | KEY_SECRET,
		"Where the event is posted to as JSON, http or https."),
	T_TEXT(SECT_HOOK, "secret", struct settings_hook, secret, "",
		KEY_WHOLE | KEY_OPTIONAL | KEY_SECRET, "Signs what goes to url; empty = unsigned."),
	T_U32(SECT_HOOK, "timeout", struct settings_hook, timeout_s, "10", 1, 300, 0,
		"Seconds one try may take, 1-300."),
	T_U32(SECT_HOOK, "retries", struct settings_hook, retries, "5", 0, 20, 0,
		"Tries after the first one fails, 0-20; the waits between them grow."),

	BOOL(SECT_NOTIFY, "PeerCast", notify_peercast, "Yes", "Of the node itself."),
	BOOL(SECT_NOTIFY, "Broadcasters", notify_broadcasters, "Yes", "Messages of broadcasters."),
	BOOL(SECT_NOTIFY, "TrackInfo", notify_track_info, "Yes", "New titles."),

	BOOL(SECT_SERVER1, "allowHTML", allow_html, "Yes", "Pages and API."),
	BOOL(SECT_SERVER1, "allowBroadcast", allow_broadcast, "Yes", "Streams of encoders."),
	BOOL(SECT_SERVER1, "allowNetwork", allow_network, "Yes", "Relays and announcements (PCP)."),
	BOOL(SECT_SERVER1, "allowDirect", allow_direct, "Yes", "Streams to players."),

	U32(SECT_DEBUG, "logLevel", log_level, "3", 1, 7,
		"Least level logged: 1 trace, 2 debug, 3 info, 4 warning, 5 error, 6 fatal, 7 none."),
	BOOL(SECT_DEBUG, "pauseLog", pause_log, "No", "Drop every line."),
	U32(SECT_DEBUG, "idleSleepTime", idle_sleep_time, "10", 1, 1000, UNUSED_DOC),
	WORD(SECT_DEBUG, "logFormat", log_format, "text", "text json",
		"Form of log lines: text or json."),
	{ SECT_DEBUG, KEY_U64, .name = "logMaxSize", .dflt = "0", .max = INT64_MAX,
	  .off = PLACE(struct settings, log_max_size, uint64_t),
	  .doc = "Bytes after which the log file (-l) is renamed to .1; 0 = never." },
	U32(SECT_DEBUG, "logKeep", log_keep, "5", 1, 99, "Renamed log files that are kept, 1-99."),
	U32(SECT_DEBUG, "logRate", log_rate, "100", 0, UINT32_MAX,
		"Lines of one kind logged in a second, the rest is counted; 0 = all."),
	WORD(SECT_DEBUG, "metrics", metrics, "local", "local login all off",
		"Who may read /metrics: local, login, all or off."),

	T_WORD(SECT_HOST, "type", struct settings_host, type, "NONE",
		"NONE STREAM CHANNEL SERVENT TRACKER", ""),
	T_TEXT(SECT_HOST, "address", struct settings_host, address, "", KEY_WHOLE, ""),
	T_U32(SECT_HOST, "time", struct settings_host, time, "0", 0, UINT32_MAX, 0, ""),

	BOOL(SECT_FLAGS, "banTrackersWhileBroadcasting", ban_trackers_while_broadcasting, "No",
		"While broadcasting, ban the addresses of other trackers in the feeds."),
	BOOL(SECT_FLAGS, "enableSSLServer", enable_ssl_server, "No",
		"TLS on the port, with server.crt and server.key beside this file."),
	BOOL(SECT_FLAGS, "forceFirewalled", force_firewalled, "No",
		"Act as if the port were closed to the world."),
	BOOL(SECT_FLAGS, "persistTokenList", persist_token_list, "No",
		"Logins outlive a restart (tokens.json)."),
	BOOL(SECT_FLAGS, "randomizeBroadcastingChannelID", randomize_broadcasting_channel_id, "Yes",
		"A new id for each broadcast; No = the same for the same name, genre and bitrate."),
	BOOL(SECT_FLAGS, "requireContinuationPacketSupportFromPeer",
		require_continuation_packet_support_from_peer, "No",
		"Refuse nodes that do not know continuation packets."),
	BOOL(SECT_FLAGS, "sendPortAtomWhenFirewallUnknown",
		send_port_atom_when_firewall_unknown, "No",
		"Tell our port before it was tested."),
	BOOL(SECT_FLAGS, "startPlayingFromKeyFrame", start_playing_from_key_frame, "Yes",
		"Players start at a key frame."),
};

const size_t key_n = NELEM(key_table);

/* Names in files of older versions. */
static const struct {
	enum sect sect;
	const char *old, *name;
} key_alias[] = {
	{ SECT_PRIVACY, "icyPassword", "password" },
	{ SECT_SERVER, "maxStreamsOut", "maxRelays" },
	{ SECT_SERVER, "maxStreamsPerChannel", "maxRelaysPerChannel" },
	{ SECT_FILTER, "allow", "network" },
};

/* --- looking up --- */

enum sect sect_find(const char *name)
{
	for (unsigned s = 0; s < SECT_N; s++)
		if (ascii_casecmp(sect_info[s].name, name) == 0)
			return (enum sect)s;
	return SECT_N;
}

const struct key *key_of_sect(enum sect s, size_t *n)
{
	const struct key *first = NULL;

	*n = 0;
	for (size_t i = 0; i < key_n; i++) {
		if (key_table[i].sect != s)
			continue;
		if (first == NULL)
			first = &key_table[i];
		++*n;
	}
	return first;
}

static bool same_space(enum sect a, enum sect b)
{
	return a == b || (sect_info[a].kind == SECT_FLAT && sect_info[b].kind == SECT_FLAT);
}

const struct key *key_find(enum sect s, const char *name)
{
	for (size_t i = 0; i < NELEM(key_alias); i++)
		if (same_space(key_alias[i].sect, s) && ascii_casecmp(key_alias[i].old, name) == 0)
			name = key_alias[i].name;
	for (size_t i = 0; i < key_n; i++)
		if (same_space(key_table[i].sect, s) && ascii_casecmp(key_table[i].name, name) == 0)
			return &key_table[i];
	return NULL;
}

const struct key *key_find_any(const char *name)
{
	const struct key *k = key_find(SECT_SERVER, name);

	for (unsigned s = 0; k == NULL && s < SECT_N; s++)
		if (sect_info[s].kind == SECT_BLOCK)
			k = key_find((enum sect)s, name);
	return k;
}

/* --- reading --- */

static void *place(const struct key *k, void *base)
{
	return (char *)base + k->off;
}

static const void *cplace(const struct key *k, const void *base)
{
	return (const char *)base + k->off;
}

static bool is_one_of(const char *s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ascii_casecmp(s, words[i]) == 0)
			return true;
	return false;
}

static enum key_result note(char *why, bool strict, const char *text)
{
	(void)text_copy(why, SETTINGS_WHY, text);
	return strict ? KEY_REFUSED : KEY_NOTED;
}

static enum key_result refuse(char *why, const char *text)
{
	(void)text_copy(why, SETTINGS_WHY, text);
	return KEY_REFUSED;
}

bool key_is_unused(const struct key *k)
{
	return strcmp(k->doc, UNUSED_DOC) == 0 || k->sect == SECT_NOTIFY || k->sect == SECT_HOST;
}

bool key_text_is_yes(const char *s)
{
	static const char *const yes[] = { "yes", "y", "1", "true", "on" };

	return is_one_of(s, yes, NELEM(yes));
}

static enum key_result read_bool(bool *to, const char *s, bool strict, char *why)
{
	static const char *const no[] = { "no", "n", "0", "false", "off" };
	enum key_result r = KEY_TAKEN;

	if (key_text_is_yes(s)) {
		*to = true;
		return KEY_TAKEN;
	}
	if (!is_one_of(s, no, NELEM(no)))
		r = note(why, strict, "neither Yes nor No, read as No");
	if (r == KEY_REFUSED)
		return refuse(why, "neither Yes nor No");
	*to = false;
	return r;
}

/* The number s begins with, saturated; where it ends in *end (s itself when there is none). */
static uint64_t lead_number(const char *s, unsigned base, const char **end)
{
	uint64_t v = 0;

	for (*end = s; ascii_isdigit(**end) && (unsigned)(**end - '0') < base; ++*end) {
		unsigned digit = (unsigned)(**end - '0');

		v = v > (UINT64_MAX - digit) / base ? UINT64_MAX : v * base + digit;
	}
	return v;
}

static enum key_result read_number(const struct key *k, uint64_t *to, const char *s, bool strict,
	char *why)
{
	bool minus = *s == '-', octal = k->type == KEY_OCTAL;
	const char *digits = *s == '-' || *s == '+' ? s + 1 : s, *end;
	uint64_t v = lead_number(digits, octal ? 8 : 10, &end);
	enum key_result r = KEY_TAKEN;

	if (end == digits)
		return refuse(why, octal ? "not an octal number" : "not a number");
	if (*end != '\0')
		r = note(why, strict, "text behind the number");
	if (r == KEY_REFUSED)
		return r;
	if ((k->flags & KEY_RAISE) != 0 && (v < k->min || minus)) {
		*to = k->min;
		if (!strict)
			snprintf(why, SETTINGS_WHY, "too small, raised to %llu",
				(unsigned long long)k->min);
		return strict ? KEY_TAKEN : KEY_NOTED;
	}
	if ((minus && v != 0) || v < k->min || v > k->max) {
		snprintf(why, SETTINGS_WHY,
			octal ? "out of range %llo-%llo" : "out of range %llu-%llu",
			(unsigned long long)k->min, (unsigned long long)k->max);
		return KEY_REFUSED;
	}
	*to = v;
	return r;
}

/* The place of a word of n bytes in a list separated by spaces; -1 when it is not there. */
static int word_find(const char *words, const char *s, size_t n)
{
	for (int i = 0; *words != '\0'; i++) {
		size_t len = strcspn(words, " ");

		if (len == n && ascii_ncasecmp(words, s, n) == 0)
			return i;
		words += len + (words[len] == ' ');
	}
	return -1;
}

static enum key_result read_text(const struct key *k, char *to, const char *s, bool strict,
	char *why)
{
	char clean[SETTINGS_LONG + 8], *start;
	bool whole = (k->flags & KEY_WHOLE) != 0 || strict;
	const char *fault;

	/* Room for more than fits, so that too long shows. Repair and cut may leave blanks at the
	 * ends, which would be gone when the file is read again. */
	ASSERT(k->cap <= SETTINGS_LONG);
	(void)text_clean(clean, k->cap + 8, s, strlen(s));
	start = ini_trim(clean);
	if (strlen(start) >= k->cap && whole) {
		snprintf(why, SETTINGS_WHY, "longer than %zu bytes", k->cap - 1);
		return KEY_REFUSED;
	}
	if (strict && k->words != NULL && word_find(k->words, start, strlen(start)) < 0) {
		snprintf(why, SETTINGS_WHY, "not one of: %s", k->words);
		return KEY_REFUSED;
	}
	fault = strict ? form_fault(k->form, start) : NULL;
	if (fault != NULL)
		return refuse(why, fault);
	if (!text_copy(to, k->cap, start)) {
		(void)ini_trim(to);
		snprintf(why, SETTINGS_WHY, "longer than %zu bytes, cut", k->cap - 1);
		return KEY_NOTED;
	}
	if (!strict && strcmp(to, s) != 0)
		return note(why, false, "not clean UTF-8, repaired");
	return KEY_TAKEN;
}

static enum key_result read_id(const struct key *k, uint8_t *to, const char *s, bool strict,
	char *why)
{
	static const uint8_t zero[SETTINGS_ID];
	const bool made = (k->flags & KEY_NONZERO) != 0;
	const size_t digits = strspn(s, "0123456789abcdefABCDEF");
	const char *fault = "";
	uint8_t id[SETTINGS_ID] = { 0 };

	if (digits < 2 * SETTINGS_ID || !hex_parse(id, SETTINGS_ID, s))
		fault = "not 32 hex digits";
	else if (s[2 * SETTINGS_ID] != '\0')
		fault = "text behind the 32 hex digits";
	else if (made && memcmp(id, zero, sizeof(id)) == 0)
		fault = "zero";
	if (strict && fault[0] != '\0')
		return refuse(why, fault);
	memcpy(to, id, sizeof(id));
	if (fault[0] == '\0' || s[0] == '\0')
		return KEY_TAKEN;
	snprintf(why, SETTINGS_WHY, "%s%s", fault,
		made && memcmp(id, zero, sizeof(id)) == 0 ? ", another one is made" : "");
	return KEY_NOTED;
}

static enum key_result read_word(const struct key *k, unsigned *to, const char *s, char *why)
{
	int i = word_find(k->words, s, strlen(s));

	if (i < 0) {
		snprintf(why, SETTINGS_WHY, "not one of: %s", k->words);
		return KEY_REFUSED;
	}
	*to = (unsigned)i;
	return KEY_TAKEN;
}

static enum key_result read_words(const struct key *k, uint32_t *to, const char *s, bool strict,
	char *why)
{
	uint32_t set = 0;
	bool strange = false;

	for (s += strspn(s, ", "); *s != '\0'; s += strspn(s, ", ")) {
		size_t n = strcspn(s, ", ");
		int i = word_find(k->words, s, n);

		if (i < 0)
			strange = true;
		else
			set |= 1u << i;
		s += n;
	}
	if (strange)
		snprintf(why, SETTINGS_WHY, "holds words other than: %s", k->words);
	if (strange && strict)
		return KEY_REFUSED;
	*to = set;
	return strange ? KEY_NOTED : KEY_TAKEN;
}

enum key_result key_read(const struct key *k, void *base, const char *value, bool strict, char *why)
{
	void *to = place(k, base);
	enum key_result r = KEY_REFUSED;
	const char *s = value;
	uint64_t v = 0;

	why[0] = '\0';
	if (s == NULL)          /* as a PeerCast node reads it: no, 0, "" */
		s = k->type == KEY_TEXT || k->type == KEY_ID || k->type == KEY_WORD ? "" : "0";
	switch (k->type) {
	case KEY_BOOL:
		r = read_bool(to, s, strict, why);
		break;
	case KEY_U32:
	case KEY_OCTAL:
		r = read_number(k, &v, s, strict, why);
		if (r != KEY_REFUSED)
			*(uint32_t *)to = (uint32_t)v;
		break;
	case KEY_U64:
		r = read_number(k, &v, s, strict, why);
		if (r != KEY_REFUSED)
			*(uint64_t *)to = v;
		break;
	case KEY_TEXT:
		r = read_text(k, to, s, strict, why);
		break;
	case KEY_ID:
		r = read_id(k, to, s, strict, why);
		break;
	case KEY_WORD:
		r = read_word(k, to, s, why);
		break;
	case KEY_WORDS:
		r = read_words(k, to, value != NULL ? s : "", strict, why);
		break;
	}
	if (value == NULL && r == KEY_TAKEN)
		r = note(why, strict, "no '=' in the line, read as nothing");
	return r;
}

void key_reset(const struct key *k, void *base)
{
	char why[SETTINGS_WHY];
	enum key_result r = key_read(k, base, k->dflt, false, why);

	ASSERT(r == KEY_TAKEN);         /* the table's own default */
}

/* --- writing --- */

static void write_words(const struct key *k, uint32_t set, struct buf *out)
{
	const char *w = k->words;
	bool first = true;

	for (uint32_t bit = 1; *w != '\0'; bit <<= 1) {
		size_t n = strcspn(w, " ");

		if ((set & bit) != 0) {
			if (!first)
				buf_u8(out, ',');
			buf_put(out, w, n);
			first = false;
		}
		w += n + (w[n] == ' ');
	}
}

static void write_word(const struct key *k, unsigned i, struct buf *out)
{
	const char *w = k->words;

	for (; i > 0 && *w != '\0'; i--) {
		size_t n = strcspn(w, " ");

		w += n + (w[n] == ' ');
	}
	buf_put(out, w, strcspn(w, " "));
}

void key_write(const struct key *k, const void *base, struct buf *out)
{
	const void *from = cplace(k, base);
	char hex[2 * SETTINGS_ID + 1];

	switch (k->type) {
	case KEY_BOOL:
		buf_puts(out, *(const bool *)from ? "Yes" : "No");
		break;
	case KEY_U32:
		buf_printf(out, "%u", (unsigned)*(const uint32_t *)from);
		break;
	case KEY_U64:
		buf_printf(out, "%llu", (unsigned long long)*(const uint64_t *)from);
		break;
	case KEY_OCTAL:
		buf_printf(out, "%04o", (unsigned)*(const uint32_t *)from);
		break;
	case KEY_TEXT:
		ini_put_text(out, from);
		break;
	case KEY_ID:
		hex_emit(hex, sizeof(hex), from, SETTINGS_ID);
		buf_puts(out, hex);
		break;
	case KEY_WORD:
		write_word(k, *(const unsigned *)from, out);
		break;
	case KEY_WORDS:
		write_words(k, *(const uint32_t *)from, out);
		break;
	}
}

bool key_is_default(const struct key *k, const void *base)
{
	struct buf b;
	bool same;

	buf_init(&b, SETTINGS_LONG);
	key_write(k, base, &b);
	same = strcmp(buf_cstr(&b), k->dflt) == 0;
	buf_fini(&b);
	return same;
}
