/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A channel: its info, head packet, ring, readers and the state of its source.
 *
 * Life: chan_new() gives one reference; chanmgr's table holds one while it is listed; the source
 * thread and every reader hold their own. A channel ends once: chan_close() marks it closing, wakes
 * readers and source, and every later chan_append() or chan_read() says ST_STOPPED.
 *
 * Source: one thread at a time may append. It attaches with its mailbox; a later source of the same
 * channel (an encoder that reconnects) takes over: the earlier one is stopped and waited for.
 *
 * lock     lk_chan; public functions take it themselves, `_locked` ones want it held.
 * source   node.md 3.4, 7; media.md 2.1, 4, 5.7; pcp.md 9
 */
#ifndef CORE_CHAN_CHAN_H
#define CORE_CHAN_CHAN_H

#include "core/chan/chaninfo.h"
#include "core/chan/hit.h"
#include "core/chan/reader.h"
#include "core/chan/refusals.h"
#include "core/chan/ring.h"
#include "core/sys/lock.h"

struct chan;

enum chan_type { CHAN_BROADCAST, CHAN_RELAY };

/* As shown in XML and the UI (node.md 3.4): use chan_status_str(). */
enum chan_status {
	CHAN_WAIT, CHAN_CONNECTING, CHAN_SEARCHING, CHAN_RECEIVING, CHAN_BROADCASTING, CHAN_CLOSING,
	CHAN_IDLE, CHAN_ERROR
};

enum chan_src {
	CHAN_SRC_PEERCAST, CHAN_SRC_HTTPPUSH, CHAN_SRC_URL, CHAN_SRC_ICECAST, CHAN_SRC_SHOUTCAST,
	CHAN_SRC_RTMP
};

const char *chan_status_str(enum chan_status s);        /* "WAIT" "CONNECT" "SEARCH" "RECEIVE" ... */
const char *chan_src_str(enum chan_src s);              /* "PEERCAST" "HTTPPUSH" ... */

#define CHAN_URL 1024           /* bytes of an address it is pulled from, NUL included */

/* What others see of a channel, copied out at one moment. */
struct chan_view {
	struct chaninfo *info;          /* a reference; chan_view_fini() drops it */
	enum chan_type type;
	enum chan_src src;
	enum chan_status status;
	bool playing;                   /* RECEIVING or BROADCASTING */
	bool dry;                       /* though nothing has come for longer than usual */
	bool keep;                      /* stayConnected */
	bool v6;                        /* the channel's address family */
	uint32_t uptime_s;              /* since it began to play; 0 = not yet */
	uint32_t age_s;                 /* since it was created */
	uint32_t skips;                 /* gaps in what arrived */
	uint32_t stream;                /* stream index */
	uint32_t readers;               /* in the list now: relays and players */
	uint64_t bytes_in;              /* media bytes appended */
	uint64_t in_bps;                /* of them, bytes/s of the last sample */
	uint64_t pos;                   /* next position */
	uint64_t oldest, newest;        /* start positions of the ring's ends; 0 when empty */
	uint64_t ring_bytes;            /* in the ring, media and frames, */
	nsec ring_span;                 /* between its oldest packet and the newest */
	uint32_t head_len;              /* 0 = no head yet, or an empty one */
	struct host source;             /* where it comes from; unset = not connected */
	struct gnuid source_sid;        /* session of the upstream node; unset otherwise */
	struct host upstream;           /* the node it was last received from, or is; unset = none */
	struct gnuid upstream_sid;
	char source_url[CHAN_URL];      /* for URL sources; last, as it is big and mostly empty */
};

/* A new channel, referenced once. info is referenced. NULL when out of memory. */
struct chan *chan_new(const struct chaninfo *info, enum chan_type type, enum chan_src src, bool v6)
	NODISCARD;
struct chan *chan_ref(struct chan *c);
void chan_unref(struct chan **c);

const struct gnuid *chan_id(const struct chan *c);      /* constant */
enum chan_type chan_type_of(const struct chan *c);      /* constant */
/* What its encoder knows it by, however it is renamed: the name it began with, or chan_set_key(). Constant
 * once it is listed. */
