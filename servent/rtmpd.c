/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The listener of the RTMP input, and who publishes (rtmp.h). */
#include "servent/rtmp.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <utlist.h>

#include "core/sys/log.h"
#include "servent/manager.h"

#define PREPARED 16
#define RETRY    (5 * NSEC_PER_SEC)             /* for a port that is taken */
#define PAUSE    (100 * NSEC_PER_MSEC)          /* after an accept that failed */
#define DOORS    4                              /* that stay open */

/* A port of this machine that was opened for one prepared broadcast. */
struct door {
	int fd;
	struct host at;
	char key[TEXT_MAX];             /* what is published there has it, whatever the encoder says */
};

struct rtmpd {
	struct app *app;
	struct thr thr;
	struct mbox mb;
	struct sock ls;                 /* the listener; its fd -1 = none; the thread's */
	int passed_fd;                  /* one the service manager gave us, for its port; -1; constant */

	int ep                          GUARDED_BY(lk_app);     /* has all listeners; -1 = none yet */
	/* The oldest first. Others add; the thread alone, which accepts there, closes. */
	struct door doors[2 * DOORS]    GUARDED_BY(lk_app);
	unsigned n_doors                GUARDED_BY(lk_app);
	bool shut                       GUARDED_BY(lk_app);     /* those there are shall close */

	struct rtmp_pub *pubs           GUARDED_BY(lk_app);
	struct rtmp_status status       GUARDED_BY(lk_app);
	/* rtmp_switch(): what counts instead of the settings while they stay as they were */
	bool forced                     GUARDED_BY(lk_app);
	bool forced_on                  GUARDED_BY(lk_app);
	uint16_t forced_port            GUARDED_BY(lk_app);     /* 0 = as set */
	bool set_on                     GUARDED_BY(lk_app);     /* the settings at that time */
	uint16_t set_port               GUARDED_BY(lk_app);
	struct {
		char key[TEXT_MAX];
		struct chanmeta meta;
		bool v6;
	} prepared[PREPARED]            GUARDED_BY(lk_app);
	unsigned n_prepared             GUARDED_BY(lk_app);
};

/* --- listening --------------------------------------------------------------------------------- */

struct want {
	bool on;
	bool keyed;                     /* a key must be given */
	struct host at;
};

/* Does the listener stay as it is? */
static bool same(const struct want *a, const struct want *b)
{
	return a->on == b->on && host_equal(&a->at, &b->at);
}

/* What the settings, or rtmp_switch(), want. problem: why that cannot be; "" = it can. */
static void look(struct rtmpd *d, struct want *w, char problem[128])
{
	const struct settings *set = conf_get(d->app->node.conf);
	const bool on = set->rtmp_server;
	const uint16_t port = (uint16_t)set->rtmp_port;

	problem[0] = '\0';
	*w = (struct want){ .keyed = set->rtmp_key[0] != '\0' };
	if (set->rtmp_bind[0] != '\0' && !host_parse(&w->at, set->rtmp_bind, 0))
		snprintf(problem, 128, "rtmpBind: %.60s is not an address", set->rtmp_bind);
	settings_unref(&set);
	app_lock(d->app);
	if (d->forced && (d->set_on != on || d->set_port != port))
		d->forced = false;
	w->on = d->forced ? d->forced_on : on;
	w->at.port = d->forced && d->forced_port != 0 ? d->forced_port : port;
	app_unlock(d->app);
}

/* Remember how things stand; a new problem is logged. */
static void note(struct rtmpd *d, const struct want *w, const char *problem)
{
	bool news;

	app_lock(d->app);
	news = strcmp(d->status.problem, problem) != 0;
	d->status.on = w->on;
	d->status.listening = d->ls.fd != -1;
	d->status.at = w->at;
	(void)text_copy(d->status.problem, sizeof(d->status.problem), problem);
	app_unlock(d->app);
	if (news && problem[0] != '\0') {
		log_warn("rtmp: %s", problem);
		notice_add(&d->app->node.notices, NOTICE_PEERCAST, "rtmpPort", "warning", NULL,
			"RTMP: %s", problem);
	}
}

/* -1: there is none. */
static int listeners(struct rtmpd *d, bool make)
{
	int fd, spare;

	app_lock(d->app);
	fd = d->ep;
	app_unlock(d->app);
	if (fd != -1 || !make)
		return fd;
	spare = epoll_create1(EPOLL_CLOEXEC);
	app_lock(d->app);
	if (d->ep == -1) {
		d->ep = spare;
		spare = -1;
	}
	fd = d->ep;
	app_unlock(d->app);
	if (spare != -1)
		close(spare);
	return fd;
}

static enum status watch(struct rtmpd *d, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };
	const int ep = listeners(d, true);

	return ep != -1 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0 ? ST_OK : ST_SYS;
}

