/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/sniff.h"

#include <string.h>

#include "core/media/asf.h"
#include "core/media/ebml.h"
#include "core/media/mpa.h"
#include "core/media/tags.h"
#include "core/media/ts.h"
#include "core/sys/bytes.h"

#define M2TS_PACKET  192

/* Do the first bytes match a magic, as far as they are there? */
static enum sniff sniff_magic(const uint8_t *p, size_t n, const char *magic, size_t len)
{
	if (memcmp(p, magic, MIN(n, len)) != 0)
		return SNIFF_NONE;
	return n < len ? SNIFF_MORE : SNIFF_SURE;
}

static enum sniff sniff_flv(const uint8_t *p, size_t n, const char **type)
{
	*type = "FLV";
	return sniff_magic(p, n, "FLV\x01", 4);
}

static enum sniff sniff_mkv(const uint8_t *p, size_t n, const char **type)
{
	enum sniff s = sniff_magic(p, n, "\x1a\x45\xdf\xa3", 4);
	struct ebml_el e;

	if (s != SNIFF_SURE)
		return s;
	switch (ebml_head(p, n, &e)) {
	case EBML_MORE:
		return SNIFF_MORE;
	case EBML_BAD:
		return SNIFF_NONE;
	default:
		break;
	}
	if (e.unknown || e.size > EBML_DOC_MAX)
		return SNIFF_NONE;
	if (n < e.hlen + e.size)
		return SNIFF_MORE;
	*type = ebml_doc_is_webm(p + e.hlen, (size_t)e.size) ? "WEBM" : "MKV";
	return SNIFF_SURE;
}

static enum sniff sniff_mp4(const uint8_t *p, size_t n, const char **type)
{
	static const char box[][5] = { "ftyp", "styp", "moof" };

	*type = "MP4";
	/* no box here is as large as 16 MiB; so a text need not wait for 8 bytes */
	if (n > 0 && p[0] != 0)
		return SNIFF_NONE;
	if (n < 8)
		return SNIFF_MORE;
	for (size_t i = 0; i < NELEM(box); i++)
		if (memcmp(p + 4, box[i], 4) == 0)
			return SNIFF_SURE;
	return SNIFF_NONE;
}

/* The pages that begin logical streams come first; one of Theora makes it OGM. */
static enum sniff sniff_ogg(const uint8_t *p, size_t n, const char **type)
{
	enum sniff s = sniff_magic(p, n, "OggS", 4);
	size_t at = 0;

	*type = "OGG";
	if (s != SNIFF_SURE)
		return s;
	for (;;) {
		size_t body = 0;

		if (n - at < 27)
			return SNIFF_MORE;
		if (memcmp(p + at, "OggS", 4) != 0 || p[at + 4] != 0)
			return at == 0 ? SNIFF_NONE : SNIFF_SURE;
		if ((p[at + 5] & 2) == 0)
			return SNIFF_SURE;

		const size_t nseg = p[at + 26];

		if (n - at < 27 + nseg)
			return SNIFF_MORE;
		for (size_t i = 0; i < nseg; i++)
			body += p[at + 27 + i];
		at += 27 + nseg;
		if (n - at < MIN(body, (size_t)7))
			return SNIFF_MORE;
		if (body >= 7 && memcmp(p + at, "\x80theora", 7) == 0) {
			*type = "OGM";
			return SNIFF_SURE;
		}
		if (at + body + 27 > SNIFF_MAX)
			return SNIFF_SURE;
		if (n - at < body)
			return SNIFF_MORE;
		at += body;
	}
}

static enum sniff sniff_ts(const uint8_t *p, size_t n, const char **type)
{
	*type = "TS";
	for (size_t at = 0; at <= 2 * TS_PACKET; at += TS_PACKET) {
		if (n <= at)
			return SNIFF_MORE;
		if (p[at] != TS_SYNC)
			return SNIFF_NONE;
	}
	return SNIFF_SURE;
}

static enum sniff sniff_m2ts(const uint8_t *p, size_t n, const char **type)
{
	*type = "M2TS (192-byte packets)";
	for (size_t at = 4; at <= 4 + 2 * M2TS_PACKET; at += M2TS_PACKET) {
		if (n <= at)
			return SNIFF_MORE;
		if (p[at] != TS_SYNC)
			return SNIFF_NONE;
	}
	return SNIFF_REFUSE;
}

