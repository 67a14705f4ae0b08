/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync: the state machine of one root in a cluster. No socket, no thread, no clock: datagrams and the
 * time come in by calls, datagrams and what was learnt go out by callbacks.
 *
 * Each root (instance) speaks only for the hits its own trackers report; what it hears from others is kept
 * apart, by instance, and never sent on. Every entry has an age, so nothing needs an acknowledgement: what
 * is lost comes again, what is not renewed goes.
 *
 * calls    From one thread, or under one lock of the caller: a struct sync has no lock. The callbacks run
 *          inside sync_input(), sync_run(), sync_own_*() and sync_bye(), in that thread: they must not call
 *          back in and not block; they may take lk_chanmgr, so the caller holds no lock of a lower room.
 * loop     sleep until a datagram, news of an own tracker, or the time sync_run() gave; hand datagrams to
 *          sync_input() and news to sync_own_*(); then call sync_run(now). Inputs only note what is to be
 *          sent; sync_run() sends.
 * time     `now` is clk_now(), or a test's; it never runs backwards.
 * memory   one that finds none drops the record at hand and counts it (SYNC_DROP_MEMORY).
 * source   yp.md 4, 5; settings.md decision 13
 */
#ifndef PCP_SYNC_H
#define PCP_SYNC_H

#include <stdint.h>

#include "core/chan/chaninfo.h"
#include "core/chan/hit.h"
#include "core/node/filter.h"
#include "core/sys/cc.h"
#include "core/sys/clk.h"
#include "core/sys/host.h"
#include "pcp/syncseal.h"
#include "pcp/syncwire.h"

#define SYNC_INSTANCES_MAX 64           /* other roots known at once */
#define SYNC_IGNORE_MAX    64

struct sync;

/* --- settings ----------------------------------------------------------------------------------- */

struct sync_conf {
	/* livesync* keys */
	struct filterset *allow;        /* addresses that are heard; NULL = all (with a key alone) */
	struct filterset *ignore;       /* addresses that are not; NULL = none */
	uint32_t ignore_id[SYNC_IGNORE_MAX];    /* nor these instances */
	size_t n_ignore_id;
	struct sync_keys keys;          /* none = plain packets */
	bool plain;                     /* with a key: speak and accept plain packets too */
	uint32_t mtu;                   /* payload bytes of a datagram, 576..8972 */
	nsec first_beacon, beacon, flush;
	bool fast_start;
	/* of the node */
	nsec hit_timeout;               /* hitTimeout */
	nsec ghost_timeout;             /* ghostTimeout: what hits outlive a BYE */
	/* fixed figures of yp.md 4.4-4.7, for tests and big clusters to change */
	nsec renew;                     /* at most one report of an unchanged hit in this time (60 s) */
	nsec info_gap;                  /* at most one CHANINFO of a channel (30 s), answers apart */
	nsec want_delay;                /* WANT goes out after a random part of this (2 s) */
	uint32_t send_rate, send_burst; /* packets per second (200) and at once (50); walks take half */
	uint32_t recv_rate;             /* of one address (500); above that dropped unread */
	uint32_t want_rate;             /* channels answered per second (50) */
	/* From sync: channels (16384), hosts of a channel (64), hosts and those that just ended (131072),
	 * what instances tell of channels (32768: each channel by two). Full, that is some 130 MB. */
	uint32_t max_chans, max_hosts, max_hits, max_claims;
};

/* Everything at its default, nothing allowed, no key. */
void sync_conf_init(struct sync_conf *c);
/* Drops the references of allow and ignore, wipes the keys. */
void sync_conf_fini(struct sync_conf *c);
/* The texts of livesyncAllow and livesyncIgnore, comma separated. On ST_PROTO `bad` (room for HOST_STRLEN,
 * may be NULL) gets the first entry that is none; ST_LIMIT: too many, or memory. *c keeps what it had. */
enum status sync_conf_allow(struct sync_conf *c, const char *text, char *bad) NODISCARD;
enum status sync_conf_ignore(struct sync_conf *c, const char *text, char *bad) NODISCARD;

/* --- what goes out ------------------------------------------------------------------------------ */

/* Why something goes; the numbers of GONE. */
enum sync_reason { SYNC_STOP = 1, SYNC_TIMEOUT = 2, SYNC_SHUTDOWN = 3, SYNC_BANNED = 4 };

/* Who told. */
struct sync_from {
	uint32_t instance;
	struct host addr;               /* where its last packet came from */
};

