/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/sys/assert.h"
#include "core/sys/clk.h"
#include "core/sys/event.h"
#include "core/sys/file.h"
#include "core/sys/logline.h"
#include "core/sys/rng.h"
#include "core/sys/text.h"
#include "core/sys/thr.h"

#define PEER_BUCKETS 256
#define PEER_LINES   10                 /* a minute (pcp.md 18) */
#define PEER_WINDOW  (60 * NSEC_PER_SEC)
#define SITE_BUCKETS 256
#define SITE_WINDOW  (1 * NSEC_PER_SEC)

/* One kept line; immutable, shared by the ring and by copies in the making. */
struct line {
	_Atomic uint32_t refs;          /* relaxed up, acq_rel down */
	enum log_level level;
	int64_t wall_s;
	size_t len;
	char text[];
};

/* How much the addresses, or places in the code, that hash here have said in their time. */
struct bucket {
	nsec since;                     /* its start; 0 = never */
	uint32_t lines, suppressed;
};

static struct log {
	struct mtx mtx;                                 /* lk_log */
	struct line *ring[LOG_RING]     GUARDED_BY(lk_log);     /* line no. k at k % LOG_RING */
	uint64_t first, next            GUARDED_BY(lk_log);     /* numbers kept: first .. next - 1 */
	struct bucket peers[PEER_BUCKETS] GUARDED_BY(lk_log);
	struct bucket sites[SITE_BUCKETS] GUARDED_BY(lk_log);
	uint64_t seed                   GUARDED_BY(lk_log);     /* nobody can aim at a bucket */
	char path[PATH_MAX]             GUARDED_BY(lk_log);     /* "" = stdout */
} the = { .mtx = MTX_INIT(lk_log), .first = 1, .next = 1 };

LOCK_DEFINE(log, struct log, mtx, lk_log)

/* Where lines go. Once a file was opened it stays that number: other files are put under it with
 * dup3(), which is atomic, so a writer never meets a closed or recycled one. Relaxed: the number
 * itself is all there is to see, and either sink is right for a line written meanwhile. */
static _Atomic int sink = STDOUT_FILENO;

/* One-way enough: a line more or less around a change does no harm, so relaxed. */
static _Atomic int least = LOG_INFO;
static _Atomic bool paused;

/* Relaxed: statistics. */
static _Atomic uint64_t written[LOG_OFF], held;

/* Relaxed: as for `least`. */
static _Atomic int form = LOG_TEXT;
static _Atomic bool journal;            /* the sink is the journal */
static _Atomic uint64_t size_max;
static _Atomic uint32_t keep_files = 1, site_rate;
static _Atomic uint64_t size;           /* of the file */
static _Atomic bool rotating;           /* acquire, release: by one thread at a time */

/* Does it have room for one more? Then *suppressed is what it had none for before. */
static bool bucket_may(struct bucket *b, nsec window, uint32_t most, uint32_t *suppressed)
{
	const nsec now = clk_now();

	if (b->since == 0 || now - b->since >= window) {
		*suppressed = b->suppressed;
		*b = (struct bucket){ .since = now };
	}
	if (b->lines >= most) {
		b->suppressed += b->suppressed < UINT32_MAX;
		return false;
	}
	b->lines++;
	return true;
}

/* --- sink ------------------------------------------------------------------------------------- */

/* Make fd the sink; consumes it. */
static enum status put_sink(int fd) REQUIRES(lk_log)
{
	const int old = atomic_load_explicit(&sink, memory_order_relaxed);

	if (old == STDOUT_FILENO) {
		atomic_store_explicit(&sink, fd, memory_order_relaxed);
		return ST_OK;
	}

	const int rc = dup3(fd, old, O_CLOEXEC);
	const int e = errno;

	(void)close(fd);
	errno = e;
	return rc == -1 ? ST_SYS : ST_OK;
}

/* Is this the stream that the journal of systemd reads? systemd.exec(5), JOURNAL_STREAM */
static bool is_journal(const struct stat *sb)
{
	const char *said = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;

	return said != NULL && sscanf(said, "%llu:%llu", &dev, &ino) == 2 &&
		dev == (unsigned long long)sb->st_dev && ino == (unsigned long long)sb->st_ino;
}

/* dup3() under lk_log: it takes no time worth naming, and two changes at once must not cross. */
enum status log_open(const char *path)
{
	char kept[PATH_MAX] = "";
	struct stat sb;
	enum status st;
	bool to_journal;
	int fd;

