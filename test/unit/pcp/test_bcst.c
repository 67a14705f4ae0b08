/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/bcst.h"

#include "pcp/chanatom.h"
#include "pcp/hostatom.h"
#include "pcp/pcp.h"
#include "test/unit/pcp/pcptest.h"
#include "test/unit/unit.h"

/* The relay status and the push request of pcp.md 2.7. */
static const char status_hex[] =
	"62637374 0a000080"
	"67727000 01000000 02"
	"686f7073 01000000 00"
	"74746c00 01000000 0b"
	"66726f6d 10000000 00a1a2a3a4a5a6a7a8a9aaabacadaeaf"
	"76657273 04000000 c2040000"
	"76727670 04000000 1b000000"
	"76657870 02000000 5858"
	"7665786e 02000000 0100"
	"63696400 10000000 c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
	"686f7374 0f000080"
	"69640000 10000000 00a1a2a3a4a5a6a7a8a9aaabacadaeaf"
	"69700000 04000000 076433c6"
	"706f7274 02000000 e81b"
	"69700000 04000000 0500a8c0"
	"706f7274 02000000 e81b"
	"6e756d6c 04000000 01000000"
	"6e756d72 04000000 02000000"
	"7570746d 04000000 2c010000"
	"76657200 04000000 c2040000"
	"76657670 04000000 1b000000"
	"76657870 02000000 5858"
	"7665786e 02000000 0100"
	"666c6731 01000000 32"
	"6f6c6470 04000000 00000100"
	"6e657770 04000000 00000200";

static const char push_hex[] =
	"62637374 06000080"
	"67727000 01000000 ff"
	"686f7073 01000000 00"
	"74746c00 01000000 07"
	"64657374 10000000 00d1d2d3d4d5d6d7d8d9dadbdcdddedf"
	"66726f6d 10000000 00a1a2a3a4a5a6a7a8a9aaabacadaeaf"
	"70757368 03000080"
	"69700000 04000000 096433c6"
	"706f7274 02000000 e81b"
	"63696400 10000000 c0c1c2c3c4c5c6c7c8c9cacbcccdcecf";

static struct gnuid run_of(uint8_t zeroth, uint8_t first)
{
	struct gnuid id = { .b = { zeroth } };

	for (uint8_t i = 1; i < GNUID_LEN; i++)
		id.b[i] = (uint8_t)(first + i);
	return id;
}

static struct hit status_hit(void)
{
	return (struct hit){
		.sid = run_of(0, 0xa0), .chan = run_of(0xc0, 0xc0),
		.rhost = { host_v4(198, 51, 100, 7, 7144), host_v4(192, 168, 0, 5, 7144) },
		.listeners = 1, .relays = 2, .uptime_s = 300, .version = 1218, .version_vp = 27,
		.ex_prefix = { 'X', 'X' }, .ex_number = 1, .flags = 0x32, .oldpos = 65536,
		.newpos = 131072,
	};
}

START_TEST(status_example)
{
	const struct gnuid self = run_of(0, 0xa0);
	struct hit h = status_hit();
	struct buf b, want;
	struct atomwr w;
	struct bcst out, in;
	struct atombag bag;
	struct atom a, c;

	buf_init(&b, 1024);
	buf_init(&want, 1024);
	put_hex(&want, status_hex);
	ck_assert_uint_eq(want.len, 316);
	bcst_init(&out, PCP_BCST_GROUP_TRACKERS, PCP_BCST_TTL_STATUS, &self, NULL, &h.chan);
	memcpy(out.vexp, "XX", 2);
	atomwr_init(&w, &b);
	bcst_begin(&w, &out);
	hostatom_emit(&w, &h, false);
	bcst_end(&w);
	assert_bytes(&b, &want, "status");

	a = open_all(&b);
	ck_assert_int_eq(bcst_parse(&in, &a), ST_OK);
	ck_assert_uint_eq(in.grp, 2);
	ck_assert(in.has == (BCST_TTL | BCST_HOPS) && in.ttl == 11 && in.hops == 0);
	ck_assert(gnuid_equal(&in.from, &self) && gnuid_equal(&in.cid, &h.chan));
	ck_assert(!gnuid_is_set(&in.dest));
	ck_assert(in.vers == 1218 && in.vrvp == 27 && in.vexn == 1);
	ck_assert_mem_eq(in.vexp, "XX", 2);
	bcst_payload(&in, &bag);
	ck_assert(atombag_next(&bag, &c));
	ck_assert_uint_eq(c.id, ATOM_HOST);
	ck_assert(!atombag_next(&bag, &a));
	/* The host names no channel: it is the envelope's. */
	ck_assert_int_eq(hostatom_parse(&h, &c, &in.cid, bcst_hops_next(&in)), ST_OK);
	ck_assert(gnuid_equal(&h.chan, &in.cid));
	ck_assert_uint_eq(h.hops, 1);
	buf_fini(&b);
	buf_fini(&want);
}
END_TEST

