/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: clk_now */
#include "core/node/own.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf/settings.h"
#include "core/node/servmgr.h"
#include "test/unit/unit.h"

#define S NSEC_PER_SEC

static struct servmgr *sm;
static nsec now = 1000 * S;

nsec __wrap_clk_now(void);
nsec __wrap_clk_now(void)
{
	return now;
}

static void setup(void)
{
	sm = servmgr_new();
	ck_assert_ptr_nonnull(sm);
	ck_assert(servmgr_set_port(sm, 7144));
}

static void teardown(void)
{
	servmgr_free(&sm);
}

static struct host host(const char *s)
{
	struct host h = { .port = 0 };

	if (*s != '\0')
		ck_assert_msg(host_parse(&h, s, 0), "%s", s);
	return h;
}

static bool learn(const char *s)
{
	const struct host h = host(s);

	return servmgr_learn_address(sm, &h);
}

/* "a b c": addresses of interfaces; one with a "*" behind it is where packets leave from. */
static bool interfaces(const char *text)
{
	struct host list[80], route[2] = { { .port = 0 }, { .port = 0 } };
	char copy[4096], *save = NULL;
	size_t n = 0;

	ck_assert_uint_lt(strlen(text), sizeof(copy));
	memcpy(copy, text, strlen(text) + 1);
	for (char *s = strtok_r(copy, " ", &save); s != NULL; s = strtok_r(NULL, " ", &save)) {
		const size_t len = strlen(s);
		const bool lead = s[len - 1] == '*';

		if (lead)
			s[len - 1] = '\0';
		ck_assert_uint_lt(n, NELEM(list));
		list[n] = host(s);
		if (lead)
			route[!host_is_v4(&list[n])] = list[n];
		n++;
	}
	return servmgr_set_interfaces(sm, list, n, route);
}

static bool force(const char *v4, const char *v6)
{
	const struct host pair[2] = { host(v4), host(v6) };

	return servmgr_force_address(sm, pair);
}

static void assert_ip(const struct host *h, const char *want, const char *what)
{
	char text[HOST_STRLEN];

	ck_assert_msg(strcmp(host_ip_str(h, text), want) == 0, "%s: %s, not %s", what, text, want);
}

/* --- addresses -------------------------------------------------------------------------------- */

/* One after the other: what a peer tells; "#" all interfaces; "!" forceIP (IPv4). */
static const struct { const char *learn; bool changed; const char *global, *local; } v4_rows[] = {
	{ "",                true,  "127.0.0.1", "127.0.0.1" },         /* the port came */
	{ "#",               false, "127.0.0.1", "127.0.0.1" },
	{ "#169.254.1.1",    false, "127.0.0.1", "127.0.0.1" },
	{ "#192.168.1.5",    true,  "192.168.1.5", "192.168.1.5" },
	{ "#192.168.1.5 10.0.0.1", true, "10.0.0.1", "10.0.0.1" },
	{ "#10.0.0.1 192.168.1.5", false, "10.0.0.1", "10.0.0.1" },     /* both are known */
	{ "192.168.1.5",     true,  "192.168.1.5", "192.168.1.5" },
	{ "203.0.113.1",     true,  "203.0.113.1", "192.168.1.5" },
	{ "203.0.113.1",     false, "203.0.113.1", "192.168.1.5" },
	{ "198.51.100.2",    true,  "198.51.100.2", "192.168.1.5" },
	{ "203.0.113.1",     true,  "203.0.113.1", "192.168.1.5" },     /* back to an earlier one */
	{ "#127.0.0.5 192.168.1.5", false, "203.0.113.1", "192.168.1.5" },
	{ "224.0.0.9",       false, "203.0.113.1", "192.168.1.5" },
	{ "#10.0.0.7",       true,  "203.0.113.1", "10.0.0.7" },        /* the interface has moved */
	{ "!10.9.9.9",       true,  "10.9.9.9", "10.0.0.7" },
	{ "198.51.100.7",    false, "10.9.9.9", "10.0.0.7" },
	{ "!10.9.9.10",      true,  "10.9.9.10", "10.0.0.7" },
	{ "!",               true,  "198.51.100.7", "10.0.0.7" },
	{ "100.64.3.4",      true,  "198.51.100.7", "100.64.3.4" },     /* not global, ours */
	/* where the way out is known, other interfaces do not count as news */
	{ "#10.0.0.7* 172.17.0.1", true, "198.51.100.7", "10.0.0.7" },
	{ "#172.17.0.1 10.0.0.7* 172.18.0.1 192.0.2.3", false, "198.51.100.7", "10.0.0.7" },
	{ "#172.17.0.1* 10.0.0.7", true, "198.51.100.7", "172.17.0.1" },
	{ "#172.17.0.1 10.0.0.7*", true, "198.51.100.7", "10.0.0.7" },
	{ "#192.0.2.3* 10.0.0.7", true, "192.0.2.3", "10.0.0.7" },
	{ "198.51.100.7",    true,  "198.51.100.7", "10.0.0.7" },       /* behind a router, then */
	{ "#192.0.2.3* 10.0.0.7", false, "198.51.100.7", "10.0.0.7" },
	{ "#",               true,  "198.51.100.7", "100.64.3.4" },
};

