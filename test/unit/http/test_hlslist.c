/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/hlslist.h"

#include <stdlib.h>

#include "test/unit/http/httptest.h"
#include "test/unit/unit.h"

#define WALL ((int64_t)1795167327123 * 1000000)
#define TOKEN "0123456789abcdef0123456789abcdef"

static struct hls h;
static struct gnuid id;

static struct blob *piece(size_t n)
{
	uint8_t *p = calloc(1, n);
	struct blob *b;

	ck_assert_ptr_nonnull(p);
	b = blob_new(p, n);
	free(p);
	ck_assert_ptr_nonnull(b);
	return b;
}

static void add(bool key, uint32_t ms, size_t n)
{
	hls_add(&h, piece(n), key, ms * 1000, WALL);
}

/* A second in fragments of half a one, the first with a key frame. */
static void second(void)
{
	add(true, 500, 100);
	add(false, 500, 100);
}

static void setup(void)
{
	ck_assert(gnuid_parse(&id, "810620AC88516790AE4E0974B20A5BF8"));
	hls_init(&h);
}

static void teardown(void)
{
	hls_fini(&h);
}

static char *list(void)
{
	static char text[65536];
	struct buf b;

	buf_init(&b, sizeof(text) - 1);
	hls_playlist(&h, &id, TOKEN, &b);
	ck_assert_int_eq(b.err, ST_OK);
	memcpy(text, b.p, b.len);
	text[b.len] = '\0';
	buf_fini(&b);
	return text;
}

START_TEST(nothing_before_a_beginning)
{
	add(true, 500, 10);
	ck_assert_uint_eq(h.next, 0);
	ck_assert(!hls_is_ready(&h));
	ck_assert_ptr_null(hls_init_of(&h, 0));
	ck_assert_ptr_null(hls_fragment(&h, 0));
	ck_assert_ptr_null(hls_segment(&h, 0));
}
END_TEST

START_TEST(playlist)
{
	hls_begin(&h, piece(5));
	for (int i = 0; i < 3; i++)
		second();
	ck_assert_str_eq(list(),
		"#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n"
		"#EXT-X-INDEPENDENT-SEGMENTS\n"
		"#EXT-X-MAP:URI=\"/hls/810620AC88516790AE4E0974B20A5BF8/init0.mp4?session=" TOKEN "\"\n"
		"#EXT-X-PROGRAM-DATE-TIME:2026-11-20T09:35:27.123Z\n"
		"#EXTINF:2.000,\n/hls/810620AC88516790AE4E0974B20A5BF8/0.m4s?session=" TOKEN "\n");
	ck_assert_uint_eq(hls_segment(&h, 0)->n, 4);
	ck_assert_uint_eq(hls_segment(&h, 0)->bytes, 400);
}
END_TEST

START_TEST(a_new_beginning)
{
	char *text;

	hls_begin(&h, piece(5));
	second();
	hls_begin(&h, piece(6));
	ck_assert_uint_eq(h.newest_key, HLS_NONE);      /* whoever starts waits for what it describes */
	second();
	second();
	hls_end(&h);
	text = list();
	ck_assert_ptr_nonnull(strstr(text,
		"0.m4s?session=" TOKEN "\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"/hls/"
		"810620AC88516790AE4E0974B20A5BF8/init1.mp4"));
	ck_assert_ptr_nonnull(strstr(text, "#EXT-X-ENDLIST\n"));
	ck_assert_ptr_null(strstr(text, "DISCONTINUITY-SEQUENCE"));
	ck_assert_uint_eq(hls_init_of(&h, 0)->len, 5);
	ck_assert_uint_eq(hls_init_of(&h, 1)->len, 6);
	ck_assert_ptr_null(hls_init_of(&h, 2));
}
END_TEST

START_TEST(discontinuities_leave_the_window)
{
	for (int i = 0; i < 3; i++) {
		hls_begin(&h, piece(5));
		second();
		second();
	}
	for (int i = 0; i < 2 * HLS_WINDOW + 2; i++)
		second();
	ck_assert_ptr_nonnull(strstr(list(), "#EXT-X-DISCONTINUITY-SEQUENCE:2\n"));
	ck_assert_ptr_null(strstr(list(), "#EXT-X-DISCONTINUITY\n"));
}
END_TEST

