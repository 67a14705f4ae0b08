/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that are there whole or not at all. */
#ifndef CORE_SYS_FILE_H
#define CORE_SYS_FILE_H

#include <sys/types.h>

#include "core/sys/bytes.h"
#include "core/sys/status.h"

/* Replace path by n bytes: unique temporary beside it (mode), write, fsync, rename, fsync of the
 * folder. A symbolic link is followed. On any failure the old file is untouched and the temporary
 * is gone.
 * returns  ST_OK, ST_SYS */
enum status file_replace(const char *path, const void *p, size_t n, mode_t mode) NODISCARD;

/* The file a path names once its last part is no symbolic link; it need not be there.
 * returns  ST_OK, ST_SYS (ELOOP, ENAMETOOLONG ...) */
enum status file_follow(char *dst, size_t cap, const char *path) NODISCARD;

/* Take away what file_replace() of this path left when a process was killed in it. Only while nobody else may
 * be replacing it. */
void file_sweep(const char *path);

/* Append a regular file of at most out->max bytes to out.
 * returns  ST_OK, ST_SYS (ENOENT ...), ST_LIMIT (too long) */
enum status file_read(const char *path, struct buf *out) NODISCARD;

/* Open a regular file for reading that lies below the folder dir, wherever links on the way lead; what
 * else is there is not touched. path: from the root, or from dir.
 * returns  ST_OK with *fd; ST_PROTO (it lies elsewhere), ST_SYS (ENOENT ..., EINVAL: not a regular file) */
enum status file_open_below(int *fd, const char *dir, const char *path) NODISCARD;

/* Write all of it (EINTR and short counts handled). */
enum status file_write_all(int fd, const void *p, size_t n) NODISCARD;

/* Create a folder and its parents, 0700. */
enum status file_mkdirs(const char *path) NODISCARD;

/* The path of a file in the folder of another; heap text, NULL when out of memory. */
char *file_beside(const char *path, const char *name) NODISCARD;

#endif
