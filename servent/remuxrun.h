/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the thread of a remuxer (remuxrun.c) and its users (remux.c) share. For these two alone. */
#ifndef SERVENT_REMUXRUN_H
#define SERVENT_REMUXRUN_H

#include "servent/remux.h"

/* A viewer by HLS. */
struct remux_session {
	char token[HLS_TOKEN];
	uint8_t key[16];                /* his address; IPv6: the /64 */
	struct servent *sv;             /* the record, of which we are the owner */
	nsec last;                      /* request */
	struct remux_session *prev, *next;
};

enum remux_state { REMUX_STARTING, REMUX_RUNNING, REMUX_ENDED, REMUX_FAILED_STATE };

/* Guarded by the lock, but for c and mb. */
struct remux {
	struct chan *c;                 /* a reference; constant */
	struct mbox mb;                 /* the thread's */
	uint32_t refs, users;           /* each user has a reference, and so has the thread */
	bool listed;
	bool over;                      /* the thread takes no new sessions */
	enum remux_state state;
	int status;                     /* of FAILED: the answer */
	char why[REMUX_WHY];
	struct hls hls;
	char mime[FMP4_MIME];           /* of the newest generation; "" = none yet */
	struct remux_viewer *viewers;
	struct remux_session *sessions;
	uint32_t n_sessions;
	struct remux *prev, *next;
};

struct remuxd {
	struct app *app;                /* constant */
	struct mtx mtx;                                 /* lk_app */
	struct remux *list      GUARDED_BY(lk_app);     /* newest first */
	uint32_t n              GUARDED_BY(lk_app);
	bool stopping           GUARDED_BY(lk_app);
};

LOCK_DEFINE(remuxd, struct remuxd, mtx, lk_app)

/* libavformat's name of the container of such a channel; NULL = it is none that can be remuxed. */
const char *remux_format(const char *type);

/* The task. arg: a struct remux with one reference, listed. */
void remux_run(struct app *a, void *arg);

/* There will be no thread, or it has nothing to work with: who uses it hears why, its sessions end, and
 * nobody finds it any more. */
void remux_give_up(struct remuxd *d, struct remux *r, const char *why) EXCLUDES(lk_app, lk_servmgr);
/* Nobody finds it any more. */
void remux_unlist_locked(struct remuxd *d, struct remux *r) REQUIRES(lk_app);
void remux_unref(struct remuxd *d, struct remux **r) EXCLUDES(lk_app);

#endif
