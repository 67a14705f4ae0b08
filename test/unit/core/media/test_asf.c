/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/asf.h"

#include <string.h>

#include "test/unit/core/media/rec.h"

/* --- building ASF ------------------------------------------------------------------------------- */

static struct buf in;
static size_t opened[8];
static int depth;

enum { V = 1, A = 2, SIZE = 400 /* of packets */ };

static void setup(void)
{
	buf_init(&in, 32u << 20);
	depth = 0;
}

static void teardown(void)
{
	ck_assert_int_eq(in.err, ST_OK);
	ck_assert_int_eq(depth, 0);
	buf_fini(&in);
}

static void le64(uint64_t v)
{
	buf_le32(&in, (uint32_t)v);
	buf_le32(&in, (uint32_t)(v >> 32));
}

static void put64(size_t at, uint64_t v)
{
	for (size_t i = 0; i < 8; i++)
		in.p[at + i] = (uint8_t)(v >> (8 * i));
}

static void fill(size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_u8(&in, (uint8_t)(i * 7 + n));
}

static void begin(const char *guid)
{
	uint8_t g[16];

	ck_assert(hex_parse(g, 16, guid));
	opened[depth++] = in.len;
	buf_put(&in, g, 16);
	le64(0);
}

static void end(void)
{
	const size_t at = opened[--depth];

	put64(at + 16, in.len - at);
}

#define HEADER  "3026B2758E66CF11A6D900AA0062CE6C"
#define DATA    "3626B2758E66CF11A6D900AA0062CE6C"
#define FILE_P  "A1DCAB8C47A9CF118EE400C00C205365"
#define STREAM  "9107DCB7B7A9CF118EE600C00C205365"
#define CONTENT "3326B2758E66CF11A6D900AA0062CE6C"
#define MORE    "40A4D0D207E3D21197F000A0C95EA850"
#define RATES   "CE75F87B8D46D1118D82006097C9A2B2"
#define INDEX   "90080033B1E5CF1189F400A0C90349CB"
#define OTHER   "00112233445566778899AABBCCDDEEFF"
#define VIDEO   "C0EF19BC4D5BCF11A8FD00805F5C442B"
#define AUDIO   "409E69F84D5BCF11A8FD00805F5C442B"

static void file_properties(uint32_t flags, uint32_t min, uint32_t max, uint32_t bitrate)
{
	begin(FILE_P);
	fill(64);
	buf_le32(&in, flags);
	buf_le32(&in, min);
	buf_le32(&in, max);
	buf_le32(&in, bitrate);
	end();
}

static void stream(const char *type, uint16_t number)
{
	uint8_t g[16];

	ck_assert(hex_parse(g, 16, type));
	begin(STREAM);
	buf_put(&in, g, 16);
	fill(32);
	buf_le16(&in, number);
	fill(10);
	end();
}

static void utf16(const char *s)
{
	for (; *s != '\0'; s++)
		buf_le16(&in, (uint16_t)(unsigned char)*s);
	buf_le16(&in, 0);
}

static void header_begin(void)
{
	begin(HEADER);
	buf_le32(&in, 3);
	buf_put(&in, "\1\2", 2);
}

static void header_of(bool video, uint32_t flags)
{
	header_begin();
	file_properties(flags, SIZE, SIZE, 96400);
	if (video)
		stream(VIDEO, V);
	stream(AUDIO, A);
	end();
}

/* The head of a data object for n packets; 0 = nobody knows. */
static void data(uint64_t n)
{
	begin(DATA);
	fill(16);
	le64(n);
	buf_put(&in, "\1\1", 2);
	end();
	put64(in.len - 50 + 16, n == 0 ? 50 : 50 + n * SIZE);
}

static void header(bool video)
{
	header_of(video, 1);
	data(0);
}

#define SEVERAL 0x12345678u      /* an offset that stands for several whole objects */

/* One payload of a packet: stream, key, offset into its object. */
struct payload {
	uint8_t stream;
	bool key;
	uint32_t offset;
};

