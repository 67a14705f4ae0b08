/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/mpa.h"

#include <string.h>

#include "core/media/tags.h"
#include "test/unit/core/media/rec.h"

/* --- frame headers ------------------------------------------------------------------------------ */

static const struct {
	const char *name, *p;
	size_t n;
	uint32_t hz, samples, kbps;
} mpeg[] = {
	{ "layer III, 128, 44100", "\xff\xfb\x90\x00", 417, 44100, 1152, 128 },
	{ "padded", "\xff\xfb\x92\x00", 418, 44100, 1152, 128 },
	{ "320, 48000", "\xff\xfb\xe4\x00", 960, 48000, 1152, 320 },
	{ "32, 32000", "\xff\xfb\x18\x00", 144, 32000, 1152, 32 },
	{ "MPEG-2, 64, 22050", "\xff\xf3\x80\x00", 208, 22050, 576, 64 },
	{ "MPEG-2.5, 8, 8000", "\xff\xe3\x18\x00", 72, 8000, 576, 8 },
	{ "layer II, 384, 48000", "\xff\xfd\xe4\x00", 1152, 48000, 1152, 384 },
	{ "layer II of MPEG-2, 160, 24000", "\xff\xf5\xe4\x00", 960, 24000, 1152, 160 },
	{ "layer I, 448, 32000", "\xff\xff\xe8\x00", 672, 32000, 384, 448 },
	{ "layer I of MPEG-2, 256, 16000", "\xff\xf7\xe8\x00", 768, 16000, 384, 256 },
	{ "layer I, padded by four", "\xff\xff\x12\x00", 36, 44100, 384, 32 },
	{ "free format", "\xff\xfb\x00\x00", 0, 0, 0, 0 },
	{ "rate 15", "\xff\xfb\xf0\x00", 0, 0, 0, 0 },
	{ "frequency 3", "\xff\xfb\x9c\x00", 0, 0, 0, 0 },
	{ "layer 0", "\xff\xf9\x90\x00", 0, 0, 0, 0 },
	{ "version 1", "\xff\xeb\x90\x00", 0, 0, 0, 0 },
	{ "no sync", "\xfe\xfb\x90\x00", 0, 0, 0, 0 },
};

START_TEST(mpeg_headers)
{
	struct mpa_frame f;
	const bool good = mpeg_frame((const uint8_t *)mpeg[_i].p, &f);

	ck_assert_msg(good == (mpeg[_i].n > 0), "%s", mpeg[_i].name);
	if (!good)
		return;
	ck_assert_msg(f.n == mpeg[_i].n && f.hz == mpeg[_i].hz && f.samples == mpeg[_i].samples &&
		f.kbps == mpeg[_i].kbps, "%s: %zu bytes %u Hz %u samples %u kbps", mpeg[_i].name, f.n,
		f.hz, f.samples, f.kbps);
}
END_TEST

static const struct {
	const char *name, *p;
	size_t n;
	uint32_t hz, samples;
} adts[] = {
	{ "44100", "\xff\xf1\x50\x80\x0c\x9f\xfc", 100, 44100, 1024 },
	{ "MPEG-2, with checksum", "\xff\xf8\x4c\x80\x0c\x9f\xfc", 100, 48000, 1024 },
	{ "7350, three blocks", "\xff\xf1\x70\x80\x0c\x9f\xfe", 100, 7350, 3072 },
	{ "largest", "\xff\xf1\x50\x83\xff\xff\xfc", 8191, 44100, 1024 },
	{ "only a header", "\xff\xf1\x50\x80\x00\xff\xfc", 7, 44100, 1024 },
	{ "less", "\xff\xf1\x50\x80\x00\xdf\xfc", 0, 0, 0 },
	{ "no room for the checksum", "\xff\xf0\x50\x80\x01\x1f\xfc", 0, 0, 0 },
	{ "frequency 13", "\xff\xf1\x74\x80\x0c\x9f\xfc", 0, 0, 0 },
	{ "layer 1", "\xff\xf3\x50\x80\x0c\x9f\xfc", 0, 0, 0 },
};

START_TEST(adts_headers)
{
	struct mpa_frame f;
	const bool good = adts_frame((const uint8_t *)adts[_i].p, &f);

	ck_assert_msg(good == (adts[_i].n > 0), "%s", adts[_i].name);
	if (good)
		ck_assert_msg(f.n == adts[_i].n && f.hz == adts[_i].hz && f.samples == adts[_i].samples,
			"%s: %zu bytes %u Hz %u samples", adts[_i].name, f.n, f.hz, f.samples);
}
END_TEST

