/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Ours, as the headers we are built with may be older than the kernel we run on. */
#define CREATE_RULESET 444
#define ADD_RULE       445
#define RESTRICT_SELF  446
#define ASK_VERSION    1u
#define PATH_BENEATH   1

#define FS(n)      (UINT64_C(1) << (n))
#define EXECUTE    FS(0)
#define WRITE_FILE FS(1)
#define READ_FILE  FS(2)
#define READ_DIR   FS(3)
#define REMOVE_DIR FS(4)
#define REMOVE_FILE FS(5)
#define MAKE_DIR   FS(7)
#define MAKE_REG   FS(8)
#define MAKE_ALL   (FS(6) | MAKE_DIR | MAKE_REG | FS(9) | FS(10) | FS(11) | FS(12))
#define REFER      FS(13)       /* from one folder into another; version 2 */
#define TRUNCATE   FS(14)       /* version 3 */
#define IOCTL_DEV  FS(15)       /* version 5 */
#define OF_FILES   (EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV)
#define SCOPE_SIGNAL FS(1)      /* version 6 */

struct ruleset {
	uint64_t fs, net, scoped;
};

struct beneath {
	uint64_t allowed;
	int32_t fd;
} PACKED;

static uint64_t rights(unsigned kinds)
{
	uint64_t r = 0;

	if (kinds & LANDLOCK_READ)
		r |= READ_FILE | READ_DIR;
	if (kinds & LANDLOCK_WRITE)
		r |= WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE;
	if (kinds & LANDLOCK_REMOVE)
		r |= REMOVE_FILE;
	if (kinds & LANDLOCK_EXECUTE)
		r |= EXECUTE;
	return r;
}

/* What that version of it cannot forbid. */
static uint64_t unknown(int abi)
{
	return (abi < 2 ? REFER : 0) | (abi < 3 ? TRUNCATE : 0) | (abi < 5 ? IOCTL_DEV : 0);
}

bool landlock_begin(struct landlock *l, unsigned kinds)
{
	struct ruleset r = { .net = 0 };
	/* a kernel takes what it does not know as long as that is zero */
	size_t size = sizeof(r);

	*l = (struct landlock){ .fd = -1 };
	l->abi = (int)syscall(CREATE_RULESET, NULL, (size_t)0, ASK_VERSION);
	if (l->abi < 1)
		return false;
	l->handled = rights(kinds);
	if (kinds & LANDLOCK_WRITE)
		l->handled |= MAKE_ALL | IOCTL_DEV;
	l->handled &= ~unknown(l->abi);
	r.fs = l->handled;
	if ((kinds & LANDLOCK_SIGNALS) && l->abi >= 6)
		r.scoped = SCOPE_SIGNAL;
	l->fd = (int)syscall(CREATE_RULESET, &r, size, 0u);
	return l->fd != -1;
}

bool landlock_allow(struct landlock *l, const char *path, unsigned kinds)
{
	const int fd = open(path, O_PATH | O_CLOEXEC);
	struct beneath b = { .allowed = rights(kinds) & l->handled, .fd = fd };
	struct stat sb;
	bool ok;
	int e;

	if (fd == -1)
		return false;
	ok = fstat(fd, &sb) == 0;
	if (ok && !S_ISDIR(sb.st_mode))
		b.allowed &= OF_FILES;
	if (ok && b.allowed != 0)
		ok = syscall(ADD_RULE, l->fd, PATH_BENEATH, &b, 0u) == 0;
	e = errno;
	(void)close(fd);
	errno = e;
	return ok;
}

bool landlock_enforce(struct landlock *l)
{
	const bool ok = syscall(RESTRICT_SELF, l->fd, 0u) == 0;
	const int e = errno;

	landlock_forget(l);
	errno = e;
	return ok;
}

void landlock_forget(struct landlock *l)
{
	if (l->fd != -1)
		(void)close(l->fd);
	l->fd = -1;
}
