/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: clk_now */
#include "servent/proc.h"

#include "pcp/hostatom.h"
#include "pcp/push.h"
#include "pcp/quit.h"
#include "test/unit/clock.h"
#include "test/unit/servent/servtest.h"
#include "test/unit/unit.h"

static const char *const as_root[] = { "isRoot", "Yes", NULL };

static struct app app;
static struct buf out;                  /* the atom to be handled */
static struct atomwr w;

static void begin(const char *const *keys)
{
	app_make(&app, keys);
	buf_init(&out, 1 << 16);
	atomwr_init(&w, &out);
}

static void end(void)
{
	buf_fini(&out);
	app_drop(&app);
}

static struct proc proc_of(enum proc_kind kind)
{
	struct proc p = { .node = &app.node, .kind = kind, .peer = host_v4(203, 0, 113, 1, 7144) };

	p.remote = id_of(0x11);
	if (kind == PROC_FETCH || kind == PROC_RELAY)
		p.chan = id_of(0xc1);
	return p;
}

/* Hand over what was written. */
static enum status act(struct proc *p, uint32_t *quit)
{
	struct atom a = atom_of(&out);
	enum status st = proc_atom(p, &a, quit);

	buf_reset(&out);
	atomwr_init(&w, &out);
	return st;
}

static void act_ok(struct proc *p)
{
	uint32_t quit;

	ck_assert_int_eq(act(p, &quit), ST_OK);
	ck_assert_uint_eq(quit, 0);
}

static void act_quits(struct proc *p, uint32_t want)
{
	uint32_t quit;

	ck_assert_int_eq(act(p, &quit), ST_PROTO);
	ck_assert_uint_eq(quit, want);
	ck_assert_ptr_nonnull(p->why);
}

/* chan{id bcid? info{name?}} of channel c; bcid of byte b, 0 = none. */
static void put_chan(uint8_t c, uint8_t b, const char *name)
{
	const struct gnuid id = id_of(c), bcid = id_of(b);

	atomwr_begin(&w, ATOM_CHAN);
	atomwr_gnuid(&w, ATOM_ID, &id);
	if (b != 0)
		atomwr_gnuid(&w, ATOM_BCID, &bcid);
	if (name != NULL) {
		atomwr_begin(&w, ATOM_INFO);
		atomwr_str(&w, ATOM_NAME, name);
		atomwr_end(&w);
	}
	atomwr_end(&w);
}

static void put_pkt(uint8_t c)
{
	const struct gnuid id = id_of(c);

	atomwr_begin(&w, ATOM_CHAN);
	atomwr_gnuid(&w, ATOM_ID, &id);
	atomwr_begin(&w, ATOM_PKT);
	atomwr_u32(&w, ATOM_TYPE, ATOM_DATA);
	atomwr_u32(&w, ATOM_POS, 1000);
	atomwr_bytes(&w, ATOM_DATA, "media", 5);
	atomwr_end(&w);
	atomwr_end(&w);
}

/* A host with session s of channel c (0 = the envelope's). */
static void put_host(uint8_t s, uint8_t c, uint32_t listeners, uint8_t flags)
{
	struct hit h = { .sid = id_of(s), .listeners = listeners, .flags = flags };

	h.chan = id_of(c);
	h.rhost[0] = host_v4(203, 0, 113, s, 7144);
	hostatom_emit(&w, &h, c != 0);
}

static void open_bcst(uint8_t grp, uint8_t from, uint8_t dest, uint8_t cid)
{
	const struct gnuid f = id_of(from), d = id_of(dest), c = id_of(cid);
	struct bcst b;

	bcst_init(&b, grp, 7, &f, dest != 0 ? &d : NULL, cid != 0 ? &c : NULL);
	bcst_begin(&w, &b);
}

static void announce(uint8_t c, uint8_t b, const char *name, uint8_t host, uint32_t listeners)
{
	open_bcst(PCP_BCST_GROUP_ROOT, 0x11, 0, c);
	put_chan(c, b, name);
	if (host != 0)
		put_host(host, c, listeners, HIT_TRACKER | HIT_RECV);
	atomwr_end(&w);
}

static uint64_t listeners_of(uint8_t c)
{
	const struct gnuid id = id_of(c);
	struct hitstats s;

	return chanmgr_stats(app.node.cm, &id, &s) ? s.listeners : UINT64_MAX;
}

