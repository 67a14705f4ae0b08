/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may: passwords, channel tokens, and the defences against pages of other sites that use a
 * browser's, or this machine's, rights.
 *
 * lock     lk_leaf for a moment, around the table of failed tries.
 * source   http.md 10; node.md 5.5
 */
#ifndef HTTP_AUTH_H
#define HTTP_AUTH_H

#include "core/chan/gnuid.h"
#include "core/node/node.h"
#include "core/node/servent.h"
#include "core/sys/lock.h"
#include "http/request.h"

#define AUTH_TOKEN 33                   /* a channel token with its NUL */
#define AUTH_TRIES 5                    /* wrong passwords of one address (IPv6: /64) in a minute */

/* The token of a channel: MD5 of "<BROADCASTID>:<CHANNELID>", lower-case hex (10.5). */
void auth_token(char dst[AUTH_TOKEN], const struct gnuid *bcid, const struct gnuid *chan);
/* In constant time. */
bool auth_token_ok(const char *token, const struct gnuid *bcid, const struct gnuid *chan);

enum auth {
	AUTH_OK,
	AUTH_MISSING,           /* nothing was presented */
	AUTH_WRONG,
	AUTH_TOO_MANY,          /* wrong too often: wait */
};

/* May this request administer the node? A trusted peer (loopback) without more, if its Host header
 * names this machine; everybody with the cookie of a login, with authType cookie, or by password: Basic, or
 * pass= in the query or the form (form may be NULL). With an empty password in the settings nobody else
 * may. A hashed one takes some ten milliseconds.
 * source   http.md 10.1-10.3, 10.4.4 */
enum auth auth_admin(struct node *n, const struct servent *sv, const struct request *rq,
	const char *form) EXCLUDES(lk_servmgr, lk_conf, lk_leaf);

/* May this encoder send a stream? By `given`, the password of its first line (NULL = none), else by the
 * header ice-password, else by Basic. On this machine no password is needed, but a wrong one is refused.
 * source   http.md 5.3, 10.6 */
enum auth auth_source(struct node *n, const struct servent *sv, const struct request *rq,
	const char *given) EXCLUDES(lk_servmgr, lk_conf, lk_leaf);
/* Is it the password? Counts as a try; without a password there is nothing to know, and anything is right.
 * For who has been let in, and wants another one. */
enum auth auth_password(struct node *n, const struct servent *sv, const char *given)
	EXCLUDES(lk_servmgr, lk_conf, lk_leaf);
/* Is this line, the first of a connection, the password (SHOUTcast)? http.md 5.4 */
bool auth_is_password(struct node *n, const struct servent *sv, const char *line)
	EXCLUDES(lk_servmgr, lk_conf, lk_leaf);

/* Does the Host header name this machine: absent, an IP literal, localhost, the machine's name, or
 * one of allowed (comma separated)? source http.md 10.4.4 */
bool auth_host_is_ours(const char *host, const char *allowed);

/* Is a Host header a plain host[:port]? Only then it may be echoed. */
bool auth_host_is_valid(const char *host);

/* What a request may not do when a page of another site sent it. */
enum {
	AUTH_SITE    = 1,       /* nothing but that */
	AUTH_CHANGES = 2,       /* the request changes something even with GET */
	AUTH_PAGE    = 4,       /* a page people open by a link from anywhere */
	AUTH_API     = 8,       /* POST /api/1 */
};
/* Why the request is refused with 403; NULL = it is not. source http.md 10.4, 1-3 and 5 */
const char *auth_cross_site(const struct request *rq, int route);
/* The same for a stream that is pushed without a password, by an address that may: a page whose name was
 * rebound to this machine is of its own site, and yet none of ours. source http.md 10.4.4 */
const char *auth_push_site(struct node *n, const struct request *rq) EXCLUDES(lk_conf);

/* The path of the Referer when it is of this very host, else NULL. Into dst (cap bytes). */
const char *auth_referer_path(const struct request *rq, char *dst, size_t cap);

#endif
