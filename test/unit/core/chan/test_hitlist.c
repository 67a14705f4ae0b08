/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: clk_now */
#include "core/chan/hitlist.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/unit.h"

#define S NSEC_PER_SEC

static nsec now;

nsec __wrap_clk_now(void);

nsec __wrap_clk_now(void)
{
	return now;
}

static struct hitlist *l;

static struct gnuid id_of(uint32_t n)
{
	struct gnuid id = { { 0 } };

	memcpy(id.b + 8, &n, sizeof(n));
	return id;
}

static void setup(void)
{
	const struct gnuid id = id_of(1);

	now = 1000 * S;
	l = hitlist_new(&id);
	ck_assert_ptr_nonnull(l);
}

static void teardown(void)
{
	hitlist_free(&l);
	ck_assert_ptr_null(l);
}

static struct host host(const char *s)
{
	struct host h = { .port = 0 };

	if (s != NULL && *s != '\0')
		ck_assert_msg(host_parse(&h, s, 0), "%s", s);
	return h;
}

static struct host addr(uint32_t n)
{
	return host_v4(203, 0, (uint8_t)(n >> 8), (uint8_t)n, 7144);
}

static bool put(uint32_t sid, const struct host *at, uint32_t via, unsigned flags)
{
	const struct hit h = { .sid = id_of(sid), .via = id_of(via), .rhost = { *at },
		.flags = (uint8_t)(flags | HIT_RECV), .heard = now };
	bool is_new = false;

	ck_assert_int_eq(hitlist_put(l, &h, false, &is_new), ST_OK);
	return is_new;
}

static const struct hit *find(uint32_t sid)
{
	const struct gnuid id = id_of(sid);

	for (const struct hitnode *n = l->hits; n != NULL; n = n->next)
		if (gnuid_equal(&n->h.sid, &id))
			return &n->h;
	return NULL;
}

/* --- who speaks for whom ---------------------------------------------------------------------------------- */

/* 1 is told of over some line, then somebody tells of it again. Does the second one count? */
static const struct {
	const char *name;
	uint32_t first, second;         /* over whose line */
	uint32_t sid;                   /* that the second one names; 0 = none, the address alone */
	bool broken;                    /* the line of the first has broken meanwhile */
	bool counts;
} spoken_rows[] = {
	{ "itself, again", 1, 1, 1, false, true },
	{ "itself, then another", 1, 9, 1, false, false },
	{ "itself, then another by its address", 1, 9, 0, false, false },
	{ "its line broke: it may be elsewhere now", 1, 9, 1, true, true },
	{ "another, then itself", 9, 1, 1, false, true },
	{ "another, then a third", 8, 9, 1, false, true },
};

START_TEST(spoken_for)
{
	const struct gnuid first = id_of(spoken_rows[_i].first);
	const struct host at = addr(1), new = spoken_rows[_i].sid != 0 ? addr(2) : at;

	put(1, &at, spoken_rows[_i].first, HIT_RELAY);
	if (spoken_rows[_i].broken)
		hitlist_session_gone(l, &first, false, now + 60 * S);
	put(spoken_rows[_i].sid, &new, spoken_rows[_i].second, 0);
	ck_assert_uint_eq(l->n, 1);
	ck_assert_msg(((l->hits->h.flags & HIT_RELAY) == 0) == spoken_rows[_i].counts, "%s", spoken_rows[_i].name);
	ck_assert_msg(host_equal(&l->hits->h.rhost[0], spoken_rows[_i].counts ? &new : &at), "%s", spoken_rows[_i].name);
}
END_TEST

/* --- live sync -------------------------------------------------------------------------------------------- */

#define NO_SID 0
#define GOES 1          /* a goodbye */
#define BREAKS 2        /* the line of session `via` ends */
#define BYE 3           /* the source says goodbye to all */

