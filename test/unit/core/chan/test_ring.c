/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: malloc */
#include "core/chan/ring.h"

#include <stdlib.h>
#include <string.h>

#include "test/unit/unit.h"

#define MS     NSEC_PER_MSEC
#define PLENTY 512              /* room for what is dropped */

static bool no_memory;

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);

void *__wrap_malloc(size_t n)
{
	return no_memory ? NULL : __real_malloc(n);
}

static struct pkt *packet(enum pkt_type type, uint64_t pos, uint8_t cont, size_t len, nsec at)
{
	struct pkt *p = pkt_new(type, pos, cont, 0, len);

	ck_assert_ptr_nonnull(p);
	memset(pkt_media(p), 0, len);
	p->at = at;
	return p;
}

static size_t put(struct ring *r, struct pkt *p, size_t room)
{
	struct pkt *dropped[PLENTY];
	size_t n = room;

	ck_assert_int_eq(ring_put(r, p, p->at, dropped, &n), ST_OK);
	ck_assert_uint_le(n, room);
	for (size_t i = 0; i < n; i++)
		pkt_unref(&dropped[i]);
	return n;
}

/* --- how much is kept (media.md 4.4.1) ------------------------------------------------------------- */

static const struct keep_row {
	const char *name;
	uint32_t every_ms;      /* a packet each */
	uint32_t gop;           /* a start point each so many packets; 0 = none */
	size_t len, max_bytes;
	uint32_t want;          /* packets in the ring at the end; 0 = as the model says */
} keep_rows[] = {
	{ "slow: 64 packets, however old",      1000, 1,  100, RING_BYTES, 64 },
	{ "8 seconds",                          10,   1,  100, RING_BYTES, 801 },
	{ "8 seconds, start points often",      20,   10, 100, RING_BYTES, 0 },
	{ "a whole GOP of 15 seconds",          100,  150, 100, RING_BYTES, 0 },
	{ "a GOP of 30 seconds is too long",    100,  300, 100, RING_BYTES, 0 },
	{ "no start points",                    10,   0,  100, RING_BYTES, 801 },
	{ "bytes",                              1,    1,  8192, 1 << 20, 0 },
	{ "packets",                            0,    0,  1,  RING_BYTES, RING_SLOTS - 1 },
	{ "one packet more than all bytes",     1,    1,  8192, 100, 1 },
};

/* What stays, said again from the rules: the oldest goes when it is over the bytes, or when there are
 * more than 64, it is older than 8 s, and it is not one of the last two start points of 20 s. */
START_TEST(keep)
{
	const struct keep_row *w = &keep_rows[_i];
	const uint32_t all = w->every_ms == 0 ? 70000 : 5000;
	struct ring r;
	uint64_t first = 0;
	nsec at = 0;

	ring_init(&r, w->max_bytes);
	for (uint32_t i = 0; i < all; i++, at += (nsec)w->every_ms * MS) {
		struct pkt *p = packet(PKT_DATA, i, w->gop != 0 && i % w->gop == 0 ? 0 : 1, w->len, at);

		put(&r, p, PLENTY);
		while (first < i) {
			const nsec age = at - (nsec)(first * w->every_ms) * MS;
			const uint64_t n = i + 1 - first;
			const bool start = w->gop != 0 && first % w->gop == 0;
			/* start points from first to i */
			const uint64_t starts = w->gop == 0 ? 0 : i / w->gop + 1 - (first + w->gop - 1) / w->gop;
			const bool over = n * (sizeof(struct pkt) + w->len) > w->max_bytes || n >= RING_SLOTS;

			if (!over && (n <= RING_MIN || age <= RING_SPAN ||
			    (start && starts <= 2 && age <= RING_GOP)))
				break;
			first++;
		}
		ck_assert_msg(r.first == first && r.next == i + 1, "%s: %u: from %llu, not %llu", w->name, i,
			(unsigned long long)r.first, (unsigned long long)first);
		ck_assert_ptr_eq(ring_get(&r, i), p);
		ck_assert_ptr_null(ring_get(&r, i + 1));
		ck_assert_uint_eq(ring_get(&r, first)->pos, first);
		if (first > 0)
			ck_assert_ptr_null(ring_get(&r, first - 1));
		ck_assert_uint_eq(r.bytes, (r.next - r.first) * (sizeof(*p) + w->len));
	}
	ck_assert_msg(w->want == 0 || r.next - r.first == w->want, "%s: %llu", w->name,
		(unsigned long long)(r.next - r.first));
	ring_fini(&r);
}
END_TEST

