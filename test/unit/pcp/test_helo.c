/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/helo.h"

#include "pcp/pcp.h"
#include "test/unit/pcp/pcptest.h"
#include "test/unit/unit.h"

/* The examples of pcp.md 2.7. */
static const char helo_hex[] =
	"7063700a 04000000 01000000"
	"68656c6f 04000080"
	"61676e74 09000000 4e6f64652f312e3000"
	"76657200 04000000 c2040000"
	"73696400 10000000 00a1a2a3a4a5a6a7a8a9aaabacadaeaf"
	"70696e67 02000000 e81b";

static const char oleh_hex[] =
	"6f6c6568 05000080"
	"61676e74 09000000 506565722f312e3000"
	"73696400 10000000 00b1b2b3b4b5b6b7b8b9babbbcbdbebf"
	"76657200 04000000 c2040000"
	"72697000 04000000 076433c6"
	"706f7274 02000000 e81b";

static struct gnuid run_of(uint8_t first)
{
	struct gnuid id = { .b = { 0 } };

	for (uint8_t i = 1; i < GNUID_LEN; i++)
		id.b[i] = (uint8_t)(first + i);
	return id;
}

START_TEST(helo_example)
{
	const struct gnuid sid = run_of(0xa0);
	struct buf b, want;
	struct helo h;
	struct atomwr w;
	struct atom a;
	uint32_t version = 0;

	buf_init(&b, 256);
	buf_init(&want, 256);
	put_hex(&want, helo_hex);
	ck_assert_uint_eq(want.len, 83);
	helo_init(&h, &sid);
	text_copy(h.agent, sizeof(h.agent), "Node/1.0");
	h.has_ping = true;
	h.ping = 7144;
	atomwr_init(&w, &b);
	helo_opener_emit(&w, PCP_PROTO_V4);
	helo_emit(&w, &h);
	assert_bytes(&b, &want, "helo");

	ck_assert_int_eq(atom_open(&a, b.p, b.len), ST_OK);
	ck_assert_int_eq(helo_opener_parse(&a, &version), ST_OK);
	ck_assert_uint_eq(version, 1);
	ck_assert_uint_eq(a.size, 12);
	ck_assert_int_eq(atom_open(&a, b.p + 12, b.len - 12), ST_OK);
	memset(&h, 0xff, sizeof(h));
	ck_assert_int_eq(helo_parse(&h, &a), ST_OK);
	ck_assert_str_eq(h.agent, "Node/1.0");
	ck_assert(h.has_ver && h.ver == 1218);
	ck_assert(gnuid_equal(&h.sid, &sid));
	ck_assert(h.has_ping && h.ping == 7144);
	ck_assert(!h.has_port && !gnuid_is_set(&h.bcid));
	ck_assert_uint_eq(h.children, 4);
	ck_assert(!helo_is_test(&h));
	buf_fini(&b);
	buf_fini(&want);
}
END_TEST

START_TEST(oleh_example)
{
	const struct gnuid sid = run_of(0xb0);
	struct buf b, want;
	struct oleh o;
	struct atomwr w;
	struct atom a;

	buf_init(&b, 256);
	buf_init(&want, 256);
	put_hex(&want, oleh_hex);
	ck_assert_uint_eq(want.len, 83);
	oleh_init(&o, &sid);
	text_copy(o.agent, sizeof(o.agent), "Peer/1.0");
	o.has_rip = o.has_port = true;
	o.rip = host_v4(198, 51, 100, 7, 7144);
	atomwr_init(&w, &b);
	oleh_emit(&w, &o);
	assert_bytes(&b, &want, "oleh");

	a = open_all(&b);
	memset(&o, 0xff, sizeof(o));
	ck_assert_int_eq(oleh_parse(&o, &a), ST_OK);
	ck_assert_str_eq(o.agent, "Peer/1.0");
	ck_assert(gnuid_equal(&o.sid, &sid));
	ck_assert(o.has_ver && o.ver == 1218);
	ck_assert(o.has_rip && o.has_port && !o.has_dis);
	ck_assert_uint_eq(o.rip.port, 7144);
	ck_assert(host_is_v4(&o.rip) && o.rip.ip[12] == 198 && o.rip.ip[15] == 7);
	buf_fini(&b);
	buf_fini(&want);
}
END_TEST

