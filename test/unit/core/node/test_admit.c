/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: clk_now calloc malloc */
#include "core/node/servmgr.h"

#include <stdlib.h>

#include "core/sys/thr.h"
#include "test/unit/core/node/smtest.h"

/* --- admission ----------------------------------------------------------------------------------------- */

static const struct admit_row {
	const char *name;
	struct limits l;
	uint32_t relays, directs;       /* there already, on that channel, of 100 kbit/s each */
	uint32_t elsewhere;             /* relays of another channel */
	uint32_t privates;              /* private relays and players of the channel */
	bool disabled, private, idle;   /* idle: the channel is not playing */
	enum servent_type type;
	enum refusal want;
} admit_rows[] = {
	{ "relay", { .max_relays = 2 }, 1, 0, 0, 0, false, false, false, SV_RELAY, ADMIT_OK },
	{ "relay limit", { .max_relays = 2 }, 2, 0, 0, 0, false, false, false, SV_RELAY, REFUSE_RELAYS },
	{ "relay limit is of the node", { .max_relays = 2 }, 0, 0, 2, 0, false, false, false, SV_RELAY,
		REFUSE_RELAYS },
	{ "relay limit is at least two", { .max_relays = 0 }, 1, 0, 0, 0, false, false, false, SV_RELAY,
		ADMIT_OK },
	{ "players do not count for relays", { .max_relays = 2, .max_direct = 9 }, 0, 5, 0, 0, false, false,
		false, SV_RELAY, ADMIT_OK },
	{ "private ones do not count", { .max_relays = 2, .max_direct = 1 }, 1, 0, 0, 6, false, false, false,
		SV_RELAY, ADMIT_OK },
	{ "private passes", { .max_relays = 2, .max_bitrate_out = 1 }, 0, 0, 0, 0, false, true, true,
		SV_RELAY, ADMIT_OK },
	{ "no players", { .max_direct = 0 }, 0, 0, 0, 0, false, false, false, SV_DIRECT, REFUSE_DIRECT },
	{ "player", { .max_direct = 3 }, 0, 2, 0, 0, false, false, false, SV_DIRECT, ADMIT_OK },
	{ "player limit", { .max_direct = 3 }, 0, 3, 0, 0, false, false, false, SV_DIRECT, REFUSE_DIRECT },
	{ "private player", { .max_direct = 0 }, 0, 0, 0, 0, false, true, false, SV_DIRECT, ADMIT_OK },
	{ "channel limit", { .max_relays = 9, .max_relays_per_chan = 2 }, 2, 0, 0, 0, false, false, false,
		SV_RELAY, REFUSE_CHAN_RELAYS },
	{ "channel limit, others elsewhere", { .max_relays = 9, .max_relays_per_chan = 2 }, 1, 0, 5, 0, false,
		false, false, SV_RELAY, ADMIT_OK },
	{ "channel limit is not for players", { .max_direct = 9, .max_relays = 9, .max_relays_per_chan = 2 },
		2, 2, 0, 0, false, false, false, SV_DIRECT, ADMIT_OK },
	{ "bandwidth", { .max_relays = 9, .max_bitrate_out = 300 }, 2, 0, 0, 0, false, false, false, SV_RELAY,
		ADMIT_OK },
	{ "bandwidth full", { .max_relays = 9, .max_bitrate_out = 299 }, 2, 0, 0, 0, false, false, false,
		SV_RELAY, REFUSE_BANDWIDTH },
	{ "bandwidth of players", { .max_direct = 9, .max_bitrate_out = 299 }, 0, 2, 0, 0, false, false,
		false, SV_DIRECT, REFUSE_BANDWIDTH },
	{ "bandwidth of private ones", { .max_relays = 9, .max_bitrate_out = 100 }, 0, 0, 0, 8, false, false,
		false, SV_RELAY, ADMIT_OK },
	{ "not playing", { .max_relays = 9 }, 0, 0, 0, 0, false, false, true, SV_RELAY, REFUSE_NOT_PLAYING },
	{ "disabled", { .max_relays = 9 }, 0, 0, 0, 0, true, false, false, SV_RELAY, REFUSE_OTHER },
	{ "disabled, even for private", { .max_relays = 9 }, 0, 0, 0, 0, true, true, false, SV_RELAY,
		REFUSE_OTHER },
	/* the order of the checks */
	{ "disabled before bandwidth", { .max_bitrate_out = 1 }, 2, 0, 0, 0, true, false, true, SV_RELAY,
		REFUSE_OTHER },
	{ "bandwidth before relays", { .max_bitrate_out = 1 }, 2, 0, 0, 0, false, false, true, SV_RELAY,
		REFUSE_BANDWIDTH },
	{ "relays before playing", { .max_relays_per_chan = 1 }, 2, 0, 0, 0, false, false, true, SV_RELAY,
		REFUSE_RELAYS },
	{ "direct before playing", { .max_direct = 0 }, 2, 0, 0, 0, false, false, true, SV_DIRECT,
		REFUSE_DIRECT },
	{ "playing before the channel's", { .max_relays = 9, .max_relays_per_chan = 1 }, 2, 0, 0, 0, false,
		false, true, SV_RELAY, REFUSE_NOT_PLAYING },
};

