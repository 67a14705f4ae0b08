/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which channels are recorded (record.h). The thread is in recordrun.c. */
#include "servent/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "core/sys/assert.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "servent/recordrun.h"

#define POLL_TIME (2 * NSEC_PER_SEC)    /* where events cannot be watched */
#define TELL_TIME (600 * NSEC_PER_SEC)

/* --- life ------------------------------------------------------------------------------------- */

struct recordd *recordd_new(struct app *a)
{
	struct recordd *d = calloc(1, sizeof(*d));

	if (d != NULL) {
		d->app = a;
		mtx_init(&d->mtx, &lk_app);
		reckeep_init(&d->keep);
	}
	return d;
}

void recordd_stop(struct recordd *d)
{
	struct recording *r;

	recordd_lock(d);
	d->stopping = true;
	DL_FOREACH(d->list, r)
		mbox_stop(&r->mb);
	recordd_unlock(d);
}

static void destroy(struct recording *r)
{
	mbox_fini(&r->mb);
	free(r);
}

void recordd_free(struct recordd **dp) LOCK_IMPL /* the only thread left */
{
	struct recordd *d = *dp;
	struct recording *r, *tmp;

	*dp = NULL;
	if (d == NULL)
		return;
	DL_FOREACH_SAFE(d->list, r, tmp) {
		ASSERT(!r->running);
		DL_DELETE(d->list, r);
		destroy(r);
	}
	reckeep_fini(&d->keep);
	mtx_fini(&d->mtx);
	free(d);
}

/* --- the list --------------------------------------------------------------------------------- */

static struct recording *running_locked(struct recordd *d, const struct gnuid *id) REQUIRES(lk_app)
{
	struct recording *r;

	DL_FOREACH(d->list, r)
		if (r->running && gnuid_equal(&r->id, id))
			return r;
	return NULL;
}

static void hold_locked(struct recordd *d, const struct gnuid *id) REQUIRES(lk_app)
{
	if (d->n_held == RECORD_HELD) {
		memmove(d->held, d->held + 1, (RECORD_HELD - 1) * sizeof(d->held[0]));
		d->n_held--;
	}
	d->held[d->n_held++] = *id;
}

static bool is_held_locked(const struct recordd *d, const struct gnuid *id) REQUIRES(lk_app)
{
	for (uint32_t i = 0; i < d->n_held; i++)
		if (gnuid_equal(&d->held[i], id))
			return true;
	return false;
}

static void release_locked(struct recordd *d, const struct gnuid *id) REQUIRES(lk_app)
{
	for (uint32_t i = d->n_held; i > 0; i--)
		if (gnuid_equal(&d->held[i - 1], id))
			d->held[i - 1] = d->held[--d->n_held];
}

/* The last of those that have ended, or an earlier one of that channel (NULL = none): out of the list. */
static struct recording *take_old_locked(struct recordd *d, const struct gnuid *id) REQUIRES(lk_app)
{
	struct recording *r, *old = NULL;
	uint32_t ended = 0;

	DL_FOREACH(d->list, r) {
		if (r->running)
			continue;
		if (++ended > RECORD_ENDED_MAX || (id != NULL && gnuid_equal(&r->id, id)))
			old = r;
	}
	if (old != NULL) {
		DL_DELETE(d->list, old);
		d->n--;
	}
	return old;
}

/* --- commands --------------------------------------------------------------------------------- */

static enum status fail(char why[NODE_WHY], enum status st, const char *text)
{
	(void)text_copy(why, NODE_WHY, text);
	return st;
}

static struct recording *new_for(struct recordd *d, struct chan *c, bool automatic)
{
	struct recording *r = calloc(1, sizeof(*r));
	struct chaninfo *info;

	if (r == NULL)
		return NULL;
	if (mbox_init(&r->mb) != ST_OK) {
		free(r);
		return NULL;
	}
	info = chan_info(c);
	r->d = d;
	r->id = r->view.id = *chan_id(c);
	r->running = true;
	r->view.automatic = automatic;
	r->view.began_s = clk_wall_s();
	(void)text_copy(r->view.name, sizeof(r->view.name), info->text[CT_NAME]);
	chaninfo_unref(&info);
	return r;
}

/* Will the thread end, whatever it is told? */
static bool is_ending_locked(struct recording *r)
{
	return mbox_is_stopped(&r->mb) || r->view.state == RECORD_FAILED;
}

/* Put a new one on the list, unless there is one already: ST_EOF, and that one tries again, or is followed by
 * another. */
