/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/feedd.h"

#ifdef HAVE_CURL

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/sys/event.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "core/sys/thr.h"
#include "servent/transfer.h"

/* A feed being fetched. */
struct job {
	struct dirfeed *feed;
	struct transfer t;
	bool runs;
	char etag[CHANDIR_TAG], modified[CHANDIR_TAG];
};

struct feedd {
	struct node *node;
	struct thr thr;
	struct mbox mb;

	struct mtx mtx;                                 /* lk_log */
	struct cond done;                               /* a round has ended, or we stop */
	uint64_t begun, ended   GUARDED_BY(lk_log);     /* rounds */
	nsec last               GUARDED_BY(lk_log);     /* when the last one began; 0 = never */
	bool asked, stopping    GUARDED_BY(lk_log);

	/* the thread's own */
	struct dirfeed *feeds;
	size_t n;
};

LOCK_DEFINE(fd, struct feedd, mtx, lk_log)

/* --- one request ------------------------------------------------------------------------------ */

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
	struct job *j = ctx;

	(void)size;
	if (n >= 5 && memcmp(p, "HTTP/", 5) == 0)       /* of another answer, behind a redirect */
		j->etag[0] = j->modified[0] = '\0';
	(void)transfer_take_header(p, n, "ETag", j->etag, sizeof(j->etag));
	(void)transfer_take_header(p, n, "Last-Modified", j->modified, sizeof(j->modified));
	return n;
}

void feedd_url(char dst[FEEDD_URL], const char *feed, uint16_t port)
{
	(void)snprintf(dst, FEEDD_URL, "%s%chost=localhost:%u", feed, strchr(feed, '?') != NULL ? '&' : '?',
		port);
}

/* Our header function, and what makes the server send nothing new. */
static bool set_up(struct job *j)
{
	const struct curl_api *c = j->t.curl;
	bool ok = c->easy_setopt(j->t.easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;

	ok = c->easy_setopt(j->t.easy, CURLOPT_HEADERDATA, j) == CURLE_OK && ok;
	ok = c->easy_setopt(j->t.easy, CURLOPT_PRIVATE, j) == CURLE_OK && ok;
	if (j->feed->list != NULL && j->feed->etag[0] != '\0')
		transfer_header(&j->t, "If-None-Match", j->feed->etag);
	if (j->feed->list != NULL && j->feed->modified[0] != '\0')
		transfer_header(&j->t, "If-Modified-Since", j->feed->modified);
	return ok;
}

/* --- its end ---------------------------------------------------------------------------------- */

/* A line into the feed's own log; the oldest ones give way. */
static void note(struct dirfeed *f, const char *text)
{
	char line[600];
	const time_t t = (time_t)clk_wall_s();
	struct tm tm = { .tm_mday = 1, .tm_year = 70 };
	size_t n, have = strlen(f->log);

	(void)localtime_r(&t, &tm);
	(void)snprintf(line, sizeof(line), "%04d/%02d/%02d %02d:%02d:%02d %.500s\n", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, text);
	n = strlen(line);
	while (have + n >= sizeof(f->log)) {
		const char *lf = memchr(f->log, '\n', have);
		const size_t cut = lf != NULL ? (size_t)(lf - f->log) + 1 : have;

		memmove(f->log, f->log + cut, have - cut + 1);
		have -= cut;
	}
	memcpy(f->log + have, line, n + 1);
}

static void failed(struct dirfeed *f, const char *why)
{
	char clean[300];

	/* what a server has a hand in is text like any other */
	(void)text_clean(clean, sizeof(clean), why, strlen(why));
	if (f->status != FEEDSTATUS_ERROR)
		log_warn("feed %s: %s", f->url, clean);
	f->status = FEEDSTATUS_ERROR;
	note(f, clean);
	event_tell(EVENT_FEED, "failed", NULL, NULL, 0, NULL, f->url);
}

static void take_list(struct job *j)
{
	struct dirfeed *f = j->feed;
	struct feedlist *l;
	char text[200];

	if (feed_parse(j->t.body.p != NULL ? (const void *)j->t.body.p : "", j->t.body.len, &l) != ST_OK) {
		failed(f, "out of memory");
		return;
	}
	if (feedlist_fault(l, text, sizeof(text)) && l->n == 0) {
		feedlist_unref(&l);
		failed(f, text);
		return;
	}
	feedlist_unref(&f->list);
	f->list = l;
	f->near = j->t.near;
	memcpy(f->etag, j->etag, sizeof(f->etag));
	memcpy(f->modified, j->modified, sizeof(f->modified));
	f->updated_s = clk_wall_s();
	if (l->bad > 0) {
		failed(f, text);
		return;
	}
	(void)snprintf(text, sizeof(text), "%zu channels", l->n);
	note(f, text);
	if (f->status != FEEDSTATUS_OK)
		log_info("feed %s: %s", f->url, text);
	f->status = FEEDSTATUS_OK;
	event_tell(EVENT_FEED, "updated", NULL, NULL, (uint32_t)l->n, NULL, f->url);
}

static void judge(struct job *j, CURLcode rc)
{
	struct dirfeed *f = j->feed;
	char text[64];
	long http;
	const char *why = transfer_fault(&j->t, rc, &http);

	f->tried_s = clk_wall_s();
	if (why != NULL) {
		failed(f, why);
	} else if (http == 304 && f->list != NULL) {
		f->status = f->list->bad > 0 ? FEEDSTATUS_ERROR : FEEDSTATUS_OK;
		f->updated_s = f->tried_s;
		note(f, "unchanged");
	} else if (http == 200) {
		take_list(j);
	} else {
		(void)snprintf(text, sizeof(text), "the server answers %ld", http);
		failed(f, text);
	}
}

/* --- a round ---------------------------------------------------------------------------------- */

static void job_end(struct job *j, CURLM *multi)
{
	if (!j->runs)
		return;
	j->runs = false;
	(void)j->t.curl->multi_remove_handle(multi, j->t.easy);
	transfer_fini(&j->t);
}

static void job_begin(struct feedd *f, struct job *j, CURLM *multi)
{
	char url[FEEDD_URL];
	struct own own;

	servmgr_own(f->node->sm, &own);
	feedd_url(url, j->feed->url, own.port);
	if (transfer_init(&j->t, f->node->sm, url, FEEDD_TIME, FEED_BODY, FEEDD_REDIRECTS, false) != ST_OK) {
		failed(j->feed, "out of memory");
		return;
	}
	j->runs = set_up(j) && j->t.curl->multi_add_handle(multi, j->t.easy) == CURLM_OK;
	if (j->runs)
		return;
	failed(j->feed, "out of memory");
	transfer_fini(&j->t);
}

static void publish(struct feedd *f)
{
	if (chandir_put(&f->node->chandir, f->feeds, f->n) != ST_OK)
		log_error("feeds: no memory for the list of channels; the old one stays");
}

/* Those that are through. */
static void reap(struct feedd *f, const struct curl_api *curl, CURLM *multi)
{
	bool any = false;
	CURLMsg *m;
	int left;

	while ((m = curl->multi_info_read(multi, &left)) != NULL) {
		struct job *j = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl->easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &j);
		judge(j, m->data.result);
		job_end(j, multi);
		any = true;
	}
	if (any)
		publish(f);
}

