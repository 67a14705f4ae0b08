/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/atom.h"

#include "pcp/pcp.h"
#include "test/unit/pcp/pcptest.h"
#include "test/unit/unit.h"

static const struct {
	uint32_t id;
	const char *text;
} id_text_row[] = {
	{ ATOM_HELO, "helo" }, { ATOM_OK, "ok" }, { ATOM_ID, "id" }, { ATOM_SID, "sid" },
	{ 0, "" },
};

START_TEST(id_text)
{
	char dst[ATOM_IDSTR];

	ck_assert_str_eq(atom_id_str(id_text_row[_i].id, dst), id_text_row[_i].text);
	/* B8: nothing of a wild id gets into a log line as it is. */
	atom_id_str((uint32_t)ATOM_ID4('a', '\n', 0x1b, 'b'), dst);
	ck_assert_ptr_null(strchr(dst, '\n'));
	ck_assert_ptr_null(strchr(dst, 0x1b));
	atom_id_str(0xfffefdfc, dst);
	ck_assert(text_is_clean(dst, strlen(dst)));
}
END_TEST

START_TEST(id_bytes)
{
	struct buf b;

	/* pcp.md 2.1: raw bytes, first character first, padded on the right. */
	buf_init(&b, 64);
	buf_le32(&b, ATOM_PCP);
	buf_le32(&b, ATOM_SID);
	buf_le32(&b, ATOM_OK);
	ck_assert_mem_eq(b.p, "pcp\nsid\0ok\0\0", 12);
	buf_fini(&b);
}
END_TEST

/* --- framing ---------------------------------------------------------------------------------- */

static void one_leaf(struct buf *b, uint32_t n, uint32_t unused)
{
	put_fill(b, ATOM_MESG, n);
}

static void leaf_claim(struct buf *b, uint32_t n, uint32_t unused)
{
	put_hdr(b, ATOM_MESG, n);
}

static void cont_claim(struct buf *b, uint32_t n, uint32_t unused)
{
	put_hdr(b, ATOM_BCST, CONT | n);
}

static void children(struct buf *b, uint32_t n, uint32_t len)
{
	put_hdr(b, ATOM_CHAN, CONT | n);
	for (uint32_t i = 0; i < n; i++)
		put_fill(b, ATOM_PFLG, len);
}

/* n levels, the last one a leaf. */
static void levels(struct buf *b, uint32_t n, uint32_t id)
{
	for (uint32_t i = 1; i < n; i++)
		put_hdr(b, id, CONT | 1);
	put_hdr(b, ATOM_OK, 0);
}

/* The last of n levels is a container without children. */
static void levels_empty(struct buf *b, uint32_t n, uint32_t id)
{
	for (uint32_t i = 1; i < n; i++)
		put_hdr(b, id, CONT | 1);
	put_hdr(b, id, CONT);
}

/* n containers of m empty leaves in one chan: 1 + n + n * m atoms. */
static void fan(struct buf *b, uint32_t n, uint32_t m)
{
	put_hdr(b, ATOM_CHAN, CONT | n);
	for (uint32_t i = 0; i < n; i++)
		children(b, m, 0);
}

/* Bags side by side are no nesting. */
static void bags_beside(struct buf *b, uint32_t n, uint32_t unused)
{
	put_hdr(b, ATOM_ATOM, CONT | n);
	for (uint32_t i = 0; i < n; i++)
		levels(b, 4, ATOM_ATOM);
}

static void bags_mixed(struct buf *b, uint32_t n, uint32_t unused)
{
	for (uint32_t i = 0; i < n; i++) {
		put_hdr(b, i % 2 ? ATOM_ATOM : ATOM_BCST, CONT | 1);
		put_hdr(b, ATOM_CHAN, CONT | 1);
	}
	put_hdr(b, ATOM_OK, 0);
}

/* A bag that is closed does not count for what stands beside it. */
static void bags_closed(struct buf *b, uint32_t unused, uint32_t unused2)
{
	put_hdr(b, ATOM_ATOM, CONT | 2);
	levels(b, 4, ATOM_ATOM);
	put_hdr(b, ATOM_CHAN, CONT | 1);
	put_hdr(b, ATOM_CHAN, CONT | 1);
	put_hdr(b, ATOM_CHAN, CONT | 1);
	levels(b, 2, ATOM_BCST);
}

