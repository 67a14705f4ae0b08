/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/reccut.h"

#include <string.h>

#include "core/media/asffile.h"
#include "core/media/media.h"
#include "test/unit/unit.h"

#define S NSEC_PER_SEC

/* A part of 1000 bytes, begun at 100 s; what comes next, when. */
static const struct {
	const char *what;
	uint64_t bytes;
	nsec age, now, due;     /* due: as noted before, 0 = not */
	uint8_t cont;
	bool want;
} rows[] = {
	{ "no limits", 0, 0, 100000 * S, 0, 0, false },
	{ "small", 1001, 0, 100000 * S, 0, 0, false },
	{ "big, a start", 1000, 0, 101 * S, 0, 0, true },
	{ "big, no start", 1000, 0, 101 * S, 0, MEDIA_INTER, false },
	{ "young", 0, 60 * S, 160 * S - 1, 0, 0, false },
	{ "old, a start", 0, 60 * S, 160 * S, 0, 0, true },
	{ "old, a piece", 0, 60 * S, 160 * S, 0, MEDIA_FRAGMENT, false },
	{ "old and small", 5000, 60 * S, 160 * S, 0, 0, true },
	{ "waits", 1000, 0, 200 * S, 150 * S, MEDIA_AUDIO, false },
	{ "has waited for a start that does not come", 1000, 0, 210 * S, 150 * S, MEDIA_AUDIO, true },
	{ "the limit was raised", 2000, 0, 210 * S, 150 * S, MEDIA_AUDIO, false },
};

START_TEST(due)
{
	const struct reccut_limits l = { .bytes = rows[_i].bytes, .age = rows[_i].age };
	struct reccut c;

	reccut_begin(&c, 100, 100 * S);
	reccut_put(&c, 0, 900);
	c.due = rows[_i].due;
	ck_assert_msg(reccut_is_due(&c, &l, rows[_i].cont, rows[_i].now) == rows[_i].want, "%s",
		rows[_i].what);
}
END_TEST

/* Bits of the packets of a part, each of 10 bytes behind a head of 5; what is whole of it. */
static const struct {
	const char *what;
	uint8_t n, cont[6];
	uint64_t want;
} torn[] = {
	{ "nothing but a head", 0, { 0 }, 5 },
	{ "frames: all but the last", 3, { 0, 2, 2 }, 25 },
	{ "in a frame of three pieces", 5, { 0, 2, 2, 3, 3 }, 25 },
	{ "in the key frame", 3, { 0, 1, 1 }, 35 },     /* its bits are those of older nodes */
	{ "in a later key frame", 5, { 0, 2, 0, 3, 3 }, 25 },
	{ "behind a key frame", 3, { 0, 2, 0 }, 25 },
	{ "audio", 3, { 0, 4, 4 }, 25 },
	{ "every packet is a start", 3, { 0, 0, 0 }, 25 },
	{ "an older node", 4, { 0, 1, 1, 1 }, 45 },
};

START_TEST(whole)
{
	struct reccut c;

	reccut_begin(&c, 5, 0);
	for (uint8_t i = 0; i < torn[_i].n; i++)
		reccut_put(&c, torn[_i].cont[i], 10);
	ck_assert_msg(reccut_whole(&c) == torn[_i].want, "%s: %llu", torn[_i].what,
		(unsigned long long)reccut_whole(&c));
	/* what goes on must be whole, or begin anew */
	ck_assert(reccut_mend(&c) == (torn[_i].n == 0 || torn[_i].want < 5 + 10u * torn[_i].n));
	ck_assert_uint_eq(c.bytes, torn[_i].want);
}
END_TEST

/* Not for a fault of what somebody says is hours of it thrown away. */
START_TEST(whole_has_a_limit)
{
	struct reccut c;

	reccut_begin(&c, 0, 0);
	reccut_put(&c, 0, 10);
	reccut_put(&c, MEDIA_FRAGMENT | MEDIA_INTER, MEDIA_UNIT_MAX);
	ck_assert_uint_eq(reccut_whole(&c), MEDIA_UNIT_MAX + 10);
}
END_TEST

/* --- Windows Media ---------------------------------------------------------------------------- */

static size_t chunk(uint8_t *out, uint8_t type, const void *p, size_t n)
{
	asf_chunk_put(out, type, 0, n);
	memcpy(out + ASF_CHUNK, p, n);
	return ASF_CHUNK + n;
}

/* However the stream is cut into packets. */
START_TEST(unchunked)
{
	uint8_t head[256], data[256];
	size_t nh, nd = 0;
	struct asffile f;

	nh = chunk(head, ASF_H, "the header and all that belongs to it", 37);
	nd += chunk(data, ASF_D, "first", 5);
	nd += chunk(data + nd, ASF_C, "not of the file", 15);
	nd += chunk(data + nd, ASF_D, "second", 6);
	for (size_t step = 1; step <= nd; step++) {
		struct buf out;

		buf_init(&out, 4096);
		asffile_begin(&f, head, nh, &out);
		f.packet = 8;
		for (size_t at = 0; at < nd; at += step)
			asffile_put(&f, data + at, MIN(step, nd - at), at == 0, &out);
		ck_assert_int_eq(out.err, ST_OK);
		ck_assert_uint_eq(out.len, 37 + 16);
		ck_assert_mem_eq(out.p + 37, "first\0\0\0second\0\0", 16);
		buf_fini(&out);
	}
}
END_TEST

/* What is no chunk costs the bytes up to the next unit, a packet too long itself alone. */
START_TEST(out_of_step)
{
	uint8_t head[64], data[128];
	const size_t nh = chunk(head, ASF_H, "head", 4);
	struct asffile f;
	struct buf out;
	size_t n;

	buf_init(&out, 4096);
	asffile_begin(&f, head, nh, &out);
	f.packet = 4;
	asffile_put(&f, (const uint8_t *)"no chunk at all", 15, true, &out);
	n = chunk(data, ASF_D, "lost", 4);
	asffile_put(&f, data, n, false, &out);
	n = chunk(data, ASF_D, "too long", 8);
	n += chunk(data + n, ASF_D, "good", 4);
	asffile_put(&f, data, n, true, &out);
	ck_assert_uint_eq(out.len, 8);
	ck_assert_mem_eq(out.p, "headgood", 8);
	buf_fini(&out);
}
END_TEST

/* Without chunks it is a file already. */
START_TEST(no_chunks)
{
	struct asffile f;
	struct buf out;

	buf_init(&out, 64);
	asffile_begin(&f, asf_guid_header, 16, &out);
	asffile_put(&f, (const uint8_t *)"data", 4, true, &out);
	ck_assert_uint_eq(out.len, 20);
	ck_assert_mem_eq(out.p + 16, "data", 4);
	buf_fini(&out);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("reccut");
	TCase *t = tcase_create("reccut");

	tcase_add_loop_test(t, due, 0, NELEM(rows));
	tcase_add_loop_test(t, whole, 0, NELEM(torn));
	tcase_add_test(t, whole_has_a_limit);
	tcase_add_test(t, unchunked);
	tcase_add_test(t, out_of_step);
	tcase_add_test(t, no_chunks);
	suite_add_tcase(s, t);
	return s;
}
