/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/app.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/conf/roots.h"
#include "core/sys/event.h"
#include "core/sys/file.h"
#include "core/sys/heap.h"
#include "core/sys/log.h"
#include "http/session.h"
#include "http/storage.h"
#include "http/yp.h"
#include "pcp/pcp.h"
#include "servent/acceptor.h"
#include "servent/addr.h"
#include "servent/banlist.h"
#include "servent/boards.h"
#include "servent/chanlogd.h"
#include "servent/confine.h"
#include "servent/conn.h"
#include "servent/daemon.h"
#include "servent/feedd.h"
#include "servent/firewall.h"
#include "servent/health.h"
#include "servent/historyd.h"
#include "servent/hookd.h"
#include "servent/listen.h"
#include "servent/livesync.h"
#include "servent/manager.h"
#include "servent/opts.h"
#include "servent/portcheck.h"
#include "servent/portmapd.h"
#include "servent/pull.h"
#include "servent/readyd.h"
#include "servent/record.h"
#include "servent/remux.h"
#include "servent/rtmp.h"
#include "servent/source.h"
#include "servent/speedtest.h"
#include "xml/xmlout.h"

#define REPORT_TIME (2 * NSEC_PER_SEC)  /* for live sync to tell how it stands */

/* --- tasks ------------------------------------------------------------------------------------ */

struct task {
	struct app *app;
	void (*fn)(struct app *, void *);
	void *arg;
};

static void task_run(void *arg)
{
	struct task t = *(struct task *)arg;

	free(arg);
	t.fn(t.app, t.arg);
	app_lock(t.app);
	t.app->tasks--;
	cond_broadcast(&t.app->idle);
	app_unlock(t.app);
}

enum status app_task(struct app *a, const char *name, void (*fn)(struct app *, void *), void *arg)
{
	struct task *t = malloc(sizeof(*t));
	enum status st = ST_OK;

	if (t == NULL)
		return ST_LIMIT;
	*t = (struct task){ .app = a, .fn = fn, .arg = arg };
	app_lock(a);
	if (a->stopping)
		st = ST_STOPPED;
	else
		a->tasks++;
	app_unlock(a);
	if (st == ST_OK) {
		st = thr_start(NULL, name, task_run, t);
		if (st == ST_OK)
			return ST_OK;
		app_lock(a);
		a->tasks--;
		cond_broadcast(&a->idle);
		app_unlock(a);
	}
	free(t);
	return st;
}

void app_wake_cout(struct app *a)
{
	const struct settings *set = conf_get(a->node.conf);
	const struct servent_query clients = { .types = 1u << SV_CIN };
	const bool on_air = chanmgr_is_broadcasting(a->node.cm);
	const bool wanted = on_air && roots_any(set->root_host) && set->auto_serve;
	const bool over = !on_air && !set->is_root;
	bool start = false;

	livesync_look(a->livesync);     /* what this node itself broadcasts is on the lists of other roots */

	settings_unref(&set);
	app_lock(a);
	if (a->cout_mb != NULL)
		mbox_wake(a->cout_mb);  /* under the lock: its thread takes it out under the lock */
	else if (wanted && !a->cout_runs && !a->stopping)
		start = a->cout_runs = true;
	app_unlock(a);
	if (start && app_task(a, "cout", cout_task, NULL) != ST_OK) {
		log_error("cout: no thread for the yellow page; the housekeeper tries again");
		app_lock(a);
		a->cout_runs = false;
		app_unlock(a);
	}
	if (over)
		servmgr_wake(a->node.sm, &clients);     /* they end with the last broadcast */
	app_wake_house(a);
}

void app_wake_house(struct app *a)
{
	mbox_wake(&a->house_mb);
}

