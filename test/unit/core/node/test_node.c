/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: clk_age_s */
#include "core/node/node.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "test/unit/unit.h"

#define SOON clk_deadline(20 * NSEC_PER_SEC)

static struct node n;
static uint32_t age;

uint32_t __wrap_clk_age_s(nsec then);

uint32_t __wrap_clk_age_s(nsec then)
{
	return age;
}

static struct host host(const char *s)
{
	struct host h;

	ck_assert_msg(host_parse(&h, s, 0), "%s", s);
	return h;
}

static struct gnuid id_of(uint8_t v)
{
	return (struct gnuid){ { [15] = v } };
}

static enum status set_up(struct settings *draft, void *ctx)
{
	const char *const *kv = ctx;

	for (; *kv != NULL; kv += 2)
		ck_assert_msg(settings_set(draft, kv[0], kv[1], NULL) == ST_OK, "%s", kv[0]);
	return ST_OK;
}

/* NULL-terminated names and values. */
static void configure(const char *const *kv)
{
	ck_assert_int_eq(conf_update(n.conf, set_up, (void *)(uintptr_t)kv), ST_OK);
	ck_assert_int_eq(node_apply_settings(&n), ST_OK);
}

static const struct host no_route[2];

static void setup(void)
{
	struct conf *conf;

	log_pause(true);
	ck_assert_int_eq(conf_of(&conf, settings_new(false)), ST_OK);
	ck_assert_int_eq(node_init(&n, conf, chanmgr_new(), servmgr_new()), ST_OK);
	ck_assert(n.cm != NULL && n.sm != NULL);
	(void)servmgr_set_port(n.sm, 7144);
}

static void teardown(void)
{
	node_fini(&n);
	servmgr_free(&n.sm);
	chanmgr_free(&n.cm);
	conf_free(&n.conf);
}

/* --- who is who ------------------------------------------------------------------------------------ */

static enum status add_filters(struct settings *draft, void *ctx)
{
	static const struct settings_filter f[] = {
		{ .ip = "192.0.2.0/24", .is_private = true },
		{ .ip = "192.0.2.66", .ban = true },
		{ .ip = "255.255.255.255", .network = true, .direct = true },
		{ .ip = "known.example", .is_private = true },
		{ .ip = "unknown.example", .ban = true },
	};

	settings_filters_clear(draft);
	for (size_t i = 0; i < NELEM(f); i++)
		ck_assert_int_eq(settings_filter_add(draft, &f[i], NULL), ST_OK);
	return ST_OK;
}

/* What a thread of the node would do: ask the name server, which knows of this. */
static void resolve(void)
{
	const struct host pair[2] = { host("198.51.100.77"), { .port = 0 } };
	struct names_job j;
	bool changed = false;

	while (names_take(n.names, clk_now(), &j))
		changed = names_done(n.names, &j, strcmp(j.name, "known.example") == 0 ? ST_OK : ST_PROTO, pair,
			"", clk_now()) || changed;
	if (changed)
		ck_assert_int_eq(node_apply_filters(&n), ST_OK);
}

START_TEST(filters_follow_the_settings)
{
	static const struct { const char *h; int flags; } rows[] = {
		{ "192.0.2.1", FILTER_PRIVATE | FILTER_NETWORK | FILTER_DIRECT },
		{ "192.0.2.66", FILTER_PRIVATE | FILTER_BAN | FILTER_NETWORK | FILTER_DIRECT },
		{ "203.0.113.1", FILTER_NETWORK | FILTER_DIRECT },
		{ "198.51.100.77", FILTER_PRIVATE | FILTER_NETWORK | FILTER_DIRECT },
		{ "2001:db8::1", 0 },
	};
	struct host h = host("203.0.113.1");

	ck_assert_int_eq(node_filter(&n, &h), 0);       /* none yet */
	ck_assert_int_eq(conf_update(n.conf, add_filters, NULL), ST_OK);
	ck_assert_int_eq(node_filter(&n, &h), 0);       /* not applied yet */
	ck_assert_int_eq(node_apply_settings(&n), ST_OK);
	/* what nobody has looked up yet matches nothing, and nobody waits for it */
	h = host("198.51.100.77");
	ck_assert_int_eq(node_filter(&n, &h), FILTER_NETWORK | FILTER_DIRECT);
	resolve();
	for (size_t i = 0; i < NELEM(rows); i++) {
		h = host(rows[i].h);
		ck_assert_msg(node_filter(&n, &h) == rows[i].flags, "%s", rows[i].h);
	}
	/* other settings change nothing of what is known */
	ck_assert_int_eq(node_apply_settings(&n), ST_OK);
	h = host("198.51.100.77");
	ck_assert_int_eq(node_filter(&n, &h), FILTER_PRIVATE | FILTER_NETWORK | FILTER_DIRECT);
	node_set_filters(&n, filterset_new());
	ck_assert_int_eq(node_filter(&n, &h), 0);
}
END_TEST

