/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync, rule by rule: what is sent when, who is believed, what is counted. A stranger speaks byte by byte. */
#include "test/unit/pcp/simnet.h"

#include "core/sys/log.h"
#include "pcp/atom.h"
#include "pcp/chanatom.h"
#include "pcp/hostatom.h"
#include "test/unit/unit.h"

#define MINE 0x5a17c0de         /* the stranger's instance */
#define OTHERS 0x00c0ffee
#define KEY "1:000102030405060708090a0b0c0d0e0f"

static struct simnet net;
static const struct host stranger = { .ip = { [10] = 0xff, [11] = 0xff, 203, 0, 113, 200 }, .port = 9696 };

/* --- what the roots send, kept ------------------------------------------------------------------ */

#define KEPT 4096

static struct {
	nsec at;
	struct simroot *by;
	size_t n;
	uint8_t p[1500];
} kept[KEPT];
static size_t n_kept;

static void keep(struct simroot *r, const uint8_t *p, size_t n)
{
	ck_assert_uint_le(n, r->conf.mtu);
	if (n_kept == KEPT)
		return;
	kept[n_kept].at = net.now;
	kept[n_kept].by = r;
	kept[n_kept].n = n;
	memcpy(kept[n_kept++].p, p, n);
}

/* The k-th packet of that kind that r sent; false = there is none. */
static bool sent(struct simroot *r, enum sync_kind kind, size_t k, struct syncpkt *p, nsec *at)
{
	for (size_t i = 0; i < n_kept; i++) {
		if (kept[i].by != r || syncpkt_parse(p, kept[i].p, kept[i].n) != ST_OK || p->kind != kind)
			continue;
		if (k-- > 0)
			continue;
		if (at != NULL)
			*at = kept[i].at;
		return true;
	}
	return false;
}

static size_t count_sent(struct simroot *r, enum sync_kind kind)
{
	struct syncpkt p;
	size_t n = 0;

	while (sent(r, kind, n, &p, NULL))
		n++;
	return n;
}

/* --- what the stranger says --------------------------------------------------------------------- */

static uint8_t pkt[SYNC_MTU_MAX + 100];
static uint32_t msg;

static struct wr begin_as(uint32_t id, uint32_t type)
{
	struct wr w = wr_of(pkt, sizeof(pkt));

	syncpkt_begin(&w, id, type);
	return w;
}

static struct wr begin_ext(uint32_t id, uint32_t type)
{
	struct wr w = wr_of(pkt, sizeof(pkt));

	syncpkt_begin_ext(&w, id, type, 0, 0, 1, ++msg);
	return w;
}

static void say_from(struct simroot *r, struct wr *w, const struct host *from)
{
	ck_assert_int_eq(w->err, ST_OK);
	sync_input(r->s, w->p, w->len, from, net.now);
	r->next = net.now;
}

static void say(struct simroot *r, struct wr *w)
{
	say_from(r, w, &stranger);
}

static void say_beacon(struct simroot *r, uint32_t id, uint64_t count)
{
	struct wr w = begin_as(id, SYNC_T_BEACON);

	wr_be64(&w, count);
	say(r, &w);
}

static void say_inquire(struct simroot *r, uint32_t whom)
{
	struct wr w = begin_as(MINE, SYNC_T_INQUIRE);

	wr_be32(&w, whom);
	say(r, &w);
}

static void say_live_as(struct simroot *r, uint32_t id, const struct hit *h, bool stopped)
{
	struct wr w = begin_as(id, host_is_v4(&h->rhost[0]) ? SYNC_T_LIVE : SYNC_T_BEACON);
	struct synclive l;

	synclive_of_hit(&l, h, stopped);
	synclive_put(&w, &l);
	say(r, &w);
}

static void say_live(struct simroot *r, uint32_t n, uint32_t k, bool stopped)
{
	const struct hit h = sim_host(n, k);

	say_live_as(r, MINE, &h, stopped);
}

