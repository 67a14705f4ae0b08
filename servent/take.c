/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/take.h"

#include <string.h>

#include "pcp/pcp.h"
#include "servent/packet.h"

#define MINUTE        (60 * NSEC_PER_SEC)
#define BACK_WINDOW   ((uint64_t)16 << 20)      /* repeats within it are dropped (pcp.md 9.2) */
#define JUMP          ((uint64_t)64 << 20)
#define JUMPS_MAX     5                         /* in a minute */
#define HEADS_MAX     20                        /* in a minute (B56) */
#define HEADS_BURST   3                         /* an encoder's first few may come at once */
#define HEADS_PACE    NSEC_PER_SEC              /* between two beyond those */
#define RESTART_AFTER (10 * NSEC_PER_SEC)       /* of nothing but known positions: they have begun anew */
#define RESTART_LATE  (30 * NSEC_PER_SEC)       /* the same of an upstream that seems to catch up */

void take_init(struct take *t, struct chan *c, uint32_t token)
{
	*t = (struct take){ .c = c, .token = token };
}

static void drop_batch(struct take *t)
{
	while (t->n_batch > 0)
		pkt_unref(&t->batch[--t->n_batch]);
}

void take_fini(struct take *t)
{
	drop_batch(t);
	pkt_unref(&t->head);
}

void take_begin(struct take *t)
{
	drop_batch(t);
	t->met = false;
	t->received = false;
	t->fresh = 0;
	t->gaps = 0;
	t->maybe_restart = false;
	t->known_since = 0;
}

void take_forget(struct take *t)
{
	take_begin(t);
	pkt_unref(&t->head);
	t->next = 0;
}

uint32_t take_wanted(const struct take *t)
{
	if (t->head == NULL)
		return 0;
	/* 0 would say "anything"; the packet at or after the byte before is the one that is wanted */
	return (uint32_t)t->next != 0 ? (uint32_t)t->next : UINT32_MAX;
}

enum status take_flush(struct take *t)
{
	size_t n = t->n_batch;

	t->n_batch = 0;
	return n > 0 ? chan_append(t->c, t->token, t->batch, n) : ST_OK;
}

static void count_window(struct take *t, nsec now)
{
	if (t->window == 0 || now - t->window > MINUTE) {
		t->window = now;
		t->heads = t->jumps = 0;
	}
}

/* --- heads ------------------------------------------------------------------------------------ */

static enum status set_head(struct take *t, uint64_t pos, const uint8_t *data, size_t len, nsec now)
{
	struct pkt *k, *keep;
	enum status st = take_flush(t);

	if (st != ST_OK)
		return st;
	k = packet_new(chan_id(t->c), PKT_HEAD, pos, 0, data, len);
	if (k == NULL)
		return ST_LIMIT;
	keep = pkt_ref(k);
	st = chan_set_head(t->c, t->token, k);
	if (st != ST_OK) {
		pkt_unref(&keep);
		return st;
	}
	pkt_unref(&t->head);
	t->head = keep;
	t->next = pkt_end(keep);
	t->last_head = now;
	t->known_since = 0;
	t->maybe_restart = false;
	return ST_OK;
}

static enum status take_head(struct take *t, const struct pktatom *p, nsec now)
{
	if (p->len > PKT_HEAD_MAX)
		return ST_LIMIT;
	if (t->head != NULL && (uint32_t)t->head->pos == p->pos && t->head->len == p->len &&
	    memcmp(pkt_media(t->head), p->data, p->len) == 0) {
		/* Old nodes repeat it; but an encoder that comes back has the same, too. */
		t->maybe_restart = t->received && t->next != pkt_end(t->head);
		return ST_OK;
	}
	count_window(t, now);
	if (++t->heads > HEADS_MAX)
		return ST_LIMIT;
	if (t->last_head != 0 && now - t->last_head < HEADS_PACE && t->heads > HEADS_BURST + 1)
		return ST_OK;
	return set_head(t, p->pos == 0 ? 0 : pos_extend(t->next, p->pos), p->data, p->len, now);
}

/* The stream has begun anew under the head we have, and is at pos. */
static enum status restart(struct take *t, uint32_t pos, nsec now)
{
	struct pkt *old = pkt_ref(t->head);
	enum status st = ST_LIMIT;

