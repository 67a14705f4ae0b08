/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fragmented MP4 (CMAF).
 *
 *   ftyp moov { [styp emsg prft] moof mdat } ...
 *
 * The head is ftyp and moov. A fragment is a unit; its mdat is forwarded while it arrives. One to
 * start at is a fragment whose first video sample is a sync sample. Offsets from the beginning of the
 * file, which nobody who joins later knows, are made relative to the fragment. What only helps to
 * seek in a file is left out.
 *
 * source   media.md 3.4, 9.1 rows 11, 12; ISO 14496-12
 */
#include <string.h>

#include "core/media/parser.h"
#include "core/media/tags.h"

#define MP4_BOX_MAX    (32u << 20)
#define MP4_MOOV_MAX   (1u << 20)
#define MP4_MOOF_MAX   (1u << 20)
#define MP4_FTYP_MAX   4096
#define MP4_BEFORE_MAX 65536            /* boxes that belong to the next fragment */
#define MP4_UDTA_KEEP  2048             /* texts and pictures in the head */
#define MP4_TRACKS     32
#define MP4_HEAD_MAX   16               /* bytes of the longest box header */
#define MP4_NOT_SYNC   0x00010000u      /* sample_is_non_sync_sample */
#define MP4_MS_MAX     (INT64_C(1) << 53)

#define CC(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

enum {
	FTYP = CC('f', 't', 'y', 'p'), STYP = CC('s', 't', 'y', 'p'), MOOV = CC('m', 'o', 'o', 'v'),
	MOOF = CC('m', 'o', 'o', 'f'), MDAT = CC('m', 'd', 'a', 't'), EMSG = CC('e', 'm', 's', 'g'),
	PRFT = CC('p', 'r', 'f', 't'), FREE = CC('f', 'r', 'e', 'e'), SKIP = CC('s', 'k', 'i', 'p'),
	MVEX = CC('m', 'v', 'e', 'x'), TREX = CC('t', 'r', 'e', 'x'), TRAK = CC('t', 'r', 'a', 'k'),
	TKHD = CC('t', 'k', 'h', 'd'), MDIA = CC('m', 'd', 'i', 'a'), MDHD = CC('m', 'd', 'h', 'd'),
	HDLR = CC('h', 'd', 'l', 'r'), VIDE = CC('v', 'i', 'd', 'e'), UDTA = CC('u', 'd', 't', 'a'),
	META = CC('m', 'e', 't', 'a'), ILST = CC('i', 'l', 's', 't'), DATA = CC('d', 'a', 't', 'a'),
	TRAF = CC('t', 'r', 'a', 'f'), TFHD = CC('t', 'f', 'h', 'd'), TFDT = CC('t', 'f', 'd', 't'),
	TRUN = CC('t', 'r', 'u', 'n'),
};

enum { TFHD_BASE = 0x1, TFHD_INDEX = 0x2, TFHD_DURATION = 0x8, TFHD_SIZE = 0x10, TFHD_FLAGS = 0x20 };
#define TFHD_BASE_IS_MOOF 0x20000
enum { TRUN_OFFSET = 0x1, TRUN_FIRST = 0x4, TRUN_DURATION = 0x100, TRUN_SIZE = 0x200, TRUN_FLAGS = 0x400 };

struct mp4_track {
	uint32_t id;
	uint32_t scale;         /* ticks per second */
	uint32_t duration, flags;       /* of a sample that says nothing itself */
	bool video;
};

struct mp4 {
	uint64_t origin;        /* input bytes in front of the ftyp: offsets count from there */
	bool typed, ready;      /* ftyp, moov were seen */
	bool due;               /* a head is to go out before the next fragment */
	bool fragment;          /* a moof was seen: data may follow */
	bool dropped;           /* its data is passed over */
	bool in_mdat;
	size_t left;            /* bytes of the mdat, or of a box to pass over */
	size_t size;            /* of the fragment so far */
	int64_t ms;             /* of the fragment */
	int64_t dur_ms;
	bool has_ra;
	int64_t ra_ms;          /* the last place to start */
	bool has_video;
	uint32_t video;         /* id of the first video track */
	struct mp4_track track[MP4_TRACKS];
	unsigned n;
	struct buf ftyp, head;  /* head: with the ftyp in front */
	struct buf before;
	struct buf edit;        /* a moof with relative offsets */
};

