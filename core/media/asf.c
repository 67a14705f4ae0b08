/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ASF (WMV, WMA): raw, in MMSH chunks, or in the shorter ones of Windows Media's push.
 *
 *   raw     HEADER -> PACKETS -> (objects behind the data: passed over) -> HEADER ...
 *   chunks  CHUNKS <-> SEARCH (for one with another behind it)
 *
 * Whatever comes in, MMSH chunks go out: the head is one $H, every data packet a $D, numbered by us.
 * A packet in which a key frame begins behind another frame becomes two. A new header makes a new head.
 *
 * source   media.md 3.6, 9.1 row 16
 */
#include "core/media/asf.h"

#include <string.h>

#include "core/media/parser.h"

#define ASF_HEADER_MAX (1u << 20)       /* media.md 9.2: header phase */
#define ASF_OBJECT_MAX (UINT64_C(1) << 30)      /* an index */
#define ASF_SEARCH     65536            /* bytes without a chunk */
#define ASF_BAD        32               /* packets in a row that are none */
#define ASF_AUDIO_MS   1000             /* between starts, when every packet goes on with an object */

struct asf {
	enum { ASF_START, ASF_RAW_HEADER, ASF_RAW_DATA, ASF_CHUNKS, ASF_SEEK } state;
	bool brief;             /* chunks are the shorter ones */
	bool due;               /* a head is to go out before the next packet */
	bool bounded;           /* raw: the data object says how long it is */
	uint64_t left;          /* raw: bytes left in it */
	uint64_t skip;          /* bytes of an object or chunk to pass over */
	uint32_t searched, bad; /* in a row */
	uint32_t seq;           /* of the next chunk */
	struct asf_info info;
	struct buf header;      /* the header as it came, with what stands behind it in a $H */
	size_t nheader;         /* of the header alone */
	bool has_ra;
	int64_t ra_ms;          /* the last place to start */
};

/* --- head ------------------------------------------------------------------------------------- */

static enum status asf_no_memory(struct media *m)
{
	return media_fail(m, ST_LIMIT, "no memory for the ASF header");
}

/* A whole header is in s->header. */
static enum status asf_header(struct media *m, struct asf *s)
{
	struct media_info *i = &m->info;
	bool changed;

	if (!asf_header_read(&s->info, s->header.p, s->nheader))
		return media_fail(m, ST_PROTO, "broken ASF header, or one without audio and video");
	s->due = true;
	changed = media_set_tags(m, &s->info.tags);
	if (s->info.kbps > 0) {
		changed |= i->bitrate_kbps != s->info.kbps;
		i->bitrate_kbps = s->info.kbps;
	}
	i->declared = s->info.kbps > 0;
	if (m->declared[0] == '\0') {
		const char *type = s->info.video > 0 ? "WMV" : "WMA";

		changed |= strcmp(m->type, type) != 0;
		(void)text_copy(m->type, sizeof(m->type), type);
	}
	return changed ? media_inform(m) : ST_OK;
}

/* Chunk, header, and the beginning of a data object: their own, or one of ours. Its size is more than anybody
 * ever sends: players that look at it (VLC) stop where it ends, and take less than a head's for broken. */
static enum status asf_publish(struct media *m, struct asf *s)
{
	const size_t rest = s->header.len - s->nheader;
	uint8_t chunk[ASF_CHUNK], own[ASF_DATA_HEAD] = { 0 };
	struct buf b;
	enum status st;

	memcpy(own, asf_guid_data, 16);
	own[48] = own[49] = 1;
	if (rest >= ASF_DATA_HEAD && memcmp(s->header.p + s->nheader, asf_guid_data, 16) == 0)
		memcpy(own, s->header.p + s->nheader, ASF_DATA_HEAD);
	memset(own + 16, 0, 8);
	own[23] = 0x40;                         /* 2^62 */
	buf_init(&b, ASF_CHUNK + s->header.len + ASF_DATA_HEAD);
	buf_put(&b, chunk, ASF_CHUNK);
	asf_header_put(&b, s->header.p, s->nheader);
	buf_put(&b, own, sizeof(own));
	if (b.err != ST_OK) {
		st = asf_no_memory(m);
	} else {
		asf_chunk_put(b.p, ASF_H, s->seq++, b.len - ASF_CHUNK);
		st = media_head(m, b.p, b.len);
	}
	buf_fini(&b);
	s->due = false;
	s->has_ra = false;
	return st;
}

