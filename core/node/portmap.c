/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/portmap.h"

#include <stdio.h>
#include <string.h>

LOCK_DEFINE(pm, struct portmaps, mtx, lk_leaf)

/* --- words -------------------------------------------------------------------------------------- */

const char *portmap_kind_str(enum portmap_kind k)
{
	static const char *const names[] = { "none", "UPnP", "NAT-PMP" };

	return names[k];
}

const char *portmap_state_str(enum portmap_state s)
{
	static const char *const names[PORTMAP_STATES] = {
		[PORTMAP_OFF] = "off", [PORTMAP_TRYING] = "trying", [PORTMAP_OPEN] = "open",
		[PORTMAP_FAILED] = "failed",
	};

	return names[s];
}

static const struct {
	const char *code, *text;
} whys[PMWHYS] = {
	[PMWHY_OFF] = { "off", "portMapping is off" },
	[PMWHY_NOT_SERVING] = { "not-serving", "autoServe is off, nobody is to reach the port" },
	[PMWHY_NOT_NEEDED] = { "not-needed", "this machine has a public address of its own" },
	[PMWHY_NO_IPV4] = { "no-ipv4", "this machine has no IPv4 address, so no router translates it" },
	[PMWHY_STARTED] = { "started", "the router is being asked" },
	[PMWHY_OK] = { "ok", "the router leads the port to us" },
	[PMWHY_UNSEEN] = { "unseen", "the router says that it leads the port to us; it does not show it" },
	[PMWHY_DOUBLE] = { "double-nat",
		"the router leads the port to us, but is itself behind another router or the provider's" },
	[PMWHY_NO_WAN] = { "no-wan", "the router leads the port to us, but has no address outside" },
	[PMWHY_NO_LIBRARY] = { "no-library", "neither miniupnpc nor libnatpmp is installed" },
	[PMWHY_NO_ROUTER] = { "no-router", "this machine has no way to a router" },
	[PMWHY_NO_ANSWER] = { "no-answer", "the router answers neither UPnP nor NAT-PMP" },
	[PMWHY_SILENT] = { "silent", "the router did not answer in time" },
	[PMWHY_BAD_ANSWER] = { "bad-answer", "the router's answer cannot be understood" },
	[PMWHY_ELSEWHERE] = { "elsewhere", "the router's answer leads to another machine" },
	[PMWHY_REFUSED] = { "refused", "the router does not do it" },
	[PMWHY_TAKEN] = { "taken", "the router leads the port to another machine" },
	[PMWHY_OTHER_PORT] = { "other-port", "the router gives another port only, which nobody would find" },
	[PMWHY_LIE] = { "lie", "the router says that it leads the port to us, but does not" },
	[PMWHY_SYSTEM] = { "system", "the router could not be asked" },
};

const char *portmap_why_code(enum portmap_why w)
{
	return whys[w].code;
}

const char *portmap_text(const struct portmap *m, char dst[PORTMAP_TEXT])
{
	char ip[HOST_STRLEN] = "", detail[PORTMAP_DETAIL + 4] = "";
	const char *word = "";

	if (m->why == PMWHY_TAKEN && host_same_ip(&m->holder, &m->inside)) {
		(void)host_str(&m->holder, ip);
		(void)snprintf(dst, PORTMAP_TEXT, "somebody's own entry in the router has the port: "
			"it leads to %s or is switched off", ip);
		return dst;
	}
	if (m->why == PMWHY_TAKEN && host_is_set(&m->holder)) {
		word = ": ";
		(void)host_ip_str(&m->holder, ip);
	} else if (m->why == PMWHY_DOUBLE && host_is_set(&m->outside)) {
		word = ": its address outside is ";
		(void)host_ip_str(&m->outside, ip);
	}
	if (m->detail[0] != '\0')
		(void)snprintf(detail, sizeof(detail), " (%s)", m->detail);
	(void)snprintf(dst, PORTMAP_TEXT, "%s%s%s%s", whys[m->why].text, word, ip, detail);
	return dst;
}

/* --- what is shown ------------------------------------------------------------------------------ */

void portmaps_init(struct portmaps *p) LOCK_IMPL /* nobody else knows it yet */
{
	memset(p, 0, sizeof(*p));
	mtx_init(&p->mtx, &lk_leaf);
}

void portmaps_fini(struct portmaps *p)
{
	mtx_fini(&p->mtx);
}

