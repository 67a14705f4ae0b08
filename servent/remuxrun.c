/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread of a remuxer: between the channel, the process and those who watch. */
#include "servent/remuxrun.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "core/sys/log.h"
#include "core/sys/text.h"
#include "servent/remuxproc.h"

#define HEAD_TIME   (10 * NSEC_PER_SEC)         /* for the first data of the channel */
#define REST_TIME   (2 * NSEC_PER_SEC)          /* for the rest of a stream that has ended */
#define ROUND_TIME  (500 * NSEC_PER_MSEC)       /* between two looks at who is still there */
#define ENDED_TIME  (60 * NSEC_PER_SEC)         /* for the last ones to fetch the rest */
#define MARKS       1024u                       /* a power of two */
#define TIME_BEGIN  1000000                     /* microseconds: the first decode time */

/* Bytes of the stream up to `end` were here `at` that moment. */
struct mark {
	uint64_t end;
	nsec at;
};

struct worker {
	struct remuxd *d;
	struct remux *r;
	struct chan *c;
	char id[GNUID_STRLEN];          /* for the log */
	struct remuxproc proc;
	struct reader rd;
	bool parked, mail;              /* the right is left there; somebody woke us */
	bool fresh;                     /* cur is the head the process is to begin with */
	struct pkt *cur;                /* what is being fed, owned */
	size_t off;
	uint64_t put;                   /* bytes of the stream since the process was started, cur included */
	struct mark mark[MARKS];
	uint64_t m_first, m_next;

	struct fmp4_init init;
	bool begun;                     /* the process has said how it begins */
	uint64_t end_us;                /* of all fragments so far */
	nsec waits, last_fed;           /* since then it is fed and says nothing (0 = it does); fed at last */
	nsec deaths[REMUX_DEATHS];
	uint32_t n_deaths;
	nsec round_at;                  /* the next look */
	nsec idle;                      /* since then nobody is there; 0 = somebody is */
};

/* Why one process is done with. */
enum end { END_GONE, END_HEAD, END_CLOSED, END_IDLE, END_STOP, END_FAILED };

/* --- users -------------------------------------------------------------------------------------- */

static void wake_viewers_locked(struct remux *r) REQUIRES(lk_app)
{
	struct remux_viewer *v;

	DL_FOREACH2(r->viewers, v, vnext)
		mbox_wake(v->mb);
}

static void set_state_locked(struct remux *r, enum remux_state state, int status, const char *why)
	REQUIRES(lk_app)
{
	r->state = state;
	r->status = status;
	(void)text_copy(r->why, sizeof(r->why), why);
	if (state == REMUX_ENDED)
		hls_end(&r->hls);
	wake_viewers_locked(r);
}

static void set_state(struct worker *w, enum remux_state state, int status, const char *why)
{
	remuxd_lock(w->d);
	set_state_locked(w->r, state, status, why);
	remuxd_unlock(w->d);
}

/* Sessions that have not been used for so long, or are to end: off the list. all: every one. */
static struct remux_session *take_expired(struct remuxd *d, struct remux *r, nsec now, bool all, nsec *next)
{
	struct remux_session *s, *tmp, *out = NULL;
	nsec limit;

	remuxd_lock(d);
	limit = hls_is_ready(&r->hls) ? 3 * (nsec)hls_target_s(&r->hls) * NSEC_PER_SEC :
		HLS_WAIT + NSEC_PER_SEC;
	r->over = r->over || all;
	DL_FOREACH_SAFE(r->sessions, s, tmp) {
		if (all || now - s->last >= limit || mbox_is_stopped(&s->sv->mbox)) {
			DL_DELETE(r->sessions, s);
			r->n_sessions--;
			DL_PREPEND(out, s);
		} else {
			*next = MIN(*next, s->last + limit);
		}
	}
	remuxd_unlock(d);
	return out;
}

static void end_sessions(struct remuxd *d, struct remux *r, nsec now, bool all, nsec *next)
{
	struct remux_session *s, *tmp, *gone = take_expired(d, r, now, all, next);

	DL_FOREACH_SAFE(gone, s, tmp) {
		servent_end(&s->sv);
		free(s);
	}
}

void remux_give_up(struct remuxd *d, struct remux *r, const char *why)
{
	nsec never = NSEC_NEVER;

	remuxd_lock(d);
	set_state_locked(r, REMUX_FAILED_STATE, 503, why);
	remux_unlist_locked(d, r);
	remuxd_unlock(d);
	end_sessions(d, r, clk_now(), true, &never);
}

/* Look who is there. false: nobody has been for `patience`, and nobody will find us any more. *until: when to
 * look again. */