/* A file that is closed stays watched as long as there is another of the same socket (passed_fd). */
static void stop_listening(struct rtmpd *d)
{
	const int ep = listeners(d, false);

	if (d->ls.fd == -1)
		return;
	if (ep != -1)
		(void)epoll_ctl(ep, EPOLL_CTL_DEL, d->ls.fd, NULL);
	sock_close(&d->ls);
}

static void listen_on(struct rtmpd *d, const struct want *w, char problem[128])
{
	const bool passed = d->passed_fd != -1 && sock_local_port(d->passed_fd) == w->at.port;
	enum status st = ST_OK;
	char at[HOST_STRLEN];

	if (passed)
		d->ls.fd = fcntl(d->passed_fd, F_DUPFD_CLOEXEC, 3);
	else
		st = sock_listen(&d->ls.fd, &w->at);
	if (passed && d->ls.fd == -1)
		st = ST_SYS;

	if (st == ST_OK && watch(d, d->ls.fd) != ST_OK) {
		st = ST_SYS;
		stop_listening(d);
	}
	host_str(&w->at, at);
	if (st != ST_OK) {
		d->ls.fd = -1;
		snprintf(problem, 128, "cannot listen on %s: %s", at, status_str(st));
		return;
	}
	log_info("rtmp: listening on %s", at);
	if (!host_is_loopback(&w->at) && !w->keyed)
		log_warn("rtmp: without rtmpKey nobody can publish from another machine");
}

/* key: of the door it came by; "" = by none. */
static void admit(struct app *a, int fd, const struct host *peer, const char *key)
{
	struct rtmp_incoming *in = malloc(sizeof(*in));
	struct servent *sv = NULL;
	enum status st = in != NULL ? servent_new(a->node.sm, fd, peer, false, &sv) : ST_LIMIT;

	if (st == ST_OK) {
		in->app = a;
		in->sv = sv;
		(void)text_copy(in->key, sizeof(in->key), key);
		st = thr_start(NULL, "rtmp", rtmp_run, in);
		if (st == ST_OK)
			return;
		servent_end(&sv);
	} else {
		close(fd);
	}
	free(in);
	log_peer(LOG_WARN, peer, "rtmp: no room for an encoder: %s", status_str(st));
}

/* Take in one, if there is any. ST_SYS: out of files; the SERVER thread says so too. */
static enum status accept_one(struct rtmpd *d, int lfd, const char *key)
{
	struct host peer;
	int fd;
	enum status st = sock_accept_now(lfd, &fd, &peer);

	if (st == ST_OK)
		admit(d->app, fd, &peer, key);
	return st;
}

/* Close the doors that another of the same key, or too many others, came after; or all that shall close. */
static void tidy_doors(struct rtmpd *d)
{
	int old[2 * DOORS];
	unsigned n_old = 0, n = 0;

	app_lock(d->app);
	for (unsigned i = 0; i < d->n_doors; i++) {
		bool stays = !d->shut && d->n_doors - i <= DOORS;

		for (unsigned k = i + 1; k < d->n_doors; k++)
			stays = stays && strcmp(d->doors[i].key, d->doors[k].key) != 0;
		if (stays)
			d->doors[n++] = d->doors[i];
		else
			old[n_old++] = d->doors[i].fd;
	}
	d->n_doors = n;
	d->shut = false;
	app_unlock(d->app);
	while (n_old > 0)
		close(old[--n_old]);
}

static enum status accept_all(struct rtmpd *d)
{
	enum status st = d->ls.fd != -1 ? accept_one(d, d->ls.fd, "") : ST_OK;

	for (unsigned i = 0; st != ST_SYS; i++) {
		char key[TEXT_MAX];
		int fd = -1;

		app_lock(d->app);
		if (i < d->n_doors) {
			fd = d->doors[i].fd;
			(void)text_copy(key, sizeof(key), d->doors[i].key);
		}
		app_unlock(d->app);
		if (fd == -1)
			break;
		st = accept_one(d, fd, key);
	}
	return st;
}

/* Take in who comes until the deadline, or learn that something changed. */
static enum status serve(struct rtmpd *d, nsec deadline)
{
	const int ep = listeners(d, false);
	enum status st = ep != -1 ? sock_wait_fd(ep, &d->mb, deadline) : mbox_wait(&d->mb, deadline);

	if (st == ST_OK && ep != -1 && accept_all(d) == ST_SYS)
		st = mbox_wait(&d->mb, clk_now() + PAUSE);
	return st == ST_STOPPED ? st : ST_OK;
}

