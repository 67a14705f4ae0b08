/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "core/media/ebml.h"
#include "test/unit/core/media/rec.h"

/* --- building Matroska ------------------------------------------------------------------------- */

static struct buf in;
static size_t opened[16];       /* offsets of the sizes of open elements */
static int depth;

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

static void id(uint32_t v)
{
	for (int i = 24; i >= 0; i -= 8)
		if (v >> i != 0)
			buf_u8(&in, (uint8_t)(v >> i));
}

/* Sizes take 4 bytes, so that they can be filled in. */
static void begin(uint32_t v)
{
	id(v);
	opened[depth++] = in.len;
	buf_put(&in, "\x10\0\0\0", 4);
}

static void end(void)
{
	const size_t at = opened[--depth], n = in.len - at - 4;

	in.p[at + 1] = (uint8_t)(n >> 16);
	in.p[at + 2] = (uint8_t)(n >> 8);
	in.p[at + 3] = (uint8_t)n;
}

static void el(uint32_t v, const void *p, size_t n)
{
	begin(v);
	buf_put(&in, p, n);
	end();
}
#define EL(v, text) el(v, text, sizeof(text) - 1)

static void num(uint32_t v, uint64_t x)
{
	begin(v);
	for (int i = 56; i >= 0; i -= 8)
		buf_u8(&in, (uint8_t)(x >> i));
	end();
}

/* Begin an element of unknown size, in the short or the long form. */
static void open_end(uint32_t v, bool longform)
{
	id(v);
	if (longform)
		buf_put(&in, "\x01\xff\xff\xff\xff\xff\xff\xff", 8);
	else
		buf_u8(&in, 0xff);
}

enum {
	EBML = 0x1A45DFA3,
	SEGMENT = 0x18538067,
	SEEKHEAD = 0x114D9B74,
	INFO = 0x1549A966,
	TRACKS = 0x1654AE6B,
	CUES = 0x1C53BB6B,
	TAGS = 0x1254C367,
	ATTACH = 0x1941A469,
	CHAPTERS = 0x1043A770,
	CLUSTER = 0x1F43B675,
	VOID = 0xEC,
	CRC = 0xBF,
	TC = 0xE7,
	SIMPLE = 0xA3,
	GROUP = 0xA0,
	BLOCK = 0xA1,
	REF = 0xFB,
	POSITION = 0xA7,
	PREVSIZE = 0xAB,
};

static void ebml(const char *doctype)
{
	begin(EBML);
	num(0x4286, 1);
	el(0x4282, doctype, strlen(doctype));
	end();
}

static void track(uint64_t number, uint64_t type, size_t private)
{
	begin(0xAE);
	num(0xD7, number);
	num(0x83, type);
	EL(0x86, "V_TEST");
	if (private > 0) {
		begin(0x63A2);
		for (size_t i = 0; i < private; i++)
			buf_u8(&in, 'p');
		end();
	}
	end();
}

static void info(uint64_t scale)
{
	begin(INFO);
	if (scale > 0)
		num(0x2AD7B1, scale);
	EL(0x4D80, "muxer");
	end();
}

/* EBML, Segment, Info, Tracks: video 1, audio 2. */
static void header(void)
{
	ebml("matroska");
	open_end(SEGMENT, true);
	info(0);
	begin(TRACKS);
	track(1, 1, 0);
	track(2, 2, 0);
	end();
}

static void audio_header(void)
{
	ebml("webm");
	open_end(SEGMENT, true);
	info(0);
	begin(TRACKS);
	track(1, 2, 0);
	end();
}

static void block_body(uint8_t trk, int rel, uint8_t flags, size_t n)
{
	buf_u8(&in, (uint8_t)(0x80 | trk));
	buf_u8(&in, (uint8_t)((unsigned)rel >> 8));
	buf_u8(&in, (uint8_t)rel);
	buf_u8(&in, flags);
	for (size_t i = 0; i < n; i++)
		buf_u8(&in, (uint8_t)(i * 7 + (unsigned)rel));
}

static void simple(uint8_t trk, int rel, bool key, size_t n)
{
	begin(SIMPLE);
	block_body(trk, rel, key ? 0x80 : 0, n);
	end();
}

static void group(uint8_t trk, int rel, bool key, size_t n)
{
	begin(GROUP);
	begin(BLOCK);
	block_body(trk, rel, 0, n);
	end();
	num(0x9B, 40);
	if (!key)
		EL(REF, "\xd8");
	end();
}

/* --- looking at it ----------------------------------------------------------------------------- */

/* "C0 v0! a10 v40 | C100 v100!": clusters with their timecodes, blocks with absolute times, `!` =
 * key, `g` in front = BlockGroup; `|` between packets that begin with a whole element. Clusters
 * must be of unknown size; everything must be whole elements. */
static char listing[1 << 18];

