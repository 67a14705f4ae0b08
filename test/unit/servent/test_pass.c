/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: clk_now */
/* Which connections a broadcast leaves by, and how many do: a node with one connection of every kind, whose
 * mailboxes are looked at (pcp.md 10). */
#include "servent/pass.h"

#include <stdio.h>

#include "pcp/chanatom.h"
#include "pcp/hostatom.h"
#include "servent/proc.h"
#include "test/unit/clock.h"
#include "test/unit/servent/servtest.h"
#include "test/unit/unit.h"

/* The connections, and what the tables below call them. Each number n has session id_of(n), and
 * id_of(0x10 + n) was heard of through it. */
enum { UP, UP2, COUT, CIN, LOW, LOW2, N_CONNS };
static const char letter[] = "uUcinN";  /* upstream of the channel, of another; COUT, CIN; relays of both */

#define HERE 0xc1                       /* the channel, and the other one */
#define ELSE 0xc2

static struct app app;

struct conn {
	enum proc_kind kind;
	struct gnuid chan;
	struct servent *sv;             /* NULL: an upstream */
	struct chan *c;                 /* of an upstream */
	struct mbox mb;                 /* of an upstream */
	uint32_t token;
	struct proc proc;
	int far;
};

static struct conn conn[N_CONNS];

static void make_upstream(struct conn *k, uint8_t sid, const struct gnuid *chan)
{
	struct chanmeta m = { .id = *chan };
	const struct gnuid remote = id_of(sid), behind = id_of(0x10 + sid);
	struct chaninfo *i;

	(void)text_copy(m.text[CT_NAME], TEXT_MAX, "x");
	i = chaninfo_new(&m);
	k->c = chan_new(i, CHAN_RELAY, CHAN_SRC_PEERCAST, false);
	chaninfo_unref(&i);
	ck_assert_ptr_nonnull(k->c);
	ck_assert_int_eq(chanmgr_list_ensure(app.node.cm, chan, NULL), ST_OK);
	ck_assert_int_eq(chanmgr_add(app.node.cm, k->c, 0), ST_OK);
	ck_assert_int_eq(mbox_init(&k->mb), ST_OK);
	ck_assert_int_eq(chan_attach(k->c, &k->mb, &k->token, clk_deadline(SOON)), ST_OK);
	chan_set_source(k->c, NULL, &remote, NULL);
	chan_heard(k->c, &behind);
}

static void make_servent(struct conn *k, uint8_t sid, const struct gnuid *chan)
{
	static const enum servent_type type[] = {
		[PROC_CIN] = SV_CIN, [PROC_COUT] = SV_COUT, [PROC_RELAY] = SV_RELAY,
	};
	const struct host peer = host_v4(203, 0, 113, sid, 1000);
	const struct gnuid remote = id_of(sid), behind = id_of(0x10 + sid);
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	k->far = fd[1];
	ck_assert_int_eq(servent_new(app.node.sm, fd[0], &peer, k->kind == PROC_COUT, &k->sv), ST_OK);
	if (k->kind == PROC_RELAY)
		ck_assert_int_eq(servmgr_admit(app.node.sm, k->sv, SV_RELAY, chan, 1, true), ADMIT_OK);
	servent_set_type(k->sv, type[k->kind], SV_CONNECTED);
	servent_set_remote(k->sv, &remote);
	servent_heard(k->sv, &behind);
}

static void begin(const char *const *keys, const struct gnuid *here)
{
	static const enum proc_kind kind[] = {
		[UP] = PROC_FETCH, [UP2] = PROC_FETCH, [COUT] = PROC_COUT, [CIN] = PROC_CIN,
		[LOW] = PROC_RELAY, [LOW2] = PROC_RELAY,
	};
	const struct gnuid other = id_of(ELSE), none = { .b = { 0 } };

	app_make(&app, keys);
	memset(conn, 0, sizeof(conn));
	for (int i = 0; i < N_CONNS; i++) {
		struct conn *k = &conn[i];
		const uint8_t sid = (uint8_t)(i + 1);

		k->kind = kind[i];
		k->chan = k->kind == PROC_COUT || k->kind == PROC_CIN ? none :
			i == UP || i == LOW ? *here : other;
		if (k->kind == PROC_FETCH)
			make_upstream(k, sid, &k->chan);
		else
			make_servent(k, sid, &k->chan);
		k->proc = (struct proc){
			.node = &app.node, .kind = k->kind, .sv = k->sv, .remote = id_of(sid), .chan = k->chan,
			.peer = host_v4(203, 0, 113, sid, 1000), .yp = k->kind == PROC_COUT,
		};
	}
}

