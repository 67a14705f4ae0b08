/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "test/swarm/swarm.h"

#include <jansson.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "core/sys/assert.h"

#define DEPTHS 64
#define SERVED (3 * NSEC_PER_SEC)       /* data are no older */

void tally_add(struct tally *t, uint64_t v)
{
	if (t->n == t->cap) {
		t->cap = MAX(2 * t->cap, (size_t)256);
		t->v = realloc(t->v, t->cap * sizeof(*t->v));
		ASSERT(t->v != NULL);
	}
	t->v[t->n++] = v;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint64_t tally_at(struct tally *t, unsigned p)
{
	if (t->n == 0)
		return 0;
	qsort(t->v, t->n, sizeof(*t->v), by_size);
	return t->v[MIN(t->n - 1, t->n * p / 1000)];
}

uint64_t tally_sum(const struct tally *t)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < t->n; i++)
		sum += t->v[i];
	return sum;
}

/* --- one row: a line for people, a member of the object ------------------------------------------- */

struct out {
	json_t *o;
	FILE *table;
};

static void say(const struct out *to, const char *text, const char *key, double v, const char *unit)
{
	(void)json_object_set_new(to->o, key, json_real(v));
	if (to->table != NULL && text != NULL)
		fprintf(to->table, "  %-58s %12.*f %s\n", text, v == (double)(int64_t)v ? 0 : 2, v, unit);
}

/* The spread of many. */
static void spread(const struct out *to, const char *text, const char *key, struct tally *t, double per,
	const char *unit)
{
	const double p50 = (double)tally_at(t, 500) / per, p90 = (double)tally_at(t, 900) / per;
	const double p99 = (double)tally_at(t, 990) / per, max = (double)tally_at(t, 1000) / per;

	(void)json_object_set_new(to->o, key, json_pack("{s:I,s:f,s:f,s:f,s:f}", "n", (json_int_t)t->n,
		"p50", p50, "p90", p90, "p99", p99, "max", max));
	if (to->table != NULL)
		fprintf(to->table, "  %-40s%6zu: p50 %.2f  p90 %.2f  p99 %.2f  max %.2f %s\n", text, t->n, p50, p90, p99,
			max, unit);
}

static void heading(const struct out *to, const char *text)
{
	if (to->table != NULL)
		fprintf(to->table, "\n%s\n", text);
}

static void depths(const struct swarm *s, const struct out *to)
{
	uint32_t at[DEPTHS] = { 0 };
	json_t *list = json_array();
	uint32_t most = 0;

	for (size_t i = 0; i < s->n_all; i++) {
		const uint32_t d = MIN(s->all[i]->depth, (uint32_t)DEPTHS - 1);

		if (s->all[i]->life == MEMBER_UP && d > 0) {
			at[d]++;
			most = MAX(most, d);
		}
	}
	for (uint32_t d = 0; d <= most; d++)
		(void)json_array_append_new(list, json_integer(at[d]));
	(void)json_object_set_new(to->o, "depths", list);
	(void)json_object_set_new(to->o, "depth_max", json_integer(most));
	if (to->table == NULL)
		return;
	fprintf(to->table, "  nodes at each depth:");
	for (uint32_t d = 1; d <= most; d++)
		fprintf(to->table, " %u", at[d]);
	fprintf(to->table, "\n");
}

/* --- the whole ------------------------------------------------------------------------------------ */

struct look {
	struct tally lag, depth, relays, hits, heard, use;
	uint32_t served, open_slots;
	uint64_t slots;
};

