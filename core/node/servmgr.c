/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/servmgr.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "core/node/table.h"
#include "core/sys/assert.h"
#include "core/sys/event.h"
#include "core/sys/text.h"

#define STOP_BATCH  64
#define SELECT_MORE 16          /* room beyond what was counted: the table moves meanwhile */

/* --- names ------------------------------------------------------------------------------------ */

const char *servent_type_str(enum servent_type t)
{
	static const char *const name[] = {
		[SV_INCOMING] = "INCOMING", [SV_SERVER] = "SERVER", [SV_RELAY] = "RELAY",
		[SV_DIRECT] = "DIRECT", [SV_COUT] = "COUT", [SV_CIN] = "CIN",
		[SV_COMMAND] = "COMMAND",
	};

	return (size_t)t < NELEM(name) ? name[t] : "NONE";
}

const char *servent_status_str(enum servent_status s)
{
	static const char *const name[] = {
		[SV_NONE] = "NONE", [SV_CONNECTING] = "CONNECTING", [SV_PROTOCOL] = "PROTOCOL",
		[SV_HANDSHAKE] = "HANDSHAKE", [SV_CONNECTED] = "CONNECTED",
		[SV_CLOSING] = "CLOSING", [SV_LISTENING] = "LISTENING", [SV_TIMEOUT] = "TIMEOUT",
		[SV_WAIT] = "WAIT", [SV_ERROR] = "ERROR",
	};

	return (size_t)s < NELEM(name) ? name[s] : "NONE";
}

/* --- life ------------------------------------------------------------------------------------- */

struct servmgr *servmgr_new(void)
{
	struct servmgr *sm = calloc(1, sizeof(*sm));
	const struct host any4 = host_v4(127, 0, 0, 1, 0);
	const struct host any6 = { .ip = { [15] = 1 } };

	if (sm == NULL)
		return NULL;
	mtx_init(&sm->mtx, &lk_servmgr);
	cond_init(&sm->empty);
	sm->sid = gnuid_random(0);
	sm_lock(sm);
	sm->limits = (struct limits){
		.max_serv_in = 50, .max_relays = 2, .max_control = 3, .max_per_address = 64,
		.trust_localhost = true,
	};
	sm->own.sid = sm->sid;
	sm->own.started = sm->sampled = clk_now();
	sm->own.fw_since[0] = sm->own.fw_since[1] = sm->own.started;
	sm->addr[sm->n_addr++] = (struct own_addr){ .h = any4, .interface = true };
	sm->addr[sm->n_addr++] = (struct own_addr){ .h = any6, .interface = true };
	(void)addresses_locked(sm);
	sm_unlock(sm);
	return sm;
}

void servmgr_free(struct servmgr **smp) LOCK_IMPL /* the only thread left */
{
	struct servmgr *sm = *smp;

	*smp = NULL;
	if (sm == NULL)
		return;
	ASSERT(sm->all == NULL && sm->n == 0 && sm->peers == NULL && sm->uses == NULL);
	cond_fini(&sm->empty);
	mtx_fini(&sm->mtx);
	free(sm);
}

/* --- sums ------------------------------------------------------------------------------------- */

static void count(uint32_t *n, bool add)
{
	ASSERT(add || *n > 0);
	*n = add ? *n + 1 : *n - 1;
}

static bool is_control(enum servent_type t)
{
	return t == SV_CIN || t == SV_COUT;
}

static uint32_t kbps_of(uint32_t bytes_s)
{
	return (uint32_t)((uint64_t)bytes_s * 8 / 1000);
}

