/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/chan/chan.h"

#include <stdlib.h>
#include <string.h>

#include "core/chan/routelist.h"
#include "core/sys/assert.h"
#include "core/sys/event.h"

#define DROP_ROOM (4 * READER_BATCH)
#define POS_AHEAD ((uint64_t)16 << 20)  /* settings.md decision 21 */

struct chan {
	struct mtx mtx;                                 /* lk_chan */
	_Atomic uint32_t refs;

	/* constant */
	struct gnuid id;
	enum chan_type type;
	enum chan_src src;
	nsec born;
	char *key;                                      /* what its encoder knows it by */

	struct chaninfo *info           GUARDED_BY(lk_chan);
	struct chaninfo *said           GUARDED_BY(lk_chan);    /* of it, what its source says; or NULL */
	bool v6                         GUARDED_BY(lk_chan);
	enum chan_status status         GUARDED_BY(lk_chan);
	nsec play_since                 GUARDED_BY(lk_chan);    /* 0 = not playing */
	nsec patience                   GUARDED_BY(lk_chan);
	bool keep                       GUARDED_BY(lk_chan);
	enum chan_announce announce GUARDED_BY(lk_chan);
	bool noted                      GUARDED_BY(lk_chan);
	bool closing                    GUARDED_BY(lk_chan);

	struct pkt *head                GUARDED_BY(lk_chan);    /* NULL = none yet */
	uint64_t after_head             GUARDED_BY(lk_chan);    /* number of the first packet behind it */
	uint32_t stream                 GUARDED_BY(lk_chan);
	uint64_t next_pos               GUARDED_BY(lk_chan);
	struct ring ring                GUARDED_BY(lk_chan);
	uint64_t bytes_in               GUARDED_BY(lk_chan);
	uint64_t sampled_in             GUARDED_BY(lk_chan);    /* of them, at the last sample */
	uint64_t in_bps                 GUARDED_BY(lk_chan);
	uint32_t skips                  GUARDED_BY(lk_chan);

	struct refusals refusals        GUARDED_BY(lk_chan);

	struct reader **subs            GUARDED_BY(lk_chan);
	uint32_t n_subs                 GUARDED_BY(lk_chan);
	uint32_t let_go                 GUARDED_BY(lk_chan);    /* times chan_let_go() was called */
	uint32_t cap_subs               GUARDED_BY(lk_chan);
	struct mbox **waiters           GUARDED_BY(lk_chan);    /* for the first data */
	uint32_t n_waiters              GUARDED_BY(lk_chan);

	struct mbox *src_mb             GUARDED_BY(lk_chan);    /* NULL = no source attached */
	uint32_t src_token              GUARDED_BY(lk_chan);
	int64_t left_ms                 GUARDED_BY(lk_chan);    /* chan_set_left() */
	bool has_left                   GUARDED_BY(lk_chan);
	struct cond src_gone;
	struct host src_host            GUARDED_BY(lk_chan);
	struct gnuid src_sid            GUARDED_BY(lk_chan);
	struct routelist src_routes     GUARDED_BY(lk_chan);    /* sessions heard of through it */
	struct host up_host             GUARDED_BY(lk_chan);    /* the last that served us */
	struct gnuid up_sid             GUARDED_BY(lk_chan);
	char src_url[CHAN_URL]          GUARDED_BY(lk_chan);
	bool bump                       GUARDED_BY(lk_chan);
	struct host bump_to             GUARDED_BY(lk_chan);
	struct sock_offer *given        GUARDED_BY(lk_chan);    /* its thread's; NULL = none */

	/* the appender's alone: readers it is sending for */
	struct reader **feed;
	size_t cap_feed;
};

LOCK_DEFINE(chan, struct chan, mtx, lk_chan)

/* Unique in this run, so that equal numbers can never hide a new stream (media.md 5.7.3). */
static _Atomic uint32_t streams = 1;

/* Of all channels since the start; relaxed: statistics. */
static _Atomic uint64_t all_bytes, all_gaps, all_skips;

