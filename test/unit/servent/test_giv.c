/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: sock_connect */
#include "servent/giv.h"

#include <errno.h>

#include "core/media/media.h"
#include "pcp/quit.h"
#include "servent/packet.h"
#include "servent/proc.h"
#include "test/unit/servent/servtest.h"
#include "test/unit/unit.h"

static struct app app;

/* --- nobody is dialled in earnest ------------------------------------------------------------- */

static struct {
	pthread_mutex_t mtx;
	pthread_cond_t changed;
	unsigned n;             /* calls */
	struct host last;
	bool hang;              /* they do not return before this is unset */
	int fd;                 /* what they connect to; -1 = refused */
} net = { .mtx = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .fd = -1 };

enum status __wrap_sock_connect(struct sock *s, const struct host *to, struct mbox *mb, nsec deadline);

enum status __wrap_sock_connect(struct sock *s, const struct host *to, struct mbox *mb, nsec deadline)
{
	int fd;

	ck_assert_int_le(deadline - clk_now(), GIV_CONNECT);
	pthread_mutex_lock(&net.mtx);
	net.n++;
	net.last = *to;
	pthread_cond_broadcast(&net.changed);
	while (net.hang)
		pthread_cond_wait(&net.changed, &net.mtx);
	fd = net.fd;
	net.fd = -1;
	pthread_mutex_unlock(&net.mtx);
	if (fd == -1) {
		s->fd = -1;
		errno = ECONNREFUSED;
		return ST_SYS;
	}
	sock_init(s, fd, to, mb);
	return ST_OK;
}

static void dialled(unsigned n)
{
	pthread_mutex_lock(&net.mtx);
	while (net.n < n)
		pthread_cond_wait(&net.changed, &net.mtx);
	ck_assert_uint_eq(net.n, n);
	pthread_mutex_unlock(&net.mtx);
}

static void let_go(void)
{
	pthread_mutex_lock(&net.mtx);
	net.hang = false;
	pthread_cond_broadcast(&net.changed);
	pthread_mutex_unlock(&net.mtx);
	ck_assert_int_eq(servmgr_wait_empty(app.node.sm, clk_deadline(SOON)), ST_OK);
}

static void setup(void)
{
	const struct host us = host_v4(203, 0, 113, 1, 0);

	app_make(&app, NULL);
	net.n = 0;
	net.hang = false;
	net.fd = -1;
	(void)servmgr_set_port(app.node.sm, 7144);
	(void)servmgr_learn_address(app.node.sm, &us);
}

static void teardown(void)
{
	let_go();
	app_drop(&app);
}

/* --- obeying ---------------------------------------------------------------------------------- */

/* A channel with head and data. */
static struct chan *play(uint8_t id, enum chan_type type, struct mbox *src, uint32_t *token)
{
	struct chanmeta m = { .id = id_of(id), .bitrate_kbps = 500, .text = { [CT_NAME] = "c" } };
	struct chaninfo *i = chaninfo_new(&m);
	struct chan *c = chan_new(i, type, CHAN_SRC_PEERCAST, false);

	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(chanmgr_add(app.node.cm, c, 0), ST_OK);
	ck_assert_int_eq(mbox_init(src), ST_OK);
	ck_assert_int_eq(chan_attach(c, src, token, clk_deadline(SOON)), ST_OK);
	chan_set_status(c, type == CHAN_BROADCAST ? CHAN_BROADCASTING : CHAN_RECEIVING);
	chaninfo_unref(&i);
	return c;
}

static void stop(struct chan *c, struct mbox *src, uint32_t token)
{
	chan_close(c);
	chan_detach(c, token);
	chanmgr_remove(app.node.cm, c);
	chan_unref(&c);
	mbox_fini(src);
}

enum here { NOTHING, BROADCAST, RELAY, RELAY_FULL, RELAY_LOST };

