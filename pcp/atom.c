/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/atom.h"

#include <string.h>

#include "core/sys/assert.h"
#include "core/sys/text.h"
#include "pcp/pcp.h"

#define CONTAINER 0x80000000u   /* bit 31 of the length word: children follow, not bytes */

static uint32_t le32_at(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void le32_to(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

const char *atom_id_str(uint32_t id, char *dst)
{
	uint8_t raw[4];
	size_t n = 4;

	le32_to(raw, id);
	while (n > 0 && raw[n - 1] == 0)
		n--;
	return text_escape(dst, ATOM_IDSTR, raw, n);
}

/* --- framing ---------------------------------------------------------------------------------- */

const struct atomlimits atomlimits_control = {
	.bytes = 64 * 1024, .leaf = 16 * 1024, .children = 1024, .atoms = 4096,
	.depth = ATOM_DEPTH_MAX,
};

const struct atomlimits atomlimits_fetch = {
	.bytes = 1024 * 1024 + 4096, .leaf = 1024 * 1024, .children = 1024, .atoms = 4096,
	.depth = ATOM_DEPTH_MAX,
};

void atomscan_init(struct atomscan *s, const struct atomlimits *lim)
{
	ASSERT(lim->depth >= 1 && lim->depth <= ATOM_DEPTH_MAX && lim->bytes <= INT32_MAX);
	ASSERT(lim->children <= UINT16_MAX);
	memset(s, 0, sizeof(*s));
	s->lim = lim;
	s->need = ATOM_HDR;
	s->natoms = 1;
}

/* More than ATOM_BAGS_MAX bits of the open levels are set. */
static bool bags_full(uint16_t bags)
{
	unsigned n = 0;

	for (; bags != 0; bags &= (uint16_t)(bags - 1))
		n++;
	return n > ATOM_BAGS_MAX;
}

static enum status scan_container(struct atomscan *s, uint32_t id, uint32_t n)
{
	const struct atomlimits *lim = s->lim;

	/* The children's level is two below the number of containers open around this one. */
	if (n > lim->children || n > lim->atoms - s->natoms || s->depth + 2u > lim->depth ||
	    n * ATOM_HDR > lim->bytes - s->need)
		return ST_LIMIT;
	if (id == ATOM_BCST || id == ATOM_ATOM)
		s->bags |= (uint16_t)(1u << s->depth);
	if (bags_full(s->bags))
		return ST_PROTO;
	s->natoms += n;
	s->need += n * ATOM_HDR;
	s->left[s->depth++] = (uint16_t)n;
	return ST_OK;
}

static enum status scan_header(struct atomscan *s, const uint8_t *hdr)
{
	uint32_t id = le32_at(hdr), word = le32_at(hdr + 4);

	if (s->len == ATOM_HDR)
		s->id = id;
	if (word > CONTAINER)
		return scan_container(s, id, word & ~CONTAINER);
	if (word != CONTAINER) {
		if (word > s->lim->leaf || word > s->lim->bytes - s->need)
			return ST_LIMIT;
		s->need += word;
		s->skip = word;
	}
	/* A leaf (or an empty container) completes; so may the containers it was the last of. */
	while (s->depth > 0 && --s->left[s->depth - 1] == 0) {
		s->depth--;
		s->bags &= (uint16_t)((1u << s->depth) - 1);
	}
	return ST_OK;
}

enum status atomscan_feed(struct atomscan *s, const void *buf, size_t n, size_t *used)
{
	const uint8_t *p = buf, *end = p + n;

	while (p < end && s->len < s->need && s->err == ST_OK) {
		size_t k = MIN((size_t)(end - p), s->skip);

		if (k > 0) {
			p += k;
			s->skip -= (uint32_t)k;
			s->len += (uint32_t)k;
		} else if (s->nhdr == 0 && end - p >= ATOM_HDR) {
			s->len += ATOM_HDR;
			s->err = scan_header(s, p);
			p += ATOM_HDR;
		} else {
			s->hdr[s->nhdr++] = *p++;
			s->len++;
			if (s->nhdr == ATOM_HDR) {
				s->nhdr = 0;
				s->err = scan_header(s, s->hdr);
			}
		}
	}
	*used = (size_t)(p - (const uint8_t *)buf);
	return s->err;
}

enum status atomscan_whole(const void *p, size_t n, const struct atomlimits *lim, size_t *len)
{
	struct atomscan s;
	enum status st;

	atomscan_init(&s, lim);
	st = atomscan_feed(&s, p, n, len);
	if (st == ST_OK && !atomscan_done(&s))
		st = ST_PROTO;
	return st;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Bytes of the whole atom at the front of r, headers and everything below; 0 when it does not end
 * within r. Walks in order with one counter: where a container ends does not matter, only how many
 * atoms are still owed. Every owed atom needs a header, so the counter cannot outgrow the bytes. */
static size_t tree_size(struct rd r)
{
	size_t all = r.left, owed = 1;

	while (owed > 0) {
		const uint8_t *hdr = rd_take(&r, ATOM_HDR);
		uint32_t word;

		if (hdr == NULL)
			return 0;
		owed--;
		word = le32_at(hdr + 4);
		if (word >= CONTAINER) {
			owed += word & ~CONTAINER;
			if (owed > r.left / ATOM_HDR)
				return 0;
		} else if (rd_take(&r, word) == NULL) {
			return 0;
		}
	}
	return all - r.left;
}

/* Take the atom at the front of r. */
static bool take_atom(struct atom *a, struct rd *r)
{
	size_t size = tree_size(*r);
	const uint8_t *p = size > 0 ? rd_take(r, size) : NULL;
	uint32_t word;

	if (p == NULL)
		return false;
	word = le32_at(p + 4);
	a->id = le32_at(p);
	a->cont = word >= CONTAINER;
	a->count = a->cont ? word & ~CONTAINER : 0;
	a->whole = p;
	a->size = size;
	a->rd = rd_of(p + ATOM_HDR, size - ATOM_HDR);
	return true;
}

enum status atom_open(struct atom *a, const void *p, size_t n)
{
	struct rd r = rd_of(p, n);

	return take_atom(a, &r) ? ST_OK : ST_PROTO;
}

bool atom_next(struct atom *parent, struct atom *child)
{
	if (parent->count == 0)
		return false;
	/* Cannot fail: atom_open() has seen the whole tree. */
	if (!take_atom(child, &parent->rd)) {
		parent->count = 0;
		return false;
	}
	parent->count--;
	return true;
}

/* The value of a leaf of exactly n bytes, or NULL. */
static const uint8_t *leaf(const struct atom *a, size_t n)
{
	return !a->cont && a->rd.left == n ? a->rd.p : NULL;
}

bool atom_u8(const struct atom *a, uint8_t *v)
{
	const uint8_t *p = leaf(a, 1);

	if (p == NULL)
		return false;
	*v = p[0];
	return true;
}

bool atom_u16(const struct atom *a, uint16_t *v)
{
	const uint8_t *p = leaf(a, 2);

	if (p == NULL)
		return false;
	*v = (uint16_t)(p[0] | p[1] << 8);
	return true;
}

bool atom_u32(const struct atom *a, uint32_t *v)
{
	const uint8_t *p = leaf(a, 4);

	if (p == NULL)
		return false;
	*v = le32_at(p);
	return true;
}

bool atom_gnuid(const struct atom *a, struct gnuid *v)
{
	const uint8_t *p = leaf(a, GNUID_LEN);

	if (p == NULL)
		return false;
	memcpy(v->b, p, GNUID_LEN);
	return true;
}

bool atom_ip(const struct atom *a, struct host *h)
{
	const uint8_t *p = leaf(a, 4);

	if (p != NULL) {
		*h = host_v4(p[3], p[2], p[1], p[0], h->port);
	} else {
		p = leaf(a, 16);
		if (p == NULL)
			return false;
		for (size_t i = 0; i < 16; i++)
			h->ip[i] = p[15 - i];
	}
	if (!host_is_set(h))
		memset(h->ip, 0, sizeof(h->ip));
	return true;
}

bool atom_prefix(const struct atom *a, char v[2])
{
	const uint8_t *p = leaf(a, 2);

	if (p == NULL || p[0] <= 0x20 || p[0] >= 0x7f || p[1] <= 0x20 || p[1] >= 0x7f)
		return false;
	v[0] = (char)p[0];
	v[1] = (char)p[1];
	return true;
}

bool atom_str(const struct atom *a, char *dst, size_t cap)
{
	if (!atom_is_leaf(a))
		return false;
	text_clean(dst, cap, a->rd.p, a->rd.left);
	return true;
}

/* --- bags of atoms ---------------------------------------------------------------------------- */

bool atom_is_routing(uint32_t id)
{
	switch (id) {
	case ATOM_GRP:
	case ATOM_HOPS:
	case ATOM_TTL:
	case ATOM_FROM:
	case ATOM_DEST:
	case ATOM_CID:
	case ATOM_VERS:
	case ATOM_VRVP:
	case ATOM_VEXP:
	case ATOM_VEXN:
		return true;
	default:
		return false;
	}
}

void atombag_init(struct atombag *bag, const struct atom *a)
{
	bag->depth = 0;
	bag->bcst = a->id == ATOM_BCST;
	if (a->id == ATOM_BCST || a->id == ATOM_ATOM)
		bag->level[bag->depth++] = *a;
}

bool atombag_next(struct atombag *bag, struct atom *child)
{
	while (bag->depth > 0) {
		if (!atom_next(&bag->level[bag->depth - 1], child)) {
			bag->depth--;
			continue;
		}
		if (child->id == ATOM_ATOM) {
			if (bag->depth < ATOM_BAGS_MAX)
				bag->level[bag->depth++] = *child;
			continue;
		}
		if (child->id == ATOM_QUIT)
			continue;
		if (bag->bcst && (child->id == ATOM_BCST ||
		    (bag->depth == 1 && atom_is_routing(child->id))))
			continue;
		return true;
	}
	return false;
}

/* --- writing ---------------------------------------------------------------------------------- */

void atomwr_init(struct atomwr *w, struct buf *b)
{
	w->b = b;
	w->depth = 0;
}

/* A header and room for n bytes behind it, counted for the container around; NULL when the buffer
 * is full. */
static uint8_t *put(struct atomwr *w, uint32_t id, uint32_t word, size_t n)
{
	uint8_t *p = n <= SIZE_MAX - ATOM_HDR ? buf_reserve(w->b, ATOM_HDR + n) : NULL;

	if (w->depth > 0)
		w->level[w->depth - 1].n++;
	if (p == NULL)
		return NULL;
	w->b->len += ATOM_HDR + n;
	le32_to(p, id);
	le32_to(p + 4, word);
	return p + ATOM_HDR;
}

static uint8_t *put_leaf(struct atomwr *w, uint32_t id, uint32_t n)
{
	ASSERT(n < CONTAINER);
	return put(w, id, n, n);
}

void atomwr_begin(struct atomwr *w, uint32_t id)
{
	size_t off = w->b->len;

	ASSERT(w->depth < ATOMWR_DEPTH);
	put(w, id, CONTAINER, 0);
	w->level[w->depth].off = off;
	w->level[w->depth].n = 0;
	w->depth++;
}

void atomwr_end(struct atomwr *w)
{
	ASSERT(w->depth > 0);
	w->depth--;
	if (w->b->err == ST_OK)
		le32_to(w->b->p + w->level[w->depth].off + 4, CONTAINER | w->level[w->depth].n);
}

enum status atomwr_status(const struct atomwr *w)
{
	ASSERT(w->depth == 0);
	return w->b->err;
}

void atomwr_bytes(struct atomwr *w, uint32_t id, const void *p, size_t n)
{
	uint8_t *dst;

	ASSERT(n < CONTAINER);
	dst = put_leaf(w, id, (uint32_t)n);
	if (dst != NULL && n > 0)
		memcpy(dst, p, n);
}

void atomwr_u8(struct atomwr *w, uint32_t id, uint8_t v)
{
	atomwr_bytes(w, id, &v, 1);
}

void atomwr_u16(struct atomwr *w, uint32_t id, uint16_t v)
{
	uint8_t raw[2] = { (uint8_t)v, (uint8_t)(v >> 8) };

	atomwr_bytes(w, id, raw, sizeof(raw));
}

void atomwr_u32(struct atomwr *w, uint32_t id, uint32_t v)
{
	uint8_t *dst = put_leaf(w, id, 4);

	if (dst != NULL)
		le32_to(dst, v);
}

void atomwr_gnuid(struct atomwr *w, uint32_t id, const struct gnuid *v)
{
	atomwr_bytes(w, id, v->b, GNUID_LEN);
}

void atomwr_str(struct atomwr *w, uint32_t id, const char *s)
{
	char cut[PCP_STR_MAX];

	text_copy(cut, id == ATOM_AGNT ? PCP_AGENT_MAX : sizeof(cut), s);
	atomwr_bytes(w, id, cut, strlen(cut) + 1);
}

bool atomwr_ip_family(struct atomwr *w, uint32_t id, const struct host *h, bool v6)
{
	uint8_t raw[16] = { 0 };
	size_t n = v6 ? 16 : 4;
	bool ok = host_is_set(h) && host_is_v4(h) == !v6 && !(v6 && host_is_linklocal(h));

	for (size_t i = 0; ok && i < n; i++)
		raw[i] = h->ip[15 - i];
	atomwr_bytes(w, id, raw, n);
	return ok;
}

void atomwr_ip(struct atomwr *w, uint32_t id, const struct host *h)
{
	(void)atomwr_ip_family(w, id, h, host_is_set(h) && !host_is_v4(h));
}

void atomwr_atom(struct atomwr *w, const struct atom *a)
{
	uint8_t *dst = put(w, a->id, 0, a->size - ATOM_HDR);

	if (dst != NULL)
		memcpy(dst - ATOM_HDR, a->whole, a->size);
}
