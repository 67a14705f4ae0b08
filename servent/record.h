/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Channels written to files: what is recorded, by whom it was asked for, and what has become of it.
 *
 * Each recording has a thread of its own (recordrun.h), which reads the channel as a player would, and sleeps
 * while there is nothing. The housekeeper looks after what recordAuto wants, whenever something happens to a
 * channel.
 *
 * lock     lk_app, a mutex of its own: the list and what is shown; under it the wake.
 * life     recordd_stop() before the tasks are waited for; they have ended before recordd_free().
 */
#ifndef SERVENT_RECORD_H
#define SERVENT_RECORD_H

#include "core/chan/chan.h"
#include "core/node/node.h"
#include "servent/app.h"

#define RECORD_ENDED_MAX 16                     /* that have ended and are still shown */
#define RECORD_LOST  (60 * NSEC_PER_SEC)        /* so long it waits for a channel that has gone */
#define RECORD_RETRY (5 * NSEC_PER_SEC)         /* after a failure; doubled up to */
#define RECORD_RETRY_MAX (60 * NSEC_PER_SEC)

struct recordd;

struct recordd *recordd_new(struct app *a) NODISCARD;   /* NULL when out of memory */
/* Every recording ends: it closes its file. */
void recordd_stop(struct recordd *d) EXCLUDES(lk_app, lk_mbox);
void recordd_free(struct recordd **d);

/* The housekeeper: begin and end what recordAuto says. Returns when to look again. */
nsec recordd_round(struct recordd *d, const struct settings *set, nsec now) EXCLUDES(lk_app);
/* The housekeeper leaves. */
void recordd_leave(struct recordd *d);
/* Settings have changed: those that wait try again. */
void recordd_wake(struct recordd *d) EXCLUDES(lk_app, lk_mbox);

/* node_ops */
enum status recordd_op_start(struct node *n, const struct gnuid *id, char why[NODE_WHY]);
bool recordd_op_stop(struct node *n, const struct gnuid *id);
size_t recordd_op_views(struct node *n, struct record_view *out);
void recordd_op_totals(struct node *n, struct record_totals *t);

#endif
