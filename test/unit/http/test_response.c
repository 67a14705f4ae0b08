/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Heads of streams against captures, answers, and texts that want to be headers. */
#include "http/response.h"

#include <stdio.h>

#include "test/unit/http/httptest.h"
#include "test/unit/unit.h"

/* The value of a header line in a captured head. */
static void field(char *dst, const char *head, const char *name)
{
	const char *at = strstr(head, name);
	size_t n;

	ck_assert_msg(at != NULL, "%s", name);
	at += strlen(name);
	n = strcspn(at, "\r");
	ck_assert_uint_lt(n, TEXT_MAX);
	memcpy(dst, at, n);
	dst[n] = '\0';
}

static struct chaninfo *info_of_head(const char *head, const char *type)
{
	struct chanmeta m;
	struct chaninfo *i;
	char text[TEXT_MAX];

	memset(&m, 0, sizeof(m));
	field(m.text[CT_NAME], head, "x-audiocast-name: ");
	field(m.text[CT_GENRE], head, "x-audiocast-genre: ");
	field(m.text[CT_DESC], head, "x-audiocast-description: ");
	field(m.text[CT_URL], head, "x-audiocast-url: ");
	field(text, head, "x-audiocast-bitrate: ");
	ck_assert(num_u32(text, 0, 1000000, &m.bitrate_kbps));
	field(text, head, "x-peercast-channelid: ");
	ck_assert(gnuid_parse(&m.id, text));
	text_copy(m.text[CT_TYPE], TEXT_MAX, type);
	i = chaninfo_new(&m);
	ck_assert_ptr_nonnull(i);
	return i;
}

/* As PeerCast-YT says it, but for the name of the program, and with our line before the end. */
static void expected(struct buf *want, const char *head, const char *ours)
{
	const char *agent = strstr(head, "YT50");

	ck_assert_ptr_nonnull(agent);
	buf_init(want, 1 << 16);
	buf_put(want, head, (size_t)(agent - head));
	buf_puts(want, "SV01");
	buf_put(want, agent + 4, strlen(agent + 4) - 2);
	buf_puts(want, ours);
	buf_puts(want, "\r\n");
}

static const struct {
	const char *path, *type;
} captured[] = {
	{ "test/data/http/direct_flv.head", "FLV" }, { "test/data/http/direct_webm.head", "WEBM" },
};

START_TEST(stream_golden)
{
	struct buf head, want, out;
	struct chaninfo *i;

	data_read(&head, captured[_i].path);
	i = info_of_head((const char *)head.p, captured[_i].type);
	expected(&want, (const char *)head.p, "X-Content-Type-Options: nosniff\r\n");
	buf_init(&out, 1 << 16);
	http_stream_head(&out, i);
	ck_assert_str_eq(buf_cstr(&out), buf_cstr(&want));
	chaninfo_unref(&i);
	buf_fini(&head);
	buf_fini(&want);
	buf_fini(&out);
}
END_TEST

START_TEST(relay_golden)
{
	struct buf head, want, out;
	struct chaninfo *i;
	char pos[TEXT_MAX];
	uint32_t p;

	data_read(&head, "test/data/http/relay_ok.head");
	i = info_of_head((const char *)head.p, "FLV");
	field(pos, (const char *)head.p, "x-peercast-pos: ");
	ck_assert(num_u32(pos, 0, UINT32_MAX, &p));
	expected(&want, (const char *)head.p, "");
	buf_init(&out, 1 << 16);
	http_relay_head(&out, 200, i, p);
	ck_assert_str_eq(buf_cstr(&out), buf_cstr(&want));
	buf_reset(&out);
	http_relay_head(&out, 503, NULL, 0);
	ck_assert_str_eq(buf_cstr(&out), "HTTP/1.0 503 Service Unavailable\r\n"
		"Content-Type: application/x-peercast-pcp\r\n\r\n");
	/* Positions are unsigned on the wire, also behind 2 GiB. */
	buf_reset(&out);
	http_relay_head(&out, 200, i, 0xfffffff0u);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "\r\nx-peercast-pos: 4294967280\r\n"));
	chaninfo_unref(&i);
	buf_fini(&head);
	buf_fini(&want);
	buf_fini(&out);
}
END_TEST

