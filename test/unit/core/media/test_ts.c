/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/ts.h"

#include <string.h>

#include "test/unit/core/media/rec.h"

/* --- building a transport stream ---------------------------------------------------------------- */

enum { PMT = 0x1000, VIDEO = 0x100, AUDIO = 0x101, ID3 = 0x102, NUL = 0x1fff };
enum { AVC = 0x1b, HEVC = 0x24, VVC = 0x33, MPEG2 = 0x02, MPEG4 = 0x10, AAC = 0x0f };
enum { START = 1, RA = 2, PCR = 4 };

static struct buf in;
static uint8_t counter[8192];

static void setup(void)
{
	buf_init(&in, 32u << 20);
	memset(counter, 0, sizeof(counter));
}

static void teardown(void)
{
	ck_assert_int_eq(in.err, ST_OK);
	buf_fini(&in);
}

/* One packet; stuffing makes it full. Returns the payload bytes that fitted. */
static size_t packet(unsigned pid, unsigned flags, uint64_t pcr, const void *p, size_t n)
{
	const size_t start = in.len;
	size_t af = (flags & PCR) != 0 ? 8 : (flags & RA) != 0 ? 2 : 0;

	n = MIN(n, 184 - af);
	if (n < 184 - af)
		af = 184 - n;
	buf_u8(&in, TS_SYNC);
	buf_u8(&in, (uint8_t)(((flags & START) != 0 ? 0x40 : 0) | pid >> 8));
	buf_u8(&in, (uint8_t)pid);
	buf_u8(&in, (uint8_t)((af > 0 ? 0x20 : 0) | (n > 0 ? 0x10 : 0) | (counter[pid]++ & 15)));
	if (af > 0)
		buf_u8(&in, (uint8_t)(af - 1));
	if (af > 1) {
		buf_u8(&in, (uint8_t)(((flags & RA) != 0 ? 0x40 : 0) | ((flags & PCR) != 0 ? 0x10 : 0)));
		if ((flags & PCR) != 0) {
			for (int i = 25; i >= 1; i -= 8)
				buf_u8(&in, (uint8_t)(pcr >> i));
			buf_u8(&in, (uint8_t)(pcr << 7 | 0x7e));
			buf_u8(&in, 0);
		}
	}
	while (in.len - start < TS_PACKET - n)
		buf_u8(&in, 0xff);
	buf_put(&in, p, n);
	ck_assert_uint_eq(in.len - start, TS_PACKET);
	return n;
}

/* A section over as many packets as it takes, each with at most `per` bytes of it. */
static void section(unsigned pid, uint8_t *s, size_t n, size_t per)
{
	uint8_t first[185] = { 0 };
	uint32_t crc;
	size_t at;

	s[1] = (uint8_t)(0xb0 | (n + 1) >> 8);  /* n + 4 of checksum - 3 of header */
	s[2] = (uint8_t)(n + 1);
	crc = ts_crc(s, n);
	for (int i = 0; i < 4; i++)
		s[n++] = (uint8_t)(crc >> (24 - 8 * i));
	at = MIN(MIN(n, per), (size_t)183);
	memcpy(first + 1, s, at);
	if (at == n && at < 183)
		memset(first + 1 + at, 0xff, 183 - at);
	(void)packet(pid, START, 0, first, at == n ? 184 : at + 1);
	while (at < n)
		at += packet(pid, 0, 0, s + at, MIN(n - at, per));
}

static uint8_t version;

static void pat_of(const uint16_t *pmt, size_t n, size_t per)
{
	uint8_t s[1024] = { 0, 0, 0, 0, 1, (uint8_t)(0xc1 | version << 1), 0, 0 };

	for (size_t i = 0; i < n; i++) {
		s[8 + 4 * i + 1] = (uint8_t)(i + 1);
		s[8 + 4 * i + 2] = (uint8_t)(0xe0 | pmt[i] >> 8);
		s[8 + 4 * i + 3] = (uint8_t)pmt[i];
	}
	section(0, s, 8 + 4 * n, per);
}

static void pat(void)
{
	pat_of((const uint16_t[]){ PMT }, 1, 183);
}

struct es {
	uint8_t type;
	uint16_t pid;
	const char *info;
	size_t ninfo;
};

