/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/assert.h"

#include <stdio.h>
#include <stdlib.h>

/* stderr is unbuffered: nothing of ours is locked or allocated on the way down. */
void assert_fail(const char *expr, const char *file, int line)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expr);
	abort();
}
