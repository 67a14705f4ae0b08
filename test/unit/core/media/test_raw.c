/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "test/unit/core/media/rec.h"

static uint8_t noise[100000];

static void setup(void)
{
	uint32_t seed = 7;

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)rec_rand(&seed);
}

START_TEST(blocks)
{
	struct rec *r = rec_all("RAW", noise, sizeof(noise));

	ck_assert_int_eq(r->st, ST_OK);
	ck_assert_str_eq(r->first_type, "RAW");
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_uint_eq(r->head[0].n, 0);
	ck_assert_int_eq(r->npkts, 13);
	for (int i = 0; i < r->npkts; i++) {
		ck_assert_uint_eq(r->pkt[i].n,
			i < 12 ? MEDIA_RAW_BLOCK : sizeof(noise) - 12 * MEDIA_RAW_BLOCK);
		ck_assert_uint_eq(r->pkt[i].cont, 0);
	}
	ck_assert_uint_eq(r->body.len, sizeof(noise));
	ck_assert_mem_eq(r->body.p, noise, sizeof(noise));
	rec_free(r);
}
END_TEST

/* What waits goes out 100 ms after its first byte, and not before. */
START_TEST(idle_flush)
{
	struct rec *r = rec_new();
	struct media *m = media_new("RAW", &rec_ops, r);
	const nsec ms = NSEC_PER_MSEC, t = 5 * NSEC_PER_SEC;

	ck_assert_int_eq(media_deadline(m), NSEC_NEVER);
	ck_assert_int_eq(media_feed(m, noise, 10, t), ST_OK);
	ck_assert_int_eq(media_deadline(m), t + 100 * ms);
	ck_assert_int_eq(media_feed(m, noise + 10, 10, t + 60 * ms), ST_OK);
	ck_assert_int_eq(media_deadline(m), t + 100 * ms);
	ck_assert_int_eq(media_tick(m, t + 99 * ms), ST_OK);
	ck_assert_int_eq(r->npkts, 0);
	ck_assert_int_eq(media_tick(m, t + 100 * ms), ST_OK);
	ck_assert_int_eq(r->npkts, 1);
	ck_assert_uint_eq(r->pkt[0].n, 20);
	ck_assert_int_eq(media_deadline(m), NSEC_NEVER);
	ck_assert_int_eq(media_feed(m, noise + 20, MEDIA_RAW_BLOCK + 1, t + 200 * ms), ST_OK);
	ck_assert_int_eq(r->npkts, 2);
	ck_assert_uint_eq(r->pkt[1].n, MEDIA_RAW_BLOCK);
	ck_assert_int_eq(media_deadline(m), t + 300 * ms);
	ck_assert_int_eq(media_end(m, t + 210 * ms), ST_OK);
	ck_assert_int_eq(r->npkts, 3);
	ck_assert_mem_eq(r->body.p, noise, 20 + MEDIA_RAW_BLOCK + 1);
	media_free(&m);
	rec_free(r);
}
END_TEST

/* 100,000 bytes a second by the clock are 800 kbps, then twice that: told after 3 s, when it has
 * grown by a tenth, and 30 s after that again. */
START_TEST(bitrate)
{
	struct rec *r = rec_new();
	struct media *m = media_new("RAW", &rec_ops, r);
	uint32_t told[64];
	int second[64], n = 0;

	for (int i = 0; i < 1000; i++) {
		const nsec now = (100 + i) * (NSEC_PER_SEC / 10);
		const int before = r->ninfos;

		for (int k = 0; k < (i < 500 ? 1 : 2); k++) /* 10 kB, later 20 kB every 100 ms */
			ck_assert_int_eq(media_feed(m, noise, 10000, now), ST_OK);
		r->npkts = 0;
		buf_reset(&r->body);
		buf_reset(&r->log);
		if (r->ninfos > before && r->info.bitrate_kbps > 0) {
			told[n] = r->info.bitrate_kbps;
			second[n++] = i / 10;
			ck_assert(!r->info.declared);
		}
	}
	ck_assert_int_eq(n, 3);
	ck_assert_int_eq(second[0], 3);
	ck_assert_uint_ge(told[0], 760);
	ck_assert_uint_le(told[0], 840);
	ck_assert_int_ge(second[1], 51);
	ck_assert_int_le(second[1], 53);
	ck_assert_uint_gt(told[1], told[0] * 11 / 10);
	ck_assert_int_eq(second[2], second[1] + 30);
	ck_assert_uint_ge(told[2], 1560);
	ck_assert_uint_le(told[2], 1640);
	media_free(&m);
	rec_free(r);
}
END_TEST

START_TEST(nothing_is_no_stream)
{
	struct rec *r = rec_new();
	struct media *m = media_new("RAW", &rec_ops, r);

	ck_assert_int_eq(media_tick(m, NSEC_PER_SEC * 100), ST_OK);
	ck_assert_int_eq(media_end(m, NSEC_PER_SEC * 100), ST_PROTO);
	ck_assert_str_eq(media_error(m),
		"the RAW stream ended before its header and first frame were complete");
	ck_assert_int_eq(r->nheads, 0);
	media_free(&m);
	media_free(&m);
	rec_free(r);
}
END_TEST

START_TEST(op_stops_it)
{
	struct rec *r = rec_new();
	struct media *m = media_new("RAW", &rec_ops, r);

	r->refuse = ST_STOPPED;
	ck_assert_int_eq(media_feed(m, noise, sizeof(noise), 1), ST_STOPPED);
	ck_assert_int_eq(media_feed(m, noise, 1, 1), ST_STOPPED);
	ck_assert_int_eq(media_tick(m, NSEC_PER_SEC), ST_STOPPED);
	ck_assert_int_eq(media_end(m, NSEC_PER_SEC), ST_STOPPED);
	ck_assert_int_eq(media_deadline(m), NSEC_NEVER);
	ck_assert_str_eq(media_error(m), "");
	media_free(&m);
	rec_free(r);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/raw");
	TCase *t = tcase_create("raw");

	tcase_add_unchecked_fixture(t, setup, NULL);
	tcase_add_test(t, blocks);
	tcase_add_test(t, idle_flush);
	tcase_add_test(t, bitrate);
	tcase_add_test(t, nothing_is_no_stream);
	tcase_add_test(t, op_stops_it);
	suite_add_tcase(s, t);
	return s;
}
