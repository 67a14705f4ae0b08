/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Channels as fragmented MP4, for browsers and phones: made on demand, once for all viewers of a channel.
 *
 * The first who asks for a channel starts a thread, which reads it as a player would, feeds a process of
 * its own (servent/remuxproc.h) and keeps what that makes (http/hlslist.h). When nobody has asked for
 * REMUX_LINGER it ends. A process that dies or hangs is replaced: viewers see a break and nothing else. One
 * that says it cannot do it is not tried again for as long as somebody holds on to it, and REMUX_REMEMBER
 * more.
 *
 * A viewer by HLS makes requests and has no connection. His session, a token he brings along, is a DIRECT
 * in the servent table like any other, with his address and agent; it goes when he has not asked for
 * anything in three target durations. Tokens cost nothing, so an address from outside has only REMUX_ADDRESS
 * of them.
 *
 * lock     lk_app, a mutex of its own: all that is shared here; under it the wake.
 * life     remuxd_stop() before the servents are waited for; tasks have ended before remuxd_free().
 * source   media.md 7.5
 */
#ifndef SERVENT_REMUX_H
#define SERVENT_REMUX_H

#include "core/chan/chan.h"
#include "core/media/fmp4.h"
#include "core/sys/blob.h"
#include "http/hlslist.h"
#include "servent/app.h"

#define REMUX_MAX       16              /* channels at once */
#define REMUX_SESSIONS  2000            /* of a channel */
#define REMUX_ADDRESS   8               /* sessions of an outside address (IPv6: a /64), of all channels */
#define REMUX_LINGER    (10 * NSEC_PER_SEC)
#define REMUX_REMEMBER  (3 * NSEC_PER_SEC)
#define REMUX_HANGS     (15 * NSEC_PER_SEC) /* so long it may take without saying anything */
#define HLS_WAIT        (20 * NSEC_PER_SEC) /* for the first segment */
#define REMUX_DEATHS    4               /* the one within a minute that is the last */
#define REMUX_WHY       256

struct remuxd;
struct remux;

struct remuxd *remuxd_new(struct app *a) NODISCARD;     /* NULL when out of memory */
void remuxd_stop(struct remuxd *d) EXCLUDES(lk_app, lk_mbox);
void remuxd_free(struct remuxd **d);

/* Use the remuxer of a channel, which is started when there is none. status and why: the answer when that is
 * not possible (status 501, 503), or was not before.
 * returns  ST_OK; else see status */
enum status remux_join(struct remuxd *d, struct chan *c, struct remux **out, int *status, char why[REMUX_WHY])
	EXCLUDES(lk_app) NODISCARD;
/* The one of that channel, when there is one: also after the channel's end. NULL = none. */
struct remux *remux_find(struct remuxd *d, const struct gnuid *id) EXCLUDES(lk_app) NODISCARD;
void remux_leave(struct remuxd *d, struct remux **r) EXCLUDES(lk_app, lk_mbox);

/* --- live --------------------------------------------------------------------------------------- */

struct remux_viewer {
	struct mbox *mb;                /* woken when there is something new */
	uint64_t next;                  /* fragment */
	uint32_t gen;                   /* whose beginning it has */
	bool begun;
	struct remux_viewer *vprev, *vnext;     /* lk_app */
};

/* v and mb stay until remux_unwatch(). */
void remux_watch(struct remuxd *d, struct remux *r, struct remux_viewer *v, struct mbox *mb) EXCLUDES(lk_app);
void remux_unwatch(struct remuxd *d, struct remux *r, struct remux_viewer *v) EXCLUDES(lk_app);
/* What comes next: a fragment, and before the first of a generation its initialisation segment (else NULL);
 * the references are the caller's. It begins with a key frame; who is too slow goes on at the newest one.
 * mime, when not NULL, is what it is.
 * returns  ST_OK, ST_TIMEOUT (nothing now), ST_EOF (the channel has ended), ST_PROTO (why and status say
 *          it) */
enum status remux_next(struct remuxd *d, struct remux *r, struct remux_viewer *v, struct blob **init,
	struct blob **frag, char *mime, int *status, char why[REMUX_WHY]) EXCLUDES(lk_app) NODISCARD;

/* --- HLS ---------------------------------------------------------------------------------------- */

/* He has asked for something: the session of that token and address, which is admitted when it is new and may
 * be: by sv and the agent of its request. *who: a reference to the session's record.
 * returns  ADMIT_OK, or why not */
enum refusal remux_session(struct remuxd *d, struct remux *r, const char *token, struct servent *sv,
	bool may_start, struct servent **who) EXCLUDES(lk_app, lk_servmgr) NODISCARD;
/* The same in two steps, for a remuxer that is begun only for those who are let in. *out: the record of a new
 * viewer of c, for remux_begin() or servent_end(). */
enum refusal remux_admit(struct remuxd *d, struct chan *c, struct servent *sv, struct servent **out)
	EXCLUDES(lk_app, lk_servmgr) NODISCARD;
/* Makes it the session of that token, unless there is one already. *rec is taken in any case. */
enum refusal remux_begin(struct remuxd *d, struct remux *r, const char *token, struct servent **rec,
	struct servent **who) EXCLUDES(lk_app, lk_servmgr) NODISCARD;
/* Append the playlist. As remux_next(): ST_TIMEOUT = there is no segment yet, and mb is woken when there is,
 * until remux_unwatch(). */
enum status remux_playlist(struct remuxd *d, struct remux *r, const char *token, struct buf *out, int *status,
	char why[REMUX_WHY]) EXCLUDES(lk_app) NODISCARD;
/* References; NULL = there is none. */
struct blob *remux_init(struct remuxd *d, struct remux *r, uint32_t gen) EXCLUDES(lk_app) NODISCARD;
/* *out: heap, of *n references; their sum is *bytes. ST_OK, ST_EOF (there is none), ST_LIMIT (memory) */
enum status remux_segment(struct remuxd *d, struct remux *r, uint64_t number, struct blob ***out, size_t *n,
	size_t *bytes) EXCLUDES(lk_app) NODISCARD;

#endif
