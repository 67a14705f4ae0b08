/* SPDX-License-Identifier: GPL-2.0-or-later */
/* yp4g.xml as other yellow pages send it, and as they should not. */
#include "xml/yp4gin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/unit.h"
#include "xml/xmlout.h"
#include "xml/yp4g.h"

#define YP    "<yp name=\"N\" />"
#define HOST  "<host ip=\"192.0.2.1\" port_open=\"1\" speed=\"1480\" over=\"0\" />"
#define TEST  "<uptest checkable=\"1\" remain=\"3\" />"
#define SRV(addr, port, object, post) "<uptest_srv addr=\"" addr "\" port=\"" port "\" object=\"" object \
	"\" post_size=\"" post "\" limit=\"3000\" interval=\"15\" enabled=\"1\" />"
#define GOOD  SRV("yp.example", "8080", "/uptest.cgi", "250")
#define DOC(inner) "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n<yp4g>" inner "</yp4g>\n"

START_TEST(good)
{
	static const char doc[] = DOC(YP HOST TEST GOOD);
	struct yp4gin y;

	ck_assert_int_eq(yp4g_parse(doc, strlen(doc), &y), ST_OK);
	ck_assert_str_eq(y.name, "N");
	ck_assert_str_eq(y.ip, "192.0.2.1");
	ck_assert(y.port_open && !y.over && y.checkable && y.enabled);
	ck_assert_uint_eq(y.speed_kbps, 1480);
	ck_assert_uint_eq(y.remain_s, 3);
	ck_assert_str_eq(y.addr, "yp.example");
	ck_assert_uint_eq(y.port, 8080);
	ck_assert_str_eq(y.object, "/uptest.cgi");
	ck_assert_uint_eq(y.post_size, 250);
	ck_assert_uint_eq(y.limit_kbps, 3000);
	ck_assert_uint_eq(y.interval_s, 15);
}
END_TEST

/* What we send ourselves as a root. */
START_TEST(our_own)
{
	struct yp4g own = {
		.name = "a<b>\"&'", .ip = "203.0.113.50", .port_open = true, .speed_kbps = 2500, .fast_kbps = 2000,
		.addr = "2001:db8::1", .port = 7144, .object = "/uptest.cgi", .post_size = 250, .limit_kbps = 3000,
		.interval_s = 15, .enabled = true,
	};
	struct yp4gin y;
	struct buf b;

	buf_init(&b, 4096);
	yp4g_emit(&own, &b);
	ck_assert_int_eq(yp4g_parse(b.p, b.len, &y), ST_OK);
	ck_assert_str_eq(y.name, own.name);
	ck_assert_str_eq(y.addr, own.addr);
	ck_assert(y.over && !y.checkable);
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *what, *doc;
} bad[] = {
	{ "nothing", "" },
	{ "a page", "<html><body>404</body></html>" },
	{ "cut", "<yp4g>" YP HOST TEST GOOD },
	{ "no yp", DOC(HOST TEST GOOD) },
	{ "no host", DOC(YP TEST GOOD) },
	{ "no test", DOC(YP HOST GOOD) },
	{ "no server", DOC(YP HOST TEST) },
	{ "deeper", DOC("<x>" YP HOST TEST GOOD "</x>") },
	{ "no attribute", DOC(YP "<host ip=\"x\" port_open=\"1\" speed=\"1\" />" TEST GOOD) },
	{ "a number that is none", DOC(YP "<host ip=\"x\" port_open=\"1\" speed=\"fast\" over=\"0\" />" TEST GOOD) },
	{ "a negative number", DOC(YP HOST TEST SRV("a", "80", "/", "-1")) },
	{ "a great number", DOC(YP HOST TEST SRV("a", "80", "/", "99999999999")) },
	{ "port 0", DOC(YP HOST TEST SRV("a", "0", "/", "1")) },
	{ "port 65536", DOC(YP HOST TEST SRV("a", "65536", "/", "1")) },
	{ "no address", DOC(YP HOST TEST SRV("", "80", "/", "1")) },
	{ "an address with a path", DOC(YP HOST TEST SRV("a/b", "80", "/", "1")) },
	{ "an address with a user", DOC(YP HOST TEST SRV("a@b", "80", "/", "1")) },
	{ "an address with a port", DOC(YP HOST TEST SRV("192.0.2.1:22", "80", "/", "1")) },
	{ "no path", DOC(YP HOST TEST SRV("a", "80", "x", "1")) },
	{ "a path with a line end", DOC(YP HOST TEST SRV("a", "80", "/&#10;X-Y: z", "1")) },
	{ "an entity", "<!DOCTYPE yp4g [<!ENTITY e \"x\">]><yp4g>" YP HOST TEST GOOD "</yp4g>" },
	{ "a file", "<!DOCTYPE yp4g [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><yp4g><yp name=\"&e;\" />" HOST TEST GOOD
		"</yp4g>" },
	{ "an outer type", "<!DOCTYPE yp4g SYSTEM \"http://127.0.0.1:1/x.dtd\"><yp4g>" YP HOST TEST GOOD "</yp4g>" },
	{ "laughs", "<!DOCTYPE yp4g [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c "
		"\"&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;\"><!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;\">"
		"<!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;\"><!ENTITY g \"&f;&f;&f;&f;&f;&f;&f;\">]><yp4g><yp name=\"&g;\" />"
		HOST TEST GOOD "</yp4g>" },
};

START_TEST(refused)
{
	struct yp4gin y;

	ck_assert_msg(yp4g_parse(bad[_i].doc, strlen(bad[_i].doc), &y) == ST_PROTO, "%s", bad[_i].what);
}
END_TEST

START_TEST(too_long)
{
	char *doc = malloc(YP4G_MAX + 1);
	struct yp4gin y;

	ck_assert_ptr_nonnull(doc);
	memset(doc, ' ', YP4G_MAX + 1);
	ck_assert_int_eq(yp4g_parse(doc, YP4G_MAX + 1, &y), ST_LIMIT);
	ck_assert_int_eq(yp4g_parse(doc, YP4G_MAX, &y), ST_PROTO);
	free(doc);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("xml/yp4gin");
	TCase *t = tcase_create("yp4gin");

	xml_init();
	tcase_add_test(t, good);
	tcase_add_test(t, our_own);
	tcase_add_loop_test(t, refused, 0, NELEM(bad));
	tcase_add_test(t, too_long);
	suite_add_tcase(s, t);
	return s;
}
