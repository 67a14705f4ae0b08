/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/intake.h"

#include <stdlib.h>
#include <string.h>

#include "core/media/dechunk.h"
#include "core/sys/log.h"
#include "http/response.h"

#define INTAKE_READ (64 * 1024)
#define GOES_ON     NSEC_PER_SEC                /* behind Content-Length, if it does */
#define SLOW_TIME   (60 * NSEC_PER_SEC)         /* a channel's input brings SLOW_BYTES in this time, */
#define SLOW_BYTES  (60 * 1024)                 /* or it is no stream (media.md 9.1 row 21) */

struct inflow {
	struct source src;
	struct sock sock;
	struct dechunk dechunk;
	const char *name;
	bool chunked, has_length, answers;
	uint64_t left;                  /* of Content-Length */
	nsec idle;
	nsec now;
	uint8_t buf[INTAKE_READ];
};

void intake_answer(struct sock *s, int status, const char *detail)
{
	struct response rs;

	response_init(&rs, 4096);
	if (status >= 400)
		response_error(&rs, status, detail);
	else
		rs.status = status;
	sock_deafen(s);                 /* a stop must not swallow the answer */
	if (response_send(s, &rs, false, clk_deadline(GOODBYE)) == ST_OK)
		http_drain(s);
	response_fini(&rs);
}

static enum status body(void *ctx, const void *p, size_t n)
{
	struct inflow *x = ctx;

	return source_feed(&x->src, p, n, x->now);
}

/* Content-Length is reached. Encoders that do not know how long they will send name any number, and go on:
 * ST_OK, it counts no more. ST_EOF: nothing follows. */
static enum status at_length(struct inflow *x)
{
	const nsec deadline = clk_deadline(GOES_ON);
	enum status st;
	int what;

	do
		st = sock_wait(&x->sock, SOCK_IN, &what, deadline);
	while (st == ST_OK && (what & SOCK_IN) == 0);
	x->has_length = st != ST_OK;
	return st == ST_TIMEOUT ? ST_EOF : st;
}

/* n bytes of the connection. ST_EOF: the body has ended in an orderly way. */
static enum status take(void *ctx, const uint8_t *p, size_t n, nsec now)
{
	struct inflow *x = ctx;
	enum status st;
	size_t used;

	x->now = now;
	if (x->chunked) {
		st = dechunk_feed(&x->dechunk, p, n, &used, body, x);
		if ((st == ST_PROTO || st == ST_LIMIT) && dechunk_error(&x->dechunk)[0] != '\0' &&
		    x->src.error[0] == '\0')
			(void)text_copy(x->src.error, sizeof(x->src.error), dechunk_error(&x->dechunk));
		return st;
	}
	if (x->has_length && n > x->left)
		x->has_length = false;
	x->left -= x->has_length ? n : 0;
	st = n > 0 ? body(x, p, n) : ST_OK;
	return st == ST_OK && x->has_length && x->left == 0 ? at_length(x) : st;
}

/* --- reading ---------------------------------------------------------------------------------- */

bool intake_drips(struct intake_drip *d, struct source *src, size_t got, nsec now)
{
	bool slow = false;

	d->bytes += got;
	if (d->since == 0 || now - d->since >= SLOW_TIME) {
		slow = d->since != 0 && d->bytes < SLOW_BYTES;
		d->since = src->c != NULL ? now : 0;
		d->bytes = 0;
	}
	if (slow)
		(void)text_copy(src->error, sizeof(src->error), "less than 1 KiB/s for a minute");
	return slow;
}

enum status intake_read(const struct intake_read *r)
{
	struct intake_drip drip = { 0 };
	nsec last_byte = clk_now();
	enum status st = ST_OK;

