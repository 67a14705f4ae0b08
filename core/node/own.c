/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/own.h"

#include <string.h>

#include "core/node/table.h"
#include "core/sys/assert.h"
#include "core/sys/text.h"

#define INTERFACES 48           /* their addresses remembered; the rest of ADDRS is for what peers tell */

void servmgr_own(struct servmgr *sm, struct own *o)
{
	sm_lock(sm);
	*o = sm->own;
	sm_unlock(sm);
}

const struct gnuid *servmgr_sid(const struct servmgr *sm)
{
	return &sm->sid;
}

void servmgr_set_bcid(struct servmgr *sm, const struct gnuid *bcid)
{
	sm_lock(sm);
	sm->own.bcid = *bcid;
	sm_unlock(sm);
}

void servmgr_set_disabled(struct servmgr *sm, bool yes)
{
	sm_lock(sm);
	sm->own.disabled = yes;
	sm_unlock(sm);
}

/* --- the port --------------------------------------------------------------------------------- */

const char *firewall_str(enum firewall f)
{
	static const char *const names[] = {
		[FW_UNKNOWN] = "unknown", [FW_OPEN] = "open", [FW_CLOSED] = "closed",
	};

	return names[f];
}

const char *fwwhy_str(enum firewall f, enum fwwhy why)
{
	static const char *const names[FWWHYS] = {
		[FWWHY_START] = "not tested yet",
		[FWWHY_PORT] = "the port changed, not tested yet",
		[FWWHY_ADDRESS] = "our address changed, not tested yet",
		[FWWHY_ASKED] = "a test was asked for",
		[FWWHY_FREED] = "no longer set by hand, not tested yet",
		[FWWHY_MAPPING] = "the router's port mapping changed, not tested yet",
		[FWWHY_NO_YP] = "there is no yellow page to ask",
		[FWWHY_NO_FAMILY] = "the yellow page has no address of this kind",
		[FWWHY_NO_ANSWER] = "the yellow page does not answer",
		[FWWHY_YP] = "the yellow page could reach us",
		[FWWHY_TRACKER] = "a tracker could reach us",
		[FWWHY_NOT_GLOBAL] = "we are seen at an address nobody else can reach",
		[FWWHY_FORCE_NORMAL] = "forceNormal",
		[FWWHY_FORCE_FIREWALLED] = "forceFirewalled",
		[FWWHY_NOT_SERVING] = "autoServe is off",
	};

	if (f == FW_CLOSED && why == FWWHY_YP)
		return "the yellow page could not reach us";
	if (f == FW_CLOSED && why == FWWHY_TRACKER)
		return "a tracker could not reach us";
	return names[why];
}

const char *fwwhy_code(enum fwwhy why)
{
	static const char *const codes[FWWHYS] = {
		[FWWHY_START] = "start", [FWWHY_PORT] = "port", [FWWHY_ADDRESS] = "address",
		[FWWHY_ASKED] = "asked", [FWWHY_FREED] = "freed", [FWWHY_MAPPING] = "mapping",
		[FWWHY_NO_YP] = "no-yp",
		[FWWHY_NO_FAMILY] = "no-family", [FWWHY_NO_ANSWER] = "no-answer", [FWWHY_YP] = "yp",
		[FWWHY_TRACKER] = "tracker", [FWWHY_NOT_GLOBAL] = "not-global",
		[FWWHY_FORCE_NORMAL] = "force-normal", [FWWHY_FORCE_FIREWALLED] = "force-firewalled",
		[FWWHY_NOT_SERVING] = "not-serving",
	};

	return codes[why];
}

enum fwwhy firewall_forced(const struct settings *st)
{
	if (!st->auto_serve)
		return FWWHY_NOT_SERVING;
	if (st->force_firewalled)
		return FWWHY_FORCE_FIREWALLED;
	return st->force_normal ? FWWHY_FORCE_NORMAL : FWWHY_START;
}

