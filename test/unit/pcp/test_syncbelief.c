/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync, rule by rule: who is believed, ids and seals. */
#include "test/unit/pcp/synctest.h"

/* --- who is believed ---------------------------------------------------------------------------- */

/* STOPPED and GONE take back what the same instance said, nothing else. */
START_TEST(own_words_alone)
{
	const struct hit h = sim_host(8, 0);
	struct simroot *r = net.root;

	say_channel(r, 8);
	say_live_as(r, OTHERS, &h, true);
	say_gone_as(r, OTHERS, 8, 1);
	ck_assert(sim_lists(r, 8, 0));
	say_live(r, 8, 0, true);
	ck_assert(!sim_lists(r, 8, 0));
	/* Nor what our own trackers say. */
	sim_announce(r, 9, 0, 1);
	say_channel(r, 9);
	ck_assert_uint_eq(r->shown, 2);         /* LIVE and HOSTS of channel 8 */
	say_gone_as(r, MINE, 9, 1);
	ck_assert_uint_eq(r->gone, 1);
	sim_pass(&net, 2 * SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_GONE), 0);
}
END_TEST

/* A tracker at two roots: one hit; when one root loses it, it stays, told by the other. */
START_TEST(two_roots_one_tracker)
{
	const struct hit h = sim_host(8, 0);
	struct simroot *r = net.root;

	say_channel(r, 8);
	sim_pass(&net, SEC);
	say_info_as(r, OTHERS, 8, 1, 1);
	say_hosts_as(r, OTHERS, &h, 1, 0);
	ck_assert_uint_eq(r->n_hits, 1);
	ck_assert_uint_eq(sim_hit_find(r, &h)->by, OTHERS);
	say_gone_as(r, OTHERS, 8, 1);
	ck_assert_uint_eq(r->gone, 0);
	ck_assert_uint_eq(sim_hit_find(r, &h)->by, MINE);
	say_gone_as(r, MINE, 8, 1);
	ck_assert_uint_eq(r->gone, 1);
}
END_TEST

/* It moves from our root to the stranger's: our word hides his, and then does not. */
START_TEST(moved_away)
{
	const struct hit h = sim_host(8, 0);
	struct simroot *r = net.root;

	sim_announce(r, 8, 0, 1);
	say_info_as(r, MINE, 8, 2, 1);
	say_host(r, 8, 0);
	ck_assert_uint_eq(r->shown, 0);
	sim_stop(r, 8, 0);
	ck_assert_uint_eq(r->shown, 1);
	ck_assert_uint_eq(sim_hit_find(r, &h)->by, MINE);
	/* So are his texts, which were not passed on while ours stood. */
	ck_assert_str_eq(sim_info_find(r, &h.chan)->name, "channel 8, version 2");
}
END_TEST

/* The first owner counts; another's info and hosts do not, until the first has gone. */
START_TEST(another_owner)
{
	const struct hit h = sim_host(8, 1);
	struct simroot *r = net.root;

	say_channel(r, 8);
	say_info_as(r, OTHERS, 8, 66, 9);
	say_hosts_as(r, OTHERS, &h, 1, 0);
	ck_assert_str_eq(sim_info_find(r, &h.chan)->name, "channel 8, version 1");
	ck_assert(!sim_lists(r, 8, 1));
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_OWNER), 1);
	sim_pass(&net, 190 * SEC);
	ck_assert_uint_eq(r->n_hits, 0);
	say_info_as(r, OTHERS, 8, 66, 9);
	say_hosts_as(r, OTHERS, &h, 1, 0);
	ck_assert_str_eq(sim_info_find(r, &h.chan)->name, "channel 8, version 66");
	ck_assert(sim_lists(r, 8, 1));
}
END_TEST

/* Info that comes before the first host is given with it; and again when all went and some came back. */
START_TEST(info_comes_with_hosts)
{
	const struct gnuid id = sim_chan(8);
	struct simroot *r = net.root;

	say_info_as(r, MINE, 8, 1, 1);
	ck_assert_ptr_null(r->infos);
	say_host(r, 8, 0);
	ck_assert_str_eq(sim_info_find(r, &id)->name, "channel 8, version 1");
	say_live(r, 8, 0, true);
	ck_assert_ptr_null(r->infos);
	say_host(r, 8, 0);
	ck_assert_str_eq(sim_info_find(r, &id)->name, "channel 8, version 1");
	/* Or when the caller says that it has lost it. */
	sim_info_find(r, &id)->times = 0;
	sync_forgotten(r->s, &id, net.now);
	ck_assert_uint_eq(sim_info_find(r, &id)->times, 1);
}
END_TEST