static bool look(struct worker *w, nsec patience, nsec *until)
{
	const nsec now = clk_now();
	bool stay = true, sessions;

	*until = NSEC_NEVER;
	end_sessions(w->d, w->r, now, false, until);
	remuxd_lock(w->d);
	sessions = w->r->n_sessions > 0;
	if (w->r->users > 0 || sessions)
		w->idle = 0;
	else if (w->idle == 0)
		w->idle = now;
	if (w->idle != 0 && now - w->idle >= patience) {
		remux_unlist_locked(w->d, w->r);
		stay = false;
	}
	remuxd_unlock(w->d);
	if (w->idle != 0)
		*until = w->idle + patience;
	else if (sessions)
		*until = MIN(*until, now + ROUND_TIME * 2);     /* an operator may have ended one */
	w->round_at = now + ROUND_TIME;
	return stay;
}

/* --- from the process --------------------------------------------------------------------------- */

/* When what stands at that position came. */
static int64_t wall_of(struct worker *w, uint64_t pos)
{
	const nsec now = clk_now();
	nsec at = now;

	while (w->m_first < w->m_next && w->mark[w->m_first % MARKS].end <= pos)
		w->m_first++;
	if (w->m_first < w->m_next)
		at = w->mark[w->m_first % MARKS].at;
	return clk_wall_ns() - MAX(now - at, 0);
}

static void set_mark(struct worker *w, uint64_t end, nsec at)
{
	if (w->m_next - w->m_first == MARKS)
		w->m_first++;
	w->mark[w->m_next++ % MARKS] = (struct mark){ .end = end, .at = at };
}

static enum status take_init(struct worker *w, const uint8_t *p, size_t n)
{
	struct blob *b;
	size_t init;

	if (w->begun || !fmp4_split(p, n, &init) || init != n || !fmp4_parse_init(p, n, &w->init))
		return ST_PROTO;
	b = blob_new(p, n);
	if (b == NULL)
		return ST_LIMIT;
	w->begun = true;
	remuxd_lock(w->d);
	w->r->state = REMUX_RUNNING;
	fmp4_mime(&w->init, w->r->mime);
	hls_begin(&w->r->hls, b);
	remuxd_unlock(w->d);
	return ST_OK;
}

static enum status take_fragment(struct worker *w, const struct remuxmsg *m, uint8_t *p)
{
	struct blob *b;
	int64_t wall;
	size_t init;

	if (!w->begun || !fmp4_split(p, m->len, &init) || init != 0)
		return ST_PROTO;
	wall = wall_of(w, m->pos);
	_Static_assert(FMP4_PRFT == REMUXMSG_HEAD, "the box takes the place of the message's header");
	fmp4_prft(&w->init, m->track, m->time_us, wall, p - FMP4_PRFT);
	b = blob_new(p - FMP4_PRFT, FMP4_PRFT + (size_t)m->len);
	if (b == NULL)
		return ST_LIMIT;
	w->end_us = MAX(w->end_us, m->time_us + m->dur_us);
	remuxd_lock(w->d);
	hls_add(&w->r->hls, b, (m->flags & REMUX_KEY) != 0, m->dur_us, wall);
	wake_viewers_locked(w->r);
	remuxd_unlock(w->d);
	return ST_OK;
}

/* It says why it cannot. */
static void take_failure(struct worker *w, const struct remuxmsg *m, const uint8_t *p)
{
	char why[REMUXMSG_TEXT_MAX + 1], shown[REMUX_WHY];

	(void)text_clean(why, MIN(sizeof(why), (size_t)m->len + 1), p, m->len);
	snprintf(shown, sizeof(shown), "%s", why);
	log_warn("remux: %s: %s", w->id, shown);
	set_state(w, REMUX_FAILED_STATE, 501, shown);
}

/* All it has to say. ST_TIMEOUT: that was all; ST_STOPPED: it has failed. */
static enum status listen_to(struct worker *w)
{
	struct remuxmsg m;
	uint8_t *p;
	enum status st;

	while ((st = remuxproc_next(&w->proc, &m, &p)) == ST_OK) {
		w->waits = 0;
		if (m.kind == REMUX_INIT) {
			st = take_init(w, p, m.len);
		} else if (m.kind == REMUX_FRAGMENT) {
			st = take_fragment(w, &m, p);
		} else {
			take_failure(w, &m, p);
			st = ST_LIMIT;
		}
		if (st != ST_OK)
			break;
	}
	return st;
}

static bool has_failed(struct worker *w)
{
	bool yes;

	remuxd_lock(w->d);
	yes = w->r->state == REMUX_FAILED_STATE;
	remuxd_unlock(w->d);
	return yes;
}

