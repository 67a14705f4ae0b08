/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/remuxmsg.h"

#include "core/sys/bytes.h"

void remuxmsg_emit(const struct remuxmsg *m, uint8_t out[REMUXMSG_HEAD])
{
	struct wr w = wr_of(out, REMUXMSG_HEAD);

	wr_le32(&w, m->len);
	wr_u8(&w, (uint8_t)m->kind);
	wr_u8(&w, m->flags);
	wr_le16(&w, 0);
	wr_le32(&w, m->track);
	wr_le32(&w, m->dur_us);
	wr_le32(&w, (uint32_t)m->pos);
	wr_le32(&w, (uint32_t)(m->pos >> 32));
	wr_le32(&w, (uint32_t)m->time_us);
	wr_le32(&w, (uint32_t)(m->time_us >> 32));
}

enum status remuxmsg_parse(const uint8_t in[REMUXMSG_HEAD], struct remuxmsg *m)
{
	static const uint32_t max[] = {
		[REMUX_INIT] = REMUXMSG_INIT_MAX, [REMUX_FRAGMENT] = REMUXMSG_FRAG_MAX,
		[REMUX_FAILED] = REMUXMSG_TEXT_MAX,
	};
	struct rd r = rd_of(in, REMUXMSG_HEAD);
	uint8_t kind;
	uint16_t zero;

	m->len = rd_le32(&r);
	kind = rd_u8(&r);
	m->flags = rd_u8(&r);
	zero = rd_le16(&r);
	m->track = rd_le32(&r);
	m->dur_us = rd_le32(&r);
	m->pos = rd_le64(&r);
	m->time_us = rd_le64(&r);
	if (kind < REMUX_INIT || kind > REMUX_FAILED || zero != 0 || m->flags > 1 || m->len == 0)
		return ST_PROTO;
	m->kind = (enum remuxmsg_kind)kind;
	if (m->len > max[kind])
		return ST_LIMIT;
	if (kind == REMUX_FRAGMENT &&
	    (m->track == 0 || m->dur_us > REMUXMSG_DUR_MAX || m->time_us > REMUXMSG_TIME_MAX))
		return ST_PROTO;
	return ST_OK;
}
