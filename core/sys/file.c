/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sys/text.h"

#define LINKS_MAX 16            /* symbolic links followed in a row */
#define READ_STEP 65536         /* bytes asked for at once */
#define TEMPORARY ".new-XXXXXX" /* behind the name, while the next content is written; as mkstemp() has it */
#define RANDOM    6             /* of these, at the end */

enum status file_write_all(int fd, const void *p, size_t n)
{
	const uint8_t *b = p;

	while (n > 0) {
		const ssize_t k = write(fd, b, n);

		if (k == -1) {
			if (errno == EINTR)
				continue;
			return ST_SYS;
		}
		b += k;
		n -= (size_t)k;
	}
	return ST_OK;
}

/* Bytes of path up to and with its last slash: the folder, or 0 for the current one. */
static size_t folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

static enum status name_too_long(void)
{
	errno = ENAMETOOLONG;
	return ST_SYS;
}

/* (realpath() would refuse a link to a file not yet there.) */
enum status file_follow(char *dst, size_t cap, const char *path)
{
	char to[PATH_MAX];

	if ((size_t)snprintf(dst, cap, "%s", path) >= cap)
		return name_too_long();
	for (int i = 0; i < LINKS_MAX; i++) {
		const ssize_t n = readlink(dst, to, sizeof(to));
		size_t dir;

		if (n == -1)
			return errno == EINVAL || errno == ENOENT ? ST_OK : ST_SYS;
		dir = to[0] == '/' ? 0 : folder_len(dst);
		if ((size_t)n >= cap - dir)
			return name_too_long();
		memcpy(dst + dir, to, (size_t)n);
		dst[dir + (size_t)n] = 0;
	}
	errno = ELOOP;
	return ST_SYS;
}

/* Make the rename itself last. The new file is in place by now, so a failure here (a file system
 * that cannot sync folders) is nothing the caller could act on. */
static void sync_folder(const char *path)
{
	char dir[PATH_MAX] = ".";
	const size_t n = folder_len(path);
	int fd;

	if (n > 0 && n < sizeof(dir)) {
		memcpy(dir, path, n);
		dir[n] = 0;
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return;
	(void)fsync(fd);
	(void)close(fd);
}

enum status file_replace(const char *path, const void *p, size_t n, mode_t mode)
{
	char real[PATH_MAX], tmp[PATH_MAX + sizeof(TEMPORARY)];
	enum status st;
	int fd, e;

	st = file_follow(real, sizeof(real), path);
	if (st != ST_OK)
		return st;
	(void)snprintf(tmp, sizeof(tmp), "%s" TEMPORARY, real);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd == -1)
		return ST_SYS;
	st = file_write_all(fd, p, n);
	if (st == ST_OK && (fchmod(fd, mode) == -1 || fsync(fd) == -1))
		st = ST_SYS;
	e = errno;
	if (close(fd) == -1 && st == ST_OK) {
		st = ST_SYS;
		e = errno;
	}
	if (st == ST_OK && rename(tmp, real) == -1) {
		st = ST_SYS;
		e = errno;
	}
	if (st != ST_OK) {
		(void)unlink(tmp);
		errno = e;
		return st;
	}
	sync_folder(real);
	return ST_OK;
}

/* Is it what a write of the file `base` that was killed has left? */
static bool is_temporary(const char *name, const char *base)
{
	const size_t n = strlen(base), fixed = sizeof(TEMPORARY) - 1 - RANDOM;

	if (strlen(name) != n + fixed + RANDOM || memcmp(name, base, n) != 0 ||
	    memcmp(name + n, TEMPORARY, fixed) != 0)
		return false;
	for (const char *p = name + n + fixed; *p != 0; p++)
		if (!ascii_isalnum((unsigned char)*p))
			return false;
	return true;
}