/* A pseudo session that stands for an instance, to keep its hits apart (struct hit.via): the bytes
 * "livesync", four zeros, the id big endian. */
struct gnuid sync_via(uint32_t instance);

struct sync_ops {
	/* One datagram, to the group and to each unicast peer. Must not block; what cannot go is lost. */
	void (*send)(void *ctx, const void *p, size_t n);
	/* A hit is new, renewed or changed. h->chan is set, h->heard is when its tracker was last heard
	 * (now or earlier), h->near is hit_is_near() of the instance, h->via is sync_via(). h->sid is unset
	 * while it is known from LIVE alone. The channel may have no info yet: hidden until it has.
	 * Of one node told by several, the newest report is passed on; what we report ourselves is not. */
	void (*hit)(void *ctx, const struct sync_from *from, const struct hit *h);
	/* A hit given to hit() is no longer there, and nobody else reports it. h as last given. */
	void (*gone)(void *ctx, const struct sync_from *from, const struct hit *h, enum sync_reason why);
	/* What a channel says of itself, new or changed: after its first hit, and while it has one; not for a
	 * channel whose info we report. All texts are present. */
	void (*info)(void *ctx, const struct sync_from *from, const struct chanmeta *m, uint32_t present);
	/* It said goodbye: its hits go after ghost_timeout (by gone()), unless it comes back. May be
	 * NULL. */
	void (*bye)(void *ctx, const struct sync_from *from);
	/* Unix time in milliseconds, of this machine. */
	int64_t (*wall_ms)(void *ctx);
	/* 32 random bits. */
	uint32_t (*random)(void *ctx);
};

/* NULL when out of memory. conf is copied (its sets get references of their own); ops is borrowed for
 * life. now counts as the start. */
struct sync *sync_new(const struct sync_conf *conf, const struct sync_ops *ops, void *ctx, nsec now)
	NODISCARD;
void sync_free(struct sync **s);
/* Other settings from now on; instances and tables stay. */
void sync_set_conf(struct sync *s, const struct sync_conf *conf, nsec now);

/* --- what comes in ------------------------------------------------------------------------------ */

/* A datagram of any content; what is wrong with it is counted. Its bytes are changed when it is sealed.
 * from     the sender's address and port */
void sync_input(struct sync *s, void *p, size_t n, const struct host *from, nsec now);

/* Send what is due and may go, drop what is too old. Returns when to call again at the latest;
 * NSEC_NEVER never (there is always a beacon to send). */
nsec sync_run(struct sync *s, nsec now) NODISCARD;

/* The caller knows nothing of what that channel says of itself any more, although info() has told it: it is
 * told again, while it has hits. Not from inside a callback. */
void sync_forgotten(struct sync *s, const struct gnuid *chan, nsec now);

/* Goodbye to the others (BYE), at once, after what is due. For the end of the node. */
void sync_bye(struct sync *s, nsec now);

/* --- our own trackers --------------------------------------------------------------------------- */

/* A tracker of ours reported: h->chan, h->heard and the wire fields are used; h->flags without HIT_RECV is a
 * goodbye. Call it for every announcement of a hit, renewals too: what needs no packet makes none. Nothing
 * is sent of a channel before its info is known. info NULL = as before. A hit silent for hit_timeout
 * goes by itself (SYNC_TIMEOUT). */
void sync_own_hit(struct sync *s, const struct chaninfo *info, const struct hit *h, nsec now);
/* Info alone. */
void sync_own_info(struct sync *s, const struct chaninfo *info, nsec now);
/* It left, or its line broke and its grace is over. h: chan, and sid or rhost[0]. */
void sync_own_hit_gone(struct sync *s, const struct hit *h, enum sync_reason why, nsec now);
/* All hits of a channel are gone. */
void sync_own_chan_gone(struct sync *s, const struct gnuid *chan, enum sync_reason why, nsec now);

/* An account of one channel: between the two calls sync_own_hit() is called for each of its hits that stands;
 * the others are gone. */
void sync_own_chan_begin(struct sync *s, const struct gnuid *chan);
void sync_own_chan_end(struct sync *s, const struct gnuid *chan, enum sync_reason why, nsec now);

/* A full account, where news were or may have been lost: between the two calls sync_own_hit() is called for
 * every hit that stands; the others are gone at sync_own_end() (SYNC_STOP). A caller may live on that. */
void sync_own_begin(struct sync *s);
void sync_own_end(struct sync *s, nsec now);

/* What a channel is called, as others told; NULL: not known. Until the next call. A callback may ask. */
const char *sync_chan_name(const struct sync *s, const struct gnuid *chan);