static enum status add_suffix(struct settings *draft, void *ctx)
{
	const struct settings_filter f = { .ip = ".evil.example", .ban = true };

	(void)ctx;
	return settings_filter_add(draft, &f, NULL);
}

static unsigned int asked;

static void on_asked(struct node *node)
{
	(void)node;
	asked++;
}

/* A suffix counts once the visitor's name is known: it is asked for, and not waited for. */
START_TEST(suffixes)
{
	struct host h = host("203.0.113.66"), lo = host("127.0.0.1");
	struct names_job j;

	n.ops.name_asked = on_asked;
	asked = 0;
	ck_assert_int_eq(node_filter(&n, &h) & FILTER_BAN, 0);
	ck_assert_uint_eq(asked, 0);            /* there is no suffix */
	ck_assert_int_eq(conf_update(n.conf, add_suffix, NULL), ST_OK);
	ck_assert_int_eq(node_apply_settings(&n), ST_OK);
	ck_assert_int_eq(node_filter(&n, &h) & FILTER_BAN, 0);
	ck_assert_int_eq(node_filter(&n, &lo) & FILTER_BAN, 0);
	ck_assert_uint_eq(asked, 1);            /* nobody asks for loopback */
	ck_assert(names_take(n.names, clk_now(), &j));
	ck_assert(names_done(n.names, &j, ST_OK, NULL, "dsl-7.EVIL.example", clk_now()));
	ck_assert_int_eq(node_filter(&n, &h) & FILTER_BAN, FILTER_BAN);
	ck_assert_uint_eq(asked, 1);
}
END_TEST

static struct feedlist *list_of(const char *tips)
{
	struct feedlist *l;
	struct buf b;
	int k = 1;

	buf_init(&b, 1 << 16);
	for (; *tips != '\0'; tips += strcspn(tips, " "), tips += strspn(tips, " "), k++)
		buf_printf(&b, "n<>%032d<>%.*s<><><><>1<>1<>1<>FLV<><><><><>n<>0:00<>click<><>0\n", k,
			(int)strcspn(tips, " "), tips);
	ck_assert_int_eq(feed_parse(b.p, b.len, &l), ST_OK);
	buf_fini(&b);
	return l;
}

/* Other broadcasters, as the lists of yellow pages have them: kept out while we broadcast, if the flag says so. */
START_TEST(rivals)
{
	static const char *const on[] = { "banTrackersWhileBroadcasting", "Yes", NULL };
	static const struct { const char *h; bool rival; } rows[] = {
		{ "203.0.113.7", true }, { "2001:db8::7", true }, { "203.0.113.9", false }, { "203.0.113.5", false },
		{ "127.0.0.1", false },
	};
	const struct host wan = host("203.0.113.5");
	struct dirfeed feed = { .url = "http://yp.example/index.txt", .status = FEEDSTATUS_OK };
	struct chaninfo *i;
	struct chanmeta m;
	struct chan *c;

	(void)servmgr_learn_address(n.sm, &wan);
	feed.list = list_of("203.0.113.7:7144 [2001:db8::7]:7144 203.0.113.5:7144 127.0.0.1:7144 nonsense");
	ck_assert_int_eq(chandir_put(&n.chandir, &feed, 1), ST_OK);
	feedlist_unref(&feed.list);
	memset(&m, 0, sizeof(m));
	m.id.b[0] = 9;
	i = chaninfo_new(&m);
	c = chan_new(i, CHAN_BROADCAST, CHAN_SRC_HTTPPUSH, false);
	ck_assert_int_eq(chanmgr_add(n.cm, c, 0), ST_OK);
	for (int round = 0; round < 3; round++) {       /* on the air; with the flag; both */
		chan_set_status(c, round != 1 ? CHAN_BROADCASTING : CHAN_CLOSING);
		if (round == 1)
			configure(on);
		for (size_t k = 0; k < NELEM(rows); k++) {
			const struct host h = host(rows[k].h);

			ck_assert_msg(((node_filter(&n, &h) & FILTER_BAN) != 0) == (round == 2 && rows[k].rival),
				"round %d, %s", round, rows[k].h);
		}
	}
	chanmgr_remove(n.cm, c);
	chan_unref(&c);
	chaninfo_unref(&i);
}
END_TEST

