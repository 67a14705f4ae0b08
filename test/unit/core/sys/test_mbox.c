/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: calloc */
#include "core/sys/mbox.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/sys/thr.h"
#include "test/unit/unit.h"

#define SOON clk_deadline(20 * NSEC_PER_SEC)

static bool no_calloc;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return no_calloc ? NULL : __real_calloc(n, size);
}

static bool readable(int fd)
{
	struct pollfd pf = { .fd = fd, .events = POLLIN };

	return poll(&pf, 1, 0) == 1;
}

static void post(struct mbox *m, uint32_t v, enum status want)
{
	struct blob *b = blob_new(&v, sizeof(v));

	ck_assert_ptr_nonnull(b);
	ck_assert_int_eq(mbox_post(m, b), want);
	blob_unref(&b);
}

static bool take(struct mbox *m, uint32_t *v)
{
	struct blob *b = mbox_take(m);

	if (b == NULL)
		return false;
	memcpy(v, b->data, sizeof(*v));
	blob_unref(&b);
	return true;
}

/* In front of the C library's, to come between the two halves of mbox_drain(). */
static struct mbox *barge_into;
static bool barge_late;

int eventfd_read(int fd, eventfd_t *v)
{
	int rc;

	if (barge_into != NULL && !barge_late)
		post(barge_into, 7, ST_OK);
	rc = read(fd, v, sizeof(*v)) == sizeof(*v) ? 0 : -1;
	if (barge_into != NULL && barge_late)
		post(barge_into, 7, ST_OK);
	return rc;
}

/* A message posted while the owner drains is found by its look into the queue, and the post after
 * that wakes it again. */
START_TEST(post_while_draining)
{
	struct mbox m;
	uint32_t v = 0;

	ck_assert_int_eq(mbox_init(&m), ST_OK);
	mbox_wake(&m);
	barge_into = &m;
	barge_late = _i == 1;
	mbox_drain(&m);
	barge_into = NULL;
	ck_assert(m.mail);
	ck_assert(take(&m, &v));
	ck_assert_uint_eq(v, 7);
	post(&m, 8, ST_OK);
	ck_assert(readable(m.efd));
	mbox_fini(&m);
}
END_TEST

START_TEST(first_in_first_out)
{
	struct mbox m;
	uint32_t in = 0, out = 0, v;

	ck_assert_int_eq(mbox_init(&m), ST_OK);
	ck_assert(!take(&m, &v) && !mbox_has_mail(&m));
	for (uint32_t round = 1; round < 90; round++) {
		while (in - out < round)
			post(&m, in++, ST_OK);
		for (uint32_t k = 0; k < (round + 1) / 2; k++) {
			ck_assert(mbox_has_mail(&m));
			ck_assert(take(&m, &v));
			ck_assert_uint_eq(v, out++);
		}
	}
	while (take(&m, &v))
		ck_assert_uint_eq(v, out++);
	ck_assert_uint_eq(in, out);
	ck_assert_uint_eq(mbox_lost(&m), 0);
	mbox_fini(&m);
}
END_TEST

START_TEST(full_is_lost_and_counted)
{
	struct mbox m;
	uint32_t v;

	ck_assert_int_eq(mbox_init(&m), ST_OK);
	for (uint32_t i = 0; i < MAILQ_MAX; i++)
		post(&m, i, ST_OK);
	post(&m, MAILQ_MAX, ST_LIMIT);
	post(&m, MAILQ_MAX + 1, ST_LIMIT);
	ck_assert_uint_eq(mbox_lost(&m), 2);
	for (uint32_t i = 0; i < MAILQ_MAX; i++) {
		ck_assert(take(&m, &v));
		ck_assert_uint_eq(v, i + 2);
	}
	ck_assert(!take(&m, &v));
	post(&m, 5, ST_OK);
	mbox_fini(&m);          /* frees what is still queued (ASan) */
}
END_TEST

/* Each time memory is out a message is lost, counted, and nothing else. */
START_TEST(no_memory)
{
	struct mbox m;
	uint32_t v;

	ck_assert_int_eq(mbox_init(&m), ST_OK);
	post(&m, 1, ST_OK);
	no_calloc = true;
	post(&m, 2, ST_LIMIT);
	no_calloc = false;
	post(&m, 3, ST_OK);
	ck_assert_uint_eq(mbox_lost(&m), 1);
	ck_assert(take(&m, &v) && v == 1);
	ck_assert(take(&m, &v) && v == 3);
	mbox_fini(&m);
}
END_TEST

