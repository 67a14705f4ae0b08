/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The settings of a node: everything peercast.ini says, typed.
 *
 * struct settings is a counted snapshot. It is a draft, owned by one thread, from settings_new(),
 * settings_parse(), settings_load() or settings_copy() until it is given to conf; from then on
 * (core/conf/conf.h) it is immutable, and any number of threads read it through references.
 *
 * A field is named like its key, in lower_snake: maxServIn is max_serv_in. What a key means, its
 * type, default and range stand once, in the table of core/conf/key.c, which reads, checks, writes
 * and explains it. All texts are clean in the sense of core/sys/text.h, trimmed and terminated.
 *
 * What the node does not know in a file is data of its operator too: comments, unknown keys and
 * unknown blocks stay in front of the key they stood in front of, and are written back.
 *
 * source   node.md 2, 5.6; settings.md; yp.md 2.1
 */
#ifndef CORE_CONF_SETTINGS_H
#define CORE_CONF_SETTINGS_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/sys/bytes.h"
#include "core/sys/cc.h"
#include "core/sys/status.h"

#define SETTINGS_TEXT     256           /* bytes of a text, NUL included */
#define SETTINGS_LONG     1024          /* of a path, a URL or a list of hosts */
#define SETTINGS_VALUE    4096          /* of a value of a saved channel */
#define SETTINGS_NAME     64            /* of a name of such a value */
#define SETTINGS_ID       16            /* bytes of an id */
#define SETTINGS_FILE_MAX (8u << 20)    /* bytes of the file */
#define SETTINGS_FILTERS  1000          /* entries of each list */
#define SETTINGS_FEEDS    100
#define SETTINGS_UPTESTS  100
#define SETTINGS_HOOKS    32
#define SETTINGS_HOOK_WORDS 64           /* of a command */
#define SETTINGS_HOSTS    100
#define SETTINGS_RELAYS   1000
#define SETTINGS_PAIRS    64            /* names in one saved channel */
#define SETTINGS_WHY      128           /* bytes of an explanation, NUL included */

enum authtype   { AUTHTYPE_COOKIE, AUTHTYPE_BASIC };
enum cookielife { COOKIELIFE_SESSION, COOKIELIFE_NEVER };
enum wmvproto   { WMVPROTO_HTTP, WMVPROTO_MMS, WMVPROTO_MMSH, WMVPROTO_HTTPT, WMVPROTO_HTTPU };
enum announcepolicy { ANNOUNCE_OPEN, ANNOUNCE_SAMEIP, ANNOUNCE_PORTOPEN };
enum rootfwd    { ROOTFWD_PUSH, ROOTFWD_ALL, ROOTFWD_NONE };
enum headchange { HEADCHANGE_CONTINUE, HEADCHANGE_DROP };
enum logformat  { LOGFORMAT_TEXT, LOGFORMAT_JSON };
enum sandbox    { SANDBOX_AUTO, SANDBOX_STRICT, SANDBOX_OFF };
enum metrics    { METRICS_LOCAL, METRICS_LOGIN, METRICS_ALL, METRICS_OFF };
/* Bits of settings_hook.events. */
enum hookwhat {
	HOOK_CHANNEL_START = 1, HOOK_CHANNEL_STOP = 2, HOOK_LISTED = 4, HOOK_UNLISTED = 8,
	HOOK_PORT_CHANGE = 16, HOOK_CHILD_JOIN = 32, HOOK_CHILD_LEAVE = 64, HOOK_VIEWER_JOIN = 128,
	HOOK_VIEWER_LEAVE = 256
};
enum hosttype   { HOSTTYPE_NONE, HOSTTYPE_STREAM, HOSTTYPE_CHANNEL, HOSTTYPE_SERVENT,
		  HOSTTYPE_TRACKER };
/* Bits of fetch_allow. */
enum fetchallow { FETCHALLOW_HTTP = 1, FETCHALLOW_MMS = 2, FETCHALLOW_RTMP = 4,
		  FETCHALLOW_FILE = 8, FETCHALLOW_PIPE = 16 };

/* Entries of lists. `kept` belongs to this module: zero in an entry you make. */
#define SETTINGS_KEPT 8

struct settings_filter {
	char *kept[SETTINGS_KEPT];
	char ip[SETTINGS_TEXT];         /* a pattern of node.md 5.6, as text */
	bool is_private, ban, network, direct;
};

struct settings_feed {
	char *kept[SETTINGS_KEPT];
	char url[SETTINGS_LONG];        /* http or https */
	char root_host[SETTINGS_TEXT];  /* of the YP behind it; empty = unknown */
};

struct settings_uptest {
	char *kept[SETTINGS_KEPT];
	char url[SETTINGS_LONG];        /* http */
};

