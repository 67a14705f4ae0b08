/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NSV (Nullsoft Streaming Video).
 *
 *   SEARCH (a sync frame) <-> frames
 *
 * Every frame holds one picture and its sound. Sync frames name the codecs and begin with a key frame:
 * no head is needed, a viewer starts at one of them. The header of files is read for the track and
 * left out.
 *
 *   NSVf  size file-size length metadata-length toc-length toc-used  metadata  toc      (LE32)
 *   NSVs  video-4CC audio-4CC width16 height16 rate8 offset16  payload                  (sync frame)
 *   EF BE payload                                                                       (others)
 *   payload: 4 bits number of chunks beside, 20 bits bytes of them and the picture, 16 bits bytes of
 *   the sound; then these
 *
 * source   media.md 3.7
 */
#include <string.h>

#include "core/media/parser.h"
#include "core/media/tags.h"

#define NSV_SEARCH   (256u << 10)       /* bytes without a sync frame */
#define NSV_FILE_MAX (16u << 20)        /* header of a file, with its table of contents */
#define NSV_META_MAX 65536              /* of the texts in it */
#define NSV_FILE     28
#define NSV_SYNC     19
#define NSV_BEEF     2
#define NSV_LENGTHS  5

struct nsv {
	bool synced;
	bool video;             /* there are pictures */
	uint32_t searched;      /* bytes since the last frame */
	size_t skip;            /* of a file's header */
	double frame_ms;
	double ms;              /* media time */
};

/* Frames per second from their byte: whole ones, or a multiple or fraction of 30, 25, 24 and the like. */
static double nsv_fps(uint8_t rate)
{
	static const double base[] = { 30, 30 * 1000.0 / 1001, 25, 24 * 1000.0 / 1001 };
	const unsigned t = (rate & 127u) >> 2;

	if ((rate & 128) == 0)
		return rate > 0 ? rate : 1;
	return base[rate & 3] * (t < 16 ? 1.0 / (t + 1) : t - 15);
}

/* Texts like TITLE="some name" CREATOR='somebody': the quotation mark is whatever follows the = */
static void nsv_texts(struct tags *t, const char *p, size_t n)
{
	const struct {
		const char *name;
		char *to;
	} known[] = {
		{ "TITLE", t->title },
		{ "CREATOR", t->artist },
		{ "URL", t->url },
	};

	while (n > 0) {
		const char *eq = memchr(p, '=', n), *end;
		size_t nlen, left;

		if (eq == NULL)
			return;
		nlen = (size_t)(eq - p);
		left = n - nlen - 1;
		if (left < 2)
			return;
		end = memchr(eq + 2, eq[1], left - 1);
		if (end == NULL)
			return;
		while (nlen > 0 && (*p == ' ' || *p == '\0')) {
			p++;
			nlen--;
		}
		for (size_t i = 0; i < NELEM(known); i++)
			if (nlen == strlen(known[i].name) && ascii_ncasecmp(p, known[i].name, nlen) == 0)
				(void)text_clean(known[i].to, TEXT_MAX, eq + 2, (size_t)(end - eq - 2));
		n = left - (size_t)(end - eq);
		p = end + 1;
	}
}

/* The header of a file, which is not one for live streams. *none: there is no such thing. */
static enum status nsv_file(struct media *m, struct nsv *s, bool *none, bool *more)
{
	struct tags t = { .title = "" };
	const uint8_t *p;
	size_t size, meta, look;
	struct rd r;
	enum status st = media_peek(m, NSV_FILE, &p);

	*more = p == NULL;
	if (p == NULL)
		return st;
	r = rd_of(p + 4, NSV_FILE - 4);
	size = rd_le32(&r);
	(void)rd_le64(&r);
	meta = rd_le32(&r);
	*none = size < NSV_FILE || size > NSV_FILE_MAX || meta > size - NSV_FILE;
	if (*none)
		return ST_OK;
	look = NSV_FILE + MIN(meta, (size_t)NSV_META_MAX);
	st = media_peek(m, look, &p);
	*more = p == NULL;
	if (p == NULL)
		return st;
	nsv_texts(&t, (const char *)p + NSV_FILE, look - NSV_FILE);
	in_drop(&m->in, look);
	s->skip = size - look;
	return media_set_tags(m, &t) ? media_inform(m) : ST_OK;
}

