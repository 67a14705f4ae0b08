/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a recording is cut into parts, and where a part ends that is broken off.
 *
 * A part begins with the head, then a packet to start at (cont = 0). Streams that have none are cut anywhere
 * once a part is RECCUT_PATIENCE too old or too big.
 */
#ifndef CORE_MEDIA_RECCUT_H
#define CORE_MEDIA_RECCUT_H

#include <stddef.h>
#include <stdint.h>

#include "core/sys/cc.h"
#include "core/sys/clk.h"

#define RECCUT_PATIENCE (60 * NSEC_PER_SEC)     /* for a place to start, longer than any is apart */

struct reccut_limits {
	uint64_t bytes;                 /* 0 = none */
	nsec age;                       /* the same */
};

/* All zero = no part. */
struct reccut {
	uint64_t bytes;                 /* of the part's file so far */
	nsec began;
	nsec due;                       /* it should have ended since; 0 = it should not */
	uint64_t whole;                 /* bytes in front of the newest packet that begins a unit */
	bool tells;                     /* packets that go on with a unit can be told from others */
	uint8_t cont;                   /* of the newest packet */
};

/* A part begins, with a head of so many bytes. */
void reccut_begin(struct reccut *c, size_t head, nsec now);
/* Is the packet that comes next, with these continuation bits, to begin another part? */
bool reccut_is_due(struct reccut *c, const struct reccut_limits *l, uint8_t cont, nsec now);
/* It has become n bytes of the file. */
void reccut_put(struct reccut *c, uint8_t cont, size_t n);
/* The stream breaks off behind what was put: bytes of the file that are whole. */
uint64_t reccut_whole(const struct reccut *c);
/* The same, and the file goes on behind these bytes, with a place to start; false: it cannot be told what is
 * whole. */
bool reccut_mend(struct reccut *c);

#endif
