/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET /api/1/events: what happens in the node, as it happens, as a stream of server-sent events.
 *
 *	id: <run>-<event>-<line>
 *	event: channel | connection | notification | feed | port | log | reset
 *	data: {...}
 *
 * `?events=channel,log` asks for some of them. A reader that was cut off names the last id it has
 * (Last-Event-ID, or ?lastEventId=) and goes on behind it; where what it has missed is not kept any more, or
 * the node was started anew, `reset` comes first: look at everything again. A comment comes every
 * EVENTS_HEARTBEAT. One who does not read is cut off, and so is one that falls behind what is kept; lines of
 * the log are only missing then, as their numbers tell.
 *
 * source   http.md 8 (login as for the API, 10)
 */
#ifndef HTTP_EVENTS_H
#define HTTP_EVENTS_H

#include "core/node/node.h"
#include "core/node/servent.h"
#include "http/request.h"
#include "http/response.h"

#define EVENTS_HEARTBEAT (15 * NSEC_PER_SEC)
#define EVENTS_WRITE     (5 * NSEC_PER_SEC)     /* until what is due has left */
#define EVENTS_IN        (4 * 1024)             /* bytes a reader may send */

/* Serve the stream on the connection's own thread until it ends. What can be refused at once is an answer in
 * rs, and *answered stays false. The login has been checked.
 * returns  ST_OK, or what ended the connection */
enum status events_serve(struct node *n, struct servent *sv, const struct request *rq, struct response *rs,
	bool *answered) NODISCARD;

#endif
