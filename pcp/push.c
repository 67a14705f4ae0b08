/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/push.h"

#include <string.h>

enum status push_parse(struct push *p, const struct atom *a)
{
	struct atom in = *a, c;

	memset(p, 0, sizeof(*p));
	if (a->id != ATOM_PUSH || !atom_is_cont(a))
		return ST_PROTO;
	while (atom_next(&in, &c)) {
		switch (c.id) {
		case ATOM_IP:
			atom_ip(&c, &p->host);
			break;
		case ATOM_PORT:
			atom_u16(&c, &p->host.port);
			break;
		case ATOM_CID:
			atom_gnuid(&c, &p->cid);
			break;
		default:
			break;
		}
	}
	return host_is_set(&p->host) && p->host.port != 0 ? ST_OK : ST_PROTO;
}

void push_emit(struct atomwr *w, const struct push *p)
{
	atomwr_begin(w, ATOM_PUSH);
	atomwr_ip(w, ATOM_IP, &p->host);
	atomwr_u16(w, ATOM_PORT, p->host.port);
	atomwr_gnuid(w, ATOM_CID, &p->cid);
	atomwr_end(w);
}

bool push_may_dial(const struct push *p, const struct host *self)
{
	return host_is_global(&p->host) && p->host.port >= PUSH_PORT_MIN &&
	       !(host_is_set(self) && host_same_ip(&p->host, self));
}
