/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/chan/pick.h"

#include <string.h>

#include "test/unit/unit.h"

#define S   NSEC_PER_SEC
#define NOW (1000 * S)

/* "" and NULL = unset */
static struct host host(const char *s)
{
	struct host h = { .port = 0 };

	if (s != NULL && *s != '\0')
		ck_assert_msg(host_parse(&h, s, 0), "%s", s);
	return h;
}

static const char *name_of(const struct host *h, char *text)
{
	return host_is_set(h) ? host_str(h, text) : "-";
}

#define G  "198.51.100.1:7144"
#define L  "192.168.0.1:7144"
#define G6 "[2001:db8::1]:7144"
#define U6 "[fd00::1]:7144"

/* --- near -------------------------------------------------------------------------------------------- */

static const struct {
	const char *address, *teller;
	bool itself, listed;            /* near when it tells of itself; when it names others */
} near_rows[] = {
	{ "127.0.0.1:7144", "127.0.0.1:5", true, true },
	{ "127.0.0.2:7144", "127.0.0.1:5", true, true },
	{ "127.0.0.1:7144", "192.168.0.1:5", false, false },
	{ "127.0.0.1:7144", "198.51.100.1:5", false, false },
	{ "[::1]:7144", "[::1]:5", true, true },
	{ "[::1]:7144", "[2001:db8::1]:5", false, false },
	{ L, "192.168.0.1:5", true, true },
	{ L, "192.168.0.2:5", false, true },
	{ L, "127.0.0.1:5", false, true },
	{ L, "198.51.100.1:5", false, false },
	{ U6, "[fd00::1]:5", true, true },
	{ G, "198.51.100.1:5", false, false },          /* global: it does not matter */
	{ "169.254.0.1:7144", "169.254.0.1:5", false, false },
	{ "224.0.0.1:7144", "127.0.0.1:5", false, false },
	{ "", "127.0.0.1:5", false, false },
};

START_TEST(near)
{
	const struct hit h = { .rhost = { host(near_rows[_i].address) } };
	const struct host teller = host(near_rows[_i].teller);

	ck_assert_int_eq(hit_is_near(&h, &teller, true), near_rows[_i].itself);
	ck_assert_int_eq(hit_is_near(&h, &teller, false), near_rows[_i].listed);
}
END_TEST

/* --- pairs: never one of each family (pcp.md 17.5) ------------------------------------------------------ */

static const struct {
	const char *global, *local;
	const char *v4[2], *v6[2];
} pair_rows[] = {
	{ G, L, { G, L }, { "-", "-" } },
	{ G, "", { G, "-" }, { "-", "-" } },
	{ G6, U6, { "-", "-" }, { G6, U6 } },
	{ G, G6, { G, "-" }, { G6, "-" } },
	{ G6, G, { G, "-" }, { G6, "-" } },
	{ G, U6, { G, "-" }, { "-", U6 } },
	{ G6, L, { "-", L }, { G6, "-" } },
	{ "", L, { "-", L }, { "-", "-" } },
	{ "", G, { "-", G }, { "-", "-" } },
	{ "", "", { "-", "-" }, { "-", "-" } },
};

START_TEST(pairs)
{
	const struct hit h = { .rhost = { host(pair_rows[_i].global), host(pair_rows[_i].local) } };
	char text[HOST_STRLEN];

	for (int v6 = 0; v6 < 2; v6++) {
		const char *const *want = v6 ? pair_rows[_i].v6 : pair_rows[_i].v4;
		struct hit same = h;
		struct host pair[2];

		pick_pairs(&h, v6, pair);
		pick_pairs(&same, v6, same.rhost);
		for (int k = 0; k < 2; k++) {
			ck_assert_str_eq(name_of(&pair[k], text), want[k]);
			ck_assert_str_eq(name_of(&same.rhost[k], text), want[k]);
		}
	}
}
END_TEST

/* --- addresses for an asker (B45, 11.4 row 8) ------------------------------------------------------------ */

#define NEAR 1
#define TOLD 2

