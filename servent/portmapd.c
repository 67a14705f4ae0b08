/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/portmapd.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "servent/listen.h"
#include "servent/portmap.h"

#define RENEW_TIME (10 * NSEC_PER_SEC)
#define LOOK_TIME  (8 * NSEC_PER_SEC)
#define DROP_TIME  (3 * NSEC_PER_SEC)

struct portmapd {
	struct app *a;
	struct mbox mb;
	struct mtx mtx;                         /* lk_app */
	bool runs       GUARDED_BY(lk_app);     /* the thread, or it is about to */
	bool again      GUARDED_BY(lk_app);     /* woken: look once more before the end */
	bool anew       GUARDED_BY(lk_app);     /* somebody wants an attempt now */

	/* the thread's own */
	struct portmap_grip grip;
	bool held;                              /* grip is what the router does for us */
	nsec renewed, looked, tried;
	uint32_t fails;
	enum portmap_why why;                   /* of the last failure */
	struct gateway asked;                   /* from where to whom the last attempt was, */
	uint16_t asked_port;                    /* and for what */
};

LOCK_DEFINE(pd, struct portmapd, mtx, lk_app)

/* --- what is wanted ----------------------------------------------------------------------------- */

/* PMWHY_STARTED: a mapping is. */
static enum portmap_why wanted(struct app *a)
{
	const struct settings *set = conf_get(a->node.conf);
	enum portmap_why why = PMWHY_STARTED;
	struct host at;

	if (!set->port_mapping)
		why = PMWHY_OFF;
	else if (!set->auto_serve || (listen_wanted(set, &at) && host_is_loopback(&at)))
		why = PMWHY_NOT_SERVING;
	settings_unref(&set);
	return why;
}

static uint16_t our_port(struct app *a)
{
	struct own own;

	servmgr_own(a->node.sm, &own);
	return own.port;
}

/* --- what is told ------------------------------------------------------------------------------- */

/* Whether the port can be reached is another question now. What was open before, or shut all the same, is
 * not in doubt. */
static void test_again(struct app *a, bool open)
{
	struct own own;

	servmgr_own(a->node.sm, &own);
	if (own.fw[0] == (open ? FW_OPEN : FW_CLOSED))
		return;
	(void)servmgr_set_firewall(a->node.sm, false, FW_UNKNOWN, FWWHY_MAPPING);
	app_own_changed(a);
	app_wake_house(a);
}

static void tell(struct app *a, const struct portmap *m)
{
	char text[PORTMAP_TEXT], router[HOST_STRLEN], outside[HOST_STRLEN];

	(void)portmap_text(m, text);
	(void)host_ip_str(&m->router, router);
	(void)host_ip_str(&m->outside, outside);
	if (m->state == PORTMAP_OPEN)
		log_info("portmap: port %u, %s, router %s, outside %s, %u s: %s", m->port,
			portmap_kind_str(m->kind), router,
			host_is_set(&m->outside) ? outside : "not known", m->lease_s, text);
	else if (m->state == PORTMAP_FAILED)
		log_warn("portmap: port %u: %s", m->port, text);
	else
		log_info("portmap: %s", text);
}

/* Everybody may see it; the log says it when it is news. */
static void show(struct app *a, const struct portmap *m)
{
	struct portmap was;

	portmaps_get(&a->node.portmaps, &was, NULL);
	if (!portmaps_set(&a->node.portmaps, m, clk_now()))
		return;
	/* before it was ever on nobody asks why it is off */
	if (m->state != PORTMAP_OFF || was.state != PORTMAP_OFF || was.why != m->why)
		tell(a, m);
	if (m->state == was.state && m->why == was.why)
		return;
	/* for pages, and for who watches */
	if (m->state == PORTMAP_OPEN)
		notice_add(&a->node.notices, NOTICE_PEERCAST, "portMapped", "info", NULL,
			"The router forwards port %u to this node.", m->port);
	else if (m->state == PORTMAP_FAILED)
		notice_add(&a->node.notices, NOTICE_PEERCAST, "portNotMapped", "warning", NULL,
			"The router does not forward port %u to this node.", m->port);
	if ((m->state == PORTMAP_OPEN) != (was.state == PORTMAP_OPEN) && !servmgr_is_stopping(a->node.sm))
		test_again(a, m->state == PORTMAP_OPEN);
}

