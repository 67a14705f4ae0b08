/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: chan_append proc_atom */
#include "test/swarm/swarm.h"

#include <stdlib.h>
#include <string.h>

#include "core/conf/settings.h"
#include "core/sys/assert.h"
#include "core/sys/log.h"
#include "pcp/pcp.h"
#include "servent/conn.h"
#include "servent/packet.h"

#define HEAD_LEN   100
#define DATA_LEN   1000                 /* one packet a second, which stands for all of it */
#define GAP        (3 * NSEC_PER_SEC)   /* without data: an interruption */
#define RETRY      (3 * NSEC_PER_SEC)   /* a player that was dropped asks again */
#define SETTLE     (20 * NSEC_PER_SEC)  /* before anything is judged */
#define LOOK       5                    /* seconds between two looks at tree and hit lists */
#define LEAVE_TIME (3 * NSEC_PER_SEC)   /* goodbyes */

enum status __real_chan_append(struct chan *c, uint32_t token, struct pkt **p, size_t n);
enum status __wrap_chan_append(struct chan *c, uint32_t token, struct pkt **p, size_t n);
enum status __real_proc_atom(struct proc *p, const struct atom *a, uint32_t *quit);
enum status __wrap_proc_atom(struct proc *p, const struct atom *a, uint32_t *quit);

static struct swarm *swarm;             /* for the two above */
static struct conf *viewers_conf;

/* --- what is watched ----------------------------------------------------------------------------- */

static struct member *member_here(void)
{
	return world_here() != NULL ? world_here()->ctx : NULL;
}

/* New data for a viewer. */
static void note_data(struct swarm *s, struct member *v, const struct pkt *p)
{
	const nsec now = world_now();
	const size_t i = (size_t)((p->pos - HEAD_LEN) / DATA_LEN);

	if (v->first == 0) {
		v->first = now;
		tally_add(&s->joins, (uint64_t)((now - v->born) / NSEC_PER_MSEC));
	} else if (now - v->fresh > GAP) {
		v->breaks++;
		v->broken += now - v->fresh;
		tally_add(&s->breaks, (uint64_t)((now - v->fresh) / NSEC_PER_MSEC));
	}
	v->fresh = now;
	if (i < s->packets)
		v->lag = now - s->sent[i];
}

enum status __wrap_chan_append(struct chan *c, uint32_t token, struct pkt **p, size_t n)
{
	struct member *v = member_here();

	if (v != NULL && v != swarm->tracker)
		note_data(swarm, v, p[n - 1]);
	return __real_chan_append(c, token, p, n);
}

enum status __wrap_proc_atom(struct proc *p, const struct atom *a, uint32_t *quit)
{
	struct member *v = member_here();

	if (v != NULL && a->id != ATOM_CHAN)
		v->heard++;
	return __real_proc_atom(p, a, quit);
}

/* --- nodes --------------------------------------------------------------------------------------- */

static struct conf *conf_with(const char *const *keys)
{
	struct settings *draft = settings_new(false);
	char why[SETTINGS_WHY];
	struct conf *conf;

	ASSERT(draft != NULL);
	for (; keys != NULL && keys[0] != NULL; keys += 2)
		ASSERT(settings_set(draft, keys[0], keys[1], why) == ST_OK);
	ASSERT(conf_of(&conf, draft) == ST_OK);
	return conf;
}

/* As app_start(), without what has no part here: files, the listener, logs. */
static void app_make(struct app *a, struct conf *conf)
{
	memset(a, 0, sizeof(*a));
	a->listen_fd = a->passed_fd = a->ini_lock = -1;
	mtx_init(&a->mtx, &lk_app);
	cond_init(&a->idle);
	passing_init(&a->passing);
	ASSERT(mbox_init(&a->house_mb) == ST_OK && mbox_init(&a->server_mb) == ST_OK);
	ASSERT(node_init(&a->node, conf, chanmgr_new(), servmgr_new()) == ST_OK);
	a->node.ops.relay_start = fetch_start;
	ASSERT(node_apply_settings(&a->node) == ST_OK);
}

