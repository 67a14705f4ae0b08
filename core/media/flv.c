/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FLV, legacy and enhanced.
 *
 *   FILE -> TAGS -> (three bad tags) RESYNC -> TAGS
 *
 * Tags are handled whole. What is configuration goes into the head and not into the data; the head
 * goes out with the first coded frame after a file header or a change of configuration. Until the
 * first head a tag counts only when it is proven: by its trailing size, or by a sane header right
 * behind it.
 *
 * source   media.md 3.2, 7.4, 9.1 rows 2-6
 */

#include <stdlib.h>
#include <string.h>

#include "core/media/amf0.h"
#include "core/media/parser.h"
#include "core/media/tags.h"

#define FLV_FILE_HEAD   9
#define FLV_TAG_HEAD    11
#define FLV_TRAILER     4
#define FLV_SOFT        4096            /* bytes at which a bundle goes out */
#define FLV_META_MAX    4096            /* an onMetaData kept as it is */
#define FLV_SCRIPT_MAX  (1u << 20)      /* a script tag worth reading */
#define FLV_CONFS       16
#define FLV_OPEN_MS     3000            /* from the file header to a head without a frame */
#define FLV_OPEN_TAGS   64
#define FLV_OPEN_BYTES  (1u << 20)      /* tags that are no frames, before the head */
#define FLV_HOLD_MAX    65536           /* script data kept from before the head */
#define FLV_BAD_TAGS    3
#define FLV_UNKNOWN     100             /* tags of unknown type in a row */
#define FLV_RESYNC      (1u << 20)      /* bytes searched for a tag */
#define FLV_RESYNC_OPEN 61440           /* the same, before the first head: out within 64 KiB */
#define FLV_GUESS       4096            /* longest tag believed with a stream id not seen before */
#define FLV_STEP_MS     40              /* between two streams of which one follows the other */
#define FLV_SETTLED_MS  10000           /* no tag of a stream is as late as that */
#define FLV_NEXT_MS     10000           /* two tags in a row that are further apart prove nothing */

enum { TAG_AUDIO = 8, TAG_VIDEO = 9, TAG_SCRIPT = 18 };

/* One configuration tag: its payload as it goes into the head. */
struct flv_conf {
	uint16_t key;           /* order in the head: video before audio, then by track and kind */
	uint32_t n;
	uint8_t *p;             /* owned */
};

struct flv_meta {
	double width, height, vcodec, acodec;           /* 0 = not said */
	double vrate, arate, maxrate;                   /* kbps */
	bool has_vcodec, has_acodec;
	struct tags tags;
	struct buf *out;        /* known keys written again, or NULL */
};

struct flv {
	enum { FLV_FILE, FLV_TAGS, FLV_SEARCH } state;
	uint8_t flags;          /* of the file header */
	bool open;              /* between a file header and its head */
	bool dirty;             /* a head is due before the next frame */
	bool video, audio;      /* tags of this kind were seen since the file header */
	bool has_ts;
	uint32_t ra_ts;         /* the last place to start */
	bool follows;           /* times go on behind those of another stream: */
	bool shifted;           /* shift is known, */
	bool settled;           /* and all times are well behind left */
	uint32_t left, shift;   /* what it came to; added to our times */
	uint32_t sid;           /* stream id of all tags: 0, but for encoders that know no better */
	uint32_t bad, unknown;  /* in a row */
	uint32_t searched;      /* bytes given up in this search */
	uint32_t ntags, nbytes; /* since the file header, while open */
	nsec opened;
	struct flv_conf conf[FLV_CONFS];
	int nconf;
	struct buf meta;        /* payload of the script tag for the head; empty = none */
	struct flv_meta facts;  /* of that tag */
	struct buf hold;        /* tags for after the head */
	uint8_t front[FLV_TAG_HEAD];
	uint8_t tail[FLV_TRAILER];
};

static uint32_t be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | be24(p + 1);
}

/* --- what a tag is ---------------------------------------------------------------------------- */

enum flv_kind {
	FLV_DATA,               /* neither frame nor configuration */
	FLV_SOUND,              /* coded audio */
	FLV_INTER,
	FLV_KEY,
	FLV_CONF,
	FLV_CONF_SOFT,          /* belongs into a head, but its change does not make a new one */
};

#define CONF_AUDIO      0x8000
#define CONF_KEY(track, sub) ((uint16_t)((track) << 4 | (sub)))

/* Through ModEx wrappers to the packet type behind them. false = broken. */
static bool flv_modex(struct rd *r, unsigned *pt)
{
	while (*pt == 7 && r->err == ST_OK) {
		size_t n = rd_u8(r) + (size_t)1;

		if (n == 256)
			n = rd_be16(r) + (size_t)1;
		(void)rd_take(r, n);
		*pt = rd_u8(r) & 15;
	}
	return r->err == ST_OK;
}

