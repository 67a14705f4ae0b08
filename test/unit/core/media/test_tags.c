/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/tags.h"

#include <string.h>

#include "test/unit/core/media/rec.h"

/* --- UTF-16 ------------------------------------------------------------------------------------ */

static const struct {
	const char *in;
	size_t n;
	bool big;
	size_t cap;
	const char *out;
} utf16[] = {
#define ROW(in, big, cap, out) { in, sizeof(in) - 1, big, cap, out }
	ROW("a\0b\0", false, 10, "ab"),
	ROW("\0a\0b", true, 10, "ab"),
	ROW("a\0b\0\0\0c\0", false, 10, "ab"),
	ROW("a\0b", false, 10, "a"),                            /* half a unit */
	ROW("\xe9\0\x42\x30", false, 10, "\xc3\xa9\xe3\x81\x82"),
	ROW("\xd8\x3d\xde\x00", true, 10, "\xf0\x9f\x98\x80"),
	ROW("\xd8\x3d\0a", true, 10, "\xef\xbf\xbd" "a"),       /* a high half alone */
	ROW("\xd8\x3d", true, 10, "\xef\xbf\xbd"),
	ROW("\xde\x00\0a", true, 10, "\xef\xbf\xbd" "a"),
	ROW("a\0\n\0b\0", false, 10, "a b"),
	ROW("\x42\x30\x44\x30", false, 6, "\xe3\x81\x82"),      /* cut at a character */
	ROW("", false, 1, ""),
#undef ROW
};

START_TEST(from_utf16)
{
	char out[64];

	tags_utf16(out, utf16[_i].cap, (const uint8_t *)utf16[_i].in, utf16[_i].n, utf16[_i].big);
	ck_assert_str_eq(out, utf16[_i].out);
}
END_TEST

START_TEST(long_utf16)
{
	uint8_t in[6000];
	char out[TEXT_MAX];

	for (size_t i = 0; i < sizeof(in); i += 2) {
		in[i] = 0x30;
		in[i + 1] = 0x42;
	}
	tags_utf16(out, sizeof(out), in, sizeof(in), true);
	ck_assert_uint_eq(strlen(out), 255);
	ck_assert(text_is_clean(out, strlen(out)));
}
END_TEST

/* --- ID3v2 ------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *in;         /* behind the version; the size is filled in */
	size_t n;
	const char *title, *artist;
} id3[] = {
#define ROW(name, in, title, artist) { name, in, sizeof(in) - 1, title, artist }
	ROW("2.3", "\3\0\0TIT2\0\0\0\4\0\0\0abcTPE1\0\0\0\3\0\0\3de", "abc", "de"),
	ROW("2.4", "\4\0\0TIT2\0\0\0\4\0\0\3abc", "abc", ""),
	ROW("2.2", "\2\0\0TT2\0\0\4\0abcTP1\0\0\2\0d", "abc", "d"),
	ROW("utf-16 with a mark", "\3\0\0TIT2\0\0\0\7\0\0\1\xff\xfe" "a\0b\0", "ab", ""),
	ROW("the other order", "\3\0\0TIT2\0\0\0\7\0\0\1\xfe\xff\0a\0b", "ab", ""),
	ROW("utf-16 without a mark", "\4\0\0TIT2\0\0\0\5\0\0\2\0a\0b", "ab", ""),
	ROW("Shift_JIS", "\3\0\0TIT2\0\0\0\5\0\0\0\x83\x65\x83\x58", "\xe3\x83\x86\xe3\x82\xb9", ""),
	ROW("other frames between", "\3\0\0TENC\0\0\0\2\0\0\0xTIT2\0\0\0\2\0\0\0a", "a", ""),
	ROW("the first one counts", "\3\0\0TIT2\0\0\0\2\0\0\0aTIT2\0\0\0\2\0\0\0b", "a", ""),
	ROW("extended header", "\3\0\x40\0\0\0\6abcdefTIT2\0\0\0\2\0\0\0a", "a", ""),
	ROW("extended header of 2.4", "\4\0\x40\0\0\0\6abTIT2\0\0\0\2\0\0\0a", "a", ""),
	ROW("extended header too long", "\3\0\x40\xff\xff\xff\xff" "abTIT2\0\0\0\2\0\0\0a", "", ""),
	ROW("compressed", "\3\0\0TIT2\0\0\0\2\0\x80\0aTPE1\0\0\0\2\0\0\0b", "", "b"),
	ROW("frame too long", "\3\0\0TIT2\x7f\xff\xff\xff\0\0\0a", "", ""),
	ROW("frame cut", "\3\0\0TIT2\0\0", "", ""),
	ROW("empty frames", "\3\0\0TIT2\0\0\0\0\0\0TIT2\0\0\0\1\0\0\0TPE1\0\0\0\2\0\0\0b", "", "b"),
	ROW("padding", "\3\0\0TIT2\0\0\0\2\0\0\0a\0\0\0\0\0\0\0\0\0\0\0\0", "a", ""),
	ROW("unknown encoding", "\3\0\0TIT2\0\0\0\2\0\0\7a", "", ""),
	ROW("unsynchronised", "\3\0\x80TIT2\0\0\0\2\0\0\0a", "", ""),
	ROW("unknown version", "\5\0\0TIT2\0\0\0\2\0\0\0a", "", ""),
#undef ROW
};

START_TEST(id3_frames)
{
	const size_t n = id3[_i].n - 3 + ID3_HEAD;
	uint8_t *tag = malloc(n);       /* exactly, so that a read past it is seen */
	struct tags t = { .title = "" };

	memcpy(tag, "ID3", 3);
	memcpy(tag + 3, id3[_i].in, 3);
	memcpy(tag + 6, "\0\0\0", 3);
	tag[9] = (uint8_t)(n - ID3_HEAD);
	memcpy(tag + ID3_HEAD, id3[_i].in + 3, n - ID3_HEAD);
	ck_assert_uint_eq(id3_size(tag), n);
	tags_id3(&t, tag, n);
	ck_assert_msg(strcmp(t.title, id3[_i].title) == 0, "%s: title %s", id3[_i].name, t.title);
	ck_assert_msg(strcmp(t.artist, id3[_i].artist) == 0, "%s: artist %s", id3[_i].name, t.artist);
	for (size_t k = 0; k < n; k++) {
		uint8_t *part = malloc(k + 1);

		memcpy(part, tag, k);
		tags_id3(&t, part, k);
		free(part);
	}
	free(tag);
}
END_TEST

START_TEST(id3_sizes)
{
	static const struct {
		const char *p;
		size_t n;
	} row[] = {
		{ "ID3\4\0\0\0\0\0\0", 10 },
		{ "ID3\3\0\0\0\0\1\1", 10 + 129 },
		{ "ID3\4\0\x10\0\0\0\1", 21 },
		{ "ID3\4\0\0\x7f\x7f\x7f\x7f", 10 + 268435455 },
		{ "ID3\4\0\0\x80\0\0\0", 0 },
		{ "ID3\xff\0\0\0\0\0\0", 0 },
		{ "ID4\4\0\0\0\0\0\0", 0 },
	};

	for (size_t i = 0; i < NELEM(row); i++)
		ck_assert_uint_eq(id3_size((const uint8_t *)row[i].p), row[i].n);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/tags");
	TCase *t = tcase_create("tags");

	tcase_add_loop_test(t, from_utf16, 0, NELEM(utf16));
	tcase_add_test(t, long_utf16);
	tcase_add_loop_test(t, id3_frames, 0, NELEM(id3));
	tcase_add_test(t, id3_sizes);
	suite_add_tcase(s, t);
	return s;
}
