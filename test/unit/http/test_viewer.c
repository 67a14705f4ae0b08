/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/viewer.h"

#include <stdio.h>
#include <string.h>

#include "core/sys/cc.h"
#include "test/unit/unit.h"

#define S NSEC_PER_SEC

static struct viewers *vs;
static nsec now;

static void up(void)
{
	now = 1000 * S;
	vs = viewers_new();
	ck_assert_ptr_nonnull(vs);
}

static void down(void)
{
	viewers_free(&vs);
	ck_assert_ptr_null(vs);
}

static struct host at(const char *text, uint16_t port)
{
	struct host h;

	ck_assert(host_parse(&h, text, port));
	h.port = port;
	return h;
}

static struct viewer known(const char *text)
{
	const struct host h = at(text, 0);
	struct viewer v;

	viewers_get(vs, &h, now, &v);
	return v;
}

static enum portcheck begin(const char *text, uint16_t port)
{
	const struct host h = at(text, port);

	return viewers_port_begin(vs, &h, now);
}

static void done(const char *text, uint16_t port, bool open)
{
	const struct host h = at(text, port);

	viewers_port_done(vs, &h, open, now);
}

/* --- port check ------------------------------------------------------------------------------- */

#define A "203.0.113.1"
#define B "203.0.113.2"

START_TEST(port)
{
	struct viewer v = known(A);

	ck_assert(!v.port_open && v.port == 0 && v.speed_kbps == 0 && v.next_test == 0);
	ck_assert_int_eq(begin(A, 1023), PORTCHECK_NO);
	ck_assert_int_eq(begin(A, 0), PORTCHECK_NO);
	ck_assert_int_eq(begin(A, 7144), PORTCHECK_BEGIN);
	ck_assert_int_eq(begin(A, 7144), PORTCHECK_RUNS);
	ck_assert_int_eq(begin(A, 7145), PORTCHECK_RUNS);
	done(A, 7144, true);
	v = known(A);
	ck_assert(v.port_open && v.port == 7144);
	ck_assert(!known(B).port_open);
	/* a good result counts for eleven minutes; another port waits a while */
	now += PORTCHECK_SHUT;
	ck_assert_int_eq(begin(A, 7144), PORTCHECK_KNOWN);
	ck_assert_int_eq(begin(A, 7145), PORTCHECK_NO);
	now += 1;
	ck_assert_int_eq(begin(A, 7145), PORTCHECK_BEGIN);
	done(A, 7145, false);
	v = known(A);
	ck_assert(!v.port_open && v.port == 7145);
	/* a bad one for a quarter of a minute */
	now += PORTCHECK_SHUT;
	ck_assert_int_eq(begin(A, 7145), PORTCHECK_KNOWN);
	now += 1;
	ck_assert_int_eq(begin(A, 7145), PORTCHECK_BEGIN);
	done(A, 7145, true);
	now += PORTCHECK_OPEN;
	ck_assert_int_eq(begin(A, 7145), PORTCHECK_KNOWN);
	now += 1;
	ck_assert_int_eq(begin(A, 7145), PORTCHECK_BEGIN);
	/* while it is looked at again, it counts */
	ck_assert(known(A).port_open);
	done(A, 7145, true);
}
END_TEST

/* So many at once, and so many in a second. */
START_TEST(port_limits)
{
	char text[PORTCHECKS + 1][32];
	uint32_t i, began = 0;

	for (i = 0; i <= PORTCHECKS; i++) {
		snprintf(text[i], sizeof(text[i]), "203.0.113.%u", 100 + i);
		ck_assert_int_eq(begin(text[i], 7144), i < PORTCHECKS ? PORTCHECK_BEGIN : PORTCHECK_NO);
	}
	for (i = 0; i < PORTCHECKS; i++)
		done(text[i], 7144, false);
	for (i = 0; i < 10 * PORTCHECK_RATE; i++) {
		const struct host h = at("198.51.100.1", 7144);
		struct host each = h;

		each.ip[14] = (uint8_t)(i >> 8);
		each.ip[15] = (uint8_t)i;
		if (viewers_port_begin(vs, &each, now) == PORTCHECK_BEGIN) {
			began++;
			viewers_port_done(vs, &each, false, now);
		}
		now += S / PORTCHECK_RATE / 2;
	}
	/* 4 were left; half a one came in at each step */
	ck_assert_uint_ge(began, 5 * PORTCHECK_RATE);
	ck_assert_uint_le(began, 5 * PORTCHECK_RATE + 5);
}
END_TEST

/* IPv4 by address, IPv6 by network. */
START_TEST(keys)
{
	ck_assert_int_eq(begin("2001:db8:0:1::1", 7144), PORTCHECK_BEGIN);
	ck_assert_int_eq(begin("2001:db8:0:1:ffff::2", 7144), PORTCHECK_RUNS);
	ck_assert_int_eq(begin("2001:db8:0:2::1", 7144), PORTCHECK_BEGIN);
	done("2001:db8:0:1::1", 7144, true);
	ck_assert(known("2001:db8:0:1::9").port_open);
	ck_assert(!known("2001:db8:0:2::1").port_open);
	done("2001:db8:0:2::1", 7144, false);
}
END_TEST