static void show_plain(struct portmapd *d, enum portmap_state state, enum portmap_why why)
{
	const struct portmap m = { .state = state, .why = why, .port = our_port(d->a) };

	show(d->a, &m);
}

/* --- what is done ------------------------------------------------------------------------------- */

static void take(struct portmapd *d, const struct portmap_grip *g)
{
	d->grip = *g;
	d->held = g->m.state == PORTMAP_OPEN;
	d->renewed = d->looked = clk_now();
	d->fails = 0;
}

/* The whole way. Returns ST_STOPPED when the node ends. */
static enum status try(struct portmapd *d)
{
	struct app *a = d->a;
	struct portmap_grip g;
	enum status st;

	if (d->tried == 0)
		show_plain(d, PORTMAP_TRYING, PMWHY_STARTED);
	st = portmap_try(our_port(a), &d->mb, clk_deadline(PORTMAP_TIME), &g);
	if (st == ST_STOPPED) {
		/* it may have come so far that the router does it */
		take(d, &g);
		d->held = g.m.asked;
		return st;
	}
	portmaps_count(&a->node.portmaps, st != ST_OK, false);
	d->tried = clk_now();
	if (st == ST_OK) {
		take(d, &g);
	} else if (d->fails < UINT32_MAX) {
		d->fails++;
	}
	d->why = g.m.why;
	show(a, &g.m);
	return ST_OK;
}

/* What was there is gone, whoever took it: from the beginning. */
static enum status lost(struct portmapd *d)
{
	log_info("portmap: the router no longer leads port %u to us", d->grip.m.port);
	portmaps_count(&d->a->node.portmaps, false, true);
	d->held = false;
	d->fails = 0;
	return try(d);
}

static enum status renew(struct portmapd *d)
{
	const enum status st = portmap_renew(&d->grip, &d->mb, clk_deadline(RENEW_TIME));

	if (st == ST_STOPPED)
		return st;
	if (st != ST_OK)
		return lost(d);
	take(d, &d->grip);
	show(d->a, &d->grip.m);
	return ST_OK;
}

static enum status look(struct portmapd *d)
{
	const enum status st = portmap_look(&d->grip, &d->mb, clk_deadline(LOOK_TIME));

	if (st == ST_STOPPED)
		return st;
	if (st != ST_OK)
		return renew(d);
	d->looked = clk_now();
	show(d->a, &d->grip.m);
	return ST_OK;
}

static void drop(struct portmapd *d, struct mbox *mb, nsec deadline)
{
	const enum status st = portmap_drop(&d->grip, mb, deadline);

	d->held = false;
	d->tried = 0;
	d->fails = 0;
	log_info("portmap: port %u %s", d->grip.m.port,
		st == ST_OK ? "is given back to the router" : "could not be given back to the router");
}

static enum status act(struct portmapd *d, enum portmap_act what)
{
	switch (what) {
	case PORTMAP_TRY:
		return try(d);
	case PORTMAP_RENEW:
		return renew(d);
	case PORTMAP_LOOK:
		return look(d);
	case PORTMAP_DROP:
		if (mbox_is_stopped(&d->mb))
			return ST_STOPPED;
		drop(d, &d->mb, clk_deadline(DROP_TIME));
		if (wanted(d->a) == PMWHY_STARTED)
			show_plain(d, PORTMAP_TRYING, PMWHY_STARTED);
		return ST_OK;
	default:
		return ST_OK;
	}
}

/* --- the thread --------------------------------------------------------------------------------- */

