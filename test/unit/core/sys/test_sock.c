/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/sys/thr.h"
#include "test/unit/core/sys/death.h"
#include "test/unit/unit.h"

#define SOON clk_deadline(20 * NSEC_PER_SEC)
#define MS(n) clk_deadline((n) * NSEC_PER_MSEC)

static const struct host nobody;

/* s on one end, the bare fd of the other returned. */
static int make_pair(struct sock *s, struct mbox *mb)
{
	int p[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	sock_init(s, p[0], &nobody, mb);
	return p[1];
}

static void put(int fd, const char *s)
{
	ck_assert_int_eq(send(fd, s, strlen(s), MSG_NOSIGNAL), (ssize_t)strlen(s));
}

/* A loopback connection through our own listener. */
static int make_tcp(struct sock *s, struct mbox *mb)
{
	const struct host any = host_v4(127, 0, 0, 1, 0);
	struct host to, peer;
	int l, c;

	ck_assert_int_eq(sock_listen(&l, &any), ST_OK);
	to = host_v4(127, 0, 0, 1, sock_local_port(l));
	ck_assert_int_eq(sock_connect(s, &to, mb, SOON), ST_OK);
	ck_assert_int_eq(sock_accept(l, NULL, &c, &peer, SOON), ST_OK);
	close(l);
	return c;
}

/* --- reading ---------------------------------------------------------------------------------- */

START_TEST(read_and_buffer)
{
	struct sock s;
	const int other = make_pair(&s, NULL);
	char b[32] = "";
	size_t n;

	ck_assert_int_eq(sock_read(&s, b, 4, &n, MS(5)), ST_TIMEOUT);
	ck_assert_uint_eq(n, 0);
	ck_assert_ptr_null(s.rx);               /* who only waited holds no memory */
	put(other, "hello, world");
	ck_assert_int_eq(sock_read(&s, b, 5, &n, SOON), ST_OK);
	ck_assert_uint_eq(n, 5);
	ck_assert_mem_eq(b, "hello", 5);
	ck_assert_mem_eq(sock_peek(&s, &n), ", world", 7);
	ck_assert_uint_eq(n, 7);
	sock_consume(&s, 2);
	sock_trim(&s);                          /* not empty: kept */
	ck_assert_int_eq(sock_read(&s, b, sizeof(b), &n, 0), ST_OK);
	ck_assert_uint_eq(n, 5);
	ck_assert_mem_eq(b, "world", 5);
	ck_assert_ptr_nonnull(s.rx);
	sock_trim(&s);
	ck_assert_ptr_null(s.rx);
	(void)sock_peek(&s, &n);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(s.nread, 12);

	put(other, "last");
	close(other);
	ck_assert_int_eq(sock_read_full(&s, b, 4, SOON), ST_OK);
	ck_assert_int_eq(sock_read(&s, b, 1, &n, SOON), ST_EOF);
	ck_assert_int_eq(sock_read(&s, b, 1, &n, SOON), ST_EOF);
	sock_close(&s);
	sock_close(&s);
	ck_assert_int_eq(s.fd, -1);
}
END_TEST

START_TEST(read_full_and_its_ends)
{
	struct sock s;
	const int other = make_pair(&s, NULL);
	static char big[3 * SOCK_RX], back[3 * SOCK_RX];
	size_t n;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i % 253);
	/* a little buffered, the rest past the buffer */
	ck_assert_int_eq(send(other, big, sizeof(big), 0), sizeof(big));
	ck_assert_int_eq(sock_read_full(&s, back, 10, SOON), ST_OK);
	ck_assert_int_eq(sock_read_full(&s, back + 10, sizeof(big) - 10, SOON), ST_OK);
	ck_assert_mem_eq(back, big, sizeof(big));
	ck_assert_int_eq(sock_read_full(&s, back, 0, 0), ST_OK);
	/* too late: what is buffered, but not what else has come meanwhile */
	ck_assert_int_eq(send(other, big, sizeof(big), 0), sizeof(big));
	ck_assert_int_eq(sock_read_full(&s, back, 10, SOON), ST_OK);
	ck_assert_int_eq(sock_read_full(&s, back, sizeof(big) - 10, 0), ST_TIMEOUT);
	while (sock_read(&s, back, sizeof(back), &n, 0) == ST_OK)
		;
	put(other, "abc");
	ck_assert_int_eq(sock_read_full(&s, back, 4, MS(5)), ST_TIMEOUT);
	put(other, "abc");
	close(other);
	ck_assert_int_eq(sock_read_full(&s, back, 4, SOON), ST_EOF);
	sock_close(&s);
}
END_TEST

static const struct {
	const char *name;
	const char *in;
	size_t n;
	size_t cap;
	enum status st;
	const char *line;
	const char *rest;       /* still buffered after a good line */
} lines[] = {
	{ "plain",         "pcp\nX", 5, 8, ST_OK, "pcp", "X" },
	{ "crlf",          "GET / HTTP/1.0\r\nHost", 20, 32, ST_OK, "GET / HTTP/1.0", "Host" },
	{ "cr in between", "a\rb\n", 4, 8, ST_OK, "a\rb", "" },
	{ "two CRs",       "ab\r\r\n", 5, 8, ST_OK, "ab\r", "" },
	{ "a CR alone",    "\r\n\n", 3, 8, ST_OK, "", "\n" },
	{ "empty",         "\r\n\r\n", 4, 8, ST_OK, "", "\r\n" },
	{ "exact",         "abc\n", 4, 4, ST_OK, "abc", "" },
	{ "one too long",  "abcd\n", 5, 4, ST_LIMIT, "", NULL },
	{ "no end",        "abcdefgh", 8, 4, ST_LIMIT, "", NULL },
	{ "only CRs",      "\r\r\r\r\r\r\r\r", 8, 4, ST_LIMIT, "", NULL },
	{ "cap 1",         "\n", 1, 1, ST_OK, "", "" },
	{ "nul",           "a\0b\n", 4, 8, ST_PROTO, "", NULL },
	{ "nul behind LF", "a\n\0", 3, 8, ST_OK, "a", "" },
	{ "cut by end",    "abc", 3, 8, ST_EOF, "", NULL },
	{ "nothing",       "", 0, 8, ST_EOF, "", NULL },
};