/* --- boxes ------------------------------------------------------------------------------------ */

struct box {
	uint32_t type;
	const uint8_t *p;       /* all n bytes of it */
	size_t n;
	struct rd body;
};

/* Size of a whole box and of its header, of which cap bytes are there. false = not enough of them. */
static bool box_head(const uint8_t *p, size_t cap, uint32_t *type, uint64_t *size, size_t *head)
{
	struct rd r = rd_of(p, cap);

	*size = rd_be32(&r);
	*type = rd_be32(&r);
	*head = 8;
	if (*size == 1) {
		*size = rd_be64(&r);
		*head = 16;
	}
	return r.err == ST_OK;
}

/* The next box inside another. false at the end and when it is broken (then r->err is set). */
static bool box_next(struct rd *r, struct box *b)
{
	uint64_t size;
	size_t head;

	if (r->err != ST_OK || r->left == 0)
		return false;
	if (!box_head(r->p, r->left, &b->type, &size, &head) || size < head || size > r->left) {
		r->err = ST_PROTO;
		return false;
	}
	b->n = (size_t)size;
	b->p = rd_take(r, b->n);
	b->body = rd_of(b->p + head, b->n - head);
	return true;
}

/* The first child of that type; false = none. */
static bool box_find(struct rd r, uint32_t type, struct box *b)
{
	while (box_next(&r, b))
		if (b->type == type)
			return true;
	return false;
}

static int64_t to_ms(uint64_t ticks, uint32_t scale)
{
	const double ms = scale == 0 ? 0 : (double)ticks * 1000 / scale;

	return ms > (double)MP4_MS_MAX ? MP4_MS_MAX : (int64_t)ms;
}

/* --- moov ------------------------------------------------------------------------------------- */

static bool trak_read(struct rd trak, struct mp4_track *t)
{
	struct box tkhd, mdia, mdhd, hdlr;
	uint8_t v;

	if (!box_find(trak, TKHD, &tkhd) || !box_find(trak, MDIA, &mdia) ||
		!box_find(mdia.body, MDHD, &mdhd) || !box_find(mdia.body, HDLR, &hdlr))
		return false;
	v = rd_u8(&tkhd.body);
	(void)rd_take(&tkhd.body, v == 1 ? 3 + 16 : 3 + 8);
	t->id = rd_be32(&tkhd.body);
	v = rd_u8(&mdhd.body);
	(void)rd_take(&mdhd.body, v == 1 ? 3 + 16 : 3 + 8);
	t->scale = rd_be32(&mdhd.body);
	(void)rd_take(&hdlr.body, 8);
	t->video = rd_be32(&hdlr.body) == VIDE;
	return tkhd.body.err == ST_OK && mdhd.body.err == ST_OK && hdlr.body.err == ST_OK;
}

static struct mp4_track *track_of(struct mp4 *s, uint32_t id)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->track[i].id == id)
			return &s->track[i];
	return NULL;
}

static void trex_read(struct mp4 *s, struct rd r)
{
	struct mp4_track *t;

	(void)rd_be32(&r);
	t = track_of(s, rd_be32(&r));
	if (t == NULL)
		return;
	(void)rd_be32(&r);
	t->duration = rd_be32(&r);
	(void)rd_be32(&r);
	t->flags = rd_be32(&r);
}

