/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first bytes of an accepted connection decide what it becomes. source: http.md 1.1, 2; pcp.md 5 */
#ifndef SERVENT_HANDSHAKE_H
#define SERVENT_HANDSHAKE_H

#include "http/request.h"
#include "servent/app.h"

/* What the SERVER thread hands to the thread it starts; heap, owned by that thread. */
struct incoming {
	struct app *app;
	struct servent *sv;
};

/* The thread of an accepted connection; arg is a struct incoming. */
void handshake_run(void *arg);

/* What an accepted connection does, until it ends: the first line is waited for so long at least. The
 * servent is the caller's to end. */
void handshake_serve(struct app *a, struct servent *sv, nsec patience);

/* Say an HTTP error to a peer that has spoken, and see that it arrives; why may be NULL. */
void handshake_error(struct servent *sv, int status, const char *why);

/* Has the client, whose first bytes are there, begun with TLS? Then shake hands, and read what is within.
 * returns  ST_OK; else it is over, and was logged */
enum status handshake_tls(struct app *a, struct servent *sv, nsec deadline) NODISCARD;

/* Free a request and its texts, before a stream holds the thread for hours. */
void handshake_done(struct request **rq);

#endif
