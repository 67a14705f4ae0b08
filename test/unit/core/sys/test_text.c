/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/text.h"

#include <string.h>

#include "test/unit/core/sys/death.h"
#include "test/unit/unit.h"

#define S(x) x, sizeof(x) - 1
#define BAD  "\xEF\xBF\xBD"

static const struct {
	const char *name;
	const char *in;
	size_t n;
	const char *out;
} clean[] = {
	{ "empty",              S(""), "" },
	{ "ascii",              S("Radio 1 ~ <&>\"'"), "Radio 1 ~ <&>\"'" },
	{ "stops at NUL",       S("ab\0cd"), "ab" },
	{ "NUL first",          S("\0cd"), "" },
	{ "bad after NUL",      S("ab\0\xFF"), "ab" },
	{ "tab, CR, LF",        S("a\tb\r\nc"), "a b  c" },
	{ "C0 ends",            S("\x01" "a\x1F"), " a " },
	{ "DEL",                S("a\x7F" "b"), "a b" },
	{ "DEL in a long text", S("0123456789abcdef\x7Fghijklmnop"), "0123456789abcdef ghijklmnop" },
	{ "C0 after a space",   S("aaaaaaa \x1F aaaaaa"), "aaaaaaa   aaaaaa" },
	{ "C1 as UTF-8",        S("a\xC2\x80" "b\xC2\x9F" "c"), "a b c" },
	{ "U+00A0 is text",     S("\xC2\xA0"), "\xC2\xA0" },
	{ "U+FFFD kept",        S("\xEF\xBF\xBD"), "\xEF\xBF\xBD" },
	{ "U+FFFE, U+FFFF",     S("a\xEF\xBF\xBE" "b\xEF\xBF\xBF" "c"), "a b c" },
	{ "2 bytes",            S("caf\xC3\xA9"), "caf\xC3\xA9" },
	{ "3 bytes",            S("\xE3\x81\x82\xE6\xBC\xA2"), "\xE3\x81\x82\xE6\xBC\xA2" },
	{ "4 bytes",            S("\xF0\x9F\x8E\xB5 U+1FFFE \xF0\x9F\xBF\xBE"),
	                        "\xF0\x9F\x8E\xB5 U+1FFFE \xF0\x9F\xBF\xBE" },
	{ "last code point",    S("\xF4\x8F\xBF\xBD"), "\xF4\x8F\xBF\xBD" },
	{ "before surrogates",  S("\xED\x9F\xBF"), "\xED\x9F\xBF" },
	{ "after surrogates",   S("\xEE\x80\x80"), "\xEE\x80\x80" },

	/* CP932 */
	{ "cp932 kanji",        S("\x8A\xBF\x8E\x9A"), "\xE6\xBC\xA2\xE5\xAD\x97" },
	{ "cp932 kana, ascii",  S("DJ \x82\xA0!"), "DJ \xE3\x81\x82!" },
	{ "cp932 half width",   S("\xB1"), "\xEF\xBD\xB1" },
	{ "cp932 5C trail",     S("\x95\x5C"), "\xE8\xA1\xA8" },
	{ "cp932 NEC row 13",   S("\x87\x40"), "\xE2\x91\xA0" },
	{ "cp932 with control", S("\x82\xA0\n\x82\xA2"), "\xE3\x81\x82 \xE3\x81\x84" },
	{ "cp932, NUL behind",  S("\x82\xA0\0\xFF"), "\xE3\x81\x82" },

	/* neither */
	{ "ff",                 S("a\xFE\xFF" "b"), "a" BAD BAD "b" },
	{ "latin-1 at the end", S("caf\xE9"), "caf" BAD },
	{ "overlong NUL",       S("\xE0\x80\x80\xFF"), BAD BAD BAD BAD },
	{ "overlong slash",     S("\xC0\xAF\xFF"), BAD BAD BAD },
	{ "overlong 4",         S("\xF0\x80\x80\xAF\xFF"), BAD BAD BAD BAD BAD },
	{ "over U+10FFFF",      S("\xF4\x90\x80\x80\xFF"), BAD BAD BAD BAD BAD },
	{ "F5",                 S("\xF5\x80\xFF"), BAD BAD BAD },
	{ "surrogate",          S("\xED\xA0\x80\xFF"), BAD BAD BAD BAD },
	{ "cut 3 then ascii",   S("\xE3\x81 \xFF"), BAD " " BAD },
	{ "cut 4 then ascii",   S("\xF0\x9F\x8E \xFF"), BAD " " BAD },
	{ "cut 2 at the end",   S("\xFF\xC3"), BAD BAD },
	{ "good between bad",   S("\xFF\xE3\x81\x82\xFF"), BAD "\xE3\x81\x82" BAD },

	/* shortened blindly by an old node */
	{ "cut kana",           S("\xE3\x81\x82\xE3\x81"), "\xE3\x81\x82" BAD },
	{ "cut emoji",          S("\xE3\x81\x82\xF0\x9F\x8E"), "\xE3\x81\x82" BAD },
};

