/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync, rule by rule: what is sent when. */
#include "test/unit/pcp/synctest.h"

/* --- a tracker's word and where it goes --------------------------------------------------------- */

/* Within two seconds on every list, with everything; and off them again. */
START_TEST(listed_everywhere)
{
	struct simroot *r = net.root;

	sim_announce(&r[0], 7, 0, 1);
	sim_pass(&net, 2 * SEC);
	for (int i = 1; i < 3; i++) {
		const struct hit want = sim_host(7, 0);
		const struct simhit *x = sim_hit_find(&r[i], &want);

		ck_assert(sim_lists(&r[i], 7, 0));
		ck_assert_str_eq(sim_info_find(&r[i], &want.chan)->name, "channel 7, version 1");
		ck_assert_uint_eq(x->h.listeners, want.listeners);
		ck_assert_uint_eq(x->h.version, 1218);
		ck_assert_uint_eq(x->h.flags, want.flags);
		ck_assert(host_equal(&x->h.rhost[0], &want.rhost[0]));
		ck_assert_uint_eq(x->by, id_of(&r[0]));
	}
	sim_stop(&r[0], 7, 0);
	sim_pass(&net, SEC);
	for (int i = 1; i < 3; i++) {
		ck_assert(!sim_lists(&r[i], 7, 0));
		ck_assert_uint_eq(r[i].gone, 1);
	}
	ck_assert_uint_eq(r[0].shown, 0);
}
END_TEST

/* The bytes of 4.1: a LIVE of one new tracker, and of its end. */
START_TEST(live_bytes)
{
	struct simroot *r = net.root;
	const struct hit h = sim_host(7, 0);
	struct synclive l;
	struct syncpkt p;
	nsec at;

	sim_announce(r, 7, 0, 1);
	sim_pass(&net, 3 * SEC);
	ck_assert(sent(r, SYNC_LIVE, 0, &p, &at));
	ck_assert_int_eq(at - SIM_START, SEC);  /* livesyncFlush */
	ck_assert_uint_eq(p.instance, id_of(r));
	ck_assert(synclive_next(&p, &l));
	ck_assert(gnuid_equal(&l.chan, &h.chan));
	ck_assert_uint_eq(l.flags, SYNC_SEEDING | SYNC_COMPLETE);
	ck_assert_uint_eq(l.flg1, h.flags);
	ck_assert(!synclive_next(&p, &l));
	sim_stop(r, 7, 0);
	sim_pass(&net, NSEC_PER_MSEC);
	ck_assert(sent(r, SYNC_LIVE, 1, &p, &at));
	ck_assert_int_eq(at - SIM_START, 3 * SEC);      /* at once */
	ck_assert(synclive_next(&p, &l));
	ck_assert_uint_eq(l.flags, SYNC_SEEDING | SYNC_STOPPED);
	ck_assert_uint_eq(count_sent(r, SYNC_LIVE), 2);
	ck_assert_uint_eq(count_sent(r, SYNC_GONE), 1);
}
END_TEST

/* A full packet goes at once: 49 records, 48 when sealed. */
START_TEST(live_fills)
{
	struct simroot *r = net.root;

	for (uint32_t n = 1; n <= 50; n++)
		sim_announce(r, n, 0, 1);
	sim_pass(&net, 10 * NSEC_PER_MSEC);
	ck_assert_uint_eq(count_sent(r, SYNC_LIVE), 1);
	for (size_t i = 0; i < n_kept; i++) {
		struct syncpkt p;

		if (syncpkt_parse(&p, kept[i].p, kept[i].n) == ST_OK && p.kind == SYNC_LIVE)
			ck_assert_uint_eq(p.body.left, 49 * SYNC_LIVE_REC);
	}
	sim_pass(&net, SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_LIVE), 2);
}
END_TEST

/* An unchanged hit is reported once a minute, a changed one at once. */
START_TEST(renewals_are_paced)
{
	struct simroot *r = net.root;
	struct hit h = sim_host(7, 0);

	for (int k = 0; k < 25; k++) {
		sim_announce(r, 7, 0, 1);
		sim_pass(&net, 10 * SEC);
	}
	ck_assert_uint_eq(count_sent(r, SYNC_LIVE), 5);         /* 0, 60, 120, 180, 240 */
	ck_assert_uint_eq(count_sent(r, SYNC_HOSTS), 5);
	ck_assert_uint_eq(count_sent(r, SYNC_CHANINFO), 1);
	h.flags &= (uint8_t)~HIT_RELAY;
	h.heard = net.now;
	sync_own_hit(r->s, NULL, &h, net.now);
	r->next = net.now;
	sim_pass(&net, 2 * SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_LIVE), 6);
}
END_TEST

