/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "http/template.h"
#include "http/uifile.h"
#include "test/unit/http/httptest.h"
#include "test/unit/unit.h"

static const struct template_value values[] = { { "NAME", "<b>x</b>" }, { "EMPTY", "" }, { "TWICE", "@NAME@ {{Home}}" },
	{ NULL, NULL } };

static const struct {
	const char *lang, *text, *want;
} rows[] = {
	{ "en", "", "" },
	{ "en", "plain", "plain" },
	{ "en", "{{Home}}", "Home" },
	{ "ja", "{{Home}}", "ホーム" },
	{ "ja", "a{{Home}}b{{Home}}c", "aホームbホームc" },
	{ "xx", "{{Home}}", "Home" },
	{ "ja", "{{nobody has this text}}", "nobody has this text" },
	/* folded */
	{ "ja", "{{\n\tThis \n\t  node }}", "このノード" },
	{ "en", "{{ a  b\nc }}", "a b c" },
	/* escaped, in quotes too */
	{ "en", "{{a & b <c> \"d\" 'e'}}", "a &#38; b &#60;c&#62; &#34;d&#34; &#39;e&#39;" },
	/* no text at all */
	{ "en", "{", "{" },
	{ "en", "{{", "{{" },
	{ "en", "{{}", "{{}" },
	{ "en", "{{}}", "" },
	{ "en", "{ {x}}", "{ {x}}" },
	{ "en", "{{open", "{{open" },
	{ "en", "{x}", "{x}" },
	{ "en", "{{{x}}}", "{x}" },
	/* marks */
	{ "en", "@NAME@", "<b>x</b>" },
	{ "en", "[@EMPTY@]", "[]" },
	{ "en", "@TWICE@", "@NAME@ {{Home}}" },
	{ "en", "@OTHER@", "@OTHER@" },
	{ "en", "a@b", "a@b" },
	{ "en", "@", "@" },
	{ "en", "@@", "@@" },
	{ "en", "a@b @NAME@", "a@b <b>x</b>" },
	{ "en", "@0123456789012345678901234567890123456789@", "@0123456789012345678901234567890123456789@" },
	/* where we are, what there is */
	{ "en", "<a@AT:here@><a@AT:there@>", "<a aria-current=\"page\"><a>" },
	{ "en", "<li@HAVE:index@><li@HAVE:nothing@><li@HAVE:../shell@>", "<li><li hidden><li hidden>" },
};

START_TEST(expansion)
{
	struct buf b;

	buf_init(&b, 4096);
	template_put(&b, rows[_i].text, strlen(rows[_i].text), rows[_i].lang, "here", values);
	ck_assert_msg(strcmp(buf_cstr(&b), rows[_i].want) == 0, "%s: %s", rows[_i].text, buf_cstr(&b));
	buf_fini(&b);
}
END_TEST

/* A template is cut anywhere: what is read stays within it. */
START_TEST(cut_short)
{
	static const char text[] = "a {{Home}} @NAME@ @AT:here@ {{x";
	struct buf b;

	for (size_t n = 0; n < sizeof(text); n++) {
		char *copy = malloc(n > 0 ? n : 1);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, text, n);
		buf_init(&b, 4096);
		template_put(&b, copy, n, "ja", "here", values);
		ck_assert_int_eq(b.err, ST_OK);
		buf_fini(&b);
		free(copy);
	}
}
END_TEST

START_TEST(too_long_for_a_text)
{
	char text[TEMPLATE_TEXT + 8];
	struct buf b;

	memset(text, 'x', sizeof(text));
	memcpy(text, "{{", 2);
	memcpy(text + sizeof(text) - 2, "}}", 2);
	buf_init(&b, 8192);
	template_put(&b, text, sizeof(text), "en", "", NULL);
	ck_assert_uint_eq(b.len, sizeof(text));
	buf_fini(&b);
}
END_TEST

START_TEST(texts)
{
	static const char unknown[] = "nobody has this text";

	ck_assert_str_eq(template_text("ja", "Home"), "ホーム");
	ck_assert_str_eq(template_text("en", "Home"), "Home");
	ck_assert_ptr_eq(template_text("ja", unknown), unknown);
}
END_TEST

START_TEST(catalogue)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	template_catalogue(&b, "ja");
	ck_assert_ptr_eq(strstr(buf_cstr(&b), "export default {"), buf_cstr(&b));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&b), "\"The node does not answer.\":\"ノードが応答しません。\""));
	ck_assert_ptr_null(strstr(buf_cstr(&b), "\"Skip to the content\""));     /* in pages only */
	buf_reset(&b);
	template_catalogue(&b, "en");
	ck_assert_str_eq(buf_cstr(&b), "export default {};\n");
	buf_fini(&b);
}
END_TEST

START_TEST(files)
{
	for (unsigned int i = 0; i < ui_files_n; i++)
		ck_assert_ptr_eq(ui_find(ui_files[i].path), &ui_files[i]);
	ck_assert_ptr_null(ui_find(""));
	ck_assert_ptr_null(ui_find("pages"));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("template");
	TCase *t = tcase_create("template");

	tcase_add_loop_test(t, expansion, 0, NELEM(rows));
	tcase_add_test(t, cut_short);
	tcase_add_test(t, too_long_for_a_text);
	tcase_add_test(t, texts);
	tcase_add_test(t, catalogue);
	tcase_add_test(t, files);
	suite_add_tcase(s, t);
	return s;
}
