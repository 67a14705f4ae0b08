/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "test/unit/core/media/rec.h"

/* --- building MP4 ------------------------------------------------------------------------------- */

static struct buf in;
static size_t opened[16];       /* offsets of open boxes */
static int depth;

static void setup(void)
{
	buf_init(&in, 64u << 20);
	depth = 0;
}

static void teardown(void)
{
	ck_assert_int_eq(in.err, ST_OK);
	ck_assert_int_eq(depth, 0);
	buf_fini(&in);
}

static void be32(uint32_t v)
{
	for (int i = 24; i >= 0; i -= 8)
		buf_u8(&in, (uint8_t)(v >> i));
}

static void be64(uint64_t v)
{
	be32((uint32_t)(v >> 32));
	be32((uint32_t)v);
}

static void put32(size_t at, uint32_t v)
{
	for (size_t i = 0; i < 4; i++)
		in.p[at + i] = (uint8_t)(v >> (24 - 8 * i));
}

static void begin(const char *type)
{
	opened[depth++] = in.len;
	be32(0);
	buf_put(&in, type, 4);
}

static void end(void)
{
	const size_t at = opened[--depth];

	put32(at, (uint32_t)(in.len - at));
}

static void fill(size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_u8(&in, (uint8_t)(i * 7 + n));
}

static void leaf(const char *type, size_t n)
{
	begin(type);
	fill(n);
	end();
}

static void ftyp(void)
{
	begin("ftyp");
	buf_put(&in, "iso5\0\0\2\0iso5iso6", 16);
	end();
}

enum { V = 1, A = 2 };

/* A track of 1000 ticks a second. */
static void trak(uint32_t id, const char *handler)
{
	begin("trak");
	begin("tkhd");
	be32(3);
	be64(0);
	be32(id);
	fill(68);
	end();
	begin("mdia");
	begin("mdhd");
	be32(0);
	be64(0);
	be32(1000);
	be64(0);
	end();
	begin("hdlr");
	be64(0);
	buf_put(&in, handler, 4);
	fill(13);
	end();
	end();
	end();
}

static void trex(uint32_t id, uint32_t duration, uint32_t flags)
{
	begin("trex");
	be32(0);
	be32(id);
	be32(1);
	be32(duration);
	be32(0);
	be32(flags);
	end();
}

enum { SYNC = 0x02000000, NOT_SYNC = 0x01010000 };

static void moov_begin(bool video)
{
	begin("moov");
	leaf("mvhd", 100);
	if (video)
		trak(V, "vide");
	trak(A, "soun");
	begin("mvex");
	if (video)
		trex(V, 40, NOT_SYNC);
	trex(A, 20, SYNC);
	end();
}

static void header(bool video)
{
	ftyp();
	moov_begin(video);
	end();
}

/* Of one traf: the run's flags tell what stands where. */
struct run {
	uint32_t track;
	uint64_t time;
	uint32_t samples;
	uint32_t flags;         /* of the first sample; 0 = the default */
};

static void traf_flags(const struct run *r, uint32_t tfhd)
{
	begin("traf");
	begin("tfhd");
	be32(tfhd);
	be32(r->track);
	if ((tfhd & 1) != 0)
		be64(0);        /* filled in by the test */
	end();
	begin("tfdt");
	be32(0x01000000);
	be64(r->time);
	end();
	begin("trun");
	be32(r->flags != 0 ? 0x5 : 0x1);
	be32(r->samples);
	be32(1000);
	if (r->flags != 0)
		be32(r->flags);
	end();
	end();
}

static void moof(const struct run *r, size_t n)
{
	begin("moof");
	leaf("mfhd", 8);
	for (size_t i = 0; i < n; i++)
		traf_flags(&r[i], 0x20000);
	end();
}

/* Video and audio of `samples` frames of 40 ms, and n bytes of data. */
static void fragment(uint64_t ms, bool key, uint32_t samples, size_t n)
{
	const struct run r[] = {
		{ V, ms, samples, key ? SYNC : NOT_SYNC }, { A, ms, 2 * samples, 0 },
	};

	moof(r, 2);
	leaf("mdat", n);
}

static void sound(uint64_t ms, uint32_t samples, size_t n)
{
	const struct run r[] = { { A, ms, samples, 0 } };

	moof(r, 1);
	leaf("mdat", n);
}

/* --- looking at it ------------------------------------------------------------------------------ */

static struct rec *run(enum status want)
{
	struct rec *r = rec_all("MP4", in.p, in.len);