static uint32_t hosts_of(uint8_t c)
{
	const struct gnuid id = id_of(c);
	struct hitstats s;

	return chanmgr_stats(app.node.cm, &id, &s) ? s.hosts : UINT32_MAX;
}

/* No host of it is known. */
static bool is_left(uint8_t c)
{
	const uint32_t n = hosts_of(c);

	return n == 0 || n == UINT32_MAX;
}

static void name_is(uint8_t c, const char *name)
{
	const struct gnuid id = id_of(c);
	struct hitlist_view v;

	ck_assert(chanmgr_list_view(app.node.cm, &id, false, &v));
	if (name == NULL)
		ck_assert_ptr_null(v.info);
	else
		ck_assert_str_eq(v.info->text[CT_NAME], name);
	hitlist_view_fini(&v);
}

/* --- announcements ------------------------------------------------------------------------------ */

START_TEST(root_announced)
{
	const struct gnuid id = id_of(0xa1), bcid = id_of(0xb1);
	struct hitlist_view v;
	struct proc p;

	begin(as_root);
	p = proc_of(PROC_CIN);
	announce(0xa1, 0xb1, "first", 0x11, 5);
	act_ok(&p);
	name_is(0xa1, "first");
	ck_assert_uint_eq(listeners_of(0xa1), 5);

	/* Parts that are not sent keep their values; one that is sent empty does not. */
	open_bcst(PCP_BCST_GROUP_ROOT, 0x11, 0, 0xa1);
	atomwr_begin(&w, ATOM_CHAN);
	atomwr_gnuid(&w, ATOM_ID, &id);
	atomwr_gnuid(&w, ATOM_BCID, &(struct gnuid){ .b = { 0 } });
	atomwr_end(&w);
	atomwr_end(&w);
	act_ok(&p);
	atomwr_begin(&w, ATOM_CHAN);
	atomwr_gnuid(&w, ATOM_ID, &id);
	atomwr_gnuid(&w, ATOM_BCID, &bcid);
	atomwr_begin(&w, ATOM_INFO);
	atomwr_str(&w, ATOM_DESC, "text");
	atomwr_u32(&w, ATOM_BITR, 500);
	atomwr_end(&w);
	atomwr_end(&w);
	act_ok(&p);
	ck_assert(chanmgr_list_view(app.node.cm, &id, true, &v));
	ck_assert_str_eq(v.info->text[CT_NAME], "first");
	ck_assert_str_eq(v.info->text[CT_DESC], "text");
	ck_assert_uint_eq(v.info->bitrate_kbps, 500);
	ck_assert_uint_eq(v.n, 1);
	ck_assert(gnuid_equal(&v.hits[0].via, &p.remote));
	ck_assert_uint_eq(v.hits[0].hops, 1);
	hitlist_view_fini(&v);

	/* The farewell. */
	open_bcst(PCP_BCST_GROUP_ROOT, 0x11, 0, 0xa1);
	put_chan(0xa1, 0xb1, "first");
	put_host(0x11, 0xa1, 0, HIT_TRACKER);
	atomwr_end(&w);
	act_ok(&p);
	ck_assert_uint_eq(hosts_of(0xa1), 0);
	end();
}
END_TEST

START_TEST(root_refuses)
{
	struct proc p, thief;

	begin(as_root);
	p = proc_of(PROC_CIN);
	thief = proc_of(PROC_CIN);
	thief.remote = id_of(0x22);
	announce(0xa1, 0xb1, "mine", 0x11, 5);
	act_ok(&p);
	announce(0xa1, 0xb2, "stolen", 0x22, 1000);
	act_ok(&thief);
	announce(0xa1, 0, "stolen", 0x22, 1000);
	act_ok(&thief);
	put_host(0x22, 0xa1, 1000, HIT_TRACKER | HIT_RECV);
	act_ok(&thief);
	name_is(0xa1, "mine");
	ck_assert_uint_eq(listeners_of(0xa1), 5);
	ck_assert(thief.told_refused);
	/* Not a tracker; no channel at all. */
	put_host(0x33, 0xa1, 7, HIT_RECV | HIT_RELAY);
	act_ok(&p);
	ck_assert_uint_eq(listeners_of(0xa1), 5);
	for (int i = 1; i <= PROC_NAMELESS; i++) {
		announce(0, 0xb1, "zero", 0x11, 1);
		if (i < PROC_NAMELESS)
			act_ok(&p);
		else
			act_quits(&p, PCP_QUIT_BADRESPONSE);
		ck_assert(!chanmgr_list_exists(app.node.cm, &(struct gnuid){ .b = { 0 } }));
	}
	/* Root settings, wherever they stand. */
	for (int i = 0; i < 3; i++) {
		const struct root r = { .has = ROOT_UPD };

		p.why = NULL;
		if (i == 1)
			open_bcst(PCP_BCST_GROUP_ROOT, 0x11, 0, 0);
		if (i == 2)
			atomwr_begin(&w, ATOM_ATOM);
		root_emit(&w, &r);
		if (i > 0)
			atomwr_end(&w);
		act_quits(&p, PCP_QUIT_BADRESPONSE);
	}
	end();
}
END_TEST

