/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small messages: root, push, quit, ok, mesg. */
#include "pcp/root.h"

#include "pcp/pcp.h"
#include "pcp/push.h"
#include "pcp/quit.h"
#include "test/unit/pcp/pcptest.h"
#include "test/unit/unit.h"

START_TEST(root_round)
{
	struct root r, back;
	struct atomwr w;
	struct atom a, c;
	struct buf b;
	bool upd = _i == 1;

	buf_init(&b, 1024);
	root_init(&r, 120, "welcome", upd);
	atomwr_init(&w, &b);
	root_emit(&w, &r);
	a = open_all(&b);
	ck_assert_int_eq(root_parse(&back, &a), ST_OK);
	ck_assert_uint_eq(back.has, r.has);
	ck_assert(back.uint_s == 120 && back.next_s == 120 && back.chkv == 1218);
	ck_assert_str_eq(back.url, "download.php");
	ck_assert_str_eq(back.asci, "welcome");
	ck_assert_uint_eq(a.count, upd ? 6 : 5);
	ck_assert(atom_next(&a, &c) && c.id == ATOM_UINT);
	ck_assert(atom_next(&a, &c) && c.id == ATOM_URL);
	ck_assert(atom_next(&a, &c) && c.id == ATOM_CHKV);
	ck_assert(atom_next(&a, &c) && c.id == ATOM_NEXT);
	ck_assert(atom_next(&a, &c) && c.id == ATOM_ASCI);
	ck_assert(atom_next(&a, &c) == upd);
	buf_fini(&b);
}
END_TEST

START_TEST(root_upd_alone)
{
	struct root r = { .has = ROOT_UPD }, back;
	struct buf b, want;
	struct atomwr w;
	struct atom a;

	buf_init(&b, 64);
	buf_init(&want, 64);
	put_hex(&want, "726f6f74 01000080 75706400 00000080");
	atomwr_init(&w, &b);
	root_emit(&w, &r);
	assert_bytes(&b, &want, "upd");
	/* The other shape of nothing means the same (2.1). */
	b.p[15] = 0;
	a = open_all(&b);
	ck_assert_int_eq(root_parse(&back, &a), ST_OK);
	ck_assert_uint_eq(back.has, ROOT_UPD);
	buf_fini(&b);
	buf_fini(&want);
}
END_TEST

/* B57, B58: 30..3600; next 0 = no promise. */
static const struct {
	uint32_t wire, uint_s, next_s;
} times_row[] = {
	{ 0, 30, 0 }, { 1, 30, 30 }, { 29, 30, 30 }, { 30, 30, 30 }, { 31, 31, 31 },
	{ 120, 120, 120 },
	{ 3600, 3600, 3600 }, { 3601, 3600, 3600 }, { 0x80000000, 3600, 3600 },
	{ UINT32_MAX, 3600, 3600 },
};

START_TEST(times)
{
	struct root r = {
		.has = ROOT_UINT | ROOT_NEXT, .uint_s = times_row[_i].wire,
		.next_s = times_row[_i].wire,
	};
	struct root back;
	struct atomwr w;
	struct atom a;
	struct buf b;

	buf_init(&b, 64);
	atomwr_init(&w, &b);
	root_emit(&w, &r);
	a = open_all(&b);
	ck_assert_int_eq(root_parse(&back, &a), ST_OK);
	ck_assert_uint_eq(back.has, ROOT_UINT | ROOT_NEXT);
	ck_assert_uint_eq(back.uint_s, times_row[_i].uint_s);
	ck_assert_uint_eq(back.next_s, times_row[_i].next_s);
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *name, *hex;
	unsigned n, has;
} root_child_row[] = {
	{ "nothing", "", 0, 0 },
	{ "uint of 2", "75696e74 02000000 7800", 1, 0 },
	{ "next of 8", "6e657874 08000000 7800000000000000", 1, 0 },
	{ "next empty (B14)", "6e657874 00000000", 1, 0 },
	{ "chkv", "63686b76 04000000 c2040000", 1, ROOT_CHKV },
	{ "mesg is asci", "6d657367 02000000 6100", 1, ROOT_ASCI },
	{ "asci twice", "61736369 02000000 6200 61736369 02000000 6100", 2, ROOT_ASCI },
	{ "upd with a value", "75706400 04000000 00000000", 1, 0 },
	{ "upd with a child", "75706400 01000080 6f6b0000 00000000", 1, 0 },
	{ "unknown", "7a7a7a7a 01000080 75706400 00000000", 1, 0 },
};