static const struct {
	const char *type, *has, *lacks;
} types[] = {
	{ "WMV", "Content-Type: video/x-ms-wmv\r\n", "x-audiocast" },
	{ "WMA", "Content-Type: audio/x-ms-wma\r\n", "x-audiocast" },
	{ "ASX", "Content-Type: video/x-ms-asf\r\n", "x-audiocast" },
	{ "MOV", "Connection: close\r\nContent-Length: 10000000\r\nAccess-Control-Allow-Origin: "
		"*\r\n",
		"octet" },
	{ "MP3", "Content-Type: audio/mpeg\r\n", "Content-Length" },
	{ "TS", "Content-Type: video/mp2t\r\n", "octet" },
	{ "whatever", "Content-Type: application/octet-stream\r\n", "whatever" },
};

START_TEST(stream_types)
{
	struct chaninfo *i = info_new(FLV_ID, "n", types[_i].type);
	struct buf out;

	buf_init(&out, 1 << 16);
	http_stream_head(&out, i);
	ck_assert_msg(strstr(buf_cstr(&out), types[_i].has) != NULL, "%s: %s", types[_i].type,
		buf_cstr(&out));
	ck_assert_msg(strstr(buf_cstr(&out), types[_i].lacks) == NULL, "%s: %s", types[_i].type,
		buf_cstr(&out));
	chaninfo_unref(&i);
	buf_fini(&out);
}
END_TEST

/* A type that comes from the network is not sent when a browser could run it. */
static const struct {
	const char *mime;
	bool safe;
} mimes[] = {
	{ "video/x-flv", true }, { "audio/mpeg", true }, { "application/x-ogg", true },
	{ "application/octet-stream", true }, { "video/vnd.rn-realvideo", true },
	{ "text/html", false }, { "TEXT/HTML", false }, { "image/svg+xml", false }, { "text/xml",
		false },
	{ "application/xhtml+XML", false }, { "text/javascript", false }, { "video", false },
	{ "", false }, { "/x", false }, { "a/", false }, { "a/b;c=d", false }, { "a/b c", false },
	{ "a/b\r\nX: y", false }, { "text/html ", false }, { "a/b/c", false }, { "a/\xff", false },
};

START_TEST(mime)
{
	ck_assert_msg(http_mime_is_safe(mimes[_i].mime) == mimes[_i].safe, "%s", mimes[_i].mime);
}
END_TEST

START_TEST(icy_and_mmsh)
{
	struct chanmeta m = { .bitrate_kbps = 128, .id = { { 1 } }, .text = { [CT_NAME] = "Mp3 channel",
		[CT_GENRE] = "jazz", [CT_URL] = "http://example.com/", [CT_TYPE] = "MP3" } };
	struct chaninfo *i = chaninfo_new(&m);
	struct buf out;

	buf_init(&out, 1 << 16);
	http_icy_head(&out, i, 8192, false);
	ck_assert_str_eq(buf_cstr(&out), "ICY 200 OK\r\nServer: PeerCast/0.1218 (SV01)\r\n"
		"icy-name:Mp3 channel\r\nicy-br:128\r\nicy-genre:jazz\r\nicy-url:http://example.com/\r\n"
		"icy-metaint:8192\r\nx-peercast-channelid: 01000000000000000000000000000000\r\n"
		"Content-Type: audio/mpeg\r\n\r\n");
	ck_assert(!http_is_mmsh(i));
	buf_reset(&out);
	http_icy_head(&out, i, 8192, true);
	ck_assert_int_eq(strncmp(buf_cstr(&out), "HTTP/1.0 200 OK\r\n", 17), 0);
	buf_reset(&out);
	http_mmsh_head(&out, 817);
	ck_assert_str_eq(buf_cstr(&out), "HTTP/1.0 200 OK\r\nServer: Rex/9.0.0.2980\r\n"
		"Cache-Control: no-cache\r\nPragma: no-cache\r\nPragma: client-id=3587303426\r\n"
		"Pragma: features=\"broadcast, playlist\"\r\n"
		"Content-Type: application/vnd.ms.wms-hdr.asfv1\r\nContent-Length: 817\r\n"
		"Connection: Keep-Alive\r\n\r\n");
	buf_reset(&out);
	http_mmsh_head(&out, 0);
	ck_assert_str_eq(buf_cstr(&out), "HTTP/1.0 200 OK\r\nServer: Rex/9.0.0.2980\r\n"
		"Cache-Control: no-cache\r\nPragma: no-cache\r\nPragma: client-id=3587303426\r\n"
		"Pragma: features=\"broadcast, playlist\"\r\nContent-Type: application/x-mms-framed\r\n\r\n");
	chaninfo_unref(&i);
	buf_fini(&out);
}
END_TEST

