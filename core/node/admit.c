/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Admission: who may be served, how much is in use (servmgr.h). */
#include "core/node/servmgr.h"

#include <stdlib.h>

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

enum refusal servmgr_admit(struct servmgr *sm, struct servent *sv, enum servent_type type,
	const struct gnuid *chan, uint32_t bitrate_kbps, bool playing)
{
	struct entry *e = entry_of(sv);
	struct use *spare = calloc(1, sizeof(*spare));
	struct use *u, *old = NULL;
	enum refusal r = ADMIT_OK;

	ASSERT(is_output(type));
	sm_lock(sm);
	u = find_use_locked(sm, chan);
	if (sm->own.disabled)
		r = REFUSE_OTHER;
	else if (!sv->private)
		r = limits_locked(sm, type, u, bitrate_kbps, playing);
	if (r == ADMIT_OK && u == NULL && spare != NULL) {
		spare->chan = *chan;
		HASH_ADD(hh, sm->uses, chan, sizeof(spare->chan), spare);
		if (spare->hh.tbl != NULL) {
			u = spare;
			spare = NULL;
		}
	}
	if (r == ADMIT_OK && u == NULL)
		r = REFUSE_OTHER;
	if (r == ADMIT_OK) {
		account_locked(sm, e, false);
		u->refs++;
		old = leave_use_locked(sm, e);
		e->use = u;
		e->served = true;
		e->reserved_kbps = bitrate_kbps;
		e->reserve_end = clk_now() + SERVENT_RESERVE;
		sv->pending = false;
		sv->type = type;
		sv->chan = *chan;
		set_status_locked(sv, SV_CONNECTED);
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

bool servmgr_has_room(struct servmgr *sm, enum servent_type type, const struct gnuid *chan,
	uint32_t bitrate_kbps)
{
	bool room = false;

	sm_lock(sm);
	if (sm->own.disabled && type != SV_CIN)
		room = false;
	else if (type == SV_RELAY)
		room = limits_locked(sm, type, find_use_locked(sm, chan), bitrate_kbps, true) == ADMIT_OK;
	else if (type == SV_DIRECT)
		room = sm->public[SV_DIRECT] < sm->limits.max_direct;
	else if (type == SV_CIN)
		room = sm->connected[SV_CIN] < sm->limits.max_control;
	sm_unlock(sm);
	return room;
}

void servmgr_usage(struct servmgr *sm, const struct gnuid *chan, struct usage *u)
{
	const struct use *e;

	sm_lock(sm);
	e = find_use_locked(sm, chan);
	*u = e != NULL ? e->u : (struct usage){ .relays = 0 };
	sm_unlock(sm);
}
