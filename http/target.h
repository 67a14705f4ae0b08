/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What /stream/, /channel/ and /pls/ name: a channel by id or name, and the query behind it.
 *
 * Parsing is pure. Looking up, resolving a tip and the rules of who may do what are functions of
 * their own, shared by the router (playlists) and the servents (streams, relays).
 *
 * source   http.md 3.1, 10.5, 13; settings.md decisions 9, 29
 */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include "core/chan/chan.h"
#include "core/chan/gnuid.h"
#include "core/node/node.h"
#include "core/node/servent.h"
#include "core/sys/host.h"
#include "core/sys/status.h"
#include "core/sys/text.h"

#define TARGET_HOST 256         /* bytes of tip=, NUL included */

enum target_kind { TARGET_NONE, TARGET_STREAM, TARGET_CHANNEL, TARGET_PLS };

struct stream_target {
	enum target_kind kind;
	bool has_id;                    /* 32 hex digits, not all zero */
	struct gnuid id;
	char name[TEXT_MAX];            /* without an id: decoded and clean; "" = nothing usable */
	char ext[16];                   /* behind the id, lower case, without the dot; "" = none */
	char tip[TARGET_HOST];          /* host[:port] as sent; "" = none. ip= wins over tip= */
	char auth[36];                  /* token; "" = none */
	char pls[8];                    /* pls=, the wanted playlist; "" = by content type */
	char scheme[8];                 /* scheme=, of the URL in it; "" = the node's choice */
};

/* Take a request target ("/stream/<id>.flv?tip=...") apart.
 * returns  false when it is none of the three (kind TARGET_NONE). A target without usable channel
 *          has neither id nor name: 404. */
bool http_target_parse(const char *target, struct stream_target *t);

/* The carried channel it names, referenced; NULL when there is none.
 * by_name  may names be used (http_is_home())? An exact name first, else the oldest
 *          channel with the text in its name. */
struct chan *http_target_find(struct node *n, const struct stream_target *t, bool by_name);

/* Is it somebody of this machine, with its rights: trusted, or private by a filter? A proxy in front of the
 * node is neither (trustLocalhost off). */
bool http_is_home(struct node *n, const struct servent *sv);

/* The usable address of the tip, names looked up. Logs why one is ignored.
 * returns  false when there is none: nothing given, not an address, port 0, ourselves, multicast,
 *          or an address of this machine or its network although the asker is from elsewhere */
bool http_target_tip(struct node *n, const struct servent *sv, const struct stream_target *t,
	struct host *tip, nsec deadline);

/* May this request start a relay: a private peer, or the channel's token (10.5)? */
bool http_target_may_start(struct node *n, const struct servent *sv, const struct stream_target *t);

/* Services of the port and filters (http.md 2.2, node.md 5.5): is the peer allowed to use this one of
 * ALLOW_*? This machine may always play and relay, but for what says ALLOW_STRICT; a banned address
 * nothing. */
#define ALLOW_STRICT 256
bool http_allowed(struct node *n, const struct servent *sv, int allow);

#endif
