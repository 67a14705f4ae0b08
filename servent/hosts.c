/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/hosts.h"

#include "pcp/hostatom.h"
#include "servent/giv.h"

#define WAIT (2 * NSEC_PER_SEC)         /* before a host is named again */

/* Hosts for the asker; trackers one at most, named as often as they are asked for. */
static size_t choose(struct app *a, const struct asker *k, bool trackers, struct hit *out, size_t max)
{
	struct pick p = {
		.chan = &k->chan, .exclude = k->sid, .exclude_host = k->sv->peer, .asker = k->sv->peer,
		.match = k->sv->peer, .wait = trackers ? 0 : WAIT, .trackers = trackers,
		.v6 = !host_is_v4(&k->sv->peer),
	};
	struct own own;

	p.exclude_host.port = k->port;
	if (!host_is_global(&k->sv->peer)) {
		servmgr_own(a->node.sm, &own);
		p.match = own.global[p.v6];
	}
	return chanmgr_offer(a->node.cm, &p, out, trackers ? MIN(max, (size_t)1) : max);
}

static void emit(struct atomwr *w, const struct hit *hit, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hostatom_emit(w, &hit[i], true);
}

NOINLINE void hosts_of_refusal(struct app *a, const struct servent *sv, const struct gnuid *chan,
	const struct helo *helo, struct atomwr *w)
{
	const struct asker k = { .sv = sv, .chan = *chan, .sid = helo->sid, .port = helo->port };
	struct hit hit[OFFER_MAX];
	size_t n = choose(a, &k, false, hit, OFFER_MAX), more = 0;

	/* nobody it could reach: one that can reach it */
	if (n < OFFER_MAX && (n > 0 || !giv_ask(a, sv, helo, chan, false))) {
		more = choose(a, &k, true, hit + n, OFFER_MAX - n);
		if (more == 0)
			(void)giv_ask(a, sv, helo, chan, true);
	}
	emit(w, hit, n + more);
}

NOINLINE void hosts_for_leaver(struct app *a, const struct asker *k, struct atomwr *w)
{
	struct hit hit[OFFER_MAX];
	size_t n = choose(a, k, false, hit, OFFER_MAX);

	if (n < OFFER_MAX)
		n += choose(a, k, true, hit + n, OFFER_MAX - n);
	emit(w, hit, n);
}

NOINLINE void hosts_of_heir(struct app *a, struct chan *c, const struct asker *k, struct atomwr *w)
{
	const struct pick p = { .asker = k->sv->peer, .exclude = k->sid, .v6 = !host_is_v4(&k->sv->peer) };
	struct chan_view v;
	struct hit hit[2];
	struct host to;
	size_t n = 0;

	chan_view(c, &v);
	if (host_is_set(&v.upstream) &&
	    chanmgr_recall(a->node.cm, &k->chan, &v.upstream_sid, &v.upstream, &hit[0])) {
		hit[0].near = true;     /* we were there */
		if (!gnuid_equal(&hit[0].sid, &k->sid) && pick_address(&hit[0], &p, &to))
			n = 1;
	}
	chan_view_fini(&v);
	if (v.type == CHAN_RELAY)
		n += choose(a, k, true, hit + n, 1);
	if (n == 2 && host_equal(&hit[0].rhost[0], &hit[1].rhost[0]))
		n = 1;
	emit(w, hit, n);
}
