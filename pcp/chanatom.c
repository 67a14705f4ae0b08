/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/chanatom.h"

#include <string.h>

#include "core/sys/assert.h"
#include "core/sys/text.h"
#include "pcp/pcp.h"

/* --- reading ---------------------------------------------------------------------------------- */

static bool get_id(const struct atom *a, struct gnuid *dst)
{
	struct gnuid id;

	if (!atom_gnuid(a, &id) || !gnuid_is_set(&id))
		return false;
	*dst = id;
	return true;
}

enum status chanatom_parse(struct chanatom *c, const struct atom *a)
{
	struct atom in = *a, child;
	struct gnuid key;
	bool has_key = false;

	c->has = 0;
	if (a->id != ATOM_CHAN || !atom_is_cont(a))
		return ST_PROTO;
	while (atom_next(&in, &child)) {
		switch (child.id) {
		case ATOM_ID:
			c->has |= get_id(&child, &c->id) ? CHANATOM_ID : 0;
			break;
		case ATOM_BCID:
			c->has |= get_id(&child, &c->bcid) ? CHANATOM_BCID : 0;
			break;
		case ATOM_KEY:
			has_key |= get_id(&child, &key);
			break;
		case ATOM_INFO:
			if (!atom_is_cont(&child))
				break;
			c->info = child;
			c->has |= CHANATOM_INFO;
			break;
		case ATOM_TRCK:
			if (!atom_is_cont(&child))
				break;
			c->trck = child;
			c->has |= CHANATOM_TRCK;
			break;
		case ATOM_PKT:
			if (!atom_is_cont(&child))
				break;
			c->pkt = child;
			c->has |= CHANATOM_PKT;
			break;
		default:
			break;
		}
	}
	if (has_key && !(c->has & CHANATOM_BCID)) {
		c->bcid = key;
		c->bcid.b[0] = 0;
		c->has |= gnuid_is_set(&c->bcid) ? CHANATOM_BCID : 0;
	}
	return ST_OK;
}

/* Where the text of an id goes, or CT_COUNT. */
static enum chantext info_text(uint32_t id)
{
	switch (id) {
	case ATOM_NAME: return CT_NAME;
	case ATOM_GNRE: return CT_GENRE;
	case ATOM_URL:  return CT_URL;
	case ATOM_DESC: return CT_DESC;
	case ATOM_CMNT: return CT_COMMENT;
	case ATOM_TYPE: return CT_TYPE;
	case ATOM_STYP: return CT_MIME;
	case ATOM_SEXT: return CT_EXT;
	default:        return CT_COUNT;
	}
}

static enum chantext trck_text(uint32_t id)
{
	switch (id) {
	case ATOM_TITL: return CT_TRACK_TITLE;
	case ATOM_CREA: return CT_TRACK_ARTIST;
	case ATOM_URL:  return CT_TRACK_URL;
	case ATOM_ALBM: return CT_TRACK_ALBUM;
	case ATOM_GNRE: return CT_TRACK_GENRE;
	default:        return CT_COUNT;
	}
}

/* The text t from a child; its bit when it was one. */
static uint32_t read_text(const struct atom *c, enum chantext t, struct chanmeta *m)
{
	return atom_str(c, m->text[t], sizeof(m->text[t])) ? 1u << t : 0;
}

static uint32_t read_info(struct atom in, struct chanmeta *m)
{
	uint32_t present = 0, v;
	struct atom c;

	while (atom_next(&in, &c)) {
		enum chantext t = info_text(c.id);

		if (t != CT_COUNT) {
			present |= read_text(&c, t, m);
		} else if (c.id == ATOM_BITR && atom_u32(&c, &v)) {
			m->bitrate_kbps = v > INT32_MAX ? 0 : MIN(v, BITRATE_MAX_KBPS);
			present |= CHANMETA_BITRATE;
		}
	}
	for (enum chantext t = CT_MIME; t <= CT_EXT; t++) {
		if (!(present & 1u << CT_TYPE) || (present & 1u << t))
			continue;
		m->text[t][0] = '\0';
		present |= 1u << t;
	}
	return present;
}

static uint32_t read_trck(struct atom in, struct chanmeta *m)
{
	uint32_t present = 0;
	struct atom c;

	while (atom_next(&in, &c)) {
		enum chantext t = trck_text(c.id);

		if (t != CT_COUNT)
			present |= read_text(&c, t, m);
	}
	return present;
}

uint32_t chanatom_meta(const struct chanatom *c, struct chanmeta *m)
{
	uint32_t present = 0;

	if (c->has & CHANATOM_ID)
		m->id = c->id;
	if (c->has & CHANATOM_BCID) {
		m->bcid = c->bcid;
		present |= CHANMETA_BCID;
	}
	if (c->has & CHANATOM_INFO)
		present |= read_info(c->info, m);
	if (c->has & CHANATOM_TRCK)
		present |= read_trck(c->trck, m);
	return present;
}

bool chanatom_pkt(const struct chanatom *c, struct pktatom *p)
{
	struct atom in, child;
	bool has_pos = false;

	memset(p, 0, sizeof(*p));
	if (!(c->has & CHANATOM_PKT))
		return false;
	in = c->pkt;
	while (atom_next(&in, &child)) {
		switch (child.id) {
		case ATOM_TYPE:
			atom_u32(&child, &p->type);
			break;
		case ATOM_POS:
			has_pos |= atom_u32(&child, &p->pos);
			break;
		case ATOM_CONT:
			atom_u8(&child, &p->cont);
			break;
		case ATOM_DATA:
			if (!atom_is_leaf(&child))
				break;
			p->data = child.rd.p;
			p->len = (uint32_t)child.rd.left;
			break;
		default:
			break;
		}
	}
	return p->data != NULL && (p->type == ATOM_HEAD || (p->type == ATOM_DATA && has_pos));
}

