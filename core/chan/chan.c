/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/chan/chan.h"

#include <stdlib.h>
#include <string.h>

#include "core/chan/body.h"
#include "core/sys/assert.h"
#include "core/sys/event.h"

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

/* --- everybody -------------------------------------------------------------------------------- */

void wake_waiters_locked(struct chan *c) REQUIRES(lk_chan)
{
	/* under the lock: a waiter leaves the list under it, so its mailbox is there */
	for (uint32_t i = 0; i < c->n_waiters; i++)
		mbox_wake(c->waiters[i]);
}

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