START_TEST(trust)
{
	static const char *const off[] = { "trustLocalhost", "No", NULL };
	static const struct { const char *h; bool private, trusted, private_off; } rows[] = {
		{ "127.0.0.1", true, true, false },
		{ "127.9.9.9", true, true, false },
		{ "::1", true, true, false },
		{ "192.168.5.5", true, true, false },   /* of an interface */
		{ "192.168.5.6", false, false, false }, /* a LAN is not private by itself */
		{ "203.0.113.5", false, false, false }, /* ours, as peers say */
		{ "192.0.2.9", true, false, true },     /* by filter */
		{ "198.51.100.1", false, false, false },
	};
	const struct host lan = host("192.168.5.5"), wan = host("203.0.113.5");

	(void)servmgr_set_interfaces(n.sm, &lan, 1, no_route);
	(void)servmgr_learn_address(n.sm, &wan);
	ck_assert_int_eq(conf_update(n.conf, add_filters, NULL), ST_OK);
	ck_assert_int_eq(node_apply_settings(&n), ST_OK);
	for (size_t i = 0; i < NELEM(rows); i++) {
		const struct host h = host(rows[i].h);

		ck_assert_msg(node_is_private(&n, &h) == rows[i].private, "%s", rows[i].h);
		ck_assert_msg(node_is_trusted(&n, &h) == rows[i].trusted, "%s", rows[i].h);
	}
	configure(off);
	for (size_t i = 0; i < NELEM(rows); i++) {
		const struct host h = host(rows[i].h);

		ck_assert_msg(node_is_private(&n, &h) == rows[i].private_off, "%s", rows[i].h);
		ck_assert(!node_is_trusted(&n, &h));
	}
}
END_TEST

/* --- our own hit ------------------------------------------------------------------------------------- */

static struct chan *chan(enum chan_type type, bool v6, enum chan_status s)
{
	const struct chanmeta m = { .id = id_of(1), .bitrate_kbps = 100, .text = { [CT_NAME] = "x" } };
	struct chaninfo *i = chaninfo_new(&m);
	struct chan *c = chan_new(i, type, CHAN_SRC_HTTPPUSH, v6);

	chaninfo_unref(&i);
	chan_set_status(c, s);
	return c;
}

/* The ring: a head at `pos` and two packets of 100 bytes behind it. */
static void fill(struct chan *c, uint64_t pos)
{
	struct mbox mb;
	uint32_t token;
	struct pkt *p;

	ck_assert_int_eq(mbox_init(&mb), ST_OK);
	ck_assert_int_eq(chan_attach(c, &mb, &token, SOON), ST_OK);
	p = pkt_new(PKT_HEAD, pos, 0, 0, 10);
	memset(pkt_media(p), 0, 10);
	ck_assert_int_eq(chan_set_head(c, token, p), ST_OK);
	for (uint64_t i = 0; i < 2; i++) {
		p = pkt_new(PKT_DATA, pos + 10 + i * 100, 0, 0, 100);
		memset(pkt_media(p), 0, 100);
		ck_assert_int_eq(chan_append(c, token, &p, 1), ST_OK);
	}
	chan_detach(c, token);
	mbox_fini(&mb);
}

/* Another node tells of itself. */
static void announce(uint8_t sid, uint32_t listeners, uint32_t relays)
{
	const struct gnuid id = id_of(1);
	struct hit h = { .sid = id_of(sid), .chan = id, .listeners = listeners, .relays = relays,
		.flags = HIT_RECV | HIT_RELAY, .heard = clk_now() };
	const struct announce a = { .hit = &h, .chan = &id, .self = servmgr_sid(n.sm), .create = true };
	struct announce_result r;

	h.rhost[0] = host("198.51.100.1:7144");
	h.rhost[0].ip[15] = sid;
	ck_assert_int_eq(chanmgr_announce(n.cm, &a, &r), ST_OK);
	announce_result_fini(&r);
}