START_TEST(admission)
{
	const struct admit_row *w = &admit_rows[_i];
	const struct gnuid c = id_of(1);
	struct limits l = w->l;
	struct servent *sv[32], *me;
	struct usage before, u;
	struct totals t;
	uint32_t n = 0;
	bool room;

	for (uint32_t i = 0; i < w->relays; i++, n++)
		sv[n] = admitted(n, SV_RELAY, 1, false);
	for (uint32_t i = 0; i < w->directs; i++, n++)
		sv[n] = admitted(n, SV_DIRECT, 1, false);
	for (uint32_t i = 0; i < w->elsewhere; i++, n++)
		sv[n] = admitted(n, SV_RELAY, 2, false);
	for (uint32_t i = 0; i < w->privates; i++, n++)
		sv[n] = admitted(n, i % 2 ? SV_RELAY : SV_DIRECT, 1, true);
	l.max_serv_in = l.max_per_address = 1000;
	servmgr_set_limits(sm, &l);
	servmgr_set_disabled(sm, w->disabled);
	servmgr_usage(sm, &c, &before);
	ck_assert_uint_eq(before.relays_public, w->relays);
	ck_assert_uint_eq(before.relays, w->relays + w->privates / 2);
	ck_assert_uint_eq(before.directs_public, w->directs);
	ck_assert_uint_eq(before.directs, w->directs + (w->privates + 1) / 2);

	room = servmgr_has_room(sm, w->type, &c, 100);
	me = sv_at(900);
	servent_set_private(me, w->private);
	ck_assert_msg(servmgr_admit(sm, me, w->type, &c, 100, !w->idle) == w->want, "%s", w->name);
	servmgr_usage(sm, &c, &u);
	totals(&t);
	if (w->want == ADMIT_OK) {
		ck_assert(me->status == SV_CONNECTED && me->type == w->type && gnuid_equal(&me->chan, &c));
		ck_assert_uint_eq(u.relays + u.directs, before.relays + before.directs + 1);
		ck_assert_uint_eq(t.started, n + 1);
		ck_assert_uint_eq(t.refused[REFUSE_OTHER], 0);
	} else {
		ck_assert(me->status != SV_CONNECTED && !gnuid_is_set(&me->chan));
		ck_assert_uint_eq(u.relays + u.directs, before.relays + before.directs);
		ck_assert_uint_eq(t.refused[w->want], 1);
	}
	/* What our own hit says is what the next public one would be told. DIRECT says less: bandwidth is
	 * no part of it (pcp.md 12.1). */
	if (!w->private && !w->idle && w->want != REFUSE_BANDWIDTH)
		ck_assert_msg(room == (w->want == ADMIT_OK), "%s: room", w->name);
	servent_end(&me);
	while (n > 0)
		servent_end(&sv[--n]);
	servmgr_usage(sm, &c, &u);
	ck_assert_uint_eq(u.relays + u.directs + u.relays_public + u.directs_public, 0);
}
END_TEST

