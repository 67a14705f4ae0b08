/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An FLV that goes on where another one of its channel left off (media.md 5.7.2). */
#include <string.h>

#include "core/media/amf0.h"
#include "test/unit/core/media/rec.h"

enum { AUDIO = 8, VIDEO = 9, SCRIPT = 18 };

#define AVC  "\x17\0\0\0\0\x01\x42\0\x1e\xff"
#define AVC2 "\x17\0\0\0\0\x01\x4d\0\x1f\xff"
#define AAC  "\xaf\0\x12\x10"

static struct buf in;
static struct rec *rec;
static struct {
	uint8_t head[MEDIA_HEAD_MAX];
	size_t n;
	int64_t ms;
} was;
static int asked, resumed;

static void be(size_t v, int bytes)
{
	while (bytes-- > 0)
		buf_u8(&in, (uint8_t)(v >> (8 * bytes)));
}

static void tag(uint8_t type, uint32_t ts, const void *p, size_t n)
{
	buf_u8(&in, type);
	be(n, 3);
	be(ts & 0xffffff, 3);
	be(ts >> 24, 1);
	be(0, 3);
	buf_put(&in, p, n);
	be(n + 11, 4);
}
#define TAG(type, ts, text) tag(type, ts, text, sizeof(text) - 1)

static void metadata(double width, const char *encoder)
{
	struct buf b;

	buf_init(&b, 4096);
	amf0_put_string(&b, "onMetaData", 10);
	buf_u8(&b, AMF0_OBJECT);
	amf0_put_name(&b, "width");
	amf0_put_number(&b, width);
	amf0_put_name(&b, "encoder");
	amf0_put_string(&b, encoder, strlen(encoder));
	amf0_put_end(&b);
	tag(SCRIPT, 0, b.p, b.len);
	buf_fini(&b);
}

static void begin(const char *avc, size_t n, double width)
{
	buf_put(&in, "FLV\x01\x05\0\0\0\x09\0\0\0\0", 13);
	metadata(width, "one");
	tag(VIDEO, 0, avc, n);
	TAG(AUDIO, 0, AAC);
}

static void key(uint32_t ts)   { TAG(VIDEO, ts, "\x17\1\0\0\0key"); }
static void inter(uint32_t ts) { TAG(VIDEO, ts, "\x27\1\0\0\0inter"); }
static void sound(uint32_t ts) { TAG(AUDIO, ts, "\xaf\1sound"); }

static enum status before(void *ctx, struct media_before *b)
{
	(void)ctx;
	asked++;
	ck_assert_int_gt(rec->ninfos, 0);       /* who asks may open a channel first */
	if (was.n > 0)
		*b = (struct media_before){ was.head, was.n, was.ms };
	return ST_OK;
}

static enum status resume(void *ctx)
{
	struct rec *r = ctx;

	resumed++;
	r->nheads++;                            /* so that data may come */
	return ST_OK;
}

static const struct media_ops ops = {
	.head = rec_head, .before = before, .resume = resume, .data = rec_data, .info = rec_info,
};

/* Feed what is in `in`, `step` bytes at a time; what it leaves is what the next one follows. */
static void feed_by(size_t step)
{
	struct media *m = media_new("FLV", &ops, rec);
	int64_t ms = -1;

	for (size_t at = 0; at < in.len; at += step)
		ck_assert_int_eq(media_feed(m, in.p + at, MIN(step, in.len - at), NSEC_PER_SEC), ST_OK);
	ck_assert_int_eq(media_end(m, NSEC_PER_SEC), ST_OK);
	if (media_clock(m, &ms) == MEDIA_CLOCK_RUNS)
		was.ms = ms;
	media_free(&m);
	buf_reset(&in);
}

static void setup(void)
{
	buf_init(&in, 1u << 20);
	rec = rec_new();
	memset(&was, 0, sizeof(was));
	asked = resumed = 0;
}

static void teardown(void)
{
	rec_free(rec);
	buf_fini(&in);
}

/* The first encoder: up to 5000 ms, audio a little behind. */
static void first(void)
{
	begin(AVC, sizeof(AVC) - 1, 320);
	key(4960);
	inter(5000);
	sound(4990);
	feed_by(SIZE_MAX / 2);
	ck_assert(asked == 1 && resumed == 0 && rec->nheads == 1 && was.ms == 5000);
	was.n = rec->head[0].n;
	memcpy(was.head, rec_head_p(rec, 0), was.n);
	buf_reset(&rec->body);
	rec->npkts = 0;
}

