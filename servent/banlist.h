/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The root's ban list: its file, and what follows when it changes (core/node/bans.h).
 * source   yp.md 2.6
 */
#ifndef SERVENT_BANLIST_H
#define SERVENT_BANLIST_H

#include "servent/app.h"

/* Read the file that `banList` names and put it into force: banned connections end with quit 1011,
 * banned channels leave the lists. A file that cannot be read is logged, and the old bans stay. Blocks on
 * the disk; never under a lock. */
void banlist_load(struct app *a);

#endif