/* What the table adds up of a connected servent. */
static void account_connected_locked(struct servmgr *sm, struct entry *e, bool add)
	REQUIRES(lk_servmgr)
{
	struct servent *sv = &e->sv;
	const enum servent_type t = sv->type;

	count(&sm->connected[t], add);
	if (add)
		DL_APPEND2(sm->of_type[t], e, tprev, tnext);
	else
		DL_DELETE2(sm->of_type[t], e, tprev, tnext);
	if (!sv->private && !e->guest) {
		count(&sm->public[t], add);
		if (add)
			e->out_kbps = MAX(MAX(kbps_of(e->rate_out), e->reserved_kbps), e->promised_kbps);
		ASSERT(add || sm->out_kbps >= e->out_kbps);
		sm->out_kbps = add ? sm->out_kbps + e->out_kbps : sm->out_kbps - e->out_kbps;
	}
	if (is_control(t)) {
		if (add && gnuid_is_set(&sv->remote)) {
			HASH_ADD(hh, sm->sids, sv.remote, sizeof(sv->remote), e);
			e->hashed = e->hh.tbl != NULL;
		} else if (e->hashed) {
			HASH_DELETE(hh, sm->sids, e);
			e->hashed = false;
		}
	}
	if (is_output(t) && e->use != NULL) {
		struct usage *u = &e->use->u;

		count(t == SV_RELAY ? &u->relays : &u->directs, add);
		if (!sv->private && !e->guest)
			count(t == SV_RELAY ? &u->relays_public : &u->directs_public, add);
		if (add)
			DL_APPEND2(e->use->members, e, cprev, cnext);
		else
			DL_DELETE2(e->use->members, e, cprev, cnext);
	}
}

/* Players, relays and control connections are told of while they are connected (event.h). */
static void show_locked(struct entry *e, bool connected) REQUIRES(lk_servmgr)
{
	const struct servent *sv = &e->sv;

	if (e->shown == connected)
		return;
	e->shown = connected;
	event_tell(EVENT_CONNECTION, connected ? "opened" : "closed", servent_type_str(sv->type),
		sv->chan.b, sv->id, &sv->peer, sv->agent);
}

void account_locked(struct servmgr *sm, struct entry *e, bool add)
{
	const bool open = !e->sv.outgoing && !e->served;

	if (e->counted == add)
		return;
	e->counted = add;
	if (e->sv.pending)
		count(&sm->pending, add);
	if (open)
		count(&sm->serv_in, add);
	if (open && add)
		DL_APPEND2(sm->open, e, oprev, onext);
	else if (open)
		DL_DELETE2(sm->open, e, oprev, onext);
	if (e->peer != NULL) {
		if (open)
			count(&e->peer->open, add);
		if (e->sv.pending)
			count(&e->peer->pending, add);
	}
	if (e->sv.status == SV_CONNECTED)
		account_connected_locked(sm, e, add);
	if (add)
		show_locked(e, e->sv.status == SV_CONNECTED && !e->guest &&
			(is_output(e->sv.type) || is_control(e->sv.type)));
}

/* Forget `e` in its address' record; the record when it was the last one: to be freed. */
static struct peer *leave_peer_locked(struct servmgr *sm, struct entry *e) REQUIRES(lk_servmgr)
{
	struct peer *p = e->peer;

	e->peer = NULL;
	if (p == NULL || --p->refs > 0)
		return NULL;
	HASH_DELETE(hh, sm->peers, p);
	return p;
}

struct use *find_use_locked(struct servmgr *sm, const struct gnuid *chan)
{
	struct use *u;

	HASH_FIND(hh, sm->uses, chan, sizeof(*chan), u);
	return u;
}

struct use *leave_use_locked(struct servmgr *sm, struct entry *e)
{
	struct use *u = e->use;

	e->use = NULL;
	if (u == NULL || --u->refs > 0)
		return NULL;
	HASH_DELETE(hh, sm->uses, u);
	return u;
}

/* --- connections come and go ------------------------------------------------------------------- */

static void peer_key(uint8_t key[16], const struct host *h)
{
	memcpy(key, h->ip, 16);
	if (!host_is_v4(h))
		memset(key + 8, 0, 8);
}

