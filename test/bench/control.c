/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trackers: N control connections to a root, each announcing its channels; and what others wait for their
 * handshake meanwhile. */
#include "test/bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define JOINING   32
#define PROBE_GAP (20 * NSEC_PER_MSEC)           /* from one timed handshake to the next */
#define SETTLE    (500 * NSEC_PER_MSEC)          /* for the root to read the last of it */

struct tracker {
	int fd;
	bool ok;                        /* the root said ok */
	struct atomrd at;
	unsigned int next_chan;         /* of its channels */
};

struct run {
	const struct options *o;
	int ep;
	struct tracker *all;
	unsigned int started, joined, refused, gone;
	uint64_t announced;

	struct tracker probe;           /* comes, waits for its ok, and goes; fd -1 = none now */
	unsigned int probes;
	nsec probed;                    /* when it came */
	struct hist shakes;             /* from connect to ok */
};

static void tracker_end(struct run *r, struct tracker *t)
{
	if (t == &r->probe)
		r->refused += t->ok ? 0 : 1;
	else if (t->ok)
		r->gone++;
	else
		r->refused++;
	close(t->fd);
	t->fd = -1;
}

/* One tracker update, as a tracker sends it: chan and host in one bcst. */
static bool announce(struct run *r, struct tracker *t)
{
	uint32_t i = (uint32_t)(t - r->all), chan = i * r->o->chans + t->next_chan;
	struct atoms a = { .len = 0 };
	uint8_t sid[16] = "bench session", bcid[16] = "Bench session", cid[16] = "bench channel";
	char name[32];

	memcpy(sid + 12, &(uint32_t){ i + 1 }, 4);
	memcpy(bcid + 12, &(uint32_t){ i + 1 }, 4);
	memcpy(cid + 12, &(uint32_t){ chan + 1 }, 4);
	t->next_chan = (t->next_chan + 1) % r->o->chans;
	snprintf(name, sizeof(name), "bench %u", chan);
	atoms_box(&a, "bcst", 11);
	atoms_u8(&a, "grp", 1);
	atoms_u8(&a, "hops", 0);
	atoms_u8(&a, "ttl", 7);
	atoms_leaf(&a, "from", sid, 16);
	atoms_u32(&a, "vers", 1218);
	atoms_u32(&a, "vrvp", 27);
	atoms_leaf(&a, "vexp", "BX", 2);
	atoms_u16(&a, "vexn", 1);
	atoms_leaf(&a, "cid", cid, 16);
	atoms_box(&a, "chan", 4);
	atoms_leaf(&a, "id", cid, 16);
	atoms_leaf(&a, "bcid", bcid, 16);
	atoms_box(&a, "info", 7);
	atoms_str(&a, "name", name);
	atoms_u32(&a, "bitr", 1000);
	atoms_str(&a, "gnre", "bench");
	atoms_str(&a, "url", "http://example.org/");
	atoms_str(&a, "desc", "one of many");
	atoms_str(&a, "cmnt", "");
	atoms_str(&a, "type", "FLV");
	atoms_box(&a, "trck", 4);
	atoms_str(&a, "titl", "");
	atoms_str(&a, "crea", "");
	atoms_str(&a, "url", "");
	atoms_str(&a, "albm", "");
	atoms_box(&a, "host", 13);
	atoms_leaf(&a, "cid", cid, 16);
	atoms_leaf(&a, "id", sid, 16);
	atoms_u32(&a, "ip", 0x7f000001);
	atoms_u16(&a, "port", 7144);
	atoms_u32(&a, "numl", 1);
	atoms_u32(&a, "numr", 1);
	atoms_u32(&a, "uptm", 1);
	atoms_u32(&a, "ver", 1218);
	atoms_u32(&a, "vevp", 27);
	atoms_leaf(&a, "vexp", "BX", 2);
	atoms_u16(&a, "vexn", 1);
	atoms_u8(&a, "flg1", 0x33);
	atoms_u32(&a, "oldp", 0);
	r->announced++;
	return send_all(t->fd, a.p, a.len);
}

/* Connect, and say helo as session number n. */
static void tracker_start(struct run *r, struct tracker *t, unsigned int n)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = t };
	struct atoms a = { .len = 0 };

	*t = (struct tracker){ .fd = dial(r->o->port) };
	if (t->fd == -1)
		die("connect: %s", strerror(errno));
	atoms_u32(&a, "pcp\n", 1);
	atoms_helo(&a, n, true);
	if (!send_all(t->fd, a.p, a.len)) {
		tracker_end(r, t);
		return;
	}
	if (epoll_ctl(r->ep, EPOLL_CTL_ADD, t->fd, &ev) == -1)
		die("epoll: %s", strerror(errno));
}

static void start_next(struct run *r)
{
	tracker_start(r, &r->all[r->started], r->started);
	r->started++;
}

/* The root said ok. Announce all there is; a probe has seen enough. */
static void tracker_ok(struct run *r, struct tracker *t)
{
	unsigned int left = r->o->chans;

	t->ok = true;
	if (t == &r->probe) {
		hist_add(&r->shakes, clk_now() - r->probed);
		tracker_end(r, t);
		return;
	}
	r->joined++;
	while (left-- > 0 && t->fd != -1)
		if (!announce(r, t))
			tracker_end(r, t);
}

static void probe(struct run *r)
{
	const nsec now = clk_now();

	if (r->probe.fd != -1 || now - r->probed < PROBE_GAP)
		return;
	r->probed = now;
	tracker_start(r, &r->probe, r->o->n + r->probes++);
}

