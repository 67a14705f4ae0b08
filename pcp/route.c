/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/route.h"

#include <string.h>

#include "core/sys/rng.h"
#include "pcp/pcp.h"

/* --- may it be obeyed? ------------------------------------------------------------------------ */

static enum routeaccept take_if(bool ok)
{
	return ok ? ROUTE_TAKE : ROUTE_IGNORE;
}

enum routeaccept route_accept(const struct routeplace *at, uint32_t id)
{
	switch (id) {
	case ATOM_CHAN:                 /* names a channel; its parts are judged one by one */
	case ATOM_OK:
	case ATOM_MESG:
	case ATOM_ASCI:
	case ATOM_ATOM:
		return ROUTE_TAKE;
	case ATOM_BCST:
		return take_if(!at->in_bcst);
	case ATOM_QUIT:
		return take_if(!at->in_bag && !at->in_bcst);
	case ATOM_BCID:
	case ATOM_KEY:
	case ATOM_INFO:
	case ATOM_TRCK:
		return take_if(at->kind == ROUTE_FETCH || (at->kind == ROUTE_CIN && at->is_root));
	case ATOM_PKT:
		return take_if(at->kind == ROUTE_FETCH && !at->in_bcst);
	case ATOM_HOST:
		return take_if(at->kind != ROUTE_RELAY || at->in_bcst);
	case ATOM_ROOT:
		if (at->is_root && at->kind == ROUTE_CIN)
			return ROUTE_REFUSE;
		return take_if(at->kind == ROUTE_COUT && at->from_yp);
	case ATOM_PUSH:
		return take_if(at->in_bcst && at->to_me);
	default:
		return ROUTE_IGNORE;
	}
}

/* --- what becomes of a bcst ------------------------------------------------------------------- */

struct routeplan route_plan(const struct bcst *b, const struct gnuid *self)
{
	struct routeplan p = { .loop = false };
	bool addressed = gnuid_is_set(&b->dest);

	p.loop = gnuid_is_set(&b->from) && gnuid_equal(&b->from, self);
	p.to_me = addressed && gnuid_equal(&b->dest, self);
	p.process = !p.loop && (!addressed || p.to_me);
	p.forward = !p.loop && !p.to_me && bcst_ttl_next(b) > 0 && b->grp != 0;
	return p;
}

bool route_root_forwards(enum routeforward rule, const struct bcst *b)
{
	struct atombag bag;
	struct atom a;
	bool any = false;

	if (rule != ROUTE_FORWARD_PUSH)
		return rule == ROUTE_FORWARD_ALL;
	bcst_payload(b, &bag);
	while (atombag_next(&bag, &a)) {
		if (a.id != ATOM_PUSH)
			return false;
		any = true;
	}
	return any && gnuid_is_set(&b->dest);
}

/* --- which connections ------------------------------------------------------------------------ */

bool route_up(const struct bcst *b)
{
	return b->grp & (PCP_BCST_GROUP_ROOT | PCP_BCST_GROUP_TRACKERS | PCP_BCST_GROUP_RELAYS);
}

bool route_tells_of_channel(const struct bcst *b)
{
	struct atombag bag;
	struct atom a;

	bcst_payload(b, &bag);
	while (atombag_next(&bag, &a)) {
		if (a.id == ATOM_CHAN)
			return true;
	}
	return false;
}

bool route_down(const struct routeplace *at, const struct bcst *b, const struct gnuid *arrival,
	struct servent_query *q)
{
	enum {
		ROOT = PCP_BCST_GROUP_ROOT, TRACKERS = PCP_BCST_GROUP_TRACKERS,
		RELAYS = PCP_BCST_GROUP_RELAYS,
	};
	/* Group bits that let a packet out on a connection of each type; only a relay has a channel. */
	static const struct {
		enum servent_type type;
		uint8_t groups;
		bool bound, below;
	} out[] = {
		{ SV_COUT, ROOT | TRACKERS | RELAYS, false, false },
		{ SV_CIN, TRACKERS | RELAYS, false, true },
		{ SV_RELAY, RELAYS, true, true },
	};
	const bool from_below = at->kind == ROUTE_RELAY || (at->kind == ROUTE_CIN && !at->is_root);
	const bool hush = from_below && route_tells_of_channel(b);

