/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: malloc calloc realloc */
/* Memory runs out at the first, second, ... allocation: the source ends with a reason, nothing else. */
#include <string.h>

#include "core/media/rtmp.h"
#include "test/unit/core/media/rec.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static int left = -1;           /* allocations until one fails; -1 = never */

static bool fails(void)
{
	return left >= 0 && left-- == 0;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

/* Check allocates too: nothing is asserted while allocations fail. */
struct seen {
	size_t bytes;
	int heads;
	bool early;             /* data before a head */
	bool silent;            /* an end without a reason */
	enum status st;
};

static enum status head(void *ctx, const void *p, size_t n)
{
	((struct seen *)ctx)->heads++;
	return ST_OK;
}

static enum status data(void *ctx, const void *p, size_t n, uint8_t cont)
{
	struct seen *s = ctx;

	s->early |= s->heads == 0;
	s->bytes += n;
	return ST_OK;
}

static enum status info(void *ctx, const struct media_info *mi)
{
	return ST_OK;
}

static const struct media_ops quiet = { .head = head, .data = data, .info = info };

static void run(const struct buf *f, struct seen *seen)
{
	struct media *m = media_new(NULL, &quiet, seen);

	seen->st = m == NULL ? ST_LIMIT : ST_OK;
	if (m == NULL)
		return;
	for (size_t at = 0; at < f->len && seen->st == ST_OK; at += 1000)
		seen->st = media_feed(m, f->p + at, MIN(f->len - at, (size_t)1000), 1);
	if (seen->st == ST_OK)
		seen->st = media_end(m, 1);
	seen->silent = seen->st != ST_OK && media_error(m)[0] == '\0';
	media_free(&m);
}

static const char *const file[] = {
	"test/data/media/flv_avc_aac.flv", "test/data/media/h264.mkv", "test/data/media/vp8opus.webm",
	"test/data/media/README.md",       "test/data/media/theora_vorbis.ogv",
	"test/data/media/cbr.mp3",         "test/data/media/avc_aac.ts",
	"test/data/media/absolute.mp4",    "test/data/media/live.asf",
};

START_TEST(every_allocation)
{
	struct seen all = { .bytes = 0 };
	struct buf f;
	int n;

	rec_file(file[_i], &f);
	run(&f, &all);
	ck_assert_int_eq(all.st, ST_OK);
	for (n = 0;; n++) {
		struct seen some = { .bytes = 0 };
		int unused;

		left = n;
		run(&f, &some);
		unused = left;
		left = -1;
		if (unused >= 0)        /* there were fewer allocations than that */
			break;
		ck_assert(!some.early && !some.silent);
		/* metadata is the one thing a stream can do without */
		ck_assert(some.st == ST_OK || some.st == ST_LIMIT);
		if (some.st == ST_OK)
			ck_assert_uint_eq(some.bytes, all.bytes);
		else
			ck_assert_uint_le(some.bytes, all.bytes);
	}
	ck_assert_int_ge(n, 2);
	buf_fini(&f);
}
END_TEST

static const char *let_in(void *ctx, const char *app, const char *name)
{
	return NULL;
}

static enum status flv(void *ctx, const void *p, size_t n)
{
	((struct seen *)ctx)->bytes += n;
	return ST_OK;
}

static void publish(const struct buf *f, struct seen *seen)
{
	static const struct rtmp_ops ops = { let_in, flv };
	struct rtmp *r = rtmp_new(&ops, seen);

	seen->st = r == NULL ? ST_LIMIT : ST_OK;
	if (r == NULL)
		return;
	for (size_t at = 0; at < f->len && seen->st == ST_OK; at += 1000)
		seen->st = rtmp_feed(r, f->p + at, MIN(f->len - at, (size_t)1000));
	seen->silent = seen->st == ST_LIMIT && rtmp_error(r)[0] == '\0';
	rtmp_free(&r);
}

/* An encoder that publishes by RTMP. */
START_TEST(every_allocation_of_rtmp)
{
	struct seen all = { .bytes = 0 };
	struct buf f;
	int n;

	rec_file(_i == 0 ? "test/data/media/rtmp_ffmpeg.bin" : "test/data/media/rtmp_enhanced.bin", &f);
	publish(&f, &all);
	ck_assert_int_eq(all.st, ST_EOF);
	for (n = 0;; n++) {
		struct seen some = { .bytes = 0 };
		int unused;

		left = n;
		publish(&f, &some);
		unused = left;
		left = -1;
		if (unused >= 0)
			break;
		ck_assert_int_eq(some.st, ST_LIMIT);
		ck_assert(!some.silent);
		ck_assert_uint_le(some.bytes, all.bytes);
	}
	ck_assert_int_ge(n, 4);
	buf_fini(&f);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media/oom");
	TCase *t = tcase_create("oom");

	tcase_add_loop_test(t, every_allocation, 0, NELEM(file));
	tcase_add_loop_test(t, every_allocation_of_rtmp, 0, 2);
	suite_add_tcase(s, t);
	return s;
}