/* --- data ------------------------------------------------------------------------------------- */

static enum unit_kind asf_kind(struct asf *s, const struct asf_packet *k)
{
	const int64_t ms = k->ms;
	bool ra;

	if (!s->has_ra || ms < s->ra_ms - 1000) {
		s->has_ra = true;
		s->ra_ms = ms;
	}
	if (s->info.video > 0)
		ra = k->begins && (k->key || ms - s->ra_ms >= MEDIA_KEY_MS);
	else
		ra = k->begins || ms - s->ra_ms >= ASF_AUDIO_MS;
	if (ra)
		s->ra_ms = ms;
	if (s->info.video == 0)
		return ra ? UNIT_FREE : UNIT_AUDIO;
	return ra ? UNIT_KEY : k->video ? UNIT_INTER : k->sound ? UNIT_AUDIO : UNIT_OTHER;
}

/* One data packet, whatever is in it. */
static enum status asf_emit(
	struct media *m, struct asf *s, const struct asf_packet *k, const uint8_t *p, size_t n)
{
	uint8_t chunk[ASF_CHUNK];
	const struct unit u = {
		.kind = asf_kind(s, k),
		.ms = k->ms,
		.n = sizeof(chunk) + n,
		.nparts = 2,
		.part = { { chunk, sizeof(chunk) }, { p, n } },
	};

	asf_chunk_put(chunk, ASF_D, s->seq++, n);
	return media_unit(m, &u);
}

static enum status asf_data(struct media *m, struct asf *s, const uint8_t *p, size_t n)
{
	uint8_t two[2 * ASF_PAYLOAD_MAX];
	const size_t size = s->info.packet;
	struct asf_packet k;
	enum status st;

	if (n == 0 || !asf_packet_read(&k, p, n, s->info.video)) {
		media_note(m, NOTE_ASF_PACKET, "broken ASF packet at byte %llu: dropped",
			(unsigned long long)m->in.taken);
		if (++s->bad >= ASF_BAD)
			return media_fail(m, ST_PROTO, "%d broken ASF packets in a row", ASF_BAD);
		return ST_OK;
	}
	s->bad = 0;
	if (s->due) {
		if (m->headed && !media_head_ready(m))
			return ST_OK;
		st = asf_publish(m, s);
		if (st != ST_OK)
			return st;
	}
	/* a key frame behind others in one packet would be no place to start */
	if (k.key_at == 0 || size == 0 || !asf_packet_split(two, size, p, n, k.key_at) ||
		!asf_packet_read(&k, two, size, s->info.video))
		return asf_emit(m, s, &k, p, n);
	st = asf_emit(m, s, &k, two, size);
	if (st != ST_OK || !asf_packet_read(&k, two + size, size, s->info.video))
		return st;
	return asf_emit(m, s, &k, two + size, size);
}

/* --- raw -------------------------------------------------------------------------------------- */

static uint64_t le64(const uint8_t *p)
{
	struct rd r = rd_of(p, 8);

	return rd_le64(&r);
}

static enum status asf_raw_header(struct media *m, struct asf *s, bool *more)
{
	const uint8_t *p, *data;
	uint64_t size;
	enum status st = media_peek(m, ASF_OBJECT, &p);

	*more = p == NULL;
	if (p == NULL)
		return st;
	size = le64(p + 16);
	if (size < ASF_OBJECT + 6)
		return media_fail(m, ST_PROTO, "broken ASF header");
	if (size > ASF_HEADER_MAX)
		return media_fail(m, ST_LIMIT, "ASF header of %llu bytes (limit %u)",
			(unsigned long long)size, ASF_HEADER_MAX);
	st = media_peek(m, (size_t)size + ASF_DATA_HEAD, &p);
	*more = p == NULL;
	if (p == NULL)
		return st;
	data = p + size;
	if (memcmp(data, asf_guid_data, 16) != 0)
		return media_fail(m, ST_PROTO, "no data behind the ASF header");
	buf_reset(&s->header);
	buf_put(&s->header, p, (size_t)size + ASF_DATA_HEAD);
	if (s->header.err != ST_OK)
		return asf_no_memory(m);
	s->nheader = (size_t)size;
	s->left = le64(data + 16);
	st = media_flush(m);
	if (st == ST_OK)
		st = asf_header(m, s);
	if (st != ST_OK)
		return st;
	if (s->info.packet == 0 || s->info.packet > ASF_PAYLOAD_MAX)
		return media_fail(m, ST_LIMIT, "ASF packets of %zu bytes (limit %d)", s->info.packet,
			ASF_PAYLOAD_MAX);
	s->bounded = !s->info.broadcast && s->left > ASF_DATA_HEAD;
	s->left -= MIN(s->left, (uint64_t)ASF_DATA_HEAD);
	s->state = ASF_RAW_DATA;
	in_drop(&m->in, (size_t)size + ASF_DATA_HEAD);
	return ST_OK;
}

