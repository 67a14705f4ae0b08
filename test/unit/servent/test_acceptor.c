/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: epoll_create1 epoll_ctl eventfd accept4 calloc uname */
#include "servent/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/sys/sock.h"
#include "core/sys/text.h"
#include "core/sys/thr.h"
#include "test/unit/unit.h"

#define SOON clk_deadline(20 * NSEC_PER_SEC)

/* --- calls that fail when they are to ---------------------------------------------------------- */

static int fail_create, fail_add;       /* the n-th from now on, 0 = none */
static bool fail_event, fail_accept, fail_room;
static const char *kernel;             /* NULL = as it is */

int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __real_epoll_ctl(int ep, int op, int fd, struct epoll_event *ev);
int __wrap_epoll_ctl(int ep, int op, int fd, struct epoll_event *ev);
int __real_eventfd(unsigned int n, int flags);
int __wrap_eventfd(unsigned int n, int flags);
int __real_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
int __real_uname(struct utsname *u);
int __wrap_uname(struct utsname *u);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

int __wrap_epoll_create1(int flags)
{
	errno = EMFILE;
	return fail_create > 0 && --fail_create == 0 ? -1 : __real_epoll_create1(flags);
}

int __wrap_epoll_ctl(int ep, int op, int fd, struct epoll_event *ev)
{
	errno = ENOSPC;
	return op == EPOLL_CTL_ADD && fail_add > 0 && --fail_add == 0 ? -1 : __real_epoll_ctl(ep, op, fd, ev);
}

int __wrap_eventfd(unsigned int n, int flags)
{
	errno = ENFILE;
	return fail_event ? -1 : __real_eventfd(n, flags);
}

int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	errno = EMFILE;
	return fail_accept ? -1 : __real_accept4(fd, sa, len, flags);
}

int __wrap_uname(struct utsname *u)
{
	const int e = __real_uname(u);

	if (kernel != NULL)
		(void)text_copy(u->release, sizeof(u->release), kernel);
	return kernel != NULL && kernel[0] == '\0' ? -1 : e;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fail_room ? NULL : __real_calloc(n, size);
}

/* --- listeners and clients ---------------------------------------------------------------------- */

static int listener(void)
{
	const struct host any = host_v4(127, 0, 0, 1, 0);
	int fd;

	ck_assert_int_eq(sock_listen(&fd, &any), ST_OK);
	return fd;
}

static struct sock client(int lfd)
{
	const struct host to = host_v4(127, 0, 0, 1, sock_local_port(lfd));
	struct sock s;

	ck_assert_int_eq(sock_connect(&s, &to, NULL, SOON), ST_OK);
	return s;
}

/* Was it accepted from this client? */
static void check_is(int fd, const struct host *peer, struct sock *s)
{
	const struct host at = sock_local(s->fd);

	ck_assert(host_equal(&at, peer));
	close(fd);
	sock_close(s);
}

static bool readable(int fd)
{
	return sock_wait_fd(fd, NULL, 0) == ST_OK;
}

/* n places at a listener of their own. */
static struct acceptors *places(unsigned int n, int *lfd)
{
	struct acceptors *q;

	ck_assert_int_eq(acceptors_new(&q, n), ST_OK);
	*lfd = listener();
	ck_assert_int_eq(acceptors_move(q, *lfd), ST_OK);
	return q;
}

/* A thread at a place. */
struct waiter {
	struct acceptor *p;
	nsec deadline;
	enum status st;
	int fd;
	struct host peer;
	struct thr t;
};

static void wait_main(void *arg)
{
	struct waiter *w = arg;

	w->st = acceptor_wait(w->p, &w->fd, &w->peer, w->deadline);
	acceptor_leave(w->p);
}

static void waiter_start(struct waiter *w, struct acceptors *q, nsec deadline)
{
	*w = (struct waiter){ .p = acceptor_take(q), .deadline = deadline, .fd = -1 };
	ck_assert_ptr_nonnull(w->p);
	ck_assert_int_eq(thr_start(&w->t, "waiter", wait_main, w), ST_OK);
}

