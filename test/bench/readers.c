/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Viewers and relays: N readers of one channel on one epoll loop. */
#include "test/bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/sys/thr.h"

#define HEAD_MAX   8192
#define JOINING    32           /* connections that wait for their answer at a time */
#define JOIN_LEAST (15 * NSEC_PER_SEC)   /* all are to have their answer within this, */
#define JOIN_EACH  (5 * NSEC_PER_MSEC)   /* and so much more for each; who has none then counts as refused */
#define CHECKED    8            /* readers that verify checksums */
#define MANY       64           /* readers, of whom a unit takes milliseconds */
#define RX         (256 * 1024)

enum phase { HEAD, ATOM_HDR, LEAF, MEDIA, GONE };

struct reader {
	int fd;
	enum phase phase;
	char *head;                     /* answer's head while it comes, NULL afterwards */
	size_t head_len;
	struct atomrd at;
	struct unitrd units;
};

struct run {
	const struct options *o;
	bool relay;
	int ep;
	struct reader *all;
	unsigned int started, joined, refused, gone;
	struct tally *t;                /* NULL outside of the measured window */
	struct tally tally;
	uint8_t *rx;
};

static void reader_end(struct run *r, struct reader *rd, bool refused)
{
	if (rd->phase == HEAD || refused)
		r->refused++;
	else
		r->gone++;
	rd->phase = GONE;
	close(rd->fd);
	rd->fd = -1;
	free(rd->head);
	rd->head = NULL;
}

static void reader_start(struct run *r, unsigned int i)
{
	struct reader *rd = &r->all[i];
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = rd };
	struct atoms hello = { .len = 0 };
	char req[256];
	int n;

	rd->phase = HEAD;
	rd->head = must_alloc(HEAD_MAX + 1);
	unitrd_init(&rd->units, i < CHECKED);
	rd->fd = dial(r->o->port);
	r->started++;
	if (rd->fd == -1) {
		reader_end(r, rd, true);
		return;
	}
	if (r->relay) {
		n = snprintf(req, sizeof(req), "GET /channel/%s HTTP/1.0\r\nx-peercast-pos: 0\r\n"
			"x-peercast-pcp: 1\r\n\r\n", r->o->id);
		atoms_helo(&hello, i + 1, false);
	} else {
		n = snprintf(req, sizeof(req), "GET /stream/%s HTTP/1.0\r\n"
			"User-Agent: peercast-bench\r\n\r\n", r->o->id);
	}
	if (!send_all(rd->fd, req, (size_t)n) || !send_all(rd->fd, hello.p, hello.len)) {
		reader_end(r, rd, true);
		return;
	}
	set_nonblocking(rd->fd);
	if (epoll_ctl(r->ep, EPOLL_CTL_ADD, rd->fd, &ev) == -1)
		die("epoll: %s", strerror(errno));
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Bytes of the answer's body; false when the reader is to end. */
static bool body(struct run *r, struct reader *rd, const uint8_t *p, size_t n, nsec now)
{
	while (n > 0) {
		size_t k;

		switch (rd->phase) {
		case MEDIA:
			return unitrd_feed(&rd->units, p, n, now, r->t);
		case ATOM_HDR:
			k = MIN(n, sizeof(rd->at.hdr) - rd->at.got);
			memcpy(rd->at.hdr + rd->at.got, p, k);
			rd->at.got += (uint32_t)k;
			if (rd->at.got == sizeof(rd->at.hdr)) {
				uint32_t word = le32(rd->at.hdr + 4);

				rd->at.got = 0;
				memcpy(rd->at.id, rd->at.hdr, 4);
				rd->at.left = (word & 0x80000000U) != 0 ? 0 : word;
				if (strcmp(rd->at.id, "quit") == 0)
					return false;
				if (rd->at.left > 0)
					rd->phase = LEAF;
			}
			break;
		case LEAF:
			k = MIN(n, rd->at.left);
			if (strcmp(rd->at.id, "data") == 0 &&
			    !unitrd_feed(&rd->units, p, k, now, r->t))
				return false;
			rd->at.left -= (uint32_t)k;
			if (rd->at.left == 0)
				rd->phase = ATOM_HDR;
			break;
		default:
			return false;
		}
		p += k;
		n -= k;
	}
	return true;
}

/* The answer's head; what follows it in p goes to body(). */
static bool head(struct run *r, struct reader *rd, const uint8_t *p, size_t n, nsec now)
{
	size_t room = HEAD_MAX - rd->head_len, k = MIN(n, room), before = rd->head_len, used;
	char *end;

	memcpy(rd->head + rd->head_len, p, k);
	rd->head_len += k;
	end = memmem(rd->head, rd->head_len, "\r\n\r\n", 4);
	if (end == NULL)
		return k < room;
	if (rd->head_len < 12 || memcmp(rd->head + 8, " 200", 4) != 0)
		return false;
	used = (size_t)(end - rd->head) + 4 - before;
	free(rd->head);
	rd->head = NULL;
	rd->phase = r->relay ? ATOM_HDR : MEDIA;
	r->joined++;
	return body(r, rd, p + used, n - used, now);
}