/* Behind the packets, or at the border of two when nobody knows how many there are: another object? */
static enum status asf_object(struct media *m, struct asf *s, bool *none, bool *more)
{
	const bool end = s->bounded && s->left < s->info.packet;
	struct asf_chunk c;
	const uint8_t *p;
	uint64_t size;
	enum status st = media_peek(m, ASF_OBJECT, &p);

	*more = p == NULL;
	*none = false;
	if (p == NULL)
		return st;
	if (memcmp(p, asf_guid_header, 16) == 0) {
		s->state = ASF_RAW_HEADER;
		return ST_OK;
	}
	/* some encoders send this even behind a stream that is not in chunks */
	if (!end && asf_chunk_read(&c, p, false) && c.type == ASF_E && c.n == 0) {
		s->skip = ASF_CHUNK;
		return ST_OK;
	}
	*none = !end && memcmp(p, asf_guid_index, 16) != 0 && memcmp(p, asf_guid_simple_index, 16) != 0;
	if (*none)
		return ST_OK;
	size = le64(p + 16);
	if (size < ASF_OBJECT || size > ASF_OBJECT_MAX)
		return media_fail(m, ST_PROTO, "broken ASF object behind the data");
	s->skip = size;
	return ST_OK;
}

static enum status asf_raw_data(struct media *m, struct asf *s, bool *more)
{
	const uint8_t *p;
	bool none;
	enum status st;

	if (s->bounded && s->left > 0 && s->left < s->info.packet) {    /* less than a packet */
		s->skip = s->left;
		s->left = 0;
		return ST_OK;
	}
	if (!s->bounded || s->left == 0) {
		st = asf_object(m, s, &none, more);
		if (st != ST_OK || *more || !none)
			return st;
	}
	st = media_peek(m, s->info.packet, &p);
	*more = p == NULL;
	if (p == NULL)
		return st;
	st = asf_data(m, s, p, s->info.packet);
	in_drop(&m->in, s->info.packet);
	s->left -= s->bounded ? s->info.packet : 0;
	return st;
}

/* --- chunks ----------------------------------------------------------------------------------- */

/* A piece of a header, its first or another one. */
static enum status asf_chunk_header(struct media *m, struct asf *s, const uint8_t *p, size_t n)
{
	enum status st;

	if (n >= 16 && memcmp(p, asf_guid_header, 16) == 0) {
		buf_reset(&s->header);
		s->nheader = 0;
	} else if (s->header.len == 0 || s->nheader > 0) {
		return ST_OK;           /* the rest of one that is complete, or was never begun */
	}
	if (s->header.len + n > ASF_HEADER_MAX)
		return media_fail(m, ST_LIMIT, "ASF header of more than %u bytes", ASF_HEADER_MAX);
	buf_put(&s->header, p, n);
	if (s->header.err != ST_OK)
		return asf_no_memory(m);
	if (s->header.len < ASF_OBJECT)
		return ST_OK;

	const uint64_t size = le64(s->header.p + 16);

	if (size < ASF_OBJECT + 6)
		return media_fail(m, ST_PROTO, "broken ASF header");
	if (size > s->header.len)
		return ST_OK;
	s->nheader = (size_t)size;
	st = media_flush(m);
	return st == ST_OK ? asf_header(m, s) : st;
}

static enum status asf_chunk(struct media *m, struct asf *s, bool *more)
{
	const size_t head = s->brief ? ASF_CHUNK_SHORT : ASF_CHUNK;
	struct asf_chunk c;
	const uint8_t *p;
	enum status st = media_peek(m, ASF_CHUNK_SHORT, &p);

