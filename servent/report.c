/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/report.h"

#include "pcp/bcst.h"
#include "pcp/pcp.h"

nsec report_due(const struct report *r, const struct report_facts *now)
{
	const bool changed = now->directs != r->told.directs || now->relays != r->told.relays ||
		now->fw != r->told.fw;

	if (r->sent == 0)
		return 0;
	return r->sent + (changed ? REPORT_MIN : REPORT_MAX);
}

static enum status write_status(struct node *n, struct chan *c, struct pcpio *io, bool recv, nsec deadline)
{
	enum status st;
	struct hit h;
	struct buf b;

	node_own_hit(n, c, recv, &h);
	buf_init(&b, PCP_ATOM_SEND_MAX);
	st = bcst_status_emit(&b, servmgr_sid(n->sm), &h);
	if (st == ST_OK)
		st = pcpio_write(io->s, &b, deadline);
	buf_fini(&b);
	pcpio_pace_spend(io);
	return st;
}

enum status report_send(struct report *r, struct node *n, struct chan *c, struct pcpio *io,
	const struct report_facts *facts, nsec deadline)
{
	r->sent = clk_now();
	r->told = *facts;
	return write_status(n, c, io, true, deadline);
}

void report_farewell(struct report *r, struct node *n, struct chan *c, struct pcpio *io, nsec deadline)
{
	if (r->sent != 0)
		(void)!write_status(n, c, io, false, deadline);
	r->sent = 0;
}