/* Out of memory refuses one stream and loses no count. */
START_TEST(admission_without_memory)
{
	const struct gnuid c = id_of(1);
	struct servent *sv = sv_at(1);
	struct usage u;
	int i;

	for (i = 0;; i++) {
		enum refusal r;

		fail_in = i;
		r = servmgr_admit(sm, sv, SV_RELAY, &c, 100, true);
		if (!failed()) {
			ck_assert_int_eq(r, ADMIT_OK);
			break;
		}
		ck_assert_int_eq(r, REFUSE_OTHER);
		servmgr_usage(sm, &c, &u);
		ck_assert_uint_eq(u.relays, 0);
	}
	ck_assert_int_ge(i, 1);
	servmgr_usage(sm, &c, &u);
	ck_assert_uint_eq(u.relays, 1);
	servent_end(&sv);
}
END_TEST

/* A slot is free as soon as its holder closes, is made private, or goes to another channel. */
START_TEST(slots_come_back)
{
	const struct limits l = { .max_relays = 2, .max_serv_in = 100, .max_per_address = 100 };
	const struct gnuid c = id_of(1), d = id_of(2);
	struct servent *a = admitted(1, SV_RELAY, 1, false), *b = admitted(2, SV_RELAY, 1, false);
	struct usage u;

	servmgr_set_limits(sm, &l);
	ck_assert(!servmgr_has_room(sm, SV_RELAY, &c, 0));
	servent_set_status(a, SV_CLOSING);
	ck_assert(servmgr_has_room(sm, SV_RELAY, &c, 0));
	servent_set_status(a, SV_CONNECTED);
	ck_assert(!servmgr_has_room(sm, SV_RELAY, &c, 0));
	servent_set_private(a, true);
	ck_assert(servmgr_has_room(sm, SV_RELAY, &c, 0));
	ck_assert_int_eq(servmgr_admit(sm, a, SV_DIRECT, &d, 5, true), ADMIT_OK);
	servmgr_usage(sm, &c, &u);
	ck_assert(u.relays == 1 && u.directs == 0);
	servmgr_usage(sm, &d, &u);
	ck_assert(u.relays == 0 && u.directs == 1 && u.directs_public == 0);
	servent_end(&a);
	servent_end(&b);
}
END_TEST

/* New outputs count with their whole bitrate for ten seconds, then as measured. */
START_TEST(bandwidth_is_reserved_then_measured)
{
	struct limits l = wide;
	const struct gnuid c = id_of(1);
	struct servent *a = admitted(1, SV_DIRECT, 1, false), *b = sv_at(2);

	l.max_bitrate_out = 199;
	servmgr_set_limits(sm, &l);
	ck_assert_int_eq(servmgr_admit(sm, b, SV_DIRECT, &c, 100, true), REFUSE_BANDWIDTH);
	skew += 4 * S;
	servmgr_sample(sm);
	ck_assert_int_eq(servmgr_admit(sm, b, SV_DIRECT, &c, 100, true), REFUSE_BANDWIDTH);
	/* it turns out to take 50 kbit/s */
	skew += 7 * S;
	atomic_store(&a->sock.nwritten, 7 * 6250);
	servmgr_sample(sm);
	ck_assert_int_eq(servmgr_admit(sm, b, SV_DIRECT, &c, 150, true), REFUSE_BANDWIDTH);
	ck_assert_int_eq(servmgr_admit(sm, b, SV_DIRECT, &c, 149, true), ADMIT_OK);
	servent_end(&b);
	/* a fresh one that takes more than it said counts with that */
	b = sv_at(3);
	ck_assert_int_eq(servmgr_admit(sm, b, SV_DIRECT, &c, 10, true), ADMIT_OK);
	skew += 2 * S;
	atomic_store(&b->sock.nwritten, 2 * 12500);
	servmgr_sample(sm);
	ck_assert(!servmgr_has_room(sm, SV_RELAY, &c, 100));
	ck_assert(servmgr_has_room(sm, SV_RELAY, &c, 99));
	servent_end(&a);
	servent_end(&b);
}
END_TEST