	count_window(t, now);
	if (++t->heads <= HEADS_MAX)
		st = set_head(t, old->len > 0 ? old->pos : pos, pkt_media(old), old->len, now);
	pkt_unref(&old);
	return st;
}

/* --- data ------------------------------------------------------------------------------------- */

/* Nothing but known positions for so long: is it a stream that has begun anew, or an upstream that is
 * behind the one before and will have caught up soon? */
static bool has_restarted(const struct take *t, uint64_t end, nsec now)
{
	const nsec since = now - t->known_since;
	const uint64_t come = end > t->known_from ? end - t->known_from : 0;

	if (since < RESTART_AFTER)
		return false;
	return since >= RESTART_LATE || t->next - end > 2 * come;
}

/* A packet that ends where we have been before. ST_OK with *skip: it is not wanted. */
static enum status take_known(struct take *t, const struct pktatom *p, uint64_t end, bool far, nsec now,
	bool *skip)
{
	bool again = t->maybe_restart && (p->pos == (uint32_t)pkt_end(t->head) || far);

	t->maybe_restart = false;
	if (t->known_since == 0) {
		t->known_since = now;
		t->known_from = end;
	}
	if (!again && !has_restarted(t, end, now)) {
		*skip = true;
		return ST_OK;
	}
	return restart(t, p->pos, now);
}

/* Where a stream is joined is no gap; elsewhere one is counted, and a wild one has limits. */
static enum status note_gap(struct take *t, uint64_t pos, nsec now)
{
	uint64_t d = pos > t->next ? pos - t->next : t->next - pos;

	if (pos == t->next || t->next == pkt_end(t->head))
		return ST_OK;
	chan_count_skip(t->c);
	t->gaps++;
	count_window(t, now);
	return d > JUMP && ++t->jumps > JUMPS_MAX ? ST_LIMIT : ST_OK;
}

/* What is new of p, from its byte `off` on. */
static enum status put(struct take *t, const struct pktatom *p, uint64_t pos, uint32_t off)
{
	while (off < p->len) {
		uint32_t n = MIN(p->len - off, (uint32_t)PKT_DATA_SEND);
		uint8_t cont = (uint8_t)(off == 0 ? p->cont : p->cont | PCP_PKT_CONT_FRAGMENT);
		struct pkt *k = packet_new(chan_id(t->c), PKT_DATA, pos + off, cont, p->data + off, n);
		enum status st;

		if (k == NULL)
			return ST_LIMIT;
		t->batch[t->n_batch++] = k;
		off += n;
		if (t->n_batch == READER_BATCH) {
			st = take_flush(t);
			if (st != ST_OK)
				return st;
		}
	}
	return ST_OK;
}

static enum status take_data(struct take *t, const struct pktatom *p, nsec now)
{
	uint64_t pos = pos_extend(t->next, p->pos), end = pos + p->len;
	enum status st = ST_OK;
	uint32_t known = 0;

	if (p->len == 0)
		return ST_OK;
	if (p->len > PKT_DATA_MAX)
		return ST_LIMIT;
	if (t->head == NULL) {
		st = set_head(t, p->pos, (const uint8_t *)"", 0, now);
		if (st != ST_OK)
			return st;
		pos = p->pos;
		end = pos + p->len;
	}
	if (end <= t->next && (t->next - end < BACK_WINDOW || t->maybe_restart)) {
		bool skip = false;

		st = take_known(t, p, end, t->next - end >= BACK_WINDOW, now, &skip);
		if (st != ST_OK || skip)
			return st;
		pos = pos_extend(t->next, p->pos);
		end = pos + p->len;
	}
	t->maybe_restart = false;
	t->known_since = 0;
	/* another upstream may have cut the stream in other places */
	if (pos < t->next && end > t->next && t->next > pkt_end(t->head))
		known = (uint32_t)(t->next - pos);
	st = note_gap(t, pos + known, now);
	if (st == ST_OK)
		st = put(t, p, pos, known);
	if (st != ST_OK)
		return st;
	t->next = end;
	t->received = true;
	t->fresh = now;
	return ST_OK;
}

enum status take_packet(struct take *t, const struct pktatom *p, nsec now)
{
	t->met = true;
	return p->type == ATOM_HEAD ? take_head(t, p, now) : take_data(t, p, now);
}