START_TEST(line_table)
{
	/* all at once, then byte by byte */
	for (int drip = 0; drip < 2; drip++) {
		struct sock s;
		const int other = make_pair(&s, NULL);
		char p[64] = "old";
		enum status st = ST_TIMEOUT;
		size_t n = 0;

		if (!drip) {
			ck_assert_int_eq(send(other, lines[_i].in, lines[_i].n, 0), (ssize_t)lines[_i].n);
			close(other);
			st = sock_read_line(&s, p, lines[_i].cap, SOON);
		} else {
			for (size_t i = 0; i < lines[_i].n; i++) {
				ck_assert_int_eq(send(other, lines[_i].in + i, 1, 0), 1);
				ck_assert_int_eq(sock_fill(&s, SOON), ST_OK);
			}
			close(other);
			st = sock_read_line(&s, p, lines[_i].cap, SOON);
		}
		ck_assert_msg(st == lines[_i].st, "%s: %s", lines[_i].name, status_str(st));
		ck_assert_str_eq(p, lines[_i].line);
		if (st == ST_OK && strcmp(lines[_i].name, "nul behind LF") != 0) {
			const uint8_t *b = sock_peek(&s, &n);

			ck_assert_uint_eq(n, strlen(lines[_i].rest));
			ck_assert_mem_eq(b, lines[_i].rest, n);
		}
		sock_close(&s);
	}
}
END_TEST

START_TEST(line_longer_than_the_buffer)
{
	struct sock s;
	const int other = make_pair(&s, NULL);
	const size_t n = 3 * SOCK_RX;
	char *in = malloc(n + 1), *out = malloc(n + 1);

	memset(in, 'u', n);
	in[n] = '\n';
	ck_assert_int_eq(send(other, in, n + 1, 0), (ssize_t)n + 1);
	ck_assert_int_eq(sock_read_line(&s, out, n + 1, SOON), ST_OK);
	ck_assert_uint_eq(strlen(out), n);
	free(in);
	free(out);
	close(other);
	sock_close(&s);
}
END_TEST

START_TEST(fill_until_full)
{
	struct sock s;
	const int other = make_pair(&s, NULL);
	static char big[SOCK_RX + 100];
	enum status st;
	size_t n, calls = 0;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i % 251);
	ck_assert_int_eq(send(other, big, 100, 0), 100);
	ck_assert_int_eq(sock_fill(&s, SOON), ST_OK);
	sock_consume(&s, 60);
	ck_assert_int_eq(send(other, big + 100, sizeof(big) - 100, 0), sizeof(big) - 100);
	do {
		st = sock_fill(&s, SOON);
		ck_assert_uint_lt(++calls, 100);
	} while (st == ST_OK && (sock_peek(&s, &n), n < SOCK_RX));
	ck_assert_int_eq(sock_fill(&s, SOON), ST_LIMIT);
	ck_assert_mem_eq(sock_peek(&s, &n), big + 60, SOCK_RX);
	ck_assert_uint_eq(n, SOCK_RX);
	sock_close(&s);
	close(other);
}
END_TEST

/* --- deadlines -------------------------------------------------------------------------------- */

struct drip {
	int fd;
	_Atomic bool stop;
	nsec gap;
};

static void drip_main(void *arg)
{
	struct drip *d = arg;
	struct pollfd none = { .fd = -1 };

	while (!atomic_load(&d->stop)) {
		if (send(d->fd, "x", 1, MSG_NOSIGNAL) == -1)
			return;
		if (d->gap > 0)
			(void)poll(&none, 1, (int)(d->gap / NSEC_PER_MSEC));
	}
}

static const nsec gaps[] = { 3 * NSEC_PER_MSEC, 0 };

/* A peer that always has one more byte does not stretch the deadline of the whole. */
START_TEST(drip_does_not_stretch)
{
	struct drip d = { .gap = gaps[_i] };
	struct sock s;
	struct thr t;
	char line[SOCK_RX];
	static char all[64 << 20];
	nsec deadline, late;

	d.fd = make_pair(&s, NULL);
	ck_assert_int_eq(thr_start(&t, "drip", drip_main, &d), ST_OK);
	deadline = MS(50);
	ck_assert_int_eq(sock_read_full(&s, all, sizeof(all), deadline), ST_TIMEOUT);
	late = clk_now() - deadline;
	ck_assert_int_ge(late, 0);
	ck_assert_int_lt(late, NSEC_PER_SEC);
	if (d.gap > 0) {
		deadline = MS(50);
		ck_assert_int_eq(sock_read_line(&s, line, sizeof(line), deadline), ST_TIMEOUT);
		ck_assert_int_ge(clk_now(), deadline);
	}
	atomic_store(&d.stop, true);
	sock_close(&s);
	ck_assert_int_eq(thr_join(&t, SOON), ST_OK);
	close(d.fd);
}
END_TEST