START_TEST(window)
{
	char *text, want[64];
	int n = 0;

	hls_begin(&h, piece(5));
	for (int i = 0; i < 101; i++)
		second();
	ck_assert_uint_eq(h.seg_next, 50);
	ck_assert_uint_eq(h.seg_next - h.seg_first, HLS_WINDOW + HLS_LATE);
	text = list();
	ck_assert_ptr_nonnull(strstr(text, "#EXT-X-MEDIA-SEQUENCE:44\n"));
	for (char *at = text; (at = strstr(at, "#EXTINF")) != NULL; at++)
		n++;
	ck_assert_int_eq(n, HLS_WINDOW);
	for (uint64_t i = 41; i < 50; i++) {
		ck_assert_ptr_nonnull(hls_segment(&h, i));
		for (uint64_t k = 0; k < hls_segment(&h, i)->n; k++)
			ck_assert_ptr_nonnull(hls_fragment(&h, hls_segment(&h, i)->first + k));
	}
	ck_assert_ptr_null(hls_segment(&h, 40));
	ck_assert_ptr_null(hls_segment(&h, 50));
	/* nothing is kept that no segment needs */
	ck_assert_uint_eq(h.first, hls_segment(&h, 41)->first);
	ck_assert_uint_eq(h.bytes, (h.next - h.first) * 100);
	snprintf(want, sizeof(want), "/49.m4s?session=");
	ck_assert_ptr_nonnull(strstr(text, want));
}
END_TEST

static const struct {
	const char *name;
	uint32_t ms;                    /* of a fragment, and its bytes */
	size_t bytes;
	uint32_t key_every;             /* fragments; 0 = the first alone */
	uint32_t n;                     /* fragments of the first segment */
	const char *target;
} cuts[] = {
	{ "key frames each second", 100, 10, 10, 20, ":2\n" },
	{ "a little less than two seconds", 95, 10, 10, 20, ":2\n" },
	{ "key frames each five seconds", 500, 10, 10, 10, ":5\n" },
	{ "no key frames", 500, 10, 0, 20, ":10\n" },
	{ "nothing but key frames", 100, 10, 1, 19, ":2\n" },
	{ "big ones", 100, HLS_SEGMENT_MAX / 4, 0, 4, ":2\n" },
	{ "uneven", 700, 10, 1, 3, ":3\n" },
};

START_TEST(cut)
{
	hls_begin(&h, piece(5));
	for (uint32_t i = 0; i < cuts[_i].n + 1; i++)
		add(cuts[_i].key_every == 0 ? i == 0 : i % cuts[_i].key_every == 0, cuts[_i].ms,
			cuts[_i].bytes);
	ck_assert_msg(h.seg_next == 1, "%s: %u segments", cuts[_i].name, (unsigned)h.seg_next);
	ck_assert_msg(hls_segment(&h, 0)->n == cuts[_i].n, "%s: %u", cuts[_i].name, hls_segment(&h, 0)->n);
	ck_assert_msg(strstr(list(), cuts[_i].target) != NULL, "%s: %s", cuts[_i].name, list());
}
END_TEST

/* 64 MiB at most, however much comes, and never a hole. */
START_TEST(memory)
{
	hls_begin(&h, piece(5));
	for (int i = 0; i < 60; i++) {
		add(i % 2 == 0, 1000, HLS_SEGMENT_MAX / 3);
		ck_assert_uint_le(h.bytes, HLS_BYTES_MAX);
		for (uint64_t k = h.first; k < h.next; k++)
			ck_assert_ptr_nonnull(hls_fragment(&h, k)->data);
		for (uint64_t k = h.seg_first; k < h.seg_next; k++)
			ck_assert_uint_ge(hls_segment(&h, k)->first, h.first);
	}
	ck_assert_uint_ge(h.bytes, HLS_BYTES_MAX / 2);
}
END_TEST

/* As many fragments as there is room for, and more. */
START_TEST(many_fragments)
{
	hls_begin(&h, piece(5));
	for (uint32_t i = 0; i < 3 * HLS_FRAGS; i++)
		add(i % 1500 == 0, 1, 1);
	ck_assert_uint_le(h.next - h.first, HLS_FRAGS);
	ck_assert_uint_eq(h.bytes, h.next - h.first);
	ck_assert(hls_is_ready(&h));
}
END_TEST

