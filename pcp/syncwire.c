/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/syncwire.h"

#include <string.h>

#include <nettle/sha2.h>

#define TAIL_LEN 4
#define BEACON_LEN  16
#define INQUIRE_LEN 12

/* "PCH", mapping version 1: the last bytes of an info_hash that is a channel. */
static const uint8_t tail[TAIL_LEN] = { 'P', 'C', 'H', 1 };

/* --- reading ------------------------------------------------------------------------------------ */

/* A body of whole records, at least one. */
static enum status of_records(const struct syncpkt *p, size_t rec)
{
	return p->body.left != 0 && p->body.left % rec == 0 ? ST_OK : ST_LIMIT;
}

static enum status check_length(struct syncpkt *p, size_t n)
{
	switch (p->type) {
	case SYNC_T_LIVE:
		p->kind = SYNC_LIVE;
		return of_records(p, SYNC_LIVE_REC);
	case SYNC_T_BEACON:
		p->kind = n == BEACON_LEN ? SYNC_BEACON : SYNC_LIVE6;
		return n == BEACON_LEN ? ST_OK : of_records(p, SYNC_LIVE6_REC);
	case SYNC_T_INQUIRE:
		p->kind = SYNC_INQUIRE;
		return n == INQUIRE_LEN ? ST_OK : ST_LIMIT;
	case SYNC_T_TELL:
		p->kind = SYNC_TELL;
		return of_records(p, SYNC_TELL_REC);
	case SYNC_T_SEALED:
		p->kind = SYNC_SEALED;
		return ST_OK;
	default:
		return ST_STOPPED;
	}
}

static enum status parse_ext(struct syncpkt *p)
{
	uint8_t version;

	p->kind = SYNC_CHANINFO + (p->type - SYNC_T_CHANINFO);
	version = rd_u8(&p->body);
	p->flags = rd_u8(&p->body);
	p->frag = rd_u8(&p->body);
	p->frags = rd_u8(&p->body);
	p->msg = rd_be32(&p->body);
	if (p->body.err != ST_OK)
		return ST_LIMIT;
	if (version != SYNC_EXT_VERSION)
		return ST_STOPPED;
	if (p->frags == 0 || p->frags > SYNC_FRAGS_MAX || p->frag >= p->frags)
		return ST_PROTO;
	return ST_OK;
}

enum status syncpkt_parse(struct syncpkt *p, const void *b, size_t n)
{
	memset(p, 0, sizeof(*p));
	p->body = rd_of(b, n);
	if (n >= 4)
		p->instance = rd_be32(&p->body);
	if (n > SYNC_MTU_MAX)
		return ST_LIMIT;
	if (n < SYNC_HEAD)
		return ST_EOF;
	p->type = rd_be32(&p->body);
	if (p->type >= SYNC_T_CHANINFO && p->type <= SYNC_T_BYE)
		return parse_ext(p);
	return check_length(p, n);
}

/* The 20 bytes of an info_hash. */
static enum sync_hash read_hash(struct rd *r, struct gnuid *id)
{
	const uint8_t *b = rd_take(r, GNUID_LEN + TAIL_LEN);

	if (b == NULL || memcmp(b + GNUID_LEN, tail, TAIL_LEN) != 0)
		return SYNC_HASH_FOREIGN;
	memcpy(id->b, b, GNUID_LEN);
	return gnuid_is_set(id) ? SYNC_HASH_OK : SYNC_HASH_ZERO;
}

static void read_id(struct rd *r, struct gnuid *id)
{
	const uint8_t *b = rd_take(r, GNUID_LEN);

	if (b != NULL)
		memcpy(id->b, b, GNUID_LEN);
}

bool synclive_next(struct syncpkt *p, struct synclive *r)
{
	const bool v6 = p->kind == SYNC_LIVE6;
	const uint8_t *ip;

	if (p->body.left < (size_t)(v6 ? SYNC_LIVE6_REC : SYNC_LIVE_REC))
		return false;
	memset(r, 0, sizeof(*r));
	r->hash = read_hash(&p->body, &r->chan);
	ip = rd_take(&p->body, v6 ? 16 : 4);
	if (ip != NULL && v6)
		memcpy(r->host.ip, ip, sizeof(r->host.ip));
	else if (ip != NULL)
		r->host = host_v4(ip[0], ip[1], ip[2], ip[3], 0);
	r->host.port = rd_be16(&p->body);
	r->flags = rd_u8(&p->body);
	r->flg1 = rd_u8(&p->body);
	return p->body.err == ST_OK;
}

