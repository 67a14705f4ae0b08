/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/chan/reader.h"

#include <string.h>

#include "core/sys/assert.h"

void reader_init(struct reader *r, struct sock *sock, bool framed)
{
	memset(r, 0, sizeof(*r));
	atomic_init(&r->right, READER_OWN);
	atomic_init(&r->pos, 0);
	atomic_init(&r->skips, 0);
	r->framed = framed;
	r->sock = sock;
	r->mb = sock->mb;
	r->writes = sock->tls != NULL;
	r->moved = clk_now();
}

void reader_fini(struct reader *r)
{
	ASSERT(reader_owns(r) && !r->listed);
	pkt_unref(&r->cur);
	for (; r->i_taken < r->n_taken; r->i_taken++)
		pkt_unref(&r->taken[r->i_taken]);
	r->n_taken = r->i_taken = 0;
}

void reader_reclaim(struct reader *r)
{
	for (;;) {
		int was = READER_PARKED;

		if (atomic_compare_exchange_strong_explicit(&r->right, &was, READER_OWN,
			memory_order_acq_rel, memory_order_acquire) || was == READER_OWN)
			return;
		was = READER_SENDING;
		if (atomic_compare_exchange_strong_explicit(&r->right, &was, READER_WANTED,
			memory_order_acq_rel, memory_order_acquire))
			break;
		/* The appender has just finished: PARKED or OWN, unless it begins anew. */
	}
	while (!reader_owns(r))
		mbox_pause(r->mb);
}

/* What of p this reader is sent. Its first head a player has from elsewhere (chan_place()), so a head that
 * comes along here does not begin a file. */
static struct iovec piece(const struct reader *r, struct pkt *p)
{
	uint8_t *b = r->framed ? p->bytes : pkt_media(p) + p->lead;
	size_t n = r->framed ? (size_t)p->frame_len + p->len : p->len - p->lead;

	return (struct iovec){ .iov_base = b, .iov_len = n };
}

/* Does the reader, waiting for a start point, pass over p? */
static bool passes_over(struct reader *r, const struct pkt *p)
{
	if (p->type == PKT_HEAD && !r->framed && p->renews != 0 && p->renews == r->stream) {
		r->stream = p->stream;  /* it has that head */
		return true;
	}
	if (p->type == PKT_HEAD)
		return false;
	if (r->want_start && p->cont != 0 && (r->start_by == 0 || p->at < r->start_by))
		return true;
	r->want_start = false;
	return false;
}

static void reached(struct reader *r, const struct pkt *p)
{
	atomic_store_explicit(&r->pos, pkt_end(p), memory_order_relaxed);
}

/* Let go of what a reader that waits for a start point passes over. */
static void sift(struct reader *r)
{
	uint32_t n = 0;

	for (uint32_t i = r->i_taken; i < r->n_taken; i++) {
		if (passes_over(r, r->taken[i]))
			pkt_unref(&r->taken[i]);
		else
			r->taken[n++] = r->taken[i];
	}
	r->i_taken = 0;
	r->n_taken = n;
}

/* The first of what is still to be sent is gone but for `left` bytes of it. */
static void advance(struct reader *r, size_t left)
{
	if (r->cur == NULL) {
		const size_t len = piece(r, r->taken[r->i_taken]).iov_len;

		if (left == len && len > 0)
			return;
		r->cur = r->taken[r->i_taken++];
		r->off = 0;
	}
	r->stream = r->cur->stream;
	if (left > 0) {
		r->off = piece(r, r->cur).iov_len - left;
		return;
	}
	reached(r, r->cur);
	pkt_unref(&r->cur);
	r->off = 0;
}

enum status reader_flush(struct reader *r, nsec deadline)
{
	struct iovec iov[READER_BATCH + 1];
	size_t all = 0, left = 0;
	enum status st;
	int n = 0;

	ASSERT(reader_owns(r));
	sift(r);
	if (r->cur != NULL) {
		iov[n] = piece(r, r->cur);
		iov[n].iov_base = (uint8_t *)iov[n].iov_base + r->off;
		iov[n++].iov_len -= r->off;
	}
	for (uint32_t i = 0; i < r->n_taken; i++)
		iov[n++] = piece(r, r->taken[i]);
	for (int i = 0; i < n; i++)
		all += iov[i].iov_len;
	/* over TLS also what was taken before, and is still on its way */
	st = n > 0 || r->sock->tls != NULL ? sock_writev(r->sock, iov, n, deadline) : ST_OK;