	ck_assert_msg(r->st == want, "status %d: %s", r->st, r->error);
	return r;
}

static void conts(const struct rec *r, const char *want)
{
	char out[4096];

	ck_assert_str_eq(rec_conts(r, out, sizeof(out)), want);
}

/* Types of the boxes at p, one behind the other. */
static const char *boxes(const uint8_t *p, size_t n)
{
	static char out[4096];
	size_t at = 0, k = 0;

	out[0] = '\0';
	while (at < n) {
		const size_t size = (size_t)p[at] << 24 | (size_t)p[at + 1] << 16 | (size_t)p[at + 2] << 8 |
		                    p[at + 3];

		k += (size_t)snprintf(out + k, sizeof(out) - k, "%s%.4s", at > 0 ? " " : "",
			(const char *)p + at + 4);
		ck_assert_uint_ge(size, 8);
		ck_assert_uint_le(size, n - at);
		at += size;
	}
	return out;
}

/* --- 12.1 case 6 -------------------------------------------------------------------------------- */

START_TEST(fragments)
{
	struct rec *r;
	size_t head;

	header(true);
	head = in.len;
	fragment(0, true, 25, 4000);
	fragment(1000, false, 25, 4000);
	fragment(2000, true, 25, 40000);
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_uint_eq(r->head[0].n, head);
	ck_assert_mem_eq(rec_head_p(r, 0), in.p, head);
	ck_assert_uint_eq(r->body.len, in.len - head);
	ck_assert_mem_eq(r->body.p, in.p + head, r->body.len);
	conts(r, "0 2 0 1 1");
	ck_assert_str_eq(r->first_type, "MP4");
	rec_free(r);
}
END_TEST

/* Data go out while they arrive, a fragment of its own length waits for nothing. */
START_TEST(streamed)
{
	struct rec *r = rec_new();
	struct media *m = media_new(NULL, &rec_ops, r);
	const nsec ms = NSEC_PER_MSEC;

	header(true);
	fragment(0, true, 25, 100000);
	ck_assert_int_eq(media_feed(m, in.p, in.len - 50000, ms), ST_OK);
	ck_assert_int_eq(r->npkts, 3);
	ck_assert_int_eq(media_tick(m, 101 * ms), ST_OK);
	ck_assert_int_eq(r->npkts, 4);
	ck_assert_uint_eq(r->pkt[3].cont, MEDIA_FRAGMENT);
	ck_assert_int_eq(media_feed(m, in.p + in.len - 50000, 50000, 200 * ms), ST_OK);
	ck_assert_int_eq(media_deadline(m), NSEC_NEVER);
	media_free(&m);
	rec_free(r);
}
END_TEST

/* CMAF chunks: short ones share packets up to 100 ms, and the first of a group begins one. */
START_TEST(chunks)
{
	struct rec *r;

	header(true);
	for (int i = 0; i < 12; i++)
		fragment(40 * (uint64_t)i, i % 6 == 0, 1, 500);
	r = run(ST_OK);
	conts(r, "0 2 0 2");
	rec_free(r);
}
END_TEST

START_TEST(sound_only)
{
	struct rec *r;

	header(false);
	for (int i = 0; i < 10; i++)
		sound(200 * (uint64_t)i, 10, 3000);
	for (int i = 0; i < 10; i++)
		sound(2000 + 20 * (uint64_t)i, 1, 300);
	r = run(ST_OK);
	ck_assert_int_eq(r->npkts, 12);
	for (int i = 0; i < r->npkts; i++) {
		ck_assert_uint_eq(r->pkt[i].cont, 0);
		ck_assert_mem_eq(rec_pkt_p(r, i) + 4, "moof", 4);
	}
	rec_free(r);
}
END_TEST

/* Fragments of one track each: the audio's are no place to start beside a video. */
START_TEST(track_by_track)
{
	struct rec *r;

	header(true);
	for (uint64_t i = 0; i < 3; i++) {
		const struct run v[] = { { V, 200 * i, 5, i == 1 ? NOT_SYNC : SYNC } };

		moof(v, 1);
		leaf("mdat", 1000);
		sound(200 * i, 10, 400);
	}
	r = run(ST_OK);
	conts(r, "0 4 2 4 0 4");
	rec_free(r);
}
END_TEST