static bool has_bytes(const struct rd *r, const void *p, size_t n)
{
	for (size_t k = 0; k + n <= r->left; k++)
		if (memcmp(r->p + k, p, n) == 0)
			return true;
	return false;
}

/* Texts that change every second: one CHANINFO in 30 s, and the last one is what others have. */
START_TEST(changes_are_paced)
{
	struct simroot *r = net.root;
	const struct gnuid id = sim_chan(7);

	for (uint32_t k = 1; k <= 40; k++) {
		sim_announce(&r[0], 7, 0, k);
		sim_pass(&net, SEC);
	}
	ck_assert_uint_eq(count_sent(r, SYNC_CHANINFO), 2);
	sim_pass(&net, 25 * SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_CHANINFO), 3);
	ck_assert_str_eq(sim_info_find(&r[1], &id)->name, "channel 7, version 40");
}
END_TEST

/* Who may speak sooner does, whoever asked first. */
START_TEST(changes_in_order)
{
	static const uint32_t order[] = { 3, 1, 2 };
	struct simroot *r = net.root;
	struct syncpkt p;
	nsec at;

	for (size_t k = 0; k < 3; k++) {
		sim_announce(r, order[k], 0, 1);
		sim_pass(&net, 5 * SEC);
	}
	for (uint32_t n = 1; n <= 3; n++)
		sim_announce(r, n, 0, 2);
	sim_pass(&net, 60 * SEC);
	for (size_t k = 0; k < 3; k++) {
		const struct gnuid id = sim_chan(order[k]);

		ck_assert(sent(r, SYNC_CHANINFO, 3 + k, &p, &at));
		ck_assert_int_eq(at - SIM_START, (30 + 5 * (nsec)k) * SEC);
		ck_assert(has_bytes(&p.body, id.b, GNUID_LEN));
	}
	ck_assert_uint_eq(count_sent(r, SYNC_CHANINFO), 6);
}
END_TEST

/* Nothing is said of a channel whose name is not known; nothing of what others say. */
START_TEST(what_is_not_told_on)
{
	struct simroot *r = net.root;
	struct hit h = sim_host(7, 0);

	h.heard = net.now;
	sync_own_hit(r->s, NULL, &h, net.now);
	say_channel(r, 8);
	sim_pass(&net, 50 * SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_LIVE), 0);
	ck_assert_uint_eq(count_sent(r, SYNC_CHANINFO), 0);
	ck_assert_uint_eq(count_sent(r, SYNC_HOSTS), 0);
	ck_assert_uint_eq(count_sent(r, SYNC_DIGEST), 0);
}
END_TEST

/* Of several hosts one leaves: it alone is gone, also where LIVE cannot name it. */
START_TEST(one_of_several_leaves)
{
	struct simroot *r = net.root;
	struct chaninfo *i = sim_meta(7, 1, 1);

	for (uint32_t k = 0; k < 3; k++) {
		struct hit h = sim_host(7, k);

		h.rhost[0].port = 0;    /* firewalled, behind one address */
		h.flags |= HIT_PUSH;
		h.heard = net.now;
		sync_own_hit(r->s, i, &h, net.now);
	}
	chaninfo_unref(&i);
	sim_pass(&net, 2 * SEC);
	for (uint32_t k = 0; k < 3; k++)
		ck_assert(sim_lists(&r[1], 7, k));
	sim_stop(r, 7, 1);
	sim_pass(&net, SEC);
	ck_assert(sim_lists(&r[1], 7, 0));
	ck_assert(!sim_lists(&r[1], 7, 1));
	ck_assert(sim_lists(&r[1], 7, 2));
}
END_TEST