static void packet_of(uint32_t ms, const struct payload *l, unsigned n, size_t size)
{
	const size_t start = in.len;

	buf_put(&in, "\x82\0\0", 3);                    /* error correction of two bytes */
	buf_u8(&in, n > 1 ? 1 : 0);                     /* nothing but payloads */
	buf_u8(&in, 0x5d);                              /* number 1, offset 4, replicated 1 byte */
	buf_le32(&in, ms);
	buf_le16(&in, 40);
	if (n > 1)
		buf_u8(&in, (uint8_t)(0x80 | n));       /* lengths of 2 bytes */
	for (unsigned i = 0; i < n; i++) {
		buf_u8(&in, (uint8_t)(l[i].stream | (l[i].key ? 0x80 : 0)));
		buf_u8(&in, 7);
		buf_le32(&in, l[i].offset);
		buf_u8(&in, l[i].offset == SEVERAL ? 1 : 8);
		fill(l[i].offset == SEVERAL ? 1 : 8);
		if (n > 1) {
			buf_le16(&in, 20);
			fill(20);
		}
	}
	ck_assert_uint_le(in.len - start, size);
	fill(size - (in.len - start));
}

#define PACKET(ms, ...) do {                                                                        \
	const struct payload list[] = { __VA_ARGS__ };                                              \
	packet_of(ms, list, NELEM(list), SIZE);                                                     \
} while (0)

/* --- looking at it ------------------------------------------------------------------------------ */

static struct rec *run_as(const char *type, enum status want)
{
	struct rec *r = rec_all(type, in.p, in.len);

	ck_assert_msg(r->st == want, "status %d: %s", r->st, r->error);
	return r;
}

static struct rec *run(enum status want)
{
	return run_as(NULL, want);
}

static void conts(const struct rec *r, const char *want)
{
	char out[4096];

	ck_assert_str_eq(rec_conts(r, out, sizeof(out)), want);
}

/* Chunks at p, the first one numbered seq: "HDD". */
static const char *chunks(const uint8_t *p, size_t n, uint32_t seq)
{
	static char out[4096];
	size_t at = 0, k = 0;

	while (at < n) {
		struct asf_chunk c;

		ck_assert_uint_le(ASF_CHUNK, n - at);
		ck_assert(asf_chunk_read(&c, p + at, false));
		ck_assert_uint_eq(c.seq, seq++);
		ck_assert_uint_le(c.head + c.n, n - at);
		out[k++] = (char)c.type;
		at += c.head + c.n;
	}
	out[k] = '\0';
	return out;
}

/* --- chunks ------------------------------------------------------------------------------------- */

START_TEST(chunk_heads)
{
	uint8_t p[ASF_CHUNK];
	struct asf_chunk c;

	asf_chunk_put(p, ASF_H, 0x01020304, 0x329);
	ck_assert_mem_eq(p, "$H\x31\x03\x04\x03\x02\x01\x00\x0c\x31\x03", ASF_CHUNK);
	ck_assert(asf_chunk_read(&c, p, false));
	ck_assert(c.type == ASF_H && c.seq == 0x01020304 && c.head == 12 && c.n == 0x329);
	asf_chunk_put(p, ASF_D, 7, 16372);
	ck_assert_mem_eq(p, "$D\xfc\x3f\x07\0\0\0\0\0\xfc\x3f", ASF_CHUNK);
	ck_assert(asf_chunk_read(&c, p, false));
	ck_assert(asf_chunk_read(&c, p, true) == false && c.n == 16380);        /* the short form */
	asf_chunk_put(p, ASF_D, 7, 16373);
	ck_assert(!asf_chunk_read(&c, p, false) && c.n == 16373);
	ck_assert(!asf_chunk_read(&c, (const uint8_t *)"$D\x07\0\0\0\0\0\0\0\x07\0", false));
	ck_assert(!asf_chunk_read(&c, (const uint8_t *)"$D\x09\0\0\0\0\0\0\0\x0a\0", false));
	ck_assert(!asf_chunk_read(&c, (const uint8_t *)"$X\x09\0\0\0\0\0\0\0\x09\0", false));
	ck_assert(!asf_chunk_read(&c, (const uint8_t *)"#D\x09\0\0\0\0\0\0\0\x09\0", false));
	ck_assert(asf_chunk_read(&c, (const uint8_t *)"$H\x03\0", true));
	ck_assert(c.type == ASF_H && c.head == 4 && c.n == 3);
}
END_TEST

/* --- 12.1 case 9 -------------------------------------------------------------------------------- */

