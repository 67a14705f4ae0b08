/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/slow.h"

#include "test/unit/unit.h"

#define S NSEC_PER_SEC

/* What happens at a time, and the answer. p placed, c caught up; d asks for the deadline of a packet of that
 * time; s skips, and 1 = too often. */
struct step {
	char what;
	int now, at, want;
};

static const struct slow_row {
	const char *name;
	struct step step[10];
} rows[] = {
	{ "live", { { 'p', 100, 0, 0 }, { 'd', 100, 100, 105 }, { 'd', 104, 103, 108 } } },
	{ "begins a second back", { { 'p', 100, 0, 0 }, { 'd', 100, 99, 105 }, { 'd', 103, 101, 107 } } },
	{ "begins eight seconds back, and may stay there", { { 'p', 100, 0, 0 }, { 'd', 100, 92, 105 }, { 'd', 120, 112, 125 } } },
	{ "has caught up: no credit any more", { { 'p', 100, 0, 0 }, { 'd', 100, 92, 105 }, { 'c', 110, 0, 0 }, { 'd', 120, 116, 121 } } },
	{ "caught up at once", { { 'p', 100, 0, 0 }, { 'c', 100, 0, 0 }, { 'd', 120, 120, 125 } } },
	{ "a skip is a beginning", { { 'p', 100, 0, 0 }, { 'd', 100, 100, 105 }, { 's', 110, 0, 0 }, { 'd', 110, 102, 115 } } },
	{ "three skips", { { 's', 100, 0, 0 }, { 's', 130, 0, 0 }, { 's', 160, 0, 1 }, { 's', 160, 0, 1 } } },
	{ "three skips, slowly", { { 's', 100, 0, 0 }, { 's', 130, 0, 0 }, { 's', 161, 0, 0 }, { 's', 162, 0, 0 }, { 's', 163, 0, 1 } } },
};

START_TEST(steps)
{
	struct slow s = { .skips = 0 };

	for (size_t i = 0; i < NELEM(rows[_i].step) && rows[_i].step[i].what != '\0'; i++) {
		const struct step *w = &rows[_i].step[i];

		switch (w->what) {
		case 'p':
			slow_placed(&s);
			break;
		case 'c':
			slow_caught_up(&s);
			break;
		case 'd':
			ck_assert_msg(slow_deadline(&s, w->at * S, w->now * S) == w->want * S, "%s: %zu", rows[_i].name, i);
			break;
		default:
			ck_assert_msg(slow_skipped(&s, w->now * S) == (w->want == 1), "%s: %zu", rows[_i].name, i);
		}
	}
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/slow");
	TCase *t = tcase_create("slow");

	tcase_add_loop_test(t, steps, 0, NELEM(rows));
	suite_add_tcase(s, t);
	return s;
}
