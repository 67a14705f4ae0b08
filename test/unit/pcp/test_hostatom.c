/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/hostatom.h"

#include "test/unit/pcp/pcptest.h"
#include "test/unit/unit.h"

static const struct hit full = {
	.sid = { .b = { 0, 1, 2, 3 } },
	.chan = { .b = { 0xc0, 1 } },
	.rhost = { { .ip = { [10] = 0xff, [11] = 0xff, 198, 51, 100, 7 }, .port = 7144 },
		{ .ip = { [10] = 0xff, [11] = 0xff, 192, 168, 0, 5 }, .port = 7145 } },
	.listeners = 1, .relays = 2, .uptime_s = 300, .oldpos = 65536, .newpos = 131072,
	.version = 1218, .version_vp = 27, .ex_prefix = { 'S', 'V' }, .ex_number = 1,
	.flags = HIT_RELAY | HIT_RECV | HIT_CIN,
	.uphost = { .ip = { [10] = 0xff, [11] = 0xff, 203, 0, 113, 20 }, .port = 7144 },
	.uphops = 1,
};

static void assert_hit(const struct hit *a, const struct hit *b, const char *what)
{
	ck_assert_msg(gnuid_equal(&a->sid, &b->sid), "%s", what);
	ck_assert_msg(gnuid_equal(&a->chan, &b->chan), "%s", what);
	ck_assert_msg(host_equal(&a->rhost[0], &b->rhost[0]), "%s: global", what);
	ck_assert_msg(host_equal(&a->rhost[1], &b->rhost[1]), "%s: local", what);
	ck_assert_msg(host_equal(&a->uphost, &b->uphost), "%s: uphost", what);
	ck_assert_uint_eq(a->listeners, b->listeners);
	ck_assert_uint_eq(a->relays, b->relays);
	ck_assert_uint_eq(a->uptime_s, b->uptime_s);
	ck_assert_uint_eq(a->oldpos, b->oldpos);
	ck_assert_uint_eq(a->newpos, b->newpos);
	ck_assert_uint_eq(a->version, b->version);
	ck_assert_uint_eq(a->version_vp, b->version_vp);
	ck_assert_mem_eq(a->ex_prefix, b->ex_prefix, 2);
	ck_assert_uint_eq(a->ex_number, b->ex_number);
	ck_assert_uint_eq(a->flags, b->flags);
	ck_assert_uint_eq(a->uphops, b->uphops);
}

/* The order of pcp.md 4.9. */
START_TEST(order)
{
	static const uint32_t all[] = {
		ATOM_CID, ATOM_ID, ATOM_IP, ATOM_PORT, ATOM_IP, ATOM_PORT, ATOM_NUML, ATOM_NUMR,
		ATOM_UPTM, ATOM_VER, ATOM_VEVP, ATOM_VEXP, ATOM_VEXN, ATOM_FLG1, ATOM_OLDP,
		ATOM_NEWP, ATOM_UPIP, ATOM_UPPT, ATOM_UPHP,
	};
	struct hit h = full;
	struct buf b;
	struct atomwr w;
	struct atom a, c;
	/* bit 0: cid; bit 1: version extension; bit 2: uphost */
	bool cid = _i & 1, ex = _i & 2, up = _i & 4;

	if (!ex)
		h.ex_number = 0;
	if (!up)
		memset(&h.uphost, 0, sizeof(h.uphost));
	buf_init(&b, 1024);
	atomwr_init(&w, &b);
	hostatom_emit(&w, &h, cid);
	a = open_all(&b);
	ck_assert_uint_eq(a.count, 13u + (cid ? 1 : 0) + (ex ? 2 : 0) + (up ? 3 : 0));
	for (size_t i = 0; i < NELEM(all); i++) {
		if ((!cid && i == 0) || (!ex && (i == 11 || i == 12)) || (!up && i > 15))
			continue;
		ck_assert(atom_next(&a, &c));
		ck_assert_uint_eq(c.id, all[i]);
		if (c.id == ATOM_UPPT || c.id == ATOM_UPHP)
			ck_assert_uint_eq(c.rd.left, 4);
	}
	ck_assert(!atom_next(&a, &c));
	buf_fini(&b);
}
END_TEST

