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

/* An item of getChannels; what getChannelInfo and getChannelStatus say. Appended to out. */
void chanjson_put(struct buf *out, struct node *n, struct chan *c) EXCLUDES(lk_servmgr, lk_chanmgr, lk_chan);
void chanjson_put_info(struct buf *out, struct chan *c) EXCLUDES(lk_chan);
void chanjson_put_status(struct buf *out, struct node *n, struct chan *c)
	EXCLUDES(lk_servmgr, lk_chanmgr, lk_chan);

#endif