static void end(void)
{
	for (int i = 0; i < N_CONNS; i++) {
		struct conn *k = &conn[i];

		if (k->sv != NULL) {
			close(k->far);
			servent_end(&k->sv);
			continue;
		}
		chan_close(k->c);
		chan_detach(k->c, k->token);
		chanmgr_remove(app.node.cm, k->c);
		chan_unref(&k->c);
		mbox_fini(&k->mb);
	}
	app_drop(&app);
}

static struct blob *take(int i)
{
	return mbox_take(conn[i].sv != NULL ? &conn[i].sv->mbox : &conn[i].mb);
}

/* Who got mail, in letters; the mail is thrown away, but for the last, which *msg gets. */
static const char *receivers(struct blob **msg)
{
	static char got[N_CONNS * 2 + 1];
	size_t n = 0;

	for (int i = 0; i < N_CONNS; i++) {
		for (struct blob *b = take(i); b != NULL; b = take(i)) {
			ck_assert_uint_lt(n, sizeof(got) - 1);
			got[n++] = letter[i];
			if (msg != NULL)
				blob_unref(msg);
			if (msg != NULL)
				*msg = b;
			else
				blob_unref(&b);
		}
	}
	got[n] = '\0';
	return got;
}

static int conn_of(char c)
{
	return (int)(strchr(letter, c) - letter);
}

static struct buf out;
static struct atomwr w;

/* An envelope of that session; what is written to w next is in it, until hand_over(). */
static void open_bcst(const struct gnuid *from, uint8_t grp, uint8_t ttl, uint8_t dest, uint8_t cid)
{
	const struct gnuid d = id_of(dest), c = id_of(cid);
	struct bcst b;

	buf_init(&out, 1 << 20);
	atomwr_init(&w, &out);
	bcst_init(&b, grp, ttl, from, dest != 0 ? &d : NULL, cid != 0 ? &c : NULL);
	bcst_begin(&w, &b);
}

/* It comes over connection i. */
static enum status hand_over(int i, uint32_t *quit)
{
	enum status st;
	struct atom a;

	atomwr_end(&w);
	a = atom_of(&out);
	st = proc_atom(&conn[i].proc, &a, quit);
	buf_fini(&out);
	return st;
}

/* bcst from session `from` with a payload that nobody else has. */
static enum status speak(int i, uint8_t from, uint8_t grp, uint8_t ttl, uint8_t dest, uint8_t cid,
	uint32_t payload)
{
	static uint32_t mark;
	const struct gnuid f = id_of(from);
	uint32_t quit;

	open_bcst(&f, grp, ttl, dest, cid);
	atomwr_u32(&w, payload, ++mark);
	return hand_over(i, &quit);
}

#define MARK ATOM_ID4('z', 'z', 'z', 'z')

