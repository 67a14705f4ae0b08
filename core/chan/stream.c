/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stream through a channel: its source puts packets in, readers are placed, fed and parked (chan.h).
 */
#include "core/chan/chan.h"

#include <stdlib.h>
#include <string.h>

#include "core/chan/body.h"
#include "core/sys/assert.h"
#include "core/sys/thr.h"

#define DROP_ROOM (4 * READER_BATCH)
#define MANY_FED  64                    /* readers; from so many on it takes long */
#define POS_AHEAD ((uint64_t)16 << 20)  /* settings.md decision 21 */

/* Unique in this run, so that equal numbers can never hide a new stream (media.md 5.7.3). */
static _Atomic uint32_t streams = 1;

/* Of all channels since the start; relaxed: statistics. */
static _Atomic uint64_t all_bytes, all_gaps, all_skips;

void chan_totals(struct chan_totals *t)
{
	*t = (struct chan_totals){
		.bytes = atomic_load_explicit(&all_bytes, memory_order_relaxed),
		.gaps = atomic_load_explicit(&all_gaps, memory_order_relaxed),
		.skips = atomic_load_explicit(&all_skips, memory_order_relaxed),
	};
}

/* --- source ----------------------------------------------------------------------------------- */

enum status chan_attach(struct chan *c, struct mbox *mb, uint32_t *token, nsec deadline)
{
	enum status st = ST_OK;

	chan_lock(c);
	while (st == ST_OK && !c->closing && c->src_mb != NULL) {
		/* its thread cannot be gone while it is attached; detach takes this lock */
		mbox_stop_soft(c->src_mb);
		st = cond_wait(&c->src_gone, &c->mtx, deadline);
	}
	if (c->closing)
		st = ST_STOPPED;
	if (st == ST_OK) {
		c->src_mb = mb;
		*token = ++c->src_token;
	}
	chan_unlock(c);
	return st;
}

void chan_set_left(struct chan *c, int64_t ms)
{
	chan_lock(c);
	c->left_ms = ms;
	c->has_left = true;
	chan_unlock(c);
}

bool chan_left(struct chan *c, int64_t *ms)
{
	bool ok;

	chan_lock(c);
	ok = c->has_left;
	*ms = c->left_ms;
	chan_unlock(c);
	return ok;
}

void chan_detach(struct chan *c, uint32_t token)
{
	chan_lock(c);
	if (c->src_token == token && c->src_mb != NULL) {
		c->src_mb = NULL;
		cond_broadcast(&c->src_gone);
	}
	chan_unlock(c);
}

static bool is_source_locked(const struct chan *c, uint32_t token) REQUIRES(lk_chan)
{
	return c->src_mb != NULL && c->src_token == token;
}

bool chan_is_source(struct chan *c, uint32_t token)
{
	bool yes;

	chan_lock(c);
	yes = is_source_locked(c, token);
	chan_unlock(c);
	return yes;
}

/* Room to note n readers; only the appender touches the list. */
static bool feed_room(struct chan *c, size_t n)
{
	struct reader **list;
	size_t cap = MAX(n + n / 2, (size_t)16);

	if (n <= c->cap_feed)
		return true;
	list = realloc(c->feed, cap * sizeof(struct reader *));
	if (list == NULL)
		return false;
	c->feed = list;
	c->cap_feed = cap;
	return true;
}

/* Take the right of every parked reader, as far as the list has room; the rest is woken to send for
 * itself (a short of memory, not a loss), as are those who always do. Returns how many were taken. */
static size_t take_parked_locked(struct chan *c, bool new_head) REQUIRES(lk_chan)
{
	size_t n = 0;

	for (uint32_t i = 0; i < c->n_subs; i++) {
		struct reader *r = c->subs[i];
		int was = READER_PARKED;
		const bool room = n < c->cap_feed && !r->writes && !(new_head && r->ends_at_head);

		if (!atomic_compare_exchange_strong_explicit(&r->right, &was, READER_SENDING,
		        memory_order_acq_rel, memory_order_relaxed))
			continue;
		if (room)
			c->feed[n++] = r;
		else
			mbox_wake_set(r->mb, &r->right, READER_OWN);
	}
	return n;
}

/* What publish() is given. */
enum what { DATA, NEW_HEAD, SAME_HEAD };

