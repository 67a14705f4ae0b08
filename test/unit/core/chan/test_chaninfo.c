/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: malloc */
#include "core/chan/chaninfo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/unit.h"

static bool no_memory;

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);

void *__wrap_malloc(size_t n)
{
	return no_memory ? NULL : __real_malloc(n);
}

/* Every text another, of every length up to the longest. */
static void fill(struct chanmeta *m)
{
	*m = (struct chanmeta){ .id = { { 1 } }, .bcid = { { 2 } }, .bitrate_kbps = 1234 };
	for (int t = 0; t < CT_COUNT; t++) {
		const size_t n = t == CT_COMMENT ? TEXT_MAX - 1 : (size_t)t * 3;

		memset(m->text[t], 'a' + t, n);
		m->text[t][n] = '\0';
	}
}

START_TEST(there_and_back)
{
	struct chanmeta m, back;
	struct chaninfo *i, *j;

	fill(&m);
	i = chaninfo_new(&m);
	ck_assert_ptr_nonnull(i);
	for (int t = 0; t < CT_COUNT; t++)
		ck_assert_str_eq(i->text[t], m.text[t]);
	ck_assert_uint_eq(i->bitrate_kbps, 1234);
	ck_assert(chaninfo_same(i, &m));
	memset(&back, 'x', sizeof(back));
	chaninfo_to_meta(i, &back);
	for (int t = 0; t < CT_COUNT; t++)
		ck_assert_str_eq(back.text[t], m.text[t]);
	ck_assert(gnuid_equal(&back.id, &m.id) && gnuid_equal(&back.bcid, &m.bcid));
	ck_assert_uint_eq(back.bitrate_kbps, 1234);

	/* the source may change or go */
	memset(&m, 0, sizeof(m));
	ck_assert_uint_eq(strlen(i->text[CT_COMMENT]), TEXT_MAX - 1);
	j = chaninfo_ref(i);
	chaninfo_unref(&i);
	ck_assert_ptr_null(i);
	ck_assert(chaninfo_same(j, &back));
	chaninfo_unref(&j);
	chaninfo_unref(&j);     /* NULL is fine */

	no_memory = true;
	i = chaninfo_new(&back);
	no_memory = false;
	ck_assert_ptr_null(i);
}
END_TEST

START_TEST(bitrate_is_clamped)
{
	static const struct { uint32_t given, want; } rows[] = {
		{ 0, 0 }, { 1000000, 1000000 }, { 1000001, 1000000 }, { 0x80000000, 1000000 }, { UINT32_MAX, 1000000 },
	};
	struct chanmeta m, from;

	for (size_t k = 0; k < NELEM(rows); k++) {
		struct chaninfo *i;

		fill(&m);
		m.bitrate_kbps = rows[k].given;
		i = chaninfo_new(&m);
		ck_assert_uint_eq(i->bitrate_kbps, rows[k].want);
		ck_assert(chaninfo_same(i, &m));
		from = m;
		m.bitrate_kbps = 3;
		chanmeta_merge(&m, &from, CHANMETA_BITRATE);
		ck_assert_uint_eq(m.bitrate_kbps, rows[k].want);
		chaninfo_unref(&i);
	}
}
END_TEST

/* Each single difference is seen. */
START_TEST(same)
{
	struct chanmeta m, other;
	struct chaninfo *i;

	fill(&m);
	i = chaninfo_new(&m);
	for (int t = 0; t < CT_COUNT; t++) {
		other = m;
		other.text[t][0] = 'Z';
		other.text[t][1] = '\0';
		ck_assert_msg(!chaninfo_same(i, &other), "%d", t);
	}
	other = m;
	other.bitrate_kbps++;
	ck_assert(!chaninfo_same(i, &other));
	other = m;
	other.id.b[15] ^= 1;
	ck_assert(!chaninfo_same(i, &other));
	other = m;
	other.bcid.b[15] ^= 1;
	ck_assert(!chaninfo_same(i, &other));
	chaninfo_unref(&i);
}
END_TEST