	*q = (struct servent_query){ .not_remote = *arrival, .dest = b->dest, .chan = b->cid };
	for (size_t i = 0; i < NELEM(out); i++) {
		if ((b->grp & out[i].groups) && (out[i].bound || !gnuid_is_set(&b->cid)) &&
		    !(hush && out[i].below))
			q->types |= 1u << out[i].type;
	}
	return q->types != 0;
}

/* --- the same again? -------------------------------------------------------------------------- */

static uint64_t rotl(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

/* SipHash-1-3, a keyed hash for tables. */
static uint64_t sip_hash(const uint64_t key[2], const void *data, size_t n)
{
	uint64_t v[4] = {
		key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
		key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573),
	};
	const uint8_t *p = data;
	uint64_t m = 0;

	for (size_t i = 0; i < n; i++) {
		m |= (uint64_t)p[i] << (8 * (i & 7));
		if ((i & 7) != 7)
			continue;
		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
		m = 0;
	}
	m |= (uint64_t)n << 56;
	v[3] ^= m;
	sip_round(v);
	v[0] ^= m;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* One more piece into a hash: each is hashed under the hash of those before it. */
static void mix(struct routehash *h, const void *p, size_t n)
{
	h->key[0] ^= sip_hash(h->key, p, n);
}

static uint64_t result(const struct routehash *h)
{
	return h->key[0] != 0 ? h->key[0] : 1;
}

/* Which host it is. */
static void mix_host(struct routehash *h, struct atom a)
{
	struct atom c;

	while (atom_next(&a, &c)) {
		if (c.id == ATOM_ID || c.id == ATOM_CID)
			mix(h, c.whole, c.size);
	}
}

/* Which channel it is, and which parts are told of it. False: it holds a piece of the stream. */
static bool mix_chan(struct routehash *h, struct atom a)
{
	struct atom c, part;

	while (atom_next(&a, &c)) {
		if (c.id == ATOM_PKT)
			return false;
		mix(h, c.whole, atom_is_cont(&c) ? ATOM_HDR : c.size);
		while (atom_next(&c, &part))
			mix(h, &part.id, sizeof(part.id));
	}
	return true;
}

uint64_t route_key(const struct routehash *hash, const struct bcst *b)
{
	struct routehash h = *hash;
	struct atombag bag;
	struct atom c;
	bool any = false;

	if (!gnuid_is_set(&b->from) || gnuid_is_set(&b->dest))
		return 0;
	mix(&h, b->from.b, GNUID_LEN);
	mix(&h, b->cid.b, GNUID_LEN);
	mix(&h, &b->grp, 1);
	bcst_payload(b, &bag);
	while (atombag_next(&bag, &c)) {
		mix(&h, &c.id, sizeof(c.id));
		if (c.id == ATOM_HOST)
			mix_host(&h, c);
		else if (c.id != ATOM_CHAN || !mix_chan(&h, c))
			return 0;
		any = true;
	}
	return any ? result(&h) : 0;
}

void routeseen_init(struct routeseen *s)
{
	memset(s, 0, sizeof(*s));
	rng_bytes(s->hash.key, sizeof(s->hash.key));
}

static uint64_t packet_hash(const struct routeseen *s, const struct bcst *b)
{
	struct routehash h = s->hash;
	struct atom in = b->atom, c;

	mix(&h, b->from.b, GNUID_LEN);
	while (atom_next(&in, &c)) {
		if (!atom_is_routing(c.id))
			mix(&h, c.whole, c.size);
	}
	return result(&h);
}

bool routeseen_check(struct routeseen *s, const struct bcst *b, const struct gnuid *via, nsec now)
{
	uint64_t hash = packet_hash(s, b);
	size_t set = (size_t)(hash >> 8) % ROUTESEEN_SETS, oldest = 0;

	for (size_t i = 0; i < ROUTESEEN_WAYS; i++) {
		if (s->e[set][i].hash == hash && now - s->e[set][i].at < ROUTESEEN_AGE) {
			if (!gnuid_equal(&s->e[set][i].via, via))
				return true;
			oldest = i;
			break;
		}
		if (s->e[set][i].at < s->e[set][oldest].at)
			oldest = i;
	}
	s->e[set][oldest].hash = hash;
	s->e[set][oldest].at = now;
	s->e[set][oldest].via = *via;
	return false;
}