/* A list of one node's reports: what is known in the end. */
static const struct {
	const char *name;
	struct {
		uint32_t source, sid, via;
		uint32_t at;            /* its address */
		int age_s, what;
	} said[4];
	uint32_t n, source;             /* hits left; source and address of the first */
	uint32_t at;
	bool stale;
} sync_rows[] = {
	{ "one report", { { 7, 1, 0, 1, 0, 0 } }, 1, 7, 1, false },
	{ "first the address alone", { { 7, NO_SID, 0, 1, 0, 0 }, { 7, 1, 0, 1, 0, 0 } }, 1, 7, 1, false },
	{ "then the address alone again", { { 7, 1, 0, 1, 0, 0 }, { 7, NO_SID, 0, 1, 0, 0 } }, 1, 7, 1, false },
	{ "another instance", { { 7, 1, 0, 1, 0, 0 }, { 8, 1, 0, 2, 0, 0 } }, 1, 8, 2, false },
	{ "another that heard of it earlier: decided before", { { 7, 1, 0, 1, 0, 0 }, { 8, 1, 0, 2, 9, 0 } }, 1, 8, 2,
		false },
	{ "another node", { { 7, 1, 0, 1, 0, 0 }, { 7, 2, 0, 2, 0, 0 } }, 2, 7, 2, false },
	{ "two behind one NAT", { { 7, 1, 0, 1, 0, 0 }, { 7, 2, 0, 1, 0, 0 } }, 2, 7, 1, false },
	{ "ours wins", { { 0, 1, 1, 1, 0, 0 }, { 7, 1, 0, 2, 0, 0 } }, 1, 0, 1, false },
	{ "ours wins over its address alone", { { 0, 1, 1, 1, 0, 0 }, { 7, NO_SID, 0, 1, 0, 0 } }, 1, 0, 1, false },
	{ "ours wins afterwards", { { 7, 1, 0, 2, 0, 0 }, { 0, 1, 1, 1, 5, 0 } }, 1, 0, 1, false },
	{ "its line broke here", { { 0, 1, 1, 1, 0, 0 }, { 0, 0, 1, 0, 0, BREAKS }, { 7, 1, 0, 2, 0, 0 } }, 1, 7, 2,
		false },
	{ "its line broke, older news", { { 0, 1, 1, 1, 0, 0 }, { 0, 0, 1, 0, 0, BREAKS }, { 7, 1, 0, 2, 9, 0 } }, 1, 0,
		1, true },
	{ "its line broke here, it is there", { { 7, 1, 0, 1, 0, 0 }, { 0, 0, 1, 0, 0, BREAKS } }, 1, 7, 1, false },
	{ "goodbye by its source", { { 7, 1, 0, 1, 0, 0 }, { 7, 1, 0, 1, 0, GOES } }, 0, 0, 0, false },
	{ "goodbye, the address alone", { { 7, 1, 0, 1, 0, 0 }, { 7, NO_SID, 0, 1, 0, GOES } }, 0, 0, 0, false },
	{ "goodbye by another", { { 7, 1, 0, 1, 0, 0 }, { 8, 1, 0, 1, 0, GOES } }, 1, 7, 1, false },
	{ "goodbye for ours", { { 0, 1, 1, 1, 0, 0 }, { 7, 1, 0, 1, 0, GOES } }, 1, 0, 1, false },
	{ "goodbye by ours", { { 7, 1, 0, 1, 0, 0 }, { 0, 1, 1, 1, 0, GOES } }, 1, 7, 1, false },
	{ "BYE", { { 7, 1, 0, 1, 0, 0 }, { 7, 0, 0, 0, 0, BYE } }, 1, 7, 1, true },
	{ "BYE of another", { { 7, 1, 0, 1, 0, 0 }, { 8, 0, 0, 0, 0, BYE } }, 1, 7, 1, false },
	{ "BYE, then news", { { 7, 1, 0, 1, 0, 0 }, { 7, 0, 0, 0, 0, BYE }, { 8, 1, 0, 1, 0, 0 } }, 1, 8, 1, false },
};

