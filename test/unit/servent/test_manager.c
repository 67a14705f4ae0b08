/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets that the service manager passes. */
#include "servent/manager.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/sys/sock.h"
#include "test/unit/unit.h"

#define SOON clk_deadline(20 * NSEC_PER_SEC)

static bool is_on(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int v = 0;

	return getsockopt(fd, level, name, &v, &len) == 0 && v != 0;
}

/* As the manager starts us: a plain listener is number 3. Says what is wrong, NULL = nothing. */
static const char *taken(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int plain = socket(AF_INET, SOCK_STREAM, 0);
	struct host h, peer;
	struct sock s;
	char pid[16];
	int l, c;

	if (plain == -1 || bind(plain, (struct sockaddr *)&at, sizeof(at)) == -1 || listen(plain, 4) == -1 ||
	    dup2(plain, 3) == -1)
		return "no listener";
	(void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	if (setenv("LISTEN_PID", pid, 1) == -1 || setenv("LISTEN_FDS", "1", 1) == -1)
		return "no environment";
	manager_begin();
	l = manager_take_socket("");
	if (l != 3)
		return "it is not taken";
	if (getenv("LISTEN_FDS") != NULL || (fcntl(l, F_GETFD) & FD_CLOEXEC) == 0)
		return "children get it";
	h = sock_local(l);
	if (sock_connect(&s, &h, NULL, SOON) != ST_OK || sock_accept(l, NULL, &c, &peer, SOON) != ST_OK)
		return "no connection";
	if (!is_on(c, IPPROTO_TCP, TCP_NODELAY))
		return "small packets wait";
	if (!is_on(c, SOL_SOCKET, SO_KEEPALIVE))
		return "dead peers stay";
	return NULL;
}

/* In a process of its own: it takes the number 3. */
START_TEST(what_is_accepted)
{
	const pid_t pid = fork();
	int status;

	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		const char *wrong = taken();

		if (wrong != NULL)
			(void)fprintf(stderr, "%s\n", wrong);
		(void)fflush(stderr);
		_exit(wrong != NULL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("manager");
	TCase *t = tcase_create("manager");

	tcase_add_test(t, what_is_accepted);
	suite_add_tcase(s, t);
	return s;
}