static const char *blocks(const uint8_t *p, size_t n)
{
	struct rd r = rd_of(p, n);
	size_t out = 0;
	uint64_t tc = 0;

	listing[0] = '\0';
	while (r.left > 0) {
		struct ebml_el e;
		struct rd body, b;
		bool key = true;
		char kind = 'v';
		const uint8_t *h;

		ck_assert_uint_lt(out + 64, sizeof(listing));
		if (ebml_head(r.p, r.left, &e) != EBML_OK)
			return "broken";
		if (e.id == CLUSTER) {
			ck_assert(e.unknown);
			(void)rd_take(&r, e.hlen);
			if (r.left > 0 && r.p[0] == TC) {
				ck_assert(ebml_child(&r, &e, &body));
				ck_assert(ebml_uint(&body, &tc));
				out += (size_t)snprintf(listing + out, sizeof(listing) - out,
					"%sC%llu", out > 0 ? " " : "", (unsigned long long)tc);
			} else {
				tc = 0;
				out += (size_t)snprintf(listing + out, sizeof(listing) - out,
					"%sC-", out > 0 ? " " : "");
			}
			continue;
		}
		if (!ebml_child(&r, &e, &body))
			return "broken";
		b = body;
		if (e.id == GROUP) {
			struct ebml_el c;
			struct rd cb;

			while (ebml_child(&body, &c, &cb)) {
				if (c.id == BLOCK)
					b = cb;
				if (c.id == REF)
					key = false;
			}
		} else if (e.id != SIMPLE) {
			return "broken";
		}
		h = rd_take(&b, 4);
		ck_assert_ptr_nonnull(h);
		if (e.id == SIMPLE)
			key = (h[3] & 0x80) != 0;
		kind = h[0] == 0x81 ? 'v' : h[0] == 0x82 ? 'a' : 'x';
		out += (size_t)snprintf(listing + out, sizeof(listing) - out, " %s%c%lld%s",
			e.id == GROUP ? "g" : "", kind, (long long)tc + (int16_t)(h[1] << 8 | h[2]),
			key ? "!" : "");
		/* the payload is untouched */
		for (size_t i = 1; i < b.left; i++)
			ck_assert_uint_eq((uint8_t)(b.p[i] - b.p[i - 1]), 7);
	}
	return listing;
}

static struct rec *run(enum status want)
{
	struct rec *r = rec_all("MKV", in.p, in.len);

	ck_assert_msg(r->st == want, "status %d: %s", r->st, r->error);
	return r;
}

static void conts(const struct rec *r, const char *want)
{
	char out[4096];

	ck_assert_str_eq(rec_conts(r, out, sizeof(out)), want);
}

/* What is at the packets one may start at. */
static void check_starts(const struct rec *r, bool video)
{
	for (int i = 0; i < r->npkts; i++) {
		const uint8_t *p = rec_pkt_p(r, i);
		struct rd rd = rd_of(p, r->pkt[i].n), body;
		struct ebml_el e;

		if (r->pkt[i].cont != 0)
			continue;
		ck_assert_mem_eq(p, "\x1f\x43\xb6\x75\x01\xff\xff\xff\xff\xff\xff\xff\xe7", 13);
		(void)rd_take(&rd, 12);
		ck_assert(ebml_child(&rd, &e, &body));
		ck_assert_int_eq(ebml_head(rd.p, rd.left, &e), EBML_OK);
		ck_assert(e.id == SIMPLE || e.id == GROUP);
		if (video && e.id == SIMPLE) {
			ck_assert_uint_eq(rd.p[e.hlen], 0x81);
			ck_assert_uint_eq(rd.p[e.hlen + 3] & 0x80, 0x80);
		}
	}
}

/* --- 12.1 case 5 ------------------------------------------------------------------------------- */

START_TEST(known_size)
{
	struct rec *r;

	header();
	begin(CLUSTER);
	num(TC, 1000);
	num(POSITION, 77);
	num(PREVSIZE, 88);
	EL(CRC, "abcd");
	simple(1, 0, true, 100);
	simple(2, 5, true, 10);
	EL(VOID, "xxxxxxxx");
	simple(1, 40, false, 50);
	end();
	begin(CLUSTER);
	num(TC, 2000);
	simple(1, 0, true, 100);
	end();
	begin(CUES);
	EL(0xBB, "cue");
	end();
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_str_eq(r->first_type, "MKV");
	ck_assert_str_eq(blocks(r->body.p, r->body.len), "C1000 v1000! a1005! v1040 C2000 v2000!");
	conts(r, "0 0");
	check_starts(r, true);
	rec_free(r);
}
END_TEST