/* Who makes room for a new one: silent clients must not lock anybody out (settings.md decision 2).
 * Ordinary requests are over long before they are old enough. NULL = nobody. */
static struct entry *crowd_locked(struct servmgr *sm) REQUIRES(lk_servmgr)
{
	const nsec now = clk_now();
	struct entry *e, *worst = NULL;

	DL_FOREACH2(sm->open, e, onext) {
		if (now - e->sv.born < SERVENT_CALM || e->peer == NULL)
			continue;
		if (worst == NULL || e->peer->open > worst->peer->open ||
		    (e->peer->open == worst->peer->open && e->sv.born < worst->sv.born))
			worst = e;
	}
	return worst;
}

/* May one more be listed? p is its address' record; NULL = none yet, or dialled. ST_OK with *crowd: when
 * that one goes. */
static enum status room_locked(struct servmgr *sm, const struct peer *p, bool outgoing, bool local,
	struct entry **crowd) REQUIRES(lk_servmgr)
{
	const struct limits *l = &sm->limits;
	const uint64_t max_in = (uint64_t)l->max_serv_in + (local ? SERVENT_LOCAL_SLOTS : 0);

	*crowd = NULL;
	if (atomic_load_explicit(&sm->stopping, memory_order_relaxed)) /* set under the lock */
		return ST_STOPPED;
	if (sm->n >= SERVENT_MAX)
		return ST_LIMIT;
	if (outgoing)
		return ST_OK;
	if (p != NULL && p->pending >= (local ? SERVENT_PENDING_LOCAL : SERVENT_PENDING))
		return ST_LIMIT;
	if (p != NULL && !local && p->open >= l->max_per_address)
		return ST_LIMIT;
	if (sm->serv_in < max_in)
		return ST_OK;
	*crowd = crowd_locked(sm);
	return *crowd != NULL ? ST_OK : ST_LIMIT;
}

/* It no longer counts; its thread is told outside the lock. */
static struct servent *oust_locked(struct servmgr *sm, struct entry *e) REQUIRES(lk_servmgr)
{
	account_locked(sm, e, false);
	e->served = true;
	e->sv.pending = false;
	account_locked(sm, e, true);
	sm->refused[REFUSE_FULL]++;
	return servent_ref(&e->sv);
}

static struct peer *find_peer_locked(struct servmgr *sm, const uint8_t key[16]) REQUIRES(lk_servmgr)
{
	struct peer *p;

	HASH_FIND(hh, sm->peers, key, 16, p);
	return p;
}

/* Before anything is made for it: so that a refused connection costs next to nothing. */
static enum status look(struct servmgr *sm, const struct host *peer, bool outgoing, bool *local)
	EXCLUDES(lk_servmgr)
{
	struct entry *crowd;
	uint8_t key[16];
	enum status st;

	peer_key(key, peer);
	sm_lock(sm);
	*local = is_local_locked(sm, peer);
	st = room_locked(sm, find_peer_locked(sm, key), outgoing, *local, &crowd);
	if (st == ST_LIMIT)
		sm->refused[REFUSE_FULL]++;
	sm_unlock(sm);
	return st;
}

/* List e, when there still is room. *spare is a fresh record of its address, NULL once it is used. */
static enum status list(struct servmgr *sm, struct entry *e, struct peer **spare)
	EXCLUDES(lk_servmgr)
{
	struct servent *ousted = NULL;
	struct entry *crowd;
	struct peer *p = NULL;
	enum status st;

	sm_lock(sm);
	if (*spare != NULL)
		p = find_peer_locked(sm, (*spare)->ip);
	st = room_locked(sm, p, e->sv.outgoing, e->sv.local, &crowd);
	if (st == ST_OK && p == NULL && *spare != NULL) {
		HASH_ADD(hh, sm->peers, ip, sizeof((*spare)->ip), *spare);
		if ((*spare)->hh.tbl == NULL) {
			st = ST_LIMIT;
		} else {
			p = *spare;
			*spare = NULL;
		}
	}
	if (st == ST_OK && crowd != NULL)
		ousted = oust_locked(sm, crowd);
	if (st == ST_OK) {
		e->peer = p;
		if (p != NULL)
			p->refs++;
		e->sv.id = ++sm->last_id;
		sm->n++;
		DL_PREPEND(sm->all, e);
		account_locked(sm, e, true);
	} else if (st == ST_LIMIT) {
		sm->refused[REFUSE_FULL]++;
	}
	sm_unlock(sm);
	if (ousted != NULL)
		mbox_stop(&ousted->mbox);
	servent_unref(&ousted);
	return st;
}