/* CR, LF and NUL never reach a header, wherever they come from. */
START_TEST(injection)
{
	struct chanmeta m;
	struct chaninfo *i;
	struct response rs;
	struct buf out;
	int k;

	memset(&m, 0, sizeof(m));
	for (k = 0; k < CT_COUNT; k++)
		text_copy(m.text[k], TEXT_MAX, "a\r\nX-Injected: 1\nb\tc\x7f");
	i = chaninfo_new(&m);
	ck_assert_ptr_nonnull(i);
	buf_init(&out, 1 << 16);
	http_stream_head(&out, i);
	http_relay_head(&out, 200, i, 1);
	http_icy_head(&out, i, 1, true);
	response_init(&rs, 100);
	response_header(&rs, "X", m.text[0]);
	rs.location = m.text[0];
	rs.type = m.text[0];
	response_head(&rs, &out);
	ck_assert_ptr_null(strstr(buf_cstr(&out), "\nX-Injected"));
	ck_assert_ptr_null(strstr(buf_cstr(&out), "\x7f"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "x-audiocast-name: aX-Injected: 1bc\r\n"));
	response_fini(&rs);
	chaninfo_unref(&i);
	buf_fini(&out);
}
END_TEST

/* Everything a peer gets until we end our side. */
static void all_of(struct buf *got, int fd)
{
	uint8_t b[4096];
	ssize_t n;

	buf_init(got, 1 << 20);
	while ((n = read(fd, b, sizeof(b))) > 0)
		buf_put(got, b, (size_t)n);
	ck_assert_int_eq(n, 0);
	close(fd);
	buf_cstr(got);
}

static void send_it(const struct response *rs, bool head_only, struct buf *got)
{
	struct host h = home();
	struct sock s;
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	sock_init(&s, fd[0], &h, NULL);
	ck_assert_int_eq(response_send(&s, rs, head_only, clk_deadline(SOON)), ST_OK);
	sock_close(&s);
	all_of(got, fd[1]);
}

static const struct {
	const char *name;
	int status;
	const char *detail;
	bool head_only;
	const char *starts, *has, *ends;
} answers[] = {
	{ "404", 404, NULL, false, "HTTP/1.0 404 Not Found\r\nServer: PeerCast/0.1218 "
		"(SV01)\r\nDate: ",
		"\r\nContent-Length: 24\r\n", "\r\n\r\nHTTP/1.0 404 Not Found\n\n" },
	{ "400 and why", 400, "so", false, "HTTP/1.0 400 Bad Request\r\n",
		"\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: "
			"nosniff\r\n",
		"\n\nso\n" },
	{ "head only", 503, "so", true, "HTTP/1.0 503 Service Unavailable\r\n",
		"\r\nContent-Length: 37\r\n", "\r\n\r\n" },
	{ "431", 431, NULL, false, "HTTP/1.0 431 Request Header Fields Too Large\r\n",
		"\r\nConnection: close\r\n", "\n\n" },
};

