/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packets of live sync: the vectors of yp.md 4.1, lengths, addresses. */
#include "pcp/syncwire.h"

#include <string.h>

#include "core/sys/text.h"
#include "test/unit/unit.h"

#define CHAN { .b = { 0x59, 0x42, 0xd7, 0x8c, 0x0d, 0x0d, 0x12, 0x27, 0x33, 0x17, 0xe2, 0x81, 0xae, 0x0e, 0x7b, 0x79 } }
#define CHAN_HEX "5942d78c0d0d12273317e281ae0e7b79"

static const struct gnuid chan = CHAN;

static size_t unhex(uint8_t *out, const char *hex)
{
	const size_t n = strlen(hex) / 2;

	ck_assert(hex_parse(out, n, hex));
	return n;
}

static void assert_packet(const struct wr *w, const char *hex)
{
	uint8_t want[SYNC_MTU_MAX];
	const size_t n = unhex(want, hex);

	ck_assert_int_eq(w->err, ST_OK);
	ck_assert_uint_eq(w->len, n);
	ck_assert_mem_eq(w->p, want, n);
}

#define LIVE_HEX "5a17c0de00000000" CHAN_HEX "50434801cb0071141be8c037" CHAN_HEX "50434801cb00711e1be84032"
#define BEACON_HEX "5a17c0de000000010000000000000025"
#define INQUIRE_HEX "00c0ffee000000025a17c0de"
#define TELL_HEX "5a17c0de00000003" CHAN_HEX "50434801000000020000000000000029"
#define LIVE6_HEX "5a17c0de00000001" CHAN_HEX "5043480120010db80000000000000000000000141be8c037"

START_TEST(live_vector)
{
	const struct hit tracker = {
		.chan = chan, .rhost[0] = host_v4(203, 0, 113, 20, 7144),
		.flags = HIT_TRACKER | HIT_RELAY | HIT_DIRECT | HIT_RECV | HIT_CIN,
	};
	const struct hit relay = {
		.chan = chan, .rhost[0] = host_v4(203, 0, 113, 30, 7144),
		.flags = HIT_RELAY | HIT_RECV | HIT_CIN,
	};
	uint8_t b[SYNC_MTU_MAX];
	struct wr w = wr_of(b, sizeof(b));
	struct synclive r;
	struct syncpkt p;
	struct hit h;

	syncpkt_begin(&w, 0x5a17c0de, SYNC_T_LIVE);
	synclive_of_hit(&r, &tracker, false);
	synclive_put(&w, &r);
	synclive_of_hit(&r, &relay, false);
	synclive_put(&w, &r);
	assert_packet(&w, LIVE_HEX);

	ck_assert_int_eq(syncpkt_parse(&p, b, w.len), ST_OK);
	ck_assert_uint_eq(p.instance, 0x5a17c0de);
	ck_assert_int_eq(p.kind, SYNC_LIVE);
	ck_assert(synclive_next(&p, &r));
	ck_assert_int_eq(r.hash, SYNC_HASH_OK);
	synclive_to_hit(&r, &h);
	ck_assert(gnuid_equal(&h.chan, &chan));
	ck_assert(host_equal(&h.rhost[0], &tracker.rhost[0]));
	ck_assert_uint_eq(h.flags, tracker.flags);
	ck_assert(synclive_next(&p, &r));
	synclive_to_hit(&r, &h);
	ck_assert(host_equal(&h.rhost[0], &relay.rhost[0]));
	ck_assert_uint_eq(h.flags, relay.flags);
	ck_assert(!synclive_next(&p, &r));
}
END_TEST

START_TEST(live6_vector)
{
	struct hit h = { .chan = chan, .rhost[0] = { .ip = { 0x20, 1, 0x0d, 0xb8, [15] = 0x14 }, .port = 7144 },
		.flags = HIT_TRACKER | HIT_RELAY | HIT_DIRECT | HIT_RECV | HIT_CIN };
	uint8_t b[SYNC_MTU_MAX];
	struct wr w = wr_of(b, sizeof(b));
	struct synclive r;
	struct syncpkt p;
	struct hit back;

	syncpkt_begin(&w, 0x5a17c0de, SYNC_T_BEACON);
	synclive_of_hit(&r, &h, false);
	synclive_put(&w, &r);
	assert_packet(&w, LIVE6_HEX);
	ck_assert_int_eq(syncpkt_parse(&p, b, w.len), ST_OK);
	ck_assert_int_eq(p.kind, SYNC_LIVE6);
	ck_assert(synclive_next(&p, &r));
	synclive_to_hit(&r, &back);
	ck_assert(host_equal(&back.rhost[0], &h.rhost[0]));
	ck_assert_uint_eq(back.flags, h.flags);
}
END_TEST

