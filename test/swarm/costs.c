/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the hit list of one channel costs by its length: a host that reports, a node that is refused and told of
 * others, a search for an upstream, the housekeeper's round. Microseconds each, as JSON. */
#include "test/swarm/costs.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/chan/chanmgr.h"
#include "core/sys/assert.h"
#include "core/sys/rng.h"
#include "servent/upstream.h"

#define AT_LEAST_US 100000.0            /* processor time of one measurement */

static const size_t lengths[] = { 10, 30, 100, 300, 1000 };

struct list {
	struct chanmgr *m;
	struct gnuid id;
	size_t n;
	uint32_t turn;
};

static struct gnuid sid_of(uint32_t i)
{
	struct gnuid id = { .b = { 1 } };

	memcpy(id.b + 4, &i, sizeof(i));
	return id;
}

static struct host host_of(uint32_t i)
{
	return host_v4(20, 1, (uint8_t)(i >> 8), (uint8_t)i, 7144);
}

/* A tree of three below each: told over the lines of the first ten. */
static void report(struct list *l, uint32_t i)
{
	struct hit h = { .sid = sid_of(i), .chan = l->id, .rhost = { host_of(i) }, .listeners = 1, .heard = clk_now(),
		.flags = HIT_RECV | HIT_RELAY, .via = sid_of(i % 10), .hops = (uint8_t)(1 + i / 100) };
	const struct announce an = { .chan = &l->id, .hit = &h, .via = &h.via, .create = true };
	struct announce_result r;

	if (i >= 10)
		h.uphost = host_of(i / 3);
	ASSERT(chanmgr_announce(l->m, &an, &r) == ST_OK);
	announce_result_fini(&r);
}

static void one_report(struct list *l)
{
	report(l, l->turn++ % (uint32_t)l->n);
}

static void one_refusal(struct list *l)
{
	struct hit out[OFFER_MAX];
	const struct pick p = { .chan = &l->id, .wait = 2 * NSEC_PER_SEC, .asker = host_of(30000 + l->turn),
		.exclude = sid_of(30000 + l->turn) };

	l->turn++;
	ASSERT(chanmgr_offer(l->m, &p, out, OFFER_MAX) == OFFER_MAX);
}

/* Somebody high in the tree has lost his source: who hangs on him is not named. */
static void one_orphan(struct list *l)
{
	struct hit out[OFFER_MAX];
	const struct pick p = { .chan = &l->id, .asker = host_of(1), .exclude = sid_of(1), .exclude_host = host_of(1) };

	(void)chanmgr_offer(l->m, &p, out, OFFER_MAX);
}

static bool rests(void *ctx, const struct host *h, nsec *until)
{
	(void)ctx;
	(void)h;
	*until = 0;
	return false;
}

static void one_search(struct list *l)
{
	static const struct upstream_memory memory;
	const struct hit us = { .rhost = { host_of(2) } };
	const struct gnuid below[3] = { sid_of(6), sid_of(7), sid_of(8) };
	const struct upstream_env e = { .now = clk_now(), .self = sid_of(2), .memory = &memory, .rests = rests,
		.rnd = rng_below };
	struct hitlist_view v;
	struct upstream_pick p;

	ASSERT(chanmgr_list_view(l->m, &l->id, true, &v));
	upstream_prune(v.hits, v.n, &us, below, NELEM(below));
	(void)upstream_choose(&e, v.hits, v.n, &p);
	hitlist_view_fini(&v);
}

static void one_round(struct list *l)
{
	struct chan_ended ended[1];
	size_t n = 1;

	chanmgr_sweep(l->m, 180 * NSEC_PER_SEC, ended, &n);
}

static double cpu_us(void)
{
	struct rusage ru;

	(void)getrusage(RUSAGE_SELF, &ru);
	return 1e6 * (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) + (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec);
}

static double measure(struct list *l, void (*fn)(struct list *l))
{
	const double began = cpu_us();
	double spent;
	uint32_t times = 0;

	do {
		for (int i = 0; i < 100; i++)
			fn(l);
		times += 100;
		spent = cpu_us() - began;
	} while (spent < AT_LEAST_US);
	return spent / times;
}

void costs_report(FILE *to)
{
	static const struct {
		const char *name;
		void (*fn)(struct list *l);
	} what[] = {
		{ "a host reports", one_report }, { "a newcomer is refused", one_refusal },
		{ "one with nodes below is refused", one_orphan }, { "a search for an upstream", one_search },
		{ "the housekeeper's round", one_round },
	};
	json_t *all = json_object();

	ASSERT(all != NULL);
	for (size_t k = 0; k < NELEM(what); k++)
		(void)json_object_set_new(all, what[k].name, json_array());
	for (size_t i = 0; i < NELEM(lengths); i++) {
		struct list l = { .m = chanmgr_new(), .id = { .b = { 9 } }, .n = lengths[i] };

		ASSERT(l.m != NULL);
		for (uint32_t n = 0; n < l.n; n++)
			report(&l, n);
		for (size_t k = 0; k < NELEM(what); k++)
			(void)json_array_append_new(json_object_get(all, what[k].name),
				json_pack("[I,f]", (json_int_t)l.n, measure(&l, what[k].fn)));
		chanmgr_free(&l.m);
	}
	(void)json_dumpf(all, to, JSON_COMPACT | JSON_REAL_PRECISION(6));
	fprintf(to, "\n");
	json_decref(all);
}