/* Put n packets (their references are consumed) and send them for the parked readers. */
static enum status publish(struct chan *c, uint32_t token, struct pkt **p, size_t n, enum what what)
{
	const bool new_head = what != DATA;
	struct pkt *dropped[DROP_ROOM], *old_head = NULL, *head = new_head ? pkt_ref(p[0]) : NULL;
	size_t n_dropped = 0, n_feed = 0, stored = 0;
	enum status st = ST_OK;
	nsec now = clk_now();
	uint64_t seq = 0, bytes = 0;

	/* an empty head is kept, not sent */
	size_t first = new_head && p[0]->len == 0 ? 1 : 0;

	chan_lock(c);
	/* only the source may touch the list of those to feed */
	while (is_source_locked(c, token) && c->n_subs > c->cap_feed) {
		size_t want = c->n_subs;
		bool ok;

		chan_unlock(c);
		ok = feed_room(c, want);
		chan_lock(c);
		if (!ok)
			break;
	}
	if (c->closing || !is_source_locked(c, token)) {
		st = ST_STOPPED;
		goto unlock;
	}
	if (new_head) {
		p[0]->renews = what == SAME_HEAD && c->head != NULL ? c->stream : 0;
		c->stream = atomic_fetch_add_explicit(&streams, 1, memory_order_relaxed);
		old_head = c->head;
		c->head = head;
		head = NULL;
		if (p[0]->pos == 0 || p[0]->pos < c->next_pos) {
			for (;;) {
				size_t room = DROP_ROOM - READER_BATCH;

				ring_clear(&c->ring, dropped, &room);
				n_dropped = room;
				if (room < DROP_ROOM - READER_BATCH)
					break;
				/* a full ring at a restart: rare enough to free under the lock */
				for (size_t i = 0; i < room; i++)
					pkt_unref(&dropped[i]);
			}
		}
	}
	seq = c->ring.next;
	for (size_t i = 0; i < n; i++) {
		p[i]->stream = c->stream;
		p[i]->at = now;
		c->bytes_in += p[i]->len;
		bytes += p[i]->len;
		c->next_pos = pkt_end(p[i]);
	}
	atomic_fetch_add_explicit(&all_bytes, bytes, memory_order_relaxed);
	for (size_t i = first; i < n && st == ST_OK; i++) {
		size_t room = DROP_ROOM - n_dropped;

		/* the ring keeps one reference, this function another until everybody was fed */
		st = ring_put(&c->ring, pkt_ref(p[i]), now, dropped + n_dropped, &room);
		if (st == ST_OK)
			stored++;
		else
			atomic_fetch_sub_explicit(&p[i]->refs, 1, memory_order_relaxed);
		n_dropped += room;
	}
	if (new_head)
		c->after_head = c->ring.next;
	n_feed = stored > 0 ? take_parked_locked(c, new_head && p[0]->renews == 0) : 0;
	if (c->n_waiters > 0)
		wake_waiters_locked(c);
unlock:
	chan_unlock(c);
	if (n_feed >= MANY_FED)
		thr_take_turns(THR_LONG);
	else if (n_feed < MANY_FED / 2)
		thr_take_turns(THR_EVEN);
	for (size_t i = 0; i < n_feed; i++) {
		/* The next ones come from memory while this one's bytes are sent. */
		if (i + 2 < n_feed)
			reader_expect(c->feed[i + 2]);
		if (i + 1 < n_feed)
			reader_expect_sock(c->feed[i + 1]);
		reader_feed(c->feed[i], p + first, stored, seq, now);
	}
	for (size_t i = 0; i < n_dropped; i++)
		pkt_unref(&dropped[i]);
	for (size_t i = 0; i < n; i++)
		pkt_unref(&p[i]);
	pkt_unref(&old_head);
	pkt_unref(&head);
	return st;
}

enum status chan_set_head(struct chan *c, uint32_t token, struct pkt *p)
{
	ASSERT(p->type == PKT_HEAD);
	return publish(c, token, &p, 1, NEW_HEAD);
}

enum status chan_renew(struct chan *c, uint32_t token, struct pkt *p)
{
	ASSERT(p->type == PKT_HEAD);
	return publish(c, token, &p, 1, SAME_HEAD);
}

enum status chan_append(struct chan *c, uint32_t token, struct pkt **p, size_t n)
{
	ASSERT(n > 0 && n <= READER_BATCH);
	return publish(c, token, p, n, DATA);
}

