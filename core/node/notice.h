/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notifications: what the user of a node wants to hear of without looking. The last NOTICES are kept.
 *
 * What a peer can cause comes at most once in NOTICE_CALM for each channel and class.
 *
 * lock     lk_log, inside; the event for watchers is told after it (core/sys/event.h).
 * source   node.md 8.5; http.md 8.6 (getNotificationMessages)
 */
#ifndef CORE_NODE_NOTICE_H
#define CORE_NODE_NOTICE_H

#include "core/chan/gnuid.h"
#include "core/sys/lock.h"
#include "core/sys/rest.h"

#define NOTICES      20
#define NOTICE_TEXT  300
#define NOTICE_CALM  (10 * NSEC_PER_SEC)
#define NOTICE_READERS 32

/* Types of PeerCast-YT. */
enum notice_type { NOTICE_UPGRADE = 1, NOTICE_PEERCAST = 2, NOTICE_BROADCASTERS = 4, NOTICE_TRACK = 8 };

/* "Upgrade Alert" "Peercast" "Broadcasters" "Track Info" */
const char *notice_type_str(enum notice_type t);

struct notice {
	uint64_t number;                /* 1, 2, 3 ... */
	int64_t wall_s;
	enum notice_type type;
	const char *class;              /* static: what happened, for programs: "channelReceiving" ... */
	const char *level;              /* static: "normal" "info" "warning" "error" */
	struct gnuid chan;              /* of the channel it is about; unset = none */
	char text[NOTICE_TEXT];
};

struct notices {
	struct mtx mtx;                                         /* lk_log */
	struct notice ring[NOTICES]     GUARDED_BY(lk_log);     /* no. k at k % NOTICES */
	uint64_t newest                 GUARDED_BY(lk_log);
	struct rests calm               GUARDED_BY(lk_log);
	struct {
		uint8_t who[16];
		uint64_t seen;
		nsec at;                /* 0 = free */
	} readers[NOTICE_READERS]       GUARDED_BY(lk_log);
};

void notices_init(struct notices *n);
void notices_fini(struct notices *n);

/* Tell the user. chan NULL = about the node. Goes to the log as well. */
void notice_add(struct notices *n, enum notice_type t, const char *class, const char *level,
	const struct gnuid *chan, const char *fmt, ...) PRINTF_LIKE(6, 7) EXCLUDES(lk_log);

/* Those with a number above `after`, oldest first, into out[NOTICES]. Returns how many. */
size_t notices_since(struct notices *n, uint64_t after, struct notice out[NOTICES]) EXCLUDES(lk_log);
/* Those that this reader (any 16 bytes that tell it from others) has not had from here yet. Of readers the
 * last NOTICE_READERS are remembered; a new one has seen none. */
size_t notices_unread(struct notices *n, const uint8_t who[16], struct notice out[NOTICES])
	EXCLUDES(lk_log);

#endif