	*more = p == NULL;
	if (p == NULL)
		return st;
	if (p[0] == '$' && p[1] == ASF_E) {             /* may be shorter than others */
		s->skip = ASF_CHUNK_SHORT + (size_t)p[2] + ((size_t)p[3] << 8);
		return media_flush(m);
	}
	st = media_peek(m, head, &p);
	*more = p == NULL;
	if (p == NULL)
		return st;
	if (!asf_chunk_read(&c, p, s->brief)) {
		if (c.n > ASF_PAYLOAD_MAX)
			return media_fail(m, ST_LIMIT, "ASF chunk of %zu bytes (limit %d)", c.n,
				ASF_PAYLOAD_MAX);
		media_note(m, NOTE_ASF_RESYNC,
			"ASF chunks out of step at byte %llu: looking for the next one",
			(unsigned long long)m->in.taken);
		s->state = ASF_SEEK;
		return ST_OK;
	}
	st = media_peek(m, head + c.n, &p);
	*more = p == NULL;
	if (p == NULL)
		return st;
	if (c.type == ASF_H)
		st = asf_chunk_header(m, s, p + head, c.n);
	else if (c.type == ASF_D && s->nheader > 0)
		st = asf_data(m, s, p + head, c.n);
	in_drop(&m->in, head + c.n);
	s->searched = 0;
	return st;
}

/* The next chunk that has another one behind it. */
static enum status asf_seek(struct media *m, struct asf *s, bool *more)
{
	const size_t head = s->brief ? ASF_CHUNK_SHORT : ASF_CHUNK;
	struct asf_chunk c, next;
	const uint8_t *p, *q;
	size_t k;
	enum status st = media_peek(m, head, &p);

	*more = p == NULL;
	if (p == NULL)
		return st;
	if (asf_chunk_read(&c, p, s->brief)) {
		st = media_peek(m, head + c.n + head, &p);
		*more = p == NULL;
		if (p == NULL)
			return st;
		if (asf_chunk_read(&next, p + head + c.n, s->brief)) {
			s->state = ASF_CHUNKS;
			return ST_OK;
		}
	}
	q = memchr(p + 1, '$', head - 1);
	k = q == NULL ? head : (size_t)(q - p);
	in_drop(&m->in, k);
	s->searched += (uint32_t)k;
	if (s->searched > ASF_SEARCH)
		return media_fail(m, ST_PROTO, "no ASF chunk in %d bytes", ASF_SEARCH);
	return ST_OK;
}

/* --- all of it -------------------------------------------------------------------------------- */

static enum status asf_start(struct media *m, struct asf *s, bool *more)
{
	const size_t n = ASF_CHUNK + 16;
	const uint8_t *p;
	enum status st = media_peek(m, n, &p);

	*more = p == NULL;
	if (p == NULL)
		return st;
	if (memcmp(p, asf_guid_header, 16) == 0) {
		s->state = ASF_RAW_HEADER;
		return ST_OK;
	}
	s->brief = memcmp(p + ASF_CHUNK_SHORT, asf_guid_header, 16) == 0;
	if (!s->brief && memcmp(p + ASF_CHUNK, asf_guid_header, 16) != 0)
		return media_fail(m, ST_PROTO, "not an ASF header");
	s->state = ASF_CHUNKS;
	return ST_OK;
}

static enum status asf_run(struct media *m)
{
	struct asf *s = m->self;
	enum status st = ST_OK;
	bool more = false;

	while (st == ST_OK && !more) {
		if (s->skip > 0) {
			const size_t n = in_avail(&m->in);
			const size_t k = s->skip < n ? (size_t)s->skip : n;

			in_drop(&m->in, k);
			s->skip -= k;
			if (s->skip > 0)
				break;
		}
		switch (s->state) {
		case ASF_START:
			st = asf_start(m, s, &more);
			break;
		case ASF_RAW_HEADER:
			st = asf_raw_header(m, s, &more);
			break;
		case ASF_RAW_DATA:
			st = asf_raw_data(m, s, &more);
			break;
		case ASF_CHUNKS:
			st = asf_chunk(m, s, &more);
			break;
		case ASF_SEEK:
			st = asf_seek(m, s, &more);
			break;
		}
	}
	return st;
}

static void asf_open(struct media *m)
{
	struct asf *s = m->self;

	/* a packet is a chunk: some readers count on that */
	m->cutting = (struct cutting){ .soft = 1 };
	buf_init(&s->header, ASF_HEADER_MAX + ASF_DATA_HEAD);
}

static void asf_fini(struct media *m)
{
	struct asf *s = m->self;

	buf_fini(&s->header);
}

const struct parser parser_asf = {
	.size = sizeof(struct asf), .open = asf_open, .run = asf_run, .fini = asf_fini,
};
