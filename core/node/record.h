/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recordings as they are shown: plain values, filled in by the threads that record (node_ops.record_*). */
#ifndef CORE_NODE_RECORD_H
#define CORE_NODE_RECORD_H

#include <stdint.h>

#include "core/chan/gnuid.h"
#include "core/node/recname.h"
#include "core/sys/text.h"

#define RECORDS    96           /* shown at most: those that run, and the last that have ended */
#define RECORD_WHY 160

enum record_state {
	RECORD_WAITING,         /* for the channel, or its next key frame */
	RECORD_RUNNING,
	RECORD_TRYING,          /* it failed, and will be tried again */
	RECORD_FAILED,
	RECORD_ENDED,
};
const char *record_state_str(enum record_state s);      /* "waiting" "recording" "trying" "failed" "ended" */

struct record_view {
	struct gnuid id;
	char name[TEXT_MAX];            /* of the channel when it began */
	enum record_state state;
	bool automatic;                 /* by recordAuto */
	char file[RECNAME];             /* the newest; "" = none yet */
	uint32_t parts, skips, errors;
	uint64_t bytes;
	int64_t began_s, ended_s;       /* Unix seconds; 0 = not yet */
	char why[RECORD_WHY];           /* of the last failure; "" = none */
};

struct record_totals {
	bool possible;                  /* there is a folder */
	uint32_t by_state[RECORD_ENDED + 1];
	uint64_t parts, bytes, skips, errors; /* since the start */
	uint32_t kept_files;            /* recorded by this node, as far as it has looked, */
	uint64_t kept_bytes;            /* and still there */
};

#endif
