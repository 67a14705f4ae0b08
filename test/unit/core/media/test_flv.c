/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "core/media/amf0.h"
#include "test/unit/core/media/rec.h"

enum { AUDIO = 8, VIDEO = 9, SCRIPT = 18 };

/* --- building FLV ------------------------------------------------------------------------------ */

static struct buf in;

static void setup(void)
{
	buf_init(&in, 32u << 20);
}

static void teardown(void)
{
	ck_assert_int_eq(in.err, ST_OK);
	buf_fini(&in);
}

static void be(size_t v, int bytes)
{
	while (bytes-- > 0)
		buf_u8(&in, (uint8_t)(v >> (8 * bytes)));
}

static void file(uint8_t flags)
{
	buf_put(&in, "FLV\x01", 4);
	buf_u8(&in, flags);
	be(9, 4);
	be(0, 4);
}

static void tag_head(uint8_t type, uint32_t ts, size_t n)
{
	buf_u8(&in, type);
	be(n, 3);
	be(ts & 0xffffff, 3);
	be(ts >> 24, 1);
	be(0, 3);
}

static void tag(uint8_t type, uint32_t ts, const void *p, size_t n)
{
	tag_head(type, ts, n);
	buf_put(&in, p, n);
	be(n + 11, 4);
}
#define TAG(type, ts, text) tag(type, ts, text, sizeof(text) - 1)

/* A tag of n bytes that begin with the given ones. */
static void big(uint8_t type, uint32_t ts, const char *first, size_t nfirst, size_t n)
{
	uint32_t seed = ts;

	tag_head(type, ts, n);
	buf_put(&in, first, nfirst);
	for (size_t i = nfirst; i < n; i++)
		buf_u8(&in, (uint8_t)rec_rand(&seed));
	be(n + 11, 4);
}

#define AVC_CONF  "\x17\0\0\0\0\x01\x42\0\x1e\xff"
#define AVC_CONF2 "\x17\0\0\0\0\x01\x4d\0\x1f\xff"
#define AAC_CONF  "\xaf\0\x12\x10"

static void key(uint32_t ts, size_t n)   { big(VIDEO, ts, "\x17\1\0\0\0", 5, n); }
static void inter(uint32_t ts, size_t n) { big(VIDEO, ts, "\x27\1\0\0\0", 5, n); }
static void sound(uint32_t ts, size_t n) { big(AUDIO, ts, "\xaf\1", 2, n); }

static void number(struct buf *b, const char *name, double v)
{
	amf0_put_name(b, name);
	amf0_put_number(b, v);
}

static void text(struct buf *b, const char *name, const char *v)
{
	amf0_put_name(b, name);
	amf0_put_string(b, v, strlen(v));
}

/* An onMetaData tag; fields are added by the caller between begin and end. */
static struct buf meta;

static void meta_begin(void)
{
	buf_init(&meta, 2u << 20);
	amf0_put_string(&meta, "onMetaData", 10);
	buf_u8(&meta, AMF0_ECMA_ARRAY);
	buf_put(&meta, "\0\0\0\1", 4);
}

static void meta_end(uint32_t ts)
{
	amf0_put_end(&meta);
	ck_assert_int_eq(meta.err, ST_OK);
	tag(SCRIPT, ts, meta.p, meta.len);
	buf_fini(&meta);
}

static void simple_meta(double width, double vrate)
{
	meta_begin();
	number(&meta, "width", width);
	number(&meta, "videocodecid", 7);
	number(&meta, "audiocodecid", 10);
	number(&meta, "videodatarate", vrate);
	number(&meta, "audiodatarate", 64);
	meta_end(0);
}

/* --- looking at FLV ---------------------------------------------------------------------------- */

/* The tags in p as "18:40@0 9:10@0 ...": type, payload bytes, time; checks trailing sizes. "" when
 * it does not consist of whole tags. */
static char listing[65536];

static const char *tags(const uint8_t *p, size_t n)
{
	size_t at = 0, out = 0;

	listing[0] = '\0';
	while (at < n) {
		const uint8_t *t = p + at;
		size_t size;

		if (n - at < 15)
			return "";
		size = (size_t)t[1] << 16 | (size_t)t[2] << 8 | t[3];
		if (n - at < size + 15)
			return "";
		at += size + 15;
		ck_assert_uint_eq((size_t)p[at - 4] << 24 | (size_t)p[at - 3] << 16 |
					  (size_t)p[at - 2] << 8 | p[at - 1],
			size + 11);
		if (out + 40 < sizeof(listing))
			out += (size_t)snprintf(listing + out, sizeof(listing) - out, "%s%u:%zu@%u",
				out > 0 ? " " : "", t[0], size,
				(unsigned)(t[4] << 16 | t[5] << 8 | t[6]) | (unsigned)t[7] << 24);
	}
	return listing;
}

static const char *head_tags(const struct rec *r, int i)
{
	const uint8_t *h = rec_head_p(r, i);

	ck_assert_mem_eq(h, "FLV\x01", 4);
	ck_assert_mem_eq(h + 5, "\0\0\0\x09\0\0\0\0", 8);
	return tags(h + 13, r->head[i].n - 13);
}

static uint8_t head_flags(const struct rec *r, int i)
{
	return rec_head_p(r, i)[4];
}

static struct rec *run(enum status want)
{
	struct rec *r = rec_all("FLV", in.p, in.len);

	ck_assert_msg(r->st == want, "status %d: %s", r->st, r->error);
	return r;
}

static void conts(const struct rec *r, const char *want)
{
	char out[4096];

	ck_assert_str_eq(rec_conts(r, out, sizeof(out)), want);
}

/* --- 12.1 case 1 ------------------------------------------------------------------------------- */

START_TEST(one_head)
{
	struct rec *r;

	file(5);
	simple_meta(320, 500);
	TAG(AUDIO, 0, AAC_CONF);
	TAG(VIDEO, 7, AVC_CONF);
	sound(0, 100);
	key(0, 1000);
	sound(23, 100);
	inter(40, 500);
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_str_eq(head_tags(r, 0), "18:131@0 9:10@0 8:4@0");
	ck_assert_uint_eq(head_flags(r, 0), 5);
	ck_assert_str_eq(tags(r->body.p, r->body.len), "8:100@0 9:1000@0 8:100@23 9:500@40");
	/* audio waits; the key frame begins a packet and takes the audio behind it along */
	conts(r, "4 0 2");
	ck_assert_uint_eq(r->pkt[1].n, 1015 + 115);
	ck_assert_uint_eq(r->info.bitrate_kbps, 564);
	ck_assert(r->info.declared);
	rec_free(r);
}
END_TEST

