/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/portmapd.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "core/sys/text.h"
#include "servent/listen.h"
#include "servent/portmap.h"

#define RENEW_TIME (10 * NSEC_PER_SEC)
#define LOOK_TIME  (8 * NSEC_PER_SEC)
#define DROP_TIME  (3 * NSEC_PER_SEC)
#define UNDO_TIME  (2 * NSEC_PER_SEC)
#define DEBTS_MAX  4

/* What a router may still do for us though we do not want it, or do not count on it: to be given back. */
struct debt {
	struct portmap_grip grip;
	nsec until;             /* its lease; NSEC_NEVER = for ever, or not known */
	nsec tried;
	uint32_t fails;
};

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
	struct debt debts[DEBTS_MAX];           /* the oldest first */
	size_t n_debts;
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

/* --- what is owed ------------------------------------------------------------------------------- */

static bool is_same_entry(const struct portmap *a, const struct portmap *b)
{
	return a->port == b->port && host_same_ip(&a->router, &b->router);
}

static void forget(struct portmapd *d, size_t i)
{
	d->n_debts--;
	memmove(&d->debts[i], &d->debts[i + 1], (d->n_debts - i) * sizeof(d->debts[0]));
}

static void owe(struct portmapd *d, const struct portmap_grip *g)
{
	const nsec now = clk_now();

	for (size_t i = d->n_debts; i-- > 0;)
		if (d->debts[i].grip.m.kind == g->m.kind && is_same_entry(&d->debts[i].grip.m, &g->m))
			forget(d, i);
	if (d->n_debts == DEBTS_MAX)
		forget(d, 0);
	d->debts[d->n_debts++] = (struct debt){
		.grip = *g, .tried = now,
		.until = g->m.lease_s != 0 ? now + (nsec)g->m.lease_s * NSEC_PER_SEC : NSEC_NEVER,
	};
}

/* Is it what we hold, or what the next attempt asks for? Then it stays. */
static bool is_of_use(const struct portmapd *d, const struct debt *b, bool want)
{
	const struct portmap *m = &b->grip.m;

	if (d->held)
		return is_same_entry(m, &d->grip.m);
	return want && m->port == d->asked_port && host_same_ip(&m->router, &d->asked.router) &&
		host_same_ip(&m->inside, &d->asked.local);
}

/* In another network nobody is asked for it. */
static bool is_near(const struct debt *b)
{
	struct gateway list[GATEWAYS_MAX];
	const size_t n = gateway_list(list);

	for (size_t i = 0; i < n; i++)
		if (host_same_ip(&list[i].router, &b->grip.m.router))
			return true;
	return false;
}

static nsec debt_at(const struct debt *b)
{
	nsec pause = PORTMAP_PACE;

	for (uint32_t i = 1; i < b->fails && pause < PORTMAP_SLOW; i++)
		pause *= 2;
	return b->tried + MIN(pause, PORTMAP_SLOW);
}

static void put_off(struct debt *b)
{
	b->tried = clk_now();
	if (b->fails < UINT32_MAX)
		b->fails++;
}

static bool pay(struct debt *b, struct mbox *mb, nsec deadline)
{
	const enum status st = portmap_drop(&b->grip, mb, deadline);

	put_off(b);
	if (st == ST_OK)
		log_info("portmap: port %u is given back to the router", b->grip.m.port);
	return st == ST_OK;
}

/* Give back what is due; returns when the next one is. want: we go on asking. */
static nsec pay_due(struct portmapd *d, bool want)
{
	nsec next = NSEC_NEVER;

	for (size_t i = d->n_debts; i-- > 0 && !mbox_is_stopped(&d->mb);) {
		struct debt *b = &d->debts[i];

		if (clk_now() >= b->until) {
			forget(d, i);
			continue;
		}
		if (is_of_use(d, b, want))
			continue;
		if (clk_now() >= debt_at(b)) {
			if (!is_near(b)) {
				put_off(b);
			} else if (pay(b, &d->mb, clk_deadline(DROP_TIME))) {
				forget(d, i);
				d->tried = d->fails = 0;        /* the port may be free now */
				continue;
			}
		}
		next = MIN(next, MIN(debt_at(b), b->until));
	}
	return next;
}

/* At the end: everything, each in its share of the time. */
static void pay_all(struct portmapd *d, nsec deadline)
{
	for (size_t n = d->n_debts; n > 0; n--) {
		const nsec now = clk_now();

		if (!pay(&d->debts[n - 1], NULL, now + MAX(deadline - now, 0) / (nsec)n))
			log_info("portmap: port %u could not be given back to the router",
				d->debts[n - 1].grip.m.port);
	}
	d->n_debts = 0;
}

