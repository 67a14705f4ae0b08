/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/conf/ini.h"
#include "core/conf/key.h"
#include "core/sys/bytes.h"
#include "core/sys/file.h"
#include "core/sys/text.h"
#include "test/unit/unit.h"

/* --- help --- */

static struct buf warned;       /* "line: text\n" for each warning of the last parse() */

static void note_warning(void *ctx, unsigned line, const char *text)
{
	buf_printf(ctx, "%u: %s\n", line, text);
}

static struct settings *parse_n(const void *p, size_t n)
{
	struct settings *st;

	buf_fini(&warned);
	buf_init(&warned, 1 << 20);
	ck_assert_int_eq(settings_parse(p, n, note_warning, &warned, &st), ST_OK);
	ck_assert_ptr_nonnull(st);
	return st;
}

static struct settings *parse(const char *text)
{
	return parse_n(text, strlen(text));
}

static char *emit(const struct settings *st)
{
	struct buf out;
	char *s;

	buf_init(&out, SETTINGS_FILE_MAX);
	settings_emit(st, &out);
	ck_assert_int_eq(out.err, ST_OK);
	s = strdup(buf_cstr(&out));
	buf_fini(&out);
	return s;
}

static char *slurp(const char *path)
{
	struct buf in;
	char *s;

	buf_init(&in, SETTINGS_FILE_MAX);
	ck_assert_msg(file_read(path, &in) == ST_OK, "%s", path);
	s = strdup(buf_cstr(&in));
	buf_fini(&in);
	return s;
}

static const char *get(const struct settings *st, const char *key)
{
	static char text[SETTINGS_VALUE];
	struct buf b;

	buf_init(&b, sizeof(text) - 1);
	ck_assert_msg(settings_get(st, key, &b), "%s", key);
	ck_assert(text_copy(text, sizeof(text), buf_cstr(&b)));
	buf_fini(&b);
	return text;
}

#define ID_A "00A1B2C3D4E5F60718293A4B5C6D7E8F"
#define ID_B "FB359F96E2097E916DF7FD60ED2CA0C6"
/* So that a text under test brings only the warnings it is about. */
#define QUIET "broadcastID = " ID_A "\n[Filter]\nip = 255.255.255.255\n[End]\n"

/* --- every key: read, kept, written --- */

/* Written down from the specifications, not from the table under test: the defaults, another value,
 * and the form in which that one is written. A section in the name for keys of blocks. */
static const struct {
	const char *key, *dflt, *other, *written;
} keys[] = {
	{ "serverName", "", "my node", "my node" },
	{ "serverPort", "7144", "65535", "65535" },
	{ "autoServe", "Yes", "no", "No" },
	{ "forceIP", "", "203.0.113.5", "203.0.113.5" },
	{ "isRoot", "No", "yes", "Yes" },
	{ "maxBitrateOut", "0", "10000", "10000" },
	{ "maxRelays", "2", "3", "3" },
	{ "maxDirect", "0", "4294967295", "4294967295" },
	{ "maxRelaysPerChannel", "0", "5", "5" },
	{ "firewallTimeout", "30", "31", "31" },
	{ "forceNormal", "No", "y", "Yes" },
	{ "rootMsg", "", "YP\xe3\x83\x86 & <b>", "YP\xe3\x83\x86 & <b>" },
	{ "authType", "cookie", "http-basic", "http-basic" },
	{ "cookiesExpire", "session", "never", "never" },
	{ "htmlPath", "html/en", "html/ja", "html/ja" },
	{ "maxServIn", "50", "0", "0" },
	{ "chanLog", "", "/var/log/channels.xml", "/var/log/channels.xml" },
	{ "publicDirectory", "No", "1", "Yes" },
	{ "networkID", "00000000000000000000000000000000", "fb359f96e2097e916df7fd60ed2ca0c6", ID_B },
	{ "bindAddress", "", "::1", "::1" },
	{ "allowedHosts", "", "a.example,b.example", "a.example,b.example" },
	{ "trustLocalhost", "Yes", "off", "No" },
	{ "maxChannels", "200", "0", "0" },
	{ "maxPerAddress", "64", "1", "1" },
	{ "sandbox", "auto", "strict", "strict" },
	{ "chanLogMode", "0640", "644", "0644" },
	{ "chanLogGroup", "", "www-data", "www-data" },
	{ "chanLogCompat", "Yes", "false", "No" },
	{ "chanLogEvents", "No", "true", "Yes" },
	{ "chanLogAfterHost", "No", "on", "Yes" },
	{ "chanLogMaxSize", "0", "9223372036854775807", "9223372036854775807" },
	{ "chanLogSynced", "Yes", "0", "No" },
	{ "broadcastMsgInterval", "10", "0", "0" },
	{ "broadcastMsg", "", "hello", "hello" },
	{ "icyMetaInterval", "8192", "16000", "16000" },
	{ "hostUpdateInterval", "120", "30", "30" },
	{ "maxControlConnections", "3", "100", "100" },
	{ "rootHost", "yp.pcgw.pgw.jp:7146", "", "" },
	{ "sourceGraceSec", "15", "0", "0" },
	{ "rtmpServer", "Yes", "No", "No" },
	{ "rtmpPort", "1935", "1936", "1936" },
	{ "rtmpBind", "127.0.0.1", "0.0.0.0", "0.0.0.0" },
	{ "rtmpKey", "", "k1,k2", "k1,k2" },
	{ "recordDir", "", "/srv/rec", "/srv/rec" },
	{ "recordAuto", "none", "own", "own" },
	{ "recordMax", "8", "64", "64" },
	{ "recordRotateMinutes", "60", "0", "0" },
	{ "recordRotateMB", "0", "700", "700" },
	{ "recordKeepMB", "0", "100000", "100000" },
	{ "recordKeepFiles", "0", "20", "20" },
	{ "recordMinFreeMB", "512", "0", "0" },
	{ "fetchAllow", "http", "pipe, HTTP rtmp", "http,rtmp,pipe" },
	{ "mediaDir", "", "/srv/media", "/srv/media" },
	{ "onHeaderChange", "continue", "drop", "drop" },
	{ "refreshHTML", "5", "0", "0" },
	{ "chat", "Yes", "No", "No" },
	{ "relayBroadcast", "30", "40", "40" },
	{ "minBroadcastTTL", "1", "2", "2" },
	{ "maxBroadcastTTL", "7", "8", "8" },
	{ "pushTries", "5", "6", "6" },
	{ "pushTimeout", "60", "61", "61" },
	{ "maxPushHops", "8", "9", "9" },
	{ "transcodingEnabled", "No", "Yes", "Yes" },
	{ "preset", "veryfast", "slow", "slow" },
	{ "audioCodec", "mp3", "aac", "aac" },
	{ "wmvProtocol", "http", "mmsh", "mmsh" },
	{ "preferredTheme", "system", "dark", "dark" },
	{ "accentColor", "blue", "cyan", "cyan" },
	{ "boardHosts", "", "bbs.example", "bbs.example" },
	{ "portMapping", "No", "Yes", "Yes" },
	{ "hls", "Yes", "No", "No" },
	{ "password", "", "p=a #ss", "p=a #ss" },
	{ "maxUptime", "0", "3600", "3600" },
	{ "viewxmlEmptyChannels", "No", "Yes", "Yes" },
	{ "announcePolicy", "open", "portopen", "portopen" },
	{ "ghostTimeout", "60", "0", "0" },
	{ "rootForward", "push", "none", "none" },
	{ "ypGenrePrefix", "", "yp", "yp" },
	{ "hitTimeout", "180", "10", "10" },
	{ "hideDefault", "No", "Yes", "Yes" },
	{ "ypName", "", "YP", "YP" },
	{ "ypInfoLine", "Yes", "No", "No" },
	{ "historyDays", "7", "0", "0" },
	{ "banList", "", "/etc/peercast/bans", "/etc/peercast/bans" },
	{ "livesync", "No", "Yes", "Yes" },
	{ "livesyncGroup", "224.0.42.5", "", "" },
	{ "livesyncPort", "9696", "9697", "9697" },
	{ "livesyncBind", "", "192.0.2.1", "192.0.2.1" },
	{ "livesyncTTL", "1", "255", "255" },
	{ "livesyncLoop", "No", "Yes", "Yes" },
	{ "livesyncPeers", "", "192.0.2.2:9696", "192.0.2.2:9696" },
	{ "livesyncAllow", "", "192.0.2.0/24", "192.0.2.0/24" },
	{ "livesyncKey", "", "/etc/peercast/key", "/etc/peercast/key" },
	{ "livesyncPlain", "No", "Yes", "Yes" },
	{ "livesyncMTU", "1400", "576", "576" },
	{ "livesyncFirstBeacon", "240", "0", "0" },
	{ "livesyncBeacon", "60", "3600", "3600" },
	{ "livesyncFastStart", "Yes", "No", "No" },
	{ "livesyncFlush", "1", "15", "15" },
	{ "livesyncIgnore", "", "0a0b0c0d", "0a0b0c0d" },
	{ "Notify/PeerCast", "Yes", "No", "No" },
	{ "Notify/Broadcasters", "Yes", "No", "No" },
	{ "Notify/TrackInfo", "Yes", "No", "No" },
	{ "Server1/allowHTML", "Yes", "No", "No" },
	{ "Server1/allowBroadcast", "Yes", "No", "No" },
	{ "Server1/allowNetwork", "Yes", "No", "No" },
	{ "Server1/allowDirect", "Yes", "No", "No" },
	{ "logLevel", "3", "7", "7" },
	{ "pauseLog", "No", "Yes", "Yes" },
	{ "idleSleepTime", "10", "1000", "1000" },
	{ "logFormat", "text", "JSON", "json" },
	{ "logMaxSize", "0", "5000000000", "5000000000" },
	{ "logKeep", "5", "99", "99" },
	{ "logRate", "100", "0", "0" },
	{ "metrics", "local", "off", "off" },
	{ "Flags/banTrackersWhileBroadcasting", "No", "Yes", "Yes" },
	{ "Flags/enableSSLServer", "No", "Yes", "Yes" },
	{ "Flags/forceFirewalled", "No", "Yes", "Yes" },
	{ "Flags/persistTokenList", "No", "Yes", "Yes" },
	{ "Flags/randomizeBroadcastingChannelID", "Yes", "No", "No" },
	{ "Flags/requireContinuationPacketSupportFromPeer", "No", "Yes", "Yes" },
	{ "Flags/sendPortAtomWhenFirewallUnknown", "No", "Yes", "Yes" },
	{ "Flags/startPlayingFromKeyFrame", "Yes", "No", "No" },
	/* Read, never written. */
	{ "autoConnect", "Yes", "No", NULL },
	{ "deadHitAge", "600", "601", NULL },
	{ "tryoutDelay", "10", "11", NULL },
};