static const struct {
	const char *name;
	char over;              /* the connection it comes over */
	uint8_t from, grp, ttl, dest, cid;
	const char *to;
} rows[] = {
	/* towards the YP */
	{ "ROOT from a client", 'i', 0x41, 1, 7, 0, 0, "uUc" },
	{ "ROOT from a relay", 'n', 0x41, 1, 7, 0, 0, "uUc" },
	{ "ROOT from the YP", 'c', 0x41, 1, 7, 0, 0, "uU" },
	{ "ROOT from above", 'u', 0x41, 1, 7, 0, 0, "Uc" },
	/* towards the trackers */
	{ "TRACKERS from the YP", 'c', 0x41, 2, 7, 0, 0, "uUi" },
	{ "TRACKERS from a relay", 'n', 0x41, 2, 7, 0, 0, "uUci" },
	{ "TRACKERS from a client", 'i', 0x41, 2, 7, 0, 0, "uUc" },
	/* everywhere */
	{ "RELAYS from a relay", 'n', 0x41, 4, 7, 0, 0, "uUciN" },
	{ "RELAYS from above", 'u', 0x41, 4, 7, 0, 0, "UcinN" },
	{ "ALL from a client", 'i', 0x41, 0xff, 7, 0, 0, "uUcnN" },
	{ "no group (B49)", 'n', 0x41, 0, 7, 0, 0, "" },
	{ "groups nobody knows", 'n', 0x41, 0xf8, 7, 0, 0, "" },
	/* of a channel: within its tree */
	{ "status from below", 'n', 0x41, 2, 11, 0, HERE, "u" },
	{ "status of the other channel", 'n', 0x41, 2, 11, 0, ELSE, "U" },
	{ "status from above goes nowhere", 'u', 0x41, 2, 11, 0, HERE, "" },
	{ "info from above", 'u', 0x41, 4, 7, 0, HERE, "n" },
	{ "RELAYS of the channel from below", 'n', 0x41, 4, 7, 0, HERE, "u" },
	{ "RELAYS of the channel from the other tree", 'N', 0x41, 4, 7, 0, HERE, "un" },
	{ "ALL of the channel from the YP", 'c', 0x41, 0xff, 7, 0, HERE, "un" },
	{ "ROOT of the channel from a client", 'i', 0x41, 1, 7, 0, HERE, "u" },
	{ "a channel nobody has", 'n', 0x41, 0xff, 7, 0, 0xc9, "" },
	/* how far */
	{ "ttl 2", 'n', 0x41, 2, 2, 0, HERE, "u" },
	{ "ttl 1", 'n', 0x41, 2, 1, 0, HERE, "" },
	{ "ttl 0", 'n', 0x41, 2, 0, 0, HERE, "" },
	{ "ttl 200", 'n', 0x41, 2, 200, 0, HERE, "u" },
	{ "without sender", 'n', 0, 2, 11, 0, HERE, "u" },
	/* addressed: to the session, or to where it was heard of */
	{ "to the client", 'n', 0x41, 0xff, 7, 1 + CIN, 0, "i" },
	{ "to the YP", 'n', 0x41, 0xff, 7, 1 + COUT, 0, "c" },
	{ "to the upstream", 'n', 0x41, 0xff, 7, 1 + UP, 0, "u" },
	{ "behind the upstream", 'n', 0x41, 0xff, 7, 0x11 + UP, 0, "u" },
	{ "behind the other upstream", 'u', 0x41, 0xff, 7, 0x11 + UP2, 0, "U" },
	{ "behind a relay", 'u', 0x41, 0xff, 7, 0x11 + LOW, 0, "n" },
	{ "behind a relay, of the channel", 'u', 0x41, 0xff, 7, 0x11 + LOW, HERE, "n" },
	{ "behind a relay, of the other channel", 'u', 0x41, 0xff, 7, 0x11 + LOW, ELSE, "" },
	{ "behind a relay, for trackers", 'u', 0x41, 2, 7, 0x11 + LOW, 0, "" },
	{ "back to where it came from", 'n', 0x41, 0xff, 7, 0x11 + LOW, 0, "" },
	{ "to nobody we know", 'n', 0x41, 0xff, 7, 0x77, 0, "" },
	{ "to somebody, ttl 1", 'n', 0x41, 0xff, 1, 1 + CIN, 0, "" },
};

START_TEST(ways)
{
	const struct gnuid here = id_of(HERE);

	begin(NULL, &here);
	ck_assert_int_eq(speak(conn_of(rows[_i].over), rows[_i].from, rows[_i].grp, rows[_i].ttl, rows[_i].dest,
		rows[_i].cid, MARK), ST_OK);
	ck_assert_msg(strcmp(receivers(NULL), rows[_i].to) == 0, "%s: %s", rows[_i].name, receivers(NULL));
	end();
}
END_TEST

/* Where it came from is a session, not a line: one that has two connections here gets nothing back over the
 * other. */
START_TEST(never_back)
{
	const struct gnuid here = id_of(HERE), twin = id_of(1 + LOW);

	begin(NULL, &here);
	servent_set_remote(conn[CIN].sv, &twin);
	chan_set_source(conn[UP2].c, NULL, &twin, NULL);
	ck_assert_int_eq(speak(LOW, 0x41, 4, 7, 0, 0, MARK), ST_OK);
	ck_assert_str_eq(receivers(NULL), "ucN");
	end();
}
END_TEST

/* A session is routable once it has spoken through a connection, and no longer when that is another one. */
START_TEST(learnt)
{
	const struct gnuid here = id_of(HERE), none = { .b = { 0 } };

	begin(NULL, &here);
	for (int i = 0; i < N_CONNS; i++) {
		const int asker = i == LOW2 ? LOW : LOW2;
		const char want[] = { letter[i], '\0' };

		ck_assert_int_eq(speak(asker, 0x41, 0xff, 7, 0x66, 0, MARK), ST_OK);
		ck_assert_str_eq(receivers(NULL), "");
		/* to be heard of, it need not go on */
		ck_assert_int_eq(speak(i, 0x66, 0, 0, 0, 0, MARK), ST_OK);
		ck_assert_int_eq(speak(asker, 0x41, 0xff, 7, 0x66, 0, MARK), ST_OK);
		ck_assert_str_eq(receivers(NULL), want);
		if (conn[i].sv != NULL)
			servent_set_remote(conn[i].sv, &none);
		else
			chan_set_source(conn[i].c, NULL, &conn[i].proc.remote, NULL);
	}
	end();
}
END_TEST