/* Title and the like, as iTunes keeps them. */
static void udta_read(struct rd udta, struct tags *t)
{
	const struct {
		uint32_t type;
		char *to;
	} known[] = {
		{ CC(0xa9, 'n', 'a', 'm'), t->title },
		{ CC(0xa9, 'A', 'R', 'T'), t->artist },
		{ CC(0xa9, 'a', 'l', 'b'), t->album },
		{ CC(0xa9, 'g', 'e', 'n'), t->genre },
	};
	struct box meta, ilst, item, data;

	if (!box_find(udta, META, &meta) || rd_take(&meta.body, 4) == NULL ||
		!box_find(meta.body, ILST, &ilst))
		return;
	while (box_next(&ilst.body, &item))
		for (size_t i = 0; i < NELEM(known); i++)
			if (item.type == known[i].type && box_find(item.body, DATA, &data) &&
				rd_be32(&data.body) == 1 && rd_take(&data.body, 4) != NULL)
				(void)text_clean(known[i].to, TEXT_MAX, data.body.p, data.body.left);
}

/* Is there something in it that a head does without? */
static bool moov_child_goes(const struct box *b)
{
	return b->type == FREE || b->type == SKIP ||
	       ((b->type == UDTA || b->type == META) && b->n > MP4_UDTA_KEEP);
}

/* ftyp, and moov with what is kept of it. */
static void head_put(struct mp4 *s, struct buf *out, struct rd moov)
{
	struct box b;
	size_t at;

	buf_put(out, s->ftyp.p, s->ftyp.len);
	at = out->len;
	buf_put(out, "\0\0\0\0moov", 8);
	while (box_next(&moov, &b))
		if (!moov_child_goes(&b))
			buf_put(out, b.p, b.n);
	for (size_t i = 0; i < 4 && out->err == ST_OK; i++)
		out->p[at + i] = (uint8_t)((out->len - at) >> (24 - 8 * i));
}

static enum status mp4_moov(struct media *m, struct mp4 *s, const struct box *moov)
{
	struct rd r = moov->body;
	struct tags t = { .title = "" };
	struct box b, c;
	struct buf head;
	bool mvex = false;

	s->n = 0;
	s->has_video = false;
	while (box_next(&r, &b)) {
		if (b.type == TRAK && s->n == MP4_TRACKS)
			return media_fail(m, ST_LIMIT, "more than %d MP4 tracks", MP4_TRACKS);
		if (b.type == TRAK) {
			struct mp4_track *k = &s->track[s->n];

			*k = (struct mp4_track){ .id = 0 };
			if (!trak_read(b.body, k))
				return media_fail(m, ST_PROTO, "broken MP4 track");
			s->n++;
			if (k->video && !s->has_video)
				s->video = k->id;
			s->has_video |= k->video;
		}
		if (b.type == UDTA)
			udta_read(b.body, &t);
		mvex |= b.type == MVEX;
	}
	if (r.err != ST_OK || s->n == 0)
		return media_fail(m, ST_PROTO, "broken MP4 header (moov)");
	if (!mvex)
		return media_fail(m, ST_PROTO,
			"MP4 is not fragmented (no mvex): needs frag_keyframe+empty_moov");
	r = moov->body;
	while (box_next(&r, &b))
		while (b.type == MVEX && box_next(&b.body, &c))
			if (c.type == TREX)
				trex_read(s, c.body);
	buf_init(&head, s->ftyp.len + moov->n);
	head_put(s, &head, moov->body);
	if (head.err != ST_OK) {
		buf_fini(&head);
		return media_fail(m, ST_LIMIT, "no memory for the MP4 header");
	}
	/* some repeat it in front of fragments */
	if (s->head.len != head.len || memcmp(s->head.p, head.p, head.len) != 0)
		s->due = true;
	buf_fini(&s->head);
	s->head = head;
	s->ready = true;
	return media_set_tags(m, &t) ? media_inform(m) : ST_OK;
}

/* --- moof ------------------------------------------------------------------------------------- */

struct traf {
	uint32_t id;
	uint32_t flags;         /* of its first sample */
	bool samples;
	bool absolute;          /* has a base_data_offset */
	uint64_t base;
	uint64_t time, ticks;   /* decode time, duration */
	bool has_time;
};