/* Newer words about the same thing wait where the older ones did. */
START_TEST(merged)
{
	struct mbox m;
	uint32_t v;

	ck_assert_int_eq(mbox_init(&m), ST_OK);
	for (uint32_t i = 0; i < 10; i++) {
		struct blob *b = blob_new(&i, sizeof(i));

		ck_assert_ptr_nonnull(b);
		b->key = i == 5 ? 0 : 77;
		ck_assert_int_eq(mbox_post(&m, b), ST_OK);
		blob_unref(&b);
	}
	ck_assert_uint_eq(mbox_merged(&m), 8);
	ck_assert(take(&m, &v) && v == 9);
	ck_assert(take(&m, &v) && v == 5);
	ck_assert(!take(&m, &v));
	mbox_fini(&m);
}
END_TEST

START_TEST(one_wake_for_many_posts)
{
	struct mbox m;
	uint64_t v;

	uint32_t w;

	ck_assert_int_eq(mbox_init(&m), ST_OK);
	ck_assert(!readable(m.efd));
	ck_assert(!mbox_is_signalled(&m));
	for (uint32_t i = 0; i < 5; i++)
		post(&m, i, ST_OK);
	mbox_wake(&m);
	ck_assert(mbox_is_signalled(&m));
	ck_assert_int_eq(read(m.efd, &v, sizeof(v)), sizeof(v));
	ck_assert_uint_eq(v, 1);        /* written once */
	mbox_drain(&m);                 /* nothing to read: no harm */
	ck_assert(m.mail);
	ck_assert(!mbox_is_signalled(&m));
	mbox_wake(&m);
	ck_assert(readable(m.efd));
	mbox_drain(&m);
	ck_assert(!readable(m.efd));
	/* mail that is left for later is the owner's to remember */
	post(&m, 5, ST_OK);
	ck_assert(!readable(m.efd));
	while (take(&m, &w))
		;
	post(&m, 6, ST_OK);
	ck_assert(readable(m.efd));
	mbox_fini(&m);
}
END_TEST

START_TEST(wait_wake_mail_deadline)
{
	struct mbox m;

	ck_assert_int_eq(mbox_init(&m), ST_OK);
	const nsec deadline = clk_deadline(15 * NSEC_PER_MSEC);

	ck_assert_int_eq(mbox_wait(&m, deadline), ST_TIMEOUT);
	ck_assert_int_ge(clk_now(), deadline);
	ck_assert_int_eq(mbox_wait(&m, 0), ST_TIMEOUT);
	mbox_wake(&m);
	ck_assert_int_eq(mbox_wait(&m, 0), ST_OK);      /* even though the deadline has passed */
	ck_assert_int_eq(mbox_wait(&m, 0), ST_TIMEOUT);
	mbox_wake(&m);
	mbox_drain(&m);
	ck_assert_int_eq(mbox_wait(&m, NSEC_NEVER), ST_OK);     /* noted before, reported now */
	ck_assert_int_eq(mbox_wait(&m, 0), ST_TIMEOUT);
	mbox_stop_soft(&m);
	ck_assert_int_eq(mbox_wait(&m, NSEC_NEVER), ST_STOPPED);
	ck_assert_int_eq(mbox_wait(&m, NSEC_NEVER), ST_STOPPED);
	mbox_fini(&m);
}
END_TEST

/* Without an eventfd nothing is lost: the first wait makes it. */
START_TEST(made_when_needed)
{
	struct mbox m;
	uint32_t v;

	mbox_init_lazy(&m);
	ck_assert_int_eq(m.efd, -1);
	ck_assert_int_eq(mbox_wait(&m, 0), ST_TIMEOUT);
	ck_assert_int_ne(m.efd, -1);
	mbox_fini(&m);

	mbox_init_lazy(&m);
	post(&m, 7, ST_OK);
	mbox_wake(&m);
	ck_assert(mbox_is_signalled(&m));
	ck_assert_int_eq(m.efd, -1);
	ck_assert_int_eq(mbox_ready(&m), ST_OK);
	ck_assert(readable(m.efd));
	ck_assert_int_eq(mbox_ready(&m), ST_OK);
	ck_assert_int_eq(mbox_wait(&m, NSEC_NEVER), ST_OK);
	ck_assert(!readable(m.efd));
	ck_assert(take(&m, &v) && v == 7);
	ck_assert_int_eq(mbox_wait(&m, 0), ST_TIMEOUT);
	mbox_fini(&m);

	mbox_init_lazy(&m);
	mbox_wake(&m);
	mbox_drain(&m);
	ck_assert_int_eq(m.efd, -1);
	ck_assert(m.mail && !mbox_is_signalled(&m));
	post(&m, 8, ST_OK);
	mbox_stop(&m);
	ck_assert_int_eq(mbox_wait(&m, NSEC_NEVER), ST_STOPPED);
	mbox_fini(&m);

	mbox_init_lazy(&m);
	post(&m, 9, ST_OK);
	mbox_fini(&m);
}
END_TEST

