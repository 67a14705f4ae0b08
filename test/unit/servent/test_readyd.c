/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: epoll_create1 epoll_ctl reallocarray */
#include "servent/readyd.h"

#include <errno.h>
#include <sys/epoll.h>

#include "core/sys/thr.h"
#include "test/unit/servent/servtest.h"
#include "test/unit/unit.h"

#define TICK 1          /* a byte for a turn as usual */
#define HAND 2          /* a byte that its owner is to take over for */

static struct readyd *d;

/* --- calls that fail when they are to ---------------------------------------------------------- */

static bool fail_create, fail_ctl, fail_room;

int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __real_epoll_ctl(int ep, int op, int fd, struct epoll_event *ev);
int __wrap_epoll_ctl(int ep, int op, int fd, struct epoll_event *ev);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

int __wrap_epoll_create1(int flags)
{
	errno = EMFILE;
	return fail_create ? -1 : __real_epoll_create1(flags);
}

int __wrap_epoll_ctl(int ep, int op, int fd, struct epoll_event *ev)
{
	errno = ENOSPC;
	return fail_ctl && op == EPOLL_CTL_ADD ? -1 : __real_epoll_ctl(ep, op, fd, ev);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	errno = ENOMEM;
	return fail_room ? NULL : __real_reallocarray(p, n, size);
}

/* --- a connection ------------------------------------------------------------------------------- */

