/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ogg: Vorbis, Opus, FLAC, Speex, Theora, VP8, alone or multiplexed, and chains of those.
 *
 *   (first pages of all logical streams) -> (their header pages) -> data pages -> a first page again ...
 *
 * The head is made of the header pages, in the order of the logical streams, and goes out with the
 * first data page. Data pages are forwarded as they are, one unit each. A first page behind anything
 * else begins a new link of the chain, with a head of its own. Logical streams of other codecs are
 * left out.
 *
 * A page counts only with a right checksum: what is between two good pages is passed over.
 *
 * source   media.md 3.5, 7.3, 9.1 rows 13-15
 */
#include "core/media/ogg.h"

#include <string.h>

#include "core/media/parser.h"

#define OGG_STREAMS      16             /* logical streams in one link */
#define OGG_SEARCH       (256u << 10)   /* bytes without a page */
#define OGG_HEADER_BYTES (1u << 20)     /* pages before the head */
#define OGG_AUDIO_MS     1000           /* between starts, when every page goes on with a packet */

struct ogg {
	bool open;              /* between a first page and the head */
	bool group;             /* only first pages so far */
	uint32_t searched;      /* bytes since the last good page */
	size_t header_bytes;    /* first and header pages of the link, and what comes between */
	const struct ogg_stream *video;         /* the first one, or NULL */
	bool has_ra;
	int64_t ra_ms;          /* the last place to start */
	struct ogg_stream stream[OGG_STREAMS];
	unsigned n;
	struct ogg_crc crc;
};

static void ogg_reset(struct ogg *o)
{
	for (unsigned i = 0; i < o->n; i++)
		ogg_stream_fini(&o->stream[i]);
	o->n = 0;
	o->video = NULL;
	o->has_ra = false;
	o->header_bytes = 0;
}

/* --- the head --------------------------------------------------------------------------------- */

/* What the link says of itself; texts of the link before it are forgotten. */
static enum status ogg_tell(struct media *m, const struct ogg *o, const struct tags *t)
{
	struct media_info *i = &m->info;
	bool changed = media_set_tags(m, t), declared = true;
	uint32_t kbps = 0;

	for (unsigned k = 0; k < o->n; k++) {
		const struct ogg_stream *s = &o->stream[k];

		kbps += s->kbps;
		declared &= s->kbps > 0 || s->codec == OGG_UNKNOWN;
		if (s->codec == OGG_THEORA && strcmp(m->type, "OGM") != 0) {
			(void)text_copy(m->type, sizeof(m->type), "OGM");
			changed = true;
		}
	}
	if (!declared)
		kbps = m->rate.kbps;
	if (kbps != i->bitrate_kbps || declared != i->declared) {
		changed |= kbps != i->bitrate_kbps;
		i->bitrate_kbps = kbps;
		i->declared = declared;
	}
	return changed ? media_inform(m) : ST_OK;
}

static enum status ogg_publish(struct media *m, struct ogg *o)
{
	struct tags t = { .title = "" };
	enum status st = ST_OK;
	struct buf b;

	buf_init(&b, o->header_bytes);
	for (unsigned i = 0; i < o->n; i++)
		if (o->stream[i].codec != OGG_UNKNOWN)
			buf_put(&b, o->stream[i].pages.p, o->stream[i].nbos);
	for (unsigned i = 0; i < o->n && st == ST_OK; i++)
		if (o->stream[i].codec != OGG_UNKNOWN)
			st = ogg_headers_put(&o->stream[i], &o->crc, &b, &t);
	if (st != ST_OK || b.err != ST_OK)
		st = media_fail(m, ST_LIMIT, "no memory for the Ogg headers");
	else
		st = ogg_tell(m, o, &t);
	if (st == ST_OK)
		st = media_head(m, b.p, b.len);
	buf_fini(&b);
	for (unsigned i = 0; i < o->n; i++)
		buf_fini(&o->stream[i].pages);
	o->open = false;
	return st;
}