START_TEST(ours)
{
	const struct gnuid sid = run_of(1), bcid = run_of(2);
	struct helo h;
	struct buf b;
	struct atomwr w;
	struct atom a, c;

	/* Identity; what is set, in the order of PeerCast-YT; bcid comes last. */
	buf_init(&b, 256);
	helo_init(&h, &sid);
	h.has_port = h.has_ping = true;
	h.port = 7144;
	h.ping = 7145;
	h.bcid = bcid;
	atomwr_init(&w, &b);
	helo_emit(&w, &h);
	a = open_all(&b);
	ck_assert_uint_eq(a.count, 6);
	ck_assert(atom_next(&a, &c) && c.id == ATOM_AGNT);
	ck_assert_str_eq((const char *)c.rd.p, "PeerCast/0.1218 (SV01)");
	ck_assert(atom_next(&a, &c) && c.id == ATOM_VER);
	ck_assert(atom_next(&a, &c) && c.id == ATOM_SID);
	ck_assert(atom_next(&a, &c) && c.id == ATOM_PORT);
	ck_assert(atom_next(&a, &c) && c.id == ATOM_PING);
	ck_assert(atom_next(&a, &c) && c.id == ATOM_BCID);
	buf_fini(&b);
}
END_TEST

/* pcp.md 6.2: port and ping never go out together, but where that is asked for. */
START_TEST(our_port)
{
	static const struct {
		uint16_t port;
		enum firewall fw;
		bool both;
		uint16_t want_port, want_ping;
	} rows[] = {
		{ 7144, FW_OPEN, false, 7144, 0 },
		{ 7144, FW_UNKNOWN, false, 0, 7144 },
		{ 7144, FW_CLOSED, false, 0, 0 },
		{ 7144, FW_OPEN, true, 7144, 0 },
		{ 7144, FW_UNKNOWN, true, 7144, 7144 },
		{ 7144, FW_CLOSED, true, 0, 0 },
		{ 0, FW_OPEN, true, 0, 0 },
		{ 0, FW_UNKNOWN, true, 0, 0 },
	};

	for (size_t i = 0; i < NELEM(rows); i++) {
		const struct gnuid sid = run_of(1);
		struct helo h;

		helo_init(&h, &sid);
		helo_set_port(&h, rows[i].port, rows[i].fw, rows[i].both);
		ck_assert_msg(h.has_port == (rows[i].want_port != 0) && h.port == rows[i].want_port, "%zu", i);
		ck_assert_msg(h.has_ping == (rows[i].want_ping != 0) && h.ping == rows[i].want_ping, "%zu", i);
	}
}
END_TEST