START_TEST(write_to_a_stalled_reader)
{
	struct sock s;
	const int other = make_tcp(&s, NULL);
	static char big[16 << 20];
	nsec deadline = MS(50);
	int got;

	ck_assert_int_eq(sock_write(&s, big, sizeof(big), deadline), ST_TIMEOUT);
	ck_assert_int_ge(clk_now(), deadline);
	ck_assert_uint_gt(s.nwritten, 0);
	ck_assert_uint_lt(s.nwritten, sizeof(big));
	ck_assert_int_eq(sock_wait(&s, SOCK_OUT, &got, MS(5)), ST_TIMEOUT);
	close(other);
	sock_close(&s);
}
END_TEST

/* --- writing ---------------------------------------------------------------------------------- */

#define STREAM 3000000

static void check_stream(void *arg)
{
	const int fd = *(const int *)arg;
	static unsigned char b[4099];
	size_t sum = 0;
	ssize_t n;

	while ((n = recv(fd, b, sizeof(b), 0)) > 0) {
		for (ssize_t i = 0; i < n; i++, sum++)
			if (b[i] != (unsigned char)(sum % 251 ^ sum >> 16))
				ck_abort_msg("byte %zu is %02x", sum, b[i]);
	}
	ck_assert_uint_eq(sum, STREAM);
}

