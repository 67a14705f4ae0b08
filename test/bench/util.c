/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "test/bench/bench.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
	};
}

int dial(uint16_t port)
{
	struct sockaddr_in to = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1) {
		int why = errno;

		close(fd);
		errno = why;
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

int listen_on(uint16_t port)
{
	struct sockaddr_in at = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) == -1 || listen(fd, 4096) == -1)
		die("port %u: %s", port, strerror(errno));
	return fd;
}

void set_nonblocking(int fd)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		die("fcntl: %s", strerror(errno));
}

bool send_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t r = send(fd, at, n, MSG_NOSIGNAL);

		if (r == -1 && errno == EINTR && !told_to_stop())
			continue;
		if (r == -1)
			return false;
		at += r;
		n -= (size_t)r;
	}
	return true;
}

double proc_cpu_s(pid_t pid)
{
	struct timespec ts;
	clockid_t clk;

	if (clock_getcpuclockid(pid, &clk) != 0 || clock_gettime(clk, &ts) == -1)
		die("no CPU clock of process %ld", (long)pid);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The number behind `key` at the start of a line of a /proc file; -1 when there is none. */
static long proc_number(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	char line[256];
	long v = -1;

	if (f == NULL)
		return -1;
	while (v == -1 && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, key, strlen(key)) == 0)
			v = strtol(line + strlen(key), NULL, 10);
	fclose(f);
	return v;
}

long proc_kib(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/smaps_rollup", (long)pid);
	return proc_number(path, "Pss:");
}

long proc_switches(pid_t pid)
{
	char path[320];
	struct dirent *e;
	long sum = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%ld/task", (long)pid);
	d = opendir(path);
	if (d == NULL)
		return -1;
	while ((e = readdir(d)) != NULL) {
		long v;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%ld/task/%s/status", (long)pid, e->d_name);
		v = proc_number(path, "voluntary_ctxt_switches:");
		sum += v > 0 ? v : 0;
	}
	closedir(d);
	return sum;
}

/* --- latencies --------------------------------------------------------------------------- */

/* Bucket of v: the first HIST_SUB are exact, then HIST_SUB for each doubling. */
static size_t hist_bucket(uint64_t v)
{
	unsigned int doubling;

	if (v < HIST_SUB)
		return (size_t)v;
	doubling = 63 - (unsigned int)__builtin_clzll(v) - 5;
	return MIN((size_t)(doubling * HIST_SUB + (v >> doubling)), HIST_BUCKETS - 1);
}

static double hist_value(size_t bucket)
{
	size_t doubling = bucket / HIST_SUB;

	if (doubling <= 1)
		return (double)bucket;
	return ((double)(bucket - (doubling - 1) * HIST_SUB) + 0.5) * (double)(1ULL << (doubling - 1));
}

void hist_add(struct hist *h, nsec v)
{
	h->count[hist_bucket(v > 0 ? (uint64_t)v : 0)]++;
	h->n++;
	h->max = MAX(h->max, v);
}

double hist_us(const struct hist *h, double q)
{
	uint64_t rank = (uint64_t)(q * (double)h->n), seen = 0;
	size_t i;

	for (i = 0; i < HIST_BUCKETS; i++) {
		seen += h->count[i];
		if (seen > rank)
			return hist_value(i) / 1000;
	}
	return (double)h->max / 1000;
}

void hist_print(const struct hist *h)
{
	static const double share[] = { 0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999 };

	printf("\"us\":[");
	for (size_t i = 0; i < NELEM(share) && h->n > 0; i++)
		printf("[%g,%.1f],", share[i], hist_us(h, share[i]));
	printf("[1,%.1f]],", (double)h->max / 1000);
	printf("\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,", hist_us(h, 0.5), hist_us(h, 0.99), (double)h->max / 1000);
}

/* --- atoms ------------------------------------------------------------------------------- */

static void atoms_put(struct atoms *a, const void *p, size_t n)
{
	if (n > sizeof(a->p) - a->len)
		die("atoms too long");
	memcpy(a->p + a->len, p, n);
	a->len += n;
}

static void put_le(uint8_t *p, uint32_t v, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void atoms_hdr(struct atoms *a, const char *id, uint32_t word)
{
	uint8_t h[8] = { 0 };

	memcpy(h, id, strnlen(id, 4));
	put_le(h + 4, word, 4);
	atoms_put(a, h, sizeof(h));
}

void atoms_box(struct atoms *a, const char *id, uint32_t children)
{
	atoms_hdr(a, id, 0x80000000U | children);
}

void atoms_leaf(struct atoms *a, const char *id, const void *v, uint32_t n)
{
	atoms_hdr(a, id, n);
	atoms_put(a, v, n);
}

void atoms_u8(struct atoms *a, const char *id, uint8_t v)
{
	atoms_leaf(a, id, &v, 1);
}

void atoms_u16(struct atoms *a, const char *id, uint16_t v)
{
	uint8_t b[2];

	put_le(b, v, 2);
	atoms_leaf(a, id, b, 2);
}

void atoms_u32(struct atoms *a, const char *id, uint32_t v)
{
	uint8_t b[4];

	put_le(b, v, 4);
	atoms_leaf(a, id, b, 4);
}

void atoms_str(struct atoms *a, const char *id, const char *s)
{
	atoms_leaf(a, id, s, (uint32_t)strlen(s) + 1);
}

void atoms_helo(struct atoms *a, uint32_t n, bool broadcasting)
{
	uint8_t id[16] = "bench session";

	put_le(id + 12, n + 1, 4);
	atoms_box(a, "helo", broadcasting ? 5 : 4);
	atoms_str(a, "agnt", "peercast-bench");
	atoms_u32(a, "ver", 1218);
	atoms_leaf(a, "sid", id, 16);
	atoms_u16(a, "port", 0);
	if (broadcasting) {
		id[0] = 'B';
		atoms_leaf(a, "bcid", id, 16);
	}
}