/* Those who read now read no more; whoever joins from here on may. */
static void let_readers_go_locked(struct chan *c) REQUIRES(lk_chan)
{
	c->let_go++;
	/* under the lock: readers leave the list under it */
	for (uint32_t i = 0; i < c->n_subs; i++)
		mbox_wake(c->subs[i]->mb);
}

/* Forget head and packets; with go, in the same moment nobody reads: who joins gets nothing of before. */
static void reset(struct chan *c, uint32_t token, bool go)
{
	struct pkt *dropped[DROP_ROOM], *head = NULL;
	size_t n = 0;

	do {
		n = DROP_ROOM;
		chan_lock(c);
		if (is_source_locked(c, token)) {
			if (go)
				let_readers_go_locked(c);
			go = false;
			ring_clear(&c->ring, dropped, &n);
			c->after_head = c->ring.next;
			head = head != NULL ? head : c->head;
			c->head = NULL;
		} else {
			n = 0;
		}
		chan_unlock(c);
		for (size_t i = 0; i < n; i++)
			pkt_unref(&dropped[i]);
	} while (n == DROP_ROOM);
	pkt_unref(&head);
}

void chan_reset(struct chan *c, uint32_t token)
{
	reset(c, token, false);
}

enum status chan_give(struct chan *c, struct sock *s, nsec deadline)
{
	struct sock_offer o = { .s = s, .state = SOCK_OFFERED };
	struct mbox *mb = s->mb;
	enum status st = ST_OK;

	chan_lock(c);
	if (c->type != CHAN_RELAY || c->closing || !seeks(c->status) || host_is_v4(&s->peer) == c->v6)
		st = ST_PROTO;
	else if (c->given != NULL)
		st = ST_LIMIT;
	else
		c->given = &o;
	if (st == ST_OK && c->src_mb != NULL)
		mbox_wake(c->src_mb);
	while (st == ST_OK && o.state == SOCK_OFFERED) {
		chan_unlock(c);
		st = mbox_wait(mb, deadline);
		chan_lock(c);
	}
	if (c->given == &o)
		c->given = NULL;
	if (o.state == SOCK_TAKEN)
		st = ST_OK;             /* even when told to stop just then */
	else if (o.state == SOCK_REFUSED)
		st = ST_PROTO;
	chan_unlock(c);
	return st;
}

bool chan_take_given(struct chan *c, uint32_t token, struct sock *to, struct mbox *mb)
{
	bool yes;

	chan_lock(c);
	yes = c->given != NULL && is_source_locked(c, token);
	if (yes) {
		sock_offer_take(c->given, to, mb);
		c->given = NULL;
	}
	chan_unlock(c);
	return yes;
}

void chan_let_go(struct chan *c, uint32_t token)
{
	reset(c, token, true);
}

uint64_t chan_next_pos(struct chan *c)
{
	uint64_t pos;

	chan_lock(c);
	pos = c->next_pos;
	chan_unlock(c);
	return pos;
}

void chan_count_skip(struct chan *c)
{
	chan_lock(c);
	c->skips++;
	chan_unlock(c);
	atomic_fetch_add_explicit(&all_gaps, 1, memory_order_relaxed);
}

/* --- readers ---------------------------------------------------------------------------------- */

enum status chan_join(struct chan *c, struct reader *r)
{
	enum status st = ST_OK;

	chan_lock(c);
	if (c->closing) {
		st = ST_STOPPED;
	} else if (c->n_subs == c->cap_subs) {
		uint32_t cap = MAX(c->cap_subs * 2, 8u);
		struct reader **subs = realloc(c->subs, cap * sizeof(struct reader *));

		if (subs == NULL) {
			st = ST_LIMIT;
		} else {
			c->subs = subs;
			c->cap_subs = cap;
		}
	}
	if (st == ST_OK) {
		r->slot = c->n_subs;
		r->let_go = c->let_go;
		r->listed = true;
		c->subs[c->n_subs++] = r;
		c->n_holders += r->holds;
	}
	chan_unlock(c);
	return st;
}

void chan_leave(struct chan *c, struct reader *r)
{
	ASSERT(reader_owns(r));
	chan_lock(c);
	if (r->listed) {
		struct reader *last = c->subs[--c->n_subs];

		c->subs[r->slot] = last;
		last->slot = r->slot;
		r->listed = false;
		c->n_holders -= r->holds;
	}
	chan_unlock(c);
}

bool chan_is_held(struct chan *c)
{
	bool yes;

	chan_lock(c);
	yes = c->n_holders > 0;
	chan_unlock(c);
	return yes;
}

