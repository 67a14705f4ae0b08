/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/rtmpplay.h"

#include <stdlib.h>
#include <string.h>

#include "core/media/rtmppull.h"
#include "servent/intake.h"

#define CONNECT_TIME (15 * NSEC_PER_SEC)        /* name, connection, and everything up to its consent */
#define SAY_TIME     (10 * NSEC_PER_SEC)
#define READ         (64 * 1024)

struct play {
	struct source *src;
	struct sock sock;
	struct rtmp_pull *pull;
	nsec now;
	bool flowing;                   /* something of the stream has come */
	uint8_t buf[READ];
};

static enum status fail(struct source *src, enum status st, const char *why)
{
	if (src->error[0] == '\0')
		(void)text_copy(src->error, sizeof(src->error), why);
	return st;
}

static enum status on_flv(void *ctx, const void *p, size_t n)
{
	struct play *y = ctx;

	y->flowing = true;
	return source_feed(y->src, p, n, y->now);
}

/* Send what the session has to say. */
static enum status say(struct play *y)
{
	struct buf *out = rtmp_pull_out(y->pull);
	enum status st = out->err;

	if (st == ST_OK && out->len > 0)
		st = sock_write(&y->sock, out->p, out->len, clk_deadline(SAY_TIME));
	buf_reset(out);
	return st;
}

static enum status take(void *ctx, const uint8_t *p, size_t n, nsec now)
{
	struct play *y = ctx;
	enum status st;

	y->now = now;
	st = rtmp_pull_feed(y->pull, p, n);
	if ((st == ST_PROTO || st == ST_LIMIT) && rtmp_pull_error(y->pull)[0] != '\0')
		return fail(y->src, st, rtmp_pull_error(y->pull));
	return st == ST_OK ? say(y) : st;
}

/* Until something of the stream is there: all of it has one deadline. */
static enum status negotiate(struct play *y, nsec deadline)
{
	enum status st = say(y);
	size_t got;

	while (st == ST_OK && !y->flowing) {
		st = sock_read(&y->sock, y->buf, sizeof(y->buf), &got, deadline);
		if (st == ST_OK)
			st = take(y, y->buf, got, clk_now());
		if (st == ST_OK)
			st = source_tick(y->src, clk_now());
	}
	return st == ST_TIMEOUT ? fail(y->src, st, "the server does not play it in time") : st;
}

enum status rtmp_play(struct source *src, const char *url, bool far)
{
	const nsec deadline = clk_deadline(CONNECT_TIME);
	struct rtmp_url *u = malloc(sizeof(*u));
	struct play *y = calloc(1, sizeof(*y));
	enum status st = ST_LIMIT;
	struct host h;

	if (u == NULL || y == NULL)
		goto out;
	y->src = src;
	y->sock.fd = -1;
	st = rtmp_url_parse(u, url) ? ST_OK :
		fail(src, ST_PROTO, "not an rtmp:// address with a stream in it");
	if (st == ST_OK && host_resolve(&h, u->host, u->port, deadline) != ST_OK)
		st = fail(src, ST_SYS, "the server's name cannot be found");
	if (st == ST_OK && far && servmgr_is_near(src->a->node.sm, &h))
		st = fail(src, ST_PROTO, "it leads into our own network");
	if (st == ST_OK)
		st = sock_connect(&y->sock, &h, &src->mbox, deadline);
	if (st != ST_OK)
		goto out;
	y->pull = rtmp_pull_new(u, on_flv, y);
	st = y->pull != NULL ? negotiate(y, deadline) : ST_LIMIT;
	if (st == ST_OK)
		st = intake_read(&(struct intake_read){
			.src = src, .sock = &y->sock, .idle = SOURCE_IDLE, .take = take, .ctx = y,
			.buf = y->buf, .size = sizeof(y->buf),
		});
	sock_close(&y->sock);
out:
	if (y != NULL)
		rtmp_pull_free(&y->pull);
	free(y);
	free(u);
	return st;
}
