/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MPEG-2 transport stream packets, for the parser and its tests. Private to core/media.
 * source   media.md 7.2; ISO 13818-1
 */
#ifndef CORE_MEDIA_TS_H
#define CORE_MEDIA_TS_H

#include <stddef.h>
#include <stdint.h>

#define TS_PACKET 188
#define TS_SYNC   0x47

/* Of a section; 0 over a whole one that ends with its own. */
uint32_t ts_crc(const uint8_t *p, size_t n);

#endif
