/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/igdtext.h"

#include <string.h>

#include "core/sys/cc.h"
#include "test/unit/unit.h"

#define LONG_PATH "/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" \
	"012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567" \
	"01234567890123456789012345678901234567890123456789"

/* The router is 192.168.1.1, the description http://192.168.1.1:5000/d/root.xml?a/b. */
static const struct {
	const char *url;
	bool relative;          /* to the description, or alone */
	enum portmap_why want;
	const char *at, *path;
} urls[] = {
	{ "http://192.168.1.1:5000/d/root.xml", false, PMWHY_OK, "192.168.1.1:5000", "/d/root.xml" },
	{ "HTTP://192.168.1.1/", false, PMWHY_OK, "192.168.1.1:80", "/" },
	{ "http://192.168.1.1", false, PMWHY_OK, "192.168.1.1:80", "/" },
	{ "http://192.168.1.1?x=1", false, PMWHY_OK, "192.168.1.1:80", "/?x=1" },
	{ "http://192.168.1.1:65535/a#b", false, PMWHY_OK, "192.168.1.1:65535", "/a" },
	{ "http://192.168.1.1#/", false, PMWHY_OK, "192.168.1.1:80", "/" },
	{ "http://127.0.0.1/", false, PMWHY_ELSEWHERE, NULL, NULL },
	{ "http://192.168.1.2:5000/d", false, PMWHY_ELSEWHERE, NULL, NULL },
	{ "http://203.0.113.1/", false, PMWHY_ELSEWHERE, NULL, NULL },
	{ "http://router.lan/", false, PMWHY_ELSEWHERE, NULL, NULL },
	{ "http://192.168.1.1@127.0.0.1/", false, PMWHY_ELSEWHERE, NULL, NULL },
	{ "http://127.0.0.1:80@192.168.1.1/", false, PMWHY_ELSEWHERE, NULL, NULL },
	{ "http://[::1]/", false, PMWHY_ELSEWHERE, NULL, NULL },
	{ "http://[::ffff:192.168.1.1]/", false, PMWHY_OK, "192.168.1.1:80", "/" },
	{ "http://0xc0a80101/", false, PMWHY_ELSEWHERE, NULL, NULL },
	{ "http://192.168.1.1:0/", false, PMWHY_BAD_ANSWER, NULL, NULL },
	{ "http://192.168.1.1:65536/", false, PMWHY_ELSEWHERE, NULL, NULL },
	{ "http:///d", false, PMWHY_BAD_ANSWER, NULL, NULL },
	{ "http://", false, PMWHY_BAD_ANSWER, NULL, NULL },
	{ "https://192.168.1.1/", false, PMWHY_BAD_ANSWER, NULL, NULL },
	{ "file:///etc/passwd", false, PMWHY_BAD_ANSWER, NULL, NULL },
	{ "", false, PMWHY_BAD_ANSWER, NULL, NULL },
	{ "/d", false, PMWHY_BAD_ANSWER, NULL, NULL },
	{ "http://192.168.1.1/a b", false, PMWHY_BAD_ANSWER, NULL, NULL },
	{ "http://192.168.1.1/a\r\nX: y", false, PMWHY_BAD_ANSWER, NULL, NULL },
	{ "http://192.168.1.1/\xc3\xa9", false, PMWHY_BAD_ANSWER, NULL, NULL },
	{ "http://192.168.1.1" LONG_PATH, false, PMWHY_BAD_ANSWER, NULL, NULL },
	{ "/c", true, PMWHY_OK, "192.168.1.1:5000", "/c" },
	{ "c/ip", true, PMWHY_OK, "192.168.1.1:5000", "/d/c/ip" },
	{ "../c", true, PMWHY_OK, "192.168.1.1:5000", "/d/../c" },
	{ "?c", true, PMWHY_OK, "192.168.1.1:5000", "/d/?c" },
	{ "//192.168.1.1:81/c", true, PMWHY_OK, "192.168.1.1:81", "/c" },
	{ "//127.0.0.1/c", true, PMWHY_ELSEWHERE, NULL, NULL },
	{ "http://192.168.1.1:82/c", true, PMWHY_OK, "192.168.1.1:82", "/c" },
	{ "http://127.0.0.1:5000/c", true, PMWHY_ELSEWHERE, NULL, NULL },
	{ "javascript:x", true, PMWHY_BAD_ANSWER, NULL, NULL },
	{ LONG_PATH, true, PMWHY_BAD_ANSWER, NULL, NULL },
	{ "c" LONG_PATH, true, PMWHY_BAD_ANSWER, NULL, NULL },
};