/* Ours came back: the connection ends, and nothing else is done with it (B51, B64). */
START_TEST(loop)
{
	const struct gnuid here = id_of(HERE);
	uint32_t quit;

	for (int i = 0; i < N_CONNS; i++) {
		begin(NULL, &here);
		open_bcst(servmgr_sid(app.node.sm), PCP_BCST_GROUP_ALL, 7, 0, 0);
		ck_assert_int_eq(hand_over(i, &quit), ST_PROTO);
		ck_assert_uint_eq(quit, PCP_QUIT_LOOPBACK);
		ck_assert_str_eq(receivers(NULL), "");
		end();
	}
}
END_TEST

/* The same packet over two ways is taken and passed on once; over control connections, which make no
 * circle, each time, as one that connects anew says the same again (pcp.md 10.3). */
START_TEST(twice)
{
	static const struct {
		int over;
		const char *to;
	} step[] = {
		{ LOW, "uUciN" }, { LOW2, "" }, { UP, "" }, { LOW, "uUciN" }, { CIN, "uUcnN" },
	};
	const struct gnuid here = id_of(HERE), f = id_of(0x41);
	uint32_t quit;

	begin(NULL, &here);
	for (size_t i = 0; i < NELEM(step); i++) {
		open_bcst(&f, PCP_BCST_GROUP_RELAYS, 7, 0, 0);
		atomwr_u32(&w, MARK, 0xffffffff);
		ck_assert_int_eq(hand_over(step[i].over, &quit), ST_OK);
		ck_assert_str_eq(receivers(NULL), step[i].to);
	}
	end();
}
END_TEST

/* --- how much ------------------------------------------------------------------------------------- */

static uint64_t refused(void)
{
	struct totals t;

	servmgr_totals(app.node.sm, &t);
	return t.msgs_refused;
}

/* One connection spreads so many at once and so many a second; what it may not is counted. Others go on. */
START_TEST(spread)
{
	const struct gnuid here = id_of(HERE);
	unsigned n = 0;

	begin(NULL, &here);
	for (int s = 0; s < 10; s++, skew += NSEC_PER_SEC) {
		for (int i = 0; i < 50; i++) {
			ck_assert_int_eq(speak(LOW, 0x41, 4, 7, 0, 0, MARK), ST_OK);
			n += receivers(NULL)[0] != '\0';
		}
	}
	ck_assert_uint_eq(n, PASS_SPREAD_BURST + 9 * PASS_SPREAD);
	ck_assert_uint_eq(refused(), 500 - n);
	ck_assert_int_eq(speak(LOW2, 0x41, 4, 7, 0, 0, MARK), ST_OK);
	ck_assert_str_eq(receivers(NULL), "uUcin");
	/* what climbs the channel's own tree is not spread */
	for (int i = 0; i < PASS_SPREAD; i++) {
		ck_assert_int_eq(speak(LOW, 0x41, 4, 7, 0, 0, MARK), ST_OK);
		(void)receivers(NULL);
	}
	ck_assert_int_eq(speak(LOW, 0x41, 2, 11, 0, HERE, MARK), ST_OK);
	ck_assert_str_eq(receivers(NULL), "u");
	ck_assert_int_eq(speak(LOW, 0x41, 4, 11, 0, HERE, MARK), ST_OK);
	ck_assert_str_eq(receivers(NULL), "u");
	ck_assert_int_eq(speak(LOW, 0x41, 4, 11, 0, 0, MARK), ST_OK);
	ck_assert_str_eq(receivers(NULL), "");
	end();
}
END_TEST