/* --- writing ---------------------------------------------------------------------------------- */

static void emit_info(struct atomwr *w, const struct chaninfo *i)
{
	atomwr_begin(w, ATOM_INFO);
	atomwr_str(w, ATOM_NAME, i->text[CT_NAME]);
	atomwr_u32(w, ATOM_BITR, i->bitrate_kbps);
	atomwr_str(w, ATOM_GNRE, i->text[CT_GENRE]);
	atomwr_str(w, ATOM_URL, i->text[CT_URL]);
	atomwr_str(w, ATOM_DESC, i->text[CT_DESC]);
	atomwr_str(w, ATOM_CMNT, i->text[CT_COMMENT]);
	atomwr_str(w, ATOM_TYPE, i->text[CT_TYPE]);
	if (i->text[CT_MIME][0] != '\0')
		atomwr_str(w, ATOM_STYP, i->text[CT_MIME]);
	if (i->text[CT_EXT][0] != '\0')
		atomwr_str(w, ATOM_SEXT, i->text[CT_EXT]);
	atomwr_end(w);
}

static void emit_trck(struct atomwr *w, const struct chaninfo *i)
{
	atomwr_begin(w, ATOM_TRCK);
	atomwr_str(w, ATOM_TITL, i->text[CT_TRACK_TITLE]);
	atomwr_str(w, ATOM_CREA, i->text[CT_TRACK_ARTIST]);
	atomwr_str(w, ATOM_URL, i->text[CT_TRACK_URL]);
	atomwr_str(w, ATOM_ALBM, i->text[CT_TRACK_ALBUM]);
	/* PeerCastStation's child: kept for those below us that show it, skipped by all others. */
	if (i->text[CT_TRACK_GENRE][0] != '\0')
		atomwr_str(w, ATOM_GNRE, i->text[CT_TRACK_GENRE]);
	atomwr_end(w);
}

static void emit_pkt(struct atomwr *w, const struct pktatom *p)
{
	atomwr_begin(w, ATOM_PKT);
	atomwr_u32(w, ATOM_TYPE, p->type);
	atomwr_u32(w, ATOM_POS, p->pos);
	if (p->cont != 0)
		atomwr_u8(w, ATOM_CONT, p->cont);
	atomwr_bytes(w, ATOM_DATA, p->data, p->len);
	atomwr_end(w);
}

void chanatom_emit(struct atomwr *w, const struct chaninfo *i, unsigned has,
	const struct pktatom *p)
{
	atomwr_begin(w, ATOM_CHAN);
	atomwr_gnuid(w, ATOM_ID, &i->id);
	if ((has & CHANATOM_BCID) && gnuid_is_set(&i->bcid))
		atomwr_gnuid(w, ATOM_BCID, &i->bcid);
	if (has & CHANATOM_INFO)
		emit_info(w, i);
	if (has & CHANATOM_TRCK)
		emit_trck(w, i);
	if (p != NULL)
		emit_pkt(w, p);
	atomwr_end(w);
}

enum status chanatom_start_emit(struct buf *out, const struct chaninfo *i, uint32_t pos,
	const void *head, size_t len)
{
	struct pktatom p = { .type = ATOM_HEAD, .pos = pos, .data = head, .len = (uint32_t)len };
	size_t start = out->len, both;
	struct atomwr w;

	ASSERT(len <= INT32_MAX);
	atomwr_init(&w, out);
	chanatom_emit(&w, i, CHANATOM_INFO | CHANATOM_TRCK, NULL);
	/* The packet's own frame is chan, id and the pkt; joined, chan and id are there already. */
	both = out->len - start + PCP_PKT_FRAME - (2 * ATOM_HDR + GNUID_LEN) + len;
	if (both <= PCP_ATOM_SEND_MAX && out->err == ST_OK) {
		out->len = start;
		chanatom_emit(&w, i, CHANATOM_INFO | CHANATOM_TRCK, &p);
	} else {
		chanatom_emit(&w, i, 0, &p);
	}
	return atomwr_status(&w);
}

size_t pcp_pkt_frame(uint8_t *dst, const struct gnuid *chan, uint32_t type, uint32_t pos,
	uint8_t cont, uint32_t len)
{
	const uint32_t cont_bit = 0x80000000u;
	struct wr w = wr_of(dst, PCP_PKT_FRAME_CONT);

	ASSERT(len < cont_bit);
	wr_le32(&w, ATOM_CHAN);
	wr_le32(&w, cont_bit | 2);
	wr_le32(&w, ATOM_ID);
	wr_le32(&w, GNUID_LEN);
	wr_bytes(&w, chan->b, GNUID_LEN);
	wr_le32(&w, ATOM_PKT);
	wr_le32(&w, cont_bit | (cont != 0 ? 4 : 3));
	wr_le32(&w, ATOM_TYPE);
	wr_le32(&w, 4);
	wr_le32(&w, type);
	wr_le32(&w, ATOM_POS);
	wr_le32(&w, 4);
	wr_le32(&w, pos);
	if (cont != 0) {
		wr_le32(&w, ATOM_CONT);
		wr_le32(&w, 1);
		wr_u8(&w, cont);
	}
	wr_le32(&w, ATOM_DATA);
	wr_le32(&w, len);
	ASSERT(w.err == ST_OK);
	return w.len;
}
