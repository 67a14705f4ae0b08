/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Assertions about our own bugs, on in release builds. Never for anything a peer can cause. */
#ifndef CORE_SYS_ASSERT_H
#define CORE_SYS_ASSERT_H

#include "core/sys/cc.h"

/* Writes file, line and expression to stderr and aborts. */
NORETURN void assert_fail(const char *expr, const char *file, int line);

#define ASSERT(e) ((e) ? (void)0 : assert_fail(#e, __FILE__, __LINE__))
/* For calls that must return 0: pthread_*, eventfd writes that cannot fail. */
#define MUST_ZERO(e) ((e) == 0 ? (void)0 : assert_fail(#e " == 0", __FILE__, __LINE__))

#endif
