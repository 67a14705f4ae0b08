/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/remuxproc.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "servent/child.h"
#include "servent/remuxchild.h"

#define SAID_MORE ((uint64_t)4 << 20)   /* than twice what it was fed: then something is wrong */

/* What of our environment it may know: where libraries are, and what sanitizers are told. */
static const char *const kept[] = { "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS" };

/* NAME=value of those that are set, and a NULL. */
static void keep_env(char *env[NELEM(kept) + 1])
{
	size_t n = 0;

	for (char **e = environ; e != NULL && *e != NULL && n < NELEM(kept); e++)
		for (size_t i = 0; i < NELEM(kept); i++)
			if (strncmp(*e, kept[i], strlen(kept[i])) == 0 && (*e)[strlen(kept[i])] == '=')
				env[n++] = *e;
	env[n] = NULL;
}

/* 0, or an errno. */
static int spawn(pid_t *pid, int line, const char *format, const char *start)
{
	char name[] = "peercast", option[] = REMUX_OPTION, fmt[16], at[24];
	char *const argv[] = { name, option, fmt, at, NULL };
	char *env[NELEM(kept) + 1];
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, pipe_only;
	int e;

	snprintf(fmt, sizeof(fmt), "%s", format);
	snprintf(at, sizeof(at), "%s", start);
	keep_env(env);
	sigemptyset(&none);
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	e = posix_spawn_file_actions_init(&files);
	if (e != 0)
		return e;
	e = posix_spawnattr_init(&attr);
	if (e != 0)
		goto no_attr;
	e = posix_spawn_file_actions_adddup2(&files, line, STDIN_FILENO);
	if (e == 0)
		e = child_closes_rest(&files);
	if (e == 0)
		e = posix_spawnattr_setsigmask(&attr, &none);
	if (e == 0)
		e = posix_spawnattr_setsigdefault(&attr, &pipe_only);
	if (e == 0)
		e = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	/* this very program, whatever has become of its file */
	if (e == 0)
		e = posix_spawn(pid, "/proc/self/exe", &files, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
no_attr:
	posix_spawn_file_actions_destroy(&files);
	return e;
}

enum status remuxproc_start(struct remuxproc *p, const char *format, uint64_t start_us, struct mbox *mb)
{
	const struct host nobody = { .port = 0 };
	char start[24];
	int ends[2], e;

	memset(p, 0, sizeof(*p));
	p->line.fd = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
		return ST_SYS;
	snprintf(start, sizeof(start), "%llu", (unsigned long long)start_us);
	e = spawn(&p->pid, ends[1], format, start);
	close(ends[1]);
	if (e != 0) {
		close(ends[0]);
		p->pid = 0;
		errno = e;
		return ST_SYS;
	}
	sock_init(&p->line, ends[0], &nobody, mb);
	buf_init(&p->msg, REMUXMSG_HEAD + (size_t)REMUXMSG_FRAG_MAX);
	p->need = REMUXMSG_HEAD;
	return ST_OK;
}

enum status remuxproc_feed(struct remuxproc *p, const void *bytes, size_t n, size_t *sent)
{
	const struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = n };
	const enum status st = sock_try_sendv(p->line.fd, &iov, 1, sent);

	if (st == ST_OK)
		p->fed += *sent;
	return st;
}

void remuxproc_finish(struct remuxproc *p)
{
	(void)shutdown(p->line.fd, SHUT_WR);
}

enum status remuxproc_next(struct remuxproc *p, struct remuxmsg *m, uint8_t **payload)
{
	enum status st;

	if (p->msg.len == p->need && p->need > REMUXMSG_HEAD) {         /* the last one is done with */
		buf_reset(&p->msg);
		p->need = REMUXMSG_HEAD;
	}
	for (;;) {
		uint8_t *to = buf_reserve(&p->msg, p->need - p->msg.len);
		size_t got;

		if (to == NULL)
			return ST_LIMIT;
		st = sock_read(&p->line, to, p->need - p->msg.len, &got, 0);
		if (st != ST_OK)
			return st == ST_SYS && errno == ECONNRESET ? ST_EOF : st;
		p->msg.len += got;
		p->said += got;
		if (p->said > 2 * p->fed + SAID_MORE)
			return ST_LIMIT;
		if (p->msg.len < p->need)
			continue;
		st = remuxmsg_parse(p->msg.p, m);
		if (st != ST_OK)
			return st;
		if (p->need > REMUXMSG_HEAD) {
			*payload = p->msg.p + REMUXMSG_HEAD;
			return ST_OK;
		}
		p->need += m->len;
	}
}

void remuxproc_end(struct remuxproc *p, char why[REMUXPROC_WHY])
{
	pid_t got;
	int how;

	snprintf(why, REMUXPROC_WHY, "was not there");
	sock_close(&p->line);
	buf_fini(&p->msg);
	if (p->pid <= 0)
		return;
	/* it never waits for anything but us, so this takes no time */
	got = waitpid(p->pid, &how, WNOHANG);
	if (got == 0) {
		(void)kill(p->pid, SIGKILL);
		do
			got = waitpid(p->pid, &how, 0);
		while (got == -1 && errno == EINTR);
	}
	if (got == p->pid && WIFSIGNALED(how))
		snprintf(why, REMUXPROC_WHY, "was ended by signal %d", WTERMSIG(how));
	else if (got == p->pid)
		snprintf(why, REMUXPROC_WHY, "ended with status %d", WEXITSTATUS(how));
	p->pid = 0;
}