START_TEST(unknown_sizes)
{
	for (int longform = 0; longform < 2; longform++) {
		struct rec *r;

		buf_reset(&in);
		header();
		for (unsigned i = 0; i < 3; i++) {
			open_end(CLUSTER, longform);
			num(TC, 1000 * i);
			simple(1, 0, true, 100);
			simple(2, 5, true, 10);
			if (i == 1)
				EL(CUES, "some cues");
			if (i == 2)
				EL(TAGS, "");
		}
		r = run(ST_OK);
		ck_assert_str_eq(blocks(r->body.p, r->body.len),
		                 "C0 v0! a5! C1000 v1000! a1005! C2000 v2000! a2005!");
		conts(r, "0 0 0");
		rec_free(r);
	}
}
END_TEST

/* A key frame within a cluster, audio in front of it: the packet to start at begins with it. */
START_TEST(key_in_the_middle)
{
	struct rec *r;

	header();
	begin(CLUSTER);
	num(TC, 1000);
	simple(2, -10, true, 10);
	simple(1, 0, true, 100);
	simple(1, 40, false, 100);
	simple(2, 60, true, 10);
	simple(1, 80, true, 100);
	simple(2, 79, true, 10);
	simple(1, 120, false, 100);
	end();
	r = run(ST_OK);
	ck_assert_str_eq(blocks(r->body.p, r->body.len),
	                 "C1000 a990! C1000 v1000! v1040 a1060! C1080 v1080! a1079! v1120");
	conts(r, "4 0 0");
	check_starts(r, true);
	rec_free(r);
}
END_TEST

START_TEST(block_groups)
{
	struct rec *r;

	header();
	open_end(CLUSTER, false);
	num(TC, 1000);
	group(2, 0, true, 10);
	group(1, 20, true, 100);
	group(1, 60, false, 100);
	group(1, 100, true, 100);
	group(2, 110, true, 10);
	r = run(ST_OK);
	ck_assert_str_eq(blocks(r->body.p, r->body.len),
	                 "C1000 ga1000! C1020 gv1020! gv1060 C1100 gv1100! ga1110!");
	conts(r, "4 0 0");
	rec_free(r);
}
END_TEST

START_TEST(second_document)
{
	struct rec *r;

	header();
	open_end(CLUSTER, true);
	num(TC, 5000);
	simple(1, 0, true, 100);
	audio_header();
	open_end(CLUSTER, true);
	num(TC, 0);
	simple(1, 0, true, 100);
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 2);
	ck_assert_int_eq(r->npkts, 2);
	ck_assert_int_eq(r->pkt[0].head, 0);
	ck_assert_int_eq(r->pkt[1].head, 1);
	ck_assert_str_eq(r->first_type, "MKV");
	ck_assert_str_eq(r->type, "WEBM");
	rec_free(r);
}
END_TEST

START_TEST(flushes)
{
	struct rec *r;

	header();
	open_end(CLUSTER, true);
	num(TC, 0);
	simple(1, 0, true, 100);
	for (int i = 1; i <= 30; i++)
		simple(1, i * 10, false, 100);          /* 100 ms */
	simple(1, 310, false, 15000);                   /* 15360 */
	simple(1, 315, false, 40000);                   /* more than a packet */
	simple(2, 316, true, 50);
	simple(1, 400, true, 30000);
	r = run(ST_OK);
	conts(r, "0 2 2 2 2 3 3 4 0 1");
	ck_assert_uint_eq(r->pkt[0].n, 12 + 3 + 10 * 109);
	ck_assert_uint_eq(r->pkt[4].n, 15360);
	ck_assert_uint_eq(r->pkt[6].n, 40009 - 2 * 15360);
	ck_assert_uint_eq(r->pkt[8].n, 15360);
	check_starts(r, true);
	ck_assert_str_ne(blocks(r->body.p, r->body.len), "broken");
	rec_free(r);
}
END_TEST

