/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "test/bench/bench.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH (256 * 1024)      /* units that are due together leave in one send */

static void wait_until(nsec when)
{
	struct timespec ts = { .tv_sec = when / NSEC_PER_SEC, .tv_nsec = when % NSEC_PER_SEC };

	/* A generator's own pace is the one thing that does wait for a clock. */
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

int role_source(const struct options *o)
{
	bool flood = o->kbps == 0;
	size_t bytes = flood ? o->rate : (size_t)o->kbps * 125 / o->rate;
	uint64_t seq = 0, sent = 0;
	size_t cap, len = 0;
	nsec began, end, step = flood ? 0 : NSEC_PER_SEC / o->rate;
	uint8_t *out;
	char head[512];
	uint8_t first[256];
	size_t n;
	int fd;

	bytes = MIN(MAX(bytes, UNIT_LEAST), UNIT_MOST);
	cap = MAX(BATCH, bytes + 32);
	out = must_alloc(cap);
	fd = dial(o->port);
	if (fd == -1)
		die("connect to port %u: %s", o->port, strerror(errno));
	n = (size_t)snprintf(head, sizeof(head),
		"POST /?name=%s&type=FLV&genre=bench HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
		"User-Agent: peercast-bench\r\nTransfer-Encoding: chunked\r\n\r\n", o->name,
		o->port);
	if (n >= sizeof(head) || !send_all(fd, head, n))
		die("push: the request failed");
	n = unit_head(first, sizeof(first));
	n = (size_t)snprintf((char *)out, cap, "%zx\r\n", n);
	memcpy(out + n, first, unit_head(first, sizeof(first)));
	n += unit_head(first, sizeof(first));
	memcpy(out + n, "\r\n", 2);
	if (!send_all(fd, out, n + 2))
		die("push: the stream's head failed");

	began = clk_now();
	end = o->seconds > 0 ? began + (nsec)(o->seconds * 1e9) : NSEC_NEVER;
	while (!told_to_stop() && clk_now() < end) {
		nsec due = began + (nsec)seq * step;

		if (!flood && due > clk_now())
			wait_until(due);
		len = 0;
		do {
			len += (size_t)snprintf((char *)out + len, 16, "%zx\r\n", bytes);
			unit_build(out + len, bytes, seq + 1, seq % o->key == 0,
				(uint32_t)((uint64_t)(clk_now() - began) / 1000000));
			len += bytes;
			memcpy(out + len, "\r\n", 2);
			len += 2;
			seq++;
		} while (len + bytes + 32 <= cap &&
			(flood || began + (nsec)seq * step <= clk_now()));
		if (!send_all(fd, out, len))
			break;
		sent += len;
	}
	printf("{\"role\":\"source\",\"units\":%llu,\"bytes\":%llu,\"secs\":%.3f,",
		(unsigned long long)seq, (unsigned long long)sent, (double)(clk_now() - began) / 1e9);
	printf("\"ended\":%s,\"late_ms\":%.1f}\n",
		told_to_stop() || clk_now() >= end ? "false" : "true",
		flood ? 0 : (double)(clk_now() - (began + (nsec)seq * step)) / 1e6);
	close(fd);
	free(out);
	return 0;
}