/* Where the flags of the first sample stand. */
START_TEST(sync_flags)
{
	static const struct {
		const char *name;
		uint32_t trex, tfhd, trun;      /* flags of trun: 0x1 always */
		bool key;
	} row[] = {
		{ "trex", SYNC, 0, 0, true },
		{ "trex not", NOT_SYNC, 0, 0, false },
		{ "tfhd over trex", NOT_SYNC, SYNC, 0, true },
		{ "trun over tfhd", NOT_SYNC, NOT_SYNC, SYNC, true },
		{ "trun not", SYNC, SYNC, NOT_SYNC, false },
		{ "each sample", NOT_SYNC, 0, 1, true },
		{ "each sample not", SYNC, 0, 2, false },
	};

	for (size_t i = 0; i < NELEM(row); i++) {
		struct rec *r;

		buf_reset(&in);
		ftyp();
		begin("moov");
		trak(V, "vide");
		begin("mvex");
		trex(V, 40, row[i].trex);
		end();
		end();
		fragment(0, true, 1, 10);
		begin("moof");
		begin("traf");
		begin("tfhd");
		be32(0x20000 | (row[i].tfhd != 0 ? 0x20 : 0));
		be32(V);
		if (row[i].tfhd != 0)
			be32(row[i].tfhd);
		end();
		begin("trun");
		if (row[i].trun == 1 || row[i].trun == 2) {     /* duration, size, flags of each */
			be32(0x701);
			be32(2);
			be32(8);
			be32(40);
			be32(5);
			be32(row[i].trun == 1 ? SYNC : NOT_SYNC);
			be64(0);
			be32(NOT_SYNC);
		} else {
			be32(row[i].trun != 0 ? 0x5 : 0x1);
			be32(5);
			be32(8);
			if (row[i].trun != 0)
				be32(row[i].trun);
		}
		end();
		end();
		end();
		leaf("mdat", 100);
		r = run(ST_OK);
		ck_assert_msg(r->npkts == (row[i].key ? 2 : 1), "%s: %d", row[i].name, r->npkts);
		rec_free(r);
	}
}
END_TEST

START_TEST(never_a_sync_sample)
{
	struct rec *r;

	header(true);
	for (uint64_t i = 0; i < 50; i++)
		fragment(1000 * i, false, 25, 100);
	r = run(ST_OK);
	for (int i = 0; i < r->npkts; i++)
		ck_assert_msg((r->pkt[i].cont == 0) == (i == 20 || i == 40), "%d", i);
	rec_free(r);
}
END_TEST

/* Boxes around fragments: some go in front of their moof, others are for files. */
START_TEST(other_boxes)
{
	struct rec *r;

	ftyp();
	leaf("free", 100);
	moov_begin(true);
	leaf("free", 3000);
	leaf("udta", 5000);
	end();
	leaf("sidx", 40);
	leaf("styp", 16);
	leaf("prft", 20);
	leaf("emsg", 50);
	fragment(0, true, 25, 1000);
	leaf("abcd", 100);
	leaf("sidx", 40);
	leaf("styp", 16);
	fragment(1000, true, 25, 1000);
	leaf("mfra", 300);
	r = run(ST_OK);
	ck_assert_str_eq(boxes(rec_head_p(r, 0), r->head[0].n), "ftyp moov");
	ck_assert_uint_lt(r->head[0].n, 1000);
	ck_assert_int_eq(r->npkts, 2);
	ck_assert_str_eq(boxes(rec_pkt_p(r, 0), r->pkt[0].n), "styp prft emsg moof mdat");
	ck_assert_str_eq(boxes(rec_pkt_p(r, 1), r->pkt[1].n), "styp moof mdat");
	conts(r, "0 0");
	rec_free(r);
}
END_TEST

START_TEST(large_sizes)
{
	struct rec *r;
	const struct run t[] = { { V, 0, 25, SYNC } };

	header(true);
	moof(t, 1);
	be32(1);
	buf_puts(&in, "mdat");
	be64(16 + 5000);
	fill(5000);
	fragment(1000, true, 25, 0);
	moof(t, 1);
	leaf("mdat", 10);
	leaf("mdat", 20000);            /* two of them */
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 1);
	conts(r, "0 0 0 1 1");
	ck_assert_str_eq(boxes(rec_pkt_p(r, 1), r->pkt[1].n), "moof mdat");
	ck_assert_str_eq(boxes(rec_pkt_p(r, 2), r->pkt[2].n + r->pkt[3].n + r->pkt[4].n), "moof mdat mdat");
	rec_free(r);
}
END_TEST

