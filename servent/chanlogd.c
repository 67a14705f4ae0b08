/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/chanlogd.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sys/lock.h"
#include "core/sys/log.h"
#include "core/sys/thr.h"

#define BATCH       64                          /* records built before they are written */
#define WRITE_MAX   ((size_t)64 * 1024)         /* bytes of one write(2) */
#define GATHER      BATCH                       /* records worth a wake-up of their own */
#define GATHER_TIME (50 * NSEC_PER_MSEC)        /* that the first of them waits for others */
#define CHANLOG_MODE 0640                       /* when nothing is said of it */
#define CHECK_TIME  (1 * NSEC_PER_SEC)          /* between two looks at the name */
#define RETRY_TIME  (1 * NSEC_PER_SEC)          /* after a failure */
#define ERROR_TIME  (60 * NSEC_PER_SEC)         /* between two lines about failures */
#define TAIL        ((size_t)2 * CHANLOG_RECORD_MAX) /* looked at of a log that is there */
#define STOPS       256                         /* trackers' goodbyes remembered */
#define STOP_TIME   (10 * NSEC_PER_SEC)         /* for so long */

/* A record to be written, as plain data. */
struct rec {
	bool is_end;
	enum chanlog_reason why;
	struct gnuid id;
	struct chaninfo *info;          /* a reference, or NULL */
	int64_t time_s;
	nsec created, now;
	struct hitstats stats;
};

struct stop {
	struct gnuid id;
	nsec at;                        /* 0 = free */
};

struct chanlogd {
	struct conf *conf;
	struct thr thr;

	struct mtx mtx;                                 /* lk_log */
	struct cond wake;                               /* of the thread */
	struct rec *q           GUARDED_BY(lk_log);     /* a ring of CHANLOGD_QUEUE */
	uint32_t head, n        GUARDED_BY(lk_log);
	bool stopping, reopen   GUARDED_BY(lk_log);
	struct chanlog_counts counts GUARDED_BY(lk_log);
	struct stop stops[STOPS] GUARDED_BY(lk_log);    /* newest overwrites oldest */
	uint32_t i_stops        GUARDED_BY(lk_log);

	/* the thread's own */
	struct chanlog_writer *writer;
	struct buf out;                 /* whole records, not written yet */
	size_t end[BATCH];              /* where they end in it */
	uint32_t n_end;
	int fd;                         /* -1 = closed */
	char path[SETTINGS_LONG];       /* of fd */
	char mended[SETTINGS_LONG];     /* the path whose end was looked at */
	uint32_t mode;                  /* as asked when it was opened; and its group */
	char group[SETTINGS_TEXT];
	bool torn;                      /* it ends in the middle of out's first record */
	dev_t dev;
	ino_t ino;
	bool regular;
	nsec checked;                   /* last look at the name */
	nsec told;                      /* last line about a failure; 0 = none since it worked */
	uint32_t untold;                /* failures since */
};

LOCK_DEFINE(cl, struct chanlogd, mtx, lk_log)

/* --- the file --------------------------------------------------------------------------------- */

static void fail(struct chanlogd *d, const char *path, const char *what) EXCLUDES(lk_log)
{
	const int e = errno;
	const nsec now = clk_now();

	cl_lock(d);
	d->counts.failed++;
	cl_unlock(d);
	d->untold++;
	if (d->told != 0 && now - d->told < ERROR_TIME)
		return;
	errno = e;
	log_error("channel log %s: %s: %s (%u times)", path, what, status_str(ST_SYS), d->untold);
	d->told = now;
	d->untold = 0;
}

static void close_file(struct chanlogd *d)
{
	if (d->fd != -1)
		(void)close(d->fd);
	d->fd = -1;
}

/* Have mode or group been changed since the file was opened? */
static bool is_redressed(const struct chanlogd *d, const struct settings *set)
{
	return set->chan_log_mode != d->mode || strcmp(set->chan_log_group, d->group) != 0;
}

/* Mode and group are ours to set on a file that we made. One that was there, such as logrotate's, is left as
 * it is, unless the settings name others than by default, or have changed. */
