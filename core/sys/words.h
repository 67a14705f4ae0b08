/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command line cut into words as a shell does it: blanks part them, '...' and "..." hold them together,
 * and a backslash takes the next character as it is (inside "..." only before " and \\). Nothing else is
 * special. */
#ifndef CORE_SYS_WORDS_H
#define CORE_SYS_WORDS_H

#include <stddef.h>

#include "core/sys/cc.h"
#include "core/sys/status.h"

/* In place. word[] gets at most max words and a NULL behind them, so it has max + 1 places.
 * returns  ST_OK with *n; ST_PROTO (a quote is not closed), ST_LIMIT (more words) */
enum status words_split(char *line, char **word, size_t max, size_t *n) NODISCARD;

#endif