START_TEST(long_tags_are_split)
{
	struct rec *r;

	file(5);
	TAG(VIDEO, 0, AVC_CONF);
	key(0, 40000);
	inter(40, 15360 - 15);
	inter(80, 15360 - 14);
	sound(90, 20000);
	r = run(ST_OK);
	ck_assert_str_eq(
		tags(r->body.p, r->body.len), "9:40000@0 9:15345@40 9:15346@80 8:20000@90");
	conts(r, "0 1 1 2 2 3 4 5");
	ck_assert_uint_eq(r->pkt[0].n, 15360);
	ck_assert_uint_eq(r->pkt[1].n, 15360);
	ck_assert_uint_eq(r->pkt[2].n, 40015 - 2 * 15360);
	ck_assert_uint_eq(r->pkt[3].n, 15360);
	ck_assert_uint_eq(r->pkt[5].n, 1);
	rec_free(r);
}
END_TEST

/* 100 ms of media time, 4 KiB, a second video frame: each ends a bundle. */
START_TEST(bundles)
{
	struct rec *r;

	file(5);
	TAG(VIDEO, 0, AVC_CONF);
	key(0, 100);
	for (uint32_t ts = 10; ts <= 250; ts += 30)
		sound(ts, 50);
	inter(260, 100);
	inter(265, 100);
	sound(266, 2000);
	sound(267, 2000);
	sound(268, 2000);
	r = run(ST_OK);
	/* 0..70 | 100.. (first 100 ms after the packet's first tag) | 220..260 | 265 266 | 267 268:
	 * 4 KiB */
	conts(r, "0 4 2 2 4");
	ck_assert_str_eq(tags(rec_pkt_p(r, 0), r->pkt[0].n), "9:100@0 8:50@10 8:50@40 8:50@70");
	ck_assert_str_eq(tags(rec_pkt_p(r, 1), r->pkt[1].n), "8:50@100 8:50@130 8:50@160 8:50@190");
	ck_assert_str_eq(tags(rec_pkt_p(r, 2), r->pkt[2].n), "8:50@220 8:50@250 9:100@260");
	ck_assert_str_eq(tags(rec_pkt_p(r, 3), r->pkt[3].n), "9:100@265 8:2000@266");
	ck_assert_str_eq(tags(rec_pkt_p(r, 4), r->pkt[4].n), "8:2000@267 8:2000@268");
	rec_free(r);
}
END_TEST

/* What is 4 KiB or more has no reason to wait. */
START_TEST(large_frames_do_not_wait)
{
	struct rec *r = rec_new();
	struct media *m = media_new("FLV", &rec_ops, r);

	file(1);
	TAG(VIDEO, 0, AVC_CONF);
	key(0, 5000);
	ck_assert_int_eq(media_feed(m, in.p, in.len, 1), ST_OK);
	ck_assert_int_eq(r->npkts, 1);
	ck_assert_int_eq(media_deadline(m), NSEC_NEVER);
	buf_reset(&in);
	inter(40, 50);
	ck_assert_int_eq(media_feed(m, in.p, in.len, 2), ST_OK);
	ck_assert_int_eq(r->npkts, 1);
	ck_assert_int_eq(media_deadline(m), 2 + 100 * NSEC_PER_MSEC);
	ck_assert_int_eq(media_tick(m, 2 + 100 * NSEC_PER_MSEC), ST_OK);
	ck_assert_int_eq(r->npkts, 2);
	ck_assert_uint_eq(r->pkt[1].cont, MEDIA_INTER);
	media_free(&m);
	rec_free(r);
}
END_TEST

/* Audio that waits goes out with the next frame when both fit: one packet per frame. */
START_TEST(frame_joins_audio)
{
	struct rec *r;

	file(5);
	TAG(VIDEO, 0, AVC_CONF);
	key(0, 9000);
	for (uint32_t i = 1; i <= 20; i++) {
		sound(i * 16 - 8, 300);
		inter(i * 16, 9000);
	}
	key(336, 9000);
	r = run(ST_OK);
	conts(r, "0 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 0");
	rec_free(r);
}
END_TEST

/* --- case 2 ------------------------------------------------------------------------------------ */

START_TEST(config_change)
{
	struct rec *r;

	file(5);
	simple_meta(320, 500);
	TAG(VIDEO, 0, AVC_CONF);
	TAG(AUDIO, 0, AAC_CONF);
	key(0, 100);
	TAG(VIDEO, 40, AVC_CONF);               /* the same: dropped */
	TAG(AUDIO, 40, AAC_CONF);
	inter(40, 100);
	TAG(VIDEO, 80, AVC_CONF2);
	sound(80, 50);
	key(90, 100);
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 2);
	ck_assert_str_eq(head_tags(r, 0), "18:131@0 9:10@0 8:4@0");
	ck_assert_str_eq(head_tags(r, 1), "18:131@0 9:10@0 8:4@0");
	ck_assert_mem_eq(rec_head_p(r, 1) + 13 + 146 + 11, AVC_CONF2, 10);
	ck_assert_str_eq(tags(r->body.p, r->body.len), "9:100@0 9:100@40 8:50@80 9:100@90");
	for (int i = 0; i < r->npkts; i++)
		ck_assert_int_eq(r->pkt[i].head, i < 2 ? 0 : 1);
	rec_free(r);
}
END_TEST

START_TEST(second_file_header)
{
	struct rec *r;

	for (int i = 0; i < 2; i++) {
		file(5);
		simple_meta(320, 500);
		TAG(VIDEO, 0, AVC_CONF);
		TAG(AUDIO, 0, AAC_CONF);
		key(0, 100);
		inter(40, 100);
	}
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 2);
	ck_assert_uint_eq(r->head[0].n, r->head[1].n);
	ck_assert_mem_eq(rec_head_p(r, 0), rec_head_p(r, 1), r->head[0].n);
	ck_assert_str_eq(tags(r->body.p, r->body.len), "9:100@0 9:100@40 9:100@0 9:100@40");
	conts(r, "0 2 0 2");
	rec_free(r);
}
END_TEST