/* Exactly one of command and url is set, and at least one event. Only the file makes one: nothing that comes
 * over the network may. */
struct settings_hook {
	char *kept[SETTINGS_KEPT];
	uint32_t events;                /* enum hookwhat */
	char command[SETTINGS_LONG];    /* words_split() takes it */
	char url[SETTINGS_LONG];        /* http or https; as secret as the next one */
	char secret[SETTINGS_TEXT];     /* signs what goes to url; empty = unsigned */
	uint32_t timeout_s;             /* of one try */
	uint32_t retries;
};

struct settings_host {                  /* of the host cache: kept, not used */
	char *kept[SETTINGS_KEPT];
	enum hosttype type;
	char address[SETTINGS_TEXT];
	uint32_t time;                  /* Unix seconds */
};

struct settings_pair {
	const char *name, *value;
};

/* A saved channel: texts under names (node.md 2.1 lists them), in the order of the file. */
struct settings_relay {
	char *kept[SETTINGS_KEPT];
	struct settings_pair *pairs;    /* owned; name "" = a comment line */
	uint32_t n;
};

/* Entries in heap memory; read them through the settings_*s() functions below. */
struct settings_list {
	void *v;
	size_t n, cap;
	void *old;                      /* cleared ones of a draft: their comments may come back */
	size_t n_old;
};

struct settings {
	_Atomic uint32_t refs;          /* relaxed up, acq_rel down: the last one frees */

	/* [Server] */
	char server_name[SETTINGS_TEXT];
	uint32_t server_port;
	bool auto_serve;
	bool auto_connect;              /* read, never written, without meaning */
	char force_ip[SETTINGS_TEXT];
	bool is_root;
	uint32_t max_bitrate_out;       /* kbit/s; 0 = no limit */
	uint32_t max_relays;
	uint32_t max_direct;            /* 0 = none */
	uint32_t max_relays_per_channel; /* 0 = no limit */
	uint32_t firewall_timeout;      /* without meaning */
	bool force_normal;
	char root_msg[SETTINGS_TEXT];
	enum authtype auth_type;
	enum cookielife cookies_expire;
	char html_path[128];
	uint32_t max_serv_in;
	char chan_log[SETTINGS_LONG];
	bool public_directory;
	uint8_t network_id[SETTINGS_ID];
	char bind_address[SETTINGS_TEXT];
	char allowed_hosts[SETTINGS_LONG];
	bool trust_localhost;
	uint32_t max_channels;          /* 0 = no limit */
	uint32_t max_per_address;
	enum sandbox sandbox;           /* as it was at the start is what counts */
	uint32_t chan_log_mode;         /* as of chmod(2) */
	char chan_log_group[SETTINGS_TEXT];
	bool chan_log_compat;
	bool chan_log_events;
	bool chan_log_after_host;
	uint64_t chan_log_max_size;     /* bytes; 0 = never rotated */
	bool chan_log_synced;

	/* [Broadcast] */
	uint32_t broadcast_msg_interval;
	char broadcast_msg[SETTINGS_TEXT];
	uint32_t icy_meta_interval;     /* bytes; 0 = no metadata */
	uint8_t broadcast_id[SETTINGS_ID]; /* never zero */
	bool broadcast_id_made;         /* no key: the file had no usable one */
	uint32_t host_update_interval;  /* seconds */
	uint32_t max_control_connections;
	char root_host[SETTINGS_TEXT];  /* empty = no YP */
	uint32_t source_grace_sec;
	bool rtmp_server;
	uint32_t rtmp_port;
	char rtmp_bind[SETTINGS_TEXT];
	char rtmp_key[SETTINGS_LONG];
	uint32_t fetch_allow;           /* enum fetchallow */
	char media_dir[SETTINGS_LONG];
	enum headchange on_header_change;

	/* [Client] */
	uint32_t refresh_html;          /* seconds */
	bool chat;
	uint32_t relay_broadcast;       /* this one and the next five: without meaning */
	uint32_t min_broadcast_ttl;
	uint32_t max_broadcast_ttl;
	uint32_t push_tries;
	uint32_t push_timeout;
	uint32_t max_push_hops;
	uint32_t dead_hit_age;          /* these two: read, never written, without meaning */
	uint32_t tryout_delay;
	bool transcoding_enabled;
	char preset[SETTINGS_TEXT];
	char audio_codec[SETTINGS_TEXT];
	enum wmvproto wmv_protocol;
	char preferred_theme[SETTINGS_TEXT];
	char accent_color[SETTINGS_TEXT];
	char board_hosts[SETTINGS_LONG];
	bool port_mapping;
	bool hls;

