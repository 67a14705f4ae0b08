/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ServMgr: the servent table and admission; what the node knows of itself is in own.h.
 *
 * lock     lk_servmgr, taken inside; nothing blocks under it. To reach many connections, select
 *          references under the lock and post to their mailboxes after it.
 * source   node.md 3.1, 5, 6; pcp.md 10.2, 10.4, 12, 17; settings.md decisions 2, 3, 19
 */
#ifndef CORE_NODE_SERVMGR_H
#define CORE_NODE_SERVMGR_H

#include "core/chan/gnuid.h"
#include "core/node/own.h"
#include "core/node/servent.h"
#include "core/node/traffic.h"
#include "core/sys/lock.h"

struct servmgr;
struct blob;

#define SERVENT_MAX          30000      /* connections in the table, whatever their kind */
#define SERVENT_PENDING      16         /* unfinished handshakes of one address (decision 19) */
#define SERVENT_PENDING_LOCAL 64        /* of this machine */
#define SERVENT_LOCAL_SLOTS  4          /* kept for this machine above max_serv_in (node.md 5.4) */
#define SERVENT_CALM         (1 * NSEC_PER_SEC)  /* so long nobody has to make room (decision 2) */
#define SERVENT_AWAY         (60 * NSEC_PER_SEC) /* who gave its place is not let in again so soon */
#define SERVENT_RESERVE      (10 * NSEC_PER_SEC) /* how long a new output counts with its full bitrate */

/* Limits, copied from the settings whenever they change. 0 means what node.md 2.6 says for each. */
struct limits {
	uint32_t max_serv_in;           /* accepted ones that never were a served relay, player, control */
	uint32_t max_relays;            /* >= 2 */
	uint32_t max_direct;            /* 0 = none */
	uint32_t max_relays_per_chan;   /* 0 = unlimited */
	uint32_t max_bitrate_out;       /* kbit/s of 1000 bits; 0 = unlimited */
	uint32_t max_control;
	uint32_t max_per_address;       /* as max_serv_in, of one IPv4 address or IPv6 /64; not of ours */
	bool trust_localhost;
};

struct servmgr *servmgr_new(void) NODISCARD;    /* NULL when out of memory */
void servmgr_free(struct servmgr **sm);         /* the table is empty */
void servmgr_set_limits(struct servmgr *sm, const struct limits *l) EXCLUDES(lk_servmgr);
void servmgr_get_limits(struct servmgr *sm, struct limits *l) EXCLUDES(lk_servmgr);

/* Copy the limits from a snapshot of the settings. */
struct settings;
void limits_of(const struct settings *st, struct limits *l);

/* --- admission -------------------------------------------------------------------------------- */

/* Why a request cannot be served, in the order of the checks (pcp.md 12.1). */
enum refusal {
	ADMIT_OK, REFUSE_OTHER, REFUSE_BANDWIDTH, REFUSE_RELAYS, REFUSE_DIRECT, REFUSE_NOT_PLAYING,
	REFUSE_CHAN_RELAYS, REFUSE_DUPLICATE, REFUSE_FULL, REFUSALS
};
const char *refusal_str(enum refusal r);        /* "relay limit" ... for log lines */

/* Make sv a connected RELAY or DIRECT of the channel when the limits allow, all under one lock, so
 * that no race overruns a cap. A private sv passes whatever the limits say, unless a root disabled
 * the node. The output in use is what was measured of each connected, not private servent, but for
 * its first SERVENT_RESERVE at least the bitrate of its channel.
 * Admission ends the handshake (servent_settled()). REFUSE_OTHER: disabled, or no memory. */
enum refusal servmgr_admit(struct servmgr *sm, struct servent *sv, enum servent_type type,
	const struct gnuid *chan, uint32_t bitrate_kbps, bool playing) EXCLUDES(lk_servmgr) NODISCARD;

/* A relay's request, and who may be asked to make room for it (pcp.md 12.4). */
struct relay_request {
	const struct gnuid *chan;
	uint32_t bitrate_kbps;
	bool playing;                   /* the channel */
	const struct gnuid *useless;    /* sessions of relays of the channel, the most useless first */
	size_t n_useless;
};

/* As servmgr_admit(). When only room is lacking, the first of the useless whose leaving would give it
 * promises its place: sv is connected, but counts for no limit before servmgr_claim(). Until then the other
 * goes on, and nobody else gets its place, not even when it leaves. */
enum refusal servmgr_admit_relay(struct servmgr *sm, struct servent *sv, const struct relay_request *q)
	EXCLUDES(lk_servmgr) NODISCARD;
/* sv has shown who it is (servent_set_remote()), and takes the place it was promised, at once: the other one
 * counts no longer, is told to leave (`sent_away` and a soft stop), and its session is not welcome on this
 * channel for SERVENT_AWAY. Where sv's session has an older connection there, that one gives its place
 * instead; the caller ends it. Nothing for one that has a place of its own. */
void servmgr_claim(struct servmgr *sm, struct servent *sv) EXCLUDES(lk_servmgr, lk_mbox);
/* Was that session sent away from the channel just now? */
bool servmgr_was_sent_away(struct servmgr *sm, const struct gnuid *chan, const struct gnuid *sid)
	EXCLUDES(lk_servmgr);

/* Make sv a connected CIN of session sid unless that session is connected already (CIN or COUT) or
 * max_control is reached; ends the handshake. REFUSE_DUPLICATE, REFUSE_FULL. */
enum refusal servmgr_admit_control(struct servmgr *sm, struct servent *sv, const struct gnuid *sid)
	EXCLUDES(lk_servmgr) NODISCARD;