/* The node as a whole does not make more copies than that a second, however many spread. */
START_TEST(spread_of_all)
{
	const struct gnuid here = id_of(HERE);
	unsigned n = 0;

	begin(NULL, &here);
	skew += 100 * NSEC_PER_SEC;
	for (int i = 0; i < PASS_COPIES; i++) {
		conn[LOW].proc.pass = (struct pass){ .stale = false };  /* another connection */
		conn[LOW].proc.atoms = (struct bucket){ 0 };
		ck_assert_int_eq(speak(LOW, 0x41, 2, 7, 0, 0, MARK), ST_OK);
		n += (unsigned)strlen(receivers(NULL));
	}
	ck_assert_uint_ge(n, PASS_COPIES - 4);
	ck_assert_uint_le(n, PASS_COPIES + 4);
	ck_assert_uint_gt(refused(), PASS_COPIES / 2);
	/* what is addressed finds its way all the same */
	conn[LOW].proc.pass = (struct pass){ .stale = false };
	ck_assert_int_eq(speak(LOW, 0x41, 0xff, 7, 1 + CIN, 0, MARK), ST_OK);
	ck_assert_str_eq(receivers(NULL), "i");
	skew += NSEC_PER_SEC;
	ck_assert_int_eq(speak(LOW2, 0x41, 2, 7, 0, 0, MARK), ST_OK);
	ck_assert_str_eq(receivers(NULL), "uUci");
	end();
}
END_TEST

static struct gnuid numbered(unsigned n)
{
	return (struct gnuid){ .b = { [0] = 0xee, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n } };
}

/* A relay's report, from the n-th node of the tree. */
static enum status report(int over, unsigned node, uint32_t listeners, uint8_t flags)
{
	const struct gnuid from = numbered(node);
	struct hit h = { .sid = from, .listeners = listeners, .flags = flags };
	uint32_t quit;

	h.rhost[0] = host_v4(198, 51, (uint8_t)(node >> 8), (uint8_t)node, 7144);
	open_bcst(&from, PCP_BCST_GROUP_TRACKERS, 11, 0, HERE);
	hostatom_emit(&w, &h, false);
	return hand_over(over, &quit);
}

/* Of the report that goes up next: the node, and its listeners. -1 = none waits. */
static int next_report(uint32_t *listeners)
{
	struct blob *msg = take(UP);
	struct atombag bag;
	struct atom a, c;
	struct bcst b;
	struct hit h;

	if (msg == NULL)
		return -1;
	ck_assert_int_eq(atom_open(&a, msg->data, msg->len), ST_OK);
	ck_assert_int_eq(bcst_parse(&b, &a), ST_OK);
	bcst_payload(&b, &bag);
	ck_assert(atombag_next(&bag, &c));
	ck_assert_int_eq(hostatom_parse(&h, &c, &b.cid, 0), ST_OK);
	blob_unref(&msg);
	*listeners = h.flags & HIT_RECV ? h.listeners : 0;
	return h.sid.b[14] << 8 | h.sid.b[15];
}

/* A thousand relays below: each one's newest report gets its turn, the good-bye of one that left included;
 * nobody is left out. */
START_TEST(big_tree)
{
	const struct gnuid here = id_of(HERE);
	struct totals t;
	uint32_t n;

	begin(NULL, &here);
	for (uint32_t round = 1; round <= 5; round++, skew += 10 * NSEC_PER_SEC) {
		for (unsigned i = 0; i < 1000; i++)
			ck_assert_int_eq(report(LOW, i, round, i == 500 && round == 5 ? 0 : HIT_RECV), ST_OK);
	}
	servmgr_totals(app.node.sm, &t);
	ck_assert_uint_eq(t.msgs_lost, 0);
	ck_assert_uint_eq(t.msgs_refused, 0);
	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(next_report(&n), i);
		ck_assert_uint_eq(n, i == 500 ? 0 : 5);
	}
	ck_assert_int_eq(next_report(&n), -1);
	end();
}
END_TEST

/* One that floods with made-up senders delays its siblings by one report each time, and loses its own. */
START_TEST(fair)
{
	const struct gnuid here = id_of(HERE);
	unsigned siblings = 0, at = 0;
	uint32_t n;
	int k;

	begin(NULL, &here);
	for (unsigned i = 0; i < PROC_ATOMS_BURST - 100; i++) {
		ck_assert_int_eq(report(LOW, 1000 + i, 1, HIT_RECV), ST_OK);
		if (i % 500 == 499) {
			conn[LOW2].proc.chan = here;
			ck_assert_int_eq(report(LOW2, i / 500, 1, HIT_RECV), ST_OK);
		}
	}
	ck_assert_uint_gt(mbox_lost(&conn[UP].mb), 0);
	while ((k = next_report(&n)) != -1) {
		at++;
		if (k >= 1000)
			continue;
		siblings++;
		ck_assert_uint_le(at, 2 * siblings);
	}
	ck_assert_uint_eq(siblings, 3);
	end();
}
END_TEST