START_TEST(admission_of_controls)
{
	const struct limits l = { .max_serv_in = 100, .max_per_address = 100, .max_control = 2 };
	const struct gnuid one = id_of(1), two = id_of(2), three = id_of(3), none = { { 0 } };
	struct servent *a = sv_at(1), *b = sv_at(2), *c = sv_at(3), *out;
	const struct host yp = addr(99);
	struct totals t;

	servmgr_set_limits(sm, &l);
	ck_assert(servmgr_has_room(sm, SV_CIN, &none, 0));
	ck_assert_int_eq(servmgr_admit_control(sm, a, &one), ADMIT_OK);
	ck_assert(a->type == SV_CIN && a->status == SV_CONNECTED && gnuid_equal(&a->remote, &one));
	ck_assert_int_eq(servmgr_admit_control(sm, b, &one), REFUSE_DUPLICATE);
	servent_set_private(b, true);           /* private ones count here */
	ck_assert_int_eq(servmgr_admit_control(sm, b, &two), ADMIT_OK);
	ck_assert(!servmgr_has_room(sm, SV_CIN, &none, 0));
	ck_assert_int_eq(servmgr_admit_control(sm, c, &three), REFUSE_FULL);
	ck_assert_int_eq(servmgr_admit_control(sm, c, &two), REFUSE_DUPLICATE); /* the first check */
	servent_end(&a);

	/* a session we have called ourselves */
	out = sv_new(&yp, true);
	servent_set_remote(out, &one);
	ck_assert_int_eq(servmgr_admit_control(sm, c, &one), ADMIT_OK);         /* not connected yet */
	servent_end(&c);
	servent_set_type(out, SV_COUT, SV_CONNECTED);
	c = sv_at(3);
	ck_assert_int_eq(servmgr_admit_control(sm, c, &one), REFUSE_DUPLICATE);
	servent_set_status(out, SV_CLOSING);
	ck_assert_int_eq(servmgr_admit_control(sm, c, &one), ADMIT_OK);
	totals(&t);
	ck_assert_uint_eq(t.connected[SV_CIN], 2);
	ck_assert_uint_eq(t.refused[REFUSE_DUPLICATE], 3);
	ck_assert_uint_eq(t.refused[REFUSE_FULL], 1);
	ck_assert_uint_eq(t.started, 0);
	servent_end(&b);
	servent_end(&c);
	servent_end(&out);
}
END_TEST

/* --- somebody makes room (pcp.md 12.4) ------------------------------------------------------------------- */

static struct servent *relay_of(uint32_t at, uint32_t session)
{
	const struct gnuid s = id_of(session);
	struct servent *sv = admitted(at, SV_RELAY, 1, false);

	servent_set_remote(sv, &s);
	return sv;
}

static enum refusal ask(struct servent *sv, uint32_t kbps, const uint32_t *useless)
{
	const struct gnuid c = id_of(1);
	struct gnuid ids[8];
	struct relay_request q = { .chan = &c, .bitrate_kbps = kbps, .playing = true, .useless = ids };

	for (; useless[q.n_useless] != 0; q.n_useless++)
		ids[q.n_useless] = id_of(useless[q.n_useless]);
	return servmgr_admit_relay(sm, sv, &q);
}

static uint32_t public_relays(void)
{
	const struct gnuid c = id_of(1);
	struct usage u;

	servmgr_usage(sm, &c, &u);
	return u.relays_public;
}