/* All at once, until the last has ended or we are stopped. */
static void transfer(struct feedd *f, const struct curl_api *curl, CURLM *multi)
{
	struct curl_waitfd wake = { .fd = f->mb.efd, .events = CURL_WAIT_POLLIN };
	int running = 1;

	while (!mbox_is_stopped(&f->mb)) {
		if (curl->multi_perform(multi, &running) != CURLM_OK)
			return;
		reap(f, curl, multi);
		if (running == 0)
			return;
		/* libcurl's own timers end it sooner */
		if (curl->multi_poll(multi, &wake, 1, 60 * 1000, NULL) != CURLM_OK)
			return;
		if (wake.revents != 0)
			mbox_drain(&f->mb);
	}
}

static void round_of(struct feedd *f)
{
	const struct curl_api *curl = f->n > 0 ? curl_api() : NULL;
	struct job *jobs = calloc(f->n + 1, sizeof(*jobs));
	CURLM *multi = curl != NULL ? curl->multi_init() : NULL;

	for (size_t i = 0; i < f->n && (jobs == NULL || multi == NULL); i++)
		failed(&f->feeds[i], curl == NULL ? curl_missing() : "out of memory");
	if (jobs != NULL && multi != NULL) {
		for (size_t i = 0; i < f->n; i++) {
			jobs[i].feed = &f->feeds[i];
			job_begin(f, &jobs[i], multi);
		}
		transfer(f, curl, multi);
		for (size_t i = 0; i < f->n; i++)
			job_end(&jobs[i], multi);
	}
	if (multi != NULL)
		(void)curl->multi_cleanup(multi);
	free(jobs);
	publish(f);
}

/* --- the thread ------------------------------------------------------------------------------- */

static const struct dirfeed *known_feed(const struct feedd *f, const char *url)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->feeds[i].url, url) == 0)
			return &f->feeds[i];
	return NULL;
}

/* Take over what the settings name; what is known of a feed stays. Returns true when there are others than
 * before. */
static bool take_settings(struct feedd *f)
{
	const struct settings *set = conf_get(f->node->conf);
	const struct settings_feed *want;
	struct dirfeed *new;
	size_t n, same = 0;

	want = settings_feeds(set, &n);
	new = calloc(n + 1, sizeof(*new));
	for (size_t i = 0; new != NULL && i < n; i++) {
		const struct dirfeed *old = known_feed(f, want[i].url);

		if (old != NULL) {
			new[i] = *old;
			same++;
		}
		if (new[i].list != NULL)
			(void)feedlist_ref(new[i].list);
		(void)text_copy(new[i].url, sizeof(new[i].url), want[i].url);
		(void)text_copy(new[i].root_host, sizeof(new[i].root_host),
			want[i].root_host[0] != '\0' ? want[i].root_host : chandir_known_root(want[i].url));
	}
	settings_unref(&set);
	if (new == NULL)
		return false;
	same = same == n && n == f->n ? 1 : 0;
	for (size_t i = 0; i < f->n; i++)
		feedlist_unref(&f->feeds[i].list);
	free(f->feeds);
	f->feeds = new;
	f->n = n;
	return same == 0;
}

