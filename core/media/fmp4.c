/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/fmp4.h"

#include <stdio.h>
#include <string.h>

#include "core/sys/bytes.h"
#include "core/sys/clk.h"
#include "core/sys/text.h"

#define FOURCC(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
#define NTP_1970 2208988800u            /* seconds from 1900 */

/* The next box: its type and body. false at the end, or r->err set. */
static bool next_box(struct rd *r, uint32_t *type, struct rd *body)
{
	uint32_t size;

	if (r->err != ST_OK || r->left == 0)
		return false;
	size = rd_be32(r);
	*type = rd_be32(r);
	if (r->err != ST_OK || size < 8) {      /* neither "to the end" nor 64 bits: nobody makes them here */
		r->err = ST_PROTO;
		return false;
	}
	*body = rd_sub(r, size - 8);
	return r->err == ST_OK;
}

/* The first box of the type; false = there is none. */
static bool find_box(struct rd in, uint32_t type, struct rd *body)
{
	uint32_t t;

	while (next_box(&in, &t, body))
		if (t == type)
			return true;
	return false;
}

bool fmp4_split(const uint8_t *p, size_t n, size_t *init_len)
{
	struct rd r = rd_of(p, n), body;
	bool fragments = false;
	uint32_t type;

	*init_len = n;
	for (size_t at = 0; next_box(&r, &type, &body); at = n - r.left) {
		switch (type) {
		case FOURCC('f', 't', 'y', 'p'):
		case FOURCC('m', 'o', 'o', 'v'):
			if (fragments)
				return false;
			break;
		case FOURCC('f', 'r', 'e', 'e'):
			break;
		case FOURCC('m', 'd', 'a', 't'):
			if (!fragments)
				return false;
			break;
		case FOURCC('s', 't', 'y', 'p'):
		case FOURCC('s', 'i', 'd', 'x'):
		case FOURCC('p', 'r', 'f', 't'):
		case FOURCC('m', 'o', 'o', 'f'):
			if (!fragments)
				*init_len = at;
			fragments = true;
			break;
		default:
			return false;
		}
	}
	return r.err == ST_OK;
}

/* --- codecs ----------------------------------------------------------------------------------- */

static void name_avc(struct rd cfg, const char *fourcc, char *dst)
{
	uint8_t b[3];

	(void)rd_u8(&cfg);
	for (size_t i = 0; i < 3; i++)
		b[i] = rd_u8(&cfg);
	if (cfg.err == ST_OK)
		snprintf(dst, FMP4_CODEC, "%s.%02X%02X%02X", fourcc, b[0], b[1], b[2]);
}

/* The compatibility flags are written with their bits turned round. */
static uint32_t turn(uint32_t v)
{
	uint32_t out = 0;

	for (int i = 0; i < 32; i++)
		out |= (v >> i & 1) << (31 - i);
	return out;
}

static void name_hevc(struct rd cfg, const char *fourcc, char *dst)
{
	static const char spaces[4][2] = { "", "A", "B", "C" };
	uint8_t profile, limits[6], level;
	uint32_t compatible;
	int at, last = -1;

	(void)rd_u8(&cfg);
	profile = rd_u8(&cfg);
	compatible = rd_be32(&cfg);
	for (size_t i = 0; i < sizeof(limits); i++) {
		limits[i] = rd_u8(&cfg);
		last = limits[i] != 0 ? (int)i : last;
	}
	level = rd_u8(&cfg);
	if (cfg.err != ST_OK)
		return;
	at = snprintf(dst, FMP4_CODEC, "%s.%s%u.%X.%c%u", fourcc, spaces[profile >> 6], profile & 31u,
		turn(compatible), profile & 32 ? 'H' : 'L', level);
	for (int i = 0; i <= last; i++)
		at += snprintf(dst + at, FMP4_CODEC - (size_t)at, ".%X", limits[i]);
}

static void name_av1(struct rd cfg, char *dst)
{
	uint8_t a, b;
	int depth;

	(void)rd_u8(&cfg);
	a = rd_u8(&cfg);
	b = rd_u8(&cfg);
	depth = !(b & 0x40) ? 8 : b & 0x20 ? 12 : 10;
	if (cfg.err == ST_OK)
		snprintf(dst, FMP4_CODEC, "av01.%u.%02u%c.%02d", a >> 5, a & 31u, b & 0x80 ? 'H' : 'M',
			depth);
}