START_TEST(old_generations_go)
{
	for (uint32_t i = 0; i < 3 * HLS_GENS; i++) {
		hls_begin(&h, piece(i + 1));
		second();
	}
	ck_assert_ptr_null(hls_init_of(&h, 2 * HLS_GENS - 1));
	ck_assert_uint_eq(hls_init_of(&h, 2 * HLS_GENS)->len, 2 * HLS_GENS + 1);
	/* each segment that is left still has its beginning */
	for (uint64_t k = h.seg_first; k < h.seg_next; k++)
		ck_assert_ptr_nonnull(hls_init_of(&h, hls_segment(&h, k)->gen));
}
END_TEST

#define ID "810620ac88516790AE4E0974B20A5BF8"

static const struct {
	const char *target;
	bool ok;
	enum hls_what what;
	uint32_t n;
	const char *token, *tip, *auth;
} targets[] = {
	{ "/hls/" ID, true, HLS_LIST, 0, "", "", "" },
	{ "/hls/" ID ".m3u8", true, HLS_LIST, 0, "", "", "" },
	{ "/hls/" ID "?session=0123456789ABCDEF0123456789abcdef", true, HLS_LIST, 0, TOKEN, "", "" },
	{ "/hls/" ID ".m3u8?tip=192.0.2.7:7144&auth=x&session=" TOKEN, true, HLS_LIST, 0, TOKEN,
		"192.0.2.7:7144", "x" },
	{ "/hls/" ID "?session=0123", true, HLS_LIST, 0, "", "", "" },
	{ "/hls/" ID "?session=" TOKEN "0", true, HLS_LIST, 0, "", "", "" },
	{ "/hls/" ID "?session=0123456789abcdef0123456789abcdeg", true, HLS_LIST, 0, "", "", "" },
	{ "/hls/" ID "/live.mp4", true, HLS_LIVE, 0, "", "", "" },
	{ "/hls/" ID "/init0.mp4", true, HLS_INIT, 0, "", "", "" },
	{ "/hls/" ID "/init12.mp4?session=" TOKEN, true, HLS_INIT, 12, TOKEN, "", "" },
	{ "/hls/" ID "/4294967295.m4s", true, HLS_SEGMENT, UINT32_MAX, "", "", "" },
	{ "/hls/" ID "/4294967296.m4s", false, 0, 0, "", "", "" },
	{ "/hls/" ID "/-1.m4s", false, 0, 0, "", "", "" },
	{ "/hls/" ID "/.m4s", false, 0, 0, "", "", "" },
	{ "/hls/" ID "/init.mp4", false, 0, 0, "", "", "" },
	{ "/hls/" ID "/1.ts", false, 0, 0, "", "", "" },
	{ "/hls/" ID "/", false, 0, 0, "", "", "" },
	{ "/hls/" ID "x", false, 0, 0, "", "", "" },
	{ "/hls/" ID "/../" ID, false, 0, 0, "", "", "" },
	{ "/hls/810620ac88516790AE4E0974B20A5BF", false, 0, 0, "", "", "" },
	{ "/hls/00000000000000000000000000000000", false, 0, 0, "", "", "" },
	{ "/hls/name", false, 0, 0, "", "", "" },
	{ "/hls/", false, 0, 0, "", "", "" },
	{ "/stream/" ID, false, 0, 0, "", "", "" },
};

START_TEST(target)
{
	struct hls_target t;

	ck_assert_msg(hls_target_parse(targets[_i].target, &t) == targets[_i].ok, "%s", targets[_i].target);
	if (!targets[_i].ok)
		return;
	ck_assert_msg(t.what == targets[_i].what && t.n == targets[_i].n, "%s", targets[_i].target);
	ck_assert_str_eq(t.token, targets[_i].token);
	ck_assert_str_eq(t.chan.tip, targets[_i].tip);
	ck_assert_str_eq(t.chan.auth, targets[_i].auth);
	ck_assert(t.chan.has_id && gnuid_equal(&t.chan.id, &id));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("hlslist");
	TCase *t = tcase_create("hlslist");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, nothing_before_a_beginning);
	tcase_add_test(t, playlist);
	tcase_add_test(t, a_new_beginning);
	tcase_add_test(t, discontinuities_leave_the_window);
	tcase_add_test(t, window);
	tcase_add_loop_test(t, cut, 0, NELEM(cuts));
	tcase_add_test(t, memory);
	tcase_add_test(t, many_fragments);
	tcase_add_test(t, old_generations_go);
	tcase_add_loop_test(t, target, 0, NELEM(targets));
	suite_add_tcase(s, t);
	return s;
}
