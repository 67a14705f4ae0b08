/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program whose output we read, and which may be given something to read. It is started without a shell,
 * leads a process group of its own, and inherits nothing of ours but the environment, unless it gets one of
 * its own: no descriptors, no blocked signals. */
#ifndef SERVENT_CHILD_H
#define SERVENT_CHILD_H

#include <spawn.h>
#include <stdbool.h>
#include <sys/types.h>

#include "core/sys/clk.h"
#include "core/sys/status.h"

#define CHILD_HOW 64            /* bytes of child_end()'s text */

struct child {
	pid_t pid;              /* and its group's; 0 = none */
	int pidfd;              /* readable when it has ended */
	int in;                 /* its standard input, non-blocking; -1 = closed, or there is none */
	int out, err;           /* its standard output and error, the same */
	int status;             /* after child_end(): its exit status; -1 = a signal, or unknown */
};

/* The last of what a child does with descriptors: it has these three and no other. 0, or an errno. */
int child_closes_rest(posix_spawn_file_actions_t *fa);

/* argv[0] is looked up in PATH.
 * returns  ST_OK, ST_SYS (ENOENT, EACCES ...: nothing runs) */
enum status child_start(struct child *c, char *const argv[]) NODISCARD;
/* The same with an environment of its own, and a standard input: what is written to c->in. */
enum status child_start_fed(struct child *c, char *const argv[], char *const env[]) NODISCARD;

/* Has it ended? */
bool child_has_ended(const struct child *c);
/* No more for it to read. */
void child_shut_in(struct child *c);
/* Has it by then? */
bool child_ends_by(const struct child *c, nsec deadline);
/* To it and its group. */
void child_signal(const struct child *c, int sig);

/* Wait until it has ended by itself, at most for `patience`; then ask it and its group to end (SIGTERM), and
 * soon after that end them (SIGKILL). All is closed and reaped. how: "exit status 1", "signal 9" */
void child_end(struct child *c, nsec patience, char how[CHILD_HOW]);

#endif