/* A tracker that says nothing for hitTimeout. */
/* An account of one channel: who is not in it left. */
START_TEST(account_of_one)
{
	const struct gnuid id = sim_chan(7), none = sim_chan(99);
	struct simroot *r = net.root;
	struct sync_status st;

	for (uint32_t k = 0; k < 3; k++)
		sim_announce(r, 7, k, 1);
	sim_announce(r, 8, 0, 1);
	sim_pass(&net, 2 * SEC);
	sync_own_chan_begin(r->s, &id);
	sim_announce(r, 7, 0, 1);
	sim_announce(r, 7, 2, 1);
	sync_own_chan_end(r->s, &id, SYNC_STOP, net.now);
	sim_pass(&net, SEC);
	for (int i = 1; i < 3; i++) {
		ck_assert(sim_lists(&r[i], 7, 0));
		ck_assert(!sim_lists(&r[i], 7, 1));
		ck_assert(sim_lists(&r[i], 7, 2));
	}
	sync_own_chan_begin(r->s, &id);
	sync_own_chan_end(r->s, &id, SYNC_BANNED, net.now);
	sync_own_chan_begin(r->s, &none);
	sync_own_chan_end(r->s, &none, SYNC_STOP, net.now);
	r->next = net.now;
	sim_pass(&net, SEC);
	ck_assert(!sim_lists(&r[1], 7, 0));
	ck_assert(sim_lists(&r[1], 8, 0));
	sync_status(r->s, &st, net.now);
	ck_assert_uint_eq(st.own_chans, 1);
}
END_TEST

START_TEST(own_hits_time_out)
{
	struct simroot *r = net.root;
	struct sync_status st;

	sim_announce(r, 7, 0, 1);
	sim_pass(&net, 175 * SEC);
	ck_assert(sim_lists(&r[1], 7, 0));
	sim_pass(&net, 10 * SEC);
	ck_assert(!sim_lists(&r[1], 7, 0));
	sync_status(r->s, &st, net.now);
	ck_assert_uint_eq(st.own_hits, 0);
	ck_assert_uint_eq(st.own_chans, 0);
}
END_TEST

/* A full account: what is not in it is gone. */
START_TEST(full_account)
{
	struct simroot *r = net.root;

	for (uint32_t n = 1; n <= 3; n++)
		sim_announce(r, n, 0, 1);
	sim_pass(&net, 2 * SEC);
	sync_own_begin(r->s);
	sim_announce(r, 1, 0, 1);
	sim_announce(r, 3, 0, 1);
	sim_announce(r, 4, 0, 1);
	sync_own_end(r->s, net.now);
	sim_pass(&net, 2 * SEC);
	ck_assert(sim_lists(&r[1], 1, 0));
	ck_assert(!sim_lists(&r[1], 2, 0));
	ck_assert(sim_lists(&r[1], 3, 0));
	ck_assert(sim_lists(&r[1], 4, 0));
}
END_TEST

/* IPv6 hosts go in LIVE6, and arrive. */
START_TEST(ipv6)
{
	struct simroot *r = net.root;
	struct chaninfo *i = sim_meta(7, 1, 1);
	struct hit h = sim_host(7, 0);

	ck_assert(host_parse(&h.rhost[0], "[2001:db8::7]:7144", 0));
	h.heard = net.now;
	sync_own_hit(r->s, i, &h, net.now);
	chaninfo_unref(&i);
	sim_pass(&net, 2 * SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_LIVE), 0);
	ck_assert_uint_eq(count_sent(r, SYNC_LIVE6), 1);
	ck_assert(sim_lists(&r[1], 7, 0));
	ck_assert(host_equal(&sim_hit_find(&r[1], &h)->h.rhost[0], &h.rhost[0]));
}
END_TEST

/* Long texts at the smallest MTU go in pieces, and arrive whole. */
START_TEST(long_texts)
{
	struct simroot *r = net.root;
	const struct gnuid id = sim_chan(7);
	struct hit h = sim_host(7, 0);
	struct chaninfo *i;
	struct chanmeta m;

	net.delay_max = net.delay_min;          /* sealed packets must not overtake */
	for (int k = 0; k < 2; k++) {
		r[k].conf.mtu = SYNC_MTU_MIN;
		set_key(&r[k], KEY);
		again(&r[k]);
	}
	memset(&m, 0, sizeof(m));
	m.id = id;
	for (enum chantext t = 0; t < CT_COUNT; t++)
		memset(m.text[t], 'a' + (int)t, TEXT_MAX - 1);
	i = chaninfo_new(&m);
	ck_assert_ptr_nonnull(i);
	h.heard = net.now;
	sync_own_hit(r->s, i, &h, net.now);
	r->next = net.now;
	sim_pass(&net, 3 * SEC);
	ck_assert(sim_lists(&r[1], 7, 0));
	ck_assert_str_eq(sim_info_find(&r[1], &id)->name, i->text[CT_NAME]);
	chaninfo_unref(&i);
}
END_TEST

/* --- asking and telling ------------------------------------------------------------------------- */