START_TEST(scrape_vectors)
{
	const struct synctell tell = { .chan = chan, .age_min = 2, .peak = 41 };
	uint8_t b[SYNC_MTU_MAX];
	struct wr w = wr_of(b, sizeof(b));
	struct synctell r;
	struct syncpkt p;

	syncpkt_begin(&w, 0x5a17c0de, SYNC_T_BEACON);
	wr_be64(&w, 37);
	assert_packet(&w, BEACON_HEX);
	ck_assert_int_eq(syncpkt_parse(&p, b, w.len), ST_OK);
	ck_assert_int_eq(p.kind, SYNC_BEACON);
	ck_assert_uint_eq(rd_be64(&p.body), 37);

	w = wr_of(b, sizeof(b));
	syncpkt_begin(&w, 0x00c0ffee, SYNC_T_INQUIRE);
	wr_be32(&w, 0x5a17c0de);
	assert_packet(&w, INQUIRE_HEX);
	ck_assert_int_eq(syncpkt_parse(&p, b, w.len), ST_OK);
	ck_assert_int_eq(p.kind, SYNC_INQUIRE);

	w = wr_of(b, sizeof(b));
	syncpkt_begin(&w, 0x5a17c0de, SYNC_T_TELL);
	synctell_put(&w, &tell);
	assert_packet(&w, TELL_HEX);
	ck_assert_int_eq(syncpkt_parse(&p, b, w.len), ST_OK);
	ck_assert(synctell_next(&p, &r));
	ck_assert_int_eq(r.hash, SYNC_HASH_OK);
	ck_assert(gnuid_equal(&r.chan, &chan));
	ck_assert_uint_eq(r.age_min, 2);
	ck_assert_uint_eq(r.peak, 41);
	ck_assert(!synctell_next(&p, &r));
}
END_TEST

/* Extension header and records, as yp.md 4.5 lays them out. */
START_TEST(extension_layout)
{
	const struct syncgone gone = { .chan = chan, .why = 3 };
	const struct syncdigest dig = { .chan = chan, .hash = { 1, 2, 3, 4 }, .hosts = 5, .age_min = 6 };
	uint8_t b[SYNC_MTU_MAX];
	struct wr w = wr_of(b, sizeof(b));
	struct syncdigest d;
	struct syncgone g;
	struct syncpkt p;

	syncpkt_begin_ext(&w, 0x5a17c0de, SYNC_T_GONE, 0, 0, 1, 9);
	syncgone_put(&w, &gone);
	assert_packet(&w, "5a17c0de50430103" "0100000100000009" CHAN_HEX "03");
	ck_assert_int_eq(syncpkt_parse(&p, b, w.len), ST_OK);
	ck_assert_int_eq(p.kind, SYNC_GONE);
	ck_assert_uint_eq(p.msg, 9);
	ck_assert(syncgone_next(&p.body, &g));
	ck_assert_uint_eq(g.why, 3);

	w = wr_of(b, sizeof(b));
	syncpkt_begin_ext(&w, 0x5a17c0de, SYNC_T_DIGEST, 2, 1, 3, 0x01020304);
	syncdigest_put(&w, &dig);
	assert_packet(&w, "5a17c0de50430104" "0102010301020304" CHAN_HEX "0102030400050006");
	ck_assert_int_eq(syncpkt_parse(&p, b, w.len), ST_OK);
	ck_assert_uint_eq(p.flags, 2);
	ck_assert_uint_eq(p.frag, 1);
	ck_assert_uint_eq(p.frags, 3);
	ck_assert(syncdigest_next(&p.body, &d));
	ck_assert_mem_eq(d.hash, dig.hash, 4);
	ck_assert_uint_eq(d.hosts, 5);
	ck_assert_uint_eq(d.age_min, 6);
}
END_TEST