/* Log how it differs from what was logged before. Returns true when it does. */
static bool tell_own(const struct own *was, const struct own *now)
{
	bool news = was->disabled != now->disabled;

	for (int v6 = 0; v6 < 2; v6++) {
		char ip[HOST_STRLEN];

		news = news || !host_equal(&was->global[v6], &now->global[v6]) ||
			!host_equal(&was->local[v6], &now->local[v6]) || was->fw[v6] != now->fw[v6];
		if (!host_same_ip(&was->global[v6], &now->global[v6]) && host_is_global(&now->global[v6]))
			log_info("own: our IPv%d address is %s", v6 ? 6 : 4,
				host_ip_str(&now->global[v6], ip));
		if (was->fw[v6] != now->fw[v6])
			event_tell(EVENT_PORT, firewall_str(now->fw[v6]), v6 ? "IPv6" : "IPv4", NULL,
				now->port, &now->global[v6], fwwhy_str(now->fw[v6], now->fw_why[v6]));
		if (was->fw[v6] != now->fw[v6])
			log_info("own: port %u is %s over IPv%d: %s", now->port, firewall_str(now->fw[v6]),
				v6 ? 6 : 4, fwwhy_str(now->fw[v6], now->fw_why[v6]));
	}
	return news;
}

void app_own_changed(struct app *a)
{
	struct own was, now;

	app_lock(a);
	servmgr_own(a->node.sm, &now);
	was = a->told;
	if (now.port != 0)
		a->told = now;
	app_unlock(a);
	if (now.port != 0 && tell_own(&was, &now)) {
		app_wake_cout(a);
		portmapd_wake(a->portmap, false);
	}
}

/* --- what http asks for ------------------------------------------------------------------------ */

static void op_root_broadcast(struct node *n, bool upd)
{
	struct app *a = app_of(n);

	atomic_store_explicit(&a->root_ask, upd ? 2 : 1, memory_order_relaxed);
	app_wake_house(a);
}

static void op_name_asked(struct node *n)
{
	app_wake_house(app_of(n));
}

static void op_info_changed(struct node *n, struct chan *c)
{
	chan_wake_source(c);
	app_wake_cout(app_of(n));
}

static void op_settings_changed(struct node *n)
{
	app_apply_settings(app_of(n));
	notice_add(&n->notices, NOTICE_PEERCAST, "settingsChanged", "info", NULL, "Settings were changed.");
	listen_changed(app_of(n));
	app_wake_cout(app_of(n));       /* another YP; and the housekeeper */
	historyd_wake(app_of(n)->history);
	rtmpd_wake(app_of(n)->rtmp);
	feedd_wake(app_of(n)->feeds);
	hookd_wake(app_of(n)->hooks);
	recordd_wake(app_of(n)->record);
	livesync_settings(app_of(n)->livesync);
	portmapd_wake(app_of(n)->portmap, true);
}

static void op_shutdown(struct node *n)
{
	struct app *a = app_of(n);

	app_lock(a);
	if (a->end_at == 0)
		a->end_at = clk_now() + SHUTDOWN_AFTER;
	app_unlock(a);
	app_wake_house(a);
}

nsec app_end_round(struct app *a, nsec now)
{
	nsec at;

	app_lock(a);
	at = a->end_at;
	if (at != 0 && now >= at)
		a->end_at = NSEC_NEVER; /* a second signal would kill at once */
	app_unlock(a);
	if (at == 0 || now < at)
		return at == 0 ? NSEC_NEVER : at;
	(void)kill(getpid(), SIGTERM);
	return NSEC_NEVER;
}

static void op_chanlog_counts(struct node *n, struct chanlog_counts *c)
{
	chanlogd_counts(app_of(n)->chanlog, c);
}

static struct sync_report *op_sync_report(struct node *n)
{
	return livesync_report(app_of(n)->livesync, clk_deadline(REPORT_TIME));
}

static enum status op_history(struct node *n, const char *name, int64_t from_s, int64_t to_s,
	nsec deadline, struct history *out)
{
	return historyd_ask(app_of(n)->history, name, from_s, to_s, deadline, out);
}

static enum status op_fetch_feeds(struct node *n, nsec pace, nsec deadline)
{
	return feedd_fetch(app_of(n)->feeds, pace, deadline);
}

static enum status op_board(struct node *n, struct servent *sv, const struct board_ask *ask,
	struct board_answer *out)
{
	return boards_ask(app_of(n)->boards, sv, ask, out);
}

/* --- settings ----------------------------------------------------------------------------------- */

static bool resolve(const char *name, struct host *h)
{
	return host_resolve(h, name, PCP_PORT, clk_deadline(2 * NSEC_PER_SEC)) == ST_OK;
}

