/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/fmp4.h"

#include <stdio.h>
#include <string.h>

#include "core/sys/bytes.h"
#include "core/sys/file.h"
#include "test/unit/unit.h"

/* Initialisation segments by ffmpeg (test/data/README.md). */
static const struct {
	const char *file, *mime;
	uint32_t timescale;             /* of the first track */
} files[] = {
	{ "avc_aac", "video/mp4; codecs=\"avc1.64000A,mp4a.40.2\"", 10240 },
	{ "hevc_aac", "video/mp4; codecs=\"hvc1.1.6.L30.90,mp4a.40.2\"", 10240 },
	{ "hevc10_mp3", "video/mp4; codecs=\"hev1.2.4.L30.90,mp4a.6B\"", 10240 },
	{ "av1_opus", "video/mp4; codecs=\"av01.0.00M.08,opus\"", 10240 },
	{ "vp9_flac", "video/mp4; codecs=\"vp09.00.10.08,flac\"", 10240 },
	{ "mpeg4_vorbis", "video/mp4; codecs=\"mp4v,mp4a.DD\"", 10240 },
	{ "ac3", "audio/mp4; codecs=\"ac-3\"", 48000 },
	{ "aac_ltp", "audio/mp4; codecs=\"mp4a.40.4\"", 48000 },
};

static struct buf file;

static void setup(void)
{
	buf_init(&file, 65536);
}

static void teardown(void)
{
	buf_fini(&file);
}

static void load(const char *name)
{
	char path[100];

	snprintf(path, sizeof(path), "test/data/fmp4/%s.mp4", name);
	ck_assert_int_eq(file_read(path, &file), ST_OK);
}

START_TEST(codecs)
{
	char mime[FMP4_MIME];
	struct fmp4_init init;
	size_t n;

	load(files[_i].file);
	ck_assert(fmp4_split(file.p, file.len, &n));
	ck_assert_uint_eq(n, file.len);
	ck_assert(fmp4_parse_init(file.p, file.len, &init));
	ck_assert_uint_eq(init.track[0].timescale, files[_i].timescale);
	fmp4_mime(&init, mime);
	ck_assert_str_eq(mime, files[_i].mime);
}
END_TEST

/* However it is cut, and whichever byte is another: an answer, and no more than that. */
START_TEST(broken)
{
	struct fmp4_init init;
	char mime[FMP4_MIME];
	size_t n;

	load(files[_i].file);
	for (size_t len = 0; len < file.len; len++) {
		ck_assert(!fmp4_split(file.p, len, &n) || len == 0 || len == file.p[3]);
		(void)!fmp4_parse_init(file.p, len, &init);
	}
	for (size_t at = 0; at < file.len; at++) {
		const uint8_t was = file.p[at];

		file.p[at] = (uint8_t)~was;
		if (fmp4_parse_init(file.p, file.len, &init))
			fmp4_mime(&init, mime);
		file.p[at] = was;
	}
}
END_TEST

#define BOX(type) "\0\0\0\x08" type

static const struct {
	const char *name, *bytes;
	size_t n;
	bool ok;
	size_t init;
} splits[] = {
	{ "nothing", "", 0, true, 0 },
	{ "beginning alone", BOX("ftyp") BOX("moov"), 16, true, 16 },
	{ "and a fragment", BOX("ftyp") BOX("moov") BOX("moof") BOX("mdat"), 32, true, 16 },
	{ "fragments", BOX("moof") BOX("mdat") BOX("moof") BOX("mdat"), 32, true, 0 },
	{ "with a segment's boxes", BOX("styp") BOX("sidx") BOX("prft") BOX("moof") BOX("mdat"), 40,
		true, 0 },
	{ "free space", BOX("free") BOX("moof") BOX("mdat"), 24, true, 8 },
	{ "data first", BOX("mdat"), 8, false, 0 },
	{ "a beginning behind", BOX("moof") BOX("mdat") BOX("moov"), 24, false, 0 },
	{ "a box nobody knows", BOX("uuid"), 8, false, 0 },
	{ "short", BOX("ftyp") "\0\0\0\x08" "moo", 15, false, 0 },
	{ "longer than it is", "\0\0\0\x09" "ftyp", 8, false, 0 },
	{ "to the end", "\0\0\0\0" "ftyp", 8, false, 0 },
	{ "64 bits", "\0\0\0\x01" "ftyp\0\0\0\0\0\0\0\x10", 16, false, 0 },
	{ "seven bytes", "\0\0\0\x07" "ftyp", 8, false, 0 },
};

START_TEST(split)
{
	size_t init;

	ck_assert_msg(fmp4_split((const uint8_t *)splits[_i].bytes, splits[_i].n, &init) == splits[_i].ok,
		"%s", splits[_i].name);
	if (splits[_i].ok)
		ck_assert_msg(init == splits[_i].init, "%s: %zu", splits[_i].name, init);
}
END_TEST

START_TEST(reference_time)
{
	const struct fmp4_init init = {
		.n = 2, .track = { { .id = 1, .timescale = 90000 }, { .id = 2, .timescale = 44100 } },
	};
	/* 2026-11-20 09:35:27.5, 3.5 s into the stream */
	static const uint8_t want[FMP4_PRFT] = {
		0, 0, 0, 32, 'p', 'r', 'f', 't', 1, 0, 0, 0, 0, 0, 0, 2,
		0xee, 0xaa, 0x92, 0xdf, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x5a, 0xee,
	};
	uint8_t got[FMP4_PRFT];
	struct rd r;

	fmp4_prft(&init, 2, 3500000, (int64_t)1795167327500 * 1000000, got);
	ck_assert_mem_eq(got, want, sizeof(want));
	/* a track that is not there: the first */
	fmp4_prft(&init, 7, 1000000, -5, got);
	r = rd_of(got, sizeof(got));
	(void)rd_take(&r, 12);
	ck_assert_uint_eq(rd_be32(&r), 1);
	ck_assert_uint_eq(rd_be32(&r), 2208988800u);
	(void)rd_be32(&r);
	ck_assert_uint_eq(rd_be64(&r), 90000);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("fmp4");
	TCase *t = tcase_create("fmp4");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, codecs, 0, NELEM(files));
	tcase_add_loop_test(t, broken, 0, NELEM(files));
	tcase_add_loop_test(t, split, 0, NELEM(splits));
	tcase_add_test(t, reference_time);
	suite_add_tcase(s, t);
	return s;
}