/* A run of samples: the flags of the first, and how long it takes. */
static void trun_read(struct traf *t, struct rd r, uint32_t duration, uint32_t flags)
{
	const uint32_t f = rd_be32(&r) & 0xffffff, count = rd_be32(&r);
	size_t each = 0;

	if ((f & TRUN_OFFSET) != 0)
		(void)rd_be32(&r);
	if ((f & TRUN_FIRST) != 0)
		flags = rd_be32(&r);
	for (uint32_t bit = TRUN_DURATION; bit <= 0x800; bit <<= 1)
		each += (f & bit) != 0 ? 4 : 0;
	if (r.err != ST_OK || count == 0 || (each > 0 && count > r.left / each))
		return;
	if ((f & (TRUN_FIRST | TRUN_FLAGS)) == TRUN_FLAGS) {
		struct rd first = r;

		(void)rd_take(&first, ((f & TRUN_DURATION) != 0 ? 4 : 0) + ((f & TRUN_SIZE) != 0 ? 4 : 0));
		flags = rd_be32(&first);
	}
	if (!t->samples)
		t->flags = flags;
	t->samples = true;
	if ((f & TRUN_DURATION) == 0) {
		t->ticks += (uint64_t)count * duration;
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		t->ticks += rd_be32(&r);
		(void)rd_take(&r, each - 4);
	}
}

static bool traf_read(struct mp4 *s, struct rd traf, struct traf *t)
{
	const struct mp4_track *k;
	uint32_t f, duration, flags;
	struct rd r = traf;
	struct box b;

	*t = (struct traf){ .id = 0 };
	if (!box_find(traf, TFHD, &b))
		return false;
	f = rd_be32(&b.body) & 0xffffff;
	t->id = rd_be32(&b.body);
	k = track_of(s, t->id);
	duration = k != NULL ? k->duration : 0;
	flags = k != NULL ? k->flags : 0;
	t->absolute = (f & TFHD_BASE) != 0;
	if (t->absolute)
		t->base = rd_be64(&b.body);
	if ((f & TFHD_INDEX) != 0)
		(void)rd_be32(&b.body);
	if ((f & TFHD_DURATION) != 0)
		duration = rd_be32(&b.body);
	if ((f & TFHD_SIZE) != 0)
		(void)rd_be32(&b.body);
	if ((f & TFHD_FLAGS) != 0)
		flags = rd_be32(&b.body);
	if (b.body.err != ST_OK)
		return false;
	while (box_next(&r, &b)) {
		if (b.type == TFDT) {
			const bool wide = rd_be32(&b.body) >> 24 == 1;

			t->has_time = true;
			t->time = wide ? rd_be64(&b.body) : rd_be32(&b.body);
		} else if (b.type == TRUN) {
			trun_read(t, b.body, duration, flags);
		}
	}
	return r.err == ST_OK;
}

/* The data_offset of a run, moved by delta. false = it has none, or it would not fit. */
static bool trun_move(uint8_t *p, struct rd r, int64_t delta)
{
	const uint32_t f = rd_be32(&r);
	int64_t v;

	(void)rd_be32(&r);
	v = (int32_t)rd_be32(&r) + delta;
	if (r.err != ST_OK || (f & TRUN_OFFSET) == 0 || v < INT32_MIN || v > INT32_MAX)
		return false;
	for (int i = 0; i < 4; i++)
		p[16 + i] = (uint8_t)((uint32_t)v >> (24 - 8 * i));
	return true;
}

/* Make the base of one traf at p (in s->edit) the moof: the eight bytes of the field become an empty
 * box behind the tfhd, so that no size around it changes. false = it cannot be said so. */
