/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stop reaches who asks another server, and who waits for that. */
#include "servent/transfer.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "core/node/servmgr.h"
#include "core/sys/sock.h"
#include "core/sys/thr.h"
#include "http/board.h"
#include "servent/boards.h"
#include "test/unit/unit.h"

#ifdef HAVE_CURL

#define LONG (60 * NSEC_PER_SEC)        /* what takes that long was not stopped */
#define SOON clk_deadline(LONG / 2)

static struct servmgr *sm;
static struct host at;
static int listener;

static void set_up(void)
{
	const struct host any = host_v4(127, 0, 0, 1, 0);

	sm = servmgr_new();
	ck_assert_ptr_nonnull(sm);
	ck_assert_int_eq(sock_listen(&listener, &any), ST_OK);
	at = sock_local(listener);
	ck_assert_ptr_nonnull(curl_api());      /* loaded before there are threads */
}

static void tear_down(void)
{
	close(listener);
	servmgr_free(&sm);
}

/* Somebody asks us, who never answer: his request is there. */
static int asked(void)
{
	struct host peer;
	struct pollfd pf = { .events = POLLIN };

	ck_assert_int_eq(sock_accept(listener, NULL, &pf.fd, &peer, SOON), ST_OK);
	ck_assert_int_eq(poll(&pf, 1, (int)(LONG / 2 / NSEC_PER_MSEC)), 1);
	return pf.fd;
}

struct run {
	struct thr thr;
	struct transfer t;
	struct mbox mb;
	enum status st;
};

static void run(void *arg)
{
	struct run *r = arg;
	CURLcode rc;

	r->st = transfer_run(&r->t, &r->mb, &rc);
}

/* 0: stopped while it waits; 1: it was before. The mailbox had nothing to wait for yet. */
START_TEST(transfer_stops)
{
	struct run r = { .st = ST_OK };
	struct mbox quiet;
	char url[64], hs[HOST_STRLEN];
	int fd = -1;

	(void)snprintf(url, sizeof(url), "http://%s/", host_str(&at, hs));
	ck_assert_int_eq(transfer_init(&r.t, sm, url, LONG, 1000, 0, false), ST_OK);
	/* else that timer of libcurl's would let it look */
	ck_assert_int_eq(r.t.curl->easy_setopt(r.t.easy, CURLOPT_CONNECTTIMEOUT_MS,
		(long)(LONG / NSEC_PER_MSEC)), CURLE_OK);
	mbox_init_lazy(&r.mb);
	mbox_init_lazy(&quiet);
	if (_i == 1)
		mbox_stop(&r.mb);
	ck_assert_int_eq(thr_start(&r.thr, "run", run, &r), ST_OK);
	if (_i == 0) {
		fd = asked();
		/* Now he sleeps, and the last of libcurl's early timers (200 ms, happy eyeballs) is behind him. If
		 * not, this shows less, but does not fail. */
		ck_assert_int_eq(mbox_wait(&quiet, clk_deadline(400 * NSEC_PER_MSEC)), ST_TIMEOUT);
		mbox_stop(&r.mb);
	}
	ck_assert_int_eq(thr_join(&r.thr, SOON), ST_OK);
	ck_assert_int_eq(r.st, ST_STOPPED);
	transfer_fini(&r.t);
	mbox_fini(&r.mb);
	mbox_fini(&quiet);
	if (fd != -1)
		close(fd);
}
END_TEST

/* The last moment of a deadline is no time, not all the time there is. */
START_TEST(no_time_left)
{
	struct run r = { .st = ST_OK };
	char url[64], hs[HOST_STRLEN];

	(void)snprintf(url, sizeof(url), "http://%s/", host_str(&at, hs));
	ck_assert_int_eq(transfer_init(&r.t, sm, url, 1, 1000, 0, false), ST_OK);
	mbox_init_lazy(&r.mb);
	ck_assert_int_eq(thr_start(&r.thr, "run", run, &r), ST_OK);
	ck_assert_int_eq(thr_join(&r.thr, SOON), ST_OK);
	ck_assert_int_eq(r.st, ST_OK);
	transfer_fini(&r.t);
	mbox_fini(&r.mb);
}
END_TEST

struct asker {
	struct thr thr;
	struct boards *b;
	struct servent sv;
	enum status st;
};

static void ask(void *arg)
{
	struct board_ask q = { .what = BOARD_LIST, .near = true,
		.board = { .kind = BOARD_2CH, .category = "peca" } };
	struct asker *a = arg;
	struct board_answer answer;

	(void)host_str(&at, q.board.host);
	a->st = boards_ask(a->b, &a->sv, &q, &answer);
	board_answer_fini(&answer);
}

static void begin(struct asker *a, struct boards *b)
{
	a->b = b;
	a->sv.sm = sm;
	mbox_init_lazy(&a->sv.mbox);
	ck_assert_int_eq(thr_start(&a->thr, "ask", ask, a), ST_OK);
}

static void end(struct asker *a, nsec deadline)
{
	mbox_stop(&a->sv.mbox);
	ck_assert_int_eq(thr_join(&a->thr, deadline), ST_OK);
	ck_assert_int_eq(a->st, ST_STOPPED);
	mbox_fini(&a->sv.mbox);
}

/* One asks, two wait for him. When one of these is stopped, that is nothing to the others; when he is, the
 * other one asks. */
START_TEST(board_waiter_stops)
{
	const nsec before_it_gives_up = clk_deadline(BOARDS_WAIT * 9 / 10);
	struct asker first = { .st = ST_OK }, second = { .st = ST_OK }, third = { .st = ST_OK };
	struct boards *b = boards_new();
	int fd, fd3;

	ck_assert_ptr_nonnull(b);
	begin(&first, b);
	fd = asked();
	begin(&second, b);
	begin(&third, b);
	end(&second, before_it_gives_up);
	end(&first, SOON);
	fd3 = asked();
	end(&third, SOON);
	close(fd);
	close(fd3);
	boards_free(&b);
}
END_TEST

#endif

Suite *unit_suite(void)
{
	Suite *s = suite_create("transfer");
	TCase *t = tcase_create("transfer");

#ifdef HAVE_CURL
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, transfer_stops, 0, 2);
	tcase_add_test(t, no_time_left);
	tcase_add_test(t, board_waiter_stops);
#endif
	suite_add_tcase(s, t);
	return s;
}