/* FourCC and, in a multitrack packet, the inner packet type and the (first) track. */
static bool flv_track(struct rd *r, unsigned multi, unsigned *pt, unsigned *track)
{
	*track = 0;
	if (*pt != multi) {
		(void)rd_take(r, 4);
		return r->err == ST_OK;
	}

	const uint8_t b = rd_u8(r);

	*pt = b & 15;
	if (b >> 4 != 2)        /* many tracks of many codecs: the FourCC stands with each track */
		(void)rd_take(r, 4);
	else if (r->left > 4)
		(void)rd_take(r, 4);
	*track = rd_u8(r);
	return r->err == ST_OK && *pt != multi;
}

static enum flv_kind flv_video(const uint8_t *p, size_t n, uint16_t *key)
{
	struct rd r = rd_of(p, n);
	const uint8_t b = rd_u8(&r);
	unsigned frame = b >> 4, pt = b & 15, track;

	if (n == 0)
		return FLV_DATA;
	if ((b & 0x80) == 0) {
		if (frame == 5)
			return FLV_DATA;
		if (pt == 7 || pt == 12) {      /* AVC, and the way of HEVC before enhanced FLV */
			const uint8_t type = rd_u8(&r);

			*key = CONF_KEY(0, 0);
			if (r.err != ST_OK || type == 2)
				return FLV_DATA;
			if (n <= 5)
				return FLV_DATA;
			if (type == 0)
				return FLV_CONF;
		}
		return frame == 1 || frame == 4 ? FLV_KEY : FLV_INTER;
	}
	frame &= 7;
	if (!flv_modex(&r, &pt))
		return FLV_DATA;
	if (frame == 5 && pt != 4)
		return FLV_DATA;
	if (!flv_track(&r, 6, &pt, &track))
		return FLV_DATA;
	switch (pt) {
	case 0:                                 /* SequenceStart */
	case 5:                                 /* the same for AV1 in MPEG-2 TS manner */
		*key = CONF_KEY(track, 0);
		return r.left > 0 ? FLV_CONF : FLV_DATA;
	case 1:                                 /* CodedFrames, CodedFramesX */
	case 3:
		return frame == 1 && track == 0 ? FLV_KEY : FLV_INTER;
	case 4:                                 /* colours (HDR) */
		*key = CONF_KEY(track, 1);
		return FLV_CONF_SOFT;
	default:
		return FLV_DATA;
	}
}

static enum flv_kind flv_audio(const uint8_t *p, size_t n, uint16_t *key)
{
	struct rd r = rd_of(p, n);
	const uint8_t b = rd_u8(&r);
	unsigned pt = b & 15, track;

	if (n == 0)
		return FLV_DATA;
	if (b >> 4 == 10) {                     /* AAC */
		const uint8_t type = rd_u8(&r);

		*key = CONF_AUDIO | CONF_KEY(0, 0);
		if (r.err != ST_OK)
			return FLV_DATA;
		if (type == 0)
			return n > 2 ? FLV_CONF : FLV_DATA;
		return FLV_SOUND;
	}
	if (b >> 4 != 9)
		return FLV_SOUND;
	if (!flv_modex(&r, &pt) || !flv_track(&r, 5, &pt, &track))
		return FLV_DATA;
	switch (pt) {
	case 0:
		*key = CONF_AUDIO | CONF_KEY(track, 0);
		return r.left > 0 ? FLV_CONF : FLV_DATA;
	case 1:
		return FLV_SOUND;
	case 4:
		*key = CONF_AUDIO | CONF_KEY(track, 1);
		return FLV_CONF;
	default:
		return FLV_DATA;
	}
}

/* --- onMetaData ------------------------------------------------------------------------------- */

static double flv_rate(const struct amf0_val *v)
{
	char text[16];
	size_t n = 0;
	uint32_t kbps;

	if (v->type == AMF0_NUMBER)
		return v->num > 0 && v->num < 1e7 ? v->num : 0;
	if (v->type != AMF0_STRING || v->len >= sizeof(text))
		return 0;
	while (n < v->len && ascii_isdigit(v->str[n])) {        /* "5000k" */
		text[n] = (char)v->str[n];
		n++;
	}
	text[n] = '\0';
	return num_u32(text, 0, 10000000, &kbps) ? kbps : 0;
}

