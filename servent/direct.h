/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Players (direct.c), and those of them who get more than the bytes of the stream (weave.c). */
#ifndef SERVENT_DIRECT_H
#define SERVENT_DIRECT_H

#include "core/chan/chan.h"
#include "core/node/node.h"
#include "core/node/servent.h"
#include "http/target.h"
#include "servent/app.h"

#define STALL_TIME  (30 * NSEC_PER_SEC)         /* without taking a byte */

/* The channel asked for, referenced, started when that is allowed; NULL after an answer. */
struct chan *direct_channel(struct app *a, struct servent *sv, const struct stream_target *t, bool head_only)
	NODISCARD;
/* Tell a player no, so that the script of any page can read it, and read away what he still sends. why may
 * be NULL. */
void direct_refuse(struct servent *sv, int status, const char *why, bool head_only);
/* Whatever a player sends is of no interest; its going is: ST_OK, or it has. */
enum status direct_read_away(struct sock *s) NODISCARD;

/* Sleep while the right is parked with the channel, until it is back or something else comes up: then take it
 * back. ST_TIMEOUT: the channel has sent nothing for too long. */
enum status direct_sleep(struct servent *sv, struct reader *r) NODISCARD;

/* The stream with titles, every so many bytes (http/icy.h). The reader `writes`.
 * returns  why it ended; ST_OK = at a new head (onHeaderChange) */
enum status weave_icy(struct node *n, struct servent *sv, struct chan *c, struct reader *r, uint32_t every)
	NODISCARD;
/* The stream's chunks, with a mark in front of each new header. As above. */
enum status weave_mmsh(struct node *n, struct servent *sv, struct chan *c, struct reader *r) NODISCARD;

#endif
