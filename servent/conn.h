/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The threads of connections: what an accepted socket, or one we dial, turns into.
 *
 * Each function runs on the thread of its connection and returns when it is over; the caller ends the
 * servent. None holds a lock while it waits.
 */
#ifndef SERVENT_CONN_H
#define SERVENT_CONN_H

#include "core/node/node.h"
#include "core/sys/sock.h"
#include "http/request.h"
#include "servent/app.h"

/* "pcp\n" was read as a line: the rest of the opener, helo, and the control loop (cin.c). */
void cin_run(struct app *a, struct servent *sv);

/* GET /channel/<id>: a relay asks for a channel (relay.c). The request is freed before the stream. */
void relay_run(struct app *a, struct servent *sv, struct request **rq);

/* GET or HEAD /stream/<id>: a player (direct.c). The request is freed before the stream. */
void direct_run(struct app *a, struct servent *sv, struct request **rq);

/* GET or HEAD /hls/<id>...: a channel as MP4, in segments or live (hls.c). As above. */
void hls_run(struct app *a, struct servent *sv, struct request **rq);

/* POST /?name=...: an encoder (push.c). On success the socket has moved to the channel's source, which
 * has a thread of its own; else it was answered. */
void push_run(struct app *a, struct servent *sv, struct request *rq);

/* "SOURCE ..." was read as a line: an Icecast encoder (icecast.c). On success the socket has moved, as above;
 * rq takes the headers. */
void icecast_run(struct app *a, struct servent *sv, const char *line, struct request *rq, nsec deadline);
/* "OPTIONS * HTTP/1.1" was read: encoders ask for the methods we have (RFC 9110 9.3.7). */
void icecast_options(struct servent *sv, struct request *rq, nsec deadline);
/* PUT /mount: the same of today. */
void icecast_put(struct app *a, struct servent *sv, struct request *rq);
/* The password was read as a line: a SHOUTcast encoder. */
void shoutcast_run(struct app *a, struct servent *sv, struct request *rq, nsec deadline);

/* POST with a Content-Type that says so: Windows Media Encoder (wmpush.c). */
bool wmpush_is(const struct request *rq);
void wmpush_run(struct app *a, struct servent *sv, struct request *rq);

/* The control connection to the YP (cout.c); a task. */
void cout_task(struct app *a, void *arg);

/* Create and list a relay of id and start its source (fetch.c): node_ops.relay_start. */
enum status fetch_start(struct node *n, const struct gnuid *id, const struct host *tip, struct chan **out);

/* The same for a saved one, with what was saved of it: kept from the start. */
enum status fetch_restore(struct node *n, struct chanmeta *meta, const struct host *tip, bool keep,
	struct chan **out);

/* The housekeeper's thread (house.c). arg is the app. */
void house_run(void *arg);
/* Root: tell all trackers our settings now (pcp.md 15.3); upd asks them for an update. */
void house_tell_trackers(struct app *a, const struct settings *set, bool upd);
/* The SERVER thread (server.c). arg is the app. */
void server_run(void *arg);
/* A connection was accepted: a servent for it, or a word that there is no room, and NULL. fd is taken
 * over. */
struct servent *server_admit(struct app *a, int fd, const struct host *peer) NODISCARD;
/* The same, and a thread that serves it. */
void server_start(struct app *a, int fd, const struct host *peer);

#endif
