/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The baseline of short requests: one thread, one epoll, so many bytes to whoever has sent a request, whatever
 * it asks. What a node needs beyond this is its cost. */
#include "test/bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/sys/thr.h"

static const char head[] = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n";

struct answerer {
	int ep, listener;
	char *text;                     /* head and body */
	size_t n;
};

static void let_in(const struct answerer *a)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int fd = accept4(a->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd == -1)
		return;
	ev.data.fd = fd;
	if (epoll_ctl(a->ep, EPOLL_CTL_ADD, fd, &ev) == -1)
		die("epoll: %s", strerror(errno));
}

/* A request comes in one piece on loopback. An answer that its socket does not take at once shows with the
 * client as one that ends too early. */
static void serve(const struct answerer *a, int fd)
{
	char rx[8192];
	ssize_t n = recv(fd, rx, sizeof(rx), MSG_DONTWAIT);

	if (n == -1 && errno == EAGAIN)
		return;
	if (n > 0)
		(void)!send(fd, a->text, a->n, MSG_NOSIGNAL);
	close(fd);
}

int role_answer(const struct options *o)
{
	struct answerer a = { .n = sizeof(head) - 1 + o->n };
	struct epoll_event ev = { .events = EPOLLIN };

	a.text = must_alloc(a.n);
	memset(a.text, ' ', a.n);
	memcpy(a.text, head, sizeof(head) - 1);
	a.ep = epoll_create1(EPOLL_CLOEXEC);
	a.listener = listen_on(o->port);
	ev.data.fd = a.listener;
	set_nonblocking(a.listener);
	if (a.ep == -1 || epoll_ctl(a.ep, EPOLL_CTL_ADD, a.listener, &ev) == -1)
		die("epoll: %s", strerror(errno));
	thr_take_turns(THR_SHORT);                  /* as the node's threads do that answer */
	printf("{\"role\":\"answer\"}\n");          /* it can be asked */
	fflush(stdout);
	while (!told_to_stop()) {
		struct epoll_event evs[64];
		int n = epoll_wait(a.ep, evs, (int)NELEM(evs), 100);

		for (int i = 0; i < n; i++) {
			if (evs[i].data.fd == a.listener)
				let_in(&a);
			else
				serve(&a, evs[i].data.fd);
		}
	}
	free(a.text);
	return 0;
}
