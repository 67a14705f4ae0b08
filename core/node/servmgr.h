/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ServMgr: the servent table, admission, and what the node knows of itself.
 *
 * lock     lk_servmgr, taken inside; nothing blocks under it. To reach many connections, select
 *          references under the lock and post to their mailboxes after it.
 * source   node.md 3.1, 5, 6; pcp.md 10.2, 10.4, 12, 17; settings.md decisions 2, 3, 19
 */
#ifndef CORE_NODE_SERVMGR_H
#define CORE_NODE_SERVMGR_H

#include "core/chan/gnuid.h"
#include "core/node/servent.h"
#include "core/sys/lock.h"

struct servmgr;

/* Limits, copied from the settings whenever they change. 0 means what node.md 2.6 says for each. */
struct limits {
	uint32_t max_serv_in;           /* connections that are not served relays, players, controls */
	uint32_t max_relays;            /* >= 2 */
	uint32_t max_direct;            /* 0 = none */
	uint32_t max_relays_per_chan;   /* 0 = unlimited */
	uint32_t max_bitrate_out;       /* kbit/s; 0 = unlimited */
	uint32_t max_control;
	uint32_t max_per_address;
	bool trust_localhost;
};

struct servmgr *servmgr_new(void) NODISCARD;    /* NULL when out of memory */
void servmgr_free(struct servmgr **sm);         /* the table is empty */
void servmgr_set_limits(struct servmgr *sm, const struct limits *l) EXCLUDES(lk_servmgr);
void servmgr_get_limits(struct servmgr *sm, struct limits *l) EXCLUDES(lk_servmgr);

/* --- admission -------------------------------------------------------------------------------- */

/* Why a request cannot be served, in the order of the checks (pcp.md 12.1). */
enum refusal {
	ADMIT_OK, REFUSE_OTHER, REFUSE_BANDWIDTH, REFUSE_RELAYS, REFUSE_DIRECT, REFUSE_NOT_PLAYING,
	REFUSE_CHAN_RELAYS, REFUSE_DUPLICATE, REFUSE_FULL, REFUSALS
};
const char *refusal_str(enum refusal r);        /* "relay limit" ... for log lines */

/* Make sv a connected RELAY or DIRECT of the channel when the limits allow, all under one lock, so
 * that no race overruns a cap. A private sv passes whatever the limits say. */
enum refusal servmgr_admit(struct servmgr *sm, struct servent *sv, enum servent_type type,
	const struct gnuid *chan, uint32_t bitrate_kbps, bool playing) EXCLUDES(lk_servmgr) NODISCARD;

/* Make sv a connected CIN unless the session is connected already or max_control is reached.
 * REFUSE_DUPLICATE, REFUSE_FULL. */
enum refusal servmgr_admit_control(struct servmgr *sm, struct servent *sv, const struct gnuid *sid)
	EXCLUDES(lk_servmgr) NODISCARD;

/* Is there room for one more (not private)? For the flags of our own hits. */
bool servmgr_has_room(struct servmgr *sm, enum servent_type type, const struct gnuid *chan,
	uint32_t bitrate_kbps) EXCLUDES(lk_servmgr);

/* How a channel is used here. */
struct usage {
	uint32_t relays, directs;               /* all */
	uint32_t relays_public, directs_public; /* without private ones */
};
void servmgr_usage(struct servmgr *sm, const struct gnuid *chan, struct usage *u) EXCLUDES(lk_servmgr);

struct totals {
	uint32_t servents;                      /* in the table */
	uint32_t connected[SV_TYPES];           /* in status CONNECTED, by type */
	uint32_t pending;                       /* handshake not finished */
	uint64_t out_bps, in_bps;               /* bytes/s of the last window, loopback and LAN excluded */
	uint64_t out_all_bps, in_all_bps;       /* all */
	uint32_t refused[REFUSALS];             /* since start */
	uint32_t started;                       /* outputs ever started */
	uint32_t msgs_lost;                     /* messages lost to full mailboxes */
};
void servmgr_totals(struct servmgr *sm, struct totals *t) EXCLUDES(lk_servmgr);
/* Take a sample for the rates; called every few seconds. */
void servmgr_sample(struct servmgr *sm) EXCLUDES(lk_servmgr);

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
/* Select, post a message to each, and let go. Returns how many took it. */
size_t servmgr_post(struct servmgr *sm, const struct servent_query *q, struct blob *msg)
	EXCLUDES(lk_servmgr, lk_mbox);

/* One connection as the UI and the API show it. */
struct servent_view {
	uint32_t id;
	enum servent_type type;
	enum servent_status status;
	struct host peer;
	bool private, outgoing, framed;
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

/* --- the node itself --------------------------------------------------------------------------- */

enum firewall { FW_UNKNOWN, FW_OPEN, FW_CLOSED };       /* of our port, per family */

struct own {
	struct gnuid sid;               /* session, new at each start */
	struct gnuid bcid;              /* broadcast id, from the settings */
	uint16_t port;                  /* we listen on; 0 = not yet */
	struct host global[2];          /* [0] IPv4, [1] IPv6: best known own address; unset = none */
	struct host local[2];           /* best not-global one */
	enum firewall fw[2];
	bool disabled;                  /* by a root's `dis` */
	nsec started;
};
void servmgr_own(struct servmgr *sm, struct own *o) EXCLUDES(lk_servmgr);
const struct gnuid *servmgr_sid(const struct servmgr *sm);      /* constant */
void servmgr_set_bcid(struct servmgr *sm, const struct gnuid *bcid) EXCLUDES(lk_servmgr);
void servmgr_set_port(struct servmgr *sm, uint16_t port) EXCLUDES(lk_servmgr);
/* An address of ours was learnt (interface, trusted OLEH, forceIP). Ranked per family (pcp.md 17.3).
 * Returns true when the global or local address changed. */
bool servmgr_learn_address(struct servmgr *sm, const struct host *h, bool forced) EXCLUDES(lk_servmgr);
void servmgr_set_firewall(struct servmgr *sm, bool v6, enum firewall f) EXCLUDES(lk_servmgr);
/* Only while unknown (a trusted OLEH; pcp.md 6.4). Returns true when it was set. */
bool servmgr_settle_firewall(struct servmgr *sm, bool v6, enum firewall f) EXCLUDES(lk_servmgr);
void servmgr_set_disabled(struct servmgr *sm, bool yes) EXCLUDES(lk_servmgr);
/* Is this one of our own addresses with our own port? */
bool servmgr_is_self(struct servmgr *sm, const struct host *h) EXCLUDES(lk_servmgr);
/* Is it an address of this machine (loopback or an interface)? Looks at what was learnt. */
bool servmgr_is_local(struct servmgr *sm, const struct host *h) EXCLUDES(lk_servmgr);

#endif
