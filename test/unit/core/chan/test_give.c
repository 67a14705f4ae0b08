/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection that is given to a channel's source: who may, who takes it, and no race loses one. */
#include "core/chan/chan.h"

#include <stdatomic.h>

#include "core/sys/thr.h"
#include "test/unit/core/chan/chantest.h"
#include "test/unit/unit.h"

#define SOON clk_deadline(20 * NSEC_PER_SEC)

/* A relay and its source. */
struct rig {
	struct chan *c;
	struct mbox src;
	uint32_t token;
};

static void rig_init(struct rig *g, enum chan_type type)
{
	*g = (struct rig){ .c = chan_make(type) };
	ck_assert_int_eq(mbox_init(&g->src), ST_OK);
	ck_assert_int_eq(chan_attach(g->c, &g->src, &g->token, SOON), ST_OK);
	chan_set_status(g->c, CHAN_SEARCHING);
}

static void rig_fini(struct rig *g)
{
	chan_close(g->c);
	chan_detach(g->c, g->token);
	mbox_fini(&g->src);
	chan_unref(&g->c);
}

static struct host v6_peer(void)
{
	struct host h;

	ck_assert(host_parse(&h, "[2001:db8::1]:1024", 0));
	return h;
}

/* Is there one now? It goes at once. */
static bool take(struct rig *g)
{
	struct sock s = { .fd = -1 };
	bool yes = chan_take_given(g->c, g->token, &s, &g->src);

	sock_close(&s);
	return yes;
}

static const struct {
	const char *name;
	enum chan_type type;
	enum chan_status status;
	bool v6, closed;
	enum status want;               /* ST_TIMEOUT: it was held out, nobody took it */
} may[] = {
	{ "searching", CHAN_RELAY, CHAN_SEARCHING, false, false, ST_TIMEOUT },
	{ "connecting", CHAN_RELAY, CHAN_CONNECTING, false, false, ST_TIMEOUT },
	{ "receiving", CHAN_RELAY, CHAN_RECEIVING, false, false, ST_PROTO },
	{ "idle", CHAN_RELAY, CHAN_IDLE, false, false, ST_PROTO },
	{ "waiting", CHAN_RELAY, CHAN_WAIT, false, false, ST_PROTO },
	{ "closed", CHAN_RELAY, CHAN_SEARCHING, false, true, ST_PROTO },
	{ "other family", CHAN_RELAY, CHAN_SEARCHING, true, false, ST_PROTO },
	{ "broadcast", CHAN_BROADCAST, CHAN_SEARCHING, false, false, ST_PROTO },
};

START_TEST(who_may)
{
	struct sink *k = sink_new(false, 0);
	struct rig g;
	int fd = k->s.fd;

	rig_init(&g, may[_i].type);
	chan_set_status(g.c, may[_i].status);
	if (may[_i].v6)
		k->s.peer = v6_peer();
	if (may[_i].closed)
		chan_close(g.c);
	ck_assert_msg(chan_give(g.c, &k->s, clk_deadline(20 * NSEC_PER_MSEC)) == may[_i].want, "%s",
	              may[_i].name);
	/* it is the giver's again, and no longer there for the source */
	ck_assert_int_eq(k->s.fd, fd);
	ck_assert(!take(&g));
	rig_fini(&g);
	sink_free(k);
}
END_TEST

struct giver {
	struct rig *g;
	struct sink *k;
	enum status st;
};

static void give(void *arg)
{
	struct giver *v = arg;

	v->st = chan_give(v->g->c, &v->k->s, SOON);
}

/* The source sleeps; the giver wakes it. */
static void wait_given(struct rig *g, struct sock *s)
{
	while (!chan_take_given(g->c, g->token, s, &g->src))
		ck_assert_int_eq(mbox_wait(&g->src, SOON), ST_OK);
}