/* PROC_HITS new ones in a second; known ones are refreshed all the same. */
START_TEST(hit_rate)
{
	struct proc p;
	uint32_t n = 0;

	begin(as_root);
	p = proc_of(PROC_CIN);
	for (uint8_t c = 1; c < 200; c++) {
		announce(c, 0xb1, "x", 0x11, 1);
		act_ok(&p);
		n += listeners_of(c) == 1;
	}
	ck_assert_uint_eq(n, PROC_HITS);
	announce(1, 0xb1, "y", 0x11, 9);
	act_ok(&p);
	ck_assert_uint_eq(listeners_of(1), 9);
	name_is(1, "y");
	skew += NSEC_PER_SEC / 2;
	for (uint8_t c = 100; c < 200; c++) {
		announce(c, 0xb1, "x", 0x11, 1);
		act_ok(&p);
	}
	ck_assert_uint_eq(listeners_of(100 + PROC_HITS / 2 - 1), 1);
	ck_assert_uint_eq(listeners_of(100 + PROC_HITS / 2), UINT64_MAX);
	end();
}
END_TEST

/* Who may name hosts of what (pcp.md 13). */
static const struct {
	const char *name;
	enum proc_kind kind;
	bool root, wrapped;
	uint8_t chan;                   /* 0xc1 is the connection's own; 0xc2 is known; 0xc3 is not */
	bool want;
} rows[] = {
	{ "cin of a root, any channel",     PROC_CIN,   true,  true,  0xc3, true },
	{ "cin, known channel",             PROC_CIN,   false, true,  0xc2, true },
	{ "cin, unknown channel",           PROC_CIN,   false, true,  0xc3, false },
	{ "relay, own channel",             PROC_RELAY, false, true,  0xc1, true },
	{ "relay, other channel",           PROC_RELAY, false, true,  0xc2, false },
	{ "relay, own channel, bare",       PROC_RELAY, false, false, 0xc1, false },
	{ "fetch, own channel",             PROC_FETCH, false, false, 0xc1, true },
	{ "fetch, other channel",           PROC_FETCH, false, false, 0xc2, false },
	{ "cout, a tracker to go to",       PROC_COUT,  false, false, 0x00, true },
	{ "cin, no channel",                PROC_CIN,   false, false, 0x00, false },
};

START_TEST(host_row)
{
	const struct gnuid known = id_of(0xc2), own = id_of(0xc1);
	uint32_t before;
	struct proc p;

	begin(rows[_i].root ? as_root : NULL);
	p = proc_of(rows[_i].kind);
	ck_assert_int_eq(chanmgr_list_ensure(app.node.cm, &known, NULL), ST_OK);
	ck_assert_int_eq(chanmgr_list_ensure(app.node.cm, &own, NULL), ST_OK);
	before = hosts_of(rows[_i].chan);
	if (rows[_i].wrapped)
		open_bcst(PCP_BCST_GROUP_TRACKERS, 0x11, 0, rows[_i].chan);
	put_host(0x11, rows[_i].chan, 1, HIT_TRACKER | HIT_RECV);
	if (rows[_i].wrapped)
		atomwr_end(&w);
	act_ok(&p);
	if (rows[_i].want)
		ck_assert_msg(hosts_of(rows[_i].chan) == 1, "%s", rows[_i].name);
	else
		ck_assert_msg(hosts_of(rows[_i].chan) == before, "%s", rows[_i].name);
	end();
}
END_TEST