static void flv_leaf(void *ctx, const uint8_t *name, size_t nlen, const struct amf0_val *v)
{
	struct flv_meta *m = ctx;
	const bool num = v->type == AMF0_NUMBER && v->num > 0 && v->num < 1e9;
	const struct {
		const char *name;
		double *to;
		bool rate;
	} numbers[] = {
		{ "width", &m->width, false },
		{ "height", &m->height, false },
		{ "videocodecid", &m->vcodec, false },
		{ "audiocodecid", &m->acodec, false },
		{ "videodatarate", &m->vrate, true },
		{ "audiodatarate", &m->arate, true },
		{ "maxBitrate", &m->maxrate, true },
	};
	const struct {
		const char *name;
		char *to;
	} texts[] = {
		{ "title", m->tags.title },
		{ "artist", m->tags.artist },
		{ "album", m->tags.album },
		{ "genre", m->tags.genre },
		{ "url", m->tags.url },
	};
	static const char *const others[] = {
		"framerate",
		"audiosamplerate",
		"audiosamplesize",
		"audiochannels",
		"stereo",
		"encoder",
		"hasVideo",
		"hasAudio",
	};
	char key[24];
	bool known = false;

	if (amf0_is(name, nlen, "videocodecid"))
		m->has_vcodec = v->type == AMF0_STRING || (v->type == AMF0_NUMBER && v->num != 0);
	if (amf0_is(name, nlen, "audiocodecid"))
		m->has_acodec = v->type == AMF0_STRING || v->type == AMF0_NUMBER;
	for (size_t i = 0; i < NELEM(numbers); i++) {
		if (!amf0_is(name, nlen, numbers[i].name))
			continue;
		known = true;
		if (numbers[i].rate) {
			*numbers[i].to = flv_rate(v);
		} else if (num) {
			*numbers[i].to = v->num;
		} else if (v->type == AMF0_STRING && v->len == 4) {     /* codec ids as FourCC */
			const uint32_t cc = be32(v->str);

			*numbers[i].to = cc;
		}
	}
	for (size_t i = 0; i < NELEM(texts); i++) {
		if (!amf0_is(name, nlen, texts[i].name))
			continue;
		known = true;
		if (v->type == AMF0_STRING || v->type == AMF0_LONG_STRING)
			(void)text_clean(texts[i].to, TEXT_MAX, v->str, v->len);
	}
	for (size_t i = 0; i < NELEM(others); i++)
		known |= amf0_is(name, nlen, others[i]);
	if (m->out == NULL || !known || nlen >= sizeof(key))
		return;
	memcpy(key, name, nlen);
	key[nlen] = '\0';
	if (v->type == AMF0_NUMBER) {
		amf0_put_name(m->out, key);
		amf0_put_number(m->out, v->num);
	} else if (v->type == AMF0_BOOL) {
		amf0_put_name(m->out, key);
		amf0_put_bool(m->out, v->num != 0);
	} else if (v->type == AMF0_STRING && v->len < TEXT_MAX) {
		amf0_put_name(m->out, key);
		amf0_put_string(m->out, v->str, v->len);
	}
}

/* Read a script tag's payload. false when it is not a readable onMetaData. *p, *n: without the RTMP
 * command that may stand in front. */
static bool flv_meta_read(struct flv_meta *meta, const uint8_t **p, size_t *n)
{
	struct rd r = rd_of(*p, *n);
	struct amf0_val v;

	if (amf0_read(&r, &v, NULL, NULL) != ST_OK || v.type != AMF0_STRING)
		return false;
	if (amf0_is(v.str, v.len, "@setDataFrame")) {
		*p = r.p;
		*n = r.left;
		if (amf0_read(&r, &v, NULL, NULL) != ST_OK || v.type != AMF0_STRING)
			return false;
	}
	if (!amf0_is(v.str, v.len, "onMetaData"))
		return false;
	return amf0_read(&r, &v, flv_leaf, meta) == ST_OK &&
	       (v.type == AMF0_OBJECT || v.type == AMF0_ECMA_ARRAY);
}

/* Is it another stream? Only what both say counts. */
static bool flv_meta_differs(const struct flv_meta *a, const struct flv_meta *b)
{
	const double was[] = { a->width, a->height, a->vcodec, a->acodec };
	const double is[] = { b->width, b->height, b->vcodec, b->acodec };

	for (size_t i = 0; i < NELEM(was); i++)
		if (was[i] > 0 && is[i] > 0 && (was[i] < is[i] || was[i] > is[i]))
			return true;
	return false;
}

/* Bitrate and track of the metadata into m->info. Rates of 0 mean that the encoder does not know; a
 * stream with video needs the video's. */
static enum status flv_meta_info(struct media *m, const struct flv_meta *meta)
{
	const double v = meta->vrate > 0 ? meta->vrate : meta->maxrate;
	const bool video = meta->has_vcodec || meta->width > 0;
	const double sum = video && !(v > 0) ? 0 : v + meta->arate;
	struct media_info *i = &m->info;
	bool changed = false;

	if (sum > 0) {
		const uint32_t kbps = sum < 1 ? 1 : (uint32_t)(sum + 0.5);

		changed = i->bitrate_kbps != kbps || !i->declared;
		i->bitrate_kbps = kbps;
		i->declared = true;
	}
	changed |= media_set_tags(m, &meta->tags);
	return changed ? media_inform(m) : ST_OK;
}