static void name_vp9(struct rd cfg, char *dst)
{
	uint8_t profile, level, depth;

	(void)rd_be32(&cfg);
	profile = rd_u8(&cfg);
	level = rd_u8(&cfg);
	depth = rd_u8(&cfg);
	if (cfg.err == ST_OK)
		snprintf(dst, FMP4_CODEC, "vp09.%02u.%02u.%02u", profile, level, depth >> 4);
}

/* The next descriptor of MPEG-4 Systems; false at the end. */
static bool next_descriptor(struct rd *r, uint8_t *tag, struct rd *body)
{
	uint32_t len = 0;
	uint8_t b = 0x80;

	if (r->left == 0)
		return false;
	*tag = rd_u8(r);
	for (int i = 0; i < 4 && (b & 0x80); i++) {
		b = rd_u8(r);
		len = len << 7 | (b & 0x7f);
	}
	*body = rd_sub(r, MIN(len, r->left));
	return r->err == ST_OK;
}

static bool find_descriptor(struct rd in, uint8_t tag, struct rd *body)
{
	uint8_t t;

	while (next_descriptor(&in, &t, body))
		if (t == tag)
			return true;
	return false;
}

static void name_mpeg4(struct rd esds, char *dst)
{
	struct rd es, cfg, spec;
	uint8_t flags, object, first, aot;

	(void)rd_be32(&esds);
	if (!find_descriptor(esds, 3, &es))
		return;
	(void)rd_be16(&es);
	flags = rd_u8(&es);
	if (flags & 0x80)
		(void)rd_be16(&es);
	if (flags & 0x40)
		(void)rd_take(&es, rd_u8(&es));
	if (flags & 0x20)
		(void)rd_be16(&es);
	if (!find_descriptor(es, 4, &cfg))
		return;
	object = rd_u8(&cfg);
	(void)rd_take(&cfg, 12);
	if (cfg.err != ST_OK)
		return;
	if (object != 0x40) {
		snprintf(dst, FMP4_CODEC, "mp4a.%02X", object);
		return;
	}
	if (!find_descriptor(cfg, 5, &spec) || spec.left == 0)
		return;
	first = rd_u8(&spec);
	aot = first >> 3;
	if (aot == 31)
		aot = (uint8_t)(32 + (((first & 7) << 3) | (rd_u8(&spec) >> 5)));
	snprintf(dst, FMP4_CODEC, "mp4a.40.%u", aot);
}

/* A sample entry, its body behind size and type. */
static void name_codec(struct rd entry, uint32_t type, struct fmp4_track *t)
{
	const char fourcc[5] = { (char)(type >> 24), (char)(type >> 16), (char)(type >> 8), (char)type, 0 };
	struct rd cfg;

	(void)rd_take(&entry, t->video ? 78 : 28);
	if (type == FOURCC('a', 'v', 'c', '1') && find_box(entry, FOURCC('a', 'v', 'c', 'C'), &cfg))
		name_avc(cfg, fourcc, t->codec);
	else if ((type == FOURCC('h', 'v', 'c', '1') || type == FOURCC('h', 'e', 'v', '1')) &&
	         find_box(entry, FOURCC('h', 'v', 'c', 'C'), &cfg))
		name_hevc(cfg, fourcc, t->codec);
	else if (type == FOURCC('a', 'v', '0', '1') && find_box(entry, FOURCC('a', 'v', '1', 'C'), &cfg))
		name_av1(cfg, t->codec);
	else if (type == FOURCC('v', 'p', '0', '9') && find_box(entry, FOURCC('v', 'p', 'c', 'C'), &cfg))
		name_vp9(cfg, t->codec);
	else if (type == FOURCC('m', 'p', '4', 'a') && find_box(entry, FOURCC('e', 's', 'd', 's'), &cfg))
		name_mpeg4(cfg, t->codec);
	else if (type == FOURCC('O', 'p', 'u', 's'))
		(void)text_copy(t->codec, FMP4_CODEC, "opus");
	else if (type == FOURCC('f', 'L', 'a', 'C'))
		(void)text_copy(t->codec, FMP4_CODEC, "flac");
	/* what has no name here goes by its code, when that is plain */
	for (size_t i = 0; t->codec[0] == '\0' && i < 4; i++)
		if (!ascii_isalnum((uint8_t)fourcc[i]) && fourcc[i] != '-')
			(void)text_copy(t->codec, FMP4_CODEC, "unknown");
	if (t->codec[0] == '\0')
		(void)text_copy(t->codec, FMP4_CODEC, fourcc);
}

