/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a client reads of yp4g.xml, and texts that are elements' of a feed. */
#include "xml/yp4g.h"

#include "test/unit/unit.h"
#include "test/unit/xml/xmltest.h"
#include "xml/rss.h"

/* The bytes of yp.md 3.4. */
START_TEST(sample)
{
	struct yp4g y = {
		.name = "DEMO YP", .ip = "203.0.113.50", .port_open = true, .speed_kbps = 1480, .fast_kbps = 2000,
		.checkable = true, .addr = "yp.example.jp", .port = 443, .object = "/uptest.cgi", .post_size = 250,
		.limit_kbps = 3000, .interval_s = 15, .enabled = true,
	};
	struct buf out;

	buf_init(&out, 4096);
	yp4g_emit(&y, &out);
	ck_assert_str_eq(buf_cstr(&out),
		"<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n"
		"<yp4g>\n"
		"\t<yp name=\"DEMO YP\" />\n"
		"\t<host ip=\"203.0.113.50\" port_open=\"1\" speed=\"1480\" over=\"0\" />\n"
		"\t<uptest checkable=\"1\" remain=\"0\" />\n"
		"\t<uptest_srv addr=\"yp.example.jp\" port=\"443\" object=\"/uptest.cgi\" post_size=\"250\" limit=\"3000\" "
		"interval=\"15\" enabled=\"1\" />\n"
		"</yp4g>\n");
	buf_fini(&out);
}
END_TEST

/* Names that somebody else chose; a speed above the line. */
START_TEST(hostile)
{
	struct yp4g y = { .name = "\"><a b='&'>\x01\xff", .ip = "", .speed_kbps = 9999, .fast_kbps = 2000,
		.checkable = true, .remain_s = 7, .addr = "<x>", .object = "" };
	struct buf out;
	xmlNodePtr root;
	xmlDocPtr d;
	char text[64];

	buf_init(&out, 4096);
	yp4g_emit(&y, &out);
	d = xml_strict(out.p, out.len);
	ck_assert_ptr_nonnull(d);
	root = xmlDocGetRootElement(d);
	attr(text, sizeof(text), child(root, "yp"), "name");
	ck_assert_str_eq(text, "\"><a b='&'> \xef\xbf\xbd");
	attr(text, sizeof(text), child(root, "uptest_srv"), "addr");
	ck_assert_str_eq(text, "<x>");
	ck_assert_uint_eq(num(child(root, "host"), "speed"), 2000);
	ck_assert_uint_eq(num(child(root, "host"), "over"), 1);
	ck_assert_uint_eq(num(child(root, "uptest"), "checkable"), 0);
	ck_assert_uint_eq(num(child(root, "uptest"), "remain"), 7);
	xmlFreeDoc(d);
	buf_fini(&out);
}
END_TEST

/* Texts of elements are not cut, and characters at the borders of what is written at once stay whole. */
START_TEST(feed)
{
	struct xmlout *x = xmlout_new(1 << 20);
	struct rss_item item = { .title = "<&>\"'", .category = "", .link = "http://x/?a&b", .date = "D", .started_s = 5 };
	char text[3000] = "x";
	const uint8_t *p;
	xmlDocPtr d;
	xmlNodePtr n;
	xmlChar *s;
	size_t i, len;

	ck_assert_ptr_nonnull(x);
	for (i = 0; i < 700; i++)
		memcpy(text + 1 + 3 * i, "あ", 4);
	item.description = text;
	rss_begin(x, "t", "l", "d");
	rss_item(x, &item);
	rss_end(x);
	ck_assert_int_eq(xmlout_bytes(x, &p, &len), ST_OK);
	d = xml_strict(p, len);
	ck_assert_ptr_nonnull(d);
	n = child(child(xmlDocGetRootElement(d), "channel"), "item");
	s = xmlNodeGetContent(child(n, "description"));
	ck_assert_str_eq((const char *)s, text);
	xmlFree(s);
	s = xmlNodeGetContent(child(n, "title"));
	ck_assert_str_eq((const char *)s, "<&>\"'");
	xmlFree(s);
	s = xmlNodeGetContent(child(n, "guid"));
	ck_assert_str_eq((const char *)s, "00000000000000000000000000000000-5");
	xmlFree(s);
	ck_assert_ptr_null(child(n, "category"));
	xmlFreeDoc(d);
	xmlout_free(&x);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("xml/yp4g");
	TCase *t = tcase_create("yp4g");

	xml_init();
	tcase_add_test(t, sample);
	tcase_add_test(t, hostile);
	tcase_add_test(t, feed);
	suite_add_tcase(s, t);
	return s;
}