static void pmt_of(unsigned pid, uint8_t number, const struct es *e, size_t n, size_t per)
{
	uint8_t s[1024] = {
		2, 0, 0, 0, number, (uint8_t)(0xc1 | version << 1), 0, 0, (uint8_t)(0xe0 | e[0].pid >> 8),
		(uint8_t)e[0].pid, 0xf0, 0,
	};
	size_t at = 12;

	for (size_t i = 0; i < n; i++) {
		s[at++] = e[i].type;
		s[at++] = (uint8_t)(0xe0 | e[i].pid >> 8);
		s[at++] = (uint8_t)e[i].pid;
		s[at++] = (uint8_t)(0xf0 | e[i].ninfo >> 8);
		s[at++] = (uint8_t)e[i].ninfo;
		if (e[i].ninfo > 0)
			memcpy(s + at, e[i].info, e[i].ninfo);
		at += e[i].ninfo;
	}
	section(pid, s, at, per);
}

static const struct es av[] = { { AVC, VIDEO, NULL, 0 }, { AAC, AUDIO, NULL, 0 } };
static const struct es sound[] = { { AAC, AUDIO, NULL, 0 } };

static void tables(void)
{
	pat();
	pmt_of(PMT, 1, av, 2, 183);
}

static void sound_tables(void)
{
	pat();
	pmt_of(PMT, 1, sound, 1, 183);
}

/* A PES packet with a time in ms and n bytes behind `es`. */
static void pes(unsigned pid, unsigned flags, int64_t ms, const void *es, size_t nes, size_t n)
{
	static uint8_t p[100000];
	const uint64_t t = (uint64_t)ms * 90;
	const uint8_t head[14] = {
		0, 0, 1, pid == VIDEO ? 0xe0 : 0xc0, 0, 0, 0x80, 0x80, 5, (uint8_t)(0x21 | (t >> 29 & 0x0e)),
		(uint8_t)(t >> 22), (uint8_t)(1 | t >> 14), (uint8_t)(t >> 7), (uint8_t)(1 | t << 1),
	};
	size_t at = 0, len = sizeof(head) + nes + n;

	memcpy(p, head, sizeof(head));
	if (nes > 0)
		memcpy(p + sizeof(head), es, nes);
	memset(p + sizeof(head) + nes, 0x5a, n);
	if (pid != VIDEO) {
		p[4] = (uint8_t)((len - 6) >> 8);
		p[5] = (uint8_t)(len - 6);
	}
	at = packet(pid, START | flags, t, p, len);
	while (at < len)
		at += packet(pid, 0, 0, p + at, len - at);
}

static void key(int64_t ms, size_t n)
{
	pes(VIDEO, RA | PCR, ms, "\0\0\1\x67", 4, n);
}

static void inter(int64_t ms, size_t n)
{
	pes(VIDEO, PCR, ms, "\0\0\1\x41\x9a", 5, n);
}

static void audio(int64_t ms, size_t n)
{
	pes(AUDIO, PCR, ms, NULL, 0, n);
}

/* --- looking at it ------------------------------------------------------------------------------ */

static struct rec *run(enum status want)
{
	struct rec *r = rec_all("TS", in.p, in.len);

	ck_assert_msg(r->st == want, "status %d: %s", r->st, r->error);
	return r;
}

static void conts(const struct rec *r, const char *want)
{
	char out[4096];

	ck_assert_str_eq(rec_conts(r, out, sizeof(out)), want);
}

/* PIDs of the packets at p: "0 1000 100!", with ! for the beginning of a PES packet. */
static const char *pids(const uint8_t *p, size_t n)
{
	static char out[1 << 16];
	size_t k = 0;

	ck_assert_uint_eq(n % TS_PACKET, 0);
	out[0] = '\0';
	for (size_t at = 0; at < n; at += TS_PACKET) {
		const unsigned pid = (p[at + 1] & 31u) << 8 | p[at + 2];

		ck_assert_uint_eq(p[at], TS_SYNC);
		ck_assert_uint_lt(k + 8, sizeof(out));
		k += (size_t)snprintf(out + k, sizeof(out) - k, "%s%x%s", at > 0 ? " " : "", pid,
			pid != 0 && pid != PMT && (p[at + 1] & 0x40) != 0 ? "!" : "");
	}
	return out;
}

static const char *pkt_pids(const struct rec *r, int i)
{
	return pids(rec_pkt_p(r, i), r->pkt[i].n);
}

/* --- 12.1 case 10 ------------------------------------------------------------------------------- */