static const char *bare(const char *key)
{
	const char *slash = strchr(key, '/');

	return slash != NULL ? slash + 1 : key;
}

/* "key = value" where it belongs. */
static const char *key_text(const char *key, const char *value)
{
	static char text[SETTINGS_VALUE];
	const char *slash = strchr(key, '/');

	if (slash != NULL)
		snprintf(text, sizeof(text), QUIET "[%.*s]\n%s = %s\n[End]\n", (int)(slash - key), key,
			slash + 1, value);
	else
		snprintf(text, sizeof(text), QUIET "%s = %s\n", key, value);
	return text;
}

/* Lines of a that are not the line of b in the same place; both have the same number of lines. */
static void only_difference(const char *a, const char *b, char *line, size_t cap)
{
	size_t n = 0;

	line[0] = '\0';
	while (*a != '\0' || *b != '\0') {
		size_t la = strcspn(a, "\n"), lb = strcspn(b, "\n");

		if (la != lb || memcmp(a, b, la) != 0) {
			n++;
			snprintf(line, cap, "%.*s", (int)lb, b);
		}
		a += la + (a[la] != '\0');
		b += lb + (b[lb] != '\0');
	}
	ck_assert_uint_le(n, 1);
}

START_TEST(key_round_trip)
{
	const char *key = keys[_i].key, *name = bare(key);
	struct settings *dflt = parse(QUIET), *st, *again;
	char want[512], line[512];
	char *before, *after, *third;

	ck_assert_str_eq(get(dflt, name), keys[_i].dflt);
	st = parse(key_text(key, keys[_i].other));
	ck_assert_msg(warned.len == 0, "%s: %s", key, buf_cstr(&warned));
	ck_assert_str_ne(keys[_i].dflt, keys[_i].other);

	/* Its line is the only one that changes, so no two keys share a place; a root's absent
	 * limits change with isRoot. */
	before = emit(dflt);
	after = emit(st);
	if (strcmp(key, "isRoot") != 0) {
		only_difference(before, after, line, sizeof(line));
		snprintf(want, sizeof(want), "%s = %s", name, keys[_i].written);
		ck_assert_str_eq(line, keys[_i].written != NULL ? want : "");
	}
	ck_assert(keys[_i].written == NULL || strcmp(get(st, name), keys[_i].written) == 0);

	again = parse(after);
	ck_assert_msg(warned.len == 0, "%s: %s", key, buf_cstr(&warned));
	third = emit(again);
	ck_assert_str_eq(third, after);
	free(before);
	free(after);
	free(third);
	settings_free(&dflt);
	settings_free(&st);
	settings_free(&again);
}
END_TEST

START_TEST(key_set)
{
	const char *name = bare(keys[_i].key);
	struct settings *st = settings_new(false);
	char why[SETTINGS_WHY];

	ck_assert_str_eq(get(st, name), keys[_i].dflt);
	ck_assert_msg(settings_set(st, name, keys[_i].other, why) == ST_OK, "%s: %s", name, why);
	if (keys[_i].written != NULL)
		ck_assert_str_eq(get(st, name), keys[_i].written);
	settings_free(&st);
}
END_TEST

/* The list above and the table name the same keys, and the documented file explains each. */
START_TEST(key_table_is_complete)
{
	struct settings *st = settings_new(true);
	char *text = emit(st);
	size_t n = 1;                           /* broadcastID */

	for (size_t i = 0; i < key_n; i++) {
		const struct key *k = &key_table[i];
		char want[1024];

		if (k->sect == SECT_HOST || k->sect == SECT_HOOK ||
		    (k->flags & (KEY_READONLY | KEY_OPTIONAL)) != 0)
			continue;
		ck_assert_msg(k->doc != NULL && strlen(k->doc) > 3, "%s", k->name);
		ck_assert_msg(strlen(k->doc) <= 98 && strchr(k->doc, '\n') == NULL, "%s", k->name);
		snprintf(want, sizeof(want), "\n# %s\n%s = ", k->doc, k->name);
		ck_assert_msg(strstr(text, want) != NULL, "%s", k->name);
	}
	for (size_t i = 0; i < NELEM(keys); i++) {
		const char *slash = strchr(keys[i].key, '/');
		const struct key *k = key_find_any(bare(keys[i].key));
		char sect[32] = "";

		ck_assert_msg(k != NULL, "%s", keys[i].key);
		ck_assert_str_eq(k->name, bare(keys[i].key));
		if (slash != NULL)
			snprintf(sect, sizeof(sect), "%.*s", (int)(slash - keys[i].key), keys[i].key);
		ck_assert(slash == NULL ? sect_info[k->sect].kind == SECT_FLAT :
			strcmp(sect_info[k->sect].name, sect) == 0);
		n++;
	}
	for (size_t i = 0; i < key_n; i++)
		n -= sect_info[key_table[i].sect].kind != SECT_LIST;
	ck_assert_uint_eq(n, 0);
	free(text);
	settings_free(&st);
}
END_TEST

START_TEST(flat_keys_stand_anywhere)
{
	struct settings *st = parse("SERVERPORT = 1\n" QUIET "[flags]\nENABLEsslSERVER = yes\n[end]\n"
		"maxServIn = 2\n[LiveSync]\nrootHost = x\n[Server]\nlogLevel = 4\n"
		"[Notify]\n[End]\nlivesync = y\n");

	ck_assert_str_eq(buf_cstr(&warned), "");
	ck_assert_uint_eq(st->server_port, 1);
	ck_assert(st->enable_ssl_server);
	ck_assert_uint_eq(st->max_serv_in, 2);
	ck_assert_str_eq(st->root_host, "x");
	ck_assert_uint_eq(st->log_level, 4);
	ck_assert(st->livesync);
	settings_free(&st);
}
END_TEST