START_TEST(idle_flush)
{
	struct rec *r = rec_new();
	struct media *m = media_new("MKV", &rec_ops, r);

	header();
	ck_assert_int_eq(media_feed(m, in.p, in.len, 5), ST_OK);
	ck_assert_int_eq(r->nheads, 0);
	ck_assert_int_eq(media_deadline(m), 5 + MEDIA_START_MS * NSEC_PER_MSEC);
	buf_reset(&in);
	open_end(CLUSTER, true);
	num(TC, 0);
	simple(1, 0, true, 100);
	ck_assert_int_eq(media_feed(m, in.p, in.len, 7), ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_int_eq(r->npkts, 0);
	ck_assert_int_eq(media_deadline(m), 7 + 100 * NSEC_PER_MSEC);
	ck_assert_int_eq(media_tick(m, 7 + 100 * NSEC_PER_MSEC), ST_OK);
	ck_assert_int_eq(r->npkts, 1);
	media_free(&m);
	rec_free(r);
}
END_TEST

/* Without video: a new cluster, and a place to start, every second. */
START_TEST(audio_only)
{
	struct rec *r;
	int starts = 0;

	audio_header();
	for (unsigned c = 0; c < 2; c++) {
		open_end(CLUSTER, true);
		num(TC, c * 5000);
		for (int i = 0; i < 250; i++)
			simple(1, i * 20, true, 60);
	}
	r = run(ST_OK);
	check_starts(r, false);
	for (int i = 0; i < r->npkts; i++)
		starts += r->pkt[i].cont == 0;
	ck_assert_int_eq(starts, 10);
	ck_assert_int_eq(r->npkts, 100);
	ck_assert_str_ne(blocks(r->body.p, r->body.len), "broken");
	ck_assert_ptr_nonnull(strstr(listing, "C3000 v3000! v3020!"));
	rec_free(r);
}
END_TEST

/* A cluster longer than a relative timecode can say from a new beginning. */
START_TEST(far_from_its_cluster)
{
	struct rec *r;

	header();
	open_end(CLUSTER, true);
	num(TC, 40000);
	simple(1, -32768, true, 10);
	simple(1, -30000, true, 10);
	simple(2, 2767, false, 10);
	simple(2, 2768, false, 10);
	simple(2, 32767, false, 10);
	simple(2, -30000, false, 10);
	simple(2, -30001, false, 10);
	r = run(ST_OK);
	ck_assert_str_eq(blocks(r->body.p, r->body.len),
		"C40000 v7232! C10000 v10000! a42767 C42768 a42768 a72767 a10000 C9999 a9999");
	check_starts(r, true);
	rec_free(r);
}
END_TEST

/* A frame before time 0 stays there. */
START_TEST(before_zero)
{
	struct rec *r;

	header();
	open_end(CLUSTER, true);
	num(TC, 10);
	simple(2, 0, true, 10);
	simple(1, -20, true, 10);
	simple(1, 20, false, 10);
	r = run(ST_OK);
	ck_assert_str_eq(blocks(r->body.p, r->body.len), "C10 a10! C0 v-10! v30");
	rec_free(r);
}
END_TEST

START_TEST(no_key_frames)
{
	struct rec *r;
	char out[4096];
	int starts = 0;

	header();
	for (unsigned c = 0; c < 50; c++) {
		open_end(CLUSTER, true);
		num(TC, c * 1000);
		for (int i = 0; i < 10; i++)
			simple(1, i * 100, c == 0 && i == 0, 60);
	}
	r = run(ST_OK);
	(void)rec_conts(r, out, sizeof(out));
	for (int i = 0; i < r->npkts; i++)
		starts += r->pkt[i].cont == 0;
	ck_assert_int_eq(starts, 3);
	ck_assert_ptr_nonnull(strstr(blocks(r->body.p, r->body.len), "C20000 v20000"));
	check_starts(r, false);
	rec_free(r);
}
END_TEST

/* The scale says what a tick is: 10 us here, so that 10000 ticks are 100 ms. */
START_TEST(timecode_scale)
{
	struct rec *r;

	ebml("matroska");
	open_end(SEGMENT, true);
	info(10000);
	begin(TRACKS);
	track(1, 1, 0);
	end();
	open_end(CLUSTER, true);
	num(TC, 0);
	for (int i = 0; i < 30; i++)
		simple(1, i * 1000, i == 0, 10);
	r = run(ST_OK);
	conts(r, "0 2 2");
	rec_free(r);
}
END_TEST

/* --- the head ---------------------------------------------------------------------------------- */

/* The elements of a head, one level into the segment. */
static const char *elements(const struct rec *r, int i)
{
	struct rd rd = rd_of(rec_head_p(r, i), r->head[i].n), body;
	struct ebml_el e;
	size_t out = 0;

	while (rd.left > 0) {
		ck_assert_int_eq(ebml_head(rd.p, rd.left, &e), EBML_OK);
		out += (size_t)snprintf(listing + out, sizeof(listing) - out, "%s%X",
			out > 0 ? " " : "", (unsigned)e.id);
		if (e.id == SEGMENT) {
			ck_assert(e.unknown);
			(void)rd_take(&rd, e.hlen);
			continue;
		}
		ck_assert(ebml_child(&rd, &e, &body));
	}
	return listing;
}

START_TEST(head_is_pruned)
{
	struct rec *r;
	const uint8_t *h;

	ebml("webm");
	begin(SEGMENT);
	begin(SEEKHEAD);
	EL(0x4DBB, "seek");
	end();
	EL(VOID, "                                             ");
	begin(INFO);
	EL(CRC, "1234");
	num(0x2AD7B1, 1000000);
	EL(0x4489, "\x40\x8f\x40\0\0\0\0\0");
	EL(0x7BA9, "a title");
	end();
	begin(TRACKS);
	EL(CRC, "1234");
	track(1, 1, 100);
	end();
	EL(ATTACH, "font");
	EL(CHAPTERS, "chapters");
	begin(TAGS);
	EL(0x7373, "");
	end();
	begin(CLUSTER);
	num(TC, 0);
	simple(1, 0, true, 10);
	end();
	end();
	r = run(ST_OK);
	ck_assert_str_eq(elements(r, 0), "1A45DFA3 18538067 1549A966 1654AE6B 1254C367");
	h = rec_head_p(r, 0);
	for (size_t i = 0; i + 2 < r->head[0].n; i++)
		ck_assert(!(h[i] == 0x44 && h[i + 1] == 0x89));
	ck_assert_str_eq(r->type, "WEBM");
	ck_assert_str_eq(r->info.title, "a title");
	rec_free(r);
}
END_TEST

START_TEST(large_tags_and_subtitles)
{
	struct rec *r;

	ebml("matroska");
	open_end(SEGMENT, true);
	info(0);
	begin(TRACKS);
	EL(CRC, "1234");
	track(1, 1, 5000);
	track(2, 0x11, 8193);
	track(3, 0x11, 8192);
	end();
	begin(TAGS);
	begin(0x7373);
	begin(0x67C8);
	EL(0x45A3, "ARTIST");
	EL(0x4487, "me");
	end();
	for (int i = 0; i < 2000; i++)
		buf_put(&in, "\xec\x80", 2);
	end();
	end();
	open_end(CLUSTER, true);
	num(TC, 0);
	simple(1, 0, true, 10);
	simple(2, 5, true, 10);
	simple(3, 10, true, 10);
	r = run(ST_OK);
	ck_assert_str_eq(elements(r, 0), "1A45DFA3 18538067 1549A966 1654AE6B");
	ck_assert_uint_gt(r->head[0].n, 5000 + 8192);
	ck_assert_uint_lt(r->head[0].n, 5000 + 8192 + 300);
	ck_assert_str_eq(blocks(r->body.p, r->body.len), "C0 v0! x10!");
	ck_assert_str_eq(r->info.artist, "me");
	ck_assert_int_eq(r->nnotes, 1);
	rec_free(r);
}
END_TEST

START_TEST(head_too_large)
{
	static const size_t private[] = { 16000, 16385, 40000 };

	for (size_t i = 0; i < NELEM(private); i++) {
		struct rec *r;

		buf_reset(&in);
		ebml("matroska");
		open_end(SEGMENT, true);
		info(0);
		begin(TRACKS);
		track(1, 1, private[i]);
		end();
		open_end(CLUSTER, true);
		num(TC, 0);
		simple(1, 0, true, 10);
		r = run(i == 0 ? ST_OK : ST_LIMIT);
		if (i == 1)
			ck_assert_str_eq(r->error, "MKV head of 16505 bytes (limit 16384)");
		if (i == 2)
			ck_assert_str_eq(r->error, "Matroska header too large (limit 16384 bytes)");
		ck_assert_int_eq(r->nheads, i == 0);
		rec_free(r);
	}
}
END_TEST

static void simple_tag(const char *name, const char *value)
{
	begin(0x67C8);
	el(0x45A3, name, strlen(name));
	el(0x4487, value, strlen(value));
	end();
}

START_TEST(track_texts)
{
	struct rec *r;

	header();
	begin(TAGS);
	begin(0x7373);
	begin(0x63C0);
	num(0x63C5, 1);                 /* about one track: not ours */
	end();
	simple_tag("TITLE", "no");
	end();
	begin(0x7373);
	begin(0x63C0);
	num(0x68CA, 50);
	end();
	simple_tag("title", "T\xc3\xa9");
	begin(0x67C8);
	EL(0x45A3, "X");
	simple_tag("ARTIST", "nested");
	end();
	simple_tag("ARTIST", "A\r\nB");
	simple_tag("ALBUM", "C");
	simple_tag("GENRE", "D");
	end();
	end();
	open_end(CLUSTER, true);
	num(TC, 0);
	simple(1, 0, true, 10);
	begin(TAGS);                    /* and later in the stream */
	begin(0x7373);
	simple_tag("TITLE", "next");
	end();
	end();
	open_end(CLUSTER, true);
	num(TC, 1000);
	simple(1, 0, true, 10);
	r = run(ST_OK);
	ck_assert_int_eq(r->ninfos, 2);
	ck_assert_str_eq(r->info.title, "next");
	ck_assert_str_eq(r->info.artist, "A  B");
	ck_assert_str_eq(r->info.album, "C");
	ck_assert_str_eq(r->info.genre, "D");
	ck_assert_ptr_nonnull(strstr(buf_cstr(&r->log), "IMKV/0/0/T\xc3\xa9/A  B:"));
	rec_free(r);
}
END_TEST

/* A title without any tags; the next document has none. */
START_TEST(segment_title)
{
	struct rec *r;

	ebml("matroska");
	open_end(SEGMENT, true);
	begin(INFO);
	EL(0x7BA9, "Its title");
	end();
	begin(TRACKS);
	track(1, 1, 0);
	end();
	open_end(CLUSTER, true);
	num(TC, 0);
	simple(1, 0, true, 10);
	r = run(ST_OK);
	ck_assert_str_eq(r->info.title, "Its title");
	rec_free(r);
	header();
	open_end(CLUSTER, true);
	num(TC, 0);
	simple(1, 0, true, 10);
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 2);
	ck_assert_str_eq(r->info.title, "");
	rec_free(r);
}
END_TEST

