/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/helo.h"

#include <string.h>

#include "pcp/pcp.h"

enum status helo_parse(struct helo *h, const struct atom *a)
{
	struct atom in = *a, c;

	memset(h, 0, sizeof(*h));
	if (a->id != ATOM_HELO || !atom_is_cont(a))
		return ST_PROTO;
	h->children = a->count;
	while (atom_next(&in, &c)) {
		switch (c.id) {
		case ATOM_AGNT:
			atom_str(&c, h->agent, sizeof(h->agent));
			break;
		case ATOM_VER:
			h->has_ver |= atom_u32(&c, &h->ver);
			break;
		case ATOM_SID:
			atom_gnuid(&c, &h->sid);
			break;
		case ATOM_PORT:
			h->has_port |= atom_u16(&c, &h->port);
			break;
		case ATOM_PING:
			h->has_ping |= atom_u16(&c, &h->ping);
			break;
		case ATOM_BCID:
			atom_gnuid(&c, &h->bcid);
			break;
		default:
			break;
		}
	}
	return ST_OK;
}

enum status oleh_parse(struct oleh *o, const struct atom *a)
{
	struct atom in = *a, c;

	memset(o, 0, sizeof(*o));
	if (a->id != ATOM_OLEH || !atom_is_cont(a))
		return ST_PROTO;
	while (atom_next(&in, &c)) {
		switch (c.id) {
		case ATOM_AGNT:
			atom_str(&c, o->agent, sizeof(o->agent));
			break;
		case ATOM_VER:
			o->has_ver |= atom_u32(&c, &o->ver);
			break;
		case ATOM_SID:
			atom_gnuid(&c, &o->sid);
			break;
		case ATOM_RIP:
			o->has_rip |= atom_ip(&c, &o->rip);
			break;
		case ATOM_PORT:
			o->has_port |= atom_u16(&c, &o->rip.port);
			break;
		case ATOM_DIS:
			o->has_dis |= atom_u32(&c, &o->dis);
			break;
		default:
			break;
		}
	}
	return ST_OK;
}

bool helo_is_test(const struct helo *h)
{
	return h->children == 1 && gnuid_is_set(&h->sid);
}

void helo_init(struct helo *h, const struct gnuid *sid)
{
	memset(h, 0, sizeof(*h));
	h->sid = *sid;
	h->has_ver = true;
	h->ver = PCP_CLIENT_VERSION;
	text_copy(h->agent, sizeof(h->agent), PCP_AGENT);
}

void helo_set_port(struct helo *h, uint16_t port, enum firewall fw, bool both)
{
	const bool known = port != 0;

	h->has_port = known && (fw == FW_OPEN || (fw == FW_UNKNOWN && both));
	h->has_ping = known && fw == FW_UNKNOWN;
	h->port = h->has_port ? port : 0;
	h->ping = h->has_ping ? port : 0;
}

bool oleh_names_us(const struct oleh *o, bool v6)
{
	return o->has_rip && host_is_set(&o->rip) && host_is_v4(&o->rip) == !v6;
}

enum firewall oleh_firewall(const struct oleh *o, const struct helo *ours, bool v6)
{
	if (!ours->has_ping)
		return FW_UNKNOWN;
	return oleh_names_us(o, v6) && host_is_global(&o->rip) && o->has_port && o->rip.port != 0 ?
		FW_OPEN : FW_CLOSED;
}

void oleh_init(struct oleh *o, const struct gnuid *sid)
{
	memset(o, 0, sizeof(*o));
	o->sid = *sid;
	o->has_ver = true;
	o->ver = PCP_CLIENT_VERSION;
	text_copy(o->agent, sizeof(o->agent), PCP_AGENT);
}

void helo_emit(struct atomwr *w, const struct helo *h)
{
	atomwr_begin(w, ATOM_HELO);
	if (h->agent[0] != '\0')
		atomwr_str(w, ATOM_AGNT, h->agent);
	if (h->has_ver)
		atomwr_u32(w, ATOM_VER, h->ver);
	if (gnuid_is_set(&h->sid))
		atomwr_gnuid(w, ATOM_SID, &h->sid);
	if (h->has_port)
		atomwr_u16(w, ATOM_PORT, h->port);
	if (h->has_ping)
		atomwr_u16(w, ATOM_PING, h->ping);
	if (gnuid_is_set(&h->bcid))
		atomwr_gnuid(w, ATOM_BCID, &h->bcid);
	atomwr_end(w);
}

void oleh_emit(struct atomwr *w, const struct oleh *o)
{
	atomwr_begin(w, ATOM_OLEH);
	if (o->agent[0] != '\0')
		atomwr_str(w, ATOM_AGNT, o->agent);
	if (gnuid_is_set(&o->sid))
		atomwr_gnuid(w, ATOM_SID, &o->sid);
	if (o->has_ver)
		atomwr_u32(w, ATOM_VER, o->ver);
	if (o->has_rip)
		atomwr_ip(w, ATOM_RIP, &o->rip);
	if (o->has_port)
		atomwr_u16(w, ATOM_PORT, o->rip.port);
	if (o->has_dis)
		atomwr_u32(w, ATOM_DIS, o->dis);
	atomwr_end(w);
}

void helo_opener_emit(struct atomwr *w, uint32_t version)
{
	atomwr_u32(w, ATOM_PCP, version);
}

enum status helo_opener_parse(const struct atom *a, uint32_t *version)
{
	if (a->id != ATOM_PCP)
		return ST_PROTO;
	*version = PCP_PROTO_V4;
	return atom_is_empty(a) || atom_u32(a, version) ? ST_OK : ST_PROTO;
}

void helo_knock_emit(struct atomwr *w)
{
	helo_opener_emit(w, PCP_PROTO_V4);
	atomwr_begin(w, ATOM_HELO);
	atomwr_end(w);
}

void helo_test_emit(struct atomwr *w, const struct gnuid *sid)
{
	helo_opener_emit(w, PCP_PROTO_V4);
	atomwr_begin(w, ATOM_HELO);
	atomwr_gnuid(w, ATOM_SID, sid);
	atomwr_end(w);
}
