/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node: what every room above works on, and the few things only threads can do for it.
 *
 * One struct node lives from main() to exit; its pointers are constant after start-up.
 */
#ifndef CORE_NODE_NODE_H
#define CORE_NODE_NODE_H

#include <stdatomic.h>

#include "core/chan/chanmgr.h"
#include "core/conf/conf.h"
#include "core/node/bans.h"
#include "core/node/chandir.h"
#include "core/node/filter.h"
#include "core/node/history.h"
#include "core/node/names.h"
#include "core/node/notice.h"
#include "core/node/portmap.h"
#include "core/node/servmgr.h"
#include "core/node/speedtest.h"
#include "core/sys/host.h"

/* Identity on the wire and in Server: lines. */
#define NODE_AGENT   "PeerCast/0.1218 (SV01)"
#define NODE_VERSION "0.1.0"
#define NODE_VER        1218            /* helo.ver, host.ver */
#define NODE_VER_VP     27              /* host.vevp, bcst.vrvp */
#define NODE_EX_PREFIX  "SV"            /* host.vexp, bcst.vexp */
#define NODE_EX_NUMBER  1               /* host.vexn, bcst.vexn */

struct record_totals;
struct record_view;
struct board_ask;
struct board_answer;
struct sync_report;

/* Counters of the channel log, for status pages. */
struct chanlog_counts {
	uint64_t written, dropped, failed;
};

/* The RTMP input (media.md 2.5). */
struct rtmp_status {
	bool on;                        /* it is wanted */
	bool listening;
	struct host at;                 /* where it listens, or should */
	uint32_t publishers;            /* encoders that publish now */
	char problem[128];              /* why it does not listen, though wanted; "" = nothing */
};

/* Whether what must run does. */
struct node_health {
	bool housekeeper, server;       /* these threads go round */
	bool listening;                 /* the port is open */
	bool stopping;
};

#define NODE_WHY 192            /* bytes of a reason, NUL included */