static void tracker_input(struct run *r, struct tracker *t)
{
	uint8_t rx[16384];
	ssize_t n = recv(t->fd, rx, sizeof(rx), MSG_DONTWAIT);
	const uint8_t *p = rx;

	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0) {
		tracker_end(r, t);
		return;
	}
	while (n > 0) {
		size_t k;

		if (t->at.left > 0) {
			k = MIN((size_t)n, t->at.left);
			t->at.left -= (uint32_t)k;
		} else {
			uint32_t word;

			k = MIN((size_t)n, sizeof(t->at.hdr) - t->at.got);
			memcpy(t->at.hdr + t->at.got, p, k);
			t->at.got += (uint32_t)k;
			if (t->at.got == sizeof(t->at.hdr)) {
				memcpy(&word, t->at.hdr + 4, 4);
				memcpy(t->at.id, t->at.hdr, 4);
				t->at.got = 0;
				t->at.left = (word & 0x80000000U) != 0 ? 0 : word;
				if (!t->ok && strcmp(t->at.id, "ok") == 0) {
					tracker_ok(r, t);
					if (t->fd == -1)
						return;
				} else if (strcmp(t->at.id, "quit") == 0) {
					tracker_end(r, t);
					return;
				}
			}
		}
		p += k;
		n -= (ssize_t)k;
	}
}

static void turn(struct run *r, int timeout_ms)
{
	struct epoll_event ev[256];
	int n = epoll_wait(r->ep, ev, (int)NELEM(ev), timeout_ms), i;

	for (i = 0; i < n; i++)
		if (((struct tracker *)ev[i].data.ptr)->fd != -1)
			tracker_input(r, ev[i].data.ptr);
}

/* Announce round-robin at the wanted pace until end; with probes, time handshakes too. */
static void run_until(struct run *r, nsec end, double each, bool probes)
{
	double per_s = each * (double)(r->joined - r->gone);
	nsec began = clk_now();
	uint64_t done = 0;
	unsigned int next = 0;

	while (!told_to_stop() && clk_now() < end && r->joined > r->gone) {
		uint64_t due = (uint64_t)((double)(clk_now() - began) / 1e9 * per_s);

		while (done < due && r->joined > r->gone) {
			struct tracker *t = &r->all[next++ % r->o->n];

			if (t->fd == -1 || !t->ok)
				continue;
			if (!announce(r, t))
				tracker_end(r, t);
			done++;
		}
		if (probes)
			probe(r);
		turn(r, per_s > 0 ? 1 : MIN(clk_left_ms(end), 100));
	}
}

/* Say no more and wait for the root to close: it has then read all there was. */
static void drain(struct run *r)
{
	nsec limit = clk_now() + 30 * NSEC_PER_SEC;
	unsigned int i;

	for (i = 0; i < r->started; i++)
		if (r->all[i].fd != -1)
			shutdown(r->all[i].fd, SHUT_WR);
	while (!told_to_stop() && clk_now() < limit && r->joined > r->gone)
		turn(r, 100);
}

int role_control(const struct options *o)
{
	struct run r = { .o = o, .ep = epoll_create1(EPOLL_CLOEXEC), .probe.fd = -1 };
	long kib = 0, switches = 0;
	uint64_t announced;
	double cpu = 0, secs;
	unsigned int i;
	nsec began;

	r.all = must_alloc((o->n + 1) * sizeof(r.all[0]));
	for (i = 0; i < o->n_pids; i++)
		kib -= proc_kib(o->pids[i]);
	while (!told_to_stop() && r.joined + r.refused < o->n) {
		while (r.started < o->n && r.started - r.joined - r.refused < JOINING)
			start_next(&r);
		turn(&r, 100);
	}
	run_until(&r, clk_now() + (nsec)(o->warm * 1e9), 0, false);
	for (i = 0; i < o->n_pids; i++) {
		cpu -= proc_cpu_s(o->pids[i]);
		switches -= proc_switches(o->pids[i]);
	}
	announced = r.announced;
	began = clk_now();
	run_until(&r, began + (nsec)(o->seconds * 1e9), o->each, false);
	announced = r.announced - announced;
	if (o->stay || o->probe)
		run_until(&r, clk_now() + SETTLE, 0, false);    /* it has read all long before */
	else if (o->each > 0)
		drain(&r);
	secs = (double)(clk_now() - began) / 1e9;
	for (i = 0; i < o->n_pids; i++) {
		cpu += proc_cpu_s(o->pids[i]);
		switches += proc_switches(o->pids[i]);
		kib += proc_kib(o->pids[i]);
	}
	if (o->probe)
		run_until(&r, clk_now() + (nsec)(o->seconds * 1e9), o->each, true);
	printf("{\"role\":\"control\",\"n\":%u,\"joined\":%u,\"refused\":%u,\"gone\":%u,", o->n,
		r.joined, r.refused, r.gone);
	printf("\"secs\":%.3f,\"announced\":%llu,\"cpu_s\":%.4f,", secs,
		(unsigned long long)announced, cpu);
	printf("\"shakes\":%llu,", (unsigned long long)r.shakes.n);
	hist_print(&r.shakes);
	printf("\"cpu_us_each\":%.1f,\"kib_grown\":%ld,\"switches\":%ld}\n",
		announced > 0 ? cpu * 1e6 / (double)announced : 0, kib, switches);
	for (i = 0; i < r.started; i++)
		if (r.all[i].fd != -1)
			close(r.all[i].fd);
	if (r.probe.fd != -1)
		close(r.probe.fd);
	close(r.ep);
	free(r.all);
	return 0;
}
