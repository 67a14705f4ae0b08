/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RTMP input: a thread that listens (rtmpd.c) and one for each encoder (rtmp.c).
 *
 * A key is a channel of its own. Who comes with a key that is in use is refused, unless the other one has
 * been silent for RTMP_SILENT; when its encoder has left, the next with that key takes the channel over.
 *
 * A broadcast may be prepared with a port of this machine, its door, where nothing else listens: programs for
 * PeerCastStation send what they get from an encoder there, whose key is anybody's guess. A door stays until
 * the key has another one, DOORS newer ones are there, or RTMP is switched off.
 *
 * lock     lk_app guards the list of publishers and what was prepared.
 * source   media.md 2.5; http.md 6; settings.md decisions 4, 5, 25, 26
 */
#ifndef SERVENT_RTMP_H
#define SERVENT_RTMP_H

#include <stdatomic.h>

#include "core/chan/chaninfo.h"
#include "servent/app.h"

#define RTMP_SILENT (5 * NSEC_PER_SEC)

struct rtmpd;

/* All that is needed before others ask for it. ST_OK, ST_LIMIT, ST_SYS. */
enum status rtmpd_new(struct rtmpd **out, struct app *a) NODISCARD;
/* Start the thread, once the rest of the app is there. ST_OK, ST_SYS. A port that is taken is no failure: it
 * is tried again. */
enum status rtmpd_start(struct rtmpd *d) NODISCARD;
/* Listen no more, join. The publishers are told by source_stop_all(). */
void rtmpd_stop(struct rtmpd *d, nsec deadline) EXCLUDES(lk_app);
/* No publisher is left. */
void rtmpd_free(struct rtmpd **d);
/* Settings changed: look again. */
void rtmpd_wake(struct rtmpd *d);

/* As in node_ops. */
enum status rtmpd_prepare(struct node *n, const char *key, const struct host *door, struct chanmeta *m,
	bool v6) EXCLUDES(lk_app);
void rtmpd_switch(struct node *n, bool on, uint16_t port) EXCLUDES(lk_app);
void rtmpd_status(struct node *n, struct rtmp_status *s) EXCLUDES(lk_app);

/* --- for the publishers' threads --------------------------------------------------------------- */

/* One of them, from publish on. It belongs to its thread; listed, others read it under lk_app. */
struct rtmp_pub {
	struct rtmp_pub *prev, *next;   /* lk_app */
	char key[TEXT_MAX];
	_Atomic nsec heard;             /* when something of the stream came last; relaxed: a hint */
	bool over;                      /* the encoder has left, the channel may wait for another; lk_app */
	struct mbox *mb;                /* of the source */
	struct gnuid chan;              /* lk_app; unset until it has one */
};

/* List it. false: its key is in use. */
bool rtmpd_enter(struct rtmpd *d, struct rtmp_pub *p) EXCLUDES(lk_app) NODISCARD;
void rtmpd_set_chan(struct rtmpd *d, struct rtmp_pub *p, const struct gnuid *id) EXCLUDES(lk_app);
/* The encoder has left. */
void rtmpd_over(struct rtmpd *d, struct rtmp_pub *p) EXCLUDES(lk_app);
void rtmpd_leave(struct rtmpd *d, struct rtmp_pub *p) EXCLUDES(lk_app);
/* What was prepared for the key, by itself or for any. false: nothing. */
bool rtmpd_prepared(struct rtmpd *d, const char *key, struct chanmeta *m, bool *v6) EXCLUDES(lk_app);

/* An accepted connection. */
struct rtmp_incoming {
	struct app *app;
	struct servent *sv;
	char key[TEXT_MAX];             /* of its door; "" = the encoder's own counts */
};
/* Its thread; arg is a struct rtmp_incoming, which it frees. */
void rtmp_run(void *arg);

#endif
