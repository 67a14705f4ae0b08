/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sys/file.h"
#include "servent/opts.h"

int daemon_pid_open(const char *path)
{
	char text[24];
	int fd, n;

	if (path == NULL)
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1) {
		fprintf(stderr, "peercast: %s: %s\n", path, strerror(errno));
		return -2;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		fprintf(stderr, "peercast: %s: another node runs on it\n", path);
		close(fd);
		return -2;
	}
	n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) == -1 || file_write_all(fd, text, (size_t)n) != ST_OK)
		fprintf(stderr, "peercast: %s: %s\n", path, strerror(errno));
	return fd;
}

/* The lock's file may have been taken away by its last owner between our open and our lock. */
static bool is_there(const char *path, int fd)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
		ours.st_ino == there.st_ino;
}

static char *lock_path(const char *ini)
{
	char *path = NULL;

	return asprintf(&path, "%s.lock", ini) == -1 ? NULL : path;
}

enum status daemon_ini_lock(const char *ini, int *fd)
{
	char *path = lock_path(ini);
	enum status st = ST_OK;
	bool again = true;

	*fd = -1;
	if (path == NULL)
		return ST_LIMIT;
	while (again) {
		*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (*fd == -1)
			*fd = open(ini, O_RDONLY | O_CLOEXEC);
		if (*fd == -1)
			break;
		again = false;
		if (flock(*fd, LOCK_EX | LOCK_NB) == -1)
			st = errno == EWOULDBLOCK ? ST_LIMIT : ST_SYS;
		else
			again = !is_there(path, *fd) && !is_there(ini, *fd);
		if (st != ST_OK || again) {
			(void)close(*fd);
			*fd = -1;
		}
	}
	free(path);
	return st;
}

static bool is_locked(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool locked;

	if (fd == -1)
		return false;
	locked = flock(fd, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK;
	(void)close(fd);
	return locked;
}

bool daemon_ini_is_locked(const char *ini)
{
	char *path = lock_path(ini);
	const bool locked = (path != NULL && is_locked(path)) || is_locked(ini);

	free(path);
	return locked;
}

bool daemon_ini_is_hidden(const char *ini)
{
	char *path = lock_path(ini);
	const int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	const bool hidden = path != NULL && fd == -1 && errno == EACCES;

	if (fd != -1)
		(void)close(fd);
	free(path);
	return hidden;
}

void daemon_ini_unlock(const char *ini, int *fd)
{
	char *path = lock_path(ini);

	if (*fd != -1 && path != NULL && is_there(path, *fd))
		(void)unlink(path);
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
	free(path);
}

int daemon_leave(void)
{
	int p[2], null;
	unsigned char code = EXIT_START;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) == -1 || (pid = fork()) == -1) {
		fprintf(stderr, "peercast: daemon: %s\n", strerror(errno));
		exit(EXIT_START);
	}
	if (pid > 0) {
		close(p[1]);
		if (read(p[0], &code, 1) != 1)
			code = EXIT_START;
		_exit(code);
	}
	close(p[0]);
	(void)setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null != -1) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
		if (null > STDERR_FILENO)
			close(null);
	}
	return p[1];
}

void daemon_tell_parent(int fd, int code)
{
	unsigned char c = (unsigned char)code;
	int null;

	if (fd == -1)
		return;
	(void)!write(fd, &c, 1);
	close(fd);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null != -1) {
		(void)dup2(null, STDERR_FILENO);
		if (null != STDERR_FILENO)
			close(null);
	}
}