/* pcp.md 6.4, step 5. */
START_TEST(what_an_oleh_tells)
{
	static const struct {
		const char *name, *rip;         /* with the port; NULL = none was told */
		bool has_port, asked, v6;
		enum firewall want;
		bool names_us;
	} rows[] = {
		{ "open", "203.0.113.5:7144", true, true, false, FW_OPEN, true },
		{ "closed", "203.0.113.5:0", true, true, false, FW_CLOSED, true },
		{ "no port", "203.0.113.5:0", false, true, false, FW_CLOSED, true },
		{ "no address", NULL, true, true, false, FW_CLOSED, false },
		{ "unset", "0.0.0.0:7144", true, true, false, FW_CLOSED, false },
		{ "a LAN", "192.168.0.5:7144", true, true, false, FW_CLOSED, true },
		{ "loopback", "127.0.0.1:7144", true, true, false, FW_CLOSED, true },
		{ "echo of a claim", "203.0.113.5:7144", true, false, false, FW_UNKNOWN, true },
		{ "no claim", "203.0.113.5:0", true, false, false, FW_UNKNOWN, true },
		{ "other family", "[2001:db8::5]:7144", true, true, false, FW_CLOSED, false },
		{ "IPv6, open", "[2001:db8::5]:7144", true, true, true, FW_OPEN, true },
		{ "IPv6, closed", "[2001:db8::5]:0", true, true, true, FW_CLOSED, true },
		{ "IPv6, link-local", "[fe80::5]:7144", true, true, true, FW_CLOSED, true },
		{ "IPv6, other family", "203.0.113.5:7144", true, true, true, FW_CLOSED, false },
	};

	for (size_t i = 0; i < NELEM(rows); i++) {
		const struct gnuid sid = run_of(1);
		struct helo said;
		struct oleh o;

		helo_init(&said, &sid);
		helo_set_port(&said, 7144, rows[i].asked ? FW_UNKNOWN : FW_OPEN, false);
		oleh_init(&o, &sid);
		o.has_rip = rows[i].rip != NULL;
		o.has_port = rows[i].has_port;
		if (o.has_rip)
			ck_assert(host_parse(&o.rip, rows[i].rip, 0));
		else
			o.rip.port = 7144;
		ck_assert_msg(oleh_firewall(&o, &said, rows[i].v6) == rows[i].want, "%s", rows[i].name);
		ck_assert_msg(oleh_names_us(&o, rows[i].v6) == rows[i].names_us, "%s", rows[i].name);
	}
}
END_TEST

START_TEST(port_test_bytes)
{
	const struct gnuid sid = run_of(0xa0);
	struct buf b, want;
	struct helo h;
	struct atomwr w;
	struct atom a;

	/* 7.6: 12 + 8 + 24 bytes, exactly one child. */
	buf_init(&b, 256);
	buf_init(&want, 256);
	put_hex(&want, "7063700a 04000000 01000000 68656c6f 01000080"
		"73696400 10000000 00a1a2a3a4a5a6a7a8a9aaabacadaeaf");
	atomwr_init(&w, &b);
	helo_test_emit(&w, &sid);
	assert_bytes(&b, &want, "test");
	ck_assert_uint_eq(b.len, HELO_TEST_LEN);
	ck_assert_int_eq(atom_open(&a, b.p + 12, b.len - 12), ST_OK);
	ck_assert_int_eq(helo_parse(&h, &a), ST_OK);
	ck_assert(helo_is_test(&h));
	buf_fini(&b);
	buf_fini(&want);
}
END_TEST

START_TEST(knock_bytes)
{
	struct buf b, want;
	struct helo h;
	struct atomwr w;
	struct atom a;

	/* yp.md 3.2: the opener and a container with nothing in it */
	buf_init(&b, HELO_KNOCK_LEN);
	buf_init(&want, 256);
	put_hex(&want, "7063700a 04000000 01000000 68656c6f 00000080");
	atomwr_init(&w, &b);
	helo_knock_emit(&w);
	assert_bytes(&b, &want, "knock");
	ck_assert_uint_eq(b.len, HELO_KNOCK_LEN);
	ck_assert_int_eq(atom_open(&a, b.p + 12, b.len - 12), ST_OK);
	ck_assert_int_eq(helo_parse(&h, &a), ST_OK);
	ck_assert(!helo_is_test(&h) && !gnuid_is_set(&h.sid));
	buf_fini(&b);
	buf_fini(&want);
}
END_TEST

/* pcp.md 5.2 */
static const struct {
	const char *name, *hex;
	enum status st;
	uint32_t version;
} opener_row[] = {
	{ "1", "7063700a 04000000 01000000", ST_OK, 1 },
	{ "100", "7063700a 04000000 64000000", ST_OK, 100 },
	{ "any", "7063700a 04000000 07000000", ST_OK, 7 },
	{ "length 0", "7063700a 00000000", ST_OK, 1 },
	{ "no children", "7063700a 00000080", ST_OK, 1 },
	{ "length 5", "7063700a 05000000 0100000000", ST_PROTO, 0 },
	{ "length 1", "7063700a 01000000 01", ST_PROTO, 0 },
	{ "container", "7063700a 01000080 6f6b0000 00000000", ST_PROTO, 0 },
	{ "helo", "68656c6f 00000080", ST_PROTO, 0 },
};

