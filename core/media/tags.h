/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a stream says of its track, in the manners of Vorbis comments, ID3v2, and UTF-16 texts.
 * Private to core/media.
 * source   media.md 6.2, 6.4.2
 */
#ifndef CORE_MEDIA_TAGS_H
#define CORE_MEDIA_TAGS_H

#include <stdbool.h>

#include "core/sys/bytes.h"
#include "core/sys/text.h"

struct media;

/* Clean UTF-8, empty when not said. */
struct tags {
	char title[TEXT_MAX], artist[TEXT_MAX], album[TEXT_MAX], genre[TEXT_MAX], url[TEXT_MAX];
};

/* All five into m->info; true when one of them changed. */
bool media_set_tags(struct media *m, const struct tags *t);

/* Entries of a Vorbis comment block (vendor, count, NAME=value) that are not over-long: TITLE, ARTIST,
 * ALBUM, GENRE, CONTACT. The first of a name counts. false when the block is broken: what was read
 * before the fault stays. */
bool tags_vorbis(struct tags *t, struct rd r);

/* Text of n bytes in UTF-16: cap >= 1, cut at a character border, cleaned as by text_clean(). Ends at
 * a NUL. */
void tags_utf16(char *dst, size_t cap, const uint8_t *p, size_t n, bool big);

#define ID3_HEAD 10
/* Bytes of the whole ID3v2 tag whose first ID3_HEAD bytes are at p; 0 = there is none. */
size_t id3_size(const uint8_t *p);
/* The text frames of an ID3v2 tag (2.2, 2.3, 2.4), as far as its first n bytes go. */
void tags_id3(struct tags *t, const uint8_t *p, size_t n);

#endif
