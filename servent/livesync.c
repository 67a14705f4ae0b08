/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/livesync.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An insertion that finds no memory leaves the element out; the caller looks at its handle. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(e) ((void)(e))
#include <uthash.h>

#include "core/sys/log.h"
#include "core/sys/rng.h"
#include "pcp/syncreport.h"
#include "servent/app.h"
#include "servent/chanlogd.h"
#include "servent/syncnet.h"

#define ACCOUNT_TIME (20 * NSEC_PER_SEC)        /* between two looks at all that is ours */
#define RETRY_TIME   (30 * NSEC_PER_SEC)        /* of a socket that could not be opened, or joined */
#define BARE         64                         /* channels whose info is asked for again */
#define QUIET        (30 * NSEC_PER_SEC)        /* a renewal within it makes no record in the log */

/* A channel to look at. */
struct news {
	struct gnuid chan;
	enum sync_reason why;
	struct UT_hash_handle hh;
};

struct livesync {
	struct app *app;
	struct thr thr;
	struct mbox mbox;
	_Atomic bool on;                /* anybody there for news? relaxed: a hint, everything is looked at
	                                 * when it has become so */

	struct mtx mtx;                                 /* lk_leaf */
	struct cond answered;
	struct news *news       GUARDED_BY(lk_leaf);
	bool look               GUARDED_BY(lk_leaf);    /* at everything */
	bool changed            GUARDED_BY(lk_leaf);    /* the settings */
	uint64_t asked, told    GUARDED_BY(lk_leaf);    /* reports */
	struct sync_report *report GUARDED_BY(lk_leaf); /* the last one made */

	/* the thread's own */
	struct sync *sync;              /* NULL = does not run */
	struct syncnet net;
	struct syncnet_conf want;       /* what it was opened for, or is to be */
	struct sync_conf conf;
	bool has_conf;
	bool log_synced;
	nsec ghost;
	enum sync_state state;
	char why[SYNCCONF_WHY];
	nsec retry_at;                  /* of the sockets; NSEC_NEVER = all are well */
	nsec account_at, account_every;
	struct gnuid bare[BARE];        /* a host is known, and not what the channel is */
	size_t n_bare;
};

LOCK_DEFINE(ls, struct livesync, mtx, lk_leaf)

/* --- what others ask for ----------------------------------------------------------------------- */

void livesync_news(struct livesync *l, const struct gnuid *chan, enum sync_reason why)
{
	struct news *n;
	bool wake;

	if (l == NULL || !atomic_load_explicit(&l->on, memory_order_relaxed))
		return;
	ls_lock(l);
	wake = l->news == NULL && !l->look;
	HASH_FIND(hh, l->news, chan, sizeof(*chan), n);
	if (n != NULL) {
		n->why = why;
	} else if (!l->look) {
		n = HASH_COUNT(l->news) < LIVESYNC_NEWS ? malloc(sizeof(*n)) : NULL;
		if (n != NULL) {
			*n = (struct news){ .chan = *chan, .why = why };
			HASH_ADD(hh, l->news, chan, sizeof(n->chan), n);
			if (n->hh.tbl == NULL) {
				free(n);
				n = NULL;
			}
		}
		l->look = n == NULL;
	}
	ls_unlock(l);
	if (wake)
		mbox_wake(&l->mbox);
}

void livesync_look(struct livesync *l)
{
	if (l == NULL || !atomic_load_explicit(&l->on, memory_order_relaxed))
		return;
	ls_lock(l);
	l->look = true;
	ls_unlock(l);
	mbox_wake(&l->mbox);
}

void livesync_settings(struct livesync *l)
{
	if (l == NULL)
		return;
	ls_lock(l);
	l->changed = true;
	ls_unlock(l);
	mbox_wake(&l->mbox);
}

struct sync_report *livesync_report(struct livesync *l, nsec deadline)
{
	struct sync_report *r = l != NULL ? malloc(sizeof(*r)) : NULL;
	enum status st = ST_OK;
	uint64_t mine;

	if (r == NULL)
		return NULL;
	ls_lock(l);
	mine = ++l->asked;
	ls_unlock(l);
	mbox_wake(&l->mbox);
	ls_lock(l);
	while (l->told < mine && st == ST_OK)
		st = cond_wait(&l->answered, &l->mtx, deadline);
	if (l->told >= mine && l->report != NULL)
		*r = *l->report;
	else
		st = ST_TIMEOUT;
	ls_unlock(l);
	if (st != ST_OK) {
		free(r);
		return NULL;
	}
	return r;
}

/* --- what other roots tell --------------------------------------------------------------------- */