START_TEST(new_headers)
{
	struct rec *r;

	header(true);
	fragment(5000, true, 25, 100);
	moov_begin(true);               /* the same once more: nothing new */
	end();
	fragment(6000, true, 25, 100);
	header(true);                   /* an encoder that was restarted */
	fragment(0, true, 25, 100);
	moov_begin(false);              /* another one for the same file type */
	end();
	sound(1000, 50, 100);
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 3);
	ck_assert_int_eq(r->npkts, 4);
	ck_assert_int_eq(r->pkt[1].head, 0);
	ck_assert_int_eq(r->pkt[2].head, 1);
	ck_assert_int_eq(r->pkt[3].head, 2);
	ck_assert_str_eq(boxes(rec_head_p(r, 2), r->head[2].n), "ftyp moov");
	rec_free(r);

	/* too many: their fragments are dropped whole */
	buf_reset(&in);
	for (int i = 0; i < 20; i++) {
		header(true);
		leaf("styp", 10);
		fragment(0, true, 25, 100);
	}
	r = run(ST_OK);
	ck_assert_int_eq(r->nheads, 12);
	ck_assert_int_eq(r->npkts, 12);
	rec_free(r);
}
END_TEST

/* --- absolute offsets --------------------------------------------------------------------------- */

static uint32_t at32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* A base is the moof itself, or the data; the samples are found where they are. */
START_TEST(absolute_offsets)
{
	static const int delta[] = { 0, 116, -40 };

	for (size_t i = 0; i < NELEM(delta); i++) {
		const struct run t = { V, 0, 25, SYNC };
		const uint8_t *p;
		struct rec *r;
		size_t at, file = 0;

		buf_reset(&in);
		for (int again = 0; again < 2; again++) {       /* offsets count from each ftyp */
			file = in.len;
			header(true);
			at = in.len;
			begin("moof");
			traf_flags(&t, 0x000001);
			end();
			put32(at + 8 + 8 + 20, (uint32_t)((int)(at - file) + delta[i]));
			leaf("mdat", 100);
		}
		r = run(ST_OK);
		ck_assert_int_eq(r->nheads, 2);
		p = rec_pkt_p(r, 1);
		ck_assert_uint_eq(r->pkt[1].n, in.len - file - r->head[1].n);
		ck_assert_str_eq(boxes(p, r->pkt[1].n), "moof mdat");
		ck_assert_str_eq(boxes(p + 16, at32(p + 8) - 8), "tfhd free tfdt trun");
		ck_assert_uint_eq(at32(p + 16), 16);
		ck_assert_uint_eq(at32(p + 24), 0x20000);       /* default-base-is-moof, nothing else */
		ck_assert_uint_eq(at32(p + 28), V);
		ck_assert_uint_eq(at32(p + 16 + 16 + 8 + 20 + 16), (uint32_t)(1000 + delta[i]));
		ck_assert_int_eq(r->nnotes, 0);
		rec_free(r);
	}
}
END_TEST

START_TEST(odd_offsets)
{
	const struct run t = { V, 0, 25, SYNC };
	struct rec *r;
	size_t at;

	header(true);
	at = in.len;
	begin("moof");
	traf_flags(&t, 0x000001);
	end();
	leaf("mdat", 100);
	put32(at + 8 + 8 + 16, 0x7fffffff);     /* far behind the end */
	r = run(ST_OK);
	ck_assert_int_eq(r->nnotes, 1);
	ck_assert_mem_eq(r->body.p, in.p + at, in.len - at);
	rec_free(r);
}
END_TEST

/* --- titles ------------------------------------------------------------------------------------- */

START_TEST(titles)
{
	struct rec *r;

	ftyp();
	moov_begin(true);
	begin("udta");
	begin("meta");
	be32(0);
	leaf("hdlr", 20);
	begin("ilst");
	begin("\xa9nam");
	begin("data");
	be32(1);
	be32(0);
	buf_puts(&in, "A song");
	end();
	end();
	begin("\xa9" "ART");
	begin("data");
	be32(13);                       /* a picture? */
	be32(0);
	buf_puts(&in, "nobody");
	end();
	end();
	begin("\xa9" "alb");
	end();
	end();
	end();
	end();
	end();
	fragment(0, true, 25, 100);
	r = run(ST_OK);
	ck_assert_str_eq(r->info.title, "A song");
	ck_assert_str_eq(r->info.artist, "");
	rec_free(r);
}
END_TEST

/* --- bad input ---------------------------------------------------------------------------------- */

static void box_size(const char *type, uint32_t size)
{
	be32(size);
	buf_put(&in, type, 4);
	fill(100);
}