/* A bare host tells no hops: its place among those that were named stands for them. */
START_TEST(host_hops)
{
	const struct gnuid own = id_of(0xc1);
	struct hitlist_view v;
	struct proc p;

	begin(NULL);
	p = proc_of(PROC_FETCH);
	ck_assert_int_eq(chanmgr_list_ensure(app.node.cm, &own, NULL), ST_OK);
	for (uint8_t i = 0; i < 3; i++) {
		p.n_named = i;
		put_host((uint8_t)(0x21 + i), 0xc1, (uint8_t)(1 + i), HIT_RECV);
		act_ok(&p);
	}
	open_bcst(PCP_BCST_GROUP_TRACKERS, 0x24, 0, 0xc1);
	put_host(0x24, 0xc1, 4, HIT_RECV);
	atomwr_end(&w);
	act_ok(&p);
	ck_assert(chanmgr_list_view(app.node.cm, &own, true, &v));
	ck_assert_uint_eq(v.n, 4);
	for (size_t i = 0; i < v.n; i++) {
		const uint8_t who = v.hits[i].sid.b[0];

		ck_assert_uint_eq(v.hits[i].hops, who == 0x24 ? 1 : who - 0x21);
	}
	hitlist_view_fini(&v);
	end();
}
END_TEST

/* An address nobody on the internet reaches is announced to a root only by who is near (yp.md 5). */
static const struct {
	const char *peer, *host;
	uint8_t flags;
	bool want;
} near_rows[] = {
	{ "203.0.113.9", "203.0.113.9:7144", 0, true },  { "203.0.113.9", "198.51.100.1:7144", 0, true },
	{ "203.0.113.9", "203.0.113.9:0", HIT_PUSH, true }, { "203.0.113.9", "192.168.0.1:7144", 0, false },
	{ "203.0.113.9", "127.0.0.1:0", HIT_PUSH, false }, { "192.168.0.9", "192.168.0.1:7144", 0, true },
	{ "127.0.0.1", "0.0.0.0:7144", 0, false },          { "127.0.0.1", "127.0.0.1:0", HIT_PUSH, true },
	{ "192.168.0.9", "203.0.113.9:7144", 0, true },
};

START_TEST(near)
{
	struct proc p;
	struct hit h = { .sid = id_of(0x11), .chan = id_of(0xa1),
		.flags = (uint8_t)(HIT_TRACKER | HIT_RECV | near_rows[_i].flags) };

	begin(as_root);
	p = proc_of(PROC_CIN);
	ck_assert(host_parse(&p.peer, near_rows[_i].peer, 1) && host_parse(&h.rhost[0], near_rows[_i].host, 0));
	open_bcst(PCP_BCST_GROUP_ROOT, 0x11, 0, 0xa1);
	put_chan(0xa1, 0xb1, "x");
	hostatom_emit(&w, &h, true);
	atomwr_end(&w);
	act_ok(&p);
	ck_assert_int_eq(hosts_of(0xa1) == 1, near_rows[_i].want);
	ck_assert_int_eq(p.told_refused, !near_rows[_i].want);
	end();
}
END_TEST

/* Our own host never becomes a hit, by session or by address. */
START_TEST(own_host)
{
	const struct gnuid id = id_of(0xc2);
	struct hit h = { .flags = HIT_TRACKER | HIT_RECV, .chan = id_of(0xc2) };
	struct host self = host_v4(203, 0, 113, 77, 0);
	struct proc p;

	begin(NULL);
	p = proc_of(PROC_CIN);
	ck_assert_int_eq(chanmgr_list_ensure(app.node.cm, &id, NULL), ST_OK);
	h.sid = *servmgr_sid(app.node.sm);
	h.rhost[0] = host_v4(203, 0, 113, 5, 7144);
	hostatom_emit(&w, &h, true);
	act_ok(&p);
	ck_assert_uint_eq(hosts_of(0xc2), 0);
	(void)servmgr_set_port(app.node.sm, 7144);
	(void)servmgr_learn_address(app.node.sm, &self);
	h.sid = id_of(0x55);
	h.rhost[0] = self;
	h.rhost[0].port = 7144;
	hostatom_emit(&w, &h, true);
	act_ok(&p);
	ck_assert_uint_eq(hosts_of(0xc2), 0);
	h.rhost[0].port = 7145;
	hostatom_emit(&w, &h, true);
	act_ok(&p);
	ck_assert_uint_eq(hosts_of(0xc2), 1);
	end();
}
END_TEST

