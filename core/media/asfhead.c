/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chunks, ASF headers, data packets: what is in them. */
#include "core/media/asf.h"

#include <string.h>

#define ASF_HEADER_HEAD 30              /* of the header object: GUID, size, count, two reserved bytes */
#define ASF_PART_KEEP   2048            /* a part of the header that is not needed for playing */

#define GUID(a, b, c, d, e, f, g, h, i, j, k) {                                                    \
	(a) & 255, (a) >> 8 & 255, (a) >> 16 & 255, (a) >> 24, (b) & 255, (b) >> 8, (c) & 255, (c) >> 8, \
	d, e, f, g, h, i, j, k }

const uint8_t asf_guid_header[16] =
	GUID(0x75B22630u, 0x668E, 0x11CF, 0xA6, 0xD9, 0x00, 0xAA, 0x00, 0x62, 0xCE, 0x6C);
const uint8_t asf_guid_data[16] =
	GUID(0x75B22636u, 0x668E, 0x11CF, 0xA6, 0xD9, 0x00, 0xAA, 0x00, 0x62, 0xCE, 0x6C);
const uint8_t asf_guid_simple_index[16] =
	GUID(0x33000890u, 0xE5B1, 0x11CF, 0x89, 0xF4, 0x00, 0xA0, 0xC9, 0x03, 0x49, 0xCB);
const uint8_t asf_guid_index[16] =
	GUID(0xD6E229D3u, 0x35DA, 0x11D1, 0x90, 0x34, 0x00, 0xA0, 0xC9, 0x03, 0x49, 0xBE);
static const uint8_t guid_file[16] =
	GUID(0x8CABDCA1u, 0xA947, 0x11CF, 0x8E, 0xE4, 0x00, 0xC0, 0x0C, 0x20, 0x53, 0x65);
static const uint8_t guid_stream[16] =
	GUID(0xB7DC0791u, 0xA9B7, 0x11CF, 0x8E, 0xE6, 0x00, 0xC0, 0x0C, 0x20, 0x53, 0x65);
static const uint8_t guid_audio[16] =
	GUID(0xF8699E40u, 0x5B4D, 0x11CF, 0xA8, 0xFD, 0x00, 0x80, 0x5F, 0x5C, 0x44, 0x2B);
static const uint8_t guid_video[16] =
	GUID(0xBC19EFC0u, 0x5B4D, 0x11CF, 0xA8, 0xFD, 0x00, 0x80, 0x5F, 0x5C, 0x44, 0x2B);
static const uint8_t guid_bitrates[16] =
	GUID(0x7BF875CEu, 0x468D, 0x11D1, 0x8D, 0x82, 0x00, 0x60, 0x97, 0xC9, 0xA2, 0xB2);
static const uint8_t guid_content[16] =
	GUID(0x75B22633u, 0x668E, 0x11CF, 0xA6, 0xD9, 0x00, 0xAA, 0x00, 0x62, 0xCE, 0x6C);
static const uint8_t guid_content_more[16] =
	GUID(0xD2D0A440u, 0xE307, 0x11D2, 0x97, 0xF0, 0x00, 0xA0, 0xC9, 0x5E, 0xA8, 0x50);
static const uint8_t guid_extension[16] =
	GUID(0x5FBF03B5u, 0xA92E, 0x11CF, 0x8E, 0xE3, 0x00, 0xC0, 0x0C, 0x20, 0x53, 0x65);
static const uint8_t guid_codecs[16] =
	GUID(0x86D15240u, 0x311D, 0x11D0, 0xA3, 0xA4, 0x00, 0xA0, 0xC9, 0x03, 0x48, 0xF6);

/* --- chunks ----------------------------------------------------------------------------------- */

void asf_chunk_put(uint8_t out[ASF_CHUNK], uint8_t type, uint32_t seq, size_t n)
{
	struct wr w = wr_of(out, ASF_CHUNK);

	wr_u8(&w, '$');
	wr_u8(&w, type);
	wr_le16(&w, (uint16_t)(n + 8));
	wr_le32(&w, seq);
	wr_le16(&w, type == ASF_H ? 0x0c00 : 0);        /* a header in one piece */
	wr_le16(&w, (uint16_t)(n + 8));
}

