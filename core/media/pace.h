/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When what is read from a file is due, by its timestamps: as fast as it plays, from its first moment on. No
 * clock of its own. A struct pace of all zero has seen nothing.
 * source   media.md 2.8, 3.2 */
#ifndef CORE_MEDIA_PACE_H
#define CORE_MEDIA_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/sys/clk.h"

#define PACE_JUMP_MS 10000      /* timestamps that leap further, or who is later than that, count anew */

struct pace {
	bool begun;
	int64_t first_ms, last_ms;      /* media time: of the moment `base`, and the newest */
	nsec base;
};

/* When data of media time ms are due; not before now for the first, nor behind a leap. */
nsec pace_due(struct pace *p, int64_t ms, nsec now);

#endif