static bool set_firewall_locked(struct servmgr *sm, bool v6, enum firewall f, enum fwwhy why)
	REQUIRES(lk_servmgr)
{
	const bool changed = sm->own.fw[v6] != f;

	sm->own.fw[v6] = f;
	sm->own.fw_why[v6] = why;
	sm->own.fw_since[v6] = clk_now();
	return changed;
}

/* What a test told no longer holds. A state nobody has asked for keeps its reason. */
static void forget_firewall_locked(struct servmgr *sm, bool v6, enum fwwhy why) REQUIRES(lk_servmgr)
{
	const bool fresh = sm->own.fw[v6] == FW_UNKNOWN && sm->own.fw_why[v6] == FWWHY_START;

	if (!sm->own.fw_forced && !fresh)
		(void)set_firewall_locked(sm, v6, FW_UNKNOWN, why);
}

bool servmgr_set_firewall(struct servmgr *sm, bool v6, enum firewall f, enum fwwhy why)
{
	bool changed;

	sm_lock(sm);
	changed = !sm->own.fw_forced && set_firewall_locked(sm, v6, f, why);
	sm_unlock(sm);
	return changed;
}

bool servmgr_settle_firewall(struct servmgr *sm, bool v6, enum firewall f, enum fwwhy why)
{
	bool changed;

	sm_lock(sm);
	changed = !sm->own.fw_forced && sm->own.fw[v6] == FW_UNKNOWN &&
		set_firewall_locked(sm, v6, f, why);
	sm_unlock(sm);
	return changed;
}

bool servmgr_force_firewall(struct servmgr *sm, enum fwwhy why)
{
	const enum firewall to = why == FWWHY_START ? FW_UNKNOWN :
		why == FWWHY_FORCE_NORMAL ? FW_OPEN : FW_CLOSED;
	bool changed = false;

	sm_lock(sm);
	if (why != FWWHY_START || sm->own.fw_forced) {
		sm->own.fw_forced = why != FWWHY_START;
		for (int v6 = 0; v6 < 2; v6++) {
			if (!sm->own.fw_forced || sm->own.fw_why[v6] != why)
				changed = set_firewall_locked(sm, v6 != 0, to,
					sm->own.fw_forced ? why : FWWHY_FREED) || changed;
		}
	}
	sm_unlock(sm);
	return changed;
}

bool servmgr_set_port(struct servmgr *sm, uint16_t port)
{
	bool changed;

	sm_lock(sm);
	changed = sm->own.port != port;
	if (changed) {
		sm->own.port = port;
		forget_firewall_locked(sm, false, FWWHY_PORT);
		forget_firewall_locked(sm, true, FWWHY_PORT);
		(void)addresses_locked(sm);
	}
	sm_unlock(sm);
	return changed;
}

/* --- addresses -------------------------------------------------------------------------------- */

bool is_local_locked(const struct servmgr *sm, const struct host *h)
{
	if (host_is_loopback(h))
		return true;
	for (uint32_t i = 0; i < sm->n_addr; i++)
		if (sm->addr[i].interface && host_same_ip(&sm->addr[i].h, h))
			return true;
	return false;
}

/* pcp.md 17.3; -1 = never told to anybody. */
static int rank_of(const struct host *h)
{
	if (host_is_linklocal(h) || host_is_multicast(h))
		return -1;
	if (host_is_loopback(h))
		return 0;
	return host_is_global(h) ? 2 : 1;
}

static bool is_better(const struct own_addr *a, const struct own_addr *best)
{
	const int rank = rank_of(&a->h);

	return best == NULL || rank > rank_of(&best->h) ||
		(rank == rank_of(&best->h) && a->order > best->order);
}