START_TEST(typed_fields)
{
	struct settings *st = parse(QUIET "authType = http-basic\ncookiesExpire = NEVER\n"
		"wmvProtocol = mms\nannouncePolicy = sameip\nrootForward = all\nlogFormat = json\n"
		"metrics = login\nonHeaderChange = drop\nfetchAllow = mms,file\nchanLogMode = 0664\n"
		"networkID = 0102030405060708090a0b0c0d0e0f10\n");
	static const uint8_t id[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

	ck_assert_str_eq(buf_cstr(&warned), "");
	ck_assert(st->auth_type == AUTHTYPE_BASIC);
	ck_assert(st->cookies_expire == COOKIELIFE_NEVER);
	ck_assert(st->wmv_protocol == WMVPROTO_MMS);
	ck_assert(st->announce_policy == ANNOUNCE_SAMEIP);
	ck_assert(st->root_forward == ROOTFWD_ALL);
	ck_assert(st->log_format == LOGFORMAT_JSON);
	ck_assert(st->metrics == METRICS_LOGIN);
	ck_assert(st->on_header_change == HEADCHANGE_DROP);
	ck_assert_uint_eq(st->fetch_allow, FETCHALLOW_MMS | FETCHALLOW_FILE);
	ck_assert_uint_eq(st->chan_log_mode, 0664);
	ck_assert_mem_eq(st->network_id, id, sizeof(id));
	settings_free(&st);
}
END_TEST

/* --- values (node.md 2.4 OURS, 12 F3, F5) --- */

/* The line under test is line 5; want is the key's value after it. */
static const struct {
	const char *line, *key, *want, *warn;
} values[] = {
	{ "isRoot = YES", "isRoot", "Yes", NULL },
	{ "isRoot = On", "isRoot", "Yes", NULL },
	{ "isRoot = TRUE", "isRoot", "Yes", NULL },
	{ "chat = off", "chat", "No", NULL },
	{ "chat = maybe", "chat", "No", "5: chat: neither Yes nor No, read as No\n" },
	{ "chat = ", "chat", "No", "5: chat: neither Yes nor No, read as No\n" },
	{ "chat", "chat", "No", "5: chat: no '=' in the line, read as nothing\n" },
	{ "serverPort = 0", "serverPort", "7144",
	  "5: serverPort: out of range 1-65535; stays 7144\n" },
	{ "serverPort = 65536", "serverPort", "7144",
	  "5: serverPort: out of range 1-65535; stays 7144\n" },
	{ "serverPort = 1 ; c", "serverPort", "1", "5: serverPort: text behind the number\n" },
	{ "serverPort = 8000abc", "serverPort", "8000", "5: serverPort: text behind the number\n" },
	{ "serverPort = abc", "serverPort", "7144", "5: serverPort: not a number; stays 7144\n" },
	{ "serverPort = ", "serverPort", "7144", "5: serverPort: not a number; stays 7144\n" },
	{ "serverPort", "serverPort", "7144", "5: serverPort: out of range 1-65535; stays 7144\n" },
	{ "serverPort = +80", "serverPort", "80", NULL },
	{ "serverPort = 0x50", "serverPort", "7144",
	  "5: serverPort: out of range 1-65535; stays 7144\n" },
	{ "serverPort = 99999999999999999999999", "serverPort", "7144",
	  "5: serverPort: out of range 1-65535; stays 7144\n" },
	{ "maxDirect = -3", "maxDirect", "0",
	  "5: maxDirect: out of range 0-4294967295; stays 0\n" },
	{ "maxDirect = 4294967296", "maxDirect", "0",
	  "5: maxDirect: out of range 0-4294967295; stays 0\n" },
	{ "maxDirect = 18446744073709551617", "maxDirect", "0",
	  "5: maxDirect: out of range 0-4294967295; stays 0\n" },
	{ "maxDirect", "maxDirect", "0", "5: maxDirect: no '=' in the line, read as nothing\n" },
	{ "maxDirect = -0", "maxDirect", "0", NULL },
	{ "maxRelays = 1", "maxRelays", "2", "5: maxRelays: too small, raised to 2\n" },
	{ "maxRelays = 0", "maxRelays", "2", "5: maxRelays: too small, raised to 2\n" },
	{ "maxRelays = -7", "maxRelays", "2", "5: maxRelays: too small, raised to 2\n" },
	{ "relayBroadcast = 5", "relayBroadcast", "30",
	  "5: relayBroadcast: too small, raised to 30\n" },
	{ "logLevel = 8", "logLevel", "3", "5: logLevel: out of range 1-7; stays 3\n" },
	{ "logLevel = 0", "logLevel", "3", "5: logLevel: out of range 1-7; stays 3\n" },
	{ "idleSleepTime = 0", "idleSleepTime", "10",
	  "5: idleSleepTime: out of range 1-1000; stays 10\n" },
	{ "idleSleepTime = 1001", "idleSleepTime", "10",
	  "5: idleSleepTime: out of range 1-1000; stays 10\n" },
	{ "hitTimeout = 9", "hitTimeout", "180", "5: hitTimeout: out of range 10-3600; stays 180\n" },
	{ "hitTimeout = 3601", "hitTimeout", "180",
	  "5: hitTimeout: out of range 10-3600; stays 180\n" },
	{ "livesyncMTU = 575", "livesyncMTU", "1400",
	  "5: livesyncMTU: out of range 576-8972; stays 1400\n" },
	{ "livesyncMTU = 8973", "livesyncMTU", "1400",
	  "5: livesyncMTU: out of range 576-8972; stays 1400\n" },
	{ "livesyncBeacon = 0", "livesyncBeacon", "60",
	  "5: livesyncBeacon: out of range 1-3600; stays 60\n" },
	{ "livesyncFirstBeacon = 86401", "livesyncFirstBeacon", "240",
	  "5: livesyncFirstBeacon: out of range 0-86400; stays 240\n" },
	{ "chanLogMode = 0689", "chanLogMode", "0006", "5: chanLogMode: text behind the number\n" },
	{ "chanLogMode = 1000", "chanLogMode", "0640",
	  "5: chanLogMode: out of range 0-777; stays 0640\n" },
	{ "chanLogMode = rw", "chanLogMode", "0640",
	  "5: chanLogMode: not an octal number; stays 0640\n" },
	{ "chanLogMaxSize = 9223372036854775808", "chanLogMaxSize", "0",
	  "5: chanLogMaxSize: out of range 0-9223372036854775807; stays 0\n" },
	{ "authType = digest", "authType", "cookie",
	  "5: authType: not one of: cookie http-basic; stays cookie\n" },
	{ "authType = cook", "authType", "cookie",
	  "5: authType: not one of: cookie http-basic; stays cookie\n" },
	{ "authType = cookie http-basic", "authType", "cookie",
	  "5: authType: not one of: cookie http-basic; stays cookie\n" },
	{ "authType", "authType", "cookie",
	  "5: authType: not one of: cookie http-basic; stays cookie\n" },
	{ "fetchAllow = http,gopher", "fetchAllow", "http",
	  "5: fetchAllow: holds words other than: http mms rtmp file pipe\n" },
	{ "fetchAllow = ", "fetchAllow", "", NULL },
	{ "fetchAllow = ,, rtmp ,", "fetchAllow", "rtmp", NULL },
	{ "networkID = zz", "networkID", "00000000000000000000000000000000",
	  "5: networkID: not 32 hex digits\n" },
	{ "networkID = " ID_B "00", "networkID", ID_B,
	  "5: networkID: text behind the 32 hex digits\n" },
	{ "serverName", "serverName", "", "5: serverName: no '=' in the line, read as nothing\n" },
	{ "serverName = a = b ; c", "serverName", "a = b ; c", NULL },
	{ "serverName = a\x01" "b", "serverName", "a b",
	  "5: control characters replaced by spaces\n" },
	{ "serverName = \x83\x65\x83\x58\x83\x67", "serverName",
	  "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88", "5: serverName: not clean UTF-8, repaired\n" },
	{ "icyPassword = old", "password", "old", NULL },
	{ "maxStreamsOut = 9", "maxRelays", "9", NULL },
	{ "MAXstreamsPERchannel = 9", "maxRelaysPerChannel", "9", NULL },
	{ "serverPort = 81\nserverPort = 82", "serverPort", "82", NULL },
	{ "serverPort = 81\nserverPort = x", "serverPort", "81",
	  "6: serverPort: not a number; stays 81\n" },
	{ "nonsense = 1", "serverPort", "7144", "5: unknown key \"nonsense\"\n" },
	{ "nonsense = 1\nNonsense = 2", "serverPort", "7144", "5: unknown key \"nonsense\"\n" },
	{ "allowHTML = No", "allowHTML", "Yes", "5: unknown key \"allowHTML\"\n" },
	{ "= 5", "serverPort", "7144", "5: unknown key \"\"\n" },
	{ "[Nonsense]\nserverPort = 9", "serverPort", "9", "5: unknown section [Nonsense]\n" },
	{ "[Nonsense]\nserverPort = 9\n[End]", "serverPort", "7144",
	  "5: unknown section [Nonsense]\n" },
	{ "[Server2]\nserverPort = 9\nallowHTML = No\n[End]", "serverPort", "7144", NULL },
	{ "genrePrefix = yp\nautoQuery = 1\nqueryTTL = 1\nminPGNUIncoming = 1\n"
	  "maxPGNUIncoming = 2", "serverPort", "7144", NULL },
	{ "[End]", "serverPort", "7144", "5: [End] without a block\n" },
	{ "[Flags]\nforceFirewalled = Yes\nnewFlag = Yes\n[End]", "forceFirewalled", "Yes",
	  "7: unknown flag \"newFlag\"\n" },
	{ "[Flags]\nforceFirewalled = Yes\n", "forceFirewalled", "Yes", "5: [Flags] has no [End]\n" },
	{ "[Flags]\nforceFirewalled = Yes\n[Server1]\nallowHTML = No\n[End]", "allowHTML", "No",
	  "5: [Flags] has no [End]: it ends at line 7\n" },
	{ "[Flags]\n[Server]\nserverPort = 5", "serverPort", "5",
	  "5: [Flags] has no [End]: it ends at line 6\n" },
};

START_TEST(value_rules)
{
	char text[1024];
	struct settings *st;

	snprintf(text, sizeof(text), QUIET "%s\n", values[_i].line);
	st = parse(text);
	ck_assert_msg(strcmp(get(st, values[_i].key), values[_i].want) == 0, "%s: %s", values[_i].line,
		get(st, values[_i].key));
	ck_assert_msg(strcmp(buf_cstr(&warned), values[_i].warn != NULL ? values[_i].warn : "") == 0,
		"%s: %s", values[_i].line, buf_cstr(&warned));
	settings_free(&st);
}
END_TEST

/* The same table of faults, strictly: what the file's reader only notes is refused, nothing moves. */
static const struct {
	const char *key, *text, *why;   /* why NULL = accepted */
} sets[] = {
	{ "serverPort", "8000", NULL },
	{ "serverPort", " \t8000", NULL },
	{ "serverPort", "8000x", "text behind the number" },
	{ "serverPort", "", "not a number" },
	{ "serverPort", "70000", "out of range 1-65535" },
	{ "serverPort", "-1", "out of range 1-65535" },
	{ "maxRelays", "0", NULL },
	{ "isRoot", "yes", NULL },
	{ "isRoot", "perhaps", "neither Yes nor No" },
	{ "authType", "none", "not one of: cookie http-basic" },
	{ "fetchAllow", "http,x", "holds words other than: http mms rtmp file pipe" },
	{ "networkID", "12", "not 32 hex digits" },
	{ "broadcastID", "00000000000000000000000000000000", "zero" },
	{ "broadcastID", ID_B, NULL },
	{ "serverName", "a\nisRoot = Yes", NULL },      /* one line in the file all the same */
	{ "nonsense", "1", "no such setting" },
	{ "ip", "1.2.3.4", "no such setting" },
	{ "forceFirewalled", "1", NULL },
	{ "password", "new", NULL },
	{ "preferredTheme", "dark", NULL },
	{ "preferredTheme", "da", "not one of: system light dark" },
	{ "preferredTheme", "", "not one of: system light dark" },
	{ "htmlPath", "html/ja", NULL },
	{ "htmlPath", "html/en html/ja", "not one of: html/en html/ja html/de html/fr" },
	{ "bindAddress", "192.0.2.1", NULL },
	{ "bindAddress", "::1", NULL },
	{ "bindAddress", "192.0.2.1:80", "not an IP address" },
	{ "bindAddress", "here", "not an IP address" },
	{ "forceIP", "me.example", NULL },
	{ "forceIP", "[2001:db8::1]", NULL },
	{ "forceIP", "my name", "neither an address nor a name" },
	{ "rootHost", "yp.example, yp.example:7146 ,[2001:db8::1]:7146,192.0.2.1", NULL },
	{ "rootHost", "yp.example:0", "not host or host:port, separated by commas" },
	{ "rootHost", "yp.example,pcp://yp.example/", "not host or host:port, separated by commas" },
	{ "allowedHosts", "a_b.example", NULL },
	{ "livesyncGroup", "239.1.2.3", NULL },
	{ "livesyncGroup", "192.0.2.1", "not an IPv4 multicast address" },
	{ "livesyncBind", "192.0.2.1", NULL },
	{ "livesyncBind", "224.0.0.1", "not an IPv4 address" },
	{ "livesyncBind", "::1", "not an IPv4 address" },
	{ "livesyncPeers", "192.0.2.1, 192.0.2.2:9000", NULL },
	{ "livesyncPeers", "root.example", "not IPv4 addresses, separated by commas" },
	{ "livesyncPeers", "192.0.2.1:70000", "not IPv4 addresses, separated by commas" },
	{ "livesyncAllow", "192.0.2.1, 192.0.2.0/24", NULL },
	{ "livesyncAllow", "192.0.2.0/33", "not addresses a.b.c.d or networks a.b.c.d/n, separated by commas" },
	{ "livesyncAllow", "2001:db8::/32", "not addresses a.b.c.d or networks a.b.c.d/n, separated by commas" },
};

START_TEST(set_rules)
{
	struct settings *st = settings_new(false), *again;
	char why[SETTINGS_WHY] = "?", *before = emit(st), *after;
	enum status r = settings_set(st, sets[_i].key, sets[_i].text, why);

	ck_assert_int_eq(r, sets[_i].why == NULL ? ST_OK : ST_PROTO);
	ck_assert_str_eq(why, sets[_i].why != NULL ? sets[_i].why : "");
	after = emit(st);
	ck_assert((strcmp(before, after) == 0) == (sets[_i].why != NULL || sets[_i].text[0] == '0'));
	again = parse(after);
	ck_assert_str_eq(buf_cstr(&warned), "");
	ck_assert(!again->is_root || strcmp(sets[_i].key, "isRoot") == 0);
	free(before);
	free(after);
	settings_free(&st);
	settings_free(&again);
}
END_TEST

START_TEST(long_texts)
{
	static const struct {
		const char *key, *end;
		size_t n;
		size_t kept;
	} t[] = {
		{ "serverName", "", 255, 255 },
		{ "serverName", "", 256, 255 },
		{ "serverName", "\xe3\x81\x82", 253, 253 },     /* 253 + 3: the character goes whole */
		{ "password", "", 200, 200 },
		{ "password", "", 60000, 255 },
		{ "chanLog", "", 1023, 1023 },
		{ "chanLog", "", 1024, 0 },                     /* a path is never cut */
		{ "htmlPath", "", 127, 127 },
		{ "htmlPath", "", 128, 7 },
		{ "rtmpKey", "", 2000, 0 },
	};

	for (size_t i = 0; i < NELEM(t); i++) {
		struct settings *st, *draft = settings_new(false);
		char why[SETTINGS_WHY];
		struct buf b;
		bool fits;

		buf_init(&b, 1 << 20);
		buf_printf(&b, QUIET "serverPort = 81\n%s = ", t[i].key);
		for (size_t j = 0; j < t[i].n; j++)
			buf_u8(&b, 'x');
		buf_printf(&b, "%s\nmaxDirect = 5\n", t[i].end);
		st = parse_n(b.p, b.len);
		ck_assert_msg(strlen(get(st, t[i].key)) == t[i].kept, "%zu: %s", i, get(st, t[i].key));
		ck_assert_uint_eq(st->server_port, 81);
		ck_assert_uint_eq(st->max_direct, 5);
		fits = t[i].kept == t[i].n + strlen(t[i].end);
		ck_assert_msg((warned.len == 0) == fits, "%zu: %s", i, buf_cstr(&warned));
		ck_assert(fits || strncmp(buf_cstr(&warned), "6: ", 3) == 0);

		/* Strictly, nothing is cut, and a language is one there is. */
		buf_reset(&b);
		for (size_t j = 0; j < t[i].n; j++)
			buf_u8(&b, 'x');
		buf_puts(&b, t[i].end);
		fits = fits && strcmp(t[i].key, "htmlPath") != 0;
		ck_assert_int_eq(settings_set(draft, t[i].key, buf_cstr(&b), why), fits ? ST_OK : ST_PROTO);
		buf_fini(&b);
		settings_free(&st);
		settings_free(&draft);
	}
}
END_TEST

START_TEST(long_line)
{
	struct settings *st;
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_puts(&b, QUIET "serverName = ");
	for (size_t j = 0; j < 100000; j++)
		buf_u8(&b, 'x');
	buf_puts(&b, "\nserverPort = 82\n");
	st = parse_n(b.p, b.len);
	ck_assert_str_eq(buf_cstr(&warned), "5: longer than 65536 bytes: line ignored\n");
	ck_assert_str_eq(st->server_name, "");
	ck_assert_uint_eq(st->server_port, 82);
	buf_fini(&b);
	settings_free(&st);
}
END_TEST

START_TEST(secrets_are_not_quoted)
{
	struct settings *st = parse(QUIET "password = hush\x01hush\npassword = \xff\xff" "hush\n"
		"broadcastID = hushhush\nrtmpKey = hush\x7f\n");

	ck_assert_uint_gt(warned.len, 0);
	ck_assert_ptr_null(strstr(buf_cstr(&warned), "hush"));
	settings_free(&st);
}
END_TEST

START_TEST(unknown_names_are_warned_about_once_and_not_for_ever)
{
	struct settings *st;
	struct buf b;
	size_t lines = 0;

	buf_init(&b, 1 << 20);
	buf_puts(&b, QUIET);
	for (unsigned i = 0; i < 1000; i++)
		buf_printf(&b, "junk%u = x\njunk%u = y\n", i, i);
	st = parse_n(b.p, b.len);
	for (const char *s = buf_cstr(&warned); *s != '\0'; s++)
		lines += *s == '\n';
	ck_assert_uint_eq(lines, 201);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&warned), "0: 1600 more unknown lines\n"));
	buf_fini(&b);
	settings_free(&st);
}
END_TEST