static void film(void)
{
	PACKET(1000, { V, true, 0 });
	PACKET(1040, { V, true, 380 });                 /* more of it */
	PACKET(1080, { V, true, 760 }, { A, true, 0 }, { V, false, 0 });
	PACKET(1120, { A, true, 0 });
	PACKET(1160, { V, false, 380 }, { V, true, 0 });
	PACKET(1200, { V, false, 0 }, { A, true, 0 });
}

#define FILM_CONTS "0 2 2 4 0 2"

/* A header as it goes out: that of a broadcast, with data that never end. */
static void live_head(const uint8_t *got, const uint8_t *from, size_t n)
{
	static const uint8_t endless[8] = { 0, 0, 0, 0, 0, 0, 0, 0x40 };
	uint8_t want[MEDIA_HEAD_MAX], file[16], *at;

	ck_assert_uint_le(n, sizeof(want));
	memcpy(want, from, n);
	ck_assert(hex_parse(file, 16, FILE_P));
	at = memmem(want, n, file, 16);
	ck_assert_ptr_nonnull(at);
	at[24 + 64] = (uint8_t)((at[24 + 64] | 1) & ~2);
	at = memmem(want, n, asf_guid_data, 16);
	if (at != NULL)
		memcpy(at + 16, endless, 8);
	ck_assert_mem_eq(got, want, n);
}

START_TEST(raw_stream)
{
	struct rec *r;
	size_t head;

	header(true);
	head = in.len;
	film();
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_uint_eq(r->head[0].n, ASF_CHUNK + head);
	live_head(rec_head_p(r, 0) + ASF_CHUNK, in.p, head);
	ck_assert_str_eq(chunks(rec_head_p(r, 0), r->head[0].n, 0), "H");
	ck_assert_str_eq(chunks(r->body.p, r->body.len, 1), "DDDDDD");
	conts(r, FILM_CONTS);
	for (int i = 0; i < 6; i++)
		ck_assert_mem_eq(rec_pkt_p(r, i) + ASF_CHUNK, in.p + head + (size_t)i * SIZE, SIZE);
	ck_assert_str_eq(r->first_type, "WMV");
	ck_assert_uint_eq(r->info.bitrate_kbps, 96);
	ck_assert(r->info.declared);
	rec_free(r);
}
END_TEST

/* As a file: its data object tells its length, an index follows, then another file. */
START_TEST(files)
{
	struct rec *r;

	for (int i = 0; i < 2; i++) {
		header_of(true, 0);
		data(6);
		film();
		begin(INDEX);
		fill(1000);
		end();
	}
	header(true);                   /* and a live one, with an index all the same */
	film();
	begin(INDEX);
	fill(1000);
	end();
	header(true);
	film();
	asf_chunk_put(buf_reserve(&in, ASF_CHUNK), ASF_E, 7, 0);        /* as ffmpeg ends it */
	in.len += ASF_CHUNK;
	header(true);
	film();
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 5);
	ck_assert_int_eq(r->npkts, 30);
	conts(r, FILM_CONTS " " FILM_CONTS " " FILM_CONTS " " FILM_CONTS " " FILM_CONTS);
	rec_free(r);
}
END_TEST

/* The raw stream in `buf` as chunks; brief: in those of Windows Media's push. */
static void as_chunks(bool brief)
{
	struct buf raw = in;
	size_t at = 0, n;

	buf_init(&in, 32u << 20);
	while (at < raw.len) {
		uint8_t c[ASF_CHUNK];
		const bool head = raw.len - at >= 16 && memcmp(raw.p + at, asf_guid_header, 16) == 0;

		n = SIZE;
		if (head)
			n = (size_t)(raw.p[at + 16] | raw.p[at + 17] << 8) + 50;
		asf_chunk_put(c, head ? ASF_H : ASF_D, 1234, n);
		if (brief) {
			c[2] = (uint8_t)n;
			c[3] = (uint8_t)(n >> 8);
		}
		buf_put(&in, c, brief ? ASF_CHUNK_SHORT : ASF_CHUNK);
		buf_put(&in, raw.p + at, n);
		at += n;
	}
	buf_fini(&raw);
}