bool synctell_next(struct syncpkt *p, struct synctell *r)
{
	if (p->body.left < SYNC_TELL_REC)
		return false;
	memset(r, 0, sizeof(*r));
	r->hash = read_hash(&p->body, &r->chan);
	r->age_min = rd_be32(&p->body);
	r->peak = rd_be64(&p->body);
	return p->body.err == ST_OK;
}

bool syncgone_next(struct rd *body, struct syncgone *r)
{
	memset(r, 0, sizeof(*r));
	if (body->left < SYNC_GONE_REC)
		return false;
	read_id(body, &r->chan);
	r->why = rd_u8(body);
	return body->err == ST_OK;
}

bool syncdigest_next(struct rd *body, struct syncdigest *r)
{
	const uint8_t *b;

	memset(r, 0, sizeof(*r));
	if (body->left < SYNC_DIGEST_REC)
		return false;
	read_id(body, &r->chan);
	b = rd_take(body, sizeof(r->hash));
	if (b != NULL)
		memcpy(r->hash, b, sizeof(r->hash));
	r->hosts = rd_be16(body);
	r->age_min = rd_be16(body);
	return body->err == ST_OK;
}

bool sync_address_ok(const struct host *h, uint8_t flg1)
{
	if (!host_is_set(h) || host_is_multicast(h))
		return false;
	/* 0.0.0.0/8 is "this network", 240/4 is nobody's, its end is the broadcast address. */
	if (host_is_v4(h) && (h->ip[12] == 0 || h->ip[12] >= 240))
		return false;
	return h->port != 0 || (flg1 & HIT_PUSH) != 0;
}

/* --- writing ------------------------------------------------------------------------------------ */

void syncpkt_begin(struct wr *w, uint32_t instance, uint32_t type)
{
	wr_be32(w, instance);
	wr_be32(w, type);
}

void syncpkt_begin_ext(struct wr *w, uint32_t instance, uint32_t type, uint8_t flags, uint8_t frag,
	uint8_t frags, uint32_t msg)
{
	syncpkt_begin(w, instance, type);
	wr_u8(w, SYNC_EXT_VERSION);
	wr_u8(w, flags);
	wr_u8(w, frag);
	wr_u8(w, frags);
	wr_be32(w, msg);
}

static void put_hash(struct wr *w, const struct gnuid *id)
{
	wr_bytes(w, id->b, GNUID_LEN);
	wr_bytes(w, tail, TAIL_LEN);
}

void synclive_put(struct wr *w, const struct synclive *r)
{
	put_hash(w, &r->chan);
	if (host_is_v4(&r->host))
		wr_bytes(w, r->host.ip + 12, 4);
	else
		wr_bytes(w, r->host.ip, 16);
	wr_be16(w, r->host.port);
	wr_u8(w, r->flags);
	wr_u8(w, r->flg1);
}

void synctell_put(struct wr *w, const struct synctell *r)
{
	put_hash(w, &r->chan);
	wr_be32(w, r->age_min);
	wr_be64(w, r->peak);
}

void syncgone_put(struct wr *w, const struct syncgone *r)
{
	wr_bytes(w, r->chan.b, GNUID_LEN);
	wr_u8(w, r->why);
}

void syncdigest_put(struct wr *w, const struct syncdigest *r)
{
	wr_bytes(w, r->chan.b, GNUID_LEN);
	wr_bytes(w, r->hash, sizeof(r->hash));
	wr_be16(w, r->hosts);
	wr_be16(w, r->age_min);
}

void synclive_of_hit(struct synclive *r, const struct hit *h, bool stopped)
{
	*r = (struct synclive){ .chan = h->chan, .host = h->rhost[0], .flg1 = h->flags };
	if (h->flags & HIT_PUSH)
		r->host.port = 0;
	if (h->flags & HIT_TRACKER)
		r->flags |= SYNC_SEEDING;
	if (stopped)
		r->flags |= SYNC_STOPPED;
	else if (h->flags & HIT_RECV)
		r->flags |= SYNC_COMPLETE;
}

void synclive_to_hit(const struct synclive *r, struct hit *h)
{
	memset(h, 0, sizeof(*h));
	h->chan = r->chan;
	h->rhost[0] = r->host;
	if (r->flg1 != 0)
		h->flags = r->flg1 & (uint8_t)~(HIT_TRACKER | HIT_RECV);
	else
		h->flags = HIT_RELAY | HIT_CIN;         /* as a host atom without flags */
	if (r->flags & SYNC_SEEDING)
		h->flags |= HIT_TRACKER;
	if (!(r->flags & SYNC_STOPPED))
		h->flags |= HIT_RECV;
}

void sync_info_hash(uint8_t hash[4], const void *chan_atom, size_t n)
{
	struct sha256_ctx c;

	sha256_init(&c);
	sha256_update(&c, n, chan_atom);
	sha256_digest(&c, 4, hash);
}
