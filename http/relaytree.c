/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/relaytree.h"

#include <stdlib.h>

/* How well an upstream address fits a node; the evidence besides breaks ties. */
enum { FITS_NOT = 0, CLOSE = 1, SAME_WAY = 2, FITS_IP = 4, FITS = 8 };

static bool has_session(const struct gnuid *list, size_t n, const struct gnuid *sid)
{
	if (!gnuid_is_set(sid))
		return false;
	for (size_t i = 0; i < n; i++)
		if (gnuid_equal(&list[i], sid))
			return true;
	return false;
}

/* Is it where our own stream comes from? Then it is not under us. */
static bool is_above(const struct treefacts *f, const struct hit *h)
{
	if (f->self == NULL || (f->self->flags & HIT_TRACKER))
		return false;
	return (h->flags & HIT_TRACKER) ||
	       (gnuid_is_set(&f->source) && gnuid_equal(&f->source, &h->sid)) ||
	       (host_is_set(&f->self->uphost) && host_equal(&f->self->uphost, &h->rhost[0]));
}

/* Does h's upstream address lead to the node with that pair? A private one counts within the same
 * home only; one without a port has dialled h itself, from whatever port. */
static int fit(const struct hit *h, const struct host pair[2])
{
	const struct host *up = &h->uphost;

	if (pair[0].port != 0 && host_equal(up, &pair[0]))
		return FITS;
	if (pair[1].port != 0 && host_equal(up, &pair[1]) && host_same_ip(&h->rhost[0], &pair[0]))
		return FITS;
	if (pair[0].port == 0 && host_is_set(&pair[0]) && host_same_ip(up, &pair[0]))
		return FITS_IP;
	return FITS_NOT;
}

static int fit_self(const struct treefacts *f, const struct hit *h)
{
	int best = fit(h, f->self->rhost);

	if (f->own.port != 0 && host_equal(&h->uphost, &f->own))
		best = FITS;
	return best == FITS_NOT ? FITS_NOT : best + (h->hops == 1 ? CLOSE : 0);
}

static int fit_other(const struct hit *h, const struct hit *up)
{
	int best = fit(h, up->rhost);

	if (best == FITS_NOT)
		return FITS_NOT;
	if (gnuid_is_set(&h->via) && (gnuid_equal(&h->via, &up->via) || gnuid_equal(&h->via, &up->sid)))
		best += SAME_WAY;
	return best + (up->hops + 1 == h->hops ? CLOSE : 0);
}

static size_t find_parent(const struct treefacts *f, size_t i)
{
	const struct hit *h = &f->hit[i];
	const bool below = f->self != NULL && !is_above(f, h);
	size_t at = below ? f->n : TREE_TOP;
	int best;

	if (f->self != NULL && has_session(f->below, f->n_below, &h->sid))
		return f->n;
	if (!host_is_set(&h->uphost))
		return at;
	best = below ? fit_self(f, h) : FITS_NOT;
	for (size_t k = 0; k < f->n; k++) {
		const int v = k == i ? FITS_NOT : fit_other(h, &f->hit[k]);

		if (v > best) {
			best = v;
			at = k;
		}
	}
	return at;
}

/* Nodes that are each other's upstream: the one nearest to us becomes a child of ours. */
static void cut_cycles(const struct treefacts *f, size_t *parent, size_t *mark)
{
	const size_t top = f->self != NULL ? f->n : TREE_TOP;

	for (size_t i = 0; i < f->n; i++)
		mark[i] = 0;
	for (size_t i = 0; i < f->n; i++) {
		size_t at = i, cut, k;

		while (at < f->n && mark[at] == 0) {
			mark[at] = i + 1;
			at = parent[at];
		}
		if (at >= f->n || mark[at] != i + 1)
			continue;
		cut = at;
		for (k = parent[at]; k != at; k = parent[k])
			if (f->hit[k].hops < f->hit[cut].hops)
				cut = k;
		parent[cut] = top;
	}
}

/* Nodes that would lie too deep go beside their parents. */
static void flatten(const struct treefacts *f, size_t *parent, size_t *depth, size_t *path)
{
	for (size_t i = 0; i < f->n; i++)
		depth[i] = 0;
	depth[f->n] = 1;
	for (size_t i = 0; i < f->n; i++) {
		size_t at = i, n = 0;

		while (at != TREE_TOP && depth[at] == 0) {
			path[n++] = at;
			at = parent[at];
		}
		while (n > 0) {
			const size_t k = path[--n];

			depth[k] = parent[k] == TREE_TOP ? 1 : depth[parent[k]] + 1;
			if (depth[k] > TREE_DEPTH) {
				parent[k] = parent[parent[k]];
				depth[k] = TREE_DEPTH;
			}
		}
	}
}

enum status relaytree_build(const struct treefacts *f, size_t *parent)
{
	size_t *scratch = calloc(2 * f->n + 1, sizeof(*scratch));

	if (scratch == NULL)
		return ST_LIMIT;
	for (size_t i = 0; i < f->n; i++)
		parent[i] = find_parent(f, i);
	parent[f->n] = TREE_TOP;
	cut_cycles(f, parent, scratch);
	flatten(f, parent, scratch, scratch + f->n + 1);
	free(scratch);
	return ST_OK;
}
