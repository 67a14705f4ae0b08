/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/take.h"

#include <stdio.h>

#include "core/sys/log.h"
#include "pcp/pcp.h"
#include "test/unit/servent/servtest.h"
#include "test/unit/unit.h"

#define WRAP ((uint64_t)1 << 32)

/* A channel, what feeds it, and a reader that is always there. */
struct rig {
	struct chan *c;
	struct mbox src, mine;
	struct sock sock;
	struct reader r;
	struct take t;
	nsec now;
	char seen[8192];        /* what the reader got: "H0:HEAD D4:one D8/1:two " */
	uint64_t next;          /* where the last piece of it ended */
};

static void rig_init(struct rig *g)
{
	struct chanmeta m = { .id = id_of(7) };
	struct chaninfo *i = chaninfo_new(&m);
	uint32_t token;

	log_set_level(LOG_OFF);
	memset(g, 0, sizeof(*g));
	g->now = 1000 * NSEC_PER_SEC;
	g->c = chan_new(i, CHAN_RELAY, CHAN_SRC_PEERCAST, false);
	chaninfo_unref(&i);
	ck_assert_int_eq(mbox_init(&g->src), ST_OK);
	ck_assert_int_eq(mbox_init(&g->mine), ST_OK);
	ck_assert_int_eq(chan_attach(g->c, &g->src, &token, clk_deadline(SOON)), ST_OK);
	take_init(&g->t, g->c, token);
	g->sock = (struct sock){ .fd = -1, .mb = &g->mine };
	reader_init(&g->r, &g->sock, true);
	ck_assert_int_eq(chan_join(g->c, &g->r), ST_OK);
}

static void rig_fini(struct rig *g)
{
	chan_leave(g->c, &g->r);
	reader_fini(&g->r);
	take_fini(&g->t);
	chan_detach(g->c, g->t.token);
	mbox_fini(&g->src);
	mbox_fini(&g->mine);
	chan_unref(&g->c);
}

/* Everything that is there for the reader; f looks at each packet. */
static void drain(struct rig *g, void (*f)(struct rig *, struct pkt *))
{
	int what = 0;

	while (!(what & CHAN_PARKED)) {
		ck_assert_int_eq(chan_read(g->c, &g->r, &what), ST_OK);
		for (; g->r.i_taken < g->r.n_taken; g->r.i_taken++) {
			f(g, g->r.taken[g->r.i_taken]);
			pkt_unref(&g->r.taken[g->r.i_taken]);
		}
	}
	reader_reclaim(&g->r);
}

static void write_down(struct rig *g, struct pkt *p)
{
	size_t at = strlen(g->seen);
	char cont[8] = "";

	if (p->cont != 0)
		snprintf(cont, sizeof(cont), "/%u", p->cont);
	snprintf(g->seen + at, sizeof(g->seen) - at, "%c%llu%s:%.*s ", p->type == PKT_HEAD ? 'H' : 'D',
		(unsigned long long)p->pos, cont, (int)p->len, (const char *)pkt_media(p));
}

static enum status feed(struct rig *g, char op, uint32_t pos, const void *data, size_t len, uint8_t cont)
{
	const struct pktatom p = { .type = op == 'h' ? ATOM_HEAD : ATOM_DATA, .pos = pos, .cont = cont,
		.data = data, .len = (uint32_t)len };
	enum status st = take_packet(&g->t, &p, g->now), flushed = take_flush(&g->t);

	return st != ST_OK ? st : flushed;
}

/* One packet after the other, a millisecond apart: "h" head, "d" data; "c" another connection, "t" so many
 * milliseconds pass. */
struct step {
	char op;
	uint32_t pos;
	const char *data;
	uint8_t cont;
};

#define H(pos, data)       { 'h', (uint32_t)(pos), data, 0 }
#define D(pos, data)       { 'd', (uint32_t)(pos), data, 0 }
#define DC(pos, data, c)   { 'd', (uint32_t)(pos), data, c }
#define CONNECTION         { 'c', 0, "", 0 }
#define PASS(ms)           { 't', ms, "", 0 }

