/* SPDX-License-Identifier: GPL-2.0-or-later */
/* To be somebody else than root. Before there are threads. */
#ifndef SERVENT_PRIVILEGE_H
#define SERVENT_PRIVILEGE_H

#include <stdio.h>

#include "core/sys/cc.h"
#include "core/sys/status.h"

/* Become `user` (a name or number) with his groups and home, for good; of what root may, opening ports below
 * 1024 is all that is kept, and no program we start gets even that. For who is him already nothing changes.
 * root is refused. What is wrong goes to err.
 * returns  ST_OK, ST_PROTO (no such user, or root), ST_SYS (not allowed; the process is to end) */
enum status privilege_drop(const char *user, FILE *err) NODISCARD;

#endif