/* Every byte once and in order, through a socket that takes little at a time. */
START_TEST(writev_short_counts)
{
	struct sock s;
	int other = make_pair(&s, NULL);
	const int small = 4096;
	unsigned char *all = malloc(STREAM);
	struct iovec iov[3000];
	struct thr t;
	size_t at = 0;

	ck_assert_int_eq(setsockopt(s.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	for (size_t i = 0; i < STREAM; i++)
		all[i] = (unsigned char)(i % 251 ^ i >> 16);
	/* more entries than the kernel takes at once, empty ones among them */
	for (size_t i = 0; i < NELEM(iov); i++) {
		const size_t n = i % 7 == 0 ? 0 : MIN(STREAM - at, i % 5 == 0 ? 5000u : 700u);

		iov[i] = (struct iovec){ .iov_base = all + at, .iov_len = n };
		at += n;
	}
	iov[NELEM(iov) - 1].iov_len += STREAM - at;
	ck_assert_int_eq(thr_start(&t, "check", check_stream, &other), ST_OK);
	ck_assert_int_eq(sock_writev(&s, iov, NELEM(iov), SOON), ST_OK);
	ck_assert_uint_eq(s.nwritten, STREAM);
	sock_close(&s);
	ck_assert_int_eq(thr_join(&t, NSEC_NEVER), ST_OK);
	close(other);
	free(all);
}
END_TEST

START_TEST(write_nothing)
{
	struct sock s;
	const int other = make_pair(&s, NULL);
	struct iovec none[2] = { { NULL, 0 }, { NULL, 0 } };

	ck_assert_int_eq(sock_write(&s, NULL, 0, 0), ST_OK);
	ck_assert_int_eq(sock_writev(&s, none, 2, 0), ST_OK);
	ck_assert_int_eq(sock_writev(&s, none, 0, 0), ST_OK);
	ck_assert_uint_eq(s.nwritten, 0);
	sock_close(&s);
	close(other);
}
END_TEST

START_TEST(try_send)
{
	struct sock s;
	const int other = make_pair(&s, NULL);
	static char big[1 << 20];
	const struct iovec iov[2] = { { big, sizeof(big) }, { big, sizeof(big) } };
	size_t n, sum = 0;
	int rounds = 0;

	do {
		ck_assert_int_eq(sock_try_sendv(s.fd, iov, 2, &n), ST_OK);
		sum += n;
	} while (n > 0 && ++rounds < 100);
	ck_assert_uint_eq(n, 0);                /* full is no error */
	ck_assert_uint_gt(sum, 0);
	ck_assert_uint_eq(iov[0].iov_len, sizeof(big));
	close(other);
	ck_assert_int_eq(sock_try_sendv(s.fd, iov, 2, &n), ST_EOF);
	ck_assert_uint_eq(n, 0);
	sock_close(&s);
	ck_assert_int_eq(sock_try_sendv(-1, iov, 2, &n), ST_SYS);
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

/* --- the other end goes ----------------------------------------------------------------------- */

static void reset(int fd)
{
	const struct linger l = { .l_onoff = 1, .l_linger = 0 };

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	close(fd);
}

START_TEST(peer_resets)
{
	struct sock s;
	int got;
	size_t n;
	char b[4];

	reset(make_tcp(&s, NULL));
	ck_assert_int_eq(sock_wait(&s, 0, &got, SOON), ST_OK);          /* seen though not asked for */
	ck_assert_int_eq(got, SOCK_IN);
	ck_assert_int_eq(sock_wait(&s, SOCK_OUT, &got, SOON), ST_OK);
	ck_assert_int_eq(got & SOCK_OUT, SOCK_OUT);
	ck_assert_int_eq(sock_read(&s, b, sizeof(b), &n, SOON), ST_SYS);
	ck_assert_int_eq(errno, ECONNRESET);
	ck_assert_int_eq(sock_write(&s, "x", 1, SOON), ST_EOF);
	sock_close(&s);

	reset(make_tcp(&s, NULL));
	ck_assert_int_eq(sock_wait(&s, SOCK_IN, &got, SOON), ST_OK);
	ck_assert_int_eq(sock_write(&s, "x", 1, SOON), ST_EOF);
	sock_close(&s);
}
END_TEST

START_TEST(peer_half_closes)
{
	struct sock s;
	const int other = make_tcp(&s, NULL);
	int got;
	size_t n;
	char b[4];

	shutdown(other, SHUT_WR);
	ck_assert_int_eq(sock_wait(&s, SOCK_IN, &got, SOON), ST_OK);
	ck_assert_int_eq(got, SOCK_IN);
	ck_assert_int_eq(sock_read(&s, b, sizeof(b), &n, SOON), ST_EOF);
	/* who only sends is not woken again and again */
	ck_assert_int_eq(sock_wait(&s, 0, &got, MS(5)), ST_TIMEOUT);
	ck_assert_int_eq(sock_write(&s, "still", 5, SOON), ST_OK);
	ck_assert_int_eq(recv(other, b, 4, 0), 4);
	close(other);
	sock_close(&s);
}
END_TEST

/* --- mailbox ---------------------------------------------------------------------------------- */

START_TEST(mail_is_remembered)
{
	struct sock s;
	struct mbox m;
	int got, other;
	size_t n;
	char b[8];

	ck_assert_int_eq(mbox_init(&m), ST_OK);
	other = make_pair(&s, &m);
	mbox_wake(&m);
	ck_assert_int_eq(sock_read(&s, b, 1, &n, MS(5)), ST_TIMEOUT);  /* drained, does not disturb */
	ck_assert(m.mail);
	ck_assert_int_eq(sock_wait(&s, SOCK_IN, &got, NSEC_NEVER), ST_OK);
	ck_assert_int_eq(got, SOCK_MAIL);
	ck_assert(!m.mail);
	ck_assert_int_eq(sock_wait(&s, SOCK_IN, &got, MS(5)), ST_TIMEOUT);

	/* both at once */
	mbox_wake(&m);
	put(other, "abc");
	ck_assert_int_eq(sock_wait(&s, SOCK_IN | SOCK_OUT, &got, SOON), ST_OK);
	ck_assert_int_eq(got, SOCK_IN | SOCK_OUT | SOCK_MAIL);

	/* buffered bytes are ready without a poll, and do not hide the mail */
	ck_assert_int_eq(sock_read(&s, b, 1, &n, SOON), ST_OK);
	ck_assert_int_eq(sock_wait(&s, SOCK_IN, &got, 0), ST_OK);
	ck_assert_int_eq(got, SOCK_IN);
	mbox_wake(&m);
	ck_assert_int_eq(sock_wait(&s, SOCK_IN, &got, 0), ST_OK);
	ck_assert_int_eq(got, SOCK_IN | SOCK_MAIL);
	ck_assert_int_eq(sock_wait(&s, SOCK_IN, &got, 0), ST_OK);
	ck_assert_int_eq(got, SOCK_IN);
	/* not asked for: they are not reported */
	ck_assert_int_eq(sock_wait(&s, 0, &got, MS(5)), ST_TIMEOUT);
	sock_close(&s);
	close(other);
	mbox_fini(&m);
}
END_TEST

START_TEST(stopped_softly)
{
	struct sock s;
	struct mbox m;
	struct host h;
	int got, other, fd;
	size_t n;
	char b[8];

	ck_assert_int_eq(mbox_init(&m), ST_OK);
	other = make_pair(&s, &m);
	put(other, "abc");
	ck_assert_int_eq(sock_read(&s, b, 1, &n, SOON), ST_OK);
	mbox_stop_soft(&m);
	/* whatever is ready, every call says stopped */
	ck_assert_int_eq(sock_read(&s, b, 1, &n, NSEC_NEVER), ST_STOPPED);
	ck_assert_int_eq(sock_read_full(&s, b, 1, NSEC_NEVER), ST_STOPPED);
	ck_assert_int_eq(sock_read_line(&s, b, sizeof(b), NSEC_NEVER), ST_STOPPED);
	ck_assert_int_eq(sock_fill(&s, NSEC_NEVER), ST_STOPPED);
	ck_assert_int_eq(sock_write(&s, "x", 1, NSEC_NEVER), ST_STOPPED);
	ck_assert_int_eq(sock_wait(&s, SOCK_IN | SOCK_OUT, &got, NSEC_NEVER), ST_STOPPED);
	ck_assert_int_eq(sock_accept(s.fd, &m, &fd, &h, NSEC_NEVER), ST_STOPPED);
	/* the goodbye */
	sock_deafen(&s);
	ck_assert_int_eq(sock_write(&s, "bye", 3, SOON), ST_OK);
	ck_assert_int_eq(recv(other, b, 3, 0), 3);
	ck_assert_int_eq(sock_read_full(&s, b, 2, SOON), ST_OK);
	ck_assert_mem_eq(b, "bc", 2);
	/* a hard stop ends that too, without waiting for the deadline */
	mbox_stop(&m);
	ck_assert_int_eq(sock_write(&s, "x", 1, NSEC_NEVER), ST_EOF);
	ck_assert_int_eq(sock_read(&s, b, 1, &n, NSEC_NEVER), ST_EOF);
	sock_close(&s);
	close(other);
	mbox_fini(&m);
}
END_TEST

struct victim {
	struct mbox m;
	struct sock s;
	int how;
	enum status st;
};

static void victim_main(void *arg)
{
	struct victim *v = arg;
	static char big[8 << 20];
	char b[64];
	size_t n;
	int got;

	switch (v->how % 5) {
	case 0:
		v->st = sock_read(&v->s, b, sizeof(b), &n, NSEC_NEVER);
		break;
	case 1:
		v->st = sock_write(&v->s, big, sizeof(big), NSEC_NEVER);
		break;
	case 2:
		/* mail comes first, perhaps often; then the stop */
		do {
			v->st = sock_wait(&v->s, SOCK_IN, &got, NSEC_NEVER);
		} while (v->st == ST_OK && got == SOCK_MAIL);
		break;
	case 3:
		v->st = sock_read_line(&v->s, b, sizeof(b), NSEC_NEVER);
		break;
	default:
		do {
			v->st = sock_wait(&v->s, 0, &got, NSEC_NEVER);
		} while (v->st == ST_OK && got == SOCK_MAIL);
		break;
	}
	sock_close(&v->s);
}

/* A stop from another thread, at any moment, hard or soft: the call ends, and says why. */
START_TEST(stop_from_another_thread)
{
	for (int i = 0; i < 100; i++) {
		struct victim v = { .how = i };
		struct thr t;
		int other;

		ck_assert_int_eq(mbox_init(&v.m), ST_OK);
		other = make_pair(&v.s, &v.m);
		ck_assert_int_eq(thr_start(&t, "victim", victim_main, &v), ST_OK);
		for (int k = 0; k < i % 4; k++)
			mbox_wake(&v.m);
		if (i / 5 % 2)
			mbox_stop_soft(&v.m);
		else
			mbox_stop(&v.m);
		ck_assert_int_eq(thr_join(&t, SOON), ST_OK);
		ck_assert_msg(v.st == ST_STOPPED, "way %d: %s", i % 5, status_str(v.st));
		close(other);
		mbox_fini(&v.m);
	}
}
END_TEST

struct echo {
	struct mbox m;
	struct sock s;
	uint32_t mails;
};

static void echo_main(void *arg)
{
	struct echo *e = arg;
	enum status st;

	do {
		char b[256];
		size_t n;
		int got;

		st = sock_wait(&e->s, SOCK_IN, &got, NSEC_NEVER);
		if (st == ST_OK && (got & SOCK_MAIL)) {
			for (struct blob *m = mbox_take(&e->m); m != NULL; m = mbox_take(&e->m)) {
				e->mails++;
				blob_unref(&m);
			}
		}
		if (st == ST_OK && (got & SOCK_IN)) {
			st = sock_read(&e->s, b, sizeof(b), &n, NSEC_NEVER);
			if (st == ST_OK)
				st = sock_write(&e->s, b, n, NSEC_NEVER);
		}
	} while (st == ST_OK);
	ck_assert_int_eq(st, ST_EOF);
	for (struct blob *m = mbox_take(&e->m); m != NULL; m = mbox_take(&e->m)) {
		e->mails++;
		blob_unref(&m);
	}
}

static void mailer_main(void *arg)
{
	struct echo *e = arg;
	struct blob *b = blob_new("m", 1);

	for (int i = 0; i < 2000; i++) {
		if (mbox_post(&e->m, b) == ST_LIMIT)
			continue;
		mbox_wake(&e->m);
	}
	blob_unref(&b);
}

/* Mail and bytes at the same time: neither is lost or starved. */
START_TEST(mail_and_bytes_together)
{
	struct echo e = { .mails = 0 };
	struct thr t, u;
	struct sock c;
	int other;
	static char out[100000], back[100000];

	ck_assert_int_eq(mbox_init(&e.m), ST_OK);
	other = make_tcp(&e.s, &e.m);
	sock_init(&c, other, &nobody, NULL);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i % 249);
	ck_assert_int_eq(thr_start(&t, "echo", echo_main, &e), ST_OK);
	ck_assert_int_eq(thr_start(&u, "mailer", mailer_main, &e), ST_OK);
	for (size_t at = 0; at < sizeof(out); at += 500) {
		ck_assert_int_eq(sock_write(&c, out + at, 500, SOON), ST_OK);
		ck_assert_int_eq(sock_read_full(&c, back + at, 500, SOON), ST_OK);
	}
	ck_assert_mem_eq(back, out, sizeof(out));
	ck_assert_int_eq(thr_join(&u, SOON), ST_OK);
	sock_close(&c);
	ck_assert_int_eq(thr_join(&t, SOON), ST_OK);
	ck_assert_uint_eq(e.mails + mbox_lost(&e.m), 2000);
	sock_close(&e.s);
	mbox_fini(&e.m);
}
END_TEST

/* --- hand-over -------------------------------------------------------------------------------- */

START_TEST(move_keeps_pipelined_bytes)
{
	struct sock a, b;
	struct mbox m, m2;
	int other;
	char line[64];
	size_t n;

	ck_assert_int_eq(mbox_init(&m), ST_OK);
	ck_assert_int_eq(mbox_init(&m2), ST_OK);
	other = make_pair(&a, &m);
	put(other, "GET /channel/x HTTP/1.0\r\n\r\nhelo-bytes");
	ck_assert_int_eq(sock_read_line(&a, line, sizeof(line), SOON), ST_OK);
	ck_assert_int_eq(sock_read_line(&a, line, sizeof(line), SOON), ST_OK);
	sock_move(&b, &a, &m2);
	ck_assert_int_eq(a.fd, -1);
	ck_assert_ptr_null(a.rx);
	sock_close(&a);
	put(other, "+more");
	ck_assert_int_eq(sock_read_full(&b, line, 15, SOON), ST_OK);
	ck_assert_mem_eq(line, "helo-bytes+more", 15);
	ck_assert_uint_eq(b.nread, 42);
	/* the old owner's stop is no business of the new one's, and the reverse */
	mbox_stop(&m);
	ck_assert_int_eq(sock_write(&b, "x", 1, SOON), ST_OK);
	ck_assert_int_eq(recv(other, line, 1, 0), 1);
	mbox_stop(&m2);
	ck_assert_int_eq(recv(other, line, 1, 0), 0);
	ck_assert_int_eq(sock_read(&b, line, 1, &n, SOON), ST_STOPPED);
	sock_close(&b);
	close(other);
	mbox_fini(&m);
	mbox_fini(&m2);
}
END_TEST

/* The one that dials, the one that accepts, and one from elsewhere. */
START_TEST(init_sets_the_options)
{
	struct sock s, t;
	int other = make_tcp(&s, NULL);
	static const struct {
		int level, name, want;
	} opts[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 30 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 10 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 3 },
	};

	if (_i == 1) {
		sock_init(&t, other, &nobody, NULL);
		other = s.fd;
		sock_move(&s, &t, NULL);
	} else if (_i == 2) {
		close(s.fd);
		s.fd = socket(AF_INET, SOCK_STREAM, 0);
		ck_assert_int_ne(s.fd, -1);
		sock_init(&s, s.fd, &nobody, NULL);
	}
	for (size_t i = 0; i < NELEM(opts); i++) {
		int v = -1;
		socklen_t n = sizeof(v);

		ck_assert_int_eq(getsockopt(s.fd, opts[i].level, opts[i].name, &v, &n), 0);
		ck_assert_int_eq(v, opts[i].want);
	}
	ck_assert_int_ne(fcntl(s.fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(s.fd, F_GETFD) & FD_CLOEXEC, 0);
	close(other);
	sock_close(&s);
}
END_TEST

static unsigned int segments_in(int fd)
{
	struct tcp_info i;
	socklen_t n = sizeof(i);

	memset(&i, 0, sizeof(i));
	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &n), 0);
	return i.tcpi_segs_in;
}

