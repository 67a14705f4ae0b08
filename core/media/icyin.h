/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICY taken apart: the titles that stand among the bytes of a stream, and the bytes without them. The other
 * direction is http/icy.h.
 *
 * Behind every `every` bytes of the stream comes one that says how many times 16 bytes of text follow. All
 * of them are taken; what is longer than ICYIN_TEXT is cut. How the input was split changes nothing.
 *
 * source   media.md 2.6, 5.4, 9.1 row 17
 */
#ifndef CORE_MEDIA_ICYIN_H
#define CORE_MEDIA_ICYIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/sys/status.h"
#include "core/sys/text.h"

#define ICYIN_TEXT      1024
#define ICYIN_EVERY_MAX (1u << 24)

struct icyin_ops {
	/* Bytes of the stream, n > 0, borrowed. Anything but ST_OK ends it. */
	enum status (*data)(void *ctx, const uint8_t *p, size_t n);
	/* A text with a title in it, clean; it may be empty. */
	void (*title)(void *ctx, const char *title);
};

struct icyin {
	uint32_t every;                 /* 0 = there are no titles: everything is stream */
	uint32_t left;                  /* of the stream, up to the next text */
	uint32_t meta;                  /* bytes of the text still to come */
	uint32_t have;                  /* bytes of it in text */
	char text[ICYIN_TEXT];
};

/* every above ICYIN_EVERY_MAX: false, and y is as with 0. */
bool icyin_init(struct icyin *y, uint64_t every);
/* returns  ST_OK, or what ops->data() returned */
enum status icyin_feed(struct icyin *y, const void *p, size_t n, const struct icyin_ops *ops, void *ctx)
	NODISCARD;

/* The title in a text of n bytes ("StreamTitle='It's on';StreamUrl='';"); false: there is none. */
bool icyin_title(char dst[TEXT_MAX], const char *text, size_t n);

#endif
