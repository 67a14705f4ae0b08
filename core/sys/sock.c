/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/sys/assert.h"
#include "core/sys/tls.h"

#define KEEP_IDLE_S     30
#define KEEP_INTERVAL_S 10
#define KEEP_PROBES     3
#define ALERT_IDLE_S     8
#define ALERT_INTERVAL_S 3

/* The mailbox a wait listens to. */
static struct mbox *ear(const struct sock *s)
{
	return s->deaf ? NULL : s->mb;
}

static bool is_stopped(const struct mbox *mb)
{
	return mb != NULL && mbox_is_stopped(mb);
}

/* Sleep until fd reports one of ev (or an error), or the deadline; with `mail`, also until somebody
 * wakes the mailbox (*rev is 0 then). Without, a wake-up is noted in mb->mail and the sleep goes on. */
static enum status wait_fd(int fd, short ev, struct mbox *mb, bool mail, nsec deadline, short *rev)
{
	*rev = 0;
	if (mb != NULL && mbox_ready(mb) != ST_OK)
		return is_stopped(mb) ? ST_STOPPED : ST_SYS;
	for (;;) {
		struct pollfd pf[2] = {
			{ .fd = fd, .events = ev },
			{ .fd = mb == NULL ? -1 : mb->efd, .events = POLLIN },
		};
		int ms, n;

		if (is_stopped(mb))
			return ST_STOPPED;
		ms = clk_left_ms(deadline);
		n = poll(pf, mb == NULL ? 1 : 2, ms);
		if (n == -1) {
			if (errno == EINTR)
				continue;
			return ST_SYS;
		}
		ASSERT((pf[0].revents & POLLNVAL) == 0);
		if (is_stopped(mb))
			return ST_STOPPED;
		if (pf[1].revents != 0)
			mbox_drain(mb);
		*rev = pf[0].revents;
		if (*rev != 0 || (mail && mb != NULL && mb->mail))
			return ST_OK;
		if (n == 0 && ms == 0)
			return ST_TIMEOUT;
	}
}

/* After a call that would block: is there time left to wait at all? */
static enum status wait_io(const struct sock *s, short ev, nsec deadline)
{
	short rev;

	if (clk_left_ms(deadline) == 0)
		return is_stopped(ear(s)) ? ST_STOPPED : ST_TIMEOUT;
	return wait_fd(s->fd, ev, ear(s), false, deadline, &rev);
}

/* --- life ------------------------------------------------------------------------------------- */

static void set_opt(int fd, int level, int name, int v)
{
	/* Comfort, not need: a Unix socket pair has none of them. */
	(void)setsockopt(fd, level, name, &v, sizeof(v));
}