/* --- broadcastID and a root's defaults --- */

START_TEST(broadcast_id)
{
	static const struct {
		const char *line;
		const char *warn;
	} t[] = {
		{ "", "" },
		{ "broadcastID = \n", "" },
		{ "broadcastID = zz\n",
		  "4: broadcastID: not 32 hex digits, another one is made\n" },
		{ "broadcastID = 00000000000000000000000000000000\n",
		  "4: broadcastID: zero, another one is made\n" },
		{ "broadcastID = 00A1B2C3D4E5F60718293A4B5C6D7E8\n",
		  "4: broadcastID: not 32 hex digits, another one is made\n" },
	};
	uint8_t last[SETTINGS_ID] = { 0 };

	for (size_t i = 0; i < NELEM(t); i++) {
		struct settings *st;
		char text[256];

		snprintf(text, sizeof(text), "[Filter]\nip = ::/0\n[End]\n%s", t[i].line);
		st = parse(text);
		ck_assert_str_eq(buf_cstr(&warned), t[i].warn);
		ck_assert(st->broadcast_id_made);
		ck_assert_uint_eq(st->broadcast_id[0], 0);
		ck_assert_mem_ne(st->broadcast_id, last, sizeof(last));
		memcpy(last, st->broadcast_id, sizeof(last));
		settings_free(&st);
	}
	struct settings *st = parse(QUIET);

	ck_assert(!st->broadcast_id_made);
	ck_assert_str_eq(get(st, "broadcastID"), ID_A);
	settings_free(&st);
}
END_TEST

START_TEST(root_defaults)
{
	static const struct {
		const char *text;
		uint32_t serv_in, controls;
	} t[] = {
		{ "isRoot = No\n", 50, 3 },
		{ "isRoot = Yes\n", 2000, 1000 },
		{ "maxServIn = 50\nisRoot = Yes\n", 50, 1000 },
		{ "isRoot = Yes\nmaxControlConnections = 3\n", 2000, 3 },
		{ "isRoot = Yes\nmaxControlConnections = x\nmaxServIn = 60\n", 60, 3 },
	};

	for (size_t i = 0; i < NELEM(t); i++) {
		struct settings *st = parse(t[i].text);

		ck_assert_uint_eq(st->max_serv_in, t[i].serv_in);
		ck_assert_uint_eq(st->max_control_connections, t[i].controls);
		settings_free(&st);
	}
}
END_TEST

START_TEST(yp_name)
{
	struct settings *st = parse(QUIET "serverName = node\n");

	ck_assert_str_eq(settings_yp_name(st), "node");
	ck_assert_int_eq(settings_set(st, "ypName", "yp", NULL), ST_OK);
	ck_assert_str_eq(settings_yp_name(st), "yp");
	settings_free(&st);
}
END_TEST

/* --- whole files --- */

/* Take out of `text` what PeerCast-YT does not write: our keys, our sections with their blank line. */
static void strip_ours(char *text)
{
	static const char *const ours[] = {
		"bindAddress", "allowedHosts", "trustLocalhost", "maxChannels", "maxPerAddress", "sandbox",
		"chanLogMode", "chanLogGroup", "chanLogCompat", "chanLogEvents", "chanLogAfterHost",
		"chanLogMaxSize", "chanLogSynced", "sourceGraceSec", "rtmpServer", "rtmpPort",
		"rtmpBind", "rtmpKey", "fetchAllow", "mediaDir", "onHeaderChange", "boardHosts",
		"portMapping", "hls", "logFormat", "logMaxSize", "logKeep", "logRate", "metrics",
	};
	char *from = text, *to = text;
	bool ours_sect = false;

	while (*from != '\0') {
		size_t n = strcspn(from, "\n") + 1;
		bool drop = ours_sect;

		if (strncmp(from, "\n[", 2) == 0)
			drop = ours_sect = strncmp(from, "\n[Root]", 7) == 0 ||
				strncmp(from, "\n[LiveSync]", 11) == 0 ||
				strncmp(from, "\n[Record]", 9) == 0;
		for (size_t i = 0; i < NELEM(ours); i++)
			drop |= strncmp(from, ours[i], strlen(ours[i])) == 0 &&
				from[strlen(ours[i])] == ' ';
		if (!drop) {
			memmove(to, from, n);
			to += n;
		}
		from += n;
	}
	*to = '\0';
}