static void put_buf(struct wr *w, struct buf *b)
{
	ck_assert_int_eq(b->err, ST_OK);
	wr_bytes(w, b->p, b->len);
	buf_fini(b);
}

static void say_info_as(struct simroot *r, uint32_t id, uint32_t n, uint32_t version, uint8_t owner)
{
	struct chaninfo *i = sim_meta(n, version, owner);
	struct wr w = begin_ext(id, SYNC_T_CHANINFO);
	struct atomwr aw;
	struct buf b;

	buf_init(&b, 8192);
	atomwr_init(&aw, &b);
	chanatom_emit(&aw, i, CHANATOM_BCID | CHANATOM_INFO | CHANATOM_TRCK, NULL);
	put_buf(&w, &b);
	say(r, &w);
	chaninfo_unref(&i);
}

static void say_hosts_as(struct simroot *r, uint32_t id, const struct hit *h, size_t n, uint16_t age)
{
	struct wr w = begin_ext(id, SYNC_T_HOSTS);
	struct atomwr aw;
	struct buf b;

	wr_bytes(&w, h[0].chan.b, GNUID_LEN);
	buf_init(&b, 8192);
	atomwr_init(&aw, &b);
	if (age > 0)
		atomwr_u16(&aw, SYNC_ATOM_AGE, age);
	for (size_t i = 0; i < n; i++)
		hostatom_emit(&aw, &h[i], false);
	put_buf(&w, &b);
	say(r, &w);
}

static void say_host(struct simroot *r, uint32_t n, uint32_t k)
{
	const struct hit h = sim_host(n, k);

	say_hosts_as(r, MINE, &h, 1, 0);
}

static void say_gone_as(struct simroot *r, uint32_t id, uint32_t n, uint8_t why)
{
	const struct syncgone g = { .chan = sim_chan(n), .why = why };
	struct wr w = begin_ext(id, SYNC_T_GONE);

	syncgone_put(&w, &g);
	say(r, &w);
}

static void say_digest(struct simroot *r, uint32_t n, uint8_t hash, uint16_t hosts, uint16_t age)
{
	const struct syncdigest d = { .chan = sim_chan(n), .hash = { hash }, .hosts = hosts, .age_min = age };
	struct wr w = begin_ext(MINE, SYNC_T_DIGEST);

	syncdigest_put(&w, &d);
	say(r, &w);
}

static void say_want(struct simroot *r, uint32_t whom, uint32_t first, uint32_t n)
{
	struct wr w = begin_ext(MINE, SYNC_T_WANT);

	wr_be32(&w, whom);
	for (uint32_t i = 0; i < n; i++) {
		const struct gnuid id = sim_chan(first + i);

		wr_bytes(&w, id.b, GNUID_LEN);
	}
	say(r, &w);
}

static uint32_t id_of(struct simroot *r)
{
	struct sync_status st;

	sync_status(r->s, &st, net.now);
	return st.instance;
}

/* A channel the stranger has, all of it. */
static void say_channel(struct simroot *r, uint32_t n)
{
	say_live(r, n, 0, false);
	say_info_as(r, MINE, n, 1, 1);
	say_host(r, n, 0);
}

static void set_up(size_t roots)
{
	log_set_level(LOG_OFF);
	sim_init(&net, 42, roots);
	net.tap = keep;
	n_kept = 0;
	msg = 0;
	for (size_t i = 0; i < roots; i++) {
		net.root[i].conf.fast_start = false;
		sim_up(&net.root[i]);
	}
}

static void set_up_one(void)
{
	set_up(1);
}

static void set_up_three(void)
{
	set_up(3);
}

static void tear_down(void)
{
	sim_fini(&net);
}

/* Begin anew with what was changed in its settings. */
static void again(struct simroot *r)
{
	sim_down(r, false);
	sim_up(r);
	n_kept = 0;
}

