/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Timed rests: what is left alone for a while. Bounded: when it is full, the one set first gives way.
 *
 * A plain value, all zero = none; the owner guards it.
 */
#ifndef CORE_SYS_REST_H
#define CORE_SYS_REST_H

#include <stdint.h>

#include "core/sys/cc.h"
#include "core/sys/clk.h"

#define REST_KEY  32             /* bytes that say who */
#define RESTS_MAX 256

struct rests {
	struct {
		uint8_t key[REST_KEY];
		nsec until;
	} e[RESTS_MAX];
	uint32_t n;             /* entries ever used */
	uint32_t next;          /* gives way when all are in use */
};

/* Until then; one that rests already rests anew. */
void rests_set(struct rests *b, const uint8_t key[REST_KEY], nsec now, nsec until);
void rests_lift(struct rests *b, const uint8_t key[REST_KEY]);
bool rests_has(const struct rests *b, const uint8_t key[REST_KEY], nsec now);
/* When that rest ends; 0 = there is none. */
nsec rests_until(const struct rests *b, const uint8_t key[REST_KEY], nsec now);

#endif