static void no_moov(void) { ftyp(); fragment(0, true, 1, 10); }
static void no_ftyp(void) { leaf("styp", 10); moov_begin(true); end(); }
static void plain(void)
{
	ftyp();
	begin("moov");
	trak(V, "vide");
	end();
}
static void data_first(void) { header(true); leaf("mdat", 10); }
static void size_0(void) { header(true); box_size("mdat", 0); }
static void size_7(void) { header(true); box_size("moof", 7); }
static void size_1(void) { header(true); be32(1); buf_puts(&in, "free"); be64(15); fill(100); }
static void size_max(void) { header(true); be32(1); buf_puts(&in, "mdat"); be64(UINT64_MAX); fill(100); }
static void large_moof(void) { header(true); box_size("moof", (1u << 20) + 1); }
static void large_moov(void) { ftyp(); box_size("moov", (1u << 20) + 1); }
static void large_mdat(void)
{
	header(true);
	fragment(0, true, 1, 10);
	box_size("mdat", (32u << 20) + 1);
}
static void large_ftyp(void) { box_size("ftyp", 5000); }
static void no_box(void) { header(true); box_size("\1\2\3\4", 108); }
static void no_tracks(void) { ftyp(); begin("moov"); begin("mvex"); end(); end(); }
static void track_cut(void)
{
	ftyp();
	begin("moov");
	begin("trak");
	leaf("tkhd", 10);
	end();
	end();
}
static void child_too_long(void)
{
	ftyp();
	begin("moov");
	box_size("trak", 1000);
	end();
}
static void many_tracks(void)
{
	ftyp();
	begin("moov");
	for (int i = 0; i < 33; i++)
		trak(V, "vide");
	end();
}
static void head_too_large(void)
{
	ftyp();
	moov_begin(true);
	leaf("iods", 17000);
	end();
	fragment(0, true, 1, 10);
}
static void traf_cut(void)
{
	header(true);
	begin("moof");
	begin("traf");
	leaf("tfhd", 6);
	end();
	end();
}
static void no_tfhd(void) { header(true); begin("moof"); begin("traf"); end(); end(); }
static void only_header(void) { header(true); leaf("styp", 10); }

static const struct {
	const char *name;
	void (*make)(void);
	enum status st;
	const char *error;
} bad[] = {
	{ "no moov", no_moov, ST_PROTO, "MP4 fragment before its header (ftyp, moov)" },
	{ "no ftyp", no_ftyp, ST_PROTO, "MP4 header (moov) before its ftyp" },
	{ "plain", plain, ST_PROTO, "MP4 is not fragmented (no mvex): needs frag_keyframe+empty_moov" },
	{ "data first", data_first, ST_PROTO,
	  "MP4 data (mdat) before any fragment (moof): needs frag_keyframe+empty_moov" },
	{ "size 0", size_0, ST_PROTO, "size 0)" },
	{ "size 7", size_7, ST_PROTO, "(type 6D6F6F66, size 7)" },
	{ "size 15 of 16", size_1, ST_PROTO, "size 15)" },
	{ "size 2^64", size_max, ST_LIMIT, "MP4 box mdat of 18446744073709551615 bytes (limit 33554432)" },
	{ "large moof", large_moof, ST_LIMIT, "MP4 box moof of 1048577 bytes (limit 1048576)" },
	{ "large moov", large_moov, ST_LIMIT, "MP4 box moov of 1048577 bytes (limit 1048576)" },
	{ "large mdat", large_mdat, ST_LIMIT, "MP4 box mdat of 33554433 bytes (limit 33554432)" },
	{ "large ftyp", large_ftyp, ST_LIMIT, "MP4 box ftyp of 5000 bytes (limit 4096)" },
	{ "no box", no_box, ST_PROTO, "not an MP4 box" },
	{ "no tracks", no_tracks, ST_PROTO, "broken MP4 header (moov)" },
	{ "track cut", track_cut, ST_PROTO, "broken MP4 track" },
	{ "child too long", child_too_long, ST_PROTO, "broken MP4 header (moov)" },
	{ "many tracks", many_tracks, ST_LIMIT, "more than 32 MP4 tracks" },
	{ "head too large", head_too_large, ST_LIMIT, "(limit 16384)" },
	{ "traf cut", traf_cut, ST_PROTO, "broken MP4 fragment (traf)" },
	{ "no tfhd", no_tfhd, ST_PROTO, "broken MP4 fragment (traf)" },
	{ "only a header", only_header, ST_PROTO, "ended before its header and first frame" },
};

