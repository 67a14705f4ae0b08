/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Landlock: this process, and what it starts, give up files for good. Linux 5.13 or later.
 *
 *	if (landlock_begin(&l, LANDLOCK_ALL)) {
 *		landlock_allow(&l, "/usr", LANDLOCK_READ);
 *		ok = landlock_enforce(&l);
 *	}
 *
 * Used while there is one thread: those that follow inherit it.
 * source   Documentation/userspace-api/landlock.rst of Linux */
#ifndef SERVENT_LANDLOCK_H
#define SERVENT_LANDLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/sys/cc.h"

/* What may be done with a file, or with all below a folder. */
enum {
	LANDLOCK_READ = 1,
	LANDLOCK_WRITE = 2,     /* and make, rename, take away */
	LANDLOCK_REMOVE = 4,    /* take away */
	LANDLOCK_EXECUTE = 8,
	LANDLOCK_SIGNALS = 16,  /* to processes that are not its own; of landlock_begin() alone */
	LANDLOCK_ALL = 31
};

struct landlock {
	int fd;
	int abi;                /* what the kernel knows: 1 - 7 are known to us */
	uint64_t handled;
};

/* kinds    LANDLOCK_*: what is forbidden from landlock_enforce() on where it is not allowed
 * returns  false: this kernel has it not (errno) */
bool landlock_begin(struct landlock *l, unsigned kinds) NODISCARD;
/* Allow kinds with a file, or below a folder. False: it is not there, or cannot be looked at (errno). */
bool landlock_allow(struct landlock *l, const char *path, unsigned kinds);
/* From here on. The process must be unable to gain rights (PR_SET_NO_NEW_PRIVS). Ends what landlock_begin()
 * began, also when it fails (errno). */
bool landlock_enforce(struct landlock *l) NODISCARD;
/* Ends it without effect. */
void landlock_forget(struct landlock *l);

#endif
