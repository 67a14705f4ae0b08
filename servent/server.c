/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SERVER: accept, one servent and one thread per connection; those who have become free take some of them
 * at the listener (acceptor.h).
 * source   node.md 5.4; pcp.md 5.1; settings.md decisions 2, 19
 */
#include "servent/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/sys/log.h"
#include "pcp/pcp.h"
#include "servent/acceptor.h"
#include "servent/handshake.h"
#include "servent/health.h"
#include "servent/listen.h"

#define PAUSE    (100 * NSEC_PER_MSEC)          /* after an accept that failed */
#define LISTEN_AGAIN (10 * NSEC_PER_SEC)
#define LOG_TIME (10 * NSEC_PER_SEC)            /* between two lines about that */
#define LAST_FDS 64                             /* numbers of files that go to who can wait at once */

/* Accepting without files or memory to do it. */
struct trouble {
	int spare;                      /* held back to turn clients away with; -1 = none */
	nsec told;                      /* when it was logged last; 0 = never */
	uint32_t untold;                /* failures since */
};

/* No room: a word in the peer's language as far as it can be told, without waiting for anything. */
static void turn_away(int fd)
{
	static const char http[] = "HTTP/1.0 503 Service Unavailable\r\nConnection: close\r\n\r\n";
	static const uint8_t quit[] = { 'q', 'u', 'i', 't', 4, 0, 0, 0,
	                                PCP_QUIT_UNAVAILABLE & 0xff, PCP_QUIT_UNAVAILABLE >> 8, 0, 0 };
	char first[4] = "", junk[4096];

	if (recv(fd, first, sizeof(first), MSG_PEEK | MSG_DONTWAIT) == 4 && memcmp(first, "pcp\n", 4) == 0)
		(void)!send(fd, quit, sizeof(quit), MSG_NOSIGNAL | MSG_DONTWAIT);
	else
		(void)!send(fd, http, sizeof(http) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
	/* a socket closed over unread bytes is reset, and the reset may overtake the word */
	(void)!recv(fd, junk, sizeof(junk), MSG_DONTWAIT);
	close(fd);
}

/* Who waits needs a second file. The threads make theirs when they wait; of the last ones they are made here,
 * or another would take the one that is held back (no_files()), and nobody else would be answered. */
static bool can_wait(int fd)
{
	const int other = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (other != -1)
		close(other);
	return other != -1;
}

struct servent *server_admit(struct app *a, int fd, const struct host *peer)
{
	const bool scarce = a->files_max != 0 && fd >= a->files_max - LAST_FDS;
	struct servent *sv = NULL;
	enum status st = ST_SYS;

	if (!scarce || can_wait(fd))
		st = servent_new(a->node.sm, fd, peer, false, &sv);
	if (st == ST_OK && scarce && mbox_ready(&sv->mbox) != ST_OK)
		log_debug("servent %u: its file went to another", sv->id);      /* it says so when it waits */
	if (st != ST_OK) {
		if (st != ST_STOPPED)
			log_peer(LOG_WARN, peer, "server: no room for %s: %s",
			         host_str(peer, (char[HOST_STRLEN]){ 0 }), status_str(st));
		turn_away(fd);
	}
	return sv;
}

void server_start(struct app *a, int fd, const struct host *peer)
{
	struct incoming *in = malloc(sizeof(*in));
	struct servent *sv = server_admit(a, fd, peer);
	enum status st = ST_LIMIT;

	if (sv == NULL) {
		free(in);
		return;
	}
	if (in != NULL) {
		*in = (struct incoming){ .app = a, .sv = sv };
		st = thr_start(NULL, "incoming", handshake_run, in);
	}
	if (st != ST_OK) {
		log_peer(LOG_ERROR, peer, "server: no thread for %s: %s",
		         host_str(peer, (char[HOST_STRLEN]){ 0 }), status_str(st));
		free(in);
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);     /* servent_end() closes its own */
		servent_end(&sv);
		if (fd != -1)
			turn_away(fd);
	}
}

static int open_spare(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* accept(2) failed, errno says why: answer the client with the file held back, so that it does not
 * wait for one that may never come. Without one, pause. */
static enum status no_files(struct app *a, struct trouble *t)
{
	const bool full = errno == EMFILE || errno == ENFILE;
	const nsec now = clk_now();
	enum status st = ST_SYS;
	struct host peer;
	int fd;

	node_count(&a->node, NODE_ACCEPT_FAILED);
	if (t->told == 0 || now - t->told >= LOG_TIME) {
		log_error("server: accept: %s (and %u times before)", status_str(st), t->untold);
		t->told = now;
		t->untold = 0;
	} else {
		t->untold++;
	}
	if (full && t->spare != -1) {
		close(t->spare);
		t->spare = -1;
		st = sock_accept(a->listen_fd, &a->server_mb, &fd, &peer, now);
		if (st == ST_OK)
			turn_away(fd);
	}
	if (st == ST_SYS || st == ST_TIMEOUT)   /* accept(2) fails so even when nobody waits */
		st = mbox_wait(&a->server_mb, now + PAUSE);
	if (t->spare == -1)
		t->spare = open_spare();
	return st == ST_STOPPED ? st : ST_TIMEOUT;      /* an acceptor may have said the same meanwhile */
}

/* A connection that no acceptor takes. told: one may have been woken for it, and could not.
 * ST_TIMEOUT: somebody woke us. */
static enum status next_connection(struct app *a, bool told, int *fd, struct host *peer)
{
	enum status st = ST_TIMEOUT;

	if (told || acceptors_back_by(a->acceptors) == 0)
		st = sock_accept_now(a->listen_fd, fd, peer);
	while (st == ST_TIMEOUT) {
		nsec by;

		st = sock_wait_fd(a->listen_poll, &a->server_mb, NSEC_NEVER);
		by = st == ST_OK ? acceptors_back_by(a->acceptors) : 0;
		if (by != 0) {
			st = mbox_wait(&a->server_mb, by);
			st = st == ST_OK ? ST_TIMEOUT : st == ST_TIMEOUT ? ST_OK : st;
		}
		if (st != ST_OK)
			return st;
		st = sock_accept_now(a->listen_fd, fd, peer);
	}
	return st;
}

void server_run(void *arg)
{
	struct app *a = arg;
	struct trouble t = { .spare = open_spare() };
	enum status st = ST_TIMEOUT;

	thr_take_turns(THR_SHORT);
	listen_begin(a);
	do {
		struct host peer;
		int fd;

		listen_follow(a);
		health_beat_server(a);
		if (a->listen_fd == -1) {       /* lost when it was to move */
			st = mbox_wait(&a->server_mb, clk_deadline(LISTEN_AGAIN));
			continue;
		}
		st = next_connection(a, st == ST_TIMEOUT, &fd, &peer);
		if (st == ST_OK)
			server_start(a, fd, &peer);
		else if (st == ST_SYS)
			st = no_files(a, &t);
	} while (st != ST_STOPPED);
	if (t.spare != -1)
		close(t.spare);
}