START_TEST(url)
{
	const struct host router = host_v4(192, 168, 1, 1, 0);
	struct igd_url base, u;
	char at[HOST_STRLEN];
	enum portmap_why why;

	ck_assert(igd_url_parse(&base, "http://192.168.1.1:5000/d/root.xml?a/b", NULL, &router) == PMWHY_OK);
	why = igd_url_parse(&u, urls[_i].url, urls[_i].relative ? &base : NULL, &router);
	ck_assert_msg(why == urls[_i].want, "%s: %s", urls[_i].url, portmap_why_code(why));
	if (why == PMWHY_OK) {
		ck_assert_str_eq(host_str(&u.at, at), urls[_i].at);
		ck_assert_str_eq(u.path, urls[_i].path);
	}
}
END_TEST

#define OK "HTTP/1.1 200 OK\r\n"
static const struct {
	const char *packet, *want;      /* NULL = it is none */
} answers[] = {
	{ OK "ST: x\r\nLOCATION: http://192.168.1.1/d\r\n\r\n", "http://192.168.1.1/d" },
	{ OK "location:http://192.168.1.1/d", "http://192.168.1.1/d" },
	{ "HTTP/1.0 200\nLocation: \t x \t\n\n", "x" },
	{ OK "X-LOCATION: a\r\nLocation: b\r\n\r\n", "b" },
	{ OK "\r\nLocation: b\r\n", NULL },
	{ OK "Location:\r\n\r\n", NULL },
	{ OK, NULL },
	{ "HTTP/1.1 200 OK", NULL },
	{ "HTTP/1.1 404 No\r\nLocation: b\r\n\r\n", NULL },
	{ "NOTIFY * HTTP/1.1\r\nLocation: b\r\n\r\n", NULL },
	{ "HTTP/1.1", NULL }, { "\n", NULL }, { "", NULL },
	{ OK "Location: " LONG_PATH LONG_PATH "\r\n\r\n", NULL },
};

START_TEST(answer)
{
	const char *p = answers[_i].packet;
	char got[IGD_URL];

	if (!ssdp_location((const uint8_t *)p, strlen(p), got))
		got[0] = '\0';
	ck_assert_str_eq(got, answers[_i].want != NULL ? answers[_i].want : "");
}
END_TEST

START_TEST(search)
{
	const struct host to = host_v4(239, 255, 255, 250, 1900);
	char text[256];
	const size_t n = ssdp_search(text, sizeof(text), "upnp:rootdevice", &to);

	ck_assert_str_eq(text, "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nST: upnp:rootdevice\r\n"
		"MAN: \"ssdp:discover\"\r\nMX: 1\r\n\r\n");
	ck_assert_uint_eq(n, strlen(text));
	ck_assert_uint_eq(ssdp_search(text, 40, "upnp:rootdevice", &to), 0);
}
END_TEST

static const struct {
	const char *name;
	bool want;
} services[] = {
	{ "urn:schemas-upnp-org:service:WANIPConnection:1", true },
	{ "urn:schemas-upnp-org:service:WANIPConnection:2", true },
	{ "urn:schemas-upnp-org:service:WANPPPConnection:1", true },
	{ "urn:schemas-upnp-org:service:WANIPConnection:", false },
	{ "urn:schemas-upnp-org:service:WANIPConnection:1\r\nX: y", false },
	{ "urn:schemas-upnp-org:service:WANIPConnection:12", false },
	{ "urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1", false },
	{ "", false },
};

START_TEST(service)
{
	ck_assert_msg(igd_is_service(services[_i].name) == services[_i].want, "%s", services[_i].name);
}
END_TEST