static bool is_banned(struct livesync *l, const struct gnuid *chan, const struct hit *h, const char *name)
{
	struct bans *b = node_bans(&l->app->node);
	const bool yes = bans_channel(b, chan) || (name != NULL && bans_name(b, name)) ||
		(h != NULL && (bans_session(b, &h->sid) || bans_address(b, &h->rhost[0])));

	bans_unref(&b);
	return yes;
}

/* Whether a report says something a reader of the log has not read: of hosts that did not change there is a
 * record now and then, as a tracker's renewals make. */
static bool is_for_log(const struct announce *an, const struct announce_result *r)
{
	const struct hitstats *was = &r->before, *is = &r->after;

	if (an->meta != NULL)
		return r->info_changed;
	return r->hit_new || r->hit_removed || was->listeners != is->listeners || was->relays != is->relays ||
		was->firewalled != is->firewalled || is->newest - was->newest >= QUIET;
}

/* Apply one report. */
static void apply(struct livesync *l, const struct sync_from *from, struct announce *an)
{
	struct announce_result r;
	char id[GNUID_STRLEN];

	an->source = from->instance;
	an->self = servmgr_sid(l->app->node.sm);
	an->root = true;
	if (chanmgr_announce(l->app->node.cm, an, &r) != ST_OK)
		log_peer(LOG_WARN, &from->addr, "livesync: channel %s: too many channels or hosts",
			gnuid_str(an->chan, id));
	if (r.refused)
		log_peer(LOG_INFO, &from->addr, "livesync: channel %s: instance %08x names another owner",
			gnuid_str(an->chan, id), an->source);
	if (r.info == NULL && an->hit != NULL && (an->hit->flags & HIT_RECV) && l->n_bare < BARE)
		l->bare[l->n_bare++] = *an->chan;
	if (l->log_synced && r.info != NULL && !r.refused && is_for_log(an, &r))
		chanlogd_update(l->app->chanlog, an->chan, &r);
	announce_result_fini(&r);
}

static void on_hit(void *ctx, const struct sync_from *from, const struct hit *h)
{
	struct livesync *l = ctx;
	struct hit mine = *h;
	struct announce an = { .chan = &mine.chan, .hit = &mine, .create = true };
	/* by then the list, with its name, may be gone */
	const char *name = sync_chan_name(l->sync, &h->chan);

	/* nobody on the internet reaches a private address; who is near may tell of one (yp.md 5) */
	if (is_banned(l, &h->chan, h, name) || servmgr_is_self(l->app->node.sm, &h->rhost[0]) ||
	    (!host_is_global(&h->rhost[0]) && host_is_global(&from->addr)))
		return;
	mine.source = from->instance;
	mine.via = (struct gnuid){ { 0 } };
	mine.flags |= HIT_RECV;
	apply(l, from, &an);
}

static void on_gone(void *ctx, const struct sync_from *from, const struct hit *h, enum sync_reason why)
{
	struct livesync *l = ctx;
	struct hit mine = *h;
	struct announce an = { .chan = &mine.chan, .hit = &mine };

	mine.source = from->instance;
	mine.via = (struct gnuid){ { 0 } };
	mine.flags &= (uint8_t)~HIT_RECV;
	if (l->log_synced && why != SYNC_TIMEOUT)
		chanlogd_stopping(l->app->chanlog, &h->chan);
	apply(l, from, &an);
}

static void on_info(void *ctx, const struct sync_from *from, const struct chanmeta *m, uint32_t present)
{
	struct livesync *l = ctx;
	struct announce an = { .chan = &m->id, .meta = m, .present = present, .create = true };

	if (!is_banned(l, &m->id, NULL, present & 1u << CT_NAME ? m->text[CT_NAME] : NULL))
		apply(l, from, &an);
}

static void on_bye(void *ctx, const struct sync_from *from)
{
	struct livesync *l = ctx;
	char hs[HOST_STRLEN];

	log_peer(LOG_INFO, &from->addr, "livesync: instance %08x at %s says goodbye", from->instance,
		host_str(&from->addr, hs));
	chanmgr_source_gone(l->app->node.cm, from->instance, l->ghost);
}

static void on_send(void *ctx, const void *p, size_t n)
{
	struct livesync *l = ctx;

	syncnet_send(&l->net, p, n);
}

static int64_t on_wall_ms(void *ctx)
{
	(void)ctx;
	return clk_wall_ns() / NSEC_PER_MSEC;
}

static uint32_t on_random(void *ctx)
{
	uint32_t v;

	(void)ctx;
	rng_bytes(&v, sizeof(v));
	return v;
}

