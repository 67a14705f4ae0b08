/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files this node has recorded, so that the oldest can be deleted: those, and no others.
 *
 * The list is in the folder of the recordings, in `.recordings`: a line for each file, `<inode> <name>`,
 * oldest first. A file that was renamed, or that another one has taken the place of, is not ours any more.
 *
 * A folder is known by its device and inode, whatever it is called, as long as something is written there or
 * it is the one that recordings go to; the oldest are deleted only from that one.
 *
 * lock     lk_app, a mutex of its own, a leaf: never over a call to the disk. Who reads, writes or deletes in
 *          a folder has the turn of it meanwhile, so that one that hangs stops nothing elsewhere.
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

struct reckeep_dir;

struct reckeep {
	struct mtx mtx;                                         /* lk_app */
	struct cond cond;                                       /* a turn has ended */
	struct reckeep_dir *dirs        GUARDED_BY(lk_app);
	struct reckeep_dir *now         GUARDED_BY(lk_app);     /* where recordings go; NULL = none yet */
	_Atomic uint32_t files;         /* in that; relaxed: statistics, as the next */
	_Atomic uint64_t bytes;
};

void reckeep_init(struct reckeep *k);
void reckeep_fini(struct reckeep *k);           /* no other thread uses it any more */

/* A file that has just been made in the folder dir, and is being written. *out: the folder, valid until the
 * file is done. One that cannot be noted is never deleted: ST_SYS, ST_LIMIT, ST_PROTO (the list is no file),
 * ST_TIMEOUT (others are at work there). */
enum status reckeep_add(struct reckeep *k, const char *dir, const char *name, uint64_t ino,
	struct reckeep_dir **out) EXCLUDES(lk_app) NODISCARD;
/* It has so many bytes now; done: it is written no more. bytes 0 and done: it is gone. */
void reckeep_note(struct reckeep *k, struct reckeep_dir *d, uint64_t ino, uint64_t bytes, bool done)
	EXCLUDES(lk_app);
/* Delete the oldest until there are no more files, and bytes, than these; 0 = no limit. What is being written
 * stays, and all of a folder that recordings go to no more. The caller has a file in d that is not done.
 * Returns how many went. */
size_t reckeep_sweep(struct reckeep *k, struct reckeep_dir *d, uint32_t files, uint64_t bytes)
	EXCLUDES(lk_app);

#endif
