/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a received atom does: the table of pcp.md 13, for every kind of PCP connection.
 *
 * Announcements go to the hit lists and the channel log; broadcasts are passed on (servent/pass.h). Stream
 * packets are handed to the one callback that a fetch connection sets; from anybody else they are counted
 * and refused.
 *
 * How much somebody who connected to us may send: PROC_ATOMS top-level atoms a second for as long as he
 * likes, and PROC_ATOMS_BURST at once; one of n bytes counts as 1 + n / PROC_ATOM_UNIT. So a tree of two
 * thousand relays may be behind him, each of which speaks as often as it may, and all of which come at
 * once. Whoever sends more is of no use to anybody: his connection ends (1006). It is not so with those we
 * chose ourselves, source and YP: they may only pass on what others send them. Nor with the trackers of a
 * root: their announcements harm nobody, and may be as many as there are channels.
 */
#ifndef SERVENT_PROC_H
#define SERVENT_PROC_H

#include "core/node/node.h"
#include "core/sys/bucket.h"
#include "pcp/atom.h"
#include "pcp/chanatom.h"
#include "pcp/root.h"
#include "servent/pass.h"

#define PROC_HITS      60       /* new hits a second from one connection (pcp.md 18, B48) */
#define PROC_ATOMS     200
#define PROC_ATOMS_BURST 2000
#define PROC_ATOM_UNIT 2048
#define PROC_STRAYS    3        /* the stray stream packet that ends a connection (B40) */
#define PROC_NAMELESS  3        /* channels without an id, to a root: the one that ends a connection */
#define PROC_ANNOUNCED 16       /* more than a tracker has */

enum proc_kind { PROC_CIN, PROC_COUT, PROC_RELAY, PROC_FETCH };

struct proc {
	struct node *node;
	enum proc_kind kind;
	struct servent *sv;             /* NULL on a fetch */
	struct host peer;
	struct gnuid remote;            /* session at the other end */
	struct gnuid chan;              /* channel of a relay or fetch; unset on control connections */
	bool yp;                        /* COUT: the peer is the YP: its root atoms are obeyed */

	/* fetch: a stream packet of its channel. Returns ST_OK, or why the fetch ends. */
	enum status (*packet)(void *ctx, const struct pktatom *p);
	/* fetch: info for its channel. Returns whether it was news. */
	bool (*info)(void *ctx, const struct chanatom *c);
	/* COUT: the root spoke. */
	void (*root)(void *ctx, const struct root *r);
	void *ctx;

	/* fetch: how many hosts without an envelope it has named before. Nodes name the best ones first, so
	 * it stands for the hops, which a bare host does not tell. */
	uint8_t n_named;

	bool port_open;                 /* the peer's port was tested (announcePolicy portopen) */

	const char *why;                /* after ST_PROTO, ST_LIMIT: a phrase for the log */

	/* its own notes; all zero at the start */
	uint32_t stray_packets;         /* stream packets from somebody who may not send them */
	uint32_t nameless;              /* channels without an id */
	struct bucket atoms, hits;
	struct pass pass;
	struct gnuid announced[PROC_ANNOUNCED]; /* CIN: its channels; the oldest give way */
	uint32_t n_announced;
	bool told_unknown, told_refused; /* logged once per connection */
};

/* Act on one top-level atom.
 *
 * quit     ST_EOF: the code of the quit received; ST_PROTO, ST_LIMIT: the code to send
 * returns  ST_OK, ST_EOF (the peer said quit), ST_PROTO, ST_LIMIT, or what packet() returned */
enum status proc_atom(struct proc *p, const struct atom *a, uint32_t *quit) NODISCARD;

/* Root: the control connection ended, by a goodbye of its peer (quit 1008, 1009) or without: its
 * hits go at once, or after ghostTimeout (yp.md 2.3). */
void proc_gone(struct proc *p, bool goodbye);

#endif
