/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread that fetches the lists of yellow pages (`[Feed]` in the ini) into the channel directory: at the
 * start, every FEEDD_EVERY, when the feeds change, and when asked.
 *
 * All feeds of a round are fetched at once; each has FEEDD_TIME for everything and FEED_BODY bytes, http and
 * https alone, FEEDD_REDIRECTS redirects. A list that came from outside cannot redirect us into this machine
 * or its network: there are servers there that trust us. What is unchanged is not sent again (ETag,
 * Last-Modified). A feed that fails keeps the list it had.
 *
 * lock     lk_log guards what others ask; the rest is the thread's own.
 * source   node.md 9.1
 */
#ifndef SERVENT_FEEDD_H
#define SERVENT_FEEDD_H

#include "core/node/node.h"

#define FEEDD_EVERY     (300 * NSEC_PER_SEC)
#define FEEDD_PACE      (30 * NSEC_PER_SEC)     /* between two rounds that somebody asked for */
#define FEEDD_TIME      (10 * NSEC_PER_SEC)
#define FEEDD_REDIRECTS 3

#define FEEDD_URL       (SETTINGS_LONG + 32)    /* bytes of a feed's address with what we append */

struct feedd;

/* A feed's address and where our node answers, as YPs want it. Only there when built with libcurl. */
void feedd_url(char dst[FEEDD_URL], const char *feed, uint16_t port);

/* Start the thread. ST_OK, ST_LIMIT, ST_SYS. Built without libcurl: ST_OK, and *out is NULL. */
enum status feedd_start(struct feedd **out, struct node *n) NODISCARD;
/* Break off what is fetched; who waits for it is told. f may be NULL. */
void feedd_end(struct feedd *f);
/* The same, and join: when nobody uses it any more. False: it does not end, and still uses the node. */
bool feedd_stop(struct feedd **f, nsec deadline);
/* Settings changed: other feeds are fetched soon. f may be NULL. */
void feedd_wake(struct feedd *f);

/* As node_ops.fetch_feeds. f may be NULL. */
enum status feedd_fetch(struct feedd *f, nsec pace, nsec deadline) EXCLUDES(lk_log) NODISCARD;

#endif
