/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Matroska and WebM.
 *
 *   TOP (EBML, Segment and what stands in it) <-> CLUSTER (its children, block by block)
 *
 * The head is written anew from what matters in EBML header, Info, Tracks and small Tags, with a
 * Segment of unknown size. Clusters go out with unknown size too, because they are forwarded before
 * their end is here and because a new one is begun in front of every key frame (and every second of
 * pure audio), so that a packet to start at always begins `Cluster, Timecode, block`. The bytes of
 * blocks stay as they are, their 16-bit relative timecode excepted where the cluster is ours.
 *
 * source   media.md 3.3, 9.1 rows 7-10
 */
#include <string.h>

#include "core/media/ebml.h"
#include "core/media/parser.h"
#include "core/media/tags.h"

#define MKV_INFO_MAX     (64u << 10)
#define MKV_TRACKS_MAX   (1u << 20)
#define MKV_TAGS_MAX     (256u << 10)   /* read; more is passed over */
#define MKV_TAGS_KEEP    2048           /* in the head */
#define MKV_SKIP_MAX     (UINT64_C(1) << 30)    /* an index, chapters, attached fonts */
#define MKV_ODD_MAX      (1u << 20)     /* an element we do not know */
#define MKV_HEAD_BYTES   (1u << 20)     /* media.md 9.2: header phase, what is not passed over */
#define MKV_TRACK_MAX    64
#define MKV_PRIVATE_MAX  8192           /* CodecPrivate of subtitles */
#define MKV_DEPTH_MAX    8
#define MKV_AUDIO_MS     1000           /* between places to start, without video */
#define MKV_MS_MAX       (INT64_C(1) << 53)
#define MKV_TICKS_MAX    (UINT64_C(1) << 60)    /* and a relative timecode: no overflow */

enum {
	ID_EBML = 0x1A45DFA3, ID_SEGMENT = 0x18538067, ID_SEEKHEAD = 0x114D9B74,
	ID_INFO = 0x1549A966, ID_TRACKS = 0x1654AE6B, ID_CUES = 0x1C53BB6B, ID_TAGS = 0x1254C367,
	ID_ATTACHMENTS = 0x1941A469, ID_CHAPTERS = 0x1043A770, ID_CLUSTER = 0x1F43B675,
	ID_VOID = 0xEC, ID_CRC32 = 0xBF, ID_MAX_ID = 0x42F2, ID_MAX_SIZE = 0x42F3,
	ID_SCALE = 0x2AD7B1, ID_DURATION = 0x4489, ID_TITLE = 0x7BA9, ID_TRACK = 0xAE,
	ID_NUMBER = 0xD7, ID_TYPE = 0x83, ID_PRIVATE = 0x63A2, ID_TIMECODE = 0xE7,
	ID_SIMPLEBLOCK = 0xA3, ID_BLOCKGROUP = 0xA0, ID_BLOCK = 0xA1, ID_REFERENCE = 0xFB,
	ID_TAG = 0x7373, ID_TARGETS = 0x63C0, ID_TRACK_UID = 0x63C5, ID_EDITION_UID = 0x63C9,
	ID_CHAPTER_UID = 0x63C4, ID_ATTACH_UID = 0x63C6, ID_SIMPLETAG = 0x67C8,
	ID_TAG_NAME = 0x45A3, ID_TAG_STRING = 0x4487,
};

enum { TRACK_VIDEO = 1, TRACK_AUDIO = 2, TRACK_SUBTITLE = 0x11 };

struct mkv_track {
	uint64_t number;
	uint8_t type;
	bool dropped;           /* not in the head: its blocks go too */
};

struct mkv {
	bool doc, segment;      /* EBML header, Segment were seen */
	bool tracks_seen;
	bool due;               /* a head is to go out before the next block */
	bool in_cluster;
	bool cl_open_end;       /* the input's cluster has an unknown size */
	uint64_t cl_left;       /* else: bytes left in it */
	uint64_t skip;          /* bytes of an element to pass over */
	uint64_t head_bytes;    /* header elements so far */
	bool has_tc;
	uint64_t tc;            /* of the input's cluster */
	bool first;             /* the next block is the first of its cluster in the input */
	bool wire;              /* a cluster of ours is open */
	bool wire_tc;
	uint64_t wire_base;     /* its Timecode */
	uint64_t scale;         /* ns per tick */
	bool has_ra;
	int64_t ra_ms;          /* the last place to start */
	uint64_t video;         /* number of the first video track, 0 = none */
	struct mkv_track track[MKV_TRACK_MAX];
	unsigned ntracks;
	struct buf head;
	struct tags tags;
	char info_title[TEXT_MAX];
};

