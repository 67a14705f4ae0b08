/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/chanatom.h"

#include "pcp/pcp.h"
#include "test/unit/pcp/pcptest.h"
#include "test/unit/unit.h"

/* The data packet of pcp.md 2.7. */
static const char pkt_hex[] =
	"6368616e 02000080"
	"69640000 10000000 c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
	"706b7400 04000080"
	"74797065 04000000 64617461"
	"706f7300 04000000 00f0ffff"
	"636f6e74 01000000 01"
	"64617461 03000000 010203";

static struct gnuid chan_id(void)
{
	struct gnuid id;

	for (uint8_t i = 0; i < GNUID_LEN; i++)
		id.b[i] = (uint8_t)(0xc0 + i);
	return id;
}

START_TEST(pkt_example)
{
	const struct gnuid id = chan_id();
	uint8_t frame[PCP_PKT_FRAME_CONT];
	struct chanatom c;
	struct pktatom p;
	struct buf b, want;
	struct atom a;

	buf_init(&b, 256);
	buf_init(&want, 256);
	put_hex(&want, pkt_hex);
	ck_assert_uint_eq(want.len, 84);
	ck_assert_uint_eq(pcp_pkt_frame(frame, &id, ATOM_DATA, 4294963200u, 1, 3),
		PCP_PKT_FRAME_CONT);
	buf_put(&b, frame, sizeof(frame));
	buf_put(&b, "\1\2\3", 3);
	assert_bytes(&b, &want, "frame and bytes");

	a = open_all(&b);
	ck_assert_int_eq(chanatom_parse(&c, &a), ST_OK);
	ck_assert_uint_eq(c.has, CHANATOM_ID | CHANATOM_PKT);
	ck_assert(gnuid_equal(&c.id, &id));
	ck_assert(chanatom_pkt(&c, &p));
	ck_assert_uint_eq(p.type, ATOM_DATA);
	ck_assert_uint_eq(p.pos, 4294963200u);
	ck_assert_uint_eq(p.cont, 1);
	ck_assert_uint_eq(p.len, 3);
	ck_assert_mem_eq(p.data, "\1\2\3", 3);
	buf_fini(&b);
	buf_fini(&want);
}
END_TEST

/* Every frame is what chanatom_emit() writes before the same bytes; cont comes back unchanged. */
static const struct {
	uint32_t type, pos;
	uint8_t cont;
	uint32_t len;
	size_t frame;
} frames_row[] = {
	{ ATOM_DATA, 0, 0, 15360, PCP_PKT_FRAME }, { ATOM_DATA, 7, 1, 1, PCP_PKT_FRAME_CONT },
	{ ATOM_DATA, UINT32_MAX, 2, 100, PCP_PKT_FRAME_CONT },
	{ ATOM_DATA, 7, 4, 100, PCP_PKT_FRAME_CONT }, { ATOM_DATA, 7, 6, 0, PCP_PKT_FRAME_CONT },
	{ ATOM_DATA, 7, 0xff, 9, PCP_PKT_FRAME_CONT },
	{ ATOM_HEAD, 0, 0, 0, PCP_PKT_FRAME },          /* a head may be empty */
	{ ATOM_HEAD, 0x12345678, 0, 16312, PCP_PKT_FRAME },
};

START_TEST(frames)
{
	static uint8_t media[16384];
	uint8_t frame[PCP_PKT_FRAME_CONT];
	struct chanmeta m = { .id = chan_id() };
	struct chaninfo *info = chaninfo_new(&m);
	struct pktatom p = {
		.type = frames_row[_i].type, .pos = frames_row[_i].pos,
		.cont = frames_row[_i].cont, .data = media,
		.len = frames_row[_i].len,
	};
	struct pktatom back;
	struct buf b, want;
	struct chanatom c;
	struct atomwr w;
	struct atom a;
	size_t n;

	ck_assert_ptr_nonnull(info);
	buf_init(&b, 32768);
	buf_init(&want, 32768);
	atomwr_init(&w, &want);
	chanatom_emit(&w, info, 0, &p);
	n = pcp_pkt_frame(frame, &m.id, p.type, p.pos, p.cont, p.len);
	ck_assert_uint_eq(n, frames_row[_i].frame);
	buf_put(&b, frame, n);
	buf_put(&b, media, p.len);
	assert_bytes(&b, &want, "frame");
	a = open_all(&b);
	ck_assert_int_eq(chanatom_parse(&c, &a), ST_OK);
	ck_assert(chanatom_pkt(&c, &back));
	ck_assert(back.type == p.type && back.pos == p.pos && back.cont == p.cont &&
		back.len == p.len);
	chaninfo_unref(&info);
	buf_fini(&b);
	buf_fini(&want);
}
END_TEST