/* Upward calls from http: what needs a thread of the servent room. None may be called under a lock. */
struct node_ops {
	/* Create, list and start a relay of id; tip NULL = look in the hit lists. A channel that is
	 * there already is returned as it is. *out is a reference.
	 * ST_OK, ST_LIMIT (channels, memory, threads), ST_STOPPED */
	enum status (*relay_start)(struct node *n, const struct gnuid *id, const struct host *tip,
		struct chan **out);
	/* Root: send the settings to all trackers now; upd asks them for an update. */
	void (*root_broadcast)(struct node *n, bool upd);
	/* The info of a broadcast changed: tell relays and YP (paced, trailing edge). */
	void (*info_changed)(struct node *n, struct chan *c);
	/* A title for encoders that send already, yet without a channel: `present` of m, as for
	 * chan_merge_info(). mount "" = of all that have titles. Is there any such? May be NULL. */
	bool (*early_title)(struct node *n, const char *mount, const struct chanmeta *m, uint32_t present);
	/* A channel is to be kept, or no longer: the ini follows. */
	void (*kept_changed)(struct node *n);
	/* Settings changed: filters, limits and the listener follow. */
	void (*settings_changed)(struct node *n);
	/* Orderly end of the process, in a moment: the answer to who asks still goes out. */
	void (*shutdown)(struct node *n);
	/* The name of a visitor is to be looked up. NULL = nobody does. */
	void (*name_asked)(struct node *n);
	void (*chanlog_counts)(struct node *n, struct chanlog_counts *c);
	void (*health)(struct node *n, struct node_health *h);
	/* Forget whether our port can be reached over these families and ask the YP; returns when its
	 * answer is known (servmgr_own()), or there is none to be had: within a minute. Soon again: what
	 * became known just now stays. */
	void (*check_firewall)(struct node *n, bool v4, bool v6);
	/* Root: does a node answer at `who`, the address of sv with the port it named? Tells
	 * viewers_port_done() (http/viewer.h) sooner or later, then wakes sv's mailbox. NULL = never asked.
	 * false: it cannot be tested now; nothing will be told. */
	bool (*check_viewer)(struct node *n, struct servent *sv, const struct host *who);
	/* Live sync as it stands (pcp/syncreport.h), to be freed; NULL: not to be had now. NULL = none. */
	struct sync_report *(*sync_report)(struct node *n);
	/* What a root remembers of the channels of that name, from_s <= at < to_s. Waits for the disk.
	 * ST_OK (out may be empty); ST_STOPPED: nothing is kept here; ST_TIMEOUT, ST_SYS, ST_LIMIT */
	enum status (*history)(struct node *n, const char *name, int64_t from_s, int64_t to_s,
		nsec deadline, struct history *out);
	/* What an encoder that names no channel publishes by RTMP with this key; "" = with any that has
	 * nothing of its own prepared. m->id set: a new channel will have it. Where a channel of that key is
	 * there already, it takes these texts now, and m->id becomes its own. door: a loopback address and
	 * port where the encoder will come, with whatever key; NULL = where RTMP is taken.
	 * ST_OK, ST_LIMIT (memory, too many doors), ST_SYS (the port cannot be had) */
	enum status (*rtmp_prepare)(struct node *n, const char *key, const struct host *door,
		struct chanmeta *m, bool v6);
	/* Take RTMP or do not, whatever the settings say, until they change or the node ends; off ends what
	 * is published. port 0 = as set. */
	void (*rtmp_switch)(struct node *n, bool on, uint16_t port);
	void (*rtmp_status)(struct node *n, struct rtmp_status *s);
	/* Broadcast what a URL has, for somebody at `peer`; a pulled channel of that name is taken over. m:
	 * id unset, or the one a new channel shall have; it becomes the channel's.
	 * ST_OK; ST_PROTO (it may not, or is no URL), ST_LIMIT, ST_STOPPED: why says so */
	enum status (*pull_start)(struct node *n, const struct host *peer, const char *url,
		struct chanmeta *m, bool v6, char why[NODE_WHY]);
	/* Fetch the lists of the user's yellow pages, unless the last time is younger than pace; returns when
	 * they are there, in chandir. ST_OK, ST_TIMEOUT; ST_STOPPED: nothing is fetched here */
	enum status (*fetch_feeds)(struct node *n, nsec pace, nsec deadline);
	/* Ask a yellow page for its yp4g.xml, and with `send` take its upload test; what came of it, good or
	 * bad, is in speedtests. Waits for it, a minute at most, on the thread of sv. ST_OK; ST_LIMIT:
	 * another one is running; ST_STOPPED */
	enum status (*speedtest)(struct node *n, struct servent *sv, const char *url, bool send);
	/* Write a channel to files; one that waits for the disk tries at once. ST_OK (also when it is
	 * recorded already); ST_EOF (no such channel), ST_PROTO (no recordDir), ST_LIMIT, ST_STOPPED: why
	 * says so. NULL = nothing is recorded here, as for the next three */
	enum status (*record_start)(struct node *n, const struct gnuid *id, char why[NODE_WHY]);
	/* No longer, and not by recordAuto either until the channel has gone. Was it? */
	bool (*record_stop)(struct node *n, const struct gnuid *id);
	/* Those there are, newest first, into out[RECORDS]. Returns how many. */
	size_t (*record_views)(struct node *n, struct record_view *out);
	void (*record_totals)(struct node *n, struct record_totals *t);
	/* Ask a channel's board for something, or post to it (http/board.h); what came of it is in out, whose
	 * references are the caller's. Waits, 20 s at most, on the thread of sv. ST_OK (also when it failed:
	 * out says why); ST_LIMIT (memory), ST_STOPPED */
	enum status (*board)(struct node *n, struct servent *sv, const struct board_ask *ask,
		struct board_answer *out);
};

struct yp;
struct storage;
/* What is counted since the start, for status pages and metrics (settings.md decision 16). */
enum node_count {
	/* a root's announcements and broadcasts */
	ROOT_ANNOUNCED,                 /* channels and hosts taken */
	ROOT_REFUSED_OWNER,             /* not the owner of the channel */
	ROOT_REFUSED_POLICY,            /* announcePolicy */
	ROOT_REFUSED_BAN,               /* the ban list; connections and announcements */
	ROOT_FORWARDED,                 /* broadcasts passed on */
	ROOT_DROPPED,                   /* broadcasts that rootForward did not let through */

	NODE_ACCEPT_FAILED,             /* no files or memory for a connection */
	NODE_YP_CONNECTED,              /* the line to a yellow page stood, */
	NODE_YP_FAILED,                 /* could not be had, */
	NODE_YP_LOST,                   /* and ended against our will */
	NODE_YP_UPDATES,                /* tracker updates sent */
	NODE_RTMP_PUBLISHED,            /* encoders that began, */
	NODE_RTMP_REFUSED,              /* and that did not come so far */
	NODE_UPSTREAM_TAKEN,            /* a relay receives from somebody */
	NODE_UPSTREAM_LEFT,             /* and no longer: here at the upstream's end, then by upstream_why */
	NODE_UPSTREAM_SILENT, NODE_UPSTREAM_STALLS, NODE_UPSTREAM_SKIPS, NODE_UPSTREAM_DRIPS,
	NODE_UPSTREAM_LAGS,
	NODE_UPSTREAM_BETTER,           /* for one that is better */
	NODE_UPSTREAM_BUMPED,           /* because a user wanted another */
	NODE_HOOK_TRIED,                /* commands run for hooks and requests sent */
	NODE_HOOK_DONE,                 /* messages delivered, */
	NODE_HOOK_FAILED,               /* given up, */
	NODE_HOOK_DROPPED,              /* and that never had their turn, or were missed */
	NODE_COUNTS
};

