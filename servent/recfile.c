/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/recfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/sys/cc.h"
#include "core/sys/file.h"

#define MODE  0640
#define TRIES 100               /* names that are there already */

static int open_dir(const char *dir)
{
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void close_quietly(int fd)
{
	const int e = errno;

	(void)close(fd);
	errno = e;
}

static enum status room_of(int fd, uint64_t *room)
{
	struct statvfs v;

	if (fstatvfs(fd, &v) == -1)
		return ST_SYS;
	*room = (uint64_t)v.f_bavail * v.f_frsize;
	return ST_OK;
}

enum status recfile_room(const char *dir, uint64_t *room)
{
	const int fd = open_dir(dir);
	enum status st;

	if (fd == -1)
		return ST_SYS;
	st = room_of(fd, room);
	close_quietly(fd);
	return st;
}

enum status recfile_open(struct recfile *f, const char *dir, const char *base, uint32_t part, const char *ext)
{
	struct stat sb;

	*f = (struct recfile){ .fd = -1, .dir = open_dir(dir), .sync_at = NSEC_NEVER };
	if (f->dir == -1)
		return ST_SYS;
	errno = EEXIST;
	for (uint32_t again = 0; f->fd == -1 && errno == EEXIST && again < TRIES; again++) {
		recname_file(f->name, base, again, part, ext);
		f->fd = openat(f->dir, f->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
	}
	if (f->fd == -1 || fchmod(f->fd, MODE) == -1 || fstat(f->fd, &sb) == -1) {
		if (f->fd != -1)
			close_quietly(f->fd);
		close_quietly(f->dir);
		return ST_SYS;
	}
	f->ino = sb.st_ino;
	(void)fsync(f->dir);            /* some file systems cannot */
	return ST_OK;
}

enum status recfile_write(struct recfile *f, const void *p, size_t n)
{
	const enum status st = file_write_all(f->fd, p, n);

	if (st != ST_OK)
		return st;
	f->bytes += n;
	if (f->sync_at == NSEC_NEVER)
		f->sync_at = clk_deadline(RECFILE_SYNC);
	return ST_OK;
}

enum status recfile_sync(struct recfile *f)
{
	if (f->synced == f->bytes)
		return ST_OK;
	if (fsync(f->fd) == -1)
		return ST_SYS;
	f->synced = f->bytes;
	f->sync_at = NSEC_NEVER;
	return ST_OK;
}

enum status recfile_look(struct recfile *f, uint64_t room, nsec now)
{
	uint64_t is = 0;
	struct stat sb;

	if (now >= f->look_at || f->bytes - f->looked >= f->step) {
		f->look_at = now + RECFILE_LOOK;
		f->looked = f->bytes;
		if (fstat(f->fd, &sb) == -1 || room_of(f->fd, &is) != ST_OK)
			return ST_SYS;
		if (sb.st_nlink == 0)
			return ST_EOF;
		if (is < room)
			return ST_LIMIT;
		f->step = MIN(MAX((is - room) / 2, (uint64_t)RECFILE_STEP_MIN), RECFILE_STEP);
	}
	return now >= f->sync_at ? recfile_sync(f) : ST_OK;
}

enum status recfile_cut(struct recfile *f, uint64_t bytes)
{
	if (ftruncate(f->fd, (off_t)bytes) == -1 || lseek(f->fd, (off_t)bytes, SEEK_SET) == -1)
		return ST_SYS;
	f->bytes = bytes;
	f->synced = bytes + 1;          /* the new length is to be there, too */
	return ST_OK;
}

enum status recfile_close(struct recfile *f)
{
	enum status st = recfile_sync(f);

	if (st != ST_OK)
		close_quietly(f->fd);
	else if (close(f->fd) == -1)
		st = ST_SYS;
	close_quietly(f->dir);
	f->fd = f->dir = -1;
	return st;
}

void recfile_discard(struct recfile *f)
{
	struct stat sb;

	if (fstatat(f->dir, f->name, &sb, AT_SYMLINK_NOFOLLOW) == 0 && sb.st_ino == f->ino)
		(void)unlinkat(f->dir, f->name, 0);
	close_quietly(f->fd);
	close_quietly(f->dir);
	f->fd = f->dir = -1;
}