	/* [Record]; MB of 1000000 bytes */
	char record_dir[SETTINGS_LONG]; /* empty = nothing is recorded */
	char record_auto[SETTINGS_LONG];
	uint32_t record_max;
	uint32_t record_rotate_minutes; /* 0 = never, as the next */
	uint32_t record_rotate_mb;
	uint32_t record_keep_mb;        /* 0 = no limit, as the next */
	uint32_t record_keep_files;
	uint32_t record_min_free_mb;

	/* [Privacy] */
	char password[SETTINGS_TEXT];
	uint32_t max_uptime;            /* seconds; 0 = no cap */

	/* [Root] */
	bool viewxml_empty_channels;
	enum announcepolicy announce_policy;
	uint32_t ghost_timeout;         /* seconds */
	enum rootfwd root_forward;
	char yp_genre_prefix[SETTINGS_TEXT];
	uint32_t hit_timeout;           /* seconds */
	bool hide_default;
	char yp_name[SETTINGS_TEXT];    /* as written; use settings_yp_name() */
	bool yp_info_line;
	uint32_t history_days;          /* 0 = off */
	char ban_list[SETTINGS_LONG];   /* path; "" = none */

	/* [LiveSync] */
	bool livesync;
	char livesync_group[SETTINGS_TEXT];
	uint32_t livesync_port;
	char livesync_bind[SETTINGS_TEXT];
	uint32_t livesync_ttl;
	bool livesync_loop;
	char livesync_peers[SETTINGS_LONG];
	char livesync_allow[SETTINGS_LONG];
	char livesync_key[SETTINGS_LONG];
	bool livesync_plain;
	uint32_t livesync_mtu;          /* bytes */
	uint32_t livesync_first_beacon; /* seconds, as the next three times */
	uint32_t livesync_beacon;
	bool livesync_fast_start;
	uint32_t livesync_flush;
	char livesync_ignore[SETTINGS_LONG];

	/* [Notify]: without meaning */
	bool notify_peercast, notify_broadcasters, notify_track_info;

	/* [Server1]: services of the port */
	bool allow_html, allow_broadcast, allow_network, allow_direct;

	/* [Debug] */
	uint32_t log_level;             /* enum log_level */
	bool pause_log;
	uint32_t idle_sleep_time;       /* ms */
	enum logformat log_format;
	uint64_t log_max_size;          /* bytes; 0 = never rotated */
	uint32_t log_keep;
	uint32_t log_rate;              /* lines a second of one place in the code; 0 = all */
	enum metrics metrics;

	/* [Flags] */
	bool ban_trackers_while_broadcasting;
	bool enable_ssl_server;
	bool force_firewalled;
	bool persist_token_list;
	bool randomize_broadcasting_channel_id;
	bool require_continuation_packet_support_from_peer;
	bool send_port_atom_when_firewall_unknown;
	bool start_playing_from_key_frame;

	struct settings_list filters, feeds, uptests, hooks, hosts, relays;
	char **kept;                    /* comments and unknown lines, by the key they precede */
};

/* --- life --- */

/* A draft with the settings of a node that has no file yet: the built-in YP, its feed and its speed
 * test, the two catch-all filters, a new broadcastID; documented = with the comments a new file
 * gets. NULL when out of memory. */
struct settings *settings_new(bool documented) NODISCARD;
/* A deep copy with one reference, to edit; NULL when out of memory. */
struct settings *settings_copy(const struct settings *st) NODISCARD;
const struct settings *settings_ref(const struct settings *st);
/* Drops the reference and nulls *st; *st may be NULL. */
void settings_unref(const struct settings **st);
/* The same for a draft nobody else has seen. */
void settings_free(struct settings **st);

/* --- file --- */

/* Told once for each fault of a file. line is 0 when the fault is not one line's. text is one
 * line, without the value of a secret, valid during the call. */
typedef void settings_warn(void *ctx, unsigned line, const char *text);

/* Settings from the bytes of a file. Never refuses a text: what it cannot use is warned about and
 * keeps its default; a missing key has its default (a root's for a root); a missing or broken
 * broadcastID is made anew.
 *
 * warn     may be NULL
 * returns  ST_OK, ST_LIMIT (no memory, or more than SETTINGS_FILE_MAX bytes)
 * source   node.md 2.2-2.5 */
enum status settings_parse(const void *p, size_t n, settings_warn *warn, void *ctx,
	struct settings **st) NODISCARD;

/* Append the text of the file: every key, in the order of the table. Parsed again it gives the
 * same settings and the same text. out->err tells of a limit. */
void settings_emit(const struct settings *st, struct buf *out);

/* Three ways: what mine says otherwise than base goes into a draft, key by key and list by list, wherever the
 * draft says what base says. Comments stay the draft's.
 * returns  ST_OK, ST_LIMIT (no memory; the draft is of no use) */