static void set_key(struct simroot *r, const char *text)
{
	ck_assert_int_eq(sync_keys_parse(&r->conf.keys, text, strlen(text), NULL), ST_OK);
}

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

static struct wr live_of(uint32_t n)
{
	const struct hit h = sim_host(n, 0);
	struct wr w = begin_as(MINE, SYNC_T_LIVE);
	struct synclive l;

	synclive_of_hit(&l, &h, false);
	synclive_put(&w, &l);
	return w;
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

/* --- bad input ---------------------------------------------------------------------------------- */

#define HEX_LIVE "5a17c0de00000000"
#define HEX_ID "c0000000070000000000000000000000"
#define HEX_TAIL "50434801"
#define HEX_EXT "0100000100000001"

static const struct {
	const char *name, *hex;
	enum sync_drop why;
} bad[] = {
	{ "nothing", "", SYNC_DROP_SHORT },
	{ "seven bytes", "5a17c0de000000", SYNC_DROP_SHORT },
	{ "a header alone", HEX_LIVE, SYNC_DROP_LENGTH },
	{ "cut", HEX_LIVE HEX_ID HEX_TAIL "c63364141be8c0", SYNC_DROP_LENGTH },
	{ "instance 0", "00000000" "00000001" "0000000000000001", SYNC_DROP_RANGE },
	{ "unknown type", "5a17c0de000000050000", SYNC_DROP_TYPE },
	{ "foreign tail", HEX_LIVE HEX_ID "00000000" "c63364141be8c037", SYNC_DROP_FOREIGN },
	{ "other mapping", HEX_LIVE HEX_ID "50434802" "c63364141be8c037", SYNC_DROP_FOREIGN },
	{ "channel 0", HEX_LIVE "00000000000000000000000000000000" HEX_TAIL "c63364141be8c037", SYNC_DROP_CHANNEL },
	{ "port 0", HEX_LIVE HEX_ID HEX_TAIL "c63364140000c037", SYNC_DROP_ADDRESS },
	{ "0.0.0.0", HEX_LIVE HEX_ID HEX_TAIL "000000001be8c037", SYNC_DROP_ADDRESS },
	{ "multicast", HEX_LIVE HEX_ID HEX_TAIL "e0002a051be8c037", SYNC_DROP_ADDRESS },
	{ "broadcast", HEX_LIVE HEX_ID HEX_TAIL "ffffffff1be8c037", SYNC_DROP_ADDRESS },
	{ "private, from the internet", HEX_LIVE HEX_ID HEX_TAIL "0a0000011be8c037", SYNC_DROP_ADDRESS },
	{ "loopback, from the internet", HEX_LIVE HEX_ID HEX_TAIL "7f0000011be8c037", SYNC_DROP_ADDRESS },
	{ "TELL of 181 minutes", "5a17c0de00000003" HEX_ID HEX_TAIL "000000b50000000000000001", SYNC_DROP_RANGE },
	{ "TELL of a million listeners", "5a17c0de00000003" HEX_ID HEX_TAIL "0000000100000000000f4241", SYNC_DROP_RANGE },
	{ "beacon of a million channels", "5a17c0de0000000100000000000f4241", SYNC_DROP_RANGE },
	{ "fragment past the count", "5a17c0de504301010100010100000001", SYNC_DROP_FRAGMENT },
	{ "no chan", "5a17c0de50430101" HEX_EXT, SYNC_DROP_ATOM },
	{ "half an atom", "5a17c0de50430101" HEX_EXT "6368616e", SYNC_DROP_ATOM },
	{ "chan that never ends", "5a17c0de50430101" HEX_EXT "6368616effffff80", SYNC_DROP_ATOM },
	{ "leaf longer than all", "5a17c0de50430101" HEX_EXT "6368616e0100008069640000ffffff7f", SYNC_DROP_ATOM },
	{ "another atom", "5a17c0de50430101" HEX_EXT "686f737400000080", SYNC_DROP_ATOM },
	{ "chan without info", "5a17c0de50430101" HEX_EXT "6368616e01000080" "6964000010000000" HEX_ID, SYNC_DROP_ATOM },
	{ "nested five deep", "5a17c0de50430101" HEX_EXT "6368616e01000080" "696e666f01000080" "6100000001000080"
		"6200000001000080" "6300000001000080" "6400000000000000", SYNC_DROP_ATOM },
	{ "HOSTS without a channel", "5a17c0de50430102" HEX_EXT "c000", SYNC_DROP_ATOM },
	{ "HOSTS of channel 0", "5a17c0de50430102" HEX_EXT "00000000000000000000000000000000", SYNC_DROP_CHANNEL },
	{ "HOSTS, half a host", "5a17c0de50430102" HEX_EXT HEX_ID "686f737403000080", SYNC_DROP_ATOM },
	{ "GONE, cut", "5a17c0de50430103" HEX_EXT HEX_ID, SYNC_DROP_ATOM },
	{ "DIGEST, cut", "5a17c0de50430104" HEX_EXT HEX_ID, SYNC_DROP_ATOM },
	{ "DIGEST of channel 0", "5a17c0de50430104" HEX_EXT "00000000000000000000000000000000" "0000000000010000",
		SYNC_DROP_CHANNEL },
	{ "WANT of nobody", "5a17c0de50430105" HEX_EXT "00", SYNC_DROP_ATOM },
	{ "WANT, cut", "5a17c0de50430105" HEX_EXT "5a17c0de" "c0", SYNC_DROP_ATOM },
	{ "BYE with words", "5a17c0de50430106" HEX_EXT "00", SYNC_DROP_ATOM },
};

START_TEST(bad_table)
{
	struct simroot *r = net.root;
	struct sync_status st;
	uint8_t b[256];
	const size_t n = strlen(bad[_i].hex) / 2;

	ck_assert(hex_parse(b, n, bad[_i].hex));
	sync_input(r->s, b, n, &stranger, net.now);
	sync_status(r->s, &st, net.now);
	for (enum sync_drop d = 0; d < SYNC_DROP_COUNT; d++)
		ck_assert_msg(st.dropped[d] == (d == bad[_i].why), "%s: %s %u", bad[_i].name, sync_drop_name(d),
			(unsigned)st.dropped[d]);
	ck_assert_uint_eq(r->shown, 0);
	ck_assert_uint_eq(st.chans, 0);
}
END_TEST

/* Three malformed messages in a minute: ten minutes of silence. A huge beacon: an hour. */
START_TEST(misbehaviour)
{
	struct simroot *r = net.root;
	struct wr w;

	for (int k = 0; k < 3; k++) {
		w = begin_ext(MINE, SYNC_T_CHANINFO);
		say(r, &w);
		sim_pass(&net, 10 * SEC);
	}
	say_live(r, 1, 0, false);
	ck_assert_uint_eq(r->shown, 0);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_IGNORED), 1);
	say_live_as(r, OTHERS, &(struct hit){ .chan = sim_chan(2), .rhost[0] = host_v4(198, 51, 100, 1, 1),
		.flags = HIT_RECV }, false);
	ck_assert_uint_eq(r->shown, 1);         /* others are heard */
	sim_pass(&net, 601 * SEC);
	say_live(r, 1, 0, false);
	ck_assert_uint_eq(r->shown, 2);
	say_beacon(r, MINE, 1000001);
	sim_pass(&net, 3000 * SEC);
	say_live(r, 1, 0, false);
	ck_assert_uint_eq(r->shown, 2);
	sim_pass(&net, 601 * SEC);
	say_live(r, 1, 0, false);
	ck_assert_uint_eq(r->shown, 3);
}
END_TEST