START_TEST(head_and_frames)
{
	struct rec *r;

	(void)packet(0x11, START, 0, "sdt", 3);         /* before the tables: of no use */
	tables();
	key(1000, 500);
	audio(1000, 100);
	inter(1040, 100);
	(void)packet(NUL, 0, 0, "", 0);
	inter(1080, 300);
	audio(1090, 100);
	tables();
	key(1120, 20000);
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_str_eq(pids(rec_head_p(r, 0), r->head[0].n), "0 1000");
	ck_assert_mem_eq(rec_head_p(r, 0), in.p + TS_PACKET, 2 * TS_PACKET);
	ck_assert_str_eq(r->first_type, "TS");
	conts(r, "0 2 2 0 1");
	ck_assert_str_eq(pkt_pids(r, 0), "0 1000 100! 100 100 101!");
	ck_assert_str_eq(pkt_pids(r, 1), "100!");
	ck_assert_str_eq(pkt_pids(r, 2), "100! 100 101! 0 1000");
	ck_assert_uint_eq(r->pkt[3].n, 80 * TS_PACKET);
	/* PAT and PMT in front of a key frame are the newest there were */
	ck_assert_uint_eq(rec_pkt_p(r, 3)[3] & 15, 1);
	ck_assert_uint_eq(rec_pkt_p(r, 0)[3] & 15, 0);
	rec_free(r);
}
END_TEST

/* What is left of a frame follows its full packets. */
START_TEST(large_frames)
{
	struct rec *r;

	tables();
	key(1000, 80000);
	inter(1040, 100);
	r = run(ST_OK);
	conts(r, "0 1 1 1 1 1 2");
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(r->pkt[i].n, 80 * TS_PACKET);
	rec_free(r);
}
END_TEST

START_TEST(sound_only)
{
	struct rec *r;

	sound_tables();
	for (int i = 0; i < 30; i++)
		audio(100 * i, 400);
	r = run(ST_OK);
	ck_assert_int_eq(r->npkts, 30);
	for (int i = 0; i < r->npkts; i++) {
		const bool start = i % 10 == 0;

		ck_assert_uint_eq(r->pkt[i].cont, start ? 0 : MEDIA_AUDIO);
		ck_assert_str_eq(pkt_pids(r, i), start ? "0 1000 101! 101 101" : "101! 101 101");
	}
	rec_free(r);
}
END_TEST

/* The same table in another version is nothing new; other PIDs or types are. */
START_TEST(new_tables)
{
	static const struct es other[] = { { HEVC, VIDEO, NULL, 0 }, { AAC, AUDIO, NULL, 0 } };
	struct rec *r;

	tables();
	key(1000, 100);
	version = 1;
	tables();
	key(2000, 100);
	version = 2;
	pat();
	pmt_of(PMT, 1, other, 2, 183);
	audio(2010, 100);
	key(3000, 100);
	version = 0;
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 2);
	ck_assert_uint_eq(rec_head_p(r, 1)[TS_PACKET + 5 + 12], HEVC);
	ck_assert_int_eq(r->npkts, 4);
	ck_assert_int_eq(r->pkt[1].head, 0);
	ck_assert_int_eq(r->pkt[2].head, 1);
	conts(r, "0 0 4 0");
	rec_free(r);
}
END_TEST

/* Tables that take several packets, pointers, sections behind one another. */
START_TEST(spanning_tables)
{
	static char info[255];
	const struct es e[] = {
		{ AVC, VIDEO, info, 200 }, { AAC, AUDIO, info, 200 }, { AAC, 0x103, info, 200 },
	};
	struct rec *r;

	memset(info, 'i', sizeof(info));
	info[0] = 0x0a;
	info[1] = (char)198;
	pat_of((const uint16_t[]){ PMT }, 1, 7);
	pmt_of(PMT, 1, e, 3, 100);
	key(1000, 100);
	r = run(ST_OK);
	ck_assert_str_eq(pids(rec_head_p(r, 0), r->head[0].n), "0 0 0 1000 1000 1000 1000 1000 1000 1000");
	/* too much to stand in front of every key frame */
	ck_assert_str_eq(pkt_pids(r, 0), "100!");
	rec_free(r);
}
END_TEST

