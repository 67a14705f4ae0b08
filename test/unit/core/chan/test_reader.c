/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: sock_try_sendv */
#include "core/chan/reader.h"

#include "core/sys/thr.h"
#include "test/unit/core/chan/chantest.h"
#include "test/unit/unit.h"

#define SOON clk_deadline(20 * NSEC_PER_SEC)

/* How much the next sends by an appender may take; SIZE_MAX = as much as the socket does. What the
 * owner sends goes past this. */
static size_t room = SIZE_MAX;
static enum status fault = ST_OK;
static struct reader *wanted;   /* its owner asks for the right while the appender sends */

enum status __real_sock_try_sendv(int fd, const struct iovec *iov, int n, size_t *sent);
enum status __wrap_sock_try_sendv(int fd, const struct iovec *iov, int n, size_t *sent);

enum status __wrap_sock_try_sendv(int fd, const struct iovec *iov, int n, size_t *sent)
{
	struct iovec cut[READER_BATCH];
	size_t left = room;
	int k = 0;

	if (wanted != NULL) {
		int was = READER_SENDING;

		ck_assert(atomic_compare_exchange_strong(&wanted->right, &was, READER_WANTED));
		wanted = NULL;
	}
	*sent = 0;
	if (fault != ST_OK)
		return fault;
	for (; k < n && left > 0; k++) {
		cut[k] = iov[k];
		cut[k].iov_len = MIN(cut[k].iov_len, left);
		left -= room == SIZE_MAX ? 0 : cut[k].iov_len;
	}
	return k == 0 ? ST_OK : __real_sock_try_sendv(fd, cut, k, sent);
}

static void setup(void)
{
	room = SIZE_MAX;
	fault = ST_OK;
	wanted = NULL;
}

/* n packets numbered from 1, the first with cont[0] ...; 40 media bytes each. */
static void packets(struct pkt **p, size_t n, const char *cont)
{
	for (size_t i = 0; i < n; i++) {
		p[i] = mark_pkt(PKT_DATA, i * 40, cont != NULL ? (uint8_t)(cont[i] - '0') : 0,
			(uint32_t)i + 1, 1, 40);
		p[i]->stream = 9;
	}
}

static void drop(struct pkt **p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		pkt_unref(&p[i]);
}

static void feed(struct sink *k, struct pkt **p, size_t n, uint64_t seq)
{
	k->r.seq = seq;
	atomic_store(&k->r.right, READER_SENDING);
	reader_feed(&k->r, p, n, seq, 77);
}

static void take(struct sink *k, struct pkt **p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		k->r.taken[k->r.n_taken++] = pkt_ref(p[i]);
}

static void arrived(struct sink *k, uint32_t n, bool at_border)
{
	ck_assert(tape_drain(&k->tape, k->far));
	ck_assert_str_eq(k->tape.err, "");
	ck_assert_uint_eq(k->tape.packets, n);
	ck_assert_int_eq(k->tape.len == 0, at_border);
}

/* --- reader_feed ------------------------------------------------------------------------------- */

/* Three packets of 40 bytes (46 with frames), and a socket that takes `room` of them. */
static const struct feed_row {
	const char *name;
	size_t room;
	bool framed;
	enum reader_right right;
	uint64_t seq;           /* after it; the first was number 100 */
	size_t off;             /* of the packet kept; 0 = none */
	uint32_t whole;         /* packets that arrived */
} feed_rows[] = {
	{ "all",                    SIZE_MAX, false, READER_PARKED, 103, 0, 3 },
	{ "all, framed",            SIZE_MAX, true,  READER_PARKED, 103, 0, 3 },
	{ "exactly all",            120, false, READER_PARKED, 103, 0, 3 },
	{ "none",                   0,   false, READER_OWN, 100, 0, 0 },
	{ "one byte",               1,   false, READER_OWN, 101, 1, 0 },
	{ "all but one of first",   39,  false, READER_OWN, 101, 39, 0 },
	{ "the first",              40,  false, READER_OWN, 101, 0, 1 },
	{ "the first and one byte", 41,  false, READER_OWN, 102, 1, 1 },
	{ "two",                    80,  false, READER_OWN, 102, 0, 2 },
	{ "all but one byte",       119, false, READER_OWN, 103, 39, 2 },
	{ "framed: a frame",        6,   true,  READER_OWN, 101, 6, 0 },
	{ "framed: into the frame", 49,  true,  READER_OWN, 102, 3, 1 },
	{ "framed: all but one",    137, true,  READER_OWN, 103, 45, 2 },
};

