/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The housekeeper: whatever comes round by the clock. It sleeps until the next thing is due, or somebody
 * asks; nothing here may wait long, as the promises of a root depend on it.
 *
 * source   node.md 4.2, 2.9, 6.3, 7.4; pcp.md 11.3, 15; yp.md 2.2, 1.4.7
 */
#include "servent/conn.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "pcp/bcst.h"
#include "pcp/pcp.h"
#include "servent/chanlogd.h"

#define SWEEP_TIME    (1 * NSEC_PER_SEC)        /* of the hit lists, while there are any, or may be */
#define SAMPLE_BUSY   (2 * NSEC_PER_SEC)        /* of the rates, while there are connections */
#define SAMPLE_IDLE   (5 * NSEC_PER_SEC)
#define COUT_TIME     (30 * NSEC_PER_SEC)       /* is there a COUT while we broadcast? */
#define FORCE_IP_TIME (60 * NSEC_PER_SEC)       /* between two look-ups */
#define FORCE_IP_WAIT (1 * NSEC_PER_SEC)        /* for one */
#define ENDED         64                        /* lists that end in one sweep */
#define IDLE_CHANS    8                         /* relays nobody listens to that are kept */

struct house {
	struct app *a;
	const struct settings *set;     /* of this round */
	nsec sweep_at, sample_at, cout_at, force_ip_at;

	uint32_t root_interval;         /* seconds, as last told; 0 = not a root yet */
	nsec root_sent;
	bool on_air;                    /* something was broadcast when we last looked */
	char force_ip[SETTINGS_TEXT];   /* as last looked up */
	bool force_ip_failed;           /* told once */
};

/* --- hits ------------------------------------------------------------------------------------- */

/* Silent hosts go, and channels without one. Returns when to look again. */
static nsec sweep(struct house *h, nsec now)
{
	struct gnuid ended[ENDED];
	size_t n;

	if (now < h->sweep_at)
		return h->sweep_at;
	do {
		n = NELEM(ended);
		chanmgr_sweep(h->a->node.cm, (nsec)h->set->hit_timeout * NSEC_PER_SEC, ended, &n);
		for (size_t i = 0; i < n; i++)
			chanlogd_end(h->a->chanlog, &ended[i], CHANLOG_TIMEOUT);
	} while (n == NELEM(ended));
	/* a root's first channel may end, and be told, within the second too */
	h->sweep_at = now + (h->set->is_root || chanmgr_list_count(h->a->node.cm) > 0 ? SWEEP_TIME
	                                                                              : SAMPLE_IDLE);
	return h->sweep_at;
}

/* The node stops: every channel it told of in the log ends there. */
static void end_all(struct house *h)
{
	struct hitlist_view *list;
	size_t n;

	if (!h->set->chan_log_events || chanmgr_lists(h->a->node.cm, false, &list, &n) != ST_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		if (list[i].info != NULL)
			chanlogd_end(h->a->chanlog, &list[i].id, CHANLOG_SHUTDOWN);
		hitlist_view_fini(&list[i]);
	}
	free(list);
}

/* --- root ------------------------------------------------------------------------------------- */

/* Tell all trackers our settings (pcp.md 15.3). */
static void tell_trackers(struct house *h, bool upd)
{
	const struct servent_query q = { .types = 1u << SV_CIN };
	struct blob *msg = NULL;
	struct root r;
	struct buf b;

	root_init(&r, h->set->host_update_interval, h->set->root_msg, upd);
	buf_init(&b, PCP_ATOM_SEND_MAX);
	if (bcst_root_emit(&b, servmgr_sid(h->a->node.sm), &r) == ST_OK)
		msg = blob_new(b.p, b.len);
	buf_fini(&b);
	if (msg == NULL) {
		log_error("root: no memory for the settings broadcast");
		return;
	}
	log_debug("root: settings sent to %zu connections", servmgr_post(h->a->node.sm, &q, msg));
	blob_unref(&msg);
}

/* Every hostUpdateInterval, when asked, and when the interval changes: a tracker leaves a root that does
 * not keep the moment it promised. */
static nsec root_round(struct house *h, nsec now)
{
	const int ask = atomic_exchange_explicit(&h->a->root_ask, 0, memory_order_relaxed);
	const uint32_t every = h->set->host_update_interval;

	if (!h->set->is_root) {
		h->root_interval = 0;
		return NSEC_NEVER;
	}
	if (ask != 0 || every != h->root_interval ||
	    now - h->root_sent >= (nsec)every * NSEC_PER_SEC) {
		tell_trackers(h, ask != 1);
		h->root_interval = every;
		h->root_sent = now;
	}
	return h->root_sent + (nsec)every * NSEC_PER_SEC;
}

