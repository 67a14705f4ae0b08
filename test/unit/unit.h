/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every unit test program shares: one Suite, Check's runner, the fork rule of sanitizers.
 *
 * A test program defines unit_suite(); unit.c holds main().
 */
#ifndef TEST_UNIT_H
#define TEST_UNIT_H

#include <check.h>

/* The program's only suite; called once. */
Suite *unit_suite(void);

#endif