/* Two in a minute are put up with. */
START_TEST(clumsiness)
{
	struct simroot *r = net.root;
	struct wr w;

	for (int k = 0; k < 9; k++) {
		w = begin_ext(MINE, SYNC_T_CHANINFO);
		say(r, &w);
		sim_pass(&net, 31 * SEC);
	}
	say_live(r, 1, 0, false);
	ck_assert_uint_eq(r->shown, 1);
}
END_TEST

static void say_part(struct simroot *r, uint32_t number, uint8_t frag, uint8_t frags, const uint8_t *p, size_t n)
{
	struct wr w = wr_of(pkt, sizeof(pkt));

	syncpkt_begin_ext(&w, MINE, SYNC_T_CHANINFO, 0, frag, frags, number);
	wr_bytes(&w, p, n);
	say(r, &w);
}

/* Pieces in any order, twice; but not of two kinds. */
START_TEST(pieces)
{
	struct simroot *r = net.root;
	struct chaninfo *i = sim_meta(8, 1, 1);
	struct atomwr aw;
	struct buf b;
	size_t third;

	buf_init(&b, 8192);
	atomwr_init(&aw, &b);
	chanatom_emit(&aw, i, CHANATOM_BCID | CHANATOM_INFO | CHANATOM_TRCK, NULL);
	chaninfo_unref(&i);
	third = b.len / 3;
	say_live(r, 8, 0, false);
	say_part(r, 10, 2, 3, b.p + 2 * third, b.len - 2 * third);
	say_part(r, 10, 0, 3, b.p, third);
	say_part(r, 10, 0, 3, b.p, third);
	ck_assert_ptr_null(r->infos);
	say_part(r, 10, 1, 3, b.p + third, third);
	ck_assert_ptr_nonnull(r->infos);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_DUPLICATE), 1);
	say_part(r, 10, 1, 3, b.p + third, third);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_DUPLICATE), 2);
	/* The same piece with other words, another count: all of it is dropped. */
	say_part(r, 11, 0, 3, b.p, third);
	say_part(r, 11, 0, 3, b.p + 1, third);
	say_part(r, 11, 1, 3, b.p + third, third);
	say_part(r, 11, 2, 3, b.p + 2 * third, b.len - 2 * third);
	say_part(r, 12, 0, 3, b.p, third);
	say_part(r, 12, 1, 2, b.p + third, third);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_FRAGMENT), 2);
	/* Five open at once are one too many; and five seconds are enough. */
	for (uint32_t k = 0; k < 5; k++)
		say_part(r, 20 + k, 0, 3, b.p, third);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_FRAGMENT), 3);
	sim_pass(&net, 10 * SEC);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_FRAGMENT), 7);
	buf_fini(&b);
}
END_TEST