static const struct {
	const char *name, *global, *local;
	unsigned flags;                         /* HIT_PUSH */
	int how;
	const char *match, *asker, *to;         /* to NULL = none */
	bool v6, firewalled;
} address_rows[] = {
	{ "global", G, L, 0, 0, NULL, "203.0.113.9", G, false, false },
	{ "global, for us", G, L, 0, 0, NULL, NULL, G, false, false },
	{ "wrong family", G, L, 0, 0, NULL, "2001:db8::9", NULL, true, false },
	{ "mixed", G, G6, 0, 0, NULL, "2001:db8::9", G6, true, false },
	{ "IPv6 link-local", "[fe80::1]:7144", "", 0, NEAR | TOLD, NULL, NULL, NULL, true, false },
	{ "IPv4 link-local", "169.254.0.1:7144", "", 0, NEAR | TOLD, NULL, NULL, NULL, false, false },
	{ "multicast", "224.0.0.1:7144", "", 0, TOLD, NULL, NULL, NULL, false, false },
	{ "IPv6 multicast", "[ff02::1]:7144", "", 0, TOLD, NULL, NULL, NULL, true, false },
	{ "no port", "198.51.100.1:0", L, 0, 0, NULL, NULL, NULL, false, false },
	{ "firewalled", G, L, HIT_PUSH, 0, NULL, NULL, NULL, false, false },
	{ "to be pushed", "198.51.100.1:0", L, HIT_PUSH, 0, NULL, NULL, "198.51.100.1:0", false, true },
	{ "to be pushed, wrong family", "198.51.100.1:0", L, HIT_PUSH, 0, NULL, NULL, NULL, true, true },
	/* loopback */
	{ "loopback of a stranger", "127.0.0.1:7144", "", 0, 0, NULL, "127.0.0.1", NULL, false, false },
	{ "loopback of a neighbour", "127.0.0.1:7144", "", 0, NEAR, NULL, "127.0.0.2", "127.0.0.1:7144", false, false },
	{ "loopback, for us", "127.0.0.1:7144", "", 0, NEAR, NULL, NULL, "127.0.0.1:7144", false, false },
	{ "loopback, for the LAN", "127.0.0.1:7144", "", 0, NEAR, NULL, "192.168.0.9", NULL, false, false },
	{ "loopback, for the world", "127.0.0.1:7144", "", 0, NEAR | TOLD, NULL, "203.0.113.9", NULL, false, false },
	{ "IPv6 loopback", "[::1]:7144", "", 0, NEAR, NULL, "::1", "[::1]:7144", true, false },
	{ "loopback, told by a user", "127.0.0.1:7144", "", 0, TOLD, NULL, NULL, "127.0.0.1:7144", false, false },
	/* private */
	{ "private of a stranger", L, "", 0, 0, NULL, "192.168.0.9", NULL, false, false },
	{ "private, for us", L, "", 0, 0, NULL, NULL, NULL, false, false },
	{ "private of a neighbour", L, "", 0, NEAR, NULL, "192.168.0.9", L, false, false },
	{ "private, for this machine", L, "", 0, NEAR, NULL, "127.0.0.1", L, false, false },
	{ "private, for the world", L, "", 0, NEAR | TOLD, NULL, "203.0.113.9", NULL, false, false },
	{ "shared by a carrier", "100.64.0.9:7144", "", 0, NEAR, NULL, "192.168.0.9", NULL, false, false },
	/* in the asker's own network */
	{ "LAN", G, L, 0, 0, "198.51.100.1", "198.51.100.1", L, false, false },
	{ "LAN, firewalled", "198.51.100.1:0", L, HIT_PUSH, 0, "198.51.100.1", "198.51.100.1", L, false, false },
	{ "LAN of another", G, L, 0, 0, "198.51.100.2", "198.51.100.2", NULL, false, false },
	{ "LAN without a local address", G, "", 0, 0, "198.51.100.1", "198.51.100.1", NULL, false, false },
	{ "LAN at a private address", L, L, 0, 0, "192.168.0.1", "192.168.0.1", NULL, false, false },
	{ "LAN with a loopback one", G, "127.0.0.1:7144", 0, 0, "198.51.100.1", "198.51.100.1", NULL, false, false },
	{ "LAN with a multicast one", G, "224.0.0.1:7144", 0, 0, "198.51.100.1", "198.51.100.1", NULL, false, false },
	{ "IPv6 LAN", G6, U6, 0, 0, "2001:db8::1", "2001:db8::1", U6, true, false },
};