/* --- 9.1 rows 7-10 ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *p;
	size_t n;
	bool in_cluster;
	enum status st;
	const char *error;
} bad[] = {
#define B(name, p, c, st, error) { name, p, sizeof(p) - 1, c, st, error }
	B("id of 5 bytes", "\x08\x12\x34\x56\x78\x81x", false, ST_PROTO,
		"not a Matroska element at byte 204"),
	B("size of 9 bytes", "\xec\0\x81x", false, ST_PROTO, "not a Matroska element at byte 204"),
	B("zeros", "\0\0\0\0\0\0\0\0\0\0\0\0", true, ST_PROTO,
		"not a Matroska element at byte 201"),
	B("text", "\r\nHTTP/1.1 200 OK", true, ST_PROTO, "not a Matroska element at byte 201"),
	B("void of unknown size", "\xec\xff", false, ST_PROTO,
		"Matroska element EC of unknown size"),
	B("void of 2^56 - 2", "\xec\x01\xff\xff\xff\xff\xff\xff\xfe", false, ST_LIMIT,
		"Matroska element EC of 72057594037927934 bytes (limit 1048576)"),
	B("tracks of unknown size", "\x16\x54\xae\x6b\xff", false, ST_PROTO,
		"Matroska track list of unknown size"),
	B("tracks of 2 MiB", "\x16\x54\xae\x6b\x10\x20\0\0", false, ST_LIMIT,
		"Matroska track list of 2097152 bytes (limit 1048576)"),
	B("cues of 2 GiB", "\x1c\x53\xbb\x6b\x08\x80\0\0\0", false, ST_LIMIT,
		"Matroska element 1C53BB6B of 2147483648 bytes (limit 1073741824)"),
	B("EBML of 5000 bytes", "\x1a\x45\xdf\xa3\x53\x88", false, ST_LIMIT,
		"Matroska EBML header of 5000 bytes (limit 4096)"),
	B("block of unknown size", "\xa3\xff\x81\0\0\x80x", true, ST_PROTO,
		"Matroska block of unknown size"),
	B("block of 8 MiB + 1", "\xa3\x10\x80\0\1\x81\0\0\x80x", true, ST_LIMIT,
		"Matroska block of 8388609 bytes (limit 8388608)"),
	B("block of 3 bytes", "\xa3\x83\x81\0\0", true, ST_PROTO, "broken Matroska block"),
	B("block without a track", "\xa3\x85\0\0\0\x80x", true, ST_PROTO, "broken Matroska block"),
	B("empty group", "\xa0\x80", true, ST_PROTO, "broken Matroska block"),
	B("group with a child too long", "\xa0\x83\xa1\x85x", true, ST_PROTO,
		"broken Matroska block"),
	B("timecode of 9 bytes", "\xe7\x89\0\0\0\0\0\0\0\0\0", true, ST_LIMIT,
		"Matroska timecode of 9 bytes (limit 8)"),
	B("document with long ids", "\x1a\x45\xdf\xa3\x84\x42\xf2\x81\x05", false, ST_PROTO,
		"Matroska with element ids of more than 4 bytes"),
	B("document with long sizes", "\x1a\x45\xdf\xa3\x84\x42\xf3\x81\x09", false, ST_PROTO,
		"Matroska with element sizes of more than 8 bytes"),
	B("broken document", "\x1a\x45\xdf\xa3\x83\x42\x82\x88", false, ST_PROTO,
		"broken EBML header"),
	B("unknown element", "\x4f\xff\x81x", false, ST_OK, ""),
	B("unknown child", "\xaf\x81x", true, ST_OK, ""),
	B("half an element", "\xa3", true, ST_OK, ""),
	B("half a block", "\xa3\x8f\x81\0\0\x80xyz", true, ST_OK, ""),
};

START_TEST(bad_elements)
{
	struct rec *r;

	header();
	open_end(CLUSTER, false);
	num(TC, 0);
	simple(1, 0, true, 10);
	if (!bad[_i].in_cluster)
		begin(CLUSTER), end();
	else
		open_end(CLUSTER, false);
	buf_put(&in, bad[_i].p, bad[_i].n);
	r = rec_all("MKV", in.p, in.len);
	ck_assert_msg(r->st == bad[_i].st, "%s: status %d, %s", bad[_i].name, r->st, r->error);
	ck_assert_str_eq(r->error, bad[_i].error);
	ck_assert_int_eq(r->nheads, 1);
	rec_free(r);
}
END_TEST

START_TEST(past_its_cluster)
{
	struct rec *r;

	header();
	begin(CLUSTER);
	num(TC, 0);
	simple(1, 0, true, 10);
	end();
	begin(CLUSTER);
	num(TC, 0);
	buf_put(&in, "\xa3\x8f\x81\0\0\x80", 6);
	end();
	simple(1, 0, true, 10);
	r = run(ST_PROTO);
	ck_assert_str_eq(r->error, "Matroska element A3 of 15 bytes runs past its cluster");
	ck_assert_str_eq(blocks(r->body.p, r->body.len), "C0 v0!"); /* what was whole is not lost */
	rec_free(r);
}
END_TEST

