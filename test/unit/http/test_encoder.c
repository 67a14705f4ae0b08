/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What encoders say before their stream: lines, headers, paths. */
#include "http/encoder.h"

#include <stdio.h>

#include "test/unit/http/httptest.h"
#include "test/unit/unit.h"

#define M255 "/234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890" \
	"1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123" \
	"4567890123456789012345678901234567890123456789012345"

static const struct {
	const char *line;
	bool ok;
	const char *mount, *password;   /* NULL = none in the line */
	bool http;
} lines[] = {
	{ "SOURCE /live HTTP/1.0", true, "/live", NULL, true },
	{ "SOURCE /live HTTP/1.1", true, "/live", NULL, true },
	{ "SOURCE /live ICE/1.0", true, "/live", NULL, false },
	{ "SOURCE /live", true, "/live", NULL, false },
	{ "SOURCE /a/b.mp3 HTTP/1.0", true, "/a/b.mp3", NULL, true },
	{ "SOURCE /a%20b%2fc HTTP/1.0", true, "/a b/c", NULL, true },
	{ "SOURCE /live?x=/y HTTP/1.0", true, "/live", NULL, true },
	{ "SOURCE /\x83\x65 ICE/1.0", true, "/\xe3\x83\x86", NULL, false },
	{ "SOURCE hackme /live", true, "/live", "hackme", false },
	{ "SOURCE hackme /live HTTP/1.0", true, "/live", "hackme", true },
	{ "SOURCE hack me /x /live", true, "/live", "hack me /x", false },
	{ "SOURCE  /live", true, "/live", "", false },
	{ "SOURCE " M255 " HTTP/1.0", true, M255, NULL, true },
	{ "SOURCE " M255 "6 HTTP/1.0", false, NULL, NULL, false },
	{ "SOURCE / HTTP/1.0", false, NULL, NULL, false },
	{ "SOURCE %2flive HTTP/1.0", false, NULL, NULL, false },
	{ "SOURCE /%00live HTTP/1.0", false, NULL, NULL, false },
	{ "SOURCE hackme live", false, NULL, NULL, false },
	{ "SOURCE hackme /", false, NULL, NULL, false },
	{ "SOURCE hackme", false, NULL, NULL, false },
	{ "SOURCE " M255 M255 " /live", false, NULL, NULL, false },
	{ "SOURCE x" M255 " /live", false, NULL, NULL, false },
	{ "SOURCE ", false, NULL, NULL, false },
	{ "SOURCE", false, NULL, NULL, false },
	{ "source /live HTTP/1.0", false, NULL, NULL, false },
	{ "", false, NULL, NULL, false },
};

START_TEST(line)
{
	struct source_line l;

	ck_assert_msg(source_line_parse(&l, lines[_i].line) == lines[_i].ok, "%s", lines[_i].line);
	if (!lines[_i].ok)
		return;
	ck_assert_str_eq(l.mount, lines[_i].mount);
	ck_assert(l.has_password == (lines[_i].password != NULL));
	ck_assert_str_eq(l.password, lines[_i].password != NULL ? lines[_i].password : "");
	ck_assert(l.http == lines[_i].http);
}
END_TEST

static const struct {
	const char *head;
	const char *name, *genre, *url, *desc, *type;
	uint32_t kbps;
} heads[] = {
	{ "ice-name: n\r\nice-genre: g\r\nice-url: u\r\nice-description: d\r\nice-bitrate: 128\r\n"
		"content-type: audio/mpeg\r\n", "n", "g", "u", "d", "MP3", 128 },
	{ "icy-name:n\nicy-genre:g\nicy-url:u\nicy-br:96\n", "n", "g", "u", "", "UNKNOWN", 96 },
	{ "x-audiocast-name: n\nx-audiocast-genre: g\nx-audiocast-url: u\nx-audiocast-description: d\n"
		"x-audiocast-bitrate: 64\n", "n", "g", "u", "d", "UNKNOWN", 64 },
	{ "icy-name: b\nice-name: a\n", "a", "", "", "", "UNKNOWN", 0 },
	{ "ice-audio-info: ice-samplerate=44100;ice-bitrate=192;ice-channels=2\n", "", "", "", "", "UNKNOWN",
		192 },
	{ "ice-audio-info: bitrate=56; channels=1\n", "", "", "", "", "UNKNOWN", 56 },
	{ "ice-audio-info: channels=1;quality=4\n", "", "", "", "", "UNKNOWN", 0 },
	{ "ice-audio-info: ;;;\n", "", "", "", "", "UNKNOWN", 0 },
	{ "ice-bitrate: 128, 128\n", "", "", "", "", "UNKNOWN", 128 },
	{ "ice-bitrate: Quality 4\nice-audio-info: bitrate=80\n", "", "", "", "", "UNKNOWN", 80 },
	{ "icy-br: -1\n", "", "", "", "", "UNKNOWN", 0 },
	{ "icy-br: 99999999999\n", "", "", "", "", "UNKNOWN", 0 },
	{ "icy-br: 9999999\n", "", "", "", "", "UNKNOWN", 0 },
	{ "Content-Type: application/ogg\n", "", "", "", "", "OGG", 0 },
	{ "Content-Type: audio/aacp\n", "", "", "", "", "AAC", 0 },
	{ "Content-Type: video/x-ms-wmv; x=y\n", "", "", "", "", "WMV", 0 },
	{ "Content-Type: nonsense\n", "", "", "", "", "UNKNOWN", 0 },
	{ "ice-name: \x83\x65\x83\x58\n", "\xe3\x83\x86\xe3\x82\xb9", "", "", "", "UNKNOWN", 0 },
	{ "ice-name: a\x01" "b\n", "a b", "", "", "", "UNKNOWN", 0 },
	{ "", "", "", "", "", "UNKNOWN", 0 },
};

