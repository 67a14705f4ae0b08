/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/tags.h"

#include <string.h>

#include "core/media/parser.h"

bool media_set_tags(struct media *m, const struct tags *t)
{
	struct media_info *i = &m->info;
	bool changed = false;

	changed |= media_set_text(i->title, t->title, strlen(t->title));
	changed |= media_set_text(i->artist, t->artist, strlen(t->artist));
	changed |= media_set_text(i->album, t->album, strlen(t->album));
	changed |= media_set_text(i->genre, t->genre, strlen(t->genre));
	changed |= media_set_text(i->url, t->url, strlen(t->url));
	return changed;
}

/* --- Vorbis comments -------------------------------------------------------------------------- */

bool tags_vorbis(struct tags *t, struct rd r)
{
	const struct {
		const char *name;
		char *to;
	} known[] = {
		{ "TITLE=", t->title },
		{ "ARTIST=", t->artist },
		{ "ALBUM=", t->album },
		{ "GENRE=", t->genre },
		{ "CONTACT=", t->url },
	};

	(void)rd_take(&r, rd_le32(&r));

	const uint32_t count = rd_le32(&r);

	for (uint32_t i = 0; i < count && r.err == ST_OK; i++) {
		const size_t n = rd_le32(&r);
		const char *s = (const char *)rd_take(&r, n);

		for (size_t k = 0; s != NULL && k < NELEM(known); k++) {
			const size_t len = strlen(known[k].name);

			if (known[k].to[0] == '\0' && n > len && ascii_ncasecmp(s, known[k].name, len) == 0)
				(void)text_clean(known[k].to, TEXT_MAX, s + len, n - len);
		}
	}
	return r.err == ST_OK;
}

/* --- UTF-16 ----------------------------------------------------------------------------------- */

static uint32_t utf16_unit(const uint8_t *p, bool big)
{
	return big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

void tags_utf16(char *dst, size_t cap, const uint8_t *p, size_t n, bool big)
{
	char utf8[4 * TEXT_MAX];
	size_t len = 0;

	for (size_t i = 0; i + 1 < n && len + 4 <= sizeof(utf8); i += 2) {
		uint32_t c = utf16_unit(p + i, big);

		if (c == 0)
			break;
		if (c >= 0xd800 && c < 0xdc00 && i + 3 < n) {
			const uint32_t low = utf16_unit(p + i + 2, big);

			if (low >= 0xdc00 && low < 0xe000) {
				c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
				i += 2;
			}
		}
		if (c >= 0xd800 && c < 0xe000)
			c = 0xfffd;
		if (c < 0x80) {
			utf8[len++] = (char)c;
		} else if (c < 0x800) {
			utf8[len++] = (char)(0xc0 | c >> 6);
			utf8[len++] = (char)(0x80 | (c & 0x3f));
		} else if (c < 0x10000) {
			utf8[len++] = (char)(0xe0 | c >> 12);
			utf8[len++] = (char)(0x80 | (c >> 6 & 0x3f));
			utf8[len++] = (char)(0x80 | (c & 0x3f));
		} else {
			utf8[len++] = (char)(0xf0 | c >> 18);
			utf8[len++] = (char)(0x80 | (c >> 12 & 0x3f));
			utf8[len++] = (char)(0x80 | (c >> 6 & 0x3f));
			utf8[len++] = (char)(0x80 | (c & 0x3f));
		}
	}
	(void)text_clean(dst, cap, utf8, len);
}

/* --- ID3v2 ------------------------------------------------------------------------------------ */

static size_t syncsafe(const uint8_t *p)
{
	return (size_t)(p[0] & 127) << 21 | (size_t)(p[1] & 127) << 14 | (size_t)(p[2] & 127) << 7 |
	       (p[3] & 127);
}

size_t id3_size(const uint8_t *p)
{
	if (memcmp(p, "ID3", 3) != 0 || p[3] == 0xff || p[4] == 0xff)
		return 0;
	if (((p[6] | p[7] | p[8] | p[9]) & 0x80) != 0)
		return 0;
	return ID3_HEAD + syncsafe(p + 6) + ((p[5] & 0x10) != 0 ? ID3_HEAD : 0); /* a footer */
}

/* A text frame's payload: one byte of encoding, then the text. What claims to be Latin-1 may be anything
 * of 8 bits. */
static void id3_text(char *to, const uint8_t *p, size_t n)
{
	if (n < 2 || to[0] != '\0')
		return;
	switch (p[0]) {
	case 0:
	case 3:
		(void)text_clean(to, TEXT_MAX, p + 1, n - 1);
		break;
	case 1:
		if (n >= 3 && (memcmp(p + 1, "\xff\xfe", 2) == 0 || memcmp(p + 1, "\xfe\xff", 2) == 0))
			tags_utf16(to, TEXT_MAX, p + 3, n - 3, p[1] == 0xfe);
		else
			tags_utf16(to, TEXT_MAX, p + 1, n - 1, false);
		break;
	case 2:
		tags_utf16(to, TEXT_MAX, p + 1, n - 1, true);
		break;
	default:
		break;
	}
}

static size_t be_size(const uint8_t *p, size_t n)
{
	size_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

void tags_id3(struct tags *t, const uint8_t *p, size_t n)
{
	const struct {
		char id[5], old[4];
		char *to;
	} known[] = {
		{ "TIT2", "TT2", t->title },
		{ "TPE1", "TP1", t->artist },
		{ "TALB", "TAL", t->album },
		{ "TCON", "TCO", t->genre },
	};
	const size_t total = n < ID3_HEAD ? 0 : id3_size(p);
	size_t at = ID3_HEAD;

	if (total == 0 || p[3] < 2 || p[3] > 4 || (p[5] & 0x80) != 0) /* unsynchronised: rare, unread */
		return;
	n = MIN(n, total);

	const size_t idlen = p[3] == 2 ? 3 : 4;         /* of a frame; its size has as many bytes */
	const size_t head = p[3] == 2 ? 6 : 10;

	if (p[3] > 2 && (p[5] & 0x40) != 0) {           /* extended header */
		if (n < at + 4)
			return;
		at += p[3] == 4 ? syncsafe(p + at) : be_size(p + at, 4) + 4;
	}
	while (at < n && n - at >= head && p[at] != 0) {
		const uint8_t *f = p + at;
		const size_t size = p[3] == 4 ? syncsafe(f + 4) : be_size(f + idlen, idlen);

		if (size > n - at - head)
			return;
		for (size_t i = 0; i < NELEM(known); i++)
			if (memcmp(f, p[3] == 2 ? known[i].old : known[i].id, idlen) == 0 &&
				(p[3] == 2 || f[9] == 0))       /* neither compressed nor encrypted */
				id3_text(known[i].to, f + head, size);
		at += head + size;
	}
}