static const struct scan_row {
	const char *name;
	void (*make)(struct buf *b, uint32_t n, uint32_t m);
	uint32_t n, m;
	const struct atomlimits *lim;
	enum status st;
	bool done;
	size_t used;            /* 0 = all of it */
} scans[] = {
	{ "empty leaf", one_leaf, 0, 0, &atomlimits_control, ST_OK, true, 0 },
	{ "no children", cont_claim, 0, 0, &atomlimits_control, ST_OK, true, 0 },
	{ "leaf at the limit", one_leaf, 16384, 0, &atomlimits_control, ST_OK, true, 0 },
	{ "B1 leaf over it", one_leaf, 16385, 0, &atomlimits_control, ST_LIMIT, false, 8 },
	{ "B1 2^31-1", leaf_claim, 0x7fffffff, 0, &atomlimits_control, ST_LIMIT, false, 8 },
	{ "fetch leaf at the limit", one_leaf, 1048576, 0, &atomlimits_fetch, ST_OK, true, 0 },
	{ "B1 fetch leaf over it", leaf_claim, 1048577, 0, &atomlimits_fetch, ST_LIMIT, false, 8 },
	{ "B2 2^31-1", cont_claim, 0x7fffffff, 0, &atomlimits_control, ST_LIMIT, false, 8 },
	{ "1024 children", children, 1024, 0, &atomlimits_control, ST_OK, true, 0 },
	{ "B2 1025 children", children, 1025, 0, &atomlimits_fetch, ST_LIMIT, false, 8 },
	{ "children said, none there", cont_claim, 2, 0, &atomlimits_control, ST_OK, false, 0 },
	{ "16 levels", levels, 16, ATOM_CHAN, &atomlimits_control, ST_OK, true, 0 },
	{ "16, the last empty", levels_empty, 16, ATOM_CHAN, &atomlimits_control, ST_OK, true, 0 },
	{ "B3 17 levels", levels, 17, ATOM_CHAN, &atomlimits_control, ST_LIMIT, false, 16 * 8 },
	{ "B3 1000 levels", levels, 1000, ATOM_CHAN, &atomlimits_fetch, ST_LIMIT, false, 16 * 8 },
	{ "4096 atoms", fan, 5, 818, &atomlimits_control, ST_OK, true, 0 },
	{ "B4 4097 atoms", fan, 4, 1023, &atomlimits_control, ST_LIMIT, false, 16 + 3 * 1024 * 8 },
	{ "B4 fetch", fan, 100, 1000, &atomlimits_fetch, ST_LIMIT, false, 16 + 3 * 1001 * 8 },
	{ "64 KiB", children, 4, 16374, &atomlimits_control, ST_OK, true, 0 },
	{ "64 KiB and 2", children, 5, 13098, &atomlimits_control, ST_LIMIT, false,
		16 + 4 * 13106 },
	{ "4 bags", levels, 5, ATOM_ATOM, &atomlimits_control, ST_OK, true, 0 },
	{ "5 bags", levels, 6, ATOM_ATOM, &atomlimits_control, ST_PROTO, false, 5 * 8 },
	{ "5 bcst", levels, 6, ATOM_BCST, &atomlimits_control, ST_PROTO, false, 5 * 8 },
	{ "bags side by side", bags_beside, 100, 0, &atomlimits_control, ST_OK, true, 0 },
	{ "bags closed before", bags_closed, 0, 0, &atomlimits_control, ST_OK, true, 0 },
	{ "4 bags with others between", bags_mixed, 4, 0, &atomlimits_control, ST_OK, true, 0 },
	{ "5 bags so", bags_mixed, 5, 0, &atomlimits_control, ST_PROTO, false, 72 },
};

START_TEST(scan_table)
{
	const struct scan_row *row = &scans[_i];
	struct atomscan s;
	struct buf b;
	size_t used, len = 0;
	bool odd = false;

	buf_init(&b, 4 * 1024 * 1024);
	row->make(&b, row->n, row->m);
	ck_assert_int_eq(b.err, ST_OK);
	atomscan_init(&s, row->lim);
	ck_assert_msg(atomscan_feed(&s, b.p, b.len, &used) == row->st, "%s", row->name);
	ck_assert_msg(atomscan_done(&s) == row->done, "%s", row->name);
	ck_assert_msg(used == (row->used ? row->used : b.len), "%s: used %zu", row->name, used);
	/* Byte by byte ends the same way, at the same byte. */
	atomscan_init(&s, row->lim);
	for (len = 0; len < b.len && s.err == ST_OK && !atomscan_done(&s); len += used) {
		enum status st = atomscan_feed(&s, b.p + len, 1, &used);

		/* Check writes a mark for every assert; a million are too many. */
		odd |= st != s.err || used != 1;
	}
	ck_assert(!odd);
	ck_assert_msg(s.err == row->st && atomscan_done(&s) == row->done, "%s: bytes", row->name);
	ck_assert_msg(len == (row->used ? row->used : b.len), "%s: %zu bytes", row->name, len);
	/* Errors stay, nothing more is looked at. */
	if (row->st != ST_OK) {
		ck_assert_int_eq(atomscan_feed(&s, b.p, b.len, &used), row->st);
		ck_assert_uint_eq(used, 0);
	}
	if (row->st == ST_OK && !row->done)
		ck_assert_int_eq(atomscan_whole(b.p, b.len, row->lim, &len), ST_PROTO);
	else
		ck_assert_int_eq(atomscan_whole(b.p, b.len, row->lim, &len), row->st);
	buf_fini(&b);
}
END_TEST