/* --- status ------------------------------------------------------------------------------------- */

/* Why a packet or a record was dropped. */
enum sync_drop {
	SYNC_DROP_NOT_ALLOWED,          /* packet: livesyncAllow */
	SYNC_DROP_IGNORED,              /* packet: livesyncIgnore, or a sender that misbehaved */
	SYNC_DROP_FLOOD,                /* packet: over recv_rate, unread */
	SYNC_DROP_SHORT,                /* packet: shorter than its header */
	SYNC_DROP_LENGTH,               /* packet: not a whole number of records, or longer than any; info of
	                                 * our own that is longer than a message */
	SYNC_DROP_TYPE,                 /* packet: unknown type or version */
	SYNC_DROP_ECHO,                 /* packet: our own */
	SYNC_DROP_COLLISION,            /* packet: our id, not ours */
	SYNC_DROP_UNSEALED,             /* packet: plain, where sealed ones are asked for */
	SYNC_DROP_SEALED,               /* packet: sealed, and we have no key */
	SYNC_DROP_SEAL,                 /* packet: unknown key, or bad HMAC */
	SYNC_DROP_TIME,                 /* packet: sealed time far off, from an unknown instance */
	SYNC_DROP_REPLAY,               /* packet: sealed time not newer than the last (or a second copy) */
	SYNC_DROP_INSTANCES,            /* packet: SYNC_INSTANCES_MAX roots are known, each for a reason */
	SYNC_DROP_FRAGMENT,             /* message: fragments that do not fit together, or too late */
	SYNC_DROP_DUPLICATE,            /* message: had it (multicast and unicast both) */
	SYNC_DROP_ATOM,                 /* message: malformed body */
	SYNC_DROP_OVERTAKEN,            /* packet or record: older than what came before it (BYE, GONE ...) */
	SYNC_DROP_FOREIGN,              /* record: an info_hash that is no channel id */
	SYNC_DROP_CHANNEL,              /* record: channel id of zeros */
	SYNC_DROP_ADDRESS,              /* record: unusable address or port */
	SYNC_DROP_RANGE,                /* record: age or count out of range; beacon too */
	SYNC_DROP_OWNER,                /* record: another bcid than the channel's first */
	SYNC_DROP_FULL,                 /* record: max_chans and the like; a GONE of our own not repeated */
	SYNC_DROP_MEMORY,
	SYNC_DROP_COUNT
};
/* "notAllowed", "flood" ...: camelCase, for JSON and labels. */
const char *sync_drop_name(enum sync_drop d);

/* "live", "beacon" ... */
const char *sync_kind_name(enum sync_kind k);

struct sync_status {
	uint32_t instance;              /* our id */
	uint32_t id_changes;            /* collisions */
	uint32_t instances;             /* others known */
	uint32_t own_chans, own_hits;   /* reported by our trackers */
	uint32_t chans, hits;           /* learnt, and in force */
	uint32_t kept;                  /* hits learnt, with those that ended a moment ago */
	uint32_t hidden;                /* channels heard of, without info */
	uint32_t listed;                /* channels with a live tracker hit: the beacon's count */
	bool asking;                    /* between a beacon that knows more and its TELL */
	uint64_t sent, sent_bytes;      /* datagrams */
	uint64_t received, received_bytes;
	uint64_t sent_kind[SYNC_KIND_COUNT], received_kind[SYNC_KIND_COUNT];
	uint64_t records;               /* LIVE, TELL and DIGEST entries, hosts and infos taken */
	uint64_t dropped[SYNC_DROP_COUNT];
};
void sync_status(const struct sync *s, struct sync_status *st, nsec now);

struct sync_instance {
	uint32_t id;
	struct host addr;
	nsec first, heard;              /* monotonic */
	uint32_t chans, hits;           /* in force from it */
	uint64_t beacon;                /* its last beacon's count */
	bool has_beacon;
	bool extended;                  /* it speaks more than the seed's four packets */
	bool sealed;
	bool has_offset;
	int64_t offset_ms;              /* its clock minus ours (sealed packets alone tell) */
	bool bye;                       /* it said goodbye */
	nsec ignored_until;             /* in the past = heard */
	uint64_t packets, bytes;
	uint64_t dropped[SYNC_DROP_COUNT];      /* of its packets, from where its id was read */
};
/* Copies at most max, oldest first. Returns how many. */
size_t sync_instances(const struct sync *s, struct sync_instance *out, size_t max);

#endif
