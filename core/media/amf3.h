/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AMF3: what players and encoders of the Flash years speak inside RTMP, made over into AMF0.
 *
 * A message of type 15 or 17 holds AMF0 values in which a marker switches to AMF3 for one value. It is
 * written again as AMF0, so that everything behind reads one language. What AMF0 has no word for (byte
 * arrays, XML, a second mention of an object) becomes null.
 * source   media.md 2.5, 3.2.8, 9.1 row 29
 */
#ifndef CORE_MEDIA_AMF3_H
#define CORE_MEDIA_AMF3_H

#include <stddef.h>
#include <stdint.h>

#include "core/sys/bytes.h"

#define AMF3_DEPTH_MAX  16
#define AMF3_VALUES_MAX 4096            /* values and properties of one message, at all depths */
#define AMF3_TABLE_MAX  1024            /* strings that can be referred to, and names of traits */
#define AMF3_TRAITS_MAX 64

/* The n bytes of a message body, without the format byte in front, as AMF0 behind what is in out.
 * returns  ST_OK, ST_PROTO (broken, or of a type that is not known), ST_LIMIT (a limit above, memory, or
 *          out is full); then what is behind the old end of out means nothing */
enum status amf3_to_amf0(const uint8_t *p, size_t n, struct buf *out) NODISCARD;

#endif
