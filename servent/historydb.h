/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file behind a root's history: SQLite, one writer.
 *
 *	channel  one row for each name ever seen; statistics are kept by name, as ids change with
 *	         every broadcast
 *	info     the texts of a channel, a row for each change
 *	sample   counts of one minute
 *
 * No locks: it belongs to the thread that opened it, and every call may block on the disk. A failed
 * call says so and changes nothing; historydb_error() tells why. A file that is no database, or a
 * broken one, is renamed away by historydb_open() and begun anew.
 *
 * Only there when built with SQLite (HAVE_SQLITE).
 * source   yp.md 3.5; settings.md (historyDays, decision 10)
 */
#ifndef SERVENT_HISTORYDB_H
#define SERVENT_HISTORYDB_H

#include "core/node/history.h"
#include "core/sys/status.h"

struct historydb;

/* ST_OK, ST_LIMIT (memory), ST_SYS (see historydb_error(); *db is NULL then). why has room for a
 * line about it, also with ST_OK when an old file was put aside; "" = nothing to tell. */
#define HISTORYDB_WHY 256
enum status historydb_open(struct historydb **db, const char *path, char why[HISTORYDB_WHY]) NODISCARD;
void historydb_close(struct historydb **db);
const char *historydb_error(const struct historydb *db);

/* The file never grows beyond so many pages (4 KiB each), HISTORYDB_PAGES from the start: what would
 * make it longer fails as on a full disk. ST_OK, ST_SYS. */
#define HISTORYDB_PAGES 1000000u
enum status historydb_limit(struct historydb *db, uint32_t pages) NODISCARD;

/* The counts of one channel in one minute. */
struct history_sample {
	struct chaninfo *info;          /* borrowed; its name is the key */
	int32_t listeners, relays;      /* -1 = hidden */
	uint32_t age_s;
};

/* One minute: all of it or nothing. Of several samples of one name in it, the one with the most listeners
 * counts.
 * at_s     rounded down to a whole minute
 * returns  ST_OK, ST_LIMIT (memory), ST_SYS (disk full, broken ...) */
enum status historydb_put(struct historydb *db, int64_t at_s, const struct history_sample *s, size_t n)
	NODISCARD;

/* Forget what is older. ST_OK, ST_SYS. */
enum status historydb_prune(struct historydb *db, int64_t before_s) NODISCARD;

/* Rows with from_s <= at < to_s, HISTORY_ROWS at most, and the days that have any.
 * returns  ST_OK (out may be empty), ST_LIMIT, ST_SYS */
enum status historydb_get(struct historydb *db, const char *name, int64_t from_s, int64_t to_s,
	struct history *out) NODISCARD;

#endif