/* No file to be had: the wait says so, and what woke it is there for the next one. */
START_TEST(made_too_late)
{
	struct rlimit was, none;
	struct mbox m;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 0;
	mbox_init_lazy(&m);
	mbox_wake(&m);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	const enum status ready = mbox_ready(&m), wait = mbox_wait(&m, NSEC_NEVER);
	const int e = errno;

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
	ck_assert_int_eq(ready, ST_SYS);
	ck_assert_int_eq(wait, ST_SYS);
	ck_assert_int_eq(e, EMFILE);
	ck_assert_int_eq(mbox_wait(&m, NSEC_NEVER), ST_OK);
	mbox_fini(&m);
}
END_TEST

static void wake_main(void *arg)
{
	mbox_wake(arg);
}

START_TEST(made_while_woken)
{
	for (int i = 0; i < 300; i++) {
		struct mbox m;
		struct thr t;

		mbox_init_lazy(&m);
		ck_assert_int_eq(thr_start(&t, "waker", wake_main, &m), ST_OK);
		ck_assert_int_eq(mbox_wait(&m, SOON), ST_OK);
		ck_assert_int_eq(thr_join(&t, SOON), ST_OK);
		mbox_fini(&m);
	}
}
END_TEST

START_TEST(stop_shuts_the_socket)
{
	struct mbox m;
	int p[2], q[2];
	char c;

	ck_assert_int_eq(mbox_init(&m), ST_OK);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, q), 0);
	mbox_set_fd(&m, p[0]);
	ck_assert(!mbox_is_stopped(&m));
	mbox_stop_soft(&m);
	ck_assert(mbox_is_stopped(&m));
	ck_assert_int_eq(send(p[0], "x", 1, MSG_NOSIGNAL), 1);  /* goodbye still goes */
	post(&m, 1, ST_STOPPED);
	ck_assert_uint_eq(mbox_lost(&m), 0);
	mbox_stop(&m);
	mbox_stop(&m);
	ck_assert_int_eq(send(p[0], "x", 1, MSG_NOSIGNAL), -1);
	ck_assert_int_eq(recv(p[1], &c, 1, 0), 1);
	ck_assert_int_eq(recv(p[1], &c, 1, 0), 0);
	/* a socket named after a hard stop ends as well */
	mbox_set_fd(&m, q[0]);
	ck_assert_int_eq(recv(q[1], &c, 1, 0), 0);
	mbox_set_fd(&m, -1);
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(q[i]);
	}
	mbox_fini(&m);
}
END_TEST

START_TEST(stop_leaves_a_socket_taken_out)
{
	struct mbox m;
	int p[2];

	ck_assert_int_eq(mbox_init(&m), ST_OK);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	mbox_set_fd(&m, p[0]);
	mbox_set_fd(&m, -1);
	mbox_stop(&m);
	ck_assert_int_eq(send(p[0], "x", 1, MSG_NOSIGNAL), 1);
	close(p[0]);
	close(p[1]);
	mbox_fini(&m);
}
END_TEST

/* --- threads ---------------------------------------------------------------------------------- */

#define POSTERS 3
#define POSTS   4000

struct poster {
	struct mbox *m;
	uint32_t who;
};

static void poster_main(void *arg)
{
	struct poster *p = arg;

	for (uint32_t i = 0; i < POSTS; i++) {
		const uint32_t v = p->who << 24 | i;
		struct blob *b = blob_new(&v, sizeof(v));

		b->lane = p->who;
		const enum status st = mbox_post(p->m, b);

		ck_assert(st == ST_OK || st == ST_LIMIT);
		blob_unref(&b);
	}
}

/* No message and no wake-up gets lost on the way: what is not counted as lost arrives, in each poster's
 * order. */
START_TEST(posters)
{
	struct poster p[POSTERS];
	struct thr t[POSTERS];
	uint32_t next[POSTERS] = { 0 }, n = 0;
	struct mbox m;

	ck_assert_int_eq(mbox_init(&m), ST_OK);
	for (uint32_t i = 0; i < POSTERS; i++) {
		p[i] = (struct poster){ &m, i };
		ck_assert_int_eq(thr_start(&t[i], "poster", poster_main, &p[i]), ST_OK);
	}
	while (n + mbox_lost(&m) < POSTERS * POSTS) {
		uint32_t v;
		const enum status st = mbox_wait(&m, SOON);

		ck_assert_int_eq(st, ST_OK);
		while (take(&m, &v)) {
			const uint32_t who = v >> 24, i = v & 0xFFFFFF;

			ck_assert_uint_lt(who, POSTERS);
			ck_assert_uint_ge(i, next[who]);
			next[who] = i + 1;
			n++;
		}
	}
	for (uint32_t i = 0; i < POSTERS; i++) {
		ck_assert_int_eq(thr_join(&t[i], NSEC_NEVER), ST_OK);
		ck_assert_uint_eq(next[i], POSTS);      /* the newest is never the one that is lost */
	}
	ck_assert_uint_eq(n + mbox_lost(&m), POSTERS * POSTS);
	mbox_fini(&m);
}
END_TEST

