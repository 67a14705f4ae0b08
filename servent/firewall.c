/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/firewall.h"

#include <stdlib.h>

#include "core/conf/roots.h"
#include "core/sys/log.h"
#include "pcp/pcp.h"
#include "servent/pcpio.h"

#define RESOLVE_TIME (5 * NSEC_PER_SEC)
#define CONNECT_TIME (5 * NSEC_PER_SEC)
#define LINE_TIME    (30 * NSEC_PER_SEC)        /* for COUT to get through its handshake */
#define ASK_TIME     (60 * NSEC_PER_SEC)        /* for a whole check of both families */
#define ASK_PACE     (5 * NSEC_PER_SEC)         /* between two checks whoever asks */

/* --- when ------------------------------------------------------------------------------------- */

nsec firewall_due(const struct fwneed *n)
{
	nsec pause = FIREWALL_PACE;

	if (n->wanted && n->disabled)
		return n->tried + FIREWALL_SLOW;
	if (!n->wanted || n->forced || n->fw == FW_OPEN)
		return NSEC_NEVER;
	if (n->fw == FW_CLOSED && n->why != FWWHY_NOT_GLOBAL)
		return n->since + FIREWALL_CLOSED;
	if (n->tried == 0)
		return 0;
	if (n->fw == FW_CLOSED)         /* somebody near has told: no test at all */
		return n->tried + FIREWALL_SLOW;
	if (n->why == FWWHY_NO_FAMILY)
		return n->tried + FIREWALL_CLOSED;
	if (n->why == FWWHY_NO_ANSWER) {
		for (uint32_t i = 0; i < n->fails && pause < FIREWALL_SLOW; i++)
			pause *= 2;
	}
	return n->tried + MIN(pause, FIREWALL_SLOW);
}

/* --- the line --------------------------------------------------------------------------------- */

bool yp_line_take(struct app *a)
{
	bool mine;

	app_lock(a);
	mine = !a->yp_busy && !a->stopping;
	if (mine)
		a->yp_busy = true;
	app_unlock(a);
	return mine;
}

void yp_line_drop(struct app *a)
{
	app_lock(a);
	a->yp_busy = false;
	cond_broadcast(&a->idle);
	app_unlock(a);
}

bool firewall_ping_take(struct app *a, bool v6)
{
	bool mine;

	app_lock(a);
	mine = !a->pinging[v6];
	a->pinging[v6] = true;
	app_unlock(a);
	return mine;
}

void firewall_ping_drop(struct app *a, bool v6)
{
	app_lock(a);
	a->pinging[v6] = false;
	cond_broadcast(&a->idle);
	app_unlock(a);
}

/* The check's way to take both: it has nothing else to do. */
static bool wait_for_line(struct app *a, bool v6)
{
	const nsec deadline = clk_deadline(LINE_TIME);
	enum status st = ST_OK;
	bool mine;

	app_lock(a);
	while ((a->yp_busy || a->pinging[v6]) && !a->stopping && st == ST_OK)
		st = cond_wait(&a->idle, &a->mtx, deadline);
	mine = !a->yp_busy && !a->pinging[v6] && !a->stopping;
	if (mine)
		a->yp_busy = a->pinging[v6] = true;
	app_unlock(a);
	return mine;
}

/* --- a check ---------------------------------------------------------------------------------- */

struct check {
	struct app *a;
	struct mbox mbox;
	unsigned families;
	nsec since[2];                  /* of what was known at the start */
};

/* Still unknown: for this reason. */
static void no_result(struct check *x, bool v6, enum fwwhy why)
{
	struct own own;

	servmgr_own(x->a->node.sm, &own);
	if (own.fw[v6] == FW_UNKNOWN)
		(void)servmgr_set_firewall(x->a->node.sm, v6, FW_UNKNOWN, why);
}