void app_apply_settings(struct app *a)
{
	const struct settings *set = conf_get(a->node.conf);
	struct gnuid bcid;
	bool moved;

	app_lock(a);
	moved = strcmp(a->ban_list, set->ban_list) != 0;
	(void)text_copy(a->ban_list, sizeof(a->ban_list), set->ban_list);
	app_unlock(a);
	log_set_level((enum log_level)set->log_level);
	log_pause(set->pause_log);
	conf_set_log(set);
	confine_look(set);
	memcpy(bcid.b, set->broadcast_id, sizeof(bcid.b));
	servmgr_set_bcid(a->node.sm, &bcid);
	settings_unref(&set);
	if (node_apply_settings(&a->node) != ST_OK)
		log_error("settings: no memory for the filters; the old ones stay");
	app_own_changed(a);
	if (moved)
		banlist_load(a);
}

static void reload_task(struct app *a, void *arg)
{
	enum status st = conf_reload(a->node.conf);

	(void)arg;
	if (st != ST_OK) {
		log_error("settings: %s; the old ones stay", status_str(st));
		manager_tell("READY=1");
		return;
	}
	atomic_store_explicit(&a->own_ask, true, memory_order_relaxed);
	op_settings_changed(&a->node);
	banlist_load(a);        /* the file may say something else */
	log_info("settings read again");
	manager_tell("READY=1");
}

void app_reload(struct app *a)
{
	enum status st = log_reopen();

	manager_tell_reloading();
	if (st != ST_OK)
		log_error("log: %s", status_str(st));
	chanlogd_reopen(a->chanlog);
	/* apart: files are read, and signals are still to be heard */
	st = app_task(a, "reload", reload_task, NULL);
	if (st != ST_OK)
		log_error("settings: not read again: %s", status_str(st));
	if (st != ST_OK)
		manager_tell("READY=1");
}

/* What is saved of a channel, so that it is not lost when nobody has it now. */
static void saved_meta(const struct settings_relay *r, struct chanmeta *m)
{
	static const struct { enum chantext to; const char *name; } texts[] = {
		{ CT_NAME, "name" }, { CT_DESC, "desc" }, { CT_GENRE, "genre" }, { CT_URL, "contactURL" },
		{ CT_COMMENT, "comment" }, { CT_TYPE, "contentType" }, { CT_MIME, "MIMEType" },
		{ CT_EXT, "streamExt" }, { CT_TRACK_URL, "trackContact" }, { CT_TRACK_TITLE, "trackTitle" },
		{ CT_TRACK_ARTIST, "trackArtist" }, { CT_TRACK_ALBUM, "trackAlbum" },
		{ CT_TRACK_GENRE, "trackGenre" },
	};
	const char *v = settings_relay_get(r, "bitrate");

	memset(m, 0, sizeof(*m));
	if (v == NULL || !num_u32(v, 0, BITRATE_MAX_KBPS, &m->bitrate_kbps))
		m->bitrate_kbps = 0;
	for (size_t i = 0; i < NELEM(texts); i++) {
		v = settings_relay_get(r, texts[i].name);
		if (v != NULL)
			(void)text_clean(m->text[texts[i].to], TEXT_MAX, v, strlen(v));
	}
}

static void restore_pulled(struct app *a, const struct settings_relay *r, const char *url, struct chanmeta *m)
{
	const char *v = settings_relay_get(r, "ipVersion");
	char why[NODE_WHY], shown[TEXT_MAX];

	pull_shown(shown, url);
	if (pull_restore(&a->node, url, m, v != NULL && strcmp(v, "6") == 0, why) != ST_OK)
		log_warn("settings: saved channel from %s is left alone: %s", shown, why);
}

/* Channels the ini wanted to be there again when the node started: not those that came since. arg: settings,
 * referenced. */
