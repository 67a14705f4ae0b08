/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tries of hooks that are broken off. */
#include "servent/hooktry.h"

#include <poll.h>
#include <string.h>

#include "core/sys/cc.h"
#include "core/sys/text.h"
#include "test/unit/unit.h"

#define MANY 32

/* One after the other would take each one's time from SIGTERM to SIGKILL. */
START_TEST(cancelled_together)
{
	static struct hooktry tries[MANY];
	static char body[] = "", vars[] = "";
	const struct hookmsg m = { .what = HOOK_LISTED, .body = body, .vars = vars };
	struct settings_hook set = { .events = HOOK_LISTED, .timeout_s = 300 };
	struct hooktry *all[MANY];
	struct hooktries shared = { .running = 0 };
	nsec began;

	ck_assert(text_copy(set.command, sizeof(set.command), "sh -c 'trap \"\" TERM; echo; exec sleep 1000'"));
	for (size_t i = 0; i < MANY; i++) {
		all[i] = &tries[i];
		hooktry_begin(&shared, all[i], &set, "hook", &m, 1);
		ck_assert_int_eq(all[i]->is, TRY_COMMAND);
	}
	for (size_t i = 0; i < MANY; i++) {
		struct pollfd p = { .fd = tries[i].child.out, .events = POLLIN };

		ck_assert_int_eq(poll(&p, 1, 20000), 1);
	}
	began = clk_now();
	hooktries_cancel(&shared, all, MANY);
	ck_assert_int_lt(clk_now() - began, MANY * HOOKTRY_TERM - NSEC_PER_SEC / 2);
	ck_assert_uint_eq(shared.running, 0);
	for (size_t i = 0; i < MANY; i++)
		ck_assert_int_eq(tries[i].is, TRY_NONE);
	hooktries_fini(&shared);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/hooktry");
	TCase *t = tcase_create("hooktry");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, cancelled_together);
	suite_add_tcase(s, t);
	return s;
}
