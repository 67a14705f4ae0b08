/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The grammar of peercast.ini: bytes in, classified lines with their numbers out.
 *
 * Knows no key. A reader walks a borrowed region and hands out one line at a time; copying the
 * struct gives a second reader at the same place that shares the scratch line (to look ahead).
 *
 * A line ends at LF or at the end of the region; every CR in it is dropped; the first '=' splits
 * name and value, both trimmed of blanks and tabs; no quoting, no continuation. A line whose first
 * non-blank is '#' or ';' is a comment. A BOM at the start is skipped. Control characters become
 * spaces here, once (a tab stays in a comment).
 *
 * source   node.md 2.2, 2.3
 */
#ifndef CORE_CONF_INI_H
#define CORE_CONF_INI_H

#include "core/sys/bytes.h"
#include "core/sys/cc.h"
#include "core/sys/status.h"

#define INI_LINE_MAX 65536      /* bytes of one line without its end; a longer one is INI_TOOLONG */

enum ini_kind {
	INI_BLANK,              /* nothing but blanks */
	INI_COMMENT,            /* text */
	INI_HEADER,             /* "[name]" */
	INI_END,                /* "[End]", any case */
	INI_PAIR,               /* name, and value unless there was no '=' */
	INI_TOOLONG,            /* skipped */
};

struct ini_line {
	enum ini_kind kind;
	unsigned number;        /* from 1 */
	bool repaired;          /* held control characters */
	const char *name;       /* PAIR, HEADER (without brackets): never NULL; COMMENT: its text */
	const char *value;      /* PAIR; NULL without '=' */
};

struct ini {
	struct rd in;
	unsigned number;        /* of the line handed out last */
	char *scratch;          /* owned by the reader ini_init() made, not by copies */
};

/* Read from n borrowed bytes that outlive the reader.
 * returns  ST_OK, ST_LIMIT (no memory) */
enum status ini_init(struct ini *ini, const void *p, size_t n) NODISCARD;
void ini_fini(struct ini *ini);

/* The next line, false at the end. Its texts are valid until the next call on this reader or on a
 * copy of it. */
bool ini_next(struct ini *ini, struct ini_line *line);

/* Cut blanks and tabs off both ends of s, as the reader does; returns where the text starts. */
char *ini_trim(char *s);

/* Append "name = value", or "name" when value is NULL; control characters become spaces, so that
 * no value can start a line of its own. */
void ini_put(struct buf *out, const char *name, const char *value);
/* Append text with control characters as spaces, without a line end. */
void ini_put_text(struct buf *out, const char *s);

#endif