/* Keep the metadata for the head: as it is, or the keys that matter when it is long. */
static void flv_meta_keep(struct flv *f, const struct flv_meta *meta, const uint8_t *p, size_t n)
{
	static const uint8_t name[] = {
		AMF0_STRING, 0, 10, 'o', 'n', 'M', 'e', 't', 'a', 'D', 'a', 't', 'a',
	};
	const uint8_t *q = p;
	size_t left = n;
	struct flv_meta again;

	f->facts = *meta;
	f->facts.out = NULL;
	buf_reset(&f->meta);
	if (n <= FLV_META_MAX) {
		buf_put(&f->meta, p, n);
		return;
	}
	memset(&again, 0, sizeof(again));
	again.out = &f->meta;
	buf_put(&f->meta, name, sizeof(name));
	buf_u8(&f->meta, AMF0_OBJECT);
	(void)flv_meta_read(&again, &q, &left);         /* was readable a moment ago */
	amf0_put_end(&f->meta);
	if (f->meta.err != ST_OK)       /* a key repeats without end: go without */
		buf_reset(&f->meta);
}

/* --- the head --------------------------------------------------------------------------------- */

static void flv_put_tag(struct buf *b, uint8_t type, const uint8_t *p, size_t n)
{
	const uint8_t head[FLV_TAG_HEAD] = {
		type, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, 0, 0, 0, 0, 0, 0, 0,
	};
	const size_t total = n + FLV_TAG_HEAD;
	const uint8_t tail[FLV_TRAILER] = {
		(uint8_t)(total >> 24),
		(uint8_t)(total >> 16),
		(uint8_t)(total >> 8),
		(uint8_t)total,
	};

	buf_put(b, head, sizeof(head));
	buf_put(b, p, n);
	buf_put(b, tail, sizeof(tail));
}

/* The flags say which streams there are; a player waits for those that never come. The file
 * header's own are used only while nothing better is known. */
static uint8_t flv_flags(const struct flv *f)
{
	bool v = f->video || f->facts.has_vcodec || f->facts.width > 0;
	bool a = f->audio || f->facts.has_acodec || f->facts.arate > 0;

	if (f->nconf == 0 && f->meta.len == 0) {
		v |= (f->flags & 1) != 0;
		a |= (f->flags & 4) != 0;
	}
	return (uint8_t)((v ? 1 : 0) | (a ? 4 : 0));
}

/* The next tag of a head that is no script; 0 = there is none, else its size with head and trailer. */
static size_t flv_head_tag(const uint8_t **p, size_t *left)
{
	while (*left >= FLV_TAG_HEAD + FLV_TRAILER) {
		const size_t n = FLV_TAG_HEAD + be24(*p + 1) + FLV_TRAILER;

		if (n > *left)
			break;
		if ((*p)[0] != TAG_SCRIPT)
			return n;
		*p += n;
		*left -= n;
	}
	return 0;
}

/* Do both heads describe the same streams, whatever their metadata say beside that? */
static bool flv_same_head(const uint8_t *a, size_t na, const uint8_t *b, size_t nb)
{
	const size_t lead = FLV_FILE_HEAD + FLV_TRAILER;
	size_t n;

	if (na < lead || nb < lead || memcmp(a, b, lead) != 0)
		return false;
	a += lead;
	na -= lead;
	b += lead;
	nb -= lead;
	for (;;) {
		n = flv_head_tag(&a, &na);
		if (n != flv_head_tag(&b, &nb) || memcmp(a, b, n) != 0)
			return false;
		if (n == 0)
			return true;
		a += n;
		na -= n;
		b += n;
		nb -= n;
	}
}

/* What the metadata of a head say; all 0 when there are none. */
static void flv_head_facts(const uint8_t *p, size_t n, struct flv_meta *facts)
{
	const uint8_t *q = p + FLV_FILE_HEAD + FLV_TRAILER + FLV_TAG_HEAD;
	const size_t at = FLV_FILE_HEAD + FLV_TRAILER;
	size_t left;

	memset(facts, 0, sizeof(*facts));
	if (n < at + FLV_TAG_HEAD || p[at] != TAG_SCRIPT)
		return;
	left = MIN(be24(p + at + 1), n - at - FLV_TAG_HEAD);
	if (!flv_meta_read(facts, &q, &left))
		memset(facts, 0, sizeof(*facts));
}

/* From here on times go on behind what has come to ms. */
static void flv_follow(struct flv *f, int64_t ms)
{
	f->follows = true;
	f->shifted = f->settled = false;
	f->left = (uint32_t)ms;
}

/* The head is complete. Another stream may have come before: when it was like this one, its head is good for
 * both, and readers see nothing but times that go on (media.md 5.7.2). */
static enum status flv_tell_head(struct media *m, struct flv *f, const struct buf *head)
{
	struct media_before b;
	struct flv_meta was;
	enum status st = media_before(m, &b);

	if (st != ST_OK)
		return st;
	if (b.head == NULL || b.n < FLV_FILE_HEAD || memcmp(b.head, "FLV", 3) != 0)
		return media_head(m, head->p, head->len);
	flv_follow(f, b.ms);
	flv_head_facts(b.head, b.n, &was);
	if (flv_same_head(b.head, b.n, head->p, head->len) && !flv_meta_differs(&was, &f->facts))
		return media_resume(m);
	return media_head(m, head->p, head->len);
}