enum status servent_new(struct servmgr *sm, int fd, const struct host *peer, bool outgoing,
	struct servent **out)
{
	struct entry *e = NULL;
	struct peer *spare = NULL;
	struct servent *sv;
	bool local;
	enum status st;

	*out = NULL;
	st = look(sm, peer, outgoing, &local);
	if (st != ST_OK)
		return st;
	e = calloc(1, sizeof(*e));
	if (!outgoing)
		spare = calloc(1, sizeof(*spare));
	if (e == NULL || (!outgoing && spare == NULL)) {
		st = ST_LIMIT;
		goto fail;
	}
	sv = &e->sv;
	/* Most accepted ones are gone before they had to wait for anything. */
	if (outgoing)
		st = mbox_init(&sv->mbox);
	else
		mbox_init_lazy(&sv->mbox);
	if (st != ST_OK)
		goto fail;
	if (spare != NULL)
		peer_key(spare->ip, peer);
	sv->sm = sm;
	sv->peer = *peer;
	sv->outgoing = outgoing;
	sv->local = local;
	sv->born = sv->since = e->sampled = clk_now();
	sv->type = SV_INCOMING;
	sv->status = SV_PROTOCOL;
	sv->pending = !outgoing;
	atomic_init(&sv->refs, 1);
	if (fd != -1)
		sock_init(&sv->sock, fd, peer, &sv->mbox);
	else
		sv->sock.fd = -1;
	st = list(sm, e, &spare);
	if (st != ST_OK) {
		sv->sock.fd = -1;       /* still the caller's */
		mbox_fini(&sv->mbox);
		goto fail;
	}
	free(spare);
	*out = sv;
	return ST_OK;
fail:
	free(spare);
	free(e);
	return st;
}

struct servent *servent_ref(struct servent *sv)
{
	/* relaxed: the caller has a reference, or the lock under which it is listed */
	const uint32_t was = atomic_fetch_add_explicit(&sv->refs, 1, memory_order_relaxed);

	ASSERT(was > 0 && was < UINT32_MAX);
	return sv;
}

void servent_unref(struct servent **svp)
{
	struct servent *sv = *svp;
	struct entry *e;
	uint32_t was;

	*svp = NULL;
	if (sv == NULL)
		return;
	was = atomic_fetch_sub_explicit(&sv->refs, 1, memory_order_acq_rel);
	ASSERT(was > 0);
	if (was > 1)
		return;
	e = entry_of(sv);
	ASSERT(sv->sock.fd == -1 && !e->counted && e->use == NULL && e->peer == NULL);
	mbox_fini(&sv->mbox);
	routelist_clear(&e->routes);
	free(e);
}

/* Does its traffic leave this machine and its network? */
static bool is_outside(const struct servent *sv)
{
	return !sv->local && !host_is_private(&sv->peer) && !host_is_linklocal(&sv->peer);
}

/* Bytes since the mark. A servent that dials again starts from 0. */
static uint64_t since_mark(_Atomic uint64_t *counter, uint64_t *mark)
{
	const uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
	const uint64_t n = now >= *mark ? now - *mark : now;

	*mark = now;
	return n;
}