START_TEST(push_example)
{
	struct buf b;
	struct bcst in;
	struct atombag bag;
	struct push p;
	struct atom a, c;

	buf_init(&b, 1024);
	put_hex(&b, push_hex);
	ck_assert_uint_eq(b.len, 137);
	a = open_all(&b);
	ck_assert_int_eq(bcst_parse(&in, &a), ST_OK);
	ck_assert_uint_eq(in.grp, PCP_BCST_GROUP_ALL);
	ck_assert_uint_eq(in.dest.b[1], 0xd1);
	bcst_payload(&in, &bag);
	ck_assert(atombag_next(&bag, &c));
	ck_assert_int_eq(push_parse(&p, &c), ST_OK);
	ck_assert(p.host.port == 7144 && p.host.ip[12] == 198 && p.host.ip[15] == 9);
	ck_assert_uint_eq(p.cid.b[0], 0xc0);
	buf_fini(&b);
}
END_TEST

/* --- on its way (pcp.md 10.1) ----------------------------------------------------------------- */

static const struct {
	uint8_t ttl, hops, ttl_next, hops_next;
} numbers_row[] = {
	{ 0, 0, 0, 1 }, { 1, 1, 0, 2 }, { 2, 2, 1, 3 }, { 5, 3, 4, 4 }, { 7, 0, 6, 1 },
	{ 31, 7, 30, 8 }, { 32, 7, 31, 8 }, { 33, 254, 31, 255 }, { 127, 255, 31, 255 },
	{ 128, 255, 31, 255 }, { 255, 0, 31, 1 },
};

START_TEST(numbers)
{
	struct bcst b = {
		.has = BCST_TTL | BCST_HOPS, .ttl = numbers_row[_i].ttl,
		.hops = numbers_row[_i].hops,
	};

	ck_assert_uint_eq(bcst_ttl_next(&b), numbers_row[_i].ttl_next);
	ck_assert_uint_eq(bcst_hops_next(&b), numbers_row[_i].hops_next);   /* B47 */
	b.has = 0;
	ck_assert_uint_eq(bcst_ttl_next(&b), 1);        /* B49 */
	ck_assert_uint_eq(bcst_hops_next(&b), 0);
}
END_TEST