static void waiter_end(struct waiter *w)
{
	ck_assert_int_eq(thr_join(&w->t, SOON), ST_OK);
}

/* --- places ------------------------------------------------------------------------------------- */

START_TEST(lowest_free_place)
{
	struct acceptor *p[ACCEPTORS], *again;
	struct acceptors *q;

	ck_assert_ptr_null(acceptor_take(NULL));
	ck_assert_int_eq(acceptors_new(&q, ACCEPTORS), ST_OK);
	for (size_t i = 0; i < ACCEPTORS; i++) {
		p[i] = acceptor_take(q);
		ck_assert_ptr_nonnull(p[i]);
		for (size_t k = 0; k < i; k++)
			ck_assert_ptr_ne(p[i], p[k]);
	}
	ck_assert_ptr_null(acceptor_take(q));
	acceptor_leave(p[5]);
	acceptor_leave(p[2]);
	again = acceptor_take(q);
	ck_assert_ptr_eq(again, p[2]);
	again = acceptor_take(q);
	ck_assert_ptr_eq(again, p[5]);
	for (size_t i = 0; i < ACCEPTORS; i++)
		acceptor_leave(p[i]);
	acceptors_free(&q);
	ck_assert_ptr_null(q);
	acceptors_free(&q);
}
END_TEST

START_TEST(one_for_each_processor)
{
	const long want = sysconf(_SC_NPROCESSORS_ONLN);
	struct acceptor *p[ACCEPTORS + 1];
	struct acceptors *q;
	long n = 0;

	ck_assert_int_eq(acceptors_new(&q, 0), ST_OK);
	while ((p[n] = acceptor_take(q)) != NULL)
		n++;
	ck_assert_int_eq(n, want < ACCEPTORS ? want : ACCEPTORS);
	while (n > 0)
		acceptor_leave(p[--n]);
	acceptors_free(&q);
}
END_TEST

/* Those that may wake one for two have none, and SERVER gets all. */
START_TEST(old_kernels)
{
	static const struct {
		const char *release;
		bool places;
	} of[] = {
		{ "5.7.0", true }, { "5.10.0-28-amd64", true }, { "6.1", true }, { "10.0", true },
		{ "5.6.19", false }, { "5.4.0-26-generic", false }, { "4.19.0", false }, { "3.10", false }, { "x", false },
		{ "", false },
	};

	for (size_t i = 0; i < NELEM(of); i++) {
		struct acceptors *q;
		struct acceptor *p;
		struct sock s;
		int lfd;

		kernel = of[i].release;
		q = places(0, &lfd);
		p = acceptor_take(q);
		ck_assert_msg((p != NULL) == of[i].places, "%s", kernel);
		if (p != NULL)
			acceptor_leave(p);
		s = client(lfd);
		ck_assert_int_eq(sock_wait_fd(acceptors_rest(q), NULL, SOON), ST_OK);
		sock_close(&s);
		acceptors_free(&q);
		close(lfd);
	}
	kernel = NULL;
}
END_TEST

START_TEST(waits_and_accepts)
{
	struct acceptors *q;
	struct waiter w;
	struct sock s;
	int lfd;

	q = places(2, &lfd);
	waiter_start(&w, q, NSEC_NEVER);
	s = client(lfd);
	waiter_end(&w);
	ck_assert_int_eq(w.st, ST_OK);
	check_is(w.fd, &w.peer, &s);

	waiter_start(&w, q, clk_deadline(NSEC_PER_MSEC));
	waiter_end(&w);
	ck_assert_int_eq(w.st, ST_TIMEOUT);
	acceptors_free(&q);
	close(lfd);
}
END_TEST

/* As many as there are connections: each is somebody's, none is lost, whoever is woken. */
START_TEST(each_has_one)
{
	struct waiter w[4];
	struct sock s[NELEM(w)];
	struct acceptors *q;
	int lfd;

	q = places(NELEM(w), &lfd);
	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < NELEM(w); i++)
			waiter_start(&w[i], q, SOON);
		for (size_t i = 0; i < NELEM(w); i++)
			s[i] = client(lfd);
		for (size_t i = 0; i < NELEM(w); i++) {
			waiter_end(&w[i]);
			ck_assert_int_eq(w[i].st, ST_OK);
			close(w[i].fd);
		}
		for (size_t i = 0; i < NELEM(w); i++)
			sock_close(&s[i]);
	}
	acceptors_free(&q);
	close(lfd);
}
END_TEST

