/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICY: titles among the bytes of a stream. Behind every so many bytes of it comes one that says how many
 * times 16 bytes of text follow: none while nothing is new.
 *
 * source   http.md 3.5; media.md 5.4
 */
#ifndef HTTP_ICY_H
#define HTTP_ICY_H

#include "core/chan/chaninfo.h"
#include "core/sys/bytes.h"
#include "core/sys/clk.h"

#define ICY_TEXT  (sizeof("StreamTitle='';StreamUrl='';") + 2 * (TEXT_MAX - 1))
#define ICY_BLOCK (1 + (ICY_TEXT + 14) / 16 * 16)       /* a whole block; it could have 4080 bytes of text */

/* One block. Returns its length. */
size_t icy_block(uint8_t out[ICY_BLOCK], const char *title, const char *url);

/* The title of the moment: the comment and the track's take turns of `turn_s` seconds, the comment first;
 * 0 = it is always the comment, when there is one. */
const char *icy_title(const struct chaninfo *i, nsec since, nsec now, uint32_t turn_s);

struct icy {
	uint32_t every, left;           /* bytes between blocks, up to the next one */
	bool news;                      /* the next one says something */
	uint8_t block[ICY_BLOCK];
	size_t n;
};

/* every > 0. The first block is said even if it says nothing. */
void icy_init(struct icy *y, uint32_t every);
/* What the next block says, unless that was said already. */
void icy_set(struct icy *y, const char *title, const char *url);
/* Append n bytes of the stream, and the blocks among and behind them. */
void icy_weave(struct icy *y, struct buf *out, const void *p, size_t n);

#endif
