/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inputs that merely drip (media.md 9.1 row 21). */
#include "servent/intake.h"

#include <string.h>

#include "test/unit/servent/servtest.h"
#include "test/unit/unit.h"

#define S NSEC_PER_SEC

static const struct {
	const char *name;
	bool has_channel;
	size_t each;                    /* bytes that come every `pause` */
	nsec pause;
	int times;                      /* without a complaint; then comes one, when this is below 200 */
} inputs[] = {
	{ "1 KiB a second", true, 1024, S, 200 },
	{ "a little less", true, 1023, S, 60 },
	{ "a byte now and then", true, 1, 20 * S, 3 },
	{ "much once a minute", true, 64 * 1024, 59 * S, 200 },
	{ "before there is a channel", false, 1, 20 * S, 200 },
};

START_TEST(drips)
{
	static struct source src;
	struct intake_drip d = { 0 };
	nsec now = 1000 * S;
	int n = 0;

	memset(&src, 0, sizeof(src));
	if (inputs[_i].has_channel)
		src.c = (struct chan *)&src;    /* only looked at, whether there is one */
	while (n < 200 && !intake_drips(&d, &src, inputs[_i].each, now)) {
		n++;
		now += inputs[_i].pause;
	}
	ck_assert_msg(n == inputs[_i].times, "%s: %d", inputs[_i].name, n);
	ck_assert_str_eq(src.error, n < 200 ? "less than 1 KiB/s for a minute" : "");
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/intake");
	TCase *t = tcase_create("intake");

	tcase_add_loop_test(t, drips, 0, NELEM(inputs));
	suite_add_tcase(s, t);
	return s;
}
