/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread of a recording: between the channel and its files.
 *
 *	(wait for the channel) -> (for a place to start) -> part -> part ... -> (the channel is lost) ...
 *
 * It has the disk to itself: while that is slow the thread waits in a call, the channel goes on, and what has
 * left the ring by then is missing. The next part begins behind the gap.
 */
#include "servent/recordrun.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/media/asffile.h"
#include "core/media/media.h"
#include "core/media/reccut.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "servent/confine.h"
#include "servent/recfile.h"

#define MB         ((uint64_t)1000000)
#define STOP_TIME  NSEC_PER_SEC         /* for what is still in the ring, when it is to stop */
#define WATCH_TIME (2 * NSEC_PER_SEC)   /* between two looks for a channel, where nobody tells */

struct worker {
	struct recordd *d;
	struct recording *r;
	struct node *n;
	char id[GNUID_STRLEN];          /* for the log */
	struct chan *c;                 /* NULL = lost */
	struct sock line;               /* none: it only names the mailbox */
	struct reader rd;
	const struct settings *set;     /* of the moment */

	char base[RECNAME_BASE];
	uint32_t part;                  /* of the next file, minus one */
	struct pkt *head;               /* a part begins with it; NULL = none yet */
	bool open;                      /* there is a part: */
	struct recfile file;
	uint64_t head_bytes;            /* of the head in it */
	struct reccut cut;
	struct reckeep_dir *noted;      /* in whose list it is; NULL = in none */
	bool asf;
	struct asffile wm;
	struct buf out;
	nsec start_by;                  /* of the next part: what comes then or later begins it anyhow */
	uint64_t next_pos;              /* behind what was written last */
	nsec rest;                      /* before the next try */
	bool failing;                   /* since the last try that went well */
	bool automatic;                 /* by recordAuto */
	char why[RECORD_WHY];           /* it cannot go on; "" = nothing is wrong */
};

enum end { END_CHANNEL, END_STOP, END_FAULT };

/* --- what is told ----------------------------------------------------------------------------- */

static void tell(struct worker *w, enum record_state state, const char *why)
{
	bool news;

	recordd_lock(w->d);
	news = w->r->view.state != state;
	w->r->view.state = state;
	if (why != NULL)
		(void)text_copy(w->r->view.why, sizeof(w->r->view.why), why);
	recordd_unlock(w->d);
	if (news)
		event_tell(EVENT_CHANNEL, "recording", NULL, w->r->id.b, 0, NULL, NULL);
}

static void refresh(struct worker *w)
{
	settings_unref(&w->set);
	w->set = conf_get(w->n->conf);
}

/* Remember what is wrong, while errno still tells. Returns st. */
static enum status fault(struct worker *w, enum status st, const char *what)
{
	if (st == ST_OK)
		return st;
	(void)text_copy(w->why, sizeof(w->why), what != NULL ? what : status_str(st));
	if (what == NULL && st == ST_SYS && errno == EACCES && confine_closes(w->set->record_dir))
		(void)text_copy(w->why, sizeof(w->why),
			"the sandbox keeps the folder closed until the next start");
	return st;
}

static enum status no_room(struct worker *w)
{
	snprintf(w->why, sizeof(w->why), "less than %u MB of the disk are free", w->set->record_min_free_mb);
	return ST_LIMIT;
}

/* It cannot go on, for now or for good. */
static void failed(struct worker *w)
{
	const bool first = !w->failing;

	w->failing = true;
	atomic_fetch_add_explicit(&w->d->errors, 1, memory_order_relaxed);
	recordd_lock(w->d);
	w->r->view.errors++;
	recordd_unlock(w->d);
	tell(w, w->automatic ? RECORD_TRYING : RECORD_FAILED, w->why);
	if (first)
		notice_add(&w->n->notices, NOTICE_PEERCAST, "recordingFailed", "error", &w->r->id,
			"%s: recording stopped: %s", w->r->view.name, w->why);
}

/* --- parts ------------------------------------------------------------------------------------ */