/* --- what is left for SERVER --------------------------------------------------------------------- */

START_TEST(rest_is_servers)
{
	struct acceptors *q;
	struct acceptor *p;
	struct host peer;
	struct sock s;
	int lfd, fd;

	q = places(2, &lfd);
	ck_assert(!readable(acceptors_rest(q)));
	ck_assert_int_eq(acceptors_back_by(NULL), 0);
	ck_assert_int_eq(acceptors_back_by(q), 0);
	/* a place is taken, but nobody is asleep there */
	p = acceptor_take(q);
	s = client(lfd);
	ck_assert_int_eq(sock_wait_fd(acceptors_rest(q), NULL, SOON), ST_OK);
	/* who is at work comes back for it */
	ck_assert_int_eq(acceptor_wait(p, &fd, &peer, SOON), ST_OK);
	ck_assert_int_le(acceptors_back_by(q), clk_deadline(ACCEPTOR_WORK));
	ck_assert(!readable(acceptors_rest(q)));
	check_is(fd, &peer, &s);
	while (acceptors_back_by(q) != 0)
		;
	acceptor_leave(p);
	acceptors_free(&q);
	close(lfd);
}
END_TEST

/* --- the listener moves -------------------------------------------------------------------------- */

START_TEST(moves_while_they_wait)
{
	struct acceptors *q;
	struct waiter w;
	struct sock s, old;
	int first, other, next;

	q = places(1, &first);
	/* another file of the same listener stays open, as the service manager's does */
	other = dup(first);
	waiter_start(&w, q, NSEC_NEVER);
	next = listener();
	ck_assert_int_eq(acceptors_move(q, next), ST_OK);
	close(first);
	old = client(other);
	ck_assert(!readable(acceptors_rest(q)));
	s = client(next);
	waiter_end(&w);
	ck_assert_int_eq(w.st, ST_OK);
	check_is(w.fd, &w.peer, &s);

	/* nowhere: not even what has come already */
	s = client(next);
	ck_assert_int_eq(acceptors_move(q, -1), ST_OK);
	waiter_start(&w, q, clk_deadline(NSEC_PER_MSEC));
	waiter_end(&w);
	ck_assert_int_eq(w.st, ST_TIMEOUT);
	ck_assert(!readable(acceptors_rest(q)));
	/* and back, where it is still there */
	ck_assert_int_eq(acceptors_move(q, next), ST_OK);
	waiter_start(&w, q, NSEC_NEVER);
	waiter_end(&w);
	ck_assert_int_eq(w.st, ST_OK);
	check_is(w.fd, &w.peer, &s);
	sock_close(&old);
	acceptors_free(&q);
	close(other);
	close(next);
}
END_TEST

/* --- the end -------------------------------------------------------------------------------------- */

static void free_main(void *arg)
{
	acceptors_free(arg);
}

START_TEST(end_waits_until_all_have_left)
{
	struct acceptors *q, *of;
	struct acceptor *p;
	struct waiter w[2];
	struct thr t;
	int lfd;

	q = of = places(3, &lfd);
	waiter_start(&w[0], q, NSEC_NEVER);
	waiter_start(&w[1], q, NSEC_NEVER);
	p = acceptor_take(q);
	ck_assert_int_eq(thr_start(&t, "free", free_main, &of), ST_OK);
	for (size_t i = 0; i < NELEM(w); i++) {
		waiter_end(&w[i]);
		ck_assert_int_eq(w[i].st, ST_STOPPED);
	}
	ck_assert_ptr_null(acceptor_take(q));
	ck_assert_int_eq(thr_join(&t, clk_deadline(5 * NSEC_PER_MSEC)), ST_TIMEOUT);
	acceptor_leave(p);
	ck_assert_int_eq(thr_join(&t, SOON), ST_OK);
	ck_assert_ptr_null(of);
	close(lfd);
}
END_TEST