static struct servent *serve(enum servent_type t, bool private)
{
	const struct host from = host("198.51.100.200:4000");
	const struct gnuid id = id_of(1);
	struct servent *sv;

	ck_assert_int_eq(servent_new(n.sm, -1, &from, false, &sv), ST_OK);
	servent_set_private(sv, private);
	ck_assert_int_eq(servmgr_admit(n.sm, sv, t, &id, 100, true), ADMIT_OK);
	return sv;
}

static const char *const roomy[] = { "maxRelays", "10", "maxDirect", "10", "maxControlConnections", "3", NULL };

/* A node that only knows its loopback address and no open port, as observed on one machine. */
START_TEST(hit_of_a_loopback_node)
{
	static const char *const as_seen[] = { "maxRelays", "2", "maxDirect", "0", NULL };
	struct chan *c = chan(CHAN_BROADCAST, false, CHAN_BROADCASTING);
	char text[HOST_STRLEN];
	struct hit h;

	(void)servmgr_set_port(n.sm, 7154);
	configure(as_seen);
	node_own_hit(&n, c, true, &h);
	ck_assert_str_eq(host_str(&h.rhost[0], text), "127.0.0.1:0");
	ck_assert_str_eq(host_str(&h.rhost[1], text), "127.0.0.1:7154");
	ck_assert_uint_eq(h.flags, 0x3b);
	ck_assert(gnuid_equal(&h.sid, servmgr_sid(n.sm)) && gnuid_equal(&h.chan, chan_id(c)));
	ck_assert(h.listeners == 0 && h.relays == 0 && h.oldpos == 0 && h.newpos == 0);
	ck_assert(h.version == 1218 && h.version_vp == 27 && h.ex_number == 1);
	ck_assert_mem_eq(h.ex_prefix, "SV", 2);
	ck_assert(!host_is_set(&h.uphost) && h.uphops == 0 && h.hops == 0);
	chan_unref(&c);
}
END_TEST

/* A tracker with an open port: the flags seen are 0x33 while it runs, 0x21 at its end. */
START_TEST(hit_of_a_tracker)
{
	static const char *const as_seen[] = { "maxRelays", "2", "maxDirect", "0", NULL };
	const struct host wan = host("203.0.113.20");
	struct chan *c = chan(CHAN_BROADCAST, false, CHAN_BROADCASTING);
	struct servent *sv[3];
	char text[HOST_STRLEN];
	struct hit h;

	(void)servmgr_learn_address(n.sm, &wan);
	(void)servmgr_set_firewall(n.sm, false, FW_OPEN, FWWHY_YP);
	configure(as_seen);
	fill(c, 0);
	node_own_hit(&n, c, true, &h);
	ck_assert_str_eq(host_str(&h.rhost[0], text), "203.0.113.20:7144");
	ck_assert_str_eq(host_str(&h.rhost[1], text), "127.0.0.1:7144");
	ck_assert_uint_eq(h.flags, 0x33);
	ck_assert(h.oldpos == 0 && h.newpos == 110);
	node_own_hit(&n, c, false, &h);
	ck_assert_uint_eq(h.flags, 0x21);

	/* players here and everywhere; the number of nodes, not the sum of what they say */
	configure(roomy);
	sv[0] = serve(SV_DIRECT, false);
	sv[1] = serve(SV_DIRECT, true);
	sv[2] = serve(SV_RELAY, false);
	announce(1, 5, 70);
	announce(2, 8, 80);
	node_own_hit(&n, c, true, &h);
	ck_assert_uint_eq(h.listeners, 2 + 13);
	ck_assert_uint_eq(h.relays, 2);
	ck_assert_uint_eq(h.flags, 0x33 | HIT_DIRECT);
	/* a claim beyond belief is clamped (pcp.md 18, B46) */
	announce(3, UINT32_MAX, UINT32_MAX);
	node_own_hit(&n, c, true, &h);
	ck_assert_uint_eq(h.listeners, 2 + 13 + HIT_LISTENERS_MAX);
	ck_assert_uint_eq(h.relays, 3);
	for (int i = 0; i < 3; i++)
		servent_end(&sv[i]);
	chan_unref(&c);
}
END_TEST