void sock_set_opts(int fd)
{
	set_opt(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_opt(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_opt(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
	set_opt(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S);
	set_opt(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_PROBES);
}

void sock_set_alert(struct sock *s)
{
	if (s->fd == -1)
		return;
	set_opt(s->fd, IPPROTO_TCP, TCP_KEEPIDLE, ALERT_IDLE_S);
	set_opt(s->fd, IPPROTO_TCP, TCP_KEEPINTVL, ALERT_INTERVAL_S);
}

/* Everything but the counters by plain stores: others may be looking at those. */
static void set_fields(struct sock *s, int fd, const struct host *peer, struct mbox *mb)
{
	s->fd = fd;
	s->mb = mb;
	s->peer = *peer;
	s->deaf = false;
	s->tls = NULL;
	s->rx = NULL;
	s->rx_pos = s->rx_len = 0;
	atomic_store_explicit(&s->nread, 0, memory_order_relaxed);
	atomic_store_explicit(&s->nwritten, 0, memory_order_relaxed);
}

void sock_init(struct sock *s, int fd, const struct host *peer, struct mbox *mb)
{
	const int fl = fcntl(fd, F_GETFL);

	ASSERT(fl != -1);
	/* One that does not block is ours, and has it all (sock_connect(), sock_accept()). */
	if ((fl & O_NONBLOCK) == 0) {
		MUST_ZERO(fcntl(fd, F_SETFL, fl | O_NONBLOCK));
		MUST_ZERO(fcntl(fd, F_SETFD, FD_CLOEXEC));
		sock_set_opts(fd);
	}
	set_fields(s, fd, peer, mb);
	if (mb != NULL)
		mbox_set_fd(mb, fd);
}

enum status sock_connect(struct sock *s, const struct host *to, struct mbox *mb, nsec deadline)
{
	struct sockaddr_storage ss;
	const socklen_t len = host_to_sockaddr(to, &ss);
	enum status st = ST_OK;
	int fd, err = 0;
	short rev;

	set_fields(s, -1, to, mb);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return ST_SYS;
	sock_set_opts(fd);
	sock_init(s, fd, to, mb);
	if (connect(fd, (const struct sockaddr *)&ss, len) == -1) {
		/* EINTR too: the connection goes on being made (POSIX). */
		if (errno == EINPROGRESS || errno == EINTR) {
			socklen_t n = sizeof(err);

			st = wait_fd(fd, POLLOUT, mb, false, deadline, &rev);
			if (st == ST_OK && getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) == -1)
				err = errno;
		} else {
			err = errno;
		}
	}
	if (st == ST_OK && err != 0) {
		st = ST_SYS;
		errno = err;
	}
	if (st != ST_OK)
		sock_close(s);
	return st;
}

void sock_move(struct sock *to, struct sock *from, struct mbox *mb)
{
	/* Out of the old mailbox first: from then on only its new owner can be told to shut it. */
	if (from->mb != NULL)
		mbox_set_fd(from->mb, -1);
	set_fields(to, from->fd, &from->peer, mb);
	to->tls = from->tls;
	to->rx = from->rx;
	to->rx_pos = from->rx_pos;
	to->rx_len = from->rx_len;
	atomic_store_explicit(&to->nread,
		atomic_load_explicit(&from->nread, memory_order_relaxed), memory_order_relaxed);
	atomic_store_explicit(&to->nwritten,
		atomic_load_explicit(&from->nwritten, memory_order_relaxed), memory_order_relaxed);
	from->fd = -1;
	from->tls = NULL;
	from->rx = NULL;
	from->rx_pos = from->rx_len = 0;
	if (mb != NULL)
		mbox_set_fd(mb, to->fd);
}

void sock_deafen(struct sock *s)
{
	s->deaf = true;
}

void sock_offer_take(struct sock_offer *o, struct sock *to, struct mbox *mb)
{
	struct mbox *owner = o->s->mb;

	sock_move(to, o->s, mb);
	o->state = SOCK_TAKEN;
	mbox_wake(owner);
}

void sock_offer_refuse(struct sock_offer *o)
{
	o->state = SOCK_REFUSED;
	mbox_wake(o->s->mb);
}

void sock_close(struct sock *s)
{
	const int e = errno;

	if (s->fd != -1) {
		if (s->mb != NULL)
			mbox_set_fd(s->mb, -1);
		if (s->tls != NULL)
			(void)!tls_bye(s->tls);
		tls_free(&s->tls);
		(void)close(s->fd);
		s->fd = -1;
	}
	free(s->rx);
	s->rx = NULL;
	s->rx_pos = s->rx_len = 0;
	errno = e;
}

/* --- TLS -------------------------------------------------------------------------------------- */

/* After a step that was not TLS_DONE: wait for what it needs (ST_OK: do it again), or why it is over. */
static enum status tls_wait(const struct sock *s, enum tls_step step, nsec deadline)
{
	switch (step) {
	case TLS_DONE:
		break;
	case TLS_WAIT_IN:
		return wait_io(s, POLLIN, deadline);
	case TLS_WAIT_OUT:
		return wait_io(s, POLLOUT, deadline);
	case TLS_END:
		return ST_EOF;
	case TLS_FAILED:
		errno = EPROTO;
		return ST_SYS;
	}
	return ST_OK;
}

enum status sock_accept_tls(struct sock *s, struct tls_cert *c, const char **why, nsec deadline)
{
	enum tls_step step;
	enum status st;
	struct tls *t;

	*why = NULL;
	ASSERT(s->tls == NULL);
	t = tls_new(c, s->fd, s->rx_len > 0 ? s->rx + s->rx_pos : NULL, s->rx_len);
	if (t == NULL) {
		*why = tls_missing() != NULL ? tls_missing() : "no certificate that can be used";
		return ST_LIMIT;
	}
	sock_consume(s, s->rx_len);
	do {
		step = tls_handshake(t);
		st = is_stopped(ear(s)) ? ST_STOPPED : tls_wait(s, step, deadline);
	} while (st == ST_OK && step != TLS_DONE);
	if (step == TLS_FAILED) {
		*why = tls_why(t);
		st = ST_PROTO;
	}
	if (st == ST_OK)
		s->tls = t;
	else
		tls_free(&t);
	return st;
}

static enum status tls_recv_some(struct sock *s, void *p, size_t n, size_t *got, nsec deadline)
{
	enum tls_step step;
	enum status st;

	do {
		step = tls_recv(s->tls, p, n, got);
		st = is_stopped(ear(s)) ? ST_STOPPED : tls_wait(s, step, deadline);
	} while (st == ST_OK && step != TLS_DONE);
	if (st == ST_OK)
		/* Relaxed: statistics. */
		(void)atomic_fetch_add_explicit(&s->nread, (uint64_t)*got, memory_order_relaxed);
	return st;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Has TLS something that the socket has no more? */
static bool has_input(const struct sock *s)
{
	return s->tls != NULL && tls_has_input(s->tls);
}

/* One recv(); ST_TIMEOUT = there is nothing yet. */
static enum status recv_now(struct sock *s, void *p, size_t n, size_t *got)
{
	for (;;) {
		const ssize_t k = recv(s->fd, p, n, 0);

		if (is_stopped(ear(s)))
			return ST_STOPPED;
		if (k > 0) {
			/* Relaxed: statistics. */
			(void)atomic_fetch_add_explicit(&s->nread, (uint64_t)k, memory_order_relaxed);
			*got = (size_t)k;
			return ST_OK;
		}
		if (k == 0)
			return ST_EOF;
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return ST_TIMEOUT;
		if (errno != EINTR)
			return ST_SYS;
	}
}

/* The same, waiting. */
static enum status recv_some(struct sock *s, void *p, size_t n, size_t *got, nsec deadline)
{
	enum status st;

	if (s->tls != NULL)
		return tls_recv_some(s, p, n, got, deadline);
	do {
		st = recv_now(s, p, n, got);
		if (st != ST_TIMEOUT)
			return st;
		st = wait_io(s, POLLIN, deadline);
	} while (st == ST_OK);
	return st;
}

/* Make the read buffer and read into it. Who has to wait does so without it: a thousand idle connections
 * may. */
static enum status first_fill(struct sock *s, nsec deadline)
{
	enum status st = ST_OK;
	size_t got;
	short rev;

	do {
		if (s->tls != NULL && !has_input(s))
			st = wait_fd(s->fd, POLLIN, ear(s), false, deadline, &rev);
		if (st != ST_OK)
			return st;
		s->rx = malloc(SOCK_RX);
		if (s->rx == NULL)
			return ST_LIMIT;
		s->rx_pos = 0;
		st = s->tls != NULL ? tls_recv_some(s, s->rx, SOCK_RX, &got, deadline) :
			recv_now(s, s->rx, SOCK_RX, &got);
		if (st == ST_OK) {
			s->rx_len = (uint32_t)got;
			return ST_OK;
		}
		sock_trim(s);
		if (st == ST_TIMEOUT && s->tls == NULL)
			st = wait_fd(s->fd, POLLIN, ear(s), false, deadline, &rev);
	} while (st == ST_OK);
	return st;
}

const uint8_t *sock_peek(const struct sock *s, size_t *n)
{
	*n = s->rx_len;
	return s->rx_len == 0 ? (const uint8_t *)"" : s->rx + s->rx_pos;
}

enum status sock_fill(struct sock *s, nsec deadline)
{
	enum status st;
	size_t got;

	if (s->rx_len == SOCK_RX)
		return ST_LIMIT;
	if (s->rx == NULL)
		return first_fill(s, deadline);
	if (s->rx_len == 0) {
		s->rx_pos = 0;
	} else if (s->rx_pos + s->rx_len == SOCK_RX) {
		memmove(s->rx, s->rx + s->rx_pos, s->rx_len);
		s->rx_pos = 0;
	}

	uint8_t *const to = s->rx + s->rx_pos + s->rx_len;

	st = recv_some(s, to, SOCK_RX - s->rx_pos - s->rx_len, &got, deadline);
	if (st == ST_OK)
		s->rx_len += (uint32_t)got;
	return st;
}

void sock_consume(struct sock *s, size_t n)
{
	ASSERT(n <= s->rx_len);
	s->rx_pos += (uint32_t)n;
	s->rx_len -= (uint32_t)n;
}

void sock_trim(struct sock *s)
{
	if (s->rx_len > 0)
		return;
	free(s->rx);
	s->rx = NULL;
	s->rx_pos = 0;
}

/* Up to n buffered bytes. */
static size_t take(struct sock *s, void *p, size_t n)
{
	n = MIN(n, (size_t)s->rx_len);
	if (n > 0) {
		memcpy(p, s->rx + s->rx_pos, n);
		sock_consume(s, n);
	}
	return n;
}

enum status sock_read(struct sock *s, void *p, size_t n, size_t *got, nsec deadline)
{
	enum status st;

	ASSERT(n > 0);
	*got = 0;
	if (is_stopped(ear(s)))
		return ST_STOPPED;
	if (s->rx_len == 0) {
		/* Big reads go past the buffer. */
		if (n >= SOCK_RX)
			return recv_some(s, p, n, got, deadline);
		st = sock_fill(s, deadline);
		if (st != ST_OK)
			return st;
	}
	*got = take(s, p, n);
	return ST_OK;
}

enum status sock_read_full(struct sock *s, void *p, size_t n, nsec deadline)
{
	uint8_t *to = p;

	for (size_t have = 0; have < n;) {
		size_t got;
		const enum status st = sock_read(s, to + have, n - have, &got, deadline);

		if (st != ST_OK)
			return st;
		have += got;
		/* A peer that always has one more byte ready must not stretch the deadline. */
		if (have < n && s->rx_len == 0 && clk_left_ms(deadline) == 0)
			return ST_TIMEOUT;
	}
	return ST_OK;
}

enum status sock_read_line(struct sock *s, char *p, size_t cap, nsec deadline)
{
	size_t used = 0;

	ASSERT(cap > 0);
	p[0] = 0;
	for (;;) {
		size_t n;
		const uint8_t *b, *lf;
		enum status st;

		if (s->rx_len == 0) {
			if (used > 0 && clk_left_ms(deadline) == 0)
				break;
			st = sock_fill(s, deadline);
			if (st != ST_OK) {
				p[0] = 0;
				return st;
			}
		}
		if (is_stopped(ear(s))) {
			p[0] = 0;
			return ST_STOPPED;
		}
		b = sock_peek(s, &n);
		lf = memchr(b, '\n', n);
		if (lf != NULL)
			n = (size_t)(lf - b);
		if (n > cap - 1 - used) {
			p[0] = 0;
			return ST_LIMIT;
		}
		if (memchr(b, 0, n) != NULL) {
			p[0] = 0;
			return ST_PROTO;
		}
		memcpy(p + used, b, n);
		used += n;
		sock_consume(s, n + (lf != NULL));
		if (lf != NULL) {
			used -= used > 0 && p[used - 1] == '\r';
			p[used] = 0;
			return ST_OK;
		}
	}
	p[0] = 0;
	return ST_TIMEOUT;
}

/* --- writing ---------------------------------------------------------------------------------- */

static enum status try_send(int fd, const struct iovec *iov, int n, int flags, size_t *sent)
{
	*sent = 0;
	for (;;) {
		const struct msghdr m = {
			.msg_iov = (struct iovec *)(uintptr_t)iov,      /* sendmsg() only reads it */
			.msg_iovlen = (size_t)MIN(n, IOV_MAX),
		};
		const ssize_t k = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT | flags);

		if (k >= 0) {
			*sent = (size_t)k;
			return ST_OK;
		}
		switch (errno) {
		case EINTR:
			continue;
		case EAGAIN:
		case ENOBUFS:
			return ST_OK;
		case EPIPE:
		case ECONNRESET:
			return ST_EOF;
		default:
			return ST_SYS;
		}
	}
}

enum status sock_try_sendv(int fd, const struct iovec *iov, int n, size_t *sent)
{
	return try_send(fd, iov, n, 0, sent);
}

/* Take `sent` bytes off the front of n entries; returns how many are left from *iov on. */
static int skip_sent(struct iovec **iov, int n, size_t sent)
{
	for (; n > 0; (*iov)++, n--) {
		const size_t k = MIN(sent, (*iov)->iov_len);

		if (k > 0)              /* an empty entry may be at NULL */
			(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + k;
		(*iov)->iov_len -= k;
		sent -= k;
		if ((*iov)->iov_len > 0)
			break;
	}
	ASSERT(sent == 0);
	return n;
}

static enum status tls_writev(struct sock *s, struct iovec *iov, int n, nsec deadline)
{
	bool first = true;

	for (;;) {
		enum tls_step step;
		enum status st;
		size_t sent = 0;

		n = skip_sent(&iov, n, 0);
		if (is_stopped(ear(s)))
			return ST_STOPPED;
		if (n == 0 && !tls_has_output(s->tls))
			return ST_OK;
		if (!first && clk_left_ms(deadline) == 0)
			return ST_TIMEOUT;
		first = false;
		step = n > 0 ? tls_send(s->tls, iov->iov_base, iov->iov_len, &sent) : tls_flush(s->tls);
		st = tls_wait(s, step, deadline);
		if (st != ST_OK)
			return is_stopped(ear(s)) ? ST_STOPPED : step == TLS_FAILED ? ST_EOF : st;
		/* Relaxed: statistics. */
		(void)atomic_fetch_add_explicit(&s->nwritten, (uint64_t)sent, memory_order_relaxed);
		n = skip_sent(&iov, n, sent);
	}
}

enum status sock_end(struct sock *s, nsec deadline)
{
	enum tls_step step = TLS_DONE;
	enum status st = ST_OK;

	if (s->tls != NULL) {
		do {
			step = tls_bye(s->tls);
			st = is_stopped(ear(s)) ? ST_STOPPED : tls_wait(s, step, deadline);
		} while (st == ST_OK && step != TLS_DONE);
	}
	if (st == ST_OK && shutdown(s->fd, SHUT_WR) == -1)
		st = ST_SYS;
	return st;
}

/* flags: MSG_MORE = what does not fill a segment waits for what comes next. */
static enum status writev_all(struct sock *s, struct iovec *iov, int n, int flags, nsec deadline)
{
	bool first = true;

	for (;;) {
		enum status st;
		size_t sent;

		n = skip_sent(&iov, n, 0);      /* empty ones */
		if (is_stopped(ear(s)))
			return ST_STOPPED;
		if (n == 0)
			return ST_OK;
		/* As when reading: progress does not stretch the deadline. */
		if (!first && clk_left_ms(deadline) == 0)
			return ST_TIMEOUT;
		first = false;
		st = try_send(s->fd, iov, n, flags, &sent);
		if (st != ST_OK)
			return is_stopped(ear(s)) ? ST_STOPPED : st;
		if (sent == 0) {
			st = wait_io(s, POLLOUT, deadline);
			if (st != ST_OK)
				return st;
			continue;
		}
		/* Relaxed: statistics. */
		(void)atomic_fetch_add_explicit(&s->nwritten, (uint64_t)sent, memory_order_relaxed);
		n = skip_sent(&iov, n, sent);
	}
}

enum status sock_writev(struct sock *s, struct iovec *iov, int n, nsec deadline)
{
	return s->tls != NULL ? tls_writev(s, iov, n, deadline) : writev_all(s, iov, n, 0, deadline);
}

enum status sock_writev_last(struct sock *s, struct iovec *iov, int n, nsec deadline)
{
	return s->tls != NULL ? tls_writev(s, iov, n, deadline) : writev_all(s, iov, n, MSG_MORE, deadline);
}

enum status sock_write(struct sock *s, const void *p, size_t n, nsec deadline)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)p, .iov_len = n };

	return sock_writev(s, &iov, 1, deadline);
}

