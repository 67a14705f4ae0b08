/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread that has the router lead its port to us, while `portMapping` is on: looks for it, renews what it
 * gave, looks each minute whether it is still there, begins anew when the network or the router is another
 * one, and gives it back at the end. What it does when is portmap_plan()'s to say; how it stands is in
 * node.portmaps.
 *
 * What could not be given back is tried again, and once more at the end. Where nothing is wanted or owed
 * there is no thread.
 *
 * lock     lk_app, a mutex of its own, for its start and end.
 * source   settings.md portMapping; node.md 6.4
 */
#ifndef SERVENT_PORTMAPD_H
#define SERVENT_PORTMAPD_H

#include "servent/app.h"

#define PORTMAPD_GOODBYE NSEC_PER_SEC   /* to give it back at the end of the node */

struct portmapd;

/* Nothing runs yet. ST_OK, ST_LIMIT (memory), ST_SYS */
enum status portmapd_new(struct portmapd **out, struct app *a) NODISCARD;
/* Settings, port or addresses changed, or the start: begin, go on, or end. anew: what failed is tried at
 * once, whenever it would be its turn. d may be NULL. */
void portmapd_wake(struct portmapd *d, bool anew) EXCLUDES(lk_app);
/* The node ends: give back what there is, within PORTMAPD_GOODBYE. The thread is one of the app's tasks. */
void portmapd_stop(struct portmapd *d) EXCLUDES(lk_app);
/* Its thread has ended. */
void portmapd_free(struct portmapd **d);

#endif