static const struct {
	const char *name, *to;
	bool with_cid;
	enum here here;
	bool dials;
} obey_row[] = {
	{ "control", "198.51.100.9:7144", false, NOTHING, true },
	{ "unknown channel", "198.51.100.9:7144", true, NOTHING, false },
	{ "broadcast", "198.51.100.9:7144", true, BROADCAST, true },
	{ "relay", "198.51.100.9:7144", true, RELAY, true },
	{ "full relay", "198.51.100.9:7144", true, RELAY_FULL, false },
	{ "relay without a source", "198.51.100.9:7144", true, RELAY_LOST, false },
	{ "other family", "[2001:db8::9]:7144", true, BROADCAST, false },
	{ "low port", "198.51.100.9:1023", true, BROADCAST, false },
	{ "our address", "203.0.113.1:7144", true, BROADCAST, false },
	{ "our address, other port", "203.0.113.1:8000", true, BROADCAST, false },
	{ "our older address", "198.51.100.1:8000", true, BROADCAST, false },
	{ "private", "192.168.1.1:7144", true, BROADCAST, false },
	{ "loopback", "127.0.0.1:7144", false, NOTHING, false },
};

START_TEST(obey)
{
	const struct host interface = host_v4(198, 51, 100, 1, 0), us = host_v4(203, 0, 113, 1, 0);
	static const struct host no_route[2];
	const struct gnuid session = id_of(9);
	struct limits l;
	struct push p = { .cid = id_of(obey_row[_i].with_cid ? 1 : 0) };
	enum here here = obey_row[_i].here;
	struct chan *c = NULL;
	struct mbox src;
	uint32_t token;

	(void)servmgr_set_interfaces(app.node.sm, &interface, 1, no_route);
	(void)servmgr_learn_address(app.node.sm, &us);
	ck_assert(host_parse(&p.host, obey_row[_i].to, 0));
	if (here != NOTHING)
		c = play(1, here == BROADCAST ? CHAN_BROADCAST : CHAN_RELAY, &src, &token);
	if (here == RELAY_LOST)
		chan_set_status(c, CHAN_SEARCHING);
	if (here == RELAY_FULL) {
		servmgr_get_limits(app.node.sm, &l);
		l.max_bitrate_out = 100;
		servmgr_set_limits(app.node.sm, &l);
	}
	giv_obey(&app, &p, &session);
	ck_assert_int_eq(servmgr_wait_empty(app.node.sm, clk_deadline(SOON)), ST_OK);
	ck_assert_msg(net.n == (obey_row[_i].dials ? 1 : 0), "%s", obey_row[_i].name);
	if (obey_row[_i].dials)
		ck_assert(host_equal(&net.last, &p.host));
	if (c != NULL)
		stop(c, &src, token);
}
END_TEST

static void push_to(uint8_t session, unsigned host)
{
	const struct push p = { .host = host_v4(198, 51, 100, (uint8_t)host, 7144) };
	const struct gnuid sid = id_of(session);

	giv_obey(&app, &p, &sid);
}

/* Connections being made are few, and listed like those others make to us. */
START_TEST(obey_limits)
{
	struct totals t;

	net.hang = true;
	for (unsigned i = 1; i <= 3 * PUSH_FLIGHTS; i++)
		push_to((uint8_t)i, i);
	dialled(PUSH_FLIGHTS);
	servmgr_totals(app.node.sm, &t);
	ck_assert_uint_eq(t.servents, PUSH_FLIGHTS);
	ck_assert_uint_eq(t.pending, PUSH_FLIGHTS);
	let_go();
	push_to(1, 1);                  /* its two seconds are not over */
	ck_assert_uint_eq(net.n, PUSH_FLIGHTS);
	push_to(100, 1);
	dialled(PUSH_FLIGHTS + 1);
}
END_TEST

