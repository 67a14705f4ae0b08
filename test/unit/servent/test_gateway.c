/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/gateway.h"

#include <endian.h>
#include <string.h>

#include "core/sys/cc.h"
#include "test/unit/unit.h"

#define HEAD "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define R1 "0101A8C0"           /* 192.168.1.1 */
#define R2 "fe02000A"           /* 10.0.2.254 */
#else
#define R1 "C0A80101"
#define R2 "0A0002fe"
#endif
#define VIA(router, metric) "eth0\t00000000\t" router "\t0003\t0\t0\t" metric "\t00000000\t0\t0\t0\n"

static const struct {
	const char *name, *text;
	const char *want[GATEWAYS_MAX];
} rows[] = {
	{ "one", HEAD VIA(R1, "0") "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", { "192.168.1.1" } },
	{ "the better one first", HEAD VIA(R1, "600") VIA(R2, "100"), { "10.0.2.254", "192.168.1.1" } },
	{ "the same twice", HEAD VIA(R1, "600") VIA(R1, "100"), { "192.168.1.1" } },
	{ "four at most", VIA("01000001", "5") VIA("01000002", "4") VIA("01000003", "3") VIA("01000004", "2")
		VIA("01000005", "1"), { "", "", "", "" } },
	{ "none", HEAD, { NULL } },
	{ "empty", "", { NULL } },
	{ "no line end", "eth0\t00000000\t" R1 "\t0003\t0\t0\t0\t00000000", { "192.168.1.1" } },
	{ "of a tunnel, without a gateway", "tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\n", { NULL } },
	{ "down", "eth0\t00000000\t" R1 "\t0002\t0\t0\t0\t00000000\n", { NULL } },
	{ "to a network", "eth0\t0000000A\t" R1 "\t0003\t0\t0\t0\t000000FF\n", { NULL } },
	{ "half of everything", "eth0\t00000000\t" R1 "\t0003\t0\t0\t0\t00000080\n", { NULL } },
	{ "refused", "*\t00000000\t00000000\t0200\t0\t0\t0\t00000000\n", { NULL } },
	{ "cut off", "eth0\t00000000\t" R1 "\t0003\t0\t0", { NULL } },
	{ "no number", "eth0\t00000000\t" R1 "\t0003\t0\t0\t-1\t00000000\n", { NULL } },
	{ "too long a number", "eth0\t00000000\t" R1 "\t0003\t0\t0\t99999999999\t00000000\n", { NULL } },
	{ "no address", "eth0\t00000000\tnonsense\t0003\t0\t0\t0\t00000000\n", { NULL } },
};

START_TEST(parse)
{
	struct gateway g[GATEWAYS_MAX];
	const size_t n = gateway_parse(rows[_i].text, strlen(rows[_i].text), g);
	char ip[HOST_STRLEN];

	for (size_t i = 0; i < GATEWAYS_MAX; i++) {
		ck_assert_msg((i < n) == (rows[_i].want[i] != NULL), "%s: %zu", rows[_i].name, n);
		if (i < n && rows[_i].want[i][0] != '\0')
			ck_assert_str_eq(host_ip_str(&g[i].router, ip), rows[_i].want[i]);
	}
}
END_TEST

/* Of five routes the worst is the one that is left out. */
START_TEST(best)
{
	struct gateway g[GATEWAYS_MAX];
	struct host left;
	const char *text = rows[3].text;

	ck_assert_uint_eq(gateway_parse(text, strlen(text), g), GATEWAYS_MAX);
	ck_assert_uint_eq(gateway_parse(VIA("01000001", "5"), strlen(VIA("01000001", "5")), &g[0]), 1);
	left = g[0].router;
	ck_assert_uint_eq(gateway_parse(text, strlen(text), g), GATEWAYS_MAX);
	for (size_t i = 0; i < GATEWAYS_MAX; i++)
		ck_assert(!host_same_ip(&g[i].router, &left));
}
END_TEST

/* Whatever this machine has: each can be reached from an address of ours. */
START_TEST(list)
{
	struct gateway g[GATEWAYS_MAX];

	for (size_t i = gateway_list(g); i > 0; i--)
		ck_assert(host_is_set(&g[i - 1].router) && host_is_set(&g[i - 1].local));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("gateway");
	TCase *t = tcase_create("all");

	tcase_add_loop_test(t, parse, 0, NELEM(rows));
	tcase_add_test(t, best);
	tcase_add_test(t, list);
	suite_add_tcase(s, t);
	return s;
}
