/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /pls/<id>: a file that leads a player to /stream/, and the place where viewers start relays.
 *
 * source   http.md 4, 13.1; media.md 1.3; settings.md decisions 28, 29
 */
#ifndef HTTP_PLAYLIST_H
#define HTTP_PLAYLIST_H

#include "core/chan/chaninfo.h"
#include "core/conf/settings.h"
#include "core/node/node.h"
#include "core/node/servent.h"
#include "http/request.h"
#include "http/response.h"

#define PLAYLIST_WAIT    (10 * NSEC_PER_SEC)    /* for a relay to play */
#define PLAYLIST_WAITING 64                     /* requests that wait at once, */
#define PLAYLIST_WAITING_EACH 8                 /* of them of an address (IPv6: /64), but of this machine */

enum playlist { PLAYLIST_M3U, PLAYLIST_ASX, PLAYLIST_RAM };

/* By content type, or by name ("asx", "m3u"; "" or an unknown one = by type). */
enum playlist playlist_kind(const struct chaninfo *info, const char *name);
const char *playlist_mime(enum playlist kind);
/* The scheme of that setting. */
const char *playlist_wmv(enum wmvproto scheme);

/* Append the body. scheme is "http" or another that we know, host a valid host[:port], token the channel's;
 * wmv: the scheme of WMV and WMA in an ASX, where that is another. */
void playlist_body(struct buf *out, enum playlist kind, const char *scheme, const char *host,
	const struct chaninfo *info, const char *token, const char *wmv);

/* Answer GET or HEAD of /pls/: find the channel, start a relay when the peer may, wait for it.
 * returns  ST_OK with rs filled in; ST_STOPPED: do not answer */
enum status playlist_serve(struct node *n, struct servent *sv, const struct request *rq,
	struct response *rs) NODISCARD;

#endif