/* An atom with everything in it, and what follows it on the wire. */
static void rich(struct buf *b)
{
	put_hdr(b, ATOM_BCST, CONT | 4);
	put_leaf(b, ATOM_TTL, "\7", 1);
	put_hdr(b, ATOM_CHAN, CONT | 3);
	put_fill(b, ATOM_ID, 16);
	put_hdr(b, ATOM_INFO, CONT);
	put_hdr(b, ATOM_PKT, CONT | 1);
	put_fill(b, ATOM_DATA, 40);
	put_hdr(b, ATOM_UPD, 0);
	put_hdr(b, ATOM_ATOM, CONT | 1);
	put_hdr(b, ATOM_ROOT, CONT | 1);
	put_hdr(b, ATOM_UPD, CONT);
}

START_TEST(scan_splits)
{
	struct atomscan s;
	struct buf b;
	size_t n, used;

	buf_init(&b, 4096);
	rich(&b);
	n = b.len;
	put_fill(&b, ATOM_QUIT, 4);
	for (size_t i = 0; i <= n; i++) {
		for (size_t j = i; j <= n; j++) {
			bool ok;

			atomscan_init(&s, &atomlimits_control);
			ok = atomscan_feed(&s, b.p, i, &used) == ST_OK && used == i;
			ok = ok && atomscan_feed(&s, b.p + i, j - i, &used) == ST_OK;
			ok = ok && used == j - i && atomscan_done(&s) == (j == n);
			ok = ok && atomscan_feed(&s, b.p + j, b.len - j, &used) == ST_OK;
			ok = ok && used == n - j && atomscan_done(&s) && s.len == n;
			ok = ok && s.id == ATOM_BCST && atomscan_missing(&s) == 0;
			if (!ok)
				ck_abort_msg("split at %zu and %zu", i, j);
		}
	}
	buf_fini(&b);
}
END_TEST

START_TEST(scan_missing)
{
	struct atomscan s;
	struct buf b;
	size_t used, at = 0;
	unsigned reads = 0;

	/* A reader that always takes what is certainly missing ends exactly at the end. */
	buf_init(&b, 4096);
	rich(&b);
	atomscan_init(&s, &atomlimits_control);
	ck_assert_uint_eq(atomscan_missing(&s), ATOM_HDR);
	while (atomscan_missing(&s) > 0) {
		uint32_t want = atomscan_missing(&s);

		ck_assert_uint_le(at + want, b.len);
		ck_assert_int_eq(atomscan_feed(&s, b.p + at, want, &used), ST_OK);
		ck_assert_uint_eq(used, want);
		at += want;
		reads++;
	}
	ck_assert_uint_eq(at, b.len);
	ck_assert(atomscan_done(&s));
	ck_assert_uint_le(reads, 6);
	buf_fini(&b);
}
END_TEST

START_TEST(scan_http)
{
	static const char text[] = "HTTP/1.0 503 Service Unavailable\r\n";
	struct atomscan s;
	size_t used;

	/* B21: an id and an absurd length; the id is there for the log. */
	atomscan_init(&s, &atomlimits_fetch);
	ck_assert_int_eq(atomscan_feed(&s, text, sizeof(text) - 1, &used), ST_LIMIT);
	ck_assert_uint_eq(s.id, ATOM_HTTP);
	ck_assert_uint_eq(used, 8);
}
END_TEST

