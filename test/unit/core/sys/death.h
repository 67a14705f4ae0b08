/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Death tests need Check's fork; sanitizers and CK_FORK=no go without. */
#ifndef TEST_UNIT_CORE_SYS_DEATH_H
#define TEST_UNIT_CORE_SYS_DEATH_H

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/cc.h"

static inline bool can_fork(void)
{
	const char *e = getenv("CK_FORK");

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	return false;
#endif
#endif
	return e == NULL || strcmp(e, "no") != 0;
}

/* The test must end by abort(). */
#define ADD_DEATH_TEST(tc, fn)                                                          \
	do {                                                                            \
		if (can_fork())                                                         \
			tcase_add_test_raise_signal(tc, fn, SIGABRT);                   \
	} while (0)

#endif