static void reader_input(struct run *r, struct reader *rd)
{
	ssize_t n = recv(rd->fd, r->rx, RX, 0);
	nsec now = clk_now();
	bool go_on;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		reader_end(r, rd, false);
		return;
	}
	if (r->t != NULL)
		r->t->bytes += (uint64_t)n;
	if (rd->phase == HEAD)
		go_on = head(r, rd, r->rx, (size_t)n, now);
	else
		go_on = body(r, rd, r->rx, (size_t)n, now);
	if (!go_on)
		reader_end(r, rd, false);
}

static void turn(struct run *r, int timeout_ms)
{
	struct epoll_event ev[256];
	int n = epoll_wait(r->ep, ev, (int)NELEM(ev), timeout_ms), i;

	for (i = 0; i < n; i++)
		reader_input(r, ev[i].data.ptr);
}

static void run_until(struct run *r, nsec end)
{
	while (!told_to_stop() && clk_now() < end && r->joined > r->gone)
		turn(r, MIN(clk_left_ms(end), 100));
}

/* Connect them all, some at a time. A server that has too much to do may never answer the last of them. */
static void join(struct run *r)
{
	const nsec limit = clk_now() + JOIN_LEAST + (nsec)r->o->n * JOIN_EACH;

	while (!told_to_stop() && r->joined + r->refused < r->o->n && clk_now() < limit) {
		while (r->started < r->o->n && r->started - r->joined - r->refused < JOINING)
			reader_start(r, r->started);
		turn(r, 100);
	}
	for (unsigned int i = 0; i < r->started; i++)
		if (r->all[i].phase == HEAD && r->all[i].fd != -1)
			reader_end(r, &r->all[i], true);
	r->refused += r->o->n - r->started;
}

static int readers(const struct options *o, bool relay)
{
	struct run r = { .o = o, .relay = relay };
	double cpu[PIDS_MAX] = { 0 }, own, total = 0, gb;
	long kib[PIDS_MAX] = { 0 }, kib_sum = 0, switches = 0;
	nsec began;
	unsigned int i;

	if (o->id == NULL || strlen(o->id) != 32)
		die("no channel id (-i)");
	r.ep = epoll_create1(EPOLL_CLOEXEC);
	r.all = must_alloc((o->n + 1) * sizeof(r.all[0]));
	r.rx = must_alloc(RX);
	for (i = 0; i < o->n_pids; i++)
		kib[i] = proc_kib(o->pids[i]);

	/* many stand for as many machines: what they read is no burden of those who answer beside them */
	if (o->n >= MANY)
		thr_take_turns(THR_LONG);
	join(&r);
	run_until(&r, clk_now() + (nsec)(o->warm * 1e9));

	for (i = 0; i < o->n_pids; i++) {
		cpu[i] = proc_cpu_s(o->pids[i]);
		switches -= proc_switches(o->pids[i]);
	}
	own = proc_cpu_s(getpid());
	r.t = &r.tally;
	began = clk_now();
	run_until(&r, began + (nsec)(o->seconds * 1e9));
	r.t = NULL;
	gb = (double)r.tally.bytes / 1e9;
	printf("{\"role\":\"%s\",\"n\":%u,\"joined\":%u,\"refused\":%u,\"gone\":%u,\"secs\":%.3f,",
		relay ? "relay" : "view", o->n, r.joined, r.refused, r.gone,
		(double)(clk_now() - began) / 1e9);
	printf("\"bytes\":%llu,\"units\":%llu,\"lost\":%llu,\"again\":%llu,\"bad\":%llu,",
		(unsigned long long)r.tally.bytes, (unsigned long long)r.tally.units,
		(unsigned long long)r.tally.lost, (unsigned long long)r.tally.again,
		(unsigned long long)r.tally.bad);
	hist_print(&r.tally.late);
	printf("\"own_cpu_s\":%.4f,", proc_cpu_s(getpid()) - own);
	for (i = 0; i < o->n_pids; i++) {
		total += proc_cpu_s(o->pids[i]) - cpu[i];
		switches += proc_switches(o->pids[i]);
		kib_sum += proc_kib(o->pids[i]) - kib[i];
	}
	printf("\"cpu_s\":%.4f,\"cpu_s_per_gb\":%.4f,\"kib_grown\":%ld,\"switches\":%ld}\n", total,
		gb > 0 ? total / gb : 0, kib_sum, switches);

	for (i = 0; i < r.started; i++)
		if (r.all[i].fd != -1 && r.all[i].phase != GONE)
			reader_end(&r, &r.all[i], false);
	close(r.ep);
	free(r.rx);
	free(r.all);
	return 0;
}

int role_view(const struct options *o)
{
	return readers(o, false);
}

int role_relay(const struct options *o)
{
	return readers(o, true);
}
