/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a process in the background needs: the pid file, the lock on its settings, leaving the terminal.
 * Used before there are threads, and after. source: node.md 1.7, 12 F32 */
#ifndef SERVENT_DAEMON_H
#define SERVENT_DAEMON_H

#include "core/sys/cc.h"
#include "core/sys/status.h"

/* Write our number into the pid file; it is locked for our life, so that a second node on it is told.
 * Returns its fd, -1 = none wanted (path NULL), -2 = refused, said on stderr. */
int daemon_pid_open(const char *path) NODISCARD;

/* Lock <ini>.lock for our life, or, where no file can be made, the ini itself: of two nodes on one ini
 * each would undo what the other saves.
 * returns  ST_OK with *fd (-1: nothing can be locked here), ST_LIMIT (another node has it), ST_SYS */
enum status daemon_ini_lock(const char *ini, int *fd) NODISCARD;
/* Does a node run on it? Nothing is made, or held. False also when that cannot be told. */
bool daemon_ini_is_locked(const char *ini) NODISCARD;
/* Can that not be told, as the lock is another user's? */
bool daemon_ini_is_hidden(const char *ini) NODISCARD;
/* Take the lock's file away and let go. */
void daemon_ini_unlock(const char *ini, int *fd);

/* Go to the background. The parent stays until the child says by daemon_tell_parent() how its start went,
 * and exits with that code. Returns the child's end of the pipe. */
int daemon_leave(void);
void daemon_tell_parent(int fd, int code);

#endif
