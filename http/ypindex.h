/* SPDX-License-Identifier: GPL-2.0-or-later */
/* index.txt: a channel in a line of 19 fields, with "<>" between them, LF at the end.
 *
 * The lines of a list are made once (ypindex_lines()); a document is put together from them. No text
 * can hold "<>" or a line end, whatever a broadcaster sent.
 *
 * source   yp.md 3.2; http.md 9.4; settings.md decision 15
 */
#ifndef HTTP_YPINDEX_H
#define HTTP_YPINDEX_H

#include "http/yplist.h"

#define YPINDEX_FIELDS 19
#define YPINDEX_MAX    ((size_t)64 << 20)       /* bytes of all lines; what comes later is not listed */
#define YPINDEX_LINE   ((size_t)32 << 10)       /* the longest line: 13 texts, each byte escaped to six */

/* Make the lines.
 * old      an earlier list (NULL = none), whose lines lend what has not changed
 * returns  ST_OK, ST_LIMIT (memory) */
enum status ypindex_lines(struct yplist *l, const struct yplist *old) NODISCARD;

/* Append the document for a query and a viewer: the channels, those with a namespace only when it is
 * asked for, then lines about the page itself (ypInfoLine). Faults stay in out->err. */
void ypindex_emit(const struct yplist *l, const struct ypquery *q, const struct ypviewer *v,
	struct buf *out);

/* What a node that is not a root shows of itself: its own broadcasts, then every channel it knows a
 * host of, genre and counts as they are.
 * returns  ST_OK, ST_LIMIT (memory) */
enum status ypindex_own(struct node *n, struct buf *out) NODISCARD;

/* The merged list of the user's yellow pages, as they have it: most listeners first.
 * returns  ST_OK, ST_LIMIT (memory) */
enum status ypindex_merged(struct node *n, struct buf *out) NODISCARD;

/* Append text as HTML: & < > " ' escaped; what would end a line is a space. */
void ypindex_escape(struct buf *out, const char *text);

#endif