/* Three relays of 100 kbit/s, sessions 11, 12 and 13, the last one private: who goes for the fourth? */
static const struct room_row {
	const char *name;
	struct limits l;
	uint32_t useless[6];
	uint32_t kbps;
	enum refusal want;
	uint32_t goes;          /* 0 = nobody */
} room_rows[] = {
	{ "room for it", { .max_relays = 3 }, { 11 }, 100, ADMIT_OK, 0 },
	{ "relay limit", { .max_relays = 2 }, { 12 }, 100, ADMIT_OK, 12 },
	{ "the most useless", { .max_relays = 2 }, { 12, 11 }, 100, ADMIT_OK, 12 },
	{ "nobody is useless", { .max_relays = 2 }, { 0 }, 100, REFUSE_RELAYS, 0 },
	{ "not a private one", { .max_relays = 2 }, { 13, 11 }, 100, ADMIT_OK, 11 },
	{ "none but a private one", { .max_relays = 2 }, { 13 }, 100, REFUSE_RELAYS, 0 },
	{ "only who is here", { .max_relays = 2 }, { 99, 11 }, 100, ADMIT_OK, 11 },
	{ "channel limit", { .max_relays = 9, .max_relays_per_chan = 2 }, { 11 }, 100, ADMIT_OK, 11 },
	{ "bandwidth", { .max_relays = 9, .max_bitrate_out = 250 }, { 11 }, 100, ADMIT_OK, 11 },
	{ "its leaving is not enough", { .max_relays = 9, .max_bitrate_out = 250 }, { 11, 12 }, 160, REFUSE_BANDWIDTH, 0 },
	{ "two would have to go", { .max_relays = 2, .max_bitrate_out = 150 }, { 11, 12 }, 100, REFUSE_BANDWIDTH, 0 },
};

START_TEST(makes_room)
{
	const struct room_row *w = &room_rows[_i];
	const struct gnuid c = id_of(1);
	struct limits l = w->l;
	struct servent *sv[3], *me = sv_at(9);
	const struct gnuid mine = id_of(50);
	struct totals t;

	for (uint32_t i = 0; i < 3; i++)
		sv[i] = relay_of(i, 11 + i);
	servent_set_private(sv[2], true);
	l.max_serv_in = l.max_per_address = 1000;
	servmgr_set_limits(sm, &l);
	ck_assert_msg(ask(me, w->kbps, w->useless) == w->want, "%s", w->name);
	totals(&t);
	ck_assert_uint_eq(t.connected[SV_RELAY], 3 + (w->want == ADMIT_OK));
	for (int k = 0; k < REFUSALS; k++)
		ck_assert_uint_eq(t.refused[k], k == (int)w->want && k != ADMIT_OK);
	if (w->want == ADMIT_OK) {
		/* whoever goes goes on until the other one has shown who it is */
		ck_assert_uint_eq(public_relays(), w->goes != 0 ? 2 : 3);
		servent_set_remote(me, &mine);
		servmgr_claim(sm, me);
		servmgr_claim(sm, me);
		ck_assert_uint_eq(public_relays(), w->goes != 0 ? 2 : 3);
	}
	for (uint32_t i = 0; i < 3; i++) {
		const struct gnuid s = id_of(11 + i);
		const bool goes = w->goes == 11 + i;

		ck_assert_msg(atomic_load(&sv[i]->sent_away) == goes, "%s: %u", w->name, i);
		ck_assert_int_eq(mbox_is_stopped(&sv[i]->mbox), goes);
		ck_assert_int_eq(sv[i]->status, goes ? SV_CLOSING : SV_CONNECTED);
		ck_assert_int_eq(servmgr_was_sent_away(sm, &c, &s), goes);
	}
	ck_assert(!mbox_is_stopped(&me->mbox));
	for (uint32_t i = 0; i < 3; i++)
		servent_end(&sv[i]);
	servent_end(&me);
	ck_assert_uint_eq(public_relays(), 0);
}
END_TEST

/* A promise binds: nobody else gets the place, whoever of the two leaves first, and a place is promised
 * once. */