static void rtmpd_run(void *arg)
{
	struct rtmpd *d = arg;
	struct want have = { 0 };
	enum status st = ST_OK;
	nsec retry = 0;

	while (st != ST_STOPPED) {
		char problem[128];
		struct want want;

		look(d, &want, problem);
		if (!same(&want, &have)) {
			if (d->ls.fd != -1)
				log_info("rtmp: no longer listening");
			stop_listening(d);
			have = want;
			retry = 0;
			note(d, &want, problem);
		}
		if (want.on && d->ls.fd == -1 && clk_now() >= retry) {
			if (problem[0] == '\0')
				listen_on(d, &want, problem);
			retry = clk_now() + RETRY;
			note(d, &want, problem);
		}
		tidy_doors(d);
		st = serve(d, want.on && d->ls.fd == -1 ? retry : NSEC_NEVER);
	}
	stop_listening(d);
}

/* --- life -------------------------------------------------------------------------------------- */

enum status rtmpd_new(struct rtmpd **out, struct app *a)
{
	struct rtmpd *d = calloc(1, sizeof(*d));
	enum status st;

	*out = NULL;
	if (d == NULL)
		return ST_LIMIT;
	d->app = a;
	st = mbox_init(&d->mb);
	if (st != ST_OK) {
		free(d);
		return st;
	}
	app_lock(a);
	d->ep = -1;
	app_unlock(a);
	d->ls = (struct sock){ .fd = -1, .mb = &d->mb };
	d->passed_fd = manager_take_socket("rtmp");
	*out = d;
	return ST_OK;
}

enum status rtmpd_start(struct rtmpd *d)
{
	return thr_start(&d->thr, "rtmpd", rtmpd_run, d);
}

void rtmpd_stop(struct rtmpd *d, nsec deadline)
{
	if (d == NULL)
		return;
	mbox_stop(&d->mb);
	if (thr_join(&d->thr, deadline) != ST_OK)
		log_error("rtmp: does not end");
}

void rtmpd_free(struct rtmpd **dp)
{
	struct rtmpd *d = *dp;
	int ep;

	if (d == NULL)
		return;
	*dp = NULL;
	app_lock(d->app);
	d->shut = true;
	app_unlock(d->app);
	tidy_doors(d);
	ep = listeners(d, false);
	if (ep != -1)
		close(ep);
	mbox_fini(&d->mb);
	free(d);
}

void rtmpd_wake(struct rtmpd *d)
{
	mbox_wake(&d->mb);
}

/* --- what http asks for ------------------------------------------------------------------------ */

/* The channel that has the key takes the texts that say something. */
static void edit_now(struct app *a, const char *key, struct chanmeta *m)
{
	struct chan *c = key[0] != '\0' ? chanmgr_find_broadcast(a->node.cm, key, CHAN_SRC_RTMP) : NULL;
	bool bitrate_only;
	uint32_t present = 0;

	if (c == NULL)
		return;
	for (int t = 0; t < CT_COUNT; t++)
		if (m->text[t][0] != '\0' && t != CT_TYPE && t != CT_MIME && t != CT_EXT)
			present |= 1u << t;
	m->id = *chan_id(c);
	if (chan_merge_info(c, m, present, &bitrate_only)) {
		struct chaninfo *i = chan_info(c);

		if (chanmgr_list_ensure(a->node.cm, &i->id, i) != ST_OK)
			log_warn("channel %s: no memory for its list", i->text[CT_NAME]);
		chaninfo_unref(&i);
		a->node.ops.info_changed(&a->node, c);
	}
	chan_unref(&c);
}

/* Is that where RTMP is taken anyhow? */
static bool is_ours(struct rtmpd *d, const struct host *at)
{
	char problem[128];
	struct want w;

	look(d, &w, problem);
	return w.on && w.at.port == at->port && (!host_is_set(&w.at) || host_is_loopback(&w.at));
}

/* A door there is at that place gets the key. */
static bool rekey_door(struct rtmpd *d, const struct host *at, const char *key)
{
	bool found = false;

	app_lock(d->app);
	for (unsigned i = 0; i < d->n_doors && !found; i++) {
		found = host_equal(&d->doors[i].at, at);
		if (found)
			(void)text_copy(d->doors[i].key, TEXT_MAX, key);
	}
	app_unlock(d->app);
	return found;
}

static enum status open_door(struct rtmpd *d, const struct host *at, const char *key)
{
	enum status st;
	int fd;

	if (is_ours(d, at) || rekey_door(d, at, key))
		return ST_OK;
	st = sock_listen(&fd, at);
	if (st != ST_OK)
		return st;
	st = watch(d, fd);
	app_lock(d->app);
	if (st == ST_OK && d->n_doors < NELEM(d->doors)) {
		struct door *new = &d->doors[d->n_doors++];

		new->fd = fd;
		new->at = *at;
		(void)text_copy(new->key, TEXT_MAX, key);
	} else if (st == ST_OK) {
		st = ST_LIMIT;
	}
	app_unlock(d->app);
	if (st != ST_OK)
		close(fd);
	else
		log_info("rtmp: listening on %s for one broadcast", host_str(at, (char[HOST_STRLEN]){ 0 }));
	rtmpd_wake(d);
	return st;
}