/* A relay: its own numbers, and where it gets the channel from; 0x32 while it runs, 0x22 as it leaves. */
START_TEST(hit_of_a_relay)
{
	static const char *const as_seen[] = { "maxRelays", "2", "maxDirect", "0", NULL };
	const struct host wan = host("203.0.113.30"), up = host("203.0.113.20:7144");
	struct chan *c = chan(CHAN_RELAY, false, CHAN_RECEIVING);
	struct servent *sv[3];
	struct hit h;

	(void)servmgr_learn_address(n.sm, &wan);
	(void)servmgr_set_firewall(n.sm, false, FW_OPEN, FWWHY_YP);
	configure(as_seen);
	chan_set_source(c, &up, NULL, NULL);
	fill(c, 0x1fffffff0u);
	announce(1, 5, 7);
	node_own_hit(&n, c, true, &h);
	ck_assert_uint_eq(h.flags, 0x32);
	ck_assert(h.listeners == 0 && h.relays == 0);
	ck_assert(host_equal(&h.uphost, &up) && h.uphops == 1);
	ck_assert(h.oldpos == 0xfffffff0u && h.newpos == 0xfffffff0u + 110);    /* modulo 2^32 */
	node_own_hit(&n, c, false, &h);
	ck_assert_uint_eq(h.flags, 0x22);
	configure(roomy);
	sv[0] = serve(SV_DIRECT, true);
	sv[1] = serve(SV_RELAY, true);
	sv[2] = serve(SV_RELAY, false);
	node_own_hit(&n, c, true, &h);
	ck_assert(h.listeners == 1 && h.relays == 2);   /* private ones too */
	for (int i = 0; i < 3; i++)
		servent_end(&sv[i]);
	chan_set_source(c, NULL, NULL, NULL);
	node_own_hit(&n, c, true, &h);
	ck_assert(!host_is_set(&h.uphost) && h.uphops == 0);
	chan_unref(&c);
}
END_TEST

static const struct flag_row {
	const char *name;
	const char *kv[3];
	bool disabled;
	enum firewall fw;
	uint8_t want;           /* besides TRACKER and RECV; two relays and a player are served */
} flag_rows[] = {
	{ "room for all",      { NULL }, false, FW_OPEN, HIT_RELAY | HIT_DIRECT | HIT_CIN },
	{ "unknown is closed", { NULL }, false, FW_UNKNOWN, HIT_RELAY | HIT_DIRECT | HIT_CIN | HIT_PUSH },
	{ "closed",            { NULL }, false, FW_CLOSED, HIT_RELAY | HIT_DIRECT | HIT_CIN | HIT_PUSH },
	{ "said to be closed", { "forceFirewalled", "Yes" }, false, FW_OPEN,
		HIT_RELAY | HIT_DIRECT | HIT_CIN | HIT_PUSH },
	{ "said to be open",   { "forceNormal", "Yes" }, false, FW_CLOSED, HIT_RELAY | HIT_DIRECT | HIT_CIN },
	{ "relays full",       { "maxRelays", "2" }, false, FW_OPEN, HIT_DIRECT | HIT_CIN },
	{ "channel full",      { "maxRelaysPerChannel", "2" }, false, FW_OPEN, HIT_DIRECT | HIT_CIN },
	{ "no bandwidth",      { "maxBitrateOut", "399" }, false, FW_OPEN, HIT_DIRECT | HIT_CIN },
	{ "just enough",       { "maxBitrateOut", "400" }, false, FW_OPEN, HIT_RELAY | HIT_DIRECT | HIT_CIN },
	{ "players full",      { "maxDirect", "1" }, false, FW_OPEN, HIT_RELAY | HIT_CIN },
	{ "controls full",     { "maxControlConnections", "0" }, false, FW_OPEN, HIT_RELAY | HIT_DIRECT },
	{ "disabled",          { NULL }, true, FW_OPEN, HIT_CIN },
};