static enum status flv_publish(struct media *m, struct flv *f)
{
	const uint8_t file[FLV_FILE_HEAD + FLV_TRAILER] = {
		'F', 'L', 'V', 1, flv_flags(f), 0, 0, 0, FLV_FILE_HEAD,
	};
	size_t total = sizeof(file);
	struct buf b;
	enum status st;

	if (f->meta.len > 0)
		total += f->meta.len + FLV_TAG_HEAD + FLV_TRAILER;
	for (int i = 0; i < f->nconf; i++)
		total += f->conf[i].n + FLV_TAG_HEAD + FLV_TRAILER;
	if (total > MEDIA_HEAD_MAX)
		return media_fail(
			m, ST_LIMIT, "FLV head of %zu bytes (limit %d)", total, MEDIA_HEAD_MAX);
	buf_init(&b, total);
	buf_put(&b, file, sizeof(file));
	if (f->meta.len > 0)
		flv_put_tag(&b, TAG_SCRIPT, f->meta.p, f->meta.len);
	for (int i = 0; i < f->nconf; i++)
		flv_put_tag(&b, (f->conf[i].key & CONF_AUDIO) != 0 ? TAG_AUDIO : TAG_VIDEO,
			f->conf[i].p, f->conf[i].n);
	if (b.err != ST_OK)
		st = media_fail(m, ST_LIMIT, "no memory for a head of %zu bytes", total);
	else
		st = flv_tell_head(m, f, &b);
	buf_fini(&b);
	f->dirty = false;
	f->open = false;
	f->has_ts = false;
	return st;
}

/* Remember a configuration. *changed: it is new. */
static enum status flv_conf_put(
	struct media *m, struct flv *f, uint16_t key, const uint8_t *p, size_t n, bool *changed)
{
	struct flv_conf *c;
	uint8_t *copy;
	int i = 0;

	*changed = false;
	if (n > MEDIA_HEAD_MAX)
		return media_fail(m, ST_LIMIT, "FLV codec configuration of %zu bytes (limit %d)", n,
		                  MEDIA_HEAD_MAX);
	while (i < f->nconf && f->conf[i].key < key)
		i++;
	c = &f->conf[i];
	if (i < f->nconf && c->key == key && c->n == n && memcmp(c->p, p, n) == 0)
		return ST_OK;
	if ((i == f->nconf || c->key != key) && f->nconf == FLV_CONFS)
		return media_fail(m, ST_LIMIT, "more than %d FLV codec configurations", FLV_CONFS);
	copy = malloc(n);
	if (copy == NULL)
		return media_fail(m, ST_LIMIT, "no memory for a codec configuration");
	memcpy(copy, p, n);
	if (i < f->nconf && c->key == key) {
		free(c->p);
	} else {
		memmove(c + 1, c, (size_t)(f->nconf - i) * sizeof(*c));
		f->nconf++;
	}
	*c = (struct flv_conf){ .key = key, .n = (uint32_t)n, .p = copy };
	*changed = true;
	return ST_OK;
}

/* --- tags ------------------------------------------------------------------------------------- */

/* The time a tag gets in a stream that follows another one. */
static uint32_t flv_time(struct flv *f, uint32_t ts, bool frame)
{
	uint32_t ms;

	if (!f->follows)
		return ts;
	if (!f->shifted) {
		if (!frame)             /* script tags in front of the first frame have any time */
			return f->left + FLV_STEP_MS;
		f->shift = f->left + FLV_STEP_MS - ts;
		f->shifted = true;
	}
	ms = ts + f->shift;
	if (!f->settled && (int32_t)(ms - f->left) < 1)
		return f->left + 1;
	f->settled |= (int32_t)(ms - f->left) > FLV_SETTLED_MS;
	return ms;
}

static void flv_put_time(uint8_t *tag, uint32_t ts)
{
	tag[4] = (uint8_t)(ts >> 16);
	tag[5] = (uint8_t)(ts >> 8);
	tag[6] = (uint8_t)ts;
	tag[7] = (uint8_t)(ts >> 24);
}

/* One tag into the data: head and payload at p; the trailing size is ours, so that it is right. */
static enum status flv_emit(
	struct media *m, struct flv *f, const uint8_t *p, size_t n, enum flv_kind kind)
{
	const bool video = kind == FLV_KEY || kind == FLV_INTER;
	const bool frame = video || kind == FLV_SOUND;
	const uint32_t said = be24(p + 4) | (uint32_t)p[7] << 24, ts = flv_time(f, said, frame);
	const size_t total = n + FLV_TRAILER;
	struct unit u = {
		.kind = UNIT_OTHER, .ms = ts, .n = total, .nparts = 1, .part = { { p, total } }
	};