/* The last bytes and the end come in one packet, and in two when they are sent one after the other. */
START_TEST(last_bytes_and_end)
{
	struct iovec iov[] = { { (char[]){ "hel" }, 3 }, { NULL, 0 }, { (char[]){ "lo" }, 2 } };
	struct sock s;
	const int other = make_tcp(&s, NULL);
	const unsigned int before = segments_in(other);
	char b[16];

	if (_i == 0) {
		ck_assert_int_eq(sock_writev_last(&s, iov, NELEM(iov), SOON), ST_OK);
		ck_assert_int_eq(recv(other, b, sizeof(b), MSG_DONTWAIT), -1);
	} else {
		ck_assert_int_eq(sock_writev(&s, iov, NELEM(iov), SOON), ST_OK);
	}
	ck_assert_int_eq(sock_end(&s, SOON), ST_OK);
	ck_assert_uint_eq(atomic_load(&s.nwritten), 5);
	ck_assert_int_eq(recv(other, b, 5, MSG_WAITALL), 5);
	ck_assert_int_eq(memcmp(b, "hello", 5), 0);
	ck_assert_int_eq(recv(other, b, sizeof(b), 0), 0);
	ck_assert_uint_eq(segments_in(other) - before, _i == 0 ? 1 : 2);
	close(other);
	sock_close(&s);
}
END_TEST