START_TEST(obey_when_full)
{
	struct limits l;

	servmgr_get_limits(app.node.sm, &l);
	l.max_serv_in = 0;
	servmgr_set_limits(app.node.sm, &l);
	push_to(1, 1);
	ck_assert_uint_eq(net.n, 0);
	/* nothing of it is left over */
	l.max_serv_in = 50;
	servmgr_set_limits(app.node.sm, &l);
	push_to(2, 1);
	dialled(1);
}
END_TEST

START_TEST(obey_not_while_stopping)
{
	app_lock(&app);
	app.stopping = true;
	app_unlock(&app);
	push_to(1, 1);
	ck_assert_uint_eq(net.n, 0);
}
END_TEST

/* What is said, and that the other is served from there on. */
START_TEST(obey_says_giv)
{
	struct push p = { .host = host_v4(198, 51, 100, 9, 7144), .cid = id_of(0x5a) };
	static const char want[] = "GIV /5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A\r\n\r\n";
	static const char ask[] = "GET /channel/5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A HTTP/1.0\r\n"
	                          "x-peercast-pcp: 1\r\n\r\n";
	const struct gnuid session = id_of(9);
	struct mbox src;
	uint32_t token;
	struct chan *c = play(0x5a, CHAN_BROADCAST, &src, &token);
	char got[64] = "";
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	net.fd = fd[0];
	giv_obey(&app, &p, &session);
	ck_assert_int_eq(recv(fd[1], got, sizeof(want) - 1, MSG_WAITALL), (ssize_t)sizeof(want) - 1);
	ck_assert_str_eq(got, want);
	ck_assert_int_eq(send(fd[1], ask, sizeof(ask) - 1, 0), (ssize_t)sizeof(ask) - 1);
	memset(got, 0, sizeof(got));
	ck_assert_int_gt(recv(fd[1], got, 12, MSG_WAITALL), 0);
	ck_assert_str_eq(got, "HTTP/1.0 200");
	close(fd[1]);
	let_go();
	stop(c, &src, token);
}
END_TEST

/* Through proc.c: only inside a bcst addressed to us. */
static const struct {
	const char *name;
	uint8_t dest;
	bool bare;
	unsigned dials;
} place_row[] = {
	{ "to us", 1, false, 1 },
	{ "to another", 0x33, false, 0 },
	{ "to everybody", 0, false, 0 },
	{ "bare", 0, true, 0 },
};

START_TEST(obey_in_its_place)
{
	struct proc p = { .node = &app.node, .kind = PROC_FETCH, .peer = host_v4(203, 0, 113, 7, 7144),
	                  .remote = id_of(7), .chan = id_of(1) };
	const struct push push = { .host = host_v4(198, 51, 100, 9, 7144) };
	const struct gnuid from = id_of(8), away = id_of(0x33);
	struct bcst b;
	struct atomwr w;
	struct buf out;
	struct atom a;
	uint32_t quit;

	buf_init(&out, 4096);
	atomwr_init(&w, &out);
	if (!place_row[_i].bare) {
		bcst_init(&b, PCP_BCST_GROUP_ALL, 7, &from, place_row[_i].dest == 1
		          ? servmgr_sid(app.node.sm) : place_row[_i].dest != 0 ? &away : NULL, NULL);
		bcst_begin(&w, &b);
	}
	push_emit(&w, &push);
	if (!place_row[_i].bare)
		bcst_end(&w);
	a = atom_of(&out);
	ck_assert_int_eq(proc_atom(&p, &a, &quit), ST_OK);
	ck_assert_int_eq(servmgr_wait_empty(app.node.sm, clk_deadline(SOON)), ST_OK);
	ck_assert_msg(net.n == place_row[_i].dials, "%s", place_row[_i].name);
	buf_fini(&out);
}
END_TEST

/* --- asking ----------------------------------------------------------------------------------- */

