/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/hookd.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/bucket.h"
#include "core/sys/log.h"
#include "core/sys/rng.h"
#include "core/sys/text.h"
#include "core/sys/thr.h"
#include "servent/hooktry.h"

#define BATCH      64                           /* events between two looks at the tries */
#define LAST_TERM  (2 * HOOKTRY_TERM)           /* before the end commands get SIGTERM */
#define JOIN_TIME  (200 * NSEC_PER_MSEC)        /* beyond the deadline */

static const struct budget complaints = { 60 * NSEC_PER_SEC, 1 };       /* in the log */

struct hook {
	struct settings_hook set;       /* `kept` is empty */
	char shown[HOOK_SHOWN];
	struct hookmsg *q[HOOKD_QUEUE]; /* references, the oldest at q[first] */
	size_t first, n;
	uint32_t tried;                 /* times the oldest one was */
	nsec next;                      /* its next try, not before; 0 = at once */
	struct hooktry try;             /* of the oldest one */
	bool failing;                   /* and told so */
	bool full;                      /* and told so */
};

struct hookd {
	struct node *node;
	struct thr thr;
	struct mbox mb;
	_Atomic bool changed;           /* the settings. Relaxed: the wake orders it */
	_Atomic nsec stop_at;           /* 0 = not yet. The same */

	/* the thread's own */
	struct hookwatch *watch;
	struct event_watcher watcher;
	unsigned topics;                /* that are watched; 0 = none */
	uint64_t after;                 /* number of the last event taken */
	uint64_t nth[EVENT_TOPICS];     /* of its topic; 0 = none yet */
	uint64_t untold;                /* events missed since that was last logged */
	struct bucket told;
	struct hook **hooks;
	size_t n;
	struct hooktries tries;
	nsec ends;                      /* stop_at, once seen */
};

/* --- queues ----------------------------------------------------------------------------------- */

static void count(struct hookd *h, enum node_count c, uint64_t n)
{
	atomic_fetch_add_explicit(&h->node->counts[c], n, memory_order_relaxed);
}

static struct hookmsg **queued(struct hook *k, size_t i)
{
	return &k->q[(k->first + i) % HOOKD_QUEUE];
}

static void pop(struct hook *k)
{
	hookmsg_unref(queued(k, 0));
	k->first = (k->first + 1) % HOOKD_QUEUE;
	k->n--;
	k->tried = 0;
	k->next = 0;
	k->full = k->full && k->n > 0;
}

/* The second oldest gives way: the oldest may be on its way. */
static void make_room(struct hookd *h, struct hook *k)
{
	hookmsg_unref(queued(k, 1));
	for (size_t i = 1; i + 1 < k->n; i++)
		*queued(k, i) = *queued(k, i + 1);
	k->n--;
	count(h, NODE_HOOK_DROPPED, 1);
	if (!k->full)
		log_warn("%s: %u events wait for it: older ones are dropped", k->shown, HOOKD_QUEUE);
	k->full = true;
}

static void enqueue(void *ctx, struct hookmsg *m)
{
	struct hookd *h = ctx;

	for (size_t i = 0; i < h->n; i++) {
		struct hook *k = h->hooks[i];

		if ((k->set.events & (uint32_t)m->what) == 0)
			continue;
		if (k->n == HOOKD_QUEUE)
			make_room(h, k);
		hookmsg_ref(m);
		*queued(k, k->n++) = m;
	}
}

/* Nothing of it is under way. */
static void hook_free(struct hookd *h, struct hook **kp)
{
	struct hook *k = *kp;

	*kp = NULL;
	count(h, NODE_HOOK_DROPPED, k->n);
	while (k->n > 0)
		pop(k);
	explicit_bzero(&k->set, sizeof(k->set));
	free(k);
}

/* All that are in h->hooks. */
static void free_hooks(struct hookd *h)
{
	struct hooktry *t[SETTINGS_HOOKS];
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++)
		if (h->hooks[i] != NULL)
			t[n++] = &h->hooks[i]->try;
	hooktries_cancel(&h->tries, t, n);
	for (size_t i = 0; i < h->n; i++)
		if (h->hooks[i] != NULL)
			hook_free(h, &h->hooks[i]);
}

