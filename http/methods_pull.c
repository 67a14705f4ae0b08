/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Broadcasting what a URL has (http.md 8.5). */
#include "http/methods.h"

#include <string.h>

#include "core/sys/text.h"

json_t *method_pull(struct rpc_call *c, const char *url, struct chanmeta *m, const char *network)
{
	const bool v6 = network != NULL && strcmp(network, "ipv6") == 0;
	char why[NODE_WHY] = "", hex[GNUID_STRLEN];
	enum status st;

	if (network != NULL && !v6 && strcmp(network, "ipv4") != 0)
		return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, "network is ipv4 or ipv6");
	st = c->node->ops.pull_start(c->node, &c->sv->peer, url, m, v6, why);
	if (st == ST_PROTO)
		return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, why);
	if (st != ST_OK)
		return rpc_fail(c, RPC_UNKNOWN, "It cannot be started", why);
	return json_string(gnuid_str(&m->id, hex));
}

static void take(struct rpc_call *c, size_t arg, struct chanmeta *m, enum chantext text)
{
	const char *s = json_string_value(c->args[arg]);

	(void)text_clean(m->text[text], TEXT_MAX, s, json_string_length(c->args[arg]));
}

json_t *method_fetch(struct rpc_call *c)
{
	const char *url = json_string_value(c->args[0]);
	const json_int_t rate = json_integer_value(c->args[5]);
	struct chanmeta m;

	memset(&m, 0, sizeof(m));
	if (url[0] == '\0')
		return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, "url missing");
	take(c, 1, &m, CT_NAME);
	take(c, 2, &m, CT_DESC);
	take(c, 3, &m, CT_GENRE);
	take(c, 4, &m, CT_URL);
	take(c, 6, &m, CT_TYPE);
	if (rate < 0)
		return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, "bitrate is below 0");
	m.bitrate_kbps = (uint32_t)MIN(rate, (json_int_t)BITRATE_MAX_KBPS);
	return method_pull(c, url, &m, json_string_value(c->args[7]));
}
