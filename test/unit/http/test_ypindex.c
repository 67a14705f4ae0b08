/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: clk_now */
#include "http/ypindex.h"

#include <stdio.h>

#include "test/unit/http/yptest.h"
#include "test/unit/unit.h"

static nsec now = 1000000 * NSEC_PER_SEC;

nsec __wrap_clk_now(void);

nsec __wrap_clk_now(void)
{
	return now;
}

#define ZEROS "00000000000000000000000000000000"
#define ID(n) "AB0000000000000000000000000000" n

static struct node node;
static const struct ypviewer nobody, open_slow = { true, 100 }, open_only = { true, 0 }, fast = { true, 3000 };

static void root(const char *prefix, bool info_line)
{
	struct settings *d = draft_new();

	d->is_root = true;
	d->yp_info_line = info_line;
	text_copy(d->yp_name, sizeof(d->yp_name), "DEMO YP");
	text_copy(d->yp_genre_prefix, sizeof(d->yp_genre_prefix), prefix);
	text_copy(d->force_ip, sizeof(d->force_ip), "yp.example.jp");
	node_up(&node, d);
	node.yp = yp_new();
	ck_assert_ptr_nonnull(node.yp);
}

static void up(void)
{
	root("yp", false);
}

static void down(void)
{
	root_down(&node);
}

/* The document for a query and a viewer; the caller frees it. */
static char *index_of(const char *query, const struct ypviewer *v)
{
	struct yplist list;
	struct ypquery q;
	struct buf out;
	char *text;

	ck_assert_int_eq(yplist_take(&node, 0, &list), ST_OK);
	ck_assert_int_eq(ypindex_lines(&list, NULL), ST_OK);
	ypquery_parse(&q, query);
	buf_init(&out, YPINDEX_MAX);
	ypindex_emit(&list, &q, v, &out);
	ck_assert_int_eq(out.err, ST_OK);
	text = strdup(buf_cstr(&out));
	ck_assert_ptr_nonnull(text);
	buf_fini(&out);
	yplist_fini(&list);
	return text;
}

static void expect(const char *query, const struct ypviewer *v, const char *want)
{
	char *got = index_of(query, v);

	ck_assert_str_eq(got, want);
	free(got);
}

