/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/words.h"

#include <string.h>

#include "core/sys/text.h"
#include "test/unit/unit.h"

static const struct {
	const char *line;
	enum status want;
	const char *words[4];
} lines[] = {
	{ "", ST_OK, { NULL } }, { " \t ", ST_OK, { NULL } }, { "a", ST_OK, { "a" } },
	{ "  a  b\tc ", ST_OK, { "a", "b", "c" } }, { "'a b' c", ST_OK, { "a b", "c" } },
	{ "\"a  b\"c d", ST_OK, { "a  bc", "d" } }, { "a'b'\"c\"d", ST_OK, { "abcd" } },
	{ "'' x \"\"", ST_OK, { "", "x", "" } }, { "a\\ b", ST_OK, { "a b" } }, { "\\'a \\\"", ST_OK, { "'a", "\"" } },
	{ "'a\\b'", ST_OK, { "a\\b" } }, { "\"a\\\"b\\\\c\\d\"", ST_OK, { "a\"b\\c\\d" } }, { "a\\", ST_OK, { "a\\" } },
	{ "$a `b` *;|", ST_OK, { "$a", "`b`", "*;|" } }, { "a b c d", ST_LIMIT, { NULL } },
	{ "'a", ST_PROTO, { NULL } }, { "a \"b'", ST_PROTO, { NULL } },
};

START_TEST(split)
{
	char line[64], *word[4];
	size_t n;

	ck_assert(text_copy(line, sizeof(line), lines[_i].line));
	ck_assert_msg(words_split(line, word, 3, &n) == lines[_i].want, "%s", lines[_i].line);
	if (lines[_i].want != ST_OK)
		return;
	ck_assert_ptr_null(word[n]);
	for (size_t i = 0; i < n; i++) {
		ck_assert_ptr_nonnull(lines[_i].words[i]);
		ck_assert_str_eq(word[i], lines[_i].words[i]);
	}
	ck_assert_ptr_null(lines[_i].words[n]);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/words");
	TCase *t = tcase_create("words");

	tcase_add_loop_test(t, split, 0, NELEM(lines));
	suite_add_tcase(s, t);
	return s;
}
