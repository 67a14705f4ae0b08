/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync: datagrams that come in: who may speak, how much, and messages in pieces. */
#include "pcp/sync.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "core/sys/log.h"
#include "pcp/synctab.h"

#define SEAL_WINDOW_MS  300000                  /* an unknown instance's clock may be off by this */
#define SKEW_WARN_MS    30000
#define COLLISION_MS    10000                   /* older than that, a sealed packet with our id is a replay */
#define ID_CHANGE_GAP   (60 * NSEC_PER_SEC)
#define SEAL_LOG_GAP    (60 * NSEC_PER_SEC)
#define STALE_MAX       64                      /* then it is its numbers that have changed */
#define WAYS            4

/* --- messages ----------------------------------------------------------------------------------- */

static bool is_seen(const struct syncinst *i, uint32_t msg)
{
	const uint32_t bit = msg % SYNC_MSG_WINDOW;

	return (i->seen[bit / 64] & (uint64_t)1 << bit % 64) != 0;
}

static void note_seen(struct syncinst *i, uint32_t msg)
{
	uint32_t bit;

	if (i->any_msg && sync_before(msg, i->top - (SYNC_MSG_WINDOW - 1)))
		return;                 /* its bit is another's by now */
	if (!i->any_msg || msg - i->top >= SYNC_MSG_WINDOW) {
		if (!i->any_msg || sync_before(i->top, msg)) {
			memset(i->seen, 0, sizeof(i->seen));
			i->top = msg;
		}
	} else {
		for (; i->top != msg; i->top++) {
			bit = (i->top + 1) % SYNC_MSG_WINDOW;
			i->seen[bit / 64] &= ~((uint64_t)1 << bit % 64);
		}
	}
	i->any_msg = true;
	bit = msg % SYNC_MSG_WINDOW;
	i->seen[bit / 64] |= (uint64_t)1 << bit % 64;
}

/* Its numbers begin anew at msg: nothing that came before is newer. */
static void renumber(struct syncinst *i, uint32_t msg)
{
	struct syncclaim *cl;
	struct synchit *x;

	i->any_msg = false;
	i->bye_msg = msg - 1;
	for (size_t k = 0; k < SYNC_OPEN_MAX; k++)
		syncmsg_reset(&i->open[k]);
	DL_FOREACH2(i->claims, cl, inext) {
		cl->info_msg = cl->gone_msg = msg - 1;
		DL_FOREACH(cl->hits, x)
			x->msg = msg - 1;
	}
}

/* Is that message new? Too old to tell counts as had. */
static bool is_new_msg(struct sync *s, struct syncinst *i, uint32_t msg)
{
	if (!i->any_msg)
		return true;
	if (sync_before(msg, i->top - (SYNC_MSG_WINDOW - 1))) {
		if (++i->stale < STALE_MAX) {
			sync_drop(s, i, SYNC_DROP_DUPLICATE);
			return false;
		}
		renumber(i, msg);
	} else if (!sync_before(i->top, msg) && is_seen(i, msg)) {
		sync_drop(s, i, SYNC_DROP_DUPLICATE);
		return false;
	}
	i->stale = 0;
	return true;
}

static struct syncmsg *open_msg(struct sync *s, struct syncinst *i, const struct syncpkt *p, nsec now)
{
	struct syncmsg *m, *at = &i->open[0];

	for (m = i->open; m < i->open + SYNC_OPEN_MAX; m++)
		if (m->frags != 0 && m->msg == p->msg)
			return m;
	for (m = i->open; m < i->open + SYNC_OPEN_MAX; m++)
		if (m->frags == 0 || (at->frags != 0 && m->since < at->since))
			at = m;
	if (at->frags != 0) {
		sync_drop(s, i, SYNC_DROP_FRAGMENT);
		syncmsg_reset(at);
	}
	*at = (struct syncmsg){
		.msg = p->msg, .kind = p->kind, .flags = p->flags, .frags = p->frags, .since = now,
	};
	return at;
}

/* All of it is gone: what else comes of it is not looked at. */
static void give_up(struct sync *s, struct syncinst *i, struct syncmsg *m, enum sync_drop why)
{
	sync_drop(s, i, why);
	note_seen(i, m->msg);
	syncmsg_reset(m);
}