/* A connection of that session. */
static struct servent *neighbour(uint8_t sid, enum servent_type type, int *far)
{
	const struct host peer = host_v4(203, 0, 113, sid, 7144);
	const struct gnuid id = id_of(sid), chan = id_of(1);
	struct servent *sv;
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	*far = fd[1];
	ck_assert_int_eq(servent_new(app.node.sm, fd[0], &peer, false, &sv), ST_OK);
	if (type == SV_CIN) {
		ck_assert_int_eq(servmgr_admit_control(app.node.sm, sv, &id), ADMIT_OK);
	} else if (type == SV_RELAY) {
		ck_assert_int_eq(servmgr_admit(app.node.sm, sv, SV_RELAY, &chan, 500, true), ADMIT_OK);
		servent_set_remote(sv, &id);
	}
	return sv;
}

static void know(uint8_t sid, uint8_t chan, uint8_t flags, const char *prefix)
{
	const struct gnuid id = id_of(chan);
	struct hit h = { .sid = id_of(sid), .chan = id, .flags = flags, .heard = clk_now() };
	struct announce an = { .chan = &id, .hit = &h, .create = true };
	struct announce_result r;

	h.rhost[0] = host_v4(192, 0, 2, sid, (flags & HIT_PUSH) != 0 ? 0 : 7144);
	h.rhost[1] = host_v4(192, 168, 0, sid, 7144);
	memcpy(h.ex_prefix, prefix, 2);
	h.ex_number = 1;
	ck_assert_int_eq(chanmgr_announce(app.node.cm, &an, &r), ST_OK);
	announce_result_fini(&r);
}

/* The push a mailbox holds; false = it holds nothing. */
static bool mail(struct servent *sv, struct bcst *b, struct push *p)
{
	struct blob *msg = mbox_take(&sv->mbox);
	struct atombag bag;
	struct atom a, c;

	if (msg == NULL)
		return false;
	ck_assert_int_eq(atom_open(&a, msg->data, msg->len), ST_OK);
	ck_assert_int_eq(bcst_parse(b, &a), ST_OK);
	bcst_payload(b, &bag);
	ck_assert(atombag_next(&bag, &c));
	ck_assert_int_eq(push_parse(p, &c), ST_OK);
	blob_unref(&msg);
	ck_assert_ptr_null(mbox_take(&sv->mbox));
	return true;
}

enum { F_RELAY = HIT_RELAY | HIT_RECV | HIT_PUSH, F_TRACKER = F_RELAY | HIT_TRACKER };

static const struct {
	const char *name;
	const char *asker;
	uint16_t port;
	uint8_t flags;                  /* of the node known */
	const char *prefix;
	enum servent_type over;         /* its connection */
	bool chan, trackers;            /* what is asked for */
	const char *want;               /* address in the push; NULL = none is sent */
} ask_row[] = {
	{ "relay", "203.0.113.9", 7144, F_RELAY, "YT", SV_RELAY, true, false, "203.0.113.9:7144" },
	{ "tracker", "203.0.113.9", 7144, F_TRACKER, "YT", SV_CIN, true, true, "203.0.113.9:7144" },
	{ "control", "203.0.113.9", 7144, F_TRACKER, "YT", SV_CIN, false, true, "203.0.113.9:7144" },
	{ "behind our NAT", "192.168.5.5", 8000, F_RELAY, "SV", SV_RELAY, true, false, "203.0.113.1:8000" },
	{ "closed asker", "203.0.113.9", 0, F_RELAY, "YT", SV_RELAY, true, false, NULL },
	{ "low port", "203.0.113.9", 80, F_RELAY, "YT", SV_RELAY, true, false, NULL },
	{ "cannot GIV", "203.0.113.9", 7144, F_RELAY, "ST", SV_RELAY, true, false, NULL },
	{ "open relay", "203.0.113.9", 7144, F_RELAY & ~HIT_PUSH, "YT", SV_RELAY, true, false, NULL },
	{ "a tracker is no relay", "203.0.113.9", 7144, F_TRACKER, "YT", SV_RELAY, true, false, NULL },
	{ "no way to it", "203.0.113.9", 7144, F_RELAY, "YT", SV_CIN, true, false, NULL },
};

