/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two roots, and a stranger who says what he likes, sealed or not, with time going by. Limits hold, no timer
 * spins, a hit ends once for each time it began, and some time after everybody fell silent nothing is left.
 *
 * Input: a byte of settings, then commands: the low three bits say what, the others n.
 *	0  a packet to the first root: u16 length, bytes; with n 31 it has the second root's instance id
 *	1  the same, sealed with the right key, n seconds off
 *	2  time goes by: n * n * 100 ms
 *	3  a host of the first root's trackers reports: channel n & 7, host n >> 3
 *	4  the same host is gone
 *	5  a report to the second root: as 3
 *	6  the second root stops, with a goodbye when n is odd, and begins anew
 *	7  the second root's last packet once more; with n odd a byte of it is changed
 */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/bytes.h"
#include "core/sys/cc.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "pcp/sync.h"

#define MAX_CHANS 16
#define MAX_HOSTS 4
#define QUEUE 4096
#define WALL_MS 1700000000000

struct root {
	struct sync *s;
	struct world *w;
	struct root *other;
	struct host addr;
	size_t began, ended;            /* hits */
};

struct gram {
	struct root *to;
	uint8_t *p;
	size_t n;
};

struct world {
	struct root root[2];
	struct gram queue[QUEUE];
	size_t head, tail;
	uint8_t last[SYNC_MTU_MAX];     /* the second root's last packet */
	size_t last_n;
	nsec now;
	uint32_t rng;
	struct sync_conf conf;
	size_t grams;
};

static void send_to_other(void *ctx, const void *p, size_t n)
{
	struct root *r = ctx;
	struct world *w = r->w;
	struct gram *g = &w->queue[w->tail % QUEUE];

	ASSERT(n <= w->conf.mtu);
	if (r == &w->root[1]) {
		memcpy(w->last, p, n);
		w->last_n = n;
	}
	if (w->tail - w->head == QUEUE || r->other->s == NULL)
		return;
	*g = (struct gram){ .to = r->other, .p = malloc(n), .n = n };
	ASSERT(g->p != NULL);
	memcpy(g->p, p, n);
	w->tail++;
}

static void on_hit(void *ctx, const struct sync_from *from, const struct hit *h)
{
	struct root *r = ctx;

	ASSERT(from->instance != 0);
	ASSERT(gnuid_is_set(&h->chan) && (h->flags & HIT_RECV) && h->heard <= r->w->now);
	ASSERT(sync_address_ok(&h->rhost[0], h->flags));
	r->began++;
}

static void on_gone(void *ctx, const struct sync_from *from, const struct hit *h, enum sync_reason why)
{
	struct root *r = ctx;

	r->ended++;
	ASSERT(r->ended <= r->began);
	ASSERT(why >= SYNC_STOP && why <= SYNC_BANNED && gnuid_is_set(&h->chan));
}

static void on_info(void *ctx, const struct sync_from *from, const struct chanmeta *m, uint32_t present)
{
	ASSERT(gnuid_is_set(&m->id));
	for (enum chantext t = 0; t < CT_COUNT; t++)
		ASSERT(!(present & 1u << t) || text_is_clean(m->text[t], strlen(m->text[t])));
}

static int64_t on_wall(void *ctx)
{
	const struct root *r = ctx;

	return WALL_MS + r->w->now / NSEC_PER_MSEC;
}

static uint32_t on_random(void *ctx)
{
	const struct root *r = ctx;

	r->w->rng = r->w->rng * 1664525u + 1013904223u;
	return r->w->rng ^ r->w->rng >> 16;
}

static const struct sync_ops ops = {
	.send = send_to_other, .hit = on_hit, .gone = on_gone, .info = on_info, .wall_ms = on_wall,
	.random = on_random,
};

static void check_limits(struct world *w, struct root *r)
{
	struct sync_status st;

	if (r->s == NULL)
		return;
	sync_status(r->s, &st, w->now);
	ASSERT(st.chans <= MAX_CHANS);
	ASSERT(st.hits <= MAX_CHANS * MAX_HOSTS);
	ASSERT(st.instances <= SYNC_INSTANCES_MAX);
	ASSERT(st.instance != 0);
}

/* Deliver what is on its way, and let both act. */
static void settle(struct world *w)
{
	do {
		while (w->head != w->tail) {
			struct gram g = w->queue[w->head++ % QUEUE];

			if (g.to->s != NULL)
				sync_input(g.to->s, g.p, g.n, &g.to->other->addr, w->now);
			free(g.p);
			ASSERT(++w->grams < 10000000);
		}
		for (int i = 0; i < 2; i++)
			if (w->root[i].s != NULL)
				ASSERT(sync_run(w->root[i].s, w->now) > w->now);
	} while (w->head != w->tail);
}

/* Step by step, as the timers ask. */
static void pass(struct world *w, nsec span)
{
	const nsec until = w->now + span;

	settle(w);
	while (w->now < until) {
		nsec next = until;

		for (int i = 0; i < 2; i++)
			if (w->root[i].s != NULL)
				next = MIN(next, sync_run(w->root[i].s, w->now));
		w->now = MAX(next, w->now + NSEC_PER_MSEC);
		settle(w);
	}
}

static void begin(struct world *w, struct root *r)
{
	r->s = sync_new(&w->conf, &ops, r, w->now);
	ASSERT(r->s != NULL);
}

static struct hit host_of(uint8_t n)
{
	const uint8_t chan = n & 7, k = n >> 3;
	struct hit h = {
		.sid = { .b = { 0x51, chan, k, 1 } }, .chan = { .b = { 0xc0, chan } },
		.rhost[0] = host_v4(198, 51, 100, (uint8_t)(chan * 8 + k + 1), k == 3 ? 0 : 7144),
		.listeners = n, .flags = HIT_RECV | (k == 0 ? HIT_TRACKER : 0) | (k == 3 ? HIT_PUSH : 0),
	};

