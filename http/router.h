/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that is answered and closed: which request gets what from whom, in one table.
 *
 * Not here, because they stay: GET /stream/ and /channel/, POST / (an encoder). The dispatcher
 * looks for those first (http/target.h) and gives the rest to http_serve().
 *
 * source   http.md 2, 4, 6-11, 13
 */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "core/node/node.h"
#include "core/node/servent.h"
#include "core/sys/status.h"
#include "http/request.h"

/* Answer a request whose head was read: read the body when there is one, write the answer, and end
 * our side of the connection. The caller closes it.
 * returns  ST_OK (answered, be it with an error), or what ended the connection */
enum status http_serve(struct node *n, struct servent *sv, struct request *rq) NODISCARD;

/* Is this path one of ours, or one below which we have some? */
bool http_has_route(const char *path);

#endif