static bool traf_relative(uint8_t *p, size_t n, int64_t delta)
{
	struct rd r = rd_of(p + 8, n - 8);
	bool moved = delta == 0, edited = false;
	struct box b;

	while (box_next(&r, &b)) {
		uint8_t *q = p + (b.p - p);
		struct rd body = b.body;
		uint32_t f;

		if (b.type != TRUN && b.type != TFHD)
			continue;
		if (b.body.left != b.n - 8)             /* a header of 64 bits: nobody writes that */
			return false;
		f = rd_be32(&body);
		if (b.type == TRUN && delta != 0) {
			/* one without an offset goes on where the last one ended */
			if (!trun_move(q, b.body, delta) && (!moved || (f & TRUN_OFFSET) != 0))
				return false;
			moved = true;
		}
		if (b.type == TRUN || edited || (f & TFHD_BASE) == 0 || b.n < 24)
			continue;
		edited = true;
		f = (f & ~(uint32_t)TFHD_BASE) | TFHD_BASE_IS_MOOF;
		for (int i = 0; i < 4; i++) {
			q[i] = (uint8_t)((b.n - 8) >> (24 - 8 * i));
			q[8 + i] = (uint8_t)(f >> (24 - 8 * i));
		}
		memmove(q + 16, q + 24, b.n - 24);
		memcpy(q + b.n - 8, "\0\0\0\x08" "free", 8);
	}
	return edited;
}

/* The moof with relative offsets in s->edit. at: where it lies in the file. */
static enum status moof_relative(struct media *m, struct mp4 *s, const struct box *moof, uint64_t at)
{
	struct rd r;
	struct box b;
	struct traf t;

	buf_reset(&s->edit);
	buf_put(&s->edit, moof->p, moof->n);
	if (s->edit.err != ST_OK)
		return media_fail(m, ST_LIMIT, "no memory for an MP4 fragment");
	r = rd_of(s->edit.p + (moof->body.p - moof->p), moof->body.left);
	while (box_next(&r, &b)) {
		if (b.type != TRAF || !traf_read(s, b.body, &t) || !t.absolute)
			continue;
		if (b.body.left != b.n - 8 || t.base - at + INT32_MAX > UINT32_MAX ||
			!traf_relative(s->edit.p + (b.p - s->edit.p), b.n, (int64_t)(t.base - at))) {
			media_note(m, NOTE_MP4_OFFSET,
				"MP4 fragments with offsets into the file: viewers who join late cannot "
				"play them (default_base_moof helps)");
			buf_reset(&s->edit);
			return ST_OK;
		}
	}
	return ST_OK;
}

/* What the fragment is for somebody who would start at it; sets its time. absolute: it needs an edit. */
static enum status moof_read(struct media *m, struct mp4 *s, const struct box *moof, enum unit_kind *kind,
	bool *absolute)
{
	struct rd r = moof->body;
	bool video = false, sound = false, timed = false, key = false, ra;
	int64_t ms = s->ms + s->dur_ms;
	struct box b;

	s->dur_ms = 0;
	*absolute = false;
	while (box_next(&r, &b)) {
		const struct mp4_track *k;
		struct traf t;

		if (b.type != TRAF)
			continue;
		if (!traf_read(s, b.body, &t))
			return media_fail(m, ST_PROTO, "broken MP4 fragment (traf)");
		*absolute |= t.absolute;
		k = track_of(s, t.id);
		if (k == NULL || !t.samples)
			continue;
		s->dur_ms = MAX(s->dur_ms, to_ms(t.ticks, k->scale));
		if (t.has_time && (!timed || t.id == s->video)) {
			ms = to_ms(t.time, k->scale);
			timed = true;
		}
		video |= k->video;
		sound |= !k->video;
		if (s->has_video && t.id == s->video)
			key = (t.flags & MP4_NOT_SYNC) == 0;
	}
	if (r.err != ST_OK)
		return media_fail(m, ST_PROTO, "broken MP4 fragment (moof)");
	s->ms = ms;
	if (!s->has_ra || ms < s->ra_ms - 1000) {
		s->has_ra = true;
		s->ra_ms = ms;
	}
	ra = s->has_video ? key || (video && ms - s->ra_ms >= MEDIA_KEY_MS) : sound;
	if (ra)
		s->ra_ms = ms;
	if (s->has_video)
		*kind = ra ? UNIT_KEY : video ? UNIT_INTER : sound ? UNIT_AUDIO : UNIT_OTHER;
	else
		*kind = ra ? UNIT_FREE : UNIT_OTHER;
	return ST_OK;
}