START_TEST(addresses)
{
	const struct hit h = {
		.rhost = { host(address_rows[_i].global), host(address_rows[_i].local) },
		.flags = (uint8_t)address_rows[_i].flags,
		.near = (address_rows[_i].how & NEAR) != 0, .told = (address_rows[_i].how & TOLD) != 0,
	};
	struct pick p = { .match = host(address_rows[_i].match), .asker = host(address_rows[_i].asker),
		.v6 = address_rows[_i].v6, .firewalled = address_rows[_i].firewalled };
	char text[HOST_STRLEN];
	struct host to;
	const bool ok = pick_address(&h, &p, &to);

	ck_assert_msg(ok == (address_rows[_i].to != NULL), "%s", address_rows[_i].name);
	if (!ok)
		return;
	ck_assert_msg(strcmp(host_str(&to, text), address_rows[_i].to) == 0, "%s: %s", address_rows[_i].name, text);
	if (p.firewalled)
		return;
	p.exclude_host = to;
	ck_assert_msg(!pick_address(&h, &p, &to), "%s: excluded", address_rows[_i].name);
}
END_TEST

/* --- which --------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	struct hit h;
	struct pick p;
	bool fits;
} fit_rows[] = {
	{ "any", { .hops = 0 }, { .wait = 0 }, true },
	{ "dead", { .dead = true }, { .wait = 0 }, false },
	{ "tracker", { .flags = HIT_TRACKER }, { .wait = 0 }, false },
	{ "tracker wanted", { .flags = HIT_TRACKER }, { .trackers = true }, true },
	{ "no tracker", { .hops = 0 }, { .trackers = true }, false },
	{ "no CIN", { .hops = 0 }, { .need_cin = true }, false },
	{ "CIN", { .flags = HIT_CIN }, { .need_cin = true }, true },
	{ "not that one", { .sid = { { 5 } } }, { .exclude = { { 5 } } }, false },
	{ "another", { .sid = { { 6 } } }, { .exclude = { { 5 } } }, true },
	{ "nobody is excluded", { .sid = { { 0 } } }, { .exclude = { { 0 } } }, true },
	{ "handed out just now", { .contact = NOW }, { .wait = 2 * S }, false },
	{ "a moment too early", { .contact = NOW - 2 * S + 1 }, { .wait = 2 * S }, false },
	{ "long enough ago", { .contact = NOW - 2 * S }, { .wait = 2 * S }, true },
	{ "never handed out", { .contact = 0 }, { .wait = 2000 * S }, true },
	{ "no wait", { .contact = NOW }, { .wait = 0 }, true },
};

START_TEST(fits)
{
	ck_assert_msg(pick_fits(&fit_rows[_i].h, &fit_rows[_i].p, NOW) == fit_rows[_i].fits, "%s", fit_rows[_i].name);
}
END_TEST

/* In order of merit, the best first; equals stand in one row. */
#define RANKS 4
static const struct hit by_hops[RANKS][2] = {
	{ { .hops = 1, .flags = HIT_RELAY }, { .hops = 1, .flags = HIT_RELAY | HIT_PUSH, .relays = 9 } },
	{ { .hops = 1 }, { .hops = 1, .listeners = 7 } },
	{ { .hops = 2, .flags = HIT_RELAY }, { .hops = 2, .flags = HIT_RELAY } },
	{ { .hops = 1, .flags = HIT_RELAY, .gone_at = NOW }, { .hops = 1, .flags = HIT_RELAY, .gone_at = 1 } },
};

START_TEST(order_of_picks)
{
	for (int a = 0; a < RANKS; a++)
		for (int b = 0; b < RANKS; b++)
			for (int k = 0; k < 4; k++)
				ck_assert_msg(pick_is_better(&by_hops[a][k / 2], &by_hops[b][k % 2]) == (a < b), "%d %d", a, b);
}
END_TEST

