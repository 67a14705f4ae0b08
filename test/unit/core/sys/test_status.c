/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/status.h"

#include <errno.h>
#include <string.h>

#include "test/unit/unit.h"

START_TEST(every_status_has_its_own_words)
{
	for (int i = ST_OK; i < ST_SYS; i++) {
		ck_assert_msg(strlen(status_str((enum status)i)) > 0, "status %d", i);
		for (int j = ST_OK; j < i; j++)
			ck_assert_str_ne(status_str((enum status)i), status_str((enum status)j));
	}
}
END_TEST

START_TEST(sys_tells_errno_and_keeps_it)
{
	errno = ENOENT;
	ck_assert_str_eq(status_str(ST_SYS), "No such file or directory");
	ck_assert_int_eq(errno, ENOENT);
	errno = 99999;
	ck_assert_ptr_nonnull(strstr(status_str(ST_SYS), "99999"));
}
END_TEST

START_TEST(unknown_is_named_so)
{
	ck_assert_str_eq(status_str((enum status)77), "unknown status");
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/status");
	TCase *t = tcase_create("status");

	tcase_add_test(t, every_status_has_its_own_words);
	tcase_add_test(t, sys_tells_errno_and_keeps_it);
	tcase_add_test(t, unknown_is_named_so);
	suite_add_tcase(s, t);
	return s;
}
