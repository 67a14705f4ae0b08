/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/mbox.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/sys/assert.h"

LOCK_DEFINE(mb, struct mbox, mtx, lk_mbox)

void mbox_init_lazy(struct mbox *m)
{
	*m = (struct mbox){ .efd = -1, .fd = -1 };
	mtx_init(&m->mtx, &lk_mbox);
}

enum status mbox_init(struct mbox *m)
{
	mbox_init_lazy(m);
	if (mbox_ready(m) == ST_OK)
		return ST_OK;
	mtx_fini(&m->mtx);
	return ST_SYS;
}

enum status mbox_ready(struct mbox *m)
{
	int efd;

	if (m->efd != -1)
		return ST_OK;
	efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (efd == -1)
		return ST_SYS;
	mb_lock(m);
	m->efd = efd;
	if (m->signalled)
		MUST_ZERO(eventfd_write(efd, 1));
	mb_unlock(m);
	return ST_OK;
}

void mbox_fini(struct mbox *m)
{
	struct mail *left = NULL;

	/* Taken whether or not there is mail: see mbox_wake_set(). */
	mb_lock(m);
	for (struct mail *k = mailq_take(&m->q); k != NULL; k = mailq_take(&m->q)) {
		k->next = left;
		left = k;
	}
	m->stopping = true;
	mb_unlock(m);
	mail_free(&left);
	mtx_fini(&m->mtx);
	if (m->efd != -1)
		MUST_ZERO(close(m->efd));
	m->efd = -1;
}

/* Make efd readable, if there is one, unless it is. The counter cannot overflow: it is at most 1. */
static void wake_locked(struct mbox *m) REQUIRES(lk_mbox)
{
	if (m->signalled)
		return;
	m->signalled = true;
	if (m->efd != -1)
		MUST_ZERO(eventfd_write(m->efd, 1));
}

enum status mbox_post(struct mbox *m, struct blob *b)
{
	struct mail *k = mail_new(b), *gone = NULL;
	enum status st;

	mb_lock(m);
	if (m->stopping) {
		st = ST_STOPPED;
		gone = k;
	} else if (k == NULL) {
		st = ST_LIMIT;
		m->q.lost++;
	} else {
		if (m->q.n == 0)
			wake_locked(m);
		st = mailq_put(&m->q, k, &gone);
	}
	mb_unlock(m);
	mail_free(&gone);
	return st;
}

void mbox_wake(struct mbox *m)
{
	mb_lock(m);
	wake_locked(m);
	mb_unlock(m);
}

void mbox_wake_set(struct mbox *m, _Atomic int *word, int value)
{
	mb_lock(m);
	/* Release: what the caller did before is seen by an owner that acquires the value. */
	atomic_store_explicit(word, value, memory_order_release);
	wake_locked(m);
	mb_unlock(m);
}

/* The flag first, so that an owner whose socket ends by the shutdown sees why. */
static void stop(struct mbox *m, bool hard) EXCLUDES(lk_mbox)
{
	mb_lock(m);
	m->stopping = true;
	atomic_store_explicit(&m->stopped, true, memory_order_release);
	wake_locked(m);
	if (hard && !m->hard) {
		m->hard = true;
		/* ENOTCONN (still connecting, or the peer has gone) is as good as done. */
		if (m->fd != -1)
			(void)shutdown(m->fd, SHUT_RDWR);
	}
	mb_unlock(m);
}

void mbox_stop(struct mbox *m)
{
	stop(m, true);
}

void mbox_stop_soft(struct mbox *m)
{
	stop(m, false);
}

struct blob *mbox_take(struct mbox *m)
{
	struct blob *b = NULL;
	struct mail *k;

	mb_lock(m);
	k = mailq_take(&m->q);
	mb_unlock(m);
	if (k != NULL)
		b = blob_ref(k->b);
	mail_free(&k);
	return b;
}

bool mbox_has_mail(struct mbox *m)
{
	bool yes;

	mb_lock(m);
	yes = m->q.n > 0;
	mb_unlock(m);
	return yes;
}

void mbox_drain(struct mbox *m)
{
	eventfd_t v;

	/* EAGAIN: nobody had woken us after all. */
	if (m->efd != -1 && eventfd_read(m->efd, &v) == -1)
		ASSERT(errno == EAGAIN || errno == EINTR);
	/* In this order: whoever posts between the two does not write the eventfd, but is found by
	 * the owner, who looks only after us. The other way round the wake-up would be eaten while
	 * `signalled` stays set. */
	mb_lock(m);
	m->signalled = false;
	mb_unlock(m);
	m->mail = true;
}

bool mbox_is_signalled(struct mbox *m)
{
	bool is;

	mb_lock(m);
	is = m->signalled;
	mb_unlock(m);
	return is;
}

void mbox_set_fd(struct mbox *m, int fd)
{
	mb_lock(m);
	m->fd = fd;
	if (fd != -1 && m->hard)
		(void)shutdown(fd, SHUT_RDWR);
	mb_unlock(m);
}

enum status mbox_wait(struct mbox *m, nsec deadline)
{
	if (mbox_ready(m) != ST_OK)
		return mbox_is_stopped(m) ? ST_STOPPED : ST_SYS;
	for (;;) {
		struct pollfd pf = { .fd = m->efd, .events = POLLIN };
		int ms, n;

		if (mbox_is_stopped(m))
			return ST_STOPPED;
		if (m->mail) {
			m->mail = false;
			return ST_OK;
		}
		ms = clk_left_ms(deadline);
		n = poll(&pf, 1, ms);
		ASSERT(n >= 0 || errno == EINTR || errno == ENOMEM);
		if (n > 0)
			mbox_drain(m);
		else if (n == 0 && ms == 0)
			return mbox_is_stopped(m) ? ST_STOPPED : ST_TIMEOUT;
	}
}

void mbox_pause(struct mbox *m)
{
	struct pollfd pf = { .fd = m->efd, .events = POLLIN };

	while (poll(&pf, 1, -1) != 1)
		ASSERT(errno == EINTR || errno == ENOMEM);
	mbox_drain(m);
}

uint32_t mbox_lost(struct mbox *m)
{
	uint32_t n;

	mb_lock(m);
	n = m->q.lost;
	mb_unlock(m);
	return n;
}

uint32_t mbox_merged(struct mbox *m)
{
	uint32_t n;

	mb_lock(m);
	n = m->q.merged;
	mb_unlock(m);
	return n;
}
