/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New heads for readers that are not all alike: the count that begins anew, players that end at a head, and
 * players that write by themselves. */
#include "core/chan/chan.h"

#include "test/unit/core/chan/chantest.h"
#include "test/unit/unit.h"

#define SOON clk_deadline(20 * NSEC_PER_SEC)

struct rig {
	struct chan *c;
	struct mbox src;
	uint32_t token, n, gen;
	uint64_t pos;
};

enum how { FIRST, ANOTHER, RENEWED };

static void head(struct rig *g, enum how how)
{
	struct pkt *p;

	g->gen += how != RENEWED;
	p = mark_pkt(PKT_HEAD, 0, 0, ++g->n, g->gen, 20);
	g->pos = 20;
	ck_assert_int_eq((how == RENEWED ? chan_renew : chan_set_head)(g->c, g->token, p), ST_OK);
}

static void data(struct rig *g, uint8_t cont)
{
	struct pkt *p = mark_pkt(PKT_DATA, g->pos, cont, ++g->n, g->gen, 20);

	g->pos += 20;
	ck_assert_int_eq(chan_append(g->c, g->token, &p, 1), ST_OK);
}

static void rig_init(struct rig *g)
{
	*g = (struct rig){ .c = chan_make(CHAN_BROADCAST) };
	ck_assert_int_eq(mbox_init(&g->src), ST_OK);
	ck_assert_int_eq(chan_attach(g->c, &g->src, &g->token, SOON), ST_OK);
	head(g, FIRST);
	data(g, 0);
}

static void rig_fini(struct rig *g)
{
	chan_detach(g->c, g->token);
	mbox_fini(&g->src);
	chan_unref(&g->c);
}

static void join(struct rig *g, struct sink *k)
{
	struct pkt *h;
	uint64_t start;

	ck_assert_int_eq(chan_join(g->c, &k->r), ST_OK);
	ck_assert_int_eq(chan_place(g->c, &k->r, CHAN_FROM_LIVE, 0, &h, &start), ST_OK);
	pkt_unref(&h);
}

