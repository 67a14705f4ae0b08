/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/pmp.h"

#include <string.h>

#include "core/sys/cc.h"
#include "test/unit/unit.h"

#define S NSEC_PER_SEC

/* The router's clock was 1000 s when ours was 500 s. */
static const struct {
	const char *name;
	uint32_t epoch;
	nsec now;
	bool want;
} epochs[] = {
	{ "at once", 1000, 500 * S, true },
	{ "as ours", 1060, 560 * S, true },
	{ "slower by an eighth", 1000 + 70, 580 * S, true },
	{ "a little late", 1000 + 68, 580 * S, true },
	{ "too slow", 1000 + 67, 580 * S, false },
	{ "anew", 3, 560 * S, false },
	{ "anew at once", 0, 500 * S, false },
	{ "faster", 5000, 560 * S, true },
	{ "round the end", UINT32_MAX, 560 * S, true },
};

START_TEST(epoch)
{
	const struct pmp_clock c = { .epoch = 1000, .at = 500 * S };
	const struct pmp_clock none = { .at = 0 };

	ck_assert_msg(pmp_goes_on(&c, epochs[_i].epoch, epochs[_i].now) == epochs[_i].want, "%s", epochs[_i].name);
	ck_assert(pmp_goes_on(&none, epochs[_i].epoch, epochs[_i].now));
}
END_TEST

static const struct {
	const char *name;
	uint8_t head[4];
	size_t n;
	bool want;
} packets[] = {
	{ "an address", { 0, 128, 0, 0 }, 12, true }, { "a short address", { 0, 128, 0, 0 }, 11, false },
	{ "a mapping", { 0, 130, 0, 0 }, 16, true }, { "a short mapping", { 0, 130, 0, 0 }, 15, false },
	{ "a refusal", { 0, 130, 0, 2 }, 8, true }, { "a short refusal", { 0, 130, 0, 2 }, 7, false },
	{ "a refusal of a kind above 255", { 0, 130, 1, 0 }, 8, true }, { "another version", { 2, 130, 0, 0 }, 16, false },
	{ "nothing", { 0 }, 0, false },
};

START_TEST(packet)
{
	uint8_t p[16] = { 0 };

	memcpy(p, packets[_i].head, 4);
	ck_assert_msg(pmp_is_whole(p, packets[_i].n) == packets[_i].want, "%s", packets[_i].name);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("pmp");
	TCase *t = tcase_create("all");

	tcase_add_loop_test(t, epoch, 0, NELEM(epochs));
	tcase_add_loop_test(t, packet, 0, NELEM(packets));
	suite_add_tcase(s, t);
	return s;
}
