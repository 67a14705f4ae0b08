/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Channel log records against captures of PeerCast-YT, and against texts that break its log. */
#include "xml/chanlog.h"

#include <stdio.h>

#include "test/unit/unit.h"
#include "test/unit/xml/xmltest.h"
#include "xml/xmlout.h"

#define T0 ((nsec)1000 * NSEC_PER_SEC * 1000)   /* an arbitrary "now", later than any age */

static nsec ago(uint64_t s)
{
	return T0 - (nsec)s * NSEC_PER_SEC;
}

/* What a record says, as the data it was made from. */
static void update_of(xmlNodePtr rec, struct chanlog_update *u)
{
	xmlNodePtr chan = child(rec, "channel"), hits = child(chan, "hits");

	*u = (struct chanlog_update){ .now = T0, .compat = true };
	u->time_s = (int64_t)num(rec, "time");
	u->info = info_of(chan);
	u->id = &u->info->id;
	u->created = ago(num(chan, "age"));
	u->stats.hosts = (uint32_t)num(hits, "hosts");
	u->stats.listeners = num(hits, "listeners");
	u->stats.relays = num(hits, "relays");
	u->stats.firewalled = (uint32_t)num(hits, "firewalled");
	u->stats.closest = (uint32_t)num(hits, "closest");
	u->stats.furthest = (uint32_t)num(hits, "furthest");
	u->stats.newest = u->stats.hosts > 0 ? ago(num(hits, "newest")) : 0;
}

static const char *const goldens[] = {
	"test/data/xml/root_channels_log_clean.xml", "test/data/xml/loopback_channels_log.xml",
};

/* Every record of a real log, taken apart and written again, gives the same bytes. */
START_TEST(golden)
{
	struct chanlog_writer *w = chanlog_writer_new();
	struct buf log, doc, out;
	xmlDocPtr d;
	xmlNodePtr rec;
	unsigned int n = 0;

	data_read(&log, goldens[_i]);
	buf_init(&doc, 1 << 20);
	buf_init(&out, 1 << 20);
	buf_puts(&doc, "<log>");
	buf_put(&doc, log.p, log.len);
	buf_puts(&doc, "</log>");
	d = xml_strict(doc.p, doc.len);
	ck_assert_ptr_nonnull(d);
	for (rec = child(xmlDocGetRootElement(d), "update"); rec != NULL; rec = next(rec), n++) {
		struct chanlog_update u;
		struct chaninfo *i;

		update_of(rec, &u);
		ck_assert_int_eq(chanlog_update(w, &u, &out), ST_OK);
		i = chaninfo_ref(u.info);
		chaninfo_unref(&i);
		i = (struct chaninfo *)(uintptr_t)u.info;
		chaninfo_unref(&i);
	}
	ck_assert_uint_gt(n, 3);
	ck_assert_str_eq(buf_cstr(&out), buf_cstr(&log));
	xmlFreeDoc(d);
	buf_fini(&log);
	buf_fini(&doc);
	buf_fini(&out);
	chanlog_writer_free(&w);
}
END_TEST

/* Nothing but an id: a channel of which only hosts were heard. */
START_TEST(bare)
{
	static const struct {
		bool compat;
		const char *hits;
	} rows[] = {
		{ true, "<hits hosts=\"0\" listeners=\"0\" relays=\"0\" firewalled=\"0\" "
			"closest=\"10000\" "
			"furthest=\"0\" newest=\"1795167327\"/>\n" },
		{ false, "<hits hosts=\"0\" listeners=\"0\" relays=\"0\" firewalled=\"0\" "
			"closest=\"0\" "
			"furthest=\"0\" newest=\"0\"/>\n" },
	};
	struct chanlog_writer *w = chanlog_writer_new();
	struct gnuid id;
	struct chanlog_update u = { .time_s = 1795167327, .id = &id, .created = T0, .now = T0,
		.stats = { .closest = 10000 }, .compat = rows[_i].compat };
	struct buf out;
	char want[1024];

	ck_assert(gnuid_parse(&id, "5942d78c0d0d12273317e281ae0e7b79"));
	buf_init(&out, 4096);
	snprintf(want, sizeof(want), "<update time=\"1795167327\">\n"
		"<channel name=\"\" id=\"5942D78C0D0D12273317E281AE0E7B79\" bitrate=\"0\" "
			"type=\"UNKNOWN\" "
		"genre=\"\" desc=\"\" url=\"\" uptime=\"0\" comment=\"\" skips=\"0\" age=\"0\" "
		"bcflags=\"0\">\n%s"
		"<track title=\"\" artist=\"\" album=\"\" genre=\"\" contact=\"\"/>\n"
		"</channel>\n</update>\n", rows[_i].hits);
	ck_assert_int_eq(chanlog_update(w, &u, &out), ST_OK);
	ck_assert_str_eq(buf_cstr(&out), want);
	buf_fini(&out);
	chanlog_writer_free(&w);
}
END_TEST