static enum status mp4_moof(struct media *m, struct mp4 *s, const struct box *moof)
{
	const uint64_t at = m->in.taken - s->origin;
	struct unit u = { .nparts = 0 };
	bool absolute;
	enum status st;

	if (!s->ready)
		return media_fail(m, ST_PROTO, "MP4 fragment before its header (ftyp, moov)");
	if (!s->due) {
		st = moof_read(m, s, moof, &u.kind, &absolute);
	} else if (m->headed && !media_head_ready(m)) {
		s->fragment = s->dropped = true;
		buf_reset(&s->before);
		return ST_OK;
	} else {
		s->has_ra = false;
		st = moof_read(m, s, moof, &u.kind, &absolute);
		if (st == ST_OK)
			st = media_head(m, s->head.p, s->head.len);
		s->due = false;
	}
	if (st == ST_OK && absolute)
		st = moof_relative(m, s, moof, at);
	if (st != ST_OK)
		return st;
	s->fragment = true;
	s->dropped = false;
	if (s->before.len > 0)
		u.part[u.nparts++] = (struct span){ s->before.p, s->before.len };
	u.part[u.nparts++] = absolute && s->edit.len > 0 ? (struct span){ s->edit.p, s->edit.len } :
	                     (struct span){ moof->p, moof->n };
	for (int i = 0; i < u.nparts; i++)
		u.n += u.part[i].n;
	u.ms = s->ms;
	s->size = u.n;
	st = media_unit(m, &u);
	buf_reset(&s->before);
	return st;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* A box that is read whole: its most, 0 = it is not. */
static size_t whole_max(uint32_t type)
{
	switch (type) {
	case FTYP:
		return MP4_FTYP_MAX;
	case MOOV:
		return MP4_MOOV_MAX;
	case MOOF:
		return MP4_MOOF_MAX;
	case STYP:
	case EMSG:
	case PRFT:
		return MP4_BEFORE_MAX;
	default:
		return 0;
	}
}

static enum status mp4_box(struct media *m, struct mp4 *s, const struct box *b)
{
	switch (b->type) {
	case FTYP:
		buf_reset(&s->ftyp);
		buf_reset(&s->head);
		buf_put(&s->ftyp, b->p, b->n);
		if (s->ftyp.err != ST_OK)
			return media_fail(m, ST_LIMIT, "no memory for the MP4 header");
		s->origin = m->in.taken;
		s->typed = true;
		s->ready = s->fragment = false;
		return media_flush(m);
	case MOOV:
		if (!s->typed)
			return media_fail(m, ST_PROTO, "MP4 header (moov) before its ftyp");
		return mp4_moov(m, s, b);
	case MOOF:
		return mp4_moof(m, s, b);
	default:
		if (s->before.len + b->n <= MP4_BEFORE_MAX)
			buf_put(&s->before, b->p, b->n);
		if (s->before.err != ST_OK)
			return media_fail(m, ST_LIMIT, "no memory for an MP4 box");
		return ST_OK;
	}
}

static void cc_text(char out[5], uint32_t type)
{
	for (int i = 0; i < 4; i++) {
		const uint8_t c = (uint8_t)(type >> (24 - 8 * i));

		out[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
	}
	out[4] = '\0';
}

/* The header of a box that is forwarded, or passed over, while it arrives. */
static enum status mp4_begin(struct media *m, struct mp4 *s, const uint8_t *p, uint32_t type, size_t size,
	size_t head)
{
	enum status st = ST_OK;

	if (type == MDAT && !s->fragment)
		return media_fail(m, ST_PROTO,
			"MP4 data (mdat) before any fragment (moof): needs frag_keyframe+empty_moov");
	s->in_mdat = type == MDAT && !s->dropped;
	s->left = size - head;
	if (s->in_mdat) {
		st = media_more(m, p, head);
		s->size += head;
	}
	in_drop(&m->in, head);
	return st;
}

static enum status mp4_next(struct media *m, struct mp4 *s, bool *more)
{
	const uint8_t *p;
	size_t n = in_view(&m->in, MP4_HEAD_MAX, &p), head;
	uint64_t size;
	uint32_t type;
	char name[5];
	enum status st;

	*more = true;
	if (m->in.carry.err != ST_OK)
		return media_fail(m, ST_LIMIT, "no memory for an MP4 box");
	if (!box_head(p, n, &type, &size, &head))
		return ST_OK;
	cc_text(name, type);
	if (strchr(name, '?') != NULL || size < head)
		return media_fail(m, ST_PROTO, "not an MP4 box at byte %llu (type %08X, size %llu)",
			(unsigned long long)m->in.taken, (unsigned)type, (unsigned long long)size);

	const size_t max = whole_max(type);

	if (size > (max > 0 ? max : MP4_BOX_MAX))
		return media_fail(m, ST_LIMIT, "MP4 box %s of %llu bytes (limit %zu)", name,
			(unsigned long long)size, max > 0 ? max : MP4_BOX_MAX);
	*more = false;
	if (max == 0)
		return mp4_begin(m, s, p, type, (size_t)size, head);
	st = media_peek(m, (size_t)size, &p);
	*more = p == NULL;
	if (p == NULL)
		return st;
	st = mp4_box(m, s, &(struct box){ .type = type, .p = p, .n = (size_t)size,
	                                  .body = rd_of(p + head, (size_t)size - head) });
	in_drop(&m->in, (size_t)size);
	return st;
}

/* What is here of the box that is forwarded, or passed over. */
static enum status mp4_stream(struct media *m, struct mp4 *s)
{
	enum status st = ST_OK;

	while (s->left > 0 && in_avail(&m->in) > 0 && st == ST_OK) {
		const size_t n = MIN(s->left, MIN(in_avail(&m->in), (size_t)MEDIA_DATA_MAX));
		const uint8_t *p;

		if (s->in_mdat) {
			st = media_peek(m, n, &p);
			if (p == NULL)
				return st;
			st = media_more(m, p, n);
			s->size += n;
		}
		in_drop(&m->in, n);
		s->left -= n;
	}
	if (s->left > 0 || st != ST_OK || !s->in_mdat)
		return st;
	s->in_mdat = false;
	/* the end of a fragment that has filled packets, or took its time, waits for nothing */
	return s->size > MEDIA_DATA_MAX || s->dur_ms >= MEDIA_FLUSH_MS ? media_flush(m) : ST_OK;
}

static enum status mp4_run(struct media *m)
{
	struct mp4 *s = m->self;
	enum status st = ST_OK;
	bool more = false;

	while (st == ST_OK && !more) {
		st = mp4_stream(m, s);
		more = s->left > 0;
		if (st == ST_OK && !more)
			st = mp4_next(m, s, &more);
	}
	return st;
}

static void mp4_open(struct media *m)
{
	struct mp4 *s = m->self;

	m->cutting = (struct cutting){ .soft = MEDIA_DATA_MAX };
	buf_init(&s->ftyp, MP4_FTYP_MAX);
	buf_init(&s->head, 0);
	buf_init(&s->before, MP4_BEFORE_MAX);
	buf_init(&s->edit, MP4_MOOF_MAX);
}

static void mp4_fini(struct media *m)
{
	struct mp4 *s = m->self;

	buf_fini(&s->ftyp);
	buf_fini(&s->head);
	buf_fini(&s->before);
	buf_fini(&s->edit);
}

const struct parser parser_mp4 = {
	.size = sizeof(struct mp4), .open = mp4_open, .run = mp4_run, .fini = mp4_fini,
};
