/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SERVER: accept, one servent and one thread per connection.
 * source   node.md 5.4; pcp.md 5.1; settings.md decisions 2, 19
 */
#include "servent/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/sys/log.h"
#include "pcp/pcp.h"
#include "servent/handshake.h"

#define PAUSE_MIN (10 * NSEC_PER_MSEC)
#define PAUSE_MAX (1 * NSEC_PER_SEC)

/* No room: a word in the peer's language as far as it can be told, without waiting for anything. */
static void turn_away(int fd)
{
	static const char http[] = "HTTP/1.0 503 Service Unavailable\r\nConnection: close\r\n\r\n";
	static const uint8_t quit[] = { 'q', 'u', 'i', 't', 4, 0, 0, 0,
	                                PCP_QUIT_UNAVAILABLE & 0xff, PCP_QUIT_UNAVAILABLE >> 8, 0, 0 };
	char first[4] = "";

	if (recv(fd, first, sizeof(first), MSG_PEEK | MSG_DONTWAIT) == 4 && memcmp(first, "pcp\n", 4) == 0)
		(void)!send(fd, quit, sizeof(quit), MSG_NOSIGNAL | MSG_DONTWAIT);
	else
		(void)!send(fd, http, sizeof(http) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
	close(fd);
}

static void admit(struct app *a, int fd, const struct host *peer)
{
	struct incoming *in = malloc(sizeof(*in));
	struct servent *sv = NULL;
	enum status st = in != NULL ? servent_new(a->node.sm, fd, peer, false, &sv) : ST_LIMIT;

	if (st != ST_OK) {
		if (st != ST_STOPPED)
			log_peer(LOG_WARN, peer, "server: no room for %s: %s",
			         host_str(peer, (char[HOST_STRLEN]){ 0 }), status_str(st));
		turn_away(fd);
		free(in);
		return;
	}
	*in = (struct incoming){ .app = a, .sv = sv };
	st = thr_start(NULL, "incoming", handshake_run, in);
	if (st != ST_OK) {
		log_peer(LOG_ERROR, peer, "server: no thread for %s: %s",
		         host_str(peer, (char[HOST_STRLEN]){ 0 }), status_str(st));
		free(in);
		fd = dup(fd);           /* servent_end() closes its own */
		servent_end(&sv);
		if (fd != -1)
			turn_away(fd);
	}
}

void server_run(void *arg)
{
	struct app *a = arg;
	nsec pause = PAUSE_MIN;
	enum status st;

	do {
		struct host peer;
		int fd;

		st = sock_accept(a->listen_fd, &a->server_mb, &fd, &peer, NSEC_NEVER);
		if (st == ST_OK) {
			admit(a, fd, &peer);
			pause = PAUSE_MIN;
		} else if (st == ST_SYS) {
			/* out of files or memory: it will not be better at once */
			log_error("server: accept: %s; next try in %d ms", status_str(st),
			          (int)(pause / NSEC_PER_MSEC));
			if (mbox_wait(&a->server_mb, clk_deadline(pause)) == ST_STOPPED)
				st = ST_STOPPED;
			pause = MIN(pause * 2, PAUSE_MAX);
		}
	} while (st != ST_STOPPED);
}