/* Both of unknown size. */
static const uint8_t segment_head[] = {
	0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};
static const uint8_t cluster_head[] = {
	0x1f, 0x43, 0xb6, 0x75, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};

/* --- the head --------------------------------------------------------------------------------- */

static void mkv_put_head(struct buf *b, uint32_t id, uint64_t size)
{
	uint8_t head[EBML_HEAD_MAX];

	buf_put(b, head, ebml_put_head(head, id, size, 0));
}

/* An element with all its bytes, head included. */
struct mkv_el {
	const uint8_t *p;
	size_t n;               /* in all */
	struct ebml_el e;
	struct rd body;
};

static enum status mkv_ebml(struct media *m, struct mkv *k, const struct mkv_el *el)
{
	struct rd r = el->body, body;
	struct ebml_el e;
	uint64_t v;

	while (ebml_child(&r, &e, &body)) {
		if (e.id == ID_MAX_ID && (!ebml_uint(&body, &v) || v > 4))
			return media_fail(
				m, ST_PROTO, "Matroska with element ids of more than 4 bytes");
		if (e.id == ID_MAX_SIZE && (!ebml_uint(&body, &v) || v > 8))
			return media_fail(
				m, ST_PROTO, "Matroska with element sizes of more than 8 bytes");
	}
	if (r.err != ST_OK)
		return media_fail(m, ST_PROTO, "broken EBML header");
	buf_put(&k->head, el->p, el->n);

	const char *type = ebml_doc_is_webm(el->body.p, el->body.left) ? "WEBM" : "MKV";

	if (strcmp(type, m->type) == 0)
		return ST_OK;
	(void)text_copy(m->type, sizeof(m->type), type);
	return media_inform(m);
}

/* Info without Duration: a live stream has none, and a player would end there. */
static enum status mkv_info(struct media *m, struct mkv *k, const struct mkv_el *el)
{
	struct rd r = el->body, body;
	struct ebml_el e;
	struct buf b;
	uint64_t v;
	enum status st = ST_OK;

	buf_init(&b, el->body.left);
	while (ebml_child(&r, &e, &body)) {
		if (e.id == ID_SCALE && ebml_uint(&body, &v) && v > 0)
			k->scale = v;
		if (e.id == ID_TITLE)
			(void)text_clean(k->info_title, sizeof(k->info_title), body.p, body.left);
		if (e.id != ID_DURATION && e.id != ID_CRC32 && e.id != ID_VOID)
			buf_put(&b, body.p - e.hlen, e.hlen + body.left);
	}
	if (r.err != ST_OK) {
		st = media_fail(m, ST_PROTO, "broken Matroska segment information");
	} else {
		mkv_put_head(&k->head, ID_INFO, b.len);
		buf_put(&k->head, b.p, b.len);
	}
	if (st == ST_OK && b.err != ST_OK)
		st = media_fail(m, ST_LIMIT, "no memory for the Matroska header");
	buf_fini(&b);
	return st;
}

static bool mkv_track_read(struct rd r, struct mkv_track *t)
{
	struct ebml_el e;
	struct rd body;
	uint64_t v, private = 0;

	*t = (struct mkv_track){ .type = 0 };
	while (ebml_child(&r, &e, &body)) {
		if (e.id == ID_NUMBER && ebml_uint(&body, &v))
			t->number = v;
		if (e.id == ID_TYPE && ebml_uint(&body, &v))
			t->type = v < 256 ? (uint8_t)v : 0;
		if (e.id == ID_PRIVATE)
			private = e.size;
	}
	t->dropped = t->type == TRACK_SUBTITLE && private > MKV_PRIVATE_MAX;
	return r.err == ST_OK;
}

/* Tracks as they are, but for subtitles whose fonts and styles would not fit into a head. */
static enum status mkv_tracks(struct media *m, struct mkv *k, const struct mkv_el *el)
{
	struct rd r = el->body, body;
	struct ebml_el e;
	size_t left_out = 0;
	bool edited = false;

