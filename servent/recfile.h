/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One file of a recording: made anew, never opened again, written at its end.
 *
 * It has its final name from the start: what is in it can be played whenever the process dies. What was
 * written is on the disk RECFILE_SYNC later, and once it is closed.
 *
 * Every function waits for the disk. With ST_SYS errno tells more.
 */
#ifndef SERVENT_RECFILE_H
#define SERVENT_RECFILE_H

#include <stdint.h>

#include "core/node/recname.h"
#include "core/sys/clk.h"
#include "core/sys/status.h"

#define RECFILE_SYNC (10 * NSEC_PER_SEC)
#define RECFILE_LOOK NSEC_PER_SEC               /* between two looks at the disk */
#define RECFILE_STEP ((uint64_t)4 << 20)        /* or after so many bytes, fewer the fuller it is, down to */
#define RECFILE_STEP_MIN 65536

struct recfile {
	int fd, dir;
	char name[RECNAME];
	uint64_t ino;
	uint64_t bytes, looked, synced;         /* of them, at the last look, on the disk */
	uint64_t step;                          /* bytes to the next look */
	nsec look_at, sync_at;                  /* sync_at: NSEC_NEVER = everything is on the disk */
};

/* Bytes that are free for us on the disk of a folder. ST_OK, ST_SYS */
enum status recfile_room(const char *dir, uint64_t *room) NODISCARD;

/* Make a file in the folder dir; the names are those of recname_file(). ST_OK, ST_SYS */
enum status recfile_open(struct recfile *f, const char *dir, const char *base, uint32_t part, const char *ext)
	NODISCARD;
enum status recfile_write(struct recfile *f, const void *p, size_t n) NODISCARD;

/* What is due. `room` bytes are to stay free.
 * returns  ST_OK; ST_LIMIT (fewer are), ST_EOF (somebody has deleted the file), ST_SYS */
enum status recfile_look(struct recfile *f, uint64_t room, nsec now) NODISCARD;
/* Everything that was written is on the disk. ST_OK, ST_SYS */
enum status recfile_sync(struct recfile *f) NODISCARD;
/* Cut it to so many bytes. ST_OK, ST_SYS */
enum status recfile_cut(struct recfile *f, uint64_t bytes) NODISCARD;
/* Close it. ST_OK, ST_SYS (the last bytes may not be on the disk) */
enum status recfile_close(struct recfile *f) NODISCARD;
/* Close it and take it away: there is nothing in it. */
void recfile_discard(struct recfile *f);

#endif