START_TEST(clean_table)
{
	char dst[TEXT_MAX];
	const size_t len = text_clean(dst, sizeof(dst), clean[_i].in, clean[_i].n);

	ck_assert_msg(strcmp(dst, clean[_i].out) == 0, "%s: \"%s\"", clean[_i].name, dst);
	ck_assert_uint_eq(len, strlen(dst));
	ck_assert_msg(text_is_clean(dst, len), "%s", clean[_i].name);

	/* text_is_clean() says yes exactly to what text_clean() leaves alone */
	const bool same = len == clean[_i].n && memcmp(dst, clean[_i].in, len) == 0;

	ck_assert_msg(text_is_clean(clean[_i].in, clean[_i].n) == same, "%s", clean[_i].name);

	/* every capacity: no overrun, always clean, a beginning of the whole */
	for (size_t cap = 1; cap <= strlen(clean[_i].out) + 1; cap++) {
		char small[TEXT_MAX];

		memset(small, 'Z', sizeof(small));
		const size_t k = text_clean(small, cap, clean[_i].in, clean[_i].n);

		ck_assert_uint_lt(k, cap);
		ck_assert_int_eq(small[k], 0);
		ck_assert_int_eq(small[cap], 'Z');
		ck_assert_msg(text_is_clean(small, k), "%s cap %zu", clean[_i].name, cap);
		ck_assert_int_eq(strncmp(small, clean[_i].out, k), 0);
		ck_assert_uint_ge(k + 4, cap);  /* at most one character of four bytes was left out */
	}
}
END_TEST

START_TEST(clean_cuts_at_255)
{
	char in[512], dst[TEXT_MAX];

	memset(in, 'a', sizeof(in));
	ck_assert_uint_eq(text_clean(dst, sizeof(dst), in, 255), 255);
	ck_assert_uint_eq(text_clean(dst, sizeof(dst), in, 256), 255);
	ck_assert_uint_eq(text_clean(dst, sizeof(dst), in, sizeof(in)), 255);
	for (size_t at = 250; at < 258; at++) {
		memset(in, 'a', sizeof(in));
		memcpy(in + at, "\xE3\x81\x82", 3);
		const size_t want = at + 3 <= 255 ? 255 : MIN(at, (size_t)255);

		ck_assert_uint_eq(text_clean(dst, sizeof(dst), in, sizeof(in)), want);
		ck_assert(text_is_clean(dst, want));
	}
	/* nothing shorter slips in behind a character that did not fit */
	memset(in, 'a', sizeof(in));
	memcpy(in + 254, "\xE3\x81\x82" "b", 4);
	ck_assert_uint_eq(text_clean(dst, sizeof(dst), in, 258), 254);
}
END_TEST

START_TEST(clean_long_cp932)
{
	/* The whole decides, not what fits: several conversion rounds, a fault far behind. */
	char in[4001], dst[TEXT_MAX];

	for (size_t i = 0; i < 4000; i += 2)
		memcpy(in + i, "\x82\xA0", 2);
	ck_assert_uint_eq(text_clean(dst, sizeof(dst), in, 4000), 255);
	ck_assert_int_eq(memcmp(dst, "\xE3\x81\x82\xE3\x81\x82", 6), 0);
	in[4000] = '\xFF';
	ck_assert_uint_eq(text_clean(dst, sizeof(dst), in, 4001), 255);
	ck_assert_int_eq(memcmp(dst, BAD BAD, 6), 0);
}
END_TEST

START_TEST(clean_every_byte_at_every_place)
{
	/* The fast path agrees with the slow one whatever the alignment and neighbours. */
	for (int c = 1; c < 256; c++) {
		for (size_t at = 0; at < 20; at++) {
			char in[20], dst[64];

			memset(in, at % 2 ? ' ' : '~', sizeof(in));
			in[at] = (char)c;
			const size_t len = text_clean(dst, sizeof(dst), in, sizeof(in));
			const bool plain = c >= 0x20 && c < 0x7F;

			ck_assert_msg((len == sizeof(in) && memcmp(dst, in, len) == 0) == plain,
				"byte %02x at %zu", (unsigned)c, at);
			ck_assert(text_is_clean(in, sizeof(in)) == plain);
			ck_assert(text_is_clean(dst, len));
		}
	}
}
END_TEST