/* Twelve heads a minute, then one per 5 s; frames without a head of theirs are dropped. */
START_TEST(heads_are_limited)
{
	struct rec *r = rec_new();
	struct media *m = media_new("FLV", &rec_ops, r);

	file(1);
	for (uint32_t i = 0; i < 40; i++) {
		tag(VIDEO, i * 40, i % 2 == 0 ? AVC_CONF : AVC_CONF2, 10);
		key(i * 40, 20 + i);
	}
	ck_assert_int_eq(media_feed(m, in.p, in.len, NSEC_PER_SEC), ST_OK);
	ck_assert_int_eq(r->nheads, 12);
	ck_assert_int_eq(r->nnotes, 1);
	buf_reset(&in);
	key(2000, 99);
	ck_assert_int_eq(media_feed(m, in.p, in.len, 5 * NSEC_PER_SEC), ST_OK);
	ck_assert_int_eq(r->nheads, 12);
	ck_assert_int_eq(media_feed(m, in.p, in.len, 6 * NSEC_PER_SEC), ST_OK);
	ck_assert_int_eq(r->nheads, 13);
	ck_assert_int_eq(media_end(m, 6 * NSEC_PER_SEC), ST_OK);
	/* the frame behind every head, and nothing that belongs to a head that did not go out */
	for (int i = 0; i < r->npkts; i++)
		ck_assert_int_eq(r->pkt[i].head, i);
	ck_assert_int_eq(r->npkts, 13);
	media_free(&m);
	rec_free(r);
}
END_TEST

/* --- case 3: enhanced -------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint8_t type;
	const char *p;
	size_t n;
	int what; /* 'c' config, 'k' key, 'i' inter, 'a' audio, 'd' data, 's' soft config */
} classes[] = {
#define C(name, type, p, what) { name, type, p, sizeof(p) - 1, what }
	C("hevc start", VIDEO, "\x90hvc1\1\2\3", 'c'),
	C("av1 start", VIDEO, "\x90" "av01\x81\0\0", 'c'),
	C("av1 start, TS manner", VIDEO, "\x95" "av01\x81\0\0", 'c'),
	C("vp9 start", VIDEO, "\x90vp09\1", 'c'),
	C("start without content", VIDEO, "\x90hvc1", 'd'),
	C("hevc key", VIDEO, "\x91hvc1\0\0\0x", 'k'),
	C("hevc key X", VIDEO, "\x93hvc1x", 'k'),
	C("hevc inter", VIDEO, "\xa1hvc1\0\0\0x", 'i'),
	C("hevc inter X", VIDEO, "\xa3hvc1x", 'i'),
	C("hevc end", VIDEO, "\x92hvc1", 'd'),
	C("colours", VIDEO, "\x94hvc1\2\0\4abcd", 's'),
	C("command", VIDEO, "\xd0\0", 'd'),
	C("FourCC missing", VIDEO, "\x91hv", 'd'),
	C("modex key", VIDEO, "\x97\2abc\x01hvc1\0\0\0x", 'k'),
	C("modex twice, inter", VIDEO, "\xa7\0a\x07\1ab\x03hvc1x", 'i'),
	C("modex start", VIDEO, "\x97\0a\0hvc1xyz", 'c'),
	C("modex cut", VIDEO, "\x97\x20" "abc", 'd'),
	C("modex long size cut", VIDEO, "\x97\xff\xff\xff" "abc", 'd'),
	C("multitrack key", VIDEO, "\x96\1hvc1\0xyz", 'k'),
	C("second track's key", VIDEO, "\x96\1hvc1\1xyz", 'i'),
	C("multitrack start", VIDEO, "\x96\0hvc1\1xyz", 'c'),
	C("multitrack cut", VIDEO, "\x96", 'd'),
	C("multitrack in multitrack", VIDEO, "\x96\6hvc1\1xyz", 'd'),
	C("avc start", VIDEO, AVC_CONF, 'c'),
	C("avc start, inter", VIDEO, "\x27\0\0\0\0\1", 'c'),
	C("avc key", VIDEO, "\x17\1\0\0\0x", 'k'),
	C("avc made key", VIDEO, "\x47\1\0\0\0x", 'k'),
	C("avc inter", VIDEO, "\x27\1\0\0\0x", 'i'),
	C("avc disposable", VIDEO, "\x37\1\0\0\0x", 'i'),
	C("avc end", VIDEO, "\x17\2\0\0\0", 'd'),
	C("avc empty start", VIDEO, "\x17\0\0\0\0", 'd'),
	C("avc one byte", VIDEO, "\x17", 'd'),
	C("hevc the old way, start", VIDEO, "\x1c\0\0\0\0\1", 'c'),
	C("hevc the old way, key", VIDEO, "\x1c\1\0\0\0\1", 'k'),
	C("h263 key", VIDEO, "\x12x", 'k'),
	C("h263 inter", VIDEO, "\x22x", 'i'),
	C("vp6 key", VIDEO, "\x14x", 'k'),
	C("info frame", VIDEO, "\x57\0", 'd'),
	C("empty video", VIDEO, "", 'd'),
	C("aac start", AUDIO, AAC_CONF, 'c'),
	C("aac frame", AUDIO, "\xaf\1x", 'a'),
	C("aac empty start", AUDIO, "\xaf\0", 'd'),
	C("aac one byte", AUDIO, "\xaf", 'd'),
	C("mp3", AUDIO, "\x2fx", 'a'),
	C("opus start", AUDIO, "\x90OpusOpusHead", 'c'),
	C("opus frame", AUDIO, "\x91Opusx", 'a'),
	C("opus end", AUDIO, "\x92Opus", 'd'),
	C("multichannel", AUDIO, "\x94Opus\1\2\0\0\0\3", 'c'),
	C("audio modex", AUDIO, "\x97\2abc\x01Opusx", 'a'),
	C("audio multitrack start", AUDIO, "\x95\0Opus\2OpusHead", 'c'),
	C("audio multitrack frame", AUDIO, "\x95\1Opus\2x", 'a'),
	C("audio FourCC cut", AUDIO, "\x91Op", 'd'),
	C("empty audio", AUDIO, "", 'd'),
	C("script", SCRIPT, "\2\0\6onText", 'd'),
	C("empty script", SCRIPT, "", 'd'),
};