/* --- waiting ---------------------------------------------------------------------------------- */

enum status sock_wait(struct sock *s, int want, int *got, nsec deadline)
{
	struct mbox *mb = ear(s);
	enum status st;
	short ev = 0, rev;

	*got = 0;
	if (is_stopped(mb))
		return ST_STOPPED;
	if ((want & SOCK_IN) != 0 && (s->rx_len > 0 || has_input(s))) {
		/* No poll, but a peer that keeps the buffer filled must not keep the mail away. */
		if (mb != NULL && mbox_is_signalled(mb))
			mbox_drain(mb);
		*got = SOCK_IN;
	}
	if (*got == 0 && (mb == NULL || !mb->mail)) {
		/* No POLLRDHUP: an orderly end is readable, and who does not ask to read may well go on
		 * sending to a peer that only closed its own direction. */
		ev = (short)((want & SOCK_IN ? POLLIN : 0) | (want & SOCK_OUT ? POLLOUT : 0));
		st = wait_fd(s->fd, ev, mb, true, deadline, &rev);
		if (st != ST_OK)
			return st;
		if (rev & (POLLIN | POLLERR | POLLHUP))
			*got |= SOCK_IN;
		if ((want & SOCK_OUT) && (rev & (POLLOUT | POLLERR | POLLHUP)))
			*got |= SOCK_OUT;
	}
	if (mb != NULL && mb->mail) {
		mb->mail = false;
		*got |= SOCK_MAIL;
	}
	return ST_OK;
}

