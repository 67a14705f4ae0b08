/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /admin?cmd=...: the commands of the old interface, in one table.
 *
 * Keys come from the query and, for a POST, from the body; the body wins.
 * source   http.md 6
 */
#ifndef HTTP_ADMIN_H
#define HTTP_ADMIN_H

#include "core/node/node.h"
#include "core/node/servent.h"
#include "http/request.h"
#include "http/response.h"

/* Fill in rs. The caller has checked rights and origin.
 * returns  ST_OK, ST_LIMIT (memory) */
enum status admin_serve(struct node *n, struct servent *sv, const struct request *rq,
	const char *form, struct response *rs) NODISCARD;

#endif