/* --- settings --------------------------------------------------------------------------------- */

static bool same_place(const struct settings_hook *a, const struct settings_hook *b)
{
	return strcmp(a->command, b->command) == 0 && strcmp(a->url, b->url) == 0;
}

static bool same_hook(const struct settings_hook *a, const struct settings_hook *b)
{
	return same_place(a, b) && a->events == b->events && strcmp(a->secret, b->secret) == 0 &&
	       a->timeout_s == b->timeout_s && a->retries == b->retries;
}

/* Watch what somebody wants to hear of: of channels in any case, for their names. */
static void watch(struct hookd *h)
{
	struct host self;
	unsigned topics = h->n > 0 ? EVENT_CHANNEL : 0;
	uint32_t events = 0;

	(void)host_parse(&self, "127.0.0.1", 0);
	for (size_t i = 0; i < h->n; i++)
		events |= h->hooks[i]->set.events;
	if (events & HOOK_PORT_CHANGE)
		topics |= EVENT_PORT;
	if (events & (HOOK_CHILD_JOIN | HOOK_CHILD_LEAVE | HOOK_VIEWER_JOIN | HOOK_VIEWER_LEAVE))
		topics |= EVENT_CONNECTION;
	hookwatch_want(h->watch, events);
	if (topics == h->topics)
		return;
	if (h->topics != 0)
		event_unwatch(&h->watcher);
	else
		h->after = event_newest();
	/* what was not watched was not missed */
	for (size_t i = 0; i < EVENT_TOPICS; i++)
		if ((topics & ~h->topics) >> i & 1)
			h->nth[i] = 0;
	if (topics != 0 && event_watch(&h->watcher, &h->mb, topics, &self) != ST_OK) {
		log_error("hooks: too many readers of events: nothing is told");
		topics = 0;
	}
	if (h->topics == 0 && topics != 0)
		hookwatch_seed(h->watch);
	h->topics = topics;
}

static struct hook *hook_new(const struct settings_hook *want)
{
	struct hook *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->set = *want;
	memset(k->set.kept, 0, sizeof(k->set.kept));
	return k;
}

/* The one of ours that goes on as this one, taken out of h->hooks; a new one; NULL = no memory. */
static struct hook *hook_for(struct hookd *h, const struct settings_hook *want)
{
	for (size_t i = 0; i < h->n; i++) {
		struct hook *k = h->hooks[i];

		if (k == NULL || !same_place(&k->set, want))
			continue;
		h->hooks[i] = NULL;
		k->set = *want;
		memset(k->set.kept, 0, sizeof(k->set.kept));
		return k;
	}
	return hook_new(want);
}

/* Does the list say what we have already? */
static bool is_same_list(const struct hookd *h, const struct settings_hook *want, size_t n)
{
	for (size_t i = 0; i < n && n == h->n; i++)
		if (!same_hook(&h->hooks[i]->set, &want[i]))
			return false;
	return n == h->n;
}

static void take_settings(struct hookd *h)
{
	const struct settings *set = conf_get(h->node->conf);
	const struct settings_hook *want;
	struct hook **new = NULL;
	size_t n, got = 0;

	want = settings_hooks(set, &n);
	if (!is_same_list(h, want, n)) {
		new = calloc(n + 1, sizeof(struct hook *));
		for (size_t i = 0; new != NULL && i < n; i++) {
			struct hook *k = hook_for(h, &want[i]);

			if (k == NULL) {
				log_error("hooks: no memory for one of them");
				continue;
			}
			hook_shown(k->shown, i, &k->set);
			new[got++] = k;
		}
	}
	settings_unref(&set);
	if (new != NULL) {
		free_hooks(h);
		free(h->hooks);
		h->hooks = new;
		h->n = got;
		log_info("hooks: %zu", got);
	}
	watch(h);
}

/* --- events ----------------------------------------------------------------------------------- */

