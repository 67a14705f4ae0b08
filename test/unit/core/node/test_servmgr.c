/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: clk_now calloc malloc sock_close */
#include "core/node/servmgr.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/chan/routelist.h"
#include "core/conf/settings.h"
#include "core/sys/thr.h"
#include "test/unit/core/node/smtest.h"

/* --- coming and going ----------------------------------------------------------------------------- */

START_TEST(life)
{
	const struct host h = addr(7);
	struct servent *a, *b, *c;
	struct servent_view *v;
	struct totals t;
	int fd[2];
	char x;
	size_t n;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	ck_assert_int_eq(servent_new(sm, fd[0], &h, false, &a), ST_OK);
	b = sv_new(&h, true);
	c = sv_new(&loop, false);
	ck_assert(a->id == 1 && b->id == 2 && c->id == 3);
	ck_assert(a->pending && !b->pending && c->pending);
	ck_assert(!a->local && c->local && b->outgoing && !c->outgoing);
	ck_assert(a->type == SV_INCOMING && a->status == SV_PROTOCOL);
	ck_assert(a->sock.mb == &a->mbox && host_equal(&a->sock.peer, &h));
	totals(&t);
	ck_assert_uint_eq(t.servents, 3);
	ck_assert_uint_eq(t.pending, 2);

	servent_set_type(a, SV_COMMAND, SV_CONNECTED);
	servent_set_agent(a, "PeerCast/0.1218 (YT50)");
	servent_settled(a);
	totals(&t);
	ck_assert_uint_eq(t.pending, 1);
	ck_assert_uint_eq(t.connected[SV_COMMAND], 1);
	ck_assert_int_eq(servmgr_views(sm, NULL, &v, &n), ST_OK);
	ck_assert_uint_eq(n, 3);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_uint_eq(v[i].id, 3 - i);      /* newest first */
	ck_assert_str_eq(v[2].agent, "PeerCast/0.1218 (YT50)");
	ck_assert(v[2].type == SV_COMMAND && v[2].status == SV_CONNECTED && host_equal(&v[2].peer, &h));
	ck_assert(v[1].outgoing && !v[2].outgoing);
	free(v);

	servent_end(&b);
	ck_assert_ptr_null(b);
	servent_end(&a);
	ck_assert_int_eq(recv(fd[1], &x, 1, 0), 0);     /* closed */
	servent_end(&c);
	totals(&t);
	ck_assert_uint_eq(t.servents, 0);
	ck_assert_uint_eq(t.pending, 0);
	ck_assert_uint_eq(t.connected[SV_COMMAND], 0);
	ck_assert_int_eq(servmgr_views(sm, NULL, &v, &n), ST_OK);
	ck_assert(n == 0 && v == NULL);
	ck_assert_int_eq(close(fd[1]), 0);
}
END_TEST

START_TEST(kept_reference)
{
	struct servent *a = sv_at(1), *mine = servent_ref(a);

	servent_end(&a);
	mbox_stop(&mine->mbox);
	servent_unref(&mine);
	servent_unref(&mine);           /* NULL is fine */
}
END_TEST

static _Atomic uint32_t pending_at_close;

void __real_sock_close(struct sock *s);
void __wrap_sock_close(struct sock *s);

void __wrap_sock_close(struct sock *s)
{
	struct totals t;

	totals(&t);
	pending_at_close = t.pending;
	__real_sock_close(s);
}

/* A client that comes again as soon as it sees the end is not one too many. */
START_TEST(place_is_free_at_the_end)
{
	struct servent *sv[SERVENT_PENDING_LOCAL], *more;
	uint32_t i;

	for (i = 0; i < NELEM(sv); i++)
		sv[i] = sv_new(&loop, false);
	ck_assert_int_eq(servent_new(sm, -1, &loop, false, &more), ST_LIMIT);
	servent_end(&sv[0]);
	ck_assert_uint_eq(pending_at_close, NELEM(sv) - 1);
	for (i = 1; i < NELEM(sv); i++)
		servent_end(&sv[i]);
}
END_TEST