/* More than a tree of two thousand could say: the connection ends, if it is not one we chose. */
START_TEST(budget)
{
	static const struct {
		int over;
		bool root, ends;
	} row[] = {
		{ LOW, false, true }, { CIN, false, true }, { COUT, false, false }, { UP, false, false },
		{ CIN, true, false },
	};
	const struct gnuid here = id_of(HERE);

	for (size_t i = 0; i < NELEM(row); i++) {
		const char *const keys[] = { "isRoot", row[i].root ? "Yes" : "No", NULL };
		struct proc *p;
		enum status st = ST_OK;
		unsigned n = 0;

		begin(keys, &here);
		p = &conn[row[i].over].proc;
		while (n < 3 * PROC_ATOMS_BURST && st == ST_OK) {
			st = speak(row[i].over, 0x41, 0, 7, 0, 0, MARK);
			n += st == ST_OK;
		}
		if (!row[i].ends) {
			ck_assert_int_eq(st, ST_OK);
			end();
			continue;
		}
		ck_assert_int_eq(st, ST_LIMIT);
		ck_assert_ptr_nonnull(p->why);
		ck_assert_uint_eq(n, PROC_ATOMS_BURST);
		/* it earns so many a second, and long ones cost more */
		skew += NSEC_PER_SEC;
		for (unsigned k = 0; k < PROC_ATOMS - 10; k++)
			ck_assert_int_eq(speak(row[i].over, 0x41, 0, 7, 0, 0, MARK), ST_OK);
		open_bcst(&here, 0, 7, 0, 0);
		for (int k = 0; k < 4; k++)
			atomwr_bytes(&w, MARK, (const char[15000]){ 0 }, 15000);
		ck_assert_int_eq(hand_over(row[i].over, &(uint32_t){ 0 }), ST_LIMIT);
		ck_assert_int_eq(speak(row[i].over, 0x41, 0, 7, 0, 0, MARK), ST_OK);
		end();
	}
}
END_TEST

/* --- what the channel is called -------------------------------------------------------------------- */

static bool on_info(void *ctx, const struct chanatom *ca)
{
	struct chan *c = ctx;
	struct chaninfo *i = chan_info(c);
	struct chanmeta m;
	bool bitrate_only;

	chaninfo_to_meta(i, &m);
	chaninfo_unref(&i);
	chanatom_meta(ca, &m);
	return chan_set_info(c, &m, &bitrate_only);
}

static void put_title(const char *title)
{
	const struct gnuid here = id_of(HERE);

	atomwr_begin(&w, ATOM_CHAN);
	atomwr_gnuid(&w, ATOM_ID, &here);
	atomwr_begin(&w, ATOM_TRCK);
	atomwr_str(&w, ATOM_TITL, title);
	atomwr_end(&w);
	atomwr_end(&w);
}

/* The upstream tells a title in a broadcast, or (ttl 0) in its stream. */
static void retitle(const char *title, uint8_t ttl)
{
	const struct gnuid tracker = id_of(0x41);
	uint32_t quit;
	struct atom a;

	if (ttl > 0) {
		open_bcst(&tracker, PCP_BCST_GROUP_RELAYS, ttl, 0, HERE);
		put_title(title);
		ck_assert_int_eq(hand_over(UP, &quit), ST_OK);
		return;
	}
	buf_init(&out, 1024);
	atomwr_init(&w, &out);
	put_title(title);
	a = atom_of(&out);
	ck_assert_int_eq(proc_atom(&conn[UP].proc, &a, &quit), ST_OK);
	buf_fini(&out);
}

/* What the relay below is told now: "<title> of tracker" or "of us"; "" = nothing. Others: never. */
static const char *told(void)
{
	static char got[TEXT_MAX + 20];
	struct blob *msg = take(LOW);
	struct chanmeta m = { .bitrate_kbps = 0 };
	struct atombag bag;
	struct chanatom ca;
	struct bcst b;
	struct atom a, c;

	got[0] = '\0';
	if (msg == NULL)
		return got;
	ck_assert_int_eq(atom_open(&a, msg->data, msg->len), ST_OK);
	ck_assert_int_eq(bcst_parse(&b, &a), ST_OK);
	ck_assert_uint_eq(b.grp, PCP_BCST_GROUP_RELAYS);
	bcst_payload(&b, &bag);
	ck_assert(atombag_next(&bag, &c));
	ck_assert_int_eq(chanatom_parse(&ca, &c), ST_OK);
	chanatom_meta(&ca, &m);
	snprintf(got, sizeof(got), "%s of %s", m.text[CT_TRACK_TITLE],
		gnuid_equal(&b.from, servmgr_sid(app.node.sm)) ? "us" : "tracker");
	blob_unref(&msg);
	ck_assert_str_eq(receivers(NULL), "");
	return got;
}

