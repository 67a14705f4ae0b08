/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The baseline: what this machine can do at best. One thread, one epoll, no protocol worth the
 * name: the body of one chunked POST goes to every GET as it comes. A viewer gets the first chunk
 * (the stream's head), then everything from the next chunk on. What a node needs beyond this is its
 * cost.
 */
#include "test/bench/bench.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/sys/thr.h"

#define RING     (8u << 20)
#define REQ_MAX  4096
#define MANY_FED 64

enum kind { LISTENER, NEW, SOURCE, VIEWER };

struct conn {
	enum kind kind;
	int fd;
	bool waits;                     /* for room in its socket */
	uint64_t pos;                   /* viewer: next byte of the ring */
	size_t len;                     /* new: bytes of req */
	char req[];                     /* REQ_MAX for a new one; kept */
};

static struct {
	int ep;
	uint8_t *ring;
	uint64_t end;                   /* bytes ever put in */
	uint64_t start;                 /* where a new viewer begins: the last whole chunk */
	uint8_t head[4096];
	size_t head_len;
	struct conn **viewers;
	size_t n, cap;
	/* the source's chunks */
	char size[20];
	size_t size_len;
	uint64_t left;                  /* of this chunk, and its CRLF */
	bool first;
} s;

static void watch(struct conn *c, uint32_t events, int op)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	if (epoll_ctl(s.ep, op, c->fd, &ev) == -1)
		die("epoll: %s", strerror(errno));
}

static void conn_end(struct conn *c)
{
	size_t i;

	for (i = 0; c->kind == VIEWER && i < s.n; i++)
		if (s.viewers[i] == c) {
			s.viewers[i] = s.viewers[--s.n];
			break;
		}
	close(c->fd);
	free(c);
}

/* Send what there is; false when the viewer is gone. */
static bool feed(struct conn *c)
{
	while (c->pos < s.end) {
		size_t at, n;
		struct iovec iov[2];
		struct msghdr m = { .msg_iov = iov, .msg_iovlen = 1 };
		ssize_t r;

		if (s.end - c->pos > RING - (1u << 16))
			return false;
		at = c->pos % RING;
		n = (size_t)(s.end - c->pos);
		iov[0] = (struct iovec){ s.ring + at, MIN(n, RING - at) };
		if (at + n > RING) {
			iov[1] = (struct iovec){ s.ring, n - iov[0].iov_len };
			m.msg_iovlen = 2;
		}
		r = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (r == -1 && errno == EAGAIN) {
			if (!c->waits)
				watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
			c->waits = true;
			return true;
		}
		if (r == -1)
			return false;
		c->pos += (uint64_t)r;
	}
	if (c->waits)
		watch(c, EPOLLIN, EPOLL_CTL_MOD);
	c->waits = false;
	return true;
}

static void put(const uint8_t *p, size_t n)
{
	size_t at = s.end % RING, k = MIN(n, RING - at);

	memcpy(s.ring + at, p, k);
	memcpy(s.ring, p + k, n - k);
	s.end += n;
}

/* The push, without its chunk frames. */
static void push(const uint8_t *p, size_t n)
{
	while (n > 0) {
		size_t k;

		if (s.left > 2) {
			k = MIN(n, (size_t)s.left - 2);
			if (s.first && k <= sizeof(s.head) - s.head_len) {
				memcpy(s.head + s.head_len, p, k);
				s.head_len += k;
			} else {
				put(p, k);
			}
			s.left -= k;
		} else if (s.left > 0) {
			k = 1;
			if (--s.left == 0) {
				s.first = false;
				s.start = s.end;
				s.size_len = 0;
			}
		} else {
			k = 1;
			if (*p == '\n') {
				s.size[s.size_len] = '\0';
				s.left = strtoull(s.size, NULL, 16) + 2;
			} else if (s.size_len < sizeof(s.size) - 1) {
				s.size[s.size_len++] = (char)*p;
			}
		}
		p += k;
		n -= k;
	}
}

static void input(struct conn *c)
{
	static uint8_t rx[256 * 1024];
	static const char ok[] = "HTTP/1.0 200 OK\r\nContent-Type: video/x-flv\r\n\r\n";
	char *end;
	ssize_t n;
	size_t i;

	if (c->kind != NEW) {
		n = recv(c->fd, rx, sizeof(rx), MSG_DONTWAIT);
		if (n == -1 && errno == EAGAIN)
			return;
		if (n <= 0) {
			conn_end(c);
			return;
		}
		if (c->kind == VIEWER)
			return;
		push(rx, (size_t)n);
		if (s.n >= MANY_FED)
			thr_take_turns(THR_LONG);       /* as the node's sources do */
		for (i = s.n; i-- > 0;)
			if (!s.viewers[i]->waits && !feed(s.viewers[i]))
				conn_end(s.viewers[i]);
		return;
	}
	n = recv(c->fd, c->req + c->len, REQ_MAX - c->len, MSG_DONTWAIT);
	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0) {
		conn_end(c);
		return;
	}
	c->len += (size_t)n;
	end = memmem(c->req, c->len, "\r\n\r\n", 4);
	if (end == NULL)
		return;
	if (memcmp(c->req, "POST ", 5) == 0) {
		c->kind = SOURCE;
		s.first = true;
		s.head_len = 0;
		push((uint8_t *)end + 4, c->len - (size_t)(end + 4 - c->req));
		return;
	}
	if (!send_all(c->fd, ok, sizeof(ok) - 1) || !send_all(c->fd, s.head, s.head_len)) {
		conn_end(c);
		return;
	}
	c->kind = VIEWER;
	c->pos = s.start;
	if (s.n == s.cap) {
		s.cap = s.cap > 0 ? s.cap * 2 : 1024;
		s.viewers = realloc(s.viewers, s.cap * sizeof(struct conn *));
		if (s.viewers == NULL)
			die("out of memory");
	}
	s.viewers[s.n++] = c;
}

static void accept_one(const struct conn *l)
{
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC), one = 1;
	struct conn *c;

	if (fd == -1)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c = must_alloc(sizeof(*c) + REQ_MAX);
	c->kind = NEW;
	c->fd = fd;
	watch(c, EPOLLIN, EPOLL_CTL_ADD);
}

int role_ideal(const struct options *o)
{
	struct conn *l = must_alloc(sizeof(*l));

	s.ep = epoll_create1(EPOLL_CLOEXEC);
	s.ring = must_alloc(RING);
	l->fd = listen_on(o->port);
	watch(l, EPOLLIN, EPOLL_CTL_ADD);
	printf("listening on port %u\n", o->port);
	fflush(stdout);
	while (!told_to_stop()) {
		struct epoll_event ev[1];
		/* One event at a time: ending a connection can then not meet a later event of it. */
		struct conn *c;

		if (epoll_wait(s.ep, ev, 1, -1) < 1)
			continue;
		c = ev[0].data.ptr;
		if (c->kind == LISTENER) {
			accept_one(l);
		} else if (c->waits && (ev[0].events & EPOLLOUT) != 0) {
			if (!feed(c))
				conn_end(c);
		} else {
			input(c);
		}
	}
	return 0;
}