static const struct {
	const char *name;
	struct step step[16];
	const char *seen;
	uint32_t gaps;          /* on the last connection */
	uint32_t wanted;
} rows[] = {
	{ "a stream", { H(0, "HEAD"), D(4, "one "), DC(8, "two ", 2) }, "H0:HEAD D4:one  D8/2:two  ", 0, 12 },
	{ "joined in the middle", { H(0, "HEAD"), D(5000, "one "), D(5004, "two ") },
		"H0:HEAD D5000:one  D5004:two  ", 0, 5008 },
	{ "no head", { D(5000, "one "), D(5004, "two ") }, "D5000:one  D5004:two  ", 0, 5008 },
	{ "nothing yet", { PASS(1) }, "", 0, 0 },
	{ "empty packets", { H(0, "HEAD"), D(4, ""), D(4, "one ") }, "H0:HEAD D4:one  ", 0, 8 },
	{ "known ones", { H(0, "HEAD"), D(4, "one "), D(8, "two "), D(4, "one "), D(8, "two "), D(12, "end ") },
		"H0:HEAD D4:one  D8:two  D12:end  ", 0, 16 },
	{ "a gap", { H(0, "HEAD"), D(4, "one "), D(20, "two ") }, "H0:HEAD D4:one  D20:two  ", 1, 24 },
	{ "cut elsewhere", { H(0, "HEAD"), D(4, "abcdefgh"), CONNECTION, H(0, "HEAD"), D(8, "efghIJKL") },
		"H0:HEAD D4:abcdefgh D12/1:IJKL ", 0, 16 },
	{ "head again", { H(0, "HEAD"), D(4, "one "), H(0, "HEAD"), D(8, "two ") },
		"H0:HEAD D4:one  D8:two  ", 0, 12 },
	{ "another upstream goes on", { H(0, "HEAD"), D(4, "one "), D(8, "two "), CONNECTION, H(0, "HEAD"),
		D(4, "one "), D(8, "two "), D(12, "end ") }, "H0:HEAD D4:one  D8:two  D12:end  ", 0, 16 },
	{ "another upstream is ahead", { H(0, "HEAD"), D(4, "one "), CONNECTION, H(0, "HEAD"), D(100, "end ") },
		"H0:HEAD D4:one  D100:end  ", 1, 104 },
	{ "another head", { H(0, "HEAD"), D(4, "one "), H(0, "head"), D(4, "two ") },
		"H0:HEAD D4:one  H0:head D4:two  ", 0, 8 },
	{ "another head further on", { H(0, "HEAD"), D(4, "one "), H(8, "head"), D(12, "two ") },
		"H0:HEAD D4:one  H8:head D12:two  ", 0, 16 },
	{ "begun anew, equal head", { H(0, "HEAD"), D(4, "one "), D(8, "two "), H(0, "HEAD"), D(4, "new ") },
		"H0:HEAD D4:one  D8:two  H0:HEAD D4:new  ", 0, 8 },
	{ "begun anew, not noticed", { H(0, "HEAD"), D(4, "one "), D(8, "0123456789012345678901234567890123456789"),
		CONNECTION, H(0, "HEAD"), D(4, "a"), PASS(9900), D(5, "b"), PASS(200), D(6, "c"), D(7, "d") },
		"H0:HEAD D4:one  D8:0123456789012345678901234567890123456789 H0:HEAD D6:c D7:d ", 0, 8 },
	{ "only behind", { H(0, "HEAD"), D(4, "one "), D(8, "0123456789012345678901234567890123456789"),
		CONNECTION, H(0, "HEAD"), D(8, "01"), PASS(9900), D(10, "2345678901234567890123"), PASS(200),
		D(32, "4567890123456789"), D(48, "end ") },
		"H0:HEAD D4:one  D8:0123456789012345678901234567890123456789 D48:end  ", 0, 52 },
	{ "the last one for ever", { H(0, "HEAD"), D(4, "one "), PASS(8000), D(4, "one "), PASS(8000),
		D(4, "one "), PASS(8000), D(4, "one "), D(8, "two ") }, "H0:HEAD D4:one  D8:two  ", 0, 12 },
	{ "over 2^32", { H(WRAP - 12, "HEAD"), D(WRAP - 8, "one "), D(WRAP - 4, "two "), D(0, "end "), D(4, "more") },
		"H4294967284:HEAD D4294967288:one  D4294967292:two  D4294967296:end  D4294967300:more ", 0, 8 },
	{ "over 2^32 in one packet", { H(0, "HEAD"), D(WRAP - 2, "one "), D(2, "two ") },
		"H0:HEAD D4294967294:one  D4294967298:two  ", 0, 6 },
	{ "another upstream at 2^32", { H(0, "HEAD"), D(WRAP - 8, "one "), D(WRAP - 4, "two "), CONNECTION,
		H(0, "HEAD"), D(WRAP - 8, "one "), D(WRAP - 4, "two "), D(0, "end ") },
		"H0:HEAD D4294967288:one  D4294967292:two  D4294967296:end  ", 0, 4 },
	{ "2^32 is wanted", { H(0, "HEAD"), D(WRAP - 4, "one ") }, "H0:HEAD D4294967292:one  ", 0, UINT32_MAX },
};