enum status rtmpd_prepare(struct node *n, const char *key, const struct host *door, struct chanmeta *m,
	bool v6)
{
	struct app *a = app_of(n);
	struct rtmpd *d = a->rtmp;
	enum status st = door != NULL ? open_door(d, door, key) : ST_OK;
	unsigned i = 0;

	if (st != ST_OK)
		return st;
	edit_now(a, key, m);
	app_lock(a);
	while (i < d->n_prepared && strcmp(d->prepared[i].key, key) != 0)
		i++;
	if (i == PREPARED) {                    /* the oldest gives way */
		memmove(d->prepared, d->prepared + 1, sizeof(d->prepared[0]) * (PREPARED - 1));
		i = PREPARED - 1;
	}
	(void)text_copy(d->prepared[i].key, TEXT_MAX, key);
	d->prepared[i].meta = *m;
	d->prepared[i].v6 = v6;
	d->n_prepared = MAX(d->n_prepared, i + 1);
	app_unlock(a);
	return ST_OK;
}

bool rtmpd_prepared(struct rtmpd *d, const char *key, struct chanmeta *m, bool *v6)
{
	bool found = false;

	app_lock(d->app);
	for (unsigned i = 0; i < d->n_prepared; i++) {
		const bool own = key[0] != '\0' && strcmp(d->prepared[i].key, key) == 0;

		if (!own && (found || d->prepared[i].key[0] != '\0'))
			continue;
		*m = d->prepared[i].meta;
		*v6 = d->prepared[i].v6;
		found = true;
		if (own)
			break;
	}
	app_unlock(d->app);
	return found;
}

/* End everything that is published now: the user wants it. */
static void end_all(struct rtmpd *d)
{
	struct gnuid *ids = NULL;
	struct rtmp_pub *p;
	size_t n = 0, i = 0;

	app_lock(d->app);
	DL_COUNT(d->pubs, p, n);
	ids = calloc(MAX(n, (size_t)1), sizeof(*ids));
	DL_FOREACH(d->pubs, p) {
		if (!gnuid_is_set(&p->chan))
			mbox_stop_soft(p->mb);
		else if (ids != NULL)
			ids[i++] = p->chan;
	}
	app_unlock(d->app);
	while (ids != NULL && i > 0) {
		struct chan *c = chanmgr_find(d->app->node.cm, &ids[--i]);

		if (c == NULL)
			continue;
		chan_close(c);
		chanmgr_remove(d->app->node.cm, c);
		chan_unref(&c);
	}
	free(ids);
}

void rtmpd_switch(struct node *n, bool on, uint16_t port)
{
	struct app *a = app_of(n);
	const struct settings *set = conf_get(n->conf);
	struct rtmpd *d = a->rtmp;

	app_lock(a);
	d->forced = true;
	d->forced_on = on;
	d->forced_port = port;
	d->set_on = set->rtmp_server;
	d->set_port = (uint16_t)set->rtmp_port;
	d->shut = d->shut || !on;
	app_unlock(a);
	settings_unref(&set);
	if (!on)
		end_all(d);
	rtmpd_wake(d);
}

void rtmpd_status(struct node *n, struct rtmp_status *s)
{
	struct app *a = app_of(n);
	struct rtmp_pub *p;

	app_lock(a);
	*s = a->rtmp->status;
	s->publishers = 0;
	DL_FOREACH(a->rtmp->pubs, p)
		s->publishers += !p->over;
	app_unlock(a);
}

/* --- publishers -------------------------------------------------------------------------------- */

bool rtmpd_enter(struct rtmpd *d, struct rtmp_pub *p)
{
	const nsec now = clk_now();
	struct rtmp_pub *o;
	bool free_key = true;

	atomic_store_explicit(&p->heard, now, memory_order_relaxed);
	app_lock(d->app);
	DL_FOREACH(d->pubs, o)
		if (!o->over && strcmp(o->key, p->key) == 0 &&
		    now - atomic_load_explicit(&o->heard, memory_order_relaxed) < RTMP_SILENT)
			free_key = false;
	if (free_key)
		DL_APPEND(d->pubs, p);
	app_unlock(d->app);
	return free_key;
}

void rtmpd_set_chan(struct rtmpd *d, struct rtmp_pub *p, const struct gnuid *id)
{
	app_lock(d->app);
	p->chan = *id;
	app_unlock(d->app);
}

void rtmpd_over(struct rtmpd *d, struct rtmp_pub *p)
{
	app_lock(d->app);
	p->over = true;
	app_unlock(d->app);
}

void rtmpd_leave(struct rtmpd *d, struct rtmp_pub *p)
{
	app_lock(d->app);
	DL_DELETE(d->pubs, p);
	app_unlock(d->app);
}