static const struct {
	const char *in;
	size_t cap;
	const char *out;
	bool all;
} copies[] = {
	{ "", 1, "", true },
	{ "a", 1, "", false },
	{ "abc", 4, "abc", true },
	{ "abcd", 4, "abc", false },
	{ "\xE3\x81\x82", 4, "\xE3\x81\x82", true },
	{ "\xE3\x81\x82", 3, "", false },
	{ "a\xE3\x81\x82", 4, "a", false },
	{ "a\xC3\xA9x", 3, "a", false },
	{ "a\xC3\xA9x", 4, "a\xC3\xA9", false },
	{ "\xF0\x9F\x8E\xB5", 4, "", false },
	{ "a\xF0\x9F\x8E\xB5", 5, "a", false },
};

START_TEST(copy_table)
{
	char dst[16];

	memset(dst, 'Z', sizeof(dst));
	ck_assert(text_copy(dst, copies[_i].cap, copies[_i].in) == copies[_i].all);
	ck_assert_str_eq(dst, copies[_i].out);
	ck_assert_int_eq(dst[copies[_i].cap], 'Z');
}
END_TEST

static const struct {
	const char *s;
	size_t n, m;
} cuts[] = {
	{ "", 0, 0 },
	{ "abc", 3, 3 },
	{ "abc", 2, 2 },
	{ "\xE3\x81\x82", 3, 3 },
	{ "\xE3\x81\x82", 2, 0 },
	{ "\xE3\x81\x82", 1, 0 },
	{ "a\xF0\x9F\x8E\xB5", 5, 5 },
	{ "a\xF0\x9F\x8E\xB5", 4, 1 },
	{ "a\xF0\x9F\x8E\xB5", 2, 1 },
	{ "\x80\x80\x80\x80\x80", 5, 5 },       /* no character at all: as it is */
};

START_TEST(cut_table)
{
	ck_assert_uint_eq(text_cut(cuts[_i].s, cuts[_i].n), cuts[_i].m);
}
END_TEST

static const struct {
	const char *name;
	const char *in;
	size_t n;
	const char *out;
} escapes[] = {
	{ "plain",          S("GET /x?y=%20 HTTP/1.1"), "GET /x?y=%20 HTTP/1.1" },
	{ "forged line",    S("a\n2026/11/20 [INFO] b"), "a\\x0A2026/11/20 [INFO] b" },
	{ "escape",         S("\x1B[31m"), "\\x1B[31m" },
	{ "NUL inside",     S("a\0b"), "a\\x00b" },
	{ "DEL",            S("\x7F"), "\\x7F" },
	{ "C1",             S("\xC2\x9B" "0m"), "\\xC2\\x9B0m" },
	{ "kanji stays",    S("\xE6\xBC\xA2"), "\xE6\xBC\xA2" },
	{ "bad bytes",      S("\xFF\xE6\xBC"), "\\xFF\\xE6\\xBC" },
	{ "bidi override",  S("\xE2\x80\xAE" "x"), "\\xE2\\x80\\xAEx" },
	{ "isolate",        S("\xE2\x81\xA6" "x"), "\\xE2\\x81\\xA6x" },
	{ "line separator", S("\xE2\x80\xA8"), "\\xE2\\x80\\xA8" },
};

START_TEST(escape_table)
{
	char dst[64];

	ck_assert_msg(strcmp(text_escape(dst, sizeof(dst), escapes[_i].in, escapes[_i].n),
		escapes[_i].out) == 0, "%s: %s", escapes[_i].name, dst);
	for (size_t cap = 1; cap <= strlen(escapes[_i].out); cap++) {
		memset(dst, 'Z', sizeof(dst));
		(void)text_escape(dst, cap, escapes[_i].in, escapes[_i].n);
		ck_assert_uint_lt(strlen(dst), cap);
		ck_assert_int_eq(dst[cap], 'Z');
		ck_assert_int_eq(strncmp(dst, escapes[_i].out, strlen(dst)), 0);
		ck_assert(text_is_clean(dst, strlen(dst)));
	}
}
END_TEST

