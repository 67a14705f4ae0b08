/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/jsontext.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/cc.h"
#include "test/unit/unit.h"

static const char *const texts[] = {
	"", "plain", "\"", "\\", "a\"b\\c", "\"\"", "end\\", "a/b", "<&>'", "\b\f\n\r\t", "\x01\x1f\x7f", "x\ny",
	"ゲーム 雑談", "\"音\"", "\xf0\x9f\x8e\xae", "\xe2\x80\xa8", "}{][,:",
};

/* Byte for byte as jansson writes it. */
START_TEST(string)
{
	json_t *v = json_string(texts[_i]);
	char *want = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	struct buf b;

	ck_assert_ptr_nonnull(want);
	buf_init(&b, 4096);
	jsontext_string(&b, texts[_i]);
	ck_assert_str_eq(buf_cstr(&b), want);
	buf_fini(&b);
	free(want);
	json_decref(v);
}
END_TEST

/* Every maximum too small for it is an error, and nothing is written past it. */
START_TEST(no_room)
{
	static const char want[] = "{\"key\":\"a\\nb\",\"on\":true}";
	size_t max;

	for (max = 0; max < sizeof(want); max++) {
		struct buf b;

		buf_init(&b, max);
		buf_u8(&b, '{');
		jsontext_key(&b, "key");
		jsontext_string(&b, "a\nb");
		jsontext_key(&b, "on");
		jsontext_bool(&b, true);
		buf_u8(&b, '}');
		ck_assert_uint_le(b.len, max);
		ck_assert_int_eq(b.err, max < sizeof(want) - 1 ? ST_LIMIT : ST_OK);
		if (b.err == ST_OK)
			ck_assert_str_eq(buf_cstr(&b), want);
		buf_fini(&b);
	}
}
END_TEST

/* A comma before every member but the first, at every depth. */
START_TEST(members)
{
	struct buf b;

	buf_init(&b, 4096);
	buf_u8(&b, '{');
	jsontext_key(&b, "a");
	buf_u8(&b, '{');
	jsontext_key(&b, "b");
	jsontext_string(&b, "{");
	jsontext_key(&b, "c");
	buf_int(&b, -1);
	buf_u8(&b, '}');
	jsontext_key(&b, "d");
	jsontext_bool(&b, false);
	buf_u8(&b, '}');
	ck_assert_str_eq(buf_cstr(&b), "{\"a\":{\"b\":\"{\",\"c\":-1},\"d\":false}");
	buf_fini(&b);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("http/jsontext");
	TCase *t = tcase_create("jsontext");

	tcase_add_loop_test(t, string, 0, (int)NELEM(texts));
	tcase_add_test(t, no_room);
	tcase_add_test(t, members);
	suite_add_tcase(s, t);
	return s;
}