struct node {
	struct conf *conf;
	struct chanmgr *cm;
	struct servmgr *sm;
	struct yp *yp;                  /* the yellow page of a root, made by http; NULL without http */
	struct storage *storage;        /* what front ends keep, made by http; NULL without http */
	struct node_ops ops;
	struct names *names;            /* of the filters and visitors */
	_Atomic uint32_t filter_changes;                        /* relaxed: read again under the lock */
	struct mtx mtx;                                         /* lk_conf, for filters alone */
	struct filterset *filters GUARDED_BY(lk_conf);          /* the current set */
	struct bans *bans GUARDED_BY(lk_conf);                  /* NULL = none */
	_Atomic uint64_t counts[NODE_COUNTS];              /* relaxed: statistics */
	struct notices notices;
	struct chandir chandir;         /* what the user's yellow pages list */
	struct speedtests speedtests;   /* and what they say of our upload */
	struct portmaps portmaps;       /* how the router leads to our port */
};

static inline void node_count(struct node *n, enum node_count c)
{
	atomic_fetch_add_explicit(&n->counts[c], 1, memory_order_relaxed);
}

/* Fills n with the three, borrowed, and an empty filter set (no flags for anybody).
 * returns  ST_OK, ST_LIMIT (memory) */
enum status node_init(struct node *n, struct conf *conf, struct chanmgr *cm, struct servmgr *sm)
	NODISCARD;
/* The only thread left: drops the filters; the rest is the caller's. */
void node_fini(struct node *n);

/* Copy filters, limits and what is forced of our port from the settings, now: at start and when they
 * changed. Names among the filters count as far as they are known (core/node/names.h); patterns that cannot
 * be understood are logged. Never call it under a lock.
 * returns  ST_OK, ST_LIMIT (memory: the old filters stay) */
enum status node_apply_settings(struct node *n) EXCLUDES(lk_conf, lk_servmgr, lk_leaf) NODISCARD;
/* The filters alone, anew: a name among them has another address. */
enum status node_apply_filters(struct node *n) EXCLUDES(lk_conf, lk_leaf) NODISCARD;

/* Flags of an address by the current filters (FILTER_*), of its name if that is known, and a ban by
 * banTrackersWhileBroadcasting. */
int node_filter(struct node *n, const struct host *h)
	EXCLUDES(lk_conf, lk_leaf, lk_servmgr, lk_chanmgr, lk_chan);
/* Replace the set (takes the reference). */
void node_set_filters(struct node *n, struct filterset *f) EXCLUDES(lk_conf);

/* The current bans, referenced, or NULL: give back with bans_unref(). */
struct bans *node_bans(struct node *n) EXCLUDES(lk_conf) NODISCARD;
/* Replace them (takes the reference; NULL = none). */
void node_set_bans(struct node *n, struct bans *b) EXCLUDES(lk_conf);

/* Loopback with trustLocalhost, an own address, or a `private` filter: exempt from limits, may push
 * and may start relays (node.md 5.1). */
bool node_is_private(struct node *n, const struct host *h) EXCLUDES(lk_conf, lk_servmgr);
/* Loopback or own address while trustLocalhost: needs no password. */
bool node_is_trusted(struct node *n, const struct host *h) EXCLUDES(lk_conf, lk_servmgr);

/* Build our own hit for a channel (pcp.md 3.4, 4.9, 10.5), local fields zero.
 *
 * Addresses are of the channel's family; the global port is 0 and PUSH is set unless our port is known
 * to be open. Numbers: a broadcast (TRACKER set) counts its players and those of all live hits, and the
 * hits; a relay its own players and relays, and tells its upstream. Positions are the ring's ends.
 *
 * recv     false = the farewell: "remove me" */
void node_own_hit(struct node *n, struct chan *c, bool recv, struct hit *h)
	EXCLUDES(lk_servmgr, lk_chanmgr, lk_chan);

#endif