static const struct sync_ops ops = {
	.send = on_send, .hit = on_hit, .gone = on_gone, .info = on_info, .bye = on_bye,
	.wall_ms = on_wall_ms, .random = on_random,
};

static void on_datagram(void *ctx, void *p, size_t n, const struct host *from)
{
	struct livesync *l = ctx;

	sync_input(l->sync, p, n, from, clk_now());
}

/* Channels of which a host was told alone: their lists were emptied here since they were told whole. */
static void ask_again(struct livesync *l)
{
	while (l->n_bare > 0)
		sync_forgotten(l->sync, &l->bare[--l->n_bare], clk_now());
}

/* --- what we tell ------------------------------------------------------------------------------- */

/* The hosts of a list that are ours to tell. Returns how many. */
static size_t tell_list(struct livesync *l, const struct hitlist_view *v)
{
	const nsec now = clk_now();
	size_t n = 0;

	for (size_t i = 0; v->info != NULL && i < v->n; i++) {
		if (v->hits[i].source != 0 || v->hits[i].told || !(v->hits[i].flags & HIT_TRACKER))
			continue;
		sync_own_hit(l->sync, v->info, &v->hits[i], now);
		n++;
	}
	return n;
}

/* A broadcast of this node, which announces it to nobody. Is it one, on the air? */
static bool tell_broadcast(struct livesync *l, struct chan *c)
{
	struct chaninfo *info;
	struct hit h;

	if (chan_type_of(c) != CHAN_BROADCAST || !chan_is_playing(c) || chan_is_closing(c))
		return false;
	node_own_hit(&l->app->node, c, true, &h);
	h.heard = clk_now();
	info = chan_info(c);
	sync_own_hit(l->sync, info, &h, h.heard);
	chaninfo_unref(&info);
	return true;
}

/* Look at one channel. */
static void look_at(struct livesync *l, const struct news *n)
{
	struct chan *c = chanmgr_find(l->app->node.cm, &n->chan);
	struct hitlist_view v;
	bool there;

	sync_own_chan_begin(l->sync, &n->chan);
	there = c != NULL && tell_broadcast(l, c);
	chan_unref(&c);
	if (chanmgr_list_view(l->app->node.cm, &n->chan, true, &v)) {
		there = tell_list(l, &v) > 0 || there;
		hitlist_view_fini(&v);
	}
	if (there)
		sync_own_chan_end(l->sync, &n->chan, n->why, clk_now());
	else
		sync_own_chan_gone(l->sync, &n->chan, n->why, clk_now());
}

/* Look at all of them. What is no longer there is gone. */
static void look_at_all(struct livesync *l)
{
	struct hitlist_view *lists;
	struct chan **chans;
	size_t n_lists, n_chans;

	l->account_at = clk_now() + l->account_every;
	if (chanmgr_lists(l->app->node.cm, true, &lists, &n_lists) != ST_OK)
		return;
	if (chanmgr_all(l->app->node.cm, &chans, &n_chans) != ST_OK)
		chans = NULL;
	if (chans != NULL)
		sync_own_begin(l->sync);
	for (size_t i = 0; i < n_lists; i++) {
		if (chans != NULL)
			(void)tell_list(l, &lists[i]);
		hitlist_view_fini(&lists[i]);
	}
	for (size_t i = 0; chans != NULL && i < n_chans; i++) {
		(void)tell_broadcast(l, chans[i]);
		chan_unref(&chans[i]);
	}
	if (chans != NULL)
		sync_own_end(l->sync, clk_now());
	free(chans);
	free(lists);
}

/* --- running ------------------------------------------------------------------------------------ */

/* Why it does not run, once for each reason. */
static void set_state(struct livesync *l, enum sync_state state, const char *why)
{
	const bool news = state != l->state || strcmp(why, l->why) != 0;

	l->state = state;
	(void)text_copy(l->why, sizeof(l->why), why);
	if (!news)
		return;
	if (state == SYNC_REFUSED)
		log_error("livesync: does not run: %s", why);
	else if (state == SYNC_WAITS || why[0] != '\0')
		log_warn("livesync: %s; tried again in %d seconds", why, (int)(RETRY_TIME / NSEC_PER_SEC));
}

static void say_running(const struct livesync *l)
{
	struct sync_status st;
	char ip[HOST_STRLEN];

	sync_status(l->sync, &st, clk_now());
	log_info("livesync: instance %08x on UDP port %u, group %s, %u peers, %s", st.instance, l->want.port,
		l->net.joined ? host_ip_str(&l->want.group, ip) : "none", l->want.n_peers,
		l->conf.keys.n == 0 ? "plain" : l->conf.plain ? "sealed and plain" : "sealed");
}

