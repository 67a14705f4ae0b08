/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a stream is, by its first bytes. Private to core/media.
 *
 * The answer for a prefix that is long enough never changes with more bytes, so it does not depend
 * on how the input was split.
 * source   media.md 1.2 (1.2.1, 1.2.2)
 */
#ifndef CORE_MEDIA_SNIFF_H
#define CORE_MEDIA_SNIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More than this never changes the answer. */
#define SNIFF_MAX 16384

enum sniff {
	SNIFF_MORE,             /* not enough bytes yet */
	SNIFF_NONE,             /* nothing we know */
	SNIFF_WEAK,             /* a type, by patterns that may come up by chance or in any file */
	SNIFF_SURE,             /* a type of the set that overrides a declared one */
	SNIFF_REFUSE,           /* known, and of no use as a stream: *type says what it is */
};

/* The type of the n bytes at p; end: no more will come. */
enum sniff sniff_type(const uint8_t *p, size_t n, bool end, const char **type);

#endif