START_TEST(framed)
{
	for (int brief = 0; brief < 2; brief++) {
		struct rec *r, *plain;

		buf_reset(&in);
		header(true);
		film();
		header(false);
		PACKET(0, { A, true, 0 });
		plain = run_as("WMV", ST_OK);
		as_chunks(brief);
		r = run_as("WMV", ST_OK);
		rec_same(plain, r, brief ? "short chunks" : "chunks");
		ck_assert_int_eq(r->nheads, 2);
		rec_free(r);
		rec_free(plain);
	}
}
END_TEST

static void chunk(uint8_t type, const void *p, size_t n)
{
	uint8_t c[ASF_CHUNK];

	asf_chunk_put(c, type, 9, n);
	buf_put(&in, c, sizeof(c));
	if (p != NULL)
		buf_put(&in, p, n);
	else
		fill(n);
}

/* A packet of n bytes in a chunk. */
static void chunk_of(uint32_t ms, struct payload l, size_t n)
{
	chunk(ASF_D, NULL, n);
	in.len -= n;
	packet_of(ms, &l, 1, n);
}

/* A header in several chunks, chunks of other kinds between, packets without their padding, an end that
 * is none. */
START_TEST(chunk_kinds)
{
	struct buf raw;
	struct rec *r;

	header(true);
	raw = in;
	buf_init(&in, 1u << 20);
	chunk(ASF_D, NULL, 50);                 /* before any header */
	in.len = 0;
	chunk(ASF_H, raw.p, 100);
	chunk(ASF_H, raw.p + 100, 150);
	chunk(ASF_H, raw.p + 250, raw.len - 250);
	chunk('M', NULL, 40);
	chunk('C', NULL, 4);
	chunk('P', NULL, 0);
	chunk_of(1000, (struct payload){ V, true, 0 }, 60);
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	live_head(rec_head_p(r, 0) + ASF_CHUNK, raw.p, raw.len);
	ck_assert_int_eq(r->npkts, 1);
	ck_assert_uint_eq(r->pkt[0].n, ASF_CHUNK + 60);
	rec_free(r);
	buf_put(&in, "$E\x04\0\0\0\0\0", 8);    /* shorter than other chunks */
	chunk(ASF_H, raw.p, raw.len);
	chunk_of(1000, (struct payload){ V, true, 0 }, 60);
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 2);
	ck_assert_int_eq(r->npkts, 2);
	ck_assert_int_eq(r->nnotes, 0);
	rec_free(r);
	buf_fini(&raw);
}
END_TEST

/* A $H without the head of the data object gets one. */
START_TEST(head_alone)
{
	struct buf raw;
	struct rec *r;

	header_of(false, 1);
	raw = in;
	buf_init(&in, 1u << 20);
	chunk(ASF_H, raw.p, raw.len);
	chunk_of(0, (struct payload){ A, true, 0 }, 100);
	r = run(ST_OK);
	ck_assert_uint_eq(r->head[0].n, ASF_CHUNK + raw.len + 50);
	ck_assert_mem_eq(rec_head_p(r, 0) + ASF_CHUNK + raw.len, asf_guid_data, 16);
	rec_free(r);
	buf_fini(&raw);
}
END_TEST

START_TEST(sound_only)
{
	struct rec *r;

	header(false);
	PACKET(0, { A, true, 0 });
	PACKET(200, { A, true, 380 });
	PACKET(400, { A, true, SEVERAL });
	PACKET(600, { A, true, 380 }, { A, true, 0 });
	for (uint32_t i = 0; i < 8; i++)
		PACKET(1000 + 300 * i, { A, true, 380 });
	r = run(ST_OK);
	conts(r, "0 4 0 0 4 4 0 4 4 4 0 4");
	ck_assert_str_eq(r->first_type, "WMA");
	rec_free(r);
	r = run_as("wmv", ST_OK);
	ck_assert_str_eq(r->first_type, "WMV");
	rec_free(r);
	r = run_as("asf", ST_OK);
	ck_assert_str_eq(r->first_type, "WMA");
	ck_assert_int_eq(r->nnotes, 0);
	rec_free(r);
}
END_TEST

START_TEST(never_a_key_frame)
{
	struct rec *r;

	header(true);
	for (uint32_t i = 0; i < 50; i++)
		PACKET(1000 * i, { V, false, 0 });
	r = run(ST_OK);
	for (int i = 0; i < r->npkts; i++)
		ck_assert_msg((r->pkt[i].cont == 0) == (i == 20 || i == 40), "%d", i);
	rec_free(r);
}
END_TEST

