/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/mailq.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/cc.h"
#include "test/unit/unit.h"

/* Posts are written as words: lane (one digit), '!' = urgent, key (a small letter), and a number that names
 * it, with '*' for a long one (1000 bytes): "2a7" = key a of lane 2, number 7. */
static struct mail *letter(const char **s)
{
	char text[1000] = "", *end;
	const char *p = *s;
	const uint32_t lane = (uint32_t)(*p++ - '0');
	const bool urgent = *p == '!';
	struct blob *b;
	struct mail *m;
	uint64_t key;
	size_t len;

	p += urgent;
	key = *p >= 'a' && *p <= 'z' ? (uint64_t)*p++ : 0;
	snprintf(text, sizeof(text), "%lu", strtoul(p, &end, 10));
	len = *end == '*' ? sizeof(text) : strlen(text) + 1;
	*s = end + (*end == '*');
	b = blob_new(text, len);
	ck_assert_ptr_nonnull(b);
	b->lane = lane;
	b->urgent = urgent;
	b->key = key;
	m = mail_new(b);
	ck_assert_ptr_nonnull(m);
	blob_unref(&b);
	return m;
}

static void put(struct mailq *q, const char *s, enum status want)
{
	while (*s != '\0') {
		struct mail *m, *gone = NULL;

		s += *s == ' ';
		m = letter(&s);
		ck_assert_int_eq(mailq_put(q, m, &gone), want);
		mail_free(&gone);
	}
}

static const char *take_all(struct mailq *q)
{
	static char out[2000];
	size_t n = 0;

	out[0] = '\0';
	for (struct mail *m = mailq_take(q); m != NULL; m = mailq_take(q)) {
		ck_assert_ptr_null(m->next);
		if (n < sizeof(out) - 20)
			n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s", n > 0 ? " " : "",
				(const char *)m->b->data);
		mail_free(&m);
	}
	ck_assert_uint_eq(q->n, 0);
	ck_assert_uint_eq(q->bytes, 0);
	return out;
}

static const struct {
	const char *name, *in, *out;
	uint32_t merged;
} rows[] = {
	{ "nothing", "", "", 0 },
	{ "one sender: in order", "11 12 13", "1 2 3", 0 },
	{ "in turn", "11 12 13 24 35 36", "1 4 5 2 6 3", 0 },
	{ "own ones first", "11 02 23 04", "2 4 1 3", 0 },
	{ "urgent ones next", "11 1!2 03 2!4", "3 2 1 4", 0 },
	{ "others have every other turn", "11 12 23 1!4 1!5 2!6 2!7", "4 1 6 3 5 2 7", 0 },
	{ "a newer one in its place", "1a1 12 1a3", "3 2", 1 },
	{ "and its turn", "1a1 2a2 33 2a4 1a5 1a6", "6 4 3", 3 },
	{ "of another sender: another thing", "1a1 2a2", "1 2", 0 },
	{ "another thing", "1a1 1b2 1b3 1a4", "4 3", 2 },
	{ "own ones too", "0a1 0b2 0a3", "3 2", 1 },
	{ "urgent or not: not the same line", "1a1 1!a2", "2 1", 0 },
	{ "no key: each counts", "11 11", "1 1", 0 },
	{ "long and short", "1a1 1a2* 23* 1a4", "4 3", 2 },
};

START_TEST(order)
{
	struct mailq q = { .n = 0 };

	put(&q, rows[_i].in, ST_OK);
	ck_assert_uint_eq(q.merged, rows[_i].merged);
	ck_assert_str_eq(take_all(&q), rows[_i].out);
	ck_assert_uint_eq(q.lost, 0);
}
END_TEST

/* Turns go on between posts: nobody starts from the front again. */
START_TEST(turns)
{
	struct mailq q = { .n = 0 };
	struct mail *m;
	unsigned of[4] = { 0 };

	put(&q, "10 11 12 13 14 15 16 17", ST_OK);
	for (int i = 0; i < 6; i++) {
		put(&q, "20 30", ST_OK);
		m = mailq_take(&q);
		ck_assert_ptr_nonnull(m);
		of[m->b->lane]++;
		mail_free(&m);
	}
	ck_assert_uint_eq(of[1], 2);
	ck_assert_uint_eq(of[2], 2);
	ck_assert_uint_eq(of[3], 2);
	(void)take_all(&q);
}
END_TEST

