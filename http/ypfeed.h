/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of a yellow page for programs: index.json, and as RSS 2.0 for feed readers.
 *
 * index.json, "version" 1; fields may be added, none changes its meaning:
 *
 *	{ "version": 1, "name": of the page, "url": of it,
 *	  "channels": [ { "name", "namespace" (or ""), "genre", "description", "comment",
 *	    "contact", "type", "bitrate" (kbit/s),
 *	    "listeners", "relays" (null = hidden), "started" (Unix seconds),
 *	    "limit": "free" | "open" | "over" | "fast", who may play,
 *	    "playable": may the client that asks; if not, the next two are null,
 *	    "id" (32 hex digits), "tip" (host:port; null = behind a firewall too),
 *	    "direct": does the tracker take players, "stale": its line broke a moment ago,
 *	    "track": { "artist", "album", "title", "genre", "contact" } } ] }
 *
 * in the order of index.txt, and for the same queries. The feed never holds an address.
 *
 * source   yp.md 3.5
 */
#ifndef HTTP_YPFEED_H
#define HTTP_YPFEED_H

#include "http/yplist.h"

#define YPFEED_MAX ((size_t)128 << 20)          /* bytes of a feed */

/* Append the JSON. Faults stay in out->err. */
void ypfeed_json(const struct yplist *l, const struct ypquery *q, const struct ypviewer *v,
	struct buf *out);

/* The RSS into out, an empty buf whose content and maximum are replaced. ST_OK, ST_LIMIT. */
enum status ypfeed_rss(const struct yplist *l, const struct ypquery *q, struct buf *out) NODISCARD;

#endif
