/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks name servers for the names in the filters and for those of visitors, on threads of its own, so that no
 * request, accept or change of settings ever waits for one (core/node/names.h).
 *
 * source   node.md 5.6
 */
#ifndef SERVENT_RESOLVER_H
#define SERVENT_RESOLVER_H

#include "servent/app.h"

#define RESOLVER_TIME    (5 * NSEC_PER_SEC)     /* for one answer */
#define RESOLVER_THREADS 2

/* The housekeeper's turn: start a thread when a question is due. Returns when the next one is. */
nsec resolver_round(struct app *a, nsec now) EXCLUDES(lk_app, lk_leaf);

#endif
