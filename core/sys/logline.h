/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The forms of a line of the operator log.
 *
 *   text   2026/11/20 09:44:44.470 [INFO] text
 *   JSON   {"time":"2026-11-20T09:44:44.470+09:00","level":"info","thread":"house","msg":"text"}
 *   for the journal either comes behind "<6>", its priority, and the first without its time and level
 *
 * source   node.md 8.2, 11.1
 */
#ifndef CORE_SYS_LOGLINE_H
#define CORE_SYS_LOGLINE_H

#include "core/sys/log.h"

#define LOGLINE_MAX (2 * LOG_LINE + 256)        /* bytes of any form, with LF and NUL */

struct logline {
	enum log_level level;
	int64_t wall_ns;
	const char *thread;             /* its name */
	const char *peer;               /* whom it is about; NULL = nobody in particular */
	const char *text;               /* escaped, valid UTF-8, at most LOG_LINE - 1 bytes */
};

/* Write it with its LF; returns how many bytes. */
size_t logline_emit(char dst[LOGLINE_MAX], enum log_form form, bool journal, const struct logline *l);

#endif