	k->ntracks = 0;
	k->video = 0;
	while (ebml_child(&r, &e, &body)) {
		struct mkv_track t;

		if (e.id == ID_CRC32 || e.id == ID_VOID)
			left_out += e.hlen + body.left;
		if (e.id != ID_TRACK)
			continue;
		if (!mkv_track_read(body, &t))
			return media_fail(m, ST_PROTO, "broken Matroska track");
		if (k->ntracks == MKV_TRACK_MAX)
			return media_fail(
				m, ST_LIMIT, "more than %d Matroska tracks", MKV_TRACK_MAX);
		k->track[k->ntracks++] = t;
		if (t.type == TRACK_VIDEO && k->video == 0)
			k->video = t.number;
		if (t.dropped) {
			edited = true;
			left_out += e.hlen + body.left;
			media_note(m, NOTE_MKV_TRACK,
				"Matroska subtitle track %llu dropped: its header is too large",
				(unsigned long long)t.number);
		}
	}
	if (r.err != ST_OK || k->ntracks == 0)
		return media_fail(m, ST_PROTO, "broken Matroska tracks");
	k->tracks_seen = true;
	if (!edited) {
		buf_put(&k->head, el->p, el->n);
		return ST_OK;
	}
	mkv_put_head(&k->head, ID_TRACKS, el->body.left - left_out);
	r = el->body;
	for (unsigned i = 0; ebml_child(&r, &e, &body);) {
		const bool dropped = e.id == ID_TRACK && k->track[i++].dropped;

		if (!dropped && e.id != ID_CRC32 && e.id != ID_VOID)
			buf_put(&k->head, body.p - e.hlen, e.hlen + body.left);
	}
	return ST_OK;
}

static void mkv_simpletag(struct mkv *k, struct rd r, unsigned depth)
{
	const uint8_t *name = NULL, *text = NULL;
	size_t nlen = 0, tlen = 0;
	struct ebml_el e;
	struct rd body;

	while (ebml_child(&r, &e, &body)) {
		if (e.id == ID_TAG_NAME) {
			name = body.p;
			nlen = body.left;
		} else if (e.id == ID_TAG_STRING) {
			text = body.p;
			tlen = body.left;
		} else if (e.id == ID_SIMPLETAG && depth < MKV_DEPTH_MAX) {
			mkv_simpletag(k, body, depth + 1);
		}
	}
	if (name == NULL || text == NULL || depth > 3)  /* 3: not nested in another one */
		return;

	const struct {
		const char *name;
		char *to;
	} known[] = {
		{ "TITLE", k->tags.title },
		{ "ARTIST", k->tags.artist },
		{ "ALBUM", k->tags.album },
		{ "GENRE", k->tags.genre },
		{ "URL", k->tags.url },
	};

	for (size_t i = 0; i < NELEM(known); i++)
		if (nlen == strlen(known[i].name) &&
			ascii_ncasecmp((const char *)name, known[i].name, nlen) == 0)
			(void)text_clean(known[i].to, TEXT_MAX, text, tlen);
}

/* Is a Tag about the whole, not about one track, chapter or attachment? */
static bool mkv_tag_is_global(struct rd r)
{
	struct ebml_el e;
	struct rd body;
	uint64_t v;

	while (ebml_child(&r, &e, &body)) {
		const bool uid = e.id == ID_TRACK_UID || e.id == ID_EDITION_UID ||
				 e.id == ID_CHAPTER_UID || e.id == ID_ATTACH_UID;

		if (uid && ebml_uint(&body, &v) && v != 0)
			return false;
	}
	return true;
}

static void mkv_tags(struct mkv *k, const struct mkv_el *el)
{
	struct rd r = el->body, tag, body;
	struct ebml_el e;

	while (ebml_child(&r, &e, &tag)) {
		struct rd look = tag;
		bool global = true;

		if (e.id != ID_TAG)
			continue;
		while (ebml_child(&look, &e, &body))
			if (e.id == ID_TARGETS)
				global &= mkv_tag_is_global(body);
		while (global && ebml_child(&tag, &e, &body))
			if (e.id == ID_SIMPLETAG)
				mkv_simpletag(k, body, 3);
	}
}

static enum status mkv_tell_track(struct media *m, const struct mkv *k)
{
	struct tags t = k->tags;

	if (t.title[0] == '\0')
		(void)text_copy(t.title, sizeof(t.title), k->info_title);
	return media_set_tags(m, &t) ? media_inform(m) : ST_OK;
}