/* What a servent does until it is parked; how many packets the other end has by then. */
static uint32_t turn(struct rig *g, struct sink *k)
{
	int what;

	reader_reclaim(&k->r);
	do {
		ck_assert_int_eq(reader_flush(&k->r, SOON), ST_OK);
		ck_assert_int_eq(chan_read(g->c, &k->r, &what), ST_OK);
	} while (!(what & CHAN_PARKED));
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

/* 0: it was parked all the time; 1: it comes back later */
START_TEST(renewed)
{
	struct sink *player = sink_new(false, 0), *relay = sink_new(true, 0);
	struct chan_view v;
	uint32_t stream;
	struct rig g;

	rig_init(&g);
	join(&g, player);
	join(&g, relay);
	if (_i == 0) {
		ck_assert_uint_eq(turn(&g, player), 1);
		ck_assert_uint_eq(turn(&g, relay), 1);
	}
	chan_view(g.c, &v);
	stream = v.stream;
	chan_view_fini(&v);
	head(&g, RENEWED);
	data(&g, 0);
	chan_view(g.c, &v);
	ck_assert_uint_ne(v.stream, stream);
	ck_assert_uint_eq(v.oldest, 0);
	ck_assert_uint_eq(v.pos, 40);
	chan_view_fini(&v);
	turn(&g, player);
	turn(&g, relay);
	ck_assert_uint_eq(player->tape.heads, 0);
	ck_assert_uint_eq(relay->tape.heads, 1);
	ck_assert_uint_eq(player->tape.n, g.n);
	/* another head is told to both, and what renews that one to relays alone */
	head(&g, ANOTHER);
	data(&g, 0);
	head(&g, RENEWED);
	data(&g, 0);
	turn(&g, player);
	turn(&g, relay);
	ck_assert_uint_eq(player->tape.heads, 1);
	ck_assert_uint_eq(player->tape.n, g.n);
	ck_assert_uint_ge(relay->tape.heads, 2);
	leave(&g, player);
	leave(&g, relay);
	rig_fini(&g);
}
END_TEST

/* A player that was away while two heads came has none of them: it gets the newest, though that renews
 * another. */
START_TEST(renewed_what_was_missed)
{
	struct sink *k = sink_new(false, 0);
	struct rig g;

	rig_init(&g);
	join(&g, k);
	head(&g, ANOTHER);
	head(&g, RENEWED);
	data(&g, 0);
	turn(&g, k);
	ck_assert_uint_eq(k->tape.heads, 1);
	ck_assert_uint_eq(k->tape.n, g.n);
	leave(&g, k);
	rig_fini(&g);
}
END_TEST

/* What only begins a file is left out for players, whoever sends; 0: the channel, 1: itself. */
START_TEST(lead)
{
	struct sink *k = sink_new(false, 0);
	struct pkt *p, *mark;
	struct rig g;

	rig_init(&g);
	join(&g, k);
	if (_i == 0)
		ck_assert_uint_eq(turn(&g, k), 1);
	mark = mark_pkt(PKT_HEAD, 0, 0, ++g.n, ++g.gen, 20);
	p = pkt_new(PKT_HEAD, 0, 0, FRAME, 25);
	ck_assert_ptr_nonnull(p);
	memset(p->bytes, 'x', FRAME + 25);
	memcpy(pkt_media(p) + 5, pkt_media(mark), 20);
	p->lead = 5;
	pkt_unref(&mark);
	g.pos = 25;
	ck_assert_int_eq(chan_set_head(g.c, g.token, p), ST_OK);
	data(&g, 0);
	turn(&g, k);
	ck_assert_uint_eq(k->tape.heads, 1);
	ck_assert_uint_eq(k->tape.n, g.n);
	ck_assert_uint_eq(atomic_load(&k->r.pos), 45);
	leave(&g, k);
	rig_fini(&g);
}
END_TEST

START_TEST(ends_at_head)
{
	struct sink *k = sink_new(false, 0);
	struct rig g;
	int what;

	rig_init(&g);
	k->r.ends_at_head = true;
	join(&g, k);
	ck_assert_uint_eq(turn(&g, k), 1);
	data(&g, 1);
	ck_assert(!reader_owns(&k->r));
	head(&g, RENEWED);              /* none that is new to it */
	ck_assert(!reader_owns(&k->r));
	data(&g, 0);
	head(&g, ANOTHER);
	ck_assert(reader_owns(&k->r));
	ck_assert(mbox_is_signalled(&k->mb));
	data(&g, 0);
	ck_assert_int_eq(chan_read(g.c, &k->r, &what), ST_OK);
	ck_assert_uint_gt(k->r.n_taken, 0);
	ck_assert(reader_cut_at_head(&k->r));
	ck_assert(!reader_cut_at_head(&k->r));
	ck_assert_int_eq(reader_flush(&k->r, SOON), ST_OK);
	ck_assert(tape_drain(&k->tape, k->far));
	ck_assert_uint_eq(k->tape.packets, 3);
	ck_assert_uint_eq(k->tape.heads, 0);
	leave(&g, k);
	rig_fini(&g);
}
END_TEST

START_TEST(writes)
{
	struct sink *k = sink_new(false, 0);
	struct pkt *p;
	struct rig g;
	int what;

	rig_init(&g);
	k->r.writes = true;
	join(&g, k);
	ck_assert_int_eq(chan_read(g.c, &k->r, &what), ST_OK);
	p = reader_take(&k->r);
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(p->type, PKT_DATA);
	pkt_unref(&p);
	ck_assert_ptr_null(reader_take(&k->r));
	ck_assert_int_eq(chan_read(g.c, &k->r, &what), ST_OK);
	ck_assert(what & CHAN_PARKED);
	data(&g, 0);
	ck_assert(reader_owns(&k->r));          /* woken, not fed */
	ck_assert(mbox_is_signalled(&k->mb));
	head(&g, RENEWED);
	data(&g, 0);
	head(&g, ANOTHER);
	data(&g, 0);
	ck_assert_int_eq(chan_read(g.c, &k->r, &what), ST_OK);
	for (uint32_t heads = 0, i = 0; i < 2; i++) {
		p = reader_take(&k->r);
		ck_assert_ptr_nonnull(p);
		heads += p->type == PKT_HEAD;
		ck_assert_uint_eq(heads, 1);
		ck_assert_uint_eq(atomic_load(&k->r.pos), pkt_end(p));
		pkt_unref(&p);
	}
	ck_assert_ptr_null(reader_take(&k->r));
	ck_assert(tape_drain(&k->tape, k->far));
	ck_assert_uint_eq(k->tape.packets, 0);
	leave(&g, k);
	rig_fini(&g);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/chan/heads");
	TCase *t = tcase_create("heads");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, renewed, 0, 2);
	tcase_add_test(t, renewed_what_was_missed);
	tcase_add_loop_test(t, lead, 0, 2);
	tcase_add_test(t, ends_at_head);
	tcase_add_test(t, writes);
	suite_add_tcase(s, t);
	return s;
}