static bool wants_dress(const struct chanlogd *d, const struct settings *set, const struct stat *sb,
	bool made)
{
	return made || (S_ISREG(sb->st_mode) && sb->st_uid == geteuid() &&
		(set->chan_log_mode != CHANLOG_MODE || set->chan_log_group[0] != '\0' ||
		 is_redressed(d, set)));
}

static void dress(struct chanlogd *d, const struct settings *set)
{
	struct group gr, *found = NULL;
	char room[4096];

	if (fchmod(d->fd, (mode_t)(set->chan_log_mode & 0777)) == -1)
		log_warn("channel log %s: mode: %s", set->chan_log, status_str(ST_SYS));
	if (set->chan_log_group[0] == '\0')
		return;
	errno = getgrnam_r(set->chan_log_group, &gr, room, sizeof(room), &found);
	if (found == NULL && errno == 0)
		log_warn("channel log %s: no group \"%s\"", set->chan_log, set->chan_log_group);
	else if (found == NULL || fchown(d->fd, (uid_t)-1, found->gr_gid) == -1)
		log_warn("channel log %s: group: %s", set->chan_log, status_str(ST_SYS));
}

/* Drop the first n bytes of out. Returns how many records ended in them. */
static uint32_t consume(struct chanlogd *d, size_t n)
{
	uint32_t whole = 0;

	while (whole < d->n_end && d->end[whole] <= n)
		whole++;
	buf_consume(&d->out, n);
	d->n_end -= whole;
	for (uint32_t i = 0; i < d->n_end; i++)
		d->end[i] = d->end[i + whole] - n;
	return whole;
}

/* A record is lost: half of it is in another file. */
static void forget_first(struct chanlogd *d) EXCLUDES(lk_log)
{
	const uint32_t n = d->n_end > 0 ? consume(d, d->end[0]) : 0;

	d->torn = false;
	cl_lock(d);
	d->counts.dropped += n;
	cl_unlock(d);
}

/* A node that was killed while it wrote may have left the beginning of a record. Take it away, unless
 * somebody else is writing. Looked at once. */