START_TEST(by_source)
{
	for (size_t i = 0; i < NELEM(sync_rows[_i].said); i++) {
		const struct hit h = {
			.source = sync_rows[_i].said[i].source, .rhost = { addr(sync_rows[_i].said[i].at) },
			.sid = id_of(sync_rows[_i].said[i].sid), .via = id_of(sync_rows[_i].said[i].via),
			.flags = HIT_TRACKER | HIT_RECV, .heard = now - sync_rows[_i].said[i].age_s * S,
		};
		bool is_new;

		if (sync_rows[_i].said[i].at == 0 && sync_rows[_i].said[i].what == 0)
			break;
		switch (sync_rows[_i].said[i].what) {
		case GOES:
			(void)hitlist_remove(l, &h, h.source == 0 ? &h.via : NULL);
			break;
		case BREAKS:
			hitlist_session_gone(l, &h.via, false, now + 60 * S);
			break;
		case BYE:
			hitlist_source_gone(l, h.source, now + 60 * S);
			break;
		default:
			ck_assert_int_eq(hitlist_put(l, &h, false, &is_new), ST_OK);
		}
	}
	ck_assert_msg(l->n == sync_rows[_i].n, "%s: %u", sync_rows[_i].name, l->n);
	if (l->n > 0) {
		const struct host at = addr(sync_rows[_i].at);

		ck_assert_msg(l->hits->h.source == sync_rows[_i].source, "%s", sync_rows[_i].name);
		ck_assert_msg(host_equal(&l->hits->h.rhost[0], &at), "%s", sync_rows[_i].name);
		ck_assert_msg((l->hits->h.gone_at != 0) == sync_rows[_i].stale, "%s", sync_rows[_i].name);
	}
}
END_TEST

/* What a session may say goodbye for is what it told of: not another root's, whatever id it gives itself. */
START_TEST(no_goodbye_for_others)
{
	struct hit h = { .source = 7, .sid = id_of(1), .rhost = { addr(1) }, .flags = HIT_TRACKER | HIT_RECV, .heard = now };
	const struct gnuid one = id_of(1), none = { { 0 } };
	bool is_new;

	ck_assert_int_eq(hitlist_put(l, &h, false, &is_new), ST_OK);
	h.source = 0;
	ck_assert(!hitlist_remove(l, &h, &one));
	ck_assert(!hitlist_remove(l, &h, &none));
	ck_assert(!hitlist_remove(l, &h, NULL));
	hitlist_session_gone(l, &one, true, now);
	ck_assert_uint_eq(hitlist_sweep(l, now + S, 180 * S, false), 0);
	hitlist_source_gone(l, 7, now + S);
	ck_assert_uint_eq(hitlist_sweep(l, now + S, 180 * S, false), 1);
}
END_TEST

/* --- full ---------------------------------------------------------------------------------------------- */

/* A line that floods costs the others next to nothing (B48), whatever it says they are. */
static void flood(unsigned flags)
{
	uint32_t left = 0;
	struct host at;

	for (uint32_t i = 1; i <= HITLIST_MAX_HITS; i++) {
		now += S / 100;
		at = addr(i);
		put(i, &at, i, 0);
	}
	for (uint32_t i = 0; i < 5000; i++) {
		now += S / 100;
		at = addr(2000 + i);
		put(100000 + i, &at, 77, flags);
	}
	ck_assert_uint_eq(l->n, HITLIST_MAX_HITS);
	for (uint32_t i = 1; i <= HITLIST_MAX_HITS; i++)
		left += find(i) != NULL;
	ck_assert_uint_eq(left, HITLIST_MAX_HITS - HITLIST_LINE);
	ck_assert_ptr_nonnull(find(HITLIST_MAX_HITS));
	ck_assert_ptr_null(find(1));
	ck_assert_ptr_nonnull(find(104999));
}

START_TEST(flood_of_relays)
{
	flood(0);
}
END_TEST

START_TEST(flood_of_trackers)
{
	flood(HIT_TRACKER);
}
END_TEST

/* --- below ----------------------------------------------------------------------------------------------- */

#define WAN "198.51.100.5"