	/* The entries say what is left: also after a failure, which may have cut a packet. */
	for (int i = 0; i < n; i++)
		left += iov[i].iov_len;
	if (left < all)
		r->moved = clk_now();
	for (int i = 0; i < n; i++) {
		advance(r, iov[i].iov_len);
		if (iov[i].iov_len > 0)
			break;
	}
	if (r->i_taken == r->n_taken)
		r->i_taken = r->n_taken = 0;
	return st;
}

enum status reader_flush_slow(struct reader *r, nsec stall)
{
	enum status st;
	nsec from;

	do {
		from = clk_now();
		st = reader_flush(r, clk_deadline(stall));
	} while (st == ST_TIMEOUT && r->moved >= from);
	return st;
}

struct pkt *reader_take(struct reader *r)
{
	struct pkt *p = NULL;

	ASSERT(reader_owns(r) && r->writes && r->cur == NULL);
	while (p == NULL && r->i_taken < r->n_taken) {
		p = r->taken[r->i_taken++];
		if (passes_over(r, p))
			pkt_unref(&p);
	}
	if (p != NULL) {
		r->stream = p->stream;
		reached(r, p);
	}
	return p;
}

bool reader_cut_at_head(struct reader *r)
{
	bool found = false;
	uint32_t n = 0;

	ASSERT(reader_owns(r));
	sift(r);
	for (uint32_t i = 0; i < r->n_taken; i++) {
		found = found || r->taken[i]->type == PKT_HEAD;
		if (found)
			pkt_unref(&r->taken[i]);
		else
			n++;
	}
	r->n_taken = n;
	return found;
}

nsec reader_oldest(const struct reader *r)
{
	if (r->cur != NULL)
		return r->cur->at;
	return r->i_taken < r->n_taken ? r->taken[r->i_taken]->at : 0;
}

/* Keep what a full socket refused: the packet that is partly gone, and the reader's place after it. */
static void keep_rest(struct reader *r, struct pkt *p, size_t off, uint64_t next)
{
	if (off > 0) {
		r->cur = pkt_ref(p);
		r->off = off;
		r->seq = next;
	} else {
		r->seq = next - 1;
	}
}

/* Give the right back to the owner and wake it. Not one access to r after this. */
static void hand_back(struct reader *r)
{
	mbox_wake_set(r->mb, &r->right, READER_OWN);
}

void reader_feed(struct reader *r, struct pkt *const *p, size_t n, uint64_t seq, nsec now)
{
	struct iovec iov[READER_BATCH];
	uint32_t which[READER_BATCH];
	size_t total = 0, sent = 0;
	int was = READER_SENDING, n_iov = 0;
	enum status st = ST_OK;

	ASSERT(n <= READER_BATCH && r->seq == seq);
	for (size_t i = 0; i < n; i++) {
		if (passes_over(r, p[i]))
			continue;
		which[n_iov] = (uint32_t)i;
		iov[n_iov] = piece(r, p[i]);
		total += iov[n_iov++].iov_len;
	}
	if (n_iov > 0)
		st = sock_try_sendv(r->sock->fd, iov, n_iov, &sent);
	if (sent > 0) {
		atomic_fetch_add_explicit(&r->sock->nwritten, sent, memory_order_relaxed);
		r->moved = now;
		r->stream = p[which[0]]->stream;        /* one call, one stream */
	}
	if (st == ST_OK && sent == total) {
		if (n_iov > 0)
			reached(r, p[which[n_iov - 1]]);
		r->seq = seq + n;
		if (!atomic_compare_exchange_strong_explicit(&r->right, &was, READER_PARKED,
			memory_order_acq_rel, memory_order_acquire))
			hand_back(r);           /* WANTED */
		return;
	}
	/* full or broken: its own thread finds out which */
	for (int i = 0; i < n_iov; i++) {
		size_t len = piece(r, p[which[i]]).iov_len;

		if (sent < len) {
			keep_rest(r, p[which[i]], sent, seq + which[i] + 1);
			break;
		}
		sent -= len;
		reached(r, p[which[i]]);
	}
	hand_back(r);
}
