/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: malloc calloc realloc free */
/* However large the units of a stream are, or say they are: a source's memory stays within its budget
 * (media.md 9.2), and grows only with what has come. */
#include <malloc.h>
#include <string.h>

#include "core/media/media.h"
#include "core/sys/bytes.h"
#include "test/unit/unit.h"

#define BUDGET   (24u << 20)
#define INPUT    (40u << 20)
#define PIECE    (64u << 10)

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

static size_t held, most;       /* bytes allocated now; the most there were */

static void *took(void *p)
{
	held += malloc_usable_size(p);
	most = MAX(most, held);
	return p;
}

void *__wrap_malloc(size_t n)
{
	return took(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return took(__real_calloc(n, size));
}

/* The old block and the new one may both be there for a moment. */
void *__wrap_realloc(void *p, size_t n)
{
	const size_t was = malloc_usable_size(p);
	void *q = took(__real_realloc(p, n));

	held -= q != NULL ? was : 0;
	return q;
}

void __wrap_free(void *p)
{
	held -= malloc_usable_size(p);
	__real_free(p);
}

static enum status on_head(void *ctx, const void *p, size_t n)
{
	(void)ctx;
	(void)p;
	(void)n;
	return ST_OK;
}

static enum status on_data(void *ctx, const void *p, size_t n, uint8_t cont)
{
	(void)cont;
	return on_head(ctx, p, n);
}

static enum status on_info(void *ctx, const struct media_info *mi)
{
	(void)ctx;
	(void)mi;
	return ST_OK;
}

static const struct media_ops ops = { .head = on_head, .data = on_data, .info = on_info };

#define FLV_HEAD "FLV\1\5\0\0\0\x09\0\0\0\0"
#define MKV_HEAD "\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"
#define MKV_TRACKS "\x16\x54\xae\x6b\x8d\xae\x8b\xd7\x81\x01\x83\x81\x01\x86\x83" "V_X"
#define MKV_CLUSTER "\x1f\x43\xb6\x75\x01\xff\xff\xff\xff\xff\xff\xff\xe7\x81\0"
#define FLV_KEY "\x09\x7f\xff\xf0\0\0\0\0\0\0\0\x17\1\0\0\0"
#define FLV_SCRIPT "\x12\0\x10\0\0\0\0\0\0\0\0\2\0\1x"
#define MP4_TYPE "\0\0\0\x10" "ftypiso5\0\0\0\0"
#define OGG_PAGE "OggS\0\0\0\0\0\0\0\0\0\0\7\0\0\0"
#define ASF_HEADER "\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c"

/* A beginning, then `fill` bytes and a unit's first ones, again and again. */
static const struct {
	const char *name, *type;
	const char *begin;
	size_t nbegin;
	const char *unit;
	size_t nunit;
	size_t fill;
	const char *refused;            /* in the reason; "" = it is not */
} streams[] = {
#define FROM(name, type, begin, unit, fill, refused) \
	{ name, type, begin, sizeof(begin) - 1, unit, sizeof(unit) - 1, fill, refused }
#define OF(name, type, begin, unit, fill, refused) FROM(name, type, begin unit, unit, fill, refused)
	FROM("FLV, key frames of 8 MiB", "FLV", FLV_HEAD FLV_KEY, "\0\x7f\xff\xfb" FLV_KEY, 0x7ffff0 - 5, ""),
	OF("FLV, one that never ends", "FLV", FLV_HEAD, FLV_KEY, INPUT, "no FLV tag in 61440 bytes"),
	FROM("FLV, scripts before a frame", "FLV", FLV_HEAD FLV_SCRIPT, "\0\0\x10\x0b" FLV_SCRIPT, 4096 - 4,
		"bytes of FLV tags without a frame"),
	OF("MKV, blocks of 8 MiB", "MKV", MKV_HEAD MKV_TRACKS MKV_CLUSTER, "\xa3\x10\x7f\xff\xf0\x81\0\0\x80",
		0x7ffff0 - 4, ""),
	OF("MKV, a group without end", "MKV", MKV_HEAD MKV_TRACKS MKV_CLUSTER,
		"\xa0\x10\x7f\xff\xff\xa1\x10\x7f\xff\xf0\x81", INPUT, "broken Matroska"),
	OF("MKV, tracks without end", "MKV", MKV_HEAD, "\x16\x54\xae\x6b\x10\x0f\xff\xff\xae\x10\x0f\xff\xf0", INPUT,
		"broken Matroska track"),
	OF("MKV, one attachment", "MKV", MKV_HEAD, "\x19\x41\xa4\x69\x08\x3f\xff\xff\xff", INPUT, ""),
	OF("MP4, a moov of 1 MiB", "MP4", MP4_TYPE, "\0\x10\0\0moov\0\x0f\xff\xf8trak", INPUT, "broken MP4 track"),
	OF("MP4, a moof of 32 MiB", "MP4", MP4_TYPE, "\x02\0\0\0moof\x01\xff\xff\xf8traf", INPUT, "limit 1048576"),
	OF("Ogg, garbage behind a page", "OGG", "", OGG_PAGE "\0\0\0\0\xff", INPUT, "no Ogg page in 262144 bytes"),
	OF("ASF, a header of 1 MiB", "WMV", "", ASF_HEADER "\xff\xff\x0f\0\0\0\0\0\1\0\0\0\1\2", INPUT,
		"no data behind the ASF header"),
	OF("ASF, pieces of a header", "WMV", "",
		"$H\xfc\x3f\0\0\0\0\0\4\xfc\x3f" ASF_HEADER "\xff\xff\x0f\0\0\0\0\0\1\0\0\0\1\2", 16372 - 30, ""),
	OF("MP3 behind a tag of 256 MiB", "MP3", "", "ID3\3\0\0\x7f\x7f\x7f\x7f", INPUT, "no MP3 frame in 262144 bytes"),
	OF("TS, a packet that never ends", "TS", "", "\x47\x01\0\x10\0\0\1\xe0\0\0\x80\0\0", 175,
		"bytes of TS without"),
	OF("TS, sections", "TS", "", "\x47\x40\0\x10\0\0\xb0\xff\0\1\xc1\0\0", 175, "bytes of TS without"),
	OF("NSV, one large frame", "NSV", "", "NSVsH264AAC \x40\1\xf0\0\x19\0\0\xf0\xff\xff\xff\xff", INPUT,
		"no NSV sync frame"),
	OF("raw", "RAW", "", "x", INPUT, ""),
};

static uint8_t byte_at(int i, size_t at)
{
	size_t in_unit;

	if (at < streams[i].nbegin)
		return (uint8_t)streams[i].begin[at];
	in_unit = (at - streams[i].nbegin) % (streams[i].nunit + streams[i].fill);
	return in_unit < streams[i].fill ? (uint8_t)(at * 7 >> 3) :
		(uint8_t)streams[i].unit[in_unit - streams[i].fill];
}

/* Check allocates too: nothing is asserted while a source is there. */
START_TEST(stays_within)
{
	static uint8_t piece[PIECE];
	size_t at = 0, early = 0, left, peak;
	enum status st = ST_OK;
	char error[160];
	struct media *m;

	held = most = 0;
	m = media_new(streams[_i].type, &ops, NULL);
	for (; m != NULL && at < INPUT && st == ST_OK; at += PIECE) {
		for (size_t k = 0; k < PIECE; k++)
			piece[k] = byte_at(_i, at + k);
		st = media_feed(m, piece, PIECE, 1);
		if (early == 0 && most > 4 * (at + PIECE) + (1u << 20))
			early = at + PIECE;
	}
	(void)text_copy(error, sizeof(error), m != NULL ? media_error(m) : "no memory");
	media_free(&m);
	left = held;
	peak = most;
	ck_assert_msg(st == ST_OK || error[0] != '\0', "%s: %d", streams[_i].name, st);
	ck_assert_msg(peak <= BUDGET, "%s: %zu bytes", streams[_i].name, peak);
	ck_assert_msg(early == 0, "%s: %zu bytes when %zu had come", streams[_i].name, peak, early);
	ck_assert_msg(left == 0, "%s: %zu bytes are left", streams[_i].name, left);
	ck_assert_msg(at >= INPUT || strcmp(streams[_i].refused, "") != 0, "%s: %s", streams[_i].name, error);
	ck_assert_msg(strstr(error, streams[_i].refused) != NULL, "%s: %s", streams[_i].name, error);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/media, budget");
	TCase *t = tcase_create("budget");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, stays_within, 0, NELEM(streams));
	suite_add_tcase(s, t);
	return s;
}
