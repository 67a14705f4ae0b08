/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/bcst.h"

#include <string.h>

#include "pcp/chanatom.h"
#include "pcp/hostatom.h"
#include "pcp/pcp.h"

enum status bcst_parse(struct bcst *b, const struct atom *a)
{
	struct atom in = *a, c;

	memset(b, 0, sizeof(*b));
	if (a->id != ATOM_BCST || !atom_is_cont(a))
		return ST_PROTO;
	b->atom = *a;
	while (atom_next(&in, &c)) {
		switch (c.id) {
		case ATOM_GRP:
			atom_u8(&c, &b->grp);
			break;
		case ATOM_HOPS:
			b->has |= atom_u8(&c, &b->hops) ? BCST_HOPS : 0;
			break;
		case ATOM_TTL:
			b->has |= atom_u8(&c, &b->ttl) ? BCST_TTL : 0;
			break;
		case ATOM_FROM:
			atom_gnuid(&c, &b->from);
			break;
		case ATOM_DEST:
			atom_gnuid(&c, &b->dest);
			break;
		case ATOM_CID:
			atom_gnuid(&c, &b->cid);
			break;
		case ATOM_VERS:
			atom_u32(&c, &b->vers);
			break;
		case ATOM_VRVP:
			atom_u32(&c, &b->vrvp);
			break;
		case ATOM_VEXP:
			atom_prefix(&c, b->vexp);
			break;
		case ATOM_VEXN:
			atom_u16(&c, &b->vexn);
			break;
		default:
			break;
		}
	}
	return ST_OK;
}

void bcst_payload(const struct bcst *b, struct atombag *bag)
{
	atombag_init(bag, &b->atom);
}

uint8_t bcst_ttl_next(const struct bcst *b)
{
	if (!(b->has & BCST_TTL))
		return 1;
	return b->ttl == 0 ? 0 : (uint8_t)(MIN(b->ttl, (uint8_t)PCP_BCST_TTL_MAX) - 1);
}

uint8_t bcst_hops_next(const struct bcst *b)
{
	if (!(b->has & BCST_HOPS))
		return 0;
	return b->hops == UINT8_MAX ? UINT8_MAX : (uint8_t)(b->hops + 1);
}

enum status bcst_forward(struct buf *out, const struct bcst *b)
{
	const uint8_t ttl = bcst_ttl_next(b), hops = bcst_hops_next(b);
	const bool add_ttl = !(b->has & BCST_TTL);
	const size_t size = b->atom.size + (add_ttl ? ATOM_HDR + 1 : 0);
	struct atom in = b->atom, c;
	uint32_t n = in.count + (add_ttl ? 1 : 0);
	struct atomwr w;

	if (size > PCP_ATOM_SEND_MAX || n > atomlimits_control.children)
		return ST_LIMIT;
	buf_le32(out, ATOM_BCST);
	buf_le32(out, 0x80000000u | n);
	atomwr_init(&w, out);
	if (add_ttl)
		atomwr_u8(&w, ATOM_TTL, ttl);
	while (atom_next(&in, &c)) {
		uint8_t old;

		if (c.id == ATOM_TTL && atom_u8(&c, &old))
			atomwr_u8(&w, ATOM_TTL, ttl);
		else if (c.id == ATOM_HOPS && atom_u8(&c, &old))
			atomwr_u8(&w, ATOM_HOPS, hops);
		else
			buf_put(out, c.whole, c.size);
	}
	return out->err;
}

/* --- ours ------------------------------------------------------------------------------------- */

void bcst_init(struct bcst *b, uint8_t grp, uint8_t ttl, const struct gnuid *from,
	const struct gnuid *dest, const struct gnuid *cid)
{
	memset(b, 0, sizeof(*b));
	b->has = BCST_TTL | BCST_HOPS;
	b->grp = grp;
	b->ttl = ttl;
	b->from = *from;
	if (dest != NULL)
		b->dest = *dest;
	if (cid != NULL)
		b->cid = *cid;
	b->vers = PCP_CLIENT_VERSION;
	b->vrvp = PCP_CLIENT_VERSION_VP;
	memcpy(b->vexp, PCP_CLIENT_EX_PREFIX, sizeof(b->vexp));
	b->vexn = PCP_CLIENT_EX_NUMBER;
}