START_TEST(promises)
{
	const struct limits l = { .max_relays = 2, .max_serv_in = 100, .max_per_address = 100 };
	const struct gnuid c = id_of(1), d = id_of(2), mine = id_of(50);
	struct servent *a = relay_of(1, 11), *b = relay_of(2, 12), *x = sv_at(3), *y = sv_at(4), *z = sv_at(5);
	const uint32_t useless[] = { 11, 12, 0 };

	servmgr_set_limits(sm, &l);
	ck_assert_int_eq(ask(x, 100, useless), ADMIT_OK);       /* 11's */
	ck_assert_int_eq(ask(y, 100, useless), ADMIT_OK);       /* 12's */
	ck_assert_int_eq(ask(z, 100, useless), REFUSE_RELAYS);
	ck_assert_uint_eq(public_relays(), 2);

	/* 11 leaves by itself: its place is x's, and nobody else's */
	servent_end(&a);
	ck_assert_uint_eq(public_relays(), 2);
	ck_assert_int_eq(servmgr_admit(sm, z, SV_RELAY, &c, 100, true), REFUSE_RELAYS);
	servent_set_remote(x, &mine);
	servmgr_claim(sm, x);           /* has it already */
	ck_assert(!atomic_load(&b->sent_away));

	/* y's handshake fails: 12 stays */
	servent_end(&y);
	ck_assert_uint_eq(public_relays(), 2);
	ck_assert(!atomic_load(&b->sent_away) && !mbox_is_stopped(&b->mbox));
	ck_assert_int_eq(servmgr_admit(sm, z, SV_RELAY, &c, 100, true), REFUSE_RELAYS);

	/* it can be promised again; now 12 is closing before it is claimed */
	y = sv_at(4);
	ck_assert_int_eq(ask(y, 100, useless), ADMIT_OK);
	servent_set_status(b, SV_CLOSING);
	ck_assert_uint_eq(public_relays(), 2);
	ck_assert_int_eq(servmgr_admit(sm, z, SV_RELAY, &c, 100, true), REFUSE_RELAYS);
	servent_end(&b);
	servent_end(&y);
	ck_assert_int_eq(servmgr_admit(sm, z, SV_RELAY, &c, 100, true), ADMIT_OK);

	/* a guest may go to another channel, or be found to be exempt: the other one stays */
	servent_set_remote(z, &(struct gnuid){ { 12 } });
	y = sv_at(4);
	servent_set_remote(x, &(struct gnuid){ { 0 } });
	servent_end(&x);
	x = relay_of(3, 11);
	ck_assert_int_eq(ask(y, 100, useless), ADMIT_OK);
	servent_set_private(y, true);
	ck_assert_uint_eq(public_relays(), 2);
	servent_set_private(y, false);
	ck_assert_uint_eq(public_relays(), 3);          /* the operator's doing */
	ck_assert_int_eq(servmgr_admit(sm, y, SV_RELAY, &d, 100, true), REFUSE_RELAYS);
	servent_end(&x);
	servent_end(&y);
	servent_end(&z);
	ck_assert_uint_eq(public_relays(), 0);
}
END_TEST

/* Bandwidth too: until the swap the pair counts with the greater of the two. */
START_TEST(promised_bandwidth)
{
	struct limits l = wide;
	const struct gnuid c = id_of(1);
	struct servent *a, *x = sv_at(2);
	const uint32_t useless[] = { 11, 0 };

	l.max_bitrate_out = 400;
	servmgr_set_limits(sm, &l);
	a = relay_of(1, 11);
	ck_assert_int_eq(ask(x, 350, useless), ADMIT_OK);
	ck_assert(servmgr_has_room(sm, SV_RELAY, &c, 50) && !servmgr_has_room(sm, SV_RELAY, &c, 51));
	skew += 11 * S;
	servmgr_sample(sm);             /* it takes nothing, but what it promised is kept */
	ck_assert(servmgr_has_room(sm, SV_RELAY, &c, 50) && !servmgr_has_room(sm, SV_RELAY, &c, 51));
	servent_end(&x);
	ck_assert(servmgr_has_room(sm, SV_RELAY, &c, 400));
	servent_end(&a);
}
END_TEST