static enum status list_new(struct recordd *d, struct recording *r, uint32_t max, char why[NODE_WHY])
{
	struct recording *got, *old = NULL;
	enum status st = ST_OK;
	bool follows = false;

	recordd_lock(d);
	got = running_locked(d, &r->id);
	if (got != NULL) {
		follows = !r->view.automatic && is_ending_locked(got);
		got->again = got->again || follows;
		got->retry = true;
		mbox_wake(&got->mb);
		st = ST_EOF;
	} else if (d->stopping) {
		st = fail(why, ST_STOPPED, "the node is stopping");
	} else if (d->n_running >= max) {
		st = fail(why, ST_LIMIT, "as many channels are recorded as recordMax allows");
	} else {
		old = take_old_locked(d, &r->id);
		DL_PREPEND(d->list, r);
		d->n++;
		d->n_running++;
	}
	/* until it has begun recordAuto is not to begin it in its place */
	if (st == ST_OK || (st == ST_EOF && !follows))
		release_locked(d, &r->id);
	recordd_unlock(d);
	if (old != NULL)
		destroy(old);
	return st;
}

static enum status begin(struct recordd *d, struct chan *c, const struct settings *set, bool automatic,
	char why[NODE_WHY])
{
	struct recording *r;
	enum status st;

	if (set->record_dir[0] == '\0')
		return fail(why, ST_PROTO, "recordDir is not set");
	r = new_for(d, c, automatic);
	if (r == NULL)
		return fail(why, ST_LIMIT, "out of memory");
	st = list_new(d, r, set->record_max, why);
	if (st != ST_OK) {
		destroy(r);
		return st == ST_EOF ? ST_OK : st;
	}
	st = app_task(d->app, "record", record_run, r);
	if (st == ST_OK)
		return ST_OK;
	record_over(r, RECORD_FAILED);
	return fail(why, st == ST_STOPPED ? st : ST_LIMIT, "no thread for it");
}

enum status recordd_op_start(struct node *n, const struct gnuid *id, char why[NODE_WHY])
{
	struct chan *c = chanmgr_find(n->cm, id);
	const struct settings *set;
	enum status st;

	if (c == NULL)
		return fail(why, ST_EOF, "no such channel");
	set = conf_get(n->conf);
	st = begin(app_of(n)->record, c, set, false, why);
	settings_unref(&set);
	chan_unref(&c);
	return st;
}

/* Somebody has asked for it while the one before was ending. */
static void begin_again(struct recordd *d, const struct gnuid *id, const char *name)
{
	char why[NODE_WHY];
	const enum status st = recordd_op_start(&d->app->node, id, why);

	if (st != ST_OK && st != ST_STOPPED)
		notice_add(&d->app->node.notices, NOTICE_PEERCAST, "recordingFailed", "error", id,
			"%s: recording stopped: %s", name, why);
}

void record_over(struct recording *r, enum record_state state)
{
	struct recordd *d = r->d;
	const struct gnuid id = r->id;
	char name[sizeof(r->view.name)];
	struct recording *old;
	bool again;

	(void)text_copy(name, sizeof(name), r->view.name);
	recordd_lock(d);
	r->running = false;
	again = r->again;
	d->n_running--;
	r->view.state = state;
	r->view.ended_s = clk_wall_s();
	old = take_old_locked(d, NULL);
	recordd_unlock(d);
	if (old != NULL)
		destroy(old);
	event_tell(EVENT_CHANNEL, "recording", NULL, id.b, 0, NULL, NULL);
	if (again)
		begin_again(d, &id, name);
}

/* hold: and recordAuto does not begin it again. */
static bool stop(struct recordd *d, const struct gnuid *id, bool hold)
{
	struct recording *r;

	recordd_lock(d);
	r = running_locked(d, id);
	if (r != NULL) {
		mbox_stop(&r->mb);
		if (hold)
			r->again = false;
		if (hold && !is_held_locked(d, id))
			hold_locked(d, id);
	}
	recordd_unlock(d);
	return r != NULL;
}

bool recordd_op_stop(struct node *n, const struct gnuid *id)
{
	return stop(app_of(n)->record, id, true);
}

void recordd_wake(struct recordd *d)
{
	struct recording *r;

	recordd_lock(d);
	DL_FOREACH(d->list, r) {
		if (r->running) {
			r->retry = true;
			mbox_wake(&r->mb);
		}
	}
	recordd_unlock(d);
}

/* --- what is shown ---------------------------------------------------------------------------- */

size_t recordd_op_views(struct node *n, struct record_view *out)
{
	struct recordd *d = app_of(n)->record;
	struct recording *r;
	size_t k = 0;

	recordd_lock(d);
	DL_FOREACH(d->list, r) {
		if (k == RECORDS)
			break;
		out[k++] = r->view;
	}
	recordd_unlock(d);
	return k;
}