START_TEST(ask)
{
	const struct gnuid chan = id_of(1), dest = id_of(2);
	struct helo helo = { .sid = id_of(9), .port = ask_row[_i].port };
	const bool to_be_sent = ask_row[_i].want != NULL;
	int far[3];
	struct servent *sv = neighbour(9, SV_INCOMING, &far[0]);
	struct servent *f = neighbour(2, ask_row[_i].over, &far[1]);
	struct servent *other = neighbour(3, ask_row[_i].over, &far[2]);
	struct push p;
	struct bcst b;

	ck_assert(host_parse(&sv->peer, ask_row[_i].asker, 50000));
	know(2, 1, (uint8_t)ask_row[_i].flags, ask_row[_i].prefix);
	ck_assert_msg(giv_ask(&app, sv, &helo, ask_row[_i].chan ? &chan : NULL, ask_row[_i].trackers) ==
	              to_be_sent, "%s", ask_row[_i].name);
	ck_assert_int_eq(mail(f, &b, &p), to_be_sent);
	if (to_be_sent) {
		struct host want;

		ck_assert(host_parse(&want, ask_row[_i].want, 0));
		ck_assert(host_equal(&p.host, &want));
		ck_assert_int_eq(gnuid_equal(&p.cid, &chan), ask_row[_i].chan);
		ck_assert_int_eq(gnuid_is_set(&p.cid), ask_row[_i].chan);
		ck_assert_uint_eq(b.grp, PCP_BCST_GROUP_ALL);
		ck_assert_uint_eq(b.ttl, 7);
		ck_assert_uint_eq(b.hops, 0);
		ck_assert(!gnuid_is_set(&b.cid));
		ck_assert(gnuid_equal(&b.from, servmgr_sid(app.node.sm)));
		ck_assert(gnuid_equal(&b.dest, &dest));
		/* not twice within half a minute */
		ck_assert(!giv_ask(&app, sv, &helo, ask_row[_i].chan ? &chan : NULL, ask_row[_i].trackers));
	}
	ck_assert(!mail(other, &b, &p) && !mail(sv, &b, &p));
	servent_end(&sv);
	servent_end(&f);
	servent_end(&other);
	for (size_t i = 0; i < NELEM(far); i++)
		close(far[i]);
}
END_TEST

/* Of several, one that a connection leads to; also behind another node. */
START_TEST(ask_along_the_route)
{
	const struct gnuid chan = id_of(1), sid = id_of(5);
	struct helo helo = { .sid = id_of(9), .port = 7144 };
	int far[2];
	struct servent *sv = neighbour(9, SV_INCOMING, &far[0]);
	struct servent *way = neighbour(2, SV_RELAY, &far[1]);
	struct push p;
	struct bcst b;

	know(5, 1, F_RELAY, "YT");
	know(6, 1, F_RELAY, "YT");      /* newest, so picked first; nobody leads there */
	servent_heard(way, &sid);
	ck_assert(giv_ask(&app, sv, &helo, &chan, false));
	ck_assert(mail(way, &b, &p));
	ck_assert(gnuid_equal(&b.dest, &sid));
	servent_end(&sv);
	servent_end(&way);
	close(far[0]);
	close(far[1]);
}
END_TEST

/* --- accepting for COUT ----------------------------------------------------------------------- */

struct visitor {
	struct servent *sv;
	int far;
};

/* A connection that says GIV, on a thread as a servent has. */
static void visit(void *arg)
{
	struct visitor *v = arg;
	struct request rq;

	request_init(&rq);
	giv_accept(&app, v->sv, "GIV", &rq, clk_deadline(SOON));
	request_fini(&rq);
	servent_end(&v->sv);
}

