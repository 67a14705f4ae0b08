/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/ypfeed.h"

#include <jansson.h>
#include <libxml/parser.h>

#include "http/response.h"
#include "test/unit/http/yptest.h"
#include "test/unit/unit.h"
#include "xml/xmlout.h"

static struct node node;
static struct yplist list;
static const struct ypviewer nobody, open_only = { true, 0 };

static void up(void)
{
	xml_init();
	root_up(&node, "yp");
}

static void down(void)
{
	yplist_fini(&list);
	root_down(&node);
}

static void take(void)
{
	ck_assert_int_eq(yplist_take(&node, clk_wall_ns() - clk_now(), &list), ST_OK);
}

static json_t *json_of(const char *query, const struct ypviewer *v)
{
	json_error_t e;
	struct ypquery q;
	struct buf out;
	json_t *doc;

	ypquery_parse(&q, query);
	buf_init(&out, YPFEED_MAX);
	ypfeed_json(&list, &q, v, &out);
	ck_assert_int_eq(out.err, ST_OK);
	doc = json_loadb((const char *)out.p, out.len, JSON_REJECT_DUPLICATES, &e);
	ck_assert_msg(doc != NULL, "%s: %.*s", e.text, (int)out.len, (const char *)out.p);
	buf_fini(&out);
	return doc;
}

static const char *text(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	ck_assert_msg(s != NULL, "no text %s", key);
	return s;
}

START_TEST(json)
{
	json_t *doc, *chans, *c;
	int64_t started;

	SAY(&node, 1, "a\\\"</script>\x01", "yp?x", .desc = "d", .comment = "c\\", .url = "http://x/", .bitrate = 500,
		.listeners = 3, .artist = "A", .album = "B", .title = "C", .contact = "D", .flags = HIT_DIRECT);
	take();
	doc = json_of("", &nobody);
	ck_assert_int_eq(json_integer_value(json_object_get(doc, "version")), 1);
	ck_assert_str_eq(text(doc, "name"), "DEMO YP");
	ck_assert_str_eq(text(doc, "url"), "http://127.0.0.1:7144/yp/");
	chans = json_object_get(doc, "channels");
	ck_assert_uint_eq(json_array_size(chans), 1);
	c = json_array_get(chans, 0);
	ck_assert_str_eq(text(c, "name"), "a\\\"</script> ");
	ck_assert_str_eq(text(c, "namespace"), "");
	ck_assert_str_eq(text(c, "genre"), "x");
	ck_assert_str_eq(text(c, "description"), "d");
	ck_assert_str_eq(text(c, "comment"), "c\\");
	ck_assert_str_eq(text(c, "contact"), "http://x/");
	ck_assert_str_eq(text(c, "type"), "FLV");
	ck_assert_str_eq(text(c, "limit"), "free");
	ck_assert_str_eq(text(c, "id"), "AB000000000000000000000000000001");
	ck_assert_str_eq(text(c, "tip"), "203.0.113.1:7144");
	ck_assert_int_eq(json_integer_value(json_object_get(c, "bitrate")), 500);
	ck_assert(json_is_null(json_object_get(c, "listeners")) && json_is_null(json_object_get(c, "relays")));
	ck_assert(json_is_true(json_object_get(c, "playable")) && json_is_true(json_object_get(c, "direct")));
	ck_assert(json_is_false(json_object_get(c, "stale")));
	started = json_integer_value(json_object_get(c, "started"));
	ck_assert(started <= clk_wall_s() && started > clk_wall_s() - 60);
	c = json_object_get(c, "track");
	ck_assert_str_eq(text(c, "artist"), "A");
	ck_assert_str_eq(text(c, "album"), "B");
	ck_assert_str_eq(text(c, "title"), "C");
	ck_assert_str_eq(text(c, "contact"), "D");
	ck_assert_str_eq(text(c, "genre"), "");
	json_decref(doc);
}
END_TEST

START_TEST(restricted)
{
	json_t *doc, *c;

	SAY(&node, 1, "a", "ypNS:@x", .listeners = 3);
	SAY(&node, 2, "push", "ypx", .flags = HIT_PUSH, .relays = 1);
	take();
	doc = json_of("", &nobody);
	ck_assert_uint_eq(json_array_size(json_object_get(doc, "channels")), 1);
	c = json_array_get(json_object_get(doc, "channels"), 0);
	ck_assert_str_eq(text(c, "id"), "AB000000000000000000000000000002");
	ck_assert(json_is_null(json_object_get(c, "tip")) && json_is_true(json_object_get(c, "playable")));
	ck_assert_int_eq(json_integer_value(json_object_get(c, "relays")), 1);
	json_decref(doc);
	doc = json_of("ns=NS", &nobody);
	c = json_array_get(json_object_get(doc, "channels"), 0);
	ck_assert_str_eq(text(c, "namespace"), "NS");
	ck_assert_str_eq(text(c, "limit"), "open");
	ck_assert(json_is_null(json_object_get(c, "tip")) && json_is_null(json_object_get(c, "id")) &&
		json_is_false(json_object_get(c, "playable")));
	json_decref(doc);
	doc = json_of("ns=NS", &open_only);
	c = json_array_get(json_object_get(doc, "channels"), 0);
	ck_assert_str_eq(text(c, "tip"), "203.0.113.1:7144");
	ck_assert(json_is_true(json_object_get(c, "playable")));
	json_decref(doc);
	doc = json_of("find=zz", &nobody);
	ck_assert_uint_eq(json_array_size(json_object_get(doc, "channels")), 0);
	json_decref(doc);
}
END_TEST

