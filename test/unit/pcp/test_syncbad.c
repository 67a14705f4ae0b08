/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync, rule by rule: bad input, limits and settings. */
#include "test/unit/pcp/synctest.h"

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
	Suite *s = suite_create("pcp/sync, bad input");
	TCase *one = tcase_create("one");

	tcase_add_checked_fixture(one, set_up_one, tear_down);
	tcase_set_timeout(one, 60);
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
	return s;
}