static bool is_same(const struct portmap *a, const struct portmap *b)
{
	return a->state == b->state && a->why == b->why && a->kind == b->kind && a->port == b->port &&
		host_equal(&a->router, &b->router) && host_equal(&a->inside, &b->inside) &&
		host_equal(&a->outside, &b->outside) && host_equal(&a->holder, &b->holder) &&
		strcmp(a->detail, b->detail) == 0;
}

bool portmaps_set(struct portmaps *p, const struct portmap *m, nsec now)
{
	bool changed;

	pm_lock(p);
	changed = p->now.since == 0 || !is_same(&p->now, m);
	if (changed) {
		const nsec since = p->now.state == m->state && p->now.why == m->why ? p->now.since : 0;

		p->now = *m;
		p->now.since = since != 0 ? since : now;
	}
	p->now.lease_s = m->lease_s;
	pm_unlock(p);
	return changed;
}

void portmaps_get(struct portmaps *p, struct portmap *m, struct portmap_counts *c)
{
	pm_lock(p);
	*m = p->now;
	if (c != NULL)
		*c = (struct portmap_counts){ .tried = p->tried, .failed = p->failed, .lost = p->lost };
	pm_unlock(p);
}

void portmaps_count(struct portmaps *p, bool failed, bool lost)
{
	pm_lock(p);
	if (lost)
		p->lost++;
	else
		p->tried++;
	if (failed)
		p->failed++;
	pm_unlock(p);
}

/* --- what is to be done ------------------------------------------------------------------------- */

/* Whether another try soon may go better. */
static nsec pause_after(enum portmap_why why, uint32_t fails)
{
	nsec pause = PORTMAP_PACE;

	switch (why) {
	case PMWHY_NOT_NEEDED:
	case PMWHY_NO_IPV4:
	case PMWHY_NO_LIBRARY:
		return PORTMAP_SLOW;
	case PMWHY_TAKEN:
	case PMWHY_REFUSED:
	case PMWHY_OTHER_PORT:
	case PMWHY_LIE:
	case PMWHY_ELSEWHERE:
		return PORTMAP_HELD;
	default:
		for (uint32_t i = 1; i < fails && pause < PORTMAP_SLOW; i++)
			pause *= 2;
		return MIN(pause, PORTMAP_SLOW);
	}
}

/* It is asked for anew at half of its life; who gives a second is not asked twice a second. */
static nsec renew_at(const struct portmap_need *n)
{
	if (n->held->lease_s == 0)
		return NSEC_NEVER;
	return n->renewed + MAX((nsec)n->held->lease_s * NSEC_PER_SEC / 2, PORTMAP_PACE);
}

enum portmap_act portmap_plan(const struct portmap_need *n, nsec now, nsec *at)
{
	nsec renew, look;

	*at = NSEC_NEVER;
	if (n->held != NULL) {
		if (!n->wanted || n->moved || n->port != n->held->port)
			return PORTMAP_DROP;
		renew = renew_at(n);
		look = n->looked + PORTMAP_CHECK;
		*at = MIN(renew, look);
		if (now >= renew)
			return PORTMAP_RENEW;
		return now >= look ? PORTMAP_LOOK : PORTMAP_REST;
	}
	if (!n->wanted || n->port == 0)
		return PORTMAP_REST;
	if (n->tried == 0)
		return PORTMAP_TRY;
	*at = n->tried + pause_after(n->why, n->fails);
	return now >= *at ? PORTMAP_TRY : PORTMAP_REST;
}

enum portmap_why portmap_judge_entry(const struct portmap_entry *e, const struct host *inside)
{
	if (!e->there)
		return PMWHY_LIE;
	if (!host_same_ip(&e->to, inside))
		return PMWHY_TAKEN;
	return e->enabled && e->to.port == inside->port ? PMWHY_OK : PMWHY_LIE;
}

enum portmap_why portmap_judge_before(const struct portmap_entry *e, const struct host *inside)
{
	const enum portmap_why why = portmap_judge_entry(e, inside);

	if (!e->there)
		return PMWHY_STARTED;
	/* some routers would give us what is another's */
	return why == PMWHY_LIE ? e->named ? PMWHY_STARTED : PMWHY_TAKEN : why;
}

uint32_t portmap_lease(uint32_t asked_s, uint32_t shown_s)
{
	if (shown_s == 0)
		return asked_s;
	return asked_s == 0 ? shown_s : MIN(asked_s, shown_s);
}

enum portmap_why portmap_judge_outside(const struct host *outside)
{
	if (!host_is_set(outside))
		return PMWHY_NO_WAN;
	return host_is_global(outside) ? PMWHY_OK : PMWHY_DOUBLE;
}