static void mend(struct chanlogd *d) EXCLUDES(lk_log)
{
	struct stat before, after;
	size_t torn = 0, n;
	uint8_t *tail;
	int fd;

	if (!d->regular || d->torn || strcmp(d->mended, d->path) == 0)
		return;
	(void)text_copy(d->mended, sizeof(d->mended), d->path);
	fd = open(d->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	tail = malloc(TAIL);
	if (fd != -1 && tail != NULL && fstat(fd, &before) == 0 && before.st_dev == d->dev &&
	    before.st_ino == d->ino && before.st_size > 0) {
		n = (size_t)MIN(before.st_size, (off_t)TAIL);
		if (pread(fd, tail, n, before.st_size - (off_t)n) == (ssize_t)n)
			torn = chanlog_torn(tail, n);
	}
	if (torn > 0 && fstat(d->fd, &after) == 0 && after.st_size == before.st_size) {
		if (ftruncate(d->fd, after.st_size - (off_t)torn) == 0)
			log_warn("channel log %s: ended in the middle of a record: %zu bytes removed",
				d->path, torn);
		else
			fail(d, d->path, "truncate");
	}
	free(tail);
	if (fd != -1)
		(void)close(fd);
}

static enum status open_file(struct chanlogd *d, const struct settings *set)
{
	/* O_NONBLOCK: a FIFO without a reader is an error, not the end of this thread. */
	const int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	struct stat sb;
	bool made = false;

	close_file(d);
	d->fd = open(set->chan_log, flags);
	if (d->fd == -1 && errno == ENOENT) {
		d->fd = open(set->chan_log, flags | O_CREAT | O_EXCL, 0600);
		made = d->fd != -1;
		if (d->fd == -1 && errno == EEXIST)     /* somebody was faster */
			d->fd = open(set->chan_log, flags);
	}
	if (d->fd == -1 || fstat(d->fd, &sb) == -1) {
		fail(d, set->chan_log, "open");
		close_file(d);
		return ST_SYS;
	}
	/* A pipe would take half of a record. A device is its operator's wish. */
	if (!S_ISREG(sb.st_mode) && !S_ISCHR(sb.st_mode)) {
		errno = EINVAL;
		fail(d, set->chan_log, "not a regular file");
		close_file(d);
		return ST_SYS;
	}
	if (wants_dress(d, set, &sb, made))
		dress(d, set);
	(void)text_copy(d->path, sizeof(d->path), set->chan_log);
	d->mode = set->chan_log_mode;
	(void)text_copy(d->group, sizeof(d->group), set->chan_log_group);
	d->dev = sb.st_dev;
	d->ino = sb.st_ino;
	d->regular = S_ISREG(sb.st_mode);
	d->checked = clk_now();
	mend(d);
	/* The rest of a record does not go where its beginning is not. */
	if (d->torn)
		forget_first(d);
	return ST_OK;
}

/* Does the name lead elsewhere now? Looked at once in CHECK_TIME. */
static bool has_moved(struct chanlogd *d)
{
	const nsec now = clk_now();
	struct stat sb;

	if (now - d->checked < CHECK_TIME)
		return false;
	d->checked = now;
	return stat(d->path, &sb) == -1 || sb.st_dev != d->dev || sb.st_ino != d->ino;
}

/* The whole file becomes `.1` when `more` bytes would make it too long. */
static void rotate(struct chanlogd *d, const struct settings *set, size_t more)
{
	char old[SETTINGS_LONG + 4];
	struct stat sb;

	if (set->chan_log_max_size == 0 || d->fd == -1 || !d->regular || fstat(d->fd, &sb) == -1 ||
	    sb.st_size == 0 || (uint64_t)sb.st_size + more <= set->chan_log_max_size)
		return;
	snprintf(old, sizeof(old), "%s.1", d->path);
	if (rename(d->path, old) == -1)
		fail(d, d->path, "rename");
	else
		close_file(d);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The first n bytes of out are in the file; count the records that are whole. */
static void written(struct chanlogd *d, size_t n) EXCLUDES(lk_log)
{
	const uint32_t whole = consume(d, n);

	cl_lock(d);
	d->counts.written += whole;
	cl_unlock(d);
	if (d->told != 0)
		log_info("channel log %s: written again", d->path);
	d->told = 0;
	d->untold = 0;
}

/* Only n bytes of out went in, which cut a record. Take its beginning back while it is the end of the
 * file; *n becomes what counts as written.
 * returns  false when another writer came behind it: the rest has to follow as it is */
static bool take_back(struct chanlogd *d, size_t *n)
{
	size_t whole = 0;
	struct stat sb;
	off_t end;

	for (uint32_t i = 0; i < d->n_end && d->end[i] <= *n; i++)
		whole = d->end[i];
	if (whole == *n)
		return true;
	end = lseek(d->fd, 0, SEEK_CUR);        /* behind what was appended */
	if (!d->regular || end == -1 || fstat(d->fd, &sb) == -1 || sb.st_size != end ||
	    ftruncate(d->fd, end - (off_t)(*n - whole)) == -1)
		return false;
	*n = whole;
	return true;
}

static enum status write_out(struct chanlogd *d) EXCLUDES(lk_log)
{
	while (d->out.len > 0) {
		const ssize_t k = write(d->fd, d->out.p, d->out.len);
		size_t n = (size_t)k;

		if (k == -1 && errno == EINTR)
			continue;
		if (k <= 0) {
			fail(d, d->path, d->torn ? "write, after half a record" : "write");
			return ST_SYS;
		}
		if (!take_back(d, &n)) {
			d->torn = true;
			log_error("channel log %s: a record was cut by another writer", d->path);
		} else if (n == 0) {
			errno = ENOSPC; /* room for less than a record */
			fail(d, d->path, "write");
			return ST_SYS;
		} else {
			d->torn = false;
		}
		written(d, n);
	}
	return ST_OK;
}

/* Do the settings want another file, or this one otherwise? */
static bool is_other(const struct chanlogd *d, const struct settings *set)
{
	return strcmp(d->path, set->chan_log) != 0 || is_redressed(d, set);
}

/* Bring out to the file. ST_OK, or ST_SYS: it is still there, try again later. */
static enum status deliver(struct chanlogd *d, bool reopen) EXCLUDES(lk_log)
{
	const struct settings *set = conf_get(d->conf);
	enum status st = ST_OK;

	if (set->chan_log[0] == '\0') {
		close_file(d);
		buf_reset(&d->out);
		d->n_end = 0;
		goto out;
	}
	if (reopen || (d->fd != -1 && (is_other(d, set) || has_moved(d))))
		close_file(d);
	rotate(d, set, d->out.len);
	if (d->fd == -1 && d->out.len > 0)
		st = open_file(d, set);
	if (st == ST_OK)
		st = write_out(d);
out:
	settings_unref(&set);
	return st;
}

/* --- records ---------------------------------------------------------------------------------- */

static void build(struct chanlogd *d, const struct rec *r, bool compat)
{
	enum status st;

	if (r->is_end) {
		st = chanlog_end(d->writer, r->time_s, &r->id, r->why, &d->out);
	} else {
		const struct chanlog_update u = {
			.time_s = r->time_s, .id = &r->id, .info = r->info, .created = r->created,
			.stats = r->stats, .now = r->now, .compat = compat,
		};

		st = chanlog_update(d->writer, &u, &d->out);
	}
	if (st == ST_OK)
		d->end[d->n_end++] = d->out.len;
	else
		d->out.err = ST_OK;     /* no memory for this one: it is as it was */
}

/* The oldest record, when there is one and room for it in out. */
static bool take_locked(struct chanlogd *d, struct rec *r) REQUIRES(lk_log)
{
	if (d->n == 0 || d->n_end == BATCH || d->out.len + CHANLOG_RECORD_MAX > WRITE_MAX)
		return false;
	*r = d->q[d->head];
	d->head = (d->head + 1) % CHANLOGD_QUEUE;
	d->n--;
	return true;
}

/* Build what is queued, as much as goes into one write. */
static void fill(struct chanlogd *d) EXCLUDES(lk_log)
{
	const struct settings *set = conf_get(d->conf);
	const bool compat = set->chan_log_compat;
	struct rec r;
	bool more;

	settings_unref(&set);
	for (;;) {
		cl_lock(d);
		more = take_locked(d, &r);
		cl_unlock(d);
		if (!more)
			return;
		build(d, &r, compat);
		chaninfo_unref(&r.info);
	}
}

/* Sleep until there is something to do; after a failure at least RETRY_TIME. A busy root is spared a
 * wake-up and a write for every record: they are gathered for a moment. false = stopping. */
static bool sleep_for_work(struct chanlogd *d, bool failed, bool *reopen) EXCLUDES(lk_log)
{
	const nsec retry = clk_deadline(RETRY_TIME);
	enum status st = ST_OK;
	nsec gather;
	bool go_on;

	cl_lock(d);
	while (!d->stopping && !d->reopen && (failed ? st == ST_OK : d->n == 0))
		st = cond_wait(&d->wake, &d->mtx, failed ? retry : NSEC_NEVER);
	st = ST_OK;
	gather = clk_deadline(GATHER_TIME);
	while (!d->stopping && !d->reopen && d->n < GATHER && st == ST_OK)
		st = cond_wait(&d->wake, &d->mtx, gather);
	*reopen = d->reopen;
	d->reopen = false;
	go_on = !d->stopping;
	cl_unlock(d);
	return go_on;
}

static void run(void *arg)
{
	struct chanlogd *d = arg;
	bool failed = false, reopen, go_on;
	uint32_t left;

	do {
		go_on = sleep_for_work(d, failed, &reopen);
		do {
			fill(d);
			failed = deliver(d, reopen) != ST_OK;
			reopen = false;
			cl_lock(d);
			left = d->n;
			cl_unlock(d);
		} while (left > 0 && !failed);
	} while (go_on);
	if (d->n_end + left > 0)
		log_error("channel log: %u records are lost", d->n_end + left);
	close_file(d);
}

/* --- the others' side ------------------------------------------------------------------------- */

static void free_all(struct chanlogd *d) LOCK_IMPL /* the only thread left */
{
	for (; d->q != NULL && d->n > 0; d->n--) {
		chaninfo_unref(&d->q[d->head].info);
		d->head = (d->head + 1) % CHANLOGD_QUEUE;
	}
	free(d->q);
	buf_fini(&d->out);
	chanlog_writer_free(&d->writer);
	cond_fini(&d->wake);
	mtx_fini(&d->mtx);
	free(d);
}

enum status chanlogd_start(struct chanlogd **out, struct conf *conf) LOCK_IMPL /* nobody else yet */
{
	struct chanlogd *d = calloc(1, sizeof(*d));
	enum status st = ST_LIMIT;

	*out = NULL;
	if (d == NULL)
		return ST_LIMIT;
	d->conf = conf;
	d->fd = -1;
	d->mode = CHANLOG_MODE;
	mtx_init(&d->mtx, &lk_log);
	cond_init(&d->wake);
	buf_init(&d->out, WRITE_MAX);
	d->q = calloc(CHANLOGD_QUEUE, sizeof(*d->q));
	d->writer = chanlog_writer_new();
	if (d->q != NULL && d->writer != NULL)
		st = thr_start(&d->thr, "chanlog", run, d);
	if (st == ST_OK)
		*out = d;
	else
		free_all(d);
	return st;
}

void chanlogd_stop(struct chanlogd **dp, nsec deadline)
{
	struct chanlogd *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	cl_lock(d);
	d->stopping = true;
	cond_broadcast(&d->wake);
	cl_unlock(d);
	if (thr_join(&d->thr, deadline) == ST_OK)
		free_all(d);
	else
		log_error("channel log: the disk does not answer");    /* the process ends now anyway */
}

/* Takes r's reference. A full queue loses its oldest record. */
static void put(struct chanlogd *d, const struct rec *r) EXCLUDES(lk_log)
{
	struct chaninfo *lost = NULL;

	cl_lock(d);
	if (d->n == CHANLOGD_QUEUE) {
		lost = d->q[d->head].info;
		d->head = (d->head + 1) % CHANLOGD_QUEUE;
		d->n--;
		d->counts.dropped++;
	}
	d->q[(d->head + d->n++) % CHANLOGD_QUEUE] = *r;
	if (d->n == 1 || d->n == GATHER)
		cond_broadcast(&d->wake);
	cl_unlock(d);
	chaninfo_unref(&lost);
}

void chanlogd_update(struct chanlogd *d, const struct gnuid *id, const struct announce_result *res)
{
	const struct settings *set = conf_get(d->conf);
	const bool on = set->chan_log[0] != '\0';
	struct rec r = { .id = *id, .created = res->created };

	r.stats = set->chan_log_after_host ? res->after : res->before;
	settings_unref(&set);
	if (!on)
		return;
	r.info = res->info != NULL ? chaninfo_ref(res->info) : NULL;
	r.time_s = clk_wall_s();
	r.now = clk_now();
	put(d, &r);
}

void chanlogd_stopping(struct chanlogd *d, const struct gnuid *id)
{
	const nsec now = clk_now();

	cl_lock(d);
	d->stops[d->i_stops++ % STOPS] = (struct stop){ .id = *id, .at = now };
	cl_unlock(d);
}

void chanlogd_end(struct chanlogd *d, const struct gnuid *id, enum chanlog_reason why)
{
	const struct settings *set = conf_get(d->conf);
	const bool on = set->chan_log[0] != '\0' && set->chan_log_events;
	struct rec r = { .is_end = true, .id = *id, .why = why, .now = clk_now() };

	settings_unref(&set);
	if (!on)
		return;
	r.time_s = clk_wall_s();
	cl_lock(d);
	for (size_t i = 0; i < STOPS; i++) {
		struct stop *s = &d->stops[i];

		if (s->at == 0 || !gnuid_equal(&s->id, id))
			continue;
		if (r.now - s->at < STOP_TIME)
			r.why = CHANLOG_STOP;
		s->at = 0;
	}
	cl_unlock(d);
	put(d, &r);
}

void chanlogd_reopen(struct chanlogd *d)
{
	cl_lock(d);
	d->reopen = true;
	cond_broadcast(&d->wake);
	cl_unlock(d);
}

void chanlogd_counts(struct chanlogd *d, struct chanlog_counts *c)
{
	cl_lock(d);
	*c = d->counts;
	cl_unlock(d);
}
