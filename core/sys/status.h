/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one way functions say how they ended. */
#ifndef CORE_SYS_STATUS_H
#define CORE_SYS_STATUS_H

#include "core/sys/cc.h"

enum status {
	ST_OK = 0,
	ST_EOF,         /* the peer ended the stream in an orderly place */
	ST_TIMEOUT,     /* the deadline passed */
	ST_STOPPED,     /* we were told to stop */
	ST_PROTO,       /* the peer broke its protocol, or a text is not what it should be */
	ST_LIMIT,       /* a named limit was reached: size, count, rate, capacity, memory */
	ST_SYS,         /* a system call failed; errno, and only here, tells more */
};

/* A short English phrase; for ST_SYS that of errno. Thread-safe; valid until this thread's next call. */
const char *status_str(enum status st);

#endif
