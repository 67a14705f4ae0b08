/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/getgmt.h"

#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/unit/unit.h"

#define DATE 20261120u

static struct chaninfo *info_of(const char *genre, const char *desc, const char *comment, const char *title)
{
	struct chanmeta m = { .bitrate_kbps = 1 };
	struct chaninfo *i;

	(void)text_copy(m.text[CT_NAME], TEXT_MAX, "ch");
	(void)text_copy(m.text[CT_GENRE], TEXT_MAX, genre);
	(void)text_copy(m.text[CT_DESC], TEXT_MAX, desc);
	(void)text_copy(m.text[CT_COMMENT], TEXT_MAX, comment);
	(void)text_copy(m.text[CT_TRACK_TITLE], TEXT_MAX, title);
	i = chaninfo_new(&m);
	ck_assert_ptr_nonnull(i);
	return i;
}

/* Minutes of the day, counts and which info. */
struct point {
	int minute, listeners, relays;
	uint32_t info;
};

static void fill(struct history *h, const struct getgmt_day *d, const struct point *p, size_t n,
	struct chaninfo **infos, size_t n_infos)
{
	memset(h, 0, sizeof(*h));
	h->rows = calloc(n + 1, sizeof(*h->rows));
	h->infos = calloc(n_infos + 1, sizeof(struct chaninfo *));
	h->days = calloc(3, sizeof(*h->days));
	ck_assert(h->rows != NULL && h->infos != NULL && h->days != NULL);
	for (; h->n < n; h->n++)
		h->rows[h->n] = (struct history_row){
			.at_s = d->from_s + p[h->n].minute * 60, .listeners = p[h->n].listeners,
			.relays = p[h->n].relays, .age_s = (uint32_t)p[h->n].minute * 60,
			.bitrate_kbps = 500, .info = p[h->n].info,
		};
	for (; h->n_infos < n_infos; h->n_infos++)
		h->infos[h->n_infos] = infos[h->n_infos];
	h->days[0] = 20261031;
	h->days[1] = 20261119;
	h->days[2] = DATE;
	h->n_days = 3;
}

static void zone(const char *tz)
{
	ck_assert_int_eq(setenv("TZ", tz, 1), 0);
	tzset();
}

static const struct {
	const char *tz;
	uint32_t date;
	bool ok;
	int64_t from_s, hours;
} dates[] = {
	{ "Asia/Tokyo", 20261120, true, 1795100400, 24 },
	{ "UTC", 20261120, true, 1795132800, 24 },
	{ "UTC", 20240229, true, 1709164800, 24 },
	{ "UTC", 20230229, false, 0, 0 },
	{ "UTC", 20261131, false, 0, 0 },
	{ "UTC", 20261300, false, 0, 0 },
	{ "UTC", 0, false, 0, 0 },
	{ "UTC", 99999999, false, 0, 0 },
	{ "CET-1CEST,M3.5.0,M10.5.0/3", 20260329, true, 1774738800, 23 },
	{ "CET-1CEST,M3.5.0,M10.5.0/3", 20261025, true, 1792879200, 25 },
};

START_TEST(days)
{
	struct getgmt_day d;

	zone(dates[_i].tz);
	ck_assert_msg(getgmt_day(&d, dates[_i].date) == dates[_i].ok, "%u", dates[_i].date);
	if (!dates[_i].ok)
		return;
	ck_assert_int_eq(d.from_s, dates[_i].from_s);
	ck_assert_int_eq(d.to_s - d.from_s, dates[_i].hours * 3600);
}
END_TEST

START_TEST(table)
{
	static const struct point p[] = {
		{ 0, 3, 1, 0 }, { 1, 4, 1, 0 }, { 9, 5, 1, 0 }, { 10, 6, 1, 0 }, { 11, 6, 1, 1 },
		{ 21, 7, 2, 1 },        /* a gap of ten minutes is none */
		{ 33, -1, -1, 1 },      /* but this one is */
	};
	struct chaninfo *infos[] = { info_of("g", "d <b>", "", ""), info_of("g", "", "c", "t\"") };
	struct getgmt_day d;
	struct history h;
	const char *s;
	struct buf b;

	zone("Asia/Tokyo");
	ck_assert(getgmt_day(&d, DATE));
	fill(&h, &d, p, NELEM(p), infos, 2);
	buf_init(&b, 1 << 20);
	ck_assert_int_eq(getgmt_page(&b, "en", "<YP>", "a & b", &d, &h), ST_OK);
	s = buf_cstr(&b);
	ck_assert_ptr_nonnull(strstr(s, "<title>a &amp; b - Statistics - &lt;YP&gt;</title>"));
	ck_assert_ptr_nonnull(strstr(s, "<tbody>\n"
		"<tr><td>0:00</td><td>0:00</td><td>3 / 1</td><td>[g - d &lt;b&gt;]</td></tr>\n"
		"<tr><td>0:10</td><td>0:10</td><td>6 / 1</td><td>&#039;&#039;</td></tr>\n"
		"<tr><td>0:21</td><td>0:21</td><td>7 / 2</td><td>[g] Playing: t&quot; 「c」</td></tr>\n"
		"<tr class=\"gap\"><td></td><td></td><td></td><td></td></tr>\n"
		"<tr><td>0:33</td><td>0:33</td><td>- / -</td><td>[g] Playing: t&quot; 「c」</td></tr>\n"
		"</tbody>"));
	ck_assert_ptr_nonnull(strstr(s, "<h2>2026-11</h2>\n<ul>\n"
		"<li><a href=\"?cn=a%20%26%20b&amp;date=20261120\" aria-current=\"page\">20</a></li>\n"
		"<li><a href=\"?cn=a%20%26%20b&amp;date=20261119\">19</a></li>\n</ul>\n"
		"<h2>2026-10</h2>\n<ul>\n<li><a href=\"?cn=a%20%26%20b&amp;date=20261031\">31</a></li>\n</ul>"));
	buf_fini(&b);
	history_fini(&h);
}
END_TEST