/* Five seconds are counted when a piece comes, too: what comes later makes no message whole. */
START_TEST(late_piece)
{
	struct simroot *r = net.root;
	struct chaninfo *i = sim_meta(8, 1, 1);
	struct atomwr aw;
	struct buf b;

	buf_init(&b, 8192);
	atomwr_init(&aw, &b);
	chanatom_emit(&aw, i, CHANATOM_BCID | CHANATOM_INFO | CHANATOM_TRCK, NULL);
	chaninfo_unref(&i);
	say_live(r, 8, 0, false);
	sim_pass(&net, SEC);
	/* Between two sweeps, which are three seconds apart. */
	say_part(r, 10, 0, 2, b.p, 20);
	net.now += 11 * SEC / 2;
	say_part(r, 10, 1, 2, b.p + 20, b.len - 20);
	ck_assert_ptr_null(r->infos);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_FRAGMENT), 1);
	say_part(r, 11, 0, 2, b.p, 20);
	say_part(r, 11, 1, 2, b.p + 20, b.len - 20);
	ck_assert_ptr_nonnull(r->infos);
	buf_fini(&b);
}
END_TEST

static bool knows(struct simroot *r, uint32_t id)
{
	struct sync_instance list[SYNC_INSTANCES_MAX];
	const size_t n = sync_instances(r->s, list, SYNC_INSTANCES_MAX);

	for (size_t k = 0; k < n; k++)
		if (list[k].id == id)
			return true;
	return false;
}

