/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A big cluster: a root that starts cold has ten thousand channels with fifty thousand hosts in less than ten
 * seconds, at rates to match. SYNCSCALE=1 prints what it took, and the processor time of a received record. */
#include "pcp/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/sys/log.h"
#include "core/sys/text.h"
#include "test/unit/unit.h"

#define CHANS 10000u
#define HOSTS 5u
#define STEP NSEC_PER_MSEC

struct gram {
	struct gram *next;
	size_t n;
	uint8_t p[1400];
};

struct root {
	struct sync *s;
	struct root *other;
	struct gram *first, **last;     /* sent, not yet there */
	uint64_t infos, hits;
	uint32_t rng;
	nsec cpu;                       /* of sync_input() */
};

static void on_send(void *ctx, const void *p, size_t n)
{
	struct root *r = ctx;
	struct gram *g = malloc(sizeof(*g));

	ck_assert_ptr_nonnull(g);
	ck_assert_uint_le(n, sizeof(g->p));
	g->next = NULL;
	g->n = n;
	memcpy(g->p, p, n);
	*r->last = g;
	r->last = &g->next;
}

static void on_hit(void *ctx, const struct sync_from *from, const struct hit *h)
{
	((struct root *)ctx)->hits++;
}

static void on_gone(void *ctx, const struct sync_from *from, const struct hit *h, enum sync_reason why)
{
	ck_abort_msg("nothing goes here");
}

static void on_info(void *ctx, const struct sync_from *from, const struct chanmeta *m, uint32_t present)
{
	((struct root *)ctx)->infos++;
}

static int64_t on_wall(void *ctx)
{
	return 1700000000000;
}

static uint32_t on_random(void *ctx)
{
	struct root *r = ctx;

	r->rng = r->rng * 1664525u + 1013904223u;
	return r->rng ^ r->rng >> 16;
}

static const struct sync_ops ops = {
	.send = on_send, .hit = on_hit, .gone = on_gone, .info = on_info, .wall_ms = on_wall, .random = on_random,
};

static void begin(struct root *r, struct root *other, const struct sync_conf *conf, uint32_t seed, nsec now)
{
	r->rng = seed;
	r->other = other;
	r->first = NULL;
	r->last = &r->first;
	r->s = sync_new(conf, &ops, r, now);
	ck_assert_ptr_nonnull(r->s);
}

static struct hit host_of(uint32_t n, uint32_t k, nsec now)
{
	return (struct hit){
		.chan = { .b = { 0xc0, (uint8_t)(n >> 8), (uint8_t)n } },
		.sid = { .b = { 0x51, (uint8_t)(n >> 8), (uint8_t)n, (uint8_t)k } },
		.rhost[0] = host_v4(198, (uint8_t)(51 + k), (uint8_t)(n >> 8), (uint8_t)n, 7144),
		.flags = HIT_RECV | HIT_RELAY | (k == 0 ? HIT_TRACKER : 0), .heard = now,
	};
}

static void announce_all(struct root *r, nsec now)
{
	struct chanmeta m;

	memset(&m, 0, sizeof(m));
	(void)text_copy(m.text[CT_GENRE], TEXT_MAX, "a genre");
	(void)text_copy(m.text[CT_DESC], TEXT_MAX, "what is on tonight, in a line of text");
	(void)text_copy(m.text[CT_URL], TEXT_MAX, "http://www.example.com/channel");
	(void)text_copy(m.text[CT_TYPE], TEXT_MAX, "FLV");
	for (uint32_t n = 1; n <= CHANS; n++) {
		struct chaninfo *i;

		m.id = (struct gnuid){ .b = { 0xc0, (uint8_t)(n >> 8), (uint8_t)n } };
		(void)snprintf(m.text[CT_NAME], TEXT_MAX, "channel %u", n);
		i = chaninfo_new(&m);
		ck_assert_ptr_nonnull(i);
		for (uint32_t k = 0; k < HOSTS; k++) {
			const struct hit h = host_of(n, k, now);

			sync_own_hit(r->s, i, &h, now);
		}
		chaninfo_unref(&i);
	}
}

static nsec cpu_now(void)
{
	struct timespec ts;

	ck_assert_int_eq(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts), 0);
	return (nsec)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* What r has sent arrives, when there is anybody. */
static void deliver(struct root *r, nsec now)
{
	const struct host from = host_v4(203, 0, 113, 1, 9696);
	struct gram *g = r->first, *next;
	nsec begun = cpu_now();

	r->first = NULL;
	r->last = &r->first;
	for (; g != NULL; g = next) {
		next = g->next;
		if (r->other->s != NULL)
			sync_input(r->other->s, g->p, g->n, &from, now);
		free(g);
	}
	r->other->cpu += cpu_now() - begun;
}