/* A raw ASF header, or one in a `$H` chunk (12 bytes of framing; 4 in WMSP). */
static enum sniff sniff_asf(const uint8_t *p, size_t n, const char **type)
{
	enum sniff s = sniff_magic(p, n, (const char *)asf_guid_header, 16);

	*type = "WMV";
	if (s != SNIFF_NONE)
		return s;
	s = sniff_magic(p, n, "$H", 2);
	if (s != SNIFF_SURE)
		return s;
	if (n < 4)
		return SNIFF_MORE;

	const size_t len = (size_t)p[2] | (size_t)p[3] << 8;

	if (len < 16 || len > 16384)
		return SNIFF_NONE;
	s = sniff_magic(p + 4, n - 4, (const char *)asf_guid_header, 16);
	if (s != SNIFF_NONE)
		return s;
	return n < 12 ? SNIFF_MORE : sniff_magic(p + 12, n - 12, (const char *)asf_guid_header, 16);
}

static enum sniff sniff_nsv(const uint8_t *p, size_t n, const char **type)
{
	enum sniff s = sniff_magic(p, n, "NSVf", 4);

	*type = "NSV";
	if (s == SNIFF_NONE)
		s = sniff_magic(p, n, "NSVs", 4);
	return s == SNIFF_SURE ? SNIFF_WEAK : s;
}

/* Two frames of one kind behind one another. */
static enum sniff sniff_frames(
	const uint8_t *p, size_t n, size_t head, bool (*frame)(const uint8_t *, struct mpa_frame *))
{
	struct mpa_frame f, g;

	if (n > 0 && p[0] != 0xff)
		return SNIFF_NONE;
	if (n < head)
		return SNIFF_MORE;
	if (!frame(p, &f))
		return SNIFF_NONE;
	if (n < f.n + head)
		return SNIFF_MORE;
	return frame(p + f.n, &g) && g.like == f.like ? SNIFF_WEAK : SNIFF_NONE;
}

/* A tag stands in front of both; what is behind one that is not too long decides. */
static enum sniff sniff_id3(const uint8_t *p, size_t n, const char **type)
{
	enum sniff s = sniff_magic(p, n, "ID3", 3);
	size_t size;

	*type = "MP3";
	if (s != SNIFF_SURE)
		return s;
	if (n < ID3_HEAD)
		return SNIFF_MORE;
	size = id3_size(p);
	if (size == 0 || size > SNIFF_MAX / 2)
		return SNIFF_WEAK;
	if (n < size)
		return SNIFF_MORE;
	s = sniff_frames(p + size, n - size, ADTS_HEAD, adts_frame);
	if (s == SNIFF_WEAK)
		*type = "AAC";
	return s == SNIFF_MORE ? s : SNIFF_WEAK;
}

static enum sniff sniff_mp3(const uint8_t *p, size_t n, const char **type)
{
	*type = "MP3";
	return sniff_frames(p, n, MPEG_HEAD, mpeg_frame);
}

static enum sniff sniff_aac(const uint8_t *p, size_t n, const char **type)
{
	*type = "AAC";
	return sniff_frames(p, n, ADTS_HEAD, adts_frame);
}

enum sniff sniff_type(const uint8_t *p, size_t n, bool end, const char **type)
{
	static enum sniff (*const all[])(const uint8_t *, size_t, const char **) = {
		sniff_flv, sniff_mkv, sniff_ogg, sniff_asf, sniff_mp4, sniff_nsv, sniff_ts,
		sniff_id3, sniff_mp3, sniff_aac, sniff_m2ts,
	};

	/* In order, and none is passed over while it could still say yes: so the answer for a
	 * prefix holds for everything that begins with it. */
	for (size_t i = 0; i < NELEM(all); i++) {
		enum sniff s = all[i](p, MIN(n, (size_t)SNIFF_MAX), type);

		/* of a tag something is known even without what is behind it */
		if (s == SNIFF_MORE && (end || n >= SNIFF_MAX))
			s = all[i] == sniff_id3 && n >= ID3_HEAD ? SNIFF_WEAK : SNIFF_NONE;
		if (s != SNIFF_NONE)
			return s;
	}
	*type = NULL;
	return SNIFF_NONE;
}