/* The part ends. torn: in the middle of the stream, perhaps of a unit. */
static void end_part(struct worker *w, bool torn)
{
	const uint64_t whole = torn ? reccut_whole(&w->cut) : w->cut.bytes;
	const uint64_t keep = whole > w->head_bytes ? whole : w->cut.bytes;
	const bool empty = keep <= w->head_bytes;
	const uint64_t ino = w->file.ino;
	char name[RECNAME];
	enum status st;

	if (!w->open)
		return;
	w->open = false;
	(void)text_copy(name, sizeof(name), w->file.name);
	if (empty) {
		recfile_discard(&w->file);
	} else {
		st = torn ? recfile_cut(&w->file, keep) : ST_OK;
		if (st != ST_OK)
			log_error("record: %s: %s", name, status_str(st));
		st = recfile_close(&w->file);
		if (st != ST_OK)
			log_error("record: %s: %s", name, status_str(st));
	}
	if (w->noted != NULL)
		reckeep_note(&w->d->keep, w->noted, ino, empty ? 0 : keep, true);
	w->noted = NULL;
	buf_reset(&w->out);
}

static void count(struct worker *w, size_t n)
{
	atomic_fetch_add_explicit(&w->d->bytes, n, memory_order_relaxed);
	recordd_lock(w->d);
	w->r->view.bytes += n;
	recordd_unlock(w->d);
}

static enum status write_head(struct worker *w)
{
	const uint8_t *p = pkt_media(w->head);
	size_t n = w->head->len;

	if (w->asf) {
		buf_reset(&w->out);
		asffile_begin(&w->wm, p, n, &w->out);
		if (w->out.err != ST_OK)
			return fault(w, ST_LIMIT, "out of memory");
		p = w->out.p;
		n = w->out.len;
	}
	w->head_bytes = n;
	reccut_begin(&w->cut, n, clk_now());
	count(w, n);
	return n > 0 ? fault(w, recfile_write(&w->file, p, n), NULL) : ST_OK;
}

static void show_part(struct worker *w)
{
	recordd_lock(w->d);
	w->r->view.parts++;
	(void)text_copy(w->r->view.file, sizeof(w->r->view.file), w->file.name);
	recordd_unlock(w->d);
	atomic_fetch_add_explicit(&w->d->parts, 1, memory_order_relaxed);
	if (w->failing)
		log_info("record: %s goes on", w->id);
	w->failing = false;
	w->rest = RECORD_RETRY;
	log_info("record: %s: %s", w->id, w->file.name);
	tell(w, RECORD_RUNNING, "");
	event_tell(EVENT_CHANNEL, "recording", NULL, w->r->id.b, 0, NULL, NULL);
}

static void sweep(struct worker *w)
{
	if (w->noted != NULL)
		(void)reckeep_sweep(&w->d->keep, w->noted, w->set->record_keep_files,
			w->set->record_keep_mb * MB);
}

/* ST_OK, ST_LIMIT (too little room), ST_SYS, ST_STOPPED (there is no folder any more) */
static enum status begin_part(struct worker *w)
{
	struct chaninfo *info = chan_info(w->c);
	const char *type = info->text[CT_TYPE], *ext = recname_ext(type);
	const char *dir;
	uint64_t room;
	enum status st;

	w->asf = recname_is_asf(type);
	chaninfo_unref(&info);
	refresh(w);
	dir = w->set->record_dir;
	if (dir[0] == '\0')
		return ST_STOPPED;
	st = recfile_room(dir, &room);
	if (st == ST_OK && room < w->set->record_min_free_mb * MB)
		return no_room(w);
	if (st == ST_OK)
		st = recfile_open(&w->file, dir, w->base, w->part + 1, ext);
	if (st != ST_OK)
		return fault(w, st, NULL);
	w->open = true;
	w->head_bytes = 0;
	reccut_begin(&w->cut, 0, clk_now());
	w->noted = NULL;
	st = write_head(w);
	if (st != ST_OK)
		return st;
	w->part++;
	if (reckeep_add(&w->d->keep, dir, w->file.name, w->file.ino, &w->noted) != ST_OK)
		log_warn("record: %s cannot be noted in %s/" RECKEEP_LIST ", and will not be deleted",
			w->file.name, dir);
	sweep(w);
	show_part(w);
	return ST_OK;
}

