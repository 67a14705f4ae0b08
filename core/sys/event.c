/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/event.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "core/sys/rng.h"

/* The events of a topic, their numbers rising. */
struct ring {
	struct event *e[EVENT_RING];
	uint64_t n;                     /* ever put: the next goes to n % EVENT_RING */
	uint64_t gone;                  /* number of the newest that was dropped; 0 = none */
};

static struct events {
	struct mtx mtx;                                         /* lk_event */
	struct ring rings[EVENT_TOPICS]         GUARDED_BY(lk_event);
	uint64_t newest                         GUARDED_BY(lk_event);
	uint64_t run                            GUARDED_BY(lk_event);   /* 0 = not made yet */
	struct event_watcher *watchers          GUARDED_BY(lk_event);
	uint32_t n                              GUARDED_BY(lk_event);
} the = { .mtx = MTX_INIT(lk_event) };

LOCK_DEFINE(ev, struct events, mtx, lk_event)

/* Somebody has watched; never false again. Relaxed: an event more or less at that moment is the same. */
static _Atomic bool on;
/* Topics that somebody watches now. Relaxed: as above. */
static _Atomic unsigned watched;

bool event_is_on(void)
{
	return atomic_load_explicit(&on, memory_order_relaxed);
}

void event_unref(struct event **ep)
{
	struct event *e = *ep;

	*ep = NULL;
	/* acq_rel: other readers are done with it before the last one frees it */
	if (e != NULL && atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) == 1)
		free(e);
}

static void wake_locked(unsigned topic) REQUIRES(lk_event)
{
	struct event_watcher *w;

	DL_FOREACH(the.watchers, w)
		if ((w->topics & topic) != 0)
			mbox_wake(w->mb);
}

/* Returns the one that gave way. */
static struct event *ring_put(struct ring *r, struct event *e)
{
	struct event **at = &r->e[r->n++ % EVENT_RING], *old = *at;

	if (old != NULL)
		r->gone = old->number;
	*at = e;
	return old;
}

/* The oldest one with a number above that, or NULL. */
static struct event *ring_find(const struct ring *r, uint64_t after)
{
	uint64_t lo = r->n > EVENT_RING ? r->n - EVENT_RING : 0, hi = r->n;

	while (lo < hi) {
		const uint64_t mid = lo + (hi - lo) / 2;

		if (r->e[mid % EVENT_RING]->number > after)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo < r->n ? r->e[lo % EVENT_RING] : NULL;
}

static size_t ring_of(enum event_topic topic)
{
	size_t i = 0;

	while (i + 1 < EVENT_TOPICS && ((unsigned)topic >> i & 1) == 0)
		i++;
	return i;
}

void event_tell(enum event_topic topic, const char *what, const char *kind, const uint8_t id[EVENT_ID],
	uint32_t n, const struct host *peer, const char *text)
{
	const size_t len = text != NULL ? strlen(text) : 0;
	struct event *e, *old;
	struct ring *r;

	if (!event_is_on())
		return;
	e = calloc(1, sizeof(*e) + len + 1);
	if (e == NULL)
		return;                 /* watchers see a number missing */
	atomic_init(&e->refs, 1);
	e->topic = topic;
	e->what = what;
	e->kind = kind != NULL ? kind : "";
	if (id != NULL)
		memcpy(e->id, id, EVENT_ID);
	e->n = n;
	if (peer != NULL)
		e->peer = *peer;
	if (len > 0)
		memcpy(e->text, text, len);
	ev_lock(&the);
	e->number = ++the.newest;
	r = &the.rings[ring_of(topic)];
	e->nth = r->n + 1;
	old = ring_put(r, e);
	wake_locked(topic);
	ev_unlock(&the);
	event_unref(&old);
}

void event_wake(enum event_topic topic)
{
	if ((atomic_load_explicit(&watched, memory_order_relaxed) & topic) == 0)
		return;
	ev_lock(&the);
	wake_locked(topic);
	ev_unlock(&the);
}

static void sum_topics_locked(void) REQUIRES(lk_event)
{
	struct event_watcher *w;
	unsigned topics = 0;

	DL_FOREACH(the.watchers, w)
		topics |= w->topics;
	atomic_store_explicit(&watched, topics, memory_order_relaxed);
}

enum status event_watch(struct event_watcher *w, struct mbox *mb, unsigned topics, const struct host *who)
{
	enum status st = ST_OK;
	struct event_watcher *k;
	uint32_t same = 0;

	*w = (struct event_watcher){ .mb = mb, .topics = topics, .who = *who };
	ev_lock(&the);
	DL_FOREACH(the.watchers, k)
		same += host_same_ip(&k->who, who);
	if (the.n >= EVENT_WATCHERS || (same >= EVENT_PER_PEER && !host_is_loopback(who))) {
		st = ST_LIMIT;
	} else {
		DL_APPEND(the.watchers, w);
		the.n++;
		sum_topics_locked();
		atomic_store_explicit(&on, true, memory_order_relaxed);
	}
	ev_unlock(&the);
	return st;
}

void event_unwatch(struct event_watcher *w)
{
	ev_lock(&the);
	DL_DELETE(the.watchers, w);
	the.n--;
	sum_topics_locked();
	ev_unlock(&the);
}

struct event *event_next(uint64_t *after, unsigned topics, bool *missed)
{
	struct event *first = NULL;

	*missed = false;
	ev_lock(&the);
	for (size_t i = 0; i < EVENT_TOPICS; i++) {
		struct event *e = (topics >> i & 1) != 0 ? ring_find(&the.rings[i], *after) : NULL;

		if (e == NULL)
			continue;
		*missed = *missed || the.rings[i].gone > *after;
		if (first == NULL || e->number < first->number)
			first = e;
	}
	if (first != NULL) {
		/* relaxed: the ring's own reference keeps it while we hold the lock */
		(void)atomic_fetch_add_explicit(&first->refs, 1, memory_order_relaxed);
		*after = first->number;
	}
	ev_unlock(&the);
	return first;
}

uint64_t event_newest(void)
{
	uint64_t n;

	ev_lock(&the);
	n = the.newest;
	ev_unlock(&the);
	return n;
}

uint64_t event_run(void)
{
	uint64_t run;

	ev_lock(&the);
	/* a system call under the lock, but only once */
	while (the.run == 0)
		rng_bytes(&the.run, sizeof(the.run));
	run = the.run;
	ev_unlock(&the);
	return run;
}