static int count(const char *s, const char *what)
{
	int n = 0;

	for (; (s = strstr(s, what)) != NULL; s++)
		n++;
	return n;
}

/* The curves break where nothing is known, and leave out what is hidden. */
START_TEST(curves)
{
	static const struct point p[] = {
		{ 0, 0, -1, 0 }, { 1, 5, -1, 0 }, { 720, 10, -1, 0 }, { 722, 10, -1, 0 }, { 1439, 2, -1, 0 },
	};
	struct chaninfo *infos[] = { info_of("g", "", "", "") };
	struct getgmt_day d;
	struct history h;
	const char *s;
	struct buf b;

	zone("UTC");
	ck_assert(getgmt_day(&d, DATE));
	fill(&h, &d, p, NELEM(p), infos, 1);
	buf_init(&b, 1 << 20);
	ck_assert_int_eq(getgmt_page(&b, "en", "YP", "x", &d, &h), ST_OK);
	s = buf_cstr(&b);
	ck_assert_int_eq(count(s, "<polyline class=\"listeners\""), 3);
	ck_assert_int_eq(count(s, "<polyline class=\"relays\""), 0);
	/* ten is the top: half of it half way up, noon half way along */
	ck_assert_ptr_nonnull(strstr(s, "points=\"44.0,170.0 44.5,90.0 \"/>"));
	ck_assert_ptr_nonnull(strstr(s, "points=\"404.0,10.0 405.0,10.0 \"/>"));
	ck_assert_int_eq(count(s, "text-anchor=\"middle\""), 9);
	buf_fini(&b);
	history_fini(&h);
}
END_TEST

START_TEST(nothing)
{
	struct getgmt_day d;
	struct history h = { .n = 0 };
	struct buf b;

	zone("UTC");
	ck_assert(getgmt_day(&d, DATE));
	buf_init(&b, 1 << 20);
	ck_assert_int_eq(getgmt_page(&b, "en", "YP", "x", &d, &h), ST_OK);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&b), "Nothing is known of a channel with this name."));
	buf_reset(&b);
	ck_assert_int_eq(getgmt_json(&b, "x", &d, &h), ST_OK);
	ck_assert_str_eq(buf_cstr(&b), "{\"version\":1,\"name\":\"x\",\"date\":\"2026-11-20\",\"from\":1795132800,"
		"\"to\":1795219200,\"days\":[],\"infos\":[],\"samples\":[]}");
	buf_fini(&b);
	/* a page that does not fit is an error, and not half a page */
	buf_init(&b, 100);
	ck_assert_int_eq(getgmt_page(&b, "en", "YP", "x", &d, &h), ST_LIMIT);
	buf_fini(&b);
}
END_TEST

START_TEST(json)
{
	static const struct point p[] = { { 5, -1, 2, 0 } };
	struct chaninfo *infos[] = { info_of("g", "雑談", "c", "t") };
	struct getgmt_day d;
	struct history h;
	struct buf b;
	json_t *o;
	const char *text;
	json_int_t at, listeners, relays, info;

	zone("UTC");
	ck_assert(getgmt_day(&d, DATE));
	fill(&h, &d, p, 1, infos, 1);
	buf_init(&b, 1 << 20);
	ck_assert_int_eq(getgmt_json(&b, "x", &d, &h), ST_OK);
	o = json_loads(buf_cstr(&b), 0, NULL);
	ck_assert_ptr_nonnull(o);
	ck_assert_int_eq(json_unpack(o, "{s[{sI sI sI sI}] s[{ss}]}", "samples", "time", &at, "listeners",
		&listeners, "relays", &relays, "info", &info, "infos", "desc", &text), 0);
	ck_assert_int_eq(at, d.from_s + 300);
	ck_assert_int_eq(listeners, -1);
	ck_assert_int_eq(relays, 2);
	ck_assert_int_eq(info, 0);
	ck_assert_str_eq(text, "雑談");
	ck_assert_uint_eq(json_array_size(json_object_get(o, "days")), 3);
	json_decref(o);
	buf_fini(&b);
	history_fini(&h);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("getgmt");
	TCase *t = tcase_create("getgmt");

	tcase_add_loop_test(t, days, 0, NELEM(dates));
	tcase_add_test(t, table);
	tcase_add_test(t, curves);
	tcase_add_test(t, nothing);
	tcase_add_test(t, json);
	suite_add_tcase(s, t);
	return s;
}
