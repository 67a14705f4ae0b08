/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: clk_now */
#include "servent/report.h"

#include "pcp/hostatom.h"
#include "test/unit/clock.h"
#include "test/unit/servent/servtest.h"
#include "test/unit/unit.h"

#define S NSEC_PER_SEC

/* sent: 0 = never; due: after it */
static const struct {
	const char *name;
	nsec sent;
	struct report_facts told, now;
	nsec due;
} rows[] = {
	{ "the first", 0, { 0, 0, FW_UNKNOWN }, { 0, 0, FW_UNKNOWN }, 0 },
	{ "the first, changed", 0, { 0, 0, FW_UNKNOWN }, { 1, 0, FW_UNKNOWN }, 0 },
	{ "nothing changed", 1000 * S, { 1, 2, FW_OPEN }, { 1, 2, FW_OPEN }, 1120 * S },
	{ "players", 1000 * S, { 1, 2, FW_OPEN }, { 2, 2, FW_OPEN }, 1010 * S },
	{ "fewer players", 1000 * S, { 1, 2, FW_OPEN }, { 0, 2, FW_OPEN }, 1010 * S },
	{ "relays", 1000 * S, { 1, 2, FW_OPEN }, { 1, 3, FW_OPEN }, 1010 * S },
	{ "firewall", 1000 * S, { 1, 2, FW_UNKNOWN }, { 1, 2, FW_CLOSED }, 1010 * S },
};

START_TEST(due)
{
	const struct report r = { .sent = rows[_i].sent, .told = rows[_i].told };

	ck_assert_msg(report_due(&r, &rows[_i].now) == rows[_i].due, "%s", rows[_i].name);
}
END_TEST

static struct app app;
static struct chan *c;
static struct wire wire;
static struct pcpio io;

static void begin(void)
{
	struct chanmeta m = { .id = id_of(0xc1) };
	const struct host up = host_v4(203, 0, 113, 9, 7144);
	const struct gnuid sid = id_of(9);
	struct chaninfo *i = chaninfo_new(&m);

	app_make(&app, NULL);
	c = chan_new(i, CHAN_RELAY, CHAN_SRC_PEERCAST, false);
	ck_assert_ptr_nonnull(c);
	chaninfo_unref(&i);
	chan_set_source(c, &up, &sid, NULL);
	wire_make(&wire);
	pcpio_init(&io, &wire.s, &atomlimits_fetch);
}

static void end(void)
{
	pcpio_fini(&io);
	wire_drop(&wire);
	chan_unref(&c);
	app_drop(&app);
}

/* What has been written: false = nothing. */
static bool arrived(struct bcst *b, struct hit *h)
{
	static uint8_t got[4096];
	const ssize_t n = recv(wire.far, got, sizeof(got), MSG_DONTWAIT);
	struct atombag bag;
	struct atom a, host;

	if (n <= 0)
		return false;
	ck_assert_int_eq(atom_open(&a, got, (size_t)n), ST_OK);
	ck_assert_uint_eq(a.size, (size_t)n);
	ck_assert_int_eq(bcst_parse(b, &a), ST_OK);
	bcst_payload(b, &bag);
	ck_assert(atombag_next(&bag, &host));
	ck_assert_int_eq(hostatom_parse(h, &host, &b->cid, 0), ST_OK);
	ck_assert(!atombag_next(&bag, &host));
	return true;
}

/* The good-bye heeds no pace; without a report before it there is none to take back. */
START_TEST(reports)
{
	const struct report_facts facts = { 0, 0, FW_UNKNOWN };
	const struct gnuid id = id_of(0xc1);
	struct report r = { .sent = 0 };
	struct bcst b;
	struct hit h;

	begin();
	report_farewell(&r, &app.node, c, &io, clk_deadline(SOON));
	ck_assert(!arrived(&b, &h));
	ck_assert_int_eq(report_send(&r, &app.node, c, &io, &facts, clk_deadline(SOON)), ST_OK);
	ck_assert(arrived(&b, &h));
	ck_assert_uint_eq(b.grp, PCP_BCST_GROUP_TRACKERS);
	ck_assert_uint_eq(b.ttl, PCP_BCST_TTL_STATUS);
	ck_assert(gnuid_equal(&b.cid, &id) && gnuid_equal(&b.from, servmgr_sid(app.node.sm)));
	ck_assert_uint_eq(h.flags & HIT_RECV, HIT_RECV);
	ck_assert_uint_eq(h.uphost.port, 7144);
	ck_assert_int_eq(report_due(&r, &facts), clk_now() + REPORT_MAX);
	ck_assert_int_eq(io.pace.paid, clk_now() + PCP_PACE);
	report_farewell(&r, &app.node, c, &io, clk_deadline(SOON));
	ck_assert(arrived(&b, &h));
	ck_assert_uint_eq(h.flags & HIT_RECV, 0);
	report_farewell(&r, &app.node, c, &io, clk_deadline(SOON));
	ck_assert(!arrived(&b, &h));
	end();
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/report");
	TCase *t = tcase_create("all");

	tcase_add_loop_test(t, due, 0, (int)NELEM(rows));
	tcase_add_test(t, reports);
	suite_add_tcase(s, t);
	return s;
}
