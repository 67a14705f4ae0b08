/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync over bad networks, in virtual time. Whatever was lost, doubled, late or cut off: some time after the
 * last change every root lists the same channels with the same words, and what a tracker announced before it
 * stopped is nowhere listed 180 s later. */
#include "test/unit/pcp/simnet.h"

#include "core/sys/log.h"
#include "test/unit/unit.h"

#define CHANS 40
#define STANDS (180 * SEC)
#define SLACK (5 * SEC)         /* sweeps, and what was on its way */
#define RETRY (20 * SEC)        /* a tracker comes back to a root */

struct tracker {
	bool alive;
	size_t at;                      /* its root */
	nsec next, every;
	nsec stopped;                   /* its last word; 0 = it is on the air */
	uint32_t version;               /* of its channel's texts */
	uint32_t relays;                /* hosts it tells of besides itself */
};

struct world {
	struct simnet net;
	struct tracker t[CHANS];
};

static void start(struct world *w, uint32_t n)
{
	struct tracker *t = &w->t[n];

	t->alive = true;
	t->stopped = 0;
	t->at = sim_below(&w->net, (uint32_t)w->net.n);
	t->every = (nsec)(30 + sim_below(&w->net, 91)) * SEC;
	t->next = w->net.now;
	t->version++;
}

static void report(struct world *w, uint32_t n)
{
	struct tracker *t = &w->t[n];
	struct simroot *r = &w->net.root[t->at];

	t->next = w->net.now + t->every;
	if (r->s == NULL) {
		t->at = sim_below(&w->net, (uint32_t)w->net.n);
		t->next = w->net.now + RETRY;
		return;
	}
	for (uint32_t k = 0; k <= t->relays; k++)
		sim_announce(r, n, k, t->version);
}

/* polite: it says so, else it falls silent. */
static void stop(struct world *w, uint32_t n, bool polite)
{
	struct tracker *t = &w->t[n];
	struct simroot *r = &w->net.root[t->at];
	const struct gnuid id = sim_chan(n);

	t->alive = false;
	t->stopped = w->net.now;
	if (!polite || r->s == NULL)
		return;
	sync_own_chan_gone(r->s, &id, SYNC_STOP, w->net.now);
	r->next = w->net.now;
}

/* It goes to another root; the old one hears of it before, or after (DNS round robin). */
static void move(struct world *w, uint32_t n, bool told_first)
{
	struct tracker *t = &w->t[n];
	struct simroot *old = &w->net.root[t->at];
	const struct gnuid id = sim_chan(n);

	if (told_first && old->s != NULL)
		sync_own_chan_gone(old->s, &id, SYNC_STOP, w->net.now);
	t->at = (t->at + 1) % w->net.n;
	report(w, n);
	if (!told_first && old->s != NULL)
		sync_own_chan_gone(old->s, &id, SYNC_STOP, w->net.now);
	old->next = w->net.now;
}

static uint32_t number_of(const struct gnuid *id)
{
	return (uint32_t)id->b[1] << 24 | (uint32_t)id->b[2] << 16 | (uint32_t)id->b[3] << 8 | id->b[4];
}

/* At any moment: nothing outlives its tracker, nothing is listed that never was. */
static void check_always(struct world *w)
{
	for (size_t i = 0; i < w->net.n * SIM_BUCKETS; i++) {
		const size_t root = i / SIM_BUCKETS;
		struct simhit *x;

		DL_FOREACH(w->net.root[root].hits[i % SIM_BUCKETS], x) {
			const uint32_t n = number_of(&x->h.chan);

			ck_assert_uint_lt(n, CHANS);
			ck_assert_msg(w->t[n].stopped == 0 || w->net.now - w->t[n].stopped <= STANDS + SLACK,
				"root %zu lists channel %u, stopped %d s ago: told by %08x, heard %d s ago", root, n,
				(int)((w->net.now - w->t[n].stopped) / SEC), x->by,
				(int)((w->net.now - x->h.heard) / SEC));
		}
	}
}

