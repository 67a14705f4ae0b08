/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MP3 (and layers I, II) and AAC in ADTS: frames behind one another, no head.
 *
 *   SEARCH (a frame, proven by the one behind it) <-> frames
 *
 * Packets begin at frames, and a viewer may start at any. ID3 tags are read for the track and left
 * out, as is the first frame when it only tells the length of a file.
 *
 * source   media.md 3.7.1, 7.3, 9.2
 */
#include "core/media/mpa.h"

#include <string.h>

#include "core/media/parser.h"
#include "core/media/tags.h"

#define MPA_SEARCH   (256u << 10)       /* bytes without a frame */
#define MPA_TAG_MAX  (16u << 20)        /* an ID3 tag that is believed: covers are large */
#define MPA_TAG_READ 65536              /* of it: texts come first */
#define ID3V1_SIZE   128
/* Divided by all the sampling rates there are without a rest. */
#define MPA_TICKS    28224000

/* --- frame headers ---------------------------------------------------------------------------- */

bool mpeg_frame(const uint8_t *p, struct mpa_frame *f)
{
	/* kbps of layer I, II, III of MPEG-1, then layer I and II/III of MPEG-2 */
	static const uint16_t rate[5][15] = {
		{ 0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448 },
		{ 0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384 },
		{ 0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320 },
		{ 0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256 },
		{ 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160 },
	};
	static const uint32_t hz[3] = { 44100, 48000, 32000 };
	const unsigned version = p[1] >> 3 & 3;         /* 0 = 2.5, 2 = 2, 3 = 1 */
	const unsigned layer = 4 - (p[1] >> 1 & 3);     /* 1..3, 4 = reserved */
	const unsigned ri = p[2] >> 4, hi = p[2] >> 2 & 3, pad = p[2] >> 1 & 1;

	if (p[0] != 0xff || (p[1] & 0xe0) != 0xe0 || version == 1 || layer == 4 || ri == 0 ||
		ri == 15 || hi == 3)
		return false;
	f->kbps = rate[version == 3 ? layer - 1 : layer == 1 ? 3 : 4][ri];
	f->hz = hz[hi] >> (version == 3 ? 0 : version == 2 ? 1 : 2);
	f->samples = layer == 1 ? 384 : layer == 3 && version != 3 ? 576 : 1152;
	if (layer == 1)
		f->n = (12 * 1000 * f->kbps / f->hz + pad) * 4;
	else
		f->n = f->samples / 8 * 1000 * f->kbps / f->hz + pad;
	f->like = (uint32_t)(p[1] & 0xfe) << 8 | (p[2] & 0x0c);
	return f->n >= MPEG_HEAD;
}

bool adts_frame(const uint8_t *p, struct mpa_frame *f)
{
	static const uint32_t hz[13] = {
		96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
	};
	const unsigned hi = p[2] >> 2 & 15;

	if (p[0] != 0xff || (p[1] & 0xf6) != 0xf0 || hi >= NELEM(hz))
		return false;
	f->n = (size_t)(p[3] & 3) << 11 | (size_t)p[4] << 3 | p[5] >> 5;
	f->hz = hz[hi];
	f->samples = 1024 * ((p[6] & 3) + 1u);
	f->kbps = 0;
	f->like = (uint32_t)(p[1] & 0x0e) << 16 | (uint32_t)(p[2] & 0xfd) << 8 | (p[3] & 0xc0);
	return f->n >= ((p[1] & 1) != 0 ? ADTS_HEAD : ADTS_HEAD + 2);
}

/* Does the frame hold nothing but what a player of files wants to know? */
static bool is_file_header(const uint8_t *p, size_t n)
{
	const bool mono = p[3] >> 6 == 3, one = (p[1] & 8) != 0;
	size_t at = MPEG_HEAD + (one ? (mono ? 17 : 32) : (mono ? 9 : 17));

	if ((p[1] & 6) != 2)            /* layer III */
		return false;
	at += (p[1] & 1) == 0 ? 2 : 0;
	if (n >= at + 4 && (memcmp(p + at, "Xing", 4) == 0 || memcmp(p + at, "Info", 4) == 0))
		return true;
	return n >= MPEG_HEAD + 36 && memcmp(p + MPEG_HEAD + 32, "VBRI", 4) == 0;
}

/* --- the stream ------------------------------------------------------------------------------- */

struct mpa {
	bool adts;
	bool (*frame)(const uint8_t *p, struct mpa_frame *f);
	size_t head;            /* bytes it looks at */
	bool synced;
	bool fresh;             /* no sound since the beginning, or a tag */
	uint32_t like;          /* of all frames, while synced */
	uint32_t kbps;          /* of all frames since it was fresh; 0 = they differ, or do not say */
	uint32_t searched;      /* bytes since the last frame or tag */
	size_t skip;            /* of a tag */
	int64_t ticks;          /* media time */
};

static enum status mpa_emit(
	struct media *m, struct mpa *a, const struct mpa_frame *f, const uint8_t *p)
{
	const struct unit u = {
		.kind = UNIT_FREE,
		.ms = a->ticks / (MPA_TICKS / 1000),
		.n = f->n,
		.nparts = 1,
		.part = { { p, f->n } },
	};
	enum status st = ST_OK;