/* Two sections in one packet, the second one ending in the next. */
START_TEST(sections_together)
{
	uint8_t p[400] = { 0 };
	const size_t skip = 90;
	struct rec *r;

	pat();
	memset(p, 0xff, sizeof(p));
	p[0] = 0;
	p[1] = 0x40;                    /* a private section of `skip` bytes */
	p[2] = 0x30;
	p[3] = (uint8_t)(skip - 3);
	pmt_of(PMT, 1, av, 2, 183);
	memcpy(p + 1 + skip, in.p + TS_PACKET + 5, 26);         /* the PMT made just now */
	in.len -= TS_PACKET;
	(void)packet(PMT, START, 0, p, 184);
	key(1000, 100);

	/* its rest in front of what the pointer of the next packet points to */	p[0] = 0;
	memset(p + 1, 0xff, sizeof(p) - 1);
	memcpy(p + 1, "\x40\x30\xa7", 3);
	memcpy(p + 1 + 170, in.p + TS_PACKET + 5 + skip, 13);
	(void)packet(PMT, START, 0, p, 184);
	memset(p, 0xff, sizeof(p));
	p[0] = 13;
	memcpy(p + 1, in.p + TS_PACKET + 5 + skip + 13, 13);
	(void)packet(PMT, START, 0, p, 184);
	key(2000, 100);
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_str_eq(pids(rec_head_p(r, 0), r->head[0].n), "0 1000");
	/* the same table, now from two packets */
	ck_assert_str_eq(pkt_pids(r, 1), "0 1000 1000 100!");
	rec_free(r);
}
END_TEST

START_TEST(two_programs)
{
	static const struct es second[] = { { AVC, 0x200, NULL, 0 }, { AAC, 0x201, NULL, 0 } };
	struct rec *r;

	pat_of((const uint16_t[]){ PMT, 0x1001 }, 2, 183);
	pmt_of(PMT, 1, av, 2, 183);
	pmt_of(0x1001, 2, second, 2, 183);
	key(1000, 100);
	pes(0x200, RA, 1000, "\0\0\1\x67", 4, 100);
	inter(1040, 100);
	r = run(ST_OK);
	ck_assert_str_eq(pids(rec_head_p(r, 0), r->head[0].n), "0 1000 1001!");
	conts(r, "0 2 2");              /* the first video decides */
	rec_free(r);

	/* both tables on one PID: the first is known, and it does not flap */
	buf_reset(&in);
	pat_of((const uint16_t[]){ PMT, PMT }, 2, 183);
	for (int i = 0; i < 5; i++) {
		pmt_of(PMT, 1, av, 2, 183);
		pmt_of(PMT, 2, second, 2, 183);
		key(1000 * i, 100);
	}
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	rec_free(r);
}
END_TEST

/* --- where to start ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint8_t type;
	const char *es;
	size_t n;
	bool key;
} frame[] = {
#define ROW(name, type, es, key) { name, type, es, sizeof(es) - 1, key }
	ROW("AVC IDR", AVC, "\0\0\0\1\x09\xf0\0\0\1\x65\x88", true),
	ROW("AVC SPS", AVC, "\0\0\1\x67\x42", true),
	ROW("AVC slice", AVC, "\0\0\0\1\x09\xf0\0\0\1\x41\x9a", false),
	ROW("AVC slice, SPS behind it", AVC, "\0\0\1\x41\x9a\0\0\1\x67\x42", false),
	ROW("AVC nothing", AVC, "\0\0\1\x09\xf0", false),
	ROW("HEVC CRA", HEVC, "\0\0\1\x46\1\0\0\1\x2a\1", true),
	ROW("HEVC VPS", HEVC, "\0\0\1\x40\1", true),
	ROW("HEVC slice", HEVC, "\0\0\1\x02\1\0\0\1\x40\1", false),
	ROW("VVC IDR", VVC, "\0\0\1\0\x39\0", true),
	ROW("VVC SPS", VVC, "\0\0\1\0\x79\0", true),
	ROW("VVC slice", VVC, "\0\0\1\0\x01\0\0\0\1\0\x79\0", false),
	ROW("MPEG-2 sequence", MPEG2, "\0\0\1\xb3\x10", true),
	ROW("MPEG-2 group", MPEG2, "\0\0\1\xb8\x10", true),
	ROW("MPEG-2 I", MPEG2, "\0\0\1\0\0\x08\0", true),
	ROW("MPEG-2 P", MPEG2, "\0\0\1\0\0\x10\0", false),
	ROW("MPEG-4 I", MPEG4, "\0\0\1\xb6\x10", true),
	ROW("MPEG-4 P", MPEG4, "\0\0\1\xb6\x50", false),
	ROW("MPEG-4 sequence", MPEG4, "\0\0\1\xb0\x01", true),
#undef ROW
};

/* Without marks the picture is looked at; with them only they count. */
START_TEST(key_frames)
{
	const struct es e[] = { { frame[_i].type, VIDEO, NULL, 0 } };

	for (int marked = 0; marked < 2; marked++) {
		struct rec *r;

		buf_reset(&in);
		pat();
		pmt_of(PMT, 1, e, 1, 183);
		pes(VIDEO, marked ? RA : 0, 0, "\0\0\1\x01\x01\x10", 6, 50);
		pes(VIDEO, 0, 40, frame[_i].es, frame[_i].n, 50);
		r = run(ST_OK);
		ck_assert_int_eq(r->npkts, 2);
		ck_assert_msg((r->pkt[1].cont == 0) == (!marked && frame[_i].key), "%s: %u", frame[_i].name,
			r->pkt[1].cont);
		rec_free(r);
	}
}
END_TEST