START_TEST(scan_own_limits)
{
	static const struct atomlimits flat = {
		.bytes = 64, .leaf = 20, .children = 2, .atoms = 3, .depth = 2,
	};
	static const struct atomlimits wide = {
		.bytes = 64, .leaf = 20, .children = 100, .atoms = 100, .depth = 2,
	};
	struct buf b;
	size_t len;

	buf_init(&b, 1024);
	children(&b, 2, 20);
	ck_assert_int_eq(atomscan_whole(b.p, b.len, &flat, &len), ST_OK);
	ck_assert_uint_eq(len, 64);
	buf_reset(&b);
	children(&b, 3, 0);
	ck_assert_int_eq(atomscan_whole(b.p, b.len, &flat, &len), ST_LIMIT);
	buf_reset(&b);
	levels(&b, 3, ATOM_CHAN);
	ck_assert_int_eq(atomscan_whole(b.p, b.len, &flat, &len), ST_LIMIT);
	/* Headers that are only announced count against the bytes, too. */
	for (uint32_t n = 7; n <= 8; n++) {
		buf_reset(&b);
		children(&b, n, 0);
		ck_assert_int_eq(atomscan_whole(b.p, b.len, &wide, &len),
			n == 7 ? ST_OK : ST_LIMIT);
		ck_assert_uint_eq(len, n == 7 ? 64 : 8);
	}
	buf_fini(&b);
}
END_TEST

/* --- reading ---------------------------------------------------------------------------------- */

START_TEST(open_cut)
{
	struct atom a;
	struct buf b;

	/* B5, B13: no prefix opens, whatever byte it ends at. The block has exactly that size, so
	 * that sanitizers see a read behind it. */
	buf_init(&b, 4096);
	rich(&b);
	for (size_t n = 0; n <= b.len; n++) {
		uint8_t *p = malloc(n > 0 ? n : 1);

		ck_assert_ptr_nonnull(p);
		memcpy(p, b.p, n);
		ck_assert_int_eq(atom_open(&a, p, n), n == b.len ? ST_OK : ST_PROTO);
		free(p);
	}
	put_hdr(&b, ATOM_OK, 0);
	ck_assert_int_eq(atom_open(&a, b.p, b.len), ST_OK);
	ck_assert_uint_eq(a.size, b.len - 8);
	buf_fini(&b);
}
END_TEST

START_TEST(open_lies)
{
	static const uint32_t claims[] = { 1, 2, 1000, 0x10000000, 0x20000000, 0x7fffffff };
	struct atom a;
	struct buf b;

	/* Counts that the bytes behind cannot hold end the walk at once, also nested. */
	buf_init(&b, 4096);
	for (int i = 0; i < 8; i++)
		put_hdr(&b, ATOM_CHAN, CONT | claims[_i]);
	ck_assert_int_eq(atom_open(&a, b.p, b.len), ST_PROTO);
	buf_fini(&b);
}
END_TEST

START_TEST(walk)
{
	struct atom a, c, d, e;
	struct buf b;

	buf_init(&b, 4096);
	rich(&b);
	a = open_all(&b);
	ck_assert(a.cont);
	ck_assert_uint_eq(a.count, 4);
	ck_assert(atom_next(&a, &c));
	ck_assert_uint_eq(c.id, ATOM_TTL);
	ck_assert(!atom_next(&c, &d));          /* a leaf has no children */
	ck_assert(atom_next(&a, &c));
	ck_assert_uint_eq(c.id, ATOM_CHAN);
	ck_assert_uint_eq(c.size, 8 + 24 + 8 + 8 + 48);
	ck_assert(atom_next(&c, &d));
	ck_assert_uint_eq(d.id, ATOM_ID);
	ck_assert(atom_next(&c, &d));
	ck_assert_uint_eq(d.id, ATOM_INFO);
	ck_assert(atom_is_empty(&d) && atom_is_leaf(&d) && atom_is_cont(&d));
	ck_assert(!atom_next(&d, &e));
	ck_assert(atom_next(&c, &d));
	ck_assert_uint_eq(d.id, ATOM_PKT);
	ck_assert(atom_next(&d, &e));
	ck_assert_uint_eq(e.id, ATOM_DATA);
	ck_assert_uint_eq(e.rd.left, 40);
	ck_assert(!atom_next(&d, &e));
	ck_assert(!atom_next(&c, &d));
	/* Not looking into chan would have led to the same sibling. */
	ck_assert(atom_next(&a, &c));
	ck_assert_uint_eq(c.id, ATOM_UPD);
	ck_assert(atom_is_empty(&c) && atom_is_cont(&c));
	ck_assert(atom_next(&a, &c));
	ck_assert_uint_eq(c.id, ATOM_ATOM);
	ck_assert(!atom_next(&a, &c));
	ck_assert(!atom_next(&a, &c));
	buf_fini(&b);
}
END_TEST

