/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the node knows of itself: session, addresses, firewall state (servmgr.h, its last part). */
#include "core/node/table.h"

#include <string.h>

#include "core/sys/assert.h"

bool is_local_locked(const struct servmgr *sm, const struct host *h)
{
	if (host_is_loopback(h))
		return true;
	for (uint32_t i = 0; i < sm->n_addr; i++)
		if (sm->addr[i].interface && host_same_ip(&sm->addr[i].h, h))
			return true;
	return false;
}

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

void servmgr_set_port(struct servmgr *sm, uint16_t port)
{
	sm_lock(sm);
	sm->own.port = port;
	addresses_locked(sm);
	sm_unlock(sm);
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

/* Choose the addresses anew: the highest rank, the newest among equals. */
void addresses_locked(struct servmgr *sm)
{
	for (int v6 = 0; v6 < 2; v6++) {
		const struct own_addr *best = NULL, *local = NULL;

		for (uint32_t i = 0; i < sm->n_addr; i++) {
			const struct own_addr *a = &sm->addr[i];
			const int rank = rank_of(&a->h);

			if (rank < 0 || host_is_v4(&a->h) == (v6 == 1))
				continue;
			if (best == NULL || rank > rank_of(&best->h) ||
			    (rank == rank_of(&best->h) && a->order > best->order))
				best = a;
			if (rank < 2 && (local == NULL || rank > rank_of(&local->h) ||
			    (rank == rank_of(&local->h) && a->order > local->order)))
				local = a;
		}
		/* The loopback address is always among them. */
		ASSERT(best != NULL && local != NULL);
		sm->own.global[v6] = host_is_set(&sm->forced[v6]) ? sm->forced[v6] : best->h;
		sm->own.local[v6] = local->h;
		sm->own.global[v6].port = sm->own.local[v6].port = sm->own.port;
	}
}

/* Put h in front; the oldest that is no interface's makes room. */
static void remember_locked(struct servmgr *sm, const struct host *h, bool interface)
	REQUIRES(lk_servmgr)
{
	struct own_addr *a = NULL;

	for (uint32_t i = 0; i < sm->n_addr && a == NULL; i++)
		if (host_same_ip(&sm->addr[i].h, h))
			a = &sm->addr[i];
	if (a == NULL && sm->n_addr < ADDRS) {
		a = &sm->addr[sm->n_addr++];
		*a = (struct own_addr){ .h = *h };
	} else if (a == NULL) {
		for (uint32_t i = 0; i < sm->n_addr; i++)
			if (!sm->addr[i].interface && (a == NULL || sm->addr[i].order < a->order))
				a = &sm->addr[i];
		if (a == NULL)
			return;
		*a = (struct own_addr){ .h = *h };
	}
	a->h.port = 0;
	a->interface = a->interface || interface;
	a->order = ++sm->addr_order;
}

bool servmgr_learn_address(struct servmgr *sm, const struct host *h, enum learnt how)
{
	const bool v6 = !host_is_v4(h);
	struct host global[2], local[2];
	bool changed = false;

	sm_lock(sm);
	memcpy(global, sm->own.global, sizeof(global));
	memcpy(local, sm->own.local, sizeof(local));
	if (how == LEARNT_FORCED && !host_is_set(h))
		memset(sm->forced, 0, sizeof(sm->forced));
	else if (how == LEARNT_FORCED)
		sm->forced[v6] = *h;
	else if (host_is_set(h))
		remember_locked(sm, h, how == LEARNT_INTERFACE);
	addresses_locked(sm);
	for (int i = 0; i < 2; i++)
		changed = changed || !host_equal(&global[i], &sm->own.global[i]) ||
			!host_equal(&local[i], &sm->own.local[i]);
	sm_unlock(sm);
	return changed;
}

void servmgr_set_firewall(struct servmgr *sm, bool v6, enum firewall f)
{
	sm_lock(sm);
	sm->own.fw[v6] = f;
	sm_unlock(sm);
}

bool servmgr_settle_firewall(struct servmgr *sm, bool v6, enum firewall f)
{
	bool set;

	sm_lock(sm);
	set = sm->own.fw[v6] == FW_UNKNOWN && f != FW_UNKNOWN;
	if (set)
		sm->own.fw[v6] = f;
	sm_unlock(sm);
	return set;
}

void servmgr_set_disabled(struct servmgr *sm, bool yes)
{
	sm_lock(sm);
	sm->own.disabled = yes;
	sm_unlock(sm);
}

bool servmgr_is_self(struct servmgr *sm, const struct host *h)
{
	bool self = false;

	sm_lock(sm);
	if (h->port != 0 && h->port == sm->own.port) {
		for (uint32_t i = 0; i < sm->n_addr && !self; i++)
			self = host_same_ip(&sm->addr[i].h, h);
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
