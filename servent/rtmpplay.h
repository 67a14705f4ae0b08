/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A source that plays an rtmp:// address of another server. source: media.md 2.9 */
#ifndef SERVENT_RTMPPLAY_H
#define SERVENT_RTMPPLAY_H

#include "servent/source.h"

/* Connect, play, and feed src until it ends; whether that is allowed, and when to try again, is the caller's.
 * far: an address of our own network is refused.
 *
 * returns  ST_EOF (the stream ended, or the server closed), ST_STOPPED (src was told to stop), ST_TIMEOUT
 *          (no answer, or nothing for SOURCE_IDLE), ST_PROTO, ST_LIMIT (bad input, or refused), ST_SYS;
 *          src->error says more where there is more to say */
enum status rtmp_play(struct source *src, const char *url, bool far) NODISCARD;

#endif