START_TEST(ascii_classes)
{
	for (int c = -1; c < 256; c++) {
		const bool dig = c >= '0' && c <= '9';
		const bool up = c >= 'A' && c <= 'Z', low = c >= 'a' && c <= 'z';

		ck_assert(ascii_isdigit(c) == dig);
		ck_assert(ascii_isalnum(c) == (dig || up || low));
		ck_assert(ascii_isspace(c) == (c > 0 && c < 128 && strchr(" \t\r\n\v\f", c) != NULL));
		ck_assert_int_eq(ascii_lower(c), up ? c + 32 : c);
		ck_assert_int_eq(ascii_upper(c), low ? c - 32 : c);
	}
	ck_assert_int_eq(ascii_casecmp("Content-TYPE", "content-type"), 0);
	ck_assert_int_lt(ascii_casecmp("abc", "abd"), 0);
	ck_assert_int_lt(ascii_casecmp("ab", "abc"), 0);
	ck_assert_int_gt(ascii_casecmp("abc", "AB"), 0);
	ck_assert_int_gt(ascii_casecmp("\xE3", "a"), 0);
	ck_assert_int_eq(ascii_ncasecmp("abcX", "ABCy", 3), 0);
	ck_assert_int_ne(ascii_ncasecmp("abcX", "ABCy", 4), 0);
	ck_assert_int_eq(ascii_ncasecmp("a", "b", 0), 0);
}
END_TEST

static const struct {
	const char *s;
	bool u32, i64, u64;
} numbers[] = {
	{ "0", true, true, true },
	{ "007", true, true, true },
	{ "4294967295", true, true, true },
	{ "4294967296", false, true, true },
	{ "9223372036854775807", false, true, true },
	{ "9223372036854775808", false, false, true },
	{ "18446744073709551615", false, false, true },
	{ "18446744073709551616", false, false, false },
	{ "99999999999999999999", false, false, false },
	{ "-1", false, true, false },
	{ "-0", false, true, false },
	{ "-9223372036854775808", false, true, false },
	{ "-9223372036854775809", false, false, false },
	{ "", false, false, false },
	{ "-", false, false, false },
	{ "--1", false, false, false },
	{ "+1", false, false, false },
	{ " 1", false, false, false },
	{ "1 ", false, false, false },
	{ "1x", false, false, false },
	{ "0x10", false, false, false },
	{ "1.0", false, false, false },
	{ "\xEF\xBC\x91", false, false, false },
};

START_TEST(number_table)
{
	const char *s = numbers[_i].s;
	uint32_t a = 77;
	int64_t b = 77;
	uint64_t c = 77;

	ck_assert_msg(num_u32(s, 0, UINT32_MAX, &a) == numbers[_i].u32, "%s", s);
	ck_assert_msg(num_i64(s, INT64_MIN, INT64_MAX, &b) == numbers[_i].i64, "%s", s);
	ck_assert_msg(num_u64(s, 0, UINT64_MAX, &c) == numbers[_i].u64, "%s", s);
	ck_assert_uint_eq(a, numbers[_i].u32 ? (uint32_t)strtoull(s, NULL, 10) : 77);
	ck_assert_int_eq(b, numbers[_i].i64 ? strtoll(s, NULL, 10) : 77);
	ck_assert_uint_eq(c, numbers[_i].u64 ? strtoull(s, NULL, 10) : 77);
}
END_TEST

START_TEST(number_ranges)
{
	uint32_t a = 0;
	int64_t b = 0;

	ck_assert(!num_u32("9", 10, 20, &a));
	ck_assert(num_u32("10", 10, 20, &a) && a == 10);
	ck_assert(num_u32("20", 10, 20, &a) && a == 20);
	ck_assert(!num_u32("21", 10, 20, &a) && a == 20);
	ck_assert(!num_i64("-6", -5, 5, &b));
	ck_assert(num_i64("-5", -5, 5, &b) && b == -5);
	ck_assert(!num_i64("6", -5, 5, &b));
}
END_TEST

START_TEST(hex_both_ways)
{
	uint8_t in[256], back[256];
	char text[513];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	hex_emit(text, sizeof(text), in, sizeof(in));
	ck_assert_uint_eq(strlen(text), 512);
	ck_assert_int_eq(strncmp(text, "000102", 6), 0);
	ck_assert_str_eq(text + 508, "FEFF");
	ck_assert(hex_parse(back, sizeof(back), text));
	ck_assert_mem_eq(back, in, sizeof(in));
	ck_assert(hex_parse(back, 2, "aBfEzz"));
	ck_assert_mem_eq(back, "\xAB\xFE", 2);
	ck_assert(!hex_parse(back, 3, "aBfEzz"));
	ck_assert(!hex_parse(back, 2, "abc"));          /* stops at the NUL */
	ck_assert(!hex_parse(back, 1, ""));
	ck_assert(!hex_parse(back, 1, "g0"));
	ck_assert(!hex_parse(back, 1, "0G"));
	ck_assert(!hex_parse(back, 1, "0:"));
	ck_assert(hex_parse(back, 0, ""));
}
END_TEST