	if (frame && (!f->has_ts || (int32_t)(ts - f->ra_ts) < -1000)) {
		f->has_ts = true;
		f->ra_ts = ts;
	}
	if (kind == FLV_KEY)
		u.kind = UNIT_KEY;
	else if (video) /* no key frame for long: an encoder that refreshes in parts has none */
		u.kind = (int32_t)(ts - f->ra_ts) >= MEDIA_KEY_MS ? UNIT_KEY : UNIT_INTER;
	else if (kind == FLV_SOUND)
		u.kind = f->video ? UNIT_AUDIO : UNIT_FREE;
	if (u.kind == UNIT_KEY || u.kind == UNIT_FREE)
		f->ra_ts = ts;
	if (ts != said) {
		memcpy(f->front, p, FLV_TAG_HEAD);
		flv_put_time(f->front, ts);
		u.part[0] = (struct span){ f->front, FLV_TAG_HEAD };
		u.part[u.nparts++] = (struct span){ p + FLV_TAG_HEAD, total - FLV_TAG_HEAD };
	}
	if (be32(p + n) != n) {
		for (int i = 0; i < FLV_TRAILER; i++)
			f->tail[i] = (uint8_t)(n >> (24 - 8 * i));
		u.part[u.nparts - 1].n -= FLV_TRAILER;
		u.part[u.nparts++] = (struct span){ f->tail, FLV_TRAILER };
	}
	return media_unit(m, &u);
}

static enum status flv_script(
	struct media *m, struct flv *f, const uint8_t *p, size_t n, bool *data)
{
	const uint8_t *q = p;
	size_t left = n;
	struct flv_meta meta;

	*data = true;
	if (n == 0 || n > FLV_SCRIPT_MAX)
		return ST_OK;
	memset(&meta, 0, sizeof(meta));
	if (!flv_meta_read(&meta, &q, &left)) {
		if (n >= 13 && memcmp(p + 3, "onMetaData", 10) == 0)
			media_note(m, NOTE_FLV_META,
				"FLV onMetaData cannot be read: passed on as it is");
		return ST_OK;
	}
	if (f->open || (f->meta.len > 0 && flv_meta_differs(&f->facts, &meta))) {
		f->dirty = true;
		*data = false;
	}
	flv_meta_keep(f, &meta, q, left);
	return flv_meta_info(m, &meta);
}

/* Tags held from before the head, now that it is out. */
static enum status flv_release(struct media *m, struct flv *f)
{
	enum status st = ST_OK;
	size_t at = 0;

	while (at < f->hold.len && st == ST_OK) {
		const uint8_t *p = f->hold.p + at;
		const size_t n = FLV_TAG_HEAD + be24(p + 1);

		st = flv_emit(m, f, p, n, FLV_DATA);
		at += n + FLV_TRAILER;
	}
	buf_fini(&f->hold);
	return st;
}

/* Count a tag that is no frame while there is no head yet, and see whether that has lasted long
 * enough. */
static enum status flv_opening(struct media *m, struct flv *f, size_t n)
{
	enum status st;

	f->ntags++;
	f->nbytes += (uint32_t)n;
	if (f->nbytes > FLV_OPEN_BYTES)
		return media_fail(m, ST_LIMIT, "%u bytes of FLV tags without a frame", f->nbytes);
	if (f->ntags < FLV_OPEN_TAGS || (f->nconf == 0 && f->meta.len == 0))
		return ST_OK;
	if (m->headed && !media_head_ready(m))
		return ST_OK;
	st = flv_publish(m, f);
	return st == ST_OK ? flv_release(m, f) : st;
}

/* A whole tag: n bytes of head and payload, then its trailing size. */
static enum status flv_tag(struct media *m, struct flv *f, const uint8_t *p, size_t n)
{
	const uint8_t *body = p + FLV_TAG_HEAD;
	const size_t size = n - FLV_TAG_HEAD;
	enum flv_kind kind = FLV_DATA;
	enum status st = ST_OK;
	bool changed = false, data = true;
	uint16_t key = 0;

