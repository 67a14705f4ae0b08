/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peercast --check-config: what is wrong with an ini, as far as that can be told without starting a node on
 * it: what the parser says, and values that name what is not there. Nothing is written. */
#ifndef SERVENT_CHECKCONF_H
#define SERVENT_CHECKCONF_H

#include <stdio.h>

#include "core/sys/cc.h"

/* A line for each fault to out, with its number where it has one, then how many there are; what cannot be
 * read to err. Returns the exit code of the program. */
int checkconf(const char *ini, FILE *out, FILE *err) NODISCARD;

#endif
