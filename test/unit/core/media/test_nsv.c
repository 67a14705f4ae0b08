/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "test/unit/core/media/rec.h"

/* --- building NSV ------------------------------------------------------------------------------- */

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

static void fill(size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_u8(&in, (uint8_t)(i * 7 % 60));     /* neither N nor the mark of a frame */
}

static void payload(size_t video, size_t sound)
{
	buf_u8(&in, (uint8_t)(video << 4));
	buf_u8(&in, (uint8_t)(video >> 4));
	buf_u8(&in, (uint8_t)(video >> 12));
	buf_le16(&in, (uint16_t)sound);
	fill(video + sound);
}

static void sync_of(const char *codec, uint8_t rate, size_t video, size_t sound)
{
	buf_puts(&in, "NSVs");
	buf_puts(&in, codec);
	buf_puts(&in, "MP3 ");
	buf_put(&in, "\x80\0\x60\0", 4);
	buf_u8(&in, rate);
	buf_le16(&in, 0);
	payload(video, sound);
}

static void sync_frame(size_t video, size_t sound)
{
	sync_of("VP62", 25, video, sound);
}

static void frame(size_t video, size_t sound)
{
	buf_put(&in, "\xef\xbe", 2);
	payload(video, sound);
}

static void file_of(const char *meta, size_t n, size_t toc)
{
	buf_puts(&in, "NSVf");
	buf_le32(&in, (uint32_t)(28 + n + toc));
	buf_le32(&in, 0xffffffff);
	buf_le32(&in, 0);
	buf_le32(&in, (uint32_t)n);
	buf_le32(&in, (uint32_t)toc / 4);
	buf_le32(&in, 0);
	buf_put(&in, meta, n);
	fill(toc);
}

static struct rec *run(enum status want)
{
	struct rec *r = rec_all("NSV", in.p, in.len);

	ck_assert_msg(r->st == want, "status %d: %s", r->st, r->error);
	return r;
}

static void conts(const struct rec *r, const char *want)
{
	char out[4096];

	ck_assert_str_eq(rec_conts(r, out, sizeof(out)), want);
}

/* --- what is in it ------------------------------------------------------------------------------ */

START_TEST(frames)
{
	struct rec *r;

	sync_frame(4000, 200);
	frame(300, 200);
	frame(0, 200);
	frame(300, 0);
	sync_frame(20000, 200);
	frame(100, 100);
	r = rec_all(NULL, in.p, in.len);
	ck_assert_int_eq(r->st, ST_OK);
	ck_assert_str_eq(r->first_type, "NSV");
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_uint_eq(r->head[0].n, 0);
	conts(r, "0 2 2 2 0 1 2");
	ck_assert_mem_eq(rec_pkt_p(r, 4), "NSVsVP62MP3 ", 12);
	ck_assert_uint_eq(r->body.len, in.len);
	ck_assert_mem_eq(r->body.p, in.p, in.len);
	rec_free(r);
}
END_TEST

START_TEST(sound_only)
{
	struct rec *r;

	sync_of("NONE", 10, 0, 400);
	for (int i = 0; i < 3; i++)
		frame(0, 400);
	sync_of("NONE", 10, 0, 400);
	r = run(ST_OK);
	conts(r, "0 4 4 4 0");
	rec_free(r);
}
END_TEST

/* 1000 bytes a frame at different rates. */
START_TEST(rates)
{
	static const struct {
		uint8_t rate;
		uint32_t kbps;
	} row[] = {
		{ 25, 200 }, { 30, 240 }, { 127, 1016 }, { 0x80 | 16 << 2, 240 }, { 0x80 | 17 << 2 | 2, 400 },
		{ 0x80 | 1 << 2, 120 }, { 0x80 | 16 << 2 | 1, 240 }, { 0x80 | 16 << 2 | 3, 192 },
	};

	for (size_t i = 0; i < NELEM(row); i++) {
		struct rec *r;

		buf_reset(&in);
		for (int k = 0; k < 1500; k++) {
			if (k % 100 == 0)
				sync_of("H264", row[i].rate, 976, 0);
			else
				frame(993, 0);
		}
		r = rec_run("NSV", in.p, in.len, 65536, 0, true);
		ck_assert_msg(r->info.bitrate_kbps >= row[i].kbps * 97 / 100 &&
			r->info.bitrate_kbps <= row[i].kbps * 103 / 100, "%02x: %u", row[i].rate,
			r->info.bitrate_kbps);
		rec_free(r);
	}
}
END_TEST