	if (path != NULL && !text_copy(kept, sizeof(kept), path)) {
		errno = ENAMETOOLONG;
		return ST_SYS;
	}
	fd = kept[0] == 0 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
			  : open(kept, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd == -1)
		return ST_SYS;
	if (fstat(fd, &sb) == -1)
		sb.st_size = 0;
	to_journal = kept[0] == 0 && is_journal(&sb);
	log_lock(&the);
	st = put_sink(fd);
	if (st == ST_OK)
		memcpy(the.path, kept, sizeof(the.path));
	log_unlock(&the);
	if (st == ST_OK) {
		atomic_store_explicit(&size, (uint64_t)sb.st_size, memory_order_relaxed);
		atomic_store_explicit(&journal, to_journal, memory_order_relaxed);
	}
	return st;
}

enum status log_reopen(void)
{
	char path[PATH_MAX];

	log_lock(&the);
	memcpy(path, the.path, sizeof(path));
	log_unlock(&the);
	return path[0] == 0 ? ST_OK : log_open(path);
}

void log_close(void)
{
	/* Back to stdout. Failing that (no fd to be had) lines go on to the old file. */
	const enum status st UNUSED = log_open(NULL);
}

void log_set_level(enum log_level l)
{
	atomic_store_explicit(&least, (int)l, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
	return (enum log_level)atomic_load_explicit(&least, memory_order_relaxed);
}

void log_pause(bool on)
{
	atomic_store_explicit(&paused, on, memory_order_relaxed);
}

void log_set_form(enum log_form f)
{
	atomic_store_explicit(&form, (int)f, memory_order_relaxed);
}

void log_set_limits(uint64_t max_size, uint32_t files, uint32_t rate)
{
	atomic_store_explicit(&size_max, max_size, memory_order_relaxed);
	atomic_store_explicit(&keep_files, MAX(files, 1u), memory_order_relaxed);
	atomic_store_explicit(&site_rate, rate, memory_order_relaxed);
}

/* --- rotation --------------------------------------------------------------------------------- */

/* Returns whether a new file is to be opened: not when this one is still there. */
static bool shift(const char *path, uint32_t keep)
{
	char from[PATH_MAX + 16], to[PATH_MAX + 16];
	bool gone = false;

	for (uint32_t i = keep; i > 0; i--) {
		(void)snprintf(to, sizeof(to), "%s.%u", path, i);
		(void)snprintf(from, sizeof(from), i > 1 ? "%s.%u" : "%s", path, i - 1);
		gone = rename(from, to) == 0 || errno == ENOENT;        /* what is not there need not go */
	}
	return gone;
}

/* n bytes were written. One thread moves the file away when it is full, the others write on meanwhile. */
static void grown(size_t n) EXCLUDES(lk_log);

static void grown(size_t n)
{
	const uint64_t max = atomic_load_explicit(&size_max, memory_order_relaxed);
	const uint64_t now = atomic_fetch_add_explicit(&size, n, memory_order_relaxed) + n;
	char path[PATH_MAX];

	if (max == 0 || now < max || atomic_exchange_explicit(&rotating, true, memory_order_acquire))
		return;
	log_lock(&the);
	memcpy(path, the.path, sizeof(path));
	log_unlock(&the);
	atomic_store_explicit(&size, 0, memory_order_relaxed);
	/* one that cannot be moved grows on, and is tried again when it has grown by as much once more */
	if (path[0] != '\0' && shift(path, atomic_load_explicit(&keep_files, memory_order_relaxed))) {
		const enum status st UNUSED = log_open(path);   /* failing that the old one goes on */
	}
	atomic_store_explicit(&rotating, false, memory_order_release);
}

/* --- lines ------------------------------------------------------------------------------------ */

const char *log_level_str(enum log_level l)
{
	static const char *const names[] = { "TRAC", "DBUG", "INFO", "WARN", "EROR", "FATL" };

	ASSERT(l >= LOG_TRACE && l <= LOG_FATAL);
	return names[l - LOG_TRACE];
}

static bool is_wanted(enum log_level l)
{
	return (int)l >= atomic_load_explicit(&least, memory_order_relaxed) &&
		!atomic_load_explicit(&paused, memory_order_relaxed);
}

static void line_unref(struct line *l)
{
	/* acq_rel: other readers are done with it before the last one frees it. */
	if (l != NULL && atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) == 1)
		free(l);
}