START_TEST(stopped_takes_nobody)
{
	struct acceptors *q;
	struct acceptor *p;
	struct host peer;
	int lfd, fd;

	q = places(1, &lfd);
	p = acceptor_take(q);
	acceptors_stop(q);
	ck_assert_int_eq(acceptor_wait(p, &fd, &peer, NSEC_NEVER), ST_STOPPED);
	acceptor_leave(p);
	ck_assert_ptr_null(acceptor_take(q));
	acceptors_free(&q);
	close(lfd);
}
END_TEST

/* --- what can fail ---------------------------------------------------------------------------------- */

START_TEST(no_files)
{
	struct acceptors *q;

	fail_room = true;
	ck_assert_int_eq(acceptors_new(&q, 2), ST_LIMIT);
	fail_room = false;
	for (int i = 1; i <= 3; i++) {
		fail_create = i;
		ck_assert_int_eq(acceptors_new(&q, 2), ST_SYS);
		ck_assert_int_eq(errno, EMFILE);
		ck_assert_ptr_null(q);
	}
	fail_event = true;
	ck_assert_int_eq(acceptors_new(&q, 2), ST_SYS);
	ck_assert_ptr_null(q);
	fail_event = false;
	fail_add = 2;
	ck_assert_int_eq(acceptors_new(&q, 2), ST_SYS);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_ptr_null(q);
}
END_TEST

/* They wait nowhere then, at the listener before neither, and may be moved again. */
START_TEST(no_room_to_move)
{
	struct acceptors *q;
	struct waiter w;
	struct sock s;
	int first, next;

	q = places(2, &first);
	next = listener();
	for (int i = 1; i <= 3; i++) {
		fail_add = i;
		ck_assert_int_eq(acceptors_move(q, next), ST_SYS);
		ck_assert_int_eq(errno, ENOSPC);
		s = client(next);
		waiter_start(&w, q, clk_deadline(NSEC_PER_MSEC));
		waiter_end(&w);
		ck_assert_int_eq(w.st, ST_TIMEOUT);
		ck_assert_int_eq(acceptors_move(q, next), ST_OK);
		waiter_start(&w, q, NSEC_NEVER);
		waiter_end(&w);
		ck_assert_int_eq(w.st, ST_OK);
		check_is(w.fd, &w.peer, &s);
	}
	acceptors_free(&q);
	close(first);
	close(next);
}
END_TEST

START_TEST(accept_fails)
{
	struct acceptors *q;
	struct acceptor *p;
	struct host peer;
	struct sock s;
	int lfd, fd;

	q = places(1, &lfd);
	p = acceptor_take(q);
	s = client(lfd);
	fail_accept = true;
	ck_assert_int_eq(acceptor_wait(p, &fd, &peer, NSEC_NEVER), ST_SYS);
	ck_assert_int_eq(errno, EMFILE);
	ck_assert_int_eq(fd, -1);
	fail_accept = false;
	/* it was not lost */
	ck_assert_int_eq(acceptor_wait(p, &fd, &peer, NSEC_NEVER), ST_OK);
	check_is(fd, &peer, &s);
	acceptor_leave(p);
	acceptors_free(&q);
	close(lfd);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/acceptor");
	TCase *t = tcase_create("acceptor");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, lowest_free_place);
	tcase_add_test(t, one_for_each_processor);
	tcase_add_test(t, old_kernels);
	tcase_add_test(t, waits_and_accepts);
	tcase_add_test(t, each_has_one);
	tcase_add_test(t, rest_is_servers);
	tcase_add_test(t, moves_while_they_wait);
	tcase_add_test(t, end_waits_until_all_have_left);
	tcase_add_test(t, stopped_takes_nobody);
	tcase_add_test(t, no_files);
	tcase_add_test(t, no_room_to_move);
	tcase_add_test(t, accept_fails);
	suite_add_tcase(s, t);
	return s;
}