/* --- packets and info ----------------------------------------------------------------------------- */

struct seen {
	unsigned packets, infos, roots;
	enum status answer;
};

static enum status on_packet(void *ctx, const struct pktatom *k)
{
	struct seen *s = ctx;

	ck_assert_uint_eq(k->pos, 1000);
	ck_assert_uint_eq(k->len, 5);
	s->packets++;
	return s->answer;
}

static bool on_info(void *ctx, const struct chanatom *c)
{
	struct seen *s = ctx;

	ck_assert(c->has & CHANATOM_INFO);
	s->infos++;
	return true;
}

static void on_root(void *ctx, const struct root *r)
{
	struct seen *s = ctx;

	ck_assert(r->has & ROOT_UPD);
	s->roots++;
}

START_TEST(fetched)
{
	struct seen seen = { .answer = ST_OK };
	struct proc p;
	uint32_t quit;

	begin(NULL);
	p = proc_of(PROC_FETCH);
	p.packet = on_packet;
	p.info = on_info;
	p.ctx = &seen;
	put_pkt(0xc1);
	act_ok(&p);
	put_chan(0xc1, 0xb1, "mine");
	act_ok(&p);
	open_bcst(PCP_BCST_GROUP_RELAYS, 0x22, 0, 0xc1);
	put_chan(0xc1, 0, "renamed");
	atomwr_end(&w);
	act_ok(&p);
	put_chan(0xc2, 0xb1, "other");
	act_ok(&p);
	ck_assert_uint_eq(seen.packets, 1);
	ck_assert_uint_eq(seen.infos, 2);
	name_is(0xc1, "renamed");
	/* What packet() says is the answer. */
	seen.answer = ST_STOPPED;
	put_pkt(0xc1);
	ck_assert_int_eq(act(&p, &quit), ST_STOPPED);
	/* Packets of another channel, and wrapped ones, are strays: the third ends it. */
	put_pkt(0xc2);
	act_ok(&p);
	open_bcst(PCP_BCST_GROUP_RELAYS, 0x22, 0, 0);
	put_pkt(0xc1);
	atomwr_end(&w);
	act_ok(&p);
	put_pkt(0xc2);
	act_quits(&p, PCP_QUIT_BADRESPONSE);
	ck_assert_uint_eq(seen.packets, 2);
	pass_end(&p);
	end();
}
END_TEST

START_TEST(injected)
{
	static const enum proc_kind kinds[] = { PROC_CIN, PROC_COUT, PROC_RELAY };
	struct seen seen = { .answer = ST_OK };
	struct proc p;

	begin(NULL);
	p = proc_of(kinds[_i]);
	p.chan = id_of(0xc1);
	p.packet = on_packet;
	p.info = on_info;
	p.ctx = &seen;
	put_chan(0xc1, 0xb1, "stolen");
	act_ok(&p);
	put_pkt(0xc1);
	act_ok(&p);
	put_pkt(0xc1);
	act_ok(&p);
	put_pkt(0xc1);
	act_quits(&p, PCP_QUIT_BADRESPONSE);
	ck_assert_uint_eq(seen.packets, 0);
	ck_assert_uint_eq(seen.infos, 0);
	ck_assert(!chanmgr_list_exists(app.node.cm, &p.chan));
	end();
}
END_TEST

START_TEST(root_obeyed)
{
	const struct root r = { .has = ROOT_UPD };
	struct seen seen = { .answer = ST_OK };
	struct proc p;

	begin(NULL);
	for (int i = 0; i < 8; i++) {
		const enum proc_kind kind = (enum proc_kind)(i / 2);

		p = proc_of(kind);
		p.root = on_root;
		p.ctx = &seen;
		p.yp = i % 2 == 1;
		root_emit(&w, &r);
		act_ok(&p);
		ck_assert_uint_eq(seen.roots, i > PROC_COUT * 2 ? 1 : 0);
	}
	p = proc_of(PROC_COUT);
	p.root = on_root;
	p.ctx = &seen;
	p.yp = true;
	open_bcst(PCP_BCST_GROUP_TRACKERS, 0x22, 0, 0);
	root_emit(&w, &r);
	atomwr_end(&w);
	act_ok(&p);
	ck_assert_uint_eq(seen.roots, 2);
	end();
}
END_TEST

/* --- broadcasts ------------------------------------------------------------------------------------ */