static const struct {
	struct hit h;
	bool lan;
} offers[] = {
	{ { .hops = 9, .flags = HIT_RELAY }, true },
	{ { .hops = 1 }, true },
	{ { .hops = 1, .flags = HIT_RELAY }, false },
	{ { .hops = 1, .flags = HIT_RELAY, .named = PICK_COMES - 1, .contact = NOW }, false },
	{ { .hops = 2, .flags = HIT_RELAY }, false },
	{ { .hops = 1, .flags = HIT_RELAY, .named = PICK_COMES, .contact = NOW }, false },
	{ { .hops = 5, .flags = HIT_RELAY }, false },
	{ { .hops = 1, .named = 100 }, false },
	{ { .hops = 1, .contact = NOW - 9 }, false },
	{ { .hops = 1, .contact = NOW }, false },
	{ { .hops = 2 }, false },
	{ { .hops = 1, .flags = HIT_RELAY, .gone_at = NOW }, true },
	{ { .hops = 1, .flags = HIT_RELAY, .gone_at = NOW }, false },
};

START_TEST(order_of_offers)
{
	for (size_t a = 0; a < NELEM(offers); a++)
		for (size_t b = 0; b < NELEM(offers); b++)
			ck_assert_msg(pick_offer_before(&offers[a].h, offers[a].lan, &offers[b].h, offers[b].lan) == (a < b),
				"%zu %zu", a, b);
}
END_TEST

/* --- who goes ------------------------------------------------------------------------------------------- */

#define ST_ .ex_prefix = { 'S', 'T' }, .ex_number = 711
#define OPEN .rhost = { { .port = 7144 } }

static const struct {
	const char *name;
	struct hit h;
	int useless;
} useless_rows[] = {
	{ "free, with relays", { OPEN, .flags = HIT_RELAY, .relays = 2 }, 0 },
	{ "free, none yet", { OPEN, .flags = HIT_RELAY }, 0 },
	{ "full", { OPEN, .relays = 1 }, 0 },
	{ "takes a slot, passes nothing on", { OPEN, .relays = 0 }, 2 },
	{ "with many players", { OPEN, .listeners = 50 }, 2 },
	{ "firewalled, but it comes when called", { .flags = HIT_RELAY | HIT_PUSH }, 0 },
	{ "firewalled, and does not come", { ST_, .flags = HIT_RELAY | HIT_PUSH }, 3 },
	{ "the same, full", { ST_, .flags = HIT_PUSH }, 3 },
	{ "the same, with relays in its network", { ST_, .flags = HIT_PUSH, .relays = 1 }, 1 },
	{ "reachable", { OPEN, ST_, .flags = HIT_RELAY }, 0 },
};

START_TEST(useless)
{
	ck_assert_msg(pick_uselessness(&useless_rows[_i].h) == useless_rows[_i].useless, "%s", useless_rows[_i].name);
}
END_TEST

/* The first to go first. */
static const struct hit leave[] = {
	{ ST_, .listeners = 0, .uptime_s = 5 },
	{ ST_, .listeners = 0, .uptime_s = 9 },
	{ ST_, .listeners = 2, .uptime_s = 5 },
	{ OPEN, .listeners = 0, .uptime_s = 5 },
	{ OPEN, .listeners = 1, .uptime_s = 1 },
	{ ST_, .relays = 1, .listeners = 0 },
};

START_TEST(order_of_leaving)
{
	for (size_t a = 0; a < NELEM(leave); a++)
		for (size_t b = 0; b < NELEM(leave); b++)
			ck_assert_msg(pick_goes_before(&leave[a], &leave[b]) == (a < b), "%zu %zu", a, b);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/chan/pick");
	TCase *t = tcase_create("pick");

	tcase_add_loop_test(t, near, 0, NELEM(near_rows));
	tcase_add_loop_test(t, pairs, 0, NELEM(pair_rows));
	tcase_add_loop_test(t, addresses, 0, NELEM(address_rows));
	tcase_add_loop_test(t, fits, 0, NELEM(fit_rows));
	tcase_add_test(t, order_of_picks);
	tcase_add_test(t, order_of_offers);
	tcase_add_loop_test(t, useless, 0, NELEM(useless_rows));
	tcase_add_test(t, order_of_leaving);
	suite_add_tcase(s, t);
	return s;
}