/* --- blocks ----------------------------------------------------------------------------------- */

struct mkv_block {
	const uint8_t *p;       /* SimpleBlock or BlockGroup, head included */
	size_t n;
	size_t tc_at;           /* offset of the relative timecode */
	uint64_t track;
	int16_t rel;
	bool key;
};

/* Track number, relative timecode and flags at offset `at` of b->p. */
static bool mkv_block_head(struct mkv_block *b, size_t at, size_t n, uint8_t *flags)
{
	struct rd r = rd_of(b->p + at, n);
	const uint8_t c = rd_u8(&r);
	unsigned len = 1;

	if (r.err != ST_OK || c == 0)
		return false;
	while ((c & 0x80u >> (len - 1)) == 0)
		len++;
	b->track = c & (0xffu >> len);
	for (unsigned i = 1; i < len; i++)
		b->track = b->track << 8 | rd_u8(&r);
	b->tc_at = at + len;
	b->rel = (int16_t)rd_be16(&r);
	*flags = rd_u8(&r);
	return r.err == ST_OK;
}

static bool mkv_block_read(struct mkv_block *b, const struct mkv_el *el)
{
	const size_t hlen = el->e.hlen;
	struct rd r = el->body, body;
	bool found = false, reference = false;
	struct ebml_el e;
	uint8_t flags;

	*b = (struct mkv_block){ .p = el->p, .n = el->n };
	if (el->e.id == ID_SIMPLEBLOCK) {
		if (!mkv_block_head(b, hlen, el->body.left, &flags))
			return false;
		b->key = (flags & 0x80) != 0;
		return true;
	}
	while (ebml_child(&r, &e, &body)) {
		if (e.id == ID_REFERENCE)
			reference = true;
		if (e.id == ID_BLOCK && !found)
			found = mkv_block_head(b, (size_t)(body.p - el->p), body.left, &flags);
	}
	b->key = !reference;
	return r.err == ST_OK && found;
}

static const struct mkv_track *mkv_track_find(const struct mkv *k, uint64_t number)
{
	for (unsigned i = 0; i < k->ntracks; i++)
		if (k->track[i].number == number)
			return &k->track[i];
	return NULL;
}

/* Media time of a tick count, saturated. */
static int64_t mkv_ms(const struct mkv *k, uint64_t base, int16_t rel)
{
	const double ms = ((double)base + rel) * (double)k->scale / 1e6;

	return ms > (double)MKV_MS_MAX ? MKV_MS_MAX : (int64_t)ms;
}

static enum unit_kind mkv_kind(struct mkv *k, const struct mkv_block *b, int64_t ms)
{
	const struct mkv_track *t = mkv_track_find(k, b->track);
	const uint8_t type = t == NULL ? 0 : t->type;
	enum unit_kind kind = UNIT_OTHER;
	bool ra;

	if (type == TRACK_VIDEO)
		kind = UNIT_INTER;
	else if (type == TRACK_AUDIO)
		kind = UNIT_AUDIO;

	if (kind == UNIT_OTHER || !k->has_tc)
		return kind;
	if (k->has_ra && ms < k->ra_ms - 1000)
		k->ra_ms = ms;
	if (k->video != 0)      /* intra refresh has no key frames: let viewers in all the same */
		ra = b->track == k->video &&
		     (b->key || (k->has_ra && ms - k->ra_ms >= MEDIA_KEY_MS));
	else
		ra = kind == UNIT_AUDIO && (!k->has_ra || ms - k->ra_ms >= MKV_AUDIO_MS);
	if (ra || !k->has_ra)
		k->ra_ms = ms;
	k->has_ra = true;
	return ra ? UNIT_KEY : kind;
}

/* Begin a cluster on the wire. Returns its bytes in out. */
static size_t mkv_cluster(struct mkv *k, bool tc, uint64_t base, uint8_t out[40])
{
	struct wr w = wr_of(out, 40);
	unsigned len = 1;

	k->wire = true;
	k->wire_tc = tc;
	k->wire_base = base;
	wr_bytes(&w, cluster_head, sizeof(cluster_head));
	if (!tc)
		return w.len;
	while (len < 8 && base >> (8 * len) != 0)
		len++;
	wr_u8(&w, ID_TIMECODE);
	wr_u8(&w, (uint8_t)(0x80 | len));
	for (unsigned i = len; i-- > 0;)
		wr_u8(&w, (uint8_t)(base >> (8 * i)));
	return w.len;
}

