/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logging in and out: what those get who are not let in, and the commands behind the forms.
 *
 * source   http.md 10.2, 10.3
 */
#ifndef HTTP_LOGIN_H
#define HTTP_LOGIN_H

#include "core/node/node.h"
#include "core/node/servent.h"
#include "http/auth.h"
#include "http/request.h"
#include "http/response.h"

/* The answer to a request that auth_admin() did not let in (not AUTH_OK): the login page for people, 401
 * with a challenge, or 403 for scripts of a page. form as in auth_admin(). */
void login_refuse(struct node *n, const struct request *rq, const char *form, enum auth why,
	struct response *rs);

/* Is this path ("/html/en/login.html") that of the login page? Then login_page() answers it. */
bool login_is_page(const char *path);
void login_page(struct node *n, const struct request *rq, struct response *rs);

/* cmd=login: who has shown the password gets a session; on to requested_path, when it is a path of ours. */
void login_serve(struct node *n, const struct servent *sv, const struct request *rq, const char *form,
	struct response *rs);
/* cmd=logout */
void logout_serve(struct node *n, const struct servent *sv, const struct request *rq, struct response *rs);

#endif
