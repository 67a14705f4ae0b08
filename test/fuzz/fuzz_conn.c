/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole node, and one connection to it over a socketpair: whatever somebody sends, be he a tracker, relay,
 * player, encoder (by RTMP too), browser, or a node that dials us and serves a channel we look for (GIV), it ends, and
 * nothing stays of it. Input: a byte of choices, then the stream. Nothing is dialled and no name is looked up. */
#include "test/fuzz/fuzz.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/sys/log.h"
#include "core/sys/rng.h"
#include "core/sys/text.h"
#include "http/request.h"
#include "servent/app.h"
#include "servent/conn.h"
#include "servent/handshake.h"
#include "servent/rtmp.h"
#include "servent/source.h"

enum { PRIVATE = 1, ON_AIR = 2, SEARCHING = 4, BY_RTMP = 8 };

#define LAST  (5 * NSEC_PER_SEC)        /* in which a connection that was closed has ended */
#define QUIET_MS 5                      /* without an answer: whoever has said all leaves */
#define TRIES 50                        /* ports */

/* Theirs are refused, ours never used. */
int connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	errno = ENETUNREACH;
	return -1;
}

/* <netdb.h> has another struct servent. */
struct addrinfo;
int getaddrinfo(const char *name, const char *port, const struct addrinfo *hints, struct addrinfo **out);
int getaddrinfo(const char *name, const char *port, const struct addrinfo *hints, struct addrinfo **out)
{
	return -2;                      /* EAI_NONAME */
}

static struct app app;
static struct gnuid far_id;     /* of the channel that is looked for: AA..AA */

static void node_down(void)
{
	app_stop(&app);
}

static void node_up(void)
{
	static const char ini[] = "[Server]\nserverPort = %u\nbindAddress = 127.0.0.1\nisRoot = Yes\nrootHost =\n"
		"maxControlConnections = 10\nmaxDirect = 10\nrtmpServer = No\nlogLevel = 7\nchanLog =\n"
		"historyDays = 0\nsourceGraceSec = 0\npassword = knock\nrtmpKey = key\n"
		"[Filter]\nip = 255.255.255.255\nnetwork = Yes\ndirect = Yes\n[End]\n"
		"[Filter]\nip = 198.51.100.7\nprivate = Yes\nnetwork = Yes\ndirect = Yes\n[End]\n";
	enum status st = ST_LIMIT;
	char path[64];
	int code = 0;

	memset(far_id.b, 0xaa, sizeof(far_id.b));
	for (int i = 0; i < TRIES && st != ST_OK; i++) {
		const int fd = memfd_create("ini", 0);  /* a file without a place: nothing is left */

		ASSERT(fd != -1 && dprintf(fd, ini, 15000 + rng_below(17000)) > 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		st = app_start(&app, path, NULL, &code);
		ASSERT(st == ST_OK || code == 3);       /* that port is taken */
	}
	ASSERT(st == ST_OK && atexit(node_down) == 0);
	log_set_level(LOG_OFF);
}

/* Somebody connects. Returns his end. */
static int begin(const struct host *peer, bool rtmp)
{
	struct servent *sv;
	void *in;
	int fd[2];

	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) == 0);
	ASSERT(servent_new(app.node.sm, fd[0], peer, false, &sv) == ST_OK);
	in = malloc(rtmp ? sizeof(struct rtmp_incoming) : sizeof(struct incoming));
	ASSERT(in != NULL);
	if (rtmp)
		*(struct rtmp_incoming *)in = (struct rtmp_incoming){ .app = &app, .sv = sv, .key = "" };
	else
		*(struct incoming *)in = (struct incoming){ .app = &app, .sv = sv };
	ASSERT(thr_start(NULL, "incoming", rtmp ? rtmp_run : handshake_run, in) == ST_OK);
	return fd[1];
}

/* Say it all and hear what comes back until there is nothing more. */
static void talk(int fd, const uint8_t *p, size_t n)
{
	static char answer[65536];
	bool open = true;

	while (open) {
		struct pollfd pf = { .fd = fd, .events = (short)(POLLIN | (n > 0 ? POLLOUT : 0)) };
		const int ready = poll(&pf, 1, n > 0 ? 1000 : QUIET_MS);
		ssize_t k;

		if (ready <= 0)
			break;
		if (pf.revents & POLLOUT) {
			k = send(fd, p, n, MSG_NOSIGNAL);
			open = k > 0;
			p += MAX(k, (ssize_t)0);
			n -= (size_t)MAX(k, (ssize_t)0);
			if (n == 0)
				(void)shutdown(fd, SHUT_WR);
		}
		if (pf.revents & (POLLIN | POLLHUP | POLLERR)) {
			k = recv(fd, answer, sizeof(answer), 0);
			open = open && k > 0;
		}
	}
}

