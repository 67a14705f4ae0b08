/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A channel carried here, as JSON-RPC and the event stream tell it. Text at once, and not values of
 * jansson: getChannels is what front ends ask again and again.
 *
 * source   http.md 8.5; the captures of /api/1
 */
#ifndef HTTP_CHANJSON_H
#define HTTP_CHANJSON_H

#include "core/chan/chan.h"
#include "core/node/node.h"
#include "core/sys/bytes.h"

#define CHANJSON_USUAL 1024     /* bytes of an ordinary channel; long texts make more */

/* All that is told of a channel at one moment: its text follows from this and nothing else. */
struct chanstate {
	struct gnuid id;
	struct chaninfo *info;          /* a reference: while it is held, no other info has its address */
	char *source_url;               /* owned; NULL = none */
	struct host source;
	enum chan_type type;
	enum chan_status status;
	bool playing, keep, v6, direct_full, relay_full;
	uint32_t directs, relays, uptime_s;
	uint64_t in_bps;
	int64_t total_directs, total_relays;
};

/* set: the current settings. ST_OK, ST_LIMIT (memory); chanstate_fini() after either. */
enum status chanstate_take(struct chanstate *s, struct node *n, const struct settings *set, struct chan *c)
	EXCLUDES(lk_servmgr, lk_chanmgr, lk_chan) NODISCARD;
void chanstate_fini(struct chanstate *s);
/* Do both give the same text? */
bool chanstate_same(const struct chanstate *a, const struct chanstate *b);
/* An item of getChannels. */
void chanstate_put(struct buf *out, const struct chanstate *s);

/* An item of getChannels; what getChannelInfo and getChannelStatus say. Appended to out. */
void chanjson_put(struct buf *out, struct node *n, struct chan *c) EXCLUDES(lk_servmgr, lk_chanmgr, lk_chan);
void chanjson_put_info(struct buf *out, struct chan *c) EXCLUDES(lk_chan);
void chanjson_put_status(struct buf *out, struct node *n, struct chan *c)
	EXCLUDES(lk_servmgr, lk_chanmgr, lk_chan);

#endif