/* A refused connection is still the caller's, whatever is missing. */
START_TEST(refused_keeps_the_fd)
{
	const struct host h = addr(7);
	struct limits l = wide;
	struct servent *a;
	struct totals t;
	int fd[2], i;
	enum status st;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	l.max_serv_in = 0;
	servmgr_set_limits(sm, &l);
	ck_assert_int_eq(servent_new(sm, fd[0], &h, false, &a), ST_LIMIT);
	ck_assert_ptr_null(a);
	ck_assert_int_eq(write(fd[0], "x", 1), 1);
	totals(&t);
	ck_assert_uint_eq(t.refused[REFUSE_FULL], 1);
	ck_assert_uint_eq(t.servents, 0);

	servmgr_set_limits(sm, &wide);
	for (i = 0;; i++) {
		fail_in = i;
		st = servent_new(sm, fd[0], &h, false, &a);
		if (!failed())
			break;          /* that many allocations are not made */
		ck_assert_int_eq(st, ST_LIMIT);
		ck_assert_ptr_null(a);
		ck_assert_int_eq(write(fd[0], "x", 1), 1);
	}
	ck_assert_int_ge(i, 2);
	ck_assert_int_eq(st, ST_OK);
	servent_end(&a);
	ck_assert_int_eq(close(fd[1]), 0);
}
END_TEST

/* --- limits on connections --------------------------------------------------------------------------- */

enum from { OUTSIDE, OTHERS, HOME, V6, V6_SAME_NET, V6_OTHER_NET, DIALLED };

static const struct conn_row {
	const char *name;
	uint32_t max_in, max_addr;
	bool settled;           /* they finish their handshake */
	enum from from;
	uint32_t n;             /* that many get in */
} conn_rows[] = {
	{ "handshakes of one address",         1000, 1000, false, OUTSIDE, SERVENT_PENDING },
	{ "handshakes of this machine",        1000, 1000, false, HOME, SERVENT_PENDING_LOCAL },
	{ "handshakes of many addresses",      1000, 1000, false, OTHERS, 1000 },
	{ "handshakes of one IPv6 address",    1000, 1000, false, V6, SERVENT_PENDING },
	{ "handshakes of one IPv6 subscriber", 1000, 1000, false, V6_SAME_NET, SERVENT_PENDING },
	{ "handshakes of IPv6 subscribers",    1000, 1000, false, V6_OTHER_NET, 1000 },
	{ "open of one address",               1000, 40,   true,  OUTSIDE, 40 },
	{ "open of one IPv6 subscriber",       1000, 40,   true,  V6_SAME_NET, 40 },
	{ "open of this machine",              1000, 40,   true,  HOME, 1004 },
	{ "fewer than may shake hands",        1000, 5,    false, OUTSIDE, 5 },
	{ "all",                               50,   1000, true,  OTHERS, 50 },
	{ "all, with the reserve",             50,   1000, true,  HOME, 50 + SERVENT_LOCAL_SLOTS },
	{ "none but the reserve",              0,    1000, true,  HOME, SERVENT_LOCAL_SLOTS },
	{ "none",                              0,    1000, true,  OUTSIDE, 0 },
	{ "dialled",                           0,    0,    true,  DIALLED, 1100 },
};

static struct host conn_host(enum from from, uint32_t i)
{
	struct host v6 = { .ip = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, .port = 9 };

	switch (from) {
	case OTHERS:
	case DIALLED:
		return addr(i);
	case HOME:
		return loop;
	case V6_SAME_NET:
		v6.ip[8 + i % 8] = (uint8_t)(i >> 3);
		return v6;
	case V6_OTHER_NET:
		v6.ip[6] = (uint8_t)(i >> 8);
		v6.ip[7] = (uint8_t)i;
		return v6;
	case V6:
		return v6;
	default:
		return addr(1);
	}
}

START_TEST(connection_limits)
{
	const struct conn_row *w = &conn_rows[_i];
	struct servent **sv = __real_calloc(1200, sizeof(struct servent *));
	const struct limits l = { .max_serv_in = w->max_in, .max_per_address = w->max_addr };
	struct servent *more;
	struct host h;
	uint32_t n;

	servmgr_set_limits(sm, &l);
	for (n = 0; n < 1100; n++) {
		h = conn_host(w->from, n);
		if (servent_new(sm, -1, &h, w->from == DIALLED, &sv[n]) != ST_OK)
			break;
		if (w->settled)
			servent_settled(sv[n]);
	}
	ck_assert_msg(n == w->n, "%s: %u", w->name, n);
	/* one goes, one comes */
	if (n > 0 && n < 1100) {
		servent_end(&sv[0]);
		h = conn_host(w->from, 0);
		ck_assert_int_eq(servent_new(sm, -1, &h, false, &sv[0]), ST_OK);
		ck_assert_int_eq(servent_new(sm, -1, &h, false, &more), ST_LIMIT);
		ck_assert_int_eq(servent_new(sm, -1, &h, true, &more), ST_OK);
		servent_end(&more);
	}
	while (n > 0)
		servent_end(&sv[--n]);
	free(sv);
}
END_TEST

