/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/sniff.h"

#include <string.h>

#include "test/unit/core/media/rec.h"

#define SAMPLE 2048

struct sample {
	uint8_t p[SAMPLE];
	size_t n;
};

typedef void make(struct sample *s);

static void put(struct sample *s, const void *p, size_t n)
{
	ck_assert_uint_le(s->n + n, SAMPLE);
	memcpy(s->p + s->n, p, n);
	s->n += n;
}
#define PUT(s, text) put(s, text, sizeof(text) - 1)

static void fill(struct sample *s, uint8_t c, size_t n)
{
	memset(s->p + s->n, c, n);
	s->n += n;
}

static void flv(struct sample *s) { PUT(s, "FLV\x01\x05\0\0\0\x09\0\0\0\0"); }
static void flv2(struct sample *s) { PUT(s, "FLV\x02\x05\0\0\0\x09\0\0\0\0"); fill(s, 1, 500); }
static void webm(struct sample *s)
{
	PUT(s, "\x1a\x45\xdf\xa3\x8b\x42\x86\x81\x01\x42\x82\x84webm");
}
static void webm0(struct sample *s) { PUT(s, "\x1a\x45\xdf\xa3\x89\x42\x82\x86webm\0\0"); }
static void webmx(struct sample *s) { PUT(s, "\x1a\x45\xdf\xa3\x88\x42\x82\x85webmx"); }
static void mkv(struct sample *s) { PUT(s, "\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska"); }
static void mkv_empty(struct sample *s) { PUT(s, "\x1a\x45\xdf\xa3\x80"); }
static void mkv_huge(struct sample *s)
{
	PUT(s, "\x1a\x45\xdf\xa3\x08\x7f\xff\xff\xff");
	fill(s, 0, 500);
}
static void mkv_open(struct sample *s) { PUT(s, "\x1a\x45\xdf\xa3\xff"); fill(s, 0, 500); }
static void mkv_bad(struct sample *s) { PUT(s, "\x1a\x45\xdf\xa3\0\0\0\0"); fill(s, 0, 500); }
static void mp4(struct sample *s) { PUT(s, "\0\0\0\x18" "ftypiso5"); }
static void mp4s(struct sample *s) { PUT(s, "\0\0\0\x18" "stypmsdh"); }
static void mp4m(struct sample *s) { PUT(s, "\0\0\1\x18" "moof\0\0\0\0"); }
static void mov(struct sample *s) { PUT(s, "\0\0\1\x18" "wide\0\0\0\0"); fill(s, 0, 500); }

static void ogg_page(struct sample *s, uint8_t flags, const char *body, size_t n)
{
	uint8_t h[28] = { 'O', 'g', 'g', 'S', 0, flags };

	h[26] = 1;
	h[27] = (uint8_t)n;
	put(s, h, sizeof(h));
	put(s, body, n);
}
static void vorbis(struct sample *s)
{
	ogg_page(s, 2, "\x01vorbis-----", 12);
	ogg_page(s, 0, "\x03vorbis", 7);
}
static void opus(struct sample *s)
{
	ogg_page(s, 2, "OpusHead-----", 13);
	ogg_page(s, 0, "OpusTags", 8);
}
static void theora(struct sample *s) { ogg_page(s, 2, "\x80theora----", 11); }
static void theora2(struct sample *s)
{
	ogg_page(s, 2, "\x01vorbis--", 9);
	ogg_page(s, 2, "\x80theora", 7);
}
static void oggless(struct sample *s) { PUT(s, "OggS\x01"); fill(s, 0, 500); }

static void packets(struct sample *s, size_t at, size_t size)
{
	fill(s, 0x11, 4 * size);
	for (size_t i = 0; i < 4; i++)
		s->p[at + i * size] = 0x47;
}
static void ts(struct sample *s) { packets(s, 0, 188); }
static void m2ts(struct sample *s) { packets(s, 4, 192); }
static void ts_not(struct sample *s) { packets(s, 0, 188); s->p[376] = 0x46; }

