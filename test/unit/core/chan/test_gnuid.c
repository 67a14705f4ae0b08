/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/chan/gnuid.h"

#include <string.h>

#include "test/unit/unit.h"

static const struct { const char *text; bool ok; uint8_t first, last; } parse_rows[] = {
	{ "00A1B2C3D4E5F60718293A4B5C6D7E8F", true, 0x00, 0x8f },
	{ "ffa1b2c3d4e5f60718293a4b5c6d7e80", true, 0xff, 0x80 },
	{ "00A1B2C3D4E5F60718293A4B5C6D7E8F.flv", true, 0x00, 0x8f },
	{ "00A1B2C3D4E5F60718293A4B5C6D7E8", false, 0, 0 },
	{ "", false, 0, 0 },
	{ "0", false, 0, 0 },
	{ "g0A1B2C3D4E5F60718293A4B5C6D7E8F", false, 0, 0 },
	{ "00A1B2C3D4E5F60718293A4B5C6D7E8g", false, 0, 0 },
	{ "00A1B2C3D4E5F607 18293A4B5C6D7E8F", false, 0, 0 },
	{ "0x00A1B2C3D4E5F60718293A4B5C6D7E", false, 0, 0 },
	{ "+0A1B2C3D4E5F60718293A4B5C6D7E8F", false, 0, 0 },
};

START_TEST(parse)
{
	struct gnuid id, was;
	char text[GNUID_STRLEN];

	memset(&id, 0x5a, sizeof(id));
	was = id;
	ck_assert_msg(gnuid_parse(&id, parse_rows[_i].text) == parse_rows[_i].ok, "%s", parse_rows[_i].text);
	if (!parse_rows[_i].ok) {
		ck_assert(gnuid_equal(&id, &was));      /* untouched */
		return;
	}
	ck_assert(id.b[0] == parse_rows[_i].first && id.b[15] == parse_rows[_i].last);
	ck_assert_ptr_eq(gnuid_str(&id, text), text);
	ck_assert_uint_eq(strlen(text), GNUID_STRLEN - 1);
	for (const char *c = text; *c != '\0'; c++)
		ck_assert(strchr("0123456789ABCDEF", *c) != NULL);
	ck_assert(gnuid_parse(&was, text) && gnuid_equal(&id, &was));
}
END_TEST

START_TEST(set_and_equal)
{
	struct gnuid a = { { 0 } }, b;

	ck_assert(!gnuid_is_set(&a));
	for (size_t i = 0; i < GNUID_LEN; i++) {
		b = a;
		b.b[i] = 1;
		ck_assert(gnuid_is_set(&b) && !gnuid_equal(&a, &b) && gnuid_equal(&b, &b));
	}
}
END_TEST

START_TEST(random_ids)
{
	const struct gnuid a = gnuid_random(0x00), b = gnuid_random(0xc1);

	ck_assert(a.b[0] == 0x00 && b.b[0] == 0xc1);
	ck_assert(memcmp(a.b + 1, b.b + 1, GNUID_LEN - 1) != 0);
	ck_assert(gnuid_is_set(&a));
}
END_TEST

/* Worked out by hand from the rule of pcp.md 14.1, for the owner 00A1B2C3D4E5F60718293A4B5C6D7E8F. */
static const struct { const char *name, *genre; uint32_t bitrate; const char *want; } chan_rows[] = {
	{ "", "", 0, "00A1B2C3D4E5F60718293A4B5C6D7E8F" },
	{ "a", "", 0, "61A1D3C3B5E5970779295B4B3D6D1F8F" },
	{ "", "b", 256, "62A1D0C3B6E594077A29584B3E6D1C8F" },   /* the low byte of the bitrate */
	{ "a", "b", 500, "F7554537231101F3EFDDCDBFAB99897B" },
	{ "fifteen letters", "x", 128, "9E482C37490060A78CCCB6BFC19FF50F" },
	{ "sixteen letters!", "x", 128, "F33B234F45657DC9D4A0ABCBCDFAFF5D" },
	{ "seventeen letters", "genre of sixteen", 1000, "8F2E543733595AF7BDD7CAF7A085876A" },
	{ "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88\xe9\x85\x8d\xe4\xbf\xa1",
		"\xe3\x82\xb2\xe3\x83\xbc\xe3\x83\xa0", 194, "C2624401172234C5F2029E86C8F39EF1" },
};

START_TEST(of_chan)
{
	struct gnuid bcid, id;
	char text[GNUID_STRLEN];

	ck_assert(gnuid_parse(&bcid, "00A1B2C3D4E5F60718293A4B5C6D7E8F"));
	id = gnuid_of_chan(&bcid, chan_rows[_i].name, chan_rows[_i].genre, chan_rows[_i].bitrate);
	ck_assert_str_eq(gnuid_str(&id, text), chan_rows[_i].want);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/chan/gnuid");
	TCase *t = tcase_create("gnuid");

	tcase_add_loop_test(t, parse, 0, sizeof(parse_rows) / sizeof(parse_rows[0]));
	tcase_add_test(t, set_and_equal);
	tcase_add_test(t, random_ids);
	tcase_add_loop_test(t, of_chan, 0, sizeof(chan_rows) / sizeof(chan_rows[0]));
	suite_add_tcase(s, t);
	return s;
}
