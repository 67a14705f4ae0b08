/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files this node has recorded, so that the oldest can be deleted: those, and no others.
 *
 * The list is in the folder of the recordings, in `.recordings`: a line for each file, `<inode> <name>`,
 * oldest first. A file that was renamed, or that another one has taken the place of, is not ours any more.
 *
 * lock     lk_save, a mutex of its own, over the calls that change the folder; so no other lock of that class
 *          may be held.
 */
#ifndef SERVENT_RECKEEP_H
#define SERVENT_RECKEEP_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/conf/settings.h"
#include "core/node/recname.h"
#include "core/sys/lock.h"

#define RECKEEP_MAX  20000              /* files; older ones are forgotten, and stay */
#define RECKEEP_LIST ".recordings"

struct reckeep_file {
	uint64_t ino, bytes;
	bool busy;                      /* it is being written */
	char name[RECNAME];
};

struct reckeep {
	struct mtx mtx;                                         /* lk_save */
	char dir[SETTINGS_LONG]         GUARDED_BY(lk_save);    /* whose list it is; "" = none yet */
	struct reckeep_file *v          GUARDED_BY(lk_save);    /* oldest first */
	size_t n, cap                   GUARDED_BY(lk_save);
	_Atomic uint32_t files;         /* relaxed: statistics, as the next */
	_Atomic uint64_t bytes;
};

void reckeep_init(struct reckeep *k);
void reckeep_fini(struct reckeep *k);           /* no other thread uses it any more */

/* A file that has just been made, and is being written. One that cannot be noted is never deleted: ST_SYS,
 * ST_LIMIT. */
enum status reckeep_add(struct reckeep *k, const char *dir, const char *name, uint64_t ino)
	EXCLUDES(lk_save) NODISCARD;
/* It has so many bytes now; done: it is written no more. bytes 0 and done: it is gone. */
void reckeep_note(struct reckeep *k, const char *name, uint64_t bytes, bool done) EXCLUDES(lk_save);
/* Delete the oldest until there are no more files, and bytes, than these; 0 = no limit. What is being written
 * stays. Returns how many went. */
size_t reckeep_sweep(struct reckeep *k, uint32_t files, uint64_t bytes) EXCLUDES(lk_save);

#endif