/* The copy: row by row what comes in, and what goes on. */
static const struct {
	const char *name, *in, *out;
} forward_row[] = {
	{ "observed: ttl 5 hops 3",
		"62637374 03000080 67727000 01000000 02 686f7073 01000000 03 74746c00 01000000 05",
		"62637374 03000080 67727000 01000000 02 686f7073 01000000 04"
		"74746c00 01000000 04" },
	{ "unknown payload, unknown id, empty shapes stay",
		"62637374 05000080 74746c00 01000000 09 7a7a7a7a 04000000 31323334"
		"75706400 00000080 75706400 00000000 63686f6e 01000080 74746c00 01000000 09",
		"62637374 05000080 74746c00 01000000 08 7a7a7a7a 04000000 31323334"
		"75706400 00000080 75706400 00000000 63686f6e 01000080 74746c00 01000000 09" },
	{ "payload first",
		"62637374 03000080 686f7374 00000080 686f7073 01000000 ff 74746c00 01000000 ff",
		"62637374 03000080 686f7374 00000080 686f7073 01000000 ff 74746c00 01000000 1f" },
	{ "twice: the last counts, both are changed",
		"62637374 02000080 74746c00 01000000 09 74746c00 01000000 03",
		"62637374 02000080 74746c00 01000000 02 74746c00 01000000 02" },
	{ "ttl of 4 bytes is none",
		"62637374 01000080 74746c00 04000000 09000000",
		"62637374 02000080 74746c00 01000000 01 74746c00 04000000 09000000" },
	{ "no routing at all (B49)",
		"62637374 01000080 686f7374 00000080",
		"62637374 02000080 74746c00 01000000 01 686f7374 00000080" },
	{ "an inner one is not touched (B50)",
		"62637374 02000080 74746c00 01000000 05 62637374 01000080 74746c00 01000000 05",
		"62637374 02000080 74746c00 01000000 04 62637374 01000080 74746c00 01000000 05" },
};

START_TEST(forward)
{
	struct buf in, out, want;
	struct bcst b;
	struct atom a;

	buf_init(&in, 1024);
	buf_init(&out, 1024);
	buf_init(&want, 1024);
	put_hex(&in, forward_row[_i].in);
	put_hex(&want, forward_row[_i].out);
	a = open_all(&in);
	ck_assert_int_eq(bcst_parse(&b, &a), ST_OK);
	ck_assert_int_eq(bcst_forward(&out, &b), ST_OK);
	assert_bytes(&out, &want, forward_row[_i].name);
	buf_fini(&in);
	buf_fini(&out);
	buf_fini(&want);
}
END_TEST

/* Without a ttl a packet still ends: one hop further and no more. */
START_TEST(forward_ends)
{
	struct buf in, out;
	struct bcst b;
	struct atom a;

	buf_init(&in, 64 * 1024);
	buf_init(&out, 64 * 1024);
	put_hdr(&in, ATOM_BCST, CONT | 1);
	put_leaf(&in, ATOM_GRP, "\7", 1);
	a = open_all(&in);
	ck_assert_int_eq(bcst_parse(&b, &a), ST_OK);
	ck_assert_int_eq(bcst_forward(&out, &b), ST_OK);
	a = open_all(&out);
	ck_assert_int_eq(bcst_parse(&b, &a), ST_OK);
	ck_assert_uint_eq(bcst_ttl_next(&b), 0);

	/* No room for one more child, or in the buffer. */
	buf_reset(&in);
	buf_reset(&out);
	put_hdr(&in, ATOM_BCST, CONT | 1024);
	for (int i = 0; i < 1024; i++)
		put_hdr(&in, ATOM_HOST, 0);
	a = open_all(&in);
	ck_assert_int_eq(bcst_parse(&b, &a), ST_OK);
	ck_assert_int_eq(bcst_forward(&out, &b), ST_LIMIT);
	ck_assert_uint_eq(out.len, 0);

	/* Older nodes take no atom of more than 16384 bytes: such a packet ends here. */
	for (size_t more = 0; more < 2; more++) {
		buf_reset(&in);
		put_hdr(&in, ATOM_BCST, CONT | 2);
		put_leaf(&in, ATOM_TTL, "\7", 1);
		put_fill(&in, ATOM_MESG, 16384 - 8 - 9 - 8 + more);
		a = open_all(&in);
		ck_assert_int_eq(bcst_parse(&b, &a), ST_OK);
		ck_assert_int_eq(bcst_forward(&out, &b), more == 0 ? ST_OK : ST_LIMIT);
		ck_assert_uint_eq(out.len, 16384);
	}
	buf_fini(&out);
	buf_init(&out, 100);
	buf_reset(&in);
	put_hex(&in, status_hex);
	a = open_all(&in);
	ck_assert_int_eq(bcst_parse(&b, &a), ST_OK);
	ck_assert_int_eq(bcst_forward(&out, &b), ST_LIMIT);
	buf_fini(&in);
	buf_fini(&out);
}
END_TEST

