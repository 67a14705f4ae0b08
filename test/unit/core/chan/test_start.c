/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: clk_now */
/* Players of streams that have no start points: they wait, but not for ever. Relays begin where they were told. */
#include "core/chan/chan.h"

#include "test/unit/core/chan/chantest.h"
#include "test/unit/unit.h"

static nsec skew;               /* added to the clock */

nsec __real_clk_now(void);
nsec __wrap_clk_now(void);

nsec __wrap_clk_now(void)
{
	return __real_clk_now() + skew;
}

struct rig {
	struct chan *c;
	struct mbox src;
	uint32_t token, n;
	uint64_t pos;
};

static void put(struct rig *g, enum pkt_type type, uint8_t cont)
{
	struct pkt *p = mark_pkt(type, g->pos, cont, ++g->n, 1, 20);

	g->pos = pkt_end(p);
	if (type == PKT_HEAD)
		ck_assert_int_eq(chan_set_head(g->c, g->token, p), ST_OK);
	else
		ck_assert_int_eq(chan_append(g->c, g->token, &p, 1), ST_OK);
}

/* A packet of that kind every second. */
static void seconds(struct rig *g, int n, uint8_t cont)
{
	for (; n > 0; n--) {
		skew += NSEC_PER_SEC;
		put(g, PKT_DATA, cont);
	}
}

static void rig_init(struct rig *g)
{
	skew = 0;
	*g = (struct rig){ .c = chan_make(CHAN_RELAY) };
	ck_assert_int_eq(mbox_init(&g->src), ST_OK);
	ck_assert_int_eq(chan_attach(g->c, &g->src, &g->token, clk_deadline(NSEC_PER_SEC)), ST_OK);
	put(g, PKT_HEAD, 0);
}

static void rig_fini(struct rig *g)
{
	chan_detach(g->c, g->token);
	mbox_fini(&g->src);
	chan_unref(&g->c);
}

/* A player that joins, and is parked. */
static struct sink *join(struct rig *g)
{
	struct sink *k = sink_new(false, 0);
	struct pkt *head;
	uint64_t start;
	int what;

	ck_assert_int_eq(chan_join(g->c, &k->r), ST_OK);
	ck_assert_int_eq(chan_place(g->c, &k->r, CHAN_FROM_LIVE, 0, &head, &start), ST_OK);
	pkt_unref(&head);
	do {
		ck_assert_int_eq(reader_flush(&k->r, clk_deadline(NSEC_PER_SEC)), ST_OK);
		ck_assert_int_eq(chan_read(g->c, &k->r, &what), ST_OK);
	} while (!(what & CHAN_PARKED));
	return k;
}

/* How many packets it has by now. */
static uint32_t got(struct sink *k)
{
	ck_assert(tape_drain(&k->tape, k->far));
	ck_assert_str_eq(k->tape.err, "");
	return k->tape.packets;
}

static void leave(struct rig *g, struct sink *k)
{
	reader_reclaim(&k->r);
	chan_leave(g->c, &k->r);
	sink_free(k);
}

/* No flag is ever 0 (audio alone, from some encoders): whoever came first waits, whoever comes later
 * does not. */
START_TEST(never_a_start)
{
	const int wait = (int)(READER_START / NSEC_PER_SEC);
	struct sink *first, *second;
	struct rig g;

	rig_init(&g);
	seconds(&g, 1, (uint8_t)_i);
	first = join(&g);
	seconds(&g, wait - 1, (uint8_t)_i);
	ck_assert_uint_eq(got(first), 0);
	seconds(&g, 2, (uint8_t)_i);
	ck_assert_uint_eq(got(first), 2);
	second = join(&g);
	seconds(&g, 3, (uint8_t)_i);
	ck_assert_uint_eq(got(first), 5);
	ck_assert_uint_ge(got(second), 3);
	leave(&g, first);
	leave(&g, second);
	rig_fini(&g);
}
END_TEST

/* A start point in time is waited for. */
START_TEST(a_late_start)
{
	struct sink *k;
	struct rig g;

	rig_init(&g);
	seconds(&g, 3, 2);
	k = join(&g);
	seconds(&g, 10, 2);
	ck_assert_uint_eq(got(k), 0);
	put(&g, PKT_DATA, 0);
	seconds(&g, 2, 2);
	ck_assert_uint_eq(got(k), 3);
	leave(&g, k);
	rig_fini(&g);
}
END_TEST

/* The start that was promised to a relay holds while it shakes hands, as long as it is there. */
START_TEST(kept_start)
{
	struct sink *k = sink_new(true, 0);
	struct pkt *head;
	uint64_t start, first;
	struct rig g;

	rig_init(&g);
	/* before there is anything to begin with: where it will go on */
	ck_assert_int_eq(chan_place(g.c, &k->r, CHAN_FROM_POS, 0, &head, &start), ST_OK);
	pkt_unref(&head);
	ck_assert_uint_eq(start, g.pos);
	first = start;
	seconds(&g, 6, 0);
	ck_assert_int_eq(chan_place(g.c, &k->r, CHAN_FROM_HERE, 0, &head, &start), ST_OK);
	pkt_unref(&head);
	ck_assert_uint_eq(start, first);

	/* live data goes on, the start stays */
	ck_assert_int_eq(chan_place(g.c, &k->r, CHAN_FROM_POS, 0, &head, &start), ST_OK);
	pkt_unref(&head);
	first = start;
	seconds(&g, 5, 0);
	ck_assert_int_eq(chan_place(g.c, &k->r, CHAN_FROM_HERE, 0, &head, &start), ST_OK);
	pkt_unref(&head);
	ck_assert_uint_eq(start, first);
	ck_assert_uint_lt(start, g.pos - 5 * 20);

	/* left behind: as if asked anew */
	seconds(&g, 200, 0);
	ck_assert_int_eq(chan_place(g.c, &k->r, CHAN_FROM_HERE, 0, &head, &start), ST_OK);
	pkt_unref(&head);
	ck_assert_uint_ge(start, g.pos - 3 * 20);

	/* a new stream: its own start */
	g.pos = 0;
	put(&g, PKT_HEAD, 0);
	first = g.pos;
	seconds(&g, 1, 0);
	ck_assert_int_eq(chan_place(g.c, &k->r, CHAN_FROM_HERE, 0, &head, &start), ST_OK);
	pkt_unref(&head);
	ck_assert_uint_eq(start, first);
	sink_free(k);
	rig_fini(&g);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("start");
	TCase *t = tcase_create("start");

	tcase_add_loop_test(t, never_a_start, 1, 8);
	tcase_add_test(t, a_late_start);
	tcase_add_test(t, kept_start);
	suite_add_tcase(s, t);
	return s;
}