static void wait_due(void)
{
	const nsec due = pass_due(&conn[UP].proc);

	ck_assert_int_ne(due, NSEC_NEVER);
	skew = due - 1 - clock_origin;
	pass_tick(&conn[UP].proc, clk_now());
	ck_assert_str_eq(told(), "");
	skew++;
	pass_tick(&conn[UP].proc, clk_now());
}

/* What the upstream says goes on at once, then every PASS_INFO, and the last word is never lost. */
START_TEST(titles)
{
	const struct gnuid here = id_of(HERE);
	struct proc *p = &conn[UP].proc;
	struct chaninfo *i;
	char title[16];

	begin(NULL, &here);
	p->info = on_info;
	p->ctx = conn[UP].c;
	ck_assert_int_eq(pass_due(p), NSEC_NEVER);
	retitle("a", 7);
	ck_assert_str_eq(told(), "a of tracker");
	ck_assert_int_eq(pass_due(p), NSEC_NEVER);
	for (int k = 0; k < 20; k++) {
		snprintf(title, sizeof(title), "b%d", k);
		retitle(title, 7);
		skew += NSEC_PER_SEC / 10;
	}
	ck_assert_str_eq(told(), "");
	wait_due();
	ck_assert_str_eq(told(), "b19 of tracker");
	ck_assert_int_eq(pass_due(p), NSEC_NEVER);
	ck_assert_int_eq(clk_now(), p->pass.info_at);
	i = chan_info(conn[UP].c);
	ck_assert_str_eq(i->text[CT_TRACK_TITLE], "b19");
	chaninfo_unref(&i);

	/* The same again is passed on as well: they may have missed it. */
	skew += PASS_INFO;
	retitle("b19", 7);
	ck_assert_str_eq(told(), "b19 of tracker");

	/* In the stream, or with its last ttl: they hear it from us. What is no news is not told. */
	skew += PASS_INFO;
	retitle("b19", 0);
	ck_assert_str_eq(told(), "");
	retitle("c", 0);
	ck_assert_str_eq(told(), "c of us");
	skew += PASS_INFO;
	retitle("d", 1);
	ck_assert_str_eq(told(), "d of us");
	retitle("e", 7);
	retitle("f", 1);
	ck_assert_str_eq(told(), "");
	wait_due();
	ck_assert_str_eq(told(), "f of us");
	retitle("g", 1);
	retitle("h", 7);
	wait_due();
	ck_assert_str_eq(told(), "h of us");

	/* The connection ends: it does not take the last word with it. */
	retitle("i", 7);
	ck_assert_str_eq(told(), "");
	pass_end(p);
	ck_assert_str_eq(told(), "i of tracker");
	pass_end(p);
	ck_assert_str_eq(told(), "");
	end();
}
END_TEST

/* From below it goes up alone, and never through here. */
START_TEST(titles_from_below)
{
	const struct gnuid here = id_of(HERE), from = id_of(0x41);
	uint32_t quit;

	begin(NULL, &here);
	for (int i = CIN; i < N_CONNS; i++) {
		open_bcst(&from, PCP_BCST_GROUP_ALL, 7, 0, HERE);
		put_title("stolen");
		ck_assert_int_eq(hand_over(i, &quit), ST_OK);
		ck_assert_str_eq(receivers(NULL), i == LOW2 || i == LOW || i == CIN ? "u" : "");
		skew += 20 * NSEC_PER_SEC;
	}
	/* of a channel that is not this connection's: like anything else from there */
	open_bcst(&from, PCP_BCST_GROUP_RELAYS, 7, 0, HERE);
	put_title("x");
	ck_assert_int_eq(hand_over(UP2, &quit), ST_OK);
	ck_assert_str_eq(receivers(NULL), "un");
	end();
}
END_TEST

/* --- what was recorded ---------------------------------------------------------------------------- */