	switch (p[0]) {
	case TAG_VIDEO:
		kind = flv_video(body, size, &key);
		f->video |= size > 0;
		break;
	case TAG_AUDIO:
		kind = flv_audio(body, size, &key);
		f->audio |= size > 0;
		break;
	default:
		st = flv_script(m, f, body, size, &data);
		break;
	}
	if (kind == FLV_CONF || (kind == FLV_CONF_SOFT && size <= FLV_META_MAX)) {
		st = flv_conf_put(m, f, key, body, size, &changed);
		data = kind == FLV_CONF_SOFT && !f->open;
		f->dirty |= changed && kind == FLV_CONF;
	}
	if (st != ST_OK)
		return st;
	if (kind == FLV_KEY || kind == FLV_INTER || kind == FLV_SOUND) {
		if (f->open || f->dirty) {
			if (m->headed && !media_head_ready(m))
				return ST_OK;
			st = flv_publish(m, f);
			if (st == ST_OK)
				st = flv_release(m, f);
		}
	} else if (f->open) {
		if (data && f->hold.len + n + FLV_TRAILER <= FLV_HOLD_MAX)
			buf_put(&f->hold, p, n + FLV_TRAILER);
		if (f->hold.err != ST_OK)
			return media_fail(m, ST_LIMIT, "no memory for FLV script data");
		return flv_opening(m, f, n);
	}
	return st == ST_OK && data ? flv_emit(m, f, p, n, kind) : st;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool flv_known(uint8_t type)
{
	return type == TAG_AUDIO || type == TAG_VIDEO || type == TAG_SCRIPT;
}

/* Could a tag, or a new file header, begin here? All of FLV_TAG_HEAD bytes are there. */
static bool flv_plausible(const struct flv *f, const uint8_t *p)
{
	if (memcmp(p, "FLV\x01", 4) == 0)
		return true;
	return flv_known(p[0]) && be24(p + 1) <= MEDIA_UNIT_MAX && be24(p + 8) == f->sid;
}

/* Does the tag head q follow the tag head p by its time? */
static bool flv_follows(const uint8_t *p, const uint8_t *q)
{
	const int32_t dt = (int32_t)((be24(q + 4) | (uint32_t)q[7] << 24) -
				     (be24(p + 4) | (uint32_t)p[7] << 24));

	return memcmp(q, "FLV\x01", 4) == 0 || (dt > -FLV_NEXT_MS && dt < FLV_NEXT_MS);
}

static void flv_reset(struct flv *f)
{
	for (int i = 0; i < f->nconf; i++)
		free(f->conf[i].p);
	f->nconf = 0;
	buf_reset(&f->meta);
	memset(&f->facts, 0, sizeof(f->facts));
	buf_reset(&f->hold);
	f->video = f->audio = f->has_ts = false;
	f->bad = f->unknown = 0;
	f->ntags = f->nbytes = 0;
	f->sid = 0;
}

/* "Do it again with more input" is ST_OK with *more set. */
static enum status flv_file(struct media *m, struct flv *f, bool *more)
{
	const uint8_t *p;
	uint32_t off;
	enum status st = media_peek(m, FLV_FILE_HEAD, &p);

	*more = p == NULL;
	if (p == NULL)
		return st;
	off = be32(p + 5);
	if (memcmp(p, "FLV\x01", 4) != 0 || off < FLV_FILE_HEAD || off > 1024)
		return media_fail(m, ST_PROTO, "not an FLV file header");

	const uint8_t flags = p[4];

	st = media_peek(m, off + FLV_TRAILER, &p);
	*more = p == NULL;
	if (p == NULL)
		return st;
	in_drop(&m->in, off + FLV_TRAILER);
	flv_reset(f);
	if (m->ops->before != NULL && m->timed)         /* another file behind the one before */
		flv_follow(f, m->high_ms);
	f->flags = flags;
	f->open = true;
	f->opened = m->now;
	f->state = FLV_TAGS;
	return media_flush(m);
}

static enum status flv_search(struct media *m, struct flv *f)
{
	f->state = FLV_SEARCH;
	f->searched = 0;
	f->bad = f->unknown = 0;
	if (!f->open)
		media_note(m, NOTE_FLV_RESYNC,
			"FLV tags out of step at byte %llu: looking for the next one",
			(unsigned long long)m->in.taken);
	return ST_OK;
}

static enum status flv_next(struct media *m, struct flv *f, bool *more)
{
	const uint8_t *p;
	enum status st = media_peek(m, FLV_TAG_HEAD, &p);
	bool good;

	*more = p == NULL;
	if (p == NULL)
		return st;
	if (memcmp(p, "FLV\x01", 4) == 0) {
		f->state = FLV_FILE;
		return ST_OK;
	}

	const bool known = flv_known(p[0]);
	const size_t size = be24(p + 1);
	const size_t n = FLV_TAG_HEAD + size;
	const bool big = size > MEDIA_UNIT_MAX;

