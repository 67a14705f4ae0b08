/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/push.h"

#include "test/unit/pcp/pcptest.h"
#include "test/unit/unit.h"

#define T0 (1000 * NSEC_PER_SEC)

/* --- where to --------------------------------------------------------------------------------- */

static const struct {
	const char *to, *self;
	bool may;
} dial_row[] = {
	{ "198.51.100.9:7144", "203.0.113.1", true },
	{ "198.51.100.9:1024", "203.0.113.1", true },
	{ "198.51.100.9:1023", "203.0.113.1", false },
	{ "198.51.100.9:22", "203.0.113.1", false },
	{ "198.51.100.9:7144", "198.51.100.9", false },
	{ "127.0.0.1:7144", "203.0.113.1", false },
	{ "10.0.0.1:7144", "203.0.113.1", false },
	{ "172.16.9.9:7144", "203.0.113.1", false },
	{ "192.168.1.1:7144", "203.0.113.1", false },
	{ "169.254.1.1:7144", "203.0.113.1", false },
	{ "100.64.0.1:7144", "203.0.113.1", false },
	{ "224.0.0.1:7144", "203.0.113.1", false },
	{ "255.255.255.255:7144", "203.0.113.1", false },
	{ "0.0.0.0:7144", "203.0.113.1", false },
	{ "[2001:db8::1]:7144", "2001:db8::2", true },
	{ "[2001:db8::1]:7144", "2001:db8::1", false },
	{ "[::1]:7144", "2001:db8::1", false },
	{ "[fe80::1]:7144", "2001:db8::1", false },
	{ "[fd00::1]:7144", "2001:db8::1", false },
	{ "[ff02::1]:7144", "2001:db8::1", false },
};

START_TEST(dial)
{
	struct push p = { .cid = id_of(1) };
	struct host self;

	ck_assert(host_parse(&p.host, dial_row[_i].to, 0));
	ck_assert(host_parse(&self, dial_row[_i].self, 7144));
	ck_assert_msg(push_may_dial(&p, &self) == dial_row[_i].may, "%s", dial_row[_i].to);
	/* an address of ours that is not known yet forbids nothing */
	if (dial_row[_i].may)
		ck_assert(push_may_dial(&p, &(struct host){ .port = 0 }));
}
END_TEST

/* --- how often -------------------------------------------------------------------------------- */

/* The host number n. */
static struct host host_of(unsigned n)
{
	return host_v4(198, 51, 100, (uint8_t)n, 7144);
}

static bool begin(struct pushlimit *l, uint8_t session, unsigned to, nsec now)
{
	const struct gnuid sid = id_of(session);
	const struct host h = host_of(to);

	return pushlimit_begin(l, &sid, &h, now);
}

static void over(struct pushlimit *l, unsigned to)
{
	const struct host h = host_of(to);

	pushlimit_end(l, &h);
}

START_TEST(pace_of_a_session)
{
	struct pushlimit l = { .last[0].at = 0 };

	ck_assert(begin(&l, 1, 1, T0));
	over(&l, 1);
	ck_assert(!begin(&l, 1, 1, T0));
	ck_assert(!begin(&l, 1, 2, T0 + PUSH_PACE - 1));
	/* others have a pace of their own */
	ck_assert(begin(&l, 2, 3, T0));
	over(&l, 3);
	/* what was refused did not put it off */
	ck_assert(begin(&l, 1, 2, T0 + PUSH_PACE));
	ck_assert(!begin(&l, 1, 1, T0 + 2 * PUSH_PACE - 1));
}
END_TEST

START_TEST(in_flight)
{
	struct pushlimit l = { .last[0].at = 0 };

	for (unsigned i = 1; i <= PUSH_FLIGHTS; i++)
		ck_assert(begin(&l, (uint8_t)i, i, T0));
	ck_assert(!begin(&l, 9, 9, T0));
	over(&l, 7);            /* none of them */
	ck_assert(!begin(&l, 9, 9, T0));
	over(&l, 2);
	ck_assert(begin(&l, 9, 9, T0));
	ck_assert(!begin(&l, 10, 10, T0 + 100 * NSEC_PER_SEC));
}
END_TEST