/* Files of PeerCast-YT come back byte for byte, with our keys between their lines. */
START_TEST(reference_files)
{
	static const char *const files[] = {
		"test/data/ini/fresh.ini", "test/data/ini/root.ini", "test/data/ini/tracker.ini",
	};
	char *text = slurp(files[_i]), *out, *twice;
	struct settings *st = parse(text), *again;

	ck_assert_msg(warned.len == 0, "%s", buf_cstr(&warned));
	out = emit(st);
	again = parse(out);
	ck_assert_msg(warned.len == 0, "%s", buf_cstr(&warned));
	twice = emit(again);
	ck_assert_str_eq(out, twice);
	ck_assert_ptr_nonnull(strstr(out, "\n[LiveSync]\n"));
	ck_assert_ptr_nonnull(strstr(out, "\nbindAddress = \n"));
	strip_ours(out);
	ck_assert_str_eq(out, text);
	free(text);
	free(out);
	free(twice);
	settings_free(&st);
	settings_free(&again);
}
END_TEST

/* What a first start writes, without comments, is PeerCast-YT's but for the id. */
START_TEST(first_file)
{
	struct settings *st = settings_new(false);
	char *want = slurp("test/data/ini/fresh.ini"), *out;

	ck_assert_int_eq(settings_set(st, "broadcastID", "00F03A8BB64668733DD2BA07AE60A5C0", NULL),
		ST_OK);
	out = emit(st);
	strip_ours(out);
	ck_assert_str_eq(out, want);
	free(out);
	free(want);
	settings_free(&st);
}
END_TEST

/* peercast.ini of this repository: no faults, every key there with the comment of the table and its
 * default, no YP, no feed; and the node leaves it as it is but for the id. */
START_TEST(shipped_file)
{
	char *text = slurp("peercast.ini"), *out, *head, line[256];
	struct settings *st = parse(text), *plain = settings_new(false);
	size_t n;

	ck_assert_msg(warned.len == 0, "%s", buf_cstr(&warned));
	ck_assert(st->broadcast_id_made);
	ck_assert_str_eq(st->root_host, "");
	(void)settings_feeds(st, &n);
	ck_assert_uint_eq(n, 0);
	(void)settings_uptests(st, &n);
	ck_assert_uint_eq(n, 0);
	(void)settings_filters(st, &n);
	ck_assert_uint_eq(n, 2);
	for (size_t i = 0; i < key_n; i++) {
		const struct key *k = &key_table[i];
		char want[512];

		if ((k->flags & (KEY_READONLY | KEY_OPTIONAL)) != 0 || k->sect == SECT_HOST ||
		    k->sect == SECT_FEED || k->sect == SECT_UPTEST || k->sect == SECT_HOOK)
			continue;
		snprintf(want, sizeof(want), "\n%s = ", k->name);
		head = strstr(text, want);
		ck_assert_msg(head != NULL, "%s", k->name);
		while (head > text && head[-1] != '\n')
			head--;
		ck_assert_msg(*head == '#', "%s has no comment", k->name);
		snprintf(want, sizeof(want), "\n# %s\n", k->doc);
		ck_assert_msg(strstr(text, want) != NULL, "%s", k->name);
		if (sect_info[k->sect].kind == SECT_LIST || strcmp(k->name, "rootHost") == 0 ||
		    strcmp(k->name, "broadcastID") == 0)
			continue;
		ck_assert_str_eq(get(st, k->name), k->dflt);
		ck_assert_str_eq(get(plain, k->name), k->dflt);
	}
	out = emit(st);
	only_difference(text, out, line, sizeof(line));
	ck_assert(strncmp(line, "broadcastID = 00", 16) == 0);
	free(text);
	free(out);
	settings_free(&st);
	settings_free(&plain);
}
END_TEST

/* Comments and foreign lines stay where they are; the canonical layout is left as it is. */
START_TEST(kept_lines)
{
	struct settings *st = parse(""), *again;
	char *plain, *text, *out;
	struct buf b;
	const char *s;

	/* Build a canonical file with something foreign in many places. */
	settings_free(&st);
	st = settings_new(true);
	plain = emit(st);
	buf_init(&b, 1 << 20);
	buf_puts(&b, "; first line\n\n");
	for (s = plain; *s != '\0';) {
		size_t n = strcspn(s, "\n") + 1;

		if (strncmp(s, "serverPort", 10) == 0)
			buf_puts(&b, "foreignKey = 1\nforeign line\n# mine: port\n\n");
		if (strncmp(s, "ip = ::/0", 9) == 0)
			buf_puts(&b, "# IPv6\nnewer = x\n");
		if (strncmp(s, "[Filter]", 8) == 0)
			buf_puts(&b, "# a filter\n");
		if (strncmp(s, "[Debug]", 7) == 0)
			buf_puts(&b, "[Foreign]\nserverPort = 9\n# in it\n\nx\n[End]\n# debug\n");
		if (strncmp(s, "enableSSL", 9) == 0)
			buf_puts(&b, "dontKnowFlag = Yes\n");
		if (strncmp(s, "[End]", 5) == 0)
			buf_puts(&b, "# at the end\n");
		buf_put(&b, s, n);
		s += n;
	}
	buf_puts(&b, "\n# the last line\n");
	text = strdup(buf_cstr(&b));
	settings_free(&st);
	st = parse(text);
	ck_assert_uint_eq(st->server_port, 7144);
	out = emit(st);
	ck_assert_str_eq(out, text);
	free(out);

	/* The comments go with their entry, and come back with it. */
	ck_assert_int_eq(settings_set(st, "serverPort", "99", NULL), ST_OK);
	{
		struct settings_filter f[] = { { .ip = "::/0" }, { .ip = "192.0.2.1", .ban = true } };

		settings_filters_clear(st);
		ck_assert_int_eq(settings_filter_add(st, &f[1], NULL), ST_OK);
		ck_assert_int_eq(settings_filter_add(st, &f[0], NULL), ST_OK);
	}
	again = settings_copy(st);
	settings_free(&st);
	out = emit(again);
	ck_assert_ptr_nonnull(strstr(out, "foreignKey = 1\nforeign line\n# mine: port\n\n"
		"serverPort = 99\n"));
	ck_assert_ptr_nonnull(strstr(out, "# IPv6\nnewer = x\nip = ::/0\nprivate = No\nban = No\n"
		"network = No\n"));
	ck_assert_ptr_nonnull(strstr(out, "ban = Yes\nnetwork = No\ndirect = No\n[End]\n\n# a filter\n"));
	free(out);
	free(plain);
	free(text);
	buf_fini(&b);
	settings_free(&again);
}
END_TEST

/* Whatever the layout, the second writing changes nothing. */
static const char *const layouts[] = {
	"",
	"\n\n\n",
	"# only a comment",
	"serverPort=81",
	"[Server]\nserverPort = 81\n# end of server\n[Broadcast]\n",
	"[Server]\nserverPort = 81\n# end of server\n\n[Broadcast]\n",
	"# a\nserverPort = 1\n# b\nserverPort = 2\n# c\nserverPort = 3\n# d\n",
	"autoConnect = 1\n# x\ndeadHitAge = 1\n",
	"[Filter]\n# inside\nban = 1\nip = 1.2.3.4\n# b\nban = 0\n[Filter]\nip = 1.2.3.5\n# open",
	"[Flags]\n# 1\nforceFirewalled = 1\n# 2\n[End]\n# 3\n[Flags]\n# 4\n[End]\n",
	/* What stands in a block stays in one, what stands outside stays out. */
	"[Flags]\n[End]\n[Flags]\nserverPort = 5\n[End]\nq\n",
	"# a\n[Flags]\n[End]\n[X]\nq\n[End]\n[Flags]\nforceFirewalled = 1\n[End]\n",
	"[Flags]\n[End]\nq\n[Feed]\n[End]\n[Flags]\nforceFirewalled = 1\n[End]\n[Notify]\n",
	"[RelayChannel]\n# c\n\nname = x\nid = 0102030405060708090A0B0C0D0E0F10\nx = 1\n[End]\n# y\n",
	"[RelayChannel]\nname = no id\n[End]\n[Feed]\nurl = ftp://x/\n[End]\n",
	"[Feed]\nurl = http://a/\n[End]\n[Feed]\nurl = http://a/\n[End]\n",
	"[Feed]\nurl = http://a/\n# 1\n[End]\n[Feed]\nurl = http://a/\n[End]\nserverPort = 5\n",
	"[Feed]\nurl = http://a/\nrootHost = a:1\n[End]\n",
	"[Hook]\n# x\nevent = listed\n# y\ncommand = a\nurl =\n[Hook]\nurl = x\nsecret = b\n",
	"[Host]\ntype = TRACKER\naddress = 1.2.3.4:7144\ntime = 1700000000\n[End]\n",
	"[X]\nserverPort = 4\n[Y]\n[Z]\nq\n[End]\n[End]\n",
	"junk\x02\tbinary\x01\n\xff\xfe\n",
	"\xef\xbb\xbf\xef\xbb\xbfx\n\n",
};

START_TEST(writing_is_stable)
{
	struct settings *st = parse(layouts[_i]);
	char *a, *b, *c;

	a = emit(st);
	settings_free(&st);
	st = parse(a);
	b = emit(st);
	settings_free(&st);
	ck_assert_str_eq(a, b);
	st = parse(b);
	c = emit(st);
	ck_assert_str_eq(a, c);
	settings_free(&st);
	free(a);
	free(b);
	free(c);
}
END_TEST