/* Only what is present is taken. */
START_TEST(merge)
{
	struct chanmeta m, from, was;

	for (uint32_t bit = 0; bit < CT_COUNT + 2; bit++) {
		fill(&m);
		was = m;
		memset(&from, 0, sizeof(from));
		for (int t = 0; t < CT_COUNT; t++)
			(void)text_copy(from.text[t], TEXT_MAX, "new");
		from.bitrate_kbps = 9;
		from.bcid.b[0] = 99;
		from.id.b[0] = 98;
		chanmeta_merge(&m, &from, 1u << bit);
		for (uint32_t t = 0; t < CT_COUNT; t++)
			ck_assert_str_eq(m.text[t], t == bit ? "new" : was.text[t]);
		ck_assert_uint_eq(m.bitrate_kbps, 1u << bit == CHANMETA_BITRATE ? 9 : was.bitrate_kbps);
		ck_assert_uint_eq(m.bcid.b[0], 1u << bit == CHANMETA_BCID ? 99 : 2);
		ck_assert_uint_eq(m.id.b[0], 1);        /* never the id */
	}
}
END_TEST

/* media.md 1.1 */
static const struct {
	const char *type, *want, *mime, *ext;
	bool known;
} type_rows[] = {
	{ "FLV", "FLV", "video/x-flv", ".flv", true },
	{ "flv", "FLV", "video/x-flv", ".flv", true },
	{ "MKV", "MKV", "video/x-matroska", ".mkv", true },
	{ "WebM", "WEBM", "video/webm", ".webm", true },
	{ "MP4", "MP4", "video/mp4", ".mp4", true },
	{ "OGG", "OGG", "application/x-ogg", ".ogg", true },
	{ "OGM", "OGM", "application/x-ogg", ".ogg", true },
	{ "MP3", "MP3", "audio/mpeg", ".mp3", true },
	{ "AAC", "AAC", "audio/aac", ".aac", true },
	{ "WMV", "WMV", "video/x-ms-wmv", ".wmv", true },
	{ "WMA", "WMA", "audio/x-ms-wma", ".wma", true },
	{ "ASX", "ASX", "video/x-ms-asf", "", true },
	{ "NSV", "NSV", "video/nsv", ".nsv", true },
	{ "TS", "TS", "video/mp2t", ".ts", true },
	{ "RAW", "RAW", "application/octet-stream", "", true },
	{ "PLS", "PLS", "application/octet-stream", "", true },
	{ "m3u", "PLS", "application/octet-stream", "", true },
	{ "MOV", "MOV", "video/quicktime", ".mov", true },
	{ "MPG", "MPG", "video/mpeg", "", true },
	{ "", "UNKNOWN", "application/octet-stream", "", false },
	{ "FLVX", "UNKNOWN", "application/octet-stream", "", false },
	{ "UNKNOWN", "UNKNOWN", "application/octet-stream", "", false },
};

START_TEST(set_type)
{
	struct chanmeta m = { .bitrate_kbps = 0 };
	struct chaninfo *i;

	(void)text_copy(m.text[CT_MIME], TEXT_MAX, "text/old");
	(void)text_copy(m.text[CT_EXT], TEXT_MAX, ".old");
	ck_assert_msg(chanmeta_set_type(&m, type_rows[_i].type) == type_rows[_i].known, "%s",
		type_rows[_i].type);
	ck_assert_str_eq(m.text[CT_TYPE], type_rows[_i].want);
	ck_assert_str_eq(m.text[CT_MIME], type_rows[_i].mime);
	ck_assert_str_eq(m.text[CT_EXT], type_rows[_i].ext);
	/* the same from the table when only the type is carried */
	m.text[CT_MIME][0] = m.text[CT_EXT][0] = '\0';
	i = chaninfo_new(&m);
	ck_assert_str_eq(chaninfo_mime(i), type_rows[_i].mime);
	ck_assert_str_eq(chaninfo_ext(i), type_rows[_i].ext);
	chaninfo_unref(&i);
}
END_TEST