/* A channel's tail is needed; the id must say something. */
START_TEST(info_hash)
{
	static const struct {
		const char *hex;
		enum sync_hash hash;
	} rows[] = {
		{ CHAN_HEX "50434801", SYNC_HASH_OK },
		{ CHAN_HEX "50434802", SYNC_HASH_FOREIGN },
		{ CHAN_HEX "00000000", SYNC_HASH_FOREIGN },
		{ "0000000000000000000000000000000050434801", SYNC_HASH_ZERO },
		{ "00000000000000000000000000000000" "50434800", SYNC_HASH_FOREIGN },
	};
	uint8_t b[64] = { 0x5a, 0x17, 0xc0, 0xde };
	struct synclive l;
	struct synctell t;
	struct syncpkt p;

	(void)unhex(b + SYNC_HEAD, rows[_i].hex);
	ck_assert_int_eq(syncpkt_parse(&p, b, SYNC_HEAD + SYNC_LIVE_REC), ST_OK);
	ck_assert(synclive_next(&p, &l));
	ck_assert_int_eq(l.hash, rows[_i].hash);
	b[7] = SYNC_T_TELL;
	ck_assert_int_eq(syncpkt_parse(&p, b, SYNC_HEAD + SYNC_TELL_REC), ST_OK);
	ck_assert(synctell_next(&p, &t));
	ck_assert_int_eq(t.hash, rows[_i].hash);
}
END_TEST

static const struct {
	const char *name, *head;        /* the first bytes; the rest is zeros */
	size_t n;
	enum status st;
	enum sync_kind kind;
} lengths[] = {
	{ "nothing",             "", 0, ST_EOF, 0 },
	{ "no type",             "5a17c0de000000", 7, ST_EOF, 0 },
	{ "LIVE, none",          "5a17c0de00000000", 8, ST_LIMIT, 0 },
	{ "LIVE, cut",           "5a17c0de00000000", 35, ST_LIMIT, 0 },
	{ "LIVE, one",           "5a17c0de00000000", 36, ST_OK, SYNC_LIVE },
	{ "LIVE, 30 bytes each", "5a17c0de00000000", 38, ST_LIMIT, 0 },
	{ "LIVE, most",          "5a17c0de00000000", 8 + 320 * 28, ST_OK, SYNC_LIVE },
	{ "too long",            "5a17c0de00000000", 8 + 321 * 28, ST_LIMIT, 0 },
	{ "BEACON",              "5a17c0de00000001", 16, ST_OK, SYNC_BEACON },
	{ "type 1, short",       "5a17c0de00000001", 15, ST_LIMIT, 0 },
	{ "type 1, long",        "5a17c0de00000001", 17, ST_LIMIT, 0 },
	{ "LIVE6, one",          "5a17c0de00000001", 48, ST_OK, SYNC_LIVE6 },
	{ "LIVE6, none",         "5a17c0de00000001", 8, ST_LIMIT, 0 },
	{ "LIVE6, LIVE's size",  "5a17c0de00000001", 36, ST_LIMIT, 0 },
	{ "INQUIRE",             "5a17c0de00000002", 12, ST_OK, SYNC_INQUIRE },
	{ "INQUIRE, long",       "5a17c0de00000002", 13, ST_LIMIT, 0 },
	{ "TELL, one",           "5a17c0de00000003", 40, ST_OK, SYNC_TELL },
	{ "TELL, cut",           "5a17c0de00000003", 39, ST_LIMIT, 0 },
	{ "unknown",             "5a17c0de00000004", 40, ST_STOPPED, 0 },
	{ "before ours",         "5a17c0de50430100", 40, ST_STOPPED, 0 },
	{ "behind ours",         "5a17c0de50430107", 40, ST_STOPPED, 0 },
	{ "extension, cut",      "5a17c0de504301010100000100000a", 15, ST_LIMIT, 0 },
	{ "extension, version",  "5a17c0de504301010200000100000001", 16, ST_STOPPED, 0 },
	{ "no fragments",        "5a17c0de504301010100000000000001", 16, ST_PROTO, 0 },
	{ "fragment = count",    "5a17c0de504301010100020200000001", 16, ST_PROTO, 0 },
	{ "nine fragments",      "5a17c0de504301010100000900000001", 16, ST_PROTO, 0 },
	{ "eighth of eight",     "5a17c0de504301010100070800000001", 16, ST_OK, SYNC_CHANINFO },
	{ "BYE",                 "5a17c0de504301060100000100000001", 16, ST_OK, SYNC_BYE },
	{ "SEALED, whatever",    "5a17c0de504301ff", 8, ST_OK, SYNC_SEALED },
};

START_TEST(lengths_table)
{
	static uint8_t b[SYNC_MTU_MAX + 100];
	struct syncpkt p;

	memset(b, 0, sizeof(b));
	(void)unhex(b, lengths[_i].head);
	ck_assert_msg(syncpkt_parse(&p, b, lengths[_i].n) == lengths[_i].st, "%s", lengths[_i].name);
	if (lengths[_i].st == ST_OK)
		ck_assert_msg(p.kind == lengths[_i].kind, "%s", lengths[_i].name);
	ck_assert_msg(p.instance == (lengths[_i].n >= 4 ? 0x5a17c0de : 0), "%s", lengths[_i].name);
}
END_TEST

