/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: calloc */
#include "core/node/chandir.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"
#include "test/unit/unit.h"

static int fail_in = -1;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return fail_in >= 0 && fail_in-- == 0 ? NULL : __real_calloc(n, size);
}

#define ID(n) "5942D78C0D0D12273317E281AE0E7B7" n
#define LINE(name, n, tip, listeners) name "<>" ID(n) "<>" tip "<><><><>" listeners \
	"<>0<>0<><><><><><><><><><>0\n"

static struct chandir d;
static struct dirfeed feeds[2];

static void up(void)
{
	static const char *const texts[2] = {
		LINE("a", "1", "198.51.100.1:7144", "5") LINE("b", "2", "127.0.0.1:9", "-1") LINE("c", "3", "", "9"),
		LINE("d", "1", "198.51.100.2:7144", "7") LINE("e", "4", "yp.example:7144", "9")
			"info<>00000000000000000000000000000000<><><><><>-9<>-9<>0<><><><><><><><><><>0\n",
	};

	memset(feeds, 0, sizeof(feeds));
	chandir_init(&d);
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(feed_parse(texts[i], strlen(texts[i]), &feeds[i].list), ST_OK);
	(void)text_copy(feeds[0].url, sizeof(feeds[0].url), "http://a.example/");
	(void)text_copy(feeds[1].url, sizeof(feeds[1].url), "http://b.example/");
	(void)text_copy(feeds[1].root_host, sizeof(feeds[1].root_host), "root.example:7146");
}

static void down(void)
{
	feedlist_unref(&feeds[0].list);
	feedlist_unref(&feeds[1].list);
	chandir_fini(&d);
}

static struct gnuid id(const char *hex)
{
	struct gnuid g;

	ck_assert(gnuid_parse(&g, hex));
	return g;
}

START_TEST(merged)
{
	static const char *const order[] = { "c", "e", "d", "a", "b", "info" };
	const struct gnuid one = id(ID("1")), none = id(ID("9")), zero = { { 0 } };
	struct dirview *v;

	ck_assert_ptr_null(chandir_get(&d));
	ck_assert_int_eq(chandir_put(&d, feeds, 2), ST_OK);
	v = chandir_get(&d);
	ck_assert_uint_eq(v->n_feeds, 2);
	ck_assert_uint_eq(v->n_entries, NELEM(order));
	for (size_t i = 0; i < NELEM(order); i++)
		ck_assert_str_eq(v->entries[i].chan->text[FEED_NAME], order[i]);
	/* the first of an id counts */
	ck_assert_str_eq(dirview_find(v, &one)->chan->text[FEED_NAME], "d");
	ck_assert_uint_eq(dirview_find(v, &one)->feed, 1);
	ck_assert_ptr_null(dirview_find(v, &none));
	ck_assert_ptr_null(dirview_find(v, &zero));
	ck_assert_ptr_null(dirview_find(NULL, &one));
	/* a picture stays whole for those who look at it */
	ck_assert_int_eq(chandir_put(&d, feeds, 0), ST_OK);
	ck_assert_str_eq(v->entries[0].chan->text[FEED_NAME], "c");
	dirview_unref(&v);
	v = chandir_get(&d);
	ck_assert_uint_eq(v->n_entries, 0);
	dirview_unref(&v);
}
END_TEST

START_TEST(tips_and_roots)
{
	const struct gnuid one = id(ID("1")), two = id(ID("2")), three = id(ID("3")), four = id(ID("4"));
	char root[SETTINGS_TEXT], text[HOST_STRLEN];
	struct host h;

	ck_assert(!chandir_tip(&d, &one, &h));
	ck_assert_int_eq(chandir_put(&d, feeds, 2), ST_OK);
	ck_assert(chandir_tip(&d, &one, &h));
	ck_assert_str_eq(host_str(&h, text), "198.51.100.2:7144");
	/* of a list from outside nothing leads to this machine; of one from here it may */
	ck_assert(!chandir_tip(&d, &two, &h));
	feeds[0].near = true;
	ck_assert_int_eq(chandir_put(&d, feeds, 2), ST_OK);
	ck_assert(chandir_tip(&d, &two, &h));
	ck_assert(!chandir_tip(&d, &three, &h));
	ck_assert(!chandir_tip(&d, &four, &h));         /* a name: nobody looks it up here */
	ck_assert(chandir_root(&d, &one, root));
	ck_assert_str_eq(root, "root.example:7146");
	ck_assert(!chandir_root(&d, &two, root));
}
END_TEST

START_TEST(well_known)
{
	char name[SETTINGS_TEXT];

	ck_assert_str_eq(chandir_known_root("http://bayonet.ddo.jp/sp/index.txt"), "bayonet.ddo.jp:7146");
	ck_assert_str_eq(chandir_known_root("https://p-at.net/index.txt"), "root.p-at.net");
	ck_assert_str_eq(chandir_known_root("http://eventyp.xrea.jp/index.txt"), "");
	ck_assert_str_eq(chandir_known_root("http://bayonet.ddo.jp/sp/index.txt?"), "");
	ck_assert_str_eq(chandir_feed_name("http://bayonet.ddo.jp/sp/index.txt", name), "SP");
	ck_assert_str_eq(chandir_feed_name("http://yp.example:8080/x", name), "yp.example:8080");
	ck_assert_str_eq(chandir_feed_name("nonsense", name), "nonsense");
}
END_TEST

START_TEST(without_memory)
{
	struct dirview *v;

	ck_assert_int_eq(chandir_put(&d, feeds, 1), ST_OK);
	for (fail_in = 0; fail_in < 3; fail_in++) {
		const int which = fail_in;

		ck_assert_int_eq(chandir_put(&d, feeds, 2), ST_LIMIT);
		fail_in = which;
	}
	fail_in = -1;
	v = chandir_get(&d);
	ck_assert_uint_eq(v->n_feeds, 1);
	dirview_unref(&v);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/node/chandir");
	TCase *t = tcase_create("chandir");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_test(t, merged);
	tcase_add_test(t, tips_and_roots);
	tcase_add_test(t, well_known);
	tcase_add_test(t, without_memory);
	suite_add_tcase(s, t);
	return s;
}