/* B9, B10, B14: only the exact width of a leaf is a value. */
START_TEST(widths)
{
	uint8_t u8 = 0xee;
	uint16_t u16 = 0xeeee;
	uint32_t u32 = 0xeeeeeeee;
	struct gnuid id = id_of(0xee), id0 = id;
	struct host h = host_v4(9, 9, 9, 9, 99), h0 = h;
	char ex[2] = { 'Z', 'Z' };
	struct atom a;
	struct buf b;
	int n = _i;             /* 0..20 bytes; 21: a container */

	buf_init(&b, 256);
	if (n == 21) {
		put_hdr(&b, ATOM_VER, CONT | 1);
		put_hdr(&b, ATOM_OK, 0);
	} else {
		put_hdr(&b, ATOM_VER, (uint32_t)n);
		for (int i = 0; i < n; i++)
			buf_u8(&b, (uint8_t)('a' + i));
	}
	a = open_all(&b);
	ck_assert(atom_u8(&a, &u8) == (n == 1));
	ck_assert_uint_eq(u8, n == 1 ? 'a' : 0xee);
	ck_assert(atom_u16(&a, &u16) == (n == 2));
	ck_assert_uint_eq(u16, n == 2 ? 0x6261 : 0xeeee);
	ck_assert(atom_u32(&a, &u32) == (n == 4));
	ck_assert_uint_eq(u32, n == 4 ? 0x64636261 : 0xeeeeeeee);
	ck_assert(atom_gnuid(&a, &id) == (n == 16));
	ck_assert(gnuid_equal(&id, &id0) == (n != 16));
	ck_assert(atom_ip(&a, &h) == (n == 4 || n == 16));
	ck_assert(host_equal(&h, &h0) == (n != 4 && n != 16));
	ck_assert_uint_eq(h.port, 99);
	ck_assert(atom_prefix(&a, ex) == (n == 2));
	ck_assert_mem_eq(ex, n == 2 ? "ab" : "ZZ", 2);
	buf_fini(&b);
}
END_TEST

START_TEST(empty_container_is_no_value)
{
	struct atom a;
	struct buf b;
	uint32_t v = 7;
	char s[8] = "x";

	buf_init(&b, 64);
	put_hdr(&b, ATOM_VER, CONT);
	a = open_all(&b);
	ck_assert(!atom_u32(&a, &v));
	ck_assert_uint_eq(v, 7);
	/* ... but an empty text, like the leaf of length 0 it stands for. */
	ck_assert(atom_str(&a, s, sizeof(s)));
	ck_assert_str_eq(s, "");
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *raw;
	bool ok;
} prefix_is_text_row[] = {
	{ "SV", true }, { "a\"", true }, { "A ", false }, { " A", false },
	{ "\n1", false }, { "A\x7f", false },
	{ "\x83\x65", false },
};

START_TEST(prefix_is_text)
{
	char ex[2] = { 0, 0 };
	struct atom a;
	struct buf b;

	buf_init(&b, 64);
	put_leaf(&b, ATOM_VEXP, prefix_is_text_row[_i].raw, 2);
	a = open_all(&b);
	ck_assert(atom_prefix(&a, ex) == prefix_is_text_row[_i].ok);
	buf_fini(&b);
}
END_TEST

#define X16  "xxxxxxxxxxxxxxxx"
#define X64  X16 X16 X16 X16
#define X255 X64 X64 X64 X16 X16 X16 "xxxxxxxxxxxxxxx"

/* B11, pcp.md 2.3. */
static const struct {
	const char *name, *raw;
	size_t n;
	const char *want;
} strings_in_row[] = {
	{ "plain", "abc\0", 4, "abc" },
	{ "no NUL", "abc", 3, "abc" },
	{ "inner NUL", "ab\0cd\0", 6, "ab" },
	{ "empty", "\0", 1, "" },
	{ "nothing", "", 0, "" },
	{ "UTF-8", "\xe3\x83\x86\0", 4, "\xe3\x83\x86" },
	{ "CP932", "\x83\x65\x83\x58\x83\x67\0", 7,
		"\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88" },
	{ "controls", "a\x01" "b\nc\x7f\0", 7, "a b c " },
	{ "255", X255 "\0", 256, X255 },
	{ "256", X255 "y\0", 257, X255 },
	{ "cut at a border", X64 X64 X64 X16 X16 X16 "xxxxxxxxxxxxx\xe3\x83\x86\0", 257,
		X64 X64 X64 X16 X16 X16 "xxxxxxxxxxxxx" },
};