/* Where a wire position leads (pcp.md 9.4). */
static uint64_t place_pos_locked(struct chan *c, uint32_t wire, nsec now) REQUIRES(lk_chan)
{
	uint64_t from = MAX(c->after_head, c->ring.first);
	uint64_t want = pos_extend(c->next_pos, wire), oldest;

	if (wire == 0 || from >= c->ring.next)
		return ring_start(&c->ring, from, now);
	oldest = ring_get(&c->ring, from)->pos;
	if (want >= c->next_pos)
		return want - c->next_pos <= POS_AHEAD ? c->ring.next : ring_start(&c->ring, from, now);
	if (want >= oldest)
		return ring_at_pos(&c->ring, from, want);
	from = ring_oldest_start(&c->ring, from);
	return from < c->ring.next ? from : MAX(c->after_head, c->ring.first);
}

enum status chan_place(struct chan *c, struct reader *r, enum chan_from from, uint32_t pos,
	struct pkt **head, uint64_t *start)
{
	const struct pkt *oldest;
	enum status st = ST_OK;
	nsec now = clk_now();
	uint64_t seq = 0;

	ASSERT(reader_owns(r));
	*head = NULL;
	chan_lock(c);
	if (c->closing) {
		st = ST_STOPPED;
		goto out;
	}
	switch (from) {
	case CHAN_FROM_LIVE:
		seq = ring_start(&c->ring, MAX(c->after_head, c->ring.first), now);
		break;
	case CHAN_FROM_OLDEST:
		seq = MAX(c->after_head, c->ring.first);
		if (ring_oldest_start(&c->ring, seq) < c->ring.next)
			seq = ring_oldest_start(&c->ring, seq);
		break;
	case CHAN_FROM_NEWEST:
		seq = c->ring.next - c->ring.first > 0 ? c->ring.next - 1 : c->ring.next;
		seq = MAX(seq, c->after_head);
		break;
	case CHAN_FROM_HERE:
		seq = r->seq;
		if (c->head != NULL && r->stream == c->stream && seq >= MAX(c->after_head, c->ring.first))
			break;
		seq = place_pos_locked(c, pos, now);
		break;
	case CHAN_FROM_POS:
		seq = place_pos_locked(c, pos, now);
		break;
	}
	r->seq = seq;
	r->stream = c->stream;
	/* what is in the ring has shown for how long there was no start point */
	oldest = ring_get(&c->ring, MAX(c->after_head, c->ring.first));
	r->want_start = from == CHAN_FROM_LIVE;
	r->start_by = (oldest != NULL ? oldest->at : now) + READER_START;
	*start = seq < c->ring.next ? ring_get(&c->ring, seq)->pos : c->next_pos;
	if (c->head != NULL)
		*head = pkt_ref(c->head);
out:
	chan_unlock(c);
	return st;
}

struct pkt *chan_head(struct chan *c)
{
	struct pkt *p;

	chan_lock(c);
	p = c->head != NULL ? pkt_ref(c->head) : NULL;
	chan_unlock(c);
	return p;
}

enum status chan_wait_head(struct chan *c, struct mbox *mb, nsec deadline)
{
	enum status st = ST_OK;
	struct mbox **list;
	bool ready;

	chan_lock(c);
	ready = c->head != NULL && c->ring.next > c->after_head;
	if (ready || c->closing) {
		chan_unlock(c);
		return ready ? ST_OK : ST_STOPPED;
	}
	list = realloc(c->waiters, (c->n_waiters + 1) * sizeof(struct mbox *));
	if (list == NULL) {
		chan_unlock(c);
		return ST_LIMIT;
	}
	c->waiters = list;
	c->waiters[c->n_waiters++] = mb;
	while (st == ST_OK && !ready && !c->closing) {
		chan_unlock(c);
		st = mbox_wait(mb, deadline);
		chan_lock(c);
		ready = c->head != NULL && c->ring.next > c->after_head;
	}
	if (ready)
		st = ST_OK;
	else if (c->closing)
		st = ST_STOPPED;
	for (uint32_t i = 0; i < c->n_waiters; i++)
		if (c->waiters[i] == mb) {
			c->waiters[i] = c->waiters[--c->n_waiters];
			break;
		}
	chan_unlock(c);
	mb->mail = true;        /* whatever else was in it is still to be looked at */
	return st;
}