/* --- to the process ----------------------------------------------------------------------------- */

/* The next packet into cur. ST_TIMEOUT: none now, and we are parked; ST_STOPPED: the channel is over. */
static enum status next_packet(struct worker *w)
{
	enum status st;
	int what;

	/* woken without the right: the channel may be over */
	if (w->parked && !w->mail && !reader_owns(&w->rd))
		return ST_TIMEOUT;
	if (w->parked)
		reader_reclaim(&w->rd);
	w->parked = w->mail = false;
	while ((w->cur = reader_take(&w->rd)) == NULL) {
		st = chan_read(w->c, &w->rd, &what);
		if (st != ST_OK)
			return st;
		if (what & CHAN_PARKED) {
			w->parked = true;
			return ST_TIMEOUT;
		}
	}
	w->off = 0;
	if (w->cur->type != PKT_HEAD) {
		w->put += w->cur->len;
		set_mark(w, w->put, w->cur->at);
	}
	return ST_OK;
}

/* As much as it takes. ST_OK: it is busy; ST_TIMEOUT: there is nothing more now; ST_EOF: a new head is in
 * cur; ST_STOPPED: the channel is over; ST_SYS: the process is. */
static enum status feed(struct worker *w)
{
	for (;;) {
		enum status st = w->cur != NULL ? ST_OK : next_packet(w);
		size_t sent;

		if (st != ST_OK)
			return st;
		if (w->cur->type == PKT_HEAD && w->off == 0 && !w->fresh)
			return ST_EOF;
		st = remuxproc_feed(&w->proc, pkt_media(w->cur) + w->off, w->cur->len - w->off, &sent);
		if (st != ST_OK)
			return ST_SYS;
		w->off += sent;
		if (sent > 0)
			w->last_fed = clk_now();
		w->waits = w->waits == 0 ? w->last_fed : w->waits;
		if (w->off < w->cur->len)
			return ST_OK;
		w->fresh = false;
		pkt_unref(&w->cur);
	}
}

/* --- one process -------------------------------------------------------------------------------- */

/* The stream has ended, or another begins: what the process still has. */
static void take_rest(struct worker *w)
{
	const nsec deadline = clk_deadline(REST_TIME);
	enum status st;
	int got;

	remuxproc_finish(&w->proc);
	do {
		st = listen_to(w);
		if (st == ST_TIMEOUT)
			st = sock_wait(&w->proc.line, SOCK_IN, &got, deadline);
	} while (st == ST_OK);
}

/* It takes nothing, or has taken a lot, and says nothing. */
static bool hangs(const struct worker *w, bool full)
{
	return w->waits != 0 && (full ? clk_now() : w->last_fed) - w->waits > REMUX_HANGS;
}

static enum end end_of(struct worker *w, enum end end)
{
	return has_failed(w) ? END_FAILED : end;
}

/* Between channel and process until one of them is done. */
static enum end pump(struct worker *w)
{
	for (;;) {
		enum status st = listen_to(w), fed;
		nsec until;
		int got;

		if (st != ST_TIMEOUT)
			return st == ST_STOPPED ? END_STOP : end_of(w, END_GONE);
		fed = feed(w);
		if (fed == ST_STOPPED || fed == ST_EOF) {
			take_rest(w);
			return end_of(w, fed == ST_EOF ? END_HEAD : END_CLOSED);
		}
		if (fed == ST_SYS || hangs(w, fed == ST_OK)) {
			(void)!listen_to(w);    /* its last words */
			return end_of(w, END_GONE);
		}
		until = w->round_at;
		if (clk_now() >= w->round_at && !look(w, REMUX_LINGER, &until))
			return END_IDLE;
		if (fed == ST_OK && w->waits != 0)
			until = MIN(until, w->waits + REMUX_HANGS + NSEC_PER_MSEC);
		st = sock_wait(&w->proc.line, SOCK_IN | (fed == ST_OK ? SOCK_OUT : 0), &got, until);
		if (st == ST_STOPPED)
			return END_STOP;
		w->mail = w->mail || (got & SOCK_MAIL);
	}
}

/* Where the reader is to begin, and with what. The first time as far back as the ring goes, so that a phone
 * has its three segments at once; later what viewers have seen is not shown again. */
static enum status place(struct worker *w)
{
	const nsec deadline = clk_deadline(HEAD_TIME);
	struct chan_view v;
	uint64_t start;
	enum status st;

