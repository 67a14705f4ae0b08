/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/agent.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/sys/cc.h"
#include "core/sys/text.h"
#include "pcp/pcp.h"

/* Decimal digits at *s, moving past them; false without any. Saturates: all we do is compare. */
static bool take_number(const char **s, uint32_t *v)
{
	const char *p = *s;

	*v = 0;
	for (; ascii_isdigit((unsigned char)*p); p++)
		*v = *v > 100000 ? *v : *v * 10 + (uint32_t)(*p - '0');
	if (p == *s)
		return false;
	*s = p;
	return true;
}

/* PeerCastStation/a.b.c: at least 2.8.0? Missing parts are 0. */
static enum agentverdict check_station(const char *s)
{
	uint32_t major, minor = 0;

	if (!take_number(&s, &major))
		return AGENT_UNKNOWN;
	if (*s == '.') {
		s++;
		(void)take_number(&s, &minor);
	}
	return major > 2 || (major == 2 && minor >= 8) ? AGENT_SUPPORTED : AGENT_UNSUPPORTED;
}

enum agentverdict agent_check(const char *agent)
{
	static const struct {
		const char *head;
		uint32_t good;          /* the first number behind head that is supported */
	} families[] = {
		{ "PeerCast/0.1218 (YT", 15 },
		{ "PeerCast/0.1218(IM", 52 },
		{ "PeerCast/0.1218(VP", 28 },
		{ "PeerCast/0.1218 (SV", 0 },
	};
	static const char station[] = "PeerCastStation/";

	if (strcmp(agent, "PeerCast/0.1218") == 0 || strcmp(agent, "PeerCast/0.1218-J") == 0)
		return AGENT_UNSUPPORTED;
	if (strncmp(agent, station, sizeof(station) - 1) == 0)
		return check_station(agent + sizeof(station) - 1);
	for (size_t i = 0; i < NELEM(families); i++) {
		size_t n = strlen(families[i].head);
		const char *s = agent + n;
		uint32_t v;

		if (strncmp(agent, families[i].head, n) == 0 && take_number(&s, &v))
			return v >= families[i].good ? AGENT_SUPPORTED : AGENT_UNSUPPORTED;
	}
	return AGENT_UNKNOWN;
}

const char *agent_ex_str(const char prefix[2], uint16_t number, char *dst)
{
	if (prefix[0] == '\0' || number == 0)
		dst[0] = '\0';
	else
		snprintf(dst, AGENT_EX_STRLEN, "%c%c%u", prefix[0], prefix[1], (unsigned)number);
	return dst;
}