/* Where a reader goes on whose next packet has left the ring. */
static void skip_locked(struct chan *c, struct reader *r, int *what) REQUIRES(lk_chan)
{
	const uint64_t first = c->ring.first, next = c->ring.next, fresh = MAX(c->after_head, first);
	const struct pkt *p = ring_get(&c->ring, first);
	uint64_t to;

	/* An emptied ring is no fault of the reader's; a head starts a stream. */
	if (p == NULL || p->type == PKT_HEAD) {
		r->seq = first;
		*what |= p != NULL ? CHAN_NEWHEAD : 0;
		return;
	}
	/* A relay gets as much as there is, a player the newest picture. */
	to = r->framed ? ring_oldest_start(&c->ring, first) : ring_newest_start(&c->ring, first);
	if (to == next && r->framed)
		to = first;
	p = ring_get(&c->ring, to);
	if ((p != NULL ? p->stream : c->stream) != r->stream) {
		/* The head it missed may have left the ring; only the newest is always there. */
		to = MAX(to, fresh);
		if (r->framed && to == fresh && ring_oldest_start(&c->ring, fresh) < next)
			to = ring_oldest_start(&c->ring, fresh);
		if (c->head != NULL && c->head->len > 0) {
			r->taken[r->n_taken++] = pkt_ref(c->head);
			*what |= CHAN_NEWHEAD;
		}
		r->stream = c->stream;
	}
	r->seq = to;
	r->want_start = !r->framed;
	r->start_by = clk_now() + READER_START;
	atomic_fetch_add_explicit(&r->skips, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&all_skips, 1, memory_order_relaxed);
	*what |= CHAN_SKIPPED;
}

enum status chan_read(struct chan *c, struct reader *r, int *what)
{
	enum status st = ST_OK;

	ASSERT(reader_owns(r) && r->cur == NULL && r->i_taken == r->n_taken);
	*what = 0;
	r->i_taken = r->n_taken = 0;
	chan_lock(c);
	if (r->seq < c->ring.first)
		skip_locked(c, r, what);
	while (r->n_taken < READER_BATCH && r->seq < c->ring.next)
		r->taken[r->n_taken++] = pkt_ref(ring_get(&c->ring, r->seq++));
	if (r->n_taken == 0) {
		if (c->closing || r->let_go != c->let_go) {
			st = ST_STOPPED;
		} else {
			*what |= CHAN_PARKED;
			atomic_store_explicit(&r->right, READER_PARKED, memory_order_release);
		}
	}
	chan_unlock(c);
	return st;
}

uint64_t chan_lag(struct chan *c)
{
	uint64_t lag = 0;

	chan_lock(c);
	for (uint32_t i = 0; i < c->n_subs; i++) {
		const uint64_t pos = atomic_load_explicit(&c->subs[i]->pos, memory_order_relaxed);

		/* 0: nothing was sent to it yet; a stream that restarted may have moved back */
		if (pos != 0 && pos < c->next_pos)
			lag = MAX(lag, c->next_pos - pos);
	}
	chan_unlock(c);
	return lag;
}

/* When the packet came that holds that position, or follows it; 0 = it is still to come. */
static nsec came_locked(const struct chan *c, uint64_t pos) REQUIRES(lk_chan)
{
	uint64_t from = c->ring.first, to = c->ring.next;

	while (from < to) {
		const uint64_t mid = from + (to - from) / 2;

		if (pkt_end(ring_get(&c->ring, mid)) > pos)
			to = mid;
		else
			from = mid + 1;
	}
	return from < c->ring.next ? ring_get(&c->ring, from)->at : 0;
}

size_t chan_lags(struct chan *c, struct reader_lag *v, size_t cap)
{
	const nsec now = clk_now();
	size_t n = 0;

	chan_lock(c);
	for (uint32_t i = 0; i < c->n_subs && n < cap; i++) {
		const struct reader *r = c->subs[i];
		const uint64_t pos = atomic_load_explicit(&r->pos, memory_order_relaxed);
		struct reader_lag *l = &v[n++];
		nsec came;

		*l = (struct reader_lag){ .owner = r->owner,
			.skips = atomic_load_explicit(&r->skips, memory_order_relaxed) };
		if (pos == 0 || pos >= c->next_pos)
			continue;
		l->bytes = c->next_pos - pos;
		came = came_locked(c, pos);
		l->time = came != 0 && came < now ? now - came : 0;
	}
	chan_unlock(c);
	return n;
}