static void restore_task(struct app *a, void *arg)
{
	const struct settings *set = arg;
	const struct settings_relay *list;
	size_t n;

	list = settings_relays(set, &n);
	for (size_t i = 0; i < n && !servmgr_is_stopping(a->node.sm); i++) {
		const char *url = settings_relay_get(&list[i], "sourceURL");
		const char *tracker = settings_relay_get(&list[i], "tracker");
		struct host tip = { 0 };
		struct chan *c = NULL;
		struct chanmeta meta;

		saved_meta(&list[i], &meta);
		if (!settings_relay_id(&list[i], meta.id.b))
			continue;
		if (url != NULL && url[0] != '\0') {
			restore_pulled(a, &list[i], url, &meta);
			continue;
		}
		if (tracker != NULL && !resolve(tracker, &tip))
			log_warn("settings: tracker %s of a saved channel cannot be found", tracker);
		if (fetch_restore(&a->node, &meta, host_is_set(&tip) ? &tip : NULL,
		                  settings_relay_stays(&list[i]), &c) != ST_OK)
			log_warn("settings: a saved channel cannot be started");
		chan_unref(&c);
	}
	settings_unref(&set);
}

struct kept {
	struct app *app;
	struct chan **all;
	size_t n;
};

static uint32_t said_kbps(struct chan *c)
{
	struct chaninfo *i = chan_said(c);
	const uint32_t kbps = i != NULL ? i->bitrate_kbps : 0;

	chaninfo_unref(&i);
	return kbps;
}

/* Save one relay, or pulled channel: what node.md 2.1 lists. */
static enum status save_relay(struct settings *draft, struct chan *c, const struct chan_view *v,
	const struct host *tracker)
{
	char id[GNUID_STRLEN], bitrate[16], at[HOST_STRLEN];
	const char *const *t = v->info->text;
	const bool pulled = v->src == CHAN_SRC_URL;
	const struct settings_pair all[] = {
		{ "name", t[CT_NAME] }, { "desc", t[CT_DESC] }, { "genre", t[CT_GENRE] },
		{ "contactURL", t[CT_URL] }, { "comment", t[CT_COMMENT] },
		{ "sourceURL", pulled ? v->source_url : NULL },
		{ "sourceProtocol", pulled ? "HTTP" : NULL },
		{ "contentType", t[CT_TYPE] }, { "MIMEType", t[CT_MIME] }, { "streamExt", t[CT_EXT] },
		{ "bitrate", bitrate }, { "id", gnuid_str(chan_id(c), id) }, { "stayConnected", "Yes" },
		{ "trackContact", t[CT_TRACK_URL] }, { "trackTitle", t[CT_TRACK_TITLE] },
		{ "trackArtist", t[CT_TRACK_ARTIST] }, { "trackAlbum", t[CT_TRACK_ALBUM] },
		{ "trackGenre", t[CT_TRACK_GENRE] }, { "ipVersion", v->v6 ? "6" : "4" },
		{ "tracker", host_is_set(tracker) ? host_str(tracker, at) : NULL },
	};
	struct settings_pair pairs[NELEM(all)];
	uint32_t n = 0;

	/* what was measured of a pulled stream is not what its user said of it */
	snprintf(bitrate, sizeof(bitrate), "%u", pulled ? said_kbps(c) : v->info->bitrate_kbps);
	/* what has no value is left out, and so is an older one */
	for (size_t i = 0; i < NELEM(all); i++)
		if (all[i].value != NULL)
			pairs[n++] = all[i];
	return settings_relay_put(draft, pairs, n);
}

/* The tracker's address as far as it is known: one that can be dialled again. */
static struct host tracker_of(struct app *a, const struct gnuid *id)
{
	struct hitlist_view v;
	struct host h = { 0 };

	if (!chanmgr_list_view(a->node.cm, id, true, &v))
		return h;
	for (size_t i = 0; i < v.n && !host_is_set(&h); i++)
		if ((v.hits[i].flags & HIT_TRACKER) && v.hits[i].rhost[0].port != 0)
			h = v.hits[i].rhost[0];
	hitlist_view_fini(&v);
	return h;
}

/* Write the relays that are to be kept into a draft; those no longer kept go. */
static enum status save_kept(struct settings *draft, void *ctx)
{
	const struct kept *k = ctx;
	enum status st = ST_OK;

