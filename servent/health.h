/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is the node alive? Its two clocks, the housekeeper and the SERVER thread, beat as long as they go round:
 * the first at least every few seconds, the second whenever the first wakes it.
 */
#ifndef SERVENT_HEALTH_H
#define SERVENT_HEALTH_H

#include "servent/app.h"

#define HEALTH_BEAT (4 * NSEC_PER_SEC)          /* between two of the SERVER thread, at least */
#define HEALTH_LATE (20 * NSEC_PER_SEC)         /* without one a thread counts as stuck */

/* For these threads, once a round. The housekeeper's wakes the SERVER thread when it has rested. */
void health_beat_house(struct app *a);
void health_beat_server(struct app *a);

/* node_ops.health */
void health_get(struct node *n, struct node_health *h) EXCLUDES(lk_app);
/* The two threads alone: what the watchdog of the service manager is told. */
bool health_is_alive(struct app *a);

#endif