START_TEST(opener)
{
	struct buf b;
	struct atom a;
	uint32_t version = 0;

	buf_init(&b, 64);
	put_hex(&b, opener_row[_i].hex);
	a = open_all(&b);
	ck_assert_msg(helo_opener_parse(&a, &version) == opener_row[_i].st, "%s",
		opener_row[_i].name);
	if (opener_row[_i].st == ST_OK)
		ck_assert_uint_eq(version, opener_row[_i].version);
	buf_fini(&b);
}
END_TEST

/* One child each, good and bad; as helo and as oleh. */
static const struct {
	const char *name, *hex;
	bool ver, port, sid, rip;
} child[] = {
	{ "ver", "76657200 04000000 c2040000", .ver = true },
	{ "ver as short", "76657200 02000000 c204", .ver = false },
	{ "ver empty (B14)", "76657200 00000000", .ver = false },
	{ "ver twice, the last bad", "76657200 04000000 c2040000 76657200 01000000 07",
		.ver = true },
	{ "ver 1199 after 1218", "76657200 04000000 c2040000 76657200 04000000 af040000",
		.ver = true },
	{ "port", "706f7274 02000000 e81b", .port = true },
	{ "port as int (B10)", "706f7274 04000000 e81b0000", .port = false },
	{ "port as container (B9)", "706f7274 01000080 706f7274 02000000 e81b", .port = false },
	{ "sid", "73696400 10000000 00010203040506070809101112131415", .sid = true },
	{ "sid of 15 (B10)", "73696400 0f000000 000102030405060708091011121314", .sid = false },
	{ "sid of zeros (B22)", "73696400 10000000 00000000000000000000000000000000",
		.sid = false },
	{ "rip", "72697000 04000000 076433c6", .rip = true },
	{ "rip of 5 (B10)", "72697000 05000000 076433c600", .rip = false },
	{ "unknown container", "7a7a7a7a 01000080 76657200 01000080 76657200 04000000 c2040000",
		.ver = false },
	{ "wild id (B8)", "00000000 02000000 e81b ff00ff00 00000000 76657200 04000000 c2040000",
		.ver = true },
};

static unsigned count_atoms(const struct buf *b)
{
	size_t at = 0;
	unsigned n = 0;
	struct atom a;

	for (; at < b->len; at += a.size, n++)
		ck_assert_int_eq(atom_open(&a, b->p + at, b->len - at), ST_OK);
	return n;
}

START_TEST(children)
{
	struct buf b, kids;
	struct helo h;
	struct oleh o;
	struct atom a;

	buf_init(&b, 256);
	buf_init(&kids, 256);
	put_hex(&kids, child[_i].hex);
	put_hdr(&b, ATOM_HELO, CONT | count_atoms(&kids));
	buf_put(&b, kids.p, kids.len);
	a = open_all(&b);
	ck_assert_int_eq(helo_parse(&h, &a), ST_OK);
	ck_assert_msg(h.has_ver == child[_i].ver, "%s", child[_i].name);
	ck_assert_msg(h.has_port == child[_i].port, "%s", child[_i].name);
	ck_assert_msg(gnuid_is_set(&h.sid) == child[_i].sid, "%s", child[_i].name);
	ck_assert_uint_eq(h.children, count_atoms(&kids));
	ck_assert(helo_is_test(&h) == (child[_i].sid && h.children == 1));
	if (_i == 4)
		ck_assert_uint_eq(h.ver, 1199);         /* B12: the last wins */

	memcpy(b.p, "oleh", 4);
	a = open_all(&b);
	ck_assert_int_eq(oleh_parse(&o, &a), ST_OK);
	ck_assert_msg(o.has_ver == child[_i].ver, "%s", child[_i].name);
	ck_assert_msg(o.has_port == child[_i].port, "%s", child[_i].name);
	ck_assert_msg(gnuid_is_set(&o.sid) == child[_i].sid, "%s", child[_i].name);
	ck_assert_msg(o.has_rip == child[_i].rip, "%s", child[_i].name);
	buf_fini(&b);
	buf_fini(&kids);
}
END_TEST