START_TEST(refused)
{
	struct rec *r;

	bad[_i].make();
	r = rec_all("MP4", in.p, in.len);
	ck_assert_msg(r->st == bad[_i].st && strstr(r->error, bad[_i].error) != NULL, "%s: %d %s",
		bad[_i].name, r->st, r->error);
	rec_free(r);
}
END_TEST

/* Runs that lie about their samples do no harm. */
START_TEST(lying_runs)
{
	static const uint32_t count[] = { UINT32_MAX, 0x40000000, 0 };

	for (size_t i = 0; i < NELEM(count); i++) {
		for (uint32_t flags = 0; flags < 0x1000; flags += 0x100) {
			struct rec *r;

			buf_reset(&in);
			header(true);
			fragment(0, true, 1, 10);
			begin("moof");
			begin("traf");
			begin("tfhd");
			be32(0x20000);
			be32(V);
			end();
			begin("trun");
			be32(flags);
			be32(count[i]);
			fill(30);
			end();
			end();
			end();
			leaf("mdat", 10);
			fragment(40, true, 1, 10);
			r = rec_run("MP4", in.p, in.len, 77, 0, true);
			ck_assert_int_eq(r->st, ST_OK);
			rec_free(r);
		}
	}
}
END_TEST

/* --- real streams ------------------------------------------------------------------------------- */

static const struct {
	const char *file, *title;
	int starts, npkts;
} real[] = {
	{ "frag.mp4", "T1", 2, 2 },
	{ "absolute.mp4", "", 2, 2 },
	{ "cmaf.mp4", "", 2, 10 },
	{ "aac.mp4", "", 7, 7 },
};

START_TEST(real_streams)
{
	char path[64];
	struct buf f;
	struct rec *r;
	int starts = 0;

	(void)snprintf(path, sizeof(path), "test/data/media/%s", real[_i].file);
	rec_file(path, &f);
	r = rec_all(NULL, f.p, f.len);
	ck_assert_msg(r->st == ST_OK, "%s: %s", path, r->error);
	ck_assert_int_eq(r->nheads, 1);
	ck_assert_str_eq(r->first_type, "MP4");
	ck_assert_str_eq(r->info.title, real[_i].title);
	ck_assert_int_eq(r->nnotes, 0);
	ck_assert_str_eq(boxes(rec_head_p(r, 0), r->head[0].n), "ftyp moov");
	for (int i = 0; i < r->npkts; i++) {
		starts += r->pkt[i].cont == 0;
		ck_assert(r->pkt[i].cont != 0 || memcmp(rec_pkt_p(r, i) + 4, "moof", 4) == 0);
	}
	ck_assert_int_eq(starts, real[_i].starts);
	ck_assert_int_eq(r->npkts, real[_i].npkts);
	/* all but the index at the end */
	(void)boxes(r->body.p, r->body.len);
	ck_assert_uint_ge(r->head[0].n + r->body.len + 600, f.len);
	rec_free(r);
	buf_fini(&f);
}
END_TEST

START_TEST(real_file)
{
	struct buf f;
	struct rec *r;

	rec_file("test/data/media/plain.mp4", &f);
	r = rec_all(NULL, f.p, f.len);
	ck_assert_int_eq(r->st, ST_PROTO);
	ck_assert_int_eq(r->nheads, 0);
	ck_assert_msg(strstr(r->error, "needs frag_keyframe+empty_moov") != NULL, "%s", r->error);
	rec_free(r);
	buf_fini(&f);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/mp4");
	TCase *t = tcase_create("mp4");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, fragments);
	tcase_add_test(t, streamed);
	tcase_add_test(t, chunks);
	tcase_add_test(t, sound_only);
	tcase_add_test(t, track_by_track);
	tcase_add_test(t, sync_flags);
	tcase_add_test(t, never_a_sync_sample);
	tcase_add_test(t, other_boxes);
	tcase_add_test(t, large_sizes);
	tcase_add_test(t, new_headers);
	tcase_add_test(t, absolute_offsets);
	tcase_add_test(t, odd_offsets);
	tcase_add_test(t, titles);
	tcase_add_loop_test(t, refused, 0, NELEM(bad));
	tcase_add_test(t, lying_runs);
	tcase_add_loop_test(t, real_streams, 0, NELEM(real));
	tcase_add_test(t, real_file);
	suite_add_tcase(s, t);
	return s;
}