/* A message that is given up is long past what is remembered: none that is on its way is taken for it. */
START_TEST(late_and_old)
{
	struct simroot *r = net.root;
	uint32_t skipped;

	r->conf.recv_rate = 100000;
	again(r);
	say_part(r, 10, 0, 2, (const uint8_t *)"x", 1);
	msg = 10;
	while (msg < 10 + 2 * 512 + 100)
		say_gone_as(r, MINE, 1, SYNC_STOP);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_DUPLICATE), 0);
	skipped = 10 + 3 * 512;
	while (msg < skipped - 1)
		say_gone_as(r, MINE, 1, SYNC_STOP);
	msg++;
	say_gone_as(r, MINE, 1, SYNC_STOP);
	net.now += 6 * SEC;
	say_gone_as(r, MINE, 1, SYNC_STOP);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_FRAGMENT), 1);
	msg = skipped - 1;
	say_host(r, 7, 0);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_DUPLICATE), 0);
	ck_assert_uint_eq(r->shown, 1);
}
END_TEST

/* A flood is dropped unread; others are heard meanwhile. */
START_TEST(flood)
{
	const struct host other = host_v4(203, 0, 113, 201, 9696);
	struct simroot *r = net.root;
	struct wr w;

	for (int k = 0; k < 2000; k++)
		say_beacon(r, MINE, 0);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_FLOOD), 1500);
	w = live_of(1);
	say_from(r, &w, &other);
	ck_assert_uint_eq(r->shown, 1);
	sim_pass(&net, SEC);
	say_live(r, 2, 0, false);
	ck_assert_uint_eq(r->shown, 2);
	/* From a thousand addresses: nothing grows. */
	for (uint32_t k = 0; k < 3000; k++) {
		const struct host from = host_v4(198, 18, (uint8_t)(k >> 8), (uint8_t)k, 9696);

		w = begin_as(0x10000 + k, SYNC_T_BEACON);
		wr_be64(&w, 0);
		say_from(r, &w, &from);
	}
	ck_assert_uint_eq(sync_instances(r->s, (struct sync_instance[100]){ { 0 } }, 100), SYNC_INSTANCES_MAX);
	/* Who has told nothing makes room, not who has. */
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_INSTANCES), 0);
	say_live(r, 3, 0, false);
	ck_assert_uint_eq(r->shown, 3);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_INSTANCES), 0);
	ck_assert(knows(r, MINE));
}
END_TEST

/* Who tells of channels, or is ignored, or seals its packets keeps its place. */
START_TEST(instances)
{
	struct simroot *r = net.root;

	r->conf.recv_rate = 100000;
	again(r);
	say_beacon(r, MINE, 1000001);
	for (uint32_t k = 1; k < SYNC_INSTANCES_MAX; k++) {
		const struct hit h = sim_host(k, 0);

		say_live_as(r, k, &h, false);
	}
	say_beacon(r, OTHERS, 0);
	ck_assert(!knows(r, OTHERS));
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_INSTANCES), 1);
	/* Their hits go, and some time later they make room; who is ignored stays so. */
	sim_pass(&net, 400 * SEC);
	say_beacon(r, OTHERS, 0);
	ck_assert(knows(r, OTHERS));
	ck_assert(!knows(r, 1));
	ck_assert(knows(r, 2));
	ck_assert(knows(r, MINE));
}
END_TEST