/* Where all places are taken by connections that do not get anywhere, the oldest of whoever has most
 * of them goes; young ones and served ones do not (settings.md decision 2). */
START_TEST(silent_make_room)
{
	const struct limits l = { .max_serv_in = 5, .max_per_address = 4, .max_direct = 100 };
	const struct gnuid c = id_of(1);
	struct servent *sv[5], *served, *more[5], *none;
	const struct host late = addr(9);
	struct totals t;

	servmgr_set_limits(sm, &l);
	served = sv_at(7);
	ck_assert_int_eq(servmgr_admit(sm, served, SV_DIRECT, &c, 1, true), ADMIT_OK);
	for (uint32_t i = 0; i < NELEM(sv); i++) {
		sv[i] = sv_at(i < 2 ? i + 1 : 3);       /* 1, 2, 3, 3, 3 */
		skew += NSEC_PER_MSEC;
	}
	skew += SERVENT_CALM - 10 * NSEC_PER_MSEC;
	ck_assert_int_eq(servent_new(sm, -1, &late, false, &none), ST_LIMIT);
	skew += 10 * NSEC_PER_MSEC;
	for (uint32_t i = 0; i < 4; i++)
		more[i] = sv_at(i + 20);
	/* two of address 3, then one each: the oldest first, the newcomers are young */
	ck_assert(mbox_is_stopped(&sv[2]->mbox) && mbox_is_stopped(&sv[3]->mbox));
	ck_assert(mbox_is_stopped(&sv[0]->mbox) && mbox_is_stopped(&sv[1]->mbox));
	ck_assert(!mbox_is_stopped(&sv[4]->mbox) && !mbox_is_stopped(&served->mbox));
	more[4] = sv_at(24);
	ck_assert(mbox_is_stopped(&sv[4]->mbox));
	ck_assert_int_eq(servent_new(sm, -1, &late, false, &none), ST_LIMIT);
	for (uint32_t i = 0; i < NELEM(more); i++)
		ck_assert(!mbox_is_stopped(&more[i]->mbox));
	totals(&t);
	ck_assert_uint_eq(t.servents, 11);
	ck_assert_uint_eq(t.refused[REFUSE_FULL], 7);
	for (uint32_t i = 0; i < NELEM(more); i++) {
		servent_end(&more[i]);
		servent_end(&sv[i]);
	}
	servent_end(&served);
}
END_TEST

/* Served ones are no burden on those who come (settings.md decision 2), not even while they end. */
START_TEST(served_are_not_counted)
{
	const struct limits l = { .max_serv_in = 3, .max_per_address = 3, .max_direct = 100,
		.max_relays = 100, .max_control = 100 };
	struct servent *sv[90], *late[3], *more;
	const struct host h = addr(1);

	servmgr_set_limits(sm, &l);
	for (uint32_t i = 0; i < NELEM(sv); i++) {
		const struct gnuid c = id_of(1), s = id_of(i + 10);

		sv[i] = sv_at(1);
		ck_assert(sv[i]->pending);
		if (i % 3 == 2)
			ck_assert_int_eq(servmgr_admit_control(sm, sv[i], &s), ADMIT_OK);
		else
			ck_assert_int_eq(servmgr_admit(sm, sv[i], i % 3 ? SV_RELAY : SV_DIRECT, &c, 1, true),
				ADMIT_OK);
		ck_assert(!sv[i]->pending);
	}
	for (uint32_t i = 0; i < NELEM(sv); i++)
		servent_set_status(sv[i], SV_CLOSING);
	for (size_t i = 0; i < NELEM(late); i++)
		late[i] = sv_at(1);
	ck_assert_int_eq(servent_new(sm, -1, &h, false, &more), ST_LIMIT);
	for (uint32_t i = 0; i < NELEM(sv); i++)
		servent_end(&sv[i]);
	for (size_t i = 0; i < NELEM(late); i++)
		servent_end(&late[i]);
}
END_TEST

/* --- sums against a count of the table -------------------------------------------------------------------- */

static uint32_t seed;

static uint32_t dice(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)seed * n >> 32);
}