/* Whose info is shown changes the owner and is refused; then who had the first owner leaves. */
START_TEST(owner_changes_and_leaves)
{
	const struct hit h = sim_host(8, 0);
	struct simroot *r = net.root;
	struct wr w;

	say_info_as(r, MINE, 8, 1, 1);
	say_hosts_as(r, 3, &h, 1, 0);
	ck_assert_str_eq(sim_info_find(r, &h.chan)->name, "channel 8, version 1");
	say_info_as(r, OTHERS, 8, 2, 1);
	say_info_as(r, MINE, 8, 3, 1);
	say_info_as(r, MINE, 8, 4, 9);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_OWNER), 1);
	ck_assert_str_eq(sync_chan_name(r->s, &h.chan), "channel 8, version 2");
	ck_assert_str_eq(sim_info_find(r, &h.chan)->name, "channel 8, version 2");
	/* OTHERS' words go with its silence; then MINE's count. */
	for (int k = 0; k < 8; k++) {
		say_info_as(r, MINE, 8, 4, 9);
		sim_pass(&net, 20 * SEC);
		ck_assert(k == 7 || sync_chan_name(r->s, &h.chan) != NULL);
		say_hosts_as(r, 3, &h, 1, 0);
	}
	sim_pass(&net, 30 * SEC);
	ck_assert_ptr_null(sync_chan_name(r->s, &h.chan));
	say_info_as(r, MINE, 8, 4, 9);
	ck_assert_str_eq(sync_chan_name(r->s, &h.chan), "channel 8, version 4");
	ck_assert_str_eq(sim_info_find(r, &h.chan)->name, "channel 8, version 4");
	w = begin_ext(3, SYNC_T_BYE);
	say(r, &w);
	sim_pass(&net, 100 * SEC);
	ck_assert(sim_hit_find(r, &h) == NULL);
}
END_TEST

/* A caller that does not take what a channel says of itself says so with each hit: nobody is asked for it. */
START_TEST(info_that_is_not_taken)
{
	const struct gnuid id = sim_chan(8);
	struct simroot *r = net.root;
	size_t wants = 0;

	say_channel(r, 8);
	for (int k = 0; k < 200; k++) {
		if (k == 100)           /* no answer came to the first question: that is given up by now */
			wants = count_sent(r, SYNC_WANT);
		say_host(r, 8, 0);
		sync_forgotten(r->s, &id, net.now);
		sim_pass(&net, SEC);
	}
	ck_assert_uint_eq(count_sent(r, SYNC_WANT), wants);
	ck_assert_str_eq(sync_chan_name(r->s, &id), "channel 8, version 1");
	ck_assert_ptr_null(sync_chan_name(r->s, &(const struct gnuid){ { 1 } }));
}
END_TEST

/* The tracker moved from MINE to OTHERS, who has its newer words; MINE repeats the old ones, then has none. */
START_TEST(old_words)
{
	const struct hit h = sim_host(8, 0);
	struct simroot *r = net.root;

	say_channel(r, 8);
	sim_pass(&net, 70 * SEC);
	say_info_as(r, OTHERS, 8, 2, 1);
	say_hosts_as(r, OTHERS, &h, 1, 0);
	ck_assert_str_eq(sim_info_find(r, &h.chan)->name, "channel 8, version 2");
	say_info_as(r, MINE, 8, 3, 1);
	ck_assert_str_eq(sim_info_find(r, &h.chan)->name, "channel 8, version 2");
	say_gone_as(r, OTHERS, 8, 1);
	ck_assert_str_eq(sim_info_find(r, &h.chan)->name, "channel 8, version 3");
}
END_TEST

/* Ours counts before anybody's. */
START_TEST(our_owner)
{
	struct simroot *r = net.root;

	sim_announce(r, 8, 0, 1);
	say_info_as(r, MINE, 8, 66, 9);
	say_host(r, 8, 1);
	ck_assert(!sim_lists(r, 8, 1));
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_OWNER), 1);
	say_info_as(r, OTHERS, 8, 1, 1);
	ck_assert_uint_eq(sim_info_find(r, &(struct gnuid){ .b = { 0xc0, 0, 0, 0, 8 } })->times, 0);
}
END_TEST