START_TEST(root_children)
{
	struct root r;
	struct atom a;
	struct buf b;

	buf_init(&b, 256);
	put_hdr(&b, ATOM_ROOT, CONT | root_child_row[_i].n);
	put_hex(&b, root_child_row[_i].hex);
	a = open_all(&b);
	ck_assert_int_eq(root_parse(&r, &a), ST_OK);
	ck_assert_msg(r.has == root_child_row[_i].has, "%s: %x", root_child_row[_i].name, r.has);
	if (r.has & ROOT_ASCI)
		ck_assert_str_eq(r.asci, "a");
	buf_fini(&b);
}
END_TEST

/* --- push ------------------------------------------------------------------------------------- */

static const struct {
	const char *name, *hex;
	unsigned n;
	enum status st;
} push_row[] = {
	{ "whole", "69700000 04000000 096433c6 706f7274 02000000 e81b"
		"63696400 10000000 c0c1c2c3c4c5c6c7c8c9cacbcccdcecf", 3, ST_OK },
	{ "control connection", "69700000 04000000 096433c6 706f7274 02000000 e81b", 2, ST_OK },
	{ "no ip", "706f7274 02000000 e81b", 1, ST_PROTO },
	{ "no port", "69700000 04000000 096433c6", 1, ST_PROTO },
	{ "port 0", "69700000 04000000 096433c6 706f7274 02000000 0000", 2, ST_PROTO },
	{ "port as int", "69700000 04000000 096433c6 706f7274 04000000 e81b0000", 2, ST_PROTO },
	{ "ip of zeros", "69700000 04000000 00000000 706f7274 02000000 e81b", 2, ST_PROTO },
	{ "ip of 5", "69700000 05000000 096433c600 706f7274 02000000 e81b", 2, ST_PROTO },
};

START_TEST(pushes)
{
	struct push p;
	struct atom a;
	struct buf b;

	buf_init(&b, 256);
	put_hdr(&b, ATOM_PUSH, CONT | push_row[_i].n);
	put_hex(&b, push_row[_i].hex);
	a = open_all(&b);
	ck_assert_msg(push_parse(&p, &a) == push_row[_i].st, "%s", push_row[_i].name);
	ck_assert(gnuid_is_set(&p.cid) == (_i == 0));
	buf_fini(&b);
}
END_TEST

/* B43: what we let somebody make us dial. */
static const struct {
	const char *to;
	bool ok;
} dial_row[] = {
	{ "198.51.101.9:7144", true }, { "198.51.101.9:1024", true },
	{ "198.51.101.9:1023", false },
	{ "198.51.101.9:25", false }, { "127.0.0.1:7144", false }, { "192.168.0.1:7144", false },
	{ "10.1.2.3:7144", false }, { "169.254.1.1:7144", false }, { "224.0.0.1:7144", false },
	{ "203.0.114.20:7144", false }, { "203.0.114.20:7145", false },
	{ "203.0.114.21:7144", true },
	{ "[2001:4860::7]:7144", true }, { "[fe80::7]:7144", false }, { "[::1]:7144", false },
};

START_TEST(dials)
{
	const struct host self = host_v4(203, 0, 114, 20, 7144), none = { .port = 0 };
	struct push p = { .cid = { .b = { 1 } } };

	ck_assert(host_parse(&p.host, dial_row[_i].to, 0));
	ck_assert_msg(push_may_dial(&p, &self) == dial_row[_i].ok, "%s", dial_row[_i].to);
	if (dial_row[_i].ok)
		ck_assert(push_may_dial(&p, &none));
}
END_TEST

/* --- quit, ok, mesg --------------------------------------------------------------------------- */

START_TEST(quit_bytes)
{
	struct buf b, want;
	struct atomwr w;

	buf_init(&b, 64);
	buf_init(&want, 64);
	put_hex(&want, "71756974 04000000 eb030000 6f6b0000 04000000 00000000");
	atomwr_init(&w, &b);
	quit_emit(&w, PCP_QUIT_UNAVAILABLE);
	ck_assert_uint_eq(b.len, QUIT_LEN);
	ok_emit(&w);
	assert_bytes(&b, &want, "quit, ok");
	buf_fini(&b);
	buf_fini(&want);
}
END_TEST

static const struct {
	const char *name, *hex;
	uint32_t code;
} quit_row[] = {
	{ "1003", "71756974 04000000 eb030000", 1003 },
	{ "0", "71756974 04000000 00000000", 1000 },
	{ "6000", "71756974 04000000 70170000", 6000 },
	{ "highest", "71756974 04000000 ffffffff", UINT32_MAX },
	{ "B53 short", "71756974 02000000 eb03", 1000 },
	{ "B53 empty", "71756974 00000000", 1000 },
	{ "B53 long", "71756974 08000000 eb03000000000000", 1000 },
	{ "container", "71756974 01000080 71756974 04000000 eb030000", 1000 },
};