/* --- streams ------------------------------------------------------------------------------------ */

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

/* One frame of MPEG-1 layer III, 44100 Hz, 26 ms: bitrate index and padding as given. */
static void mp3(unsigned index, unsigned pad)
{
	const uint8_t h[] = { 0xff, 0xfb, (uint8_t)(index << 4 | pad << 1), 0x44 };
	struct mpa_frame f;

	ck_assert(mpeg_frame(h, &f));
	buf_put(&in, h, sizeof(h));
	for (size_t i = sizeof(h); i < f.n; i++)
		buf_u8(&in, (uint8_t)(i % 200));
}

static void mp3s(int n)
{
	for (int i = 0; i < n; i++)
		mp3(9, 0);
}

/* One frame of AAC, 44100 Hz, 23 ms, of n bytes. */
static void aac(size_t n)
{
	const uint8_t h[] = {
		0xff, 0xf1, 0x50, (uint8_t)(0x80 | n >> 11), (uint8_t)(n >> 3), (uint8_t)(n << 5 | 0x1f),
		0xfc,
	};

	buf_put(&in, h, sizeof(h));
	for (size_t i = sizeof(h); i < n; i++)
		buf_u8(&in, (uint8_t)(i % 200));
}

static void id3(const char *title, size_t padding)
{
	const size_t n = 10 + 1 + strlen(title) + padding;
	const uint8_t head[ID3_HEAD] = {
		'I', 'D', '3', 3, 0, 0, (uint8_t)(n >> 21), (uint8_t)(n >> 14 & 127), (uint8_t)(n >> 7 & 127),
		(uint8_t)(n & 127),
	};

	buf_put(&in, head, sizeof(head));
	buf_put(&in, "TIT2\0\0\0", 7);
	buf_u8(&in, (uint8_t)(1 + strlen(title)));
	buf_put(&in, "\0\0\3", 3);
	buf_puts(&in, title);
	for (size_t i = 0; i < padding; i++)
		buf_u8(&in, i % 3 == 0 ? 0 : 0xff);
}

static struct rec *run(const char *type, enum status want)
{
	struct rec *r = rec_all(type, in.p, in.len);

	ck_assert_msg(r->st == want, "status %d: %s", r->st, r->error);
	return r;
}

/* Every packet begins with a frame, and all are places to start. */
static void check_packets(const struct rec *r, bool (*frame)(const uint8_t *, struct mpa_frame *))
{
	for (int i = 0; i < r->npkts; i++) {
		size_t at = 0;

		ck_assert_uint_eq(r->pkt[i].cont, 0);
		while (at < r->pkt[i].n) {
			struct mpa_frame f;

			ck_assert(frame(rec_pkt_p(r, i) + at, &f));
			at += f.n;
		}
		ck_assert_uint_eq(at, r->pkt[i].n);
	}
}

