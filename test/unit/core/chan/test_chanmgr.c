/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: clk_now malloc calloc */
#include "core/chan/chanmgr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/unit.h"

#define S NSEC_PER_SEC

static nsec now;
static int fail_in = -1;        /* the allocation that fails: 0 = the next; -1 = none */

nsec __wrap_clk_now(void);
void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

nsec __wrap_clk_now(void)
{
	return now;
}

static bool fails(void)
{
	return fail_in >= 0 && fail_in-- == 0;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

/* Did an allocation fail since fail_in was set? */
static bool failed(void)
{
	const bool yes = fail_in == -1;

	fail_in = -1;
	return yes;
}

static struct chanmgr *m;
static const struct gnuid self = { { 0x99 } };

static void setup(void)
{
	now = 1000 * S;
	fail_in = -1;
	m = chanmgr_new();
	ck_assert_ptr_nonnull(m);
}

static void teardown(void)
{
	chanmgr_free(&m);
	ck_assert_ptr_null(m);
}

static struct gnuid id_of(uint32_t n)
{
	struct gnuid id = { { 0 } };

	memcpy(id.b + 8, &n, sizeof(n));
	return id;
}

/* "" = unset */
static struct host host(const char *s)
{
	struct host h = { .port = 0 };

	if (*s != '\0')
		ck_assert_msg(host_parse(&h, s, 0), "%s", s);
	return h;
}

/* --- carried channels ---------------------------------------------------------------------------- */

static struct chan *chan(uint32_t id, const char *name, enum chan_type type, enum chan_src src)
{
	struct chanmeta meta = { .id = id_of(id) };
	struct chaninfo *i;
	struct chan *c;

	(void)text_copy(meta.text[CT_NAME], TEXT_MAX, name);
	i = chaninfo_new(&meta);
	c = chan_new(i, type, src, false);
	ck_assert_ptr_nonnull(c);
	chaninfo_unref(&i);
	return c;
}

START_TEST(carried)
{
	struct chan *a = chan(1, "a", CHAN_BROADCAST, CHAN_SRC_HTTPPUSH), *f;
	struct chan *b = chan(2, "b", CHAN_RELAY, CHAN_SRC_PEERCAST);
	struct chan *twin = chan(1, "twin", CHAN_RELAY, CHAN_SRC_PEERCAST);
	const struct gnuid one = id_of(1), three = id_of(3);
	struct chan **all;
	size_t n;

	ck_assert_int_eq(chanmgr_add(m, a, 2), ST_OK);
	ck_assert_int_eq(chanmgr_add(m, a, 2), ST_PROTO);
	ck_assert_int_eq(chanmgr_add(m, twin, 2), ST_PROTO);
	ck_assert_int_eq(chanmgr_add(m, b, 1), ST_LIMIT);
	ck_assert_int_eq(chanmgr_add(m, b, 0), ST_OK);
	ck_assert_uint_eq(chanmgr_count(m), 2);
	f = chanmgr_find(m, &one);
	ck_assert_ptr_eq(f, a);
	chan_unref(&f);
	ck_assert_ptr_null(chanmgr_find(m, &three));
	ck_assert_int_eq(chanmgr_all(m, &all, &n), ST_OK);
	ck_assert(n == 2 && all[0] == a && all[1] == b);
	chan_unref(&all[0]);
	chan_unref(&all[1]);
	free(all);

	ck_assert(!chanmgr_is_broadcasting(m));
	chan_set_status(b, CHAN_RECEIVING);
	ck_assert(!chanmgr_is_broadcasting(m));
	chan_set_status(a, CHAN_BROADCASTING);
	ck_assert(chanmgr_is_broadcasting(m));

	f = chanmgr_find_broadcast(m, "a", CHAN_SRC_HTTPPUSH);
	ck_assert_ptr_eq(f, a);
	chan_unref(&f);
	ck_assert_ptr_null(chanmgr_find_broadcast(m, "A", CHAN_SRC_HTTPPUSH));
	ck_assert_ptr_null(chanmgr_find_broadcast(m, "a", CHAN_SRC_ICECAST));
	ck_assert_ptr_null(chanmgr_find_broadcast(m, "b", CHAN_SRC_PEERCAST));  /* a relay */
	chan_close(a);
	ck_assert_ptr_null(chanmgr_find_broadcast(m, "a", CHAN_SRC_HTTPPUSH));

	chanmgr_remove(m, twin);                /* not the one that is listed */
	ck_assert_uint_eq(chanmgr_count(m), 2);
	chanmgr_remove(m, a);
	chanmgr_remove(m, a);
	ck_assert_uint_eq(chanmgr_count(m), 1);
	ck_assert_int_eq(chanmgr_add(m, twin, 0), ST_OK);
	chan_unref(&a);
	chan_unref(&b);                         /* the table has its own */
	chan_unref(&twin);
}
END_TEST

START_TEST(carried_without_memory)
{
	struct chan *a = chan(1, "a", CHAN_BROADCAST, CHAN_SRC_HTTPPUSH);
	enum status st;
	int i;

	for (i = 0;; i++) {
		fail_in = i;
		st = chanmgr_add(m, a, 0);
		if (!failed())
			break;
		ck_assert_int_eq(st, ST_LIMIT);
		ck_assert_uint_eq(chanmgr_count(m), 0);
	}
	ck_assert(i >= 2 && st == ST_OK);
	chan_unref(&a);
}
END_TEST

/* --- what arrives ---------------------------------------------------------------------------------- */

struct said {
	uint32_t sid;           /* 0 = none */
	const char *global, *local;
	unsigned flags;         /* besides RECV; GONE = RECV clear */
	uint32_t via;
	uint8_t hops;
	uint32_t listeners, relays;
};
#define GONE 0x100u
/* One of them; after the addresses what else is not 0. */
#define H(s, g, ...) { .sid = s, .global = g, .local = __VA_ARGS__ }

static enum status tell(uint32_t list, const struct said *w, struct announce_result *r)
{
	const struct gnuid id = id_of(list), via = id_of(w->via);
	const struct hit h = {
		.sid = id_of(w->sid), .chan = id, .rhost = { host(w->global), host(w->local) },
		.flags = (uint8_t)((w->flags & 0xff) | (w->flags & GONE ? 0 : HIT_RECV)), .hops = w->hops,
		.listeners = w->listeners, .relays = w->relays, .heard = now, .via = via,
	};
	const struct announce a = { .hit = &h, .chan = &id, .self = &self, .create = true,
		.via = w->via != 0 ? &via : NULL };

	return chanmgr_announce(m, &a, r);
}

static void heard(uint32_t list, const struct said *w)
{
	struct announce_result r;

	ck_assert_int_eq(tell(list, w, &r), ST_OK);
	announce_result_fini(&r);
}

/* The live hits of a list, front first: "sid@global/local ". */
static const char *shown(uint32_t list, char *text, size_t cap)
{
	const struct gnuid id = id_of(list);
	struct hitlist_view v;
	size_t at = 0;

	text[0] = '\0';
	if (!chanmgr_list_view(m, &id, true, &v))
		return "none";
	for (size_t i = 0; i < v.n; i++) {
		char g[HOST_STRLEN], l[HOST_STRLEN];
		uint32_t sid;

		memcpy(&sid, v.hits[i].sid.b + 8, sizeof(sid));
		at += (size_t)snprintf(text + at, cap - at, "%u@%s/%s ", sid, host_str(&v.hits[i].rhost[0], g),
			host_is_set(&v.hits[i].rhost[1]) ? host_str(&v.hits[i].rhost[1], l) : "-");
		ck_assert_uint_lt(at, cap);
	}
	ck_assert_uint_eq(v.stats.hosts, v.n);
	hitlist_view_fini(&v);
	return text;
}

#define A "198.51.100.1:7144"
#define B "198.51.100.2:7144"
#define NAT "198.51.100.9:0"
#define L1 "192.168.0.1:7144"
#define L2 "192.168.0.2:7144"

static const struct {
	const char *name;
	struct said said[4];
	const char *want;
} add_rows[] = {
	{ "one", { H(1, A, L1) }, "1@" A "/" L1 " " },
	{ "newest in front", { H(1, A, L1), H(2, B, L1) }, "2@" B "/" L1 " 1@" A "/" L1 " " },
	{ "the same again stays in its place", { H(1, A, L1), H(2, B, L1), H(1, A, L1) },
		"2@" B "/" L1 " 1@" A "/" L1 " " },
	{ "address changed: to the front", { H(1, A, L1), H(2, B, L1), H(1, A, L2) },
		"1@" A "/" L2 " 2@" B "/" L1 " " },
	{ "two behind one NAT are two", { H(1, NAT, L1), H(2, NAT, L1) },
		"2@" NAT "/" L1 " 1@" NAT "/" L1 " " },
	{ "no session: by its pairs", { H(0, A, L1), H(0, A, L1) }, "0@" A "/" L1 " " },
	{ "no session, other local", { H(0, A, L1), H(0, A, L2) }, "0@" A "/" L2 " 0@" A "/" L1 " " },
	{ "local unset is filled in", { H(0, A, ""), H(1, A, L1) }, "1@" A "/" L1 " " },
	{ "session found for one without", { H(0, A, L1), H(2, B, L2), H(1, A, L1) },
		"2@" B "/" L2 " 1@" A "/" L1 " " },
	{ "one without session, known by address", { H(1, A, L1), H(0, A, L1) }, "0@" A "/" L1 " " },
	{ "known twice becomes one", { H(1, B, L1), H(0, A, ""), H(1, A, L1) }, "1@" A "/" L1 " " },
	{ "known twice, the other way round", { H(0, A, ""), H(1, B, L1), H(1, A, L1) }, "1@" A "/" L1 " " },
	{ "nobody's own", { H(0, "", ""), H(1, A, L1) }, "1@" A "/" L1 " " },
};

START_TEST(add)
{
	char text[512];

	for (size_t i = 0; i < NELEM(add_rows[_i].said) && add_rows[_i].said[i].global != NULL; i++)
		heard(1, &add_rows[_i].said[i]);
	ck_assert_msg(strcmp(shown(1, text, sizeof(text)), add_rows[_i].want) == 0, "%s: %s",
		add_rows[_i].name, text);
}
END_TEST

START_TEST(our_own_is_ignored)
{
	const struct gnuid id = id_of(1);
	const struct hit h = { .sid = self, .chan = id, .rhost = { host(A) }, .flags = HIT_RECV };
	const struct announce a = { .hit = &h, .chan = &id, .self = &self, .create = true };
	struct announce_result r;
	char text[512];

	ck_assert_int_eq(chanmgr_announce(m, &a, &r), ST_OK);
	ck_assert(!r.hit_new && r.after.hosts == 0);
	announce_result_fini(&r);
	ck_assert_str_eq(shown(1, text, sizeof(text)), "");
}
END_TEST

/* Who may remove whom (pcp.md 11.3; 18, B44). The list: 1 heard over 7, 2 of itself. */
static const struct {
	const char *name;
	struct said said;
	const char *left;
} remove_rows[] = {
	{ "over the line it came by", H(1, A, L1, .flags = GONE, .via = 7), "2@" B "/" L2 " " },
	{ "by itself", H(2, B, L2, .flags = GONE, .via = 2), "1@" A "/" L1 " " },
	{ "by itself, over another line", H(1, A, L1, .flags = GONE, .via = 1), "2@" B "/" L2 " " },
	{ "by a stranger", H(1, A, L1, .flags = GONE, .via = 8), "2@" B "/" L2 " 1@" A "/" L1 " " },
	{ "by its neighbour", H(1, A, L1, .flags = GONE, .via = 2), "2@" B "/" L2 " 1@" A "/" L1 " " },
	{ "by session, other address", H(1, B, L1, .flags = GONE, .via = 7), "2@" B "/" L2 " " },
	{ "by pairs, no session", H(0, A, L1, .flags = GONE, .via = 7), "2@" B "/" L2 " " },
	{ "one pair is not enough", H(0, A, L2, .flags = GONE, .via = 7), "2@" B "/" L2 " 1@" A "/" L1 " " },
	{ "unknown", H(5, "203.0.113.1:1", L2, .flags = GONE, .via = 7), "2@" B "/" L2 " 1@" A "/" L1 " " },
};

START_TEST(removal)
{
	const struct said one = H(1, A, L1, .via = 7), two = H(2, B, L2, .via = 2);
	struct announce_result r;
	char text[512];

	heard(1, &one);
	heard(1, &two);
	ck_assert_int_eq(tell(1, &remove_rows[_i].said, &r), ST_OK);
	ck_assert_msg(strcmp(shown(1, text, sizeof(text)), remove_rows[_i].left) == 0, "%s: %s",
		remove_rows[_i].name, text);
	ck_assert_uint_eq(r.before.hosts, 2);
	ck_assert_int_eq(r.hit_removed, r.after.hosts == 1);
	announce_result_fini(&r);
	/* a farewell creates nothing */
	ck_assert_int_eq(tell(9, &remove_rows[_i].said, &r), ST_OK);
	ck_assert(!r.list_new);
	ck_assert_str_eq(shown(9, text, sizeof(text)), "none");
	announce_result_fini(&r);
}
END_TEST

/* Sums, closest and furthest; claims beyond belief are clamped, and many of them do not wrap (B46). */
START_TEST(sums)
{
	const struct gnuid id = id_of(1), other = id_of(2);
	struct said w = H(1, A, L1, .flags = HIT_PUSH, .via = 7, .hops = 3, .listeners = 10, .relays = 2);
	struct hitstats s;
	char at[32];

	ck_assert(!chanmgr_stats(m, &id, &s));
	ck_assert(s.hosts == 0 && s.closest == 10000 && s.furthest == 0 && s.newest == 0);
	heard(1, &w);
	w = (struct said)H(2, B, L1, .via = 7, .hops = 1, .listeners = 5, .relays = 4);
	now += 5 * S;
	heard(1, &w);
	ck_assert(chanmgr_stats(m, &id, &s));
	ck_assert(s.hosts == 2 && s.firewalled == 1 && s.listeners == 15 && s.relays == 6);
	ck_assert(s.closest == 1 && s.furthest == 3 && s.newest == now);
	for (uint32_t i = 0; i < HITLIST_MAX_HITS; i++) {
		(void)snprintf(at, sizeof(at), "203.0.%u.%u:7144", i >> 8, i & 255);
		w = (struct said)H(100 + i, at, L1, .via = 7, .hops = 255, .listeners = UINT32_MAX, .relays = UINT32_MAX);
		heard(2, &w);
	}
	ck_assert(chanmgr_stats(m, &other, &s));
	ck_assert_uint_eq(s.listeners, (uint64_t)HITLIST_MAX_HITS * HIT_LISTENERS_MAX);
	ck_assert_uint_eq(s.relays, (uint64_t)HITLIST_MAX_HITS * HIT_LISTENERS_MAX);
	ck_assert_uint_eq(s.furthest, 255);
}
END_TEST

/* At the cap the longest unheard non-tracker makes room (B48). */
START_TEST(full_list)
{
	const struct host tip = host("203.0.113.99:7144");
	const struct gnuid id = id_of(1);
	struct announce_result r;
	struct said w;
	struct hitlist_view v;
	char at[32];

	ck_assert_int_eq(chanmgr_tip(m, &id, &tip), ST_OK);
	w = (struct said)H(1, A, L1, .flags = HIT_TRACKER, .via = 7);
	heard(1, &w);
	for (uint32_t i = 2; i < HITLIST_MAX_HITS; i++) {
		now += S;
		(void)snprintf(at, sizeof(at), "203.0.%u.%u:7144", i >> 8, i & 255);
		w = (struct said)H(i, at, L1, .via = 7);
		heard(1, &w);
	}
	now += S;
	w = (struct said)H(2, "203.0.0.2:7144", L1, .via = 7);     /* the oldest speaks again */
	heard(1, &w);
	for (uint32_t i = 5000; i < 5003; i++) {
		(void)snprintf(at, sizeof(at), "203.1.%u.%u:7144", i >> 8, i & 255);
		w = (struct said)H(i, at, L1, .via = 7);
		heard(1, &w);
	}
	ck_assert(chanmgr_list_view(m, &id, true, &v));
	ck_assert_uint_eq(v.n, HITLIST_MAX_HITS);
	for (uint32_t want = 0; want < 6; want++) {
		/* 3, 4 and 5 went; the tip (0), the tracker and 2 stay */
		const struct gnuid sid = id_of(want);
		bool is = false;

		for (size_t i = 0; i < v.n; i++)
			is = is || gnuid_equal(&v.hits[i].sid, &sid);
		ck_assert_msg(is == (want < 3), "%u", want);
	}
	hitlist_view_fini(&v);

	/* nobody to give way */
	for (uint32_t i = 0; i < HITLIST_MAX_HITS; i++) {
		(void)snprintf(at, sizeof(at), "203.0.%u.%u:7144", i >> 8, i & 255);
		w = (struct said)H(i + 1, at, L1, .flags = HIT_TRACKER, .via = 7);
		heard(2, &w);
	}
	w = (struct said)H(9999, A, L1, .via = 8);
	ck_assert_int_eq(tell(2, &w, &r), ST_LIMIT);
	ck_assert_uint_eq(r.after.hosts, HITLIST_MAX_HITS);
	announce_result_fini(&r);
}
END_TEST

START_TEST(full_of_lists)
{
	const struct said w = H(1, A, L1, .via = 7);
	struct announce_result r;
	struct announce root = { .create = true, .root = true };
	struct gnuid id;

	for (uint32_t i = 1; i <= CHANMGR_MAX_LISTS; i++)
		heard(i, &w);
	ck_assert_int_eq(tell(CHANMGR_MAX_LISTS + 1, &w, &r), ST_LIMIT);
	announce_result_fini(&r);
	ck_assert_uint_eq(chanmgr_list_count(m), CHANMGR_MAX_LISTS);
	heard(5, &w);                           /* those that are there go on */
	/* a root has room for more */
	id = id_of(CHANMGR_MAX_LISTS + 1);
	root.chan = &id;
	ck_assert_int_eq(chanmgr_announce(m, &root, &r), ST_OK);
	ck_assert(r.list_new);
	announce_result_fini(&r);
	for (uint32_t i = CHANMGR_MAX_LISTS + 2; i <= CHANMGR_MAX_ROOT; i++) {
		id = id_of(i);
		ck_assert_int_eq(chanmgr_announce(m, &root, &r), ST_OK);
		announce_result_fini(&r);
	}
	id = id_of(CHANMGR_MAX_ROOT + 1);
	ck_assert_int_eq(chanmgr_announce(m, &root, &r), ST_LIMIT);
	announce_result_fini(&r);
}
END_TEST

START_TEST(only_when_it_may)
{
	const struct gnuid id = id_of(1), via = id_of(7);
	struct hit h = { .sid = id_of(1), .chan = id, .rhost = { host(A), host(L1) }, .flags = HIT_RECV };
	struct announce a = { .hit = &h, .chan = &id, .self = &self, .via = &via };
	struct announce_result r;
	char text[256];

	ck_assert_int_eq(chanmgr_announce(m, &a, &r), ST_OK);
	ck_assert(!r.list_new && !r.hit_new);
	announce_result_fini(&r);
	ck_assert_str_eq(shown(1, text, sizeof(text)), "none");
	ck_assert_int_eq(chanmgr_list_ensure(m, &id, NULL), ST_OK);
	/* too many new ones from this line: only those that are known */
	a.known_only = true;
	ck_assert_int_eq(chanmgr_announce(m, &a, &r), ST_OK);
	ck_assert(!r.hit_new);
	announce_result_fini(&r);
	ck_assert_str_eq(shown(1, text, sizeof(text)), "");
	a.known_only = false;
	ck_assert_int_eq(chanmgr_announce(m, &a, &r), ST_OK);
	ck_assert(r.hit_new);
	announce_result_fini(&r);
	a.known_only = true;
	h.rhost[1] = host(L2);                  /* moved, but known */
	ck_assert_int_eq(chanmgr_announce(m, &a, &r), ST_OK);
	announce_result_fini(&r);
	ck_assert_str_eq(shown(1, text, sizeof(text)), "1@" A "/" L2 " ");
}
END_TEST

/* --- info --------------------------------------------------------------------------------------------- */

struct info_step {
	bool root;
	uint32_t bcid;          /* 0 = not sent */
	uint32_t via;
	const char *name;       /* NULL = not sent */
	const char *genre;
	bool hit;               /* with a host part, a tracker's */
	bool refused, changed;
	const char *want;       /* name/genre/bcid after it; "-" = no info */
	uint32_t hosts;
};

static const struct {
	const char *name;
	struct info_step step[4];
} info_rows[] = {
	{ "first and same", { { false, 5, 1, "n", "g", false, false, true, "n/g/5", 0 },
		{ false, 5, 1, "n", "g", false, false, false, "n/g/5", 0 } } },
	{ "what is not sent stays", { { false, 5, 1, "n", "g", false, false, true, "n/g/5", 0 },
		{ false, 0, 1, NULL, "h", false, false, true, "n/h/5", 0 } } },
	{ "no name, no info", { { false, 5, 1, NULL, "g", false, false, false, "-", 0 },
		{ false, 5, 1, "n", "g", false, false, true, "n/g/5", 0 } } },
	{ "the first owner sticks", { { false, 5, 1, "n", "g", false, false, true, "n/g/5", 0 },
		{ false, 6, 1, "m", "g", false, false, true, "m/g/5", 0 } } },
	{ "owner known later", { { false, 0, 1, "n", "g", false, false, true, "n/g/0", 0 },
		{ false, 6, 1, "n", "g", false, false, true, "n/g/6", 0 } } },
	{ "root: another owner", { { true, 5, 1, "n", "g", true, false, true, "n/g/5", 1 },
		{ true, 6, 2, "m", "g", true, true, false, "n/g/5", 1 } } },
	{ "root: no owner sent", { { true, 5, 1, "n", "g", true, false, true, "n/g/5", 1 },
		{ true, 0, 1, "m", "g", true, true, false, "n/g/5", 1 } } },
	{ "root: the owner from elsewhere", { { true, 5, 1, "n", "g", true, false, true, "n/g/5", 1 },
		{ true, 5, 2, "m", "g", true, false, true, "m/g/5", 2 } } },
	{ "root: host of a stranger alone", { { true, 5, 1, "n", "g", true, false, true, "n/g/5", 1 },
		{ true, 0, 2, NULL, NULL, true, true, false, "n/g/5", 1 },
		{ true, 0, 1, NULL, NULL, true, false, false, "n/g/5", 1 } } },
	{ "root: first without owner", { { true, 0, 1, "n", "g", true, false, true, "n/g/0", 1 },
		{ true, 0, 2, "m", "g", true, false, true, "m/g/0", 2 } } },
};

START_TEST(info)
{
	const struct gnuid id = id_of(1);
	char text[128], at[32];

	for (size_t i = 0; i < NELEM(info_rows[_i].step) && info_rows[_i].step[i].want != NULL; i++) {
		const struct info_step *w = &info_rows[_i].step[i];
		const struct gnuid via = id_of(w->via);
		struct chanmeta meta = { .id = id, .bcid = id_of(w->bcid) };
		struct hit h = { .sid = via, .chan = id, .flags = HIT_RECV | HIT_TRACKER, .heard = now };
		struct announce a = { .chan = &id, .self = &self, .via = &via, .root = w->root, .create = true,
			.present = w->bcid != 0 ? CHANMETA_BCID : 0 };
		struct announce_result r;

		(void)snprintf(at, sizeof(at), "203.0.113.%u:7144", w->via);
		h.rhost[0] = host(at);
		a.hit = w->hit ? &h : NULL;
		if (w->name != NULL || w->genre != NULL || w->bcid != 0)
			a.meta = &meta;
		if (w->name != NULL) {
			a.present |= 1u << CT_NAME;
			(void)text_copy(meta.text[CT_NAME], TEXT_MAX, w->name);
		}
		if (w->genre != NULL) {
			a.present |= 1u << CT_GENRE;
			(void)text_copy(meta.text[CT_GENRE], TEXT_MAX, w->genre);
		}
		ck_assert_int_eq(chanmgr_announce(m, &a, &r), ST_OK);
		ck_assert_msg(r.refused == w->refused, "%s: %zu", info_rows[_i].name, i);
		ck_assert_msg(r.info_changed == w->changed, "%s: %zu", info_rows[_i].name, i);
		ck_assert_int_eq(r.list_new, i == 0);
		ck_assert_msg(r.after.hosts == w->hosts, "%s: %zu: %u", info_rows[_i].name, i, r.after.hosts);
		if (r.info == NULL)
			(void)text_copy(text, sizeof(text), "-");
		else
			(void)snprintf(text, sizeof(text), "%s/%s/%u", r.info->text[CT_NAME],
				r.info->text[CT_GENRE], r.info->bcid.b[8]);
		ck_assert_msg(strcmp(text, w->want) == 0, "%s: %zu: %s", info_rows[_i].name, i, text);
		ck_assert(r.info == NULL || gnuid_equal(&r.info->id, &id));
		ck_assert(r.created == 1000 * S);
		announce_result_fini(&r);
		now += S;
	}
}
END_TEST

START_TEST(announce_without_memory)
{
	const struct gnuid id = id_of(1), via = id_of(7);
	const struct chanmeta meta = { .id = id, .text = { [CT_NAME] = "n" } };
	const struct hit h = { .sid = id_of(2), .chan = id, .rhost = { host(A) }, .flags = HIT_RECV };
	const struct announce a = { .meta = &meta, .present = 1u << CT_NAME, .hit = &h, .chan = &id,
		.self = &self, .via = &via, .create = true };
	struct announce_result r;
	char text[256];
	enum status st;
	int i;

	for (i = 0;; i++) {
		fail_in = i;
		st = chanmgr_announce(m, &a, &r);
		if (!failed())
			break;
		ck_assert_int_eq(st, ST_LIMIT);
		announce_result_fini(&r);
		/* start over, so that every allocation has its turn */
		chanmgr_free(&m);
		m = chanmgr_new();
	}
	ck_assert(i >= 4 && st == ST_OK);
	announce_result_fini(&r);
	ck_assert_str_eq(shown(1, text, sizeof(text)), "2@" A "/- ");
}
END_TEST

/* --- picking ------------------------------------------------------------------------------------------ */

#define WAN "198.51.100.50"
#define V6  "[2001:db8::9]:7144"

static const struct pick_row {
	const char *name;
	struct said said[3];
	struct pick p;
	const char *match, *exclude_host;       /* NULL = none */
	uint32_t want;                          /* session; 0 = nobody */
	const char *to;
} pick_rows[] = {
	{ "one", { H(1, A, L1) }, { .trackers = false }, NULL, NULL, 1, A },
	{ "none", { { 0 } }, { .trackers = false }, NULL, NULL, 0, NULL },
	{ "fewest hops", { H(1, A, L1, .flags = HIT_RELAY, .hops = 2), H(2, B, L1, .flags = HIT_RELAY, .hops = 3) }, { 0 }, NULL, NULL,
		1, A },
	{ "newest among equals", { H(1, A, L1, .flags = HIT_RELAY, .hops = 2), H(2, B, L1, .flags = HIT_RELAY, .hops = 2) }, { 0 }, NULL,
		NULL, 2, B },
	{ "free before busy", { H(1, A, L1, .flags = HIT_RELAY, .hops = 2), H(2, B, L1, .hops = 2) }, { 0 }, NULL, NULL, 1, A },
	{ "hops before free", { H(1, A, L1, .flags = HIT_RELAY, .hops = 2), H(2, B, L1, .hops = 1) }, { 0 }, NULL, NULL, 2, B },
	{ "255 hops", { H(1, A, L1, .hops = 255) }, { 0 }, NULL, NULL, 1, A },
	{ "trackers only", { H(1, A, L1), H(2, B, L1, .flags = HIT_TRACKER, .hops = 9) }, { .trackers = true }, NULL, NULL,
		2, B },
	{ "no trackers", { H(1, A, L1, .hops = 9), H(2, B, L1, .flags = HIT_TRACKER) }, { 0 }, NULL, NULL, 1, A },
	{ "firewalled are not to be called", { H(1, A, L1, .flags = HIT_PUSH) }, { 0 }, NULL, NULL, 0, NULL },
	{ "firewalled, to be pushed", { H(1, NAT, L1, .flags = HIT_PUSH), H(2, B, L1) }, { .firewalled = true }, NULL,
		NULL, 1, NAT },
	{ "no port", { H(1, NAT, L1) }, { 0 }, NULL, NULL, 0, NULL },
	{ "CIN wanted", { H(1, A, L1, .flags = HIT_CIN, .hops = 5), H(2, B, L1) }, { .need_cin = true }, NULL, NULL, 1, A },
	{ "not that session", { H(1, A, L1, .hops = 3), H(2, B, L1) }, { .exclude = { { [8] = 2 } } }, NULL,
		NULL, 1, A },
	{ "not that address", { H(1, A, L1, .hops = 3), H(2, B, L1) }, { 0 }, NULL, B, 1, A },
	{ "another port is another host", { H(2, B, L1) }, { 0 }, NULL, "198.51.100.2:7145", 2, B },
	{ "wrong family", { H(1, V6, "") }, { 0 }, NULL, NULL, 0, NULL },
	{ "right family", { H(1, V6, ""), H(2, A, L1) }, { .v6 = true }, NULL, NULL, 1, V6 },
	/* pcp.md 18, B45: kept for counting, never offered */
	{ "loopback", { H(1, "127.0.0.1:7144", L1) }, { 0 }, NULL, NULL, 0, NULL },
	{ "private", { H(1, "192.168.0.9:7144", L1) }, { 0 }, NULL, NULL, 0, NULL },
	{ "carrier", { H(1, "100.64.0.9:7144", L1) }, { 0 }, NULL, NULL, 0, NULL },
	{ "multicast", { H(1, "224.0.0.9:7144", L1) }, { 0 }, NULL, NULL, 0, NULL },
	{ "unset", { H(1, "", L1) }, { 0 }, NULL, NULL, 0, NULL },
	/* a neighbour behind the same router */
	{ "LAN match", { H(1, WAN ":7144", L1), H(2, B, L1) }, { 0 }, WAN, NULL, 1, L1 },
	{ "LAN match of a firewalled one", { H(1, WAN ":0", L1, .flags = HIT_PUSH) }, { 0 }, WAN, NULL, 1, L1 },
	{ "LAN match without a local port", { H(1, WAN ":0", "192.168.0.1:0") }, { 0 }, WAN, NULL, 0, NULL },
	{ "LAN match without a local address", { H(1, WAN ":7144", "") }, { 0 }, WAN, NULL, 0, NULL },
	{ "LAN match of another", { H(1, A, L1) }, { 0 }, WAN, NULL, 0, NULL },
	{ "LAN match on a private address", { H(1, "192.168.0.9:7144", L1) }, { 0 }, "192.168.0.9", NULL, 0,
		NULL },
};

START_TEST(pick)
{
	const struct pick_row *w = &pick_rows[_i];
	const struct gnuid list = id_of(1), want = id_of(w->want);
	struct pick p = w->p;
	struct host to;
	struct hit h;
	char text[HOST_STRLEN];

	for (size_t i = 0; i < NELEM(w->said) && w->said[i].global != NULL; i++)
		heard(1, &w->said[i]);
	p.match = host(w->match != NULL ? w->match : "");
	p.exclude_host = host(w->exclude_host != NULL ? w->exclude_host : "");
	for (int any = 0; any < 2; any++) {
		p.chan = any ? NULL : &list;
		ck_assert_msg(chanmgr_pick(m, &p, &h, &to) == (w->want != 0), "%s", w->name);
		if (w->want == 0)
			continue;
		ck_assert_msg(gnuid_equal(&h.sid, &want), "%s", w->name);
		ck_assert_msg(strcmp(host_str(&to, text), w->to) == 0, "%s: %s", w->name, text);
	}
}
END_TEST

/* Told to one who is refused (pcp.md 12.3): all at once, and none of them to the same one again within the
 * wait. Who tried a host in vain keeps it from all. */
START_TEST(offers)
{
	const struct gnuid list = id_of(1);
	const struct said tracker = H(50, "203.0.113.50:7144", L1, .flags = HIT_TRACKER, .via = 7);
	const struct host bad = host("203.0.113.9:7144"), v6 = host(V6);
	struct pick p = { .chan = &list, .wait = 2 * S, .asker = host(A), .match = host(A) };
	struct hit out[OFFER_MAX];
	char at[32];

	ck_assert_uint_eq(chanmgr_offer(m, &p, out, OFFER_MAX), 0);
	heard(1, &tracker);
	ck_assert_uint_eq(chanmgr_offer(m, &p, out, OFFER_MAX), 0);
	for (uint32_t i = 0; i < OFFER_MAX + 3; i++) {
		struct said w = H(i + 1, at, L1, .flags = HIT_RELAY, .via = 7, .hops = (uint8_t)(30 - i));

		(void)snprintf(at, sizeof(at), "203.0.113.%u:7144", i + 1);
		heard(1, &w);
	}
	chanmgr_failed(m, &list, &bad);
	/* 11, 10, 8, 7 ... 3: the fewest hops, without 9 */
	ck_assert_uint_eq(chanmgr_offer(m, &p, out, OFFER_MAX), OFFER_MAX);
	for (uint32_t i = 0; i < OFFER_MAX; i++)
		ck_assert_uint_eq(out[i].sid.b[8], i < 2 ? 11 - i : 10 - i);
	ck_assert_uint_eq(chanmgr_offer(m, &p, out, OFFER_MAX), 2);
	ck_assert(out[0].sid.b[8] == 2 && out[1].sid.b[8] == 1);
	ck_assert_uint_eq(chanmgr_offer(m, &p, out, OFFER_MAX), 0);
	p.trackers = true;
	p.wait = 0;
	for (int again = 0; again < 2; again++) {
		ck_assert_uint_eq(chanmgr_offer(m, &p, out, 1), 1);
		ck_assert_uint_eq(out[0].sid.b[8], 50);
	}
	p.trackers = false;
	p.wait = 2 * S;
	ck_assert_uint_eq(chanmgr_offer(m, &p, out, 1), 0);
	/* another one must not wait for that */
	p.asker = p.match = host(B);
	ck_assert_uint_eq(chanmgr_offer(m, &p, out, OFFER_MAX), OFFER_MAX);
	ck_assert_uint_eq(out[0].sid.b[8], 11);
	ck_assert_uint_eq(chanmgr_offer(m, &p, out, OFFER_MAX), 0);
	now += 2 * S;
	ck_assert_uint_eq(chanmgr_offer(m, &p, out, OFFER_MAX), OFFER_MAX);
	now += 2 * S;
	/* one of a family of its own is named without the other pair */
	p.v6 = true;
	ck_assert_uint_eq(chanmgr_offer(m, &p, out, OFFER_MAX), 0);
	heard(1, &(struct said)H(60, A, V6, .via = 7));
	ck_assert_uint_eq(chanmgr_offer(m, &p, out, OFFER_MAX), 1);
	ck_assert(host_equal(&out[0].rhost[0], &v6) && !host_is_set(&out[0].rhost[1]));
}
END_TEST

/* Many come within a moment: the nearest free one is not named to all of them, until it says that it still has
 * room. */
START_TEST(offers_spread)
{
	const struct gnuid list = id_of(1);
	const struct said near = H(1, "203.0.113.1:7144", L1, .flags = HIT_RELAY, .via = 7, .hops = 1);
	const struct said far = H(2, "203.0.113.2:7144", L1, .flags = HIT_RELAY, .via = 7, .hops = 2);
	struct pick p = { .chan = &list, .wait = 2 * S };
	uint32_t times[2] = { 0 };
	struct hit out[1];
	char at[32];

	heard(1, &near);
	heard(1, &far);
	for (uint32_t i = 0; i < 5 * PICK_COMES; i++) {
		(void)snprintf(at, sizeof(at), "198.51.100.%u:5", i + 1);
		p.asker = host(at);
		now += S / 100;
		ck_assert_uint_eq(chanmgr_offer(m, &p, out, 1), 1);
		if (i < PICK_COMES)
			ck_assert_uint_eq(out[0].sid.b[8], 1);
		times[out[0].sid.b[8] - 1]++;
	}
	ck_assert_uint_ge(times[0], 2 * PICK_COMES);
	ck_assert_uint_ge(times[1], 2 * PICK_COMES - 1);
	heard(1, &near);
	for (uint32_t i = 0; i < PICK_COMES; i++) {
		(void)snprintf(at, sizeof(at), "198.51.101.%u:5", i + 1);
		p.asker = host(at);
		ck_assert_uint_eq(chanmgr_offer(m, &p, out, 1), 1);
		ck_assert_uint_eq(out[0].sid.b[8], 1);
	}
}
END_TEST

/* Equals take turns. */
START_TEST(offers_in_turn)
{
	const struct gnuid list = id_of(1);
	struct pick p = { .chan = &list, .wait = 2 * S };
	struct hit out[1];
	char at[32];

	for (uint32_t i = 1; i <= 3; i++) {
		struct said w = H(i, at, L1, .flags = HIT_RELAY, .via = 7);

		(void)snprintf(at, sizeof(at), "203.0.113.%u:7144", i);
		heard(1, &w);
	}
	for (uint32_t i = 0; i < 9; i++) {
		(void)snprintf(at, sizeof(at), "198.51.100.%u:5", i + 1);
		p.asker = host(at);
		now += S / 10;
		ck_assert_uint_eq(chanmgr_offer(m, &p, out, 1), 1);
		ck_assert_uint_eq(out[0].sid.b[8], 3 - i % 3);
	}
}
END_TEST

/* Not to the asker itself, nor to those it feeds. */
START_TEST(offers_not_below_the_asker)
{
	const struct gnuid list = id_of(1);
	const struct host up = host(A);
	struct hit h = { .chan = list, .sid = id_of(3), .rhost = { host(B) }, .uphost = up, .flags = HIT_RECV,
		.via = id_of(9), .heard = now };
	const struct announce an = { .hit = &h, .chan = &list, .self = &self, .via = &h.via, .create = true };
	struct pick p = { .chan = &list, .exclude = id_of(1), .asker = up, .match = up };
	struct announce_result r;
	struct hit out[OFFER_MAX];

	heard(1, &(struct said)H(1, A, L1, .via = 9));
	heard(1, &(struct said)H(2, "203.0.113.2:7144", L1, .via = 9));
	ck_assert_int_eq(chanmgr_announce(m, &an, &r), ST_OK);
	announce_result_fini(&r);
	ck_assert_uint_eq(chanmgr_offer(m, &p, out, OFFER_MAX), 1);
	ck_assert_uint_eq(out[0].sid.b[8], 2);
	p.exclude = id_of(4);           /* somebody else may be sent there */
	p.asker = p.match = host("203.0.113.200");
	ck_assert_uint_eq(chanmgr_offer(m, &p, out, OFFER_MAX), 3);
}
END_TEST

/* Who served us, as others may be told of it. */
START_TEST(recalled)
{
	const struct gnuid list = id_of(1), five = id_of(5), none = { { 0 } };
	const struct host a = host(A), b = host(B);
	struct hit h;

	ck_assert(chanmgr_recall(m, &list, &five, &a, &h));     /* never heard of it */
	ck_assert(gnuid_equal(&h.sid, &five) && host_equal(&h.rhost[0], &a) && gnuid_equal(&h.chan, &list));
	ck_assert(h.flags & HIT_RECV);
	ck_assert_int_eq(chanmgr_tip(m, &list, &a), ST_OK);     /* without a session */
	ck_assert(chanmgr_recall(m, &list, &five, &a, &h) && (h.flags & HIT_TRACKER));
	ck_assert(gnuid_equal(&h.sid, &five) && host_equal(&h.rhost[0], &a));
	heard(1, &(struct said)H(5, B, L1, .via = 9, .relays = 3));
	ck_assert(chanmgr_recall(m, &list, &five, &a, &h));     /* by its session, whatever way we took */
	ck_assert(host_equal(&h.rhost[0], &b) && h.relays == 3);
	ck_assert(chanmgr_recall(m, &list, &none, &b, &h));     /* another one may be there now */
	ck_assert_uint_eq(h.relays, 0);
	chanmgr_failed(m, &list, &a);
	ck_assert(!chanmgr_recall(m, &list, &five, &a, &h));
}
END_TEST

/* The least useful come first, and only by what they say themselves. */
START_TEST(useless)
{
	const struct gnuid list = id_of(1);
	struct gnuid sids[USELESS_MAX];

	ck_assert_uint_eq(chanmgr_useless(m, &list, sids, NELEM(sids)), 0);
	heard(1, &(struct said)H(1, A, L1, .via = 1, .listeners = 3));
	heard(1, &(struct said)H(2, A, L2, .via = 2, .listeners = 1));
	heard(1, &(struct said)H(3, B, L1, .via = 3, .relays = 1));
	heard(1, &(struct said)H(4, B, L2, .via = 4, .flags = HIT_RELAY));
	heard(1, &(struct said)H(5, B, L2, .via = 9));
	heard(1, &(struct said)H(0, B, "", .via = 9));
	ck_assert_uint_eq(chanmgr_useless(m, &list, sids, NELEM(sids)), 2);
	ck_assert(sids[0].b[8] == 2 && sids[1].b[8] == 1);
	ck_assert_uint_eq(chanmgr_useless(m, &list, sids, 1), 1);
	ck_assert_uint_eq(sids[0].b[8], 2);
	for (uint32_t i = 0; i < USELESS_MAX + 5; i++)
		heard(1, &(struct said)H(100 + i, NAT, L1, .via = 100 + i));
	ck_assert_uint_eq(chanmgr_useless(m, &list, sids, 1000), USELESS_MAX);
}
END_TEST

/* A wait spreads the load: the same one is not given again before it has passed. */
START_TEST(pick_waits)
{
	const struct gnuid list = id_of(1);
	const struct said one = H(1, A, L1), two = H(2, B, L1);
	struct pick p = { .chan = &list, .wait = 2 * S };
	struct host to;
	struct hit h;

	heard(1, &one);
	heard(1, &two);
	ck_assert(chanmgr_pick(m, &p, &h, &to) && h.sid.b[8] == 2);
	ck_assert(chanmgr_pick(m, &p, &h, &to) && h.sid.b[8] == 1);
	ck_assert(!chanmgr_pick(m, &p, &h, &to));
	p.wait = 0;                     /* does not look at it, and does not mark */
	ck_assert(chanmgr_pick(m, &p, &h, &to) && h.sid.b[8] == 2);
	p.wait = 2 * S;
	now += 2 * S - 1;
	ck_assert(!chanmgr_pick(m, &p, &h, &to));
	now += 1;
	ck_assert(chanmgr_pick(m, &p, &h, &to) && h.sid.b[8] == 2);
	heard(1, &two);                 /* news let it be given again */
	ck_assert(chanmgr_pick(m, &p, &h, &to) && h.sid.b[8] == 2);
}
END_TEST

/* --- going away --------------------------------------------------------------------------------------- */

/* An address that failed rests, even when a report brings its hit back; a user's tip ends that. */
START_TEST(failure)
{
	const struct gnuid list = id_of(1), other = id_of(2);
	const struct said one = H(1, A, L1);
	const struct host a = host(A), b = host(B);
	struct pick p = { .chan = &list };
	struct hitstats s;
	struct host to;
	struct hit h;

	heard(1, &one);
	heard(2, &one);
	chanmgr_failed(m, &list, &a);
	ck_assert(chanmgr_stats(m, &list, &s) && s.hosts == 0);
	ck_assert(!chanmgr_pick(m, &p, &h, &to));
	heard(1, &one);
	ck_assert(chanmgr_stats(m, &list, &s) && s.hosts == 1);
	ck_assert(!chanmgr_pick(m, &p, &h, &to));
	p.chan = &other;                /* the address, whatever the channel */
	ck_assert(!chanmgr_pick(m, &p, &h, &to));
	p.chan = &list;
	now += HIT_FAILED - 1;
	ck_assert(!chanmgr_pick(m, &p, &h, &to));
	now += 1;
	ck_assert(chanmgr_pick(m, &p, &h, &to));

	/* a tip stays, dead or alive, and can be tried again when it is given again */
	ck_assert_int_eq(chanmgr_tip(m, &list, &b), ST_OK);
	p.trackers = true;
	ck_assert(chanmgr_pick(m, &p, &h, &to) && host_equal(&to, &b));
	chanmgr_failed(m, &list, &b);
	ck_assert(!chanmgr_pick(m, &p, &h, &to));
	ck_assert_int_eq(chanmgr_tip(m, &list, &b), ST_OK);
	ck_assert(chanmgr_pick(m, &p, &h, &to) && host_equal(&to, &b));
	ck_assert(chanmgr_stats(m, &list, &s) && s.hosts == 2);
}
END_TEST

/* The table of failures is bounded, and the oldest gives way. */
START_TEST(many_failures)
{
	const struct gnuid list = id_of(1);
	struct pick p = { .chan = &list };
	const struct said one = H(1, A, L1);
	struct host to, a = host(A), bad = host("203.0.113.1:1");
	struct hit h;

	heard(1, &one);
	chanmgr_failed(m, &list, &a);
	heard(1, &one);
	for (uint32_t i = 0; i < 200; i++) {
		bad.port = (uint16_t)(i + 1);
		chanmgr_failed(m, &list, &bad);
		chanmgr_failed(m, &list, &bad);
	}
	ck_assert(!chanmgr_pick(m, &p, &h, &to));
	for (uint32_t i = 0; i < 5000; i++) {
		bad.port = (uint16_t)(i + 1000);
		chanmgr_failed(m, &list, &bad);
	}
	ck_assert(chanmgr_pick(m, &p, &h, &to));
}
END_TEST

START_TEST(tips)
{
	const struct gnuid list = id_of(1);
	const struct host lan = host("192.168.7.7:7144"), a = host(A);
	const struct said one = H(1, A, L1, .flags = HIT_TRACKER);
	struct pick p = { .chan = &list, .trackers = true };
	struct host to;
	struct hit h;
	char text[256];

	ck_assert_int_eq(chanmgr_tip(m, &list, &lan), ST_OK);
	ck_assert(chanmgr_pick(m, &p, &h, &to) && host_equal(&to, &lan));      /* named by a user */
	ck_assert_int_eq(chanmgr_tip(m, &list, &lan), ST_OK);
	ck_assert_str_eq(shown(1, text, sizeof(text)), "0@192.168.7.7:7144/- ");
	heard(1, &one);
	ck_assert_int_eq(chanmgr_tip(m, &list, &a), ST_OK);                     /* known: no second one */
	ck_assert_str_eq(shown(1, text, sizeof(text)), "1@" A "/" L1 " 0@192.168.7.7:7144/- ");
	/* it is a tip from now on */
	now += 1000 * S;
	size_t n = 0;

	struct chan *c = chan(1, "x", CHAN_RELAY, CHAN_SRC_PEERCAST);

	ck_assert_int_eq(chanmgr_add(m, c, 0), ST_OK);
	chanmgr_sweep(m, 180 * S, NULL, &n);
	ck_assert_str_eq(shown(1, text, sizeof(text)), "1@" A "/" L1 " 0@192.168.7.7:7144/- ");
	chanmgr_remove(m, c);                   /* not carried any more: tips age like the rest */
	chanmgr_sweep(m, 180 * S, NULL, &n);
	ck_assert_str_eq(shown(1, text, sizeof(text)), "none");
	chan_unref(&c);
}
END_TEST

START_TEST(sessions_go)
{
	const struct gnuid seven = id_of(7), eight = id_of(8), one = id_of(1), none = { { 0 } };
	const struct said a = H(1, A, L1, .via = 7), b = H(8, B, L2, .via = 8);
	char text[256];
	size_t n = 0;

	heard(1, &a);
	heard(1, &b);
	heard(2, &a);
	chanmgr_session_gone(m, &none, NULL, true, 0);
	chanmgr_session_gone(m, &seven, NULL, false, 60 * S);
	now += 60 * S - 1;
	chanmgr_sweep(m, 1000 * S, NULL, &n);
	ck_assert_str_eq(shown(1, text, sizeof(text)), "8@" B "/" L2 " 1@" A "/" L1 " ");
	heard(2, &a);                           /* news in time */
	now += 1;
	chanmgr_sweep(m, 1000 * S, NULL, &n);
	ck_assert_str_eq(shown(1, text, sizeof(text)), "8@" B "/" L2 " ");
	ck_assert_str_eq(shown(2, text, sizeof(text)), "1@" A "/" L1 " ");
	/* a goodbye: at once; what it is in another channel is another matter */
	heard(2, &b);
	chanmgr_session_gone(m, &eight, &one, true, 60 * S);
	ck_assert_str_eq(shown(1, text, sizeof(text)), "");
	ck_assert_str_eq(shown(2, text, sizeof(text)), "8@" B "/" L2 " 1@" A "/" L1 " ");
}
END_TEST

START_TEST(sweep)
{
	struct chan *c = chan(3, "x", CHAN_RELAY, CHAN_SRC_PEERCAST);
	const struct gnuid three = id_of(3);
	const struct said w = H(1, A, L1, .via = 7);
	struct chanmeta meta = { .text = { [CT_NAME] = "n" } };
	struct chan_ended ended[2];
	char text[64];
	size_t n = NELEM(ended);

	heard(1, &w);                           /* hosts only: nobody was told of it */
	heard(3, &w);
	for (uint32_t i = 10; i < 13; i++) {
		const struct gnuid id = id_of(i);
		const struct announce a = { .meta = &meta, .present = 1u << CT_NAME, .chan = &id, .create = true };
		struct announce_result r;

		meta.id = id;
		heard(i, &w);
		ck_assert_int_eq(chanmgr_announce(m, &a, &r), ST_OK);
		announce_result_fini(&r);
	}
	ck_assert_int_eq(chanmgr_add(m, c, 0), ST_OK);
	now += 180 * S;
	chanmgr_sweep(m, 180 * S, ended, &n);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(chanmgr_list_count(m), 5);
	now += 1;
	n = NELEM(ended);
	chanmgr_sweep(m, 180 * S, ended, &n);
	/* three ended that had been announced: two fit, the third is told next time */
	ck_assert_uint_eq(n, 2);
	ck_assert(ended[0].id.b[8] == 10 && ended[1].id.b[8] == 11 && ended[0].ours);
	ck_assert_str_eq(shown(1, text, sizeof(text)), "none");
	ck_assert_str_eq(shown(3, text, sizeof(text)), "");     /* carried */
	n = NELEM(ended);
	chanmgr_sweep(m, 180 * S, ended, &n);
	ck_assert(n == 1 && ended[0].id.b[8] == 12);
	chanmgr_remove(m, c);
	n = 0;
	chanmgr_sweep(m, 180 * S, ended, &n);
	ck_assert(!chanmgr_list_exists(m, &three));
	ck_assert_uint_eq(chanmgr_list_count(m), 0);
	chan_unref(&c);
}
END_TEST

START_TEST(lists)
{
	const struct gnuid one = id_of(1), zero = { { 0 } };
	const struct chanmeta meta = { .id = one, .text = { [CT_NAME] = "n" } };
	const struct said w = H(1, A, L1, .via = 7);
	struct chaninfo *i = chaninfo_new(&meta);
	struct hitlist_view *v;
	enum status st;
	size_t n;
	int k;

	heard(0, &w);                           /* trackers for COUT: not a channel */
	ck_assert(chanmgr_list_exists(m, &zero));
	ck_assert_int_eq(chanmgr_list_ensure(m, &one, i), ST_OK);
	ck_assert_int_eq(chanmgr_list_ensure(m, &one, NULL), ST_OK);
	chaninfo_unref(&i);
	heard(1, &w);
	heard(2, &w);
	ck_assert_int_eq(chanmgr_lists(m, false, &v, &n), ST_OK);
	ck_assert(n == 2 && v[0].hits == NULL && v[0].stats.hosts == 1);
	ck_assert_str_eq(v[0].info->text[CT_NAME], "n");
	ck_assert_ptr_null(v[1].info);
	for (size_t j = 0; j < n; j++)
		hitlist_view_fini(&v[j]);
	free(v);
	for (k = 0;; k++) {
		fail_in = k;
		st = chanmgr_lists(m, true, &v, &n);
		if (!failed())
			break;
		ck_assert(st == ST_LIMIT && v == NULL && n == 0);
	}
	ck_assert(k == 3 && st == ST_OK && v[1].n == 1);
	for (size_t j = 0; j < n; j++)
		hitlist_view_fini(&v[j]);
	free(v);
}
END_TEST

/* --- listings ---------------------------------------------------------------------------------- */

static void named(uint32_t list, const char *name)
{
	const struct gnuid id = id_of(list);
	struct chanmeta meta = { .id = id };
	const struct announce a = { .meta = &meta, .present = 1u << CT_NAME, .chan = &id, .create = true };
	struct announce_result r;

	(void)snprintf(meta.text[CT_NAME], TEXT_MAX, "%s", name);
	ck_assert_int_eq(chanmgr_announce(m, &a, &r), ST_OK);
	announce_result_fini(&r);
}

#define T HIT_TRACKER
#define P HIT_PUSH

static const struct {
	const char *name;
	struct said said[3];
	const char *tip;        /* NULL = not listed */
	uint32_t listeners;
	uint8_t flags;
} listing_rows[] = {
	{ "nobody", { { .global = NULL } }, NULL, 0, 0 },
	{ "a tracker", { H(1, A, L1, T, .listeners = 3) }, A, 3, T },
	{ "a tracker before others", { H(1, A, L1, T), H(2, B, L1, .listeners = 2) }, A, 2, T },
	{ "the same, told last", { H(2, B, L1), H(1, A, L1, T) }, A, 0, T },
	{ "an open one before a closed one", { H(1, NAT, L1, T | P), H(2, A, L1, T) }, A, 0, T },
	{ "a closed tracker before an open relay", { H(1, NAT, L1, T | P), H(2, A, L1) }, NAT, 0, T | P },
	{ "no tracker", { H(1, A, L1), H(2, NAT, L1, P) }, A, 0, 0 },
};

START_TEST(listing)
{
	struct listing *l;
	char text[HOST_STRLEN];
	size_t n;

	named(1, listing_rows[_i].name);
	heard(2, &(struct said)H(9, B, L2, T));         /* nobody knows what that is */
	heard(0, &(struct said)H(9, B, L2, T));
	for (size_t i = 0; i < 3 && listing_rows[_i].said[i].global != NULL; i++)
		heard(1, &listing_rows[_i].said[i]);
	ck_assert_int_eq(chanmgr_listings(m, &l, &n), ST_OK);
	ck_assert_uint_eq(n, listing_rows[_i].tip != NULL);
	if (n > 0) {
		const struct gnuid one = id_of(1);

		ck_assert(gnuid_equal(&l->id, &one) && !l->stale && l->created == now);
		ck_assert_str_eq(l->info->text[CT_NAME], listing_rows[_i].name);
		ck_assert_str_eq(host_str(&l->tip, text), listing_rows[_i].tip);
		ck_assert_uint_eq(l->listeners, listing_rows[_i].listeners);
		ck_assert_uint_eq(l->flags & (T | P), listing_rows[_i].flags);
		chaninfo_unref(&l->info);
	}
	free(l);
}
END_TEST

START_TEST(stale_listing)
{
	const struct gnuid seven = id_of(7);
	struct listing *l;
	enum status st;
	size_t n;
	int k;

	named(1, "x");
	heard(1, &(struct said)H(1, A, L1, T, .via = 7));
	chanmgr_session_gone(m, &seven, NULL, false, 60 * S);
	ck_assert_int_eq(chanmgr_listings(m, &l, &n), ST_OK);
	ck_assert(n == 1 && l->stale);
	chaninfo_unref(&l->info);
	free(l);
	heard(1, &(struct said)H(1, A, L1, T, .via = 8));
	for (k = 0;; k++) {
		fail_in = k;
		st = chanmgr_listings(m, &l, &n);
		if (!failed())
			break;
		ck_assert(st == ST_LIMIT && l == NULL && n == 0);
	}
	ck_assert(k == 1 && st == ST_OK && n == 1 && !l->stale);
	chaninfo_unref(&l->info);
	free(l);
	chanmgr_session_gone(m, &seven, NULL, true, 0);
}
END_TEST

/* What makes lists be made anew, and what does not. */
START_TEST(changes)
{
	const struct gnuid one = id_of(1), seven = id_of(7);
	struct chan *c = chan(3, "x", CHAN_RELAY, CHAN_SRC_PEERCAST);
	uint64_t before;
	size_t n = 0;

#define CHANGES(yes, ...) do { before = chanmgr_changes(m); __VA_ARGS__; \
	ck_assert_msg((chanmgr_changes(m) > before) == (yes), "%s", #__VA_ARGS__); } while (0)
	CHANGES(true, named(1, "a"));
	CHANGES(false, named(1, "a"));
	CHANGES(true, named(1, "b"));
	CHANGES(true, heard(1, &(struct said)H(1, A, L1, T, .via = 7)));
	CHANGES(false, heard(1, &(struct said)H(1, A, L1, T, .via = 7)));
	CHANGES(true, heard(1, &(struct said)H(1, A, L1, T, .via = 7, .listeners = 1)));
	CHANGES(true, heard(1, &(struct said)H(1, A, L1, T, .via = 7, .listeners = 1, .relays = 1)));
	CHANGES(true, heard(1, &(struct said)H(1, A, L1, T | P, .via = 7, .listeners = 1, .relays = 1)));
	CHANGES(true, heard(1, &(struct said)H(1, B, L1, T | P, .via = 7, .listeners = 1, .relays = 1)));
	CHANGES(false, chanmgr_sweep(m, 180 * S, NULL, &n));
	CHANGES(true, chanmgr_session_gone(m, &seven, NULL, false, 0));
	CHANGES(true, chanmgr_sweep(m, 180 * S, NULL, &n));
	CHANGES(true, heard(1, &(struct said)H(1, A, L1, T)));
	CHANGES(true, heard(1, &(struct said)H(1, A, L1, T | GONE)));
	CHANGES(true, heard(1, &(struct said)H(1, A, L1, T)));
	CHANGES(true, chanmgr_failed(m, &one, &(struct host){ .port = 1 }));
	CHANGES(true, ck_assert_int_eq(chanmgr_list_ensure(m, &one, NULL), ST_OK));
	CHANGES(true, ck_assert_int_eq(chanmgr_add(m, c, 0), ST_OK));
	CHANGES(true, chanmgr_remove(m, c));
	CHANGES(false, ck_assert_uint_eq(chanmgr_list_count(m), 1));
#undef CHANGES
	chan_unref(&c);
}
END_TEST

/* --- live sync ------------------------------------------------------------------------------------- */

/* One report of instance `source`, or 0: of session 1's own line. */
static bool reports(uint32_t source, const char *name, uint32_t bcid, int uptime_s, bool with_hit,
	struct announce_result *r)
{
	const struct gnuid id = id_of(1), sid = id_of(1);
	struct chanmeta meta = { .id = id, .bcid = id_of(bcid) };
	const struct hit h = { .source = source, .sid = sid, .chan = id, .rhost = { host(A) },
		.flags = HIT_TRACKER | HIT_RECV, .heard = now, .uptime_s = (uint32_t)uptime_s,
		.via = source == 0 ? sid : (struct gnuid){ { 0 } } };
	const struct announce a = {
		.meta = name != NULL ? &meta : NULL, .present = 1u << CT_NAME | (bcid != 0 ? CHANMETA_BCID : 0),
		.hit = with_hit ? &h : NULL, .chan = &id, .self = &self, .via = source == 0 ? &sid : NULL,
		.source = source, .root = true, .create = true,
	};

	text_copy(meta.text[CT_NAME], TEXT_MAX, name != NULL ? name : "");
	ck_assert_int_eq(chanmgr_announce(m, &a, r), ST_OK);
	announce_result_fini(r);
	return !r->refused;
}

START_TEST(synced)
{
	struct announce_result r;
	struct listing *list;
	struct chan_ended ended[1];
	const struct gnuid one = id_of(1);
	size_t n;

	/* the host alone: hidden */
	ck_assert(reports(7, NULL, 0, 0, true, &r));
	ck_assert_int_eq(chanmgr_listings(m, &list, &n), ST_OK);
	ck_assert_uint_eq(n, 0);
	free(list);
	/* its info, and how long it has been on the air */
	ck_assert(reports(7, "a", 5, 0, false, &r));
	ck_assert(reports(7, NULL, 0, 300, true, &r));
	ck_assert_int_eq(chanmgr_listings(m, &list, &n), ST_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(list[0].info->text[CT_NAME], "a");
	ck_assert_int_eq(list[0].created, now - 300 * S);
	ck_assert(!list[0].stale);
	chaninfo_unref(&list[0].info);
	free(list);
	/* another owner is refused, over either way */
	ck_assert(!reports(8, "b", 6, 0, false, &r));
	ck_assert(!reports(0, "b", 6, 0, true, &r));
	/* its tracker comes to us: from now on its word counts */
	ck_assert(reports(0, "b", 5, 0, true, &r));
	ck_assert(r.info_changed);
	ck_assert_uint_eq(r.after.hosts, 1);
	ck_assert(reports(7, "c", 5, 900, true, &r));
	ck_assert(!r.info_changed);
	ck_assert_uint_eq(r.after.hosts, 1);
	ck_assert_int_eq(r.created, now - 300 * S);
	/* it goes, the other root's word counts again */
	chanmgr_session_gone(m, &one, NULL, true, 0);
	ck_assert(reports(7, "c", 5, 0, true, &r));
	ck_assert(r.info_changed);
	/* and says goodbye */
	chanmgr_source_gone(m, 7, 10 * S);
	ck_assert_int_eq(chanmgr_listings(m, &list, &n), ST_OK);
	ck_assert(n == 1 && list[0].stale);
	chaninfo_unref(&list[0].info);
	free(list);
	now += 10 * S;
	n = 1;
	chanmgr_sweep(m, 180 * S, ended, &n);
	ck_assert(n == 1 && ended[0].ours);
	/* one that nobody told us of directly */
	ck_assert(reports(7, "d", 0, 0, true, &r));
	now += 181 * S;
	n = 1;
	chanmgr_sweep(m, 180 * S, ended, &n);
	ck_assert(n == 1 && !ended[0].ours);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/chan/chanmgr");
	TCase *t = tcase_create("chanmgr");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, carried);
	tcase_add_test(t, carried_without_memory);
	tcase_add_loop_test(t, add, 0, NELEM(add_rows));
	tcase_add_test(t, our_own_is_ignored);
	tcase_add_loop_test(t, removal, 0, NELEM(remove_rows));
	tcase_add_test(t, sums);
	tcase_add_test(t, full_list);
	tcase_add_test(t, full_of_lists);
	tcase_add_test(t, only_when_it_may);
	tcase_add_loop_test(t, info, 0, NELEM(info_rows));
	tcase_add_test(t, announce_without_memory);
	tcase_add_test(t, synced);
	tcase_add_loop_test(t, pick, 0, NELEM(pick_rows));
	tcase_add_test(t, offers);
	tcase_add_test(t, offers_spread);
	tcase_add_test(t, offers_in_turn);
	tcase_add_test(t, offers_not_below_the_asker);
	tcase_add_test(t, recalled);
	tcase_add_test(t, useless);
	tcase_add_test(t, pick_waits);
	tcase_add_test(t, failure);
	tcase_add_test(t, many_failures);
	tcase_add_test(t, tips);
	tcase_add_test(t, sessions_go);
	tcase_add_test(t, sweep);
	tcase_add_test(t, lists);
	tcase_add_loop_test(t, listing, 0, NELEM(listing_rows));
	tcase_add_test(t, stale_listing);
	tcase_add_test(t, changes);
	suite_add_tcase(s, t);
	return s;
}
