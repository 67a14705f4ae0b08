/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the router leads to our port. */
#include "http/methods.h"

#include "core/node/portmap.h"

/* null where it is not known. */
static json_t *address(const struct host *h)
{
	char ip[HOST_STRLEN];

	return host_is_set(h) ? json_string(host_ip_str(h, ip)) : json_null();
}

json_t *method_get_port_mapping(struct rpc_call *c)
{
	json_t *o = json_object();
	struct portmap_counts n;
	char text[PORTMAP_TEXT];
	bool ok = o != NULL;
	struct portmap m;

	portmaps_get(&c->node->portmaps, &m, &n);
	put(o, "state", json_string(portmap_state_str(m.state)), &ok);
	put(o, "code", json_string(portmap_why_code(m.why)), &ok);
	put(o, "reason", json_string(portmap_text(&m, text)), &ok);
	put(o, "detail", json_string(m.detail), &ok);
	put(o, "protocol", json_string(portmap_kind_str(m.kind)), &ok);
	put(o, "port", json_integer(m.port), &ok);
	put(o, "router", address(&m.router), &ok);
	put(o, "inside", address(&m.inside), &ok);
	put(o, "outside", address(&m.outside), &ok);
	put(o, "holder", address(&m.holder), &ok);
	put(o, "lease", m.state == PORTMAP_OPEN ? json_integer(m.lease_s) : json_null(), &ok);
	put(o, "isOurs", json_boolean(m.state == PORTMAP_OPEN && !m.theirs), &ok);
	put(o, "age", json_integer(m.since != 0 ? (json_int_t)clk_age_s(m.since) : 0), &ok);
	put(o, "tried", json_integer((json_int_t)n.tried), &ok);
	put(o, "failed", json_integer((json_int_t)n.failed), &ok);
	put(o, "lost", json_integer((json_int_t)n.lost), &ok);
	return or_drop(o, ok);
}