START_TEST(classified)
{
	const int what = classes[_i].what;
	struct rec *r;
	char want[64];
	uint8_t cont = 99;

	file(5);
	TAG(VIDEO, 0, "\x12h263");              /* something that makes the head go out */
	TAG(SCRIPT, 200, "");                   /* alone in its packet: 200 ms later */
	tag(classes[_i].type, 400, classes[_i].p, classes[_i].n);
	big(AUDIO, 600, "\x2f", 1, 77);
	r = run(ST_OK);
	(void)snprintf(want, sizeof(want), "%u:%zu@400", classes[_i].type, classes[_i].n);
	ck_assert_msg(
		r->nheads == (what == 'c' ? 2 : 1), "%s: %d heads", classes[_i].name, r->nheads);
	ck_assert_int_eq(strstr(tags(r->body.p, r->body.len), want) == NULL, what == 'c');
	if (what == 'c') {
		(void)snprintf(want, sizeof(want), "%u:%zu@0", classes[_i].type, classes[_i].n);
		ck_assert_msg(strcmp(head_tags(r, 1), want) == 0, "%s: head %s", classes[_i].name,
			listing);
	}
	for (int i = 0; i < r->npkts; i++)
		if (strcmp(tags(rec_pkt_p(r, i), r->pkt[i].n), want) == 0)
			cont = r->pkt[i].cont;
	switch (what) {
	case 'c':
		break;
	case 'k':
		ck_assert_msg(cont == 0, "%s: %u", classes[_i].name, cont);
		break;
	case 'i':
		ck_assert_msg(cont == MEDIA_INTER, "%s: %u", classes[_i].name, cont);
		break;
	case 'a':
		ck_assert_msg(cont == MEDIA_AUDIO, "%s: %u", classes[_i].name, cont);
		break;
	default:
		ck_assert_msg(cont == MEDIA_FRAGMENT, "%s: %u", classes[_i].name, cont);
		break;
	}
	rec_free(r);
}
END_TEST

START_TEST(enhanced_head)
{
	struct rec *r;

	file(5);
	TAG(AUDIO, 0, "\x94Opus\1\2\0\0\0\3");
	TAG(AUDIO, 0, "\x90OpusOpusHead");
	TAG(VIDEO, 0, "\x94hvc1\2\0\4abcd");
	TAG(VIDEO, 0, "\x96\0hvc1\1second");
	TAG(VIDEO, 0, "\x90hvc1\1\2\3");
	TAG(VIDEO, 0, "\x91hvc1\0\0\0x");
	TAG(VIDEO, 40, "\x94hvc1\2\0\4efgh");   /* new colours are no new stream */
	TAG(VIDEO, 40, "\xa3hvc1x");
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_str_eq(head_tags(r, 0), "9:8@0 9:12@0 9:13@0 8:13@0 8:11@0");
	ck_assert_str_eq(tags(r->body.p, r->body.len), "9:9@0 9:12@40 9:6@40");
	rec_free(r);
}
END_TEST

/* --- case 4 ------------------------------------------------------------------------------------ */

START_TEST(audio_only)
{
	struct rec *r;

	file(4);
	TAG(AUDIO, 0, AAC_CONF);
	for (uint32_t i = 0; i < 40; i++)
		sound(i * 23, 100);
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_uint_eq(head_flags(r, 0), 4);
	ck_assert_int_eq(r->npkts, 8);
	for (int i = 0; i < r->npkts; i++) {
		ck_assert_uint_eq(r->pkt[i].cont, 0);
		ck_assert_str_ne(tags(rec_pkt_p(r, i), r->pkt[i].n), "");
	}
	rec_free(r);
}
END_TEST

/* Flags that promise what does not come make players wait. */
static const struct { const char *name; uint8_t in, out; bool v, a, meta; } flags[] = {
	{ "both, only video comes", 5, 1, true, false, false },
	{ "both, only audio comes", 5, 4, false, true, false },
	{ "none, both come", 0, 5, true, true, false },
	{ "metadata says both", 0, 5, true, false, true },
};

START_TEST(head_flags_are_right)
{
	struct rec *r;

	file(flags[_i].in);
	if (flags[_i].meta)
		simple_meta(320, 500);
	if (flags[_i].v)
		TAG(VIDEO, 0, AVC_CONF);
	if (flags[_i].a)
		TAG(AUDIO, 0, AAC_CONF);
	if (flags[_i].v)
		key(0, 100);
	else
		sound(0, 100);
	r = run(ST_OK);
	ck_assert_msg(
		head_flags(r, 0) == flags[_i].out, "%s: %u", flags[_i].name, head_flags(r, 0));
	rec_free(r);
}
END_TEST

START_TEST(late_metadata)
{
	struct rec *r;

	file(5);
	TAG(VIDEO, 0, AVC_CONF);
	key(0, 100);
	meta_begin();
	number(&meta, "videodatarate", 800);
	number(&meta, "width", 320);
	text(&meta, "title", "one");
	meta_end(40);
	inter(40, 100);
	meta_begin();
	number(&meta, "videodatarate", 900);
	number(&meta, "width", 320);
	text(&meta, "title", "two");
	meta_end(60);
	inter(80, 100);
	ck_assert_int_eq(in.err, ST_OK);
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_uint_eq(r->info.bitrate_kbps, 900);
	ck_assert_str_eq(r->info.title, "two");
	ck_assert_int_eq(r->ninfos, 3);
	rec_free(r);

	meta_begin();                           /* another size: another stream */
	number(&meta, "width", 640);
	meta_end(100);
	TAG(VIDEO, 120, AVC_CONF2);
	key(120, 100);
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 2);
	ck_assert_str_eq(head_tags(r, 1), "18:37@0 9:10@0");
	ck_assert_str_eq(r->info.title, "");
	rec_free(r);
}
END_TEST