/* --- data ------------------------------------------------------------------------------------- */

/* The first packet that begins on the page; false = none does. */
static bool first_packet(const struct ogg_page *pg, struct ogg_piece *x)
{
	*x = (struct ogg_piece){ .pg = pg };
	while (ogg_piece_next(x))
		if (x->begins)
			return true;
	return false;
}

static enum unit_kind ogg_kind(
	struct ogg *o, const struct ogg_stream *s, const struct ogg_page *pg, int64_t ms)
{
	struct ogg_piece x;
	const bool begins = first_packet(pg, &x);
	bool ra;

	if (!o->has_ra || ms < o->ra_ms - 1000) {
		o->has_ra = true;
		o->ra_ms = ms;
	}
	/* the rest of a packet in front of the first whole one is passed over by every decoder */
	if (o->video == NULL)
		ra = begins && ((pg->flags & OGG_CONTINUED) == 0 || ms - o->ra_ms >= OGG_AUDIO_MS);
	else
		ra = s == o->video && begins &&
		     (ogg_is_key(s->codec, x.p, x.n) || ms - o->ra_ms >= MEDIA_KEY_MS);
	if (ra)
		o->ra_ms = ms;
	if (ogg_is_video(s->codec))
		return ra ? UNIT_KEY : UNIT_INTER;
	return ra ? UNIT_FREE : UNIT_AUDIO;
}

static enum status ogg_data(
	struct media *m, struct ogg *o, struct ogg_stream *s, const struct ogg_page *pg)
{
	const int64_t was = s->ms;
	enum status st;

	s->ms = ogg_ms(s, pg->granule);

	const struct unit u = {
		.kind = ogg_kind(o, s, pg, s->ms),
		.ms = s->ms,
		.n = pg->n,
		.nparts = 1,
		.part = { { pg->p, pg->n } },
	};

	st = media_unit(m, &u);
	/* a page that has waited in the encoder for company need not wait here */
	if (st == ST_OK && (s->ms - was >= MEDIA_FLUSH_MS || s->ms < was))
		st = media_flush(m);
	return st;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The first page of a logical stream. */
static enum status ogg_first_page(struct media *m, struct ogg *o, const struct ogg_page *pg)
{
	struct ogg_stream *s;

	if (o->n == OGG_STREAMS)
		return media_fail(m, ST_LIMIT, "more than %d logical Ogg streams", OGG_STREAMS);
	s = &o->stream[o->n++];
	ogg_stream_init(s, pg, OGG_HEADER_BYTES);
	if (s->codec == OGG_UNKNOWN) {
		media_note(m, NOTE_OGG_CODEC,
			"logical Ogg stream %08X of a codec that is not known: left out",
			(unsigned)pg->serial);
		s->ready = true;
		return ST_OK;
	}
	if (ogg_is_video(s->codec) && o->video == NULL)
		o->video = s;
	if (ogg_header_page(s, pg) != ST_OK)
		return media_fail(m, ST_LIMIT, "no memory for the Ogg headers");
	return ST_OK;
}

static bool ogg_ready(const struct ogg *o)
{
	for (unsigned i = 0; i < o->n; i++)
		if (!o->stream[i].ready)
			return false;
	return true;
}

/* A page that is no first one. */
static enum status ogg_later_page(struct media *m, struct ogg *o, const struct ogg_page *pg)
{
	struct ogg_stream *s = NULL;
	enum status st;

