/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: malloc inflateInit2_ */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

#include "http/template.h"
#include "http/uifile.h"
#include "test/unit/http/httptest.h"
#include "test/unit/unit.h"

/* Calls from here to the one that fails; 0 = none. */
static unsigned int fail_malloc;
#ifdef HAVE_ZLIB
static unsigned int fail_inflate;
#endif

static bool is_turn(unsigned int *left)
{
	return *left > 0 && --*left == 0;
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);

void *__wrap_malloc(size_t n)
{
	return is_turn(&fail_malloc) ? NULL : __real_malloc(n);
}

#ifdef HAVE_ZLIB
int __real_inflateInit2_(z_stream *z, int bits, const char *version, int size);
int __wrap_inflateInit2_(z_stream *z, int bits, const char *version, int size);

int __wrap_inflateInit2_(z_stream *z, int bits, const char *version, int size)
{
	return is_turn(&fail_inflate) ? Z_MEM_ERROR : __real_inflateInit2_(z, bits, version, size);
}
#endif

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

/* Without memory a text stays English, and the next one who wants it gets it. This comes first: what is there stays. */
START_TEST(no_memory)
{
	const struct ui_file *page = ui_find("pages/index.html"), *script = ui_find("js/index.js");
	char room[65536];

	ck_assert(page != NULL && script != NULL && script->len <= sizeof(room));
	fail_malloc = 1;
	ck_assert_ptr_null(ui_text(page));
	for (unsigned int i = 1; i < 8; i++) {
		fail_malloc = i;        /* the catalogue, the block, the scripts one by one */
		ck_assert_str_eq(template_text("ja", "Home"), "Home");
		ck_assert_uint_eq(fail_malloc, 0);
	}
#ifdef HAVE_ZLIB
	fail_inflate = 1;
	ck_assert(!ui_unpack(script, room));
	fail_inflate = 3;
	ck_assert_str_eq(template_text("ja", "Home"), "Home");
	ck_assert_uint_eq(fail_inflate, 0);
#endif
	ck_assert(ui_unpack(script, room));
	ck_assert_str_eq(template_text("ja", "Home"), "ホーム");
	ck_assert_ptr_nonnull(ui_text(page));
}
END_TEST

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

/* Each is in the binary as it is in the tree. */
START_TEST(files)
{
	unsigned int pages = 0;

	for (unsigned int i = 0; i < ui_files_n; i++) {
		const struct ui_file *f = &ui_files[i];
		char *want = malloc(f->len + 1), *got = malloc(f->len + 1), path[256];
		FILE *in;

		snprintf(path, sizeof(path), "http/ui/%s", f->path);
		in = fopen(path, "rb");
		ck_assert_msg(in != NULL && want != NULL && got != NULL, "%s", path);
		ck_assert_msg(fread(want, 1, f->len + 1, in) == f->len, "%s: not %u bytes", path, f->len);
		fclose(in);
		ck_assert_ptr_eq(ui_find(f->path), f);
		if (f->packed == NULL) {
			pages++;
			ck_assert_uint_eq(strlen(ui_text(f)), f->len);
			memcpy(got, ui_text(f), f->len);
		} else {
			ck_assert(ui_unpack(f, got));
		}
		ck_assert_msg(memcmp(want, got, f->len) == 0, "%s differs", path);
		ck_assert_msg(f->packed == NULL || !ui_packed || (f->packed[0] == 0x1f && f->packed[1] == 0x8b), "%s", path);
		free(want);
		free(got);
	}
	ck_assert_uint_gt(pages, 40);
	ck_assert_ptr_null(ui_find(""));
	ck_assert_ptr_null(ui_find("pages"));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("template");
	TCase *t = tcase_create("template");

	tcase_add_test(t, no_memory);
	tcase_add_loop_test(t, expansion, 0, NELEM(rows));
	tcase_add_test(t, cut_short);
	tcase_add_test(t, too_long_for_a_text);
	tcase_add_test(t, texts);
	tcase_add_test(t, catalogue);
	tcase_add_test(t, files);
	suite_add_tcase(s, t);
	return s;
}