START_TEST(feed_table)
{
	const struct feed_row *w = &feed_rows[_i];
	struct sink *k = sink_new(w->framed, 0);
	struct pkt *p[3];

	packets(p, 3, NULL);
	room = w->room;
	k->r.moved = 1;
	feed(k, p, 3, 100);
	ck_assert_msg(atomic_load(&k->r.right) == (int)w->right, "%s: right %d", w->name,
		atomic_load(&k->r.right));
	ck_assert_msg(k->r.seq == w->seq, "%s: seq %llu", w->name, (unsigned long long)k->r.seq);
	ck_assert_msg(k->r.off == w->off && (k->r.cur != NULL) == (w->off > 0), "%s: off %zu", w->name,
		k->r.off);
	ck_assert_msg(reader_in_packet(&k->r) == (w->off > 0), "%s", w->name);
	ck_assert_msg(mbox_is_signalled(&k->mb) == (w->right == READER_OWN), "%s: wake", w->name);
	ck_assert_msg(k->r.moved == (w->room > 0 ? 77 : 1), "%s: moved", w->name);
	ck_assert_uint_eq(atomic_load(&k->s.nwritten), MIN(w->room, w->framed ? 138u : 120u));
	ck_assert_msg(atomic_load(&k->r.pos) == w->whole * 40u, "%s: pos", w->name);
	arrived(k, w->whole, w->off == 0);

	/* The owner goes on exactly there, with what it would read from the ring. */
	if (w->right == READER_OWN) {
		for (uint64_t s = k->r.seq; s < 103; s++)
			take(k, &p[s - 100], 1);
		ck_assert_int_eq(reader_flush(&k->r, SOON), ST_OK);
		ck_assert(!reader_in_packet(&k->r) && k->r.cur == NULL);
		arrived(k, 3, true);
		ck_assert_uint_eq(k->tape.n, 3);
		ck_assert_uint_eq(atomic_load(&k->r.pos), 120);
	}
	ck_assert_uint_eq(k->r.stream, 9);
	reader_reclaim(&k->r);
	sink_free(k);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(atomic_load(&p[i]->refs), 1);
	drop(p, 3);
}
END_TEST

START_TEST(feed_broken)
{
	static const enum status faults[] = { ST_EOF, ST_SYS };
	struct pkt *p[2];

	packets(p, 2, NULL);
	for (size_t i = 0; i < NELEM(faults); i++) {
		struct sink *k = sink_new(false, 0);

		fault = faults[i];
		feed(k, p, 2, 5);
		/* back to its thread, which finds out by itself; nothing lost or begun */
		ck_assert(reader_owns(&k->r) && mbox_is_signalled(&k->mb));
		ck_assert(k->r.seq == 5 && k->r.cur == NULL);
		sink_free(k);
	}
	drop(p, 2);
}
END_TEST

/* The owner wants the right while the appender sends: it gets it, with a wake, whatever was sent. */
START_TEST(feed_wanted)
{
	static const size_t rooms[] = { SIZE_MAX, 0, 10, 40, 50 };
	struct pkt *p[2];

	packets(p, 2, NULL);
	for (size_t i = 0; i < NELEM(rooms); i++) {
		struct sink *k = sink_new(false, 0);

		room = rooms[i];
		wanted = &k->r;
		feed(k, p, 2, 0);
		ck_assert_ptr_null(wanted);
		ck_assert(reader_owns(&k->r) && mbox_is_signalled(&k->mb));
		reader_reclaim(&k->r);
		for (uint64_t s = k->r.seq; s < 2; s++)
			take(k, &p[s], 1);
		ck_assert_int_eq(reader_flush(&k->r, SOON), ST_OK);
		arrived(k, 2, true);
		sink_free(k);
	}
	drop(p, 2);
}
END_TEST

static const struct start_row {
	const char *name, *cont;        /* of each packet; 'H' = a head */
	size_t room;
	bool want;                      /* still waits for a start point afterwards */
	uint32_t whole;
	uint64_t seq;
} start_rows[] = {
	{ "none is a start point", "111", SIZE_MAX, true, 0, 3 },
	{ "the second",            "101", SIZE_MAX, false, 2, 3 },
	{ "the last",              "110", SIZE_MAX, false, 1, 3 },
	{ "all",                   "000", SIZE_MAX, false, 3, 3 },
	{ "full at the start",     "101", 0, false, 0, 1 },
	{ "full after the start",  "101", 40, false, 1, 2 },
	{ "cont 2 and 4 too",      "240", SIZE_MAX, false, 1, 3 },
};

