/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/reckeep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sys/bytes.h"
#include "core/sys/file.h"
#include "core/sys/log.h"
#include "core/sys/text.h"

#define LIST_MAX ((size_t)RECKEEP_MAX * (RECNAME + 24))
#define LIST_NEW RECKEEP_LIST ".new"

LOCK_DEFINE(keep, struct reckeep, mtx, lk_save)

void reckeep_init(struct reckeep *k)
{
	memset(k, 0, sizeof(*k));
	mtx_init(&k->mtx, &lk_save);
}

void reckeep_fini(struct reckeep *k) LOCK_IMPL /* the only thread left */
{
	free(k->v);
	mtx_fini(&k->mtx);
}

static void count_locked(struct reckeep *k) REQUIRES(lk_save)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < k->n; i++)
		bytes += k->v[i].bytes;
	atomic_store_explicit(&k->files, (uint32_t)k->n, memory_order_relaxed);
	atomic_store_explicit(&k->bytes, bytes, memory_order_relaxed);
}

static void take_out_locked(struct reckeep *k, size_t i) REQUIRES(lk_save)
{
	memmove(&k->v[i], &k->v[i + 1], (k->n - i - 1) * sizeof(k->v[0]));
	k->n--;
}

static enum status put_locked(struct reckeep *k, const struct reckeep_file *f) REQUIRES(lk_save)
{
	if (k->n == RECKEEP_MAX)
		take_out_locked(k, 0);
	if (k->n == k->cap) {
		const size_t cap = MAX(k->cap * 2, (size_t)16);
		struct reckeep_file *v = reallocarray(k->v, cap, sizeof(*v));

		if (v == NULL)
			return ST_LIMIT;
		k->v = v;
		k->cap = cap;
	}
	k->v[k->n++] = *f;
	return ST_OK;
}

/* --- the list --------------------------------------------------------------------------------- */

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
	while (st == ST_OK && n > 0) {
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

/* Replace the list: written beside it, then renamed. */
static enum status write_list_locked(struct reckeep *k, int dir) REQUIRES(lk_save)
{
	enum status st = ST_SYS;
	struct buf b;
	int fd;

	buf_init(&b, LIST_MAX);
	for (size_t i = 0; i < k->n; i++)
		buf_printf(&b, "%llu %s\n", (unsigned long long)k->v[i].ino, k->v[i].name);
	(void)unlinkat(dir, LIST_NEW, 0);       /* of one that was killed */
	fd = openat(dir, LIST_NEW, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd != -1 && b.err == ST_OK) {
		st = file_write_all(fd, b.p, b.len);
		if (st == ST_OK && fsync(fd) == -1)
			st = ST_SYS;
	}
	if (fd != -1)
		(void)close(fd);
	if (st == ST_OK && renameat(dir, LIST_NEW, dir, RECKEEP_LIST) == -1)
		st = ST_SYS;
	if (st != ST_OK)
		(void)unlinkat(dir, LIST_NEW, 0);
	buf_fini(&b);
	return st;
}

/* What an earlier run has noted and is still there. */
static void parse_list_locked(struct reckeep *k, int dir, const struct buf *b) REQUIRES(lk_save)
{
	const char *p = (const char *)b->p;
	size_t left = b->len;

	while (left > 0) {
		const char *end = memchr(p, '\n', left);
		const size_t n = end != NULL ? (size_t)(end - p) : left;
		struct reckeep_file f = { .busy = false };
		struct stat sb;

		if (recname_line(p, n, &f.ino, f.name) && is_ours(dir, &f, &sb)) {
			f.bytes = (uint64_t)sb.st_size;
			(void)!put_locked(k, &f);       /* no memory: it is forgotten, and stays */
		}
		p += n + (end != NULL);
		left -= n + (end != NULL);
	}
}

/* The list of that folder, whichever was there before. */
static enum status load_locked(struct reckeep *k, int dir, const char *path) REQUIRES(lk_save)
{
	enum status st;
	struct buf b;

	if (strcmp(k->dir, path) == 0)
		return ST_OK;
	k->n = 0;
	buf_init(&b, LIST_MAX);
	st = read_list(dir, &b);
	if (st == ST_OK) {
		parse_list_locked(k, dir, &b);
		(void)text_copy(k->dir, sizeof(k->dir), path);
		st = k->n > 0 || b.len > 0 ? write_list_locked(k, dir) : ST_OK;
	}
	buf_fini(&b);
	return st;
}

static enum status append_line(int dir, const struct reckeep_file *f)
{
	const int fd = openat(dir, RECKEEP_LIST,
		O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	char line[RECNAME + 24];
	enum status st;
	int n;

	if (fd == -1)
		return ST_SYS;
	n = snprintf(line, sizeof(line), "%llu %s\n", (unsigned long long)f->ino, f->name);
	st = file_write_all(fd, line, (size_t)n);
	(void)close(fd);
	return st;
}

/* --- files ------------------------------------------------------------------------------------ */

enum status reckeep_add(struct reckeep *k, const char *dir, const char *name, uint64_t ino)
{
	struct reckeep_file f = { .ino = ino, .busy = true };
	const int fd = open_dir(dir);
	enum status st;

	if (fd == -1)
		return ST_SYS;
	(void)text_copy(f.name, sizeof(f.name), name);
	keep_lock(k);
	st = load_locked(k, fd, dir);
	if (st == ST_OK)
		st = append_line(fd, &f);
	if (st == ST_OK)
		st = put_locked(k, &f);
	count_locked(k);
	keep_unlock(k);
	(void)close(fd);
	return st;
}

void reckeep_note(struct reckeep *k, const char *name, uint64_t bytes, bool done)
{
	keep_lock(k);
	for (size_t i = k->n; i > 0; i--) {
		if (strcmp(k->v[i - 1].name, name) != 0)
			continue;
		k->v[i - 1].bytes = bytes;
		k->v[i - 1].busy = !done;
		if (done && bytes == 0)
			take_out_locked(k, i - 1);
		break;
	}
	count_locked(k);
	keep_unlock(k);
}

/* Is there too much? */
static bool is_over(const struct reckeep *k, uint32_t files, uint64_t bytes)
{
	return (files > 0 && atomic_load_explicit(&k->files, memory_order_relaxed) > files) ||
		(bytes > 0 && atomic_load_explicit(&k->bytes, memory_order_relaxed) > bytes);
}

size_t reckeep_sweep(struct reckeep *k, uint32_t files, uint64_t bytes)
{
	size_t gone = 0, i = 0;
	bool changed = false;
	int dir;

	if (!is_over(k, files, bytes))
		return 0;
	keep_lock(k);
	dir = open_dir(k->dir);
	while (dir != -1 && i < k->n && is_over(k, files, bytes)) {
		struct stat sb;

		if (k->v[i].busy) {
			i++;
			continue;
		}
		if (is_ours(dir, &k->v[i], &sb)) {
			if (unlinkat(dir, k->v[i].name, 0) == -1)
				break;
			gone++;
		}
		take_out_locked(k, i);
		changed = true;
		count_locked(k);
	}
	if (changed)
		(void)!write_list_locked(k, dir); /* lines of files that are gone do no harm */
	keep_unlock(k);
	if (dir != -1)
		(void)close(dir);
	if (gone > 0)
		log_info("record: %zu of the oldest files deleted", gone);
	return gone;
}
