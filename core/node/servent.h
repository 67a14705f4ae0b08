/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The record of one connection: what its own thread and everybody else need to know of it.
 *
 * Life: servent_new() lists it in the servent table; the thread that runs it holds one reference,
 * whoever looks it up another. servent_end() takes it out of the table. The socket is closed by the
 * owner alone; others may only mbox_post(), mbox_wake() or mbox_stop() its mailbox.
 *
 * lock     fields under "lk_servmgr" are guarded by the table's lock; the rest is constant after
 *          servent_new(), or the owner thread's own.
 * source   node.md 3.2; pcp.md 1.2
 */
#ifndef CORE_NODE_SERVENT_H
#define CORE_NODE_SERVENT_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/chan/gnuid.h"
#include "core/sys/host.h"
#include "core/sys/mbox.h"
#include "core/sys/sock.h"

struct servmgr;
struct node;

#define SERVENT_AGENT 128               /* bytes kept of an agent text, NUL included */

enum servent_type { SV_INCOMING, SV_SERVER, SV_RELAY, SV_DIRECT, SV_COUT, SV_CIN, SV_COMMAND, SV_TYPES };

enum servent_status {
	SV_NONE, SV_CONNECTING, SV_PROTOCOL, SV_HANDSHAKE, SV_CONNECTED, SV_CLOSING, SV_LISTENING,
	SV_TIMEOUT, SV_WAIT, SV_ERROR
};

const char *servent_type_str(enum servent_type t);      /* "INCOMING" "RELAY" "DIRECT" ... */
const char *servent_status_str(enum servent_status s);  /* "CONNECTED" "HANDSHAKE" ... */

/* What the port of the listener, or the operator, lets a connection do (node.md 5.5). */
enum { ALLOW_HTML = 1, ALLOW_BROADCAST = 2, ALLOW_NETWORK = 4, ALLOW_DIRECT = 8, ALLOW_ALL = 15 };

/* Fields under "lk_servmgr" are changed by the functions below alone, called by the owner: so the owner
 * may read its own without the lock, and nobody else may. Only status and pending the table changes too, when
 * a connection has to give its place to another. */
struct servent {
	/* constant */
	uint32_t id;                    /* 1, 2, 3 ...: connectionId of the API */
	struct servmgr *sm;
	struct host peer;
	bool outgoing;                  /* we dialled */
	bool local;                     /* loopback, or an address of this machine */
	nsec born;

	/* any thread */
	struct mbox mbox;
	_Atomic uint32_t refs;          /* relaxed up, acq_rel down */
	_Atomic bool sent_away;         /* set before the stop that tells it: it gave its place to another */

	/* the owner's */
	struct sock sock;               /* its byte counters may be read by anybody */

	/* lk_servmgr */
	enum servent_type type;
	enum servent_status status;
	bool private;                   /* exempt from limits */
	bool ssl;                       /* it speaks TLS */
	bool pending;                   /* handshake not finished: counts against its address */
	nsec since;                     /* of the status */
	struct gnuid remote;            /* session at the other end; unset until known */
	struct gnuid chan;              /* channel of a relay or player; unset otherwise */
	char agent[SERVENT_AGENT];
};

/* A record for an accepted or dialled socket, listed at once, with one reference for its thread: type
 * INCOMING and status PROTOCOL, pending when accepted.
 *
 * An accepted one must pass the limits on connections (servmgr.h). When it does not, the caller still
 * has the fd: the SERVER thread looks at what has come (MSG_PEEK, MSG_DONTWAIT), sends one short
 * refusal with MSG_DONTWAIT (quit 1003 to a PCP client, 503 to anybody else) and closes it. It never
 * waits for a refused client. Where all of max_serv_in are in use, one that is not served and older
 * than SERVENT_CALM is stopped to make room: of the address that has most of them, the oldest.
 *
 * fd       taken over on success only; -1 = none yet (COUT before it dials)
 * returns  ST_OK, ST_LIMIT (limits on connections, or memory), ST_SYS (no eventfd), ST_STOPPED (the
 *          node is stopping) */
enum status servent_new(struct servmgr *sm, int fd, const struct host *peer, bool outgoing,
	struct servent **out) EXCLUDES(lk_servmgr) NODISCARD;
struct servent *servent_ref(struct servent *sv);
/* The last one frees; the socket must have been closed by then. */
void servent_unref(struct servent **sv);
/* Owner: socket closed, out of the table and the counts, the thread's reference dropped. */
void servent_end(struct servent **sv) EXCLUDES(lk_servmgr);

void servent_set_type(struct servent *sv, enum servent_type t, enum servent_status s) EXCLUDES(lk_servmgr);
void servent_set_status(struct servent *sv, enum servent_status s) EXCLUDES(lk_servmgr);
/* As the peer sent it: it is cleaned (core/sys/text.h) and cut. */
void servent_set_agent(struct servent *sv, const char *agent) EXCLUDES(lk_servmgr);
/* Unset = forget it, and the sessions heard behind it (a COUT that dials again). */
void servent_set_remote(struct servent *sv, const struct gnuid *sid) EXCLUDES(lk_servmgr);
void servent_set_private(struct servent *sv, bool yes) EXCLUDES(lk_servmgr);
void servent_set_ssl(struct servent *sv) EXCLUDES(lk_servmgr);
/* The handshake is over: it no longer counts as pending. */
void servent_settled(struct servent *sv) EXCLUDES(lk_servmgr);
/* It is an operator's who stays: a connected COMMAND, and no limit of servmgr.h counts it. Whoever
 * calls this has a limit of his own. */
void servent_set_command(struct servent *sv) EXCLUDES(lk_servmgr);
/* A session was heard of through this connection (pcp.md 10.1 step 2); see struct routelist. */
void servent_heard(struct servent *sv, const struct gnuid *from) EXCLUDES(lk_servmgr);

#endif