/* Remember a line in the ring. Out of memory: it is only missing there. */
static void keep(enum log_level level, int64_t wall_s, const char *text, size_t len)
	EXCLUDES(lk_log)
{
	struct line *l = malloc(sizeof(*l) + len), *old;

	if (l == NULL)
		return;
	atomic_init(&l->refs, 1);
	l->level = level;
	l->wall_s = wall_s;
	l->len = len;
	memcpy(l->text, text, len);

	log_lock(&the);
	old = the.ring[the.next % LOG_RING];
	the.ring[the.next % LOG_RING] = l;
	the.next++;
	if (the.next - the.first > LOG_RING)
		the.first++;
	log_unlock(&the);
	line_unref(old);
}

/* Format, escape, write, keep. */
static void emit(enum log_level level, const struct host *peer, uint32_t suppressed, const char *fmt,
	va_list ap)
	PRINTF_LIKE(4, 0) EXCLUDES(lk_log);

static void emit(enum log_level level, const struct host *peer, uint32_t suppressed, const char *fmt,
	va_list ap)
{
	char raw[LOG_LINE], note[40] = "", text[LOG_LINE], line[LOGLINE_MAX], thread[THR_NAME] = "";
	char at[HOST_STRLEN];
	struct logline l = { .level = level, .wall_ns = clk_wall_ns(), .thread = thread, .text = text };
	size_t len;
	int n;

	n = vsnprintf(raw, sizeof(raw), fmt, ap);
	if (n < 0)
		return;
	len = (size_t)n < sizeof(raw) ? (size_t)n : text_cut(raw, sizeof(raw) - 1);
	if (suppressed > 0)
		(void)snprintf(note, sizeof(note), " (+%u suppressed)", suppressed);
	/* The note is never what is cut. */
	(void)text_escape(text, LOG_LINE - strlen(note), raw, len);
	len = strlen(text);
	memcpy(text + len, note, strlen(note) + 1);
	len += strlen(note);

	atomic_fetch_add_explicit(&written[level], 1, memory_order_relaxed);
	keep(level, l.wall_ns / NSEC_PER_SEC, text, len);
	if (atomic_load_explicit(&form, memory_order_relaxed) == LOG_JSON) {
		thr_get_name(thread);
		l.peer = peer != NULL ? host_str(peer, at) : NULL;
	}
	len = logline_emit(line, (enum log_form)atomic_load_explicit(&form, memory_order_relaxed),
		atomic_load_explicit(&journal, memory_order_relaxed), &l);
	/* One write of the whole line: O_APPEND files and pipes do not mix those of two threads. A
	 * full disk or closed pipe has nobody to be reported to. */
	const enum status st UNUSED =
		file_write_all(atomic_load_explicit(&sink, memory_order_relaxed), line, len);
	grown(len);
	event_wake(EVENT_LOG);
}

/* May another line come from this place? Then *suppressed is what was held back before it. */
static bool site_may_speak(const char *fmt, uint32_t *suppressed) EXCLUDES(lk_log);

static bool site_may_speak(const char *fmt, uint32_t *suppressed)
{
	const uint32_t most = atomic_load_explicit(&site_rate, memory_order_relaxed);
	struct bucket *b;
	bool may;

	*suppressed = 0;
	if (most == 0)
		return true;
	log_lock(&the);
	b = &the.sites[((uintptr_t)fmt * 0x9E3779B1u >> 8) % SITE_BUCKETS];
	may = bucket_may(b, SITE_WINDOW, most, suppressed);
	log_unlock(&the);
	if (!may)
		atomic_fetch_add_explicit(&held, 1, memory_order_relaxed);
	return may;
}

void log_at(enum log_level l, const char *fmt, ...)
{
	const int e = errno;
	uint32_t suppressed;
	va_list ap;

	if (!is_wanted(l) || !site_may_speak(fmt, &suppressed))
		return;
	va_start(ap, fmt);
	errno = e;      /* for a %m or status_str() in fmt */
	emit(l, NULL, suppressed, fmt, ap);
	va_end(ap);
	errno = e;      /* so that a caller may log before it returns ST_SYS */
}

/* Addresses share buckets by hash (IPv6 by its /64), so that no number of addresses can make more
 * than PEER_BUCKETS * PEER_LINES lines a minute. */
static struct bucket *bucket_of(const struct host *peer) REQUIRES(lk_log)
{
	const size_t n = host_is_v4(peer) ? 16 : 8;
	uint64_t h;

	if (the.seed == 0) {
		/* A system call under the lock, but only once. */
		rng_bytes(&the.seed, sizeof(the.seed));
		the.seed |= 1;
	}
	h = the.seed;
	for (size_t i = 0; i < n; i++) {
		h = (h ^ peer->ip[i]) * 0x9E3779B97F4A7C15u;
		h ^= h >> 29;
	}
	return &the.peers[h % PEER_BUCKETS];
}