/* --- what is done ------------------------------------------------------------------------------- */

static void take(struct portmapd *d, const struct portmap_grip *g)
{
	d->grip = *g;
	d->held = g->m.state == PORTMAP_OPEN;
	d->renewed = d->looked = clk_now();
	d->fails = 0;
	for (size_t i = d->n_debts; i-- > 0 && d->held && !g->m.theirs;)
		if (d->debts[i].grip.m.kind == g->m.kind && is_same_entry(&d->debts[i].grip.m, &g->m))
			forget(d, i);
}

/* Is it our own that is in the way, from another address? Then say so. */
static void know_holder(const struct portmapd *d, struct portmap *m)
{
	for (size_t i = 0; m->why == PMWHY_TAKEN && host_is_set(&m->holder) && i < d->n_debts; i++)
		if (is_same_entry(&d->debts[i].grip.m, m) &&
		    host_same_ip(&d->debts[i].grip.m.inside, &m->holder) &&
		    !host_same_ip(&m->inside, &m->holder))
			(void)text_copy(m->detail, sizeof(m->detail), "this machine's former address");
}

/* The whole way. Returns ST_STOPPED when the node ends. */
static enum status try(struct portmapd *d)
{
	struct app *a = d->a;
	struct portmap_grip g, owed;
	enum status st;

	if (d->tried == 0)
		show_plain(d, PORTMAP_TRYING, PMWHY_STARTED);
	st = portmap_try(our_port(a), &d->mb, clk_deadline(PORTMAP_TIME), &g, &owed);
	if (owed.m.asked) {
		owe(d, &owed);
		/* what works by another way stays */
		if (st == ST_PROTO && !owed.m.was_there &&
		    pay(&d->debts[d->n_debts - 1], &d->mb, clk_deadline(UNDO_TIME)))
			forget(d, d->n_debts - 1);
	}
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
	know_holder(d, &g.m);
	show(a, &g.m);
	return ST_OK;
}

/* It is not done for us any longer, whoever took it, or cannot be told: from the beginning. */
static enum status lost(struct portmapd *d, enum portmap_why why)
{
	const bool gone = why == PMWHY_TAKEN || why == PMWHY_OTHER_PORT || why == PMWHY_LIE;

	log_info("portmap: %s port %u to us", gone ? "the router no longer leads" :
		"it cannot be told whether the router still leads", d->grip.m.port);
	if (why != PMWHY_TAKEN && !d->grip.m.theirs)
		owe(d, &d->grip);
	portmaps_count(&d->a->node.portmaps, false, true);
	d->held = false;
	d->fails = 0;
	return try(d);
}

static enum status renew(struct portmapd *d)
{
	enum portmap_why why;
	const enum status st = portmap_renew(&d->grip, &d->mb, clk_deadline(RENEW_TIME), &why);

	if (st == ST_STOPPED)
		return st;
	if (st != ST_OK)
		return lost(d, why);
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

static void drop(struct portmapd *d)
{
	d->held = false;
	d->tried = 0;
	d->fails = 0;
	if (d->grip.m.theirs)
		return;
	owe(d, &d->grip);
	if (pay(&d->debts[d->n_debts - 1], &d->mb, clk_deadline(DROP_TIME)))
		forget(d, d->n_debts - 1);
	else
		log_info("portmap: port %u could not be given back to the router; tried again later",
			d->grip.m.port);
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
		drop(d);
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
	d->n_debts = 0;
	d->tried = 0;
	d->fails = 0;
	while (st != ST_STOPPED) {
		const enum portmap_why want = wanted(a);
		struct portmap_need n = {
			.wanted = want == PMWHY_STARTED, .port = our_port(a), .moved = has_moved(d),
			.renewed = d->renewed, .looked = d->looked, .why = d->why,
		};
		enum portmap_act what;
		nsec at, due;

		if (is_asked(d, n.port, n.moved) && !d->held)
			d->tried = d->fails = 0;
		due = pay_due(d, n.wanted);
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
			if (d->n_debts == 0 && may_end(d))
				return;
		}
		st = mbox_wait(&d->mb, MIN(at, due));
	}
	if (d->held && !d->grip.m.theirs)
		owe(d, &d->grip);
	pay_all(d, clk_deadline(PORTMAPD_GOODBYE));
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