/* Widths: a routing child of another width is as if it were not there (B10, B14). */
START_TEST(widths)
{
	struct buf b;
	struct bcst in;
	struct atom a;

	buf_init(&b, 1024);
	put_hdr(&b, ATOM_BCST, CONT | 10);
	put_fill(&b, ATOM_GRP, 4);
	put_fill(&b, ATOM_HOPS, 0);
	put_fill(&b, ATOM_TTL, 2);
	put_fill(&b, ATOM_FROM, 15);
	put_fill(&b, ATOM_DEST, 17);
	put_hdr(&b, ATOM_CID, CONT | 1);
	put_fill(&b, ATOM_CID, 16);
	put_fill(&b, ATOM_VERS, 3);
	put_fill(&b, ATOM_VRVP, 8);
	put_fill(&b, ATOM_VEXP, 3);
	put_fill(&b, ATOM_VEXN, 4);
	a = open_all(&b);
	ck_assert_int_eq(bcst_parse(&in, &a), ST_OK);
	ck_assert(in.has == 0 && in.grp == 0 && in.vers == 0 && in.vrvp == 0 && in.vexn == 0);
	ck_assert(in.vexp[0] == 0);
	ck_assert(!gnuid_is_set(&in.from) && !gnuid_is_set(&in.dest) && !gnuid_is_set(&in.cid));
	buf_reset(&b);
	put_hdr(&b, ATOM_HOST, CONT);
	a = open_all(&b);
	ck_assert_int_eq(bcst_parse(&in, &a), ST_PROTO);
	buf_reset(&b);
	put_fill(&b, ATOM_BCST, 1);
	a = open_all(&b);
	ck_assert_int_eq(bcst_parse(&in, &a), ST_PROTO);
	buf_fini(&b);
}
END_TEST

/* --- the five (pcp.md 10.5) ------------------------------------------------------------------- */

/* Read an envelope of ours and check what all five share. Returns its first payload atom. */
static struct atom ours(struct bcst *in, const struct buf *b, const struct gnuid *self, uint8_t grp,
	uint8_t ttl, struct atombag *bag)
{
	struct atom a = open_all(b), c;

	ck_assert_uint_le(b->len, PCP_ATOM_SEND_MAX);
	ck_assert_int_eq(bcst_parse(in, &a), ST_OK);
	ck_assert_uint_eq(in->grp, grp);
	ck_assert(in->has == (BCST_TTL | BCST_HOPS) && in->ttl == ttl && in->hops == 0);
	ck_assert(gnuid_equal(&in->from, self));
	ck_assert(in->vers == 1218 && in->vrvp == 27 && in->vexn == 1);
	ck_assert_mem_eq(in->vexp, "SV", 2);
	bcst_payload(in, bag);
	ck_assert(atombag_next(bag, &c));
	return c;
}

static struct chaninfo *make_info(struct chanmeta *m)
{
	struct chaninfo *i;

	memset(m, 0, sizeof(*m));
	m->id = run_of(0xc0, 0xc0);
	m->bcid = run_of(0, 0x50);
	m->bitrate_kbps = 500;
	for (int t = 0; t < CT_COUNT; t++)
		snprintf(m->text[t], TEXT_MAX, "text %d", t);
	i = chaninfo_new(m);
	ck_assert_ptr_nonnull(i);
	return i;
}