/* BEACON: first after its delay, then each interval, with the count. */
START_TEST(beacons)
{
	struct simroot *r = net.root;
	struct syncpkt p;
	nsec at;

	sim_announce(r, 7, 0, 1);
	say_channel(r, 8);
	for (int k = 0; k < 6; k++) {
		sim_pass(&net, 60 * SEC);
		sim_announce(r, 7, 0, 1);
		say_host(r, 8, 0);
	}
	ck_assert_uint_eq(count_sent(r, SYNC_BEACON), 3);
	for (size_t k = 0; k < 3; k++) {
		ck_assert(sent(r, SYNC_BEACON, k, &p, &at));
		ck_assert_int_eq(at - SIM_START, (240 + 60 * (nsec)k) * SEC);
		ck_assert_uint_eq(rd_be64(&p.body), 2);
	}
}
END_TEST

/* 120 s after a beacon that knows more: the best one is asked, again after 60 s, not for ever. */
START_TEST(inquiry)
{
	struct simroot *r = net.root;
	struct syncpkt p;
	nsec at;

	say_beacon(r, MINE, 37);
	sim_pass(&net, 30 * SEC);
	say_beacon(r, OTHERS, 40);
	sim_pass(&net, 30 * SEC);
	say_beacon(r, MINE, 39);
	sim_pass(&net, 59 * SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_INQUIRE), 0);
	sim_pass(&net, 400 * SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_INQUIRE), 3);
	for (size_t k = 0; k < 3; k++) {
		ck_assert(sent(r, SYNC_INQUIRE, k, &p, &at));
		ck_assert_int_eq(at - SIM_START, (120 + 60 * (nsec)k) * SEC);
		ck_assert_uint_eq(rd_be32(&p.body), OTHERS);
	}
}
END_TEST

static const struct {
	const char *name;
	uint32_t local;
	uint64_t count;
	bool asks;
} ratios[] = {
	{ "nothing there", 0, 0, false },
	{ "one there", 0, 1, true },
	{ "74 %", 74, 100, true },
	{ "75 %", 75, 100, false },
	{ "more here", 8, 4, false },
	{ "three of four", 3, 4, false },
	{ "two of three", 2, 3, true },
};

START_TEST(ratios_table)
{
	struct simroot *r = net.root;

	for (uint32_t n = 1; n <= ratios[_i].local; n++)
		sim_announce(r, n, 0, 1);
	say_beacon(r, MINE, ratios[_i].count);
	sim_pass(&net, 121 * SEC);
	ck_assert_msg(count_sent(r, SYNC_INQUIRE) == ratios[_i].asks, "%s", ratios[_i].name);
}
END_TEST

/* Any TELL: nobody is asked any more, and the own beacon waits an interval. */
START_TEST(tell_disarms)
{
	const struct synctell t = { .chan = sim_chan(3), .age_min = 1, .peak = 5 };
	struct simroot *r = net.root;
	struct wr w;
	nsec at;
	struct syncpkt p;

	say_beacon(r, MINE, 37);
	sim_pass(&net, 110 * SEC);
	w = begin_as(OTHERS, SYNC_T_TELL);
	synctell_put(&w, &t);
	say(r, &w);
	sim_pass(&net, 120 * SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_INQUIRE), 0);
	w = begin_as(OTHERS, SYNC_T_TELL);
	synctell_put(&w, &t);
	say(r, &w);
	sim_pass(&net, 61 * SEC);
	ck_assert(sent(r, SYNC_BEACON, 0, &p, &at));
	ck_assert_int_eq(at - SIM_START, 290 * SEC);
}
END_TEST

START_TEST(fast_start)
{
	struct simroot *r = net.root;
	struct syncpkt p;
	nsec at;

	r->conf.fast_start = true;
	again(r);
	say_beacon(r, MINE, 37);
	sim_pass(&net, 6 * SEC);
	ck_assert(sent(r, SYNC_INQUIRE, 0, &p, &at));
	ck_assert_int_ge(at - SIM_START, SEC);
	ck_assert_int_le(at - SIM_START, 5 * SEC);
}
END_TEST

