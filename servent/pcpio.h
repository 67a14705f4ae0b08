/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Atoms over a socket: whole ones in, checked before anything acts on them; and the two handshakes.
 *
 * A struct pcpio belongs to the thread that owns the socket. Its buffer is given back whenever it is
 * empty, so that a thousand idle connections hold none.
 * source   pcp.md 2.5, 2.8, 6, 8
 */
#ifndef SERVENT_PCPIO_H
#define SERVENT_PCPIO_H

#include "core/node/node.h"
#include "core/sys/bucket.h"
#include "core/sys/sock.h"
#include "pcp/atom.h"
#include "pcp/helo.h"

#define PCP_HANDSHAKE (20 * NSEC_PER_SEC)       /* the whole of it */
#define PCP_ATOM_TIME (30 * NSEC_PER_SEC)       /* a whole top-level atom from its first byte */
#define PCP_WRITE     (10 * NSEC_PER_SEC)

/* Control atoms on one connection: older nodes take in five a second, and lose relays when 64 wait at one of
 * theirs (pcp.md 8.2). */
#define PCP_PACE       (NSEC_PER_SEC / 5)
#define PCP_PACE_BURST 16

struct pcpio {
	struct sock *s;                 /* borrowed */
	const struct atomlimits *lim;
	struct buf in;                  /* bytes read and not yet consumed */
	size_t at;                      /* start of the current atom in it */
	size_t seen;                    /* bytes behind `at` the scan has looked at */
	struct atomscan scan;
	nsec begun;                     /* when its first byte came; 0 = between atoms */
	bool full;                      /* the last read filled all its room: there may be more */
	struct bucket pace;             /* of what is sent */
};

void pcpio_init(struct pcpio *io, struct sock *s, const struct atomlimits *lim);
void pcpio_fini(struct pcpio *io);

/* The next whole atom that is here already; its bytes stay until the next call on io.
 * returns  ST_OK, ST_TIMEOUT (none is complete: pump), ST_LIMIT, ST_PROTO (framing is lost: 1006) */
enum status pcpio_next(struct pcpio *io, struct atom *a) NODISCARD;
/* Read what the socket has, waiting for the first byte until the deadline. Returns as sock_read();
 * ST_TIMEOUT also when an atom that has begun is past pcpio_deadline(). */
enum status pcpio_pump(struct pcpio *io, nsec deadline) NODISCARD;
/* Nothing is here of an atom, nor was there more to read when it was last looked. Never so over TLS, which
 * may have bytes that the socket does not show. */
bool pcpio_is_dry(const struct pcpio *io);
/* Read until one atom is complete. */
enum status pcpio_read(struct pcpio *io, struct atom *a, nsec deadline) NODISCARD;
/* When an atom that has begun must be complete; NSEC_NEVER between atoms. */
nsec pcpio_deadline(const struct pcpio *io);

/* Write what a writer put into b (and check its error). */
enum status pcpio_write(struct sock *s, struct buf *b, nsec deadline) NODISCARD;
/* Write of the messages queued in mb what the pace allows now. */
enum status pcpio_mail(struct pcpio *io, struct mbox *mb, nsec deadline) NODISCARD;
/* When pcpio_mail() has something to do; NSEC_NEVER = when somebody posts to mb. */
nsec pcpio_mail_due(const struct pcpio *io, struct mbox *mb);
/* The last ones before a good-bye, as many as older nodes take at once; what is left is nobody's any more.
 * Also after a stop, when the socket no longer looks at its mailbox. */
enum status pcpio_last_mail(struct pcpio *io, struct mbox *mb, nsec deadline) NODISCARD;
/* A control atom that does not come from the mailbox: when may it be sent, and it is. */
nsec pcpio_pace_next(const struct pcpio *io);
void pcpio_pace_spend(struct pcpio *io);
/* Say quit and nothing more, with a short deadline, also after a stop. */
void pcpio_quit(struct sock *s, uint32_t code);

/* The responder's side: read helo, test the port when asked, answer oleh (and root when we are one),
 * then the checks of pcp.md 6.3. On a refusal a quit has been sent and logged.
 *
 * cin      a control connection (absent `ver` is allowed; a port test is told apart)
 * helo     what the peer said; its port is 0 unless confirmed or plainly claimed
 * returns  ST_OK; ST_STOPPED; anything else: the connection is over */
enum status pcpio_answer_helo(struct node *n, struct servent *sv, struct pcpio *io, bool cin,
	struct helo *helo, nsec deadline) NODISCARD;

/* The requester's side: send helo (after "pcp\n" when opener), read oleh (pcp.md 6.4).
 *
 * trusted  the YP or a tracker: its rip, port and dis are used
 * yp       it is the YP: our broadcast id is sent while we broadcast
 * quit     what a quit said, or what was sent; 0 = none
 * returns  ST_OK; ST_PROTO, ST_EOF ...: over */
enum status pcpio_say_helo(struct node *n, struct pcpio *io, bool opener, bool trusted, bool yp, bool v6,
	struct oleh *oleh, uint32_t *quit, nsec deadline) NODISCARD;

/* The same towards the YP, to have our port tested whatever we believe of it; what it tells replaces
 * that. The caller has firewall_ping_take(). */
enum status pcpio_ask_test(struct node *n, struct pcpio *io, bool v6, struct oleh *oleh, uint32_t *quit,
	nsec deadline) NODISCARD;

/* Without a node (servent/doctor.h): send that helo behind a "pcp\n" of that version, read oleh; nothing of
 * it is believed. quit and what is returned are as above. */
enum status pcpio_greet(struct pcpio *io, const struct helo *ours, uint32_t version, struct oleh *oleh,
	uint32_t *quit, nsec deadline) NODISCARD;
/* The other side of that: take "pcp\n" and helo, name ourselves sid in the oleh, say 1008. Whoever comes is
 * told of no port: none is tested. ST_OK; anything else: it was none. */
enum status pcpio_answer_test(struct pcpio *io, const struct gnuid *sid, nsec deadline) NODISCARD;

/* Is that node's port reachable? Connects, compares the session (pcp.md 7.6). At most 8 at once and one
 * per address; only global addresses and ports >= 1024 are tried. The caller's mailbox cancels it,
 * and knows the test's socket meanwhile: an owner with one of its own names that again with
 * mbox_set_fd(). */
bool porttest_run(struct node *n, const struct host *to, const struct gnuid *sid, struct mbox *mb,
	nsec deadline);

#endif