#define CHAN_ID "69640000 10000000 c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
#define TYPE_D  "74797065 04000000 64617461"
#define TYPE_H  "74797065 04000000 68656164"
#define POS     "706f7300 04000000 01000000"
#define DATA    "64617461 01000000 aa"

/* B54 and neighbours: what is no packet to use. */
static const struct {
	const char *name, *hex;
	unsigned n;
	bool ok;
} bad_pkts_row[] = {
	{ "whole", TYPE_D POS DATA, 3, true },
	{ "any order", DATA POS TYPE_D, 3, true },
	{ "no type", POS DATA, 2, false },
	{ "no data", TYPE_D POS, 2, false },
	{ "data without pos", TYPE_D DATA, 2, false },
	{ "head without pos", TYPE_H DATA, 2, true },
	{ "meta", "74797065 04000000 6d657461" POS DATA, 3, false },
	{ "type of 5", "74797065 05000000 6461746100" POS DATA, 3, false },
	{ "pos of 8", TYPE_D "706f7300 08000000 0100000000000000" DATA, 3, false },
	{ "data as container", TYPE_D POS "64617461 01000080 64617461 00000000", 3, false },
	{ "data empty", TYPE_D POS "64617461 00000080", 3, true },
	{ "unknown child", TYPE_D "7a7a7a7a 00000000" POS DATA, 4, true },
	{ "cont of 4: ignored", TYPE_D "636f6e74 04000000 01000000" POS DATA, 4, true },
	{ "nothing", "", 0, false },
};

START_TEST(bad_pkts)
{
	struct buf b;
	struct chanatom c;
	struct pktatom p;
	struct atom a;

	buf_init(&b, 256);
	put_hdr(&b, ATOM_CHAN, CONT | 2);
	put_hex(&b, CHAN_ID);
	put_hdr(&b, ATOM_PKT, CONT | bad_pkts_row[_i].n);
	put_hex(&b, bad_pkts_row[_i].hex);
	a = open_all(&b);
	ck_assert_int_eq(chanatom_parse(&c, &a), ST_OK);
	ck_assert_msg(chanatom_pkt(&c, &p) == bad_pkts_row[_i].ok, "%s", bad_pkts_row[_i].name);
	ck_assert_uint_eq(p.cont, 0);
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *name, *hex;
	unsigned n, has;
	uint8_t bcid0, bcid1;
} parts_row[] = {
	{ "id", CHAN_ID, 1, CHANATOM_ID, 0, 0 },
	{ "id of 15", "69640000 0f000000 c0c1c2c3c4c5c6c7c8c9cacbcccdce", 1, 0, 0, 0 },
	{ "id of zeros", "69640000 10000000 00000000000000000000000000000000", 1, 0, 0, 0 },
	{ "id last", "696e666f 00000080" CHAN_ID, 2, CHANATOM_ID | CHANATOM_INFO, 0, 0 },
	{ "bcid", CHAN_ID "62636964 10000000 0a0b0000000000000000000000000000", 2,
		CHANATOM_ID | CHANATOM_BCID, 0x0a, 0x0b },
	{ "key", CHAN_ID "6b657900 10000000 0a0b0000000000000000000000000000", 2,
		CHANATOM_ID | CHANATOM_BCID, 0, 0x0b },
	{ "key after bcid", "62636964 10000000 0a0b0000000000000000000000000000"
		"6b657900 10000000 0c0d0000000000000000000000000000", 2, CHANATOM_BCID,
		0x0a, 0x0b },
	{ "key of flags alone", "6b657900 10000000 0a000000000000000000000000000000", 1, 0, 0,
		0 },
	{ "info as leaf (B9)", CHAN_ID "696e666f 01000000 00", 2, CHANATOM_ID, 0, 0 },
	{ "info as empty leaf", CHAN_ID "696e666f 00000000", 2, CHANATOM_ID | CHANATOM_INFO, 0,
		0 },
	{ "all, pkt first", CHAN_ID "706b7400 00000080 7472636b 00000080 696e666f 00000080", 4,
		CHANATOM_ID | CHANATOM_INFO | CHANATOM_TRCK | CHANATOM_PKT, 0, 0 },
	{ "unknown", CHAN_ID "7a7a7a7a 04000000 31323334", 2, CHANATOM_ID, 0, 0 },
};