/* What was heard long ago does not live anew because it is told now. */
START_TEST(ages_are_told)
{
	const struct hit h = sim_host(8, 0);
	struct simroot *r = net.root;

	say_info_as(r, MINE, 8, 1, 1);
	say_hosts_as(r, MINE, &h, 1, 170);
	ck_assert(sim_lists(r, 8, 0));
	ck_assert_int_eq(net.now - sim_hit_find(r, &h)->h.heard, 170 * SEC);
	sim_pass(&net, 15 * SEC);
	ck_assert(!sim_lists(r, 8, 0));
	say_hosts_as(r, MINE, &h, 1, 180);
	ck_assert(!sim_lists(r, 8, 0));
}
END_TEST

/* What a later version may add is passed over: atoms between the hosts, flags. */
START_TEST(unknown_atoms)
{
	const struct hit h[2] = { sim_host(7, 0), sim_host(7, 1) };
	struct simroot *r = net.root;
	struct atomwr aw;
	struct buf b;
	struct wr w;

	say_info_as(r, MINE, 7, 1, 1);
	w = wr_of(pkt, sizeof(pkt));
	syncpkt_begin_ext(&w, MINE, SYNC_T_HOSTS, 0xfc, 0, 1, ++msg);
	wr_bytes(&w, h[0].chan.b, GNUID_LEN);
	buf_init(&b, 8192);
	atomwr_init(&aw, &b);
	for (size_t k = 0; k < 2; k++) {
		atomwr_u32(&aw, ATOM_ID4('n', 'e', 'w', 0), 1);
		atomwr_u16(&aw, ATOM_ID4('m', 'o', 'r', 'e'), 2);
		hostatom_emit(&aw, &h[k], false);
	}
	put_buf(&w, &b);
	say(r, &w);
	ck_assert(sim_lists(r, 7, 0));
	ck_assert(sim_lists(r, 7, 1));
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_ATOM), 0);
}
END_TEST

/* A LIVE that was overtaken by the end does not bring it back; what is newer does. */
START_TEST(overtaken)
{
	struct simroot *r = net.root;
	struct wr w;

	say_channel(r, 8);
	say_gone_as(r, MINE, 8, 1);
	ck_assert_uint_eq(r->gone, 1);
	say_live(r, 8, 0, false);
	ck_assert_uint_eq(r->n_hits, 0);
	msg -= 2;
	say_info_as(r, MINE, 8, 3, 1);          /* has the number of what was before: had */
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_DUPLICATE), 1);
	msg += 1;
	say_channel(r, 8);
	ck_assert(sim_lists(r, 8, 0));
	/* And after BYE. */
	w = begin_ext(MINE, SYNC_T_BYE);
	say(r, &w);
	say_live(r, 9, 0, false);
	ck_assert_uint_eq(r->n_hits, 1);
	ck_assert_uint_gt(sim_dropped(r, SYNC_DROP_OVERTAKEN), 0);
}
END_TEST

/* BYE: ghostTimeout, then gone; unless it was not the last word. */
START_TEST(bye)
{
	struct simroot *r = net.root;
	struct sync_instance in[2];
	struct wr w;

	say_channel(r, 8);
	sim_pass(&net, 10 * SEC);
	w = begin_ext(MINE, SYNC_T_BYE);
	say(r, &w);
	ck_assert_uint_eq(sync_instances(r->s, in, 2), 1);
	ck_assert(in[0].bye);
	sim_pass(&net, 58 * SEC);
	ck_assert(sim_lists(r, 8, 0));
	sim_pass(&net, 5 * SEC);
	ck_assert(!sim_lists(r, 8, 0));

	say_channel(r, 8);
	w = begin_ext(MINE, SYNC_T_BYE);
	say(r, &w);
	sim_pass(&net, 30 * SEC);
	say_host(r, 8, 0);
	sim_pass(&net, 60 * SEC);
	ck_assert(sim_lists(r, 8, 0));
}
END_TEST

START_TEST(goodbye_is_said)
{
	struct simroot *r = net.root;

	sync_bye(r->s, net.now);
	ck_assert_uint_eq(count_sent(r, SYNC_BYE), 1);
}
END_TEST

/* --- ids and seals ------------------------------------------------------------------------------ */

static void echo_first(struct simroot *r, const struct host *from)
{
	ck_assert_uint_gt(n_kept, 0);
	sync_input(r->s, kept[0].p, kept[0].n, from, net.now);
}

