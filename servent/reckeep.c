/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/reckeep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utlist.h>

#include "core/sys/bytes.h"
#include "core/sys/file.h"
#include "core/sys/log.h"
#include "core/sys/text.h"

#define KEEP_LINE (RECNAME + 24)
#define LIST_MAX  ((size_t)RECKEEP_MAX * KEEP_LINE)
#define LIST_NEW  RECKEEP_LIST ".new"
#define SLACK     16                            /* lines too many, beside as many as there are files */
#define MANY      (SIZE_MAX / 2)                /* lines: write it anew */
#define BATCH     16                            /* files deleted at a time */
#define TURN_TIME (10 * NSEC_PER_SEC)

struct reckeep_file {
	uint64_t ino, bytes;
	bool busy;                      /* it is being written */
	char name[RECNAME];
};

struct files {
	struct reckeep_file *v;         /* oldest first */
	size_t n, cap;
};

/* Guarded by the lock, but for dev and ino. */
struct reckeep_dir {
	dev_t dev;                      /* constant, as the next */
	ino_t ino;
	char path[SETTINGS_LONG];       /* as last called */
	bool turn;                      /* somebody is at work there: no other adds files, or deletes */
	uint32_t waiting;               /* for the turn */
	bool loaded;                    /* the list has been read */
	size_t lines;                   /* in the list: of files, and of some that are gone */
	struct files files;
	struct reckeep_dir *prev, *next;
};

LOCK_DEFINE(keep, struct reckeep, mtx, lk_app)

void reckeep_init(struct reckeep *k)
{
	memset(k, 0, sizeof(*k));
	mtx_init(&k->mtx, &lk_app);
	cond_init(&k->cond);
}

static void destroy(struct reckeep_dir *d)
{
	free(d->files.v);
	free(d);
}

void reckeep_fini(struct reckeep *k) LOCK_IMPL /* the only thread left */
{
	struct reckeep_dir *d, *tmp;

	DL_FOREACH_SAFE(k->dirs, d, tmp) {
		DL_DELETE(k->dirs, d);
		destroy(d);
	}
	cond_fini(&k->cond);
	mtx_fini(&k->mtx);
}

/* --- files ------------------------------------------------------------------------------------ */

static void take_out(struct files *f, size_t i)
{
	memmove(&f->v[i], &f->v[i + 1], (f->n - i - 1) * sizeof(f->v[0]));
	f->n--;
}

static enum status put(struct files *f, const struct reckeep_file *one)
{
	size_t i = 0;

	if (f->n == RECKEEP_MAX) {
		while (i < f->n - 1 && f->v[i].busy)
			i++;
		take_out(f, i);
	}
	if (f->n == f->cap) {
		const size_t cap = MAX(f->cap * 2, (size_t)16);
		struct reckeep_file *v = reallocarray(f->v, cap, sizeof(*v));

		if (v == NULL)
			return ST_LIMIT;
		f->v = v;
		f->cap = cap;
	}
	f->v[f->n++] = *one;
	return ST_OK;
}

/* Those of v that are not written, which are in its order. */
static void take_out_all(struct files *f, const struct reckeep_file *v, size_t n)
{
	size_t to = 0, k = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct reckeep_file *one = &f->v[i];

		if (k < n && !one->busy && one->ino == v[k].ino && strcmp(one->name, v[k].name) == 0)
			k++;
		else
			f->v[to++] = *one;
	}
	f->n = to;
}

static void count_locked(struct reckeep *k) REQUIRES(lk_app)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < k->now->files.n; i++)
		bytes += k->now->files.v[i].bytes;
	atomic_store_explicit(&k->files, (uint32_t)k->now->files.n, memory_order_relaxed);
	atomic_store_explicit(&k->bytes, bytes, memory_order_relaxed);
}

/* --- the list on the disk --------------------------------------------------------------------- */