START_TEST(taken_with_its_bytes)
{
	struct sink *k = sink_new(false, 0);
	struct giver v = { .k = k };
	struct sock s = { .fd = -1 };
	char got[8] = "";
	struct rig g;
	struct thr t;

	rig_init(&g, CHAN_RELAY);
	v.g = &g;
	ck_assert_int_eq(send(k->far, "buffered", 8, 0), 8);
	ck_assert_int_eq(sock_fill(&k->s, SOON), ST_OK);
	ck_assert_int_eq(thr_start(&t, "giver", give, &v), ST_OK);
	wait_given(&g, &s);
	ck_assert_int_eq(thr_join(&t, SOON), ST_OK);
	ck_assert_int_eq(v.st, ST_OK);
	ck_assert_int_eq(k->s.fd, -1);
	ck_assert_int_eq(sock_read_full(&s, got, 8, SOON), ST_OK);
	ck_assert_mem_eq(got, "buffered", 8);
	/* the old owner's mailbox has no hold on it any more, the new one's has */
	mbox_stop(&k->mb);
	ck_assert_int_eq(sock_write(&s, "x", 1, SOON), ST_OK);
	mbox_stop(&g.src);
	ck_assert_int_eq(sock_write(&s, "x", 1, SOON), ST_STOPPED);
	sock_close(&s);
	rig_fini(&g);
	sink_free(k);
}
END_TEST

/* What ends the wait of a giver, and how it is told. */
static void found_another(struct giver *v)
{
	chan_set_status(v->g->c, CHAN_CONNECTING);      /* it may fail yet */
	chan_set_status(v->g->c, CHAN_RECEIVING);
}

static void gone_idle(struct giver *v)
{
	chan_set_status(v->g->c, CHAN_IDLE);
}

static void channel_closed(struct giver *v)
{
	chan_close(v->g->c);
}

static void giver_stopped(struct giver *v)
{
	mbox_stop_soft(&v->k->mb);
}

static void woken_for_nothing(struct giver *v)
{
	mbox_wake(&v->k->mb);
	chan_set_status(v->g->c, CHAN_SEARCHING);
	giver_stopped(v);
}

static const struct {
	const char *name;
	void (*what)(struct giver *v);
	enum status want;
} ends[] = {
	{ "another source", found_another, ST_PROTO },
	{ "idle", gone_idle, ST_PROTO },
	{ "closed", channel_closed, ST_PROTO },
	{ "stop", giver_stopped, ST_STOPPED },
	{ "woken", woken_for_nothing, ST_STOPPED },
};

START_TEST(wait_ends)
{
	struct sink *k = sink_new(false, 0), *other = sink_new(false, 0);
	struct giver v = { .k = k };
	struct rig g;
	struct thr t;

	rig_init(&g, CHAN_RELAY);
	v.g = &g;
	ck_assert_int_eq(thr_start(&t, "giver", give, &v), ST_OK);
	ck_assert_int_eq(mbox_wait(&g.src, SOON), ST_OK);       /* it is there */
	ck_assert_int_eq(chan_give(g.c, &other->s, SOON), ST_LIMIT);
	ends[_i].what(&v);
	ck_assert_int_eq(thr_join(&t, SOON), ST_OK);
	ck_assert_msg(v.st == ends[_i].want, "%s: %s", ends[_i].name, status_str(v.st));
	ck_assert_int_ne(k->s.fd, -1);
	rig_fini(&g);
	sink_free(other);
	sink_free(k);
}
END_TEST

START_TEST(only_the_source_takes)
{
	struct sink *k = sink_new(false, 0);
	struct giver v = { .k = k };
	struct sock s = { .fd = -1 };
	struct rig g;
	struct thr t;

	rig_init(&g, CHAN_RELAY);
	v.g = &g;
	ck_assert_int_eq(thr_start(&t, "giver", give, &v), ST_OK);
	ck_assert_int_eq(mbox_wait(&g.src, SOON), ST_OK);
	ck_assert(!chan_take_given(g.c, g.token + 1, &s, &g.src));
	ck_assert(chan_take_given(g.c, g.token, &s, &g.src));
	ck_assert(!chan_take_given(g.c, g.token, &s, &g.src));
	ck_assert_int_eq(thr_join(&t, SOON), ST_OK);
	sock_close(&s);
	rig_fini(&g);
	sink_free(k);
}
END_TEST

