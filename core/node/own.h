/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the node knows of itself: session, addresses, and whether its port can be reached.
 *
 * Part of ServMgr: its lock is lk_servmgr, taken inside, and its life is the servmgr's. Functions that
 * may change what is told to others return true when they did; the caller then tells those who pass it
 * on (the tracker update, the relay status).
 * source   pcp.md 6.4, 6.6, 17.3, 17.4; node.md 6.1-6.3
 */
#ifndef CORE_NODE_OWN_H
#define CORE_NODE_OWN_H

#include "core/chan/gnuid.h"
#include "core/sys/host.h"
#include "core/sys/lock.h"

struct servmgr;
struct settings;

/* --- the port --------------------------------------------------------------------------------- */

enum firewall { FW_UNKNOWN, FW_OPEN, FW_CLOSED };       /* of our port, per family */
const char *firewall_str(enum firewall f);              /* "unknown" "open" "closed" */

/* Why it is what it is. */
enum fwwhy {
	/* unknown */
	FWWHY_START, FWWHY_PORT, FWWHY_ADDRESS, FWWHY_ASKED, FWWHY_FREED, FWWHY_MAPPING, FWWHY_NO_YP,
	FWWHY_NO_FAMILY, FWWHY_NO_ANSWER,
	/* open or closed, by a test */
	FWWHY_YP, FWWHY_TRACKER, FWWHY_NOT_GLOBAL,
	/* by a setting */
	FWWHY_FORCE_NORMAL, FWWHY_FORCE_FIREWALLED, FWWHY_NOT_SERVING,
	FWWHYS
};
/* A phrase for pages and logs: "the yellow page could not reach us". */
const char *fwwhy_str(enum firewall f, enum fwwhy why);
const char *fwwhy_code(enum fwwhy why);                 /* a word for programs: "no-yp" */

/* What settings say of the port whatever a test says, or FWWHY_START: nothing. autoServe = No and
 * forceFirewalled go before forceNormal. */
enum fwwhy firewall_forced(const struct settings *st);

struct own {
	struct gnuid sid;               /* session, new at each start */
	struct gnuid bcid;              /* broadcast id, from the settings */
	uint16_t port;                  /* we listen on; 0 = not yet */
	/* [0] IPv4, [1] IPv6; the port is ours. Until better ones are learnt both are the loopback
	 * address, so ask host_is_global(). */
	struct host global[2];          /* best address known (pcp.md 17.3), or the forced one */
	struct host local[2];           /* best one that is not global */
	enum firewall fw[2];
	enum fwwhy fw_why[2];
	nsec fw_since[2];               /* when it became so */
	bool fw_forced;                 /* by a setting: no test counts */
	bool ip_forced[2];              /* global[] is what forceIP says */
	bool disabled;                  /* by a root's `dis` */
	nsec started;
};
void servmgr_own(struct servmgr *sm, struct own *o) EXCLUDES(lk_servmgr);
const struct gnuid *servmgr_sid(const struct servmgr *sm);      /* constant */
void servmgr_set_bcid(struct servmgr *sm, const struct gnuid *bcid) EXCLUDES(lk_servmgr);
/* The listener's. Another one makes both states unknown. */
bool servmgr_set_port(struct servmgr *sm, uint16_t port) EXCLUDES(lk_servmgr);
void servmgr_set_disabled(struct servmgr *sm, bool yes) EXCLUDES(lk_servmgr);

/* A test has told, or (FW_UNKNOWN) there is a reason to forget what one told. Without effect while a
 * setting decides. */
bool servmgr_set_firewall(struct servmgr *sm, bool v6, enum firewall f, enum fwwhy why)
	EXCLUDES(lk_servmgr);
/* The same, but only while unknown: what a handshake tells by the way (pcp.md 6.4). */
bool servmgr_settle_firewall(struct servmgr *sm, bool v6, enum firewall f, enum fwwhy why)
	EXCLUDES(lk_servmgr);
/* What firewall_forced() says now. With FWWHY_START after anything else both are unknown. */
bool servmgr_force_firewall(struct servmgr *sm, enum fwwhy why) EXCLUDES(lk_servmgr);

/* --- addresses -------------------------------------------------------------------------------- *
 *
 * Ranked per family: loopback, private, global; the newest wins a tie, so an address that comes back
 * counts anew. Link-local and multicast addresses never become ours to tell. Only those of interfaces
 * make a peer local: behind a shared NAT the public one is everybody's. When the global address of a
 * family changes, or the interface's local one, the state of its port is unknown again.
 */

/* A trusted peer sees us at h; the port does not matter. */
bool servmgr_learn_address(struct servmgr *sm, const struct host *h) EXCLUDES(lk_servmgr);
/* All addresses of our interfaces: those that are gone are forgotten. route[]: the ones packets to
 * far away leave from, IPv4 and IPv6, unset when there is none; they go before the other interfaces'. */
bool servmgr_set_interfaces(struct servmgr *sm, const struct host *h, size_t n,
	const struct host route[2]) EXCLUDES(lk_servmgr);
/* forceIP: the global address of a family whatever its rank; unset = none. */
bool servmgr_force_address(struct servmgr *sm, const struct host pair[2]) EXCLUDES(lk_servmgr);

/* Is this one of our own addresses, however learnt, with our own port? */
bool servmgr_is_self(struct servmgr *sm, const struct host *h) EXCLUDES(lk_servmgr);
/* Is it an address of this machine: loopback, or of an interface? The port does not matter. */
bool servmgr_is_local(struct servmgr *sm, const struct host *h) EXCLUDES(lk_servmgr);
/* Is it an address of this machine or its network, where there are servers that trust us? Nobody from outside
 * may lead us there. The machine's own addresses are such, the global ones too: we trust them ourselves. */
bool servmgr_is_near(struct servmgr *sm, const struct host *h) EXCLUDES(lk_servmgr);

/* --- turns to the YP -------------------------------------------------------------------------- *
 *
 * COUT and the fetches of all channels share them (pcp.md 7.2): one every YP_SPACING to each YP, by
 * whoever asks first.
 */
#define YP_SPACING (20 * NSEC_PER_SEC)

/* Take a turn to that YP; false: not before *at. */
bool servmgr_take_turn(struct servmgr *sm, const char *root_host, nsec *at) EXCLUDES(lk_servmgr) NODISCARD;
/* Nobody turns to it before then: it has banned us, or still holds an old session of ours. */
void servmgr_rest_yp(struct servmgr *sm, const char *root_host, nsec until) EXCLUDES(lk_servmgr);
/* Is it left alone now? Port tests look, but take no turn. */
bool servmgr_yp_rests(struct servmgr *sm, const char *root_host) EXCLUDES(lk_servmgr);

/* COUT: it is connected to that YP; "" = to none. */
void servmgr_note_yp(struct servmgr *sm, const char *root_host) EXCLUDES(lk_servmgr);
bool servmgr_is_at_yp(struct servmgr *sm, const char *root_host) EXCLUDES(lk_servmgr);

#endif