/* What happened, in order; by whichever thread. */
static struct {
	pthread_mutex_t mtx;
	pthread_cond_t changed;
	unsigned turns;
	struct conn *of[64];            /* whose turns they were */
	unsigned gates, opened;         /* turns that came to a gate; of those, how many may go on */
	bool taken;                     /* take_main() has got the right */
} seen = { .mtx = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

struct conn {
	struct wire w;
	struct ready r;
	/* with the right: not one lock guards them, so a wrong hand-over is a race that TSan sees */
	uint64_t bytes;
	bool over, odd;                 /* the end was read; what was read was no TICK */
	bool gate;                      /* its turns stop at the gate */
	size_t most;                    /* bytes of one turn */
};

static bool turn(void *ctx)
{
	struct conn *c = ctx;
	uint8_t b[256];
	ssize_t got;

	pthread_mutex_lock(&seen.mtx);
	seen.of[seen.turns++ % NELEM(seen.of)] = c;
	if (c->gate) {
		const unsigned mine = ++seen.gates;

		pthread_cond_broadcast(&seen.changed);
		while (seen.opened < mine)
			pthread_cond_wait(&seen.changed, &seen.mtx);
	}
	pthread_mutex_unlock(&seen.mtx);
	got = recv(c->r.fd, b, MIN(c->most, sizeof(b)), 0);
	c->over = got == 0;
	for (ssize_t i = 0; i < got; i++) {
		c->bytes++;
		c->odd = c->odd || b[i] != TICK;
	}
	pthread_mutex_lock(&seen.mtx);
	pthread_cond_broadcast(&seen.changed);
	pthread_mutex_unlock(&seen.mtx);
	return !c->over && !c->odd;
}

static void conn_make(struct conn *c)
{
	memset(c, 0, sizeof(*c));
	wire_make(&c->w);
	c->most = SIZE_MAX;
	c->r = (struct ready){ .fd = c->w.s.fd, .mb = &c->w.mb, .turn = turn, .ctx = c };
}

static void conn_drop(struct conn *c)
{
	ready_leave(d, &c->r);
	wire_drop(&c->w);
}

static void tick(const struct conn *c, uint8_t b)
{
	far_send(&c->w, &b, 1);
}

static void wait_turns(unsigned n)
{
	pthread_mutex_lock(&seen.mtx);
	while (seen.turns < n)
		pthread_cond_wait(&seen.changed, &seen.mtx);
	pthread_mutex_unlock(&seen.mtx);
}

static void open_gate(void)
{
	pthread_mutex_lock(&seen.mtx);
	seen.opened++;
	pthread_cond_broadcast(&seen.changed);
	pthread_mutex_unlock(&seen.mtx);
}

/* n turns have come to a gate; the last one waits there. */
static void wait_gate(unsigned n)
{
	pthread_mutex_lock(&seen.mtx);
	while (seen.gates < n)
		pthread_cond_wait(&seen.changed, &seen.mtx);
	pthread_mutex_unlock(&seen.mtx);
}

/* Park until that many bytes have been read. */
static void parked_until(struct conn *c, uint64_t bytes)
{
	for (nsec end = clk_deadline(SOON); c->bytes < bytes;) {
		ck_assert_int_lt(clk_now(), end);
		ck_assert(ready_park(d, &c->r));
		ck_assert_int_ne(mbox_wait(&c->w.mb, clk_deadline(NSEC_PER_MSEC)), ST_STOPPED);
		ready_take(d, &c->r);
	}
	ck_assert_uint_eq(c->bytes, bytes);
}

static void setup(void)
{
	fail_create = fail_ctl = fail_room = false;
	seen.turns = seen.gates = seen.opened = 0;
	seen.taken = false;
	ck_assert_int_eq(readyd_start(&d), ST_OK);
}

static void teardown(void)
{
	readyd_stop(&d, clk_deadline(SOON));
	ck_assert_ptr_null(d);
}

/* --- tests -------------------------------------------------------------------------------------- */

START_TEST(parked)
{
	struct conn c;

	conn_make(&c);
	for (unsigned i = 1; i <= 3; i++) {
		ck_assert(ready_park(d, &c.r));
		tick(&c, TICK);
		wait_turns(i);
		ready_take(d, &c.r);
		ck_assert_uint_eq(c.bytes, i);
		ck_assert(!mbox_is_signalled(&c.w.mb));         /* nobody was woken for it */
	}
	conn_drop(&c);
}
END_TEST

/* What comes while the owner has the right waits for whoever reads next. */
START_TEST(not_parked)
{
	struct conn c, other;

	conn_make(&c);
	conn_make(&other);
	ck_assert(ready_park(d, &c.r));
	ready_take(d, &c.r);
	tick(&c, TICK);
	ck_assert(ready_park(d, &other.r));
	for (unsigned i = 1; i <= 3; i++) {             /* they come behind it: it was looked at by then */
		tick(&other, TICK);
		wait_turns(i);
	}
	ck_assert_uint_eq(c.bytes, 0);
	tick(&c, TICK);
	parked_until(&c, 2);
	ready_take(d, &other.r);
	conn_drop(&other);
	conn_drop(&c);
}
END_TEST

/* Unusual things: the owner is woken, and nobody else reads any more. */
START_TEST(handed_back)
{
	struct conn c;

	conn_make(&c);
	ck_assert(ready_park(d, &c.r));
	tick(&c, _i == 0 ? HAND : TICK);
	if (_i == 1) {
		close(c.w.far);
		c.w.far = -1;
	}
	ck_assert_int_eq(mbox_wait(&c.w.mb, clk_deadline(SOON)), ST_OK);
	ready_take(d, &c.r);
	ck_assert_uint_eq(c.bytes, 1);
	ck_assert(_i == 0 ? c.odd && !c.over : c.over && !c.odd);
	if (_i == 0) {
		tick(&c, TICK);
		c.odd = false;
		parked_until(&c, 2);
	}
	conn_drop(&c);
}
END_TEST

/* Mail and a stop reach who is parked; both leave what was read whole. */
START_TEST(woken)
{
	struct conn c;

	conn_make(&c);
	ck_assert(ready_park(d, &c.r));
	tick(&c, TICK);
	wait_turns(1);
	if (_i == 0)
		mbox_wake(&c.w.mb);
	else
		mbox_stop_soft(&c.w.mb);
	ck_assert_int_eq(mbox_wait(&c.w.mb, clk_deadline(SOON)), _i == 0 ? ST_OK : ST_STOPPED);
	ready_take(d, &c.r);
	ck_assert_uint_eq(c.bytes, 1);
	conn_drop(&c);
}
END_TEST

static void take_main(void *arg)
{
	struct conn *c = arg;

	ready_take(d, &c->r);
	ck_assert_uint_eq(c->bytes, 1);
	pthread_mutex_lock(&seen.mtx);
	ck_assert_uint_eq(seen.opened, 1);      /* not in the middle of the turn */
	seen.taken = true;
	pthread_mutex_unlock(&seen.mtx);
}

START_TEST(taken_in_a_turn)
{
	struct conn c;
	struct thr t;

	conn_make(&c);
	c.gate = true;
	ck_assert(ready_park(d, &c.r));
	tick(&c, _i == 0 ? TICK : HAND);
	wait_gate(1);
	ck_assert_int_eq(thr_start(&t, "take", take_main, &c), ST_OK);
	ck_assert_int_eq(thr_join(&t, clk_deadline(20 * NSEC_PER_MSEC)), ST_TIMEOUT);
	open_gate();
	ck_assert_int_eq(thr_join(&t, clk_deadline(SOON)), ST_OK);
	ck_assert(seen.taken);
	tick(&c, TICK);
	c.odd = c.gate = false;
	parked_until(&c, 2);
	conn_drop(&c);
}
END_TEST

/* One sends more than all the others; everybody has his turn before it has many. */
START_TEST(fair)
{
	struct conn gate, flood, few[20];
	uint8_t much[4096];
	unsigned of_flood = 0;

	memset(much, TICK, sizeof(much));
	conn_make(&gate);
	gate.gate = true;
	ck_assert(ready_park(d, &gate.r));
	tick(&gate, TICK);
	wait_gate(1);
	conn_make(&flood);
	flood.most = 64;
	far_send(&flood.w, much, sizeof(much));
	ck_assert(ready_park(d, &flood.r));
	for (size_t i = 0; i < NELEM(few); i++) {
		conn_make(&few[i]);
		tick(&few[i], TICK);
		ck_assert(ready_park(d, &few[i].r));
	}
	open_gate();
	wait_turns(1 + 1 + NELEM(few) + 2);
	pthread_mutex_lock(&seen.mtx);
	for (size_t i = 1; i < 1 + 1 + NELEM(few) + 2; i++)
		of_flood += seen.of[i] == &flood;
	pthread_mutex_unlock(&seen.mtx);
	ck_assert_uint_le(of_flood, 4);
	ready_take(d, &gate.r);
	conn_drop(&gate);
	for (size_t i = 0; i < NELEM(few); i++) {
		ready_take(d, &few[i].r);
		parked_until(&few[i], 1);
		conn_drop(&few[i]);
	}
	ready_take(d, &flood.r);
	parked_until(&flood, sizeof(much));
	conn_drop(&flood);
}
END_TEST

/* While a turn of another goes on, one leaves and its number belongs to somebody else. */
START_TEST(number_used_again)
{
	struct conn gate, c, next;
	int fd;

	conn_make(&gate);
	conn_make(&c);
	gate.gate = true;
	gate.most = 1;
	ck_assert(ready_park(d, &gate.r));
	ck_assert(ready_park(d, &c.r));
	tick(&gate, TICK);
	tick(&gate, TICK);
	wait_gate(1);
	tick(&c, TICK);
	open_gate();
	wait_gate(2);           /* this time c is behind it in what the kernel told */
	ready_take(d, &c.r);
	ck_assert_uint_eq(c.bytes, 0);
	fd = c.r.fd;
	conn_drop(&c);
	memset(&c, 0xa5, sizeof(c));    /* whoever still looks there falls */
	conn_make(&next);
	ck_assert_msg(next.r.fd == fd || next.w.far == fd || next.w.mb.efd == fd, "not used again");
	if (_i == 0)
		ck_assert(ready_park(d, &next.r));
	open_gate();
	if (_i == 0)
		ready_take(d, &next.r);
	tick(&next, TICK);
	parked_until(&next, 1);
	ready_take(d, &gate.r);
	conn_drop(&gate);
	conn_drop(&next);
}
END_TEST

START_TEST(no_room)
{
	struct conn c;

	conn_make(&c);
	*(_i == 0 ? &fail_ctl : &fail_room) = true;
	ck_assert(!ready_park(d, &c.r));
	fail_ctl = fail_room = false;
	tick(&c, TICK);
	ready_leave(d, &c.r);           /* nothing to leave, and no harm */
	parked_until(&c, 1);
	conn_drop(&c);
}
END_TEST

START_TEST(no_start)
{
	struct readyd *e = d;

	fail_create = _i == 0;
	fail_ctl = _i == 1;
	ck_assert_int_eq(readyd_start(&e), ST_SYS);
	ck_assert_ptr_null(e);
	readyd_stop(&e, clk_now());
}
END_TEST

#define CONNS 8
#define BYTES 3000

static void send_main(void *arg)
{
	struct conn *all = arg;
	uint32_t dice = 1;

	for (int i = 0; i < CONNS * BYTES; i++) {
		dice = dice * 1103515245u + 12345;
		tick(&all[i % CONNS], TICK);
		if (dice >> 16 & 1)
			mbox_wake(&all[dice >> 20 & (CONNS - 1)].w.mb);
	}
}

static void own_main(void *arg)
{
	struct conn *c = arg;

	while (c->bytes < BYTES) {
		uint8_t b;

		if (ready_park(d, &c->r)) {
			(void)!mbox_wait(&c->w.mb, clk_deadline(5 * NSEC_PER_MSEC));
			ready_take(d, &c->r);
		}
		if (recv(c->r.fd, &b, 1, 0) == 1)
			c->bytes++;
	}
}

/* Everybody at once: nothing is lost, nothing is read twice, and nobody reads together with another. */
START_TEST(all_at_once)
{
	struct conn all[CONNS];
	struct thr send, own[CONNS];

	for (size_t i = 0; i < CONNS; i++)
		conn_make(&all[i]);
	for (size_t i = 0; i < CONNS; i++)
		ck_assert_int_eq(thr_start(&own[i], "own", own_main, &all[i]), ST_OK);
	ck_assert_int_eq(thr_start(&send, "send", send_main, all), ST_OK);
	ck_assert_int_eq(thr_join(&send, clk_deadline(12 * SOON)), ST_OK);
	for (size_t i = 0; i < CONNS; i++) {
		ck_assert_int_eq(thr_join(&own[i], clk_deadline(12 * SOON)), ST_OK);
		ck_assert_uint_eq(all[i].bytes, BYTES);
		conn_drop(&all[i]);
	}
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/readyd");
	TCase *t = tcase_create("readyd");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, parked);
	tcase_add_test(t, not_parked);
	tcase_add_loop_test(t, handed_back, 0, 2);
	tcase_add_loop_test(t, woken, 0, 2);
	tcase_add_loop_test(t, taken_in_a_turn, 0, 2);
	tcase_add_test(t, fair);
	tcase_add_loop_test(t, number_used_again, 0, 2);
	tcase_add_loop_test(t, no_room, 0, 2);
	tcase_add_loop_test(t, no_start, 0, 2);
	tcase_add_test(t, all_at_once);
	suite_add_tcase(s, t);
	return s;
}
