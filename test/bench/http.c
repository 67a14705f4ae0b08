/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Short requests: N clients, each asking on a new connection once it has its answer, or, with a rate, at its
 * time: by turns, so many in a second together. Who is late asks as soon as it can, and what it waited
 * counts from when it was due. With a body they POST it as JSON, else they GET. */
#include "test/bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
	int fd;                         /* -1 = not asking */
	nsec began, due;                /* when this request was due, and the next one is */
	size_t got;
	char status[12];                /* "HTTP/1.0 200" */
};

struct run {
	uint16_t port;
	int ep;
	nsec period;                    /* between two requests of one client; 0 = as fast as they are answered */
	char req[4096];
	size_t req_len;
	uint64_t done, failed, bytes;
	struct hist took;
};

static void ask(struct run *r, struct client *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	c->began = r->period > 0 ? c->due : clk_now();
	c->due += r->period;
	c->got = 0;
	c->fd = dial(r->port);
	if (c->fd == -1)
		die("connect: %s", strerror(errno));
	if (epoll_ctl(r->ep, EPOLL_CTL_ADD, c->fd, &ev) == -1)
		die("epoll: %s", strerror(errno));
	/* A failed send shows as an end without an answer. */
	if (!send_all(c->fd, r->req, r->req_len))
		shutdown(c->fd, SHUT_RDWR);
}

static void answer(struct run *r, struct client *c)
{
	char rx[65536];
	ssize_t n;

	while ((n = recv(c->fd, rx, sizeof(rx), MSG_DONTWAIT)) > 0) {
		if (c->got < sizeof(c->status))
			memcpy(c->status + c->got, rx, MIN((size_t)n, sizeof(c->status) - c->got));
		c->got += (size_t)n;
		r->bytes += (uint64_t)n;
	}
	if (n == -1 && errno == EAGAIN)
		return;
	if (n == 0 && c->got > sizeof(c->status) && memcmp(c->status + 8, " 200", 4) == 0)
		r->done++;
	else
		r->failed++;
	hist_add(&r->took, clk_now() - c->began);
	close(c->fd);
	c->fd = -1;
	if (r->period == 0 || c->due <= clk_now())
		ask(r, c);
}

/* Those whose time has come, from the first on; returns how long nobody is due. */
static nsec ask_due(struct run *r, struct client *all, unsigned int n)
{
	nsec wait = 100 * NSEC_PER_MSEC;
	unsigned int i;

	for (i = 0; r->period > 0 && i < n; i++) {
		const nsec now = clk_now();

		if (all[i].fd == -1 && all[i].due <= now)
			ask(r, &all[i]);
		else if (all[i].fd == -1)
			wait = MIN(wait, all[i].due - now);
	}
	return wait;
}

/* False when it does not fit. */
static bool request(struct run *r, const struct options *o)
{
	int n;

	if (o->body == NULL)
		n = snprintf(r->req, sizeof(r->req), "GET %s HTTP/1.0\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n",
			o->path, o->port);
	else
		n = snprintf(r->req, sizeof(r->req), "POST %s HTTP/1.0\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n"
			"X-Requested-With: XMLHttpRequest\r\nContent-Type: application/json\r\n"
			"Content-Length: %zu\r\n\r\n%s", o->path, o->port, strlen(o->body), o->body);
	r->req_len = (size_t)n;
	return r->req_len < sizeof(r->req);
}

int role_http(const struct options *o)
{
	static struct run r;
	struct client *all = must_alloc((o->n + 1) * sizeof(*all));
	double cpu = 0, secs;
	unsigned int i;
	nsec began, end;

	r.port = o->port;
	r.ep = epoll_create1(EPOLL_CLOEXEC);
	if (!request(&r, o))
		die("request too long");
	r.period = o->each > 0 ? (nsec)(o->n * 1e9 / o->each) : 0;
	began = clk_now();
	for (i = 0; i < o->n; i++) {
		all[i].fd = -1;
		all[i].due = began + (nsec)i * r.period / o->n;
		if (r.period == 0)
			ask(&r, &all[i]);
	}
	for (i = 0; i < o->n_pids; i++)
		cpu -= proc_cpu_s(o->pids[i]);
	began = clk_now();
	end = began + (nsec)(o->seconds * 1e9);
	while (!told_to_stop() && clk_now() < end) {
		const nsec wait = ask_due(&r, all, o->n);
		const struct timespec ts = { .tv_sec = wait / NSEC_PER_SEC, .tv_nsec = wait % NSEC_PER_SEC };
		struct epoll_event ev[64];
		int n = epoll_pwait2(r.ep, ev, (int)NELEM(ev), &ts, NULL), k;

		for (k = 0; k < n; k++)
			answer(&r, ev[k].data.ptr);
	}
	secs = (double)(clk_now() - began) / 1e9;
	for (i = 0; i < o->n_pids; i++)
		cpu += proc_cpu_s(o->pids[i]);
	printf("{\"role\":\"http\",\"n\":%u,\"secs\":%.3f,\"done\":%llu,\"failed\":%llu,", o->n, secs,
		(unsigned long long)r.done, (unsigned long long)r.failed);
	printf("\"bytes\":%llu,\"per_s\":%.0f,", (unsigned long long)r.bytes, (double)r.done / secs);
	hist_print(&r.took);
	printf("\"cpu_s\":%.4f,\"cpu_us_each\":%.1f}\n", cpu, r.done > 0 ? cpu * 1e6 / (double)r.done : 0);
	for (i = 0; i < o->n; i++)
		if (all[i].fd != -1)
			close(all[i].fd);
	close(r.ep);
	free(all);
	return 0;
}