static enum status mkv_block(struct media *m, struct mkv *k, const struct mkv_block *b)
{
	const struct mkv_track *t = mkv_track_find(k, b->track);
	const int64_t ms = mkv_ms(k, k->tc, b->rel);
	/* in ticks; what lies before time 0 stays relative to 0 */
	const uint64_t abs =
		b->rel < 0 && (uint64_t)-b->rel > k->tc ? 0 : k->tc + (uint64_t)(int64_t)b->rel;
	uint8_t start[40], rel[2];
	struct unit u = { .ms = ms };
	size_t nstart = 0;
	int64_t d;

	if (t != NULL && t->dropped)
		return ST_OK;
	if (!k->has_tc)
		media_note(m, NOTE_MKV_TIMECODE,
			"Matroska cluster without a timecode: passed on, nobody can start there");
	u.kind = mkv_kind(k, b, ms);
	if (k->first || !k->wire)
		nstart = mkv_cluster(k, k->has_tc, k->tc, start);
	else if (u.kind == UNIT_KEY && k->wire_tc)
		nstart = mkv_cluster(k, true, abs, start);
	d = (int64_t)(k->tc - k->wire_base) + b->rel;
	if (k->wire_tc && (d < INT16_MIN || d > INT16_MAX)) {
		/* a cluster of more than half a minute that we have begun anew in between */
		nstart = mkv_cluster(k, true, abs, start);
		d = (int64_t)(k->tc - k->wire_base) + b->rel;
	}
	k->first = false;
	if (nstart > 0)
		u.part[u.nparts++] = (struct span){ start, nstart };
	if (!k->wire_tc || d == b->rel) {
		u.part[u.nparts++] = (struct span){ b->p, b->n };
	} else {
		rel[0] = (uint8_t)((uint16_t)d >> 8);
		rel[1] = (uint8_t)d;
		u.part[u.nparts++] = (struct span){ b->p, b->tc_at };
		u.part[u.nparts++] = (struct span){ rel, 2 };
		u.part[u.nparts++] = (struct span){ b->p + b->tc_at + 2, b->n - b->tc_at - 2 };
	}
	u.n = nstart + b->n;
	return media_unit(m, &u);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* A new document: forget the old one, but not what is known of the track. */
static void mkv_reset(struct mkv *k)
{
	struct buf head = k->head;

	buf_reset(&head);
	memset(k, 0, sizeof(*k));
	k->head = head;
	k->scale = 1000000;
	k->due = true;
}

/* All of an element, once it is here. *more is set when it is not. */
static enum status mkv_whole(struct media *m, const struct ebml_el *e, uint64_t max,
	const char *what, struct mkv_el *el, bool *more)
{
	const uint8_t *p;
	enum status st;

	*el = (struct mkv_el){ .p = NULL };
	if (e->unknown)
		return media_fail(m, ST_PROTO, "Matroska %s of unknown size", what);
	if (e->size > max)
		return media_fail(m, ST_LIMIT, "Matroska %s of %llu bytes (limit %llu)", what,
		                  (unsigned long long)e->size, (unsigned long long)max);
	st = media_peek(m, e->hlen + (size_t)e->size, &p);
	*more = p == NULL;
	if (p == NULL)
		return st;
	*el = (struct mkv_el){
		.p = p,
		.n = e->hlen + (size_t)e->size,
		.e = *e,
		.body = rd_of(p + e->hlen, (size_t)e->size),
	};
	return ST_OK;
}

static enum status mkv_skip(struct media *m, struct mkv *k, const struct ebml_el *e, uint64_t max)
{
	if (e->unknown)
		return media_fail(
			m, ST_PROTO, "Matroska element %X of unknown size", (unsigned)e->id);
	if (e->size > max)
		return media_fail(m, ST_LIMIT, "Matroska element %X of %llu bytes (limit %llu)",
			(unsigned)e->id, (unsigned long long)e->size, (unsigned long long)max);
	k->skip = e->hlen + e->size;
	return ST_OK;
}

/* Info, Tracks, Tags and the EBML header. */
static enum status mkv_header(struct media *m, struct mkv *k, const struct ebml_el *e, bool *more)
{
	static const struct {
		uint32_t id;
		uint64_t max;
		const char *what;
	} kinds[] = {
		{ ID_INFO, MKV_INFO_MAX, "segment information" },
		{ ID_TRACKS, MKV_TRACKS_MAX, "track list" },
		{ ID_TAGS, MKV_TAGS_MAX, "tag list" },
		{ ID_EBML, EBML_DOC_MAX, "EBML header" },
	};
	size_t i = 0;
	struct mkv_el el;
	enum status st;

