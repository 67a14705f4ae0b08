/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/healthask.h"

#include <stdlib.h>
#include <string.h>

#include "core/conf/settings.h"
#include "core/sys/file.h"
#include "core/sys/sock.h"

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

/* Its whole answer. ST_OK, ST_SYS, ST_TIMEOUT, ST_EOF, ST_LIMIT (too long to be one). */
static enum status ask(const struct host *at, char answer[ANSWER_MAX])
{
	static const char request[] = "GET /readyz HTTP/1.0\r\n\r\n";
	const nsec deadline = clk_deadline(HEALTHASK_TIME * NSEC_PER_SEC);
	size_t n = 0, got;
	struct sock s;
	enum status st = sock_connect(&s, at, NULL, deadline);

	answer[0] = '\0';
	if (st != ST_OK)
		return st;
	st = sock_write(&s, request, sizeof(request) - 1, deadline);
	while (st == ST_OK && n < ANSWER_MAX - 1) {
		st = sock_read(&s, answer + n, ANSWER_MAX - 1 - n, &got, deadline);
		if (st == ST_OK)
			n += got;
	}
	sock_close(&s);
	answer[n] = '\0';
	return n == ANSWER_MAX - 1 ? ST_LIMIT : st == ST_EOF && n > 0 ? ST_OK : st;
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