/* --- what is broadcast ------------------------------------------------------------------------ */

/* COUT must be there while we broadcast; control connections into us go when nothing is any more. */
static nsec air_round(struct house *h, nsec now)
{
	const bool on_air = chanmgr_is_broadcasting(h->a->node.cm);

	if (h->on_air && !on_air && !h->set->is_root) {
		const struct servent_query q = { .types = 1u << SV_CIN };

		servmgr_wake(h->a->node.sm, &q);
	}
	h->on_air = on_air;
	if (!on_air)
		return NSEC_NEVER;
	if (now >= h->cout_at) {
		h->cout_at = now + COUT_TIME;
		app_wake_cout(h->a);
	}
	return h->cout_at;
}

/* --- the rest --------------------------------------------------------------------------------- */

/* Of many relays without listeners the oldest ones go (node.md 7.4). */
static void limit_idle(struct house *h)
{
	struct chan **all;
	size_t n, idle = 0;

	if (chanmgr_count(h->a->node.cm) <= IDLE_CHANS ||
	    chanmgr_all(h->a->node.cm, &all, &n) != ST_OK)
		return;
	for (size_t i = n; i > 0; i--) {
		if (chan_get_status(all[i - 1]) == CHAN_IDLE && ++idle > IDLE_CHANS)
			chan_close(all[i - 1]);
	}
	for (size_t i = 0; i < n; i++)
		chan_unref(&all[i]);
	free(all);
}

static nsec sample(struct house *h, nsec now)
{
	struct totals t;

	if (now < h->sample_at)
		return h->sample_at;
	servmgr_sample(h->a->node.sm);
	servmgr_totals(h->a->node.sm, &t);
	h->sample_at = now + (t.servents > 0 ? SAMPLE_BUSY : SAMPLE_IDLE);
	limit_idle(h);
	return h->sample_at;
}

static nsec save(struct house *h, nsec now)
{
	nsec since = conf_dirty_since(h->a->node.conf);

	if (since == NSEC_NEVER)
		return NSEC_NEVER;
	if (now >= since + CONF_SAVE_AFTER) {
		(void)!conf_save(h->a->node.conf);      /* says itself what went wrong */
		since = conf_dirty_since(h->a->node.conf);
	}
	return since == NSEC_NEVER ? NSEC_NEVER : since + CONF_SAVE_AFTER;
}

/* forceIP may be a name whose address moves. A failed look-up leaves what we have. */
static nsec force_ip(struct house *h, nsec now)
{
	const char *text = h->set->force_ip;
	const bool same = strcmp(text, h->force_ip) == 0;
	struct host to = { .port = 0 };
	enum status st = ST_OK;

	if (same && text[0] == '\0')
		return NSEC_NEVER;
	if (same && now < h->force_ip_at)
		return h->force_ip_at;
	(void)text_copy(h->force_ip, sizeof(h->force_ip), text);
	h->force_ip_at = now + FORCE_IP_TIME;
	if (!same)
		h->force_ip_failed = false;
	if (text[0] != '\0')
		st = host_resolve(&to, text, 0, clk_deadline(FORCE_IP_WAIT));
	if (st != ST_OK) {
		if (!h->force_ip_failed)
			log_warn("forceIP %s: %s", text, status_str(st));
		h->force_ip_failed = true;
	} else {
		h->force_ip_failed = false;
		to.port = 0;
		if (servmgr_learn_address(h->a->node.sm, &to, LEARNT_FORCED))
			app_wake_cout(h->a);
	}
	return h->force_ip_at;
}

/* Do what is due. Returns when the next thing is. */
static nsec tick(struct house *h)
{
	const nsec now = clk_now();
	nsec next = NSEC_NEVER;

	next = MIN(next, root_round(h, now));
	next = MIN(next, sweep(h, now));
	next = MIN(next, sample(h, now));
	next = MIN(next, air_round(h, now));
	next = MIN(next, save(h, now));
	next = MIN(next, force_ip(h, now));
	return next;
}

void house_run(void *arg)
{
	struct house h = { .a = arg, .root_sent = clk_now() };
	enum status st = ST_OK;

	/* Whoever connects is told at once; the first round to all is due after one interval. */
	h.set = conf_get(h.a->node.conf);
	h.root_interval = h.set->host_update_interval;
	settings_unref(&h.set);
	while (st != ST_STOPPED) {
		nsec next;

		h.set = conf_get(h.a->node.conf);
		next = tick(&h);
		settings_unref(&h.set);
		st = mbox_wait(&h.a->house_mb, next);
	}
	h.set = conf_get(h.a->node.conf);
	end_all(&h);
	settings_unref(&h.set);
}
