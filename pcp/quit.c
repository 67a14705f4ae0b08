/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/quit.h"

#include <stdio.h>

void quit_emit(struct atomwr *w, uint32_t code)
{
	atomwr_u32(w, ATOM_QUIT, code);
}

uint32_t quit_parse(const struct atom *a)
{
	uint32_t code = 0;

	(void)atom_u32(a, &code);
	return code != 0 ? code : PCP_QUIT;
}

const char *quit_str(uint32_t code, char *dst)
{
	static const char *const detail[] = {
		[PCP_ERR_SKIP] = "too slow",
		[PCP_ERR_ALREADYCONNECTED] = "already connected",
		[PCP_ERR_UNAVAILABLE] = "unavailable",
		[PCP_ERR_LOOPBACK] = "loopback",
		[PCP_ERR_NOTIDENTIFIED] = "not identified",
		[PCP_ERR_BADRESPONSE] = "bad response",
		[PCP_ERR_BADAGENT] = "bad agent",
		[PCP_ERR_OFFAIR] = "off air",
		[PCP_ERR_SHUTDOWN] = "shutdown",
		[PCP_ERR_NOROOT] = "no root",
		[PCP_ERR_BANNED] = "banned",
	};
	/* Older nodes add 1000 to an error that has a base of its own. */
	static const char *const base[] = {
		[0] = "quit", [1] = "quit+quit", [2] = "quit+broadcast", [3] = "quit+read",
		[4] = "quit+write", [5] = "quit+general",
	};
	uint32_t b = code >= 1000 ? code / 1000 - 1 : UINT32_MAX, d = code % 1000;
	const char *ds = d < NELEM(detail) ? detail[d] : "?";

	if (code == PCP_ERR_WRITE + PCP_ERR_SKIP)
		snprintf(dst, QUIT_STRLEN, "%u write, %s", code, ds);   /* as their relays say it */
	else if (b >= NELEM(base) || (d != 0 && ds == NULL))
		snprintf(dst, QUIT_STRLEN, "%u", code);
	else if (d == 0)
		snprintf(dst, QUIT_STRLEN, "%u %s", code, base[b]);
	else if (b == 0)
		snprintf(dst, QUIT_STRLEN, "%u %s", code, ds);
	else
		snprintf(dst, QUIT_STRLEN, "%u %s, %s", code, base[b], ds);
	return dst;
}

bool quit_is_full(uint32_t code)
{
	return code == PCP_QUIT_UNAVAILABLE;
}

bool quit_is_gone(uint32_t code)
{
	return code == PCP_QUIT_OFFAIR || code == PCP_QUIT_SHUTDOWN;
}

void ok_emit(struct atomwr *w)
{
	atomwr_u32(w, ATOM_OK, 0);
}

void mesg_emit(struct atomwr *w, const char *text)
{
	atomwr_str(w, ATOM_MESG, text);
}

bool mesg_parse(const struct atom *a, char *dst)
{
	return (a->id == ATOM_MESG || a->id == ATOM_ASCI) && atom_str(a, dst, TEXT_MAX);
}