/* Let time pass; trackers report. */
static void pass(struct world *w, nsec span)
{
	const nsec until = w->net.now + span;

	while (w->net.now < until) {
		nsec at = MIN(until, w->net.now + 5 * SEC);

		for (uint32_t n = 0; n < CHANS; n++)
			if (w->t[n].alive)
				at = MIN(at, MAX(w->t[n].next, w->net.now));
		sim_until(&w->net, at);
		for (uint32_t n = 0; n < CHANS; n++)
			if (w->t[n].alive && w->t[n].next <= w->net.now)
				report(w, n);
		check_always(w);
	}
}

/* What a root's list looks like to its visitors. */
static bool lists(struct world *w, size_t root, uint32_t n)
{
	const struct tracker *t = &w->t[n];

	return (t->alive && t->at == root) || sim_lists(&w->net.root[root], n, 0);
}

/* How much differs between what is on the air and what the roots list. */
static uint32_t differences(struct world *w, bool say)
{
	uint32_t bad = 0;

	for (size_t i = 0; i < w->net.n; i++)
		for (uint32_t n = 0; n < CHANS && w->net.root[i].s != NULL; n++) {
			const struct tracker *t = &w->t[n];
			const struct gnuid id = sim_chan(n);
			const struct siminfo *info = sim_info_find(&w->net.root[i], &id);
			bool ok = lists(w, i, n) == t->alive;
			char want[TEXT_MAX];

			(void)snprintf(want, sizeof(want), "channel %u, version %u", n, t->version);
			if (ok && t->alive && t->at != i)
				ok = info != NULL && strcmp(info->name, want) == 0;
			for (uint32_t k = 1; ok && t->alive && t->at != i && k <= t->relays; k++)
				ok = sim_lists(&w->net.root[i], n, k);
			bad += !ok;
			if (!ok && say)
				fprintf(stderr, "root %zu, channel %u at root %zu: on the air %d, listed %d, \"%s\", want \"%s\"\n",
					i, n, t->at, t->alive, lists(w, i, n), info != NULL ? info->name : "-", want);
		}
	return bad;
}

/* After the last change: within `bound` all agree, and they go on to. */
static nsec settle(struct world *w, nsec bound, const char *what)
{
	const nsec from = w->net.now;
	nsec took;

	while (differences(w, false) != 0 && w->net.now - from < bound)
		pass(w, SEC);
	took = w->net.now - from;
	if (differences(w, false) != 0)
		(void)differences(w, true);
	ck_assert_msg(differences(w, false) == 0, "%s: no agreement after %d s", what, (int)(bound / SEC));
	return took;
}

static void set_key(struct sync_conf *c)
{
	static const char key[] = "1:000102030405060708090a0b0c0d0e0f";

	ck_assert_int_eq(sync_keys_parse(&c->keys, key, strlen(key), NULL), ST_OK);
}

static const struct row {
	const char *name;
	size_t roots;
	uint32_t loss, dup;
	nsec delay;                     /* at most: it also mixes the order */
	bool sealed, loop;
	int64_t skew_ms;                /* of every second root, sealed alone notices */
	nsec bound;
} rows[] = {
	{ "three, perfect",    3, 0, 0, 2 * NSEC_PER_MSEC, false, false, 0, 70 * SEC },
	{ "three, sealed",     3, 0, 0, 2 * NSEC_PER_MSEC, true, false, 200000, 70 * SEC },
	{ "five, looped",      5, 0, 0, 2 * NSEC_PER_MSEC, false, true, 0, 70 * SEC },
	{ "three, doubled",    3, 0, 100, 50 * NSEC_PER_MSEC, false, false, 0, 130 * SEC },
	{ "four, out of order", 4, 0, 20, 800 * NSEC_PER_MSEC, false, false, 0, 250 * SEC },
	{ "four, out of order, sealed", 4, 0, 20, 800 * NSEC_PER_MSEC, true, false, -100000, 400 * SEC },
	{ "four, 10 % lost",   4, 10, 5, 30 * NSEC_PER_MSEC, false, false, 0, 250 * SEC },
	{ "ten, 20 % lost",   10, 20, 5, 100 * NSEC_PER_MSEC, false, false, 0, 400 * SEC },
	{ "three, 50 % lost",  3, 50, 10, 100 * NSEC_PER_MSEC, false, false, 0, 900 * SEC },
	{ "six, 50 % lost, sealed", 6, 50, 10, 5 * NSEC_PER_MSEC, true, false, 60000, 900 * SEC },
};