#define GUID "\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"
static void asf(struct sample *s) { PUT(s, GUID "\0\0\0\0"); }
static void mmsh(struct sample *s) { PUT(s, "$H\x40\x02\0\0\0\0\0\x0c\x40\x02" GUID); }
static void wmsp(struct sample *s) { PUT(s, "$H\x40\x02" GUID); }
static void mmsh_not(struct sample *s) { PUT(s, "$Hello, world! How are you today?"); }
static void id3(struct sample *s) { PUT(s, "ID3\x04\0\0\0\0\0\0" "odd"); }
static void nsvf(struct sample *s) { PUT(s, "NSVf----"); }
static void nsvs(struct sample *s) { PUT(s, "NSVs----"); }

/* MPEG-1 layer III, 128 kbps, 44100: 417 bytes */
static void mp3(struct sample *s)
{
	for (int i = 0; i < 2; i++) {
		PUT(s, "\xff\xfb\x90\x00");
		fill(s, 0, 413);
	}
}
static void mp3_once(struct sample *s) { mp3(s); s->p[417] = 0; fill(s, 0, 500); }
/* MPEG-2 layer III, 64 kbps, 22050, padded: 209 bytes */
static void mp3v2(struct sample *s)
{
	for (int i = 0; i < 2; i++) {
		PUT(s, "\xff\xf3\x82\x00");
		fill(s, 0, 205);
	}
}
static void adts(struct sample *s)
{
	for (int i = 0; i < 2; i++) {
		PUT(s, "\xff\xf1\x50\x80\x0c\x9f\xfc");         /* frame of 100 bytes */
		fill(s, 0, 93);
	}
}
static void adts_once(struct sample *s) { adts(s); s->p[100] = 0; fill(s, 0, 500); }
static void id3_aac(struct sample *s) { PUT(s, "ID3\x04\0\0\0\0\0\x04" "abcd"); adts(s); }
static void id3_mp3(struct sample *s) { PUT(s, "ID3\x04\0\0\0\0\0\x04" "abcd"); mp3(s); }
static void id3_large(struct sample *s) { PUT(s, "ID3\x04\0\0\0\x7f\0\0"); }
static void riff(struct sample *s) { PUT(s, "RIFF\x24\0\0\0WAVEfmt "); fill(s, 0, 500); }
static void flac(struct sample *s) { PUT(s, "fLaC\0\0\0\x22"); fill(s, 0, 500); }
static void html(struct sample *s) { PUT(s, "<!DOCTYPE html><html><head>"); fill(s, ' ', 500); }
static void zeros(struct sample *s) { fill(s, 0, 600); }
static void ones(struct sample *s) { fill(s, 0xff, 600); }

