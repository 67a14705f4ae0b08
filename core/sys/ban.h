/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Timed bans: what is left alone for a while. Bounded: when it is full, the one set first gives way.
 *
 * A plain value, all zero = none; the owner guards it.
 */
#ifndef CORE_SYS_BAN_H
#define CORE_SYS_BAN_H

#include <stdint.h>

#include "core/sys/cc.h"
#include "core/sys/clk.h"

#define BAN_KEY  32             /* bytes that say who */
#define BANS_MAX 256

struct bans {
	struct {
		uint8_t key[BAN_KEY];
		nsec until;
	} e[BANS_MAX];
	uint32_t n;             /* entries ever used */
	uint32_t next;          /* gives way when all are in use */
};

/* Until then; one that is banned already is banned anew. */
void bans_set(struct bans *b, const uint8_t key[BAN_KEY], nsec now, nsec until);
void bans_lift(struct bans *b, const uint8_t key[BAN_KEY]);
bool bans_has(const struct bans *b, const uint8_t key[BAN_KEY], nsec now);
/* When that ban ends; 0 = there is none. */
nsec bans_until(const struct bans *b, const uint8_t key[BAN_KEY], nsec now);

#endif