/* An INQUIRE for us is answered with all we know, once a minute; one for another is not. */
START_TEST(telling)
{
	struct simroot *r = net.root;
	uint32_t seen = 0;
	struct synctell t;
	struct syncpkt p;

	for (uint32_t n = 1; n <= 60; n++)
		sim_announce(r, n, 0, 1);
	say_channel(r, 61);
	sim_pass(&net, 70 * SEC);
	say_inquire(r, OTHERS);
	sim_pass(&net, SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_TELL), 0);
	say_inquire(r, id_of(r));
	sim_pass(&net, SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_TELL), 2);         /* 43 and 18 */
	ck_assert(sent(r, SYNC_TELL, 0, &p, NULL));
	ck_assert_uint_eq(p.body.left, 43 * SYNC_TELL_REC);
	for (size_t k = 0; k < 2; k++) {
		ck_assert(sent(r, SYNC_TELL, k, &p, NULL));
		while (synctell_next(&p, &t)) {
			ck_assert_int_eq(t.hash, SYNC_HASH_OK);
			ck_assert_uint_eq(t.age_min, 1);
			ck_assert_uint_ge(t.peak, 1);
			seen++;
		}
	}
	ck_assert_uint_eq(seen, 61);
	say_inquire(r, id_of(r));
	sim_pass(&net, 30 * SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_TELL), 2);
	sim_pass(&net, 31 * SEC);
	say_inquire(r, id_of(r));
	sim_pass(&net, SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_TELL), 4);
}
END_TEST

/* The peak is the largest sum of listeners there was, here or told. */
START_TEST(peaks)
{
	const struct synctell t = { .chan = sim_chan(7), .age_min = 0, .peak = 41 };
	struct simroot *r = net.root;
	struct synctell got;
	struct syncpkt p;
	struct wr w;

	for (uint32_t k = 0; k < 3; k++)
		sim_announce(r, 7, k, 1);       /* 1 + 7 % 7 listeners each */
	say_inquire(r, id_of(r));
	sim_pass(&net, SEC);
	ck_assert(sent(r, SYNC_TELL, 0, &p, NULL));
	ck_assert(synctell_next(&p, &got));
	ck_assert_uint_eq(got.peak, 3);
	w = begin_as(MINE, SYNC_T_TELL);
	synctell_put(&w, &t);
	say(r, &w);
	sim_stop(r, 7, 1);
	sim_stop(r, 7, 2);
	sim_pass(&net, 61 * SEC);
	say_inquire(r, id_of(r));
	sim_pass(&net, SEC);
	ck_assert(sent(r, SYNC_TELL, 1, &p, NULL));
	ck_assert(synctell_next(&p, &got));
	ck_assert_uint_eq(got.peak, 41);
	/* It begins anew, and so does its peak. */
	sim_stop(r, 7, 0);
	sim_pass(&net, SEC);
	sim_announce(r, 7, 0, 1);
	sim_pass(&net, 61 * SEC);
	say_inquire(r, id_of(r));
	sim_pass(&net, SEC);
	ck_assert(sent(r, SYNC_TELL, 2, &p, NULL));
	ck_assert(synctell_next(&p, &got));
	ck_assert_uint_eq(got.peak, 1);
}
END_TEST

/* Who knows more than was told says so an interval later, and only what was not told. */
START_TEST(better_informed)
{
	struct synctell t = { .chan = sim_chan(1), .age_min = 0, .peak = 5 }, got;
	struct simroot *r = net.root;
	struct syncpkt p;
	struct wr w;
	nsec at;

	sim_announce(r, 1, 0, 1);
	sim_announce(r, 2, 0, 1);
	w = begin_as(OTHERS, SYNC_T_TELL);
	synctell_put(&w, &t);
	say(r, &w);
	sim_pass(&net, 59 * SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_TELL), 0);
	sim_pass(&net, 17 * SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_TELL), 1);
	ck_assert(sent(r, SYNC_TELL, 0, &p, &at));
	ck_assert(synctell_next(&p, &got));
	ck_assert(gnuid_equal(&got.chan, &(struct gnuid){ .b = { 0xc0, 0, 0, 0, 2 } }));
	ck_assert(!synctell_next(&p, &got));
	/* That was all: it does not go on. */
	w = begin_as(OTHERS, SYNC_T_TELL);
	synctell_put(&w, &t);
	say(r, &w);
	sim_pass(&net, 80 * SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_TELL), 1);
}
END_TEST

/* --- WANT and DIGEST ---------------------------------------------------------------------------- */