START_TEST(carried_wins)
{
	struct chanmeta m = { .text = { [CT_TYPE] = "FLV", [CT_MIME] = "video/odd", [CT_EXT] = ".odd" } };
	struct chaninfo *i = chaninfo_new(&m);

	ck_assert_str_eq(chaninfo_mime(i), "video/odd");
	ck_assert_str_eq(chaninfo_ext(i), ".odd");
	chaninfo_unref(&i);
	m = (struct chanmeta){ .text = { [CT_TYPE] = "MOV" } };
	i = chaninfo_new(&m);
	ck_assert_str_eq(chaninfo_mime(i), "video/quicktime");
	ck_assert_str_eq(chaninfo_ext(i), ".mov");
	chaninfo_unref(&i);
	m = (struct chanmeta){ .text = { [CT_TYPE] = "SOMETHING" } };
	i = chaninfo_new(&m);
	ck_assert_str_eq(chaninfo_mime(i), "application/octet-stream");
	ck_assert_str_eq(chaninfo_ext(i), "");
	chaninfo_unref(&i);
}
END_TEST

static const struct { const char *mime, *want; } mime_rows[] = {
	{ "video/x-flv", "FLV" },
	{ "Video/X-FLV", "FLV" },
	{ "video/x-flv; charset=x", "FLV" },
	{ "video/x-flv ;a", "FLV" },
	{ "video/x-matroska", "MKV" },
	{ "video/webm", "WEBM" },
	{ "video/mp4", "MP4" },
	{ "application/x-ogg", "OGG" },
	{ "application/ogg", "OGG" },
	{ "audio/mpeg", "MP3" },
	{ "audio/x-mpeg", "MP3" },
	{ "audio/aac", "AAC" },
	{ "audio/aacp", "AAC" },
	{ "audio/x-aac", "AAC" },
	{ "audio/opus", "OGG" },
	{ "application/x-mms-framed", "WMV" },
	{ "video/x-ms-wmv", "WMV" },
	{ "video/x-ms-asf", "ASX" },
	{ "video/nsv", "NSV" },
	{ "video/mp2t", "TS" },
	{ "video/quicktime", "MOV" },
	{ "video/mpeg", "MPG" },
	{ "application/octet-stream", NULL },
	{ "video/x-fl", NULL },
	{ "video/x-flvv", NULL },
	{ "text/html", NULL },
	{ ";", NULL },
	{ "", NULL },
};

START_TEST(of_mime)
{
	const char *got = chantype_of_mime(mime_rows[_i].mime);

	if (mime_rows[_i].want == NULL)
		ck_assert_msg(got == NULL, "%s", mime_rows[_i].mime);
	else
		ck_assert_msg(got != NULL && strcmp(got, mime_rows[_i].want) == 0, "%s", mime_rows[_i].mime);
}
END_TEST

static const struct {
	const char *type, *want;
} shown_rows[] = {
	{ "FLV", "FLV" }, { "H264", "H264" }, { "A", "A" }, { "ABCDEFGHIJKLMNOP", "ABCDEFGHIJKLMNOP" },
	{ "ABCDEFGHIJKLMNOPQ", "UNKNOWN" }, { "", "UNKNOWN" }, { "flv", "UNKNOWN" }, { "F\"LV", "UNKNOWN" },
	{ "F\" x=\"1", "UNKNOWN" }, { "FLV ", "UNKNOWN" }, { "映像", "UNKNOWN" }, { "<>", "UNKNOWN" },
};

START_TEST(shown_type)
{
	struct chanmeta m = { .bitrate_kbps = 1 };
	struct chaninfo *i;

	(void)text_copy(m.text[CT_TYPE], TEXT_MAX, shown_rows[_i].type);
	i = chaninfo_new(&m);
	ck_assert_ptr_nonnull(i);
	ck_assert_str_eq(chaninfo_type(i), shown_rows[_i].want);
	chaninfo_unref(&i);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/chan/chaninfo");
	TCase *t = tcase_create("chaninfo");

	tcase_add_test(t, there_and_back);
	tcase_add_test(t, bitrate_is_clamped);
	tcase_add_test(t, same);
	tcase_add_test(t, merge);
	tcase_add_loop_test(t, set_type, 0, NELEM(type_rows));
	tcase_add_loop_test(t, shown_type, 0, NELEM(shown_rows));
	tcase_add_test(t, carried_wins);
	tcase_add_loop_test(t, of_mime, 0, NELEM(mime_rows));
	suite_add_tcase(s, t);
	return s;
}