/* What has been written is known, and what is due is done. As begin_part(). */
static enum status look(struct worker *w)
{
	const uint64_t looked = w->file.looked;
	enum status st;

	if (!w->open)
		return ST_OK;
	st = recfile_look(&w->file, w->set->record_min_free_mb * MB, clk_now());
	if (st == ST_EOF) {
		log_warn("record: %s was deleted while it was written", w->file.name);
		if (w->noted != NULL)
			reckeep_note(&w->d->keep, w->noted, w->file.ino, 0, true);
		w->noted = NULL;
		end_part(w, false);
		w->start_by = clk_now() + READER_START;
		return ST_OK;
	}
	if (st == ST_LIMIT)
		return no_room(w);
	if (st != ST_OK || w->file.looked == looked)
		return fault(w, st, NULL);
	refresh(w);
	if (w->noted != NULL)
		reckeep_note(&w->d->keep, w->noted, w->file.ino, w->file.bytes, false);
	sweep(w);
	return w->set->record_dir[0] != '\0' ? ST_OK : ST_STOPPED;
}

/* --- the stream ------------------------------------------------------------------------------- */

static enum status put(struct worker *w, struct pkt *p)
{
	const uint8_t *b = pkt_media(p);
	enum status st = ST_OK;
	size_t n = p->len;

	if (w->asf) {
		buf_reset(&w->out);
		asffile_put(&w->wm, b, n, (p->cont & MEDIA_FRAGMENT) == 0, &w->out);
		if (w->out.err != ST_OK)
			return fault(w, ST_LIMIT, "out of memory");
		b = w->out.p;
		n = w->out.len;
	}
	if (n > 0)
		st = recfile_write(&w->file, b, n);
	if (st == ST_SYS && errno == EFBIG && w->cut.bytes > w->head_bytes) {
		/* as large as a file can be */
		end_part(w, true);
		w->start_by = clk_now() + READER_START;
		return ST_OK;
	}
	if (st != ST_OK)
		return fault(w, st, NULL);
	reccut_put(&w->cut, p->cont, n);
	w->next_pos = pkt_end(p);
	count(w, n);
	return ST_OK;
}

static enum status take(struct worker *w, struct pkt *p)
{
	const struct reccut_limits limits = {
		.bytes = w->set->record_rotate_mb * MB,
		.age = (nsec)w->set->record_rotate_minutes * 60 * NSEC_PER_SEC,
	};
	enum status st = ST_OK;

	if (p->type == PKT_HEAD) {
		/* all before it was let out whole */
		end_part(w, false);
		pkt_unref(&w->head);
		w->head = pkt_ref(p);
		w->start_by = clk_now() + READER_START;
		return ST_OK;
	}
	if (w->open && reccut_is_due(&w->cut, &limits, p->cont, clk_now())) {
		end_part(w, false);
		w->start_by = 0;
	}
	if (!w->open) {
		if (p->cont != 0 && p->at < w->start_by)
			return ST_OK;
		st = begin_part(w);
	}
	return st == ST_OK ? put(w, p) : st;
}

/* The disk was too slow. */
static void skipped(struct worker *w)
{
	log_warn("record: %s: the disk is too slow, a piece of the stream is missing", w->id);
	atomic_fetch_add_explicit(&w->d->skips, 1, memory_order_relaxed);
	recordd_lock(w->d);
	w->r->view.skips++;
	recordd_unlock(w->d);
	end_part(w, true);
	w->start_by = clk_now() + READER_START;
}

/* Until there is something to read. ST_OK, ST_STOPPED */
static enum status sleep_parked(struct worker *w)
{
	const nsec until = w->open ? w->file.sync_at : NSEC_NEVER;
	enum status st = ST_OK;

	if (!reader_owns(&w->rd))
		st = mbox_wait(&w->r->mb, until);
	reader_reclaim(&w->rd);
	return st == ST_STOPPED ? st : ST_OK;
}

/* The channel as long as it lasts. */
static enum end follow(struct worker *w, enum status *why)
{
	nsec stop_by = NSEC_NEVER;

