/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking a node for a channel: connect, GET, status, helo and oleh; and the hosts named by one that is
 * full. What follows a 200 is the stream, which is the caller's.
 *
 * A struct ask belongs to the thread that uses its socket.
 * source   pcp.md 7.4, 18.2 (B32, B33), 18.3 (B61)
 */
#ifndef SERVENT_ASK_H
#define SERVENT_ASK_H

#include "core/sys/sock.h"
#include "pcp/helo.h"
#include "servent/app.h"
#include "servent/pcpio.h"
#include "servent/proc.h"

#define ASK_HOSTS 64                    /* named by one node before it serves us; more are passed over */

enum ask_as { ASK_RELAY, ASK_TRACKER, ASK_YP };

struct ask {
	struct app *a;
	struct gnuid id;                /* of the channel */
	struct host host;
	enum ask_as as;                 /* as what the host is known */
	bool trusted;                   /* believe what it says of our address and port */
	struct sock sock;               /* open after ST_OK */
	struct pcpio io;
	struct proc proc;               /* kind, peer and so on are set; the callbacks are the caller's */
	struct oleh oleh;
	int code;                       /* HTTP status; 0 = no answer that is one */
	uint32_t quit;                  /* what it said, or was told */
	uint32_t hosts;                 /* it has named, while it does not serve us */
};

/* A closed one. */
void ask_init(struct ask *k, struct app *a, const struct gnuid *id);

/* Connect to k->host. returns  as sock_connect() */
enum status ask_connect(struct ask *k, struct mbox *mb, nsec deadline) NODISCARD;

/* The request and the handshake, on a connected socket (ours, or one that was pushed to us).
 *
 * wanted   x-peercast-pos; 0 = anything
 * returns  ST_OK: k->code is 200 or 503, k->oleh is theirs. ST_PROTO: another code, or not PCP; the rest
 *          as sock_read(). k->quit is PCP_QUIT_LOOPBACK when it was ourselves. */
enum status ask_request(struct ask *k, uint32_t wanted, nsec deadline) NODISCARD;

/* After a 503: put the hosts it names into the hit list, until its quit. */
void ask_refusal(struct ask *k, nsec deadline);

/* Act on the next atom that is here already. ST_TIMEOUT: there is none; else as proc_atom(). */
enum status ask_atom(struct ask *k, struct atom *at) NODISCARD;

/* Take over the connection, with all that was read and not yet looked at. `from` is left closed; the
 * callbacks of `to` are the caller's again. */
void ask_move(struct ask *to, struct ask *from, struct mbox *mb);
void ask_close(struct ask *k);

#endif