/* Nothing of what the others told counts any longer than theirs who left. */
static void forget_others(struct livesync *l)
{
	struct sync_instance *list = calloc(SYNC_INSTANCES_MAX, sizeof(*list));
	const size_t n = list != NULL ? sync_instances(l->sync, list, SYNC_INSTANCES_MAX) : 0;

	for (size_t i = 0; i < n; i++)
		chanmgr_source_gone(l->app->node.cm, list[i].id, l->ghost);
	free(list);
}

static void close_all(struct livesync *l, bool stays)
{
	atomic_store_explicit(&l->on, false, memory_order_relaxed);
	if (l->sync != NULL) {
		sync_bye(l->sync, clk_now());
		if (stays)
			forget_others(l);
		log_info("livesync: stopped");
	}
	sync_free(&l->sync);
	syncnet_close(&l->net);
	l->retry_at = NSEC_NEVER;
}

/* Open the sockets, and begin if that is not done yet. */
static void open_all(struct livesync *l)
{
	char why[SYNCCONF_WHY];
	const nsec now = clk_now();

	l->retry_at = NSEC_NEVER;
	if (syncnet_open(&l->net, &l->want, why) != ST_OK) {
		l->retry_at = now + RETRY_TIME;
		set_state(l, SYNC_WAITS, why);
		return;
	}
	if (why[0] != '\0')
		l->retry_at = now + RETRY_TIME;
	if (l->sync == NULL)
		l->sync = sync_new(&l->conf, &ops, l, now);
	if (l->sync == NULL) {
		syncnet_close(&l->net);
		l->retry_at = now + RETRY_TIME;
		set_state(l, SYNC_WAITS, "no memory");
		return;
	}
	set_state(l, SYNC_RUNS, why);
	say_running(l);
	atomic_store_explicit(&l->on, true, memory_order_relaxed);
	l->account_at = now;
}

/* The settings may be others. What is wrong with them stops nothing that runs. */
static void take_settings(struct livesync *l)
{
	const struct settings *set = conf_get(l->app->node.conf);
	struct syncnet_conf net;
	struct sync_conf conf;
	char why[SYNCCONF_WHY];
	const enum status st = syncconf_read(set, &conf, &net, why);

	l->log_synced = set->chan_log_synced;
	l->ghost = (nsec)set->ghost_timeout * NSEC_PER_SEC;
	l->account_every = MIN(ACCOUNT_TIME, (nsec)set->hit_timeout * NSEC_PER_SEC / 3);
	settings_unref(&set);
	if (st == ST_STOPPED) {
		close_all(l, true);
		if (l->has_conf)
			sync_conf_fini(&l->conf);
		l->has_conf = false;
		set_state(l, SYNC_OFF, "");
		(void)text_copy(l->why, sizeof(l->why), why);
		return;
	}
	if (st != ST_OK && l->sync != NULL) {
		log_error("livesync: %s; it goes on with the settings it has", why);
		return;
	}
	if (st != ST_OK) {
		l->retry_at = NSEC_NEVER;
		set_state(l, SYNC_REFUSED, why);
		return;
	}
	if (l->has_conf)
		sync_conf_fini(&l->conf);
	l->conf = conf;
	l->has_conf = true;
	if (l->sync != NULL)
		sync_set_conf(l->sync, &l->conf, clk_now());
	if (l->net.fd != -1 && memcmp(&net, &l->want, sizeof(net)) == 0)
		return;
	l->want = net;
	syncnet_close(&l->net);
	open_all(l);
}

/* Sockets that did not open. */
static void retry(struct livesync *l)
{
	char why[SYNCCONF_WHY];

	if (clk_now() < l->retry_at)
		return;
	if (l->net.fd == -1) {
		open_all(l);
	} else if (syncnet_join(&l->net, why)) {
		l->retry_at = NSEC_NEVER;
		set_state(l, SYNC_RUNS, "");
		say_running(l);
	} else {
		l->retry_at = clk_now() + RETRY_TIME;
	}
}

/* The interface of the group went away and is back. */
static void rejoin(struct livesync *l)
{
	if (!syncnet_has_moved(&l->net))
		return;
	log_info("livesync: the group's interface is another one");
	syncnet_close(&l->net);
	open_all(l);
}

/* --- reports ------------------------------------------------------------------------------------ */

