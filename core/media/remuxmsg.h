/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the child that remuxes a channel tells its node: a header of 32 bytes and a payload, one after the
 * other.
 *
 *	0   le32  bytes of payload
 *	4   u8    kind
 *	5   u8    flags
 *	6   le16  0
 *	8   le32  track that `time` and `duration` are of; 1 ...
 *	12  le32  duration, microseconds
 *	16  le64  position in the input of the fragment's first bytes
 *	24  le64  decode time of the first sample, microseconds
 *
 * The child works on bytes of strangers: the node believes none of this further than it checks it.
 */
#ifndef CORE_MEDIA_REMUXMSG_H
#define CORE_MEDIA_REMUXMSG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/sys/cc.h"
#include "core/sys/status.h"

#define REMUXMSG_HEAD     32
#define REMUXMSG_INIT_MAX ((uint32_t)256 << 10)
#define REMUXMSG_FRAG_MAX ((uint32_t)8 << 20)
#define REMUXMSG_TEXT_MAX 200
#define REMUXMSG_DUR_MAX  ((uint32_t)60 * 1000000)
#define REMUXMSG_TIME_MAX ((uint64_t)1 << 52)           /* a hundred years */

enum remuxmsg_kind {
	REMUX_INIT = 1,         /* payload: ftyp and moov */
	REMUX_FRAGMENT,         /* payload: moof and mdat */
	REMUX_FAILED,           /* payload: a phrase for people; it is the last message */
};

enum {
	REMUX_KEY = 1,          /* of a FRAGMENT: a player may start with it */
	REMUX_NO_LIBRARY = 1,   /* of FAILED */
};

struct remuxmsg {
	enum remuxmsg_kind kind;
	uint8_t flags;
	uint32_t len;
	uint32_t track;
	uint32_t dur_us;
	uint64_t pos;
	uint64_t time_us;
};

void remuxmsg_emit(const struct remuxmsg *m, uint8_t out[REMUXMSG_HEAD]);
/* returns  ST_OK, ST_PROTO (no such message), ST_LIMIT (too long) */
enum status remuxmsg_parse(const uint8_t in[REMUXMSG_HEAD], struct remuxmsg *m) NODISCARD;

#endif