START_TEST(five_status)
{
	const struct gnuid self = run_of(0, 0xa0);
	struct hit h = status_hit(), back;
	struct atombag bag;
	struct bcst in;
	struct atom c;
	struct buf b;

	h.uphost = host_v4(203, 0, 113, 20, 7144);
	h.uphops = 1;
	buf_init(&b, PCP_ATOM_SEND_MAX);
	ck_assert_int_eq(bcst_status_emit(&b, &self, &h), ST_OK);
	c = ours(&in, &b, &self, 2, 11, &bag);
	ck_assert(gnuid_equal(&in.cid, &h.chan));
	ck_assert_uint_eq(c.id, ATOM_HOST);
	ck_assert_uint_eq(c.count, 18);
	ck_assert_int_eq(hostatom_parse(&back, &c, &in.cid, 0), ST_OK);
	ck_assert(gnuid_equal(&back.chan, &h.chan) && back.flags == h.flags);
	ck_assert(host_equal(&back.uphost, &h.uphost));
	ck_assert(!atombag_next(&bag, &c));
	buf_fini(&b);
}
END_TEST

START_TEST(five_tracker)
{
	const struct gnuid self = run_of(0, 0xa0);
	struct hit h = status_hit(), back;
	struct chaninfo *info;
	struct chanmeta m, got;
	struct chanatom chan;
	struct atombag bag;
	struct bcst in;
	struct atom c;
	struct buf b;

	info = make_info(&m);
	buf_init(&b, PCP_ATOM_SEND_MAX);
	h.flags = HIT_TRACKER | HIT_RECV;
	ck_assert_int_eq(bcst_tracker_emit(&b, &self, info, &h), ST_OK);
	c = ours(&in, &b, &self, 1, 7, &bag);
	ck_assert(gnuid_equal(&in.cid, &m.id));
	ck_assert_int_eq(chanatom_parse(&chan, &c), ST_OK);
	ck_assert_uint_eq(chan.has, CHANATOM_ID | CHANATOM_BCID | CHANATOM_INFO | CHANATOM_TRCK);
	memset(&got, 0, sizeof(got));
	chanatom_meta(&chan, &got);
	ck_assert(chaninfo_same(info, &got));
	ck_assert(atombag_next(&bag, &c));
	ck_assert_int_eq(hostatom_parse(&back, &c, NULL, 0), ST_OK);
	ck_assert(gnuid_equal(&back.chan, &h.chan));    /* its own cid */
	ck_assert_uint_eq(c.count, 16);
	ck_assert_uint_eq(back.flags, HIT_TRACKER | HIT_RECV);
	ck_assert(!atombag_next(&bag, &c));
	chaninfo_unref(&info);
	buf_fini(&b);
}
END_TEST

START_TEST(five_info)
{
	const struct gnuid self = run_of(0, 0xa0);
	struct chaninfo *info;
	struct chanmeta m, got;
	struct chanatom chan;
	struct atombag bag;
	struct bcst in;
	struct atom c;
	struct buf b;

	info = make_info(&m);
	buf_init(&b, PCP_ATOM_SEND_MAX);
	ck_assert_int_eq(bcst_info_emit(&b, &self, info), ST_OK);
	c = ours(&in, &b, &self, 4, 7, &bag);
	ck_assert(gnuid_equal(&in.cid, &m.id));
	ck_assert_int_eq(chanatom_parse(&chan, &c), ST_OK);
	/* The owner's key does not go down the tree. */
	ck_assert_uint_eq(chan.has, CHANATOM_ID | CHANATOM_INFO | CHANATOM_TRCK);
	got = m;
	memset(got.text, 0, sizeof(got.text));
	chanatom_meta(&chan, &got);
	ck_assert(chaninfo_same(info, &got));
	ck_assert(!atombag_next(&bag, &c));
	chaninfo_unref(&info);
	buf_fini(&b);
}
END_TEST