	for (;;) {
		struct pkt *p;
		int what;

		*why = chan_read(w->c, &w->rd, &what);
		if (*why != ST_OK)
			return END_CHANNEL;
		if (what & CHAN_SKIPPED)
			skipped(w);
		if ((what & CHAN_PARKED) && sleep_parked(w) == ST_STOPPED)
			return END_STOP;
		while (*why == ST_OK && (p = reader_take(&w->rd)) != NULL) {
			*why = take(w, p);
			pkt_unref(&p);
		}
		if (*why == ST_OK)
			*why = look(w);
		if (*why != ST_OK)
			return *why == ST_STOPPED ? END_STOP : END_FAULT;
		if (!mbox_is_stopped(&w->r->mb))
			continue;
		/* what is there already belongs to it */
		if (stop_by == NSEC_NEVER)
			stop_by = clk_deadline(STOP_TIME);
		else if (clk_now() >= stop_by)
			return END_STOP;
	}
}

/* --- the channel ------------------------------------------------------------------------------ */

static void leave(struct worker *w)
{
	reader_reclaim(&w->rd);
	chan_leave(w->c, &w->rd);
	reader_fini(&w->rd);
}

/* Does the stream go on behind what is in the part? Where there is a gap, the end of that is made whole. */
static bool goes_on(struct worker *w, struct pkt *head, uint64_t start)
{
	if (!w->open || head->len != w->head->len || start < w->next_pos ||
	    memcmp(pkt_media(head), pkt_media(w->head), head->len) != 0)
		return false;
	return start == w->next_pos || (reccut_mend(&w->cut) && recfile_cut(&w->file, w->cut.bytes) == ST_OK);
}

/* Where it begins, or goes on. ST_OK, ST_STOPPED */
static enum status place(struct worker *w)
{
	/* what somebody asks for begins now; else all there is belongs to it */
	const bool from_now = w->part == 0 && !w->automatic;
	struct pkt *head = NULL;
	enum status st = ST_OK;
	uint64_t start;

	while (st == ST_OK && head == NULL) {
		st = chan_wait_head(w->c, &w->r->mb, NSEC_NEVER);
		if (st == ST_OK)
			st = chan_place(w->c, &w->rd, from_now ? CHAN_FROM_LIVE : CHAN_FROM_OLDEST, 0, &head,
				&start);
	}
	if (st != ST_OK) {
		pkt_unref(&head);
		return st;
	}
	if (goes_on(w, head, start)) {
		pkt_unref(&head);
		return ST_OK;
	}
	end_part(w, false);
	pkt_unref(&w->head);
	w->head = head;
	w->start_by = w->rd.start_by;
	return ST_OK;
}

static enum end attend(struct worker *w, enum status *why)
{
	enum end end = END_CHANNEL;

	reader_init(&w->rd, &w->line, false);
	w->rd.writes = w->rd.holds = true;
	*why = fault(w, chan_join(w->c, &w->rd), NULL);
	if (*why == ST_LIMIT)
		return END_FAULT;
	if (*why != ST_OK)
		return END_CHANNEL;
	/* its source may have gone idle since somebody looked: from here on it counts us */
	if (chan_get_status(w->c) == CHAN_IDLE)
		chan_bump(w->c, NULL);
	*why = place(w);
	if (*why == ST_OK)
		end = follow(w, why);
	else if (fault(w, *why, NULL) != ST_STOPPED)
		end = END_FAULT;
	leave(w);
	if (end == END_CHANNEL && mbox_is_stopped(&w->r->mb))
		end = END_STOP;
	return end;
}

/* Sleep until then, or something happens to a channel. ST_OK, ST_TIMEOUT, ST_STOPPED */
static enum status sleep_lost(struct worker *w, struct event_watcher *watch, nsec until)
{
	if (watch->mb == NULL)
		until = MIN(until, clk_deadline(WATCH_TIME));
	return mbox_wait(&w->r->mb, until);
}

static void watch_begin(struct worker *w, struct event_watcher *watch)
{
	struct host us;

	*watch = (struct event_watcher){ .mb = NULL };
	if (host_parse(&us, "127.0.0.1", 0) &&
	    event_watch(watch, &w->r->mb, EVENT_CHANNEL, &us) != ST_OK)
		watch->mb = NULL;
}