/* How many of its topic were missed in front of it. */
static uint64_t missed_before(struct hookd *h, const struct event *e)
{
	uint64_t missed = 0;

	for (size_t i = 0; i < EVENT_TOPICS; i++) {
		if ((h->topics & (unsigned)e->topic) >> i != 1)
			continue;
		missed = h->nth[i] != 0 ? e->nth - h->nth[i] - 1 : 0;
		h->nth[i] = e->nth;
	}
	return missed;
}

/* Returns whether there may be more. */
static bool take_events(struct hookd *h)
{
	uint64_t lost = 0;
	struct event *e;
	uint32_t n = 0;
	bool missed;

	while (n++ < BATCH && h->topics != 0 && (e = event_next(&h->after, h->topics, &missed)) != NULL) {
		const uint64_t gone = missed_before(h, e);

		lost += gone;
		if (gone > 0 && e->topic == EVENT_CHANNEL)
			lost += hookwatch_catch_up(h->watch);
		lost += hookwatch_take(h->watch, e);
		event_unref(&e);
	}
	h->untold += lost;
	if (h->untold > 0 && bucket_take(&h->told, &complaints, 1, clk_now())) {
		log_warn("hooks: %llu events came too fast, and were missed", (unsigned long long)h->untold);
		h->untold = 0;
	}
	count(h, NODE_HOOK_DROPPED, lost);
	return n > BATCH;
}

/* --- tries ------------------------------------------------------------------------------------ */

/* A try has ended. */
static void settle(struct hookd *h, struct hook *k)
{
	const struct hooktry *t = &k->try;
	const char *what = hook_name((*queued(k, 0))->what);

	k->tried++;
	if (t->verdict == HOOK_DONE) {
		count(h, NODE_HOOK_DONE, 1);
		if (k->failing)
			log_info("%s: works again", k->shown);
		k->failing = false;
		pop(k);
	} else if (t->verdict == HOOK_AGAIN && k->tried <= k->set.retries && h->ends == 0) {
		const nsec wait = hook_wait(k->tried, t->asked, rng_below);

		k->next = clk_now() + wait;
		log_at(k->failing ? LOG_DEBUG : LOG_WARN, "%s: %s: %s; tried again in %lld s", k->shown, what,
			t->why, (long long)((wait + NSEC_PER_SEC - 1) / NSEC_PER_SEC));
		k->failing = true;
	} else {
		count(h, NODE_HOOK_FAILED, 1);
		log_warn("%s: %s: %s; given up after %u tr%s", k->shown, what, t->why, k->tried,
			k->tried == 1 ? "y" : "ies");
		k->failing = true;
		pop(k);
	}
	k->try.is = TRY_NONE;
}

/* Does the end come before what is begun now could get anywhere? */
static bool is_late(const struct hookd *h)
{
	return h->ends != 0 && clk_now() >= h->ends - LAST_TERM;
}

/* Begin what is due. Returns when to look again. */
static nsec begin_due(struct hookd *h)
{
	const bool late = is_late(h);
	nsec next = h->ends == 0 ? NSEC_NEVER : late ? h->ends : h->ends - LAST_TERM;

	for (size_t i = 0; i < h->n; i++) {
		struct hook *k = h->hooks[i];
		const bool command = k->set.url[0] == '\0';

		if (k->try.is == TRY_NONE && k->n > 0 && k->next > clk_now() && h->ends == 0) {
			next = MIN(next, k->next);
		} else if (k->try.is == TRY_NONE && k->n > 0 && !late &&
		           (!command || h->tries.running < HOOKTRY_COMMANDS)) {
			count(h, NODE_HOOK_TRIED, 1);
			hooktry_begin(&h->tries, &k->try, &k->set, k->shown, *queued(k, 0), k->tried + 1);
		}
		if (h->ends != 0)
			hooktry_hurry(&k->try, h->ends - LAST_TERM);
		if (k->try.is == TRY_ENDED)
			next = 0;
		else if (k->try.is == TRY_COMMAND)
			next = MIN(next, k->try.deadline);
	}
	return next;
}

