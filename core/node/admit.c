/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Admission: who may be served, how much is in use (servmgr.h). */
#include "core/node/servmgr.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "core/conf/settings.h"
#include "core/node/table.h"
#include "core/sys/assert.h"

const char *refusal_str(enum refusal r)
{
	static const char *const name[] = {
		[ADMIT_OK] = "none", [REFUSE_OTHER] = "other", [REFUSE_BANDWIDTH] = "bandwidth",
		[REFUSE_RELAYS] = "relay limit", [REFUSE_DIRECT] = "direct limit",
		[REFUSE_NOT_PLAYING] = "not playing", [REFUSE_CHAN_RELAYS] = "channel limit",
		[REFUSE_DUPLICATE] = "connected already", [REFUSE_FULL] = "full",
	};

	return (size_t)r < NELEM(name) ? name[r] : "other";
}

/* --- limits ----------------------------------------------------------------------------------- */

void limits_of(const struct settings *st, struct limits *l)
{
	*l = (struct limits){
		.max_serv_in = st->max_serv_in,
		.max_relays = st->max_relays,
		.max_direct = st->max_direct,
		.max_relays_per_chan = st->max_relays_per_channel,
		.max_bitrate_out = st->max_bitrate_out,
		.max_control = st->max_control_connections,
		.max_per_address = st->max_per_address,
		.trust_localhost = st->trust_localhost,
	};
}

void servmgr_set_limits(struct servmgr *sm, const struct limits *l)
{
	sm_lock(sm);
	sm->limits = *l;
	sm->limits.max_relays = MAX(l->max_relays, 2u);
	sm_unlock(sm);
}

void servmgr_get_limits(struct servmgr *sm, struct limits *l)
{
	sm_lock(sm);
	*l = sm->limits;
	sm_unlock(sm);
}

/* --- admission -------------------------------------------------------------------------------- */

static enum refusal limits_locked(struct servmgr *sm, enum servent_type type, const struct use *use,
	uint32_t bitrate_kbps, bool playing) REQUIRES(lk_servmgr)
{
	const struct limits *l = &sm->limits;

	if (l->max_bitrate_out != 0 && sm->out_kbps + bitrate_kbps > l->max_bitrate_out)
		return REFUSE_BANDWIDTH;
	if (type == SV_RELAY && sm->public[SV_RELAY] >= l->max_relays)
		return REFUSE_RELAYS;
	if (type == SV_DIRECT && sm->public[SV_DIRECT] >= l->max_direct)
		return REFUSE_DIRECT;
	if (!playing)
		return REFUSE_NOT_PLAYING;
	if (type == SV_RELAY && l->max_relays_per_chan != 0 && use != NULL &&
	    use->u.relays_public >= l->max_relays_per_chan)
		return REFUSE_CHAN_RELAYS;
	return ADMIT_OK;
}

static bool is_for_room(enum refusal r)
{
	return r == REFUSE_BANDWIDTH || r == REFUSE_RELAYS || r == REFUSE_CHAN_RELAYS;
}

/* A relay of the session that may be asked for its place, but e. */
static struct entry *relay_of_locked(struct use *u, const struct gnuid *sid, const struct entry *e)
	REQUIRES(lk_servmgr)
{
	struct entry *o;

	DL_FOREACH2(u->members, o, cnext)
		if (o != e && o->sv.type == SV_RELAY && !o->sv.private && o->pair == NULL &&
		    gnuid_is_set(sid) && gnuid_equal(&o->sv.remote, sid))
			return o;
	return NULL;
}

/* Who gives its place: the first of the useless whose leaving lets one more in. */
static struct entry *yielder_locked(struct servmgr *sm, const struct relay_request *q, struct use *u,
	const struct entry *e) REQUIRES(lk_servmgr)
{
	for (size_t i = 0; i < q->n_useless; i++) {
		struct entry *o = relay_of_locked(u, &q->useless[i], e);
		enum refusal r;

		if (o == NULL)
			continue;
		account_locked(sm, o, false);
		r = limits_locked(sm, SV_RELAY, u, q->bitrate_kbps, q->playing);
		account_locked(sm, o, true);
		if (r == ADMIT_OK)
			return o;
	}
	return NULL;
}