/* Every line has its fields, and nothing else ends one. */
static void check_lines(const char *text)
{
	while (*text != '\0') {
		const char *end = strchr(text, '\n'), *p = text;
		size_t fields = 1;

		ck_assert_ptr_nonnull(end);
		for (; p < end; p++) {
			fields += p[0] == '<' && p[1] == '>';
			ck_assert_msg((p[0] == '<') == (p[1] == '>' && p[0] == '<') && (uint8_t)*p >= 0x20, "%s", text);
		}
		ck_assert_msg(fields == YPINDEX_FIELDS, "%zu fields: %s", fields, text);
		text = end + 1;
	}
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Two channels of a real YP: what PeerCast-YT lists of them is in the notes of yp.md 3.2. */
START_TEST(sample)
{
	root_down(&node);
	root("yp", true);
	now += 19 * NSEC_PER_SEC;
	SAY(&node, 2, "音楽ch", "ypNS:音楽", .desc = "BGM & 作業", .url = "http://example.jp/", .comment = "作業用",
		.bitrate = 230, .type = "WEBM", .flags = HIT_DIRECT, .artist = "a\"b", .album = "c'd", .title = "e<f>",
		.contact = "http://x/?a&b");
	now += NSEC_PER_SEC;
	SAY(&node, 1, "雑談配信 ch", "yp?@@ゲーム", .desc = "レトロゲーム実況", .url = "http://jbbs.example.jp/game/1/",
		.comment = "こんばんは", .bitrate = 194, .listeners = 2, .relays = 1, .flags = HIT_DIRECT,
		.tip = "203.0.113.20:7144");
	now += 120 * NSEC_PER_SEC;
	expect("ns=NS", &fast,
		"雑談配信 ch<>" ID("01") "<>203.0.113.20:7144<>http://jbbs.example.jp/game/1/<>ゲーム<>レトロゲーム実況 - &lt;Over&gt;"
		"<>-1<>-1<>194<>FLV<><><><><>%E9%9B%91%E8%AB%87%E9%85%8D%E4%BF%A1+ch<>0:02<>click<>こんばんは<>1\n"
		"音楽ch &lt;NS&gt;<>" ID("02") "<>203.0.113.2:7144<>http://example.jp/<>音楽<>BGM &amp; 作業<>0<>0<>230<>WEBM<>a&quot;b"
		"<>c&#039;d<>e&lt;f&gt;<>http://x/?a&amp;b<>%E9%9F%B3%E6%A5%BDch<>0:02<>click<>作業用<>1\n"
		"DEMO YP◆Status<>" ZEROS "<><>http://yp.example.jp:7144/yp/<><>Uptime=0:02:20 channels=2<>-9<>-9<>0<>RAW"
		"<><><><><><>0:00<>click<><>0\n");
}
END_TEST

/* What is between two fields of the only line. */
static void expect_field(int field, const char *want)
{
	char *text = index_of("", &fast), *at = text, *end;
	int i;

	check_lines(text);
	for (i = 1; i < field; i++)
		at = strstr(at, "<>") + 2;
	end = strstr(at, "<>");
	(end != NULL ? end : strchr(at, '\n'))[0] = '\0';
	ck_assert_str_eq(at, want);
	free(text);
}

static const struct {
	struct said said;
	uint32_t age_s;
	int field;
	const char *want;
} field_rows[] = {
	{ { .name = "a" }, 0, 16, "0:00" }, { { .name = "a" }, 59, 16, "0:00" }, { { .name = "a" }, 60, 16, "0:01" },
	{ { .name = "a" }, 3600, 16, "1:00" }, { { .name = "a" }, 360000 + 59 * 60, 16, "100:59" },
	{ { .name = "a", .flags = HIT_PUSH }, 0, 3, "" }, { { .name = "a", .flags = HIT_PUSH }, 0, 17, "port0" },
	{ { .name = "a", .tip = "[2001:db8::1]:7144" }, 0, 3, "[2001:db8::1]:7144" },
	{ { .name = "a", .tip = "203.0.113.1:0" }, 0, 3, "" },
	{ { .name = "a", .genre = "yp@x" }, 0, 6, "&lt;Open&gt;" },
	{ { .name = "a", .genre = "yp@@@x", .desc = "d" }, 0, 6, "d - &lt;2M Over&gt;" },
	{ { .name = "a", .genre = "yp?x", .desc = "d" }, 0, 6, "d" },
	{ { .name = "a", .genre = "ypx" }, 0, 6, "" },
	{ { .name = "a", .listeners = 100000, .relays = 7 }, 0, 7, "100000" }, { { .name = "a", .relays = 7 }, 0, 8, "7" },
	{ { .name = "a", .genre = "yp?", .relays = 7 }, 0, 8, "-1" },
	{ { .name = "a", .bitrate = 4000000000u }, 0, 9, "1000000" },
	{ { .name = "a", .type = "F\"LV" }, 0, 10, "UNKNOWN" }, { { .name = "a", .type = "<>" }, 0, 10, "UNKNOWN" },
	{ { .name = "a b+c~d/e%" }, 0, 15, "a+b%2Bc~d%2Fe%25" },
	/* hostile texts */
	{ { .name = "<>&\"'" }, 0, 1, "&lt;&gt;&amp;&quot;&#039;" }, { { .name = "<>\n" }, 0, 15, "%3C%3E+" },
	{ { .name = "a", .desc = "x<>\r\ny" }, 0, 6, "x&lt;&gt;  y" }, { { .name = "a", .comment = "\x01\x1b[2J" }, 0, 18, "  [2J" },
	{ { .name = "a", .comment = "\xff\xfe bad \xe3\x81" }, 0, 18, "\xef\xbf\xbd\xef\xbf\xbd bad \xef\xbf\xbd" },
	{ { .name = "a", .genre = "yp\x83\x65\x83\x58\x83\x67" }, 0, 5, "テスト" },
	{ { .name = "a", .title = "\"><evil attr=\"1" }, 0, 13, "&quot;&gt;&lt;evil attr=&quot;1" },
	{ { .name = "a", .url = "javascript:x<>" }, 0, 4, "javascript:x&lt;&gt;" },
};

START_TEST(field)
{
	struct said s = field_rows[_i].said;

	s.n = 1;
	s.genre = s.genre != NULL ? s.genre : "yp";
	say(&node, &s);
	now += (nsec)field_rows[_i].age_s * NSEC_PER_SEC;
	expect_field(field_rows[_i].field, field_rows[_i].want);
}
END_TEST

START_TEST(stale)
{
	const struct gnuid one = said_id(1);

	SAY(&node, 1, "a", "yp");
	chanmgr_session_gone(node.cm, &one, NULL, false, 60 * NSEC_PER_SEC);
	expect_field(17, "disconnect");
	expect_field(3, "203.0.113.1:7144");
}
END_TEST

/* --- who asks, and what for ------------------------------------------------------------------- */

#define LINE(name, suffix, id, tip, genre, label, nr) \
	name suffix "<>" id "<>" tip "<><>" genre "<>" label "<>0<>0<>" nr "<>FLV<><><><><>" name "<>0:00<>click<><>0\n"
#define A LINE("a", "", ID("01"), "203.0.113.1:7144", "", "", "100")
#define B(suffix, id, tip) LINE("b", suffix, id, tip, "", "&lt;Open&gt;", "200")
#define C(suffix, id, tip) LINE("c", suffix, id, tip, "", "&lt;Over&gt;", "300")
#define D(suffix, id, tip) LINE("d", suffix, id, tip, "", "&lt;2M Over&gt;", "400")
#define E LINE("e", "", ID("05"), "203.0.113.5:7144", "x", "", "500")
#define UPLOAD(what) "DEMO YP◆アップロード帯域<>" ZEROS "<><>http://yp.example.jp:7144/yp/#upload<><>" what \
	"<>-9<>-9<>0<>RAW<><><>測定はコンタクトURLから<><><>0:00<>click<><>0\n"
#define STATUS(n) "DEMO YP◆Status<>" ZEROS "<><>http://yp.example.jp:7144/yp/<><>Uptime=0:00:00 channels=" n \
	"<>-9<>-9<>0<>RAW<><><><><><>0:00<>click<><>0\n"

START_TEST(viewers)
{
	root_down(&node);
	root("yp", true);
	SAY(&node, 1, "a", "yp", .bitrate = 100);
	SAY(&node, 2, "b", "yp@", .bitrate = 200);
	SAY(&node, 3, "c", "yp@@", .bitrate = 300);
	SAY(&node, 4, "d", "yp@@@", .bitrate = 400);
	SAY(&node, 5, "e", "ypx", .bitrate = 500);
	expect("", &nobody, A B(" (要ポート開放)", ZEROS, "") C(" (要ポート開放)", ZEROS, "") D(" (要ポート開放)", ZEROS, "") E
		STATUS("5"));
	expect("", &open_only, A B("", ID("02"), "203.0.113.2:7144") C(" (要帯域チェック)", ZEROS, "")
		D(" (要帯域チェック)", ZEROS, "") E UPLOAD("No data") STATUS("5"));
	expect("", &open_slow, A B("", ID("02"), "203.0.113.2:7144") C(" (再生不可)", ZEROS, "") D(" (再生不可)", ZEROS, "") E
		UPLOAD("Under 2000 kbps") STATUS("5"));
	expect("", &fast, A B("", ID("02"), "203.0.113.2:7144") C("", ID("03"), "203.0.113.3:7144")
		D("", ID("04"), "203.0.113.4:7144") E STATUS("5"));
	expect("find=zz", &nobody, STATUS("0"));
}
END_TEST

/* Lines are copied in runs: every choice of some of them comes out whole. */
START_TEST(runs)
{
	uint32_t n, mask;

	for (n = 1; n <= 6; n++) {
		char name[] = { (char)('a' + n - 1), '\0' }, type[] = { (char)('A' + n - 1), 'X', 'X', '\0' };

		SAY(&node, n, name, n % 2 ? "yp" : "yp@", .type = type);
	}
	for (mask = 0; mask < 64; mask++) {
		char want[8] = "", have[8] = "", *got, *p;

		for (n = 0; n < 6; n++)
			if (mask & 1u << n)
				SAY(&node, n + 1, ((char[]){ (char)('a' + n), '\0' }), n % 2 ? "yp@" : "yp", .comment = "yes");
			else
				SAY(&node, n + 1, ((char[]){ (char)('a' + n), '\0' }), n % 2 ? "yp@" : "yp", .comment = "no");
		for (n = 0; n < 6; n++)
			if (mask & 1u << n)
				want[strlen(want)] = (char)('a' + n);
		got = index_of("find=yes", &nobody);
		check_lines(got);
		for (p = got; *p != '\0'; p = strchr(p, '\n') + 1)
			have[strlen(have)] = *p;
		ck_assert_str_eq(have, want);
		free(got);
	}
}
END_TEST

/* The longest line there is fits into its limit, and the whole into its. */
START_TEST(longest)
{
	char text[TEXT_MAX];
	char *got;

	memset(text, '"', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "yp", 2);
	SAY(&node, 1, text, text, .desc = text, .url = text, .comment = text, .artist = text, .album = text,
		.title = text, .contact = text);
	got = index_of("", &nobody);
	check_lines(got);
	ck_assert_uint_gt(strlen(got), 9 * 253 * 6);
	ck_assert_uint_lt(strlen(got), YPINDEX_LINE);
	free(got);
}
END_TEST

/* --- what a list takes over from the one before ----------------------------------------------- */

static struct yplist list_taken(const struct yplist *old)
{
	struct yplist l;

	ck_assert_int_eq(yplist_take(&node, 0, &l), ST_OK);
	ck_assert_int_eq(ypindex_lines(&l, old), ST_OK);
	return l;
}

/* Something happens to a channel: what, and to which, comes from x. */
static void happen(uint32_t x)
{
	static const char *const texts[] = { "", "a", "<b>", "実況 & c", "\"long\" long long long long text" };
	static const char *const genres[] = { "yp", "ypx", "yp?", "yp@y", "ypNS:z", "nolist" };
	struct said s = { .n = 1 + x % 20, .flags = x >> 5 & 1 ? HIT_PUSH : HIT_DIRECT };

	x >>= 6;
	s.listeners = x % 11;
	s.relays = x % 101;
	s.name = texts[1 + x % 4];
	s.genre = genres[x / 4 % NELEM(genres)];
	s.desc = s.title = texts[x / 24 % NELEM(texts)];
	s.comment = texts[x / 120 % NELEM(texts)];
	if (x % 13 == 0)
		unsay(&node, s.n);
	else
		say(&node, &s);
	if (x % 7 == 0)
		now += (nsec)(x % 100) * NSEC_PER_SEC;
}

/* A list that took over what it could is the same as one made anew, whatever happened between the two. */
START_TEST(takes_over)
{
	struct yplist old = list_taken(NULL);
	uint32_t x = 12345, step, k;

	for (step = 0; step < 400; step++) {
		struct yplist next, anew;

		for (k = 0; k <= step % 4; k++) {
			x = x * 1664525 + 1013904223;
			happen(x >> 4);
		}
		next = list_taken(&old);
		anew = list_taken(NULL);
		ck_assert_uint_eq(next.n, anew.n);
		ck_assert_msg(next.text.len == anew.text.len && (anew.text.len == 0 ||
			memcmp(next.text.p, anew.text.p, anew.text.len) == 0), "step %u: %s\n%s", step,
			buf_cstr(&next.text), buf_cstr(&anew.text));
		yplist_fini(&anew);
		yplist_fini(&old);
		old = next;
	}
	ck_assert_uint_gt(old.n, 5);
	yplist_fini(&old);
}
END_TEST

/* It is the old bytes that are taken, but not those of a list made with other settings. */
START_TEST(takes_bytes)
{
	struct yplist old, next;
	struct settings *other = draft_new();
	const struct settings *set;

	SAY(&node, 1, "first", "yp", .comment = "same");
	SAY(&node, 2, "second", "yp", .comment = "same");
	old = list_taken(NULL);
	memcpy(memmem(old.text.p, old.text.len, "first", 5), "FIRST", 5);
	memcpy(memmem(old.text.p, old.text.len, "second", 6), "SECOND", 6);
	SAY(&node, 2, "second", "yp", .comment = "new");
	next = list_taken(&old);
	ck_assert_ptr_nonnull(memmem(next.text.p, next.text.len, "FIRST", 5));
	ck_assert_ptr_nonnull(memmem(next.text.p, next.text.len, "second", 6));
	ck_assert_ptr_null(memmem(next.text.p, next.text.len, "SECOND", 6));
	yplist_fini(&next);
	set = old.settings;
	old.settings = other;
	next = list_taken(&old);
	ck_assert_ptr_null(memmem(next.text.p, next.text.len, "FIRST", 5));
	old.settings = set;
	yplist_fini(&next);
	yplist_fini(&old);
	settings_free(&other);
}
END_TEST

/* --- a node that is no root ------------------------------------------------------------------- */

START_TEST(own)
{
	struct settings *d = draft_new();
	struct chaninfo *i;
	struct buf out;

	root_down(&node);
	text_copy(d->force_ip, sizeof(d->force_ip), "203.0.113.20");
	node_up(&node, d);
	node.yp = yp_new();
	i = info_new(FLV_ID, "雑談 <ch>", "FLV");
	chan_up(&node, i, CHAN_BROADCAST, CHAN_BROADCASTING);
	chan_up(&node, info_new(WMV_ID, "idle", "WMV"), CHAN_BROADCAST, CHAN_WAIT);
	ck_assert(servmgr_force_address(node.sm, (struct host[2]){ host_v4(203, 0, 113, 20, 0) }));
	(void)servmgr_set_firewall(node.sm, false, FW_OPEN, FWWHY_YP);
	SAY(&node, 2, "found", "yp?@@x", .comment = "<>", .listeners = 1);
	now += 120 * NSEC_PER_SEC;
	buf_init(&out, 65536);
	ck_assert_int_eq(ypindex_own(&node, &out), ST_OK);
	ck_assert_str_eq(buf_cstr(&out),
		"雑談 &lt;ch&gt;<>" FLV_ID "<>203.0.113.20:7144<><><><>0<>0<>194<>FLV<><><><><>%E9%9B%91%E8%AB%87+%3Cch%3E"
		"<>00:00<>click<><>0\n"
		"found<>" ID("02") "<>203.0.113.2:7144<><>yp?@@x<><>1<>0<>0<>FLV<><><><><>found<>00:02<>click<>&lt;&gt;<>0\n");
	check_lines(buf_cstr(&out));
	buf_fini(&out);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("http/ypindex");
	TCase *t = tcase_create("ypindex");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_test(t, sample);
	tcase_add_loop_test(t, field, 0, (int)NELEM(field_rows));
	tcase_add_test(t, stale);
	tcase_add_test(t, viewers);
	tcase_add_test(t, runs);
	tcase_add_test(t, longest);
	tcase_add_test(t, takes_over);
	tcase_add_test(t, takes_bytes);
	tcase_add_test(t, own);
	suite_add_tcase(s, t);
	return s;
}