START_TEST(empty_and_unknown_tags)
{
	struct rec *r;

	file(5);
	TAG(VIDEO, 0, AVC_CONF);
	TAG(15, 0, "what is this");
	TAG(SCRIPT, 0, "\2\0\6onText");
	key(0, 100);
	TAG(VIDEO, 10, "");
	TAG(AUDIO, 20, "");
	for (int i = 0; i < 99; i++)
		TAG(31, 30, "x");
	sound(40, 10);
	for (int i = 0; i < 99; i++)
		TAG(0, 50, "");
	inter(60, 10);
	r = run(ST_OK);
	ck_assert_str_eq(head_tags(r, 0), "9:10@0");
	ck_assert_str_eq(
		tags(r->body.p, r->body.len), "18:9@0 9:100@0 9:0@10 8:0@20 8:10@40 9:10@60");
	ck_assert_int_eq(r->nnotes, 1);
	rec_free(r);
	for (int i = 0; i < 100; i++)
		TAG(0, 70, "");
	r = run(ST_PROTO);
	ck_assert_str_eq(r->error, "100 FLV tags of unknown type in a row");
	rec_free(r);
}
END_TEST

/* No frame for 64 tags: the head goes out without. */
START_TEST(head_without_frame)
{
	struct rec *r;

	file(5);
	simple_meta(320, 500);
	for (int i = 0; i < 62; i++)
		TAG(SCRIPT, 0, "\2\0\6onText");
	ck_assert_int_eq(in.err, ST_OK);
	r = rec_all("FLV", in.p, in.len);
	ck_assert_int_eq(r->st, ST_PROTO);
	ck_assert_str_eq(
		r->error, "the FLV stream ended before its header and first frame were complete");
	rec_free(r);
	TAG(SCRIPT, 0, "\2\0\6onText");
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_uint_eq(r->body.len, 63 * 24);
	rec_free(r);
}
END_TEST