START_TEST(five_push)
{
	const struct gnuid self = run_of(0, 0xa0), dest = run_of(0, 0xd0);
	const struct push p = { .host = host_v4(198, 51, 100, 9, 7144), .cid = run_of(0xc0, 0xc0) };
	struct push back;
	struct atombag bag;
	struct buf b, want;
	struct atomwr w;
	struct bcst in;
	struct atom a, c;

	buf_init(&b, PCP_ATOM_SEND_MAX);
	ck_assert_int_eq(bcst_push_emit(&b, &self, &dest, &p), ST_OK);
	c = ours(&in, &b, &self, 0xff, 7, &bag);
	ck_assert(gnuid_equal(&in.dest, &dest));
	ck_assert(!gnuid_is_set(&in.cid));
	ck_assert_int_eq(push_parse(&back, &c), ST_OK);
	ck_assert(host_equal(&back.host, &p.host) && gnuid_equal(&back.cid, &p.cid));
	ck_assert(!atombag_next(&bag, &c));

	/* Without the version atoms it is the example. */
	buf_init(&want, 1024);
	a = open_all(&b);
	atomwr_init(&w, &want);
	atomwr_begin(&w, ATOM_BCST);
	while (atom_next(&a, &c)) {
		if (c.id != ATOM_VERS && c.id != ATOM_VRVP && c.id != ATOM_VEXP &&
		    c.id != ATOM_VEXN)
			atomwr_atom(&w, &c);
	}
	atomwr_end(&w);
	buf_reset(&b);
	put_hex(&b, push_hex);
	assert_bytes(&want, &b, "push");
	buf_fini(&b);
	buf_fini(&want);
}
END_TEST

START_TEST(five_root)
{
	const struct gnuid self = run_of(0, 0xa0);
	struct atombag bag;
	struct root r, back;
	struct bcst in;
	struct atom c;
	struct buf b;

	root_init(&r, 120, "welcome", true);
	buf_init(&b, PCP_ATOM_SEND_MAX);
	ck_assert_int_eq(bcst_root_emit(&b, &self, &r), ST_OK);
	c = ours(&in, &b, &self, 2, 7, &bag);
	ck_assert(!gnuid_is_set(&in.cid) && !gnuid_is_set(&in.dest));
	ck_assert_int_eq(root_parse(&back, &c), ST_OK);
	ck_assert_uint_eq(back.has, r.has);
	ck_assert_str_eq(back.asci, "welcome");
	ck_assert(!atombag_next(&bag, &c));
	buf_fini(&b);
}
END_TEST

START_TEST(five_no_room)
{
	const struct gnuid self = run_of(0, 0xa0);
	const struct push p = { .host = host_v4(198, 51, 100, 9, 7144) };
	struct hit h = status_hit();
	struct chanmeta m;
	struct chaninfo *info = make_info(&m);
	struct root r;
	struct buf b;

	root_init(&r, 120, "", true);
	for (int i = 0; i < 5; i++) {
		enum status st = ST_OK;

		buf_init(&b, 130);
		switch (i) {
		case 0: st = bcst_status_emit(&b, &self, &h); break;
		case 1: st = bcst_tracker_emit(&b, &self, info, &h); break;
		case 2: st = bcst_info_emit(&b, &self, info); break;
		case 3: st = bcst_push_emit(&b, &self, &self, &p); break;
		case 4: st = bcst_root_emit(&b, &self, &r); break;
		}
		ck_assert_int_eq(st, ST_LIMIT);
		buf_fini(&b);
	}
	chaninfo_unref(&info);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("bcst");
	TCase *t = tcase_create("read");

	tcase_add_test(t, status_example);
	tcase_add_test(t, push_example);
	tcase_add_test(t, widths);
	suite_add_tcase(s, t);

	t = tcase_create("forward");
	tcase_add_loop_test(t, numbers, 0, NELEM(numbers_row));
	tcase_add_loop_test(t, forward, 0, NELEM(forward_row));
	tcase_add_test(t, forward_ends);
	suite_add_tcase(s, t);

	t = tcase_create("five");
	tcase_add_test(t, five_status);
	tcase_add_test(t, five_tracker);
	tcase_add_test(t, five_info);
	tcase_add_test(t, five_push);
	tcase_add_test(t, five_root);
	tcase_add_test(t, five_no_room);
	suite_add_tcase(s, t);
	return s;
}
