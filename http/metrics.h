/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What machines ask to watch a node: /metrics, /healthz, /readyz.
 *
 * The number of series is bounded: channels beyond METRICS_CHANNELS are counted, not listed, and no label
 * comes from a peer but the names of those channels.
 * source   settings.md decisions 7, 16; node.md 11.1
 */
#ifndef HTTP_METRICS_H
#define HTTP_METRICS_H

#include "core/node/node.h"
#include "core/node/servent.h"
#include "http/request.h"
#include "http/response.h"

#define METRICS_CHANNELS 100
#define METRICS_FEEDS    20

/* The answer to a reader who is let in. ST_OK, ST_LIMIT (memory). */
enum status metrics_serve(struct node *n, const struct request *rq, struct response *rs) NODISCARD;
/* 200 when the threads that must run do (ready: and the port is open and the node is not stopping), else
 * 503; the body says which does not. */
void metrics_health(struct node *n, bool ready, struct response *rs);

#endif