START_TEST(a_whole_gop_is_there)
{
	struct ring r;

	/* a start point each 15 s, a packet each 100 ms: never without one whole group once there was one */
	ring_init(&r, RING_BYTES);
	for (uint32_t i = 0; i < 3000; i++) {
		put(&r, packet(PKT_DATA, i, i % 150 != 0, 10, (nsec)i * 100 * MS), PLENTY);
		if (i >= 150)
			ck_assert_msg(ring_newest_start(&r, 0) < r.next && r.starts >= (i % 150 > 50 ? 1u : 2u), "%u", i);
	}
	ring_fini(&r);
}
END_TEST

/* No more is handed back than there is room for; the rest goes with the next packets. */
START_TEST(little_room)
{
	struct ring r;

	ring_init(&r, RING_BYTES);
	for (uint32_t i = 0; i < 500; i++)
		ck_assert_uint_eq(put(&r, packet(PKT_DATA, i, 0, 10, 0), 3), 0);
	for (uint32_t i = 500; i < 600; i++)
		ck_assert_uint_eq(put(&r, packet(PKT_DATA, i, 0, 10, 100 * NSEC_PER_SEC), 3), 3);
	ck_assert_uint_eq(r.next - r.first, 500 + 100 - 300);
	ck_assert_uint_eq(put(&r, packet(PKT_DATA, 600, 0, 10, 100 * NSEC_PER_SEC), 0), 0);
	ring_fini(&r);
}
END_TEST

START_TEST(memory)
{
	struct ring r;
	struct pkt *p = packet(PKT_DATA, 0, 0, 10, 0), *dropped[4];
	size_t n = 4;
	enum status st;

	ring_init(&r, RING_BYTES);
	no_memory = true;
	st = ring_put(&r, p, 0, dropped, &n);
	no_memory = false;
	ck_assert(st == ST_LIMIT && n == 0 && r.next == 0 && r.bytes == 0);
	ck_assert_uint_eq(atomic_load(&p->refs), 1);    /* still ours */
	put(&r, p, 4);
	for (uint32_t i = 1; i < 64; i++)
		put(&r, packet(PKT_DATA, i, 0, 10, 0), 4);
	/* the same when it must grow */
	p = packet(PKT_DATA, 64, 0, 10, 0);
	n = 4;
	no_memory = true;
	st = ring_put(&r, p, 0, dropped, &n);
	no_memory = false;
	ck_assert(st == ST_LIMIT && n == 0 && r.next == 64);
	pkt_unref(&p);
	for (uint64_t s = 0; s < 64; s++)
		ck_assert_uint_eq(ring_get(&r, s)->pos, s);
	ring_fini(&r);
}
END_TEST

START_TEST(clear)
{
	struct pkt *dropped[48];
	struct ring r;
	size_t n, all = 0;

	ring_init(&r, RING_BYTES);
	for (uint32_t i = 0; i < 100; i++)
		put(&r, packet(PKT_DATA, i, i % 2, 10, 0), 4);
	do {
		n = NELEM(dropped);
		ring_clear(&r, dropped, &n);
		for (size_t i = 0; i < n; i++) {
			ck_assert_uint_eq(dropped[i]->pos, all++);
			pkt_unref(&dropped[i]);
		}
	} while (n == NELEM(dropped));
	ck_assert_uint_eq(all, 100);
	ck_assert(r.bytes == 0 && r.starts == 0 && r.first == 100 && r.next == 100);
	ck_assert_ptr_null(ring_get(&r, 99));
	ck_assert_ptr_null(ring_get(&r, 100));
	put(&r, packet(PKT_DATA, 7, 0, 10, 0), 4);
	ck_assert_uint_eq(ring_get(&r, 100)->pos, 7);   /* numbers go on */
	ring_fini(&r);
}
END_TEST