START_TEST(feed_passes_over)
{
	const struct start_row *w = &start_rows[_i];
	struct sink *k = sink_new(false, 0);
	struct pkt *p[3];

	packets(p, 3, w->cont);
	room = w->room;
	k->r.want_start = true;
	feed(k, p, 3, 0);
	ck_assert_msg(k->r.want_start == w->want, "%s", w->name);
	ck_assert_msg(k->r.seq == w->seq, "%s: seq %llu", w->name, (unsigned long long)k->r.seq);
	arrived(k, w->whole, true);
	reader_reclaim(&k->r);
	sink_free(k);
	drop(p, 3);
}
END_TEST

START_TEST(feed_head_is_never_passed_over)
{
	struct sink *k = sink_new(false, 0);
	struct pkt *p[2] = { mark_pkt(PKT_HEAD, 0, 0, 1, 1, 40), mark_pkt(PKT_DATA, 40, 1, 2, 1, 40) };

	k->r.want_start = true;
	feed(k, p, 2, 0);
	ck_assert(k->r.want_start);
	arrived(k, 1, true);
	ck_assert_uint_eq(k->tape.heads, 1);
	reader_reclaim(&k->r);
	sink_free(k);
	drop(p, 2);
}
END_TEST

/* --- reader_flush ------------------------------------------------------------------------------ */

START_TEST(flush_nothing)
{
	struct sink *k = sink_new(false, 0);

	k->r.moved = 1;
	ck_assert_int_eq(reader_flush(&k->r, SOON), ST_OK);
	ck_assert(k->r.moved == 1);
	sink_free(k);
}
END_TEST

START_TEST(flush_passes_over)
{
	struct sink *k = sink_new(true, 0);
	struct pkt *p[6];

	packets(p, 6, "110100");
	take(k, p, 6);
	k->r.want_start = true;
	ck_assert_int_eq(reader_flush(&k->r, SOON), ST_OK);
	ck_assert(tape_drain(&k->tape, k->far));
	ck_assert_uint_eq(k->tape.packets, 4);
	ck_assert_uint_eq(k->tape.n, 6);
	sink_free(k);
	drop(p, 6);
}
END_TEST

/* A full socket and a deadline: what was cut is known, and the rest can still go, every byte once. */
START_TEST(flush_is_cut_and_goes_on)
{
	struct sink *k = sink_new(true, 1);
	struct pkt *p[8];
	enum status st;
	unsigned tries = 0;

	for (uint32_t i = 0; i < 8; i++) {
		p[i] = mark_pkt(PKT_DATA, i * 3000u, (uint8_t)(i == 0), i + 1, 1, 3000);
		p[i]->stream = 4;
	}
	k->r.want_start = true;
	take(k, p, 8);
	st = reader_flush(&k->r, clk_deadline(0));
	ck_assert_int_eq(st, ST_TIMEOUT);
	ck_assert(reader_in_packet(&k->r) || k->r.n_taken > k->r.i_taken);
	do {
		const bool in = reader_in_packet(&k->r);

		ck_assert(tape_drain(&k->tape, k->far));
		/* exactly when bytes of an unfinished packet are out */
		ck_assert_int_eq(k->tape.len > 0, in);
		st = reader_flush(&k->r, clk_deadline(0));
		ck_assert(st == ST_OK || st == ST_TIMEOUT);
		ck_assert_uint_lt(++tries, 1000);
	} while (st != ST_OK);
	ck_assert_uint_gt(tries, 2);
	arrived(k, 7, true);
	ck_assert_uint_eq(k->tape.n, 8);
	ck_assert_uint_eq(k->tape.gaps, 0);
	ck_assert_uint_eq(atomic_load(&k->r.pos), 24000);
	ck_assert_uint_eq(k->r.stream, 4);
	sink_free(k);
	for (int i = 0; i < 8; i++)
		ck_assert_uint_eq(atomic_load(&p[i]->refs), 1);
	drop(p, 8);
}
END_TEST

/* As long as the peer takes something the time starts anew; when it takes nothing it is over. */
START_TEST(flush_slow)
{
	struct sink *k = sink_new(true, 1);
	struct pkt *p[16];
	unsigned tries = 0;
	enum status st;

	for (uint32_t i = 0; i < NELEM(p); i++)
		p[i] = mark_pkt(PKT_DATA, i * 3000u, 0, i + 1, 1, 3000);
	take(k, p, NELEM(p));
	do {
		const uint64_t was = atomic_load(&k->s.nwritten);

		st = reader_flush_slow(&k->r, 0);
		ck_assert(st == ST_OK || st == ST_TIMEOUT);
		ck_assert_uint_gt(atomic_load(&k->s.nwritten), was);
		if (st == ST_TIMEOUT) {
			/* full: not a byte more */
			const uint64_t full = atomic_load(&k->s.nwritten);

			ck_assert_int_eq(reader_flush_slow(&k->r, NSEC_PER_MSEC), ST_TIMEOUT);
			ck_assert_uint_eq(atomic_load(&k->s.nwritten), full);
		}
		ck_assert(tape_drain(&k->tape, k->far));
		ck_assert_uint_lt(++tries, 1000);
	} while (st != ST_OK);
	ck_assert_uint_gt(tries, 2);
	arrived(k, NELEM(p), true);
	ck_assert_uint_eq(k->tape.gaps, 0);
	sink_free(k);
	drop(p, NELEM(p));
}
END_TEST

