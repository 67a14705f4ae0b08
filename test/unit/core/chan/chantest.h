/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of this room share: packets that say what they are, and a check of what arrives.
 *
 * Every packet carries its number in the order of appending, the stream (generation) it belongs to,
 * its length and a pattern, so whoever reads the other end of a socket can tell a byte that is
 * missing, doubled or out of place.
 */
#ifndef TEST_CHANTEST_H
#define TEST_CHANTEST_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>

#include "core/chan/chan.h"
#include "core/sys/bytes.h"

#define MARK 16                 /* bytes of a packet that say what it is */
#define FRAME 6                 /* bytes of a frame */
#define BYE 0xee                /* the byte a servent says goodbye with, at a border */

static inline struct pkt *mark_pkt(enum pkt_type type, uint64_t pos, uint8_t cont, uint32_t n,
	uint32_t gen, size_t len)
{
	struct pkt *p = pkt_new(type, pos, cont, FRAME, len);
	struct wr w;

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_ge(len, MARK);
	w = wr_of(p->bytes, FRAME);
	wr_bytes(&w, "FR", 2);
	wr_le32(&w, n);
	w = wr_of(pkt_media(p), len);
	wr_u8(&w, 'P');
	wr_u8(&w, 'K');
	wr_u8(&w, (uint8_t)type);
	wr_u8(&w, cont);
	wr_le32(&w, n);
	wr_le32(&w, (uint32_t)len);
	wr_le32(&w, gen);
	for (size_t i = MARK; i < len; i++)
		wr_u8(&w, (uint8_t)(n * 7 + i));
	ck_assert_int_eq(w.err, ST_OK);
	return p;
}

/* What has arrived at the other end. */
struct tape {
	bool framed;
	uint8_t in[FRAME + PKT_HEAD_MAX];
	size_t len;             /* of an unfinished packet */
	uint32_t n, gen;        /* of the last whole one; n 0 = none yet */
	uint32_t packets, heads;
	bool after_head;        /* the last one was a head */
	uint32_t gaps;          /* numbers left out, but before a head, or to the first start after it */
	uint32_t mid;           /* gaps after which a continuation came */
	bool bye;
	char err[96];           /* the first thing that was wrong */
};

static inline void tape_fault(struct tape *t, const char *what, uint32_t n)
{
	if (t->err[0] == '\0')
		(void)snprintf(t->err, sizeof(t->err), "%s (packet %u after %u)", what, n, t->n);
}

/* The whole packet at t->in + off, `len` media bytes long. */
static inline void tape_packet(struct tape *t, size_t off, size_t len)
{
	struct rd r = rd_of(t->in + off, len);
	uint8_t type, cont;
	uint32_t n, gen;

	(void)rd_take(&r, 2);
	type = rd_u8(&r);
	cont = rd_u8(&r);
	n = rd_le32(&r);
	(void)rd_le32(&r);
	gen = rd_le32(&r);
	for (size_t i = MARK; i < len; i++)
		if (t->in[off + i] != (uint8_t)(n * 7 + i))
			tape_fault(t, "wrong byte", n);
	if (t->packets > 0 && n <= t->n)
		tape_fault(t, "not after the last one", n);
	if (type == PKT_HEAD) {
		t->heads++;
		t->gen = gen;
	} else {
		if (t->packets > 0 && gen != t->gen)
			tape_fault(t, "data of a stream whose head did not come", n);
		/* right behind the head it began with a reader is placed anywhere */
		if (t->packets > 1 && n != t->n + 1) {
			t->gaps += t->framed || !t->after_head || cont != 0;
			t->mid += cont != 0;
		}
		t->gen = gen;
	}
	t->after_head = type == PKT_HEAD;
	t->n = n;
	t->packets++;
}

static inline void tape_eat(struct tape *t, const uint8_t *p, size_t n)
{
	const size_t at = t->framed ? FRAME : 0;

	for (size_t i = 0; i < n; i++) {
		if (t->bye) {
			tape_fault(t, "bytes after the goodbye", 0);
			return;
		}
		if (t->len == 0 && p[i] == BYE) {
			t->bye = true;
			continue;
		}
		t->in[t->len++] = p[i];
		if (t->len == at + MARK) {
			struct rd r = rd_of(t->in + at + 8, 4);
			const uint32_t len = rd_le32(&r);

			if (memcmp(t->in + at, "PK", 2) != 0 || len < MARK || len > PKT_HEAD_MAX ||
			    (t->framed && (memcmp(t->in, "FR", 2) != 0 ||
			    memcmp(t->in + 2, t->in + at + 4, 4) != 0))) {
				tape_fault(t, "not the start of a packet", 0);
				return;
			}
		}
		if (t->len >= at + MARK) {
			struct rd r = rd_of(t->in + at + 8, 4);
			const uint32_t len = rd_le32(&r);

			if (t->len == at + len) {
				tape_packet(t, at, len);
				t->len = 0;
			}
		}
	}
}

/* Everything that has arrived at fd by now; false at the end of the stream. */
static inline bool tape_drain(struct tape *t, int fd)
{
	uint8_t b[4096];
	ssize_t k;

	for (;;) {
		k = recv(fd, b, sizeof(b), MSG_DONTWAIT);
		if (k > 0)
			tape_eat(t, b, (size_t)k);
		else if (k == 0)
			return false;
		else if (errno == EAGAIN)
			return true;
		else if (errno != EINTR)
			return false;
	}
}

/* A servent as far as a channel can see: mailbox, socket, reader. */
struct sink {
	struct mbox mb;
	struct sock s;
	struct reader r;
	int far;                /* the other end */
	struct tape tape;
};

/* sndbuf 0 = as the kernel has it (the kernel doubles and rounds up small ones). */
static inline struct sink *sink_new(bool framed, int sndbuf)
{
	static const struct host local = { .ip = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 } };
	struct sink *k = calloc(1, sizeof(*k));
	int fd[2];

	ck_assert_ptr_nonnull(k);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	if (sndbuf > 0)
		ck_assert_int_eq(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf)), 0);
	ck_assert_int_eq(mbox_init(&k->mb), ST_OK);
	sock_init(&k->s, fd[0], &local, &k->mb);
	reader_init(&k->r, &k->s, framed);
	k->far = fd[1];
	k->tape.framed = framed;
	return k;
}

static inline void sink_free(struct sink *k)
{
	reader_fini(&k->r);
	sock_close(&k->s);
	mbox_fini(&k->mb);
	if (k->far != -1)
		ck_assert_int_eq(close(k->far), 0);
	free(k);
}

static inline struct chan *chan_make(enum chan_type type)
{
	struct chanmeta m = { .id = { { 1, 2, 3 } }, .bitrate_kbps = 500, .text = { [CT_NAME] = "test" } };
	struct chaninfo *i = chaninfo_new(&m);
	struct chan *c;

	ck_assert_ptr_nonnull(i);
	c = chan_new(i, type, CHAN_SRC_HTTPPUSH, false);
	ck_assert_ptr_nonnull(c);
	chaninfo_unref(&i);
	return c;
}

#endif
