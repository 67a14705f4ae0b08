/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GnuID: the 16 bytes that name a channel, a session or a broadcaster. Byte 0 is a flags byte.
 *
 * A plain value. Text form: 32 hex digits, upper case when written, either case when read.
 * source   pcp.md 1.1, 14.1
 */
#ifndef CORE_CHAN_GNUID_H
#define CORE_CHAN_GNUID_H

#include <stdint.h>

#include "core/sys/cc.h"

#define GNUID_LEN    16
#define GNUID_STRLEN 33         /* with the NUL */

struct gnuid {
	uint8_t b[GNUID_LEN];
};

/* 16 random bytes with byte 0 = flags. */
struct gnuid gnuid_random(uint8_t flags);
bool gnuid_is_set(const struct gnuid *id);                    /* not all zero */
bool gnuid_equal(const struct gnuid *a, const struct gnuid *b);
/* Exactly 32 hex digits at s (what follows is not looked at): false otherwise. */
bool gnuid_parse(struct gnuid *id, const char *s);
/* Writes GNUID_STRLEN bytes; returns dst. */
const char *gnuid_str(const struct gnuid *id, char *dst);
/* The channel id of a broadcaster: the same owner, name, genre and bitrate give the same id.
 * source   pcp.md 14.1 */
struct gnuid gnuid_of_chan(const struct gnuid *bcid, const char *name, const char *genre,
	uint32_t bitrate_kbps);

#endif
