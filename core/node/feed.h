/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of a yellow page (index.txt): one line a channel, 19 fields joined by "<>". Pure.
 *
 * Texts come out as text: entities are decoded, bytes repaired (core/sys/text.h). What is not an http(s)
 * address, or not an address to dial, is left out of the fields meant for one. A line that is not one is
 * counted and skipped.
 *
 * source   node.md 9.2; yp.md 3.1
 */
#ifndef CORE_NODE_FEED_H
#define CORE_NODE_FEED_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/chan/gnuid.h"
#include "core/sys/bytes.h"
#include "core/sys/status.h"

#define FEED_BODY   ((size_t)4 << 20)   /* bytes of a list */
#define FEED_LINE   ((size_t)16 << 10)  /* of one line */
#define FEED_CHANS  10000               /* channels of a list; further ones are bad lines */
#define FEED_FIELDS 19

/* In the order of the line. */
enum feedtext {
	FEED_NAME, FEED_TIP, FEED_URL, FEED_GENRE, FEED_DESC, FEED_TYPE, FEED_ARTIST, FEED_ALBUM, FEED_TITLE,
	FEED_TRACK_URL,
	FEED_ENCODED,           /* the name for the YP's pages, URL-encoded: < 3 * TEXT_MAX; "" = none */
	FEED_COMMENT, FEED_TEXTS
};

struct feedchan {
	struct gnuid id;                /* unset = a line of information, nothing to play */
	const char *text[FEED_TEXTS];   /* into the list; never NULL */
	int32_t listeners, relays;      /* below 0: hidden */
	uint32_t bitrate_kbps, uptime_s;
	bool direct;
};

/* Immutable once parsed. */
struct feedlist {
	_Atomic uint32_t refs;          /* relaxed up, acq_rel down */
	struct feedchan *chans;         /* n of them, in the list's order */
	size_t n;
	uint32_t bad, first_bad;        /* lines that are none; number of the first of them, 0 = none */
	struct buf texts;
};

/* *out is a list with one reference, also when it is empty.
 * returns  ST_OK, ST_LIMIT (memory) */
enum status feed_parse(const void *p, size_t n, struct feedlist **out) NODISCARD;
/* Is there anything wrong with it? Then what, for people. */
bool feedlist_fault(const struct feedlist *l, char *dst, size_t cap);
struct feedlist *feedlist_ref(struct feedlist *l);
void feedlist_unref(struct feedlist **l);

/* Decode &amp; &lt; &gt; &quot; &#39; &#x27; and their like into dst (cap bytes, terminated); anything else
 * that looks like an entity stays. Returns the length. */
size_t feed_unescape(char *dst, size_t cap, const char *src, size_t n);

#endif
