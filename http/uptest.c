/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/uptest.h"

#include <stdio.h>
#include <string.h>

#include "core/sys/log.h"
#include "core/sys/text.h"
#include "http/viewer.h"
#include "http/yp.h"
#include "http/ypgenre.h"

/* A stream needs some room beside it: so much of what was measured counts. */
#define COUNTS_NUM 4
#define COUNTS_DEN 5

/* Why this body is no test, told by its length; false = it may be one. */
static bool refuse_length(const struct request *rq, struct response *rs)
{
	if (rq->chunked || !rq->has_length)
		response_error(rs, 411, "a test has a Content-Length");
	else if (rq->length > UPTEST_MOST)
		response_error(rs, 413, "a test has 260000 bytes at most");
	else if (rq->length < UPTEST_LEAST)
		response_error(rs, 404, "a test has 240000 bytes at least");
	else
		return false;
	return true;
}

static bool refuse_test(struct node *n, const struct servent *sv, const struct request *rq,
	struct response *rs)
{
	static const char *const why[] = {
		[UPTEST_FAST] = "no test needed: fast enough",
		[UPTEST_SOON] = "too soon after the last test",
		[UPTEST_RUNS] = "a test of this address is running",
		[UPTEST_BUSY] = "too many tests at the moment",
	};
	enum uptest t = viewers_upload_begin(yp_viewers(n->yp), &sv->peer, (uint32_t)rq->length,
		YP_FAST_KBPS, clk_now());

	if (t != UPTEST_BEGIN)
		response_error(rs, 404, why[t]);
	return t != UPTEST_BEGIN;
}

/* Read and forget n bytes. */
static enum status swallow(struct sock *s, size_t n)
{
	const nsec deadline = clk_deadline(UPTEST_TIME);
	enum status st = ST_OK;

	while (n > 0 && st == ST_OK) {
		size_t have;

		sock_peek(s, &have);
		have = MIN(have, n);
		sock_consume(s, have);
		n -= have;
		if (n > 0)
			st = sock_fill(s, MIN(deadline, clk_deadline(UPTEST_STALL)));
	}
	return st;
}

/* What counts of `bytes` since the connection was accepted. */
static uint32_t speed_of(uint64_t bytes, nsec since)
{
	const nsec ms = MAX((clk_now() - since) / NSEC_PER_MSEC, (nsec)1);

	return (uint32_t)MAX(bytes * 8 / (uint64_t)ms * COUNTS_NUM / COUNTS_DEN, (uint64_t)1);
}

enum status uptest_serve(struct node *n, struct servent *sv, struct request *rq,
	struct response *rs)
{
	const struct settings *set = conf_get(n->conf);
	const bool is_root = set->is_root;
	char hs[HOST_STRLEN];
	uint32_t kbps = 0;
	enum status st;

	settings_unref(&set);
	if (!is_root) {
		response_error(rs, 404, NULL);
		return ST_OK;
	}
	if (refuse_length(rq, rs) || refuse_test(n, sv, rq, rs))
		return ST_OK;
	st = http_go_on(&sv->sock, rq, clk_deadline(UPTEST_STALL));
	if (st == ST_OK)
		st = swallow(&sv->sock, (size_t)rq->length);
	if (st == ST_OK)
		kbps = speed_of(rq->length, sv->born);
	viewers_upload_done(yp_viewers(n->yp), &sv->peer, kbps, clk_now());
	log_peer(LOG_DEBUG, &sv->peer, "upload test of %s: %u kbit/s (%s)", host_str(&sv->peer, hs),
		kbps, status_str(st));
	if (st == ST_TIMEOUT) {
		response_error(rs, 408, "the test stalled");
		return ST_OK;
	}
	if (st == ST_OK)
		response_redirect(rs, "/yp/#upload");
	return st;
}

void uptest_addr(char *dst, size_t cap, const struct settings *set, const struct own *own,
	const struct servent *sv)
{
	const struct host *global = &own->global[!host_is_v4(&sv->peer)];
	char text[HOST_STRLEN];
	struct host h;

	if (set->force_ip[0] != '\0' && !host_parse(&h, set->force_ip, 0)) {
		(void)text_copy(dst, cap, set->force_ip);
		return;
	}
	if (host_is_global(&sv->peer) && !sv->local && host_is_global(global))
		h = *global;
	else
		h = sock_local(sv->sock.fd);
	snprintf(dst, cap, host_is_v4(&h) ? "%s" : "[%s]", host_ip_str(&h, text));
}