START_TEST(addresses)
{
	struct own own;

	for (size_t i = 0; i < NELEM(v4_rows); i++) {
		const char *s = v4_rows[i].learn;
		const bool changed = i == 0 ? true : *s == '#' ? interfaces(s + 1) :
			*s == '!' ? force(s + 1, "") : learn(s);

		ck_assert_msg(changed == v4_rows[i].changed, "%zu %s", i, s);
		servmgr_own(sm, &own);
		assert_ip(&own.global[0], v4_rows[i].global, s);
		assert_ip(&own.local[0], v4_rows[i].local, s);
		ck_assert(own.global[0].port == 7144 && own.local[0].port == 7144);
		assert_ip(&own.global[1], "::1", s);
	}
	ck_assert(gnuid_equal(&own.sid, servmgr_sid(sm)) && gnuid_is_set(&own.sid) && own.sid.b[0] == 0);
}
END_TEST

START_TEST(addresses_v6)
{
	static const struct { const char *learn, *global, *local; } rows[] = {
		{ "fe80::1", "::1", "::1" },
		{ "fe80::1 fd00::1", "fd00::1", "fd00::1" },
		{ "2001:db8::7 fd00::1", "2001:db8::7", "fd00::1" },
		{ "2001:db8::7* 2001:db8::8 fd00::1", "2001:db8::7", "fd00::1" },
		{ "2001:db8::7 2001:db8::8* fd00::1 fd00::2", "2001:db8::8", "fd00::1" },
		{ "ff02::1 fd00::2", "fd00::2", "fd00::2" },
	};
	struct own own;

	for (size_t i = 0; i < NELEM(rows); i++) {
		(void)interfaces(rows[i].learn);
		servmgr_own(sm, &own);
		assert_ip(&own.global[1], rows[i].global, rows[i].learn);
		assert_ip(&own.local[1], rows[i].local, rows[i].learn);
		assert_ip(&own.global[0], "127.0.0.1", rows[i].learn);
	}
	ck_assert(force("", "2001:db8::9"));
	servmgr_own(sm, &own);
	assert_ip(&own.global[1], "2001:db8::9", "forced");
	ck_assert(own.ip_forced[1] && !own.ip_forced[0]);
	ck_assert(force("203.0.113.9", ""));
	servmgr_own(sm, &own);
	assert_ip(&own.global[1], "fd00::2", "no longer forced");
	assert_ip(&own.global[0], "203.0.113.9", "forced");
}
END_TEST

