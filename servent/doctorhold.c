/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/doctorhold.h"

#include <string.h>
#include <unistd.h>

#define ATTEMPT_ENDS (2 * NSEC_PER_SEC) /* it is told to stop: for the wait that it is in */
#define OVER         SIGURG             /* ends the thread: nobody minds it, and nobody can have it ignored */

enum hold { HOLD_NONE, HOLD_ASKING, HOLD_KEPT, HOLD_DROPPING, HOLD_GONE };

bool doctor_hold_is_ours(const struct portmap *m)
{
	return (m->state == PORTMAP_OPEN || m->asked) && !m->was_there && m->kind != PORTMAP_NONE;
}

bool doctor_hold_may_drop(const struct doctor_hold *h)
{
	const struct portmap *m = &h->grip.m;
	const bool seen = m->kind == PORTMAP_UPNP && m->state == PORTMAP_OPEN && m->why != PMWHY_UNSEEN;

	return doctor_hold_is_ours(m) && (!h->beside || seen);
}

/* Take what is kept, to drop it. False: there is none, or somebody else does. */
static bool claim(struct doctor_hold *h)
{
	int kept = HOLD_KEPT;

	return atomic_compare_exchange_strong(&h->state, &kept, HOLD_DROPPING);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Nothing is left at the router, as far as that can be had in time. */
static void leave(struct doctor_hold *h)
{
	const nsec deadline = clk_deadline(ATTEMPT_ENDS + h->farewell);
	enum status st = ST_OK;
	int now;

	mbox_stop(&h->attempt);
	while (st != ST_TIMEOUT && st != ST_SYS && ((now = atomic_load(&h->state)) == HOLD_ASKING ||
	       now == HOLD_DROPPING))
		st = mbox_wait(&h->news, deadline);
	if (claim(h) && doctor_hold_may_drop(h))
		(void)!portmap_drop(&h->grip, NULL, clk_deadline(h->farewell));
}

static void guard(void *arg)
{
	struct doctor_hold *h = arg;
	sigset_t one;
	int sig;

	do {
		if (sigwait(&h->signals, &sig) != 0 || atomic_load(&h->over))
			return;
	} while (sig == OVER);
	leave(h);
	(void)signal(sig, SIG_DFL);
	(void)sigemptyset(&one);
	(void)sigaddset(&one, sig);
	(void)pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	(void)raise(sig);
	_exit(128 + sig);
}

/* What the caller of the process ignores (nohup) stays ignored. */
static void choose_signals(sigset_t *set)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };

	(void)sigemptyset(set);
	(void)sigaddset(set, OVER);
	for (size_t i = 0; i < NELEM(ends); i++) {
		struct sigaction now;

		if (sigaction(ends[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			(void)sigaddset(set, ends[i]);
	}
}

void doctor_hold_begin(struct doctor_hold *h, bool beside, nsec farewell)
{
	memset(h, 0, sizeof(*h));
	h->beside = beside;
	h->farewell = farewell;
	if (mbox_init(&h->attempt) != ST_OK)
		return;
	if (mbox_init(&h->news) != ST_OK) {
		mbox_fini(&h->attempt);
		return;
	}
	h->ready = true;
	choose_signals(&h->signals);
	if (pthread_sigmask(SIG_BLOCK, &h->signals, &h->before) == 0 &&
	    thr_start(&h->thr, "hold", guard, h) != ST_OK)
		(void)pthread_sigmask(SIG_SETMASK, &h->before, NULL);
}

void doctor_hold_end(struct doctor_hold *h)
{
	if (!h->ready)
		return;
	if (h->thr.started) {
		atomic_store(&h->over, true);
		(void)pthread_kill(h->thr.id, OVER);
		(void)!thr_join(&h->thr, NSEC_NEVER);
		(void)pthread_sigmask(SIG_SETMASK, &h->before, NULL);
	}
	mbox_fini(&h->attempt);
	mbox_fini(&h->news);
	h->ready = false;
}

/* --- the others' side ------------------------------------------------------------------------- */

static void become(struct doctor_hold *h, enum hold state)
{
	if (h->ready)
		mbox_wake_set(&h->news, &h->state, (int)state);
	else
		atomic_store(&h->state, state);
}

void doctor_hold_try(struct doctor_hold *h, uint16_t port, nsec deadline)
{
	struct portmap_grip owed;
	enum status st;

	become(h, HOLD_ASKING);
	st = portmap_try(port, h->ready ? &h->attempt : NULL, deadline, &h->grip, &owed);
	if (st != ST_OK && owed.m.asked)
		h->grip = owed;
	if (st != ST_OK)
		h->grip.m.state = PORTMAP_FAILED;
	become(h, HOLD_KEPT);
}

enum status doctor_hold_drop(struct doctor_hold *h)
{
	enum status st = ST_OK;

	if (!doctor_hold_may_drop(h) || !claim(h))
		return ST_OK;
	st = portmap_drop(&h->grip, h->ready ? &h->attempt : NULL, clk_deadline(h->farewell));
	/* stopped on the way: who stopped us does it */
	become(h, st != ST_OK && h->ready && mbox_is_stopped(&h->attempt) ? HOLD_KEPT : HOLD_GONE);
	return st;
}