/* Without room the one that has most waiting loses, his oldest first. */
START_TEST(full)
{
	struct mailq q = { .n = 0 };
	char s[32];

	put(&q, "21 22 31", ST_OK);
	for (unsigned i = 0; i < MAILQ_MAX - 3; i++) {
		snprintf(s, sizeof(s), "1%u", i);
		put(&q, s, ST_OK);
	}
	ck_assert_uint_eq(q.n, MAILQ_MAX);
	ck_assert_uint_eq(q.lost, 0);
	/* others still find a place, at his cost; he himself too */
	put(&q, "23 0900 4!901 1902", ST_LIMIT);
	ck_assert_uint_eq(q.lost, 4);
	ck_assert_uint_eq(q.n, MAILQ_MAX);
	put(&q, "1a903 1904*", ST_LIMIT);
	ck_assert_uint_eq(q.lost, 4 + 1 + 4);
	ck_assert_uint_le(q.bytes, MAILQ_BYTES);
	ck_assert_ptr_nonnull(strstr(take_all(&q), "900 901 1 1 9 2 10 3 11 12 "));
}
END_TEST

/* A message may grow while it waits; one longer than the whole room is not let in. */
START_TEST(long_ones)
{
	static uint8_t great[MAILQ_BYTES + 1];
	struct mail *m, *gone = NULL;
	struct mailq q = { .n = 0 };
	struct blob *b;
	size_t n;

	for (n = MAILQ_BYTES; n <= sizeof(great); n++) {
		b = blob_new(great, n);
		ck_assert_ptr_nonnull(b);
		b->lane = 1;
		b->key = 'a';
		m = mail_new(b);
		ck_assert_ptr_nonnull(m);
		put(&q, "1a1 22", ST_OK);
		ck_assert_int_eq(mailq_put(&q, m, &gone), ST_LIMIT);
		mail_free(&gone);
		ck_assert_uint_eq(q.n, n == MAILQ_BYTES ? 1 : 2);
		ck_assert_uint_eq(q.lost, n == MAILQ_BYTES ? 1 : 2);
		(void)take_all(&q);
		blob_unref(&b);
	}
}
END_TEST

/* Whatever comes and goes: nothing is leaked (ASan), sums hold, order within a sender is kept. */
START_TEST(mixture)
{
	struct mailq q = { .n = 0 };
	uint32_t rnd = 12345, next[8] = { 0 }, got[8] = { 0 };

	for (int i = 0; i < 20000; i++) {
		char s[64];

		rnd = rnd * 1103515245 + 12345;
		const uint32_t r = rnd >> 8, lane = r % 8;

		if (r / 8 % 5 > 1) {
			struct mail *gone = NULL, *m;
			const char *p = s;

			snprintf(s, sizeof(s), "%u%s%u%s", lane, r / 64 % 7 == 0 ? "k" : "", ++next[lane],
				r / 512 % 3 == 0 ? "*" : "");
			m = letter(&p);
			(void)!mailq_put(&q, m, &gone);
			mail_free(&gone);
		} else {
			struct mail *m = mailq_take(&q);

			if (m != NULL && m->b->key == 0) {
				const uint32_t n = (uint32_t)strtoul((const char *)m->b->data, NULL, 10);

				ck_assert_uint_gt(n, got[m->b->lane]);
				got[m->b->lane] = n;
			}
			mail_free(&m);
		}
		ck_assert_uint_le(q.bytes, MAILQ_BYTES);
		ck_assert_uint_le(q.n, MAILQ_MAX);
	}
	ck_assert_uint_gt(q.lost, 0);
	ck_assert_uint_gt(q.merged, 0);
	(void)take_all(&q);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/mailq");
	TCase *t = tcase_create("mailq");

	tcase_add_loop_test(t, order, 0, (int)NELEM(rows));
	tcase_add_test(t, turns);
	tcase_add_test(t, full);
	tcase_add_test(t, long_ones);
	tcase_add_test(t, mixture);
	suite_add_tcase(s, t);
	return s;
}