START_TEST(end_records)
{
	static const char *const want[] = {
		"<end time=\"5\" id=\"5942D78C0D0D12273317E281AE0E7B79\" reason=\"stop\"/>\n",
		"<end time=\"5\" id=\"5942D78C0D0D12273317E281AE0E7B79\" reason=\"timeout\"/>\n",
		"<end time=\"5\" id=\"5942D78C0D0D12273317E281AE0E7B79\" reason=\"shutdown\"/>\n",
	};
	struct chanlog_writer *w = chanlog_writer_new();
	struct gnuid id;
	struct buf out;

	ck_assert(gnuid_parse(&id, "5942d78c0d0d12273317e281ae0e7b79"));
	buf_init(&out, 4096);
	ck_assert_int_eq(chanlog_end(w, 5, &id, (enum chanlog_reason)_i, &out), ST_OK);
	ck_assert_str_eq(buf_cstr(&out), want[_i]);
	buf_fini(&out);
	chanlog_writer_free(&w);
}
END_TEST

/* Texts as they must never get here (the node cleans them where they enter): the log is well-formed
 * all the same, and a reader finds this in the attribute. */
static const struct {
	const char *name, *in, *out;
} texts[] = {
	{ "plain", "abc", "abc" },
	{ "five characters", "&<>\"'", "&<>\"'" },
	{ "attribute injection", "F\" x=\"1", "F\" x=\"1" },
	{ "element injection", "\"/></update><update>", "\"/></update><update>" },
	{ "entity as text", "&amp;&#1;", "&amp;&#1;" },
	{ "tab lf cr", "a\tb\nc\rd", "a b c d" },
	{ "c0 and del", "\x01\x1f\x7f.", "   ." },
	{ "c1", "\xc2\x85.", " ." },
	{ "lone continuation", "\x80.", "\xef\xbf\xbd." },
	{ "ff fe", "\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "cut character", "ab\xe3\x81", "ab\xef\xbf\xbd\xef\xbf\xbd" },
	{ "overlong slash", "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "overlong three", "\xe0\x80\xaf.", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd." },
	{ "surrogate", "\xed\xa0\x80.", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd." },
	{ "above unicode", "\xf4\x90\x80\x80.",
		"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd." },
	{ "u+fffe", "\xef\xbf\xbe.", " ." },
	{ "u+ffff", "\xef\xbf\xbf.", " ." },
	{ "emoji", "\xf0\x9f\x8e\xa7", "\xf0\x9f\x8e\xa7" },
	{ "last code point but two", "\xf4\x8f\xbf\xbd", "\xf4\x8f\xbf\xbd" },
};

START_TEST(hostile)
{
	struct xmlout *x = xmlout_new(8192);
	const uint8_t *p;
	size_t n;
	xmlDocPtr d;
	char got[TEXT_MAX];

	xmlout_start(x, "channel");
	xmlout_text(x, "type", texts[_i].in);
	xmlout_u64(x, "after", UINT64_MAX);
	xmlout_end(x);
	ck_assert_int_eq(xmlout_bytes(x, &p, &n), ST_OK);
	d = xml_strict(p, n);
	ck_assert_msg(d != NULL, "%s: %.*s", texts[_i].name, (int)n, (const char *)p);
	attr(got, sizeof(got), xmlDocGetRootElement(d), "type");
	ck_assert_msg(strcmp(got, texts[_i].out) == 0, "%s: \"%s\"", texts[_i].name, got);
	ck_assert_uint_eq(num(xmlDocGetRootElement(d), "after"), UINT64_MAX);
	ck_assert_ptr_null(child(xmlDocGetRootElement(d), "update"));
	xmlFreeDoc(d);
	xmlout_free(&x);
}
END_TEST

/* Cut to 255 bytes before escaping, never inside a character. */
static const struct {
	const char *name, *unit;
	size_t repeat, want;            /* bytes a reader sees */
} cuts[] = {
	{ "255 fit", "a", 255, 255 },
	{ "256 do not", "a", 256, 255 },
	{ "100 ampersands stay", "&", 100, 100 },
	{ "long row of ampersands", "&", 1000, 255 },
	{ "two bytes", "\xc3\xa9", 200, 254 },
	{ "three bytes", "\xe3\x81\x82", 100, 255 },
	{ "four bytes", "\xf0\x9f\x8e\xa7", 64, 252 },
	{ "broken bytes grow", "\xff", 255, 255 },
};

START_TEST(cut)
{
	struct xmlout *x = xmlout_new(8192);
	struct buf in;
	const uint8_t *p;
	size_t n, i;
	xmlDocPtr d;
	char got[TEXT_MAX];

	buf_init(&in, 4096);
	for (i = 0; i < cuts[_i].repeat; i++)
		buf_puts(&in, cuts[_i].unit);
	xmlout_start(x, "e");
	xmlout_text(x, "t", buf_cstr(&in));
	xmlout_end(x);
	ck_assert_int_eq(xmlout_bytes(x, &p, &n), ST_OK);
	d = xml_strict(p, n);
	ck_assert_msg(d != NULL, "%s", cuts[_i].name);
	attr(got, sizeof(got), xmlDocGetRootElement(d), "t");
	ck_assert_msg(strlen(got) == cuts[_i].want, "%s: %zu", cuts[_i].name, strlen(got));
	xmlFreeDoc(d);
	xmlout_free(&x);
	buf_fini(&in);
}
END_TEST

/* Attributes are gathered: what is an element's stays with it, whatever comes next. */
START_TEST(attributes)
{
	struct xmlout *x = xmlout_new(8192);
	const uint8_t *p;
	size_t n;

	xmlout_start(x, "a");
	xmlout_text(x, "none", "");
	xmlout_u64(x, "n", 0);
	xmlout_text(x, "q", "\"'<&>");
	xmlout_start(x, "b");
	xmlout_u64(x, "m", UINT64_MAX);
	xmlout_end(x);
	xmlout_start(x, "c");
	xmlout_end(x);
	xmlout_start(x, "d");
	xmlout_text(x, "t", "\t\xff");
	xmlout_text(x, "last", "");
	xmlout_body(x, "text");
	xmlout_end(x);
	xmlout_end(x);
	ck_assert_int_eq(xmlout_bytes(x, &p, &n), ST_OK);
	ck_assert_str_eq((const char *)p, "<a none=\"\" n=\"0\" q=\"&quot;&#039;&lt;&amp;&gt;\">\n"
		"<b m=\"18446744073709551615\"/>\n<c/>\n"
		"<d t=\" \xef\xbf\xbd\" last=\"\">text</d>\n</a>\n");
	xmlout_free(&x);
}
END_TEST

/* The longest record there can be fits, and a writer that met its maximum works again. */
START_TEST(limits)
{
	struct chanlog_writer *w = chanlog_writer_new();
	struct xmlout *x = xmlout_new(64);
	struct chanmeta m;
	struct chaninfo *info;
	struct chanlog_update u = { .time_s = 1, .created = 0, .now = T0,
		.stats = { .hosts = 1, .listeners = UINT64_MAX, .relays = UINT64_MAX,
			.newest = T0 + 1 } };
	struct buf out, small;
	const uint8_t *p;
	size_t n;
	int i;
	xmlDocPtr d;

	memset(&m, 0, sizeof(m));
	for (i = 0; i < CT_COUNT; i++)
		memset(m.text[i], '"', TEXT_MAX - 1);
	memset(&m.id, 0xff, sizeof(m.id));
	memset(&m.bcid, 0xff, sizeof(m.bcid));
	info = chaninfo_new(&m);
	u.id = &m.id;
	u.info = info;
	buf_init(&out, 1 << 20);
	ck_assert_int_eq(chanlog_update(w, &u, &out), ST_OK);
	d = xml_strict(out.p, out.len);
	ck_assert_ptr_nonnull(d);
	/* A clock that seems to run backwards gives 0, not a huge or negative number. */
	ck_assert_uint_eq(num(child(child(xmlDocGetRootElement(d), "channel"), "hits"), "newest"),
		0);
	xmlFreeDoc(d);

	buf_init(&small, 100);
	ck_assert_int_eq(chanlog_update(w, &u, &small), ST_LIMIT);
	ck_assert_uint_eq(small.len, 0);

	for (i = 0; i < 6; i++) {
		xmlout_start(x, "e");
		for (int k = 0; k <= i; k++)
			xmlout_text(x, "t", m.text[CT_NAME]);
		ck_assert_int_eq(xmlout_bytes(x, &p, &n), ST_LIMIT);
		xmlout_reset(x);
		xmlout_start(x, "e");
		xmlout_end(x);
		ck_assert_int_eq(xmlout_bytes(x, &p, &n), ST_OK);
		ck_assert_str_eq((const char *)p, "<e/>\n");
		xmlout_reset(x);
	}
	xmlout_free(&x);
	chaninfo_unref(&info);
	buf_fini(&out);
	buf_fini(&small);
	chanlog_writer_free(&w);
}
END_TEST

#define REC "<update time=\"1\">\n<channel name=\"<end \">\n<hits/>\n<track/>\n</channel>\n</update>\n"
#define END "<end time=\"1\" id=\"0\" reason=\"stop\"/>\n"

/* What a crash leaves at the end of the file. */
static const struct {
	const char *what, *text;
	size_t torn;
} tails[] = {
	{ "empty", "", 0 },
	{ "whole", REC, 0 },
	{ "whole end", REC END, 0 },
	{ "one byte", REC "<", 1 },
	{ "no LF", REC END "</update>", 0 },            /* not the beginning of one */
	{ "in a tag", REC "<upda", 5 },
	{ "in the first line", REC "<update time=\"17", 16 },
	{ "behind a line", REC END "<update time=\"1\">\n<channel", 26 },
	{ "last LF missing", REC "<update time=\"1\">\n</update>", 27 },
	{ "an end", REC "<end time=\"1\" id=\"00", 20 },
	{ "the first of all", "<update time=\"1\">\n<ch", 21 },
	{ "somebody's line", REC "# hello", 0 },
	{ "another file", "root:x:0:0\nmore\n", 0 },
	{ "another without LF", "<html>\n<update", 0 },
};

START_TEST(torn)
{
	const char *t = tails[_i].text;
	const size_t n = chanlog_torn((const uint8_t *)t, strlen(t));

	ck_assert_msg(n == tails[_i].torn, "%s: %zu", tails[_i].what, n);
}
END_TEST

/* Cut anywhere, the whole records before it stay. */
START_TEST(torn_anywhere)
{
	static const char log[] = REC END REC;
	const size_t first = strlen(REC), second = strlen(REC END);

	for (size_t n = 0; n < sizeof(log) - 1; n++) {
		const size_t whole = n < first ? 0 : n < second ? first : second;

		ck_assert_msg(n - chanlog_torn((const uint8_t *)log, n) == whole, "at %zu", n);
	}
}
END_TEST

/* Longer than any record: whatever it is, it is not cut. */
START_TEST(torn_too_long)
{
	struct buf b;

	buf_init(&b, CHANLOG_RECORD_MAX + 64);
	buf_puts(&b, "<update time=\"1");
	while (b.len < CHANLOG_RECORD_MAX)
		buf_puts(&b, "x");
	ck_assert_uint_eq(chanlog_torn(b.p, b.len), CHANLOG_RECORD_MAX);
	buf_puts(&b, "x");
	ck_assert_int_eq(b.err, ST_OK);
	ck_assert_uint_eq(chanlog_torn(b.p, b.len), 0);
	buf_fini(&b);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("chanlog");
	TCase *t = tcase_create("records");

	tcase_add_loop_test(t, golden, 0, (int)NELEM(goldens));
	tcase_add_loop_test(t, bare, 0, 2);
	tcase_add_loop_test(t, end_records, 0, 3);
	tcase_add_loop_test(t, hostile, 0, (int)NELEM(texts));
	tcase_add_loop_test(t, cut, 0, (int)NELEM(cuts));
	tcase_add_test(t, attributes);
	tcase_add_test(t, limits);
	tcase_add_loop_test(t, torn, 0, NELEM(tails));
	tcase_add_test(t, torn_anywhere);
	tcase_add_test(t, torn_too_long);
	suite_add_tcase(s, t);
	return s;
}