	if (a->fresh && !a->adts && is_file_header(p, f->n))
		return ST_OK;
	if (a->fresh) {         /* until they differ, one speaks for all */
		a->kbps = f->kbps;
		m->info.declared = f->kbps > 0;
		if (f->kbps > 0 && m->info.bitrate_kbps != f->kbps) {
			m->info.bitrate_kbps = f->kbps;
			st = media_inform(m);
		}
	} else if (a->kbps != f->kbps) {
		a->kbps = 0;
		m->info.declared = false;
	}
	a->fresh = false;
	if (st == ST_OK && !m->headed)
		st = media_head(m, "", 0);
	if (st == ST_OK)
		st = media_unit(m, &u);
	a->ticks += (int64_t)f->samples * (MPA_TICKS / f->hz);
	/* full with this one: no use in waiting for the next */
	if (st == ST_OK && a->ticks / (MPA_TICKS / 1000) - m->stage_ms >= MEDIA_FLUSH_MS)
		st = media_flush(m);
	return st;
}

/* An ID3 tag at a border of frames. *none: there is no such thing. */
static enum status mpa_tag(struct media *m, struct mpa *a, bool *none, bool *more)
{
	struct tags t = { .title = "" };
	const uint8_t *p;
	size_t size, look;
	enum status st = media_peek(m, ID3_HEAD, &p);

	*more = p == NULL;
	if (p == NULL)
		return st;
	size = id3_size(p);
	*none = size == 0 || size > MPA_TAG_MAX;
	if (*none)
		return ST_OK;
	look = MIN(size, (size_t)MPA_TAG_READ);
	st = media_peek(m, look, &p);
	*more = p == NULL;
	if (p == NULL)
		return st;
	tags_id3(&t, p, look);
	in_drop(&m->in, look);
	a->skip = size - look;
	a->fresh = true;
	return media_set_tags(m, &t) ? media_inform(m) : ST_OK;
}

/* Bytes no frame begins in are passed over up to where one might. */
static enum status mpa_pass(struct media *m, struct mpa *a)
{
	const uint8_t *p, *q;
	const size_t n = in_view(&m->in, MIN(in_avail(&m->in), (size_t)4096), &p);

	if (m->in.carry.err != ST_OK)
		return media_fail(m, ST_LIMIT, "no memory for a frame");
	q = memchr(p + 1, 0xff, n - 1);

	const size_t k = q == NULL ? n : (size_t)(q - p);

	if (m->headed)
		media_note(m, NOTE_MPA_RESYNC, "%s frames out of step at byte %llu: bytes dropped", m->type,
			(unsigned long long)m->in.taken);
	a->synced = false;
	a->searched += (uint32_t)k;
	in_drop(&m->in, k);
	if (a->searched > MPA_SEARCH)
		return media_fail(m, ST_PROTO, "no %s frame in %u bytes", m->type, MPA_SEARCH);
	return ST_OK;
}

static bool is_tag(const uint8_t *p)
{
	return memcmp(p, "ID3", 3) == 0 || memcmp(p, "TAG", 3) == 0;
}

static enum status mpa_next(struct media *m, struct mpa *a, bool *more)
{
	struct mpa_frame f, g;
	const uint8_t *p;
	enum status st = media_peek(m, a->head, &p);
	bool none = true;

	*more = p == NULL;
	if (p == NULL)
		return st;
	if (a->searched == 0 && memcmp(p, "ID3", 3) == 0) {
		st = mpa_tag(m, a, &none, more);
		if (st != ST_OK || *more || !none)
			return st;
	} else if (a->synced && memcmp(p, "TAG", 3) == 0) {
		a->skip = ID3V1_SIZE;
		a->fresh = true;
		return ST_OK;
	}
	if (!a->frame(p, &f))
		return mpa_pass(m, a);
	if (!a->synced || f.like != a->like) {          /* another one behind it is the proof */
		st = media_peek(m, f.n + a->head, &p);
		*more = p == NULL;
		if (p == NULL)
			return st;
		if (!is_tag(p + f.n) && (!a->frame(p + f.n, &g) || g.like != f.like))
			return mpa_pass(m, a);
		a->synced = true;
		a->like = f.like;
	}
	st = media_peek(m, f.n, &p);
	*more = p == NULL;
	if (p == NULL)
		return st;
	a->searched = 0;
	st = mpa_emit(m, a, &f, p);
	in_drop(&m->in, f.n);
	return st;
}

static enum status mpa_run(struct media *m)
{
	struct mpa *a = m->self;
	enum status st = ST_OK;
	bool more = false;

	while (st == ST_OK && !more) {
		if (a->skip > 0) {
			const size_t n = MIN(a->skip, in_avail(&m->in));

			in_drop(&m->in, n);
			a->skip -= n;
			if (a->skip > 0)
				break;
		}
		st = mpa_next(m, a, &more);
	}
	return st;
}

static void mp3_open(struct media *m)
{
	struct mpa *a = m->self;

	m->cutting = (struct cutting){ .soft = MEDIA_DATA_MAX };
	*a = (struct mpa){ .frame = mpeg_frame, .head = MPEG_HEAD, .fresh = true };
}

static void aac_open(struct media *m)
{
	struct mpa *a = m->self;

	m->cutting = (struct cutting){ .soft = MEDIA_DATA_MAX };
	*a = (struct mpa){ .adts = true, .frame = adts_frame, .head = ADTS_HEAD, .fresh = true };
}

const struct parser parser_mp3 = { .size = sizeof(struct mpa), .open = mp3_open, .run = mpa_run };
const struct parser parser_aac = { .size = sizeof(struct mpa), .open = aac_open, .run = mpa_run };