void file_sweep(const char *path)
{
	char real[PATH_MAX], dir[PATH_MAX] = ".";
	const struct dirent *e;
	size_t n;
	DIR *d;

	if (file_follow(real, sizeof(real), path) != ST_OK)
		return;
	n = folder_len(real);
	if (n > 0) {
		memcpy(dir, real, n);
		dir[n] = 0;
	}
	d = opendir(dir);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (is_temporary(e->d_name, real + n))
			(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		(void)closedir(d);
}

/* Append what fd holds to out. */
static enum status read_rest(int fd, struct buf *out)
{
	for (;;) {
		const size_t room = out->max - out->len;
		uint8_t probe;
		/* With no room left one byte more decides between the end and too long. */
		uint8_t *to = room == 0 ? &probe : buf_reserve(out, MIN(room, (size_t)READ_STEP));
		ssize_t k;

		if (to == NULL)
			return ST_LIMIT;
		k = read(fd, to, room == 0 ? 1 : MIN(room, (size_t)READ_STEP));
		if (k == 0)
			return ST_OK;
		if (k == -1) {
			if (errno == EINTR)
				continue;
			return ST_SYS;
		}
		if (room == 0)
			return ST_LIMIT;
		out->len += (size_t)k;
	}
}

enum status file_read(const char *path, struct buf *out)
{
	const size_t before = out->len;
	enum status st = ST_SYS;
	struct stat sb;
	/* O_NONBLOCK: a pipe somebody put in the place of the file must not hold us. */
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int e;

	if (fd == -1)
		return ST_SYS;
	if (out->err != ST_OK) {
		st = ST_LIMIT;
	} else if (fstat(fd, &sb) == 0) {
		if (S_ISREG(sb.st_mode))
			st = read_rest(fd, out);
		else
			errno = S_ISDIR(sb.st_mode) ? EISDIR : EINVAL;
	}
	e = errno;
	if (st != ST_OK)
		out->len = before;
	(void)close(fd);
	errno = e;
	return st;
}

/* Where an open file is, links resolved. */
static bool place_of(int fd, char place[PATH_MAX])
{
	char link[32];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, place, PATH_MAX - 1);
	if (n < 0)
		return false;
	place[n] = '\0';
	return true;
}

/* Open again what was only looked at. */
static enum status reopen(int *fd, int seen)
{
	char link[32];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", seen);
	*fd = open(link, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return *fd == -1 ? ST_SYS : ST_OK;
}

enum status file_open_below(int *fd, const char *dir, const char *path)
{
	char top[PATH_MAX], whole[PATH_MAX], place[PATH_MAX];
	enum status st = ST_SYS;
	struct stat sb;
	int seen, e;
	size_t n;

	if (realpath(dir, top) == NULL)
		return ST_SYS;
	n = strcmp(top, "/") == 0 ? 0 : strlen(top);
	if ((size_t)snprintf(whole, sizeof(whole), "%s%s%s", path[0] == '/' ? "" : top,
	                     path[0] == '/' ? "" : "/", path) >= sizeof(whole))
		return name_too_long();
	/* O_PATH: a device or a fifo does not notice it */
	seen = open(whole, O_PATH | O_CLOEXEC);
	if (seen == -1)
		return ST_SYS;
	if (!place_of(seen, place) || fstat(seen, &sb) == -1)
		st = ST_SYS;
	else if (strncmp(place, top, n) != 0 || place[n] != '/')
		st = ST_PROTO;
	else if (!S_ISREG(sb.st_mode))
		errno = S_ISDIR(sb.st_mode) ? EISDIR : EINVAL;
	else
		st = reopen(fd, seen);
	e = errno;
	(void)close(seen);
	errno = e;
	return st;
}

static enum status make_folder(const char *path)
{
	struct stat sb;

	if (mkdir(path, 0700) == 0)
		return ST_OK;
	/* Some file systems answer EROFS or EACCES for a folder that is there. */
	const int e = errno;

	if (stat(path, &sb) == 0) {
		if (S_ISDIR(sb.st_mode))
			return ST_OK;
		errno = ENOTDIR;
		return ST_SYS;
	}
	errno = e;
	return ST_SYS;
}

enum status file_mkdirs(const char *path)
{
	char part[PATH_MAX];

	if (!text_copy(part, sizeof(part), path))
		return name_too_long();
	for (char *s = part; *s != 0; s++) {
		if (*s != '/' || s == part)
			continue;
		*s = 0;
		const enum status st = make_folder(part);

		*s = '/';
		if (st != ST_OK)
			return st;
	}
	return make_folder(part);
}

char *file_beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	const size_t n = slash != NULL ? (size_t)(slash - path) + 1 : 0, len = strlen(name) + 1;
	char *p = malloc(n + len);

	if (p != NULL) {
		memcpy(p, path, n);
		memcpy(p + n, name, len);
	}
	return p;
}