	for (size_t i = 0; i < k->n && st == ST_OK; i++) {
		struct host tracker;
		struct chan_view v;

		chan_view(k->all[i], &v);
		tracker = v.type == CHAN_RELAY ? tracker_of(k->app, chan_id(k->all[i])) :
			(struct host){ .port = 0 };
		if (v.type != CHAN_RELAY && v.src != CHAN_SRC_URL)
			st = ST_OK;     /* who pushes comes by himself */
		else if (v.keep)
			st = save_relay(draft, k->all[i], &v, &tracker);
		else
			(void)settings_relay_del(draft, chan_id(k->all[i])->b);
		chan_view_fini(&v);
	}
	return st;
}

static void keep_channels(struct app *a)
{
	struct kept k = { .app = a };

	if (chanmgr_all(a->node.cm, &k.all, &k.n) != ST_OK)
		return;
	if (k.n > 0 && conf_update(a->node.conf, save_kept, &k) != ST_OK)
		log_error("settings: the kept channels could not be noted");
	for (size_t i = 0; i < k.n; i++)
		chan_unref(&k.all[i]);
	free(k.all);
}

static void op_kept_changed(struct node *n)
{
	keep_channels(app_of(n));
	app_wake_house(app_of(n));
}

/* --- start --------------------------------------------------------------------------------------- */

/* Ten thousand connections need two files each. */
static void raise_file_limit(struct app *a)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		return;
	if (r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		(void)!setrlimit(RLIMIT_NOFILE, &r);
	}
	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < INT_MAX)
		a->files_max = (int)r.rlim_cur;
}

static enum status open_tls(struct app *a, const char *ini)
{
	const struct settings *set = conf_get(a->node.conf);
	char *crt = file_beside(ini, "server.crt"), *key = file_beside(ini, "server.key");

	if (crt != NULL && key != NULL)
		a->tls = tls_cert_new(crt, key);
	if (a->tls != NULL && set->enable_ssl_server && !tls_cert_ready(a->tls))
		log_warn("settings: enableSSLServer has no effect: %s",
		         tls_missing() != NULL ? tls_missing() : "no certificate and key that can be used");
	settings_unref(&set);
	free(crt);
	free(key);
	return a->tls != NULL ? ST_OK : ST_LIMIT;
}

static enum status open_port(struct app *a, const struct settings *set, int *exit_code)
{
	char text[HOST_STRLEN];
	struct host at;
	enum status st = listen_open(a, set);

	if (st == ST_PROTO) {
		fprintf(stderr, "peercast: bindAddress: %s is not an address\n", set->bind_address);
		*exit_code = EXIT_USAGE;
	} else if (st != ST_OK) {
		const char *why = status_str(st);

		(void)listen_wanted(set, &at);
		fprintf(stderr, "peercast: cannot listen on port %u%s%s: %s\n", set->server_port,
		        host_is_set(&at) ? " of " : "", host_is_set(&at) ? host_ip_str(&at, text) : "", why);
		*exit_code = EXIT_LISTEN;
	}
	return st;
}

/* The server last: a node that answers has started. */
static enum status start_threads(struct app *a)
{
	enum status st = thr_start(&a->house_thr, "house", house_run, a);

	if (st == ST_OK)
		st = rtmpd_start(a->rtmp);
	if (st == ST_OK)
		st = thr_start(&a->server_thr, "server", server_run, a);
	return st;
}

enum status app_start(struct app *a, const char *ini, const struct confine_paths *paths, int *exit_code)
{
	char sid[GNUID_STRLEN], bcid[GNUID_STRLEN];
	const struct settings *set, *saved;
	struct conf *conf;
	struct own own;
	enum status st;
	char *yt;

