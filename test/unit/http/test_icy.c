/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/icy.h"

#include <stdlib.h>

#include "test/unit/http/httptest.h"
#include "test/unit/unit.h"

static const struct {
	const char *title, *url, *text;
} blocks[] = {
	{ "", "", "StreamTitle='';StreamUrl='';" },
	{ "it's", "", "StreamTitle='it's';StreamUrl='';" },     /* 32 bytes: no padding */
	{ "it's!", "", "StreamTitle='it's!';StreamUrl='';" },
	{ "a';b", "http://x/;y", "StreamTitle='a':b';StreamUrl='http://x/:y';" },
	{ "a\r\nb\x7f", "\x01", "StreamTitle='ab';StreamUrl='';" },
	{ "\xe9\x9b\xa8", "u", "StreamTitle='\xe9\x9b\xa8';StreamUrl='u';" },
};

START_TEST(block)
{
	const size_t n = strlen(blocks[_i].text);
	uint8_t out[ICY_BLOCK];

	ck_assert_uint_eq(icy_block(out, blocks[_i].title, blocks[_i].url), 1 + (n + 15) / 16 * 16);
	ck_assert_uint_eq(out[0], (n + 15) / 16);
	ck_assert_mem_eq(out + 1, blocks[_i].text, n);
	for (size_t i = 1 + n; i < 1 + 16u * out[0]; i++)
		ck_assert_uint_eq(out[i], 0);
}
END_TEST

START_TEST(longest_block)
{
	char text[TEXT_MAX];
	uint8_t out[ICY_BLOCK];

	memset(text, 'x', sizeof(text));
	text[TEXT_MAX - 1] = '\0';
	ck_assert_uint_eq(icy_block(out, text, text), 1 + 34 * 16);
	ck_assert_uint_eq(out[0], 34);
}
END_TEST

static const struct {
	const char *comment, *title;
	uint32_t turn;
	const char *said[4];            /* at 0, 9.9, 10, 20 s */
} turns[] = {
	{ "", "", 10, { "", "", "", "" } },
	{ "", "t", 10, { "t", "t", "t", "t" } },
	{ "c", "", 10, { "c", "c", "c", "c" } },
	{ "c", "t", 10, { "c", "c", "t", "c" } },
	{ "c", "t", 0, { "c", "c", "c", "c" } },
	{ "c", "t", UINT32_MAX, { "c", "c", "c", "c" } },
	{ "", "t", 0, { "t", "t", "t", "t" } },
};

START_TEST(turn)
{
	static const nsec at[] = { 0, 9900 * NSEC_PER_MSEC, 10 * NSEC_PER_SEC, 20 * NSEC_PER_SEC };
	const nsec since = 5 * NSEC_PER_SEC;
	struct chaninfo *i;
	struct chanmeta m;

	memset(&m, 0, sizeof(m));
	(void)text_copy(m.text[CT_COMMENT], TEXT_MAX, turns[_i].comment);
	(void)text_copy(m.text[CT_TRACK_TITLE], TEXT_MAX, turns[_i].title);
	i = chaninfo_new(&m);
	ck_assert_ptr_nonnull(i);
	for (size_t k = 0; k < NELEM(at); k++)
		ck_assert_str_eq(icy_title(i, since, since + at[k], turns[_i].turn), turns[_i].said[k]);
	chaninfo_unref(&i);
}
END_TEST

/* Every interval, fed in pieces of every size: the stream comes out whole, blocks are where they must be, and
 * speak when there is news. */
START_TEST(weave)
{
	static const uint32_t every[] = { 1, 2, 3, 16, 99, 100, 101, 500 };
	const size_t piece = (size_t)_i + 1;
	uint8_t in[1000], want[ICY_BLOCK];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7);
	for (size_t e = 0; e < NELEM(every); e++) {
		uint32_t spoken = 0, blocks_seen = 0;
		size_t got = 0, at = 0;
		struct icy y;
		struct buf out;

		icy_init(&y, every[e]);
		buf_init(&out, 1 << 20);
		for (size_t i = 0; i < sizeof(in); i += piece) {
			if (i >= 500)
				icy_set(&y, "two", "u");
			else
				icy_set(&y, "one", "u");
			icy_weave(&y, &out, in + i, MIN(piece, sizeof(in) - i));
		}
		ck_assert_int_eq(out.err, ST_OK);
		while (at < out.len) {
			const size_t n = MIN((size_t)every[e], out.len - at);

			ck_assert_mem_eq(out.p + at, in + got, n);
			got += n;
			at += n;
			if (n < every[e])
				break;
			ck_assert_uint_lt(at, out.len);
			blocks_seen++;
			if (out.p[at] > 0) {
				const size_t size = icy_block(want, spoken == 0 && got < 500 + piece ?
					"one" : "two", "u");

				ck_assert_mem_eq(out.p + at, want, size);
				spoken++;
			}
			at += 1 + 16u * out.p[at];
		}
		ck_assert_uint_eq(got, sizeof(in));
		ck_assert_uint_eq(blocks_seen, sizeof(in) / every[e]);
		ck_assert_uint_ge(spoken, 1);
		ck_assert_uint_le(spoken, 2);
		buf_fini(&out);
	}
}
END_TEST

/* The first block is said although it says nothing. */
START_TEST(silence)
{
	struct buf out;
	struct icy y;

	icy_init(&y, 1);
	buf_init(&out, 1000);
	icy_weave(&y, &out, "ab", 2);
	ck_assert_uint_eq(out.len, 1 + 33 + 2);
	ck_assert_uint_eq(out.p[1], 2);
	ck_assert_uint_eq(out.p[out.len - 1], 0);
	icy_set(&y, "", "");
	icy_weave(&y, &out, "c", 1);
	ck_assert_uint_eq(out.p[out.len - 1], 0);
	buf_fini(&out);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("http/icy");
	TCase *t = tcase_create("icy");

	tcase_add_loop_test(t, block, 0, (int)NELEM(blocks));
	tcase_add_test(t, longest_block);
	tcase_add_loop_test(t, turn, 0, (int)NELEM(turns));
	tcase_add_loop_test(t, weave, 0, 120);
	tcase_add_test(t, silence);
	suite_add_tcase(s, t);
	return s;
}