	for (unsigned i = 0; i < o->n; i++)
		if (o->stream[i].serial == pg->serial)
			s = &o->stream[i];
	if (s == NULL) {
		media_note(m, NOTE_OGG_SERIAL,
			"Ogg page of stream %08X, which never began: dropped", (unsigned)pg->serial);
		return ST_OK;
	}
	if (s->codec == OGG_UNKNOWN)
		return ST_OK;
	if (!s->ready && ogg_is_header(s, pg)) {
		st = ogg_header_page(s, pg);
		if (st == ST_OK)
			return ST_OK;
		if (s->pages.err != ST_OK)
			return media_fail(m, st, "no memory for the Ogg headers");
		return media_fail(m, st, "more than %d Ogg header packets", OGG_HEADERS_MAX);
	}
	s->ready = true;
	if (o->open) {
		if (!ogg_ready(o) || (m->headed && !media_head_ready(m)))
			return ST_OK;
		st = ogg_publish(m, o);
		if (st != ST_OK)
			return st;
	}
	return ogg_data(m, o, s, pg);
}

static enum status ogg_page(struct media *m, struct ogg *o, const struct ogg_page *pg)
{
	const bool first = (pg->flags & OGG_BOS) != 0;
	enum status st = ST_OK;

	if (first && !o->group) {
		st = media_flush(m);
		ogg_reset(o);
		o->open = true;
	}
	o->group = first;
	if (st != ST_OK)
		return st;
	if (o->n == 0 || (o->open && !ogg_ready(o)) || first)
		o->header_bytes += pg->n;
	if (o->header_bytes > OGG_HEADER_BYTES)
		return media_fail(
			m, ST_LIMIT, "Ogg headers of more than %u bytes", OGG_HEADER_BYTES);
	return first ? ogg_first_page(m, o, pg) : ogg_later_page(m, o, pg);
}

/* Pass over n bytes in which no page begins. */
static enum status ogg_pass(struct media *m, struct ogg *o, size_t n)
{
	if (!o->open && o->n > 0)
		media_note(m, NOTE_OGG_RESYNC, "bytes between two Ogg pages at byte %llu: dropped",
			(unsigned long long)m->in.taken);
	o->searched += (uint32_t)n;
	in_drop(&m->in, n);
	if (o->searched > OGG_SEARCH)
		return media_fail(m, ST_PROTO, "no Ogg page in %u bytes", OGG_SEARCH);
	return ST_OK;
}

static enum status ogg_next(struct media *m, struct ogg *o, bool *more)
{
	const size_t step = 4096;
	const uint8_t *p;
	size_t n = in_view(&m->in, MIN(in_avail(&m->in), step), &p), size;
	enum status st = ST_OK;
	struct ogg_page pg;

	*more = n == 0;
	if (m->in.carry.err != ST_OK)
		return media_fail(m, ST_LIMIT, "no memory for an Ogg page");
	if (n == 0)
		return ST_OK;
	size = ogg_page_size(p, n);
	if (size == 0) {
		const uint8_t *q = memchr(p + 1, 'O', n - 1);

		return ogg_pass(m, o, q == NULL ? n : (size_t)(q - p));
	}
	if (size == SIZE_MAX) {         /* that happens only with fewer than `step` bytes */
		*more = true;
		return media_peek(m, n + 1, &p);
	}
	st = media_peek(m, size, &p);
	*more = p == NULL;
	if (p == NULL)
		return st;
	if (!ogg_crc_good(&o->crc, p, size))
		return ogg_pass(m, o, 1);
	o->searched = 0;
	ogg_page_read(&pg, p, size);
	st = ogg_page(m, o, &pg);
	in_drop(&m->in, size);
	return st;
}

static enum status ogg_run(struct media *m)
{
	struct ogg *o = m->self;
	enum status st = ST_OK;
	bool more = false;

	while (st == ST_OK && !more)
		st = ogg_next(m, o, &more);
	return st;
}

static void ogg_open(struct media *m)
{
	struct ogg *o = m->self;

	m->cutting = (struct cutting){ .soft = MEDIA_DATA_MAX };
	ogg_crc_init(&o->crc);
}

static void ogg_fini(struct media *m)
{
	ogg_reset(m->self);
}

const struct parser parser_ogg = {
	.size = sizeof(struct ogg), .open = ogg_open, .run = ogg_run, .fini = ogg_fini,
};