/* declared: NULL and what each declared type makes of it; an empty type = refused. */
static const struct {
	const char *name;
	make *make;
	enum sniff sniff;
	const char *type;
	const char *as_flv, *as_mkv, *as_mp3;
} row[] = {
	{ "flv", flv, SNIFF_SURE, "FLV", "FLV", "FLV", "FLV" },
	{ "flv version 2", flv2, SNIFF_NONE, "UNKNOWN", "", "", "MP3" },
	{ "webm", webm, SNIFF_SURE, "WEBM", "WEBM", "WEBM", "WEBM" },
	{ "webm, padded", webm0, SNIFF_SURE, "WEBM", "WEBM", "WEBM", "WEBM" },
	{ "webmx", webmx, SNIFF_SURE, "MKV", "MKV", "MKV", "MKV" },
	{ "mkv", mkv, SNIFF_SURE, "MKV", "MKV", "MKV", "MKV" },
	{ "mkv without doctype", mkv_empty, SNIFF_SURE, "MKV", "MKV", "MKV", "MKV" },
	{ "huge EBML header", mkv_huge, SNIFF_NONE, "UNKNOWN", "", "", "MP3" },
	{ "EBML header of unknown size", mkv_open, SNIFF_NONE, "UNKNOWN", "", "", "MP3" },
	{ "EBML size of 9 bytes", mkv_bad, SNIFF_NONE, "UNKNOWN", "", "", "MP3" },
	{ "mp4", mp4, SNIFF_SURE, "MP4", "MP4", "MP4", "MP4" },
	{ "mp4 segment", mp4s, SNIFF_SURE, "MP4", "MP4", "MP4", "MP4" },
	{ "mp4 fragment", mp4m, SNIFF_SURE, "MP4", "MP4", "MP4", "MP4" },
	{ "mov", mov, SNIFF_NONE, "UNKNOWN", "", "", "MP3" },
	{ "ogg vorbis", vorbis, SNIFF_SURE, "OGG", "OGG", "OGG", "OGG" },
	{ "ogg opus", opus, SNIFF_SURE, "OGG", "OGG", "OGG", "OGG" },
	{ "ogg theora", theora, SNIFF_SURE, "OGM", "OGM", "OGM", "OGM" },
	{ "ogg theora second", theora2, SNIFF_SURE, "OGM", "OGM", "OGM", "OGM" },
	{ "ogg of a new version", oggless, SNIFF_NONE, "UNKNOWN", "", "", "MP3" },
	{ "ts", ts, SNIFF_SURE, "TS", "TS", "TS", "TS" },
	{ "two syncs", ts_not, SNIFF_NONE, "UNKNOWN", "", "", "MP3" },
	{ "m2ts", m2ts, SNIFF_REFUSE, "", "", "", "" },
	{ "asf", asf, SNIFF_SURE, "WMV", "WMV", "WMV", "WMV" },
	{ "mmsh", mmsh, SNIFF_SURE, "WMV", "WMV", "WMV", "WMV" },
	{ "wmsp", wmsp, SNIFF_SURE, "WMV", "WMV", "WMV", "WMV" },
	{ "$H by chance", mmsh_not, SNIFF_NONE, "UNKNOWN", "", "", "MP3" },
	{ "id3", id3, SNIFF_WEAK, "MP3", "", "", "MP3" },
	{ "id3, aac", id3_aac, SNIFF_WEAK, "AAC", "", "", "MP3" },
	{ "id3, mp3", id3_mp3, SNIFF_WEAK, "MP3", "", "", "MP3" },
	{ "id3 with a cover", id3_large, SNIFF_WEAK, "MP3", "", "", "MP3" },
	{ "mp3", mp3, SNIFF_WEAK, "MP3", "", "", "MP3" },
	{ "mp3, MPEG-2", mp3v2, SNIFF_WEAK, "MP3", "", "", "MP3" },
	{ "one sync", mp3_once, SNIFF_NONE, "UNKNOWN", "", "", "MP3" },
	{ "aac", adts, SNIFF_WEAK, "AAC", "", "", "AAC" },
	{ "one adts sync", adts_once, SNIFF_NONE, "UNKNOWN", "", "", "MP3" },
	{ "nsv", nsvf, SNIFF_WEAK, "NSV", "", "", "MP3" },
	{ "nsv sync", nsvs, SNIFF_WEAK, "NSV", "", "", "MP3" },
	{ "wav", riff, SNIFF_NONE, "UNKNOWN", "", "", "MP3" },
	{ "flac", flac, SNIFF_NONE, "UNKNOWN", "", "", "MP3" },
	{ "html", html, SNIFF_NONE, "UNKNOWN", "", "", "MP3" },
	{ "zeros", zeros, SNIFF_NONE, "UNKNOWN", "", "", "MP3" },
	{ "ones", ones, SNIFF_NONE, "UNKNOWN", "", "", "MP3" },
};

