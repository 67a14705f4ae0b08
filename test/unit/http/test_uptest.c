/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Upload tests over a socket. Their limits are in test_viewer.c, their refusals by length in
 * test_router.c. */
#include "http/uptest.h"

#include <stdio.h>

#include "http/viewer.h"
#include "http/ypgenre.h"
#include "test/unit/http/yptest.h"
#include "test/unit/unit.h"

static struct node node;

static void up(void)
{
	root_up(&node, "");
}

static void down(void)
{
	root_down(&node);
}

/* The client: sends so many bytes, then waits for the answer, or goes. */
struct client {
	int fd;
	size_t bytes;
	bool goes;
	char got[64];
};

static void run(void *arg)
{
	struct client *c = arg;
	static const uint8_t piece[10000] = { 'x' };
	ssize_t n;

	while (c->bytes > 0) {
		n = send(c->fd, piece, MIN(sizeof(piece), c->bytes), MSG_NOSIGNAL);
		if (n <= 0)
			break;
		c->bytes -= (size_t)n;
	}
	if (c->goes)
		shutdown(c->fd, SHUT_WR);
}

/* One test of a client at `peer`; the status of the answer, or -1 when there is none. */
static int test(struct host peer, const char *length, size_t bytes, bool goes, const char *extra, char *body,
	size_t cap)
{
	struct client c = { .bytes = bytes, .goes = goes };
	struct response rs;
	struct request rq;
	struct servent *sv;
	char head[256];
	struct thr t;
	int status = -1;

	sv = servent_up(&node, peer, &c.fd);
	request_init(&rq);
	response_init(&rs, 65536);
	ck_assert_int_eq(request_line(&rq, "POST /uptest.cgi HTTP/1.0"), ST_OK);
	snprintf(head, sizeof(head), "Content-Length: %s\n%s", length, extra);
	ck_assert_int_eq(request_headers(&rq, head, strlen(head)), ST_OK);
	ck_assert_int_eq(thr_start(&t, "client", run, &c), ST_OK);
	if (uptest_serve(&node, sv, &rq, &rs) == ST_OK) {
		status = rs.status;
		snprintf(body, cap, "%s", buf_cstr(&rs.body));
	}
	response_fini(&rs);
	request_fini(&rq);
	servent_end(&sv);
	ck_assert_int_eq(thr_join(&t, clk_deadline(SOON)), ST_OK);
	close(c.fd);
	return status;
}

static struct viewer known(struct host who)
{
	struct viewer v;

	viewers_get(yp_viewers(node.yp), &who, clk_now(), &v);
	return v;
}

START_TEST(measured)
{
	char body[256];
	struct viewer v;

	ck_assert_int_eq(test(stranger(), "250000", 250000, false, "", body, sizeof(body)), 302);
	v = known(stranger());
	ck_assert_uint_gt(v.speed_kbps, YP_FAST_KBPS);  /* it is this machine's memory */
	ck_assert(v.next_test > clk_now());
	ck_assert_int_eq(test(stranger(), "250000", 0, false, "", body, sizeof(body)), 404);
	ck_assert_ptr_nonnull(strstr(body, "fast enough"));
	/* exactly the bounds */
	ck_assert_int_eq(test(host_v4(203, 0, 113, 10, 1), "240000", 240000, false, "", body, sizeof(body)), 302);
	ck_assert_int_eq(test(host_v4(203, 0, 113, 11, 1), "260000", 260000, false, "", body, sizeof(body)), 302);
}
END_TEST

START_TEST(cut_short)
{
	char body[256];

	ck_assert_int_eq(test(stranger(), "250000", 100000, true, "", body, sizeof(body)), -1);
	ck_assert_uint_eq(known(stranger()).speed_kbps, 0);
	/* it counts as one all the same */
	ck_assert_int_eq(test(stranger(), "250000", 0, false, "", body, sizeof(body)), 404);
	ck_assert_ptr_nonnull(strstr(body, "too soon"));
}
END_TEST

START_TEST(stalled)
{
	char body[256];
	const nsec began = clk_now();

	ck_assert_int_eq(test(stranger(), "250000", 100000, false, "", body, sizeof(body)), 408);
	ck_assert(clk_now() - began >= UPTEST_STALL);
	ck_assert_uint_eq(known(stranger()).speed_kbps, 0);
}
END_TEST

/* A client that asks first is told to go on. */
START_TEST(expectant)
{
	char body[256];

	ck_assert_int_eq(test(stranger(), "250000", 250000, false, "Expect: 100-continue\n", body, sizeof(body)), 302);
	ck_assert_uint_gt(known(stranger()).speed_kbps, 0);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("http/uptest");
	TCase *t = tcase_create("uptest");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, up, down);
	tcase_add_test(t, measured);
	tcase_add_test(t, cut_short);
	tcase_add_test(t, stalled);
	tcase_add_test(t, expectant);
	suite_add_tcase(s, t);
	return s;
}
