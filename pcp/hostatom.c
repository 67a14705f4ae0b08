/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/hostatom.h"

#include <string.h>

static void get_count(const struct atom *a, uint32_t *dst)
{
	uint32_t v;

	if (atom_u32(a, &v))
		*dst = MIN(v, HIT_LISTENERS_MAX);
}

enum status hostatom_parse(struct hit *h, const struct atom *a, const struct gnuid *cid,
	uint8_t hops)
{
	struct atom in = *a, c;
	size_t slot = 0;        /* of the pair an `ip` goes into; `port` closes it */
	uint32_t upport = 0;

	memset(h, 0, sizeof(*h));
	if (a->id != ATOM_HOST || !atom_is_cont(a))
		return ST_PROTO;
	h->hops = hops;
	h->flags = HIT_RELAY | HIT_RECV | HIT_CIN;
	if (cid != NULL)
		h->chan = *cid;
	while (atom_next(&in, &c)) {
		switch (c.id) {
		case ATOM_CID:
			atom_gnuid(&c, &h->chan);
			break;
		case ATOM_ID:
			atom_gnuid(&c, &h->sid);
			break;
		case ATOM_IP:
			atom_ip(&c, &h->rhost[slot]);
			break;
		case ATOM_PORT:
			if (atom_u16(&c, &h->rhost[slot].port))
				slot = 1;
			break;
		case ATOM_NUML:
			get_count(&c, &h->listeners);
			break;
		case ATOM_NUMR:
			get_count(&c, &h->relays);
			break;
		case ATOM_UPTM:
			atom_u32(&c, &h->uptime_s);
			break;
		case ATOM_VER:
			atom_u32(&c, &h->version);
			break;
		case ATOM_VEVP:
			atom_u32(&c, &h->version_vp);
			break;
		case ATOM_VEXP:
			atom_prefix(&c, h->ex_prefix);
			break;
		case ATOM_VEXN:
			atom_u16(&c, &h->ex_number);
			break;
		case ATOM_FLG1:
			atom_u8(&c, &h->flags);
			break;
		case ATOM_OLDP:
			atom_u32(&c, &h->oldpos);
			break;
		case ATOM_NEWP:
			atom_u32(&c, &h->newpos);
			break;
		case ATOM_UPIP:
			atom_ip(&c, &h->uphost);
			break;
		case ATOM_UPPT:
			atom_u32(&c, &upport);
			break;
		case ATOM_UPHP:
			atom_u32(&c, &h->uphops);
			break;
		default:
			break;
		}
	}
	if (upport > UINT16_MAX || !host_is_set(&h->uphost)) {
		memset(&h->uphost, 0, sizeof(h->uphost));
		h->uphops = 0;
	} else {
		h->uphost.port = (uint16_t)upport;
	}
	/* Prefix and number mean something together only. */
	if (h->ex_number == 0 || h->ex_prefix[0] == '\0') {
		memset(h->ex_prefix, 0, sizeof(h->ex_prefix));
		h->ex_number = 0;
	}
	return ST_OK;
}

static void emit_pair(struct atomwr *w, const struct host *h, bool v6)
{
	/* Where no IPv4 address is known the port still says something; elsewhere it falls with the
	 * address (pcp.md 17.5). */
	bool ok = atomwr_ip_family(w, ATOM_IP, h, v6) || (!v6 && !host_is_set(h));

	atomwr_u16(w, ATOM_PORT, ok ? h->port : 0);
}

void hostatom_emit(struct atomwr *w, const struct hit *h, bool with_cid)
{
	const struct host *lead = host_is_set(&h->rhost[0]) ? &h->rhost[0] : &h->rhost[1];
	bool v6 = host_is_set(lead) && !host_is_v4(lead);

	atomwr_begin(w, ATOM_HOST);
	if (with_cid)
		atomwr_gnuid(w, ATOM_CID, &h->chan);
	atomwr_gnuid(w, ATOM_ID, &h->sid);
	emit_pair(w, &h->rhost[0], v6);
	emit_pair(w, &h->rhost[1], v6);
	atomwr_u32(w, ATOM_NUML, h->listeners);
	atomwr_u32(w, ATOM_NUMR, h->relays);
	atomwr_u32(w, ATOM_UPTM, h->uptime_s);
	atomwr_u32(w, ATOM_VER, h->version);
	atomwr_u32(w, ATOM_VEVP, h->version_vp);
	if (h->ex_number != 0 && h->ex_prefix[0] != '\0') {
		atomwr_bytes(w, ATOM_VEXP, h->ex_prefix, sizeof(h->ex_prefix));
		atomwr_u16(w, ATOM_VEXN, h->ex_number);
	}
	atomwr_u8(w, ATOM_FLG1, h->flags);
	atomwr_u32(w, ATOM_OLDP, h->oldpos);
	atomwr_u32(w, ATOM_NEWP, h->newpos);
	if (host_is_set(&h->uphost) && host_is_v4(&h->uphost) == !v6 &&
	    !(v6 && host_is_linklocal(&h->uphost))) {
		atomwr_ip_family(w, ATOM_UPIP, &h->uphost, v6);
		atomwr_u32(w, ATOM_UPPT, h->uphost.port);
		atomwr_u32(w, ATOM_UPHP, h->uphops);
	}
	atomwr_end(w);
}
