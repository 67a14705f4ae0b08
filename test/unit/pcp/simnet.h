/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network of roots in one process, in virtual time: datagrams that are lost, doubled, late and out of order,
 * roots that crash and come back, and what each of them lists as its callbacks tell. Everything follows from
 * the seed.
 */
#ifndef TEST_UNIT_PCP_SIMNET_H
#define TEST_UNIT_PCP_SIMNET_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"
#include "pcp/sync.h"

#include <utlist.h>

#define SIM_ROOTS 16
#define SIM_BUCKETS 64
#define SIM_KEY (GNUID_LEN + 24)
#define SEC NSEC_PER_SEC
#define SIM_START (1000 * SEC)
#define SIM_WALL_MS 1700000000000

struct simnet;

/* What a root lists: one hit of one channel. Keyed by channel and node. */
struct simhit {
	struct simhit *prev, *next;
	struct hit h;
	uint32_t by;                    /* instance */
	uint8_t key[SIM_KEY];
};

struct siminfo {
	struct siminfo *prev, *next;
	struct gnuid id;
	char name[TEXT_MAX];
	uint32_t times;                 /* told */
};

struct simroot {
	struct simnet *net;
	struct sync *s;                 /* NULL = down */
	struct host addr;
	struct sync_conf conf;
	int part;                       /* of the network: it hears its own alone */
	int64_t skew_ms;
	nsec next;
	struct simhit *hits[SIM_BUCKETS];
	size_t n_hits;
	struct siminfo *infos;
	uint64_t shown, gone;           /* callbacks */
	uint32_t force_id;              /* its next random number; 0 = any */
};

struct simgram {
	struct simgram *prev, *next;
	uint32_t to;
	struct host from;
	size_t n;
	uint8_t *p;
};

#define SIM_SLOTS 1024          /* milliseconds a datagram may take, and one */

struct simnet {
	uint64_t rng;
	nsec now;
	uint32_t loss, dup;             /* per cent */
	nsec delay_min, delay_max;
	bool loop;                      /* who sends hears itself */
	struct simroot root[SIM_ROOTS];
	size_t n;
	struct simgram *slot[SIM_SLOTS];        /* by the millisecond they arrive */
	size_t n_flying;
	uint64_t grams, lost;
	/* each datagram that is sent, before the network; NULL = nobody looks */
	void (*tap)(struct simroot *r, const uint8_t *p, size_t n);
};

static inline uint32_t sim_random(struct simnet *net)
{
	net->rng ^= net->rng << 13;
	net->rng ^= net->rng >> 7;
	net->rng ^= net->rng << 17;
	return (uint32_t)(net->rng >> 16);
}

static inline uint32_t sim_below(struct simnet *net, uint32_t n)
{
	return n == 0 ? 0 : sim_random(net) % n;
}

/* --- datagrams ---------------------------------------------------------------------------------- */

static inline struct simgram **sim_slot(struct simnet *net, nsec at)
{
	return &net->slot[at / NSEC_PER_MSEC % SIM_SLOTS];
}

/* When the next datagram arrives; NSEC_NEVER = none is on its way. */
static inline nsec sim_next_gram(struct simnet *net)
{
	nsec at = net->now - net->now % NSEC_PER_MSEC;

	if (net->n_flying == 0)
		return NSEC_NEVER;
	while (*sim_slot(net, at) == NULL)
		at += NSEC_PER_MSEC;
	return at;
}

/* One datagram to one root, with that network's fate. */
static inline void sim_deliver(struct simnet *net, uint32_t to, const struct host *from, const void *p, size_t n)
{
	uint32_t copies = sim_below(net, 100) < net->dup ? 2 : 1;

	for (; copies > 0; copies--) {
		const uint32_t span = (uint32_t)((net->delay_max - net->delay_min) / NSEC_PER_MSEC);
		const nsec delay = net->delay_min + (nsec)sim_below(net, span + 1) * NSEC_PER_MSEC;
		struct simgram *g;

		net->grams++;
		if (sim_below(net, 100) < net->loss) {
			net->lost++;
			continue;
		}
		g = calloc(1, sizeof(*g));
		ck_assert_ptr_nonnull(g);
		ck_assert_int_lt(delay, (SIM_SLOTS - 1) * NSEC_PER_MSEC);
		*g = (struct simgram){ .to = to, .from = *from, .n = n, .p = malloc(n > 0 ? n : 1) };
		ck_assert_ptr_nonnull(g->p);
		memcpy(g->p, p, n);
		DL_APPEND(*sim_slot(net, net->now + MAX(delay, NSEC_PER_MSEC)), g);
		net->n_flying++;
	}
}