static void set_up(struct world *w, const struct row *row, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	sim_init(&w->net, seed, row->roots);
	w->net.loss = row->loss;
	w->net.dup = row->dup;
	w->net.delay_max = row->delay;
	w->net.loop = row->loop;
	for (size_t i = 0; i < row->roots; i++) {
		if (row->sealed)
			set_key(&w->net.root[i].conf);
		w->net.root[i].skew_ms = i % 2 == 1 ? row->skew_ms : 0;
		sim_up(&w->net.root[i]);
	}
}

/* An evening: channels start, change, move and stop, roots crash and come back, the network is cut in two. */
static void evening(struct world *w, const struct row *row)
{
	struct simnet *net = &w->net;
	size_t down = net->n - 1;

	for (uint32_t n = 0; n < CHANS / 2; n++) {
		w->t[n].relays = n % 4;
		start(w, n);
	}
	pass(w, 300 * SEC);
	for (int k = 0; k < 40; k++) {
		const uint32_t n = sim_below(net, CHANS);
		struct tracker *t = &w->t[n];

		switch (sim_below(net, 6)) {
		case 0:
			if (t->alive)
				stop(w, n, true);
			break;
		case 1:
			if (t->alive)
				stop(w, n, false);
			break;
		case 2:
			if (t->alive)
				move(w, n, sim_below(net, 2) == 0);
			break;
		case 3:
			t->version++;
			t->next = net->now;
			break;
		default:
			if (!t->alive)
				start(w, n);
			break;
		}
		pass(w, (nsec)sim_below(net, 30) * SEC);
		if (k == 10)
			sim_down(&net->root[down], false);
		if (k == 15)
			sim_up(&net->root[down]);
		if (k == 20)
			net->root[0].part = net->root[1].part = 1;
		if (k == 30)
			net->root[0].part = net->root[1].part = 0;
		if (k == 34) {
			sim_down(&net->root[2], true);
			pass(w, 30 * SEC);
			sim_up(&net->root[2]);
		}
	}
	/* Silent trackers are known to be so when their time is over; that is a change, too. */
	pass(w, STANDS);
}

START_TEST(they_agree)
{
	/* SYNCSIM=<number>: other seeds, and what it took. */
	const char *more = getenv("SYNCSIM");
	const struct row *row = &rows[_i / 2];
	struct world *w = malloc(sizeof(*w));
	nsec took;

	ck_assert_ptr_nonnull(w);
	log_set_level(LOG_OFF);
	set_up(w, row, (uint64_t)_i + 1 + (more != NULL ? strtoul(more, NULL, 10) : 0));
	evening(w, row);
	took = settle(w, row->bound, row->name);
	if (more != NULL)
		fprintf(stderr, "%s: agreed after %.1f s, %llu datagrams, %llu lost\n", row->name,
			(double)took / 1e9, (unsigned long long)w->net.grams, (unsigned long long)w->net.lost);
	/* All stop: the lists are empty, and stay so. */
	for (uint32_t n = 0; n < CHANS; n++)
		if (w->t[n].alive)
			stop(w, n, n % 2 == 0);
	pass(w, STANDS + SLACK);
	ck_assert_uint_eq(differences(w, true), 0);
	pass(w, STANDS);
	ck_assert_uint_eq(differences(w, true), 0);
	sim_fini(&w->net);
	free(w);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("pcp/syncsim");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, they_agree, 0, 2 * (int)NELEM(rows));
	suite_add_tcase(s, t);
	return s;
}