/* --- listening -------------------------------------------------------------------------------- */

static enum status listen_on(int *fd, int family, const struct sockaddr_storage *ss, socklen_t len)
{
	const int on = 1, off = 0;
	const int l = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (l == -1)
		return ST_SYS;
	if (setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    (family == AF_INET6 &&
	     setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == -1) ||
	    bind(l, (const struct sockaddr *)ss, len) == -1 || listen(l, SOCK_BACKLOG) == -1) {
		const int e = errno;

		(void)close(l);
		errno = e;
		return ST_SYS;
	}
	sock_set_opts(l);                    /* Linux hands them down to what is accepted */
	*fd = l;
	return ST_OK;
}

enum status sock_listen(int *fd, const struct host *h)
{
	const struct host any6 = { .port = h->port };
	const struct host any4 = host_v4(0, 0, 0, 0, h->port);
	const bool all = !host_is_set(h);
	struct sockaddr_storage ss;
	socklen_t len = host_to_sockaddr(all ? &any6 : h, &ss);
	enum status st = listen_on(fd, ss.ss_family, &ss, len);

	*fd = st == ST_OK ? *fd : -1;
	/* A kernel without IPv6 (or with it switched off) still has the other half. */
	if (st == ST_SYS && all && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
		len = host_to_sockaddr(&any4, &ss);
		st = listen_on(fd, ss.ss_family, &ss, len);
	}
	return st;
}