	memset(a, 0, sizeof(*a));
	a->listen_fd = a->ini_lock = -1;
	a->passed_fd = manager_take_socket("");
	*exit_code = EXIT_START;
	raise_file_limit(a);
	heap_init();
	xml_init();
	mtx_init(&a->mtx, &lk_app);
	cond_init(&a->idle);
	passing_init(&a->passing);
	st = conf_open(&conf, ini);
	if (st != ST_OK) {
		fprintf(stderr, "peercast: %s: %s\n", ini, status_str(st));
		return st;
	}
	a->node.conf = conf;            /* for who looks, should the start go wrong */
	st = daemon_ini_lock(ini, &a->ini_lock);
	if (st != ST_OK) {
		fprintf(stderr, "peercast: %s: %s\n", ini, st == ST_LIMIT ? "another node runs on it" :
		        status_str(st));
		return st;
	}
	file_sweep(ini);
	st = ST_LIMIT;
	a->node.cm = chanmgr_new();
	a->node.sm = servmgr_new();
	if (a->node.cm != NULL && a->node.sm != NULL)
		st = node_init(&a->node, conf, a->node.cm, a->node.sm);
	if (st == ST_OK) {
		a->node.yp = yp_new();
		yt = opts_yt_state();
		a->node.storage = storage_open(ini, yt);
		sessions_load(conf, yt);
		free(yt);
		st = a->node.yp != NULL && a->node.storage != NULL ? ST_OK : ST_LIMIT;
	}
	if (st == ST_OK)
		st = acceptors_new(&a->acceptors, 0);
	if (st == ST_OK)
		st = mbox_init(&a->server_mb);
	if (st == ST_OK)
		st = mbox_init(&a->house_mb);
	if (st != ST_OK) {
		fprintf(stderr, "peercast: start: %s\n", status_str(st));
		return st;
	}
	a->node.ops = (struct node_ops){
		.relay_start = fetch_start, .root_broadcast = op_root_broadcast,
		.info_changed = op_info_changed, .kept_changed = op_kept_changed,
		.early_title = source_early_title,
		.settings_changed = op_settings_changed,
		.shutdown = op_shutdown, .chanlog_counts = op_chanlog_counts, .name_asked = op_name_asked,
		.health = health_get,
		.check_firewall = firewall_ask,
		.check_viewer = portcheck_start, .history = op_history, .fetch_feeds = op_fetch_feeds,
		.speedtest = speedtest_run, .board = op_board, .pull_start = pull_start,
		.rtmp_prepare = rtmpd_prepare, .rtmp_switch = rtmpd_switch, .rtmp_status = rtmpd_status,
		.sync_report = op_sync_report,
		.record_start = recordd_op_start, .record_stop = recordd_op_stop,
		.record_views = recordd_op_views, .record_totals = recordd_op_totals,
	};
	app_apply_settings(a);
	set = conf_get(conf);
	st = open_port(a, set, exit_code);
	settings_unref(&set);
	if (st != ST_OK)
		return st;
	st = open_tls(a, ini);
	if (st != ST_OK)
		return st;
	addr_read(a);
	if (paths != NULL) {
		set = conf_get(conf);
		confine(set, paths);
		settings_unref(&set);
	}
	a->remux = remuxd_new(a);
	a->record = recordd_new(a);
	st = a->remux != NULL && a->record != NULL ? hookd_start(&a->hooks, &a->node) :
		ST_LIMIT;               /* before there are events */
	if (st == ST_OK)
		st = chanlogd_start(&a->chanlog, conf);
	if (st == ST_OK)
		st = historyd_start(&a->history, &a->node);
	if (st == ST_OK)
		st = rtmpd_new(&a->rtmp, a);
	if (st == ST_OK)
		st = feedd_start(&a->feeds, &a->node);
	if (st == ST_OK) {
		a->boards = boards_new();
		st = a->boards != NULL ? ST_OK : ST_LIMIT;
	}
	if (st == ST_OK)
		st = readyd_start(&a->ready);
	if (st == ST_OK)
		st = livesync_start(&a->livesync, a);
	saved = conf_get(conf);         /* before anybody can add to them */
	if (st == ST_OK)
		st = portmapd_new(&a->portmap, a);
	if (st == ST_OK)
		st = start_threads(a);
	if (st != ST_OK) {
		settings_unref(&saved);
		fprintf(stderr, "peercast: start: %s\n", status_str(st));
		return st;
	}
	servmgr_own(a->node.sm, &own);
	log_info("peercast " NODE_VERSION ", " NODE_AGENT);
	log_info("session %s, broadcast id %.8s...", gnuid_str(&own.sid, sid), gnuid_str(&own.bcid, bcid));
	log_info("settings: %s", ini);
	log_info("listening on port %u, page http://127.0.0.1:%u/", own.port, own.port);
	set = conf_get(conf);
	if (!set->auto_serve)
		log_warn("autoServe is off: the port is open to this machine alone");
	settings_unref(&set);
	portmapd_wake(a->portmap, true);
	if (app_task(a, "restore", restore_task, (void *)(uintptr_t)saved) != ST_OK) {
		settings_unref(&saved);
		log_error("settings: saved channels are left alone: no thread");
	}
	return ST_OK;
}