START_TEST(flags)
{
	const struct flag_row *w = &flag_rows[_i];
	struct chan *c = chan(CHAN_BROADCAST, false, CHAN_BROADCASTING);
	struct servent *sv[3];
	struct hit h;

	configure(roomy);
	sv[0] = serve(SV_RELAY, false);
	sv[1] = serve(SV_RELAY, false);
	sv[2] = serve(SV_DIRECT, false);
	configure(w->kv);
	servmgr_set_disabled(n.sm, w->disabled);
	(void)servmgr_set_firewall(n.sm, false, w->fw, FWWHY_YP);
	node_own_hit(&n, c, true, &h);
	ck_assert_msg(h.flags == (w->want | HIT_TRACKER | HIT_RECV), "%s: %02x", w->name, h.flags);
	ck_assert_msg((h.rhost[0].port == 0) == ((h.flags & HIT_PUSH) != 0), "%s: port", w->name);
	ck_assert_uint_eq(h.rhost[1].port, 7144);
	for (int i = 0; i < 3; i++)
		servent_end(&sv[i]);
	chan_unref(&c);
}
END_TEST

/* One family in one hit, and its own firewall state (pcp.md 17). */
START_TEST(families)
{
	const struct host wan4 = host("203.0.113.20"), six[] = { host("2001:db8::20"), host("fd00::20") };
	struct chan *c4 = chan(CHAN_BROADCAST, false, CHAN_BROADCASTING);
	struct chan *c6 = chan(CHAN_BROADCAST, true, CHAN_BROADCASTING);
	char text[HOST_STRLEN];
	struct hit h;

	node_own_hit(&n, c6, true, &h);
	ck_assert_str_eq(host_str(&h.rhost[0], text), "[::1]:0");
	ck_assert_str_eq(host_str(&h.rhost[1], text), "[::1]:7144");
	(void)servmgr_learn_address(n.sm, &wan4);
	(void)servmgr_set_interfaces(n.sm, six, 1, no_route);
	(void)servmgr_set_firewall(n.sm, true, FW_OPEN, FWWHY_YP);
	node_own_hit(&n, c6, true, &h);
	ck_assert_str_eq(host_str(&h.rhost[0], text), "[2001:db8::20]:7144");
	ck_assert(!host_is_set(&h.rhost[1]) && h.rhost[1].port == 0);   /* none to tell */
	ck_assert_int_eq(h.flags & HIT_PUSH, 0);
	(void)servmgr_set_interfaces(n.sm, six, 2, no_route);
	node_own_hit(&n, c6, true, &h);
	ck_assert_str_eq(host_str(&h.rhost[1], text), "[fd00::20]:7144");
	node_own_hit(&n, c4, true, &h);
	ck_assert_str_eq(host_str(&h.rhost[0], text), "203.0.113.20:0");
	ck_assert_int_eq(h.flags & HIT_PUSH, HIT_PUSH);
	chan_unref(&c4);
	chan_unref(&c6);
}
END_TEST

START_TEST(uptime)
{
	static const struct { const char *cap[3]; uint32_t age, want; } rows[] = {
		{ { "maxUptime", "0" }, 500, 500 },
		{ { "maxUptime", "300" }, 500, 300 },
		{ { "maxUptime", "300" }, 299, 299 },
	};
	struct chan *c = chan(CHAN_RELAY, false, CHAN_RECEIVING);
	struct hit h;

	for (size_t i = 0; i < NELEM(rows); i++) {
		configure(rows[i].cap);
		age = rows[i].age;
		node_own_hit(&n, c, true, &h);
		ck_assert_uint_eq(h.uptime_s, rows[i].want);
	}
	chan_set_status(c, CHAN_SEARCHING);
	node_own_hit(&n, c, true, &h);
	ck_assert_uint_eq(h.uptime_s, 0);
	chan_unref(&c);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/node/node");
	TCase *t = tcase_create("node");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, filters_follow_the_settings);
	tcase_add_test(t, suffixes);
	tcase_add_test(t, rivals);
	tcase_add_test(t, trust);
	tcase_add_test(t, hit_of_a_loopback_node);
	tcase_add_test(t, hit_of_a_tracker);
	tcase_add_test(t, hit_of_a_relay);
	tcase_add_loop_test(t, flags, 0, NELEM(flag_rows));
	tcase_add_test(t, families);
	tcase_add_test(t, uptime);
	suite_add_tcase(s, t);
	return s;
}