void sock_await_words(int lfd)
{
	set_opt(lfd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1);
}

struct host sock_local(int fd)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		return (struct host){ .port = 0 };
	return host_from_sockaddr((const struct sockaddr *)&ss);
}

uint16_t sock_local_port(int fd)
{
	return sock_local(fd).port;
}

/* What accept(2) reports of the connection it would have returned, not of us. */
static bool died_in_queue(int e)
{
	switch (e) {
	case EINTR:
	case ECONNABORTED:
	case EPERM:
	case EPROTO:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
		return true;
	default:
		return false;
	}
}

enum status sock_accept_now(int lfd, int *fd, struct host *peer)
{
	*fd = -1;
	for (;;) {
		struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
		socklen_t len = sizeof(ss);
		const int c = accept4(lfd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (c != -1) {
			*fd = c;
			*peer = host_from_sockaddr((const struct sockaddr *)&ss);
			return ST_OK;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return ST_TIMEOUT;
		if (!died_in_queue(errno))
			return ST_SYS;
	}
}

enum status sock_wait_fd(int fd, struct mbox *mb, nsec deadline)
{
	enum status st = ST_OK;
	short rev = 0;

	/* noted by a wait before that had something at fd as well */
	if (mb == NULL || !mb->mail || is_stopped(mb))
		st = wait_fd(fd, POLLIN, mb, true, deadline, &rev);
	if (st != ST_OK || rev != 0)
		return st;
	mb->mail = false;
	return ST_TIMEOUT;
}

enum status sock_accept(int lfd, struct mbox *mb, int *fd, struct host *peer, nsec deadline)
{
	*fd = -1;
	for (;;) {
		enum status st;

		if (is_stopped(mb))
			return ST_STOPPED;
		st = sock_accept_now(lfd, fd, peer);
		if (st != ST_TIMEOUT)
			return st;
		st = sock_wait_fd(lfd, mb, deadline);
		if (st != ST_OK)
			return st;
	}
}
