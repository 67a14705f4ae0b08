/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The switches broadcasters put before their genre for a yellow page:
 *
 *	PREFIX [NS ':'] {'?' | '@'} genre
 *
 * The prefix (ypGenrePrefix) says that the channel wants to be listed here, NS puts it into a
 * namespace of its own, '?' hides its counts, '@' restricts who gets its address. A '+' has no
 * meaning and belongs to the genre. Without a prefix every channel is listed, and a colon is part of
 * the genre: there is nothing it could stand behind.
 *
 * Pure: nothing here allocates or blocks.
 * source   yp.md 3.3
 */
#ifndef HTTP_YPGENRE_H
#define HTTP_YPGENRE_H

#include "core/sys/cc.h"

#define YPGENRE_NS   33         /* bytes of a namespace, NUL included: what ns= can name */
#define YP_FAST_KBPS 2000       /* measured upload that counts as fast, whatever the bitrate */

/* What a viewer must have passed to get the address. */
enum yplimit {
	YP_FREE,
	YP_OPEN,        /* @: the port check */
	YP_OVER,        /* @@: and an upload faster than the channel's bitrate */
	YP_FAST,        /* @@@ and more: and an upload of YP_FAST_KBPS */
};

struct ypgenre {
	bool listed;                    /* begins with the prefix; the rest counts only then */
	bool hidden;                    /* '?' */
	enum yplimit limit;
	char ns[YPGENRE_NS];            /* "" = none */
	const char *genre;              /* what is left, inside the text */
};

/* Both texts are borrowed; g->genre lives as long as text does. */
void ypgenre_parse(struct ypgenre *g, const char *prefix, const char *text);

/* "Open", "Over", "2M Over"; NULL for YP_FREE. */
const char *yplimit_label(enum yplimit l);

#endif