/* Is a round due? Then it has begun. */
static bool is_due(struct feedd *f, bool changed, nsec *next)
{
	const nsec now = clk_now();
	bool due;

	fd_lock(f);
	due = changed || f->asked || f->last == 0 || now - f->last >= FEEDD_EVERY;
	if (due) {
		f->asked = false;
		f->last = now;
		f->begun++;
	}
	*next = f->last + FEEDD_EVERY;
	fd_unlock(f);
	return due;
}

static void run(void *arg)
{
	struct feedd *f = arg;
	enum status st = ST_OK;

	while (st != ST_STOPPED) {
		const bool changed = take_settings(f);
		nsec next;

		if (changed)
			publish(f);
		if (is_due(f, changed && f->n > 0, &next)) {
			round_of(f);
			fd_lock(f);
			f->ended = f->begun;
			cond_broadcast(&f->done);
			fd_unlock(f);
		}
		/* without feeds there is nothing to come round to */
		st = mbox_wait(&f->mb, f->n > 0 ? next : NSEC_NEVER);
	}
	fd_lock(f);
	f->stopping = true;
	cond_broadcast(&f->done);
	fd_unlock(f);
}

enum status feedd_fetch(struct feedd *f, nsec pace, nsec deadline)
{
	enum status st = ST_OK;
	uint64_t want;

	if (f == NULL)
		return ST_STOPPED;
	fd_lock(f);
	want = f->begun;
	/* one that runs is as good as a new one; one that is young as well */
	if (f->begun == f->ended && (f->last == 0 || clk_now() - f->last >= pace)) {
		f->asked = true;
		want++;
	}
	fd_unlock(f);
	mbox_wake(&f->mb);
	fd_lock(f);
	while (st == ST_OK && f->ended < want && !f->stopping)
		st = cond_wait(&f->done, &f->mtx, deadline);
	if (f->stopping)
		st = ST_STOPPED;
	fd_unlock(f);
	return st;
}

void feedd_wake(struct feedd *f)
{
	if (f != NULL)
		mbox_wake(&f->mb);
}

static void feedd_free(struct feedd **fp) LOCK_IMPL /* the only thread left */
{
	struct feedd *f = *fp;

	*fp = NULL;
	for (size_t i = 0; i < f->n; i++)
		feedlist_unref(&f->feeds[i].list);
	free(f->feeds);
	mbox_fini(&f->mb);
	cond_fini(&f->done);
	mtx_fini(&f->mtx);
	free(f);
}

enum status feedd_start(struct feedd **out, struct node *n)
{
	struct feedd *f = calloc(1, sizeof(*f));
	enum status st;

	*out = NULL;
	if (f == NULL)
		return ST_LIMIT;
	f->node = n;
	st = mbox_init(&f->mb);
	if (st != ST_OK) {
		free(f);
		return st;
	}
	mtx_init(&f->mtx, &lk_log);
	cond_init(&f->done);
	st = thr_start(&f->thr, "feeds", run, f);
	if (st != ST_OK)
		feedd_free(&f);
	*out = f;
	return st;
}

void feedd_end(struct feedd *f)
{
	if (f != NULL)
		mbox_stop_soft(&f->mb);
}

bool feedd_stop(struct feedd **fp, nsec deadline)
{
	struct feedd *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return true;
	feedd_end(f);
	if (thr_join(&f->thr, deadline) != ST_OK) {
		log_error("feeds: the thread does not end");
		return false;
	}
	feedd_free(&f);
	return true;
}

#else

#include "core/sys/log.h"
#include "servent/curl.h"

enum status feedd_start(struct feedd **out, struct node *n)
{
	const struct settings *set = conf_get(n->conf);
	size_t feeds;

	*out = NULL;
	(void)settings_feeds(set, &feeds);
	settings_unref(&set);
	if (feeds > 0)
		log_warn("feeds: not fetched: %s", curl_missing());
	return ST_OK;
}

void feedd_end(struct feedd *f)
{
	(void)f;
}

bool feedd_stop(struct feedd **f, nsec deadline)
{
	(void)deadline;
	*f = NULL;
	return true;
}

void feedd_wake(struct feedd *f)
{
	(void)f;
}

enum status feedd_fetch(struct feedd *f, nsec pace, nsec deadline)
{
	(void)f;
	(void)pace;
	(void)deadline;
	return ST_STOPPED;
}

#endif