/* What peers tell us never pushes out an interface, and never makes anybody local. */
START_TEST(local_and_self)
{
	char many[300 * 16] = "192.168.1.5";
	struct host h;

	(void)learn("203.0.113.1");
	for (unsigned i = 0; i < 70; i++)
		(void)snprintf(many + strlen(many), sizeof(many) - strlen(many), " 10.0.0.%u", i);
	(void)interfaces(many);
	for (unsigned i = 0; i < 500; i++) {
		h = host_v4(198, 0, (uint8_t)(i >> 8), (uint8_t)i, 0);
		(void)servmgr_learn_address(sm, &h);
	}
	(void)learn("203.0.113.1");
	static const struct { const char *h; bool local, self; } rows[] = {
		{ "127.0.0.1:7144", true, true },
		{ "127.0.0.1:7145", true, false },
		{ "127.0.0.9:7144", true, false },
		{ "[::1]:7144", true, true },
		{ "192.168.1.5:7144", true, true },
		{ "192.168.1.5:80", true, false },
		{ "192.168.1.6:7144", false, false },
		{ "10.0.0.9:7144", true, true },
		{ "203.0.113.1:7144", false, true },
		{ "203.0.113.1:7155", false, false },
		{ "203.0.113.2:7144", false, false },
		{ "198.0.1.243:7144", false, true },    /* the newest of the many */
		{ "198.0.0.0:7144", false, false },     /* forgotten */
	};
	for (size_t i = 0; i < NELEM(rows); i++) {
		h = host(rows[i].h);
		ck_assert_msg(servmgr_is_local(sm, &h) == rows[i].local, "%s", rows[i].h);
		ck_assert_msg(servmgr_is_self(sm, &h) == rows[i].self, "%s", rows[i].h);
	}
	(void)force("203.0.113.77", "");
	h = host("203.0.113.77:7144");
	ck_assert(servmgr_is_self(sm, &h) && !servmgr_is_local(sm, &h));
	(void)interfaces("");
	h = host("192.168.1.5:7144");
	ck_assert(!servmgr_is_self(sm, &h) && !servmgr_is_local(sm, &h));       /* it is gone */
}
END_TEST

/* --- the port --------------------------------------------------------------------------------- */

/* One after the other on a node that is set up. v6 stays as it is but for what concerns both. */
enum what { SETTLE, SET, FORCE, PORT, LEARN, IFACES, FORCEIP };

