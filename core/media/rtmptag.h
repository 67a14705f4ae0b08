/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Media messages of RTMP become FLV: the file header first, then a tag for each.
 *
 * Times begin at 0 and never go back within one kind: small steps back are held, a clock that was set anew
 * goes on where the old one was (media.md 2.5.5).
 * source   media.md 2.5, 3.2, 7.4
 */
#ifndef CORE_MEDIA_RTMPTAG_H
#define CORE_MEDIA_RTMPTAG_H

#include "core/media/rtmpchunk.h"

typedef enum status rtmp_flv(void *ctx, const void *p, size_t n);

struct rtmp_tags {
	rtmp_flv *op;                   /* whole tags; the header comes with the first */
	void *ctx;
	bool begun;                     /* the header went out */
	bool timed;                     /* a frame has set the clock */
	uint32_t off;                   /* of their time to ours */
	uint32_t last[2], newest;       /* audio, video; of both: our time */
};

/* An audio, video, data or aggregate message. Others, and what cannot be read, are left out.
 * returns  ST_OK, ST_LIMIT (memory), or what op returned */
enum status rtmp_tags_put(struct rtmp_tags *t, const struct rtmp_msg *m) NODISCARD;

#endif