static void fill_report(const struct livesync *l, struct sync_report *r)
{
	memset(r, 0, sizeof(*r));
	r->at = clk_now();
	r->state = l->state;
	(void)text_copy(r->why, sizeof(r->why), l->why);
	if (l->sync == NULL)
		return;
	r->sealed = l->conf.keys.n > 0;
	r->plain = l->conf.keys.n == 0 || l->conf.plain;
	r->group = l->net.joined;
	r->peers = l->want.n_peers;
	r->send_failed = l->net.failed;
	r->lost = l->net.lost;
	sync_status(l->sync, &r->st, r->at);
	r->n = sync_instances(l->sync, r->instances, SYNC_INSTANCES_MAX);
}

/* Whoever has asked is answered. */
static void answer(struct livesync *l, uint64_t upto)
{
	struct sync_report *r = malloc(sizeof(*r)), *old;

	if (r != NULL)
		fill_report(l, r);
	ls_lock(l);
	old = l->report;
	l->report = r;
	l->told = upto;
	cond_broadcast(&l->answered);
	ls_unlock(l);
	free(old);
}

/* --- the thread --------------------------------------------------------------------------------- */

/* What has come in from other threads. */
static void take_mail(struct livesync *l)
{
	struct news *news, *next;
	bool look, changed, ask;
	uint64_t asked;

	ls_lock(l);
	news = l->news;
	l->news = NULL;
	look = l->look;
	changed = l->changed;
	asked = l->asked;
	ask = l->told < asked;
	l->look = l->changed = false;
	ls_unlock(l);
	if (changed)
		take_settings(l);
	if (l->sync != NULL && clk_now() >= l->account_at)
		rejoin(l);
	if (l->sync != NULL && (look || clk_now() >= l->account_at))
		look_at_all(l);
	next = news;
	HASH_CLEAR(hh, news);           /* leaves the elements chained */
	while ((news = next) != NULL) {
		next = news->hh.next;
		if (l->sync != NULL && !look)
			look_at(l, news);
		free(news);
	}
	if (ask)
		answer(l, asked);
}

/* Sleep until there is something to do. */
static enum status rest(struct livesync *l, nsec next)
{
	struct sock s = { .fd = l->net.poll_fd, .mb = &l->mbox };
	enum status st;
	int got = 0;

	if (l->net.fd == -1)
		return mbox_wait(&l->mbox, next);
	st = sock_wait(&s, SOCK_IN, &got, next);
	if (st == ST_OK && (got & SOCK_IN))
		(void)syncnet_receive(&l->net, on_datagram, l);
	return st;
}

static void run(void *arg)
{
	struct livesync *l = arg;
	enum status st = ST_OK;

	take_settings(l);
	while (st != ST_STOPPED) {
		nsec next = NSEC_NEVER;

		take_mail(l);
		retry(l);
		if (l->sync != NULL) {
			ask_again(l);
			next = MIN(sync_run(l->sync, clk_now()), l->account_at);
		}
		st = rest(l, MIN(next, l->retry_at));
	}
	close_all(l, false);
	if (l->has_conf)
		sync_conf_fini(&l->conf);
}

enum status livesync_start(struct livesync **out, struct app *a)
{
	struct livesync *l = calloc(1, sizeof(*l));
	enum status st;

	*out = NULL;
	if (l == NULL)
		return ST_LIMIT;
	l->app = a;
	l->net = (struct syncnet){ .fd = -1, .group_fd = -1, .poll_fd = -1 };
	l->retry_at = NSEC_NEVER;
	st = mbox_init(&l->mbox);
	if (st != ST_OK) {
		free(l);
		return st;
	}
	mtx_init(&l->mtx, &lk_leaf);
	cond_init(&l->answered);
	st = thr_start(&l->thr, "livesync", run, l);
	if (st != ST_OK) {
		cond_fini(&l->answered);
		mtx_fini(&l->mtx);
		mbox_fini(&l->mbox);
		free(l);
		return st;
	}
	*out = l;
	return ST_OK;
}

bool livesync_stop(struct livesync **lp, nsec deadline) LOCK_IMPL /* the only thread left */
{
	struct livesync *l = *lp;
	struct news *n, *next;

	if (l == NULL)
		return true;
	mbox_stop(&l->mbox);
	if (thr_join(&l->thr, deadline) != ST_OK) {
		log_warn("livesync: still at work when the time to stop was over");
		return false;
	}
	*lp = NULL;
	next = l->news;
	HASH_CLEAR(hh, l->news);
	while ((n = next) != NULL) {
		next = n->hh.next;
		free(n);
	}
	free(l->report);
	cond_fini(&l->answered);
	mtx_fini(&l->mtx);
	mbox_fini(&l->mbox);
	free(l);
	return true;
}