/* --- tracks ----------------------------------------------------------------------------------- */

/* The version of a full box says how long its times are. */
static void skip_times(struct rd *r)
{
	(void)rd_take(r, rd_be32(r) >> 24 == 1 ? 16 : 8);
}

static bool parse_track(struct rd trak, struct fmp4_track *t)
{
	struct rd mdia, minf, stbl, stsd, box, entry;
	uint32_t handler, type;

	if (!find_box(trak, FOURCC('t', 'k', 'h', 'd'), &box))
		return false;
	skip_times(&box);
	t->id = rd_be32(&box);
	if (box.err != ST_OK || !find_box(trak, FOURCC('m', 'd', 'i', 'a'), &mdia) ||
	    !find_box(mdia, FOURCC('m', 'd', 'h', 'd'), &box))
		return false;
	skip_times(&box);
	t->timescale = rd_be32(&box);
	if (box.err != ST_OK || t->timescale == 0 || t->id == 0 ||
	    !find_box(mdia, FOURCC('h', 'd', 'l', 'r'), &box))
		return false;
	(void)rd_be64(&box);
	handler = rd_be32(&box);
	t->video = handler == FOURCC('v', 'i', 'd', 'e');
	if (box.err != ST_OK || (!t->video && handler != FOURCC('s', 'o', 'u', 'n')) ||
	    !find_box(mdia, FOURCC('m', 'i', 'n', 'f'), &minf) ||
	    !find_box(minf, FOURCC('s', 't', 'b', 'l'), &stbl) ||
	    !find_box(stbl, FOURCC('s', 't', 's', 'd'), &stsd))
		return false;
	(void)rd_be64(&stsd);
	if (!next_box(&stsd, &type, &entry))
		return false;
	name_codec(entry, type, t);
	return true;
}

bool fmp4_parse_init(const uint8_t *p, size_t n, struct fmp4_init *out)
{
	struct rd moov, trak;
	uint32_t type;

	memset(out, 0, sizeof(*out));
	if (!find_box(rd_of(p, n), FOURCC('m', 'o', 'o', 'v'), &moov))
		return false;
	while (next_box(&moov, &type, &trak)) {
		if (type != FOURCC('t', 'r', 'a', 'k'))
			continue;
		if (out->n == FMP4_TRACKS || !parse_track(trak, &out->track[out->n]))
			return false;
		out->n++;
	}
	return moov.err == ST_OK && out->n > 0;
}

void fmp4_mime(const struct fmp4_init *i, char dst[FMP4_MIME])
{
	const char *kind = "audio";
	int at;

	for (uint32_t k = 0; k < i->n; k++)
		if (i->track[k].video)
			kind = "video";
	at = snprintf(dst, FMP4_MIME, "%s/mp4; codecs=\"", kind);
	for (uint32_t k = 0; k < i->n; k++)
		at += snprintf(dst + at, (size_t)(FMP4_MIME - at), "%s%s", k > 0 ? "," : "",
			i->track[k].codec);
	snprintf(dst + at, (size_t)(FMP4_MIME - at), "\"");
}

void fmp4_prft(const struct fmp4_init *i, uint32_t track, uint64_t time_us, int64_t wall_ns,
	uint8_t out[FMP4_PRFT])
{
	const struct fmp4_track *t = &i->track[0];
	const uint64_t ns = wall_ns > 0 ? (uint64_t)wall_ns : 0, s = ns / (uint64_t)NSEC_PER_SEC;
	struct wr w = wr_of(out, FMP4_PRFT);

	for (uint32_t k = 0; k < i->n; k++)
		if (i->track[k].id == track)
			t = &i->track[k];
	wr_be32(&w, FMP4_PRFT);
	wr_be32(&w, FOURCC('p', 'r', 'f', 't'));
	wr_be32(&w, 1u << 24);
	wr_be32(&w, t->id);
	wr_be32(&w, (uint32_t)(s + NTP_1970));
	wr_be32(&w, (uint32_t)(((ns % (uint64_t)NSEC_PER_SEC) << 32) / (uint64_t)NSEC_PER_SEC));
	wr_be64(&w, time_us / 1000000 * t->timescale + time_us % 1000000 * t->timescale / 1000000);
}