static void watch_end(struct event_watcher *watch)
{
	if (watch->mb != NULL)
		event_unwatch(watch);
}

/* The channel has gone: wait for another one of that id. false: there is none, or it is to stop. */
static bool find_again(struct worker *w)
{
	const nsec deadline = clk_deadline(RECORD_LOST);
	struct event_watcher watch;
	enum status st = ST_OK;

	chan_unref(&w->c);
	watch_begin(w, &watch);
	while (st != ST_STOPPED && clk_left_ms(deadline) > 0) {
		w->c = chanmgr_find(w->n->cm, &w->r->id);
		if (w->c != NULL && !chan_is_closing(w->c))
			break;
		chan_unref(&w->c);
		st = sleep_lost(w, &watch, deadline);
	}
	watch_end(&watch);
	return w->c != NULL;
}

static bool take_retry(struct worker *w)
{
	bool yes;

	recordd_lock(w->d);
	yes = w->r->retry;
	w->r->retry = false;
	recordd_unlock(w->d);
	return yes;
}

/* It has failed: wait until there is a use in trying again. false: there will be none. */
static bool rest(struct worker *w)
{
	nsec until = clk_deadline(w->rest);
	struct event_watcher watch;
	bool go_on = false, over = false;

	(void)take_retry(w);
	watch_begin(w, &watch);
	while (!go_on && !over) {
		const enum status st = sleep_lost(w, &watch, until);
		uint64_t room, want;
		bool asked;

		over = st == ST_STOPPED || chan_is_closing(w->c);
		asked = !over && take_retry(w);
		if (over || (clk_now() < until && !asked))
			continue;
		refresh(w);
		over = w->set->record_dir[0] == '\0';
		/* by itself only where it would come to something */
		want = w->set->record_min_free_mb * MB;
		want += asked ? 0 : want / 8;
		go_on = recfile_room(w->set->record_dir, &room) == ST_OK && room >= want;
		until = clk_deadline(w->rest);
	}
	watch_end(&watch);
	w->rest = MIN(w->rest * 2, RECORD_RETRY_MAX);
	return go_on && !over;
}

/* --- the thread ------------------------------------------------------------------------------- */

static enum record_state run(struct worker *w)
{
	for (;;) {
		enum status why;
		const enum end end = attend(w, &why);

		if (end == END_STOP) {
			end_part(w, true);
			return RECORD_ENDED;
		}
		if (end == END_FAULT) {
			end_part(w, true);
			failed(w);
			if (!w->automatic)
				return RECORD_FAILED;
			if (!rest(w))
				return mbox_is_stopped(&w->r->mb) ? RECORD_ENDED : RECORD_FAILED;
			continue;
		}
		if (w->open && recfile_sync(&w->file) != ST_OK)
			log_error("record: %s: %s", w->file.name, status_str(ST_SYS));
		tell(w, RECORD_WAITING, NULL);
		if (chan_is_closing(w->c) && !find_again(w)) {
			end_part(w, false);
			return RECORD_ENDED;
		}
	}
}

void record_run(struct app *a, void *arg)
{
	struct recording *r = arg;
	struct worker *w = calloc(1, sizeof(*w));
	enum record_state end = RECORD_FAILED;

	if (w == NULL) {
		record_over(r, end);
		return;
	}
	w->d = r->d;
	w->r = r;
	w->n = &a->node;
	w->line.fd = -1;
	w->line.mb = &r->mb;
	w->rest = RECORD_RETRY;
	w->automatic = r->view.automatic;
	buf_init(&w->out, PKT_HEAD_MAX + 2 * ASF_PAYLOAD_MAX);
	refresh(w);
	gnuid_str(&r->id, w->id);
	recname_base(w->base, r->view.name, r->view.began_s);
	w->c = chanmgr_find(w->n->cm, &r->id);
	if (w->c != NULL)
		end = run(w);
	chan_unref(&w->c);
	pkt_unref(&w->head);
	buf_fini(&w->out);
	settings_unref(&w->set);
	log_info("record: %s %s, %u files", w->id, record_state_str(end), w->part);
	free(w);
	record_over(r, end);
}