static void look(const struct swarm *s, struct look *l)
{
	for (size_t i = 0; i < s->n_all; i++) {
		const struct member *v = s->all[i];
		const double lived = MAX((double)(world_now() - v->born) / 60e9, 0.01);

		struct hitstats hits;
		struct usage u;

		if (v->life != MEMBER_UP)
			continue;
		(void)chanmgr_stats(v->app.node.cm, &s->id, &hits);
		servmgr_usage(v->app.node.sm, &s->id, &u);
		l->slots += v->slots;
		tally_add(&l->relays, u.relays);
		tally_add(&l->hits, hits.hosts);
		tally_add(&l->heard, (uint64_t)((double)v->heard * 1000 / lived / 60));
		if (v->slots > 0)
			tally_add(&l->use, u.relays * 1000u / v->slots);
		if (v->fresh == 0 || world_now() - v->fresh > SERVED)
			continue;
		l->served++;
		tally_add(&l->lag, (uint64_t)(v->lag / 1000));
		if (v->depth > 0)
			tally_add(&l->depth, v->depth);
	}
}

static void free_look(struct look *l)
{
	free(l->lag.v);
	free(l->depth.v);
	free(l->relays.v);
	free(l->hits.v);
	free(l->heard.v);
	free(l->use.v);
}

/* Whose log is worth a look (TRACE=). */
static void worst(const struct swarm *s, const struct out *to)
{
	const struct member *broken = NULL, *slow = NULL;

	for (size_t i = 0; i < s->n_all; i++) {
		const struct member *v = s->all[i];

		if (broken == NULL || v->breaks > broken->breaks)
			broken = v;
		if (v->first != 0 && (slow == NULL || v->first - v->born > slow->first - slow->born))
			slow = v;
	}
	if (to->table != NULL && broken != NULL && slow != NULL)
		fprintf(to->table, "  most interrupted: machine %u (%u times); slowest to join: %u\n", broken->m.number,
			broken->breaks, slow->m.number);
}

static void viewers(struct swarm *s, struct look *l, const struct out *to)
{
	const double calm_s = MAX((double)(world_now() - s->calm_from) / 1e9, 1);

	heading(to, "viewers");
	say(to, "there at the end", "up", s->up, "");
	say(to, "of them served", "served", l->served, "");
	say(to, "never had a byte, of all there were", "never", (double)(s->n_all - s->joins.n), "");
	spread(to, "from joining to the first data", "join_s", &s->joins, 1000, "s");
	spread(to, "interruptions: length of each", "breaks_s", &s->breaks, 1000, "s");
	say(to, "viewers' time lost to them", "broken_share",
		100 * (double)tally_sum(&s->breaks) / 1000 / MAX((double)s->up * calm_s, 1), "%");
	spread(to, "without data, in any second, all joined", "dry", &s->dry, 100, "%");
	say(to, "channels given up with a player still there", "ends", s->ends, "");
	say(to, "nodes killed", "kills", s->kills, "");
	say(to, "relays below them", "orphans", s->orphans, "");
	say(to, "nodes that left", "leaves", s->leaves, "");
	worst(s, to);
}

static void tree(struct swarm *s, struct look *l, const struct out *to)
{
	heading(to, "tree");
	depths(s, to);
	spread(to, "depth", "depth", &l->depth, 1, "hops");
	spread(to, "lag behind the broadcaster", "lag_ms", &l->lag, 1000, "ms");
	spread(to, "relays served by a node", "relays", &l->relays, 1, "");
	spread(to, "of its places used", "use", &l->use, 10, "%");
	say(to, "places of all viewers' nodes", "slots", (double)l->slots, "");
	say(to, "circles of nodes, whenever it was looked", "loops", s->loops, "");
}