/* Is the way to the router another one than when it was asked? */
static bool has_moved(struct portmapd *d)
{
	struct gateway list[GATEWAYS_MAX];
	const size_t n = gateway_list(list);
	bool moved = true;

	for (size_t i = 0; i < n && d->held; i++)
		if (host_same_ip(&list[i].router, &d->grip.m.router) &&
		    host_same_ip(&list[i].local, &d->grip.m.inside))
			return false;
	if (n == 0)
		list[0] = (struct gateway){ .router.port = 0 };
	moved = d->held || !host_same_ip(&list[0].router, &d->asked.router) ||
		!host_same_ip(&list[0].local, &d->asked.local);
	d->asked = list[0];
	return moved;
}

/* Is there a reason for an attempt before its time? */
static bool is_asked(struct portmapd *d, uint16_t port, bool moved)
{
	bool anew;

	pd_lock(d);
	anew = d->anew && clk_now() - d->tried >= PORTMAP_PACE;         /* an attempt just now will do */
	d->anew = false;
	pd_unlock(d);
	anew = anew || moved || port != d->asked_port;
	d->asked_port = port;
	return anew;
}

/* Nothing is wanted and nothing held. False: somebody has woken us meanwhile. */
static bool may_end(struct portmapd *d)
{
	bool end;

	pd_lock(d);
	end = !d->again;
	d->again = false;
	d->runs = !end;
	pd_unlock(d);
	return end;
}

static void run(struct app *a, void *arg)
{
	struct portmapd *d = arg;
	enum status st = ST_OK;

	d->held = false;
	d->tried = 0;
	d->fails = 0;
	while (st != ST_STOPPED) {
		const enum portmap_why want = wanted(a);
		struct portmap_need n = {
			.wanted = want == PMWHY_STARTED, .port = our_port(a), .moved = has_moved(d),
			.renewed = d->renewed, .looked = d->looked, .why = d->why,
		};
		enum portmap_act what;
		nsec at;

		if (is_asked(d, n.port, n.moved) && !d->held)
			d->tried = d->fails = 0;
		n.held = d->held ? &d->grip.m : NULL;
		n.tried = d->tried;
		n.fails = d->fails;
		what = portmap_plan(&n, clk_now(), &at);
		if (what != PORTMAP_REST) {
			st = act(d, what);
			continue;
		}
		if (!n.wanted) {
			show_plain(d, PORTMAP_OFF, want);
			if (may_end(d))
				return;
		}
		st = mbox_wait(&d->mb, at);
	}
	if (d->held)
		drop(d, NULL, clk_deadline(PORTMAPD_GOODBYE));
	pd_lock(d);
	d->runs = false;
	pd_unlock(d);
}

/* --- the others' side --------------------------------------------------------------------------- */

enum status portmapd_new(struct portmapd **out, struct app *a)
{
	struct portmapd *d = calloc(1, sizeof(*d));
	enum status st;

	*out = NULL;
	if (d == NULL)
		return ST_LIMIT;
	st = mbox_init(&d->mb);
	if (st != ST_OK) {
		free(d);
		return st;
	}
	mtx_init(&d->mtx, &lk_app);
	d->a = a;
	*out = d;
	return ST_OK;
}

void portmapd_wake(struct portmapd *d, bool anew)
{
	enum portmap_why want;
	bool start = false, idle = false;

	if (d == NULL)
		return;
	want = wanted(d->a);
	pd_lock(d);
	if (d->runs) {
		d->again = true;
		d->anew = d->anew || anew;
		mbox_wake(&d->mb);
	} else if (want == PMWHY_STARTED) {
		start = d->runs = true;
	} else {
		idle = true;
	}
	pd_unlock(d);
	if (idle)
		show_plain(d, PORTMAP_OFF, want);
	if (start && app_task(d->a, "portmap", run, d) != ST_OK) {
		log_error("portmap: no thread; the next change of settings or addresses tries again");
		pd_lock(d);
		d->runs = false;
		pd_unlock(d);
	}
}

void portmapd_stop(struct portmapd *d)
{
	if (d != NULL)
		mbox_stop(&d->mb);
}

void portmapd_free(struct portmapd **d)
{
	if (*d != NULL) {
		mbox_fini(&(*d)->mb);
		mtx_fini(&(*d)->mtx);
		free(*d);
	}
	*d = NULL;
}