void recordd_op_totals(struct node *n, struct record_totals *t)
{
	struct recordd *d = app_of(n)->record;
	const struct settings *set = conf_get(n->conf);
	struct recording *r;

	*t = (struct record_totals){
		.possible = set->record_dir[0] != '\0',
		.parts = atomic_load_explicit(&d->parts, memory_order_relaxed),
		.bytes = atomic_load_explicit(&d->bytes, memory_order_relaxed),
		.skips = atomic_load_explicit(&d->skips, memory_order_relaxed),
		.errors = atomic_load_explicit(&d->errors, memory_order_relaxed),
		.kept_files = atomic_load_explicit(&d->keep.files, memory_order_relaxed),
		.kept_bytes = atomic_load_explicit(&d->keep.bytes, memory_order_relaxed),
	};
	settings_unref(&set);
	recordd_lock(d);
	DL_FOREACH(d->list, r)
		t->by_state[r->view.state]++;
	recordd_unlock(d);
}

/* --- recordAuto ------------------------------------------------------------------------------- */

static bool is_wanted(struct chan *c, const struct settings *set)
{
	struct chaninfo *info = chan_info(c);
	const bool yes = recname_is_wanted(set->record_auto, info->text[CT_NAME],
		chan_type_of(c) == CHAN_BROADCAST);

	chaninfo_unref(&info);
	return yes;
}

/* Does it run by recordAuto? Or (*free) may it begin so? */
static bool runs(struct recordd *d, const struct gnuid *id, bool *free_to)
{
	struct recording *r;
	bool yes;

	recordd_lock(d);
	r = running_locked(d, id);
	yes = r != NULL && r->view.automatic;
	*free_to = r == NULL && !is_held_locked(d, id);
	recordd_unlock(d);
	return yes;
}

static void look_at(struct recordd *d, struct chan *c, const struct settings *set, bool changed, nsec now)
{
	const bool wanted = is_wanted(c, set);
	bool free_to;
	char why[NODE_WHY];

	if (runs(d, chan_id(c), &free_to)) {
		if (changed && !wanted)
			(void)stop(d, chan_id(c), false);
	} else if (free_to && wanted && chan_is_playing(c) && begin(d, c, set, true, why) != ST_OK &&
	           (d->full_told == 0 || now - d->full_told > TELL_TIME)) {
		char id[GNUID_STRLEN];

		log_warn("record: %s is not recorded: %s", gnuid_str(chan_id(c), id), why);
		d->full_told = now;
	}
}

/* Channels that have gone are held no longer. */
static void forget_held(struct recordd *d, struct chan **all, size_t n)
{
	recordd_lock(d);
	for (uint32_t i = d->n_held; i > 0; i--) {
		size_t k = 0;

		while (k < n && !gnuid_equal(chan_id(all[k]), &d->held[i - 1]))
			k++;
		if (k == n)
			d->held[i - 1] = d->held[--d->n_held];
	}
	recordd_unlock(d);
}

/* Be woken by what happens to channels, as long as that is of interest. */
static void watch(struct recordd *d, bool on)
{
	struct host us;

	if (on && !d->watching && host_parse(&us, "127.0.0.1", 0))
		d->watching = event_watch(&d->watch, &d->app->house_mb, EVENT_CHANNEL, &us) == ST_OK;
	else if (!on && d->watching)
		recordd_leave(d);
}

void recordd_leave(struct recordd *d)
{
	if (d->watching)
		event_unwatch(&d->watch);
	d->watching = false;
}

nsec recordd_round(struct recordd *d, const struct settings *set, nsec now)
{
	const char *by = set->record_dir[0] != '\0' ? set->record_auto : "none";
	const bool on = ascii_casecmp(by, "none") != 0 && by[0] != '\0';
	const bool changed = strcmp(by, d->was_auto) != 0;
	struct chan **all;
	size_t n;

	watch(d, on);
	if ((!on && !changed) || chanmgr_all(d->app->node.cm, &all, &n) != ST_OK)
		return NSEC_NEVER;
	(void)text_copy(d->was_auto, sizeof(d->was_auto), by);
	for (size_t i = 0; i < n; i++)
		look_at(d, all[i], set, changed, now);
	forget_held(d, all, n);
	for (size_t i = 0; i < n; i++)
		chan_unref(&all[i]);
	free(all);
	return on && !d->watching ? now + POLL_TIME : NSEC_NEVER;
}