START_TEST(never_a_key_frame)
{
	struct rec *r;

	tables();
	for (int i = 0; i < 50; i++)
		inter(1000 * i, 50);
	r = run(ST_OK);
	for (int i = 0; i < r->npkts; i++)
		ck_assert_msg((r->pkt[i].cont == 0) == (i == 20 || i == 40), "%d", i);
	rec_free(r);
}
END_TEST

/* A clock that wraps goes on; one that leaps begins anew: both without an effect on what is a start. */
START_TEST(clocks)
{
	const int64_t wrap = (INT64_C(1) << 33) / 90;
	struct rec *r;

	tables();
	key(wrap - 100, 50);
	for (int i = 1; i < 100; i++)
		inter(wrap - 100 + 40 * i, 50);
	for (int i = 0; i < 100; i++)
		inter(5000000 + 40 * i, 50);
	r = run(ST_OK);
	ck_assert_int_eq(r->npkts, 200);
	for (int i = 1; i < r->npkts; i++)
		ck_assert_uint_eq(r->pkt[i].cont, MEDIA_INTER);
	ck_assert_uint_ge(r->info.bitrate_kbps, 36);    /* 25 packets a second */
	ck_assert_uint_le(r->info.bitrate_kbps, 39);
	rec_free(r);
}
END_TEST

/* --- titles ------------------------------------------------------------------------------------- */

START_TEST(titles)
{
	static const struct es e[] = {
		{ AAC, AUDIO, NULL, 0 }, { 0x15, ID3, NULL, 0 },
	};
	char tag[300] = "ID3\4\0\0\0\0\2\x16" "TIT2\0\0\0\7\0\0\3Title1";
	struct rec *r;

	pat();
	pmt_of(PMT, 1, e, 2, 183);
	audio(0, 50);
	pes(ID3, 0, 0, tag, 288, 0);
	audio(100, 50);
	r = run(ST_OK);
	ck_assert_str_eq(r->info.title, "Title1");
	ck_assert_str_eq(pids(r->body.p, r->body.len), "0 1000 101! 102! 102 101!");
	rec_free(r);
}
END_TEST

/* --- bad input ---------------------------------------------------------------------------------- */

static void junk(size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_u8(&in, (uint8_t)(i % 251));
}

START_TEST(resync)
{
	struct rec *r;

	junk(1000);
	tables();
	key(1000, 500);
	junk(777);
	inter(1040, 1000);
	in.len -= 50;                   /* a packet cut short */
	key(1080, 1000);
	key(1120, 1000);
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_int_eq(r->nnotes, 1);
	(void)pids(r->body.p, r->body.len);
	ck_assert_uint_eq(r->pkt[0].cont, 0);
	ck_assert_uint_eq(r->pkt[r->npkts - 1].cont, 0);
	rec_free(r);
}
END_TEST

START_TEST(refused)
{
	struct rec *r;

	junk(65536 + 1000);
	r = run(ST_PROTO);
	ck_assert_str_eq(r->error, "no TS packets in 65536 bytes");
	rec_free(r);

	buf_reset(&in);
	tables();
	key(1000, 500);
	junk(65536 + 1000);
	r = run(ST_PROTO);
	ck_assert_int_eq(r->npkts, 1);
	rec_free(r);

	buf_reset(&in);
	while (in.len <= 1u << 20)
		key(1000, 5000);
	r = run(ST_LIMIT);
	ck_assert_str_eq(r->error, "1048576 bytes of TS without PAT, PMT and a frame");
	rec_free(r);

	/* a head of 16 long tables */
	buf_reset(&in);
	uint16_t pid[17];
	char info[250] = "\x0a\xf8";
	struct es e[] = { { AVC, VIDEO, info, 250 }, { AAC, AUDIO, info, 250 }, { AAC, 0x103, info, 250 } };

	for (unsigned i = 0; i < NELEM(pid); i++)
		pid[i] = (uint16_t)(PMT + i);
	pat_of(pid, NELEM(pid), 183);
	for (unsigned i = 0; i < NELEM(pid); i++)
		pmt_of(pid[i], (uint8_t)(i + 1), e, 3, 120);
	key(1000, 50);
	r = run(ST_LIMIT);
	ck_assert_msg(strstr(r->error, "(limit 16384)") != NULL, "%s", r->error);
	rec_free(r);
}
END_TEST