/* Our own packets come back: nothing. Our id on what we did not send: another id, and all is said anew. */
static void ids(const char *key)
{
	struct simroot *r = net.root;
	struct sync_status st;
	uint32_t id;
	struct wr w;

	if (key != NULL) {
		set_key(r, key);
		again(r);
	}
	sim_announce(r, 7, 0, 1);
	sim_pass(&net, 2 * SEC);
	id = id_of(r);
	echo_first(r, &stranger);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_ECHO), 1);
	ck_assert_uint_eq(id_of(r), id);
	n_kept = 0;
	w = begin_as(id, SYNC_T_BEACON);
	wr_be64(&w, 3);
	if (key != NULL) {
		uint8_t out[64];
		size_t n = sync_seal(&r->conf.keys, w.p, w.len, (uint64_t)sim_wall(r), out);

		sync_input(r->s, out, n, &stranger, net.now);
	} else {
		say(r, &w);
	}
	r->next = net.now;
	sync_status(r->s, &st, net.now);
	ck_assert_uint_eq(st.dropped[SYNC_DROP_COLLISION], 1);
	ck_assert_uint_eq(st.id_changes, 1);
	ck_assert_uint_ne(st.instance, id);
	ck_assert_uint_ne(st.instance, 0);
	sim_pass(&net, 2 * SEC);
	ck_assert_uint_ge(n_kept, 3);           /* LIVE, CHANINFO, HOSTS */
	/* Not again and again. */
	w = begin_as(st.instance, SYNC_T_BEACON);
	wr_be64(&w, 3);
	if (key == NULL) {
		say(r, &w);
		ck_assert_uint_eq(id_of(r), st.instance);
	}
}

START_TEST(ids_plain)
{
	ids(NULL);
}
END_TEST

START_TEST(ids_sealed)
{
	ids(KEY);
}
END_TEST

/* Two roots that start with the same id find out, and list each other's channels. */
START_TEST(collision)
{
	struct simroot *r = net.root;

	for (int i = 0; i < 2; i++) {
		r[i].force_id = 0x11111111;
		again(&r[i]);
	}
	ck_assert_uint_eq(id_of(&r[0]), id_of(&r[1]));
	sim_announce(&r[0], 1, 0, 1);
	sim_announce(&r[1], 2, 0, 1);
	sim_pass(&net, 5 * SEC);
	ck_assert_uint_ne(id_of(&r[0]), id_of(&r[1]));
	ck_assert(sim_lists(&r[1], 1, 0));
	ck_assert(sim_lists(&r[0], 2, 0));
	ck_assert(sim_lists(&r[2], 1, 0));
	ck_assert(sim_lists(&r[2], 2, 0));
}
END_TEST

static void seal_and_say(struct simroot *r, const struct sync_keys *k, struct wr *w, int64_t off_ms)
{
	uint8_t out[SYNC_MTU_MAX];
	const size_t n = sync_seal(k, w->p, w->len, (uint64_t)(sim_wall(r) + off_ms), out);

	sync_input(r->s, out, n, &stranger, net.now);
}

