/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/upstream.h"

#include <string.h>

#include "core/chan/gnuid.h"
#include "test/unit/unit.h"

#define SEC NSEC_PER_SEC
#define NOW (1000 * SEC)

static struct gnuid id_of(uint8_t v)
{
	struct gnuid id;

	memset(&id, v, sizeof(id));
	return id;
}

/* Chance, made certain. */
static uint32_t lowest(uint32_t n)
{
	return 0;
}

static uint32_t highest(uint32_t n)
{
	return n - 1;
}

static uint32_t seed = 1;

static uint32_t chance(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* --- the verdict ---------------------------------------------------------------------------------- */

/* A source that took us so many seconds ago and gave the last data `fresh` ago; one that took us and gave
 * nothing yet. */
#define GAVE(since_s, ago) .now = NOW, .since = NOW - (since_s) * SEC, .fresh = NOW - (ago), .let_go = NSEC_NEVER
#define GOOD               GAVE(300, SEC / 10)
#define NEW(since_s, until) .now = NOW, .since = NOW - (since_s) * SEC, .let_go = until, .first = 10 * SEC

static const struct {
	const char *name;
	struct upstream_evidence e;
	enum upstream_why why;
	bool leave;
} verdicts[] = {
	{ "good", { GOOD }, UPSTREAM_FINE, false },
	{ "29 s of nothing", { GAVE(300, 29 * SEC) }, UPSTREAM_FINE, false },
	{ "30 s of nothing", { GAVE(300, 30 * SEC) }, UPSTREAM_STALLS, true },
	{ "30 s, and nobody else", { GAVE(300, 30 * SEC), .others = false }, UPSTREAM_STALLS, true },
	{ "30 s of the tracker", { GAVE(300, 59 * SEC), .tracker = true }, UPSTREAM_FINE, false },
	{ "60 s of the tracker", { GAVE(300, 60 * SEC), .tracker = true }, UPSTREAM_STALLS, true },

	{ "new", { NEW(1, NSEC_NEVER) }, UPSTREAM_FINE, false },
	{ "10 s, others", { NEW(10, NSEC_NEVER), .others = true }, UPSTREAM_SILENT, true },
	{ "3 s, and the stream has short pauses", { .now = NOW, .since = NOW - 3 * SEC, .let_go = NSEC_NEVER,
		.first = 3 * SEC, .others = true }, UPSTREAM_SILENT, true },
	{ "10 s, nobody else", { NEW(10, NSEC_NEVER) }, UPSTREAM_FINE, false },
	{ "30 s, nobody else", { NEW(30, NSEC_NEVER) }, UPSTREAM_SILENT, true },
	{ "10 s of known ones", { NEW(10, NSEC_NEVER), .others = true, .known = true },
		UPSTREAM_FINE, false },
	{ "listeners lose patience", { NEW(6, NOW) },
		UPSTREAM_SILENT, true },
	{ "not with one that is new", { NEW(4, NOW) },
		UPSTREAM_FINE, false },

	{ "two gaps", { GOOD, .others = true, .gaps = 2 }, UPSTREAM_FINE, false },
	{ "three gaps", { GOOD, .others = true, .gaps = 3 }, UPSTREAM_SKIPS, false },
	{ "three gaps, nobody else", { GOOD, .gaps = 3 }, UPSTREAM_FINE, false },
	{ "pauses", { GOOD, .others = true, .dry = 8 * SEC }, UPSTREAM_DRIPS, false },
	{ "short pauses", { GOOD, .others = true, .dry = 7 * SEC }, UPSTREAM_FINE, false },
	{ "behind", { GOOD, .others = true, .behind = 10 * SEC }, UPSTREAM_LAGS, false },
	{ "a bit behind", { GOOD, .others = true, .behind = 9 * SEC }, UPSTREAM_FINE, false },

	{ "within a minute", { GAVE(59, SEC), .others = true, .gaps = 9, .switched = NOW - 59 * SEC },
		UPSTREAM_FINE, false },
	{ "after a minute", { GAVE(60, SEC), .others = true, .gaps = 9, .switched = NOW - 60 * SEC },
		UPSTREAM_SKIPS, false },
	{ "the second in a row", { GOOD, .others = true, .gaps = 9, .switched = NOW - 119 * SEC, .switches = 1 },
		UPSTREAM_FINE, false },
	{ "and after two minutes", { GOOD, .others = true, .gaps = 9, .switched = NOW - 120 * SEC, .switches = 1 },
		UPSTREAM_SKIPS, false },
	{ "at most eight minutes", { GOOD, .others = true, .gaps = 9, .switched = NOW - 480 * SEC, .switches = 90 },
		UPSTREAM_SKIPS, false },
	{ "a stall has no hysteresis", { GAVE(300, 30 * SEC), .switched = NOW - 40 * SEC, .switches = 9 },
		UPSTREAM_STALLS, true },
};

START_TEST(verdict)
{
	struct upstream_verdict v = upstream_judge(&verdicts[_i].e);

	ck_assert_msg(v.why == verdicts[_i].why && v.leave == verdicts[_i].leave, "%s: %s%s", verdicts[_i].name,
		upstream_why_str(v.why), v.leave ? ", leave" : "");
	ck_assert_msg(v.leave || v.again > NOW, "%s: judged again at once", verdicts[_i].name);
}
END_TEST

/* Judged again only when it asks for that, a silent source is left on the second. */
START_TEST(in_time)
{
	struct upstream_evidence e = { .now = NOW, .since = NOW, .fresh = NOW, .let_go = NSEC_NEVER, .others = true };
	struct upstream_verdict v = upstream_judge(&e);
	int n = 0;

	while (!v.leave && n++ < 20) {
		e.now = v.again;
		e.dry = e.now - e.fresh;
		v = upstream_judge(&e);
	}
	ck_assert(v.leave);
	ck_assert_int_eq(e.now, NOW + UPSTREAM_STALL);
	ck_assert_int_le(n, 8);
}
END_TEST

/* The minute of peace over, it is judged again, not later. */
START_TEST(peace_ends)
{
	struct upstream_evidence e = { GOOD, .others = true, .gaps = 9, .switched = NOW - 57 * SEC };
	struct upstream_verdict v = upstream_judge(&e);

	ck_assert_int_eq(v.why, UPSTREAM_FINE);
	ck_assert_int_eq(v.again, NOW + 3 * SEC);
	e.now = e.fresh = v.again;
	ck_assert_int_eq(upstream_judge(&e).why, UPSTREAM_SKIPS);
}
END_TEST

/* --- the watch ------------------------------------------------------------------------------------ */

START_TEST(watch_minute)
{
	struct upstream_watch w = { .since = 0 };
	nsec now = NOW;
	uint64_t pos = 0;

	upstream_watch_begin(&w, now);
	for (int i = 0; i < 100; i++)
		upstream_watch_data(&w, now += SEC / 10, pos += 10000, 0);
	ck_assert_uint_eq(upstream_watch_gaps(&w, now), 0);
	ck_assert_int_eq(upstream_watch_dry(&w, now), 0);
	ck_assert_int_eq(upstream_watch_dry(&w, now + 2 * SEC), 0);
	ck_assert_int_eq(upstream_watch_dry(&w, now + 5 * SEC), 5 * SEC);      /* as it goes on */
	upstream_watch_data(&w, now += 5 * SEC, pos, 2);
	ck_assert_int_eq(upstream_watch_dry(&w, now), 5 * SEC);
	ck_assert_uint_eq(upstream_watch_gaps(&w, now), 2);
	for (int i = 0; i < 450; i++)
		upstream_watch_data(&w, now += SEC / 10, pos += 10000, i == 0);
	ck_assert_uint_eq(upstream_watch_gaps(&w, now), 3);
	ck_assert_int_eq(upstream_watch_dry(&w, now), 5 * SEC);
	for (int i = 0; i < 200; i++)
		upstream_watch_data(&w, now += SEC / 10, pos += 10000, 0);
	ck_assert_uint_eq(upstream_watch_gaps(&w, now), 0);
	ck_assert_int_eq(upstream_watch_dry(&w, now), 0);
	/* nor does a long silence keep old ones */
	upstream_watch_data(&w, now += SEC, pos, 1);
	ck_assert_uint_eq(upstream_watch_gaps(&w, now + 100 * SEC), 0);
	upstream_watch_data(&w, now += 300 * SEC, pos, 1);
	ck_assert_uint_eq(upstream_watch_gaps(&w, now), 1);
	upstream_watch_begin(&w, now);
	ck_assert_uint_eq(upstream_watch_gaps(&w, now), 0);
}
END_TEST

/* How long to wait for another one's first data: by the pauses the stream has had. */
START_TEST(watch_first)
{
	struct upstream_watch w = { .since = 0 };
	nsec now = NOW;

	upstream_watch_begin(&w, now);
	ck_assert_int_eq(upstream_watch_first(&w, now), UPSTREAM_FIRST);
	upstream_watch_data(&w, now += 5 * SEC, 1, 0);
	ck_assert_int_eq(upstream_watch_first(&w, now), UPSTREAM_FIRST);
	upstream_watch_data(&w, now += SEC / 10, 2, 0);
	ck_assert_int_eq(upstream_watch_first(&w, now), 2 * SEC + 4 * SEC / 10);
	upstream_watch_begin(&w, now += 20 * SEC);      /* the stream is still the same */
	ck_assert_int_eq(upstream_watch_first(&w, now), 2 * SEC + 4 * SEC / 10);
	upstream_watch_data(&w, now += SEC, 3, 0);
	upstream_watch_data(&w, now += SEC / 2, 4, 0);
	ck_assert_int_eq(upstream_watch_first(&w, now), 4 * SEC);
	upstream_watch_data(&w, now += 9 * SEC, 5, 0);
	ck_assert_int_eq(upstream_watch_first(&w, now), UPSTREAM_FIRST);
	for (int i = 0; i < 100; i++)
		upstream_watch_data(&w, now += SEC, 6, 0);
	ck_assert_int_eq(upstream_watch_first(&w, now), 6 * SEC);
}
END_TEST

START_TEST(watch_rate)
{
	struct upstream_watch w = { .since = 0 };
	const uint64_t start = ((uint64_t)1 << 32) - 400000;
	struct hit h = { .sid = id_of(1) };
	nsec now = NOW;
	uint64_t pos = start;

	ck_assert_uint_eq(upstream_watch_rate(&w), 0);
	upstream_watch_begin(&w, now);
	/* over 2^32, and over the number of marks */
	for (int i = 0; i < 1000; i++)
		upstream_watch_data(&w, now += SEC / 10, pos += 1000, 0);
	ck_assert_uint_ge(upstream_watch_rate(&w), 9900);
	ck_assert_uint_le(upstream_watch_rate(&w), 10100);

	/* somebody who was 20 s further 10 s ago */
	h.heard = now - 10 * SEC;
	h.newpos = (uint32_t)(pos - 100000 + 200000);
	ck_assert_int_ge(upstream_watch_behind(&w, &h, 1), 17 * SEC);
	ck_assert_int_le(upstream_watch_behind(&w, &h, 1), 20 * SEC);
	/* one of our own tree has it from us, and is not asked */
	h.dead = true;
	ck_assert_int_eq(upstream_watch_behind(&w, &h, 1), 0);
	h.dead = false;
	/* behind us, where we have been, and long ago */
	h.newpos = (uint32_t)(pos - 100000 - 200000);
	ck_assert_int_eq(upstream_watch_behind(&w, &h, 1), 0);
	h.newpos = (uint32_t)(pos - 100000);
	ck_assert_int_eq(upstream_watch_behind(&w, &h, 1), 0);
	h.newpos = (uint32_t)(pos + 100000);
	h.heard = now - 90 * SEC;
	ck_assert_int_eq(upstream_watch_behind(&w, &h, 1), 0);
	/* another stream altogether */
	h.heard = now;
	h.newpos = (uint32_t)(pos + (500u << 20));
	ck_assert_int_eq(upstream_watch_behind(&w, &h, 1), 0);

	/* a stream that begins anew has no rate yet */
	upstream_watch_data(&w, now + SEC, 0, 0);
	ck_assert_uint_eq(upstream_watch_rate(&w), 0);
}
END_TEST

/* --- the choice ----------------------------------------------------------------------------------- */

#define V4(a, b, c, d, p) { .ip = { [10] = 0xff, 0xff, a, b, c, d }, .port = p }
#define A(n)   V4(203, 0, 113, n, 7144)
#define LAN(n) V4(192, 168, 0, n, 7144)
#define V6(n)  { .ip = { 0x20, 0x01, 0x0d, 0xb8, [15] = n }, .port = 7144 }
#define AT(n)  (&(struct host)A(n))
#define OK     (HIT_RECV | HIT_RELAY | HIT_CIN)
#define BUSY   (HIT_RECV | HIT_CIN)
#define TRK    (OK | HIT_TRACKER)

#define HITS 5
#define NONE 0xff

/* One byte of the address chosen; NONE = nobody. Hit i has session i + 1. */
static const struct choice {
	const char *name;
	struct hit hit[HITS];
	uint8_t want[2];        /* with the lowest and the highest chance */
	bool v6;
	nsec soon, rested;      /* 0 = never */
} choices[] = {
	{ "nobody", { { .dead = true } }, { NONE, NONE }, false, 0, 0 },
	{ "one", { { .rhost = { A(10) }, .flags = OK } }, { 10, 10 }, false, 0, 0 },
	{ "fewest hops", { { .rhost = { A(10) }, .flags = OK, .hops = 8 }, { .rhost = { A(11) }, .flags = OK, .hops = 4 },
		{ .rhost = { A(12) }, .flags = OK, .hops = 12 } }, { 11, 11 }, false, 0, 0 },
	{ "hops by fours", { { .rhost = { A(10) }, .flags = OK, .hops = 7 }, { .rhost = { A(11) }, .flags = OK, .hops = 4 },
		{ .rhost = { A(12) }, .flags = OK, .hops = 8 } }, { 11, 10 }, false, 0, 0 },
	{ "heard of before the loss", { { .rhost = { A(10) }, .flags = OK, .heard = NOW - 21 * SEC },
		{ .rhost = { A(11) }, .flags = TRK, .heard = NOW - 90 * SEC } }, { 11, 11 }, false, 0, 0 },
	{ "just before it", { { .rhost = { A(10) }, .flags = OK, .heard = NOW - 19 * SEC },
		{ .rhost = { A(11) }, .flags = TRK } }, { 10, 10 }, false, 0, 0 },
	{ "before it, behind our NAT", { { .rhost = { A(1), LAN(10) }, .flags = OK, .heard = NOW - 99 * SEC },
		{ .rhost = { A(11) }, .flags = TRK } }, { 10, 10 }, false, 0, 0 },
	{ "before it, and nobody else", { { .rhost = { A(10) }, .flags = OK, .heard = NOW - 99 * SEC } }, { 10, 10 }, false, 0, 0 },
	{ "a free slot", { { .rhost = { A(10) }, .flags = BUSY }, { .rhost = { A(11) }, .flags = OK },
		{ .rhost = { A(12) }, .flags = BUSY } }, { 11, 11 }, false, 0, 0 },
	{ "fewest hops before a free slot", { { .rhost = { A(10) }, .flags = BUSY, .hops = 1 },
		{ .rhost = { A(11) }, .flags = OK, .hops = 4 } }, { 10, 10 }, false, 0, 0 },
	{ "chance among equals", { { .rhost = { A(10) }, .flags = OK }, { .rhost = { A(11) }, .flags = OK },
		{ .rhost = { A(12) }, .flags = OK } }, { 12, 10 }, false, 0, 0 },
	{ "relays first", { { .rhost = { A(10) }, .flags = TRK }, { .rhost = { A(11) }, .flags = BUSY, .hops = 9 } },
		{ 11, 11 }, false, 0, 0 },
	{ "the tracker then", { { .rhost = { A(10) }, .flags = TRK } }, { 10, 10 }, false, 0, 0 },
	{ "behind our NAT", { { .rhost = { A(10) }, .flags = OK }, { .rhost = { A(1), LAN(11) }, .flags = OK, .hops = 5 } },
		{ 11, 11 }, false, 0, 0 },
	{ "behind our NAT and firewalled", { { .rhost = { A(1), LAN(11) }, .flags = OK | HIT_PUSH } }, { 11, 11 }, false, 0, 0 },
	{ "a tracker behind our NAT is none the less one", { { .rhost = { A(10) }, .flags = OK },
		{ .rhost = { A(1), LAN(11) }, .flags = TRK } }, { 10, 10 }, false, 0, 0 },
	{ "trackers behind our NAT", { { .rhost = { A(10) }, .flags = TRK }, { .rhost = { A(1), LAN(11) }, .flags = TRK } },
		{ 11, 11 }, false, 0, 0 },
	{ "firewalled", { { .rhost = { A(10) }, .flags = OK | HIT_PUSH } }, { NONE, NONE }, false, 0, 0 },
	{ "private, loopback, no port", { { .rhost = { LAN(10) }, .flags = OK },
		{ .rhost = { V4(127, 0, 0, 1, 7144) }, .flags = OK }, { .rhost = { V4(203, 0, 113, 9, 0) }, .flags = OK } },
		{ NONE, NONE }, false, 0, 0 },
	{ "private, but the user said so", { { .rhost = { LAN(10) }, .flags = TRK, .told = true } }, { 10, 10 }, false, 0, 0 },
	{ "ourselves", { { .rhost = { A(10) }, .flags = OK, .sid = { { 0xaa } } } }, { NONE, NONE }, false, 0, 0 },
	{ "our own tree", { { .rhost = { A(10) }, .flags = OK, .sid = { { 0xbb } } }, { .rhost = { A(11) }, .flags = OK, .via = { { 0xbb } } },
		{ .rhost = { A(12) }, .flags = OK, .uphost = A(13) }, { .rhost = { A(13) }, .flags = OK, .uphost = A(11) },
		{ .rhost = { A(14) }, .flags = OK, .uphost = A(1) } }, { NONE, NONE }, false, 0, 0 },
	{ "not of our tree", { { .rhost = { A(10) }, .flags = OK, .uphost = A(20) } }, { 10, 10 }, false, 0, 0 },
	{ "its line is down", { { .rhost = { A(10) }, .flags = OK, .gone_at = NOW + SEC }, { .rhost = { A(11) }, .flags = BUSY, .hops = 7 } },
		{ 11, 11 }, false, 0, 0 },
	{ "private, told by a neighbour", { { .rhost = { LAN(10) }, .flags = OK, .near = true } }, { 10, 10 }, false, 0, 0 },
	{ "to be avoided", { { .rhost = { A(99) }, .flags = OK } }, { NONE, NONE }, false, 0, 0 },
	{ "just handed out", { { .rhost = { A(10) }, .flags = OK, .contact = NOW - 4 * SEC } }, { NONE, NONE }, false, NOW + SEC, 0 },
	{ "5 s ago", { { .rhost = { A(10) }, .flags = OK, .contact = NOW - 5 * SEC } }, { 10, 10 }, false, 0, 0 },
	{ "a tracker 9 s ago", { { .rhost = { A(10) }, .flags = TRK, .contact = NOW - 9 * SEC } }, { NONE, NONE }, false, NOW + SEC, 0 },
	{ "the first that is free", { { .rhost = { A(10) }, .flags = TRK, .contact = NOW - 2 * SEC },
		{ .rhost = { A(11) }, .flags = OK, .contact = NOW - 2 * SEC } }, { NONE, NONE }, false, NOW + 3 * SEC, 0 },
	{ "it failed", { { .rhost = { A(50) }, .flags = TRK, .told = true } }, { NONE, NONE }, false, 0, NOW + 60 * SEC },
	{ "and another did not", { { .rhost = { A(50) }, .flags = OK }, { .rhost = { A(10) }, .flags = TRK } }, { 10, 10 }, false, 0, 0 },
	{ "never again", { { .rhost = { A(60) }, .flags = OK } }, { NONE, NONE }, false, 0, 0 },
	{ "it refused us", { { .rhost = { A(61) }, .flags = OK } }, { NONE, NONE }, false, NOW + 7 * SEC, 0 },
	{ "it may have somebody to name by now", { { .rhost = { A(65) }, .flags = TRK, .contact = NOW - 3 * SEC } }, { 65, 65 }, false, 0, 0 },
	{ "it was bad", { { .rhost = { A(62) }, .flags = OK }, { .rhost = { A(10) }, .flags = BUSY, .hops = 7 } }, { 10, 10 }, false, 0, 0 },
	{ "it was bad, but who else", { { .rhost = { A(62) }, .flags = OK }, { .rhost = { A(10) }, .flags = TRK } }, { 62, 62 }, false, 0, 0 },
	{ "it was bad long ago", { { .rhost = { A(63) }, .flags = OK }, { .rhost = { A(10) }, .flags = BUSY, .hops = 7 } }, { 63, 63 }, false, 0, 0 },
	{ "it was slow", { { .rhost = { A(64) }, .flags = OK }, { .rhost = { A(10) }, .flags = BUSY, .hops = 7 } }, { 10, 10 }, false, 0, 0 },
	{ "far behind", { { .rhost = { A(11) }, .flags = OK, .heard = NOW, .newpos = 10000000 - 1400000 },
		{ .rhost = { A(10) }, .flags = OK, .hops = 1, .heard = NOW, .newpos = 10000000 - 1200000 } }, { 10, 10 }, false, 0, 0 },
	{ "IPv6 is not asked", { { .rhost = { V6(10) }, .flags = OK } }, { NONE, NONE }, false, 0, 0 },
	{ "IPv6 is asked alone", { { .rhost = { A(10) }, .flags = OK }, { .rhost = { V6(11) }, .flags = TRK } }, { 11, 11 }, true, 0, 0 },
	{ "IPv6 behind our router", { { .rhost = { V6(10) }, .flags = OK },
		{ .rhost = { V6(1), { { 0xfd, [15] = 12 }, 7144 } }, .flags = OK } }, { 12, 12 }, true, 0, 0 },
};

static bool rests(void *ctx, const struct host *h, nsec *until)
{
	*until = NOW + 60 * SEC;
	return h->ip[15] == 50;
}

START_TEST(choice)
{
	const struct choice *c = &choices[_i];
	struct gnuid below = { { 0xbb } };
	struct upstream_memory m = { .n = 0 };
	struct upstream_env e = {
		.now = NOW, .lost = NOW - 2 * SEC, .v6 = c->v6, .self = { { 0xaa } }, .global = c->v6 ? (struct host)V6(1) : (struct host)A(1),
		.except = A(99), .memory = &m, .pos = 10000000, .rate = 10000, .rests = rests,
	};
	const struct hit us = { .rhost = { e.global } };
	struct hit hits[HITS];

	upstream_note(&m, AT(60))->rests = NSEC_NEVER;
	upstream_note(&m, AT(61))->rests = NOW + 7 * SEC;
	upstream_note(&m, AT(62))->fault = NOW - 599 * SEC;
	upstream_note(&m, AT(63))->fault = NOW - 600 * SEC;
	upstream_note(&m, AT(64))->delay = 4 * SEC;
	*upstream_note(&m, AT(65)) = (struct upstream_past){ .host = A(65), .tried = NOW - 3 * SEC, .rests = NOW - 1 };
	memcpy(hits, c->hit, sizeof(hits));
	for (uint8_t i = 0; i < HITS; i++)
		if (!gnuid_is_set(&hits[i].sid))
			hits[i].sid = id_of((uint8_t)(i + 1));
	for (uint8_t i = 0; i < HITS; i++)
		if (hits[i].heard == 0)
			hits[i].heard = NOW;
	upstream_prune(hits, HITS, &us, &below, 1);
	for (int i = 0; i < 2; i++) {
		struct upstream_pick p;
		bool ok;

		e.rnd = i == 0 ? lowest : highest;
		ok = upstream_choose(&e, hits, HITS, &p);
		ck_assert_msg(ok == (c->want[i] != NONE), "%s: %s", c->name, ok ? "somebody" : "nobody");
		ck_assert_msg(!ok || p.host.ip[15] == c->want[i], "%s: %u", c->name, p.host.ip[15]);
		if (ok)
			continue;
		ck_assert_msg(p.soon == (c->soon != 0 ? c->soon : NSEC_NEVER), "%s: soon", c->name);
		ck_assert_msg(p.rested == (c->rested != 0 ? c->rested : NSEC_NEVER), "%s: rested", c->name);
	}
}
END_TEST

/* Of as many as a list holds: below us a row of them, whichever way round they are listed, and nobody else. */
START_TEST(prune_to_the_end)
{
	static struct hit hits[HITLIST_MAX_HITS];
	const size_t n = NELEM(hits), row = n - 100;
	const struct hit us = { .rhost = { host_v4(10, 1, 0, 0, 7144) } };

	for (int way = 0; way < 2; way++) {
		memset(hits, 0, sizeof(hits));
		for (size_t i = 0; i < n; i++) {
			struct hit *h = &hits[way ? n - 1 - i : i];

			h->rhost[0] = host_v4(10, 1, (uint8_t)((i + 1) >> 8), (uint8_t)(i + 1), 7144);
			h->uphost = i == row ? host_v4(10, 2, 0, 0, 7144) :
				host_v4(10, 1, (uint8_t)(i >> 8), (uint8_t)i, 7144);
		}
		upstream_prune(hits, n, &us, NULL, 0);
		for (size_t i = 0; i < n; i++)
			ck_assert_msg(hits[way ? n - 1 - i : i].dead == (i < row), "%zu", i);
	}
}
END_TEST

/* Equals are chosen equally often. */
START_TEST(fair)
{
	struct upstream_memory m = { .n = 0 };
	struct upstream_env e = { .now = NOW, .self = { { 0xaa } }, .memory = &m, .rests = rests, .rnd = chance };
	struct hit hits[8] = { { .flags = 0 } };
	uint32_t n[8] = { 0 };

	for (uint8_t i = 0; i < 8; i++)
		hits[i] = (struct hit){ .rhost = { A(i) }, .flags = OK, .sid = id_of((uint8_t)(i + 1)) };
	for (int i = 0; i < 8000; i++) {
		struct upstream_pick p;

		ck_assert(upstream_choose(&e, hits, 8, &p));
		n[p.host.ip[15]]++;
	}
	for (int i = 0; i < 8; i++)
		ck_assert_msg(n[i] > 850 && n[i] < 1150, "host %d: %u of 8000", i, n[i]);
}
END_TEST

/* --- memory and patience -------------------------------------------------------------------------- */

START_TEST(memory)
{
	struct upstream_memory m = { .n = 0 };

	ck_assert_ptr_null(upstream_known(&m, AT(0)));
	for (uint8_t i = 0; i < 100; i++) {
		upstream_note(&m, AT(i))->tried = NOW + i;
		upstream_note(&m, AT(0))->tried = NOW + i;      /* kept, as it is used */
		ck_assert_ptr_nonnull(upstream_known(&m, AT(i)));
		ck_assert_ptr_nonnull(upstream_known(&m, AT(0)));
		ck_assert_uint_le(m.n, UPSTREAM_PAST);
	}
	ck_assert_ptr_null(upstream_known(&m, AT(50)));
	ck_assert_int_eq(upstream_known(&m, AT(99))->tried, NOW + 99);
	ck_assert_int_eq(upstream_known(&m, AT(80))->tried, NOW + 80);
}
END_TEST

START_TEST(patience)
{
	/* at once, when nobody else has lost it too */
	ck_assert_int_eq(upstream_pause(0, 0, false, highest), 0);
	ck_assert_int_le(upstream_pause(0, 0, true, highest), SEC / 5);
	/* from 0.2 s on, doubled, up to 6.4 s; half to one and a half of it */
	for (uint32_t n = 1; n < 40; n++) {
		const nsec mean = (SEC / 5) << (n < 6 ? n - 1 : 5);

		ck_assert_int_eq(upstream_pause(n, 0, false, lowest), mean / 2);
		ck_assert_int_ge(upstream_pause(n, 0, false, highest), mean / 2 * 3 - mean / 500);
		ck_assert_int_le(upstream_pause(n, 0, false, highest), mean / 2 * 3);
		ck_assert_int_ge(upstream_pause(n, 0, true, lowest), SEC / 10);
		ck_assert_int_le(upstream_pause(n, 0, true, highest), SEC * 3 / 10);
	}
	/* refusals count less: their hosts are to be walked through */
	ck_assert_int_eq(upstream_pause(0, 7, false, lowest), SEC / 10);
	ck_assert_int_eq(upstream_pause(1, 1, false, lowest), SEC / 10);
	ck_assert_int_eq(upstream_pause(0, 8, false, lowest), SEC / 5);

	ck_assert_int_ge(upstream_rest(0, true, true, lowest), 10 * SEC);
	ck_assert_int_le(upstream_rest(0, true, true, highest), 18 * SEC);
	ck_assert_int_ge(upstream_rest(0, false, true, lowest), 5 * SEC);
	ck_assert_int_ge(upstream_rest(0, true, false, lowest), 2 * SEC);
	ck_assert_int_le(upstream_rest(0, true, false, highest), 4 * SEC);
	ck_assert_int_gt(upstream_rest(5, true, true, lowest), upstream_rest(1, true, true, highest));
	ck_assert_int_le(upstream_rest(1000, true, true, highest), 300 * SEC);

	ck_assert_int_ge(upstream_return(0, lowest), SEC / 2);
	ck_assert_int_le(upstream_return(0, highest), 3 * SEC / 2);
	ck_assert_int_le(upstream_return(1000, highest), 60 * SEC);

	/* seconds since it played and 5, at most a minute, and a quarter of chance */
	ck_assert_int_eq(upstream_kept(0, lowest), 5 * SEC);
	ck_assert_int_eq(upstream_kept(20 * SEC, lowest), 25 * SEC);
	ck_assert_int_eq(upstream_kept(3600 * SEC, lowest), 60 * SEC);
	ck_assert_int_le(upstream_kept(3600 * SEC, highest), 75 * SEC);
}
END_TEST

/* Two that were asked in vain since the loss: whoever was heard before it comes after the tracker. */
START_TEST(doubt)
{
	static const struct {
		uint32_t misses;
		nsec heard;
		uint8_t want;
	} row[] = { { 1, NOW - 3 * SEC, 10 }, { 2, NOW - 3 * SEC, 11 }, { 2, NOW - SEC, 10 }, { 9, NOW - SEC, 10 } };
	struct upstream_memory m = { .n = 0 };

	for (size_t i = 0; i < NELEM(row); i++) {
		const struct hit hits[] = {
			{ .rhost = { A(10) }, .flags = OK, .heard = row[i].heard, .sid = { { 1 } } },
			{ .rhost = { A(11) }, .flags = TRK, .heard = NOW - 90 * SEC, .sid = { { 2 } } },
		};
		const struct upstream_env e = { .now = NOW, .lost = NOW - 2 * SEC, .self = { { 0xaa } }, .global = A(1),
			.memory = &m, .rests = rests, .rnd = lowest, .misses = row[i].misses };
		struct upstream_pick p;

		ck_assert(upstream_choose(&e, hits, NELEM(hits), &p));
		ck_assert_msg(p.host.ip[15] == row[i].want, "row %zu: %u", i, p.host.ip[15]);
	}
}
END_TEST

/* Who refused us is asked again when the one that served us is lost; who failed is not. */
START_TEST(forgiven)
{
	struct upstream_memory m = { .n = 0 };
	struct upstream_past *full = upstream_note(&m, AT(1)), *gone = upstream_note(&m, AT(2)), *kicked;

	full->tried = gone->tried = NOW - SEC;
	upstream_refused(full, true, true, NOW - SEC, lowest);
	upstream_refused(full, true, true, NOW - SEC, lowest);
	ck_assert_uint_eq(full->refusals, 2);
	ck_assert_int_ge(full->rests, NOW + 9 * SEC);
	gone->rests = NOW + 60 * SEC;
	/* refused first, and then it made room for another */
	kicked = upstream_note(&m, AT(3));
	upstream_refused(kicked, false, false, NOW - SEC, lowest);
	kicked->rests = NOW + 60 * SEC;
	kicked->refused = false;

	upstream_forgive(&m, NOW, highest);
	ck_assert_int_ge(full->rests, full->tried);
	ck_assert_int_le(full->rests, NOW + SEC / 2);
	ck_assert_uint_eq(full->refusals, 0);
	ck_assert_int_eq(gone->rests, NOW + 60 * SEC);
	ck_assert_int_eq(kicked->rests, NOW + 60 * SEC);
	/* once */
	full->rests = NOW + 20 * SEC;
	upstream_forgive(&m, NOW, highest);
	ck_assert_int_eq(full->rests, NOW + 20 * SEC);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("upstream");
	TCase *t = tcase_create("upstream");

	tcase_add_loop_test(t, verdict, 0, NELEM(verdicts));
	tcase_add_test(t, in_time);
	tcase_add_test(t, peace_ends);
	tcase_add_test(t, watch_minute);
	tcase_add_test(t, watch_first);
	tcase_add_test(t, watch_rate);
	tcase_add_loop_test(t, choice, 0, NELEM(choices));
	tcase_add_test(t, prune_to_the_end);
	tcase_add_test(t, fair);
	tcase_add_test(t, memory);
	tcase_add_test(t, doubt);
	tcase_add_test(t, forgiven);
	tcase_add_test(t, patience);
	suite_add_tcase(s, t);
	return s;
}
