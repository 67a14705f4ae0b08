/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Roots, and a stranger who speaks to them byte by byte. */
#ifndef TEST_SYNCTEST_H
#define TEST_SYNCTEST_H

#include "test/unit/pcp/simnet.h"

#include "core/sys/log.h"
#include "pcp/atom.h"
#include "pcp/chanatom.h"
#include "pcp/hostatom.h"
#include "test/unit/unit.h"

#define MINE 0x5a17c0de         /* the stranger's instance */
#define OTHERS 0x00c0ffee
#define KEY "1:000102030405060708090a0b0c0d0e0f"

static struct simnet net;
static const struct host stranger = { .ip = { [10] = 0xff, [11] = 0xff, 203, 0, 113, 200 }, .port = 9696 };

/* --- what the roots send, kept ------------------------------------------------------------------ */

#define KEPT 4096

static struct {
	nsec at;
	struct simroot *by;
	size_t n;
	uint8_t p[1500];
} kept[KEPT];
static size_t n_kept;

static inline void keep(struct simroot *r, const uint8_t *p, size_t n)
{
	ck_assert_uint_le(n, r->conf.mtu);
	if (n_kept == KEPT)
		return;
	kept[n_kept].at = net.now;
	kept[n_kept].by = r;
	kept[n_kept].n = n;
	memcpy(kept[n_kept++].p, p, n);
}

/* The k-th packet of that kind that r sent; false = there is none. */
static inline bool sent(struct simroot *r, enum sync_kind kind, size_t k, struct syncpkt *p, nsec *at)
{
	for (size_t i = 0; i < n_kept; i++) {
		if (kept[i].by != r || syncpkt_parse(p, kept[i].p, kept[i].n) != ST_OK || p->kind != kind)
			continue;
		if (k-- > 0)
			continue;
		if (at != NULL)
			*at = kept[i].at;
		return true;
	}
	return false;
}

static inline size_t count_sent(struct simroot *r, enum sync_kind kind)
{
	struct syncpkt p;
	size_t n = 0;

	while (sent(r, kind, n, &p, NULL))
		n++;
	return n;
}

/* --- what the stranger says --------------------------------------------------------------------- */

static uint8_t pkt[SYNC_MTU_MAX + 100];
static uint32_t msg;

static inline struct wr begin_as(uint32_t id, uint32_t type)
{
	struct wr w = wr_of(pkt, sizeof(pkt));

	syncpkt_begin(&w, id, type);
	return w;
}

static inline struct wr begin_ext(uint32_t id, uint32_t type)
{
	struct wr w = wr_of(pkt, sizeof(pkt));

	syncpkt_begin_ext(&w, id, type, 0, 0, 1, ++msg);
	return w;
}

static inline void say_from(struct simroot *r, struct wr *w, const struct host *from)
{
	ck_assert_int_eq(w->err, ST_OK);
	sync_input(r->s, w->p, w->len, from, net.now);
	r->next = net.now;
}

static inline void say(struct simroot *r, struct wr *w)
{
	say_from(r, w, &stranger);
}

static inline void say_beacon(struct simroot *r, uint32_t id, uint64_t count)
{
	struct wr w = begin_as(id, SYNC_T_BEACON);

	wr_be64(&w, count);
	say(r, &w);
}

static inline void say_inquire(struct simroot *r, uint32_t whom)
{
	struct wr w = begin_as(MINE, SYNC_T_INQUIRE);

	wr_be32(&w, whom);
	say(r, &w);
}

static inline void say_live_as(struct simroot *r, uint32_t id, const struct hit *h, bool stopped)
{
	struct wr w = begin_as(id, host_is_v4(&h->rhost[0]) ? SYNC_T_LIVE : SYNC_T_BEACON);
	struct synclive l;

	synclive_of_hit(&l, h, stopped);
	synclive_put(&w, &l);
	say(r, &w);
}

static inline void say_live(struct simroot *r, uint32_t n, uint32_t k, bool stopped)
{
	const struct hit h = sim_host(n, k);

	say_live_as(r, MINE, &h, stopped);
}

static inline struct wr live_of(uint32_t n)
{
	const struct hit h = sim_host(n, 0);
	struct wr w = begin_as(MINE, SYNC_T_LIVE);
	struct synclive l;

	synclive_of_hit(&l, &h, false);
	synclive_put(&w, &l);
	return w;
}

