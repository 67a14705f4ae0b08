/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logins: who has shown the password carries a cookie instead.
 *
 * A session is a random id, good from the address it was given to (IPv6: the /64) while the password
 * stays the same. SESSIONS at most; the one that was not used for longest makes room. With the flag
 * persistTokenList they are kept in tokens.json beside the ini, an array of {"ip", "id"} as PeerCast-YT
 * has it, and outlive a restart.
 *
 * lock     lk_leaf, inside, for a moment; the file is written outside it, by one thread at a time.
 * source   http.md 10.2; node.md 2.8; settings.md decision 10
 */
#ifndef HTTP_SESSION_H
#define HTTP_SESSION_H

#include "core/conf/conf.h"
#include "core/sys/host.h"
#include "core/sys/lock.h"
#include "http/request.h"
#include "http/response.h"

#define SESSIONS        32
#define SESSION_ID      33              /* 32 hex digits and a NUL */
#define SESSION_IDLE    (24 * 3600)     /* seconds unused, with cookiesExpire = session */
#define SESSION_FOREVER (400 * 24 * 3600) /* with never: as long as browsers keep a cookie */

/* A new session of this peer. */
void session_open(struct conf *c, const struct host *peer, char id[SESSION_ID]) EXCLUDES(lk_leaf);
/* Is it one, of this peer? Then it was used now. In constant time with respect to the ids. */
bool session_is(struct conf *c, const struct host *peer, const char *id) EXCLUDES(lk_leaf);
/* Forget it, when it is of this peer. */
void session_close(struct conf *c, const struct host *peer, const char *id) EXCLUDES(lk_leaf);

/* Read tokens.json when they are to be kept; a file that cannot be understood is renamed to .bad. Where there
 * is none, the one in yt, the folder of PeerCast-YT, which stays as it is (NULL = there is no such). */
void sessions_load(struct conf *c, const char *yt) EXCLUDES(lk_leaf);
/* Write it when they are to be kept. Blocks on the disk. */
void sessions_save(struct conf *c) EXCLUDES(lk_leaf);

/* The cookie is called "<port>_id". Is one of those the request brings a session of the peer? */
bool session_of_request(struct conf *c, const struct host *peer, const struct request *rq)
	EXCLUDES(lk_leaf);
/* Who that request is from, as far as can be told: a login of the peer has a name of its own, and without
 * one the programs of an address have, by their User-Agent. Not a secret, and no proof of anything. */
#define SESSION_READER 16
void session_reader(struct conf *c, const struct host *peer, const struct request *rq,
	uint8_t out[SESSION_READER]) EXCLUDES(lk_leaf);
/* Set a session's cookie, or take it away (id NULL). */
void session_cookie(struct conf *c, const struct request *rq, const char *id, struct response *rs);
/* Forget the sessions whose cookies the request brings. */
void session_close_request(struct conf *c, const struct host *peer, const struct request *rq)
	EXCLUDES(lk_leaf);

#endif