/* A cut that leaves a blank at the end is not read back differently. */
START_TEST(cut_at_a_blank)
{
	struct settings *st;
	char *a, *b;
	struct buf t;

	buf_init(&t, 1 << 16);
	buf_puts(&t, QUIET "serverName = ");
	for (int i = 0; i < 254; i++)
		buf_u8(&t, 'x');
	buf_puts(&t, " y\n[RelayChannel]\nid = " ID_B "\nname = ");
	for (int i = 0; i < SETTINGS_VALUE - 2; i++)
		buf_u8(&t, 'x');
	buf_puts(&t, " y\n[End]\n");
	st = parse_n(t.p, t.len);
	ck_assert_uint_eq(strlen(st->server_name), 254);
	a = emit(st);
	settings_free(&st);
	st = parse(a);
	ck_assert_str_eq(buf_cstr(&warned), "");
	b = emit(st);
	ck_assert_str_eq(a, b);
	free(a);
	free(b);
	buf_fini(&t);
	settings_free(&st);
}
END_TEST

/* Thousands of comments for one key do not make one text grow and grow: each goes to a place that is
 * still free, the rest to the end. */
START_TEST(a_key_that_stands_twice)
{
	struct settings *st = parse("# 1\nserverPort = 1\n# 2\nserverPort = 2\n# 3\nautoServe = 1\n");
	char *out = emit(st);

	ck_assert_uint_eq(st->server_port, 2);
	ck_assert_ptr_nonnull(strstr(out, "\n# 1\nserverPort = 2\n# 2\n# 3\nautoServe = Yes\n"));
	free(out);
	settings_free(&st);
}
END_TEST

/* --- lists --- */

START_TEST(filters)
{
	struct settings *st = parse("[Filter]\nip = 192.0.2.0/24\nprivate = y\n[End]\n"
		"[filter]\nIP = .example.jp\nallow = 1\ndirect = 1\n[END]\n[Filter]\nban = 1\n[End]\n");
	const struct settings_filter *f;
	size_t n;

	f = settings_filters(st, &n);
	ck_assert_str_eq(buf_cstr(&warned), "");
	ck_assert_uint_eq(n, 3);
	ck_assert_str_eq(f[0].ip, "192.0.2.0/24");
	ck_assert(f[0].is_private && !f[0].ban && !f[0].network && !f[0].direct);
	ck_assert_str_eq(f[1].ip, ".example.jp");
	ck_assert(!f[1].is_private && !f[1].ban && f[1].network && f[1].direct);
	ck_assert_str_eq(f[2].ip, "");
	ck_assert(f[2].ban);
	settings_free(&st);

	/* A filter without [End] does not swallow the next one. */
	st = parse("[Filter]\nban = 1\nip = 192.0.2.9\n"
		"[Filter]\nip = 255.255.255.255\ndirect = 1\n[End]\n");
	f = settings_filters(st, &n);
	ck_assert_str_eq(buf_cstr(&warned), "1: [Filter] has no [End]: it ends at line 4\n");
	ck_assert_uint_eq(n, 2);
	ck_assert(f[0].ban && strcmp(f[0].ip, "192.0.2.9") == 0);
	ck_assert(!f[1].ban && f[1].direct && strcmp(f[1].ip, "255.255.255.255") == 0);
	settings_free(&st);

	/* None at all: everybody, and it is said. */
	st = parse("serverPort = 1\n");
	f = settings_filters(st, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(f[0].ip, "255.255.255.255");
	ck_assert_str_eq(f[1].ip, "::/0");
	ck_assert(f[0].network && f[0].direct && !f[0].ban && !f[0].is_private);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&warned), "0: no [Filter]"));
	settings_free(&st);
}
END_TEST

START_TEST(list_limits)
{
	struct settings_filter more = { .ip = "192.0.2.1" };
	char why[SETTINGS_WHY], *out;
	struct settings *st;
	struct buf b;
	size_t n, lines = 0, blocks = 0;

	buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < SETTINGS_FILTERS + 60; i++)
		buf_printf(&b, "[Filter]\nip = 10.0.%u.%u\nban = Yes\n[End]\n", i / 256, i % 256);
	buf_puts(&b, "serverPort = 83\n");
	st = parse_n(b.p, b.len);
	(void)settings_filters(st, &n);
	ck_assert_uint_eq(n, SETTINGS_FILTERS);
	ck_assert_uint_eq(st->server_port, 83);
	for (const char *s = buf_cstr(&warned); *s != '\0'; s++)
		lines += *s == '\n';
	ck_assert_uint_eq(lines, 1);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&warned), "4001: [Filter]: more than 1000"));
	ck_assert_int_eq(settings_filter_add(st, &more, why), ST_LIMIT);
	ck_assert_str_eq(why, "more than 1000");

	/* The operator's lines are still there when the file is written. */
	out = emit(st);
	for (const char *s = out; (s = strstr(s, "[Filter]")) != NULL; s++)
		blocks++;
	ck_assert_uint_eq(blocks, SETTINGS_FILTERS + 60);
	free(out);
	buf_fini(&b);
	settings_free(&st);
}
END_TEST

START_TEST(feeds)
{
	struct settings *st = parse(QUIET
		"[Feed]\nurl = http://a.example/index.txt\n[End]\n"
		"[Feed]\nurl = HTTPS://b.example/\nrootHost = b.example:7146\n[End]\n"
		"[Feed]\nurl = http://a.example/index.txt\n[End]\n"
		"[Feed]\nurl = ftp://c.example/\n[End]\n"
		"[Feed]\n[End]\n"
		"[Uptest]\nurl = http://d.example/yp4g.xml\n[End]\n"
		"[Uptest]\nurl = https://e.example/yp4g.xml\n[End]\n");
	const struct settings_feed *f;
	const struct settings_uptest *u;
	struct settings_feed add = { .url = "http://a.example/index.txt" };
	char why[SETTINGS_WHY];
	size_t n;

	f = settings_feeds(st, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(f[0].url, "http://a.example/index.txt");
	ck_assert_str_eq(f[0].root_host, "");
	ck_assert_str_eq(f[1].url, "HTTPS://b.example/");
	ck_assert_str_eq(f[1].root_host, "b.example:7146");
	u = settings_uptests(st, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(u[0].url, "http://d.example/yp4g.xml");
	ck_assert_str_eq(buf_cstr(&warned),
		"12: [Feed]: it is there already; not used\n"
		"15: [Feed]: its url is not an http or https URL; not used\n"
		"18: [Feed]: its url is not an http or https URL; not used\n"
		"23: [Uptest]: its url is not an http URL; not used\n");

	ck_assert_int_eq(settings_feed_add(st, &add, why), ST_PROTO);
	ck_assert_str_eq(why, "it is there already");
	(void)text_copy(add.url, sizeof(add.url), "http://f.example/\nisRoot = Yes");
	ck_assert_int_eq(settings_feed_add(st, &add, why), ST_PROTO);
	ck_assert_str_eq(why, "url: not a usable text");
	memset(add.url, 'h', sizeof(add.url));
	ck_assert_int_eq(settings_feed_add(st, &add, why), ST_PROTO);
	settings_free(&st);
}
END_TEST

static const struct {
	const char *url;
	bool ok;
} hook_urls[] = {
	{ "http://a", true }, { "HTTPS://a:8080/x", true }, { "http://a:1?x:y", true }, { "http://a/b:c@d", true },
	{ "http://u:p@a/", true }, { "http://u:p@a:80#x", true }, { "http://u:p%2Fq@a", true },
	{ "http://[2001:db8::1]", true }, { "http://u:p@[::1]:80/", true }, { "http://u:1/q@a/", true },
	{ "http://u:p/q@a", false }, { "http://u:p?q@a/", false }, { "http://u:p#q@a/", false },
	{ "http://u:1p/q@a/", false }, { "http://a:", false }, { "http://a:/", false },
	{ "http://a:123456/", false }, { "http://[::1]:x/", false }, { "http://:", false },
};

/* A password with a '/' in it would end the host's name, and be shown. */
START_TEST(hook_url)
{
	const struct settings_hook *h;
	struct settings *st;
	char text[256];
	size_t n;

	(void)snprintf(text, sizeof(text), QUIET "[Hook]\nurl = %s\n[End]\n", hook_urls[_i].url);
	st = parse(text);
	h = settings_hooks(st, &n);
	ck_assert_uint_eq(n, hook_urls[_i].ok);
	if (hook_urls[_i].ok)
		ck_assert_str_eq(h->url, hook_urls[_i].url);
	else
		ck_assert_ptr_nonnull(strstr(buf_cstr(&warned), "[Hook]: its url has no port behind the ':'"));
	settings_free(&st);
}
END_TEST

START_TEST(hooks)
{
	struct settings *st = parse(QUIET
		"[Hook]\nevent = viewerJoin, channelstop\ncommand = a 'b c'\n[End]\n"
		"# mine\n[Hook]\nurl = HTTPS://a/\n# key\nsecret = s\ntimeout = 300\nretries = 0\n[End]\n"
		"[Hook]\ncommand = a\nurl = http://a/\n[End]\n"
		"[Hook]\nevent = listed\n[End]\n"
		"[Hook]\nurl = gopher://secret/\n[End]\n"
		"[Hook]\nevent = moon\ncommand = a\n[End]\n"
		"[Hook]\ncommand = 'a\n[End]\n"
		"[Hook]\ncommand = '' a\n[End]\n"
		"[Hook]\ncommand = a 'b c'\nurl =\ntimeout = 301\n[End]\n"), *again;
	const struct settings_hook *h;
	char *out, *twice;
	size_t n;

	h = settings_hooks(st, &n);
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(h[0].events, HOOK_VIEWER_JOIN | HOOK_CHANNEL_STOP);
	ck_assert_str_eq(h[0].command, "a 'b c'");
	ck_assert_str_eq(h[0].url, "");
	ck_assert_uint_eq(h[0].timeout_s, 10);
	ck_assert_uint_eq(h[0].retries, 5);
	/* all but those of viewers */
	ck_assert_uint_eq(h[1].events, HOOK_VIEWER_JOIN - 1);
	ck_assert_str_eq(h[1].url, "HTTPS://a/");
	ck_assert_str_eq(h[1].secret, "s");
	ck_assert_uint_eq(h[1].timeout_s, 300);
	ck_assert_uint_eq(h[1].retries, 0);
	ck_assert_str_eq(h[2].command, "a 'b c'");
	ck_assert_uint_eq(h[2].timeout_s, 10);
	ck_assert_str_eq(buf_cstr(&warned),
		"17: [Hook]: it has both a command and a url; not used\n"
		"21: [Hook]: it has no command and no url; not used\n"
		"24: [Hook]: its url is not an http or https URL; not used\n"
		"28: event: holds words other than: channelStart channelStop listed unlisted portChange "
		"childJoin childLeave viewerJoin viewerLeave\n"
		"27: [Hook]: it names no event; not used\n"
		"31: [Hook]: a quote in its command is not closed; not used\n"
		"34: [Hook]: its command names no program; not used\n"
		"40: timeout: out of range 1-300; stays 10\n");
	out = emit(st);
	ck_assert_ptr_nonnull(strstr(out, "[Hook]\nevent = channelStop,viewerJoin\ncommand = a 'b c'\n"
		"timeout = 10\nretries = 5\n[End]\n\n# mine\n[Hook]\nevent = channelStart,"));
	ck_assert_ptr_nonnull(strstr(out, "# key\nsecret = s\ntimeout = 300\nretries = 0\n[End]\n"));
	ck_assert_ptr_nonnull(strstr(out, "gopher://secret/"));         /* the operator's line stays */
	again = parse(out);
	twice = emit(again);
	ck_assert_str_eq(out, twice);
	free(out);
	free(twice);
	settings_free(&st);
	settings_free(&again);

	/* by no other way than the file */
	st = settings_new(false);
	ck_assert_int_eq(settings_set(st, "command", "a", NULL), ST_PROTO);
	ck_assert_int_eq(settings_set(st, "Hook/command", "a", NULL), ST_PROTO);
	ck_assert_int_eq(settings_set(st, "serverName", "a\n[Hook]\ncommand = a\n[End]", NULL), ST_OK);
	out = emit(st);
	again = parse(out);
	(void)settings_hooks(again, &n);
	ck_assert_uint_eq(n, 0);
	free(out);
	settings_free(&st);
	settings_free(&again);
}
END_TEST

START_TEST(hosts)
{
	struct settings *st = parse(QUIET
		"[Host]\ntype = TRACKER\naddress = 192.0.2.7:7144\ntime = 1700000000\n[End]\n"
		"[Host]\ntype = ALIEN\naddress = x\ntime = -1\n[End]\n");
	const struct settings_host *h;
	char *out = emit(st);
	size_t n;

	h = settings_hosts(st, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert(h[0].type == HOSTTYPE_TRACKER);
	ck_assert_str_eq(h[0].address, "192.0.2.7:7144");
	ck_assert_uint_eq(h[0].time, 1700000000);
	ck_assert(h[1].type == HOSTTYPE_NONE);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&warned), "11: type: not one of"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&warned), "13: time: out of range"));
	ck_assert_ptr_nonnull(strstr(out, "\n\n[Host]\ntype = TRACKER\naddress = 192.0.2.7:7144\n"
		"time = 1700000000\n[End]\n"));
	free(out);
	settings_free(&st);
}
END_TEST