static const struct {
	const char *host;
	uint8_t flg1;
	bool ok;
} addresses[] = {
	{ "203.0.113.20:7144", 0, true },
	{ "203.0.113.20:0", 0, false },
	{ "203.0.113.20:0", HIT_PUSH, true },
	{ "0.0.0.0:7144", 0, false },
	{ "0.1.2.3:7144", 0, false },
	{ "224.0.42.5:7144", 0, false },
	{ "239.255.255.255:7144", 0, false },
	{ "240.0.0.1:7144", 0, false },
	{ "255.255.255.255:7144", 0, false },
	{ "127.0.0.1:7144", 0, true },
	{ "10.0.0.1:7144", 0, true },
	{ "[2001:db8::1]:7144", 0, true },
	{ "[ff02::1]:7144", 0, false },
	{ "[::]:7144", 0, false },
};

START_TEST(addresses_table)
{
	struct host h;

	ck_assert(host_parse(&h, addresses[_i].host, 0));
	ck_assert_msg(sync_address_ok(&h, addresses[_i].flg1) == addresses[_i].ok, "%s", addresses[_i].host);
}
END_TEST

/* flags of a record <-> flags of a hit (yp.md 4.4). */
static const struct {
	const char *name;
	uint8_t hit;
	bool stopped;
	uint8_t flags, flg1, back;
	uint16_t port;
} flags[] = {
	{ "tracker", HIT_TRACKER | HIT_RECV, false, 0xc0, 0x11, HIT_TRACKER | HIT_RECV, 7144 },
	{ "relay", HIT_RECV | HIT_RELAY, false, 0x40, 0x12, HIT_RECV | HIT_RELAY, 7144 },
	{ "tracker gone", HIT_TRACKER | HIT_RECV, true, 0xa0, 0x11, HIT_TRACKER, 7144 },
	{ "relay gone", HIT_RECV, true, 0x20, 0x10, 0, 7144 },
	{ "firewalled", HIT_RECV | HIT_PUSH, false, 0x40, 0x18, HIT_RECV | HIT_PUSH, 0 },
	{ "nothing known", 0, false, 0, 0, HIT_RELAY | HIT_CIN | HIT_RECV, 7144 },
};

START_TEST(flags_table)
{
	const struct hit h = { .chan = chan, .rhost[0] = host_v4(203, 0, 113, 20, 7144), .flags = flags[_i].hit };
	struct synclive r;
	struct hit back;

	synclive_of_hit(&r, &h, flags[_i].stopped);
	ck_assert_msg(r.flags == flags[_i].flags, "%s: %02x", flags[_i].name, r.flags);
	ck_assert_msg(r.flg1 == flags[_i].flg1, "%s: %02x", flags[_i].name, r.flg1);
	ck_assert_msg(r.host.port == flags[_i].port, "%s", flags[_i].name);
	synclive_to_hit(&r, &back);
	ck_assert_msg(back.flags == flags[_i].back, "%s: %02x", flags[_i].name, back.flags);
}
END_TEST

/* Other software fills the second byte with what it likes, or clears COMPLETE: alive is what has not stopped. */
START_TEST(live_is_not_stopped)
{
	const struct synclive r = { .chan = chan, .host = host_v4(203, 0, 113, 20, 7144) };
	struct hit h;

	synclive_to_hit(&r, &h);
	ck_assert_uint_eq(h.flags, HIT_RELAY | HIT_CIN | HIT_RECV);
}
END_TEST

START_TEST(hash)
{
	static const uint8_t want[4] = { 0xba, 0x78, 0x16, 0xbf };     /* FIPS 180-2, "abc" */
	uint8_t h[4];

	sync_info_hash(h, "abc", 3);
	ck_assert_mem_eq(h, want, sizeof(h));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("pcp/syncwire");
	TCase *t = tcase_create("all");

	tcase_add_test(t, live_vector);
	tcase_add_test(t, live6_vector);
	tcase_add_test(t, scrape_vectors);
	tcase_add_test(t, extension_layout);
	tcase_add_loop_test(t, info_hash, 0, 5);
	tcase_add_loop_test(t, lengths_table, 0, NELEM(lengths));
	tcase_add_loop_test(t, addresses_table, 0, NELEM(addresses));
	tcase_add_loop_test(t, flags_table, 0, NELEM(flags));
	tcase_add_test(t, live_is_not_stopped);
	tcase_add_test(t, hash);
	suite_add_tcase(s, t);
	return s;
}