const char *chan_key(const struct chan *c);
enum status chan_set_key(struct chan *c, const char *key) NODISCARD;    /* ST_OK, ST_LIMIT (memory) */

void chan_view(struct chan *c, struct chan_view *v) EXCLUDES(lk_chan);
void chan_view_fini(struct chan_view *v);
struct chaninfo *chan_info(struct chan *c) EXCLUDES(lk_chan);   /* a reference */
/* Take a sample of what comes in, `span` after the one before: the bytes since. *from is where they come
 * from; unset = not another machine. */
uint64_t chan_sample(struct chan *c, nsec span, struct host *from) EXCLUDES(lk_chan);
/* How many bytes of the stream the slowest of its readers is behind. Looks at each. */
uint64_t chan_lag(struct chan *c) EXCLUDES(lk_chan);

/* How far one reader is behind. */
struct reader_lag {
	uint32_t owner;                 /* as in the reader */
	uint64_t bytes;
	nsec time;                      /* since what it waits for came; 0 = it has everything */
	uint32_t skips;                 /* times it fell off the ring */
};
/* All readers, at most cap of them: how many are in v. */
size_t chan_lags(struct chan *c, struct reader_lag *v, size_t cap) EXCLUDES(lk_chan);

/* Somebody could not be served with this channel: by us (ours), or we by h. why is static. */
void chan_note_refusal(struct chan *c, const struct host *h, bool ours, const char *why) EXCLUDES(lk_chan);
void chan_refusals(struct chan *c, struct refusals *r) EXCLUDES(lk_chan);

/* Of all channels there have been. */
struct chan_totals {
	uint64_t bytes;                 /* of media that came in */
	uint64_t gaps;                  /* in what came in */
	uint64_t skips;                 /* readers that fell off a ring */
};
void chan_totals(struct chan_totals *t);

/* Replace the info (same id). Returns true when something changed; *bitrate_only when nothing but
 * the bitrate did. Out of memory = unchanged. */
bool chan_set_info(struct chan *c, const struct chanmeta *m, bool *bitrate_only) EXCLUDES(lk_chan);

/* Replace only the values that `present` names (chanmeta_merge()), so that two who change different ones
 * do not undo each other. Returns as chan_set_info(). */
bool chan_merge_info(struct chan *c, const struct chanmeta *from, uint32_t present, bool *bitrate_only)
	EXCLUDES(lk_chan);

/* What the source itself has said of the channel, whatever others made of it since: a reference, or NULL. The
 * next source compares with it, so that only what is new in its words counts. */
struct chaninfo *chan_said(struct chan *c) EXCLUDES(lk_chan);
void chan_set_said(struct chan *c, struct chaninfo *i) EXCLUDES(lk_chan);       /* takes the reference */

void chan_set_status(struct chan *c, enum chan_status s) EXCLUDES(lk_chan);
enum chan_status chan_get_status(struct chan *c) EXCLUDES(lk_chan);
bool chan_is_playing(struct chan *c) EXCLUDES(lk_chan);
/* Without a packet for longer than this it counts as dry; 0, the default = never. */
void chan_set_patience(struct chan *c, nsec span) EXCLUDES(lk_chan);
bool chan_set_keep(struct chan *c, bool keep) EXCLUDES(lk_chan);       /* the old value */
bool chan_toggle_keep(struct chan *c) EXCLUDES(lk_chan);        /* the new value */
/* A broadcast's announcements to the YP: as usual, one at once, or none. CHAN_SILENT stays; NOW is taken by
 * whoever announces. */
enum chan_announce { CHAN_ANNOUNCE, CHAN_ANNOUNCE_NOW, CHAN_SILENT };
void chan_set_announce(struct chan *c, enum chan_announce how) EXCLUDES(lk_chan);
enum chan_announce chan_take_announce(struct chan *c) EXCLUDES(lk_chan);
bool chan_is_silent(struct chan *c) EXCLUDES(lk_chan);
/* true the first time alone: for who writes down what there was. */
bool chan_note_once(struct chan *c) EXCLUDES(lk_chan);
/* Its address family, once it is known from where it comes (pcp.md 17.2). */
void chan_set_v6(struct chan *c, bool v6) EXCLUDES(lk_chan);
void chan_set_source(struct chan *c, const struct host *from, const struct gnuid *sid, const char *url)
	EXCLUDES(lk_chan);                                      /* NULLs = unset */

