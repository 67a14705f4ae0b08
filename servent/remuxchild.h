/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that puts one channel's stream into fragmented MP4, with libavformat.
 *
 * A node starts itself with --remux for each such channel (servent/remux.h): the container's bytes come in
 * on descriptor 0, messages (core/media/remuxmsg.h) go out on it. libavformat works on bytes of strangers,
 * so this process may open nothing, start nothing and allocate little (servent/sandbox.h); when it dies
 * only the viewers of that channel notice.
 *
 * Nothing is transcoded. The first video and the first sound that MP4 can hold are taken. A fragment begins
 * at each key frame, and ends after about REMUX_SPAN. Times go on where the caller says, whatever they
 * begin with; where the source jumps they do not.
 */
#ifndef SERVENT_REMUXCHILD_H
#define SERVENT_REMUXCHILD_H

#include <stdint.h>

#define REMUX_OPTION "--remux"
#define REMUX_SPAN   150000             /* microseconds in a fragment */
#define REMUX_KEYS  100000             /* the same, of one with nothing but key frames */
#define REMUX_JUMP   (10 * 1000000)     /* a longer pause is one of the clock's, not of the stream */

/* What main() does after REMUX_OPTION. format: libavformat's name of the container; start_us: the first
 * decode time. Returns the exit status. */
int remuxchild_main(const char *format, const char *start_us);

#endif
