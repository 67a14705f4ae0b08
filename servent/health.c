/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/health.h"

/* relaxed throughout: moments, of which one may be seen a little late */
static nsec seen(_Atomic nsec *beat)
{
	return atomic_load_explicit(beat, memory_order_relaxed);
}

void health_beat_house(struct app *a)
{
	const nsec now = clk_now();

	atomic_store_explicit(&a->house_beat, now, memory_order_relaxed);
	if (now - seen(&a->server_beat) >= HEALTH_BEAT)
		mbox_wake(&a->server_mb);
}

void health_beat_server(struct app *a)
{
	atomic_store_explicit(&a->server_beat, clk_now(), memory_order_relaxed);
	atomic_store_explicit(&a->listening, a->listen_fd != -1, memory_order_relaxed);
}

static bool beats(_Atomic nsec *beat, nsec now)
{
	const nsec at = seen(beat);

	return at != 0 && now - at < HEALTH_LATE;
}

void health_get(struct node *n, struct node_health *h)
{
	struct app *a = app_of(n);
	const nsec now = clk_now();

	h->housekeeper = beats(&a->house_beat, now);
	h->server = beats(&a->server_beat, now);
	h->listening = atomic_load_explicit(&a->listening, memory_order_relaxed);
	app_lock(a);
	h->stopping = a->stopping || a->end_at != 0;
	app_unlock(a);
}

bool health_is_alive(struct app *a)
{
	const nsec now = clk_now();

	return beats(&a->house_beat, now) && beats(&a->server_beat, now);
}