/* --- the source's side ----------------------------------------------------------------------- */

/* Become the channel's source: the one before is stopped, and waited for until the deadline.
 * token    names this source in later calls
 * returns  ST_OK, ST_STOPPED (closing), ST_TIMEOUT (the other one does not let go) */
enum status chan_attach(struct chan *c, struct mbox *mb, uint32_t *token, nsec deadline)
	EXCLUDES(lk_chan) NODISCARD;
/* No longer the source (nothing when another took over). Its mailbox may go after this. */
void chan_detach(struct chan *c, uint32_t token) EXCLUDES(lk_chan);
/* Does this token still name the source? */
bool chan_is_source(struct chan *c, uint32_t token) EXCLUDES(lk_chan);

/* The media time, in ms, that the stream had come to, for a source that goes on where another one left
 * off. */
void chan_set_left(struct chan *c, int64_t ms) EXCLUDES(lk_chan);
bool chan_left(struct chan *c, int64_t *ms) EXCLUDES(lk_chan);          /* false: nobody said */

/* A new head: the stream restarts. The ring is emptied when p->pos is 0 or moved back; the stream
 * index changes to a number never used in this run. Readers get it before any later data. An empty
 * head (RAW) is kept but not put in the ring.
 * p        consumed, also on failure; 0..PKT_HEAD_MAX bytes
 * returns  ST_OK, ST_STOPPED (closing, or not the source any more), ST_LIMIT (memory)
 * locks    takes lk_chan, then sends for the parked readers outside it */
enum status chan_set_head(struct chan *c, uint32_t token, struct pkt *p) EXCLUDES(lk_chan, lk_mbox)
	NODISCARD;

/* The head that is there once more, with a position to count from anew: relays see a new stream, players go
 * on without it. Else as chan_set_head(). */
enum status chan_renew(struct chan *c, uint32_t token, struct pkt *p) EXCLUDES(lk_chan, lk_mbox) NODISCARD;

/* Append n data packets (1..READER_BATCH, each 1..PKT_DATA_SEND bytes, positions rising) and send
 * them for every parked reader, without blocking.
 * p[]      consumed, also on failure; immutable from here on
 * returns  ST_OK, ST_STOPPED (closing, or not the source any more: dropped), ST_LIMIT (memory)
 * locks    takes lk_chan, then sends outside it; takes lk_mbox to give a right back */
enum status chan_append(struct chan *c, uint32_t token, struct pkt **p, size_t n)
	EXCLUDES(lk_chan, lk_mbox) NODISCARD;

/* Forget head and ring: the stream has stopped, and what comes next may be far from it. */
void chan_reset(struct chan *c, uint32_t token) EXCLUDES(lk_chan);

/* A connection somebody has made to us so that we fetch over it (GIV): held out to the source of a relay
 * while that has none. Blocks until the source took it, or finds another, or the deadline passes.
 *
 * s        of the address family of the channel; with ST_OK moved away, else as it was
 * returns  ST_OK, ST_PROTO (not a relay that searches, or no longer), ST_LIMIT (another one waits),
 *          ST_TIMEOUT, ST_STOPPED
 * source   pcp.md 7.5 */
enum status chan_give(struct chan *c, struct sock *s, nsec deadline) EXCLUDES(lk_chan, lk_mbox) NODISCARD;
/* Source: move such a connection to `to`, with mb as its mailbox. False when there is none. */
bool chan_take_given(struct chan *c, uint32_t token, struct sock *to, struct mbox *mb)
	EXCLUDES(lk_chan, lk_mbox);

/* The source is lost for good, yet the channel stays: whoever reads now is done, chan_read() says
 * ST_STOPPED; head and ring are forgotten. Those who join later wait for what comes. */
void chan_let_go(struct chan *c, uint32_t token) EXCLUDES(lk_chan, lk_mbox);

/* Position that follows the newest packet. */
uint64_t chan_next_pos(struct chan *c) EXCLUDES(lk_chan);
/* Count a gap in what arrives. */
void chan_count_skip(struct chan *c) EXCLUDES(lk_chan);

/* --- the readers' side ----------------------------------------------------------------------- */