START_TEST(request)
{
	const struct igd_url u = { .at = host_v4(192, 168, 1, 1, 5000), .path = "/c" };
	const struct igd_arg args[] = { { "NewRemoteHost", "" }, { "NewExternalPort", "7144" } };
	const char *text, *body;
	struct buf b;
	char length[40];

	buf_init(&b, 4096);
	igd_call(&b, &u, "urn:s:1", "Do", args, NELEM(args));
	text = buf_cstr(&b);
	ck_assert(strncmp(text, "POST /c HTTP/1.1\r\nHost: 192.168.1.1:5000\r\n", 41) == 0);
	ck_assert_ptr_nonnull(strstr(text, "SOAPAction: \"urn:s:1#Do\"\r\n"));
	body = strstr(text, "\r\n\r\n") + 4;
	ck_assert_ptr_nonnull(strstr(body, "<u:Do xmlns:u=\"urn:s:1\"><NewRemoteHost></NewRemoteHost>"
		"<NewExternalPort>7144</NewExternalPort></u:Do></s:Body>"));
	(void)snprintf(length, sizeof(length), "Content-Length: %zu\r\n", strlen(body));
	ck_assert_ptr_nonnull(strstr(text, length));
	buf_fini(&b);
	buf_init(&b, 100);              /* too long is an error, not half a request */
	igd_call(&b, &u, "urn:s:1", "Do", args, NELEM(args));
	ck_assert_int_eq(b.err, ST_LIMIT);
	buf_fini(&b);
}
END_TEST

/* Lines of a head, and what they say; status 0 = refused. */
static const struct {
	const char *lines[4];
	struct igd_head want;
} heads[] = {
	{ { "HTTP/1.1 200 OK", "Content-Length: 12" }, { .status = 200, .has_length = true, .length = 12 } },
	{ { "HTTP/1.0 500 x", "content-length:0 " }, { .status = 500, .has_length = true } },
	{ { "HTTP/1.1 200", "Transfer-Encoding: Chunked" }, { .status = 200, .chunked = true } },
	{ { "HTTP/1.1 302 Found", "Location: x", "X-Content-Length: 9" }, { .status = 302 } },
	{ { "HTTP/1.1 200 OK", "Content-Length: -1" }, { .status = 0 } },
	{ { "HTTP/1.1 200 OK", "Content-Length: 2147483648" }, { .status = 0 } },
	{ { "HTTP/1.1 200 OK", "Content-Length: 99999999999999999999" }, { .status = 0 } },
	{ { "HTTP/1.1 200 OK", "Content-Length:" }, { .status = 0 } },
	{ { "HTTP/1.1 200 OK", "Content-Length: 1, 2" }, { .status = 0 } },
	{ { "HTTP/1.1 99 x" }, { .status = 0 } }, { { "HTTP/1.1 600 x" }, { .status = 0 } },
	{ { "HTTP/2 200" }, { .status = 0 } }, { { "ICY 200 OK" }, { .status = 0 } },
	{ { "HTTP/1." }, { .status = 0 } }, { { "" }, { .status = 0 } },
};

START_TEST(head)
{
	struct igd_head h = { .status = 0 };
	bool ok = true;

	for (size_t i = 0; i < 4 && heads[_i].lines[i] != NULL && ok; i++)
		ok = igd_head_line(&h, heads[_i].lines[i]);
	ck_assert_msg(ok == (heads[_i].want.status != 0), "%s", heads[_i].lines[0]);
	if (ok) {
		ck_assert(h.status == heads[_i].want.status && h.length == heads[_i].want.length);
		ck_assert(h.has_length == heads[_i].want.has_length && h.chunked == heads[_i].want.chunked);
	}
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("igdtext");
	TCase *t = tcase_create("all");

	tcase_add_loop_test(t, url, 0, NELEM(urls));
	tcase_add_loop_test(t, answer, 0, NELEM(answers));
	tcase_add_test(t, search);
	tcase_add_loop_test(t, service, 0, NELEM(services));
	tcase_add_test(t, request);
	tcase_add_loop_test(t, head, 0, NELEM(heads));
	suite_add_tcase(s, t);
	return s;
}