/* o goes on in its place until its guest claims it. */
static void pair_locked(struct servmgr *sm, struct entry *guest, struct entry *o, uint32_t kbps)
	REQUIRES(lk_servmgr)
{
	ASSERT(guest->pair == NULL && o->pair == NULL && !guest->counted);
	account_locked(sm, o, false);
	guest->pair = o;
	guest->guest = true;
	o->pair = guest;
	o->promised_kbps = kbps;
	account_locked(sm, o, true);
}

void unpair_locked(struct servmgr *sm, struct entry *e)
{
	struct entry *o = e->pair;

	if (o == NULL)
		return;
	ASSERT(o->pair == e && !e->counted);
	account_locked(sm, o, false);
	e->pair = o->pair = NULL;
	e->guest = o->guest = false;
	e->promised_kbps = o->promised_kbps = 0;
	account_locked(sm, o, true);
}

/* The record of the channel with one more user; made of *spare when there is none. NULL = no memory. */
static struct use *join_use_locked(struct servmgr *sm, const struct gnuid *chan, struct use **spare)
	REQUIRES(lk_servmgr)
{
	struct use *u = find_use_locked(sm, chan);

	if (u == NULL && *spare != NULL) {
		(*spare)->chan = *chan;
		HASH_ADD(hh, sm->uses, chan, sizeof((*spare)->chan), *spare);
		if ((*spare)->hh.tbl != NULL) {
			u = *spare;
			*spare = NULL;
		}
	}
	if (u != NULL)
		u->refs++;
	return u;
}

static enum refusal admit(struct servmgr *sm, struct servent *sv, enum servent_type type,
	const struct relay_request *q) EXCLUDES(lk_servmgr)
{
	struct entry *e = entry_of(sv), *yields = NULL;
	struct use *spare = calloc(1, sizeof(*spare));
	struct use *u, *old = NULL;
	enum refusal r = ADMIT_OK;

	ASSERT(is_output(type));
	sm_lock(sm);
	u = find_use_locked(sm, q->chan);
	if (sm->own.disabled)
		r = REFUSE_OTHER;
	else if (!sv->private)
		r = limits_locked(sm, type, u, q->bitrate_kbps, q->playing);
	if (is_for_room(r) && u != NULL)
		yields = yielder_locked(sm, q, u, e);
	if (yields != NULL)
		r = ADMIT_OK;
	if (r == ADMIT_OK)
		u = join_use_locked(sm, q->chan, &spare);
	if (r == ADMIT_OK && u == NULL)
		r = REFUSE_OTHER;
	if (r == ADMIT_OK) {
		account_locked(sm, e, false);
		unpair_locked(sm, e);
		old = leave_use_locked(sm, e);
		e->use = u;
		e->served = true;
		e->reserved_kbps = q->bitrate_kbps;
		e->reserve_end = clk_now() + SERVENT_RESERVE;
		sv->pending = false;
		sv->type = type;
		sv->chan = *q->chan;
		set_status_locked(sv, SV_CONNECTED);
		if (yields != NULL)
			pair_locked(sm, e, yields, q->bitrate_kbps);
		account_locked(sm, e, true);
		sm->started++;
	} else {
		sm->refused[r]++;
	}
	sm_unlock(sm);
	free(spare);
	free(old);
	return r;
}

enum refusal servmgr_admit(struct servmgr *sm, struct servent *sv, enum servent_type type,
	const struct gnuid *chan, uint32_t bitrate_kbps, bool playing)
{
	const struct relay_request q = { .chan = chan, .bitrate_kbps = bitrate_kbps, .playing = playing };

	return admit(sm, sv, type, &q);
}

enum refusal servmgr_admit_relay(struct servmgr *sm, struct servent *sv, const struct relay_request *q)
{
	return admit(sm, sv, SV_RELAY, q);
}

static void away_key(uint8_t key[REST_KEY], const struct gnuid *chan, const struct gnuid *sid)
{
	memcpy(key, chan->b, GNUID_LEN);
	memcpy(key + GNUID_LEN, sid->b, GNUID_LEN);
}

