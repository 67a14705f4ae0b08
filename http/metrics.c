/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/node/record.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "http/promtext.h"
#include "pcp/syncreport.h"

#define FILES_MAX 100000                /* looked through at most */

static double counted(struct node *n, enum node_count c)
{
	return (double)atomic_load_explicit(&n->counts[c], memory_order_relaxed);
}

/* One counter with a label, whose samples are counters of the node. */
struct counter {
	const char *value;
	enum node_count c;
};

static void put_counters(struct prom *p, struct node *n, const char *label, const struct counter *c,
	size_t k)
{
	for (size_t i = 0; i < k; i++)
		prom_put(p, counted(n, c[i].c), label, c[i].value, NULL);
}

/* --- the process ------------------------------------------------------------------------------ */

/* Fields 14, 15, 20 and 22 to 24 of /proc/self/stat, proc(5). */
struct proc_stat {
	unsigned long long utime, stime, threads, start, vsize;
	long long rss;
};

static bool read_stat(struct proc_stat *s)
{
	char text[1024] = "";
	FILE *f = fopen("/proc/self/stat", "re");
	const char *at;
	bool ok;

	if (f == NULL)
		return false;
	ok = fgets(text, sizeof(text), f) != NULL;
	(void)fclose(f);
	at = ok ? strrchr(text, ')') : NULL;    /* the name before it may hold anything */
	return at != NULL &&
		sscanf(at + 1,
			" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d "
		       "%llu %*d %llu %llu %lld", &s->utime, &s->stime, &s->threads, &s->start, &s->vsize,
			&s->rss) == 6;
}

/* Unix time at which the machine started; 0 = not known. */
static double boot_time(void)
{
	char line[256];
	unsigned long long s = 0;
	FILE *f = fopen("/proc/stat", "re");

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL && sscanf(line, "btime %llu", &s) != 1)
		;
	(void)fclose(f);
	return (double)s;
}

static double open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	if (d == NULL)
		return 0;
	while (n < FILES_MAX && readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n > 3 ? n - 3 : 0;       /* two folders, and the one just read */
}

static void put_process(struct prom *p)
{
	const double tick = (double)sysconf(_SC_CLK_TCK);
	struct proc_stat s;
	struct rlimit r;

	if (read_stat(&s)) {
		prom_one(p, PROM_COUNTER, "process_cpu_seconds", "User and system CPU time spent.",
			(double)(s.utime + s.stime) / tick);
		prom_one(p, PROM_GAUGE, "process_start_time_seconds", "Unix time of the start.",
			boot_time() + (double)s.start / tick);
		prom_one(p, PROM_GAUGE, "process_virtual_memory_bytes", "Address space in use.",
			(double)s.vsize);
		prom_one(p, PROM_GAUGE, "process_resident_memory_bytes", "Memory in use.",
			(double)s.rss * (double)sysconf(_SC_PAGESIZE));
		prom_one(p, PROM_GAUGE, "process_threads", "Threads.", (double)s.threads);
	}
	prom_one(p, PROM_GAUGE, "process_open_fds", "Open files and sockets.", open_files());
	if (getrlimit(RLIMIT_NOFILE, &r) == 0)
		prom_one(p, PROM_GAUGE, "process_max_fds", "Files and sockets that may be open.",
			(double)r.rlim_cur);
}