/* What a digest shows as unknown, or other, is asked for within two seconds, of who has it. */
START_TEST(digest_asks)
{
	struct simroot *r = net.root;
	struct syncpkt p;
	nsec at, from = net.now;
	const uint8_t *b;

	say_digest(r, 7, 1, 1, 0);
	sim_pass(&net, 3 * SEC);
	ck_assert(sent(r, SYNC_WANT, 0, &p, &at));
	ck_assert_int_le(at - from, 2 * SEC);
	ck_assert_uint_eq(rd_be32(&p.body), MINE);
	ck_assert_uint_eq(p.body.left, GNUID_LEN);
	b = rd_take(&p.body, GNUID_LEN);
	ck_assert_uint_eq(b[4], 7);
	/* The answer ends it. */
	say_channel(r, 7);
	n_kept = 0;
	sim_pass(&net, 100 * SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_WANT), 0);
}
END_TEST

/* Somebody else has asked: wait for his answer. */
START_TEST(want_is_left_to_others)
{
	struct simroot *r = net.root;
	struct wr w;

	say_digest(r, 7, 1, 1, 0);
	w = begin_ext(OTHERS, SYNC_T_WANT);
	wr_be32(&w, MINE);
	wr_bytes(&w, sim_chan(7).b, GNUID_LEN);
	say(r, &w);
	sim_pass(&net, 3 * SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_WANT), 0);
	sim_pass(&net, 4 * SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_WANT), 1);
}
END_TEST

/* Answers: 50 channels a second, CHANINFO and HOSTS each. */
START_TEST(answers_are_paced)
{
	struct simroot *r = net.root;

	for (uint32_t n = 1; n <= 80; n++)
		sim_announce(r, n, 0, 1);
	sim_pass(&net, 5 * SEC);
	n_kept = 0;
	say_want(r, id_of(r), 1, 80);
	say_want(r, id_of(r), 1, 80);           /* twice is once */
	sim_pass(&net, 4 * SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_CHANINFO), 80);
	ck_assert_uint_eq(count_sent(r, SYNC_HOSTS), 80);
	n_kept = 0;
	for (uint32_t n = 1; n <= 80; n += 16)
		say_want(r, id_of(r), n, 16);
	sim_pass(&net, SEC / 2);
	ck_assert_uint_le(count_sent(r, SYNC_CHANINFO), 75);    /* 50 at once, 25 in that time */
	n_kept = 0;
	say_want(r, OTHERS, 1, 80);
	sim_pass(&net, 2 * SEC);
	say_want(r, id_of(r), 1000, 5);
	n_kept = 0;
	sim_pass(&net, 2 * SEC);
	ck_assert_uint_eq(count_sent(r, SYNC_CHANINFO), 0);
}
END_TEST

/* Never more than 50 packets and 200 a second, whatever there is to send. */
START_TEST(send_rate)
{
	struct simroot *r = net.root;
	nsec from = net.now;

	for (uint32_t n = 1; n <= 600; n++)
		sim_announce(r, n, 0, 1);
	sim_pass(&net, 8 * SEC);
	ck_assert_uint_gt(n_kept, 1200);
	for (size_t i = 0; i < n_kept; i++)
		ck_assert_uint_le(i + 1, 50 + 1 + (size_t)((kept[i].at - from) / (SEC / 200)));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("pcp/sync");
	TCase *one = tcase_create("one"), *three = tcase_create("three");

	tcase_add_checked_fixture(one, set_up_one, tear_down);
	tcase_add_checked_fixture(three, set_up_three, tear_down);
	tcase_set_timeout(one, 60);
	tcase_set_timeout(three, 60);
	tcase_add_test(three, listed_everywhere);
	tcase_add_test(one, live_bytes);
	tcase_add_test(one, live_fills);
	tcase_add_test(one, renewals_are_paced);
	tcase_add_test(three, changes_are_paced);
	tcase_add_test(one, changes_in_order);
	tcase_add_test(one, what_is_not_told_on);
	tcase_add_test(three, one_of_several_leaves);
	tcase_add_test(three, account_of_one);
	tcase_add_test(three, own_hits_time_out);
	tcase_add_test(three, full_account);
	tcase_add_test(three, ipv6);
	tcase_add_test(three, long_texts);
	tcase_add_test(one, beacons);
	tcase_add_test(one, inquiry);
	tcase_add_loop_test(one, ratios_table, 0, NELEM(ratios));
	tcase_add_test(one, tell_disarms);
	tcase_add_test(one, fast_start);
	tcase_add_test(one, telling);
	tcase_add_test(one, peaks);
	tcase_add_test(one, better_informed);
	tcase_add_test(one, digest_asks);
	tcase_add_test(one, want_is_left_to_others);
	tcase_add_test(one, answers_are_paced);
	tcase_add_test(one, send_rate);
	suite_add_tcase(s, one);
	suite_add_tcase(s, three);
	return s;
}
