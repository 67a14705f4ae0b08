/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP sockets with deadlines: non-blocking underneath, one poll(2) on socket and mailbox on top.
 *
 * A sock belongs to one thread. Calls look blocking; they handle short counts and EINTR and return
 * ST_STOPPED as soon as the mailbox says stop. Other mail does not disturb them: it is remembered
 * in the mailbox (mbox.mail) and reported by the next sock_wait(). MSG_NOSIGNAL always.
 *
 * An owner that was told to stop and wants to say goodbye calls sock_deafen() and then uses short
 * deadlines. It never changes s->mb by hand: the mailbox knows the fd until sock_close().
 *
 * A socket may speak TLS (sock_accept_tls()): every call works as before, but sock_try_sendv(), which is
 * for plain ones. Who sends for others looks at s->tls, constant once the handshake is done.
 *
 * Reading is buffered (SOCK_RX bytes, allocated on first use, given back by sock_trim()), so bytes
 * a peer pipelines behind a request head are there for whoever reads next (pcp.md 5.4).
 */
#ifndef CORE_SYS_SOCK_H
#define CORE_SYS_SOCK_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/sys/clk.h"
#include "core/sys/host.h"
#include "core/sys/mbox.h"
#include "core/sys/status.h"

struct tls;
struct tls_cert;

#define SOCK_RX       (16 * 1024)
#define SOCK_BACKLOG  1024

struct sock {
	int fd;                 /* -1 = closed */
	struct mbox *mb;        /* borrowed; NULL = deadlines only */
	struct host peer;
	bool deaf;              /* sock_deafen(): waits do not look at mb */
	struct tls *tls;        /* owned; NULL = plain */
	uint8_t *rx;            /* owned read buffer, NULL until used */
	uint32_t rx_pos, rx_len;                /* unread: rx_len bytes from rx + rx_pos */
	_Atomic uint64_t nread, nwritten;       /* bytes; relaxed: statistics */
};

/* TCP_NODELAY and keepalive 30/10/3, where fd has them. What a listener accepts inherits them. */
void sock_set_opts(int fd);
/* For a connection over which much comes all the time: when nothing does, a peer whose machine has vanished
 * is noticed within 17 seconds instead of 60 (ST_SYS, ETIMEDOUT). */
void sock_set_alert(struct sock *s);

/* Take over a connected fd: non-blocking, close-on-exec, sock_set_opts(). One that is non-blocking already
 * comes from sock_connect() or sock_accept() and has them. */
void sock_init(struct sock *s, int fd, const struct host *peer, struct mbox *mb);

/* Connect. s is closed (fd -1) on failure.
 * returns  ST_OK, ST_TIMEOUT, ST_STOPPED, ST_SYS */
enum status sock_connect(struct sock *s, const struct host *to, struct mbox *mb, nsec deadline)
	NODISCARD;

/* The peer begins TLS, which the buffered bytes show: shake hands. On failure the socket is still
 * open and of no more use; *why is for the log, static, NULL when status_str() says it all.
 * returns  ST_OK, ST_LIMIT (no certificate, no memory), ST_PROTO (no handshake), ST_EOF, ST_TIMEOUT,
 *          ST_STOPPED, ST_SYS */
enum status sock_accept_tls(struct sock *s, struct tls_cert *c, const char **why, nsec deadline)
	NODISCARD;

/* Move a socket with its buffered bytes to another owner's mailbox (GIV, push hand-over). The old
 * struct is left closed. */
void sock_move(struct sock *to, struct sock *from, struct mbox *mb);

/* From here on waits look at the deadline alone: neither stop nor mail reaches them. A hard
 * mbox_stop() still shuts the socket down, which ends them with ST_EOF or ST_SYS. */
void sock_deafen(struct sock *s);

/* A socket that its owner holds out to another thread. It lies where a lock of theirs guards it; the
 * owner waits on the socket's mailbox meanwhile, and touches nothing else of the socket. */
struct sock_offer {
	struct sock *s;
	enum { SOCK_OFFERED, SOCK_TAKEN, SOCK_REFUSED } state;
};

/* The other thread, with the lock held: move the socket (sock_move()), or do not want it; either wakes
 * the owner. */
void sock_offer_take(struct sock_offer *o, struct sock *to, struct mbox *mb);
void sock_offer_refuse(struct sock_offer *o);

/* Take the fd out of the mailbox, close it, free the buffer. Idempotent. errno is kept. TLS says
 * farewell when the socket has room. */
void sock_close(struct sock *s);

/* At least one byte, at most n (n > 0), buffered ones first. *got > 0 only with ST_OK. Bytes already
 * there are given even when the deadline has passed.
 * returns  ST_OK, ST_EOF, ST_TIMEOUT, ST_STOPPED, ST_SYS (ECONNRESET ...), ST_LIMIT (memory) */