/* --- RSS -------------------------------------------------------------------------------------- */

static xmlDocPtr rss_of(const char *query)
{
	struct ypquery q;
	struct buf out;
	xmlDocPtr doc;

	ypquery_parse(&q, query);
	buf_init(&out, 1);
	ck_assert_int_eq(ypfeed_rss(&list, &q, &out), ST_OK);
	doc = xmlReadMemory((const char *)out.p, (int)out.len, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
	ck_assert_msg(doc != NULL, "%.*s", (int)out.len, (const char *)out.p);
	buf_fini(&out);
	return doc;
}

/* The text of the n-th element of that name below a node, "" when there is none. */
static const char *at(xmlNodePtr from, const char *name, int n)
{
	static char all[8][1024];
	static unsigned int k;
	char *dst = all[k++ % 8];
	xmlNodePtr c;

	dst[0] = '\0';
	for (c = from->children; c != NULL; c = c->next)
		if (c->type == XML_ELEMENT_NODE && strcmp((const char *)c->name, name) == 0 && n-- == 0) {
			xmlChar *s = xmlNodeGetContent(c);

			text_copy(dst, 1024, (const char *)s);
			xmlFree(s);
		}
	return dst;
}

static xmlNodePtr child_of(xmlNodePtr from, const char *name, int n)
{
	xmlNodePtr c;

	for (c = from->children; c != NULL; c = c->next)
		if (c->type == XML_ELEMENT_NODE && strcmp((const char *)c->name, name) == 0 && n-- == 0)
			return c;
	return NULL;
}

START_TEST(rss)
{
	char wide[TEXT_MAX], date[HTTP_DATE], guid[80];
	xmlNodePtr chan, item;
	xmlDocPtr doc;

	memset(wide, '<', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	SAY(&node, 1, "a <b> & ]]>", "ypgame", .desc = wide, .comment = wide, .url = "http://x/?a=1&b=2", .artist = "A",
		.title = "T");
	take();
	doc = rss_of("");
	chan = child_of(xmlDocGetRootElement(doc), "channel", 0);
	ck_assert_ptr_nonnull(chan);
	ck_assert_str_eq(at(chan, "title", 0), "DEMO YP");
	ck_assert_str_eq(at(chan, "link", 0), "http://127.0.0.1:7144/yp/");
	ck_assert_str_ne(at(chan, "description", 0), "");
	item = child_of(chan, "item", 0);
	ck_assert_ptr_nonnull(item);
	ck_assert_str_eq(at(item, "title", 0), "a <b> & ]]>");
	ck_assert_str_eq(at(item, "link", 0), "http://x/?a=1&b=2");
	ck_assert_str_eq(at(item, "category", 0), "game");
	/* longer than a text of a channel can be */
	ck_assert_uint_eq(strlen(at(item, "description", 0)), strlen("game - ") + 255 + 3 + 255 + strlen(" / A - T"));
	http_date(date, list.chans[0].started_s);
	ck_assert_str_eq(at(item, "pubDate", 0), date);
	snprintf(guid, sizeof(guid), "AB000000000000000000000000000001-%lld", (long long)list.chans[0].started_s);
	ck_assert_str_eq(at(item, "guid", 0), guid);
	xmlFreeDoc(doc);
}
END_TEST

/* No address and no id of a channel that not everybody may play; other contacts than web pages are
 * not linked. */
START_TEST(rss_restricted)
{
	struct ypquery q = { .n_ns = 0 };
	struct buf out;
	xmlDocPtr doc;

	SAY(&node, 1, "a", "yp@", .url = "javascript:alert(1)");
	SAY(&node, 2, "b", "yp@");
	SAY(&node, 3, "n", "ypNS:");
	take();
	doc = rss_of("");
	{
		xmlNodePtr chan = child_of(xmlDocGetRootElement(doc), "channel", 0);

		ck_assert_ptr_null(child_of(chan, "item", 2));
		ck_assert_str_eq(at(child_of(chan, "item", 0), "link", 0), "http://127.0.0.1:7144/yp/");
		ck_assert_str_eq(at(child_of(chan, "item", 0), "category", 0), "");
		ck_assert_str_ne(at(child_of(chan, "item", 0), "guid", 0), at(child_of(chan, "item", 1), "guid", 0));
	}
	xmlFreeDoc(doc);
	buf_init(&out, 1);
	ck_assert_int_eq(ypfeed_rss(&list, &q, &out), ST_OK);
	ck_assert_ptr_null(strstr(buf_cstr(&out), "AB0000"));
	ck_assert_ptr_null(strstr(buf_cstr(&out), "203.0.113"));
	buf_fini(&out);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("http/ypfeed");
	TCase *t = tcase_create("ypfeed");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_test(t, json);
	tcase_add_test(t, restricted);
	tcase_add_test(t, rss);
	tcase_add_test(t, rss_restricted);
	suite_add_tcase(s, t);
	return s;
}