static int open_dir(const char *dir)
{
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Is it still the file that was noted? *sb: what it is now. */
static bool is_ours(int dir, const struct reckeep_file *f, struct stat *sb)
{
	return fstatat(dir, f->name, sb, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(sb->st_mode) &&
		sb->st_ino == f->ino;
}

/* Of a list that is too long, the end. */
static enum status read_list(int dir, struct buf *out)
{
	const int fd = openat(dir, RECKEEP_LIST, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	enum status st = ST_OK;
	struct stat sb;
	ssize_t n = 1;

	if (fd == -1)
		return errno == ENOENT ? ST_OK : ST_SYS;
	if (fstat(fd, &sb) == -1 || !S_ISREG(sb.st_mode))
		st = ST_PROTO;
	else if ((uint64_t)sb.st_size > LIST_MAX && lseek(fd, sb.st_size - (off_t)LIST_MAX, SEEK_SET) == -1)
		st = ST_SYS;
	while (st == ST_OK && n > 0 && out->len < LIST_MAX) {
		uint8_t *to = buf_reserve(out, 4096);

		n = to != NULL ? read(fd, to, 4096) : -1;
		if (n > 0)
			out->len += (size_t)n;
		else if (n == -1 && (to == NULL || errno != EINTR))
			st = to == NULL ? ST_LIMIT : ST_SYS;
	}
	(void)close(fd);
	return st;
}

/* Where the last RECKEEP_MAX lines begin. */
static size_t last_lines(const struct buf *b)
{
	size_t at = b->len, lines = 0;

	while (at > 0 && (b->p[at - 1] != '\n' || at == b->len || ++lines < RECKEEP_MAX))
		at--;
	return at;
}

/* What an earlier run has noted and is still there. Returns how many lines there were, MANY: too many,
 * or one is torn. */
static size_t parse_list(struct files *f, int dir, const struct buf *b)
{
	size_t at = last_lines(b), lines = 0;
	const bool cut = at > 0 || b->len >= LIST_MAX || (b->len > 0 && b->p[b->len - 1] != '\n');

	while (at < b->len) {
		const char *p = (const char *)b->p + at, *end = memchr(p, '\n', b->len - at);
		const size_t n = end != NULL ? (size_t)(end - p) : b->len - at;
		struct reckeep_file one = { .busy = false };
		struct stat sb;

		if (recname_line(p, n, &one.ino, one.name) && is_ours(dir, &one, &sb)) {
			one.bytes = (uint64_t)sb.st_size;
			(void)!put(f, &one);    /* no memory: it is forgotten, and stays */
		}
		at += n + (end != NULL);
		lines++;
	}
	return cut ? MANY : lines;
}

static enum status append_line(int dir, const struct reckeep_file *f)
{
	const int fd = openat(dir, RECKEEP_LIST,
		O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	char line[KEEP_LINE];
	enum status st;
	int n;

	if (fd == -1)
		return ST_SYS;
	n = snprintf(line, sizeof(line), "%llu %s\n", (unsigned long long)f->ino, f->name);
	st = file_write_all(fd, line, (size_t)n);
	(void)close(fd);
	return st;
}

/* Replace the list: written beside it, then renamed. */
static enum status write_list(int dir, const struct buf *b)
{
	enum status st = ST_SYS;
	int fd;

	(void)unlinkat(dir, LIST_NEW, 0);       /* of one that was killed */
	fd = openat(dir, LIST_NEW, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return ST_SYS;
	st = file_write_all(fd, b->p, b->len);
	if (st == ST_OK && fsync(fd) == -1)
		st = ST_SYS;
	(void)close(fd);
	if (st == ST_OK && renameat(dir, LIST_NEW, dir, RECKEEP_LIST) == -1)
		st = ST_SYS;
	if (st != ST_OK)
		(void)unlinkat(dir, LIST_NEW, 0);
	return st;
}

/* --- folders ---------------------------------------------------------------------------------- */

/* Folders nobody needs are known no more. */
static void forget_locked(struct reckeep *k) REQUIRES(lk_app)
{
	struct reckeep_dir *d, *tmp;

	DL_FOREACH_SAFE(k->dirs, d, tmp) {
		bool used = d == k->now || d->turn || d->waiting > 0;

		for (size_t i = 0; i < d->files.n && !used; i++)
			used = d->files.v[i].busy;
		if (used)
			continue;
		DL_DELETE(k->dirs, d);
		destroy(d);
	}
}

/* The folder; NULL: out of memory. */
static struct reckeep_dir *folder_locked(struct reckeep *k, const struct stat *sb, const char *path)
	REQUIRES(lk_app)
{
	struct reckeep_dir *d;

	DL_FOREACH(k->dirs, d)
		if (d->dev == sb->st_dev && d->ino == sb->st_ino)
			break;
	if (d == NULL) {
		d = calloc(1, sizeof(*d));
		if (d == NULL)
			return NULL;
		d->dev = sb->st_dev;
		d->ino = sb->st_ino;
		DL_APPEND(k->dirs, d);
	}
	(void)text_copy(d->path, sizeof(d->path), path);
	return d;
}

/* ST_OK, ST_TIMEOUT */
static enum status take_turn_locked(struct reckeep *k, struct reckeep_dir *d) REQUIRES(lk_app)
{
	const nsec deadline = clk_deadline(TURN_TIME);
	enum status st = ST_OK;

	d->waiting++;
	while (d->turn && st == ST_OK)
		st = cond_wait(&k->cond, &k->mtx, deadline);
	d->waiting--;
	if (d->turn)
		return ST_TIMEOUT;
	d->turn = true;
	return ST_OK;
}

static void end_turn_locked(struct reckeep *k, struct reckeep_dir *d) REQUIRES(lk_app)
{
	d->turn = false;
	cond_broadcast(&k->cond);
	forget_locked(k);
}

/* Read the list, unless it has been. It is our turn. */
static enum status load(struct reckeep *k, struct reckeep_dir *d, int dir)
{
	struct files files = { .v = NULL };
	size_t lines = 0;
	enum status st;
	struct buf b;
	bool loaded;

	keep_lock(k);
	loaded = d->loaded;
	keep_unlock(k);
	if (loaded)
		return ST_OK;
	buf_init(&b, LIST_MAX + 4096);
	st = read_list(dir, &b);
	if (st == ST_OK)
		lines = parse_list(&files, dir, &b);
	buf_fini(&b);
	if (st != ST_OK)
		return st;
	keep_lock(k);
	d->files = files;
	d->lines = lines;
	d->loaded = true;
	keep_unlock(k);
	return ST_OK;
}

/* Write the list anew when most of it is of files that are gone. It is our turn. */
static void tidy(struct reckeep *k, struct reckeep_dir *d, int dir)
{
	size_t n = 0;
	struct buf b;
	bool due;

	buf_init(&b, LIST_MAX);
	keep_lock(k);
	due = d->lines > d->files.n * 2 + SLACK;
	for (; due && n < d->files.n; n++)
		buf_printf(&b, "%llu %s\n", (unsigned long long)d->files.v[n].ino, d->files.v[n].name);
	keep_unlock(k);
	if (due && b.err == ST_OK && write_list(dir, &b) == ST_OK) {
		keep_lock(k);
		d->lines = n;
		keep_unlock(k);
	}
	buf_fini(&b);
}

/* --- what is written -------------------------------------------------------------------------- */

/* It is our turn. */
static enum status note_new(struct reckeep *k, struct reckeep_dir *d, int dir, const struct reckeep_file *f)
{
	enum status st = load(k, d, dir);

	if (st != ST_OK)
		return st;
	tidy(k, d, dir);
	st = append_line(dir, f);
	keep_lock(k);
	d->lines = st == ST_OK ? d->lines + 1 : MANY;
	if (st == ST_OK)
		st = put(&d->files, f);
	k->now = d;
	count_locked(k);
	keep_unlock(k);
	return st;
}

enum status reckeep_add(struct reckeep *k, const char *dir, const char *name, uint64_t ino,
	struct reckeep_dir **out)
{
	struct reckeep_file f = { .ino = ino, .busy = true };
	enum status st = ST_LIMIT;
	const int fd = open_dir(dir);
	struct reckeep_dir *d;
	struct stat sb;

	*out = NULL;
	if (fd == -1)
		return ST_SYS;
	if (fstat(fd, &sb) == -1) {
		(void)close(fd);
		return ST_SYS;
	}
	(void)text_copy(f.name, sizeof(f.name), name);
	keep_lock(k);
	d = folder_locked(k, &sb, dir);
	if (d != NULL)
		st = take_turn_locked(k, d);
	keep_unlock(k);
	if (st == ST_OK) {
		st = note_new(k, d, fd, &f);
		keep_lock(k);
		*out = st == ST_OK ? d : NULL;
		end_turn_locked(k, d);
		keep_unlock(k);
	}
	(void)close(fd);
	return st;
}

void reckeep_note(struct reckeep *k, struct reckeep_dir *d, uint64_t ino, uint64_t bytes, bool done)
{
	struct files *f = &d->files;

	keep_lock(k);
	for (size_t i = f->n; i > 0; i--) {
		if (!f->v[i - 1].busy || f->v[i - 1].ino != ino)
			continue;
		f->v[i - 1].bytes = bytes;
		f->v[i - 1].busy = !done;
		if (done && bytes == 0)
			take_out(f, i - 1);
		break;
	}
	count_locked(k);
	if (done)
		forget_locked(k);
	keep_unlock(k);
}

/* --- the oldest are deleted ------------------------------------------------------------------- */

/* Of all that is too much, a batch. */
static size_t choose_locked(const struct reckeep_dir *d, uint32_t files, uint64_t bytes,
	struct reckeep_file out[BATCH])
{
	uint64_t have = 0;
	size_t left = d->files.n, n = 0;

	for (size_t i = 0; i < d->files.n; i++)
		have += d->files.v[i].bytes;
	for (size_t i = 0; i < d->files.n && n < BATCH; i++) {
		if ((files == 0 || left <= files) && (bytes == 0 || have <= bytes))
			break;
		if (d->files.v[i].busy)
			continue;
		out[n++] = d->files.v[i];
		left--;
		have -= d->files.v[i].bytes;
	}
	return n;
}

/* Delete a batch. Returns how many of it are there no more, *gone of them by us. It is our turn. */
static size_t delete_batch(int dir, const struct reckeep_file *v, size_t n, size_t *gone)
{
	struct stat sb;
	size_t i = 0;

	for (; i < n; i++) {
		if (!is_ours(dir, &v[i], &sb))
			continue;
		if (unlinkat(dir, v[i].name, 0) == -1)
			break;
		(*gone)++;
	}
	return i;
}

/* It is our turn. */
static size_t sweep(struct reckeep *k, struct reckeep_dir *d, int dir, uint32_t files, uint64_t bytes)
{
	struct reckeep_file v[BATCH];
	size_t gone = 0, n, done;
	bool wanted;

	do {
		keep_lock(k);
		n = choose_locked(d, files, bytes, v);
		keep_unlock(k);
		done = delete_batch(dir, v, n, &gone);
		keep_lock(k);
		take_out_all(&d->files, v, done);
		count_locked(k);
		wanted = d->waiting > 0;        /* who waits goes on with it */
		keep_unlock(k);
	} while (n == BATCH && done == n && !wanted);
	tidy(k, d, dir);
	return gone;
}

/* Is there too much? */
static bool is_over(const struct reckeep *k, uint32_t files, uint64_t bytes)
{
	return (files > 0 && atomic_load_explicit(&k->files, memory_order_relaxed) > files) ||
		(bytes > 0 && atomic_load_explicit(&k->bytes, memory_order_relaxed) > bytes);
}

size_t reckeep_sweep(struct reckeep *k, struct reckeep_dir *d, uint32_t files, uint64_t bytes)
{
	char path[SETTINGS_LONG];
	size_t gone = 0;
	struct stat sb;
	bool ours;
	int dir;

	if (!is_over(k, files, bytes))
		return 0;
	keep_lock(k);
	ours = d == k->now && !d->turn;         /* else who is at work does it, or the next look */
	d->turn = d->turn || ours;
	(void)text_copy(path, sizeof(path), d->path);
	keep_unlock(k);
	if (!ours)
		return 0;
	dir = open_dir(path);
	if (dir != -1 && fstat(dir, &sb) == 0 && sb.st_dev == d->dev && sb.st_ino == d->ino)
		gone = sweep(k, d, dir, files, bytes);
	if (dir != -1)
		(void)close(dir);
	keep_lock(k);
	end_turn_locked(k, d);
	keep_unlock(k);
	if (gone > 0)
		log_info("record: %zu of the oldest files deleted", gone);
	return gone;
}