/* --- callbacks ---------------------------------------------------------------------------------- */

static inline void sim_send(void *ctx, const void *p, size_t n)
{
	struct simroot *r = ctx;
	struct simnet *net = r->net;

	if (net->tap != NULL)
		net->tap(r, p, n);
	for (uint32_t i = 0; i < net->n; i++) {
		const bool self = &net->root[i] == r;

		if (net->root[i].part == r->part && (!self || net->loop))
			sim_deliver(net, i, &r->addr, p, n);
	}
}

/* As the node knows a host: by session where it has one. */
static inline void hit_key(uint8_t key[SIM_KEY], const struct hit *h)
{
	memset(key, 0, SIM_KEY);
	memcpy(key, h->chan.b, GNUID_LEN);
	if (gnuid_is_set(&h->sid)) {
		key[GNUID_LEN] = 1;
		memcpy(key + GNUID_LEN + 1, h->sid.b, GNUID_LEN);
	} else {
		memcpy(key + GNUID_LEN + 1, h->rhost[0].ip, 16);
		memcpy(key + GNUID_LEN + 17, &h->rhost[0].port, 2);
	}
}

static inline struct simhit **sim_bucket(struct simroot *r, const uint8_t key[SIM_KEY])
{
	uint32_t h = 0;

	for (size_t i = 0; i < SIM_KEY; i++)
		h = h * 31 + key[i];
	return &r->hits[h % SIM_BUCKETS];
}

static inline struct simhit *sim_hit_find(struct simroot *r, const struct hit *h)
{
	uint8_t key[SIM_KEY];
	struct simhit *x;

	hit_key(key, h);
	DL_FOREACH(*sim_bucket(r, key), x)
		if (memcmp(x->key, key, SIM_KEY) == 0)
			return x;
	return NULL;
}

static inline void sim_hit_drop(struct simroot *r, struct simhit *x)
{
	struct simhit **list = sim_bucket(r, x->key);

	DL_DELETE(*list, x);
	r->n_hits--;
	free(x);
}

/* What is known by address alone of a host whose session is told: the node sees that they are one. */
static inline void sim_merge(struct simroot *r, const struct hit *h)
{
	struct hit nameless = *h;
	struct simhit *x;

	memset(&nameless.sid, 0, sizeof(nameless.sid));
	x = sim_hit_find(r, &nameless);
	if (x != NULL && gnuid_is_set(&h->sid))
		sim_hit_drop(r, x);
}

static inline void sim_hit(void *ctx, const struct sync_from *from, const struct hit *h)
{
	struct simroot *r = ctx;
	struct simhit *x;

	ck_assert(h->heard <= r->net->now);
	ck_assert(h->flags & HIT_RECV);
	r->shown++;
	sim_merge(r, h);
	x = sim_hit_find(r, h);
	if (x == NULL) {
		x = calloc(1, sizeof(*x));
		ck_assert_ptr_nonnull(x);
		hit_key(x->key, h);
		DL_APPEND(*sim_bucket(r, x->key), x);
		r->n_hits++;
	}
	x->h = *h;
	x->by = from->instance;
}

static inline struct siminfo *sim_info_find(struct simroot *r, const struct gnuid *id)
{
	struct siminfo *i;

	DL_FOREACH(r->infos, i)
		if (gnuid_equal(&i->id, id))
			return i;
	return NULL;
}

static inline bool sim_has_hits(struct simroot *r, const struct gnuid *chan)
{
	struct simhit *x;

	for (size_t k = 0; k < SIM_BUCKETS; k++)
		DL_FOREACH(r->hits[k], x)
			if (gnuid_equal(&x->h.chan, chan))
				return true;
	return false;
}

/* A list without hits is no list: what it said is forgotten. */
static inline void sim_forget(struct simroot *r, const struct gnuid *chan)
{
	struct siminfo *i = sim_info_find(r, chan);

	if (i != NULL && !sim_has_hits(r, chan)) {
		DL_DELETE(r->infos, i);
		free(i);
	}
}

