/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Playlists that lead to a stream: M3U, PLS, ASX. Pure parsing of a text that is there as a whole.
 *
 *	struct urllist l;
 *
 *	urllist_init(&l, kind, text, n);
 *	while (urllist_next(&l, url, sizeof(url)))
 *		...
 *
 * source   media.md 1.3, 2.6, 9.1 row 32
 */
#ifndef CORE_MEDIA_URLLIST_H
#define CORE_MEDIA_URLLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/sys/cc.h"

#define URLLIST_BODY    (256u << 10)    /* bytes of a text */
#define URLLIST_ENTRIES 1000

enum urllist_kind { URLLIST_NONE, URLLIST_M3U, URLLIST_PLS, URLLIST_ASX };

struct urllist {
	enum urllist_kind kind;
	const char *p, *end;            /* what is not read yet; borrowed */
	size_t n;                       /* entries so far */
};

/* By Content-Type (parameters ignored, any case; NULL = none), else by the end of the path of url.
 * A type that says nothing ("text/plain", "application/octet-stream") counts as none. */
enum urllist_kind urllist_kind(const char *mime, const char *url);

void urllist_init(struct urllist *l, enum urllist_kind kind, const char *text, size_t n);
/* The next entry, as it stands there (it may be relative). What does not fit, or holds control bytes, is
 * passed over. false: no more, or URLLIST_ENTRIES were there. */
bool urllist_next(struct urllist *l, char *url, size_t cap);

/* Is it one of HLS, whose entries are pieces and not streams? */
bool urllist_is_hls(const char *text, size_t n);

#endif