/* Many givers, one that takes, one that stops givers, statuses that change: every socket ends with
 * exactly one owner. */
#define GIVERS 4

struct storm {
	struct rig g;
	struct mtx mtx;
	struct mbox *mb[GIVERS];        /* of those that give now */
	_Atomic uint32_t given, kept, taken, done;
	_Atomic bool over;
};

struct storm_giver {
	struct storm *x;
	size_t i;
};

static void set_mbox(struct storm *x, size_t i, struct mbox *mb) LOCK_IMPL
{
	mtx_lock_raw(&x->mtx);
	x->mb[i] = mb;
	mtx_unlock_raw(&x->mtx);
}

static void storm_give(void *arg)
{
	struct storm_giver *v = arg;
	struct storm *x = v->x;

	while (!atomic_load(&x->over)) {
		struct sink *k = sink_new(false, 0);
		enum status st;

		set_mbox(x, v->i, &k->mb);
		st = chan_give(x->g.c, &k->s, clk_deadline((nsec)v->i * NSEC_PER_MSEC));
		set_mbox(x, v->i, NULL);
		atomic_fetch_add(k->s.fd == -1 ? &x->given : &x->kept, 1);
		ck_assert_int_eq(k->s.fd == -1, st == ST_OK);
		sink_free(k);
	}
	atomic_fetch_add(&x->done, 1);
	mbox_wake(&x->g.src);
}

static void storm_stop(void *arg) LOCK_IMPL
{
	struct storm *x = arg;
	uint32_t n = 0;

	while (!atomic_load(&x->over)) {
		mtx_lock_raw(&x->mtx);
		if (x->mb[n % GIVERS] != NULL)
			mbox_stop(x->mb[n % GIVERS]);
		mtx_unlock_raw(&x->mtx);
		n++;
		chan_set_status(x->g.c, n % 7 == 0 ? CHAN_RECEIVING : n % 3 == 0 ? CHAN_CONNECTING
		                                                                 : CHAN_SEARCHING);
		(void)sched_yield();
	}
}

START_TEST(storm)
{
	const nsec late = clk_deadline(30 * NSEC_PER_SEC);
	struct storm *x = calloc(1, sizeof(*x));
	struct storm_giver v[GIVERS];
	struct thr t[GIVERS + 1];

	ck_assert_ptr_nonnull(x);
	mtx_init(&x->mtx, &lk_app);
	rig_init(&x->g, CHAN_RELAY);
	for (size_t i = 0; i < GIVERS; i++) {
		v[i] = (struct storm_giver){ .x = x, .i = i };
		ck_assert_int_eq(thr_start(&t[i], "giver", storm_give, &v[i]), ST_OK);
	}
	ck_assert_int_eq(thr_start(&t[GIVERS], "stopper", storm_stop, x), ST_OK);
	while (atomic_load(&x->done) < GIVERS) {
		struct sock s = { .fd = -1 };

		if (chan_take_given(x->g.c, x->g.token, &s, &x->g.src)) {
			atomic_fetch_add(&x->taken, 1);
			ck_assert_int_ne(s.fd, -1);
			sock_close(&s);
		} else {
			(void)!mbox_wait(&x->g.src, clk_deadline(NSEC_PER_MSEC));
		}
		if ((x->taken > 200 && x->kept > 200) || clk_now() > late)
			atomic_store(&x->over, true);
	}
	for (size_t i = 0; i < NELEM(t); i++)
		ck_assert_int_eq(thr_join(&t[i], SOON), ST_OK);
	ck_assert_uint_gt(x->taken, 200);
	ck_assert_uint_gt(x->kept, 200);
	ck_assert_uint_eq(x->taken, x->given);
	rig_fini(&x->g);
	mtx_fini(&x->mtx);
	free(x);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("give");
	TCase *t = tcase_create("give");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, who_may, 0, NELEM(may));
	tcase_add_test(t, taken_with_its_bytes);
	tcase_add_loop_test(t, wait_ends, 0, NELEM(ends));
	tcase_add_test(t, only_the_source_takes);
	tcase_add_test(t, storm);
	suite_add_tcase(s, t);
	return s;
}