START_TEST(strings_in)
{
	char s[TEXT_MAX];
	struct atom a;
	struct buf b;

	buf_init(&b, 1024);
	put_leaf(&b, ATOM_NAME, strings_in_row[_i].raw, strings_in_row[_i].n);
	a = open_all(&b);
	ck_assert(atom_str(&a, s, sizeof(s)));
	ck_assert_msg(strcmp(s, strings_in_row[_i].want) == 0, "%s: \"%s\"",
		strings_in_row[_i].name, s);
	buf_reset(&b);
	put_hdr(&b, ATOM_NAME, CONT | 1);
	put_hdr(&b, ATOM_OK, 0);
	a = open_all(&b);
	ck_assert(!atom_str(&a, s, sizeof(s)));
	ck_assert_str_eq(s, strings_in_row[_i].want);
	buf_fini(&b);
}
END_TEST

/* pcp.md 2.3: what goes out is at most 255 bytes and NUL (63 for agnt), cut at a border. */
static const struct {
	uint32_t id;
	size_t n;               /* x before the three-byte character */
	size_t want;            /* value length with its NUL */
} strings_out_row[] = {
	{ ATOM_NAME, 0, 4 }, { ATOM_NAME, 252, 256 }, { ATOM_NAME, 253, 254 },
	{ ATOM_NAME, 254, 255 }, { ATOM_NAME, 255, 256 }, { ATOM_NAME, 300, 256 },
	{ ATOM_AGNT, 60, 64 }, { ATOM_AGNT, 61, 62 }, { ATOM_AGNT, 62, 63 },
	{ ATOM_AGNT, 63, 64 }, { ATOM_AGNT, 300, 64 },
};

START_TEST(strings_out)
{
	struct atomwr w;
	char s[512];
	struct atom a;
	struct buf b;

	memset(s, 'x', strings_out_row[_i].n);
	memcpy(s + strings_out_row[_i].n, "\xe3\x83\x86", 4);
	buf_init(&b, 1024);
	atomwr_init(&w, &b);
	atomwr_str(&w, strings_out_row[_i].id, s);
	ck_assert_int_eq(atomwr_status(&w), ST_OK);
	a = open_all(&b);
	ck_assert_uint_eq(a.rd.left, strings_out_row[_i].want);
	ck_assert_uint_eq(a.rd.p[a.rd.left - 1], 0);
	ck_assert_ptr_eq(memchr(a.rd.p, 0, a.rd.left), a.rd.p + a.rd.left - 1);
	ck_assert(text_is_clean((const char *)a.rd.p, a.rd.left - 1));
	buf_fini(&b);
}
END_TEST

/* pcp.md 2.4, bytes of its examples. */
static const struct {
	const char *name, *text, *hex;
} addresses_row[] = {
	{ "v4", "198.51.100.7", "69700000 04000000 076433c6" },
	{ "loopback", "127.0.0.1", "69700000 04000000 0100007f" },
	{ "v6", "2001:db8::7", "69700000 10000000 07000000000000000000 0000b80d0120" },
	{ "mapped is v4", "::ffff:198.51.100.7", "69700000 04000000 076433c6" },
	{ "unset", "0.0.0.0", "69700000 04000000 00000000" },
};

START_TEST(addresses)
{
	struct host h, back = { .port = 5 };
	struct buf b, want;
	struct atomwr w;
	struct atom a;

	buf_init(&b, 64);
	buf_init(&want, 64);
	put_hex(&want, addresses_row[_i].hex);
	ck_assert(host_parse(&h, addresses_row[_i].text, 5));
	atomwr_init(&w, &b);
	atomwr_ip(&w, ATOM_IP, &h);
	assert_bytes(&b, &want, addresses_row[_i].name);
	a = open_all(&b);
	ck_assert(atom_ip(&a, &back));
	ck_assert(host_is_set(&h) == host_is_set(&back));
	if (host_is_set(&h))
		ck_assert(host_equal(&h, &back));
	buf_fini(&b);
	buf_fini(&want);
}
END_TEST

START_TEST(address_unset)
{
	static const uint8_t zero[16];
	struct atom a;
	struct buf b;

	/* Both widths of nothing are the same nothing. */
	for (size_t n = 4; n <= 16; n += 12) {
		struct host h = host_v4(1, 2, 3, 4, 5);

		buf_init(&b, 64);
		put_leaf(&b, ATOM_IP, zero, n);
		a = open_all(&b);
		ck_assert(atom_ip(&a, &h));
		ck_assert_mem_eq(h.ip, zero, 16);
		buf_fini(&b);
	}
}
END_TEST