START_TEST(round_trip)
{
	static const char *const ip[][3] = {
		{ "198.51.100.7:7144", "192.168.0.5:7144", "203.0.113.20:7144" },
		{ "198.51.100.7:0", "0.0.0.0:0", "0.0.0.0:0" },
		{ "0.0.0.0:7144", "192.168.0.5:0", "203.0.113.20:0" },
		{ "[2001:db8::7]:7144", "[fd00::5]:7144", "[2001:db8::20]:65535" },
		{ "[2001:db8::7]:0", "[::]:0", "[::]:0" },
		{ "[::]:0", "[fd00::5]:7144", "[2001:db8::20]:1" },
	};
	const struct gnuid other = id_of(9);
	struct hit h = full, back;
	struct buf b;
	struct atomwr w;
	struct atom a;

	ck_assert(host_parse(&h.rhost[0], ip[_i][0], 0));
	ck_assert(host_parse(&h.rhost[1], ip[_i][1], 0));
	ck_assert(host_parse(&h.uphost, ip[_i][2], 0));
	for (int k = 0; k < 2; k++) {
		if (!host_is_set(&h.rhost[k]))
			memset(h.rhost[k].ip, 0, 16);
	}
	if (!host_is_set(&h.uphost)) {
		memset(&h.uphost, 0, sizeof(h.uphost));
		h.uphops = 0;
	}
	buf_init(&b, 1024);
	atomwr_init(&w, &b);
	hostatom_emit(&w, &h, true);
	a = open_all(&b);
	memset(&back, 0xff, sizeof(back));
	ck_assert_int_eq(hostatom_parse(&back, &a, &other, 3), ST_OK);
	assert_hit(&back, &h, ip[_i][0]);
	ck_assert_uint_eq(back.hops, 3);
	/* What is not on the wire starts empty. */
	ck_assert(!gnuid_is_set(&back.via) && back.heard == 0 && back.contact == 0 && !back.dead &&
		!back.told && back.gone_at == 0);
	buf_fini(&b);
}
END_TEST

#define IP(d)   "69700000 04000000 " d "0000c6 "
#define PORT(p) "706f7274 02000000 " p " "

/* pcp.md 4.9, pairing. */
static const struct {
	const char *name, *hex;
	unsigned n;
	uint8_t ip0, ip1;       /* last octets */
	uint16_t port0, port1;
} pairs_row[] = {
	{ "two pairs", IP("01") PORT("0a00") IP("02") PORT("0b00"), 4, 1, 2, 10, 11 },
	{ "one pair", IP("01") PORT("0a00"), 2, 1, 0, 10, 0 },
	{ "third wins slot 1", IP("01") PORT("0a00") IP("02") PORT("0b00") IP("03") PORT("0c00"),
		6, 1, 3, 10, 12 },
	{ "two ips before a port", IP("01") IP("02") PORT("0a00"), 3, 2, 0, 10, 0 },
	{ "port first", PORT("0a00") IP("02") PORT("0b00"), 3, 0, 2, 10, 11 },
	{ "wide port closes nothing", IP("01") "706f7274 04000000 0a000000" IP("02")
		PORT("0b00"), 4, 2, 0, 11, 0 },
	{ "ip of 5 ignored", "69700000 05000000 0100000000" PORT("0a00") IP("02") PORT("0b00"),
		4, 0, 2, 10, 11 },
	{ "port 0 in pair 0", IP("01") PORT("0000") IP("02") PORT("0b00"), 4, 1, 2, 0, 11 },
};

START_TEST(pairs)
{
	struct buf b;
	struct hit h;
	struct atom a;

	buf_init(&b, 1024);
	put_hdr(&b, ATOM_HOST, CONT | pairs_row[_i].n);
	put_hex(&b, pairs_row[_i].hex);
	a = open_all(&b);
	ck_assert_int_eq(hostatom_parse(&h, &a, NULL, 0), ST_OK);
	ck_assert_msg(h.rhost[0].ip[15] == pairs_row[_i].ip0, "%s", pairs_row[_i].name);
	ck_assert_msg(h.rhost[1].ip[15] == pairs_row[_i].ip1, "%s", pairs_row[_i].name);
	ck_assert_msg(h.rhost[0].port == pairs_row[_i].port0, "%s", pairs_row[_i].name);
	ck_assert_msg(h.rhost[1].port == pairs_row[_i].port1, "%s", pairs_row[_i].name);
	ck_assert(!gnuid_is_set(&h.chan) && !gnuid_is_set(&h.sid));
	/* No flg1 in any of them. */
	ck_assert_uint_eq(h.flags, HIT_RELAY | HIT_RECV | HIT_CIN);
	buf_fini(&b);
}
END_TEST

