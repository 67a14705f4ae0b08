/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/acceptor.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/sys/assert.h"
#include "core/sys/lock.h"
#include "core/sys/sock.h"

struct acceptor {
	struct mtx mtx;                                 /* lk_leaf */
	int ep;                                         /* the listener and `away`; constant */
	int lfd                 GUARDED_BY(lk_leaf);    /* borrowed; -1 = nowhere */
	struct acceptors *of;                           /* constant */
};

struct acceptors {
	struct acceptor places[ACCEPTORS];
	unsigned int n;                                 /* of them; constant */
	int rest;                                       /* epoll file of SERVER's; constant */
	int away;                               /* eventfd; only acceptors_stop() writes it; constant */
	int lfd;                                        /* SERVER's note */
	_Atomic nsec last;                              /* when one of them accepted; relaxed: a hint */
	struct mtx mtx;                                 /* lk_leaf */
	struct cond left;
	unsigned taken          GUARDED_BY(lk_leaf);    /* a bit for each place */
	bool stopped            GUARDED_BY(lk_leaf);
};

LOCK_DEFINE(place, struct acceptor, mtx, lk_leaf)
LOCK_DEFINE(places, struct acceptors, mtx, lk_leaf)

static void dispose(struct acceptors *q)
{
	for (size_t i = 0; i < q->n; i++) {
		if (q->places[i].ep != -1)
			close(q->places[i].ep);
		mtx_fini(&q->places[i].mtx);
	}
	if (q->rest != -1)
		close(q->rest);
	if (q->away != -1)
		close(q->away);
	cond_fini(&q->left);
	mtx_fini(&q->mtx);
	free(q);
}

/* The listener is where places look: only then is it accepted from. */
static void point(struct acceptor *p, int lfd)
{
	place_lock(p);
	p->lfd = lfd;
	place_unlock(p);
}

/* One for each processor, where the kernel wakes a sleeper for each connection. */
static unsigned int places_here(void)
{
	const long n = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int major = 0, minor = 0;
	struct utsname u;

	if (uname(&u) == -1 || sscanf(u.release, "%u.%u", &major, &minor) != 2 ||
	    major < 5 || (major == 5 && minor < 7))
		return 0;
	return n < 1 ? 1 : (unsigned int)MIN(n, ACCEPTORS);
}

enum status acceptors_new(struct acceptors **out, unsigned int n)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct acceptors *q = calloc(1, sizeof(*q));
	bool ok;

	*out = NULL;
	if (q == NULL)
		return ST_LIMIT;
	ASSERT(n <= ACCEPTORS);
	q->n = n > 0 ? n : places_here();
	mtx_init(&q->mtx, &lk_leaf);
	cond_init(&q->left);
	q->lfd = -1;
	q->rest = epoll_create1(EPOLL_CLOEXEC);
	q->away = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ok = q->rest != -1 && q->away != -1;
	for (size_t i = 0; i < q->n; i++) {
		struct acceptor *p = &q->places[i];

		mtx_init(&p->mtx, &lk_leaf);
		p->of = q;
		point(p, -1);
		p->ep = epoll_create1(EPOLL_CLOEXEC);
		ok = ok && p->ep != -1 && epoll_ctl(p->ep, EPOLL_CTL_ADD, q->away, &ev) == 0;
	}
	if (!ok) {
		const int e = errno;

		dispose(q);
		errno = e;
		return ST_SYS;
	}
	*out = q;
	return ST_OK;
}

/* Another file of the same listener may stay open, so closing it would not take it out. */
static void move_away(struct acceptors *q)
{
	if (q->lfd == -1)
		return;
	for (size_t i = 0; i < q->n; i++) {
		point(&q->places[i], -1);
		(void)epoll_ctl(q->places[i].ep, EPOLL_CTL_DEL, q->lfd, NULL);
	}
	(void)epoll_ctl(q->rest, EPOLL_CTL_DEL, q->lfd, NULL);
	q->lfd = -1;
}

enum status acceptors_move(struct acceptors *q, int lfd)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	bool ok = true;

	move_away(q);
	if (lfd == -1)
		return ST_OK;
	q->lfd = lfd;
	/* the kernel wakes in this order, so SERVER is the last */
	for (size_t i = 0; i < q->n && ok; i++) {
		ok = epoll_ctl(q->places[i].ep, EPOLL_CTL_ADD, lfd, &ev) == 0;
		if (ok)
			point(&q->places[i], lfd);
	}
	ok = ok && epoll_ctl(q->rest, EPOLL_CTL_ADD, lfd, &ev) == 0;
	if (!ok) {
		const int e = errno;

		move_away(q);
		errno = e;
		return ST_SYS;
	}
	return ST_OK;
}

int acceptors_rest(const struct acceptors *q)
{
	return q->rest;
}

nsec acceptors_back_by(const struct acceptors *q)
{
	nsec by = 0;

	if (q != NULL)
		by = atomic_load_explicit(&q->last, memory_order_relaxed) + ACCEPTOR_WORK;
	return by > clk_now() ? by : 0;
}

struct acceptor *acceptor_take(struct acceptors *q)
{
	struct acceptor *p = NULL;
	int i;

	if (q == NULL)
		return NULL;
	places_lock(q);
	i = ffs((int)~q->taken) - 1;
	if (!q->stopped && i < (int)q->n) {
		q->taken |= 1U << i;
		p = &q->places[i];
	}
	places_unlock(q);
	return p;
}

static bool is_stopped(struct acceptors *q)
{
	bool yes;

	places_lock(q);
	yes = q->stopped;
	places_unlock(q);
	return yes;
}

enum status acceptor_wait(struct acceptor *p, int *fd, struct host *peer, nsec deadline)
{
	bool late = false;

	for (;;) {
		struct epoll_event ev;
		enum status st = ST_TIMEOUT;
		int n;

		place_lock(p);
		if (p->lfd != -1)
			st = sock_accept_now(p->lfd, fd, peer);
		place_unlock(p);
		if (st == ST_OK)
			atomic_store_explicit(&p->of->last, clk_now(), memory_order_relaxed);
		if (st != ST_TIMEOUT || late)
			return st;
		if (is_stopped(p->of))
			return ST_STOPPED;
		n = epoll_wait(p->ep, &ev, 1, clk_left_ms(deadline));
		/* some kernels count one as woken in the moment in which it gives up */
		late = n == 0;
		if (n == -1 && errno != EINTR)
			return ST_SYS;
	}
}

void acceptor_leave(struct acceptor *p)
{
	struct acceptors *q = p->of;

	places_lock(q);
	q->taken &= ~(1U << (p - q->places));
	if (q->taken == 0)
		cond_broadcast(&q->left);
	places_unlock(q);
}

void acceptors_stop(struct acceptors *q)
{
	static const uint64_t one = 1;

	places_lock(q);
	q->stopped = true;
	places_unlock(q);
	/* should it fail, they leave at their deadlines */
	(void)!write(q->away, &one, sizeof(one));
}

void acceptors_free(struct acceptors **qp)
{
	struct acceptors *q = *qp;

	*qp = NULL;
	if (q == NULL)
		return;
	acceptors_stop(q);
	places_lock(q);
	while (q->taken != 0)
		(void)!cond_wait(&q->left, &q->mtx, NSEC_NEVER);
	places_unlock(q);
	dispose(q);
}
