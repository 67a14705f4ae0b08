/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/trial.h"

#include <stdlib.h>

#include "core/chan/pkt.h"
#include "core/sys/log.h"
#include "pcp/pcp.h"

#define CONNECT_TIME (5 * NSEC_PER_SEC)
#define WHOLE_TIME   (25 * NSEC_PER_SEC)        /* until its first atom */
#define DATA_TIME    (10 * NSEC_PER_SEC)        /* and from there to the first new data */
#define SEEN_MAX     ((size_t)4 << 20)

struct trial {
	struct app *a;
	struct chan *c;                 /* a reference */
	struct mbox mbox;
	struct ask ask;
	uint32_t wanted;
	struct buf seen;
	_Atomic int state;              /* enum trial_state; release/acquire hands everything else over */
};

/* Is there something in it that the source does not have? */
static bool is_new(const struct trial *t, const struct atom *a)
{
	struct chanatom c;
	struct pktatom p;

	return a->id == ATOM_CHAN && chanatom_parse(&c, a) == ST_OK &&
	       gnuid_equal(&c.id, &t->ask.id) && (c.has & CHANATOM_PKT) && chanatom_pkt(&c, &p) &&
	       p.type == ATOM_DATA && (t->wanted == 0 || pos_before(t->wanted, p.pos + p.len));
}

/* Read on, keeping everything, until something new comes. */
static enum trial_state await_data(struct trial *t)
{
	const nsec deadline = clk_deadline(DATA_TIME);
	struct atom a;

	while (t->seen.err == ST_OK) {
		enum status st = pcpio_read(&t->ask.io, &a, deadline);

		if (st == ST_TIMEOUT)
			return TRIAL_DRY;
		if (st != ST_OK || a.id == ATOM_QUIT)
			return TRIAL_FAILED;
		buf_put(&t->seen, a.whole, a.size);
		if (is_new(t, &a))
			return t->seen.err == ST_OK ? TRIAL_GOOD : TRIAL_FAILED;
	}
	return TRIAL_DRY;               /* so much, and all of it old */
}

static enum trial_state attempt(struct trial *t)
{
	const nsec deadline = clk_deadline(WHOLE_TIME);
	struct ask *k = &t->ask;
	enum status st = ask_connect(k, &t->mbox, clk_deadline(CONNECT_TIME));

	if (st != ST_OK)
		return TRIAL_UNREACHED;
	st = ask_request(k, t->wanted, deadline);
	if (st == ST_OK && k->code == 200)
		return await_data(t);
	if (st == ST_OK)
		ask_refusal(k, deadline);
	else if (st == ST_PROTO && k->quit == PCP_QUIT_LOOPBACK)
		return TRIAL_SELF;
	else if (k->code == 404)
		return TRIAL_GONE;
	return k->code == 503 ? TRIAL_FULL : TRIAL_FAILED;
}

static void trial_task(struct app *a, void *arg)
{
	struct trial *t = arg;
	struct chan *c = t->c;
	enum trial_state end = attempt(t);

	if (end != TRIAL_GOOD) {
		if (t->ask.sock.fd != -1 && end == TRIAL_DRY)
			pcpio_quit(&t->ask.sock, PCP_QUIT);
		ask_close(&t->ask);
	}
	/* from here on it is the source's */
	atomic_store_explicit(&t->state, end, memory_order_release);
	chan_wake_source(c);
	chan_unref(&c);
}

struct trial *trial_start(struct app *a, struct chan *c, const struct host *to, enum ask_as as,
	uint32_t wanted)
{
	struct trial *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	if (mbox_init(&t->mbox) != ST_OK) {
		free(t);
		return NULL;
	}
	t->a = a;
	t->c = chan_ref(c);
	t->wanted = wanted;
	ask_init(&t->ask, a, chan_id(c));
	t->ask.host = *to;
	t->ask.as = as;
	buf_init(&t->seen, SEEN_MAX);
	atomic_init(&t->state, TRIAL_RUNS);
	if (app_task(a, "trial", trial_task, t) == ST_OK)
		return t;
	chan_unref(&t->c);
	mbox_fini(&t->mbox);
	free(t);
	return NULL;
}

enum trial_state trial_look(const struct trial *t)
{
	return (enum trial_state)atomic_load_explicit(&t->state, memory_order_acquire);
}

const struct host *trial_host(const struct trial *t, enum ask_as *as)
{
	*as = t->ask.as;                /* neither ever changes */
	return &t->ask.host;
}

bool trial_named(const struct trial *t)
{
	return t->ask.hosts > 0;
}

const struct gnuid *trial_sid(const struct trial *t)
{
	return &t->ask.oleh.sid;
}

void trial_take(struct trial *t, struct ask *k, struct buf *seen, struct mbox *mb)
{
	ask_move(k, &t->ask, mb);
	*seen = t->seen;
	buf_init(&t->seen, SEEN_MAX);
}

void trial_drop(struct trial **tp, struct mbox *own)
{
	struct trial *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	mbox_stop(&t->mbox);
	while (trial_look(t) == TRIAL_RUNS)
		mbox_pause(own);
	ask_close(&t->ask);
	buf_fini(&t->seen);
	mbox_fini(&t->mbox);
	free(t);
}