void servmgr_claim(struct servmgr *sm, struct servent *sv)
{
	struct entry *e = entry_of(sv), *twin, *goes;
	struct servent *away = NULL;
	const nsec now = clk_now();
	uint8_t key[REST_KEY];

	sm_lock(sm);
	if (e->guest) {
		twin = relay_of_locked(e->use, &sv->remote, e);
		goes = twin != NULL ? twin : e->pair;
		account_locked(sm, goes, false);
		account_locked(sm, e, false);
		unpair_locked(sm, e);           /* a pair no more: who goes does not count */
		account_locked(sm, goes, false);
		set_status_locked(&goes->sv, SV_CLOSING);
		account_locked(sm, goes, true);
		account_locked(sm, e, true);
		if (twin == NULL) {
			away = servent_ref(&goes->sv);
			away_key(key, &sv->chan, &away->remote);
			rests_set(&sm->away, key, now, now + SERVENT_AWAY);
		}
	}
	sm_unlock(sm);
	if (away == NULL)
		return;
	/* the mailbox's lock orders it */
	atomic_store_explicit(&away->sent_away, true, memory_order_relaxed);
	mbox_stop_soft(&away->mbox);
	servent_unref(&away);
}

bool servmgr_was_sent_away(struct servmgr *sm, const struct gnuid *chan, const struct gnuid *sid)
{
	uint8_t key[REST_KEY];
	bool yes;

	away_key(key, chan, sid);
	sm_lock(sm);
	yes = rests_has(&sm->away, key, clk_now());
	sm_unlock(sm);
	return yes;
}

enum refusal servmgr_admit_control(struct servmgr *sm, struct servent *sv, const struct gnuid *sid)
{
	struct entry *e = entry_of(sv), *twin = NULL;
	enum refusal r = ADMIT_OK;

	sm_lock(sm);
	HASH_FIND(hh, sm->sids, sid, sizeof(*sid), twin);
	if (twin != NULL && twin != e)
		r = REFUSE_DUPLICATE;
	else if (sm->connected[SV_CIN] >= sm->limits.max_control)
		r = REFUSE_FULL;
	if (r == ADMIT_OK) {
		account_locked(sm, e, false);
		unpair_locked(sm, e);
		e->served = true;
		sv->pending = false;
		sv->type = SV_CIN;
		sv->remote = *sid;
		set_status_locked(sv, SV_CONNECTED);
		account_locked(sm, e, true);
	} else {
		sm->refused[r]++;
	}
	sm_unlock(sm);
	return r;
}

static bool has_room_locked(struct servmgr *sm, enum servent_type type, const struct gnuid *chan,
	uint32_t bitrate_kbps) REQUIRES(lk_servmgr)
{
	if (sm->own.disabled && type != SV_CIN)
		return false;
	if (type == SV_RELAY)
		return limits_locked(sm, type, find_use_locked(sm, chan), bitrate_kbps, true) == ADMIT_OK;
	if (type == SV_DIRECT)
		return sm->public[SV_DIRECT] < sm->limits.max_direct;
	return type == SV_CIN && sm->connected[SV_CIN] < sm->limits.max_control;
}

bool servmgr_has_room(struct servmgr *sm, enum servent_type type, const struct gnuid *chan,
	uint32_t bitrate_kbps)
{
	bool room;

	sm_lock(sm);
	room = has_room_locked(sm, type, chan, bitrate_kbps);
	sm_unlock(sm);
	return room;
}

static struct usage usage_locked(struct servmgr *sm, const struct gnuid *chan) REQUIRES(lk_servmgr)
{
	const struct use *e = find_use_locked(sm, chan);

	return e != NULL ? e->u : (struct usage){ .relays = 0 };
}

void servmgr_places(struct servmgr *sm, const struct gnuid *chan, uint32_t bitrate_kbps, struct places *p)
{
	sm_lock(sm);
	p->used = usage_locked(sm, chan);
	p->relay = has_room_locked(sm, SV_RELAY, chan, bitrate_kbps);
	p->direct = has_room_locked(sm, SV_DIRECT, chan, bitrate_kbps);
	sm_unlock(sm);
}

void servmgr_usage(struct servmgr *sm, const struct gnuid *chan, struct usage *u)
{
	sm_lock(sm);
	*u = usage_locked(sm, chan);
	sm_unlock(sm);
}