/* The block of node.md 2.1. */
#define RELAY "\n[RelayChannel]\nname = \ndesc = \ngenre = \ncontactURL = \ncomment = \n" \
	"sourceURL = http://127.0.0.1:9/x\nsourceProtocol = HTTP\ncontentType = UNKNOWN\n" \
	"MIMEType = application/octet-stream\nstreamExt = \nbitrate = 0\nid = " ID_B "\n" \
	"stayConnected = Yes\ntracker = 203.0.113.5:7144\ntrackContact = \ntrackTitle = \n" \
	"trackArtist = \ntrackAlbum = \ntrackGenre = \nipVersion = 4\n[End]\n"

START_TEST(relays_of_a_file)
{
	struct settings *st = parse(QUIET RELAY
		"[RelayChannel]\nname = a\nNAME = \x83\x65\nfuture = 1\nid = " ID_A "\n"
		"stayConnected = no\n[End]\n"
		"[RelayChannel]\nid = " ID_A "\n[End]\n"
		"[RelayChannel]\nid = 12\nname = x\n[End]\n");
	const struct settings_relay *r;
	uint8_t id[SETTINGS_ID], want[SETTINGS_ID];
	char *out = emit(st);
	size_t n;

	r = settings_relays(st, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert(settings_relay_id(&r[0], id) && hex_parse(want, sizeof(want), ID_B));
	ck_assert_mem_eq(id, want, sizeof(id));
	ck_assert(settings_relay_stays(&r[0]));
	ck_assert_str_eq(settings_relay_get(&r[0], "tracker"), "203.0.113.5:7144");
	ck_assert_str_eq(settings_relay_get(&r[0], "SOURCEurl"), "http://127.0.0.1:9/x");
	ck_assert_str_eq(settings_relay_get(&r[0], "name"), "");
	ck_assert_ptr_null(settings_relay_get(&r[0], "future"));
	ck_assert_ptr_eq(settings_relay_find(st, want), &r[0]);
	ck_assert_str_eq(settings_relay_get(&r[1], "name"), "\xe3\x83\x86");
	ck_assert_str_eq(settings_relay_get(&r[1], "future"), "1");
	ck_assert(!settings_relay_stays(&r[1]));
	ck_assert_ptr_nonnull(strstr(out, RELAY));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&warned), "30: NAME: not clean UTF-8, repaired\n"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&warned), "31: unknown key \"future\" in [RelayChannel]\n"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&warned), "35: [RelayChannel]: it is there already"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&warned), "38: [RelayChannel]: it has no usable id"));
	free(out);
	settings_free(&st);
}
END_TEST

START_TEST(relay_limits)
{
	struct settings_pair pairs[SETTINGS_PAIRS + 1] = { { "id", ID_B } };
	char names[SETTINGS_PAIRS + 1][16], *big = malloc(SETTINGS_VALUE + 1);
	struct settings *st;
	struct buf b;

	/* 64 lines are kept, the others warned about; a value is cut. */
	buf_init(&b, 1 << 20);
	buf_puts(&b, QUIET "[RelayChannel]\nid = " ID_B "\nname = ");
	for (int i = 0; i < 5000; i++)
		buf_u8(&b, 'x');
	for (int i = 0; i < 70; i++)
		buf_printf(&b, "\nn%d = %d", i, i);
	buf_puts(&b, "\n# one too many\n[End]\nserverPort = 84\n");
	st = parse_n(b.p, b.len);
	ck_assert_uint_eq(st->server_port, 84);
	ck_assert_uint_eq(settings_relays(st, &(size_t){ 0 })[0].n, SETTINGS_PAIRS);
	ck_assert_uint_eq(strlen(settings_relay_get(settings_relays(st, &(size_t){ 0 }), "name")),
		SETTINGS_VALUE - 1);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&warned), "7: name: longer than 4095 bytes, cut\n"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&warned), "70: n62: too many lines in this block"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&warned), "78: too many lines in this block"));
	settings_free(&st);
	buf_fini(&b);

	st = settings_new(false);
	for (int i = 1; i <= SETTINGS_PAIRS; i++) {
		snprintf(names[i], sizeof(names[i]), "n%d", i);
		pairs[i] = (struct settings_pair){ names[i], "v" };
	}
	ck_assert_int_eq(settings_relay_put(st, pairs, SETTINGS_PAIRS + 1), ST_LIMIT);
	ck_assert_int_eq(settings_relay_put(st, pairs, SETTINGS_PAIRS), ST_OK);
	memset(big, 'x', SETTINGS_VALUE);
	big[SETTINGS_VALUE] = '\0';
	pairs[0] = (struct settings_pair){ "id", ID_A };
	pairs[1] = (struct settings_pair){ "name", big };
	ck_assert_int_eq(settings_relay_put(st, pairs, 2), ST_LIMIT);
	big[SETTINGS_VALUE - 1] = '\0';
	ck_assert_int_eq(settings_relay_put(st, pairs, 2), ST_OK);
	free(big);
	settings_free(&st);
}
END_TEST