static inline void sim_gone(void *ctx, const struct sync_from *from, const struct hit *h, enum sync_reason why)
{
	struct simroot *r = ctx;
	struct simhit *x = sim_hit_find(r, h);

	r->gone++;
	ck_assert_int_ge(why, SYNC_STOP);
	ck_assert_int_le(why, SYNC_BANNED);
	if (x != NULL)
		sim_hit_drop(r, x);
	sim_forget(r, &h->chan);
}

static inline struct siminfo *sim_info_put(struct simroot *r, const struct gnuid *id, const char *name)
{
	struct siminfo *i = sim_info_find(r, id);

	if (i == NULL) {
		i = calloc(1, sizeof(*i));
		ck_assert_ptr_nonnull(i);
		i->id = *id;
		DL_APPEND(r->infos, i);
	}
	(void)text_copy(i->name, sizeof(i->name), name);
	return i;
}

static inline void sim_info(void *ctx, const struct sync_from *from, const struct chanmeta *m, uint32_t present)
{
	ck_assert(present & 1u << CT_NAME);
	ck_assert_msg(sim_has_hits(ctx, &m->id), "info of a channel without hits");
	sim_info_put(ctx, &m->id, m->text[CT_NAME])->times++;
}

static inline int64_t sim_wall(void *ctx)
{
	const struct simroot *r = ctx;

	return SIM_WALL_MS + (r->net->now - SIM_START) / NSEC_PER_MSEC + r->skew_ms;
}

static inline uint32_t sim_bits(void *ctx)
{
	struct simroot *r = ctx;
	uint32_t v = r->force_id;

	r->force_id = 0;
	return v != 0 ? v : sim_random(r->net);
}

static const struct sync_ops sim_ops = {
	.send = sim_send, .hit = sim_hit, .gone = sim_gone, .info = sim_info, .wall_ms = sim_wall,
	.random = sim_bits,
};

/* --- roots -------------------------------------------------------------------------------------- */

static inline void sim_init(struct simnet *net, uint64_t seed, size_t roots)
{
	memset(net, 0, sizeof(*net));
	net->rng = seed * 0x9e3779b97f4a7c15u + 1;
	net->now = SIM_START;
	net->delay_min = NSEC_PER_MSEC;
	net->delay_max = 2 * NSEC_PER_MSEC;
	net->n = roots;
	for (uint32_t i = 0; i < roots; i++) {
		net->root[i].net = net;
		net->root[i].addr = host_v4(203, 0, 113, (uint8_t)(1 + i), 9696);
		sync_conf_init(&net->root[i].conf);
	}
}

static inline void sim_up(struct simroot *r)
{
	r->s = sync_new(&r->conf, &sim_ops, r, r->net->now);
	ck_assert_ptr_nonnull(r->s);
	r->next = r->net->now;
}

/* It ends, with what it lists. */
static inline void sim_down(struct simroot *r, bool goodbye)
{
	struct siminfo *i, *inext;
	struct simhit *x, *next;

	if (goodbye)
		sync_bye(r->s, r->net->now);
	sync_free(&r->s);
	for (size_t k = 0; k < SIM_BUCKETS; k++) {
		DL_FOREACH_SAFE(r->hits[k], x, next)
			free(x);
		r->hits[k] = NULL;
	}
	r->n_hits = 0;
	DL_FOREACH_SAFE(r->infos, i, inext)
		free(i);
	r->infos = NULL;
}

static inline void sim_fini(struct simnet *net)
{
	for (size_t i = 0; i < net->n; i++) {
		if (net->root[i].s != NULL)
			sim_down(&net->root[i], false);
		sync_conf_fini(&net->root[i].conf);
	}
	for (size_t i = 0; i < SIM_SLOTS; i++) {
		struct simgram *g, *next;

		DL_FOREACH_SAFE(net->slot[i], g, next) {
			free(g->p);
			free(g);
		}
	}
}

static inline void sim_run_root(struct simroot *r)
{
	r->next = sync_run(r->s, r->net->now);
	ck_assert_msg(r->next > r->net->now, "it would spin");
}