void sync_msgs_expire(struct sync *s, struct syncinst *i, nsec now)
{
	for (struct syncmsg *m = i->open; m < i->open + SYNC_OPEN_MAX; m++)
		if (m->frags != 0 && now - m->since >= SYNC_REASSEMBLY)
			give_up(s, i, m, SYNC_DROP_FRAGMENT);
}

/* Take in a fragment. true: p->body is the whole message. */
static bool collect(struct sync *s, struct syncinst *i, struct syncpkt *p, nsec now)
{
	const size_t n = p->body.left;
	struct syncmsg *m;

	sync_msgs_expire(s, i, now);
	if (!is_new_msg(s, i, p->msg))
		return false;
	if (p->frags == 1) {
		note_seen(i, p->msg);
		return true;
	}
	m = open_msg(s, i, p, now);
	if (m->kind != p->kind || m->frags != p->frags || m->flags != p->flags) {
		give_up(s, i, m, SYNC_DROP_FRAGMENT);
		return false;
	}
	if (m->got & 1u << p->frag) {
		if (m->len[p->frag] == n && memcmp(m->part[p->frag], p->body.p, n) == 0)
			sync_drop(s, i, SYNC_DROP_DUPLICATE);
		else
			give_up(s, i, m, SYNC_DROP_FRAGMENT);
		return false;
	}
	m->part[p->frag] = malloc(MAX(n, 1));
	if (m->part[p->frag] == NULL) {
		give_up(s, i, m, SYNC_DROP_MEMORY);
		return false;
	}
	memcpy(m->part[p->frag], p->body.p, n);
	m->len[p->frag] = (uint16_t)n;
	m->got |= (uint8_t)(1u << p->frag);
	if (m->got != (1u << m->frags) - 1)
		return false;
	buf_reset(&s->body);
	for (size_t k = 0; k < m->frags; k++)
		buf_put(&s->body, m->part[k], m->len[k]);
	note_seen(i, m->msg);
	syncmsg_reset(m);
	if (s->body.err != ST_OK) {
		sync_drop(s, i, SYNC_DROP_MEMORY);
		return false;
	}
	p->body = rd_of(s->body.p, s->body.len);
	return true;
}

/* Was that sent before the BYE that came? */
static bool is_after_bye(struct syncinst *i, const struct syncpkt *p, nsec now)
{
	if (i->bye_at == 0)
		return false;
	if (p->kind >= SYNC_CHANINFO ? sync_before(p->msg, i->bye_msg) || p->msg == i->bye_msg
	                             : now - i->bye_at < SYNC_LINGER)
		return true;
	i->bye_at = 0;
	i->pub.bye = false;
	return false;
}

static void dispatch(struct sync *s, struct syncinst *i, struct syncpkt *p, nsec now)
{
	s->st.received_kind[p->kind]++;
	if (is_after_bye(i, p, now)) {
		sync_drop(s, i, SYNC_DROP_OVERTAKEN);
		return;
	}
	if (p->kind >= SYNC_CHANINFO) {
		i->pub.extended = true;
		if (!collect(s, i, p, now))
			return;
	}
	sync_apply(s, i, p, now);
}

/* --- datagrams ---------------------------------------------------------------------------------- */

static bool is_flood(struct sync *s, const struct host *from, nsec now)
{
	const struct budget of = { .per = NSEC_PER_SEC / s->conf.recv_rate, .burst = s->conf.recv_rate };
	struct syncsource *src = NULL, *at;
	uint32_t h = 0;

	for (size_t k = 0; k < sizeof(from->ip); k++)
		h = (h ^ from->ip[k]) * 16777619u;
	h ^= h >> 15;
	for (uint32_t k = 0; k < WAYS; k++) {
		at = &s->source[(h + k) % SYNC_SOURCES];
		if (host_same_ip(&at->addr, from)) {
			src = at;
			break;
		}
		if (src == NULL && at->owed.paid <= now)
			src = at;
	}
	if (src == NULL) {
		src = &s->source[h % SYNC_SOURCES];     /* full: two share one */
	} else if (!host_same_ip(&src->addr, from)) {
		src->addr = *from;
		src->owed = (struct bucket){ .paid = 0 };
	}
	return !bucket_take(&src->owed, &of, 1, now);
}

static bool is_heard(const struct sync *s, const struct host *from, enum sync_drop *why)
{
	*why = SYNC_DROP_NOT_ALLOWED;
	if (s->conf.allow != NULL && filterset_flags(s->conf.allow, from) == 0)
		return false;
	*why = SYNC_DROP_IGNORED;
	return s->conf.ignore == NULL || filterset_flags(s->conf.ignore, from) == 0;
}