START_TEST(titles)
{
	static const struct {
		const char *meta, *title, *artist;
	} row[] = {
		{ "TITLE=\"A film\" CREATOR='Some one' X=aya", "A film", "Some one" },
		{ "creator=!x! title=|y z|", "y z", "x" },
		{ "TITLE=\"cut", "", "" },
		{ "TITLE=", "", "" },
		{ "TITLE", "", "" },
		{ "SUBTITLE='no'   TITLE='yes'", "yes", "" },
		{ "", "", "" },
	};

	for (size_t i = 0; i < NELEM(row); i++) {
		struct rec *r;

		buf_reset(&in);
		file_of(row[i].meta, strlen(row[i].meta), i * 1000);
		sync_frame(100, 10);
		frame(100, 10);
		r = run(ST_OK);
		ck_assert_str_eq(r->info.title, row[i].title);
		ck_assert_str_eq(r->info.artist, row[i].artist);
		ck_assert_int_eq(r->npkts, 2);
		ck_assert_mem_eq(rec_pkt_p(r, 0), "NSVs", 4);
		ck_assert_int_eq(r->nnotes, 0);
		rec_free(r);
	}
}
END_TEST

/* Another file behind the first one. */
START_TEST(second_file)
{
	struct rec *r;

	file_of("TITLE='a'", 9, 100);
	sync_frame(100, 10);
	frame(100, 10);
	file_of("TITLE='b'", 9, 100000);
	sync_frame(100, 10);
	r = run(ST_OK);
	conts(r, "0 2 0");
	ck_assert_str_eq(r->info.title, "b");
	rec_free(r);
}
END_TEST

/* --- bad input ---------------------------------------------------------------------------------- */

START_TEST(resync)
{
	struct rec *r;

	fill(1000);
	frame(100, 10);                 /* joined in the middle */
	sync_frame(100, 10);
	frame(100, 10);
	fill(500);
	sync_frame(0, 10);              /* no frame behind it */
	fill(300);
	frame(100, 10);
	sync_frame(100, 10);
	frame(100, 10);
	r = run(ST_OK);
	conts(r, "0 2 0 2");
	ck_assert_int_eq(r->nnotes, 1);
	rec_free(r);
}
END_TEST

START_TEST(refused)
{
	struct rec *r;

	fill((256u << 10) + 10);
	r = run(ST_PROTO);
	ck_assert_str_eq(r->error, "no NSV sync frame in 262144 bytes");
	ck_assert_int_eq(r->nheads, 0);
	rec_free(r);

	buf_reset(&in);
	sync_frame(100, 10);
	frame(100, 10);
	fill((256u << 10) + 10);
	r = run(ST_PROTO);
	ck_assert_int_eq(r->npkts, 2);
	rec_free(r);

	buf_reset(&in);                 /* a header of more than there could be */
	file_of("", 0, 0);
	in.p[7] = 2;
	sync_frame(100, 10);
	frame(100, 10);
	r = run(ST_OK);
	ck_assert_int_eq(r->npkts, 2);
	rec_free(r);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/nsv");
	TCase *t = tcase_create("nsv");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, frames);
	tcase_add_test(t, sound_only);
	tcase_add_test(t, rates);
	tcase_add_test(t, titles);
	tcase_add_test(t, second_file);
	tcase_add_test(t, resync);
	tcase_add_test(t, refused);
	suite_add_tcase(s, t);
	return s;
}