const char *chan_status_str(enum chan_status s)
{
	static const char *const name[] = {
		[CHAN_WAIT] = "WAIT", [CHAN_CONNECTING] = "CONNECT", [CHAN_SEARCHING] = "SEARCH",
		[CHAN_RECEIVING] = "RECEIVE", [CHAN_BROADCASTING] = "BROADCAST",
		[CHAN_CLOSING] = "CLOSE", [CHAN_IDLE] = "IDLE", [CHAN_ERROR] = "ERROR",
	};

	return (size_t)s < NELEM(name) ? name[s] : "NONE";
}

const char *chan_src_str(enum chan_src s)
{
	static const char *const name[] = {
		[CHAN_SRC_PEERCAST] = "PEERCAST", [CHAN_SRC_HTTPPUSH] = "HTTPPUSH",
		[CHAN_SRC_URL] = "URL", [CHAN_SRC_ICECAST] = "ICECAST",
		[CHAN_SRC_SHOUTCAST] = "SHOUTCAST", [CHAN_SRC_RTMP] = "RTMP",
	};

	return (size_t)s < NELEM(name) ? name[s] : "NONE";
}

static bool plays(enum chan_status s)
{
	return s == CHAN_RECEIVING || s == CHAN_BROADCASTING;
}

struct chan *chan_new(const struct chaninfo *info, enum chan_type type, enum chan_src src, bool v6)
{
	struct chan *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->key = strdup(info->text[CT_NAME]);
	if (c->key == NULL) {
		free(c);
		return NULL;
	}
	mtx_init(&c->mtx, &lk_chan);
	cond_init(&c->src_gone);
	atomic_init(&c->refs, 1);
	c->id = info->id;
	c->type = type;
	c->src = src;
	c->born = clk_now();
	chan_lock(c);
	c->info = chaninfo_ref(info);
	c->v6 = v6;
	c->status = CHAN_WAIT;
	ring_init(&c->ring, RING_BYTES);
	chan_unlock(c);
	return c;
}