static bool is_ignored_id(const struct sync *s, uint32_t id)
{
	for (size_t k = 0; k < s->conf.n_ignore_id; k++)
		if (s->conf.ignore_id[k] == id)
			return true;
	return false;
}

static enum sync_drop why_bad(enum status st)
{
	switch (st) {
	case ST_EOF:     return SYNC_DROP_SHORT;
	case ST_STOPPED: return SYNC_DROP_TYPE;
	case ST_PROTO:   return SYNC_DROP_FRAGMENT;
	default:         return SYNC_DROP_LENGTH;
	}
}

/* Somebody else has our id: another one for us. */
static void collide(struct sync *s, const struct host *from, nsec now)
{
	char hs[HOST_STRLEN];
	uint32_t old = s->id;

	sync_drop(s, NULL, SYNC_DROP_COLLISION);
	if (s->id_changed != 0 && now - s->id_changed < ID_CHANGE_GAP)
		return;
	do {
		s->id = s->ops->random(s->ctx);
	} while (s->id == 0 || s->id == old || sync_inst_find(s, s->id) != NULL);
	s->id_changed = now;
	s->st.id_changes++;
	log_peer(LOG_WARN, from, "live sync: %s has our instance id %08x; ours is %08x now",
		host_str(from, hs), old, s->id);
	sync_own_again(s, now);
}

/* A packet with our id: an echo, or a collision. */
static void own_id(struct sync *s, const struct host *from, bool echo, bool sealed, uint64_t ms, nsec now)
{
	const int64_t wall = sealed ? s->ops->wall_ms(s->ctx) : 0;
	const bool old = sealed && ((int64_t)ms < wall - COLLISION_MS || (int64_t)ms > wall + COLLISION_MS);

	if (echo || old)
		sync_drop(s, NULL, echo ? SYNC_DROP_ECHO : SYNC_DROP_REPLAY);
	else
		collide(s, from, now);
}

/* Make room: who tells of nothing and is silent longest goes, but one whose packets could be sent again as
 * new, or that would be heard again. */
static void evict_inst(struct sync *s, nsec now)
{
	struct syncinst *oldest = NULL;

	for (size_t k = 0; k < s->n_inst; k++) {
		struct syncinst *i = s->inst[k];

		if (i->claims == NULL && !i->pub.sealed && i->pub.ignored_until <= now &&
		    (oldest == NULL || i->pub.heard < oldest->pub.heard))
			oldest = i;
	}
	if (oldest != NULL)
		sync_inst_free(s, oldest);
}

static struct syncinst *add_inst(struct sync *s, uint32_t id, const struct host *from, nsec now)
{
	char hs[HOST_STRLEN];
	struct syncinst *i;

	if (s->n_inst == SYNC_INSTANCES_MAX)
		evict_inst(s, now);
	if (s->n_inst == SYNC_INSTANCES_MAX) {
		sync_drop(s, NULL, SYNC_DROP_INSTANCES);
		return NULL;
	}
	i = calloc(1, sizeof(*i));
	if (i == NULL) {
		sync_drop(s, NULL, SYNC_DROP_MEMORY);
		return NULL;
	}
	i->pub.id = id;
	i->pub.first = now;
	i->want_at = NSEC_NEVER;
	s->inst[s->n_inst++] = i;
	log_peer(LOG_INFO, from, "live sync: instance %08x at %s", id, host_str(from, hs));
	return i;
}

/* The sealed time: newer than the last, and from an unknown instance near ours. */
static bool is_fresh(struct sync *s, struct syncinst *i, uint64_t ms)
{
	const int64_t wall = s->ops->wall_ms(s->ctx);
	int64_t off;

	if (ms > INT64_MAX) {
		sync_drop(s, i, SYNC_DROP_TIME);
		return false;
	}
	off = (int64_t)ms - wall;
	if (i == NULL || !i->pub.sealed) {
		if (off < -SEAL_WINDOW_MS || off > SEAL_WINDOW_MS) {
			sync_drop(s, i, SYNC_DROP_TIME);
			return false;
		}
		return true;
	}
	if (ms <= i->last_ms) {
		sync_drop(s, i, SYNC_DROP_REPLAY);
		return false;
	}
	return true;
}

