/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/portmap.h"

#include <string.h>

#include "core/sys/cc.h"
#include "test/unit/unit.h"

#define S NSEC_PER_SEC

static const struct portmap hour = { .state = PORTMAP_OPEN, .port = 7144, .lease_s = 3600 };
static const struct portmap forever = { .state = PORTMAP_OPEN, .port = 7144 };
static const struct portmap moment = { .state = PORTMAP_OPEN, .port = 7144, .lease_s = 1 };
static const struct portmap brief = { .state = PORTMAP_OPEN, .port = 7144, .lease_s = 24 };

/* It is 1000 s. */
static const struct {
	const char *name;
	struct portmap_need n;
	enum portmap_act act;
	nsec at;
} plans[] = {
	{ "not wanted", { .port = 7144 }, PORTMAP_REST, NSEC_NEVER },
	{ "no port yet", { .wanted = true }, PORTMAP_REST, NSEC_NEVER },
	{ "new", { .wanted = true, .port = 7144 }, PORTMAP_TRY, NSEC_NEVER },
	{ "fresh", { .wanted = true, .port = 7144, .held = &hour, .renewed = 990 * S, .looked = 990 * S },
	  PORTMAP_REST, 1050 * S },
	{ "to be looked at", { .wanted = true, .port = 7144, .held = &hour, .renewed = 900 * S, .looked = 940 * S },
	  PORTMAP_LOOK, 1000 * S },
	{ "half its life", { .wanted = true, .port = 7144, .held = &hour, .renewed = -800 * S, .looked = 990 * S },
	  PORTMAP_RENEW, 1000 * S },
	{ "both", { .wanted = true, .port = 7144, .held = &hour, .renewed = -900 * S, .looked = 0 },
	  PORTMAP_RENEW, 60 * S },
	{ "a short life", { .wanted = true, .port = 7144, .held = &brief, .renewed = 995 * S, .looked = 995 * S },
	  PORTMAP_REST, 1007 * S },
	{ "a moment", { .wanted = true, .port = 7144, .held = &moment, .renewed = 995 * S, .looked = 995 * S },
	  PORTMAP_REST, 1005 * S },
	{ "for ever", { .wanted = true, .port = 7144, .held = &forever, .renewed = -99999 * S, .looked = 990 * S },
	  PORTMAP_REST, 1050 * S },
	{ "switched off", { .port = 7144, .held = &hour, .renewed = 990 * S, .looked = 990 * S },
	  PORTMAP_DROP, NSEC_NEVER },
	{ "another port", { .wanted = true, .port = 7145, .held = &hour, .renewed = 990 * S, .looked = 990 * S },
	  PORTMAP_DROP, NSEC_NEVER },
	{ "another network", { .wanted = true, .port = 7144, .moved = true, .held = &hour, .renewed = 990 * S,
	  .looked = 990 * S }, PORTMAP_DROP, NSEC_NEVER },
	{ "moved without any", { .wanted = true, .port = 7144, .moved = true, .tried = 995 * S, .fails = 1,
	  .why = PMWHY_NO_ANSWER }, PORTMAP_REST, 1005 * S },
	{ "a second time", { .wanted = true, .port = 7144, .tried = 990 * S, .fails = 1, .why = PMWHY_SILENT },
	  PORTMAP_TRY, 1000 * S },
	{ "a third time", { .wanted = true, .port = 7144, .tried = 990 * S, .fails = 2, .why = PMWHY_SILENT },
	  PORTMAP_REST, 1010 * S },
	{ "without end", { .wanted = true, .port = 7144, .tried = 990 * S, .fails = UINT32_MAX,
	  .why = PMWHY_NO_ANSWER }, PORTMAP_REST, 1590 * S },
	{ "taken", { .wanted = true, .port = 7144, .tried = 990 * S, .fails = 1, .why = PMWHY_TAKEN },
	  PORTMAP_REST, 1290 * S },
	{ "lied to", { .wanted = true, .port = 7144, .tried = 700 * S, .fails = 9, .why = PMWHY_LIE },
	  PORTMAP_TRY, 1000 * S },
	{ "no library", { .wanted = true, .port = 7144, .tried = 990 * S, .fails = 1, .why = PMWHY_NO_LIBRARY },
	  PORTMAP_REST, 1590 * S },
	{ "not needed", { .wanted = true, .port = 7144, .tried = 990 * S, .fails = 1, .why = PMWHY_NOT_NEEDED },
	  PORTMAP_REST, 1590 * S },
	{ "no IPv4", { .wanted = true, .port = 7144, .tried = 990 * S, .fails = 1, .why = PMWHY_NO_IPV4 },
	  PORTMAP_REST, 1590 * S },
	{ "no longer needed", { .port = 7144, .tried = 10 * S, .fails = 1, .why = PMWHY_TAKEN },
	  PORTMAP_REST, NSEC_NEVER },
};