static void recount(uint32_t chans)
{
	uint32_t connected[SV_TYPES] = { 0 };
	struct servent_view *v;
	struct totals t;
	size_t n;

	totals(&t);
	ck_assert_int_eq(servmgr_views(sm, NULL, &v, &n), ST_OK);
	ck_assert_uint_eq(t.servents, n);
	for (size_t i = 0; i < n; i++)
		connected[v[i].type] += v[i].status == SV_CONNECTED;
	for (int k = 0; k < SV_TYPES; k++)
		ck_assert_uint_eq(connected[k], t.connected[k]);
	for (uint32_t c = 1; c <= chans; c++) {
		const struct gnuid id = id_of(c);
		struct usage u, w = { 0 };
		struct servent_view *of;
		size_t m, listed = 0;

		servmgr_usage(sm, &id, &u);
		for (size_t i = 0; i < n; i++) {
			listed += gnuid_equal(&v[i].chan, &id);
			if (!gnuid_equal(&v[i].chan, &id) || v[i].status != SV_CONNECTED)
				continue;
			w.relays += v[i].type == SV_RELAY;
			w.directs += v[i].type == SV_DIRECT;
			w.relays_public += v[i].type == SV_RELAY && !v[i].private;
			w.directs_public += v[i].type == SV_DIRECT && !v[i].private;
		}
		ck_assert_mem_eq(&u, &w, sizeof(u));
		ck_assert_int_eq(servmgr_views(sm, &id, &of, &m), ST_OK);
		ck_assert_uint_eq(m, listed);
		free(of);
	}
	free(v);
}

START_TEST(sums_hold)
{
	struct servent *sv[64] = { NULL };

	seed = 7;
	for (int i = 0; i < 20000; i++) {
		const size_t k = dice(NELEM(sv));
		const struct gnuid c = id_of(1 + dice(4)), s = id_of(100 + dice(20)), none = { { 0 } };

		if (sv[k] == NULL) {
			const struct host h = dice(5) == 0 ? loop : addr(dice(30));
			struct servent *new;

			if (servent_new(sm, -1, &h, dice(4) == 0, &new) == ST_OK)
				sv[k] = new;
			continue;
		}
		switch (dice(9)) {
		case 0:
			servent_end(&sv[k]);
			break;
		case 1:
		case 2:
			(void)!servmgr_admit(sm, sv[k], dice(2) ? SV_RELAY : SV_DIRECT, &c, dice(100), true);
			break;
		case 3:
			(void)!servmgr_admit_control(sm, sv[k], &s);
			break;
		case 4:
			servent_set_private(sv[k], dice(2));
			break;
		case 5:
			servent_settled(sv[k]);
			break;
		case 6:
			servent_set_remote(sv[k], dice(3) ? &s : &none);
			break;
		case 7:
			servent_set_type(sv[k], (enum servent_type)dice(SV_TYPES),
				(enum servent_status)dice(SV_ERROR + 1));
			break;
		case 8:
			skew += dice(2000) * NSEC_PER_MSEC;
			atomic_fetch_add(&sv[k]->sock.nwritten, dice(100000));
			if (dice(10) == 0)
				servmgr_sample(sm);
			break;
		}
		if (i % 100 == 0)
			recount(4);
	}
	for (size_t k = 0; k < NELEM(sv); k++)
		if (sv[k] != NULL)
			servent_end(&sv[k]);
	recount(4);
	/* nothing is left that would refuse anybody */
	const struct limits one = { .max_serv_in = 1, .max_per_address = 1, .max_relays = 2,
		.max_bitrate_out = 5, .max_control = 1 };
	const struct gnuid c = id_of(1), s = id_of(100);

	servmgr_set_limits(sm, &one);
	sv[0] = sv_at(3);
	ck_assert_int_eq(servmgr_admit(sm, sv[0], SV_RELAY, &c, 5, true), ADMIT_OK);
	sv[1] = sv_at(3);
	ck_assert_int_eq(servmgr_admit_control(sm, sv[1], &s), ADMIT_OK);
	servent_end(&sv[0]);
	servent_end(&sv[1]);
}
END_TEST

/* --- rates ------------------------------------------------------------------------------------------------- */