/* Whoever comes again, its old connection half dead, needs nobody's place but its own. */
START_TEST(own_place_again)
{
	const struct limits l = { .max_relays = 2, .max_serv_in = 100, .max_per_address = 100 };
	const struct gnuid c = id_of(1), twelve = id_of(12);
	struct servent *a = relay_of(1, 11), *b = relay_of(2, 12), *x = sv_at(2);
	const uint32_t useless[] = { 11, 0 };

	servmgr_set_limits(sm, &l);
	ck_assert_int_eq(ask(x, 100, useless), ADMIT_OK);
	servent_set_remote(x, &twelve);
	servmgr_claim(sm, x);
	ck_assert(!atomic_load(&a->sent_away) && a->status == SV_CONNECTED);
	ck_assert(!atomic_load(&b->sent_away) && b->status == SV_CLOSING);
	ck_assert(!servmgr_was_sent_away(sm, &c, &twelve));
	ck_assert_uint_eq(public_relays(), 2);
	servent_end(&b);
	ck_assert_uint_eq(public_relays(), 2);
	servent_end(&a);
	servent_end(&x);
}
END_TEST

START_TEST(sent_away_for_a_minute)
{
	const struct limits l = { .max_relays = 2, .max_serv_in = 100, .max_per_address = 100 };
	const struct gnuid c = id_of(1), d = id_of(2), eleven = id_of(11), mine = id_of(50);
	struct servent *a = relay_of(1, 11), *b = relay_of(2, 12), *x = sv_at(3);
	const uint32_t useless[] = { 11, 0 };

	servmgr_set_limits(sm, &l);
	ck_assert_int_eq(ask(x, 100, useless), ADMIT_OK);
	servent_set_remote(x, &mine);
	servmgr_claim(sm, x);
	ck_assert(servmgr_was_sent_away(sm, &c, &eleven));
	ck_assert(!servmgr_was_sent_away(sm, &d, &eleven) && !servmgr_was_sent_away(sm, &c, &mine));
	skew += SERVENT_AWAY - 1;
	ck_assert(servmgr_was_sent_away(sm, &c, &eleven));
	skew += 1;
	ck_assert(!servmgr_was_sent_away(sm, &c, &eleven));
	servent_end(&a);
	servent_end(&b);
	servent_end(&x);
}
END_TEST

/* --- many threads -------------------------------------------------------------------------------------------------- */

static _Atomic uint32_t in_use, most, tries;

static void comes_and_goes(void *arg)
{
	const uint32_t me = (uint32_t)(uintptr_t)arg;
	const struct gnuid c = id_of(1);

	for (uint32_t i = 0; i < 400; i++) {
		struct servent *sv, **v;
		struct servent_view *view;
		const struct servent_query q = { .types = 1u << SV_RELAY | 1u << SV_DIRECT, .chan = c };
		const struct host h = addr(me);
		bool in;
		size_t n;

		if (servent_new(sm, -1, &h, false, &sv) != ST_OK)
			continue;
		in = servmgr_admit(sm, sv, SV_RELAY, &c, 1, true) == ADMIT_OK;
		if (in) {
			const uint32_t now = atomic_fetch_add(&in_use, 1) + 1;
			uint32_t was = atomic_load(&most);

			while (was < now && !atomic_compare_exchange_weak(&most, &was, now))
				;
		}
		atomic_fetch_add(&tries, 1);
		if (servmgr_select(sm, &q, &v, &n) == ST_OK) {
			for (size_t k = 0; k < n; k++) {
				mbox_wake(&v[k]->mbox);
				servent_unref(&v[k]);
			}
			free(v);
		}
		if (i % 16 == 0 && servmgr_views(sm, NULL, &view, &n) == ST_OK)
			free(view);
		if (i % 32 == 0)
			servmgr_sample(sm);
		if (in)
			atomic_fetch_sub(&in_use, 1);
		servent_end(&sv);
	}
}