START_TEST(plan)
{
	nsec at;
	const enum portmap_act got = portmap_plan(&plans[_i].n, 1000 * S, &at);

	ck_assert_msg(got == plans[_i].act, "%s: %d", plans[_i].name, got);
	ck_assert_msg(at == plans[_i].at, "%s: %lld s", plans[_i].name, (long long)(at / S));
}
END_TEST

static const struct {
	const char *name;
	bool there, enabled, named;
	const char *to;
	enum portmap_why before, after;  /* we asked */
} entries[] = {
	{ "ours", true, true, true, "192.168.1.2:7144", PMWHY_OK, PMWHY_OK },
	{ "by hand", true, true, false, "192.168.1.2:7144", PMWHY_OK, PMWHY_OK },
	{ "none", false, true, false, "192.168.1.2:7144", PMWHY_STARTED, PMWHY_LIE },
	{ "ours, switched off", true, false, true, "192.168.1.2:7144", PMWHY_STARTED, PMWHY_LIE },
	{ "by hand, switched off", true, false, false, "192.168.1.2:7144", PMWHY_TAKEN, PMWHY_LIE },
	{ "ours, another port of ours", true, true, true, "192.168.1.2:80", PMWHY_STARTED, PMWHY_LIE },
	{ "by hand, another port of ours", true, true, false, "192.168.1.2:80", PMWHY_TAKEN, PMWHY_LIE },
	{ "another machine's", true, true, true, "192.168.1.7:7144", PMWHY_TAKEN, PMWHY_TAKEN },
	{ "another machine's, switched off", true, false, false, "192.168.1.7:7144", PMWHY_TAKEN, PMWHY_TAKEN },
};

START_TEST(entry)
{
	struct portmap_entry e = {
		.there = entries[_i].there, .enabled = entries[_i].enabled, .named = entries[_i].named,
	};
	const struct host us = host_v4(192, 168, 1, 2, 7144);

	ck_assert(host_parse(&e.to, entries[_i].to, 0));
	ck_assert_msg(portmap_judge_before(&e, &us) == entries[_i].before, "%s", entries[_i].name);
	ck_assert_msg(portmap_judge_entry(&e, &us) == entries[_i].after, "%s", entries[_i].name);
}
END_TEST

static const struct {
	uint32_t asked, shown, want;
} leases[] = {
	{ 3600, 0, 3600 }, { 3600, 120, 120 }, { 3600, 604800, 3600 }, { 0, 0, 0 }, { 0, 604800, 604800 },
};

START_TEST(lease)
{
	ck_assert_uint_eq(portmap_lease(leases[_i].asked, leases[_i].shown), leases[_i].want);
}
END_TEST

static const struct {
	const char *ip;
	enum portmap_why want;
} outsides[] = {
	{ "203.0.113.5", PMWHY_OK }, { "0.0.0.0", PMWHY_NO_WAN }, { "192.168.0.2", PMWHY_DOUBLE },
	{ "10.1.2.3", PMWHY_DOUBLE }, { "172.31.255.1", PMWHY_DOUBLE }, { "172.32.0.1", PMWHY_OK },
	{ "100.64.0.1", PMWHY_DOUBLE }, { "100.127.255.255", PMWHY_DOUBLE }, { "100.128.0.1", PMWHY_OK },
	{ "127.0.0.1", PMWHY_DOUBLE }, { "169.254.3.4", PMWHY_DOUBLE }, { "224.0.0.1", PMWHY_DOUBLE },
	{ "255.255.255.255", PMWHY_DOUBLE },
};