static inline void put_buf(struct wr *w, struct buf *b)
{
	ck_assert_int_eq(b->err, ST_OK);
	wr_bytes(w, b->p, b->len);
	buf_fini(b);
}

static inline void say_info_as(struct simroot *r, uint32_t id, uint32_t n, uint32_t version, uint8_t owner)
{
	struct chaninfo *i = sim_meta(n, version, owner);
	struct wr w = begin_ext(id, SYNC_T_CHANINFO);
	struct atomwr aw;
	struct buf b;

	buf_init(&b, 8192);
	atomwr_init(&aw, &b);
	chanatom_emit(&aw, i, CHANATOM_BCID | CHANATOM_INFO | CHANATOM_TRCK, NULL);
	put_buf(&w, &b);
	say(r, &w);
	chaninfo_unref(&i);
}

static inline void say_hosts_as(struct simroot *r, uint32_t id, const struct hit *h, size_t n, uint16_t age)
{
	struct wr w = begin_ext(id, SYNC_T_HOSTS);
	struct atomwr aw;
	struct buf b;

	wr_bytes(&w, h[0].chan.b, GNUID_LEN);
	buf_init(&b, 8192);
	atomwr_init(&aw, &b);
	if (age > 0)
		atomwr_u16(&aw, SYNC_ATOM_AGE, age);
	for (size_t i = 0; i < n; i++)
		hostatom_emit(&aw, &h[i], false);
	put_buf(&w, &b);
	say(r, &w);
}

static inline void say_host(struct simroot *r, uint32_t n, uint32_t k)
{
	const struct hit h = sim_host(n, k);

	say_hosts_as(r, MINE, &h, 1, 0);
}

static inline void say_gone_as(struct simroot *r, uint32_t id, uint32_t n, uint8_t why)
{
	const struct syncgone g = { .chan = sim_chan(n), .why = why };
	struct wr w = begin_ext(id, SYNC_T_GONE);

	syncgone_put(&w, &g);
	say(r, &w);
}

static inline void say_digest(struct simroot *r, uint32_t n, uint8_t hash, uint16_t hosts, uint16_t age)
{
	const struct syncdigest d = { .chan = sim_chan(n), .hash = { hash }, .hosts = hosts, .age_min = age };
	struct wr w = begin_ext(MINE, SYNC_T_DIGEST);

	syncdigest_put(&w, &d);
	say(r, &w);
}

static inline void say_want(struct simroot *r, uint32_t whom, uint32_t first, uint32_t n)
{
	struct wr w = begin_ext(MINE, SYNC_T_WANT);

	wr_be32(&w, whom);
	for (uint32_t i = 0; i < n; i++) {
		const struct gnuid id = sim_chan(first + i);

		wr_bytes(&w, id.b, GNUID_LEN);
	}
	say(r, &w);
}

static inline uint32_t id_of(struct simroot *r)
{
	struct sync_status st;

	sync_status(r->s, &st, net.now);
	return st.instance;
}

/* A channel the stranger has, all of it. */
static inline void say_channel(struct simroot *r, uint32_t n)
{
	say_live(r, n, 0, false);
	say_info_as(r, MINE, n, 1, 1);
	say_host(r, n, 0);
}

static inline void set_up(size_t roots)
{
	log_set_level(LOG_OFF);
	sim_init(&net, 42, roots);
	net.tap = keep;
	n_kept = 0;
	msg = 0;
	for (size_t i = 0; i < roots; i++) {
		net.root[i].conf.fast_start = false;
		sim_up(&net.root[i]);
	}
}

static inline void set_up_one(void)
{
	set_up(1);
}

static inline void set_up_three(void)
{
	set_up(3);
}

static inline void tear_down(void)
{
	sim_fini(&net);
}

/* Begin anew with what was changed in its settings. */
static inline void again(struct simroot *r)
{
	sim_down(r, false);
	sim_up(r);
	n_kept = 0;
}

static inline void set_key(struct simroot *r, const char *text)
{
	ck_assert_int_eq(sync_keys_parse(&r->conf.keys, text, strlen(text), NULL), ST_OK);
}

#endif
