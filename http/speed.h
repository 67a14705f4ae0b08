/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of upload tests of yellow pages: changed alike from /admin and from JSON-RPC. */
#ifndef HTTP_SPEED_H
#define HTTP_SPEED_H

#include "core/node/node.h"

/* Put this address on the list, or take it off it; an unknown one is as good as taken off. The caller has
 * command_settings() follow.
 * returns  ST_OK, ST_PROTO (why says what is wrong with it), ST_LIMIT (memory) */
enum status speed_change(struct node *n, const char *url, bool add, char why[SETTINGS_WHY])
	NODISCARD EXCLUDES(lk_conf);

#endif