/* ... or after 3 s; and a header alone never makes one. */
START_TEST(start_timeouts)
{
	struct rec *r = rec_new();
	struct media *m = media_new("FLV", &rec_ops, r);
	const nsec s = NSEC_PER_SEC;

	file(5);
	ck_assert_int_eq(media_feed(m, in.p, in.len, s), ST_OK);
	ck_assert_int_eq(media_deadline(m), 11 * s);
	buf_reset(&in);
	simple_meta(320, 500);
	ck_assert_int_eq(media_feed(m, in.p, in.len, 2 * s), ST_OK);
	ck_assert_int_eq(media_deadline(m), 4 * s);
	ck_assert_int_eq(media_tick(m, 4 * s - 1), ST_OK);
	ck_assert_int_eq(r->nheads, 0);
	ck_assert_int_eq(media_tick(m, 4 * s), ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_int_eq(media_deadline(m), NSEC_NEVER);
	media_free(&m);
	rec_free(r);

	r = rec_new();
	m = media_new("FLV", &rec_ops, r);
	buf_reset(&in);
	file(5);
	ck_assert_int_eq(media_feed(m, in.p, in.len, s), ST_OK);
	ck_assert_int_eq(media_tick(m, 11 * s), ST_TIMEOUT);
	ck_assert_str_eq(media_error(m), "no complete FLV header and frame within 10 s");
	ck_assert_int_eq(r->nheads, 0);
	media_free(&m);
	rec_free(r);
}
END_TEST

/* --- metadata ---------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	double v, a;
	const char *max;
	bool audio;
	uint32_t kbps;
} rates[] = {
	{ "both", 1000, 128, NULL, false, 1128 },
	{ "video only", 1000, 0, NULL, false, 1000 },
	{ "video not known", 0, 128, NULL, false, 0 },
	{ "none", 0, 0, NULL, false, 0 },
	{ "maximum as text", 0, 128, "5000k", false, 5128 },
	{ "maximum of nothing", 0, 128, "k", false, 0 },
	{ "audio alone", 0, 96, NULL, true, 96 },
	{ "negative", -5, 0, NULL, false, 0 },
	{ "absurd", 1e300, 0, NULL, false, 0 },
	{ "fraction", 99.6, 0, NULL, false, 100 },
	{ "tiny", 0.001, 0, NULL, false, 1 },
};

START_TEST(bitrates)
{
	struct rec *r;

	file(5);
	meta_begin();
	if (!rates[_i].audio)
		number(&meta, "videocodecid", 7);
	number(&meta, "videodatarate", rates[_i].v);
	number(&meta, "audiodatarate", rates[_i].a);
	if (rates[_i].max != NULL)
		text(&meta, "maxBitrate", rates[_i].max);
	meta_end(0);
	sound(0, 100);
	r = run(ST_OK);
	ck_assert_msg(r->info.bitrate_kbps == rates[_i].kbps, "%s: %u", rates[_i].name,
		r->info.bitrate_kbps);
	ck_assert_int_eq(r->info.declared, rates[_i].kbps > 0);
	rec_free(r);
}
END_TEST

/* 100 kB a second of media time, whatever the clock says. */
START_TEST(measured)
{
	struct rec *r;

	file(5);
	TAG(VIDEO, 0, AVC_CONF);
	for (uint32_t i = 0; i < 200; i++)
		key(i * 40, 4000 - 15);
	r = run(ST_OK);
	ck_assert_uint_eq(r->info.bitrate_kbps, 800);
	ck_assert(!r->info.declared);
	ck_assert_int_eq(r->ninfos, 2);
	rec_free(r);
}
END_TEST

/* Long metadata: what matters is written again. */
START_TEST(long_metadata)
{
	struct rec *r;
	char junk[5000];

	memset(junk, 'j', sizeof(junk));
	file(5);
	meta_begin();
	number(&meta, "width", 320);
	amf0_put_name(&meta, "junk");
	amf0_put_string(&meta, junk, sizeof(junk));
	text(&meta, "title", "T");
	number(&meta, "videodatarate", 700);
	amf0_put_name(&meta, "keyframes");      /* a seek index */
	buf_u8(&meta, AMF0_STRICT_ARRAY);
	buf_put(&meta, "\0\0\x0f\xa0", 4);
	for (int i = 0; i < 4000; i++)
		amf0_put_number(&meta, i);
	amf0_put_name(&meta, "stereo");
	amf0_put_bool(&meta, true);
	meta_end(0);
	TAG(VIDEO, 0, AVC_CONF);
	key(0, 10);
	r = run(ST_OK);
	ck_assert_uint_eq(r->info.bitrate_kbps, 700);
	ck_assert_str_eq(r->info.title, "T");
	/* 13 name, 1 object, width 16, title 11, videodatarate 24, stereo 10, end 3 */
	ck_assert_str_eq(head_tags(r, 0), "18:78@0 9:10@0");
	rec_free(r);
}
END_TEST

START_TEST(rtmp_metadata)
{
	struct rec *r;

	file(5);
	buf_init(&meta, 4096);
	amf0_put_string(&meta, "@setDataFrame", 13);
	amf0_put_string(&meta, "onMetaData", 10);
	buf_u8(&meta, AMF0_OBJECT);
	text(&meta, "title", "\x83\x65\x83\x58\x83\x67");       /* CP932 */
	text(&meta, "artist", "a\r\nb");
	meta_end(0);
	key(0, 10);
	r = run(ST_OK);
	ck_assert_str_eq(r->info.title, "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88");
	ck_assert_str_eq(r->info.artist, "a  b");
	ck_assert_mem_eq(rec_head_p(r, 0) + 13 + 11, "\2\0\x0aonMetaData", 13);
	rec_free(r);
}
END_TEST

/* 3.2.8: what AMF0 cannot be read is data like any other. */
START_TEST(broken_metadata)
{
	static const struct {
		const char *name;
		const char *p;
		size_t n;
		bool deep, many;
	} bad[] = {
		{ "cut", "\x03\0\5wid", 6, false, false },
		{ "type 4", "\x03\0\1a\x04\0\0\x09", 8, false, false },
		{ "typed object", "\x10\0\1a\0\0\x09", 7, false, false },
		{ "array of 2^31", "\x0a\x80\0\0\0", 5, false, false },
		{ "array of 2^32 - 1", "\x03\0\1a\x0a\xff\xff\xff\xff\0\0\0", 12, false, false },
		{ "long string of 2^32 - 1",
			"\x03\0\1a\x0c\xff\xff\xff\xff"
			"abc",
			12, false, false },
		{ "a number instead", "\0\0\0\0\0\0\0\0\0", 9, false, false },
		{ "nothing", "", 0, false, false },
		{ "too deep", "", 0, true, false },
		{ "too many", "", 0, false, true },
	};

	for (size_t i = 0; i < NELEM(bad); i++) {
		struct rec *r;

		buf_reset(&in);
		file(5);
		buf_init(&meta, 1u << 20);
		amf0_put_string(&meta, "onMetaData", 10);
		if (bad[i].deep)
			for (int k = 0; k < 2000; k++)
				buf_put(&meta, "\x03\0\1a", 4);
		if (bad[i].many) {
			buf_u8(&meta, AMF0_OBJECT);
			for (int k = 0; k < 1025; k++)
				buf_put(&meta, "\0\1a\5", 4);
			amf0_put_end(&meta);
		}
		buf_put(&meta, bad[i].p, bad[i].n);
		tag(SCRIPT, 0, meta.p, meta.len);
		TAG(VIDEO, 0, AVC_CONF);
		key(0, 10);
		r = run(ST_OK);
		ck_assert_msg(
			strcmp(head_tags(r, 0), "9:10@0") == 0, "%s: %s", bad[i].name, listing);
		ck_assert_uint_eq(r->body.len, 15 + meta.len + 25);
		ck_assert_int_eq(r->nnotes, 1);
		rec_free(r);
		buf_fini(&meta);
	}
}
END_TEST

/* --- 9.1 rows 2-6 ------------------------------------------------------------------------------ */

START_TEST(garbage_behind_a_header)
{
	uint32_t seed = 3;
	struct rec *r;

	file(5);
	for (int i = 0; i < 65536 - 13; i++)
		buf_u8(&in, (uint8_t)(rec_rand(&seed) | 1));    /* no zeros: no stream id of 0 */
	r = run(ST_PROTO);
	ck_assert_int_eq(r->nheads, 0);
	ck_assert_str_eq(r->error, "no FLV tag in 61440 bytes");
	rec_free(r);
	buf_reset(&in);
	file(5);
	for (int i = 0; i < 65536 - 13; i++)
		buf_u8(&in, 0);
	r = run(ST_PROTO);
	ck_assert_int_eq(r->nheads, 0);
	rec_free(r);
}
END_TEST

START_TEST(bad_file_headers)
{
	static const char *const bad[] = { "FLV\x01\5\0\0\0\x08", "FLV\x01\5\xff\xff\xff\xff",
		"FLV\x01\5\0\0\4\1" };

	for (size_t i = 0; i < NELEM(bad); i++) {
		struct rec *r;

		buf_reset(&in);
		buf_put(&in, bad[i], 9);
		be(0, 4);
		TAG(VIDEO, 0, AVC_CONF);
		key(0, 100);
		r = run(ST_PROTO);
		ck_assert_str_eq(r->error, "not an FLV file header");
		rec_free(r);
	}
}
END_TEST

/* A longer file header is passed over. */
START_TEST(long_file_header)
{
	struct rec *r;

	buf_put(&in, "FLV\x01\5\0\0\0\x0c...", 12);
	be(0, 4);
	key(0, 100);
	r = run(ST_OK);
	ck_assert_uint_eq(r->head[0].n, 13);
	rec_free(r);
}
END_TEST

START_TEST(tag_too_large)
{
	struct rec *r;

	file(5);
	tag_head(VIDEO, 0, 0xffffff);
	buf_put(&in, "\x17\1\0\0\0", 5);
	r = run(ST_LIMIT);
	ck_assert_str_eq(r->error, "FLV tag of 16777215 bytes (limit 8388608)");
	ck_assert_int_eq(r->nheads, 0);
	rec_free(r);
	buf_reset(&in);
	file(5);
	key(0, 100);
	tag_head(VIDEO, 0, (8u << 20) + 1);
	r = run(ST_LIMIT);
	ck_assert_str_eq(r->error, "FLV tag of 8388609 bytes (limit 8388608)");
	rec_free(r);
}
END_TEST

/* A huge first frame without configuration is data; the head does not care. */
START_TEST(huge_first_frame)
{
	struct rec *r;

	file(5);
	big(VIDEO, 0, "\x12", 1, 1500000);
	inter(40, 100);
	r = rec_run("FLV", in.p, in.len, 65536, 0, true);
	ck_assert_int_eq(r->st, ST_OK);
	ck_assert_uint_eq(r->head[0].n, 13);
	ck_assert_uint_eq(r->body.len, 1500015 + 115);
	ck_assert_uint_eq(r->pkt[0].cont, 0);
	ck_assert_uint_eq(r->pkt[1].cont, MEDIA_FRAGMENT);
	rec_free(r);
	buf_reset(&in);
	file(5);
	big(VIDEO, 0, "\x17\1\0\0\0", 5, 8u << 20);     /* the largest there may be */
	r = rec_run("FLV", in.p, in.len, 65536, 0, true);
	ck_assert_int_eq(r->st, ST_OK);
	ck_assert_uint_eq(r->body.len, (8u << 20) + 15);
	rec_free(r);
}
END_TEST

START_TEST(head_too_large)
{
	struct rec *r;

	file(5);
	big(VIDEO, 0, "\x90hvc1", 5, 9000);
	big(AUDIO, 0, "\xaf\0", 2, 16384 - 13 - 15 - 9000 - 15);
	sound(0, 100);
	r = run(ST_OK);
	ck_assert_uint_eq(r->head[0].n, 16384);
	rec_free(r);
	buf_reset(&in);
	file(5);
	big(VIDEO, 0, "\x90hvc1", 5, 9000);
	big(AUDIO, 0, "\xaf\0", 2, 16384 - 13 - 15 - 9000 - 15 + 1);
	sound(0, 100);
	r = run(ST_LIMIT);
	ck_assert_str_eq(r->error, "FLV head of 16385 bytes (limit 16384)");
	rec_free(r);
	buf_reset(&in);
	file(5);
	big(VIDEO, 0, "\x90hvc1", 5, 20000);
	r = run(ST_LIMIT);
	ck_assert_str_eq(r->error, "FLV codec configuration of 20000 bytes (limit 16384)");
	rec_free(r);
}
END_TEST

START_TEST(too_many_configurations)
{
	struct rec *r;

	file(5);
	for (int i = 0; i <= 16; i++) {
		const char conf[] = { '\x96', 0, 'h', 'v', 'c', '1', (char)i, 'x' };

		tag(VIDEO, 0, conf, sizeof(conf));
	}
	r = run(ST_LIMIT);
	ck_assert_str_eq(r->error, "more than 16 FLV codec configurations");
	rec_free(r);
}
END_TEST

/* Break the trailing size of the newest tag. */
static void spoil(void)
{
	in.p[in.len - 1] ^= 0x55;
}

START_TEST(wrong_trailing_sizes)
{
	struct rec *r;

	file(5);
	TAG(VIDEO, 0, AVC_CONF);
	spoil();
	key(0, 100);
	spoil();
	for (uint32_t i = 1; i <= 20; i++) {    /* an encoder that never gets them right */
		inter(i * 40, 100 + i);
		spoil();
	}
	inter(900, 50);
	r = run(ST_OK);
	/* all there, corrected, said once (and once that it looked for a tag) */
	ck_assert_int_eq(strncmp(tags(r->body.p, r->body.len),
				 "9:100@0 9:101@40 9:102@80 9:103@120 9:104@160", 40),
		0);
	ck_assert_uint_eq(r->body.len, 115 + 20 * 115 + 210 + 65);
	ck_assert_int_eq(r->nnotes, 2);
	rec_free(r);
}
END_TEST

START_TEST(resync)
{
	uint32_t seed = 9;
	struct rec *r;

	file(5);
	TAG(VIDEO, 0, AVC_CONF);
	key(0, 100);
	for (uint32_t i = 0; i < 3; i++) {
		inter(10 + i, 10);
		spoil();
	}
	for (int i = 0; i < 5000; i++)
		buf_u8(&in, (uint8_t)(rec_rand(&seed) | 1));
	inter(40, 200);
	key(80, 100);
	r = run(ST_OK);
	ck_assert_str_eq(
		tags(r->body.p, r->body.len), "9:100@0 9:10@10 9:10@11 9:10@12 9:200@40 9:100@80");
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_int_eq(r->nnotes, 2);
	rec_free(r);
}
END_TEST

/* An encoder that is cut off in a tag and starts again on the same connection. */
START_TEST(restart_within_a_tag)
{
	struct rec *r;
	size_t cut;

	file(5);
	TAG(VIDEO, 0, AVC_CONF);
	key(0, 100);
	cut = in.len + 40;
	inter(40, 400);
	in.len = cut;
	file(5);
	TAG(VIDEO, 0, AVC_CONF2);
	for (uint32_t i = 0; i < 40; i++)
		key(i * 40, 300);
	r = run(ST_OK);
	ck_assert_int_ge(r->nheads, 1);
	ck_assert_str_ne(tags(r->body.p, r->body.len), "");
	ck_assert_ptr_nonnull(strstr(listing, "9:300@1560"));
	rec_free(r);
}
END_TEST

START_TEST(resync_gives_up)
{
	uint32_t seed = 9;
	struct rec *r;

	file(5);
	key(0, 100);
	for (uint32_t i = 0; i < 3; i++) {
		inter(10 + i, 10);
		spoil();
	}
	for (int i = 0; i < (1 << 20) + 100; i++)
		buf_u8(&in, (uint8_t)(rec_rand(&seed) | 1));
	key(80, 100);
	r = run(ST_PROTO);
	ck_assert_str_eq(r->error, "no FLV tag in 1048576 bytes");
	ck_assert_int_eq(r->nheads, 1);
	rec_free(r);
}
END_TEST

/* Always 0, says the format; some write the stream id of RTMP. */
START_TEST(stream_id)
{
	struct rec *r;
	size_t at = 13;

	file(5);
	TAG(VIDEO, 0, AVC_CONF);
	key(0, 50000);
	inter(40, 100);
	key(80, 50000);
	while (at < in.len) {
		in.p[at + 10] = 1;
		at += 15 + ((size_t)in.p[at + 1] << 16 | (size_t)in.p[at + 2] << 8 | in.p[at + 3]);
	}
	r = run(ST_OK);
	ck_assert_str_eq(tags(r->body.p, r->body.len), "9:50000@0 9:100@40 9:50000@80");
	rec_free(r);
}
END_TEST

/* Jumps, negative and wrapping times go through as they are. */
START_TEST(odd_times)
{
	struct rec *r;

	file(5);
	TAG(VIDEO, 0, AVC_CONF);
	key(0xfffffff0, 100);
	inter(20, 100);
	inter(500000000, 100);
	inter(0, 100);
	sound(0xffffffff, 100);
	key(0x80000000, 100);
	r = run(ST_OK);
	ck_assert_str_eq(tags(r->body.p, r->body.len),
		"9:100@4294967280 9:100@20 9:100@500000000 9:100@0 8:100@4294967295 9:100@2147483648");
	rec_free(r);
}
END_TEST

/* 3.1.2: no key frame for 20 s. */
START_TEST(no_key_frames)
{
	struct rec *r;
	int starts = 0;

	file(5);
	TAG(VIDEO, 0, AVC_CONF);
	key(0, 100);
	for (uint32_t ts = 40; ts < 50000; ts += 40) {
		sound(ts - 5, 10);
		inter(ts, 100);
	}
	r = run(ST_OK);
	for (int i = 0; i < r->npkts; i++) {
		const uint8_t *p = rec_pkt_p(r, i);

		if (r->pkt[i].cont != 0)
			continue;
		starts++;
		ck_assert_uint_eq(p[0], VIDEO);
		ck_assert_uint_eq((unsigned)p[4] << 16 | (unsigned)p[5] << 8 | p[6],
			(unsigned)(starts - 1) * 20000);
	}
	ck_assert_int_eq(starts, 3);
	rec_free(r);
}
END_TEST

/* The end of input in the middle of a tag leaves whole tags only. */
START_TEST(cut_off)
{
	struct rec *r;

	file(5);
	TAG(VIDEO, 0, AVC_CONF);
	key(0, 100);
	inter(40, 20000);
	in.len -= 100;
	r = run(ST_OK);
	ck_assert_str_eq(tags(r->body.p, r->body.len), "9:100@0");
	rec_free(r);
}
END_TEST

/* --- real streams ------------------------------------------------------------------------------ */

static const struct {
	const char *file;
	int frames;
	uint8_t flags;
	const char *title;
	size_t conf;
} real[] = {
	{ "test/data/media/flv_avc_aac.flv", 206, 5, "T1", 3 },
	{ "test/data/media/flv_aac.flv", 0, 4, "", 2 },
	{ "test/data/media/flv_h263.flv", 0, 1, "", 1 },
	{ "test/data/media/yt_direct.flv", 0, 5, "", 3 },
};

START_TEST(real_streams)
{
	struct buf f;
	struct rec *r;
	size_t total = 0, in_head = 0;
	int starts = 0;

	rec_file(real[_i].file, &f);
	r = rec_all("FLV", f.p, f.len);
	ck_assert_int_eq(r->st, ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_uint_eq(head_flags(r, 0), real[_i].flags);
	ck_assert_str_eq(r->info.title, real[_i].title);
	(void)head_tags(r, 0);
	for (const char *c = listing; *c != '\0'; c++)
		in_head += *c == ':';
	ck_assert_uint_eq(in_head, real[_i].conf);
	ck_assert_str_ne(tags(r->body.p, r->body.len), "");
	for (int i = 0; i < r->npkts; i++) {
		const uint8_t *p = rec_pkt_p(r, i);

		starts += r->pkt[i].cont == 0;
		if (r->pkt[i].cont == 0 && p[0] == VIDEO)
			ck_assert_uint_eq(p[11] >> 4, 1);
		else if (r->pkt[i].cont == 0)
			ck_assert_uint_eq(real[_i].flags, 4);
		total += r->pkt[i].n;
	}
	ck_assert_int_ge(starts, 2);
	/* nothing is lost: head and data make up the file, but for a tag that is cut off at its
	 * end */
	ck_assert_uint_le(total + r->head[0].n, f.len + 16);
	ck_assert_uint_ge(total + r->head[0].n + 8192, f.len);
	rec_free(r);
	buf_fini(&f);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/flv");
	TCase *t = tcase_create("flv");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, one_head);
	tcase_add_test(t, long_tags_are_split);
	tcase_add_test(t, bundles);
	tcase_add_test(t, large_frames_do_not_wait);
	tcase_add_test(t, frame_joins_audio);
	tcase_add_test(t, config_change);
	tcase_add_test(t, second_file_header);
	tcase_add_test(t, heads_are_limited);
	tcase_add_loop_test(t, classified, 0, NELEM(classes));
	tcase_add_test(t, enhanced_head);
	tcase_add_test(t, audio_only);
	tcase_add_loop_test(t, head_flags_are_right, 0, NELEM(flags));
	tcase_add_test(t, late_metadata);
	tcase_add_test(t, empty_and_unknown_tags);
	tcase_add_test(t, head_without_frame);
	tcase_add_test(t, start_timeouts);
	tcase_add_loop_test(t, bitrates, 0, NELEM(rates));
	tcase_add_test(t, measured);
	tcase_add_test(t, long_metadata);
	tcase_add_test(t, rtmp_metadata);
	tcase_add_test(t, broken_metadata);
	tcase_add_test(t, garbage_behind_a_header);
	tcase_add_test(t, bad_file_headers);
	tcase_add_test(t, long_file_header);
	tcase_add_test(t, tag_too_large);
	tcase_add_test(t, huge_first_frame);
	tcase_add_test(t, head_too_large);
	tcase_add_test(t, too_many_configurations);
	tcase_add_test(t, wrong_trailing_sizes);
	tcase_add_test(t, resync);
	tcase_add_test(t, restart_within_a_tag);
	tcase_add_test(t, resync_gives_up);
	tcase_add_test(t, stream_id);
	tcase_add_test(t, odd_times);
	tcase_add_test(t, no_key_frames);
	tcase_add_test(t, cut_off);
	tcase_add_loop_test(t, real_streams, 0, NELEM(real));
	suite_add_tcase(s, t);
	return s;
}