/* Tables that lie: wrong checksums, lengths, not current, scrambled, marked as broken. */
START_TEST(broken_tables)
{
	for (int i = 0; i < 8; i++) {
		struct rec *r;
		uint8_t *t;

		buf_reset(&in);
		pat();
		pmt_of(PMT, 1, av, 2, 183);
		t = in.p + TS_PACKET;
		switch (i) {
		case 0:
			t[5 + 12] ^= 1;
			break;
		case 1:
			t[5 + 1] |= 0x0f;
			break;
		case 2:
			t[4] = 200;                     /* the pointer */
			break;
		case 3:
			t[5 + 2] = 3;
			break;
		case 4:
			t[1] |= 0x80;
			break;
		case 5:
			t[3] |= 0x80;
			break;
		case 6:
			in.p[4] = 183;
			break;
		default:
			version = 0;
			t[5 + 5] &= 0xfe;               /* not current yet */
			uint32_t crc = ts_crc(t + 5, 22);

			for (int k = 0; k < 4; k++)
				t[5 + 22 + k] = (uint8_t)(crc >> (24 - 8 * k));
			break;
		}
		key(1000, 500);
		r = rec_all("TS", in.p, in.len);
		ck_assert_msg(r->nheads == 0, "row %d", i);
		rec_free(r);
		tables();
		key(2000, 500);
		r = rec_all("TS", in.p, in.len);
		ck_assert_msg(r->st == ST_OK && r->nheads == 1, "row %d", i);
		rec_free(r);
	}
}
END_TEST

/* --- real streams ------------------------------------------------------------------------------- */

static const struct {
	const char *file;
	int starts;
} real[] = {
	{ "avc_aac.ts", 2 }, { "hevc_opus.ts", 2 }, { "mpeg2.ts", 2 }, { "aac.ts", 3 },
};

START_TEST(real_streams)
{
	char path[64];
	struct buf f;

	(void)snprintf(path, sizeof(path), "test/data/media/%s", real[_i].file);
	rec_file(path, &f);
	for (int marks = 1; marks >= 0; marks--) {
		struct rec *r = rec_all(NULL, f.p, f.len);
		int starts = 0;

		ck_assert_msg(r->st == ST_OK, "%s: %s", path, r->error);
		ck_assert_int_eq(r->nheads, 1);
		ck_assert_str_eq(r->first_type, "TS");
		ck_assert_int_eq(r->nnotes, 0);
		for (int i = 0; i < r->npkts; i++)
			starts += r->pkt[i].cont == 0;
		ck_assert_msg(starts == real[_i].starts, "%s: %d places to start", path, starts);
		/* nothing is lost: what was there from the tables on, and tables in front of starts */
		ck_assert_uint_eq(r->body.len, f.len - 3 * TS_PACKET + (size_t)starts * r->head[0].n);
		rec_free(r);
		/* once more as an encoder sends it that never marks where to start */
		for (size_t at = 0; at < f.len; at += TS_PACKET)
			if ((f.p[at + 3] & 0x20) != 0 && f.p[at + 4] > 0)
				f.p[at + 5] &= 0xbf;
	}
	buf_fini(&f);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/ts");
	TCase *t = tcase_create("ts");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, head_and_frames);
	tcase_add_test(t, large_frames);
	tcase_add_test(t, sound_only);
	tcase_add_test(t, new_tables);
	tcase_add_test(t, spanning_tables);
	tcase_add_test(t, sections_together);
	tcase_add_test(t, two_programs);
	tcase_add_loop_test(t, key_frames, 0, NELEM(frame));
	tcase_add_test(t, never_a_key_frame);
	tcase_add_test(t, clocks);
	tcase_add_test(t, titles);
	tcase_add_test(t, resync);
	tcase_add_test(t, refused);
	tcase_add_test(t, broken_tables);
	tcase_add_loop_test(t, real_streams, 0, NELEM(real));
	suite_add_tcase(s, t);
	return s;
}