START_TEST(no_race_overruns_a_cap)
{
	const struct limits l = { .max_serv_in = 1000, .max_per_address = 1000, .max_relays = 3 };
	struct thr t[8];
	struct totals tot;

	in_use = most = tries = 0;
	servmgr_set_limits(sm, &l);
	for (uintptr_t i = 0; i < NELEM(t); i++)
		ck_assert_int_eq(thr_start(&t[i], "sv", comes_and_goes, (void *)i), ST_OK);
	for (uint32_t i = 0; i < NELEM(t); i++)
		ck_assert_int_eq(thr_join(&t[i], clk_deadline(100 * S)), ST_OK);
	totals(&tot);
	ck_assert_uint_eq(tot.servents, 0);
	ck_assert_uint_eq(tot.started + tot.refused[REFUSE_RELAYS], atomic_load(&tries));
	ck_assert_uint_ge(atomic_load(&most), 1);
	ck_assert_uint_le(atomic_load(&most), 3);
}
END_TEST

/* Many come for two slots whose holders are useless, and claim them at their own pace. */
static _Atomic uint32_t let_in, over;

static void comes_for_a_slot(void *arg)
{
	const uint32_t me = (uint32_t)(uintptr_t)arg;
	const struct gnuid c = id_of(1), s = id_of(1000 + me);
	struct gnuid useless[64];
	struct relay_request q = { .chan = &c, .bitrate_kbps = 1, .playing = true, .useless = useless };

	for (uint32_t i = 0; i < 60; i++)
		useless[q.n_useless++] = id_of(1000 + i);
	for (uint32_t i = 0; i < 200; i++) {
		const struct host h = addr(me);
		struct servent *sv;
		struct usage u;

		if (servent_new(sm, -1, &h, false, &sv) != ST_OK)
			continue;
		if (servmgr_admit_relay(sm, sv, &q) == ADMIT_OK) {
			if (i % 5 != 0) {       /* one in five never says who it is */
				servent_set_remote(sv, &s);
				servmgr_claim(sm, sv);
				atomic_fetch_add(&let_in, 1);
			}
			servmgr_usage(sm, &c, &u);
			if (u.relays_public > 2)
				atomic_fetch_add(&over, 1);
			if (i % 7 == 0)
				(void)!mbox_wait(&sv->mbox, clk_deadline(NSEC_PER_MSEC));
		}
		servent_end(&sv);
	}
}

START_TEST(no_race_overruns_a_promise)
{
	const struct limits l = { .max_serv_in = 1000, .max_per_address = 1000, .max_relays = 2 };
	struct servent *a, *b;
	struct thr t[12];
	struct totals tot;

	let_in = over = 0;
	servmgr_set_limits(sm, &l);
	a = relay_of(1, 1000);
	b = relay_of(2, 1001);
	for (uintptr_t i = 0; i < NELEM(t); i++)
		ck_assert_int_eq(thr_start(&t[i], "sv", comes_for_a_slot, (void *)(i + 2)), ST_OK);
	for (uint32_t i = 0; i < NELEM(t); i++)
		ck_assert_int_eq(thr_join(&t[i], clk_deadline(100 * S)), ST_OK);
	ck_assert_uint_eq(atomic_load(&over), 0);
	ck_assert_uint_ge(atomic_load(&let_in), 2);
	ck_assert(atomic_load(&a->sent_away) && atomic_load(&b->sent_away));
	totals(&tot);
	ck_assert_uint_eq(tot.servents, 2);
	ck_assert_uint_eq(public_relays(), 0);
	servent_end(&a);
	servent_end(&b);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/node/admit");
	TCase *t = tcase_create("admit");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, admission, 0, NELEM(admit_rows));
	tcase_add_test(t, admission_without_memory);
	tcase_add_test(t, slots_come_back);
	tcase_add_test(t, bandwidth_is_reserved_then_measured);
	tcase_add_test(t, admission_of_controls);
	tcase_add_loop_test(t, makes_room, 0, NELEM(room_rows));
	tcase_add_test(t, promises);
	tcase_add_test(t, promised_bandwidth);
	tcase_add_test(t, own_place_again);
	tcase_add_test(t, sent_away_for_a_minute);
	tcase_add_test(t, no_race_overruns_a_cap);
	tcase_add_test(t, no_race_overruns_a_promise);
	suite_add_tcase(s, t);
	return s;
}