static void put_log(struct prom *p)
{
	static const char *const level[LOG_OFF] = {
		[LOG_TRACE] = "trace", [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warning",
		[LOG_ERROR] = "error", [LOG_FATAL] = "fatal",
	};
	struct log_counts c;

	log_get_counts(&c);
	prom_family(p, PROM_COUNTER, "peercast_log_lines", "Lines logged, by level.");
	for (size_t i = LOG_TRACE; i < LOG_OFF; i++)
		prom_put(p, (double)c.lines[i], "level", level[i], NULL);
	prom_one(p, PROM_COUNTER, "peercast_log_held_lines", "Lines held back by the limits of the log.",
		(double)c.held);
}

/* --- connections ------------------------------------------------------------------------------ */

static void put_connections(struct prom *p, struct node *n)
{
	static const struct { enum servent_type t; const char *name; } types[] = {
		{ SV_RELAY, "relay" }, { SV_DIRECT, "direct" }, { SV_CIN, "cin" }, { SV_COUT, "cout" },
		{ SV_COMMAND, "command" },
	};
	static const char *const scope[] = { "all", "outside" };
	struct totals t;
	struct limits l;

	servmgr_totals(n->sm, &t);
	servmgr_get_limits(n->sm, &l);
	prom_family(p, PROM_GAUGE, "peercast_connections",
		"Established: relays and players served, control connections in and out, consoles.");
	for (size_t i = 0; i < NELEM(types); i++)
		prom_put(p, t.connected[types[i].t], "type", types[i].name, NULL);
	prom_family(p, PROM_GAUGE, "peercast_connections_limit",
		"Connections at most, by the settings; without those from private addresses.");
	prom_put(p, l.max_relays, "type", "relay", NULL);
	prom_put(p, l.max_direct, "type", "direct", NULL);
	prom_put(p, l.max_control, "type", "cin", NULL);
	prom_one(p, PROM_GAUGE, "peercast_sockets", "Connections in whatever state.", t.servents);
	prom_one(p, PROM_GAUGE, "peercast_handshakes", "Connections whose handshake is not finished.",
		t.pending);
	prom_family(p, PROM_COUNTER, "peercast_refusals",
		"Relays, players and trackers refused, by reason.");
	for (int r = ADMIT_OK + 1; r < REFUSALS; r++)
		prom_put(p, t.refused[r], "reason", refusal_str((enum refusal)r), NULL);
	prom_one(p, PROM_COUNTER, "peercast_accept_failures",
		"Connections for which there were no files or memory.",
		counted(n, NODE_ACCEPT_FAILED));
	prom_one(p, PROM_COUNTER, "peercast_outputs_started", "Relays and players served since the start.",
		t.started);
	prom_family(p, PROM_COUNTER, "peercast_sent_bytes",
		"Bytes sent to connections, as of the last sample; outside: beyond the own network.");
	for (size_t i = 0; i < NELEM(scope); i++)
		prom_put(p, (double)t.bytes[i][0], "scope", scope[i], NULL);
	prom_family(p, PROM_COUNTER, "peercast_received_bytes",
		"Bytes received from accepted connections, as of the last sample.");
	for (size_t i = 0; i < NELEM(scope); i++)
		prom_put(p, (double)t.bytes[i][1], "scope", scope[i], NULL);
	prom_one(p, PROM_GAUGE, "peercast_sent_limit_bytes_per_second",
		"What may go out by the settings; 0 = no limit.", (double)l.max_bitrate_out * 125);
	prom_family(p, PROM_COUNTER, "peercast_messages",
		"Messages for connections; lost: in full queues; refused: too many of one sender.");
	prom_put(p, (double)t.msgs_posted, "result", "posted", NULL);
	prom_put(p, (double)t.msgs_lost, "result", "lost", NULL);
	prom_put(p, (double)t.msgs_refused, "result", "refused", NULL);
}

static void put_mapping(struct prom *p, struct node *n)
{
	struct portmap_counts c;
	struct portmap m;

	portmaps_get(&n->portmaps, &m, &c);
	prom_family(p, PROM_GAUGE, "peercast_port_mapping_state",
		"1 for how the mapping of the port on the router stands.");
	for (int i = 0; i < PORTMAP_STATES; i++)
		prom_put(p, m.state == (enum portmap_state)i, "state",
			portmap_state_str((enum portmap_state)i), NULL);
	prom_family(p, PROM_COUNTER, "peercast_port_mapping_attempts",
		"Attempts to have the port mapped, by what came of them.");
	prom_put(p, (double)(c.tried - c.failed), "result", "ok", NULL);
	prom_put(p, (double)c.failed, "result", "failed", NULL);
	prom_one(p, PROM_COUNTER, "peercast_port_mapping_lost",
		"Mappings that the router no longer had when it was asked.", (double)c.lost);
}

static void put_port(struct prom *p, struct node *n)
{
	static const enum firewall states[] = { FW_UNKNOWN, FW_OPEN, FW_CLOSED };
	struct own own;

	servmgr_own(n->sm, &own);
	prom_family(p, PROM_GAUGE, "peercast_port_state",
		"1 for what is known of the port from outside, by family.");
	for (int v6 = 0; v6 < 2; v6++)
		for (size_t i = 0; i < NELEM(states); i++)
			prom_put(p, own.fw[v6] == states[i], "family", v6 ? "ipv6" : "ipv4", "state",
				firewall_str(states[i]), NULL);
	put_mapping(p, n);
	prom_one(p, PROM_GAUGE, "peercast_disabled", "1 when a root has disabled this node.", own.disabled);
}

/* --- channels --------------------------------------------------------------------------------- */

/* A channel, copied out. */
struct row {
	struct chan_view v;
	char id[GNUID_STRLEN];
	uint64_t lag;
	struct usage use;
};

enum column {
	COL_LISTENERS, COL_RELAYS, COL_BITRATE, COL_UPTIME, COL_BYTES, COL_GAPS, COL_LAG, COLUMNS
};

static double cell(const struct row *r, enum column c)
{
	switch (c) {
	case COL_LISTENERS:
		return r->use.directs;
	case COL_RELAYS:
		return r->use.relays;
	case COL_BITRATE:
		return (double)r->v.info->bitrate_kbps * 125;
	case COL_UPTIME:
		return r->v.uptime_s;
	case COL_BYTES:
		return (double)r->v.bytes_in;
	case COL_GAPS:
		return r->v.skips;
	case COL_LAG:
		return (double)r->lag;
	case COLUMNS:
		break;
	}
	return 0;
}

static void put_rows(struct prom *p, const struct row *rows, size_t n)
{
	static const struct { const char *name; enum prom_type type; const char *help; } cols[COLUMNS] = {
		[COL_LISTENERS] = { "peercast_channel_listeners", PROM_GAUGE, "Players served here." },
		[COL_RELAYS] = { "peercast_channel_relays", PROM_GAUGE,
			"Relays served here: the node's children." },
		[COL_BITRATE] = { "peercast_channel_bitrate_bytes_per_second", PROM_GAUGE,
		                  "Bitrate as announced." },
		[COL_UPTIME] = { "peercast_channel_uptime_seconds", PROM_GAUGE,
			"Time since it began to play." },
		[COL_BYTES] = { "peercast_channel_received_bytes", PROM_COUNTER, "Media that came in." },
		[COL_GAPS] = { "peercast_channel_gaps", PROM_COUNTER, "Gaps in what came in." },
		[COL_LAG] = { "peercast_channel_lag_bytes", PROM_GAUGE,
		              "How far the slowest player or relay is behind." },
	};

	prom_family(p, PROM_GAUGE, "peercast_channel_info", "1 for each channel, with what it is.");
	for (size_t i = 0; i < n; i++) {
		const struct chan_view *v = &rows[i].v;

		prom_put(p, 1, "channel", rows[i].id, "name", v->info->text[CT_NAME], "kind",
			v->type == CHAN_BROADCAST ? "broadcast" : "relay", "source", chan_src_str(v->src),
				"type",
			v->info->text[CT_TYPE], "status", chan_status_str(v->status), NULL);
	}
	for (size_t k = 0; k < COLUMNS; k++) {
		prom_family(p, cols[k].type, cols[k].name, cols[k].help);
		for (size_t i = 0; i < n; i++)
			prom_put(p, cell(&rows[i], (enum column)k), "channel", rows[i].id, NULL);
	}
}

/* How many channels have each status; those that are listed one by one are filled in. */
static void gather(struct node *n, struct chan **all, size_t count, struct row *rows, size_t n_rows,
	uint32_t by_status[CHAN_ERROR + 1])
{
	for (size_t i = 0; i < count; i++) {
		by_status[chan_get_status(all[i])]++;
		if (i >= n_rows)
			continue;
		chan_view(all[i], &rows[i].v);
		(void)gnuid_str(chan_id(all[i]), rows[i].id);
		rows[i].lag = chan_lag(all[i]);
		servmgr_usage(n->sm, chan_id(all[i]), &rows[i].use);
	}
}

static enum status put_channels(struct prom *p, struct node *n)
{
	uint32_t by_status[CHAN_ERROR + 1] = { 0 };
	struct chan_totals t;
	struct chan **all;
	struct row *rows;
	size_t count, n_rows;

	if (chanmgr_all(n->cm, &all, &count) != ST_OK)
		return ST_LIMIT;
	n_rows = MIN(count, (size_t)METRICS_CHANNELS);
	rows = calloc(n_rows + 1, sizeof(*rows));
	if (rows != NULL)
		gather(n, all, count, rows, n_rows, by_status);
	for (size_t i = 0; i < count; i++)
		chan_unref(&all[i]);
	free(all);
	if (rows == NULL)
		return ST_LIMIT;
	prom_family(p, PROM_GAUGE, "peercast_channels", "Channels carried, by status.");
	for (int s = CHAN_WAIT; s <= CHAN_ERROR; s++)
		prom_put(p, by_status[s], "status", chan_status_str((enum chan_status)s), NULL);
	prom_one(p, PROM_GAUGE, "peercast_channels_unlisted",
		"Channels carried that have no samples of their own.",
		(double)(count - n_rows));
	prom_one(p, PROM_GAUGE, "peercast_channels_known", "Channels of which hosts are known.",
		(double)chanmgr_list_count(n->cm));
	put_rows(p, rows, n_rows);
	for (size_t i = 0; i < n_rows; i++)
		chan_view_fini(&rows[i].v);
	free(rows);
	chan_totals(&t);
	prom_one(p, PROM_COUNTER, "peercast_media_received_bytes", "Media that came in, of all channels.",
		(double)t.bytes);
	prom_one(p, PROM_COUNTER, "peercast_stream_gaps", "Gaps in what came in, of all channels.",
		(double)t.gaps);
	prom_one(p, PROM_COUNTER, "peercast_reader_skips",
		"Times a player or relay was too slow and skipped ahead.", (double)t.skips);
	return ST_OK;
}

static void put_recordings(struct prom *p, struct node *n)
{
	struct record_totals t;

	if (n->ops.record_totals == NULL)
		return;
	n->ops.record_totals(n, &t);
	prom_family(p, PROM_GAUGE, "peercast_recordings",
		"Recordings, by state; the last ones that ended, too.");
	for (int s = RECORD_WAITING; s <= RECORD_ENDED; s++)
		prom_put(p, t.by_state[s], "state", record_state_str((enum record_state)s), NULL);
	prom_one(p, PROM_COUNTER, "peercast_recorded_bytes", "Bytes written to recordings.", (double)t.bytes);
	prom_one(p, PROM_COUNTER, "peercast_recorded_files", "Files begun by recordings.", (double)t.parts);
	prom_one(p, PROM_COUNTER, "peercast_recording_skips",
		"Times the disk was too slow for a recording, and a piece is missing.", (double)t.skips);
	prom_one(p, PROM_COUNTER, "peercast_recording_errors", "Times a recording could not go on.",
		(double)t.errors);
	prom_one(p, PROM_GAUGE, "peercast_recordings_kept_files",
		"Files recorded by this node that are there.", t.kept_files);
	prom_one(p, PROM_GAUGE, "peercast_recordings_kept_bytes", "Bytes of them.", (double)t.kept_bytes);
}

static void put_upstreams(struct prom *p, struct node *n)
{
	static const struct counter left[] = {
		{ "ended", NODE_UPSTREAM_LEFT }, { "silent", NODE_UPSTREAM_SILENT },
		{ "stalls", NODE_UPSTREAM_STALLS }, { "skips", NODE_UPSTREAM_SKIPS },
		{ "drips", NODE_UPSTREAM_DRIPS }, { "lags", NODE_UPSTREAM_LAGS },
		{ "better", NODE_UPSTREAM_BETTER }, { "bumped", NODE_UPSTREAM_BUMPED },
	};

	prom_one(p, PROM_COUNTER, "peercast_upstreams_taken", "Times a relay began to receive from a node.",
		counted(n, NODE_UPSTREAM_TAKEN));
	prom_family(p, PROM_COUNTER, "peercast_upstreams_left", "Times it left that node, by reason.");
	put_counters(p, n, "reason", left, NELEM(left));
}

/* --- yellow pages ----------------------------------------------------------------------------- */

static void put_yp(struct prom *p, struct node *n)
{
	static const struct counter line[] = {
		{ "connected", NODE_YP_CONNECTED }, { "failed", NODE_YP_FAILED }, { "lost", NODE_YP_LOST },
	};
	struct totals t;

	servmgr_totals(n->sm, &t);
	prom_one(p, PROM_GAUGE, "peercast_yp_connected",
		"1 while this node's broadcasts are announced to a YP.",
		t.connected[SV_COUT] > 0);
	prom_family(p, PROM_COUNTER, "peercast_yp_connections",
		"Connections to a YP, by what became of them.");
	put_counters(p, n, "result", line, NELEM(line));
	prom_one(p, PROM_COUNTER, "peercast_yp_updates", "Tracker updates sent to a YP.",
		counted(n, NODE_YP_UPDATES));
}

static void put_hooks(struct prom *p, struct node *n)
{
	static const struct counter events[] = {
		{ "done", NODE_HOOK_DONE }, { "failed", NODE_HOOK_FAILED }, { "dropped", NODE_HOOK_DROPPED },
	};

	prom_one(p, PROM_COUNTER, "peercast_hook_tries", "Commands run, and requests sent, for hooks.",
		counted(n, NODE_HOOK_TRIED));
	prom_family(p, PROM_COUNTER, "peercast_hook_events",
		"Events for hooks, by what became of them: dropped = they came too fast.");
	put_counters(p, n, "result", events, NELEM(events));
}

static void put_feeds(struct prom *p, struct node *n)
{
	struct dirview *v = chandir_get(&n->chandir);
	const size_t feeds = v != NULL ? MIN(v->n_feeds, (size_t)METRICS_FEEDS) : 0;
	const int64_t now = clk_wall_s();

	prom_one(p, PROM_GAUGE, "peercast_feed_channels", "Channels that the lists of other YPs have.",
		v != NULL ? (double)v->n_entries : 0);
	prom_family(p, PROM_GAUGE, "peercast_feed_ok",
		"1 when the list of a YP could be fetched the last time.");
	for (size_t i = 0; i < feeds; i++)
		prom_put(p, v->feeds[i].status == FEEDSTATUS_OK, "feed", v->feeds[i].url, NULL);
	prom_family(p, PROM_GAUGE, "peercast_feed_age_seconds", "Age of the list of a YP.");
	for (size_t i = 0; i < feeds; i++)
		if (v->feeds[i].updated_s != 0)
			prom_put(p, (double)MAX(now - v->feeds[i].updated_s, (int64_t)0), "feed",
				v->feeds[i].url, NULL);
	dirview_unref(&v);
}

static void put_root(struct prom *p, struct node *n)
{
	static const struct counter refused[] = {
		{ "owner", ROOT_REFUSED_OWNER }, { "policy", ROOT_REFUSED_POLICY }, { "banned",
			ROOT_REFUSED_BAN },
	};
	static const struct counter passed[] = {
		{ "forwarded", ROOT_FORWARDED }, { "dropped", ROOT_DROPPED },
	};
	struct bans *bans = node_bans(n);

	prom_one(p, PROM_COUNTER, "peercast_root_announcements", "Channels and hosts taken from trackers.",
		counted(n, ROOT_ANNOUNCED));
	prom_family(p, PROM_COUNTER, "peercast_root_refusals", "Announcements refused, by reason.");
	put_counters(p, n, "reason", refused, NELEM(refused));
	prom_family(p, PROM_COUNTER, "peercast_root_broadcasts",
		"Broadcasts of trackers, passed on or not (rootForward).");
	put_counters(p, n, "result", passed, NELEM(passed));
	prom_one(p, PROM_GAUGE, "peercast_root_bans", "Lines of the ban list in force.",
		(double)bans_count(bans));
	bans_unref(&bans);
}

static void put_chanlog(struct prom *p, struct node *n)
{
	struct chanlog_counts c = { .written = 0 };

	if (n->ops.chanlog_counts == NULL)
		return;
	n->ops.chanlog_counts(n, &c);
	prom_family(p, PROM_COUNTER, "peercast_chanlog_records",
		"Records of the channel log: written, dropped as the queue was full, failed writes.");
	prom_put(p, (double)c.written, "result", "written", NULL);
	prom_put(p, (double)c.dropped, "result", "dropped", NULL);
	prom_put(p, (double)c.failed, "result", "failed", NULL);
}

static void put_sync_numbers(struct prom *p, const struct sync_report *r)
{
	const struct sync_status *s = &r->st;

	prom_one(p, PROM_GAUGE, "peercast_livesync_instances", "Other roots heard.", s->instances);
	prom_one(p, PROM_COUNTER, "peercast_livesync_id_changes", "Times another root had our id.",
		s->id_changes);
	prom_family(p, PROM_GAUGE, "peercast_livesync_channels",
		"Channels, ours and learnt from other roots.");
	prom_put(p, s->own_chans, "origin", "own", NULL);
	prom_put(p, s->chans, "origin", "learnt", NULL);
	prom_family(p, PROM_GAUGE, "peercast_livesync_hosts", "Hosts, ours and learnt from other roots.");
	prom_put(p, s->own_hits, "origin", "own", NULL);
	prom_put(p, s->hits, "origin", "learnt", NULL);
	prom_family(p, PROM_COUNTER, "peercast_livesync_packets", "Packets, by direction and kind.");
	for (int k = 0; k < SYNC_KIND_COUNT; k++) {
		prom_put(p, (double)s->sent_kind[k], "direction", "sent", "kind",
			sync_kind_name((enum sync_kind)k), NULL);
		prom_put(p, (double)s->received_kind[k], "direction", "received", "kind",
			sync_kind_name((enum sync_kind)k), NULL);
	}
	prom_family(p, PROM_COUNTER, "peercast_livesync_bytes", "Bytes of packets, by direction.");
	prom_put(p, (double)s->sent_bytes, "direction", "sent", NULL);
	prom_put(p, (double)s->received_bytes, "direction", "received", NULL);
	prom_one(p, PROM_COUNTER, "peercast_livesync_records", "Entries, hosts and infos taken.",
		(double)s->records);
	prom_family(p, PROM_COUNTER, "peercast_livesync_dropped",
		"Packets and records dropped, by reason.");
	for (int d = 0; d < SYNC_DROP_COUNT; d++)
		prom_put(p, (double)s->dropped[d], "reason", sync_drop_name((enum sync_drop)d), NULL);
	prom_one(p, PROM_COUNTER, "peercast_livesync_send_failures", "Packets the system would not send.",
		(double)r->send_failed);
	prom_one(p, PROM_COUNTER, "peercast_livesync_lost",
		"Packets the system dropped before they were read.",
		(double)r->lost);
}

static void put_sync(struct prom *p, struct node *n)
{
	static const char *const state[] = {
		[SYNC_OFF] = "off", [SYNC_REFUSED] = "refused", [SYNC_WAITS] = "waiting",
			[SYNC_RUNS] = "running",
	};
	struct sync_report *r = n->ops.sync_report != NULL ? n->ops.sync_report(n) : NULL;

	if (r == NULL)
		return;
	prom_family(p, PROM_GAUGE, "peercast_livesync_state", "1 for the state of live sync.");
	for (size_t i = 0; i < NELEM(state); i++)
		prom_put(p, r->state == (enum sync_state)i, "state", state[i], NULL);
	if (r->state == SYNC_RUNS)
		put_sync_numbers(p, r);
	free(r);
}

/* --- the rest --------------------------------------------------------------------------------- */

static void put_rtmp(struct prom *p, struct node *n)
{
	static const struct counter result[] = {
		{ "published", NODE_RTMP_PUBLISHED }, { "refused", NODE_RTMP_REFUSED },
	};
	struct rtmp_status s = { .on = false };

	if (n->ops.rtmp_status == NULL)
		return;
	n->ops.rtmp_status(n, &s);
	prom_one(p, PROM_GAUGE, "peercast_rtmp_enabled", "1 when RTMP is wanted.", s.on);
	prom_one(p, PROM_GAUGE, "peercast_rtmp_listening", "1 while its port is open.", s.listening);
	prom_one(p, PROM_GAUGE, "peercast_rtmp_publishers", "Encoders that publish.", s.publishers);
	prom_family(p, PROM_COUNTER, "peercast_rtmp_encoders",
		"Encoders that connected, by what became of them.");
	put_counters(p, n, "result", result, NELEM(result));
}

static void put_settings(struct prom *p, struct node *n)
{
	const nsec dirty = conf_dirty_since(n->conf);

	prom_one(p, PROM_COUNTER, "peercast_settings_save_failures", "Times the ini could not be written.",
		conf_save_failures(n->conf));
	prom_one(p, PROM_GAUGE, "peercast_settings_unsaved_seconds",
		"How long changes wait to be written to the ini.",
		dirty == NSEC_NEVER ? 0 : (double)clk_age_s(dirty));
}

enum status metrics_serve(struct node *n, const struct request *rq, struct response *rs)
{
	struct prom p = { .out = &rs->body };
	const struct settings *set = conf_get(n->conf);
	const bool root = set->is_root;

	settings_unref(&set);
	rs->type = prom_accept(request_header(rq, "Accept"), &p.open);
	response_header(rs, "Cache-Control", "no-store");
	prom_family(&p, PROM_GAUGE, "peercast_build_info", "1, with the version.");
	prom_put(&p, 1, "version", NODE_VERSION, "agent", NODE_AGENT, NULL);
	prom_one(&p, PROM_GAUGE, "peercast_root", "1 when this node is a root (YP).", root);
	put_connections(&p, n);
	put_port(&p, n);
	if (put_channels(&p, n) != ST_OK)
		return ST_LIMIT;
	put_upstreams(&p, n);
	put_recordings(&p, n);
	put_yp(&p, n);
	put_feeds(&p, n);
	put_hooks(&p, n);
	put_root(&p, n);
	put_chanlog(&p, n);
	put_sync(&p, n);
	put_rtmp(&p, n);
	put_settings(&p, n);
	put_log(&p);
	put_process(&p);
	prom_end(&p);
	return rs->body.err;
}

void metrics_health(struct node *n, bool ready, struct response *rs)
{
	struct node_health h = { .housekeeper = false };
	bool ok;

	if (n->ops.health != NULL)
		n->ops.health(n, &h);
	ok = h.housekeeper && h.server && (!ready || (h.listening && !h.stopping));
	rs->status = ok ? 200 : 503;
	rs->type = "text/plain; charset=utf-8";
	response_header(rs, "Cache-Control", "no-store");
	buf_printf(&rs->body, "%s\nhousekeeper: %s\nserver: %s\n", ok ? "ok" : "failing",
		h.housekeeper ? "ok" : "does not move", h.server ? "ok" : "does not move");
	if (ready)
		buf_printf(&rs->body, "port: %s\nstopping: %s\n", h.listening ? "open" : "not open",
			h.stopping ? "yes" : "no");
}
