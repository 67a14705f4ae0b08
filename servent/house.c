/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The housekeeper: whatever comes round by the clock. It sleeps until the next thing is due, or somebody
 * asks; nothing here may wait long, as the promises of a root depend on it.
 *
 * source   node.md 4.2, 2.9, 6, 7.4, 12 F35; pcp.md 11.3, 15; yp.md 2.2, 1.4.7
 */
#include "servent/conn.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/conf/roots.h"
#include "core/sys/heap.h"
#include "core/sys/log.h"
#include "http/pastcast.h"
#include "pcp/bcst.h"
#include "pcp/pcp.h"
#include "servent/addr.h"
#include "servent/chanlogd.h"
#include "servent/firewall.h"
#include "servent/health.h"
#include "servent/livesync.h"
#include "servent/record.h"
#include "servent/resolver.h"

#define SWEEP_TIME    (1 * NSEC_PER_SEC)        /* of the hit lists, while there are any, or may be */
#define SAMPLE_BUSY   (2 * NSEC_PER_SEC)        /* of the rates, while there are connections */
#define SAMPLE_IDLE   (5 * NSEC_PER_SEC)
#define COUT_TIME     (30 * NSEC_PER_SEC)       /* is there a COUT while we broadcast? */
#define FORCE_IP_TIME (60 * NSEC_PER_SEC)       /* between two look-ups of its name */
#define ADDR_TIME     (60 * NSEC_PER_SEC)       /* between two looks at the interfaces, without news */
#define ADDR_PACE     (1 * NSEC_PER_SEC)        /* and with them */
#define TRIM_TIME     (60 * NSEC_PER_SEC)       /* between two looks at what malloc keeps */
#define SLEPT         (60 * NSEC_PER_SEC)       /* a machine that has slept that long may be elsewhere */
#define COUT_LEAD     (2 * NSEC_PER_SEC)        /* its handshake tells of our port, too */
#define ENDED         64                        /* lists that end in one sweep */
#define IDLE_CHANS    8                         /* relays nobody listens to that are kept */

struct house {
	struct app *a;
	const struct settings *set;     /* of this round */
	nsec sampled;
	nsec sweep_at, sample_at, cout_at, addr_at, force_at, trim_at;

	uint32_t root_interval;         /* seconds, as last told; 0 = not a root yet */
	nsec root_sent;
	bool on_air;                    /* something was broadcast when we last looked */

	struct sock news;               /* of the interfaces; fd -1 = none */
	nsec addr_read;
	char force_ip[SETTINGS_TEXT];   /* as last looked up */
	nsec slept;
	char root_host[SETTINGS_TEXT];  /* as last seen */
	nsec fw_tried[2];               /* checks of our port, by family */
	uint32_t fw_fails[2];
	unsigned fw_again;              /* bit 0 IPv4, bit 1 IPv6: whatever is known */
	nsec fw_hold;                   /* not before */
};

/* --- hits ------------------------------------------------------------------------------------- */

/* Silent hosts go, and channels without one. Returns when to look again. */
static nsec sweep(struct house *h, nsec now)
{
	struct chan_ended ended[ENDED];
	size_t n;

	if (now < h->sweep_at)
		return h->sweep_at;
	do {
		n = NELEM(ended);
		chanmgr_sweep(h->a->node.cm, (nsec)h->set->hit_timeout * NSEC_PER_SEC, ended, &n);
		for (size_t i = 0; i < n; i++) {
			if (ended[i].ours || h->set->chan_log_synced)
				chanlogd_end(h->a->chanlog, &ended[i].id, CHANLOG_TIMEOUT);
			if (ended[i].ours)
				livesync_news(h->a->livesync, &ended[i].id, SYNC_TIMEOUT);
		}
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
		if (list[i].info != NULL && (list[i].ours || h->set->chan_log_synced))
			chanlogd_end(h->a->chanlog, &list[i].id, CHANLOG_SHUTDOWN);
		hitlist_view_fini(&list[i]);
	}
	free(list);
}

/* --- root ------------------------------------------------------------------------------------- */