	/* before the head, and behind a bad tag, a tag head that makes no sense is not trusted with
	 * a length */
	if (f->open && (be24(p + 8) != f->sid || (big && !known)))
		return flv_search(m, f);
	if (f->bad > 0 && (big || !known))
		return flv_search(m, f);
	if (big)
		return media_fail(
			m, ST_LIMIT, "FLV tag of %zu bytes (limit %u)", size, MEDIA_UNIT_MAX);
	st = media_peek(m, n + FLV_TRAILER, &p);
	*more = p == NULL;
	if (p == NULL)
		return st;
	good = be32(p + n) == n;
	if (!good && f->open) {
		/* proof by the next tag; a tag without any proof does not make a channel */
		st = media_peek(m, n + FLV_TRAILER + FLV_TAG_HEAD, &p);
		*more = p == NULL;
		if (p == NULL)
			return st;
		if (!flv_plausible(f, p + n + FLV_TRAILER) || !flv_follows(p, p + n + FLV_TRAILER))
			return flv_search(m, f);
	}
	if (good) {
		f->bad = 0;
	} else {
		f->bad++;
		media_note(m, NOTE_FLV_TRAILER,
			"FLV tag with a wrong trailing size (%u instead of %zu): corrected",
			be32(p + n), n);
	}
	if (!known) {
		media_note(m, NOTE_FLV_TYPE, "FLV tag of unknown type %u: dropped", p[0]);
		if (++f->unknown >= FLV_UNKNOWN)
			return media_fail(
				m, ST_PROTO, "%d FLV tags of unknown type in a row", FLV_UNKNOWN);
	} else {
		f->unknown = 0;
		st = flv_tag(m, f, p, n);
	}
	in_drop(&m->in, n + FLV_TRAILER);
	if (st == ST_OK && f->bad >= FLV_BAD_TAGS)
		st = flv_search(m, f);
	return st;
}

/* The tag at p, or 0 when none is there; SIZE_MAX when more bytes must tell. */
static size_t flv_candidate(const struct flv *f, const uint8_t *p, size_t n)
{
	const size_t size = FLV_TAG_HEAD + be24(p + 1);
	const bool same = be24(p + 8) == f->sid;

	if (memcmp(p, "FLV\x01", 4) == 0 && (p[4] & 0xfa) == 0 && be32(p + 5) == FLV_FILE_HEAD)
		return FLV_FILE_HEAD;
	if (!flv_known(p[0]) || size > (same ? FLV_RESYNC : FLV_GUESS))
		return 0;
	if (n < size + FLV_TRAILER)
		return SIZE_MAX;
	if (be32(p + size) == size)
		return size;
	if (!same)
		return 0;
	if (n < size + FLV_TRAILER + FLV_TAG_HEAD)
		return SIZE_MAX;
	if (!flv_plausible(f, p + size + FLV_TRAILER) || !flv_follows(p, p + size + FLV_TRAILER))
		return 0;
	return size;
}

/* Find the next tag that can be proven. Offsets are tried in order, each until it is decided, so
 * the result does not depend on how the input was split. */
static enum status flv_seek(struct media *m, struct flv *f, bool *more)
{
	const uint32_t budget = f->open ? FLV_RESYNC_OPEN : FLV_RESYNC;
	const size_t all = in_avail(&m->in);
	const size_t n = MIN(all, (size_t)2 * FLV_RESYNC); /* any candidate can be decided within */
	const uint8_t *p;
	size_t at, found = 0;
	enum status st = media_peek(m, n, &p);

	if (st != ST_OK)
		return st;
	for (at = 0; found == 0 && at + FLV_TAG_HEAD <= n; at += found == 0) {
		found = flv_candidate(f, p + at, n - at);
		if (found == 0 && ++f->searched > budget)
			return media_fail(m, ST_PROTO, "no FLV tag in %u bytes", budget);
	}
	*more = n == all && (found == 0 || found == SIZE_MAX);
	if (found > 0 && found < SIZE_MAX) {
		f->state = FLV_TAGS;
		if (p[at] != 'F')
			f->sid = be24(p + at + 8);
	}
	in_drop(&m->in, at);
	/* what is left waits for more: asking for it makes it carried over */
	return *more ? media_peek(m, all - at + 1, &p) : ST_OK;
}

static enum status flv_run(struct media *m)
{
	struct flv *f = m->self;
	enum status st = ST_OK;
	bool more = false;

	while (st == ST_OK && !more) {
		switch (f->state) {
		case FLV_FILE:
			st = flv_file(m, f, &more);
			break;
		case FLV_TAGS:
			st = flv_next(m, f, &more);
			break;
		case FLV_SEARCH:
			st = flv_seek(m, f, &more);
			break;
		}
	}
	return st;
}

static void flv_open(struct media *m)
{
	struct flv *f = m->self;

	m->cutting = (struct cutting){ .soft = FLV_SOFT, .one_frame = true };
	buf_init(&f->meta, FLV_META_MAX);
	buf_init(&f->hold, FLV_HOLD_MAX);
}

/* A head without a frame: an encoder that is set up but sends nothing yet. */
static nsec flv_deadline(const struct media *m)
{
	const struct flv *f = m->self;

	if (!f->open || f->ntags == 0 || (f->nconf == 0 && f->meta.len == 0))
		return NSEC_NEVER;
	return f->opened + FLV_OPEN_MS * NSEC_PER_MSEC;
}

static enum status flv_tick(struct media *m)
{
	struct flv *f = m->self;
	enum status st;

	f->opened = m->now;             /* when the budget of heads says no: try again later */
	if (m->headed && !media_head_ready(m))
		return ST_OK;
	st = flv_publish(m, f);
	return st == ST_OK ? flv_release(m, f) : st;
}

static void flv_fini(struct media *m)
{
	struct flv *f = m->self;

	flv_reset(f);
	buf_fini(&f->meta);
	buf_fini(&f->hold);
}

const struct parser parser_flv = {
	.size = sizeof(struct flv),
	.open = flv_open,
	.run = flv_run,
	.tick = flv_tick,
	.deadline = flv_deadline,
	.fini = flv_fini,
};
