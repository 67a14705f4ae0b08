/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a root remembers of a channel: counts minute by minute, and the texts that went with them.
 *
 * Plain values, filled in by the thread that keeps them (node_ops.history) and read by pages.
 * source   yp.md 3.5
 */
#ifndef CORE_NODE_HISTORY_H
#define CORE_NODE_HISTORY_H

#include <stdint.h>

#include "core/chan/chaninfo.h"

#define HISTORY_ROWS 3000       /* of one answer: two days of minutes */
#define HISTORY_DAYS 400        /* days with data that one answer names */

struct history_row {
	int64_t at_s;                   /* Unix seconds, a whole minute */
	int32_t listeners, relays;      /* -1 = hidden by the broadcaster */
	uint32_t age_s;                 /* of the broadcast */
	uint32_t bitrate_kbps;
	uint32_t info;                  /* index into infos */
};

/* All zero = empty. */
struct history {
	struct history_row *rows;       /* owned; by time */
	size_t n;
	struct chaninfo **infos;        /* owned references; names and ids are those of the channel */
	size_t n_infos;
	uint32_t *days;                 /* owned; local dates with data, YYYYMMDD, rising */
	size_t n_days;
};

void history_fini(struct history *h);

#endif