START_TEST(parts)
{
	struct chanatom c;
	struct buf b;
	struct atom a;

	buf_init(&b, 256);
	put_hdr(&b, ATOM_CHAN, CONT | parts_row[_i].n);
	put_hex(&b, parts_row[_i].hex);
	a = open_all(&b);
	ck_assert_int_eq(chanatom_parse(&c, &a), ST_OK);
	ck_assert_msg(c.has == parts_row[_i].has, "%s: %x", parts_row[_i].name, c.has);
	if (c.has & CHANATOM_BCID) {
		ck_assert_msg(c.bcid.b[0] == parts_row[_i].bcid0, "%s", parts_row[_i].name);
		ck_assert_msg(c.bcid.b[1] == parts_row[_i].bcid1, "%s", parts_row[_i].name);
	}
	buf_fini(&b);
}
END_TEST

START_TEST(not_chan)
{
	struct chanatom c;
	struct atom a;
	struct buf b;

	buf_init(&b, 64);
	put_hdr(&b, ATOM_HOST, CONT);
	a = open_all(&b);
	ck_assert_int_eq(chanatom_parse(&c, &a), ST_PROTO);
	ck_assert_uint_eq(c.has, 0);
	buf_reset(&b);
	put_fill(&b, ATOM_CHAN, 4);
	a = open_all(&b);
	ck_assert_int_eq(chanatom_parse(&c, &a), ST_PROTO);
	buf_fini(&b);
}
END_TEST

/* B60 */
static const struct {
	uint32_t wire, want;
} bitrates_row[] = {
	{ 0, 0 }, { 500, 500 }, { 1000000, 1000000 }, { 1000001, 1000000 },
	{ 0x7fffffff, 1000000 }, { 0x80000000, 0 }, { 0xffffffff, 0 },
};

START_TEST(bitrates)
{
	struct chanmeta m = { .bitrate_kbps = 77 };
	struct chanatom c;
	struct atomwr w;
	struct atom a;
	struct buf b;

	buf_init(&b, 256);
	atomwr_init(&w, &b);
	atomwr_begin(&w, ATOM_CHAN);
	atomwr_begin(&w, ATOM_INFO);
	atomwr_u32(&w, ATOM_BITR, bitrates_row[_i].wire);
	atomwr_end(&w);
	atomwr_end(&w);
	a = open_all(&b);
	ck_assert_int_eq(chanatom_parse(&c, &a), ST_OK);
	ck_assert_uint_eq(chanatom_meta(&c, &m), CHANMETA_BITRATE);
	ck_assert_uint_eq(m.bitrate_kbps, bitrates_row[_i].want);
	buf_fini(&b);
}
END_TEST

static void fill_meta(struct chanmeta *m, size_t len)
{
	memset(m, 0, sizeof(*m));
	m->id = chan_id();
	m->bcid = id_of(3);
	m->bitrate_kbps = 1234;
	for (int t = 0; t < CT_COUNT; t++) {
		memset(m->text[t], 'a' + t, len);
		m->text[t][len] = '\0';
	}
}