/* The shortest prefix that gives an answer gives the final one. */
START_TEST(prefixes)
{
	struct sample s = { .n = 0 };
	enum sniff was = SNIFF_MORE;
	const char *type = NULL, *decided = NULL;

	row[_i].make(&s);
	for (size_t n = 0; n <= s.n; n++) {
		uint8_t *exact = malloc(n + (n == 0));
		enum sniff is;

		memcpy(exact, s.p, n);
		is = sniff_type(exact, n, false, &type);
		free(exact);
		if (was != SNIFF_MORE)
			ck_assert_msg(is == was && (type == decided || strcmp(type, decided) == 0),
			              "%s: changes its mind at %zu", row[_i].name, n);
		was = is;
		decided = type;
	}
	ck_assert_msg(was == row[_i].sniff, "%s: %d", row[_i].name, was);
	if (was == SNIFF_SURE || was == SNIFF_WEAK)
		ck_assert_str_eq(decided, row[_i].type);
	for (size_t n = 0; n <= s.n; n++)
		ck_assert_msg(sniff_type(s.p, n, true, &type) != SNIFF_MORE,
			"%s: no answer at the end", row[_i].name);
}
END_TEST

/* Which type a media takes for it: not from the head, which an unfinished sample may not have. */
static void takes(const char *name, const char *declared, const struct sample *s, const char *want)
{
	for (size_t step = 1; step <= s->n; step += step < 8 ? 1 : 97) {
		struct rec *r = rec_new();
		struct media *m = media_new(declared, &rec_ops, r);
		enum status st = ST_OK;

		for (size_t at = 0; at < s->n && st == ST_OK; at += step)
			st = media_feed(m, s->p + at, MIN(step, s->n - at), 1);
		if (*want == '\0') {
			ck_assert_msg(st == ST_PROTO && media_error(m)[0] != '\0' && r->nheads == 0,
			              "%s as %s: %d %s", name, declared, st, media_error(m));
		} else {
			ck_assert_msg(strcmp(media_info_of(m)->type, want) == 0, "%s as %s: %s",
				name, declared == NULL ? "nothing" : declared,
				media_info_of(m)->type);
			if (declared != NULL && strcmp(want, "UNKNOWN") != 0 &&
				strcmp(declared, "ASF") != 0 && ascii_casecmp(declared, want) != 0)
				ck_assert_int_ge(r->nnotes, 1);
		}
		if (r->nheads > 0)
			ck_assert_str_eq(r->first_type, want);
		media_free(&m);
		rec_free(r);
	}
}

START_TEST(declared)
{
	struct sample s = { .n = 0 };

	row[_i].make(&s);
	if (s.n < 600)          /* enough for an answer: what follows is noise */
		fill(&s, 0x55, row[_i].sniff == SNIFF_NONE ? 0 : 600 - s.n);
	/* a matching header may be refused later for what follows: that is another test's
	 * subject */
	if (strcmp(row[_i].type, "FLV") != 0 && strcmp(row[_i].type, "MKV") != 0 &&
		strcmp(row[_i].type, "WEBM") != 0) {
		takes(row[_i].name, NULL, &s, row[_i].type);
		takes(row[_i].name, "FLV", &s, row[_i].as_flv);
		takes(row[_i].name, "MKV", &s, row[_i].as_mkv);
		takes(row[_i].name, "MP3", &s, row[_i].as_mp3);
	}
	takes(row[_i].name, "RAW", &s, "RAW");
}
END_TEST

START_TEST(names)
{
	struct sample s = { .n = 0 };

	asf(&s);
	takes("asf", "WMA", &s, "WMA");
	takes("asf", "ASF", &s, "WMV");
	s.n = 0;
	html(&s);
	takes("html", "unknown", &s, "UNKNOWN");
	takes("html", "", &s, "UNKNOWN");
	takes("html", "raw", &s, "RAW");
	takes("html", "nsv", &s, "NSV");
	takes("html", "webm", &s, "");
}
END_TEST

