/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peercast --check-health: ask the node that runs on these settings whether it is ready. */
#ifndef SERVENT_HEALTHASK_H
#define SERVENT_HEALTHASK_H

#include <stdio.h>

#include "core/sys/cc.h"

#define HEALTHASK_TIME 5                /* seconds for its answer */

/* Copy its /readyz to out, or what is wrong to err. Returns the exit code: 0 = it is ready. */
int healthask(const char *ini, FILE *out, FILE *err) NODISCARD;

#endif
