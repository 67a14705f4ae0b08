/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /html/<language>/settings.html: the settings form, with what is set now. It needs no script, and old tools
 * read its fields and send them back (http.md 6.3, 7.4).
 */
#ifndef HTTP_ADMIN_FORM_H
#define HTTP_ADMIN_FORM_H

#include "core/node/node.h"
#include "http/request.h"
#include "http/response.h"

bool admin_form_is_page(const char *path);
/* ST_OK, ST_LIMIT (memory) */
enum status admin_form(struct node *n, const struct request *rq, struct response *rs) NODISCARD;

#endif
