/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Start a node; time until it accepts, until its first answer, its memory then, and its end. */
#include "test/bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

int role_launch(const struct options *o)
{
	static const char req[] = "GET /api/1 HTTP/1.0\r\n\r\n";
	static const struct timespec settle = { .tv_nsec = 300000000 };
	posix_spawn_file_actions_t quiet;
	nsec began, accepted, answered, told, ended, limit;
	char rx[4096];
	ssize_t n;
	long kib;
	pid_t pid;
	int fd, rc, status;

	if (o->command[0] == NULL)
		die("no command to launch");
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	began = clk_now();
	limit = began + 10 * NSEC_PER_SEC;
	rc = posix_spawnp(&pid, o->command[0], &quiet, NULL, o->command, environ);
	if (rc != 0)
		die("%s: %s", o->command[0], strerror(rc));
	while ((fd = dial(o->port)) == -1) {
		const struct timespec pause = { .tv_nsec = 50000 };

		if (clk_now() > limit || waitpid(pid, &status, WNOHANG) == pid)
			die("%s does not listen on port %u", o->command[0], o->port);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	accepted = clk_now();
	if (!send_all(fd, req, sizeof(req) - 1))
		die("no request");
	n = recv(fd, rx, sizeof(rx), 0);
	if (n < 12 || memcmp(rx + 8, " 200", 4) != 0)
		die("no answer");
	answered = clk_now();
	close(fd);
	/* The thread that answered ends; the node is then idle. */
	clock_nanosleep(CLOCK_MONOTONIC, 0, &settle, NULL);
	kib = proc_kib(pid);
	told = clk_now();
	kill(pid, SIGINT);
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid: %s", strerror(errno));
	ended = clk_now();
	printf("{\"role\":\"launch\",\"accept_ms\":%.3f,\"answer_ms\":%.3f,\"kib\":%ld,",
		(double)(accepted - began) / 1e6, (double)(answered - began) / 1e6, kib);
	printf("\"stop_ms\":%.1f,\"exit\":%d}\n", (double)(ended - told) / 1e6,
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
