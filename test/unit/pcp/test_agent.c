/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/agent.h"

#include "core/sys/cc.h"
#include "pcp/pcp.h"
#include "test/unit/unit.h"

/* pcp.md 6.7 */
static const struct {
	const char *agent;
	enum agentverdict verdict;
} row[] = {
	{ PCP_AGENT, AGENT_SUPPORTED },
	{ "PeerCastStation/2.8.0", AGENT_SUPPORTED },
	{ "PeerCastStation/2.8.0.0", AGENT_SUPPORTED },
	{ "PeerCastStation/2.10", AGENT_SUPPORTED },
	{ "PeerCastStation/5.1.0", AGENT_SUPPORTED },
	{ "PeerCastStation/2.7.9", AGENT_UNSUPPORTED },
	{ "PeerCastStation/1.9.9", AGENT_UNSUPPORTED },
	{ "PeerCastStation/2", AGENT_UNSUPPORTED },
	{ "PeerCastStation/", AGENT_UNKNOWN },
	{ "PeerCastStation", AGENT_UNKNOWN },
	{ "PeerCast/0.1218 (YT14)", AGENT_UNSUPPORTED },
	{ "PeerCast/0.1218 (YT15)", AGENT_SUPPORTED },
	{ "PeerCast/0.1218 (YT50)", AGENT_SUPPORTED },
	{ "PeerCast/0.1218 (YT)", AGENT_UNKNOWN },
	{ "PeerCast/0.1218 (YT4294967295)", AGENT_SUPPORTED },
	{ "PeerCast/0.1218 (YT99999999999999999999)", AGENT_SUPPORTED },
	{ "PeerCast/0.1218(IM51)", AGENT_UNSUPPORTED },
	{ "PeerCast/0.1218(IM0051)", AGENT_UNSUPPORTED },
	{ "PeerCast/0.1218(IM52)", AGENT_SUPPORTED },
	{ "PeerCast/0.1218(VP27)", AGENT_UNSUPPORTED },
	{ "PeerCast/0.1218(VP28)", AGENT_SUPPORTED },
	{ "PeerCast/0.1218", AGENT_UNSUPPORTED },
	{ "PeerCast/0.1218-J", AGENT_UNSUPPORTED },
	{ "PeerCast/0.1218-JX", AGENT_UNKNOWN },
	{ "PeerCast/0.1219", AGENT_UNKNOWN },
	{ "peercast-mi/1.0", AGENT_UNKNOWN },
	{ "", AGENT_UNKNOWN },
};

START_TEST(verdicts)
{
	ck_assert_msg(agent_check(row[_i].agent) == row[_i].verdict, "%s", row[_i].agent);
}
END_TEST

START_TEST(ex_text)
{
	char dst[AGENT_EX_STRLEN];

	ck_assert_str_eq(agent_ex_str("YT", 50, dst), "YT50");
	ck_assert_str_eq(agent_ex_str("SV", UINT16_MAX, dst), "SV65535");
	ck_assert_str_eq(agent_ex_str("YT", 0, dst), "");
	ck_assert_str_eq(agent_ex_str("\0\0", 3, dst), "");
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("agent");
	TCase *t = tcase_create("agent");

	tcase_add_loop_test(t, verdicts, 0, NELEM(row));
	tcase_add_test(t, ex_text);
	suite_add_tcase(s, t);
	return s;
}