	return h;
}

static void report(struct world *w, struct root *r, uint8_t n)
{
	struct chanmeta m;
	struct chaninfo *i;
	struct hit h = host_of(n);

	memset(&m, 0, sizeof(m));
	m.id = h.chan;
	m.bcid = (struct gnuid){ .b = { 0, r == &w->root[0] ? 1 : (uint8_t)(n & 1) } };
	(void)text_copy(m.text[CT_NAME], TEXT_MAX, n & 8 ? "one" : "another");
	i = chaninfo_new(&m);
	ASSERT(i != NULL);
	h.heard = w->now;
	if (r->s != NULL)
		sync_own_hit(r->s, i, &h, w->now);
	chaninfo_unref(&i);
}

/* A packet of the stranger's. */
static void packet(struct world *w, struct rd *r, uint8_t n, bool sealed)
{
	const uint16_t told = rd_be16(r);
	const size_t len = MIN(told, r->left);
	const uint8_t *bytes = rd_take(r, len);
	const struct host from = host_v4(203, 0, 113, (uint8_t)(100 + n), 9696);
	uint8_t *p = malloc(len + SYNC_SEAL_COST), *plain = malloc(len + 1);
	struct sync_status st;
	size_t size = len;

	ASSERT(p != NULL && plain != NULL);
	if (bytes == NULL)
		goto out;
	memcpy(plain, bytes, len);
	if (n == 31 && len >= 4 && w->root[1].s != NULL) {
		struct wr id = wr_of(plain, 4);

		sync_status(w->root[1].s, &st, w->now);
		wr_be32(&id, st.instance);
	}
	memcpy(p, plain, len);
	if (sealed && len >= SYNC_HEAD && len + SYNC_SEAL_COST <= SYNC_MTU_MAX && w->conf.keys.n > 0)
		size = sync_seal(&w->conf.keys, plain, len,
			(uint64_t)(on_wall(&w->root[0]) + (n - 16) * 1000), p);
	sync_input(w->root[0].s, p, size, n == 31 ? &w->root[1].addr : &from, w->now);
out:
	free(p);
	free(plain);
}

static void again(struct world *w, uint8_t n)
{
	if (w->last_n == 0)
		return;
	if (n & 1)
		w->last[n * 7 % w->last_n] ^= n;
	sync_input(w->root[0].s, w->last, w->last_n, &w->root[1].addr, w->now);
	w->last_n = 0;
}

static void command(struct world *w, struct rd *r)
{
	const uint8_t c = rd_u8(r), n = c >> 3;
	struct root *a = &w->root[0], *b = &w->root[1];
	struct hit h;

	switch (c & 7) {
	case 0:
	case 1:
		packet(w, r, n, c & 1);
		break;
	case 2:
		pass(w, (nsec)n * n * 100 * NSEC_PER_MSEC);
		break;
	case 3:
		report(w, a, n);
		break;
	case 4:
		h = host_of(n);
		sync_own_hit_gone(a->s, &h, SYNC_STOP, w->now);
		break;
	case 5:
		report(w, b, n);
		break;
	case 6:
		if (n & 1)
			sync_bye(b->s, w->now);
		settle(w);
		sync_free(&b->s);
		begin(w, b);
		break;
	default:
		again(w, n);
		break;
	}
	settle(w);
	check_limits(w, a);
	check_limits(w, b);
}

/* Everybody falls silent. */
static void check_end(struct world *w)
{
	struct sync_status st;
	nsec until;

	sync_free(&w->root[1].s);
	for (until = w->now + w->conf.hit_timeout + 70 * NSEC_PER_SEC; w->now < until;)
		pass(w, NSEC_PER_SEC * 10);
	sync_status(w->root[0].s, &st, w->now);
	ASSERT(st.hits == 0 && st.chans == 0 && st.own_hits == 0 && st.own_chans == 0 && st.listed == 0);
	ASSERT(st.hidden == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char key[] = "1:000102030405060708090a0b0c0d0e0f";
	struct rd r = rd_of(data, size);
	struct world *w;
	uint8_t how;

	if (size == 0 || size > 16384)
		return 0;
	log_set_level(LOG_OFF);
	w = calloc(1, sizeof(*w));
	ASSERT(w != NULL);
	how = rd_u8(&r);
	sync_conf_init(&w->conf);
	if (how & 1)
		ASSERT(sync_keys_parse(&w->conf.keys, key, sizeof(key) - 1, NULL) == ST_OK);
	w->conf.plain = (how & 2) != 0;
	w->conf.mtu = how & 4 ? 576 : 1400;
	w->conf.max_chans = MAX_CHANS;
	w->conf.max_hosts = MAX_HOSTS;
	w->conf.beacon = (how & 8 ? 2 : 60) * NSEC_PER_SEC;
	w->conf.first_beacon = 0;
	w->now = 1000 * NSEC_PER_SEC;
	w->rng = how;
	for (int i = 0; i < 2; i++) {
		w->root[i].w = w;
		w->root[i].other = &w->root[1 - i];
		w->root[i].addr = host_v4(203, 0, 113, (uint8_t)(1 + i), 9696);
		begin(w, &w->root[i]);
	}
	for (int steps = 0; r.left > 0 && r.err == ST_OK && steps < 400; steps++)
		command(w, &r);
	check_end(w);
	sync_free(&w->root[0].s);
	sync_conf_fini(&w->conf);
	free(w);
	return 0;
}