/* A channel is on the air: an encoder that stays. */
static int air(void)
{
	static const uint8_t tags[] = {
		'F', 'L', 'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0,
		9, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0x17, 0, 0, 0, 0, 1, 2, 0, 0, 0, 18,
		9, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0x17, 1, 0, 0, 0, 1, 0, 0, 0, 17,
		9, 0, 0, 6, 0, 0, 1, 0, 0, 0, 0, 0x27, 1, 0, 0, 0, 2, 0, 0, 0, 17,
	};
	static const char head[] = "POST /?name=on+air&type=FLV HTTP/1.0\r\n\r\n";
	const struct host peer = host_v4(198, 51, 100, 7, 9);
	const int fd = begin(&peer, false);
	const nsec deadline = clk_deadline(LAST);

	ASSERT(send(fd, head, sizeof(head) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(head) - 1);
	ASSERT(send(fd, tags, sizeof(tags), MSG_NOSIGNAL) == (ssize_t)sizeof(tags));
	while (chanmgr_count(app.node.cm) == 0) {
		ASSERT(clk_now() < deadline);
		(void)poll(NULL, 0, 1);
	}
	return fd;
}

static void search(void)
{
	const struct host tip = host_v4(192, 0, 2, 1, 7144);
	struct chanmeta m = { .id = far_id };
	struct chan *c = NULL;

	ASSERT(fetch_restore(&app.node, &m, &tip, true, &c) == ST_OK);
	chan_unref(&c);
}

static void end_channels(void)
{
	struct chan **all;
	size_t n;

	ASSERT(chanmgr_all(app.node.cm, &all, &n) == ST_OK);
	for (size_t i = 0; i < n; i++) {
		chan_close(all[i]);
		chan_unref(&all[i]);
	}
	free(all);
	source_stop_all(&app);
}

/* Nobody is connected and nothing runs any more. Who waits for a channel ends with it. */
static void rest(void)
{
	const nsec deadline = clk_deadline(LAST);
	enum status st = ST_OK;
	uint32_t tasks;

	while (servmgr_wait_empty(app.node.sm, clk_deadline(NSEC_PER_MSEC)) != ST_OK) {
		ASSERT(clk_now() < deadline);
		end_channels();
	}
	end_channels();
	app_lock(&app);
	while (app.tasks > 0 && st == ST_OK)
		st = cond_wait(&app.idle, &app.mtx, deadline);
	tasks = app.tasks;
	app_unlock(&app);
	ASSERT(tasks == 0 && chanmgr_count(app.node.cm) == 0);
}

/* The input speaks of the channel on the air as BB..BB: 32 letters, or 16 bytes. */
static void name_it(uint8_t *p, size_t n)
{
	char text[GNUID_STRLEN];
	struct chan **all;
	struct gnuid id;
	size_t count;

	ASSERT(chanmgr_all(app.node.cm, &all, &count) == ST_OK && count > 0);
	id = *chan_id(all[0]);
	for (size_t i = 0; i < count; i++)
		chan_unref(&all[i]);
	free(all);
	gnuid_str(&id, text);
	for (size_t i = 0; i + 16 <= n; i++) {
		if (i + 32 <= n && memcmp(p + i, "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB", 32) == 0)
			memcpy(p + i, text, 32);
		else if (memcmp(p + i, "\xbb\xbb\xbb\xbb\xbb\xbb\xbb\xbb\xbb\xbb\xbb\xbb\xbb\xbb\xbb\xbb", 16) == 0)
			memcpy(p + i, id.b, 16);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t how = size > 0 ? data[0] : 0;
	const struct host peer = host_v4(198, 51, 100, how & PRIVATE ? 7 : 8, 1);
	uint8_t *copy;
	int encoder = -1, fd;

	if (size < 2 || size > (size_t)256 * 1024)
		return 0;
	if (app.node.sm == NULL)
		node_up();
	copy = malloc(size);
	ASSERT(copy != NULL);
	memcpy(copy, data, size);
	if (how & ON_AIR) {
		encoder = air();
		name_it(copy, size);
	}
	if (how & SEARCHING)
		search();
	fd = begin(&peer, (how & BY_RTMP) != 0);
	talk(fd, copy + 1, size - 1);
	free(copy);
	close(fd);
	if (encoder != -1)
		close(encoder);
	rest();
	return 0;
}
