/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the thread of a recording (recordrun.c) and the list of them (record.c) share. For these two alone. */
#ifndef SERVENT_RECORDRUN_H
#define SERVENT_RECORDRUN_H

#include "core/node/record.h"
#include "core/sys/event.h"
#include "servent/reckeep.h"
#include "servent/record.h"

#define RECORD_HELD 256                         /* channels that are not to be recorded unasked */

/* Guarded by the lock, but for d, id and mb. */
struct recording {
	struct recordd *d;              /* constant, as the next */
	struct gnuid id;
	struct mbox mb;                 /* the thread's */
	bool running;                   /* it has a thread */
	bool retry;                     /* it is to try again now */
	bool again;                     /* when it is over another one is to begin, by hand */
	struct record_view view;        /* id, name, automatic and began_s of it are constant */
	struct recording *prev, *next;
};

struct recordd {
	struct app *app;                /* constant */
	struct reckeep keep;
	struct mtx mtx;                                 /* lk_app */
	struct recording *list          GUARDED_BY(lk_app);     /* newest first */
	uint32_t n, n_running           GUARDED_BY(lk_app);
	bool stopping                   GUARDED_BY(lk_app);
	struct gnuid held[RECORD_HELD]  GUARDED_BY(lk_app);
	uint32_t n_held                 GUARDED_BY(lk_app);
	_Atomic uint64_t parts, bytes, skips, errors;   /* relaxed: statistics */

	/* the housekeeper's */
	struct event_watcher watch;
	bool watching;
	char was_auto[SETTINGS_LONG];   /* as last looked at */
	nsec full_told;                 /* when it was last said that there are too many; 0 = never */
};

LOCK_DEFINE(recordd, struct recordd, mtx, lk_app)

/* The task. arg: a struct recording, listed and running. */
void record_run(struct app *a, void *arg);

/* The thread is gone, or there was none to be had: not one access to r after this. */
void record_over(struct recording *r, enum record_state state) EXCLUDES(lk_app);

#endif