void servent_end(struct servent **svp)
{
	struct servent *sv = *svp;
	struct servmgr *sm = sv->sm;
	struct entry *e = entry_of(sv);
	struct peer *p;
	struct use *u;

	/* Who sees the end and comes again at once finds the place of its handshake free. */
	servent_settled(sv);
	sock_close(&sv->sock);
	sm_lock(sm);
	account_locked(sm, e, false);
	show_locked(e, false);
	unpair_locked(sm, e);
	p = leave_peer_locked(sm, e);
	u = leave_use_locked(sm, e);
	DL_DELETE(sm->all, e);
	for (int k = is_outside(sv) ? 1 : 0; k >= 0; k--) {
		uint64_t out = e->mark_out, in = e->mark_in;

		sm->gone[k][0] += since_mark(&sv->sock.nwritten, &out);
		sm->gone[k][1] += since_mark(&sv->sock.nread, &in);
	}
	ASSERT(sm->n > 0);
	if (--sm->n == 0)
		cond_broadcast(&sm->empty);
	sm_unlock(sm);
	free(p);
	free(u);
	servent_unref(svp);
}

void set_status_locked(struct servent *sv, enum servent_status s)
{
	if (sv->status != s)
		sv->since = clk_now();
	sv->status = s;
}

void servent_set_type(struct servent *sv, enum servent_type t, enum servent_status s)
{
	struct entry *e = entry_of(sv);

	sm_lock(sv->sm);
	account_locked(sv->sm, e, false);
	if (t != sv->type || s != SV_CONNECTED)
		unpair_locked(sv->sm, e);
	sv->type = t;
	set_status_locked(sv, s);
	account_locked(sv->sm, e, true);
	sm_unlock(sv->sm);
}

void servent_set_status(struct servent *sv, enum servent_status s)
{
	servent_set_type(sv, sv->type, s);
}

void servent_set_agent(struct servent *sv, const char *agent)
{
	char clean[SERVENT_AGENT];

	(void)text_clean(clean, sizeof(clean), agent, strlen(agent));
	sm_lock(sv->sm);
	memcpy(sv->agent, clean, sizeof(clean));
	sm_unlock(sv->sm);
}

void servent_set_remote(struct servent *sv, const struct gnuid *sid)
{
	struct entry *e = entry_of(sv);

	sm_lock(sv->sm);
	account_locked(sv->sm, e, false);
	sv->remote = *sid;
	if (!gnuid_is_set(sid))
		routelist_clear(&e->routes);
	account_locked(sv->sm, e, true);
	sm_unlock(sv->sm);
}

void servent_set_ssl(struct servent *sv)
{
	sm_lock(sv->sm);
	sv->ssl = true;
	sm_unlock(sv->sm);
}

void servent_set_private(struct servent *sv, bool yes)
{
	struct entry *e = entry_of(sv);

	sm_lock(sv->sm);
	account_locked(sv->sm, e, false);
	if (yes)
		unpair_locked(sv->sm, e);
	sv->private = yes;
	account_locked(sv->sm, e, true);
	sm_unlock(sv->sm);
}

void servent_settled(struct servent *sv)
{
	struct entry *e = entry_of(sv);

	sm_lock(sv->sm);
	account_locked(sv->sm, e, false);
	sv->pending = false;
	account_locked(sv->sm, e, true);
	sm_unlock(sv->sm);
}

void servent_set_command(struct servent *sv)
{
	struct entry *e = entry_of(sv);

	sm_lock(sv->sm);
	account_locked(sv->sm, e, false);
	unpair_locked(sv->sm, e);
	e->served = true;
	sv->pending = false;
	sv->type = SV_COMMAND;
	set_status_locked(sv, SV_CONNECTED);
	account_locked(sv->sm, e, true);
	sm_unlock(sv->sm);
}