START_TEST(rates)
{
	const struct host lan = host_v4(192, 168, 1, 9, 80);
	struct servent *far = sv_at(1), *near = sv_new(&lan, false), *here = sv_new(&loop, false);
	struct servent_view *v;
	struct totals t;
	size_t n;

	servmgr_sample(sm);
	skew += 10 * S;
	atomic_store(&far->sock.nwritten, 100000);
	atomic_store(&far->sock.nread, 5000);
	atomic_store(&near->sock.nwritten, 20000);
	atomic_store(&here->sock.nread, 70000);
	servmgr_sample(sm);
	totals(&t);
	ck_assert_uint_eq(t.out_bps, 10000);
	ck_assert_uint_eq(t.in_bps, 500);
	ck_assert_uint_eq(t.out_all_bps, 12000);
	ck_assert_uint_eq(t.in_all_bps, 7500);
	ck_assert_int_eq(servmgr_views(sm, NULL, &v, &n), ST_OK);
	ck_assert(v[2].rate_out == 10000 && v[2].bytes_out == 100000);
	ck_assert(v[2].rate_in == 500 && v[2].bytes_in == 5000);
	free(v);
	/* bytes of a connection that ended since count once; one that dials again starts from 0 */
	skew += 10 * S;
	atomic_store(&far->sock.nwritten, 300000);
	servent_end(&far);
	atomic_store(&near->sock.nwritten, 1000);
	servmgr_sample(sm);
	totals(&t);
	ck_assert_uint_eq(t.out_bps, 20000);
	ck_assert_uint_eq(t.out_all_bps, 20100);
	skew += 10 * S;
	servmgr_sample(sm);
	totals(&t);
	ck_assert(t.out_bps == 0 && t.out_all_bps == 0 && t.in_all_bps == 0);
	/* what comes over others, once */
	skew += 10 * S;
	servmgr_count_in(sm, 3000, true);
	servmgr_count_in(sm, 1000, false);
	servmgr_sample(sm);
	totals(&t);
	ck_assert(t.in_bps == 300 && t.in_all_bps == 400 && t.out_all_bps == 0);
	skew += 10 * S;
	servmgr_sample(sm);
	totals(&t);
	ck_assert(t.in_bps == 0 && t.in_all_bps == 0);
	servent_end(&near);
	servent_end(&here);
}
END_TEST

/* --- finding ------------------------------------------------------------------------------------------------- */

/* The connections of the table below: type, channel, remote. */
static const struct { enum servent_type t; uint32_t chan, remote; } crowd[] = {
	{ SV_RELAY, 1, 11 }, { SV_RELAY, 1, 12 }, { SV_RELAY, 2, 13 }, { SV_DIRECT, 1, 0 },
	{ SV_CIN, 0, 11 }, { SV_CIN, 0, 15 }, { SV_COUT, 0, 16 },
};

#define R (1u << SV_RELAY)
#define D (1u << SV_DIRECT)
#define I (1u << SV_CIN)
#define O (1u << SV_COUT)

static const struct query_row {
	const char *name;
	uint32_t types, chan, not_remote, dest, remote, id;
	const char *want;       /* indices of the crowd, sorted */
} query_rows[] = {
	{ "relays",                  R,     0, 0, 0, 0, 0, "012" },
	{ "relays of a channel",     R,     1, 0, 0, 0, 0, "01" },
	{ "relays and players of it", R | D, 1, 0, 0, 0, 0, "013" },
	{ "players of it",           D,     1, 0, 0, 0, 0, "3" },
	{ "a channel excludes CIN",  R | I | O, 2, 0, 0, 0, 0, "2" },
	{ "unknown channel",         R | D, 3, 0, 0, 0, 0, "" },
	{ "all",                     R | D | I | O, 0, 0, 0, 0, 0, "0123456" },
	{ "no type",                 0,     0, 0, 0, 0, 0, "" },
	{ "not back to the sender",  R | I, 0, 11, 0, 0, 0, "125" },
	{ "one session",             R | I, 0, 0, 0, 11, 0, "04" },
	{ "addressed: itself",       R | I | O, 0, 0, 15, 0, 0, "5" },
	{ "addressed: behind",       R | I | O, 0, 0, 77, 0, 0, "16" },
	{ "addressed and not back",  R | I | O, 0, 12, 77, 0, 0, "6" },
	{ "addressed to nobody",     R | I | O, 0, 0, 78, 0, 0, "" },
	{ "by id",                   R | D | I | O, 0, 0, 0, 0, 3, "2" },
	{ "by id, other type",       I | O, 0, 0, 0, 0, 3, "" },
};

