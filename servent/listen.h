/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The listening socket, and how it follows the settings while the node runs.
 *
 * It is the SERVER thread's. Another port is opened before the old one is closed, so a node whose new port
 * is taken goes on with what it has. autoServe = No leaves this machine alone in, by 127.0.0.1, so that it
 * can be switched on again; everybody else finds the port closed.
 *
 * source   node.md 2.6, 11.2 B19, 12 F6
 */
#ifndef SERVENT_LISTEN_H
#define SERVENT_LISTEN_H

#include "servent/app.h"

#define LISTEN_TIME (2 * NSEC_PER_SEC)  /* who changed the settings waits so long for it */

/* Where these settings want it; false: bindAddress is no address. */
bool listen_wanted(const struct settings *set, struct host *at);
/* At the start: open it. ST_OK, ST_PROTO (bindAddress), ST_SYS */
enum status listen_open(struct app *a, const struct settings *set) EXCLUDES(lk_app) NODISCARD;
/* SERVER, first: it accepts, and the acceptors with it (acceptor.h). */
void listen_begin(struct app *a);
/* After SERVER has ended: no connection is accepted any more. */
void listen_close(struct app *a);
/* The settings have changed: returns when the SERVER thread has followed them, or says in the log why not. */
void listen_changed(struct app *a) EXCLUDES(lk_app);
/* SERVER: somebody called listen_changed(), or there is none (listen_fd -1)? Then do it. */
void listen_follow(struct app *a) EXCLUDES(lk_app);
/* May this connection be served? Not one from elsewhere that came before autoServe was switched off. */
bool listen_serves(struct app *a, const struct servent *sv);

#endif