bool asf_chunk_read(struct asf_chunk *c, const uint8_t *p, bool brief)
{
	struct rd r = rd_of(p, brief ? ASF_CHUNK_SHORT : ASF_CHUNK);
	size_t len, again;

	*c = (struct asf_chunk){ .head = r.left };
	if (rd_u8(&r) != '$')
		return false;
	c->type = rd_u8(&r);
	if (memchr("HDECMPT", c->type, 7) == NULL)
		return false;
	len = rd_le16(&r);
	if (brief) {
		c->n = len;
		return len <= ASF_PAYLOAD_MAX;
	}
	c->seq = rd_le32(&r);
	(void)rd_le16(&r);
	again = rd_le16(&r);
	if (len < 8 || ((c->type == ASF_H || c->type == ASF_D) && again != len))
		return false;
	c->n = len - 8;
	return c->n <= ASF_PAYLOAD_MAX;
}

/* --- headers ---------------------------------------------------------------------------------- */

struct object {
	const uint8_t *p;       /* all n bytes of it */
	size_t n;
	struct rd body;
};

/* The next object. false at the end and when it is broken (then r->err is set). */
static bool object_next(struct rd *r, struct object *o)
{
	struct rd look = *r;
	uint64_t size;

	if (r->err != ST_OK || r->left == 0)
		return false;
	(void)rd_take(&look, 16);
	size = rd_le64(&look);
	if (look.err != ST_OK || size < ASF_OBJECT || size > r->left) {
		r->err = ST_PROTO;
		return false;
	}
	o->n = (size_t)size;
	o->p = rd_take(r, o->n);
	o->body = rd_of(o->p + ASF_OBJECT, o->n - ASF_OBJECT);
	return true;
}

static bool is(const struct object *o, const uint8_t guid[16])
{
	return memcmp(o->p, guid, 16) == 0;
}

static void read_file(struct asf_info *i, struct rd r)
{
	uint32_t flags, min, max, bitrate;

	(void)rd_take(&r, 64);
	flags = rd_le32(&r);
	min = rd_le32(&r);
	max = rd_le32(&r);
	bitrate = rd_le32(&r);
	if (r.err != ST_OK)
		return;
	i->broadcast = (flags & 1) != 0;
	i->packet = min == max ? min : 0;
	if (bitrate > 0 && bitrate < INT32_MAX)
		i->kbps = (bitrate + 500) / 1000;
}

static void read_stream(struct asf_info *i, struct rd r)
{
	const uint8_t *type = rd_take(&r, 16);
	unsigned number;

	(void)rd_take(&r, 32);
	number = rd_le16(&r) & 127;
	if (r.err != ST_OK)
		return;
	if (memcmp(type, guid_video, 16) == 0 && i->video == 0)
		i->video = number;
	i->audio |= memcmp(type, guid_audio, 16) == 0;
}

static void read_content(struct asf_info *i, struct rd r)
{
	const size_t title = rd_le16(&r), author = rd_le16(&r);
	const uint8_t *p;

	(void)rd_take(&r, 6);
	p = rd_take(&r, title);
	if (p != NULL)
		tags_utf16(i->tags.title, TEXT_MAX, p, title, false);
	p = rd_take(&r, author);
	if (p != NULL)
		tags_utf16(i->tags.artist, TEXT_MAX, p, author, false);
}

static void read_content_more(struct asf_info *i, struct rd r)
{
	const struct {
		const char *name;
		char *to;
	} known[] = {
		{ "WM/AlbumTitle", i->tags.album },
		{ "WM/Genre", i->tags.genre },
	};

	for (unsigned n = rd_le16(&r); n > 0 && r.err == ST_OK; n--) {
		const size_t nlen = rd_le16(&r);
		const uint8_t *name = rd_take(&r, nlen), *value;
		const unsigned type = rd_le16(&r);
		const size_t len = rd_le16(&r);
		char text[TEXT_MAX];

		value = rd_take(&r, len);
		if (value == NULL || type != 0)
			continue;
		tags_utf16(text, sizeof(text), name, nlen, false);
		for (size_t k = 0; k < NELEM(known); k++)
			if (strcmp(text, known[k].name) == 0)
				tags_utf16(known[k].to, TEXT_MAX, value, len, false);
	}
}