START_TEST(no_timecode)
{
	struct rec *r;

	header();
	begin(CLUSTER);
	simple(1, 0, true, 10);
	simple(1, 40, false, 10);
	num(TC, 5000);                  /* too late */
	simple(1, 80, true, 10);
	end();
	r = run(ST_OK);
	ck_assert_str_eq(blocks(r->body.p, r->body.len), "C- v0! v40 v80!");
	conts(r, "2");
	rec_free(r);
}
END_TEST

START_TEST(unknown_track)
{
	struct rec *r;

	header();
	begin(CLUSTER);
	num(TC, 0);
	simple(9, 0, true, 10);
	simple(1, 10, true, 10);
	simple(9, 20, true, 10);
	end();
	r = run(ST_OK);
	ck_assert_str_eq(blocks(r->body.p, r->body.len), "C0 x0! C10 v10! x20!");
	conts(r, "1 0");
	rec_free(r);
}
END_TEST

/* Block with a track number of two bytes. */
START_TEST(long_track_number)
{
	struct rec *r;

	ebml("matroska");
	open_end(SEGMENT, true);
	info(0);
	begin(TRACKS);
	track(300, 1, 0);
	end();
	open_end(CLUSTER, true);
	num(TC, 0);
	begin(SIMPLE);
	buf_put(&in, "\x41\x2c\0\0\0x", 6);
	end();
	begin(SIMPLE);
	buf_put(&in, "\x41\x2c\0\x28\x80x", 6);
	end();
	r = run(ST_OK);
	conts(r, "2 0");
	ck_assert_mem_eq(r->body.p + r->body.len - 6, "\x41\x2c\0\0\x80x",
		6); /* relative to its own cluster */
	rec_free(r);
}
END_TEST