static void step(struct root *a, struct root *b, nsec now)
{
	deliver(a, now);
	deliver(b, now);
	(void)(sync_run(a->s, now) + (b->s != NULL ? sync_run(b->s, now) : 0));
}

START_TEST(cold_root)
{
	struct root a = { .s = NULL }, b = { .s = NULL };
	nsec now = 1000 * NSEC_PER_SEC, cold;
	struct sync_status st;
	struct sync_conf conf;

	log_set_level(LOG_OFF);
	sync_conf_init(&conf);
	conf.send_rate = conf.recv_rate = 20000;
	conf.send_burst = 2000;
	conf.want_rate = CHANS;
	conf.first_beacon = 0;
	conf.beacon = 2 * NSEC_PER_SEC;
	begin(&a, &b, &conf, 1, now);
	b.other = &a;
	b.last = &b.first;
	announce_all(&a, now);
	for (nsec until = now + 20 * NSEC_PER_SEC; now < until; now += STEP)
		step(&a, &b, now);
	begin(&b, &a, &conf, 2, now);
	b.cpu = 0;
	cold = now;
	do {
		step(&a, &b, now);
		now += STEP;
		if (now % (100 * NSEC_PER_MSEC) == 0)
			sync_status(b.s, &st, now);
		else
			st.hits = 0;
	} while ((st.hits < CHANS * HOSTS || st.hidden > 0) && now - cold < 10 * NSEC_PER_SEC);
	sync_status(b.s, &st, now);
	if (getenv("SYNCSCALE") != NULL)
		fprintf(stderr, "%u channels, %u hits after %.1f s; %llu records in %llu datagrams, %.2f us each\n",
			st.chans, st.hits, (double)(now - cold) / 1e9, (unsigned long long)st.records,
			(unsigned long long)st.received, (double)b.cpu / 1e3 / (double)st.records);
	ck_assert_uint_eq(st.chans, CHANS);
	ck_assert_uint_eq(st.hits, CHANS * HOSTS);
	ck_assert_uint_eq(st.hidden, 0);
	ck_assert_uint_eq(b.infos, CHANS);
	ck_assert_int_lt(now - cold, 10 * NSEC_PER_SEC);
	deliver(&a, now);
	deliver(&b, now);
	sync_free(&a.s);
	sync_free(&b.s);
	sync_conf_fini(&conf);
}
END_TEST

/* The hosts of a share of the channels once more, as trackers do. */
static void renew(struct root *r, uint32_t from, uint32_t n, nsec now)
{
	for (uint32_t k = from; k < from + n; k++)
		for (uint32_t i = 0; i < HOSTS; i++) {
			const struct hit h = host_of(1 + k % CHANS, i, now);

			sync_own_hit(r->s, NULL, &h, now);
		}
}

/* As shipped, bounds, rates and all: it takes longer, for 200 packets a second are what it has. */
START_TEST(cold_root_as_shipped)
{
	const nsec tick = 20 * NSEC_PER_MSEC;
	struct root a = { .s = NULL }, b = { .s = NULL };
	nsec now = 1000 * NSEC_PER_SEC, cold = 0;
	struct sync_status st = { .hits = 0 };
	struct sync_conf conf;

	log_set_level(LOG_OFF);
	sync_conf_init(&conf);
	begin(&a, &b, &conf, 1, now);
	b.other = &a;
	b.last = &b.first;
	announce_all(&a, now);
	for (uint32_t k = 0; st.hits < CHANS * HOSTS || st.hidden > 0; k++, now += tick) {
		ck_assert_msg(cold == 0 || now - cold < 3600 * NSEC_PER_SEC, "%u channels, %u hits, %u hidden",
			st.chans, st.hits, st.hidden);
		if (k * tick == 120 * NSEC_PER_SEC) {
			begin(&b, &a, &conf, 2, now);
			cold = now;
		}
		/* each channel about once a minute */
		renew(&a, k * (CHANS / 3000), CHANS / 3000, now);
		step(&a, &b, now);
		if (cold != 0 && k % 500 == 0)
			sync_status(b.s, &st, now);
	}
	if (getenv("SYNCSCALE") != NULL)
		fprintf(stderr, "as shipped: %u channels, %u hits after %.0f s\n", st.chans, st.hits,
			(double)(now - cold) / 1e9);
	ck_assert_uint_eq(st.chans, CHANS);
	ck_assert_uint_eq(st.dropped[SYNC_DROP_FULL], 0);
	ck_assert_uint_eq(b.infos, CHANS);
	deliver(&a, now);
	deliver(&b, now);
	sync_free(&a.s);
	sync_free(&b.s);
	sync_conf_fini(&conf);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("pcp/syncscale");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, cold_root);
	tcase_add_test(t, cold_root_as_shipped);
	suite_add_tcase(s, t);
	return s;
}
