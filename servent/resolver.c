/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/resolver.h"

#include <stdlib.h>

#include "core/sys/log.h"

/* Visitors who turn out to be banned are here already. */
static void end_banned(struct app *a, const struct host *who)
{
	struct servent_view *v = NULL;
	size_t n = 0;

	if (!(node_filter(&a->node, who) & FILTER_BAN) || servmgr_views(a->node.sm, NULL, &v, &n) != ST_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		struct servent *sv = NULL;

		if (!v[i].outgoing && host_same_ip(&v[i].peer, who))
			sv = servmgr_find(a->node.sm, v[i].id);
		if (sv != NULL) {
			log_peer(LOG_INFO, who, "servent %u: banned by its name", v[i].id);
			mbox_stop(&sv->mbox);
		}
		servent_unref(&sv);
	}
	free(v);
}

static void ask(struct app *a, const struct names_job *j)
{
	struct host pair[2] = { { .port = 0 }, { .port = 0 } };
	const nsec deadline = clk_deadline(RESOLVER_TIME);
	const bool forward = j->name[0] != '\0';
	char name[HOST_NAME] = "", hs[HOST_STRLEN];
	enum status st;

	if (forward)
		st = host_resolve_pair(pair, j->name, 0, deadline);
	else
		st = host_reverse(name, &j->who, deadline);
	if (st == ST_STOPPED)
		return;
	if (forward && st != ST_OK)
		log_warn("filter %s: %s", j->name, status_str(st));
	if (!names_done(a->node.names, j, st, pair, name, clk_now()))
		return;
	if (!forward) {
		log_debug("%s is %s", host_ip_str(&j->who, hs), name);
		end_banned(a, &j->who);
		return;
	}
	for (int i = 0; i < 2; i++)
		if (host_is_set(&pair[i]))
			log_info("filter %s: is %s", j->name, host_ip_str(&pair[i], hs));
	if (node_apply_filters(&a->node) != ST_OK)
		log_error("filters: no memory; the old ones stay");
}

static void work(struct app *a, void *arg)
{
	struct names_job j;

	(void)arg;
	while (!servmgr_is_stopping(a->node.sm) && names_take(a->node.names, clk_now(), &j))
		ask(a, &j);
	(void)atomic_fetch_sub_explicit(&a->resolvers, 1, memory_order_relaxed);
	app_wake_house(a);      /* what came up meanwhile */
}

nsec resolver_round(struct app *a, nsec now)
{
	const nsec due = names_due(a->node.names);

	if (now < due)
		return due;
	/* The housekeeper alone adds; who leaves wakes him. */
	if (atomic_load_explicit(&a->resolvers, memory_order_relaxed) >= RESOLVER_THREADS)
		return NSEC_NEVER;
	(void)atomic_fetch_add_explicit(&a->resolvers, 1, memory_order_relaxed);
	if (app_task(a, "names", work, NULL) == ST_OK)
		return now + NSEC_PER_SEC;      /* is there work for another one? */
	(void)atomic_fetch_sub_explicit(&a->resolvers, 1, memory_order_relaxed);
	return now + NSEC_PER_SEC;
}