/* Go on with what is under way. */
static void go_on(struct hookd *h)
{
	hooktries_go_on(&h->tries);
	for (size_t i = 0; i < h->n; i++) {
		struct hook *k = h->hooks[i];

		hooktry_go_on(&h->tries, &k->try);
		if (k->try.is == TRY_ENDED)
			settle(h, k);
	}
}

static void sleep_until(struct hookd *h, nsec deadline)
{
	struct pollfd fd[1 + HOOKTRY_COMMANDS * HOOKTRY_FDS] = { { .fd = h->mb.efd, .events = POLLIN } };
	size_t n = 1;

	for (size_t i = 0; i < h->n; i++)
		n += hooktry_fds(&h->hooks[i]->try, fd + n);
	hooktries_wait(&h->tries, fd, n, deadline);
	if (mbox_is_signalled(&h->mb))
		mbox_drain(&h->mb);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Nothing is under way, and nothing is to be begun. */
static bool is_idle(const struct hookd *h)
{
	const bool late = is_late(h);

	for (size_t i = 0; i < h->n; i++)
		if (h->hooks[i]->try.is != TRY_NONE || (h->hooks[i]->n > 0 && !late))
			return false;
	return true;
}

/* Is it over? */
static bool is_over(struct hookd *h)
{
	h->ends = atomic_load_explicit(&h->stop_at, memory_order_relaxed);
	return h->ends != 0 && (is_idle(h) || clk_now() >= h->ends);
}

static void run(void *arg)
{
	struct hookd *h = arg;
	size_t left = 0;
	bool over;

	do {
		nsec next;
		bool more;

		if (atomic_exchange_explicit(&h->changed, false, memory_order_relaxed))
			take_settings(h);
		/* first the flag, then what happened before it was set */
		over = is_over(h);
		more = take_events(h);
		over = over && !more && (is_idle(h) || clk_now() >= h->ends);
		next = begin_due(h);
		if (!over && !more)
			sleep_until(h, next);
		go_on(h);
	} while (!over);
	for (size_t i = 0; i < h->n; i++)
		left += h->hooks[i]->n;
	if (left > 0)
		log_warn("hooks: %zu event%s not delivered before the end", left,
			left == 1 ? " was" : "s were");
	free_hooks(h);
	if (h->topics != 0)
		event_unwatch(&h->watcher);
	hooktries_fini(&h->tries);
}

static void hookd_free(struct hookd **hp)
{
	struct hookd *h = *hp;

	*hp = NULL;
	hookwatch_free(&h->watch);
	free(h->hooks);
	mbox_fini(&h->mb);
	free(h);
}

enum status hookd_start(struct hookd **out, struct node *n)
{
	struct hookd *h = calloc(1, sizeof(*h));
	enum status st;

	*out = NULL;
	if (h == NULL)
		return ST_LIMIT;
	h->node = n;
	h->tries.sm = n->sm;
	st = mbox_init(&h->mb);
	if (st != ST_OK) {
		free(h);
		return st;
	}
	h->watch = hookwatch_new(n, enqueue, h);
	if (h->watch == NULL) {
		hookd_free(&h);
		return ST_LIMIT;
	}
	/* here, so that nothing is missed that happens from now on */
	take_settings(h);
	st = thr_start(&h->thr, "hooks", run, h);
	if (st != ST_OK) {
		free_hooks(h);
		if (h->topics != 0)
			event_unwatch(&h->watcher);
		hookd_free(&h);
	}
	*out = h;
	return st;
}

void hookd_wake(struct hookd *h)
{
	if (h == NULL)
		return;
	atomic_store_explicit(&h->changed, true, memory_order_relaxed);
	mbox_wake(&h->mb);
}

bool hookd_stop(struct hookd **hp, nsec deadline)
{
	struct hookd *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return true;
	atomic_store_explicit(&h->stop_at, deadline, memory_order_relaxed);
	mbox_wake(&h->mb);
	if (thr_join(&h->thr, deadline + JOIN_TIME) != ST_OK) {
		log_error("hooks: the thread does not end");
		return false;
	}
	hookd_free(&h);
	return true;
}