/* A key frame behind another frame in one packet: the packet becomes two. */
START_TEST(key_frame_within)
{
	struct asf_packet k;
	struct rec *r;

	header(true);
	PACKET(0, { V, true, 0 });
	PACKET(40, { V, false, 0 }, { A, true, 0 }, { V, true, 0 }, { A, true, 0 }, { V, false, 0 });
	r = run(ST_OK);
	conts(r, "0 2 0");
	ck_assert_str_eq(chunks(r->body.p, r->body.len, 1), "DDD");
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(r->pkt[i].n, ASF_CHUNK + SIZE);
		ck_assert(asf_packet_read(&k, rec_pkt_p(r, i) + ASF_CHUNK, SIZE, V));
		ck_assert_uint_eq(k.ms, i == 0 ? 0 : 40);
	}
	/* payload heads are 15 bytes, their data 22 with the length; two, then three of them */
	const uint8_t *a = rec_pkt_p(r, 1) + ASF_CHUNK, *b = rec_pkt_p(r, 2) + ASF_CHUNK;
	const uint8_t *was = in.p + in.len - SIZE + 12;

	ck_assert_uint_eq(a[13], 0x82);
	ck_assert_uint_eq(a[5] | a[6] << 8, SIZE - 14 - 2 * 37);
	ck_assert_mem_eq(a + 14, was, 2 * 37);
	ck_assert_uint_eq(b[13], 0x83);
	ck_assert_uint_eq(b[5] | b[6] << 8, SIZE - 14 - 3 * 37);
	ck_assert_mem_eq(b + 14, was + 2 * 37, 3 * 37);
	rec_free(r);
}
END_TEST

/* Packets larger than ours go out in pieces. */
START_TEST(large_packets)
{
	struct rec *r;

	header_begin();
	file_properties(1, 16372, 16372, 0);
	stream(VIDEO, V);
	begin(RATES);
	buf_le16(&in, 2);
	buf_le16(&in, V);
	buf_le32(&in, 400000);
	buf_le16(&in, A);
	buf_le32(&in, 64000);
	end();
	end();
	data(0);
	packet_of(0, &(struct payload){ V, true, 0 }, 1, 16372);
	packet_of(40, &(struct payload){ V, false, 0 }, 1, 16372);
	r = run(ST_OK);
	conts(r, "0 1 2 3");
	ck_assert_uint_eq(r->info.bitrate_kbps, 464);
	ck_assert_str_eq(chunks(r->body.p, r->body.len, 1), "DD");
	rec_free(r);
}
END_TEST

START_TEST(titles_and_pruning)
{
	struct asf_info i;
	struct rec *r;

	header_begin();
	file_properties(1, SIZE, SIZE, 1000);
	stream(AUDIO, A);
	begin(CONTENT);
	buf_le16(&in, 8);
	buf_le16(&in, 6);
	fill(6);
	utf16("One");
	utf16("Me");
	end();
	begin(MORE);
	buf_le16(&in, 3);
	buf_le16(&in, 28);
	utf16("WM/AlbumTitle");
	buf_le16(&in, 0);
	buf_le16(&in, 6);
	utf16("LP");
	buf_le16(&in, 18);
	utf16("WM/Genre");
	buf_le16(&in, 3);               /* a number */
	buf_le16(&in, 4);
	buf_le32(&in, 5);
	buf_le16(&in, 22);
	utf16("WM/Picture");
	buf_le16(&in, 1);
	buf_le16(&in, 20000);
	fill(20000);
	end();
	begin(OTHER);
	fill(100);
	end();
	end();
	data(0);
	PACKET(0, { A, true, 0 });
	r = run(ST_OK);
	ck_assert_str_eq(r->info.title, "One");
	ck_assert_str_eq(r->info.artist, "Me");
	ck_assert_str_eq(r->info.album, "LP");
	ck_assert_str_eq(r->info.genre, "");
	ck_assert_uint_lt(r->head[0].n, 2000);
	ck_assert_uint_eq(rec_head_p(r, 0)[ASF_CHUNK + 24], 4);         /* parts that are left */
	ck_assert(asf_header_read(&i, rec_head_p(r, 0) + ASF_CHUNK, r->head[0].n - ASF_CHUNK - 50));
	ck_assert_str_eq(i.tags.title, "One");
	rec_free(r);
}
END_TEST