START_TEST(not_a_channel)
{
	static const struct { const char *name; int what; const char *error;
	} rows[] = {
		{ "cluster without tracks", 0, "Matroska cluster before any tracks" },
		{ "tracks without tracks", 1, "broken Matroska tracks" },
		{ "no segment", 2, "Matroska element 1654AE6B before the segment" },
		{ "header only", 3,
			"the MKV stream ended before its header and first frame were complete" },
		{ "too many tracks", 4, "more than 64 Matroska tracks" },
		{ "endless header", 5, "Matroska header of more than 1048576 bytes" },
	};

	for (size_t i = 0; i < NELEM(rows); i++) {
		struct rec *r;

		buf_reset(&in);
		ebml("matroska");
		if (rows[i].what != 2)
			open_end(SEGMENT, true);
		switch (rows[i].what) {
		case 1:
			EL(TRACKS, "");
			break;
		case 3:
			begin(TRACKS);
			track(1, 1, 0);
			end();
			open_end(CLUSTER, true);
			num(TC, 0);
			break;
		case 4:
			begin(TRACKS);
			for (int k = 0; k < 65; k++)
				track(1, 1, 0);
			end();
			break;
		case 5:
			for (int k = 0; k < 30; k++) {
				begin(TAGS);
				for (int z = 0; z < 20000; z++)
					buf_put(&in, "\xec\x80", 2);
				end();
			}
			break;
		default:
			break;
		}
		if (rows[i].what == 2) {
			EL(TRACKS, "xyz");
		} else if (rows[i].what != 3) {
			open_end(CLUSTER, true);
			num(TC, 0);
			simple(1, 0, true, 10);
		}
		r = rec_all("MKV", in.p, in.len);
		ck_assert_msg(r->st != ST_OK && r->nheads == 0, "%s: %d", rows[i].name, r->st);
		ck_assert_str_eq(r->error, rows[i].error);
		rec_free(r);
	}
}
END_TEST

START_TEST(nested_tags)
{
	struct rec *r;

	header();
	begin(TAGS);
	begin(0x7373);
	for (int i = 0; i < 10; i++)
		begin(0x67C8);
	EL(0x45A3, "TITLE");
	for (int i = 0; i < 12; i++)
		end();
	open_end(CLUSTER, true);
	num(TC, 0);
	simple(1, 0, true, 10);
	r = run(ST_OK);
	rec_free(r);
}
END_TEST

