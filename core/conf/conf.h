/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node's current settings, shared by all threads, and their file.
 *
 * Readers take a counted snapshot and look at it as long as they like; a change makes a new one. A
 * change is published at once and written to the file later: the housekeeper saves CONF_SAVE_AFTER
 * after the first change that is not in the file (conf_dirty_since()), the end of the node saves
 * the rest. A failed write leaves the old file as it was, is logged once, and is tried again.
 *
 * lock     lk_conf guards the pointer to the current snapshot; held for a few instructions.
 *          lk_save lets one thread at a time write the file; the only lock with I/O under it.
 * source   node.md 2.9
 */
#ifndef CORE_CONF_CONF_H
#define CORE_CONF_CONF_H

#include "core/conf/settings.h"
#include "core/sys/cc.h"
#include "core/sys/clk.h"
#include "core/sys/lock.h"
#include "core/sys/status.h"

#define CONF_SAVE_AFTER (5 * NSEC_PER_SEC)
#define CONF_WARN_MAX   100     /* faults of one file that get a line of their own in the log */

struct conf;

/* Load path, or make it with the defaults; faults of the file go to the log with their lines. The
 * node's first call. path is copied; NULL = defaults without a file (tests).
 * returns  ST_OK, ST_LIMIT, ST_SYS (there, but unreadable) */
enum status conf_open(struct conf **out, const char *path) NODISCARD EXCLUDES(lk_conf);
/* Takes a draft instead of loading, and no file: for tests of other rooms. Takes the draft, also on
 * failure. */
enum status conf_of(struct conf **out, struct settings *draft) NODISCARD EXCLUDES(lk_conf);
/* Does not save. No other thread uses it any more. */
void conf_free(struct conf **c) EXCLUDES(lk_conf);

/* Have the log take the form and the limits that these settings give it. */
void conf_set_log(const struct settings *st);

/* NULL when there is no file. */
const char *conf_path(const struct conf *c);

/* The current settings, referenced: give back with settings_unref(). Never NULL. */
const struct settings *conf_get(struct conf *c) EXCLUDES(lk_conf);

/* Change settings: fn edits a draft, a copy of the current ones, which is published when it returns
 * ST_OK and thrown away otherwise, or when it says what the current ones say. No lock is held while
 * fn runs; when somebody else published meanwhile it runs again on a fresh draft, so it must depend
 * on nothing it changed itself.
 * returns  fn's status, ST_LIMIT (no memory) */
typedef enum status conf_edit(struct settings *draft, void *ctx);
enum status conf_update(struct conf *c, conf_edit *fn, void *ctx) NODISCARD EXCLUDES(lk_conf);

/* One key, as settings_set(). */
enum status conf_set(struct conf *c, const char *key, const char *text, char *why)
	NODISCARD EXCLUDES(lk_conf);

/* Have fn called after each change (also by conf_reload()), on the thread that made it, with no
 * lock of this module held: to wake who must act on one. One watcher; set it before other threads
 * use conf. */
typedef void conf_changed(void *ctx);
void conf_watch(struct conf *c, conf_changed *fn, void *ctx);

/* Since when there are changes that are not in the file; NSEC_NEVER when there are none. After a
 * failed write: since that. */
nsec conf_dirty_since(struct conf *c) EXCLUDES(lk_conf);

/* Write the file if there are changes. Blocks on the disk.
 * returns  ST_OK (also when there was nothing to do), ST_LIMIT, ST_SYS */
enum status conf_save(struct conf *c) NODISCARD EXCLUDES(lk_save, lk_conf);

/* How often writing failed, for the statistics. */
uint32_t conf_save_failures(struct conf *c) EXCLUDES(lk_conf);

/* Read the file again (SIGHUP). What was changed since the last save stays, and wants to be saved, but for
 * what the operator has changed as well: there the file counts.
 * A file without a usable broadcastID keeps the present one.
 * returns  as settings_read(); on failure the old settings stay */
enum status conf_reload(struct conf *c) NODISCARD EXCLUDES(lk_save, lk_conf);

#endif