static const struct {
	const char *text;
	bool v6, told;
} address_family_row[] = {
	{ "198.51.100.7", false, true }, { "198.51.100.7", true, false },
	{ "2001:db8::7", true, true }, { "2001:db8::7", false, false },
	{ "fe80::1", true, false }, { "169.254.1.2", false, true }, { "::", true, false },
};

START_TEST(address_family)
{
	struct atomwr w;
	struct host h;
	struct atom a;
	struct buf b;

	/* 17.5, 17.7: one family in a host, no link-local IPv6 on the wire. */
	buf_init(&b, 64);
	atomwr_init(&w, &b);
	ck_assert(host_parse(&h, address_family_row[_i].text, 1));
	ck_assert(atomwr_ip_family(&w, ATOM_IP, &h, address_family_row[_i].v6) ==
		address_family_row[_i].told);
	a = open_all(&b);
	ck_assert_uint_eq(a.rd.left, address_family_row[_i].v6 ? 16 : 4);
	ck_assert(atom_ip(&a, &h));
	ck_assert(host_is_set(&h) == address_family_row[_i].told);
	buf_fini(&b);
}
END_TEST

/* --- bags ------------------------------------------------------------------------------------- */

START_TEST(bag_bcst)
{
	static const uint32_t want[] = { ATOM_CHAN, ATOM_HOST, ATOM_CID, ATOM_ROOT, ATOM_MESG };
	struct atombag bag;
	struct atom a, c;
	struct buf b;
	size_t n = 0;

	buf_init(&b, 4096);
	put_hdr(&b, ATOM_BCST, CONT | 8);
	put_leaf(&b, ATOM_GRP, "\1", 1);
	put_hdr(&b, ATOM_CHAN, CONT);
	put_hdr(&b, ATOM_QUIT, 0);              /* counts at top level alone */
	put_hdr(&b, ATOM_BCST, CONT | 1);       /* B50 */
	put_hdr(&b, ATOM_PUSH, CONT);
	put_hdr(&b, ATOM_ATOM, CONT | 3);       /* in order, as if it stood here */
	put_hdr(&b, ATOM_HOST, CONT);
	put_hdr(&b, ATOM_CID, 0);               /* routes nothing in here, but harmless */
	put_hdr(&b, ATOM_ATOM, CONT | 3);
	put_hdr(&b, ATOM_BCST, CONT | 1);
	put_hdr(&b, ATOM_PUSH, CONT);
	put_hdr(&b, ATOM_QUIT, 0);
	put_hdr(&b, ATOM_ROOT, CONT);
	put_hdr(&b, ATOM_FROM, 0);
	put_hdr(&b, ATOM_MESG, 0);
	put_hdr(&b, ATOM_ATOM, CONT);
	a = open_all(&b);
	atombag_init(&bag, &a);
	while (atombag_next(&bag, &c)) {
		ck_assert_uint_lt(n, NELEM(want));
		ck_assert_uint_eq(c.id, want[n]);
		n++;
	}
	ck_assert_uint_eq(n, NELEM(want));
	buf_fini(&b);
}
END_TEST

START_TEST(bag_atom)
{
	struct atombag bag;
	struct atom a, c;
	struct buf b;
	unsigned n = 0;

	/* At top level a bcst may be in a bag, and is one atom there. */
	buf_init(&b, 4096);
	put_hdr(&b, ATOM_ATOM, CONT | 2);
	put_hdr(&b, ATOM_BCST, CONT | 1);
	put_hdr(&b, ATOM_TTL, 0);
	put_hdr(&b, ATOM_OK, 0);
	a = open_all(&b);
	atombag_init(&bag, &a);
	while (atombag_next(&bag, &c))
		ck_assert_uint_eq(c.id, n++ == 0 ? ATOM_BCST : ATOM_OK);
	ck_assert_uint_eq(n, 2);

	/* Deeper than any scan lets through: skipped, not followed. */
	buf_reset(&b);
	levels(&b, 50, ATOM_ATOM);
	a = open_all(&b);
	atombag_init(&bag, &a);
	ck_assert(!atombag_next(&bag, &c));

	buf_reset(&b);
	put_hdr(&b, ATOM_CHAN, CONT | 1);
	put_hdr(&b, ATOM_OK, 0);
	a = open_all(&b);
	atombag_init(&bag, &a);
	ck_assert(!atombag_next(&bag, &c));
	buf_fini(&b);
}
END_TEST

/* --- writing ---------------------------------------------------------------------------------- */