/* --- where to start ---------------------------------------------------------------------------------- */

/* Packets of 10 bytes, 500 ms apart, the last one of now: their continuation bits; 'H' = a head. */
static const struct start_row {
	const char *ring;
	uint64_t from;
	uint64_t start, oldest, newest;
} start_rows[] = {
	{ "", 0, 0, 0, 0 },
	{ "0", 0, 0, 0, 0 },
	{ "1", 0, 0, 1, 1 },            /* none: the oldest packet */
	{ "111", 0, 0, 3, 3 },
	{ "111", 2, 2, 3, 3 },
	{ "000", 0, 0, 0, 2 },          /* 1 s, 0.5 s, 0 s */
	{ "0000", 0, 1, 0, 3 },
	{ "1100", 0, 2, 2, 3 },         /* none has a second behind it: the oldest */
	{ "1101", 0, 2, 2, 2 },
	{ "0110110", 0, 3, 0, 6 },
	{ "0110110", 1, 3, 3, 6 },
	{ "0110110", 4, 6, 6, 6 },
	{ "0110110", 7, 7, 7, 7 },      /* nothing there yet */
	{ "0110110", 9, 7, 7, 7 },
	{ "H10H1", 0, 2, 2, 2 },        /* a head is no start point */
	{ "H", 0, 0, 1, 1 },
};

START_TEST(start)
{
	const struct start_row *w = &start_rows[_i];
	const size_t n = strlen(w->ring);
	struct ring r;

	ring_init(&r, RING_BYTES);
	for (size_t i = 0; i < n; i++)
		put(&r, packet(w->ring[i] == 'H' ? PKT_HEAD : PKT_DATA, i * 10,
			w->ring[i] == 'H' ? 0 : (uint8_t)(w->ring[i] - '0'), 10, (nsec)i * 500 * MS), 4);
	const nsec now = n > 0 ? (nsec)(n - 1) * 500 * MS : 0;

	ck_assert_msg(ring_start(&r, w->from, now) == w->start, "%s %llu: %llu", w->ring,
		(unsigned long long)w->from, (unsigned long long)ring_start(&r, w->from, now));
	ck_assert_msg(ring_oldest_start(&r, w->from) == w->oldest, "%s", w->ring);
	ck_assert_msg(ring_newest_start(&r, w->from) == w->newest, "%s", w->ring);
	ring_fini(&r);
}
END_TEST

/* The first packet that begins at or after a position; there are gaps. */
START_TEST(at_pos)
{
	static const uint64_t pos[] = { 100, 110, 150, 160, 0x100000010 };
	static const struct { uint64_t from, pos, want; } rows[] = {
		{ 0, 0, 0 }, { 0, 100, 0 }, { 0, 101, 1 }, { 0, 110, 1 }, { 0, 111, 2 }, { 0, 150, 2 },
		{ 0, 151, 3 }, { 0, 161, 4 }, { 0, 0x100000010, 4 }, { 0, 0x100000011, 5 },
		{ 2, 0, 2 }, { 2, 155, 3 }, { 5, 0, 5 }, { 9, 0, 5 },
	};
	struct ring r;

	ring_init(&r, RING_BYTES);
	ck_assert_uint_eq(ring_at_pos(&r, 0, 0), 0);
	for (size_t i = 0; i < NELEM(pos); i++)
		put(&r, packet(PKT_DATA, pos[i], 0, 10, 0), 4);
	for (size_t i = 0; i < NELEM(rows); i++)
		ck_assert_msg(ring_at_pos(&r, rows[i].from, rows[i].pos) == rows[i].want, "%zu", i);
	ring_fini(&r);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/chan/ring");
	TCase *t = tcase_create("ring");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, keep, 0, NELEM(keep_rows));
	tcase_add_test(t, a_whole_gop_is_there);
	tcase_add_test(t, little_room);
	tcase_add_test(t, memory);
	tcase_add_test(t, clear);
	tcase_add_loop_test(t, start, 0, NELEM(start_rows));
	tcase_add_test(t, at_pos);
	suite_add_tcase(s, t);
	return s;
}
