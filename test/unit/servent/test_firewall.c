/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/firewall.h"

#include "test/unit/servent/servtest.h"
#include "test/unit/unit.h"

#define S NSEC_PER_SEC

/* When to ask the YP again. The state is since 100 s, the last check, if any, was at 200 s. */
static const struct {
	const char *name;
	bool wanted, forced, disabled;
	enum firewall fw;
	enum fwwhy why;
	nsec tried;
	uint32_t fails;
	nsec want;
} due_rows[] = {
	{ "never tried", true, false, false, FW_UNKNOWN, FWWHY_START, 0, 0, 0 },
	{ "nobody needs it", false, false, false, FW_UNKNOWN, FWWHY_START, 0, 0, NSEC_NEVER },
	{ "forced", true, true, false, FW_OPEN, FWWHY_FORCE_NORMAL, 0, 0, NSEC_NEVER },
	{ "forced shut", true, true, false, FW_CLOSED, FWWHY_FORCE_FIREWALLED, 0, 0, NSEC_NEVER },
	{ "open", true, false, false, FW_OPEN, FWWHY_YP, 0, 0, NSEC_NEVER },
	{ "closed", true, false, false, FW_CLOSED, FWWHY_YP, 0, 0, 1900 * S },
	{ "closed, long tried", true, false, false, FW_CLOSED, FWWHY_TRACKER, 200 * S, 0, 1900 * S },
	{ "closed, not needed", false, false, false, FW_CLOSED, FWWHY_YP, 0, 0, NSEC_NEVER },
	{ "seen by a LAN", true, false, false, FW_CLOSED, FWWHY_NOT_GLOBAL, 0, 0, 0 },
	{ "seen by a LAN, tried", true, false, false, FW_CLOSED, FWWHY_NOT_GLOBAL, 200 * S, 0, 800 * S },
	{ "another address", true, false, false, FW_UNKNOWN, FWWHY_ADDRESS, 200 * S, 7, 220 * S },
	{ "no answer", true, false, false, FW_UNKNOWN, FWWHY_NO_ANSWER, 200 * S, 0, 220 * S },
	{ "no second answer", true, false, false, FW_UNKNOWN, FWWHY_NO_ANSWER, 200 * S, 1, 240 * S },
	{ "no sixth answer", true, false, false, FW_UNKNOWN, FWWHY_NO_ANSWER, 200 * S, 5, 800 * S },
	{ "never an answer", true, false, false, FW_UNKNOWN, FWWHY_NO_ANSWER, 200 * S, UINT32_MAX, 800 * S },
	{ "disabled", true, false, true, FW_OPEN, FWWHY_YP, 200 * S, 0, 800 * S },
	{ "disabled and forced", true, true, true, FW_OPEN, FWWHY_FORCE_NORMAL, 200 * S, 0, 800 * S },
	{ "disabled and idle", false, false, true, FW_OPEN, FWWHY_YP, 200 * S, 0, NSEC_NEVER },
	{ "a YP of the other family", true, false, false, FW_UNKNOWN, FWWHY_NO_FAMILY, 200 * S, 0, 2000 * S },
};

START_TEST(due)
{
	const struct fwneed n = {
		.wanted = due_rows[_i].wanted, .forced = due_rows[_i].forced,
		.disabled = due_rows[_i].disabled, .fw = due_rows[_i].fw, .why = due_rows[_i].why,
		.since = 100 * S, .tried = due_rows[_i].tried, .fails = due_rows[_i].fails,
	};
	const nsec got = firewall_due(&n);

	ck_assert_msg(got == due_rows[_i].want, "%s: %lld s", due_rows[_i].name, (long long)(got / S));
}
END_TEST

/* What needs no YP is answered at once. */
START_TEST(asked_in_vain)
{
	static const char *const forced[] = { "rootHost", "", "forceFirewalled", "Yes", NULL };
	static const char *const alone[] = { "rootHost", "", NULL };
	struct app a;
	struct own own;

	app_make(&a, forced);
	firewall_ask(&a.node, true, true);
	servmgr_own(a.node.sm, &own);
	ck_assert(own.fw[0] == FW_CLOSED && own.fw_why[0] == FWWHY_FORCE_FIREWALLED);
	ck_assert(!firewall_is_checking(&a));
	app_drop(&a);

	app_make(&a, alone);
	(void)servmgr_set_firewall(a.node.sm, true, FW_OPEN, FWWHY_TRACKER);
	firewall_ask(&a.node, true, true);
	servmgr_own(a.node.sm, &own);
	ck_assert(own.fw[0] == FW_UNKNOWN && own.fw_why[0] == FWWHY_NO_YP);
	ck_assert(own.fw[1] == FW_OPEN && own.fw_why[1] == FWWHY_TRACKER);      /* still true */
	ck_assert(!firewall_is_checking(&a));
	app_drop(&a);
}
END_TEST

START_TEST(one_line)
{
	struct app a;

	app_make(&a, NULL);
	ck_assert(yp_line_take(&a));
	ck_assert(!yp_line_take(&a));
	yp_line_drop(&a);
	ck_assert(yp_line_take(&a));
	ck_assert(firewall_ping_take(&a, false));
	ck_assert(!firewall_ping_take(&a, false));
	ck_assert(firewall_ping_take(&a, true));
	firewall_ping_drop(&a, false);
	ck_assert(!firewall_ping_take(&a, true));
	ck_assert(firewall_ping_take(&a, false));
	app_lock(&a);
	a.yp_busy = false;
	a.stopping = true;
	app_unlock(&a);
	ck_assert(!yp_line_take(&a));
	app_drop(&a);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/firewall");
	TCase *t = tcase_create("firewall");

	tcase_add_loop_test(t, due, 0, NELEM(due_rows));
	tcase_add_test(t, asked_in_vain);
	tcase_add_test(t, one_line);
	suite_add_tcase(s, t);
	return s;
}