/* With a key, what is not sealed with it, or comes twice, or is old, changes nothing. */
START_TEST(sealed)
{
	struct simroot *r = net.root;
	struct sync_keys other;
	struct sync_instance in;
	struct wr w;

	ck_assert_int_eq(sync_keys_parse(&other, "1:ff0102030405060708090a0b0c0d0e0f", 34, NULL), ST_OK);
	set_key(r, KEY);
	again(r);
	say_channel(r, 1);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_UNSEALED), 3);
	w = live_of(1);
	seal_and_say(r, &other, &w, 0);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_SEAL), 1);
	w = live_of(1);
	seal_and_say(r, &r->conf.keys, &w, -300001);
	w = live_of(1);
	seal_and_say(r, &r->conf.keys, &w, 300001);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_TIME), 2);
	ck_assert_uint_eq(r->shown, 0);
	ck_assert_uint_eq(sync_instances(r->s, &in, 1), 0);

	w = live_of(1);
	seal_and_say(r, &r->conf.keys, &w, 45000);
	ck_assert_uint_eq(r->shown, 1);
	ck_assert_uint_eq(sync_instances(r->s, &in, 1), 1);
	ck_assert(in.sealed && in.has_offset);
	ck_assert_int_eq(in.offset_ms, 45000);
	w = live_of(2);
	seal_and_say(r, &r->conf.keys, &w, 45000);
	w = live_of(2);
	seal_and_say(r, &r->conf.keys, &w, 44999);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_REPLAY), 2);
	ck_assert_uint_eq(r->shown, 1);
	w = live_of(2);
	seal_and_say(r, &r->conf.keys, &w, 45001);
	ck_assert_uint_eq(r->shown, 2);
	/* All we send is sealed, each with a later time. */
	sim_announce(r, 3, 0, 1);
	sim_pass(&net, 2 * SEC);
	ck_assert_uint_ge(n_kept, 3);
	for (size_t i = 0; i < n_kept; i++) {
		struct rd rd = rd_of(kept[i].p, kept[i].n);
		uint64_t last = i > 0 ? 1 : 0;
		struct rd before = rd_of(kept[i > 0 ? i - 1 : 0].p, SYNC_SEAL_HEAD);

		(void)rd_take(&rd, 12);
		(void)rd_take(&before, 12);
		last = last != 0 ? rd_be64(&before) : 0;
		ck_assert_uint_gt(rd_be64(&rd), last);
		ck_assert_mem_eq(kept[i].p + 4, "\x50\x43\x01\xff", 4);
	}
}
END_TEST

/* The envelope is no way to nest envelopes; a sealed packet where nobody has a key is not one. */
START_TEST(sealed_oddly)
{
	struct simroot *r = net.root;
	struct wr w;

	w = begin_as(MINE, SYNC_T_SEALED);
	wr_be64(&w, 0);
	wr_be64(&w, 0);
	wr_be64(&w, 0);
	wr_be64(&w, 0);
	say(r, &w);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_SEALED), 1);
	set_key(r, KEY);
	again(r);
	w = begin_as(MINE, SYNC_T_SEALED);
	wr_be64(&w, 0);
	wr_be64(&w, 0);
	wr_be64(&w, 0);
	wr_be64(&w, 0);
	seal_and_say(r, &r->conf.keys, &w, 0);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_TYPE), 1);
}
END_TEST

/* While keys come in: both are spoken and heard. */
START_TEST(migration)
{
	struct simroot *r = net.root;

	net.delay_max = net.delay_min;
	set_key(&r[0], KEY);
	r[0].conf.plain = true;
	again(&r[0]);
	set_key(&r[1], KEY);
	again(&r[1]);
	sim_announce(&r[0], 1, 0, 1);
	sim_announce(&r[1], 2, 0, 1);
	sim_announce(&r[2], 3, 0, 1);           /* has no key */
	sim_pass(&net, 3 * SEC);
	ck_assert(sim_lists(&r[1], 1, 0));
	ck_assert(sim_lists(&r[2], 1, 0));
	ck_assert(sim_lists(&r[0], 2, 0));
	ck_assert(sim_lists(&r[0], 3, 0));
	ck_assert(!sim_lists(&r[1], 3, 0));
	ck_assert(!sim_lists(&r[2], 2, 0));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("pcp/sync, belief");
	TCase *one = tcase_create("one"), *three = tcase_create("three");

	tcase_add_checked_fixture(one, set_up_one, tear_down);
	tcase_add_checked_fixture(three, set_up_three, tear_down);
	tcase_set_timeout(one, 60);
	tcase_set_timeout(three, 60);
	tcase_add_test(one, own_words_alone);
	tcase_add_test(one, two_roots_one_tracker);
	tcase_add_test(one, moved_away);
	tcase_add_test(one, another_owner);
	tcase_add_test(one, info_comes_with_hosts);
	tcase_add_test(one, owner_changes_and_leaves);
	tcase_add_test(one, info_that_is_not_taken);
	tcase_add_test(one, old_words);
	tcase_add_test(one, our_owner);
	tcase_add_test(one, ages_are_told);
	tcase_add_test(one, unknown_atoms);
	tcase_add_test(one, overtaken);
	tcase_add_test(one, bye);
	tcase_add_test(one, goodbye_is_said);
	tcase_add_test(one, ids_plain);
	tcase_add_test(one, ids_sealed);
	tcase_add_test(three, collision);
	tcase_add_test(one, sealed);
	tcase_add_test(one, sealed_oddly);
	tcase_add_test(three, migration);
	suite_add_tcase(s, one);
	suite_add_tcase(s, three);
	return s;
}