/* --- stop ---------------------------------------------------------------------------------------- */

static void close_channels(struct app *a)
{
	struct chan **all;
	size_t n;

	if (chanmgr_all(a->node.cm, &all, &n) != ST_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		chan_close(all[i]);
		chan_unref(&all[i]);
	}
	free(all);
}

static bool wait_tasks(struct app *a, nsec deadline)
{
	enum status st = ST_OK;
	bool done;

	app_lock(a);
	while (a->tasks > 0 && st == ST_OK)
		st = cond_wait(&a->idle, &a->mtx, deadline);
	done = a->tasks == 0;
	app_unlock(a);
	return done;
}

void app_stop(struct app *a)
{
	nsec deadline = clk_deadline(STOP_DEADLINE);
	bool clean, server_ended;
	enum status st;

	log_info("stopping");
	feedd_end(a->feeds);
	portmapd_stop(a->portmap);
	host_stop_lookups(true);
	keep_channels(a);
	app_lock(a);
	a->stopping = true;
	cond_broadcast(&a->idle);
	if (a->check_mb != NULL)
		mbox_stop(a->check_mb);
	app_unlock(a);
	mbox_stop(&a->server_mb);
	server_ended = thr_join(&a->server_thr, deadline) == ST_OK;
	if (!server_ended)
		log_error("server: does not end");
	listen_close(a);
	rtmpd_stop(a->rtmp, deadline);
	/* softly: they say good-bye first; what hangs is cut at half time */
	servmgr_stop_all(a->node.sm, true);
	app_lock(a);
	if (a->cout_mb != NULL)
		mbox_stop_soft(a->cout_mb);
	app_unlock(a);
	close_channels(a);
	remuxd_stop(a->remux);
	recordd_stop(a->record);
	source_stop_all(a);
	mbox_stop(&a->house_mb);
	st = servmgr_wait_empty(a->node.sm, clk_now() + (deadline - clk_now()) / 2);
	if (st != ST_OK)
		servmgr_stop_all(a->node.sm, false);
	clean = servmgr_wait_empty(a->node.sm, deadline) == ST_OK && server_ended;
	clean = wait_tasks(a, deadline) && clean;
	clean = thr_join(&a->house_thr, deadline) == ST_OK && clean;
	clean = livesync_stop(&a->livesync, deadline) && clean;
	if (clean)
		readyd_stop(&a->ready, deadline);
	clean = feedd_stop(&a->feeds, deadline) && clean;
	clean = hookd_stop(&a->hooks, deadline) && clean;
	/* a connection that hangs has had all the time but this */
	deadline += STOP_RECORDS;
	chanlogd_stop(&a->chanlog, deadline);
	historyd_stop(&a->history, deadline);
	thr_dismiss();
	sessions_save(a->node.conf);
	st = conf_save(a->node.conf);
	if (st != ST_OK)
		log_error("settings: not saved: %s", status_str(st));
	daemon_ini_unlock(conf_path(a->node.conf), &a->ini_lock);
	log_info("stopped%s", clean ? "" : ", some connections were cut off");
	if (!clean)
		return;         /* threads still use it; the process ends now anyway */
	acceptors_free(&a->acceptors);
	mbox_fini(&a->server_mb);
	mbox_fini(&a->house_mb);
	recordd_free(&a->record);
	rtmpd_free(&a->rtmp);
	boards_free(&a->boards);
	portmapd_free(&a->portmap);
	tls_cert_free(&a->tls);
	yp_free(&a->node.yp);
	storage_free(&a->node.storage);
	chanmgr_free(&a->node.cm);
	servmgr_free(&a->node.sm);
	node_fini(&a->node);
	conf_free(&a->node.conf);
	cond_fini(&a->idle);
	passing_fini(&a->passing);
	mtx_fini(&a->mtx);
}
