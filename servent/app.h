/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The running program: the node, its threads, and whom to wake for what.
 *
 * One struct app lives from main() to exit. Rooms below see its struct node; app_of() leads back.
 *
 * Threads that are not servents (channel sources, port tests, COUT) are counted tasks: exit waits for
 * them with a deadline.
 */
#ifndef SERVENT_APP_H
#define SERVENT_APP_H

#include <stdatomic.h>

#include "core/node/node.h"
#include "core/sys/lock.h"
#include "core/sys/mbox.h"
#include "core/sys/thr.h"
#include "core/sys/tls.h"
#include "pcp/push.h"
#include "servent/pass.h"

#define STOP_DEADLINE (1500 * NSEC_PER_MSEC)    /* of an orderly end; the whole takes 2 s at most */
#define STOP_RECORDS  (300 * NSEC_PER_MSEC)     /* for what is still to be written, after that */
#define SHUTDOWN_AFTER (500 * NSEC_PER_MSEC)    /* so that who asked for it gets his answer */
#define GOODBYE       (500 * NSEC_PER_MSEC)     /* for the last words to one peer */

struct acceptors;
struct boards;
struct chanlogd;
struct confine_paths;
struct feedd;
struct historyd;
struct hookd;
struct livesync;
struct portmapd;
struct readyd;
struct recordd;
struct remuxd;
struct rtmpd;
struct source;

struct app {
	struct node node;
	struct chanlogd *chanlog;       /* constant after start-up */
	struct historyd *history;       /* the same; NULL = built without */
	struct rtmpd *rtmp;             /* the same */
	struct feedd *feeds;            /* the same */
	struct hookd *hooks;            /* the same */
	struct boards *boards;          /* the same */
	struct tls_cert *tls;           /* the same: server.crt and server.key beside the ini */
	struct readyd *ready;           /* the same */
	struct portmapd *portmap;       /* the same; NULL in tests */
	struct livesync *livesync;      /* the same; NULL in tests */
	int ini_lock;                   /* daemon.h; constant */
	int passed_fd;                  /* a listener of the service manager's, for its port; -1; constant */
	struct remuxd *remux;           /* the same */
	struct recordd *record;         /* the same */
	struct acceptors *acceptors;    /* the same; NULL in tests */
	int files_max;                  /* numbers of files end there; 0 = not known; constant */
	int listen_fd;                  /* the SERVER thread's, as are */
	int listen_poll;                /* what it polls for it, */
	struct host listen_at;          /* and where it is */
	struct thr server_thr, house_thr;
	struct mbox server_mb, house_mb;

	/* For the housekeeper: 1 = root settings to all CINs now, 2 = with upd; it exchanges 0 in.
	 * Relaxed: the wake orders it. */
	_Atomic int root_ask;
	/* For the housekeeper: look at the interfaces and at the port again. Relaxed, as above. */
	_Atomic bool own_ask;
	_Atomic nsec house_beat, server_beat; /* when they last went round (health.h); 0 = not yet; relaxed */
	_Atomic bool listening;         /* the port is open; relaxed */
	_Atomic unsigned resolvers;     /* threads that ask name servers; relaxed: a count */
	_Atomic bool forcing;           /* forceIP is being looked up; release by its task, acquire */

	struct passing passing;         /* its own lock */

	struct mtx mtx;                                 /* lk_app */
	struct cond idle;
	uint32_t listen_asked   GUARDED_BY(lk_app);     /* how often the listener was to look again */
	uint32_t listen_done    GUARDED_BY(lk_app);     /* and has */
	uint32_t tasks          GUARDED_BY(lk_app);     /* running */
	bool stopping           GUARDED_BY(lk_app);
	struct mbox *cout_mb    GUARDED_BY(lk_app);     /* of the COUT thread while it runs */
	bool speedtesting       GUARDED_BY(lk_app);     /* one runs (speedtest.h) */
	bool cout_runs          GUARDED_BY(lk_app);
	bool yp_busy            GUARDED_BY(lk_app);     /* somebody has the line to the YP (firewall.h) */
	bool pinging[2]         GUARDED_BY(lk_app);     /* a helo of ours asks for a port test, by family */
	struct mbox *check_mb   GUARDED_BY(lk_app);     /* of a firewall check while it runs */
	bool check_runs         GUARDED_BY(lk_app);     /* it does, or is about to */
	unsigned check_families GUARDED_BY(lk_app);     /* of it, or of the last one */
	nsec check_ended        GUARDED_BY(lk_app);
	uint32_t checks         GUARDED_BY(lk_app);     /* that have ended */
	struct own told         GUARDED_BY(lk_app);     /* of ourselves, in the log */
	struct source *sources  GUARDED_BY(lk_app);     /* pushed inputs, with a channel or not yet */
	nsec end_at             GUARDED_BY(lk_app);     /* somebody asked for the end: then; 0 = nobody */
	char ban_list[SETTINGS_LONG] GUARDED_BY(lk_app); /* as last read from */
	uint32_t tests          GUARDED_BY(lk_app);     /* port tests in flight */
	struct host tested[8]   GUARDED_BY(lk_app);     /* and of whom */

	/* giv.h */
	struct pushlimit dialling GUARDED_BY(lk_app);
	bool cout_seeks         GUARDED_BY(lk_app);     /* the COUT thread has nobody to talk to */
	struct sock_offer *cout_given GUARDED_BY(lk_app); /* NULL = none */
};

LOCK_DEFINE(app, struct app, mtx, lk_app)

static inline struct app *app_of(struct node *n)
{
	return CONTAINER_OF(n, struct app, node);
}

/* Start a counted, detached thread. ST_OK; ST_STOPPED while stopping; ST_LIMIT, ST_SYS: arg is still
 * the caller's. */
enum status app_task(struct app *a, const char *name, void (*fn)(struct app *, void *), void *arg)
	EXCLUDES(lk_app) NODISCARD;

/* Something the COUT thread looks at changed: a broadcast began, ended, or its info changed. Starts
 * the thread when it is needed and not there. */
void app_wake_cout(struct app *a) EXCLUDES(lk_app);
/* Something about our addresses or our port may have changed: if it has, it is logged, and those who
 * tell it to others are woken. */
void app_own_changed(struct app *a) EXCLUDES(lk_app);
/* The housekeeper has something new to time (settings changed ...). */
void app_wake_house(struct app *a);

/* Start everything on these settings. paths: what must stay open when files are closed (confine.h), NULL =
 * nothing is closed. On failure *exit_code says what main() returns, and a line has
 * been written to stderr. The signals are blocked already.
 * returns  ST_OK, or the reason */
enum status app_start(struct app *a, const char *ini, const struct confine_paths *paths, int *exit_code)
	NODISCARD;
/* End the process when somebody asked for it and the moment has come. Returns when it will. */
nsec app_end_round(struct app *a, nsec now) EXCLUDES(lk_app);
/* SIGHUP: log and channel log are opened again, the ini is read again. */
void app_reload(struct app *a);
/* Stop everything in order, within 2 s, and write what must be kept. */
void app_stop(struct app *a);

/* Copy the limits and filters of the current settings into the node. */
void app_apply_settings(struct app *a);

#endif