	while (i + 1 < NELEM(kinds) && kinds[i].id != e->id)
		i++;
	st = mkv_whole(m, e, kinds[i].max, kinds[i].what, &el, more);
	if (st != ST_OK || *more)
		return st;
	k->head_bytes += el.n;
	switch (e->id) {
	case ID_EBML:
		if (k->doc) {
			st = media_flush(m);
			mkv_reset(k);
		}
		k->doc = true;
		if (st == ST_OK)
			st = mkv_ebml(m, k, &el);
		break;
	case ID_INFO:           /* repeated ones, for players that tune in, are left out */
		if (k->due && !k->tracks_seen)
			st = mkv_info(m, k, &el);
		if (st == ST_OK)
			st = mkv_tell_track(m, k);
		break;
	case ID_TRACKS:
		if (k->due && !k->tracks_seen)
			st = mkv_tracks(m, k, &el);
		break;
	default:
		mkv_tags(k, &el);
		if (k->due && el.n <= MKV_TAGS_KEEP)
			buf_put(&k->head, el.p, el.n);
		st = mkv_tell_track(m, k);
		break;
	}
	in_drop(&m->in, el.n);
	if (st == ST_OK && k->head.err != ST_OK)
		st = media_fail(
			m, ST_LIMIT, "Matroska header too large (limit %d bytes)", MEDIA_HEAD_MAX);
	if (st == ST_OK && k->due && k->head_bytes > MKV_HEAD_BYTES)
		st = media_fail(
			m, ST_LIMIT, "Matroska header of more than %u bytes", MKV_HEAD_BYTES);
	return st;
}

/* An element outside of clusters. */
static enum status mkv_top(struct media *m, struct mkv *k, const struct ebml_el *e, bool *more)
{
	if (!k->doc && e->id != ID_EBML)
		return media_fail(
			m, ST_PROTO, "not Matroska: begins with element %X", (unsigned)e->id);
	switch (e->id) {
	case ID_VOID:
	case ID_CRC32:
		return mkv_skip(m, k, e, MKV_ODD_MAX);
	case ID_EBML:
		return mkv_header(m, k, e, more);
	case ID_SEGMENT:
		/* its size is of no interest: what follows says itself what it is */
		if (!k->segment)
			buf_put(&k->head, segment_head, sizeof(segment_head));
		k->segment = true;
		in_drop(&m->in, e->hlen);
		return ST_OK;
	default:
		break;
	}
	if (!k->segment)
		return media_fail(
			m, ST_PROTO, "Matroska element %X before the segment", (unsigned)e->id);
	switch (e->id) {
	case ID_INFO:
	case ID_TRACKS:
		return mkv_header(m, k, e, more);
	case ID_TAGS:
		if (e->unknown || e->size <= MKV_TAGS_MAX)
			return mkv_header(m, k, e, more);
		return mkv_skip(m, k, e, MKV_SKIP_MAX);
	case ID_SEEKHEAD:
	case ID_CUES:
	case ID_ATTACHMENTS:
	case ID_CHAPTERS:
		return mkv_skip(m, k, e, MKV_SKIP_MAX);
	case ID_CLUSTER:
		if (!k->tracks_seen)
			return media_fail(m, ST_PROTO, "Matroska cluster before any tracks");
		k->in_cluster = true;
		k->cl_open_end = e->unknown;
		k->cl_left = e->size;
		k->has_tc = false;
		k->tc = 0;
		k->first = true;
		in_drop(&m->in, e->hlen);
		return ST_OK;
	default:
		k->head_bytes += e->size;
		if (k->due && k->head_bytes > MKV_HEAD_BYTES)
			return media_fail(m, ST_LIMIT, "Matroska header of more than %u bytes",
				MKV_HEAD_BYTES);
		return mkv_skip(m, k, e, MKV_ODD_MAX);
	}
}

static enum status mkv_child(struct media *m, struct mkv *k, const struct ebml_el *e, bool *more)
{
	struct mkv_block b;
	struct mkv_el el;
	enum status st;
	uint64_t v;