START_TEST(steps)
{
	struct rig g;

	rig_init(&g);
	for (size_t i = 0; i < NELEM(rows[_i].step) && rows[_i].step[i].op != '\0'; i++) {
		const struct step *s = &rows[_i].step[i];

		if (s->op == 'c')
			take_begin(&g.t);
		else if (s->op == 't')
			g.now += s->pos * NSEC_PER_MSEC;
		else
			ck_assert_int_eq(feed(&g, s->op, s->pos, s->data, strlen(s->data), s->cont), ST_OK);
		g.now += NSEC_PER_MSEC;
		drain(&g, write_down);
	}
	ck_assert_msg(strcmp(g.seen, rows[_i].seen) == 0, "%s: %s", rows[_i].name, g.seen);
	ck_assert_msg(g.t.gaps == rows[_i].gaps, "%s: %u gaps", rows[_i].name, g.t.gaps);
	ck_assert_msg(take_wanted(&g.t) == rows[_i].wanted, "%s: wanted %u", rows[_i].name, take_wanted(&g.t));
	rig_fini(&g);
}
END_TEST

/* --- limits --------------------------------------------------------------------------------------- */

START_TEST(long_packets)
{
	static uint8_t big[MAX(PKT_HEAD_MAX, PKT_DATA_MAX) + 1];
	struct rig g;

	rig_init(&g);
	ck_assert_int_eq(feed(&g, 'h', 0, big, PKT_HEAD_MAX, 0), ST_OK);
	ck_assert_int_eq(feed(&g, 'd', PKT_HEAD_MAX, big, PKT_DATA_MAX, 2), ST_OK);
	ck_assert_uint_eq(g.t.next, PKT_HEAD_MAX + PKT_DATA_MAX);
	ck_assert_int_eq(feed(&g, 'd', PKT_HEAD_MAX + PKT_DATA_MAX, big, PKT_DATA_MAX + 1, 0), ST_LIMIT);
	ck_assert_int_eq(feed(&g, 'h', 0, big, PKT_HEAD_MAX + 1, 0), ST_LIMIT);
	rig_fini(&g);
}
END_TEST

/* A few heads at once are an encoder's beginning; after that one a second counts, and twenty in a minute are
 * the end (B56). */
START_TEST(many_heads)
{
	enum status st = ST_OK;
	uint32_t taken = 0, n = 0;
	struct rig g;

	rig_init(&g);
	for (; st == ST_OK && n < 100; n++) {
		const uint32_t stream = g.t.head != NULL ? g.t.head->bytes[g.t.head->frame_len] : UINT32_MAX;
		const uint8_t mark = (uint8_t)n;

		st = feed(&g, 'h', 0, &mark, 1, 0);
		taken += st == ST_OK && stream != g.t.head->bytes[g.t.head->frame_len];
		g.now += 100 * NSEC_PER_MSEC;
	}
	ck_assert_int_eq(st, ST_LIMIT);
	ck_assert_uint_eq(n, 21);
	ck_assert_uint_eq(taken, 4 + 1);        /* at 0, 0.1, 0.2, 0.3 s, and at 1.3 s */
	rig_fini(&g);

	rig_init(&g);
	for (n = 0; n < 200; n++) {             /* but one every four seconds may go on */
		const uint8_t mark = (uint8_t)n;

		ck_assert_int_eq(feed(&g, 'h', 0, &mark, 1, 0), ST_OK);
		ck_assert_uint_eq(g.t.head->bytes[g.t.head->frame_len], mark);
		g.now += 4 * NSEC_PER_SEC;
	}
	rig_fini(&g);
}
END_TEST