enum status settings_merge(struct settings *draft, const struct settings *base, const struct settings *mine)
	NODISCARD;

/* Do both say the same, comments included? (False also when memory does not suffice to tell.) */
bool settings_same(const struct settings *a, const struct settings *b);

/* Read a file.
 *
 * unsaved  set when the file does not say what the settings say (other layout, a repaired value, a
 *          new broadcastID): it wants to be saved
 * returns  ST_OK, ST_LIMIT, ST_SYS (ENOENT ...) */
enum status settings_read(const char *path, settings_warn *warn, void *ctx, struct settings **st,
	bool *unsaved) NODISCARD;
/* The same, and when there is no file write one with the defaults, with its folder; one that cannot
 * be made is warned about and wants to be saved later (node.md 2.5, 12 F1, F2).
 * returns  ST_OK, ST_LIMIT, ST_SYS (it is there and cannot be read) */
enum status settings_load(const char *path, settings_warn *warn, void *ctx, struct settings **st,
	bool *unsaved) NODISCARD;

/* Replace the file by these settings, mode 0600: whole, or not at all. Blocks on the disk.
 * returns  ST_OK, ST_LIMIT, ST_SYS */
enum status settings_save(const char *path, const struct settings *st) NODISCARD;

/* --- single values --- */

/* Set one key of a draft from text, by the rules of the file but strictly: nothing is guessed or
 * cut. Keys of [Notify], [Server1] and [Flags] too; those of lists not. maxRelays below 2 is
 * taken as 2.
 *
 * why      SETTINGS_WHY bytes, or NULL: what is wrong, as a phrase for people
 * returns  ST_OK, ST_PROTO (no such key, or not a value for it; the draft is untouched) */
enum status settings_set(struct settings *draft, const char *key, const char *text, char *why)
	NODISCARD;
/* Append the value of a key as the file has it; false when there is no such key. */
bool settings_get(const struct settings *st, const char *key, struct buf *out);

/* The names of [Flags], in the order of the file; NULL beyond the last. */
const char *settings_flag(size_t i);

/* ypName, or serverName when it is empty. */
const char *settings_yp_name(const struct settings *st);

/* --- lists: the entries, in order; *n how many. Borrowed from the snapshot. --- */

const struct settings_filter *settings_filters(const struct settings *st, size_t *n);
const struct settings_feed *settings_feeds(const struct settings *st, size_t *n);
const struct settings_uptest *settings_uptests(const struct settings *st, size_t *n);
const struct settings_hook *settings_hooks(const struct settings *st, size_t *n);
const struct settings_host *settings_hosts(const struct settings *st, size_t *n);
const struct settings_relay *settings_relays(const struct settings *st, size_t *n);

/* Empty a list of a draft, to fill it again: an entry added with the same ip or url has its
 * comments back. */
void settings_filters_clear(struct settings *draft);
void settings_feeds_clear(struct settings *draft);
void settings_uptests_clear(struct settings *draft);
void settings_hosts_clear(struct settings *draft);
/* Append the filters of a file that has none: everybody may relay and play. false = no memory. */
bool settings_filters_default(struct settings *draft) NODISCARD;

/* Append a copy of an entry.
 * why      as for settings_set()
 * returns  ST_OK, ST_PROTO (a bad text or URL, or one that is there already), ST_LIMIT (list full,
 *          or no memory) */
enum status settings_filter_add(struct settings *draft, const struct settings_filter *f, char *why)
	NODISCARD;
enum status settings_feed_add(struct settings *draft, const struct settings_feed *f, char *why)
	NODISCARD;
enum status settings_uptest_add(struct settings *draft, const struct settings_uptest *u, char *why)
	NODISCARD;

/* --- saved channels --- */

/* The value under a name (any case), NULL when there is none. */
const char *settings_relay_get(const struct settings_relay *r, const char *name);
/* Its id: false when it is missing, broken or zero. */
bool settings_relay_id(const struct settings_relay *r, uint8_t id[SETTINGS_ID]);
bool settings_relay_stays(const struct settings_relay *r);     /* stayConnected */
/* NULL when none is saved under this id. */
const struct settings_relay *settings_relay_find(const struct settings *st,
	const uint8_t id[SETTINGS_ID]);

/* Save a channel: n pairs, "id" among them. The values of one that is saved under the id are
 * replaced; a name that is not given goes, unless the node does not know it.
 * returns  ST_OK, ST_PROTO (no id, a bad name, or a text that is not clean), ST_LIMIT (too many,
 *          too long, no memory) */
enum status settings_relay_put(struct settings *draft, const struct settings_pair *pairs,
	uint32_t n) NODISCARD;
/* Forget it: false when it was not there. */
bool settings_relay_del(struct settings *draft, const uint8_t id[SETTINGS_ID]);

#endif