void house_tell_trackers(struct app *a, const struct settings *set, bool upd)
{
	const struct servent_query q = { .types = 1u << SV_CIN };
	struct blob *msg = NULL;
	struct root r;
	struct buf b;

	root_init(&r, set->host_update_interval, set->root_msg, upd);
	buf_init(&b, PCP_ATOM_SEND_MAX);
	if (bcst_root_emit(&b, servmgr_sid(a->node.sm), &r) == ST_OK)
		msg = blob_new(b.p, b.len);
	buf_fini(&b);
	if (msg == NULL) {
		log_error("root: no memory for the settings broadcast");
		return;
	}
	log_debug("root: settings sent to %zu connections", servmgr_post(a->node.sm, &q, msg));
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
		house_tell_trackers(h->a, h->set, ask != 1);
		h->root_interval = every;
		h->root_sent = now;
	}
	return h->root_sent + (nsec)every * NSEC_PER_SEC;
}

/* --- what is broadcast ------------------------------------------------------------------------ */

/* COUT must be there while we broadcast. */
static nsec air_round(struct house *h, nsec now)
{
	const bool on_air = chanmgr_is_broadcasting(h->a->node.cm);

	if (on_air && !h->on_air)
		h->fw_hold = now + COUT_LEAD;
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

/* What came in over the sources of channels, which are in no table. */
static void sample_sources(struct house *h, nsec now)
{
	const nsec span = h->sampled != 0 ? now - h->sampled : 0;
	struct chan **all;
	size_t n;

	h->sampled = now;
	if (chanmgr_count(h->a->node.cm) == 0 || chanmgr_all(h->a->node.cm, &all, &n) != ST_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		struct host from;
		const uint64_t in = chan_sample(all[i], span, &from);

		if (in > 0)
			servmgr_count_in(h->a->node.sm, in, host_is_global(&from));
		chan_unref(&all[i]);
	}
	free(all);
}

static nsec sample(struct house *h, nsec now)
{
	struct totals t;

	if (now < h->sample_at)
		return h->sample_at;
	sample_sources(h, now);
	servmgr_sample(h->a->node.sm);
	servmgr_totals(h->a->node.sm, &t);
	h->sample_at = now + (t.servents > 0 ? SAMPLE_BUSY : SAMPLE_IDLE);
	limit_idle(h);
	if (h->on_air)
		pastcast_round(&h->a->node);
	return h->sample_at;
}

/* Whoever has left needs no memory any more. Nothing wakes us for it. */
static void trim(struct house *h, nsec now)
{
	if (now < h->trim_at)
		return;
	h->trim_at = now + TRIM_TIME;
	if (heap_trim())
		log_debug("house: memory given back to the system");
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

/* --- ourselves -------------------------------------------------------------------------------- */

/* How long this machine has slept in all. */
static nsec slept(void)
{
	struct timespec boot;

	if (clock_gettime(CLOCK_BOOTTIME, &boot) == -1)
		return 0;
	return (nsec)boot.tv_sec * NSEC_PER_SEC + boot.tv_nsec - clk_now();
}

/* The interfaces: when the kernel says so, when asked, and now and then. */
static nsec addr_round(struct house *h, nsec now)
{
	if (now >= h->addr_at) {
		addr_read(h->a);
		h->addr_read = now;
		h->addr_at = now + ADDR_TIME;
	}
	return h->addr_at;
}

/* forceIP may be a name whose address moves. */
static nsec force_round(struct house *h, nsec now)
{
	const char *text = h->set->force_ip;
	const bool same = strcmp(text, h->force_ip) == 0;

	if ((same && text[0] == '\0') || addr_is_forcing(h->a))
		return NSEC_NEVER;
	if (same && now < h->force_at)
		return h->force_at;
	(void)text_copy(h->force_ip, sizeof(h->force_ip), text);
	h->force_at = now + FORCE_IP_TIME;
	addr_force(h->a);
	return h->force_at;
}

/* Is there a YP that may be asked now? */
static bool is_yp_there(const struct house *h)
{
	char name[SETTINGS_TEXT];

	for (size_t i = 0; roots_get(h->set->root_host, i, name); i++)
		if (!servmgr_yp_rests(h->a->node.sm, name))
			return true;
	return false;
}

/* Is this node of use to others, who would want to reach it over that family? */
static bool is_reachable_wanted(const struct house *h, const struct own *own, bool v6)
{
	return own->port != 0 && chanmgr_count(h->a->node.cm) > 0 &&
		(!v6 || host_is_global(&own->global[1])) && is_yp_there(h);
}

/* Ask the YP about our port where nothing else has told. */
static nsec firewall_round(struct house *h, nsec now)
{
	nsec next = NSEC_NEVER;
	unsigned ask = 0;
	struct own own;

	if (strcmp(h->root_host, h->set->root_host) != 0) {
		(void)text_copy(h->root_host, sizeof(h->root_host), h->set->root_host);
		h->fw_again = 3;        /* another may reach us */
	}
	if (firewall_is_checking(h->a))
		return NSEC_NEVER;
	servmgr_own(h->a->node.sm, &own);
	for (int v6 = 0; v6 < 2; v6++) {
		struct fwneed n = {
			.wanted = is_reachable_wanted(h, &own, v6 != 0), .forced = own.fw_forced,
			.disabled = own.disabled,
			.fw = own.fw[v6], .why = own.fw_why[v6], .since = own.fw_since[v6],
			.tried = h->fw_tried[v6], .fails = h->fw_fails[v6],
		};
		nsec due = firewall_due(&n);

		if ((h->fw_again & 1u << v6) && n.wanted && !n.forced)
			due = 0;
		due = due == NSEC_NEVER ? due : MAX(due, h->fw_hold);
		if (now < due) {
			next = MIN(next, due);
			continue;
		}
		ask |= v6 ? FIREWALL_V6 : FIREWALL_V4;
		h->fw_again &= ~(1u << v6);
		h->fw_fails[v6] = n.why == FWWHY_NO_ANSWER ? n.fails + 1 : 0;
		h->fw_tried[v6] = now;
	}
	if (ask != 0)
		firewall_check(h->a, ask);
	return next;
}

/* Somebody asked, or this machine has slept: where it wakes the network may be another one. */
static void look_again(struct house *h, nsec now)
{
	const nsec gap = slept();
	const bool woken = gap - h->slept >= SLEPT;
	const bool asked = atomic_exchange_explicit(&h->a->own_ask, false, memory_order_relaxed);

	h->slept = gap;
	if (!woken && !asked)
		return;
	if (woken)
		log_info("house: this machine has slept; looking at our addresses again");
	h->addr_at = h->force_at = now;
	h->fw_again = 3;
}

/* Do what is due. Returns when the next thing is. */
static nsec tick(struct house *h)
{
	const nsec now = clk_now();
	nsec next = NSEC_NEVER;

	health_beat_house(h->a);
	look_again(h, now);
	next = MIN(next, root_round(h, now));
	next = MIN(next, sweep(h, now));
	next = MIN(next, sample(h, now));
	trim(h, now);
	next = MIN(next, air_round(h, now));
	next = MIN(next, save(h, now));
	next = MIN(next, addr_round(h, now));
	next = MIN(next, force_round(h, now));
	next = MIN(next, firewall_round(h, now));
	next = MIN(next, resolver_round(h->a, now));
	next = MIN(next, recordd_round(h->a->record, h->set, now));
	next = MIN(next, app_end_round(h->a, now));
	return next;
}

/* Sleep until then, or until there is news. */
static enum status rest(struct house *h, nsec next)
{
	enum status st;
	int got;

	if (h->news.fd == -1)
		return mbox_wait(&h->a->house_mb, next);
	st = sock_wait(&h->news, SOCK_IN, &got, next);
	if (st != ST_OK || !(got & SOCK_IN))
		return st;
	if (addr_changed(h->news.fd))
		h->addr_at = MIN(h->addr_at, h->addr_read + ADDR_PACE);
	else
		sock_close(&h->news);           /* broken: the clock has to do */
	return st;
}

void house_run(void *arg)
{
	struct house h = { .a = arg, .root_sent = clk_now(), .slept = slept() };
	enum status st = ST_OK;

	h.news = (struct sock){ .fd = addr_watch(), .mb = &h.a->house_mb };
	/* Whoever connects is told at once; the first round to all is due after one interval. */
	h.set = conf_get(h.a->node.conf);
	h.root_interval = h.set->host_update_interval;
	(void)text_copy(h.root_host, sizeof(h.root_host), h.set->root_host);
	settings_unref(&h.set);
	while (st != ST_STOPPED) {
		nsec next;

		h.set = conf_get(h.a->node.conf);
		next = tick(&h);
		settings_unref(&h.set);
		st = rest(&h, next);
	}
	recordd_leave(h.a->record);
	if (h.news.fd != -1)
		sock_close(&h.news);
	h.set = conf_get(h.a->node.conf);
	end_all(&h);
	settings_unref(&h.set);
}