static const struct {
	const char *name;
	enum what what;
	enum firewall f;
	enum fwwhy why;
	const char *text;
	bool changed;
	enum firewall now[2];
	enum fwwhy whys[2];
} fw_rows[] = {
#define ROW(n, what, f, why, text, c, f4, w4, f6, w6) \
	{ n, what, f, why, text, c, { FW_##f4, FW_##f6 }, { FWWHY_##w4, FWWHY_##w6 } }
	ROW("an address before the first test", LEARN, 0, 0, "203.0.113.1", true, UNKNOWN, START, UNKNOWN, START),
	ROW("a handshake", SETTLE, FW_CLOSED, FWWHY_TRACKER, NULL, true, CLOSED, TRACKER, UNKNOWN, START),
	ROW("a second one", SETTLE, FW_OPEN, FWWHY_YP, NULL, false, CLOSED, TRACKER, UNKNOWN, START),
	ROW("a check", SET, FW_OPEN, FWWHY_YP, NULL, true, OPEN, YP, UNKNOWN, START),
	ROW("the same again", SET, FW_OPEN, FWWHY_YP, NULL, false, OPEN, YP, UNKNOWN, START),
	ROW("a better private address", LEARN, 0, 0, "192.168.0.9", true, OPEN, YP, UNKNOWN, START),
	ROW("another address", LEARN, 0, 0, "203.0.113.2", true, UNKNOWN, ADDRESS, UNKNOWN, START),
	ROW("tested", SETTLE, FW_OPEN, FWWHY_YP, NULL, true, OPEN, YP, UNKNOWN, START),
	ROW("the same address", LEARN, 0, 0, "203.0.113.2", false, OPEN, YP, UNKNOWN, START),
	ROW("another network", IFACES, 0, 0, "10.0.0.1", true, UNKNOWN, ADDRESS, UNKNOWN, START),
	ROW("tested", SETTLE, FW_CLOSED, FWWHY_NOT_GLOBAL, NULL, true, CLOSED, NOT_GLOBAL, UNKNOWN, START),
	ROW("forceIP", FORCEIP, 0, 0, "203.0.113.9", true, UNKNOWN, ADDRESS, UNKNOWN, START),
	ROW("asked", SET, FW_UNKNOWN, FWWHY_ASKED, NULL, false, UNKNOWN, ASKED, UNKNOWN, START),
	ROW("no answer", SET, FW_UNKNOWN, FWWHY_NO_ANSWER, NULL, false, UNKNOWN, NO_ANSWER, UNKNOWN, START),
	ROW("nothing is forced", FORCE, 0, FWWHY_START, NULL, false, UNKNOWN, NO_ANSWER, UNKNOWN, START),
	ROW("forceNormal", FORCE, 0, FWWHY_FORCE_NORMAL, NULL, true, OPEN, FORCE_NORMAL, OPEN, FORCE_NORMAL),
	ROW("a test while forced", SET, FW_CLOSED, FWWHY_YP, NULL, false, OPEN, FORCE_NORMAL, OPEN, FORCE_NORMAL),
	ROW("by the way", SETTLE, FW_CLOSED, FWWHY_YP, NULL, false, OPEN, FORCE_NORMAL, OPEN, FORCE_NORMAL),
	ROW("an address", LEARN, 0, 0, "10.1.1.1", true, OPEN, FORCE_NORMAL, OPEN, FORCE_NORMAL),
	ROW("a port", PORT, 0, 0, "7145", true, OPEN, FORCE_NORMAL, OPEN, FORCE_NORMAL),
	ROW("forceFirewalled", FORCE, 0, FWWHY_FORCE_FIREWALLED, NULL, true,
		CLOSED, FORCE_FIREWALLED, CLOSED, FORCE_FIREWALLED),
	ROW("for another reason", FORCE, 0, FWWHY_NOT_SERVING, NULL, false,
		CLOSED, NOT_SERVING, CLOSED, NOT_SERVING),
	ROW("free again", FORCE, 0, FWWHY_START, NULL, true, UNKNOWN, FREED, UNKNOWN, FREED),
	ROW("tested", SETTLE, FW_OPEN, FWWHY_YP, NULL, true, OPEN, YP, UNKNOWN, FREED),
	ROW("the same port", PORT, 0, 0, "7145", false, OPEN, YP, UNKNOWN, FREED),
	ROW("another port", PORT, 0, 0, "7146", true, UNKNOWN, PORT, UNKNOWN, PORT),
};

static bool act(size_t i)
{
	const char *text = fw_rows[i].text;

	switch (fw_rows[i].what) {
	case SETTLE:
		return servmgr_settle_firewall(sm, false, fw_rows[i].f, fw_rows[i].why);
	case SET:
		return servmgr_set_firewall(sm, false, fw_rows[i].f, fw_rows[i].why);
	case FORCE:
		return servmgr_force_firewall(sm, fw_rows[i].why);
	case PORT:
		return servmgr_set_port(sm, (uint16_t)strtoul(text, NULL, 10));
	case LEARN:
		return learn(text);
	case IFACES:
		return interfaces(text);
	case FORCEIP:
		return force(text, "");
	}
	return false;
}

START_TEST(firewall)
{
	struct own own, before;

	servmgr_own(sm, &before);
	ck_assert(before.fw[0] == FW_UNKNOWN && before.fw[1] == FW_UNKNOWN && !before.fw_forced);
	ck_assert(before.fw_since[0] == before.started && before.fw_since[1] == before.started);
	for (size_t i = 0; i < NELEM(fw_rows); i++) {
		now += S;
		ck_assert_msg(act(i) == fw_rows[i].changed, "%zu %s", i, fw_rows[i].name);
		servmgr_own(sm, &own);
		for (int v = 0; v < 2; v++) {
			ck_assert_msg(own.fw[v] == fw_rows[i].now[v], "%zu %s: %s", i, fw_rows[i].name,
				firewall_str(own.fw[v]));
			ck_assert_msg(own.fw_why[v] == fw_rows[i].whys[v], "%zu %s: %s", i, fw_rows[i].name,
				fwwhy_str(own.fw[v], own.fw_why[v]));
			if (own.fw[v] != before.fw[v] || own.fw_why[v] != before.fw_why[v])
				ck_assert_msg(own.fw_since[v] == now, "%zu %s: since", i, fw_rows[i].name);
		}
		before = own;
	}
	ck_assert(servmgr_settle_firewall(sm, true, FW_CLOSED, FWWHY_YP));
	servmgr_own(sm, &own);
	ck_assert(own.fw[0] == FW_UNKNOWN && own.fw[1] == FW_CLOSED);
}
END_TEST

START_TEST(words)
{
	for (int f = FW_UNKNOWN; f <= FW_CLOSED; f++) {
		ck_assert_uint_gt(strlen(firewall_str((enum firewall)f)), 3);
		for (int w = 0; w < FWWHYS; w++)
			ck_assert_uint_gt(strlen(fwwhy_str((enum firewall)f, (enum fwwhy)w)), 3);
	}
	ck_assert_str_eq(fwwhy_str(FW_OPEN, FWWHY_YP), "the yellow page could reach us");
	ck_assert_str_eq(fwwhy_str(FW_CLOSED, FWWHY_YP), "the yellow page could not reach us");
	ck_assert_str_eq(fwwhy_str(FW_CLOSED, FWWHY_TRACKER), "a tracker could not reach us");
}
END_TEST

START_TEST(settings_that_force)
{
	static const struct { const char *kv[6]; enum fwwhy want; } rows[] = {
		{ { NULL }, FWWHY_START },
		{ { "forceNormal", "Yes" }, FWWHY_FORCE_NORMAL },
		{ { "forceFirewalled", "Yes" }, FWWHY_FORCE_FIREWALLED },
		{ { "forceNormal", "Yes", "forceFirewalled", "Yes" }, FWWHY_FORCE_FIREWALLED },
		{ { "autoServe", "No" }, FWWHY_NOT_SERVING },
		{ { "autoServe", "No", "forceNormal", "Yes" }, FWWHY_NOT_SERVING },
		{ { "autoServe", "No", "forceFirewalled", "Yes" }, FWWHY_NOT_SERVING },
	};

	for (size_t i = 0; i < NELEM(rows); i++) {
		struct settings *st = settings_new(false);

		ck_assert_ptr_nonnull(st);
		for (const char *const *kv = rows[i].kv; *kv != NULL; kv += 2)
			ck_assert_int_eq(settings_set(st, kv[0], kv[1], NULL), ST_OK);
		ck_assert_msg(firewall_forced(st) == rows[i].want, "%zu", i);
		settings_free(&st);
	}
}
END_TEST

/* --- turns to the YP -------------------------------------------------------------------------- */

START_TEST(turns)
{
	const char *a = "yp.example:7144", *b = "other.example";
	const nsec start = now;
	nsec at;

	ck_assert(servmgr_take_turn(sm, a, &at));
	ck_assert(!servmgr_take_turn(sm, a, &at) && at == start + 20 * S);
	now = start + 20 * S - 1;
	ck_assert(!servmgr_take_turn(sm, a, &at) && at == start + 20 * S);
	now = start + 20 * S;
	ck_assert(servmgr_take_turn(sm, a, &at));
	now += 1 * S;
	ck_assert(servmgr_take_turn(sm, b, &at));       /* another YP */
	ck_assert(!servmgr_take_turn(sm, b, &at));
	ck_assert(!servmgr_yp_rests(sm, b));
	servmgr_rest_yp(sm, b, now + 600 * S);
	ck_assert(servmgr_yp_rests(sm, b));
	now += 30 * S;
	ck_assert(!servmgr_take_turn(sm, b, &at) && at == now + 570 * S);
	ck_assert(!servmgr_yp_rests(sm, a) && servmgr_yp_rests(sm, b));
	/* many others: the first to go are those that may be turned to anyway */
	for (char name[] = "0.example"; name[0] < '0' + 20; name[0]++)
		ck_assert_msg(servmgr_take_turn(sm, name, &at), "%s", name);
	ck_assert(servmgr_yp_rests(sm, b));
	now += 570 * S;
	ck_assert(!servmgr_yp_rests(sm, b) && servmgr_take_turn(sm, b, &at));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/node/own");
	TCase *t = tcase_create("own");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, addresses);
	tcase_add_test(t, addresses_v6);
	tcase_add_test(t, local_and_self);
	tcase_add_test(t, firewall);
	tcase_add_test(t, words);
	tcase_add_test(t, settings_that_force);
	tcase_add_test(t, turns);
	suite_add_tcase(s, t);
	return s;
}
