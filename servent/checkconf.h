/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peercast --check-config: what is wrong with an ini, as far as that can be told without starting a node on
 * it: what the parser says, and values that name what is not there. Nothing is written. */
#ifndef SERVENT_CHECKCONF_H
#define SERVENT_CHECKCONF_H

#include <stdio.h>

#include "core/conf/settings.h"
#include "core/sys/cc.h"

/* A line for each fault to out, with its number where it has one, then how many there are; what cannot be
 * read to err. Returns the exit code of the program. */
int checkconf(const char *ini, FILE *out, FILE *err) NODISCARD;

/* The same for programs, with the settings as a node would have them: what the parser says is told to the
 * one, what else is wrong to the other. The log is off from here on.
 * returns  ST_OK with *set, owned by the caller; ST_LIMIT, ST_SYS (it cannot be read) */
enum status checkconf_read(const char *ini, settings_warn *parser, settings_warn *fn, void *ctx,
	struct settings **set) NODISCARD;

#endif