struct pinger {
	struct mbox *to;
	_Atomic int word;
};

#define ROUNDS 5000

static void pinger_main(void *arg)
{
	struct pinger *p = arg;

	for (int i = 1; i <= ROUNDS; i++) {
		mbox_wake_set(p->to, &p->word, i);
		/* wait for the owner's answer by spinning: the owner is awake then */
		while (atomic_load_explicit(&p->word, memory_order_acquire) == i)
			;
	}
}

/* Hand-over by mbox_wake_set() and mbox_pause(): no round hangs, stopped or not. */
START_TEST(hand_over)
{
	struct pinger p = { .word = 0 };
	struct mbox m;
	struct thr t;

	ck_assert_int_eq(mbox_init(&m), ST_OK);
	p.to = &m;
	ck_assert_int_eq(thr_start(&t, "pinger", pinger_main, &p), ST_OK);
	for (int i = 1; i <= ROUNDS; i++) {
		while (atomic_load_explicit(&p.word, memory_order_acquire) != i)
			mbox_pause(&m);
		if (i == ROUNDS / 2)
			mbox_stop(&m);
		atomic_store_explicit(&p.word, -1, memory_order_release);
	}
	ck_assert_int_eq(thr_join(&t, SOON), ST_OK);
	mbox_fini(&m);
}
END_TEST

struct wakee {
	struct mbox m;
	_Atomic int word;
};

static void setter_main(void *arg)
{
	struct wakee *w = arg;

	mbox_wake_set(&w->m, &w->word, 1);
}

/* Whoever sees the value may free everything at once: the setter is done with it (TSan, ASan). */
START_TEST(free_after_wake_set)
{
	for (int i = 0; i < 300; i++) {
		struct wakee *w = calloc(1, sizeof(*w));
		struct thr t;

		ck_assert_int_eq(mbox_init(&w->m), ST_OK);
		ck_assert_int_eq(thr_start(&t, "setter", setter_main, w), ST_OK);
		/* every other time without sleeping, to meet the setter inside */
		while (atomic_load_explicit(&w->word, memory_order_acquire) != 1)
			if (i % 2 == 0)
				mbox_pause(&w->m);
		mbox_fini(&w->m);
		free(w);
		ck_assert_int_eq(thr_join(&t, SOON), ST_OK);
	}
}
END_TEST

static void stopper_main(void *arg)
{
	mbox_stop(arg);
}

START_TEST(stop_wakes_a_sleeper)
{
	for (int i = 0; i < 200; i++) {
		struct mbox m;
		struct thr t, u;

		ck_assert_int_eq(mbox_init(&m), ST_OK);
		ck_assert_int_eq(thr_start(&t, "stop-1", stopper_main, &m), ST_OK);
		ck_assert_int_eq(thr_start(&u, "stop-2", stopper_main, &m), ST_OK);
		ck_assert_int_eq(mbox_wait(&m, SOON), ST_STOPPED);
		ck_assert_int_eq(thr_join(&t, SOON), ST_OK);
		ck_assert_int_eq(thr_join(&u, SOON), ST_OK);
		mbox_fini(&m);
	}
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/mbox");
	TCase *t = tcase_create("mbox");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, post_while_draining, 0, 2);
	tcase_add_test(t, first_in_first_out);
	tcase_add_test(t, full_is_lost_and_counted);
	tcase_add_test(t, no_memory);
	tcase_add_test(t, merged);
	tcase_add_test(t, one_wake_for_many_posts);
	tcase_add_test(t, wait_wake_mail_deadline);
	tcase_add_test(t, made_when_needed);
	tcase_add_test(t, made_too_late);
	tcase_add_test(t, made_while_woken);
	tcase_add_test(t, stop_shuts_the_socket);
	tcase_add_test(t, stop_leaves_a_socket_taken_out);
	tcase_add_test(t, posters);
	tcase_add_test(t, hand_over);
	tcase_add_test(t, free_after_wake_set);
	tcase_add_test(t, stop_wakes_a_sleeper);
	suite_add_tcase(s, t);
	return s;
}