static void assert_meta(const struct chanmeta *a, const struct chanmeta *b)
{
	ck_assert(gnuid_equal(&a->id, &b->id));
	ck_assert(gnuid_equal(&a->bcid, &b->bcid));
	ck_assert_uint_eq(a->bitrate_kbps, b->bitrate_kbps);
	for (int t = 0; t < CT_COUNT; t++)
		ck_assert_msg(strcmp(a->text[t], b->text[t]) == 0, "text %d: %s, %s", t, a->text[t],
			b->text[t]);
}

START_TEST(meta_round)
{
	static const size_t lens[] = { 0, 1, 3, 255 };
	struct chaninfo *info;
	struct chanmeta m, back;
	struct chanatom c;
	struct atomwr w;
	struct atom a;
	struct buf b;
	uint32_t present;

	fill_meta(&m, lens[_i]);
	info = chaninfo_new(&m);
	ck_assert_ptr_nonnull(info);
	buf_init(&b, PCP_ATOM_SEND_MAX);
	atomwr_init(&w, &b);
	chanatom_emit(&w, info, CHANATOM_BCID | CHANATOM_INFO | CHANATOM_TRCK, NULL);
	a = open_all(&b);
	ck_assert_int_eq(chanatom_parse(&c, &a), ST_OK);
	memset(&back, 0, sizeof(back));
	/* All of it; the track's genre is left out when empty. */
	present = chanatom_meta(&c, &back);
	if (lens[_i] == 0)
		present |= 1u << CT_TRACK_GENRE;
	ck_assert_uint_eq(present, ((1u << CT_COUNT) - 1) | CHANMETA_BITRATE | CHANMETA_BCID);
	assert_meta(&back, &m);
	/* The children older nodes count on are always there; the others only with content. */
	ck_assert_uint_eq(c.info.count, lens[_i] > 0 ? 9 : 7);
	ck_assert_uint_eq(c.trck.count, lens[_i] > 0 ? 5 : 4);
	chaninfo_unref(&info);
	buf_fini(&b);
}
END_TEST

START_TEST(meta_partial)
{
	static const uint32_t type_bits = 1u << CT_TYPE | 1u << CT_MIME | 1u << CT_EXT;
	struct chanmeta m, want;
	struct chanatom c;
	struct atomwr w;
	struct atom a;
	struct buf b;

	/* What is not told stays: here a name alone, then a track alone. */
	fill_meta(&m, 5);
	want = m;
	text_copy(want.text[CT_NAME], TEXT_MAX, "new");
	buf_init(&b, 1024);
	atomwr_init(&w, &b);
	atomwr_begin(&w, ATOM_CHAN);
	atomwr_begin(&w, ATOM_INFO);
	atomwr_str(&w, ATOM_NAME, "new");
	atomwr_end(&w);
	atomwr_end(&w);
	a = open_all(&b);
	ck_assert_int_eq(chanatom_parse(&c, &a), ST_OK);
	ck_assert_uint_eq(chanatom_meta(&c, &m), 1u << CT_NAME);
	assert_meta(&m, &want);

	text_copy(want.text[CT_TRACK_TITLE], TEXT_MAX, "song");
	buf_reset(&b);
	atomwr_begin(&w, ATOM_CHAN);
	atomwr_begin(&w, ATOM_TRCK);
	atomwr_str(&w, ATOM_TITL, "song");
	atomwr_u32(&w, ATOM_NAME, 0);           /* no child of trck: skipped */
	atomwr_end(&w);
	atomwr_end(&w);
	a = open_all(&b);
	ck_assert_int_eq(chanatom_parse(&c, &a), ST_OK);
	ck_assert_uint_eq(chanatom_meta(&c, &m), 1u << CT_TRACK_TITLE);
	assert_meta(&m, &want);

	/* A new type without MIME type and extension does not keep the old ones. */
	text_copy(want.text[CT_TYPE], TEXT_MAX, "MKV");
	want.text[CT_MIME][0] = want.text[CT_EXT][0] = '\0';
	buf_reset(&b);
	atomwr_begin(&w, ATOM_CHAN);
	atomwr_begin(&w, ATOM_INFO);
	atomwr_str(&w, ATOM_TYPE, "MKV");
	atomwr_end(&w);
	atomwr_end(&w);
	a = open_all(&b);
	ck_assert_int_eq(chanatom_parse(&c, &a), ST_OK);
	ck_assert_uint_eq(chanatom_meta(&c, &m), type_bits);
	assert_meta(&m, &want);
	buf_fini(&b);
}
END_TEST