START_TEST(queries)
{
	const struct query_row *w = &query_rows[_i];
	const struct gnuid behind = id_of(77);
	struct servent *sv[NELEM(crowd)], *closing, **v;
	struct servent_query q = { .types = w->types, .id = w->id };
	struct blob *b = blob_new("hello", 5);
	char got[NELEM(crowd) + 1] = "";
	size_t n;

	for (uint32_t i = 0; i < NELEM(crowd); i++) {
		const struct gnuid c = id_of(crowd[i].chan), r = id_of(crowd[i].remote);

		sv[i] = sv_at(i);
		if (crowd[i].chan != 0)
			ck_assert_int_eq(servmgr_admit(sm, sv[i], crowd[i].t, &c, 1, true), ADMIT_OK);
		else
			servent_set_type(sv[i], crowd[i].t, SV_CONNECTED);
		if (crowd[i].remote != 0)
			servent_set_remote(sv[i], &r);
	}
	servent_heard(sv[1], &behind);
	servent_heard(sv[6], &behind);
	closing = admitted(50, SV_RELAY, 1, false);
	servent_set_status(closing, SV_CLOSING);

	q.chan = w->chan != 0 ? id_of(w->chan) : q.chan;
	q.not_remote = w->not_remote != 0 ? id_of(w->not_remote) : q.not_remote;
	q.dest = w->dest != 0 ? id_of(w->dest) : q.dest;
	q.remote = w->remote != 0 ? id_of(w->remote) : q.remote;
	ck_assert_int_eq(servmgr_select(sm, &q, &v, &n), ST_OK);
	ck_assert_int_eq(v == NULL, n == 0);
	for (uint32_t i = 0, at = 0; i < NELEM(crowd); i++)
		for (size_t k = 0; k < n; k++)
			if (v[k] == sv[i])
				got[at++] = (char)('0' + i);
	ck_assert_msg(strcmp(got, w->want) == 0 && strlen(got) == n, "%s: %s", w->name, got);
	for (size_t k = 0; k < n; k++)
		servent_unref(&v[k]);
	free(v);

	ck_assert_uint_eq(servmgr_post(sm, &q, b), n);
	for (uint32_t i = 0; i < NELEM(crowd); i++) {
		struct blob *m = mbox_take(&sv[i]->mbox);

		ck_assert_msg((m != NULL) == (strchr(w->want, (int)('0' + i)) != NULL), "%s: %u", w->name, i);
		blob_unref(&m);
		servent_end(&sv[i]);
	}
	servent_end(&closing);
	ck_assert_uint_eq(atomic_load(&b->refs), 1);
	blob_unref(&b);
}
END_TEST

START_TEST(post_to_full_and_stopped)
{
	const struct servent_query q = { .types = I };
	const struct gnuid a = id_of(1), c = id_of(2);
	struct servent *full = sv_at(1), *stopped = sv_at(2);
	struct blob *b = blob_new("x", 1);
	struct totals t;

	ck_assert_int_eq(servmgr_admit_control(sm, full, &a), ADMIT_OK);
	ck_assert_int_eq(servmgr_admit_control(sm, stopped, &c), ADMIT_OK);
	mbox_stop_soft(&stopped->mbox);
	for (int i = 0; i < MAILQ_MAX; i++)
		ck_assert_uint_eq(servmgr_post(sm, &q, b), 1);
	ck_assert_uint_eq(servmgr_post(sm, &q, b), 0);
	totals(&t);
	ck_assert_uint_eq(t.msgs_lost, 1);
	servent_end(&full);
	servent_end(&stopped);
	ck_assert_uint_eq(atomic_load(&b->refs), 1);
	blob_unref(&b);
}
END_TEST

/* Without memory nobody is selected, and no reference is lost. */
START_TEST(select_without_memory)
{
	const struct servent_query q = { .types = D };
	struct servent *sv[50], **v;
	struct servent_view *view;
	struct blob *b = blob_new("x", 1);
	enum status st;
	size_t n;

	for (uint32_t i = 0; i < NELEM(sv); i++)
		sv[i] = admitted(i, SV_DIRECT, 1, false);
	fail_in = 0;
	st = servmgr_select(sm, &q, &v, &n);
	ck_assert(failed() && st == ST_LIMIT && v == NULL && n == 0);
	fail_in = 0;
	n = servmgr_post(sm, &q, b);
	ck_assert(failed() && n == 0);
	fail_in = 0;
	st = servmgr_views(sm, NULL, &view, &n);
	ck_assert(failed() && st == ST_LIMIT && view == NULL && n == 0);
	for (uint32_t i = 0; i < NELEM(sv); i++) {
		ck_assert_uint_eq(atomic_load(&sv[i]->refs), 1);
		servent_end(&sv[i]);
	}
	blob_unref(&b);
}
END_TEST

/* Between counting and collecting the table grows: all are collected, each referenced once. */
static struct servent *crowded[100];

static void many_come(void)
{
	for (uint32_t i = 1; i < NELEM(crowded); i++)
		crowded[i] = admitted(i, SV_DIRECT, 1, false);
}

