/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"
#include "pcp/pcp.h"
#include "servent/pass.h"

#define RESPONSE_TIME  (20 * NSEC_PER_SEC)      /* the whole response head */
#define RESPONSE_LINES 100
#define RESPONSE_LINE  8192
#define RESPONSE_BYTES 65536
#define REFUSAL_TIME   (15 * NSEC_PER_SEC)
#define REFUSAL_MORE   (5 * NSEC_PER_SEC)       /* until its quit, once it has named enough (B61) */

void ask_init(struct ask *k, struct app *a, const struct gnuid *id)
{
	*k = (struct ask){ .a = a, .id = *id, .sock = { .fd = -1 } };
}

enum status ask_connect(struct ask *k, struct mbox *mb, nsec deadline)
{
	k->code = 0;
	k->quit = 0;
	return sock_connect(&k->sock, &k->host, mb, deadline);
}

static enum status send_request(struct ask *k, uint32_t wanted, nsec deadline)
{
	char id[GNUID_STRLEN], host[HOST_STRLEN], text[512];
	int n = snprintf(text, sizeof(text),
	                 "GET /channel/%s HTTP/1.0\r\n"
	                 "Host: %s\r\n"
	                 "User-Agent: " NODE_AGENT "\r\n"
	                 "x-peercast-pos: %u\r\n"
	                 "x-peercast-pcp: %d\r\n"
	                 "\r\n",
	                 gnuid_str(&k->id, id), host_str(&k->host, host), wanted,
	                 host_is_v4(&k->host) ? PCP_PROTO_V4 : PCP_PROTO_V6);

	return sock_write(&k->sock, text, (size_t)n, deadline);
}

/* The status of a response's first line; 0 when it is none. A reason may be missing (B32). */
static int status_of(const char *line)
{
	uint32_t code = 0;
	char num[4] = "";

	if (ascii_ncasecmp(line, "HTTP/1.", 7) != 0 || strlen(line) < 12)
		return 0;
	memcpy(num, line + 9, 3);
	return num_u32(num, 100, 599, &code) ? (int)code : 0;
}

/* The response head: its status, or 0 when it is none. */
static int read_response(struct ask *k, nsec deadline)
{
	char *line = malloc(RESPONSE_LINE);
	size_t total = 0;
	int code = 0;

	for (int i = 0; line != NULL && i < RESPONSE_LINES && total <= RESPONSE_BYTES; i++) {
		size_t n;

		if (sock_read_line(&k->sock, line, RESPONSE_LINE, deadline) != ST_OK)
			break;
		n = strlen(line);
		total += n;
		if (i == 0) {
			code = status_of(line);
			if (code == 0)
				break;
		} else if (n == 0) {
			free(line);
			return code;
		}
	}
	free(line);
	return 0;
}

enum status ask_request(struct ask *k, uint32_t wanted, nsec deadline)
{
	enum status st;

	k->code = 0;
	k->quit = 0;
	k->hosts = 0;
	pcpio_init(&k->io, &k->sock, &atomlimits_fetch);
	st = send_request(k, wanted, MIN(deadline, clk_deadline(PCP_WRITE)));
	if (st != ST_OK)
		return st;
	k->code = read_response(k, MIN(deadline, clk_deadline(RESPONSE_TIME)));
	if (k->code != 200 && k->code != 503)
		return k->sock.mb != NULL && mbox_is_stopped(k->sock.mb) ? ST_STOPPED : ST_PROTO;
	st = pcpio_say_helo(&k->a->node, &k->io, false, k->trusted, k->as == ASK_YP, !host_is_v4(&k->host),
	                    &k->oleh, &k->quit, MIN(deadline, clk_deadline(PCP_HANDSHAKE)));
	if (st == ST_OK)
		k->proc = (struct proc){ .node = &k->a->node, .kind = PROC_FETCH, .peer = k->host,
		                         .remote = k->oleh.sid, .chan = k->id };
	return st;
}

enum status ask_atom(struct ask *k, struct atom *at)
{
	enum status st;

	for (;;) {
		st = pcpio_next(&k->io, at);
		if (st != ST_OK)
			return st;
		k->proc.n_named = (uint8_t)MIN(k->hosts, (uint32_t)UINT8_MAX);
		if (at->id != ATOM_HOST || ++k->hosts <= ASK_HOSTS)
			return proc_atom(&k->proc, at, &k->quit);
	}
}

void ask_refusal(struct ask *k, nsec deadline)
{
	enum status st = ST_OK;
	struct atom at;

	deadline = MIN(deadline, clk_deadline(REFUSAL_TIME));
	while (st == ST_OK) {
		do
			st = ask_atom(k, &at);
		while (st == ST_OK);
		if (st != ST_TIMEOUT)
			break;
		if (k->hosts > ASK_HOSTS)
			deadline = MIN(deadline, clk_deadline(REFUSAL_MORE));
		/* one that never stops talking has bytes ready past any deadline */
		st = clk_left_ms(deadline) == 0 ? ST_TIMEOUT : pcpio_pump(&k->io, deadline);
	}
}

void ask_move(struct ask *to, struct ask *from, struct mbox *mb)
{
	ask_init(to, from->a, &from->id);
	to->host = from->host;
	to->as = from->as;
	to->trusted = from->trusted;
	to->io = from->io;
	to->io.s = &to->sock;
	to->proc = from->proc;
	to->oleh = from->oleh;
	to->code = from->code;
	from->io = (struct pcpio){ .s = NULL };
	from->proc = (struct proc){ .node = NULL };
	sock_move(&to->sock, &from->sock, mb);
}

void ask_close(struct ask *k)
{
	if (k->proc.node != NULL)
		pass_end(&k->proc);
	k->proc = (struct proc){ .node = NULL };
	pcpio_fini(&k->io);
	sock_close(&k->sock);
}