START_TEST(large_block)
{
	struct rec *r;

	header();
	open_end(CLUSTER, true);
	num(TC, 0);
	simple(1, 0, true, (8u << 20) - 4);
	r = rec_run("MKV", in.p, in.len, 65536, 0, true);
	ck_assert_int_eq(r->st, ST_OK);
	ck_assert_uint_gt(r->body.len, 8u << 20);
	rec_free(r);
}
END_TEST

/* Attached fonts are passed over without being kept. */
START_TEST(large_attachment)
{
	struct rec *r;

	header();
	id(ATTACH);
	buf_put(&in, "\x01\0\0\0\x01\x20\0\0", 8);     /* 18 MiB + 0 */
	for (int i = 0; i < 0x1200000; i += 4096) {
		uint8_t *p = buf_reserve(&in, 4096);

		memset(p, 0x1f, 4096);
		in.len += 4096;
	}
	open_end(CLUSTER, true);
	num(TC, 0);
	simple(1, 0, true, 10);
	r = rec_run("MKV", in.p, in.len, 65536, 0, true);
	ck_assert_msg(r->st == ST_OK, "%s", r->error);
	ck_assert_str_eq(blocks(r->body.p, r->body.len), "C0 v0!");
	rec_free(r);
}
END_TEST

/* --- real streams ------------------------------------------------------------------------------ */

/* Blocks of all kinds in a stream, with unknown and known sizes alike. */
static size_t count_blocks(const uint8_t *p, size_t n)
{
	size_t at = 0, count = 0;
	struct ebml_el e;

	while (at < n && ebml_head(p + at, n - at, &e) == EBML_OK) {
		if (e.id == SEGMENT || e.id == CLUSTER) {
			at += e.hlen;
			continue;
		}
		if (e.size > n - at - e.hlen)
			break;
		count += e.id == SIMPLE || e.id == GROUP;
		at += e.hlen + (size_t)e.size;
	}
	return count;
}

static const struct {
	const char *file;
	const char *type, *title, *artist;
	int starts;
	bool video;
} real[] = {
	{ "test/data/media/h264.mkv", "MKV", "T1", "A1", 3, true },
	{ "test/data/media/live.mkv", "MKV", "", "", 3, true },
	{ "test/data/media/hevc.mkv", "MKV", "", "", 2, true },
	{ "test/data/media/vp8opus.webm", "WEBM", "", "", 3, true },
	{ "test/data/media/opus.webm", "WEBM", "", "", 4, false },
	{ "test/data/media/yt_direct.webm", "WEBM", "", "", 3, true },
};

START_TEST(real_streams)
{
	struct buf f;
	struct rec *r;
	int starts = 0;

	rec_file(real[_i].file, &f);
	r = rec_all("MKV", f.p, f.len);
	ck_assert_msg(r->st == ST_OK, "%s: %s", real[_i].file, r->error);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_str_eq(r->first_type, real[_i].type);
	ck_assert_str_eq(r->info.title, real[_i].title);
	ck_assert_str_eq(r->info.artist, real[_i].artist);
	for (int i = 0; i < r->npkts; i++)
		starts += r->pkt[i].cont == 0;
	ck_assert_msg(starts >= real[_i].starts, "%s: %d places to start", real[_i].file, starts);
	check_starts(r, real[_i].video);
	ck_assert_uint_gt(count_blocks(f.p, f.len), 90);
	ck_assert_uint_eq(count_blocks(r->body.p, r->body.len), count_blocks(f.p, f.len));
	rec_free(r);
	buf_fini(&f);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/mkv");
	TCase *t = tcase_create("mkv");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, known_size);
	tcase_add_test(t, unknown_sizes);
	tcase_add_test(t, key_in_the_middle);
	tcase_add_test(t, block_groups);
	tcase_add_test(t, second_document);
	tcase_add_test(t, flushes);
	tcase_add_test(t, idle_flush);
	tcase_add_test(t, audio_only);
	tcase_add_test(t, far_from_its_cluster);
	tcase_add_test(t, before_zero);
	tcase_add_test(t, no_key_frames);
	tcase_add_test(t, timecode_scale);
	tcase_add_test(t, head_is_pruned);
	tcase_add_test(t, large_tags_and_subtitles);
	tcase_add_test(t, head_too_large);
	tcase_add_test(t, track_texts);
	tcase_add_test(t, segment_title);
	tcase_add_loop_test(t, bad_elements, 0, NELEM(bad));
	tcase_add_test(t, past_its_cluster);
	tcase_add_test(t, no_timecode);
	tcase_add_test(t, unknown_track);
	tcase_add_test(t, long_track_number);
	tcase_add_test(t, not_a_channel);
	tcase_add_test(t, nested_tags);
	tcase_add_test(t, large_block);
	tcase_add_test(t, large_attachment);
	tcase_add_loop_test(t, real_streams, 0, NELEM(real));
	suite_add_tcase(s, t);
	return s;
}