START_TEST(outside)
{
	struct host h;

	ck_assert(host_parse(&h, outsides[_i].ip, 0));
	ck_assert_msg(portmap_judge_outside(&h) == outsides[_i].want, "%s", outsides[_i].ip);
}
END_TEST

/* Every reason has a word of its own and a sentence, and the longest of everything fits. */
START_TEST(words)
{
	char text[PORTMAP_TEXT];

	for (int i = 0; i < PMWHYS; i++) {
		struct portmap m = { .why = (enum portmap_why)i };

		ck_assert(portmap_why_code(m.why)[0] != '\0');
		ck_assert(strlen(portmap_text(&m, text)) > 10);
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(portmap_why_code(m.why), portmap_why_code((enum portmap_why)j));
		memset(m.detail, 'x', sizeof(m.detail) - 1);
		m.holder = m.outside = host_v4(255, 255, 255, 255, 0);
		(void)portmap_text(&m, text);
		ck_assert_msg(text[strlen(text) - 1] == ')', "%s", text);       /* not cut */
	}
}
END_TEST

START_TEST(told)
{
	struct portmap m = { .why = PMWHY_TAKEN, .holder = host_v4(192, 168, 1, 7, 7144), .detail = "718 Conflict" };
	char text[PORTMAP_TEXT];

	ck_assert_str_eq(portmap_text(&m, text),
		"the router leads the port to another machine: 192.168.1.7 (718 Conflict)");
	m.inside = m.holder;
	m.holder.port = 80;
	ck_assert_str_eq(portmap_text(&m, text),
		"somebody's own entry in the router has the port: it leads to 192.168.1.7:80 or is switched off");
	m = (struct portmap){ .why = PMWHY_DOUBLE, .outside = host_v4(100, 64, 1, 2, 7144) };
	ck_assert_str_eq(portmap_text(&m, text), "the router leads the port to us, but is itself behind another "
		"router or the provider's: its address outside is 100.64.1.2");
}
END_TEST

/* What is shown: changes are told of once, and the moment is that of state and reason. */
START_TEST(shown)
{
	struct portmap m = { .state = PORTMAP_TRYING, .why = PMWHY_STARTED, .port = 7144 }, got;
	struct portmap_counts c;
	struct portmaps p;

	portmaps_init(&p);
	portmaps_get(&p, &got, NULL);
	ck_assert(got.state == PORTMAP_OFF && got.why == PMWHY_OFF);
	ck_assert(portmaps_set(&p, &m, 10 * S));
	ck_assert(!portmaps_set(&p, &m, 20 * S));
	m.state = PORTMAP_OPEN;
	m.why = PMWHY_OK;
	m.lease_s = 3600;
	ck_assert(portmaps_set(&p, &m, 30 * S));
	m.lease_s = 1800;
	ck_assert(!portmaps_set(&p, &m, 40 * S));
	m.outside = host_v4(203, 0, 113, 9, 7144);
	ck_assert(portmaps_set(&p, &m, 50 * S));
	portmaps_count(&p, false, false);
	portmaps_count(&p, true, false);
	portmaps_count(&p, false, true);
	portmaps_get(&p, &got, &c);
	ck_assert(got.since == 30 * S && got.lease_s == 1800 && host_equal(&got.outside, &m.outside));
	ck_assert(c.tried == 2 && c.failed == 1 && c.lost == 1);
	portmaps_fini(&p);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("portmap");
	TCase *t = tcase_create("all");

	tcase_add_loop_test(t, plan, 0, NELEM(plans));
	tcase_add_loop_test(t, entry, 0, NELEM(entries));
	tcase_add_loop_test(t, lease, 0, NELEM(leases));
	tcase_add_loop_test(t, outside, 0, NELEM(outsides));
	tcase_add_test(t, words);
	tcase_add_test(t, told);
	tcase_add_test(t, shown);
	suite_add_tcase(s, t);
	return s;
}