/* Four frames of 26 ms fill 100 ms and go out with the fourth. */
START_TEST(packets)
{
	struct rec *r;

	mp3s(41);
	r = run("MP3", ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_uint_eq(r->head[0].n, 0);
	ck_assert_int_eq(r->npkts, 11);
	ck_assert_uint_eq(r->pkt[0].n, 4 * 417);
	ck_assert_uint_eq(r->pkt[10].n, 417);
	check_packets(r, mpeg_frame);
	ck_assert_uint_eq(r->body.len, in.len);
	ck_assert_mem_eq(r->body.p, in.p, in.len);
	ck_assert_uint_eq(r->info.bitrate_kbps, 128);
	ck_assert(r->info.declared);
	ck_assert_int_eq(r->ninfos, 1);
	rec_free(r);
}
END_TEST

START_TEST(adts_packets)
{
	struct rec *r;

	for (size_t i = 0; i < 20; i++)
		aac(100 + 7 * i);
	aac(8191);
	aac(8191);
	r = run("AAC", ST_OK);
	check_packets(r, adts_frame);
	ck_assert_mem_eq(r->body.p, in.p, in.len);
	ck_assert_int_eq(r->npkts, 6);
	ck_assert_uint_eq(r->info.bitrate_kbps, 0);
	rec_free(r);
}
END_TEST

/* Once in step a frame waits for no other; what waits goes out by the clock. */
START_TEST(no_frame_waits)
{
	struct rec *r = rec_new();
	struct media *m = media_new("MP3", &rec_ops, r);

	mp3s(2);
	ck_assert_int_eq(media_feed(m, in.p, in.len - 413, 1), ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_int_eq(media_feed(m, in.p + in.len - 413, 413, 1), ST_OK);
	ck_assert_int_eq(r->npkts, 0);
	ck_assert_int_eq(media_tick(m, 1 + 100 * NSEC_PER_MSEC), ST_OK);
	ck_assert_int_eq(r->npkts, 1);
	ck_assert_uint_eq(r->pkt[0].n, 2 * 417);
	media_free(&m);
	rec_free(r);
}
END_TEST

/* --- tags --------------------------------------------------------------------------------------- */

START_TEST(titles)
{
	struct rec *r;
	size_t first;

	id3("One", 20);
	first = in.len;
	mp3s(8);
	buf_puts(&in, "TAG");                   /* 128 bytes */
	for (int i = 0; i < 125; i++)
		buf_u8(&in, 0xff);
	id3("Two", 300000);                     /* a cover larger than what is looked at */
	mp3s(8);
	r = run(NULL, ST_OK);
	ck_assert_str_eq(r->first_type, "MP3");
	ck_assert_int_eq(r->nheads, 1);
	check_packets(r, mpeg_frame);
	ck_assert_uint_eq(r->body.len, 16 * 417);
	ck_assert_mem_eq(r->body.p, in.p + first, 8 * 417);
	ck_assert_str_eq(r->info.title, "Two");
	ck_assert_int_eq(r->ninfos, 2);
	ck_assert_int_eq(r->nnotes, 0);
	rec_free(r);
}
END_TEST

/* A title in front of AAC that is declared, and what only looks like a tag. */
START_TEST(tag_before_aac)
{
	struct rec *r;

	id3("One", 0);
	for (int i = 0; i < 8; i++)
		aac(100);
	r = run("AAC", ST_OK);
	ck_assert_str_eq(r->first_type, "AAC");
	ck_assert_str_eq(r->info.title, "One");
	ck_assert_uint_eq(r->body.len, 800);
	rec_free(r);

	buf_reset(&in);
	buf_put(&in, "ID3\3\0\0\x7f\x7f\x7f\x7f", 10);  /* of 256 MiB */
	mp3s(8);
	r = run("MP3", ST_OK);
	ck_assert_uint_eq(r->body.len, 8 * 417);
	rec_free(r);
}
END_TEST

/* The frame that tells a player of files how long it will be is not for a live stream. */
START_TEST(file_header)
{
	static const struct {
		size_t at;
		const char *what;
		bool gone;
	} row[] = {
		{ 36, "Xing", true }, { 36, "Info", true }, { 36, "VBRI", true }, { 36, "LAME", false },
		{ 21, "Xing", false },
	};

	for (size_t i = 0; i < NELEM(row); i++) {
		struct rec *r;

		buf_reset(&in);
		mp3(5, 0);
		memcpy(in.p + row[i].at, row[i].what, 4);
		mp3s(4);
		memcpy(in.p + in.len - 417 + 36, "Xing", 4);    /* any later one is sound */
		r = run("MP3", ST_OK);
		ck_assert_msg(r->body.len == 4 * 417u + (row[i].gone ? 0 : 208), "%s: %zu", row[i].what,
			r->body.len);
		ck_assert_uint_eq(r->info.bitrate_kbps, row[i].gone ? 128 : 64);
		rec_free(r);
	}
}
END_TEST

/* --- bitrate ------------------------------------------------------------------------------------ */

START_TEST(variable_rate)
{
	struct rec *r;

	for (int i = 0; i < 400; i++)
		mp3(i % 2 == 0 ? 5 : 9, 0);     /* 64 and 128 */
	r = run("MP3", ST_OK);
	ck_assert(!r->info.declared);
	ck_assert_uint_ge(r->info.bitrate_kbps, 94);
	ck_assert_uint_le(r->info.bitrate_kbps, 97);
	rec_free(r);
}
END_TEST

/* --- bad input ---------------------------------------------------------------------------------- */

static void junk(size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_u8(&in, (uint8_t)(i % 7 == 0 ? 0xff : i % 251));
}

START_TEST(resync)
{
	struct rec *r;

	junk(5000);                             /* joined in the middle */
	mp3s(5);
	junk(3000);
	buf_put(&in, "\xff\xfb\x90\x00", 4);    /* a frame without another behind it */
	junk(500);
	mp3s(6);
	in.len -= 200;                          /* a frame cut short */
	mp3s(6);
	r = run("MP3", ST_OK);
	ck_assert_int_eq(r->nnotes, 1);
	check_packets(r, mpeg_frame);
	ck_assert_uint_ge(r->body.len, 15 * 417);
	rec_free(r);
}
END_TEST

/* Another kind of stream in the same connection. */
START_TEST(other_frequency)
{
	struct rec *r;

	mp3s(5);
	for (int i = 0; i < 5; i++) {
		buf_put(&in, "\xff\xfb\x94\x44", 4);    /* 48000 Hz: 384 bytes */
		for (int k = 4; k < 384; k++)
			buf_u8(&in, 1);
	}
	r = run("MP3", ST_OK);
	ck_assert_uint_eq(r->body.len, in.len);
	ck_assert_int_eq(r->nnotes, 0);
	check_packets(r, mpeg_frame);
	rec_free(r);
}
END_TEST

START_TEST(too_much_garbage)
{
	struct rec *r;

	junk((256u << 10) + 9000);
	r = run("AAC", ST_PROTO);
	ck_assert_str_eq(r->error, "no AAC frame in 262144 bytes");
	ck_assert_int_eq(r->nheads, 0);
	rec_free(r);

	buf_reset(&in);
	mp3s(5);
	junk((256u << 10) + 9000);
	r = run("MP3", ST_PROTO);
	ck_assert_str_eq(r->error, "no MP3 frame in 262144 bytes");
	ck_assert_uint_ge(r->body.len, 5 * 417);
	rec_free(r);
}
END_TEST

START_TEST(told_apart)
{
	struct rec *r;

	for (int i = 0; i < 8; i++)
		aac(100);
	r = run("MP3", ST_OK);
	ck_assert_str_eq(r->first_type, "AAC");
	ck_assert_int_eq(r->nnotes, 1);
	rec_free(r);

	buf_reset(&in);
	mp3s(8);
	r = run("AAC", ST_OK);
	ck_assert_str_eq(r->first_type, "MP3");
	rec_free(r);
}
END_TEST

/* --- real streams ------------------------------------------------------------------------------- */

static const struct {
	const char *file, *type, *title;
	uint32_t kbps;
	size_t min;
} real[] = {
	{ "cbr.mp3", "MP3", "T1", 32, 7900 },
	{ "vbr.mp3", "MP3", "", 0, 3000 },
	{ "layer2.mp2", "MP3", "", 32, 4000 },
	{ "adts.aac", "AAC", "", 0, 8000 },
};

START_TEST(real_streams)
{
	char path[64];
	struct buf f;
	struct rec *r;

	(void)snprintf(path, sizeof(path), "test/data/media/%s", real[_i].file);
	rec_file(path, &f);
	r = rec_all(NULL, f.p, f.len);
	ck_assert_msg(r->st == ST_OK, "%s: %s", path, r->error);
	ck_assert_str_eq(r->first_type, real[_i].type);
	ck_assert_str_eq(r->info.title, real[_i].title);
	ck_assert_int_eq(r->nnotes, 0);
	check_packets(r, strcmp(real[_i].type, "AAC") == 0 ? adts_frame : mpeg_frame);
	ck_assert_uint_ge(r->body.len, real[_i].min);
	/* nothing but tags and the header for files is left out */
	ck_assert_mem_eq(r->body.p, f.p + f.len - r->body.len, r->body.len);
	if (real[_i].kbps > 0)
		ck_assert_uint_eq(r->info.bitrate_kbps, real[_i].kbps);
	rec_free(r);
	buf_fini(&f);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/mpa");
	TCase *t = tcase_create("mpa");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, mpeg_headers, 0, NELEM(mpeg));
	tcase_add_loop_test(t, adts_headers, 0, NELEM(adts));
	tcase_add_test(t, packets);
	tcase_add_test(t, adts_packets);
	tcase_add_test(t, no_frame_waits);
	tcase_add_test(t, titles);
	tcase_add_test(t, tag_before_aac);
	tcase_add_test(t, file_header);
	tcase_add_test(t, variable_rate);
	tcase_add_test(t, resync);
	tcase_add_test(t, other_frequency);
	tcase_add_test(t, too_much_garbage);
	tcase_add_test(t, told_apart);
	tcase_add_loop_test(t, real_streams, 0, NELEM(real));
	suite_add_tcase(s, t);
	return s;
}