void servent_heard(struct servent *sv, const struct gnuid *from)
{
	struct entry *e = entry_of(sv);

	sm_lock(sv->sm);
	/* most speak for themselves alone, and are found without a list */
	if (!gnuid_equal(&sv->remote, from))
		routelist_add(&e->routes, from);
	sm_unlock(sv->sm);
}

/* --- figures ----------------------------------------------------------------------------------- */

void servmgr_totals(struct servmgr *sm, struct totals *t)
{
	*t = (struct totals){
		.msgs_posted = atomic_load_explicit(&sm->posted, memory_order_relaxed),
		.msgs_lost = atomic_load_explicit(&sm->lost, memory_order_relaxed),
		.msgs_refused = atomic_load_explicit(&sm->refused_msgs, memory_order_relaxed),
	};
	sm_lock(sm);
	t->servents = sm->n;
	memcpy(t->connected, sm->connected, sizeof(t->connected));
	t->pending = sm->pending;
	t->out_all_bps = sm->bps[0][0];
	t->in_all_bps = sm->bps[0][1];
	t->out_bps = sm->bps[1][0];
	t->in_bps = sm->bps[1][1];
	memcpy(t->refused, sm->refused, sizeof(t->refused));
	t->started = sm->started;
	memcpy(t->bytes, sm->bytes, sizeof(t->bytes));
	sm_unlock(sm);
}

static uint64_t per_s(uint64_t bytes, nsec span)
{
	return (uint64_t)((double)bytes * (double)NSEC_PER_SEC / (double)MAX(span, (nsec)1));
}

static void sample_locked(struct servmgr *sm, struct entry *e, nsec now, uint64_t sum[2][2])
	REQUIRES(lk_servmgr)
{
	const uint64_t out = since_mark(&e->sv.sock.nwritten, &e->mark_out);
	const uint64_t in = since_mark(&e->sv.sock.nread, &e->mark_in);
	const nsec span = now - e->sampled;

	for (int k = is_outside(&e->sv) ? 1 : 0; k >= 0; k--) {
		sum[k][0] += out;
		sum[k][1] += in;
	}
	account_locked(sm, e, false);
	e->rate_out = (uint32_t)MIN(per_s(out, span), (uint64_t)UINT32_MAX);
	e->rate_in = (uint32_t)MIN(per_s(in, span), (uint64_t)UINT32_MAX);
	e->sampled = now;
	if (now >= e->reserve_end)
		e->reserved_kbps = 0;
	account_locked(sm, e, true);
}

void servmgr_count_in(struct servmgr *sm, uint64_t n, bool outside)
{
	sm_lock(sm);
	for (int k = outside ? 1 : 0; k >= 0; k--)
		sm->gone[k][1] += n;
	sm_unlock(sm);
}

void servmgr_sample(struct servmgr *sm)
{
	const nsec now = clk_now();
	uint64_t sum[2][2];
	struct entry *e;

	sm_lock(sm);
	memcpy(sum, sm->gone, sizeof(sum));
	memset(sm->gone, 0, sizeof(sm->gone));
	DL_FOREACH(sm->all, e)
		sample_locked(sm, e, now, sum);
	for (int k = 0; k < 2; k++)
		for (int i = 0; i < 2; i++) {
			sm->bps[k][i] = per_s(sum[k][i], now - sm->sampled);
			sm->bytes[k][i] += sum[k][i];
		}
	sm->sampled = now;
	traffic_add(&sm->traffic, now, sum);
	sm_unlock(sm);
}

nsec servmgr_traffic(struct servmgr *sm, struct traffic_slot out[TRAFFIC_SLOTS])
{
	const nsec now = clk_now();
	nsec age;

	sm_lock(sm);
	age = traffic_get(&sm->traffic, now, out);
	sm_unlock(sm);
	return age;
}

/* --- finding connections ----------------------------------------------------------------------- */