bool addresses_locked(struct servmgr *sm)
{
	struct own *own = &sm->own;
	bool changed = false;

	for (int v6 = 0; v6 < 2; v6++) {
		const struct host global = own->global[v6], local = own->local[v6];
		const struct own_addr *best = NULL, *near = NULL;

		for (uint32_t i = 0; i < sm->n_addr; i++) {
			const struct own_addr *a = &sm->addr[i];
			const int rank = rank_of(&a->h);

			if (rank < 0 || host_is_v4(&a->h) == (v6 == 1))
				continue;
			best = is_better(a, best) ? a : best;
			if (rank < 2)
				near = is_better(a, near) ? a : near;
		}
		/* The loopback address is always among them. */
		ASSERT(best != NULL && near != NULL);
		own->global[v6] = host_is_set(&sm->forced[v6]) ? sm->forced[v6] : best->h;
		own->local[v6] = near->h;
		own->global[v6].port = own->local[v6].port = own->port;
		if (!host_same_ip(&own->global[v6], &global))
			forget_firewall_locked(sm, v6 != 0, FWWHY_ADDRESS);
		changed = changed || !host_equal(&own->global[v6], &global) ||
			!host_equal(&own->local[v6], &local);
	}
	return changed;
}

static struct own_addr *find_locked(struct servmgr *sm, const struct host *h) REQUIRES(lk_servmgr)
{
	for (uint32_t i = 0; i < sm->n_addr; i++)
		if (host_same_ip(&sm->addr[i].h, h))
			return &sm->addr[i];
	return NULL;
}

/* A place for an address that is not there; the oldest that is no interface's makes room. NULL = none. */
static struct own_addr *add_locked(struct servmgr *sm, const struct host *h) REQUIRES(lk_servmgr)
{
	struct own_addr *a = NULL;

	if (sm->n_addr < ADDRS) {
		a = &sm->addr[sm->n_addr++];
	} else {
		for (uint32_t i = 0; i < sm->n_addr; i++)
			if (!sm->addr[i].interface && (a == NULL || sm->addr[i].order < a->order))
				a = &sm->addr[i];
	}
	if (a != NULL) {
		*a = (struct own_addr){ .h = *h };
		a->h.port = 0;
	}
	return a;
}

bool servmgr_learn_address(struct servmgr *sm, const struct host *h)
{
	struct own_addr *a;
	bool changed;

	if (!host_is_set(h))
		return false;
	sm_lock(sm);
	a = find_locked(sm, h);
	if (a == NULL)
		a = add_locked(sm, h);
	if (a != NULL)
		a->order = ++sm->addr_order;
	changed = addresses_locked(sm);
	sm_unlock(sm);
	return changed;
}

/* One address of an interface. Where the way to far away is known, others than its own count as old. */
static void see_locked(struct servmgr *sm, const struct host *h, const struct host *route)
	REQUIRES(lk_servmgr)
{
	const bool lead = host_is_set(route) && host_same_ip(h, route);
	struct own_addr *a = find_locked(sm, h);
	bool rise = lead;

	if (a == NULL) {
		a = add_locked(sm, h);
		if (a == NULL)
			return;
		rise = !host_is_set(route) || lead;
	} else if (a->route) {
		rise = false;           /* nothing new */
	}
	if (rise)
		a->order = ++sm->addr_order;
	a->interface = a->seen = true;
	a->route = lead;
}

bool servmgr_set_interfaces(struct servmgr *sm, const struct host *h, size_t n,
	const struct host route[2])
{
	struct host local[2];
	uint32_t kept = 0;
	bool changed;

	sm_lock(sm);
	memcpy(local, sm->own.local, sizeof(local));
	for (uint32_t i = 0; i < sm->n_addr; i++)
		sm->addr[i].seen = !sm->addr[i].interface || host_is_loopback(&sm->addr[i].h);
	for (size_t i = 0; i < MIN(n, (size_t)INTERFACES); i++)
		if (host_is_set(&h[i]) && !host_is_loopback(&h[i]))
			see_locked(sm, &h[i], &route[!host_is_v4(&h[i])]);
	for (uint32_t i = 0; i < sm->n_addr; i++)
		if (sm->addr[i].seen)
			sm->addr[kept++] = sm->addr[i];
	sm->n_addr = kept;
	changed = addresses_locked(sm);
	/* Another network: behind another router, too. */
	for (int v6 = 0; v6 < 2; v6++)
		if (!host_same_ip(&local[v6], &sm->own.local[v6]))
			forget_firewall_locked(sm, v6 != 0, FWWHY_ADDRESS);
	sm_unlock(sm);
	return changed;
}

