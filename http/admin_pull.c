/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command that broadcasts what a URL has (http.md 6.2, 6.5). */
#include "http/admin_cmd.h"

#include <string.h>

enum status admin_fetch(struct admin *a)
{
	char url[CHAN_URL], ipv[4], rate[16], why[NODE_WHY] = "";
	struct chanmeta m;
	enum status st;

	memset(&m, 0, sizeof(m));
	if (!admin_value(a, "url", url, sizeof(url)) || url[0] == '\0') {
		response_error(a->rs, 400, "url missing, or too long");
		return ST_OK;
	}
	(void)admin_text(a, "name", m.text[CT_NAME]);
	(void)admin_text(a, "desc", m.text[CT_DESC]);
	(void)admin_text(a, "genre", m.text[CT_GENRE]);
	(void)admin_text(a, "contact", m.text[CT_URL]);
	(void)admin_text(a, "type", m.text[CT_TYPE]);
	(void)admin_value(a, "ipv", ipv, sizeof(ipv));
	if (!admin_value(a, "bitrate", rate, sizeof(rate)) ||
	    !num_u32(rate, 0, BITRATE_MAX_KBPS, &m.bitrate_kbps))
		m.bitrate_kbps = 0;
	st = a->node->ops.pull_start(a->node, &a->sv->peer, url, &m, strcmp(ipv, "6") == 0, why);
	if (st == ST_OK)
		return admin_go(a, "relays.html");
	response_error(a->rs, st == ST_PROTO ? 400 : 503, why);
	return ST_OK;
}