/* Every broadcast in a recording goes the same way. Root: as one that forwards all. */
static const struct {
	const char *name;
	char over;
	bool root;
	unsigned n;
	const char *to;
} captures[] = {
	{ "control_tracker_to_root.c2s", 'i', false, 14, "uUc" },
	{ "control_tracker_to_root.c2s", 'i', true, 14, "" },
	{ "control_tracker_to_root.s2c", 'c', false, 3, "uUi" },
	{ "control_loopback.c2s", 'i', true, 4, "" },
	{ "control_updint30.s2c", 'c', false, 1, "uUi" },
	{ "relay_ok.c2s", 'n', false, 8, "u" },
	{ "relay_from_relay.c2s", 'n', false, 2, "u" },
	{ "relay_ok_second_pull.c2s", 'n', false, 2, "u" },
	{ "relay_ok_loopback_mkv.c2s", 'n', false, 2, "u" },
	{ "relay_503_hosts.c2s", 'n', false, 1, "u" },
};

/* Where the atoms begin, and which channel is asked for. */
static size_t head_of(const struct buf *file, struct gnuid *chan)
{
	const char *text = (const char *)file->p;

	if (memcmp(text, "GET /channel/", 13) != 0)
		return 0;
	ck_assert(gnuid_parse(chan, text + 13));
	return (size_t)(strstr(text, "\r\n\r\n") + 4 - text);
}

/* A copy is the original but for ttl and hops. */
static void check_copy(const struct atom *a, const struct blob *msg)
{
	struct bcst in, passed;
	struct atom copy;
	unsigned differ = 0;

	ck_assert_ptr_nonnull(msg);
	ck_assert_int_eq(atom_open(&copy, msg->data, msg->len), ST_OK);
	ck_assert_int_eq(bcst_parse(&in, a), ST_OK);
	ck_assert_int_eq(bcst_parse(&passed, &copy), ST_OK);
	ck_assert_uint_eq(copy.size, a->size);
	ck_assert_uint_eq(passed.ttl, in.ttl - 1);
	ck_assert_uint_eq(passed.hops, in.hops + 1);
	for (size_t i = 0; i < a->size; i++)
		differ += a->whole[i] != copy.whole[i];
	ck_assert_uint_eq(differ, 2);
}

START_TEST(captured)
{
	const char *const keys[] = { "isRoot", captures[_i].root ? "Yes" : "No", NULL };
	const int over = conn_of(captures[_i].over);
	struct gnuid chan = id_of(HERE);
	char path[128];
	unsigned n = 0;
	size_t at, len;
	struct buf file;

	buf_init(&file, 1 << 20);
	snprintf(path, sizeof(path), "test/data/pcp/%s.bin", captures[_i].name);
	ck_assert_msg(file_read(path, &file) == ST_OK, "%s", path);
	buf_u8(&file, '\0');            /* a head is text */
	file.len--;
	at = head_of(&file, &chan);
	begin(keys, &chan);
	while (atomscan_whole(file.p + at, file.len - at, &atomlimits_control, &len) == ST_OK) {
		struct blob *msg = NULL;
		struct atom a;
		uint32_t quit;
		enum status st;

		ck_assert_int_eq(atom_open(&a, file.p + at, len), ST_OK);
		at += len;
		st = proc_atom(&conn[over].proc, &a, &quit);
		ck_assert_msg(st == (a.id == ATOM_QUIT ? ST_EOF : ST_OK), "%s", captures[_i].name);
		if (a.id == ATOM_BCST) {
			n++;
			ck_assert_str_eq(receivers(&msg), captures[_i].to);
			if (captures[_i].to[0] != '\0')
				check_copy(&a, msg);
			blob_unref(&msg);
		}
		ck_assert_str_eq(receivers(NULL), "");
	}
	ck_assert_uint_eq(n, captures[_i].n);
	end();
	buf_fini(&file);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/pass");
	TCase *t = tcase_create("ways");

	tcase_add_loop_test(t, ways, 0, (int)NELEM(rows));
	tcase_add_test(t, never_back);
	tcase_add_test(t, learnt);
	tcase_add_test(t, loop);
	tcase_add_test(t, twice);
	suite_add_tcase(s, t);

	t = tcase_create("amounts");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, spread);
	tcase_add_test(t, spread_of_all);
	tcase_add_test(t, big_tree);
	tcase_add_test(t, fair);
	tcase_add_test(t, budget);
	suite_add_tcase(s, t);

	t = tcase_create("titles");
	tcase_add_test(t, titles);
	tcase_add_test(t, titles_from_below);
	suite_add_tcase(s, t);

	t = tcase_create("captured");
	tcase_add_loop_test(t, captured, 0, (int)NELEM(captures));
	suite_add_tcase(s, t);
	return s;
}