/* Is there room for one more (not private) RELAY, DIRECT or CIN? For the flags of our own hits
 * (pcp.md 12.1): RELAY by bandwidth and both relay limits, DIRECT by max_direct alone. */
bool servmgr_has_room(struct servmgr *sm, enum servent_type type, const struct gnuid *chan,
	uint32_t bitrate_kbps) EXCLUDES(lk_servmgr);

/* How a channel is used here. */
struct usage {
	uint32_t relays, directs;               /* all */
	uint32_t relays_public, directs_public; /* without private ones */
};
void servmgr_usage(struct servmgr *sm, const struct gnuid *chan, struct usage *u) EXCLUDES(lk_servmgr);

/* Both at once, of one moment. */
struct places {
	struct usage used;
	bool relay, direct;                     /* room for one more */
};
void servmgr_places(struct servmgr *sm, const struct gnuid *chan, uint32_t bitrate_kbps, struct places *p)
	EXCLUDES(lk_servmgr);

struct totals {
	uint32_t servents;                      /* in the table */
	uint32_t connected[SV_TYPES];           /* in status CONNECTED, by type */
	uint32_t pending;                       /* handshake not finished */
	uint64_t out_bps, in_bps;               /* bytes/s of the last window, loopback and LAN excluded */
	uint64_t out_all_bps, in_all_bps;       /* all */
	uint64_t bytes[2][2];                   /* [all, outside][out, in] up to the last sample */
	uint32_t refused[REFUSALS];             /* since start; [REFUSE_FULL]: controls and accepts */
	uint32_t started;                       /* outputs ever started */
	uint64_t msgs_posted;                   /* messages put into mailboxes of connections */
	uint64_t msgs_lost;                     /* of those, that full mailboxes could not keep */
	uint64_t msgs_refused;                  /* broadcasts not passed on: too many of one sender */
};
void servmgr_totals(struct servmgr *sm, struct totals *t) EXCLUDES(lk_servmgr);
/* So many bytes have come in over a connection that is not in the table (a channel's source); they count in
 * the next sample. */
void servmgr_count_in(struct servmgr *sm, uint64_t n, bool outside) EXCLUDES(lk_servmgr);
/* Take a sample for the rates; called every few seconds. */
void servmgr_sample(struct servmgr *sm) EXCLUDES(lk_servmgr);
/* What the samples of the last ten minutes say (traffic_get()). */
nsec servmgr_traffic(struct servmgr *sm, struct traffic_slot out[TRAFFIC_SLOTS]) EXCLUDES(lk_servmgr);

/* --- finding connections ----------------------------------------------------------------------- */

struct servent_query {
	uint32_t types;                 /* bit (1 << enum servent_type) each */
	struct gnuid chan;              /* its channel must equal this; unset = any */
	struct gnuid not_remote;        /* its remote session must differ; unset = any */
	struct gnuid dest;              /* remote session, or heard behind it; unset = any */
	struct gnuid remote;            /* remote session must equal; unset = any */
	uint32_t id;                    /* 0 = any */
};
/* References to the connected ones that match; the caller unrefs each and frees the array. With none,
 * *out is NULL. ST_OK, ST_LIMIT (memory). */
enum status servmgr_select(struct servmgr *sm, const struct servent_query *q, struct servent ***out,
	size_t *n) EXCLUDES(lk_servmgr) NODISCARD;
/* The connection of that number, whatever its status: a reference, or NULL. */
struct servent *servmgr_find(struct servmgr *sm, uint32_t id) EXCLUDES(lk_servmgr);
/* Select, post a message to each, and let go. Returns how many took it without losing one (0 when out of
 * memory). */
size_t servmgr_post(struct servmgr *sm, const struct servent_query *q, struct blob *msg)
	EXCLUDES(lk_servmgr, lk_mbox);
/* Count a message to a connection that is not in the table (a channel's source): ST_OK, ST_LIMIT = lost;
 * anything else counts nothing. And a broadcast that was not passed on. */
void servmgr_count_post(struct servmgr *sm, enum status st);
void servmgr_count_refused(struct servmgr *sm);
/* Wake each: something changed that it looks at. */
void servmgr_wake(struct servmgr *sm, const struct servent_query *q) EXCLUDES(lk_servmgr, lk_mbox);

/* One connection as the UI and the API show it. */
struct servent_view {
	uint32_t id;
	enum servent_type type;
	enum servent_status status;
	struct host peer;
	bool private, ssl, outgoing, framed;
	uint32_t age_s;                 /* in this status */
	uint32_t rate_out, rate_in;     /* bytes/s */
	uint64_t bytes_out, bytes_in;
	struct gnuid remote, chan;
	char agent[SERVENT_AGENT];
};
/* All of them (chan NULL) or those of one channel, newest first; the caller frees the array. */
enum status servmgr_views(struct servmgr *sm, const struct gnuid *chan, struct servent_view **out,
	size_t *n) EXCLUDES(lk_servmgr) NODISCARD;

/* Tell every connection to stop (soft: it may say goodbye), refuse new ones; then wait until the
 * table is empty. ST_OK, ST_TIMEOUT. */
void servmgr_stop_all(struct servmgr *sm, bool soft) EXCLUDES(lk_servmgr, lk_mbox);
enum status servmgr_wait_empty(struct servmgr *sm, nsec deadline) EXCLUDES(lk_servmgr) NODISCARD;
bool servmgr_is_stopping(const struct servmgr *sm);

#endif