void bcst_begin(struct atomwr *w, const struct bcst *b)
{
	atomwr_begin(w, ATOM_BCST);
	atomwr_u8(w, ATOM_GRP, b->grp);
	atomwr_u8(w, ATOM_HOPS, b->hops);
	atomwr_u8(w, ATOM_TTL, b->ttl);
	if (gnuid_is_set(&b->dest))
		atomwr_gnuid(w, ATOM_DEST, &b->dest);
	atomwr_gnuid(w, ATOM_FROM, &b->from);
	atomwr_u32(w, ATOM_VERS, b->vers);
	atomwr_u32(w, ATOM_VRVP, b->vrvp);
	atomwr_bytes(w, ATOM_VEXP, b->vexp, sizeof(b->vexp));
	atomwr_u16(w, ATOM_VEXN, b->vexn);
	if (gnuid_is_set(&b->cid))
		atomwr_gnuid(w, ATOM_CID, &b->cid);
}

void bcst_end(struct atomwr *w)
{
	atomwr_end(w);
}

enum status bcst_status_emit(struct buf *out, const struct gnuid *self, const struct hit *h)
{
	struct bcst b;
	struct atomwr w;

	bcst_init(&b, PCP_BCST_GROUP_TRACKERS, PCP_BCST_TTL_STATUS, self, NULL, &h->chan);
	atomwr_init(&w, out);
	bcst_begin(&w, &b);
	hostatom_emit(&w, h, false);
	bcst_end(&w);
	return atomwr_status(&w);
}

enum status bcst_tracker_emit(struct buf *out, const struct gnuid *self, const struct chaninfo *i,
	const struct hit *h)
{
	struct bcst b;
	struct atomwr w;

	/* With cid, and chan and host in one envelope: some roots need either (pcp.md 10.5). */
	bcst_init(&b, PCP_BCST_GROUP_ROOT, PCP_BCST_TTL, self, NULL, &i->id);
	atomwr_init(&w, out);
	bcst_begin(&w, &b);
	chanatom_emit(&w, i, CHANATOM_BCID | CHANATOM_INFO | CHANATOM_TRCK, NULL);
	hostatom_emit(&w, h, true);
	bcst_end(&w);
	return atomwr_status(&w);
}

enum status bcst_info_emit(struct buf *out, const struct gnuid *self, const struct chaninfo *i)
{
	struct bcst b;
	struct atomwr w;

	bcst_init(&b, PCP_BCST_GROUP_RELAYS, PCP_BCST_TTL, self, NULL, &i->id);
	atomwr_init(&w, out);
	bcst_begin(&w, &b);
	chanatom_emit(&w, i, CHANATOM_INFO | CHANATOM_TRCK, NULL);
	bcst_end(&w);
	return atomwr_status(&w);
}

enum status bcst_push_emit(struct buf *out, const struct gnuid *self, const struct gnuid *dest,
	const struct push *p)
{
	struct bcst b;
	struct atomwr w;

	bcst_init(&b, PCP_BCST_GROUP_ALL, PCP_BCST_TTL, self, dest, NULL);
	atomwr_init(&w, out);
	bcst_begin(&w, &b);
	push_emit(&w, p);
	bcst_end(&w);
	return atomwr_status(&w);
}

enum status bcst_root_emit(struct buf *out, const struct gnuid *self, const struct root *r)
{
	struct bcst b;
	struct atomwr w;

	bcst_init(&b, PCP_BCST_GROUP_TRACKERS, PCP_BCST_TTL, self, NULL, NULL);
	atomwr_init(&w, out);
	bcst_begin(&w, &b);
	root_emit(&w, r);
	bcst_end(&w);
	return atomwr_status(&w);
}
