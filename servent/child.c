/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/sys/log.h"

#define TERM_TIME (300 * NSEC_PER_MSEC)         /* from SIGTERM to SIGKILL, */
#define KILL_TIME (500 * NSEC_PER_MSEC)         /* and from there to giving up */

static void shut(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

void child_shut_in(struct child *c)
{
	shut(&c->in);
}

void child_signal(const struct child *c, int sig)
{
	if (c->pid > 0)
		(void)kill(-c->pid, sig);
}

int child_closes_rest(posix_spawn_file_actions_t *fa)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
	/* ours are close-on-exec; a library's may not be */
	return posix_spawn_file_actions_addclosefrom_np(fa, STDERR_FILENO + 1);
#else
	(void)fa;
	return 0;
#endif
}

/* What becomes of its descriptors; in -1 = nothing to read. 0, or an errno. */
static int redirect(posix_spawn_file_actions_t *fa, int in, int out, int err)
{
	int e = in != -1 ? posix_spawn_file_actions_adddup2(fa, in, STDIN_FILENO) :
		posix_spawn_file_actions_addopen(fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	if (e == 0)
		e = posix_spawn_file_actions_adddup2(fa, out, STDOUT_FILENO);
	if (e == 0)
		e = posix_spawn_file_actions_adddup2(fa, err, STDERR_FILENO);
	return e == 0 ? child_closes_rest(fa) : e;
}

/* Its own group, and signals as a shell would leave them. */
static int detach(posix_spawnattr_t *at)
{
	sigset_t none, all;
	int e;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	e = posix_spawnattr_setflags(at,
		POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (e == 0)
		e = posix_spawnattr_setpgroup(at, 0);
	if (e == 0)
		e = posix_spawnattr_setsigmask(at, &none);
	return e == 0 ? posix_spawnattr_setsigdefault(at, &all) : e;
}

static int spawn(struct child *c, char *const argv[], char *const env[], int in, int out, int err)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	int e = posix_spawn_file_actions_init(&fa);

	if (e != 0)
		return e;
	e = posix_spawnattr_init(&at);
	if (e == 0) {
		e = redirect(&fa, in, out, err);
		if (e == 0)
			e = detach(&at);
		if (e == 0)
			e = posix_spawnp(&c->pid, argv[0], &fa, &at, argv, env);
		(void)posix_spawnattr_destroy(&at);
	}
	(void)posix_spawn_file_actions_destroy(&fa);
	return e;
}

static bool unblock(int fd)
{
	return fcntl(fd, F_SETFL, O_NONBLOCK) != -1;
}

static enum status start(struct child *c, char *const argv[], char *const env[], bool fed)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 }, e;
	char how[CHILD_HOW];

	*c = (struct child){ .pidfd = -1, .in = -1, .out = -1, .err = -1, .status = -1 };
	if ((fed && (pipe2(in, O_CLOEXEC) == -1 || !unblock(in[1]))) || pipe2(out, O_CLOEXEC) == -1 ||
	    pipe2(err, O_CLOEXEC) == -1 || !unblock(out[0]) || !unblock(err[0]))
		e = errno;
	else
		e = spawn(c, argv, env, in[0], out[1], err[1]);
	shut(&in[0]);
	shut(&out[1]);
	shut(&err[1]);
	c->in = in[1];
	c->out = out[0];
	c->err = err[0];
	if (e == 0) {
		c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
		if (c->pidfd != -1)
			return ST_OK;
		e = errno;
	}
	child_end(c, 0, how);
	errno = e;
	return ST_SYS;
}

enum status child_start(struct child *c, char *const argv[])
{
	return start(c, argv, environ, false);
}

enum status child_start_fed(struct child *c, char *const argv[], char *const env[])
{
	return start(c, argv, env, true);
}

/* Without a pidfd nobody knows. */
bool child_ends_by(const struct child *c, nsec deadline)
{
	struct pollfd fd = { .fd = c->pidfd, .events = POLLIN };
	int n;

	if (c->pidfd == -1)
		return false;
	do
		n = poll(&fd, 1, clk_left_ms(deadline));
	while (n == -1 && errno == EINTR);
	return n == 1;
}

static bool has_ended(const struct child *c, nsec time)
{
	return child_ends_by(c, clk_deadline(time));
}

bool child_has_ended(const struct child *c)
{
	return has_ended(c, 0);
}

void child_end(struct child *c, nsec patience, char how[CHILD_HOW])
{
	int status = 0;
	pid_t pid;

	(void)snprintf(how, CHILD_HOW, "it never ran");
	shut(&c->in);
	shut(&c->out);
	if (c->pid > 0) {
		if (!has_ended(c, patience)) {
			(void)kill(-c->pid, SIGTERM);
			(void)has_ended(c, TERM_TIME);
		}
		/* its children too; the group's number is its own until it is reaped */
		(void)kill(-c->pid, SIGKILL);
		pid = has_ended(c, KILL_TIME) || c->pidfd == -1 ? waitpid(c->pid, &status, 0)
		                                                : waitpid(c->pid, &status, WNOHANG);
		if (pid != c->pid)
			log_error("process %d does not end", (int)c->pid);
		else if (WIFSIGNALED(status))
			(void)snprintf(how, CHILD_HOW, "signal %d", WTERMSIG(status));
		else
			(void)snprintf(how, CHILD_HOW, "exit status %d", WEXITSTATUS(status));
		if (pid == c->pid && WIFEXITED(status))
			c->status = WEXITSTATUS(status);
	}
	c->pid = 0;
	shut(&c->err);
	shut(&c->pidfd);
}