static void visitor_start(struct visitor *v, struct thr *t)
{
	const struct host peer = host_v4(127, 0, 0, 1, 1);      /* allowed without a filter */
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	ck_assert_int_eq(servent_new(app.node.sm, fd[0], &peer, false, &v->sv), ST_OK);
	v->far = fd[1];
	ck_assert_int_eq(send(v->far, "\r\nmore", 6, 0), 6);
	ck_assert_int_eq(thr_start(t, "visitor", visit, v), ST_OK);
}

static void expect(int far, const char *text)
{
	char got[64] = "";

	ck_assert_int_eq(recv(far, got, strlen(text), MSG_WAITALL), (ssize_t)strlen(text));
	ck_assert_str_eq(got, text);
}

static void cout_is(struct mbox *mb)
{
	app_lock(&app);
	app.cout_mb = mb;
	app_unlock(&app);
}

START_TEST(cout_takes_one)
{
	struct mbox mb;
	struct sock s = { .fd = -1 };
	struct visitor v, second, late;
	struct thr t, t2, t3;
	char more[5] = "";

	ck_assert_int_eq(mbox_init(&mb), ST_OK);
	cout_is(&mb);
	visitor_start(&late, &t3);      /* it does not wait for one yet */
	expect(late.far, "HTTP/1.0 503");
	close(late.far);
	giv_cout_seeks(&app, true);
	visitor_start(&v, &t);
	ck_assert_int_eq(mbox_wait(&mb, clk_deadline(SOON)), ST_OK);
	visitor_start(&second, &t2);
	expect(second.far, "HTTP/1.0 503");
	close(second.far);
	ck_assert(giv_cout_take(&app, &s, &mb));
	ck_assert_int_eq(thr_join(&t, clk_deadline(SOON)), ST_OK);
	ck_assert_int_eq(sock_read_full(&s, more, 4, clk_deadline(SOON)), ST_OK);
	ck_assert_str_eq(more, "more");
	ck_assert_int_eq(recv(v.far, more, 1, MSG_DONTWAIT), -1);       /* nothing was written */
	ck_assert(!giv_cout_take(&app, &s, &mb));
	sock_close(&s);
	close(v.far);
	ck_assert_int_eq(thr_join(&t2, clk_deadline(SOON)), ST_OK);
	ck_assert_int_eq(thr_join(&t3, clk_deadline(SOON)), ST_OK);
	cout_is(NULL);
	mbox_fini(&mb);
}
END_TEST

START_TEST(cout_has_no_use)
{
	struct mbox mb;
	struct visitor v;
	struct thr t;

	ck_assert_int_eq(mbox_init(&mb), ST_OK);
	cout_is(&mb);
	giv_cout_seeks(&app, true);
	visitor_start(&v, &t);
	ck_assert_int_eq(mbox_wait(&mb, clk_deadline(SOON)), ST_OK);
	if (_i == 0) {
		giv_cout_seeks(&app, false);
		expect(v.far, "HTTP/1.0 503");
	} else {
		servmgr_stop_all(app.node.sm, true);
	}
	close(v.far);
	ck_assert_int_eq(thr_join(&t, clk_deadline(SOON)), ST_OK);
	giv_cout_seeks(&app, false);
	cout_is(NULL);
	mbox_fini(&mb);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("giv");
	TCase *t = tcase_create("giv");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, obey, 0, NELEM(obey_row));
	tcase_add_test(t, obey_limits);
	tcase_add_test(t, obey_when_full);
	tcase_add_test(t, obey_not_while_stopping);
	tcase_add_test(t, obey_says_giv);
	tcase_add_loop_test(t, obey_in_its_place, 0, NELEM(place_row));
	tcase_add_loop_test(t, ask, 0, NELEM(ask_row));
	tcase_add_test(t, ask_along_the_route);
	tcase_add_test(t, cout_takes_one);
	tcase_add_loop_test(t, cout_has_no_use, 0, 2);
	suite_add_tcase(s, t);
	return s;
}