/* What every stream says it takes; for headers that do not name a sum. */
static uint32_t read_bitrates(struct rd r)
{
	uint64_t sum = 0;

	for (unsigned n = rd_le16(&r); n > 0 && r.err == ST_OK; n--) {
		(void)rd_le16(&r);
		sum += rd_le32(&r);
	}
	return sum < INT32_MAX ? (uint32_t)(sum + 500) / 1000 : 0;
}

bool asf_header_read(struct asf_info *i, const uint8_t *p, size_t n)
{
	struct rd r = rd_of(p, n);
	uint32_t sum = 0;
	struct object o;

	memset(i, 0, sizeof(*i));
	(void)rd_take(&r, ASF_HEADER_HEAD);
	while (object_next(&r, &o)) {
		if (is(&o, guid_file))
			read_file(i, o.body);
		else if (is(&o, guid_stream))
			read_stream(i, o.body);
		else if (is(&o, guid_content))
			read_content(i, o.body);
		else if (is(&o, guid_content_more))
			read_content_more(i, o.body);
		else if (is(&o, guid_bitrates))
			sum = read_bitrates(o.body);
	}
	if (i->kbps == 0)
		i->kbps = sum;
	return r.err == ST_OK && (i->video > 0 || i->audio);
}

void asf_header_put(struct buf *out, const uint8_t *p, size_t n)
{
	static const uint8_t *const needed[] = {
		guid_file, guid_stream, guid_bitrates, guid_extension, guid_codecs,
	};
	const size_t start = out->len;
	struct rd r = rd_of(p + ASF_HEADER_HEAD, n - ASF_HEADER_HEAD);
	uint32_t count = 0;
	struct object o;

	buf_put(out, p, ASF_HEADER_HEAD);
	while (object_next(&r, &o)) {
		bool keep = o.n <= ASF_PART_KEEP;

		for (size_t k = 0; k < NELEM(needed); k++)
			keep |= is(&o, needed[k]);
		if (!keep)
			continue;
		buf_put(out, o.p, o.n);
		if (is(&o, guid_file) && o.n > ASF_OBJECT + 64 && out->err == ST_OK) {
			/* whatever it was made of: nobody seeks in it, and its sizes are not those of this */
			out->p[out->len - o.n + ASF_OBJECT + 64] |= 1;
			out->p[out->len - o.n + ASF_OBJECT + 64] &= (uint8_t)~2;
		}
		count++;
	}
	for (size_t k = 0; k < 8 && out->err == ST_OK; k++)
		out->p[start + 16 + k] = (uint8_t)((uint64_t)(out->len - start) >> (8 * k));
	for (size_t k = 0; k < 4 && out->err == ST_OK; k++)
		out->p[start + 24 + k] = (uint8_t)(count >> (8 * k));
}

/* --- packets ---------------------------------------------------------------------------------- */

/* A field whose length the flags tell: 0, 1, 2, 4 bytes. */
static uint32_t rd_sized(struct rd *r, unsigned type)
{
	switch (type & 3) {
	case 0:
		return 0;
	case 1:
		return rd_u8(r);
	case 2:
		return rd_le16(r);
	default:
		return rd_le32(r);
	}
}

/* A packet's head, up to its payloads. */
struct packet {
	unsigned property;      /* how long the fields of payloads are */
	unsigned payloads;
	bool multiple;          /* payloads tell their length, in a field of this kind */
	unsigned lengths;
	uint32_t ms;
	uint16_t duration;
};

static bool packet_head(struct packet *x, struct rd *r)
{
	unsigned flags = rd_u8(r);

	*x = (struct packet){ .payloads = 1 };
	if ((flags & 0x80) != 0) {              /* error correction data */
		if ((flags & 0x60) != 0)
			return false;
		(void)rd_take(r, flags & 15);
		flags = rd_u8(r);
	}
	x->property = rd_u8(r);
	(void)rd_sized(r, flags >> 5);          /* packet length */
	(void)rd_sized(r, flags >> 1);          /* sequence */
	(void)rd_sized(r, flags >> 3);          /* padding */
	x->ms = rd_le32(r);
	x->duration = rd_le16(r);
	x->multiple = (flags & 1) != 0;
	if (x->multiple) {
		x->payloads = rd_u8(r);
		x->lengths = x->payloads >> 6;
		x->payloads &= 63;
	}
	return (flags & 0x80) == 0 && x->property >> 6 == 1 && r->err == ST_OK;
}