START_TEST(hex_emit_too_small)
{
	char text[4];

	hex_emit(text, sizeof(text), (const uint8_t *)"ab", 2);
}
END_TEST

static const struct {
	const char *in;
	bool plus;
	const char *out;
	size_t n;
} decodes[] = {
	{ "", false, S("") },
	{ "abc", false, S("abc") },
	{ "%41%62%7e", false, S("Ab~") },
	{ "a+b%2B", true, S("a b+") },
	{ "a+b", false, S("a+b") },
	{ "a%00b", false, S("a\0b") },
	{ "%E6%BC%A2", false, S("\xE6\xBC\xA2") },
	{ "%", false, S("%") },
	{ "%4", false, S("%4") },
	{ "%4g", false, S("%4g") },
	{ "%%41", false, S("%A") },
	{ "100%", true, S("100%") },
	{ "%u3042", false, S("%u3042") },
};

START_TEST(decode_table)
{
	const char *in = decodes[_i].in;
	char dst[32];
	size_t n = pct_decode(dst, sizeof(dst), in, strlen(in), decodes[_i].plus);

	ck_assert_msg(n == decodes[_i].n, "%s", in);
	ck_assert_mem_eq(dst, decodes[_i].out, n + 1);
	for (size_t cap = 1; cap <= decodes[_i].n; cap++) {
		memset(dst, 'Z', sizeof(dst));
		n = pct_decode(dst, cap, in, strlen(in), decodes[_i].plus);
		ck_assert_uint_eq(n, cap - 1);
		ck_assert_int_eq(dst[n], 0);
		ck_assert_int_eq(dst[cap], 'Z');
	}
}
END_TEST

START_TEST(decode_reads_no_further_than_n)
{
	char dst[8];

	ck_assert_uint_eq(pct_decode(dst, sizeof(dst), "%41", 2, false), 2);
	ck_assert_str_eq(dst, "%4");
	ck_assert_uint_eq(pct_decode(dst, sizeof(dst), "%41", 1, false), 1);
	ck_assert_str_eq(dst, "%");
}
END_TEST

START_TEST(encode)
{
	struct buf b;

	buf_init(&b, 64);
	pct_encode(&b, "aZ09-._~ /?&=+%\"\x01\xE6\xBC\xA2");
	ck_assert_str_eq(buf_cstr(&b), "aZ09-._~%20%2F%3F%26%3D%2B%25%22%01%E6%BC%A2");
	buf_fini(&b);
}
END_TEST

START_TEST(secrets)
{
	ck_assert(text_equal_secret("", ""));
	ck_assert(text_equal_secret("s3cret", "s3cret"));
	ck_assert(!text_equal_secret("s3cret", "s3creT"));
	ck_assert(!text_equal_secret("s3cre", "s3cret"));
	ck_assert(!text_equal_secret("s3cretx", "s3cret"));
	ck_assert(!text_equal_secret("", "s3cret"));
	ck_assert(!text_equal_secret("s3cret", ""));
	ck_assert(!text_equal_secret("abab", "ab"));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/text");
	TCase *t = tcase_create("text");

	tcase_add_loop_test(t, clean_table, 0, NELEM(clean));
	tcase_add_test(t, clean_cuts_at_255);
	tcase_add_test(t, clean_long_cp932);
	tcase_add_test(t, clean_every_byte_at_every_place);
	tcase_add_loop_test(t, copy_table, 0, NELEM(copies));
	tcase_add_loop_test(t, cut_table, 0, NELEM(cuts));
	tcase_add_loop_test(t, escape_table, 0, NELEM(escapes));
	tcase_add_test(t, ascii_classes);
	tcase_add_loop_test(t, number_table, 0, NELEM(numbers));
	tcase_add_test(t, number_ranges);
	tcase_add_test(t, hex_both_ways);
	ADD_DEATH_TEST(t, hex_emit_too_small);
	tcase_add_loop_test(t, decode_table, 0, NELEM(decodes));
	tcase_add_test(t, decode_reads_no_further_than_n);
	tcase_add_test(t, encode);
	tcase_add_test(t, secrets);
	suite_add_tcase(s, t);
	return s;
}