START_TEST(context)
{
	const struct gnuid ctx = id_of(7);
	struct buf b;
	struct hit h;
	struct atom a;

	buf_init(&b, 256);
	put_hdr(&b, ATOM_HOST, CONT);
	a = open_all(&b);
	ck_assert_int_eq(hostatom_parse(&h, &a, &ctx, 255), ST_OK);
	ck_assert(gnuid_equal(&h.chan, &ctx));
	ck_assert_uint_eq(h.hops, 255);
	ck_assert_int_eq(hostatom_parse(&h, &a, NULL, 0), ST_OK);
	ck_assert(!gnuid_is_set(&h.chan));
	buf_reset(&b);
	put_hdr(&b, ATOM_CHAN, CONT);
	a = open_all(&b);
	ck_assert_int_eq(hostatom_parse(&h, &a, &ctx, 0), ST_PROTO);
	buf_reset(&b);
	put_fill(&b, ATOM_HOST, 1);
	a = open_all(&b);
	ck_assert_int_eq(hostatom_parse(&h, &a, &ctx, 0), ST_PROTO);
	buf_fini(&b);
}
END_TEST

static void emit_int(struct buf *b, uint32_t id, uint32_t v)
{
	struct atomwr w;

	atomwr_init(&w, b);
	atomwr_u32(&w, id, v);
}

/* B46 */
static const struct {
	uint32_t wire, want;
} counts_row[] = {
	{ 0, 0 }, { 100000, 100000 }, { 100001, 100000 }, { 0x80000000, 100000 },
	{ UINT32_MAX, 100000 },
};

START_TEST(counts)
{
	struct buf b;
	struct hit h;
	struct atom a;

	buf_init(&b, 256);
	put_hdr(&b, ATOM_HOST, CONT | 3);
	emit_int(&b, ATOM_NUML, counts_row[_i].wire);
	emit_int(&b, ATOM_NUMR, counts_row[_i].wire);
	emit_int(&b, ATOM_UPTM, counts_row[_i].wire);
	a = open_all(&b);
	ck_assert_int_eq(hostatom_parse(&h, &a, NULL, 0), ST_OK);
	ck_assert_uint_eq(h.listeners, counts_row[_i].want);
	ck_assert_uint_eq(h.relays, counts_row[_i].want);
	ck_assert_uint_eq(h.uptime_s, counts_row[_i].wire);
	buf_fini(&b);
}
END_TEST

/* B59 and the rest of the uphost group. */
static const struct {
	const char *name;
	const char *ip;
	uint32_t port;
	bool set;
} uphost_row[] = {
	{ "good", "75706970 04000000 147100cb", 7144, true },
	{ "highest port", "75706970 04000000 147100cb", 65535, true },
	{ "B59", "75706970 04000000 147100cb", 65536, false },
	{ "B59 far off", "75706970 04000000 147100cb", UINT32_MAX, false },
	{ "address of zeros", "75706970 04000000 00000000", 7144, false },
	{ "address of 5", "75706970 05000000 147100cb00", 7144, false },
};

START_TEST(uphost)
{
	struct buf b;
	struct hit h;
	struct atom a;

	buf_init(&b, 256);
	put_hdr(&b, ATOM_HOST, CONT | 3);
	put_hex(&b, uphost_row[_i].ip);
	emit_int(&b, ATOM_UPPT, uphost_row[_i].port);
	emit_int(&b, ATOM_UPHP, 1);
	a = open_all(&b);
	ck_assert_int_eq(hostatom_parse(&h, &a, NULL, 0), ST_OK);
	ck_assert_msg(host_is_set(&h.uphost) == uphost_row[_i].set, "%s", uphost_row[_i].name);
	ck_assert_uint_eq(h.uphost.port, uphost_row[_i].set ? uphost_row[_i].port : 0);
	ck_assert_uint_eq(h.uphops, uphost_row[_i].set ? 1 : 0);
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *name, *hex;
	unsigned n;
	bool set;
} extension_row[] = {
	{ "both", "76657870 02000000 5354 7665786e 02000000 c702", 2, true },
	{ "prefix alone", "76657870 02000000 5354", 1, false },
	{ "number alone", "7665786e 02000000 c702", 1, false },
	{ "number 0", "76657870 02000000 5354 7665786e 02000000 0000", 2, false },
	{ "prefix with NUL", "76657870 03000000 535400 7665786e 02000000 c702", 2, false },
	{ "prefix of controls", "76657870 02000000 0a22 7665786e 02000000 c702", 2, false },
	{ "number as int", "76657870 02000000 5354 7665786e 04000000 c7020000", 2, false },
};