START_TEST(write_counts)
{
	struct buf b, want;
	struct atomwr w;

	/* The acceptance of pcp.md 2.7, and a container after a container. */
	buf_init(&b, 4096);
	buf_init(&want, 4096);
	put_hex(&want, "6f6b0000 04000000 00000000 726f6f74 01000080 75706400 00000080");
	put_hex(&want, "62637374 03000080 74746c00 01000000 07 686f7374 00000080 68656c6f 02000080"
		"706f7274 02000000 e81b 70696e67 00000000");
	atomwr_init(&w, &b);
	atomwr_u32(&w, ATOM_OK, 0);
	atomwr_begin(&w, ATOM_ROOT);
	atomwr_begin(&w, ATOM_UPD);
	atomwr_end(&w);
	atomwr_end(&w);
	atomwr_begin(&w, ATOM_BCST);
	atomwr_u8(&w, ATOM_TTL, 7);
	atomwr_begin(&w, ATOM_HOST);
	atomwr_end(&w);
	atomwr_begin(&w, ATOM_HELO);
	atomwr_u16(&w, ATOM_PORT, 7144);
	atomwr_bytes(&w, ATOM_PING, NULL, 0);
	atomwr_end(&w);
	atomwr_end(&w);
	ck_assert_int_eq(atomwr_status(&w), ST_OK);
	assert_bytes(&b, &want, "counts");
	buf_fini(&b);
	buf_fini(&want);
}
END_TEST

START_TEST(write_copy)
{
	struct buf b, in;
	struct atomwr w;
	struct atom a, c, out;

	buf_init(&b, 4096);
	buf_init(&in, 4096);
	rich(&in);
	a = open_all(&in);
	atomwr_init(&w, &b);
	atomwr_begin(&w, ATOM_BCST);
	while (atom_next(&a, &c))
		atomwr_atom(&w, &c);
	atomwr_end(&w);
	ck_assert_int_eq(atomwr_status(&w), ST_OK);
	assert_bytes(&b, &in, "copy");
	out = open_all(&b);
	ck_assert_uint_eq(out.count, 4);
	buf_fini(&b);
	buf_fini(&in);
}
END_TEST

START_TEST(write_full)
{
	/* Full at any byte: an error that stays, never a count written over others' bytes. */
	for (size_t max = 0; max < 100; max++) {
		struct atomwr w;
		struct buf b;
		bool fits;

		buf_init(&b, max);
		atomwr_init(&w, &b);
		atomwr_begin(&w, ATOM_BCST);
		atomwr_begin(&w, ATOM_HOST);
		atomwr_str(&w, ATOM_NAME, "name");
		atomwr_end(&w);
		atomwr_begin(&w, ATOM_CHAN);
		atomwr_u32(&w, ATOM_VER, 1);
		atomwr_end(&w);
		atomwr_end(&w);
		fits = max >= 8 + 8 + 13 + 8 + 12;
		ck_assert_int_eq(atomwr_status(&w), fits ? ST_OK : ST_LIMIT);
		ck_assert_uint_le(b.len, max);
		buf_fini(&b);
	}
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("atom");
	TCase *t = tcase_create("id");

	tcase_add_loop_test(t, id_text, 0, NELEM(id_text_row));
	tcase_add_test(t, id_bytes);
	suite_add_tcase(s, t);

	t = tcase_create("scan");
	tcase_add_loop_test(t, scan_table, 0, NELEM(scans));
	tcase_add_test(t, scan_splits);
	tcase_add_test(t, scan_missing);
	tcase_add_test(t, scan_http);
	tcase_add_test(t, scan_own_limits);
	suite_add_tcase(s, t);

	t = tcase_create("read");
	tcase_add_test(t, open_cut);
	tcase_add_loop_test(t, open_lies, 0, 6);
	tcase_add_test(t, walk);
	tcase_add_loop_test(t, widths, 0, 22);
	tcase_add_test(t, empty_container_is_no_value);
	tcase_add_loop_test(t, prefix_is_text, 0, NELEM(prefix_is_text_row));
	tcase_add_loop_test(t, strings_in, 0, NELEM(strings_in_row));
	tcase_add_loop_test(t, addresses, 0, NELEM(addresses_row));
	tcase_add_test(t, address_unset);
	tcase_add_loop_test(t, address_family, 0, NELEM(address_family_row));
	tcase_add_test(t, bag_bcst);
	tcase_add_test(t, bag_atom);
	suite_add_tcase(s, t);

	t = tcase_create("write");
	tcase_add_loop_test(t, strings_out, 0, NELEM(strings_out_row));
	tcase_add_test(t, write_counts);
	tcase_add_test(t, write_copy);
	tcase_add_test(t, write_full);
	suite_add_tcase(s, t);
	return s;
}