/* --- connect, listen, accept ------------------------------------------------------------------ */

static const char *const listen_on[] = { "127.0.0.1", "0.0.0.0", "::", "::1" };

START_TEST(listen_connect_accept)
{
	struct host h, to, peer, local;
	struct sock s;
	int l, fd;

	ck_assert(host_parse(&h, listen_on[_i], 0));
	if (sock_listen(&l, &h) != ST_OK) {
		ck_assert_int_eq(_i, 3);                /* no IPv6 loopback here */
		return;
	}
	ck_assert_uint_ne(sock_local_port(l), 0);
	ck_assert_int_ne(fcntl(l, F_GETFD) & FD_CLOEXEC, 0);
	to = _i < 3 ? host_v4(127, 0, 0, 1, sock_local_port(l)) : h;
	to.port = sock_local_port(l);
	ck_assert_int_eq(sock_accept(l, NULL, &fd, &peer, MS(5)), ST_TIMEOUT);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(sock_connect(&s, &to, NULL, SOON), ST_OK);
	ck_assert(host_equal(&s.peer, &to));
	ck_assert_int_eq(sock_accept(l, NULL, &fd, &peer, SOON), ST_OK);
	local = sock_local(s.fd);
	ck_assert(host_equal(&local, &peer));           /* v4 peers of a dual-stack socket are v4 */
	ck_assert(host_is_v4(&peer) == (_i < 3));
	local = sock_local(fd);
	ck_assert(host_equal(&local, &to));
	close(fd);
	sock_close(&s);

	/* the same port again: a clear error */
	int l2;

	h.port = to.port;
	ck_assert_int_eq(sock_listen(&l2, &h), ST_SYS);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_int_eq(l2, -1);
	close(l);

	/* nobody listens any more */
	struct mbox m;

	ck_assert_int_eq(mbox_init(&m), ST_OK);
	ck_assert_int_eq(sock_connect(&s, &to, &m, SOON), ST_SYS);
	ck_assert_int_eq(errno, ECONNREFUSED);
	ck_assert_int_eq(s.fd, -1);
	mbox_fini(&m);
}
END_TEST