static void work(struct swarm *s, struct look *l, const struct out *to)
{
	const double calm_s = MAX((double)(world_now() - s->calm_from) / 1e9, 1);
	const double room = (double)(s->refused[REFUSE_BANDWIDTH] + s->refused[REFUSE_RELAYS] +
		s->refused[REFUSE_CHAN_RELAYS]);
	const double dry = (double)s->refused[REFUSE_NOT_PLAYING];
	const double full = (double)s->refused[REFUSE_FULL];

	heading(to, "connections");
	say(to, "made by all viewers' nodes", "dialled", (double)s->dialled, "");
	say(to, "refused: no place", "refused_room", room, "");
	say(to, "refused: nothing to give", "refused_dry", dry, "");
	say(to, "not let in at all", "refused_full", full, "");
	say(to, "unanswered", "unanswered", (double)s->unanswered, "");
	say(to, "share of those refused", "refused_share",
		100 * (room + dry + full) / MAX((double)s->dialled, 1), "%");
	say(to, "made for each viewer that joined", "dials_join",
		(double)s->dialled / MAX((double)s->n_all, 1), "");
	say(to, "made for each orphan of a killed node, all told", "dials_orphan",
		(double)s->dials_calm / MAX((double)s->orphans, 1), "");
	say(to, "a viewer's node, in its busiest second", "peak_other", (double)s->peak_other, "");
	heading(to, "messages and load");
	say(to, "tracker: connections in its busiest second", "peak_accepted", (double)s->peak_accepted, "");
	say(to, "tracker: messages in its busiest second", "peak_heard", (double)s->peak_heard, "");
	say(to, "tracker: messages a second, all joined", "tracker_msgs_s",
		(double)s->tracker_heard_calm / calm_s, "/s");
	say(to, "tracker: connections a second, all joined", "tracker_conns_s",
		(double)s->accepted_calm / calm_s, "/s");
	say(to, "tracker: processor, all joined", "tracker_cpu", (double)s->tracker_cpu_calm / 1e7 / calm_s, "%");
	say(to, "root: messages a second", "root_msgs_s", (double)s->root_heard_calm / calm_s, "/s");
	say(to, "root: processor", "root_cpu", (double)s->root_cpu_calm / 1e7 / calm_s, "%");
	spread(to, "messages a second into a viewer's node", "node_msgs_s", &l->heard, 1000, "/s");
	spread(to, "hosts in its hit list", "hits", &l->hits, 1, "");
}

static void tracker(const struct swarm *s, const struct out *to)
{
	struct hitstats h;

	(void)chanmgr_stats(s->tracker->app.node.cm, &s->id, &h);
	say(to, "hosts in the tracker's hit list", "tracker_hits", h.hosts, "");
	say(to, "listeners it tells the root of", "announced", (double)h.listeners, "");
}

void swarm_report(struct swarm *s, FILE *json, FILE *table)
{
	const struct out to = { .o = json_object(), .table = table };
	struct look l = { .served = 0 };
	struct world_sums sums;
	struct rusage ru;

	ASSERT(to.o != NULL);
	look(s, &l);
	world_sums(&sums);
	if (table != NULL)
		fprintf(table, "%u viewers, seed %u, %u kbit/s\n", s->plan.n, s->plan.seed, s->plan.kbps);
	say(&to, NULL, "n", s->plan.n, "");
	say(&to, NULL, "seed", s->plan.seed, "");
	viewers(s, &l, &to);
	tree(s, &l, &to);
	work(s, &l, &to);
	tracker(s, &to);
	heading(&to, "this run");
	say(&to, "time simulated", "world_s", (double)(world_now() - s->began) / 1e9, "s");
	(void)getrusage(RUSAGE_SELF, &ru);
	say(&to, "processor time", "cpu_s", (double)ru.ru_utime.tv_sec + (double)ru.ru_utime.tv_usec / 1e6 +
		(double)ru.ru_stime.tv_sec + (double)ru.ru_stime.tv_usec / 1e6, "s");
	say(&to, "memory", "mib", (double)ru.ru_maxrss / 1024, "MiB");
	say(&to, "events", "events", (double)sums.events, "");
	say(&to, "turns of threads", "switches", (double)sums.switches, "");
	say(&to, "threads at most", "fibers", (double)sums.fibers_peak, "");
	if (json != NULL) {
		(void)json_dumpf(to.o, json, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
		fprintf(json, "\n");
	}
	json_decref(to.o);
	free_look(&l);
}