/* Enter the list of readers. ST_OK, ST_STOPPED (closing), ST_LIMIT (memory). */
enum status chan_join(struct chan *c, struct reader *r) EXCLUDES(lk_chan) NODISCARD;
/* Leave it; the reader must hold its right. */
void chan_leave(struct chan *c, struct reader *r) EXCLUDES(lk_chan);
/* Is there a reader that `holds` the channel? */
bool chan_is_held(struct chan *c) EXCLUDES(lk_chan);

enum chan_from {
	CHAN_FROM_LIVE,         /* newest start point with a cushion (ring_start()) */
	CHAN_FROM_OLDEST,       /* the oldest start point there is, else the oldest packet */
	CHAN_FROM_NEWEST,       /* the newest packet, start point or not */
	CHAN_FROM_POS,          /* a wire position somebody asked for (pcp.md 9.4) */
	CHAN_FROM_HERE,         /* where it was placed before, while that is there; else as CHAN_FROM_POS */
};

/* Place the reader: *head gets a reference to the current head packet (NULL when there is none yet:
 * wait for one with chan_wait_head()), r->seq the first packet to send after it.
 * pos      for CHAN_FROM_POS: the low 32 bits; *start is the position really chosen. It stays good while
 *          the reader waits, until the stream restarts or leaves it behind
 * returns  ST_OK, ST_STOPPED */
enum status chan_place(struct chan *c, struct reader *r, enum chan_from from, uint32_t pos,
	struct pkt **head, uint64_t *start) EXCLUDES(lk_chan) NODISCARD;

/* The current head, referenced; NULL = none yet. */
struct pkt *chan_head(struct chan *c) EXCLUDES(lk_chan);

/* Wait until there is a head and at least one data packet. mb is the waiter's mailbox; other mail
 * is left in it.
 * returns  ST_OK, ST_TIMEOUT, ST_STOPPED (channel closing or mailbox stopped) */
enum status chan_wait_head(struct chan *c, struct mbox *mb, nsec deadline) EXCLUDES(lk_chan) NODISCARD;

/* What chan_read() did besides. */
enum { CHAN_SKIPPED = 1, CHAN_PARKED = 2, CHAN_NEWHEAD = 4 };

/* Owner with the right and nothing left to flush: take up to READER_BATCH packets into r->taken. When
 * there are none, the right is parked. A reader that fell off the ring goes on at the newest start
 * point (players) or the oldest one (relays), counted in r->skips and reported.
 * returns  ST_OK, ST_STOPPED (closing, or let go; the right stays with the caller) */
enum status chan_read(struct chan *c, struct reader *r, int *what) EXCLUDES(lk_chan) NODISCARD;

/* --- for everybody --------------------------------------------------------------------------- */

/* End the channel: no more packets, readers and source are woken. Idempotent. */
void chan_close(struct chan *c) EXCLUDES(lk_chan, lk_mbox);
bool chan_is_closing(struct chan *c) EXCLUDES(lk_chan);

/* Ask the source for another upstream: NULL = any, else that host first. Nothing on a broadcast. */
void chan_bump(struct chan *c, const struct host *to) EXCLUDES(lk_chan, lk_mbox);
/* Source: was a bump asked for? Clears it; *to is unset when no host was named. */
bool chan_take_bump(struct chan *c, struct host *to) EXCLUDES(lk_chan);

/* A session was heard of through the source's connection (pcp.md 10.1 step 2). Forgotten by the next
 * chan_set_source(). */
void chan_heard(struct chan *c, const struct gnuid *from) EXCLUDES(lk_chan);

/* Post a message to the source's connection upstream, unless its session is not_sid. dest: only if it is
 * that session, or was heard of through it. Both may be unset.
 * returns  ST_OK, ST_LIMIT (the mailbox is full: lost), ST_STOPPED (it does not go there) */
enum status chan_post_source(struct chan *c, struct blob *msg, const struct gnuid *not_sid,
	const struct gnuid *dest) EXCLUDES(lk_chan, lk_mbox);

/* Wake the source thread's mailbox (something it waits for changed). */
void chan_wake_source(struct chan *c) EXCLUDES(lk_chan, lk_mbox);

#endif