/* May another line go out? Then *suppressed is what was held back before it. */
static bool peer_may_speak(const struct host *peer, uint32_t *suppressed) EXCLUDES(lk_log)
{
	bool may;

	*suppressed = 0;
	log_lock(&the);
	may = bucket_may(bucket_of(peer), PEER_WINDOW, PEER_LINES, suppressed);
	log_unlock(&the);
	if (!may)
		atomic_fetch_add_explicit(&held, 1, memory_order_relaxed);
	return may;
}

void log_peer(enum log_level l, const struct host *peer, const char *fmt, ...)
{
	const int e = errno;
	uint32_t suppressed;
	va_list ap;

	if (!is_wanted(l) || !peer_may_speak(peer, &suppressed))
		return;
	va_start(ap, fmt);
	errno = e;      /* for a %m or status_str() in fmt */
	emit(l, peer, suppressed, fmt, ap);
	va_end(ap);
	errno = e;
}

void log_get_counts(struct log_counts *c)
{
	for (size_t i = 0; i < LOG_OFF; i++)
		c->lines[i] = atomic_load_explicit(&written[i], memory_order_relaxed);
	c->held = atomic_load_explicit(&held, memory_order_relaxed);
}

/* --- copies ----------------------------------------------------------------------------------- */

/* "Fri Nov 20 09:44:44 2026 [DBUG] text"; English whatever the locale. */
static bool line_print(struct buf *out, const struct line *l, bool lf)
{
	static const char day[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char mon[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
		"Oct", "Nov", "Dec" };
	const time_t t = (time_t)l->wall_s;
	char head[64];
	struct tm tm;
	size_t n;

	if (localtime_r(&t, &tm) == NULL)
		tm = (struct tm){ .tm_mday = 1, .tm_year = 70 };
	(void)snprintf(head, sizeof(head), "%s%s %s %2d %02d:%02d:%02d %d [%s] ", lf ? "\n" : "",
		day[tm.tm_wday], mon[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		tm.tm_year + 1900, log_level_str(l->level));
	n = strlen(head);
	/* Whole lines only, and no error for a reader that asked for more than it can hold. */
	if (out->err != ST_OK || n + l->len > out->max - out->len ||
	    buf_reserve(out, n + l->len) == NULL)
		return false;
	buf_put(out, head, n);
	buf_put(out, l->text, l->len);
	return true;
}

void log_copy(struct buf *out, uint64_t from, uint32_t max, uint64_t *first, uint32_t *n)
{
	struct line *l[LOG_RING];
	uint32_t have = 0;
	bool room = true;

	log_lock(&the);
	from = MIN(MAX(from, the.first), the.next);
	for (; have < max && from + have < the.next; have++) {
		l[have] = the.ring[(from + have) % LOG_RING];
		/* Relaxed: the ring's own reference keeps it while we hold the lock. */
		(void)atomic_fetch_add_explicit(&l[have]->refs, 1, memory_order_relaxed);
	}
	log_unlock(&the);

	*first = from;
	*n = 0;
	for (uint32_t i = 0; i < have; i++) {
		room = room && line_print(out, l[i], i > 0);
		*n += room;
		line_unref(l[i]);
	}
}

void log_clear(void)
{
	struct line *old[LOG_RING];

	log_lock(&the);
	memcpy(old, the.ring, sizeof(old));
	memset(the.ring, 0, sizeof(the.ring));
	the.first = the.next;
	log_unlock(&the);
	for (size_t i = 0; i < LOG_RING; i++)
		line_unref(old[i]);
}

bool log_next(uint64_t *after, struct log_record *r)
{
	struct line *l = NULL;
	uint64_t at;

	log_lock(&the);
	at = MAX(*after + 1, the.first);
	if (at < the.next) {
		l = the.ring[at % LOG_RING];
		/* relaxed: as in log_copy() */
		(void)atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
	}
	log_unlock(&the);
	if (l == NULL)
		return false;
	*after = r->number = at;
	r->level = l->level;
	r->wall_s = l->wall_s;
	memcpy(r->text, l->text, l->len);
	r->text[l->len] = '\0';
	line_unref(l);
	return true;
}

uint64_t log_newest(void)
{
	uint64_t n;

	log_lock(&the);
	n = the.next - 1;
	log_unlock(&the);
	return n;
}

uint64_t log_oldest(void)
{
	uint64_t n;

	log_lock(&the);
	n = the.first;
	log_unlock(&the);
	return n;
}