START_TEST(loop_and_quit)
{
	const struct gnuid *self;
	struct proc p;
	struct bcst b;
	uint32_t quit;

	begin(as_root);
	p = proc_of(PROC_CIN);
	self = servmgr_sid(app.node.sm);
	/* Ours came back: nothing of it counts. */
	bcst_init(&b, PCP_BCST_GROUP_ALL, 7, self, NULL, NULL);
	bcst_begin(&w, &b);
	put_chan(0xa1, 0xb1, "x");
	bcst_end(&w);
	act_quits(&p, PCP_QUIT_LOOPBACK);
	ck_assert(!chanmgr_list_exists(app.node.cm, &(struct gnuid){ .b = { 0xa1 } }));
	/* For somebody else: not ours to handle. */
	open_bcst(PCP_BCST_GROUP_ROOT, 0x11, 0x99, 0);
	put_chan(0xa2, 0xb1, "x");
	atomwr_end(&w);
	act_ok(&p);
	ck_assert_uint_eq(hosts_of(0xa2), UINT32_MAX);
	/* A quit counts alone at the top. */
	open_bcst(PCP_BCST_GROUP_ROOT, 0x11, 0, 0);
	quit_emit(&w, PCP_QUIT);
	atomwr_end(&w);
	act_ok(&p);
	atomwr_begin(&w, ATOM_ATOM);
	quit_emit(&w, PCP_QUIT);
	atomwr_end(&w);
	act_ok(&p);
	quit_emit(&w, PCP_QUIT_OFFAIR);
	ck_assert_int_eq(act(&p, &quit), ST_EOF);
	ck_assert_uint_eq(quit, PCP_QUIT_OFFAIR);
	/* Every atom in a bag counts, with the channel named before it. */
	atomwr_begin(&w, ATOM_ATOM);
	announce(0xa3, 0xb1, "in a bag", 0x11, 3);
	atomwr_begin(&w, ATOM_ATOM);
	put_chan(0xa4, 0xb1, "deeper");
	put_host(0x12, 0, 4, HIT_TRACKER | HIT_RECV);
	atomwr_end(&w);
	atomwr_end(&w);
	act_ok(&p);
	ck_assert_uint_eq(listeners_of(0xa3), 3);
	name_is(0xa4, "deeper");
	/* A host says itself of which channel it is; the one named before it is none the less told of. */
	open_bcst(PCP_BCST_GROUP_ROOT, 0x11, 0, 0);
	put_chan(0xa5, 0xb1, "one");
	put_host(0x11, 0xa6, 4, HIT_TRACKER | HIT_RECV);
	atomwr_end(&w);
	act_ok(&p);
	name_is(0xa5, "one");
	ck_assert_uint_eq(hosts_of(0xa5), 0);
	ck_assert_uint_eq(listeners_of(0xa6), 4);
	end();
}
END_TEST

/* A client that is here: its mailbox is what is looked at. */
static struct servent *client(uint8_t sid, struct wire *wr)
{
	const struct host peer = host_v4(203, 0, 113, sid, 1000);
	const struct gnuid id = id_of(sid);
	struct servent *sv;
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	wr->far = fd[1];
	ck_assert_int_eq(servent_new(app.node.sm, fd[0], &peer, false, &sv), ST_OK);
	ck_assert_int_eq(servmgr_admit_control(app.node.sm, sv, &id), ADMIT_OK);
	return sv;
}

static void put_push(uint8_t dest)
{
	const struct push push = { .host = host_v4(198, 51, 100, 1, 7144) };

	open_bcst(PCP_BCST_GROUP_ALL, 0x11, dest, 0);
	push_emit(&w, &push);
	atomwr_end(&w);
}

static unsigned mail_of(struct servent *sv)
{
	unsigned n = 0;

	for (struct blob *b = mbox_take(&sv->mbox); b != NULL; b = mbox_take(&sv->mbox)) {
		blob_unref(&b);
		n++;
	}
	return n;
}

static const struct {
	const char *rule;
	unsigned push_here, push_away, other;
} policies[] = {
	{ "push", 1, 0, 0 },
	{ "none", 0, 0, 0 },
	{ "all",  1, 0, 1 },
};