static bool fits_locked(const struct entry *e, const struct servent_query *q) REQUIRES(lk_servmgr)
{
	const struct servent *sv = &e->sv;

	if ((q->types >> sv->type & 1) == 0 || sv->status != SV_CONNECTED)
		return false;
	if (q->id != 0 && sv->id != q->id)
		return false;
	if (gnuid_is_set(&q->chan) && !gnuid_equal(&q->chan, &sv->chan))
		return false;
	if (gnuid_is_set(&q->not_remote) && gnuid_equal(&q->not_remote, &sv->remote))
		return false;
	if (gnuid_is_set(&q->remote) && !gnuid_equal(&q->remote, &sv->remote))
		return false;
	if (gnuid_is_set(&q->dest) && !gnuid_equal(&q->dest, &sv->remote) &&
	    !routelist_has(&e->routes, &q->dest))
		return false;
	return true;
}

/* Count the matching ones, and reference those that there is room for. */
static size_t match_locked(struct servmgr *sm, const struct servent_query *q, struct servent **v,
	size_t cap) REQUIRES(lk_servmgr)
{
	size_t n = 0;
	struct entry *e;

	/* Only relays and players have a channel. */
	if (gnuid_is_set(&q->chan)) {
		struct use *u = find_use_locked(sm, &q->chan);

		if (u == NULL)
			return 0;
		DL_FOREACH2(u->members, e, cnext)
			if (fits_locked(e, q) && n++ < cap)
				v[n - 1] = servent_ref(&e->sv);
		return n;
	}
	for (int t = 0; t < SV_TYPES; t++) {
		if ((q->types >> t & 1) == 0)
			continue;
		DL_FOREACH2(sm->of_type[t], e, tnext)
			if (fits_locked(e, q) && n++ < cap)
				v[n - 1] = servent_ref(&e->sv);
	}
	return n;
}

enum status servmgr_select(struct servmgr *sm, const struct servent_query *q, struct servent ***out,
	size_t *n)
{
	struct servent **v = NULL;
	size_t cap = 0, found;

	*out = NULL;
	*n = 0;
	for (;;) {
		sm_lock(sm);
		found = match_locked(sm, q, v, cap);
		sm_unlock(sm);
		if (found <= cap)
			break;
		/* Again with room for all: half a selection is none. */
		for (size_t i = 0; i < cap; i++)
			servent_unref(&v[i]);
		free(v);
		cap = found + SELECT_MORE;
		v = calloc(cap, sizeof(*v));
		if (v == NULL)
			return ST_LIMIT;
	}
	if (found == 0) {
		free(v);
		return ST_OK;
	}
	*out = v;
	*n = found;
	return ST_OK;
}

struct servent *servmgr_find(struct servmgr *sm, uint32_t id)
{
	struct servent *sv = NULL;
	struct entry *e;

	sm_lock(sm);
	DL_SEARCH_SCALAR(sm->all, e, sv.id, id);
	if (e != NULL)
		sv = servent_ref(&e->sv);
	sm_unlock(sm);
	return sv;
}

void servmgr_count_post(struct servmgr *sm, enum status st)
{
	if (st == ST_OK || st == ST_LIMIT)
		atomic_fetch_add_explicit(&sm->posted, 1, memory_order_relaxed);
	if (st == ST_LIMIT)
		atomic_fetch_add_explicit(&sm->lost, 1, memory_order_relaxed);
}

void servmgr_count_refused(struct servmgr *sm)
{
	atomic_fetch_add_explicit(&sm->refused_msgs, 1, memory_order_relaxed);
}

size_t servmgr_post(struct servmgr *sm, const struct servent_query *q, struct blob *msg)
{
	struct servent **v;
	size_t n, took = 0;

	if (servmgr_select(sm, q, &v, &n) != ST_OK)
		return 0;
	for (size_t i = 0; i < n; i++) {
		const enum status st = mbox_post(&v[i]->mbox, msg);

		servmgr_count_post(sm, st);
		took += st == ST_OK;
		servent_unref(&v[i]);
	}
	free(v);
	return took;
}