START_TEST(extension)
{
	struct buf b;
	struct hit h;
	struct atom a;

	buf_init(&b, 256);
	put_hdr(&b, ATOM_HOST, CONT | extension_row[_i].n);
	put_hex(&b, extension_row[_i].hex);
	a = open_all(&b);
	ck_assert_int_eq(hostatom_parse(&h, &a, NULL, 0), ST_OK);
	ck_assert_msg(h.ex_number == (extension_row[_i].set ? 711 : 0), "%s",
		extension_row[_i].name);
	ck_assert_msg(memcmp(h.ex_prefix, extension_row[_i].set ? "ST" : "\0\0", 2) == 0, "%s",
		extension_row[_i].name);
	buf_fini(&b);
}
END_TEST

/* 17.5, 17.7: one family in a host; nothing link-local. */
static const struct {
	const char *name, *in[3], *out[3];
} families_row[] = {
	{ "v4 keeps out v6", { "198.51.100.7:1", "[fd00::5]:2", "[2001:db8::20]:3" },
		{ "198.51.100.7:1", "[::]:0", "[::]:0" } },
	{ "v6 keeps out v4", { "[2001:db8::7]:1", "192.168.0.5:2", "203.0.113.20:3" },
		{ "[2001:db8::7]:1", "[::]:0", "[::]:0" } },
	{ "link-local", { "[2001:db8::7]:1", "[fe80::5]:2", "[fe80::20]:3" },
		{ "[2001:db8::7]:1", "[::]:0", "[::]:0" } },
	{ "unset v6 has no port", { "[2001:db8::7]:1", "[::]:2", "[::]:0" },
		{ "[2001:db8::7]:1", "[::]:0", "[::]:0" } },
};

START_TEST(families)
{
	struct hit h = full, back;
	size_t width;
	struct buf b;
	struct atomwr w;
	struct atom a, c;
	struct host want;

	for (int k = 0; k < 2; k++)
		ck_assert(host_parse(&h.rhost[k], families_row[_i].in[k], 0));
	ck_assert(host_parse(&h.uphost, families_row[_i].in[2], 0));
	width = host_is_v4(&h.rhost[0]) ? 4 : 16;
	buf_init(&b, 1024);
	atomwr_init(&w, &b);
	hostatom_emit(&w, &h, true);
	a = open_all(&b);
	ck_assert_int_eq(hostatom_parse(&back, &a, NULL, 0), ST_OK);
	for (int k = 0; k < 2; k++) {
		ck_assert(host_parse(&want, families_row[_i].out[k], 0));
		ck_assert_msg(host_equal(&back.rhost[k], &want), "%s: %d", families_row[_i].name,
			k);
	}
	ck_assert(host_parse(&want, families_row[_i].out[2], 0));
	ck_assert_msg(host_equal(&back.uphost, &want), "%s: uphost", families_row[_i].name);
	while (atom_next(&a, &c)) {
		if (c.id == ATOM_IP || c.id == ATOM_UPIP)
			ck_assert_uint_eq(c.rd.left, width);
		/* All of the uphost group or nothing. */
		if (!host_is_set(&want))
			ck_assert(c.id != ATOM_UPIP && c.id != ATOM_UPPT && c.id != ATOM_UPHP);
	}
	buf_fini(&b);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("hostatom");
	TCase *t = tcase_create("host");

	tcase_add_loop_test(t, order, 0, 8);
	tcase_add_loop_test(t, round_trip, 0, 6);
	tcase_add_loop_test(t, pairs, 0, NELEM(pairs_row));
	tcase_add_test(t, context);
	tcase_add_loop_test(t, counts, 0, NELEM(counts_row));
	tcase_add_loop_test(t, uphost, 0, NELEM(uphost_row));
	tcase_add_loop_test(t, extension, 0, NELEM(extension_row));
	tcase_add_loop_test(t, families, 0, NELEM(families_row));
	suite_add_tcase(s, t);
	return s;
}