/* --- bad input ---------------------------------------------------------------------------------- */

static void no_streams(void) { header_begin(); file_properties(1, SIZE, SIZE, 1); end(); data(0); }
static void no_data(void) { header_of(true, 1); fill(100); }
static void two_sizes(void)
{
	header_begin();
	file_properties(1, SIZE, SIZE + 1, 1);
	stream(AUDIO, A);
	end();
	data(0);
}
static void too_large(void)
{
	header_begin();
	file_properties(1, 16373, 16373, 1);
	stream(AUDIO, A);
	end();
	data(0);
}
static void part_too_long(void) { header(true); put64(30 + 16, 5000); }
static void part_too_short(void) { header(true); put64(30 + 16, 23); }
static void header_too_large(void) { header(true); put64(16, (1u << 20) + 1); }
static void header_too_short(void) { header(true); put64(16, 29); }
static void head_too_large(void)
{
	header_begin();
	file_properties(1, SIZE, SIZE, 1);
	stream(AUDIO, A);
	for (int i = 0; i < 10; i++) {
		begin(OTHER);
		fill(2000);
		end();
	}
	end();
	data(0);
	PACKET(0, { A, true, 0 });
}
static void broken_packets(void)
{
	header(true);
	PACKET(0, { V, true, 0 });
	for (int i = 0; i < 32; i++)
		fill(SIZE);
}
static void object_too_long(void)
{
	header_of(true, 0);
	data(1);
	PACKET(0, { V, true, 0 });
	begin(OTHER);
	end();
	put64(in.len - 8, (UINT64_C(1) << 30) + 1);
}
static void large_chunk(void)
{
	header(true);
	as_chunks(false);
	chunk(ASF_D, NULL, 16373);
}
static void endless_header(void)
{
	header(true);
	as_chunks(false);
	put64(ASF_CHUNK + 16, UINT64_MAX);
	for (int i = 0; i < 70; i++)
		chunk(ASF_H, NULL, 16000);
}
static void garbage(void)
{
	header(true);
	as_chunks(false);
	fill(65536 + 100);
}
static void only_a_header(void) { header(true); }

static const struct {
	const char *name;
	void (*make)(void);
	enum status st;
	const char *error;
} bad[] = {
	{ "no streams", no_streams, ST_PROTO, "broken ASF header, or one without audio and video" },
	{ "no data", no_data, ST_PROTO, "no data behind the ASF header" },
	{ "packets of two sizes", two_sizes, ST_LIMIT, "ASF packets of 0 bytes (limit 16372)" },
	{ "large packets", too_large, ST_LIMIT, "ASF packets of 16373 bytes (limit 16372)" },
	{ "part too long", part_too_long, ST_PROTO, "broken ASF header" },
	{ "part too short", part_too_short, ST_PROTO, "broken ASF header" },
	{ "header too large", header_too_large, ST_LIMIT, "ASF header of 1048577 bytes (limit 1048576)" },
	{ "header too short", header_too_short, ST_PROTO, "broken ASF header" },
	{ "head too large", head_too_large, ST_LIMIT, "(limit 16384)" },
	{ "broken packets", broken_packets, ST_PROTO, "32 broken ASF packets in a row" },
	{ "object too long", object_too_long, ST_PROTO, "broken ASF object behind the data" },
	{ "large chunk", large_chunk, ST_LIMIT, "ASF chunk of 16373 bytes (limit 16372)" },
	{ "endless header", endless_header, ST_LIMIT, "ASF header of more than 1048576 bytes" },
	{ "garbage", garbage, ST_PROTO, "no ASF chunk in 65536 bytes" },
	{ "only a header", only_a_header, ST_PROTO, "ended before its header and first frame" },
};

START_TEST(refused)
{
	struct rec *r;

	bad[_i].make();
	r = rec_all("WMV", in.p, in.len);
	ck_assert_msg(r->st == bad[_i].st && strstr(r->error, bad[_i].error) != NULL, "%s: %d %s",
		bad[_i].name, r->st, r->error);
	rec_free(r);
}
END_TEST