START_TEST(answer)
{
	struct response rs;
	struct buf got;
	const char *p;

	response_init(&rs, 1000);
	response_error(&rs, answers[_i].status, answers[_i].detail);
	send_it(&rs, answers[_i].head_only, &got);
	p = (const char *)got.p;
	ck_assert_msg(strncmp(p, answers[_i].starts, strlen(answers[_i].starts)) == 0, "%s: %s",
		answers[_i].name, p);
	ck_assert_msg(strstr(p, answers[_i].has) != NULL, "%s: %s", answers[_i].name, p);
	ck_assert_msg(strcmp(p + got.len - strlen(answers[_i].ends), answers[_i].ends) == 0,
		"%s: %s",
		answers[_i].name, p);
	response_fini(&rs);
	buf_fini(&got);
}
END_TEST

START_TEST(no_content)
{
	struct response rs;
	struct buf got;

	response_init(&rs, 1000);
	rs.status = 204;
	send_it(&rs, false, &got);
	ck_assert_ptr_null(strstr((const char *)got.p, "Content-"));
	response_fini(&rs);
	buf_fini(&got);
}
END_TEST

/* A body over its maximum is no half answer. */
START_TEST(body_over_limit)
{
	struct response rs;
	struct host h = home();
	struct sock s;
	struct buf got;
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	sock_init(&s, fd[0], &h, NULL);
	response_init(&rs, 4);
	rs.type = "text/plain";
	buf_puts(&rs.body, "hello");
	ck_assert_int_eq(response_send(&s, &rs, false, clk_deadline(SOON)), ST_LIMIT);
	sock_close(&s);
	all_of(&got, fd[1]);
	ck_assert_uint_eq(got.len, 0);
	response_fini(&rs);
	buf_fini(&got);
}
END_TEST

START_TEST(bare)
{
	struct host h = home();
	struct sock s;
	struct buf got;
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	sock_init(&s, fd[0], &h, NULL);
	ck_assert_int_eq(http_bare_status(&s, 404, clk_deadline(SOON)), ST_OK);
	sock_close(&s);
	all_of(&got, fd[1]);
	ck_assert_str_eq((const char *)got.p, "HTTP/1.0 404 Not Found\r\n\r\n");
	buf_fini(&got);
}
END_TEST

static const struct {
	int64_t at;
	const char *text;
} dates[] = {
	{ 0, "Thu, 01 Jan 1970 00:00:00 GMT" }, { 1795167245, "Fri, 20 Nov 2026 09:34:05 GMT" },
	{ 951782399, "Mon, 28 Feb 2000 23:59:59 GMT" }, { 951782400,
		"Tue, 29 Feb 2000 00:00:00 GMT" },
};

START_TEST(date)
{
	char got[HTTP_DATE];

	http_date(got, dates[_i].at);
	ck_assert_str_eq(got, dates[_i].text);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("response");
	TCase *t = tcase_create("streams");

	tcase_add_loop_test(t, stream_golden, 0, (int)NELEM(captured));
	tcase_add_test(t, relay_golden);
	tcase_add_loop_test(t, stream_types, 0, (int)NELEM(types));
	tcase_add_loop_test(t, mime, 0, (int)NELEM(mimes));
	tcase_add_test(t, icy_and_mmsh);
	tcase_add_test(t, injection);
	suite_add_tcase(s, t);
	t = tcase_create("answers");
	tcase_add_loop_test(t, answer, 0, (int)NELEM(answers));
	tcase_add_test(t, no_content);
	tcase_add_test(t, body_over_limit);
	tcase_add_test(t, bare);
	tcase_add_loop_test(t, date, 0, (int)NELEM(dates));
	suite_add_tcase(s, t);
	return s;
}