/* pcp.md 2.5: one atom while it fits 16384 bytes, else two. */
START_TEST(start_split)
{
	static uint8_t head[65536];
	struct chaninfo *info;
	struct chanmeta m, back;
	struct chanatom c;
	struct pktatom p;
	struct atom a;
	struct buf b;
	size_t base, fits;

	fill_meta(&m, 40);
	info = chaninfo_new(&m);
	ck_assert_ptr_nonnull(info);
	buf_init(&b, 128 * 1024);
	ck_assert_int_eq(chanatom_start_emit(&b, info, 9, head, 0), ST_OK);
	base = b.len;
	fits = PCP_ATOM_SEND_MAX - base;
	for (int i = 0; i < 4; i++) {
		const size_t len[] = { 0, fits, fits + 1, sizeof(head) };
		bool one = len[i] <= fits;

		buf_reset(&b);
		buf_puts(&b, "before");
		ck_assert_int_eq(chanatom_start_emit(&b, info, 9, head, len[i]), ST_OK);
		ck_assert_int_eq(atom_open(&a, b.p + 6, b.len - 6), ST_OK);
		ck_assert_int_eq(chanatom_parse(&c, &a), ST_OK);
		ck_assert_uint_eq(c.has, CHANATOM_ID | CHANATOM_INFO | CHANATOM_TRCK |
			(one ? CHANATOM_PKT : 0));
		ck_assert(a.size <= PCP_ATOM_SEND_MAX);
		memset(&back, 0, sizeof(back));
		chanatom_meta(&c, &back);
		back.bcid = m.bcid;             /* not for relays */
		assert_meta(&back, &m);
		ck_assert((6 + a.size == b.len) == one);
		if (!one) {
			ck_assert_int_eq(atom_open(&a, a.whole + a.size, b.len - 6 - a.size),
				ST_OK);
			ck_assert_int_eq(chanatom_parse(&c, &a), ST_OK);
			ck_assert_uint_eq(c.has, CHANATOM_ID | CHANATOM_PKT);
			ck_assert_ptr_eq(a.whole + a.size, b.p + b.len);
		}
		ck_assert(gnuid_equal(&c.id, &m.id));
		ck_assert(chanatom_pkt(&c, &p));
		ck_assert(p.type == ATOM_HEAD && p.pos == 9 && p.cont == 0 && p.len == len[i]);
	}
	buf_fini(&b);
	buf_init(&b, 100);
	ck_assert_int_eq(chanatom_start_emit(&b, info, 0, head, 10), ST_LIMIT);
	buf_fini(&b);
	chaninfo_unref(&info);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("chanatom");
	TCase *t = tcase_create("pkt");

	tcase_add_test(t, pkt_example);
	tcase_add_loop_test(t, frames, 0, NELEM(frames_row));
	tcase_add_loop_test(t, bad_pkts, 0, NELEM(bad_pkts_row));
	suite_add_tcase(s, t);

	t = tcase_create("info");
	tcase_add_loop_test(t, parts, 0, NELEM(parts_row));
	tcase_add_test(t, not_chan);
	tcase_add_loop_test(t, bitrates, 0, NELEM(bitrates_row));
	tcase_add_loop_test(t, meta_round, 0, 4);
	tcase_add_test(t, meta_partial);
	tcase_add_test(t, start_split);
	suite_add_tcase(s, t);
	return s;
}
