/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program whose output we read. It is started without a shell, leads a process group of its own, and
 * inherits nothing of ours but the environment: no descriptors, no blocked signals. */
#ifndef SERVENT_CHILD_H
#define SERVENT_CHILD_H

#include <spawn.h>
#include <sys/types.h>

#include "core/sys/clk.h"
#include "core/sys/status.h"

#define CHILD_HOW 64            /* bytes of child_end()'s text */

struct child {
	pid_t pid;              /* and its group's; 0 = none */
	int pidfd;              /* readable when it has ended */
	int out, err;           /* its standard output and error, non-blocking; -1 = closed */
};

/* The last of what a child does with descriptors: it has these three and no other. 0, or an errno. */
int child_closes_rest(posix_spawn_file_actions_t *fa);

/* argv[0] is looked up in PATH.
 * returns  ST_OK, ST_SYS (ENOENT, EACCES ...: nothing runs) */
enum status child_start(struct child *c, char *const argv[]) NODISCARD;

/* Wait until it has ended by itself, at most for `patience`; then ask it and its group to end (SIGTERM), and
 * soon after that end them (SIGKILL). All is closed and reaped. how: "exit status 1", "signal 9" */
void child_end(struct child *c, nsec patience, char how[CHILD_HOW]);

#endif