START_TEST(flush_stopped_at_a_border)
{
	struct sink *k = sink_new(false, 0);
	struct pkt *p[2];

	packets(p, 2, NULL);
	take(k, p, 2);
	mbox_stop_soft(&k->mb);
	ck_assert_int_eq(reader_flush(&k->r, SOON), ST_STOPPED);
	ck_assert(!reader_in_packet(&k->r));
	arrived(k, 0, true);
	sink_free(k);           /* lets go of what it still holds */
	for (int i = 0; i < 2; i++)
		ck_assert_uint_eq(atomic_load(&p[i]->refs), 1);
	drop(p, 2);
}
END_TEST

START_TEST(flush_peer_gone)
{
	struct sink *k = sink_new(false, 0);
	struct pkt *p[2];

	packets(p, 2, NULL);
	take(k, p, 2);
	ck_assert_int_eq(close(k->far), 0);
	k->far = -1;
	ck_assert_int_eq(reader_flush(&k->r, SOON), ST_EOF);
	sink_free(k);
	drop(p, 2);
}
END_TEST

/* --- reader_reclaim ---------------------------------------------------------------------------- */

START_TEST(reclaim_at_once)
{
	struct sink *k = sink_new(false, 0);

	reader_reclaim(&k->r);
	ck_assert(reader_owns(&k->r));
	atomic_store(&k->r.right, READER_PARKED);
	ck_assert(!reader_owns(&k->r));
	reader_reclaim(&k->r);
	ck_assert(reader_owns(&k->r));
	ck_assert(!mbox_is_signalled(&k->mb));
	sink_free(k);
}
END_TEST

static void appender(void *arg)
{
	struct sink *k = arg;
	struct pkt *p[2];

	packets(p, 2, NULL);
	/* only when the owner stands and waits */
	while (atomic_load(&k->r.right) != READER_WANTED)
		;
	reader_feed(&k->r, p, 2, 0, 77);
	drop(p, 2);
}

/* In the middle of a send, with older wakes and mail in the way, also when stopped meanwhile. */
START_TEST(reclaim_waits_for_the_appender)
{
	struct sink *k = sink_new(false, 0);
	struct blob *b = blob_new("x", 1);
	struct thr t;

	atomic_store(&k->r.right, READER_SENDING);
	ck_assert_int_eq(mbox_post(&k->mb, b), ST_OK);
	blob_unref(&b);
	if (_i == 1)
		mbox_stop_soft(&k->mb);
	ck_assert_int_eq(thr_start(&t, "appender", appender, k), ST_OK);
	reader_reclaim(&k->r);
	ck_assert(reader_owns(&k->r));
	ck_assert_uint_eq(k->r.seq, 2);
	ck_assert_int_eq(thr_join(&t, SOON), ST_OK);
	arrived(k, 2, true);
	b = mbox_take(&k->mb);          /* the mail is still there */
	ck_assert_ptr_nonnull(b);
	blob_unref(&b);
	ck_assert(k->mb.mail);
	sink_free(k);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/chan/reader");
	TCase *t = tcase_create("reader");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, feed_table, 0, NELEM(feed_rows));
	tcase_add_test(t, feed_broken);
	tcase_add_test(t, feed_wanted);
	tcase_add_loop_test(t, feed_passes_over, 0, NELEM(start_rows));
	tcase_add_test(t, feed_head_is_never_passed_over);
	tcase_add_test(t, flush_nothing);
	tcase_add_test(t, flush_passes_over);
	tcase_add_test(t, flush_is_cut_and_goes_on);
	tcase_add_test(t, flush_slow);
	tcase_add_test(t, flush_stopped_at_a_border);
	tcase_add_test(t, flush_peer_gone);
	tcase_add_test(t, reclaim_at_once);
	tcase_add_loop_test(t, reclaim_waits_for_the_appender, 0, 2);
	suite_add_tcase(s, t);
	return s;
}