START_TEST(sentences)
{
	struct sample s = { .n = 0 };
	struct rec *r;

	html(&s);
	r = rec_all("flv", s.p, s.n);
	ck_assert_int_eq(r->st, ST_PROTO);
	ck_assert_str_eq(r->error, "declared FLV, but the stream begins with 3C21444F");
	rec_free(r);
	s.n = 0;
	m2ts(&s);
	r = rec_all(NULL, s.p, s.n);
	ck_assert_str_eq(r->error, "M2TS (192-byte packets) is not supported");
	rec_free(r);
}
END_TEST

/* A real file under the wrong name is corrected before its head. */
START_TEST(corrected)
{
	static const struct { const char *file, *declared, *type;
	} f[] = {
		{ "test/data/media/vp8opus.webm", "FLV", "WEBM" },
		{ "test/data/media/vp8opus.webm", "MKV", "WEBM" },
		{ "test/data/media/h264.mkv", "WEBM", "MKV" },
		{ "test/data/media/h264.mkv", NULL, "MKV" },
		{ "test/data/media/flv_avc_aac.flv", "MKV", "FLV" },
		{ "test/data/media/flv_avc_aac.flv", NULL, "FLV" },
		{ "test/data/media/flv_avc_aac.flv", "MP3", "FLV" },
	};

	for (size_t i = 0; i < NELEM(f); i++) {
		struct buf b;
		struct rec *r;

		rec_file(f[i].file, &b);
		r = rec_run(f[i].declared, b.p, b.len, 1000, 0, true);
		ck_assert_msg(r->st == ST_OK, "%s: %s", f[i].file, r->error);
		ck_assert_str_eq(r->first_type, f[i].type);
		ck_assert_int_eq(r->nnotes, f[i].declared != NULL);
		ck_assert_int_eq(r->nheads, 1);
		rec_free(r);
		buf_fini(&b);
	}
}
END_TEST

/* A few bytes of a text that could still become something: RAW after 10 s, or at the end. */
START_TEST(undecided)
{
	struct rec *r = rec_new();
	struct media *m = media_new(NULL, &rec_ops, r);

	ck_assert_int_eq(media_feed(m, "FL", 2, 1), ST_OK);
	ck_assert_int_eq(media_deadline(m), 1 + MEDIA_START_MS * NSEC_PER_MSEC);
	ck_assert_int_eq(media_tick(m, MEDIA_START_MS * NSEC_PER_MSEC), ST_OK);
	ck_assert_int_eq(r->nheads, 0);
	ck_assert_int_eq(media_tick(m, 1 + MEDIA_START_MS * NSEC_PER_MSEC), ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_str_eq(r->type, "UNKNOWN");
	ck_assert_int_eq(media_tick(m, media_deadline(m)), ST_OK);
	ck_assert_uint_eq(r->body.len, 2);
	media_free(&m);
	rec_free(r);

	r = rec_all("", "FL", 2);
	ck_assert_int_eq(r->st, ST_OK);
	ck_assert_uint_eq(r->body.len, 2);
	rec_free(r);

	r = rec_new();
	m = media_new("FLV", &rec_ops, r);
	ck_assert_int_eq(media_feed(m, "FL", 2, 1), ST_OK);
	ck_assert_int_eq(media_tick(m, 1 + MEDIA_START_MS * NSEC_PER_MSEC), ST_PROTO);
	ck_assert_int_eq(r->nheads, 0);
	media_free(&m);
	rec_free(r);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/sniff");
	TCase *t = tcase_create("sniff");

	tcase_add_loop_test(t, prefixes, 0, NELEM(row));
	tcase_add_loop_test(t, declared, 0, NELEM(row));
	tcase_add_test(t, names);
	tcase_add_test(t, sentences);
	tcase_add_test(t, corrected);
	tcase_add_test(t, undecided);
	suite_add_tcase(s, t);
	return s;
}