/* "9@5040 8@5030 ..." */
static const char *times(void)
{
	static char text[512];
	size_t at = 0, out = 0;

	text[0] = '\0';
	while (at + 11 <= rec->body.len) {
		const uint8_t *t = rec->body.p + at;

		out += (size_t)snprintf(text + out, sizeof(text) - out, "%s%u@%u", out > 0 ? " " : "", t[0],
			(unsigned)(t[4] << 16 | t[5] << 8 | t[6]) | (unsigned)t[7] << 24);
		at += 15 + ((size_t)t[1] << 16 | (size_t)t[2] << 8 | t[3]);
	}
	ck_assert_uint_eq(at, rec->body.len);
	return text;
}

START_TEST(goes_on)
{
	first();
	begin(AVC, sizeof(AVC) - 1, 320);
	key(0);
	sound(3);
	inter(40);
	feed_by((size_t)_i);
	ck_assert_int_eq(resumed, 1);
	ck_assert_str_eq(times(), "9@5040 8@5043 9@5080");
	ck_assert_int_eq(rec->pkt[0].cont, 0);
	ck_assert_int_eq(was.ms, 5080);
	ck_assert_mem_eq(rec->body.p + 11, "\x17\1\0\0\0key", 8);
}
END_TEST

START_TEST(from_any_time)
{
	first();
	begin(AVC, sizeof(AVC) - 1, 320);
	TAG(SCRIPT, 77, "\2\0\1x");             /* of any time before the first frame */
	key(0xfffffff0);
	inter(0x18);
	feed_by(SIZE_MAX / 2);
	ck_assert_str_eq(times(), "18@5040 9@5040 9@5080");
}
END_TEST

START_TEST(never_back)
{
	first();
	begin(AVC, sizeof(AVC) - 1, 320);
	key(1000);
	sound(930);                             /* further behind than a step */
	inter(20000);
	sound(400);                             /* later: as it is said */
	feed_by(SIZE_MAX / 2);
	ck_assert_str_eq(times(), "9@5040 8@5001 9@24040 8@4440");
}
END_TEST

START_TEST(another_configuration)
{
	first();
	begin(AVC2, sizeof(AVC2) - 1, 320);
	key(0);
	feed_by(SIZE_MAX / 2);
	ck_assert(resumed == 0 && rec->nheads == 2);
	ck_assert_str_eq(times(), "9@5040");
}
END_TEST

START_TEST(another_size)
{
	first();
	begin(AVC, sizeof(AVC) - 1, 640);
	key(0);
	feed_by(SIZE_MAX / 2);
	ck_assert(resumed == 0 && rec->nheads == 2);
}
END_TEST

START_TEST(other_words)
{
	first();
	buf_put(&in, "FLV\x01\x05\0\0\0\x09\0\0\0\0", 13);
	metadata(320, "another encoder");
	TAG(VIDEO, 0, AVC);
	TAG(AUDIO, 0, AAC);
	key(0);
	feed_by(SIZE_MAX / 2);
	ck_assert_int_eq(resumed, 1);
}
END_TEST

/* Whatever else the channel had. */
START_TEST(not_behind_another_container)
{
	first();
	memcpy(was.head, "\x1a\x45\xdf\xa3", 4);
	was.n = (size_t)_i;
	begin(AVC, sizeof(AVC) - 1, 320);
	key(0);
	feed_by(SIZE_MAX / 2);
	ck_assert(resumed == 0 && rec->nheads == 2);
	ck_assert_str_eq(times(), "9@0");
}
END_TEST

/* A head cut anywhere is another one. */
START_TEST(half_a_head)
{
	first();
	for (size_t n = was.n; n > 0; n--) {
		was.n = n - 1;
		was.ms = 5000;
		rec->nheads = 1;
		begin(AVC, sizeof(AVC) - 1, 320);
		key(0);
		feed_by(SIZE_MAX / 2);
		ck_assert_int_eq(resumed, 0);
	}
}
END_TEST

START_TEST(second_file_in_one)
{
	begin(AVC, sizeof(AVC) - 1, 320);
	key(3000);
	begin(AVC, sizeof(AVC) - 1, 320);
	key(0);
	inter(40);
	feed_by((size_t)_i);
	ck_assert(rec->nheads == 2 && asked == 1);
	ck_assert_str_eq(times(), "9@3000 9@3040 9@3080");
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/flv, following");
	TCase *t = tcase_create("follow");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, goes_on, 1, 20);
	tcase_add_test(t, from_any_time);
	tcase_add_test(t, never_back);
	tcase_add_test(t, another_configuration);
	tcase_add_test(t, another_size);
	tcase_add_test(t, other_words);
	tcase_add_loop_test(t, not_behind_another_container, 0, 40);
	tcase_add_test(t, half_a_head);
	tcase_add_loop_test(t, second_file_in_one, 1, 20);
	suite_add_tcase(s, t);
	return s;
}
