/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which connections a broadcast leaves by: a node with one connection of every kind, whose mailboxes are
 * looked at (pcp.md 10). */
#include "servent/proc.h"

#include <stdio.h>

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

/* bcst from session `from` with a payload that nobody else has. */
static enum status speak(int i, uint8_t from, uint8_t grp, uint8_t ttl, uint8_t dest, uint8_t cid,
	uint32_t payload)
{
	static uint32_t mark;
	const struct gnuid f = id_of(from), d = id_of(dest), c = id_of(cid);
	enum status st;
	struct atomwr w;
	struct bcst b;
	struct buf out;
	struct atom a;
	uint32_t quit;

	buf_init(&out, 1024);
	atomwr_init(&w, &out);
	bcst_init(&b, grp, ttl, &f, dest != 0 ? &d : NULL, cid != 0 ? &c : NULL);
	bcst_begin(&w, &b);
	atomwr_u32(&w, payload, ++mark);
	bcst_end(&w);
	a = atom_of(&out);
	conn[i].proc.fans_now = 0;
	st = proc_atom(&conn[i].proc, &a, &quit);
	buf_fini(&out);
	return st;
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
	struct atomwr w;
	struct buf out;
	struct bcst b;
	uint32_t quit;
	struct atom a;

	for (int i = 0; i < N_CONNS; i++) {
		begin(NULL, &here);
		buf_init(&out, 1024);
		atomwr_init(&w, &out);
		bcst_init(&b, PCP_BCST_GROUP_ALL, 7, servmgr_sid(app.node.sm), NULL, NULL);
		bcst_begin(&w, &b);
		bcst_end(&w);
		a = atom_of(&out);
		ck_assert_int_eq(proc_atom(&conn[i].proc, &a, &quit), ST_PROTO);
		ck_assert_uint_eq(quit, PCP_QUIT_LOOPBACK);
		ck_assert_str_eq(receivers(NULL), "");
		buf_fini(&out);
		end();
	}
}
END_TEST

/* The same packet over two ways is taken and passed on once; over control connections, which make no
 * circle, each time, as one that connects anew says the same again (pcp.md 10.3). */
START_TEST(twice)
{
	const struct gnuid here = id_of(HERE), f = id_of(0x41);
	struct atomwr w;
	struct buf out;
	struct bcst b;
	uint32_t quit;
	struct atom a;

	begin(NULL, &here);
	buf_init(&out, 1024);
	atomwr_init(&w, &out);
	bcst_init(&b, PCP_BCST_GROUP_RELAYS, 7, &f, NULL, NULL);
	bcst_begin(&w, &b);
	atomwr_u32(&w, MARK, 0xffffffff);
	bcst_end(&w);
	a = atom_of(&out);
	ck_assert_int_eq(proc_atom(&conn[LOW].proc, &a, &quit), ST_OK);
	ck_assert_str_eq(receivers(NULL), "uUciN");
	ck_assert_int_eq(proc_atom(&conn[LOW2].proc, &a, &quit), ST_OK);
	ck_assert_int_eq(proc_atom(&conn[UP].proc, &a, &quit), ST_OK);
	ck_assert_str_eq(receivers(NULL), "");
	ck_assert_int_eq(proc_atom(&conn[LOW].proc, &a, &quit), ST_OK);
	ck_assert_str_eq(receivers(NULL), "uUciN");
	ck_assert_int_eq(proc_atom(&conn[CIN].proc, &a, &quit), ST_OK);
	ck_assert_str_eq(receivers(NULL), "uUcnN");
	buf_fini(&out);
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
	struct bcst in, out;
	struct atom copy;
	unsigned differ = 0;

	ck_assert_ptr_nonnull(msg);
	ck_assert_int_eq(atom_open(&copy, msg->data, msg->len), ST_OK);
	ck_assert_int_eq(bcst_parse(&in, a), ST_OK);
	ck_assert_int_eq(bcst_parse(&out, &copy), ST_OK);
	ck_assert_uint_eq(copy.size, a->size);
	ck_assert_uint_eq(out.ttl, in.ttl - 1);
	ck_assert_uint_eq(out.hops, in.hops + 1);
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
		/* as if each came a second after the one before */
		conn[over].proc.fans_now = 0;
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
	Suite *s = suite_create("servent/routing");
	TCase *t = tcase_create("ways");

	tcase_add_loop_test(t, ways, 0, (int)NELEM(rows));
	tcase_add_test(t, never_back);
	tcase_add_test(t, learnt);
	tcase_add_test(t, loop);
	tcase_add_test(t, twice);
	suite_add_tcase(s, t);

	t = tcase_create("captured");
	tcase_add_loop_test(t, captured, 0, (int)NELEM(captures));
	suite_add_tcase(s, t);
	return s;
}