struct payload {
	uint8_t stream;         /* with the key flag */
	bool begins;            /* an object begins with it */
	struct rd head;         /* all bytes of it in front of the length */
	struct rd data;         /* empty in packets of one */
};

static bool payload_next(const struct packet *x, struct rd *r, struct payload *l)
{
	const uint8_t *start = r->p;
	uint32_t offset, replicated;

	l->stream = rd_u8(r);
	(void)rd_sized(r, x->property >> 4);    /* object number */
	offset = rd_sized(r, x->property >> 2);
	replicated = rd_sized(r, x->property);
	(void)rd_take(r, replicated);
	if (r->err != ST_OK)
		return false;
	/* replicated data of one byte: the offset is a time, and the payload holds whole objects */
	l->begins = offset == 0 || replicated == 1;
	l->head = rd_of(start, (size_t)(r->p - start));
	l->data = rd_of(NULL, 0);
	if (x->multiple)
		l->data = rd_sub(r, rd_sized(r, x->lengths));
	return r->err == ST_OK;
}

bool asf_packet_read(struct asf_packet *k, const uint8_t *p, size_t n, unsigned video)
{
	struct rd r = rd_of(p, n);
	struct payload l;
	struct packet x;

	memset(k, 0, sizeof(*k));
	if (!packet_head(&x, &r))
		return false;
	k->ms = x.ms;
	for (unsigned i = 0; i < x.payloads; i++) {
		bool ours;

		if (!payload_next(&x, &r, &l))
			return false;
		ours = video > 0 && (l.stream & 127u) == video;
		k->video |= ours;
		k->sound |= !ours;
		if (!l.begins || (video > 0 && !ours))
			continue;
		if (!k->begins)
			k->key = (l.stream & 0x80) != 0;
		else if (!k->key && k->key_at == 0 && (l.stream & 0x80) != 0)
			k->key_at = i;
		k->begins = true;
	}
	return true;
}

/* Payloads [from, to) of a packet as one of exactly `size` bytes. */
static bool packet_part(uint8_t *out, size_t size, const uint8_t *p, size_t n, unsigned from, unsigned to)
{
	struct rd r = rd_of(p, n);
	struct wr w = wr_of(out, size);
	struct payload l;
	struct packet x;

	memset(out, 0, size);
	if (!packet_head(&x, &r))
		return false;
	wr_bytes(&w, "\x82\0\0\x11", 4);       /* several payloads; a padding length of two bytes */
	wr_u8(&w, (uint8_t)x.property);
	wr_le16(&w, 0);
	wr_le32(&w, x.ms);
	wr_le16(&w, x.duration);
	wr_u8(&w, (uint8_t)(0x80 | (to - from)));       /* lengths of two bytes */
	for (unsigned i = 0; i < to && payload_next(&x, &r, &l); i++) {
		if (i < from)
			continue;
		wr_bytes(&w, l.head.p, l.head.left);
		wr_le16(&w, (uint16_t)l.data.left);
		wr_bytes(&w, l.data.p, l.data.left);
	}
	if (w.err != ST_OK || r.err != ST_OK || size - w.len > UINT16_MAX)
		return false;
	out[5] = (uint8_t)(size - w.len);
	out[6] = (uint8_t)((size - w.len) >> 8);
	return true;
}

bool asf_packet_split(uint8_t *out, size_t size, const uint8_t *p, size_t n, unsigned at)
{
	struct rd r = rd_of(p, n);
	struct packet x;

	return size <= ASF_PAYLOAD_MAX && packet_head(&x, &r) && at < x.payloads &&
	       packet_part(out, size, p, n, 0, at) && packet_part(out + size, size, p, n, at, x.payloads);
}