/* slots relays, as maxRelaysPerChannel says it; without any the bandwidth does. */
static struct member *member_new(struct swarm *s, uint32_t upload_kbps, bool shut, struct conf *conf)
{
	static uint32_t number;
	struct member *v = calloc(1, sizeof(*v));
	struct host at;
	struct limits l;

	ASSERT(v != NULL);
	machine_init(&v->m, ++number, upload_kbps, shut);
	v->m.ctx = v;
	world_be(&v->m);
	app_make(&v->app, conf);
	v->slots = MIN(upload_kbps * 4 / 5 / s->plan.kbps, 30u);
	v->born = world_now();
	servmgr_get_limits(v->app.node.sm, &l);
	l.max_relays = 1000;
	l.max_relays_per_chan = v->slots;
	if (v->slots == 0)
		l.max_bitrate_out = 1;
	servmgr_set_limits(v->app.node.sm, &l);
	at = machine_host(&v->m, MEMBER_PORT);
	(void)servmgr_set_port(v->app.node.sm, MEMBER_PORT);
	(void)servmgr_learn_address(v->app.node.sm, &at);
	(void)servmgr_set_firewall(v->app.node.sm, false, shut ? FW_CLOSED : FW_OPEN, FWWHY_YP);
	return v;
}

static void on_accept(struct machine *m, int fd, const struct host *peer)
{
	struct member *v = m->ctx;

	server_start(&v->app, fd, peer);
}

/* --- the broadcast ------------------------------------------------------------------------------- */

static void on_air(void *ctx, uint64_t n)
{
	struct swarm *s = ctx;
	static const uint8_t media[DATA_LEN];
	struct pkt *p = packet_new(&s->id, PKT_DATA, HEAD_LEN + (uint64_t)s->packets * DATA_LEN, 0, media,
	                           sizeof(media));

	(void)n;
	ASSERT(p != NULL);
	world_be(&s->tracker->m);
	s->sent[s->packets++] = world_now();
	ASSERT(chan_append(s->c, s->token, &p, 1) == ST_OK);
	if (s->packets == 1) {
		chan_set_status(s->c, CHAN_BROADCASTING);
		app_wake_cout(&s->tracker->app);
	}
	world_at(world_now() + NSEC_PER_SEC, on_air, s, 0);
}

static void broadcast(struct swarm *s)
{
	static struct mbox mbox;
	struct chanmeta meta = { .id = s->id, .bitrate_kbps = s->plan.kbps };
	struct app *a = &s->tracker->app;
	struct chaninfo *i;
	struct pkt *head;
	uint8_t media[HEAD_LEN] = { 0 };

	world_be(&s->tracker->m);
	(void)text_copy(meta.text[CT_NAME], TEXT_MAX, "swarm");
	(void)chanmeta_set_type(&meta, "RAW");
	i = chaninfo_new(&meta);
	head = packet_new(&s->id, PKT_HEAD, 0, 0, media, sizeof(media));
	ASSERT(i != NULL && head != NULL && mbox_init(&mbox) == ST_OK);
	s->c = chan_new(i, CHAN_BROADCAST, CHAN_SRC_HTTPPUSH, false);
	ASSERT(s->c != NULL && chanmgr_list_ensure(a->node.cm, &s->id, i) == ST_OK);
	ASSERT(chanmgr_add(a->node.cm, s->c, 0) == ST_OK);
	ASSERT(chan_attach(s->c, &mbox, &s->token, NSEC_NEVER) == ST_OK);
	ASSERT(chan_set_head(s->c, s->token, head) == ST_OK);
	chaninfo_unref(&i);
	on_air(s, 0);
}

/* --- viewers come and go ------------------------------------------------------------------------- */

/* Its player asks its node for the channel. */
static void ask(struct swarm *s, struct member *v)
{
	const struct host tip = machine_host(&s->tracker->m, MEMBER_PORT);
	struct chan *c;

	world_be(&v->m);
	v->retry = 0;
	if (fetch_start(&v->app.node, &s->id, &tip, &c) == ST_OK)
		chan_unref(&c);
}

