/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The relay tree of a channel: who feeds whom, worked out of what nodes report of themselves. Pure.
 *
 * A report names its upstream by address alone. That is enough for a node with an open port; of
 * several behind one NAT address it may mean any, so what else is known decides: who is connected to
 * us, the distance, and the connection that both reports came over. Whatever the reports say, the
 * result is a forest: cycles are cut, and it is at most TREE_DEPTH deep.
 * source   http.md 8.4 (RelayTreeNode); pcp.md 4.9, 10.5
 */
#ifndef HTTP_RELAYTREE_H
#define HTTP_RELAYTREE_H

#include "core/chan/hit.h"
#include "core/sys/status.h"

/* A status report travels 11 hops, so real trees stay below that. Deeper ones are flattened: two
 * levels of JSON for each, and common parsers stop at 64. */
#define TREE_DEPTH 30
#define TREE_TOP   SIZE_MAX             /* as a parent: none */

struct treefacts {
	const struct hit *hit;          /* the nodes, n of them; newest first, as hit lists have them */
	size_t n;
	/* This node. */
	const struct hit *self;         /* NULL = it does not carry the channel */
	struct host own;                /* its global address and port, whether open or not; may be unset */
	struct gnuid source;            /* session it fetches from; unset = none */
	const struct gnuid *below;      /* sessions that fetch from it; n_below of them */
	size_t n_below;
};

/* Fill in parent[], for each node an index of hit[], or TREE_TOP. Where this node carries the channel it
 * is index n, the first of the tops; who is not known to be above it and whose upstream is unknown is
 * under it.
 *
 * parent   room for n + 1
 * returns  ST_OK, ST_LIMIT (memory) */
enum status relaytree_build(const struct treefacts *f, size_t *parent) NODISCARD;

#endif