START_TEST(not_that_atom)
{
	struct helo h;
	struct oleh o;
	struct atom a;
	struct buf b;

	buf_init(&b, 64);
	put_hdr(&b, ATOM_CHAN, CONT);           /* B20 */
	a = open_all(&b);
	ck_assert_int_eq(helo_parse(&h, &a), ST_PROTO);
	ck_assert_int_eq(oleh_parse(&o, &a), ST_PROTO);
	buf_reset(&b);
	put_fill(&b, ATOM_HELO, 4);             /* B9 */
	a = open_all(&b);
	ck_assert_int_eq(helo_parse(&h, &a), ST_PROTO);
	buf_reset(&b);
	put_hdr(&b, ATOM_HELO, 0);              /* a container of nothing: no sid, later 1005 */
	a = open_all(&b);
	ck_assert_int_eq(helo_parse(&h, &a), ST_OK);
	ck_assert(!gnuid_is_set(&h.sid) && !helo_is_test(&h));
	buf_fini(&b);
}
END_TEST

START_TEST(long_agent)
{
	struct helo h;
	struct atomwr w;
	struct atom a;
	struct buf b;

	/* Read whole, sent with 63 bytes at most (2.3). */
	buf_init(&b, 1024);
	put_hdr(&b, ATOM_HELO, CONT | 1);
	put_hdr(&b, ATOM_AGNT, 100);
	for (int i = 0; i < 100; i++)
		buf_u8(&b, 'a');
	a = open_all(&b);
	ck_assert_int_eq(helo_parse(&h, &a), ST_OK);
	ck_assert_uint_eq(strlen(h.agent), 100);
	buf_reset(&b);
	atomwr_init(&w, &b);
	helo_emit(&w, &h);
	ck_assert_uint_eq(b.len, 8 + 8 + 64);
	buf_fini(&b);
}
END_TEST

START_TEST(v6_and_dis)
{
	struct oleh o, back;
	struct atomwr w;
	struct atom a;
	struct buf b;

	buf_init(&b, 1024);
	oleh_init(&o, &(struct gnuid){ .b = { 1 } });
	o.has_rip = o.has_port = o.has_dis = true;
	ck_assert(host_parse(&o.rip, "[2001:db8::7]:7144", 0));
	o.dis = 1;
	atomwr_init(&w, &b);
	oleh_emit(&w, &o);
	a = open_all(&b);
	ck_assert_int_eq(oleh_parse(&back, &a), ST_OK);
	ck_assert(host_equal(&o.rip, &back.rip));
	ck_assert(back.has_dis && back.dis == 1);
	/* 17.7: never a link-local one. */
	ck_assert(host_parse(&o.rip, "fe80::7", 0));
	buf_reset(&b);
	oleh_emit(&w, &o);
	a = open_all(&b);
	ck_assert_int_eq(oleh_parse(&back, &a), ST_OK);
	ck_assert(!host_is_set(&back.rip));
	buf_fini(&b);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("helo");
	TCase *t = tcase_create("helo");

	tcase_add_test(t, helo_example);
	tcase_add_test(t, oleh_example);
	tcase_add_test(t, ours);
	tcase_add_test(t, our_port);
	tcase_add_test(t, what_an_oleh_tells);
	tcase_add_test(t, port_test_bytes);
	tcase_add_test(t, knock_bytes);
	tcase_add_loop_test(t, opener, 0, NELEM(opener_row));
	tcase_add_loop_test(t, children, 0, NELEM(child));
	tcase_add_test(t, not_that_atom);
	tcase_add_test(t, long_agent);
	tcase_add_test(t, v6_and_dis);
	suite_add_tcase(s, t);
	return s;
}