static void all_go(void)
{
	for (uint32_t i = 0; i < NELEM(crowded); i++)
		servent_end(&crowded[i]);
}

START_TEST(table_moves_during_a_selection)
{
	const struct servent_query q = { .types = D };
	struct servent **v;
	struct servent_view *view;
	size_t n;

	crowded[0] = admitted(0, SV_DIRECT, 1, false);
	on_calloc = many_come;
	ck_assert_int_eq(servmgr_select(sm, &q, &v, &n), ST_OK);
	ck_assert_uint_eq(n, NELEM(crowded));
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(atomic_load(&v[i]->refs), 2);
		servent_unref(&v[i]);
	}
	free(v);
	on_calloc = all_go;
	ck_assert_int_eq(servmgr_select(sm, &q, &v, &n), ST_OK);
	ck_assert(n == 0 && v == NULL);

	crowded[0] = admitted(0, SV_DIRECT, 1, false);
	on_calloc = many_come;
	ck_assert_int_eq(servmgr_views(sm, NULL, &view, &n), ST_OK);
	ck_assert_uint_eq(n, NELEM(crowded));
	free(view);
	all_go();
}
END_TEST

/* The newest thousand sessions behind a connection are routes; repeats do not push others out. */
START_TEST(routes)
{
	const struct gnuid me = id_of(5), none = { { 0 } };
	struct servent *sv = sv_at(1), **v;
	struct servent_query q = { .types = I };
	size_t n;

	ck_assert_int_eq(servmgr_admit_control(sm, sv, &me), ADMIT_OK);
	for (uint32_t round = 0; round < 3; round++)
		for (uint32_t i = 0; i < ROUTELIST_MAX; i++) {
			const struct gnuid id = id_of(1000 + i);

			servent_heard(sv, &id);
			servent_heard(sv, &me);
		}
	for (uint32_t i = 0; i < 5; i++) {
		const struct gnuid id = id_of(5000 + i);

		servent_heard(sv, &id);
	}
	for (uint32_t i = 0; i < ROUTELIST_MAX + 10; i++) {
		/* 5 oldest gave way to 5 new ones */
		q.dest = id_of(i < ROUTELIST_MAX ? 1000 + i : 4990 + i - ROUTELIST_MAX + 5);
		ck_assert_int_eq(servmgr_select(sm, &q, &v, &n), ST_OK);
		ck_assert_msg(n == (i < 5 || (i >= ROUTELIST_MAX && i < ROUTELIST_MAX + 5) ? 0u : 1u), "%u", i);
		if (n > 0)
			servent_unref(&v[0]);
		free(v);
	}
	/* forgotten when the line is a new one */
	servent_set_remote(sv, &none);
	q.dest = id_of(1500);
	ck_assert_int_eq(servmgr_select(sm, &q, &v, &n), ST_OK);
	ck_assert_uint_eq(n, 0);
	/* no memory: just not kept */
	servent_end(&sv);
	sv = sv_at(1);
	ck_assert_int_eq(servmgr_admit_control(sm, sv, &me), ADMIT_OK);
	fail_in = 0;
	servent_heard(sv, &q.dest);
	ck_assert(failed());
	ck_assert_int_eq(servmgr_select(sm, &q, &v, &n), ST_OK);
	ck_assert_uint_eq(n, 0);
	servent_end(&sv);
}
END_TEST

/* --- the end ----------------------------------------------------------------------------------------------------- */

static bool is_hard(const struct servent *sv) LOCK_IMPL /* nobody else is there */
{
	return sv->mbox.hard;
}

START_TEST(stop_all)
{
	struct servent *sv[200];        /* several batches */
	const struct host h = addr(1);
	struct servent *more;

	for (uint32_t i = 0; i < NELEM(sv); i++)
		sv[i] = sv_at(i);
	ck_assert(!servmgr_is_stopping(sm));
	fail_in = 0;                    /* it needs no memory */
	servmgr_stop_all(sm, true);
	ck_assert(!failed());
	ck_assert(servmgr_is_stopping(sm));
	for (uint32_t i = 0; i < NELEM(sv); i++) {
		ck_assert(mbox_is_stopped(&sv[i]->mbox));
		ck_assert(!is_hard(sv[i]));
		ck_assert_uint_eq(atomic_load(&sv[i]->refs), 1);
	}
	ck_assert_int_eq(servent_new(sm, -1, &h, false, &more), ST_STOPPED);
	ck_assert_int_eq(servent_new(sm, -1, &h, true, &more), ST_STOPPED);
	ck_assert_int_eq(servmgr_wait_empty(sm, clk_deadline(NSEC_PER_MSEC)), ST_TIMEOUT);
	servmgr_stop_all(sm, false);
	for (uint32_t i = 0; i < NELEM(sv); i++)
		ck_assert(is_hard(sv[i]));
	for (uint32_t i = 0; i < NELEM(sv); i++)
		servent_end(&sv[i]);
	ck_assert_int_eq(servmgr_wait_empty(sm, 0), ST_OK);
}
END_TEST

