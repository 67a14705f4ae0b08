/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frame headers of MPEG audio (layers I to III) and of AAC in ADTS. Private to core/media.
 * source   media.md 3.7.1, 7.3; ISO 11172-3, 13818-3, 14496-3 1.A.3
 */
#ifndef CORE_MEDIA_MPA_H
#define CORE_MEDIA_MPA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MPEG_HEAD 4
#define ADTS_HEAD 7

struct mpa_frame {
	size_t n;               /* bytes, header included */
	uint32_t hz, samples;
	uint32_t kbps;          /* 0 = the header does not say */
	uint32_t like;          /* the same in all frames of a stream */
};

/* From the first MPEG_HEAD, ADTS_HEAD bytes; false = no frame begins here. Frames of free format are
 * none. */
bool mpeg_frame(const uint8_t *p, struct mpa_frame *f);
bool adts_frame(const uint8_t *p, struct mpa_frame *f);

#endif