START_TEST(quits)
{
	struct atom a;
	struct buf b;

	buf_init(&b, 64);
	put_hex(&b, quit_row[_i].hex);
	a = open_all(&b);
	ck_assert_msg(quit_parse(&a) == quit_row[_i].code, "%s", quit_row[_i].name);
	buf_fini(&b);
}
END_TEST

static const struct {
	uint32_t code;
	const char *text;
} name_row[] = {
	{ 1000, "1000 quit" }, { 1001, "1001 too slow" }, { 1003, "1003 unavailable" },
	{ 1008, "1008 off air" }, { 1011, "1011 banned" }, { 1012, "1012 ?" },
	{ 2000, "2000 quit+quit" }, { 3004, "3004 quit+broadcast, loopback" },
	{ 4000, "4000 quit+read" }, { 4001, "4001 write, too slow" },
	{ 5001, "5001 quit+write, too slow" },
	{ 6000, "6000 quit+general" }, { 6999, "6999 quit+general, ?" }, { 7000, "7000" },
	{ 999, "999" }, { 0, "0" }, { UINT32_MAX, "4294967295" },
};

START_TEST(names)
{
	char dst[QUIT_STRLEN];

	ck_assert_str_eq(quit_str(name_row[_i].code, dst), name_row[_i].text);
	ck_assert(quit_is_full(name_row[_i].code) == (name_row[_i].code == 1003));
	ck_assert(quit_is_gone(name_row[_i].code) == (name_row[_i].code == 1008));
}
END_TEST

START_TEST(mesgs)
{
	char text[TEXT_MAX];
	struct atomwr w;
	struct atom a;
	struct buf b;

	buf_init(&b, 1024);
	atomwr_init(&w, &b);
	mesg_emit(&w, "hello");
	a = open_all(&b);
	ck_assert_uint_eq(a.id, ATOM_MESG);
	ck_assert(mesg_parse(&a, text));
	ck_assert_str_eq(text, "hello");
	memcpy(b.p, "asci", 4);
	a = open_all(&b);
	ck_assert(mesg_parse(&a, text));
	memcpy(b.p, "quit", 4);
	a = open_all(&b);
	ck_assert(!mesg_parse(&a, text));
	/* 300 bytes: cut, not refused. */
	buf_reset(&b);
	put_hdr(&b, ATOM_MESG, 300);
	for (int i = 0; i < 300; i++)
		buf_u8(&b, i == 3 ? '\n' : 'm');
	a = open_all(&b);
	ck_assert(mesg_parse(&a, text));
	ck_assert_uint_eq(strlen(text), 255);
	ck_assert_int_eq(text[3], ' ');
	buf_fini(&b);
}
END_TEST

START_TEST(wrong_atoms)
{
	struct push p;
	struct root r;
	struct atom a;
	struct buf b;

	buf_init(&b, 64);
	put_hdr(&b, ATOM_HELO, CONT);
	a = open_all(&b);
	ck_assert_int_eq(root_parse(&r, &a), ST_PROTO);
	ck_assert_int_eq(push_parse(&p, &a), ST_PROTO);
	buf_reset(&b);
	put_fill(&b, ATOM_ROOT, 4);
	a = open_all(&b);
	ck_assert_int_eq(root_parse(&r, &a), ST_PROTO);
	buf_reset(&b);
	put_fill(&b, ATOM_PUSH, 4);
	a = open_all(&b);
	ck_assert_int_eq(push_parse(&p, &a), ST_PROTO);
	buf_fini(&b);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("root, push, quit");
	TCase *t = tcase_create("root");

	tcase_add_loop_test(t, root_round, 0, 2);
	tcase_add_test(t, root_upd_alone);
	tcase_add_loop_test(t, times, 0, NELEM(times_row));
	tcase_add_loop_test(t, root_children, 0, NELEM(root_child_row));
	tcase_add_test(t, wrong_atoms);
	suite_add_tcase(s, t);

	t = tcase_create("push");
	tcase_add_loop_test(t, pushes, 0, NELEM(push_row));
	tcase_add_loop_test(t, dials, 0, NELEM(dial_row));
	suite_add_tcase(s, t);

	t = tcase_create("quit");
	tcase_add_test(t, quit_bytes);
	tcase_add_loop_test(t, quits, 0, NELEM(quit_row));
	tcase_add_loop_test(t, names, 0, NELEM(name_row));
	tcase_add_test(t, mesgs);
	suite_add_tcase(s, t);
	return s;
}