static enum status nsv_emit(struct media *m, struct nsv *s, const uint8_t *p, size_t n, bool sync)
{
	const struct unit u = {
		.kind = sync ? UNIT_KEY : s->video ? UNIT_INTER : UNIT_AUDIO,
		.ms = (int64_t)s->ms,
		.n = n,
		.nparts = 1,
		.part = { { p, n } },
	};
	enum status st = ST_OK;

	if (!m->headed)
		st = media_head(m, "", 0);
	s->ms += s->frame_ms;
	return st == ST_OK ? media_unit(m, &u) : st;
}

/* What is no frame is passed over up to where a sync frame might begin. */
static enum status nsv_pass(struct media *m, struct nsv *s)
{
	const uint8_t *p, *q;
	const size_t n = in_view(&m->in, MIN(in_avail(&m->in), (size_t)4096), &p);

	if (m->in.carry.err != ST_OK)
		return media_fail(m, ST_LIMIT, "no memory for an NSV frame");
	q = memchr(p + 1, 'N', n - 1);

	const size_t k = q == NULL ? n : (size_t)(q - p);

	if (m->headed)
		media_note(m, NOTE_NSV_RESYNC, "NSV frames out of step at byte %llu: bytes dropped",
			(unsigned long long)m->in.taken);
	s->synced = false;
	s->searched += (uint32_t)k;
	in_drop(&m->in, k);
	if (s->searched > NSV_SEARCH)
		return media_fail(m, ST_PROTO, "no NSV sync frame in %u bytes", NSV_SEARCH);
	return ST_OK;
}

static bool nsv_begins(const uint8_t *p)
{
	return memcmp(p, "NSVs", 4) == 0 || memcmp(p, "NSVf", 4) == 0 || memcmp(p, "\xef\xbe", 2) == 0;
}

static enum status nsv_next(struct media *m, struct nsv *s, bool *more)
{
	const uint8_t *p;
	enum status st = media_peek(m, 4, &p);
	bool sync, none = true;
	size_t head, n;

	*more = p == NULL;
	if (p == NULL)
		return st;
	sync = memcmp(p, "NSVs", 4) == 0;
	if (memcmp(p, "NSVf", 4) == 0) {
		st = nsv_file(m, s, &none, more);
		return st != ST_OK || *more || !none ? st : nsv_pass(m, s);
	}
	if (!sync && (!s->synced || memcmp(p, "\xef\xbe", 2) != 0))
		return nsv_pass(m, s);
	head = sync ? NSV_SYNC : NSV_BEEF;
	st = media_peek(m, head + NSV_LENGTHS, &p);
	*more = p == NULL;
	if (p == NULL)
		return st;
	n = head + NSV_LENGTHS;
	n += (size_t)p[head] >> 4 | (size_t)p[head + 1] << 4 | (size_t)p[head + 2] << 12;
	n += (size_t)p[head + 3] | (size_t)p[head + 4] << 8;
	/* out of step, the next frame is the proof */
	st = media_peek(m, n + (s->synced ? 0 : 4), &p);
	*more = p == NULL;
	if (p == NULL)
		return st;
	if (!s->synced && !nsv_begins(p + n))
		return nsv_pass(m, s);
	if (sync) {
		s->video = memcmp(p + 4, "NONE", 4) != 0;
		s->frame_ms = 1000 / nsv_fps(p[16]);
	}
	s->synced = true;
	s->searched = 0;
	st = nsv_emit(m, s, p, n, sync);
	in_drop(&m->in, n);
	return st;
}

static enum status nsv_run(struct media *m)
{
	struct nsv *s = m->self;
	enum status st = ST_OK;
	bool more = false;

	while (st == ST_OK && !more) {
		if (s->skip > 0) {
			const size_t n = MIN(s->skip, in_avail(&m->in));

			in_drop(&m->in, n);
			s->skip -= n;
			if (s->skip > 0)
				break;
		}
		st = nsv_next(m, s, &more);
	}
	return st;
}

static void nsv_open(struct media *m)
{
	m->cutting = (struct cutting){ .soft = MEDIA_DATA_MAX, .one_frame = true };
}

const struct parser parser_nsv = { .size = sizeof(struct nsv), .open = nsv_open, .run = nsv_run };