START_TEST(headers)
{
	struct chanmeta m;
	struct request rq;

	memset(&m, 0, sizeof(m));
	(void)chanmeta_set_type(&m, "UNKNOWN");
	request_init(&rq);
	ck_assert_int_eq(request_headers(&rq, heads[_i].head, strlen(heads[_i].head)), ST_OK);
	encoder_headers(&rq, &m);
	ck_assert_str_eq(m.text[CT_NAME], heads[_i].name);
	ck_assert_str_eq(m.text[CT_GENRE], heads[_i].genre);
	ck_assert_str_eq(m.text[CT_URL], heads[_i].url);
	ck_assert_str_eq(m.text[CT_DESC], heads[_i].desc);
	ck_assert_str_eq(m.text[CT_TYPE], heads[_i].type);
	ck_assert_uint_eq(m.bitrate_kbps, heads[_i].kbps);
	ck_assert(encoder_is_named(&m) == (heads[_i].name[0] != '\0'));
	request_fini(&rq);
}
END_TEST

/* What is not said leaves what is there. */
START_TEST(headers_keep)
{
	struct chanmeta m = { .bitrate_kbps = 7, .text = { [CT_NAME] = "n", [CT_TYPE] = "MP3" } };
	struct request rq;

	request_init(&rq);
	ck_assert_int_eq(request_headers(&rq, "icy-br: 0\n\n", 11), ST_OK);
	encoder_headers(&rq, &m);
	ck_assert_str_eq(m.text[CT_NAME], "n");
	ck_assert_str_eq(m.text[CT_TYPE], "MP3");
	ck_assert_uint_eq(m.bitrate_kbps, 7);
	(void)text_copy(m.text[CT_NAME], TEXT_MAX, "   ");
	ck_assert(!encoder_is_named(&m));
	request_fini(&rq);
}
END_TEST

static const struct {
	const char *target, *name, *genre, *desc, *url;
} paths[] = {
	{ "/n", "n", "", "", "" },
	{ "/n;g;d;u", "n", "g", "d", "u" },
	{ "/n;g;d;http://u/?a=1;b", "n", "g", "d", "http://u/?a=1;b" },
	{ "/a%20b;c%3Bd;%25;", "a b", "c;d", "%", "" },
	{ "/n%3Bg%3Bd%3Bu", "n", "g", "d", "u" },
	{ "/n%2525", "n%25", "", "", "" },
	{ "/%83%65;g", "\xe3\x83\x86", "g", "", "" },
	{ "/;g", "", "g", "", "" },
	{ "/n%00x;g", "n", "g", "", "" },
	{ "/a+b", "a+b", "", "", "" },
	{ "/", "", "", "", "" },
};

START_TEST(wm_path)
{
	struct chanmeta m;

	memset(&m, 0, sizeof(m));
	encoder_wm_path(paths[_i].target, &m);
	ck_assert_str_eq(m.text[CT_NAME], paths[_i].name);
	ck_assert_str_eq(m.text[CT_GENRE], paths[_i].genre);
	ck_assert_str_eq(m.text[CT_DESC], paths[_i].desc);
	ck_assert_str_eq(m.text[CT_URL], paths[_i].url);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("http/encoder");
	TCase *t = tcase_create("encoder");

	tcase_add_loop_test(t, line, 0, (int)NELEM(lines));
	tcase_add_loop_test(t, headers, 0, (int)NELEM(heads));
	tcase_add_test(t, headers_keep);
	tcase_add_loop_test(t, wm_path, 0, (int)NELEM(paths));
	suite_add_tcase(s, t);
	return s;
}