enum status sock_read(struct sock *s, void *p, size_t n, size_t *got, nsec deadline) NODISCARD;

/* Exactly n bytes; ST_EOF when the stream ends first, however many came. What came before a failure
 * is in p, but not counted. */
enum status sock_read_full(struct sock *s, void *p, size_t n, nsec deadline) NODISCARD;

/* One line without its end, LF or CRLF, NUL-terminated in p; a CR anywhere else stays.
 * returns  as sock_read(); ST_LIMIT when it does not fit in cap with its NUL and its CR; ST_PROTO for
 *          a NUL. After a failure p holds no text. */
enum status sock_read_line(struct sock *s, char *p, size_t cap, nsec deadline) NODISCARD;

/* What is buffered now, without taking it; sock_fill() reads more behind it. */
const uint8_t *sock_peek(const struct sock *s, size_t *n);
/* Read at least one more byte into the buffer. ST_LIMIT when it is full; else as sock_read(). */
enum status sock_fill(struct sock *s, nsec deadline) NODISCARD;
void sock_consume(struct sock *s, size_t n);
/* Free the read buffer when it is empty: for connections that now sleep. */
void sock_trim(struct sock *s);

/* All n bytes, or a reason. ST_EOF = the peer has closed (EPIPE, ECONNRESET). */
enum status sock_write(struct sock *s, const void *p, size_t n, nsec deadline) NODISCARD;
/* All of iov (its entries are changed). Over TLS, after ST_TIMEOUT, bytes may be on their way that
 * iov has no longer; n = 0 sends them. */
enum status sock_writev(struct sock *s, struct iovec *iov, int n, nsec deadline) NODISCARD;

/* The same, right before sock_end(): the last bytes go out with the end, in one packet. */
enum status sock_writev_last(struct sock *s, struct iovec *iov, int n, nsec deadline) NODISCARD;

/* Nothing more comes from us: the peer reads an end. */
enum status sock_end(struct sock *s, nsec deadline) NODISCARD;

enum {
	SOCK_IN   = 1,          /* readable, or bytes are buffered, or the peer closed */
	SOCK_OUT  = 2,
	SOCK_MAIL = 4,          /* reported whether asked for or not; mbox.mail is cleared */
};

/* Sleep until the socket is ready for `want` (SOCK_IN, SOCK_OUT or 0), mail comes, or the deadline.
 * A connection that is broken or shut in both directions is reported as SOCK_IN even when not asked
 * for; a peer that only stops sending, to those who ask for SOCK_IN.
 * returns  ST_OK with *got set, ST_TIMEOUT, ST_STOPPED, ST_SYS */
enum status sock_wait(struct sock *s, int want, int *got, nsec deadline) NODISCARD;

/* One non-blocking send, for whoever has the write right of fd.
 * returns  ST_OK with *sent bytes gone (0 = the socket is full), ST_EOF, ST_SYS */
enum status sock_try_sendv(int fd, const struct iovec *iov, int n, size_t *sent) NODISCARD;

/* A listening socket on h; an unset address = all, IPv4 and IPv6 in one socket (port taken from h).
 * returns  ST_OK with *fd, ST_SYS (EADDRINUSE ...) */
enum status sock_listen(int *fd, const struct host *h) NODISCARD;
/* Whoever connects speaks first here: a connection is accepted once its first bytes have come, so the thread
 * that accepts it need not wait for them; or without any after about a second, when the kernel has asked the
 * peer once more whether it is there. */
void sock_await_words(int lfd);
/* The port a listener really has. */
uint16_t sock_local_port(int fd);
/* The local address of a connection. */
struct host sock_local(int fd);

/* A connection that waits at the listener lfd, without blocking; one that died in the queue is skipped.
 * returns  ST_OK with *fd and *peer, ST_TIMEOUT (there is none), ST_SYS (EMFILE, ENFILE, ENOMEM ...: the
 *          caller paces itself) */
enum status sock_accept_now(int lfd, int *fd, struct host *peer) NODISCARD;
/* Wait for a connection.
 * returns  as sock_accept_now(); ST_TIMEOUT also when somebody woke the mailbox; ST_STOPPED */
enum status sock_accept(int lfd, struct mbox *mb, int *fd, struct host *peer, nsec deadline)
	NODISCARD;
/* Wait until there is something to accept, or to read, at fd: a listener, or an epoll file that has it. A
 * wake-up that comes together with it is what the next call returns for.
 * returns  ST_OK, ST_TIMEOUT (also when somebody woke the mailbox), ST_STOPPED, ST_SYS */
enum status sock_wait_fd(int fd, struct mbox *mb, nsec deadline) NODISCARD;

#endif