struct chan *chan_ref(struct chan *c)
{
	/* relaxed: the caller already holds a reference, or the lock of the table that does */
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

/* The last reference is gone: nobody else can hold the lock. */
static void destroy(struct chan *c) LOCK_IMPL
{
	ASSERT(c->n_subs == 0 && c->n_waiters == 0 && c->src_mb == NULL && c->given == NULL);
	free(c->key);
	chaninfo_unref(&c->info);
	chaninfo_unref(&c->said);
	pkt_unref(&c->head);
	ring_fini(&c->ring);
	free(c->subs);
	free(c->waiters);
	free(c->feed);
	routelist_clear(&c->src_routes);
	cond_fini(&c->src_gone);
	mtx_fini(&c->mtx);
	free(c);
}

void chan_unref(struct chan **cp)
{
	struct chan *c = *cp;

	*cp = NULL;
	if (c != NULL && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
		destroy(c);
}

const struct gnuid *chan_id(const struct chan *c)
{
	return &c->id;
}

const char *chan_key(const struct chan *c)
{
	return c->key;
}

enum status chan_set_key(struct chan *c, const char *key)
{
	char *own = strdup(key);

	if (own == NULL)
		return ST_LIMIT;
	free(c->key);
	c->key = own;
	return ST_OK;
}

enum chan_type chan_type_of(const struct chan *c)
{
	return c->type;
}

void chan_view(struct chan *c, struct chan_view *v)
{
	memset(v, 0, offsetof(struct chan_view, source_url));
	v->type = c->type;
	v->src = c->src;
	v->age_s = clk_age_s(c->born);
	chan_lock(c);
	v->v6 = c->v6;
	v->info = chaninfo_ref(c->info);
	v->status = c->status;
	v->playing = plays(c->status);
	v->keep = c->keep;
	v->uptime_s = c->play_since != 0 ? clk_age_s(c->play_since) : 0;
	v->skips = c->skips;
	v->stream = c->stream;
	v->readers = c->n_subs;
	v->bytes_in = c->bytes_in;
	v->in_bps = c->in_bps;
	v->pos = c->next_pos;
	if (c->ring.first < c->ring.next) {
		const struct pkt *last = ring_get(&c->ring, c->ring.next - 1);

		v->oldest = ring_get(&c->ring, c->ring.first)->pos;
		v->newest = last->pos;
		v->ring_bytes = c->ring.bytes;
		v->ring_span = last->at - ring_get(&c->ring, c->ring.first)->at;
		v->dry = c->patience != 0 && clk_now() - last->at > c->patience;
	}
	v->head_len = c->head != NULL ? c->head->len : 0;
	v->source = c->src_host;
	v->source_sid = c->src_sid;
	v->upstream = c->up_host;
	v->upstream_sid = c->up_sid;
	(void)text_copy(v->source_url, sizeof(v->source_url), c->src_url);
	chan_unlock(c);
}

void chan_totals(struct chan_totals *t)
{
	*t = (struct chan_totals){
		.bytes = atomic_load_explicit(&all_bytes, memory_order_relaxed),
		.gaps = atomic_load_explicit(&all_gaps, memory_order_relaxed),
		.skips = atomic_load_explicit(&all_skips, memory_order_relaxed),
	};
}

uint64_t chan_sample(struct chan *c, nsec span, struct host *from)
{
	uint64_t n;

	chan_lock(c);
	n = c->bytes_in - c->sampled_in;
	c->sampled_in = c->bytes_in;
	c->in_bps = span > 0 ? (uint64_t)((double)n * NSEC_PER_SEC / (double)span) : 0;
	*from = c->src_host;
	chan_unlock(c);
	return n;
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

void chan_note_refusal(struct chan *c, const struct host *h, bool ours, const char *why)
{
	chan_lock(c);
	refusals_note(&c->refusals, h, ours, why, clk_wall_s());
	chan_unlock(c);
}

void chan_refusals(struct chan *c, struct refusals *r)
{
	chan_lock(c);
	*r = c->refusals;
	chan_unlock(c);
}

void chan_view_fini(struct chan_view *v)
{
	chaninfo_unref(&v->info);
}

struct chaninfo *chan_info(struct chan *c)
{
	struct chaninfo *i;

	chan_lock(c);
	i = chaninfo_ref(c->info);
	chan_unlock(c);
	return i;
}

/* Put the info of m in place, if the present one is still `was` (NULL = whatever it is); false: it is not.
 * *changed as chan_set_info() returns. */
static bool replace_info(struct chan *c, const struct chaninfo *was, const struct chanmeta *m, bool *changed,
	bool *bitrate_only)
{
	struct chaninfo *new = chaninfo_new(m), *old = NULL;
	bool texts = false, raced;

	*changed = *bitrate_only = false;
	if (new == NULL)
		return true;
	ASSERT(gnuid_equal(&m->id, &c->id));
	chan_lock(c);
	raced = was != NULL && was != c->info;
	if (!raced && !chaninfo_same(c->info, m)) {
		old = c->info;
		for (int t = 0; t < CT_COUNT; t++)
			texts = texts || strcmp(old->text[t], new->text[t]) != 0;
		*bitrate_only = !texts && gnuid_equal(&old->bcid, &new->bcid);
		*changed = true;
		c->info = new;
		new = NULL;
	}
	chan_unlock(c);
	chaninfo_unref(&new);
	chaninfo_unref(&old);
	if (*changed)
		event_tell(EVENT_CHANNEL, "info", NULL, c->id.b, 0, NULL, NULL);
	return !raced;
}

bool chan_set_info(struct chan *c, const struct chanmeta *m, bool *bitrate_only)
{
	bool changed;

	(void)replace_info(c, NULL, m, &changed, bitrate_only);
	return changed;
}

bool chan_merge_info(struct chan *c, const struct chanmeta *from, uint32_t present, bool *bitrate_only)
{
	struct chanmeta m;
	bool changed, done;

	do {
		struct chaninfo *was = chan_info(c);

		chaninfo_to_meta(was, &m);
		chanmeta_merge(&m, from, present);
		done = replace_info(c, was, &m, &changed, bitrate_only);
		chaninfo_unref(&was);
	} while (!done);        /* somebody else's change came between, and stays */
	return changed;
}

struct chaninfo *chan_said(struct chan *c)
{
	struct chaninfo *i;

	chan_lock(c);
	i = c->said != NULL ? chaninfo_ref(c->said) : NULL;
	chan_unlock(c);
	return i;
}

void chan_set_said(struct chan *c, struct chaninfo *i)
{
	struct chaninfo *old;

	chan_lock(c);
	old = c->said;
	c->said = i;
	chan_unlock(c);
	chaninfo_unref(&old);
}

/* Is there still a use for a connection that is given to us? While one is being made, it may fail. */
static bool seeks(enum chan_status s)
{
	return s == CHAN_SEARCHING || s == CHAN_CONNECTING;
}

static void drop_given_locked(struct chan *c) REQUIRES(lk_chan)
{
	if (c->given != NULL)
		sock_offer_refuse(c->given);
	c->given = NULL;
}

void chan_set_status(struct chan *c, enum chan_status s)
{
	bool news;

	chan_lock(c);
	news = !c->closing && c->status != s;
	if (!c->closing) {              /* the end is final, whatever its source still says */
		if (!seeks(s))
			drop_given_locked(c);
		if (plays(s) && c->play_since == 0)
			c->play_since = clk_now();
		else if (!plays(s))
			c->play_since = 0;
		if (s == CHAN_RECEIVING) {
			c->up_host = c->src_host;
			c->up_sid = c->src_sid;
		}
		c->status = s;
	}
	chan_unlock(c);
	if (news)
		event_tell(EVENT_CHANNEL, "status", chan_status_str(s), c->id.b, 0, NULL, NULL);
}

enum chan_status chan_get_status(struct chan *c)
{
	enum chan_status s;

	chan_lock(c);
	s = c->status;
	chan_unlock(c);
	return s;
}

bool chan_is_playing(struct chan *c)
{
	return plays(chan_get_status(c));
}

void chan_set_announce(struct chan *c, enum chan_announce how)
{
	chan_lock(c);
	c->announce = how;
	chan_unlock(c);
}

enum chan_announce chan_take_announce(struct chan *c)
{
	enum chan_announce how;

	chan_lock(c);
	how = c->announce;
	if (how == CHAN_ANNOUNCE_NOW)
		c->announce = CHAN_ANNOUNCE;
	chan_unlock(c);
	return how;
}

bool chan_is_silent(struct chan *c)
{
	bool yes;

	chan_lock(c);
	yes = c->announce == CHAN_SILENT;
	chan_unlock(c);
	return yes;
}

bool chan_note_once(struct chan *c)
{
	bool first;

	chan_lock(c);
	first = !c->noted;
	c->noted = true;
	chan_unlock(c);
	return first;
}

void chan_set_v6(struct chan *c, bool v6)
{
	chan_lock(c);
	c->v6 = v6;
	chan_unlock(c);
}

void chan_set_patience(struct chan *c, nsec span)
{
	chan_lock(c);
	c->patience = span;
	chan_unlock(c);
}

bool chan_set_keep(struct chan *c, bool keep)
{
	bool was;

	chan_lock(c);
	was = c->keep;
	c->keep = keep;
	chan_unlock(c);
	return was;
}

bool chan_toggle_keep(struct chan *c)
{
	bool keep;

	chan_lock(c);
	keep = c->keep = !c->keep;
	chan_unlock(c);
	return keep;
}

void chan_set_source(struct chan *c, const struct host *from, const struct gnuid *sid, const char *url)
{
	chan_lock(c);
	c->src_host = from != NULL ? *from : (struct host){ 0 };
	c->src_sid = sid != NULL ? *sid : (struct gnuid){ 0 };
	if (c->status == CHAN_RECEIVING && from != NULL && sid != NULL) {
		c->up_host = *from;
		c->up_sid = *sid;
	}
	routelist_clear(&c->src_routes);
	(void)text_copy(c->src_url, sizeof(c->src_url), url != NULL ? url : "");
	chan_unlock(c);
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

static void wake_waiters_locked(struct chan *c) REQUIRES(lk_chan)
{
	/* under the lock: a waiter leaves the list under it, so its mailbox is there */
	for (uint32_t i = 0; i < c->n_waiters; i++)
		mbox_wake(c->waiters[i]);
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
	for (size_t i = 0; i < n_feed; i++)
		reader_feed(c->feed[i], p + first, stored, seq, now);
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

void chan_reset(struct chan *c, uint32_t token)
{
	struct pkt *dropped[DROP_ROOM], *head = NULL;
	size_t n = 0;

	do {
		n = DROP_ROOM;
		chan_lock(c);
		if (is_source_locked(c, token)) {
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
	chan_lock(c);
	if (is_source_locked(c, token)) {
		c->let_go++;
		/* under the lock: readers leave the list under it */
		for (uint32_t i = 0; i < c->n_subs; i++)
			mbox_wake(c->subs[i]->mb);
	}
	chan_unlock(c);
	chan_reset(c, token);
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
	}
	chan_unlock(c);
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

/* --- everybody -------------------------------------------------------------------------------- */

void chan_close(struct chan *c)
{
	chan_lock(c);
	if (!c->closing) {
		c->closing = true;
		c->play_since = 0;
		c->status = CHAN_CLOSING;
		/* under the lock: readers, waiters and source leave their places under it, so all
		 * mailboxes are there; a channel closes once */
		for (uint32_t i = 0; i < c->n_subs; i++)
			mbox_wake(c->subs[i]->mb);
		wake_waiters_locked(c);
		drop_given_locked(c);
		if (c->src_mb != NULL)
			mbox_stop_soft(c->src_mb);
		cond_broadcast(&c->src_gone);
	}
	chan_unlock(c);
}

bool chan_is_closing(struct chan *c)
{
	bool yes;

	chan_lock(c);
	yes = c->closing;
	chan_unlock(c);
	return yes;
}

void chan_bump(struct chan *c, const struct host *to)
{
	if (c->type != CHAN_RELAY)
		return;
	chan_lock(c);
	c->bump = true;
	c->bump_to = to != NULL ? *to : (struct host){ 0 };
	if (c->src_mb != NULL)
		mbox_wake(c->src_mb);
	chan_unlock(c);
}

bool chan_take_bump(struct chan *c, struct host *to)
{
	bool yes;

	chan_lock(c);
	yes = c->bump;
	*to = c->bump_to;
	c->bump = false;
	c->bump_to = (struct host){ 0 };
	chan_unlock(c);
	return yes;
}

void chan_heard(struct chan *c, const struct gnuid *from)
{
	chan_lock(c);
	if (!gnuid_equal(&c->src_sid, from))
		routelist_add(&c->src_routes, from);
	chan_unlock(c);
}

enum status chan_post_source(struct chan *c, struct blob *msg, const struct gnuid *not_sid,
	const struct gnuid *dest)
{
	enum status st = ST_STOPPED;

	chan_lock(c);
	/* under the lock: it keeps the source's mailbox there */
	if (c->src_mb != NULL && gnuid_is_set(&c->src_sid) && !gnuid_equal(not_sid, &c->src_sid) &&
	    (!gnuid_is_set(dest) || gnuid_equal(dest, &c->src_sid) ||
	     routelist_has(&c->src_routes, dest)))
		st = mbox_post(c->src_mb, msg);
	chan_unlock(c);
	return st;
}

void chan_wake_source(struct chan *c)
{
	chan_lock(c);
	if (c->src_mb != NULL)
		mbox_wake(c->src_mb);
	chan_unlock(c);
}