/* A listener whose queue is full answers nothing: the connect hangs, and ends at the deadline or by
 * a stop. */
START_TEST(connect_that_hangs)
{
	struct host to;
	struct sock s, queued[8];
	struct mbox m;
	nsec deadline;
	enum status st = ST_OK;
	const struct host any = host_v4(127, 0, 0, 1, 0);
	int l;
	size_t n = 0;

	ck_assert_int_eq(sock_listen(&l, &any), ST_OK);
	ck_assert_int_eq(listen(l, 1), 0);
	to = host_v4(127, 0, 0, 1, sock_local_port(l));
	while (n < NELEM(queued) && st == ST_OK) {
		st = sock_connect(&queued[n], &to, NULL, MS(30));
		n += st == ST_OK;
	}
	ck_assert_int_eq(st, ST_TIMEOUT);
	deadline = MS(20);
	ck_assert_int_eq(sock_connect(&s, &to, NULL, deadline), ST_TIMEOUT);
	ck_assert_int_ge(clk_now(), deadline);
	ck_assert_int_eq(s.fd, -1);
	ck_assert_int_eq(mbox_init(&m), ST_OK);
	mbox_stop(&m);
	ck_assert_int_eq(sock_connect(&s, &to, &m, NSEC_NEVER), ST_STOPPED);
	ck_assert_int_eq(s.fd, -1);
	mbox_fini(&m);
	while (n > 0)
		sock_close(&queued[--n]);
	close(l);
}
END_TEST

START_TEST(connect_to_nothing)
{
	struct sock s;
	const struct host mcast = host_v4(224, 0, 0, 1, 80);

	ck_assert_int_eq(sock_connect(&s, &mcast, NULL, SOON), ST_SYS);
	ck_assert_int_eq(s.fd, -1);
	sock_close(&s);
}
END_TEST

START_TEST(accept_without_fds)
{
	const struct host any = host_v4(127, 0, 0, 1, 0);
	struct rlimit lim;
	struct host to, peer;
	struct sock s;
	int l, fd;

	ck_assert_int_eq(sock_listen(&l, &any), ST_OK);
	to = host_v4(127, 0, 0, 1, sock_local_port(l));
	ck_assert_int_eq(sock_connect(&s, &to, NULL, SOON), ST_OK);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &lim), 0);
	const struct rlimit tight = { .rlim_cur = (rlim_t)s.fd + 1, .rlim_max = lim.rlim_max };

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
	ck_assert_int_eq(sock_accept(l, NULL, &fd, &peer, SOON), ST_SYS);
	ck_assert_int_eq(errno, EMFILE);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &lim), 0);
	ck_assert_int_eq(sock_accept(l, NULL, &fd, &peer, SOON), ST_OK);  /* it was not lost */
	close(fd);
	close(l);
	sock_close(&s);
}
END_TEST

static void stopper(void *arg)
{
	mbox_stop(arg);
}

START_TEST(accept_is_stopped)
{
	const struct host any = host_v4(127, 0, 0, 1, 0);
	struct mbox m;
	struct host peer;
	struct thr t;
	int l, fd;

	ck_assert_int_eq(mbox_init(&m), ST_OK);
	ck_assert_int_eq(sock_listen(&l, &any), ST_OK);
	ck_assert_int_eq(thr_start(&t, "stopper", stopper, &m), ST_OK);
	ck_assert_int_eq(sock_accept(l, &m, &fd, &peer, SOON), ST_STOPPED);
	ck_assert_int_eq(thr_join(&t, SOON), ST_OK);
	close(l);
	mbox_fini(&m);
}
END_TEST

START_TEST(accept_now)
{
	const struct host any = host_v4(127, 0, 0, 1, 0);
	struct host to, peer, local;
	struct sock s;
	int l, fd;

	ck_assert_int_eq(sock_listen(&l, &any), ST_OK);
	ck_assert_int_eq(sock_accept_now(l, &fd, &peer), ST_TIMEOUT);
	ck_assert_int_eq(fd, -1);
	to = host_v4(127, 0, 0, 1, sock_local_port(l));
	ck_assert_int_eq(sock_connect(&s, &to, NULL, SOON), ST_OK);
	ck_assert_int_eq(sock_wait_fd(l, NULL, SOON), ST_OK);
	ck_assert_int_eq(sock_accept_now(l, &fd, &peer), ST_OK);
	local = sock_local(s.fd);
	ck_assert(host_equal(&local, &peer));
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
	close(l);
	ck_assert_int_eq(sock_accept_now(l, &fd, &peer), ST_SYS);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(fd, -1);
	sock_close(&s);
}
END_TEST