START_TEST(root_forwards)
{
	const char *const keys[] = { "isRoot", "Yes", "rootForward", policies[_i].rule, NULL };
	struct servent *a, *b;
	struct wire wa, wb;
	struct proc p;

	begin(keys);
	p = proc_of(PROC_CIN);
	a = client(0x11, &wa);
	b = client(0x22, &wb);
	p.sv = a;
	put_push(0x22);
	act_ok(&p);
	ck_assert_uint_eq(mail_of(b), policies[_i].push_here);
	put_push(0x33);
	act_ok(&p);
	ck_assert_uint_eq(mail_of(b), policies[_i].push_away);
	open_bcst(PCP_BCST_GROUP_TRACKERS, 0x11, 0, 0);
	put_chan(0xa1, 0xb1, "x");
	atomwr_end(&w);
	act_ok(&p);
	ck_assert_uint_eq(mail_of(b), policies[_i].other);
	ck_assert_uint_eq(mail_of(a), 0);
	close(wa.far);
	close(wb.far);
	servent_end(&a);
	servent_end(&b);
	end();
}
END_TEST

/* What it told of goes with the connection, of however many channels; what others told stays. */
static const struct {
	const char *what;
	unsigned channels;
	bool root;
} parting[] = {
	{ "a tracker", 2, true },
	{ "as many as are remembered", PROC_ANNOUNCED, true },
	{ "more", PROC_ANNOUNCED + 3, true },
	{ "no root", PROC_ANNOUNCED + 3, false },
};

START_TEST(all_go)
{
	const char *what = parting[_i].what;
	unsigned i, n = parting[_i].channels;
	struct chan_ended ended[64];
	struct proc p, other;
	size_t left = NELEM(ended);

	begin(parting[_i].root ? as_root : NULL);
	p = proc_of(PROC_CIN);
	other = proc_of(PROC_CIN);
	other.remote = id_of(0x77);
	for (i = 0; i < n; i++) {
		const struct gnuid id = id_of((uint8_t)(i + 1));

		ck_assert_int_eq(chanmgr_list_ensure(app.node.cm, &id, NULL), ST_OK);
		announce((uint8_t)(i + 1), 0xb1, "x", 0x11, 1);
		act_ok(&p);
		ck_assert_msg(hosts_of((uint8_t)(i + 1)) == 1, "%s: %u", what, i);
	}
	announce(0xa1, 0xb2, "y", 0x77, 1);
	act_ok(&other);
	proc_gone(&p, true);
	chanmgr_sweep(app.node.cm, 180 * NSEC_PER_SEC, ended, &left);
	for (i = 0; i < n; i++)
		ck_assert_msg(is_left((uint8_t)(i + 1)), "%s: %u", what, i);
	ck_assert_msg(is_left(0xa1) == !parting[_i].root, "%s", what);
	end();
}
END_TEST

START_TEST(session_ends)
{
	struct proc p;
	struct chan_ended ended[4];
	size_t n;

	begin((const char *const[]){ "isRoot", "Yes", "ghostTimeout", "1", NULL });
	p = proc_of(PROC_CIN);
	announce(0xa1, 0xb1, "x", 0x11, 1);
	act_ok(&p);
	proc_gone(&p, false);
	n = NELEM(ended);
	chanmgr_sweep(app.node.cm, 180 * NSEC_PER_SEC, ended, &n);
	ck_assert_uint_eq(hosts_of(0xa1), 1);
	proc_gone(&p, true);
	n = NELEM(ended);
	chanmgr_sweep(app.node.cm, 180 * NSEC_PER_SEC, ended, &n);
	ck_assert_uint_eq(hosts_of(0xa1), 0);
	end();
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/proc");
	TCase *t = tcase_create("all");

	tcase_add_test(t, root_announced);
	tcase_add_test(t, root_refuses);
	tcase_add_test(t, hit_rate);
	tcase_add_loop_test(t, near, 0, NELEM(near_rows));
	tcase_add_test(t, host_hops);
	tcase_add_loop_test(t, host_row, 0, (int)NELEM(rows));
	tcase_add_test(t, own_host);
	tcase_add_test(t, fetched);
	tcase_add_loop_test(t, injected, 0, 3);
	tcase_add_test(t, root_obeyed);
	tcase_add_test(t, loop_and_quit);
	tcase_add_loop_test(t, root_forwards, 0, (int)NELEM(policies));
	tcase_add_test(t, session_ends);
	tcase_add_loop_test(t, all_go, 0, NELEM(parting));
	suite_add_tcase(s, t);
	return s;
}