bool servmgr_force_address(struct servmgr *sm, const struct host pair[2])
{
	bool changed;

	sm_lock(sm);
	for (int v6 = 0; v6 < 2; v6++) {
		sm->forced[v6] = pair[v6];
		sm->own.ip_forced[v6] = host_is_set(&pair[v6]);
	}
	changed = addresses_locked(sm);
	sm_unlock(sm);
	return changed;
}

bool servmgr_is_self(struct servmgr *sm, const struct host *h)
{
	bool self = false;

	sm_lock(sm);
	if (h->port != 0 && h->port == sm->own.port) {
		self = find_locked(sm, h) != NULL;
		for (int i = 0; i < 2 && !self; i++)
			self = host_is_set(&sm->forced[i]) && host_same_ip(&sm->forced[i], h);
	}
	sm_unlock(sm);
	return self;
}

bool servmgr_is_local(struct servmgr *sm, const struct host *h)
{
	bool local;

	sm_lock(sm);
	local = is_local_locked(sm, h);
	sm_unlock(sm);
	return local;
}

bool servmgr_is_near(struct servmgr *sm, const struct host *h)
{
	return !host_is_global(h) || servmgr_is_local(sm, h);
}

/* --- turns to the YP -------------------------------------------------------------------------- */

static struct ypturns *find_yp_locked(struct servmgr *sm, const char *root_host) REQUIRES(lk_servmgr)
{
	for (size_t i = 0; i < NELEM(sm->yp); i++)
		if (strcmp(sm->yp[i].host, root_host) == 0)
			return &sm->yp[i];
	return NULL;
}

/* The record of that YP; a new one, without a past, takes the place of the one that matters least. */
static struct ypturns *turns_locked(struct servmgr *sm, const char *root_host) REQUIRES(lk_servmgr)
{
	struct ypturns *yp = find_yp_locked(sm, root_host);

	if (yp != NULL)
		return yp;
	yp = &sm->yp[0];
	for (size_t i = 1; i < NELEM(sm->yp); i++)
		if (MAX(sm->yp[i].next, sm->yp[i].rest) < MAX(yp->next, yp->rest))
			yp = &sm->yp[i];
	*yp = (struct ypturns){ .next = 0 };
	(void)text_copy(yp->host, sizeof(yp->host), root_host);
	return yp;
}

bool servmgr_take_turn(struct servmgr *sm, const char *root_host, nsec *at)
{
	const nsec now = clk_now();
	struct ypturns *yp;
	bool mine;

	sm_lock(sm);
	yp = turns_locked(sm, root_host);
	*at = MAX(yp->next, yp->rest);
	mine = now >= *at;
	if (mine)
		yp->next = now + YP_SPACING;
	sm_unlock(sm);
	return mine;
}

void servmgr_rest_yp(struct servmgr *sm, const char *root_host, nsec until)
{
	sm_lock(sm);
	turns_locked(sm, root_host)->rest = until;
	sm_unlock(sm);
}

bool servmgr_yp_rests(struct servmgr *sm, const char *root_host)
{
	const struct ypturns *yp;
	bool rests;

	sm_lock(sm);
	yp = find_yp_locked(sm, root_host);
	rests = yp != NULL && clk_now() < yp->rest;
	sm_unlock(sm);
	return rests;
}

void servmgr_note_yp(struct servmgr *sm, const char *root_host)
{
	sm_lock(sm);
	(void)text_copy(sm->at_yp, sizeof(sm->at_yp), root_host);
	sm_unlock(sm);
}

bool servmgr_is_at_yp(struct servmgr *sm, const char *root_host)
{
	bool yes;

	sm_lock(sm);
	yes = ascii_casecmp(sm->at_yp, root_host) == 0;
	sm_unlock(sm);
	return yes;
}
