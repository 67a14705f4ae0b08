/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What malloc is told about a process of thousands of threads that runs for months. */
#ifndef CORE_SYS_HEAP_H
#define CORE_SYS_HEAP_H

#include <stdbool.h>

/* Before there are threads. */
void heap_init(void);

/* Give back to the system what malloc keeps, if that is more than is in use, as it is when a crowd has left.
 * Others may have to wait for memory meanwhile, a moment for each MiB. Returns whether it was done. */
bool heap_trim(void);

#endif