/* Hits that come and end at once, each at another address: what is kept of them has a bound. */
START_TEST(tombstones)
{
	struct simroot *r = net.root;
	struct sync_status st;

	r->conf.recv_rate = 100000;
	r->conf.max_hits = 100;
	again(r);
	say_live(r, 7, 0, false);
	for (uint32_t k = 1; k < 3000; k++) {
		say_live(r, 7, k, false);
		say_live(r, 7, k, true);
	}
	sync_status(r->s, &st, net.now);
	ck_assert_uint_eq(st.hits, 1);
	ck_assert_uint_le(st.kept, 40);
	ck_assert(sim_hit_find(r, &(const struct hit){ .chan = sim_chan(7), .rhost[0] = sim_host(7, 0).rhost[0] }));
	/* The newest of them still hold. */
	say_live(r, 7, 2999, false);
	msg = 100;
	say_host(r, 7, 0);
	say_live(r, 7, 2999, true);
	say_live(r, 7, 2999, false);
	ck_assert_uint_ge(sim_dropped(r, SYNC_DROP_OVERTAKEN), 1);
	/* Of many channels: a bound for all. */
	for (uint32_t n = 10; n < 30; n++)
		for (uint32_t k = 0; k < 100; k++) {
			say_live(r, n, k, false);
			say_live(r, n, k, true);
		}
	sync_status(r->s, &st, net.now);
	ck_assert_uint_le(st.kept, 100);
	ck_assert_uint_gt(st.dropped[SYNC_DROP_FULL], 0);
	sim_pass(&net, 200 * SEC);
	sync_status(r->s, &st, net.now);
	ck_assert_uint_eq(st.kept, 0);
}
END_TEST

START_TEST(limits)
{
	struct simroot *r = net.root;
	struct sync_status st;

	r->conf.max_chans = 5;
	r->conf.max_hosts = 3;
	again(r);
	for (uint32_t n = 1; n <= 8; n++)
		for (uint32_t k = 0; k < 5; k++)
			say_live(r, n, k, false);
	sync_status(r->s, &st, net.now);
	ck_assert_uint_eq(st.chans, 5);
	ck_assert_uint_eq(st.hits, 15);
	ck_assert_uint_eq(st.hidden, 5);
	ck_assert_uint_eq(st.dropped[SYNC_DROP_FULL], 5 * 2 + 3 * 5);
	/* What more others say of them. */
	r->conf.max_claims = 6;
	sync_set_conf(r->s, &r->conf, net.now);
	for (uint32_t n = 1; n <= 3; n++)
		say_info_as(r, OTHERS, n, 1, 1);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_FULL), 5 * 2 + 3 * 5 + 2);
	/* Ours are not theirs. */
	for (uint32_t n = 20; n < 30; n++)
		sim_announce(r, n, 0, 1);
	sync_status(r->s, &st, net.now);
	ck_assert_uint_eq(st.own_chans, 10);
	/* What went makes room. */
	sim_pass(&net, 190 * SEC);
	say_live(r, 8, 0, false);
	sync_status(r->s, &st, net.now);
	ck_assert_uint_eq(st.chans, 1);
}
END_TEST

/* --- settings ----------------------------------------------------------------------------------- */

static const struct {
	const char *name, *allow, *from;
	bool heard;
} allows[] = {
	{ "address", "203.0.113.200", "203.0.113.200:9696", true },
	{ "another", "203.0.113.200", "203.0.113.201:9696", false },
	{ "network", "10.0.0.0/8, 203.0.113.0/24", "203.0.113.201:1", true },
	{ "beside it", "10.0.0.0/8,203.0.113.0/24", "203.0.114.1:9696", false },
	{ "nobody named", "", "203.0.113.200:9696", true },
};

START_TEST(allows_table)
{
	struct simroot *r = net.root;
	struct host from;
	struct wr w;

	ck_assert_int_eq(sync_conf_allow(&r->conf, allows[_i].allow, NULL), ST_OK);
	again(r);
	ck_assert(host_parse(&from, allows[_i].from, 0));
	w = live_of(1);
	say_from(r, &w, &from);
	ck_assert_msg((r->shown == 1) == allows[_i].heard, "%s", allows[_i].name);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_NOT_ALLOWED), !allows[_i].heard);
}
END_TEST