/* A player is there: admitted like any other, but nobody needs its bytes. */
static void sit_down(struct swarm *s, struct member *v)
{
	const struct host local = host_v4(127, 0, 0, 1, 50000);

	world_be(&v->m);
	ASSERT(servent_new(v->app.node.sm, world_dummy(), &local, false, &v->viewer) == ST_OK);
	servent_set_private(v->viewer, true);
	ASSERT(servmgr_admit(v->app.node.sm, v->viewer, SV_DIRECT, &s->id, s->plan.kbps, true) == ADMIT_OK);
}

/* What a node counted, once, when it goes or all is over. */
static void collect(struct swarm *s, struct member *v)
{
	struct totals t;

	servmgr_totals(v->app.node.sm, &t);
	for (int i = 0; i < REFUSALS; i++)
		s->refused[i] += t.refused[i];
	s->served += t.started;
	s->dialled += v->m.dialled;
	s->unanswered += v->m.unanswered;
	if (v->life == MEMBER_UP && v->first != 0 && world_now() - v->fresh > GAP) {
		v->breaks++;
		tally_add(&s->breaks, (uint64_t)((world_now() - v->fresh) / NSEC_PER_MSEC));
	}
}

static void on_gone(void *ctx, uint64_t n)
{
	struct member *v = ctx;

	(void)n;
	machine_kill(&v->m, false);
	v->life = MEMBER_GONE;
}

/* The user closes the program: goodbyes, then it is gone. */
static void leave(struct swarm *s, struct member *v)
{
	struct chan **all;
	size_t n;

	world_be(&v->m);
	collect(s, v);
	s->leaves++;
	s->up--;
	v->life = MEMBER_LEAVING;
	v->m.listens = false;
	if (chanmgr_all(v->app.node.cm, &all, &n) == ST_OK) {
		for (size_t i = 0; i < n; i++) {
			chan_close(all[i]);
			chan_unref(&all[i]);
		}
		free(all);
	}
	servmgr_stop_all(v->app.node.sm, true);
	world_at(world_now() + LEAVE_TIME, on_gone, v, 0);
}

static void die(struct swarm *s, struct member *v)
{
	struct usage u;

	servmgr_usage(v->app.node.sm, &s->id, &u);
	collect(s, v);
	s->kills++;
	s->orphans += u.relays;
	s->up--;
	v->life = MEMBER_GONE;
	machine_kill(&v->m, world_chance(100) < s->plan.mute);
}

/* Uploads of viewers' lines, in Mbit/s, and of how many in a hundred: a fifth has none to speak of, a third
 * can pass the stream on once, few have much (GROWTH.md). */
static uint32_t draw_upload(const struct plan *p)
{
	static const struct { uint32_t percent, kbps; } mix[] = {
		{ 20, 300 }, { 30, 1000 }, { 35, 3000 }, { 13, 10000 }, { 2, 50000 },
	};
	uint32_t at = world_chance(100);
	size_t i = 0;

	if (p->even_kbps != 0)
		return p->even_kbps;
	while (at >= mix[i].percent)
		at -= mix[i++].percent;
	return mix[i].kbps;
}

static void on_join(void *ctx, uint64_t n);

/* A moment after `mean` on average, as a Poisson process has it; by a table of -ln(x) in 1/16. */
static nsec after(nsec mean)
{
	uint32_t v = world_chance(65536) + 1;
	nsec sum = 0;

	/* -ln(v / 65536): halvings, then a straight line within the last one */
	while (v <= 32768) {
		v *= 2;
		sum += mean / 1000 * 693;
	}
	return sum + mean / 1000 * (nsec)(693 * (65536 - v) / 32768);
}

static void on_leave(void *ctx, uint64_t n)
{
	struct member *v = ctx;

	(void)n;
	if (v->life != MEMBER_UP)
		return;
	leave(swarm, v);
	world_at(world_now(), on_join, swarm, 0);
}