static const struct below_row {
	const char *name;
	struct {
		uint32_t sid, via;
		const char *global, *local, *up;
	} hit[5];
	uint32_t asker;
	const char *at;
	const char *below;              /* sessions, in the order of the rows */
} below_rows[] = {
	{ "itself", { { 1, 9, "203.0.113.1:7144", "", "" }, { 2, 9, "203.0.113.2:7144", "", "" } }, 1, "", "1" },
	{ "itself by its address", { { 1, 9, "203.0.113.1:7144", "", "" }, { 2, 9, "203.0.113.2:7144", "", "" } }, 8,
		"203.0.113.1:7144", "1" },
	{ "another port is another node", { { 1, 9, "203.0.113.1:7144", "", "" } }, 8, "203.0.113.1:7145", "" },
	{ "no port is nobody's", { { 1, 9, WAN ":0", "", "" } }, 8, WAN ":0", "" },
	{ "children, and theirs",
		{ { 1, 9, "203.0.113.1:7144", "", "" }, { 3, 9, "203.0.113.3:7144", "", "203.0.113.2:7144" },
		  { 2, 9, "203.0.113.2:7144", "", "203.0.113.1:7144" }, { 4, 9, "203.0.113.4:7144", "", "203.0.113.3:7144" },
		  { 5, 9, "203.0.113.5:7144", "", "203.0.113.9:7144" } }, 1, "", "1234" },
	{ "children of one not yet heard of", { { 2, 9, "203.0.113.2:7144", "", "203.0.113.1:7144" } }, 1,
		"203.0.113.1:7144", "2" },
	{ "told over its line", { { 2, 1, "203.0.113.2:7144", "", "" }, { 3, 2, "203.0.113.3:7144", "", "" } }, 1, "", "2" },
	{ "a circle", { { 1, 9, "203.0.113.1:7144", "", "203.0.113.2:7144" },
		{ 2, 9, "203.0.113.2:7144", "", "203.0.113.1:7144" } }, 1, "", "12" },
	{ "through its local address",
		{ { 1, 9, WAN ":0", "192.168.0.1:7144", "" }, { 2, 9, WAN ":0", "192.168.0.2:7144", "192.168.0.1:7144" } }, 1,
		"", "12" },
	{ "the same local address elsewhere",
		{ { 1, 9, WAN ":0", "192.168.0.1:7144", "" },
		  { 2, 9, "203.0.113.2:0", "192.168.0.2:7144", "192.168.0.1:7144" } }, 1, "", "1" },
	{ "an upstream that is not told", { { 1, 9, WAN ":0", "", "" }, { 2, 9, "203.0.113.2:7144", "", WAN ":0" } }, 1, "",
		"1" },
	{ "nobody asks", { { 0, 0, "203.0.113.1:7144", "", "" }, { 2, 0, "203.0.113.2:7144", "", "" } }, 0, "", "" },
};

START_TEST(below)
{
	const struct below_row *w = &below_rows[_i];
	const struct gnuid asker = id_of(w->asker);
	const struct host at = host(w->at);
	char text[8] = "";

	for (size_t i = 0; i < NELEM(w->hit) && w->hit[i].global != NULL; i++) {
		const struct hit h = { .sid = id_of(w->hit[i].sid), .via = id_of(w->hit[i].via), .heard = now,
			.rhost = { host(w->hit[i].global), host(w->hit[i].local) }, .uphost = host(w->hit[i].up) };
		bool is_new;

		ck_assert_int_eq(hitlist_put(l, &h, false, &is_new), ST_OK);
	}
	for (int again = 0; again < 2; again++) {
		text[0] = '\0';
		hitlist_mark_below(l, &asker, &at);
		for (uint32_t sid = 1; sid < 6; sid++)
			for (const struct hitnode *n = l->hits; n != NULL; n = n->next)
				if (n->h.sid.b[8] == sid && n->below)
					(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u", sid);
		ck_assert_msg(strcmp(text, w->below) == 0, "%s: %s", w->name, text);
	}
}
END_TEST

/* A thousand in a row are followed to the end. */
START_TEST(below_to_the_end)
{
	const struct gnuid top = id_of(1);
	const struct host none = { .port = 0 };
	uint32_t n_below = 0;

	for (uint32_t i = 1; i <= HITLIST_MAX_HITS; i++) {
		const struct hit h = { .sid = id_of(i), .rhost = { addr(i) }, .uphost = addr(i - 1), .heard = now };
		bool is_new;

		ck_assert_int_eq(hitlist_put(l, &h, false, &is_new), ST_OK);
	}
	hitlist_mark_below(l, &top, &none);
	for (const struct hitnode *n = l->hits; n != NULL; n = n->next)
		n_below += n->below;
	ck_assert_uint_eq(n_below, HITLIST_MAX_HITS);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/chan/hitlist");
	TCase *t = tcase_create("hitlist");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, spoken_for, 0, NELEM(spoken_rows));
	tcase_add_loop_test(t, by_source, 0, NELEM(sync_rows));
	tcase_add_test(t, no_goodbye_for_others);
	tcase_add_test(t, flood_of_relays);
	tcase_add_test(t, flood_of_trackers);
	tcase_add_loop_test(t, below, 0, NELEM(below_rows));
	tcase_add_test(t, below_to_the_end);
	suite_add_tcase(s, t);
	return s;
}