START_TEST(one_target_once)
{
	struct pushlimit l = { .last[0].at = 0 };

	ck_assert(begin(&l, 1, 1, T0));
	ck_assert(!begin(&l, 2, 1, T0));
	over(&l, 1);
	ck_assert(begin(&l, 2, 1, T0));
}
END_TEST

/* However many sessions somebody invents: so many in one pace, and no more memory. */
START_TEST(flood)
{
	struct pushlimit l = { .last[0].at = 0 };
	unsigned n = 0;

	for (unsigned i = 0; i < 10000; i++) {
		const struct gnuid sid = gnuid_random(0);
		const struct host to = host_of(1 + i % 200);

		if (pushlimit_begin(&l, &sid, &to, T0 + (nsec)i)) {
			n++;
			pushlimit_end(&l, &to);
		}
	}
	ck_assert_uint_eq(n, PUSH_SESSIONS);
	ck_assert(begin(&l, 1, 1, T0 + PUSH_PACE + 10000));
}
END_TEST

/* --- the line --------------------------------------------------------------------------------- */

#define ID "5942D78C0D0D12273317E281AE0E7B79"

static const struct {
	const char *line;
	enum giv what;
} line_row[] = {
	{ "GIV", GIV_CONTROL },
	{ "GIV ", GIV_CONTROL },
	{ "GIV /", GIV_CONTROL },
	{ "GIV /00000000000000000000000000000000", GIV_CONTROL },
	{ "GIV /" ID, GIV_CHANNEL },
	{ "GIV /5942d78c0d0d12273317e281ae0e7b79", GIV_CHANNEL },
	{ "GIV  /" ID, GIV_CHANNEL },
	{ "GIV /" ID " ", GIV_CHANNEL },
	{ "GIV /" ID " HTTP/1.0", GIV_CHANNEL },
	{ "GIV /" ID "0", GIV_BAD },
	{ "GIV /" ID "/x", GIV_BAD },
	{ "GIV /5942D78C", GIV_BAD },
	{ "GIV /5942D78C0D0D12273317E281AE0E7B7X", GIV_BAD },
	{ "GIV //" ID, GIV_BAD },
	{ "GIV " ID, GIV_BAD },
	{ "GIV x", GIV_BAD },
	{ "GIV/" ID, GIV_NONE },
	{ "GIVE /" ID, GIV_NONE },
	{ "giv /" ID, GIV_NONE },
	{ "GI", GIV_NONE },
	{ "GET / HTTP/1.0", GIV_NONE },
	{ "", GIV_NONE },
};

START_TEST(line)
{
	struct gnuid id, want;

	ck_assert(gnuid_parse(&want, ID));
	ck_assert_msg(giv_parse(line_row[_i].line, &id) == line_row[_i].what, "%s", line_row[_i].line);
	if (line_row[_i].what == GIV_CHANNEL)
		ck_assert(gnuid_equal(&id, &want));
	else
		ck_assert(!gnuid_is_set(&id));
}
END_TEST

START_TEST(line_emit)
{
	char text[GIV_LINE];
	struct gnuid id;

	ck_assert(gnuid_parse(&id, ID));
	ck_assert_str_eq(giv_emit(text, &id), "GIV /" ID "\r\n\r\n");
	memset(&id, 0, sizeof(id));
	ck_assert_str_eq(giv_emit(text, &id), "GIV\r\n\r\n");
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("push");
	TCase *t = tcase_create("push");

	tcase_add_loop_test(t, dial, 0, NELEM(dial_row));
	tcase_add_test(t, pace_of_a_session);
	tcase_add_test(t, in_flight);
	tcase_add_test(t, one_target_once);
	tcase_add_test(t, flood);
	tcase_add_loop_test(t, line, 0, NELEM(line_row));
	tcase_add_test(t, line_emit);
	suite_add_tcase(s, t);
	return s;
}