static void on_join(void *ctx, uint64_t n)
{
	struct swarm *s = ctx;
	struct member *v = member_new(s, draw_upload(&s->plan), world_chance(100) < s->plan.shut, viewers_conf);

	(void)n;
	if (s->n_all == s->cap_all) {
		s->cap_all = MAX(2 * s->cap_all, (size_t)1024);
		s->all = realloc(s->all, s->cap_all * sizeof(struct member *));
		ASSERT(s->all != NULL);
	}
	s->all[s->n_all++] = v;
	s->up++;
	sit_down(s, v);
	ask(s, v);
	if (s->plan.session != 0)
		world_at(world_now() + after(s->plan.session * NSEC_PER_SEC), on_leave, v, 0);
}

static void on_kill(void *ctx, uint64_t n)
{
	struct swarm *s = ctx;
	struct member *v = NULL;

	(void)n;
	for (int i = 0; i < 1000 && v == NULL; i++) {
		struct member *o = s->all[world_chance((uint32_t)s->n_all)];
		struct usage u;

		servmgr_usage(o->app.node.sm, &s->id, &u);
		/* in the middle of the tree, where it hurts */
		if (o->life == MEMBER_UP && u.relays > 0)
			v = o;
	}
	if (v != NULL) {
		die(s, v);
		on_join(s, 0);
	}
	world_at(world_now() + after(60 * NSEC_PER_SEC * 1000 / s->plan.kills / s->plan.n), on_kill, s, 0);
}

/* --- every second -------------------------------------------------------------------------------- */

static void look_at(struct swarm *s, struct member *v)
{
	struct chan *c = chanmgr_find(v->app.node.cm, &s->id);
	struct chan_view view;

	v->up = NULL;
	v->depth = 0;
	v->walked = false;
	if (c == NULL)
		return;
	chan_view(c, &view);
	if (view.playing && host_is_set(&view.source) && machine_at(&view.source) != NULL)
		v->up = machine_at(&view.source)->ctx;
	chan_view_fini(&view);
	chan_unref(&c);
}

/* How far from the tracker each is; returns how many circles there are. */
static uint32_t measure_depth(struct swarm *s)
{
	struct member **path = calloc(s->n_all + 1, sizeof(struct member *));
	uint32_t loops = 0;

	ASSERT(path != NULL);
	for (size_t i = 0; i < s->n_all; i++) {
		struct member *v = s->all[i];
		size_t n = 0;
		uint32_t depth;

		while (v != NULL && v != s->tracker && !v->walked && v->life == MEMBER_UP) {
			v->walked = true;
			path[n++] = v;
			v = v->up;
		}
		depth = v == s->tracker ? 0 : v != NULL ? v->depth : 0;
		if (v != s->tracker && depth == 0) {
			for (size_t k = 0; k < n; k++)
				loops += path[k] == v;
			continue;
		}
		while (n > 0)
			path[--n]->depth = ++depth;
	}
	free(path);
	return loops;
}

static void sweep(struct member *v)
{
	struct chan_ended ended[4];
	size_t n = NELEM(ended);
	const struct settings *set = conf_get(v->app.node.conf);

	chanmgr_sweep(v->app.node.cm, (nsec)set->hit_timeout * NSEC_PER_SEC, ended, &n);
	settings_unref(&set);
}

static void watch(struct swarm *s, struct member *v)
{
	const nsec now = world_now();
	struct chan *c;

	world_be(&v->m);
	s->peak_other = MAX(s->peak_other, v->m.accepted - v->accepted_then);
	v->accepted_then = v->m.accepted;
	c = chanmgr_find(v->app.node.cm, &s->id);
	if (c == NULL && v->retry == 0) {
		s->ends++;
		v->retry = now + RETRY;
	} else if (c == NULL && now >= v->retry) {
		ask(s, v);
	}
	chan_unref(&c);
}

/* Where everybody hangs; and the hit lists age, as the housekeeper has them do. */
static void look(struct swarm *s)
{
	for (size_t i = 0; i < s->n_all; i++) {
		struct member *v = s->all[i];

		if (v->life != MEMBER_UP)
			continue;
		world_be(&v->m);
		sweep(v);
		look_at(s, v);
	}
	world_be(&s->tracker->m);
	sweep(s->tracker);
	s->loops += measure_depth(s);
}