START_TEST(resync)
{
	for (int brief = 0; brief < 2; brief++) {
		struct rec *r;
		size_t at;

		buf_reset(&in);
		header(true);
		for (uint32_t i = 0; i < 10; i++)
			PACKET(40 * i, { V, i % 5 == 0, 0 });
		as_chunks(brief);
		/* cut out the middle of the third packet */
		at = in.len - 7 * ((size_t)SIZE + (brief ? ASF_CHUNK_SHORT : ASF_CHUNK)) - 200;
		memmove(in.p + at, in.p + at + 100, in.len - at - 100);
		in.len -= 100;
		r = run(ST_OK);
		ck_assert_int_eq(r->nheads, 1);
		/* the cut one has taken a part of the next with it */
		ck_assert_str_eq(chunks(r->body.p, r->body.len, 1), "DDDDDDDDD");
		ck_assert_int_eq(r->nnotes, 1);
		rec_free(r);
	}
}
END_TEST

/* Every cut of a packet is either read or refused. */
START_TEST(packet_prefixes)
{
	size_t whole;

	PACKET(7, { V, true, 0 }, { A, true, 0 }, { V, true, SEVERAL });
	for (size_t n = 0; n <= SIZE; n++) {
		uint8_t *p = malloc(n + 1);
		struct asf_packet k;

		memcpy(p, in.p, n);
		whole = 3 + 2 + 6 + 1 + 2 * (15 + 22) + 8 + 22;
		ck_assert_msg(asf_packet_read(&k, p, n, V) == (n >= whole), "%zu", n);
		free(p);
	}
}
END_TEST

/* --- real streams ------------------------------------------------------------------------------- */

static const struct {
	const char *file, *type, *title, *artist, *album;
	size_t packet;
	int starts;
} real[] = {
	{ "live.asf", "WMV", "T1", "A1", "L1", 3200, 2 },
	{ "file.wmv", "WMV", "", "", "", 3200, 3 },
	{ "chunks.wma", "WMA", "", "", "", 800, 15 },
};

START_TEST(real_streams)
{
	char path[64];
	struct buf f;
	struct rec *r;
	int starts = 0;

	(void)snprintf(path, sizeof(path), "test/data/media/%s", real[_i].file);
	rec_file(path, &f);
	r = rec_all(NULL, f.p, f.len);
	ck_assert_msg(r->st == ST_OK, "%s: %s", path, r->error);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_str_eq(r->first_type, real[_i].type);
	ck_assert_str_eq(r->info.title, real[_i].title);
	ck_assert_str_eq(r->info.artist, real[_i].artist);
	ck_assert_str_eq(r->info.album, real[_i].album);
	ck_assert_uint_gt(r->info.bitrate_kbps, 0);
	ck_assert_int_eq(r->nnotes, 0);
	for (int i = 0; i < r->npkts; i++) {
		starts += r->pkt[i].cont == 0;
		ck_assert_uint_eq(r->pkt[i].n, ASF_CHUNK + real[_i].packet);
	}
	ck_assert_int_eq(starts, real[_i].starts);
	ck_assert_int_eq((int)strlen(chunks(r->body.p, r->body.len, 1)), r->npkts);
	ck_assert_uint_ge((size_t)r->npkts * real[_i].packet, f.len - 2000);
	ck_assert_uint_le((size_t)r->npkts * real[_i].packet, f.len + real[_i].packet * (size_t)starts);
	rec_free(r);
	buf_fini(&f);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/asf");
	TCase *t = tcase_create("asf");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, chunk_heads);
	tcase_add_test(t, raw_stream);
	tcase_add_test(t, files);
	tcase_add_test(t, framed);
	tcase_add_test(t, chunk_kinds);
	tcase_add_test(t, head_alone);
	tcase_add_test(t, sound_only);
	tcase_add_test(t, never_a_key_frame);
	tcase_add_test(t, key_frame_within);
	tcase_add_test(t, large_packets);
	tcase_add_test(t, titles_and_pruning);
	tcase_add_loop_test(t, refused, 0, NELEM(bad));
	tcase_add_test(t, resync);
	tcase_add_test(t, packet_prefixes);
	tcase_add_loop_test(t, real_streams, 0, NELEM(real));
	suite_add_tcase(s, t);
	return s;
}