	while (st == ST_OK) {
		nsec wake = MIN(last_byte + r->idle, source_deadline(r->src)), now;
		size_t got;
		int what;

		st = sock_wait(r->sock, SOCK_IN, &what, wake);
		now = clk_now();
		if (st == ST_OK && (what & SOCK_IN)) {
			st = sock_read(r->sock, r->buf, r->size, &got, now);
			if (st == ST_OK) {
				last_byte = now;
				st = r->take(r->ctx, r->buf, got, now);
				if (st == ST_OK && intake_drips(&drip, r->src, got, now))
					st = ST_TIMEOUT;
			} else if (st == ST_TIMEOUT) {
				st = ST_OK;
			}
		} else if (st == ST_TIMEOUT) {
			st = now - last_byte >= r->idle ? ST_TIMEOUT : ST_OK;
		}
		if (st == ST_OK)
			st = source_tick(r->src, now);
	}
	return st;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* How it ended. */
static void answer(struct inflow *x, enum status st, bool bad)
{
	if (bad)
		intake_answer(&x->sock, st == ST_TIMEOUT ? 408 : x->src.no_room ? 503 :
		              x->src.not_its_own ? 403 : 415, x->src.error);
	else if (st == ST_STOPPED)
		intake_answer(&x->sock, 503, "stopped, or another encoder took over");
	else if (st != ST_SYS)
		intake_answer(&x->sock, 200, NULL);
}

static void run(struct inflow *x)
{
	char peer[HOST_STRLEN];
	enum status st = intake_read(&(struct intake_read){
		.src = &x->src, .sock = &x->sock, .idle = x->idle, .take = take, .ctx = x,
		.buf = x->buf, .size = sizeof(x->buf),
	});
	bool bad = st == ST_PROTO || st == ST_LIMIT || (st == ST_TIMEOUT && x->src.c == NULL);

	host_str(&x->sock.peer, peer);
	if (bad)
		log_warn("%s %s: %s", x->name, peer, x->src.error[0] != '\0' ? x->src.error : status_str(st));
	if (st == ST_EOF && x->src.c == NULL) {
		enum status end = media_end(x->src.media, clk_now());

		bad = x->src.c == NULL;
		if (end != ST_OK && x->src.error[0] == '\0')
			(void)text_copy(x->src.error, sizeof(x->src.error), media_error(x->src.media));
		if (bad && x->now == 0)         /* some encoders try the door first */
			log_peer(LOG_INFO, &x->sock.peer, "%s %s: nothing was sent", x->name, peer);
		else if (bad)
			log_warn("%s %s: %s", x->name, peer,
			         x->src.error[0] != '\0' ? x->src.error : "no stream in it");
	}
	if (st == ST_STOPPED) {         /* the next encoder waits for us, not for ours to hear the answer */
		source_end(&x->src, st);
		source_let_go(&x->src);
	}
	if (x->answers)
		answer(x, st, bad);
	sock_close(&x->sock);
	source_end(&x->src, st);
}

/* The source's thread: the servent's socket has moved here. */
static void source_task(struct app *a, void *arg)
{
	struct inflow *x = arg;

	(void)a;
	run(x);
	source_fini(&x->src);
	free(x);
}

enum status intake_start(struct app *a, struct sock *sock, const struct intake *in)
{
	struct inflow *x = calloc(1, sizeof(*x));
	struct mbox *mb = sock->mb;
	enum status st;

	if (x == NULL)
		return ST_LIMIT;
	st = source_init(&x->src, a, in->kind, in->meta, &sock->peer, in->v6);
	if (st != ST_OK) {
		free(x);
		return st;
	}
	if (in->mount[0] != '\0')
		source_set_mount(&x->src, in->mount);
	x->src.knows_password = in->knows_password;
	x->name = in->name;
	x->chunked = in->chunked;
	x->has_length = in->length > 0;
	x->left = in->length;
	x->idle = in->idle;
	x->answers = in->answers;
	dechunk_init(&x->dechunk);
	sock_move(&x->sock, sock, &x->src.mbox);
	st = app_task(a, in->name, source_task, x);
	if (st != ST_OK) {
		sock_move(sock, &x->sock, mb);
		source_fini(&x->src);
		free(x);
	}
	return st;
}