START_TEST(wait_for_a_file)
{
	struct mbox m;
	struct sock s;
	struct thr t;
	char b[8];
	int other;

	ck_assert_int_eq(mbox_init(&m), ST_OK);
	other = make_pair(&s, NULL);
	ck_assert_int_eq(sock_wait_fd(s.fd, &m, MS(1)), ST_TIMEOUT);
	ck_assert_int_eq(sock_wait_fd(s.fd, NULL, MS(1)), ST_TIMEOUT);
	mbox_wake(&m);
	ck_assert_int_eq(sock_wait_fd(s.fd, &m, NSEC_NEVER), ST_TIMEOUT);
	ck_assert(!m.mail);
	put(other, "a");
	ck_assert_int_eq(sock_wait_fd(s.fd, &m, NSEC_NEVER), ST_OK);
	ck_assert_int_eq(sock_wait_fd(s.fd, NULL, 0), ST_OK);
	/* both at once: first what is there, then the wake-up, also when that has gone meanwhile */
	mbox_wake(&m);
	ck_assert_int_eq(sock_wait_fd(s.fd, &m, NSEC_NEVER), ST_OK);
	ck_assert_int_eq(recv(s.fd, b, sizeof(b), 0), 1);
	ck_assert_int_eq(sock_wait_fd(s.fd, &m, NSEC_NEVER), ST_TIMEOUT);
	ck_assert_int_eq(sock_wait_fd(s.fd, &m, MS(1)), ST_TIMEOUT);
	ck_assert_int_eq(thr_start(&t, "stopper", stopper, &m), ST_OK);
	ck_assert_int_eq(thr_join(&t, SOON), ST_OK);
	ck_assert_int_eq(sock_wait_fd(s.fd, &m, NSEC_NEVER), ST_STOPPED);
	sock_close(&s);
	close(other);
	mbox_fini(&m);
}
END_TEST

/* How many bytes has the next one that is accepted said, -1 = none; -2 = it is not this client. */
static ssize_t accept_of(int l, const struct sock *client)
{
	const struct host at = sock_local(client->fd);
	struct host peer;
	ssize_t n = -2;
	char b[8];
	int fd;

	ck_assert_int_eq(sock_accept(l, NULL, &fd, &peer, SOON), ST_OK);
	if (host_equal(&at, &peer))
		n = recv(fd, b, sizeof(b), MSG_DONTWAIT);
	close(fd);
	return n;
}

/* Who says something is there with his words, who goes at once, and who says nothing after a moment.
 * False: this took so long that the moment may have passed. */
static bool first_words(int l, const struct host *to)
{
	const nsec slow = clk_deadline(NSEC_PER_SEC / 2);
	struct sock speaks, silent, goes;
	enum status quiet;
	ssize_t said, gone;
	bool in_time;

	ck_assert_int_eq(sock_connect(&silent, to, NULL, SOON), ST_OK);
	ck_assert_int_eq(sock_connect(&speaks, to, NULL, SOON), ST_OK);
	ck_assert_int_eq(sock_connect(&goes, to, NULL, SOON), ST_OK);
	quiet = sock_wait_fd(l, NULL, MS(5));
	ck_assert_int_eq(sock_write(&speaks, "words", 5, SOON), ST_OK);
	said = accept_of(l, &speaks);
	(void)shutdown(goes.fd, SHUT_WR);
	gone = accept_of(l, &goes);
	in_time = clk_now() < slow;
	if (in_time) {
		ck_assert_int_eq(quiet, ST_TIMEOUT);
		ck_assert_int_eq(said, 5);
		ck_assert_int_eq(gone, 0);
		ck_assert_int_eq(accept_of(l, &silent), -1);
	}
	sock_close(&silent);
	sock_close(&speaks);
	sock_close(&goes);
	return in_time;
}

START_TEST(accepted_with_the_first_words)
{
	const struct host any = host_v4(127, 0, 0, 1, 0);
	bool in_time = false;

	for (int i = 0; i < 20 && !in_time; i++) {
		struct host to;
		int l;

		ck_assert_int_eq(sock_listen(&l, &any), ST_OK);
		sock_await_words(l);
		to = host_v4(127, 0, 0, 1, sock_local_port(l));
		in_time = first_words(l, &to);
		close(l);
	}
	ck_assert(in_time);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/sock");
	TCase *t = tcase_create("sock");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, read_and_buffer);
	tcase_add_test(t, read_full_and_its_ends);
	tcase_add_loop_test(t, line_table, 0, NELEM(lines));
	tcase_add_test(t, line_longer_than_the_buffer);
	tcase_add_test(t, fill_until_full);
	tcase_add_loop_test(t, drip_does_not_stretch, 0, NELEM(gaps));
	tcase_add_test(t, write_to_a_stalled_reader);
	tcase_add_test(t, writev_short_counts);
	tcase_add_test(t, write_nothing);
	tcase_add_test(t, try_send);
	tcase_add_test(t, peer_resets);
	tcase_add_test(t, peer_half_closes);
	tcase_add_test(t, mail_is_remembered);
	tcase_add_test(t, stopped_softly);
	tcase_add_test(t, stop_from_another_thread);
	tcase_add_test(t, mail_and_bytes_together);
	tcase_add_test(t, move_keeps_pipelined_bytes);
	tcase_add_loop_test(t, init_sets_the_options, 0, 3);
	tcase_add_loop_test(t, last_bytes_and_end, 0, 2);
	tcase_add_loop_test(t, listen_connect_accept, 0, NELEM(listen_on));
	tcase_add_test(t, connect_that_hangs);
	tcase_add_test(t, connect_to_nothing);
	tcase_add_test(t, accept_without_fds);
	tcase_add_test(t, accept_is_stopped);
	tcase_add_test(t, accept_now);
	tcase_add_test(t, wait_for_a_file);
	tcase_add_test(t, accepted_with_the_first_words);
	suite_add_tcase(s, t);
	return s;
}