static void ends_when_told(void *arg)
{
	struct servent *sv = arg;

	while (mbox_wait(&sv->mbox, SOON) == ST_OK)
		;
	servent_end(&sv);
}

START_TEST(wait_for_threads)
{
	struct thr t[20];

	for (uint32_t i = 0; i < NELEM(t); i++)
		ck_assert_int_eq(thr_start(&t[i], "sv", ends_when_told, sv_at(i)), ST_OK);
	servmgr_stop_all(sm, true);
	ck_assert_int_eq(servmgr_wait_empty(sm, SOON), ST_OK);
	for (uint32_t i = 0; i < NELEM(t); i++)
		ck_assert_int_eq(thr_join(&t[i], SOON), ST_OK);
}
END_TEST

/* --- ourselves ------------------------------------------------------------------------------------------------------- */

START_TEST(limits_follow_the_settings)
{
	struct settings *st = settings_new(false);
	struct limits l;

	ck_assert_ptr_nonnull(st);
	ck_assert_int_eq(settings_set(st, "maxServIn", "11", NULL), ST_OK);
	ck_assert_int_eq(settings_set(st, "maxRelays", "12", NULL), ST_OK);
	ck_assert_int_eq(settings_set(st, "maxDirect", "13", NULL), ST_OK);
	ck_assert_int_eq(settings_set(st, "maxRelaysPerChannel", "14", NULL), ST_OK);
	ck_assert_int_eq(settings_set(st, "maxBitrateOut", "15", NULL), ST_OK);
	ck_assert_int_eq(settings_set(st, "maxControlConnections", "16", NULL), ST_OK);
	ck_assert_int_eq(settings_set(st, "maxPerAddress", "17", NULL), ST_OK);
	ck_assert_int_eq(settings_set(st, "trustLocalhost", "No", NULL), ST_OK);
	limits_of(st, &l);
	servmgr_set_limits(sm, &l);
	servmgr_get_limits(sm, &l);
	ck_assert(l.max_serv_in == 11 && l.max_relays == 12 && l.max_direct == 13);
	ck_assert(l.max_relays_per_chan == 14 && l.max_bitrate_out == 15 && l.max_control == 16);
	ck_assert(l.max_per_address == 17 && !l.trust_localhost);
	settings_free(&st);
}
END_TEST

START_TEST(names)
{
	for (int i = 0; i < SV_TYPES; i++)
		ck_assert_str_ne(servent_type_str((enum servent_type)i), "NONE");
	for (int i = SV_CONNECTING; i <= SV_ERROR; i++)
		ck_assert_str_ne(servent_status_str((enum servent_status)i), "NONE");
	for (int i = REFUSE_BANDWIDTH; i < REFUSALS; i++)
		ck_assert_str_ne(refusal_str((enum refusal)i), "other");
	ck_assert_str_eq(servent_type_str((enum servent_type)99), "NONE");
	ck_assert_str_eq(servent_status_str((enum servent_status)99), "NONE");
	ck_assert_str_eq(refusal_str((enum refusal)99), "other");
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/node/servmgr");
	TCase *t = tcase_create("servmgr");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, life);
	tcase_add_test(t, kept_reference);
	tcase_add_test(t, place_is_free_at_the_end);
	tcase_add_test(t, refused_keeps_the_fd);
	tcase_add_loop_test(t, connection_limits, 0, NELEM(conn_rows));
	tcase_add_test(t, silent_make_room);
	tcase_add_test(t, served_are_not_counted);
	tcase_add_test(t, sums_hold);
	tcase_add_test(t, rates);
	tcase_add_loop_test(t, queries, 0, NELEM(query_rows));
	tcase_add_test(t, post_to_full_and_stopped);
	tcase_add_test(t, select_without_memory);
	tcase_add_test(t, table_moves_during_a_selection);
	tcase_add_test(t, routes);
	tcase_add_test(t, stop_all);
	tcase_add_test(t, wait_for_threads);
	tcase_add_test(t, limits_follow_the_settings);
	tcase_add_test(t, names);
	suite_add_tcase(s, t);
	return s;
}