static const struct {
	const char *name, *ignore;
	bool heard;
} ignores[] = {
	{ "id", "5a17c0de", false },
	{ "id in capitals", "5A17C0DE", false },
	{ "another id", "5a17c0df", true },
	{ "address", "00c0ffee, 203.0.113.200", false },
	{ "network", "203.0.113.0/24", false },
	{ "another address", "203.0.113.1,1.2.3.4", true },
	{ "nothing", " , ", true },
};

START_TEST(ignores_table)
{
	struct simroot *r = net.root;

	ck_assert_int_eq(sync_conf_ignore(&r->conf, ignores[_i].ignore, NULL), ST_OK);
	sync_set_conf(r->s, &r->conf, net.now);
	say_live(r, 1, 0, false);
	ck_assert_msg((r->shown == 1) == ignores[_i].heard, "%s", ignores[_i].name);
	ck_assert_uint_eq(sim_dropped(r, SYNC_DROP_IGNORED), !ignores[_i].heard);
}
END_TEST

static const struct {
	const char *text, *bad;
	bool ids;
} texts[] = {
	{ "203.0.113.1,example.org", "example.org", true },
	{ "203.0.113.1/", "203.0.113.1/", true },
	{ "203.0.113", "203.0.113", true },
	{ "5a17c0de", "5a17c0de", false },              /* an id is no address */
	{ "5a17c0d", "5a17c0d", true },
	{ "5a17c0de0", "5a17c0de0", true },
	{ "x,203.0.113.1", "x", true },
};

START_TEST(texts_table)
{
	struct sync_conf c;
	char entry[HOST_STRLEN] = "";

	sync_conf_init(&c);
	ck_assert_int_eq(sync_conf_allow(&c, "10.0.0.1", NULL), ST_OK);
	ck_assert_int_eq(sync_conf_allow(&c, texts[_i].text, entry), ST_PROTO);
	ck_assert_str_eq(entry, texts[_i].bad);
	ck_assert_ptr_nonnull(c.allow);         /* it kept what it had */
	if (texts[_i].ids)
		ck_assert_int_eq(sync_conf_ignore(&c, texts[_i].text, entry), ST_PROTO);
	sync_conf_fini(&c);
}
END_TEST

START_TEST(names)
{
	for (enum sync_drop d = 0; d < SYNC_DROP_COUNT; d++)
		ck_assert_ptr_nonnull(sync_drop_name(d));
	for (enum sync_kind k = 0; k < SYNC_KIND_COUNT; k++)
		ck_assert_ptr_nonnull(sync_kind_name(k));
	ck_assert_str_eq(sync_drop_name(SYNC_DROP_MEMORY), "memory");
	ck_assert_str_eq(sync_kind_name(SYNC_SEALED), "sealed");
	ck_assert_mem_eq(sync_via(0x5a17c0de).b, "livesync\0\0\0\0\x5a\x17\xc0\xde", GNUID_LEN);
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
	tcase_add_loop_test(one, bad_table, 0, NELEM(bad));
	tcase_add_test(one, misbehaviour);
	tcase_add_test(one, clumsiness);
	tcase_add_test(one, pieces);
	tcase_add_test(one, late_piece);
	tcase_add_test(one, late_and_old);
	tcase_add_test(one, flood);
	tcase_add_test(one, instances);
	tcase_add_test(one, tombstones);
	tcase_add_test(one, limits);
	tcase_add_loop_test(one, allows_table, 0, NELEM(allows));
	tcase_add_loop_test(one, ignores_table, 0, NELEM(ignores));
	tcase_add_loop_test(one, texts_table, 0, NELEM(texts));
	tcase_add_test(one, names);
	suite_add_tcase(s, one);
	suite_add_tcase(s, three);
	return s;
}