static void on_second(void *ctx, uint64_t n)
{
	struct swarm *s = ctx;
	struct member *t = s->tracker;
	uint32_t dry = 0;

	for (size_t i = 0; i < s->n_all; i++) {
		struct member *v = s->all[i];

		if (v->life != MEMBER_UP)
			continue;
		watch(s, v);
		dry += world_now() - MAX(v->fresh, v->born) > GAP;
	}
	if (s->settled != 0)
		tally_add(&s->dry, dry * UINT64_C(10000) / MAX(s->up, 1u));
	s->peak_heard = MAX(s->peak_heard, t->heard - t->heard_then);
	s->peak_accepted = MAX(s->peak_accepted, t->m.accepted - t->accepted_then);
	t->heard_then = t->heard;
	t->accepted_then = t->m.accepted;
	if (n % LOOK == 0)
		look(s);
	world_at(world_now() + NSEC_PER_SEC, on_second, s, n + 1);
}

/* What the root has promised its trackers. */
static void on_root(void *ctx, uint64_t n)
{
	struct app *a = &swarm->root->app;
	const struct settings *set = conf_get(a->node.conf);

	(void)ctx;
	(void)n;
	world_be(&swarm->root->m);
	house_tell_trackers(a, set, true);
	world_at(world_now() + (nsec)set->host_update_interval * NSEC_PER_SEC, on_root, NULL, 0);
	settings_unref(&set);
}

static uint64_t dials(void)
{
	struct world_sums sums;

	world_sums(&sums);
	return sums.connects;
}

void swarm_run(struct swarm *s)
{
	static const char *const root_keys[] = { "isRoot", "Yes", "maxControlConnections", "1000", NULL };
	static const char *const tracker_keys[] = { "rootHost", "20.0.0.1:7144", NULL };
	static const char *const viewer_keys[] = { "rootHost", "", NULL };
	const struct plan *p = &s->plan;
	const uint32_t rate = p->join != 0 ? p->join : MAX(p->n / 60, 1u);
	nsec at;

	swarm = s;
	log_set_level(LOG_OFF);
	world_init(p->seed, p->latency_ms * 1000, on_accept);
	world_trace(p->trace);
	viewers_conf = conf_with(viewer_keys);
	s->id = gnuid_random(0);
	s->began = world_now();
	s->sent = calloc(100000, sizeof(nsec));
	ASSERT(s->sent != NULL);
	s->root = member_new(s, 100000, false, conf_with(root_keys));
	world_at(world_now() + 120 * NSEC_PER_SEC, on_root, NULL, 0);
	s->tracker = member_new(s, p->tracker_kbps, false, conf_with(tracker_keys));
	broadcast(s);
	world_at(world_now() + NSEC_PER_SEC, on_second, s, 0);
	world_run(world_now() + 5 * NSEC_PER_SEC);
	at = world_now();
	for (uint32_t i = 0; i < p->n; i++) {
		at += after(NSEC_PER_SEC / rate);
		world_at(at, on_join, s, 0);
	}
	world_run(at + SETTLE);
	s->settled = world_now();
	s->calm_from = world_now();
	s->dials_calm = dials();
	s->root_heard_calm = s->root->heard;
	s->tracker_heard_calm = s->tracker->heard;
	s->tracker_cpu_calm = s->tracker->m.cpu_ns;
	s->root_cpu_calm = s->root->m.cpu_ns;
	s->accepted_calm = s->tracker->m.accepted;
	if (p->kills != 0)
		on_kill(s, 0);
	world_run(world_now() + p->seconds * NSEC_PER_SEC);
	s->dials_calm = dials() - s->dials_calm;
	s->root_heard_calm = s->root->heard - s->root_heard_calm;
	s->tracker_heard_calm = s->tracker->heard - s->tracker_heard_calm;
	s->tracker_cpu_calm = s->tracker->m.cpu_ns - s->tracker_cpu_calm;
	s->root_cpu_calm = s->root->m.cpu_ns - s->root_cpu_calm;
	s->accepted_calm = s->tracker->m.accepted - s->accepted_calm;
	look(s);
	for (size_t i = 0; i < s->n_all; i++)
		if (s->all[i]->life == MEMBER_UP)
			collect(s, s->all[i]);
	collect(s, s->tracker);
}
