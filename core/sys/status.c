/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *status_str(enum status st)
{
	static _Thread_local char text[128];
	const int e = errno;
	const char *s = "unknown status";

	switch (st) {
	case ST_OK:
		return "ok";
	case ST_EOF:
		return "connection closed";
	case ST_TIMEOUT:
		return "timed out";
	case ST_STOPPED:
		return "stopped";
	case ST_PROTO:
		return "protocol error";
	case ST_LIMIT:
		return "limit reached";
	case ST_SYS:
		s = strerror_r(e, text, sizeof(text));
		errno = e;      /* the caller may look at it after printing */
		break;
	}
	return s;
}