/* One conversation: pcp, helo, oleh, quit. What the oleh tells is believed where it is read. */
static bool talk(struct check *x, bool v6, const struct host *to)
{
	const nsec deadline = clk_deadline(PCP_HANDSHAKE);
	char hs[HOST_STRLEN];
	struct pcpio io;
	struct oleh oleh;
	struct sock s;
	uint32_t quit = 0;
	enum status st;

	st = sock_connect(&s, to, &x->mbox, clk_deadline(CONNECT_TIME));
	if (st == ST_OK) {
		pcpio_init(&io, &s, &atomlimits_control);
		st = pcpio_ask_test(&x->a->node, &io, v6, &oleh, &quit, deadline);
		if (st == ST_OK)
			pcpio_quit(&s, PCP_QUIT);
		pcpio_fini(&io);
		sock_close(&s);
	}
	if (st != ST_OK && st != ST_STOPPED)
		log_info("firewall: yellow page %s: %s", host_str(to, hs), status_str(st));
	return st == ST_OK;
}

/* Returns whether that is told, by this root or by somebody else meanwhile; else *why not. */
static bool check_family(struct check *x, bool v6, const struct host *to, enum fwwhy *why)
{
	struct own own;
	bool told;

	*why = FWWHY_NO_FAMILY;
	if (!host_is_set(to))
		return false;
	*why = FWWHY_NO_YP;
	if (servmgr_is_self(x->a->node.sm, to))
		return false;
	*why = FWWHY_NO_ANSWER;
	if (!wait_for_line(x->a, v6))
		return false;
	servmgr_own(x->a->node.sm, &own);
	/* COUT or a fetch may have heard it while we waited. */
	told = (own.fw[v6] != FW_UNKNOWN && own.fw_why[v6] != FWWHY_NOT_GLOBAL &&
		own.fw_since[v6] != x->since[v6]) || talk(x, v6, to);
	firewall_ping_drop(x->a, v6);
	yp_line_drop(x->a);
	app_wake_cout(x->a);
	return told;
}

/* Ask that root about the families that are still open. Those it has told of are left out of *open; of the
 * others why[] says why not: whoever could not be reached counts for more than one of no such family. */
static void check_root(struct check *x, const char *name, unsigned *open, enum fwwhy why[2])
{
	enum status st = ST_PROTO;
	struct host to[2];
	enum fwwhy no;

	if (!servmgr_yp_rests(x->a->node.sm, name))
		st = host_resolve_pair(to, name, PCP_PORT, clk_deadline(RESOLVE_TIME));
	if (st != ST_OK)
		log_info("firewall: yellow page %s cannot be asked", name);
	for (int v6 = 0; v6 < 2 && !mbox_is_stopped(&x->mbox); v6++) {
		const unsigned bit = v6 ? FIREWALL_V6 : FIREWALL_V4;

		if (!(*open & bit))
			continue;
		no = FWWHY_NO_ANSWER;
		if (st == ST_OK && check_family(x, v6 != 0, &to[v6], &no))
			*open &= ~bit;
		else if (why[v6] != FWWHY_NO_ANSWER)
			why[v6] = no;
	}
}

static void check_run(struct check *x)
{
	const struct settings *set = conf_get(x->a->node.conf);
	enum fwwhy why[2] = { FWWHY_NO_YP, FWWHY_NO_YP };
	unsigned open = x->families;
	char name[SETTINGS_TEXT];

	for (size_t i = 0; open != 0 && roots_get(set->root_host, i, name); i++)
		check_root(x, name, &open, why);
	for (int v6 = 0; v6 < 2 && !mbox_is_stopped(&x->mbox); v6++)
		if (open & (v6 ? FIREWALL_V6 : FIREWALL_V4))
			no_result(x, v6 != 0, why[v6]);
	settings_unref(&set);
}

static void check_task(struct app *a, void *arg)
{
	struct check *x = arg;

	x->a = a;
	app_lock(a);
	a->check_mb = &x->mbox;
	if (a->stopping)
		mbox_stop(&x->mbox);
	app_unlock(a);
	check_run(x);
	app_lock(a);
	a->check_mb = NULL;
	a->check_runs = false;
	a->check_ended = clk_now();
	a->checks++;
	cond_broadcast(&a->idle);
	app_unlock(a);
	mbox_fini(&x->mbox);
	free(x);
	app_own_changed(a);
	app_wake_house(a);
}

