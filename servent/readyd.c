/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/readyd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/sys/assert.h"
#include "core/sys/log.h"
#include "core/sys/thr.h"

#define BATCH  64                               /* sockets taken from the kernel at once */
#define GATHER (10 * NSEC_PER_MSEC)             /* while much comes: between two looks at all of them */

struct readyd {
	struct thr thr;
	struct mbox mb;                         /* for the stop */
	int ep;
	struct mtx mtx;                         /* lk_app */
	struct cond given;                      /* a turn has ended that an owner waited for */
	struct ready **of_fd    GUARDED_BY(lk_app); /* those watched, by socket */
	size_t n_fds            GUARDED_BY(lk_app);
};

LOCK_DEFINE(rd, struct readyd, mtx, lk_app)

static bool watch_locked(struct readyd *d, struct ready *r) REQUIRES(lk_app)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = r->fd };
	const size_t fd = (size_t)r->fd;

	if (r->watched)
		return true;
	if (fd >= d->n_fds) {
		const size_t n = MAX(fd + 1, d->n_fds * 2);
		struct ready **more = reallocarray(d->of_fd, n, sizeof(struct ready *));

		if (more == NULL)
			return false;
		for (size_t i = d->n_fds; i < n; i++)
			more[i] = NULL;
		d->of_fd = more;
		d->n_fds = n;
	}
	if (epoll_ctl(d->ep, EPOLL_CTL_ADD, r->fd, &ev) == -1)
		return false;
	d->of_fd[fd] = r;
	r->watched = true;
	return true;
}

static void unwatch_locked(struct readyd *d, struct ready *r) REQUIRES(lk_app)
{
	if (!r->watched)
		return;
	MUST_ZERO(epoll_ctl(d->ep, EPOLL_CTL_DEL, r->fd, NULL));
	d->of_fd[r->fd] = NULL;
	r->watched = false;
}

/* --- the thread ------------------------------------------------------------------------------- */

/* That socket has something. Its servent may have left since, and another have the number: one turn for
 * nothing. NULL = its owner reads by itself; it is not waited for until it is parked again. */
static struct ready *begin_turn(struct readyd *d, int fd) EXCLUDES(lk_app)
{
	struct ready *r;

	rd_lock(d);
	r = (size_t)fd < d->n_fds ? d->of_fd[fd] : NULL;
	if (r != NULL && r->right == READY_OWN) {
		unwatch_locked(d, r);
		r = NULL;
	}
	if (r != NULL)
		r->right = READY_READING;
	rd_unlock(d);
	return r;
}

/* Not one access to r after this, unless it is parked. */
static void end_turn(struct readyd *d, struct ready *r, bool usual) EXCLUDES(lk_app)
{
	rd_lock(d);
	if (!usual)
		unwatch_locked(d, r);           /* or the next byte would wake both of us */
	r->right = usual && !r->wanted ? READY_PARKED : READY_OWN;
	if (r->wanted)
		cond_broadcast(&d->given);
	else if (!usual)
		mbox_wake(r->mb);
	rd_unlock(d);
}

static void run(void *arg)
{
	struct epoll_event ev[BATCH];
	struct readyd *d = arg;
	bool busy = false;
	nsec last = 0;

	while (!mbox_is_stopped(&d->mb)) {
		const int n = epoll_wait(d->ep, ev, BATCH, busy ? 0 : -1);
		nsec now;

		ASSERT(n != -1 || errno == EINTR);
		for (int i = 0; i < n; i++) {
			struct ready *r = ev[i].data.fd != d->mb.efd ? begin_turn(d, ev[i].data.fd) : NULL;

			if (r != NULL)
				end_turn(d, r, r->turn(r->ctx));
		}
		if (n == BATCH)
			continue;               /* there are more */
		now = clk_now();
		/* A pause must save more wake-ups than the one it costs. */
		busy = busy ? n > 1 : now - last < GATHER / 2;
		last = now;
		if (busy && mbox_wait(&d->mb, now + GATHER) == ST_STOPPED)
			return;
	}
}

/* --- the owners' side ------------------------------------------------------------------------- */

static void free_all(struct readyd *d) LOCK_IMPL /* the only thread left */
{
	if (d->ep != -1)
		MUST_ZERO(close(d->ep));
	free(d->of_fd);
	mbox_fini(&d->mb);
	cond_fini(&d->given);
	mtx_fini(&d->mtx);
	free(d);
}

enum status readyd_start(struct readyd **out)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct readyd *d = calloc(1, sizeof(*d));
	enum status st;

	*out = NULL;
	if (d == NULL)
		return ST_LIMIT;
	st = mbox_init(&d->mb);
	if (st != ST_OK) {
		free(d);
		return st;
	}
	mtx_init(&d->mtx, &lk_app);
	cond_init(&d->given);
	d->ep = epoll_create1(EPOLL_CLOEXEC);
	ev.data.fd = d->mb.efd;
	if (d->ep == -1 || epoll_ctl(d->ep, EPOLL_CTL_ADD, d->mb.efd, &ev) == -1)
		st = ST_SYS;
	if (st == ST_OK)
		st = thr_start(&d->thr, "ready", run, d);
	if (st == ST_OK)
		*out = d;
	else
		free_all(d);
	return st;
}

void readyd_stop(struct readyd **dp, nsec deadline)
{
	struct readyd *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	mbox_stop(&d->mb);
	if (thr_join(&d->thr, deadline) == ST_OK)
		free_all(d);
	else
		log_error("ready: does not end");
}

bool ready_park(struct readyd *d, struct ready *r)
{
	bool ok;

	rd_lock(d);
	ok = watch_locked(d, r);
	if (ok)
		r->right = READY_PARKED;
	rd_unlock(d);
	return ok;
}

void ready_take(struct readyd *d, struct ready *r)
{
	rd_lock(d);
	while (r->right == READY_READING) {
		r->wanted = true;
		(void)!cond_wait(&d->given, &d->mtx, NSEC_NEVER);
	}
	r->wanted = false;
	r->right = READY_OWN;
	rd_unlock(d);
}

void ready_leave(struct readyd *d, struct ready *r)
{
	rd_lock(d);
	unwatch_locked(d, r);
	rd_unlock(d);
}
