/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ogg pages, the codecs in them, their header packets. */
#include "core/media/ogg.h"

#include <string.h>

#define COMMENTS_PLENTY 4096    /* comments above this are edited, and kept below it */
#define COMMENT_MAX     1024    /* longest single entry kept then */
#define FLAC_BLOCK_MAX  1024    /* a FLAC metadata block that is no comments */
#define OGG_MS_MAX      (INT64_C(1) << 53)

enum { FLAC_PADDING = 1, FLAC_COMMENTS = 4 };

/* --- pages ------------------------------------------------------------------------------------ */

void ogg_crc_init(struct ogg_crc *c)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t v = i << 24;

		for (int bit = 0; bit < 8; bit++)
			v = v << 1 ^ ((v & 0x80000000u) != 0 ? 0x04c11db7u : 0);
		c->t[0][i] = v;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int k = 1; k < 4; k++)
			c->t[k][i] = c->t[k - 1][i] << 8 ^ c->t[0][c->t[k - 1][i] >> 24];
}

static uint32_t crc_bytes(const struct ogg_crc *c, uint32_t v, const uint8_t *p, size_t n)
{
	for (; n >= 4; n -= 4, p += 4) {
		v ^= (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
		v = c->t[3][v >> 24] ^ c->t[2][v >> 16 & 255] ^ c->t[1][v >> 8 & 255] ^ c->t[0][v & 255];
	}
	for (; n > 0; n--, p++)
		v = v << 8 ^ c->t[0][v >> 24 ^ *p];
	return v;
}

/* The checksum's own bytes count as zero. */
static uint32_t page_crc(const struct ogg_crc *c, const uint8_t *p, size_t n)
{
	static const uint8_t zero[4];
	uint32_t v = crc_bytes(c, 0, p, 22);

	v = crc_bytes(c, v, zero, sizeof(zero));
	return crc_bytes(c, v, p + 26, n - 26);
}

void ogg_crc_put(const struct ogg_crc *c, uint8_t *p, size_t n)
{
	const uint32_t v = page_crc(c, p, n);

	for (size_t i = 0; i < 4; i++)
		p[22 + i] = (uint8_t)(v >> (8 * i));
}

bool ogg_crc_good(const struct ogg_crc *c, const uint8_t *p, size_t n)
{
	struct rd r = rd_of(p + 22, 4);

	return rd_le32(&r) == page_crc(c, p, n);
}

size_t ogg_page_size(const uint8_t *p, size_t n)
{
	size_t total = OGG_PAGE_HEAD;

	if (memcmp(p, "OggS\0", MIN(n, (size_t)5)) != 0)
		return 0;
	if (n < OGG_PAGE_HEAD || n < OGG_PAGE_HEAD + (size_t)p[26])
		return SIZE_MAX;
	for (size_t i = 0; i < p[26]; i++)
		total += 1 + (size_t)p[OGG_PAGE_HEAD + i];
	return total;
}

void ogg_page_read(struct ogg_page *pg, const uint8_t *p, size_t n)
{
	struct rd r = rd_of(p + 5, n - 5);

	pg->p = p;
	pg->n = n;
	pg->flags = rd_u8(&r);
	pg->granule = (int64_t)rd_le64(&r);
	pg->serial = rd_le32(&r);
	pg->nlacing = p[26];
	pg->lacing = p + OGG_PAGE_HEAD;
	pg->body = pg->lacing + pg->nlacing;
}

bool ogg_piece_next(struct ogg_piece *x)
{
	const struct ogg_page *pg = x->pg;
	uint8_t lace = 255;

	if (x->seg == pg->nlacing)
		return false;
	x->begins = x->seg > 0 || (pg->flags & OGG_CONTINUED) == 0;
	x->p = pg->body + x->at;
	x->n = 0;
	while (lace == 255 && x->seg < pg->nlacing) {
		lace = pg->lacing[x->seg++];
		x->n += lace;
	}
	x->at += x->n;
	x->ends = lace < 255;
	return true;
}

/* --- codecs ----------------------------------------------------------------------------------- */

static uint32_t kbps_of(uint32_t bps)
{
	return bps > INT32_MAX ? 0 : (bps + 500) / 1000;
}

/* The identification packets. false when too short or without a rate. */
static bool vorbis_ident(struct ogg_stream *s, const uint8_t *p, size_t n)
{
	struct rd r = rd_of(p, n);

	(void)rd_take(&r, 12);
	s->num = rd_le32(&r);
	s->den = 1;
	(void)rd_le32(&r);
	s->kbps = kbps_of(rd_le32(&r));
	s->need = 3;
	return r.err == ST_OK;
}

static bool opus_ident(struct ogg_stream *s, const uint8_t *p, size_t n)
{
	s->num = 48000;
	s->den = 1;
	s->need = 2;
	return n >= 19;
}

static bool flac_ident(struct ogg_stream *s, const uint8_t *p, size_t n)
{
	if (n < 51)
		return false;
	s->num = (uint64_t)p[27] << 12 | (uint64_t)p[28] << 4 | p[29] >> 4;
	s->den = 1;
	s->need = (p[13] & 0x80) != 0 ? 1 : 0;
	return true;
}

static bool speex_ident(struct ogg_stream *s, const uint8_t *p, size_t n)
{
	struct rd r = rd_of(p, n);
	uint32_t extra;

	(void)rd_take(&r, 36);
	s->num = rd_le32(&r);
	s->den = 1;
	(void)rd_take(&r, 12);
	s->kbps = kbps_of(rd_le32(&r));
	(void)rd_take(&r, 12);
	extra = rd_le32(&r);
	s->need = 2 + MIN(extra, (uint32_t)OGG_HEADERS_MAX);
	return r.err == ST_OK;
}

static bool theora_ident(struct ogg_stream *s, const uint8_t *p, size_t n)
{
	struct rd r = rd_of(p, n);
	uint16_t bits;

	(void)rd_take(&r, 22);
	s->num = rd_be32(&r);
	s->den = rd_be32(&r);
	(void)rd_take(&r, 7);
	s->kbps = kbps_of(rd_be24(&r));
	bits = rd_be16(&r);
	s->shift = bits >> 5 & 31;
	s->need = 3;
	return r.err == ST_OK;
}

static bool vp8_ident(struct ogg_stream *s, const uint8_t *p, size_t n)
{
	struct rd r = rd_of(p, n);

	(void)rd_take(&r, 18);
	s->num = rd_be32(&r);
	s->den = rd_be32(&r);
	s->shift = 32;
	s->need = 2;
	return r.err == ST_OK;
}

static const struct {
	const char *magic;
	size_t n;
	enum ogg_codec codec;
	bool (*ident)(struct ogg_stream *s, const uint8_t *p, size_t n);
} codecs[] = {
	{ "\x01vorbis", 7, OGG_VORBIS, vorbis_ident },
	{ "OpusHead", 8, OGG_OPUS, opus_ident },
	{ "\x7f" "FLAC", 5, OGG_FLAC, flac_ident },
	{ "Speex   ", 8, OGG_SPEEX, speex_ident },
	{ "\x80theora", 7, OGG_THEORA, theora_ident },
	{ "OVP80\x01", 6, OGG_VP8, vp8_ident },
};

void ogg_stream_init(struct ogg_stream *s, const struct ogg_page *bos, size_t max)
{
	struct ogg_piece x = { .pg = bos };

	memset(s, 0, sizeof(*s));
	s->serial = bos->serial;
	s->nbos = bos->n;
	buf_init(&s->pages, max);
	if (!ogg_piece_next(&x))
		return;
	for (size_t i = 0; i < NELEM(codecs); i++)
		if (x.n >= codecs[i].n && memcmp(x.p, codecs[i].magic, codecs[i].n) == 0 &&
			codecs[i].ident(s, x.p, x.n) && s->num > 0 && s->den > 0)
			s->codec = codecs[i].codec;
}

void ogg_stream_fini(struct ogg_stream *s)
{
	buf_fini(&s->pages);
}

bool ogg_is_video(enum ogg_codec c)
{
	return c == OGG_THEORA || c == OGG_VP8;
}

bool ogg_is_header(const struct ogg_stream *s, const struct ogg_page *pg)
{
	/* VP8's comments are optional */
	return s->codec != OGG_VP8 || s->seen != 1 ||
	       memcmp(pg->body, "OVP80", MIN(pg->n - (size_t)(pg->body - pg->p), (size_t)5)) == 0;
}

enum status ogg_header_page(struct ogg_stream *s, const struct ogg_page *pg)
{
	struct ogg_piece x = { .pg = pg };

	buf_put(&s->pages, pg->p, pg->n);
	while (!s->ready && ogg_piece_next(&x)) {
		if (x.begins)
			s->first = x.n > 0 ? x.p[0] : 0;
		if (!x.ends)
			continue;
		if (++s->seen > OGG_HEADERS_MAX)
			return ST_LIMIT;
		s->ready = s->need > 0 ? s->seen == s->need : s->seen > 1 && (s->first & 0x80) != 0;
	}
	return s->pages.err;
}

bool ogg_is_key(enum ogg_codec c, const uint8_t *p, size_t n)
{
	if (n == 0)             /* the frame before it again */
		return false;
	return c == OGG_THEORA ? (p[0] & 0xc0) == 0 : (p[0] & 1) == 0;
}

int64_t ogg_ms(const struct ogg_stream *s, int64_t granule)
{
	const uint64_t g = (uint64_t)granule, low = (UINT64_C(1) << s->shift) - 1;
	uint64_t units = g;
	double ms;

	if (granule < 0)
		return s->ms;
	if (s->codec == OGG_THEORA)
		units = (g >> s->shift) + (g & low);
	else if (s->codec == OGG_VP8)
		units = g >> s->shift;
	ms = (double)units * 1000 * (double)s->den / (double)s->num;
	return ms > (double)OGG_MS_MAX ? OGG_MS_MAX : (int64_t)ms;
}

/* --- header packets --------------------------------------------------------------------------- */

struct packets {
	struct buf b;           /* one behind the other */
	size_t end[OGG_HEADERS_MAX + 1];
	unsigned n;
};

/* All packets that begin on the header pages; the last may be cut short (data behind the headers). */
static void packets_read(struct packets *k, const struct ogg_stream *s)
{
	size_t at = 0;

	while (at < s->pages.len) {
		const size_t n = ogg_page_size(s->pages.p + at, s->pages.len - at);
		struct ogg_page pg;
		struct ogg_piece x = { .pg = &pg };

		ogg_page_read(&pg, s->pages.p + at, n);
		while (ogg_piece_next(&x)) {
			buf_put(&k->b, x.p, x.n);
			if (!x.ends)
				continue;
			if (k->n == s->seen)
				return;
			k->end[k->n++] = k->b.len;
		}
		at += n;
	}
}

/* Where the comments begin in a header packet, or SIZE_MAX when it has none. */
static size_t comments_at(const struct ogg_stream *s, unsigned i, const uint8_t *p, size_t n)
{
	static const size_t at[] = {
		[OGG_VORBIS] = 7, [OGG_OPUS] = 8, [OGG_SPEEX] = 0, [OGG_THEORA] = 7, [OGG_VP8] = 7,
	};
	size_t k;

	if (s->codec == OGG_FLAC)
		return i > 0 && n >= 4 && (p[0] & 0x7f) == FLAC_COMMENTS ? 4 : SIZE_MAX;
	k = at[s->codec];
	return i == 1 && n >= k ? k : SIZE_MAX;
}

/* The comments again, without pictures, long entries, and what is too much. */
static bool comments_put(struct buf *b, struct rd r)
{
	static const char *const art[] = { "METADATA_BLOCK_PICTURE=", "COVERART=" };
	const size_t vendor = rd_le32(&r);
	const uint8_t *p = rd_take(&r, vendor);
	const uint32_t count = rd_le32(&r);
	const size_t start = b->len;
	uint32_t kept = 0;
	size_t at;

	if (r.err != ST_OK)
		return false;
	buf_le32(b, (uint32_t)MIN(vendor, (size_t)COMMENT_MAX));
	buf_put(b, p, MIN(vendor, (size_t)COMMENT_MAX));
	at = b->len;
	buf_le32(b, 0);
	for (uint32_t i = 0; i < count; i++) {
		const size_t n = rd_le32(&r);
		bool keep = n <= COMMENT_MAX && b->len - start + n < COMMENTS_PLENTY;

		p = rd_take(&r, n);
		if (p == NULL)
			return false;
		for (size_t k = 0; k < NELEM(art); k++)
			keep &= ascii_ncasecmp((const char *)p, art[k], MIN(n, strlen(art[k]))) != 0;
		if (!keep)
			continue;
		kept++;
		buf_le32(b, (uint32_t)n);
		buf_put(b, p, n);
	}
	for (size_t k = 0; k < 4 && b->err == ST_OK; k++)
		b->p[at + k] = (uint8_t)(kept >> (8 * k));
	return true;
}

/* One header packet for the head at the end of b; true when it differs from p. */
static bool packet_put(
	struct buf *b, const struct ogg_stream *s, unsigned i, const uint8_t *p, size_t n, struct tags *t)
{
	const size_t at = comments_at(s, i, p, n), start = b->len;
	const bool flac = s->codec == OGG_FLAC;

	if (at != SIZE_MAX) {
		const struct rd r = rd_of(p + at, n - at);

		(void)tags_vorbis(t, r);
		if (n > COMMENTS_PLENTY) {
			buf_put(b, p, at);
			if (comments_put(b, r)) {
				const size_t len = b->len - start;

				if (s->codec == OGG_VORBIS)
					buf_u8(b, 1);
				for (size_t k = 1; flac && k < 4 && b->err == ST_OK; k++)
					b->p[start + k] = (uint8_t)((len - 4) >> (8 * (3 - k)));
				return true;
			}
			b->len = start;
		}
	} else if (flac && i > 0 && n > FLAC_BLOCK_MAX) {
		/* a picture, a seek table: padding of no length takes its place in the count */
		buf_u8(b, (uint8_t)((p[0] & 0x80) | FLAC_PADDING));
		buf_put(b, "\0\0", 3);
		return true;
	}
	buf_put(b, p, n);
	return false;
}

/* One page of all packets of k from the second on. false when they are too many for one. */
static bool page_put(
	struct buf *out, const struct ogg_stream *s, const struct ogg_crc *crc, const struct packets *k)
{
	const size_t start = out->len, body = k->n > 1 ? k->b.len - k->end[0] : 0;
	size_t nseg = 0;

	for (unsigned i = 1; i < k->n; i++)
		nseg += (k->end[i] - k->end[i - 1]) / 255 + 1;
	if (nseg > 255)
		return false;
	buf_put(out, "OggS\0\0\0\0\0\0\0\0\0", 14);    /* granule 0 */
	buf_le32(out, s->serial);
	buf_le32(out, 1);
	buf_le32(out, 0);
	buf_u8(out, (uint8_t)nseg);
	for (unsigned i = 1; i < k->n; i++) {
		size_t n = k->end[i] - k->end[i - 1];

		for (; n >= 255; n -= 255)
			buf_u8(out, 255);
		buf_u8(out, (uint8_t)n);
	}
	buf_put(out, k->b.p + k->end[0], body);
	if (out->err == ST_OK)
		ogg_crc_put(crc, out->p + start, out->len - start);
	return true;
}

enum status ogg_headers_put(
	const struct ogg_stream *s, const struct ogg_crc *crc, struct buf *out, struct tags *t)
{
	struct packets was = { .n = 0 }, is = { .n = 0 };
	bool edited = false;
	enum status st;

	buf_init(&was.b, s->pages.len);
	buf_init(&is.b, s->pages.len);
	packets_read(&was, s);
	for (unsigned i = 0; i < was.n && was.b.err == ST_OK; i++) {
		const size_t from = i > 0 ? was.end[i - 1] : 0;

		edited |= packet_put(&is.b, s, i, was.b.p + from, was.end[i] - from, t);
		is.end[is.n++] = is.b.len;
	}
	st = was.b.err != ST_OK ? was.b.err : is.b.err;
	if (st == ST_OK && !(edited && page_put(out, s, crc, &is)))
		buf_put(out, s->pages.p + s->nbos, s->pages.len - s->nbos);
	buf_fini(&was.b);
	buf_fini(&is.b);
	return st != ST_OK ? st : out->err;
}
