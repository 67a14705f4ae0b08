/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The viewxml document: what YP sites, players and broadcaster tools scrape.
 *
 * Taken in two steps: viewxml_snapshot() copies out under the locks of chanmgr, channels and
 * servmgr, one after the other; viewxml_emit() formats afterwards, from the copy alone.
 *
 * Where it differs from PeerCast-YT: a root leaves out channels without a live host (yp.md 3.1) and
 * those that only hosts were heard of (yp.md 5); a type that is none is UNKNOWN;
 * an empty list says newest="0" (settings.md decision 14); a channel carried here has a `relay` as
 * last child in channels_found too (decision 32); hosts are listed children first, tracker last;
 * bcflags is 0 or 1; a root's own broadcast, which no other node announces to it, is listed with
 * this node as tracker.
 *
 * source   http.md 7; yp.md 3.1; clients.md 3.2; captures viewxml_*.http
 */
#ifndef XML_VIEWXML_H
#define XML_VIEWXML_H

#include "core/chan/chanmgr.h"
#include "core/node/node.h"
#include "core/sys/bytes.h"
#include "core/sys/status.h"

#define VIEWXML_MAX ((size_t)64 << 20)  /* bytes of a document */

/* A channel carried here. */
struct viewxml_chan {
	struct gnuid id;
	struct chan_view view;
	uint32_t listeners, relays;     /* served here */
	uint32_t hosts;                 /* known hits */
};

struct viewxml {
	uint32_t uptime_s;
	uint64_t out_bps, in_bps;       /* bytes/s */
	uint32_t total, relays, directs; /* connections */
	struct viewxml_chan *chans;     /* sorted as the channel list is; owned */
	size_t n_chans;
	struct hitlist_view *lists;     /* owned */
	size_t n_lists;
	const struct settings *settings; /* a reference: host cache, maxUptime, root rules */
	nsec now;
};

/* ST_OK, ST_LIMIT (memory). v is filled in only with ST_OK. */
enum status viewxml_snapshot(struct node *n, struct viewxml *v) NODISCARD;
void viewxml_fini(struct viewxml *v);

/* Format into out, an empty buf whose content and maximum are replaced.
 * returns  ST_OK, ST_LIMIT (memory, VIEWXML_MAX) */
enum status viewxml_emit(const struct viewxml *v, struct buf *out) NODISCARD;

#endif
