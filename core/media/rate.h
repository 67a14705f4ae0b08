/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bitrate of a stream over its last 10 seconds (media.md 3.0.1). Private to core/media.
 *
 * The clock is the caller's: media time where the container has one, so that a file pushed faster
 * than it plays still gets its own bitrate.
 */
#ifndef CORE_MEDIA_RATE_H
#define CORE_MEDIA_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RATE_SECONDS      10
#define RATE_FIRST_S      3             /* seconds to see before anything is said */
#define RATE_PUBLISH_S    30            /* between two publications */
#define RATE_CHANGE_PCT   10

struct rate {
	bool running;
	int64_t base_ms;        /* time of the first byte of this window */
	int64_t sec;            /* seconds since base_ms: the bucket being filled */
	uint64_t bytes[RATE_SECONDS + 1];
	int64_t age_s, told_age_s;      /* seconds measured in all; at the last publication */
	uint32_t kbps;          /* published; 0 = not yet */
};

/* n bytes at time ms. returns true when r->kbps changed and is to be told. A jump of more than 10 s
 * starts a new window. */
bool rate_add(struct rate *r, int64_t ms, size_t n);

#endif
