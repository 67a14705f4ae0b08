/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of recordings: of the files, and of the channels that are recorded unasked.
 *
 * A file is `<channel>_<date>-<time>_<part><ext>`. Of the channel's name stays what no file system and no
 * shell stumbles over: no separators, no control, direction or line marks, no dot or dash in front. What the
 * broadcaster says of the extension does not count, only his stream's type.
 *
 * All functions are pure but for the time zone.
 */
#ifndef CORE_NODE_RECNAME_H
#define CORE_NODE_RECNAME_H

#include <stddef.h>
#include <stdint.h>

#include "core/sys/cc.h"

#define RECNAME_CHANNEL 120     /* bytes of the channel's name at most */
#define RECNAME_BASE    160     /* of all before the part, NUL included */
#define RECNAME         192     /* of a whole name, NUL included */

/* `<channel>_<date>-<time>`, the time a local one. channel: clean text. */
void recname_base(char dst[RECNAME_BASE], const char *channel, int64_t wall_s);
/* A file. again: 0, or a number that tells it from another one of that base. */
void recname_file(char dst[RECNAME], const char *base, uint32_t again, uint32_t part, const char *ext);
/* The extension of a type (any case): ".flv"; ".bin" when it is not known. */
const char *recname_ext(const char *type);
/* Is its file one of chunks (Windows Media), which files are without? */
bool recname_is_asf(const char *type);

/* Could it be the name of a recording: one part of a path, not hidden, clean? */
bool recname_is_file(const char *name);
/* A line of the list of recordings, `<inode> <name>`: false when it is none. */
bool recname_line(const char *line, size_t n, uint64_t *ino, char name[RECNAME]);

/* Does recordAuto name this channel? own: it is broadcast here. */
bool recname_is_wanted(const char *setting, const char *channel, bool own);

#endif
