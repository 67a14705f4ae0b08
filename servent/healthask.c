/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/healthask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/conf/settings.h"
#include "core/sys/file.h"
#include "core/sys/host.h"

#define ANSWER_MAX 4096

static enum status target(const char *ini, struct host *at)
{
	struct settings *set = NULL;
	struct buf b;
	enum status st;

	buf_init(&b, SETTINGS_FILE_MAX);
	st = file_read(ini, &b);
	if (st == ST_OK)
		st = settings_parse(b.p, b.len, NULL, NULL, &set);
	buf_fini(&b);
	if (st != ST_OK)
		return st;
	*at = host_v4(127, 0, 0, 1, 0);
	if (set->bind_address[0] != '\0' && set->auto_serve && !host_parse(at, set->bind_address, 0))
		*at = host_v4(127, 0, 0, 1, 0);
	at->port = (uint16_t)set->server_port;
	settings_free(&set);
	return ST_OK;
}

/* Its whole answer. ST_OK, ST_SYS, ST_LIMIT (too long to be one). */
static enum status ask(const struct host *at, char answer[ANSWER_MAX])
{
	static const char request[] = "GET /readyz HTTP/1.0\r\n\r\n";
	const struct timeval limit = { .tv_sec = HEALTHASK_TIME };
	struct sockaddr_storage ss;
	const socklen_t len = host_to_sockaddr(at, &ss);
	enum status st = ST_SYS;
	size_t n = 0;
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return ST_SYS;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
	    connect(fd, (const struct sockaddr *)&ss, len) == 0 &&
	    send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(request) - 1) {
		ssize_t k;

		st = ST_OK;
		while (n < ANSWER_MAX - 1 && (k = recv(fd, answer + n, ANSWER_MAX - 1 - n, 0)) != 0) {
			if (k == -1) {
				st = ST_SYS;
				break;
			}
			n += (size_t)k;
		}
	}
	answer[n] = '\0';
	const int e = errno;

	(void)close(fd);
	errno = e;
	return n == ANSWER_MAX - 1 ? ST_LIMIT : st;
}

int healthask(const char *ini, FILE *out, FILE *err)
{
	char answer[ANSWER_MAX], name[HOST_STRLEN];
	struct host at;
	const char *body;
	enum status st = target(ini, &at);

	if (st != ST_OK) {
		fprintf(err, "peercast: %s: %s\n", ini, status_str(st));
		return EXIT_FAILURE;
	}
	st = ask(&at, answer);
	body = st == ST_OK ? strstr(answer, "\r\n\r\n") : NULL;
	if (body == NULL || strncmp(answer, "HTTP/1.", 7) != 0) {
		fprintf(err, "peercast: %s: %s\n", host_str(&at, name), st != ST_OK ? status_str(st) :
		        "this is no answer of a node");
		return EXIT_FAILURE;
	}
	fputs(body + 4, out);
	return strncmp(answer + 8, " 200 ", 5) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