void servmgr_wake(struct servmgr *sm, const struct servent_query *q)
{
	struct servent **v;
	size_t n;

	if (servmgr_select(sm, q, &v, &n) != ST_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		mbox_wake(&v[i]->mbox);
		servent_unref(&v[i]);
	}
	free(v);
}

static void view_locked(struct entry *e, struct servent_view *v) REQUIRES(lk_servmgr)
{
	struct servent *sv = &e->sv;

	*v = (struct servent_view){
		.id = sv->id,
		.type = sv->type,
		.status = sv->status,
		.peer = sv->peer,
		.private = sv->private, .ssl = sv->ssl,
		.outgoing = sv->outgoing,
		.framed = sv->type == SV_RELAY || is_control(sv->type),
		.age_s = clk_age_s(sv->since),
		.rate_out = e->rate_out,
		.rate_in = e->rate_in,
		.bytes_out = atomic_load_explicit(&sv->sock.nwritten, memory_order_relaxed),
		.bytes_in = atomic_load_explicit(&sv->sock.nread, memory_order_relaxed),
		.remote = sv->remote,
		.chan = sv->chan,
	};
	memcpy(v->agent, sv->agent, sizeof(v->agent));
}

enum status servmgr_views(struct servmgr *sm, const struct gnuid *chan, struct servent_view **out,
	size_t *n)
{
	struct servent_view *v = NULL;
	size_t cap = 0, found;
	struct entry *e;

	*out = NULL;
	*n = 0;
	for (;;) {
		found = 0;
		sm_lock(sm);
		/* Without room, only count. */
		DL_FOREACH(sm->all, e)
			if ((chan == NULL || gnuid_equal(chan, &e->sv.chan)) && found++ < cap)
				view_locked(e, &v[found - 1]);
		sm_unlock(sm);
		if (found <= cap)
			break;
		free(v);
		cap = found + SELECT_MORE;
		v = calloc(cap, sizeof(*v));
		if (v == NULL)
			return ST_LIMIT;
	}
	if (found == 0) {
		free(v);
		return ST_OK;
	}
	*out = v;
	*n = found;
	return ST_OK;
}

/* --- the end ----------------------------------------------------------------------------------- */

/* References to some that have not been told yet: none needs memory, so nobody is left out. */
static size_t untold(struct servmgr *sm, int how, struct servent **v) EXCLUDES(lk_servmgr)
{
	size_t n = 0;
	struct entry *e;

	sm_lock(sm);
	atomic_store_explicit(&sm->stopping, true, memory_order_release);
	DL_FOREACH(sm->all, e) {
		if (e->told >= how)
			continue;
		if (n == STOP_BATCH)
			break;
		e->told = how;
		v[n++] = servent_ref(&e->sv);
	}
	sm_unlock(sm);
	return n;
}

void servmgr_stop_all(struct servmgr *sm, bool soft)
{
	struct servent *v[STOP_BATCH];
	size_t n;

	do {
		n = untold(sm, soft ? TOLD_SOFT : TOLD_HARD, v);
		for (size_t i = 0; i < n; i++) {
			if (soft)
				mbox_stop_soft(&v[i]->mbox);
			else
				mbox_stop(&v[i]->mbox);
			servent_unref(&v[i]);
		}
	} while (n == STOP_BATCH);
}

enum status servmgr_wait_empty(struct servmgr *sm, nsec deadline)
{
	enum status st = ST_OK;

	sm_lock(sm);
	while (sm->n > 0 && st == ST_OK)
		st = cond_wait(&sm->empty, &sm->mtx, deadline);
	if (sm->n == 0)
		st = ST_OK;
	sm_unlock(sm);
	return st;
}

bool servmgr_is_stopping(const struct servmgr *sm)
{
	return atomic_load_explicit(&sm->stopping, memory_order_acquire);
}
