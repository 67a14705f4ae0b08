/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command that starts and stops the RTMP input (http.md 6; settings.md decision 25). */
#include "http/admin_cmd.h"

#include <string.h>

static enum status refuse(struct admin *a, const char *why)
{
	response_error(a->rs, 400, why);
	return ST_OK;
}

/* What it says is for the next encoder that names no channel itself. */
static enum status start(struct admin *a)
{
	char port_text[16], ipv[4];
	struct chanmeta m;
	uint32_t port = 0;

	memset(&m, 0, sizeof(m));
	if (!admin_text(a, "name", m.text[CT_NAME]) || m.text[CT_NAME][0] == '\0')
		return refuse(a, "name missing");
	if (admin_value(a, "port", port_text, sizeof(port_text)) && !num_u32(port_text, 1, UINT16_MAX, &port))
		return refuse(a, "port is not 1-65535");
	(void)admin_text(a, "genre", m.text[CT_GENRE]);
	(void)admin_text(a, "desc", m.text[CT_DESC]);
	(void)admin_text(a, "url", m.text[CT_URL]);
	(void)admin_text(a, "comment", m.text[CT_COMMENT]);
	(void)admin_value(a, "ipv", ipv, sizeof(ipv));
	if (a->node->ops.rtmp_prepare(a->node, "", NULL, &m, strcmp(ipv, "6") == 0) != ST_OK)
		return ST_LIMIT;
	a->node->ops.rtmp_switch(a->node, true, (uint16_t)port);
	return admin_go(a, "rtmp.html");
}

enum status admin_control_rtmp(struct admin *a)
{
	char action[8];

	(void)admin_value(a, "action", action, sizeof(action));
	if (strcmp(action, "start") == 0)
		return start(a);
	if (strcmp(action, "stop") != 0)
		return refuse(a, "action is start or stop");
	a->node->ops.rtmp_switch(a->node, false, 0);
	return admin_go(a, "rtmp.html");
}