	if (!k->cl_open_end && !e->unknown &&
		(e->hlen > k->cl_left || e->size > k->cl_left - e->hlen))
		return media_fail(m, ST_PROTO,
			"Matroska element %X of %llu bytes runs past its cluster", (unsigned)e->id,
			(unsigned long long)e->size);
	switch (e->id) {
	case ID_TIMECODE:
		st = mkv_whole(m, e, 8, "timecode", &el, more);
		if (st != ST_OK || *more)
			return st;
		/* one behind a block would change what that block meant */
		if (k->first && ebml_uint(&el.body, &v) && v <= MKV_TICKS_MAX) {
			k->tc = v;
			k->has_tc = true;
		}
		break;
	case ID_SIMPLEBLOCK:
	case ID_BLOCKGROUP:
		st = mkv_whole(m, e, MEDIA_UNIT_MAX, "block", &el, more);
		if (st != ST_OK || *more)
			return st;
		if (!mkv_block_read(&b, &el))
			return media_fail(m, ST_PROTO, "broken Matroska block");
		if (k->due) {
			if (m->headed && !media_head_ready(m))
				break;
			st = media_head(m, k->head.p, k->head.len);
			k->due = false;
		}
		if (st == ST_OK)
			st = mkv_block(m, k, &b);
		if (st != ST_OK)
			return st;
		break;
	default:
		st = mkv_skip(m, k, e, MKV_ODD_MAX);
		if (st == ST_OK && !k->cl_open_end)
			k->cl_left -= k->skip;
		return st;
	}
	in_drop(&m->in, el.n);
	if (!k->cl_open_end)
		k->cl_left -= el.n;
	return ST_OK;
}

/* What ends a cluster of unknown size: whatever cannot be inside one. */
static bool mkv_ends_cluster(uint32_t id)
{
	switch (id) {
	case ID_EBML:
	case ID_SEGMENT:
	case ID_SEEKHEAD:
	case ID_INFO:
	case ID_TRACKS:
	case ID_CUES:
	case ID_TAGS:
	case ID_ATTACHMENTS:
	case ID_CHAPTERS:
	case ID_CLUSTER:
		return true;
	default:
		return false;
	}
}

static enum status mkv_run(struct media *m)
{
	struct mkv *k = m->self;
	enum status st = ST_OK;
	bool more = false;

	while (st == ST_OK && !more) {
		struct ebml_el e;
		const uint8_t *p;
		size_t n;

		if (k->skip > 0) {
			n = in_avail(&m->in);
			n = k->skip < n ? (size_t)k->skip : n;
			in_drop(&m->in, n);
			k->skip -= n;
			if (k->skip > 0)
				break;
		}
		if (k->in_cluster && !k->cl_open_end && k->cl_left == 0)
			k->in_cluster = false;
		n = in_view(&m->in, EBML_HEAD_MAX, &p);
		if (m->in.carry.err != ST_OK)
			return media_fail(m, ST_LIMIT, "no memory for a Matroska element");
		switch (ebml_head(p, n, &e)) {
		case EBML_MORE:
			more = true;
			continue;
		case EBML_BAD:
			return media_fail(m, ST_PROTO, "not a Matroska element at byte %llu",
			                  (unsigned long long)m->in.taken);
		case EBML_OK:
			break;
		}
		if (k->in_cluster && k->cl_open_end && mkv_ends_cluster(e.id))
			k->in_cluster = false;
		st = k->in_cluster ? mkv_child(m, k, &e, &more) : mkv_top(m, k, &e, &more);
	}
	return st;
}

static void mkv_open(struct media *m)
{
	struct mkv *k = m->self;

	m->cutting = (struct cutting){ .soft = MEDIA_DATA_MAX };
	/* a little over the limit, so that media_head() can name the size */
	buf_init(&k->head, 2 * MEDIA_HEAD_MAX);
	mkv_reset(k);
}

static void mkv_fini(struct media *m)
{
	struct mkv *k = m->self;

	buf_fini(&k->head);
}

const struct parser parser_mkv = {
	.size = sizeof(struct mkv), .open = mkv_open, .run = mkv_run, .fini = mkv_fini,
};