static bool covers(const struct app *a, unsigned families) REQUIRES(lk_app)
{
	return (families & ~a->check_families) == 0;
}

/* Begin one unless one runs, or has just ended (and nothing has changed since). */
static bool begin(struct app *a, unsigned families, bool changed) EXCLUDES(lk_app)
{
	bool go;

	app_lock(a);
	go = !a->check_runs && !a->stopping && (changed || a->checks == 0 || !covers(a, families) ||
		clk_now() - a->check_ended >= ASK_PACE);
	if (go) {
		a->check_runs = true;
		a->check_families = families;
	}
	app_unlock(a);
	return go;
}

/* It could not start. */
static void abandon(struct app *a) EXCLUDES(lk_app)
{
	log_error("firewall: no memory or thread for a check");
	app_lock(a);
	a->check_runs = false;
	cond_broadcast(&a->idle);
	app_unlock(a);
}

static void run(struct app *a, unsigned families)
{
	struct check *x = calloc(1, sizeof(*x));
	struct own own;

	if (x == NULL || mbox_init(&x->mbox) != ST_OK) {
		free(x);
		abandon(a);
		return;
	}
	servmgr_own(a->node.sm, &own);
	x->families = families;
	x->since[0] = own.fw_since[0];
	x->since[1] = own.fw_since[1];
	if (app_task(a, "firewall", check_task, x) != ST_OK) {
		mbox_fini(&x->mbox);
		free(x);
		abandon(a);
	}
}

void firewall_check(struct app *a, unsigned families)
{
	if (begin(a, families, false))
		run(a, families);
}

bool firewall_is_checking(struct app *a)
{
	bool yes;

	app_lock(a);
	yes = a->check_runs;
	app_unlock(a);
	return yes;
}

/* Until none runs. False: not in time, or the node stops. */
static bool wait_for_check(struct app *a, nsec deadline)
{
	enum status st = ST_OK;
	bool ended;

	app_lock(a);
	while (a->check_runs && !a->stopping && st == ST_OK)
		st = cond_wait(&a->idle, &a->mtx, deadline);
	ended = !a->check_runs && !a->stopping;
	app_unlock(a);
	return ended;
}

/* Is one of these families under way? */
static bool is_under_way(struct app *a, unsigned families)
{
	bool yes;

	app_lock(a);
	yes = a->check_runs && covers(a, families);
	app_unlock(a);
	return yes;
}

void firewall_ask(struct node *n, bool v4, bool v6)
{
	const struct settings *set = conf_get(n->conf);
	const bool have_yp = roots_any(set->root_host);
	const unsigned families = (v4 ? FIREWALL_V4 : 0u) | (v6 ? FIREWALL_V6 : 0u);
	const nsec deadline = clk_deadline(ASK_TIME);
	const bool wanted[2] = { v4, v6 };
	struct app *a = app_of(n);
	bool changed = false;
	struct own own;

	settings_unref(&set);
	servmgr_own(n->sm, &own);
	if (own.fw_forced)
		return;
	if (!have_yp) {
		for (int i = 0; i < 2; i++)
			if (wanted[i] && own.fw[i] == FW_UNKNOWN)
				(void)servmgr_set_firewall(n->sm, i != 0, FW_UNKNOWN, FWWHY_NO_YP);
		return;
	}
	for (int i = 0; i < 2; i++)
		changed = changed || (wanted[i] && own.fw[i] == FW_UNKNOWN &&
			own.fw_why[i] != FWWHY_NO_ANSWER && own.fw_why[i] != FWWHY_NO_FAMILY);
	/* One that runs will do; one of the other family is let through first. */
	if (!is_under_way(a, families) && wait_for_check(a, deadline) && begin(a, families, changed)) {
		for (int i = 0; i < 2; i++)
			if (wanted[i])
				(void)servmgr_set_firewall(n->sm, i != 0, FW_UNKNOWN, FWWHY_ASKED);
		run(a, families);
	}
	(void)wait_for_check(a, deadline);
}