static void note_clock(struct sync *s, struct syncinst *i, uint64_t ms)
{
	const int64_t off = (int64_t)ms - s->ops->wall_ms(s->ctx);
	char hs[HOST_STRLEN];

	i->last_ms = ms;
	i->pub.sealed = true;
	i->pub.offset_ms = i->pub.has_offset ? i->pub.offset_ms + (off - i->pub.offset_ms) / 8 : off;
	i->pub.has_offset = true;
	if (i->warned_clock || (i->pub.offset_ms <= SKEW_WARN_MS && i->pub.offset_ms >= -SKEW_WARN_MS))
		return;
	i->warned_clock = true;
	log_warn("live sync: instance %08x at %s: its clock is %+lld s from ours", i->pub.id,
		host_str(&i->pub.addr, hs), (long long)(i->pub.offset_ms / 1000));
}

/* Whose packet is it, and is it to be heard? NULL: counted. */
static struct syncinst *admit(struct sync *s, uint32_t id, const struct host *from, bool sealed, uint64_t ms,
	nsec now)
{
	struct syncinst *i = sync_inst_find(s, id);

	if (id == 0) {
		sync_drop(s, NULL, SYNC_DROP_RANGE);
		return NULL;
	}
	if (is_ignored_id(s, id) || (i != NULL && i->pub.ignored_until > now)) {
		sync_drop(s, i, SYNC_DROP_IGNORED);
		return NULL;
	}
	if (sealed && !is_fresh(s, i, ms))
		return NULL;
	if (i == NULL)
		i = add_inst(s, id, from, now);
	if (i == NULL)
		return NULL;
	i->pub.addr = *from;
	i->pub.heard = now;
	if (sealed)
		note_clock(s, i, ms);
	return i;
}

static void bad_seal(struct sync *s, const struct host *from, nsec now)
{
	char hs[HOST_STRLEN];

	sync_drop(s, NULL, SYNC_DROP_SEAL);
	if (s->seal_logged != 0 && now - s->seal_logged < SEAL_LOG_GAP)
		return;
	s->seal_logged = now;
	log_warn("live sync: a packet from %s is not sealed with our key", host_str(from, hs));
}

void sync_input(struct sync *s, void *p, size_t n, const struct host *from, nsec now)
{
	uint8_t *plain = p;
	size_t plain_n = n;
	struct syncpkt pkt;
	enum sync_drop why;
	struct syncinst *i;
	enum status st;
	uint64_t ms = 0;
	bool sealed, echo;

	s->st.received++;
	s->st.received_bytes += n;
	if (!is_heard(s, from, &why)) {
		sync_drop(s, NULL, why);
		return;
	}
	if (is_flood(s, from, now)) {
		sync_drop(s, NULL, SYNC_DROP_FLOOD);
		return;
	}
	st = syncpkt_parse(&pkt, p, n);
	sealed = st == ST_OK && pkt.kind == SYNC_SEALED;
	if (sealed && s->conf.keys.n == 0) {
		sync_drop(s, NULL, SYNC_DROP_SEALED);
		return;
	}
	if (!sealed && s->conf.keys.n != 0 && !s->conf.plain) {
		sync_drop(s, NULL, st == ST_EOF ? SYNC_DROP_SHORT : SYNC_DROP_UNSEALED);
		return;
	}
	echo = st == ST_OK && pkt.instance == s->id && sync_out_echo(s, p, n);
	if (sealed && !echo) {
		s->st.received_kind[SYNC_SEALED]++;
		if (sync_unseal(&s->conf.keys, p, n, &ms, &plain, &plain_n) != ST_OK) {
			bad_seal(s, from, now);
			return;
		}
		st = syncpkt_parse(&pkt, plain, plain_n);
		if (st == ST_OK && pkt.kind == SYNC_SEALED)
			st = ST_STOPPED;
	}
	if (st != ST_OK) {
		sync_drop(s, sync_inst_find(s, pkt.instance), why_bad(st));
		return;
	}
	if (pkt.instance == s->id) {
		own_id(s, from, echo, sealed, ms, now);
		return;
	}
	i = admit(s, pkt.instance, from, sealed, ms, now);
	if (i == NULL)
		return;
	i->pub.packets++;
	i->pub.bytes += n;
	dispatch(s, i, &pkt, now);
}