/* Positions that jump about (B55; media.md 9.1 row 33). */
START_TEST(jumps)
{
	const uint32_t far = 200u << 20;
	enum status st = ST_OK;
	uint32_t n = 0;
	struct rig g;

	rig_init(&g);
	ck_assert_int_eq(feed(&g, 'h', 0, "HEAD", 4, 0), ST_OK);
	ck_assert_int_eq(feed(&g, 'd', 4, "one ", 4, 0), ST_OK);
	for (; st == ST_OK && n < 100; n++)
		st = feed(&g, 'd', n % 2 == 0 ? far : 4, "jump", 4, 0);
	ck_assert_int_eq(st, ST_LIMIT);
	ck_assert_uint_eq(n, 6);
	rig_fini(&g);
}
END_TEST

START_TEST(closed)
{
	struct rig g;

	rig_init(&g);
	ck_assert_int_eq(feed(&g, 'h', 0, "HEAD", 4, 0), ST_OK);
	chan_close(g.c);
	ck_assert_int_eq(feed(&g, 'd', 4, "one ", 4, 0), ST_STOPPED);
	ck_assert_int_eq(feed(&g, 'h', 0, "head", 4, 0), ST_STOPPED);
	rig_fini(&g);
}
END_TEST

START_TEST(forget)
{
	struct rig g;

	rig_init(&g);
	ck_assert_int_eq(feed(&g, 'h', 0, "HEAD", 4, 0), ST_OK);
	ck_assert_int_eq(feed(&g, 'd', 4, "one ", 4, 0), ST_OK);
	ck_assert_uint_eq(take_wanted(&g.t), 8);
	take_forget(&g.t);
	ck_assert_uint_eq(take_wanted(&g.t), 0);
	ck_assert_ptr_null(g.t.head);
	rig_fini(&g);
}
END_TEST

/* --- any number of upstreams ---------------------------------------------------------------------- */

static uint32_t seed;

static uint32_t chance(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static uint8_t byte_at(uint64_t pos)
{
	return (uint8_t)((pos * 2654435761u) >> 13);
}

static void expect_stream(struct rig *g, struct pkt *p)
{
	if (p->type == PKT_HEAD) {
		ck_assert_uint_eq(g->next, 0);
		return;
	}
	ck_assert_msg(g->next == 0 || p->pos == g->next, "%llu instead of %llu",
		(unsigned long long)p->pos, (unsigned long long)g->next);
	for (uint32_t i = 0; i < p->len; i++)
		ck_assert_uint_eq(pkt_media(p)[i], byte_at(p->pos + i));
	g->next = pkt_end(p);
}

/* One stream over 2^32, from upstreams that cut it as they please and begin anywhere in what is known: the
 * reader gets every byte once. */
START_TEST(changes)
{
	const uint64_t start = WRAP - 20000, stop = WRAP + 20000;
	struct rig g;

	seed = (uint32_t)_i + 1;
	rig_init(&g);
	while (g.t.next < stop) {
		uint64_t pos = g.t.head == NULL ? start : g.t.next - chance((uint32_t)MIN(g.t.next - start + 1, 5000u));
		const uint32_t packets = chance(30);

		take_begin(&g.t);
		ck_assert_int_eq(feed(&g, 'h', (uint32_t)(start - 4), "HEAD", 4, 0), ST_OK);
		for (uint32_t i = 0; i < packets; i++) {
			uint8_t data[700];
			const uint32_t n = 1 + chance(sizeof(data));

			for (uint32_t k = 0; k < n; k++)
				data[k] = byte_at(pos + k);
			ck_assert_int_eq(feed(&g, 'd', (uint32_t)pos, data, n, 0), ST_OK);
			ck_assert_uint_eq(g.t.gaps, 0);
			pos += n;
			g.now += 10 * NSEC_PER_MSEC;
			drain(&g, expect_stream);
		}
	}
	ck_assert_uint_eq(g.next, g.t.next);
	rig_fini(&g);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("take");
	TCase *t = tcase_create("take");

	tcase_add_loop_test(t, steps, 0, NELEM(rows));
	tcase_add_test(t, long_packets);
	tcase_add_test(t, many_heads);
	tcase_add_test(t, jumps);
	tcase_add_test(t, closed);
	tcase_add_test(t, forget);
	tcase_add_loop_test(t, changes, 0, 20);
	suite_add_tcase(s, t);
	return s;
}