/* What arrives now. */
static inline void sim_arrive(struct simnet *net)
{
	struct simgram **slot = sim_slot(net, net->now), *list = *slot, *g, *next;

	*slot = NULL;
	DL_FOREACH_SAFE(list, g, next) {
		struct simroot *r = &net->root[g->to];

		net->n_flying--;
		if (r->s != NULL) {
			sync_input(r->s, g->p, g->n, &g->from, net->now);
			r->next = net->now;
		}
		free(g->p);
		free(g);
	}
}

/* Let time pass until then. */
static inline void sim_until(struct simnet *net, nsec until)
{
	for (;;) {
		nsec at = MIN(until, sim_next_gram(net));

		for (size_t i = 0; i < net->n; i++)
			if (net->root[i].s != NULL)
				at = MIN(at, net->root[i].next);
		net->now = MAX(net->now, at);
		if (net->now > until)
			net->now = until;
		sim_arrive(net);
		for (size_t i = 0; i < net->n; i++)
			if (net->root[i].s != NULL && net->root[i].next <= net->now)
				sim_run_root(&net->root[i]);
		if (net->now >= until)
			return;
	}
}

static inline void sim_pass(struct simnet *net, nsec span)
{
	sim_until(net, net->now + span);
}

/* --- what trackers say -------------------------------------------------------------------------- */

static inline struct gnuid sim_chan(uint32_t n)
{
	return (struct gnuid){ .b = { 0xc0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n } };
}

/* A tracker (k 0) or a relay of channel n. */
static inline struct hit sim_host(uint32_t n, uint32_t k)
{
	struct hit h = {
		.sid = { .b = { 0x51, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, (uint8_t)(k + 1) } },
		.chan = sim_chan(n), .listeners = 1 + n % 7, .version = 1218,
		.rhost[0] = host_v4(198, (uint8_t)(18 + (n >> 16)), (uint8_t)(n >> 8), (uint8_t)n, (uint16_t)(7144 + k)),
		.flags = HIT_RECV | HIT_RELAY | HIT_DIRECT | HIT_CIN | (k == 0 ? HIT_TRACKER : 0),
	};

	return h;
}

static inline struct chaninfo *sim_meta(uint32_t n, uint32_t version, uint8_t owner)
{
	struct chanmeta m;
	struct chaninfo *i;

	memset(&m, 0, sizeof(m));
	m.id = sim_chan(n);
	m.bcid = (struct gnuid){ .b = { 0, 0xbc, owner } };
	m.bitrate_kbps = 500 + n % 1000;
	(void)snprintf(m.text[CT_NAME], TEXT_MAX, "channel %u, version %u", n, version);
	(void)text_copy(m.text[CT_GENRE], TEXT_MAX, "genre");
	(void)text_copy(m.text[CT_DESC], TEXT_MAX, "what is on");
	(void)text_copy(m.text[CT_TYPE], TEXT_MAX, "FLV");
	i = chaninfo_new(&m);
	ck_assert_ptr_nonnull(i);
	return i;
}

/* The tracker of channel n, or host k of it, reports to r. */
static inline void sim_announce(struct simroot *r, uint32_t n, uint32_t k, uint32_t version)
{
	struct chaninfo *i = sim_meta(n, version, 1);
	struct hit h = sim_host(n, k);
	struct simhit *x = sim_hit_find(r, &h);

	/* To the node it is the same host, heard from itself. */
	sim_merge(r, &h);
	if (x != NULL)
		sim_hit_drop(r, x);
	h.heard = r->net->now;
	(void)sim_info_put(r, &h.chan, i->text[CT_NAME]);
	sync_own_hit(r->s, i, &h, r->net->now);
	chaninfo_unref(&i);
	r->next = r->net->now;
}

static inline void sim_stop(struct simroot *r, uint32_t n, uint32_t k)
{
	const struct hit h = sim_host(n, k);

	sync_own_hit_gone(r->s, &h, SYNC_STOP, r->net->now);
	r->next = r->net->now;
}

/* Does r list host k of channel n, as others told? */
static inline bool sim_lists(struct simroot *r, uint32_t n, uint32_t k)
{
	const struct hit h = sim_host(n, k);

	return sim_info_find(r, &h.chan) != NULL && sim_hit_find(r, &h) != NULL;
}

static inline uint64_t sim_dropped(const struct simroot *r, enum sync_drop why)
{
	struct sync_status st;

	sync_status(r->s, &st, r->net->now);
	return st.dropped[why];
}

#endif