/* --- upload test ------------------------------------------------------------------------------ */

static enum uptest test(const char *text, uint32_t bytes)
{
	const struct host h = at(text, 0);

	return viewers_upload_begin(vs, &h, bytes, 2000, now);
}

static void tested(const char *text, uint32_t kbps)
{
	const struct host h = at(text, 0);

	viewers_upload_done(vs, &h, kbps, now);
}

START_TEST(upload)
{
	ck_assert_int_eq(test(A, 250000), UPTEST_BEGIN);
	ck_assert_int_eq(test(A, 250000), UPTEST_RUNS);
	ck_assert_int_eq(test(B, 250000), UPTEST_BEGIN);
	ck_assert(known(A).next_test == now + UPTEST_INTERVAL);
	tested(A, 1480);
	tested(B, 2000);
	ck_assert_uint_eq(known(A).speed_kbps, 1480);
	now += UPTEST_INTERVAL - 1;
	ck_assert_int_eq(test(A, 250000), UPTEST_SOON);
	now += 1;
	ck_assert_int_eq(test(A, 250000), UPTEST_BEGIN);
	ck_assert_int_eq(test(B, 250000), UPTEST_FAST);
	tested(A, 0);                   /* it failed: what is known stays */
	ck_assert_uint_eq(known(A).speed_kbps, 1480);
	ck_assert(!known(A).port_open);
	/* a week, counted from the last news */
	now += VIEWER_KEPT;
	ck_assert_uint_eq(known(A).speed_kbps, 1480);
	now += 1;
	ck_assert_uint_eq(known(A).speed_kbps, 0);
	ck_assert_int_eq(test(B, 250000), UPTEST_BEGIN);
	tested(B, 1);
}
END_TEST

START_TEST(upload_limits)
{
	char text[] = "203.0.113.10";
	uint32_t i, began = 0;

	for (i = 0; i <= UPTESTS; i++) {
		text[11] = (char)('0' + i);
		ck_assert_int_eq(test(text, 240000), i < UPTESTS ? UPTEST_BEGIN : UPTEST_BUSY);
	}
	for (i = 0; i < UPTESTS; i++) {
		text[11] = (char)('0' + i);
		tested(text, 100);
	}
	/* then by bytes in a second, all together */
	for (i = 0; i < 200; i++) {
		struct host h = at("198.51.100.1", 0);

		h.ip[15] = (uint8_t)i;
		if (viewers_upload_begin(vs, &h, 250000, 2000, now) == UPTEST_BEGIN) {
			began++;
			viewers_upload_done(vs, &h, 100, now);
		}
		now += S / 20;
	}
	ck_assert_uint_ge(began, 10 * UPTEST_BUDGET / 250000);
	ck_assert_uint_le(began, 10 * UPTEST_BUDGET / 250000 + 3);
}
END_TEST

/* --- how much is kept ------------------------------------------------------------------------- */

static struct host nth(uint32_t i)
{
	struct host h = at("10.0.0.0", 0);

	h.ip[13] = (uint8_t)(i >> 16);
	h.ip[14] = (uint8_t)(i >> 8);
	h.ip[15] = (uint8_t)i;
	return h;
}

START_TEST(full)
{
	struct host h = nth(0);
	struct viewer v;
	uint32_t i;

	for (i = 0; i < VIEWERS_MAX; i++) {
		h = nth(i);
		now += S;
		ck_assert_int_eq(viewers_upload_begin(vs, &h, 240000, 2000, now), UPTEST_BEGIN);
		viewers_upload_done(vs, &h, i + 1, now);
	}
	/* the first has news: the second is the oldest */
	h = nth(0);
	now += UPTEST_INTERVAL;
	ck_assert_int_eq(viewers_upload_begin(vs, &h, 240000, 2000, now), UPTEST_BEGIN);
	viewers_upload_done(vs, &h, 7, now);
	h = nth(VIEWERS_MAX);
	ck_assert_int_eq(viewers_upload_begin(vs, &h, 240000, 2000, now), UPTEST_BEGIN);
	viewers_upload_done(vs, &h, 8, now);
	for (i = 0; i < 4; i++) {
		static const uint32_t want[] = { 7, 0, 3, 4 };

		h = nth(i);
		viewers_get(vs, &h, now, &v);
		ck_assert_uint_eq(v.speed_kbps, want[i]);
	}
	/* all of them too old: they make room at once */
	now += VIEWER_KEPT + 1;
	h = nth(1);
	ck_assert_int_eq(viewers_upload_begin(vs, &h, 240000, 2000, now), UPTEST_BEGIN);
	viewers_upload_done(vs, &h, 9, now);
	h = nth(5);
	viewers_get(vs, &h, now, &v);
	ck_assert_uint_eq(v.speed_kbps, 0);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("http/viewer");
	TCase *t = tcase_create("viewer");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_test(t, port);
	tcase_add_test(t, port_limits);
	tcase_add_test(t, keys);
	tcase_add_test(t, upload);
	tcase_add_test(t, upload_limits);
	tcase_add_test(t, full);
	suite_add_tcase(s, t);
	return s;
}