	pkt_unref(&w->cur);
	reader_reclaim(&w->rd);
	w->parked = false;
	do {
		st = chan_wait_head(w->c, &w->r->mb, deadline);
		if (st != ST_OK)
			return st;
		chan_view(w->c, &v);
		st = chan_place(w->c, &w->rd, w->end_us == TIME_BEGIN && v.oldest > 0 ? CHAN_FROM_POS :
			CHAN_FROM_LIVE, (uint32_t)(v.oldest - 1), &w->cur, &start);
		chan_view_fini(&v);
	} while (st == ST_OK && w->cur == NULL);
	return st;
}

static bool may_try_again(struct worker *w)
{
	const nsec now = clk_now();
	nsec *oldest = &w->deaths[w->n_deaths++ % REMUX_DEATHS];
	const bool many = *oldest != 0 && now - *oldest < 60 * NSEC_PER_SEC;

	*oldest = now;
	return !many;
}

static enum end run_one(struct worker *w)
{
	char why[REMUXPROC_WHY];
	struct chaninfo *info = chan_info(w->c);
	const char *format = remux_format(info->text[CT_TYPE]);
	enum end end;

	chaninfo_unref(&info);
	if (format == NULL) {
		set_state(w, REMUX_FAILED_STATE, 501, "the channel's type has changed");
		return END_FAILED;
	}
	w->put = 0;
	w->off = 0;
	w->m_first = w->m_next = 0;
	w->begun = false;
	w->waits = 0;
	w->put = w->cur->len;           /* the head counts like any data */
	set_mark(w, w->put, clk_now());
	w->fresh = w->cur->len > 0;
	if (!w->fresh)
		pkt_unref(&w->cur);
	if (remuxproc_start(&w->proc, format, w->end_us, &w->r->mb) != ST_OK) {
		set_state(w, REMUX_FAILED_STATE, 503, "no process for it");
		return END_FAILED;
	}
	end = pump(w);
	remuxproc_end(&w->proc, why);
	if (end == END_GONE)
		log_warn("remux: %s: its process %s", w->id, why);
	return end;
}

/* --- the thread --------------------------------------------------------------------------------- */

/* Processes, one after the other, until there is no use in another one. */
static enum end run_all(struct worker *w)
{
	enum end end = END_GONE;

	for (;;) {
		if (end == END_GONE) {
			const enum status st = place(w);

			if (st == ST_TIMEOUT) {
				set_state(w, REMUX_FAILED_STATE, 504, "the channel sends nothing");
				return END_FAILED;
			}
			if (st != ST_OK)
				return mbox_is_stopped(&w->r->mb) ? END_STOP : END_CLOSED;
		}
		end = run_one(w);
		if (end == END_GONE && !may_try_again(w)) {
			set_state(w, REMUX_FAILED_STATE, 503, "what makes MP4 of it dies again and again");
			return END_FAILED;
		}
		if (end != END_GONE && end != END_HEAD)
			return end;
	}
}

/* The last ones fetch the rest, or hear why there is none. */
static void linger(struct worker *w, nsec patience)
{
	const nsec deadline = clk_deadline(ENDED_TIME);
	nsec until;

	w->idle = 0;
	while (clk_left_ms(deadline) > 0 && look(w, patience, &until)) {
		const enum status st = mbox_wait(&w->r->mb, MIN(until, deadline));

		if (st == ST_STOPPED)
			break;
	}
}

void remux_run(struct app *a, void *arg)
{
	struct worker *w = calloc(1, sizeof(*w));
	struct remux *r = arg;
	enum end end = END_FAILED;
	nsec never;

	if (w == NULL) {
		remux_give_up(a->remux, r, "out of memory");
		remux_unref(a->remux, &r);
		return;
	}
	w->d = a->remux;
	w->r = r;
	w->c = r->c;
	w->end_us = TIME_BEGIN;
	w->proc.line.fd = -1;
	w->proc.line.mb = &r->mb;
	reader_init(&w->rd, &w->proc.line, false);
	w->rd.writes = true;
	gnuid_str(chan_id(w->c), w->id);
	log_info("remux: %s begins", w->id);
	if (chan_join(w->c, &w->rd) == ST_OK) {
		end = run_all(w);
		reader_reclaim(&w->rd);
		chan_leave(w->c, &w->rd);
	} else {
		end = END_CLOSED;
	}
	pkt_unref(&w->cur);
	reader_fini(&w->rd);
	if (end != END_FAILED)
		set_state(w, REMUX_ENDED, 0, "");
	if (end == END_CLOSED || end == END_FAILED)
		linger(w, end == END_FAILED ? REMUX_REMEMBER : 0);
	remuxd_lock(w->d);
	remux_unlist_locked(w->d, r);
	remuxd_unlock(w->d);
	end_sessions(w->d, r, clk_now(), true, &never);
	log_info("remux: %s ends", w->id);
	free(w);
	remux_unref(a->remux, &r);
}