START_TEST(relays_put_and_deleted)
{
	struct settings *st = parse(QUIET "[RelayChannel]\n# mine\nid = " ID_B "\nname = old\n"
		"tracker = 192.0.2.1:1\nfuture = 1\n[End]\n"), *copy;
	struct settings_pair pairs[] = {
		{ "name", "new \xe3\x81\x82" }, { "id", ID_B }, { "stayConnected", "Yes" },
	};
	struct settings_pair other[] = { { "id", ID_A }, { "name", "second" } };
	static const struct settings_pair bad[][2] = {
		{ { "name", "x" }, { "desc", "no id" } },
		{ { "id", "zz" }, { "name", "x" } },
		{ { "id", ID_A }, { "a=b", "x" } },
		{ { "id", ID_A }, { "[End]", "x" } },
		{ { "id", ID_A }, { "#x", "x" } },
		{ { "id", ID_A }, { "", "x" } },
		{ { "id", ID_A }, { "name", "x\n[End]\npassword = y" } },
		{ { "id", ID_A }, { "name", "\xff" } },
		{ { "id", "00000000000000000000000000000000" }, { "name", "x" } },
	};
	uint8_t id[SETTINGS_ID];
	char *out;
	size_t n;

	ck_assert_int_eq(settings_relay_put(st, pairs, NELEM(pairs)), ST_OK);
	ck_assert_int_eq(settings_relay_put(st, other, NELEM(other)), ST_OK);
	copy = settings_copy(st);
	settings_free(&st);
	out = emit(copy);
	ck_assert_ptr_nonnull(strstr(out, "\n[RelayChannel]\n# mine\nid = " ID_B "\n"
		"name = new \xe3\x81\x82\nfuture = 1\nstayConnected = Yes\n[End]\n\n"
		"[RelayChannel]\nid = " ID_A "\nname = second\n[End]\n"));
	free(out);
	for (size_t i = 0; i < NELEM(bad); i++)
		ck_assert_msg(settings_relay_put(copy, bad[i], 2) == ST_PROTO, "%zu", i);
	ck_assert(hex_parse(id, sizeof(id), ID_B));
	ck_assert(settings_relay_del(copy, id));
	ck_assert(!settings_relay_del(copy, id));
	ck_assert_ptr_null(settings_relay_find(copy, id));
	(void)settings_relays(copy, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert(hex_parse(id, sizeof(id), ID_A));
	ck_assert_ptr_nonnull(settings_relay_find(copy, id));
	settings_free(&copy);
}
END_TEST

START_TEST(copies_are_deep)
{
	struct settings *st = parse(RELAY "# c\nserverPort = 81\n"), *copy = settings_copy(st);
	char *a = emit(st), *b;

	ck_assert_ptr_nonnull(copy);
	settings_free(&st);
	b = emit(copy);
	ck_assert_str_eq(a, b);
	free(a);
	free(b);
	settings_free(&copy);
}
END_TEST

/* --- the file --- */

static char dir[64];

static void dir_setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/test_settings.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void dir_teardown(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static void put_file(const char *path, const char *text)
{
	ck_assert_int_eq(file_replace(path, text, strlen(text), 0644), ST_OK);
}

START_TEST(load_makes_the_file)
{
	struct settings *st, *again;
	char path[128], *text, *out;
	struct stat sb;
	bool unsaved = true;

	snprintf(path, sizeof(path), "%s/a/b/peercast.ini", dir);
	buf_fini(&warned);
	buf_init(&warned, 1 << 16);
	ck_assert_int_eq(settings_read(path, note_warning, &warned, &st, &unsaved), ST_SYS);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(settings_load(path, note_warning, &warned, &st, &unsaved), ST_OK);
	ck_assert(!unsaved);
	ck_assert_str_eq(buf_cstr(&warned), "");
	ck_assert_int_eq(stat(path, &sb), 0);
	ck_assert_uint_eq(sb.st_mode & 0777, 0600);
	text = slurp(path);
	out = emit(st);
	ck_assert_str_eq(text, out);
	ck_assert_str_eq(st->root_host, "yp.pcgw.pgw.jp:7146");
	ck_assert_ptr_nonnull(strstr(text, "\n# Port for everything"));
	ck_assert_int_eq(settings_load(path, note_warning, &warned, &again, &unsaved), ST_OK);
	ck_assert(!unsaved);
	ck_assert_str_eq(buf_cstr(&warned), "");
	ck_assert_mem_eq(st->broadcast_id, again->broadcast_id, SETTINGS_ID);
	free(text);
	free(out);
	settings_free(&st);
	settings_free(&again);
}
END_TEST

START_TEST(load_tells_what_is_not_saved)
{
	struct settings *st;
	char path[128], *text, *out;
	bool unsaved;

	snprintf(path, sizeof(path), "%s/peercast.ini", dir);
	text = slurp("test/data/ini/tracker.ini");
	put_file(path, text);
	ck_assert_int_eq(settings_load(path, NULL, NULL, &st, &unsaved), ST_OK);
	ck_assert(unsaved);                     /* our keys are not in it */
	ck_assert_str_eq(st->password, "h5pass");
	ck_assert_int_eq(settings_save(path, st), ST_OK);
	out = slurp(path);
	ck_assert_str_ne(out, text);
	settings_free(&st);
	ck_assert_int_eq(settings_load(path, NULL, NULL, &st, &unsaved), ST_OK);
	ck_assert(!unsaved);
	settings_free(&st);
	free(text);
	free(out);
}
END_TEST

START_TEST(load_failures)
{
	struct settings *st;
	char path[128];
	struct buf big;
	bool unsaved;

	/* A folder in the place of the file. */
	ck_assert_int_ne(settings_load(dir, NULL, NULL, &st, &unsaved), ST_OK);
	ck_assert_ptr_null(st);
	/* A file in the place of the folder: runs on defaults, and says so. */
	snprintf(path, sizeof(path), "%s/f", dir);
	put_file(path, "x");
	snprintf(path, sizeof(path), "%s/f/peercast.ini", dir);
	ck_assert_int_eq(settings_load(path, NULL, NULL, &st, &unsaved), ST_SYS);
	ck_assert_int_eq(errno, ENOTDIR);
	ck_assert_ptr_null(st);
	/* Too big. */
	buf_init(&big, SETTINGS_FILE_MAX + 1);
	memset(buf_reserve(&big, SETTINGS_FILE_MAX + 1), '\n', SETTINGS_FILE_MAX + 1);
	ck_assert_int_eq(settings_parse(big.p, SETTINGS_FILE_MAX + 1, NULL, NULL, &st), ST_LIMIT);
	ck_assert_ptr_null(st);
	snprintf(path, sizeof(path), "%s/big", dir);
	ck_assert_int_eq(file_replace(path, big.p, SETTINGS_FILE_MAX + 1, 0600), ST_OK);
	ck_assert_int_eq(settings_load(path, NULL, NULL, &st, &unsaved), ST_LIMIT);
	buf_fini(&big);
}
END_TEST

/* Any bytes: no fault but warnings, and what comes out is read back as it is. */
START_TEST(random_bytes)
{
	static const char *const words[] = {
		"[Filter]", "[End]", "[Flags]", "[Server]", "[RelayChannel]", "[X]", "=", " ", "\n", "\n",
		"\n", "# c", "serverPort", "ip", "url", "id", ID_B, "[Feed]", "http://a/", "\r", "\t",
		"\xff", "\x83\x65", "Yes", "7", "-", "forceFirewalled", "\x01", "junk", "[Host]",
		"autoConnect",
	};
	uint32_t seed = 12345 + (uint32_t)_i;

	for (int round = 0; round < 50; round++) {
		struct settings *st;
		struct buf b;
		char *first, *second;

		buf_init(&b, 1 << 16);
		for (int i = 0; i < 200; i++) {
			seed = seed * 1664525u + 1013904223u;
			if ((seed >> 28) == 0)
				buf_u8(&b, (uint8_t)(seed >> 8));
			else
				buf_puts(&b, words[(seed >> 8) % NELEM(words)]);
		}
		st = parse_n(b.p, b.len);
		first = emit(st);
		settings_free(&st);
		st = parse(first);
		second = emit(st);
		ck_assert_str_eq(first, second);
		settings_free(&st);
		free(first);
		free(second);
		buf_fini(&b);
	}
}
END_TEST

static void warned_teardown(void)
{
	buf_fini(&warned);
}

Suite *unit_suite(void)
{
	Suite *s = suite_create("settings");
	TCase *t = tcase_create("keys"), *v = tcase_create("values"), *w = tcase_create("whole");
	TCase *l = tcase_create("lists"), *f = tcase_create("file");
	TCase *const all[] = { t, v, w, l, f };

	for (size_t i = 0; i < NELEM(all); i++) {
		tcase_add_checked_fixture(all[i], NULL, warned_teardown);
		tcase_set_timeout(all[i], 60);
	}
	tcase_add_loop_test(t, key_round_trip, 0, NELEM(keys));
	tcase_add_loop_test(t, key_set, 0, NELEM(keys));
	tcase_add_test(t, key_table_is_complete);
	tcase_add_test(t, flat_keys_stand_anywhere);
	tcase_add_test(t, typed_fields);
	suite_add_tcase(s, t);

	tcase_add_loop_test(v, value_rules, 0, NELEM(values));
	tcase_add_loop_test(v, set_rules, 0, NELEM(sets));
	tcase_add_test(v, long_texts);
	tcase_add_test(v, long_line);
	tcase_add_test(v, secrets_are_not_quoted);
	tcase_add_test(v, unknown_names_are_warned_about_once_and_not_for_ever);
	tcase_add_test(v, broadcast_id);
	tcase_add_test(v, root_defaults);
	tcase_add_test(v, yp_name);
	suite_add_tcase(s, v);

	tcase_add_loop_test(w, reference_files, 0, 3);
	tcase_add_test(w, first_file);
	tcase_add_test(w, shipped_file);
	tcase_add_test(w, kept_lines);
	tcase_add_loop_test(w, writing_is_stable, 0, NELEM(layouts));
	tcase_add_test(w, cut_at_a_blank);
	tcase_add_test(w, a_key_that_stands_twice);
	tcase_add_loop_test(w, random_bytes, 0, 4);
	suite_add_tcase(s, w);

	tcase_add_test(l, filters);
	tcase_add_test(l, list_limits);
	tcase_add_test(l, feeds);
	tcase_add_loop_test(l, hook_url, 0, (int)NELEM(hook_urls));
	tcase_add_test(l, hooks);
	tcase_add_test(l, hosts);
	tcase_add_test(l, relays_of_a_file);
	tcase_add_test(l, relay_limits);
	tcase_add_test(l, relays_put_and_deleted);
	tcase_add_test(l, copies_are_deep);
	suite_add_tcase(s, l);

	tcase_add_checked_fixture(f, dir_setup, dir_teardown);
	tcase_add_test(f, load_makes_the_file);
	tcase_add_test(f, load_tells_what_is_not_saved);
	tcase_add_test(f, load_failures);
	suite_add_tcase(s, f);
	return s;
}
